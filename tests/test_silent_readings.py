"""Exports that were once read wrongly without a word: now they are read rightly, or refused."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
import xlsxwriter

import leakkit
from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "Deal ID,Name,Stage,Status,Amount,Created,Closed"
DEALS = [
    f"{100 + n},{name} {n},{stage},{status},{n}000,2026-01-{n:02},{closed}"
    for n, (name, stage, status, closed) in enumerate(
        [
            ("Adler", "Lead", "Won", "2026-02-01"),
            ("Berg", "Offer", "Lost", "2026-02-03"),
            ("Conti", "Offer", "Open", ""),
            ("Dorn", "Lead", "Won", "2026-02-05"),
            ("Eber", "Lead", "Lost", "2026-02-06"),
            ("Falk", "Offer", "Open", ""),
        ],
        start=1,
    )
]
OUTCOMES = {"won": 2, "lost": 2, "open": 2}


def write(place: Path, lines: list[str], name: str = "deals.csv", encoding: str = "utf-8") -> Path:
    place.mkdir(exist_ok=True)
    (place / name).write_bytes("\n".join(lines).encode(encoding))
    return place


def outcomes(source: Path) -> dict[str, int]:
    with leakkit.load(source) as store:
        rows = store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1")
        return {str(outcome): int(n) for outcome, n in rows}


def total(source: Path) -> float:
    with leakkit.load(source) as store:
        return float(store.value("SELECT sum(value) FROM opportunities")) / 100


def refuse(source: Path) -> LeakkitError:
    with pytest.raises(LeakkitError) as caught:
        leakkit.load(source)
    return caught.value


# Several rows of a deal


@pytest.mark.parametrize("every", [1, 2, 3])
def test_rows_that_a_join_multiplied_are_one_deal(tmp_path: Path, every: int) -> None:
    rows = [
        f"{deal},{owner}"
        for at, deal in enumerate(DEALS)
        for owner in ("Anna", "Boris", "Cem")[: 1 + (at % every == 0)]
    ]
    source = write(tmp_path, [f"{HEAD},Owner", *rows])
    assert outcomes(source) == OUTCOMES
    assert total(source) == 21_000
    with leakkit.load(source) as store:
        assert store.meta("facts")["rows_of_one_deal"] == len(rows) - len(DEALS)
        counted = store.meta("rows")[0]
        assert (counted["read"], counted["merged"]) == (len(rows), len(rows) - len(DEALS))


def test_lines_with_amounts_of_their_own_are_no_deals(tmp_path: Path) -> None:
    lines = [f"{deal.replace('000,', f'{n}00,')},P{n}" for deal in DEALS for n in (1, 2)]
    source = write(tmp_path, [f"{HEAD},Product", *lines])
    error = refuse(source)
    assert error.code == "ids_repeat"
    assert [ask.key for ask in error.asks] == ["each_row_is_a_deal", "entered_at"]


# Groups and totals


@pytest.mark.parametrize("first", ["Status", "Stage"])
def test_a_group_in_the_first_column_is_that_of_the_rows_below(tmp_path: Path, first: str) -> None:
    names = HEAD.split(",")
    at = names.index(first)
    cells = sorted((deal.split(",") for deal in DEALS), key=lambda deal: deal[at])
    seen: set[str] = set()
    rows = []
    for deal in cells:
        group = deal.pop(at)
        rows.append(",".join(["" if group in seen else group, *deal]))
        seen.add(group)
    del names[at]
    source = write(tmp_path, [",".join([first, *names]), *rows])
    assert outcomes(source) == OUTCOMES


def test_a_history_may_name_its_deals_on_their_first_rows(tmp_path: Path) -> None:
    rows = ["1,Adler,Lead,2026-01-01", ",,Offer,2026-01-05", ",,Won,2026-01-09"]
    rows += ["2,Berg,Lead,2026-01-02", ",,Lost,2026-01-08"]
    rows += ["3,Conti,Lead,2026-01-03", ",,Offer,2026-01-07"]
    source = write(tmp_path, ["Deal ID,Deal Name,Stage,Changed at", *rows])
    assert outcomes(source) == {"won": 1, "lost": 1, "open": 1}


def test_a_comment_in_a_few_rows_is_no_group(tmp_path: Path) -> None:
    rows = [
        f"{'call' if n == 0 else 'wait' if n == 4 else ''},{deal}" for n, deal in enumerate(DEALS)
    ]
    source = write(tmp_path, [f"Remark,{HEAD}", *rows])
    with leakkit.load(source) as store:
        assert not [one for one in store.meta("recognised") if one["what"] == "group_column"]


@pytest.mark.parametrize("word", ["Gesamtergebnis", "Celkem", "合計", "Offer Total"])
def test_a_total_is_none_in_whatever_word(tmp_path: Path, word: str) -> None:
    rows = [*DEALS, f"{word},,,,21000,,"]
    source = write(tmp_path, [HEAD, *rows])
    assert total(source) == 21_000
    assert outcomes(source) == OUTCOMES


def test_a_deal_without_stage_and_dates_counts_where_ids_are_words(tmp_path: Path) -> None:
    rows = [
        deal.replace("10", "X", 1).replace(deal[2], "abcdefg"[int(deal[2])], 1) for deal in DEALS
    ]
    source = write(tmp_path, [HEAD, *rows, "Xz,Gerber,,,500,,"])
    with leakkit.load(source) as store:
        assert store.value("SELECT count(*) FROM opportunities") == 7


# Letters


@pytest.mark.parametrize(
    ("stage", "encoding"),
    [
        ("Переговоры", "windows-1251"),
        ("Предложение", "windows-1251"),
        ("Διαπραγμάτευση", "windows-1253"),
        ("株式会社の提案", "cp932"),
        ("商务谈判", "gb18030"),
        ("Pazarl\u0131k", "windows-1254"),
        ("Négociation", "mac_roman"),
        ("Übergabegespräch", "mac_roman"),
        ("Oferta wysłana", "windows-1250"),
    ],
)
def test_letters_that_two_encodings_have_are_asked_for(
    tmp_path: Path, stage: str, encoding: str
) -> None:
    source = write(tmp_path, [HEAD, *(d.replace("Offer", stage) for d in DEALS)], encoding=encoding)
    error = refuse(source)
    assert error.code == "encoding"
    assert encoding in error.asks[0].options
    (source / "leakkit.toml").write_text(f'[source]\nencoding = "{encoding}"\n', "utf-8")
    with leakkit.load(source) as store:
        assert stage in {str(row[0]) for row in store.rows("SELECT name FROM stages")}


@pytest.mark.parametrize(
    ("stage", "encoding"),
    [
        ("Négociation", "windows-1252"),
        ("Prüfung geklärt", "windows-1252"),
        ("Señal \u2013 año", "windows-1252"),
        ("پيشنهاد قيمت", "windows-1256"),
        ("تفاوض مع العميل", "windows-1256"),
    ],
)
def test_letters_that_are_sure_are_read(tmp_path: Path, stage: str, encoding: str) -> None:
    source = write(tmp_path, [HEAD, *(d.replace("Offer", stage) for d in DEALS)], encoding=encoding)
    with leakkit.load(source) as store:
        assert stage in {str(row[0]) for row in store.rows("SELECT name FROM stages")}


# Dates


@pytest.mark.parametrize(
    "never",
    [
        *("1900-01-01", "0000-00-00 00:00:00", "0001-01-01T00:00:00Z", "1899-12-30"),
        *("1970-01-01 00:00:00", "1753-01-01 00:00:00.000"),
    ],
)
def test_a_day_that_means_never_ends_no_deal(tmp_path: Path, never: str) -> None:
    rows = []
    for deal in DEALS:
        *cells, status, amount, created, closed = deal.split(",")
        dates = [closed if status == kind else never for kind in ("Won", "Lost")]
        rows.append(",".join([*cells, amount, created, *dates]))
    source = write(tmp_path, ["Deal ID,Name,Stage,Amount,Created,Date won,Date lost", *rows])
    assert outcomes(source) == OUTCOMES
    with leakkit.load(source) as store:
        assert (
            store.value("SELECT count(closed_at) FROM opportunities WHERE outcome <> 'open'") == 4
        )
        assert "date_unreadable" not in store.meta("facts")


@pytest.mark.parametrize("year", [2569, 1447])
def test_years_of_other_calendars_are_refused(tmp_path: Path, year: int) -> None:
    source = write(tmp_path, [HEAD, *(d.replace("2026-02", f"{year}-02") for d in DEALS)])
    assert refuse(source).code == "far_years"


def test_one_far_day_means_never(tmp_path: Path) -> None:
    rows = [deal + "9999-12-31" if deal.endswith(",") else deal for deal in DEALS]
    assert outcomes(write(tmp_path, [HEAD, *rows])) == OUTCOMES


@pytest.mark.parametrize("closed", ["Q1 2026", "02/2026", "3 days ago", "Sun Feb 01 2026 GMT+0100"])
def test_dates_that_nobody_can_read_are_asked_for(tmp_path: Path, closed: str) -> None:
    rows = [f"{deal.rpartition(',')[0]},{closed if deal[-1] != ',' else ''}" for deal in DEALS]
    error = refuse(write(tmp_path, [HEAD, *rows]))
    assert "dates_unreadable" in str(error)
    assert error.asks[-1].options == ("dates_unreadable",)


def test_files_of_days_with_deals_of_their_own_are_parts(tmp_path: Path) -> None:
    for day, part in (("01-01", DEALS[:3]), ("02-01", DEALS[3:])):
        write(tmp_path, [HEAD, *part], f"deals_2026-{day}.csv")
    assert refuse(tmp_path).code == "days_are_parts"


# Headings


@pytest.mark.parametrize(
    ("other", "own", "column"),
    [
        ("Abschlussdatum (geplant)", "Abschlussdatum (tatsächlich)", 6),
        ("Close Date (Forecast)", "Close Date (Real)", 6),
        ("Close Date", "Actual Close Date", 6),
        ("Amount (weighted)", "Amount (total)", 4),
        ("Stage (previous)", "Stage (now)", 2),
    ],
)
def test_a_plan_and_what_was_before_are_other_facts(
    tmp_path: Path, other: str, own: str, column: int
) -> None:
    names = HEAD.split(",")
    names[column : column + 1] = [other, own]
    rows = []
    for deal in DEALS:
        cells = deal.split(",")
        cells.insert(column, {6: "2027-01-01", 4: "1", 2: "Before"}[column])
        rows.append(",".join(cells))
    source = write(tmp_path, [",".join(names), *rows])
    with leakkit.load(source) as store:
        said = {one["why"] for one in store.meta("recognised") if one["what"] == "column"}
    assert own in said
    assert other not in said


def test_columns_that_differ_in_brackets_are_asked_for(tmp_path: Path) -> None:
    names = HEAD.replace("Status", "Status (Lead),Status (Deal)")
    rows = [deal.replace(",Won", ",Open,Won").replace(",Lost", ",Won,Lost") for deal in DEALS]
    rows = [deal.replace("r,Open,,", ",").replace(",Open,6", ",Open,Open,6") for deal in rows]
    error = refuse(write(tmp_path, [names, *[r for r in rows if r.count(",") == names.count(",")]]))
    assert error.code == "two_columns"
    assert error.asks[0].options == ("Status (Lead)", "Status (Deal)")


def test_dates_under_the_names_of_stages_are_a_history(tmp_path: Path) -> None:
    head = "Deal ID,Customer,Current stage,Status,Lead,Offer,Closed on"
    rows = [
        "1,A,Offer,Won,2026-01-01,2026-01-05,2026-01-09",
        "2,B,Lead,Lost,2026-01-02,,2026-01-08",
    ]
    rows += ["3,C,Lead,Open,2026-01-03,,", "4,D,Offer,Open,2026-01-04,2026-01-06,"]
    source = write(tmp_path, [head, *rows])
    with leakkit.load(source) as store:
        assert store.meta("shape") == "wide"
        assert store.value("SELECT count(*) FROM passages") == 6


# Amounts


@pytest.mark.parametrize("form", ["{}.000,-", "{},000.-", "{}.000,\u2013", "CHF {}\u2019000.--"])
def test_a_dash_stands_for_no_cents(tmp_path: Path, form: str) -> None:
    rows = [
        deal.replace(",", "\t").replace(f"{n}000", form.format(n))
        for n, deal in enumerate(DEALS, 1)
    ]
    assert total(write(tmp_path, [HEAD.replace(",", "\t"), *rows])) == 21_000


@pytest.mark.parametrize("form", ["{}万", "{}万元", "{}萬"])
def test_ten_thousands_of_the_east_are_read(tmp_path: Path, form: str) -> None:
    rows = [deal.replace(f"{n}000", form.format(n / 10)) for n, deal in enumerate(DEALS, 1)]
    assert total(write(tmp_path, [HEAD, *rows])) == 21_000


# Formulas that nobody has computed


def write_formulas(place: Path, rows: range) -> Path:
    """Write a workbook whose formulas have no results, as programs that do not compute do."""
    file = place / "deals.xlsx"
    raw = place / "raw"
    with xlsxwriter.Workbook(raw) as book:
        sheet = book.add_worksheet()
        for at, line in enumerate([HEAD, *DEALS, ",,,,0,,"]):
            for column, cell in enumerate(line.split(",")):
                if at in rows and column == 4:
                    sheet.write_formula(at, column, "=1000*2")
                elif cell:
                    sheet.write(at, column, int(cell) if cell.isdigit() else cell)
    with zipfile.ZipFile(raw) as read, zipfile.ZipFile(file, "w") as out:
        for name in read.namelist():
            out.writestr(name, read.read(name).replace(b"</f><v>0</v>", b"</f><v></v>"))
    raw.unlink()
    return place


def test_formulas_without_results_are_refused(tmp_path: Path) -> None:
    error = refuse(write_formulas(tmp_path, range(1, 7)))
    assert error.code == "formulas_without_results"
    assert error.faults[0].value.startswith("E2, E3")


def test_a_sum_under_the_rows_may_have_none(tmp_path: Path) -> None:
    assert outcomes(write_formulas(tmp_path, range(7, 8))) == OUTCOMES
