"""Which file is which, and which column is which: by names, and never by guessing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from leakkit import vocabulary
from leakkit.config import COLUMNS, Export, fold_name
from leakkit.errors import Ask, LeakkitError
from leakkit.likeness import MISSPELT, find_nearest
from leakkit.sources.cells.factors import plainly, unit_of, without_brackets
from leakkit.sources.formats.rows import distinct, refuse_wide
from leakkit.sources.headings.columns import simplify_heading
from leakkit.sources.headings.exports import (
    CLEAR,
    DATED_STAGE,
    DATED_STEP,
    DEALS,
    FIRST_STEPS,
    HISTORY,
    NO_STEP,
    PLAIN_IDS,
    REFUSED,
    USUAL,
    VAGUE_MOMENT,
    known_exports,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from leakkit.config import Pipeline
    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

NEEDED = ("opportunity_id", "stage", "entered_at")
DATED = {"entered_at", "created_at", "closed_at", "outcome"}
"""Where one of these is there, a column that is only called a date may be any."""
DEAL_COLUMNS = tuple(name for name in USUAL if name not in {"entered_at", "from_stage"})
"""What the usual headings of a list of deals name."""
OWN_FIELD = re.compile(
    r"__c$|^(?:cf|custom|custom field)[_.: ]+"
    r"|^(?:deal|opportunity|lead|trato|negocio|neg\u00f3cio|affaire|f\u0131rsat|szansa|сделка|معامله)\s+-\s+",
    re.IGNORECASE,
)
"""What a CRM adds to the name of a field: `Loss_Reason__c`, `cf_reason`, `Deal - Phase`."""
DEAL_WORD = re.compile(r"^(?:deal|opportunity|lead|trato|negocio|affaire)[_ -]+")
"""A deal's own word before what the heading names: `Deal - Organization`, `lead_company`."""
LINKS = {
    *("of", "the", "for", "in", "de", "del", "la", "el", "du", "des", "le", "da", "do", "di"),
    *("der", "den", "die", "das", "van", "w", "в"),
}
"""Words of a heading that say nothing by themselves."""
SERIES = 3
"""So many headings that begin alike belong together."""
UNIT = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
FALL_BACK = ("created_at", "closed_at", "value")
"""What is looked for by usual words where a maker's own heading is not there."""
MOST_COMPARED = 3_000_000
KEPT_FORMS = 50_000
"""Forms of headings and of the words of all vocabularies, which every file is compared with."""
NEAR = 0.85
"""Keys at least so similar are proposed as one; nothing is merged before the user says so."""


@dataclass(frozen=True)
class Part:
    """The part that a file plays: stage_history, opportunities, refused, stages, or none.

    `known` are the headings that stand for canonical names beside the names themselves, ''
    where a column that bears the name is another; `maker` says by which export they were
    recognised. `rivals` are all headings that a name could be, where there are several.
    `plain_id` says that the key is only called an id, as those of other lists are.
    """

    table: str
    maker: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    rivals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    export: Export | None = None
    plain_id: bool = False


def part_of(
    headings: Sequence[str],
    renamed: Mapping[str, str],
    exports: Sequence[Export] | None = None,
) -> Part:
    """Say which part a file plays, by its headings.

    What the configuration says goes first. A file that has what it needs by canonical
    names is no maker's export. Then the exports of makers, whose headings beat canonical
    names. What is not there by any of these is looked for by usual words.

    >>> part_of(["opportunity_id", "stage", "entered_at"], {}).table
    'stage_history'
    >>> part_of(["Deal - ID", "Deal - Stage", "Deal - Status"], {}).maker
    'pipedrive'
    """
    by_form = _by_form(headings)
    said = {n: h for n, given in renamed.items() if (h := by_form.get(loose(given)))}
    named = {n: h for n in COLUMNS if (h := said.get(n) or _exactly(n, headings))}
    signs = {
        form for h in headings for form in (loose(h), loose(UNIT.sub("", h)), _find_money_form(h))
    }
    export = _export_of(signs, known_exports() if exports is None else exports)
    if export is not None and (
        not all(name in named for name in NEEDED) or _says_the_same(export, by_form, said)
    ):
        return _part_of_export(export, by_form, said, headings)
    return _part_by_words(by_form, named)


