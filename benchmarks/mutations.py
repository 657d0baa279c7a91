"""Does any mutated file break the reading? Each is read in a process of its own, with limits.

    python -m benchmarks.mutations [--inputs 20000] [--seed 0] [--minutes 0]

Files of the gallery, of the sample, workbooks and zips are mutated: bytes, rows, cells,
structure. Every one must be read or refused with a LeakkitError, and its rows must add up; no
process may die, take more than 10 processor seconds or more than 1.5 GB. One in ten is analysed
as well. Prints what became of them, and of a failure the input, which is kept in a file. Exits
with 1 after one. An input takes about a tenth of a processor second, 20,000 take 40 minutes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit import sample, vocabulary
from leakkit.store import deal_queries, queries
from tests.fuzzing import (
    FILES,
    FORMS,
    IDS,
    NOT_DATES,
    PIECES,
    SETTINGS,
    STAGES,
    TEXTS,
    Source,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LOADED = (queries, deal_queries)
SECONDS, MEGABYTES = 10, 1_500
ANALYSED = 10
SAID_EVERY = 1_000
CELLS = (*TEXTS, *IDS, *NOT_DATES, "1" * 400, "9" * 5_000, "x" * 5_000, "\u06f1" * 20, "-1e308")
PACKED = b"PK\x03\x04"


@dataclass(frozen=True)
class Outcome:
    """What became of one input: a code, what was said of a failure, and what it took."""

    code: str
    failed: str
    seconds: float
    megabytes: float


# ------------------------------------------------------------------------- the mutations


def of_bytes(content: bytes, chance: random.Random) -> bytes:
    """Change, drop, repeat or insert some bytes."""
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randint(0, len(content)), chance.choice((0, 1, 1, 2, 8, 60, 400))
        new = chance.choice((
            chance.randbytes(length), chance.choice(PIECES), b"", content[at : at + length] * 3,
        ))  # fmt: skip
        content = content[:at] + new + content[at + length :]
    return content[: chance.randint(0, len(content))] if chance.random() < 0.1 else content


def of_rows(rows: list[list[str]], chance: random.Random) -> list[list[str]]:
    """Drop, repeat, mix, shorten or lengthen rows."""
    at, other = (chance.randrange(len(rows)) for _ in range(2))
    found = {
        "drop": [*rows[:at], *rows[at + 1 :]],
        "repeat": [*rows[:at], *[rows[at]] * chance.choice((2, 50)), *rows[at:]],
        "mix": [rows[0], *chance.sample(rows[1:], len(rows) - 1)],
        "shorten": [*rows[:at], rows[at][:-1], *rows[at + 1 :]],
        "lengthen": [*rows[:at], [*rows[at], chance.choice(CELLS)], *rows[at + 1 :]],
        "swap": [*rows[:at], rows[other], *rows[at + 1 :]],
        "empty": [*rows[:at], [""] * len(rows[at]), *rows[at:]],
    }
    return found[chance.choice(sorted(found))]


def of_cells(rows: list[list[str]], chance: random.Random) -> list[list[str]]:
    """Put other texts into some cells, or into a whole column."""
    rows = [list(row) for row in rows]
    column, text = chance.randrange(max(map(len, rows)) or 1), chance.choice(CELLS)
    whole = chance.random() < 0.2
    for row in rows[1:] if whole else chance.sample(rows, min(len(rows), 3)):
        if column < len(row):
            row[column] = text if whole else chance.choice(CELLS)
    return rows


def of_structure(rows: list[list[str]], chance: random.Random) -> list[list[str]]:
    """Drop, repeat, swap or rename columns."""
    column = chance.randrange(max(map(len, rows)) or 1)
    other = chance.randrange(max(map(len, rows)) or 1)
    kind = chance.choice(("drop", "repeat", "swap", "rename", "transpose"))
    if kind == "transpose":
        return [list(row) for row in zip(*rows, strict=False)] or rows
    changed = []
    for row in map(list, rows):
        if max(column, other) < len(row):
            if kind == "drop":
                del row[column]
            elif kind == "repeat":
                row.append(row[column])
            else:
                row[column], row[other] = row[other], row[column]
        changed.append(row)
    if kind == "rename" and column < len(changed[0]):
        changed[0][column] = chance.choice((*TEXTS, "stage", "opportunity_id", "entered_at"))
    return changed


def of_parts(content: bytes, chance: random.Random) -> bytes:
    """Mutate a file inside a packed one, drop it, or name it anew."""
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = packed.namelist()
            parts = {name: packed.read(name) for name in names}
    except (zipfile.BadZipFile, RuntimeError):  # one of the gallery is broken
        return of_bytes(content, chance)
    chosen = chance.choice(names)
    kind = chance.choice(("bytes", "bytes", "bytes", "drop", "rename"))
    if kind == "bytes":
        parts[chosen] = of_bytes(parts[chosen], chance)
    else:
        kept = parts.pop(chosen)
        if kind == "rename":
            parts[chance.choice(("stage_history.csv", "a/../b.csv", "x.xlsx", ""))] = kept
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in parts.items():
            packed.writestr(name or "-", part)
    return out.getvalue()


OF_TABLES = (of_rows, of_cells, of_structure)


def mutate(name: str, content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Return a file that is like this one, but not quite."""
    if content.startswith(PACKED) and chance.random() < 0.6:
        content = of_parts(content, chance)
    elif name.endswith((".csv", ".tsv", ".txt")) and chance.random() < 0.7:
        content = _of_a_table(content, chance)
    else:
        content = of_bytes(content, chance)
    if chance.random() < 0.03:
        name, content = f"{name}.gz", gzip.compress(content, mtime=0)
    if chance.random() < 0.03:
        name = chance.choice(("file.csv", "file.xlsx", "file.json", "file.xes", "file.parquet"))
    return name, content


