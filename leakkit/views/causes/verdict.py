"""What a verdict says, how strong it is, and which operation to review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views.tables import bdi

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.findings import Finding
    from leakkit.findings.verdicts import Cause
    from leakkit.words import Words


def short(cause: Cause, words: Words) -> Markup:
    """Say a verdict as a heading and a line."""
    said = words.say(f"causes.short_{cause.verdict.family or 'undetermined'}")
    return Markup("<strong>{}</strong><p>{}</p>").format(said, strength(cause, words))


def strength(cause: Cause, words: Words) -> Markup:
    """Say what a verdict names most, and how strong it is, or why there is none."""
    verdict, parts = cause.verdict, []
    if not verdict.family:
        return words.html(f"causes.why_{verdict.why}")
    if cause.sub_reason:
        most = _reason(cause.sub_reason, words)
        parts.append(words.html("causes.above_all", reason=most))
    parts.append(words.html(f"causes.strength_{verdict.strength}"))
    if verdict.lost_long_after:
        parts.append(words.html("causes.lost_long_after"))
    return Markup(" ").join(parts)


def _reason(code: str, words: Words) -> Markup:
    """Say a sub-reason; one of the user's own as it is written in the user's file."""
    return _say_message(f"causes.reason.{code}", code.partition(".")[2], words)


def operation(code: str, words: Words) -> Markup:
    """Say an operation to review; one of the user's own as it is written in the user's file."""
    return _say_message(f"causes.reviews.{code}", code, words)


def _say_message(key: str, written: str, words: Words) -> Markup:
    """Say the message `key`, or what the user wrote where there is none."""
    return words.html(key) if words.knows(key) else bdi(written)


def review_line(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say which operation to review for a finding."""
    return words.html("causes.review", what=operation(review(diagnosis, finding), words))


def review(diagnosis: Diagnosis, finding: Finding) -> str:
    """Return the code of the operation to review for a finding."""
    if finding.kind == "overdue":
        return "time_to_answer"
    if finding.kind == "returned":
        return "steps_back"
    found = [one.cause.review for one in diagnosis.stages if one.stage.name == finding.stage]
    return found[0] if found else "reading_deals"
