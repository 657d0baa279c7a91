"""Widgets of pictures: the choices of a list of deals and of a comparison, and the line that saves.

Only a browser can fill a clipboard, so that is the one script that leakkit sends. It stands in a
widget for some seconds and is in no cell: a notebook that is opened again copies nothing.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import datetime as dt
import io
import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
from markupsafe import Markup

from leakkit.errors import LeakkitError
from leakkit.frames.data_frames import LEFT, SORTED
from leakkit.store.visits import segment_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.views.bar import Filters
    from leakkit.views.exploring import Follower
    from leakkit.views.view import View
    from leakkit.words import Words

EPOCH = dt.date(1970, 1, 1)
LABEL = {"description_width": "8rem"}
FITTING = {"width": "auto"}
"""A button is as wide as its words."""
ROW = {"flex_flow": "row wrap"}
BROAD = {"width": "26rem"}
"""So wide is a list of whole phrases."""
NOW, DAY, EVERY, TWO = "now", "day", "every", "two"


def display(follower: Follower) -> None:
    """Show the choices of a picture in its cell."""
    from IPython.display import display as show  # noqa: PLC0415 - only in a notebook

    deals = follower.name == "deals"
    box = DealWidgets(follower).box if deals else CompareWidgets(follower).box
    show(box)  # type: ignore[no-untyped-call] # IPython ships no types of it


class Served:
    """A picture as a widget: Voila shows an output again only where it is alone in its cell."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.html = ipywidgets.HTML()

    def display(self, data: Mapping[str, str], **_: object) -> None:
        """Show the picture in its cell."""
        from IPython.display import display as show  # noqa: PLC0415 - only in a notebook

        self.update(data)
        show(self.html)  # type: ignore[no-untyped-call] # IPython ships no types of it

    def update(self, data: Mapping[str, str], **_: object) -> None:
        """Show another picture in its place."""
        self.html.value = data["text/html"]


class Answering:
    """Shows a picture again under choices of its own, and says so while it is computed."""

    def __init__(self, follower: Follower) -> None:
        """Begin with nothing to say."""
        self.follower, self.words = follower, follower.bar.words
        self.status = ipywidgets.HTML()

    def _answer(self, own: dict[str, Any]) -> None:
        """Show the picture of what was chosen."""
        self._say(self.words.say("bar.computing_one"))
        self.follower.own = own
        try:
            self.follower.show()
        except Exception as error:
            self._say(self.words.say("bar.stopped_one", why=str(error)))
            raise
        self._say("")

    def _say(self, text: str) -> None:
        """Say beside the choices how far it is."""
        self.status.value = Markup("<b>{}</b>").format(text) if text else ""


class DealWidgets(Answering):
    """What can be chosen of a list of deals, and the files that it can be saved as."""

    def __init__(self, follower: Follower) -> None:
        """Offer the ways to leave, a search, and two files."""
        super().__init__(follower)
        say = self.words.say
        ways = [(say("bar.any_way"), ""), *((say(f"table.left_{way}"), way) for way in LEFT)]
        self.left = ipywidgets.Dropdown(options=ways, description=say("bar.left"), style=LABEL)
        self.sort = ipywidgets.Dropdown(
            options=_orders(self.words), description=say("bar.sort"), style=LABEL, layout=BROAD
        )
        self.search = ipywidgets.Text(
            description=say("bar.search"), style=LABEL, continuous_update=False
        )
        self.saved = ipywidgets.HTML()
        self.buttons = {
            end: ipywidgets.Button(description=say(f"bar.save_{end}"), layout=FITTING)
            for end in ("csv", "xlsx")
        }
        for end, button in self.buttons.items():
            button.on_click(follower.bar.hear(partial(self._save, end)))
        for control in (self.left, self.sort, self.search):
            control.observe(follower.bar.hear(self._answer_change), names="value")
        row = ipywidgets.Layout(flex_flow="row wrap")
        parts = [self.left, self.sort, self.search, *self.buttons.values(), self.saved, self.status]
        self.box = ipywidgets.HBox(parts, layout=row)

    def _answer_change(self, _: object) -> None:
        """List what was chosen."""
        self.saved.value = ""
        self._answer(
            {
                "left": self.left.value,
                "sort": self.sort.value,
                "search": self.search.value.strip(),
            }
        )

    def _save(self, end: str, _: object) -> None:
        """Write the list beside the notebook, and say where."""
        said = say_saved(self.follower.view, end, self.words)
        self.saved.value = Markup("<span>{}</span>").format(said)