def _plainly(
    names: Sequence[str], by_form: Mapping[str, str], taken: Sequence[str]
) -> dict[str, str]:
    """Return usual headings for columns that a maker calls otherwise, and that are not there.

    A close needs a heading that says it was: a maker's other dates of closes are plans.
    """
    found = {name: _all_of(USUAL[name], by_form) for name in names}
    free = {name: [h for h in headings if h not in taken] for name, headings in found.items()}
    if "closed_at" in free:
        free["closed_at"] = [h for h in free["closed_at"] if "closed" in loose(h)]
    return {name: headings[0] for name, headings in free.items() if headings}


def _says_the_same(export: Export, by_form: Mapping[str, str], said: Mapping[str, str]) -> bool:
    """Say whether a configuration calls the columns of an export as its maker does."""
    return all(said.get(n) == _first(export.columns.get(n, ()), by_form) != "" for n in NEEDED)


def _part_of_export(
    export: Export, by_form: Mapping[str, str], said: Mapping[str, str], headings: Sequence[str]
) -> Part:
    """Return the part of a maker's export: its headings beat canonical names."""
    columns = {**export.columns}
    # headings of a maker without its ids are another's, or were written by hand
    sure = "opportunity_id" in said or _first(columns.get("opportunity_id", ()), by_form)
    for name in CLEAR if sure or export.table != DEALS else DEAL_COLUMNS:
        if columns.get(name) != ():
            columns[name] = (*columns.get(name, ()), *USUAL[name])
    known = {n: _first(columns[n], by_form) for n in COLUMNS if n in columns and n not in said}
    taken = {heading for heading in (*known.values(), *said.values()) if heading}
    other = {n for n in COLUMNS if n not in {*known, *said} and _exactly(n, headings) in taken}
    known = {n: h for n, h in known.items() if h or not columns[n]} | dict.fromkeys(other, "")
    reasons = _all_of(columns.get("lost_reason", ()), by_form)
    rivals = {"lost_reason": reasons} if len(reasons) > 1 and "lost_reason" in known else {}
    lacking = [n for n in FALL_BACK if columns.get(n) and not known.get(n) and n not in said]
    for name, heading in _plainly(lacking, by_form, [*known.values(), *said.values()]).items():
        known[name], rivals[name] = heading, (heading,)
    return Part(export.table, export.name, known, rivals, export)


def _part_by_words(by_form: Mapping[str, str], named: Mapping[str, str]) -> Part:
    """Return the part of a file of no maker in particular, by usual words."""
    known, rivals = _usual(USUAL, by_form, named)
    for name in () if all(name in named for name in NEEDED) else ("lost_reason", "stage"):
        # our own name may stand above other cells than those that are meant
        others = [h for h in _all_of((name, *USUAL[name]), by_form) if h not in known.values()]
        if by_form.get(loose(name)) == named.get(name) and len(others) > 1:
            known[name], rivals[name] = named[name], tuple(others)
    there = {**named, **known}
    if all(name in named for name in NEEDED):
        return Part(HISTORY, known=known, rivals=rivals)
    ids = _plain_ids(by_form, there)
    if "opportunity_id" not in there and not ids:
        return Part("", known=known, rivals=rivals)
    if "opportunity_id" not in there:
        rivals["opportunity_id"], known["opportunity_id"] = ids, ids[0]
        return Part(DEALS, known=known, rivals=rivals, plain_id=True)
    if "opportunity_id" in rivals:
        rivals["opportunity_id"] += ids
    if not there.keys() & DATED:
        vague, _ = _usual({"entered_at": VAGUE_MOMENT}, by_form, there)
        known, there = {**known, **vague}, {**there, **vague}
    part = HISTORY if all(name in there for name in NEEDED) else DEALS
    return Part(part, known=known, rivals=rivals)


def _plain_ids(by_form: Mapping[str, str], there: Mapping[str, str]) -> tuple[str, ...]:
    """Return the headings that are only called an id, in a list of deals.

    In a history such a column numbers the rows, and never the deals.
    """
    headings = list(dict.fromkeys(by_form.values()))
    placed = "stage" in there or dated_stages(headings, {}, (), list(there.values()))
    is_list = placed and "entered_at" not in there and there.keys() & DATED
    free = [h for h in _all_of(PLAIN_IDS, by_form) if h not in there.values()]
    return tuple(free) if is_list else ()


