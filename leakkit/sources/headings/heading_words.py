"""Headings as words: those of makers' exports and the usual ones, and which of them is meant.

An export of a new maker is a new entry in `makers/*.toml`, in `[makers]` of leakkit.toml,
or in a package that offers a table of the same form as an entry point `leakkit.makers`.
Sources: the makers' own pages, public connectors and exports; what no maker's page shows
is left out. Where a maker's heading means something else than it says, its entry is
empty: the expected close date of SugarCRM is a plan.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib import metadata, resources
from itertools import islice
from typing import TYPE_CHECKING, Any

from leakkit import vocabulary
from leakkit.config import COLUMNS, Export, fold_name
from leakkit.errors import Ask, LeakkitError
from leakkit.likeness import MISSPELT, find_nearest
from leakkit.sources.cells.money_units import plainly, unit_of, without_brackets
from leakkit.sources.formats.rows import distinct, refuse_wide
from leakkit.sources.headings.reading import simplify_heading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.config import Config, Pipeline
    from leakkit.sources.headings.reading import Reading, Table

HISTORY, DEALS, REFUSED, STAGES, MERGED, STANDING, OTHER = (
    *("stage_history", "opportunities", "refused", "stages", "merged", "standing", "other"),
)
VERSIONS = "versions"
"""A table with several rows of a deal, one after another; its cells tell it, and no export."""
GROUP = "leakkit.makers"
"""The entry points of other packages that know makers."""


def exports_of(config: Config) -> tuple[Export, ...]:
    """Return the exports that are known: those of leakkit.toml, of packages, and our own."""
    own = tuple(export for exports in config.makers.values() for export in exports)
    return (*own, *known_exports())


@cache
def known_exports() -> tuple[Export, ...]:
    """Return the exports that are known without a configuration.

    >>> {"salesforce", "odoo"} <= {export.name for export in known_exports()}
    True
    """
    given: list[dict[str, Any]] = []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        given += point.load()["exports"]
    folder = resources.files("leakkit.sources.headings").joinpath("makers")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            given += tomllib.loads(file.read_text("utf-8"))["exports"]
    return tuple(Export.model_validate(one) for one in given)


USUAL = {name: vocabulary.words("headings", name) for name in COLUMNS}
"""Headings of no maker in particular, in every language that there are words of."""

VAGUE_MOMENT = vocabulary.words("moments", "any")
"""The moment of a history, where its file has no other date and no outcome."""

PLAIN_IDS = vocabulary.words("ids", "any")
"""The key of a list of deals, where no heading says more and every row has another one."""

CLEAR = ("lost_reason", "last_stage", "stage_since", "owner", "currency")
"""What the usual headings name in a maker's export as well, where they can mean nothing else."""

DATED_STAGE = (
    re.compile(r'^date entered "(?P<stage>.+) \((?P<pipeline>[^()]+)\)"$', re.IGNORECASE),
    re.compile(r'^date entered "(?P<stage>.+)"$', re.IGNORECASE),
    re.compile(r"^date[ _]entered[ _](?!current[ _]stage$)(?P<stage>[^\"]+)$", re.IGNORECASE),
    re.compile(
        r"^hs[_ ](v2[_ ])?date[_ ]entered[_ ](?!current[_ ]stage$)(?P<stage>.+)$", re.IGNORECASE
    ),
)
"""Headings that hold the date of one stage: HubSpot's, and the same typed by hand."""

DATE_WORDS = "|".join(
    map(re.escape, ("date of", "date du", "date de", "fecha de", "data de", *VAGUE_MOMENT))
)
NO_STEP = re.compile(
    r"expected|planned|due|last|next|modif|updat|change|birth|follow|reminder|"
    r"erwartet|geplant|geburt|letzt|nächst|änderung|prévu|dernièr|naissance|relance|"
    r"prevista|última|nacimiento|ultim|nascita|verwacht|laatst|geboorte|"
    r"تولد|پیگیری بعدی|آخرین|بعدی|سررسید|تحویل",
    re.IGNORECASE,
)
"""Dates that are no step of a sale: plans, last changes, birthdays."""
DATED_STEP = (
    re.compile(rf"^(?:{DATE_WORDS})[ _:]+(?P<stage>.+)$", re.IGNORECASE),
    re.compile(r"^(?P<stage>.+)[ _](?:date|datum|tarihi)$", re.IGNORECASE),
    re.compile(r"^(?P<stage>\w{3,}?)(?:(?<=[tg])s)?datum$", re.IGNORECASE),
)
"""Headings of a date for each step, as people write them: `Date of offer`, `Angebotsdatum`."""
ENTERED_STEP = (
    re.compile(r"^entered[ _](?:in[ _]|into[ _])?(?P<stage>.+?)(?:[ _](?:on|at))?$", re.IGNORECASE),
    re.compile(r"^(?P<stage>.+)[ _]entered(?:[ _](?:on|at))?$", re.IGNORECASE),
    re.compile(r"^eintritt[ _](?:in[ _])?(?P<stage>.+)$", re.IGNORECASE),
    re.compile(r"^(?P<stage>.+)[ _]am$", re.IGNORECASE),
)
"""Headings that say when a step began: `Entered Lead`, `Lead entered on`, `Anfrage am`."""
NO_ENTRY = re.compile(
    r"^entered[ _](?:on|at|by)$|\bby\b|current|\bstage$|\bdate$|system|geändert|bearbeitet|fällig|"
    r"gelöscht|importiert|exportiert|zugewiesen|wiedervorlage|angelegt|erfasst|erstellt",
    re.IGNORECASE,
)
"""Such headings that say when anything else was done."""
FIRST_STEPS = vocabulary.words("steps", "first")
"""Steps with which a sale begins: a heading of their date is that of the creation as well."""

