"""Columns that say by yes and no whether a deal is won, lost, closed or archived."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.config import fold_name

if TYPE_CHECKING:
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

YES = ("true", "1", "1.0", "yes", "y", "t", "ja", "oui", "si", "sí", "sim", "wahr", "vrai")
NO = ("false", "0", "0.0", "no", "n", "f", "nein", "non", "não", "falsch", "faux")

NAMES = {
    "won": ("iswon", "won", "isclosedwon", "hsisclosedwon", "dealwon", "closedwon"),
    "lost": ("islost", "lost", "isclosedlost", "hsisclosedlost", "deallost", "closedlost"),
    "closed": ("isclosed", "closed", "hsisclosed", "isdealclosed", "dealclosed"),
    "active": ("active", "isactive", "aktiv", "actif", "activo", "attivo"),
    "archived": ("archived", "isarchived"),
}
"""What a flag says -> the headings of makers, in letters and digits only."""

SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Flags:
    """The flags of one table: what each says -> its heading."""

    headings: dict[str, str]

    def __bool__(self) -> bool:
        """Say whether they tell a close at all."""
        return bool(self.headings.keys() & {"won", "lost", "closed", "active", "archived"})

    def sql(self, table: Table, reason: str, ended: str = "FALSE") -> str:
        """Return SQL for what the flags say: won, lost, open, or '' where they say nothing.

        `ended` is SQL for "this deal stands in a stage that is an end": not won, it is lost.

        A deal that is archived with a reason for its loss is lost: Odoo keeps its stage.
        """
        yes = {what: is_yes(table, heading) for what, heading in self.headings.items()}
        no = {what: is_no(table, heading) for what, heading in self.headings.items()}
        cases = [f"WHEN {yes[what]} THEN '{what}'" for what in ("won", "lost") if what in yes]
        if "closed" in yes and "won" in yes:
            cases.append(f"WHEN {yes['closed']} THEN 'lost'")
        if "won" in no:
            cases.append(f"WHEN {no['won']} AND {ended} THEN 'lost'")
        cases += [
            f"WHEN {gone} AND {reason} <> '' THEN 'lost'"
            for gone in (no.get("active"), yes.get("archived"))
            if gone
        ]
        if "closed" in no:
            cases.append(f"WHEN {no['closed']} THEN 'open'")
        return f"CASE {' '.join(cases)} ELSE '' END" if cases else "''"


def find_flags(reading: Reading, table: Table) -> Flags:
    """Return the flags of a table: columns with such a heading that hold yes and no only."""
    by_form = {SIGNS.sub("", fold_name(heading)): heading for heading in reversed(table.types)}
    found = {
        what: by_form[form]
        for what, forms in NAMES.items()
        for form in reversed(forms)
        if form in by_form and is_flag(reading, table, by_form[form])
    }
    return Flags(found)


def keep_flag_doubts(reading: Reading, table: Table, flags: str, other: str) -> None:
    """Keep the deals whose flags say something else than their outcome or stage.

    `flags` and `other` are SQL for won, lost, open or '' (nothing). Where the flags tell won
    and lost deals apart by whole stages, a stage was only renamed, and they are right.
    """
    if "''" in {flags, other}:
        return
    stage = table.text("stage")
    said = (
        f"SELECT {table.text('opportunity_id')} AS opportunity_id, {stage} AS stage, "  # noqa: S608 - quoted
        f"{flags} AS flag, {other} AS other FROM {table.relation}"
    )
    reading.store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE flag_doubts AS
        WITH said AS ({said}),
             mixed AS (SELECT stage FROM said WHERE flag <> '' GROUP BY stage
                       HAVING count(DISTINCT flag) > 1),
             renamed AS (SELECT count(DISTINCT flag) > 1 AS of_two FROM said
                         WHERE flag IN ('won', 'lost'))
        SELECT opportunity_id FROM said
        WHERE flag <> '' AND other <> '' AND flag <> other AND opportunity_id <> ''
          AND (stage = '' OR stage IN (SELECT stage FROM mixed) OR NOT (SELECT of_two FROM renamed))
        """  # noqa: S608 - as above
    )


def is_yes(table: Table, heading: str) -> str:
    """Return SQL that says whether a flag is set."""
    return f"lower({table.text_under(heading)}) IN ({_quote_words(YES)})"


def is_no(table: Table, heading: str) -> str:
    """Return SQL that says whether a flag is not set."""
    return f"lower({table.text_under(heading)}) IN ({_quote_words(NO)})"


def is_flag(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether a column holds yes and no, and nothing else; an empty one says nothing."""
    text = f"lower({table.text_under(heading)})"
    filled, other = reading.store.rows(
        f"SELECT count(*), count(*) FILTER ({text} NOT IN ({_quote_words((*YES, *NO))})) "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {text} <> ''"
    )[0]
    return bool(filled) and not other


def _quote_words(words: tuple[str, ...]) -> str:
    """Return words of this module as SQL."""
    return ", ".join(f"'{word}'" for word in words)
