"""Find where a sales pipeline leaks, why, and what it costs.

>>> import leakkit
>>> data = leakkit.load("sample")
>>> analysis = leakkit.analyze(data, "Equipment")
>>> print(leakkit.views.headline_sentence(analysis)[:8])
Proforma
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.version import __version__

if TYPE_CHECKING:
    from leakkit import report, sample, views
    from leakkit.analysis import Analysis, Diagnosis, analyze, diagnose
    from leakkit.config import Config
    from leakkit.errors import LeakkitError
    from leakkit.findings import Finding
    from leakkit.listing import passages
    from leakkit.loading import load
    from leakkit.parameters import check_parameters  # noqa: F401 - for the first cell of a notebook
    from leakkit.views import View
    from leakkit.views.bar import filters
    from leakkit.views.dropoff.two_parts import compare
    from leakkit.views.exploring import explore

__all__ = [
    "Analysis",
    "Config",
    "Diagnosis",
    "Finding",
    "LeakkitError",
    "View",
    "__version__",
    "analyze",
    "compare",
    "diagnose",
    "explore",
    "filters",
    "load",
    "passages",
    "report",
    "sample",
    "views",
]

_ROOMS = {
    "Analysis": "leakkit.analysis",
    "Config": "leakkit.config",
    "Finding": "leakkit.findings",
    "LeakkitError": "leakkit.errors",
    "View": "leakkit.views",
    "analyze": "leakkit.analysis",
    "Diagnosis": "leakkit.analysis",
    "diagnose": "leakkit.analysis",
    "compare": "leakkit.views.dropoff.two_parts",
    "explore": "leakkit.views.exploring",
    "filters": "leakkit.views.bar",
    "check_parameters": "leakkit.parameters",
    "load": "leakkit.loading",
    "passages": "leakkit.listing",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Import a public name when it is first used, so that `leakkit --help` stays fast."""
    from leakkit.errors import import_needed

    if name not in {*_ROOMS, *__all__}:
        message = f"module 'leakkit' has no attribute {name!r}"
        raise AttributeError(message)
    room = import_needed(_ROOMS.get(name, f"leakkit.{name}"), f"leakkit.{name}")
    return getattr(room, name) if name in _ROOMS else room


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
