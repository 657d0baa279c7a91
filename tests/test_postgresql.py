"""A real PostgreSQL as a source: the same deals as from files, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import leakkit
from leakkit import views
from leakkit.cli.endings import INTERRUPTED
from leakkit.errors import LeakkitError
from leakkit.sources.databases import connections
from tests.generated import write_source
from tests.measuring import bundle
from tests.running import here
from tests.servers import KEEPER, SECRET, Server
from tests.test_databases import CONNECTOR, by_files, contents, files_in, history, small

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["small"]  # the fixture

KINDS = {
    "created_at": "timestamp", "closed_at": "timestamptz", "entered_at": "timestamp",
    "value": "numeric(14, 2)", "unit_price": "numeric", "seq": "integer",
}  # fmt: skip
"""What the columns of the sample are in a database that somebody has thought about."""


pytestmark = pytest.mark.usefixtures("shared_workers")


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the keeper's password as people do: where no program writes it down."""
    monkeypatch.setenv("PGPASSWORD", SECRET)


def arrow(tables: Mapping[str, pd.DataFrame], seed: int = 1) -> dict[str, pa.Table]:
    """Return frames as tables of Arrow, their rows in another order."""
    return {
        name: pa.Table.from_pandas(frame.sample(frac=1, random_state=seed), preserve_index=False)
        for name, frame in tables.items()
    }


def refuse(source: str, config: Mapping[str, Any] | None = None) -> LeakkitError:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(source, config)
    assert SECRET not in str(caught.value)
    return caught.value


# ---------------------------------------------------------------- the same deals


def test_typed_tables_of_the_sample_give_what_its_files_give(small: Path, server: Server) -> None:
    files = files_in(small)
    typed = [
        f'ALTER TABLE "{table}" ALTER "{name}" TYPE {kind} USING "{name}"::{kind}'
        for table, frame in files.items()
        for name, kind in KINDS.items()
        if name in frame.columns
    ]
    url = server.make(small.name, arrow(files), "SET TIME ZONE 'UTC'", *typed)
    config = small / "leakkit.toml"
    with leakkit.load(small, config) as by_files, leakkit.load(url, config) as by_tables:
        assert contents(by_tables) == contents(by_files)
        assert by_tables.meta("inputs")[0]["name"] == f"{url}: opportunities"


