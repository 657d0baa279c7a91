"""`leakkit.load`: any source, and the word "sample" for the built-in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leakkit import sources
from leakkit.config import Config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leakkit.store import Store

SAMPLE = "sample"


def load(
    source: Any = SAMPLE,  # noqa: ANN401 - a path, or frames
    config: Config | Mapping[str, Any] | str | Path | None = None,
    *,
    as_of: str = "",
    store: str = ":memory:",
    allow: Sequence[str | Path] = (),
) -> Store:
    """Read a source into a store that `analyze` works on.

    `source` is the word "sample" (the built-in sample, made in memory), a file or a folder
    with a history, a date per stage or the present state of deals (CSV, Excel, Parquet,
    JSON lines, XES, also packed: docs/formats.md), the address of a database (postgresql://,
    sqlite://: docs/sources/databases.md), a store that was kept by an earlier run, a frame of
    pandas, polars or pyarrow, or a mapping with frames by the names `opportunities` and
    `stage_history`. `config` is a Config, a mapping with its keys, or the path of a
    leakkit.toml; by default the one beside the files. `as_of` (a date, or a date with a time)
    beats the configured one. `store` is the path of a file to keep the result in; a store that
    is there is brought up to date, with the result of a full load.

    `allow` names further folders in which files may be that the configuration names.

    Raises LeakkitError, with all the faults of a file or a configuration at once.

    >>> data = load("sample")
    >>> data.meta("rows")[0]["read"]
    12000
    """
    return sources.load(*found(source, config), as_of=as_of, store=store, allow=allow)


def found(
    source: Any,  # noqa: ANN401 - as above
    config: Config | Mapping[str, Any] | str | Path | None,
) -> tuple[Any, Config | str | Path | None]:
    """Return the source and its configuration; those of the built-in one are made."""
    if isinstance(config, Mapping):
        config = Config.from_tables(config, "configuration")
    if not (isinstance(source, str) and source == SAMPLE):
        return source, config
    from leakkit import sample

    made = sample.make()
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return frames, config or Config.from_text(made.config)
