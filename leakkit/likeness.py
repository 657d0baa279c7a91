"""How like two names are, by their letters, and how like a text is to words of a language."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MISSPELT = 0.6
"""Names at least so like may be one, misspelt."""


def compare_names(one: str, other: str) -> float:
    """Return how like two names are, from 0 to 1.

    >>> compare_names("quotation", "qotation") > 0.9
    True
    """
    return fuzz.ratio(one, other) / 100


def find_nearest(name: str, known: Iterable[str], least: float = MISSPELT) -> str:
    """Return the known name that is likest, the first of several; '' where none is so like.

    >>> find_nearest("qotation", ["inquiry", "quotation"]), find_nearest("x", ["inquiry"])
    ('quotation', '')
    """
    found = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=100 * least)
    return found[0] if found else ""


# ---------------- words as encodings have them

WITHIN = re.compile(
    r"[a-z\xdf-\xff][\u2020\u2021\u02c6\u2122\u201a\u201e\u2026\xa7\xb9\xb3\xa3\xbf\xaf\xbc\xbe"
    r"\xac\xa2\xa5\xa4\xa8\xb4\xb8][a-z]|[A-Za-z\xdf-\xff][\u0160\u017d\u0152\u0178][a-z]"
    r"|[a-z][A-Z\u0160\u017d\u0152\u0178]$"
)
"""What no word has between small letters: signs, and capitals of other languages."""
ANY_SCRIPT = (
    *("ZERO WIDTH", "LEFT-TO-RIGHT", "RIGHT-TO-LEFT", "NO-BREAK", "RIGHT SINGLE", "LEFT SINGLE"),
    *("RIGHT DOUBLE", "LEFT DOUBLE", "EN DASH", "EM DASH", "LEFT-POINTING", "RIGHT-POINTING"),
    *("HORIZONTAL ELLIPSIS", "EURO", "NUMERO", "COPYRIGHT", "REGISTERED", "BULLET", "MIDDLE DOT"),
)
"""What stands beside the letters of any script, as the names of signs begin."""


def is_western(word: str) -> bool:
    """Say whether a word may be one of Western Europe.

    No sign stands between small letters, no capital after one; six letters are Turkish rather.
    """
    return not (WITHIN.search(word) or any(sign in "\xd0\xdd\xde\xf0\xfd\xfe" for sign in word))


def letters_of(*scripts: str) -> Callable[[str], bool]:
    """Return what says whether all letters of a word beyond ASCII are of some scripts."""

    def fits(word: str) -> bool:
        names = [unicodedata.name(sign, "") for sign in word if not sign.isascii()]
        strange = [name for name in names if not name.startswith((*scripts, *ANY_SCRIPT))]
        other = "LATIN" not in scripts and len(scripts) == 1 and any(map(is_latin, word))
        return bool(names) and not strange and not other and not WITHIN.search(word)

    return fits


def is_latin(sign: str) -> bool:
    """Say whether a sign is a Latin letter of ASCII."""
    return sign.isascii() and sign.isalpha()


LOOKS_RIGHT = {
    "windows-1252": is_western,
    "windows-1256": letters_of("ARABIC"),
    "windows-1251": letters_of("CYRILLIC"),
    "windows-1253": letters_of("GREEK"),
    "windows-1254": letters_of("LATIN"),
    "windows-1250": letters_of("LATIN"),
    "windows-1255": letters_of("HEBREW"),
    "cp932": letters_of("CJK UNIFIED", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH"),
    "gb18030": letters_of("CJK UNIFIED", "IDEOGRAPHIC", "FULLWIDTH"),
    "big5": letters_of("CJK UNIFIED", "IDEOGRAPHIC", "FULLWIDTH"),
    "cp949": letters_of("HANGUL", "FULLWIDTH"),
    "mac_roman": letters_of("LATIN"),
    "cp850": letters_of("LATIN"),
}
"""Encodings that are no Unicode, and what says whether a text may be a word in one."""
ENCODINGS = tuple(LOOKS_RIGHT)
