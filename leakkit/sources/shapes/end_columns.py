"""Columns that say how and when deals ended: yes and no, or dates of the win and of the loss."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import fold_name
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.evidence import holds_dates
from leakkit.sources.headings.heading_words import heading_of
from leakkit.store.database import literal

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading, Table

YES = (
    *("true", "1", "1.0", "yes", "y", "t", "ja", "oui", "si", "sí", "sim", "wahr", "vrai"),
    *("x", "✓", "✔", "☑", "checked", "tak", "evet", "да", "نعم", "بله"),
)
NO = (
    *("false", "0", "0.0", "no", "n", "f", "nein", "non", "não", "falsch", "faux"),
    *("☐", "unchecked", "nie", "hay\u0131r", "нет", "لا", "خیر"),
)

NAMES = {
    "won": ("iswon", "won", "isclosedwon", "hsisclosedwon", "dealwon", "closedwon"),
    "lost": ("islost", "lost", "isclosedlost", "hsisclosedlost", "deallost", "closedlost"),
    "closed": ("isclosed", "closed", "hsisclosed", "isdealclosed", "dealclosed"),
    "active": ("active", "isactive", "aktiv", "actif", "activo", "attivo"),
    "archived": ("archived", "isarchived"),
}
"""What a flag says -> the headings of makers, in letters and digits only."""

FEW = 0.05
"""A smaller share may be mistakes."""
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

        `ended` is SQL for "this deal has ended": not won, it is lost, and not lost, it is won.

        A deal that is archived with a reason for its loss is lost: Odoo keeps its stage.
        """
        yes = {what: is_yes(table, heading) for what, heading in self.headings.items()}
        no = {what: is_no(table, heading) for what, heading in self.headings.items()}
        cases = [f"WHEN {yes[what]} THEN '{what}'" for what in ("won", "lost") if what in yes]
        if "closed" in yes and "won" in yes:
            cases.append(f"WHEN {yes['closed']} THEN 'lost'")
        cases += [
            f"WHEN {no[what]} AND ({ended}) THEN '{other}'"
            for what, other in (("won", "lost"), ("lost", "won"))
            if what in no and other not in self.headings
        ]
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


def find_ends_by_close(reading: Reading, table: Table, flags: Flags) -> str:
    """Return SQL for "this deal has ended", as its closing date shows beside one flag.

    A flag that says only who won has no word for a loss. Where (nearly) all that won have a
    closing date, and of the others some have none, a close is a close; where all have one, it
    is a plan. Without such dates, a flag that is left empty for some says no of ended deals.
    """
    named = [what for what in ("won", "lost") if what in flags.headings]
    if len(named) != 1 or "closed" in flags.headings:
        return "FALSE"
    heading = flags.headings[named[0]]
    yes, no, close = (
        is_yes(table, heading),
        is_no(table, heading),
        f"{table.text('closed_at')} <> ''",
    )
    ended, undated, others, other_undated, blank, rows = reading.store.rows(
        f"SELECT count(*) FILTER ({yes}), count(*) FILTER ({yes} AND NOT {close}), "  # noqa: S608 - quoted
        f"count(*) FILTER ({no}), count(*) FILTER (NOT {yes} AND NOT {close}), "
        f"count(*) FILTER (NOT {yes} AND NOT {no}), count(*) FROM {table.relation}"
    )[0]
    if ended and undated <= FEW * ended and other_undated >= FEW * rows:
        return close
    return "TRUE" if others and blank >= FEW * rows else "FALSE"


def keep_one_sided_flags(reading: Reading, table: Table, flags: Flags) -> None:
    """Keep the deals of which one flag says no, where no other column says what they are.

    `half_told` has their ids, the heading of the flag, and what it says of the others.
    """
    named = [what for what in ("won", "lost") if what in flags.headings]
    if len(named) == 1:
        heading = flags.headings[named[0]]
        reading.store.run(
            f"CREATE OR REPLACE TEMP TABLE half_told AS "  # noqa: S608 - quoted
            f"SELECT {table.text('opportunity_id')} AS opportunity_id, "
            f"{literal(heading)} AS heading, {literal(named[0])} AS told "
            f"FROM {table.relation} WHERE {is_no(table, heading)}"
        )


def keep_flag_conflicts(reading: Reading, table: Table, flags: str, other: str) -> None:
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


# ---------------- a date of the win and a date of the loss


def ending_dates(reading: Reading, table: Table) -> dict[str, str]:
    """Return the headings of the dates of wins and of losses, by kind; none unless both are there.

    One date alone is another name for the close, or says nothing of half of the closes.
    """
    if table.find(table.renamed.get("closed_at", "")):
        return {}
    found = {k: heading_of(table, vocabulary.words("ended_at", k)) for k in ("won", "lost")}
    own = {table.heading(name) for name in ("created_at", "entered_at")}
    fit = all(h and h not in own and holds_dates(reading, table, h) for h in found.values())
    return found if fit else {}


def outcome_by_dates(reading: Reading, table: Table) -> str:
    """Return SQL for what the two dates say: won, lost, or ''; of both the later one counts."""
    dates = ending_dates(reading, table)
    if not dates:
        return "''"
    won, lost = table.text_under(dates["won"]), table.text_under(dates["lost"])
    return (
        f"CASE WHEN {won} = '' AND {lost} = '' THEN '' WHEN {won} >= {lost} THEN 'won' "
        "ELSE 'lost' END"
    )


def close_by_dates(reading: Reading, table: Table, outcome: str) -> Table:
    """Let each deal close on the date of its end; `outcome` is SQL for won, lost, open or ''.

    A column of its own for the close goes before, where it is filled.
    """
    dates = ending_dates(reading, table)
    if not dates:
        return table
    closed, (won, lost) = table.heading("closed_at"), map(table.text_under, dates.values())
    own = "''" if closed is None or closed in dates.values() else table.text_under(closed)
    either = f"COALESCE(NULLIF({won}, ''), {lost})"
    of_loss = f"COALESCE(NULLIF({lost}, ''), {won})"
    each = (
        f"CASE WHEN {own} <> '' THEN {own} WHEN {outcome} = 'lost' THEN {of_loss} ELSE {either} END"
    )
    for kind, heading in dates.items():
        reading.say(table.file, "ended_at", kind, heading)
    return rewritten(reading, table, {}, "closing dates", {"closed_at": each})
