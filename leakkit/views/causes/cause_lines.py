"""The cells, names and short lines that the views of causes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.guards import require_text
from leakkit.page.style import REPEATED, SECTION
from leakkit.views.elements import add_range, plain, stay
from leakkit.views.sentences import say_left_out
from leakkit.views.tables import DASH, bdi
from leakkit.views.view import answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings import Finding
    from leakkit.findings.comparison import Excess
    from leakkit.findings.finding import Value
    from leakkit.findings.verdicts import Cause
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- cells
# The cells of tables on causes: a number with its interval, or a dash where there is none.


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


# ---------------- segments
# How a segment is named: by its columns and what stands in them.


def segment(
    columns: tuple[str, ...], values: tuple[str, ...], binned: tuple[str, ...], words: Words
) -> Markup:
    """Say a segment by its columns and values; of numbers, up to where its fifth goes."""
    parts = []
    for column, written in zip(columns, values, strict=True):
        name = bdi(column)
        if column not in binned or not written:
            said = words.html("causes.segment", column=name, value=value_of(written, words))
        else:
            key = "segment_money" if column == "value" else "segment_number"
            said = words.html(f"causes.{key}", column=name, value=float(written))
        parts.append(said)
    return Markup(", ").join(parts)


def value_of(written: str, words: Words) -> Markup:
    """Say a value of a column; an empty one is a value, too."""
    return bdi(written) if plain(written) else words.html("bar.none")


def columns_of(names: Iterable[str]) -> Markup:
    """Return names of columns, one behind the other."""
    return Markup(", ").join(map(bdi, names))


# ---------------- stages
# The stages that a diagnosis looked into: which are asked for, and what is said of none.


def diagnosed_stages(diagnosis: Diagnosis, stage: str) -> tuple[StageDiagnosis, ...]:
    """Return the stages that were looked into, or the one that is asked for."""
    if stage:
        require_text("stage", stage)
    found = tuple(
        one
        for one in diagnosis.stages
        if not stage or fold_name(one.stage.name) == fold_name(stage)
    )
    if stage and not found:
        known = ", ".join(one.stage.name for one in diagnosis.stages)
        message = f"{stage!r} was not looked into. These were: {known}."
        raise LeakkitError("no_stage", message)
    return found


def no_stages(diagnosis: Diagnosis, words: Words, name: str) -> View:
    """Say why no stage was looked into."""
    if diagnosis.pipeline.present is not None:
        return answer(words, name, headline=words.say("present.no_causes"), kind=REPEATED)
    lost = diagnosis.pipeline.notes.outcomes.get(("lost", False), 0)
    if lost and not loses(diagnosis):
        said = words.html("headline.elsewhere", n=lost)
        return answer(words, name, headline=said, kind=_kind(name))
    if not loses(diagnosis) and (said := say_left_out(diagnosis.pipeline, words)):
        return answer(words, name, headline=said, kind=_kind(name))
    code = "no_days" if loses(diagnosis) else "no_stage"
    return answer(words, name, headline=words.say(f"causes.{code}"), kind=_kind(name))


def _kind(name: str) -> str:
    """Return the kind of a part that has nothing to show: the first says so, others repeat it."""
    return SECTION if name == "cause_and_effect" else REPEATED


def loses(diagnosis: Diagnosis) -> bool:
    """Say whether the pipeline has lost any deal in a stage."""
    return any(stage.exits.lost for stage in diagnosis.pipeline.stages)


def sample_line(looked_at: int, passages: int, words: Words) -> Markup:
    """Say that a stage has more visits than are looked at; nothing where it has not."""
    if looked_at >= passages:
        return Markup("")
    return Markup(" ") + words.html("causes.sampled", n=looked_at, of=passages)


# ---------------- bulk
# Which losses were closed in bulk, by which rule, and therefore say nothing of a cause?


def say_set_apart(diagnosis: Diagnosis, cause: Cause, words: Words) -> list[Markup]:
    """Say how many losses were set apart as closed in bulk, and by which rule."""
    apart = cause.administrative
    if not apart.n:
        return []
    said = [words.html("causes.administrative", n=apart.n, of=apart.losses)]
    if apart.owner_day:
        said.append(words.html("causes.apart_owner", n=apart.owner_day))
    if apart.one_day:
        said.append(words.html("causes.apart_day", n=apart.one_day))
    if apart.one_age and apart.age is not None:
        age = stay(words, apart.age, diagnosis.pipeline.unit_per_day)
        said.append(words.html("causes.apart_age", n=apart.one_age, age=age))
    return [Markup(" ").join(said)]


# ---------------- verdict
# What a verdict says, how strong it is, and which operation to review.


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
