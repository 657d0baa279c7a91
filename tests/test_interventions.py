"""What was changed on a day: planted effects are found, and none where nothing was planted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import leakkit
from benchmarks.truth.interventions import simulate
from leakkit.deck.cause_slides import actions_slide
from leakkit.deck.content import Chart, Subject
from leakkit.errors import LeakkitError
from leakkit.findings.intervention_effects import compare_since, days_before, earliest_day, judge
from leakkit.measures.survival import MIN_FOLLOWED
from leakkit.page.style import REPEATED
from leakkit.words import Words

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis

WORDS = Words()
DAY, END, AGE = 500, 700, 30
BEFORE = days_before(DAY, 0, length=360)


def test_the_days_before_are_those_that_an_alarm_compares() -> None:
    assert BEFORE == (140, 500)
    assert days_before(200, 100, length=360) == (100, 200)
    assert days_before(90, 100, length=360) == (100, 90)


def test_deals_that_were_inside_on_the_day_count_on_neither_side() -> None:
    design = simulate(seed=1, before=0.3, since=0.3, day=DAY, end=END)
    inside = (design.entered_day < DAY) & (design.left_day >= DAY)
    moved = design.only(~inside)
    one, other = (compare_since(each, BEFORE, (DAY, END), AGE) for each in (design, moved))
    assert inside.any()
    assert one is not None
    assert other is not None
    assert one.since == other.since


def test_a_planted_effect_is_covered_and_a_null_one_is_not_called() -> None:
    covered, called, looks = 0, 0, 60
    for seed in range(looks):
        planted = compare_since(
            simulate(seed=seed, before=0.30, since=0.22, day=DAY, end=END), BEFORE, (DAY, END), AGE
        )
        null = compare_since(
            simulate(seed=seed + 900, before=0.3, since=0.3, day=DAY, end=END),
            BEFORE,
            (DAY, END),
            AGE,
        )
        assert planted is not None
        assert null is not None
        effect = judge("A", AGE, planted).effect
        assert effect is not None
        covered += effect.low <= -0.08 <= effect.high
        called += judge("A", AGE, null).verdict != "unclear"
    assert covered >= 0.9 * looks
    assert called <= 0.1 * looks


def test_a_change_of_everything_is_no_effect() -> None:
    """All stages halve their losses: beyond that the touched one did nothing."""
    touched = compare_since(
        simulate(seed=3, before=0.4, since=0.2, day=DAY, end=END), BEFORE, (DAY, END), AGE
    )
    others = [
        compare_since(
            simulate(seed=seed, before=0.2, since=0.1, day=DAY, end=END), BEFORE, (DAY, END), AGE
        )
        for seed in (4, 5)
    ]
    assert touched is not None
    found = judge("A", AGE, touched, [one for one in others if one is not None])
    assert judge("A", AGE, touched).verdict == "fewer"
    assert found.verdict == "unclear"
    assert found.untouched is not None
    assert found.untouched.low < -0.2 < found.untouched.high


def test_the_first_day_with_an_answer_is_when_enough_were_followed() -> None:
    design = simulate(seed=1, before=0.3, since=0.3, day=DAY, end=DAY + 10)
    came = ((design.entered_day >= DAY) & (design.visit == 1)).sum()
    found = earliest_day(design, (DAY, DAY + 10), AGE)
    assert found == DAY + int(np.ceil(10 * MIN_FOLLOWED / came)) + AGE
    assert earliest_day(design, (DAY + 10, DAY + 10), AGE) is None


# ---------------------------------------------------------------- from leakkit.toml to the page

FIRST = dt.date(2024, 1, 1)
RULES = """
as_of = "2025-12-31"
[[pipelines]]
name = "P"
stages = [{ name = "A" }, { name = "B" }]
won = ["Won"]
lost = ["Lost"]
"""


def source(better: float) -> pd.DataFrame:
    """Two stages; from 2025-06-01 on stage A loses `better` fewer."""
    rng = np.random.default_rng(7)
    rows = []
    for at in range(2_000):
        day = FIRST + dt.timedelta(days=int(at * 700 / 2_000))
        share = 0.35 - (better if day >= dt.date(2025, 6, 1) else 0.0)
        moment = day + dt.timedelta(days=int(rng.integers(1, 12)))
        rows.append((f"d{at}", "A", day))
        if rng.random() < share:
            rows.append((f"d{at}", "Lost", moment))
            continue
        rows.append((f"d{at}", "B", moment))
        end = "Lost" if rng.random() < 0.3 else "Won"
        rows.append((f"d{at}", end, moment + dt.timedelta(days=int(rng.integers(1, 12)))))
    return pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])


def diagnose_change(better: float, told: str) -> Diagnosis:
    rules = leakkit.Config.from_text(RULES + told)
    return leakkit.diagnose(leakkit.analyze(leakkit.load(source(better), rules)))


TOLD = """
[[interventions]]
name = "Price <b>book</b>"
day = 2025-06-01
stages = ["a"]
"""


def test_an_intervention_has_its_place_on_the_page() -> None:
    diagnosis = diagnose_change(0.25, TOLD)
    (one,) = diagnosis.interventions
    (effect,) = one.effects
    assert (effect.stage, effect.verdict) == ("A", "fewer")
    assert effect.change is not None
    came = source(0.25).query("stage == 'A'")["entered_at"] >= dt.date(2025, 6, 1)
    assert effect.change.since.entered == came.sum()
    assert effect.effect is not None
    assert effect.effect.low < -0.25 < effect.effect.high
    html = leakkit.views.before_and_since(diagnosis).section()
    assert "A</bdi> loses fewer deals since Jun 1, 2025" in html
    assert "Price &lt;b&gt;book&lt;/b&gt;" in html


def test_an_intervention_has_a_slide_with_the_numbers_of_the_page() -> None:
    diagnosis = diagnose_change(0.25, TOLD)
    slide = actions_slide(Subject(diagnosis, WORDS))
    assert slide is not None
    assert slide.title.startswith("Price <b>book</b>: A loses fewer deals since Jun 1, 2025.")
    (chart,) = [one.part for one in slide.parts if isinstance(one.part, Chart)]
    change = diagnosis.interventions[0].effects[0].change
    assert change is not None
    assert [one.values for one in chart.series] == [  # noqa: PD011 - a chart, no frame
        (change.before.share,),
        (change.since.share,),
    ]
    assert actions_slide(Subject(diagnose_change(0.0, ""), WORDS)) is None


def test_too_early_is_said_with_the_first_day_of_an_answer() -> None:
    told = TOLD.replace("2025-06-01", "2025-12-24")
    html = leakkit.views.before_and_since(diagnose_change(0.0, told)).section().striptags()
    assert "too early to say for A" in html


def test_a_page_without_interventions_leaves_the_question_out() -> None:
    assert leakkit.views.before_and_since(diagnose_change(0.0, "")).kind == REPEATED


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ('day = 2025-06-01\npipelines = ["P"]\nstages = ["Z"]', "There is no stage 'Z'"),
        ('day = 2025-06-01\nsegment = { colour = "red" }', "names the column 'colour'"),
        ('day = "June"', "it should be a day"),
        ("day = 2025-06-01\nuntil = 2025-05-01", "before its day"),
    ],
)
def test_an_intervention_that_cannot_be_is_refused(told: str, says: str) -> None:
    with pytest.raises(LeakkitError, match=says):
        diagnose_change(0.0, f'[[interventions]]\nname = "X"\n{told}')
