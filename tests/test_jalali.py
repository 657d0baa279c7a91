"""The calendar of Iran: against the equinox itself, known days, and its SQL."""

from __future__ import annotations

import datetime as dt
import math

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakkit.sources.cells.date_forms import (
    FIRST_YEAR,
    LAST_YEAR,
    day_number,
    day_number_sql,
    is_leap,
)

EPOCH = dt.date(1970, 1, 1)
TERMS = (
    # A, B, C of the periodic terms of an equinox: Meeus, Astronomical Algorithms, table 27.C
    (485, 324.96, 1934.136), (203, 337.23, 32964.467), (199, 342.08, 20.186),
    (182, 27.85, 445267.112), (156, 73.14, 45036.886), (136, 171.52, 22518.443),
    (77, 222.54, 65928.934), (74, 296.72, 3034.906), (70, 243.58, 9037.513),
    (58, 119.81, 33718.147), (52, 297.17, 150.678), (50, 21.02, 2281.226),
    (45, 247.54, 29929.562), (44, 325.15, 31555.956), (29, 60.93, 4443.417),
    (18, 155.12, 67555.328), (17, 288.79, 4562.452), (16, 198.04, 62894.029),
    (14, 199.76, 31436.921), (12, 95.39, 14577.848), (12, 287.11, 31931.756),
    (12, 320.81, 34777.259), (9, 227.73, 1222.114), (8, 15.45, 16859.074),
)  # fmt: skip


def march_equinox(year: int) -> float:
    """Return the March equinox as days since 1970 in universal time; right within a minute."""
    y = (year - 2000) / 1000
    mean = 2451623.80984 + 365242.37404 * y + 0.05169 * y**2 - 0.00411 * y**3 - 0.00057 * y**4
    t = (mean - 2451545.0) / 36525
    w = math.radians(35999.373 * t - 2.47)
    wobble = 1 + 0.0334 * math.cos(w) + 0.0007 * math.cos(2 * w)
    periodic = sum(a * math.cos(math.radians(b + c * t)) for a, b, c in TERMS)
    slower = 64.7 + 0.42 * max(year - 2000, 0) if year > 1955 else 30.0  # seconds of delta T
    return mean + 0.00001 * periodic / wobble - slower / 86_400 - 2440587.5


def new_year(year: int) -> int:
    """Return the first day of a year: that of the equinox if it is before noon in Tehran.

    Noon of the meridian 52.5 degrees east is 8:30 universal time.
    """
    local = march_equinox(year + 621) + 3.5 / 24
    return math.floor(local) + (local % 1 >= 0.5)


@pytest.mark.parametrize("year", range(1304, 1500))
def test_the_year_begins_with_the_equinox(year: int) -> None:
    """The law is of 1304 (1925); what the rule says is what the sun says, for two centuries."""
    assert day_number(year, 1, 1) == new_year(year)


@pytest.mark.parametrize(
    ("jalali", "expected"),
    [
        ((1357, 11, 22), "1979-02-11"),
        ((1378, 10, 11), "2000-01-01"),
        ((1399, 12, 30), "2021-03-20"),
        ((1403, 5, 12), "2024-08-02"),
        ((1403, 12, 30), "2025-03-20"),
        ((1404, 1, 1), "2025-03-21"),
    ],
)
def test_known_days(jalali: tuple[int, int, int], expected: str) -> None:
    number = day_number(*jalali)
    assert number is not None
    assert (EPOCH + dt.timedelta(days=number)).isoformat() == expected


def test_days_follow_each_other() -> None:
    days = [
        number
        for year in range(1300, 1450)
        for month in range(1, 13)
        for day in range(1, 32)
        if (number := day_number(year, month, day)) is not None
    ]
    assert days == list(range(days[0], days[0] + len(days)))
    assert sum(map(is_leap, range(1300, 1450))) * 366 + sum(
        not is_leap(year) for year in range(1300, 1450)
    ) * 365 == len(days)


@given(st.integers(FIRST_YEAR - 2, LAST_YEAR + 2), st.integers(-1, 14), st.integers(-1, 33))
def test_sql_and_python_agree(year: int, month: int, day: int) -> None:
    sql = day_number_sql("y", "m", "d")
    given_day = f"SELECT {year} AS y, {month} AS m, {day} AS d"
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {sql} FROM ({given_day})").fetchall()
    assert found[0][0] == day_number(year, month, day)
