"""What a leakkit.toml says already: kept, whatever else is proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.config import FILL_IN, Config, parse_toml, text_of

if TYPE_CHECKING:
    from pathlib import Path


def read_declared(file: Path) -> dict[str, Any]:
    """Return what a file says, without what it leaves to be filled in.

    Raises LeakkitError where it is no configuration: no other file is written over.
    """
    given = parse_toml(text_of(file), file.name)
    kept = _drop_unfilled(given)
    Config.from_tables(kept, file.name)
    return kept


def _drop_unfilled(given: dict[str, Any]) -> dict[str, Any]:
    """Return a table without the values that are to be filled in, and lists without them."""
    kept = {key: _part(said) for key, said in given.items() if said != FILL_IN}
    return {key: said for key, said in kept.items() if said or not given[key]}


def _part(said: Any) -> Any:  # noqa: ANN401 - whatever TOML may hold
    """Return one value without what is to be filled in."""
    if isinstance(said, dict):
        return _drop_unfilled(said)
    return [_part(one) for one in said if one != FILL_IN] if isinstance(said, list) else said
