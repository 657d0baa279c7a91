"""Is an export that was changed without changing what it means read the same, or refused?

    python -W ignore -m benchmarks.same_meaning [--exports DIR] [--only TEXT] [--sample N]

Every export is read as it is, and again after each change: other delimiters, encodings and
formats, columns in another order, headings in other letters, other ways of writing dates, titles
above and footers below, tables in two halves or downloaded twice, columns more or fewer, other
names of stages, words for nothing. Without --exports those of the tests are read; DIR holds a
folder or a file per export. A changed export must give the same deals, outcomes, days, values,
visits and order of stages; one with a column less the same outcomes and visits. Or it is refused.
Another reading is printed: as said, where `check` says something that it did not say before, and
else as silent. Exits with 1 after a silent one. A reading takes a third of a processor second;
--sample takes so many changes of each export at random, other ones with another --seed.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.sources import load
from tests import test_makers, test_more_makers

if TYPE_CHECKING:
    from leakkit.store import Store

GALLERY = Path(__file__).parents[1] / "tests" / "gallery"
ENCODINGS = ("utf-8-sig", "utf-16", "cp1252", "cp1256")
BOOKS = (".xlsx", ".xls", ".xlsb")
TEXTS = (".csv", ".tsv", ".txt")
ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(?:\.0+)?)?")
SIGNS = re.compile(r"[^\w\s.,:/-]")
"""What a heading says by signs, such as a currency, is not to be lost with them."""
WORDS = ("-", "N/A", "NULL", "None", "(blank)", "--", "#N/A", "n/a", "nan", "—")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CREATED = 60
"""So many deals has an export that is made here."""


@dataclass(frozen=True)
class Sheet:
    """A table of texts: its name without an ending, its headings and its rows."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Export:
    """An export: its tables, and the files beside them that are kept as they are."""

    name: str
    sheets: tuple[Sheet, ...]
    others: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Read:
    """What was read of an export, and what was said of it."""

    code: str = ""
    deals: Any = None
    visits: Any = None
    stages: Any = None
    ends: Any = None
    said: frozenset[str] = frozenset()

    def like(self, other: Read, *, loosely: bool) -> bool:
        """Say whether the same was read; loosely: outcomes and visits, without days or values."""
        mine, its = (
            (one.ends, sorted(Counter(visit[:2] for visit in one.visits).values()))
            if loosely
            else (one.deals, one.visits, one.stages)
            for one in (self, other)
        )
        return mine == its


Change = Callable[[Export, Path], None]


# ------------------------------------------------------------------------- the exports


def exports_of(folder: Path) -> Iterator[Export]:
    """Read the tables of each export of a folder."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.suffix.lower() in {*BOOKS, *TEXTS}:
            yield _read(path)


def _read(path: Path) -> Export:
    """Read the tables of an export."""
    sheets: list[Sheet] = []
    others: list[Path] = []
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        found = _tables(file)
        sheets += found
        others += [] if found else [file]
    return Export(path.name, tuple(sheets), tuple(others))


def _tables(file: Path) -> list[Sheet]:
    """Return the tables of a file; none where it is no plain one."""
    if file.suffix.lower() in BOOKS:
        try:
            book = CalamineWorkbook.from_path(file)
        except CalamineError:
            return []
        grids = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
        rows = {
            name: [[_text(cell) for cell in row] for row in grid] for name, grid in grids.items()
        }
        named = [(file.stem if len(rows) == 1 else name, grid) for name, grid in rows.items()]
    elif file.suffix.lower() in TEXTS:
        named = [(file.stem, _split_cells(file.read_bytes()))]
    else:
        return []
    return [
        Sheet(name, tuple(grid[0]), tuple(map(tuple, grid[1:])))
        for name, grid in named
        if len(grid) > 1 and len({len(row) for row in grid}) == 1 and all(grid[0])
    ]


def _text(cell: object) -> str:
    """Return a cell of a workbook as a text."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)


