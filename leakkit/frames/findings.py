"""One row per finding: a share of a stage, now and before, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.frames.cells import date, frame_of, major

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from leakkit.findings import Finding
    from leakkit.frames.cells import Cell

NUMBERS = (
    *("share", "reference", "change", "low", "high", "p_value", "q_value"),
    *("smallest_visible", "followed", "followed_reference"),
)
MONEY = ("value_at_stake", "recoverable", "recoverable_low", "recoverable_high")
COLUMNS = (
    *("pipeline", "stage", "kind", "severity", "says", "reference_kind", *NUMBERS),
    *("confirmed", "since", "days", *MONEY, "currency", "review"),
)
TYPES = dict.fromkeys((*NUMBERS, *MONEY), "float64") | {
    "confirmed": "bool",
    "since": "datetime64[s]",
    "days": "Int64",
}
KINDS = {name: TYPES.get(name, "str") for name in COLUMNS}


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings in the order given.

    Shares and changes are 0 to 1; money is in major units, per so many `days`. `says` is
    what the change is of: rate, mix, or unclear.
    """
    return frame_of(map(_row, findings), KINDS)


def _row(finding: Finding) -> dict[str, Cell]:
    """Return the cells of one finding."""
    kept = finding.recoverable
    texts = ("pipeline", "stage", "kind", "severity", "says", "reference_kind", "currency")
    plain = (*texts, *NUMBERS, "confirmed", "days", "review")
    return {
        **{name: getattr(finding, name) for name in plain},
        "since": date(finding.since),
        "value_at_stake": major(finding.value_at_stake),
        "recoverable": None if kept is None else major(kept.value),
        "recoverable_low": None if kept is None else major(kept.low),
        "recoverable_high": None if kept is None else major(kept.high),
    }
