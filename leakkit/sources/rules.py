"""What is to be resolved, and by which rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.config import Config, fold_name, refuse_unknown_notes
from leakkit.sources.cells.money import count_toman, with_toman
from leakkit.sources.formats.rows import distinct
from leakkit.sources.given import (
    choose_segments,
    give_moments,
    let_stand,
    read_rows,
    read_standing,
    require_columns,
    stored_name,
)
from leakkit.sources.last_day import (
    find_direction,
    find_last_day,
    find_zone,
    read_clocks,
)
from leakkit.sources.propose.proposal import propose
from leakkit.sources.shapes import told_twice
from leakkit.sources.shapes.deal_ids import match_long_ids
from leakkit.sources.shapes.left_out import without_histories
from leakkit.sources.shapes.shaping import SNAPSHOT, Found
from leakkit.store import account
from leakkit.store.resolve import Rules, write_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.sources.headings.reading import Reading
    from leakkit.store.database import Store

CODE = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Given:
    """What is to be resolved, and how: the rules, and what the rows said of themselves."""

    rules: Rules
    last_day: int
    provisional: bool

    @property
    def config(self) -> Config:
        """The configuration, proposed parts included."""
        return self.rules.config


def give_rows(reading: Reading, found: Found) -> Given:
    """Make the two relations that resolving reads, and the rules by which it does."""
    store, config = reading.store, reading.config
    require_columns(store, found)
    segments = choose_segments(store, found, config)
    read_rows(store, found, segments, config.source.unnamed_stage)
    without_histories(reading, found.history.file)
    if found.opportunities:
        match_long_ids(reading)
    clocks = read_clocks(store)
    hours = find_zone(clocks, config)
    give_moments(store, found, hours)
    newest_first = find_direction(store, found.history)
    snapshot = found.shape == SNAPSHOT
    if not snapshot and told_twice.part_hours(
        reading, hours, clocks.moves, newest_first=newest_first
    ):
        newest_first = find_direction(store, found.history)
    if snapshot:
        read_standing(store, found.standing, hours)
    if not clocks.are_read:
        account.refuse_unreadable(store, found.history.file, snapshot=snapshot)
    config = with_toman(_with_currency(store, config))
    count_toman(reading, config)
    provisional = not config.pipelines
    if provisional:
        config = config.model_copy(
            update={
                "pipelines": propose(store, found.label, config, _names(found), snapshot=snapshot)
            }
        )
        refuse_unknown_notes(config)
    cut, last_day = find_last_day(reading, found, config, hours, timed=clocks.timed)
    if snapshot:
        let_stand(store, config, cut)
    _write_names(store, config)
    rules = Rules(
        config=config,
        zone=hours,
        cut=cut,
        newest_first=newest_first,
        segments=tuple(distinct(list(map(stored_name, segments)))),
        default_pipeline=_default_pipeline(config, found.label if provisional else ""),
        one_file=found.opportunities is None,
        timed=clocks.timed,
        close_days=clocks.close_days,
    )
    return Given(rules, last_day, provisional)


def _names(found: Found) -> Mapping[str, str]:
    """Return what the columns of pipelines and stages are called in the file."""
    tables = [table for table in (found.opportunities, found.history) if table]
    return {
        name: heading
        for table in tables
        for name in ("pipeline", "stage")
        if (heading := table.heading(name))
    }


def _with_currency(store: Store, config: Config) -> Config:
    """Take the one currency that every value names, where the configuration names none."""
    if "currency" in config.model_fields_set:
        return config
    named = store.rows(
        "SELECT DISTINCT currency FROM given_opportunities WHERE value IS NOT NULL ORDER BY 1"
    )
    if len(named) != 1 or not CODE.fullmatch(str(named[0][0])):
        return config
    return config.model_copy(update={"currency": str(named[0][0])})


def _default_pipeline(config: Config, label: str) -> int | None:
    """Step 3: return the pipeline of what names none: the only one, or that of the source."""
    names = [fold_name(pipeline.name) for pipeline in config.pipelines]
    if len(names) == 1:
        return 0
    return names.index(fold_name(label)) if fold_name(label) in names else None


def _write_names(store: Store, config: Config) -> None:
    """Write the pipelines and stages of the configuration."""
    pipelines = [(i, p.name, p.unit_per_day) for i, p in enumerate(config.pipelines)]
    stages = [
        (i, position, stage.name, stage.kind)
        for i, pipeline in enumerate(config.pipelines)
        for position, stage in enumerate(pipeline.stages)
    ]
    for table, kinds, rows in (
        ("pipelines", ("SMALLINT", "VARCHAR", "SMALLINT"), pipelines),
        ("stages", ("SMALLINT", "SMALLINT", "VARCHAR", "VARCHAR"), stages),
    ):
        named = {f"column_{i}": kind for i, kind in enumerate(kinds)}
        sql, facts = write_rows(named, rows)
        store.run(f"INSERT INTO {table} {sql}", facts)
