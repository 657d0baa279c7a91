"""Pages of five special cases, read as a sales manager reads them: what must be said, and what not.

One small source has a pipeline per case; their pages are made without a kernel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import leakkit
from benchmarks import pages
from leakkit.config import Config

if TYPE_CHECKING:
    from leakkit.analysis import Analysis, Diagnosis

DAYS, RECENT, DEALS = 420, 330, 700
HEADS = ("opportunity_id", "pipeline", "name", "owner", "region", "product", "value", "lost_reason")
MOVES = ("opportunity_id", "pipeline", "stage", "entered_at")


@dataclass(frozen=True)
class Case:
    """How deals are lost at the proforma: how many, after how many days, and what is written.

    `lost` are the shares before and in the last three months; `stay` the days of the losses
    (those who advance stay 4 to 39); `south` the shares of deals of a region that loses four
    times as many.
    """

    lost: tuple[float, float]
    stay: tuple[int, int] = (4, 40)
    reason: str = ""
    south: tuple[float, float] = (0.3, 0.3)
    south_loses: float = 1.0


CASES = {
    "Conflict": Case((0.2, 0.45), stay=(0, 11), reason="Approval took too long"),
    "Length only": Case((0.2, 0.45), stay=(45, 75)),
    "Bulk close": Case((0.2, 0.45), stay=(61, 62)),
    "Mix only": Case((0.09, 0.09), south=(0.2, 0.65), south_loses=6.0),
    "Null": Case((0.25, 0.25)),
}


def day(number: int) -> str:
    return str(np.datetime64("2025-03-01") + number)


def write_reason(case: Case, at: int, late: int) -> str:
    """Return the reason of a loss: of the last months that of the case, before one of three."""
    before = (case.reason, "Price too high", "No budget")
    return case.reason if late or not case.reason else before[at % 3]


def deal(
    rng: np.random.Generator, name: str, at: int, born: int
) -> tuple[list[object], list[tuple[str, str, str, str]]]:
    """Return one deal of a case, and its moves."""
    case, late, number = CASES[name], int(born >= RECENT), f"{name[0]}{at:04d}"
    south = rng.random() < case.south[late]
    chance = case.lost[late] * (case.south_loses if south else 1.0)
    offered = born + int(rng.integers(1, 8))
    moves = [(number, name, "Inquiry", day(born)), (number, name, "Proforma", day(offered))]
    lost = rng.random() < chance
    left = offered + int(rng.integers(*(case.stay if lost else (4, 40))))
    closed = left + int(rng.integers(3, 15))
    moves.append((number, name, "Lost" if lost else "Contract", day(left)))
    if not lost:
        moves.append((number, name, "Won" if rng.random() < 0.8 else "Lost", day(closed)))
    value = int(rng.integers(5_000, 20_000))
    region, owner = "South" if south else "North", f"Owner {rng.integers(1, 6)}"
    product, reason = f"Product {rng.integers(1, 4)}", write_reason(case, at, late) if lost else ""
    facts = [number, name, f"Deal {at}", owner, region, product, value, reason]
    return facts, [move for move in moves if move[3] < day(DAYS)]


@cache
def analysis() -> Analysis:
    """Simulate one pipeline per case, and analyse them together."""
    rng = np.random.default_rng(12)
    deals, moves = [], []
    for name in CASES:
        for at, born in enumerate(np.sort(rng.integers(0, DAYS, DEALS))):
            facts, own = deal(rng, name, at, int(born))
            deals.append(facts)
            moves += own
    declared = "".join(
        f'[[pipelines]]\nname = "{name}"\nstages = [{{ name = "Inquiry" }}, '
        '{ name = "Proforma", kind = "offer" }, { name = "Contract" }]\n'
        for name in CASES
    )
    frames = {
        "opportunities": pd.DataFrame(deals, columns=list(HEADS)),
        "stage_history": pd.DataFrame(moves, columns=list(MOVES)),
    }
    config = f'currency = "EUR"\n[roles]\nproduct = "product"\n{declared}'
    return leakkit.analyze(leakkit.load(frames, Config.from_text(config)))


@cache
def diagnosis(name: str) -> Diagnosis:
    return leakkit.diagnose(analysis(), name)


@cache
def page(name: str) -> BeautifulSoup:
    return BeautifulSoup(pages.root_causes(diagnosis(name)), "html.parser")


def read_section(name: str, section: str) -> str:
    """Return what a reader of one section of a page reads, without what is folded away."""
    found = page(name).find(id=section)
    assert found is not None
    open_text = BeautifulSoup(str(found), "html.parser")
    for folded in open_text.find_all(["details", "svg"]):
        folded.decompose()
    text = " ".join(open_text.get_text(" ").split())
    return re.sub(r"\s+([.,;:)])", r"\1", text).replace("( ", "(")


def test_the_conflict_shows_both_sides_and_takes_none() -> None:
    first = read_section("Conflict", "causes_headline")
    assert "Why deals are lost in Proforma cannot be said for sure." in first
    assert "Stated reasons and behaviour contradict each other." in first
    chain = read_section("Conflict", "cause_and_effect")
    assert "known reasons speak of a process that was too complex." in chain
    assert "Lost deals left earlier than deals that advanced." in chain
    assert "Review the deals named below, one by one" in chain
    assert "Read the deals named below before you act." in chain
    assert "point to a cause: in 4.1% of them to the same one (kappa 0:" in read_section(
        "Conflict", "evidence"
    )
    assert "like it" in read_section("Conflict", "deals_to_read")


def test_length_alone_decides_nothing() -> None:
    first = read_section("Length only", "causes_headline")
    assert "Lost deals stayed longer than deals that advanced, and nothing else tells" in first
    chain = read_section("Length only", "cause_and_effect")
    assert "No loss has a reason." in chain
    assert "Long stays alone decide nothing: losses are often written down late." in chain
    assert "Not determined" in chain
    assert "The process was too complex" not in chain
    assert "fewer signs of an unconvincing answer" in read_section("Length only", "evidence")


def test_what_is_closed_in_bulk_is_called_so_and_nothing_is_read_from_it() -> None:
    apart = diagnosis("Bulk close").stages[0].cause.administrative
    rule = f"{apart.n} after exactly 61 days, when hardly any deal advances: an automatic rule"
    whole = f"{apart.n} of {apart.losses} losses were set apart because they were closed in bulk."
    for section in ("cause_and_effect", "evidence"):
        text = read_section("Bulk close", section)
        assert f"{whole} {rule}" in text
        assert "too few" not in text, "no loss is left, so nothing is compared"
    assert "No loss of these days is left to look at." in read_section("Bulk close", "evidence")
    assert "Review how and when losses are closed in the CRM" in read_section(
        "Bulk close", "cause_and_effect"
    )
    assert "Read the deals" not in read_section("Bulk close", "cause_and_effect"), "none is named"


def test_other_deals_coming_in_are_no_reason_to_blame() -> None:
    mix = diagnosis("Mix only").stages[0].mixes["lost"]
    assert mix.mostly_mix
    line = "Most of the change (+19 points) is that other kinds of deals came in."
    assert line in read_section("Mix only", "causes_headline")
    assert line in read_section("Mix only", "warnings")
    assert "region: South, from 19% to 62% of the deals that came in." in read_section(
        "Mix only", "rate_and_mix"
    )
    drivers = read_section("Mix only", "drivers")
    assert "region: South" in drivers
    assert "The column region is known only as it stands today" in drivers
    assert "Above all" not in read_section("Mix only", "causes_headline")


def test_where_nothing_happened_nothing_is_found() -> None:
    first = read_section("Null", "causes_headline")
    assert "No stage got worse by more than chance and its usual ups and downs can" in first
    assert "would be won" not in first, "nothing got worse that could go back"
    assert "There is nothing to warn of." in read_section("Null", "warnings")
    assert "Lost deals behaved much like deals that advanced." in read_section(
        "Null", "cause_and_effect"
    )
    assert "No segment clearly loses more than the rest" in read_section("Null", "drivers")


@pytest.mark.parametrize("name", CASES)
def test_the_case_is_what_it_is_called(name: str) -> None:
    found = diagnosis(name)
    why = {"Conflict": "conflict", "Length only": "slow", "Bulk close": "bulk"}
    assert found.stages[0].stage.name == "Proforma"
    assert found.stages[0].cause.verdict.why == why.get(name, "no_evidence")
    assert bool(found.warnings) == (name != "Null")
    mostly = [mix.mostly_mix for mix in found.stages[0].mixes.values()]
    assert any(mostly) == (name == "Mix only")


@pytest.mark.parametrize("name", CASES)
def test_no_page_has_a_hole_or_a_sentence_about_nothing(name: str) -> None:
    text = " ".join(part.get_text(" ") for part in page(name).find_all("section"))
    assert not re.search(r"\b(None|nan)\b|[{}]", text)
    assert not re.search(r"\b0 (reasons|losses|deals) ", text)
    assert "about 0% or fewer" not in text
