"""A store brought up to date is the store of a full load: table by table, row by row."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from leakkit import sample
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.store import Store, pseudonyms
from leakkit.store.settled_deals import LoadOptions
from tests.generated import FILE_ORDERS, Source, raw_source, write_source
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400
TABLES = ("opportunities", "stage_history", "moves", "passages", "doubts", "faults", "settled")


def content(store: Store) -> dict[str, Any]:
    """All that a store says, in one order; the inputs are the same files."""
    tables = {table: sorted(store.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}
    return tables | {"meta": sorted(store.rows("SELECT * FROM meta"))}


def the_night_before(source: Source, rng: Random) -> Source:
    """The same source some days earlier: fewer rows, and some of them otherwise."""
    opportunities, history, rules = source
    days = rng.choice((0, 1, 7, 60))
    earlier = replace(rules, as_of=rules.as_of - days * DAY, last_day=rules.last_day - days)
    rows = [row for row in history if rng.random() < 0.97]
    if opportunities is None:
        return None, rows, earlier
    deals = [
        {**deal, "value": 7} if rng.random() < 0.1 else deal
        for deal in opportunities
        if rng.random() < 0.95
    ]
    return deals, rows, earlier


def rng(seed: int) -> Random:
    """Chance that is the same at every run."""
    return Random(seed)  # noqa: S311 - for odd data, not for secrets


@pytest.mark.parametrize("file_order", FILE_ORDERS)
def test_bringing_up_to_date_is_a_full_load(file_order: str, tmp_path: Path) -> None:
    taken = 0
    for seed in seeds(2, 3):
        source = raw_source(seed, deals=30, file_order=file_order)
        folder, kept = tmp_path / f"source{seed}", str(tmp_path / f"kept{seed}.duckdb")
        write_source(the_night_before(source, rng(seed)), folder)
        load(folder, store=kept).close()
        write_source(source, folder)
        with load(folder, store=str(tmp_path / f"whole{seed}.duckdb")) as whole:
            wanted = content(whole)
        with load(folder, store=kept) as renewed:
            assert content(renewed) == wanted
        taken += len(wanted["settled"])
    assert taken > 12


@pytest.fixture(scope="module")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights") / "sample"
    sample.write(folder, 300, seed=3)
    return folder


WHOLE = LoadOptions(settle=True, plain=False)
"""No deal takes the straight way: what resolving sees is what was not taken over."""


class Watched:
    """Counts the rows of the history that were resolved."""

    resolved = 0

    def __call__(self, store: Store, *_: object) -> None:
        self.resolved = int(store.value("SELECT count(*) FROM events"))


def with_one_more_move(folder: Path, copy: Path) -> Path:
    """The sample after one more day, on which one deal moved."""
    shutil.copytree(folder, copy)
    history = pd.read_csv(copy / "stage_history.csv", dtype=str)
    opened = pd.read_csv(copy / "opportunities.csv", dtype=str)
    deal = opened.loc[~opened["outcome"].isin(["Won", "Lost"]), "opportunity_id"].iloc[0]
    row = history[history["opportunity_id"] == deal].tail(1)
    later = row.assign(stage="Lost", entered_at="2026-07-01T10:00:00", seq="99")
    pd.concat([history, later]).to_csv(copy / "stage_history.csv", index=False)
    return copy


def test_only_what_is_new_or_odd_is_resolved(sample_folder: Path, tmp_path: Path) -> None:
    first, again, next_day = Watched(), Watched(), Watched()
    kept = str(tmp_path / "kept.duckdb")
    load(sample_folder, store=kept, watch=first, options=WHOLE).close()
    load(sample_folder, store=kept, watch=again).close()
    moved = with_one_more_move(sample_folder, tmp_path / "moved")
    load(moved, as_of="2026-07-01", store=kept, watch=next_day).close()
    assert again.resolved < 0.5 * first.resolved
    assert 0 < next_day.resolved - again.resolved < 20


def test_other_rules_resolve_everything(sample_folder: Path, tmp_path: Path) -> None:
    first, again = Watched(), Watched()
    kept = str(tmp_path / "kept.duckdb")
    load(sample_folder, store=kept, watch=first, options=WHOLE).close()
    config = Config.read(sample_folder / "leakkit.toml")
    other = config.model_copy(update={"timezone": "Asia/Tehran"})
    load(sample_folder, other, store=kept, watch=again, options=WHOLE).close()
    assert again.resolved == first.resolved


def test_deals_are_not_taken_from_pseudonyms(sample_folder: Path, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.duckdb")
    load(sample_folder, store=kept).close()
    with Store.change(kept) as store:
        pseudonyms.anonymise(store, b"a key that nobody knows")
    with load(sample_folder, store=kept) as store:
        assert not store.value("SELECT count(*) FROM opportunities WHERE owner LIKE 'owner %'")


def test_a_file_that_is_no_store_stays(sample_folder: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.duckdb"
    letter.write_text("Dear customer", encoding="utf-8")
    with pytest.raises(LeakkitError, match="not a leakkit store"):
        load(sample_folder, store=str(letter))
    assert letter.read_text(encoding="utf-8") == "Dear customer"


def test_a_load_that_fails_leaves_the_store(sample_folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.duckdb"
    load(sample_folder, store=str(kept)).close()
    before = kept.read_bytes()
    broken = tmp_path / "broken"
    shutil.copytree(sample_folder, broken)
    (broken / "stage_history.csv").write_text("opportunity_id,stage,entered_at\n", encoding="utf-8")
    with pytest.raises(LeakkitError):
        load(broken, store=str(kept))
    assert kept.read_bytes() == before
    assert [file.name for file in tmp_path.glob("*.partial*")] == []


def test_a_burst_of_deals_that_did_not_change_is_still_one(tmp_path: Path) -> None:
    """What is a burst is told from all rows, those of deals that are taken over included."""
    rows = [(f"d{i:02}", "A", f"2026-01-{i % 28 + 1:02} 09:{i:02}:00") for i in range(50)]
    rows += [(f"d{i:02}", "B", "2026-02-02 12:00:30") for i in range(40)]
    rows += [("x", "A", "2026-02-03 10:00:00"), ("x", "Lost", "2026-02-04 10:00:00")]
    config = Config.from_text(
        'as_of = "2026-03-01"\n'
        '[[pipelines]]\nname = "P"\nlost = ["Lost"]\nstages = [{ name = "A" }, { name = "B" }]'
    )
    folder, kept, resolved = tmp_path / "source", str(tmp_path / "kept.duckdb"), Watched()
    folder.mkdir()
    deals = [(name, "2026-01-01", "10") for name in sorted({row[0] for row in rows})]
    frame = pd.DataFrame(deals, columns=["opportunity_id", "created_at", "value"])
    frame.to_csv(folder / "opportunities.csv", index=False)
    history = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    history[:-1].to_csv(folder / "stage_history.csv", index=False)
    load(folder, config, store=kept).close()
    history.to_csv(folder / "stage_history.csv", index=False)
    with load(folder, config, store=str(tmp_path / "whole.duckdb")) as whole:
        wanted = content(whole)
        assert whole.meta("facts")["moves_in_bursts"] == 40
    with load(folder, config, store=kept, watch=resolved) as renewed:
        assert content(renewed) == wanted
    assert resolved.resolved == 2


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_store_that_is_a_link_stays_one(sample_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "kept.duckdb"
    link.symlink_to(tmp_path / "disk" / "kept.duckdb")
    for _ in range(2):
        load(sample_folder, store=str(link)).close()
    assert link.is_symlink()
    assert {f.name for f in (tmp_path / "disk").iterdir()} == {"kept.duckdb", "kept.duckdb.lock"}


def test_a_configuration_in_a_zip_is_read(sample_folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "export.zip"
    names = ("leakkit.toml", "opportunities.csv", "stage_history.csv")
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.write(sample_folder / name, f"export/{name}")
    with load(packed) as inside, load(sample_folder) as plain:
        assert inside.config.pipelines == plain.config.pipelines
    # one beside it and one inside are too many, and so are two inside
    (tmp_path / "leakkit.toml").write_text("as_of = '2026-05-31'")
    with pytest.raises(LeakkitError, match="Say which to use"):
        load(packed)
    (tmp_path / "leakkit.toml").unlink()
    with zipfile.ZipFile(packed, "a") as archive:
        archive.write(sample_folder / names[0], f"other/{names[0]}")
    with pytest.raises(LeakkitError, match=r"more than one leakkit\.toml"):
        load(packed)
