"""Exploring in a notebook: one view, one bar of choices, and the call that says the same.

What is counted is a selection of the analysis, what is drawn a choice of the view. The
answer is written into the value of an HTML widget, never into an Output widget, which
can hang a batch run for ever; a report shows the view itself.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd
from markupsafe import Markup

from leakkit.analysis.selecting import Selector
from leakkit.analysis.selection import CHOICES as CHOSEN
from leakkit.analysis.selection import EVERYTHING, Selection, select
from leakkit.analysis.spelling import POLICIES, VISITS, WINDOWS, segment_values
from leakkit.errors import LeakkitError
from leakkit.listing import passages
from leakkit.page.style import style_element
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.views.view import View
    from leakkit.words import Words

DEALS = ("segment", "value")
CURVES = ("window", "visits", "policy")
CHOICES = {
    "headline": (*DEALS, *CURVES),
    "balance": (*DEALS, "by"),
    "pipe": (*DEALS, "by"),
    "stages": (*DEALS, *CURVES, "by"),
    "days": (*DEALS, *CURVES, "stage"),
    "months": (*DEALS, "by"),
    "data": (*DEALS, *CURVES),
}
"""What can be chosen of each view."""
MOST_VALUES = 30
SHOWN_COLUMNS = frozenset(
    {
        *("opportunity_id", "name", "owner", "pipeline", "stage", "visit", "entry", "entered_day"),
        *("left_day", "stay", "exit", "to_stage", "skipped", "lost_reason", "value"),
    }
)
LABEL_WIDTH = "7.5rem"
"""Wide enough for the longest label; wider ones end in dots."""
SHOWN_ROWS = 200
MOST_KEPT = 200
SELECTED = ("segment", "value", *CHOSEN)
"""The choices that say what is counted; the others say what is drawn."""


def explore_view(view: Callable[..., View], analysis: Analysis, pipeline: str = "") -> Explorer:
    """What does a view of one pipeline say of some deals, of some days, of one stage?

    Raises LeakkitError for a view without choices, and for an analysis that is a part.
    """
    name = getattr(view, "__name__", "")
    if name not in CHOICES:
        message = f"This view has nothing to choose. These have: {', '.join(CHOICES)}."
        raise LeakkitError("no_choices", message)
    chosen = analysis.chosen(pipeline)[0]
    return Explorer(view, Selector(analysis, chosen.name), chosen)


@dataclass(frozen=True)
class Choice:
    """One choice: what it is called, and the labels and values that can be chosen."""

    label: str
    options: tuple[tuple[str, str], ...]


class Explorer:
    """The widgets of one view; `controls` by name, `code` is the call that says the same."""

    def __init__(
        self, view: Callable[..., View], selector: Selector, chosen: PipelineAnalysis
    ) -> None:
        """Lay out the widgets in the state of the static view."""
        self.view, self.selector, self.pipeline = view, selector, chosen
        analysis = selector.analysis
        self.words = words_of(analysis)
        self.segments = _segments(selector)
        self.controls: dict[str, Any] = {
            name: _dropdown(choice)
            for name in CHOICES[view.__name__]
            if len((choice := self._choice(name)).options) > 1
            or (name == "value" and self.segments)
        }
        self.shown, self.said, self.rows = (ipywidgets.HTML() for _ in range(3))
        self.toggle = ipywidgets.ToggleButton(
            value=False, description=self.words.say("explore.deals")
        )
        self.code = ""
        self._answers: dict[str, str] = {}
        self._still = False
        for control in (*self.controls.values(), self.toggle):
            control.observe(self._changed, names="value")
        bar = ipywidgets.HBox(
            list(self.controls.values()), layout=ipywidgets.Layout(flex_flow="row wrap")
        )
        self.box = ipywidgets.VBox([bar, self.shown, self.said, self.toggle, self.rows])
        self._fit()
        self._answer()

    def _repr_mimebundle_(self, **how: Any) -> Any:  # noqa: ANN401 - IPython's protocol
        """Return what a notebook shows: the widgets."""
        return self.box._repr_mimebundle_(**how)

    def _choice(self, name: str) -> Choice:
        """Return what can be chosen under a name."""
        say, windows = self.words.say, self.pipeline.windows
        everything = (say("explore.everything"), "")
        configured = self.selector.analysis.config.comparison.skip_policy
        policies = [configured, *(policy for policy in POLICIES if policy != configured)]
        options: dict[str, list[tuple[str, str]]] = {
            "segment": [everything, *((name, name) for name in self.segments)],
            "value": [everything],
            "window": [
                (say(f"explore.window_{window}"), window)
                for window in WINDOWS
                if window == "all"
                or (windows.baseline is not None and getattr(windows, window) is not None)
            ],
            "visits": [
                (say(f"explore.visits_{visits}"), visits)
                for visits in VISITS
                if visits == "first" or _comes_again(self.pipeline)
            ],
            "policy": [
                (say(f"explore.policy_{policy}"), "" if policy == configured else policy)
                for policy in policies
                if policy == configured or _skips(self.pipeline)
            ],
            "by": [(say(f"explore.by_{by}"), by) for by in ("count", "value")],
            "stage": [
                (say("explore.stage_all"), ""),
                *(
                    (stage.name, stage.name)
                    for stage in self.pipeline.stages
                    if stage.opportunities
                ),
            ],
        }
        return Choice(say(f"explore.{name}"), tuple(options[name]))

    @property
    def selection(self) -> Selection:
        """What is counted now."""
        chosen = {name: self.controls[name].value for name in SELECTED if name in self.controls}
        configured = self.selector.analysis.config.comparison.skip_policy
        if chosen.get("visits") == "all" and configured != "observed":
            chosen["policy"] = "observed"
        value = chosen.pop("value", "")
        if column := chosen.get("segment"):
            chosen["segment"] = {column: value}
        return select(**chosen)

    @property
    def drawn(self) -> dict[str, str]:
        """What is drawn now, where it is not what a page shows."""
        usual = {
            name: parameter.default
            for name, parameter in inspect.signature(self.view).parameters.items()
        }
        return {
            name: control.value
            for name, control in self.controls.items()
            if name not in SELECTED and control.value != usual[name]
        }

    def _changed(self, _: object) -> None:
        """Answer a change of a choice."""
        if not self._still:
            self._fit()
            self._answer()

    def _fit(self) -> None:
        """Offer only what goes with what was chosen."""
        self._still = True
        try:
            if "segment" in self.controls:
                self._fit_values()
            if {"visits", "policy"} <= self.controls.keys():
                policy, every = self.controls["policy"], self.controls["visits"].value == "all"
                policy.disabled = every
                policy.value = policy.options[0][1] if every else policy.value
        finally:
            self._still = False

    def _fit_values(self) -> None:
        """Offer the values of the chosen segment."""
        values, segment = self.controls["value"], self.controls["segment"].value
        none = self.words.say("explore.none")
        options = [(value or none, value) for value in self.segments.get(segment, ())]
        values.disabled = not segment
        if not segment:
            options = list(self._choice("value").options)
        if list(values.options) != options:
            values.options = options
            values.value = options[0][1]

    def _answer(self) -> None:
        """Show the view of what was chosen, the call that makes it, and the rows if asked."""
        selection, drawn = self.selection, self.drawn
        self.code = self._call(selection, drawn)
        if self.code not in self._answers:
            if len(self._answers) >= MOST_KEPT:
                self._answers.clear()
            self._answers[self.code] = self._show(selection, drawn)
        self.shown.value = self._answers[self.code]
        self.said.value = _code(self.words.say("explore.call"), self.code)
        self.rows.value = self._rows(selection, drawn) if self.toggle.value else ""

    def _show(self, selection: Selection, drawn: dict[str, str]) -> str:
        """Return the view as HTML."""
        analysis = self.selector.analysis
        if selection != EVERYTHING:
            analysis = self.selector.select(selection)
        view = self.view(analysis, self.pipeline.name, **drawn)
        return f"{style_element()}{view.section()}"

    def _call(self, selection: Selection, drawn: dict[str, str]) -> str:
        """Return the Python call that makes the same view."""
        analysis = self.selector.analysis
        said = [repr(self.pipeline.name)]
        if analysis.language != analysis.config.language:
            said.append(f"language={analysis.language!r}")
        said += _said(selection)
        shown = [f"leakkit.analyze(data, {', '.join(said)})"]
        shown += [f"{name}={value!r}" for name, value in drawn.items()]
        return f"leakkit.views.{self.view.__name__}({', '.join(shown)})"

    def _rows(self, selection: Selection, drawn: dict[str, str]) -> str:
        """Return the visits behind the view as HTML: the first of them."""
        filters = {"pipeline": self.pipeline.name, "stage": drawn.get("stage", "")}
        if "visits" in self.controls:
            filters["visits"] = selection.visits
        given: dict[str, Any] = {n: each for n, each in filters.items() if each not in {"", "all"}}
        given |= {
            n: each for n, each in selection.keywords().items() if n not in {"visits", "policy"}
        }
        found = passages(self.selector.store, **given)
        said = ", ".join(f"{name}={each!r}" for name, each in given.items())
        call = _code(self.words.say("explore.call"), f"leakkit.passages(data, {said})")
        shown = min(len(found), SHOWN_ROWS)
        key = "explore.rows" if shown == len(found) else "explore.rows_first"
        head = Markup("<p>{}</p>").format(self.words.say(key, n=len(found), shown=shown))
        return (
            f"{style_element()}{_section(head, _table(found.head(SHOWN_ROWS), self.words), call)}"
        )


def _segments(selector: Selector) -> dict[str, list[str]]:
    """Return the segments with 2 to 30 values among the deals of the pipeline."""
    numbers = [material.asked.number for _, material in selector.pairs]
    found = {
        segment: [value for value, _ in segment_values(selector.store, numbers, segment)]
        for segment in selector.store.meta("segments")
    }
    return {name: values for name, values in found.items() if 2 <= len(values) <= MOST_VALUES}  # noqa: PLR2004 - one value is no choice


def _dropdown(choice: Choice) -> Any:  # noqa: ANN401 - ipywidgets ships no types
    """Return the widget of a choice."""
    return ipywidgets.Dropdown(
        options=list(choice.options),
        value=choice.options[0][1],
        description=choice.label,
        style={"description_width": LABEL_WIDTH},
    )


def _said(selection: Selection) -> list[str]:
    """Return a selection as keywords; what is not chosen is left out."""
    return [f"{name}={value!r}" for name, value in selection.keywords().items()]


def _code(label: str, code: str) -> str:
    """Return a call as HTML."""
    return Markup("<p>{} <code>{}</code></p>").format(label, code)


def _section(*parts: str) -> Markup:
    """Return parts that are HTML as a section of their own."""
    return Markup('<section class="lk">{}</section>').format(Markup("\n").join(parts))


def _comes_again(pipeline: PipelineAnalysis) -> bool:
    """Say whether any deal came back to a stage."""
    return any(stage.exits.entered > stage.first_visits for stage in pipeline.stages)


def _skips(pipeline: PipelineAnalysis) -> bool:
    """Say whether any deal went past a stage, so that the skip policies differ."""
    return any(stage.jumped_over for stage in pipeline.stages)


def _table(rows: pd.DataFrame, words: Words) -> Markup:
    """Return rows as an HTML table: every text is somebody's, and is escaped.

    Days are said as dates and values as money; the moments, which the days stand for, and
    the steps, which the order stands for, are left out.
    """
    shown = [name for name in rows.columns if not name.endswith("_at") and name != "step"]
    say = {
        "entered_day": words.date,
        "left_day": words.date,
        "value": lambda value: words.money(round(value * 100)),
    }
    heads = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in shown)
    columns = [[_cell(each, say.get(name)) for each in rows[name]] for name in shown]
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row)
        )
        for row in zip(*columns, strict=True)
    )
    return Markup(
        '<div class="lk-scroll"><table class="lk-table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(heads, body)


def _cell(value: Any, say: Callable[[Any], str] | None) -> str:  # noqa: ANN401 - whatever a frame holds
    """Return a cell as text; empty where nothing is known."""
    if pd.isna(value):
        return ""
    if say:
        return say(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
