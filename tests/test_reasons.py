"""The dictionary of reasons: what a text means, why, and how a user corrects it."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakkit.errors import LeakkitError
from leakkit.findings.reason_dictionary import (
    FAMILIES,
    LONGEST_TERM,
    Dictionary,
    Unmatched,
    built_in,
    built_in_terms,
    dictionary,
    find_unmatched,
    merge_dictionary,
    normalise_reason,
)
from leakkit.sample import REASONS

LISTS = Path(__file__).parent / "reasons"
"""What salespeople and pick-lists write, a file for each language, by the family meant."""

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
    assert normalise_reason(found.term) in normalise_reason(text)


def test_letters_digits_joiners_and_punctuation_do_not_matter() -> None:
    assert normalise_reason("كيفيت\u200cبد") == normalise_reason("کیفیت بد")
    assert normalise_reason("٣۴5") == "345"
    assert normalise_reason("Café - PRICE_high") == "cafe price high"
    assert normalise_reason("قـــیمت") == normalise_reason("قیمت")
    assert normalise_reason(" \u200f\ufeff.,!") == ""


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


def files_of_terms() -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    """Read the terms of every language."""
    found = resources.files("leakkit.findings").joinpath("terms")
    texts = {file.name: file.read_text("utf-8") for file in found.iterdir()}
    return {name: tomllib.loads(text) for name, text in texts.items() if name != "reviews.toml"}


def test_built_in_terms_mean_what_they_say() -> None:
    """No term means two things, in no two languages, and none is hidden behind a longer one."""
    seen: dict[str, str] = {}
    for name, terms in files_of_terms().items():
        written: list[str] = []
        for family, parts in terms.items():
            for sub, part in parts.items():
                assert built_in().review(f"{family}.{sub}"), (name, sub)
                for term in (*part.get("terms", ()), *part.get("vague", ())):
                    found = built_in().meaning(term)
                    assert found is not None, term
                    assert found.code == f"{family}.{sub}", (name, term)
                    assert seen.setdefault(normalise_reason(term), found.code) == found.code, term
                    assert len(normalise_reason(term).split()) <= LONGEST_TERM
                    written.append(normalise_reason(term) + "*" * term.endswith("*"))
        assert len(written) == len(set(written)), name


def test_every_language_has_terms_of_every_family() -> None:
    for name, terms in files_of_terms().items():
        assert tuple(sorted(terms)) == tuple(sorted(FAMILIES)), name


@pytest.mark.parametrize("file", sorted(LISTS.glob("*.toml")), ids=lambda file: file.stem)
def test_reasons_of_people_have_their_family(file: Path) -> None:
    """At least 85 in 100 have the right family, and at most 3 in 100 a wrong one."""
    said = [
        (family, built_in().meaning(text))
        for family, texts in tomllib.loads(file.read_text("utf-8")).items()
        for text in texts
    ]
    known = [(family, found.family) for family, found in said if found]
    assert sum(family == found for family, found in known) >= 0.85 * len(said)
    assert sum(family != found for family, found in known) <= 0.03 * len(said)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Delivery would have taken too long", "unconvincing.delivery"),
        ("Approval was too slow", "complexity.approval"),
        ("It took too long", "complexity.waiting"),
        ("Customer delayed the project", "other.no_need"),
        ("Technically not approved", "unconvincing.fit"),
        ("Only asked for a price", "other.no_need"),
        ("Fiyat\u0131 yüksek", "unconvincing.price"),
        ("PLATNOSC: warunki platnosci", "unconvincing.price"),
    ],
)
def test_what_is_said_decides_and_not_how_long_it_took(text: str, code: str) -> None:
    found = built_in().meaning(text)
    assert found is not None
    assert found.code == code


def test_vague_terms_of_a_user_decide_last() -> None:
    own = dictionary('[unconvincing.fit]\nterms = ["odd"]\nvague = ["rather odd"]')
    found = own.meaning("Rather odd")
    assert found is not None
    assert found.term == "odd"


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
    found = find_unmatched(counts, built_in())
    assert found == (Unmatched("solar flare!", 8), Unmatched("Tides", 4))


@given(st.text(max_size=40))
@settings(max_examples=80)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise_reason(text)
    assert normalise_reason(once) == once


def test_a_very_long_reason_is_read() -> None:
    found = built_in().meaning("word " * 20_000 + "price")
    assert found is not None
    assert found.family in FAMILIES


def test_the_terms_that_come_with_leakkit_have_no_fault() -> None:
    whole = Dictionary({}, {}, {}, {})
    for name, text in built_in_terms().items():
        whole = merge_dictionary(whole, text, name)
    assert whole == built_in()
    assert len(whole.words) > 1000
