"""Why are deals lost at a stage? Two sources side by side, and what they agree on.

What can be known is that the losses look different from the deals that advanced from
the same stage; the words are "the losses look like ...", with the counter-evidence
(docs/method.md, section 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leakkit.findings.behaviour import (
    COMPLEXITY,
    MIN_ADVANCED,
    MIN_LOSSES,
    MIXED,
    UNCONVINCING,
    Administrative,
    Behaviour,
    DaysByExit,
    Looks,
    administrative,
    days_by_exit,
    join_days,
    looks,
    read_behaviour,
)
from leakkit.findings.finding import CauseEvidence, LikelyCause
from leakkit.findings.reason_dictionary import FAMILIES, built_in
from leakkit.findings.stated_reasons import (
    NOT_KNOWN,
    Elsewhere,
    Stated,
    family_codes,
    meanings,
    read_stated,
    usual_before,
)
from leakkit.findings.worklist import DealToRead, choose

if TYPE_CHECKING:
    from leakkit.findings.reason_dictionary import Dictionary
    from leakkit.findings.stage_readings import Bools, Design
    from leakkit.findings.stated_reasons import Usual
    from leakkit.measures.horizons import Days
    from leakkit.measures.survival import Ints


OTHER = "other"
GAVE_UP = "gave_up"
OPPOSITE = {COMPLEXITY: UNCONVINCING, UNCONVINCING: COMPLEXITY}
RETURNED = 4
MOSTLY_MISSING, SELDOM_MISSING = 0.5, 0.3
MIN_JOINT = 30
SEED = 20_250_101
SIGN_REVIEWS = {
    "long": "time_to_answer", "loops": "steps_back", "silent": "follow_up",
    "early": "offer_content", "dear": "pricing",
}  # fmt: skip
WHY_REVIEWS = {"bulk": "closing_habits", "slow": "time_to_answer"}


@dataclass(frozen=True)
class Verdict:
    """What the losses look like: a family with its strength, or why it is not determined.

    `family` is complexity, unconvincing, other or empty; `strength` strong, moderate, weak
    or empty. `why` of an undetermined one: bulk, slow, conflict, against_other, gave_up,
    mixed, one_source, no_evidence. `lost_long_after` flags price losses that were closed late.
    """

    family: str
    strength: str
    why: str = ""
    lost_long_after: bool = False


def verdict(
    stated: str,
    behaviour: str,
    *,
    length_only: bool = False,
    missing_share: float = 0.0,
    sure: bool = True,
) -> Verdict:
    """Put the two sources together: the table of docs/method.md, section 8.

    `stated` is one of the families or '' for not determined, `behaviour`
    complexity, unconvincing, mixed or ''; `length_only` says that complexity stands on
    long stays alone; `missing_share` is that of losses whose reason is not known; `sure`
    says that the one source that names a family is sure enough to stand alone.

    >>> verdict("unconvincing", "complexity", length_only=True)
    Verdict(family='unconvincing', strength='weak', why='', lost_long_after=True)
    """
    if behaviour == MIXED:
        return Verdict("", "", "mixed")
    if stated == OTHER:
        return Verdict(OTHER, "moderate") if not behaviour else Verdict("", "", "against_other")
    if stated == GAVE_UP:
        return _gave_up(behaviour, length_only=length_only, sure=sure)
    if not behaviour:
        return _by_reasons_alone(stated, missing_share, sure=sure)
    if stated == behaviour:
        return Verdict(stated, "moderate" if missing_share > MOSTLY_MISSING else "strong")
    return _by_behaviour(stated, behaviour, length_only=length_only, sure=sure)


def _by_behaviour(stated: str, behaviour: str, *, length_only: bool, sure: bool) -> Verdict:
    """Return the verdict where the two sources do not say the same family."""
    if length_only and stated == UNCONVINCING and sure:
        return Verdict(stated, "weak", lost_long_after=True)
    if length_only:
        return Verdict("", "", "slow")
    if stated:
        return Verdict("", "", "conflict")
    return Verdict(behaviour, "moderate") if sure else Verdict("", "", "one_source")


def _gave_up(behaviour: str, *, length_only: bool, sure: bool) -> Verdict:
    """Return the verdict where the reasons say that customers gave up: behaviour says why."""
    if not behaviour:
        return Verdict("", "", "gave_up")
    if not sure:
        return Verdict("", "", "one_source")
    return Verdict(behaviour, "weak" if length_only else "moderate")


def _by_reasons_alone(stated: str, missing_share: float, *, sure: bool) -> Verdict:
    """Return the verdict where behaviour says nothing."""
    if not stated:
        return Verdict("", "", "no_evidence")
    if not sure:
        return Verdict("", "", "one_source")
    return Verdict(stated, "moderate" if missing_share <= SELDOM_MISSING else "weak")


@dataclass(frozen=True)
class Agreement:
    """Do single losses behave as they say? Of those that say, and look like, one of the two.

    The four counts are (said, looks like); `share` and `kappa` are None under 30.
    `with_reason` and `without_reason` tell whether the losses that say nothing behave
    like those that do.
    """

    both_complexity: int
    both_unconvincing: int
    said_complexity_only: int
    said_unconvincing_only: int
    share: float | None
    kappa: float | None
    with_reason: Looks
    without_reason: Looks

    @property
    def n(self) -> int:
        """Losses with both verdicts."""
        return (
            self.both_complexity
            + self.both_unconvincing
            + self.said_complexity_only
            + self.said_unconvincing_only
        )


@dataclass(frozen=True)
class Cause:
    """Why deals are lost at one stage: facts and codes, everything that a page prints.

    `window` says which losses were read: current, or both where the current window has
    under 30. `days` has when deals are lost, advance, and go back. `review` is the code
    of the operation to look at; `sub_reason` the reason within the family that is said
    most. `deals` are five losses and five deals that advanced. `sampled` of `passages`
    were read where the stage has more than the cap.
    """

    stage: int
    verdict: Verdict
    window: str
    days_read: Days
    losses: int
    stated: Stated
    behaviour: Behaviour
    agreement: Agreement
    administrative: Administrative
    days: tuple[DaysByExit, ...]
    review: str
    sub_reason: str
    deals: tuple[DealToRead, ...]
    sampled: int
    passages: int


def find_cause(  # noqa: PLR0913 - what a cause is read from
    design: Design,
    current: Days,
    baseline: Days | None = None,
    terms: Dictionary | None = None,
    seed: int = SEED,
    *,
    elsewhere: Elsewhere | None = None,
    got_worse: bool = False,
) -> Cause:
    """Do the losses of a stage look like too complex a process, or an unconvincing answer?

    `design` holds all passages of the stage. Losses are those of the current window, or
    of both where it has under 30 after those closed in bulk are set apart, or under 50
    that advanced; they are held against the passages that advanced in the same days. The
    reasons are held against those given `elsewhere` in the pipeline, and, where the stage
    `got_worse`, against those of the time before. Pure: the same in, the same out.
    """
    terms = terms or built_in()
    window, days, losses, advanced, apart = _read(design, current, baseline)
    said = meanings(losses, terms)
    usual = [elsewhere.families(days, terms)] if elsewhere else []
    if got_worse and baseline and window == "current":
        usual.append(_before(design, baseline, terms))
    stated = read_stated(losses, said, terms, usual)
    behaviour, points = read_behaviour(losses, advanced)
    found = _judge(stated, behaviour, in_bulk=apart.in_bulk)
    codes = family_codes(said)
    sub, review = _to_review(found, stated, behaviour, terms)
    return Cause(
        stage=design.stage,
        verdict=found,
        window=window,
        days_read=days,
        losses=len(losses),
        stated=stated,
        behaviour=behaviour,
        agreement=agreement(codes, points, losses.reason > 0),
        administrative=apart,
        days=_read_days(design, days, losses, advanced),
        review=review,
        sub_reason=sub,
        deals=choose(losses, advanced, _typical(found, codes, points), seed),
        sampled=len(design),
        passages=design.passages,
    )


def summarise(cause: Cause) -> LikelyCause:
    """Return a cause in short, as its finding has it."""
    stated, behaviour = cause.stated, cause.behaviour
    family = cause.verdict.family
    shares = {one.family: one.share for one in stated.families}
    excess = {COMPLEXITY: behaviour.complexity, UNCONVINCING: behaviour.unconvincing}
    own = excess.get(family)
    return LikelyCause(
        family=family,
        strength=cause.verdict.strength,
        stated_share=shares.get(family),
        behaviour_share=None if own is None else own.value,
        agreement=cause.agreement.kappa,
        missing_reason_share=stated.missing_share,
        evidence=CauseEvidence(
            why=cause.verdict.why,
            lost_long_after=cause.verdict.lost_long_after,
            window=cause.window,
            losses=cause.losses,
            advanced=behaviour.advanced.n,
            closed_in_bulk=cause.administrative.n,
            stated=stated.family,
            behaviour=behaviour.family,
            length_only=behaviour.length_only,
            sub_reason=cause.sub_reason,
            stated_shares=shares,
            beyond_usual={
                one.where: (one.excess.value, one.excess.low, one.excess.high)
                for one in stated.beyond
            },
            excess_shares={
                name: None if one is None else (one.value, one.low, one.high)
                for name, one in excess.items()
            },
        ),
    )


def _read_days(
    design: Design, days: Days, losses: Design, advanced: Design
) -> tuple[DaysByExit, DaysByExit, DaysByExit]:
    """Return for how many days deals stayed that were lost, advanced and went back."""
    back = design.only((design.exit == RETURNED) & design.left_in(days))
    return (
        days_by_exit("lost", losses.stay),
        days_by_exit("advanced", advanced.stay),
        days_by_exit("returned", back.stay),
    )


def _judge(stated: Stated, behaviour: Behaviour, *, in_bulk: bool) -> Verdict:
    """Return what both sources say together; nothing where losses were closed in bulk."""
    if in_bulk:
        return Verdict("", "", "bulk")
    return verdict(
        stated.family,
        behaviour.family,
        length_only=behaviour.length_only,
        missing_share=stated.unknown_share,
        sure=_sure_alone(stated, behaviour),
    )


def _sure_alone(stated: Stated, behaviour: Behaviour) -> bool:
    """Say whether the one source that names a family, the reasons first, can stand alone.

    Its lead must be sure with the 97.5 % interval, as either of the two sources may be the
    one that errs; and the other source must not show the second family as well.
    """
    by_reasons = stated.family in OPPOSITE
    family = stated.family if by_reasons else behaviour.family
    contrast = stated.lead if by_reasons else behaviour.contrast
    if family not in OPPOSITE or contrast is None or not contrast.is_sure:
        return False
    shown = behaviour.shows if by_reasons else stated.names
    return not shown(OPPOSITE[family], family)


def _read(
    design: Design, current: Days, baseline: Days | None
) -> tuple[str, Days, Design, Design, Administrative]:
    """Return which window is read, its losses without, and with the count of, paperwork.

    Beside them those who advanced in the same days: when everybody gets slower, losses of
    now look long against those who advanced before.
    """
    advanced = design.only(design.advanced & design.left_in(current))
    lost = design.only(design.lost & design.left_in(current))
    bulk, apart = administrative(lost, advanced, current[1])
    enough = len(lost) - apart.n >= MIN_LOSSES and len(advanced) >= MIN_ADVANCED
    if enough or apart.in_bulk or baseline is None:
        return "current", current, lost.only(~bulk), advanced, apart
    both = join_days(baseline, current)
    advanced = design.only(design.advanced & design.left_in(both))
    lost = design.only(design.lost & design.left_in(both))
    bulk, apart = administrative(lost, advanced, both[1])
    lost = lost.only(~bulk)
    return "both", both, lost, _as_the_losses(advanced, lost, current), apart


def _as_the_losses(advanced: Design, lost: Design, current: Days) -> Design:
    """Return those who advanced, as many of each window for every loss of it."""
    now, lost_now = advanced.left_in(current), lost.left_in(current)
    have = np.array([(~now).sum(), now.sum()])
    wanted = np.array([(~lost_now).sum(), lost_now.sum()])
    if not wanted.any():
        return advanced
    most = np.min(have[wanted > 0] / wanted[wanted > 0])
    keep = np.floor(most * wanted + 1e-9).astype(np.int64)
    parts = [
        _thin_rows(advanced, np.flatnonzero(of), n) for of, n in zip((~now, now), keep, strict=True)
    ]
    return advanced.only(np.sort(np.concatenate(parts)))


def _thin_rows(design: Design, rows: Ints, n: int) -> Ints:
    """Return `n` of the rows, evenly over the days on which they left."""
    order = rows[np.lexsort((design.opportunity[rows], design.left_tick[rows]))]
    return order[np.arange(n) * len(order) // max(n, 1)]


def _before(design: Design, baseline: Days, terms: Dictionary) -> Usual:
    """Return what the losses of the time before say, without those closed in bulk."""
    lost = design.only(design.lost & design.left_in(baseline))
    advanced = design.only(design.advanced & design.left_in(baseline))
    bulk, _ = administrative(lost, advanced, baseline[1])
    return usual_before(meanings(lost.only(~bulk), terms))


def agreement(said: Ints, points: Ints, has_reason: Bools) -> Agreement:
    """Hold what single losses say against how they behaved.

    kappa = (share - by chance) / (1 - by chance); Cohen (1960), Educ. Psychol. Meas. 20.
    """
    complexity = FAMILIES.index(COMPLEXITY)
    unconvincing = FAMILIES.index(UNCONVINCING)

    def count(family: int, sign: int) -> int:
        return int(((said == family) & (points == sign)).sum())

    a, b = count(complexity, 1), count(complexity, -1)
    c, d = count(unconvincing, 1), count(unconvincing, -1)
    n = a + b + c + d
    share = kappa = None
    if n >= MIN_JOINT:
        share = (a + d) / n
        chance = ((a + b) * (a + c) + (c + d) * (b + d)) / n**2
        kappa = (share - chance) / (1.0 - chance) if chance < 1.0 else None
    return Agreement(
        both_complexity=a,
        both_unconvincing=d,
        said_complexity_only=b,
        said_unconvincing_only=c,
        share=share,
        kappa=kappa,
        with_reason=looks(points[has_reason]),
        without_reason=looks(points[~has_reason]),
    )


def _typical(found: Verdict, said: Ints, points: Ints) -> Bools:
    """Say which losses bear the verdict: they say so, or look so; all where there is none."""
    if not found.family:
        return np.ones(len(said), dtype=bool)
    says = said == FAMILIES.index(found.family)
    looks = {COMPLEXITY: points > 0, UNCONVINCING: points < 0}.get(found.family)
    silent = (said == NOT_KNOWN) | (said == FAMILIES.index(GAVE_UP))
    bears = says if looks is None else says | (looks & silent)
    return bears if bears.any() else np.ones(len(said), dtype=bool)


def _to_review(
    found: Verdict, stated: Stated, behaviour: Behaviour, terms: Dictionary
) -> tuple[str, str]:
    """Return the sub-reason that is said most, and the operation to review."""
    if not found.family:
        return "", WHY_REVIEWS.get(found.why, "reading_deals")
    sub = stated.main_code(found.family)
    sign = behaviour.strongest(found.family)
    return sub, terms.review(sub) or SIGN_REVIEWS.get(sign, "reading_deals")
