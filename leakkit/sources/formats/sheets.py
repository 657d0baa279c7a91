"""The sheets of a workbook, read by a process of its own that may end over a damaged file."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit import limits
from leakkit.errors import LeakkitError, shorten_text
from leakkit.sources.formats.unpacking import open_zip

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAM = Path(__file__).with_name("sheet_process.py")
PARSER = "python_calamine"
INSTEAD = "Save the sheet as .csv, which may be of any size."


@dataclass(frozen=True)
class Cells:
    """The cells of a sheet: `rows[0]` is row 1. `merged` are (top, left, bottom, right)."""

    name: str
    merged: tuple[tuple[int, int, int, int], ...] = ()
    rows: list[list[Any]] = field(default_factory=list)


def read_cells(path: Path, name: str, wanted: str) -> list[Cells]:
    """Read the sheets that are shown, or the one that is wanted; `name` is the file's in errors.

    Cells are texts, numbers, booleans, dates and datetimes. Raises LeakkitError where the
    file is damaged, protected or larger than docs/limits.md allows.
    """
    refuse_bomb(path, name)
    packages = Path(str(importlib.util.find_spec(PARSER).origin)).parent.parent  # type: ignore[union-attr] # it is required
    command: list[str | Path] = [sys.executable, "-I", PROGRAM, packages, path.absolute(), wanted]
    command += [str(limits.WORKBOOK_MEMORY), str(limits.WORKBOOK_SECONDS)]
    with subprocess.Popen(  # noqa: S603 - our own program; the path is one argument
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            return _collect_cells(process.stdout or (), name, wanted)
        finally:
            process.kill()


def refuse_bomb(path: Path, name: str) -> None:
    """Raise where the parts of a workbook are said to unpack to more than may be read."""
    try:
        with open_zip(path, name) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # an older format, or damaged: the parser says so
    small = path.stat().st_size * limits.UNPACKED_RATIO
    if size > limits.WORKBOOK_BYTES or size > max(small, limits.UNPACKED_FREELY):
        message = (
            f"{name} unpacks to {size:,} bytes, and a workbook may to "
            f"{limits.WORKBOOK_BYTES:,}, or {limits.UNPACKED_RATIO} times its size. {INSTEAD}"
        )
        raise LeakkitError("too_large", message)


def _collect_cells(lines: Iterable[bytes], name: str, wanted: str) -> list[Cells]:
    """Collect what the process says; its end without a last word is that of a damaged file."""
    found: list[Cells] = []
    count = 0
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            break  # it ended in the middle of a line
        if isinstance(said, list):
            count += len(said)
            if count > limits.WORKBOOK_CELLS:
                message = f"{name} has more than {limits.WORKBOOK_CELLS:,} cells. {INSTEAD}"
                raise LeakkitError("too_large", message)
            found[-1].rows.append([_cell(cell) for cell in said])
        elif "sheet" in said:
            merged = tuple((*first, *last) for first, last in said["merged"])
            found.append(Cells(said["sheet"], merged))
        elif "end" in said:
            return found
        else:
            raise _explain_refusal(said, name, wanted)
    message = (
        f"{name} cannot be read as an Excel workbook: it is damaged, or takes more than "
        f"{limits.WORKBOOK_MEMORY:,} bytes or {limits.WORKBOOK_SECONDS} seconds. Are there cells "
        f"far from the data? Delete the rows and columns beyond it. {INSTEAD}"
    )
    raise LeakkitError("unreadable_file", message)


def _cell(cell: Any) -> Any:  # noqa: ANN401 - whatever a cell may hold
    """Return a cell as it was: a date stands in a list."""
    if not isinstance(cell, list):
        return cell
    text = cell[0]
    return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)


def _explain_refusal(said: dict[str, Any], name: str, wanted: str) -> LeakkitError:
    """Return the error of what the process says is wrong."""
    if "no_sheet" in said:
        message = f"There is no sheet {wanted!r}. There are: {', '.join(said['no_sheet'])}."
        return LeakkitError("no_sheet", message)
    if "password" in said:
        message = f"{name} is protected by a password. Save it without one."
        return LeakkitError("unreadable_file", message)
    message = f"{name} cannot be read as an Excel workbook: {shorten_text(said['error'])}."
    return LeakkitError("unreadable_file", message)
