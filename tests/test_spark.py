"""Spark as a source: the same numbers as DuckDB's, with most deals left where they are."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import leakkit
from leakkit import limits, sample, views
from leakkit.cli.endings import BAD_INPUT, INTERRUPTED, TO_FILL
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.explaining import explain
from leakkit.report import preparation
from leakkit.report.unchanged import NOTE
from leakkit.sources.databases.addresses import Address, address_of
from leakkit.sources.spark import spark_columns, spark_loading
from leakkit.store.spark_engine import SparkEngine
from leakkit.store.spark_sessions import RETRIES, SparkConnection, explaining
from tests.generated import raw_source, write_source
from tests.measuring import answers, assert_alike
from tests.running import SMALL, here
from tests.test_databases import files_in, write_tables
from tests.thoroughness import ALL, seeds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.store import Store

    Spark = Any
    """A session of Spark, whose types would load it."""

TABLES = ("opportunities", "stage_history", "moves", "passages", "doubts", "pipelines", "stages")
FACTS = ("facts", "cut", "last_day", "segments", "owner", "shape", "outcome_words", "closing_rows")
VIEWS = (views.headline, views.pipe, views.stages, views.balance, views.days, views.months)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some twenty deals settle how all are read, so that most stay in Spark."""
    monkeypatch.setattr(spark_loading, "SAMPLE", 20)


