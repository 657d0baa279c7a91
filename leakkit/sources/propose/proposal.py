"""A proposal for a source without configuration: pipelines as found, stages as deals took them.

Which stages close a deal is told by their names, and by the deals that stand there.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.config import Pipeline, Stage, fold_name
from leakkit.errors import Ask, LeakkitError, shorten_text
from leakkit.sources.shapes.deal_ends import ENDS
from leakkit.store import schema
from leakkit.store.name_codes import (
    CLOSED,
    LOST_WORDS,
    WON_WORDS,
    bare,
    closing,
    may_be_lost,
    outcome_of,
    outcome_words,
    texts,
    write_rows,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from leakkit.config import Config
    from leakkit.store.database import Store

FIRST_VISITS = """
WITH told AS (
    SELECT pipeline, opportunity_id, stage, entered_at * 1000000 + part AS at, line
    FROM given_history WHERE stage <> '' AND entered_at IS NOT NULL
    UNION ALL
    -- what a deal came from it was in before, also where no row says when it came there
    SELECT pipeline, opportunity_id, from_stage, entered_at * 1000000 + part - 1, line
    FROM given_history WHERE from_stage <> '' AND entered_at IS NOT NULL
), firsts AS (
    SELECT COALESCE(nullif(h.pipeline, ''), nullif(o.pipeline, ''), $label) AS pipeline,
           h.opportunity_id, h.stage, min(h.at) AS first_at, min(h.line * $turn) AS first_line
    FROM told h
    LEFT JOIN (SELECT opportunity_id, min(pipeline) AS pipeline FROM given_opportunities
               GROUP BY opportunity_id) o ON o.opportunity_id = h.opportunity_id
    WHERE h.stage NOT IN (SELECT unnest($closes))
    GROUP BY ALL
)
SELECT pipeline, stage, sum(place) AS places, count(*) AS deals
FROM (SELECT *, row_number() OVER (PARTITION BY pipeline, opportunity_id
                                   ORDER BY first_at, first_line) AS place FROM firsts)
