"""Load from Spark: some deals settle how all are read, the odd ones travel, the others stay."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from leakkit import limits, vocabulary
from leakkit.config import CROSS_CHECKS, Config
from leakkit.errors import Fault, LeakkitError
from leakkit.sources.given import MOST_VALUES
from leakkit.sources.headings.evidence import CHANGED, COPIED, SINCE
from leakkit.sources.headings.heading_words import loose
from leakkit.sources.headings.reading import Table
from leakkit.sources.shapes.end_columns import NAMES
from leakkit.sources.spark.plain_deals import PlainDeals
from leakkit.sources.spark.spark_columns import refuse_types, tick
from leakkit.sources.spark.tables import DEALS, MOVES, Travelling
from leakkit.sources.spark.whole import complete
from leakkit.store import doubtful_visits
from leakkit.store import straight_queries as straight
from leakkit.store.database import MEMORY
from leakkit.store.moments import parse_as_of
from leakkit.store.spark_engine import require_sqlglot
from leakkit.store.straight_queries import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leakkit.sources.filling import Watch
    from leakkit.sources.shapes.shaping import Found
    from leakkit.sources.spark.spark_columns import SparkColumns
    from leakkit.sources.spark.tables import Tables
    from leakkit.store.database import Store
    from leakkit.store.resolve import Rules
    from leakkit.store.settled_deals import LoadOptions

SAMPLE = 2_000
"""So many deals, about, settle how all are read, and are read on both sides."""


class Load(Protocol):
    """What loads a source on this machine."""

    def __call__(self, source: object, config: Config, *, watch: Watch | None) -> Store:
        """Return its store."""
        ...


@dataclass
class Travelled:
    """What is seen of the rows that travelled, while they are resolved."""

    moves_in_bursts: int = 0
    own: list[str] = field(default_factory=list)


def load_spark(  # noqa: PLR0913, PLR0917 - those of load
    load: Load,
    tables: Tables,
    config: Config,
    watch: Watch | None,
    options: LoadOptions,
    store: str = MEMORY,
) -> Store:
    """Load the tables of Spark; the store counts there what is plain."""
    try:
        require_sqlglot()
        refuse_store(store)
        refuse_configuration(config, proposing=options.some)
        plain = PlainDeals(tables, config, (), {})
        refuse_columns(plain.deals, plain.moves)
        return _load(load, plain, watch, options)
    except BaseException:
        tables.session.close()
        raise


def _load(load: Load, plain: PlainDeals, watch: Watch | None, options: LoadOptions) -> Store:
    """Load a few deals as they would be from files, and by what they settle all of them."""
    given, tables = plain.config, plain.tables
    key = plain.deals.key()
    deals = int(tables.session.rows(f"SELECT count(DISTINCT {key}) FROM {plain.deals.name}")[0][0])  # noqa: S608 - quoted
    every = deals // SAMPLE
    if every <= 1:
        # so few are read as any other source is
        whole = {cells.part: f"SELECT * FROM {cells.name}" for cells in (plain.deals, plain.moves)}  # noqa: S608 - names of ours
        store = load(Travelling(tables, whole), given, watch=watch)
        tables.session.close()
        return store
    few = load(Travelling(tables, plain.sampled(every)), given, watch=_look_away if watch else None)
    if options.some:
        tables.session.close()
        return few
    with few as settled:
        config = settled.config
        provisional = bool(settled.meta("provisional_order"))
    refuse_undeclared(config, provisional=provisional)
    refuse_currencies(plain, config, given)
    segments = _choose_segments(plain)
    known = replace(plain, config=config, segments=segments)
    return _split(load, known, watch, every, options.deal)


def _look_away(*_: object) -> None:
    """See nothing: what was found in some deals is found again in all."""


def _split(load: Load, plain: PlainDeals, watch: Watch | None, every: int, deal: str) -> Store:
    """Find the plain deals in Spark, load all others here, and put both together.

    One `deal` travels, whatever it is, for its rows to be told of.
    """
    session = plain.tables.session
    cut, default = _cut(plain.config), _default(plain.config)
    whence = plain.tell()
    plain.go_straight(cut, default, whence=whence)
    plain.choose_travellers(every, deal)
    deals, moves = plain.ask("SELECT count(*), COALESCE(sum(moves), 0) FROM straight_there")[0]
    all_moves = session.rows(f"SELECT count(*) FROM {plain.moves.name}")[0][0]  # noqa: S608 - a name of ours
    all_deals = session.rows(f"SELECT count(*) FROM {plain.deals.name}")[0][0]  # noqa: S608 - as above
    odd = plain.ask(straight.ODD)
    refuse_many(odd, int(all_moves) - int(moves), int(all_deals), int(deals))
    seen = Travelled()

    def look(store: Store, found: Found, rules: Rules) -> None:
        _count_bursts(plain, store, rules, seen)
        plain.put("ids_here", store.engine.arrow("SELECT opportunity_id FROM ids"))
        seen.own[:] = rules.segments
        if watch:
            watch(store, found, rules)

    store = load(Travelling(plain.tables, plain.travelling()), _for_odd(plain), watch=look)
    try:
        complete(plain, store, seen.own, seen.moves_in_bursts, odd)
    except BaseException:
        store.close()
        raise
    return store


def _cut(config: Config) -> int:
    """Return the last moment that is used."""
    return parse_as_of(str(config.as_of), config.timezone)[0]


def _default(config: Config) -> int | None:
    """Return the pipeline of what names none: the only one."""
    return 0 if len(config.pipelines) == 1 else None


def _for_odd(plain: PlainDeals) -> Config:
    """Return the configuration by which the odd deals are read: nothing is left to be found."""
    config = plain.config
    source = config.source.model_copy(update={"accept": tuple(CROSS_CHECKS)})
    roles = config.roles.model_copy(update={"segments": plain.segments})
    return config.model_copy(update={"source": source, "roles": roles})


def _choose_segments(plain: PlainDeals) -> tuple[str, ...]:
    """Return the headings to keep: those configured, else texts with 2 to 200 values."""
    roles, cells = plain.config.roles, plain.deals
    if roles.segments is None:
        taken = {heading for name, heading in cells.headings.items() if name != "owner"}
        texts = [h for h, kind in cells.types.items() if kind == "string" and h not in taken]
        return tuple(h for h in texts if 2 <= _different(plain, h) <= MOST_VALUES)  # noqa: PLR2004 - the rule of the contract
    parts = (roles.product, roles.price, roles.discount, roles.competitor, roles.last_activity)
    wanted = dict.fromkeys((*roles.segments, *parts, *roles.known_at_entry))
    by_name = {name: _heading(plain, name) for name in wanted if name}
    odd = [h for h in by_name.values() if h and not _is_text(cells.types[h])]
    if odd:
        message = (
            f"[roles] names {odd[0]!r}, a column of {cells.types[odd[0]]}. On Spark, write in a "
            f"SELECT: CAST({tick(odd[0])} AS STRING) AS {tick(odd[0])}"
        )
        raise LeakkitError("column_types", message)
    return tuple(dict.fromkeys(heading for heading in by_name.values() if heading))


def _is_text(kind: str) -> bool:
    """Say whether a column is the same text for every reader."""
    return kind in {"string", "tinyint", "smallint", "int", "bigint"}


def _heading(plain: PlainDeals, name: str) -> str | None:
    """Return the heading of a column of the deals by our name or its own."""
    cells = plain.deals
    table = Table(
        DEALS, "", "", dict(cells.types), plain.config.source.columns, known=dict(cells.headings)
    )
    return table.heading(name)


def _different(plain: PlainDeals, heading: str) -> int:
    """Count the different texts of a column, of very many only one more than may be."""
    column = tick(heading)
    some = (
        f"SELECT DISTINCT {column} FROM {plain.deals.name} WHERE {column} <> '' "  # noqa: S608 - quoted
        f"LIMIT {MOST_VALUES + 1}"
    )
    return int(plain.tables.session.rows(f"SELECT count(*) FROM ({some})")[0][0])  # noqa: S608 - as above


def _count_bursts(plain: PlainDeals, store: Store, rules: Rules, seen: Travelled) -> None:
    """Find the minutes with a burst over all rows, and let those of the odd rows be the same."""
    if not rules.timed:
        return
    import numpy as np  # noqa: PLC0415 - a refusal needs none

    known = f"{doubtful_visits.DECLARED} AND entered_at <= {rules.cut}"
    minutes = f"SELECT entered_at // 60 AS minute FROM given_history{known}"  # noqa: S608 - of the store
    here = f"SELECT minute, count(*) AS n FROM ({minutes}) GROUP BY minute"  # noqa: S608 - as above
    plain.put("odd_minutes", store.engine.arrow(here))
    busy = plain.ask(straight.BUSY, straight="straight_there")
    found: list[tuple[int, int]] = []
    if busy:
        counts = np.repeat([int(n) for n, _ in busy], [int(minutes) for _, minutes in busy])
        least = max(doubtful_visits.BURST, math.ceil(10 * float(np.median(counts))))
        if int(busy[-1][0]) >= least:
            rows = plain.ask(straight.BURSTS, {"least": least}, straight="straight_there")
            found = [(int(minute), int(n)) for minute, n in rows]
    store.run("DELETE FROM burst_minutes")
    store.run(
        "INSERT INTO burst_minutes SELECT unnest(CAST($minutes AS BIGINT[]))",
        {"minutes": [minute for minute, _ in found]},
    )
    plain.put("burst_minutes", store.engine.arrow("SELECT minute FROM burst_minutes"))
    seen.moves_in_bursts = sum(n for _, n in found)


# ---------------------------------------------------------------- what is refused

NEEDED = {DEALS: ("opportunity_id",), MOVES: ("opportunity_id", "stage", "entered_at")}
ROLES = {
    DEALS: frozenset(
        {"opportunity_id", "pipeline", "name", "created_at", "closed_at", "outcome", "stage"}
        | {"value", "currency", "lost_reason", "owner"}
    ),
    MOVES: frozenset(
        {"opportunity_id", "pipeline", "stage", "from_stage", "entered_at", "seq", "owner", "name"}
    ),
}
"""The columns of ours that a table may have; another one would be acted upon elsewhere."""
CHANGING = ("leave_out", "joins", "headings", "files", "stage_dates", "each_row_is_a_deal")
"""What of `[source]` changes rows before they are read."""


def refuse_configuration(config: Config, *, proposing: bool = False) -> None:
    """Raise for what Spark cannot be asked for, and for what it needs to be told."""
    if not config.as_of and not proposing:
        message = (
            "On Spark leakkit does not look for the last day of all tables. Say it: "
            'as_of = "2026-06-30", or --as-of 2026-06-30.'
        )
        raise LeakkitError("no_as_of", message)
    default = Config().source
    said = [name for name in CHANGING if getattr(config.source, name) != getattr(default, name)]
    said += ["reason_means_loss"] if config.source.reason_means_loss else []
    said += ["value_times"] if config.source.value_times else []
    if said:
        message = (
            f"[source] {said[0]} is not for tables of Spark. Say it in a SELECT in "
            "[source.tables], or in the frames that are given, and take the line out."
        )
        raise LeakkitError("not_on_spark", message)


def refuse_store(store: str) -> None:
    """Raise where the deals should be kept in a file of this machine."""
    if store != MEMORY:
        message = (
            "The deals of Spark stay there, so no file can hold them, with their names or with "
            "pseudonyms, and pages need an address: sc://host:15002. Without one, or for a store "
            "or a key, take the tables to this machine first: frame.toArrow()."
        )
        raise LeakkitError("deals_in_spark", message)


def refuse_undeclared(config: Config, *, provisional: bool) -> None:
    """Raise where the stages were proposed from some deals only."""
    if not provisional:
        return
    lines = "\n".join(
        f"[[pipelines]]\nname = {_toml(one.name)}\n"
        f"stages = [{', '.join(f'{{ name = {_toml(stage.name)} }}' for stage in one.stages)}]"
        for one in config.pipelines
    )
    message = (
        "On Spark the stages of each pipeline have to be declared: those of some deals only were "
        f"looked at. Write into leakkit.toml, in their order:\n{lines}"
    )
    raise LeakkitError("no_pipelines", message)


def _toml(text: str) -> str:
    """Return a text as TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def refuse_columns(deals: SparkColumns, moves: SparkColumns) -> None:
    """Raise for columns that are missing, that act on rows, or whose types are not read surely."""
    faults = [fault for one in (deals, moves) for fault in _column_faults(one)]
    if faults:
        message = "leakkit cannot read these tables of Spark as they are:"
        raise LeakkitError("missing_columns", message, tuple(faults))
    refuse_types(deals, moves)


