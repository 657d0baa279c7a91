"""Stages that no deal comes into any more: found, named, and never in the headline."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import leakkit
from benchmarks.truth.exports import START, history, rename_stage
from leakkit import views
from leakkit.analysis.coverage import Retired, find_retired
from leakkit.analysis.headline import find_headline

if TYPE_CHECKING:
    from leakkit.analysis import Analysis

NAMES = ("Inquiry", "Proposal", "Quote")
WHOLE = {"stage": 0, "first": 0, "last": 399, "n": 400, "came_after": 0}
OLD = {"stage": 1, "first": 3, "last": 200, "n": 100, "came_after": 199}
NEW = {"stage": 2, "first": 202, "last": 399, "n": 100, "came_after": 0}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, (Retired(1, "Proposal", 200, "Quote"),)),
        ({"last": 300}, (Retired(1, "Proposal", 300, ""),)),
        ({"last": 350}, ()),
        ({"n": 3}, ()),
        ({"came_after": 0}, ()),
    ],
)
def test_a_stage_without_entries_is_retired(
    change: dict[str, int], found: tuple[Retired, ...]
) -> None:
    spans = pd.DataFrame([WHOLE, {**OLD, **change}, NEW])
    assert find_retired(spans, NAMES, {1: 30.0}, 399) == found


def test_nothing_is_retired_of_nothing() -> None:
    assert find_retired(pd.DataFrame(columns=list(OLD)), (), {}, 10) == ()


@cache
def analysis() -> Analysis:
    """Analyse a pipeline whose second stage has had another name for 200 days."""
    moves = rename_stage(history(np.random.default_rng(3)))
    days = START + pd.to_timedelta(moves["day"], unit="D").dt.floor("min")
    return leakkit.analyze(
        leakkit.load({"stage_history": moves.drop(columns="day").assign(entered_at=days)})
    )


def test_a_renamed_stage_is_named_with_the_line_to_add() -> None:
    found = analysis()
    assert [(one.name, one.renamed) for one in found.pipelines[0].notes.retired] == [
        ("Proposal", "Quote")
    ]
    for view in (views.headline(found), views.data(found)):
        assert "Quote began about then" in view.section().striptags()
        assert 'aliases = ["Proposal"]' in view.section().striptags().replace("&#34;", '"')


def test_a_retired_stage_is_not_the_worst() -> None:
    first = find_headline(analysis().pipelines[0])
    assert first.stage is not None
    assert first.stage.name != "Proposal"
    assert "Proposal" not in [rival.name for rival in first.rivals]
