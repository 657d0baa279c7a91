"""The commands `report` and `deck`: a source into pages and slides."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leakkit.cli import options  # noqa: TC001 - typer reads them when a command runs
from leakkit.cli.endings import FAILED_PAGES, FOUND, ask_at_once, save
from leakkit.cli.options import KernelEngine, LogForm, Paper
from leakkit.errors import LeakkitError, visible
from leakkit.report.run_results import NOT_ASKED, log_line, new_run
from leakkit.report.unchanged import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from leakkit.report.run_results import RunResult


def report(  # noqa: PLR0913 - a command has as many options as it has
    source: options.Source = "",
    *,
    sample: options.Sample = False,
    out: options.PagesFolder = Path("reports"),
    config: options.ConfigFile = "",
    pipeline: options.Pages = None,
    as_of: options.LastDay = "",
    language: options.Language = "",
    store: options.StoreFile = "",
    jobs: options.Jobs = 0,
    force: options.Force = False,
    timeout: options.CellSeconds = 600,
    anonymise: options.KeyFile = "",
    allow: options.Folders = None,
    engine: options.Engine = KernelEngine.FORK,
    deck: options.WithDeck = False,
    pdf: options.WithPdf = False,
    paper: options.PaperSize = Paper.A4,
    fail_on: options.FailingSeverity = None,
    summary: options.SummaryFile = "",
    max_drop: options.MostDropped = None,
    min_rows: options.FewestRows = 0,
    quiet: options.Quiet = False,
    log: options.Log = LogForm.TEXT,
) -> None:
    """Make one offline page per pipeline: where it leaks, and how sure that is.

    Exit code 0: all pages are good; 1: some failed, the others are there, or the export is too
    small for --max-drop or --min-rows and all stay as they were; 2: the source,
    the configuration or the folder cannot be used; 3: all pages are good, but a finding
    reached --fail-on; 4: a fault of leakkit itself; 130: interrupted.
    """
    if bool(source) == sample:
        message = "Give either a SOURCE or --sample."
        raise typer.BadParameter(message)
    request = Request(
        source, str(out), config, store, anonymise, tuple(map(str, allow or ())),
        (*(pipeline or ()), as_of, language, str(deck), str(pdf), str(paper), str(max_drop),
         str(min_rows)),
    )  # fmt: skip
    digest = request.digest() if source else ""
    if not force and (said := request.find_unchanged(digest)):
        _say_unchanged(said, log, summary, fail_on or "", quiet=quiet)
        return
    from leakkit.report import run
    from leakkit.terminal import voice

    asked = ask_at_once(source, config, allow or ())
    with _tell_refusal(summary), voice(log, quiet=quiet) as say, asked:
        result = run(
            source or "sample", out, config or None, pipelines=pipeline or (), as_of=as_of,
            language=language, store=store, jobs=jobs, force=force, timeout_seconds=timeout,
            engine=engine, anonymise=anonymise, allow=allow or (), deck=deck, pdf=pdf,
            paper=paper, max_drop=max_drop, min_rows=min_rows, progress=say.event,
        )  # fmt: skip
        say.result(result)
    _end_run(result, request, digest, summary, fail_on or "")


def _end_run(result: RunResult, request: Request, digest: str, summary: str, fail_on: str) -> None:
    """Write what was asked for beside the pages, and end with the code of a run."""
    from leakkit.report.news import news_json
    from leakkit.terminal import describe_unchanged

    if summary and result.analysis is not None:
        save(Path(summary), news_json(result.analysis, result.news, result.removed))
    if result.failed or result.trouble or result.not_printed:
        raise typer.Exit(FAILED_PAGES)
    stale = any(page.stale for page in result.pages if page.state != NOT_ASKED)
    inputs = result.analysis.inputs if result.analysis is not None else ()
    # no hash tells of tables in Spark, whose address may stand in a file
    if digest and not stale and all(one.get("format") != "spark" for one in inputs):
        request.note(describe_unchanged(result), digest)
    if fail_on and _is_reached(result, fail_on):
        raise typer.Exit(FOUND)


def _is_reached(result: RunResult, fail_on: str) -> bool:
    """Say whether a finding is as grave as that; new- asks for new ones only."""
    from leakkit.findings import reaches_severity
    from leakkit.report.news import is_new

    severity = fail_on.removeprefix("new-")
    if severity != fail_on:
        return is_new(result.news, severity)
    return reaches_severity(result.findings, severity)


def _say_unchanged(
    said: Mapping[str, Any], log: str, summary: str, fail_on: str, *, quiet: bool
) -> None:
    """Say what a run that changes nothing has to say, and end as it would."""
    if log == LogForm.JSON:
        typer.echo(log_line(said["log"], new_run()))
    elif not quiet:
        typer.echo("\n".join(said["lines"]))
    if summary:
        save(Path(summary), said["summary"])
    if said["reached"].get(fail_on):
        raise typer.Exit(FOUND)


@contextmanager
def _tell_refusal(summary: str) -> Iterator[None]:
    """Write why nothing was made where a run is refused: else the file told of an earlier one."""
    from leakkit.report.news import refusal_as_json

    try:
        yield
    except LeakkitError as error:
        if summary:
            save(Path(summary), refusal_as_json(error))
        raise


def deck(  # noqa: PLR0913 - a command has as many options as it has
    source: Annotated[str, typer.Argument(help="The source, as for report.")],
    *,
    out: Annotated[Path, typer.Option(help="The PowerPoint file to write.")] = Path("deck.pptx"),
    template: Annotated[
        str, typer.Option(help="A .pptx whose master, layouts, fonts and colours are used.")
    ] = "",
    config: options.ConfigFile = "",
    pipeline: Annotated[
        list[str] | None, typer.Option(help="Slides of this pipeline only; may be repeated.")
    ] = None,
    as_of: options.LastDay = "",
    language: Annotated[str, typer.Option(help="The language of the slides.")] = "",
    anonymise: Annotated[
        str, typer.Option(metavar="KEYFILE", help="Pseudonyms for names, as for report.")
    ] = "",
    allow: options.Folders = None,
) -> None:
    """Write a PowerPoint deck that you can edit: about ten slides per pipeline.

    Titles are findings; texts, tables, charts and the pipe are native; the notes of each
    slide say out of what, how, and by which call. The same input gives the same bytes.
    """
    from leakkit.report.presenting import present

    made = present(
        source, out, config or None, pipelines=pipeline or (), as_of=as_of, language=language,
        template=template, anonymise=anonymise, allow=allow or (),
    )  # fmt: skip
    for line in made.said:
        typer.echo(visible(line), err=True)
    typer.echo(f"Written: {made.file}")
