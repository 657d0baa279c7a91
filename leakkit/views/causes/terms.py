"""How is the page of causes to be read, and what was it made from?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.views.dropoff.method import provenance
from leakkit.views.elements import paragraphs
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.views.view import View


@of_diagnosis
def causes_terms(diagnosis: Diagnosis) -> View:
    """What do the words of this page mean? Each once."""
    words = words_of(diagnosis.analysis)
    confirm = diagnosis.analysis.config.comparison.confirm_days
    days, alarm = words.days(confirm), "alarm" if confirm else "alarm_once"
    keys = (
        alarm,
        "windows",
        "look_like",
        "excess",
        "rate",
        "adjusted",
        "keep",
        "late",
    )
    if diagnosis.pipeline.present is not None:
        return answer(
            words, "causes_terms", note=paragraphs([words.html("present.term_looks_like")])
        )
    said = (words.html(f"causes.term_{key}", days=days) for key in keys)
    return answer(words, "causes_terms", note=paragraphs(said))


@of_diagnosis
def causes_provenance(diagnosis: Diagnosis) -> View:
    """From which data and with which settings was this page made?"""
    return provenance(diagnosis.analysis)