def _of_a_table(content: bytes, chance: random.Random) -> bytes:
    """Mutate the rows of a text file; bytes where it is none."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return of_bytes(content, chance)
    rows = [row for row in rows if row]
    for _ in range(chance.randint(1, 3)):
        if len(rows) > 1:
            rows = chance.choice(OF_TABLES)(rows, chance)
    out = io.StringIO()
    csv.writer(out, delimiter=chance.choice(",,,;\t|")).writerows(rows)
    return out.getvalue().encode(chance.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig")))


def seeds() -> list[tuple[str, bytes]]:
    """Return the files that are mutated."""
    found = [(file.name, file.read_bytes()) for file in FILES]
    with tempfile.TemporaryDirectory() as folder:
        sample.write(Path(folder), 60)
        tables = [Path(folder) / name for name in ("stage_history.csv", "opportunities.csv")]
        for file in tables:
            rows = [tuple(row) for row in csv.reader(io.StringIO(file.read_text("utf-8")))]
            found += [
                (f"{file.stem}.{form}", FORMS[form].write(rows[0], rows[1:])) for form in FORMS
            ]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in tables:
                packed.writestr(file.name, file.read_bytes())
    # as often as all of the gallery's
    return found + [("export.zip", out.getvalue())] * 10


def source(number: int, files: list[tuple[str, bytes]]) -> Source:
    """Return the input of a number."""
    chance = random.Random(number)  # noqa: S311 - no secret
    name, content = mutate(*chance.choice(files), chance)
    return Source(name, content, chance.choice(("", "", "", *SETTINGS, STAGES)))


# ------------------------------------------------------------------------- the reading


def try_input(given: Source, *, analysed: bool) -> Outcome:
    """Read an input in a copy of this process, which has limits, and see what becomes of it."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reading)
        _read(given, writing, analysed=analysed)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        said = answers.read().decode(errors="replace")
    _, status, took = os.wait4(child, 0)
    seconds, megabytes = took.ru_utime + took.ru_stime, took.ru_maxrss / 1_000
    code, _, failed = said.partition("\n")
    if not said:
        failed = f"died ({os.waitstatus_to_exitcode(status)}) after {seconds:.1f} s"
    elif seconds > SECONDS or megabytes > MEGABYTES:
        failed = f"{seconds:.1f} s, {megabytes:,.0f} MB"
    return Outcome(code, failed, seconds, megabytes)


def _read(given: Source, writing: int, *, analysed: bool) -> None:
    """Read the input, and write what became of it."""
    resource.setrlimit(resource.RLIMIT_CPU, (2 * SECONDS, 2 * SECONDS))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 2)
    try:
        said = judge(given, analysed=analysed)
    except BaseException:  # noqa: BLE001 - whatever it is, it is a failure
        said = f"failed\n{traceback.format_exc(limit=-4)}"
    os.write(writing, said.encode()[:60_000])
    os._exit(0)


def run(inputs: int, seed: int, minutes: float, say: Callable[[str], None] = print) -> int:
    """Try inputs; return how many of them failed."""
    files, outcomes = seeds(), Counter[str]()
    vocabulary.words("closes", "won")  # read once here, and not in every copy of this process
    end = time.monotonic() + 60 * minutes
    most = [0.0, 0.0]
    failed = 0
    for number in range(seed, seed + inputs):
        if minutes and time.monotonic() > end:
            break
        if number > seed and (number - seed) % SAID_EVERY == 0:
            say(f"{number - seed:,} inputs tried, {failed} failed.")
        given = source(number, files)
        found = try_input(given, analysed=number % ANALYSED == 0)
        outcomes[found.code or "died"] += 1
        most = [max(most[0], found.seconds), max(most[1], found.megabytes)]
        if found.failed:
            failed += 1
            kept = Path(tempfile.gettempdir()) / f"mutation-{number}-{given.name}"
            kept.write_bytes(given.content)
            say(f"FAILED {number} ({kept}, {given.config!r}): {found.failed}")
    total = sum(outcomes.values())
    say(", ".join(f"{code} {n:,}" for code, n in outcomes.most_common()))
    say(f"{total:,} inputs, {failed} failed; at most {most[0]:.1f} s and {most[1]:,.0f} MB.")
    return failed


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0, help="0: until all are tried")
    asked = parser.parse_args()
    raise SystemExit(1 if run(asked.inputs, asked.seed, asked.minutes) else 0)


if __name__ == "__main__":
    main()
