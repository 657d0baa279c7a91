"""Which part a column and a table play by what their cells hold, whatever their headings say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.errors import Ask, LeakkitError
from leakkit.sources.cells.no_data import BLANK
from leakkit.sources.headings.heading_words import (
    DEALS,
    HISTORY,
    OTHER_FACT,
    REFUSED,
    UNIT,
    VERSIONS,
    exports_of,
    heading_of,
    loose,
)
from leakkit.sources.headings.table_parts import TablePart, part_of
from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.sources.headings.reading import Reading, Table

LOOKED_AT = 20_000
"""So many rows of a file are looked at."""
UNIQUE = 0.9
"""An id of deals has at least this share of different values among its filled cells."""
MOMENTS = ("created_at", "closed_at", "entered_at", "stage_since")
TOLD_APART = ("stage", "outcome", "closed_at")
"""Of several such columns one is not as good as another."""
FLAGS = frozenset({"true", "false", "yes", "no", "y", "n", "0", "1", "t", "f", "ja", "nein"})
STAGES_OF = ("stage", "last_stage", "from_stage")
FEW = 50
"""An outcome has no more different words."""
ENOUGH = 20
"""Of fewer cells each may well be another one."""


def by_cells(reading: Reading, table: Table, part: TablePart) -> TablePart:
    """Return the part with every column that usual headings name settled by its cells.

    Of several columns that a heading could name, the first whose cells fit counts; of two
    reasons that fit, the one that is filled more. A column whose cells do not fit is none.
    """
    known = dict(part.known)
    rivals = dict(part.rivals)
    given = replace(table, known=known)
    if known.get("currency"):
        # also where a maker calls it so: the key of a currency says nothing by itself
        rivals.setdefault("currency", (known["currency"],))
    for name, headings in rivals.items():
        fits = [
            h
            for h in headings
            if _fits(reading, table, (name, h), part.table)
            or (name == "opportunity_id" and names_deals_often(reading, given, h))
        ]
        fits = [h for h in fits if h == known[name] or h not in known.values()]
        if name == "lost_reason":
            fits.sort(key=lambda heading: -_count_filled(reading, table, heading))
        best = fits[0] if fits else ""
        if best != known[name]:
            reading.say(table.file, "not_by_cells", name, known[name])
        known[name] = best
    _refuse_two_facts(table, known)
    kept = {name: heading for name, heading in known.items() if heading or name in part.known}
    return replace(part, known=kept)


def _refuse_two_facts(table: Table, known: Mapping[str, str]) -> None:
    """Raise where a heading that is one of ours differs from another in its brackets only."""
    for name in TOLD_APART:
        own = known.get(name, "")
        bare = loose(UNIT.sub("", own))
        same = [h for h in table.types if UNIT.search(h) and loose(UNIT.sub("", h)) == bare]
        same = [h for h in same if not OTHER_FACT.search(h)]
        if own not in same or len(same) == 1:
            continue
        lines = " or ".join(f"{name} = {heading!r}" for heading in same)
        message = (
            f"{table.file} has {len(same)} columns of that kind. Say in [source] which: {lines}."
        )
        ask = Ask("source", name, tuple(same), "which of these columns")
        raise LeakkitError("two_columns", message, asks=(ask,))


def _fits(reading: Reading, table: Table, column: tuple[str, str], part: str) -> bool:
    """Say whether the cells of a column can be what its heading says."""
    name, heading = column
    if name in MOMENTS:
        return holds_dates(reading, table, heading)
    if table.types[heading] != "VARCHAR" or (name == "opportunity_id" and part != DEALS):
        return True
    fits = FITS.get(name)
    return fits is None or fits(reading, table, heading)


def holds_dates(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether the cells of a column can be moments."""
    if table.types[heading] != "VARCHAR":
        return table.types[heading] != "BOOLEAN"
    return not _is_flag(reading, table, heading) and _has_digits(reading, table, heading)


def _some(table: Table, heading: str) -> str:
    """Return SQL for the filled cells of a column in the rows that are looked at."""
    said = quote(heading)
    nothing = f" AND lower({said}) NOT IN {BLANK}" if table.types[heading] == "VARCHAR" else ""
    return (
        f"(SELECT {said} AS said FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {said} <> ''{nothing} LIMIT {LOOKED_AT})"
    )


def _count_filled(reading: Reading, table: Table, heading: str) -> int:
    """Count the filled cells."""
    return int(reading.store.value(f"SELECT count(*) FROM {_some(table, heading)}"))  # noqa: S608 - quoted


