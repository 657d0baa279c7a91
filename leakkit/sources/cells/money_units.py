"""What amounts are counted in: currencies by sign, word and code; thousands and millions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from leakkit import vocabulary
from leakkit.config import fold_name

CURRENCIES = {
    "$": "USD",
    "us$": "USD",
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "﷼": "IRR",
    "r$": "BRL",
    "c$": "CAD",
    "ca$": "CAD",
    "a$": "AUD",
    "au$": "AUD",
    "nz$": "NZD",
    "hk$": "HKD",
    "mx$": "MXN",
    "s$": "SGD",
    "kč": "CZK",
    "ft": "HUF",
    "lei": "RON",
    "лв": "BGN",
    "₴": "UAH",
    "₸": "KZT",
    "₫": "VND",
    "₱": "PHP",
    "₦": "NGN",
    "฿": "THB",
    "رس": "SAR",
    "ر.س": "SAR",
    "دإ": "AED",
    "د.إ": "AED",
    **{
        form: code
        for code in reversed(vocabulary.keys("currencies"))
        for word in vocabulary.words("currencies", code)
        for form in (word.casefold(), fold_name(word))
    },
}
"""Signs and words -> code. `$` is the configured currency where that is a dollar; a sign of
several currencies, such as the yen's, is none of them: it is not read."""


# ---------------- thousands and millions

UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
TOKEN = re.compile(
    r"(?i:\b(?:us|r|a|c|ca|au|nz|hk|nt|s|mx)\$)|\d[\d.,]*s?|[^\W\d_]+|[^\w\s\[\](){}.,:;/'\"\u2018\u2019\u00b4*%#&+<>=|~!?-]+"
)
BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
GLUED = re.compile(r"(?<=[a-z])([A-Z]{3})$")
"""A code at the end of a name without spaces: AmountUSD."""
ZEROS = re.compile(r"(?:1[.,]?)?(000)s?(?:[.,]000)?")
SHORT = {"k": 1_000, "m": 1_000_000, "t": 1_000, "b": 1_000_000_000, "bin": 1_000, "mil": 1_000}
SHORT |= {"cr": 10_000_000, "mi": 1_000_000}
"""What is a factor beside a currency only; alone, most of these may mean something else."""
CODES = frozenset(CURRENCIES.values())
SIGNS, ALL_CODES = tuple(CURRENCIES), tuple(sorted(CODES))
OPEN = SHORT.keys() - {"k"}
RATES = frozenset({"per", "pro", "par", "por", "je", "na"})
"""An amount per 1,000 pieces is no amount in thousands."""
UNCLEAR = 0
"""The factor of a heading that may say one, and nobody knows which."""


@dataclass(frozen=True)
class Unit:
    """What a heading says: its factor (1: none, UNCLEAR: nobody knows), a currency, and its name.

    The currency is as it is written: a sign, a word or a code.
    """

    factor: int
    currency: str
    name: str


@cache
def unit_of(heading: str) -> Unit:
    """Return the unit that a heading of money says, and the heading without it.

    >>> unit_of("Value (TEUR)")
    Unit(factor=1000, currency='eur', name='Value')
    >>> unit_of("Amount (M)").factor == UNCLEAR, unit_of("Amount (EUR)").factor
    (True, 1)
    """
    heading = UNSEEN.sub(" ", heading)
    inside = [_words(part) for part in BRACKETS.findall(heading)]
    outside = BRACKETS.sub(" ", heading)
    name, trailing = _cut(outside)
    said = _words(outside)
    groups = [group for group in (said, *inside) if not RATES.intersection(group)]
    sure = {factor for group in groups for word in group if (factor := _sure(word)) > 1}
    sure |= {factor for group in groups for factor in _next_to_money(group)}
    units = [group for group in inside if group in groups]
    units += [[w for w in trailing if w not in OPEN]] if said in groups else []
    found = sure or {factor for group in units for factor in _alone(group)}
    factor = next(iter(found)) if len(found) == 1 else UNCLEAR if found else 1
    marks = [w for group in (*inside, trailing if factor != 1 else []) for w in group if _code(w)]
    return Unit(factor, marks[0] if marks else "", name if factor != 1 else heading)


@cache
def unit_of_cell(mark: str) -> Unit:
    """Return the unit that stands beside the number of a cell.

    >>> [unit_of_cell(mark).factor for mark in ("k€", "Mio €", "M", "$", "T")]
    [1000, 1000000, 1000000, 1, 0]
    """
    unit = unit_of(f"({mark})")
    alone = unit.factor == UNCLEAR and fold_name(mark).strip(" .") == "m"
    return replace(unit, factor=SHORT["m"]) if alone else unit


