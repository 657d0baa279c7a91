"""What a repair is worth, and which late deals to call first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import views
from leakkit.deck import charts
from leakkit.deck.content import Box, Tabled
from leakkit.deck.told import lines_of, tables_of
from leakkit.findings.worklist import CALL, saved_in_all

if TYPE_CHECKING:
    from leakkit.deck.content import Slide
    from leakkit.deck.told import Told
    from leakkit.findings.worklist import WorkItem

SHOWN_CALLS = 8
CALL_COLUMNS = ("deal_name", "owner", "stage", "in_stage", "chance", "value", "can_save")


def repairs(told: Told) -> Slide | None:
    """Show what fewer losses would bring."""
    chart = charts.repairs(told)
    if chart is None:
        return None
    view = views.repairs(told.diagnosis)
    table = Tabled(tables_of(view)[0], (2.0, 1.0, 1.2, 1.1, 1.1))
    notes = (
        *lines_of(view),
        told.note("how", told.words.say("causes.term_keep")),
        told.call("repairs"),
    )
    return told.slide(
        repair_title(told),
        "question.repairs",
        (Box(0, 0, 0.46, 1), chart),
        (Box(0.49, 0.04, 0.51, 0.94), table),
        foot=" ".join(lines_of(view)[:1]),
        notes=notes,
    )


def repair_title(told: Told) -> str:
    """Say what the best repair would bring: that of what got worse, else the largest."""
    found = list(enumerate(told.diagnosis.repairs))
    joint = [(at, one) for at, one in found if one.points is None]
    largest = sorted(found, key=lambda one: -one[1].result.new_deals.value)
    at, best = (joint or largest)[0]
    worth, days = best.result.new_deals, told.pipeline.windows.current or (0, 0)
    return told.words.say(
        "deck.repair",
        what=charts.say_repair(told, at),
        n=worth.value,
        low=worth.low,
        high=worth.high,
        days=told.words.days(days[1] - days[0]),
    )


def list_savable(told: Told) -> list[WorkItem]:
    """Return the late deals that can still be saved."""
    return [item for item in told.diagnosis.worklist if item.block == CALL]


def calls(told: Told) -> Slide | None:
    """Show which late deals to call first."""
    if not told.diagnosis.worklist:
        return None
    view, say = views.worklist(told.diagnosis), told.words.say
    found = tables_of(view)[0]
    grid = found.only([say(f"table.{key}") for key in CALL_COLUMNS], SHOWN_CALLS)
    n = len(list_savable(told))
    foot = say("deck.of_call", n=n, shown=len(grid.rows)) if n else found.caption
    notes = (
        *lines_of(view),
        told.note("how", say("causes.term_late")),
        told.call("worklist"),
    )
    table = Tabled(grid, (1.2, 2.3, 1.4, 1.4, 1, 1.2, 1, 1.1))
    return told.slide(
        call_title(told), "question.worklist", (Box(0, 0.02), table), foot=foot, notes=notes
    )


def call_title(told: Told) -> str:
    """Say how many late deals can still be saved, and what they are worth."""
    n = len(list_savable(told))
    if not n:
        return told.words.say("deck.call_none")
    value = saved_in_all(told.diagnosis.worklist)
    return told.words.say("deck.call", n=n, value=value)
