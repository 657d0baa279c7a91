"""Where does the pipe leak, and which leak is to be looked at first?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.headline import headline as find_headline
from leakkit.analysis.scope import EVERYTHING
from leakkit.findings.finding import leading
from leakkit.views import figures
from leakkit.views.dropoff.choices import amount_of, part_line, pipeline_of
from leakkit.views.present import stages as present
from leakkit.views.shift import shifts
from leakkit.views.view import answer, of_analysis, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.findings import Finding
    from leakkit.views.view import View


@of_analysis
def pipe(analysis: Analysis, pipeline: str = "", *, by: str = "count") -> View:
    """Where does the pipe leak? A cohort, each deal once, to scale; in deals or `by` value.

    The strong red is the leak to look at first: the one that got worse, else the largest.
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    if chosen.present is not None:
        shown = present.picture(analysis, chosen, words, amount_of(by))
        title, said = words.say("question.present"), part_line(analysis, chosen, words)
        return answer(words, "pipe", title=title, figure=shown, selection=said)
    found = () if analysis.selection != EVERYTHING else analysis.all_findings
    worst = choose_emphasis(chosen, found)
    told = shifts(chosen, found) if amount_of(by) == "count" else ()
    shown = figures.pipe(chosen, words, worst=worst, by=by, shifts=told)
    said = part_line(analysis, chosen, words, days="created")
    if analysis.selection != EVERYTHING and by == "count":
        said = Markup(" ").join(filter(None, [said, words.html("selection.no_strip")]))
    return answer(words, "pipe", figure=shown, selection=said)


def choose_emphasis(chosen: PipelineNumbers, findings: Iterable[Finding]) -> int | None:
    """Return the stage whose leak to look at first: what got worse, else what loses most."""
    own = (f for f in findings if f.pipeline == chosen.name)
    led = [f for card in leading(own) for f in card if f.kind == "lost"]
    names = {stage.name: stage.stage for stage in chosen.stages}
    largest = find_headline(chosen).stage
    if led and led[0].stage in names:
        return names[led[0].stage]
    return largest.stage if largest else None
