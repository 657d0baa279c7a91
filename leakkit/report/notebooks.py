"""The notebooks that come with leakkit, and a user's own copies of them for JupyterLab or Voila."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


# ---------------- books
# The notebooks that come with leakkit.

DROPOFF, CAUSES, OVERVIEW = "stage_dropoff", "root_causes", "overview"
PER_PIPELINE = (DROPOFF, CAUSES)
"""The notebooks that are run for every pipeline, in the order of its pages."""


def notebook_folder() -> Path:
    """Return where the notebooks are: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "notebooks"
    return checkout if checkout.is_dir() else package / "notebooks"


@cache
def read_notebook(name: str) -> str:
    """Return the text of a notebook."""
    return (notebook_folder() / f"{name}.ipynb").read_text("utf-8")


def notebook_digest(name: str) -> str:
    """Return the SHA-256 of a notebook's text."""
    return hashlib.sha256(read_notebook(name).encode()).hexdigest()


def copy_notebooks(place: Path) -> list[str]:
    """Copy the notebooks into a user's folder; those that are there stay. Return the new ones."""
    place.mkdir(parents=True, exist_ok=True)
    names = sorted(book.name for book in notebook_folder().glob("*.ipynb"))
    new = [name for name in names if not (place / name).exists()]
    for name in new:
        (place / name).write_text(
            (notebook_folder() / name).read_text("utf-8"), "utf-8", newline="\n"
        )
    return new


# ---------------- opening
# A user's own copies of the notebooks, with the source filled in, for JupyterLab or Voila.

PARAMETERS = "parameters"
SAMPLE = "sample"


def find_parameters(source: str, config: str) -> dict[str, str]:
    """Return the parameters of a notebook that stands in another folder than this one.

    Files are named from the root. Raises LeakkitError for a file that there is not, and for
    an address with a password, which would stand in a file that is passed on.
    """
    found = {"source": source, "config": str(_find_path(config)) if config else ""}
    if source == SAMPLE:
        return found
    # a night that changed nothing knows the notebooks, and need not know of sources
    from leakkit.sources.databases.addresses import Address, address_of  # noqa: PLC0415

    known = address_of(source)
    if not isinstance(known, Address) or known.file:
        return {**found, "source": str(_find_path(source))} if "://" not in source else found
    if known.secrets:
        message = (
            "A notebook is passed on, so no password may stand in it. Leave it out of the "
            "address, and give it as the driver takes it otherwise: PGPASSWORD or ~/.pgpass."
        )
        raise LeakkitError("password_in_notebook", message)
    return found


def _find_path(name: str) -> Path:
    """Return a file or a folder from the root; raise where there is none."""
    path = Path(name)
    if not path.exists():
        message = f"There is no file or folder {name}. Your copies go where --folder says."
        raise LeakkitError("no_source", message)
    return path.resolve()


def fill_in(folder: Path, given: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Set parameters in the notebooks of a folder; return those set anew, and those that cannot be.

    Only the lines of these parameters change, in the cell that is tagged so.
    """
    changed, odd = [], []
    for name in sorted(path.name for path in notebook_folder().glob("*.ipynb")):
        path = folder / name
        before = path.read_text("utf-8")
        after = _fill(before, given)
        if after is None:
            odd.append(name)
        elif after != before:
            path.write_text(after, "utf-8", newline="\n")
            changed.append(name)
    return changed, odd


def _fill(text: str, given: Mapping[str, str]) -> str | None:
    """Return a notebook with its parameters set; None where it has no such lines."""
    try:
        book = json.loads(text)
        (cell,) = [c for c in book["cells"] if PARAMETERS in c["metadata"].get("tags", ())]
        lines = "".join(cell["source"]).split("\n")
    except (ValueError, KeyError, TypeError):
        return None
    filled = list(_fill_lines(lines, given))
    if len([line for line in filled if _read_name(line) in given]) != len(given):
        return None
    if filled == lines:
        return text
    cell["source"] = "\n".join(filled)
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _fill_lines(lines: Sequence[str], given: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a cell, those of parameters with their values and their remarks."""
    for line in lines:
        name = _read_name(line)
        if name not in given:
            yield line
            continue
        _, sign, remark = line.rpartition("  # ")
        value = json.dumps(given[name], ensure_ascii=False)
        yield f"{name} = {value}{sign}{remark}" if sign else f"{name} = {value}"


def _read_name(line: str) -> str:
    """Return the name that a line assigns to; '' where it does not."""
    name, sign, _ = line.partition(" = ")
    return name if sign and name.isidentifier() else ""


def lab_command(folder: Path, *, port: int, browser: bool, options: Sequence[str]) -> list[str]:
    """Return the command that opens JupyterLab on a folder."""
    said = [sys.executable, "-m", "jupyterlab", str(folder)]
    if port:
        said.append(f"--ServerApp.port={port}")
    if not browser:
        said.append("--no-browser")
    return [*said, *options]


def app_command(folder: Path, *, port: int, browser: bool) -> list[str]:
    """Return the command that serves a folder without code, to this machine only.

    Raises LeakkitError where Voila is not installed.
    """
    if find_spec("voila") is None:
        message = "The app is served by Voila: pip install 'leakkit[app]'."
        raise LeakkitError("no_voila", message)
    said = [sys.executable, "-m", "voila", str(folder), "--strip_sources=True"]
    said += ["--Voila.ip=127.0.0.1", f"--port={port}"]
    return said if browser else [*said, "--no-browser"]


def run_in_place(command: list[str]) -> int:
    """Run a command in place of this one, so that Ctrl-C is its own; return its exit code."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - our own words
    return subprocess.run(command, check=False).returncode  # noqa: S603 - as above
