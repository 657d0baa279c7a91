"""The command `leakkit`: report, deck, check, init, explain, lab, app and sample."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from leakkit.errors import HALF_EXPORT, LeakkitError, visible
from leakkit.report.results import NOT_ASKED, log_line, new_run
from leakkit.report.unchanged import Request
from leakkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FAILED_PAGES, BAD_INPUT, FOUND, OWN_FAULT, INTERRUPTED = 1, 2, 3, 4, 130
SET_ASIDE = TO_FILL = 1

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find where a sales pipeline leaks, why, and what it costs.",
)


def main() -> None:
    """Run the command; faults of the input end it with code 2 and one clear message."""
    # without a home it says where it keeps its caches, to whoever reads the mail of timed jobs
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        with stopped_like_ctrl_c():
            app()
    except LeakkitError as error:
        _refuse(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - exit code 1, which Python would give, means something else
        from leakkit.sources.formats.unpacking import lack_of_room

        if full := lack_of_room(error):
            _refuse(full)
        traceback.print_exc()
        typer.echo("leakkit: this is a fault of leakkit itself, please report it.", err=True)
        sys.exit(OWN_FAULT)


def _refuse(error: LeakkitError) -> NoReturn:
    """Say what is wrong, and end with the code for it."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(visible(f"leakkit: {error}"))
    sys.exit(FAILED_PAGES if error.code == HALF_EXPORT else BAD_INPUT)


@contextmanager
def _ask_at_once(source: str, config: str, allow: Sequence[Path]) -> Iterator[None]:
    """Let an error about a source name all lines that are missing, and not the first kind only."""
    try:
        yield
    except LeakkitError as error:
        if not error.asks or not Path(source).exists():
            raise
        from leakkit.config import Config
        from leakkit.sources.configuration import find_configuration
        from leakkit.sources.propose.trying import all_at_once

        known = config or find_configuration(Path(source))
        rules = known if isinstance(known, Config) else Config.read(known) if known else Config()
        raise all_at_once(error, Path(source), rules, allow) from None


