"""Sentences that more than one page says, each made of one fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.snapshot import find_vanished, losses_appeared, losses_missing, since_last_run
from leakkit.findings.finding import ALARM, BETTER, PERHAPS_BETTER, RATE, WARNING, find_sight
from leakkit.measures.present_state import most_lost, share_of
from leakkit.views.elements import name_stay
from leakkit.views.html_tables import bdi

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.snapshot import SinceThen
    from leakkit.findings import Finding
    from leakkit.findings.finding import Sight
    from leakkit.measures.present_state import Present
    from leakkit.words import Words


# ---------------- coverage
# What is said of a pipeline whose export leaves deals out.


def say_left_out(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say which deals the export seems to leave out; nothing of a whole one."""
    code = chosen.notes.coverage
    if not code:
        return Markup("")
    counts = {"won": 0, "lost": 0, "open": 0}
    for (outcome, _), n in chosen.notes.outcomes.items():
        counts[outcome] += n
    return words.html(f"coverage.{code}", **counts)


def what_to_export(chosen: PipelineNumbers, words: Words) -> Markup:
    """Say what to export instead, and what is not said until then; nothing of a whole export."""
    code = chosen.notes.coverage
    if not code:
        return Markup("")
    return words.html(f"coverage.instead_{code}") + " " + words.html("coverage.capped")


def pipelines_left_out(analysis: Analysis, words: Words) -> Markup:
    """Name the pipelines of which deals are left out; nothing where there are none."""
    names = [bdi(one.name) for one in analysis.pipelines if one.notes.coverage]
    if not names:
        return Markup("")
    return words.html("coverage.pipelines", n=len(names), names=words.list_values(names))


# ---------------- sentences
# Sentences that more than one page says, each made of one fact.


def first_of(analysis: Analysis, pipeline: str, words: Words) -> Markup:
    """Say that a view is of the first of several pipelines, as nobody named one; else nothing."""
    names = [each.name for each in analysis.pipelines]
    if len(names) == 1 or pipeline:
        return Markup("")
    said = words.list_values([bdi(name) for name in names])
    return words.html("headline.first_of", name=bdi(names[0]), n=len(names), names=said)


def say_change(pipeline: PipelineNumbers, finding: Finding, words: Words) -> Markup:
    """Say what a finding found: which share, how much, against what."""
    stage = next(s for s in pipeline.stages if s.name == finding.stage)
    age = stage.expected.age if finding.kind == "overdue" else stage.horizon.age
    return words.html(
        f"causes.what_{finding.kind}_{finding.reference_kind}",
        stage=bdi(finding.stage),
        share=finding.share,
        reference=finding.reference,
        days=name_stay(words, age or 0, pipeline.unit_per_day),
    )


def say_judged(pipeline: PipelineNumbers, finding: Finding, words: Words) -> Markup:
    """Say what a finding found as surely as it was found: the sentence of a headline.

    An alarm says it plainly. A watch says that it may be so; what changed because other
    deals come in, or may have, and what is as last year at this time, says that.
    """
    what = say_change(pipeline, finding, words)
    if finding.severity == ALARM:
        return what
    if finding.severity in {BETTER, PERHAPS_BETTER}:
        key = finding.severity.replace(" ", "_")
        return words.html(f"causes.judged_{key}", what=what) + _because(finding, words)
    doubt = _because(finding, words)
    return what + doubt if doubt else words.html("causes.judged_watch", what=what)


def _because(finding: Finding, words: Words) -> Markup:
    """Say what else than the stage may have made a change; nothing where nothing may."""
    said = []
    if finding.says != RATE:
        said.append(words.html(f"causes.because_{finding.says}"))
    if finding.last_year and finding.as_last_year:
        said.append(words.html("causes.because_season", share=finding.last_year.share))
    return Markup("").join(Markup(" ") + one for one in said)


