"""One bar of choices for a whole notebook: every picture below it is of what it says.

A picture is HTML that is shown under a name, and shown again under that name when the bar
changes: so the cell of a saved notebook holds the last picture, and needs no widget to show
it. Where nobody is there to choose (a batch run, nbconvert) there is no bar, and each cell
shows its view once.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from markupsafe import Markup

from leakkit.analysis import Analysis, Diagnosis
from leakkit.analysis.selecting import Selector
from leakkit.analysis.selection import EVERYTHING, Selection, select
from leakkit.errors import LeakkitError
from leakkit.guards import require_kind
from leakkit.views.dropoff.choices import amount_of, deals_lines, stages_of
from leakkit.views.tables import DASH
from leakkit.views.view import View, answer, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from leakkit.analysis.results import PipelineAnalysis
    from leakkit.views.bar_widgets import BarWidgets

    Pages = Sequence[Mapping[str, Any]]

FOLLOWING = frozenset(
    {"headline", "balance", "pipe", "stages", "days", "months", "data", "deals", "compare"}
)
"""The views of one pipeline that are of what the bar says."""
WITH_CHOICES = frozenset({"deals", "compare"})
"""Those that have choices of their own."""
OF_ALL = frozenset({"overview_pipes", "overview_leaks", "overview_quality"})
"""The views of all pipelines that are."""
BY_STAGE = frozenset({"cause_and_effect", "evidence", "when_lost", "drivers", "deals_to_read"})
"""The views of a diagnosis that can be of one stage."""
OF_DIAGNOSIS = BY_STAGE | {
    *("causes_headline", "warnings", "rate_and_mix", "repairs", "before_and_since"),
    *("worklist", "causes_terms", "causes_provenance"),
}
PAUSE_SECONDS = 0.08
"""Changes that follow each other faster are answered together."""
SERVED = "voila"
MOST_KEPT = 200


def runs_alone() -> bool:
    """Say whether a notebook runs with nobody there: what runs it by itself takes no input.

    Voila takes none either, and shows what it ran to a person.
    """
    if os.environ.get("SERVER_SOFTWARE", "").startswith(SERVED):
        return False
    kernel = getattr(_shell(), "kernel", None)
    return kernel is not None and not getattr(kernel, "_allow_stdin", True)


def _shell() -> Any:  # noqa: ANN401 - IPython's
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
        self._waiting: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        """Say how many deals are meant, and the line that chooses them."""
        return f"<{self.pipeline or 'every pipeline'}: {self.counted}; {self.code}>"

    @property
    def whole(self) -> PipelineAnalysis:
        """The pipeline of everything; the first where the bar is of all."""
        return self.selector.pairs[0][0]

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
        wanted = self.selector.known(select(**part))
        if self.diagnosis and wanted != EVERYTHING:
            message = "Causes are looked for in all deals: only a stage can be chosen."
            raise LeakkitError("of_all_deals", message)
        known = stages_of(self.whole, stage)[0].name if stage else ""
        self.selection, self.by, self.stage = wanted, amount_of(by), known
        self.answer()

    def answer(self) -> None:
        """Show everything again as it is chosen now."""
        if self.widgets is None:
            self._show_pictures()
            return
        self.widgets.show()
        try:
            self._show_pictures()
        except Exception as error:
            self.widgets.refuse(error)
            raise
        self.widgets.finish()

    def _show_pictures(self) -> None:
        """Show every picture below the bar again."""
        for follower in list(self.followers.values()):
            follower.show()

    def answer_soon(self) -> None:
        """The same, when nothing was changed for a moment: many changes are one."""
        if self._waiting is not None:
            self._waiting.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.answer()
        else:
            self._waiting = loop.call_later(PAUSE_SECONDS, self.answer)

    @property
    def part(self) -> Analysis:
        """The analysis of what is chosen."""
        if self.selection == EVERYTHING:
            return self.analysis
        return self.selector.select(self.selection)

    @property
    def counted(self) -> str:
        """How many of the deals are meant, in words."""
        names = [whole.name for whole, _ in self.selector.pairs]
        meant, every = (
            sum(one.opportunities for one in of.pipelines if one.name in names)
            for of in (self.part, self.analysis)
        )
        return self.words.say("bar.deals", n=meant, all=every)

    def _ipython_display_(self) -> None:
        """Show the widgets where somebody is there, and nothing where nobody is."""
        if not runs_alone():
            from leakkit.views.bar_widgets import BarWidgets  # noqa: PLC0415 - widgets take time

            self.widgets = BarWidgets(self)
            self.widgets.display()


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


class Follower:
    """One picture under a bar; `view` is what is shown now, `code` the call that makes it."""

    def __init__(self, make: Callable[..., View], bar: Filters, results: Pages = ()) -> None:
        """Follow the bar."""
        self.make, self.bar = make, bar
        known = inspect.signature(make).parameters
        self.facts: dict[str, Any] = {"pages": results} if "pages" in known and results else {}
        self.own: dict[str, Any] = {}
        self.name = make.__name__
        self.handle: Any = None
        self._kept: dict[tuple[str, Selection], View] = {}
        bar.followers[self._place()] = self

    def _place(self) -> str:
        """Return which cell it stands in, so that a cell that runs again follows once."""
        shell = _shell()
        parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
        cell = (parent.get("metadata") or {}).get("cellId")
        return f"{cell} {self.name}" if cell else uuid4().hex

    @property
    def code(self) -> str:
        """The Python call that makes the same view."""
        bar, drawn = self.bar, "".join(f", {n}={v!r}" for n, v in self._drawn().items())
        if bar.diagnosis:
            of = f"leakkit.diagnose(leakkit.analyze(data, {bar.pipeline!r}))"
            return f"leakkit.views.{self.name}({of}{drawn})"
        limits = self.bar.selection.keywords() if self._follows() else {}
        said = [repr(bar.pipeline)] if bar.pipeline else []
        if bar.analysis.language != bar.analysis.config.language:
            said.append(f"language={bar.analysis.language!r}")
        said += [f"{name}={value!r}" for name, value in limits.items()]
        return f"leakkit.views.{self.name}(leakkit.analyze({', '.join(['data', *said])}){drawn})"

    @property
    def view(self) -> View:
        """The view of what is chosen."""
        # a view that the bar does not limit has one call, and says so where the bar limits others
        wanted = self.code, self.bar.selection
        if wanted not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[wanted] = self._made()
        return self._kept[wanted]

    def _follows(self) -> bool:
        """Say whether the view is of what the bar says."""
        return not self.bar.diagnosis and self.name in FOLLOWING | OF_ALL

    def _of_all(self) -> bool:
        """Say whether the view is of all pipelines."""
        return self.name.startswith("overview")

    def _drawn(self) -> dict[str, Any]:
        """Return what is drawn, where the view has a choice."""
        known = inspect.signature(self.make).parameters
        drawn = {name: said for name, said in self.own.items() if said}
        if "by" in known and self.bar.by != "count":
            drawn["by"] = self.bar.by
        by_stage = self.name in BY_STAGE if self.bar.diagnosis else "stage" in known
        if by_stage and self.bar.stage:
            drawn["stage"] = self.bar.stage
        return drawn

    def _made(self) -> View:
        """Make the view, which says what the bar does not limit."""
        bar, words = self.bar, self.bar.words
        if bar.diagnosis:
            return self.make(bar.diagnosis, **self._drawn())
        named = bar.pipeline not in {"", bar.analysis.pipelines[0].name}
        of = {"pipeline": bar.pipeline} if named and not self._of_all() else {}
        if self._follows():
            made = self._of_part(of)
            if self.name in FOLLOWING or bar.selection == EVERYTHING:
                return made
            return replace(made, selection=_said(bar.selection, bar))
        made = self.make(bar.analysis, **of, **self._drawn(), **self.facts)
        if bar.selection == EVERYTHING:
            return made
        return replace(made, selection=words.html("bar.not_limited"))

    def _of_part(self, of: dict[str, str]) -> View:
        """Make the view of what is chosen; a comparison that cannot be made says why."""
        try:
            return self.make(self.bar.part, **of, **self._drawn(), **self.facts)
        except LeakkitError as error:
            if self.name != "compare":
                raise
            why = self.bar.words.html("compare.refused", why=str(error))
            return answer(self.bar.words, "compare", headline=why)

    def bundle(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Return what the cell holds: the picture, and as text the call and what it says."""
        data, metadata = self.view._repr_mimebundle_()
        return {**data, "text/plain": f"{self.code}\n{data['text/plain']}"}, metadata

    def show(self) -> None:
        """Show the picture again, where it was shown."""
        if self.handle is not None:
            data, metadata = self.bundle()
            self.handle.update(data, metadata=metadata, raw=True)

    def _ipython_display_(self) -> None:
        """Show the picture under a name of its own, under choices where it has any."""
        from IPython.display import DisplayHandle  # noqa: PLC0415 - as above

        data, metadata = self.bundle()
        self.handle = DisplayHandle()  # type: ignore[no-untyped-call] # IPython has no types of it
        if self.name in WITH_CHOICES:
            from leakkit.views import picture_widgets  # noqa: PLC0415 - widgets take time

            picture_widgets.display(self)
        self.handle.display(data, metadata=metadata, raw=True)


def _said(selection: Selection, bar: Filters) -> Markup:
    """Say what a view of all pipelines is of."""
    words, said = bar.words, deals_lines(selection, bar.words)
    if selection.window != "all":
        said.append(words.html(f"bar.of_{selection.window}"))
    elif selection.limits_days:
        first, last = selection.days
        said.append(words.html("bar.of_days", first=first or DASH, last=last or DASH))
    return Markup(" ").join(said)


def follow(make: Callable[..., View], bar: Filters, results: Pages = ()) -> View | Follower:
    """Return a view that follows a bar; where nobody is there, the view itself."""
    known = FOLLOWING | OF_ALL
    name = getattr(make, "__name__", "")
    if not callable(make) or (bar.diagnosis is None) == (name in OF_DIAGNOSIS):
        message = f"{name or make} cannot follow this bar. These can: {', '.join(sorted(known))}."
        raise LeakkitError("no_choices", message)
    follower = Follower(make, bar, results)
    return follower.view if runs_alone() else follower
