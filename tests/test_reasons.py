"""The dictionary of reasons: what a text means, why, and how a user corrects it."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakkit.errors import LeakkitError
from leakkit.findings.reasons import (
    FAMILIES,
    LONGEST_TERM,
    Unmatched,
    as_toml,
    built_in,
    dictionary,
    normalised,
    unmatched,
)
from leakkit.sample import REASONS

PERSIAN = {
    "قیمت بالا": "unconvincing.price",
    "قيمت بالا بود!": "unconvincing.price",  # Arabic letters
    "گران‌تر از رقیب": "unconvincing.price",  # two words beat one
    "خرید از رقبا": "unconvincing.competitor",
    "زمان تحویل طولانی": "unconvincing.delivery",
    "عدم موجودی کالا": "unconvincing.delivery",
    "کاغذبازی": "complexity.steps",
    "مدارك زياد": "complexity.documents",
    "تأخیر در تأیید": "complexity.approval",
    "طولانی شدن فرآیند": "complexity.waiting",
    "عدم نياز مشتری": "other.no_need",
    "نبود بودجه": "other.no_budget",
    "عدم پاسخگویی": "gave_up.no_response",
    "ثبت تکراری": "other.duplicate",
}


@pytest.mark.parametrize(("family", "texts"), REASONS.items())
def test_reasons_of_the_sample_have_their_family(family: str, texts: tuple[str, ...]) -> None:
    found = [built_in().meaning(text) for text in texts]
    # who does not answer may have left for any cause
    meant = ["gave_up" if text == "No answer" else family for text in texts]
    assert [one.family for one in found if one] == meant


@pytest.mark.parametrize(("text", "code"), PERSIAN.items())
def test_persian_reasons_have_their_meaning(text: str, code: str) -> None:
    found = built_in().meaning(text)
    assert found is not None
    assert found.code == code
    # the term that decided is in the text, so that a user can see why
    assert normalised(found.term) in normalised(text)


def test_letters_digits_joiners_and_punctuation_do_not_matter() -> None:
    assert normalised("كيفيت\u200cبد") == normalised("کیفیت بد")
    assert normalised("٣۴5") == "345"
    assert normalised("Café - PRICE_high") == "cafe price high"
    assert normalised("قـــیمت") == normalised("قیمت")
    assert normalised(" \u200f\ufeff.,!") == ""


def test_longest_term_decides() -> None:
    by_price = built_in().meaning("price")
    by_competitor = built_in().meaning("lost on price, they chose another supplier")
    assert by_price is not None
    assert by_price.code == "unconvincing.price"
    assert by_competitor is not None
    assert (by_competitor.code, by_competitor.term) == (
        "unconvincing.competitor",
        "another supplier",
    )


def test_a_term_is_whole_words() -> None:
    assert built_in().meaning("enterprise") is None
    assert built_in().meaning("priceless") is None
    own = dictionary('[unconvincing.price]\nterms = ["pricele*"]')
    found = own.meaning("That was priceless")
    assert found is not None
    assert found.term == "pricele*"


def test_built_in_terms_mean_what_they_say() -> None:
    """No term is hidden behind a longer one of another entry, and none stands twice."""
    text = resources.files("leakkit.findings").joinpath("reasons.toml").read_text("utf-8")
    given = tomllib.loads(text)
    assert list(given) == ["unconvincing", "complexity", "gave_up", "other"]
    seen: dict[str, str] = {}
    for family, parts in given.items():
        for sub, part in parts.items():
            assert part["review"]
            for term in part["terms"]:
                found = built_in().meaning(term)
                assert found is not None
                assert found.code == f"{family}.{sub}", term
                assert seen.setdefault(normalised(term), found.code) == found.code
                assert len(normalised(term).split()) <= LONGEST_TERM


def test_users_file_is_merged_over_the_built_in_one() -> None:
    own = dictionary(
        """
        [other.weather]
        review = "nothing"
        terms = ["rain"]
        [complexity.steps]
        terms = ["price"]
        [texts]
        "Gone fishing!" = "other.weather"
        "Not yet decided" = ""
        """
    )
    assert own.review("other.weather") == "nothing"
    assert own.review("complexity.steps") == "number_of_steps"
    found = {text: own.meaning(text) for text in ("Rain again", "the price", "gone  fishing")}
    assert [one and one.code for one in found.values()] == [
        "other.weather",
        "complexity.steps",
        "other.weather",
    ]
    said = found["gone  fishing"]
    assert said is not None
    assert said.origin == "text"
    # and the built-in one is untouched
    assert built_in().meaning("Rain again") is None


def test_all_faults_of_a_users_file_are_said_at_once() -> None:
    text = """
    size = "large"
    [unsure.price]
    terms = ["a"]
    [other.rain]
    words = ["b"]
    terms = ["!!"]
    [complexity]
    steps = "many"
    [texts]
    "too dear" = "price"
    """
    with pytest.raises(LeakkitError) as raised:
        dictionary(text, "mine.toml")
    assert raised.value.code == "reasons_faults"
    assert [fault.column for fault in raised.value.faults] == [
        "size",
        "unsure",
        "other.rain.words",
        "other.rain.terms",
        "complexity.steps",
        "texts.too dear",
    ]
    with pytest.raises(LeakkitError, match=r"mine\.toml is not valid TOML"):
        dictionary("[", "mine.toml")


def test_unmatched_reasons_are_listed_by_frequency() -> None:
    counts = {"Solar flare": 3, "solar flare!": 5, "Price": 90, "Tides": 4, "??": 7}
    found = unmatched(counts, built_in())
    assert found == (Unmatched("solar flare!", 8), Unmatched("Tides", 4))
    assert as_toml(found) == '[texts]\n"solar flare!" = ""  # 8\n"Tides" = ""  # 4\n'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=6))
@settings(max_examples=60)
def test_list_of_unmatched_reasons_can_be_pasted(texts: list[str]) -> None:
    found = unmatched(dict.fromkeys(texts, 1), built_in())
    pasted = tomllib.loads(as_toml(found))["texts"]
    assert pasted == dict.fromkeys((one.reason for one in found), "")
    # and filled in, it explains every one of them
    filled = as_toml(found).replace('= ""  #', '= "other.rain"  #')
    own = dictionary(filled)
    assert all(own.meaning(one.reason) is not None for one in found)


@given(st.text(max_size=40))
@settings(max_examples=80)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once


def test_a_very_long_reason_is_read() -> None:
    found = built_in().meaning("word " * 20_000 + "price")
    assert found is not None
    assert found.family in FAMILIES
