"""Which file is which, and which column is which: by names, and never by guessing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leakkit.config import COLUMNS, Export
from leakkit.sources.headings.heading_words import (
    CLEAR,
    DATED_STAGE,
    DATED_STEP,
    DEALS,
    ENTERED_STEP,
    FIRST_STEPS,
    HISTORY,
    NO_ENTRY,
    NO_STEP,
    PLAIN_IDS,
    UNIT,
    USUAL,
    VAGUE_MOMENT,
    exact_heading,
    find_money_form,
    first_heading,
    headings_by_form,
    headings_of,
    known_exports,
    loose,
)
from leakkit.sources.headings.reading import simplify_heading

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Mapping, Sequence

NEEDED = ("opportunity_id", "stage", "entered_at")
DATED = {"entered_at", "created_at", "closed_at", "outcome"}
"""Where one of these is there, a column that is only called a date may be any."""
DEAL_COLUMNS = tuple(name for name in USUAL if name not in {"entered_at", "from_stage"})
"""What the usual headings of a list of deals name."""
FALL_BACK = ("created_at", "closed_at", "value")
"""What is looked for by usual words where a maker's own heading is not there."""


@dataclass(frozen=True)
class TablePart:
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
) -> TablePart:
    """Say which part a file plays, by its headings.

    What the configuration says goes first. A file that has what it needs by canonical
    names is no maker's export. Then the exports of makers, whose headings beat canonical
    names. What is not there by any of these is looked for by usual words.

    >>> part_of(["opportunity_id", "stage", "entered_at"], {}).table
    'stage_history'
    >>> part_of(["Deal - ID", "Deal - Stage", "Deal - Status"], {}).maker
    'pipedrive'
    """
    by_form = headings_by_form(headings)
    said = {n: h for n, given in renamed.items() if (h := by_form.get(loose(given)))}
    named = {n: h for n in COLUMNS if (h := said.get(n) or exact_heading(n, headings))}
    signs = {
        form for h in headings for form in (loose(h), loose(UNIT.sub("", h)), find_money_form(h))
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
    found = {name: headings_of(USUAL[name], by_form) for name in names}
    free = {name: [h for h in headings if h not in taken] for name, headings in found.items()}
    if "closed_at" in free:
        free["closed_at"] = [h for h in free["closed_at"] if "closed" in loose(h)]
    return {name: headings[0] for name, headings in free.items() if headings}


def _says_the_same(export: Export, by_form: Mapping[str, str], said: Mapping[str, str]) -> bool:
    """Say whether a configuration calls the columns of an export as its maker does."""
    return all(
        said.get(n) == first_heading(export.columns.get(n, ()), by_form) != "" for n in NEEDED
    )


def _part_of_export(
    export: Export, by_form: Mapping[str, str], said: Mapping[str, str], headings: Sequence[str]
) -> TablePart:
    """Return the part of a maker's export: its headings beat canonical names."""
    columns = {**export.columns}
    # headings of a maker without its ids are another's, or were written by hand
    sure = "opportunity_id" in said or first_heading(columns.get("opportunity_id", ()), by_form)
    for name in CLEAR if sure or export.table != DEALS else DEAL_COLUMNS:
        if columns.get(name) != ():
            columns[name] = (*columns.get(name, ()), *USUAL[name])
    known = {
        n: first_heading(columns[n], by_form) for n in COLUMNS if n in columns and n not in said
    }
    taken = {heading for heading in (*known.values(), *said.values()) if heading}
    other = {n for n in COLUMNS if n not in {*known, *said} and exact_heading(n, headings) in taken}
    known = {n: h for n, h in known.items() if h or not columns[n]} | dict.fromkeys(other, "")
    reasons = headings_of(columns.get("lost_reason", ()), by_form)
    rivals = {"lost_reason": reasons} if len(reasons) > 1 and "lost_reason" in known else {}
    lacking = [n for n in FALL_BACK if columns.get(n) and not known.get(n) and n not in said]
    for name, heading in _plainly(lacking, by_form, [*known.values(), *said.values()]).items():
        known[name], rivals[name] = heading, (heading,)
    return TablePart(export.table, export.name, known, rivals, export)


def _part_by_words(by_form: Mapping[str, str], named: Mapping[str, str]) -> TablePart:
    """Return the part of a file of no maker in particular, by usual words."""
    known, rivals = _usual(USUAL, by_form, named)
    for name in () if all(name in named for name in NEEDED) else ("lost_reason", "stage"):
        # our own name may stand above other cells than those that are meant
        others = [h for h in headings_of((name, *USUAL[name]), by_form) if h not in known.values()]
        if by_form.get(loose(name)) == named.get(name) and len(others) > 1:
            known[name], rivals[name] = named[name], tuple(others)
    there = {**named, **known}
    if all(name in named for name in NEEDED):
        return TablePart(HISTORY, known=known, rivals=rivals)
    ids = _plain_ids(by_form, there)
    if "opportunity_id" not in there and not ids:
        return TablePart("", known=known, rivals=rivals)
    if "opportunity_id" not in there:
        rivals["opportunity_id"], known["opportunity_id"] = ids, ids[0]
        return TablePart(DEALS, known=known, rivals=rivals, plain_id=True)
    if "opportunity_id" in rivals:
        rivals["opportunity_id"] += ids
    if not there.keys() & DATED:
        vague, _ = _usual({"entered_at": VAGUE_MOMENT}, by_form, there)
        known, there = {**known, **vague}, {**there, **vague}
    part = HISTORY if all(name in there for name in NEEDED) else DEALS
    return TablePart(part, known=known, rivals=rivals)


def _plain_ids(by_form: Mapping[str, str], there: Mapping[str, str]) -> tuple[str, ...]:
    """Return the headings that are only called an id, in a list of deals.

    In a history such a column numbers the rows, and never the deals.
    """
    headings = list(dict.fromkeys(by_form.values()))
    placed = "stage" in there or dated_stages(headings, {}, (), list(there.values()))
    is_list = placed and "entered_at" not in there and there.keys() & DATED
    free = [h for h in headings_of(PLAIN_IDS, by_form) if h not in there.values()]
    return tuple(free) if is_list else ()


def _export_of(forms: Collection[str], exports: Sequence[Export]) -> Export | None:
    """Return the export that the headings show as they are; of several the one of most signs."""
    found = [one for one in exports if all(loose(sign) in forms for sign in one.signs)]
    return max(found, key=lambda one: len(one.signs), default=None)


def _usual(
    columns: Mapping[str, Sequence[str]], by_form: Mapping[str, str], named: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the headings of usual words that are there and no other column, and their rivals."""
    taken, known, rivals = set(named.values()), dict[str, str](), dict[str, tuple[str, ...]]()
    for name, words in columns.items():
        free = tuple(heading for heading in headings_of(words, by_form) if heading not in taken)
        if name in named or not free:
            continue
        known[name] = free[0]
        rivals[name] = free
        taken.add(free[0])
    return known, rivals


@dataclass(frozen=True)
class DatedStage:
    """A column that holds the date of one stage."""

    heading: str
    stage: str
    pipeline: str = ""


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
    """Return the columns that are called the date of a step, if there are three or more.

    Of those that say when a step began, one must be a step with which a sale begins.
    """
    found = called_steps(headings, taken)
    dated = [one for one in found if _step_of(one.heading, DATED_STEP)]
    enough, first = 3, {loose(word) for word in FIRST_STEPS}
    if len(dated) < enough and any(loose(one.stage) in first for one in found):
        dated = found
    return dated if len(dated) >= enough else []


def _step_of(heading: str, patterns: Sequence[re.Pattern[str]]) -> str:
    """Return the step that a heading names; "" where it names none."""
    match = next((m for p in patterns if (m := p.match(heading.strip()))), None)
    return match["stage"].strip() if match and not NO_STEP.search(heading) else ""


def called_steps(headings: Sequence[str], taken: Sequence[str]) -> list[DatedStage]:
    """Return the columns that are called the date of something.

    Those that are another column of ours, plans and last changes are no steps. The date
    with which a sale begins is a step, and that of its creation.
    """
    found, first = [], {loose(word) for word in FIRST_STEPS}
    for heading in headings:
        step = _step_of(heading, DATED_STEP)
        if not step and not NO_ENTRY.search(heading):
            step = _step_of(heading, ENTERED_STEP)
        if step and (heading not in taken or loose(step) in first):
            found.append(DatedStage(heading, step))
    return found
