"""What is known of a source beside its deals: as one frozen value, and as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from leakkit.page.style import facts_table
from leakkit.store.account import kept_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.store.database import Store


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source: where it came from, and how it was read.

    `shape` says how it tells of moves; `provisional_order`: the order of its stages is a
    guess. `rows` has what became of the rows of each file, `facts` how many of what was odd
    there are by code. `segments` are the columns of the deals. Days are local day numbers.
    """

    label: str
    shape: str
    last_day: int
    cut: int
    provisional_order: bool
    fingerprint: str
    rows: tuple[Mapping[str, int | str], ...]
    facts: Mapping[str, int]
    inputs: tuple[Mapping[str, str], ...]
    ignored_files: tuple[str, ...]
    recognised: tuple[Mapping[str, str], ...]
    segments: tuple[str, ...]

    @classmethod
    def read(cls, store: Store) -> SourceFacts:
        """Read what a store knows."""
        known = store.several_meta([one.name for one in fields(cls)])
        return cls(
            label=known["label"],
            shape=known["shape"],
            last_day=int(known["last_day"]),
            cut=int(known["cut"]),
            provisional_order=known["provisional_order"],
            fingerprint=known["fingerprint"],
            rows=tuple(known["rows"]),
            facts=known["facts"],
            inputs=tuple(known["inputs"]),
            ignored_files=tuple(known["ignored_files"]),
            recognised=tuple(known["recognised"]),
            segments=tuple(known["segments"]),
        )


# ---------------- what a notebook shows

ROWS = ("file", "read", "used", "merged", "not_asked", "set_aside")
RECOGNISED = ("where", "what", "as_what", "why")
FAULTS = ("where", "row", "column", "value", "rule")
SHOWN_FAULTS = 5


def source_html(store: Store) -> str:
    """Return what was read of a source, as HTML; every text of it is escaped."""
    faults = kept_faults(store)
    return "".join(
        (
            Markup("<p>{}</p>").format(repr(store)),
            _table(ROWS, store.meta("rows")),
            _fold_table("What was recognised", _table(RECOGNISED, store.meta("recognised"))),
            _fold_table(f"Faults, {len(faults)} kept", _table(FAULTS, _first(faults))),
        )
    )


def _first(faults: Sequence[object]) -> list[dict[str, Any]]:
    """Return the first faults by name; a row that is not known is left empty."""
    named = [{name: getattr(one, name) for name in FAULTS} for one in faults[:SHOWN_FAULTS]]
    return [one | {"row": "" if one["row"] is None else one["row"]} for one in named]


def _table(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return named columns of rows; nothing where there are no rows."""
    cells = [[row[name] for name in names] for row in rows]
    return facts_table([name.replace("_", " ") for name in names], cells) if cells else ""


def _fold_table(title: str, table: str) -> Markup:
    """Put a table under a title that unfolds it; nothing where there is none."""
    shown = Markup(table)  # noqa: S704 - facts_table escapes every text
    made = Markup("<details><summary>{}</summary>{}</details>")
    return made.format(title, shown) if table else Markup("")
