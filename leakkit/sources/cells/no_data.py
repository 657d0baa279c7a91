"""What stands in a file and is no data: words for nothing, headings in the middle, totals."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.sources.formats.headers_and_footers import GROUP, fill_groups
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import declared_names
from leakkit.sources.headings.reading import simplify_heading
from leakkit.store.database import literals, quote
from leakkit.store.name_codes import write_rows

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
NEVER = (
    r"(0000-00-00|0001-01-01|1601-01-01|1753-01-01|1899-12-3[01]|1900-01-0[01]|1970-01-01)"
    r"([ t]0?0:00(:00([.]0+)?)?)?(z|[+-]00:?00)?"
    r"|(0?0[-./]0?0[-./]0000|0?1[-./]0?1[-./](0001|1753|1900)|3[01][-./]12[-./]1899"
    r"|12[-./]3[01][-./]1899|0?0[-./]0?1[-./]1900)( .*)?"
)
"""Days with which databases and spreadsheets write that there is none."""
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
    # of the different texts of each column that may be meant, which are few
    each = " UNION ALL ".join(
        f"SELECT {place} AS place, said FROM (SELECT DISTINCT {cell} AS said "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {may_be})"
        for place, cell in enumerate(map(table.cell, texts))
        for may_be in _may_be_nothing(cell)
    )
    rows = reading.store.rows(
        f"SELECT DISTINCT * FROM ({each}) WHERE list_contains($words, lower(said)) "  # noqa: S608 - as above
        f"OR regexp_full_match(lower(said), '{NEVER}') ORDER BY place, said",
        {"words": blank},
    )
    if not rows:
        return table
    found: dict[str, list[str]] = {}
    for place, said in rows:
        found.setdefault(texts[int(place)], []).append(str(said))
    words = literals(sorted({*blank, *(one.lower() for some in found.values() for one in some)}))
    for heading, said in found.items():
        reading.say(table.file, "nothing", ", ".join(said), heading)
    columns = {
        heading: f"CASE WHEN lower({said}) IN ({words}) THEN '' ELSE {said} END"
        for heading in found
        for said in [table.text_under(heading)]
    }
    return rewritten(reading, table, columns, "blanks")


def _may_be_nothing(cell: str) -> tuple[str, ...]:
    """Return SQL for the texts among which the words for nothing and NEVER are.

    A query of its own for each: it skips the parts of a file that begin with other signs.
    """
    short = f"length({cell}) <= {max(map(len, BLANK))}"
    early = f"{cell} < '3' AND {cell} NOT LIKE '2%' AND regexp_full_match(lower({cell}), '{NEVER}')"
    return short, early, f"{cell} >= '3' AND {cell} < '4' AND {cell} LIKE '3_%1899%'"


# ---------------- rows

MANY_ROWS, MOST_LOOKED_AT = 100_000, 100
"""Of fewer rows, or of more columns, to look whether cells need trimming takes longer than that."""
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
BETWEEN = r"(?i)^\W*(sub|total|sum|gesamt|eindt|\x{062C}\x{0645}\x{0639})"
BETWEEN_ROWS = re.compile(re.sub(r"\\x\{(\w{4})\}", r"\\u\1", BETWEEN), re.ASCII)
"""How a total between the rows begins, as the engine and as Python writes it."""
LETTERS = re.compile(r"[^\W\d_]{3}")
NAMES = ("opportunity_id", "pipeline", "stage", "from_stage", "outcome")
RULES = {
    "repeated_heading": "repeated_headings",
    "total_row": "total_rows",
    "lone_cell": "lone_cells",
}
"""The rule that a row breaks -> the fact that counts such rows."""
COUNTED = re.compile(r"\W*\([^()]*\)\W*$|\W+$")
"""What may stand behind the word for a total: how many rows there are."""
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
    table = fill_groups(reading, table)
    last = int(reading.store.value(f"SELECT max({table.line}) FROM {table.relation}") or 0)  # noqa: S608 - quoted
    table = _with_tidy(reading, table) if last >= MANY_ROWS else table
    found = _find_stray_rows(reading, table, heading, last)
    if not found:
        return table
    set_aside(reading, table, found)
    return rewritten(reading, table, empty_cells(table, found), "rows")


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
    """Return the rule of every row that is no row of the data.

    One look at all rows finds the few that may be none, and these are looked at one by one.
    """
    texts = ", ".join(map(table.text_under, table.types))
    each = (
        f"SELECT {table.line}, TRY_CAST({quote(heading)} AS BIGINT), {texts} FROM {table.relation}"  # noqa: S608 - quoted
    )
    ends = [f"{table.line} <= {MOST_HEADINGS}", f"{table.line} > {max(last - AT_THE_END, 0)}"]
    if last >= MANY_ROWS:
        # parts of their own, for which most of a file is skipped
        parts = [*ends, *_likely_lines(reading, table, heading)]
        sql, facts = " UNION ".join(f"{each} WHERE {part}" for part in parts), None
    else:
        sql = f"{each} WHERE {' OR '.join([*ends, *_signs(table, heading)])}"
        facts = {"totals": _total_forms()}
    rows = reading.store.rows(f"{sql} ORDER BY 1", facts)
    likely = [
        _LikelyRow(row[0], row[1], dict(zip(table.types, row[2:], strict=True))) for row in rows
    ]
    worded = any(row.said[heading] and not _has_digit(row.said[heading]) for row in likely)
    numbered = worded and _has_numbered_ids(reading, table, heading)
    looks = _StrayLooks(table, heading, last, numbered)
    found = {row.line: rule for row in likely if (rule := looks.rule_of(row))}
    footers = [row.line for row in likely if row.line not in found and looks.is_footer(row)]
    if footers and not _has_ids_of_words(reading, table, heading):
        found |= dict.fromkeys(footers, "lone_cell")
    return found


@dataclass(frozen=True)
class _LikelyRow:
    """A row that may be no data: its line, its id where that is a number, its texts by heading."""

    line: int
    number: int | None
    said: Mapping[str, str]

    def says(self, headings: Iterable[str]) -> bool:
        """Say whether any of some cells is not empty."""
        return any(self.said[heading] for heading in headings)


@dataclass(frozen=True)
class _StrayLooks:
    """What a row of a table looks like that is no data, with its column of ids and last line."""

    table: Table
    heading: str
    last: int
    numbered: bool = False
    """All other ids have digits."""

    def rule_of(self, row: _LikelyRow) -> str | None:
        """Return the rule that a row breaks by what it says; None where it breaks none."""
        if self._is_group(row):
            return "lone_cell"
        if self._repeats_headings(row) or self._has_labels(row):
            return "repeated_heading"
        total = self._is_total(row) or self._sums_up(row) or self._says_no_deal(row)
        return "total_row" if total else None

    def is_footer(self, row: _LikelyRow) -> bool:
        """Say whether one of the last rows says something in one cell only."""
        return self._is_last(row) and self._is_alone(row)

    def _headings(self, *names: str) -> list[str]:
        """Return the headings of the columns of these names, of those that are there."""
        return [heading for name in names if (heading := self.table.heading(name))]

    def _is_last(self, row: _LikelyRow) -> bool:
        """Say whether a row is one of the last."""
        return row.line > self.last - AT_THE_END

    def _is_alone(self, row: _LikelyRow) -> bool:
        """Say whether a row says nothing beside the id."""
        others = [heading for heading in self.table.types if heading != self.heading]
        return bool(others) and not row.says(others)

    def _is_unstaged(self, row: _LikelyRow) -> bool:
        """Say whether a row names no stage."""
        return not row.says(self._headings("stage"))

    def _is_group(self, row: _LikelyRow) -> bool:
        """Say whether a row is the name of a group of rows."""
        own = row.said[self.heading]
        ends = own.endswith(")") and self._is_unstaged(row)
        return ends and self._is_alone(row) and bool(GROUP.match(own))

    def _repeats_headings(self, row: _LikelyRow) -> bool:
        """Say whether the cells of a row hold the names of their own columns."""
        same = [h for h in _texts_of(self.table) if row.said[h] in _heading_forms(h)]
        return self.heading in same or len(same) >= FEWEST_HEADINGS

    def _has_labels(self, row: _LikelyRow) -> bool:
        """Say whether it is a second line of headings: words for dates and amounts, no digit."""
        asked = self._headings(*DATES, "value")
        if row.line > MOST_HEADINGS or len(asked) < FEWEST_HEADINGS:
            return False
        words = {row.said[h] for h in asked if self.table.types[h] == "VARCHAR"}
        named = len(words) == len(asked) and all(map(_has_word, words))
        return named and not any(map(_has_digit, row.said.values()))

    def _is_total(self, row: _LikelyRow) -> bool:
        """Say whether a row at the end, or without a stage, has a word for a total as its id."""
        own, known = row.said[self.heading], bool(self._headings("stage"))
        between = known and self._is_unstaged(row) and bool(BETWEEN_ROWS.match(own))
        return (self._is_last(row) or between) and _is_total(own)

    def _says_no_deal(self, row: _LikelyRow) -> bool:
        """Say whether a row has a word alone as its id, where others have numbers, and an amount.

        `Gesamtergebnis` and `Proposal Total` are such words, in whatever language.
        """
        asked = self._headings("stage", "outcome", *DATES)
        value = self._headings("value")
        own = row.said[self.heading]
        bare = bool(value) and row.says(value) and not row.says(asked)
        return self.numbered and bare and len(asked) >= FEWEST_HEADINGS and not _has_digit(own)

    def _sums_up(self, row: _LikelyRow) -> bool:
        """Say whether a row without a date has a word for a total, or counts the rows above it."""
        dates = self._headings(*DATES)
        named = any(row.said[h] in _total_forms() for h in _named_at_left(self.table))
        few = 2 * sum(map(bool, row.said.values())) <= len(row.said)
        asked = self._headings("stage", "outcome", "name", "owner", *DATES)
        counts = len(asked) >= FEWEST_HEADINGS and not row.says(asked)
        at_the_end = self._is_last(row) and counts and row.number == row.line - 1
        return (named and bool(dates) and not row.says(dates) and few) or at_the_end


def _has_word(said: str) -> bool:
    """Say whether three letters stand together in a text."""
    return bool(LETTERS.search(said))


def _has_digit(said: str) -> bool:
    """Say whether a text has a sign for a number."""
    return any(unicodedata.category(sign).startswith("N") for sign in said)


def _texts_of(table: Table) -> list[str]:
    """Return the headings of the columns of texts."""
    return [heading for heading, kind in table.types.items() if kind == "VARCHAR"]


def _named_at_left(table: Table) -> list[str]:
    """Return the columns in which the word for a total may stand."""
    named = [table.heading(name) for name in ("stage", "name", "owner")]
    texts = _texts_of(table)
    return [h for h in dict.fromkeys([*texts[:LOOKED_AT], *named]) if h in texts]


def _signs(table: Table, heading: str) -> list[str]:
    """Return SQL for each sign that a row may be no data, which are planned fast."""
    sums = [f"list_contains($totals, {quote(h)})" for h in _named_at_left(table)]
    return [*sums, *map(_is_heading, _texts_of(table)), f"({_is_unlike(table, heading)})"]


def _likely_lines(reading: Reading, table: Table, heading: str) -> list[str]:
    """Return SQL for the rows of many that may be no data by what they say; none without any.

    A join of its own for each column: it reads that column only, and skips most of its parts.
    """
    words = [
        (place, word, FEWEST_HEADINGS if h == heading else 1)
        for place, h in enumerate(_texts_of(table))
        for word in _heading_forms(h)
    ]
    left = [_texts_of(table).index(h) for h in _named_at_left(table)]
    words += [(place, word, FEWEST_HEADINGS) for place in left for word in _total_forms()]
    each = [
        f"SELECT {table.line} AS line, w.weight FROM {table.relation} "  # noqa: S608 - quoted
        f"JOIN words w ON w.word = {quote(h)} WHERE w.place = {place}"
        for place, h in enumerate(_texts_of(table))
    ]
    unlike = f"SELECT {table.line} AS line, {FEWEST_HEADINGS} FROM {table.relation}"  # noqa: S608 - as above
    each.append(f"{unlike} WHERE {_is_unlike(table, heading)}")
    kinds = {"place": "INTEGER", "word": "VARCHAR", "weight": "INTEGER"}
    sql, facts = write_rows(kinds, words)
    rows = reading.store.rows(
        f"WITH words AS MATERIALIZED ({sql}) SELECT line FROM ({' UNION ALL '.join(each)}) "  # noqa: S608 - as above
        f"GROUP BY line HAVING sum(weight) >= {FEWEST_HEADINGS} ORDER BY line",
        facts,
    )
    lines = ", ".join(str(line) for (line,) in rows)
    return [f"{table.line} IN ({lines})"] if lines else []


def _is_unlike(table: Table, heading: str) -> str:
    """Return SQL for a row without a stage whose id begins as a total or ends as a group."""
    own, stage = quote(heading), table.heading("stage")
    unlike = f"(regexp_matches({own}, '{BETWEEN}') OR ends_with(trim({own}), ')'))"
    if stage is None:
        return unlike
    unlike = f"({unlike} OR NOT regexp_matches({own}, '\\p{{Nd}}'))"
    empty = f"{quote(stage)} = ''" if table.is_tidy(stage) else f"{table.text_under(stage)} = ''"
    return f"({quote(stage)} IS NULL OR {empty}) AND {unlike}"


@cache
def _total_forms() -> list[str]:
    """Return the words for totals as they are most often written."""
    forms = {form for word in TOTALS for form in (word, word.title(), word.upper())}
    return sorted(forms | {word.capitalize() for word in TOTALS})


def _words(own: str) -> str:
    """Return SQL that says whether several words stand in the place of an id: "60 records"."""
    return f"regexp_matches({own}, '\\S\\s+\\S')"


def _has_numbered_ids(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether every id of a row with a date, a stage or an outcome has a digit."""
    own = table.text_under(heading)
    told = [h for name in ("stage", "outcome", *DATES) if (h := table.heading(name))]
    says = " OR ".join(f"{table.text_under(h)} <> ''" for h in told) or "FALSE"
    sql = (
        f"SELECT count(*) FILTER (NOT regexp_matches({own}, '\\p{{Nd}}')), count(*) "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {own} <> '' AND ({says})"
    )
    bare, every = reading.store.rows(sql)[0]
    return bool(every) and not bare


