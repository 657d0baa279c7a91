"""Numbers as objects: found when they are read, plain data, and never changed; counts as values."""

from __future__ import annotations

import json
import pickle

import pytest

from leakkit.analysis import PipelineNumbers, StageNumbers, learning
from leakkit.plain import plain
from leakkit.store import queries
from leakkit.store.count_requests import Counts
from leakkit.store.relations import Relations, Scope
from tests.running import sample_analysis, sample_store


def test_all_numbers_of_a_pipeline_are_plain_data() -> None:
    equipment = sample_analysis()["Equipment"]
    said = json.loads(json.dumps(plain(equipment)))
    assert said.keys() == set(PipelineNumbers.names())
    assert said["stages"][0].keys() == set(StageNumbers.names())
    assert said["stages"][2]["exits"]["lost"] == equipment["Proforma"].exits.lost
    kept = pickle.loads(pickle.dumps(equipment))  # noqa: S301 - made here
    assert kept == equipment
    assert kept.counts is None


def test_numbers_cannot_be_changed_and_others_are_made_of_them() -> None:
    stage = sample_analysis()["Equipment"]["Proforma"]
    with pytest.raises(AttributeError, match="lost of StageNumbers cannot be changed"):
        stage.lost = stage.advance
    other = stage.replace(name="Offer")
    assert (other.name, other.lost, stage.name) == ("Offer", stage.lost, "Proforma")
    assert other != stage


def test_a_query_is_refused_while_its_terms_are_not_known() -> None:
    counts = Counts.of(sample_store())
    assert len(counts.ask(queries.EXTENT)) == 4
    with pytest.raises(ValueError, match="terms that are not known yet"):
        counts.ask(queries.TOTALS)
    found = learning.find_windows(counts, sample_store().config)
    bounded = counts.under(bounds=learning.bounds(found))
    assert len(bounded.ask(queries.TOTALS)) > 4
    with pytest.raises(ValueError, match="terms that are not known yet"):
        bounded.ask(queries.STANDING)


def test_counts_under_two_terms_are_asked_by_turns() -> None:
    store = sample_store()
    known = learning.learn(Counts.of(store), store.config, {})
    early = known.counts.under(expected=())
    late = known.counts.ask(queries.STANDING)["visit_late"].sum()
    none = early.ask(queries.STANDING)["visit_late"].sum()
    assert late > none == 0
    alone = Counts(Relations(store, Scope()), known.counts.terms)
    assert early.read(queries.STANDING)["visit_late"].sum() == 0
    assert known.counts.read(queries.STANDING).equals(alone.read(queries.STANDING))


def test_what_is_read_by_pipeline_is_in_their_order() -> None:
    """`Counts.rows` cuts a frame where the next pipeline begins."""
    counts = sample_analysis().pipelines[0].counts
    assert counts is not None
    frames = counts.batch.counts.relations.answers
    assert len(frames) > 15
    assert all(frame["pipeline"].is_monotonic_increasing for frame in frames)
