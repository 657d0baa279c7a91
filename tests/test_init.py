"""Whatever stops a source, `leakkit init` writes the lines that decide; filled in, it is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import xlsxwriter
from typer.testing import CliRunner

from leakkit.cli import app
from leakkit.config import Config, find_unfilled
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.propose.trials import propose_config, read_declared

if TYPE_CHECKING:
    from pathlib import Path

TEN = range(10)
MOVES = "deal_id,from_stage,stage,entered_at\n"
DEALS = "deal_id,stage,created_at,status,lost_reason\n"


def history(rows: list[str], head: str = MOVES) -> dict[str, str]:
    """Return a file of moves."""
    return {"moves.csv": head + "\n".join(rows)}


def deals(change: tuple[str, str] = ("", "")) -> dict[str, str]:
    """Return a list of open, lost and won deals, ten of each, with a change."""
    rows = [
        f"{kind}{i},{stage},2024-01-{i + 1:02},{status},{reason}".replace(*change)
        for i in TEN
        for kind, stage, status, reason in (
            ("o", "Offer", "Open", ""),
            ("l", "Talks", "Lost", "Price"),
            ("w", "Offer", "Won", ""),
        )
    ]
    return {"deals.csv": DEALS + "\n".join(rows)}


def amounts(*given: str) -> dict[str, str]:
    """Return deals with these amounts."""
    rows = [f'{i},Offer,2024-01-01,Won,"{said}"' for i, said in enumerate(given)]
    return {"deals.csv": "deal_id,stage,created_at,status,amount\n" + "\n".join(rows)}


def deals_on(*given: str) -> dict[str, str]:
    """Return won deals, created on these days."""
    rows = [f"{i},Offer,{day},Won" for i, day in enumerate(given)]
    return {"deals.csv": "deal_id,stage,created_at,status\n" + "\n".join(rows)}


WON = "SELECT count(*) FROM opportunities WHERE outcome = 'won'"
LOST = "SELECT count(*) FROM opportunities WHERE outcome = 'lost'"
VALUE = "SELECT sum(value) FROM opportunities"
FIRST_DAY = "SELECT min(created_day) - 19722 FROM opportunities"
DEALS_READ = "SELECT count(*) FROM opportunities"

STOPS = {
    "missing_columns": (
        {"stage_history.csv": "k,p,w\n1,A,2024-01-01\n1,Won,2024-01-05\n2,A,2024-01-02\n"},
        {"opportunity_id": "k", "stage": "p", "entered_at": "w"},
        (WON, 1),
    ),
    "no_history": (
        {"x.csv": "k,p,w\n1,A,2024-01-01\n1,Won,2024-01-05\n2,A,2024-01-02\n"},
        {"opportunity_id": "k", "stage": "p", "entered_at": "w"},
        (WON, 1),
    ),
    "two_files": (
        {**history(["1,,A,2024-01-01"]), "more.csv": f"{MOVES}1,,A,2024-01-01\n1,A,Won,2024-01-03"},
        {"read": "more.csv"},
        (WON, 1),
    ),
    "two_columns": (
        {"deals.csv": "deal_id,stage,stage,created_at,status\n1,A,x,2024-01-01,Won\n"},
        {"stage": "stage"},
        (WON, 1),
    ),
    "ambiguous_dates": (
        deals_on("02/01/2024", "03/01/2024"),
        {"date_order": "dmy"},
        (FIRST_DAY, 2),
    ),
    "mixed_dates": (
        deals_on("02/01/2024", "13/01/2024", "01/14/2024"),
        {"date_order": "dmy"},
        (WON, 3),
    ),
    "ambiguous_numbers": (amounts("1.234", "2.345"), {"decimal": ","}, (VALUE, 357900)),
    "mixed_numbers": (amounts("1234.50", "2345,75"), {"decimal": "."}, (VALUE, 123450)),
    "unclear_unit": (
        {"deals.csv": "deal_id,stage,created_at,status,Amount (M)\n1,Offer,2024-01-14,Won,2\n"},
        {"value_times": "1000"},
        (VALUE, 200_000),
    ),
    "closed_without_outcome": (
        history(
            [f"{i},,Work,2024-01-01\n{i},Work,Closed,2024-02-01" for i in range(9)]
            + ["w,,Work,2024-01-01\nw,Work,Won,2024-02-01"]
        ),
        {'"Closed"': "lost", "Closed": "lost"},
        (LOST, 9),
    ),
    "one_end_missing": (
        history(
            [f"{i},,Work,2024-01-01\n{i},Work,Countersigned,2024-02-01" for i in range(9)]
            + [f"l{i},,Work,2024-01-01\nl{i},Work,Lost,2024-02-01" for i in range(3)]
        ),
        {'"Countersigned"': "won", "Countersigned": "won"},
        (WON, 9),
    ),
    "stage_past_close": (
        {
            "deals.csv": "deal_id,stage,created_at,close_date\n"
            + "".join(
                f"{s}{i},{s},2024-0{i}-01,{'2026-01-01' if s in 'AB' else f'2024-0{i}-20'}\n"
                for s in ("A", "B", "Won", "Lost", "Shelved")
                for i in range(1, 9)
            )
        },
        {'"Shelved"': "lost", "Shelved": "lost"},
        (LOST, 16),
    ),
    "no_headings": (
        {"deals.csv": "1,Talks,2024-01-14,Open\n2,Offer,2024-01-15,Won\n3,Offer,2024-01-16,Lost\n"},
        {"headings": "deal_id, stage, created_at, status"},
        (WON, 1),
    ),
    "no_ids": (
        {
            "deals.csv": "Deal name,stage,created_at,status\n"
            + "".join(f"{'AB'[i % 2]},Offer,2024-01-{i + 14},Won\n" for i in range(8))
        },
        {"each_row_is_a_deal": "true"},
        (WON, 8),
    ),
    "stage_may_be_lost": (
        {
            "deals.csv": "deal_id,stage,created_at,owner\n"
            + "\n".join(
                f"{i},{('Won', 'Dead', 'Talks')[i % 3]},2024-01-14,x" for i in range(9)
            )
        },
        {'"Dead"': "lost", "Dead": "lost"},
        (LOST, 3),
    ),
    "currency_undeclared": (amounts("10 EUR", "10"), {"currency": "EUR"}, (VALUE, 2000)),
    "no_as_of": (
        {"deals.csv": "deal_id,stage,status\n1,Offer,Open\n2,Offer,Won\n3,Demo,Lost\n"},
        {"as_of": "2024-06-30"},
        (WON, 1),
    ),
    "nothing_closes": (
        history([f"{i},,Work,2024-01-01\n{i},Work,Closed,2024-02-01" for i in range(20)]),
        {'"Closed"': "won", "Closed": "won"},
        (WON, 20),
    ),
    "outcome_words_unknown": (deals(("Lost,Price", "Loose,")), {"Loose": "lost"}, (LOST, 10)),
    "open_with_reason": (deals(("Open,", "Paused,Budget")), {"Paused": "lost"}, (LOST, 20)),
    "breaks_in_history": (
        history([f"{i},,A,2024-01-01\n{i},A,B,2024-01-05\n{i},A,Won,2024-01-09" for i in TEN]),
        {"here": "breaks_in_history"},
        (WON, 10),
    ),
    "several_beginnings": (
        history([f"{i},,A,2024-01-01\n{i},,A,2024-02-01\n{i},A,Won,2024-03-01" for i in TEN]),
        {"here": "several_beginnings"},
        (WON, 10),
    ),
    "shortened_ids": (
        history(["4.12340E+11,,A,2024-01-01", "4.12340E+11,A,Won,2024-01-05", "7,,A,2024-01-02"]),
        {"here": "shortened_ids"},
        (WON, 1),
    ),
    "rows_without_id": (
        {
            "deals.csv": "deal_id,stage,created_at,status,product\n"
            + "".join(f"{i},A,2024-01-0{i + 1},Won,Pump\n,,,,Valve\n" for i in range(9))
        },
        {"here": "rows_without_id"},
        (WON, 9),
    ),
    "open_without_stage": (
        {
            "deals.csv": "deal_id,stage,created_at,amount\n"
            + "".join(f"w{i},Won,2024-01-0{i + 1},5\nx{i},,2024-01-0{i + 1},6\n" for i in range(9))
        },
        {"here": "open_without_stage"},
        (WON, 9),
    ),
    "none_in_both": (
        {**deals(), **history([f"x{i},,Talks,2024-01-0{i + 1}" for i in range(9)])},
        {"here": "none_in_both"},
        (LOST, 10),
    ),
    "most_set_aside": (
        history(
            [f"{i},,A,2024-01-01\n{i},A,,2024-01-05" for i in TEN]
            + ["w,,A,2024-01-01\nw,A,Won,2024-02-01"]
        ),
        {"here": "most_set_aside"},
        (WON, 1),
    ),
    "history_older_than_deals": (
        {**deals(), **history([f"l{i},,Talks,2023-01-01" for i in TEN])},
        {"here": "history_older_than_deals"},
        (LOST, 10),
    ),
    "ids_under_several_names": (
        history(
            [f"{i},a,A,2024-01-01\n{i},b,Won,2024-01-02" for i in TEN],
            "deal_id,name,stage,entered_at\n",
        ),
        {"here": "ids_under_several_names"},
        (WON, 10),
    ),
    "flags_against_outcome": (
        {
            "deals.csv": "deal_id,stage,created_at,status,is_won,is_closed\n"
            + "\n".join(
                f"{i},Offer,2024-01-01,{said},false,true"
                for i, said in enumerate(["Won", "Lost"] * 5)
            )
        },
        {"here": "flags_against_outcome"},
        (WON, 5),
    ),
}  # fmt: skip
"""What stops, the files of a source that it stops, what to fill in, and what is right then."""


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Write files into a folder."""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def fill_in(text: str, answers: dict[str, str]) -> str:
    """Fill in the lines that wait, by their keys; take out those without an answer."""
    lines: list[str | None] = list(text.splitlines())
    for number, key, _ in find_unfilled(text):
        answer = answers.get(key.strip('"'))
        line = lines[number - 1] or ""
        lines[number - 1] = line.replace("FILL IN", answer) if answer else None
    return "\n".join(line for line in lines if line is not None)


