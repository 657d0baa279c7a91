"""What the stages of one pipeline cost, and what fewer losses would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.findings.recent import Change, changes_of, got_worse
from leakkit.findings.whatif import Chain, Repairs, WhatIf, what_if

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.findings.finding import Finding
    from leakkit.findings.value import Worth


@dataclass(frozen=True)
class Costs:
    """The chain of one pipeline, and what its stages' entries are worth in the current window.

    `new_deals` began in this window; `estimated` is their chance to win as estimated
    directly (without the chain), None where it could not be. By stage: `won` is the chance
    to win from its first entry, `landing` that of deals that leave it, by the exit, with those
    that are still open shared out (for late deals).
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

    def changes(self, findings: Iterable[Finding], stages: Sequence[str]) -> dict[int, Change]:
        """Which stages lose more, or fewer, than before? By position; see `changes_of`."""
        return changes_of(findings, stages, [worth.recent for worth in self.worths])

    def joint(self, findings: Iterable[Finding], stages: Sequence[str]) -> WhatIf:
        """What if all losses that an alarm or a watch is about went back to their reference?

        The total of a pipeline: values of single stages are not to be added. `findings`
        are those of this pipeline, `stages` the names of its stages in order.
        """
        findings = tuple(findings)
        changes = self.changes(findings, stages)
        worse = {stages.index(one.stage) for one in findings if got_worse(one)}
        undone = {stage: change for stage, change in changes.items() if stage in worse}
        return self.what_if(undone, changes)

    def what_if(self, repairs: Repairs, changes: Mapping[int, Change] | None = None) -> WhatIf:
        """What if stages lost so much fewer: extra wins per current window (see `what_if`)."""
        return what_if(self.chain, repairs, self.new_deals, self.estimated, changes)
