"""A deck from an analysis: its opening, and the slides of every pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit import views
from leakkit.analysis import diagnose
from leakkit.deck.cause_slides import (
    actions_slide,
    calls_slide,
    causes_slide,
    changes_slide,
    repairs_slide,
    segments_slide,
)
from leakkit.deck.charting import pack_deck
from leakkit.deck.content import (
    COUNTS,
    LONGEST_NAME,
    Box,
    Chart,
    Placed,
    Series,
    Slide,
    Subject,
    Tabled,
    lines_of,
    name_of,
)
from leakkit.deck.leak_slides import (
    answer_slide,
    flow_slide,
    leaks_slide,
    owners_slide,
    pipe_slide,
    reasons_slide,
    reliability_slide,
    standing_slide,
    stays_slide,
)
from leakkit.deck.masters import client, house
from leakkit.deck.powerpoint import Foot, write_slides
from leakkit.findings.finding import leading
from leakkit.frames.units import MINOR
from leakkit.views.brand import brand_of
from leakkit.views.grids import Cell, Grid, html_text
from leakkit.views.html_tables import DASH, bdi
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.words import Words


# ---------------- slides
# The slides of one pipeline, in their order.

OF_A_HISTORY: tuple[Callable[[Subject], Slide | None], ...] = (
    answer_slide, pipe_slide, leaks_slide, changes_slide, causes_slide, segments_slide,
    repairs_slide, calls_slide, actions_slide, stays_slide, flow_slide, reliability_slide,
)  # fmt: skip
OF_A_LIST: tuple[Callable[[Subject], Slide | None], ...] = (
    answer_slide,
    standing_slide,
    reasons_slide,
    owners_slide,
    reliability_slide,
)


def slides_of(subject: Subject) -> Iterator[Slide]:
    """Yield the slides of a pipeline; one whose question has no answer in the data is left out."""
    for make in OF_A_HISTORY if subject.pipeline.present is None else OF_A_LIST:
        slide = make(subject)
        if slide is not None:
            yield slide


# ---------------- making
# A deck from an analysis: its opening, and the slides of every pipeline.

if TYPE_CHECKING:
    Slides = dict[str, tuple[Slide, ...]]


MANY = 6
"""Of more pipelines than this each has one slide: what it loses, and what to do."""
MOST = 30
LISTED, FEW, DRAWN = 10, 4, 6


@dataclass(frozen=True)
class Look:
    """How a deck looks: in the master of a template, or in that of the house."""

    template: Path | None = None


def deck(analysis: Analysis, look: Look | None = None) -> bytes:
    """Return a deck of all pipelines of an analysis, as the bytes of a .pptx file.

    Equal analyses give equal bytes. Raises LeakkitError for a template that cannot be used.
    """
    return _write_deck(analysis, analysis.pipelines, _slides_of_each(analysis), look or Look())


def decks(analysis: Analysis, look: Look | None = None) -> dict[str, bytes]:
    """Return a deck of each pipeline by its name, and that of all under the empty name."""
    slides, look = _slides_of_each(analysis), look or Look()
    made = {one.name: _write_deck(analysis, (one,), slides, look) for one in analysis.pipelines}
    return made | {"": _write_deck(analysis, analysis.pipelines, slides, look)}


def _slides_of_each(analysis: Analysis) -> Slides:
    """Return the slides of each pipeline by its name."""
    words = words_of(analysis)
    return {
        one.name: tuple(slides_of(Subject(diagnose(analysis, one.name), words)))
        for one in analysis.pipelines
    }


def _write_deck(
    analysis: Analysis, pipelines: tuple[PipelineNumbers, ...], slides: Slides, look: Look
) -> bytes:
    """Write the deck of some pipelines."""
    words = words_of(analysis)
    brand = brand_of(analysis)
    master = client(look.template) if look.template else house(brand.colour, brand.accent)
    master = replace(master, direction=words.direction)
    opening = _opening(analysis, pipelines, words)
    shown = [opening, *([_all(analysis, words)] if len(pipelines) > 1 else ())]
    few = len(pipelines) <= MANY
    for one in pipelines[:MOST]:
        shown += slides[one.name] if few else slides[one.name][:1]
    logo = brand.picture if look.template is None else b""
    write_slides(master, shown, Foot(brand.foot, logo, brand.client))
    return pack_deck(master.deck, opening.title, brand.author or "leakkit")


def _opening(analysis: Analysis, pipelines: tuple[PipelineNumbers, ...], words: Words) -> Slide:
    """Return the slide that opens a deck."""
    title = (
        words.say("deck.opening_one", name=name_of(pipelines[0].name))
        if len(pipelines) == 1
        else words.say("deck.opening")
    )
    deals = sum(one.opportunities for one in pipelines)
    brand = brand_of(analysis)
    whose = {"client": brand.client, "author": brand.author}
    lines = [words.say(f"brand.{key}", name=name) for key, name in whose.items() if name]
    lines.append(words.say("deck.subtitle", as_of=analysis.last_day, deals=deals))
    said = "\n".join(lines)
    finger = words.say("provenance.fingerprint", fingerprint=analysis.fingerprint)
    return Slide(title, subtitle=said, opening=True, notes=(finger,))


def _all(analysis: Analysis, words: Words) -> Slide:
    """Return the slide of all pipelines: what leaks most, what each says, and their pipes."""
    view = views.overview(analysis)
    shown = analysis.pipelines[:LISTED]
    chart = _costly(analysis, words) if len(shown) <= FEW else None
    table = Tabled(_list_pipelines(analysis, shown, words), (1.5, 0.7, 7, 1.2), 13 if chart else 11)
    parts = [Placed(Box(0, 0.02, 1, 0.43 if chart else 0.96), table)]
    parts += [Placed(Box(0, 0.48, 1, 0.52), chart)] if chart else []
    left_out = len(analysis.pipelines) - MOST
    said = (*lines_of(view), words.say("deck.python", text="leakkit.views.overview(analysis)"))
    notes = (*said, words.say("deck.others", n=left_out)) if left_out > 0 else said
    deals, as_of = sum(one.opportunities for one in analysis.pipelines), analysis.last_day
    foot = words.say("overview.as_of", n=len(analysis.pipelines), deals=deals, as_of=as_of)
    title = html_text(view.headline, LONGEST_NAME)
    return Slide(title, words.say("deck.all"), tuple(parts), foot, notes)


def _list_pipelines(analysis: Analysis, shown: tuple[PipelineNumbers, ...], words: Words) -> Grid:
    """Return what each pipeline says, and what could be kept in it."""
    rows = tuple(
        (
            Cell(name_of(one.name)),
            Cell(words.count(one.opportunities)),
            Cell(html_text(views.headline(analysis, one.name).headline, LONGEST_NAME)),
            Cell(_say_kept(analysis, one, words)),
        )
        for one in shown
    )
    heads = ("pipeline_name", "deals", "what_happened", "could_keep_value")
    caption = words.say("question.overview_pages")
    return Grid(caption, tuple(words.say(f"table.{head}") for head in heads), rows)


def _say_kept(analysis: Analysis, one: PipelineNumbers, words: Words) -> str:
    """Say what could be kept where the finding that leads went back; a dash where none leads."""
    led = leading(finding for finding in analysis.all_findings if finding.pipeline == one.name)
    value = led[0][0].recoverable if led else None
    return words.money(value.value) if value and value.value else DASH


def _costly(analysis: Analysis, words: Words) -> Chart | None:
    """Return the stages that lost most value, over all pipelines; None where no value is known."""
    found = [
        (stage.value_lost, one.name, stage.name)
        for one in analysis.pipelines
        for stage in one.stages
        if one.present is None and stage.value_lost > 0
    ]
    shown = sorted(found, key=lambda leak: -leak[0])[:DRAWN]
    if not shown:
        return None
    title = words.say("deck.costly", currency=analysis.config.currency)
    names = tuple(
        html_text(words.html("overview.named", stage=bdi(stage), pipeline=bdi(name)), LONGEST_NAME)
        for _, name, stage in shown
    )
    values = tuple(float(value) / MINOR for value, *_ in shown)
    series = Series(words.say("table.value_lost"), values, "lost-soft", said=True)
    said = [f"{name} {words.money(v)}" for name, (v, *_) in zip(names, shown, strict=True)]
    alt = f"{title}: {'; '.join(said)}."
    return Chart("bars", title, alt, names, (series,), COUNTS, legend=False, title=title)
