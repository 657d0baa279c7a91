"""Which segments of the leaking stages leak more than the rest?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views.causes import cells
from leakkit.views.causes.segments import columns_of, segment, value_of
from leakkit.views.causes.stages import no_stages, sample_line, stages_of
from leakkit.views.elements import add_range, heading, paragraphs
from leakkit.views.present import causes as present
from leakkit.views.tables import Column, Table, bdi
from leakkit.views.view import answer, of_diagnosis, words_of

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings.change_drivers import ChangeDriver, ChangeScreen
    from leakkit.findings.drivers import Driver, Screen
    from leakkit.views.view import View
    from leakkit.words import Words


@of_diagnosis
def drivers(diagnosis: Diagnosis, *, stage: str = "") -> View:
    """Which segments of the leaking stages leak more than the rest?"""
    words, stages = words_of(diagnosis.analysis), stages_of(diagnosis, stage)
    if diagnosis.pipeline.present is not None:
        owners, title = (
            present.owners(diagnosis.pipeline, words),
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
    table = Table(title, _change_columns(words), rows, head="segment")
    today = sorted({each.column for each in found.drivers if each.as_of_today})
    lines = [words.html("causes.as_of_today", n=len(today), columns=columns_of(today))]
    return table.html(words) + paragraphs(lines if today else [])


def _change_columns(words: Words) -> tuple[Column[ChangeDriver], ...]:
    """Return the columns: both shares of the segment, both of the rest, and how far apart."""
    return (
        Column("deals_in_now", lambda d: words.count(d.n)),
        Column("share_before", lambda d: words.share(d.before)),
        Column("share_now", lambda d: words.share(d.now)),
        Column("rest_before", lambda d: words.share(d.rest_before)),
        Column("rest_now", lambda d: words.share(d.rest_now)),
        Column("gap", lambda d: cells.excess(words, d.gap)),
    )


def _say_tested(screen: Screen, words: Words) -> Markup:
    """Say how many segments were compared, of which columns."""
    if not screen.tested:
        return words.html("causes.screened_none")
    said = words.html("causes.screened", n=screen.tested, columns=columns_of(screen.columns))
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
    return words.html("causes.as_of_today", n=len(today), columns=columns_of(today))


def _table(screen: Screen, words: Words) -> Markup:
    """Tabulate the segments that leak more than the rest."""
    rows = [
        (segment(driver.columns, driver.values, screen.binned, words), driver)
        for driver in screen.drivers
    ]
    table = Table(words.say("causes.drivers_table"), _columns(words), rows, head="segment")
    return table.html(words)


def _columns(words: Words) -> tuple[Column[Driver], ...]:
    """Return the columns: both shares, their difference, and what could be kept."""
    return (
        Column("share_here", lambda d: _share_cell(words, d)),
        Column("share_rest", lambda d: words.share(d.rest.value)),
        Column("gap", lambda d: cells.excess(words, d.gap)),
        Column("adjusted", lambda d: _adjusted_cell(words, d)),
        Column("deals_in_now", lambda d: words.count(d.n)),
        Column("could_keep", lambda d: words.number(d.recoverable.value)),
        Column("could_keep_value", lambda d: _value_cell(words, d)),
    )


def _share_cell(words: Words, driver: Driver) -> Markup:
    """Return the share lost, with the deals that were followed to it."""
    return add_range(
        words.share(driver.share.value),
        words.say("causes.share_followed", n=round(driver.followed)),
    )


def _adjusted_cell(words: Words, driver: Driver) -> Markup | str:
    """Return the adjusted difference, where it could be estimated."""
    return cells.excess(words, driver.adjusted.difference if driver.adjusted else None)


def _value_cell(words: Words, driver: Driver) -> str:
    """Return the money that could be kept, where losses have a value."""
    found = driver.recoverable_value
    return cells.money(words, found.value if found else None)
