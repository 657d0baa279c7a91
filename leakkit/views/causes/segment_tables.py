"""Which segments leak more than the rest, and did other deals come?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.page.style import REPEATED
from leakkit.views.causes import cause_lines
from leakkit.views.causes import cause_lines as present
from leakkit.views.causes.cause_lines import (
    diagnosed_stages,
    name_columns,
    no_stages,
    sample_line,
    segment,
    value_of,
)
from leakkit.views.elements import add_range, heading, paragraphs
from leakkit.views.html_tables import HtmlTable, TableColumn, bdi
from leakkit.views.sentences import what_to_export
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings import Finding
    from leakkit.findings.change_drivers import ChangeDriver, ChangeScreen
    from leakkit.findings.drivers import Driver, Screen
    from leakkit.findings.mix import MixShift, RateAndMix
    from leakkit.views.view import View
    from leakkit.words import Words


# ---------------- drivers
# Which segments of the leaking stages leak more than the rest?


@of_diagnosis
def drivers(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """Which segments of the leaking stages leak more than the rest?"""
    words, stages = words_of(diagnosis.analysis), diagnosed_stages(diagnosis, stage)
    if diagnosis.pipeline.present is not None:
        owners, title = (
            present.list_owners(diagnosis.pipeline, words),
            words.say("question.present_owners"),
        )
        return answer(words, "drivers", title=title, table=owners)
    if not stages:
        return no_stages(diagnosis, words, "drivers")
    parts = Markup("\n").join(_screen(one, words) for one in stages)
    return answer(words, "drivers", table=parts, note=words.html("causes.associated"))


def _screen(one: StageDiagnosis, words: Words) -> Markup:
    """Return the screen of one stage."""
    screen, head = one.screen, heading(bdi(one.stage.name)) + _changes(one.changes, words)
    if screen.reason:
        return head + paragraphs([words.html(f"causes.screen_{screen.reason}")])
    lines = [_say_tested(screen, words), *_say_set_aside(screen, words)]
    if not screen.drivers:
        none = words.html("causes.no_driver") if screen.tested else Markup("")
        return head + paragraphs([none, *lines])
    return head + _table(screen, words) + paragraphs([*lines, _as_of_today(screen, words)])


def _changes(found: ChangeScreen, words: Words) -> Markup:
    """Tabulate the segments whose share moved more than that of the rest, where there are any."""
    if found.reason:
        return Markup("")
    if not found.drivers:
        key = "causes.no_change_driver" if found.tested else "causes.no_change_screened"
        return paragraphs([words.html(key, n=found.tested)])
    rows = [
        (segment((each.column,), (each.value,), found.binned, words), each)
        for each in found.drivers
    ]
    title = words.say(f"causes.changes_{found.kind}", n=found.tested)
    table = HtmlTable(title, _change_columns(words), rows, head="segment")
    today = sorted({each.column for each in found.drivers if each.as_of_today})
    lines = [words.html("causes.as_of_today", n=len(today), columns=name_columns(today))]
    return table.html(words) + paragraphs(lines if today else [])


def _change_columns(words: Words) -> tuple[TableColumn[ChangeDriver], ...]:
    """Return the columns: both shares of the segment, both of the rest, and how far apart."""
    return (
        TableColumn("deals_in_now", lambda d: words.count(d.n)),
        TableColumn("share_before", lambda d: words.share(d.before)),
        TableColumn("share_now", lambda d: words.share(d.now)),
        TableColumn("rest_before", lambda d: words.share(d.rest_before)),
        TableColumn("rest_now", lambda d: words.share(d.rest_now)),
        TableColumn("gap", lambda d: cause_lines.excess(words, d.gap)),
    )


def _say_tested(screen: Screen, words: Words) -> Markup:
    """Say how many segments were compared, of which columns."""
    if not screen.tested:
        return words.html("causes.screened_none")
    said = words.html("causes.screened", n=screen.tested, columns=name_columns(screen.columns))
    return said + sample_line(screen.sampled, screen.of_passages, words)


def _say_set_aside(screen: Screen, words: Words) -> list[Markup]:
    """Say which columns were not compared, and why."""
    return [
        words.html(
            f"causes.set_aside_{each.reason}",
            column=bdi(each.column),
            value=value_of(each.value, words),
            n=each.measure,
        )
        for each in screen.set_aside
    ]


def _as_of_today(screen: Screen, words: Words) -> Markup:
    """Say which columns are known as of today only; nothing where there are none."""
    today = sorted({name for driver in screen.drivers for name in driver.as_of_today})
    if not today:
        return Markup("")
    return words.html("causes.as_of_today", n=len(today), columns=name_columns(today))


def _table(screen: Screen, words: Words) -> Markup:
    """Tabulate the segments that leak more than the rest."""
    rows = [
        (segment(driver.columns, driver.values, screen.binned, words), driver)
        for driver in screen.drivers
    ]
    table = HtmlTable(
        words.say("causes.drivers_table"), _driver_columns(words), rows, head="segment"
    )
    return table.html(words)


def _driver_columns(words: Words) -> tuple[TableColumn[Driver], ...]:
    """Return the columns: both shares, their difference, and what could be kept."""
    return (
        TableColumn("share_here", lambda d: _share_cell(words, d)),
        TableColumn("share_rest", lambda d: words.share(d.rest.value)),
        TableColumn("gap", lambda d: cause_lines.excess(words, d.gap)),
        TableColumn("adjusted", lambda d: _adjusted_cell(words, d)),
        TableColumn("deals_in_now", lambda d: words.count(d.n)),
        TableColumn("could_keep", lambda d: words.number(d.recoverable.value)),
        TableColumn("could_keep_value", lambda d: _value_cell(words, d)),
    )


def _share_cell(words: Words, driver: Driver) -> Markup:
    """Return the share lost, with the deals that were followed to it."""
    return add_range(
        words.share(driver.share.value),
        words.say("causes.share_followed", n=round(driver.followed)),
    )


def _adjusted_cell(words: Words, driver: Driver) -> Markup | str:
    """Return the adjusted difference, where it could be estimated."""
    return cause_lines.excess(words, driver.adjusted.difference if driver.adjusted else None)


def _value_cell(words: Words, driver: Driver) -> str:
    """Return the money that could be kept, where losses have a value."""
    found = driver.recoverable_value
    return cause_lines.money(words, found.value if found else None)


# ---------------- mix
# Did what becomes of deals change, or did other deals come?

MIN_MIX = 0.01
"""So large must the part of other deals be for a note on what shifted."""


@of_diagnosis
def rate_and_mix(diagnosis: Diagnosis) -> View:
    """Did what becomes of deals change, or did other deals come?"""
    words = words_of(diagnosis.analysis)
    rows = [(bdi(one.stage.name), mix) for one in diagnosis.stages for mix in one.mixes.values()]
    if diagnosis.pipeline.notes.coverage and diagnosis.stages:
        said = what_to_export(diagnosis.pipeline, words)
        return answer(words, "rate_and_mix", headline=said, kind=REPEATED)
    if not rows:
        return no_stages(diagnosis, words, "rate_and_mix")
    table = HtmlTable(words.say("causes.mix_table"), _mix_columns(words), rows)
    lines = [_mix_note(name, mix, words) for name, mix in rows]
    return answer(words, "rate_and_mix", table=table.html(words), note=paragraphs(lines))


def _mix_columns(words: Words) -> tuple[TableColumn[RateAndMix], ...]:
    """Return the columns: the change, and its two parts."""
    return (
        TableColumn("kind", lambda m: words.say(f"causes.kind_{m.kind}"), "lk-name"),
        TableColumn("total", lambda m: cause_lines.points(words, m.total)),
        TableColumn("rate", lambda m: cause_lines.excess(words, m.rate)),
        TableColumn("mix", lambda m: cause_lines.points(words, m.mix)),
    )


def _mix_note(stage: Markup, mix: RateAndMix, words: Words) -> Markup:
    """Say what shifted most, or why it cannot be said."""
    if mix.rate is None:
        return Markup("{}: {}").format(stage, words.html(f"causes.mix_{mix.reason}"))
    if abs(mix.mix or 0.0) < MIN_MIX:
        return Markup("")
    lines = []
    if mix.simpson:
        lines.append(words.html("causes.simpson", stage=stage))
    if mix.shift:
        lines.append(_shift_line(stage, mix.shift, words))
    return Markup(" ").join(lines)


def _shift_line(stage: Markup, shift: MixShift, words: Words) -> Markup:
    """Say the segment that shifted, from which share to which."""
    binned = (shift.column,) if shift.binned else ()
    return words.html(
        "causes.shift",
        stage=stage,
        segment=segment((shift.column,), (shift.value,), binned, words),
        before=shift.baseline_share,
        now=shift.current_share,
    )


def mixes_of(diagnosis: Diagnosis, finding: Finding) -> list[RateAndMix]:
    """Return the change of a finding taken apart, where it was."""
    return [
        one.mixes[finding.kind]
        for one in diagnosis.stages
        if one.stage.name == finding.stage and finding.kind in one.mixes
    ]


def mix_of(diagnosis: Diagnosis, finding: Finding, words: Words) -> Markup:
    """Say whether the deals of a finding changed, or what becomes of them."""
    found = mixes_of(diagnosis, finding)
    if not found:
        return Markup("")
    said = mix_line(found[0], words)
    if not found[0].alone:
        return said
    return said + Markup(" ") + words.html("causes.mix_alone", column=bdi(found[0].columns[0]))


def mix_line(mix: RateAndMix, words: Words) -> Markup:
    """Say rate and mix in one sentence."""
    if mix.rate is None or mix.mix is None:
        return words.html(f"causes.mix_{mix.reason}")
    key = "mix_mostly" if mix.mostly_mix else "mix"
    return words.html(f"causes.{key}", rate=mix.rate.value, mix=mix.mix)