def _save(path: Path, text: str) -> None:
    """Write a file that a command was asked for."""
    from leakkit.report.folder import write_text

    try:
        write_text(path, text)
    except OSError as error:
        message = f"Cannot write {path}: {error.strerror or error}."
        raise LeakkitError("file_not_writable", message) from None


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's callback
    """Print the version and stop."""
    if asked:
        typer.echo(f"leakkit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options of the command itself."""


class Engine(StrEnum):
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


@app.command(epilog="Example: leakkit report exports/crm --out reports --jobs 2")
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
    config: Annotated[
        str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
    ] = "",
    pipeline: Annotated[
        list[str] | None, typer.Option(help="Make the page of this pipeline only; may be repeated.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="The last day to use, such as 2026-06-30.")] = "",
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
    allow: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder of files that the configuration names; repeatable."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="How notebooks start: from a warm process (Linux), or anew.")
    ] = Engine.FORK,
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
    from leakkit.report.news import as_json, is_new
    from leakkit.terminal import describe_unchanged, voice

    asked = _ask_at_once(source, config, allow or ())
    with _tell_refusal(summary), voice(log, quiet=quiet) as say, asked:
        result = run(
            source or "sample", out, config or None, pipelines=pipeline or (), as_of=as_of,
            language=language, store=store, jobs=jobs, force=force, timeout_seconds=timeout,
            engine=engine, anonymise=anonymise, allow=allow or (), deck=deck, pdf=pdf,
            paper=paper, max_drop=max_drop, min_rows=min_rows, progress=say.event,
        )  # fmt: skip
        say.result(result)
    if summary and result.analysis is not None:
        _save(Path(summary), as_json(result.analysis, result.news, result.removed))
    if result.failed or result.trouble or result.not_printed:
        raise typer.Exit(FAILED_PAGES)
    if digest and not any(page.stale for page in result.pages if page.state != NOT_ASKED):
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
        _save(Path(summary), said["summary"])
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
            _save(Path(summary), refusal_as_json(error))
        raise


@app.command(epilog="Example: leakkit deck exports/crm --out monday.pptx")
def deck(  # noqa: PLR0913 - a command has as many options as it has
    source: Annotated[str, typer.Argument(help="The source, as for report.")],
    *,
    out: Annotated[Path, typer.Option(help="The PowerPoint file to write.")] = Path("deck.pptx"),
    template: Annotated[
        str, typer.Option(help="A .pptx whose master, layouts, fonts and colours are used.")
    ] = "",
    config: Annotated[
        str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
    ] = "",
    pipeline: Annotated[
        list[str] | None, typer.Option(help="Slides of this pipeline only; may be repeated.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="The last day to use, such as 2026-06-30.")] = "",
    language: Annotated[str, typer.Option(help="The language of the slides.")] = "",
    anonymise: Annotated[
        str, typer.Option(metavar="KEYFILE", help="Pseudonyms for names, as for report.")
    ] = "",
    allow: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder of files that the configuration names; repeatable."),
    ] = None,
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


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """Let a request to end, as a service manager makes it, stop the command as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command(epilog="Example: leakkit check exports/crm --csv faults.csv")
def check(
    source: Annotated[str, typer.Argument(help="The source, as for report.")],
    *,
    config: Annotated[
        str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
    ] = "",
    as_of: Annotated[str, typer.Option(help="The last day to use, such as 2026-06-30.")] = "",
    allow: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder of files that the configuration names; repeatable."),
    ] = None,
    csv: Annotated[str, typer.Option(help="Write all faults into this file.")] = "",
) -> None:
    """Say what was recognised in a source and why, and every fault with row and column.

    And of every pipeline: what its data are, and how far its headline could move if the
    rows in doubt were wrong.

    Exit code 0: every row can be used; 1: rows were set aside; 2: the source cannot be used.
    """
    from leakkit.loading import find_source as found_source
    from leakkit.sources.check import check_source, faults_csv

    with _ask_at_once(source, config, allow or ()):
        named = found_source(source, config or None)
        store, facts = check_source(*named, as_of=as_of, allow=allow or ())
    # what is not needed to refuse a source is loaded once it is read
    from leakkit.analysis import outline
    from leakkit.terminal import say_check as said

    with store:
        lines = said(facts, outline(store))
    for line in lines:
        typer.echo(visible(line))
    if csv:
        _save(Path(csv), faults_csv(facts.faults))
        typer.echo(f"{len(facts.faults)} faults in {csv}")
    if facts.set_aside:
        raise typer.Exit(SET_ASIDE)


@app.command(epilog="Example: leakkit init exports/crm")
def init(
    source: Annotated[
        str, typer.Argument(help="The folder or the file of an export, or a database.")
    ],
    *,
    out: Annotated[
        str, typer.Option(help="The file to write; by default leakkit.toml beside the source.")
    ] = "",
    allow: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder of files that the configuration names; repeatable."),
    ] = None,
) -> None:
    """Write a leakkit.toml as found in a source, each line commented for you to confirm.

    Where the source cannot be read yet, the lines that decide are there to fill in, with
    every heading of every file. With --out, what that file says already is kept, or else
    what the leakkit.toml beside the source says; only comments are lost. Without it, a
    file that is there is not written over.

    Exit code 0: written, and the source can be read with it; 1: written, and lines have to
    be filled in first, or the source itself be mended; 2: nothing was written.
    """
    from leakkit.sources.databases.addresses import Address, address_of
    from leakkit.sources.propose.declared import read_declared
    from leakkit.sources.propose.writing import propose_config

    place = address_of(source)
    if isinstance(place, Address):
        near = place.folder
    else:
        place = Path(source)
        if not place.exists():
            message = f"There is no file or folder {place}."
            raise LeakkitError("no_source", message)
        near = place if place.is_dir() else place.parent
    beside = near / "leakkit.toml"
    file = Path(out) if out else beside
    if file.exists() and not out:
        message = (
            f"There is a {file} already. To have it completed, name it with --out: what it "
            "says is kept, but for comments. Or name another file, or remove it first."
        )
        raise LeakkitError("file_exists", message)
    known = next((read_declared(one) for one in (file, beside) if one.is_file()), {})
    found = propose_config(place, known, allow or ())
    _save(file, found.text)
    other = f" --config {file}" if out else ""
    if found.stopped:
        typer.echo(visible(f"Written: {file}. The source cannot be read as it is: {found.stopped}"))
    if found.to_fill:
        lines = ", ".join(map(str, found.to_fill))
        typer.echo(f"Written: {file}. Fill in its lines {lines} first.")
    if found.stopped or found.to_fill:
        raise typer.Exit(TO_FILL)
    typer.echo(f"Written: {file}. Look it over, then: leakkit report {place}{other}")


@app.command(epilog="Example: leakkit explain D-004711 exports/crm")
def explain(
    opportunity: Annotated[str, typer.Argument(help="The id of one deal.")],
    source: Annotated[
        str, typer.Argument(help="The source, as for report; by default the built-in sample.")
    ] = "sample",
    *,
    config: Annotated[
        str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
    ] = "",
    as_of: Annotated[str, typer.Option(help="The last day to use, such as 2026-06-30.")] = "",
    allow: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder of files that the configuration names; repeatable."),
    ] = None,
) -> None:
    """Say what became of every row of one deal, and in which numbers it was counted."""
    from leakkit import explaining

    found = explaining.explain(source, opportunity, config or None, as_of=as_of, allow=allow or ())
    typer.echo(explaining.as_text(found))


@app.command(
    epilog="Example: leakkit lab exports/crm --port 9000 --no-browser",
    context_settings={"allow_extra_args": True},
)
def lab(  # noqa: PLR0913 - a command has as many options as it has
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SOURCE]",
            help="The source, as for report, that the notebooks are to be of; without one "
            "they stay as they are, and new ones are of the sample.",
        ),
    ] = "",
    *,
    folder: Annotated[Path, typer.Option(help="The folder of your own copies.")] = Path(
        "leakkit-notebooks"
    ),
    config: Annotated[
        str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
    ] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of JupyterLab; 0: one that is free.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or only say where.")
    ] = True,
    copy_only: Annotated[
        bool, typer.Option("--copy-only", help="Copy the notebooks, and do not open JupyterLab.")
    ] = False,
) -> None:
    """Open JupyterLab on your own copies of the notebooks, with the source filled in.

    A notebook that is in the folder already stays as it is, but for the lines that name the
    source and the configuration. What stands behind -- is for JupyterLab.
    """
    from leakkit.report import opening

    options = list(context.args)
    if source.startswith("-"):
        # typer gives the first word behind -- to the argument
        source, options = "", [source, *options]
    if config and not source:
        message = "A configuration is of a source: name it, as in leakkit lab exports/crm --config"
        raise typer.BadParameter(message)
    _copy_notebooks(folder, source, config)
    if not copy_only:
        command = opening.lab_command(folder, port=port, browser=browser, options=options)
        raise typer.Exit(opening.run_in_place(command))


@app.command("app", epilog="Example: leakkit app exports/crm --port 9000")
def serve(
    source: Annotated[str, typer.Argument(help="The source, as for report.")],
    *,
    folder: Annotated[Path, typer.Option(help="The folder of the notebooks, as for lab.")] = Path(
        "leakkit-notebooks"
    ),
    config: Annotated[
        str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
    ] = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the app.")] = 8866,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or only say where.")
    ] = True,
) -> None:
    """Serve the notebooks without their code, for somebody at this machine.

    Each visitor has a bar of filters, and pictures that follow it. The server hears this machine
    only. It needs Voila: pip install 'leakkit[app]'.
    """
    from leakkit.report import opening

    command = opening.app_command(folder, port=port, browser=browser)
    _copy_notebooks(folder, source, config)
    raise typer.Exit(opening.run_in_place(command))


def _copy_notebooks(folder: Path, source: str, config: str) -> None:
    """Copy the notebooks that are not there, fill the source in, and say what was done."""
    from leakkit.report import books, opening

    given = opening.find_parameters(source, config) if source else {}
    for name in books.copy(folder):
        typer.echo(f"New: {folder / name}")
    changed, odd = opening.fill_in(folder, given) if given else ([], [])
    for name in changed:
        typer.echo(visible(f"Of {given['source']}: {folder / name}"))
    for name in odd:
        typer.echo(f"Not changed, it has no lines source and config: {folder / name}", err=True)


@app.command(epilog="Example: leakkit sample my-sample")
def sample(
    folder: Annotated[Path, typer.Argument(help="The folder to write the files into.")],
    opportunities: Annotated[int, typer.Option(help="How many opportunities.", min=1)] = 12_000,
    seed: Annotated[int, typer.Option(help="The seed of the simulation.")] = 20_260_630,
) -> None:
    """Write the built-in sample: an industrial seller with four pipelines and known leaks.

    It writes opportunities.csv, stage_history.csv, leakkit.toml and truth.json.
    """
    from leakkit.sample import write

    made = write(folder, opportunities, seed=seed)
    rows = f"{len(made.opportunities):,} opportunities and {len(made.stage_history):,} history rows"
    typer.echo(f"{rows} in {folder}")


if __name__ == "__main__":
    main()
