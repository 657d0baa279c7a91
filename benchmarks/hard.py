"""Sources whose pages are hard to lay out: `python -m benchmarks.gallery --hard FOLDER`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pandas as pd

import leakkit
from benchmarks import pages
from leakkit.config import Config
from leakkit.report import exporter
from leakkit.words import catalogue
from tests import test_real_data, test_right_to_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leakkit.analysis import Analysis

WORDY = ("Inquiry", "Needs analysis", "Visit", "Concept", "Calculation", "Approval")
LONG = (
    *(f"{name}, with all that belongs to it in our house" for name in WORDY),
    "پیش\u200cفاکتور و شرایط پرداخت",  # noqa: RUF001 - Persian has an alef
    "Donaudampfschifffahrtsgesellschaftskapitänspatent",
    "Negotiation",
    "Legal review of the contract by both sides",
    "Contract",
    "Prepayment",
)
SHORT = ("Inquiry", "Visit", "Proforma", "Contract")
DAY = np.timedelta64(1, "D")


def source(
    stages: tuple[str, ...],
    deals: int,
    *,
    lost: float = 0.15,
    owners: int = 6,
    worse: int | None = None,
    days: int = 700,
) -> Analysis:
    """Simulate a pipeline in which every stage loses as much; one is `worse` in the last months."""
    rng = np.random.default_rng(7)
    created = np.sort(rng.integers(0, days, deals))
    value = rng.integers(1_000, 90_000, deals)
    history, facts = [], []
    for deal, (born, worth) in enumerate(zip(created, value, strict=True)):
        day, name = int(born), f"D{deal:05d}"
        owner = f"Owner {deal % owners:03d}"
        facts.append((name, "P", int(worth), owner, _date(born)))
        for at, stage in enumerate(stages):
            history.append((name, stage, _date(day)))
            chance = 0.55 if at == worse and day > days - 100 else lost
            day += int(rng.integers(1, 20))
            if rng.random() < chance:
                history.append((name, "Lost", _date(day)))
                break
        else:
            history.append((name, "Won", _date(day)))
    kept = [row for row in history if row[2] <= _date(days)]
    frames = {
        "opportunities": pd.DataFrame(
            facts, columns=["opportunity_id", "pipeline", "value", "owner", "created_at"]
        ),
        "stage_history": pd.DataFrame(kept, columns=["opportunity_id", "stage", "entered_at"]),
    }
    return leakkit.analyze(leakkit.load(frames, Config.from_text(_config(stages))))


def _date(day: int) -> str:
    """Return a day as an ISO date."""
    return str(np.datetime64("2024-07-01") + int(day) * DAY)


def _config(stages: tuple[str, ...]) -> str:
    """Declare the stages."""
    named = ", ".join(f'{{ name = "{stage}" }}' for stage in stages)
    return f'currency = "EUR"\n[[pipelines]]\nname = "P"\nstages = [{named}]\n'


def loans() -> Analysis:
    """Read the loan applications of 2012; they are in the folder that LEAKKIT_DATA names."""
    data = Path(os.environ["LEAKKIT_DATA"]) / test_real_data.LOG
    return leakkit.analyze(leakkit.load(data, Config.from_text(test_real_data.CONFIG)))


def twelve_stages() -> Analysis:
    """Simulate twelve stages with long names, of which one got worse."""
    return source(LONG, 4_000, lost=0.08, worse=6)


CASES: dict[str, Callable[[], Analysis]] = {
    "twelve_stages": twelve_stages,
    "one_stage": lambda: source(("Offer",), 600),
    "no_losses": lambda: source(SHORT, 400, lost=0.0),
    "thirty_deals": lambda: source(SHORT, 30),
    "two_hundred_owners": lambda: source(SHORT, 4_000, owners=200, worse=2),
    "nothing_known": lambda: source(SHORT, 2, days=3),
    "right_to_left": lambda: leakkit.analyze(leakkit.load("sample")),
    "loans": loans,
}


@contextmanager
def _language(case: str) -> Iterator[str]:
    """Speak the right-to-left language of the tests in its case, English elsewhere."""
    if case != "right_to_left":
        yield "en"
        return
    table = test_right_to_left.other(test_right_to_left.ENGLISH)
    with (
        mock.patch.object(catalogue, "_catalogue", return_value=table),
        mock.patch.object(exporter, "LANGUAGES", ("en", "he")),
    ):
        yield "he"


def write(folder: Path, case: str) -> list[Path]:
    """Write the three pages of a case, and return where they stand."""
    with _language(case) as language:
        analysis = replace(CASES[case](), language=language)
        texts = {
            "overview": pages.overview(analysis),
            "stage_dropoff": pages.stage_dropoff(analysis),
            "root_causes": pages.root_causes(leakkit.diagnose(analysis)),
        }
    files = []
    for name, text in texts.items():
        files.append(folder / f"{case}_{name}.html")
        files[-1].write_text(text, "utf-8")
    return files
