"""The command `leakkit`: report, deck, check, init, explain, lab, app and sample."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Annotated

import typer

from leakkit.cli.commands import check, explain, init, lab, sample, serve
from leakkit.cli.endings import FAILED_PAGES, INTERRUPTED, OWN_FAULT, refuse, stop_like_ctrl_c
from leakkit.cli.reporting import deck, report
from leakkit.errors import LeakkitError
from leakkit.version import __version__

__all__ = ["FAILED_PAGES", "app", "main"]

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
    # before numpy is loaded: its matrices here are small, and threads that wait take time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with stop_like_ctrl_c():
            app()
    except LeakkitError as error:
        refuse(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - exit code 1, which Python would give, means something else
        from leakkit.sources.formats.unpacking import lack_of_room

        if full := lack_of_room(error):
            refuse(full)
        traceback.print_exc()
        typer.echo("leakkit: this is a fault of leakkit itself, please report it.", err=True)
        sys.exit(OWN_FAULT)


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


app.command(epilog="Example: leakkit report exports/crm --out reports --jobs 2")(report)
app.command(epilog="Example: leakkit deck exports/crm --out monday.pptx")(deck)
app.command(epilog="Example: leakkit check exports/crm --csv faults.csv")(check)
app.command(epilog="Example: leakkit init exports/crm")(init)
app.command(epilog="Example: leakkit explain D-004711 exports/crm")(explain)
app.command(
    epilog="Example: leakkit lab exports/crm --port 9000 --no-browser",
    context_settings={"allow_extra_args": True},
)(lab)
app.command("app", epilog="Example: leakkit app exports/crm --port 9000")(serve)
app.command(epilog="Example: leakkit sample my-sample")(sample)
