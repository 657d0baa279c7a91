"""The bar as widgets: what can be chosen, how many deals each choice has, and what is meant now."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ipywidgets
from markupsafe import Markup

from leakkit.analysis.scope import ANY, OPEN_DAYS, POLICIES, VISITS, Selection, select
from leakkit.errors import LeakkitError
from leakkit.store.visits import read_worths, segment_values
from leakkit.views.picture_widgets import FITTING, LABEL, SaveWidgets

if TYPE_CHECKING:
    from leakkit.analysis import PipelineNumbers
    from leakkit.views.bar import Filters

EPOCH = dt.date(1970, 1, 1)
BANDS = 5
QUARTERS = 8
WIDE = "22rem"
OWN = "own"
MOST_SHOWN = 500
"""So many values of a column are listed; the search finds the others."""
FEW_VALUES = 6
"""So many values stand in the list without scrolling."""


class Values:
    """The values of one column: a search, and a list in which several can be chosen."""

    def __init__(self, bar: Filters, column: str, changed: Any, gone: Any) -> None:  # noqa: ANN401 - what to call
        """List the values, the most frequent first, each with its deals."""
        numbers = bar.selector.numbers
        found = segment_values(bar.selector.store, numbers, column)
        self.column, self.words, self.changed = column, bar.words, changed
        self.known = sorted(found, key=lambda pair: (-pair[1], pair[0]))
        self.chosen: tuple[str, ...] = ()
        self.still = False
        self.search = ipywidgets.Text(
            placeholder=bar.words.say("bar.search"), layout=ipywidgets.Layout(width=WIDE)
        )
        self.list = ipywidgets.SelectMultiple(
            rows=min(max(len(found), 2), FEW_VALUES), layout=ipywidgets.Layout(width=WIDE)
        )
        self.remove = ipywidgets.Button(description=bar.words.say("bar.remove"), layout=FITTING)
        self.remove.on_click(bar.hear(lambda _: gone(self)))
        self.search.observe(bar.hear(lambda _: self._fit()), names="value")
        self.list.observe(bar.hear(self._take_picked), names="value")
        head = ipywidgets.HTML(Markup("<b>{}</b>").format(column))
        self.more = ipywidgets.HTML(layout=ipywidgets.Layout(width=WIDE))
        parts = [ipywidgets.HBox([head, self.remove]), self.search, self.list, self.more]
        self.box = ipywidgets.VBox(parts)
        self._fit()

    def choose(self, values: tuple[str, ...]) -> None:
        """Show what is chosen, without telling anybody."""
        self.chosen = values
        self._fit()

    def _fit(self) -> None:
        """List the values that the search finds; without one all, those that are chosen first."""
        wanted = self.search.value.casefold()
        found = [pair for pair in self.known if wanted in self._said(pair[0]).casefold()]
        if not wanted:
            found.sort(key=lambda pair: len(self.known) > FEW_VALUES and pair[0] not in self.chosen)
        shown = [(f"{self._said(value)} ({self.words.count(n)})", value) for value, n in found]
        self.still = True
        self.list.options = shown[:MOST_SHOWN]
        offered = {value for _, value in shown[:MOST_SHOWN]}
        self.list.value = tuple(value for value in self.chosen if value in offered)
        self.still = False
        self._say_more(len(found))

    def _said(self, value: str) -> str:
        """Return what is said of a value."""
        return value or str(self.words.say("bar.none"))

    def _say_more(self, found: int) -> None:
        """Say what is chosen where the list may not show it, and what the list leaves out."""
        said = []
        if self.chosen and (self.search.value or len(self.known) > FEW_VALUES):
            first = ", ".join(map(self._said, self.chosen[:FEW_VALUES]))
            more = len(self.chosen) - FEW_VALUES
            key = "bar.chosen_more" if more > 0 else "bar.chosen"
            said.append(self.words.say(key, values=first, n=more))
        if not found:
            said.append(self.words.say("bar.not_found"))
        if found > MOST_SHOWN:
            said.append(self.words.say("bar.more_values", shown=MOST_SHOWN, n=found))
        lines = Markup("<br>").join(said)
        self.more.value = Markup("<span>{}</span>").format(lines) if said else ""

    def _take_picked(self, _: object) -> None:
        """Take over what was picked; what the search hides stays chosen."""
        if self.still:
            return
        offered = {value for _, value in self.list.options}
        hidden = (value for value in self.chosen if value not in offered)
        self.chosen = (*hidden, *self.list.value)
        self._say_more(len(self.list.options))
        self.changed(None)


class BarWidgets:
    """The widgets of a bar; they change it, and are changed by it."""

    def __init__(self, bar: Filters) -> None:
        """Lay the widgets out as the bar says."""
        self.bar, self.words = bar, bar.words
        self.still = False
        self.refused = ""
        """What was refused last, and why, until a choice is taken."""
        self.panels: list[Values] = []
        say = self.words.say
        columns = [] if bar.diagnosis else self._columns()
        self.add = ipywidgets.Dropdown(
            options=[(say("bar.choose"), ""), *((name, name) for name in columns)],
            description=say("bar.add"), style=LABEL,
        )  # fmt: skip
        self.choices: dict[str, Any] = {
            name: ipywidgets.Dropdown(options=options, description=say(f"bar.{name}"), style=LABEL)
            for name, options in self._options().items()
            if len(options) > 1
        }
        self.first, self.last = (
            ipywidgets.DatePicker(description=say(f"bar.{name}"), style=LABEL)
            for name in ("first", "last")
        )
        self.least, self.below = (
            ipywidgets.FloatText(description=say(f"bar.{name}"), style=LABEL)
            for name in ("least", "below")
        )
        self.reset = ipywidgets.Button(description=say("bar.reset"), layout=FITTING)
        self.counted, self.status = ipywidgets.HTML(), ipywidgets.HTML()
        self.saving = SaveWidgets(bar)
        self.values = ipywidgets.HBox([], layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.own_days = ipywidgets.HBox([self.first, self.last])
        self.own_worth = ipywidgets.HBox([self.least, self.below])
        self.box = self._laid_out(columns)
        self._listen()
        self.show_choices()
        self.show()

    def _laid_out(self, columns: list[str]) -> Any:  # noqa: ANN401 - ipywidgets ships no types
        """Put the widgets into rows."""
        row = ipywidgets.Layout(flex_flow="row wrap")
        first = [self.add] if columns else []
        return ipywidgets.VBox(
            [
                ipywidgets.HBox([*first, *self.choices.values()], layout=row),
                self.values,
                self.own_days,
                self.own_worth,
                ipywidgets.HBox([self.reset, self.counted, self.status], layout=row),
                self.saving.box,
            ]
        )

    def _listen(self) -> None:
        """Hear of every change."""
        hear = self.bar.hear
        self.add.observe(hear(self._open_values), names="value")
        own = (self.first, self.last, self.least, self.below)
        for control in (*self.choices.values(), *own):
            control.observe(hear(self._answer_change), names="value")
        self.reset.on_click(hear(lambda _: self._clear()))

    def display(self) -> None:
        """Show the widgets in the cell."""
        from IPython.display import display  # noqa: PLC0415 - only in a notebook

        display(self.box)  # type: ignore[no-untyped-call] # IPython ships no types of it

    # What can be chosen

    def _columns(self) -> list[str]:
        """Return the columns of the deals that have more than one value."""
        store = self.bar.selector.store
        numbers = self.bar.selector.numbers
        return [
            name for name in store.meta("segments") if len(segment_values(store, numbers, name)) > 1
        ]

    def _options(self) -> dict[str, list[tuple[str, Any]]]:
        """Return the choices, each as labels and values; one without a choice is left out."""
        say, whole = self.words.say, self.bar.whole
        stages = [(name, name) for name in self.bar.stages]
        by_stage = [(say("bar.stage_all"), ""), *stages] if len(stages) > 1 else []
        if self.bar.diagnosis:
            return {"stage": by_stage}
        configured = self.bar.analysis.config.comparison.skip_policy
        policies = [configured, *(policy for policy in POLICIES if policy != configured)]
        wholes = self.bar.selector.wholes
        return {
            "days": self._ranges() if whole.present is None else [],
            "worth": self._bands(),
            "visits": [
                (say(f"bar.visits_{one}"), one) for one in VISITS if any(map(_comes_again, wholes))
            ],
            "policy": [
                (say(f"bar.policy_{one}"), "" if one == configured else one)
                for one in policies
                if any(map(_skips, wholes))
            ],
            "by": [(say(f"bar.by_{one}"), one) for one in ("count", "value")],
            "stage": by_stage,
        }

    def _ranges(self) -> list[tuple[str, Any]]:
        """Return the ranges of days: the whole, the windows, 30 days, the quarters, one's own."""
        say, windows = self.words.say, self.bar.whole.windows
        found: list[tuple[str, Any]] = [(say("bar.window_all"), ("all", *OPEN_DAYS))]
        found += [
            (say(f"bar.window_{window}"), (window, *OPEN_DAYS))
            for window in ("current", "baseline")
            if getattr(windows, window) is not None
        ]
        last = windows.end_day - 1
        month = max(last - 29, windows.start_day)
        found.append((say("bar.last_30"), ("all", _text(month), _text(last))))
        for first, end, label in _quarters(windows.start_day, last):
            found.append((label, ("all", _text(first), _text(end))))
        return [*found, (say("bar.own_days"), (OWN, *OPEN_DAYS))]

    def _bands(self) -> list[tuple[str, Any]]:
        """Return bands of value with as many deals each, and one's own limits."""
        limits = _fifths(self.bar)
        if not limits:
            return []
        say = self.words.say

        def money(value: float | None) -> str:
            return self.words.money((value or 0.0) * 100)

        found: list[tuple[str, Any]] = [(say("bar.any_worth"), ANY)]
        for least, below in zip((None, *limits), (*limits, None), strict=True):
            if least is None:
                label = say("bar.band_below", below=money(below))
            elif below is None:
                label = say("bar.band_from", least=money(least))
            else:
                label = say("bar.band", least=money(least), below=money(below))
            found.append((label, (least, below)))
        return [*found, (say("bar.own_worth"), OWN)]

    # What was changed

    def _open_values(self, change: Any) -> None:  # noqa: ANN401 - as above
        """Open the values of a column."""
        column, self.add.value = change["new"], ""
        if column and column not in {panel.column for panel in self.panels}:
            self.open(column)

    def open(self, column: str) -> Values:
        """Put the values of a column into the bar."""
        panel = Values(self.bar, column, self._answer_change, self.close)
        self.panels.append(panel)
        self.values.children = [one.box for one in self.panels]
        return panel

    def close(self, panel: Values) -> None:
        """Take a column out of the bar."""
        self.panels.remove(panel)
        self.values.children = [one.box for one in self.panels]
        self._answer_change(None)

    def _value(self, name: str, other: object) -> Any:  # noqa: ANN401 - of any choice
        """Return what is chosen under a name; `other` where there is no choice."""
        return self.choices[name].value if name in self.choices else other

    def _answer_change(self, _: object) -> None:
        """Answer a change of a widget, unless the bar itself made it."""
        if self.still:
            return
        window, *days = self._value("days", ("all", *OPEN_DAYS))
        worth = self._value("worth", ANY)
        if window == OWN:
            days = [one.value.isoformat() if one.value else "" for one in (self.first, self.last)]
        if worth == OWN:
            worth = (self.least.value or None, self.below.value or None)
        self._show_own()
        chosen = {
            "segment": {panel.column: panel.chosen for panel in self.panels if panel.chosen},
            "worth": worth,
            "days": days,
            "window": "all" if window == OWN else window,
            "visits": self._value("visits", "first"),
            "policy": self._value("policy", ""),
        }
        self._take(chosen, self._value("by", "count"), self._value("stage", ""))

    def _clear(self) -> None:
        """Choose everything again."""
        self.still = True
        for choice in self.choices.values():
            choice.value = choice.options[0][1]
        self.still = False
        self._take({}, "count", "")
        self.show_choices()

    def _take(self, chosen: dict[str, Any], by: str, stage: str) -> None:
        """Have the bar say what is chosen; what it refuses is said, and nothing changes."""
        configured = self.bar.analysis.config.comparison.skip_policy
        if chosen.get("visits") == "all" and configured != "observed":
            chosen["policy"] = "observed"
        elif chosen.get("visits") == "all":
            chosen["policy"] = ""
        try:
            known = self.bar.selector.spell(select(**chosen))
        except LeakkitError as error:
            self.refuse(error)
            return
        self.bar.selection, self.bar.by, self.bar.stage = known, by, stage
        self._show_policy(known)
        self.refused = ""
        self._say(self.words.say("bar.computing"))
        self.bar.answer_soon()

    def say_how_far(self, shown: int, every: int) -> None:
        """Say which of the pictures below, in their order, are of what is chosen now."""
        key = "bar.computing_more" if shown else "bar.computing"
        self._say(self.words.say(key, shown=shown, every=every))

    def stop(self, shown: int, every: int, error: Exception) -> None:
        """Say which of the pictures do not follow, and why."""
        self._say(self.words.say("bar.stopped", shown=shown, every=every, why=str(error)))

    def _say(self, text: str) -> None:
        """Say beside the bar how far it is, and what it refused."""
        said = " ".join(filter(None, (self.refused, text)))
        self.status.value = Markup("<b>{}</b>").format(said) if said else ""

    def _show_own(self) -> None:
        """Show the fields of one's own days and limits where they are asked for."""
        own = self._value("days", ("all",))[0] == OWN
        self.own_days.layout.display = "" if own else "none"
        self.own_worth.layout.display = "" if self._value("worth", ANY) == OWN else "none"

    def show_choices(self) -> None:
        """Show what the bar says, where something else than these widgets has changed it."""
        self.still = True
        try:
            self._show_choices(self.bar.selection)
            self._show_panels(self.bar.selection)
        finally:
            self.still = False

    def show(self) -> None:
        """Show what is meant; no choice is touched, for the next one may have been made already."""
        self._show_own()
        self.saving.fit()
        said = self.words.say("bar.causes") if self.bar.diagnosis else self.bar.counted
        self.counted.value = Markup("<b>{}</b>").format(said)

    def refuse(self, error: Exception) -> None:
        """Say why the pictures do not follow, until a choice is taken."""
        self.refused = self.words.say("bar.refused", why=str(error))
        self._say("")

    def finish(self) -> None:
        """Take the sign away: every picture is of what the bar says."""
        self._say("")

    def _show_choices(self, chosen: Selection) -> None:
        """Set the lists to what is chosen."""
        days: Any = (chosen.window, *chosen.days)
        if chosen.window == "all" and self._is_own("days", days, (OWN, *OPEN_DAYS)):
            self.first.value, self.last.value = map(_date, chosen.days)
            days = (OWN, *OPEN_DAYS)
        worth: Any = chosen.worth
        if self._is_own("worth", worth, OWN):
            self.least.value, self.below.value = (limit or 0.0 for limit in chosen.worth)
            worth = OWN
        said = {"days": days, "worth": worth, "visits": chosen.visits, "policy": chosen.policy}
        said |= {"by": self.bar.by, "stage": self.bar.stage}
        for name, value in said.items():
            if name in self.choices and self.choices[name].value != value:
                self.choices[name].value = value
        self._show_policy(chosen)

    def _show_policy(self, chosen: Selection) -> None:
        """Show the policy that goes with all visits, which is not to be chosen then."""
        policy = self.choices.get("policy")
        if policy is None:
            return
        still, self.still = self.still, True
        policy.disabled = chosen.visits == "all"
        if policy.value != chosen.policy:
            policy.value = chosen.policy
        self.still = still

    def _is_own(self, name: str, chosen: object, own: object) -> bool:
        """Say whether a choice is one's own: it is in no list, or its fields stand open.

        What is typed there may be what a list offers as well: the fields stay all the same.
        """
        if name not in self.choices:
            return False
        offered = [value for _, value in self.choices[name].options]
        return chosen not in offered or self.choices[name].value == own

    def _show_panels(self, chosen: Selection) -> None:
        """Open the columns that are chosen, and show their values."""
        wanted = dict(chosen.columns)
        opened = {panel.column: panel for panel in self.panels}
        for column, values in wanted.items():
            panel = opened.get(column) or self.open(column)
            if set(panel.chosen) != set(values):
                panel.choose(values)
        for column, panel in opened.items():
            if column not in wanted and panel.chosen:
                panel.choose(())


