"""The formats of this version, the errors in plain words, hostile names, and as_of."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.store.moments import DAY
from tests.generated import raw_source, write_source

if TYPE_CHECKING:
    from leakkit.store.database import Store

CONFIG = """
as_of = "2024-06-30"
{more}
[[pipelines]]
name = "Sales"
won = ["Won"]
lost = ["Lost"]
stages = [{{ name = "A" }}, {{ name = "B" }}, {{ name = "C" }}]
"""
DECLARED = Config.from_text(CONFIG.format(more=""))
HEADING = "opportunity_id,stage,entered_at"
ROWS = "d1,A,2024-01-01\nd1,B,2024-01-03\nd2,A,2024-01-02\nd2,Lost,2024-01-09\n"
HISTORY = f"{HEADING}\n{ROWS}"
OPPORTUNITIES = "opportunity_id,created_at,value,region\nd1,2024-01-01,10,North\nd2,,20,South\n"
PASSED = [("d1", 0, 1), ("d1", 1, 0), ("d2", 0, 5)]


def list_passages(store: Store) -> list[tuple[Any, ...]]:
    """Return (id, stage, exit) of every passage."""
    return store.rows(
        "SELECT o.opportunity_id, p.stage, p.exit FROM passages p "
        "JOIN opportunities o ON o.opportunity = p.opportunity ORDER BY p.opportunity, p.step"
    )


def error_of(source: Any, config: Config | None = DECLARED, **options: Any) -> LeakkitError:  # noqa: ANN401 - whatever load takes
    """Return the error that loading raises."""
    with pytest.raises(LeakkitError) as caught:
        load(source, config, **options)
    return caught.value


def write_files(folder: Path, **texts: str) -> Path:
    """Write files of a folder: `stage_history=...` becomes stage_history.csv."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return folder


# ---------------------------------------------------------------------------------------------
# Formats
# ---------------------------------------------------------------------------------------------


def test_a_folder_of_csv_files(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY, opportunities=OPPORTUNITIES)
    with load(tmp_path, DECLARED) as store:
        assert list_passages(store) == PASSED
        assert store.meta("segments") == ["region"]
        assert [count["file"] for count in store.meta("rows")] == [
            "opportunities.csv",
            "stage_history.csv",
        ]
        digest = hashlib.sha256((tmp_path / "stage_history.csv").read_bytes()).hexdigest()
        assert store.meta("inputs")[1] == {
            "name": "stage_history.csv",
            "format": "csv",
            "sha256": digest,
        }


def test_nothing_of_the_way_is_left_in_the_store(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY, opportunities=OPPORTUNITIES)
    with load(tmp_path, DECLARED) as store:
        tables = store.rows("SELECT table_name FROM duckdb_tables() ORDER BY table_name")
    kept = "doubts faults meta opportunities pipelines settled stages standing wide"
    assert [row[0] for row in tables] == kept.split()


def test_a_folder_of_parquet_files_with_typed_columns(tmp_path: Path) -> None:
    history = pd.DataFrame(
        {
            "opportunity_id": [1, 1, 2, 2],
            "stage": ["A", "B", "A", "Lost"],
            "entered_at": pd.to_datetime(
                ["2024-01-01 10:00", "2024-01-03 00:00", "2024-01-02 00:00", "2024-01-09 00:00"]
            ).tz_localize("Europe/Berlin"),
            "seq": [1, 2, 1, 2],
        }
    )
    opportunities = pd.DataFrame(
        {
            "opportunity_id": [1, 2],
            "created_at": [dt.date(2024, 1, 1), None],
            "value": [10.5, None],
        }
    )
    history.to_parquet(tmp_path / "Stage_History.PARQUET")
    opportunities.to_parquet(tmp_path / "opportunities.parquet")
    with load(tmp_path, DECLARED) as store:
        assert list_passages(store) == [("1", 0, 1), ("1", 1, 0), ("2", 0, 5)]
        first = store.rows("SELECT entered_at FROM passages ORDER BY entered_at LIMIT 1")
        assert first == [(1_704_099_600,)]  # 09:00 UTC
        assert store.rows("SELECT value FROM opportunities ORDER BY opportunity") == [
            (1050,),
            (None,),
        ]
        assert "value_unreadable" not in store.meta("facts")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_one_event_file_whose_last_entries_count(suffix: str, tmp_path: Path) -> None:
    rows = pd.DataFrame(
        [
            ("d1", "A", "2024-01-01", "North", "5", "2024-03-01", ""),
            ("d1", "B", "2024-01-03", "", "", "2050-01-01", "Open"),
            ("d2", "A", "2024-01-02", "North", "7", "", "Open"),
            ("d2", "Lost", "2024-01-09", "South", "-1", "", ""),
        ],
        columns=[
            "opportunity_id",
            "stage",
            "entered_at",
            "region",
            "value",
            "closed_at",
            "outcome",
        ],
    )
    file = tmp_path / f"events.{suffix}"
    if suffix == "csv":
        rows.to_csv(file, index=False)
    else:
        rows.to_parquet(file)
    with load(file, DECLARED) as store:
        assert list_passages(store) == PASSED
        deals = store.rows("SELECT region, value, outcome FROM opportunities ORDER BY opportunity")
        assert deals == [("North", 500, "open"), ("South", None, "lost")]
        # the last closed_at of d1 is a sentinel: it says "never", and beats the one before
        assert store.meta("facts") == {
            "created_missing": 2,
            "outcome_disagrees": 1,
            "value_missing": 1,
            "value_negative": 1,
        }
        assert [count["file"] for count in store.meta("rows")] == [file.name]


