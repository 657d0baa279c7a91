"""`leakkit.load`: any source, and the word "sample" for the built-in one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit import sources
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.databases.addresses import Address
from leakkit.store import Store

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

SAMPLE = "sample"


def load(
    source: object = SAMPLE,
    config: Config | Mapping[str, Any] | str | Path | None = None,
    *,
    as_of: str | dt.date = "",
    store: str | Path = ":memory:",
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
    return sources.load(
        *find_source(source, config), as_of=str(as_of), store=str(store), allow=allow
    )


def find_source(
    source: object,
    config: Config | Mapping[str, Any] | str | Path | None,
) -> tuple[Any, Config | str | Path | None]:
    """Return the source and its configuration; those of the built-in one are made."""
    _refuse_other(source, config)
    if isinstance(config, Mapping):
        config = Config.from_tables(config, "configuration")
    if isinstance(source, Mapping):
        return dict(source), config
    if not (isinstance(source, str) and source == SAMPLE):
        return source, config
    from leakkit import sample

    made = sample.make()
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    return frames, config or Config.from_text(made.config)


def _refuse_other(source: object, config: object) -> None:
    """Raise where what is given is no source, or no configuration, with what to write."""
    if isinstance(source, Store):
        message = (
            "This source is loaded already. Write: leakkit.analyze(data), and give "
            "leakkit.report.run what load was given."
        )
        raise LeakkitError("loaded_already", message)
    if not (isinstance(source, (str, Path, Mapping, Address)) or hasattr(source, "columns")):
        message = (
            f"load reads a file, a folder, a database or frames, not {_kind(source)}. "
            'Write: leakkit.load("my-folder"), or '
            'leakkit.load({"opportunities": frame, "stage_history": frame})'
        )
        raise LeakkitError("no_source", message)
    if config is not None and not isinstance(config, (Config, Mapping, str, Path)):
        message = (
            f"A configuration is a path, a mapping or a Config, not {_kind(config)}. "
            'Write: leakkit.load("my-folder", {"currency": "EUR"})'
        )
        raise LeakkitError("no_configuration", message)


def _kind(given: object) -> str:
    """Say of what kind a value is."""
    return "None" if given is None else f"a {type(given).__name__}"
