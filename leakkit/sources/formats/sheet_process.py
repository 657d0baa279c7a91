"""A program of its own: the cells of a workbook, row by row as JSON, within a limit of memory.

The parser may end the process over a damaged file, so it runs in one that may end. It is
run by path with `python -I` and imports nothing of leakkit: it starts in an instant.

A line is the name of a sheet with its merged cells, or a row. A date is in a list of its
own, for no other cell is a list. The last line says that all was read, or what is wrong.

    python -I sheet_process.py FOLDER_OF_PACKAGES WORKBOOK SHEETS BYTES SECONDS
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

if sys.platform != "win32":
    import resource


def limit(size: int, seconds: int) -> None:
    """Bound the memory and the time of this process, where the system can."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def say(line: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line) + "\n")


def plain_value(cell: object) -> object:
    """Return a cell as JSON has it."""
    if isinstance(cell, dt.date):
        return [cell.isoformat()]
    return cell if isinstance(cell, str | float | int | bool) else str(cell)


def say_sheet(book: Any, name: str) -> None:  # noqa: ANN401 - calamine has no types
    """Write the rows of a sheet; row 1 is the first of the sheet, and empty ends are cut off."""
    sheet = book.get_sheet_by_name(name)
    say({"sheet": name, "merged": sheet.merged_cell_ranges or []})
    if sheet.start is None:
        return
    left = [""] * sheet.start[1]
    for cells in sheet.iter_rows():
        last = len(cells)
        while last and cells[last - 1] in {"", None}:
            last -= 1
        say([*left, *map(plain_value, cells[:last])] if last else [])


def main(packages: str, path: str, wanted: str) -> None:
    """Write the sheets that are wanted, a list of names as JSON: of none, all that are shown."""
    sys.path.append(packages)
    import python_calamine as calamine  # noqa: PLC0415 - found by the line above

    try:
        book = calamine.load_workbook(path)
        shown = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == calamine.SheetVisibleEnum.Visible
            and sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        names = json.loads(wanted)
        if not set(names) <= set(book.sheet_names):
            say({"no_sheet": book.sheet_names})
            return
        for name in names or shown:
            say_sheet(book, name)
    except calamine.PasswordError:
        say({"password": True})
    except (calamine.CalamineError, OSError, ValueError, MemoryError) as error:
        say({"error": str(error)})
    else:
        say({"end": True})


if __name__ == "__main__":
    limit(int(sys.argv[4]), int(sys.argv[5]))
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr] # a text stream
    main(*sys.argv[1:4])
