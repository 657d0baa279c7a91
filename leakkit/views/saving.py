"""Any picture under a bar as a file beside the notebook, or on the clipboard.

Only a browser can fill a clipboard, so that is the one script that leakkit sends. It stands in a
widget for some seconds and is in no cell: a notebook that is opened again copies nothing.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets
from markupsafe import Markup

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from leakkit.views.bar import Filters
    from leakkit.views.view import View
    from leakkit.words import Words

FORMS = ("png", "svg", "csv", "xlsx")
COPIED = {"copied_picture": "image/png", "copied_tables": "text/plain"}
"""What can be put onto the clipboard, and as what."""
SHOWN_SECONDS = 5.0
MOST_FILES = 1_000
BROAD = {"width": "26rem"}
"""So wide are the questions that pictures answer."""
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
            description=say("bar.picture"), style={"description_width": "8rem"}, layout=BROAD
        )
        forms = [(say(f"bar.form_{form}"), form) for form in (*FORMS, *COPIED)]
        self.form = ipywidgets.Dropdown(
            options=forms, description=say("bar.form"), style={"description_width": "initial"}
        )
        self.button = ipywidgets.Button(description=say("bar.save"), layout={"width": "auto"})
        self.said, self.script = ipywidgets.HTML(), ipywidgets.Output()
        parts = [self.picture, self.form, self.button, self.said, self.script]
        self.box = ipywidgets.HBox(parts, layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.button.on_click(lambda _: self.save())
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