def test_a_deal_of_an_event_file_is_only_its_rows(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(f"{HISTORY}d3,A,2024-09-01\n", "utf-8")
    with load(tmp_path / "events.csv", DECLARED) as store:
        assert store.rows("SELECT opportunity_id FROM opportunities ORDER BY opportunity") == [
            ("d1",),
            ("d2",),
        ]


XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/">
  <string key="concept:name" value="a log"/>
  <global scope="event"><string key="concept:name" value="x"/></global>
  <trace>
    <string key="concept:name" value="d1"/>
    <string key="region" value="North"/>
    <event>
      <string key="concept:name" value="A"/>
      <string key="org:resource" value="Ann"/>
      <date key="time:timestamp" value="2024-01-01T23:30:00.000-02:00"/>
    </event>
    <event>
      <string key="concept:name" value="C"/>
      <date key="time:timestamp" value="2024-01-02T02:30:00+01:00"/>
      <string key="remark" value="only here"/>
    </event>
    <event>
      <string key="concept:name" value="B"/>
      <date key="time:timestamp" value="2024-01-02T01:30:00Z"/>
    </event>
  </trace>
  <trace>
    <string key="concept:name" value="d2"/>
    <string key="region" value="South &amp; East"/>
    <event>
      <string key="concept:name" value="Lost"/>
      <date key="time:timestamp" value="2024-01-05T00:00:00Z"/>
    </event>
    <event>
      <string key="concept:name" value="A"/>
      <date key="time:timestamp" value="2024-01-03T00:00:00Z"/>
    </event>
  </trace>
  <trace><string key="concept:name" value="empty"/></trace>
</log>
"""


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_an_event_log_with_offsets_ties_and_attributes(name: str, tmp_path: Path) -> None:
    write = gzip.open if name.endswith("gz") else open
    with write(tmp_path / name, "wt", encoding="utf-8") as file:
        file.write(XES)
    with load(tmp_path / name, DECLARED) as store:
        # three ways to write 01:30 UTC of the second: the order of the file parts them
        assert list_passages(store) == [("d1", 0, 2), ("d1", 2, 4), ("d1", 1, 0), ("d2", 0, 5)]
        moments = store.rows("SELECT DISTINCT entered_at FROM stage_history WHERE opportunity = 1")
        assert moments == [(1_704_159_000,)]
        region = store.rows("SELECT region FROM opportunities ORDER BY opportunity")
        assert region == [("North",), ("South & East",)]
        assert store.meta("facts")["created_missing"] == 2
        assert store.meta("inputs")[0]["format"] == "xes"


def test_attributes_of_a_log_that_differ_in_case_only(tmp_path: Path) -> None:
    event = '<event><string key="concept:name" value="{}"/><date key="time:timestamp" '
    event += 'value="2024-01-0{}"/><string key="{}" value="{}"/></event>'
    north = event.format("A", 1, "region", "North")
    south = event.format("B", 2, "REGION", "South")
    odd = event.format("C", 3, "Stage", "none") + event.format("C", 3, "Seq", "none")
    trace = '<trace><string key="concept:name" value="d{}"/><int key="Region" value="7"/>{}</trace>'
    log = f"<log>{trace.format(1, north + south + odd)}{trace.format(2, north)}</log>"
    (tmp_path / "log.xes").write_text(log, "utf-8")
    with load(tmp_path / "log.xes", DECLARED) as store:
        assert [row[1] for row in list_passages(store)] == [0, 1, 2, 0]
        regions = store.rows('SELECT "Region" FROM opportunities ORDER BY opportunity')
        assert regions == [("7",), ("North",)]


def test_frames(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY, opportunities=OPPORTUNITIES)
    frames = {
        name: pd.read_csv(tmp_path / f"{name}.csv") for name in ("stage_history", "opportunities")
    }
    with load(frames, DECLARED) as store, load(tmp_path, DECLARED) as other:
        assert list_passages(store) == PASSED
        assert store.meta("fingerprint") == other.meta("fingerprint")
    with load({"stage_history": frames["stage_history"]}, DECLARED) as store:
        assert list_passages(store) == PASSED
    error = error_of({"history": frames["stage_history"]})
    assert str(error) == "Frames need the name 'stage_history'; got ['history']."


def test_a_store_file(tmp_path: Path) -> None:
    write_files(tmp_path / "source", stage_history=HISTORY)
    kept = tmp_path / "kept.duckdb"
    load(tmp_path / "source", DECLARED, store=str(kept)).close()
    with load(kept) as store:
        assert list_passages(store) == PASSED
        assert store.config == DECLARED
    with load(tmp_path / "source", DECLARED, store=str(kept)) as store:
        assert list_passages(store) == PASSED
    (tmp_path / "text.duckdb").write_text("no store")
    assert str(error_of(tmp_path / "text.duckdb")) == "text.duckdb is not a leakkit store."


def test_a_failure_leaves_no_store(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=f"{HEADING}\n")
    error_of(tmp_path, store=str(tmp_path / "kept.duckdb"))
    assert not (tmp_path / "kept.duckdb").exists()


def test_the_configuration_beside_the_files_is_used(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY)
    (tmp_path / "leakkit.toml").write_text(CONFIG.format(more=""), "utf-8")
    for source in (tmp_path, tmp_path / "stage_history.csv"):
        with load(source) as store:
            assert not store.meta("provisional_order")
            assert store.meta("ignored_files") == []
            assert list_passages(store) == PASSED


def test_the_format_may_be_said(tmp_path: Path) -> None:
    (tmp_path / "events.txt").write_text(HISTORY, "utf-8")
    said = Config.from_text(CONFIG.format(more='[source]\nformat = "csv"'))
    with load(tmp_path / "events.txt", said) as store:
        assert list_passages(store) == PASSED


# ---------------------------------------------------------------------------------------------
# Headings
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        "Opportunity ID,STAGE,Entered At",
        " opportunity_id , stage,entered_at ",
        "\ufeffopportunity_id,stage,entered_at",
        '"opportunity_id","stage","entered_at"',
    ],
)
def test_headings_are_matched_without_case_and_spaces(heading: str, tmp_path: Path) -> None:
    with load(write_files(tmp_path, stage_history=f"{heading}\n{ROWS}"), DECLARED) as store:
        assert list_passages(store) == PASSED


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(separator: str, tmp_path: Path) -> None:
    with load(
        write_files(tmp_path, stage_history=HISTORY.replace(",", separator)), DECLARED
    ) as store:
        assert list_passages(store) == PASSED


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends(end: str, tmp_path: Path) -> None:
    (tmp_path / "stage_history.csv").write_bytes(HISTORY.replace("\n", end).encode())
    with load(tmp_path, DECLARED) as store:
        assert list_passages(store) == PASSED


def test_configured_names_of_columns(tmp_path: Path) -> None:
    more = (
        '[source]\nopportunity_id = "Deal No"\nstage = "Phase"\nentered_at = "since"\nvalue = "Sum"'
    )
    renamed = Config.from_text(CONFIG.format(more=more))
    write_files(tmp_path, stage_history=f"Deal No,phase,SINCE\n{ROWS}")
    write_files(tmp_path, opportunities="opportunity_id,stage,value,Sum\nd1,,1,2\n")
    with load(tmp_path, renamed) as store:
        assert list_passages(store) == PASSED
        assert store.rows("SELECT value FROM opportunities ORDER BY opportunity") == [
            (200,),
            (None,),
        ]


def test_a_heading_that_stands_twice_counts_once(tmp_path: Path) -> None:
    """One of ours that stands twice is refused: tests/gallery/faults/same_heading_twice.csv."""
    text = f"{HEADING},note,Note,\n" + ROWS.replace("\n", ",Y,Z,\n")
    with load(write_files(tmp_path, stage_history=text), DECLARED) as store:
        assert list_passages(store) == PASSED
        said = [(one["as_what"], one["why"]) for one in store.meta("recognised")]
        assert ("Note 2", "Note") in said


def test_columns_with_the_names_of_our_own(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=f"{HISTORY}")
    write_files(
        tmp_path,
        opportunities="opportunity_id,line,bucket,given,content,created_clock,segment_0\n"
        "d1,a,b,c,d,e,f\nd2,g,h,i,j,k,l\n",
    )
    with load(tmp_path, DECLARED) as store:
        kept = ["line", "bucket (given)", "given (given)", "content", "created_clock", "segment_0"]
        assert store.meta("segments") == kept
        columns = ", ".join(f'"{name}"' for name in kept)
        assert store.rows(f"SELECT {columns} FROM opportunities ORDER BY opportunity") == [
            tuple("abcdef"),
            tuple("ghijkl"),
        ]


def test_segments_are_texts_with_2_to_200_values(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY)
    write_files(tmp_path, opportunities="opportunity_id,same,two\nd1,x,y\nd2,x,z\n")
    with load(tmp_path, DECLARED) as store:
        assert store.meta("segments") == ["two"]
    asked = Config.from_text(CONFIG.format(more='[roles]\nsegments = ["Same"]'))
    with load(tmp_path, asked) as store:
        assert store.meta("segments") == ["same"]
    missing = Config.from_text(CONFIG.format(more='[roles]\nsegments = ["region"]'))
    expected = "[roles] names columns that opportunities.csv does not have: region."
    assert str(error_of(tmp_path, missing)) == expected


# ---------------------------------------------------------------------------------------------
# Errors, by their exact text
# ---------------------------------------------------------------------------------------------


def test_a_missing_column_with_the_nearest_name(tmp_path: Path) -> None:
    error = error_of(
        write_files(tmp_path, stage_history="opportunity_id,stages,when\nd,A,2024-01-01\n")
    )
    assert error.code == "missing_columns"
    assert str(error) == (
        "stage_history.csv lacks 2 column(s) that are needed or configured:\n"
        "  stage_history.csv [stage]: this column is missing. Hint: did you mean 'stages'? "
        "Say so in [source]: stage = 'stages'; the file has: opportunity_id, stages, when\n"
        "  stage_history.csv [entered_at]: this column is missing. "
        "Hint: say in [source] which it is: entered_at = '...'; "
        "the file has: opportunity_id, stages, when"
    )


def test_a_configured_column_that_is_nowhere(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=f"{HEADING},value\nd,A,2024-01-01,1\n")
    config = Config.from_text(CONFIG.format(more='[source]\nvalue = "valu"'))
    assert str(error_of(tmp_path, config)) == (
        "stage_history.csv lacks 1 column(s) that are needed or configured:\n"
        "  stage_history.csv [valu]: this column is missing. Hint: did you mean 'value'? "
        f"Say so in [source]: value = 'value'; the file has: {HEADING.replace(',', ', ')}, value"
    )


NO_DATES = (
    "stage_history.csv: not one date of the column entered_at can be read.\n"
    "  stage_history.csv row 1 [entered_at]{first}: "
    "not a date that leakkit reads, such as 2026-06-30 or 30.06.2026 14:05."
)
SECOND_DATE = (
    "\n  stage_history.csv row 2 [entered_at] 'later': "
    "not a date that leakkit reads, such as 2026-06-30 or 30.06.2026 14:05."
)
MIXED_ENDS = (
    "stage_history.csv cannot be read as CSV: its quotes do not match, "
    "or it mixes two kinds of line ends."
)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "empty_file", "stage_history.csv is empty: it needs a heading and rows."),
        (HEADING, "no_rows", "stage_history.csv has a heading but no rows."),
        (f"{HEADING}\n\n\n", "no_rows", "stage_history.csv has a heading but no rows."),
        (f"{HEADING}\nd,A,2024-01-01\r\nd,B,2024-01-02\n", "unreadable_file", MIXED_ENDS),
        (f"{HEADING}\nd,A,\n", "no_dates", NO_DATES.format(first="")),
        (
            f"{HEADING}\nd,A,soon\ne,A,later\n",
            "no_dates",
            NO_DATES.format(first=" 'soon'") + SECOND_DATE,
        ),
    ],
)
def test_files_that_cannot_be_used(text: str, code: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "stage_history.csv").write_text(text, "utf-8", newline="")
    error = error_of(tmp_path)
    assert (error.code, str(error)) == (code, message)


def test_broken_rows_are_all_named_with_their_numbers(tmp_path: Path) -> None:
    lines = [HEADING, 'd,"A', 'x",2024-01-01', "e,A", "f,A,2024-01-01", "g,A,2024-01-01,1,2,3"]
    lines += ['h,"A" b,2024-01-01', "i,A,2024-01-01"]
    error = error_of(write_files(tmp_path, stage_history="\n".join(lines)))
    hint = "Hint: check quotes and separators in this row"
    assert error.code == "broken_rows"
    assert str(error) == (
        "stage_history.csv has 3 row(s) that do not fit its heading:\n"
        f"  stage_history.csv row 2 'e,A': the row has fewer columns than the heading. {hint}\n"
        "  stage_history.csv row 4 'g,A,2024-01-01,1,2,3': "
        f"the row has more columns than the heading. {hint}\n"
        "  stage_history.csv row 5 'h,\"A\" b,2024-01-01': "
        f"a quote opens or closes in the middle of a value. {hint}"
    )


@pytest.mark.parametrize("before", [0, 20_000])
def test_a_file_that_is_not_utf_8(before: int, tmp_path: Path) -> None:
    text = f"{HEADING}\n" + "d,A,2024-01-01\n" * before + "e,Angebot läuft,2024-01-01\n"
    (tmp_path / "stage_history.csv").write_bytes(text.encode("latin-1"))
    with load(tmp_path) as store:
        names = [row[0] for row in store.rows("SELECT name FROM stages ORDER BY name")]
        assert names == ["A"] * (before > 0) + ["Angebot läuft"]
    declared = Config.from_text(CONFIG.format(more='[source]\nencoding = "utf-8"'))
    error = error_of(tmp_path, declared)
    assert error.code == "encoding"
    assert str(error).startswith("stage_history.csv is not UTF-8 text. Save it as 'CSV UTF-8'")


def test_unknown_formats_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "deals.ods").write_text("?", "utf-8")
    assert str(error_of(tmp_path / "deals.ods")) == (
        "deals.ods: leakkit reads folders, .csv, .tsv, .txt, .parquet, .xlsx, .xls, .xlsb, "
        ".jsonl, .json, .xes, .gz and .zip of these, and .duckdb."
    )
    assert str(error_of(tmp_path / "nothing")) == (
        f"There is no file or folder {tmp_path / 'nothing'}."
    )
    assert str(error_of(tmp_path)) == (
        f"The folder {tmp_path.name} has no file with the columns opportunity_id, stage and "
        "entered_at (a history), or opportunity_id, stage and dates (deals); it holds deals.ods."
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events.parquet", b"PAR1", "events.parquet cannot be read as a Parquet file."),
        (
            "log.xes",
            b"<log><trace>",
            "log.xes cannot be read as XES: no element found: line 1, column 12.",
        ),
        ("log.xes", b"<log></log>", "log.xes holds no events."),
        ("log.xes", b"", "log.xes cannot be read as XES: no element found: line 1, column 0."),
        ("log.xes.gz", b"plain", "log.xes.gz cannot be read as XES: Not a gzipped file (b'pl')."),
    ],
)
def test_broken_files_of_other_formats(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert str(error_of(tmp_path / name)) == message


@pytest.mark.parametrize("name", ["events.parquet", "events.xlsx"])
def test_a_parquet_file_with_damaged_pages(name: str, tmp_path: Path) -> None:
    """Also under the name of another format: what a file is, its first bytes say."""
    rows = pd.DataFrame(
        {"opportunity_id": ["d"] * 1000, "stage": "A", "entered_at": ["2024-01-01"] * 1000}
    )
    rows.to_parquet(tmp_path / name)
    content = bytearray((tmp_path / name).read_bytes())
    content[4:60] = b"\xff" * 56
    (tmp_path / name).write_bytes(content)
    error = error_of(tmp_path / name)
    assert str(error) == f"{name} cannot be read as a Parquet file: it is damaged."


def test_two_history_files(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY)
    (tmp_path / "stage_history.parquet").write_bytes(b"")
    assert str(error_of(tmp_path)) == (
        f"{tmp_path.name} holds stage_history twice: "
        "stage_history.csv, stage_history.parquet. Keep one, or say in [source] which: "
        "read = ['stage_history.csv']."
    )


def test_some_unreadable_dates_set_their_deals_aside(tmp_path: Path) -> None:
    with load(write_files(tmp_path, stage_history=f"{HISTORY}d3,A,soon\n"), DECLARED) as store:
        assert list_passages(store) == PASSED
        assert store.meta("facts")["deals_set_aside"] == 1
        assert store.rows("SELECT * FROM faults") == [
            ("stage_history.csv", 5, "entered_at", "soon", "missing_moment")
        ]


def test_a_column_of_numbers_is_no_date() -> None:
    frame = pd.DataFrame({"opportunity_id": ["d"], "stage": ["A"], "entered_at": [45]})
    assert str(error_of({"stage_history": frame})) == (
        "stage_history: column 'entered_at' holds BIGINT, and not dates: neither days as "
        "Excel counts them, nor seconds or milliseconds since 1970."
    )
    frame["entered_at"] = [45_000]
    with load({"stage_history": frame}) as store:
        assert store.value("SELECT entered_day FROM passages") == 45_000 - 25_569


def test_unknown_keys_of_the_configuration(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY)
    (tmp_path / "leakkit.toml").write_text('timezon = "UTC"\n[source]\nstagee = "x"\n', "utf-8")
    assert (
        str(error_of(tmp_path, None))
        == (
            "leakkit.toml has 2 fault(s):\n"
            "  leakkit.toml [timezon] 'UTC': unknown key. Hint: did you mean 'timezone'?\n"
            "  leakkit.toml [source.stagee] 'x': unknown key. Hint: did you mean 'stage'?"
        )
        or str(error_of(tmp_path, None)).count("unknown key") == 2
    )


def test_as_of_that_is_no_date(tmp_path: Path) -> None:
    error = error_of(write_files(tmp_path, stage_history=HISTORY), as_of="today")
    expected = "'today' is no date or time: as_of should look like 2026-06-30 or 2026-06-30T14:05."
    assert str(error) == expected


def test_a_history_without_any_stage(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=f"{HEADING}\nd,Won,2024-01-01\n")
    expected = "The history has no stages: every row is empty or a close."
    assert str(error_of(tmp_path, None)) == expected


# ---------------------------------------------------------------------------------------------
# Dates as texts
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02", "2024-01-02 00:00:00"),
        ("  2024-01-02          ", "2024-01-02 00:00:00"),
        ("2024-01-02 03:04", "2024-01-02 03:04:00"),
        ("2024-01-02T03:04:05", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05.999999Z", "2024-01-02 03:04:05"),
        ("2024-01-02 03:04Z", "2024-01-02 03:04:00"),
        ("2024-01-02 03:04+01", "2024-01-02 02:04:00"),
        ("2024-01-02 03:04 +01:00", "2024-01-02 02:04:00"),
        ("2024-01-02T03:04:05-0330", "2024-01-02 06:34:05"),
        ("1969-12-31 23:59:59", "1969-12-31 23:59:59"),
        ("2024-1-2", "2024-01-02 00:00:00"),
        ("2024-02-30", None),
        ("2024-01-02 25:00", None),
        ("1800-01-01", None),
    ],
)
def test_dates_are_read(text: str, expected: str | None) -> None:
    rows = pd.DataFrame(
        {"opportunity_id": ["d", "e"], "stage": "A", "entered_at": [text, "2024-01-01"]}
    )
    with load({"stage_history": rows}, DECLARED) as store:
        found = store.rows("SELECT entered_at FROM passages ORDER BY opportunity")
    if expected is None:
        assert len(found) == 1
    else:
        moment = dt.datetime.fromisoformat(f"{expected}+00:00").timestamp()
        assert found[0] == (moment,)


def test_times_without_an_offset_are_local(tmp_path: Path) -> None:
    rows = "d,A,2024-06-01 01:00\nd,B,2024-06-01 01:00Z\nd,C,2024-06-03\n"
    berlin = Config.from_text(CONFIG.format(more='timezone = "Europe/Berlin"'))
    with load(write_files(tmp_path, stage_history=f"{HEADING}\n{rows}"), berlin) as store:
        found = store.rows("SELECT entered_at, entered_day FROM passages ORDER BY step")
    assert [moment for moment, _ in found] == [1_717_196_400, 1_717_203_600, 1_717_365_600]
    assert [day - found[0][1] for _, day in found] == [0, 0, 2]


# ---------------------------------------------------------------------------------------------
# Hostile names
# ---------------------------------------------------------------------------------------------

HOSTILE = (
    "'); DROP TABLE opportunities; --",
    'a "quoted" name',
    "semi;colon",
    '=HYPERLINK("http://x")',
    "@SUM(A1)",
    "{brace} $dollar %s \\n",
    "<script>alert(1)</script>",
    "line\nbreak",
    "پیش‌فاکتور",
    "a" * 400,
)


def test_hostile_texts_pass_through_unharmed(tmp_path: Path) -> None:
    accepted = '[source]\naccept = ["open_with_reason", "nothing_closes"]'
    frames = {
        "stage_history": pd.DataFrame(
            {
                "opportunity_id": HOSTILE,
                "stage": HOSTILE,
                "entered_at": "2024-01-01",
                "pipeline": HOSTILE,
            }
        ),
        "opportunities": pd.DataFrame(
            {"opportunity_id": HOSTILE, "lost_reason": HOSTILE, HOSTILE[0]: HOSTILE}
        ),
    }
    for name, frame in frames.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    for source in (frames, tmp_path):
        with load(source, Config.from_text(accepted)) as store:
            assert {row[0] for row in store.rows("SELECT name FROM stages")} == set(HOSTILE)
            assert {row[0] for row in store.rows("SELECT name FROM pipelines")} == set(HOSTILE)
            kept = store.rows(
                'SELECT opportunity_id, lost_reason, "\'); DROP TABLE opportunities; --" '
                "FROM opportunities"
            )
            assert sorted(kept) == sorted((text,) * 3 for text in HOSTILE)


@pytest.mark.parametrize("name", ["it's; a (test)", "a[1]*?", "year=2024", "#%20 ünï"])
def test_hostile_names_of_folders_and_files(name: str, tmp_path: Path) -> None:
    folder = write_files(tmp_path / name, stage_history=HISTORY, opportunities=OPPORTUNITIES)
    write_files(tmp_path / "a1", stage_history=f"{HEADING}\nz,A,2024-01-01\n")
    with load(folder, DECLARED) as store:
        assert list_passages(store) == PASSED
        assert store.meta("segments") == ["region"]
    with load(folder, Config()) as store:
        assert store.rows("SELECT name FROM pipelines") == [(name,)]
    pd.read_csv(folder / "stage_history.csv").to_parquet(tmp_path / f"{name}.parquet")
    with load(tmp_path / f"{name}.parquet", DECLARED) as store:
        assert list_passages(store) == PASSED


def test_other_files_are_ignored_and_named(tmp_path: Path) -> None:
    write_files(tmp_path, stage_history=HISTORY, products="a,b\n1,2\n")
    (tmp_path / "notes.txt").write_text("notes", "utf-8")
    (tmp_path / "more").mkdir()
    with load(tmp_path, DECLARED) as store:
        assert store.meta("ignored_files") == ["notes.txt", "products.csv"]


# ---------------------------------------------------------------------------------------------
# Without a configuration
# ---------------------------------------------------------------------------------------------


def test_a_provisional_order_is_proposed(tmp_path: Path) -> None:
    rows = (
        "d1,Inquiry,2024-01-01\nd1,Offer,2024-01-02\nd1,Order,2024-01-03\nd1,WON ,2024-01-04\n"
        "d2,Inquiry,2024-01-01\nd2,offer,2024-01-05\nd2,Inquiry,2024-01-06\nd2,lost,2024-01-09\n"
        "d3,Offer,2024-01-01\nd3,Cancelled,2024-01-05\n"
    )
    with load(write_files(tmp_path, stage_history=f"{HEADING}\n{rows}")) as store:
        assert store.meta("provisional_order")
        assert store.rows("SELECT name FROM stages ORDER BY stage") == [
            ("Inquiry",),
            ("Offer",),
            ("Order",),
        ]
        outcomes = store.rows("SELECT outcome FROM opportunities ORDER BY opportunity")
        assert outcomes == [("won",), ("lost",), ("lost",)]
        assert store.rows("SELECT name FROM pipelines") == [(tmp_path.name,)]
        assert [p.name for p in store.config.pipelines] == [tmp_path.name]


def test_a_provisional_order_with_pipelines_of_the_opportunities(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        stage_history=f"{HEADING}\nd1,A,2024-01-01\nd2,X,2024-01-01\nd3,Q,2024-01-01\n",
        opportunities="opportunity_id,pipeline\nd1,Sales\nd2,sales\nd3,\n",
    )
    with load(tmp_path, Config.from_text('[source]\naccept = ["nothing_closes"]')) as store:
        assert store.rows("SELECT name FROM pipelines ORDER BY pipeline") == [
            ("Sales",),
            (tmp_path.name,),
        ]
        assert store.value("SELECT count(*) FROM passages") == 3


# ---------------------------------------------------------------------------------------------
# as_of
# ---------------------------------------------------------------------------------------------

NO_AS_OF = CONFIG.format(more="").replace('as_of = "2024-06-30"', "")


def as_of(
    folder: Path, history: str, deals: str = "", more: str = "", said: str = ""
) -> tuple[str, str]:
    """Return the last used moment and the last used day, as texts."""
    write_files(folder, stage_history=f"{HEADING}\n{history}")
    if deals:
        write_files(folder, opportunities=f"opportunity_id,created_at,closed_at,outcome\n{deals}")
    with load(folder, Config.from_text(more + NO_AS_OF), as_of=said) as store:
        cut, last_day = int(store.meta("cut")), int(store.meta("last_day"))
    moment = dt.datetime.fromtimestamp(cut, dt.UTC).replace(tzinfo=None)
    return str(moment), str(dt.date(1970, 1, 1) + dt.timedelta(days=last_day))


END_OF_9TH = ("2024-01-09 23:59:59", "2024-01-09")


def test_as_of_as_a_date_is_the_end_of_it(tmp_path: Path) -> None:
    assert as_of(tmp_path, ROWS, said="2024-01-05") == ("2024-01-05 23:59:59", "2024-01-05")
    assert as_of(tmp_path, ROWS, more='as_of = "2024-01-05"')[1] == "2024-01-05"
    assert as_of(tmp_path, ROWS, more="as_of = 2024-01-05")[1] == "2024-01-05"
    both = as_of(tmp_path, ROWS, more="as_of = 2024-01-05", said="2024-01-07")
    assert both[1] == "2024-01-07"


def test_as_of_as_a_time_does_not_complete_its_day(tmp_path: Path) -> None:
    found = as_of(tmp_path, ROWS, said="2024-01-05T14:00")
    assert found == ("2024-01-05 14:00:00", "2024-01-04")


def test_as_of_by_default_from_dates(tmp_path: Path) -> None:
    assert as_of(tmp_path, ROWS) == END_OF_9TH
    midnights = re.sub(r"(-\d\d)\n", r"\1T00:00:00\n", ROWS)
    assert as_of(tmp_path, midnights) == END_OF_9TH


def test_as_of_by_default_ends_with_the_local_day(tmp_path: Path) -> None:
    found = as_of(tmp_path, "d,A,2024-03-31", more='timezone = "Europe/Berlin"\n')
    assert found == ("2024-03-31 21:59:59", "2024-03-31")  # 23 hours long


def test_as_of_by_default_from_timed_data(tmp_path: Path) -> None:
    found = as_of(tmp_path, ROWS.replace("01-09", "01-09 14:00"))
    assert found == ("2024-01-09 14:00:00", "2024-01-08")


@pytest.mark.parametrize(
    ("deal", "expected"),
    [
        ("d1,2024-01-12,,", "2024-01-12"),
        ("d1,2024-01-01,2024-01-15,Won", "2024-01-15"),
        ("d1,2024-01-01,2024-01-15,lost", "2024-01-15"),
        ("d1,2024-01-01,2024-01-15,Open", "2024-01-09"),  # an expected close
        ("d1,2024-01-01,2024-01-15,", "2024-01-09"),
        ("d1,2050-01-01,2099-12-31,Won", "2024-01-09"),  # sentinels
    ],
)
def test_as_of_by_default_leaves_out_sentinels_and_expected_closes(
    deal: str, expected: str, tmp_path: Path
) -> None:
    assert as_of(tmp_path, f"{ROWS}d3,A,2055-01-01\n", deal)[1] == expected


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), days=st.integers(1, 120))
def test_as_of_moved_earlier_only_changes_what_is_later(seed: int, days: int) -> None:
    """What had ended before the earlier as_of is told alike, whatever came after."""
    _, history, rules = raw_source(seed, deals=25)
    earlier = rules.as_of - days * DAY
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_source((None, history, rules), folder)
        with load(folder) as late, load(folder, as_of=utc(earlier)) as early:
            assert early.meta("cut") == earlier
            # deals that a later row sets aside are in one of the two only
            both = set(ids(early)) & set(ids(late))
            # a close is undone by what follows within a day: the last two days may change
            assert settled_passages(early, both, earlier - 2 * DAY) == settled_passages(
                late, both, earlier - 2 * DAY
            )


def utc(moment: int) -> str:
    """Return a moment as ISO text with its offset."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat()


def ids(store: Store) -> list[str]:
    """Return every opportunity_id."""
    return [row[0] for row in store.rows("SELECT opportunity_id FROM opportunities ORDER BY ALL")]


def settled_passages(store: Store, deals: set[str], before: int) -> list[tuple[Any, ...]]:
    """Return what the passages of some deals say that had ended before a moment."""
    rows = store.rows(
        "SELECT o.opportunity_id, p.pipeline, p.stage, p.visit, p.entry, p.exit, p.entered_at, "
        "p.left_at, p.to_stage, p.skipped FROM passages p "
        "JOIN opportunities o ON o.opportunity = p.opportunity "
        "WHERE p.left_at < $before ORDER BY ALL",
        {"before": before},
    )
    return [row for row in rows if row[0] in deals]
