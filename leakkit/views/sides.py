"""Two parts of a pipeline drawn stage by stage: a dot with its range, and a ring beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.path import Path

from leakkit.findings.sides import FEWER, MORE
from leakkit.views.ink import Run, Sheet, elide, name_run, responsive, theme
from leakkit.views.texts import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from leakkit.analysis.gaps import Compared
    from leakkit.findings.sides import Gap, Side
    from leakkit.words import Words

WIDE, NARROW, PANEL = 760.0, 340.0, 320.0
ROW, HEAD, FOOT = 42.0, 46.0, 26.0
NUMBERS = 104.0
"""Room for both shares beside their marks."""
SURE = {MORE: ("lost", "lost-ink"), FEWER: ("won", "flow-ink")}
QUIET = ("open-edge", "muted")


def figure(found: Compared, names: tuple[Markup, Markup], words: Words) -> Markup:
    """Draw two parts, for a wide page and for a phone."""
    scale = most(found.gaps)
    return responsive(
        *(_draw_stages(found, names, words, scale, width) for width in (WIDE, NARROW))
    )


def panel(found: Compared, names: tuple[Markup, Markup], words: Words, scale: float) -> Markup:
    """Draw one of several comparisons on their common scale."""
    return _draw_stages(found, names, words, scale, PANEL)


def most(gaps: Sequence[Gap]) -> float:
    """Return the largest share that has to be shown."""
    shares = [side.share.high or 0.0 for gap in gaps for side in (gap.one, gap.other)]
    return min(max(0.05, *(1.05 * share for share in shares)), 1.0)


def _draw_stages(
    found: Compared, names: tuple[Markup, Markup], words: Words, scale: float, width: float
) -> Markup:
    """Draw every stage as a row: its name, both shares as marks, and as numbers."""
    with mpl.rc_context(theme()):
        height = HEAD + ROW * len(found.gaps) + FOOT
        mirrored = words.direction == "rtl"
        sheet = Sheet(width, height, direction=words.direction, mirrored=mirrored)
        _write_key(sheet, [plain(name.striptags()) for name in names], words)
        for at, gap in enumerate(found.gaps):
            name = plain(found.pipeline.stages[gap.stage].name)
            _draw_row(sheet, HEAD + ROW * at, gap, scale, name, words)
        foot = HEAD + ROW * len(found.gaps) + 14
        for share, anchor in ((0.0, "start"), (scale, "end")):
            x = _place(sheet, share, scale)
            sheet.text(x, foot, Run(words.share(share), "muted"), size=11, anchor=anchor)
        said = " ".join(_alt(found, gap, words) for gap in found.gaps)
        title = f"{words.say('compare.key_of')}. {said}"
        return sheet.svg(title, f"compare {width:g} {found.pipeline.name} {names[0]} {names[1]}")


def _write_key(sheet: Sheet, names: list[str], words: Words) -> None:
    """Write what the marks stand for."""
    sheet.line(13, Run(words.say("compare.key_of"), "muted"), size=11.5)
    room = sheet.width / 2 - 30
    one, other = (elide(name, room, 12.5, bold=True) for name in names)
    runs = [
        Run("\u25cf ", "ink"), name_run(one, bold=True),
        Run("   \u25cb ", "muted"), name_run(other, "muted"),
    ]  # fmt: skip
    sheet.line(32, runs, size=12.5)


def _draw_row(  # noqa: PLR0913, PLR0917 - what one row is made of
    sheet: Sheet, top: float, gap: Gap, scale: float, name: str, words: Words
) -> None:
    """Draw one stage."""
    fill, ink = SURE.get(gap.verdict, QUIET)
    line = top + 28
    sheet.line(top + 14, name_run(elide(name, sheet.width - NUMBERS, 12.5)), size=12.5)
    ends = [(_place(sheet, share, scale), line) for share in (0.0, scale)]
    sheet.shape(Path(ends), edge="line", width=1.0, order=1.0)
    _draw_side(sheet, gap.other, line + 4, scale, "open-edge", filled=False)
    _draw_side(sheet, gap.one, line - 4, scale, fill if gap.verdict in SURE else "ink", filled=True)
    if gap.comparison is None:
        few = Run(words.say("compare.verdict_few"), "muted")
        sheet.text(sheet.width - NUMBERS + 8, line + 5, few, size=12)
        return
    numbers = (
        Run(
            words.share(gap.one.share.share or 0.0),
            ink if gap.verdict in SURE else "ink",
            bold=True,
        ),
        Run("  " + words.share(gap.other.share.share or 0.0), "muted"),
    )
    sheet.text(sheet.width - NUMBERS + 8, line + 5, numbers, size=13)


def _draw_side(  # noqa: PLR0913 - what one mark is made of
    sheet: Sheet, side: Side, y: float, scale: float, role: str, *, filled: bool
) -> None:
    """Draw the share of one part with its range; nothing where it is not known."""
    share = side.share
    if share.share is None or share.low is None or share.high is None:
        return
    low, at, high = (_place(sheet, each, scale) for each in (share.low, share.share, share.high))
    sheet.shape(Path([(low, y), (high, y)]), edge=role, width=1.8, order=1.4)
    mark = Path.circle((at, y), 4.2)
    sheet.shape(mark, role if filled else "paper", edge=role, width=1.6, order=1.8)


def _place(sheet: Sheet, share: float, scale: float) -> float:
    """Return where a share stands on the paper."""
    return 6 + (sheet.width - NUMBERS - 12) * min(share / scale, 1.0)


def _alt(found: Compared, gap: Gap, words: Words) -> str:
    """Say one stage in words."""
    name = plain(found.pipeline.stages[gap.stage].name)
    if gap.comparison is None:
        return words.say("compare.alt_few", stage=name)
    return words.say("compare.alt", stage=name, a=gap.one.share.share, b=gap.other.share.share)