@pytest.mark.parametrize("code", STOPS)
def test_what_stops_a_source_can_be_filled_in(tmp_path: Path, code: str) -> None:
    files, answers, (sql, right) = STOPS[code]
    write_files(tmp_path, files)
    with pytest.raises(LeakkitError) as caught:
        load(tmp_path)
    assert code == caught.value.code or f"({code})" in str(caught.value)
    found = propose_config(tmp_path, {})
    assert found.to_fill
    assert not found.stopped
    with pytest.raises(LeakkitError) as waiting:
        Config.from_text(found.text)
    assert waiting.value.code == "config_to_fill"
    said = [int(number) for number in re.findall(r"line (\d+)", str(waiting.value))]
    assert tuple(said) == found.to_fill
    assert f": {', '.join(map(str, said))}." in found.text.splitlines()[1]
    answers = {"read": answers.get("read", ""), "here": answers.get("read", ""), **answers}
    with load(tmp_path, Config.from_text(fill_in(found.text, answers))) as store:
        assert store.value(sql) == right


def test_a_sheet_is_asked_for_by_its_names(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "deals.xlsx") as book:
        for name, status in (("old", "Lost"), ("new", "Won")):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ("deal_id", "stage", "created_at", "status"))
            sheet.write_row(1, 0, ("1", "Offer", "2024-01-14", status))
    found = propose_config(tmp_path, {})
    assert 'sheet = "FILL IN"   # the sheet to read; or all of them, if ' in found.text
    assert 'they are parts of one table: "old" or "new"' in found.text
    config = Config.from_text(fill_in(found.text, {"sheet": "new"}))
    with load(tmp_path, config) as store:
        assert store.value(WON) == 1


