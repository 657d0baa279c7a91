"""The second implementation: slow, plain and obvious, for the tests to compare against.

It follows docs/contracts.md ("The order in which a source is resolved", whose step numbers
stand in the comments) and docs/method.md (sections 2 to 5), with loops over lists and
dictionaries, one deal at a time, and with exact fractions where a threshold is compared. It
shares no code with the engine. Where the two disagree, one of them is a bug, or a page is unclear.

Raw rows are dictionaries of typed values: moments are whole UTC seconds or None, money is whole
minor units or None, texts are str (empty where missing), `seq` is an int or None.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, zip_longest
from statistics import NormalDist
from typing import Any, Literal, Protocol

Unit = Literal["day", "hour"]
RawRow = Mapping[str, Any]

SECONDS_PER_DAY = 86_400
SECONDS_PER_HOUR = 3_600
SENTINEL_FROM = 2_493_072_000  # 2049-01-01T00:00:00 UTC
DIRECTION_ROWS = 200_000
DIRECTION_SHARE = Fraction(9, 10)

ENTRIES = ("new", "from_previous", "jumped_in", "returned_in", "reopened")
EXITS = ("next", "jumped", "won_here", "returned", "lost", "moved")
ADVANCED = ("next", "jumped", "won_here")
CENSORED = ("moved", "open", "censored")  # "censored": made by the strict policy only

# ---------------------------------------------------------------------------------------------
# What goes in, what comes out
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PipelineRules:
    """A declared pipeline: its stages in order, the words that close it, its unit of stay."""

    name: str
    stages: tuple[str, ...]
    won: tuple[str, ...] = ("Won",)
    lost: tuple[str, ...] = ("Lost",)
    unit: Unit = "day"
    expected_days: float | None = None


@dataclass(frozen=True)
class Rules:
    """What the configuration says about a source. `as_of` is the last used moment, inclusive."""

    pipelines: tuple[PipelineRules, ...]
    as_of: int
    last_day: int
    utc_offset_seconds: int = 0
    ignore_unknown_stages: bool = False
    outcome_won: tuple[str, ...] = ("Won",)
    outcome_lost: tuple[str, ...] = ("Lost",)
    outcome_open: tuple[str, ...] = ("Open",)
    source_name: str = "source"
    closes_are_days: bool = False


@dataclass(frozen=True)
class Passage:
    """One visit of one deal to one stage. `step` counts the deal's passages from 1."""

    opportunity_id: str
    pipeline: str
    step: int
    stage: int
    visit: int
    entry: str
    entered_at: int
    entered_day: int
    entered_tick: int
    left_at: int | None
    left_day: int | None
    left_tick: int | None
    exit: str
    to_stage: int | None
    skipped: int


@dataclass(frozen=True)
class Deal:
    """One opportunity as it stands at `as_of`.

    `closed_at` is the moment of the final close and None while the deal is open.
    `current_stage` is where an open deal stands (for a deal without history: as stated).
    """

    opportunity_id: str
    pipeline: str
    outcome: str
    created_at: int | None
    created_day: int | None
    closed_at: int | None
    value: int | None
    current_stage: int | None
    has_history: bool


@dataclass(frozen=True)
class RowCount:
    """What became of the rows of one file. `read` is the sum of the others."""

    read: int
    used: int
    merged: int
    not_asked: int
    set_aside: int


@dataclass(frozen=True)
class Resolved:
    """A whole source, resolved. `closes` = `final_closes` + `reopened`."""

    passages: list[Passage]
    deals: list[Deal]
    rows: dict[str, RowCount]
    facts: Counter[str]
    closes: int
    final_closes: int
    reopened: int


# ---------------------------------------------------------------------------------------------
# Small words: time, names
# ---------------------------------------------------------------------------------------------


def local_day(moment: int, rules: Rules) -> int:
    """The local calendar day number (days since 1970-01-01) of a moment."""
    return (moment + rules.utc_offset_seconds) // SECONDS_PER_DAY


def local_tick(moment: int, unit: Unit, rules: Rules) -> int:
    """The local day number, or the local hour number in a pipeline with unit "hour"."""
    seconds = SECONDS_PER_HOUR if unit == "hour" else SECONDS_PER_DAY
    return (moment + rules.utc_offset_seconds) // seconds


def ticks_per_day(unit: Unit) -> int:
    """How many units of stay make a day."""
    return 24 if unit == "hour" else 1


def last_tick(last_day: int, unit: Unit) -> int:
    """The last used day, or the last hour of it."""
    return last_day * ticks_per_day(unit) + ticks_per_day(unit) - 1


def readable(moment: int | None) -> int | None:
    """The moment, or None where it is missing or a sentinel (2049 and later)."""
    return None if moment is None or moment >= SENTINEL_FROM else moment


def same_name(left: str, right: str) -> bool:
    """Names and words are compared without case and outer space."""
    return left.strip().casefold() == right.strip().casefold()


def position_of(name: str, names: Sequence[str]) -> int | None:
    """Where a name stands in a list of names; None where it does not, or is empty."""
    for position, candidate in enumerate(names):
        if name.strip() and same_name(name, candidate):
            return position
    return None


def pipeline_rules(name: str, rules: Rules) -> PipelineRules | None:
    """The declared pipeline of that name, or None."""
    position = position_of(name, [pipeline.name for pipeline in rules.pipelines])
    return None if position is None else rules.pipelines[position]


def close_kind(name: str, pipeline: PipelineRules) -> str | None:
    """What a stage text of a history row closes: "won", "lost" or None."""
    if position_of(name, pipeline.won) is not None:
        return "won"
    return "lost" if position_of(name, pipeline.lost) is not None else None


def outcome_kind(word: str, rules: Rules) -> str | None:
    """What an outcome says: "won", "lost", "open", or None where it is no known word."""
    for kind, words in (
        ("won", rules.outcome_won),
        ("lost", rules.outcome_lost),
        ("open", rules.outcome_open),
    ):
        if position_of(word, words) is not None:
            return kind
    return None


# ---------------------------------------------------------------------------------------------
# One source
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbered:
    """A raw row and its position in its file."""

    position: int
    raw: RawRow


@dataclass(frozen=True)
class Story:
    """What became of one deal and of each of its rows (position in the file -> fate)."""

    deal: Deal | None
    passages: list[Passage]
    opportunity_fates: dict[int, str]
    history_fates: dict[int, str]
    facts: Counter[str]


class SetAsideError(Exception):
    """The whole deal is set aside, with all its rows that have no fate yet."""


def resolve(
    opportunities: list[dict[str, Any]] | None, history: list[dict[str, Any]], rules: Rules
) -> Resolved:
    """What do these rows say, deal by deal? docs/contracts.md, steps 1 to 14."""
    opportunity_rows = [Numbered(i, raw) for i, raw in enumerate(opportunities or [])]
    history_rows = [Numbered(i, raw) for i, raw in enumerate(history)]
    direction = file_direction(history)
    rules = replace(rules, closes_are_days=closes_are_days(opportunities or [], rules))
    stories = []
    for opportunity_id in all_ids(opportunity_rows + history_rows):
        mine = [row for row in opportunity_rows if row.raw["opportunity_id"] == opportunity_id]
        past = [row for row in history_rows if row.raw["opportunity_id"] == opportunity_id]
        stories.append(tell(opportunity_id, mine, past, rules, direction))
    facts: Counter[str] = sum((story.facts for story in stories), Counter())
    if opportunities is None:
        facts.pop("without_opportunity", None)
    passages = [passage for story in stories for passage in story.passages]
    closes, final = count_closes(passages)
    return Resolved(
        passages=passages,
        deals=[story.deal for story in stories if story.deal is not None],
        rows={
            "opportunities": count_rows(
                opportunity_rows, [story.opportunity_fates for story in stories]
            ),
            "stage_history": count_rows(history_rows, [s.history_fates for s in stories]),
        },
        facts=facts,
        closes=closes,
        final_closes=final,
        reopened=closes - final,
    )


