"""The pieces that views are put together from: HTML, texts of users, notes of analysts."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.analysis.results import DayNote
    from leakkit.words import Words


# ---------------- elements
# The pieces of HTML that views are put together from; what is no `Markup` yet is escaped.


def paragraphs(texts: Iterable[str]) -> Markup:
    """Return texts as paragraphs; empty ones are left out.

    >>> print(paragraphs(["5 < 6", "", "7"]))
    <p>5 &lt; 6</p>
    <p>7</p>
    """
    return Markup("\n").join(Markup("<p>{}</p>").format(text) for text in texts if text)


def bullets(texts: Iterable[str]) -> Markup:
    """Return texts as a list; nothing where there are none."""
    items = Markup("\n").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Markup("<ul>\n{}\n</ul>").format(items) if items else Markup("")


def heading(text: str) -> Markup:
    """Return the heading of a part of a view."""
    return Markup("<h3>{}</h3>").format(text)


def fold_content(summary: str, content: str) -> Markup:
    """Return content that is shown when somebody opens its summary."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, content)


def add_range(said: str, between: str) -> Markup:
    """Return what is said with its interval, or what else stands small beside it."""
    return Markup('{}<span class="lk-range">{}</span>').format(said, between)


def panels(parts: Iterable[tuple[str, str]], *, kind: str = "") -> Markup:
    """Return pictures beside each other, each under its heading."""
    items = Markup("\n").join(Markup("<li>{}{}</li>").format(heading(h), p) for h, p in parts)
    return Markup('<ul class="{}">{}</ul>').format(f"lk-panels {kind}".strip(), items)


# ---------------- texts
# Texts of users and numbers of a pipeline, as a reader sees them; nothing here draws.

UNSEEN = {"Cc", "Cs", "Co", "Zl", "Zp"}
NO_XML = {"\ufffe", "\uffff"}
"""No letters, and forbidden in any XML, pictures included."""
BIDI_CONTROLS = set(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff"
)
SHORT_HOURS = 72
"""Stays up to so many hours are said in hours."""


def is_seen(char: str) -> bool:
    """Say whether a reader may see a character, and XML may hold it."""
    return unicodedata.category(char) not in UNSEEN and char not in NO_XML


def tidy_name(name: str) -> str:
    """Return a name on one line, without characters that no reader can see.

    >>> tidy_name(" two   words ")
    'two words'
    """
    if name.isprintable():  # most are, and there may be very many
        return " ".join(name.split())
    seen = (
        " " if char.isspace() else char
        for char in name
        if char.isspace() or (is_seen(char) and char not in BIDI_CONTROLS)
    )
    return " ".join("".join(seen).split())


def name_stay(words: Words, age: float, unit_per_day: int) -> str:
    """Say a stay that is measured in the pipeline's unit: short ones in hours."""
    if unit_per_day == 1:
        return words.days(age)
    if age <= SHORT_HOURS:
        return words.say("units.hours", n=age)
    return words.days(age / unit_per_day)


def reason_text(words: Words, reason: str) -> str:
    """Say why a number is missing; a reason without words of its own shows its code."""
    try:
        return words.say(f"reasons.{reason}")
    except KeyError:
        return words.say("reasons.unknown", code=reason)


# ---------------- notes
# What an analyst noted: marks in pictures over time, and lines of text.

APART = 18
"""Marks that are nearer than so many pixels share one place for their numbers."""


def note_lines(notes: Iterable[DayNote], words: Words, *, of_stage: bool = False) -> list[Markup]:
    """Say each note in a line; with `of_stage` the stage is said already where they stand."""
    return [words.html(_key(one, of_stage=of_stage), **_facts(one)) for one in notes]


def note_texts(notes: Iterable[DayNote], words: Words) -> list[str]:
    """Say each note in a line of plain text."""
    return [words.say(_key(one), **_facts(one)) for one in notes]


def places(notes: Iterable[tuple[DayNote, float]]) -> list[tuple[float, str]]:
    """Return where the numbers of marks stand, those of near marks together.

    >>> from leakkit.analysis.results import DayNote
    >>> marks = [(DayNote(n, "", 0, ""), x) for n, x in ((1, 10.0), (2, 20.0), (3, 90.0))]
    >>> places(marks)
    [(10.0, '1, 2'), (90.0, '3')]
    """
    found: list[tuple[float, float, str]] = []
    for one, x in notes:
        if found and abs(x - found[-1][1]) < APART:
            first, _, said = found[-1]
            found[-1] = (first, x, f"{said}, {one.number}")
        else:
            found.append((x, x, str(one.number)))
    return [(first, said) for first, _, said in found]


def _key(one: DayNote, *, of_stage: bool = False) -> str:
    """Return the key of the sentence of a note."""
    day, stage = "day" if one.number else "any", "_stage" if one.stage and not of_stage else ""
    return f"notes.{day}{stage}"


def _facts(one: DayNote) -> dict[str, object]:
    """Return what is said of a note, its texts without line breaks or signs of direction."""
    text, stage = (" ".join(tidy_name(said).split()) for said in (one.text, one.stage))
    return {"number": str(one.number), "day": one.day, "text": text, "stage": stage}
