"""Which names, flags and stages close a deal, on small exports."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.store import schema
from leakkit.store.name_codes import close_of

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("7 - Closed Lost", schema.LOST),
        ("C6:LOSE", schema.LOST),
        ("G. Project Won", schema.WON),
        ("Application Rejected", schema.LOST),
        ("Perdida por licitación", schema.LOST),
        ("100% Gewonnen", schema.WON),
        ("بسته شده - ناموفق", schema.LOST),
        ("Not won yet", None),
        ("Win-back", None),
        ("Won/Lost", None),
        ("Wonder", None),
        ("3 - Contract", None),
    ],
)
def test_a_closing_word_counts_alone_numbered_or_inside_a_name(name: str, code: int | None) -> None:
    assert close_of(name) == code


def outcomes(store: Store) -> Counter[str]:
    """Count the deals by outcome."""
    return Counter(dict(store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY outcome")))


def of_file(folder: Path, text: str, name: str = "deals.csv") -> Store:
    """Load one file."""
    (folder / name).write_text(text, "utf-8")
    return load(folder / name)


def many(*rows: str) -> str:
    """Return rows three times over, each time of other deals; `#` is the number of the deal."""
    return "".join(
        row.replace("#", f"{i}{n}") + "\n" for n in range(3) for i, row in enumerate(rows)
    )


def test_stages_called_by_numbers_close_where_only_won_or_only_lost_deals_stand(
    tmp_path: Path,
) -> None:
    text = "deal_id,stage,created_at,is_won,is_closed\n" + many(
        "#,11,2024-01-01,false,false",
        "#,22,2024-01-02,true,true",
        "#,33,2024-01-03,false,true",
    )
    with of_file(tmp_path, text) as store:
        assert outcomes(store) == Counter(won=3, lost=3, open=3)
        assert [s.name for p in store.config.pipelines for s in p.stages] == ["11"]
        assert store.meta("closing_rows") == {"won": ["22"], "lost": ["33"]}


def test_a_stage_where_deals_were_lost_is_no_close(tmp_path: Path) -> None:
    text = "deal_id,stage,created_at,status\n" + many(
        "#,Offer,2024-01-01,Open",
        "#,Offer,2024-01-02,Lost",
        "#,Talks,2024-01-03,Won",
        "#,Inquiry,2024-01-03,Lost",
    )
    with of_file(tmp_path, text) as store:
        assert outcomes(store) == Counter(won=3, lost=6, open=3)
        names = sorted(s.name for p in store.config.pipelines for s in p.stages)
        assert names == ["Inquiry", "Offer", "Talks"]


def test_an_archived_deal_with_a_reason_is_lost(tmp_path: Path) -> None:
    text = "deal_id,stage,created_at,active,lost_reason\n" + many(
        "#,Offer,2024-01-01,True,", "#,Offer,2024-01-02,False,Price", "#,Won,2024-01-02,True,"
    )
    with of_file(tmp_path, text) as store:
        assert outcomes(store) == Counter(won=3, lost=3, open=3)


def test_what_only_follows_a_win_is_a_win_too(tmp_path: Path) -> None:
    text = (
        "deal_id,stage,entered_at\n"
        + many("#,Offer,2024-01-01", "#,Offer,2024-01-02")
        + many("#,Won,2024-02-01")
        + many("#,Paid,2024-03-01")
    )
    with of_file(tmp_path, text) as store:
        assert outcomes(store) == Counter(won=3, open=3)
        assert store.meta("closing_rows")["won"] == ["Paid", "Won"]
        closed = store.rows("SELECT DISTINCT closed_day FROM opportunities WHERE outcome = 'won'")
        assert closed == [(19_754,)]


def test_a_name_with_a_closing_word_that_deals_pass_through_is_a_stage(tmp_path: Path) -> None:
    text = (
        "deal_id,stage,entered_at\n"
        + many("#,Rejected by legal,2024-01-01")
        + many("#,Offer,2024-02-01")
        + many("#,Won,2024-03-01")
    )
    with of_file(tmp_path, text) as store:
        assert outcomes(store) == Counter(won=3)
        assert [s.name for p in store.config.pipelines for s in p.stages] == [
            "Rejected by legal",
            "Offer",
        ]


def list_of(place: Path, *, known: str, other: str, past: str, plan: str = "2026-09-01") -> Path:
    """Write nine deals that end in a stage of the seller's own, three in a known one."""
    rows = [f"a{n},{other},2026-01-0{n},{past}" for n in range(1, 10)]
    rows += [f"b{n},{known},2026-01-0{n},2026-02-01" for n in range(1, 4)]
    rows += [f"c{n},Offer,2026-03-0{n},{plan}" for n in range(1, 4)]
    file = place / "deals.csv"
    file.write_text("\n".join(["Deal ID,Stage,Created,Close Date", *rows, ""]), "utf-8")
    return file


