"""Local days and hours: the SQL of the engine against Python's own zones."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.clocks import Clocks
from leakkit.store.moments import DAY, HOUR, SENTINEL, Zone, parse_as_of, zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # its clocks go forward by half an hour
    "Africa/Monrovia",  # 44 minutes and 30 seconds until 1972
    "Pacific/Apia",  # skipped a whole day in 2011
    "UTC",
)
EPOCH = dt.date(1970, 1, 1)


def seconds(text: str) -> int:
    """Return a UTC time as seconds."""
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp())


FIRST, LAST = seconds("1955-01-01 00:00:00"), seconds("2040-01-01 00:00:00")


def local(moment: int, name: str) -> dt.datetime:
    """Return what the clock shows, by Python (also before 1970 on every system)."""
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (start + dt.timedelta(seconds=moment)).astimezone(ZoneInfo(name))


def day_of(clock: dt.datetime) -> int:
    """Return the number of a local date."""
    return (clock.date() - EPOCH).days


def compute(sql: Callable[[str], str], moments: Iterable[int]) -> list[int]:
    """Return what the SQL makes of each moment."""
    given_moments = list(moments)
    with duckdb.connect() as connection:
        rows = "SELECT unnest($moments) AS m, unnest($places) AS p"
        query = f"SELECT {sql('m')} FROM ({rows}) ORDER BY p"
        facts = {"moments": given_moments, "places": list(range(len(given_moments)))}
        return [int(row[0]) for row in connection.execute(query, facts).fetchall()]


def odd_moments(hours: Zone) -> Iterator[int]:
    """Yield random moments, and those around every change of the clock and every midnight by it."""
    rng = random.Random(20_260_630)  # noqa: S311 - moments, no secrets
    yield from (rng.randrange(FIRST, LAST) for _ in range(400))
    for change in hours.until:
        for around in (0, 1800, 3600, 7200, DAY):
            yield from (change + sign * around + near for sign in (-1, 1) for near in (-1, 0, 1))


@pytest.mark.parametrize("name", ZONES)
def test_days_and_hours_are_those_of_the_zone(name: str) -> None:
    hours = zone(name, FIRST - DAY, LAST + DAY)
    moments = sorted(set(odd_moments(hours)))
    assert min(moments) < 0
    clocks = [local(moment, name) for moment in moments]
    assert compute(hours.day_sql, moments) == [day_of(clock) for clock in clocks]
    assert compute(hours.hour_sql, moments) == [day_of(c) * 24 + c.hour for c in clocks]
    assert [hours.day(moment) for moment in moments] == [day_of(clock) for clock in clocks]


@pytest.mark.parametrize("name", ZONES)
def test_a_local_time_is_read_as_python_reads_it(name: str) -> None:
    """Shown twice: the first of the two. Skipped: the offset from before."""
    hours = zone(name, FIRST - DAY, LAST + DAY)
    clocks = [
        moment + offset
        for moment in odd_moments(hours)
        for offset in {hours.offset(moment), hours.offset(moment - 2 * DAY)}
    ]
    expected = []
    for clock in clocks:
        shown = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=clock)  # noqa: DTZ001 - a clock
        read = shown.replace(tzinfo=ZoneInfo(name)).astimezone(dt.UTC)
        expected.append(int(read.timestamp()))
    assert compute(lambda m: f"{m} - {hours.offset_sql(m, local=True)}", clocks) == expected


@pytest.mark.parametrize(
    ("name", "changes"), [("Europe/Berlin", 2), ("Asia/Tehran", 0), ("UTC", 0)]
)
def test_a_year_has_few_changes(name: str, changes: int) -> None:
    year = zone(name, seconds("2025-01-01 00:00:00"), seconds("2025-12-31 00:00:00"))
    assert len(year.until) == changes
    assert len(year.offsets) == changes + 1


@settings(max_examples=60)
@given(moment=st.integers(FIRST, LAST), name=st.sampled_from(ZONES))
def test_the_end_of_a_day_is_its_last_second(moment: int, name: str) -> None:
    hours = zone(name, moment - 3 * DAY, moment + 3 * DAY)
    end = hours.end_of_day(hours.day(moment))
    assert moment <= end < moment + DAY + HOUR
    assert hours.day(end) == hours.day(moment) < hours.day(end + 1)


# ---------------------------------------------------------------------------------------------
# The convention of days: a stay is the difference of two local dates
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered", "left", "days"),
    [
        ("2024-03-01 23:59:00", "2024-03-02 00:01:00", 1),  # two minutes
        ("2024-03-01 00:01:00", "2024-03-01 23:59:00", 0),  # nearly a day
        ("2024-03-01 00:01:00", "2024-03-02 23:59:00", 1),  # nearly two days
        ("2024-03-01 12:00:00", "2024-03-02 11:00:00", 1),  # 23 hours
        ("1969-12-31 23:59:00", "1970-01-01 00:01:00", 1),
        ("1969-12-30 00:00:00", "1969-12-31 23:59:59", 1),
    ],
)
def test_a_stay_counts_midnights_not_elapsed_seconds(entered: str, left: str, days: int) -> None:
    hours = Zone((), (0,))
    first, last = compute(hours.day_sql, [seconds(entered), seconds(left)])
    assert last - first == days


def test_a_stay_counts_the_midnights_of_its_zone() -> None:
    moments = [seconds("2024-03-01 22:30:00"), seconds("2024-03-01 23:30:00")]
    berlin = zone("Europe/Berlin", moments[0] - DAY, moments[1] + DAY)
    first, last = compute(berlin.day_sql, moments)
    assert last - first == 1


def test_the_days_of_a_change_are_one_day_long() -> None:
    """23 and 25 hours in Berlin: the stay from noon to noon is 1 day all the same."""
    for noon in ("2024-03-30 11:00:00", "2024-10-26 10:00:00"):
        start = seconds(noon)
        following = start + DAY + (-HOUR if noon[5:7] == "03" else HOUR)
        berlin = zone("Europe/Berlin", start - DAY, following + DAY)
        first, last = compute(berlin.day_sql, [start, following])
        assert last - first == 1


# ---------------------------------------------------------------------------------------------
# as_of
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "cut", "last_day"),
    [
        ("2026-06-30", "UTC", "2026-06-30 23:59:59", "2026-06-30"),
        ("2026-06-30", "Europe/Berlin", "2026-06-30 21:59:59", "2026-06-30"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29 21:59:59", "2026-03-29"),  # 23 hours
        ("2026-06-30T12:00", "Europe/Berlin", "2026-06-30 10:00:00", "2026-06-29"),
        ("2026-06-30 23:30:00+00:00", "Europe/Berlin", "2026-06-30 23:30:00", "2026-06-30"),
        ("2026-06-30T00:00:00", "UTC", "2026-06-30 00:00:00", "2026-06-29"),
    ],
)
def test_as_of_is_a_date_or_a_time(text: str, name: str, cut: str, last_day: str) -> None:
    expected = (seconds(cut), (dt.date.fromisoformat(last_day) - EPOCH).days)
    assert parse_as_of(text, name) == expected


def test_sentinels_start_in_2049() -> None:
    assert seconds("2049-01-01 00:00:00") == SENTINEL


def test_clocks_are_read_where_one_is_usual() -> None:
    first, last = 1_700_000_000, SENTINEL
    assert not Clocks(None, None, (None, None), timed=False, close_days=False).are_read
    assert not Clocks(None, None, (last, last), timed=False, close_days=False).are_read
    assert Clocks(first, last, (first, last), timed=True, close_days=False).are_read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3. März 2026", "15. Mai 2026 um 10:30"),
        ("3er mars 2026", "15 mai 2026 à 10:30"),
        ("3 mar. 2026", "15 de mayo de 2026 10:30 a. m."),
        ("3 de março de 2026", "15/mai/2026"),
        ("3 marzo 2026", "15 mag 2026"),
        ("3 mrt 2026", "15 mei 2026"),
        ("3 marca 2026", "15 maja 2026"),
        ("3 Mart 2026", "15 Mayıs 2026"),  # noqa: RUF001 - Turkish
        ("3 марта 2026 г.", "15 мая 2026 г."),  # noqa: RUF001 - Russian
        ("3 مارس 2026", "15 مايو 2026"),
    ],
)
def test_months_are_read_by_their_names_in_every_language(
    tmp_path: Path, one: str, other: str
) -> None:
    text = f"Deal ID,Stage,Status,Created\n1,Offer,Won,{one}\n2,Offer,Open,{other}\n"
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    with load(tmp_path / "deals.csv") as store:
        rows = store.rows("SELECT created_day FROM opportunities ORDER BY opportunity_id")
        days = [EPOCH + dt.timedelta(day) for (day,) in rows]
        assert days == [dt.date(2026, 3, 3), dt.date(2026, 5, 15)]


def test_months_in_a_language_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    text = "Deal ID,Stage,Status,Created\n1,A,Won,3 helmi 2026\n2,A,Open,15 touko 2026\n"
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    with pytest.raises(LeakkitError) as caught:
        load(tmp_path / "deals.csv")
    assert caught.value.code == "unknown_months"
    assert [fault.row for fault in caught.value.faults] == [1, 2]
