"""A gallery of small files, one per format, shape, way to write and fault, with what becomes of it.

docs/formats.md lists the same files in words; a test below holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import leakkit
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.check import check_source
from leakkit.words import Words

GALLERY = Path(__file__).parent / "gallery"
PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
CONFIG = """
as_of = "2024-06-30"
{more}
[[pipelines]]
name = "Sales"
won = ["Won", "Closed Won"]
lost = ["Lost", "Closed Lost"]
stages = [
  {{ name = "A", aliases = ["Prüfung", "Prüfung läuft", "استعلام", "پیش‌فاکتور"] }},
  {{ name = "B", aliases = ["پیشنهاد", "مذاکره"] }},
  {{ name = "C" }},
]
"""
WORDS = Words()
OPEN, NEXT, LOST = 0, 1, 5
USUAL = (
    ("d1", 0, NEXT, "2024-01-14"),
    ("d1", 1, OPEN, "2024-01-20"),
    ("d2", 0, LOST, "2024-02-01"),
)
"""What nearly every file of the gallery says, each in its own way."""


HOSTILE = "faults/hostile_names.csv"
"""Its test is tests/test_hostile.py."""


@dataclass(frozen=True)
class Read:
    """A file that is read: (deal, stage, exit, day entered) of its passages, and the rest.

    `clock` is the time of day of every moment; `amounts` are in minor units by deal.
    """

    file: str
    more: str = ""
    passages: tuple[tuple[str, int, int, str], ...] | None = USUAL
    clock: str = ""
    shape: str = "events"
    said: tuple[tuple[str, str], ...] = ()
    facts: dict[str, int] = field(default_factory=dict)
    faults: tuple[tuple[Any, ...], ...] = ()
    amounts: tuple[int | None, ...] | None = None
    outcomes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Refused:
    """A file that is refused: the code of the error, and what its message must say."""

    file: str
    code: str
    says: str
    more: str = ""


MORNING = "09:05:00"
ORDER = '[source]\ndate_order = "{}"'
D = "dates:entered_at"
THREE = (
    ("d1", 0, OPEN, "2024-01-14"),
    ("d2", 0, OPEN, "2024-02-01"),
    ("d3", 0, OPEN, "2024-02-02"),
)
JOIN = """[[source.joins]]
file = "products.csv"
key = "product"
take = {{ list_price = "sales_price" }}
{same}"""

READ = (
    Read("formats/comma.csv"),
    Read("formats/tab.tsv", said=(("separator", "tab"),)),
    Read("formats/bar.txt", said=(("separator", "|"),)),
    Read("formats/semicolon.csv", said=(("separator", ";"),)),
    Read("formats/sep_line.csv", said=(("separator", ";"), ("heading_row", "2"))),
    Read("formats/quotes.csv"),
    Read("formats/utf8_bom.csv", said=(("encoding", "utf-8-sig"),)),
    Read("formats/utf16.csv", said=(("encoding", "utf-16"),)),
    Read("formats/utf16_no_bom.csv", said=(("encoding", "utf-16-le"),)),
    Read("formats/windows_1252.csv", said=(("encoding", "windows-1252"),)),
    Read("formats/windows_1256.csv", said=(("encoding", "windows-1256"),)),
    Read("formats/packed.csv.gz", said=(("packed", "gz"),)),
    Read("formats/one_file.zip", said=(("packed", "zip"),)),
    Read("formats/folder.zip", said=(("packed", "zip"),), amounts=(1000, 2000)),
    Read("formats/backslashes.csv", said=(("writing", "backslashes"),)),
    Read("formats/database.tsv", said=(("writing", "backslashes"),)),
    Read("formats/report_footer.csv", said=(("footer", "3"),), facts={"footer_rows": 3}),
    Read(
        "formats/no_headings.csv",
        '[source]\nheadings = ["opportunity_id", "stage", "entered_at"]',
        said=(("headings", "3"),),
    ),
    Read("formats/nul_before_rich_text.csv", facts={"nul_bytes_dropped": 1}),
    Read(
        "shapes/board.csv",
        passages=None,
        shape="snapshot",
        said=(("row_deals", "row"),),
        facts={"lone_cells": 1, "repeated_headings": 1},
        amounts=(1000, 2000, 3000),
        outcomes=("open", "won", "lost"),
    ),
    Read("formats/title_above.csv", said=(("heading_row", "4"),)),
    Read("formats/workbook.xlsx", said=(("sheet", "Export"), ("heading_row", "3"))),
    Read("formats/workbook.xls"),
    Read("formats/workbook.xlsb", said=((D, "serial"),)),
    Read("formats/serial_numbers.xlsx", said=((D, "serial"),)),
    Read("formats/two_sheets.xlsx", amounts=(1050, 2000), said=(("sheet", "Moves"),)),
    Read("formats/lines.jsonl"),
    Read("formats/array.json"),
    Read("formats/rows.parquet"),
    Read("dates/day_first.csv", said=(("date_order", "dmy"), (D, "dmy"))),
    Read("dates/day_first_dots_times.csv", clock=MORNING, said=((D, "dmy"),)),
    Read("dates/month_first.csv", clock="14:05:00", said=((D, "mdy"),)),
    Read("dates/two_digit_years.csv", ORDER.format("dmy"), said=((D, "dmy"),)),
    Read("dates/month_names.csv", said=((D, "named"),)),
    Read("dates/month_names_short.csv", said=((D, "named"),)),
    Read("dates/compact.csv", said=((D, "compact"),)),
    Read("dates/slashes_year_first.csv", said=((D, "ymd"),)),
    Read("dates/short_hours.csv", clock=MORNING, said=((D, "ymd"),)),
    Read("dates/zones.csv", clock=MORNING),
    Read("dates/excel_serials.csv", clock="12:00:00", said=((D, "serial"),)),
    Read("dates/epoch_seconds.csv", clock=MORNING, said=((D, "seconds"),)),
    Read("dates/epoch_milliseconds.csv", clock=MORNING, said=((D, "milliseconds"),)),
    Read("dates/jalali.csv", said=((D, "jalali_ymd"),)),
    Read("dates/jalali_iso.csv", clock=MORNING, said=((D, "jalali_ymd"),)),
    Read("dates/jalali_persian_digits.csv", said=((D, "jalali_ymd"),)),
    Read("dates/jalali_arabic_digits.csv", clock=MORNING, said=((D, "jalali_ymd"),)),
    Read("dates/jalali_day_first.csv", said=((D, "jalali_dmy"),)),
    Read("dates/jalali_month_names.csv", said=((D, "jalali_named"),)),
    Read("dates/jalali_two_digit_years.csv", ORDER.format("ymd") + '\ncalendar = "jalali"'),
    Read("dates/both_calendars.csv"),
    Read(
        "dates/ambiguous.csv",
        ORDER.format("dmy"),
        (
            ("d1", 0, NEXT, "2024-01-04"),
            ("d1", 1, OPEN, "2024-01-10"),
            ("d2", 0, LOST, "2024-02-01"),
        ),
    ),
    Read(
        "dates/contradict.csv",
        ORDER.format("dmy"),
        (),
        facts={"deals_set_aside": 1},
        faults=((2, "entered_at", "01/20/2024", "missing_moment"),),
    ),
    Read(
        "dates/no_such_day.csv",
        facts={"deals_set_aside": 2},
        faults=(
            (5, "entered_at", "1403/12/31", "missing_moment"),
            (6, "entered_at", "2023-02-29", "missing_moment"),
        ),
    ),
    Read(
        "dates/swapped_in_excel.xlsx",
        '[source]\ntyped_dates = "swapped"',
        said=(("swapped:entered_at", "2024-01-02"),),
    ),
    Read(
        "dates/swapped_in_excel.xlsx",
        '[source]\ntyped_dates = "kept"',
        (*USUAL[:2], ("d2", 0, LOST, "2024-01-02")),
        said=(("typed_mixed:entered_at", "2024-01-02"),),
    ),
    Read(
        "dates/swapped_all.xlsx",
        '[source]\ntyped_dates = "swapped"',
        tuple(
            (f"d{month}{day:02}", 0, OPEN, f"2024-{month:02}-{day:02}")
            for month in (1, 2, 3, 4)
            for day in (1, 3, 5, 7, 9, 11)
        ),
        said=(("swapped:entered_at", "2024-03-01"),),
    ),
    Read("dates/sentinel.csv", passages=USUAL[:2], outcomes=("open",)),
    *(
        Read(
            f"numbers/{name}.csv", passages=THREE, amounts=(123456, second, 123456700), facts=facts
        )
        for name, second, facts in (
            ("decimal_point", None, {"value_negative": 1}),
            ("accounting", None, {"value_negative": 1}),
            ("decimal_comma", 100000, {}),
            ("spaces", 100000, {}),
            ("apostrophes", 100000, {}),
            ("indian", 100000, {}),
            ("persian", 100000, {}),
            ("arabic", 100000, {}),
        )
    ),
    Read(
        "numbers/ambiguous.csv",
        '[source]\ndecimal = ","',
        THREE,
        amounts=(123400, 100000, 1200),
    ),
    Read(
        "numbers/contradict.csv",
        '[source]\ndecimal = "."',
        THREE,
        amounts=(123456, None, 1200),
        facts={"value_unreadable": 1},
    ),
    Read(
        "numbers/not_a_number.csv",
        passages=THREE,
        amounts=(123456, None, None),
        said=(("nothing", "n/a"),),
        facts={"value_unreadable": 1},
    ),
    Read("numbers/signs.csv", 'currency = "EUR"', THREE, amounts=(123456, 100000, 123456700)),
    Read(
        "numbers/signs.csv",
        passages=THREE,
        amounts=(123456, 100000, 123456700),
    ),
    Read(
        "numbers/mixed_currencies.csv",
        "rates = { EUR = 1.1, GBP = 1.3 }",
        THREE,
        amounts=(135802, 100000, 160493710),
    ),
    Read(
        "numbers/some_unmarked.csv",
        'currency = "EUR"',
        THREE,
        amounts=(123456, 100000, 1200),
    ),
    Read(
        "numbers/toman.csv",
        'currency = "IRR"',
        THREE,
        amounts=(1234000, 1000000, 1234567000),
        facts={"toman_converted": 2},
    ),
    Read(
        "numbers/toman.csv",
        'currency = "IRT"',
        THREE,
        amounts=(123400, 100000, 123456700),
        facts={"toman_converted": 1},
    ),
    Read(
        "numbers/toman_heading.csv",
        'currency = "IRR"\n[source]\nvalue = "Amount (Toman)"',
        THREE,
        amounts=(1234000, 1000000, 1234567000),
        facts={"toman_converted": 3},
    ),
    Read("shapes/hubspot_wide.csv", shape="wide", facts={"hidden_visits": 1}, amounts=(1000, 2000)),
    Read("shapes/wide_declared.csv", shape="wide", amounts=(1000, 2000)),
    Read(
        "shapes/wide_configured.csv",
        '[source.stage_dates]\nA = "asked on"\nB = "offered on"\nLost = "lost on"',
        shape="wide",
    ),
    Read(
        "shapes/snapshot.csv",
        passages=(("d1", 1, OPEN, "2024-06-30"), ("d3", 0, OPEN, "2024-06-30")),
        clock="23:59:59",
        shape="snapshot",
        outcomes=("open", "lost", "open"),
        amounts=(1000, 2000, None),
        facts={"without_history": 1},
    ),
    Read(
        "shapes/two_days",
        passages=(
            ("d1", 0, NEXT, "2024-02-01"),
            ("d1", 1, OPEN, "2024-02-15"),
            ("d2", 0, LOST, "2024-02-01"),
            ("d3", 1, OPEN, "2024-02-01"),
            ("d4", 0, OPEN, "2024-02-10"),
        ),
        shape="snapshot",
        outcomes=("open", "lost", "open", "open"),
    ),
    Read(
        "shapes/joined",
        JOIN.format(same='same = { "GTXPro" = "GTX Pro" }'),
        said=(("near_key:product", "MG Special"),),
        facts={"join_keys_repaired": 1, "join_keys_unknown": 1},
    ),
    Read("names/spaces_and_case.csv"),
    Read("names/persian_letters.csv", passages=USUAL[:2]),
    Read("names/makers/salesforce.csv", clock=MORNING, said=(("maker", "salesforce_history"),)),
    Read("names/makers/zoho.csv", clock=MORNING, said=(("maker", "zoho_history"),)),
    Read("names/makers/business_central.csv", said=(("maker", "business_central"),)),
    *(
        Read(
            f"names/makers/{name}.csv",
            "rates = { EUR = 1.0 }",
            None,
            shape="snapshot",
            said=(("maker", name),),
            outcomes=outcomes,
        )
        for name, outcomes in (
            ("pipedrive", ("open", "lost")),
            ("didar", ("open", "lost")),
            ("odoo", ("open", "open")),
            ("hubspot_connector", ("open",)),
        )
    ),
    Read("faults/csv_named.xlsx", said=(("format", "csv"),)),
    Read("faults/workbook_named.csv", said=(("format", "xlsx"),)),
    Read("faults/two_histories.xlsx", '[source]\nsheet = "North"'),
    Read(
        "faults/repeated_heading.csv",
        passages=(*USUAL, ("d3", 0, OPEN, "2024-02-06")),
        facts={"repeated_headings": 1},
        faults=((5, "opportunity_id", "", "repeated_heading"),),
    ),
    Read(
        "faults/totals.csv",
        amounts=(1000, 1000),
        facts={"total_rows": 1},
        faults=((5, "opportunity_id", "", "total_row"),),
    ),
    Read(
        "faults/blank_lines.csv",
        passages=USUAL[:2],
        facts={"deals_set_aside": 1},
        faults=((6, "entered_at", "soon", "missing_moment"),),
    ),
    Read("faults/two_headings.csv", said=(("heading_row", "2"),)),
    Read("faults/same_heading_twice.csv", '[source]\nstage = "stage"'),
    Read(
        "faults/misspelt_columns.csv",
        '[source]\nopportunity_id = "oportunity_id"\nstage = "stge"\nentered_at = "enterd_at"',
    ),
    Read(
        "faults/unknown_stages.csv",
        facts={"deals_set_aside": 2},
        faults=((6, "stage", "Lsot", "unknown_stage"), (7, "stage", "Bb", "unknown_stage")),
    ),
    Read(
        "faults/duplicated_ids",
        amounts=(1000, 2000),
        facts={"deals_set_aside": 1},
        faults=(
            (4, "opportunity_id", "d3", "conflicting_rows"),
            (5, "opportunity_id", "d3", "conflicting_rows"),
        ),
    ),
    Read(
        "faults/closed_before_created.csv",
        passages=None,
        shape="snapshot",
        outcomes=("lost", "open"),
        facts={"closed_before_created": 1},
        faults=((1, "closed_at", "2024-01-01", "closed_before_created"),),
    ),
    Read("faults/burst.csv", passages=None, facts={"moves_in_bursts": 40}),
    Read(
        "faults/undecided_encoding.csv",
        '[source]\nencoding = "windows-1256"',
        facts={"deals_set_aside": 1},
    ),
)

REFUSED = (
    Refused("dates/ambiguous.csv", "ambiguous_dates", "date_order = 'dmy' or date_order = 'mdy':"),
    Refused("dates/contradict.csv", "mixed_dates", "the others are then faults:"),
    Refused("dates/two_digit_years.csv", "ambiguous_dates", "ymd: 2014-01-24"),
    Refused(
        "dates/jalali_two_digit_years.csv",
        "ambiguous_calendar",
        "calendar = 'jalali' or calendar = 'gregorian'",
        ORDER.format("ymd"),
    ),
    Refused("dates/swapped_in_excel.xlsx", "swapped_dates", "stayed a text, such as '14/01/2024'"),
    Refused("dates/swapped_all.xlsx", "swapped_dates",
            "typed_dates = 'kept': 2024-03-01 or 'swapped': 2024-01-03"),
    Refused("numbers/ambiguous.csv", "ambiguous_numbers", "decimal = '.': 1.234 or decimal = ',':"),
    Refused("numbers/contradict.csv", "mixed_numbers", "decimal = '.' or decimal = ','"),
    Refused("numbers/some_unmarked.csv", "currency_undeclared", "currency = 'EUR'"),
    Refused("names/makers/sync_history.csv", "no_history", "synchronisation history"),
    Refused(
        "shapes/wide_configured.csv", "missing_columns", "lacks 2 column(s) that are needed"
    ),
    Refused("shapes/joined", "join_file", "Did you mean 'products.csv'?",
            JOIN.format(same="").replace("products", "product")),
    Refused("faults/misspelt_columns.csv", "missing_columns", "did you mean 'enterd_at'?"),
    Refused("faults/same_heading_twice.csv", "two_columns", "stage = 'stage' or stage = 'Stage 2'"),
    Refused("formats/no_headings.csv", "no_headings", 'headings = ["column 1", "column 2"'),
    Refused("faults/nul_bytes.csv", "nul_bytes", "row 3: the row holds NUL bytes."),
    Refused("faults/truncated.csv.gz", "unreadable_file", "it ends too early"),
    Refused("faults/broken.zip", "unreadable_file", "broken .zip"),
    Refused("faults/empty.csv", "empty_file", "it needs a heading and rows."),
    Refused("faults/only_a_heading.csv", "no_rows", "has a heading but no rows."),
    Refused("faults/page_named.xls", "unreadable_file", "is a web page, whatever its name says."),
    Refused("faults/no_workbook.xlsx", "unreadable_file", "cannot be read as an Excel workbook"),
    Refused("faults/two_histories.xlsx", "two_sheets", "may be a part of all deals"),
    Refused("faults/two_histories.xlsx", "no_sheet", "There are: North, South.",
            '[source]\nsheet = "West"'),
    Refused("faults/mixed_encodings.csv", "mixed_encodings", "row 6: the text is not UTF-8."),
    Refused("faults/undecided_encoding.csv", "encoding", "its encoding cannot be told for sure"),
    Refused("faults/broken_rows.csv", "broken_rows", "row 4 'd3,A,2024-01-14,1,2'"),
    Refused("faults/mixed_line_ends.csv", "unreadable_file", "two kinds of line ends"),
    Refused("faults/broken_lines.jsonl", "broken_rows", "row 2 '[1, 2]'"),
    Refused("faults/no_columns.csv", "missing_columns", "the file has: a, b"),
    Refused("faults/not_parquet.parquet", "unreadable_file", "as a Parquet file"),
    Refused("faults/ambiguous_folder", "two_files", "one file of them may be a part"),
)  # fmt: skip


def name_of_case(case: Read | Refused) -> str:
    """Name a test after its file."""
    return case.file + ("+config" if case.more else "")


@pytest.mark.parametrize("case", READ, ids=name_of_case)
def test_a_file_of_the_gallery_is_read(case: Read) -> None:
    config = Config.from_text(CONFIG.format(more=case.more))
    with leakkit.load(GALLERY / case.file, config) as store:
        if case.passages is not None:
            assert passages(store) == [(*one, case.clock or "00:00:00") for one in case.passages]
        assert store.meta("shape") == case.shape
        said = {(one["what"], one["as_what"]) for one in store.meta("recognised")}
        assert all(WORDS.knows(f"recognised.{what.partition(':')[0]}") for what, _ in said)
        assert set(case.said) <= said
        facts = store.meta("facts")
        assert {code: facts.get(code) for code in case.facts} == case.facts
        found = store.rows("SELECT line, field, content, rule FROM faults ORDER BY ALL")
        if case.faults:
            assert found == list(case.faults)
        deals = store.rows("SELECT value, outcome FROM opportunities ORDER BY opportunity")
        if case.amounts is not None:
            assert tuple(amount for amount, _ in deals) == case.amounts
        if case.outcomes is not None:
            assert tuple(outcome for _, outcome in deals) == case.outcomes
        rules = {rule for *_, rule in found}
        assert all(WORDS.say(f"facts.{code}", n=1) for code in facts)
        assert all(WORDS.knows(f"rules.{rule}") for rule in rules)


def test_a_snapshot_counts_and_estimates_nothing() -> None:
    """30 deals of each outcome in each stage: the open ones stand there, and no share is given."""
    deals = pd.DataFrame(
        [
            (f"{stage}{outcome}{i}", stage, outcome, f"2024-01-{i + 1:02}", "2024-06-01")
            for stage in "AB"
            for outcome in ("open", "won", "lost")
            for i in range(30)
        ],
        columns=["opportunity_id", "stage", "status", "created_at", "closed_at"],
    )
    with leakkit.load(deals, Config.from_text(CONFIG.format(more=""))) as store:
        sales = leakkit.analyze(store)["Sales"]
        page = leakkit.views.data(leakkit.analyze(store))
    assert [stage.exits.open for stage in sales.stages] == [30, 30, 0]
    assert [stage.exits.entered for stage in sales.stages] == [30, 30, 0]
    for stage in sales.stages:
        for share in (stage.lost, stage.advance, stage.went_overdue, stage.won_from_here):
            assert share.share is None
            assert share.reason
    assert sales.notes.outcomes["won", False] == sales.notes.outcomes["lost", False] == 60
    assert "a list of how deals stand, without a history" in page.note


def test_snapshots_of_two_days_follow_every_deal_that_stood(tmp_path: Path) -> None:
    """40 deals stand on the first day, 10 of them have moved by the second: a quarter advanced."""
    heading = "opportunity_id,stage,status\n"
    before = [f"d{i:02},A,open" for i in range(40)]
    after = [row.replace("A", "B") if i < 10 else row for i, row in enumerate(before)]
    for day, rows in (("2024-02-01", before), ("2024-03-01", after)):
        (tmp_path / f"deals {day}.csv").write_text(heading + "\n".join(rows), "utf-8")
    config = Config.from_text(CONFIG.replace('as_of = "2024-06-30"', "").format(more=""))
    with leakkit.load(tmp_path, config) as store:
        first = leakkit.analyze(store)["Sales"].stages[0]
        assert store.config.as_of == "2024-03-01"
        assert str(store.config.source.history_start) == "2024-02-01"
    assert (first.exits.entered, first.exits.next, first.exits.open) == (40, 10, 30)


def test_rows_of_an_earlier_day_that_contradict_each_other_say_nothing(tmp_path: Path) -> None:
    """d1 stands twice on the first day, in two stages: it is first seen on the second."""
    heading = "opportunity_id,stage,status,created_at\n"
    days = {
        "2024-02-01": "d1,A,open,2024-01-14\nd1,B,open,2024-01-14\n,A,open,\nd2,A,open,2024-01-20\n"
        "d2,A,open,2024-01-20\nd3,Z,open,2024-01-20\n",
        "2024-03-01": "d1,B,open,2024-01-14\nd2,B,open,2024-01-20\nd3,A,open,2024-01-20\n",
    }
    for day, rows in days.items():
        (tmp_path / f"deals {day}.csv").write_text(heading + rows, "utf-8")
    config = Config.from_text(CONFIG.replace('as_of = "2024-06-30"', "").format(more=""))
    store, found = check_source(tmp_path, config)
    with store:
        assert passages(store) == [
            ("d1", 1, 0, "2024-03-01", "00:00:00"),
            ("d2", 0, 1, "2024-02-01", "00:00:00"),
            ("d2", 1, 0, "2024-03-01", "00:00:00"),
        ]
    first = next(one for one in found.rows if one["table"] == "snapshot")
    assert [first[name] for name in ("file", "read", "used", "merged", "set_aside")] == [
        "deals 2024-02-01.csv", 6, 2, 1, 3
    ]  # fmt: skip
    assert [(f.where, f.row, f.column, f.rule) for f in found.faults] == [
        ("deals 2024-02-01.csv", 1, "opportunity_id", "conflicting_rows"),
        ("deals 2024-02-01.csv", 2, "opportunity_id", "conflicting_rows"),
        ("deals 2024-02-01.csv", 3, "opportunity_id", "missing_id"),
        ("deals 2024-02-01.csv", 6, "stage", "unknown_stage"),
    ]


def test_a_stage_in_which_open_deals_stand_has_a_date(tmp_path: Path) -> None:
    """Where the list names its stages as the columns of dates do."""
    file = tmp_path / "wide.csv"
    rows = [f"d{n},{'AB'[n % 2]},2024-01-1{n},2024-03-1{n}" for n in range(4)]
    heading = 'opportunity_id,Deal Stage,Date entered "A",Date entered "C"'
    file.write_text("\n".join([heading, *rows]), "utf-8")
    with pytest.raises(LeakkitError, match="2 open deals stand in a stage without a date"):
        leakkit.load(file)
    file.write_text("\n".join([heading, *rows]).replace(",A,", ",X,").replace(",B,", ",Y,"))
    leakkit.load(file).close()


@pytest.mark.parametrize("heading", ["Date exited", "Cumulative time in"])
def test_a_stage_without_the_date_of_its_entry_is_asked_for(tmp_path: Path, heading: str) -> None:
    """Its visits would be missing, in silence."""
    headings = f'opportunity_id,Date entered "A",{heading} "B",Date entered "C"'
    file = tmp_path / "wide.csv"
    rows = (f"d{n},2024-01-1{n},2024-02-1{n},2024-03-1{n}" for n in range(4))
    file.write_text("\n".join([headings, *rows]), "utf-8")
    with pytest.raises(LeakkitError, match='Date entered "B"'):
        leakkit.load(file)


def test_a_fault_of_a_dated_stage_names_its_cell(tmp_path: Path) -> None:
    """The history is made of cells; a fault stands in one of them."""
    file = tmp_path / "wide.csv"
    rows = "d1,2024-01-02,2024-01-09\nd2,2024-01-03,soon\n,2024-01-04,2024-01-05\n"
    file.write_text(f"opportunity_id,Date entered A,Date entered B\n{rows}", "utf-8")
    store, found = check_source(file, Config.from_text(CONFIG.format(more="")))
    with store:
        kept = store.rows("SELECT file, line, field, rule FROM faults ORDER BY ALL")
    wanted = [
        ("wide.csv", 2, "Date entered B", "missing_moment"),
        ("wide.csv", 3, "opportunity_id", "missing_id"),
    ]
    assert kept == wanted
    assert [(f.where, f.row, f.column, f.rule) for f in found.faults] == wanted


def passages(store: leakkit.store.Store) -> list[tuple[Any, ...]]:
    """Return (deal, stage, exit, day, time of day) of every passage."""
    return store.rows(
        "SELECT o.opportunity_id, p.stage, p.exit, "
        "strftime(make_timestamp(p.entered_at * 1000000), '%Y-%m-%d'), "
        "strftime(make_timestamp(p.entered_at * 1000000), '%H:%M:%S') "
        "FROM passages p JOIN opportunities o ON o.opportunity = p.opportunity "
        "ORDER BY p.opportunity, p.step"
    )


@pytest.mark.parametrize("case", REFUSED, ids=name_of_case)
def test_a_file_of_the_gallery_is_refused(case: Refused) -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(GALLERY / case.file, Config.from_text(CONFIG.format(more=case.more)))
    assert caught.value.code == case.code
    assert case.says in str(caught.value)


def test_the_page_lists_every_file_of_the_gallery() -> None:
    page = PAGE.read_text("utf-8")
    tried = {case.file for case in READ} | {case.file for case in REFUSED} | {HOSTILE}
    folders = {name for name in tried if (GALLERY / name).is_dir()}
    files = {path.relative_to(GALLERY).as_posix() for path in GALLERY.rglob("*") if path.is_file()}
    alone = {file for file in files if not any(file.startswith(f"{f}/") for f in folders)}
    # those of makers are tried by tests/test_gallery_of_makers.py
    assert {file for file in alone if not file.startswith("makers/")} | folders == tried
    missing = {name for name in tried if f"`{name}`" not in page}
    assert not missing


def test_a_cell_of_ten_megabytes_is_named(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text(
        f"opportunity_id,stage,entered_at\nd1,A,2024-01-14\nd2,{'x' * 10_000_000},2024-01-14\n"
    )
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(file, Config.from_text(CONFIG.format(more="")))
    assert caught.value.code == "broken_rows"
    assert [(f.row, f.rule) for f in caught.value.faults] == [(2, "the row is longer than 2 MB")]
    assert len(str(caught.value)) < 500


ROWS = pd.read_csv(GALLERY / "formats" / "comma.csv")


@pytest.mark.parametrize(
    "frame",
    [ROWS, pl.DataFrame(ROWS.to_dict("list")), pa.Table.from_pandas(ROWS)],
    ids=["pandas", "polars", "pyarrow"],
)
def test_frames_of_three_libraries(frame: Any) -> None:  # noqa: ANN401 - three libraries
    config = Config.from_text(CONFIG.format(more=""))
    for source in (frame, {"stage_history": frame}):
        with leakkit.load(source, config) as store:
            assert passages(store) == [(*one, "00:00:00") for one in USUAL]


def test_frames_with_dates_of_their_own() -> None:
    config = Config.from_text(CONFIG.format(more=""))
    dated = ROWS.assign(entered_at=pd.to_datetime(ROWS["entered_at"]).dt.date)
    for frame in (dated, pl.from_pandas(dated), pa.Table.from_pandas(dated)):
        with leakkit.load({"stage_history": frame}, config) as store:
            assert passages(store) == [(*one, "00:00:00") for one in USUAL]


def test_what_is_no_frame() -> None:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load({"stage_history": 7})
    message = "stage_history: leakkit reads frames of pandas, polars and pyarrow, not int."
    assert str(caught.value) == message
