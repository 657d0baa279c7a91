"""The clock of working time: seconds while the seller is open, and the dates they stand for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from leakkit.sample.columns import Ints
    from leakkit.sample.plan import Plan

WORKDAY_SECONDS: Final = 10 * 3600
_OPENING_SECOND: Final = 8 * 3600
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal() - 1


def count_work_seconds(day: str, plan: Plan, *, days_later: int = 0) -> int:
    """Working seconds from 0001-01-01 (a Monday) to the opening of that day."""
    moment = date.fromisoformat(day) + timedelta(days=days_later)
    weeks, weekday = divmod(moment.toordinal() - 1, 7)
    per_week = plan.work_days_per_week
    return (weeks * per_week + min(weekday, per_week)) * WORKDAY_SECONDS


def convert_to_moments(work_seconds: Ints, plan: Plan) -> npt.NDArray[np.datetime64]:
    """Local date and time of working seconds: the only place where weekends come in."""
    workday, second = np.divmod(work_seconds, WORKDAY_SECONDS)
    weeks, weekday = np.divmod(workday, plan.work_days_per_week)
    days = weeks * 7 + weekday - _EPOCH_DAY
    seconds = (days * 86_400 + _OPENING_SECOND + second).astype("datetime64[s]")
    return seconds.astype("datetime64[us]")  # the unit in which pandas reads the files back


def find_span(plan: Plan) -> tuple[int, int]:
    """Working seconds from the first creation to the end of the last day with one."""
    until = count_work_seconds(find_created_until(plan), plan, days_later=1)
    return count_work_seconds(plan.start, plan), until


def find_created_until(plan: Plan) -> str:
    """Last day on which deals are created; `as_of` where the plan names none."""
    return plan.as_of if plan.created_until is None else plan.created_until