def _orders(words: Words) -> list[tuple[str, str]]:
    """Return the orders of a list of deals, each as a label and as `views.deals` takes it."""
    found = [(words.say("bar.sort_stage"), "")]
    for name, kind in SORTED.items():
        column = words.say(f"deals.{name}")
        if kind != "text":
            found.append((words.say(f"bar.sort_{kind}_falling", column=column), f"-{name}"))
        found.append((words.say(f"bar.sort_{kind}", column=column), name))
    return found


class CompareWidgets(Answering):
    """What is compared: now and before, both sides of a day, the values of a column."""

    def __init__(self, follower: Follower) -> None:
        """Offer what there is to compare in the pipeline."""
        super().__init__(follower)
        say = self.words.say
        self.what = ipywidgets.Dropdown(
            options=self._options(), description=say("compare.what"), style=LABEL, layout=BROAD
        )
        last = follower.bar.whole.windows.current
        self.day = ipywidgets.DatePicker(
            description=say("compare.day"), style=LABEL, value=_date(last[0]) if last else None
        )
        self.first, self.second = (
            ipywidgets.Dropdown(description=say(f"compare.{name}"), style=LABEL, layout=BROAD)
            for name in ("first", "second")
        )
        self.still = False
        for control in (self.what, self.day, self.first, self.second):
            control.observe(follower.bar.hear(self._answer_change), names="value")
        parts = [self.what, self.day, self.first, self.second, self.status]
        self.box = ipywidgets.HBox(parts, layout=ipywidgets.Layout(**ROW))
        self._fit()

    def _options(self) -> list[tuple[str, tuple[str, str]]]:
        """Return what can be compared, each as a label and a kind with its column."""
        say = self.words.say
        found = [(say("compare.now_and_before"), (NOW, "")), (say("compare.at_a_day"), (DAY, ""))]
        for kind, key in ((EVERY, "compare.values_of"), (TWO, "compare.two_of")):
            found += [(say(key, column=name), (kind, name)) for name in self._columns()]
        return found

    def _columns(self) -> list[str]:
        """Return the columns of the deals that have more than one value."""
        names = self.follower.bar.selector.store.meta("segments")
        return [name for name in names if len(self._values(name)) > 1]

    def _values(self, column: str) -> list[str]:
        """Return the values of a column, the most frequent first."""
        selector = self.follower.bar.selector
        numbers = selector.numbers
        found = segment_values(selector.store, numbers, column)
        return [value for value, _ in sorted(found, key=lambda pair: (-pair[1], pair[0]))]

    def _answer_change(self, change: Any) -> None:  # noqa: ANN401 - ipywidgets ships no types
        """Compare what was chosen."""
        if self.still:
            return
        if change["owner"] is self.what:
            self._fit()
        if self.what.value[0] == DAY and self.day.value is None:
            self._say(self.words.say("compare.no_day"))
            return
        self._answer(self.chosen)

    def _fit(self) -> None:
        """Offer the day, or the values, that go with what is compared."""
        kind, column = self.what.value
        self.day.layout.display = "" if kind == DAY else "none"
        for control in (self.first, self.second):
            control.layout.display = "" if kind == TWO else "none"
        if kind != TWO:
            return
        none = self.words.say("bar.none")
        values = [(value or none, value) for value in self._values(column)]
        self.still = True
        self.first.options, self.first.value = values, values[0][1]
        self.second.options = [(self.words.say("compare.rest"), None), *values]
        self.second.value = None
        self.still = False

    @property
    def chosen(self) -> dict[str, Any]:
        """What is compared, as `leakkit.compare` takes it."""
        kind, column = self.what.value
        if kind == DAY:
            return {"day": self.day.value.isoformat()}
        if kind == EVERY:
            return {"column": column}
        if kind == NOW:
            return {}
        second = {} if self.second.value is None else {"other": {column: self.second.value}}
        return {"one": {column: self.first.value}, **second}


def _date(number: int) -> dt.date:
    """Return a local day number as a date."""
    return EPOCH + dt.timedelta(days=number)


# ---------------- saving
# Any picture under a bar as a file beside the notebook, or on the clipboard.

