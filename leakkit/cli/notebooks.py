"""The commands `lab` and `app`: notebooks of your own, to work in or to serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leakkit.errors import visible


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
