"""A proposal for a source without configuration: pipelines as found, stages as deals took them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.config import Pipeline, Stage, fold_name
from leakkit.errors import Ask, LeakkitError, shorten_text
from leakkit.sources.propose.ends import closing_stages
from leakkit.sources.shapes.deal_ends import ENDS
from leakkit.store import schema
from leakkit.store.closes import closing
from leakkit.store.resolve import CLOSED, texts

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
           h.opportunity_id, h.stage, min(h.at) AS first_at, min(h.line) AS first_line
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
    came_from = closing(texts(store, "from_stage", "given_history"))
    either = [str(row[0]) for row in store.rows(CLOSE_EITHER_WAY)]
    given = {"label": label, "closes": [*closes, *CLOSED, *came_from, *either]}
    ranked: dict[str, dict[str, _Said]] = {}
    spelt: dict[str, str] = {}
    rows = store.rows(FIRST_VISITS, given)
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
