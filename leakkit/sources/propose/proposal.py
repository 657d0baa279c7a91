"""A proposal for a source without configuration: pipelines as found, stages as deals took them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.config import COLUMNS, Pipeline, Stage, folded
from leakkit.errors import LeakkitError, shortened, visible
from leakkit.sources.headings.recognised import Recognised
from leakkit.sources.propose.ends import closing_stages
from leakkit.sources.shapes.shapes import SNAPSHOT
from leakkit.store import schema
from leakkit.store.resolve import CLOSED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from leakkit.config import Config, Join, SourceRules
    from leakkit.store.database import Store

FIRST_VISITS = """
WITH firsts AS (
    SELECT COALESCE(nullif(h.pipeline, ''), nullif(o.pipeline, ''), $label) AS pipeline,
           h.opportunity_id, h.stage, min(h.entered_at * 1000000 + h.part) AS first_at,
           min(h.line) AS first_line
    FROM given_history h
    LEFT JOIN (SELECT opportunity_id, min(pipeline) AS pipeline FROM given_opportunities
               GROUP BY opportunity_id) o ON o.opportunity_id = h.opportunity_id
    WHERE h.stage <> '' AND h.entered_at IS NOT NULL AND h.stage NOT IN (SELECT unnest($closes))
    GROUP BY ALL
)
SELECT pipeline, stage, sum(place) AS places, count(*) AS deals
FROM (SELECT *, row_number() OVER (PARTITION BY pipeline, opportunity_id
                                   ORDER BY first_at, first_line) AS place FROM firsts)
GROUP BY pipeline, stage
ORDER BY pipeline, stage
"""


OFFER = re.compile(r"offer|quot|proposal|proforma|pro forma|angebot|پیش ?فاکتور|پیشنهاد")
"""Names of stages in which an offer is made."""

STANDING = """
SELECT COALESCE(nullif(pipeline, ''), $label) AS pipeline, stage,
       avg(created_at) AS created, count(*) AS deals
FROM given_opportunities
WHERE stage <> '' AND stage NOT IN (SELECT unnest($closes))
GROUP BY ALL
ORDER BY pipeline, created DESC NULLS FIRST, stage
"""
"""Where deals stand: deals of later stages were created earlier, on the whole.

