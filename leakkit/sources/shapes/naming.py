"""Stages that a history calls by numbers and the deals by names: told by where deals stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import declared_names
from leakkit.sources.toml import quote_toml as toml
from leakkit.store.database import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.sources.headings.reading import Reading, Table

FEWEST, SURE = 3, 0.9
"""So many deals whose history ends in a number, and such a share of them, tell its name."""
SHOWN = 20


def name_by_deals(reading: Reading, history: Table, deals: Table, moves: str) -> Table:
    """Give the stages of a history the names that its deals stand under, where all are told.

    `moves` is SQL for the rows that are moves. A deal whose history ends in "4" and that
    stands in Offer says that 4 is Offer; so many of them say it surely. Where one number
    stays without a name, all keep theirs: half a history of names would split stages.
    """
    if not deals.heading("stage") or not _other_names(reading, history, deals, moves):
        return history
    names = _learn_names(reading, history, deals, moves)
    said = _texts(reading, _both(history, moves))
    if set(names) != set(said) or len(set(names.values())) < len(names):
        return history
    for number, name in names.items():
        reading.say(history.file, "stage_name", name, number)
    cases = " ".join(f"WHEN {literal(n)} THEN {literal(name)}" for n, name in names.items())
    columns = {
        heading: f"CASE WHEN {moves} THEN CASE {text} {cases} ELSE {text} END ELSE {text} END"
        for part in ("stage", "from_stage")
        if (heading := history.heading(part))
        for text in [history.text_under(heading)]
    }
    return rewritten(reading, history, columns, "named")


def refuse_other_names(reading: Reading, history: Table, deals: Table, moves: str) -> None:
    """Raise where the history calls no stage as the deals do, with the lines that name them."""
    said = _texts(reading, _both(history, moves))
    declared = set(map(fold_name, declared_names(reading.config.pipelines)))
    if declared & set(map(fold_name, said)) or not _other_names(reading, history, deals, moves):
        return
    stand = _texts(reading, f"SELECT {deals.text('stage')} AS said FROM {deals.relation}")  # noqa: S608 - quoted
    names = _learn_names(reading, history, deals, moves)
    left = ", ".join(name for name in stand if name not in names.values())
    faults = tuple(
        Fault(
            history.file,
            None,
            history.heading("stage") or "",
            number,
            f"most deals that end there stand in {name}"
            if (name := names.get(number, ""))
            else f"is it one of {left}?",
            f"{{ name = {toml(name or '...')}, aliases = [{toml(number)}] }}   # in stages",
        )
        for number in said[:SHOWN]
    )
    message = (
        f"{history.file} calls the stages {', '.join(said[:SHOWN])}, and {deals.file} "
        f"{', '.join(stand[:SHOWN])}: no name is in both. Put the list of stages with their "
        "numbers and names beside them, or write the stages in order into leakkit.toml, as "
        "[[pipelines]] with a name and stages = [...]:"
    )
    raise LeakkitError("stage_names", message, faults)


def _both(history: Table, moves: str) -> str:
    """Return SQL for the stages that the moves of a history name, old and new."""
    each = [history.text(part) for part in ("stage", "from_stage")]
    return " UNION ALL ".join(
        f"SELECT {text} AS said FROM {history.relation} WHERE {moves}"  # noqa: S608 - quoted
        for text in each
    )


def _texts(reading: Reading, sql: str) -> list[str]:
    """Return the different texts of a query, in order."""
    rows = reading.store.rows(
        f"SELECT said FROM ({sql}) WHERE said <> '' GROUP BY 1 ORDER BY 1"  # noqa: S608 - of this module
    )
    return [str(row[0]) for row in rows]


def _other_names(reading: Reading, history: Table, deals: Table, moves: str) -> bool:
    """Say whether history and deals have several stages each, and no name in common."""
    said = {fold_name(text) for text in _texts(reading, _both(history, moves))}
    stand = _texts(reading, f"SELECT {deals.text('stage')} AS said FROM {deals.relation}")  # noqa: S608 - quoted
    return len(said) > 1 and len(stand) > 1 and said.isdisjoint(map(fold_name, stand))


def _learn_names(reading: Reading, history: Table, deals: Table, moves: str) -> Mapping[str, str]:
    """Return the names that deals tell: what their history ends in -> where they stand."""
    rows = reading.store.rows(
        f"""
        SELECT number, arg_max(name, (n, name)) AS name
        FROM (SELECT number, name, count(*) AS n, sum(count(*)) OVER (PARTITION BY number) AS of_all
              FROM (SELECT id, arg_max(said, (moment, line)) AS number
                    FROM (SELECT {history.text("opportunity_id")} AS id, {history.text("stage")}
                                 AS said, {history.text("entered_at")} AS moment,
                                 {history.line} AS line
                          FROM {history.relation} WHERE {moves})
                    WHERE said <> '' AND moment <> '' GROUP BY id)
              JOIN (SELECT {deals.text("opportunity_id")} AS id, {deals.text("stage")} AS name
                    FROM {deals.relation}) USING (id)
              WHERE name <> '' GROUP BY number, name)
        WHERE n >= {FEWEST} AND n >= {SURE} * of_all
        GROUP BY number ORDER BY number
        """  # noqa: S608 - quoted
    )
    return {str(number): str(name) for number, name in rows}
