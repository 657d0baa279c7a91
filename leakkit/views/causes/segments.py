"""How a segment is named: by its columns and what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views.tables import bdi
from leakkit.views.texts import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leakkit.words import Words


def segment(
    columns: tuple[str, ...], values: tuple[str, ...], binned: tuple[str, ...], words: Words
) -> Markup:
    """Say a segment by its columns and values; of numbers, up to where its fifth goes."""
    parts = []
    for column, written in zip(columns, values, strict=True):
        name = bdi(column)
        if column not in binned or not written:
            said = words.html("causes.segment", column=name, value=value_of(written, words))
        else:
            key = "segment_money" if column == "value" else "segment_number"
            said = words.html(f"causes.{key}", column=name, value=float(written))
        parts.append(said)
    return Markup(", ").join(parts)


def value_of(written: str, words: Words) -> Markup:
    """Say a value of a column; an empty one is a value, too."""
    return bdi(written) if plain(written) else words.html("bar.none")


def columns_of(names: Iterable[str]) -> Markup:
    """Return names of columns, one behind the other."""
    return Markup(", ").join(map(bdi, names))