def closes_are_days(opportunities: list[dict[str, Any]], rules: Rules) -> bool:
    """Step 10: closing dates that are all at midnight have no time: each is its whole day."""
    given = [row["closed_at"] for row in opportunities if row["closed_at"] is not None]
    return bool(given) and all(
        (moment + rules.utc_offset_seconds) % SECONDS_PER_DAY == 0 for moment in given
    )


def all_ids(rows: Iterable[Numbered]) -> list[str]:
    """Every opportunity_id of both files, in code-point order; the empty one is none."""
    return sorted({row.raw["opportunity_id"] for row in rows} - {""})


def count_rows(rows: list[Numbered], fates_of_deals: list[dict[int, str]]) -> RowCount:
    """Rows read = used + merged + not asked for + set aside."""
    fates = {row.position: "set_aside" for row in rows if not row.raw["opportunity_id"]}  # step 1
    for fates_of_deal in fates_of_deals:
        fates.update(fates_of_deal)
    counted = Counter(fates.values())
    return RowCount(
        read=len(rows),
        used=counted["used"],
        merged=counted["merged"],
        not_asked=counted["not_asked"],
        set_aside=counted["set_aside"],
    )


def count_closes(passages: list[Passage]) -> tuple[int, int]:
    """Closes that end a passage, and those of them that nothing follows (the final ones)."""
    last_step: dict[str, int] = {}
    for passage in passages:
        last_step[passage.opportunity_id] = passage.step
    closed = [passage for passage in passages if passage.exit in ("won_here", "lost")]
    final = [passage for passage in closed if passage.step == last_step[passage.opportunity_id]]
    return len(closed), len(final)


def file_direction(history: list[dict[str, Any]]) -> str:
    """Which way does the file run: "forward", "backward" or "none"?

    Neighbours are a deal's own consecutive rows in the file (other deals' rows may stand
    between); rows without a readable moment are passed over.
    """
    before: dict[str, int] = {}
    up = down = 0
    for raw in history[:DIRECTION_ROWS]:
        opportunity_id, moment = raw["opportunity_id"], readable(raw["entered_at"])
        if not opportunity_id or moment is None:
            continue
        earlier = before.get(opportunity_id, moment)
        up += moment > earlier
        down += moment < earlier
        before[opportunity_id] = moment
    if up + down == 0:
        return "none"
    if Fraction(up, up + down) >= DIRECTION_SHARE:
        return "forward"
    return "backward" if Fraction(down, up + down) >= DIRECTION_SHARE else "none"


# ---------------------------------------------------------------------------------------------
# One deal
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HistoryRow:
    """A history row that has found its pipeline. `stage` or `close` is None, or both."""

    position: int
    pipeline: str
    stage: int | None
    close: str | None
    moment: int | None
    seq: int | None
    from_stage: str

    @property
    def is_known(self) -> bool:
        return self.stage is not None or self.close is not None


@dataclass(frozen=True)
class Event:
    """A stage entered or a close, in order. `position` is None where no row stands behind it."""

    position: int | None
    pipeline: str
    stage: int | None
    close: str | None
    moment: int
    last_touch: int


def tell(
    opportunity_id: str,
    mine: list[Numbered],
    past: list[Numbered],
    rules: Rules,
    direction: str,
) -> Story:
    """One deal, with a fate for each of its rows. The first fate that a row gets, it keeps."""
    opportunity_fates: dict[int, str] = {}
    history_fates: dict[int, str] = {}
    facts: Counter[str] = Counter()
    try:
        opportunity = the_one_row(mine, opportunity_fates)
        rows = rows_of_declared_pipelines(past, opportunity, rules, history_fates)
        rows = rows_until_as_of(rows, rules, history_fates)
        rows = rows_in_order(known_rows(rows, rules, direction, history_fates), direction)
        facts["ties"] += count_ties(rows)
        events = events_of(rows, opportunity, rules, facts)
        events = merge_equal_neighbours(events, history_fates)
        events = undo_closes(events, rules, history_fates, facts)
        events = merge_equal_neighbours(events, history_fates)
        said = said_outcome(opportunity, rules)[0]
        events = take_back_wins(events, said, history_fates, facts)
        events = replay_closes(events, history_fates, facts)
        first = events[0].moment if events else None
        events = apply_outcome_column(events, opportunity, rules, facts)
        passages = passages_of(opportunity_id, events, rules)
        facts["started_at_stage"] += sum(p.entry == "new" and p.stage > 0 for p in passages)
        deal = deal_of(opportunity_id, opportunity, events, first, rules, facts)
    except SetAsideError:
        give_the_rest(mine, opportunity_fates, "set_aside")
        give_the_rest(past, history_fates, "set_aside")
        return Story(None, [], opportunity_fates, history_fates, Counter())
    give_the_rest(mine, opportunity_fates, "not_asked" if deal is None else "used")
    give_the_rest(past, history_fates, "used")
    if deal is None:
        return Story(None, [], opportunity_fates, history_fates, Counter())
    return Story(deal, passages, opportunity_fates, history_fates, +facts)


def give_the_rest(rows: list[Numbered], fates: dict[int, str], fate: str) -> None:
    """Give this fate to every row that has none."""
    for row in rows:
        fates.setdefault(row.position, fate)


def the_one_row(mine: list[Numbered], fates: dict[int, str]) -> RawRow | None:
    """Step 2: equal rows merge into the first; different rows set the deal aside."""
    if not mine:
        return None
    if any(row.raw != mine[0].raw for row in mine):
        raise SetAsideError
    give_the_rest(mine[1:], fates, "merged")
    return mine[0].raw


def fallback_pipeline(rules: Rules) -> str:
    """Step 3, where no pipeline is given: the only declared one, or one named after the source."""
    if len(rules.pipelines) > 1:
        raise SetAsideError
    return rules.pipelines[0].name if rules.pipelines else rules.source_name


def rows_of_declared_pipelines(
    past: list[Numbered], opportunity: RawRow | None, rules: Rules, fates: dict[int, str]
) -> list[HistoryRow]:
    """Step 3: each row finds its pipeline; rows of undeclared ones are not asked for."""
    own = opportunity["pipeline"].strip() if opportunity is not None else ""
    named = [row for row in past if row.raw["pipeline"].strip() or own]
    for row in named:
        if pipeline_rules(row.raw["pipeline"].strip() or own, rules) is None:
            fates[row.position] = "not_asked"
    found = []
    for row in past:
        name = row.raw["pipeline"].strip() or own or fallback_pipeline(rules)
        pipeline = pipeline_rules(name, rules)
        if pipeline is None:
            fates[row.position] = "not_asked"
        else:
            found.append(history_row(row, pipeline))
    return found


def history_row(row: Numbered, pipeline: PipelineRules) -> HistoryRow:
    """Read a raw row with the words of its pipeline."""
    text = row.raw["stage"]
    stage = position_of(text, pipeline.stages)
    return HistoryRow(
        position=row.position,
        pipeline=pipeline.name,
        stage=stage,
        close=close_kind(text, pipeline) if stage is None else None,
        moment=readable(row.raw["entered_at"]),
        seq=row.raw["seq"],
        from_stage=row.raw["from_stage"],
    )


def rows_until_as_of(
    rows: list[HistoryRow], rules: Rules, fates: dict[int, str]
) -> list[HistoryRow]:
    """Step 4: rows after `as_of` are not asked for."""
    kept = []
    for row in rows:
        if row.moment is not None and row.moment > rules.as_of:
            fates[row.position] = "not_asked"
        else:
            kept.append(row)
    return kept


