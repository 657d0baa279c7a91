"""The benchmarks run, at tiny sizes, their routes count the same, and the page is theirs."""

from __future__ import annotations

import io
import re
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest import mock

import pandas as pd
import pytest

from benchmarks import (
    browser,
    document,
    explore,
    fixed,
    killing,
    loading,
    rendering,
    river,
    routes,
    screen,
    spark,
)
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
    assert set(result.by_route) == {(size, route) for size in SIZES for route in routes.ROUTES}
    for ones in result.by_route.values():
        for one in ones:
            assert one.took("clock") > 0
            assert one.took("cpu") > 0
            assert one.peak_kb > 10_000


def test_leakkit_is_measured_step_by_step(round_of_measures: tuple[river.Result, Path]) -> None:
    result, _ = round_of_measures
    for size in SIZES:
        (one,) = result.by_route[size, "leakkit"]
        for part in river.PARTS:
            assert set(getattr(one, part)) == set(routes.STEPS)
            assert all(one.took(part, step) > 0 for step in routes.STEPS)
            steps = [result.floors(size, "leakkit", part, step)[0] for step in routes.STEPS]
            assert sum(steps) == pytest.approx(result.floors(size, "leakkit", part)[0])


def test_every_route_counts_the_same(
    round_of_measures: tuple[river.Result, Path],
) -> None:
    _, folder = round_of_measures
    for size in SIZES:
        assert routes.unequal(folder / str(size)) == []


@pytest.mark.parametrize("route", routes.COUNTING)
def test_a_difference_is_named(round_of_measures: tuple[river.Result, Path], route: str) -> None:
    _, folder = round_of_measures
    file = folder / str(SIZES[0]) / route / "stays.parquet"
    kept = pd.read_parquet(file)
    kept.assign(n=kept["n"] + 1).to_parquet(file)
    try:
        (fault,) = routes.unequal(file.parents[1])
        assert fault.startswith(f"{route}, stays: ")
    finally:
        kept.to_parquet(file)


def test_the_section_holds_every_table(round_of_measures: tuple[river.Result, Path]) -> None:
    result, _ = round_of_measures
    section = river.section(result, runs=1)
    assert section.count("\n| --- ") == 4, "nothing is wanted at these sizes"
    assert "| opportunities | load | count | estimate | leakkit | pandas | polars |" in section
    assert str(river.ROOT) not in section


def test_another_route_begins_each_round() -> None:
    turns = [river.rotate(run) for run in range(5)]
    assert [turn[0] for turn in turns] == ["floor", "leakkit", "pandas", "polars", "floor"]
    assert all(sorted(turn) == sorted(routes.ROUTES) for turn in turns)
    assert turns[0].index("leakkit") < turns[0].index("pandas"), "which needs what it has learnt"


def took(clock: float, cpu: float, peak_kb: int = 1_000_000) -> routes.Measured:
    """Return a measurement of one step."""
    return routes.Measured({"count": clock}, {"count": cpu}, peak_kb)


def compared(floors: dict[int, list[tuple[float, float]]], peak_kb: int = 1) -> river.Result:
    """Return rounds in which leakkit took so many times the floor: (clock, processor) by size."""
    found = {}
    for size, times in floors.items():
        found[size, "floor"] = [took(2.0, 4.0) for _ in times]
        found[size, "leakkit"] = [took(2 * clock, 4 * cpu, peak_kb) for clock, cpu in times]
    return river.Result(found, list(floors))


def test_ratios_compare_routes_of_one_round() -> None:
    found = {
        (10, "floor"): [took(1.0, 2.0), took(2.0, 8.0)],
        (10, "leakkit"): [took(6.2, 10.0), took(6.0, 8.0)],
    }
    result = river.Result(found, (10,))
    assert result.floors(10, "leakkit", "clock") == pytest.approx([3.0, 6.2])
    assert result.floors(10, "leakkit", "cpu") == pytest.approx([1.0, 5.0])


def test_targets_are_of_both_times_and_of_memory() -> None:
    times = [(7.0, 4.4), (4.4, 4.4), (4.6, 4.6)]
    result = compared({10_000: [(20.0, 20.0)], 100_000: times, 1_000_000: times}, 1_600_000)
    by_name = {target.what: target for target in river.find_targets(result)}
    assert {name: target.met for name, target in by_name.items()} == {
        "100,000: times the floor, by processor time": True,
        "100,000: times the floor, by the clock": True,
        "1,000,000: times the floor, by processor time": True,
        "1,000,000: times the floor, by the clock": False,
        "1,000,000: memory, GB": False,
    }
    clock = by_name["1,000,000: times the floor, by the clock"]
    assert (clock.wanted, clock.measured) == ("at most 4.5", "4.6 (4.4 to 7.0)")


