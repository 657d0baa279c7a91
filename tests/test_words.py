"""What a page says: numbers, dates, money, and texts with user's names in them."""

import itertools

import pytest

from leakkit.config import CROSS_CHECKS
from leakkit.sources import check
from leakkit.sources.cells import no_data
from leakkit.sources.checks import crossing
from leakkit.sources.shapes import deal_states, further_tables, left_out
from leakkit.store import account, doubtful_visits
from leakkit.words import Words

WORDS = Words("en", currency="EUR")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (WORDS.share(0.3456), "35%"),
        (WORDS.share(0.0456), "4.6%"),
        (WORDS.share(0.0), "0%"),
        (WORDS.share(0.0996), "10%"),
        (WORDS.count(13087), "13,087"),
        (WORDS.date(20634), "Jun 30, 2026"),
        (WORDS.month(20634), "Jun 2026"),
        (WORDS.money(123_456), "€1,235"),
        (WORDS.money(12_345_678_900), "€123.5M"),
        (WORDS.days(1), "1 day"),
        (WORDS.days(12.5), "12.5 days"),
        (Words("en", currency="JPY").money(500_000), "¥5,000"),
    ],
)
def test_numbers_dates_and_money(said: str, expected: str) -> None:
    assert said == expected


def test_html_escapes_names_and_keeps_their_direction() -> None:
    said = WORDS.html("headline.count", stage="<b>پیش‌فاکتور</b> {x}")
    assert "<bdi>&lt;b&gt;پیش‌فاکتور&lt;/b&gt; {x}</bdi> has more losses than" in said


def test_a_name_is_not_formatted_again() -> None:
    assert WORDS.say("headline.count", stage="{stage}").startswith("{stage} has")


def test_forms_follow_the_number() -> None:
    assert WORDS.say("headline.lost", n=1, value=0).startswith("So far 1 deal was")
    assert WORDS.say("headline.lost", n=2, value=0).startswith("So far 2 deals were")


MERGED = {"created_unreadable", "closed_unreadable"}
"""Counted apart, and told as one: date_unreadable."""
OF_READING = (
    *(
        "none_in_both",
        "date_unreadable",
        "activities_without_deal",
        "changes_of_other_fields",
        "beginnings",
        *left_out.FACTS.values(),
        *("footer_rows", "nul_bytes_dropped", "group_rows", "copied_rows", "rows_of_one_deal"),
        "starts_assumed",
        "other_transitions",
        "second_hours",
        "hidden_visits",
        "toman_converted",
    ),
    *(code for code in CROSS_CHECKS if code not in crossing.IN_DOUBT),
    *("ids_of_15_letters", "ids_in_another_form"),
    "planned_closes",
    *("join_keys_repaired", "join_keys_unknown", doubtful_visits.BURSTS, *no_data.RULES.values()),
)
RULES = {rule for _, rule in (*account.FAULTS, *further_tables.FAULTS)}


@pytest.mark.parametrize(
    "code", sorted({*OF_READING, *itertools.chain(*account.FACTS.values())} - MERGED)
)
def test_every_fact_has_a_sentence_for_one_and_for_many(code: str) -> None:
    one, two = (WORDS.say(f"facts.{code}", n=n) for n in (1, 2))
    assert one.startswith("1 ")
    assert two.startswith("2 ")
    assert one[1:] != two[1:]


@pytest.mark.parametrize("rule", sorted({*RULES, *deal_states.FAULTS, *no_data.RULES}))
def test_every_rule_says_what_happens(rule: str) -> None:
    assert WORDS.knows(f"rules.{rule}")
    assert check.HINTS.get(rule) or rule in {"unknown_stage", "outcome_unknown"}
