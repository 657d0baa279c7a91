"""How deals are known: by their row where a list has no ids, and by ids in two forms.

Ids of Salesforce have 15 letters in which case counts, or 18 that need no case. Other ids
have the same letters before them in one of two files, or zeros, or end in `.0`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from leakkit.errors import Ask, LeakkitError
from leakkit.sources.cells.no_data import empty_cells, repeated_headings, set_aside
from leakkit.sources.formats.rows import LINE, rewritten
from leakkit.sources.headings.evidence import facts_of_deals, holds_keys, names_deals_often
from leakkit.sources.headings.heading_words import exports_of
from leakkit.sources.headings.table_parts import part_of
from leakkit.store.database import quote

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.source_files import Files
    from leakkit.store.database import Store

NEARLY_ALL = 0.6
"""So many rows of a list of deals have a name of their own; a history has a few for each."""
DATED = ("created_at", "closed_at")


def may_be_deals(table: Table, *, asked: bool) -> bool:
    """Say whether a table without ids has what a list of deals has; `asked`: it is one."""
    if table.heading("opportunity_id") or table.heading("entered_at") or not table.heading("stage"):
        return False
    dated = any(table.heading(name) for name in (*DATED, "outcome"))
    return asked or bool(table.heading("name") and dated)


def with_ids(reading: Reading, files: Files) -> Files:
    """Let each row of a list without ids, and without a history beside it, be a deal."""
    deals = files.opportunities
    if deals is None or files.snapshots:
        return files
    own = deals.heading("opportunity_id")
    if own and names_deals_often(reading, deals, own) and _differ(reading, deals, own):
        return replace(files, opportunities=_merge_rows(reading, deals, own))
    if files.history or not _has_no_ids(reading, deals):
        return files
    return replace(files, opportunities=_number_deals(reading, deals))


def _differ(reading: Reading, table: Table, own: str) -> bool:
    """Say whether rows of one deal differ at all: those that are equal merge by themselves."""
    return bool(
        reading.store.rows(
            f"SELECT 1 FROM {table.relation} GROUP BY {table.text_under(own)} "  # noqa: S608 - quoted
            f"HAVING min({table.content()}) <> max({table.content()}) LIMIT 1"
        )
    )


def _merge_rows(reading: Reading, table: Table, own: str) -> Table:
    """Keep the first row of every deal, where the others differ in its owner or product only."""
    key, name = table.text_under(own), quote(f"one row each of {table.file}")
    columns = ", ".join(map(quote, table.types))
    reading.store.run(
        f"CREATE TEMP TABLE {name} AS SELECT {table.line} AS {quote(LINE)}, {columns} "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {key} = '' OR {table.line} IN "
        f"(SELECT min({table.line}) FROM {table.relation} GROUP BY {key})"
    )
    rows = f"SELECT (SELECT count(*) FROM {table.relation}) - (SELECT count(*) FROM {name})"  # noqa: S608 - quoted
    n = int(reading.store.value(rows))
    reading.count("rows_of_one_deal", n)
    reading.merge_copies(table.file, n)
    same = ", ".join(facts_of_deals(table).values())
    reading.say(table.file, "rows_of_one_deal", own, same)
    return replace(table, relation=name, line=quote(LINE))


def _has_no_ids(reading: Reading, table: Table) -> bool:
    """Say whether the rows of a list are known by nothing, or by a name that is not their own.

    Raises where so many names stand twice that the rows may be those of a history.
    """
    own, name = table.heading("opportunity_id"), table.heading("name")
    if own and own != name:
        return False
    if own is None and reading.config.source.each_row_is_a_deal:
        return True
    if own is None:
        _refuse_repeated_ids(reading, table)
    if name is None:
        return False
    rows, names = reading.store.rows(
        f"SELECT count(*), count(DISTINCT {table.text_under(name)}) FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {table.text_under(name)} <> ''"
    )[0]
    if own and rows == names:
        return False
    if names < NEARLY_ALL * rows and not reading.config.source.each_row_is_a_deal:
        message = (
            f"{table.file} has no column with ids, and its {rows:,} rows have only {names:,} "
            f"names. Say which it is in [source]: opportunity_id = '...', or, if each row is a "
            "deal, each_row_is_a_deal = true."
        )
        each = "true, if each row is a deal; else take this line out, and name the column of ids"
        asks = (
            Ask("source", "each_row_is_a_deal", ("true",), each),
            Ask(
                "source",
                "opportunity_id",
                tuple(table.types)[:3],
                "the column of ids",
                needed=False,
            ),
        )
        raise LeakkitError("no_ids", message, asks=asks)
    return True


def _refuse_repeated_ids(reading: Reading, table: Table) -> None:
    """Raise where a column of ids has them in several rows, which differ in what they tell."""
    found = part_of(list(table.types), table.renamed, exports_of(reading.config))
    own = dict(found.known).get("opportunity_id", "")
    if not own or own == table.heading("name") or not holds_keys(reading, table, own):
        return
    message = (
        f"{table.file} has several rows for many deals of {own}, and they tell different things "
        "of a deal. Keep one row for each deal: of lines with an amount each, one with their sum. "
        "If the rows are moves, say in [source] when each was: entered_at = '...'; if each row is "
        "a deal, each_row_is_a_deal = true."
    )
    each = "true, if each row is a deal; else take this line out, and mend the file"
    asks = (
        Ask("source", "each_row_is_a_deal", ("true",), each),
        Ask("source", "entered_at", (), "when each move was, if the rows are moves", needed=False),
    )
    raise LeakkitError("ids_repeat", message, asks=asks)


def _number_deals(reading: Reading, table: Table) -> Table:
    """Return a table with an id made of the row, and none where a row is no deal."""
    found = dict.fromkeys(_lone(reading, table), "lone_cell")
    found |= dict.fromkeys(repeated_headings(reading, table), "repeated_heading")
    set_aside(reading, table, found)
    heading = _free(table, "row")
    reading.say(table.file, "row_deals", heading)
    line = f"'row ' || CAST({table.line} AS VARCHAR)"
    new = rewritten(reading, table, {}, "numbered", {heading: line})
    new = replace(new, known={**new.known, "opportunity_id": heading})
    return rewritten(reading, new, empty_cells(new, found), "ids") if found else new


def _free(table: Table, name: str) -> str:
    """Return a heading that the table does not have."""
    while table.find(name):
        name += " (of the file)"
    return name


def _lone(reading: Reading, table: Table) -> list[int]:
    """Return the rows that hold one cell or none: headings of groups, and what sums them up."""
    filled = " + ".join(f"CAST({table.text_under(h)} <> '' AS INTEGER)" for h in table.types)
    sure = [h for n in ("stage", *DATED, "outcome") if (h := table.heading(n))]
    empty = " AND ".join(f"{table.text_under(heading)} = ''" for heading in sure) or "FALSE"
    rows = reading.store.rows(
        f"SELECT {table.line} FROM {table.relation} WHERE {filled} <= 1 OR ({empty}) ORDER BY 1"  # noqa: S608 - quoted
    )
    return [int(row[0]) for row in rows]


# ---------------- ids of Salesforce

SHORT, LONG = 15, 18
OF_THESE_LENGTHS = f"""
SELECT count(*) FROM read_opportunities
WHERE length(opportunity_id) IN ({SHORT}, {LONG})
"""  # noqa: S608 - numbers
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE id_pairs AS
SELECT h.id AS said, min(o.id) AS id
FROM (SELECT DISTINCT opportunity_id AS id FROM read_history
      WHERE length(opportunity_id) IN ({SHORT}, {LONG})) h
JOIN (SELECT DISTINCT opportunity_id AS id FROM read_opportunities
      WHERE length(opportunity_id) IN ({SHORT}, {LONG})) o
  ON left(o.id, {SHORT}) = left(h.id, {SHORT}) AND length(o.id) <> length(h.id)
GROUP BY h.id HAVING count(*) = 1
"""  # noqa: S608 - numbers


