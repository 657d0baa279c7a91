"""The benchmark runs, at tiny sizes, and its two routes count the same."""

from __future__ import annotations

import io
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest import mock

import pandas as pd
import pytest

from benchmarks import document, fixed, loading, river, screen, spark
from leakkit.sample import write as write_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZES = (300, 600)


def step_here(main: Callable[[], int], *words: object) -> str:
    """Carry out a step in this process, which has the libraries loaded; return what it prints."""
    printed, command = io.StringIO(), ["", *map(str, words)]
    with redirect_stdout(printed), mock.patch.object(sys, "argv", command):
        assert main() == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def round_of_measures(tmp_path_factory: pytest.TempPathFactory) -> tuple[river.Result, Path]:
    """Measure one round: leakkit once in a process of its own, as all are in `make bench`."""
    folder = tmp_path_factory.mktemp("bench")
    own, found = river.fresh, defaultdict(list)
    alone = ("--route", "leakkit", "--folder", str(folder / str(SIZES[0])))

    def fresh(*words: str) -> str:
        if words == alone:
            return own(*words)
        return (step_here(river.main, *words).splitlines() or [""])[-1]

    with mock.patch.object(river, "fresh", fresh):
        for size, route, one in river.rounds(folder, SIZES, 1):
            found[size, route].append(one)
    return river.Result(found, SIZES), folder


def test_every_route_is_measured_at_every_size(
    round_of_measures: tuple[river.Result, Path],
) -> None:
    result, _ = round_of_measures
    assert set(result.by_route) == {(size, route) for size in SIZES for route in river.ROUTES}
    for ones in result.by_route.values():
        for one in ones:
            assert one.seconds > 0
            assert one.cpu > 0
            assert one.peak_kb > 10_000


def test_leakkit_is_measured_step_by_step(round_of_measures: tuple[river.Result, Path]) -> None:
    result, _ = round_of_measures
    for size in SIZES:
        for step in river.STEPS:
            assert result.step(size, step) > 0, step


def test_pandas_counts_what_leakkit_counts(round_of_measures: tuple[river.Result, Path]) -> None:
    _, folder = round_of_measures
    for size in SIZES:
        assert river.unequal(folder / str(size)) == []


def test_a_difference_is_named(round_of_measures: tuple[river.Result, Path]) -> None:
    _, folder = round_of_measures
    file = folder / str(SIZES[0]) / "pandas" / "stays.parquet"
    kept = pd.read_parquet(file)
    kept.assign(n=kept["n"] + 1).to_parquet(file)
    try:
        assert [fault.partition(":")[0] for fault in river.unequal(file.parents[1])] == ["stays"]
    finally:
        kept.to_parquet(file)


def test_the_page_holds_every_table(round_of_measures: tuple[river.Result, Path]) -> None:
    result, _ = round_of_measures
    page = river.page(result, runs=1)
    assert page.count("\n| ---:") == 4
    assert "| 300 to 600 |" in page
    assert str(river.ROOT) not in page


def test_ratios_compare_routes_of_one_round() -> None:
    def one(seconds: float) -> river.Measured:
        return river.Measured({"count": seconds}, seconds, 1_000)

    result = river.Result(
        {
            (10, "floor"): [one(1.0), one(2.0)],
            (10, "leakkit"): [one(3.0), one(6.2)],
            (100, "floor"): [one(10.0), one(10.0)],
            (100, "leakkit"): [one(30.0), one(50.0)],
        },
        (10, 100),
    )
    assert result.times(10, "leakkit") == pytest.approx([3.0, 3.1])
    assert result.growth(10, 100, "floor") == pytest.approx(0.824, abs=1e-3)
    assert result.meets_targets


def test_loading_is_measured_beside_a_plain_read(monkeypatch: pytest.MonkeyPatch) -> None:
    own, alone = loading._in_process, list[object]()

    def step(*words: object) -> str:
        if words[0] == "leakkit" and not alone:
            alone.append(words)
            return own(*words)
        return step_here(loading.main, *words)

    monkeypatch.setattr(loading, "_in_process", step)
    found = loading.measure_routes(300, 1)
    assert len(alone) == 1
    assert set(found) == {(form, route) for form in loading.FORMATS for route in loading.ROUTES}
    rows = {one.rows for took in found.values() for one in took}
    assert len(rows) == 1
    assert all(0 < one.resolved <= one.seconds for took in found.values() for one in took)
    text = loading.section(found, 300)
    assert text.startswith("## Loading")
    assert text.count("| csv | ") == text.count("| parquet | ") == 2


def test_the_screen_is_measured_and_its_first_finding_checked() -> None:
    found = screen.measure(12_000, 1)
    assert found.first == 1
    assert found.tested > 1_000
    assert min(*found.screens, *found.adjusted) > 0
    text = screen.section(found)
    assert text.startswith("## Screening")
    assert "first in 1 of 1" in text
    never = screen.Screened(1, 1, (0.1,), (0.1,), first=0)
    assert not never.met
    assert "Missed." in screen.section(never)


def test_a_benchmark_writes_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# River\n\nold\n\n    # no heading\n\n## Batch\n\nkept\n", "utf-8")
    document.put("# River\n\nnew\n", page)
    document.put("## Exploring\n\nfast\n", page)
    document.put("## Exploring\n\nfaster\n", page)
    text = page.read_text("utf-8")
    assert text == "# River\n\nnew\n\n## Batch\n\nkept\n\n## Exploring\n\nfaster\n"


def test_fixed_costs_are_ratios_of_one_round() -> None:
    found = {"bare": [1.0, 2.0, 1.0], "check": [3.0, 10.0, 5.0], "analyze": [2.0, 4.0, 9.0]}
    found["again"] = found["analyze"]
    assert fixed.times(found, "check") == [3.0, 5.0, 5.0]
    text = fixed.section(found, 300)
    assert "| `leakkit check`, the whole process | 5.00 | 5.0 (3.0 to 5.0) | 4 |" in text
    assert "Missed: check.\n" in text


def test_fixed_costs_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sample(tmp_path, 300)
    own, uncounted = fixed.measure_code, iter([(-1.0, "seconds -1 -1")] * 3)
    monkeypatch.setattr(fixed, "measure_code", lambda code: next(uncounted, None) or own(code))
    found = fixed.measure(tmp_path, 1)
    assert {name: len(seconds) for name, seconds in found.items()} == dict.fromkeys(
        ("bare", "check", "analyze", "again"), 1
    )
    assert all(seconds[0] > 0 for seconds in found.values())


def test_spark_is_told_in_times_duckdb() -> None:
    here = spark.Measured(2.0, 2.0, 4.0, 300, 1_000, 1_000, "a")
    there = spark.Measured(10.0, 30.0, 60.0, 200, 1_000, 25, "a")
    found = {(1_000, "duckdb"): [here], (1_000, "spark"): [there]}
    row = "| 1,000 | 5.0 | 15.0 | 10.0 | 15.0 | 40 | 300 | 200 | 25 (2.5%) |"
    assert row in spark.report(found)
    assert spark.unequal(found) == []
    found[1_000, "spark"] = [replace(there, found="b")]
    assert spark.unequal(found) == ["1,000: the routes find different things"]