def test_five_million_are_held_against_one() -> None:
    result = compared({1_000_000: [(9.0, 5.0)], 5_000_000: [(8.9, 5.1)]}, 2_900_000)
    rows = [target.row for target in river.find_targets(result)]
    assert rows == [
        [
            "5,000,000: times the floor, by processor time",
            "at most 5.0, as at 1,000,000",
            "5.1",
            document.MISSED,
        ],
        ["5,000,000: times the floor, by the clock", "at most 9.0, as at 1,000,000", "8.9", "met"],
        ["5,000,000: memory, GB", "at most 3", "2.90", "met"],
    ]


def test_loading_is_measured_beside_the_floor_and_plain_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, alone = loading._in_process, list[object]()

    def step(*words: object) -> str:
        if words[0] == "leakkit" and not alone:
            alone.append(words)
            return own(*words)
        return step_here(loading.main, *words)

    monkeypatch.setattr(loading, "_in_process", step)
    found = loading.measure_routes(300, 1)
    assert len(alone) == 1
    assert tuple(found) == loading.MEASURED
    assert loading.faults(found) == []
    text = loading.section(found, 300)
    assert text.startswith("## Loading\n\n    python -m benchmarks.loading --write\n")
    assert "| Parquet | floor | 1.0 | 1.0 |" in text
    assert text.count("| CSV | ") == 3
    assert text.count("| Parquet | ") == 4
    found["csv", "pandas"][0] = replace(found["csv", "pandas"][0], rows=1)
    assert loading.faults(found) == ["the routes did not read as many rows"]


def test_a_load_from_csv_has_five_floors() -> None:
    found = {
        each: [loading.Took(took(1.0, 1.0), 9), loading.Took(took(1.0, 2.0), 9)]
        for each in loading.MEASURED
    }
    found["csv", "leakkit"] = [loading.Took(took(5.0, 5.2), 9), loading.Took(took(5.0, 9.8), 9)]
    by_name = {target.what: target for target in loading.find_targets(found)}
    assert by_name["from CSV: times the floor, by the clock"].met
    processor = by_name["from CSV: times the floor, by processor time"]
    assert processor.row == [processor.what, "at most 5", "5.1 (4.9 to 5.2)", document.MISSED]
    assert by_name["from Parquet: memory, MB"].met


def test_the_screen_is_measured_and_its_first_finding_checked() -> None:
    found = screen.measure(12_000, 1)
    assert found.first == 1
    assert found.tested > 1_000
    assert min(*found.screens, *found.adjusted) > 0
    text = screen.section(found)
    assert text.startswith("## Screening")
    assert "| the planted pair comes first | 1 of 1 | 1 of 1 | met |" in text
    never = screen.Screened(1, 1, (0.1,), (0.1,), first=0)
    assert not never.met
    assert f"| the planted pair comes first | 1 of 1 | 0 of 1 | {document.MISSED} |" in (
        screen.section(never)
    )


def test_a_benchmark_writes_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Old\n\nabove\n\n## Batch\n\nkept\n\n    # no heading\n", "utf-8")
    fast = document.Target("seconds", "at most 2", "1.5 (1 to 9)", met=True)
    slow = replace(fast, measured="2.5 (1 to 9)", met=False)
    document.put(document.compose("A deck, made", "python -m a", "old", [fast]), page)
    document.put(document.compose("A deck, made", "python -m a", "new", [fast, slow], "end"), page)
    text = page.read_text("utf-8")
    assert text == (
        f"{document.OPENING}\n\n| section | met | missed |\n| --- | ---: | --- |\n"
        "| [Batch](#batch) |  |  |\n"
        "| [A deck, made](#a-deck-made) | 1 of 2 | seconds: 2.5 (at most 2) |\n\n"
        "## Batch\n\nkept\n\n    # no heading\n\n"
        "## A deck, made\n\n    python -m a\n\nnew\n\n"
        "|  | wanted | measured |  |\n| --- | ---: | ---: | ---: |\n"
        "| seconds | at most 2 | 1.5 (1 to 9) | met |\n"
        "| seconds | at most 2 | 2.5 (1 to 9) | **missed** |\n\nend\n"
    )


