"""What `leakkit check` and `leakkit init` say: facts, all faults, and a configuration as found."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import xlsxwriter
from typer.testing import CliRunner

import leakkit
from leakkit.cli import app
from leakkit.config import Config
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.check import check, check_source, faults_csv
from leakkit.sources.propose.proposed_text import configuration_text
from leakkit.sources.propose.trials import find_joins
from leakkit.terminal import say_check as said
from leakkit.terminal import unused_lines
from tests.running import sample_store
from tests.test_gallery import GALLERY, HOSTILE, LOST, READ, REFUSED
from tests.thoroughness import every

if TYPE_CHECKING:
    from pathlib import Path

STAGES = '[[pipelines]]\nname = "Sales"\nstages = [{ name = "Inquiry" }, { name = "Quotation" }]'


def test_what_was_recognised_and_by_what() -> None:
    found = check(GALLERY / "dates" / "day_first.csv")
    assert [(one.what, one.as_what, one.why) for one in found.recognised] == [
        ("date_order", "dmy", "row 1: 14/01/2024"),
        ("dates:entered_at", "dmy", "14/01/2024"),
    ]
    assert (found.shape, found.set_aside, found.provisional_order) == ("events", 0, True)
    assert found.rows == (
        {
            "table": "history",
            "file": "day_first.csv",
            "read": 4,
            "used": 4,
            "merged": 0,
            "not_asked": 0,
            "set_aside": 0,
        },
    )


def test_every_fault_has_its_row_its_heading_and_a_hint() -> None:
    """More than the hundred that a store keeps; the nearest stage is named."""
    rows = [("d0", "Inquiry", "2024-01-01")]
    rows += [(f"d{i}", "Qotation" if i % 2 else "inquiry", "soon") for i in range(1, 301)]
    frame = pd.DataFrame(rows, columns=["opportunity_id", "stage", "Since"])
    config = Config.from_text(f'[source]\nentered_at = "Since"\n{STAGES}')
    found = check({"stage_history": frame}, config)
    moments = [fault for fault in found.faults if fault.rule == "missing_moment"]
    stages = [fault for fault in found.faults if fault.rule == "unknown_stage"]
    assert [fault.row for fault in moments] == list(range(2, 302))
    assert {fault.column for fault in moments} == {"Since"}
    assert len(stages) == 150
    assert stages[0].hint.startswith("did you mean 'Quotation'? ")
    assert found.set_aside == 300
    assert [fault.row for fault in found.faults] == sorted(fault.row or 0 for fault in found.faults)


def test_rows_that_are_no_data_are_named_as_such() -> None:
    found = check(GALLERY / "faults" / "totals.csv")
    assert [(fault.row, fault.rule) for fault in found.faults] == [(5, "total_row")]
    assert found.set_aside == 1


def test_faults_of_a_date_per_stage_have_the_row_of_their_file(tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    file.write_text(
        "opportunity_id,Inquiry,Quotation\n"
        "d1,2024-01-01,2024-01-05\nd2,2024-01-02,2024-01-07\nd3,2024-01-03,soon\n"
    )
    found = check(file, Config.from_text(STAGES))
    assert [(fault.row, fault.value) for fault in found.faults] == [(3, "soon")]


def test_faults_as_csv_run_nowhere() -> None:
    hostile = ("=1+1", "@SUM(A1)", "+1", "-1", "\t=1", 'a "quoted", text\nof two lines')
    faults = tuple(Fault("f.csv", i, "c", value, "r", "h") for i, value in enumerate(hostile))
    rows = list(csv.reader(io.StringIO(faults_csv(faults))))
    assert rows[0] == ["file", "row", "column", "value", "rule", "hint"]
    assert [row[3].lstrip("'") for row in rows[1:]] == list(hostile)
    assert not any(cell.startswith(tuple("=+-@\t")) for row in rows for cell in row)


def test_a_source_that_cannot_be_used_raises() -> None:
    with pytest.raises(LeakkitError) as caught:
        check(GALLERY / "dates" / "ambiguous.csv")
    assert caught.value.code == "ambiguous_dates"


def test_of_the_sample_nothing_is_set_aside() -> None:
    made = leakkit.sample.make(300)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    found = check(frames, Config.from_text(made.config))
    assert found.set_aside == 0
    assert found.fingerprint == leakkit.load(frames, Config.from_text(made.config)).meta(
        "fingerprint"
    )


ANALYSED = (
    "formats/comma.csv",
    "dates/jalali_persian_digits.csv",
    "numbers/mixed_currencies.csv",
    "shapes/hubspot_wide.csv",
    "shapes/snapshot.csv",
    "shapes/two_days",
    "names/makers/didar.csv",
    "faults/burst.csv",
    "faults/totals.csv",
)


NOT_ALONE = {*(case.file for case in REFUSED), "shapes/wide_declared.csv"}
"""Files that are refused, some of them only without a configuration."""


FILES = sorted({*(case.file for case in READ), *NOT_ALONE, HOSTILE})


@pytest.mark.parametrize("name", every(3, FILES))
def test_the_proposed_configuration_reads_the_source_alike(name: str) -> None:
    """What can be read without a configuration is read alike with the one that is proposed."""
    try:
        bare = leakkit.load(GALLERY / name, Config())
    except LeakkitError:
        if name not in NOT_ALONE:
            raise
        return
    with bare:
        config = Config.from_text(configuration_text(bare))
        assert [p.name for p in config.pipelines] == [p.name for p in bare.config.pipelines]
        with leakkit.load(GALLERY / name, config) as read:
            assert not read.meta("provisional_order")
            for table in ("stage_history", "pipelines"):
                rows = f"SELECT * FROM {table} ORDER BY ALL"
                assert read.rows(rows) == bare.rows(rows)
            deals = "SELECT opportunity_id, outcome, closed_at FROM opportunities ORDER BY ALL"
            assert read.rows(deals) == bare.rows(deals)
            if name in ANALYSED:
                analysis = leakkit.analyze(read)
                for pipeline in analysis.pipelines:
                    assert leakkit.views.data(analysis, pipeline.name).note
                    assert leakkit.views.headline(analysis, pipeline.name).section()


def test_a_snapshot_proposes_the_stages_without_a_date_first() -> None:
    """One day shows no order; it is said, and the deals that have come least far come first."""
    deals = pd.DataFrame(
        {
            "opportunity_id": ["a", "b", "c"],
            "stage": ["Engaging", "Prospecting", "Won"],
            "created_at": ["2024-01-01", None, "2024-01-02"],
            "closed_at": [None, None, "2024-02-01"],
            "outcome": ["open", "open", "won"],
        }
    )
    with leakkit.load({"opportunities": deals}) as store:
        text = configuration_text(store)
    assert text.index("Prospecting") < text.index("Engaging")
    assert "one day shows no order" in text


TWO_FILES = {
    "OpportunityHistory.csv": "Id,OpportunityId,StageName,Amount,CreatedDate\n"
    "h1,d1,Prospecting,10,01/14/2024 09:05 AM\n"
    "h2,d1,Closed Lost,10,01/20/2024 09:05 AM\n",
    "Opportunity.csv": "Id,Name,StageName,Amount,CloseDate,CreatedDate,Loss Reason\n"
    "d1,One,Closed Lost,10,01/20/2024,01/14/2024,Price\n",
}
"""Two tables of one maker, which call the same column by two names and two columns by one."""


def test_files_that_differ_in_their_headings_have_a_configuration(tmp_path: Path) -> None:
    for name, text in TWO_FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with leakkit.load(tmp_path) as bare:
        text = configuration_text(bare)
        config = Config.from_text(text)
        deals = "SELECT opportunity_id, lost_reason, value FROM opportunities"
        assert bare.rows(deals) == [("d1", "Price", 1000)]
    assert '# opportunity_id = "Id"   # Opportunity.csv' in text
    assert text.count('date_order = "mdy"') == 1
    with leakkit.load(tmp_path, config) as again:
        assert again.rows(deals) == [("d1", "Price", 1000)]
        assert again.rows("SELECT stage, exit FROM passages") == [(0, LOST)]


PRICES = "product,series,price\nGTX Pro,GTX,10\nMG,MG,20\n"
BESIDE = {
    "opportunities.csv": "opportunity_id,product\n"
    + "".join(f"d{i},{('GTXPro', 'MG', 'GTX Pro')[i % 3]}\n" for i in range(9)),
    "stage_history.csv": "opportunity_id,stage,entered_at\n"
    + "".join(f"d{i},A,2024-01-0{i + 1}\n" for i in range(9)),
    "prices.csv": PRICES,
    "twice.csv": PRICES + "MG,MG,30\n",
    "others.csv": "product,price\nX,1\nY,2\n",
    "notes.txt": "product,price\nMG,1\n",
}
"""Of the files beside an export, one has a row per product of its deals."""


def test_a_file_that_a_key_could_join_is_proposed_in_comments(tmp_path: Path) -> None:
    for name, text in BESIDE.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with leakkit.load(tmp_path, Config()) as bare:
        text = configuration_text(bare, find_joins(bare, tmp_path))
    lines = text.splitlines()
    start = lines.index('# [[source.joins]]   # a row per "product": are its columns wanted?')
    assert lines[start + 1 : start + 6] == [
        '# file = "prices.csv"',
        '# key = "product"',
        '# take = { "series" = "series", "price" = "price" }',
        '# same = { "GTXPro" = "GTX Pro" }   # other spellings of a key: are they?',
        "",
    ]
    assert text.count("[[source.joins]]") == 1
    wanted = [line.removeprefix("# ") for line in lines[start : start + 5]]
    config = Config.from_text("\n".join([*lines[:start], *wanted, *lines[start + 5 :]]))
    with leakkit.load(tmp_path, config) as store:
        rows = store.rows("SELECT series, count(*) FROM opportunities GROUP BY ALL ORDER BY ALL")
    assert rows == [("GTX", 6), ("MG", 3)]


def test_the_proposed_configuration_says_what_was_found() -> None:
    with leakkit.load(GALLERY / "names" / "makers" / "pipedrive.csv") as store:
        text = configuration_text(store)
    assert text == (
        "# leakkit.toml, as found. Every line is a proposal: confirm it or change it.\n"
        "# All keys are explained in docs/contracts.md.\n"
        "\n"
        '# as_of = "2024-02-05"   # the last day of the data; without it, the latest one\n'
        'timezone = "UTC"   # the zone of times without an offset\n'
        'currency = "EUR"   # of values without a currency of their own\n'
        "\n"
        "[source]\n"
        "# the export of a maker: pipedrive\n"
        'opportunity_id = "Deal - ID"\n'
        'pipeline = "Deal - Pipeline"\n'
        'name = "Deal - Title"\n'
        'created_at = "Deal - Deal created"\n'
        'closed_at = "Deal - Deal closed on"\n'
        'outcome = "Deal - Status"\n'
        'stage = "Deal - Stage"\n'
        'value = "Deal - Value"\n'
        'currency = "Deal - Currency of value"\n'
        'lost_reason = "Deal - Lost reason"\n'
        "\n"
        "[source.outcomes]   # the words of the column of outcomes\n"
        'lost = ["lost"]\n'
        'open = ["open"]\n'
        "\n"
        "[[pipelines]]\n"
        'name = "Sales"\n'
        "stages = [   # one day shows no order; by the age of the deals: is this the order?\n"
        '  { name = "A" },\n'
        '  { name = "B" },\n'
        "]\n"
    )


def test_what_was_said_of_the_source_is_said_again(tmp_path: Path) -> None:
    """A configuration that only names the columns is enough to have the rest proposed."""
    file, own = tmp_path / "x.csv", tmp_path / "leakkit.toml"
    file.write_text("Kennung;Schritt;Wann\n1;A;2026-01-01\n1;B;2026-02-01\n", encoding="utf-8")
    columns = 'opportunity_id = "Kennung"\nstage = "Schritt"\nentered_at = "Wann"\n'
    own.write_text(f"[source]\nignore_unknown_stages = true\n{columns}", encoding="utf-8")
    done = CliRunner().invoke(app, ["init", str(file), "--out", str(tmp_path / "new.toml")])
    assert done.exit_code == 0, done.output
    made = Config.read(tmp_path / "new.toml")
    assert made.source == Config.read(own).source
    assert [stage.name for stage in made.pipelines[0].stages] == ["A", "B"]
    assert f"--config {tmp_path / 'new.toml'}" in done.output


def test_hostile_names_stay_texts_of_the_configuration() -> None:
    hostile = ['"]\nname = "x', "a # b", "'''", "\\", "\u2028", "پیش‌فاکتور", "{x}", "tab\there"]
    frame = pd.DataFrame(
        {"opportunity_id": "d", "stage": hostile, "entered_at": "2024-01-01", "pipeline": "a\"b'"}
    )
    with leakkit.load({"stage_history": frame}) as store:
        config = Config.from_text(configuration_text(store))
        assert {s.name for s in config.pipelines[0].stages} == set(hostile)


def test_what_the_command_says() -> None:
    """Recognised, rows, facts, faults, and of the pipeline all that its page says of its data."""
    store, found = check_source(GALLERY / "faults" / "burst.csv")
    with store:
        lines = said(found, leakkit.analyze(store))
    assert lines[0] == "Shape: events"
    text = "\n".join(lines)
    for part in (
        "rows read = ",
        "  40 moves in minutes with very many: imports, or edits in bulk",
        "burst:\n",
        "The history is taken as complete",
        "deals in this pipeline",
    ):
        assert part in text, part
    store, found = check_source(GALLERY / "faults" / "unknown_stages.csv", Config.from_text(STAGES))
    with store:
        lines = said(found, leakkit.analyze(store))
    faults = [line for line in lines if ": unknown_stage." in line]
    assert faults[0].endswith("Hint: Declare it as a stage or an alias; its deal is set aside")
    assert faults[4].endswith("row 6 [stage] 'Lsot': unknown_stage.")


def test_a_missing_reason_and_a_value_of_zero_are_said() -> None:
    rows = [
        (f"d{i}", stage, f"2024-01-0{day}")
        for i in range(3)
        for stage, day in (("A", 1), ("Lost", 5))
    ]
    frames = {
        "stage_history": pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"]),
        "opportunities": pd.DataFrame(
            {
                "opportunity_id": ["d0", "d1", "d2"],
                "value": ["0", "0", "5"],
                "lost_reason": ["", "", "x"],
            }
        ),
    }
    store, found = check_source(frames)
    with store:
        text = "\n".join(said(found, leakkit.analyze(store)))
    assert "67% of the lost deals have no reason." in text
    assert "2 lost deals have the value 0 (67%)." in text


def test_workbooks_of_one_folder_do_not_mix(tmp_path: Path) -> None:
    """Both have a first sheet of the same name."""
    for name, rows in (
        ("opportunities", [("opportunity_id", "value"), ("d1", "10"), ("d2", "20")]),
        ("stage_history", [("opportunity_id", "stage", "entered_at"), ("d1", "A", "2024-01-14")]),
    ):
        with xlsxwriter.Workbook(tmp_path / f"{name}.xlsx") as book:
            sheet = book.add_worksheet("Sheet1")
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    found = check(tmp_path)
    assert [(counted["table"], counted["read"]) for counted in found.rows] == [
        ("opportunities", 2),
        ("history", 1),
    ]


def test_columns_that_nothing_uses_are_named_with_what_they_could_be(tmp_path: Path) -> None:
    rows = [
        f"{i},Offer,2024-01-{i % 28 + 1:02},Won,note {i},{i % 3},2025-02-{i % 28 + 1:02},{i}.5,x"
        for i in range(210)
    ]
    head = "deal_id,stage,created_at,status,remark,region,renewal,score,constant"
    (tmp_path / "deals.csv").write_text("\n".join([head, *rows]), "utf-8")
    store, found = check_source(tmp_path)
    with store:
        assert "region" in store.meta("segments")
        lines = said(found, leakkit.analyze(store))
    at = lines.index("Columns that nothing uses, and what they could be:")
    assert lines[at + 1 : at + 6] == [
        "  deals.csv:",
        "    remark: another text in every row: opportunity_id or name",
        "    renewal: dates: created_at, closed_at, entered_at or stage_since",
        "    score: another number in every row: opportunity_id, value or seq",
        "    empty, or the same in every row: constant",
    ]


def test_columns_that_nothing_uses_take_few_lines(tmp_path: Path) -> None:
    heads = [f"day {i} {'x' * 300}" for i in range(60)]
    cells = ",".join(["2024-01-01"] * 60)
    other = cells.replace("-01,", "-02,")
    text = f"deal_id,stage,created_at,status,{','.join(heads)}\n1,A,2024-01-01,Won,{cells}\n"
    (tmp_path / "deals.csv").write_text(f"{text}2,A,2024-01-01,Won,{other}\n", "utf-8")
    store, found = check_source(tmp_path)
    store.close()
    lines = unused_lines(found.unused)
    assert len(lines) < 20
    assert max(map(len, lines)) < 500
    assert "    and 49 more" in lines


def test_a_column_that_is_used_is_not_named() -> None:
    assert sample_store().meta("segments")
    store, found = check_source(GALLERY / "faults" / "burst.csv")
    store.close()
    assert not {"stage", "entered_at"} & {c.heading for one in found.unused for c in one.columns}
