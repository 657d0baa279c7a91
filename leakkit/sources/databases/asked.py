"""Which columns and tables of a database are asked for; nothing else travels."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from leakkit import vocabulary
from leakkit.config import COLUMNS
from leakkit.sources.formats.event_logs import HEADINGS
from leakkit.sources.headings.evidence import CHANGED, COPIED, SINCE
from leakkit.sources.headings.exports import (
    DATED_STAGE,
    DATED_STEP,
    DEALS,
    TIME_IN_STAGE,
    exports_of,
    known_exports,
)
from leakkit.sources.headings.heading_words import loose
from leakkit.sources.headings.reading import Table
from leakkit.sources.headings.source_files import has_stage_dates
from leakkit.sources.headings.table_parts import part_of
from leakkit.sources.shapes.deal_ids import may_be_deals
from leakkit.sources.shapes.end_columns import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from leakkit.config import Config
    from leakkit.sources.headings.reading import Reading

SHAPES = (*DATED_STAGE, *DATED_STEP, *(shape for shapes in TIME_IN_STAGE for shape in shapes))
WORDS = ("headings", "moments", "left_out", "ended_at", "ids")
"""The tables of the vocabulary whose words are headings."""


def is_asked_for(config: Config) -> Callable[[str], bool]:
    """Return what says of a heading whether its column is asked for.

    Any column may be one of the segments, unless the configuration says which these are.
    Then only those travel that it names, or that are recognised by their headings.
    """
    if config.roles.segments is None:
        return lambda _: True
    said = config.model_dump(include={"source", "roles", "interventions", "makers"})
    known = _list_headings() | {loose(text) for text in _texts(said)}
    return lambda heading: loose(heading) in known or any(shape.match(heading) for shape in SHAPES)


@cache
def _list_headings() -> frozenset[str]:
    """Return every heading by which something is recognised, as headings are compared."""
    said = [COLUMNS, SINCE, COPIED, CHANGED, HEADINGS, NAMES, "at", "kind"]
    exports = [export.model_dump(exclude={"name", "table"}) for export in known_exports()]
    words = [vocabulary.words(table, key) for table in WORDS for key in vocabulary.keys(table)]
    return frozenset(map(loose, _texts([said, exports, words])))


def _texts(said: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a configuration may hold
    """Yield every text in lists and tables, keys as well."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, dict):
        yield from _texts([*said.keys(), *said.values()])
    elif isinstance(said, list | tuple):
        for one in said:
            yield from _texts(one)


def may_play_a_part(reading: Reading, headings: Sequence[str]) -> bool:
    """Say by its headings whether a table may be one of the source, and is to be fetched."""
    config = reading.config
    exports = exports_of(config)
    part = part_of(headings, config.source.columns, exports)
    forms = set(map(loose, headings))
    if any(one.lookup and set(map(loose, one.lookup.signs)) <= forms for one in exports):
        return True
    table = Table("", "", "", dict.fromkeys(headings, "VARCHAR"), config.source.columns)
    known = Table("", "", "", table.types, table.renamed, known=dict(part.known))
    if part.table not in {DEALS, ""}:
        return True
    telling = any(known.heading(name) for name in ("stage", "outcome")) or _ends(forms)
    if part.table == DEALS:
        return telling or has_stage_dates(reading, known)
    return may_be_deals(known, asked=config.source.each_row_is_a_deal)


def _ends(forms: set[str]) -> bool:
    """Say whether there is a date of the win, and one of the loss."""
    return all(
        forms & set(map(loose, vocabulary.words("ended_at", kind))) for kind in ("won", "lost")
    )