def known_rows(
    rows: list[HistoryRow], rules: Rules, direction: str, fates: dict[int, str]
) -> list[HistoryRow]:
    """Step 5: rows that name nothing are not asked for, or set the deal aside."""
    after_win = positions_after_a_win(rows, direction)
    kept = []
    for row in rows:
        if not row.is_known and (rules.ignore_unknown_stages or row.position in after_win):
            fates[row.position] = "not_asked"
        else:
            kept.append(row)
    if any(row.moment is None or not row.is_known for row in kept):
        raise SetAsideError
    return kept


def positions_after_a_win(rows: list[HistoryRow], direction: str) -> set[int]:
    """Which rows come after a winning row of the history, in the order of step 6?"""
    ordered = rows_in_order([row for row in rows if row.moment is not None], direction)
    positions: set[int] = set()
    won = False
    for row in ordered:
        if won:
            positions.add(row.position)
        won = won or row.close == "won"
    return positions


def rows_in_order(rows: list[HistoryRow], direction: str) -> list[HistoryRow]:
    """Step 6: moment, then `seq`, then the file's order in its direction."""

    def key(row: HistoryRow) -> tuple[int, bool, int, int, int]:
        assert row.moment is not None
        declared = declared_rank(row) if direction == "none" else 0
        in_file = -row.position if direction == "backward" else row.position
        return (row.moment, row.seq is None, row.seq or 0, declared, in_file)

    return sorted(rows, key=key)


def declared_rank(row: HistoryRow) -> int:
    """The declared order: stages by position, then what is unknown, closes last."""
    if row.stage is not None:
        return row.stage
    return 1_000_000 if row.close is None else 2_000_000


def count_ties(rows: list[HistoryRow]) -> int:
    """Rows at the same moment as the row before, with no two different `seq` to part them."""
    ties = 0
    for before, row in pairwise(rows):
        parted = before.seq is not None and row.seq is not None and before.seq != row.seq
        ties += before.moment == row.moment and not parted
    return ties


def events_of(
    rows: list[HistoryRow], opportunity: RawRow | None, rules: Rules, facts: Counter[str]
) -> list[Event]:
    """Rows in order become events; a close takes the pipeline of the passage that it ends."""
    events = from_stage_event(rows[0], opportunity, rules, facts) if rows else []
    for row in rows:
        assert row.moment is not None
        event = Event(row.position, row.pipeline, row.stage, row.close, row.moment, row.moment)
        stages = [earlier for earlier in events if earlier.close is None]
        if event.close is not None and stages:
            event = replace(event, pipeline=stages[-1].pipeline)
        events.append(event)
    return events


def from_stage_event(
    first: HistoryRow, opportunity: RawRow | None, rules: Rules, facts: Counter[str]
) -> list[Event]:
    """Step 7: a first row that comes from A gives a passage in A since `created_at`."""
    pipeline = pipeline_rules(first.pipeline, rules)
    assert pipeline is not None
    assert first.moment is not None
    stage = position_of(first.from_stage, pipeline.stages)
    if stage is None or stage == first.stage:
        return []
    created = readable(opportunity["created_at"]) if opportunity is not None else None
    if created is None or created > first.moment:
        facts["from_stage_without_start"] += 1
        return []
    return [Event(None, first.pipeline, stage, None, created, created)]


def merge_equal_neighbours(events: list[Event], fates: dict[int, str]) -> list[Event]:
    """Step 8: equal neighbours merge into the first, which keeps the last moment as its touch."""
    kept: list[Event] = []
    for event in events:
        if kept and is_equal(kept[-1], event):
            kept[-1] = replace(kept[-1], last_touch=event.last_touch)
            mark(event, fates, "merged")
        else:
            kept.append(event)
    return kept


def is_equal(left: Event, right: Event) -> bool:
    """Same pipeline, and same stage or same kind of close."""
    return (left.pipeline, left.stage, left.close) == (right.pipeline, right.stage, right.close)


def mark(event: Event, fates: dict[int, str], fate: str) -> None:
    """Give the row behind the event its fate, if there is one."""
    if event.position is not None:
        fates[event.position] = fate


def undo_closes(
    events: list[Event], rules: Rules, fates: dict[int, str], facts: Counter[str]
) -> list[Event]:
    """Step 9, first half: a close with a next row within 1 day is an edit."""
    kept = []
    for event, following in zip_longest(events, events[1:]):
        if event.close is not None and following is not None:
            days = local_day(following.moment, rules) - local_day(event.moment, rules)
            if days <= 1:
                facts["close_undone"] += 1
                mark(event, fates, "merged")
                continue
        kept.append(event)
    return kept


def take_back_wins(
    events: list[Event], said: str | None, fates: dict[int, str], facts: Counter[str]
) -> list[Event]:
    """Step 9: a win with a loss after it is none, where the present state says lost."""
    kept = []
    for event, following in zip_longest(events, events[1:]):
        after = following.close if following is not None else None
        if event.close == "won" and after == "lost" and said == "lost":
            facts["win_taken_back"] += 1
            mark(event, fates, "merged")
            continue
        kept.append(event)
    return kept


def replay_closes(events: list[Event], fates: dict[int, str], facts: Counter[str]) -> list[Event]:
    """Step 9, second half, and step 14: closes that follow closes, closes before any stage."""
    kept: list[Event] = []
    for event in events:
        before = kept[-1] if kept else None
        stages = [earlier for earlier in kept if earlier.close is None]
        if event.close is not None and before is not None and before.close is not None:
            if before.close == event.close:
                kept[-1] = replace(before, last_touch=event.last_touch)
                mark(event, fates, "merged")
                continue
            if before.close == "won":
                facts["closed_after_win"] += 1
                mark(event, fates, "not_asked")
                continue
            if stages:
                facts["reopened_by_close"] += 1
                again = replace(stages[-1], position=None)
                kept.append(replace(again, moment=event.moment, last_touch=event.moment))
        if event.close is not None and not stages:
            facts["close_without_stage"] += 1
        kept.append(event)
    return kept


def apply_outcome_column(
    events: list[Event], opportunity: RawRow | None, rules: Rules, facts: Counter[str]
) -> list[Event]:
    """Steps 4 and 10: what the outcome column adds to a history, or takes from it."""
    said, closed_at = said_outcome(opportunity, rules)
    if opportunity is not None and is_close_after_as_of(opportunity, rules):
        facts["closes_after_as_of"] += 1
    end = events[-1].close if events else None
    if said == "open":
        facts["outcome_disagrees"] += end is not None
        facts["open_with_closed_at"] += end is None and closed_at is not None
        return events
    if said is None or said == end:
        return events
    if not events:
        facts["closed_without_moment"] += closed_at is None
        return events
    if end is None:
        return [*events, close_by_column(events, said, closed_at, rules, facts)]
    facts["outcome_disagrees"] += 1
    return later_close(events, said, closed_at)


def later_close(events: list[Event], said: str, closed_at: int | None) -> list[Event]:
    """Step 10, both closed and different: the later moment wins, the history's at a tie."""
    if closed_at is None or closed_at <= events[-1].moment:
        return events
    return [*events[:-1], replace(events[-1], close=said, moment=closed_at, last_touch=closed_at)]


def is_close_after_as_of(opportunity: RawRow, rules: Rules) -> bool:
    """Is the outcome one whose moment is not reached yet?"""
    closed_at = readable(opportunity["closed_at"])
    is_closed = outcome_kind(opportunity["outcome"], rules) in ("won", "lost")
    return is_closed and closed_at is not None and closed_at > rules.as_of


def said_outcome(opportunity: RawRow | None, rules: Rules) -> tuple[str | None, int | None]:
    """What the column says by `as_of`: won, lost, open or nothing, and the closing moment."""
    if opportunity is None:
        return None, None
    if is_close_after_as_of(opportunity, rules):
        return "open", None
    closed_at = readable(opportunity["closed_at"])
    if closed_at is not None and closed_at > rules.as_of:
        closed_at = None
    return outcome_kind(opportunity["outcome"], rules), closed_at


