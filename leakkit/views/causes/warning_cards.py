"""Which stages got worse, by how much, since when, and how sure is that? A card for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.results import find_notes
from leakkit.findings.finding import (
    CHANGED,
    OK,
    RATE,
    SMALL,
    WARNING,
    WATCH,
    find_sight,
    improvements,
)
from leakkit.measures.survival import Z95
from leakkit.page.style import REPEATED
from leakkit.views.causes import cause_lines, segment_tables
from leakkit.views.causes.cause_lines import no_stages
from leakkit.views.drawing.small_pictures import shift_figure
from leakkit.views.elements import add_range, fold_content, note_lines, paragraphs
from leakkit.views.html_tables import HtmlTable, TableColumn, bdi
from leakkit.views.sentences import month, say_change, say_judged, say_sight, what_to_export
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis import Diagnosis, PipelineNumbers
    from leakkit.findings import Finding
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- beside
# What stands beside a change: last year, another speed, and what can be ruled out.


def last_year(finding: Finding, words: Words) -> Markup:
    """Say what the share was in the same days last year; nothing where that is not known."""
    past = finding.last_year
    if past is None:
        return Markup("")
    key = "as_last_year" if past.as_now else "not_as_last_year"
    return words.html(
        f"causes.{key}", share=past.share, change=past.change, low=past.low, high=past.high
    )


def speed(finding: Finding, words: Words) -> Markup:
    """Say that deals leave later or earlier, and what is lost of those that had left.

    Nothing where the speed is as before.
    """
    decided = finding.decided
    if decided is None or not decided.speed:
        return Markup("")
    return words.html(
        f"causes.speed_{decided.speed}", share=decided.share, reference=decided.reference
    )


def say_ruled_out(finding: Finding, words: Words) -> Markup:
    """Say which change can be ruled out; nothing where none of a size that matters can."""
    if finding.severity not in {OK, SMALL}:
        return Markup("")
    key = "ruled_out_target" if finding.reference_kind == "target" else "ruled_out"
    return words.html(f"causes.{key}", size=cause_lines.plain_points(words, finding.margin))


# ---------------- comparisons
# Which shares were compared, and what came of each, also where nothing warns?


def has_comparisons(diagnosis: Diagnosis) -> bool:
    """Say whether any share of the pipeline could be compared with another."""
    return any(finding.p_value is not None for card in diagnosis.cards for finding in card)


def comparisons(diagnosis: Diagnosis, words: Words) -> Markup:
    """Tabulate every comparison of the pipeline."""
    order = {stage.name: stage.stage for stage in diagnosis.pipeline.stages}
    found = sorted(
        (f for card in diagnosis.cards for f in card), key=lambda f: (order[f.stage], f.kind)
    )
    rows = [(bdi(finding.stage), finding) for finding in found]
    table = HtmlTable(words.say("causes.comparisons"), _columns(words), rows)
    return table.html(words) + paragraphs([words.html("causes.visible_note")])


def _columns(words: Words) -> tuple[TableColumn[Finding], ...]:
    """Return the columns: what is compared, then and now, and what could have been seen."""
    return (
        TableColumn("kind", lambda f: words.say(f"causes.kind_{f.kind}"), "lk-name"),
        TableColumn("severity", lambda f: _judgement(words, f), "lk-name"),
        TableColumn("share_now", lambda f: cause_lines.share(words, f.share)),
        TableColumn("share_before", lambda f: cause_lines.share(words, f.reference)),
        TableColumn("change", lambda f: cause_lines.points_between(words, f.change, f.low, f.high)),
        TableColumn("visible", lambda f: cause_lines.plain_points(words, f.smallest_visible)),
        TableColumn("followed_now", lambda f: cause_lines.count(words, f.followed)),
    )


def _judgement(words: Words, finding: Finding) -> Markup:
    """Say the judgement, and small beside it what it rests on."""
    notes = (
        say_ruled_out(finding, words),
        speed(finding, words),
        last_year(finding, words) if finding.severity in CHANGED else Markup(""),
    )
    said = words.say(f"causes.severity_{_code(finding)}")
    return add_range(said, Markup(" ").join(note for note in notes if note))


def _code(finding: Finding) -> str:
    """Return a severity as part of a key."""
    return finding.severity.replace(" ", "_")


# ---------------- warnings
# Which stages got worse, by how much, since when, and how sure is that? A card for each.

SHOWN_CARDS = 3
HARDLY_EVER = 0.0005
"""Chances under this would be said as 0%."""


@of_diagnosis
def warnings(diagnosis: Diagnosis) -> View:
    """Which stages got worse, by how much, since when, and how sure is that?"""
    words = words_of(diagnosis.analysis)
    if diagnosis.pipeline.present is not None:
        return no_stages(diagnosis, words, "warnings")
    if diagnosis.pipeline.notes.coverage:
        instead = what_to_export(diagnosis.pipeline, words)
        return answer(words, "warnings", headline=instead, kind=REPEATED)
    shown = _cards(diagnosis, diagnosis.warnings[:SHOWN_CARDS], words)
    rest = _cards(diagnosis, diagnosis.warnings[SHOWN_CARDS:], words)
    if rest:
        said = words.say("causes.more_cards", n=len(diagnosis.warnings) - SHOWN_CARDS)
        rest = fold_content(said, rest)
    lines = [] if shown else [_quiet(diagnosis, words)]
    lines += _say_improved(diagnosis, words)
    every = fold_content(words.say("causes.all_comparisons"), comparisons(diagnosis, words))
    return answer(words, "warnings", table=shown + rest + paragraphs(lines) + every)


def _quiet(diagnosis: Diagnosis, words: Words) -> Markup:
    """Say that nothing warns and what could have been seen, or that nothing could be compared."""
    if not has_comparisons(diagnosis):
        return words.html("causes.not_compared")
    seen = find_sight(finding for card in diagnosis.cards for finding in card)
    return words.html("causes.none_warns") + Markup(" ") + say_sight(seen, words)


def _say_improved(diagnosis: Diagnosis, words: Words) -> list[Markup]:
    """Say what got better, or may have, how sure that is, and whether the deals changed."""
    own = improvements(finding for card in diagnosis.cards for finding in card)
    return [
        Markup(" ").join(
            part
            for part in (
                say_judged(diagnosis.pipeline, finding, words),
                _since(finding, words),
                _sure(diagnosis, finding, words),
            )
            if part
        )
        for finding in own
    ]


def _cards(diagnosis: Diagnosis, cards: Sequence[tuple[Finding, ...]], words: Words) -> Markup:
    """Return the cards of some stages; nothing where there are none."""
    made = Markup("\n").join(_card(diagnosis, card, words) for card in cards)
    return Markup('<ul class="lk-cards">{}</ul>').format(made) if made else Markup("")


def _card(diagnosis: Diagnosis, card: tuple[Finding, ...], words: Words) -> Markup:
    """Return the card of one stage, led by its gravest finding."""
    finding, *others = card
    also = [f for f in others if f.severity in WARNING]
    noted = [
        one
        for one in find_notes(diagnosis.analysis, diagnosis.pipeline)
        if one.stage in {"", finding.stage}
    ]
    said = [
        *card_lines(diagnosis, finding, words),
        *(say_change(diagnosis.pipeline, f, words) for f in also),
        *note_lines(noted, words, of_stage=True),
    ]
    return Markup(
        '<li class="lk-card lk-{}"><div><p class="lk-badge">{}</p><h3>{}</h3>'
        '<p class="lk-what">{}</p>{}</div><div>{}</div><p class="lk-review">{}</p></li>'
    ).format(
        finding.severity,
        words.say(f"causes.severity_{finding.severity}"),
        bdi(finding.stage),
        say_change(diagnosis.pipeline, finding, words),
        paragraphs(said),
        shift_figure(finding, words, noted),
        cause_lines.review_line(diagnosis, finding, words),
    )


def card_lines(diagnosis: Diagnosis, finding: Finding, words: Words) -> list[Markup]:
    """Say since when, how sure, beside what else, and what could be kept; only what is known."""
    said = (
        _since(finding, words),
        _sure(diagnosis, finding, words),
        last_year(finding, words),
        speed(finding, words),
        segment_tables.mix_of(diagnosis, finding, words),
        _worth(diagnosis, finding, words),
    )
    return [line for line in said if line]


def _since(finding: Finding, words: Words) -> Markup:
    """Say since when."""
    if finding.since is None:
        return Markup("")
    return words.html("causes.since", month=month(finding.since, words))


def _sure(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say how sure a change is, and whether an earlier look said the same."""
    if finding.change is None or finding.low is None or finding.high is None:
        return Markup("")
    said = words.html("causes.change", change=finding.change, low=finding.low, high=finding.high)
    chance = finding.q_value if finding.q_value is not None else finding.p_value
    if chance is not None:
        key = "causes.chance_hardly" if chance < HARDLY_EVER else "causes.chance"
        said += " " + words.html(key, chance=chance)
    if finding.confirmed:
        days = words.days(diagnosis.analysis.config.comparison.confirm_days)
        said += " " + words.html("causes.confirmed", days=days)
    if _is_undeclared(diagnosis, finding):
        said += " " + words.html("causes.undeclared")
    return said


