"""The cells, names and short lines that the views of causes share; reasons and owners of lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.root_causes import find_reasons
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.guards import require_text
from leakkit.measures.present_state import most_frequent, share_of
from leakkit.page.style import REPEATED, SECTION
from leakkit.views.elements import add_range, heading, name_stay, paragraphs, tidy_name
from leakkit.views.html_tables import DASH, HtmlTable, ReasonTexts, TableColumn, bar_cell, bdi
from leakkit.views.sentences import NAMED, present_state, say_left_out
from leakkit.views.view import answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis import Analysis, Diagnosis, PipelineNumbers
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.analysis.root_causes import SaidReason
    from leakkit.findings import Finding
    from leakkit.findings.comparison import Excess
    from leakkit.findings.finding import Value
    from leakkit.findings.verdicts import Cause
    from leakkit.measures.present_state import Tally
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- cells
# The cells of tables on causes: a number with its interval, or a dash where there is none.


def count(words: Words, n: float | None) -> str:
    """Say a count."""
    return DASH if n is None else words.count(n)


def share(words: Words, found: float | None) -> str:
    """Say a share."""
    return DASH if found is None else words.share(found)


def share_between(
    words: Words, found: float | None, low: float | None, high: float | None
) -> Markup | str:
    """Say a share with its interval."""
    if found is None or low is None or high is None:
        return DASH
    return add_range(words.share(found), words.say("table.range", low=low, high=high))


def points(words: Words, difference: float | None) -> str:
    """Say a difference of shares."""
    return DASH if difference is None else words.points(difference)


def points_between(
    words: Words, difference: float | None, low: float | None, high: float | None
) -> Markup | str:
    """Say a difference of shares with its interval."""
    if difference is None or low is None or high is None:
        return DASH
    between = words.say("causes.points_range", low=low, high=high)
    return add_range(words.points(difference), between)


def excess(words: Words, found: Excess | None) -> Markup | str:
    """Say an excess in points with its interval."""
    return DASH if found is None else points_between(words, found.value, found.low, found.high)


def say_deals(words: Words, found: Value) -> Markup:
    """Say an estimated number of deals with its interval."""
    between = words.say("causes.number_range", low=found.low, high=found.high)
    return add_range(words.number(found.value), between)


def money(words: Words, amount: float | None) -> str:
    """Say an amount of money."""
    return DASH if amount is None else words.money(amount)


def plain_points(words: Words, change: float | None) -> str:
    """Say a size in points, without a sign."""
    return DASH if change is None else words.say("causes.plain_points", n=round(100 * change, 1))


# ---------------- segments
# How a segment is named: by its columns and what stands in them.


def segment(
    columns: tuple[str, ...], values: tuple[str, ...], binned: tuple[str, ...], words: Words
) -> Markup:
    """Say a segment by its columns and values; of numbers, up to where its fifth goes."""
    parts = []
    for column, written in zip(columns, values, strict=True):
        name = bdi(column)
        if column not in binned or not written:
            said = words.html("causes.segment", column=name, value=value_of(written, words))
        else:
            key = "segment_money" if column == "value" else "segment_number"
            said = words.html(f"causes.{key}", column=name, value=float(written))
        parts.append(said)
    return Markup(", ").join(parts)


def value_of(written: str, words: Words) -> Markup:
    """Say a value of a column; an empty one is a value, too."""
    return bdi(written) if tidy_name(written) else words.html("bar.none")


def name_columns(names: Iterable[str]) -> Markup:
    """Return names of columns, one behind the other."""
    return Markup(", ").join(map(bdi, names))


# ---------------- stages
# The stages that a diagnosis looked into: which are asked for, and what is said of none.


def diagnosed_stages(diagnosis: Diagnosis, stage: str) -> tuple[StageDiagnosis, ...]:
    """Return the stages that were looked into, or the one that is asked for."""
    if stage:
        require_text("stage", stage)
    found = tuple(
        one
        for one in diagnosis.stages
        if not stage or fold_name(one.stage.name) == fold_name(stage)
    )
    if stage and not found:
        known = ", ".join(one.stage.name for one in diagnosis.stages)
        message = f"{stage!r} was not looked into. These were: {known}."
        raise LeakkitError("no_stage", message)
    return found


def no_stages(diagnosis: Diagnosis, words: Words, name: str) -> View:
    """Say why no stage was looked into."""
    if diagnosis.pipeline.present is not None:
        return answer(words, name, headline=words.say("present.no_causes"), kind=REPEATED)
    lost = diagnosis.pipeline.notes.outcomes.get(("lost", False), 0)
    if lost and not loses(diagnosis):
        said = words.html("headline.elsewhere", n=lost)
        return answer(words, name, headline=said, kind=_kind(name))
    if not loses(diagnosis) and (said := say_left_out(diagnosis.pipeline, words)):
        return answer(words, name, headline=said, kind=_kind(name))
    code = "no_days" if loses(diagnosis) else "no_stage"
    return answer(words, name, headline=words.say(f"causes.{code}"), kind=_kind(name))


def _kind(name: str) -> str:
    """Return the kind of a part that has nothing to show: the first says so, others repeat it."""
    return SECTION if name == "cause_and_effect" else REPEATED


def loses(diagnosis: Diagnosis) -> bool:
    """Say whether the pipeline has lost any deal in a stage."""
    return any(stage.exits.lost for stage in diagnosis.pipeline.stages)


def sample_line(looked_at: int, passages: int, words: Words) -> Markup:
    """Say that a stage has more visits than are looked at; nothing where it has not."""
    if looked_at >= passages:
        return Markup("")
    return Markup(" ") + words.html("causes.sampled", n=looked_at, of=passages)


# ---------------- bulk
# Which losses were closed in bulk, by which rule, and therefore say nothing of a cause?


def say_set_apart(diagnosis: Diagnosis, cause: Cause, words: Words) -> list[Markup]:
    """Say how many losses were set apart as closed in bulk, and by which rule."""
    apart = cause.administrative
    if not apart.n:
        return []
    said = [words.html("causes.administrative", n=apart.n, of=apart.losses)]
    if apart.owner_day:
        said.append(words.html("causes.apart_owner", n=apart.owner_day))
    if apart.one_day:
        said.append(words.html("causes.apart_day", n=apart.one_day))
    if apart.one_age and apart.age is not None:
        age = name_stay(words, apart.age, diagnosis.pipeline.unit_per_day)
        said.append(words.html("causes.apart_age", n=apart.one_age, age=age))
    return [Markup(" ").join(said)]


# ---------------- verdict
# What a verdict says, how strong it is, and which operation to review.


def short_verdict(cause: Cause, words: Words) -> Markup:
    """Say a verdict as a heading and a line."""
    said = words.say(f"causes.short_{cause.verdict.family or 'undetermined'}")
    return Markup("<strong>{}</strong><p>{}</p>").format(said, strength(cause, words))


def strength(cause: Cause, words: Words) -> Markup:
    """Say what a verdict names most, and how strong it is, or why there is none."""
    verdict, parts = cause.verdict, []
    if not verdict.family:
        return words.html(f"causes.why_{verdict.why}")
    if cause.sub_reason:
        most = _reason(cause.sub_reason, words)
        parts.append(words.html("causes.above_all", reason=most))
    parts.append(words.html(f"causes.strength_{verdict.strength}"))
    if verdict.lost_long_after:
        parts.append(words.html("causes.lost_long_after"))
    return Markup(" ").join(parts)


def _reason(code: str, words: Words) -> Markup:
    """Say a sub-reason; one of the user's own as it is written in the user's file."""
    return _say_message(f"causes.reason.{code}", code.partition(".")[2], words)


def operation(code: str, words: Words) -> Markup:
    """Say an operation to review; one of the user's own as it is written in the user's file."""
    return _say_message(f"causes.reviews.{code}", code, words)


def _say_message(key: str, written: str, words: Words) -> Markup:
    """Say the message `key`, or what the user wrote where there is none."""
    return words.html(key) if words.knows(key) else bdi(written)


def review_line(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say which operation to review for a finding."""
    return words.html("causes.review", what=operation(review(diagnosis, finding), words))


