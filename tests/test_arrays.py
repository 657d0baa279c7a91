"""Counts in arrays: each is the answer of its query, on odd sources and on the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.analysis import analyze
from leakkit.sources import load
from leakkit.store import arrays, visit_arrays
from leakkit.store.relations import EVERYTHING, Relations
from tests.generated import EQUIPMENT, SPARE_PARTS, raw_source, write_source
from tests.running import sample_store
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from leakkit.store.relations import SmallTable


class Held:
    """Holds every answer in arrays against that of the query, and counts them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Look at every answer from now on."""
        self.found: dict[str, int] = {}
        self.answer = arrays.add
        self.asked: tuple[Relations, Mapping[str, SmallTable]]
        count = Relations.count

        def counting(
            relations: Relations, query: str, tables: Mapping[str, SmallTable]
        ) -> pd.DataFrame:
            self.asked = relations, tables
            return count(relations, query, tables)

        patch.setattr(Relations, "count", counting)
        patch.setattr(visit_arrays, "FEWEST", 0)
        patch.setattr(arrays, "add", self.add)

    def add(
        self, query: str, visits: visit_arrays.DealVisits, tables: arrays.Frames, rest: pd.DataFrame
    ) -> pd.DataFrame:
        """Answer in arrays, which must be what the query says."""
        made = self.answer(query, visits, tables, rest)
        relations, told = self.asked
        wanted = relations.count_in_sql(query, told)
        pd.testing.assert_frame_equal(made, wanted)
        self.found[query] = self.found.get(query, 0) + len(made)
        return made


def test_every_count_in_arrays_is_that_of_its_query(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    monkeypatch.setattr(visit_arrays, "AT_ONCE", 1_000)
    analyze(sample_store())
    assert set(held.found) == set(arrays.COUNTS)
    assert all(held.found.values())


def test_odd_deals_are_counted_by_the_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    plain = odd = 0
    for seed in seeds(4, 400):
        opportunities, history, rules = raw_source(seed, deals=80)
        rules = type(rules)(**{**vars(rules), "pipelines": (EQUIPMENT, SPARE_PARTS)})
        write_source((opportunities, history, rules), tmp_path / str(seed))
        with load(tmp_path / str(seed)) as store:
            analyze(store)
            known = Relations(store, EVERYTHING)
            assert known.visits
            plain += int(known.visits.is_plain.sum())
            odd += len(known.store.rows(visit_arrays.UNPLAIN))
    assert plain > 50
    assert odd > 8
    assert set(held.found) == set(arrays.COUNTS)


def test_few_visits_are_counted_by_the_queries_alone() -> None:
    assert Relations(sample_store(), EVERYTHING).visits is None


def test_many_groups_are_counted_as_few_are() -> None:
    rng = np.random.default_rng(3)
    key, worth = rng.integers(0, 10**9, 500), rng.integers(0, 99, 500)
    key[100:200] = key[:100]
    frame = visit_arrays.group_rows([("key", key)], worth)
    wanted = pd.DataFrame({"key": key, "total": worth}).groupby("key")["total"].agg(["size", "sum"])
    assert frame["key"].tolist() == wanted.index.tolist()
    assert frame["n"].tolist() == wanted["size"].tolist()
    assert frame["total"].tolist() == wanted["sum"].tolist()


def test_numbers_of_any_width_are_counted_as_pandas_counts_them() -> None:
    rng = np.random.default_rng(4)
    for spans in ((5, 9), (2**15, 2**15), (2**31, 7), (7, 2**31), (2**40, 3, 3), (1, 1, 2)):
        lows = rng.integers(-(2**31), 2**31, len(spans))
        columns = {
            f"key_{at}": rng.integers(low, low + size, 40)[rng.integers(0, 40, 300)]
            for at, (low, size) in enumerate(zip(lows, spans, strict=True))
        }
        frame = visit_arrays.group_rows(list(columns.items()))
        wanted = pd.DataFrame(columns).groupby(list(columns)).size().reset_index(name="n")
        pd.testing.assert_frame_equal(pd.DataFrame(frame), wanted, check_dtype=False)