def mend_first(finding: Finding, words: Words) -> Markup:
    """Say that the stage of a finding is to be looked at first, since when, and what it costs.

    Where it is not sure that the stage itself does worse, only that it is to be looked at;
    of what is as last year at this time, nothing.
    """
    if finding.severity != ALARM and finding.as_last_year:
        return Markup("")
    facts = {"stage": bdi(finding.stage), "since": Markup("")}
    if finding.since is not None:
        facts["since"] = words.html("mend.since", month=month(finding.since, words))
    if finding.severity != ALARM:
        key = "perhaps" if finding.says == RATE else "unclear"
        return words.html(f"mend.first_{key}", **facts)
    value = finding.recoverable
    if value is None or not value.value:
        return words.html("mend.first", **facts)
    money = {"value": value.value, "low": value.low, "high": value.high}
    return words.html("mend.first_worth", **facts, **money, days=words.days(finding.days or 0))


def quiet(findings: Iterable[Finding], words: Words, *, several: bool = False) -> Markup:
    """Say that nothing led to a headline, and what could have been seen.

    Watches that are probably chance are named, of `several` pipelines with theirs. Where
    nothing could be compared, that is said instead.
    """
    own = tuple(findings)
    seen = find_sight(own)
    if not seen.tests:
        return words.html("causes.no_comparison")
    perhaps = dict.fromkeys((f.pipeline, f.stage) for f in own if f.severity in WARNING)
    if perhaps:
        named = words.list_values(
            [_name_stage(*place, words, several=several) for place in perhaps]
        )
        said = words.html("causes.quiet_but", n=len(perhaps), names=named)
    else:
        said = words.html("causes.quiet")
    return said + Markup(" ") + say_sight(seen, words)


def say_sight(seen: Sight, words: Words) -> Markup:
    """Say how many of the comparisons could have shown a rise, and from when on none can yet."""
    if not seen.able:
        return words.html("causes.none_able", n=seen.tests)
    said = words.html("causes.able", n=seen.tests, able=seen.able)
    if seen.blind_from is None:
        return said
    return said + Markup(" ") + words.html("causes.blind_from", day=seen.blind_from)


def month(day: int, words: Words) -> Markup:
    """Say the month of a day, as text that is safe in HTML."""
    return Markup(words.month(day))  # noqa: S704 - a date


def since_then(analysis: Analysis, pipelines: Sequence[PipelineNumbers], words: Words) -> Markup:
    """Say what changed in some pipelines since the last run on other data, if there was one."""
    found = [(one, since) for one in pipelines if (since := since_last_run(analysis, one))]
    if not found:
        return Markup("")
    several = len(analysis.pipelines) > 1 and len(pipelines) > 1
    changes = [*_more(found, words)]
    if several and (missing := find_vanished(analysis)):
        changes.append(
            words.html("last_run.vanished", named=words.list_values(list(map(bdi, missing))))
        )
    if not several and (share := found[0][1].share):
        stage, _, then, now = share
        changes.append(words.html("last_run.share", stage=bdi(stage), then=then, now=now))
    for name in ("appeared", "gone"):
        named = [
            _name_stage(one.name, stage, words, several=several)
            for one, since in found
            for stage in getattr(since, name)
        ]
        if named:
            changes.append(words.html(f"last_run.{name}", named=words.list_values(named)))
    if not any(since.appeared or since.gone for _, since in found):
        changes.append(words.html("last_run.none_new"))
    last = min(since.last_day for _, since in found)
    said = Markup("; ").join(changes)
    return words.html("last_run.said", last=last, changes=said)


def losses_line(
    analysis: Analysis, chosen: PipelineNumbers, words: Words, *, only_many: bool = False
) -> Markup:
    """Say how many of the losses that are new since the last run were entered late, if known.

    Else whether the latest losses seem to be missing.
    """
    new = losses_appeared(analysis, chosen)
    missing = losses_missing(chosen, analysis.last_day)
    if missing and (new is None or not new.many):
        return words.html("data.losses_missing", since=missing.since, n=round(missing.usual))
    if new is None or (only_many and not new.many):
        return Markup("")
    if not new.late:
        return words.html("data.losses_in_time", n=new.losses, last=new.last_day)
    delay = words.days(new.days)
    facts = {"n": new.losses, "late": new.late, "last": new.last_day}
    return words.html("data.losses_late", **facts, delay=delay)