TIME_IN_STAGE = (
    (
        re.compile(r'^cumulative time in "(.+)"$', re.IGNORECASE),
        re.compile(r'^latest time in "(.+)"$', re.IGNORECASE),
        re.compile(r'^date entered "(.+)"$', re.IGNORECASE),
    ),
    (
        re.compile(r"^hs_v2_cumulative_time_in_(.+)$", re.IGNORECASE),
        re.compile(r"^hs_v2_latest_time_in_(.+)$", re.IGNORECASE),
        re.compile(r"^hs_v2_date_entered_(.+)$", re.IGNORECASE),
    ),
)
"""The two times that betray a second visit: all visits together, and the latest one."""


# ---------------------------------------------------------------- how a heading meets words

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
OTHER_FACT = re.compile(
    r"expect|plan|forecast|target|previous|prior|\bold\b|former|initial|original|weighted|"
    r"discount|proposed|requested|geplant|erwartet|voraussichtl|\bsoll\b|\balt\b|vorher|vorig|"
    r"gewichtet|ursprüngl|prévu|prévision|pondéré|précédent|ancien|initial|previst|ponderad|"
    r"anterior|inicial|ponderat|precedent|inizial|verwacht|gewogen|vorige|gepland|planow|ważon|"
    r"poprzedn|план|прогноз|ожида|взвеш|предыдущ|beklenen|tahmin|a\u011f\u0131rl\u0131k|önceki|"
    r"پیش‌بینی|برنامه|انتظار|قبلی|متوقع|مخطط|السابق",
    re.IGNORECASE,
)
"""What in the brackets of a heading says that it is another fact: a plan, or what was before."""
MOST_COMPARED = 3_000_000
KEPT_FORMS = 50_000
"""Forms of headings and of the words of all vocabularies, which every file is compared with."""
NEAR = 0.85
"""Keys at least so similar are proposed as one; nothing is merged before the user says so."""


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


def headings_by_form(headings: Sequence[str]) -> dict[str, str]:
    """Return the headings by the form in which they are compared, the first of a form.

    A unit in brackets at the end is no part of a name, and neither is what says that users
    made the field: "Amount (EUR)" is an amount, `Loss_Reason__c` a reason.
    """
    # of two that differ in their brackets only, what is so goes before what is planned or was
    planned = [h for h in reversed(headings) if OTHER_FACT.search(_in_brackets(h))]
    so = [h for h in reversed(headings) if h not in planned]
    bare = {loose(UNIT.sub("", OWN_FIELD.sub("", h))): h for h in (*planned, *so)}
    counted = {form: h for h in reversed(headings) if (form := find_money_form(h))}
    one_by_one = [h for h in headings if h not in _in_series(headings)]
    bags = {form: h for h in reversed(one_by_one) if (form := _bag(UNIT.sub("", h)))}
    return bags | counted | bare | {loose(heading): heading for heading in reversed(headings)}


def _in_brackets(heading: str) -> str:
    """Return what stands in brackets at the end of a heading; '' where nothing does."""
    found = UNIT.search(heading)
    return found[0] if found else ""


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
def find_money_form(heading: str) -> str:
    """Return the form of a heading of money that says its unit, or what it is a sum of, else ''.

    >>> [find_money_form(one) for one in ("Umsatz in Mio. \u20ac", "Phase (K)", "amount_usd")]
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


def exact_heading(name: str, headings: Sequence[str]) -> str:
    """Return the heading that is a canonical name but for case and spaces; '' without one."""
    return next((heading for heading in headings if simplify_heading(heading) == name), "")


def first_heading(words: Sequence[str], by_form: Mapping[str, str]) -> str:
    """Return the first heading that is one of these words; '' without one."""
    return next((heading for word in words if (heading := _in(word, by_form))), "")


def headings_of(words: Sequence[str], by_form: Mapping[str, str]) -> tuple[str, ...]:
    """Return every heading that is one of these words, in the order of the words."""
    return tuple(dict.fromkeys(heading for word in words if (heading := _in(word, by_form))))


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
    bare = {find_money_form(cell) or loose(UNIT.sub("", cell)) or loose(cell) for cell in texts}
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


def used_headings(table: Table) -> list[str] | None:
    """Return the headings that are columns of ours; None of a table that has a stage."""
    if table.heading("stage") or table.heading("entered_at"):
        return None
    return [heading for name in COLUMNS if (heading := table.heading(name))]
