"""Moments: from UTC seconds to local days as SQL of whole numbers, and the last that are recorded.

The offsets of a zone change a few times a year. Within the years of the data they
make a short CASE, so no date function and no zone database is needed in a query.
What is planned is never what a source records.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from leakkit.config import fold_name
from leakkit.store.name_codes import stage_names, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leakkit.config import Config
    from leakkit.store.database import Store

DAY = 86_400
HOUR = 3_600
SENTINEL = int(dt.datetime(2049, 1, 1, tzinfo=dt.UTC).timestamp())
"""Moments from here on mean "never" (CRMs write 2050-01-01 or 9999-12-31)."""
EARLIEST = int(dt.datetime(1900, 1, 1, tzinfo=dt.UTC).timestamp())
_SHIFT = 4_000_000


@dataclass(frozen=True)
class Zone:
    """The offsets of a time zone: `offsets[i]` seconds hold before `until[i]`, the last after."""

    until: tuple[int, ...]
    offsets: tuple[int, ...]

    def offset_sql(self, moment: str, *, local: bool = False) -> str:
        """Return SQL for the offset at a moment, given in UTC seconds or as local clock seconds.

        A local time that the clock shows twice is the first of the two; one that it
        skips is read with the offset from before (both as Python's fold=0 does).
        """
        if not self.until:
            return str(self.offsets[0])
        ends = self._local_ends() if local else self.until
        cases = " ".join(
            f"WHEN {moment} < {end} THEN {offset}"
            for end, offset in zip(ends, self.offsets, strict=False)
        )
        return f"(CASE {cases} ELSE {self.offsets[-1]} END)"

    def _local_ends(self) -> tuple[int, ...]:
        """Return where each offset ends on the local clock."""
        pairs = zip(self.until, self.offsets, self.offsets[1:], strict=False)
        return tuple(end + max(before, after) for end, before, after in pairs)

    def day_sql(self, moment: str) -> str:
        """Return SQL for the local day number of UTC seconds."""
        return self._floor_sql(moment, DAY)

    def hour_sql(self, moment: str) -> str:
        """Return SQL for the local hour number of UTC seconds."""
        return self._floor_sql(moment, HOUR)

    def _floor_sql(self, moment: str, size: int) -> str:
        """Return SQL for whole units since 1970, rounded down before 1970 too."""
        local = f"{moment} + {self.offset_sql(moment)}"
        return f"CAST(({local} + {size * _SHIFT}) // {size} - {_SHIFT} AS INTEGER)"

    def day(self, moment: int) -> int:
        """Return the local day number of one moment."""
        return (moment + self.offset(moment)) // DAY

    def end_of_day(self, day: int) -> int:
        """Return the last second whose local day is `day`."""
        ends = ((day + 1) * DAY - 1 - offset for offset in self.offsets)
        return max(end for end in ends if self.day(end) == day)

    def units(self, moments: NDArray[np.int64], size: int) -> NDArray[np.int32]:
        """Return the numbers of local days or hours of many moments, as `day_sql` does.

        >>> import numpy as np
        >>> Zone((86_400,), (0, 3_600)).units(np.array([-1, 86_399, 86_400]), DAY)
        array([-1,  0,  1], dtype=int32)
        """
        import numpy as np  # noqa: PLC0415 - a refusal needs none

        offsets = np.array(self.offsets)[np.searchsorted(self.until, moments, side="right")]
        found: NDArray[np.int32] = ((moments + offsets) // size).astype(np.int32)
        return found

    def offset(self, moment: int) -> int:
        """Return the offset at one moment, in seconds."""
        for end, offset in zip(self.until, self.offsets, strict=False):
            if moment < end:
                return offset
        return self.offsets[-1]


def zone(name: str, first: int, last: int) -> Zone:
    """Find the offsets of the zone `name` between two moments.

    >>> zone("Europe/Berlin", 1_700_000_000, 1_720_000_000)
    Zone(until=(1711846800,), offsets=(3600, 7200))
    """
    info = ZoneInfo(name)
    until: list[int] = []
    offsets = [_offset(info, first)]
    moment = first
    while moment < last:
        later = min(moment + 7 * DAY, last)
        if _offset(info, later) != offsets[-1]:
            until.append(_change(info, moment, later))
            offsets.append(_offset(info, later))
        moment = later
    return Zone(tuple(until), tuple(offsets))


def _offset(info: ZoneInfo, moment: int) -> int:
    """Return the offset of a zone at a moment, in seconds."""
    offset = dt.datetime.fromtimestamp(moment, info).utcoffset() or dt.timedelta()
    return int(offset.total_seconds())


def _change(info: ZoneInfo, before: int, after: int) -> int:
    """Return the first second of the later offset, by halving."""
    start = _offset(info, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(info, middle) == start:
            before = middle
        else:
            after = middle
    return after


def parse_as_of(text: str, zone_name: str) -> tuple[int, int]:
    """Return (last used moment in UTC seconds, last used local day) of an `as_of`.

    A date means its end: it is the last used day. A time does not complete its day:
    the last used day is the day before.

    >>> parse_as_of("1970-01-02", "UTC"), parse_as_of("1970-01-02T12:00", "UTC")
    ((172799, 1), (129600, 0))
    """
    info = ZoneInfo(zone_name)
    moment = dt.datetime.fromisoformat(text)
    local = moment.replace(tzinfo=info) if moment.tzinfo is None else moment.astimezone(info)
    day = (local.date() - dt.date(1970, 1, 1)).days
    if len(text) <= len("2026-06-30"):
        following = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), info)
        return int(following.timestamp()) - 1, day
    return int(local.timestamp()), day - 1


def as_of_text(moment: int, last_day: int, zone_name: str) -> str:
    """Return the `as_of` that means a last used moment and day: a date where one does.

    >>> as_of_text(172799, 1, "UTC"), as_of_text(129600, 0, "UTC")
    ('1970-01-02', '1970-01-02T12:00:00+00:00')
    """
    local = dt.datetime.fromtimestamp(moment, ZoneInfo(zone_name))
    date = local.date().isoformat()
    return date if parse_as_of(date, zone_name) == (moment, last_day) else local.isoformat()


# ---------------------------------------------------------------- what a source records

QUARTER = 92 * DAY
"""A close so long after all else, with nothing between, is a plan that nobody changed."""

ENTRIES = """
SELECT entered_at AS moment, line, 'entered_at' AS name FROM given_history
WHERE entered_at IS NOT NULL
"""
CREATIONS = """
SELECT created_at, created_line, 'created_at' FROM given_opportunities WHERE created_at IS NOT NULL
"""
STANDS = """
SELECT moment, line, 'stage_since' FROM stands_since
"""
CLOSES = """
SELECT closed_at AS moment, closed_line AS line, 'closed_at' AS name FROM given_opportunities
WHERE closed_at IS NOT NULL AND outcome IN (SELECT unnest($closed))
"""
OF_CLOSED = """
SELECT count(*), count(*) FILTER (opportunity_id IN (
    SELECT opportunity_id FROM given_history WHERE stage IN (SELECT unnest($closes))))
FROM given_opportunities WHERE outcome IN (SELECT unnest($closed))
"""


@dataclass(frozen=True)
class Recorded:
    """The last recorded moment, and the row and column where it stands."""

    moment: int
    line: int | None
    column: str


def last_recorded(
    store: Store, config: Config, closed: list[str], *, standing: bool = False
) -> Recorded | None:
    """Return what was recorded last; None where a source has no date at all.

    Entries and creations count. A closing date of a deal that is closed counts up to their
    last day where the history has the closes itself: it may be a plan that was never
    changed. Where nothing else records the closes it counts, unless it lies in the future
    of all else. `closed` are the outcomes that close a deal. With `standing` it counts since
    when the deals of a list stand in their stages.
    """
    further = f"UNION ALL {STANDS}" if standing else ""
    rows = store.rows(
        f"SELECT * FROM ({ENTRIES} UNION ALL {CREATIONS} {further}) "  # noqa: S608 - of this module
        "ORDER BY moment DESC, name DESC, line LIMIT 1"
    )
    base = Recorded(int(rows[0][0]), rows[0][1], str(rows[0][2])) if rows else None
    closes = store.rows(
        f"SELECT moment, min(line), any_value(name) FROM ({CLOSES}) "  # noqa: S608 - of this module
        "WHERE moment > $base GROUP BY moment ORDER BY moment",
        {"closed": closed, "base": base.moment if base else -(2**62)},
    )
    gap = 0 if base and _closes_in_history(store, config, closed) else QUARTER
    last = base
    for moment, line, name in closes:
        if last and moment - last.moment > gap and moment // DAY > last.moment // DAY:
            break
        last = Recorded(int(moment), line, str(name))
    return last


def _closes_in_history(store: Store, config: Config, closed: list[str]) -> bool:
    """Say whether the history records the closes of most deals that are closed."""
    words = {w for p in config.pipelines for w, code in stage_names(p).items() if code < 0}
    said = [text for text in texts(store, "stage", "given_history") if fold_name(text) in words]
    deals, matching = store.rows(OF_CLOSED, {"closes": said, "closed": closed})[0]
    return bool(deals and matching * 2 > deals)


def forget_plans(store: Store, cut: int, closed: list[str]) -> int:
    """Empty the closing dates of closed deals that are after the last recorded moment.

    They were plans; that the deal is closed stands. Returns how many there are.
    """
    plan = f"closed_at > {cut} AND outcome IN (SELECT unnest($closed))"
    plans = int(
        store.value(
            f"SELECT count(*) FROM given_opportunities WHERE {plan}",  # noqa: S608 - numbers
            {"closed": closed},
        )
    )
    if plans:
        store.run(
            f"""
            CREATE TEMP TABLE without_plans AS
            SELECT * REPLACE (CASE WHEN {plan} THEN NULL ELSE closed_at END AS closed_at)
            FROM given_opportunities
            """,  # noqa: S608 - numbers
            {"closed": closed},
        )
        store.run("DROP VIEW given_opportunities")
        store.run("ALTER TABLE without_plans RENAME TO given_opportunities")
    return plans


# ---------------- since when open deals stand

KEEP = """
INSERT INTO standing
SELECT o.opportunity, {day} AS since_day
FROM (SELECT opportunity_id, min(moment) AS moment FROM stands_since
      GROUP BY opportunity_id HAVING count(DISTINCT moment) = 1) s
JOIN opportunities o ON o.opportunity_id = s.opportunity_id
WHERE o.outcome = 'open' AND s.moment <= $cut
ORDER BY o.opportunity
"""
FORGET_BEGINNINGS = """
UPDATE opportunities SET created_at = NULL, created_day = NULL
WHERE outcome = 'open' AND opportunity_id NOT IN (
    SELECT opportunity_id FROM given_opportunities
    WHERE created_at IS NOT NULL AND opportunity_id IS NOT NULL)
"""
"""An open deal of a list was first seen on its last day; that is no creation."""


def keep_standing(store: Store, zone: Zone, cut: int) -> None:
    """Keep since when the open deals stand; forget creations that no row tells."""
    store.run(KEEP.format(day=zone.day_sql("s.moment")), {"cut": cut})
    store.run(FORGET_BEGINNINGS)
