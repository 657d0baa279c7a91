"""Two routes to the same deals: the SQL of the engine and the loops of tests/reference.py."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

from leakkit.config import CROSS_CHECKS
from leakkit.sources import load
from leakkit.store import schema
from tests.generated import FILE_ORDERS, Source, raw_source, sources, write_source
from tests.reference import Deal, Passage, Resolved, RowCount, resolve
from tests.thoroughness import every, seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from leakkit.store.database import Store

SEEDS_PER_ORDER = seeds(6, 38)
NAMES_OF_FACTS = {
    "negative_value": "value_negative",
    "without_opportunity": "history_without_opportunity",
}
"""Facts that the engine calls otherwise than the reference."""
ENGINE_ONLY = {
    *CROSS_CHECKS,
    "closed_before_created",
    "deals_set_aside",
    "from_stage_used",
    "none_in_both",
    "outcome_unknown",
    "date_unreadable",
    "value_missing",
    "value_unreadable",
    "value_without_rate",
    "value_zero",
}
"""Facts that the reference does not count."""

PASSAGES = """
SELECT o.opportunity_id, n.name AS pipeline,
       row_number() OVER (PARTITION BY p.opportunity ORDER BY p.step) AS step,
       p.stage, p.visit, p.entry, p.entered_at, p.entered_day, p.entered_tick,
       p.left_at, p.left_day, p.left_tick, p.exit, p.to_stage, p.skipped
FROM passages p
JOIN opportunities o ON o.opportunity = p.opportunity
JOIN pipelines n ON n.pipeline = p.pipeline
ORDER BY p.opportunity, p.step
"""
DEALS = """
SELECT o.opportunity_id, n.name AS pipeline, o.outcome, o.created_at, o.created_day,
       o.closed_at, o.value, o.current_stage, o.has_history
FROM opportunities o LEFT JOIN pipelines n ON n.pipeline = o.pipeline
ORDER BY o.opportunity
"""


def engine_passages(store: Store) -> list[Passage]:
    """Return the passages of the store in the reference's words."""
    columns = [row[0] for row in store.rows(f"DESCRIBE {PASSAGES}")]
    found = []
    for row in store.rows(PASSAGES):
        values: dict[str, Any] = dict(zip(columns, row, strict=True))
        values["entry"] = schema.ENTRIES[values["entry"]]
        values["exit"] = schema.EXITS[values["exit"]]
        found.append(Passage(**values))
    return found


def engine_deals(store: Store) -> list[Deal]:
    """Return the deals of the store in the reference's words."""
    return [Deal(*row) for row in store.rows(DEALS)]


def stated_stage_only(deals: Iterable[Deal]) -> list[Deal]:
    """Leave out where an open deal stands: the engine keeps what was stated, without history."""
    return [
        Deal(**{**vars(deal), "current_stage": None if deal.has_history else deal.current_stage})
        for deal in deals
    ]


def differences(store: Store, found: Resolved) -> list[str]:
    """Say in what the two routes differ."""
    pairs: list[tuple[str, Iterable[Any], Iterable[Any]]] = [
        ("passages", engine_passages(store), found.passages),
        ("deals", engine_deals(store), stated_stage_only(found.deals)),
        ("rows", engine_rows(store), reference_rows(found)),
        ("facts", engine_facts(store), reference_facts(found)),
    ]
    return [
        f"{what}: {sign} {part}"
        for what, engine, reference in pairs
        for sign, part in (
            *(("engine", one) for one in set(engine) - set(reference)),
            *(("reference", one) for one in set(reference) - set(engine)),
        )
    ]


def engine_rows(store: Store) -> set[tuple[Any, ...]]:
    """Return what became of the rows of each file."""
    return {
        (count["file"].partition(".")[0], *(count[name] for name in ROW_FATES))
        for count in store.meta("rows")
    }


ROW_FATES = ("read", "used", "merged", "not_asked", "set_aside")


def reference_rows(found: Resolved) -> set[tuple[Any, ...]]:
    """Return the same of the reference; a file that is not there has no rows."""
    return {
        (file, *(getattr(count, name) for name in ROW_FATES))
        for file, count in found.rows.items()
        if count.read
    }


def engine_facts(store: Store) -> set[tuple[str, int]]:
    """Return the facts that both routes count."""
    return {(code, n) for code, n in store.meta("facts").items() if code not in ENGINE_ONLY}


def reference_facts(found: Resolved) -> set[tuple[str, int]]:
    """Return the reference's facts by the engine's names."""
    return {(NAMES_OF_FACTS.get(code, code), n) for code, n in found.facts.items() if n}


def compare(source: Source, folder: Path) -> list[str]:
    """Write the source, take both routes, and say where they part."""
    write_source(source, folder)
    with load(folder) as store:
        return differences(store, resolve(*source))


