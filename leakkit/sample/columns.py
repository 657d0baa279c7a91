"""Columns of numbers and texts, one entry a deal, a visit or a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Texts: TypeAlias = pd.api.extensions.ExtensionArray


def collect_ints(numbers: Iterable[int]) -> Ints:
    """Make one column of whole numbers."""
    return np.array(list(numbers), dtype=np.int64)


def collect_floats(numbers: Iterable[float]) -> Floats:
    """Make one column of numbers."""
    return np.array(list(numbers), dtype=np.float64)


def take_texts(labels: Sequence[str], codes: Ints) -> Texts:
    """The labels at these codes; -1 is NA."""
    return pd.array(list(labels), dtype="str").take(codes, allow_fill=True)