def test_the_page_is_what_benchmarks_write() -> None:
    text = document.PAGE.read_text("utf-8")
    sections = document.BEFORE_HEADING.split(text)[1:]
    assert text.startswith(document.sum_up(sections[1:]))
    for section in sections[1:]:
        heading, _, command = section.split("\n")[:3]
        module = re.match(r"    python -m benchmarks\.(\w+) .*--write$", command)
        assert module, f"{heading} does not begin with its command"
        assert (river.ROOT / "benchmarks" / f"{module[1]}.py").exists()
        assert document.TARGET.search(section), f"{heading} does not say what is wanted"
        assert heading.removeprefix("## ") in (
            (river.ROOT / "benchmarks" / f"{module[1]}.py").read_text("utf-8")
        )


def test_make_bench_runs_every_benchmark() -> None:
    makefile = (river.ROOT / "Makefile").read_text("utf-8")
    named = re.search(r"^BENCHMARKS := (.+)$", makefile, re.MULTILINE)
    writing = {
        path.stem
        for path in (river.ROOT / "benchmarks").glob("*.py")
        if "document.put(" in path.read_text("utf-8")
    }
    assert named
    assert set(named[1].split()) == writing


def test_fixed_costs_are_ratios_of_one_round() -> None:
    found = {"bare": [1.0, 2.0, 1.0], "check": [3.0, 10.0, 5.0], "analyze": [2.0, 4.0, 9.0]}
    found["again"] = found["analyze"]
    assert fixed.times(found, "check") == [3.0, 5.0, 5.0]
    text = fixed.section(found, 300)
    check, analyze = fixed.TITLES["check"], fixed.TITLES["analyze"]
    assert f"| {check} | at most 4 | 5.0 (3.0 to 5.0) | {document.MISSED} |" in text
    assert f"| {analyze} | at most 3 | 2.0 (2.0 to 9.0) | met |" in text
    assert f"| {check} | 5.00 | 5.0 (3.0 to 5.0) |" in text


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
    assert spark.find_targets(found) == [], "of so few deals many travel"
    found = {(1_000_000, route): ones for (_, route), ones in found.items()}
    assert "| 1,000,000: memory of the driver, MB | at most 300, as DuckDB | 200 | met |" in (
        spark.section(found, 1)
    )
    assert spark.unequal(found) == []
    found[1_000_000, "spark"] = [replace(there, found="b")]
    assert spark.unequal(found) == ["1,000,000: the routes find different things"]


def test_answers_are_held_against_what_is_wanted_of_their_source() -> None:
    fast = explore.Answers(12_000, "pipe", {("a", "b"): [0.2, 0.9, 0.3]}, {("a", "b"): [0.1]})
    slow = replace(fast, view="days", seconds={("a", "b"): [0.2], ("a", "c"): [0.4]})
    text = explore.section([fast, slow, replace(fast, opportunities=100_000)])
    assert "| at most 0.3 | 0.40 (days; 1 of 2 views are slower) | **missed** |" in text
    assert "| at most 1 | 0.30 (pipe; 0 of 1 views are slower) | met |" in text
    assert "| pipe | 0.30 | 0.30 | 0.10 | 0.30 | 0.30 | 0.10 |" in text


def test_the_slowest_control_of_each_picture_is_named() -> None:
    alone = {("pipe", "add"): [100.0, 900.0, 200.0], ("pipe", "days"): [250.0]}
    seen = browser.Seen(12_000, alone, {("overview", "add"): [400.0]}, {("overview", "add"): [5e3]})
    text = browser.section([seen], 3)
    assert "| 12,000: the slowest first answer, s | at most 0.3 | 0.40 | **missed** |" in text
    assert "| pipe | 0.23 | 0.25 | Days |" in text
    assert "| overview, its last picture | 5.00 | 5.00 | Filter by |" in text
    assert "| pipe | 0.20 | 0.25 |" in browser.detail([seen])


def test_pages_and_killed_runs_say_what_is_missed() -> None:
    pages = rendering.section({("sample", "overview"): (300_000, 1.6)})
    assert "| the largest page, KB | at most 350 | 300 | met |" in pages
    assert "| the slowest page, processor seconds | at most 1.5 | 1.60 | **missed** |" in pages
    killed = killing.section({"at random moments": killing.Tally(9, 0, 2, 0)}, 9)
    assert "| mixed folders | 0 | 0 | met |" in killed
    assert "| files that are not mended | 0 | 2 | **missed** |" in killed
