"""The last day of a source, the zone of its clocks, and the direction of its rows.

In the night in which clocks go back they show an hour twice.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit.errors import Ask, LeakkitError
from leakkit.sources.headings.column_guesses import lacking
from leakkit.store.moments import (
    DAY,
    EARLIEST,
    HOUR,
    SENTINEL,
    Recorded,
    Zone,
    forget_plans,
    last_recorded,
    parse_as_of,
    zone,
)
from leakkit.store.name_codes import closed_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leakkit.config import Config
    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store


PLANNED = "planned_closes"
"""The fact that counts the closing dates that were plans."""


@dataclass(frozen=True)
class Clocks:
    """What the clocks of all rows show, as they are written: no zone is known yet.

    `first` and `last` are those of both tables, `moves` those of the history; None where no
    row has one. `timed`: the history has times; dates, and dates all at midnight, are whole
    days. `close_days`: the closing dates have no time, each is then any time of its day.
    """

    first: int | None
    last: int | None
    moves: tuple[int | None, int | None]
    timed: bool
    close_days: bool

    @property
    def are_read(self) -> bool:
        """Say whether some moves are at moments that no zone takes beyond what is read."""
        return any(
            clock is not None and EARLIEST + 2 * DAY <= clock < SENTINEL - 2 * DAY
            for clock in self.moves
        )


def read_clocks(store: Store) -> Clocks:
    """Look once at all clocks. Where a zone skips a midnight, no moment has its time."""

    def spans(clock: str) -> str:
        usual = f"FILTER ({clock} BETWEEN {EARLIEST} AND {SENTINEL})"
        return f"min({clock}) {usual}, max({clock}) {usual}"

    usual = f"entered_clock BETWEEN {EARLIEST} AND {SENTINEL}"
    begun, gone, timed, *others, days = store.rows(
        f"""
        SELECT * FROM
            (SELECT {spans("entered_clock")}, bool_or(entered_clock % {DAY} <> 0) FILTER ({usual})
             FROM read_history),
            (SELECT {spans("created_clock")}, {spans("closed_clock")},
                    bool_and(closed_clock % {DAY} = 0) FROM read_opportunities)
        """  # noqa: S608 - numbers
    )[0]
    known = [clock for clock in (begun, gone, *others) if clock is not None]
    return Clocks(
        first=min(known, default=None),
        last=max(known, default=None),
        moves=(begun, gone),
        timed=bool(timed),
        close_days=bool(days),
    )


def find_zone(clocks: Clocks, config: Config) -> Zone:
    """Find the offsets of the configured zone over the days that the data span."""
    if config.timezone == "UTC":
        return Zone((), (0,))
    first, last = clocks.first or 0, clocks.last or 0
    if config.as_of and clocks.first is not None:
        last = max(last, parse_as_of(config.as_of, config.timezone)[0])
    return zone(config.timezone, first - 2 * DAY, last + 2 * DAY)


def find_last_day(
    reading: Reading, found: Found, config: Config, hours: Zone, *, timed: bool
) -> tuple[int, int]:
    """Return the last used moment and the last used local day, and say which row set them."""
    if config.as_of:
        return parse_as_of(config.as_of, config.timezone)
    store = reading.store
    closed = closed_outcomes(store, config)
    last = last_recorded(store, config, closed, standing=found.standing is not None)
    if last is None:
        message = (
            "No date in the source says when its deals stood so. Say it: as_of = '2026-06-30'. "
            "Or, if its rows are a history, which column has the dates of the moves: "
            "entered_at = '...' in [source]."
        )
        moved = lacking(store, found.opportunities or found.history, ("entered_at",)).asks
        asks = (
            Ask("", "as_of", (), "the day of which the source is, such as 2026-06-30"),
            *(replace(ask, needed=False) for ask in moved),
        )
        raise LeakkitError("no_as_of", message, asks=asks)
    day = hours.day(last.moment)
    cut, last_day = (last.moment, day - 1) if timed else (hours.end_of_day(day), day)
    store.set_meta("as_of_row", _place_of(store, found, last))
    reading.count(PLANNED, forget_plans(store, cut, closed))
    return cut, last_day


def _place_of(store: Store, found: Found, last: Recorded) -> str:
    """Say where the last recorded moment stands: file, row and heading."""
    table = found.history if last.column == "entered_at" else found.opportunities or found.history
    if last.column == "stage_since" and found.standing:
        table = found.standing
    if table is found.history and found.origins:
        made = f"SELECT file, line, heading FROM {found.origins} WHERE made = $line"  # noqa: S608 - quoted
        file, row, heading = store.rows(made, {"line": last.line})[0]
        named = heading if last.column == "entered_at" else table.heading(last.column)
        return f"{file} row {row} [{named}]"
    row = "" if last.line is None else f" row {last.line}"
    return f"{table.file}{row} [{table.heading(last.column) or last.column}]"


def find_direction(store: Store, history: Table) -> bool | None:
    """Say whether the history runs from new to old; None where it shows no direction."""
    if not history.ordered:
        return None
    later, earlier = store.rows(
        """
        SELECT count(*) FILTER (entered_at > before_at), count(*) FILTER (entered_at < before_at)
        FROM (SELECT entered_at, lag(entered_at) OVER (PARTITION BY opportunity_id ORDER BY line)
                     AS before_at
              FROM (SELECT * FROM given_history LIMIT 200000)
              WHERE line <= 200000 AND entered_at IS NOT NULL AND opportunity_id <> '')
        """,
    )[0]
    if later + earlier == 0:
        return None
    share = later / (later + earlier)
    return False if share >= 0.9 else True if share <= 0.1 else None  # noqa: PLR2004 - the rule of the contract


# ---------------- the hour that a clock shows twice

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
    there = f"SELECT line FROM read_history WHERE entered_offset IS NULL AND ({nights}) LIMIT 1"  # noqa: S608 - numbers
    if not reading.store.rows(there):
        return False
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