@pytest.mark.parametrize(
    ("known", "other"), [("Lost", "Contract countersigned"), ("Won", "Parked for ever")]
)
def test_a_stage_whose_deals_all_have_a_past_close_is_asked_for_where_one_end_is_missing(
    tmp_path: Path, known: str, other: str
) -> None:
    file = list_of(tmp_path, known=known, other=other, past="2026-02-20")
    with pytest.raises(LeakkitError, match="one_end_missing") as caught:
        load(file)
    assert f'"{other}"' in caught.value.faults[0].hint
    end = "won" if known == "Lost" else "lost"
    line = f'[source.outcomes]\n"{other}" = "{end}"\n'
    (tmp_path / "leakkit.toml").write_text(line, "utf-8")
    with load(tmp_path) as store:
        assert outcomes(store)[end] == 9


def test_no_stage_is_asked_for_where_closes_are_planned_or_both_ends_are_known(
    tmp_path: Path,
) -> None:
    planned = list_of(tmp_path, known="Won", other="Talks", past="2026-08-01")
    with load(planned) as store:
        assert outcomes(store) == {"won": 3, "open": 12}
    file = list_of(tmp_path, known="Won", other="Talks", past="2026-02-20")
    file.write_text(f"{file.read_text('utf-8')}x,Lost,2026-01-01,2026-02-01\n", "utf-8")
    with load(file) as store:
        assert outcomes(store)["open"] == 12


def list_of_three_ends(place: Path, *, closes: str = "2025-0{}-20", plans: int = 12) -> Path:
    """Write won and lost deals, open ones with plans, and five in a stage of the seller's own."""
    rows = [
        f"{kind}{n},{stage},2025-0{n}-01,2025-0{n}-25"
        for kind, stage in (("w", "Won"), ("l", "Lost"))
        for n in range(1, 10)
    ]
    rows += [f"x{n},Shelved by the board,2025-0{n}-02,{closes.format(n)}" for n in range(2, 7)]
    rows += [f"o{n},Offer,2025-09-{n + 10},2026-03-01" for n in range(plans)]
    file = place / "deals.csv"
    file.write_text("\n".join(["Deal ID,Stage,Created,Close Date", *rows, ""]), "utf-8")
    return file


def test_an_end_of_the_sellers_own_beside_won_and_lost_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(LeakkitError, match="stage_past_close") as caught:
        load(list_of_three_ends(tmp_path))
    assert caught.value.faults[0].value == "x2, x3, x4 ..."
    assert '"Shelved by the board"' in caught.value.faults[0].hint
    line = '[source.outcomes]\n"Shelved by the board" = "lost"\n'
    (tmp_path / "leakkit.toml").write_text(line, "utf-8")
    with load(tmp_path) as store:
        assert outcomes(store) == {"won": 9, "lost": 14, "open": 12}


@pytest.mark.parametrize(
    "of",
    [{"closes": "2025-09-0{}"}, {"closes": "2026-0{}-20"}, {"plans": 9}],
    ids=["missed of late", "planned", "few others"],
)
def test_a_plan_that_was_missed_is_no_end(tmp_path: Path, of: dict[str, Any]) -> None:
    with load(list_of_three_ends(tmp_path, **of)) as store:
        assert outcomes(store)["open"] == 5 + of.get("plans", 12)


def test_a_stage_of_deals_that_flags_call_open_is_no_end(tmp_path: Path) -> None:
    file = list_of_three_ends(tmp_path)
    heading, *rows = file.read_text("utf-8").splitlines()
    flagged = [f"{row},{row[0] in 'wl'},{row[0] == 'w'}" for row in rows]
    file.write_text("\n".join([f"{heading},IsClosed,IsWon", *flagged, ""]), "utf-8")
    with load(file) as store:
        assert outcomes(store)["open"] == 17


def test_an_end_that_its_name_tells_is_asked_for_once(tmp_path: Path) -> None:
    file = list_of_three_ends(tmp_path)
    file.write_text(file.read_text("utf-8").replace("Shelved by the board", "Withdrawn"), "utf-8")
    with pytest.raises(LeakkitError, match="stage_may_be_lost") as caught:
        load(file)
    assert len(caught.value.faults) == 1
