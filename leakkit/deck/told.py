"""One pipeline as its slides need it: the diagnosis, the words, and what views say in text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from leakkit.deck.content import LONGEST_NAME, Box, Line, Placed, Slide
from leakkit.findings.finding import WARNING, leading
from leakkit.views.dropoff.pipe import choose_emphasis
from leakkit.views.grids import grids, sentences, shorten_name, text_of
from leakkit.views.shift import Shift, shifts
from leakkit.views.texts import stay

if TYPE_CHECKING:
    from markupsafe import Markup

    from leakkit.analysis import Analysis, Diagnosis, PipelineNumbers
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.deck.content import Part
    from leakkit.findings import Finding
    from leakkit.views.grids import Grid
    from leakkit.views.view import View
    from leakkit.words import Words

LABEL, BODY = 11.0, 14.0


@dataclass(frozen=True)
class Told:
    """A diagnosis and the words to say it in."""

    diagnosis: Diagnosis
    words: Words

    @property
    def analysis(self) -> Analysis:
        """The analysis of all pipelines."""
        return self.diagnosis.analysis

    @property
    def pipeline(self) -> PipelineNumbers:
        """The pipeline that the slides are of."""
        return self.diagnosis.pipeline

    @property
    def name(self) -> str:
        """The name of the pipeline, as it stands on a slide."""
        return name_of(self.pipeline.name)

    @cached_property
    def leading(self) -> Finding | None:
        """The finding that leads the pages; None where none does."""
        led = leading(finding for card in self.diagnosis.cards for finding in card)
        return led[0][0] if led else None

    @cached_property
    def warned(self) -> Finding | None:
        """The gravest finding that warns, whether or not it leads."""
        if self.leading is not None:
            return self.leading
        found = [card[0] for card in self.diagnosis.cards if card[0].severity in WARNING]
        return found[0] if found else None

    @cached_property
    def stage(self) -> StageNumbers | None:
        """The stage that the pictures emphasise: what to look at first."""
        at = choose_emphasis(self.pipeline, self.analysis.all_findings)
        return None if at is None else self.pipeline.stages[at]

    @cached_property
    def shifts(self) -> tuple[Shift, ...]:
        """The shares of every stage, now and before."""
        return shifts(self.pipeline, self.analysis.all_findings)

    def say(self, key: str, **facts: object) -> str:
        """Return a sentence as text; names in it are shortened."""
        return text_of(self.words.html(key, **facts), LONGEST_NAME)

    def stay(self, age: float) -> str:
        """Say an age."""
        return stay(self.words, age, self.pipeline.unit_per_day)

    def call(self, view: str, *, of: str = "") -> str:
        """Return the line of the notes with the call that shows the same."""
        given = f"leakkit.diagnose(analysis, {self.pipeline.name!r})"
        said = f"leakkit.views.{view}({of or given})"
        return self.words.say("deck.python", text=said)

    def analysis_call(self, view: str) -> str:
        """Return the same line for a view of an analysis."""
        return self.call(view, of=f"analysis, {self.pipeline.name!r}")

    def note(self, key: str, text: str) -> str:
        """Return a line of the notes; nothing where there is nothing to say."""
        return self.words.say(f"deck.{key}", text=text) if text else ""

    def slide(
        self,
        title: str,
        about: str,
        *parts: tuple[Box, Part],
        foot: str = "",
        notes: tuple[str, ...] = (),
    ) -> Slide:
        """Return a slide of this pipeline: its kicker says which, and what it is about."""
        kicker = f"{self.name}  \u00b7  {self.words.say(about)}"
        return Slide(title, kicker, tuple(Placed(*part) for part in parts), foot, notes)


def as_of(told: Told) -> str:
    """Say of which day and of how many deals a slide is."""
    deals = told.pipeline.opportunities
    return told.words.say("headline.as_of", as_of=told.analysis.last_day, deals=deals)


def name_of(name: str) -> str:
    """Return a user's name as it stands on a slide."""
    return shorten_name(" ".join(name.split()), LONGEST_NAME)


def read_headline(view: View) -> str:
    """Return the headline of a view as text."""
    return text_of(view.headline, LONGEST_NAME)


def between_tables(view: View) -> tuple[str, ...]:
    """Return the lines that stand beside the tables of a view."""
    return sentences(view.table, LONGEST_NAME)


def short(said: Markup) -> str:
    """Return a sentence of the pages as text, its names shortened."""
    return text_of(said, LONGEST_NAME)


def lines_of(view: View) -> tuple[str, ...]:
    """Return what a view says under its headline."""
    return sentences(view.note, LONGEST_NAME)


def tables_of(view: View) -> tuple[Grid, ...]:
    """Return the tables of a view."""
    return grids(view.table, LONGEST_NAME)


def label(text: str, before: float = 14.0) -> Line:
    """Return a small heading over a sentence."""
    return Line(text, LABEL, "flow-ink", bold=True, before=before)


def body(text: str, before: float = 2.0) -> Line:
    """Return a sentence."""
    return Line(text, BODY, before=before)
