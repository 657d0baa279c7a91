"""Exploring in a notebook: each picture under a bar is of what the bar says.

A picture is HTML that is shown under a name, and shown again under that name when the bar
changes: so the cell of a saved notebook holds the last picture, and needs no widget to show
it. Where nobody is there to choose (a batch run, nbconvert) each cell shows its view once.
"""

from __future__ import annotations

import gc
import inspect
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from markupsafe import Markup

from leakkit.analysis.parts import MOST_ANSWERS, keep_latest
from leakkit.analysis.scope import EVERYTHING, Selection
from leakkit.errors import LeakkitError
from leakkit.guards import require_kind
from leakkit.page.style import style_element
from leakkit.views.bar import Filters, find_shell, is_served, runs_alone
from leakkit.views.html_tables import DASH
from leakkit.views.view import View, answer, deals_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
        bar.follow(self._place(), self)

    def _place(self) -> str:
        """Return which cell it stands in, so that a cell that runs again follows once."""
        shell = find_shell()
        parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
        cell = (parent.get("metadata") or {}).get("cellId")
        return f"{cell} {self.name}" if cell else uuid4().hex

    @property
    def code(self) -> str:
        """The Python call that makes the same view."""
        bar, drawn = self.bar, "".join(f", {n}={v!r}" for n, v in self._draw().items())
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
    def title(self) -> str:
        """The question that it answers."""
        return self.bar.words.say(f"question.{self.name}", name=self.bar.pipeline)

    @property
    def view(self) -> View:
        """The view of what is chosen."""
        # a view that the bar does not limit has one call, and says so where the bar limits others
        wanted = self.code, self.bar.selection
        return keep_latest(self._kept, wanted, lambda _: self._make_view(), MOST_ANSWERS)

    def _follows(self) -> bool:
        """Say whether the view is of what the bar says."""
        return not self.bar.diagnosis and self.name in FOLLOWING | OF_ALL

    def _of_all(self) -> bool:
        """Say whether the view is of all pipelines."""
        return self.name.startswith("overview")

    def _draw(self) -> dict[str, Any]:
        """Return what is drawn, where the view has a choice."""
        known = inspect.signature(self.make).parameters
        drawn = {name: said for name, said in self.own.items() if said}
        if "by" in known and self.bar.by != "count":
            drawn["by"] = self.bar.by
        by_stage = self.name in BY_STAGE if self.bar.diagnosis else "stage" in known
        if by_stage and self.bar.stage:
            drawn["stage"] = self.bar.stage
        return drawn

    def _make_view(self) -> View:
        """Make the view, which says what the bar does not limit."""
        bar, words = self.bar, self.bar.words
        if bar.diagnosis:
            return self.make(bar.diagnosis, **self._draw())
        named = bar.pipeline not in {"", bar.analysis.pipelines[0].name}
        of = {"pipeline": bar.pipeline} if named and not self._of_all() else {}
        if self._follows():
            made = self._of_part(of)
            if self.name in FOLLOWING or bar.selection == EVERYTHING:
                return made
            return replace(made, selection=_say_selection(bar.selection, bar))
        made = self.make(bar.analysis, **of, **self._draw(), **self.facts)
        if bar.selection == EVERYTHING:
            return made
        return replace(made, selection=words.html("bar.not_limited"))

    def _of_part(self, of: dict[str, str]) -> View:
        """Make the view of what is chosen; a comparison that cannot be made says why."""
        try:
            return self.make(self.bar.part, **of, **self._draw(), **self.facts)
        except LeakkitError as error:
            if self.name != "compare":
                raise
            why = self.bar.words.html("compare.refused", why=str(error))
            return answer(self.bar.words, "compare", headline=why)

    def bundle(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Return what the cell holds: the picture, and as text the call and what it says."""
        with _pausing_collector():
            data, metadata = self.view._repr_mimebundle_()
        html = data["text/html"]
        if self.bar.line is not None:  # the cell of the bar has the stylesheet for all
            html = html.removeprefix(style_element())
        plain = f"{self.code}\n{data['text/plain']}"
        return {**data, "text/html": html, "text/plain": plain}, metadata

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
            if is_served():
                self.handle = picture_widgets.Served()
        self.handle.display(data, metadata=metadata, raw=True)


@contextmanager
def _pausing_collector() -> Iterator[None]:
    """Let nobody wait for Python's collector: a pass over all that a kernel holds takes 0.3 s."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _say_selection(selection: Selection, bar: Filters) -> Markup:
    """Say what a view of all pipelines is of."""
    words, said = bar.words, deals_lines(selection, bar.words)
    if selection.window != "all":
        said.append(words.html(f"bar.of_{selection.window}"))
    elif selection.limits_days:
        first, last = selection.days
        said.append(words.html("bar.of_days", first=first or DASH, last=last or DASH))
    return Markup(" ").join(said)


def explore(view: Callable[..., View], bar: Filters, *, results: Pages = ()) -> View | Follower:
    """What does a view say of what the bar of this notebook says?

    `view` is one of `leakkit.views`, `bar` is of `leakkit.filters`; `results` are those of an
    overview. The picture follows the bar, and says so where it cannot; where nobody is there
    to choose, the view itself is returned. Raises LeakkitError for a view that is not of what
    the bar is of.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> bar = leakkit.filters(analysis)
    >>> shown = leakkit.explore(leakkit.views.days, bar)
    >>> bar.set(stage="Proforma")
    >>> shown.code
    "leakkit.views.days(leakkit.analyze(data, 'Equipment'), stage='Proforma')"
    """
    require_kind("explore", bar, Filters)
    name = getattr(view, "__name__", "")
    if not callable(view) or (bar.diagnosis is None) == (name in OF_DIAGNOSIS):
        able = OF_DIAGNOSIS if bar.diagnosis else FOLLOWING | OF_ALL
        message = f"{name or view} cannot follow this bar. These can: {', '.join(sorted(able))}."
        raise LeakkitError("no_choices", message)
    follower = Follower(view, bar, results)
    return follower.view if runs_alone() else follower
