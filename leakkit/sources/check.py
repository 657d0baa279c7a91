"""The facts of `leakkit check`: what was recognised, what became of every row, all faults."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import Fault
from leakkit.sources.headings.column_guesses import Unused, find_unused, look_at_columns
from leakkit.sources.headings.heading_words import declared_names, nearest
from leakkit.sources.headings.reading import Recognised
from leakkit.sources.load import load
from leakkit.sources.shapes import further_tables
from leakkit.sources.shapes.deal_states import earlier_faults
from leakkit.store import account
from leakkit.store.name_codes import outcome_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from leakkit.config import Config
    from leakkit.sources.headings.column_guesses import ColumnGuess
    from leakkit.sources.headings.reading import Table
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store
    from leakkit.store.resolve import Rules

COLUMNS = ("file", "row", "column", "value", "rule", "hint")
HINTS = {
    "missing_id": "a row needs an opportunity_id; it is set aside",
    "conflicting_rows": "the same opportunity stands twice with other values: keep one row",
    "missing_moment": "this moment is missing or cannot be read; its deal is set aside",
    "activity_moment": "this moment is missing or cannot be read; the activity is set aside",
    "missing_pipeline": "several pipelines are declared and the row names none",
    "outcome_disagrees": "the outcome and the last stage differ: the later one wins",
    "closed_before_created": "the close is before the creation: only the outcome is used",
    "value_negative": "a negative value is taken as missing",
    "value_unreadable": f"this is no amount up to {limits.VALUE:,}; the value is taken as missing",
    "date_unreadable": "this is no date; it is taken as empty",
    "repeated_heading": "the row repeats the heading; it is set aside",
    "total_row": "the row is a total; it is set aside",
    "lone_cell": "the row says nothing of a deal; it is set aside",
}
"""What happens with a row that breaks a rule, or what to do."""
RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also in their full width, which some spreadsheets take for the same."""
UNSEEN = " \xa0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""What a spreadsheet may drop before the first letter."""


@dataclass(frozen=True)
class Check:
    """What was found in a source that can be used.

    `rows` counts per file: read = used + merged + not asked for + set aside. `facts` are
    counts by code. `faults` are all of them, in order of file, row and column. `unused` are
    the columns that nothing uses, of files and frames; a store has no other columns.
    """

    label: str
    shape: str
    recognised: tuple[Recognised, ...]
    rows: tuple[Mapping[str, int | str], ...]
    facts: Mapping[str, int]
    faults: tuple[Fault, ...]
    ignored_files: tuple[str, ...]
    provisional_order: bool
    fingerprint: str
    as_of: str = ""
    unused: tuple[Unused, ...] = ()

    @property
    def set_aside(self) -> int:
        """Rows set aside; where there are any, `leakkit check` exits with 1."""
        return sum(int(counted["set_aside"]) for counted in self.rows)


def check(
    source: object,
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
) -> Check:
    """What is in a source, how was it read, and what is wrong with it?

    Takes what `leakkit.load` takes, and raises LeakkitError where that does: such a
    source cannot be used at all. A store kept by an earlier run holds the first hundred
    faults of each rule; of files and frames all are given.
    """
    store, found = check_source(source, config, as_of=as_of)
    store.close()
    return found


def check_source(
    source: object,
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
    allow: Sequence[str | Path] = (),
) -> tuple[Store, Check]:
    """Return the store of a source, which the caller closes, and what was found in it."""
    found: list[Fault] = []
    looked: list[tuple[Table, list[ColumnGuess]]] = []

    def watch(store: Store, files: Found, rules: Rules) -> None:
        found.extend(_all_faults(store, files, rules))
        looked.extend(look_at_columns(store, files.given))

    store = load(source, config, as_of=as_of, watch=watch, allow=allow)
    guesses = Guesses(store.config)
    kept = [
        replace(fault, hint=_hint(fault.rule, fault.value, guesses))
        for fault in account.kept_faults(store)
    ]
    recognised = tuple(Recognised(**one) for one in store.meta("recognised"))
    return store, Check(
        label=store.meta("label"),
        shape=store.meta("shape"),
        recognised=recognised,
        rows=tuple(store.meta("rows")),
        facts=store.meta("facts"),
        faults=tuple(found or kept),
        ignored_files=tuple(store.meta("ignored_files")),
        provisional_order=store.meta("provisional_order"),
        fingerprint=store.meta("fingerprint"),
        as_of=_as_of(store),
        unused=find_unused(looked, store.config, store.meta("segments"), recognised),
    )