def _text(number: int) -> str:
    """Return a day number as a day."""
    return (EPOCH + dt.timedelta(days=number)).isoformat()


def _date(day: str) -> dt.date | None:
    """Return a day as a date; None where there is none."""
    return dt.date.fromisoformat(day) if day else None


def _quarters(first: int, last: int) -> list[tuple[int, int, str]]:
    """Return the last quarters that have days, the latest first: first day, last day, name."""
    begin, end = EPOCH + dt.timedelta(days=first), EPOCH + dt.timedelta(days=last)
    at = end.year * 4 + (end.month - 1) // 3
    found: list[tuple[int, int, str]] = []
    while len(found) < QUARTERS:
        year, quarter = divmod(at, 4)
        start = dt.date(year, quarter * 3 + 1, 1)
        following = dt.date(year + quarter // 3, (quarter + 1) % 4 * 3 + 1, 1)
        if following <= begin:
            break
        days = [max((start - EPOCH).days, first), min((following - EPOCH).days - 1, last)]
        found.append((days[0], days[1], f"{year} Q{quarter + 1}"))
        at -= 1
    return found


def _comes_again(pipeline: PipelineNumbers) -> bool:
    """Say whether any deal came back to a stage."""
    return any(stage.exits.entered > stage.first_visits for stage in pipeline.stages)


def _skips(pipeline: PipelineNumbers) -> bool:
    """Say whether any deal went past a stage, so that the skip policies differ."""
    return any(stage.jumped_over for stage in pipeline.stages)


def _fifths(bar: Filters) -> tuple[float, ...]:
    """Return the values that part the deals into fifths; none where they are too alike."""
    numbers = bar.selector.numbers
    known = read_worths(bar.selector.store, numbers)
    places = [known[len(known) * part // BANDS] / 100 for part in range(1, BANDS)] if known else []
    limits = sorted(set(places) - {known[0] / 100} if known else ())
    return tuple(limits) if len(limits) == BANDS - 1 else ()
