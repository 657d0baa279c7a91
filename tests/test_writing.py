"""Dates and amounts, written in many ways and read back: what was written is what is read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leakkit.config import Config, fold_name
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.cells.date_forms import day_number

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - clocks without a zone
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
STAGES = '[[pipelines]]\nname = "S"\nstages = [{ name = "A" }]'
moments = st.datetimes(dt.datetime(1971, 1, 2), dt.datetime(2048, 12, 30)).map(  # noqa: DTZ001 - as above
    lambda moment: moment.replace(microsecond=0)
)
few = settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])


def read_moments(texts: list[str], more: str = "") -> list[int]:
    """Return the moments that a column of texts holds, in seconds."""
    config = Config.from_text(f'as_of = "2048-12-31"\n{more}\n{STAGES}')
    ids = [f"{i:04}" for i in range(len(texts))]
    rows = pd.DataFrame({"opportunity_id": ids, "stage": "A", "entered_at": texts})
    with load({"stage_history": rows}, config) as store:
        found = store.rows("SELECT entered_at FROM passages ORDER BY opportunity")
    return [int(row[0]) for row in found]


def jalali(moment: dt.datetime) -> str:
    """Write a moment in the calendar of Iran, by trying the days of its year."""
    wanted = (moment.date() - EPOCH.date()).days
    year = moment.year - 621
    while (first := day_number(year, 1, 1)) is None or first > wanted:
        year -= 1
    rest = wanted - first
    month = rest // 31 + 1 if rest < 186 else (rest - 186) // 30 + 7
    day = rest % 31 + 1 if rest < 186 else (rest - 186) % 30 + 1
    return f"{year}/{month:02}/{day:02} {moment:%H:%M:%S}"


STYLES: dict[str, Callable[[dt.datetime], str]] = {
    "day_first": lambda m: f"{m.day}.{m.month}.{m.year} {m:%H:%M:%S}",
    "month_first": lambda m: f"{m:%m/%d/%Y %I:%M:%S %p}",
    "named": lambda m: f"{m:%b %d, %Y %H:%M:%S}",
    "slashes": lambda m: f"{m.year}/{m.month}/{m.day} {m.hour}:{m:%M:%S}",
    "seconds": lambda m: str(int((m - EPOCH).total_seconds()) + 10**9 * 0),
    "jalali": jalali,
    "persian digits": lambda m: jalali(m).translate(PERSIAN),
}


@pytest.mark.parametrize("style", STYLES)
@few
@given(given=st.lists(moments, min_size=1, max_size=8))
def test_dates_are_read_as_they_were_written(style: str, given: list[dt.datetime]) -> None:
    # a day that decides, and 1975, where seconds since 1970 have nine digits
    kept = [m for m in given if m.year >= 1975] + [dt.datetime(2024, 1, 25, 3, 4, 5)]  # noqa: DTZ001 - as above
    expected = [int((moment - EPOCH).total_seconds()) for moment in kept]
    assert read_moments([STYLES[style](moment) for moment in kept]) == expected


@few
@given(st.lists(st.dates(dt.date(1975, 1, 1), dt.date(2048, 1, 1)), min_size=2, max_size=9))
def test_an_order_is_decided_or_refused_and_never_guessed(days: list[dt.date]) -> None:
    """Written day-first: read right where a day is over 12, refused where two readings differ."""
    texts = [f"{day:%d/%m/%Y}" for day in days]
    expected = [(day - EPOCH.date()).days * 86_400 for day in days]
    if any(day.day > 12 for day in days):
        assert read_moments(texts) == expected
    else:
        with pytest.raises(LeakkitError) as caught:
            read_moments(texts)
        assert caught.value.code == "ambiguous_dates"
    assert read_moments(texts, '[source]\ndate_order = "dmy"') == expected


def values(texts: list[str], more: str = "") -> list[int | None]:
    """Return the values that a column of texts holds, in minor units."""
    config = Config.from_text(f'as_of = "2048-12-31"\n{more}\n{STAGES}')
    ids = [f"{i:04}" for i in range(len(texts))]
    rows = pd.DataFrame(
        {"opportunity_id": ids, "stage": "A", "entered_at": "2024-01-01", "value": texts}
    )
    with load({"stage_history": rows}, config) as store:
        return [
            row[0] for row in store.rows("SELECT value FROM opportunities ORDER BY opportunity")
        ]


def swap_signs(text: str, thousands: str, point: str) -> str:
    """Write 1,234.56 with other signs."""
    return text.replace(",", "\0").replace(".", point).replace("\0", thousands)


SIGNS = {
    "point": (",", "."),
    "comma": (".", ","),
    "space": (" ", ","),
    "narrow space": ("\u202f", ","),
    "apostrophe": ("'", "."),
    "persian": ("\u066c", "\u066b"),
}


@pytest.mark.parametrize("signs", SIGNS)
@few
@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=6))
def test_amounts_are_read_as_they_were_written(signs: str, minor: list[int]) -> None:
    texts = [swap_signs(f"{amount // 100:,}.{amount % 100:02}", *SIGNS[signs]) for amount in minor]
    if signs == "persian":
        texts = [text.translate(PERSIAN) for text in texts]
    assert values(texts) == minor
    assert values([f"{text} €" for text in texts], 'currency = "EUR"') == minor


@few
@given(st.lists(st.integers(1, 999_999), min_size=1, max_size=6))
def test_thousands_or_decimals_are_never_guessed(whole: list[int]) -> None:
    texts = [f"{amount:,}" for amount in whole]
    expected = [amount * 100 for amount in whole]
    if all(amount < 1000 for amount in whole):
        assert values(texts) == expected
    else:
        with pytest.raises(LeakkitError) as caught:
            values(texts)
        assert caught.value.code == "ambiguous_numbers"
    assert values(texts, '[source]\ndecimal = "."') == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("پیش‌فاكتور", "پیشفاکتور"),
        ("مذاكرة", "مذاکره"),
        ("علي", "علی"),
        ("مرحله \u06f1", "مرحله 1"),
        ("\u200fOffer ", "offer"),
        ("مـــرحله", "مرحله"),
    ],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_names_that_differ_stay_apart() -> None:
    assert (
        len({fold_name(name) for name in ("مرحله 1", "مرحله 2", "کار", "کارت", "Offer", "Öffer")})
        == 6
    )
