"""Writes docs/truth.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.truth.record import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.truth.record import Record

HEAD = """# Does the method hold?

Simulations with a known answer, read by leakkit itself. Written by `make truth` \
(`python -m benchmarks.truth`); the same code writes the same page. The rows are those of \
[method.md](method.md), section 10. Short versions of all rows run with the tests.
"""


def page(records: Sequence[Record]) -> str:
    """Write the page: the table, then what stands behind each row."""
    rows = [
        [
            str(number),
            one.row,
            one.wanted,
            one.found,
            f"{one.runs:,}",
            "yes" if one.holds else "**no**",
        ]
        for number, one in enumerate(records, 1)
    ]
    parts = [HEAD, table(["", "simulated", "wanted", "came out", "runs", "holds"], rows)]
    for number, one in enumerate(records, 1):
        parts += [f"\n## {number}. {one.row[:1].upper()}{one.row[1:]}\n", "\n\n".join(one.notes)]
    return "\n".join(parts) + "\n"
