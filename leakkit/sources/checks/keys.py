"""Ids that a spreadsheet has shortened, and one id under several names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.checks.doubt import Doubt, deals, ids
from leakkit.store.account import NONE_IN_BOTH
from leakkit.store.database import quote

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Table
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store

SET_ASIDE = """
SELECT i.opportunity_id FROM aside a JOIN ids i ON i.opportunity = a.opportunity
"""
SHORT = r"regexp_full_match(opportunity_id, '\d([.,]\d+)?[eE]\+\d+')"


def shortened_ids(store: Store) -> Doubt:
    """Ask which ids are numbers in short form: several deals share one then."""
    sql = " UNION ".join(
        f"SELECT opportunity_id FROM given_{table} WHERE {SHORT}"  # noqa: S608 - names of this module
        for table in ("history", "opportunities")
    )
    lines = ("export them again, that column as text: several deals may share one of these",)
    says = "have an id in short form, such as 4.12340E+11"
    found = ids(store, sql)
    return Doubt("shortened_ids", says, found, deals(store, found), lines, grave=True)


def most_set_aside(store: Store) -> Doubt:
    """Ask which deals could not be read without guessing, where they are more than the others."""
    apart = ids(store, SET_ASIDE)
    read = deals(store, apart)
    reasons = store.rows("SELECT reason, count(*) AS n FROM aside GROUP BY ALL ORDER BY n DESC, 1")
    why = ", ".join(f"{reason} {n:,}" for reason, n in reasons)
    says = f"cannot be read without guessing ({why})"
    line = (
        "[[pipelines]] with the other names of stages as aliases, or [source] with what no row "
        "says (unnamed_stage, entered_at, pipeline); leakkit check lists the rows"
    )
    more = apart if len(apart) > read else ()
    return Doubt("most_set_aside", says, more, read + len(apart), (line,))


def none_in_both(store: Store, found: Found) -> Doubt:
    """Ask which histories have no deal in the other file, where not a single one has."""
    says = "have a history, and not one of them is in the file of the opportunities"
    apart, files = ids(store, NONE_IN_BOTH), (found.history, found.opportunities)
    lines = tuple(
        f"[source.{quote(table.file)}] opportunity_id = '...'   # the key that both files have"
        for table in files
        if table is not None
    )
    return Doubt("none_in_both", says, apart, deals(store, apart), lines)


def ids_under_several_names(store: Store, history: Table) -> Doubt:
    """Ask which ids stand in an event file under more than one name."""
    found: tuple[str, ...] = ()
    key, name = history.heading("opportunity_id"), history.heading("name")
    if key and name and key != name and key in history.types and name in history.types:
        text, said = history.text_under(key), history.text_under(name)
        found = ids(
            store,
            f"SELECT {text} FROM {history.relation} WHERE {quote(key)} IS NOT NULL "  # noqa: S608 - quoted
            f"AND {text} <> '' GROUP BY {text} "
            f"HAVING count(DISTINCT lower({said})) FILTER ({said} <> '') > 1",
        )
    lines = ("opportunity_id = '...'   # in [source]: the column with a key of its own per deal",)
    return Doubt(
        "ids_under_several_names", "stand under several names", found, deals(store, found), lines
    )
