"""Texts of users and numbers of a pipeline, as a reader sees them; nothing here draws."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakkit.words import Words

UNSEEN = {"Cc", "Cs", "Co", "Zl", "Zp"}
NO_XML = {"\ufffe", "\uffff"}
"""No letters, and forbidden in any XML, pictures included."""
BIDI_CONTROLS = set(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff"
)
SHORT_HOURS = 72
"""Stays up to so many hours are said in hours."""


def is_seen(char: str) -> bool:
    """Say whether a reader may see a character, and XML may hold it."""
    return unicodedata.category(char) not in UNSEEN and char not in NO_XML


def plain(name: str) -> str:
    """Return a name on one line, without characters that no reader can see.

    >>> plain(" two   words ")
    'two words'
    """
    if name.isprintable():  # most are, and there may be very many
        return " ".join(name.split())
    seen = (
        " " if char.isspace() else char
        for char in name
        if char.isspace() or (is_seen(char) and char not in BIDI_CONTROLS)
    )
    return " ".join("".join(seen).split())


def stay(words: Words, age: float, unit_per_day: int) -> str:
    """Say a stay that is measured in the pipeline's unit: short ones in hours."""
    if unit_per_day == 1:
        return words.days(age)
    if age <= SHORT_HOURS:
        return words.say("units.hours", n=age)
    return words.days(age / unit_per_day)


def reason_text(words: Words, reason: str) -> str:
    """Say why a number is missing; a reason without words of its own shows its code."""
    try:
        return words.say(f"reasons.{reason}")
    except KeyError:
        return words.say("reasons.unknown", code=reason)
