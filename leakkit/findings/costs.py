"""What the stages of one pipeline cost, and what fewer losses would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.findings.finding import ALARM, WATCH
from leakkit.findings.whatif import Chain, WhatIf, what_if

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.findings.finding import Finding
    from leakkit.findings.value import Worth


@dataclass(frozen=True)
class Costs:
    """The chain of one pipeline, and what its stages' entries are worth in the current window.

    `new_deals` began in this window; `estimated` is their chance to win as estimated
    directly (without the chain), None where it could not be. By stage: `won` is the chance
    to win from its first entry, `landing` that of deals that leave it, by the exit.
    """

    chain: Chain
    worths: tuple[Worth, ...]
    new_deals: int
    estimated: float | None
    won: tuple[float, ...]
    landing: tuple[Mapping[str, float], ...]

    @property
    def mean_value(self) -> float | None:
        """The mean value of the deals where they begin, in minor units."""
        shares, total = self.chain.start[::2], 0.0
        for share, worth in zip(shares, self.worths, strict=True):
            if share and worth.entrants.mean_value is not None:
                total += float(share) * worth.entrants.mean_value
            elif share:
                return None
        return total

    def joint(self, findings: Iterable[Finding], stages: Sequence[str]) -> WhatIf:
        """What if all losses that an alarm or a watch is about went back to their reference?

        The total of a pipeline: values of single stages are not to be added. `findings`
        are those of this pipeline, `stages` the names of its stages in order.
        """
        worse = {
            stages.index(f.stage): f
            for f in findings
            if f.kind == "lost" and f.severity in {ALARM, WATCH} and (f.rate_change or 0.0) > 0.0
        }
        return self.what_if(
            {stage: f.rate_change or 0.0 for stage, f in worse.items()},
            {stage: f.change_error for stage, f in worse.items()},
        )

    def what_if(
        self, points: Mapping[int, float], errors: Mapping[int, float] | None = None
    ) -> WhatIf:
        """What if stages lost so much fewer: extra wins per current window (see `what_if`)."""
        return what_if(self.chain, points, self.new_deals, self.estimated, errors)