def _as_of(store: Store) -> str:
    """Say which day is the last used one, and what set it."""
    day = dt.date(1970, 1, 1) + dt.timedelta(days=int(store.meta("last_day")))
    if store.config.as_of:
        return f"{day}, as the configuration says"
    known = store.value("SELECT count(*) FROM meta WHERE key = 'as_of_row'")
    return f"{day}, set by {store.meta('as_of_row')}" if known else str(day)


def _all_faults(store: Store, files: Found, rules: Rules) -> list[Fault]:
    """Read every row that breaks a rule, while what became of the rows can still be read."""
    tables = {
        "history": files.history,
        "opportunities": files.opportunities or files.history,
        "activities": files.activities,
    }
    stray = {(file, row): rule for file, row, rule in files.stray_rows}
    guesses = Guesses(rules.config)
    faults = _of_earlier(store, files, guesses)
    for (name, rule), query in (account.FAULTS | further_tables.FAULTS).items():
        table = tables[name]
        if table is None:
            continue
        found = account.locate_faults(
            query, table.file, files.origins if table is files.history else ""
        )
        for file, line, column, content in store.rows(f"{found} ORDER BY ALL"):
            row = None if line is None else int(line)
            broken = stray.get((file, row or 0), rule) if rule == "missing_id" else rule
            heading = table.heading(column) or column
            hint = _hint(broken, str(content), guesses)
            faults.append(Fault(file, row, heading, str(content), broken, hint))
    each = dict.fromkeys(faults)
    return sorted(each, key=lambda fault: (fault.where, fault.row or 0, fault.column, fault.rule))


def _of_earlier(store: Store, files: Found, guesses: Guesses) -> list[Fault]:
    """Read the rows of earlier snapshots that cannot be used."""
    queries = earlier_faults(files.days) if files.days else {}
    return [
        Fault(file, int(line), column, said, rule, _hint(rule, said, guesses))
        for rule, query in queries.items()
        for file, line, column, said in store.rows(f"{query} ORDER BY ALL")
    ]


class Guesses:
    """The nearest known names, of the first unknown ones: to compare very many takes minutes."""

    def __init__(self, config: Config) -> None:
        """Collect the names that are known."""
        self.config = config
        self.found: dict[tuple[str, str], str] = {}

    def nearest(self, rule: str, value: str) -> str:
        """Return the known name that is nearest to a stage or an outcome."""
        key = (rule, value)
        if key not in self.found and len(self.found) < limits.GUESSES:
            stages = rule == "unknown_stage"
            known = declared_names(self.config.pipelines) if stages else outcome_words(self.config)
            self.found[key] = nearest(value, known)
        return self.found.get(key, "")


def _hint(rule: str, value: str, guesses: Guesses) -> str:
    """Say what happens, or which name is nearest."""
    if rule == "unknown_stage" and not value:
        return "The row names no stage; say in [source] which it is in: unnamed_stage = '...'"
    if rule == "unknown_stage":
        near = guesses.nearest(rule, value)
        guess = f"did you mean {near!r}? " if near else ""
        return f"{guess}Declare it as a stage or an alias; its deal is set aside"
    if rule == "outcome_unknown":
        near = guesses.nearest(rule, value)
        guess = f"did you mean {near!r}? " if near else ""
        return f"{guess}Say what it means in [source.outcomes]; it is taken as empty"
    return HINTS.get(rule, "")


def faults_csv(faults: tuple[Fault, ...]) -> str:
    r"""Return faults as CSV text, with `\n` line ends and no cell that runs as a formula.

    >>> faults_csv((Fault("a.csv", 2, "value", "=1+1", "value_unreadable"),))
    "file,row,column,value,rule,hint\na.csv,2,value,'=1+1,value_unreadable,\n"
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for fault in faults:
        row = "" if fault.row is None else str(fault.row)
        texts = (fault.where, row, fault.column, fault.value, fault.rule, fault.hint)
        writer.writerow([safe_text(text) for text in texts])
    return out.getvalue()


def safe_text(text: str) -> str:
    """Return a user's text that no spreadsheet takes for a formula.

    >>> safe_text("=1+1"), safe_text("Offer")
    ("'=1+1", 'Offer')
    """
    return f"'{text}" if text.lstrip(UNSEEN).startswith(RUNS_AS_FORMULA) else text
