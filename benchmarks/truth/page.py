"""Writes docs/truth.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.truth.record import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.truth.record import Record

HEAD = """# Does the method hold?

Simulations with a known answer, read by leakkit itself. Written by `make truth` \
(`python -m benchmarks.truth`, or with the names of the rows to run again); the same code writes \
the same page. The rows are those of [method.md](method.md), section 10; each stands as it was \
measured last. Short versions of all rows run with the tests.
"""


def page(records: Mapping[str, Record], names: Sequence[str]) -> str:
    """Write the page: the table of the rows `names`, then what stands behind each of them.

    A row that has not been run says so.
    """
    rows, behind = [], []
    for number, name in enumerate(names, 1):
        if name not in records:
            rows.append([str(number), f"`{name}`", "", "not run yet", "0", ""])
            continue
        one = records[name]
        holds = "yes" if one.holds else "**no**"
        rows.append([str(number), one.row, one.wanted, one.found, f"{one.runs:,}", holds])
        behind.append(f"\n## {number}. {one.row[:1].upper()}{one.row[1:]}\n")
        behind += [f"`{name}`\n", "\n\n".join(one.notes)]
    heads = ["", "simulated", "wanted", "came out", "runs", "holds"]
    return "\n".join([HEAD, table(heads, rows), *behind]) + "\n"