def _column_faults(cells: SparkColumns) -> Iterable[Fault]:
    """Yield what is wrong with the columns of one table."""
    for name in NEEDED[cells.part]:
        if name not in cells.headings:
            there = ", ".join(list(cells.types)[:20])
            hint = f"say in [source] which it is: {name} = '...'; the table has: {there}"
            yield Fault(cells.part, None, name, "", "this column is missing", hint)
    ours = set(cells.headings.values())
    acting = [h for h in cells.types if loose(h) in _acting() and h not in ours]
    acting += [h for name, h in cells.headings.items() if name not in ROLES[cells.part]]
    for heading in dict.fromkeys(acting):
        rule = "this column would change which rows count, or how deals ended"
        hint = "let a SELECT do what it says, and leave the column out"
        yield Fault(cells.part, None, heading, "", rule, hint)


def _acting() -> frozenset[str]:
    """Return the headings, as they are compared, upon which the reader of files acts."""
    words = [
        word
        for table in ("left_out", "ended_at")
        for key in vocabulary.keys(table)
        if not key.startswith("outcome_")
        for word in vocabulary.words(table, key)
    ]
    flags = [heading for headings in NAMES.values() for heading in headings]
    return frozenset(map(loose, [*words, *flags, *SINCE, *COPIED, *CHANGED]))


