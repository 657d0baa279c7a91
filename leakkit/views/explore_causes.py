"""Exploring a diagnosis in a notebook: one view, one stage, and the call that says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from markupsafe import Markup

from leakkit.errors import LeakkitError
from leakkit.page.style import style_element
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis import Diagnosis
    from leakkit.views.view import View

BY_STAGE = ("cause_and_effect", "evidence", "when_lost", "drivers", "deals_to_read")
"""The views of a diagnosis that can be of one stage."""


class StageExplorer:
    """The widgets of one view of a diagnosis; `controls` by name, `code` is the call."""

    def __init__(self, view: Callable[..., View], diagnosis: Diagnosis) -> None:
        """Lay out the widgets in the state of the static view."""
        self.view, self.diagnosis = view, diagnosis
        self.words = words_of(diagnosis.analysis)
        names = [one.stage.name for one in diagnosis.stages]
        options = [(self.words.say("explore.stage_all"), ""), *((name, name) for name in names)]
        stage = ipywidgets.Dropdown(
            options=options, value="", description=self.words.say("explore.stage")
        )
        self.controls: dict[str, Any] = {"stage": stage} if len(names) > 1 else {}
        self.shown, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        for control in self.controls.values():
            control.observe(self._changed, names="value")
        self.box = ipywidgets.VBox([*self.controls.values(), self.shown, self.said])
        self.code = ""
        self._changed(None)

    def _repr_mimebundle_(self, **how: Any) -> Any:  # noqa: ANN401 - IPython's protocol
        """Return what a notebook shows: the widgets."""
        return self.box._repr_mimebundle_(**how)

    def _changed(self, _: object) -> None:
        """Show the view of the chosen stage, and the call that makes it."""
        chosen = {name: control.value for name, control in self.controls.items() if control.value}
        view = self.view(self.diagnosis, **chosen)
        self.shown.value = f"{style_element()}{view.section()}"
        self.code = self._call(chosen)
        label = self.words.say("explore.call")
        self.said.value = Markup("<p>{} <code>{}</code></p>").format(label, self.code)

    def _call(self, chosen: dict[str, str]) -> str:
        """Return the Python call that makes the same view."""
        analysis, said = self.diagnosis.analysis, [repr(self.diagnosis.pipeline.name)]
        if analysis.language != analysis.config.language:
            said.append(f"language={analysis.language!r}")
        shown = [f"leakkit.diagnose(leakkit.analyze(data, {', '.join(said)}))"]
        shown += [f"{name}={value!r}" for name, value in chosen.items()]
        return f"leakkit.views.{self.view.__name__}({', '.join(shown)})"


def explore_stages(view: Callable[..., View], diagnosis: Diagnosis) -> StageExplorer:
    """What does a view of a diagnosis say of one stage?

    Raises LeakkitError for a view that is not of single stages.
    """
    if getattr(view, "__name__", "") not in BY_STAGE:
        message = f"This view has nothing to choose. These have: {', '.join(BY_STAGE)}."
        raise LeakkitError("no_choices", message)
    return StageExplorer(view, diagnosis)