def test_a_dirty_export_gives_what_its_files_give(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "dirty"
    write_source(bundle((14, 15)), folder)
    moves = pd.read_csv(folder / "stage_history.csv", dtype="str", keep_default_na=False)
    # a database keeps no order of rows: only what a column says can be the same
    moves["seq"] = [str(n) for n in range(len(moves))]
    moves.to_csv(folder / "stage_history.csv", index=False)
    url, config = server.make("dirty", arrow(files_in(folder))), folder / "leakkit.toml"
    with leakkit.load(folder, config) as by_files, leakkit.load(url, config) as by_tables:
        assert contents(by_tables) == contents(by_files)


def test_the_analysis_of_a_connectors_tables_is_that_of_its_files(
    tmp_path: Path, server: Server
) -> None:
    folder = by_files(CONNECTOR, tmp_path / "hs")
    url = server.make("hs", arrow(CONNECTOR, seed=7))
    with leakkit.load(folder) as files, leakkit.load(url) as tables:
        assert contents(tables) == contents(files)
        pages, found = leakkit.analyze(files), leakkit.analyze(tables)
        for view in (views.headline, views.balance, views.stages):
            shown = view(found, "p1").section()
            assert shown == view(pages, "p1").section()


# ---------------------------------------------------------------- no secret anywhere


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_no_secret_reaches_a_page_a_log_or_a_store(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.chdir(tmp_path)
    server.make("open", arrow({"stage_history": history()}))
    url = server.url("open", secret=SECRET)
    said = [
        here("report", url, "--out", "out", "--store", "kept.duckdb", "--log", "json"),
        here("check", url, "--csv", "faults.csv"),
        here("init", url),
        here("explain", "d1", url),
        here("explain", "d9", url),
        here("report", server.url("none", secret=SECRET)),
        here("check", server.url("open", secret=f"{SECRET}x")),
        here("check", url.replace("@localhost", "@localhost:1,localhost")),
        here("check", f"{url}?sslmode=never"),
        here("check", f"{url}?nonsense=1"),
        here("check", url.replace("%", "/", 1)),
    ]
    codes = [done.returncode for done in said]
    assert codes == [0, 0, 0, 0, 2, 2, 2, 0, 2, 2, 2], [done.stderr for done in said]
    shown = "".join(done.stdout + done.stderr for done in said)
    kept = everything_in(tmp_path)
    for secret in (SECRET, SECRET[:5], url.partition("@")[0].rpartition(":")[2]):
        assert secret not in shown
        assert secret.encode() not in kept
    assert f"{server.url('open')}: stage_history".encode() in kept
    assert f"leakkit report {server.url('open')}" in shown


def test_a_password_is_asked_for_once_on_a_terminal(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    url = server.make("asked", arrow({"stage_history": history()}))
    assert refuse(url).code == "database_login"
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return SECRET

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", typed)
    monkeypatch.setattr(connections, "_TYPED", {})
    for _ in range(2):
        leakkit.load(url).close()
    assert asked == [f"Password for {url}: "]


def test_a_service_file_says_where_and_as_whom(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    server.make("served", arrow({"stage_history": history()}))
    (tmp_path / "services").write_text(
        f"[crm]\nhost=localhost\nport={server.port}\nuser={KEEPER}\ndbname=served\n"
        f"password={SECRET}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with leakkit.load("postgresql:///?service=crm") as store:
        assert store.meta("label") == "crm"
        assert store.meta("inputs")[0]["name"] == "postgresql:///?service=crm: stage_history"


# ---------------------------------------------------------------- only to read


@pytest.fixture(scope="module")
def guarded_address(server: Server) -> str:
    """Make a database with a reader who may read some of it, and return the reader's address."""
    server.make(
        "guarded",
        arrow({"stage_history": history(), "salaries": history(pay=["1", "2", "3"])}),
        f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'",
        "CREATE SCHEMA crm; CREATE SEQUENCE numbers; GRANT ALL ON numbers TO reader",
        "CREATE VIEW crm.moves AS SELECT opportunity_id, stage, entered_at FROM salaries",
        "GRANT USAGE ON SCHEMA crm TO reader; GRANT SELECT ON crm.moves TO reader",
        "GRANT SELECT (opportunity_id, stage, entered_at), DELETE ON stage_history TO reader",
    )
    return server.url("guarded", "reader")


def test_what_a_user_may_read_is_all_that_there_is(guarded_address: str) -> None:
    with leakkit.load(guarded_address) as store:
        assert store.meta("ignored_files") == ["crm.moves"]
    with leakkit.load(guarded_address, {"source": {"read": ["crm.*"]}}) as store:
        assert store.meta("rows")[0]["file"] == "crm.moves"


def test_a_table_is_named_as_sql_names_it_or_plainly(server: Server) -> None:
    server.make("named", arrow({"stage_history": history()}))
    with server.open("named") as cursor:
        cursor.execute("CREATE SCHEMA crm")
        cursor.execute("ALTER TABLE stage_history SET SCHEMA crm")
        cursor.execute('ALTER TABLE crm.stage_history RENAME TO "Odd "" name; --"')
    for said in ('crm."Odd "" name; --"', '"crm"."Odd "" name; --"', 'crm.Odd " name; --'):
        config = {"source": {"tables": {"stage_history": said}}}
        with leakkit.load(server.url("named"), config) as store:
            assert store.meta("rows")[0]["file"] == 'crm.Odd " name; --'


@pytest.mark.parametrize(
    ("said", "code", "part"),
    [
        ("salaries", "no_right", "permission denied for table salaries"),
        ("SELECT * FROM salaries", "no_right", "GRANT SELECT"),
        ("crm.move", "no_table", "Did you mean 'crm.moves'?"),
        ("WITH x AS (DELETE FROM stage_history RETURNING *) SELECT * FROM x", "select_writes", ""),
        ("SELECT nextval('numbers') AS opportunity_id", "select_writes", "nextval()"),
        ("SELECT 1) AS t; COMMIT; DELETE FROM stage_history; SELECT (1", "select_writes", ""),
        ("SELECT 1) AS t TO STDOUT --", "database_refuses", "syntax error"),
    ],
)
def test_a_select_that_may_not_be_is_refused(
    said: str, code: str, part: str, guarded_address: str, server: Server
) -> None:
    error = refuse(guarded_address, {"source": {"tables": {"stage_history": said}}})
    assert (error.code, part in str(error)) == (code, True), str(error)
    with server.open("guarded") as cursor:
        cursor.execute("SELECT count(*), (SELECT is_called FROM numbers) FROM stage_history")
        assert cursor.fetchall() == [(3, False)]


@pytest.mark.parametrize(
    ("database", "user", "code", "part"),
    [
        ("nowhere", KEEPER, "no_database", 'database "nowhere" does not exist'),
        ("postgres", "nobody", "database_login", "PGPASSWORD"),
        ("postgres", KEEPER, "no_table", "has no table that its user may read"),
    ],
)
def test_what_is_not_there_is_named(
    database: str, user: str, code: str, part: str, server: Server
) -> None:
    error = refuse(server.url(database, user))
    assert (error.code, part in str(error)) == (code, True), str(error)


def test_no_server_is_said_with_its_place() -> None:
    error = refuse("postgresql://ann@localhost:1/crm")
    assert error.code == "no_database"
    assert str(error).startswith("There is no way to postgresql://ann@localhost:1/crm: ")


def test_a_connection_lost_in_the_middle_leaves_the_earlier_store(
    tmp_path: Path, server: Server
) -> None:
    numbers = pd.DataFrame({"id": range(60_000)})
    deals = pd.DataFrame({"deal_id": ["d1"], "stage": ["A"], "created_at": ["2024-01-01"]})
    url = server.make("lost", arrow({"numbers": numbers, "deals": deals, "old": history()}))
    kept = tmp_path / "kept.duckdb"
    leakkit.load(url, {"source": {"read": ["old"]}}, store=str(kept)).close()
    before = kept.read_bytes()
    cut = (
        "CREATE VIEW moves AS SELECT 'd' || id AS deal_id, 'A' AS stage, "
        "'2024-01-01' AS entered_at, CASE WHEN id = 50000 "
        "THEN pg_terminate_backend(pg_backend_pid()) END AS cut FROM numbers"
    )
    with server.open("lost") as cursor:
        cursor.execute(cut)
    # the deals are read by then, and would do alone
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(url, {"source": {"read": ["deals", "moves"]}}, store=str(kept))
    assert caught.value.code == "connection_lost"
    assert kept.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} <= {"kept.duckdb", "kept.duckdb.lock"}


# ---------------------------------------------------------------- whoever waits may go


def interrupt(folder: Path, url: str, sign: str, ready: Callable[[], object]) -> None:
    """Check a database, end that with a signal once it waits, and hold how it ends."""
    command = [sys.executable, "-m", "leakkit", "check", url, "--config", "leakkit.toml"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            ready()
            process.send_signal(getattr(signal, sign))
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (INTERRUPTED, "")


POSIX = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


@POSIX
def test_ctrl_c_ends_the_wait_for_a_server_that_is_silent(tmp_path: Path) -> None:
    (tmp_path / "leakkit.toml").touch()
    with socket.create_server(("localhost", 0)) as silent, ExitStack() as stack:
        silent.settimeout(60)
        url = f"postgresql://ann@localhost:{silent.getsockname()[1]}/crm"
        interrupt(tmp_path, url, "SIGINT", lambda: stack.enter_context(silent.accept()[0]))


@POSIX
def test_a_request_to_end_ends_a_query_that_takes_long(tmp_path: Path, server: Server) -> None:
    late = "CREATE VIEW slow AS SELECT 'd' AS opportunity_id, CAST(pg_sleep(99) AS text) AS stage"
    url = server.make("slow", {}, late)
    (tmp_path / "leakkit.toml").write_text("[source.tables]\nstage_history = 'slow'\n")

    def count_at_work() -> int:
        with server.open("slow") as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = 'slow' "
                "AND state = 'active' AND query LIKE '%COPY%' AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchall()[0][0])

    def wait_until_it_works() -> None:
        for _ in range(600):
            if count_at_work():
                return
            time.sleep(0.1)

    interrupt(tmp_path, url, "SIGTERM", wait_until_it_works)
    assert count_at_work() == 0


# ---------------------------------------------------------------- kinds of columns


ODD = """
CREATE TYPE step AS ENUM ('Z first', 'A second');
CREATE TABLE stage_history (
    opportunity_id uuid, stage step, entered_at timestamptz, closed_at timestamp, value money,
    "odd ""name" numeric, paper bytea, tags text[], more jsonb, outcome text
);
INSERT INTO stage_history VALUES
    ('00000000-0000-0000-0000-000000000001', 'Z first', '2024-01-01 10:00+02', 'infinity', 12.5,
     12345678901234567890, 'x', '{a}', '{}', ''),
    ('00000000-0000-0000-0000-000000000001', 'A second', '2024-01-02 10:00+02', 'infinity', 12.5,
     1.5, 'x', '{a}', '{}', ''),
    ('00000000-0000-0000-0000-000000000002', 'Z first', '2024-01-03 10:00+02', '2024-02-01', 7,
     NULL, NULL, NULL, NULL, 'won');
"""


def test_columns_of_every_kind_are_read_as_what_they_are(server: Server) -> None:
    url = server.make("odd", {}, ODD)
    with leakkit.load(url) as store:
        deals = store.rows("SELECT opportunity_id, value, outcome FROM opportunities ORDER BY 1")
        assert [(re.sub("^0.*0", "", i), int(v), o) for i, v, o in deals] == [
            ("1", 1250, "open"),
            ("2", 700, "won"),
        ]
        first = store.value("SELECT min(entered_at) FROM stage_history")
        assert pd.Timestamp(first, unit="s") == pd.Timestamp("2024-01-01 08:00")
        left = {one["as_what"] for one in store.meta("recognised") if one["what"] == "no_cells"}
        assert left == {"paper", "tags"}
