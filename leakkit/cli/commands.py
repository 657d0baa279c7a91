"""The commands `check`, `init`, `explain`, `lab`, `app` and `sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakkit.cli.endings import SET_ASIDE, TO_FILL, ask_at_once, save
from leakkit.cli.options import (  # noqa: TC001 - typer reads them when a command runs
    ConfigFile,
    Folders,
    LastDay,
)
from leakkit.errors import LeakkitError, visible

if TYPE_CHECKING:
    from leakkit.sources.databases.addresses import Address

# ---------------- sources
# The commands `check`, `init` and `explain`: what a source holds, and how it is read.


def check(
    source: Annotated[str, typer.Argument(help="The source, as for report.")],
    *,
    config: ConfigFile = "",
    as_of: LastDay = "",
    allow: Folders = None,
    csv: Annotated[str, typer.Option(help="Write all faults into this file.")] = "",
) -> None:
    """Say what was recognised in a source and why, and every fault with row and column.

    And of every pipeline: what its data are, and how far its headline could move if the
    rows in doubt were wrong.

    Exit code 0: every row can be used; 1: rows were set aside; 2: the source cannot be used.
    """
    from leakkit.loading import find_source
    from leakkit.sources.check import check_source, faults_csv

    with ask_at_once(source, config, allow or ()):
        named = find_source(source, config or None)
        store, facts = check_source(*named, as_of=as_of, allow=allow or ())
    # what is not needed to refuse a source is loaded once it is read
    from leakkit.analysis import outline
    from leakkit.terminal import say_check

    with store:
        lines = say_check(facts, outline(store))
    for line in lines:
        typer.echo(visible(line))
    if csv:
        save(Path(csv), faults_csv(facts.faults))
        typer.echo(f"{len(facts.faults)} faults in {csv}")
    if facts.set_aside:
        raise typer.Exit(SET_ASIDE)


def init(
    source: Annotated[
        str, typer.Argument(help="The folder or the file of an export, or a database.")
    ],
    *,
    out: Annotated[
        str, typer.Option(help="The file to write; by default leakkit.toml beside the source.")
    ] = "",
    allow: Folders = None,
) -> None:
    """Write a leakkit.toml as found in a source, each line commented for you to confirm.

    Where the source cannot be read yet, the lines that decide are there to fill in, with
    every heading of every file. With --out, what that file says already is kept, or else
    what the leakkit.toml beside the source says; only comments are lost. Without it, a
    file that is there is not written over.

    Exit code 0: written, and the source can be read with it; 1: written, and lines have to
    be filled in first, or the source itself be mended; 2: nothing was written.
    """
    from leakkit.sources.propose.trials import propose_config, read_declared

    place, near = _find_place(source)
    usual = near / "leakkit.toml"
    file = Path(out) if out else usual
    if file.exists() and not out:
        message = (
            f"There is a {file} already. To have it completed, name it with --out: what it "
            "says is kept, but for comments. Or name another file, or remove it first."
        )
        raise LeakkitError("file_exists", message)
    known = next((read_declared(one) for one in (file, usual) if one.is_file()), {})
    found = propose_config(place, known, allow or ())
    save(file, found.text)
    other = f" --config {file}" if out else ""
    if found.stopped:
        typer.echo(visible(f"Written: {file}. The source cannot be read as it is: {found.stopped}"))
    if found.to_fill:
        lines = ", ".join(map(str, found.to_fill))
        typer.echo(f"Written: {file}. Fill in its lines {lines} first.")
    if found.stopped or found.to_fill:
        raise typer.Exit(TO_FILL)
    typer.echo(f"Written: {file}. Look it over, then: leakkit report {place}{other}")


def _find_place(source: str) -> tuple[Path | Address, Path]:
    """Return where a source is, and the folder near it; raise where there is none."""
    from leakkit.sources.databases.addresses import Address, address_of

    place = address_of(source)
    if isinstance(place, Address):
        return place, place.folder
    file = Path(source)
    if not file.exists():
        message = f"There is no file or folder {file}."
        raise LeakkitError("no_source", message)
    return file, file if file.is_dir() else file.parent


def explain(
    opportunity: Annotated[str, typer.Argument(help="The id of one deal.")],
    source: Annotated[
        str, typer.Argument(help="The source, as for report; by default the built-in sample.")
    ] = "sample",
    *,
    config: ConfigFile = "",
    as_of: LastDay = "",
    allow: Folders = None,
) -> None:
    """Say what became of every row of one deal, and in which numbers it was counted."""
    from leakkit import explaining

    found = explaining.explain(source, opportunity, config or None, as_of=as_of, allow=allow or ())
    typer.echo(explaining.as_text(found))


# ---------------- notebooks
# The commands `lab` and `app`: notebooks of your own, to work in or to serve.


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
    config: ConfigFile = "",
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
    from leakkit.report import notebooks

    options = list(context.args)
    if source.startswith("-"):
        # typer gives the first word behind -- to the argument
        source, options = "", [source, *options]
    if config and not source:
        message = "A configuration is of a source: name it, as in leakkit lab exports/crm --config"
        raise typer.BadParameter(message)
    _copy_notebooks(folder, source, config)
    if not copy_only:
        command = notebooks.lab_command(folder, port=port, browser=browser, options=options)
        raise typer.Exit(notebooks.run_in_place(command))


def serve(
    source: Annotated[str, typer.Argument(help="The source, as for report.")],
    *,
    folder: Annotated[Path, typer.Option(help="The folder of the notebooks, as for lab.")] = Path(
        "leakkit-notebooks"
    ),
    config: ConfigFile = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the app.")] = 8866,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or only say where.")
    ] = True,
) -> None:
    """Serve the notebooks without their code, for somebody at this machine.

    Each visitor has a bar of filters, and pictures that follow it. The server hears this machine
    only. It needs Voila: pip install 'leakkit[app]'.
    """
    from leakkit.report import notebooks

    command = notebooks.app_command(folder, port=port, browser=browser)
    _copy_notebooks(folder, source, config)
    raise typer.Exit(notebooks.run_in_place(command))


def _copy_notebooks(folder: Path, source: str, config: str) -> None:
    """Copy the notebooks that are not there, fill the source in, and say what was done."""
    from leakkit.report import notebooks

    given = notebooks.find_parameters(source, config) if source else {}
    for name in notebooks.copy_notebooks(folder):
        typer.echo(f"New: {folder / name}")
    changed, odd = notebooks.fill_in(folder, given) if given else ([], [])
    for name in changed:
        typer.echo(visible(f"Of {given['source']}: {folder / name}"))
    for name in odd:
        typer.echo(f"Not changed, it has no lines source and config: {folder / name}", err=True)


# ---------------- sampling
# The command `sample`: the built-in sample as files.


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
