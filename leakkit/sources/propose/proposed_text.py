"""The text of a proposed leakkit.toml: what was said, what was found, and what is asked."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from leakkit.config import COLUMNS, FILL_IN, OUTCOMES, Config, find_unfilled, fold_name
from leakkit.errors import Ask, LeakkitError, visible
from leakkit.sources import toml
from leakkit.sources.headings.reading import Recognised
from leakkit.sources.shapes.shaping import SNAPSHOT
from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.config import Join, Pipeline
    from leakkit.store.database import Store

OFFER = re.compile(r"offer|quot|proposal|proforma|pro forma|angebot|پیش ?فاکتور|پیشنهاد")
"""Names of stages in which an offer is made."""
BY_WAY = "in the order that most deals took"
ORDERED_BY = {SNAPSHOT: "one day shows no order; by the age of the deals"}
"""What the proposed order of stages rests on, by the shape of the source."""
OWN_LINES = ("as_of", "timezone", "currency", "source", "pipelines")
"""Keys that have their own place in the text."""
IN_SOURCE = ("outcomes", "joins", "columns", "accept", "read")
SHOWN_LETTERS, SHOWN_OPTIONS = 80, 120
STEPS = "source.stage_dates"


def configuration_text(
    store: Store,
    joins: Sequence[Join] = (),
    declared: Mapping[str, Any] | None = None,
    asks: Sequence[Ask] = (),
    *,
    guessed: bool = False,
) -> str:
    """Write the leakkit.toml of a source as it was found, each line for a person to confirm.

    The text is valid TOML, and loaded with it the source gives the same deals and stages.
    Words that close a deal are those that occur; columns are written where they were
    recognised by other names than ours; the currency is the one that most values name.
    `joins` (trials.py) stand in comments: whether their columns are wanted, a file does not
    say. `declared` is what a file said before, and is kept. `asks` are the lines that only a
    person can fill in; what rests on an answer that was `guessed` stands in comments.
    """
    config = store.config
    said = _list_declared(config) if declared is None else declared
    last = dt.date(1970, 1, 1) + dt.timedelta(days=int(store.meta("last_day")))
    found = [Recognised(**one) for one in store.meta("recognised")]
    closes = store.meta("closing_rows")
    order = ORDERED_BY.get(store.meta("shape"), BY_WAY)
    pipelines = [line for one in config.pipelines for line in _pipeline_lines(one, closes, order)]
    lines = [
        *_top_lines(said, asks, config.timezone, _currency(store), last.isoformat()),
        *without_rate(store),
        "",
        *_source_lines(said.get("source", {}), asks, found),
        *_outcome_lines(config, store.meta("outcome_words"), asks, ends_of(store)),
        *_step_lines(asks),
        *_rest_of_source(said.get("source", {}), config),
        *(line for join in joins for line in _join_lines(join)),
        *_other_tables(said),
        *_pipelines(said, pipelines, guessed=guessed),
    ]
    return _put_tasks_first(lines)


def unread_text(stopped: LeakkitError, declared: Mapping[str, Any], asks: Sequence[Ask]) -> str:
    """Write what can be said of a source that cannot be read yet."""
    config = Config.from_tables(dict(declared))
    lines = [
        *_top_lines(declared, asks, config.timezone, config.currency, ""),
        "",
        *_source_lines(declared.get("source", {}), asks, ()),
        *_outcome_lines(config, {}, asks, ()),
        *_step_lines(asks),
        *_rest_of_source(declared.get("source", {}), config),
        *_other_tables(declared),
        *_pipelines(declared, (), guessed=False),
    ]
    after = "Once they are filled in, reading stops at this:" if asks else ""
    why = after or "This source cannot be read yet, and no line of this file changes that:"
    said = [f"#   {visible(line)}" for line in str(stopped).splitlines()]
    return _put_tasks_first(lines, [f"# {why}", *said] if not _is_settled(stopped) else [])


def _is_settled(stopped: LeakkitError) -> bool:
    """Say whether lines of leakkit.toml settle what stopped the reading."""
    return bool(stopped.asks)


def _put_tasks_first(lines: Sequence[str], more: Sequence[str] = ()) -> str:
    """Put what a person has to do first above the lines, with their numbers."""
    head = ["# leakkit.toml, as found. Every line is a proposal: confirm it or change it."]
    body = [*more, "# All keys are explained in docs/contracts.md.", "", *lines]
    text = "\n".join([*head, *body]).rstrip() + "\n"
    open_lines = [number + 1 for number, _, _ in find_unfilled(text)]
    if not open_lines:
        return text
    numbers = ", ".join(map(str, open_lines))
    first = (
        f"# First fill in the lines that wait for you, or take them out: {numbers}. "
        "Until then loading stops, and names them."
    )
    return "\n".join([head[0], first, *body]).rstrip() + "\n"


def _list_declared(config: Config) -> dict[str, Any]:
    """Return what a configuration says of the source beyond what is found."""
    given = config.source.model_dump(mode="json", exclude_defaults=True)
    plain = {key: value for key, value in given.items() if isinstance(value, str | bool)}
    return {"source": {**plain, "columns": dict(config.source.columns)}}


def _top_lines(
    said: Mapping[str, object], asks: Sequence[Ask], zone: str, currency: str, last: str
) -> list[str]:
    """Write the keys above all tables."""
    asked = {ask.key: _asked_lines(ask) for ask in asks if not ask.table}
    day = f'# as_of = "{last}"   # the last day of the data; without it, the latest one'
    lines = asked.get("as_of") or (
        [f"as_of = {toml.value(said['as_of'])}"] if "as_of" in said else [day] if last else []
    )
    lines.append(f"timezone = {toml.quote_toml(zone)}   # the zone of times without an offset")
    money = toml.quote_toml(str(said.get("currency", currency)))
    own = f"currency = {money}   # of values without a currency of their own"
    lines += asked.get("currency") or [own]
    return lines + [
        f"{toml.key(key)} = {toml.value(value)}"
        for key, value in said.items()
        if key not in OWN_LINES and (key == "rates" or not isinstance(value, dict | list))
    ]


def _asked_lines(ask: Ask) -> list[str]:
    """Write a line that waits for a person, or one way of several as a comment."""
    key = toml.key(ask.key)
    if not ask.needed:
        why = f"   # {_comment(ask.why)}" if ask.why else ""
        return [f"# {key} = {toml.quote_toml(option)}{why}" for option in ask.options]
    options = " or ".join(map(toml.quote_toml, ask.options))
    asked = ": ".join(part for part in (ask.why, options) if part)
    return [f"{key} = {toml.quote_toml(FILL_IN)}   # {_comment(asked, SHOWN_OPTIONS)}"]


def _list_lines(key: str, kept: Sequence[str], asks: Sequence[Ask]) -> list[str]:
    """Write a list of texts, of which some wait for a person."""
    if not asks:
        return [f"{key} = {toml.value(list(kept))}"] if kept else []
    lines = [f"  {toml.quote_toml(one)}," for one in dict.fromkeys((*kept, *asks[0].others))]
    for ask in asks:
        options = " or ".join(map(toml.quote_toml, ask.options))
        if ask.needed:
            value, said = f"  {toml.quote_toml(FILL_IN)},", f"{options}: {ask.why}"
        else:
            value, said = f"  # {toml.quote_toml(ask.options[0])},", ask.why
        lines.append(f"{value}   # {_comment(said, 2 * SHOWN_OPTIONS)}")
    return [f"{key} = [", *lines, "]"]


def _currency(store: Store) -> str:
    """Return the currency that most values name, else the default."""
    rows = store.rows(
        "SELECT currency FROM opportunities WHERE regexp_full_match(currency, '[A-Z]{3}') "
        "GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 1"
    )
    return str(rows[0][0]) if rows else store.config.currency


def _source_lines(
    said: Mapping[str, Any], asks: Sequence[Ask], found: Sequence[Recognised]
) -> list[str]:
    """Write how the files are read: as was said, as asked, and where not by our own names."""
    makers = [f"# the export of a maker: {_comment(x.as_what)}" for x in found if x.what == "maker"]
    near = [
        f"# the same key? {_comment(one.why)} and {_comment(one.as_what)}"
        for one in found
        if one.what.startswith("near_key:")
    ]
    mine = [ask for ask in asks if ask.table == "source"]
    single = {ask.key: ask for ask in mine if ask.key not in IN_SOURCE}
    flat = {**_settings(said), **said.get("columns", {})}
    # what nobody has settled is asked, whatever was said
    flat = {key: value for key, value in flat.items() if not _is_asked(single.get(key))}
    lines = [f"{toml.key(key)} = {toml.value(value)}" for key, value in flat.items()]
    for key in ("read", "accept"):
        lines += _list_lines(key, said.get(key, ()), [ask for ask in mine if ask.key == key])
    lines += [line for ask in single.values() for line in _asked_lines(ask)]
    keys: dict[str, dict[str, str]] = {}
    for one in found:
        key, value, note = _key_of(one)
        if key:
            keys.setdefault(key, {}).setdefault(value, note or one.where)
    lines += [
        line
        for key, choices in keys.items()
        if key not in flat and not _is_asked(single.get(key))
        for line in _key_lines(key, choices)
    ]
    unique = [*reversed(list(dict.fromkeys(makers))), *lines, *dict.fromkeys(near)]
    return ["[source]", *unique, ""] if unique else []


def _step_lines(asks: Sequence[Ask]) -> list[str]:
    """Write the dates that may be those of steps, as comments."""
    steps = [ask for ask in asks if ask.table == STEPS]
    if not steps:
        return []
    return [
        "# In place of the stage and of entered_at, where each of these is the date of a step:",
        f"# [{STEPS}]",
        *(line.partition("   #")[0] for ask in steps for line in _asked_lines(ask)),
        "",
    ]


def _is_asked(ask: Ask | None) -> bool:
    """Say whether a line waits for a person."""
    return ask is not None and ask.needed


def _settings(said: Mapping[str, object]) -> dict[str, Any]:
    """Return the keys of [source] that are no tables and no lists of their own."""
    return {
        key: value
        for key, value in said.items()
        if key not in IN_SOURCE and not isinstance(value, dict)
    }


def _key_of(one: Recognised) -> tuple[str, str, str]:
    """Return the key of [source] that says what was recognised, its value, and why."""
    if one.what == "column":
        return one.as_what, one.why, ""
    if one.what == "date_order":
        return "date_order", one.as_what, one.why
    if one.what.startswith("decimal:"):
        return "decimal", one.as_what, one.why
    if one.what == "encoding" and one.as_what.startswith("windows"):
        return "encoding", one.as_what, "told by the letters"
    return "", "", ""


def _key_lines(key: str, said: Mapping[str, str]) -> list[str]:
    """Write a key; as comments where files differ, which are told apart without it as well.

    `said` is value -> why, of a column the file.
    """
    if len(said) > 1:
        return [
            f"# {key} = {toml.quote_toml(value)}   # {_comment(why)}" for value, why in said.items()
        ]
    return [
        f"{key} = {toml.quote_toml(value)}" + ("" if key in COLUMNS else f"   # {_comment(why)}")
        for value, why in said.items()
    ]


def _comment(text: str, letters: int = SHOWN_LETTERS) -> str:
    """Return a text that stays within its comment."""
    return visible(text).replace("\n", " ")[:letters]


def _outcome_lines(
    config: Config,
    found: Mapping[str, Sequence[str]],
    asks: Sequence[Ask],
    ends: Sequence[tuple[str, str]],
) -> list[str]:
    """Write the words of outcomes by what they mean, those to sort, and stages that may close."""
    own = config.source.outcomes.model_dump()
    to_sort = [ask for ask in asks if ask.table == "source.outcomes"]
    waiting = {fold_name(ask.key) for ask in to_sort if ask.needed}
    lines = []
    for kind in OUTCOMES:
        words = {fold_name(word): word for word in (*found.get(kind, ()), *own[kind])}
        kept = [word for form, word in words.items() if form not in waiting]
        lines += [f"{kind} = {toml.value(kept)}"] if kept else []
    lines += [line for ask in to_sort for line in _word_lines(ask)]
    asked = {fold_name(ask.key) for ask in to_sort}
    lines += [
        f'# {toml.quote_toml(stage)} = "won"   # or lost? {_comment(why)}'
        for stage, why in ends
        if fold_name(stage) not in asked
    ]
    return (
        ["[source.outcomes]   # the words of the column of outcomes", *lines, ""] if lines else []
    )


def _word_lines(ask: Ask) -> list[str]:
    """Write the line of one word: won, lost or open."""
    word = toml.quote_toml(ask.key)
    kinds = "won, lost or open"
    if ask.needed:
        return [f"{word} = {toml.quote_toml(FILL_IN)}   # {kinds}? {_comment(ask.why)}"]
    return [f'# {word} = "lost"   # if that is what it means: {kinds}; {_comment(ask.why)}']


def _rest_of_source(said: Mapping[str, object], config: Config) -> list[str]:
    """Write the tables within [source] as they were said."""
    tables = {k: v for k, v in said.items() if isinstance(v, dict) and k not in IN_SOURCE}
    lines = [line for k, v in tables.items() for line in toml.table(("source", k), v)]
    joins = config.source.joins
    return lines + [line.removeprefix("# ") for join in joins for line in _join_lines(join)]


def _other_tables(said: Mapping[str, object]) -> list[str]:
    """Write the tables that stand beside [source] as they were said."""
    rest = {k: v for k, v in said.items() if k not in OWN_LINES and k != "rates"}
    single = [line for k, v in rest.items() if isinstance(v, dict) for line in toml.table((k,), v)]
    lists = [line for k, v in rest.items() if isinstance(v, list) for line in toml.tables((k,), v)]
    return single + lists


def _join_lines(join: Join) -> list[str]:
    """Write one join as comments."""
    file, key = toml.quote_toml(join.file), toml.quote_toml(join.key)
    lines = [
        f"# [[source.joins]]   # a row per {key}: are its columns wanted?",
        f"# file = {file}",
        f"# key = {key}",
        f"# take = {_texts(join.take)}",
    ]
    if join.same:
        lines.append(f"# same = {_texts(join.same)}   # other spellings of a key: are they?")
    return [*lines, ""]


def _texts(texts: Mapping[str, str]) -> str:
    """Return texts by name as TOML."""
    each = ", ".join(
        f"{toml.quote_toml(name)} = {toml.quote_toml(text)}" for name, text in texts.items()
    )
    return f"{{ {each} }}"


def _pipelines(said: Mapping[str, Any], found: Sequence[str], *, guessed: bool) -> list[str]:
    """Write the pipelines that were declared, else those that were found."""
    if said.get("pipelines"):
        return toml.tables(("pipelines",), said["pipelines"])
    if not guessed:
        return list(found)
    why = "# Pipelines, if the likeliest answers are right. leakkit init --out with this file, once"
    return [
        why,
        "# the lines above are filled in, writes them as they are then.",
        *map(_off, found),
    ]


def _off(line: str) -> str:
    """Return a line as a comment."""
    return f"# {line}".rstrip()


def _pipeline_lines(
    pipeline: Pipeline, closes: Mapping[str, Sequence[str]], order: str
) -> list[str]:
    """Write one pipeline: its closing rows, and its stages in the order of the deals."""
    lines = ["[[pipelines]]", f"name = {toml.quote_toml(pipeline.name)}"]
    for kind in ("won", "lost"):
        if closes.get(kind):
            words = ", ".join(map(toml.quote_toml, closes[kind]))
            lines.append(f"{kind} = [{words}]   # rows with these words close a deal")
    lines.append(f"stages = [   # {order}: is this the order?")
    for stage in pipeline.stages:
        kind = ', kind = "offer"' if OFFER.search(fold_name(stage.name)) else ""
        note = "   # the offer: is it?" if kind else ""
        also = f", aliases = {toml.value(list(stage.aliases))}" if stage.aliases else ""
        lines.append(f"  {{ name = {toml.quote_toml(stage.name)}{also}{kind} }},{note}")
    return [*lines, "]", ""]


# ---------------- what a person may want to say

FEWEST = 3
"""Fewer deals in a stage show nothing."""

CURRENCIES = """
SELECT currency, count(*) AS n FROM opportunities
WHERE currency <> '' AND value IS NULL GROUP BY currency ORDER BY n DESC, currency LIMIT 20
"""
ENDS = f"""
SELECT s.name, count(DISTINCT p.opportunity) AS deals
FROM passages p JOIN stages s USING (pipeline, stage)
GROUP BY s.name
HAVING bool_and(p.exit = {schema.OPEN}) AND count(DISTINCT p.opportunity) >= {FEWEST}
ORDER BY deals DESC, s.name LIMIT 10
"""  # noqa: S608 - numbers
"""The stages that no deal has ever left."""


def without_rate(store: Store) -> list[str]:
    """Return a line to fill in with the rates of the currencies that have none."""
    config = store.config
    rows = store.rows(CURRENCIES)
    open_ones = {
        str(code): int(n)
        for code, n in rows
        if code != config.currency and code not in config.rates
    }
    if not open_ones:
        return []
    said = [f"{toml.key(code)} = {toml.value(rate)}" for code, rate in config.rates.items()]
    rates = ", ".join([*said, *(f"{code} = ..." for code in open_ones)])
    counted = ", ".join(f"{n:,} in {code}" for code, n in open_ones.items())
    line = (
        f"# rates = {{ {rates} }}   # into {config.currency}; without them values are missing: "
        f"{counted}"
    )
    return [line]


def ends_of(store: Store) -> list[tuple[str, str]]:
    """Return the stages of a history that no deal has left, and why they may close one.

    Of a list of deals every stage is like that, so nothing is said of it.
    """
    if store.meta("shape") == "snapshot":
        return []
    names = store.rows(ENDS)
    return [
        (str(name), f"{int(n):,} deals came, and none has left. If so, take it out of the stages")
        for name, n in names
    ]