def give(spark: Spark, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return frames as those of Spark; moments without a zone have none there either."""
    found = {}
    for name, frame in frames.items():
        table = pa.Table.from_pandas(frame, preserve_index=False)
        there = spark.createDataFrame(table)
        columns = [
            f"CAST(`{heading}` AS TIMESTAMP_NTZ) AS `{heading}`"
            if kind == "timestamp"
            else f"`{heading}`"
            for heading, kind in there.dtypes
        ]
        found[name] = there.selectExpr(*columns)
    return found


def contents(store: Store) -> dict[str, Any]:
    """Return all that a store says of deals, wherever they are."""
    found: dict[str, Any] = {}
    for table in TABLES:
        kinds = [row[:2] for row in store.rows(f"DESCRIBE {table}")]
        columns = ", ".join(f'"{name}"' for name, _ in kinds)
        rows = store.rows(f"SELECT {columns} FROM {table}")
        found[table] = (sorted(kinds), sorted(rows, key=repr))
    # an amount is written as its database writes numbers
    content = "CASE WHEN field = 'value' THEN '' ELSE content END"
    faults = store.rows(f"SELECT rule, field, {content} FROM faults")
    found["faults"] = sorted(faults, key=repr)
    found["rows"] = [{k: v for k, v in one.items() if k != "file"} for one in store.meta("rows")]
    return found | {name: store.meta(name) for name in FACTS}


def count_travelled(store: Store) -> int:
    """Count the deals that came to this machine."""
    assert isinstance(store.engine, SparkEngine)
    return int(store.engine.here.rows("SELECT count(*) FROM opportunities")[0][0])


@pytest.mark.usefixtures("few")
def test_dirty_exports_give_the_same_tables_and_counts(spark: Spark, tmp_path: Path) -> None:
    kept = 0
    for seed in seeds(1, 20):
        folder = tmp_path / str(seed)
        config = write_source(raw_source(seed, deals=120), folder)
        frames = files_in(folder)
        if "opportunities" not in frames:
            continue
        if seed % 2 == 0:
            # where some moves say whence their deals came, and some do not, most are odd
            frames["stage_history"]["from_stage"] = ""
        frames["opportunities"]["value"] = frames["opportunities"]["value"].astype("float64")
        # a table has no order: rows of SQLite are put in the same one
        file = write_tables(tmp_path / f"{seed}.sqlite", frames)
        with leakkit.load(file, config) as here, leakkit.load(give(spark, frames), config) as there:
            assert contents(there) == contents(here), seed
            assert there.meta("fingerprint") != here.meta("fingerprint")
            assert sum(there.meta("travelled").values()) > 20
            kept += len(there) - count_travelled(there)
            asked, _ = answers(there)
            assert_alike(asked, answers(here)[0])
    assert kept > 20


@pytest.mark.usefixtures("few")
def test_the_sample_has_the_same_tables_and_views(spark: Spark) -> None:
    """Of the same sample the pages of a server, below, show every view in every run."""
    made = sample.make(400, plan=None if ALL else SMALL)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    config = Config.from_text(made.config)
    with leakkit.load(frames, config) as here, leakkit.load(give(spark, frames), config) as there:
        assert contents(there) == contents(here)
        if ALL:
            assert_same_views(there, here)


def assert_same_views(there: Store, here: Store) -> None:
    """Hold all counts, and the views of every pipeline, against those of another store."""
    asked, found = answers(there)
    known, expected = answers(here)
    assert_alike(asked, known)
    for pipeline in expected.pipelines:
        for view in VIEWS:
            shown = view(found, pipeline.name).section()
            assert shown == view(expected, pipeline.name).section()
    pd.testing.assert_frame_equal(found.by("owner"), expected.by("owner"))


def connector_tables(deals: int) -> dict[str, pd.DataFrame]:
    """Return tables as Fivetran copies them from HubSpot, without those of deleted deals."""
    ids = [f"d{n:03}" for n in range(deals)]
    days = pd.date_range("2024-01-01 09:00", periods=deals, freq="h")
    last = [("s2", "won", "lost")[n % 3] for n in range(deals)]
    deal = {
        "deal_id": ids, "deal_pipeline_id": "p1", "deal_pipeline_stage_id": last,
        "property_dealname": [f"Deal {n}" for n in range(deals)],
        "property_amount": [100.5 * n for n in range(deals)], "property_createdate": days,
    }  # fmt: skip
    moves = [
        (i, stage, day + pd.Timedelta(days=20 * at))
        for i, day, end in zip(ids, days, last, strict=True)
        for at, stage in enumerate(("s1", "s2", end)[: 2 if end == "s2" else 3])
    ]
    history = pd.DataFrame(moves, columns=["deal_id", "value", "date_entered"])
    return {"opportunities": pd.DataFrame(deal), "stage_history": history}


@pytest.mark.usefixtures("few")
def test_tables_of_a_connector_are_recognised_as_those_of_other_sources(spark: Spark) -> None:
    tables, stages = connector_tables(90), [{"name": "s1"}, {"name": "s2"}]
    pipelines = [{"name": "p1", "stages": stages, "won": ["won"], "lost": ["lost"]}]
    config = {"as_of": "2024-06-30", "pipelines": pipelines}
    with leakkit.load(tables, config) as here, leakkit.load(give(spark, tables), config) as there:
        assert contents(there) == contents(here)
        # where only the stage says how a deal ended, closed deals travel
        assert count_travelled(there) < len(there)
        makers = [one["as_what"] for one in there.meta("recognised") if one["what"] == "maker"]
        assert any("hubspot" in maker for maker in makers)


# ---------------------------------------------------------------- what is refused

PLAN = {
    "as_of": "2026-03-31",
    "pipelines": [{"name": "P", "stages": [{"name": "A"}, {"name": "B"}]}],
}
DEALS = {"opportunity_id": ["d1", "d2"], "outcome": ["Open", "Lost"], "value": [10.0, 20.5]}
MOVES = {
    "opportunity_id": ["d1", "d2"],
    "stage": ["A", "B"],
    "entered_at": ["2026-01-05", "2026-01-06 10:00"],
}


def refuse(spark: Spark, deals: dict[str, Any], moves: dict[str, Any], **other: Any) -> str:  # noqa: ANN401 - keys of a configuration
    """Return what is said of two tables."""
    frames = {"opportunities": pd.DataFrame(deals), "stage_history": pd.DataFrame(moves)}
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(give(spark, frames), PLAN | other)
    return f"{caught.value.code}: {caught.value}"


def test_a_few_deals_are_read_as_any_other_source_is(spark: Spark) -> None:
    frames = {"opportunities": pd.DataFrame(DEALS), "stage_history": pd.DataFrame(MOVES)}
    with leakkit.load(give(spark, frames), PLAN) as there, leakkit.load(frames, PLAN) as here:
        assert contents(there) == contents(here)
        assert not isinstance(there.engine, SparkEngine)


def test_what_is_not_read_from_spark_is_refused_with_the_line_to_write(spark: Spark) -> None:
    assert 'as_of = "2026-06-30"' in refuse(spark, DEALS, MOVES, as_of="")
    gone = DEALS | {"is_deleted": ["no", "yes"]}
    assert "[is_deleted]" in refuse(spark, gone, MOVES)
    texts = DEALS | {"value": ["10", "20"]}
    assert "CAST(`value` AS DECIMAL(18, 2)) AS `value`" in refuse(spark, texts, MOVES)
    assert "entered_at = '...'" in refuse(spark, DEALS, {"opportunity_id": ["d1"], "stage": ["A"]})
    where = {"source": {"leave_out": {"owner": "Test"}}}
    assert refuse(spark, DEALS, MOVES, **where).startswith("not_on_spark")


def test_frames_that_are_no_source_are_refused(spark: Spark) -> None:
    frames = give(spark, {"opportunities": pd.DataFrame(DEALS)})
    with pytest.raises(LeakkitError, match="stage_history"):
        leakkit.load(frames, PLAN)
    with pytest.raises(LeakkitError, match="A frame of Spark alone"):
        leakkit.load(frames["opportunities"], PLAN)
    with pytest.raises(LeakkitError, match="no frame of Spark"):
        leakkit.load({**frames, "stage_history": pd.DataFrame(MOVES)}, PLAN)


def test_no_file_holds_what_stays_in_spark(spark: Spark, tmp_path: Path) -> None:
    frames = {"opportunities": pd.DataFrame(DEALS), "stage_history": pd.DataFrame(MOVES)}
    with pytest.raises(LeakkitError, match="The deals of Spark stay there"):
        leakkit.load(give(spark, frames), PLAN, store=tmp_path / "deals.duckdb")


@pytest.mark.usefixtures("few")
def test_stages_have_to_be_declared_and_odd_deals_to_be_few(
    spark: Spark, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sample.make(120)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    given = give(spark, frames)
    plan = Config.from_text(made.config)
    bare = plan.model_copy(update={"pipelines": (), "interventions": ()})
    with pytest.raises(LeakkitError, match=r'\[\[pipelines\]\]\nname = "Equipment"'):
        leakkit.load(given, bare)
    monkeypatch.setattr(limits, "TRAVELLING_ROWS", 10)
    with pytest.raises(LeakkitError, match="more than the 10 that leakkit takes"):
        leakkit.load(given, plan)


@pytest.mark.usefixtures("few")
def test_what_spark_reads_otherwise_stops_the_load(
    spark: Spark, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sample.make(120)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    monkeypatch.setattr(spark_columns, "bucket", lambda _: "0")
    with pytest.raises(LeakkitError, match="is read in one way on Spark") as caught:
        leakkit.load(give(spark, frames), Config.from_text(made.config))
    assert "by bucket." in str(caught.value)


@pytest.mark.usefixtures("few")
def test_a_deal_that_would_stay_travels_to_be_explained(spark: Spark) -> None:
    made = sample.make(200, plan=SMALL)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    plan, deal = Config.from_text(made.config), str(made.opportunities["opportunity_id"][77])
    there, known = (explain(given, deal, plan) for given in (give(spark, frames), frames))
    rows = [(row.fate.step, row.fate.what, row.fate.reason) for row in there.rows]
    assert rows == [(row.fate.step, row.fate.what, row.fate.reason) for row in known.rows]
    assert {("opportunity_id", deal)} <= {text for row in there.rows for text in row.texts}
    assert replace(there, rows=()) == replace(known, rows=())


# ---------------------------------------------------------------- addresses


def test_an_address_of_spark_connect_hides_its_token() -> None:
    address = address_of("sc://host:15002/;token=s3cret;user_id=ann")
    assert isinstance(address, Address)
    assert (address.kind, str(address), address.label) == ("spark", "sc://host:15002", "host:15002")
    assert "s3cret" not in repr(address)
    for other in ("sc://ann:s3cret@host/db", "sc://host/;s3cret", "sc://host/;token=s3cret="):
        with pytest.raises(LeakkitError, match="It should look like sc://host:15002") as caught:
            address_of(other)
        assert "s3cret" not in str(caught.value)


def test_a_configuration_names_the_server_whose_folder_is_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def connect(*given: Any) -> None:  # noqa: ANN401 - whatever the method takes
        asked.append(given[:2])
        raise LeakkitError("no_database", "nobody there")

    monkeypatch.setattr(SparkConnection, "connect", connect)
    (tmp_path / "leakkit.toml").write_text('as_of = "2026-03-31"\n[source]\nspark = "sc://host"\n')
    with pytest.raises(LeakkitError, match="nobody there"):
        leakkit.load(tmp_path)
    assert asked == [("sc://host", "sc://host")]
    (tmp_path / "leakkit.toml").write_text('as_of = "2026-03-31"\n[source]\nspark = "host"\n')
    with pytest.raises(LeakkitError, match="should be the address of a server"):
        leakkit.load(tmp_path)


# ---------------------------------------------------------------- servers


@pytest.fixture(scope="session")
def catalogue(connect: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Put the sample into tables of a server; return folders with its files, and with its name."""
    files, there = (tmp_path_factory.mktemp(name) for name in ("files", "spark"))
    sample.write(files, 600, plan=SMALL)
    frames = {"deals": pd.read_csv(files / "opportunities.csv", dtype=str)}
    frames["opportunities"] = frames.pop("deals").astype({"value": float})
    frames["moves"] = pd.read_csv(files / "stage_history.csv", dtype=str).astype({"seq": int})
    server = SparkConnection.connect(connect, connect)
    for name, frame in frames.items():
        place = there / f"{name}.parquet"
        table = pa.Table.from_pandas(frame, preserve_index=False)
        parquet.write_table(table, place)
        server.spark.sql(f"CREATE TABLE {name} USING parquet LOCATION '{place}'")
    server.close()
    text = (files / "leakkit.toml").read_text()
    named = f'spark = "{connect}/;token=s3cret"'
    source = f'[source]\n{named}\n[source.tables]\nstage_history = "moves"\n'
    (there / "leakkit.toml").write_text(f"{text}\n{source}")
    return {"files": files, "spark": there}


def test_a_server_is_checked_with_the_words_of_files(
    connect: str, catalogue: Mapping[str, Path], tmp_path: Path
) -> None:
    text = (catalogue["files"] / "leakkit.toml").read_text()
    named = '[source.tables]\nstage_history = "SELECT * FROM default.moves"\n'
    (tmp_path / "other.toml").write_text(f"{text}\n{named}")
    found = here("check", connect, "--config", str(tmp_path / "other.toml"))
    known = here("check", str(catalogue["files"])).stdout
    known = known.replace(".csv:", ":").replace("Not read: truth.json\n", "")
    assert (found.stdout, found.stderr) == (known, "")


@pytest.mark.usefixtures("few")
def test_a_configuration_is_proposed_from_some_deals(
    connect: str, catalogue: Mapping[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "leakkit.toml"
    file.write_text('[source.tables]\nopportunities = "oportunities"\nstage_history = "moves"\n')
    asked = ("init", connect, "--out", str(file))
    found = here(*asked)
    assert found.returncode == BAD_INPUT
    assert "has no table 'oportunities' for opportunities. Did you mean" in found.stderr
    file.write_text('[source.tables]\nstage_history = "moves"\n')
    assert here(*asked).returncode == TO_FILL
    text = file.read_text()
    assert 'as_of = "FILL IN"   # the last day of the tables; of the ' in text
    assert 'stage_history = "moves"' in text
    proposed = Config.from_text(text.replace("FILL IN", "2026-06-30"))
    declared = Config.read(catalogue["files"] / "leakkit.toml")
    assert {one.name for one in proposed.pipelines} == {one.name for one in declared.pipelines}


def test_what_a_server_refuses_is_said_once(connect: str) -> None:
    from pyspark.logger import PySparkLogger  # noqa: PLC0415 - it may not be there

    session = SparkConnection.connect(connect, connect)
    logger, heard = PySparkLogger.getLogger("SQLQueryContextLogger"), BufferingHandler(9)
    logger.addHandler(heard)
    with pytest.raises(LeakkitError, match=r"\[TABLE_OR_VIEW_NOT_FOUND\]"):
        session.rows("SELECT * FROM nowhere")
    logger.removeHandler(heard)
    session.close()
    assert (heard.buffer, logger.disabled) == ([], False)


SAID_OF_SOURCES = re.compile(r"[0-9a-f]{64}|source = &#34;.*?&#34;")
"""Fingerprints, and what a source is called."""


@pytest.mark.usefixtures("few", "shared_workers", "_short_pages")
def test_pages_of_a_server_are_those_of_files(
    connect: str, catalogue: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, sessions = SparkConnection.connect(connect, connect), []

    def look(*given: Any, **more: Any) -> Store:  # noqa: ANN401 - those of load
        there = leakkit.load(*given, **more)
        assert isinstance(there.engine, SparkEngine)
        sessions.append(there.engine.session.spark)
        assert count_travelled(there) < len(there) / 2
        with leakkit.load(catalogue["files"]) as known:
            assert contents(there) == contents(known)
        return there

    monkeypatch.setattr(preparation, "load", look)
    files, there = (make_pages(source, tmp_path / name) for name, source in catalogue.items())
    assert any(file.name == "stage_dropoff.html" for file in there)
    assert there == files
    (session,) = sessions
    assert session.client.is_closed
    # another session of the process goes on, and none became the active one
    assert other.rows("SELECT 1") == [(1,)]
    assert type(other.spark).getActiveSession() is None
    assert [one.max_retries for one in other.spark.client.get_retry_policies()] == [RETRIES]
    other.close()


def make_pages(source: Path, out: Path) -> dict[Path, str | bytes]:
    """Make the pages of one pipeline; return all files but those that tell of the run."""
    found = here("report", str(source), "--out", str(out), "--pipeline", "Spare parts", "--quiet")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    made = {file.relative_to(out): file.read_bytes() for file in out.rglob("*.*")}
    assert not any(b"s3cret" in content for content in made.values())
    # no hash of files says that a night on a server changed nothing
    assert (NOTE in json.loads(made.pop(Path("run.json")))) == (source.name.startswith("files"))
    made.pop(Path("manifest.json"))
    sheets = {file: content for file, content in made.items() if file.suffix == ".xlsx"}
    texts = {file: made[file].decode("utf-8") for file in made.keys() - sheets.keys()}
    return sheets | {file: SAID_OF_SOURCES.sub("", text) for file, text in texts.items()}


# ---------------------------------------------------------------- servers that do not answer

CLIENT = pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed")


def name_server(folder: Path, port: int) -> None:
    """Write a configuration whose source is a server of this machine."""
    address = f"sc://localhost:{port}/;token=s3cret"
    text = f'as_of = "2026-03-31"\n[source]\nspark = "{address}"\n'
    (folder / "leakkit.toml").write_text(text)


def begin_check(folder: Path) -> subprocess.Popen[str]:
    """Begin a check of a folder in a process of its own."""
    command = [sys.executable, "-m", "leakkit", "check", str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


@CLIENT
def test_a_server_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:  # of an address on which nobody listens
        taken.bind(("localhost", 0))
        port = taken.getsockname()[1]
        name_server(tmp_path, port)
        with begin_check(tmp_path) as process:
            try:
                out, said = process.communicate(timeout=60)
            finally:
                process.kill()
    assert (process.returncode, out) == (BAD_INPUT, "")
    assert said.startswith(f"leakkit: sc://localhost:{port} cannot be reached: failed to connect")
    assert "Connection refused. Is a server of Spark Connect running there" in said
    assert said.count("\n") == 1
    assert "s3cret" not in said


@CLIENT
@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM"])
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_ctrl_c_ends_the_wait_for_a_server_that_is_silent(tmp_path: Path, sign: str) -> None:
    with socket.create_server(("localhost", 0)) as silent:
        silent.settimeout(60)
        name_server(tmp_path, silent.getsockname()[1])
        with begin_check(tmp_path) as process:
            try:
                with silent.accept()[0]:
                    process.send_signal(getattr(signal, sign))
                    # unheard, the wait would end by itself, with another code
                    _, said = process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in said


def test_what_grpc_says_is_said_without_what_surrounds_it() -> None:
    text = "<_MultiThreadedRendezvous of RPC that terminated with:\n\tstatus = ..."
    lost = type("Lost", (Exception,), {"__module__": "grpc._channel", "details": lambda _: "Gone"})
    wrapped = type("Wrapped", (Exception,), {"__module__": "pyspark.errors"})

    for line, said in ((text, "Gone."), ("[NO_TABLE] Not there", "[NO_TABLE] Not there.")):
        error = wrapped(line)
        error.__context__ = lost(text)
        with pytest.raises(LeakkitError) as caught, explaining("sc://a", ("s3",), "no_database"):
            raise error
        assert str(caught.value).startswith(f"sc://a cannot be reached: {said} Is a server")
    with pytest.raises(LeakkitError) as caught, explaining("sc://a", ("Go",), "database_refuses"):
        raise lost(text)
    assert str(caught.value) == "sc://a did not answer a question."
