"""What stands beside a change: last year, another speed, and what can be ruled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.findings.finding import OK, SMALL
from leakkit.views.causes import cells

if TYPE_CHECKING:
    from leakkit.findings import Finding
    from leakkit.words import Words


def last_year(finding: Finding, words: Words) -> Markup:
    """Say what the share was in the same days last year; nothing where that is not known."""
    past = finding.last_year
    if past is None:
        return Markup("")
    key = "as_last_year" if past.as_now else "not_as_last_year"
    return words.html(
        f"causes.{key}", share=past.share, change=past.change, low=past.low, high=past.high
    )


def speed(finding: Finding, words: Words) -> Markup:
    """Say that deals leave later or earlier, and what is lost of those that had left.

    Nothing where the speed is as before.
    """
    decided = finding.decided
    if decided is None or not decided.speed:
        return Markup("")
    return words.html(
        f"causes.speed_{decided.speed}", share=decided.share, reference=decided.reference
    )


def say_ruled_out(finding: Finding, words: Words) -> Markup:
    """Say which change can be ruled out; nothing where none of a size that matters can."""
    if finding.severity not in {OK, SMALL}:
        return Markup("")
    key = "ruled_out_target" if finding.reference_kind == "target" else "ruled_out"
    return words.html(f"causes.{key}", size=cells.plain_points(words, finding.margin))