def _export_of(forms: Collection[str], exports: Sequence[Export]) -> Export | None:
    """Return the export that the headings show as they are; of several the one of most signs."""
    found = [one for one in exports if all(loose(sign) in forms for sign in one.signs)]
    return max(found, key=lambda one: len(one.signs), default=None)


def heading_of(table: Table, words: Iterable[str]) -> str:
    """Return the heading of a table that is the first of these words there is; '' without one."""
    forms = {loose(heading): heading for heading in table.types}
    return next((forms[form] for form in map(loose, words) if form in forms), "")


@lru_cache(maxsize=KEPT_FORMS)
def loose(heading: str) -> str:
    """Return a heading without case, accents and all that is neither letter nor digit.

    >>> loose("StageName") == loose("stage_name") == loose("Stage  name:")
    True
    >>> loose("Date de cl\u00f4ture")
    'datedecloture'
    """
    letters = unicodedata.normalize("NFKD", fold_name(heading)).replace("\u0131", "i")
    return "".join(letter for letter in letters if letter.isalnum()) or simplify_heading(heading)


def _by_form(headings: Sequence[str]) -> dict[str, str]:
    """Return the headings by the form in which they are compared, the first of a form.

    A unit in brackets at the end is no part of a name, and neither is what says that users
    made the field: "Amount (EUR)" is an amount, `Loss_Reason__c` a reason.
    """
    bare = {loose(UNIT.sub("", OWN_FIELD.sub("", h))): h for h in reversed(headings)}
    counted = {form: h for h in reversed(headings) if (form := _find_money_form(h))}
    one_by_one = [h for h in headings if h not in _in_series(headings)]
    bags = {form: h for h in reversed(one_by_one) if (form := _bag(UNIT.sub("", h)))}
    return bags | counted | bare | {loose(heading): heading for heading in reversed(headings)}


def _in_series(headings: Sequence[str]) -> set[str]:
    """Return the headings that begin alike, as the dates of the steps of a deal do.

    >>> dates = ("Date of inquiry", "Date of offer", "Date of order", "Name of account")
    >>> sorted(_in_series(dates))
    ['Date of inquiry', 'Date of offer', 'Date of order']
    """
    begun: dict[tuple[str, ...], list[str]] = {}
    for heading in headings:
        first, *rest = fold_name(heading).split()[:2] or [""]
        if LINKS.intersection(rest):
            begun.setdefault((first, *rest), []).append(heading)
    return {one for series in begun.values() if len(series) >= SERIES for one in series}


@lru_cache(maxsize=KEPT_FORMS)
def _bag(heading: str) -> str:
    """Return the words of a heading in an order of their own; '' where it has only one.

    >>> _bag("Fecha del cambio") == _bag("fecha de cambio"), _bag("Etapa nueva"), _bag("Stage")
    (True, '~etapa nueva', '')
    """
    parts = [loose(part) for part in re.split(r"[\W_]+", fold_name(heading)) if part]
    words = sorted(part for part in parts if part not in LINKS)
    return f"~{' '.join(words)}" if len(words) > 1 else ""


def _in(word: str, by_form: Mapping[str, str]) -> str:
    """Return the heading that is this word, in whatever order of its parts; '' without one."""
    return by_form.get(loose(word)) or by_form.get(_bag(word) or "~", "")


@lru_cache(maxsize=KEPT_FORMS)
def _find_money_form(heading: str) -> str:
    """Return the form of a heading of money that says its unit, or what it is a sum of, else ''.

    >>> [_find_money_form(one) for one in ("Umsatz in Mio. \u20ac", "Phase (K)", "amount_usd")]
    ['umsatz', '', 'amount']
    """
    if not loose(without_brackets(heading)).startswith(_starts_of_money()):
        return ""
    unit = unit_of(heading)
    forms = [loose(unit.name) if unit.factor != 1 else "", loose(plainly(heading)[0])]
    whole = loose(heading)
    return next((form for form in forms if form != whole and form in _money_forms()), "")


@cache
def _starts_of_money() -> tuple[str, ...]:
    """Return how a heading of money begins: a unit stands behind its name, or in brackets."""
    return tuple(sorted(_money_forms()))


