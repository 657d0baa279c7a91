"""Cells in which people write that nothing stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.names import declared_names
from leakkit.store.database import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

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
    words = ", ".join(map(literal, blank))
    for heading, said in found.items():
        reading.say(table.file, "nothing", ", ".join(said), heading)
    columns = {
        heading: f"CASE WHEN lower({said}) IN ({words}) THEN '' ELSE {said} END"
        for heading in found
        for said in [table.text_under(heading)]
    }
    return rewritten(reading, table, columns, "blanks")


__all__ = ["BLANK", "NOTHING", "without_words_for_nothing"]