def review(diagnosis: Diagnosis, finding: Finding) -> str:
    """Return the code of the operation to review for a finding."""
    if finding.kind == "overdue":
        return "time_to_answer"
    if finding.kind == "returned":
        return "steps_back"
    found = [one.cause.review for one in diagnosis.stages if one.stage.name == finding.stage]
    return found[0] if found else "reading_deals"


# ---------------- causes
# Why are deals lost, as far as a list without a history can say: reasons and owners.

SHOWN_REASONS, SHOWN_OWNERS = 12, 30


@dataclass(frozen=True)
class _Read:
    """The reasons of a list, and of how many lost deals there are any."""

    reasons: tuple[SaidReason, ...]
    lost: int

    @property
    def known(self) -> int:
        """Return how many lost deals name a reason."""
        return sum(one.n for one in self.reasons)


def reasons_headline(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Say which reason most lost deals name."""
    read = _read(analysis, chosen)
    if not read.known:
        return words.html("present.no_reasons" if read.lost else "present.no_losses")
    first, rivals = most_frequent([one.n for one in read.reasons])
    share = share_of(read.reasons[first].n, read.known)
    said = words.html(
        "present.reason_most",
        reason=bdi(read.reasons[first].reason),
        n=read.reasons[first].n,
        of=read.known,
        share=share.share,
        low=share.low,
        high=share.high,
    )
    if not rivals:
        return said
    names = words.list_values([bdi(read.reasons[at].reason) for at in rivals])
    key = "present.reason_many_rivals" if len(rivals) > NAMED else "present.reason_rivals"
    return said + " " + words.html(key, n=len(rivals), names=names)


def list_reasons(analysis: Analysis, chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate the reasons with their shares, what they mean, and where they stand most often."""
    read, dashes = _read(analysis, chosen), ReasonTexts(words)
    if not read.known:
        return Markup("")
    shares = [share_of(one.n, read.known) for one in read.reasons]
    most = max(share.high or 0.0 for share in shares)
    columns: tuple[TableColumn[SaidReason], ...] = (
        TableColumn("losses", lambda one: words.count(one.n)),
        TableColumn(
            "of_reasons", lambda one: bar_cell(words, share_of(one.n, read.known), dashes, most)
        ),
        TableColumn("family", lambda one: _family(one.family, words), "lk-name"),
        TableColumn("most_in", lambda one: _most_in(one, chosen), "lk-name"),
    )
    rows = [(bdi(one.reason), one) for one in read.reasons[:SHOWN_REASONS]]
    caption = words.say("table.present_reasons")
    shown = HtmlTable(caption, columns, rows, head="reason").html(words)
    known = {"n": read.known, "of": read.lost, "share": read.known / read.lost}
    return (
        shown + paragraphs([words.html("present.known_reasons", **known)]) + _families(read, words)
    )


def _families(read: _Read, words: Words) -> Markup:
    """Tabulate what the reasons mean."""
    by_family: dict[str, int] = {}
    for one in read.reasons:
        by_family[one.family] = by_family.get(one.family, 0) + one.n
    columns: tuple[TableColumn[int], ...] = (
        TableColumn("losses", words.count),
        TableColumn("of_reasons", lambda n: _say_range(n, read.known, words)),
    )
    ranked = sorted(by_family.items(), key=lambda one: (-one[1], one[0]))
    rows = [(_family(family, words), n) for family, n in ranked]
    said = words.say("present.families")
    return heading(said) + HtmlTable(said, columns, rows, head="family").html(words)


def _say_range(n: int, whole: int, words: Words) -> str:
    """Say a share with its interval."""
    share = share_of(n, whole)
    return share_between(words, share.share, share.low, share.high)


def _family(family: str, words: Words) -> str:
    """Say what a reason means; a dash where the dictionary does not know it."""
    return words.say(f"causes.family_{family}") if family else DASH


def _most_in(one: SaidReason, chosen: PipelineNumbers) -> str:
    """Name the stage where a reason stands most often; a dash where none is named."""
    named = {stage: n for stage, n in one.by_stage.items() if stage >= 0}
    if not named:
        return DASH
    return bdi(chosen.stages[min(named, key=lambda stage: (-named[stage], stage))].name)


def list_owners(chosen: PipelineNumbers, words: Words) -> Markup:
    """Tabulate won, lost and open deals by owner, and the share of the closed that is won."""
    found = present_state(chosen).owners
    if not found:
        return paragraphs([words.html("present.no_owners")])
    columns: tuple[TableColumn[Tally], ...] = (
        TableColumn("owner_lost", lambda one: words.count(one.lost), "lk-lost"),
        TableColumn("owner_won", lambda one: words.count(one.won)),
        TableColumn("of_closed", lambda one: _say_range(one.won, one.closed, words)),
        TableColumn("owner_open", lambda one: words.count(one.open)),
        TableColumn("value_lost", lambda one: words.money(one.value_lost)),
        TableColumn("value_open", lambda one: words.money(one.value_open)),
    )
    ranked = sorted(found.items(), key=lambda one: (-one[1].lost, -one[1].deals, one[0]))
    rows = [(bdi(name) if name else DASH, tally) for name, tally in ranked[:SHOWN_OWNERS]]
    shown = HtmlTable(words.say("table.present_owners"), columns, rows, head="owner").html(words)
    return shown + paragraphs([words.html("present.owners_note")])


def _read(analysis: Analysis, chosen: PipelineNumbers) -> _Read:
    """Return the reasons of the lost deals, the most frequent first."""
    return _Read(find_reasons(analysis, chosen), present_state(chosen).total.lost)
