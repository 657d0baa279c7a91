"""The command `leakkit`: report and sample."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from leakkit.errors import LeakkitError
from leakkit.version import __version__

if TYPE_CHECKING:
    from leakkit.report import RunResult

FAILED_PAGES, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find where a sales pipeline leaks, why, and what it costs.",
)


def main() -> None:
    """Run the command; faults of the input end it with code 2 and one clear message."""
    try:
        app()
    except LeakkitError as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(
            f"leakkit: {error}"
        )
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


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


@app.command(epilog="Example: leakkit report exports/crm --out reports")
def report(  # noqa: PLR0913 - a command has as many options as it has
    source: Annotated[
        str,
        typer.Argument(
            help="A folder with opportunities and stage_history, an event file, a store, "
            "or the word 'sample'."
        ),
    ],
    *,
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
    timeout: Annotated[
        int, typer.Option(help="Seconds that one cell of a notebook may take.")
    ] = 600,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but faults.")] = False,
) -> None:
    """Make one offline page per pipeline: where it leaks, and how sure that is.

    Exit code 0: all pages made; 1: some failed, the others are there; 2: the source or
    the configuration cannot be used; 130: interrupted.
    """
    from leakkit.report import run

    console = Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True)
    with _bar(console) as bar:
        task = bar.add_task("starting", total=None)

        def show(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total or None)
            if doing and not console.is_terminal:
                console.print(f"{done + 1} of {total}: {doing}" if total else doing)

        result = run(
            source, out, config or None, pipelines=pipeline or (), as_of=as_of,
            language=language, store=store, timeout_seconds=timeout, progress=show,
        )  # fmt: skip
    _tell(console, result)
    if result.failed:
        raise typer.Exit(FAILED_PAGES)


def _bar(console: Console) -> Progress:
    """Return the progress of a run: what is being done, and how many pages are done."""
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
        MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
    )  # fmt: skip


def _tell(console: Console, result: RunResult) -> None:
    """Print what became of the rows, what was odd, what failed, and where the pages are."""
    for counted in result.rows:
        parts = " + ".join(
            f"{counted[k]:,} {k.replace('_', ' ')}"
            for k in ("used", "merged", "not_asked", "set_aside")
        )
        console.print(f"{counted['file']}: {counted['read']:,} rows read = {parts}")
    for code, count in result.facts.items():
        console.print(f"  {count:,} {code.replace('_', ' ')}")
    if result.ignored_files:
        console.print(f"Other files in the folder, not read: {', '.join(result.ignored_files)}")
    for page in result.failed:
        console.print(f"FAILED {page.pipeline}: {page.failed}")
    good = len(result.pages) - len(result.failed)
    console.print(f"{good} of {len(result.pages)} pages made: {result.index}")


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
