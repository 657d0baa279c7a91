"""Names that close a deal: a closing word alone, behind a number, or inside a longer name."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import fold_name
from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

WON_WORDS, LOST_WORDS = (vocabulary.words("closes", kind) for kind in ("won", "lost"))
ENDED_WORDS, BESIDE = (vocabulary.words("closes", kind) for kind in ("ended", "beside"))
"""Names that close a deal without saying how, and what may stand beside two closes."""
OUTCOME_LOST = vocabulary.words("outcomes", "lost")
"""Words that mean a loss in a column of outcomes; a stage of that name most likely does."""
WON_INSIDE, LOST_INSIDE = (vocabulary.words("inside", kind) for kind in ("won", "lost"))
"""Words that close a deal also inside a longer name; others, such as "success", do not."""
UNDONE = frozenset({"not", "no", "nicht", "kein", "non", "pas", "nie", "не", "almost", "nearly"})
UNDONE |= {"fast", "noch", "nog", "niet", "presque", "casi", "quase", "neredeyse"}
"""Before one of these words a closing word says something else, or its opposite."""
UNDONE_AFTER = frozenset({"yet", "back", "değil", "نشد", "نشده", "نیست"})
"""As above, where they stand behind it."""

NUMBERED = re.compile(r"^[\W_]*(?:\d+[a-z]?|[a-z]\d*(?=\s*[.):_\-\u2013]))?[\W_]+|^\d+(?=[^\W\d])")
"""Signs and numbers before a name, such as `7 - `, `C6:` or `G. `."""
BETWEEN = re.compile(r"[\W_]+")


def bare(name: str) -> str:
    """Return a name in the form in which names are compared, without its number.

    >>> bare("7 - Closed Lost"), bare("C6:LOSE"), bare("G. Project Won"), bare("Won")
    ('closed lost', 'lose', 'project won', 'won')
    """
    form = fold_name(name)
    return NUMBERED.sub("", form, count=1) or form


def close_of(name: str) -> int | None:
    """Return WON or LOST where a name says so, else None.

    A name that says both, or that a close is not there, says nothing.

    >>> close_of("7 - Closed Lost"), close_of("Project Won"), close_of("Not won yet")
    (-2, -1, None)
    """
    form = bare(name)
    for code, words in ((schema.WON, WON_WORDS), (schema.LOST, LOST_WORDS)):
        if form in _forms(words):
            return code
    found = {
        code
        for code, words in ((schema.WON, WON_INSIDE), (schema.LOST, LOST_INSIDE))
        if _says(form, words)
    }
    return found.pop() if len(found) == 1 else None


def _says(form: str, words: Iterable[str]) -> bool:
    """Say whether a name says one of the words, and nothing beside it that undoes it.

    What stands behind the word is a reason: "Lost - no budget" is a loss.

    >>> [_says(name, ["lost"]) for name in ("lost - no budget", "not lost", "lost and back")]
    [True, False, False]
    """
    said = " ".join(part for part in BETWEEN.split(form) if part)
    return any(_says_plainly(said, word) for word in _forms(tuple(words)))


def _says_plainly(said: str, word: str) -> bool:
    """Say whether a word stands in a name, and nothing before or after it undoes it."""
    before, found, after = f" {said} ".partition(f" {word} ")
    undone = UNDONE.intersection(before.split()) or UNDONE_AFTER.intersection(after.split())
    return bool(found) and not undone


def closes_either_way(name: str) -> bool:
    """Say whether a name is that of an end that may be a win or a loss.

    >>> [closes_either_way(name) for name in ("6 - Closed", "Won/Lost", "Closed Won", "Offer")]
    [True, True, False, False]
    """
    form = bare(name)
    parts = {part for part in BETWEEN.split(form) if part}
    won, lost, beside = _forms(WON_WORDS), _forms(LOST_WORDS), _forms((*BESIDE, *ENDED_WORDS))
    both = bool(parts & won and parts & lost)
    return form in _forms(ENDED_WORDS) or (both and parts <= won | lost | beside)


def may_be_lost(name: str) -> bool:
    """Say whether a stage is called by a word that means a loss where it stands for an outcome.

    So is one that begins with such a word, or says a closing word that another one undoes.

    >>> [may_be_lost(name) for name in ("Descartada", "9 - Dead", "Offer", "Lost")]
    [True, True, False, False]
    >>> [may_be_lost(name) for name in ("Cancelled by customer", "Not won", "Dead: no answer")]
    [True, True, True]
    """
    if close_of(name) is not None:
        return False
    form = bare(name)
    said = f"{' '.join(part for part in BETWEEN.split(form) if part)} "
    begins = any(said.startswith(f"{word} ") for word in _forms((*LOST_WORDS, *OUTCOME_LOST)))
    inside = any(f" {word} " in f" {said}" for word in _forms((*WON_INSIDE, *LOST_INSIDE)))
    return form in _forms(OUTCOME_LOST) or begins or inside


def closing(names: Iterable[str]) -> dict[str, int]:
    """Return the names that close a deal -> WON or LOST."""
    return {name: code for name in names if (code := close_of(name)) is not None}


@cache
def _forms(words: tuple[str, ...]) -> frozenset[str]:
    """Return words in the form in which they are compared, made once: names may be many."""
    return frozenset(map(fold_name, words))
