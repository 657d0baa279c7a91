"""What is known of a source beside its deals, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.store.database import Store


@dataclass(frozen=True)
class About:
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
    def read(cls, store: Store) -> About:
        """Read what a store knows."""
        return cls(
            label=store.meta("label"),
            shape=store.meta("shape"),
            last_day=int(store.meta("last_day")),
            cut=int(store.meta("cut")),
            provisional_order=store.meta("provisional_order"),
            fingerprint=store.meta("fingerprint"),
            rows=tuple(store.meta("rows")),
            facts=store.meta("facts"),
            inputs=tuple(store.meta("inputs")),
            ignored_files=tuple(store.meta("ignored_files")),
            recognised=tuple(store.meta("recognised")),
            segments=tuple(store.meta("segments")),
        )
