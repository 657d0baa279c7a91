"""The hour that a clock shows twice, in the night in which clocks go back."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING

from leakkit.store.moments import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.sources.headings.reading import Reading
    from leakkit.store.moments import Zone

FACT = "second_hours"
SUNDAYS = ((10, -1), (11, 0), (4, 0))
"""Where no zone is configured: the last Sunday of October, the first of November and April."""
UNTIL = 4 * HOUR
"""Clocks go back before four."""
EPOCH = dt.date(1970, 1, 1)


def part_hours(
    reading: Reading, hours: Zone, span: tuple[int | None, int | None], *, newest_first: bool | None
) -> bool:
    """Take rows of the second of two like hours for an hour later.

    In a file that runs in the order of time, a row of a deal that stands behind another and
    is earlier, within one hour of a night in which clocks go back, is of the second hour.
    Moments with an offset are never in doubt. `span` are the first and the last clock of the
    rows. Returns whether there are such rows.
    """
    nights = " OR ".join(
        f"entered_clock BETWEEN {first} AND {last - 1}"
        for first, last in _nights(reading, hours, span)
    )
    if not nights or newest_first is None:
        return False
    turn = "DESC" if newest_first else "ASC"
    reading.store.run(
        f"""
        CREATE TEMP TABLE second_hours AS
        SELECT line FROM (
            SELECT line, bool_or(back) OVER (w ROWS UNBOUNDED PRECEDING) AS later
            FROM (SELECT *, entered_clock < max(entered_clock) OVER (
                                w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS back
                  FROM (SELECT line, opportunity_id, entered_clock FROM read_history
                        WHERE entered_offset IS NULL AND ({nights}))
                  WINDOW w AS (PARTITION BY opportunity_id, entered_clock // {HOUR}
                               ORDER BY line {turn}))
            WINDOW w AS (PARTITION BY opportunity_id, entered_clock // {HOUR} ORDER BY line {turn}))
        WHERE later
        """  # noqa: S608 - numbers
    )
    found = int(reading.store.value("SELECT count(*) FROM second_hours"))
    if not found:
        return False
    reading.count(FACT, found)
    reading.store.run(
        f"""
        ALTER VIEW given_history RENAME TO first_hours;
        CREATE TEMP VIEW given_history AS
        SELECT * REPLACE (entered_at + CASE WHEN line IN (SELECT line FROM second_hours)
                                            THEN {HOUR} ELSE 0 END AS entered_at)
        FROM first_hours
        """  # noqa: S608 - a number
    )
    return True


def _nights(
    reading: Reading, hours: Zone, span: tuple[int | None, int | None]
) -> Iterator[tuple[int, int]]:
    """Yield when clocks may go back, in seconds as a clock shows them."""
    if hours.until:
        for end, before, after in zip(hours.until, hours.offsets, hours.offsets[1:], strict=False):
            if after < before:
                yield end + after, end + before
        return
    first, last = span
    if reading.config.timezone != "UTC" or first is None or last is None:
        return
    for year in range(_year(first), _year(last) + 1):
        for month, which in SUNDAYS:
            weeks = calendar.Calendar().monthdatescalendar(year, month)
            sundays = [week[-1] for week in weeks if week[-1].month == month]
            start = (sundays[which] - EPOCH).days * DAY
            yield start, start + UNTIL


def _year(clock: int) -> int:
    """Return the year of seconds since 1970."""
    return (EPOCH + dt.timedelta(days=clock // DAY)).year