def _is_undeclared(diagnosis: Diagnosis, finding: Finding) -> bool:
    """Say whether a change is sure, and no alarm only because nobody declared the stages."""
    sure = finding.q_value is not None and finding.q_value <= diagnosis.analysis.config.comparison.q
    known = finding.phi is not None and finding.says == RATE and not finding.as_last_year
    held = finding.severity == WATCH and diagnosis.analysis.provisional_order
    return bool(held and known and sure and finding.confirmed)


def _worth(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say what could be kept."""
    value = finding.recoverable
    if value is None or not value.value:
        return Markup("")
    return words.html(
        "causes.worth",
        value=value.value,
        low=value.low,
        high=value.high,
        days=words.days(finding.days or 0),
    ) + _mean_value(diagnosis.pipeline, finding, words)


def _mean_value(pipeline: PipelineNumbers, finding: Finding, words: Words) -> Markup:
    """Say what a deal is worth, how sure that is, and how much of it a few large ones have."""
    places = [place for place, one in enumerate(pipeline.stages) if one.name == finding.stage]
    if pipeline.costs is None or not places:
        return Markup("")
    came = pipeline.costs.worths[places[0]].entrants
    if came.mean_value is None:
        return Markup("")
    said = " " + words.html(
        "causes.mean_value",
        stage=bdi(finding.stage),
        value=came.mean_value,
        low=max(came.mean_value - Z95 * came.mean_error, 0.0),
        high=came.mean_value + Z95 * came.mean_error,
    )
    if came.largest_share is None:
        return said
    return said + " " + words.html(f"causes.{came.largest_called}", share=came.largest_share)
