"""How like two names are: the share of their letters that stay where one becomes the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

if TYPE_CHECKING:
    from collections.abc import Iterable

MISSPELT = 0.6
"""Names at least so like may be one, misspelt."""


def compare_names(one: str, other: str) -> float:
    """Return how like two names are, from 0 to 1.

    >>> compare_names("quotation", "qotation") > 0.9
    True
    """
    return fuzz.ratio(one, other) / 100


def find_nearest(name: str, known: Iterable[str], least: float = MISSPELT) -> str:
    """Return the known name that is likest, the first of several; '' where none is so like.

    >>> find_nearest("qotation", ["inquiry", "quotation"]), find_nearest("x", ["inquiry"])
    ('quotation', '')
    """
    found = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=100 * least)
    return found[0] if found else ""
