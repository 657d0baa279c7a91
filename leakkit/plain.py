"""Values as plain data: what two analyses are compared by, and what is offered of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd


@singledispatch
def plain(value: object) -> object:
    """Return a value as lists, dicts, texts and numbers; not a number equals itself.

    Fields that a class leaves out of its comparison are left out.

    >>> plain({"a": np.array([1.0, float("nan")])})
    {'a': [1.0, 'nan']}
    """
    if is_dataclass(value) and not isinstance(value, type):
        kept = [one.name for one in fields(value) if one.compare]
        return {name: plain(getattr(value, name)) for name in kept}
    return value


@plain.register
def _(value: float) -> float | str:
    return str(value) if math.isnan(value) else value


@plain.register(np.ndarray)
@plain.register(np.generic)
def _(value: np.ndarray[Any, Any] | np.generic) -> object:
    return plain(value.tolist())


@plain.register(list)
@plain.register(tuple)
def _(value: list[object] | tuple[object, ...]) -> list[Any]:
    return [plain(each) for each in value]


@plain.register
def _(value: pd.DataFrame) -> dict[str, Any]:
    return {str(name): plain(value[name].to_numpy()) for name in value}


@plain.register
def _(value: Mapping) -> dict[str, Any]:  # type: ignore[type-arg]  # a class to look up
    return {str(key): plain(each) for key, each in value.items()}


class PlainData:
    """A frozen value that a user holds: equal where its numbers are, wherever it came from."""

    def __eq__(self, other: object) -> bool:
        """Say whether two values say the same."""
        return isinstance(other, PlainData) and plain(self) == plain(other)

    def __hash__(self) -> int:
        """Return the hash of its name: the rest may be arrays."""
        return hash(getattr(self, "name", ""))

    def __dir__(self) -> list[str]:
        """Return what a user may ask for."""
        return [name for name in super().__dir__() if not name.startswith("_")]
