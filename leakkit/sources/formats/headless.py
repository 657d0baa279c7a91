"""Files without headings: the first row is data, and the configuration names the columns."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from leakkit.errors import Ask, LeakkitError
from leakkit.sources.headings.heading_words import once, score
from leakkit.sources.toml import quote_toml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading

DATE = re.compile(
    r"\W*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[ T].*)?\W*"
)
SHOWN = 12


def given_headings(reading: Reading, file: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the headings that the configuration gives to a file without any; [] of others.

    Raises with the line to write where the first row is data: none of its cells is a heading
    that is known, and a column has a date in it as in the row below.
    """
    source = reading.config.source
    given = source.headings
    for pattern, rules in source.files.items():
        if rules.headings and fnmatchcase(file, pattern):
            given = rules.headings
    first = list(rows[0])
    if given:
        if len(given) != len(first):
            message = (
                f"{file} has {len(first)} columns, and headings in [source] names {len(given)}."
            )
            raise LeakkitError("headings_given", message)
        reading.say(file, "headings", str(len(given)), "[source]")
        return once(reading, file, given)
    if score(first, source.columns) or not _is_data(rows):
        return []
    names = [f"column {at}" for at in range(1, min(len(first), SHOWN) + 1)]
    more = ", ..." if len(first) > SHOWN else ""
    message = (
        f"{file} has no headings: its first row looks like data "
        f"({', '.join(first[:SHOWN])}{more}). "
        f"Name its {len(first)} columns in [source], with opportunity_id, stage and entered_at "
        f"among them: headings = [{', '.join(map(quote_toml, names))}]."
    )
    why = (
        f"the names of its {len(first)} columns in their order, with commas between them, such as "
        f"opportunity_id, stage, entered_at; its first row is {', '.join(first[:SHOWN])}{more}"
    )
    raise LeakkitError("no_headings", message, asks=(Ask("source", "headings", (), why),))


def _is_data(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether a column has a date in the first row, and in the next one."""
    nexts = next((row for row in rows[1:] if any(row)), rows[0])
    return any(
        DATE.fullmatch(cell) and DATE.fullmatch(below)
        for cell, below in zip(rows[0], nexts, strict=False)
    )
