"""A real event log, against the facts that were published with it."""

from pathlib import Path

import pytest

import leakkit
from leakkit import report
from leakkit.analysis import Analysis

LOG = "bpic2012/BPI_Challenge_2012.xes.gz"
CONFIG = """
as_of = "2012-03-15"
timezone = "Europe/Amsterdam"
currency = "EUR"

[source]
ignore_unknown_stages = true
value = "AMOUNT_REQ"

[[pipelines]]
name = "Loans"
won = ["A_APPROVED"]
lost = ["A_DECLINED", "A_CANCELLED"]
stages = [
  { name = "A_SUBMITTED" },
  { name = "A_PARTLYSUBMITTED" },
  { name = "A_PREACCEPTED" },
  { name = "A_ACCEPTED" },
  { name = "A_FINALIZED", kind = "offer" },
  { name = "O_SENT_BACK" },
]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("loans") / "leakkit.toml"
    file.write_text(CONFIG, "utf-8")
    return file


@pytest.fixture(scope="module")
def store(data_dir: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "loans.duckdb"
    leakkit.load(data_dir / LOG, config, store=str(path)).close()
    return path


@pytest.fixture(scope="module")
def loans(store: Path) -> Analysis:
    with leakkit.load(store) as data:
        return leakkit.analyze(data)


def test_rows_add_up(loans: Analysis) -> None:
    counted = loans.rows[0]
    assert counted["read"] == 262_200
    parts = ("used", "merged", "not_asked", "set_aside")
    assert sum(int(counted[part]) for part in parts) == 262_200
    assert counted["set_aside"] == 0


def test_the_published_counts(loans: Analysis) -> None:
    stages = loans["Loans"].stages
    assert [s.opportunities for s in stages] == [13_087, 13_087, 7_367, 5_113, 5_015, 3_254]
    assert [s.exits.lost for s in stages] == [0, 5_720, 2_185, 95, 1_530, 912]
    assert [s.exits.open for s in stages] == [0, 0, 69, 3, 231, 96]
    assert [s.exits.jumped + s.exits.returned + s.reopened_in for s in stages] == [0] * 6
    balance = loans["Loans"].balance
    assert (balance.won, balance.lost, balance.closing) == (2_246, 10_442, 399)


def test_the_offer_cliff(loans: Analysis) -> None:
    """Of 5,015 offers 1,761 never come back; none of them is approved."""
    offer = loans["Loans"].stages[4]
    assert offer.exits.entered - offer.exits.next == 1_761
    assert offer.exits.won_here == 0
    assert offer.lost.share == pytest.approx(1_530 / 5_015, abs=0.03)


def test_a_stage_that_everybody_leaves_in_a_minute_is_estimable(loans: Analysis) -> None:
    assert loans["Loans"].stages[0].advance.share == 1.0


def test_the_windows_of_a_short_history(loans: Analysis) -> None:
    windows = loans["Loans"].windows
    assert windows.baseline is not None
    assert windows.baseline[1] - windows.baseline[0] == 77


def test_the_median_days_from_offer_to_answer(store: Path) -> None:
    with leakkit.load(store) as data:
        rows = leakkit.passages(data, stage="A_FINALIZED", exit="next")
    assert (rows["left_at"] - rows["entered_at"]).median() / 86_400 == pytest.approx(9.0, abs=0.05)


def test_its_report(store: Path, tmp_path: Path) -> None:
    result = report.run(store, tmp_path / "out")
    assert not result.failed
    page = next((tmp_path / "out").glob("*/stage_dropoff.html")).read_text("utf-8")
    for number in ("13,087", "7,367", "5,113", "5,015", "3,254", "10,442"):
        assert number in page
