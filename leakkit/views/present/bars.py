"""Bars of deals by outcome, one below the other: lost first, as all bars begin on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.path import Path

from leakkit.views.ink import Run, Sheet, elide, name_run, responsive, theme
from leakkit.views.texts import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from leakkit.measures.present_state import Tally
    from leakkit.words import Words

    Rows = Sequence[tuple[str, Tally]]

OUTCOMES = (("lost", "lost", "lost-ink"), ("won", "won", "flow-ink"), ("open", "open", "muted"))
"""Outcome, colour of its bar, colour of its words."""
WIDE, NARROW = 760.0, 340.0
STEP, THICK, TOP = 46.0, 15.0, 34.0


def bars(rows: Rows, words: Words, salt: str, *, by: str = "count") -> Markup:
    """Draw a bar per row, to one scale, in deals or `by` value, for a wide page and a phone."""
    wide, narrow = (_draw_rows(rows, words, salt, by, width) for width in (WIDE, NARROW))
    return responsive(wide, narrow)


def amounts(tally: Tally, by: str) -> dict[str, int]:
    """Return what is drawn of a tally, by outcome."""
    prefix = "value_" if by == "value" else ""
    return {outcome: getattr(tally, f"{prefix}{outcome}") for outcome, *_ in OUTCOMES}


def _draw_rows(rows: Rows, words: Words, salt: str, by: str, width: float) -> Markup:
    """Draw all rows on a sheet of one width."""
    most = max([1, *(sum(amounts(tally, by).values()) for _, tally in rows)])
    with mpl.rc_context(theme()):
        mirrored = words.direction == "rtl"
        height = TOP + STEP * len(rows)
        sheet = Sheet(width, height, direction=words.direction, mirrored=mirrored)
        _key(sheet, rows, words)
        for at, (name, tally) in enumerate(rows):
            _row(sheet, TOP + STEP * at, name, tally, (words, by, most))
        return sheet.svg(_alt(rows, words, by), f"{salt} {width:g} {by}")


def _key(sheet: Sheet, rows: Rows, words: Words) -> None:
    """Write the key to the colours that occur."""
    runs: list[Run] = []
    for outcome, colour, role in OUTCOMES:
        if any(getattr(tally, outcome) for _, tally in rows):
            said = words.say(f"present.key_{outcome}")
            runs += [Run("\u25a0 ", colour), Run(f"{said}   ", role, bold=True)]
    sheet.text(2, 15, runs, size=13)


def _row(sheet: Sheet, top: float, name: str, tally: Tally, scale: tuple[Words, str, int]) -> None:
    """Draw one row: its name and numbers, and under them its bar."""
    words, by, most = scale
    numbers = _numbers(tally, words, by)
    room = sheet.width - 6.5 * sum(len(run.text) for run in numbers) - 16
    sheet.text(
        2,
        top + 12,
        name_run(elide(name, room, 13, bold=True), bold=True),
        size=13,
        title=plain(name),
    )
    sheet.text(sheet.width - 2, top + 12, numbers, size=12.5, anchor="end")
    left = 2.0
    for outcome, colour, _ in OUTCOMES:
        long = (sheet.width - 4) * amounts(tally, by)[outcome] / most
        if long:
            sheet.shape(_box(left, left + long, top + 18), colour, gid=f"{outcome}-{top:g}")
        left += long


def _box(left: float, right: float, top: float) -> Path:
    """Return a bar."""
    bottom = top + THICK
    return Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _numbers(tally: Tally, words: Words, by: str) -> list[Run]:
    """Say the numbers of a row, those that are there."""
    value = "_value" if by == "value" else ""
    found = [(o, ink, n) for o, _, ink in OUTCOMES if (n := amounts(tally, by)[o])]
    runs: list[Run] = []
    for at, (outcome, ink, n) in enumerate(found):
        if at:
            runs.append(Run(" \u00b7 ", "muted"))
        runs.append(Run(words.say(f"present.{outcome}{value}", n=n), ink, bold=True))
    return runs or [Run(words.say("present.none_here"), "muted")]


def _alt(rows: Rows, words: Words, by: str) -> str:
    """Say the picture in words."""
    value = "_value" if by == "value" else ""
    said = "; ".join(
        f"{plain(name)}: "
        + ", ".join(words.say(f"present.{o}{value}", n=n) for o, n in amounts(tally, by).items())
        for name, tally in rows
    )
    return words.say("present.alt", said=said)
