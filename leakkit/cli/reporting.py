"""The commands `report` and `deck`: a source into pages and slides."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leakkit.cli.endings import FAILED_PAGES, FOUND, ask_at_once, save
from leakkit.cli.options import (  # noqa: TC001 - typer reads them when a command runs
    ConfigFile,
    Folders,
    LastDay,
)
from leakkit.errors import LeakkitError, visible
from leakkit.report.run_results import NOT_ASKED, log_line, new_run
from leakkit.report.unchanged import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class KernelEngine(StrEnum):
    """How the kernel of a notebook starts."""

    FORK = "fork"
    STOCK = "stock"


class FailOn(StrEnum):
    """The severity of a finding that ends a run with code 3."""

    ALARM = "alarm"
    WATCH = "watch"
    NEW_ALARM = "new-alarm"
    NEW_WATCH = "new-watch"


class Paper(StrEnum):
    """The paper that pages are printed on."""

    A4 = "a4"
    LETTER = "letter"


class LogForm(StrEnum):
    """How a run tells what it does."""

    TEXT = "text"
    JSON = "json"


def report(  # noqa: PLR0913 - a command has as many options as it has
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder with opportunities and stage_history, an event file, a database "
            "(postgresql://user@host/name), a store, or the word 'sample'.",
        ),
    ] = "",
    *,
    sample: Annotated[
        bool, typer.Option("--sample", help="Report on the built-in sample; needs no source.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The folder of the pages.")] = Path("reports"),
    config: ConfigFile = "",
    pipeline: Annotated[
        list[str] | None, typer.Option(help="Make the page of this pipeline only; may be repeated.")
    ] = None,
    as_of: LastDay = "",
    language: Annotated[str, typer.Option(help="The language of the pages.")] = "",
    store: Annotated[
        str, typer.Option(help="Keep the tables in this file, to start from later.")
    ] = "",
    jobs: Annotated[
        int,
        typer.Option(
            min=0, help="Notebooks that run at once; 0: one per processor and pipeline, up to 4."
        ),
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Make every page again, also those that did not change.")
    ] = False,
    timeout: Annotated[
        int, typer.Option(min=1, help="Seconds that one cell of a notebook may take.")
    ] = 600,
    anonymise: Annotated[
        str,
        typer.Option(
            metavar="KEYFILE",
            help="Replace owners, customers and names of deals by pseudonyms; this file is their "
            "key, made where there is none.",
        ),
    ] = "",
    allow: Folders = None,
    engine: Annotated[
        KernelEngine,
        typer.Option(help="How notebooks start: from a warm process (Linux), or anew."),
    ] = KernelEngine.FORK,
    deck: Annotated[
        bool, typer.Option("--deck", help="Also write PowerPoint decks, as the command deck does.")
    ] = False,
    pdf: Annotated[
        bool,
        typer.Option("--pdf", help="Also print every page to PDF, by a Chromium, Chrome or Edge."),
    ] = False,
    paper: Annotated[Paper, typer.Option(help="The paper of --pdf.")] = Paper.A4,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            help="End with code 3 where all is good but a finding is as grave as this; new- asks "
            "only for what the last run into the folder did not warn of."
        ),
    ] = None,
    summary: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Write what is new since the last run to this file, as JSON."
        ),
    ] = "",
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Keep the old pages, with code 1, where a pipeline lost more than this part of "
            "its deals since the last run, such as 0.3.",
        ),
    ] = None,
    min_rows: Annotated[
        int,
        typer.Option(
            min=0, help="Keep the old pages, with code 1, where fewer rows than this are used."
        ),
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but faults.")] = False,
    log: Annotated[
        LogForm, typer.Option(help="Text for people, or one JSON object per line for programs.")
    ] = LogForm.TEXT,
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
    from leakkit.findings import reaches_severity
    from leakkit.report import run
    from leakkit.report.news import is_new, news_json
    from leakkit.terminal import describe_unchanged, voice

    asked = ask_at_once(source, config, allow or ())
    with _tell_refusal(summary), voice(log, quiet=quiet) as say, asked:
        result = run(
            source or "sample", out, config or None, pipelines=pipeline or (), as_of=as_of,
            language=language, store=store, jobs=jobs, force=force, timeout_seconds=timeout,
            engine=engine, anonymise=anonymise, allow=allow or (), deck=deck, pdf=pdf,
            paper=paper, max_drop=max_drop, min_rows=min_rows, progress=say.event,
        )  # fmt: skip
        say.result(result)
    if summary and result.analysis is not None:
        save(Path(summary), news_json(result.analysis, result.news, result.removed))
    if result.failed or result.trouble or result.not_printed:
        raise typer.Exit(FAILED_PAGES)
    stale = any(page.stale for page in result.pages if page.state != NOT_ASKED)
    inputs = result.analysis.inputs if result.analysis is not None else ()
    # no hash tells of tables in Spark, whose address may stand in a file
    if digest and not stale and all(one.get("format") != "spark" for one in inputs):
        request.note(describe_unchanged(result), digest)
    severity = fail_on.removeprefix("new-") if fail_on else ""
    if fail_on and severity != fail_on and is_new(result.news, severity):
        raise typer.Exit(FOUND)
    if fail_on and severity == fail_on and reaches_severity(result.findings, severity):
        raise typer.Exit(FOUND)


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
    config: ConfigFile = "",
    pipeline: Annotated[
        list[str] | None, typer.Option(help="Slides of this pipeline only; may be repeated.")
    ] = None,
    as_of: LastDay = "",
    language: Annotated[str, typer.Option(help="The language of the slides.")] = "",
    anonymise: Annotated[
        str, typer.Option(metavar="KEYFILE", help="Pseudonyms for names, as for report.")
    ] = "",
    allow: Folders = None,
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
