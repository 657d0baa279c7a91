"""What if fewer were lost: by hand, by brute force, and against the planted truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leakkit import analyze
from leakkit.config import Config
from leakkit.findings.whatif import Chain, Moves, embed, what_if
from leakkit.measures.age_counts import EXITS, StayCounts
from leakkit.sample import Leak, PipelinePlan, Plan, StagePlan, make
from leakkit.sources import load
from tests.measuring import approx

COLUMNS = ["stage", "visits", "exit", "to_stage", "to_visits", "n"]


def stay(**exits: int) -> StayCounts:
    """Return stays of one day, so many by each exit; `open` ones are still there."""
    one = np.array([1], np.int64)
    counts = {kind: (one, np.array([n], np.int64)) for kind, n in exits.items()}
    total = np.array([sum(exits.values())], np.int64)
    return StayCounts((np.zeros(1, np.int64), total), counts)


def moves(*rows: tuple[int, int, str, int, int, int]) -> Moves:
    """Return where deals went."""
    numbered = [(s, v, EXITS.index(kind), to, again, n) for s, v, kind, to, again, n in rows]
    return Moves.read(pd.DataFrame(numbered, columns=COLUMNS))


def two_stages() -> Chain:
    """100 deals: 20 lost in A; of 80 in B 10 return (later visits to A: all go on), 30 lost."""
    stays = {
        (0, 1): stay(next=80, lost=20),
        (1, 1): stay(won_here=40, lost=30, returned=10),
        (0, 2): stay(next=100),
        (1, 2): stay(won_here=50, lost=50),
    }
    to = moves(
        (0, 1, "next", 1, 1, 80),
        (1, 1, "returned", 0, 2, 10),
        (0, 2, "next", 1, 2, 100),
    )
    return embed(stays, to, np.array([100.0, 0.0]))


def test_chain_by_hand() -> None:
    chain = two_stages()
    again_b = 0.5
    first_b = 40 / 80 + 10 / 80 * again_b
    assert chain.chances.tolist() == approx([0.8 * first_b, again_b, first_b, again_b])
    assert chain.chance == approx(0.8 * first_b)
    rows = chain.moves.sum(axis=1) + chain.won + chain.lost + chain.stuck
    assert rows.tolist() == approx([1.0] * 4)


def test_what_if_by_hand() -> None:
    found = what_if(two_stages(), {0: 0.1}, 200, estimated=0.45)
    assert found.chance_then == approx(found.chance * 0.9 / 0.8)
    assert found.new_deals.value == approx(200 * found.chance * 0.125)
    assert found.new_deals.low < found.new_deals.value < found.new_deals.high
    assert not found.rough
    assert what_if(two_stages(), {0: 0.1}, 200, estimated=0.48).rough
    assert what_if(two_stages(), {0: 0.1}, 200).rough


def test_no_points_no_wins_and_more_than_all_is_all() -> None:
    chain = two_stages()
    nothing = what_if(chain, {}, 100)
    assert (nothing.new_deals.value, nothing.new_deals.high, nothing.open_deals.value) == (0, 0, 0)
    everything = what_if(chain, {0: 0.9, 1: 0.9}, 100)
    assert everything.chance_then == approx(1.0)


def test_two_stages_together_bring_more_than_their_sum() -> None:
    chain = two_stages()
    apart = sum(what_if(chain, {stage: 0.1}, 100).new_deals.value for stage in (0, 1))
    assert what_if(chain, {0: 0.1, 1: 0.1}, 100).new_deals.value > apart


def test_chances_are_those_of_walking_the_chain() -> None:
    chain = two_stages()
    rng = np.random.default_rng(1)
    won, runs = 0, 20_000
    table = np.column_stack([chain.moves, chain.won, chain.lost, chain.stuck]).cumsum(axis=1)
    for draws in rng.random((runs, 12)):
        state = 0
        for draw in draws:
            state = int((draw >= table[state]).sum())
            if state >= 4:
                break
        won += state == 4
    assert won / runs == pytest.approx(chain.chance, abs=0.012)


def test_open_deals_gain_by_what_is_still_before_them() -> None:
    """Of 100, 30 are lost on day 1 and none later: who is still open has nothing to gain here."""
    late = StayCounts(
        (np.zeros(1, np.int64), np.array([180], np.int64)),
        {
            "lost": (np.array([1]), np.array([54])),
            "next": (np.array([5]), np.array([106])),
            "open": (np.array([0, 3]), np.array([12, 8])),
        },
    )
    stays = {(0, 1): late, (1, 1): stay(won_here=60, lost=40, open=7)}
    chain = embed(stays, moves((0, 1, "next", 1, 1, 106)), np.array([180.0, 0.0]))
    assert chain.open_now.tolist() == [20, 0, 7, 0]
    assert chain.still_exposed[0] == approx(12.0)
    gain = what_if(chain, {0: 0.1}, 0).open_deals.value
    assert gain == approx(12 * (chain.chances[0] / (1 - chain.lost[0])) * 0.1)


def test_few_later_visits_share_the_numbers_of_all() -> None:
    stays = {(0, 1): stay(won_here=60, lost=40), (0, 2): stay(won_here=0, lost=10)}
    chain = embed(stays, moves(), np.array([100.0]))
    assert chain.chances.tolist() == approx([0.6, 60 / 110])


def test_pipeline_without_a_deal() -> None:
    chain = embed({}, moves(), np.zeros(3))
    found = what_if(chain, {1: 0.1}, 10)
    assert (found.chance, found.new_deals.value, found.open_deals.value) == (0, 0, 0)


# ---------------------------------------------------------------- the planted truth

LINE = PipelinePlan(
    "Deals",
    stages=(
        StagePlan("Inquiry", lost_share=0.2, dwell_days=4),
        StagePlan("Offer", lost_share=0.3, returned_share=0.06, dwell_days=9),
        StagePlan("Talks", lost_share=0.2, returned_share=0.08, lost_per_return_share=0.2),
        StagePlan("Contract", lost_share=0.1, dwell_days=5),
    ),
    max_returns=3,
)
POINTS = 0.15


def seller(size: float) -> Plan:
    """Plan a seller that loses so many points less of its offers, always."""
    leaks = (Leak("Deals", "Offer", "lost", size=-size),) if size else ()
    return Plan((LINE,), leaks=leaks, start="2025-01-01", as_of="2026-06-30", timezone="UTC")


@pytest.mark.parametrize("seed", [1, 2])
def test_what_if_finds_the_gain_of_the_plan(seed: int) -> None:
    """Returns, losses that grow with them, skipped stages: the chain knows only visit 1 and 2+."""
    made = make(3_000, seed=seed, plan=seller(0.0))
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    with load(frames, Config.from_text(made.config)) as store:
        (result,) = analyze(store).pipelines
    truth, then = (
        make(1, plan=seller(size)).truth["pipelines"][0]["after"]["won_at_first_close_share"]
        for size in (0.0, POINTS)
    )
    assert result.costs is not None
    found = result.costs.what_if({1: POINTS})
    assert found.chance == pytest.approx(truth, abs=0.025)
    gain = found.chance_then - found.chance
    assert gain == pytest.approx(then - truth, rel=0.12)
    deals = result.costs.new_deals
    assert found.new_deals.value == approx(deals * gain)
    assert found.new_deals.low <= deals * (then - truth) * 1.05
    assert found.new_deals.high >= deals * (then - truth) * 0.95
    assert not found.rough
    assert 0 < found.open_deals.value < 0.2 * float(result.costs.chain.open_now.sum())