def close_by_column(
    events: list[Event],
    said: str,
    closed_at: int | None,
    rules: Rules,
    facts: Counter[str],
) -> Event:
    """Step 10: the close that the column adds to an open history."""
    last = events[-1]
    same_day = closed_at is not None and (
        local_day(closed_at, rules) == local_day(last.moment, rules)
    )
    if closed_at is None:
        facts["closed_without_moment"] += 1
        moment = max(event.last_touch for event in events)
    elif closed_at < last.moment:
        facts["closed_before_entry"] += not (same_day and rules.closes_are_days)
        moment = last.moment
    else:
        moment = closed_at
    return Event(None, last.pipeline, None, said, moment, moment)


# ---------------------------------------------------------------------------------------------
# Passages and deals
# ---------------------------------------------------------------------------------------------


def passages_of(opportunity_id: str, events: list[Event], rules: Rules) -> list[Passage]:
    """Every stage event is a passage; the event after it says how it ended (step 13)."""
    passages: list[Passage] = []
    for index, event in enumerate(events):
        if event.stage is None:
            continue
        following = events[index + 1] if index + 1 < len(events) else None
        previous = events[index - 1] if index else None
        pipeline = pipeline_rules(event.pipeline, rules)
        assert pipeline is not None
        left_at = following.moment if following else None
        visits = [p for p in passages if (p.pipeline, p.stage) == (pipeline.name, event.stage)]
        exit_, to_stage, skipped = exit_of(event, following, len(pipeline.stages))
        passages.append(
            Passage(
                opportunity_id=opportunity_id,
                pipeline=pipeline.name,
                step=len(passages) + 1,
                stage=event.stage,
                visit=len(visits) + 1,
                entry=entry_of(event, previous, passages[-1] if passages else None),
                entered_at=event.moment,
                entered_day=local_day(event.moment, rules),
                entered_tick=local_tick(event.moment, pipeline.unit, rules),
                left_at=left_at,
                left_day=None if left_at is None else local_day(left_at, rules),
                left_tick=None if left_at is None else local_tick(left_at, pipeline.unit, rules),
                exit=exit_,
                to_stage=to_stage,
                skipped=skipped,
            )
        )
    return passages


def exit_of(event: Event, following: Event | None, stage_count: int) -> tuple[str, int | None, int]:
    """How the passage ended, where to, and how many stages it jumped over."""
    assert event.stage is not None
    if following is None:
        return "open", None, 0
    if following.close == "won":
        return "won_here", None, stage_count - 1 - event.stage
    if following.close == "lost":
        return "lost", None, 0
    if following.pipeline != event.pipeline:
        return "moved", None, 0
    assert following.stage is not None
    steps = following.stage - event.stage
    if steps < 0:
        return "returned", following.stage, 0
    return ("next" if steps == 1 else "jumped"), following.stage, steps - 1


def entry_of(event: Event, previous: Event | None, before: Passage | None) -> str:
    """How the passage began. The first in another pipeline is new, even after a close."""
    if before is None or previous is None or before.pipeline != event.pipeline:
        return "new"
    if previous.close is not None:
        return "reopened"
    assert event.stage is not None
    steps = event.stage - before.stage
    if steps < 0:
        return "returned_in"
    return "from_previous" if steps == 1 else "jumped_in"


def deal_of(
    opportunity_id: str,
    opportunity: RawRow | None,
    events: list[Event],
    first: int | None,
    rules: Rules,
    facts: Counter[str],
) -> Deal | None:
    """The deal as it stands; None where it is not asked for (steps 3, 4, 11 and 12)."""
    if not events and is_not_asked(opportunity, rules):
        return None
    if opportunity is None:
        facts["without_opportunity"] += 1
    if first is None:
        return deal_without_history(opportunity_id, opportunity, rules, facts)
    created_at = created_moment(opportunity, first, facts)
    last = events[-1]
    return Deal(
        opportunity_id=opportunity_id,
        pipeline=last.pipeline,
        outcome=last.close or "open",
        created_at=created_at,
        created_day=local_day(created_at, rules),
        closed_at=last.moment if last.close else None,
        value=value_of(opportunity, facts),
        current_stage=last.stage,
        has_history=True,
    )


def is_not_asked(opportunity: RawRow | None, rules: Rules) -> bool:
    """A deal without used history: created after `as_of`, or of an undeclared pipeline."""
    if opportunity is None:
        return True
    created = readable(opportunity["created_at"])
    if created is not None and created > rules.as_of:
        return True
    own = opportunity["pipeline"]
    return bool(own.strip()) and pipeline_rules(own, rules) is None


def deal_without_history(
    opportunity_id: str, opportunity: RawRow | None, rules: Rules, facts: Counter[str]
) -> Deal:
    """Step 12: only what the row of `opportunities` says."""
    assert opportunity is not None
    name = opportunity["pipeline"].strip() or fallback_pipeline(rules)
    pipeline = pipeline_rules(name, rules)
    said, closed_at = said_outcome(opportunity, rules)
    created_at = readable(opportunity["created_at"])
    if (
        rules.closes_are_days
        and closed_at is not None
        and created_at is not None
        and local_day(closed_at, rules) == local_day(created_at, rules)
    ):
        closed_at = max(closed_at, created_at)
    facts["without_history"] += 1
    return Deal(
        opportunity_id=opportunity_id,
        pipeline=pipeline.name if pipeline else name,
        outcome=said or "open",
        created_at=created_at,
        created_day=None if created_at is None else local_day(created_at, rules),
        closed_at=closed_at if said in ("won", "lost") else None,
        value=value_of(opportunity, facts),
        current_stage=position_of(opportunity["stage"], pipeline.stages) if pipeline else None,
        has_history=False,
    )


def created_moment(opportunity: RawRow | None, first: int, facts: Counter[str]) -> int:
    """Step 11: the earlier of `created_at` and the first row that the history keeps."""
    created = readable(opportunity["created_at"]) if opportunity is not None else None
    if created is None:
        facts["created_missing"] += 1
        return first
    facts["created_after_entry"] += created > first
    return min(created, first)


def value_of(opportunity: RawRow | None, facts: Counter[str]) -> int | None:
    """The deal's value; a negative one is a fault and NA, 0 is a value."""
    value: int | None = opportunity["value"] if opportunity is not None else None
    if value is not None and value < 0:
        facts["negative_value"] += 1
        return None
    return value


# ---------------------------------------------------------------------------------------------
# Policies, and clocks that start elsewhere
# ---------------------------------------------------------------------------------------------


class Stay(Protocol):
    """What a risk set needs: a Passage, or a Spell with another clock."""

    @property
    def entered_tick(self) -> int: ...
    @property
    def left_tick(self) -> int | None: ...
    @property
    def left_day(self) -> int | None: ...
    @property
    def exit(self) -> str: ...


@dataclass(frozen=True)
class Spell:
    """A stay with a clock of its own: exit "won", "lost", or censored ("moved", "open")."""

    opportunity_id: str
    entered_tick: int
    left_tick: int | None
    left_day: int | None
    exit: str


def by_deal(passages: Iterable[Passage]) -> dict[str, list[Passage]]:
    """Each deal's passages, in their order."""
    deals: dict[str, list[Passage]] = {}
    for passage in sorted(passages, key=lambda p: (p.opportunity_id, p.step)):
        deals.setdefault(passage.opportunity_id, []).append(passage)
    return deals


def policy(passages: list[Passage], name: str, rules: Rules) -> list[Passage]:
    """The passages that the curves see under a skip policy; counts always see the stored ones."""
    if name == "observed":
        return list(passages)
    if name == "strict":
        return [censor_if_skipping(passage) for passage in passages]
    if name != "reached":
        message = f"skip policy is observed, reached or strict, not {name!r}"
        raise ValueError(message)
    result = []
    for deal in by_deal(passages).values():
        filled = [part for passage in deal for part in fill_jump(passage, rules)]
        result.extend(renumber(filled))
    return result