def match_long_ids(reading: Reading) -> None:
    """Give history rows the id that the deals have, where one of both is cut to 15 letters."""
    store = reading.store
    if not store.value(OF_THESE_LENGTHS):
        return
    store.run(PAIRS)
    rows = int(
        store.value(
            "SELECT count(*) FROM read_history h JOIN id_pairs p ON p.said = h.opportunity_id"
        )
    )
    if not rows:
        return
    reading.count("ids_of_15_letters", rows)
    replace_history(
        store,
        """
        SELECT h.* REPLACE (COALESCE(p.id, h.opportunity_id) AS opportunity_id)
        FROM read_history h LEFT JOIN id_pairs p ON p.said = h.opportunity_id
        """,
    )


# ---------------- ids of which one file has another form

FEWEST, NEARLY_EVERY = 5, 0.95
"""So many ids, and so much of the shorter list of them, are the same in one form only."""
LONGEST = 40
FORMS = {
    "regexp_replace(id, '[.]0+$', '')": "regexp_full_match(id, '[0-9]+[.]0+')",
    "ltrim(id, '0')": "regexp_full_match(id, '[0-9]+') AND length(id) = "
    "(SELECT max(length(id)) FROM {side})",
}
"""The form that the other file has -> what every id of this file looks like."""
SOME_IN_BOTH = """
    SELECT count(*) FROM read_opportunities
    WHERE opportunity_id IN (SELECT opportunity_id FROM read_history LIMIT 100)
    """
