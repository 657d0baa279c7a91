"""The straight way: what it takes and what it leaves are together what resolving makes of all."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from leakkit.config import CROSS_CHECKS, Config
from leakkit.sources import load
from leakkit.store import passing, schema, straight, visit_arrays
from leakkit.store.moments import Zone
from leakkit.store.settled_deals import LoadOptions
from tests.generated import raw_source, write_source
from tests.measuring import answers, assert_alike
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

TABLES = (
    *("opportunities", "stage_history", "moves", "passages", "doubts", "faults"),
    *("settled", "pipelines", "stages"),
)
OF_RESOLVING = (
    *("deals", "aside", "events", "ordered", "first_moves", "told", "ends", "judged"),
    "new_closes",
)
PARTS = 4
"""So many tests share the generated exports, as several processes may."""
FAR = 10**9
PLAN = f"""
as_of = "2026-03-01"
[source]
accept = {list(CROSS_CHECKS)}
[source.outcomes]
won = ["Won"]
lost = ["Lost"]
open = ["Open"]
[[pipelines]]
name = "P"
stages = [{{ name = "A" }}, {{ name = "B" }}, {{ name = "C" }}]
"""


def contents(store: Store) -> dict[str, Any]:
    """All that a store says, the types of its columns too."""
    rows = {table: sorted(store.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}
    types = {f"{t} is": [r[:2] for r in store.rows(f"DESCRIBE {t}")] for t in TABLES}
    return rows | types | {"meta": sorted(store.rows("SELECT * FROM meta"))}


def both(
    source: Any,  # noqa: ANN401 - what load takes
    config: Any,  # noqa: ANN401 - as above
    folder: Path,
    *,
    counted: bool = False,
) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
    """Load by the long way and by both, into files; return what they say, and straight deals.

    What is `counted` of the deals must be the same, too: of the straight ones in arrays.
    """
    found, went, counts = [], [], []
    sql = "SELECT opportunity_id FROM ids SEMI JOIN straight_deals USING (opportunity)"
    for plain in (False, True):

        def watch(store: Store, *_: object) -> None:
            went.append({str(row[0]) for row in store.rows(sql)})

        options = LoadOptions(settle=True, plain=plain)
        name = str(folder / f"{plain}.duckdb")
        with load(source, config, store=name, watch=watch, options=options) as store:
            found.append(contents(store))
            if counted:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(visit_arrays, "FEWEST", 0 if plain else FAR)
                    counts.append(answers(store)[0])
    if counted:
        assert_alike(*counts)
    assert not went[0]
    return found[0], found[1], went[1]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the straight way however few deals can go it, a few at a time."""
    monkeypatch.setattr(straight, "MOST_ODD", 1.0)
    monkeypatch.setattr(straight, "AT_ONCE", 17)
    monkeypatch.setenv("LEAKKIT_THREADS", "2")


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("part", range(PARTS))
def test_straight_and_odd_deals_are_together_what_resolving_makes_of_all(
    part: int, tmp_path: Path
) -> None:
    taken = left = 0
    for seed in seeds(PARTS, 3000)[part::PARTS]:
        rng = Random(seed)  # noqa: S311 - for odd data, not for secrets
        folder = tmp_path / str(seed)
        config = write_source(raw_source(seed, deals=60), folder)
        if rng.random() < 0.5:
            text = config.read_text("utf-8")
            config.write_text(text.replace('present_stage = "history"', ""), "utf-8")
        long, straight_and_odd, went = both(folder, None, tmp_path, counted=True)
        assert straight_and_odd == long, seed
        taken, left = taken + len(went), left + len(long["opportunities"]) - len(went)
    assert taken > 5
    assert left > 5


