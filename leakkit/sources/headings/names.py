"""Which file is which, and which column is which: by names, and never by guessing."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS
from leakkit.errors import LeakkitError
from leakkit.sources.formats.rows import distinct, refuse_wide
from leakkit.sources.headings.columns import NEAR as MISSPELT
from leakkit.sources.headings.columns import simplified
from leakkit.sources.headings.makers import (
    CLEAR,
    DATED_STAGE,
    DEALS,
    HISTORY,
    MAKERS,
    REFUSED,
    USUAL,
    VAGUE_MOMENT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.config import Pipeline
    from leakkit.sources.headings.recognised import Reading

NEEDED = ("opportunity_id", "stage", "entered_at")
DATED = {"entered_at", "created_at", "closed_at", "outcome"}
"""Where one of these is there, a column that is only called a date may be any."""
UNIT = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
MOST_COMPARED = 100_000
NEAR = 0.85
"""Keys at least so similar are proposed as one; nothing is merged before the user says so."""


@dataclass(frozen=True)
class Part:
    """The part that a file plays: stage_history, opportunities, refused, or none.

    `known` are the headings that stand for canonical names beside the names themselves;
    `maker` says by which export they were recognised.
    """

    table: str
    maker: str = ""
    known: Mapping[str, str] = field(default_factory=dict)


def part_of(headings: Sequence[str], renamed: Mapping[str, str]) -> Part:
    """Say which part a file plays, by its headings.

    Names that the configuration gives and canonical names go first: a file that has what
    it needs by them is no maker's export. Then the exports of makers. What is not there
    by any of these names is looked for by usual words.

    >>> part_of(["opportunity_id", "stage", "entered_at"], {}).table
    'stage_history'
    >>> part_of(["Deal - ID", "Deal - Stage", "Deal - Status"], {}).maker
    'pipedrive'
    """
    by_form = _by_form(headings)
    own = {
        name: by_form.get(simplified(renamed.get(name, name))) or by_form.get(simplified(name))
        for name in COLUMNS
    }
    named = {name: heading for name, heading in own.items() if heading}
    if all(name in named for name in NEEDED):
        return Part(HISTORY, known=_known(USUAL, by_form, named))
    for maker in MAKERS:
        if all(simplified(sign) in by_form for sign in maker.signs):
            clear = {name: (*maker.columns.get(name, ()), *USUAL[name]) for name in CLEAR}
            known = _known({**maker.columns, **clear}, by_form, named)
            return Part(maker.table, maker.name, known)
    known = _known(USUAL, by_form, named)
    there = {**named, **known}
    if "opportunity_id" not in there:
        return Part("")
    if not there.keys() & DATED:
        vague = _known({"entered_at": VAGUE_MOMENT}, by_form, named)
        known, there = {**known, **vague}, {**there, **vague}
    if all(name in there for name in NEEDED):
        return Part(HISTORY, known=known)
    return Part(DEALS, known=known)


def _by_form(headings: Sequence[str]) -> dict[str, str]:
    """Return the headings by the form in which they are compared, the first of a form.

    A unit in brackets at the end is no part of a name: "Amount (EUR)" is an amount.
    """
    bare = {simplified(UNIT.sub("", heading)): heading for heading in reversed(headings)}
    return bare | {simplified(heading): heading for heading in reversed(headings)}


def _known(
    columns: Mapping[str, Sequence[str]], by_form: Mapping[str, str], named: Mapping[str, str]
) -> dict[str, str]:
    """Return the headings of a table of names that are there and not named already.

    What a maker calls by one of our names may be something else: HubSpot's history calls
    the stage `value`. Such a name stands for nothing then, or for the maker's heading.
    """
    there = {
        name: next((by_form[simplified(h)] for h in headings if simplified(h) in by_form), "")
        for name, headings in columns.items()
    }
    other = {name for name in columns if named.get(name) in set(there.values()) - {there[name]}}
    free = {name: heading for name, heading in there.items() if name not in named or name in other}
    taken = {heading for name, heading in named.items() if name not in other}
    return {
        name: heading
        for name, heading in free.items()
        if (heading and heading not in taken) or name in other
    }


def once(reading: Reading, file: str, headings: Sequence[str]) -> list[str]:
    """Return the headings of a file, each once; a later one of the same name gets a number.

    Raises where one that has our own name stands twice, and nobody says which it is.
    """
    refuse_wide(file, len(headings))
    unique, seen = distinct(headings), set[str]()
    for heading, name in zip(headings, unique, strict=True):
        form = simplified(heading)
        if form in seen and form in COLUMNS and form not in reading.config.source.columns:
            message = (
                f"{file} has two columns {form!r}. Say in [source] which it is: "
                f"{form} = {unique[_place(headings, form)]!r} or {form} = {name!r}."
            )
            raise LeakkitError("two_columns", message)
        if form and form in seen:
            reading.say(file, "heading_twice", name, heading.strip())
        seen.add(form)
    return unique


def _place(headings: Sequence[str], form: str) -> int:
    """Return where the first heading of a form stands."""
    return next(at for at, heading in enumerate(headings) if simplified(heading) == form)


def score(cells: Iterable[str], renamed: Mapping[str, str]) -> int:
    """Count how many cells of a row are headings that are known, to find the heading row."""
    forms = {simplified(cell) for cell in cells if cell.strip()}
    return len(forms & _all_forms(renamed)) + sum(
        any(pattern.match(form.replace("_", " ")) for pattern in DATED_STAGE[:3]) for form in forms
    )


def _all_forms(renamed: Mapping[str, str]) -> set[str]:
    """Return every heading that is known, in the form in which headings are compared."""
    tables = [maker.columns for maker in MAKERS] + [USUAL]
    words = [word for table in tables for words in table.values() for word in words]
    signs = [sign for maker in MAKERS for sign in maker.signs]
    return {simplified(word) for word in (*COLUMNS, *renamed.values(), *words, *signs)}


@dataclass(frozen=True)
class DatedStage:
    """A column that holds the date of one stage."""

    heading: str
    stage: str
    pipeline: str = ""


def people(headings: Iterable[str]) -> list[str]:
    """Return the headings that name who works on a deal, in the words of any export.

    >>> people(["Region", "Deal owner", "Salesperson"])
    ['Deal owner', 'Salesperson']
    """
    tables = [maker.columns for maker in MAKERS] + [USUAL]
    words = {"owner", *(word for table in tables for word in table.get("owner", ()))}
    forms = set(map(simplified, words))
    return [heading for heading in headings if simplified(heading) in forms]


def dated_stages(
    headings: Sequence[str], said: Mapping[str, str], declared: Sequence[str] = ()
) -> tuple[DatedStage, ...]:
    """Return the columns that hold the date of one stage, in the order of the file.

    `said` is `[source.stage_dates]` (stage -> heading), and beats all else; else
    headings such as `Date entered Offer`, else those that are the names of declared stages.

    >>> dated_stages(['Date entered "Offer (Sales)"'], {})
    (DatedStage(heading='Date entered "Offer (Sales)"', stage='Offer', pipeline='Sales'),)
    """
    by_form = {simplified(heading): heading for heading in headings}
    if said:
        return tuple(
            DatedStage(by_form[simplified(heading)], stage)
            for stage, heading in said.items()
            if simplified(heading) in by_form
        )
    found = []
    for heading in headings:
        match = next((m for p in DATED_STAGE if (m := p.match(heading.strip()))), None)
        if match:
            found.append(DatedStage(heading, match["stage"], match.groupdict().get("pipeline", "")))
    forms = {simplified(name): name for name in declared}
    named = [DatedStage(h, forms[f]) for f, h in by_form.items() if f in forms]
    enough = 2
    return tuple(found) or (tuple(named) if len(named) >= enough else ())


def declared_names(pipelines: Iterable[Pipeline]) -> list[str]:
    """Return the names of stages and closing rows of declared pipelines."""
    return [
        name
        for pipeline in pipelines
        for names in (
            *((stage.name, *stage.aliases) for stage in pipeline.stages),
            pipeline.won,
            pipeline.lost,
        )
        for name in names
    ]


def nearest(name: str, known: Iterable[str], cutoff: float = MISSPELT) -> str:
    """Return the known name that is nearest, compared as names are; '' where none is near.

    >>> nearest("qotation", ["Inquiry", "Quotation"])
    'Quotation'
    """
    by_form = {simplified(one): one for one in known}
    found = difflib.get_close_matches(simplified(name), list(by_form), 1, cutoff)
    return by_form[found[0]] if found else ""


def near_pairs(unknown: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Propose for keys without a match the key that they may be a spelling of.

    Of very many only the first are looked at: to compare each with each takes minutes.

    >>> near_pairs(["GTXPro", "MG Special"], ["GTX Pro", "GTX Plus"])
    {'GTXPro': 'GTX Pro'}
    """
    by_form = {simplified(one): one for one in known}
    forms, pairs = list(by_form), dict[str, str]()
    for name in islice(unknown, max(1, MOST_COMPARED // max(len(forms), 1))):
        found = difflib.get_close_matches(simplified(name), forms, 1, NEAR)
        pairs |= {name: by_form[found[0]]} if found else {}
    return pairs


__all__ = ["DEALS", "HISTORY", "REFUSED", "Part", "near_pairs", "nearest", "part_of", "score"]
