"""What the losses say of themselves: stated reasons by family."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.comparison import Excess, excess_share, share_difference
from leakkit.findings.reason_dictionary import (
    FAMILIES,
    NAMED_COMPETITOR,
    Meaning,
    Unmatched,
    find_unmatched,
)
from leakkit.measures.survival import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.findings.reason_dictionary import Dictionary
    from leakkit.findings.stage_readings import Design
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Ints


MIN_KNOWN = 20
MIN_KNOWN_SHARE = 0.4
MIN_FAMILY_SHARE = 0.4
SIMILAR = 0.5
"""How often a second family is named, of the first, where it is no lesser cause."""
NOT_KNOWN = -1
COMPETITOR_TERM = ""
"""The term of a meaning that comes from a named competitor and not from a reason."""
BEFORE, ELSEWHERE = "before", "elsewhere"


@dataclass(frozen=True)
class Elsewhere:
    """The reasons of the losses of a pipeline's other stages: `n` of each by day of the loss.

    `named` says where a competitor is named.
    """

    left_day: Ints
    reasons: tuple[str, ...]
    named: Ints
    n: Ints

    def families(self, days: Days, terms: Dictionary) -> Usual:
        """Count the families of the reasons of some days."""
        counts: Counter[str] = Counter()
        meant = {said: terms.meaning(said) for said in set(self.reasons) if said}
        rows = zip(self.left_day, self.reasons, self.named, self.n, strict=True)
        for day, said, named, n in rows:
            if said and days[0] <= day < days[1] and (found := meant[said] or _if(named)):
                counts[found.family] += int(n)
        return Usual(ELSEWHERE, tuple(counts[family] for family in FAMILIES))


@dataclass(frozen=True)
class Usual:
    """How often each family is given anyhow: before in this stage, or elsewhere in the pipeline."""

    where: str
    counts: tuple[int, ...]

    @property
    def known(self) -> int:
        """Losses with a known reason."""
        return sum(self.counts)


@dataclass(frozen=True)
class Beyond:
    """The share of a family among the usual reasons, and how far the losses go beyond it."""

    where: str
    known: int
    share: float
    excess: Excess


@dataclass(frozen=True)
class StatedFamily:
    """How many losses say so: `share` of the known ones, with Wilson's interval.

    `at_least` and `at_most` are shares of all losses, if none or all of the unknown ones
    were of this family.
    """

    family: str
    n: int
    share: float | None
    low: float | None
    high: float | None
    at_least: float
    at_most: float


@dataclass(frozen=True)
class StatedReason:
    """How many losses a term explains, and what it means; no term: a named competitor."""

    code: str
    term: str
    n: int


@dataclass(frozen=True)
class Stated:
    """Stated evidence of one stage.

    `family` is the one that the reasons say, or empty for `reason`: few_reasons (under 20
    known), few_known (under 40 % of the losses), no_lead (no family leads for sure),
    small_lead (the first has under 40 %), no_usual (too few reasons to say what is given
    anyhow), usual_before or usual_elsewhere (it is given there as often). Of `losses`,
    `missing` have no reason, and that of `unmatched` no term explains. `lead` is the first
    family minus the second, `beyond` the first against what is given anyhow.
    """

    family: str
    reason: str
    losses: int
    known: int
    missing: int
    unmatched: int
    families: tuple[StatedFamily, ...]
    lead: Excess | None
    reasons: tuple[StatedReason, ...]
    unmatched_reasons: tuple[Unmatched, ...]
    competitor_named: int | None
    beyond: tuple[Beyond, ...] = ()

    @property
    def missing_share(self) -> float:
        """Return the share of losses without a reason."""
        return self.missing / self.losses if self.losses else 0.0

    @property
    def unknown_share(self) -> float:
        """Return the share of losses whose family is not known, for whatever reason."""
        return 1.0 - self.known / self.losses if self.losses else 0.0

    def names(self, family: str, other: str) -> bool:
        """Say whether a family is named half as often as the one beside it, or more."""
        counts = {one.family: one.n for one in self.families}
        return self.known >= MIN_KNOWN and counts[family] >= max(SIMILAR * counts[other], 1)

    def main_code(self, family: str) -> str:
        """Return the sub-reason that is said most often within a family; '' for none."""
        counts: Counter[str] = Counter()
        for one in self.reasons:
            if one.code.startswith(f"{family}."):
                counts[one.code] += one.n
        return min(counts, key=lambda code: (-counts[code], code)) if counts else ""


def meanings(design: Design, terms: Dictionary) -> tuple[Meaning | None, ...]:
    """Return what each passage's reason means, given the passages that were lost.

    A named competitor says `unconvincing.competitor` where there is a reason that no
    term explains. Where there is none it says nothing: only one family can be seen that
    way, and counting it would favour that one.
    """
    by_code = {
        code: terms.meaning(design.reasons[code]) for code in np.unique(design.reason) if code
    }
    named = _flag_competitors(design)
    return tuple(
        by_code[code] or _if(is_named) if code else None
        for code, is_named in zip(design.reason.tolist(), named.tolist(), strict=True)
    )


def _if(named: int) -> Meaning | None:
    """Return what a reason without a meaning says where a competitor is named."""
    family, _, sub = NAMED_COMPETITOR.partition(".")
    return Meaning(family, sub, COMPETITOR_TERM, "competitor") if named else None


def _flag_competitors(design: Design) -> Ints:
    """Return 1 where a deal names a competitor."""
    codes = design.segments.get(design.competitor)
    nothing = np.zeros(len(design), np.int64)
    return nothing if codes is None else (codes > 0).astype(np.int64)


def family_codes(found: tuple[Meaning | None, ...]) -> Ints:
    """Return the position in FAMILIES of each meaning, `NOT_KNOWN` for none."""
    places = [NOT_KNOWN if one is None else FAMILIES.index(one.family) for one in found]
    return np.array(places, dtype=np.int64)


def usual_before(found: tuple[Meaning | None, ...]) -> Usual:
    """Count the families of what the losses of the time before say."""
    codes = family_codes(found)
    return Usual(BEFORE, tuple(int((codes == place).sum()) for place in range(len(FAMILIES))))


def read_stated(
    design: Design,
    found: tuple[Meaning | None, ...],
    terms: Dictionary,
    usual: Sequence[Usual],
) -> Stated:
    """Count what the lost passages of `design` say, and judge whether it says one family.

    A reason that is always given says nothing of this leak, so the family must be given
    more often than anyhow, by each of the `usual` ones that are known.
    """
    codes = family_codes(found)
    counts = [int((codes == place).sum()) for place in range(len(FAMILIES))]
    losses, known = len(design), sum(counts)
    missing = int((design.reason == 0).sum())
    family, reason, lead = _judge_stated(counts, losses)
    beyond = _beyond(counts, usual) if lead else ()
    if family and (held := _held_against(beyond)):
        family, reason = "", held
    written = Counter(design.reasons[code] for code in design.reason.tolist() if code)
    named = int(_flag_competitors(design).sum()) if design.competitor in design.segments else None
    return Stated(
        family=family,
        reason=reason,
        losses=losses,
        known=known,
        missing=missing,
        unmatched=losses - known - missing,
        families=tuple(
            _family(name, n, known, losses) for name, n in zip(FAMILIES, counts, strict=True)
        ),
        lead=lead,
        reasons=_reasons(found),
        unmatched_reasons=find_unmatched(_count_left_over(design, found, written), terms),
        competitor_named=named,
        beyond=beyond,
    )


def _count_left_over(
    design: Design, found: tuple[Meaning | None, ...], written: Mapping[str, int]
) -> dict[str, int]:
    """Return the reasons of losses that stay without a meaning, with their numbers."""
    without = Counter(
        design.reasons[code]
        for code, meaning in zip(design.reason.tolist(), found, strict=True)
        if code and meaning is None
    )
    return {said: without[said] for said in written if without[said]}


def _judge_stated(counts: list[int], losses: int) -> tuple[str, str, Excess | None]:
    """Return the family that the reasons say, or the reason why they say none, and the lead."""
    known = sum(counts)
    if known < MIN_KNOWN:
        return "", "few_reasons", None
    order = sorted(range(len(counts)), key=lambda place: -counts[place])
    lead = share_difference(counts[order[0]], counts[order[1]], known)
    if known < MIN_KNOWN_SHARE * losses:
        return "", "few_known", lead
    if lead.low <= 0.0:
        return "", "no_lead", lead
    if counts[order[0]] < MIN_FAMILY_SHARE * known:
        return "", "small_lead", lead
    return FAMILIES[order[0]], "", lead


def _beyond(counts: list[int], usual: Sequence[Usual]) -> tuple[Beyond, ...]:
    """Hold the first family against what is given anyhow, where enough reasons are known."""
    first, known = int(np.argmax(counts)), sum(counts)
    return tuple(
        Beyond(
            one.where,
            one.known,
            one.counts[first] / one.known,
            excess_share(counts[first], known, one.counts[first], one.known),
        )
        for one in usual
        if one.known >= MIN_KNOWN
    )


def _held_against(beyond: tuple[Beyond, ...]) -> str:
    """Return why the first family says nothing of this leak; empty where it does."""
    if not beyond:
        return "no_usual"
    as_usual = [one.where for one in beyond if one.excess.low <= 0.0]
    return f"usual_{as_usual[0]}" if as_usual else ""


def _family(name: str, n: int, known: int, losses: int) -> StatedFamily:
    """Return the numbers of one family."""
    low, high = wilson(n / known, known) if known else (None, None)
    return StatedFamily(
        family=name,
        n=n,
        share=n / known if known else None,
        low=low,
        high=high,
        at_least=n / losses if losses else 0.0,
        at_most=(n + losses - known) / losses if losses else 0.0,
    )


def _reasons(found: tuple[Meaning | None, ...]) -> tuple[StatedReason, ...]:
    """Count the terms that explained something, the most frequent first."""
    counts = Counter((one.code, one.term) for one in found if one is not None)
    rows = [StatedReason(code, term, n) for (code, term), n in counts.items()]
    return tuple(sorted(rows, key=lambda row: (-row.n, row.code, row.term)))
