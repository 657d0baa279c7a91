"""One deal: its rows as given, what became of each, and where each visit was counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leakkit import sources
from leakkit.analysis import analyze
from leakkit.errors import LeakkitError, visible
from leakkit.loading import find_source as found_source
from leakkit.store.settled_deals import LoadOptions
from leakkit.store.trace import (
    Fate,
    Implied,
    Passage,
    RowSource,
    Standing,
    Trace,
    read_places,
    read_texts,
    standing_of,
    trace,
    visits_of,
)
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.config import Config
    from leakkit.sources.headings.reading import Table
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store import Store
    from leakkit.store.resolve import Rules


CENSORED = ("open", "moved")


@dataclass(frozen=True)
class Row:
    """A row as given: its file, its texts by heading, and its fate."""

    file: str
    texts: tuple[tuple[str, str], ...]
    fate: Fate


@dataclass(frozen=True)
class CountedVisit:
    """Where a visit was counted: on the days [first_day, end_day) of a window.

    It was at risk from one age to another, in the pipeline's unit. `exit` is the exit
    that the curves count, empty where it was followed to the end and none is counted.
    `inside` says whether it ended by the horizon, `late` whether after the expected
    days; None where there is no such age.
    """

    window: str
    first_day: int
    end_day: int
    first_visit: bool
    from_age: int
    to_age: int
    exit: str
    inside: bool | None
    late: bool | None


@dataclass(frozen=True)
class Visit:
    """One visit to a stage, the ages that it is judged by, and where it was counted."""

    passage: Passage
    unit_per_day: int
    stay: int
    horizon: float | None
    expected: float | None
    counted: tuple[CountedVisit, ...]


@dataclass(frozen=True)
class Explanation:
    """What became of one deal. Reasons are codes, ages in the pipeline's unit.

    `set_aside` is the reason why the deal is in no number, if so; `standing` is None
    where it is in none. `implied` are rows that stand in no file, each with the name of
    its stage (empty: a close). `why` says why the outcome is what it is, `overdue` why an open
    deal is late (visit_late, deal_late).
    """

    opportunity_id: str
    rows: tuple[Row, ...]
    implied: tuple[tuple[str, Implied], ...]
    set_aside: str
    standing: Standing | None
    why: tuple[str, ...]
    overdue: tuple[str, ...]
    visits: tuple[Visit, ...]
    last_day: int
    language: str


def explain(
    source: str | Path | Mapping[str, pd.DataFrame],
    opportunity_id: str,
    config: Config | str | Path | None = None,
    *,
    as_of: str = "",
    allow: Sequence[str | Path] = (),
) -> Explanation:
    """What became of one deal, row by row, and where was it counted?

    Reads the whole source, as `leakkit.load` does: what becomes of a row depends on the
    others. A store keeps no rows as given, so `source` must be what it was made of.
    Raises LeakkitError for an opportunity_id that no row names, with the nearest ones.

    >>> import leakkit
    >>> found = explain("sample", leakkit.sample.make().opportunities["opportunity_id"][0])
    >>> {row.fate.what for row in found.rows} <= {"used", "merged", "not_asked", "set_aside"}
    True
    """
    seen: list[tuple[Trace, tuple[Row, ...]]] = []

    def watch(store: Store, found: Found, rules: Rules) -> None:
        traced = trace(store, rules, opportunity_id.strip())
        seen.append((traced, tuple(_yield_rows(store, found, traced))))

    with sources.load(
        *found_source(source, config),
        as_of=as_of,
        watch=watch,
        options=LoadOptions(plain=False, deal=opportunity_id.strip()),
        allow=allow,
    ) as store:
        if not seen:
            message = "A store keeps no rows as given: explain needs the files it was made of."
            raise LeakkitError("no_rows_as_given", message)
        return _put_together(store, *seen[0])


def _yield_rows(store: Store, found: Found, traced: Trace) -> Iterator[Row]:
    """Yield the rows of a deal as given, with their fates."""
    for table, fates in (
        (found.opportunities, traced.opportunities),
        (found.history, traced.history),
    ):
        if table is None:
            continue
        texts = _texts(store, table, traced.opportunity_id)
        made = found.origins if table is found.history else ""
        places = read_places(store, made, [fate.line for fate in fates])
        for fate in fates:
            file, line = places.get(fate.line, (table.file, fate.line))
            yield Row(file, texts.get(fate.line, ()), replace(fate, line=line))


def _texts(
    store: Store, table: Table, opportunity_id: str
) -> dict[int, tuple[tuple[str, str], ...]]:
    """Return the texts of the rows of a deal: line -> (heading, text)."""
    headings = list(table.types)
    columns = [table.text_under(heading) for heading in headings]
    source = RowSource(table.relation, table.line, table.text("opportunity_id"))
    rows = read_texts(store, source, columns, opportunity_id)
    return {line: tuple(zip(headings, texts, strict=True)) for line, texts in rows.items()}


def _put_together(store: Store, traced: Trace, rows: tuple[Row, ...]) -> Explanation:
    """Put together what was traced and what was counted."""
    passages = visits_of(store, traced.opportunity_id)
    standing = standing_of(store, traced.opportunity_id)
    names = sorted({each.pipeline for each in passages})
    analysis = analyze(store, names) if names else None
    visits = tuple(_visit(analysis[each.pipeline], each) for each in passages if analysis)
    config = store.config
    stages = [[stage.name for stage in pipeline.stages] for pipeline in config.pipelines]
    implied = tuple(
        (stages[row.pipeline][row.stage] if row.stage >= 0 else "", row) for row in traced.implied
    )
    last_day = int(store.meta("last_day"))
    return Explanation(
        opportunity_id=traced.opportunity_id,
        rows=rows,
        implied=implied,
        set_aside=traced.set_aside,
        standing=standing,
        why=traced.why,
        overdue=_overdue(analysis, config, standing, visits, last_day),
        visits=visits,
        last_day=last_day,
        language=config.language,
    )


def _visit(pipeline: PipelineNumbers, passage: Passage) -> Visit:
    """Say where a visit was counted, and what it was judged by."""
    stage = pipeline.stages[passage.stage]
    days, per_day = pipeline.windows, pipeline.unit_per_day
    spans = {"all": (days.start_day, days.end_day)}
    spans |= {"baseline": days.baseline} if days.baseline else {}
    spans |= {"current": days.current} if days.current else {}
    last = days.end_day * per_day - 1
    end = last if passage.left_tick is None else passage.left_tick
    judged = stage.horizon.age, stage.expected.age
    counted = [
        each
        for name, span in spans.items()
        if (each := _count_visit(name, span, passage, per_day, judged)) is not None
    ]
    stay = max(end - passage.entered_tick, 0)
    return Visit(passage, per_day, stay, *judged, tuple(counted))


def _count_visit(
    window: str,
    span: tuple[int, int],
    passage: Passage,
    per_day: int,
    judged: tuple[float | None, float | None],
) -> CountedVisit | None:
    """Say how a visit was counted in a window (docs/method.md, section 2); None where it was not.

    As observed: a skip policy may count its exit otherwise.
    """
    first, end = (day * per_day for day in span)
    entered, left = passage.entered_tick, passage.left_tick
    if entered >= end or (left is not None and left < first):
        return None
    ends = left is not None and left < end
    to_age = (left if left is not None and ends else end - 1) - entered
    horizon, expected = judged
    return CountedVisit(
        window,
        *span,
        first_visit=passage.visit == 1,
        from_age=max(first - entered, 0),
        to_age=to_age,
        exit=passage.exit if ends and passage.exit not in CENSORED else "",
        inside=None if horizon is None else to_age <= horizon,
        late=None if expected is None else to_age > expected,
    )


def _overdue(
    analysis: Analysis | None,
    config: Config,
    standing: Standing | None,
    visits: tuple[Visit, ...],
    last_day: int,
) -> tuple[str, ...]:
    """Say why an open deal is late, as the balances count it."""
    if analysis is None or standing is None or visits[-1].passage.exit != "open":
        return ()
    last = visits[-1]
    declared = {pipeline.name: pipeline.expected_days for pipeline in config.pipelines}
    limit, created = declared[last.passage.pipeline], standing.created_day
    found = {
        "visit_late": last.expected is not None and last.stay > last.expected,
        "deal_late": limit is not None and created is not None and last_day - created > limit,
    }
    return tuple(code for code, is_so in found.items() if is_so)


# In words


def as_text(explanation: Explanation) -> str:
    """Return an explanation as lines for a terminal."""
    lines = _lines(explanation, Words(explanation.language))
    return "\n".join(visible(line).replace("\n", " ") for line in lines)


def _lines(explanation: Explanation, words: Words) -> Iterator[str]:
    """Yield an explanation line by line."""
    yield words.say("explain.title", id=repr(explanation.opportunity_id))
    yield from outcome_lines(explanation, words)
    yield words.say("explain.rows")
    for row in explanation.rows:
        said = ", ".join(f"{heading} = {text!r}" for heading, text in row.texts)
        yield "  " + words.say(
            "explain.row", file=row.file, line=row.fate.line, texts=said, **fate_facts(row, words)
        )
    if explanation.implied:
        yield words.say("explain.implied")
    for name, implied in explanation.implied:
        yield "  " + words.say(
            "explain.implied_row",
            stage=stage_words(name, implied, words),
            day=implied.day,
            step=implied.step,
            reason=words.say(f"explain.reasons.{implied.reason}"),
        )
    if explanation.visits:
        yield words.say("explain.passages")
    for visit in explanation.visits:
        yield "  " + visit_line(visit, words)
        for counted in visit.counted:
            yield "    " + counted_line(visit, counted, words)


def outcome_lines(explanation: Explanation, words: Words) -> Iterator[str]:
    """Yield how the deal stands, and why."""
    standing = explanation.standing
    if explanation.set_aside:
        reason = words.say(f"explain.reasons.{explanation.set_aside}")
        yield words.say("explain.set_aside", reason=reason)
        return
    if standing is None:
        yield words.say("explain.not_asked")
        return
    never = words.say("explain.never")
    days = {"created": standing.created_day, "closed": standing.closed_day}
    said = {name: never if day is None else words.date(day) for name, day in days.items()}
    outcome = words.say(f"explain.{standing.outcome}")
    yield words.say("explain.outcome", outcome=outcome, pipeline=standing.pipeline, **said)
    yield words.say("explain.why", reasons=_say_codes("reasons", explanation.why, words))
    if standing.current_stage:
        yield words.say("explain.stands", stage=standing.current_stage)
    if explanation.overdue:
        reasons = "; ".join(words.say(f"explain.{code}") for code in explanation.overdue)
        yield words.say("explain.overdue_now", reasons=reasons)


def _say_codes(table: str, codes: tuple[str, ...], words: Words) -> str:
    """Say several codes."""
    return "; ".join(words.say(f"explain.{table}.{code}") for code in codes)


def fate_facts(row: Row, words: Words) -> dict[str, str | int]:
    """Return the fate of a row in words."""
    return {
        "fate": words.say(f"explain.fates.{row.fate.what}"),
        "step": row.fate.step,
        "reason": words.say(f"explain.reasons.{row.fate.reason}"),
    }


def stage_words(name: str, implied: Implied, words: Words) -> str:
    """Say the stage of a row that stands in no file; a close says how it closed."""
    return name or words.say("explain.won" if implied.stage == -1 else "explain.lost")


def age_words(visit: Visit, age: float, words: Words) -> str:
    """Say an age in the unit of the pipeline."""
    return words.say("units.hours" if visit.unit_per_day > 1 else "units.days", n=age)


def visit_line(visit: Visit, words: Words) -> str:
    """Say one visit."""
    passage, stay = visit.passage, age_words(visit, visit.stay, words)
    left = words.say("explain.still", stay=stay)
    if passage.left_day is not None:
        left = words.say("explain.left", day=passage.left_day, stay=stay)
    return words.say(
        "explain.passage",
        pipeline=passage.pipeline,
        stage=passage.name,
        visit=passage.visit,
        entry=words.say(f"explain.entries.{passage.entry}"),
        entered=passage.entered_day,
        exit=words.say(f"explain.exits.{passage.exit}"),
        left=left,
    )


def counted_line(visit: Visit, counted: CountedVisit, words: Words) -> str:
    """Say where and how a visit was counted."""
    key = f"explain.window_{counted.window}"
    facts = {
        "window": words.say(key, first=counted.first_day, last=counted.end_day - 1),
        "visits": words.say("explain.first_visit" if counted.first_visit else "explain.again"),
        "from": age_words(visit, counted.from_age, words),
        "to": age_words(visit, counted.to_age, words),
        "exit": words.say("explain.censored"),
        "horizon": words.say("explain.no_horizon"),
        "expected": words.say("explain.no_expected"),
    }
    if counted.exit:
        exit_ = words.say(f"explain.exits.{counted.exit}")
        facts["exit"] = words.say("explain.left_as", exit=exit_)
    if visit.horizon is not None:
        side = "inside" if counted.inside else "beyond"
        facts["horizon"] = words.say(f"explain.{side}", age=age_words(visit, visit.horizon, words))
    if visit.expected is not None:
        side = "late" if counted.late else "in_time"
        age = age_words(visit, visit.expected, words)
        facts["expected"] = words.say(f"explain.{side}", age=age)
    return words.say("explain.counted", **facts)
