"""A leakkit.toml is proposed for any source, also for one that cannot be read yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit.config import Config, find_unfilled
from leakkit.sources.propose.beside import proposed_joins
from leakkit.sources.propose.cells import heading_lines
from leakkit.sources.propose.text import configuration_text, unread_text
from leakkit.sources.propose.trying import Trial, try_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.sources.databases.addresses import Address
    from leakkit.store.database import Store


@dataclass(frozen=True)
class Proposed:
    """The text of a leakkit.toml; `to_fill` are the lines that wait for a person.

    `stopped` says why the source cannot be read, where no line changes that.
    """

    text: str
    to_fill: tuple[int, ...]
    stopped: str = ""


def propose_config(
    source: Path | Address, declared: Mapping[str, Any], allow: Sequence[str | Path] = ()
) -> Proposed:
    """Propose a leakkit.toml for a source, by what a file declares of it already.

    Where loading stops, the lines that decide are there to fill in, and below them stands
    every heading of every file with some of its cells.
    """
    config = Config.from_tables(dict(declared))
    trial = try_source(source, config, allow)
    text = _text(source, trial, declared)
    if trial.asks or trial.stopped:
        headings = "\n".join(f"# {line}".rstrip() for line in heading_lines(source, config))
        head = "# The columns of the source, some of their cells, and what they could be:"
        text += f"\n{head}\n#\n{headings.rstrip('# ' + chr(10))}\n"
    lines = tuple(number for number, _, _ in find_unfilled(text))
    final = str(trial.stopped) if trial.stopped and not trial.stopped.asks else ""
    return Proposed(text, lines, final)


def _text(source: Path | Address, trial: Trial, declared: Mapping[str, Any]) -> str:
    """Return the text of what was found by trying."""
    if trial.store is None:
        if trial.stopped is None:  # pragma: no cover - a trial ends with the one or the other
            raise AssertionError
        return unread_text(trial.stopped, declared, trial.asks)
    with trial.store as store:
        joins = proposed_joins(store, source) if isinstance(source, Path) else ()
        said = _and_as_read(declared, store)
        return configuration_text(store, joins, said, trial.asks, guessed=trial.guessed)


def _and_as_read(declared: Mapping[str, Any], store: Store) -> Mapping[str, Any]:
    """Return what was declared; of a store, which may be a source, what it was loaded with."""
    if declared or store.meta("provisional_order"):
        return declared
    return store.config.model_dump(mode="json", exclude_defaults=True)
