"""What stages are called, and in which order: by the deals, by a list of stages, by labels.

A history may call stages by numbers and the deals by names: where deals stand tells which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import declared_names, heading_of
from leakkit.sources.shapes.deal_ends import cases_of_outcome
from leakkit.sources.shapes.end_columns import find_flags
from leakkit.sources.toml import quote_toml as toml
from leakkit.store.database import literal, literals
from leakkit.store.schema import LISTED_STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.config import Changes
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


# ---------------- labels

LABEL = r'^\{\s*"[^"]*"\s*:\s*"([^"]*)"'
"""A label in several languages, as databases keep it: the first is taken."""


def label_stages(reading: Reading, table: Table, stages: Table) -> Table:
    """Give the stages that a list of stages knows by a number or a code their labels."""
    key, label = key_and_label(stages)
    places = [h for name in ("stage", "from_stage") if (h := table.heading(name))]
    if not key or not label or not places:
        return table
    rows = reading.store.rows(labels_of(stages, key, label))
    reading.say(table.file, "labels", stages.file, f"{len(rows)}")
    return _with_labels(reading, table, [(str(k), str(said)) for k, said in rows if k])


def label_by_own(reading: Reading, table: Table) -> Table:
    """Give stages the names that stand beside their numbers in the history itself."""
    changes = table.export.changes if table.export else None
    pairs = [
        (heading, label)
        for part, words in (changes.names.items() if changes else ())
        if (heading := table.heading(part)) and (label := heading_of(table, words))
    ]
    each = " UNION ALL ".join(
        f"SELECT {table.text_under(heading)} AS key, {table.text_under(label)} AS label "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {moves_of(table)}"
        for heading, label in pairs
    )
    if not each:
        return table
    rows = reading.store.rows(
        f"SELECT key, min(label) FROM ({each}) WHERE key <> '' AND label <> '' "  # noqa: S608 - as above
        "GROUP BY key HAVING count(DISTINCT label) = 1 ORDER BY key"
    )
    return _with_labels(reading, table, [(str(key), str(label)) for key, label in rows])


def _with_labels(reading: Reading, table: Table, labels: list[tuple[str, str]]) -> Table:
    """Write the labels of stages in place of what they are known by."""
    places = [h for name in ("stage", "from_stage") if (h := table.heading(name))]
    cases = " ".join(f"WHEN {literal(key)} THEN {literal(label)}" for key, label in labels)
    if not cases:
        return table
    columns = {
        heading: f"CASE {table.text_under(heading)} {cases} ELSE {table.text_under(heading)} END"
        for heading in places
    }
    return rewritten(reading, table, columns, "labelled")


def key_and_label(stages: Table) -> tuple[str, str]:
    """Return the headings of a list of stages for what a stage is known by, and for its name."""
    columns = stages.export.columns if stages.export else {}
    return heading_of(stages, columns.get("id", ())), heading_of(stages, columns.get("label", ()))


def labels_of(stages: Table, key: str, label: str) -> str:
    """Return SQL for the (key, label) of the stages of a list."""
    text = stages.text_under(label)
    return (
        f"SELECT {stages.text_under(key)}, min(CASE WHEN regexp_matches({text}, '{LABEL}') "  # noqa: S608 - quoted
        f"THEN regexp_extract({text}, '{LABEL}', 1) ELSE {text} END) "
        f"FROM {stages.relation} GROUP BY 1 ORDER BY 1"
    )


def moves_of(history: Table) -> str:
    """Return SQL for the rows of a history that are moves."""
    changes = history.export.changes if history.export else None
    return f"{kind_of_change(history, changes)} = 'stage'" if changes else "TRUE"


def kind_of_change(history: Table, changes: Changes) -> str:
    """Return SQL for what a row is: a move, an outcome, a creation, or another field."""
    field = heading_of(history, changes.field)
    if not field:
        return "'stage'"
    text = f"lower({history.text_under(field)})"
    kinds = (("stage", changes.stage), ("status", changes.status), ("created", changes.created))
    cases = [
        f"WHEN {text} IN ({literals(map(fold_name, words))}) THEN '{kind}'"
        for kind, words in kinds
        if words
    ]
    return f"CASE {' '.join(cases)} ELSE '' END"


# ---------------- the order of stages, and their ends

PLACES = (
    *("stage order", "stage sequence", "stage sort order", "stage position", "sort order"),
    *("stage number", "display order", "probability", "probability (%)", "closeprobability"),
    *("deal - probability", "deal probability", "win probability", "stage probability"),
    *("hs_deal_stage_probability", "wahrscheinlichkeit", "probabilité", "probabilidad"),
)
"""Headings of deals whose cells follow the order of the stages."""
SAME_PLACE = 0.9
"""So large a share of the open deals of a stage has the same place."""


def keep_list(reading: Reading, stages: Table | None) -> None:
    """Keep what a list of stages says of their order, and of those that close deals."""
    reading.store.run(
        f"CREATE OR REPLACE TEMP TABLE {LISTED_STAGES} (name VARCHAR, place DOUBLE, ends VARCHAR)"
    )
    if stages is not None:
        _from_list(reading, stages)


def _from_list(reading: Reading, stages: Table) -> None:
    """Take the order and the ends of a list of stages."""
    key, label = key_and_label(stages)
    columns = stages.export.columns if stages.export else {}
    order = heading_of(stages, columns.get("order", ()))
    if not key or not label:
        return
    ends = find_flags(reading, stages).sql(stages, "''")
    if stages.heading("outcome"):
        ends = cases_of_outcome(reading, stages)
    place = f"TRY_CAST({stages.text_under(order)} AS DOUBLE)" if order else "NULL"
    reading.store.run(
        f"""
        INSERT INTO {LISTED_STAGES}
        SELECT l.label, min(s.place), CASE WHEN min(s.ends) = max(s.ends) THEN min(s.ends) ELSE ''
                                      END
        FROM (SELECT {stages.text_under(key)} AS key, {place} AS place, {ends} AS ends
              FROM {stages.relation}) s
        JOIN ({labels_of(stages, key, label)}) l(key, label) ON l.key = s.key
        WHERE l.label <> '' GROUP BY l.label ORDER BY l.label
        """  # noqa: S608 - quoted
    )
    if order and _is_order(reading):
        reading.say(stages.file, "stage_order", "listed", order)


def _is_order(reading: Reading) -> bool:
    """Say whether every stage has a place of its own."""
    every, different = reading.store.rows(
        f"SELECT count(*), count(DISTINCT place) FROM {LISTED_STAGES}"  # noqa: S608 - a name of this program
    )[0]
    return bool(every > 1 and every == different)


def keep_order(reading: Reading, deals: Table) -> None:
    """Keep the order that a column of deals without a history follows.

    It is the probability that a maker gives to each stage, or the number of the stage. Where
    open deals of one stage differ in it, a person wrote it, and it says nothing of the stage.
    """
    heading = heading_of(deals, PLACES)
    if not heading or not deals.heading("stage"):
        return
    outcome = cases_of_outcome(reading, deals) if deals.heading("outcome") else "''"
    number = f"TRY_CAST(rtrim({deals.text_under(heading)}, ' %') AS DOUBLE)"
    reading.store.run(
        f"""
        INSERT INTO {LISTED_STAGES}
        SELECT stage, place, ''
        FROM (SELECT stage, place, count(*) AS n, sum(count(*)) OVER (PARTITION BY stage) AS of_all
              FROM (SELECT {deals.text("stage")} AS stage, {number} AS place, {outcome} AS ends
                    FROM {deals.relation})
              WHERE stage <> '' AND ends NOT IN ('won', 'lost') GROUP BY stage, place)
        WHERE place IS NOT NULL AND n >= {SAME_PLACE} * of_all ORDER BY stage
        """  # noqa: S608 - quoted
    )
    if _is_order(reading):
        reading.say(deals.file, "stage_order", "listed", heading)