def _has_ids_of_words(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a row that says more has an id of several words: then words alone are one."""
    own, others = table.text_under(heading), _others(table, heading)
    sql = f"SELECT count(*) FROM {table.relation} WHERE {_words(own)} AND {others} <> ''"  # noqa: S608 - quoted
    return bool(reading.store.value(sql))


def _others(table: Table, heading: str) -> str:
    """Return SQL for the texts of all other columns in one.

    One text, not one test each: the time for tests grows with the square of their number.
    """
    texts = [f"trim(CAST({quote(other)} AS VARCHAR))" for other in table.types if other != heading]
    return f"concat({', '.join(texts)})"


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
    texts = _texts_of(table)
    same = [f"CAST(COALESCE({_is_heading(heading)}, FALSE) AS INTEGER)" for heading in texts]
    # a list, not a sum: the time for a sum grows with the square of its terms
    counted = f"list_sum([{', '.join(same)}]) >= {FEWEST_HEADINGS}"
    tests = [counted] if len(texts) >= FEWEST_HEADINGS else []
    tests += [_is_heading(id_heading)] if id_heading else []
    return " OR ".join(tests) or "FALSE"


def _is_heading(heading: str) -> str:
    """Return SQL that says whether a cell is the name of its column, in the usual cases.

    A list of texts is compared many times faster than what a function makes of each cell.
    """
    return f"{quote(heading)} IN ({literals(_heading_forms(heading))})"


@cache
def _heading_forms(heading: str) -> list[str]:
    """Return a heading as it is most often written."""
    name = heading.strip()
    forms = {heading, name, name.upper(), name.lower(), name.title(), name.capitalize()}
    return sorted(forms)


def _is_total(said: str) -> bool:
    """Say whether what stands in the place of an id is a word for a total."""
    return simplify_heading(COUNTED.sub("", said)) in {simplify_heading(word) for word in TOTALS}
