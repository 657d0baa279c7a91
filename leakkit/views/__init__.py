"""Facts -> what people see. A view is `(analysis, pipeline) -> View`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.errors import import_needed

if TYPE_CHECKING:
    from leakkit.views.causes.cause_page import causes_headline, causes_provenance, causes_terms
    from leakkit.views.causes.loss_evidence import cause_and_effect, evidence, when_lost
    from leakkit.views.causes.remedies import before_and_since, deals_to_read, repairs, worklist
    from leakkit.views.causes.segment_tables import drivers, rate_and_mix
    from leakkit.views.causes.warning_cards import warnings
    from leakkit.views.comparing import (
        overview,
        overview_leaks,
        overview_pages,
        overview_pipes,
        overview_quality,
        overview_warnings,
    )
    from leakkit.views.dropoff.data_quality import data, method, provenance
    from leakkit.views.dropoff.deal_lists import deals, explain
    from leakkit.views.dropoff.leak_headline import headline, headline_sentence
    from leakkit.views.dropoff.stage_flow import balance, days, months, pipe, stages
    from leakkit.views.dropoff.two_parts import compare
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
    "balance": "dropoff.stage_flow",
    "before_and_since": "causes.remedies",
    "cause_and_effect": "causes.loss_evidence",
    "causes_headline": "causes.cause_page",
    "causes_provenance": "causes.cause_page",
    "causes_terms": "causes.cause_page",
    "compare": "dropoff.two_parts",
    "data": "dropoff.data_quality",
    "days": "dropoff.stage_flow",
    "deals": "dropoff.deal_lists",
    "deals_to_read": "causes.remedies",
    "drivers": "causes.segment_tables",
    "evidence": "causes.loss_evidence",
    "explain": "dropoff.deal_lists",
    "headline": "dropoff.leak_headline",
    "headline_sentence": "dropoff.leak_headline",
    "method": "dropoff.data_quality",
    "months": "dropoff.stage_flow",
    "overview": "comparing",
    "overview_leaks": "comparing",
    "overview_pages": "comparing",
    "overview_pipes": "comparing",
    "overview_quality": "comparing",
    "overview_warnings": "comparing",
    "pipe": "dropoff.stage_flow",
    "provenance": "dropoff.data_quality",
    "rate_and_mix": "causes.segment_tables",
    "repairs": "causes.remedies",
    "stages": "dropoff.stage_flow",
    "warnings": "causes.warning_cards",
    "when_lost": "causes.loss_evidence",
    "worklist": "causes.remedies",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any view
    """Import a view when it is first used: what draws takes seconds to load."""
    if name not in _PLACES:
        message = f"module 'leakkit.views' has no attribute {name!r}"
        raise AttributeError(message)
    view = getattr(import_needed(f"leakkit.views.{_PLACES[name]}", f"leakkit.views.{name}"), name)
    globals()[name] = view
    return view


def __dir__() -> list[str]:
    """Return the names of the views."""
    return sorted(__all__)