FORMS = ("png", "svg", "csv", "xlsx")
COPIED = {"copied_picture": "image/png", "copied_tables": "text/plain"}
"""What can be put onto the clipboard, and as what."""
SHOWN_SECONDS = 5.0
MOST_FILES = 1_000
SCRIPT = """
const content = Uint8Array.from(atob(%(content)s), (letter) => letter.charCodeAt(0));
const item = () => new ClipboardItem({[%(kind)s]: new Blob([content], {type: %(kind)s})});
(async () => navigator.clipboard.write([item()]))().then(
  () => { element.textContent = %(copied)s; },
  () => { element.textContent = %(refused)s; },
);
"""


class SaveWidgets:
    """Which picture is to be saved, and as what."""

    def __init__(self, bar: Filters) -> None:
        """Offer the pictures that follow the bar; none yet."""
        self.bar, say = bar, bar.words.say
        self.picture = ipywidgets.Dropdown(
            description=say("bar.picture"), style=LABEL, layout=BROAD
        )
        forms = [(say(f"bar.form_{form}"), form) for form in (*FORMS, *COPIED)]
        self.form = ipywidgets.Dropdown(
            options=forms, description=say("bar.form"), style={"description_width": "initial"}
        )
        self.button = ipywidgets.Button(description=say("bar.save"), layout=FITTING)
        self.said, self.script = ipywidgets.HTML(), ipywidgets.Output()
        parts = [self.picture, self.form, self.button, self.said, self.script]
        self.box = ipywidgets.HBox(parts, layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.button.on_click(bar.hear(lambda _: self.save()))
        self.fit()

    def fit(self) -> None:
        """Offer the pictures that follow now; what was saved before is no longer said."""
        offered = [(one.title, place) for place, one in self.bar.followers.items()]
        if list(self.picture.options) != offered:
            chosen = self.picture.value
            self.picture.options = offered
            known = chosen in self.bar.followers
            self.picture.value = chosen if known else next(iter(self.bar.followers), None)
        self.box.layout.display = "" if offered else "none"
        self.said.value, self.script.outputs = "", ()

    def save(self) -> None:
        """Save the picture as it is now, and say where."""
        view, form = self.bar.followers[self.picture.value].view, self.form.value
        self.said.value, self.script.outputs = "", ()
        if form in COPIED:
            self.copy(view, form)
            return
        said = say_saved(view, form, self.bar.words)
        self.said.value = Markup("<span>{}</span>").format(said)

    def copy(self, view: View, form: str) -> None:
        """Have the browser copy it, and say whether it did; forget the script after that."""
        content = view.render(".png") if form == "copied_picture" else tabbed(view).encode()
        said = {
            "content": base64.b64encode(content).decode(),
            "kind": COPIED[form],
            "copied": self.bar.words.say("bar.copied", title=view.title),
            "refused": self.bar.words.say("bar.not_copied"),
        }
        script = SCRIPT % {name: json.dumps(str(text)) for name, text in said.items()}
        data = {"application/javascript": script}
        self.script.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)
        with suppress(RuntimeError):  # without a loop nobody is there
            asyncio.get_running_loop().call_later(SHOWN_SECONDS, self._forget)

    def _forget(self) -> None:
        """Take the script away, so that nothing runs it again."""
        self.script.outputs = ()


def save_beside(view: View, ending: str) -> Path:
    """Save a view in the present folder under the first name that is free; return the path."""
    numbers = ("", *(f"_{number}" for number in range(2, MOST_FILES)))
    paths = (Path(f"{view.name}{number}.{ending}") for number in numbers)
    free = next((path for path in paths if not path.exists()), None)
    if free is None:
        message = f"There are {view.name}.{ending} and {MOST_FILES - 2} more: move some away."
        raise LeakkitError("no_free_name", message)
    return view.save(free)


def say_saved(view: View, ending: str, words: Words) -> str:
    """Save a view beside the notebook, and return what is to be said of it."""
    try:
        return words.say("bar.saved", file=str(save_beside(view, ending)))
    except (LeakkitError, OSError) as error:
        return words.say("bar.not_saved", why=str(error))


def tabbed(view: View) -> str:
    """Return the tables of a view as a spreadsheet takes them from a clipboard."""
    text = view.render(".csv").decode("utf-8-sig")
    rows = csv.reader(io.StringIO(text, newline=""))
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)
