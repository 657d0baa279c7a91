"""Small made-up analyses, with realistic numbers, for the tests of what people see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from nbformat import v4

from leakkit.analysis import DataNotes, PipelineNumbers
from leakkit.analysis.numbers import StageNumbers
from leakkit.findings.finding import CauseEvidence, LikelyCause
from leakkit.measures.balance import Month, Pipe, PipelineBalance, PipeStage, StageBalance
from leakkit.measures.horizons import Horizon, Windows
from leakkit.measures.route import Route
from leakkit.measures.stage_results import Exits, InTheEnd
from leakkit.measures.survival import Curve, RiskTable, Share, aalen_johansen, share_at, staying_at

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from leakkit.views.view import View

V4: Any = v4
"""nbformat ships no types for its functions."""
NAMES = ("Inquiry", "Needs analysis", "Technical visit", "Proforma", "Negotiation", "Contract")
LOST = (150, 95, 50, 205, 38, 12)
OVERDUE = (40, 25, 18, 45, 17, 8)
IN_TIME = (30, 20, 12, 20, 10, 5)
LAST_DAY = 20634
KINDS = ("next", "jumped", "won_here", "returned", "lost")
HOSTILE = (
    "<script>alert(1)</script>",
    "$x^2$",
    'a & b "q"',
    "پیش\u200cفاکتور",  # noqa: RUF001 - Persian has an alef
    "Supercalifragilisticexpialidocious and many more words that no column has room for",
    "two\nlines\x00 \u202eevil 新しい",
)
"""Names of stages that somebody may have typed into a CRM."""


def pipe(
    names: tuple[str, ...] = NAMES,
    lost: tuple[int, ...] = LOST,
    overdue: tuple[int, ...] = OVERDUE,
    in_time: tuple[int, ...] = IN_TIME,
    back: tuple[int, ...] | None = None,
    lost_from_later: tuple[int, ...] | None = None,
    won: int = 200,
) -> Pipe:
    """Return a pipe whose widths follow from what leaves it."""
    none = (0,) * len(names)
    back, later = back or none, lost_from_later or none
    leaving = [sum(terms) for terms in zip(lost, overdue, in_time, back, strict=True)]
    widths = [won + sum(leaving[place:]) for place in range(len(names))]
    stages = tuple(
        PipeStage(s, names[s], widths[s], lost[s], overdue[s], in_time[s], back[s], later[s], 0, 0)
        for s in range(len(names))
    )
    return Pipe(
        stages,
        entered=widths[0] if widths else won,
        won=won,
        mature=True,
        mature_days=120.0,
        created_before_day=LAST_DAY - 119,
        moved_aside=0,
        without_history_aside=0,
    )


def pipe_with_back() -> Pipe:
    """Return a pipe in which some deals flowed back before they were lost, or got stuck."""
    drawn = pipe(back=(0, 0, 14, 10, 12, 0), lost_from_later=(0, 20, 4, 0, 0, 0), won=176)
    stages = list(drawn.stages)
    stages[1] = replace(stages[1], overdue_from_later=7)
    stages[2] = replace(stages[2], in_time_from_later=5)
    return replace(drawn, stages=tuple(stages), moved_aside=14, without_history_aside=3)


def curve(entrants: int, lost: float, pace: float) -> Curve:
    """Return the curve of a stage that deals leave at `pace` days, without chance."""
    ages = np.arange(121, dtype=np.int64)
    gone = np.diff(np.round(entrants * (1 - np.exp(-ages / pace)) * 0.97), prepend=0.0)
    parts = {"lost": lost, "returned": 0.04, "won_here": 0.0, "jumped": 0.03}
    exits = {kind: np.round(gone * part).astype(np.int64) for kind, part in parts.items()}
    exits["next"] = gone.astype(np.int64) - np.sum(list(exits.values()), axis=0)
    left = np.sum(list(exits.values()), axis=0)
    at_risk = entrants - np.cumsum(left) + left
    return aalen_johansen(RiskTable(ages, at_risk, {k: exits[k] for k in KINDS}, entrants))


def stage(drawn: PipeStage, after: int) -> StageNumbers:
    """Return all that is known of one stage of a made-up pipe; the last has no horizon."""
    place, width, lost = drawn.stage, drawn.width, drawn.lost
    own = curve(max(width, 1), lost / max(width, 1), 4.0 + 3 * place)
    known = place < 5
    horizon = Horizon(45.0, "learnt") if known else Horizon(None, "", "few_to_learn")
    expected = Horizon(14.0, "declared") if place < 4 else Horizon(None, "", "few_to_learn")
    return StageNumbers.of(
        stage=place,
        name=drawn.name,
        kind="offer" if place == 3 else "",
        opportunities=width,
        first_visits=width,
        exits=Exits(after, 0, 0, 9, lost, 2, drawn.overdue + drawn.in_time),
        overdue=drawn.all_overdue,
        jumped_over=6,
        reopened_in=3,
        horizon=horizon,
        expected=expected,
        followed=float(width) if known else None,
        advance=share_at(own, ("next", "jumped", "won_here"), horizon.age),
        lost=share_at(own, ("lost",), horizon.age),
        returned=share_at(own, ("returned",), horizon.age),
        stalled=staying_at(own, horizon.age),
        went_overdue=staying_at(own, expected.age),
        won_from_here=Share(0.2 + 0.1 * place, 0.17 + 0.1 * place, 0.23 + 0.1 * place),
        won_horizon=Horizon(180.0, "learnt"),
        lost_any_visit=Share(0.3, 0.27, 0.33),
        lost_by_value=Share.missing("few_followed"),
        median=Horizon(6.0 + 2 * place, "learnt"),
        p90=Horizon(None, "", "not_reached"),
        in_the_end=InTheEnd(after // 2, lost, after // 3, drawn.overdue, 2),
        mean=(5.5 + place, 0.4) if known else None,
        wins_after_loss=1 if place == 2 else 0,
        clicked_through_share=0.0,
        left_after_curves=0,
        value_entered=width * 1_234_500,
        value_lost=lost * 1_410_000,
        value_overdue=drawn.all_overdue * 1_100_000,
        curve=own,
    )


def months(count: int = 18) -> tuple[Month, ...]:
    """Return months with a steady in and out, of which the first and the last are cut."""
    made, stock = [], 120
    for index in range(count):
        new, won, lost = 52 + 9 * (index % 4), 11 + index % 3, 34 + 7 * (index % 5)
        close = stock + new - won - lost
        counted = PipelineBalance(stock, new, 0, won, lost, 0, close)
        day = int((np.datetime64("2025-01", "M") + index).astype("datetime64[D]").astype(int))
        made.append(Month(day, counted, counted, complete=0 < index < count - 1))
        stock = close
    return tuple(made)


def stage_balance(drawn: PipeStage, after: int) -> StageBalance:
    """Return the balance of one stage of a made-up pipe."""
    new, before = (drawn.width, 0) if drawn.stage == 0 else (0, drawn.width)
    closing = drawn.width - after - drawn.lost
    return StageBalance(
        drawn.stage, 0, new, before, 0, 9, 3, after, 0, 0, 9, drawn.lost, 3, closing
    )


def analysis(drawn: Pipe | None = None, name: str = "Equipment sales") -> PipelineNumbers:
    """Return a pipeline of six stages of which Proforma loses 37 %."""
    drawn = drawn or pipe()
    widths = [one.width for one in drawn.stages[1:]] + [drawn.won]
    pairs = list(zip(drawn.stages, widths, strict=True))
    open_now, count = drawn.overdue + drawn.in_time, len(drawn.stages)
    balance = PipelineBalance(
        0, drawn.entered, 0, drawn.won, drawn.lost, 0, open_now, drawn.overdue, drawn.in_time
    )
    return PipelineNumbers.of(
        name=name,
        unit="day",
        unit_per_day=1,
        currency="EUR",
        windows=Windows(LAST_DAY - 700, LAST_DAY + 1, None, "", None, None),
        stages=tuple(stage(one, after) for one, after in pairs),
        balances=tuple(stage_balance(one, after) for one, after in pairs),
        balance=balance,
        balance_value=balance,
        months=months(),
        pipe=drawn,
        route=Route(
            ages=np.arange(3),
            occupancy=np.full((3, count + 2), 0.2),
            variance=np.full((3, count + 2), 0.001),
            lost_from=np.linspace(0.05, 0.2, count),
            came_back=0.02,
            days_in=np.linspace(4.0, 31.5, count),
            limit=365.0,
            entrants=drawn.entered,
            start=np.eye(count)[0],
        ),
        opportunities=drawn.entered,
        losing_order={"observed": tuple(range(count))},
        skip_policy="observed",
        notes=DataNotes({}, 0, 0, 0, 0, 0, 0),
        balances_value=(),
        pipe_value=None,
        costs=None,
        unfollowed=(),
        present=None,
        days=None,
    )


def likely_cause(family: str, strength: str = "strong") -> LikelyCause:
    """Return a cause in short, whose counts are made up."""
    evidence = CauseEvidence(
        why="",
        lost_long_after=None,
        window="current",
        losses=40,
        advanced=60,
        closed_in_bulk=0,
        stated=family,
        behaviour="",
        length_only=False,
        sub_reason="",
        stated_shares={family: 0.6},
        beyond_usual={"before": (0.2, 0.1, 0.3)},
        excess_shares={family: (0.4, 0.2, 0.5), "other": None},
    )
    return LikelyCause(family, strength, 0.6, 0.4, 0.5, 0.1, evidence)


def notebook(*views: View) -> NotebookNode:
    """Return a notebook that has run, with one cell for each view."""
    cells = []
    for view in views:
        data, metadata = view._repr_mimebundle_()
        shown = V4.new_output("execute_result", data=data, metadata=metadata, execution_count=1)
        cells.append(V4.new_code_cell(f"views.{view.name}(analysis)", outputs=[shown]))
    made: NotebookNode = V4.new_notebook(cells=cells)
    return made
