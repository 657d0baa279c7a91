"""`leakkit.load`: any source, and the word "sample" for the built-in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit import sample, sources
from leakkit.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from leakkit.store import Store

SAMPLE = "sample"


def load(
    source: str | Path | Mapping[str, pd.DataFrame] = SAMPLE,
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
    store: str = ":memory:",
) -> Store:
    """Read a source into a store that `analyze` works on.

    `source` is the word "sample" (the built-in sample, made in memory), a folder with
    `opportunities` and `stage_history` (CSV or Parquet), one event file (CSV, Parquet,
    XES, XES.gz), a store that was kept by an earlier run, or a mapping with frames of
    these two names. `config` is a Config or the path of a leakkit.toml; by default the
    one beside the files. `as_of` (a date, or a date with a time) beats the configured
    one. `store` is the path of a file to keep the result in.

    Raises LeakkitError, with all the faults of a file or a configuration at once.

    >>> data = load("sample")
    >>> data.meta("rows")[0]["read"]
    12000
    """
    return sources.load(*found(source, config), as_of=as_of, store=store)


def found(
    source: str | Path | Mapping[str, pd.DataFrame], config: Config | str | Path | None
) -> tuple[str | Path | Mapping[str, pd.DataFrame], Config | str | Path | None]:
    """Return the source and its configuration; those of the built-in one are made."""
    if not (isinstance(source, str) and source == SAMPLE):
        return source, config
    made = sample.make()
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return frames, config or Config.from_text(made.config)