def _split_cells(content: bytes) -> list[list[str]]:
    """Return the cells of a text file; none where it is no plain one."""
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        delimiter = max(",;\t|", key=text.partition("\n")[0].count)
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    return []


def of_the_tests(folder: Path) -> Iterator[Export]:
    """Read the gallery's exports, and those that the tests of makers write, with more deals."""
    for room in ("names/makers", "shapes", "makers"):
        if (GALLERY / room).is_dir():
            yield from exports_of(GALLERY / room)
    ends = ("won", "lost", "open", "lost", "won", "lost", "lost")
    deals = [
        ("ABC"[n % 3], end, "" if end == "open" else f"2026-03-{1 + n % 28:02}")
        for n in range(CREATED)
        for end in [ends[n * 5 % 7]]
    ]
    for made in (test_makers, test_more_makers):
        for name, given in made.LISTS.items():
            if len(given) == 3:
                target = folder / re.sub(r"\W", "_", name)
                target.mkdir(exist_ok=True)
                test_more_makers.write_export(target, given[0], given[1], given[2], deals)
                yield replace(_read(target), name=name)


# ------------------------------------------------------------------------- writing


def write_csv(
    sheet: Sheet,
    file: Path,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    ends: str = "\n",
    quoting: Any = csv.QUOTE_MINIMAL,  # noqa: ANN401 - a constant of csv
) -> None:
    """Write a table as text."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=quoting)
    writer.writerows([sheet.headings, *sheet.rows])
    file.write_bytes(out.getvalue().encode(encoding))


def each(export: Export, folder: Path, write: Callable[[Sheet, Path], None], ending: str) -> None:
    """Write every table into a file of its own, and the other files beside them."""
    for sheet in export.sheets:
        write(sheet, folder / f"{sheet.name}{ending}")
    for file in export.others:
        shutil.copy(file, folder / file.name)


def as_text(**how: Any) -> Change:  # noqa: ANN401 - those of write_csv
    """Return a change of how the text is written."""
    return lambda export, folder: each(
        export, folder, lambda sheet, file: write_csv(sheet, file, **how), ".csv"
    )


def book(sheets: tuple[Sheet, ...], file: Path, *, typed: bool) -> None:
    """Write tables as sheets; typed: numbers and dates as such."""
    with xlsxwriter.Workbook(file, {"default_date_format": "yyyy-mm-dd hh:mm:ss"}) as written:
        for number, sheet in enumerate(sheets):
            page = written.add_worksheet(
                re.sub(r"[\[\]:*?/\\]", "_", sheet.name)[:28] + str(number)
            )
            kinds = [_kind(sheet, at) if typed else "" for at in range(len(sheet.headings))]
            page.write_row(0, 0, sheet.headings)
            for row, cells in enumerate(sheet.rows, start=1):
                for column, cell in enumerate(cells):
                    if not cell:
                        continue
                    if kinds[column] == "date":
                        page.write_datetime(row, column, datetime.fromisoformat(cell))
                    elif kinds[column] == "number":
                        page.write_number(row, column, float(cell))
                    else:
                        page.write_string(row, column, cell)


def _kind(sheet: Sheet, at: int) -> str:
    """Return what the cells of a column are: dates, numbers, or texts."""
    cells = [row[at] for row in sheet.rows if row[at]]
    if cells and all(map(ISO.fullmatch, cells)):
        return "date"
    plain = re.compile(r"-?(0|[1-9]\d{0,11})(\.\d+)?")
    return "number" if cells and all(map(plain.fullmatch, cells)) else ""


def as_books(*, typed: bool) -> Change:
    """Return a change to a workbook per table."""
    return lambda export, folder: each(
        export, folder, lambda sheet, file: book((sheet,), file, typed=typed), ".xlsx"
    )


def as_one_book(export: Export, folder: Path) -> None:
    """Write all tables as sheets of one workbook."""
    book(export.sheets, folder / "export.xlsx", typed=False)
    each(replace(export, sheets=()), folder, write_csv, "")


def _records(sheet: Sheet) -> list[dict[str, str | None]]:
    """Return the rows as objects."""
    return [
        {h: cell or None for h, cell in zip(sheet.headings, row, strict=True)} for row in sheet.rows
    ]


def as_json(*, lines: bool) -> Change:
    """Return a change to JSON."""

    def write(sheet: Sheet, file: Path) -> None:
        rows = _records(sheet)
        if len(set(sheet.headings)) < len(sheet.headings):
            raise Unfit
        text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows, ensure_ascii=False)
        file.write_text(text, "utf-8")

    return lambda export, folder: each(export, folder, write, ".jsonl" if lines else ".json")


class Unfit(Exception):  # noqa: N818 - it says that a change does not fit, and is no error
    """A change that cannot be made of this export."""


# ------------------------------------------------------------------------- the changes


def of_sheets(change: Callable[[Sheet], Sheet]) -> Change:
    """Return a change of every table."""

    def made(export: Export, folder: Path) -> None:
        sheets = tuple(map(change, export.sheets))
        if sheets == export.sheets:
            raise Unfit
        each(replace(export, sheets=sheets), folder, write_csv, ".csv")

    return made


def order_columns(sheet: Sheet, places: list[int]) -> Sheet:
    """Return the columns at these places."""
    return replace(
        sheet,
        headings=tuple(sheet.headings[at] for at in places),
        rows=tuple(tuple(row[at] for at in places) for row in sheet.rows),
    )


def rename_headings(change: Callable[[str], str]) -> Change:
    """Return a change of the headings."""

    def made(sheet: Sheet) -> Sheet:
        headings = tuple(map(change, sheet.headings))
        if len({h.casefold() for h in headings}) < len(headings):
            raise Unfit
        return replace(sheet, headings=headings)

    return of_sheets(made)


def camel(heading: str) -> str:
    """Return a heading in camel case.

    >>> camel("Deal - Close date")
    'dealCloseDate'
    """
    if SIGNS.search(heading):
        return heading
    words: list[str] = re.findall(r"\w+", heading.replace("_", " ")) or [heading]
    first, *others = words
    return first[:1].lower() + first[1:] + "".join(word[:1].upper() + word[1:] for word in others)


def snake(heading: str) -> str:
    """Return a heading with lines between its words.

    >>> snake("Deal - Close date")
    'deal_close_date'
    """
    bare = re.sub(r"\W+", "_", heading).strip("_").lower()
    return heading if SIGNS.search(heading) else bare or heading


def write_dates(form: str, short: str) -> Change:
    """Return a change of how dates are written, with and without a time."""

    def cell(text: str) -> str:
        found = ISO.fullmatch(text)
        if not found:
            return text
        moment = datetime.fromisoformat(text)
        return moment.strftime(form if found[2] else short)

    def made(sheet: Sheet) -> Sheet:
        kinds = [_kind(sheet, at) == "date" for at in range(len(sheet.headings))]
        rows = tuple(
            tuple(cell(text) if date else text for text, date in zip(row, kinds, strict=True))
            for row in sheet.rows
        )
        return replace(sheet, rows=rows)

    return of_sheets(made)


def frame_tables(above: tuple[str, ...] = (), below: tuple[str, ...] = ()) -> Change:
    """Return a change that puts lines above and below each table."""

    def write(sheet: Sheet, file: Path) -> None:
        write_csv(sheet, file)
        lines = "\n".join([*above, file.read_text("utf-8").rstrip("\n"), *below])
        file.write_text(lines + "\n", "utf-8")

    return lambda export, folder: each(export, folder, write, ".csv")


def twice(again: str, first: str = "{}.csv") -> Change:
    """Return a change that downloads each file once more under another name."""

    def write(sheet: Sheet, file: Path) -> None:
        for name in (first, again):
            write_csv(sheet, file.with_name(name.format(file.stem)))

    return lambda export, folder: each(export, folder, write, ".csv")


def halves(first: str, second: str, overlap: int = 0) -> Change:
    """Return a change that parts each table in two files."""

    def write(sheet: Sheet, file: Path) -> None:
        middle = len(sheet.rows) // 2
        if middle < 2:
            write_csv(sheet, file)
            return
        for name, rows in (
            (first, sheet.rows[: middle + overlap]),
            (second, sheet.rows[middle:]),
        ):
            write_csv(replace(sheet, rows=rows), file.with_name(name.format(file.stem)))

    return lambda export, folder: each(export, folder, write, ".csv")


def wider(heading: str, cell: Callable[[int], str], *, first: bool = False) -> Change:
    """Return a change that adds a column."""

    def made(sheet: Sheet) -> Sheet:
        if heading in sheet.headings:
            raise Unfit
        rows = [(row, cell(at)) for at, row in enumerate(sheet.rows)]
        if first:
            return replace(
                sheet,
                headings=(heading, *sheet.headings),
                rows=tuple((text, *row) for row, text in rows),
            )
        return replace(
            sheet,
            headings=(*sheet.headings, heading),
            rows=tuple((*row, text) for row, text in rows),
        )

    return of_sheets(made)


def fill_empty(word: str) -> Change:
    """Return a change that says a word where a cell is empty."""
    return of_sheets(
        lambda sheet: replace(
            sheet, rows=tuple(tuple(cell or word for cell in row) for row in sheet.rows)
        )
    )


def without(table: str, heading: str) -> Change:
    """Return a change that drops a column."""

    def made(sheet: Sheet) -> Sheet:
        places = [at for at, h in enumerate(sheet.headings) if (sheet.name, h) != (table, heading)]
        return order_columns(sheet, places)

    return of_sheets(made)


def rename_stages(names: dict[str, str]) -> Change:
    """Return a change of the names of stages."""
    return of_sheets(
        lambda sheet: replace(
            sheet,
            headings=tuple(names.get(h, h) for h in sheet.headings),
            rows=tuple(tuple(names.get(cell, cell) for cell in row) for row in sheet.rows),
        )
    )


def pack(export: Export, folder: Path) -> None:
    """Pack every file."""
    each(export, folder, write_csv, ".csv")
    for file in sorted(folder.glob("*.csv")):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        file.unlink()


SAME: dict[str, Change] = {
    "as it is": as_text(),
    **{f"delimiter {sign!r}": as_text(delimiter=sign) for sign in (";", "\t", "|")},
    **{f"encoding {code}": as_text(encoding=code) for code in ENCODINGS},
    "ends of lines": as_text(ends="\r\n"),
    "all quoted": as_text(quoting=csv.QUOTE_ALL),
    "packed": pack,
    "workbooks of texts": as_books(typed=False),
    "workbooks of dates": as_books(typed=True),
    "one workbook": as_one_book,
    "JSON": as_json(lines=False),
    "JSON lines": as_json(lines=True),
    "columns reversed": of_sheets(lambda s: order_columns(s, [*range(len(s.headings))][::-1])),
    "columns by name": of_sheets(
        lambda s: order_columns(s, sorted(range(len(s.headings)), key=lambda at: s.headings[at]))
    ),
    "rows reversed": of_sheets(lambda s: replace(s, rows=s.rows[::-1])),
    "headings upper": rename_headings(str.upper),
    "headings lower": rename_headings(str.lower),
    "headings title": rename_headings(str.title),
    "headings camel": rename_headings(camel),
    "headings snake": rename_headings(snake),
    "headings spaced": rename_headings(lambda h: f"  {h} "),
    "headings hard spaces": rename_headings(lambda h: h.replace(" ", "\u00a0")),
    "dates dotted": write_dates("%d.%m.%Y %H:%M:%S", "%d.%m.%Y"),
    "dates American": write_dates("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y"),
    "dates British": write_dates("%d/%m/%Y %H:%M:%S", "%d/%m/%Y"),
    "dates of words": write_dates("%d-%b-%Y %H:%M:%S", "%d-%b-%Y"),
    "dates long": write_dates("%B %d, %Y %H:%M:%S", "%B %d, %Y"),
    "dates with T": write_dates("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"),
    "dates with slashes": write_dates("%Y/%m/%d %H:%M:%S", "%Y/%m/%d"),
    "a title": frame_tables(("All deals",)),
    "a title of three lines": frame_tables(("All deals", "Exported 2026-07-01 by sales", "")),
    "a copyright": frame_tables(
        below=("", "Deals", "Copyright (c) 2026 Acme Inc.", "Confidential")
    ),
    "a count of records": frame_tables(below=("", "60 records")),
    "blank lines": frame_tables(below=("", "", "")),
    "two halves": halves("{}_1.csv", "{}_2.csv"),
    "two parts": halves("{}-part1.csv", "{}-part2.csv"),
    "two halves in brackets": halves("{} (1).csv", "{} (2).csv"),
    "second half behind": halves("{}.csv", "{} (1).csv"),
    "halves by years": halves("{} 2024.csv", "{} 2025.csv"),
    "halves that overlap": halves("{}_1.csv", "{}_2.csv", overlap=5),
    "downloaded twice": twice("{} (1).csv"),
    "downloaded twice into another folder": twice("{} (1).csv", first="{} (2).csv"),
    "a copy": twice("Copy of {}.csv"),
    "a copy in German": twice("{} - Kopie.csv"),
    "a column of notes": wider("Internal remark", lambda at: f"called again, {at % 7}"),
    "a column of row numbers": wider("No.", lambda at: str(at + 1), first=True),
    "an index without a name": wider("Unnamed: 0", str, first=True),
    "a column of loading": wider("_synced_at", lambda _: "2026-07-01 04:00:00"),
    "an empty column": wider("Custom field 17", lambda _: ""),
    "a column of tags": wider("Tags", lambda at: ("hot", "cold", "")[at % 3]),
    **{f"nothing is {word!r}": fill_empty(word) for word in WORDS},
}
"""Changes that keep what an export means."""


# ------------------------------------------------------------------------- the reading


def read(path: Path, names: dict[str, str] | None = None) -> Read:
    """Read a source, and keep what a page would show; `names` give stages their names back."""
    try:
        store = load(path)
    except LeakkitError as error:
        return Read(error.code)
    with store:
        return _keep(store, names or {})


def _keep(store: Store, names: dict[str, str]) -> Read:
    """Keep what was read."""
    deals = store.rows(
        "SELECT outcome, created_day, closed_day, value, currency FROM opportunities ORDER BY ALL"
    )
    visits = store.rows(
        "SELECT p.pipeline, s.name, p.entered_day, p.exit FROM passages p "
        "JOIN stages s USING (pipeline, stage) ORDER BY ALL"
    )
    # of deals that only stand somewhere no order is claimed
    order = "name" if store.meta("shape") == "snapshot" else "stage"
    stages = store.rows(f"SELECT pipeline, name FROM stages ORDER BY pipeline, {order}")
    named = [(n, fold_name(names.get(name, name))) for n, name in stages]
    spoken = {f"{fact}={n}" for fact, n in store.meta("facts").items()}
    spoken |= {f"{one['code']}" for one in store.meta("cross_checks")}
    spoken |= {
        f"{row['file']} {part} {row[part]}"
        for row in store.meta("rows")
        for part in ("not_asked", "set_aside")
        if row[part]
    }
    return Read(
        "",
        deals,
        sorted((n, fold_name(names.get(name, name)), *others) for n, name, *others in visits),
        sorted(named) if order == "name" else named,
        sorted(Counter(row[0] for row in deals).items()),
        frozenset(spoken),
    )


@dataclass
class Tried:
    """What became of the changed exports."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)


