"""Rows that nobody asks for: of deals that are deleted, merged into others, or left out by name.

Rows are left out before anything is made of them, and counted: what a file holds is read =
used + merged + not asked for + set aside, from its first row on. A deal of which no row is
left among the deals takes its history along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import translate
from re import fullmatch
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import fold_name
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.formats.rows import LINE
from leakkit.sources.headings.heading_words import loose, nearest
from leakkit.sources.shapes.deal_ids import LONG, SHORT, replace_history
from leakkit.sources.shapes.end_columns import is_flag, is_yes
from leakkit.store.database import literal, literals, quote
from leakkit.store.trace import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.headings.source_files import Files

HISTORY, DEALS, SNAPSHOT = "history", "opportunities", "snapshot"
FACTS = {
    "deleted": "deals_deleted",
    "merged": "deals_merged_away",
    "listed": "deals_merged_away",
    "asked": "deals_left_out",
    "where": "rows_left_out",
    "rows": "rows_deleted",
}
"""Why something is left out -> the fact that counts it; `listed`: merged, as another row says."""
SAID = {"deleted": "rows_deleted", "merged": "deals_merged", "where": "rows_not_asked"}
"""Why a column leaves rows out -> the reading that says so."""
NEVER = ("0", "null", "none", "false", "no", "n")
"""What stands where a deal was not deleted, or not merged, beside nothing at all."""


@dataclass(frozen=True)
class Sign:
    """What says that rows are gone: why, SQL that is true of them, and the column that says it."""

    why: str
    test: str
    heading: str


def leave_out_rows(reading: Reading, files: Files) -> Files:
    """Return the files without the rows that nobody asks for; they are counted."""
    columns = "opportunity_id VARCHAR, why VARCHAR, seen BOOLEAN"
    reading.store.run(f"CREATE OR REPLACE TEMP TABLE {LEFT_OUT} ({columns})")
    days = files.snapshots[:-1]
    tables = [t for t in (files.opportunities, files.history, *(t for _, t in days)) if t]
    if reading.config.source.deleted != "kept":
        _leave_out_merged(reading, files.merged)
        for table in tables:
            _take_merged(reading, table)
    _take_named(reading, tables)
    earlier = tuple((day, _without(reading, table, SNAPSHOT)) for day, table in days)
    deals = files.opportunities and _without(reading, files.opportunities, DEALS)
    last = tuple((day, deals) for day, _ in files.snapshots[-1:] if deals)
    history = files.history and _without(reading, files.history, HISTORY, alone=deals is None)
    return replace(files, history=history, opportunities=deals, snapshots=(*earlier, *last))


def without_histories(reading: Reading, file: str) -> None:
    """Leave out the history of the deals that are gone, and count these deals.

    Called when the rows of both files are read. A deal of which another row is left among
    the deals is not gone. `file` is that of the history.
    """
    store = reading.store
    if not store.value(f"SELECT count(*) FROM {LEFT_OUT}"):  # noqa: S608 - of this module
        return
    gone = (
        f"(SELECT opportunity_id AS id, min(why) AS why, bool_or(seen) AS seen FROM {LEFT_OUT} "  # noqa: S608 - of this module
        "WHERE opportunity_id NOT IN (SELECT opportunity_id FROM read_opportunities) GROUP BY 1)"
    )
    # a list of merged deals may name some that were never exported
    there = f"{gone} WHERE seen OR id IN (SELECT opportunity_id FROM read_history)"  # noqa: S608 - as above
    for why, n in store.rows(f"SELECT why, count(*) FROM {there} GROUP BY why ORDER BY why"):  # noqa: S608 - as above
        reading.count(FACTS[str(why)], int(n))
    # the history may have the ids of Salesforce in another length
    cut = (
        f"SELECT left(id, {SHORT}) FROM {gone} WHERE length(id) = {LONG} "  # noqa: S608 - as above
        f"UNION ALL SELECT id FROM {gone}"
    )
    kept = "SELECT opportunity_id FROM read_opportunities"
    short = f"SELECT id FROM {gone} WHERE length(id) = {SHORT}"  # noqa: S608 - as above
    long = f"length(opportunity_id) = {LONG} AND left(opportunity_id, {SHORT}) IN ({short})"
    test = f"(opportunity_id IN ({cut}) OR {long}) AND opportunity_id NOT IN ({kept})"
    n = int(store.value(f"SELECT count(*) FROM read_history WHERE {test}"))  # noqa: S608 - as above
    if n:
        reading.leave_out(HISTORY, file, n)
        replace_history(store, f"SELECT * FROM read_history WHERE NOT ({test})")  # noqa: S608 - as above


def _leave_out_merged(reading: Reading, table: Table | None) -> None:
    """Take the ids of deals that were merged into others from the file that lists them."""
    if table is None:
        return
    own = table.text("opportunity_id")
    reading.store.run(
        f"INSERT INTO {LEFT_OUT} SELECT DISTINCT {own}, 'listed', FALSE FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {own} <> ''"
    )
    reading.say(table.file, "left_out", SAID["merged"], table.heading("opportunity_id") or "")


def _take_merged(reading: Reading, table: Table) -> None:
    """Take the ids of deals that were merged into others from the rows of these others."""
    own = table.text("opportunity_id")
    for heading in _columns(table, vocabulary.words("left_out", "merged_ids")):
        each = rf"unnest(regexp_split_to_array({table.text_under(heading)}, '[;,\s]+'))"
        found = f"SELECT {own} AS own, {each} AS id FROM {table.relation}"  # noqa: S608 - quoted
        reading.store.run(
            f"INSERT INTO {LEFT_OUT} SELECT DISTINCT id, 'listed', FALSE FROM ({found}) "  # noqa: S608 - as above
            "WHERE id <> '' AND id <> own"
        )


def _take_named(reading: Reading, tables: list[Table]) -> None:
    """Take the ids of the deals that `[source.leave_out]` names, by the cells of a column."""
    for name, words in reading.config.source.leave_out.items():
        there = [(table, heading) for table in tables if (heading := _heading(table, name))]
        if not there:
            raise _no_column(tables, name)
        for table, heading in there:
            said = _matching(reading, table, heading, words)
            own = table.text("opportunity_id")
            test = f"{table.text_under(heading)} IN ({literals(said)})" if said else "FALSE"
            reading.store.run(
                f"INSERT INTO {LEFT_OUT} SELECT DISTINCT {own}, 'asked', TRUE "  # noqa: S608 - quoted
                f"FROM {table.relation} WHERE {test} AND {own} <> ''"
            )


def _heading(table: Table, name: str) -> str | None:
    """Return the heading of a column by its canonical name or its own."""
    forms = {loose(heading): heading for heading in table.types}
    return table.find(name) or table.heading(name) or forms.get(loose(name))


def _no_column(tables: list[Table], name: str) -> LeakkitError:
    """Return the error of a column that no file has."""
    near = nearest(name, [heading for table in tables for heading in table.types])
    hint = f"did you mean {near!r}?" if near else ""
    fault = Fault(tables[0].file, None, name, "", "this column of `leave_out` is missing", hint)
    return LeakkitError("missing_columns", "[source.leave_out] names no column:", (fault,))


def _matching(reading: Reading, table: Table, heading: str, words: Iterable[str]) -> list[str]:
    """Return the texts of a column that are one of these words; a * stands for any letters."""
    text = table.text_under(heading)
    rows = reading.store.rows(f"SELECT DISTINCT {text} FROM {table.relation} ORDER BY 1")  # noqa: S608 - quoted
    # only the star means something: other signs of patterns are letters of names
    forms = [translate(_write_pattern(fold_name(word))) for word in words]
    return [str(s) for (s,) in rows if any(fullmatch(form, fold_name(str(s))) for form in forms)]


def _write_pattern(word: str) -> str:
    """Return a word as a pattern in which only a star means more than itself."""
    return "".join(f"[{sign}]" if sign in "?[" else sign for sign in word)


def _without(reading: Reading, table: Table, part: str, *, alone: bool = False) -> Table:
    """Return a table without the rows that are gone, each counted and said."""
    signs = _where(table)
    if reading.config.source.deleted != "kept":
        signs += _find_deleted(reading, table)
    own = table.text("opportunity_id")
    named = f"SELECT opportunity_id FROM {LEFT_OUT} WHERE why IN ('asked', 'listed')"  # noqa: S608 - of this module
    if (part != HISTORY or alone) and reading.store.value(f"SELECT count(*) FROM ({named})"):  # noqa: S608 - as above
        # the history beside deals loses those that are gone when the rows of both are read
        signs.append(Sign("", f"{own} IN ({named})", ""))
    if not signs:
        return table
    gone = " OR ".join(f"COALESCE({sign.test}, FALSE)" for sign in signs)
    before, left = reading.store.rows(
        f"SELECT count(*), count(*) FILTER ({gone}) FROM {table.relation}"  # noqa: S608 - quoted
    )[0]
    if not left:
        return replace(table, where={})
    for sign in signs:
        _note(reading, table, part, sign)
    if left == before:
        raise _refuse_nothing(table, signs)
    reading.leave_out(part, table.file, int(left))
    name, columns = quote(f"asked for of {table.file}"), ", ".join(map(quote, table.types))
    reading.store.run(
        f"CREATE TEMP TABLE {name} AS SELECT {table.line} AS {quote(LINE)}, {columns} "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE NOT ({gone})"
    )
    return replace(table, relation=name, line=quote(LINE), where={})


def _note(reading: Reading, table: Table, part: str, sign: Sign) -> None:
    """Keep the deals that a sign leaves out, count rows that are no deals, and say the column."""
    n = int(
        reading.store.value(f"SELECT count(*) FROM {table.relation} WHERE {sign.test}")  # noqa: S608 - quoted
    )
    own = table.text("opportunity_id")
    if n and not sign.why:
        seen = f"opportunity_id IN (SELECT {own} FROM {table.relation})"  # noqa: S608 - quoted
        reading.store.run(f"UPDATE {LEFT_OUT} SET seen = TRUE WHERE {seen}")  # noqa: S608 - as above
    if not n or not sign.why:
        return
    reading.say(table.file, "left_out", SAID[sign.why], sign.heading)
    if sign.why == "where" or part == HISTORY:
        reading.count(FACTS["where" if sign.why == "where" else "rows"], n)
        return
    reading.store.run(
        f"INSERT INTO {LEFT_OUT} SELECT DISTINCT {own}, {literal(sign.why)}, TRUE "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {sign.test} AND {own} <> ''"
    )


def _refuse_nothing(table: Table, signs: list[Sign]) -> LeakkitError:
    """Return the error of a file of which every row is left out."""
    by = ", ".join(dict.fromkeys(sign.heading for sign in signs if sign.heading))
    if signs[0].why == "where":
        message = f"No row of {table.file} is left: none is as `where` asks for ({by})."
        return LeakkitError("nothing_left", message)
    message = (
        f"No row of {table.file} is left: by {by or 'its ids'} all of its deals are deleted, "
        "merged or left out. Export the deals that are there; or, if the column means something "
        "else, say deleted = 'kept' in [source]."
    )
    return LeakkitError("nothing_left", message)


def _where(table: Table) -> list[Sign]:
    """Return the sign of rows that `where` does not ask for."""
    if not table.where:
        return []
    missing = [name for name in table.where if table.find(name) is None]
    if missing:
        fault = Fault(table.file, None, missing[0], "", "this column of `where` is missing")
        message = f"{table.file} lacks a column that `where` names:"
        raise LeakkitError("missing_columns", message, (fault,))
    found = {str(table.find(name)): values for name, values in table.where.items()}
    tests = [f"{table.text_under(h)} IN ({literals(values)})" for h, values in found.items()]
    return [Sign("where", f"NOT ({' AND '.join(tests)})", ", ".join(found))]


def _find_deleted(reading: Reading, table: Table) -> list[Sign]:
    """Return the signs that a maker or a connector writes on rows that are gone."""
    more = table.export.deleted if table.export else ()
    flags = _columns(table, (*more, *vocabulary.words("left_out", "deleted")))
    moments = _columns(table, vocabulary.words("left_out", "deleted_at"))
    merged = _columns(table, vocabulary.words("left_out", "merged_into"))
    signs = [s for h in (*flags, *moments) if (s := _sign(reading, table, "deleted", h))]
    signs += [s for h in merged if (s := _sign(reading, table, "merged", h))]
    return [*signs, *_by_outcome(reading, table)]


def _columns(table: Table, words: Iterable[str]) -> list[str]:
    """Return the headings that are one of these words."""
    forms = set(map(loose, words))
    return [heading for heading in table.types if loose(heading) in forms]


def _sign(reading: Reading, table: Table, why: str, heading: str) -> Sign | None:
    """Return the sign that a column gives: a yes, a moment, or the deal that another went into."""
    if is_flag(reading, table, heading):
        return Sign(why, is_yes(table, heading), heading)
    text = f"lower({table.text_under(heading)})"
    filled = f"{text} <> '' AND {text} NOT IN ({literals(NEVER)}) AND {text} NOT LIKE '0000%'"
    if why == "merged":
        other = f"{text} <> lower({table.text('opportunity_id')})"
        return Sign(why, rf"{filled} AND {other} AND regexp_matches({text}, '\d')", heading)
    moment = rf"regexp_matches({text}, '^[^a-z]*\d')"
    odd = f"SELECT count(*) FROM {table.relation} WHERE {filled} AND NOT {moment}"  # noqa: S608 - quoted
    if reading.store.value(odd):
        return None
    return Sign(why, f"{filled} AND {text} NOT LIKE '9999%'", heading)


def _by_outcome(reading: Reading, table: Table) -> list[Sign]:
    """Return the sign of an outcome that says deleted or merged, where nobody says otherwise."""
    heading = table.heading("outcome")
    if heading is None:
        return []
    own = reading.config.source.outcomes
    pipelines = reading.config.pipelines
    known = {fold_name(w) for w in (*own.won, *own.lost, *own.open)}
    known |= {fold_name(w) for pipeline in pipelines for w in (*pipeline.won, *pipeline.lost)}
    words = {
        why: {fold_name(word) for word in vocabulary.words("left_out", key)} - known
        for why, key in (("deleted", "outcome_deleted"), ("merged", "outcome_merged"))
    }
    text = table.text_under(heading)
    rows = reading.store.rows(f"SELECT DISTINCT {text} FROM {table.relation} ORDER BY 1")  # noqa: S608 - quoted
    said = {
        why: [str(s) for (s,) in rows if fold_name(str(s)) in forms] for why, forms in words.items()
    }
    return [Sign(w, f"{text} IN ({literals(s)})", heading) for w, s in said.items() if s]


__all__ = ["FACTS", "leave_out_rows", "without_histories"]
