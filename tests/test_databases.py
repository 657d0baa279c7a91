"""Databases as sources, by SQLite, which needs no server: the same deals as from files."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leakkit
from leakkit import sample
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.databases.addresses import Address, address_of
from leakkit.sources.databases.connections import DIALECTS, Column
from tests.generated import write_source
from tests.measuring import bundle
from tests.running import here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from leakkit.sources.shapes.shaping import Found
    from leakkit.store import Store

Rows = list[tuple[Any, ...]]


def write_tables(
    file: Path, tables: Mapping[str, pd.DataFrame], *, seed: int | None = None
) -> Path:
    """Write frames as tables of SQLite, their rows in some order."""
    with closing(sqlite3.connect(file)) as database:
        for name, frame in tables.items():
            rows = [
                tuple(None if pd.isna(cell) else cell for cell in row)
                for row in frame.itertuples(index=False)
            ]
            if seed is not None:
                random.Random(seed).shuffle(rows)  # noqa: S311 - for odd data
            columns = ", ".join('"' + h.replace('"', '""') + '"' for h in frame.columns)
            database.execute(f'CREATE TABLE "{name}" ({columns})')
            marks = ", ".join("?" * len(frame.columns))
            database.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
        database.commit()
    return file


def files_in(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the CSV files of a folder as texts."""
    return {
        file.stem: pd.read_csv(file, dtype="str", keep_default_na=False).replace("", None)
        for file in sorted(folder.glob("*.csv"))
    }