def changes_of(export: Export, base: Read) -> Iterator[tuple[str, Change, dict[str, str], bool]]:
    """Yield every change of an export: its name, names to give back, and whether to be loose."""
    for name, change in SAME.items():
        yield name, change, {}, False
    known = dict.fromkeys(name for _, name in base.stages)
    names = {name: f"Etappe {LETTERS[at % 26]}{at // 26 or ''}" for at, name in enumerate(known)}
    yield (
        "other names of stages",
        rename_stages(names),
        {new: old for old, new in names.items()},
        False,
    )
    for sheet in export.sheets:
        for heading in dict.fromkeys(sheet.headings):
            yield f"without {sheet.name}[{heading}]", without(sheet.name, heading), {}, True


def try_changes(
    export: Export, say: Callable[[str], None], only: str, chosen: tuple[int, int] = (0, 0)
) -> Tried:
    """Read an export as it is and after every change, or `chosen`: so many, by a seed."""
    found = Tried()
    with tempfile.TemporaryDirectory() as folder:
        base = _after(export, as_text(), Path(folder) / "base", {})
    if base.code:
        say(f"{export.name}: as it is refused, {base.code}")
        return found
    changes = [one for one in changes_of(export, base) if only in one[0]]
    most, seed = chosen
    if most:
        chance = random.Random(f"{seed} {export.name}")  # noqa: S311 - no secret
        changes = chance.sample(changes, min(most, len(changes)))
    for name, change, names, loosely in changes:
        with tempfile.TemporaryDirectory() as folder:
            try:
                changed = _after(export, change, Path(folder) / "base", names)
            except (Unfit, UnicodeError):
                continue
        verdict = _verdict(base, changed, loosely=loosely)
        found.counts[verdict] += 1
        if changed.code:
            found.refused[f"{name.partition(' ')[0] if loosely else name}: {changed.code}"] += 1
        elif verdict != "same":
            more = sorted(changed.said - base.said)[:4]
            line = f"{verdict.upper()} {export.name}, {name}: {_difference(base, changed)} {more}"
            say(line)
            found.silent += [line] if verdict == "silent" else []
    return found


