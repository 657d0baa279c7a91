"""Facts -> what people see. A view is `(analysis, pipeline) -> View`."""

from leakkit.views.explained import explain
from leakkit.views.overview import (
    overview,
    overview_leaks,
    overview_pages,
    overview_pipes,
    overview_quality,
)
from leakkit.views.questions import (
    balance,
    data,
    days,
    headline,
    headline_sentence,
    method,
    months,
    pipe,
    provenance,
    stages,
)
from leakkit.views.view import View

__all__ = [
    "View",
    "balance",
    "data",
    "days",
    "explain",
    "headline",
    "headline_sentence",
    "method",
    "months",
    "overview",
    "overview_leaks",
    "overview_pages",
    "overview_pipes",
    "overview_quality",
    "pipe",
    "provenance",
    "stages",
]
