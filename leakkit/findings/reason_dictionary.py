"""What does a stated reason of a loss mean? A dictionary that the user can correct.

Reasons are free texts in several languages. Each is compared, after normalisation, with
the terms of `terms/`, a file for each language; the longest term that it holds decides,
and is kept, so that every match can be traced.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from leakkit.config import parse_toml
from leakkit.errors import Fault, LeakkitError, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


FAMILIES = ("complexity", "unconvincing", "gave_up", "other")
"""What reasons are sorted into; `gave_up` says that the customer left, and not why."""
TEXTS = "texts"
LONGEST_TERM = 12
"""Words that a term may have."""
NAMED_COMPETITOR = "unconvincing.competitor"
"""What a deal says that names a competitor, and whose reason no term explains."""

_LETTERS = str.maketrans(
    "\u064a\u0649\u0626\u0643\u0629\u06c0\u0623\u0625\u0622\u0671\u0624\u200c\u0142\u0141\u0131",
    "\u06cc\u06cc\u06cc\u06a9\u0647\u0647\u0627\u0627\u0627\u0627\u0648 lli",
    "\u0640\u0621\u200d\u200e\u200f\u00ad\ufeff",
)
"""Arabic letters as Persian ones, the non-joiner as a space, the Polish l with its stroke and
the Turkish i without its dot as plain ones; what is only drawn is left out."""


def normalise_reason(text: str) -> str:
    """Return the form in which reasons are compared.

    Without case, accents and punctuation, Arabic letters as Persian ones, digits as
    0 to 9, a zero-width non-joiner as the space that many type instead.

    >>> normalise_reason("  Price: too HIGH!! No. \u0661\u06f2")
    'price too high no 12'
    """
    letters = unicodedata.normalize("NFKC", text).translate(_LETTERS).casefold()
    return " ".join(unicodedata.normalize("NFKD", letters).translate(_PLAIN).split())


class _PlainLetters(dict[int, str]):
    """What stands for each letter, by its number; found where a letter is first met."""

    def __missing__(self, number: int) -> str:
        """Find it, and keep it."""
        self[number] = found = _plain(chr(number))
        return found


_PLAIN = _PlainLetters()


def _plain(letter: str) -> str:
    """Return a letter, the digit that it is, nothing for an accent, a space for the rest."""
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if unicodedata.category(letter) == "Mn":
        return ""
    return letter if letter.isalnum() else " "


@dataclass(frozen=True)
class Meaning:
    """What a reason means: family and sub-reason, and the term that said so.

    `origin` is `term` or `text` (the whole reason, by the user's [texts]).
    """

    family: str
    sub: str
    term: str
    origin: str = "term"

    @property
    def code(self) -> str:
        """Return family and sub-reason as one code."""
        return f"{self.family}.{self.sub}"


@dataclass(frozen=True)
class Dictionary:
    """The terms by their normalised form, and the operation to review by code.

    `words` and `beginnings` map a normalised term to (code, term as written); `texts` maps
    whole normalised reasons to codes. `vague` are the normalised terms that decide only where
    a text holds no other one: "too long" may be said of a delivery or of an approval.
    """

    words: Mapping[str, tuple[str, str]]
    beginnings: Mapping[str, tuple[str, str]]
    texts: Mapping[str, str]
    reviews: Mapping[str, str]
    vague: frozenset[str] = frozenset()

    def meaning(self, reason: str) -> Meaning | None:
        """Return what a reason means; None where no term explains it.

        The whole text by the user's [texts] goes first, then the longest term, in words
        and then in letters, vague ones last; equally long ones in the order of the families.

        >>> built_in().meaning("Competitor was cheaper, sadly").code
        'unconvincing.competitor'
        """
        text = normalise_reason(reason)
        if text in self.texts:
            return _read_meaning(self.texts[text], reason, "text")
        found = list(self._find_terms(text))
        if not found:
            return None
        _, (code, term) = min(found, key=self._rank)
        return _read_meaning(code, term, "term")

    def _rank(self, found: tuple[str, tuple[str, str]]) -> tuple[bool, int, int, int, str]:
        """Return what makes a term go before others: more words, then more letters."""
        part, (code, term) = found
        return part in self.vague, -len(part.split()), -len(part), _place(code), term

    def _find_terms(self, text: str) -> Iterable[tuple[str, tuple[str, str]]]:
        """Yield the terms that a normalised text holds."""
        words = text.split()
        for start in range(len(words)):
            for end in range(start + 1, min(start + LONGEST_TERM, len(words)) + 1):
                part = " ".join(words[start:end])
                if part in self.words:
                    yield part, self.words[part]
                yield from self._find_beginnings(part, words[end - 1])

    def _find_beginnings(self, part: str, last: str) -> Iterable[tuple[str, tuple[str, str]]]:
        """Yield the beginnings of words that end in the last word of a part."""
        if not self.beginnings:
            return
        shortest = len(part) - len(last) + 1
        for length in range(shortest, len(part) + 1):
            if part[:length] in self.beginnings:
                yield part[:length], self.beginnings[part[:length]]

    def review(self, code: str) -> str:
        """Return the operation that a sub-reason asks to review."""
        return self.reviews.get(code, "")


def _read_meaning(code: str, term: str, origin: str) -> Meaning:
    """Take a code apart."""
    family, _, sub = code.partition(".")
    return Meaning(family, sub, term, origin)


def _place(code: str) -> int:
    """Return the place of a code's family."""
    return FAMILIES.index(code.partition(".")[0])


@cache
def built_in() -> Dictionary:
    """Return the dictionary that comes with leakkit; a test finds that its files have no fault."""
    whole = Dictionary({}, {}, {}, {})
    for name, text in built_in_terms().items():
        whole = _merge(whole, parse_toml(text, name, "reasons_syntax"))
    return whole


def built_in_terms() -> dict[str, str]:
    """Return the files of terms that come with leakkit, one for each language."""
    found = resources.files("leakkit.findings").joinpath("terms")
    files = sorted((file for file in found.iterdir()), key=lambda file: file.name)
    return {file.name: file.read_text("utf-8") for file in files}


def dictionary(text: str = "", name: str = "reasons.toml") -> Dictionary:
    r"""Return the built-in dictionary with a user's file merged over it.

    `text` is that file's content. Its terms beat built-in ones, `review` replaces that of
    a sub-reason, and new sub-reasons of the four families may be made up. Raises
    LeakkitError with all faults of the file.

    >>> own = '[unconvincing.price]\nterms = ["gold plated"]'
    >>> dictionary(own).meaning("Gold-plated offer").code
    'unconvincing.price'
    """
    return merge_dictionary(built_in(), text, name) if text.strip() else built_in()


def merge_dictionary(base: Dictionary, text: str, name: str) -> Dictionary:
    """Return `base` with the entries of a TOML text over it."""
    given = parse_toml(text, name, "reasons_syntax")
    faults = tuple(_faults(given, name))
    if faults:
        message = f"{name} has {len(faults)} fault(s):"
        raise LeakkitError("reasons_faults", message, faults)
    return _merge(base, given)


def _merge(base: Dictionary, given: dict[str, Any]) -> Dictionary:
    """Return `base` with entries without a fault over it."""
    words, beginnings = dict(base.words), dict(base.beginnings)
    reviews, vague = dict(base.reviews), base.vague
    for code, part in _parts(given):
        plain = {term: normalise_reason(term) for term in part.get("terms", ())}
        unsure = {term: normalise_reason(term) for term in part.get("vague", ())}
        for term, form in (plain | unsure).items():
            (beginnings if term.endswith("*") else words)[form] = (code, term)
        vague = vague.difference(plain.values()).union(unsure.values())
        if "review" in part:
            reviews[code] = part["review"]
    texts = {normalise_reason(said): code for said, code in given.get(TEXTS, {}).items() if code}
    return Dictionary(words, beginnings, {**base.texts, **texts}, reviews, vague)


def _parts(given: dict[str, dict[str, dict[str, str]]]) -> Iterable[tuple[str, dict[str, str]]]:
    """Yield the entries of a file by code."""
    for family in FAMILIES:
        for sub, part in given.get(family, {}).items():
            yield f"{family}.{sub}", part


def _faults(given: dict[str, object], name: str) -> Iterable[Fault]:
    """Say what is wrong in a user's file."""
    allowed = ", ".join((*FAMILIES, TEXTS))
    for key, value in given.items():
        if key not in {*FAMILIES, TEXTS}:
            yield Fault(name, None, key, "", "unknown family", f"allowed are {allowed}")
        elif not isinstance(value, dict):
            yield Fault(name, None, key, show(value), "should be a table")
        elif key == TEXTS:
            yield from _faults_of_texts(value, name)
        else:
            for sub, part in value.items():
                yield from _faults_of_part(f"{key}.{sub}", part, name)


def _faults_of_part(code: str, part: object, name: str) -> Iterable[Fault]:
    """Say what is wrong with one sub-reason."""
    if not isinstance(part, dict):
        yield Fault(name, None, code, show(part), "should be a table with terms and review")
        return
    allowed = "allowed are terms, vague, review"
    for key in sorted(part.keys() - {"terms", "vague", "review"}):
        yield Fault(name, None, f"{code}.{key}", "", "unknown key", allowed)
    for key in ("terms", "vague"):
        yield from _faults_of_terms(f"{code}.{key}", part.get(key, []), name)
    if not isinstance(part.get("review", ""), str):
        yield Fault(name, None, f"{code}.review", show(part["review"]), "should be a text")


def _faults_of_terms(place: str, terms: object, name: str) -> Iterable[Fault]:
    """Say what is wrong with a list of terms."""
    if not isinstance(terms, list) or any(not isinstance(term, str) for term in terms):
        yield Fault(name, None, place, show(terms), "should be a list of texts")
    elif empty := [term for term in terms if not normalise_reason(term)]:
        yield Fault(name, None, place, str(empty[0]), "has neither letter nor digit")
    elif long := [term for term in terms if len(normalise_reason(term).split()) > LONGEST_TERM]:
        rule = f"has more than {LONGEST_TERM} words; give whole reasons under [{TEXTS}]"
        yield Fault(name, None, place, str(long[0]), rule)


def _faults_of_texts(texts: dict[str, object], name: str) -> Iterable[Fault]:
    """Say what is wrong with the reasons that are given as whole texts."""
    for said, code in texts.items():
        family, _, sub = show(code).partition(".")
        if code != "" and (family not in FAMILIES or not sub):
            hint = "write family.sub, such as unconvincing.price"
            yield Fault(name, None, f"{TEXTS}.{said}", show(code), "unknown family", hint)


@dataclass(frozen=True)
class Unmatched:
    """A reason that no term explains, as it is written most often, and how often."""

    reason: str
    n: int


def find_unmatched(counts: Mapping[str, int], terms: Dictionary) -> tuple[Unmatched, ...]:
    """Return the reasons that no term explains, the most frequent first.

    `counts` are deals by reason as written; spellings that are compared as equal are
    one, shown as written most often.
    """
    together: dict[str, dict[str, int]] = {}
    for reason, n in counts.items():
        if normalise_reason(reason) and terms.meaning(reason) is None:
            together.setdefault(normalise_reason(reason), {})[reason] = n
    found = [
        Unmatched(min(each, key=lambda said: (-each[said], said)), sum(each.values()))
        for each in together.values()
    ]
    return tuple(sorted(found, key=lambda one: (-one.n, one.reason)))
