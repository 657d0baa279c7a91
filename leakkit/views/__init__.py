"""Facts -> what people see. A view is `(analysis, pipeline) -> View`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.errors import import_asked

if TYPE_CHECKING:
    from leakkit.views.causes.chain import cause_and_effect
    from leakkit.views.causes.deals import deals_to_read
    from leakkit.views.causes.drivers import drivers
    from leakkit.views.causes.evidence import evidence
    from leakkit.views.causes.headline import causes_headline
    from leakkit.views.causes.interventions import before_and_since
    from leakkit.views.causes.mix import rate_and_mix
    from leakkit.views.causes.repairs import repairs
    from leakkit.views.causes.terms import causes_provenance, causes_terms
    from leakkit.views.causes.warnings import warnings
    from leakkit.views.causes.when_lost import when_lost
    from leakkit.views.causes.worklist import worklist
    from leakkit.views.comparing import (
        overview,
        overview_leaks,
        overview_pages,
        overview_pipes,
        overview_quality,
        overview_warnings,
    )
    from leakkit.views.dropoff.balance import balance, months
    from leakkit.views.dropoff.compare import compare
    from leakkit.views.dropoff.data import data
    from leakkit.views.dropoff.deals import deals
    from leakkit.views.dropoff.headline import headline, headline_sentence
    from leakkit.views.dropoff.method import method, provenance
    from leakkit.views.dropoff.pipe import pipe
    from leakkit.views.dropoff.stages import days, stages
    from leakkit.views.explained import explain
    from leakkit.views.view import View

__all__ = [
    "View",
    "balance",
    "before_and_since",
    "cause_and_effect",
    "causes_headline",
    "causes_provenance",
    "causes_terms",
    "compare",
    "data",
    "days",
    "deals",
    "deals_to_read",
    "drivers",
    "evidence",
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
    "overview_warnings",
    "pipe",
    "provenance",
    "rate_and_mix",
    "repairs",
    "stages",
    "warnings",
    "when_lost",
    "worklist",
]

_PLACES = {
    "View": "view",
    "balance": "dropoff.balance",
    "before_and_since": "causes.interventions",
    "cause_and_effect": "causes.chain",
    "causes_headline": "causes.headline",
    "causes_provenance": "causes.terms",
    "causes_terms": "causes.terms",
    "compare": "dropoff.compare",
    "data": "dropoff.data",
    "days": "dropoff.stages",
    "deals": "dropoff.deals",
    "deals_to_read": "causes.deals",
    "drivers": "causes.drivers",
    "evidence": "causes.evidence",
    "explain": "explained",
    "headline": "dropoff.headline",
    "headline_sentence": "dropoff.headline",
    "method": "dropoff.method",
    "months": "dropoff.balance",
    "overview": "comparing",
    "overview_leaks": "comparing",
    "overview_pages": "comparing",
    "overview_pipes": "comparing",
    "overview_quality": "comparing",
    "overview_warnings": "comparing",
    "pipe": "dropoff.pipe",
    "provenance": "dropoff.method",
    "rate_and_mix": "causes.mix",
    "repairs": "causes.repairs",
    "stages": "dropoff.stages",
    "warnings": "causes.warnings",
    "when_lost": "causes.when_lost",
    "worklist": "causes.worklist",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any view
    """Import a view when it is first used: what draws takes seconds to load."""
    if name not in _PLACES:
        message = f"module 'leakkit.views' has no attribute {name!r}"
        raise AttributeError(message)
    view = getattr(import_asked(f"leakkit.views.{_PLACES[name]}", f"leakkit.views.{name}"), name)
    globals()[name] = view
    return view


def __dir__() -> list[str]:
    """Return the names of the views."""
    return sorted(__all__)