def censor_if_skipping(passage: Passage) -> Passage:
    """Under `strict` a jump and an early win are a censoring on their day."""
    if passage.exit in ("jumped", "won_here") and passage.skipped > 0:
        return replace(passage, exit="censored")
    return passage


def fill_jump(passage: Passage, rules: Rules) -> list[Passage]:
    """Under `reached` each stage jumped over gets a passage that lasts no time."""
    if passage.skipped == 0:
        entry = "from_previous" if passage.entry == "jumped_in" else passage.entry
        return [replace(passage, entry=entry)]
    assert passage.left_at is not None
    assert passage.left_day is not None
    assert passage.left_tick is not None
    first = fill_jump(replace(passage, skipped=0), rules)[0]
    parts = [replace(first, exit="next", to_stage=passage.stage + 1)]
    for stage in range(passage.stage + 1, passage.stage + passage.skipped + 1):
        is_last = stage == passage.stage + passage.skipped
        wins = is_last and passage.exit == "won_here"
        parts.append(
            replace(
                parts[0],
                stage=stage,
                entry="from_previous",
                entered_at=passage.left_at,
                entered_day=passage.left_day,
                entered_tick=passage.left_tick,
                exit="won_here" if wins else "next",
                to_stage=None if wins else stage + 1,
            )
        )
    return parts


def renumber(passages: list[Passage]) -> list[Passage]:
    """Count steps and visits anew."""
    visits: Counter[tuple[str, int]] = Counter()
    result = []
    for step, passage in enumerate(passages, start=1):
        visits[passage.pipeline, passage.stage] += 1
        result.append(replace(passage, step=step, visit=visits[passage.pipeline, passage.stage]))
    return result


def chance_to_win(passages: list[Passage], pipeline: str, stage: int) -> list[Spell]:
    """Spells from each deal's first entry into the stage to its first close after it.

    A later re-opening does not undo that close. A deal that moves to another pipeline first is
    censored there; an open one at the last used day.
    """
    spells = []
    for deal in by_deal(passages).values():
        here = [p for p in deal if (p.pipeline, p.stage, p.visit) == (pipeline, stage, 1)]
        if here:
            spells.append(first_close(deal, here[0], here[0].entered_tick))
    return spells


def first_close(deal: list[Passage], start: Passage, entered_tick: int) -> Spell:
    """From `start` on, the first close or move of the deal, on a clock from `entered_tick`."""
    words = {"won_here": "won", "lost": "lost", "moved": "moved", "open": "open"}
    for passage in deal:
        if passage.step >= start.step and passage.exit in words:
            return Spell(
                opportunity_id=start.opportunity_id,
                entered_tick=entered_tick,
                left_tick=passage.left_tick,
                left_day=passage.left_day,
                exit=words[passage.exit],
            )
    message = "the last passage of a deal is closed, moved or open"
    raise AssertionError(message)


def wins_left_out(passages: list[Passage], pipeline: str, stage: int) -> int:
    """Deals whose first close after the entry was a loss, and that were won later there."""
    lost = {s.opportunity_id for s in chance_to_win(passages, pipeline, stage) if s.exit == "lost"}
    count = 0
    for opportunity_id, deal in by_deal(passages).items():
        if opportunity_id in lost:
            first = next(p for p in deal if (p.pipeline, p.stage) == (pipeline, stage))
            later = [p for p in deal if p.step >= first.step and p.pipeline == pipeline]
            count += any(p.exit == "won_here" for p in later)
    return count


def from_creation(resolved: Resolved, pipeline: PipelineRules, rules: Rules) -> list[Spell]:
    """The pipeline's own curve: from creation to the first close, of every deal that was in it.

    In days, whatever the unit of stay: a deal has a day of creation and no hour. It is censored
    where it first moves to another pipeline.
    """
    created = {deal.opportunity_id: deal.created_at for deal in resolved.deals}
    spells = []
    for opportunity_id, deal in by_deal(resolved.passages).items():
        inside = [passage for passage in deal if passage.pipeline == pipeline.name]
        created_at = created[opportunity_id]
        if inside and created_at is not None:
            spell = first_close(inside, inside[0], local_day(created_at, rules))
            spells.append(replace(spell, left_tick=spell.left_day))
    return spells


# ---------------------------------------------------------------------------------------------
# Risk sets (method.md, section 2)
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RiskSet:
    """`at_risk[u]` = y(u); `exits[kind][u]` = d_kind(u). Ages are in units of stay."""

    at_risk: dict[int, int]
    exits: dict[str, dict[int, int]]


def risk_set(
    stays: Iterable[Stay], window: tuple[int, int] | None, last_day: int, unit: Unit
) -> RiskSet:
    """Who is at risk at each age in a window [a, b) of days, and who leaves, and how?

    At risk at age u: on a day of the window at that age, and u <= min(X, C), C being the last
    used day (or hour) less the entry. An exit counts if it falls into the window and not after
    the last used day. None stands for all days.
    """
    at_risk: Counter[int] = Counter()
    exits: dict[str, Counter[int]] = {}
    for stay in stays:
        followed = last_tick(last_day, unit) - stay.entered_tick  # C
        length = None if stay.left_tick is None else stay.left_tick - stay.entered_tick  # X
        last_age = followed if length is None else min(length, followed)
        for age in range(last_age + 1):
            day = (stay.entered_tick + age) // ticks_per_day(unit)
            at_risk[age] += is_in(day, window)
        if length is None or length > followed or stay.exit in CENSORED:
            continue
        assert stay.left_day is not None
        if is_in(stay.left_day, window):
            exits.setdefault(stay.exit, Counter())[length] += 1
    return RiskSet(
        at_risk=dict(sorted((+at_risk).items())),
        exits={kind: dict(sorted(ages.items())) for kind, ages in sorted(exits.items())},
    )


def is_in(day: int, window: tuple[int, int] | None) -> bool:
    """Is the day in the half-open window?"""
    return window is None or window[0] <= day < window[1]


def merge_kinds(
    exits: Mapping[str, Mapping[int, int]], merged: Mapping[str, Sequence[str]]
) -> dict[str, dict[int, int]]:
    """Sum kinds of exits under new names; kinds that are not named are kept."""
    result: dict[str, Counter[int]] = {}
    for kind, ages in exits.items():
        name = next((new for new, old in merged.items() if kind in old), kind)
        result.setdefault(name, Counter()).update(ages)
    return {kind: dict(sorted(ages.items())) for kind, ages in result.items()}


# ---------------------------------------------------------------------------------------------
# Aalen-Johansen (method.md, section 5)
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """Exact at every age 0, 1, ..., `last_age`. Where nobody is at risk, nothing changes."""

    last_age: int
    at_risk: dict[int, int]
    exits: dict[str, dict[int, int]]
    before: dict[int, Fraction]  # S(u-)
    survival: dict[int, Fraction]  # S(u)
    incidence: dict[str, dict[int, Fraction]]  # F_k(u)


def aalen_johansen(at_risk: Mapping[int, int], exits: Mapping[str, Mapping[int, int]]) -> Curve:
    """S(u) = prod(1 - d./y) and F_k(t) = sum of S(u-) d_k/y over u <= t, as exact fractions."""
    last_age = max(at_risk, default=0)
    before: dict[int, Fraction] = {}
    survival: dict[int, Fraction] = {}
    incidence: dict[str, dict[int, Fraction]] = {kind: {} for kind in exits}
    remaining = Fraction(1)
    left = {kind: Fraction(0) for kind in exits}
    for age in range(last_age + 1):
        before[age] = remaining
        y = at_risk.get(age, 0)
        for kind, ages in exits.items():
            if ages.get(age, 0):
                left[kind] += before[age] * Fraction(ages[age], y)
            incidence[kind][age] = left[kind]
        if y:
            remaining = before[age] * (1 - Fraction(all_exits(exits, age), y))
        survival[age] = remaining
    plain = {kind: dict(ages) for kind, ages in exits.items()}
    return Curve(last_age, dict(at_risk), plain, before, survival, incidence)


