"""The cells of tables on causes: a number with its interval, or a dash where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.views.elements import add_range
from leakkit.views.tables import DASH

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.findings.comparison import Excess
    from leakkit.findings.finding import Value
    from leakkit.words import Words


def count(words: Words, n: float | None) -> str:
    """Say a count."""
    return DASH if n is None else words.count(n)


def share(words: Words, found: float | None) -> str:
    """Say a share."""
    return DASH if found is None else words.share(found)


def share_between(
    words: Words, found: float | None, low: float | None, high: float | None
) -> Markup | str:
    """Say a share with its interval."""
    if found is None or low is None or high is None:
        return DASH
    return add_range(words.share(found), words.say("table.range", low=low, high=high))


def points(words: Words, difference: float | None) -> str:
    """Say a difference of shares."""
    return DASH if difference is None else words.points(difference)


def points_between(
    words: Words, difference: float | None, low: float | None, high: float | None
) -> Markup | str:
    """Say a difference of shares with its interval."""
    if difference is None or low is None or high is None:
        return DASH
    between = words.say("causes.points_range", low=low, high=high)
    return add_range(words.points(difference), between)


def excess(words: Words, found: Excess | None) -> Markup | str:
    """Say an excess in points with its interval."""
    return DASH if found is None else points_between(words, found.value, found.low, found.high)


def deals(words: Words, found: Value) -> Markup:
    """Say an estimated number of deals with its interval."""
    between = words.say("causes.number_range", low=found.low, high=found.high)
    return add_range(words.number(found.value), between)


def money(words: Words, amount: float | None) -> str:
    """Say an amount of money."""
    return DASH if amount is None else words.money(amount)


def plain_points(words: Words, change: float | None) -> str:
    """Say a size in points, without a sign."""
    return DASH if change is None else words.say("causes.plain_points", n=round(100 * change, 1))
