"""One bar of choices for a whole notebook: every picture below it is of what it says.

Where nobody is there to choose (a batch run, nbconvert) there is no bar.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from leakkit.analysis import Analysis, Diagnosis
from leakkit.analysis.parts import Selector
from leakkit.analysis.scope import EVERYTHING, select
from leakkit.errors import LeakkitError
from leakkit.guards import find_spelling, require_kind
from leakkit.page.style import style_element
from leakkit.views.view import amount_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leakkit.analysis.numbers import PipelineNumbers
    from leakkit.views.bar_widgets import BarWidgets
    from leakkit.views.exploring import Follower

PAUSE_SECONDS = 0.03
"""Changes that follow each other faster are answered together."""
BREATH_SECONDS = 0.005
"""So long a change is listened for between two pictures."""
SERVED = "voila"


def runs_alone() -> bool:
    """Say whether a notebook runs with nobody there: what runs it by itself takes no input.

    Voila takes none either, and shows what it ran to a person.
    """
    if is_served():
        return False
    kernel = getattr(find_shell(), "kernel", None)
    return kernel is not None and not getattr(kernel, "_allow_stdin", True)


def _find_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop of this thread, in which a kernel runs cells and hears; none in a script."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_served() -> bool:
    """Say whether Voila shows the notebook: nothing is saved then, and there is no code."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith(SERVED)


def show_style() -> None:
    """Put the stylesheet into the cell of the bar, once for all pictures below it.

    A browser works out every style of the page anew for each stylesheet that comes in: one
    with each picture cost more than the picture.
    """
    from IPython.display import display  # noqa: PLC0415 - only in a notebook

    style = {"text/html": style_element(), "text/plain": ""}
    display(style, raw=True)  # type: ignore[no-untyped-call] # IPython has no types of it


def find_shell() -> Any:  # noqa: ANN401 - IPython's
    """Return the shell of the notebook; None where there is none."""
    with suppress(ImportError):
        from IPython import get_ipython  # noqa: PLC0415 - outside of notebooks it is not needed

        return get_ipython()
    return None