def all_exits(exits: Mapping[str, Mapping[int, int]], age: int) -> int:
    """Exits of any kind at an age: d.(u)."""
    return sum(ages.get(age, 0) for ages in exits.values())


def survival_at(curve: Curve, age: float) -> Fraction:
    """S(t), constant between whole ages and after the last one; 1 before age 0."""
    if age < 0:
        return Fraction(1)
    return curve.survival.get(whole_age(curve, age), Fraction(1))


def incidence_at(curve: Curve, kind: str, age: float) -> Fraction:
    """F_k(t), constant between whole ages and after the last one; 0 for a kind never seen."""
    if age < 0:
        return Fraction(0)
    return curve.incidence.get(kind, {}).get(whole_age(curve, age), Fraction(0))


def whole_age(curve: Curve, age: float) -> int:
    """The last age of the curve that is not after `age`."""
    return curve.last_age if age >= curve.last_age else math.floor(age)


def variance(curve: Curve, kind: str, age: float) -> float:
    """Var F_k(t), Greenwood type, the sum as it stands in the method (b not expanded)."""
    total = 0.0
    incidence = curve.incidence.get(kind, {})
    for u in range(whole_age(curve, age) + 1):
        d_any = all_exits(curve.exits, u)
        if d_any == 0:
            continue
        y, d_k = curve.at_risk[u], curve.exits.get(kind, {}).get(u, 0)
        s = float(curve.before[u])
        gap = float(incidence_at(curve, kind, age) - incidence.get(u, Fraction(0)))
        b = 0.0 if y == d_any else gap * y / (y - d_any)
        total += (
            s**2 * d_k * (y - d_k) / y**3
            - 2 * s * b * d_k * (y - d_any) / y**3
            + b**2 * d_any * (y - d_any) / y**3
        )
    return total


def variance_of_survival(curve: Curve, age: float) -> float:
    """Var S(t) = Var of the incidence of any exit."""
    return variance(any_exit(curve), "any", age)


def any_exit(curve: Curve) -> Curve:
    """The same curve with all kinds of exits taken as one."""
    return aalen_johansen(curve.at_risk, merge_kinds(curve.exits, {"any": tuple(curve.exits)}))


def equivalent_entrants(curve: Curve, age: int) -> Fraction | None:
    """n*(u) = y(u) / S(u-); None where S(u-) is 0."""
    before = survival_at(curve, age - 1)
    return None if before == 0 else Fraction(curve.at_risk.get(age, 0)) / before


def count_followed(curve: Curve, age: float) -> Fraction:
    """The smallest number of equivalent entrants at any whole age up to `age`."""
    numbers = []
    for u in range(math.floor(age) + 1):
        number = equivalent_entrants(curve, u)
        if number is not None:
            numbers.append(number)
    return min(numbers)


