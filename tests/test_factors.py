"""Amounts whose heading says that they are counted in thousands or millions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.cells.money_units import UNCLEAR, unit_of

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store


@pytest.mark.parametrize(
    ("heading", "factor", "name"),
    [
        ("Amount [k€]", 1_000, "Amount"),
        ("Amount ($000s)", 1_000, "Amount"),
        ("Amount (in 1.000 €)", 1_000, "Amount"),
        ("amount_keur", 1_000, "amount"),
        ("Montant en milliers d'euros", 1_000, "Montant"),
        ("Сумма, тыс. руб.", 1_000, "Сумма"),  # noqa: RUF001 - another script
        ("Tutar (bin TL)", 1_000, "Tutar"),
        ("مبلغ میلیون\u200cریال", 1_000_000, "مبلغ"),  # noqa: RUF001 - another script
        ("Amount in INR lakhs", 100_000, "Amount"),
        ("Deal value MEUR", 1_000_000, "Deal value"),
        ("Revenue ($M)", 1_000_000, "Revenue"),
        ("Amount (M)", UNCLEAR, "Amount"),
        ("Valor (R$ mil)", UNCLEAR, "Valor"),
        ("Value (bin)", UNCLEAR, "Value"),
        ("Amount (EUR)", 1, "Amount (EUR)"),
        ("Amount (2024)", 1, "Amount (2024)"),
        ("Price (per 1000)", 1, "Price (per 1000)"),
        ("Mi valor", 1, "Mi valor"),
        ("Phase M", 1, "Phase M"),
    ],
)
def test_a_heading_says_what_its_amounts_count_in(heading: str, factor: int, name: str) -> None:
    found = unit_of(heading)
    assert (found.factor, found.name) == (factor, name)


def load_amount(folder: Path, heading: str, amount: str, config: str = "") -> Store:
    """Load two deals, of which one has an amount."""
    text = f"deal_id,deal_stage,created_at,status,{heading}\n"
    text += f"a,Offer,2024-01-15,Won,{amount}\nb,Talk,2024-01-16,Lost,\n"
    (folder / "deals.csv").write_text(text, "utf-8")
    return load(folder, Config.from_text(config))


@pytest.mark.parametrize(
    ("heading", "amount", "value", "currency"),
    [
        ("Amount [k€]", "2.5", 2_500, "EUR"),
        ("Value (TEUR)", "3", 3_000, "EUR"),
        ("Revenue in thousands", '"1,5"', 1_500, ""),
        ("Umsatz in Mio. €", "1.25", 1_250_000, "EUR"),
        ("مبلغ (هزار ریال)", "۵", 5_000, "IRR"),  # noqa: RUF001 - another script
        ("Value (EUR)", "3", 3, "EUR"),
    ],
)
def test_amounts_are_multiplied_and_it_is_said(
    tmp_path: Path, heading: str, amount: str, value: int, currency: str
) -> None:
    with load_amount(tmp_path, heading, amount) as store:
        rows = store.rows("SELECT value, currency FROM opportunities WHERE value IS NOT NULL")
        assert rows == [(value * 100, currency)]
        said = [one["as_what"] for one in store.meta("recognised") if one["what"] == "factor"]
        assert said == ([] if heading == "Value (EUR)" else [f"{unit_of(heading).factor:,}"])


def test_what_is_not_clear_is_asked_and_the_configuration_decides(tmp_path: Path) -> None:
    with pytest.raises(LeakkitError, match=r"value_times = 1000, or value_times = 1 ") as caught:
        load_amount(tmp_path, "Amount (M)", "7")
    assert caught.value.code == "unclear_unit"
    for times, value in ((1, 700), (1_000_000, 700_000_000)):
        with load_amount(tmp_path, "Amount (M)", "7", f"[source]\nvalue_times = {times}") as store:
            assert store.value("SELECT max(value) FROM opportunities") == value