GROUP BY pipeline, stage
ORDER BY pipeline, stage
"""


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
CLOSE_EITHER_WAY = f"SELECT DISTINCT stage FROM {ENDS} WHERE closes ORDER BY stage"  # noqa: S608 - a name of this program
NUMBER = re.compile(
    r"^\W*(?:(?P<number>\d+)\s*(?:%|[-.:)\]\u2013/_%]|\s)|(?P<letter>[a-z])(?:[.:)\]]|\s+[-\u2013])\s)"
    r"[\s\-.:)\]\u2013]*[^\W\d]"
)
"""A number or a letter before the name of a stage: "3 - Offer", "[2] Demo", "b) Visit"."""
AFTER_ALL = 1_000_000


def propose(  # noqa: PLR0913 - what a history is, and how its file runs
    store: Store,
    label: str,
    config: Config,
    columns: Mapping[str, str],
    *,
    snapshot: bool = False,
    newest_first: bool = False,
) -> tuple[Pipeline, ...]:
    """Propose the pipelines of a source: stages by the mean rank of their first visits.

    Of a snapshot, stages without a visit follow by the mean age of the deals that stand
    there. Closing rows are recognised by common words (won, lost, cancelled, ...). It is a
    proposal: every page that rests on it says so.

    `columns` are the headings of `pipeline` and `stage`: so many different names, or names
    so long, are those of another column, and are refused. Where a file is `newest_first`, so
    are its rows of one moment.
    """
    closes = closing_stages(store, config)
    ranked, visited = _rank_stages(store, label, closes, snapshot=snapshot, newest=newest_first)
    if not ranked:
        message = "The history has no stages: every row is empty or a close."
        raise LeakkitError("no_stages", message)
    _refuse_many("pipeline", ranked, limits.PIPELINES, columns)
    places = _listed_places(store)
    for stages in ranked.values():
        _refuse_many("stage", [one.name for one in stages.values()], limits.STAGES, columns)
    return tuple(
        Pipeline(
            name=name,
            stages=_in_order(stages.values(), places, by_number=snapshot and not visited),
            won=_words(closes, schema.WON),
            lost=_words(closes, schema.LOST),
        )
        for name, stages in sorted(ranked.items())
    )


def _rank_stages(
    store: Store, label: str, closes: Mapping[str, int], *, snapshot: bool, newest: bool
) -> tuple[dict[str, dict[str, _Said]], bool]:
    """Return the stages of every pipeline with their places, and whether any was visited."""
    came_from = closing(texts(store, "from_stage", "given_history"))
    either = [str(row[0]) for row in store.rows(CLOSE_EITHER_WAY)]
    given = {"label": label, "closes": [*closes, *CLOSED, *came_from, *either]}
    ranked: dict[str, dict[str, _Said]] = {}
    spelt: dict[str, str] = {}
    rows = store.rows(FIRST_VISITS, {**given, "turn": -1 if newest else 1})
    visited = {(fold_name(pipeline), fold_name(stage)) for pipeline, stage, *_ in rows}
    standing = store.rows(STANDING, given) if snapshot else []
    # a stage without a visit follows those that have one, in the order in which deals stand
    rows += [
        (pipeline, stage, (AFTER_ALL + at) * deals, deals)
        for at, (pipeline, stage, _, deals) in enumerate(standing)
        if (fold_name(pipeline), fold_name(stage)) not in visited
    ]
    for pipeline, stage, places, deals in rows:
        name = spelt.setdefault(fold_name(pipeline), pipeline)
        ranked.setdefault(name, {}).setdefault(_form_of(stage), _Said()).add(stage, places, deals)
    for pipeline in _pipelines(store, label) if snapshot else ():
        # one whose rows name nothing but closes has no stage to count in, and still its deals
        ranked.setdefault(spelt.setdefault(fold_name(pipeline), pipeline), {})
    return ranked, bool(visited)


def _refuse_many(what: str, names: Collection[str], most: int, columns: Mapping[str, str]) -> None:
    """Raise where a column has so many different names, or such long ones, that it is another."""
    heading = columns.get(what, "")
    longest = max(names, key=len, default="")
    if len(names) > most:
        why = f"{len(names):,} different {what}s, and there may be {most}"
    elif len(longest) > limits.NAME_LETTERS:
        why = f"a {what} of {len(longest):,} letters, {shorten_text(longest)!r}"
    else:
        return
    message = (
        f"There are {why}: is {heading!r} the {what}? If another column is, say so in [source]: "
        f"{what} = '...'. If it is, declare the {what}s that count as [[pipelines]]."
    )
    ask = Ask("source", what, (heading,), why)
    raise LeakkitError("too_many_names", message, asks=(ask,))


def are_numbered(names: Sequence[str]) -> bool:
    """Say whether numbers or letters before the names order all stages.

    >>> are_numbered(["1 - Lead", "2 - Offer"]), are_numbered(["Lead", "2 - Offer"])
    (True, False)
    """
    places = [_number_of(name) for name in names]
    return len(names) > 1 and None not in places and len(set(places)) == len(places)


def _number_of(name: str) -> tuple[int, str] | None:
    """Return the number or letter before a name; None where there is none."""
    found = NUMBER.match(fold_name(name))
    return (int(found["number"] or 0), found["letter"] or "") if found else None


def _form_of(stage: str) -> str:
    """Return the form in which names of stages are compared, however a number stands before them.

    >>> _form_of("1. Enquiry") == _form_of("1 - enquiry"), _form_of("A+") == _form_of("A")
    (True, False)
    """
    said, number = fold_name(stage), _number_of(stage)
    found = NUMBER.match(said)
    return f"{number} {said[found.end() - 1 :]}" if found else said


def _pipelines(store: Store, label: str) -> list[str]:
    """Return the pipelines that the deals name; `label` for those that name none."""
    rows = store.rows("SELECT DISTINCT pipeline FROM given_opportunities ORDER BY pipeline")
    return [str(said) or label for (said,) in rows]


def _words(closes: Mapping[str, int], code: int) -> tuple[str, ...]:
    """Return the names of one kind of close, each once however it is written."""
    by_form = {fold_name(n): n for n, kind in sorted(closes.items(), reverse=True) if kind == code}
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

    def build(self) -> Stage:
        """Return the stage, with the names that are the same but for the signs behind a number."""
        forms = {fold_name(said): said for said in sorted(self.spelt, reverse=True)}
        forms.pop(fold_name(self.name))
        return Stage(name=self.name, aliases=tuple(sorted(forms.values())))


def _listed_places(store: Store) -> dict[str, float]:
    """Return the places of the stages that a list beside the deals, or a column, gives them."""
    rows = store.rows(f"SELECT name, place FROM {schema.LISTED_STAGES} WHERE place IS NOT NULL")  # noqa: S608 - a name of this program
    return {fold_name(str(name)): float(place) for name, place in rows}


def _in_order(
    stages: Iterable[_Said], places: Mapping[str, float], *, by_number: bool
) -> tuple[Stage, ...]:
    """Return the stages by the mean place at which deals came by, or by numbers before names.

    A list that has all of them, each in a place of its own, goes before both.
    """
    ordered = sorted(stages, key=lambda one: (one.places / one.deals, one.name))
    if by_number and are_numbered([one.name for one in ordered]):
        ordered.sort(key=lambda one: _number_of(one.name) or (0, ""))
    found = [places.get(fold_name(one.name)) for one in ordered]
    if None not in found and len(set(found)) == len(found):
        ordered.sort(key=lambda one: places[fold_name(one.name)])
    return tuple(one.build() for one in ordered)


# ---------------- stages that close a deal

FEWEST = 3
"""Fewer deals in a stage show nothing."""
PASSED = 0.5
"""A stage that more than this share of its visits leave for another one is passed through."""

MAY_BE_LOST = "stages_that_may_be_lost"
"""The stages whose name most likely means a loss, and of which nothing else says so."""

STAND = """
SELECT stage, count(*) AS deals,
       count(*) FILTER (outcome IN (SELECT unnest($won))) AS won,
       count(*) FILTER (outcome IN (SELECT unnest($lost))) AS lost