def _after(export: Export, change: Change, folder: Path, names: dict[str, str]) -> Read:
    """Write a changed export, and read it."""
    folder.mkdir()
    change(export, folder)
    files = sorted(folder.iterdir())
    return read(files[0] if len(files) == 1 else folder, names)


def _verdict(base: Read, changed: Read, *, loosely: bool) -> str:
    """Return same, refused, said or silent."""
    if changed.code:
        return "refused"
    if changed.like(base, loosely=loosely):
        return "same"
    return "said" if changed.said - base.said else "silent"


def _difference(base: Read, changed: Read) -> str:
    """Say in a few words what is read otherwise."""
    if base.ends != changed.ends:
        return f"{dict(base.ends)} became {dict(changed.ends)}"
    for part in ("deals", "visits", "stages"):
        old, new = getattr(base, part), getattr(changed, part)
        if old != new:
            gone = [row for row in old if row not in new][:1]
            come = [row for row in new if row not in old][:1]
            return f"{part} {len(old)} became {len(new)}, {gone} {come}"
    return "nothing"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--exports", type=Path)
    parser.add_argument("--only", default="", help="changes whose name holds this text")
    parser.add_argument("--export", default="", help="exports whose name holds this text")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    all_counts, refused, silent = Counter[str](), Counter[str](), list[str]()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        given = exports_of(asked.exports) if asked.exports else of_the_tests(Path(folder))
        for export in given:
            if asked.export not in export.name or not export.sheets:
                continue
            chosen = (asked.sample, asked.seed)
            found = try_changes(export, lambda line: print(line, flush=True), asked.only, chosen)
            all_counts += found.counts
            refused += found.refused
            silent += found.silent
    print("Refused: " + ", ".join(f"{what} {n}" for what, n in refused.most_common()))
    counted = ", ".join(f"{what} {n:,}" for what, n in sorted(all_counts.items()))
    print(f"{all_counts.total():,} changed exports: {counted}; {time.monotonic() - began:,.0f} s.")
    raise SystemExit(1 if silent else 0)


if __name__ == "__main__":
    main()
