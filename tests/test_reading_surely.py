"""What an export may hold, and what may happen to a load, that must not change what is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

import leakkit
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.cells import no_data
from leakkit.sources.check import check
from leakkit.sources.headings.heading_words import near_pairs
from leakkit.store import Store

TWO = '[[pipelines]]\nname = "P"\nstages = [{ name = "A" }, { name = "B" }]\n'
DEALS = """Opportunity ID,Status,Amount,Close Date
1,Won,10,2026-03-01
2,Lost,20,2026-03-02
3,Open,5,
"""
MOVES = """Opportunity ID,Stage,Entered At
1,A,2026-01-01
1,B,2026-02-01
2,A,2026-01-01
3,A,2026-01-05
"""


def folder(place: Path, **files: str) -> Path:
    """Write files by their stems."""
    place.mkdir(exist_ok=True)
    for name, text in files.items():
        (place / f"{name}.csv").write_text(text, "utf-8")
    return place


def outcomes(source: Path, config: Config | None = None) -> list[str]:
    with leakkit.load(source, config) as store:
        return [str(row[0]) for row in store.rows("SELECT outcome FROM opportunities ORDER BY 1")]


def refuse(source: object, config: Config | None = None) -> LeakkitError:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(source, config)
    return caught.value


# Columns and files


def test_usual_headings_are_read_beside_canonical_ones(tmp_path: Path) -> None:
    source = folder(tmp_path, opportunities=DEALS, stage_history=MOVES)
    assert outcomes(source) == ["lost", "open", "won"]
    with leakkit.load(source) as store:
        assert store.value("SELECT sum(value) FROM opportunities") == 3500


@pytest.mark.parametrize(
    "names",
    [("deals", "moves"), ("Opportunities", "OpportunityHistory"), ("deals", "stage_history")],
)
def test_a_history_is_found_beside_deals_by_any_name(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    source = folder(tmp_path, **dict(zip(names, (DEALS, MOVES), strict=True)))
    assert outcomes(source) == ["lost", "open", "won"]
    with leakkit.load(source) as store:
        assert store.meta("shape") == "events"
        assert store.value("SELECT sum(value) FROM opportunities") == 3500


def test_a_deal_whose_present_stage_closes_has_ended(tmp_path: Path) -> None:
    deals = (
        "opportunity_id,stage,closed_at\n1,Closed Won,2026-03-01\n2,Closed Lost,2026-03-02\n3,B,\n"
    )
    source = folder(tmp_path, opportunities=deals, stage_history=MOVES)
    assert outcomes(source) == ["lost", "open", "won"]


def test_words_of_other_languages_close_deals(tmp_path: Path) -> None:
    deals = DEALS.replace("Won", "Gewonnen").replace("Lost", "Verloren").replace("Open", "Offen")
    assert outcomes(folder(tmp_path, opportunities=deals, stage_history=MOVES)) == [
        "lost", "open", "won"
    ]  # fmt: skip


def test_a_date_is_that_of_a_move_only_where_there_is_no_other(tmp_path: Path) -> None:
    rows = "deal_id,stage,date\n1,A,2026-01-01\n1,B,2026-02-01\n"
    file = folder(tmp_path, moves=rows) / "moves.csv"
    with leakkit.load(file) as store:
        assert store.meta("shape") == "events"
    more = rows.replace("date", "date,status").replace("-01\n", "-01,Open\n")
    with pytest.raises(LeakkitError):
        leakkit.load(folder(tmp_path, moves=more) / "moves.csv")


def test_spellings_of_a_stage_rank_together_and_the_usual_one_names_it() -> None:
    rows = [(f"d{i}", stage, f"2026-01-0{day}") for i in range(9)
            for day, stage in ((1, "Qualify"), (2, "Offer"), (3, "Contract"))]  # fmt: skip
    rows.append(("x", "CONTRACT", "2026-01-01"))
    frame = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    with leakkit.load({"stage_history": frame}) as store:
        names = [stage.name for stage in store.config.pipelines[0].stages]
    assert names == ["Qualify", "Offer", "Contract"]


@pytest.mark.parametrize("heading", ["rowid", "RowID"])
def test_a_column_may_be_called_as_the_engine_calls_its_rows(tmp_path: Path, heading: str) -> None:
    text = f"opportunity_id,stage,entered_at,{heading}\na,B,2026-01-01,9\na,A,2026-01-01,1\n"
    file = folder(tmp_path, moves=text) / "moves.csv"
    frame = pd.read_csv(file)
    for source in (file, {"stage_history": frame}):
        with leakkit.load(source, Config.from_text(TWO)) as store:
            assert store.rows("SELECT stage FROM passages ORDER BY step") == [(0,), (1,)]


def test_very_many_columns_are_read(tmp_path: Path) -> None:
    more = [f"c{i}" for i in range(300)]
    cells = ",".join(str(i % 3) + "x" for i in range(300))
    rows = "".join(f"d{i},A,2026-01-01,{cells}\n" for i in range(3))
    text = f"opportunity_id,stage,entered_at,{','.join(more)}\n{rows}"
    assert outcomes(folder(tmp_path, moves=text) / "moves.csv") == ["open"] * 3


def test_two_files_of_one_name_in_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as packed:
        for year in (2023, 2024):
            packed.writestr(f"{year}/stage_history.csv", MOVES)
    assert refuse(tmp_path / "both.zip").code == "two_files"


def test_letters_with_accents_are_one_in_both_forms_of_unicode(tmp_path: Path) -> None:
    text = "opportunity_id,stage,entered_at\nd,Qualifie\u0301,2026-01-01\n"
    config = Config.from_text(TWO.replace('"A"', '"Qualifi\u00e9"'))
    found = check(folder(tmp_path, moves=text) / "moves.csv", config)
    assert (found.set_aside, found.rows[0]["used"]) == (0, 1)


# Days and money


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Tehran", "America/Sao_Paulo"])
def test_whole_days_are_so_in_every_zone(zone: str) -> None:
    """Also where a zone skips the midnight of a day that the data have."""
    days = pd.date_range("2017-10-01", "2017-11-05").strftime("%Y-%m-%d").tolist()
    days += pd.date_range("2021-03-01", "2021-04-05").strftime("%Y-%m-%d").tolist()
    rows = [(f"{day} {i}", "A", day) for day in days for i in range(40 if day[-2:] == "02" else 1)]
    frame = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    config = f'timezone = "{zone}"\n[source.outcomes]\nwon = ["Won"]'
    with leakkit.load({"stage_history": frame}, Config.from_text(config)) as store:
        last = pd.Timestamp(int(store.meta("last_day")), unit="D")
        assert f"{last:%Y-%m-%d}" == "2021-04-05"
        assert "moves_in_bursts" not in store.meta("facts")
        assert store.value("SELECT count(*) FROM doubts") == 0


def test_rows_that_are_not_asked_for_are_no_burst() -> None:
    rows = [(f"d{i}", "A", f"2026-01-{i + 1:02} 10:00:00") for i in range(20)]
    rows += [(f"late{i}", "A", "2026-06-01 12:00:00") for i in range(60)]
    frame = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    config = 'as_of = "2026-02-01"\n[source.outcomes]\nwon = ["Won"]'
    with leakkit.load({"stage_history": frame}, Config.from_text(config)) as store:
        assert "moves_in_bursts" not in store.meta("facts")


@pytest.mark.parametrize(
    ("words", "config"),
    [
        (("Won", "Lost", "Open"), TWO),
        (("Won!", "Gone", "On"), '[source.outcomes]\nwon = ["Won!"]\nlost = ["Gone"]\n' + TWO),
        (("Won", "ناموفق\u200c", "Open"), TWO.replace('"P"\n', '"P"\nwon = ["Order"]\n')),
    ],
)
def test_snapshots_close_deals_on_the_day_of_the_file(
    tmp_path: Path, words: tuple[str, str, str], config: str
) -> None:
    won, lost, still = words
    for day, ends in (("2024-02-01", (still, still)), ("2024-03-01", (won, lost))):
        rows = "".join(f"{who},A,{end}\n" for who, end in zip("ab", ends, strict=True))
        name = f"deals {day}"
        folder(tmp_path, **{name: f"opportunity_id,stage,outcome\n{rows}"})
    with leakkit.load(tmp_path, Config.from_text(config)) as store:
        days = store.rows(
            "SELECT outcome, strftime(make_timestamp(closed_at * 1000000), '%Y-%m-%d') "
            "FROM opportunities ORDER BY opportunity"
        )
    assert days == [("won", "2024-03-01"), ("lost", "2024-03-01")]


def test_a_rate_of_the_rial_is_one_of_the_toman() -> None:
    deals = pd.DataFrame(
        [("d", "5000000", "IRT"), ("e", "50000000", "IRR")],
        columns=["opportunity_id", "value", "currency"],
    )
    moves = pd.DataFrame(
        [("d", "A", "2026-01-01"), ("e", "A", "2026-01-01")],
        columns=["opportunity_id", "stage", "entered_at"],
    )
    config = Config.from_text('currency = "USD"\n[rates]\nIRR = 0.00002\n')
    with leakkit.load({"opportunities": deals, "stage_history": moves}, config) as store:
        assert store.rows("SELECT value FROM opportunities") == [(100_000,), (100_000,)]


@pytest.mark.parametrize("text", ['as_of = "9999-12-31"', '[source]\nencoding = "rot13"'])
def test_settings_that_no_data_can_have_are_refused(text: str) -> None:
    with pytest.raises(LeakkitError):
        Config.from_text(text)


# Stores


def test_two_runs_never_write_one_store(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", stage_history=MOVES)
    kept = tmp_path / "kept.duckdb"
    leakkit.load(source, store=str(kept)).close()
    before = kept.read_bytes()
    with FileLock(f"{kept}.lock"), pytest.raises(LeakkitError) as caught:
        leakkit.load(source, store=str(kept))
    assert caught.value.code == "store_in_use"
    assert kept.read_bytes() == before


def test_what_a_killed_run_left_is_no_hindrance(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", stage_history=MOVES)
    kept = tmp_path / "kept.duckdb"
    Path(f"{kept}.partial").write_bytes(b"half")
    leakkit.load(source, store=str(kept)).close()
    assert not [path.name for path in tmp_path.iterdir() if ".partial" in path.name]
    with Store.open(kept) as store:
        assert store.value("SELECT count(*) FROM opportunities") == 3


def test_a_store_needs_its_ending_to_be_read_again(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", stage_history=MOVES)
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(source, store=str(tmp_path / "kept.db"))
    assert caught.value.code == "store_name"


def test_a_store_is_of_one_day(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", stage_history=MOVES)
    kept = tmp_path / "kept.duckdb"
    leakkit.load(source, as_of="2026-03-01", store=str(kept)).close()
    leakkit.load(kept, as_of="2026-03-01").close()
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(kept, as_of="2026-02-01")
    assert caught.value.code == "store_is_settled"
    assert "2026-03-01" in str(caught.value)


@pytest.mark.parametrize(
    ("codes", "config", "currency"),
    [
        (("EUR", "EUR"), "", "EUR"),
        (("EUR", ""), "", "USD"),
        (("EUR", "GBP"), "", "USD"),
        (("EUR", "EUR"), 'currency = "GBP"', "GBP"),
    ],
)
def test_one_currency_of_all_values_is_that_of_the_page(
    codes: tuple[str, str], config: str, currency: str
) -> None:
    frame = pd.DataFrame({"opportunity_id": ["d", "e"], "value": ["1", "2"], "currency": codes})
    moves = pd.DataFrame({"opportunity_id": ["d", "e"], "stage": "A", "entered_at": "2026-01-01"})
    frames = {"opportunities": frame, "stage_history": moves}
    with leakkit.load(frames, Config.from_text(config)) as store:
        assert store.config.currency == currency
        known = store.value("SELECT count(value) FROM opportunities")
    assert known == sum(code in {"", currency} for code in codes)


@pytest.mark.parametrize("shape", ["deals beside", "events"])
def test_a_key_that_is_empty_joins_nothing(tmp_path: Path, shape: str) -> None:
    prices = "product,lp\nG,a\nG,a \n,z\n,y\n"
    moves = "opportunity_id,stage,entered_at,product\n1,A,2026-01-01,\n2,A,2026-01-01,G\n"
    files = {"prices": prices, "moves": moves}
    if shape == "deals beside":
        files = {
            "prices": prices,
            "stage_history": moves,
            "opportunities": "opportunity_id,product\n1,\n2,G\n",
        }
    take = '[[source.joins]]\nfile = "prices.csv"\nkey = "product"\ntake = { price = "lp" }\n'
    config = Config.from_text(f'[roles]\nsegments = ["price"]\n{take}')
    with leakkit.load(folder(tmp_path, **files), config) as store:
        assert store.rows("SELECT COALESCE(price, '') FROM opportunities ORDER BY 1") == [
            ("",), ("a",)
        ]  # fmt: skip
        assert [row["read"] for row in store.meta("rows")][-1] == 2


def test_a_deal_that_stands_in_another_pipeline_has_moved(tmp_path: Path) -> None:
    for day, pipeline in (("2024-01-01", "P"), ("2024-02-01", "Q")):
        folder(tmp_path, **{f"deals {day}": f"opportunity_id,pipeline,stage\n1,{pipeline},A\n"})
    config = Config.from_text(TWO + TWO.replace('"P"', '"Q"'))
    with leakkit.load(tmp_path, config) as store:
        found = store.rows("SELECT pipeline, stage, exit FROM passages ORDER BY step")
    assert found == [(0, 0, 6), (1, 0, 0)]


def test_numbers_in_names_of_files_are_no_days(tmp_path: Path) -> None:
    for number in (99887766, 99887767):
        folder(tmp_path, **{f"deals_{number}": "opportunity_id,stage,status\n1,A,Open\n"})
    # so they are one table in two files, and no snapshots of two days
    assert refuse(tmp_path).code == "no_as_of"


def test_moments_that_are_counted_are_cut_as_others_are() -> None:
    moves = pd.DataFrame(
        {
            "opportunity_id": ["a", "b"],
            "stage": "A",
            "entered_at": ["1700006399600", "1700006400000"],
        }
    )
    with leakkit.load({"stage_history": moves}) as store:
        found = store.rows("SELECT entered_at FROM passages ORDER BY opportunity")
    assert found == [(1_700_006_399,), (1_700_006_400,)]


def test_categories_of_pandas_are_texts() -> None:
    moves = pd.DataFrame(
        {
            "opportunity_id": ["a", "b"],
            "stage": "A",
            "entered_at": "2026-01-01",
            "region": ["N", "S"],
        }
    ).astype({"region": "category", "stage": "category"})
    with leakkit.load({"stage_history": moves}) as store:
        assert store.meta("segments") == ["region"]


def test_columns_may_have_the_names_of_the_store(tmp_path: Path) -> None:
    heading = "opportunity_id,stage,entered_at,bucket,bucket (given)"
    text = f"{heading}\na,A,2026-01-01,x,1y\nb,A,2026-01-01,z,2y\n"
    with leakkit.load(folder(tmp_path, moves=text) / "moves.csv") as store:
        names = store.meta("segments")
        assert len(set(names)) == 2
        columns = ", ".join(f'"{name}"' for name in names)
        assert store.rows(f"SELECT {columns} FROM opportunities ORDER BY 1") == [
            ("x", "1y"), ("z", "2y")
        ]  # fmt: skip


def test_totals_and_what_stands_under_them_are_no_deals(tmp_path: Path) -> None:
    text = f"{MOVES}Total,,\nNumber of deals,,\n"
    found = check(folder(tmp_path, moves=text) / "moves.csv", Config.from_text(TWO))
    assert {fault.rule for fault in found.faults} == {"total_row"}
    assert (found.facts["total_rows"], found.facts.get("deals_set_aside")) == (2, None)


def test_words_alone_in_the_place_of_an_id_at_the_end_are_no_deal(tmp_path: Path) -> None:
    folder(tmp_path, moves=f"{MOVES}all our records,,\n")
    found = check(tmp_path / "moves.csv", Config.from_text(TWO))
    assert {fault.rule for fault in found.faults} == {"lone_cell"}
    assert (found.facts["lone_cells"], found.facts.get("deals_set_aside")) == (1, None)
    folder(tmp_path, moves=f"{MOVES}60 records,,\n")
    found = check(tmp_path / "moves.csv", Config.from_text(TWO))
    assert (found.facts["footer_rows"], found.faults) == (1, ())
    rows = "".join(f"deal {i},A,2026-01-0{i}\n" for i in range(1, 9))
    folder(tmp_path, moves=f"Opportunity ID,Stage,Entered At\n{rows}all our records,,\n")
    assert "lone_cells" not in check(tmp_path / "moves.csv", Config.from_text(TWO)).facts


@pytest.mark.parametrize(
    ("headings", "stages"),
    [
        ("id,status,Close Date,Lead Date,Proposal Date,Negotiation Date", "Lead Proposal"),
        ("Deal ID,Outcome,Closed,Date of enquiry,Date of offer,Date of contract", "enquiry offer"),
        ("Nr,Ergebnis,Abschlussdatum,Anfragedatum,Angebotsdatum,Vertragsdatum", "Anfrage Angebot"),
        ("No,sonuç,kapanış tarihi,talep tarihi,teklif tarihi,sözleşme tarihi", "talep teklif"),  # noqa: RUF001 - Turkish
    ],
)
def test_a_date_for_each_step_in_words_of_people(
    tmp_path: Path, headings: str, stages: str
) -> None:
    rows = [
        f"{i},{('Won', 'Lost')[i % 2]},2026-02-1{i},2026-01-0{i + 1},2026-01-2{i},"
        + ("2026-02-01" if i % 2 else "N/A")
        for i in range(9)
    ]
    (tmp_path / "list.csv").write_text("\n".join([headings, *rows]), "utf-8")
    with leakkit.load(tmp_path) as store:
        said = [name for (name,) in store.rows("SELECT name FROM stages ORDER BY stage")]
        assert said[:2] == stages.split()
        assert len([name for name in said if name]) >= 3
        assert store.value("SELECT count(*) FROM opportunities WHERE outcome <> 'open'") == 9
        assert "deals_set_aside" not in store.meta("facts")


@pytest.mark.parametrize("nothing", ["", "NULL", "(null)", "#N/A", r"\N"])
def test_what_databases_write_for_nothing_is_nothing(tmp_path: Path, nothing: str) -> None:
    head = "opportunity_id,from_stage,stage,entered_at,lost_reason\n"
    rows = f"1,{nothing},A,2026-01-01,{nothing}\n1,A,B,2026-02-01,{nothing}\n"
    (tmp_path / "moves.csv").write_text(head + rows, "utf-8")
    with leakkit.load(tmp_path, Config.from_text(TWO)) as store:
        assert store.value("SELECT count(*) FROM opportunities WHERE lost_reason = ''") == 1
        assert "deals_set_aside" not in store.meta("facts")
        assert store.value("SELECT count(*) FROM passages WHERE stage >= 0") == 2


def test_of_very_many_keys_only_some_are_compared() -> None:
    known = [f"key {i:05}" for i in range(5_000)]
    unknown = [f"kee {i:05}" for i in range(5_000)]
    assert len(near_pairs(unknown, known)) <= 600


def test_columns_that_need_no_trimming_are_read_as_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deals = (
        "opportunity_id,owner,region,outcome,value\n"
        "a,Ada , North,Won,999999999.995\nb\u00a0,Ada,South ,Lost,1000000000.005\n"
        "c,L\u00fcders,,,n/a\nopportunity_id,owner,region,outcome,value\nNorth (3),,,,\n"
    )
    moves = (
        "opportunity_id,stage,entered_at\n"
        "a, A,2026-01-01\na,B ,2026-02-01\nb,A,2026-01-01\n c,A,2026-01-05\nTotal,,\n"
    )
    source = folder(tmp_path, opportunities=deals, stage_history=moves)
    told = []
    for rows in (no_data.MANY_ROWS, 0):
        monkeypatch.setattr(no_data, "MANY_ROWS", rows)
        with leakkit.load(source, Config.from_text(TWO)) as store:
            tables = ("opportunities", "stage_history", "meta", "faults")
            told.append({name: sorted(store.rows(f"SELECT * FROM {name}")) for name in tables})
    assert told[0] == told[1]
    assert [row[0] for row in told[0]["opportunities"]] == [1, 2, 3]