class Filters:
    """The bar: `selection` and `by` are what is chosen, `code` the line that chooses it.

    Shown in a notebook it is widgets; `set` changes it from Python as well, and without any
    notebook. `pipeline` is the one that it is of; empty where it is of `every` one.
    """

    def __init__(
        self, of: Analysis | Diagnosis, pipeline: str = "", *, every: bool = False
    ) -> None:
        """Begin with everything."""
        self.diagnosis = of if isinstance(of, Diagnosis) else None
        self.analysis = of.analysis if isinstance(of, Diagnosis) else of
        only = self.diagnosis.pipeline.name if self.diagnosis else pipeline
        self.pipeline = "" if every else self.analysis.chosen(only)[0].name
        self.selector = Selector(self.analysis, self.pipeline)
        self.words = words_of(self.analysis)
        self.selection, self.by, self.stage = EVERYTHING, "count", ""
        self.followers: dict[str, Follower] = {}
        self.widgets: BarWidgets | None = None
        self.line: Any = None
        self._home = threading.get_ident()
        self._loop = _find_loop()
        self._waiting: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        """Say how many deals are meant, and the line that chooses them."""
        return f"<{self.pipeline or 'every pipeline'}: {self.counted}; {self.code}>"

    def hear(self, act: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return what a widget calls when it is changed, to `act` in the thread of the bar.

        JupyterLab hears of changes in a thread beside the one in which cells run. Two threads
        must not ask one store at once, nor show a picture of an earlier choice over a later one.
        """

        def heard(change: object) -> None:
            if self._loop is None or threading.get_ident() == self._home:
                act(change)
            else:
                self._loop.call_soon_threadsafe(act, change)

        return heard

    def follow(self, place: str, follower: Follower) -> None:
        """Have a picture follow, in the place of the one that was there before."""
        self.followers[place] = follower
        if self.widgets is not None:
            self.widgets.saving.fit()

    @property
    def whole(self) -> PipelineNumbers:
        """The pipeline of everything; the first where the bar is of all."""
        return self.selector.wholes[0]

    @property
    def stages(self) -> list[str]:
        """The stages that can be chosen: those that deals were in, or that were looked into."""
        if not self.pipeline:
            return []
        if self.diagnosis:
            return [one.stage.name for one in self.diagnosis.stages]
        return [stage.name for stage in self.whole.stages if stage.opportunities]

    @property
    def code(self) -> str:
        """The line of Python that chooses what is chosen now."""
        said: dict[str, Any] = self.selection.keywords()
        if self.by != "count":
            said["by"] = self.by
        if self.stage:
            said["stage"] = self.stage
        return f"bar.set({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def set(self, *, by: str = "count", stage: str = "", **part: Any) -> None:  # noqa: ANN401 - as `analyze` takes it
        """Choose a part of the data, as `analyze` takes it; what is not named is not limited.

        `by` is count or value, `stage` the one stage of the pictures that can be of one.
        Raises LeakkitError for what there is not; then everything stays as it was.
        """
        wanted = self.selector.spell(select(**part))
        if self.diagnosis and wanted != EVERYTHING:
            message = "Causes are looked for in all deals: only a stage can be chosen."
            raise LeakkitError("of_all_deals", message)
        known = find_spelling("stage", stage, self.stages) if stage else ""
        self.selection, self.by, self.stage = wanted, amount_of(by), known
        self.answer()

    def answer(self) -> None:
        """Show everything again as it is chosen now, the widgets too."""
        if self.widgets is not None:
            self.widgets.show_choices()
        self._stop_waiting()
        for _ in self._answers():
            pass

    def answer_soon(self) -> None:
        """The same, when nothing was changed for a moment, a picture at a time.

        A change that comes meanwhile is heard between two pictures: what is left of the
        earlier answer is dropped, so many changes are one.
        """
        self._stop_waiting()
        loop = _find_loop()
        if loop is None:
            self.answer()
        else:
            self._waiting = loop.call_later(PAUSE_SECONDS, self._go_on, self._answers())

    def _stop_waiting(self) -> None:
        """Drop what is left of an earlier answer."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _go_on(self, answers: Iterator[None]) -> None:
        """Show one picture more, and the next after a breath in which a change is heard."""
        self._waiting = None
        try:
            next(answers)
        except StopIteration:
            return
        self._waiting = asyncio.get_running_loop().call_later(BREATH_SECONDS, self._go_on, answers)

    def _answers(self) -> Iterator[None]:
        """Show everything again, a picture at a time."""
        followers, shown = list(self.followers.values()), 0
        try:
            if self.widgets is not None:
                self.widgets.show()
            if self.line is not None:
                self.line.update(self.bundle(), raw=True)
            for shown, follower in enumerate(followers):
                if self.widgets is not None:
                    self.widgets.say_how_far(shown, len(followers))
                yield
                follower.show()
        except Exception as error:
            if self.widgets is not None:
                self.widgets.stop(shown, len(followers), error)
            raise
        if self.widgets is not None:
            self.widgets.finish()

    @property
    def part(self) -> Analysis:
        """The analysis of what is chosen."""
        if self.selection == EVERYTHING:
            return self.analysis
        return self.selector.select(self.selection)

    @property
    def counted(self) -> str:
        """How many of the deals are meant, in words."""
        names = [whole.name for whole in self.selector.wholes]
        meant, every = (
            sum(one.opportunities for one in of.pipelines if one.name in names)
            for of in (self.part, self.analysis)
        )
        return self.words.say("bar.deals", n=meant, all=every)

    def bundle(self) -> dict[str, str]:
        """Return what a saved notebook keeps of the bar: the line to run, and how many deals."""
        code = self.code if self.diagnosis else f"{self.code}  # {self.counted}"
        line = Markup('<section class="lk" dir="{}"><p>{} <code>{}</code></p></section>')
        shown = line.format(self.words.direction, self.words.say("bar.call"), code)
        return {"text/html": shown, "text/plain": code}

    def _ipython_display_(self) -> None:
        """Show the widgets where somebody is there, and nothing where nobody is.

        What is chosen stands below them as plain output: widgets are gone when the kernel is.
        """
        if not runs_alone():
            from IPython.display import DisplayHandle  # noqa: PLC0415 - only in a notebook

            from leakkit.views.bar_widgets import BarWidgets  # noqa: PLC0415 - widgets take time

            self.widgets = BarWidgets(self)
            self.widgets.display()
            if not is_served():
                show_style()
                self.line = DisplayHandle()  # type: ignore[no-untyped-call] # IPython has no types of it
                self.line.display(self.bundle(), raw=True)


def filters(of: Analysis | Diagnosis, pipeline: str = "", *, every: bool = False) -> Filters:
    """Which deals, days and visits are all pictures of this notebook to be of?

    Returns one bar, which every `leakkit.explore(view, bar)` follows. `pipeline` is the one
    to look at (the first where empty); with `every` the bar is of all, for the views of the
    overview. Of a diagnosis only a stage can be chosen: causes are looked for in all deals.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> bar = leakkit.filters(analysis)
    >>> shown = leakkit.explore(leakkit.views.headline, bar)
    >>> bar.set(segment={"region": ["North", "South"]}, window="current")
    >>> bar.code
    "bar.set(segment={'region': ['North', 'South']}, window='current')"
    """
    if not isinstance(of, Diagnosis):
        require_kind("filters", of, Analysis)
    return Filters(of, pipeline, every=every)