# ---------------------------------------------------------------------------------------------
# The same deals by both routes
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_order", FILE_ORDERS)
def test_both_routes_tell_the_same(file_order: str, tmp_path: Path) -> None:
    for seed in SEEDS_PER_ORDER:
        source = raw_source(seed, file_order=file_order)
        assert compare(source, tmp_path / str(seed)) == [], f"seed {seed}"


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(source=sources())
def test_both_routes_tell_the_same_of_any_source(source: Source) -> None:
    assume(source[1])  # a history without rows is refused
    with TemporaryDirectory() as folder:
        assert compare(source, Path(folder)) == []


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    source = raw_source(3)
    write_source(source, tmp_path)
    found = resolve(*source)
    with load(tmp_path) as store:
        assert differences(store, found) == []
        for table, change in (
            ("passages", "skipped = skipped + 1"),
            ("opportunities", "closed_at = closed_at + 1"),
        ):
            store.run(f"UPDATE {table} SET {change}")
            assert any(line.startswith(WORDS[table]) for line in differences(store, found))
    for changed in (
        replace(found, facts=found.facts + Counter(ties=1)),
        replace(found, rows=found.rows | {"stage_history": RowCount(9, 9, 0, 0, 0)}),
    ):
        with load(tmp_path) as store:
            assert len(differences(store, changed)) >= 1


WORDS = {"passages": "passages", "opportunities": "deals"}


# ---------------------------------------------------------------------------------------------
# The same source in another dress
# ---------------------------------------------------------------------------------------------

FINGERPRINT_SEEDS = every(2, (1, 4, 11, 23))


def with_seq(source: Source) -> Source:
    """Number the rows of each deal, so that their order in the file says nothing."""
    opportunities, history, rules = source
    numbers: Counter[str] = Counter()
    numbered = []
    for row in history:
        numbers[row["opportunity_id"]] += 1
        numbered.append({**row, "seq": numbers[row["opportunity_id"]]})
    return opportunities, numbered, rules


def shuffle_rows(source: Source, seed: int) -> Source:
    """Return the same rows in another order."""
    opportunities, history, rules = source
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    rows = [None if table is None else rng.sample(table, len(table)) for table in source[:2]]
    assert rows[1] is not None
    assert len(rows[1]) == len(history)
    assert (rows[0] is None) == (opportunities is None)
    return rows[0], rows[1], rules


def fingerprint(folder: Path) -> str:
    """Return the fingerprint of the canonical tables of a source."""
    with load(folder) as store:
        return str(store.meta("fingerprint"))


def rewrite(folder: Path, target: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """Write the files of a source again with their columns changed."""
    target.mkdir()
    for file in folder.iterdir():
        if file.suffix == ".csv":
            frame = change(pd.read_csv(file, dtype="str", keep_default_na=False))
            frame.to_csv(target / file.name, index=False)
        else:
            shutil.copy(file, target)
    return target


@pytest.mark.parametrize("seed", FINGERPRINT_SEEDS)
def test_the_order_of_rows_and_columns_does_not_matter(seed: int, tmp_path: Path) -> None:
    source = with_seq(raw_source(seed))
    write_source(source, tmp_path / "as_it_is")
    write_source(shuffle_rows(source, seed), tmp_path / "shuffled")
    expected = fingerprint(tmp_path / "as_it_is")
    assert fingerprint(tmp_path / "shuffled") == expected
    turned = rewrite(tmp_path / "as_it_is", tmp_path / "turned", lambda frame: frame.iloc[:, ::-1])
    assert fingerprint(turned) == expected
    renamed = rewrite(
        tmp_path / "as_it_is",
        tmp_path / "renamed",
        lambda frame: frame.rename(columns=lambda name: f" {name.replace('_', ' ').title()} "),
    )
    assert fingerprint(renamed) == expected


@pytest.mark.parametrize("seed", FINGERPRINT_SEEDS)
def test_parquet_is_read_like_csv(seed: int, tmp_path: Path) -> None:
    write_source(raw_source(seed), tmp_path / "csv")
    expected = fingerprint(tmp_path / "csv")
    (tmp_path / "parquet").mkdir()
    for file in (tmp_path / "csv").iterdir():
        if file.suffix != ".csv":
            shutil.copy(file, tmp_path / "parquet")
            continue
        frame = pd.read_csv(file, dtype="str", keep_default_na=False)
        for column in frame.columns.intersection(["created_at", "closed_at", "entered_at"]):
            frame[column] = pd.to_datetime(frame[column])
        for column in frame.columns.intersection(["value", "seq"]):
            frame[column] = pd.to_numeric(frame[column])
        frame.to_parquet(tmp_path / "parquet" / f"{file.stem}.parquet")
    assert fingerprint(tmp_path / "parquet") == expected


@pytest.mark.parametrize("seed", FINGERPRINT_SEEDS)
def test_threads_do_not_matter(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(raw_source(seed, deals=60), tmp_path)
    found = set()
    for threads in ("1", "2"):
        monkeypatch.setenv("LEAKKIT_THREADS", threads)
        with load(tmp_path) as store:
            assert store.value("SELECT current_setting('threads')") == int(threads)
            found.add(store.meta("fingerprint"))
    assert len(found) == 1


def test_another_value_is_another_fingerprint(tmp_path: Path) -> None:
    opportunities, history, rules = raw_source(4)
    assert opportunities
    write_source((opportunities, history, rules), tmp_path / "a")
    later = [{**row, "value": (row["value"] or 0) + 1} for row in opportunities]
    write_source((later, history, rules), tmp_path / "b")
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")
