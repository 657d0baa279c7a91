"""Real files, against the facts that were published with them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import leakkit
from leakkit import report, views
from leakkit.analysis import Analysis
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.check import check
from leakkit.store import Store

LOG = "bpic2012/BPI_Challenge_2012.xes.gz"
CONFIG = """
as_of = "2012-03-15"
timezone = "Europe/Amsterdam"
currency = "EUR"

[source]
ignore_unknown_stages = true
value = "AMOUNT_REQ"

[roles]
segments = ["owner"]

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


def test_the_page_of_causes_names_the_offer_and_its_automatic_cancellations(store: Path) -> None:
    """Of 934 offers lost in the last 90 days 328 were cancelled at the very same age."""
    with leakkit.load(store) as data:
        found = leakkit.diagnose(leakkit.analyze(data), "Loans")
        offer = found.stages[0]
        assert offer.stage.name == "A_FINALIZED"
        assert offer.cause.verdict.why == "bulk"
        assert (offer.cause.administrative.losses, offer.cause.administrative.one_age) == (934, 328)
        assert found.cards[0][0].stage == "A_FINALIZED"
        said = views.cause_and_effect(found).section().striptags()
        drivers = views.drivers(found).section().striptags()
    assert "328 of 934 losses were set apart because they were closed in bulk." in said
    assert "328 after exactly 31 days, when hardly any deal advances" in said
    assert offer.screen.drivers[0].columns == ("value",)
    assert "559 closed deals have 112 there and no open one has" in drivers
    assert "The column value is known only as it stands today" in drivers
    assert "The columns owner, value are known only as they stand today" in drivers


@pytest.mark.usefixtures("shared_workers")
def test_its_report(store: Path, tmp_path: Path) -> None:
    result = report.run(store, tmp_path / "out")
    assert not result.failed
    page = next((tmp_path / "out").glob("*/stage_dropoff.html")).read_text("utf-8")
    for number in ("13,087", "7,367", "5,113", "5,015", "3,254", "10,442"):
        assert number in page


# ---------------------------------------------------------------- a CRM's opportunities

CRM = """
[source]
stage = "deal_stage"
closed_at = "close_date"
value = "close_value"
{dates}

[[source.joins]]
file = "products.csv"
key = "product"
take = {{ list_price = "sales_price" }}
{same}

[[source.joins]]
file = "sales_teams.csv"
key = "sales_agent"
take = {{ manager = "manager", region = "regional_office" }}

[[source.joins]]
file = "accounts.csv"
key = "account"
take = {{ sector = "sector" }}

[[pipelines]]
name = "CRM"
stages = [{{ name = "Prospecting" }}, {{ name = "Engaging" }}]
"""
SAME = 'same = { "GTXPro" = "GTX Pro" }'


def test_the_present_state_of_a_crm(joined_rows: Store) -> None:
    store = joined_rows
    outcomes = store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1")
    assert outcomes == [("lost", 2_473), ("open", 2_089), ("won", 4_238)]
    assert store.value("SELECT sum(value) FROM opportunities") == 1_000_553_400
    assert store.value("SELECT sum(CAST(list_price AS BIGINT)) FROM opportunities") == 20_936_165
    regions = store.rows(
        "SELECT region, count(*) FROM opportunities WHERE outcome = 'won' GROUP BY 1 ORDER BY 1"
    )
    assert regions == [("Central", 1_629), ("East", 1_171), ("West", 1_438)]
    assert store.meta("facts")["join_keys_repaired"] == 1_480
    assert [s.exits.open for s in leakkit.analyze(store)["CRM"].stages] == [500, 1_589]


MANAGERS = """
SELECT manager, count(*) FILTER (outcome = 'won') AS won, count(*) AS deals,
       count(*) FILTER (outcome <> 'open') AS closed
FROM opportunities GROUP BY manager
"""
WORTH = "SELECT sum(value), sum(CAST(list_price AS BIGINT)) FROM opportunities"


@pytest.fixture(scope="module")
def joined_rows(data_dir: Path) -> Iterator[Store]:
    config = Config.from_text(CRM.format(dates='created_at = "engage_date"', same=SAME))
    with leakkit.load(data_dir / "maven_crm", config) as store:
        yield store


def test_two_denominators_rank_managers_oppositely(joined_rows: Store) -> None:
    """Won of all, and won of closed: Rocco Neubert is best, and worst."""
    rows = joined_rows.rows(MANAGERS)
    of_all = {manager: won / deals for manager, won, deals, _ in rows}
    of_closed = {manager: won / closed for manager, won, _, closed in rows}
    assert max(of_all, key=of_all.__getitem__) == "Rocco Neubert"
    assert min(of_closed, key=of_closed.__getitem__) == "Rocco Neubert"
    shares = [round(shares["Rocco Neubert"], 3) for shares in (of_all, of_closed)]
    assert shares == [0.521, 0.621]
    won, worth = joined_rows.rows(WORTH)[0]
    assert round(won / 100 / worth, 3) == 0.478