Deals without any date have come least far.
"""
NUMBER = re.compile(
    r"^\W*(?:(?P<number>\d+)\s*(?:%|[-.:)\]\u2013/_%]|\s)|(?P<letter>[a-z])(?:[.:)\]]|\s+[-\u2013])\s)"
    r"[\s\-.:)\]\u2013]*[^\W\d]"
)
"""A number or a letter before the name of a stage: "3 - Offer", "[2] Demo", "b) Visit"."""
AFTER_ALL = 1_000_000
BY_WAY = "in the order that most deals took"
ORDERED_BY = {SNAPSHOT: "one day shows no order; by the age of the deals"}
"""What the proposed order of stages rests on, by the shape of the source."""


def propose(
    store: Store, label: str, config: Config, columns: Mapping[str, str], *, snapshot: bool = False
) -> tuple[Pipeline, ...]:
    """Propose the pipelines of a source: stages by the mean rank of their first visits.

    Of a snapshot, stages without a visit follow by the mean age of the deals that stand
    there. Closing rows are recognised by common words (won, lost, cancelled, ...). It is a
    proposal: every page that rests on it says so.

    `columns` are the headings of `pipeline` and `stage`: so many different names, or names
    so long, are those of another column, and are refused.
    """
    closes = closing_stages(store, config)
    given = {"label": label, "closes": [*closes, *CLOSED]}
    ranked: dict[str, dict[str, _Said]] = {}
    spelt: dict[str, str] = {}
    rows = store.rows(FIRST_VISITS, given)
    visited = {(folded(pipeline), folded(stage)) for pipeline, stage, *_ in rows}
    standing = store.rows(STANDING, given) if snapshot else []
    # a stage without a visit follows those that have one, in the order in which deals stand
    rows += [
        (pipeline, stage, (AFTER_ALL + at) * deals, deals)
        for at, (pipeline, stage, _, deals) in enumerate(standing)
        if (folded(pipeline), folded(stage)) not in visited
    ]
    for pipeline, stage, places, deals in rows:
        name = spelt.setdefault(folded(pipeline), pipeline)
        ranked.setdefault(name, {}).setdefault(folded(stage), _Said()).add(stage, places, deals)
    for pipeline in _pipelines(store, label) if snapshot else ():
        # one whose rows name nothing but closes has no stage to count in, and still its deals
        ranked.setdefault(spelt.setdefault(folded(pipeline), pipeline), {})
    if not ranked:
        message = "The history has no stages: every row is empty or a close."
        raise LeakkitError("no_stages", message)
    _refuse_many("pipeline", ranked, limits.PIPELINES, columns)
    for stages in ranked.values():
        _refuse_many("stage", [one.name for one in stages.values()], limits.STAGES, columns)
    return tuple(
        Pipeline(
            name=name,
            stages=_in_order(stages.values(), by_number=snapshot and not visited),
            won=_words(closes, schema.WON),
            lost=_words(closes, schema.LOST),
        )
        for name, stages in sorted(ranked.items())
    )


def _refuse_many(what: str, names: Collection[str], most: int, columns: Mapping[str, str]) -> None:
    """Raise where a column has so many different names, or such long ones, that it is another."""
    heading = columns.get(what, "")
    longest = max(names, key=len, default="")
    if len(names) > most:
        why = f"{len(names):,} different {what}s, and there may be {most}"
    elif len(longest) > limits.NAME_LETTERS:
        why = f"a {what} of {len(longest):,} letters, {shortened(longest)!r}"
    else:
        return
    message = (
        f"There are {why}: is {heading!r} the {what}? If another column is, say so in [source]: "
        f"{what} = '...'. If it is, declare the {what}s that count as [[pipelines]]."
    )
    raise LeakkitError("too_many_names", message)


def numbered(names: Sequence[str]) -> bool:
    """Say whether numbers or letters before the names order all stages.

    >>> numbered(["1 - Lead", "2 - Offer"]), numbered(["Lead", "2 - Offer"])
    (True, False)
    """
    places = [_number_of(name) for name in names]
    return len(names) > 1 and None not in places and len(set(places)) == len(places)


def _number_of(name: str) -> tuple[int, str] | None:
    """Return the number or letter before a name; None where there is none."""
    found = NUMBER.match(folded(name))
    return (int(found["number"] or 0), found["letter"] or "") if found else None


def _pipelines(store: Store, label: str) -> list[str]:
    """Return the pipelines that the deals name; `label` for those that name none."""
    rows = store.rows("SELECT DISTINCT pipeline FROM given_opportunities ORDER BY pipeline")
    return [str(said) or label for (said,) in rows]


def _words(closes: Mapping[str, int], code: int) -> tuple[str, ...]:
    """Return the names of one kind of close, each once however it is written."""
    by_form = {folded(n): n for n, kind in sorted(closes.items(), reverse=True) if kind == code}
    return tuple(sorted(name for name in by_form.values() if name not in CLOSED))


@dataclass
class _Said:
    """One stage as it is written: by how many deals in each spelling, and where they came by."""

    places: float = 0
    deals: int = 0
    spelt: Counter[str] = field(default_factory=Counter)

    def add(self, spelling: str, places: float, deals: int) -> None:
        """Count the deals that write it so."""
        self.places += places
        self.deals += deals
        self.spelt[spelling] += deals

    @property
    def name(self) -> str:
        """The spelling of most deals."""
        return min(self.spelt, key=lambda said: (-self.spelt[said], said))


def _in_order(stages: Iterable[_Said], *, by_number: bool) -> tuple[Stage, ...]:
    """Return the stages by the mean place at which deals came by, or by numbers before names."""
    ordered = sorted(stages, key=lambda one: (one.places / one.deals, one.name))
    if by_number and numbered([one.name for one in ordered]):
        ordered.sort(key=lambda one: _number_of(one.name) or (0, ""))
    return tuple(Stage(name=one.name) for one in ordered)


def configuration_text(store: Store, joins: Sequence[Join] = ()) -> str:
    """Write the leakkit.toml of a source as it was found, each line for a person to confirm.

    `store` is a source that was loaded without a configuration. The text is valid TOML,
    and loaded with it the source gives the same deals and stages. Words that close a deal
    are those that occur; columns are written where they were recognised by other names
    than ours; the currency is the one that most values name. `joins` (beside.py) stand
    in comments: whether their columns are wanted, a file does not say.
    """
    config = store.config
    last = dt.date(1970, 1, 1) + dt.timedelta(days=int(store.meta("last_day")))
    found = [Recognised(**one) for one in store.meta("recognised")]
    lines = [
        "# leakkit.toml, as found. Every line is a proposal: confirm it or change it.",
        "# All keys are explained in docs/contracts.md.",
        "",
        f'# as_of = "{last.isoformat()}"   # the last day of the data; without it, the latest one',
        f"timezone = {_toml(config.timezone)}   # the zone of times without an offset",
        f"currency = {_toml(_currency(store))}   # of values without a currency of their own",
        "",
        *_source_lines(found, config.source),
    ]
    outcomes = _outcome_lines(store)
    if outcomes:
        lines += ["[source.outcomes]   # the words of the column of outcomes", *outcomes, ""]
    lines += [line.removeprefix("# ") for join in config.source.joins for line in _join_lines(join)]
    lines += [line for join in joins for line in _join_lines(join)]
    closes = _closing_rows(store)
    for pipeline in config.pipelines:
        lines += _pipeline_lines(pipeline, closes, ORDERED_BY.get(store.meta("shape"), BY_WAY))
    return "\n".join(lines).rstrip() + "\n"


def _toml(text: str) -> str:
    """Return a text as TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _currency(store: Store) -> str:
    """Return the currency that most values name, else the default."""
    rows = store.rows(
        "SELECT currency FROM opportunities WHERE regexp_full_match(currency, '[A-Z]{3}') "
        "GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 1"
    )
    return str(rows[0][0]) if rows else store.config.currency


