"""Moments: from UTC seconds to local days and back, as SQL made of whole numbers only.

The offsets of a zone change a few times a year. Within the years of the data they
make a short CASE, so no date function and no zone database is needed in a query.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