def wilson(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share among n, n any positive number; (0, 1) where n is 0."""
    if n <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Share:
    """An estimate read at an age. `estimable` iff `count_followed` is at least 20."""

    share: float
    low: float
    high: float
    variance: float
    n_eff: float
    followed: float
    estimable: bool


def share_of(curve: Curve, kind: str, age: float) -> Share:
    """F_kind at an age, with its interval. Merge kinds first (merge_kinds) for `advanced`."""
    exact = incidence_at(curve, kind, age)
    return with_interval(exact, variance(curve, kind, age), count_followed(curve, age))


def still_there(curve: Curve, age: float) -> Share:
    """S at an age, with its interval: `stalled` at h, `went overdue` at E."""
    exact = survival_at(curve, age)
    return with_interval(exact, variance_of_survival(curve, age), count_followed(curve, age))


def went_overdue(curve: Curve, expected_days: float, unit: Unit = "day") -> Share:
    """S(E): the share still there after the expected days."""
    return still_there(curve, expected_days * ticks_per_day(unit))


def with_interval(exact: Fraction, var: float, n_followed: Fraction) -> Share:
    """n_eff = F(1-F)/Var(F), `count_followed` where F is 0 or 1; then Wilson."""
    share = float(exact)
    is_end = exact in (0, 1) or var <= 0
    n_eff = float(n_followed) if is_end else share * (1 - share) / var
    low, high = wilson(share, n_eff)
    return Share(share, low, high, var, n_eff, float(n_followed), n_followed >= 20)


# ---------------------------------------------------------------------------------------------
# Horizon and expected days (method.md, section 5)
# ---------------------------------------------------------------------------------------------

DAY_RUNGS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 540, 730)
HOUR_RUNGS = (1, 2, 3, 4, 6, 8, 12, 24, *(24 * rung for rung in DAY_RUNGS[1:]))


@dataclass(frozen=True)
class Horizon:
    """h in units of stay, with t* and q on the way to it; h is None with a reason."""

    h: float | None
    t_star: float | None
    q: int | None
    reason: str


@dataclass(frozen=True)
class Expected:
    """E in units of stay, or None with the condition that failed."""

    age: int | None
    reason: str


def age_followed_until(curve: Curve, at_least: int = 30) -> float | None:
    """t*: the largest age up to which n* never falls under 30; infinite where S reaches 0."""
    age = 0
    while True:
        number = equivalent_entrants(curve, age)
        if number is None:
            return math.inf
        if number < at_least:
            return age - 1 if age else None
        age += 1


def quantile_of_exits(curve: Curve, t_star: float) -> int:
    """The rule q = min{u: 1 - S(u) >= 0.9 (1 - S(t*))}, compared exactly."""
    goal = Fraction(9, 10) * (1 - survival_at(curve, t_star))
    return next(u for u in range(curve.last_age + 1) if 1 - curve.survival[u] >= goal)


def in_the_end(curve: Curve, kind: str) -> tuple[float | None, Share | None]:
    """F_kind at t*, or at the last observed age if that comes first.

    The upper end holds the rest, too: of those inside at half of that age, as many as left
    by `kind` until it.
    """
    learnt = horizon(curve)
    if learnt.h is None or learnt.t_star is None:
        return None, None
    age = min(learnt.t_star, curve.last_age)
    share = share_of(curve, kind, age)
    inside = survival_at(curve, age / 2)
    if inside:
        gone = incidence_at(curve, kind, age) - incidence_at(curve, kind, age / 2)
        share = replace(
            share, high=min(share.high + float(survival_at(curve, age) * gone / inside), 1.0)
        )
    return age, share


def horizon(curve: Curve, expected: float | None = None, unit: Unit = "day") -> Horizon:
    """The days after which 9 of 10 deals have left, rounded up to a usual number.

    `expected` is E in units of stay (None and 0: no E). Learnt on first visits of the baseline.
    """
    t_star = age_followed_until(curve)
    if t_star is None:
        return Horizon(None, None, None, "fewer than 30 entrants")
    if sum(sum(ages.values()) for ages in curve.exits.values()) < 15:
        return Horizon(None, t_star, None, "fewer than 15 exits")
    if survival_at(curve, t_star) == 1:
        return Horizon(None, t_star, None, "no exit up to t*")
    q = quantile_of_exits(curve, t_star)
    wanted = max(q, expected or 0)
    rungs = HOUR_RUNGS if unit == "hour" else DAY_RUNGS
    rung = next((rung for rung in rungs if rung >= wanted), wanted)
    return Horizon(min(rung, t_star), t_star, q, "")


def expected_age(curve: Curve) -> Expected:
    """E = min{u: F_adv(u) >= 0.9 F_adv(t*)}; the curve's kind is named `advanced`.

    The bootstrap condition (an 80 % interval not wider than 0.6 E) is not checked here.
    """
    if sum(curve.exits.get("advanced", {}).values()) < 50:
        return Expected(None, "fewer than 50 advances")
    t_star = age_followed_until(curve)
    if t_star is None:
        return Expected(None, "fewer than 30 entrants")
    end = incidence_at(curve, "advanced", t_star)
    if end == 0:
        return Expected(None, "no advance up to t*")
    if end - incidence_at(curve, "advanced", 0.75 * t_star) > Fraction(1, 20) * end:
        return Expected(None, "no plateau")
    goal = Fraction(9, 10) * end
    ages = range(curve.last_age + 1)
    return Expected(next(u for u in ages if curve.incidence["advanced"][u] >= goal), "")


# ---------------------------------------------------------------------------------------------
# Balances (method.md, section 4)
# ---------------------------------------------------------------------------------------------

Weight = Callable[[str], int]


@dataclass(frozen=True)
class StageBalance:
    """Arrivals and departures of one stage in a period; `closes()` must hold."""

    opening: int = 0
    new: int = 0
    from_previous: int = 0
    jumped_in: int = 0
    returned_in: int = 0
    reopened: int = 0
    next: int = 0
    jumped: int = 0
    won_here: int = 0
    returned: int = 0
    lost: int = 0
    moved: int = 0
    closing: int = 0

    def closes(self) -> bool:
        came = self.opening + sum(getattr(self, entry) for entry in ENTRIES)
        return bool(came == sum(getattr(self, exit_) for exit_ in EXITS) + self.closing)


@dataclass(frozen=True)
class PipelineBalance:
    """The pipeline's balance: what moves inside it cancels out."""

    opening: int = 0
    new: int = 0
    reopened: int = 0
    won: int = 0
    lost: int = 0
    moved: int = 0
    closing: int = 0

    def closes(self) -> bool:
        left = self.won + self.lost + self.moved + self.closing
        return self.opening + self.new + self.reopened == left


def one_each(_: str) -> int:
    """The weight of a count."""
    return 1


def values_of(deals: Iterable[Deal]) -> Weight:
    """The weight of a value balance: the deal's one value, 0 where it is missing."""
    values = {deal.opportunity_id: deal.value or 0 for deal in deals}
    return lambda opportunity_id: values[opportunity_id]


def is_open_at_start_of(passage: Passage, day: int) -> bool:
    """Entered before the day, and not left before it."""
    return passage.entered_day < day and (passage.left_day is None or passage.left_day >= day)


def stage_balances(
    passages: Iterable[Passage], period: tuple[int, int], weight: Weight = one_each
) -> dict[tuple[str, int], StageBalance]:
    """Each stage's balance in [a, b) of days, counting one passage at a time."""
    terms: dict[tuple[str, int], Counter[str]] = {}
    for passage in passages:
        mine = terms.setdefault((passage.pipeline, passage.stage), Counter())
        size = weight(passage.opportunity_id)
        if is_open_at_start_of(passage, period[0]):
            mine["opening"] += size
        if is_in(passage.entered_day, period):
            mine[passage.entry] += size
        if passage.left_day is not None and is_in(passage.left_day, period):
            mine[passage.exit] += size
        if is_open_at_start_of(passage, period[1]):
            mine["closing"] += size
    return {key: StageBalance(**mine) for key, mine in sorted(terms.items())}


def pipeline_balances(
    passages: Iterable[Passage], period: tuple[int, int], weight: Weight = one_each
) -> dict[str, PipelineBalance]:
    """Each pipeline's balance in [a, b) of days, counting one passage at a time."""
    terms: dict[str, Counter[str]] = {}
    words = {"won_here": "won", "lost": "lost", "moved": "moved"}
    for passage in passages:
        mine = terms.setdefault(passage.pipeline, Counter())
        size = weight(passage.opportunity_id)
        if is_open_at_start_of(passage, period[0]):
            mine["opening"] += size
        if is_in(passage.entered_day, period) and passage.entry in ("new", "reopened"):
            mine[passage.entry] += size
        left = passage.left_day
        if left is not None and is_in(left, period) and passage.exit in words:
            mine[words[passage.exit]] += size
        if is_open_at_start_of(passage, period[1]):
            mine["closing"] += size
    return {name: PipelineBalance(**mine) for name, mine in sorted(terms.items())}


def balances(
    passages: Iterable[Passage], period: tuple[int, int], weight: Weight = one_each
) -> tuple[dict[tuple[str, int], StageBalance], dict[str, PipelineBalance]]:
    """Stage and pipeline balances of a period."""
    kept = list(passages)
    return stage_balances(kept, period, weight), pipeline_balances(kept, period, weight)


# ---------------------------------------------------------------------------------------------
# Overdue now, and the pipe (method.md, section 4)
# ---------------------------------------------------------------------------------------------


def late_because(
    passage: Passage, deal: Deal, expected_days: Mapping[int, float | None], rules: Rules
) -> frozenset[str]:
    """Why is this open passage overdue: "stage", "pipeline", both, or neither?

    `expected_days` is E by stage, in days (None: no E). Ages end with the last used day. The age
    of the whole deal is in days, whatever the unit: it has a day of creation and no hour.
    """
    pipeline = pipeline_rules(passage.pipeline, rules)
    assert pipeline is not None
    assert deal.created_at is not None
    per_day = ticks_per_day(pipeline.unit)
    end = last_tick(rules.last_day, pipeline.unit)
    reasons = set()
    stage_days = expected_days.get(passage.stage)
    if stage_days is not None and max(end - passage.entered_tick, 0) > stage_days * per_day:
        reasons.add("stage")
    whole_days = pipeline.expected_days
    age = rules.last_day - local_day(deal.created_at, rules)
    if whole_days is not None and max(age, 0) > whole_days:
        reasons.add("pipeline")
    return frozenset(reasons)


def overdue_now(
    resolved: Resolved, pipeline: str, expected_days: Mapping[int, float | None], rules: Rules
) -> dict[str, frozenset[str]]:
    """The open deals of a pipeline that are overdue, each once, and why."""
    deals = {deal.opportunity_id: deal for deal in resolved.deals}
    result = {}
    for passage in resolved.passages:
        if passage.pipeline == pipeline and passage.exit == "open":
            why = late_because(passage, deals[passage.opportunity_id], expected_days, rules)
            if why:
                result[passage.opportunity_id] = why
    return result


@dataclass(frozen=True)
class PipeStage:
    """One stage of the picture.

    `*_here`: with this stage as their furthest; `*_back`: furthest stage f -> deals that came
    back from f and were lost, or are open, here; `back_from_here`: deals that flowed back at
    this stage, their furthest, and ended at an earlier one.
    """

    width: int
    lost_here: int
    lost_back: dict[int, int]
    overdue_here: int
    overdue_back: dict[int, int]
    in_time_here: int
    in_time_back: dict[int, int]
    back_from_here: int

    @property
    def lost(self) -> int:
        return self.lost_here + sum(self.lost_back.values())

    @property
    def overdue(self) -> int:
        return self.overdue_here + sum(self.overdue_back.values())

    @property
    def in_time(self) -> int:
        return self.in_time_here + sum(self.in_time_back.values())


@dataclass(frozen=True)
class Pipe:
    """The cohort picture; `came_in` = won + lost + overdue + in_time."""

    stages: list[PipeStage]
    came_in: int
    won: int
    lost: int
    overdue: int
    in_time: int
    moved: int
    without_history: int


def pipe(
    resolved: Resolved,
    pipeline: str,
    expected_days: Mapping[int, float | None],
    rules: Rules,
    created_until_day: int | None = None,
) -> Pipe:
    """Where did the deals created up to a day end, and how wide was the pipe for them?

    Deals that have left for another pipeline, and deals without a passage, are counted beside it;
    in the pipeline that they went to they are deals like others. None: all deals.
    """
    declared = pipeline_rules(pipeline, rules)
    assert declared is not None
    passages = by_deal(resolved.passages)
    fates: list[tuple[str, int, int]] = []
    moved = without = 0
    for deal in resolved.deals:
        everywhere = passages.get(deal.opportunity_id, [])
        mine = [passage for passage in everywhere if passage.pipeline == pipeline]
        if not is_old_enough(deal, created_until_day):
            continue
        if not everywhere:
            without += deal.pipeline == pipeline
        elif mine and mine[-1].exit == "moved":
            moved += 1
        elif mine:
            fates.append(fate_in_pipe(deal, mine, expected_days, rules, len(declared.stages)))
    stages = [pipe_stage(stage, fates) for stage in range(len(declared.stages))]
    ends = Counter(end for end, _, _ in fates)
    return Pipe(
        stages=stages,
        came_in=len(fates),
        won=ends["won"],
        lost=ends["lost"],
        overdue=ends["overdue"],
        in_time=ends["in_time"],
        moved=moved,
        without_history=without,
    )


def is_old_enough(deal: Deal, created_until_day: int | None) -> bool:
    """Created up to that day; a deal without a known creation is in the cohort of all only."""
    if created_until_day is None:
        return True
    return deal.created_day is not None and deal.created_day <= created_until_day


def fate_in_pipe(
    deal: Deal,
    mine: list[Passage],
    expected_days: Mapping[int, float | None],
    rules: Rules,
    stage_count: int,
) -> tuple[str, int, int]:
    """(won, lost, overdue or in_time; the stage of the last passage; the furthest point)."""
    last = mine[-1]
    furthest = max(passage.stage for passage in mine)
    if last.exit == "won_here":
        return "won", last.stage, stage_count
    if last.exit == "lost":
        return "lost", last.stage, furthest
    late = late_because(last, deal, expected_days, rules)
    return ("overdue" if late else "in_time"), last.stage, furthest


def pipe_stage(stage: int, fates: list[tuple[str, int, int]]) -> PipeStage:
    """Count one stage of the picture."""

    def here(end: str) -> int:
        return sum(fate == (end, stage, stage) for fate in fates)

    def back(end: str) -> dict[int, int]:
        found = Counter(f for kind, at, f in fates if kind == end and at == stage and f > stage)
        return dict(sorted(found.items()))

    return PipeStage(
        width=sum(furthest >= stage for _, _, furthest in fates),
        lost_here=here("lost"),
        lost_back=back("lost"),
        overdue_here=here("overdue"),
        overdue_back=back("overdue"),
        in_time_here=here("in_time"),
        in_time_back=back("in_time"),
        back_from_here=sum(furthest == stage and at < stage for _, at, furthest in fates),
    )


# ---------------------------------------------------------------------------------------------
# The route: the multi-state product from the start (method.md, section 5)
# ---------------------------------------------------------------------------------------------

State = int | str  # a stage, "won" or "lost"


@dataclass(frozen=True)
class Track:
    """One deal's way through a pipeline: at each age its moves in order, until it is censored."""

    start: int
    moves: dict[int, list[tuple[State, State]]]
    last_age: int


@dataclass(frozen=True)
class Route:
    """`occupancy[u]`: where the deals are after age u. Losses are gross; what came back is beside.

    For all ages: occupancy of "lost" = losses up to then - back_from_lost up to then.
    """

    start: dict[State, float]
    occupancy: dict[int, dict[State, float]]
    lost_at: dict[int, float]
    back_from_lost: dict[int, float]
    back_from_won: dict[int, float]


def route(passages: list[Passage], pipeline: PipelineRules, last_day: int) -> Route:
    """P(0, t) = product of (I + dA(u)), the clock running from the first entry into the pipeline.

    A deal's k-th move of a day happens in the sub-step (u, k); at risk in a state are all deals
    that stand in it just before the sub-step and are followed on that day. Deals are censored at
    the end of their last day: at the last used day, or where they move to another pipeline.
    """
    tracks = tracks_of(passages, pipeline, last_day)
    states: list[State] = [*range(len(pipeline.stages)), "won", "lost"]
    starts: Counter[State] = Counter(track.start for track in tracks)
    share = {s: starts[s] / len(tracks) if tracks and s in starts else 0.0 for s in states}
    start = dict(share)
    occupancy: dict[int, dict[State, float]] = {}
    flows: dict[tuple[State, State], float] = defaultdict(float)
    for age in range(max((track.last_age for track in tracks), default=-1) + 1):
        present = [track for track in tracks if track.last_age >= age]
        for k in range(max((len(t.moves.get(age, [])) for t in present), default=0)):
            shift = sub_step(share, present, age, k)
            for (source, target), amount in shift.items():
                share[source] -= amount
                share[target] += amount
                flows[source, target] += amount
        occupancy[age] = dict(share)
    stages = range(len(pipeline.stages))
    return Route(
        start=start,
        occupancy=occupancy,
        lost_at={stage: flows[stage, "lost"] for stage in stages},
        back_from_lost={stage: flows["lost", stage] for stage in stages},
        back_from_won={stage: flows["won", stage] for stage in stages},
    )


def sub_step(
    share: Mapping[State, float], present: list[Track], age: int, k: int
) -> dict[tuple[State, State], float]:
    """p_s(u-) dA_sj at the sub-step (age, k), k from 0."""
    at_risk: Counter[State] = Counter()
    moved: Counter[tuple[State, State]] = Counter()
    for track in present:
        at_risk[state_before(track, age, k)] += 1
        today = track.moves.get(age, [])
        if k < len(today):
            moved[today[k]] += 1
    return {
        (source, target): share[source] * count / at_risk[source]
        for (source, target), count in moved.items()
    }


def state_before(track: Track, age: int, k: int) -> State:
    """Where the deal stands after its moves of earlier ages and its first k moves of this age."""
    state: State = track.start
    for u in sorted(track.moves):
        today = track.moves[u] if u < age else track.moves[u][:k] if u == age else []
        for _, target in today:
            state = target
    return state


def tracks_of(passages: list[Passage], pipeline: PipelineRules, last_day: int) -> list[Track]:
    """The tracks of all deals that entered the pipeline up to the last used day."""
    end = last_tick(last_day, pipeline.unit)
    tracks = []
    for deal in by_deal(passages).values():
        inside = [index for index, p in enumerate(deal) if p.pipeline == pipeline.name]
        if inside and deal[inside[0]].entered_tick <= end:
            tracks.append(track_of(deal[inside[0] :], pipeline.unit, end))
    return tracks


def track_of(deal: list[Passage], unit: Unit, end: int) -> Track:
    """Follow one deal from its first passage in the pipeline until it moves, or to the end."""
    first, censored_at = deal[0], end
    timed: list[tuple[int, State, State]] = []
    closed: State | None = None
    for passage in deal:
        if passage.pipeline != first.pipeline:  # closed there, and came back elsewhere
            censored_at = min(end, tick_after(first, passage, unit))
            break
        if closed is not None:
            timed.append((passage.entered_tick, closed, passage.stage))
        closed = {"won_here": "won", "lost": "lost"}.get(passage.exit)
        target: State | None = closed if closed is not None else passage.to_stage
        if passage.left_tick is not None and passage.exit in CENSORED:
            censored_at = min(end, passage.left_tick)
            break
        if passage.left_tick is not None and target is not None:
            timed.append((passage.left_tick, passage.stage, target))
    moves: dict[int, list[tuple[State, State]]] = {}
    for tick, source, target in timed:
        if tick <= censored_at:
            moves.setdefault(tick - first.entered_tick, []).append((source, target))
    return Track(first.stage, moves, censored_at - first.entered_tick)


def tick_after(first: Passage, later: Passage, unit: Unit) -> int:
    """When a passage of another pipeline began, in the unit of this one (offsets: whole hours)."""
    if unit == "day":
        return later.entered_day
    hours = later.entered_at // SECONDS_PER_HOUR - first.entered_at // SECONDS_PER_HOUR
    return first.entered_tick + hours


def days_in_state(result: Route, state: State, until_age: int) -> float:
    """The restricted mean: units of stay spent in a state before `until_age`."""
    last = max(result.occupancy, default=0)
    return sum(result.occupancy[min(age, last)][state] for age in range(until_age))