def _source_lines(found: Sequence[Recognised], source: SourceRules) -> list[str]:
    """Write how the files were read, where it is not by our own names, or was said before."""
    makers = [f"# the export of a maker: {_comment(x.as_what)}" for x in found if x.what == "maker"]
    near = [
        f"# the same key? {_comment(one.why)} and {_comment(one.as_what)}"
        for one in found
        if one.what.startswith("near_key:")
    ]
    keys: dict[str, dict[str, str]] = {}
    for one in found:
        key, value, note = _key_of(one)
        if key:
            keys.setdefault(key, {}).setdefault(value, note or one.where)
    said_before = {**_settings(source), **source.columns}
    lines = [f"{key} = {_value(value)}" for key, value in said_before.items()]
    lines += [
        line
        for key, said in keys.items()
        if key not in said_before
        for line in _key_lines(key, said)
    ]
    unique = list(dict.fromkeys([*reversed(makers), *lines, *near]))
    return ["[source]", *unique, ""] if unique else []


def _settings(source: SourceRules) -> dict[str, str | bool]:
    """Return the texts and switches of [source] that are not as they are without it."""
    given = source.model_dump(mode="json", exclude_defaults=True)
    return {key: value for key, value in given.items() if isinstance(value, str | bool)}


def _value(value: object) -> str:
    """Return a text or a switch as TOML."""
    return str(value).lower() if isinstance(value, bool) else _toml(str(value))


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
        return [f"# {key} = {_toml(value)}   # {_comment(why)}" for value, why in said.items()]
    return [
        f"{key} = {_toml(value)}" + ("" if key in COLUMNS else f"   # {_comment(why)}")
        for value, why in said.items()
    ]


def _comment(text: str) -> str:
    """Return a text that stays within its comment."""
    return visible(text).replace("\n", " ")[:80]


def _outcome_lines(store: Store) -> list[str]:
    """Write the words of the outcome column that were understood, by what they mean."""
    said = store.meta("outcome_words")
    return [f"{kind} = [{', '.join(map(_toml, words))}]" for kind, words in said.items() if words]


def _join_lines(join: Join) -> list[str]:
    """Write one join as comments."""
    file, key = _toml(join.file), _toml(join.key)
    lines = [
        f"# [[source.joins]]   # a row per {key}: are its columns wanted?",
        f"# file = {file}",
        f"# key = {key}",
        f"# take = {_table(join.take)}",
    ]
    if join.same:
        lines.append(f"# same = {_table(join.same)}   # other spellings of a key: are they?")
    return [*lines, ""]


def _table(texts: Mapping[str, str]) -> str:
    """Return texts by name as TOML."""
    each = ", ".join(f"{_toml(name)} = {_toml(text)}" for name, text in texts.items())
    return f"{{ {each} }}"


def _closing_rows(store: Store) -> dict[str, list[str]]:
    """Return the texts of closing rows that occur, by what they mean."""
    closes: dict[str, list[str]] = store.meta("closing_rows")
    return closes


def _pipeline_lines(
    pipeline: Pipeline, closes: Mapping[str, Sequence[str]], order: str
) -> list[str]:
    """Write one pipeline: its closing rows, and its stages in the order of the deals."""
    lines = ["[[pipelines]]", f"name = {_toml(pipeline.name)}"]
    for kind in ("won", "lost"):
        if closes.get(kind):
            words = ", ".join(map(_toml, closes[kind]))
            lines.append(f"{kind} = [{words}]   # rows with these words close a deal")
    lines.append(f"stages = [   # {order}: is this the order?")
    for stage in pipeline.stages:
        kind = ', kind = "offer"' if OFFER.search(folded(stage.name)) else ""
        note = "   # the offer: is it?" if kind else ""
        lines.append(f"  {{ name = {_toml(stage.name)}{kind} }},{note}")
    return [*lines, "]", ""]
