"""One row per stage of two parts that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import date, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.analysis.gaps import Compared, Part
    from leakkit.findings.sides import Gap, Side
    from leakkit.frames.cells import Cell

SIDES = ("one", "other")
SHARES = tuple(f"{side}_share{end}" for side in SIDES for end in ("", "_low", "_high"))
COUNTS = tuple(f"{side}_{name}" for side in SIDES for name in ("visits", "lost"))
DIFFERENCE = ("difference", "difference_low", "difference_high", "p_value", "q_value")
COLUMNS = (
    *("pipeline", "stage", "horizon_days", "one", "other"),
    *(name for side in SIDES for name in (*COUNTS, *SHARES) if name.startswith(side)),
    *DIFFERENCE,
    "verdict",
)
TYPES = dict.fromkeys(COUNTS, "int64") | dict.fromkeys(
    ("horizon_days", *SHARES, *DIFFERENCE), "float64"
)
KINDS = {name: TYPES.get(name, "str") for name in COLUMNS}


def sides_frame(found: Iterable[Compared]) -> pd.DataFrame:
    """Return what two parts lose at every stage, of each comparison.

    `one` and `other` name the parts by their values and days; `difference` is one less the
    other; `verdict` says what the first part loses: more, fewer, perhaps_more, perhaps_fewer,
    chance where that is what the difference may be, few.
    """
    return frame_of((_row(one, gap) for one in found for gap in one.gaps), KINDS)


def _row(compared: Compared, gap: Gap) -> dict[str, Cell]:
    """Return one stage."""
    found, chosen = gap.comparison, compared.pipeline
    return {
        "pipeline": chosen.name,
        "stage": chosen.stages[gap.stage].name,
        "horizon_days": None if gap.horizon is None else gap.horizon / chosen.unit_per_day,
        "one": name_part(compared.one),
        "other": name_part(compared.other),
        **_side("one", gap.one),
        **_side("other", gap.other),
        "difference": found.change if found else None,
        "difference_low": found.low if found else None,
        "difference_high": found.high if found else None,
        "p_value": found.p_value if found else None,
        "q_value": gap.q_value,
        "verdict": gap.verdict,
    }


def _side(name: str, side: Side) -> dict[str, Cell]:
    """Return the numbers of one part."""
    return {
        f"{name}_visits": side.visits,
        f"{name}_lost": side.lost,
        f"{name}_share": side.share.share,
        f"{name}_share_low": side.share.low,
        f"{name}_share_high": side.share.high,
    }


def name_part(part: Part) -> str:
    """Name a part by its columns and values, and by its days."""
    first, end = part.days
    said = [f"{name} = {' | '.join(values)}" for name, values in part.selection.columns]
    if part.rest:
        said = ["rest"]
    return ", ".join([*said, f"{date(first)} to {date(end - 1)}"])