def _more(found: Sequence[tuple[PipelineNumbers, SinceThen]], words: Words) -> list[Markup]:
    """Say how many deals there are more, or fewer, and how many more were won and lost."""
    deals, won, lost = (
        sum(getattr(since, name) for _, since in found) for name in ("deals", "won", "lost")
    )
    key = "deals" if deals > 0 else "fewer" if deals < 0 else "same_deals"
    said = [words.html(f"last_run.{key}", n=abs(deals))]
    ended = (("won", won), ("lost", lost))
    return said + [words.html(f"last_run.{name}", n=n) for name, n in ended if n > 0]


def _name_stage(pipeline: str, stage: str, words: Words, *, several: bool) -> Markup:
    """Name a stage, with its pipeline where there are several."""
    if not several:
        return bdi(stage)
    return words.html("overview.named", stage=bdi(stage), pipeline=bdi(pipeline))


# ---------------- headline
# In which stage do deals die, as far as a list without a history can say?

NAMED = 3
"""So many further stages are named; of more it is said how many."""
MAKERS = ("salesforce", "hubspot", "pipedrive", "zoho", "odoo", "dynamics", "business_central")
"""Makers of whom it is known how they export a history."""


def say_most_lost(present: Present, words: Words) -> Markup:
    """Say in which stage most deals were lost; where none is named, how many were lost."""
    first, rivals = most_lost(present.stages)
    if first is None:
        return _say_nowhere(present, words)
    share = share_of(first.tally.lost, present.lost_somewhere)
    facts: dict[str, object] = {"share": share.share, "low": share.low, "high": share.high}
    facts |= {"stage": bdi(first.name), "n": first.tally.lost, "of": present.lost_somewhere}
    if not rivals:
        return words.html("present.most", **facts)
    tied = [one for one in rivals if one.tally.lost == first.tally.lost]
    if tied and len(tied) < NAMED:
        names = words.list_values([bdi(one.name) for one in (first, *tied)])
        return words.html("present.tied", **facts, names=names)
    if len(rivals) > NAMED:
        return words.html("present.most_of_many", **facts, rivals=len(rivals))
    names = words.list_values([bdi(one.name) for one in rivals])
    return words.html("present.most_of_several", **facts, names=names)


def _say_nowhere(present: Present, words: Words) -> Markup:
    """Say how many deals were lost where no stage is named, or that no row says so."""
    total = present.total
    if total.lost:
        share = share_of(total.lost, total.closed)
        facts = {"share": share.share, "low": share.low, "high": share.high}
        return words.html("present.nowhere", n=total.lost, of=total.closed, **facts)
    key = "present.none_lost" if total.won else "present.none_closed"
    return words.html(key, n=total.deals, won=total.won, open=total.open)


def present_lines(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> list[Markup]:
    """Say how many are won, what a list like this cannot tell, and what to export instead."""
    present = present_state(chosen)
    total, found = present.total, _say_missing(chosen, present, words)
    if 0 < present.lost_somewhere < total.lost:
        found.append(words.html("present.no_stage_named", n=total.lost - present.lost_somewhere))
    if total.lost and total.won:
        share = share_of(total.won, total.closed)
        facts = {"share": share.share, "low": share.low, "high": share.high}
        found.append(words.html("present.won_share", n=total.won, of=total.closed, **facts))
    return [*found, words.html("present.cannot", as_of=analysis.last_day), _export(analysis, words)]


def _say_missing(chosen: PipelineNumbers, present: Present, words: Words) -> list[Markup]:
    """Say which deals the list seems to leave out, and what to export instead."""
    total = present.total
    if chosen.notes.coverage:
        said = say_left_out(chosen, words) if total.lost else Markup("")
        return [said, what_to_export(chosen, words)]
    if total.closed and not total.open:
        return [words.html("present.closed_only")]
    if total.open and not total.closed:
        return [words.html("present.open_only")]
    return []


def present_state(chosen: PipelineNumbers) -> Present:
    """Return the present state, which whoever asks has looked for."""
    if chosen.present is None:  # pragma: no cover - the views ask only where there is one
        raise AssertionError
    return chosen.present


def _export(analysis: Analysis, words: Words) -> Markup:
    """Say what to export for a history, with the maker's own name of it where it is known."""
    makers = [one["as_what"] for one in analysis.recognised if one["what"] == "maker"]
    known = [maker for maker in MAKERS if any(name.startswith(maker) for name in makers)]
    return words.html(f"present.export_{known[0]}" if known else "present.export")