def refuse_currencies(plain: PlainDeals, config: Config, given: Config) -> None:
    """Raise where the currency was taken from some deals, and others name another one."""
    if "currency" in given.model_fields_set or "currency" not in plain.deals.headings:
        return
    text = plain.deals.text("currency")
    rows = plain.tables.session.rows(
        f"SELECT {text} AS said, count(*) AS n FROM {plain.deals.name} "  # noqa: S608 - quoted
        f"WHERE {plain.deals.is_there('value')} GROUP BY {text} ORDER BY n DESC, said LIMIT 5"
    )
    if {str(said) for said, _ in rows} <= {config.currency}:
        return
    there = ", ".join(f"{said or 'none'} ({n:,})" for said, n in rows)
    message = (
        f"The deals name several currencies, or none: {there}. Say the one of the pages: "
        f'currency = "{rows[0][0] or "EUR"}", and in [rates] what the others are worth.'
    )
    raise LeakkitError("no_currency", message)


def refuse_many(odd: Sequence[tuple[int, int]], rows: int, deals: int, plain: int) -> None:
    """Raise where too many rows would have to travel, with what is odd and by how much."""
    if rows <= limits.TRAVELLING_ROWS:
        return
    why = "; ".join(f"{REASONS[int(code)]}: {n:,} deals" for code, n in odd[:5])
    message = (
        f"Of {deals:,} deals only {plain:,} are plain, and the {rows:,} rows of the others are "
        f"more than the {limits.TRAVELLING_ROWS:,} that leakkit takes to this machine. {why}. "
        "Mend it in a SELECT, or in leakkit.toml (docs/sources/spark.md)."
    )
    raise LeakkitError("too_odd", message)


__all__ = [
    "load_spark",
    "refuse_columns",
    "refuse_configuration",
    "refuse_currencies",
    "refuse_many",
    "refuse_store",
    "refuse_undeclared",
]