def test_everything_that_is_missing_is_asked_at_once(tmp_path: Path) -> None:
    """Names of columns, the order of dates and the decimal sign: in one file, after one look."""
    write_files(
        tmp_path,
        {"x.csv": "k,p,w\n1,A,02/01/2024\n1,Won,05/01/2024\n2,A,02/01/2024\n3,A,02/01/2024\n"},
    )
    found = propose_config(tmp_path, {})
    asked = {key for _, key, _ in find_unfilled(found.text)}
    assert asked == {"opportunity_id", "stage", "entered_at", "date_order"}
    answers = {"opportunity_id": "k", "stage": "p", "entered_at": "w", "date_order": "dmy"}
    with load(tmp_path, Config.from_text(fill_in(found.text, answers))) as store:
        assert store.value(WON) == 1


def test_one_error_names_the_columns_of_both_files(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "stage_history.csv": "k,p,w\n1,A,2024-01-01\n1,B,2024-01-02\n2,A,2024-01-02\n",
            "opportunities.csv": "key2,amount\nd1,3\nd2,4\nd3,5\n",
        },
    )
    with pytest.raises(LeakkitError) as caught:
        load(tmp_path)
    said = str(caught.value)
    assert "stage_history.csv and opportunities.csv lack 4 column(s)" in said
    assert "entered_at = 'w'" in said
    assert "opportunity_id = 'key2'" in said