def contents(store: Store) -> dict[str, Rows]:
    """Return all that a store holds of deals, and of itself what no file or row is named in."""
    names = store.rows("SELECT table_name FROM information_schema.tables ORDER BY 1")
    tables = {
        name: store.rows(f'SELECT * FROM "{name}" ORDER BY ALL')
        for (name,) in names
        if name not in {"meta", "faults"}
    }
    tables["faults"] = store.rows("SELECT rule, field, content FROM faults ORDER BY ALL")
    of_itself = "('fingerprint', 'facts', 'shape', 'cut', 'last_day', 'segments', 'owner')"
    tables["meta"] = store.rows(f"SELECT * FROM meta WHERE key IN {of_itself} ORDER BY 1")
    counted = [{k: v for k, v in row.items() if k != "file"} for row in store.meta("rows")]
    return {**tables, "rows": [tuple(sorted(row.items())) for row in counted]}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small sample as files, with its configuration."""
    folder = tmp_path_factory.mktemp("small")
    sample.write(folder, 300)
    return folder


def refuse(source: str | Path, config: Mapping[str, Any] | None = None) -> LeakkitError:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(source, config)
    return caught.value


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "shown", "label"),
    [
        (
            "postgresql://ann:s3cret@db.example:5433/crm",
            "postgresql://ann@db.example:5433/crm",
            "crm",
        ),
        ("postgres://ann:s3@cret@h/crm", "postgres://ann@h/crm", "crm"),
        ("postgresql:///crm?user=ann&password=s3cret", "postgresql:///crm?user=ann", "crm"),
        ("postgresql:///?service=sales", "postgresql:///?service=sales", "sales"),
        ("postgresql://h/crm?sslmode=require&sslpassword=s3cret", "postgresql://h/crm", "crm"),
        ("postgresql://a:s3cret@[::1]:5432/crm", "postgresql://a@[::1]:5432/crm", "crm"),
        ("snowflake://a:s3cret@acc/db/sales?warehouse=w", "snowflake://a@acc/db/sales", "sales"),
        ("bigquery://project/sales", "bigquery://project/sales", "sales"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str, label: str) -> None:
    found = address_of(address)
    assert (str(found), found.label) == (shown, label)
    assert "s3cret" not in f"{found!r}{found}"
    assert found.without_secrets("it was s3cret") == (
        "" if "s3cret" in address else "it was s3cret"
    )


SIGNS = st.text("ab1:/@?#[]%&= ;,'\"\\\n\u0661\ua789", max_size=4)


@settings(max_examples=60)
@given(ahead=SIGNS, behind=SIGNS)
def test_no_secret_is_shown_whatever_signs_are_in_it(ahead: str, behind: str) -> None:
    try:
        said = repr(address_of(f"postgresql://ann:{ahead}s3cret{behind}@h:5432/crm"))
    except LeakkitError as error:
        said = f"{error.code} {error}"
    assert "s3cret" not in said
    assert said.startswith(("Address(", "database_address "))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:s3/cret@h/crm", "postgresql://ann:12?3cret@h/crm",
        "postgresql://ann:12#3cret@h/crm", "postgresql://ann:12/3cret@h/crm",
        "postgresql://ann:1[3cret@h/crm", "postgresql://h:port3cret/crm",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_read_for_sure_is_not_repeated(address: str) -> None:
    error = refuse(address)
    assert error.code == "database_address"
    assert "3cret" not in str(error)
    assert "12" not in str(error)


def test_an_unknown_kind_of_database_is_refused_with_those_that_are_known() -> None:
    error = refuse("mysql://root:s3cret@h/crm")
    assert error.code == "unknown_database"
    assert "postgresql://, sqlite://, snowflake://, bigquery://" in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("kind", ["postgresql", "sqlite", "snowflake", "bigquery"])
def test_a_missing_driver_is_named_with_the_line_to_type(
    kind: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"adbc_driver_{kind}.dbapi", None)
    file = write_tables(small / f"{kind}.db", {"t": pd.DataFrame({"a": ["1"]})})
    error = refuse(f"sqlite:///{file}" if kind == "sqlite" else f"{kind}://h/crm")
    assert error.code == "no_driver"
    assert f"pip install 'leakkit[{kind}]'" in str(error)


# ---------------------------------------------------------------- the same deals


def test_the_sample_in_a_database_gives_what_its_files_give(small: Path, tmp_path: Path) -> None:
    config = small / "leakkit.toml"
    file = write_tables(tmp_path / f"{small.name}.db", files_in(small), seed=1)
    with leakkit.load(small, config) as by_files, leakkit.load(file, config) as by_tables:
        assert contents(by_tables) == contents(by_files)
        (deals, moves) = by_tables.meta("inputs")
    assert (deals["name"], deals["format"]) == (f"{file.name} opportunities", "sqlite")
    assert deals["sha256"] != moves["sha256"]


def test_a_dirty_export_in_a_database_gives_what_its_files_give(tmp_path: Path) -> None:
    folder = tmp_path / "dirty"
    deals, history, rules = bundle((11, 12, 13))
    write_source((deals, history, rules), folder)
    # a database keeps no order of rows: only what a column says can be the same
    moves = pd.read_csv(folder / "stage_history.csv", dtype="str", keep_default_na=False)
    moves["seq"] = [str(n) for n in range(len(moves))]
    moves.to_csv(folder / "stage_history.csv", index=False)
    file = write_tables(tmp_path / "dirty.sqlite", files_in(folder), seed=2)
    config = folder / "leakkit.toml"
    with leakkit.load(folder, config) as by_files, leakkit.load(file, config) as by_tables:
        assert by_files.rows("SELECT count(DISTINCT rule) FROM faults")[0][0] >= 3
        assert contents(by_tables) == contents(by_files)


def test_bytes_do_not_depend_on_the_order_of_rows(small: Path, tmp_path: Path) -> None:
    made = []
    for seed in (3, 4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        file = write_tables(folder / "crm.db", files_in(small), seed=seed)
        with leakkit.load(file, small / "leakkit.toml") as store:
            tables = [row[0] for row in store.rows("SHOW TABLES")]
            made.append(
                {name: store.rows(f'SELECT * FROM "{name}" ORDER BY ALL') for name in tables}
            )
    assert made[0] == made[1]


CONNECTOR = {
    "deal": pd.DataFrame(
        {
            "deal_id": [f"d{n}" for n in range(12)],
            "is_deleted": [n == 11 for n in range(12)],
            "deal_pipeline_id": "p1",
            "deal_pipeline_stage_id": [("s1", "s2", "won", "lost")[n % 4] for n in range(12)],
            "property_dealname": [f"Deal {n}" for n in range(12)],
            "property_amount": [1000.5 * n for n in range(12)],
            "property_createdate": [f"2024-01-{n + 1:02} 09:00:00" for n in range(12)],
            "property_closedate": [f"2024-03-{n + 1:02} 09:00:00" for n in range(12)],
        }
    ),
    "deal_stage": pd.DataFrame(
        {
            "deal_id": [f"d{n}" for n in range(12) for _ in (0, 1)],
            "value": [v for n in range(12) for v in ("s1", ("s2", "s2", "won", "lost")[n % 4])],
            "date_entered": [
                f"2024-{m}-{n + 1:02} 09:00:00" for n in range(12) for m in ("01", "02")
            ],
        }
    ),
    "owner": pd.DataFrame({"owner_id": ["o1"], "email": ["a@example.com"]}),
}


def by_files(tables: Mapping[str, pd.DataFrame], folder: Path) -> Path:
    """Write tables as CSV files."""
    folder.mkdir()
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_tables_of_a_connector_are_recognised_as_its_files_are(tmp_path: Path) -> None:
    folder = by_files(CONNECTOR, tmp_path / "hs")
    file = write_tables(tmp_path / "hs.db", CONNECTOR, seed=5)
    with leakkit.load(folder) as files, leakkit.load(f"sqlite:///{file}") as tables:
        assert contents(tables) == contents(files)
        makers = [one["as_what"] for one in tables.meta("recognised") if one["what"] == "maker"]
        assert any("hubspot" in maker for maker in makers)
        assert tables.meta("ignored_files") == ["owner"]


# ---------------------------------------------------------------- what is read


def history(**more: Sequence[object]) -> pd.DataFrame:
    """Return the rows of a history of two deals."""
    rows = {
        "opportunity_id": ["d1", "d1", "d2"],
        "stage": ["A", "Won", "A"],
        "entered_at": ["2024-01-01", "2024-02-01", "2024-01-05"],
    }
    return pd.DataFrame({**rows, **more})


TABLES = "[source.tables]\n"


@pytest.mark.parametrize(
    "said",
    [
        "moves",
        "MOVES",
        "main.moves",
        "SELECT deal AS opportunity_id, stage, entered_at FROM moves",
        """-- what moved
        WITH m AS (SELECT * FROM moves)
        SELECT deal AS opportunity_id, stage, entered_at FROM m -- and no more
        ;""",
    ],
)
def test_a_part_is_a_table_or_a_select(said: str, tmp_path: Path) -> None:
    frame = history().rename(columns={"opportunity_id": "deal"})
    file = write_tables(tmp_path / "a.db", {"moves": frame, "stage_history": history()[:1]})
    columns = {} if "SELECT" in said else {"opportunity_id": "deal"}
    config = {"source": {"tables": {"stage_history": said}, **columns}}
    with leakkit.load(file, config) as store:
        assert store.rows("SELECT opportunity_id FROM opportunities ORDER BY 1") == [
            ("d1",),
            ("d2",),
        ]
        assert store.meta("rows")[0]["read"] == 3


@pytest.mark.parametrize(
    ("said", "code", "part"),
    [
        ("stage_hstory", "no_table", "Did you mean 'stage_history'? It has: stage_history."),
        ("DELETE FROM stage_history", "select_writes", "leakkit only reads"),
        (
            "SELECT 1) AS t; DROP TABLE stage_history; SELECT * FROM (SELECT 2",
            "select_writes",
            "",
        ),
        ("SELECT pay FROM stage_history", "database_refuses", "no such column: pay"),
        ("SELECT * FROM moves", "no_table", "no such table: moves"),
    ],
)
def test_what_cannot_be_read_is_refused(said: str, code: str, part: str, tmp_path: Path) -> None:
    file = write_tables(tmp_path / "a.db", {"stage_history": history()})
    before = file.read_bytes()
    error = refuse(file, {"source": {"tables": {"stage_history": said}}})
    assert (error.code, part in str(error)) == (code, True), str(error)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]


def test_tables_of_files_are_refused(small: Path) -> None:
    error = refuse(small, {"source": {"tables": {"opportunities": "deals"}}})
    assert error.code == "no_database"
    with pytest.raises(LeakkitError, match=r"source\.tables\.opportunites"):
        Config.from_text(TABLES + 'opportunites = "deals"')


@pytest.mark.parametrize("cells", [[1, 2.5, None], [12, 7, 3], ["x", 1, 2.5], [b"\xff", 1, "e"]])
def test_a_column_that_may_hold_anything_is_read(cells: list[Any], tmp_path: Path) -> None:
    """SQLite keeps a type with each cell; ADBC would fail at the first of another type."""
    values = [*[None] * 60, *cells]
    rows = {
        "opportunity_id": [f"d{n}" for n in range(63)],
        "stage": "A",
        "entered_at": "2024-01-01",
        "value": pd.Series(values, dtype="object"),
        "rowid": 1,
    }
    file = write_tables(tmp_path / "a.db", {"stage_history": pd.DataFrame(rows)})
    with leakkit.load(file, {"source": {"accept": ["nothing_closes"]}}) as store:
        found = store.rows("SELECT value FROM opportunities WHERE value IS NOT NULL ORDER BY 1")
        assert len(store) == 63
    numbers = sorted(round(cell * 100) for cell in cells if isinstance(cell, int | float))
    assert [int(value) for (value,) in found] == numbers


def test_a_text_that_is_none_is_named_by_its_column(tmp_path: Path) -> None:
    file = write_tables(tmp_path / "a.db", {"stage_history": history(town=["K\u00f6ln", "x", "y"])})
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE stage_history SET town = CAST(x'4BF66C6E' AS TEXT)")
        database.commit()
    error = refuse(file)
    assert error.code == "broken_text"
    assert "stage_history: the column 'town' holds a text that is not UTF-8" in str(error)


def test_only_columns_that_are_asked_for_travel(tmp_path: Path) -> None:
    more = {
        "region": ["n", "s", "n"],
        "secret_note": ["x", "y", "z"],
        "is_deleted": ["0", "0", "1"],
    }
    file = write_tables(tmp_path / "a.db", {"stage_history": history(**more)})
    headings: list[str] = []

    def watch(_: object, found: Found, __: object) -> None:
        headings.extend(found.history.types)

    leakkit.sources.load(file, Config.from_text('[roles]\nsegments = ["region"]'), watch=watch)
    assert set(headings) == {"opportunity_id", "stage", "entered_at", "region", "is_deleted"}


def test_ties_follow_the_order_of_stages_where_no_column_says_more(tmp_path: Path) -> None:
    """A database keeps no order; the letters of stages must not become one."""
    rows = history(stage=["Z first", "A second", "Z first"]).assign(entered_at="2024-01-01")
    file = write_tables(tmp_path / "a.db", {"stage_history": rows})
    pipelines = [{"name": "P", "stages": [{"name": "Z first"}, {"name": "A second"}]}]
    with leakkit.load(file, {"pipelines": pipelines}) as store:
        moves = store.rows("SELECT stage FROM stage_history WHERE opportunity = 1 ORDER BY seq")
        assert moves == [(0,), (1,)]


def test_a_view_that_nobody_can_read_spoils_no_other_table(tmp_path: Path) -> None:
    file = write_tables(tmp_path / "a.db", {"stage_history": history()})
    with closing(sqlite3.connect(file)) as database:
        database.execute('CREATE VIEW "it\'s old" AS SELECT * FROM nowhere')
        database.commit()
    with leakkit.load(file) as store:
        assert store.meta("rows")[0]["read"] == 3
    error = refuse(file, {"source": {"tables": {"stage_history": "it's old"}}})
    assert (error.code, "It has: stage_history." in str(error)) == ("no_table", True)


def test_a_database_without_anything_to_read_says_what_it_has(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.write_bytes(b"")
    assert refuse(empty).code == "no_table"
    people = pd.DataFrame({"who": ["a", "b"], "town": ["x", "y"]})
    error = refuse(write_tables(tmp_path / "a.db", {"people": people}))
    assert error.code == "no_history"
    assert "The database a has no table with the columns opportunity_id" in str(error)
    assert "people: its headings" in str(error).replace("people 'who, town'", "people")
    assert refuse(f"sqlite:///{tmp_path}/none.db").code == "no_source"


# ---------------------------------------------------------------- commands


def test_init_and_check_of_a_database(tmp_path: Path) -> None:
    odd = history().rename(columns={"opportunity_id": "wer", "stage": "wo", "entered_at": "wann"})
    file = write_tables(tmp_path / "a.db", {"stage_history": odd})
    done = here("init", str(file))
    text = (tmp_path / "leakkit.toml").read_text("utf-8")
    assert done.returncode == 1, done.stderr
    assert "# stage_history:" in text
    assert "'wann': 2024-01-01; 2024-01-05; 2024-02-01" in text
    (tmp_path / "leakkit.toml").write_text(
        '[source]\nopportunity_id = "wer"\nstage = "wo"\nentered_at = "wann"\n', "utf-8"
    )
    done = here("check", f"sqlite:///{file}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "stage_history: 3 rows read = 3 used" in done.stdout
    out = tmp_path / "new.toml"
    assert here("init", str(file), "--out", str(out)).returncode == 0
    assert json.loads(json.dumps(Config.read(out).source.columns))["stage"] == "wo"


def test_what_is_said_of_tables_is_kept_by_init(tmp_path: Path) -> None:
    file = write_tables(tmp_path / "a.db", {"moves": history()})
    said = 'SELECT * FROM moves\nWHERE stage <> "" -- "all"'
    config = tmp_path / "leakkit.toml"
    config.write_text(f"[source.tables]\nstage_history = '''{said}'''\n", "utf-8")
    out = tmp_path / "new.toml"
    assert here("init", str(file), "--out", str(out)).returncode == 0
    assert Config.read(out).source.tables == {"stage_history": said}


# ---------------------------------------------------------------- dialects


def test_names_are_quoted_as_each_database_does() -> None:
    assert DIALECTS["postgresql"].name_sql('a"b') == '"a""b"'
    assert DIALECTS["bigquery"].name_sql("a`b\\") == "`a\\`b\\\\`"


@pytest.mark.parametrize(
    ("kind", "column", "sql"),
    [
        ("postgresql", Column("n", "extension<arrow.opaque>", "numeric"), "CAST(x AS text)"),
        ("postgresql", Column("n", "int64", "money"), "CAST(CAST(x AS numeric) AS text)"),
        ("postgresql", Column("n", "extension<arrow.uuid>", "uuid"), "CAST(x AS text)"),
        ("postgresql", Column("n", "int64", "int8"), "x"),
        ("postgresql", Column("n", "binary", "bytea"), None),
        ("postgresql", Column("n", "list<item: int32>", "_int4"), None),
        ("snowflake", Column("n", "decimal128(38, 2)"), "x"),
        ("snowflake", Column("n", "time64[ns]"), "CAST(x AS VARCHAR)"),
        ("bigquery", Column("n", "timestamp[us, tz=UTC]"), "x"),
        ("bigquery", Column("n", "struct<a: int64>"), None),
    ],
)
def test_a_column_is_asked_for_as_what_it_is(kind: str, column: Column, sql: str | None) -> None:
    cell = DIALECTS[kind].cell(column, "x")
    assert (cell and cell.sql) == sql


def test_a_file_that_is_no_database_stays_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    history().to_csv(file, index=False)
    assert address_of(str(file)) == str(file)
    assert address_of(file) == file
    assert not isinstance(address_of("C:/data/a.csv"), Address)
    plain = tmp_path / "a.db"
    plain.write_text("no database", "utf-8")
    assert refuse(f"sqlite:///{plain}").code == "unreadable_file"
