"""A made-up industrial seller, with leaks planted on purpose.

Is a finding true? On real data nobody knows. Here the plan says which stage of
which pipeline leaks, since when, how much and why; `make` lets the deals live
through it, and `truth` keeps the answer beside the data.

Three rules keep the answer exact:

* A visit's fate is drawn from the plan at the moment of its *entry*: a leak from
  1 March touches the visits that began on 1 March or later, and no others.
* Whole lives are simulated, then cut at the end of `as_of`. Drawing only what is
  over by then would favour the short stays.
* Points added to `lost` or `returned` come out of the advanced visits, so one
  planted leak never moves another share of the same stage.

Time runs on a clock of working days (08:00 to 18:00, Monday to Friday), which is
turned into dates at the very end: nothing happens at night or at weekends, and
no stay is lengthened by pushing a moment to the next Monday.
"""

from __future__ import annotations

from leakkit.sample.lives import REASONS
from leakkit.sample.plan import Leak, PipelinePlan, Plan, StagePlan, default_plan
from leakkit.sample.simulation import Sample, make, write

__all__ = [
    "REASONS",
    "Leak",
    "PipelinePlan",
    "Plan",
    "Sample",
    "StagePlan",
    "default_plan",
    "make",
    "write",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
