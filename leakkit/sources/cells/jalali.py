"""The calendar of Iran (Solar Hijri, Jalali), in whole numbers.

Years of 12 months: six of 31 days, five of 30, and Esfand of 29 or 30. The first day is
that of the March equinox in Tehran. Within the years 1210 to 1633 the equinox keeps to a
cycle of 33 years with 8 leap years, so the calendar is arithmetic there: a year is leap
iff (25 y + 11) mod 33 < 8 (Borkowski 1996, "The Persian calendar for 3000 years").
The often quoted cycle of 2820 years is wrong in 1404 (2025).
"""

from __future__ import annotations

FIRST_YEAR, LAST_YEAR = 1210, 1633
"""The years between which the rule holds."""
MONTHS = (
    *("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور"),
    *("مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"),
)
_NEW_YEAR_1403 = 19_802
"""1403/01/01 was 2024-03-20: that many days after 1970-01-01."""


def is_leap(year: int) -> bool:
    """Say whether Esfand has 30 days.

    >>> [year for year in range(1395, 1410) if is_leap(year)]
    [1395, 1399, 1403, 1408]
    """
    return (25 * year + 11) % 33 < 8  # noqa: PLR2004 - the rule


def day_number(year: int, month: int, day: int) -> int | None:
    """Return the days since 1970-01-01 of a date; None where there is no such day.

    >>> day_number(1348, 10, 11), day_number(1403, 12, 30), day_number(1404, 12, 30)
    (0, 20167, None)
    """
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12):  # noqa: PLR2004 - months
        return None
    length = 31 if month <= 6 else 30 if month <= 11 or is_leap(year) else 29  # noqa: PLR2004 - months
    if not 1 <= day <= length:
        return None
    months = 31 * (month - 1) - max(month - 7, 0)
    return _NEW_YEAR_1403 + _days_before(year) - _days_before(1403) + months + day - 1


def _days_before(year: int) -> int:
    """Return the days of all years before `year`, from a year that does not matter."""
    return 365 * year + (8 * year + 21) // 33


def day_number_sql(year: str, month: str, day: str) -> str:
    """Return SQL for `day_number` of three whole numbers; NULL where there is no such day."""
    leap = f"(25 * {year} + 11) % 33 < 8"
    length = f"CASE WHEN {month} <= 6 THEN 31 WHEN {month} <= 11 OR {leap} THEN 30 ELSE 29 END"
    start = _NEW_YEAR_1403 - _days_before(1403)
    return (
        f"CASE WHEN {year} BETWEEN {FIRST_YEAR} AND {LAST_YEAR} AND {month} BETWEEN 1 AND 12 "
        f"AND {day} BETWEEN 1 AND {length} "
        f"THEN {start} + 365 * {year} + (8 * {year} + 21) // 33 "
        f"+ 31 * ({month} - 1) - GREATEST({month} - 7, 0) + {day} - 1 END"
    )