def _is_id(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether nearly all cells differ, and few have decimals."""
    filled, different, decimals = reading.store.rows(
        "SELECT count(*), count(DISTINCT said), "  # noqa: S608 - quoted
        "count(*) FILTER (regexp_full_match(said, '[-+]?[0-9., ]*[.,][0-9]{1,2}')) "
        f"FROM {_some(table, heading)}"
    )[0]
    return bool(filled == 0 or (different >= UNIQUE * filled and decimals * 2 <= filled))


OF_ONE_DEAL = ("name", "pipeline", "stage", "outcome", "created_at", "closed_at", "value")
"""What is the same in every row of a deal that stands in a list once for each of its owners."""
FEWEST_FACTS = 3
KEYS = r"'^\S*\p{Nd}\S*$'"
"""What ids look like, and names do not: a digit, and no space."""


def names_deals_often(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a list has several rows of a deal, all of which tell the same of it.

    So does a list that was joined with owners, contacts or products.
    """
    facts = facts_of_deals(table)
    if reading.config.source.each_row_is_a_deal:
        return False
    dated = {"created_at", "closed_at"} & facts.keys()
    if len(facts) < FEWEST_FACTS or not dated or not holds_keys(reading, table, heading):
        return False
    key = table.text_under(heading)
    said = f"hash({', '.join(map(table.text_under, facts.values()))})"
    other = reading.store.rows(
        f"SELECT {key} FROM {table.relation} WHERE {key} <> '' "  # noqa: S608 - quoted
        f"GROUP BY {key} HAVING min({said}) <> max({said}) LIMIT 1"
    )
    return not other


def facts_of_deals(table: Table) -> dict[str, str]:
    """Return the columns of what is told of a deal, by what they tell."""
    return {name: heading for name in OF_ONE_DEAL if (heading := table.heading(name))}


def holds_keys(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether nearly all cells look like ids, and some stand twice."""
    filled, different, keys = reading.store.rows(
        f"SELECT count(*), count(DISTINCT said), count(*) FILTER (regexp_matches(said, {KEYS})) "  # noqa: S608 - quoted
        f"FROM {_some(table, heading)}"
    )[0]
    return bool(different < filled and keys >= UNIQUE * filled)


def _is_flag(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column says yes and no."""
    rows = reading.store.rows(
        f"SELECT DISTINCT lower(trim(said)) FROM {_some(table, heading)} LIMIT 4"  # noqa: S608 - quoted
    )
    return bool(rows) and {str(row[0]) for row in rows} <= FLAGS


def _has_digits(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether most filled cells have digits, of any script."""
    filled, digits = reading.store.rows(
        r"SELECT count(*), count(*) FILTER (regexp_matches(said, '\p{Nd}')) "  # noqa: S608 - quoted
        f"FROM {_some(table, heading)}"
    )[0]
    return bool(filled == 0 or digits * 2 >= filled)


def _is_one_number(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds one number only: the currency of the house, by its number.

    Several are several currencies, and none of them can be left out.
    """
    rows = reading.store.rows(
        r"SELECT DISTINCT regexp_matches(said, '^[-+]?\p{Nd}+$'), said "  # noqa: S608 - quoted
        f"FROM {_some(table, heading)} LIMIT 2"
    )
    return len(rows) == 1 and bool(rows[0][0])


def _is_measured(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds days, amounts or another text in every row: no stages."""
    filled, different, days, parts = reading.store.rows(
        r"SELECT count(*), count(DISTINCT said), "  # noqa: S608 - quoted
        r"count(*) FILTER (regexp_matches(said, '^\p{Nd}{1,4}[-/.]\p{Nd}{1,2}[-/.]\p{Nd}{1,4}')), "
        r"count(*) FILTER (regexp_matches(said, '^[-+]?\p{Nd}+[.,]\p{Nd}+$')) "
        f"FROM {_some(table, heading)}"
    )[0]
    alone = filled >= ENOUGH and different >= UNIQUE * filled
    return bool(filled and (alone or days * 2 > filled or parts * 2 > filled))


def _is_outcome(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column has few different words, and not another one in nearly every row."""
    filled, different = reading.store.rows(
        f"SELECT count(*), count(DISTINCT trim(said)) FROM {_some(table, heading)}"  # noqa: S608 - quoted
    )[0]
    alone = filled >= ENOUGH and different >= UNIQUE * filled
    return bool(different <= FEW and not alone)


def _is_amount(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether the cells of a column can be amounts."""
    return not _is_flag(reading, table, heading) and _has_digits(reading, table, heading)


def _names_stages(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether the cells of a column can be stages."""
    return not _is_measured(reading, table, heading)


def _names_currencies(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether the cells of a column can be currencies."""
    return not _is_one_number(reading, table, heading)


FITS = {
    "opportunity_id": _is_id,
    "value": _is_amount,
    "currency": _names_currencies,
    "outcome": _is_outcome,
    **dict.fromkeys(STAGES_OF, _names_stages),
}
"""Our columns -> what their cells have to be, where they are texts."""


# ---------------- tables with a row for every change, or every day, of a deal

SINCE = (
    *("_fivetran_start", "_dlt_valid_from", "dbt_valid_from", "_airbyte_start_at"),
    *("valid_from", "effective_from", "row_effective_from", "date_day", "snapshot_date"),
    *("snapshot_day", "snapshot_at", "as_of_date", "report_date"),
)
"""Since when a row holds, or the day of which it says how a deal stood."""
COPIED = (
    *("_sdc_batched_at", "_sdc_extracted_at", "_sdc_received_at", "_sdc_sequence"),
    *("_airbyte_extracted_at", "_airbyte_emitted_at"),
)
"""Signs that rows were added and none was written over; when they were copied is no moment."""
CHANGED = (
    *("systemmodstamp", "last_modified_date", "lastmodifieddate", "hs_lastmodifieddate"),
    *("property_hs_lastmodifieddate", "update_time", "updated_at", "modified_time", "write_date"),
)
"""When a row was changed in the CRM itself."""


def by_versions(reading: Reading, table: Table, part: TablePart) -> TablePart:
    """Return the part of a table that has several rows of one deal, in several stages.

    The heading alone does not say so: a table of present rows may have such a column.
    """
    since = heading_of(table, SINCE)
    if not since and heading_of(table, COPIED):
        since = heading_of(table, CHANGED)
    since = since or replace(table, known=dict(part.known)).heading("stage_since") or ""
    if not since or part.table not in {DEALS, REFUSED, ""}:
        return part
    found = part
    if part.table == REFUSED:
        kinds = [one for one in exports_of(reading.config) if one.table != REFUSED]
        found = part_of(list(table.types), table.renamed, kinds)
    known = replace(table, known=dict(found.known))
    if known.heading("opportunity_id") is None or known.heading("stage") is None:
        return part
    moved = reading.store.rows(
        f"SELECT deal FROM (SELECT {known.text('opportunity_id')} AS deal, "  # noqa: S608 - quoted
        f"{known.text('stage')} AS stood FROM {table.relation}) "
        "WHERE deal <> '' GROUP BY deal HAVING count(DISTINCT stood) > 1 LIMIT 1"
    )
    if not moved:
        return part
    reading.say(table.file, "versions", VERSIONS, since)
    return replace(found, table=VERSIONS, known={**found.known, "entered_at": since})


# ---------------- lists that look like a history

OF_DEALS = ("created_at", "closed_at", "outcome")
"""What is told of a deal, and seldom of a move."""
ENOUGH_DEALS = 20
"""Of fewer deals it may well be that none has moved yet."""
FEW_TWICE = 0.02


def recognise_list(reading: Reading, table: Table, part: TablePart) -> TablePart:
    """Return the part of a table with a moment for each stage, but only one row for each deal.

    In a history, deals that reached a later stage have a row for each stage before it. Where
    each deal has one row, in whatever stage, the moment says since when it stands there.
    """
    known = replace(table, known=dict(part.known))
    if part.table != HISTORY or part.export or not _may_be_list(known):
        return part
    since = str(known.heading("entered_at"))
    if not _is_list(reading, known):
        return part
    found = {**part.known, "entered_at": "", "stage_since": since}
    if not known.heading("closed_at") and not known.heading("outcome"):
        # a deal whose stage is a close stands in it since it was closed
        found["closed_at"] = since
    reading.say(table.file, "list_not_history", DEALS, since)
    return replace(part, table=DEALS, known=found)


def _may_be_list(table: Table) -> bool:
    """Say whether the headings are those of a list of deals as well, and nobody said otherwise."""
    declared = "entered_at" in table.renamed and table.find(table.renamed["entered_at"])
    of_deals = any(table.heading(name) for name in OF_DEALS)
    moves = table.heading("from_stage") or table.heading("seq")
    return bool(of_deals and not moves and not declared and table.heading("stage"))


def _is_list(reading: Reading, table: Table) -> bool:
    """Say whether hardly a deal has a second row, and the deals stand in several stages."""
    deal, stage = table.text("opportunity_id"), table.text("stage")
    for rows in (f"(SELECT * FROM {table.relation} LIMIT {LOOKED_AT})", table.relation):  # noqa: S608 - quoted
        n_rows, deals, stages = reading.store.rows(
            f"SELECT count(*), count(DISTINCT {deal}), count(DISTINCT {stage}) "  # noqa: S608 - quoted
            f"FROM {rows} WHERE {deal} <> ''"
        )[0]
        if deals < ENOUGH_DEALS or stages < 2 or n_rows - deals > FEW_TWICE * n_rows:  # noqa: PLR2004 - several
            return False
    return True