def test_headings_stand_with_cells_and_guesses(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"x.csv": "k,when,won?\na,2024-01-01,yes\nb,2024-01-02,no\nc,2024-01-03,no\n"}
    )
    lines = propose_config(tmp_path, {}).text.splitlines()
    assert "#   'k': a; b; c   (another text in every row: opportunity_id or name)" in lines
    assert (
        "#   'when': 2024-01-01; 2024-01-02; 2024-01-03   "
        "(dates: created_at, closed_at, entered_at or stage_since)" in lines
    )
    assert "#   'won?': no; yes   (two values)" in lines


def test_a_source_that_no_line_mends_is_written_down_too(tmp_path: Path) -> None:
    write_files(tmp_path, {"deals.csv": "deal_id,stage,created_at\n"})
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 1
    text = (tmp_path / "leakkit.toml").read_text("utf-8")
    assert "This source cannot be read yet, and no line of this file changes that:" in text
    assert Config.from_text(text) == Config()


def test_what_a_file_says_is_kept_when_it_is_completed(tmp_path: Path) -> None:
    own = (
        'as_of = "2024-03-01"\nrates = { EUR = 1.5 }\n[source]\ndate_order = "ymd"\n'
        'stage = "FILL IN"\naccept = ["FILL IN"]\n[source.outcomes]\n"Loose" = "lost"\n'
        '[roles]\nsegments = ["status"]\n[comparison]\ncurrent_days = 30\n'
        '[[pipelines]]\nname = "Own"\nexpected_days = 9\nstages = [\n  { name = "Offer", '
        'aliases = ["Talks"] },\n]\n'
        '[[interventions]]\nname = "New price"\nday = 2024-02-01\nsegment = { status = ["A"] }\n'
        '[[notes]]\ntext = "Fair"\nstage = "Talks"\n[brand]\nclient = "Acme"\n'
    )
    write_files(tmp_path, {**deals(("Lost,Price", "Loose,")), "leakkit.toml": own})
    before = read_declared(tmp_path / "leakkit.toml")
    done = CliRunner().invoke(app, ["init", str(tmp_path), "--out", f"{tmp_path}/leakkit.toml"])
    assert done.exit_code == 0, done.output
    after = Config.read(tmp_path / "leakkit.toml")
    kept = Config.from_tables(before)
    assert after.pipelines == kept.pipelines
    assert after.roles == kept.roles
    assert (after.interventions, after.notes) == (kept.interventions, kept.notes)
    assert after.notes[0].stage == "Talks"
    assert after.brand == kept.brand
    assert after.comparison == kept.comparison
    assert (after.as_of, after.rates, after.source.date_order) == (
        "2024-03-01",
        {"EUR": 1.5},
        "ymd",
    )
    assert after.source.outcomes.lost == ("Loose",)


def test_a_file_that_is_no_configuration_is_not_written_over(tmp_path: Path) -> None:
    write_files(tmp_path, {**deals(), "notes.txt": "Dear diary"})
    done = CliRunner().invoke(app, ["init", str(tmp_path), "--out", f"{tmp_path}/notes.txt"])
    assert isinstance(done.exception, LeakkitError)
    assert (tmp_path / "notes.txt").read_text("utf-8") == "Dear diary"


def test_currencies_without_a_rate_have_a_line_to_fill_in(tmp_path: Path) -> None:
    rows = [f"{i},Offer,2024-01-01,Won,10,{c}" for i, c in enumerate(["USD", "USD", "EUR", "GBP"])]
    head = "deal_id,stage,created_at,status,amount,currency\n"
    write_files(tmp_path, {"deals.csv": head + "\n".join(rows)})
    text = propose_config(tmp_path, {}).text
    assert "# rates = { EUR = ..., GBP = ... }   # into USD; without them" in text
    with load(
        tmp_path, Config.from_text(text.replace("# rates", "rates").replace("...", "2"))
    ) as s:
        assert s.value(VALUE) == 6000


def test_a_word_with_a_line_of_its_own_counts_as_it_says() -> None:
    words = Config.from_text('[source.outcomes]\nwon = ["A", "Dead"]\n"dead" = "lost"').source
    assert (words.outcomes.won, words.outcomes.lost) == (("A",), ("dead",))
    with pytest.raises(LeakkitError, match="unknown key"):
        Config.from_text('[source.outcomes]\n"dead" = "lots"')


def test_only_the_files_that_are_asked_for_are_read(tmp_path: Path) -> None:
    write_files(tmp_path, {**deals(), "more.csv": deals()["deals.csv"].replace("w0", "w10")})
    with load(tmp_path, Config.from_text('[source]\nread = ["more*"]')) as store:
        assert store.meta("ignored_files") == ["deals.csv"]
        assert store.value(WON) == 10
