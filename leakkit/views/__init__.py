"""Facts -> what people see. A view is `(analysis, pipeline) -> View`."""

from leakkit.views.causes.chain import cause_and_effect
from leakkit.views.causes.deals import deals_to_read
from leakkit.views.causes.drivers import drivers
from leakkit.views.causes.evidence import evidence
from leakkit.views.causes.headline import causes_headline
from leakkit.views.causes.mix import rate_and_mix
from leakkit.views.causes.repairs import repairs
from leakkit.views.causes.terms import causes_provenance, causes_terms
from leakkit.views.causes.warnings import warnings
from leakkit.views.causes.when_lost import when_lost
from leakkit.views.causes.worklist import worklist
from leakkit.views.dropoff.balance import balance, months
from leakkit.views.dropoff.data import data
from leakkit.views.dropoff.headline import headline, headline_sentence
from leakkit.views.dropoff.method import method, provenance
from leakkit.views.dropoff.pipe import pipe
from leakkit.views.dropoff.stages import days, stages
from leakkit.views.explained import explain
from leakkit.views.overview import (
    overview,
    overview_leaks,
    overview_pages,
    overview_pipes,
    overview_quality,
    overview_warnings,
)
from leakkit.views.view import View

__all__ = [
    "View",
    "balance",
    "cause_and_effect",
    "causes_headline",
    "causes_provenance",
    "causes_terms",
    "data",
    "days",
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