"""Most files need no more than this look: whichever rows they are, one id in both is enough."""
SIDES = {"deal_forms": "read_opportunities", "history_forms": "read_history"}


def match_other_forms(reading: Reading) -> None:
    """Give history rows the ids of the deals, where one file has all of its ids in another form.

    Where an id stands in both files as it is, or two forms would do, nothing is matched.
    """
    store = reading.store
    if store.value(SOME_IN_BOTH):
        return
    for side, rows in SIDES.items():
        store.run(
            f"CREATE OR REPLACE TEMP TABLE {side} AS "  # noqa: S608 - names
            f"SELECT DISTINCT opportunity_id AS id FROM {rows} WHERE opportunity_id <> ''"
        )
    deals, history = SIDES
    if store.value(f"SELECT count(*) FROM {deals} JOIN {history} USING (id)"):  # noqa: S608 - names
        return
    forms = [
        (side, form)
        for side, other in ((deals, history), (history, deals))
        for form, every in (FORMS | _prefixes(store, side)).items()
        if _fits(store, (side, other), form, every)
    ]
    if len(forms) == 1:
        _match(reading, *forms[0])


def _prefixes(store: Store, side: str) -> dict[str, str]:
    """Return the ways to take off what all ids of a file begin with: up to a sign or a digit."""
    first, last = map(str, store.rows(f"SELECT min(id), max(id) FROM {side}")[0])  # noqa: S608 - a name
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    found = {}
    for n, (end, _) in enumerate(islice(shared, LONGEST), start=1):
        rest = f"substr(id, {n + 1})"
        every = f"regexp_full_match({rest}, '[0-9]+')" if end.isalpha() else f"{rest} <> ''"
        if not end.isdigit():
            found[rest] = every
    return found


def _fits(store: Store, sides: tuple[str, str], form: str, every: str) -> bool:
    """Say whether all ids of a file have a form, and the other file has nearly all without it."""
    side, other = sides
    every = every.format(side=side)
    all_so, ids, forms, both = store.rows(
        f"SELECT bool_and(so), count(*), count(DISTINCT form), count(o.id) FROM "  # noqa: S608 - names
        f"(SELECT {every} AS so, {form} AS form FROM {side}) LEFT JOIN {other} o ON o.id = form"
    )[0]
    fewer = min(ids, int(store.value(f"SELECT count(*) FROM {other}")))  # noqa: S608 - a name
    return bool(all_so) and forms == ids and both >= max(FEWEST, NEARLY_EVERY * fewer)


def _match(reading: Reading, side: str, form: str) -> None:
    """Let the history have the ids of the deals, and count its rows."""
    deals = side == "deal_forms"
    said, its = (form, "id") if deals else ("id", form)
    store = reading.store
    store.run(
        f"CREATE OR REPLACE TEMP TABLE id_forms AS SELECT said, d.id AS id "  # noqa: S608 - names
        f"FROM (SELECT id, {said} AS form FROM deal_forms) d "
        f"JOIN (SELECT id AS said, {its} AS form FROM history_forms) h USING (form)"
    )
    rows = "read_history h JOIN id_forms f ON f.said = h.opportunity_id"
    reading.count("ids_in_another_form", int(store.value(f"SELECT count(*) FROM {rows}")))  # noqa: S608 - names
    replace_history(
        store,
        """
        SELECT h.* REPLACE (COALESCE(f.id, h.opportunity_id) AS opportunity_id)
        FROM read_history h LEFT JOIN id_forms f ON f.said = h.opportunity_id
        """,
    )


def replace_history(store: Store, sql: str) -> None:
    """Put the rows of a query in the place of the history as it was read."""
    store.run(f"CREATE TEMP TABLE other_history AS {sql}")
    kind = store.value(
        "SELECT count(*) FROM duckdb_views() WHERE view_name = 'read_history' AND NOT internal"
    )
    store.run(f"DROP {'VIEW' if kind else 'TABLE'} read_history")
    store.run("ALTER TABLE other_history RENAME TO read_history")
