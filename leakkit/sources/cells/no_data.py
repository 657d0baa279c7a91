"""What stands in a file and is no data: words for nothing, headings in the middle, totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.sources.formats.headers_and_footers import GROUP
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import declared_names
from leakkit.sources.headings.reading import simplify_heading
from leakkit.store.database import literals, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.sources.headings.reading import Reading, Table

BLANK = (
    *("-", "--", "---", "\u2013", "\u2014", "\u2212", "none", "n/a", "n.a.", "#n/a", "null"),
    *("(null)", "nan", "nat", "nil", "(blank)", "(empty)", "(none)", "(leer)", "(vide)", "k.a."),
    *(
        "s/d",
        "(vac\u00edo)",
        "(vazio)",
        "undefined",
        "not set",
        "unset",
        "\u0646\u062f\u0627\u0631\u062f",
    ),
)
"""In small letters: what is no stage, no date and no amount, whatever else a column holds."""
NOTHING = (*BLANK, "na", "no", "false", "0", ".")
"""In small letters: nothing where a date, or a reason, is expected."""


def without_words_for_nothing(reading: Reading, table: Table, headings: Sequence[str]) -> Table:
    """Empty the cells of some columns that say in a word that they are empty.

    A word that the configuration knows is what the configuration says.
    """
    texts = [heading for heading in headings if table.types[heading] == "VARCHAR"]
    if not texts:
        return table
    own = reading.config
    declared = {
        fold_name(word)
        for known in (own.source.outcomes.won, own.source.outcomes.lost, own.source.outcomes.open)
        for word in known
    }
    named = [*declared_names(own.pipelines), *(one.name for one in own.pipelines)]
    declared |= set(map(fold_name, named))
    blank = [word for word in BLANK if word not in declared]
    # in one list: to plan a test of all words for each column takes longer than the tests;
    # and of the different short texts, which are few, however many rows there are
    longest, names = max(map(len, BLANK)), [f"cell_{place}" for place in range(len(texts))]
    cells = ", ".join(
        f"CASE WHEN length({cell}) <= {longest} THEN {cell} END AS {name}"
        for name, cell in zip(names, map(table.text_under, texts), strict=True)
    )
    rows = reading.store.rows(
        f"""
        SELECT DISTINCT place, said
        FROM (SELECT unnest(range({len(texts)})) AS place, unnest([{", ".join(names)}]) AS said
              FROM (SELECT DISTINCT {cells} FROM {table.relation}))
        WHERE lower(said) IN (SELECT unnest($words))
        ORDER BY place, said
        """,  # noqa: S608 - quoted
        {"words": blank},
    )
    if not rows:
        return table
    found: dict[str, list[str]] = {}
    for place, said in rows:
        found.setdefault(texts[int(place)], []).append(str(said))
    words = literals(blank)
    for heading, said in found.items():
        reading.say(table.file, "nothing", ", ".join(said), heading)
    columns = {
        heading: f"CASE WHEN lower({said}) IN ({words}) THEN '' ELSE {said} END"
        for heading in found
        for said in [table.text_under(heading)]
    }
    return rewritten(reading, table, columns, "blanks")


# ---------------- rows

MANY_ROWS, MOST_LOOKED_AT = 100_000, 100
"""Of fewer rows, or of more columns, to look whether cells need trimming takes longer than that."""
ROW = quote("leakkit: line of a row")
"""What the line is called where rows are looked at."""
AT_THE_END = 5
"""Totals stand in the last rows; under them may be a count, or who printed it."""
TOTALS = (
    *("total", "totals", "grand total", "grand totals", "sum", "subtotal", "summe", "gesamt"),
    *("gesamtsumme", "total général", "totaux", "total general", "total geral", "totale"),
    *("number of deals", "number of opportunities", "count", "anzahl", "eindtotaal"),
    *("جمع", "جمع کل", "مجموع", "المجموع", "الإجمالي", "zwischensumme", "teilsumme", "sous-total"),
    *("nombre", "subtotaal", "totaal", "aantal", "итого", "всего", "toplam", "genel toplam"),
    *("ara toplam", "razem", "suma", "suma total", "soma", "somma", "recuento", "contagem"),
    *("average", "durchschnitt", "mittelwert"),
)
BETWEEN_ROWS = r"(?i)^\W*(sub|total|sum|gesamt|eindt|\x{062C}\x{0645}\x{0639})"
"""How a total between the rows begins, for a first look."""
NAMES = ("opportunity_id", "pipeline", "stage", "from_stage", "outcome")
RULES = {
    "repeated_heading": "repeated_headings",
    "total_row": "total_rows",
    "lone_cell": "lone_cells",
}
"""The rule that a row breaks -> the fact that counts such rows."""
COUNTED = re.compile(r"\W*\([^()]*\)\W*$|\W+$")
"""What may stand behind the word for a total: how many rows there are."""
ARROWS = ("\u2191", "\u2193")
"""What stands behind the heading of a column by which a report is grouped."""
MOST_HEADINGS = 2
"""A second line of headings, as labels under names, is one of the first rows."""
LOOKED_AT = 3
"""In so many columns at the left the word for a total may stand."""
DATES = ("entered_at", "created_at", "closed_at")
FEWEST_HEADINGS = 2
"""A row in which so many cells hold the name of their own column repeats the headings."""


def without_stray_rows(reading: Reading, table: Table) -> Table:
    """Take the opportunity from rows that repeat the heading or sum up, so that nobody has them.

    A row without an opportunity is set aside and counted; so are these, by their own rule.
    """
    heading = table.heading("opportunity_id")
    if heading is None or table.types[heading] != "VARCHAR":
        return table
    table = _fill_groups(reading, table)
    last = int(reading.store.value(f"SELECT max({table.line}) FROM {table.relation}") or 0)  # noqa: S608 - quoted
    table = _with_tidy(reading, table) if last >= MANY_ROWS else table
    found = _find_stray_rows(reading, table, heading, last)
    if not found:
        return table
    set_aside(reading, table, found)
    return rewritten(reading, table, empty_cells(table, found), "rows")


def _fill_groups(reading: Reading, table: Table) -> Table:
    """Say the group of every row that names it on its first row only.

    A report that is grouped marks the heading with an arrow. A row of one or two cells is none.
    """
    every = [table.text_under(heading) for heading in table.types]
    filled = _count(every)
    columns = {
        heading: f"CASE WHEN {said} <> '' OR {filled} <= {FEWEST_HEADINGS} THEN {said} ELSE "
        f"COALESCE(last_value(NULLIF({said}, '') IGNORE NULLS) OVER (ORDER BY {table.line} "
        "ROWS UNBOUNDED PRECEDING), '') END"
        for heading, kind in table.types.items()
        if kind == "VARCHAR" and heading.strip().endswith(ARROWS)
        for said in [table.text_under(heading)]
    }
    return rewritten(reading, table, columns, "groups") if columns else table


def _with_tidy(reading: Reading, table: Table) -> Table:
    """Let a table know the columns of texts of which no cell needs trimming."""
    texts = [heading for heading, kind in table.types.items() if kind == "VARCHAR"][:MOST_LOOKED_AT]
    # a query of its own for each column: it ends at the first cell, and reads that column only
    each = " UNION ALL ".join(
        f"(SELECT {place} FROM {table.relation} WHERE {table.untidy(heading)} LIMIT 1)"  # noqa: S608 - quoted
        for place, heading in enumerate(texts)
    )
    untidy = {texts[place] for (place,) in reading.store.rows(each)}
    return table.with_tidy(set(texts) - untidy)


def _find_stray_rows(reading: Reading, table: Table, heading: str, last: int) -> dict[int, str]:
    """Return the rule of every row that is no row of the data; one look at all rows finds them."""
    end = f"{ROW} > {last - AT_THE_END}"
    own, others = table.text_under(heading), _others(table, heading)
    alone = f"{others} = ''" if others else "FALSE"
    has_stage = bool(table.heading("stage"))
    labels = _labels(table)
    unstaged = f"{table.text('stage')} = ''" if has_stage else "TRUE"
    between = f"CASE WHEN {unstaged} THEN {_between(own)} END" if has_stage else "FALSE"
    # a case looks at the rows that it is about only, which a conjunction does not
    tests = {
        "footer": f"CASE WHEN {end} THEN {alone} END",
        "total": f"{end} OR {between}",
        "sums": f"{_sums(table)} OR CASE WHEN {end} THEN {_counts_rows(table, own)} END",
        "labels": f"CASE WHEN {ROW} <= {MOST_HEADINGS} THEN {labels} END",
        "repeats": _repeats_headings(table, heading),
        "groups": f"CASE WHEN {unstaged} AND ends_with({own}, ')') THEN {alone} END",
    }
    # most rows are none of them, which the first looks say faster, if they are the first
    unlike = f"{_between(own)} OR ends_with({own}, ')')"
    likely = [f"{table.line} > {last - AT_THE_END}", f"({unstaged} AND ({unlike}))"]
    likely += [_is_heading(name) for name, kind in table.types.items() if kind == "VARCHAR"]
    likely += [_sums(table), f"{table.line} <= {MOST_HEADINGS}"]
    columns = ", ".join(f"COALESCE({test}, FALSE) AS {name}" for name, test in tests.items())
    rows = reading.store.rows(
        f"WITH likely AS MATERIALIZED ("  # noqa: S608 - quoted
        f"SELECT {table.line} AS {ROW}, * FROM {table.relation} WHERE {' OR '.join(likely)}) "
        f"SELECT * FROM (SELECT {ROW} AS line, {own} AS said, {columns} FROM likely) "
        f"WHERE {' OR '.join(tests)} ORDER BY line"
    )
    by_test = {name: [row for row in rows if row[2 + place]] for place, name in enumerate(tests)}
    footers = {int(row[0]): "lone_cell" for row in by_test["footer"]}
    if footers and _has_ids_of_words(reading, table, own, others):
        footers = {}
    return (
        footers
        | {int(row[0]): "total_row" for row in by_test["total"] if _is_total(row[1])}
        | {int(row[0]): "total_row" for row in by_test["sums"]}
        | {int(row[0]): "repeated_heading" for row in (*by_test["repeats"], *by_test["labels"])}
        | {int(row[0]): "lone_cell" for row in by_test["groups"] if GROUP.match(row[1])}
    )


def _texts(table: Table, names: Sequence[str]) -> list[str]:
    """Return SQL for the texts of the columns of these names, of those that are there."""
    return [table.text(name) for name in names if table.heading(name)]


def _count(texts: Sequence[str]) -> str:
    """Return SQL for how many of several texts are there."""
    each = ", ".join(f"CAST({said} <> '' AS INTEGER)" for said in texts)
    return f"list_sum([{each}])"


def _sums(table: Table) -> str:
    """Return SQL for a row that sums up by a word in any of its first columns, and has no date."""
    first = [heading for heading, kind in table.types.items() if kind == "VARCHAR"][:LOOKED_AT]
    named = [table.heading(name) for name in ("stage", "name", "owner")]
    dates, every = _texts(table, DATES), [table.text_under(h) for h in table.types]
    if not dates:
        return "FALSE"
    forms = {form for word in TOTALS for form in (word, word.title(), word.upper())}
    forms |= {word.capitalize() for word in TOTALS}
    listed = literals(sorted(forms))
    texts = [h for h in dict.fromkeys([*first, *named]) if h and table.types[h] == "VARCHAR"]
    said = " OR ".join(f"COALESCE({quote(h)} IN ({listed}), FALSE)" for h in texts)
    few = f"concat({', '.join(dates)}) = '' AND 2 * {_count(every)} <= {len(every)}"
    return f"CASE WHEN {said or 'FALSE'} THEN {few} ELSE FALSE END"


def _counts_rows(table: Table, own: str) -> str:
    """Return SQL for a row that says nothing of a deal, with how many rows there are as its id."""
    said = _texts(table, ("stage", "outcome", "name", "owner", *DATES))
    if len(said) < FEWEST_HEADINGS:
        return "FALSE"
    return f"concat({', '.join(said)}) = '' AND TRY_CAST({own} AS BIGINT) = {ROW} - 1"


def _labels(table: Table) -> str:
    """Return SQL for a second line of headings: words where dates and amounts stand, no digit."""
    texts = [h for name in (*DATES, "value") if (h := table.heading(name))]
    if len(texts) < FEWEST_HEADINGS or any(table.types[h] != "VARCHAR" for h in texts):
        return "FALSE"
    words = ", ".join(
        f"CASE WHEN regexp_matches({said}, '\\p{{L}}{{3}}') THEN {said} END"
        for said in map(table.text_under, texts)
    )
    every = f"concat({', '.join(map(table.text_under, table.types))})"
    differ = f"len(list_distinct([{words}])) = {len(texts)}"
    return f"{differ} AND NOT regexp_matches({every}, '\\p{{N}}')"


def _words(own: str) -> str:
    """Return SQL that says whether several words stand in the place of an id: "60 records"."""
    return f"regexp_matches({own}, '\\S\\s+\\S')"


def _has_ids_of_words(reading: Reading, table: Table, own: str, others: str) -> bool:
    """Say whether a row that says more has an id of several words: then words alone are one."""
    sql = f"SELECT count(*) FROM {table.relation} WHERE {_words(own)} AND {others} <> ''"  # noqa: S608 - quoted
    return bool(reading.store.value(sql))


def _others(table: Table, heading: str) -> str:
    """Return SQL for the texts of all other columns in one; '' where there are none.

    One text, not one test each: the time for tests grows with the square of their number.
    """
    texts = [f"trim(CAST({quote(other)} AS VARCHAR))" for other in table.types if other != heading]
    return f"concat({', '.join(texts)})" if texts else ""


def empty_cells(table: Table, rows: Iterable[int]) -> dict[str, str]:
    """Return SQL by heading that empties what could be taken for a deal or a stage in rows."""
    named = {table.heading(name): None for name in NAMES}
    listed = f"({', '.join(map(str, sorted(rows)))})"
    return {
        heading: f"CASE WHEN {table.line} IN {listed} THEN '' ELSE {table.text_under(heading)} END"
        for heading in named
        if heading
    }


def set_aside(reading: Reading, table: Table, found: Mapping[int, str]) -> None:
    """Keep which rows are no rows of the data, and count them by their rule, each once."""
    known = {(file, row) for file, row, _ in reading.log.stray_rows}
    for row, rule in sorted(found.items()):
        if (table.file, row) in known:
            continue
        reading.count(RULES[rule], 1)
        reading.note_stray_row(table.file, row, rule)


def repeated_headings(reading: Reading, table: Table, id_heading: str = "") -> list[int]:
    """Return the rows in which cells hold the names of their own columns.

    The name of the column of ids is enough; of other columns two are, as where the heading
    of a group of a board is filled in part.
    """
    test = _repeats_headings(table, id_heading)
    rows = reading.store.rows(
        f"SELECT {table.line} FROM {table.relation} WHERE {test} ORDER BY 1"  # noqa: S608 - quoted
    )
    return [int(row[0]) for row in rows]


def _repeats_headings(table: Table, id_heading: str) -> str:
    """Return SQL that says whether the cells of a row hold the names of their own columns."""
    texts = [heading for heading, kind in table.types.items() if kind == "VARCHAR"]
    same = [f"CAST({_is_heading(heading)} AS INTEGER)" for heading in texts]
    # a list, not a sum: the time for a sum grows with the square of its terms
    counted = f"list_sum([{', '.join(same)}]) >= {FEWEST_HEADINGS}"
    tests = [counted] if len(texts) >= FEWEST_HEADINGS else []
    tests += [_is_heading(id_heading)] if id_heading else []
    return " OR ".join(tests) or "FALSE"


def _is_heading(heading: str) -> str:
    """Return SQL that says whether a cell is the name of its column, in the usual cases.

    A list of texts is compared many times faster than what a function makes of each cell.
    """
    name = heading.strip()
    forms = {heading, name, name.upper(), name.lower(), name.title(), name.capitalize()}
    return f"COALESCE({quote(heading)} IN ({literals(sorted(forms))}), FALSE)"


def _between(own: str) -> str:
    """Return SQL for a first look at totals between the rows."""
    return f"regexp_matches({own}, '{BETWEEN_ROWS}')"


def _is_total(said: str) -> bool:
    """Say whether what stands in the place of an id is a word for a total."""
    return simplify_heading(COUNTED.sub("", said)) in {simplify_heading(word) for word in TOTALS}
