"""Exploring a view in a notebook: under a bar, or with controls of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from leakkit.analysis import Analysis, Diagnosis
from leakkit.guards import require_kind
from leakkit.views.bar import Filters, Follower, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from leakkit.views.explore import Explorer
    from leakkit.views.explore_causes import StageExplorer
    from leakkit.views.view import View

    Pages = Sequence[Mapping[str, Any]]


@overload
def explore(
    view: Callable[..., View], of: Filters, pipeline: str = "", *, results: Pages = ()
) -> View | Follower: ...


@overload
def explore(view: Callable[..., View], of: Diagnosis) -> StageExplorer: ...


@overload
def explore(view: Callable[..., View], of: Analysis, pipeline: str = "") -> Explorer: ...


def explore(
    view: Callable[..., View],
    of: Filters | Analysis | Diagnosis,
    pipeline: str = "",
    *,
    results: Pages = (),
) -> View | Follower | Explorer | StageExplorer:
    """What does a view say of some deals, of some days, of one stage?

    `view` is one of `leakkit.views`. Under a bar (`leakkit.filters`) it is of what the bar
    says, and says so where it cannot be; `results` are those of an overview. With an analysis of
    everything it has controls of its own, and shows the call that makes the same view and
    the visits behind it; with a diagnosis the stage can be chosen. Raises LeakkitError for
    a view without choices, and for an analysis that is a part already.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> explorer = leakkit.explore(leakkit.views.days, analysis)
    >>> explorer.controls["stage"].value = "Proforma"
    >>> explorer.code
    "leakkit.views.days(leakkit.analyze(data, 'Equipment'), stage='Proforma')"
    """
    if not isinstance(of, (Filters, Diagnosis)):
        require_kind("explore", of, Analysis)
    if isinstance(of, Filters):
        return follow(view, of, results)
    if isinstance(of, Diagnosis):
        from leakkit.views.explore_causes import explore_stages  # noqa: PLC0415 - widgets take time

        return explore_stages(view, of)
    from leakkit.views.explore import explore_view  # noqa: PLC0415 - as above

    return explore_view(view, of, pipeline)
