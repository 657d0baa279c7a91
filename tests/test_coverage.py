"""Exports that leave deals out: recognised, said first, and nothing compared on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import leakkit
from benchmarks.truth.exports import KINDS, START, history, moves_left_in
from leakkit import views
from leakkit.analysis.coverage import judge_coverage

if TYPE_CHECKING:
    from leakkit.analysis import Analysis

AGES = pd.DataFrame([{"since_entry": 3.0, "usual": 60.0, "overripe": 0.0}])
LEFT_OUT = KINDS[1:]
NOT_TO_BE_SAID = (
    "No stage got worse",
    "Every number could be estimated",
    "No deal has been lost",
    "No deal was lost in any stage",
    "There are not enough days or deals",
)


@pytest.mark.parametrize(
    ("outcomes", "ages", "code"),
    [
        ({"won": 24, "open": 8}, AGES, "no_losses"),
        ({"won": 4, "open": 80}, AGES.assign(overripe=30), "no_losses"),
        ({"won": 4, "open": 80}, AGES, ""),
        ({"open": 80}, AGES.assign(overripe=80), ""),
        ({"won": 24}, AGES, "won_only"),
        ({"won": 24, "lost": 40}, AGES, "closed_only"),
        ({"won": 24, "lost": 40}, AGES.assign(since_entry=90.0), ""),
        ({"won": 1, "lost": 2}, pd.DataFrame(), "closed_only"),
        ({"won": 1, "lost": 1}, AGES, ""),
        ({"won": 24, "lost": 1, "open": 8}, AGES, ""),
    ],
)
def test_what_is_left_out_is_recognised(
    outcomes: dict[str, int], ages: pd.DataFrame, code: str
) -> None:
    assert judge_coverage(outcomes, ages) == code


@cache
def of(kind: str) -> Analysis:
    """Analyse the export of one kind of one pipeline."""
    moves = moves_left_in(history(np.random.default_rng(7)), kind)
    days = START + pd.to_timedelta(moves["day"], unit="D").dt.floor("min")
    return leakkit.analyze(leakkit.load({"stage_history": moves[moves.columns[:2]].assign(
        entered_at=days)}))  # fmt: skip


def page(kind: str) -> str:
    """Return all that is said on both pages and on the overview."""
    analysis = of(kind)
    diagnosis = leakkit.diagnose(analysis)
    found = [views.headline(analysis), views.data(analysis), views.overview(analysis)]
    found += [views.overview_warnings(analysis), views.overview_leaks(analysis)]
    found += [part(diagnosis) for part in (views.causes_headline, views.warnings, views.repairs)]
    found += [views.cause_and_effect(diagnosis), views.evidence(diagnosis)]
    return " ".join(str(view.section()) for view in found)


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_an_export_that_leaves_deals_out_is_not_believed(kind: str) -> None:
    assert of(kind).pipelines[0].notes.coverage == kind
    assert not of(kind).all_findings
    said = page(kind)
    assert "nothing can be said of what got better or worse" in said
    assert not [sentence for sentence in NOT_TO_BE_SAID if sentence in said]


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_the_doubt_heads_the_page(kind: str) -> None:
    begins = {"won_only": "All ", "closed_only": "No deal in this export is open"}
    said = views.headline_sentence(of(kind))
    assert said.startswith(begins.get(kind, "No deal in this export is lost"))
    assert said in str(views.overview(of(kind)).section())


def test_a_whole_export_is_compared() -> None:
    assert not of("").pipelines[0].notes.coverage
    assert of("").all_findings
    assert "export" not in str(views.headline(of("")).section())
