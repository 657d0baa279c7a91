"""The stages that a diagnosis looked into: which are asked for, and what is said of none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.guards import require_text
from leakkit.page.style import REPEATED, SECTION
from leakkit.views.coverage import say_left_out
from leakkit.views.view import answer

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.views.view import View
    from leakkit.words import Words


def stages_of(diagnosis: Diagnosis, stage: str) -> tuple[StageDiagnosis, ...]:
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
