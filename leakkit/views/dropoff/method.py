"""How are these numbers made, and from what?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.version import __version__
from leakkit.views.dropoff.choices import pipeline_of
from leakkit.views.elements import paragraphs
from leakkit.views.view import answer, of_analysis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.views.view import View


@of_analysis
def method(analysis: Analysis, pipeline: str = "") -> View:
    """How are these numbers made, in plain words?"""
    words = words_of(analysis)
    if pipeline_of(analysis, pipeline).present is not None:
        lines = [words.html(f"present.method_{key}") for key in ("stage", "range", "first", "days")]
        return answer(words, "method", note=paragraphs(lines))
    keys = ("leak", "share", "range", "horizon", "expected", "visits", "cohort", "overlap")
    return answer(words, "method", note=paragraphs(words.html(f"method.{key}") for key in keys))


@of_analysis
def provenance(analysis: Analysis, pipeline: str = "") -> View:  # noqa: ARG001 - every view takes the same choices
    """From which data and with which settings was this page made?"""
    words, rules = words_of(analysis), analysis.config.comparison
    lines = [
        words.html("provenance.as_of", as_of=analysis.last_day, zone=analysis.config.timezone),
        words.html(
            "provenance.settings",
            current=rules.current_days,
            baseline=rules.baseline_days,
            policy=rules.skip_policy,
            change=rules.min_change,
        ),
        words.html("provenance.fingerprint", fingerprint=analysis.fingerprint),
        words.html("provenance.versions", leakkit=__version__),
        words.html("provenance.files"),
    ]
    return answer(words, "provenance", note=paragraphs(lines))
