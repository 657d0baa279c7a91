"""What is bounded is refused in one sentence, and docs/limits.md says by how much."""

from __future__ import annotations

import errno
import gzip
import json
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter

import leakkit
from leakkit import limits
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import given
from leakkit.sources.check import check_source, safe_text
from leakkit.sources.formats import unpacking, workbooks
from leakkit.store import Store
from leakkit.store.account import kept_faults
from leakkit.store.engines import Duck

DOCUMENT = Path(__file__).parent.parent / "docs" / "limits.md"
HEADING = "opportunity_id,stage,entered_at"
ROWS = HEADING + "\nd1,A,2024-01-01\nd1,B,2024-01-05\n"
MERGED = (
    ("", *HEADING.split(",")),
    ("", "", "A", "2024-01-01"),
    ("", "", "B", "2024-01-05"),
    ("", "d2", "A", "2024-01-02"),
)
FAR = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'


def refuse(file: Path) -> str:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(file)
    return str(caught.value)


def workbook(file: Path, *rows: tuple[object, ...]) -> Path:
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    return file


def rewritten(file: Path, old: str, new: str) -> Path:
    """Write a workbook again with another text in its first sheet."""
    with zipfile.ZipFile(file) as packed:
        parts = {name: packed.read(name).decode() for name in packed.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text.replace(old, new) if "/sheet1" in name else text)
    return file


