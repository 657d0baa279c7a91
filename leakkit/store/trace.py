"""What became of every row of one deal, read while a source is being resolved.

The steps and codes are those of docs/contracts.md, "The order in which a source is
resolved". The tables that say it are dropped when the source is loaded, so this reads
them before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError
from leakkit.store import schema
from leakkit.store.account import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.store.database import Store
    from leakkit.store.resolve import Rules

    DealFact = dict[str, int]
    """The number of a deal, under the name that queries have for it."""
    Row = dict[str, Any]
    """A row of one of the tables of resolving, by the names of its columns."""

USED, MERGED, NOT_ASKED, SET_ASIDE = "used", "merged", "not_asked", "set_aside"
FATES = {
    "kept": (USED, 6, "kept"),
    "merged": (MERGED, 8, "equal_neighbours"),
    "close_undone": (MERGED, 9, "close_undone"),
    "win_taken_back": (MERGED, 9, "win_taken_back"),
    "closed_after_win": (NOT_ASKED, 9, "closed_after_win"),
    "close_without_stage": (USED, 14, "close_without_stage"),
}
"""What resolving tells of a row that it put in order."""
NEAREST = 3
LEFT_OUT = "left_out"
"""The relation of the deals that are left out before all else: (opportunity_id, why, seen)."""
GONE = {
    "deleted": "it is deleted",
    "merged": "it was merged into another",
    "listed": "it was merged into another",
    "asked": "leave_out names it",
}
"""Why a deal is left out, in words."""


@dataclass(frozen=True)
class Fate:
    """What became of one row: used, merged, not_asked or set_aside; by which step, and why."""

    line: int
    what: str
    step: int
    reason: str


@dataclass(frozen=True)
class Implied:
    """A row of the history that stands in no file.

    `stage` is a position, -1 (won) or -2 (lost); `day` is local, since 1970-01-01.
    """

    step: int
    reason: str
    pipeline: int
    stage: int
    day: int


@dataclass(frozen=True)
class Trace:
    """The fates of the rows of one deal, and why its outcome is what it is (codes)."""

    opportunity_id: str
    opportunities: tuple[Fate, ...]
    history: tuple[Fate, ...]
    implied: tuple[Implied, ...]
    set_aside: str
    why: tuple[str, ...]


def trace(store: Store, rules: Rules, opportunity_id: str) -> Trace:
    """Return what became of the rows of one deal; LeakkitError names the nearest ids."""
    known = store.rows(
        "SELECT opportunity FROM ids WHERE opportunity_id = $id", {"id": opportunity_id}
    )
    if not known:
        raise _unknown(store, opportunity_id)
    deal = {"deal": known[0][0]}
    set_aside = store.rows("SELECT step, reason FROM aside WHERE opportunity = $deal", deal)
    history_rows = _rows(store, "told", "place, code, entered_at, fate, pipeline", deal, "place")
    reason: tuple[int, str] | None = set_aside[0] if set_aside else None
    return Trace(
        opportunity_id,
        _opportunity_fates(store, rules, opportunity_id, deal, reason),
        _history_fates(store, rules, deal, reason, history_rows),
        () if set_aside else _find_implied(store, rules, deal, history_rows),
        reason[1] if reason else "",
        () if set_aside else _why(store, rules, deal, history_rows),
    )


def _unknown(store: Store, opportunity_id: str) -> LeakkitError:
    """Return the error for a deal that is left out, or in no row, with ids that are near."""
    gone = store.rows(
        f"SELECT why FROM {LEFT_OUT} WHERE opportunity_id = $id ORDER BY why LIMIT 1",  # noqa: S608 - of this module
        {"id": opportunity_id},
    )
    if gone:
        message = f"The deal {opportunity_id!r} is not asked for: {GONE[gone[0][0]]}."
        return LeakkitError("no_opportunity", message)
    rows = store.rows(
        """
        SELECT opportunity_id, levenshtein(opportunity_id, $id) * 3 <= length($id) AS is_near
        FROM ids ORDER BY is_near DESC, levenshtein(opportunity_id, $id), opportunity_id LIMIT $most
        """,
        {"id": opportunity_id, "most": NEAREST},
    )
    near = [name for name, is_near in rows if is_near]
    names = ", ".join(map(repr, near or (name for name, _ in rows))) or "none"
    said = "The nearest" if near else "Ids of the source look like"
    message = f"No row has the opportunity_id {opportunity_id!r}. {said}: {names}."
    return LeakkitError("no_opportunity", message)


def _rows(store: Store, table: str, columns: str, deal: DealFact, order: str) -> list[Row]:
    """Return the rows of a deal in one of the tables of resolving."""
    sql = f"SELECT {columns} FROM {table} WHERE opportunity = $deal ORDER BY {order}"  # noqa: S608 - names of this module
    names = [name.strip().rpartition(" ")[2] for name in columns.split(",")]
    return [dict(zip(names, row, strict=True)) for row in store.rows(sql, deal)]


def _history_fates(
    store: Store,
    rules: Rules,
    deal: DealFact,
    set_aside: tuple[int, str] | None,
    history_rows: list[Row],
) -> tuple[Fate, ...]:
    """Return the fates of the rows of the history, in the order of the file."""
    events = _rows(store, "events", "line, pipeline, code, entered_at, not_asked", deal, "line")
    ordered = store.rows(
        f"""
        SELECT line, 2 * row_number() OVER ({in_order(rules)}) AS place
        FROM events WHERE opportunity = $deal AND NOT not_asked
        """,  # noqa: S608 - names of resolving
        deal,
    )
    places, fates = dict(ordered), {row["place"]: str(row["fate"]) for row in history_rows}
    found = []
    for event in events:
        if event["not_asked"]:
            fate = (NOT_ASKED, *_say_not_asked(event, rules))
        elif set_aside:
            fate = (SET_ASIDE, *set_aside)
        else:
            fate = FATES[fates[places[event["line"]]]]
        found.append(Fate(event["line"], *fate))
    return tuple(found)


def _say_not_asked(event: Row, rules: Rules) -> tuple[int, str]:
    """Say why a row of the history was not asked for: the first reason that holds."""
    if event["pipeline"] == -1:
        return 3, "undeclared_pipeline"
    if event["entered_at"] is not None and event["entered_at"] > rules.cut:
        return 4, "after_as_of"
    if rules.config.source.ignore_unknown_stages:
        return 5, "unknown_stage"
    return 5, "after_win"


def _opportunity_fates(
    store: Store,
    rules: Rules,
    opportunity_id: str,
    deal: DealFact,
    set_aside: tuple[int, str] | None,
) -> tuple[Fate, ...]:
    """Return the fates of the rows of the opportunities, in the order of the file."""
    if rules.one_file:
        return ()
    lines = [
        row[0]
        for row in store.rows(
            "SELECT line FROM given_opportunities WHERE opportunity_id = $id ORDER BY line",
            {"id": opportunity_id},
        )
    ]
    conflict = set_aside is not None and set_aside[1] == "conflicting_rows"
    first = _first_fate(store, deal, set_aside)
    return tuple(
        Fate(line, *(first if line == lines[0] or conflict else (MERGED, 2, "equal_rows")))
        for line in lines
    )


def _first_fate(
    store: Store, deal: DealFact, set_aside: tuple[int, str] | None
) -> tuple[str, int, str]:
    """Return the fate of the first row of a deal in the opportunities."""
    if set_aside:
        return (SET_ASIDE, *set_aside)
    if store.rows("SELECT 1 FROM opportunities WHERE opportunity = $deal", deal):
        return USED, 11, "kept"
    own = store.rows("SELECT own_pipeline FROM deals WHERE opportunity = $deal", deal)
    undeclared = bool(own) and own[0][0] == -1
    return (NOT_ASKED, 3, "undeclared_pipeline") if undeclared else (NOT_ASKED, 4, "after_as_of")


def _find_implied(
    store: Store, rules: Rules, deal: DealFact, history_rows: list[Row]
) -> tuple[Implied, ...]:
    """Return the rows that stand in no file, in the order of the history."""
    columns = "place, pipeline, code, entered_at, stageless"
    closes = _rows(store, "new_closes", columns, deal, "place")
    rows = [(row, why) for row in history_rows if (why := _say_why_implied(row)) is not None]
    rows += [
        (row, (10, "outcome_column" if row["code"] < 0 else "present_stage"))
        for row in closes
        if not row["stageless"]
    ]
    found = [
        (
            row["place"],
            Implied(*why, row["pipeline"], row["code"], rules.zone.day(row["entered_at"])),
        )
        for row, why in rows
    ]
    return tuple(each for _, each in sorted(found, key=lambda pair: pair[0]))


def _say_why_implied(row: Row) -> tuple[int, str] | None:
    """Say why a row that was told stands in no file; None where it stands in one."""
    if row["fate"] == "implied":
        return 9, "reopened_by_close"
    return (7, "from_stage_used") if row["place"] == 0 else None


def _why(store: Store, rules: Rules, deal: DealFact, history_rows: list[Row]) -> tuple[str, ...]:
    """Say why the outcome is what it is (step 10), as codes."""
    columns = "said, end_code, closed_at, later_close"
    judged = _rows(store, "judged", columns, deal, "said")
    made = _rows(store, "new_closes", "instead, before_entry, code", deal, "place")
    closes = [row for row in made if row["code"] < 0]
    first = _rows(store, "first_moves", "known", deal, "place")
    why = ["from_stage_without_start"] if any(not row["known"] for row in first) else []
    if any(row["fate"] == "close_without_stage" for row in history_rows):
        why.append("close_without_stage")
    if not judged:
        return (*why, "history_without_opportunity", "history")
    row = judged[0]
    closed, history = row["closed_at"], row["end_code"]
    if row["later_close"]:
        why.append("closes_after_as_of")
    if closes and not closes[0]["instead"] and closed is None:
        why.append("closed_without_moment")
    if closes and not closes[0]["instead"] and closes[0]["before_entry"]:
        why.append("closed_before_entry")
    if history is None:
        return (*why, "without_history")
    disagree = history < 0 and row["said"] is not None and row["said"] != history
    if disagree:
        why.append("outcome_disagrees")
    if row["said"] == 0 and history >= 0 and closed is not None and closed <= rules.cut:
        why.append("open_with_closed_at")
    return (*why, "outcome_column" if closes else "history")


VISITS = """
SELECT n.name AS pipeline, p.stage, s.name, p.visit, p.entry, p.entered_day, p.entered_tick,
       p.exit, p.left_day, p.left_tick, t.name AS to_stage