def frames(cases: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """A deal for each case: what its row says beside its id, and its moves in January."""
    columns = ["opportunity_id", "created_at", "closed_at", "outcome", "value", "stage"]
    deals = [{"opportunity_id": f"{i}", **row} for i, (row, _) in cases.items()]
    rows = [(i, stage, f"2026-01-{at}") for i, (_, moves) in cases.items() for stage, at in moves]
    history = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    opportunities = pd.DataFrame(deals, columns=columns, dtype="str").fillna("")
    return {"opportunities": opportunities, "stage_history": history}


A, B = ("A", "05 10:00"), ("B", "07 10:00")
STRAIGHT = {
    "open": ({}, [A, B]),
    "closed by its column": ({"outcome": "Lost", "closed_at": "2026-01-20"}, [A, B]),
    "closed in the minute of its last row": (
        {"outcome": "Won", "closed_at": "2026-01-07 10:00"},
        [A, B],
    ),
    "closed by its history": ({"outcome": "Won"}, [A, B, ("Won", "09 10:00")]),
    "not in order in the file": ({}, [B, A]),
    "returned": ({}, [A, B, ("A", "09 10:00"), ("B", "11 10:00")]),
    "opened again after two days": ({}, [A, ("Lost", "07 10:00"), ("B", "09 10:00")]),
    "stands in its last stage": ({"stage": "B"}, [A, B]),
    "won elsewhere": ({"outcome": "Won", "stage": "C"}, [A, B, ("Won", "20 10:00")]),
    "with a value": ({"value": "12.50"}, [A, B]),
}
ODD = {
    "without a row": ({}, []),
    "unknown stage": ({}, [A, ("Z", "08 10:00")]),
    "no moment": ({}, [A, ("B", "08 what")]),
    "equal neighbours": ({}, [A, ("A", "08 10:00")]),
    "two rows of one minute": ({}, [A, ("B", "05 10:00")]),
    "opened again within a day": ({}, [A, ("Lost", "07 10:00"), ("B", "08 10:00")]),
    "closed twice": ({}, [A, ("Lost", "07 10:00"), ("Won", "20 10:00")]),
    "closed first": ({}, [("Lost", "05 10:00"), ("B", "17 10:00")]),
    "closed before its last row": ({"outcome": "Lost", "closed_at": "2026-01-06"}, [A, B]),
    "closed nobody knows when": ({"outcome": "Lost"}, [A, B]),
    "open with a past closing date": ({"outcome": "Open", "closed_at": "2026-02-02"}, [A, B]),
    "otherwise than its history": ({"outcome": "Won"}, [A, B, ("Lost", "20 10:00")]),
    "stands elsewhere": ({"outcome": "Open", "stage": "C"}, [A, B]),
    "won by its column alone, elsewhere": (
        {"outcome": "Won", "closed_at": "2026-01-20", "stage": "C"},
        [A, B],
    ),
    "closed after as_of": ({"outcome": "Lost", "closed_at": "2026-03-05"}, [A, B]),
    "unreadable value": ({"value": "about 10"}, [A, B]),
    "unreadable creation": ({"created_at": "what"}, [A, B]),
    "unknown outcome": ({"outcome": "Perhaps"}, [A, B]),
    "negative": ({"value": "-1"}, [A, B]),
}


@pytest.mark.usefixtures("always")
def test_what_goes_which_way(tmp_path: Path) -> None:
    long, other, went = both(frames(STRAIGHT | ODD), Config.from_text(PLAN), tmp_path)
    assert other == long
    assert went == set(STRAIGHT)


@pytest.mark.usefixtures("always")
def test_who_asks_for_one_thread_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKKIT_THREADS", "1")
    monkeypatch.setattr(straight, "ThreadPoolExecutor", None)
    long, other, went = both(frames(STRAIGHT | ODD), Config.from_text(PLAN), tmp_path)
    assert other == long
    assert went == set(STRAIGHT)


def test_where_most_are_odd_all_go_the_long_way(tmp_path: Path) -> None:
    long, other, went = both(frames(ODD), Config.from_text(PLAN), tmp_path)
    assert (other, went) == (long, set())


@pytest.mark.usefixtures("always")
def test_ids_that_rise_are_the_lines_of_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = dict(sorted((STRAIGHT | ODD).items()))
    found = []
    number = schema.number

    def kept(*given: Any, **named: Any) -> bool:  # noqa: ANN401 - what it takes
        found.append(number(*given, **named))
        return found[-1]

    monkeypatch.setattr(schema, "number", kept)
    long, other, went = both(frames(cases), Config.from_text(PLAN), tmp_path)
    assert other == long
    assert went == set(STRAIGHT)
    assert all(found)


def test_deals_without_any_row_go_the_long_way(tmp_path: Path) -> None:
    some = {"one": STRAIGHT["open"]} | {f"none {i}": ODD["without a row"] for i in range(40)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(straight, "MOST_ODD", 1.0)
        patch.setattr(straight, "AT_ONCE", 10)
        long, other, went = both(frames(some), Config.from_text(PLAN), tmp_path)
    assert (other, went) == (long, {"one"})


def test_rows_of_any_order_are_put_in_order() -> None:
    rng = np.random.default_rng(7)
    deal, day = rng.integers(1, 9, 60), rng.permutation(60)
    given = passing.Rows(
        opportunity=deal, entered_at=day * 86_400, day=day, code=day % 3, pipeline=deal * 0,
        part=deal * 0, seq=deal * 0 + passing.NO_SEQ, from_code=deal * 0 + passing.NO_CODE,
    )  # fmt: skip
    ordered = given.in_order()
    pairs = list(zip(ordered.opportunity.tolist(), ordered.entered_at.tolist(), strict=True))
    assert pairs == sorted(zip(deal.tolist(), (day * 86_400).tolist(), strict=True))
    # as an engine leaves them: in order, but the second half, which begins in a deal, is first
    halves = np.roll(np.arange(60), 25)
    parts = ordered.each(lambda column: column[halves])
    for name, column in vars(parts.in_order()).items():
        assert column.tolist() == getattr(ordered, name).tolist()


def test_days_of_many_moments_are_those_of_one() -> None:
    zone = Zone((86_400, 200_000), (0, 3_600, -7_200))
    moments = np.array([-90_000, -1, 0, 86_399, 86_400, 199_999, 200_000, 400_000])
    assert zone.units(moments, 86_400).tolist() == [zone.day(int(m)) for m in moments]


def test_tables_of_resolving_without_a_deal_have_the_columns_of_those_with_one() -> None:
    seen: dict[bool, dict[str, set[tuple[str, str]]]] = {True: {}, False: {}}
    for plain in (True, False):

        def watch(store: Store, *_: object, plain: bool = plain) -> None:
            for table in OF_RESOLVING:
                rows = store.rows(f"DESCRIBE {table}")
                seen[plain][table] = {row[:2] for row in rows if not row[0].startswith("segment_")}

        source, options = (
            frames({"one": STRAIGHT["closed by its history"]}),
            LoadOptions(plain=plain),
        )
        load(source, Config.from_text(PLAN), watch=watch, options=options).close()
    # what resolving says of ends beside their codes is asked by resolving alone
    ends = {True: seen[True].pop("ends"), False: seen[False].pop("ends")}
    assert seen[True] == seen[False]
    assert ends[True] < ends[False]