def test_the_document_names_every_bound_as_it_is() -> None:
    table = re.findall(
        r"^\| .* \| ([\d,]+) \| ([A-Z_]+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    said = {name: int(bound.replace(",", "")) for bound, name in table}
    assert said == {name: int(value) for name, value in vars(limits).items() if name.isupper()}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bombs be small: the bounds are those of a test."""
    for name, bound in {
        "UNPACKED_FREELY": 100_000, "PACKED_FILES": 2, "LINE_BYTES": 5_000, "JSON_BYTES": 1_000,
        "COLUMNS": 20, "XES_ATTRIBUTES": 20, "XES_CASE": 5_000, "WORKBOOK_CELLS": 100,
    }.items():  # fmt: skip
        monkeypatch.setattr(limits, name, bound)


@pytest.mark.usefixtures("small")
def test_what_unpacks_to_far_more_is_refused_while_it_is_unpacked(tmp_path: Path) -> None:
    bomb = (HEADING + "\n" + "0" * 3_000_000).encode()
    file = tmp_path / "bomb.csv.gz"
    file.write_bytes(gzip.compress(bomb, mtime=0))
    assert "bomb.csv.gz unpacks to more than" in refuse(file)
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.csv", bomb)
    assert "bomb.zip unpacks to more than" in refuse(file)
    file = rewritten(workbook(tmp_path / "bomb.xlsx", ("a",)), "<sheetData>", " " * 3_000_000)
    assert "bomb.xlsx unpacks to" in refuse(file)
    log = tmp_path / "bomb.xes.gz"
    log.write_bytes(gzip.compress(b"<log>" + b" " * 3_000_000, mtime=0))
    assert "bomb.xes.gz unpacks to more than" in refuse(log)


@pytest.mark.usefixtures("small")
def test_a_file_that_unpacks_to_far_more_is_not_unpacked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # from Python 3.12 on gzip reads 128 KB at once: 30 MB of this
    bomb = (HEADING + "\n" + "0" * 160_000_000).encode()
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(bomb, 1, mtime=0))
    read, taken = unpacking.Bound.read, []

    def counted(bound: unpacking.Bound, packed: unpacking.Packed) -> bytes:
        taken.append(len(chunk := read(bound, packed)))
        return chunk

    monkeypatch.setattr(unpacking.Bound, "read", counted)
    assert "bomb.csv.gz unpacks to more than" in refuse(tmp_path / "bomb.csv.gz")
    assert sum(taken) < len(bomb) / 4


@pytest.mark.usefixtures("small")
def test_a_zip_that_declares_far_more_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.csv", HEADING + "\n" + "0" * 3_000_000)
    monkeypatch.setattr(unpacking.Bound, "copy", None)
    assert "bomb.zip unpacks to more than" in refuse(tmp_path / "bomb.zip")


def test_the_widest_file_that_is_read(tmp_path: Path) -> None:
    """Each column is looked at in many ways, none of which may take the square of their number."""
    names = [f"c{i}" for i in range(limits.COLUMNS - 3)]
    rows = [f"d1,{stage},2024-01-01{',x' * len(names)}" for stage in "AB"]
    (tmp_path / "a.csv").write_text("\n".join([",".join([HEADING, *names]), *rows]), "utf-8")
    with leakkit.load(tmp_path / "a.csv") as store:
        assert store.meta("rows")[0]["used"] == 2


@pytest.mark.usefixtures("small")
def test_a_zip_of_too_many_files_is_refused_before_its_list_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as packed:
        for number in range(50):
            packed.writestr(f"{number}.csv", ROWS)
    assert "more files than 2" in refuse(tmp_path / "many.zip")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("long.csv", "x" * 6_000 + "\n" + ROWS, "line 1"),
        ("long.jsonl", '{"a": "' + "x" * 6_000 + '"}', "line 1"),
        ("array.json", "[" + " " * 2_000 + "{}]", "one JSON array"),
        ("wide.csv", ",".join(f"c{i}" for i in range(30)) + "\n", "more than 20 columns"),
        ("wide.jsonl", json.dumps({f"c{i}": i for i in range(30)}), "more than 20 columns"),
        ("deep.json", "[" * 900, "is no JSON array"),
        (
            "attributes.xes",
            "<log><trace><event>" + "".join(f'<string key="k{i}" value=""/>' for i in range(30)),
            "20 different attributes",
        ),
        ("deep.xes", "<log>" + "<a>" * 200, "within each other"),
        ("case.xes", "<log><trace>" + '<event><int key="a" value="1"/></event>' * 200, "a case"),
        ("tag.xes", "<log><" + "a" * 9_000, "a tag of more than"),
    ],
)
def test_what_goes_beyond_a_bound_is_refused(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    assert says in refuse(tmp_path / name)


def test_a_cell_far_away_ends_the_reading_of_a_workbook_and_nothing_else(tmp_path: Path) -> None:
    file = workbook(tmp_path / "far.xlsx", tuple(HEADING.split(",")), ("d1", "A", "2024-01-01"))
    assert "cells far from the data" in refuse(rewritten(file, "</sheetData>", FAR))


def test_a_parser_that_dies_is_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text('import os\nprint("[[", flush=True)\nos.abort()\n', "utf-8")
    monkeypatch.setattr(workbooks, "PROGRAM", dying)
    assert "it is damaged" in refuse(workbook(tmp_path / "a.xlsx", ("a",)))


@pytest.mark.usefixtures("small")
def test_a_workbook_of_too_many_cells_is_refused(tmp_path: Path) -> None:
    rows = [(f"d{i}", "A", "2024-01-01") for i in range(50)]
    assert "more than 100 cells" in refuse(workbook(tmp_path / "a.xlsx", *rows))


def test_a_note_far_to_the_right_is_one_column(tmp_path: Path) -> None:
    rows = [("d1", "A", "2024-01-01"), ("d1", "B", "2024-01-05")]
    file = workbook(tmp_path / "a.xlsx", tuple(HEADING.split(",")), *rows)
    note = '<c r="XFD1" t="inlineStr"><is><t>note</t></is></c></row>'
    with leakkit.load(rewritten(file, "</row>", note.replace("XFD1", "XFD9"))) as store:
        assert store.meta("rows")[0]["used"] == 2


def test_merged_cells_of_ids_are_filled_down_and_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "merged.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(MERGED):
            sheet.write_row(at, 0, row)
        sheet.merge_range(1, 1, 2, 1, "d1")
    with leakkit.load(file) as store:
        assert store.rows("SELECT opportunity_id FROM opportunities ORDER BY 1") == [
            ("d1",),
            ("d2",),
        ]
        assert store.value("SELECT count(*) FROM stage_history") == 3
        said = {(one["what"], one["as_what"]) for one in store.meta("recognised")}
    assert ("merged_ids", "1") in said


def test_half_a_sign_in_json_is_marked_and_counted(tmp_path: Path) -> None:
    rows = '{"opportunity_id":"d1\\ud800","stage":"A","entered_at":"2024-01-01"}\n'
    (tmp_path / "half.jsonl").write_text(rows, "utf-8")
    with leakkit.load(tmp_path / "half.jsonl") as store:
        assert store.value("SELECT opportunity_id FROM opportunities") == "d1\ufffd"
        assert store.meta("facts")["half_signs"] == 1


def test_a_column_with_very_many_texts_is_no_column_of_stages(tmp_path: Path) -> None:
    rows = [f"d{i},S{i},2024-01-{i % 28 + 1:02}" for i in range(151)]
    (tmp_path / "a.csv").write_text("\n".join(["deal_id,Step,entered_at", *rows]), "utf-8")
    config = '[source]\nopportunity_id = "deal_id"\nstage = "Step"\n'
    with pytest.raises(LeakkitError, match=r"151 different stages.*is 'Step' the stage"):
        leakkit.load(tmp_path / "a.csv", Config.from_text(config))


def test_a_name_of_very_many_letters_is_no_stage(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADING}\nd1,{'x' * 501},2024-01-01\n", "utf-8")
    assert "a stage of 501 letters" in refuse(tmp_path / "a.csv")


def test_an_amount_that_cannot_be_is_a_fault_of_its_row(tmp_path: Path) -> None:
    values = enumerate(("5e16", "5e16", "100"))
    rows = [f"d{i},{stage},2024-01-01,{value}" for i, value in values for stage in ("A", "Won")]
    (tmp_path / "a.csv").write_text("\n".join([f"{HEADING},value", *rows]), "utf-8")
    with leakkit.load(tmp_path / "a.csv") as store:
        assert store.meta("facts")["value_unreadable"] == 2
        assert store.value("SELECT sum(value) FROM opportunities") == 10_000
        assert [(fault.row, fault.value) for fault in kept_faults(store)] == [
            (row, "5e16") for row in (2, 4)
        ]


LARGE = ("1e30", "9" * 30, "1e400", f"{'9' * 21} k", "1,000,000,000,000,000", "\u06f9" * 30)


@pytest.mark.parametrize("heading", ["value", "Amount (k EUR)"])
def test_every_large_amount_is_named_as_its_cell_stands(tmp_path: Path, heading: str) -> None:
    cells = dict(enumerate(LARGE, start=1))
    rows = [f'd{i},A,2024-01-0{i},"{cell}"' for i, cell in cells.items()]
    closed = [f"d{i},Won,2024-02-0{i},{'' if i < 9 else 5}" for i in range(1, 10)]
    (tmp_path / "a.csv").write_text("\n".join([f"{HEADING},{heading}", *rows, *closed]), "utf-8")
    store, found = check_source(tmp_path / "a.csv", Config())
    with store:
        assert {fault.rule for fault in found.faults} == {"value_unreadable"}
        shown = {fault.row: fault.value.partition(" \u00d7")[0] for fault in found.faults}
        assert shown == cells
        assert store.value("SELECT count(value) FROM opportunities") == 1


def test_a_fault_of_a_gathered_cell_is_where_the_cell_stands(tmp_path: Path) -> None:
    rows = (
        *("d1,A,2024-01-01,2024-13-01,,,", "d1,B,2024-01-03,,perhaps,,", "d1,C,2024-01-04,,,,"),
        *("d2,A,2024-01-01,,,-5,", "d2,B,2024-01-02,,,,2024-02-30", "d2,C,2024-01-03,,,,"),
        "d3,A,2024-01-05,2024-01-01,,7,",
    )
    heading = f"{HEADING},created_at,outcome,value,closed_at"
    (tmp_path / "a.csv").write_text("\n".join([heading, *rows]), "utf-8")
    store, found = check_source(tmp_path / "a.csv", Config())
    with store:
        assert [(fault.row, fault.column, fault.value) for fault in found.faults] == [
            (1, "created_at", "2024-13-01"),
            (2, "outcome", "perhaps"),
            (4, "value", "-5"),
            (5, "closed_at", "2024-02-30"),
        ]


def test_amounts_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    rows = [f"d{i},{s},2024-01-01,{limits.VALUE}" for i in range(101) for s in ("A", "Won")]
    (tmp_path / "a.csv").write_text("\n".join([f"{HEADING},value", *rows]), "utf-8")
    assert f"row 2 [value] '{limits.VALUE}': one of the largest" in refuse(tmp_path / "a.csv")


def test_an_id_that_stands_for_nobody_may_have_any_number_of_visits(tmp_path: Path) -> None:
    moments = [f"2024-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}" for i in range(65_540)]
    rows = [f"unknown,{'AB'[i % 2]},{moment}" for i, moment in enumerate(moments)]
    (tmp_path / "a.csv").write_text("\n".join([HEADING, *rows]), "utf-8")
    with leakkit.load(tmp_path / "a.csv") as store:
        assert store.value("SELECT max(visit) FROM passages") == 32_770


@pytest.mark.parametrize("how", ["above", "absolute", "link"])
def test_a_file_outside_is_read_only_where_it_is_allowed(tmp_path: Path, how: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "export"
    outside.mkdir()
    folder.mkdir()
    (outside / "owners.csv").write_text("owner,team\nann,north\nbob,south\n", "utf-8")
    rows = "d1,A,2024-01-01,ann\nd2,A,2024-01-02,bob\n"
    (folder / "stage_history.csv").write_text(f"{HEADING},owner\n{rows}", "utf-8")
    if how == "link":
        (folder / "owners.csv").symlink_to(outside / "owners.csv")
    name = {"above": "../outside/owners.csv", "link": "owners.csv"}.get(how)
    joined = json.dumps(name or str(outside / "owners.csv"))
    join = f'[[source.joins]]\nfile = {joined}\nkey = "owner"\ntake = {{ team = "team" }}\n'
    (folder / "leakkit.toml").write_text(join, "utf-8")
    assert "--allow FOLDER" in refuse(folder)
    with leakkit.load(folder, allow=[outside]) as store:
        assert "team" in store.meta("segments")
    reasons = f"[reasons]\nfile = {joined}\n"
    (folder / "leakkit.toml").write_text(reasons, "utf-8")
    assert "--allow FOLDER" in refuse(folder)


def test_a_configuration_inside_a_zip_is_read(tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("export/deals.csv", ROWS.replace("stage", "Step"))
        packed.writestr("export/leakkit.toml", '[source]\nstage = "Step"\n')
    with leakkit.load(file) as store:
        assert store.config.source.columns == {"stage": "Step"}
        assert store.meta("rows")[0]["used"] == 2
    (tmp_path / "leakkit.toml").write_text('currency = "EUR"\n', "utf-8")
    assert "one beside it" in refuse(file)


def test_a_full_disk_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(ROWS.encode(), mtime=0))
    monkeypatch.setattr(unpacking.Bound, "read", full)
    assert "no room left for temporary files" in refuse(tmp_path / "a.csv.gz")


def test_a_query_that_is_interrupted_is_no_fault() -> None:
    class Interrupted:
        def execute(self, *_: object) -> None:
            message = "Query interrupted"
            raise RuntimeError(message)

    with pytest.raises(KeyboardInterrupt):
        Store(Duck(Interrupted())).run("SELECT 1")  # type: ignore[arg-type] # a fake connection


@pytest.mark.parametrize("text", ["\ufeff=1+1", "\u200b+1", " =1", "\uff1d1", "\u200b\uff20x"])
def test_what_a_spreadsheet_may_take_for_a_formula_is_quoted(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize("at_once", [2, 50])
def test_wide_event_files_are_gathered_some_columns_at_a_time(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last text of each column counts, whichever query asked for it."""
    monkeypatch.setattr(given, "AT_ONCE", at_once)
    moves = [("d1", "A", "2024-01-01"), ("d1", "B", "2024-01-05"), ("d2", "A", "2024-01-02")]
    frame = pd.DataFrame(moves, columns=["opportunity_id", "stage", "entered_at"])
    for column in "vwxyz":
        frame[column] = [f"{column}1", "" if column == "w" else f"{column}2", f"{column}3"]
    with leakkit.load({"stage_history": frame}) as store:
        rows = store.rows("SELECT opportunity_id, v, w, x, y, z FROM opportunities ORDER BY 1")
    assert rows == [("d1", "v2", "w1", "x2", "y2", "z2"), ("d2", "v3", "w3", "x3", "y3", "z3")]