def test_the_page_names_both_denominators(joined_rows: Store) -> None:
    note = leakkit.views.data(leakkit.analyze(joined_rows)).note
    assert "48% of all 8,800 deals, open ones included" in note
    assert "63% of the 6,711 that are closed" in note
    assert "2,473 lost deals have the value 0 (100%)" in note


def test_the_quarters_of_close(joined_rows: Store) -> None:
    """The first is cut off, so its share is no fact."""
    quarters = joined_rows.rows(
        """
        SELECT count(*), round(100.0 * count(*) FILTER (outcome = 'won') / count(*), 1)
        FROM opportunities WHERE outcome <> 'open'
        GROUP BY quarter(make_timestamp(closed_at * 1000000))
        ORDER BY min(closed_day)
        """
    )
    assert quarters == [(647, 82.1), (2_032, 61.7), (2_047, 61.4), (1_985, 60.3)]


def test_a_further_file_is_joined_where_it_has_the_key(joined_rows: Store) -> None:
    """The account is missing in open deals only."""
    empty = joined_rows.rows(
        "SELECT outcome, count(*) FROM opportunities WHERE sector = '' OR sector IS NULL GROUP BY 1"
    )
    assert [outcome for outcome, _ in empty] == ["open"]


def test_a_key_that_is_nearly_the_same_is_proposed_and_not_merged(data_dir: Path) -> None:
    config = Config.from_text(CRM.format(dates='created_at = "engage_date"', same=""))
    found = check(data_dir / "maven_crm", config)
    near = [(one.why, one.as_what) for one in found.recognised if one.what == "near_key:product"]
    assert near == [("GTXPro", "GTX Pro")]
    assert found.facts["join_keys_unknown"] == 1_480


def test_a_date_of_one_stage_makes_a_history(data_dir: Path) -> None:
    """Engaging has its date, and the close has one: so there are stays, and a true win rate."""
    dates = '[source.stage_dates]\nEngaging = "engage_date"'
    with leakkit.load(
        data_dir / "maven_crm", Config.from_text(CRM.format(dates=dates, same=SAME))
    ) as store:
        analysis = leakkit.analyze(store)["CRM"]
        won, lost = leakkit.passages(store, exit="won_here"), leakkit.passages(store, exit="lost")
    exits = analysis.stages[1].exits
    assert (exits.won_here, exits.lost, exits.open) == (4_238, 2_473, 1_589)
    assert (won["stay"].median(), lost["stay"].median()) == (57, 14)
    assert analysis.windows.history_origin == "detected"


def test_what_is_known_after_the_outcome_is_set_aside(data_dir: Path) -> None:
    """Accounts are missing in open deals only, and the first quarter was cut off: no finding."""
    dates = '[source.stage_dates]\nEngaging = "engage_date"'
    config = Config.from_text(CRM.format(dates=dates, same=SAME))
    with leakkit.load(data_dir / "maven_crm", config) as store:
        analysis = leakkit.analyze(store)
        found = leakkit.diagnose(analysis, "CRM")
        aside = {one.column: one.reason for one in found.stages[0].screen.set_aside}
    assert aside["account"] == "missing_differs"
    assert not {one.severity for one in analysis.all_findings} & {"alarm", "watch"}


def test_tables_of_connectors_are_recognised(data_dir: Path) -> None:
    with pytest.raises(LeakkitError, match=r"58 of 58 deals are neither won nor lost"):
        check(data_dir / "hubspot_connector")
    kept = Config.from_text(
        '[source]\naccept = ["nothing_closes", "none_in_both"]\ndeleted = "kept"'
    )
    found = check(data_dir / "hubspot_connector", kept)
    makers = {one.as_what for one in found.recognised if one.what == "maker"}
    lists = {"hubspot_stage_list", "hubspot_merged_deals"}
    assert makers == {"hubspot_connector", "hubspot_stage_history", *lists}
    assert found.facts["history_without_opportunity"] == 14
    assert found.facts["none_in_both"] == 14
    with pytest.raises(LeakkitError, match="by is_deleted all of its deals are deleted"):
        check(data_dir / "salesforce_connector")
    found = check(data_dir / "salesforce_connector", kept)
    assert [one.where for one in found.recognised if one.what == "refused"] == [
        "sf_opportunity_history_data.csv"
    ]
    assert found.shape == "snapshot"
    with pytest.raises(LeakkitError, match="synchronisation history"):
        leakkit.load(data_dir / "salesforce_connector" / "sf_opportunity_history_data.csv")
