"""What is said of a pipeline whose export leaves deals out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views.tables import bdi

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.words import Words


def say_left_out(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say which deals the export seems to leave out; nothing of a whole one."""
    code = chosen.notes.coverage
    if not code:
        return Markup("")
    counts = {"won": 0, "lost": 0, "open": 0}
    for (outcome, _), n in chosen.notes.outcomes.items():
        counts[outcome] += n
    return words.html(f"coverage.{code}", **counts)


def what_to_export(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say what to export instead, and what is not said until then; nothing of a whole export."""
    code = chosen.notes.coverage
    if not code:
        return Markup("")
    return words.html(f"coverage.instead_{code}") + " " + words.html("coverage.capped")


def pipelines_left_out(analysis: Analysis, words: Words) -> Markup:
    """Name the pipelines of which deals are left out; nothing where there are none."""
    names = [bdi(one.name) for one in analysis.pipelines if one.notes.coverage]
    if not names:
        return Markup("")
    return words.html("coverage.pipelines", n=len(names), names=words.list_values(names))