def plainly(heading: str) -> tuple[str, str]:
    """Return a heading of money without its unit and what it is a sum of, and its currency.

    >>> plainly("amount_usd"), plainly("Wartość netto (PLN)"), plainly("Umsatz in Mio. €")
    (('amount', 'usd'), ('Wartość', 'pln'), ('Umsatz', '€'))
    >>> plainly("Amount (EUR)"), plainly("Deal owner"), plainly("AmountUSD")
    (('Amount', 'eur'), ('Deal owner', ''), ('Amount', 'usd'))
    """
    text = GLUED.sub(r" \1", UNSEEN.sub(" ", heading))
    inside = [word for part in BRACKETS.findall(text) for word in _words(part)]
    tokens = [(found[0], found.start()) for found in TOKEN.finditer(BRACKETS.sub(" ", text))]
    last = len(tokens)
    while last > 1 and (_is_unit(tokens[last - 1][0]) or _is_basis(tokens[last - 1][0])):
        last -= 1
    outside = BRACKETS.sub(" ", text)
    name = outside[: tokens[last][1]] if last < len(tokens) else outside
    trailing = [part for token, _ in tokens[last:] for part in _parts(token)]
    marks = [word for word in (*inside, *trailing) if _code(word)]
    return name.strip(" ,:;-_/'."), marks[0] if marks else ""


def without_brackets(heading: str) -> str:
    """Return a heading without what stands in brackets."""
    return BRACKETS.sub(" ", UNSEEN.sub(" ", heading))


def _is_basis(token: str) -> bool:
    """Say whether a word only says what kind of sum an amount is: net, gross, in all."""
    return fold_name(token) in _bases()


@cache
def _bases() -> frozenset[str]:
    """Return the words for net, gross and in all, of all languages."""
    return frozenset(map(fold_name, vocabulary.words("factors", "bases")))


def _words(text: str) -> list[str]:
    """Return the words and signs of a text, each part of a compound by itself."""
    return [part for token in TOKEN.findall(text) for part in _parts(token)]


def _cut(heading: str) -> tuple[str, list[str]]:
    """Return a heading without the unit at its end, and the words of that."""
    tokens = [(found[0], found.start()) for found in TOKEN.finditer(heading)]
    last = len(tokens)
    while last > 1 and _is_unit(tokens[last - 1][0]):
        last -= 1
    name = heading[: tokens[last][1]] if last < len(tokens) else heading
    trailing = [part for token, _ in tokens[last:] for part in _parts(token)]
    return name.strip(" ,:;-_/'."), trailing


def _parts(token: str) -> list[str]:
    """Return a token in parts where a factor and a currency are one word: TEUR, usdm."""
    word = fold_name(token).strip(".,")
    if _code(word) or _sure(word) > 1:
        return [word]
    upper = word.upper()
    marks = word.startswith(SIGNS) or word.endswith(SIGNS)
    if not (marks or upper.startswith(ALL_CODES) or upper.endswith(ALL_CODES)):
        # most words, seen at once
        return [word]
    for factor in _list_glued():
        if word.startswith(factor) and _code(word[len(factor) :]):
            return [factor, word[len(factor) :]]
        if word.endswith(factor) and _code(word[: -len(factor)]):
            return [word[: -len(factor)], factor]
    return [word]


def _code(word: str) -> str:
    """Return the code of a currency for a sign, a word or a code; '' where it is none."""
    return CURRENCIES.get(word, word.upper() if word.upper() in CODES else "")


@cache
def _list_glued() -> tuple[str, ...]:
    """Return what may stand in one word with a currency, the longest first."""
    return tuple(sorted((*SHORT, *_factors()), key=len, reverse=True))


@cache
def _factors() -> dict[str, int]:
    """Return the words of factors in all languages."""
    said = [key for key in vocabulary.keys("factors") if key.isdigit()]
    return {fold_name(w): int(key) for key in said for w in vocabulary.words("factors", key)}


def _sure(word: str) -> int:
    """Return the factor that a word says wherever it stands; 1: none."""
    return _factors().get(word, 1)


def _is_unit(token: str) -> bool:
    """Say whether a token is a part of a unit at the end of a heading."""
    return all(
        part in _besides()
        or part in SHORT
        or _sure(part) > 1
        or _code(part)
        or ZEROS.fullmatch(part)
        for part in _parts(token)
    )


@cache
def _besides() -> frozenset[str]:
    """Return the words that may stand beside a factor, of all languages."""
    return frozenset(map(fold_name, vocabulary.words("factors", "beside")))


def _next_to_money(group: list[str]) -> set[int]:
    """Return the factors that stand beside a currency."""
    pairs = [pair for one, two in pairwise(group) for pair in ((one, two), (two, one))]
    return {_short(word) for word, other in pairs if _code(other) and word != "mil"} - {1}


def _alone(group: list[str]) -> set[int]:
    """Return the factors of a unit without a currency beside them; UNCLEAR where nobody knows."""
    if OPEN.intersection(group):
        return {UNCLEAR}
    return {_short(word) for word in group} - {1}


def _short(word: str) -> int:
    """Return the factor of a letter or of zeros; 1: none."""
    return 1_000 if ZEROS.fullmatch(word) else SHORT.get(word, 1)