FROM passages p
JOIN opportunities o ON o.opportunity = p.opportunity
JOIN pipelines n ON n.pipeline = p.pipeline
JOIN stages s ON s.pipeline = p.pipeline AND s.stage = p.stage
LEFT JOIN stages t ON t.pipeline = p.pipeline AND t.stage = p.to_stage
WHERE o.opportunity_id = $id
ORDER BY p.step
"""
STANDS = """
SELECT o.outcome, o.created_day, o.closed_day, n.name, c.name AS current_stage
FROM opportunities o
JOIN pipelines n ON n.pipeline = o.pipeline
LEFT JOIN stages c ON c.pipeline = o.pipeline AND c.stage = o.current_stage
WHERE o.opportunity_id = $id
"""


@dataclass(frozen=True)
class Passage:
    """One visit as the store has it; a tick is a day, or an hour in a pipeline by the hour."""

    pipeline: str
    stage: int
    name: str
    visit: int
    entry: str
    entered_day: int
    entered_tick: int
    exit: str
    left_day: int | None
    left_tick: int | None
    to_stage: str


@dataclass(frozen=True)
class Standing:
    """How a deal stands: outcome, days since 1970-01-01, pipeline, current stage if given."""

    outcome: str
    created_day: int | None
    closed_day: int | None
    pipeline: str
    current_stage: str


def visits_of(store: Store, opportunity_id: str) -> tuple[Passage, ...]:
    """Return the visits of one deal in their order."""
    return tuple(
        Passage(
            pipeline=row[0],
            stage=row[1],
            name=row[2],
            visit=row[3],
            entry=schema.ENTRIES[row[4]],
            entered_day=row[5],
            entered_tick=row[6],
            exit=schema.EXITS[row[7]],
            left_day=row[8],
            left_tick=row[9],
            to_stage=row[10] or "",
        )
        for row in store.rows(VISITS, {"id": opportunity_id})
    )


def standing_of(store: Store, opportunity_id: str) -> Standing | None:
    """Return how one deal stands; None where it is not in the store."""
    rows = store.rows(STANDS, {"id": opportunity_id})
    if not rows:
        return None
    outcome, created, closed, pipeline, stage = rows[0]
    return Standing(outcome, created, closed, pipeline, stage or "")


@dataclass(frozen=True)
class RowSource:
    """Rows as given: a relation, and SQL for the line of a row and for the deal it is of."""

    relation: str
    line: str
    deal: str


def read_texts(
    store: Store, rows: RowSource, columns: Sequence[str], opportunity_id: str
) -> dict[int, tuple[str, ...]]:
    """Return the texts of the rows of a deal by line; `columns` are SQL for them."""
    named = "".join(f", {column} AS text_{at}" for at, column in enumerate(columns))
    names = "".join(f", text_{at}" for at in range(len(columns)))
    sql = f"""
        SELECT line{names}
        FROM (SELECT {rows.line} AS line, {rows.deal} AS wanted{named} FROM {rows.relation})
        WHERE wanted = $id ORDER BY line
        """  # noqa: S608 - quoted headings
    found = store.rows(sql, {"id": opportunity_id})
    return {int(line): tuple(map(str, texts)) for line, *texts in found}


def read_places(store: Store, made: str, lines: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Return line -> (file, row) of the rows that the lines of a history were made of.

    `made` is the table that says so, '' where there is none.
    """
    if not made:
        return {}
    sql = f"SELECT made, file, line FROM {made} WHERE made IN (SELECT unnest($lines))"  # noqa: S608 - quoted
    rows = store.rows(sql, {"lines": list(lines)})
    return {int(line): (str(file), int(row)) for line, file, row in rows}
