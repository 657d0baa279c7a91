"""How a source was read: what was recognised, which rows were faulty, what is in doubt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis import headline_bounds
from leakkit.analysis.scope import EVERYTHING
from leakkit.errors import Fault, shorten_text
from leakkit.measures.stages import CLICKED_THROUGH_SHARE
from leakkit.sources.headings.names import declared_names, nearest
from leakkit.views.elements import heading
from leakkit.views.tables import Column, Table, bdi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.words import Words

SHOWN_OF_EACH = 3


def recognised_lines(analysis: Analysis, words: Words) -> list[Markup]:
    """Say everything that was recognised in the source, and by what."""
    return [_say_recognised(one, words) for one in analysis.recognised]


def _say_recognised(one: Mapping[str, str], words: Words) -> Markup:
    """Say one thing that was recognised; a code in words, a text of the file as it is."""
    what, _, name = one["what"].partition(":")
    said = {fact: _say_code(one[fact], words) for fact in ("as_what", "why")}
    return words.html(f"recognised.{what}", where=one["where"], name=name, **said)


def _say_code(text: str, words: Words) -> Markup | str:
    """Return a code in words; any other text stays one of the user."""
    return Markup(words.say(f"readings.{text}")) if words.knows(f"readings.{text}") else text  # noqa: S704 - our own text


def fault_table(analysis: Analysis, words: Words) -> Markup:
    """Show the first rows that break each rule: what was done, where, and what they say."""
    table = Table(
        words.say("table.faults"),
        (
            Column[Fault]("row", lambda fault: "" if fault.row is None else words.count(fault.row)),
            Column[Fault]("file", lambda fault: bdi(fault.where), "lk-name"),
            Column[Fault]("column", lambda fault: bdi(fault.column), "lk-name"),
            Column[Fault]("content", lambda fault: bdi(shorten_text(fault.value)), "lk-name"),
        ),
        [(_rule(analysis, fault, words), fault) for fault in _first_of_each(analysis.faults)],
        head="happens",
    )
    return heading(words.say("data.faults")) + table.html(words)


def _first_of_each(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first rows that break each rule in each column, rule by rule."""
    groups: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.rule, fault.where, fault.column), []).append(fault)
    return [fault for group in groups.values() for fault in group[:SHOWN_OF_EACH]]


def _rule(analysis: Analysis, fault: Fault, words: Words) -> Markup:
    """Say which rule a row breaks, and what was done; of a stage, the nearest name."""
    if fault.rule == "unknown_stage":
        near = nearest(fault.value, declared_names(analysis.config.pipelines))
        if near:
            return words.html("rules.unknown_stage_near", near=near)
    return words.html(f"rules.{fault.rule}")


def stage_lines(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say which stages deals only pass by, and which they come into no more."""
    names = [s.name for s in chosen.stages if s.clicked_through_share > CLICKED_THROUGH_SHARE]
    passed = [words.html("data.clicked_through", stages=", ".join(names))] if names else []
    old = [one for one in chosen.notes.retired if not one.renamed]
    gone = [words.html("data.retired", stage=one.name, last=one.last) for one in old]
    return [*passed, *gone, *renamed_lines(chosen, words)]


def renamed_lines(chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Name the stages that seem to have a new name, with the line that makes them one."""
    return [
        words.html(
            "data.renamed",
            stage=one.name,
            last=one.last,
            new=one.renamed,
            aliases=bdi(f"aliases = [{json.dumps(one.name, ensure_ascii=False)}]"),
        )
        for one in chosen.notes.retired
        if one.renamed
    ]


LEFT_OPEN = ("outcome_unknown", "closed_without_outcome", "stage_may_be_lost")
"""Doubts that may have left closed deals open."""


def left_open_lines(facts: Mapping[str, int], words: Words) -> list[Markup]:
    """Say of deals that count as open that they may be closed, however few they are."""
    found = [words.html(f"facts.{code}", n=n) for code in LEFT_OPEN if (n := facts.get(code, 0))]
    return [words.html("headline.left_open", said=said) for said in found]


def bounds_lines(analysis: Analysis, pipeline: str, words: Words) -> list[Markup]:
    """Say how far the headline could move if the rows in doubt were wrong."""
    found = headline_bounds(analysis, pipeline)
    if found is None:
        lost = any(stage.exits.lost for stage in analysis[pipeline].stages)
        asked = lost and analysis.doubts is not None and analysis.selection == EVERYTHING
        return [words.html("data.bounds_no_share")] if asked else []
    stage = found.stage.name
    if not found.visits and not found.missing:
        return [words.html("data.bounds_none", stage=stage)]
    facts = {"share": found.stage.lost.share, "visits": found.visits, "missing": found.missing}
    same = words.share(found.low) == words.share(found.high)
    key = "data.bounds_same" if same else "data.bounds"
    lines = [words.html(key, stage=stage, low=found.low, high=found.high, **facts)]
    if found.overtaken_by:
        other = found.overtaken_by.name
        lines.append(words.html("data.bounds_overtaken", stage=other, leader=stage))
    return lines
