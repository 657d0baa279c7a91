"""Load: find the files, read them, resolve every deal, and keep what became of every row."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit.scratch import scratch
from leakkit.sources.configuration import (
    choose_configuration,
    find_dictionary,
    folders_of,
    keep_dictionary,
    keep_logo,
    read_logo,
    read_rules,
    within_days,
)
from leakkit.sources.databases.addresses import Address, address_of
from leakkit.sources.databases.database_tables import in_database, refuse_tables
from leakkit.sources.filling import fill
from leakkit.sources.headings.reading import Reading
from leakkit.sources.headings.source_files import find_files, in_folder
from leakkit.sources.shapes.further_tables import join_columns
from leakkit.sources.shapes.shaping import days_of, shape_files
from leakkit.sources.spark.spark_loading import load_spark
from leakkit.sources.spark.tables import Travelling, tables_of
from leakkit.sources.stores import (
    PARTIAL,
    explain_error,
    find_earlier,
    is_store,
    make_store,
    open_store,
    replace_store,
)
from leakkit.store import schema
from leakkit.store.database import MEMORY, Store
from leakkit.store.settled_deals import LoadOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.config import Config
    from leakkit.sources.filling import Watch


def load(  # noqa: PLR0913 - every choice of a load has a name
    source: Any,  # noqa: ANN401 - a path, a database, or frames of pandas, polars or pyarrow
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
    store: str = MEMORY,
    watch: Watch | None = None,
    options: LoadOptions = LoadOptions(settle=True),  # noqa: B008 - frozen
    allow: Sequence[str | Path] = (),
) -> Store:
    """Read a source into a store: a folder, a file, a database, a store, or frames.

    `config` defaults to the leakkit.toml beside the files, or of the present folder where the
    source is a database on a server; `as_of` beats the configured one. `store` names a file
    to keep the result in; one that is there is brought up to date, for which only the deals
    that are new or changed are resolved. `watch` is called once the rows are resolved, while
    it can still be read what became of each. `options` says how a file is kept. A file that
    the configuration names must be in its folder, in that of the source, or in one of those
    that `allow` names. Raises LeakkitError with all the faults of a file or a configuration
    at once.
    """
    source = address_of(source)
    if is_store(source):
        return open_store(Path(source), as_of)
    config = choose_configuration(source, config)
    if store != MEMORY and not store.endswith(PARTIAL):
        return _into_file(source, config, as_of, Path(store), watch, options, allow)
    rules = read_rules(config, as_of)
    if tables := tables_of(source, rules):
        near = (*allow, *folders_of(source, config))
        here = partial(load, allow=near, options=options)
        return load_spark(here, tables, tables.named_in(rules), watch, options, store)
    places = (folders_of(source, config), tuple(map(Path, allow)))
    reasons = find_dictionary(rules, *places)
    logo = read_logo(rules.brand.logo, *places)
    database = make_store(store, source)
    try:
        database.run(schema.TABLES)
        with scratch() as folder:
            reading = Reading(database, rules, folder, places=places)
            kept = options if store != MEMORY else replace(options, earlier=None, settle=False)
            _read(reading, source, watch, reasons, kept)
            keep_logo(database, logo)
    except BaseException as error:
        database.close()
        if store != MEMORY:
            Path(store).unlink(missing_ok=True)
        if explained := explain_error(error, source):
            raise explained from None
        raise
    return database


def _into_file(  # noqa: PLR0913, PLR0917 - those of load
    source: object,
    config: Config | str | Path | None,
    as_of: str,
    file: Path,
    watch: Watch | None,
    options: LoadOptions,
    allow: Sequence[str | Path],
) -> Store:
    """Load into a new file beside the one that is to be kept, which then takes its place.

    So a run that is ended, or two at once, leave no half store behind.
    """
    with replace_store(file) as (kept, partial):
        known = replace(options, earlier=find_earlier(kept)) if kept.exists() else options
        load(
            source, config, as_of=as_of, store=str(partial), watch=watch, options=known, allow=allow
        ).close()
    return Store.change(file)


def _read(
    reading: Reading,
    source: object,
    watch: Watch | None,
    reasons: Path | None,
    options: LoadOptions,
) -> None:
    """Find the files, take what is joined, bring them into shape, and fill the store."""
    if isinstance(source, Address):
        files = in_database(reading, source)
    elif isinstance(source, Travelling):
        files = in_folder(reading, source.folder())
    else:
        refuse_tables(reading.config)
        files = find_files(reading, source)
    files = join_columns(reading, files, source)
    found = shape_files(reading, files)
    if reasons is not None:
        found = keep_dictionary(reading.store, found, reasons)
    fill(within_days(reading, *days_of(files)), found, watch, options)