FROM given_opportunities WHERE stage <> '' AND opportunity_id <> ''
GROUP BY stage ORDER BY stage
"""

FOLLOWED = """
CREATE OR REPLACE TEMP TABLE followed AS
SELECT h.stage, lead(h.stage) OVER w AS next_stage,
       COALESCE(bool_or(c.code = -1) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                FALSE) AS after_win,
       COALESCE(bool_or(c.code = -2) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                FALSE) AS after_loss
FROM given_history h LEFT JOIN ({closes}) c ON c.said = h.stage
WHERE h.stage <> '' AND h.opportunity_id <> '' AND h.entered_at IS NOT NULL
WINDOW w AS (PARTITION BY h.opportunity_id ORDER BY h.entered_at, h.part, h.line)
"""


def closing_stages(store: Store, config: Config) -> dict[str, int]:
    """Return the names of stages that close a deal -> WON or LOST, of a source as it was given.

    A name says so by a closing word, which counts inside a longer name only where deals do
    not pass through. Where all closed deals stand in stages of their own end, those stages
    are closes whatever they are called: what flags and outcomes say goes before a name.
    Stages that follow nothing but a win (or a loss), and lead nowhere, are of its kind.
    """
    said = texts(store, "stage", "given_history", "given_opportunities")
    named = closing(said)
    _follow(store, named)
    passed = _find_passed_through(store)
    exact = {fold_name(word) for word in (*WON_WORDS, *LOST_WORDS, *CLOSED)}
    sure = {n: code for n, code in named.items() if bare(n) in exact or n not in passed}
    stood = _by_deals(store, config)
    listed_ends, listed_open = _read_listed(store, said)
    own = {**listed_ends, **_read_declared(config, said)}
    sure |= dict.fromkeys(_find_surely_lost(store, config, said), schema.LOST)
    found = {**sure, **stood, **_after_closes(store, {*sure, *stood, *own}), **own}
    _keep_asked(store, [n for n in said if may_be_lost(n) and n not in {*found, *passed}])
    still_open = {*map(fold_name, config.source.outcomes.open), *listed_open} - set(
        map(fold_name, own)
    )
    return {name: code for name, code in found.items() if fold_name(name) not in still_open}


def _read_declared(config: Config, said: list[str]) -> dict[str, int]:
    """Return the names that [source.outcomes] calls won or lost."""
    own = config.source.outcomes
    words = {fold_name(w): schema.WON for w in own.won} | {
        fold_name(w): schema.LOST for w in own.lost
    }
    return {name: words[fold_name(name)] for name in said if fold_name(name) in words}


def _read_listed(store: Store, said: list[str]) -> tuple[dict[str, int], set[str]]:
    """Return the stages that a list of stages calls closes, and those that it calls open."""
    rows = store.rows(f"SELECT name, ends FROM {schema.LISTED_STAGES}")  # noqa: S608 - a name of this program
    codes = {"won": schema.WON, "lost": schema.LOST}
    ends = {fold_name(str(name)): codes[str(end)] for name, end in rows if end in codes}
    still_open = {fold_name(str(name)) for name, end in rows if end == "open"}
    return {name: ends[fold_name(name)] for name in said if fold_name(name) in ends}, still_open


def _follow(store: Store, closes: dict[str, int]) -> None:
    """Make the table of which stage follows which, and whether a close came before."""
    sql, facts = write_rows({"said": "VARCHAR", "code": "SMALLINT"}, list(closes.items()))
    store.run(FOLLOWED.format(closes=sql), facts)


def _find_passed_through(store: Store) -> set[str]:
    """Return the stages that most visits leave for another stage."""
    rows = store.rows(
        "SELECT stage FROM followed GROUP BY stage "
        "HAVING count(*) FILTER (next_stage <> stage) > $passed * count(*) ORDER BY stage",
        {"passed": PASSED},
    )
    return {str(row[0]) for row in rows}


def _after_closes(store: Store, closes: set[str]) -> dict[str, int]:
    """Return the stages that are entered after a close only, and that nothing follows."""
    rows = store.rows(
        """
        SELECT stage, bool_and(after_win), bool_and(after_loss AND NOT after_win)
        FROM followed GROUP BY stage
        HAVING bool_and(next_stage IS NULL OR next_stage = stage) ORDER BY stage
        """
    )
    found = {str(s): schema.WON if won else schema.LOST for s, won, lost in rows if won or lost}
    return {stage: code for stage, code in found.items() if stage not in closes}


def _find_surely_lost(store: Store, config: Config, said: list[str]) -> list[str]:
    """Return the stages called by a word for a loss that only lost deals stand in, or never leave.

    What the outcomes say goes before what the history shows.
    """
    words = outcome_words(config)
    codes = {s: outcome_of(s, words) for s in texts(store, "outcome", "given_opportunities")}
    lost = [text for text, code in codes.items() if code == schema.LOST]
    stand = {
        str(stage): (int(deals), int(found))
        for stage, deals, _, found in store.rows(STAND, {"won": [], "lost": lost})
    }
    left = store.rows(
        "SELECT stage, count(*), count(*) FILTER (next_stage <> stage) FROM followed "
        "GROUP BY stage ORDER BY stage"
    )
    never_left = {str(stage) for stage, visits, gone in left if visits >= FEWEST and not gone}
    each = {name: stand.get(name, (0, 0)) for name in said if may_be_lost(name)}
    return [
        name
        for name, (deals, found) in each.items()
        if (deals and deals == found) or (not lost and name in never_left)
    ]


def _keep_asked(store: Store, names: list[str]) -> None:
    """Keep the stages that are to be asked for."""
    sql, facts = write_rows({"stage": "VARCHAR"}, [(name,) for name in names])
    store.run(f"CREATE OR REPLACE TEMP TABLE {MAY_BE_LOST} AS {sql}", facts)


def _by_deals(store: Store, config: Config) -> dict[str, int]:
    """Return the stages where won deals stand only, or lost ones only, if all closed ones do.

    Where a deal that is lost keeps the stage in which it was lost, closed and open deals
    stand together, and nothing is said here.
    """
    words = outcome_words(config)
    codes = {s: outcome_of(s, words) for s in texts(store, "outcome", "given_opportunities")}
    given = {
        kind: [said for said, code in codes.items() if code == wanted]
        for kind, wanted in (("won", schema.WON), ("lost", schema.LOST))
    }
    rows = store.rows(STAND, given)
    still_open = sum(deals - won - lost for _, deals, won, lost in rows)
    pure = {s: schema.WON if w else schema.LOST for s, n, w, lost in rows if n in (w, lost)}
    closed = [(s, n) for s, n, won, lost in rows if won or lost]
    if not still_open or any(s not in pure or n < FEWEST for s, n in closed):
        return {}
    return pure