@cache
def _money_forms() -> frozenset[str]:
    """Return every usual heading of money, in the form in which headings are compared."""
    tables = [*(export.columns for export in known_exports()), USUAL]
    return frozenset(
        map(loose, ("value", *(w for table in tables for w in table.get("value", ()))))
    )


def _exactly(name: str, headings: Sequence[str]) -> str:
    """Return the heading that is a canonical name but for case and spaces; '' without one."""
    return next((heading for heading in headings if simplify_heading(heading) == name), "")


def _first(words: Sequence[str], by_form: Mapping[str, str]) -> str:
    """Return the first heading that is one of these words; '' without one."""
    return next((heading for word in words if (heading := _in(word, by_form))), "")


def _all_of(words: Sequence[str], by_form: Mapping[str, str]) -> tuple[str, ...]:
    """Return every heading that is one of these words, in the order of the words."""
    return tuple(dict.fromkeys(heading for word in words if (heading := _in(word, by_form))))


def _usual(
    columns: Mapping[str, Sequence[str]], by_form: Mapping[str, str], named: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the headings of usual words that are there and no other column, and their rivals."""
    taken, known, rivals = set(named.values()), dict[str, str](), dict[str, tuple[str, ...]]()
    for name, words in columns.items():
        free = tuple(heading for heading in _all_of(words, by_form) if heading not in taken)
        if name in named or not free:
            continue
        known[name] = free[0]
        rivals[name] = free
        taken.add(free[0])
    return known, rivals


def once(reading: Reading, file: str, headings: Sequence[str]) -> list[str]:
    """Return the headings of a file, each once; a later one of the same name gets a number.

    Raises where one that has our own name stands twice, and nobody says which it is.
    """
    refuse_wide(file, len(headings))
    unique, seen = distinct(headings), set[str]()
    for heading, name in zip(headings, unique, strict=True):
        form = simplify_heading(heading)
        if form in seen and form in COLUMNS and form not in reading.config.source.columns:
            first = unique[_place(headings, form)]
            message = (
                f"{file} has two columns {form!r}. Say in [source] which it is: "
                f"{form} = {first!r} or {form} = {name!r}."
            )
            ask = Ask("source", form, (first, name), "which of the two columns")
            raise LeakkitError("two_columns", message, asks=(ask,))
        if form and form in seen:
            reading.say(file, "heading_twice", name, heading.strip())
        seen.add(form)
    return unique


def _place(headings: Sequence[str], form: str) -> int:
    """Return where the first heading of a form stands."""
    return next(at for at, heading in enumerate(headings) if simplify_heading(heading) == form)


def score(cells: Iterable[str], renamed: Mapping[str, str]) -> int:
    """Count how many cells of a row are headings that are known, to find the heading row."""
    # no heading that is known is without a letter
    texts = [cell for cell in cells if any(map(str.isalpha, cell))]
    forms = {simplify_heading(cell) for cell in texts}
    bare = {_find_money_form(cell) or loose(UNIT.sub("", cell)) or loose(cell) for cell in texts}
    return len(bare & _all_forms(tuple(renamed.values()))) + sum(
        any(pattern.match(form.replace("_", " ")) for pattern in DATED_STAGE[:3]) for form in forms
    )


@cache
def _all_forms(renamed: tuple[str, ...]) -> frozenset[str]:
    """Return every heading that is known, in the form in which headings are compared."""
    tables = [*(export.columns for export in known_exports()), USUAL]
    words = [word for table in tables for words in table.values() for word in words]
    signs = [sign for export in known_exports() for sign in export.signs]
    return frozenset(loose(word) for word in (*COLUMNS, *renamed, *words, *signs))


@dataclass(frozen=True)
class DatedStage:
    """A column that holds the date of one stage."""

    heading: str
    stage: str
    pipeline: str = ""


def find_named(headings: Iterable[str], name: str) -> list[str]:
    """Return the headings that any export has for a column of ours: "owner", "value".

    >>> find_named(["Region", "Deal owner", "Salesperson"], "owner")
    ['Deal owner', 'Salesperson']
    >>> find_named(["Amount (EUR)", "Age"], "value")
    ['Amount (EUR)']
    """
    tables = [*(export.columns for export in known_exports()), USUAL]
    words = {name, *(word for table in tables for word in table.get(name, ()))}
    forms = set(map(simplify_heading, words))
    return [heading for heading in headings if simplify_heading(UNIT.sub("", heading)) in forms]


def find_customers(headings: Iterable[str]) -> list[str]:
    """Return the headings that name who buys, in any language, beside a deal's own word or alone.

    >>> find_customers(["Account Name", "Deal - Organization", "Customer type", "Kunde"])
    ['Account Name', 'Deal - Organization', 'Kunde']
    """
    forms = set(map(simplify_heading, vocabulary.words("people", "customer")))
    return [
        heading
        for heading in headings
        if {simplify_heading(heading), DEAL_WORD.sub("", simplify_heading(heading))} & forms
    ]


def dated_stages(
    headings: Sequence[str],
    said: Mapping[str, str],
    declared: Sequence[str] = (),
    taken: Sequence[str] | None = None,
) -> tuple[DatedStage, ...]:
    """Return the columns that hold the date of one stage, in the order of the file.

    `said` is `[source.stage_dates]` (stage -> heading), and beats all else; else
    headings such as `Date entered Offer`, else those that are the names of declared stages,
    else, of a table without a stage, `Date of offer` where `taken` are other columns.

    >>> dated_stages(['Date entered "Offer (Sales)"'], {})
    (DatedStage(heading='Date entered "Offer (Sales)"', stage='Offer', pipeline='Sales'),)
    """
    by_form = {simplify_heading(heading): heading for heading in headings}
    if said:
        return tuple(
            DatedStage(by_form[simplify_heading(heading)], stage)
            for stage, heading in said.items()
            if simplify_heading(heading) in by_form
        )
    found = []
    for heading in headings:
        match = next((m for p in DATED_STAGE if (m := p.match(heading.strip()))), None)
        if match:
            found.append(DatedStage(heading, match["stage"], match.groupdict().get("pipeline", "")))
    forms = {simplify_heading(name): name for name in declared}
    named = [DatedStage(h, forms[f]) for f, h in by_form.items() if f in forms]
    enough = 2
    steps = _dated_steps(headings, taken) if taken is not None else []
    return tuple(found) or (tuple(named) if len(named) >= enough else tuple(steps))


def _dated_steps(headings: Sequence[str], taken: Sequence[str]) -> list[DatedStage]:
    """Return the columns that are called the date of a step, if there are three or more."""
    found = called_steps(headings, taken)
    enough = 3
    return found if len(found) >= enough else []


def called_steps(headings: Sequence[str], taken: Sequence[str]) -> list[DatedStage]:
    """Return the columns that are called the date of something.

    Those that are another column of ours, plans and last changes are no steps. The date
    with which a sale begins is a step, and that of its creation.
    """
    found, first = [], {loose(word) for word in FIRST_STEPS}
    for heading in headings:
        match = next((m for p in DATED_STEP if (m := p.match(heading.strip()))), None)
        if not match or NO_STEP.search(heading):
            continue
        step = match["stage"].strip()
        if heading not in taken or loose(step) in first:
            found.append(DatedStage(heading, step))
    return found


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
    by_form = {simplify_heading(one): one for one in known}
    found = find_nearest(simplify_heading(name), by_form, cutoff)
    return by_form[found] if found else ""


def near_pairs(unknown: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Propose for keys without a match the key that they may be a spelling of.

    Of very many only the first are looked at: to compare each with each takes minutes.

    >>> near_pairs(["GTXPro", "MG Special"], ["GTX Pro", "GTX Plus"])
    {'GTXPro': 'GTX Pro'}
    """
    by_form = {simplify_heading(one): one for one in known}
    forms, pairs = list(by_form), dict[str, str]()
    for name in islice(unknown, max(1, MOST_COMPARED // max(len(forms), 1))):
        found = find_nearest(simplify_heading(name), forms, NEAR)
        pairs |= {name: by_form[found]} if found else {}
    return pairs


def taken_headings(table: Table) -> list[str] | None:
    """Return the headings that are columns of ours; None of a table that has a stage."""
    if table.heading("stage") or table.heading("entered_at"):
        return None
    return [heading for name in COLUMNS if (heading := table.heading(name))]


__all__ = ["DEALS", "HISTORY", "REFUSED", "Part", "near_pairs", "nearest", "part_of", "score"]
