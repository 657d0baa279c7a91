"""Small hostile sources: every row of the table "What becomes of a deal", by chance.

`raw_source(seed)` makes a handful of deals that first go a plain way and then suffer one to
three oddities each. The same rows can be resolved by tests/reference.py and written as the
files that the real loader reads (`write_source`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from leakkit.config import CROSS_CHECKS
from tests.reference import SECONDS_PER_DAY, PipelineRules, Rules, local_day

if TYPE_CHECKING:
    from pathlib import Path

RawRows = list[dict[str, Any]]
Source = tuple[RawRows | None, RawRows, Rules]

HOUR = 3_600
FIRST_MOMENT = 1_704_067_200  # 2024-01-01T00:00:00 UTC
SOURCE_DAYS = 240
SENTINELS = (2_524_608_000, 4_102_358_400)  # 2050-01-01, 2099-12-31
GAPS_DAYS = (0, 0, 0, 1, 1, 2, 2, 3, 5, 8, 15, 40)
FILE_ORDERS = ("by_deal", "by_time", "newest_first", "shuffled")

OPPORTUNITY_COLUMNS = (
    "opportunity_id",
    "pipeline",
    "created_at",
    "closed_at",
    "outcome",
    "stage",
    "value",
)
HISTORY_COLUMNS = ("opportunity_id", "pipeline", "stage", "entered_at", "from_stage", "seq")
MOMENTS = ("created_at", "closed_at", "entered_at")

EQUIPMENT = PipelineRules(
    name="Equipment",
    stages=("Inquiry", "Proforma", "Negotiation", "Order"),
    won=("Won",),
    lost=("Lost", "Cancelled"),
    unit="day",
    expected_days=60,
)
SERVICE = PipelineRules(
    name="Service",
    stages=("Call", "Visit", "Order"),
    won=("Done", "Signed"),
    lost=("Lost",),
    unit="hour",
    expected_days=10,
)
SPARE_PARTS = PipelineRules(
    name="Spare parts", stages=("Request", "Quotation"), won=("Sold",), lost=("Refused",)
)
UNDECLARED = "Old line"
UNKNOWN_STAGES = ("Activation", "Handover", "Proformas", "")


# ---------------------------------------------------------------------------------------------
# One deal as a draft
# ---------------------------------------------------------------------------------------------


@dataclass
class Draft:
    """A deal while it is made. `rows` stay in their true order; rows may be added anywhere."""

    opportunity_id: str
    rng: Random
    rules: Rules
    pipeline: PipelineRules
    opportunity: dict[str, Any] | None
    rows: RawRows
    copies: RawRows  # further rows of `opportunities` with the same id

    def later(self, moment: int, gaps_days: tuple[int, ...] = GAPS_DAYS) -> int:
        """A moment some days and hours after this one."""
        hours = self.rng.choice((0, 0, 1, 5, 11, 20))
        return moment + self.rng.choice(gaps_days) * SECONDS_PER_DAY + hours * HOUR

    def row(self, stage: str, moment: int | None, pipeline: PipelineRules | None = None) -> None:
        """Add a history row at the end."""
        self.rows.append(
            {
                "opportunity_id": self.opportunity_id,
                "pipeline": (pipeline or self.pipeline).name,
                "stage": stage,
                "entered_at": moment,
                "from_stage": "",
                "seq": None,
            }
        )

    def last_moment(self) -> int:
        """The latest moment of the history, or the start of the deal."""
        known = [row["entered_at"] for row in self.rows if row["entered_at"] is not None]
        if known:
            return int(max(known))
        created = self.opportunity["created_at"] if self.opportunity else None
        return FIRST_MOMENT if created is None else int(created)

    def stage_rows(self) -> list[int]:
        """Positions of the rows that name a stage of the deal's pipeline."""
        return [i for i, row in enumerate(self.rows) if row["stage"] in self.pipeline.stages]

    def close(self, kind: str, moment: int) -> None:
        """Add a closing row, and say the same in the outcome column."""
        words = self.pipeline.won if kind == "won" else self.pipeline.lost
        self.row(self.rng.choice(words), moment)
        self.say(kind, moment)

    def say(self, kind: str, closed_at: int | None) -> None:
        """Set the outcome column."""
        if self.opportunity is not None:
            self.opportunity["outcome"] = outcome_word(kind, self.rules)
            self.opportunity["closed_at"] = closed_at

    def open_again(self) -> None:
        """Take away closing rows and the outcome."""
        self.rows = [row for row in self.rows if not is_close(row, self.pipeline)]
        self.say("open", None)


def is_close(row: dict[str, Any], pipeline: PipelineRules) -> bool:
    """Does the row close?"""
    return row["stage"] in (*pipeline.won, *pipeline.lost)


def outcome_word(kind: str, rules: Rules) -> str:
    """The word of an outcome in the column."""
    words = {"won": rules.outcome_won, "lost": rules.outcome_lost, "open": rules.outcome_open}
    return words[kind][0]


def plain_deal(number: int, rng: Random, rules: Rules) -> Draft:
    """A deal that goes forward, stage by stage, and ends open, lost or won."""
    pipeline = rng.choice(rules.pipelines)
    start = FIRST_MOMENT + rng.randrange(SOURCE_DAYS * 24) * HOUR + rng.randrange(HOUR)
    opportunity: dict[str, Any] = {
        "opportunity_id": f"D{number:03d}",
        "pipeline": pipeline.name,
        "created_at": start,
        "closed_at": None,
        "outcome": outcome_word("open", rules),
        "stage": "",
        "value": rng.choice((0, 1, 99, 12_345, 500_000, 7_000_000)),
    }
    draft = Draft(f"D{number:03d}", rng, rules, pipeline, opportunity, [], [])
    walk(draft, start)
    if rng.random() < 0.7:
        until_as_of(draft)
    opportunity["stage"] = draft.rows[-1]["stage"] if draft.stage_rows() else pipeline.stages[0]
    return draft


def walk(draft: Draft, start: int) -> None:
    """Go forward until the deal is won, lost or simply stays."""
    moment = draft.later(start, (0, 0, 1))
    for stage in draft.pipeline.stages:
        draft.row(stage, moment)
        moment = draft.later(moment)
        chance = draft.rng.random()
        if chance < 0.12:
            return
        if chance < 0.3:
            draft.close("lost", moment)
            return
    draft.close("won", moment)


def until_as_of(draft: Draft) -> None:
    """Leave out what an export of `as_of` could not know."""
    kept = [row for row in draft.rows if row["entered_at"] <= draft.rules.as_of]
    if len(kept) < len(draft.rows):
        draft.rows = kept
        draft.say("open", None)


# ---------------------------------------------------------------------------------------------
# The oddities: each changes a draft
# ---------------------------------------------------------------------------------------------


def skips(draft: Draft) -> None:
    inner = draft.stage_rows()[1:]
    if inner:
        del draft.rows[draft.rng.choice(inner)]


def returns(draft: Draft) -> None:
    draft.open_again()
    draft.row(draft.rng.choice(draft.pipeline.stages[:2]), draft.later(draft.last_moment()))
    if draft.rng.random() < 0.5:
        draft.row(draft.pipeline.stages[1], draft.later(draft.last_moment()))
    if draft.rng.random() < 0.6:
        draft.close(draft.rng.choice(("won", "lost")), draft.later(draft.last_moment()))


def reopened_within_a_day(draft: Draft) -> None:
    draft.open_again()
    draft.close(draft.rng.choice(("won", "lost")), draft.later(draft.last_moment()))
    draft.row(draft.rng.choice(draft.pipeline.stages), draft.later(draft.last_moment(), (0, 1)))
    draft.say("open", None)


def reopened_later(draft: Draft) -> None:
    draft.open_again()
    draft.close(draft.rng.choice(("won", "lost", "lost")), draft.later(draft.last_moment(), (0, 3)))
    draft.row(draft.rng.choice(draft.pipeline.stages), draft.later(draft.last_moment(), (2, 9)))
    draft.say("open", None)
    if draft.rng.random() < 0.5:
        draft.close(draft.rng.choice(("won", "lost")), draft.later(draft.last_moment()))


def closes_twice_within_a_day(draft: Draft) -> None:
    draft.open_again()
    kinds = ["won", "lost"]
    draft.rng.shuffle(kinds)
    for kind in kinds:
        draft.close(kind, draft.later(draft.last_moment(), (0, 1)))


def loss_after_win(draft: Draft) -> None:
    draft.open_again()
    draft.close("won", draft.later(draft.last_moment()))
    draft.close("lost", draft.later(draft.last_moment(), (2, 6, 20)))


def win_after_loss(draft: Draft) -> None:
    draft.open_again()
    draft.close("lost", draft.later(draft.last_moment()))
    draft.close("won", draft.later(draft.last_moment(), (2, 6, 20)))


def several_closes(draft: Draft) -> None:
    draft.open_again()
    for _ in range(draft.rng.randint(2, 5)):
        draft.close(
            draft.rng.choice(("won", "lost", "lost")), draft.later(draft.last_moment(), (0, 1, 3))
        )


def outcome_only_in_the_column(draft: Draft) -> None:
    draft.open_again()
    draft.say(draft.rng.choice(("won", "lost")), draft.later(draft.last_moment()))


def close_without_moment(draft: Draft) -> None:
    draft.open_again()
    draft.say(draft.rng.choice(("won", "lost")), None)


def closed_before_entry(draft: Draft) -> None:
    draft.open_again()
    days = draft.rng.choice((1, 4, 30))
    draft.say("lost", draft.last_moment() - days * SECONDS_PER_DAY)


def outcome_disagrees(draft: Draft) -> None:
    history, column = draft.rng.choice((("won", "lost"), ("lost", "won")))
    draft.open_again()
    draft.close(history, draft.later(draft.last_moment()))
    shift = draft.rng.choice((-5, -1, 0, 0, 1, 12)) * SECONDS_PER_DAY
    draft.say(column, draft.rng.choice((None, draft.last_moment() + shift)))


def outcome_open_history_closed(draft: Draft) -> None:
    draft.open_again()
    draft.close(draft.rng.choice(("won", "lost")), draft.later(draft.last_moment()))
    draft.say("open", draft.rng.choice((None, draft.last_moment())))


def outcome_empty(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["outcome"] = ""


def open_with_closed_at(draft: Draft) -> None:
    draft.open_again()
    draft.say("open", draft.later(draft.last_moment()))


def closes_after_as_of(draft: Draft) -> None:
    draft.say(draft.rng.choice(("won", "lost")), draft.later(draft.rules.as_of, (1, 30)))


def without_history(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.rows = []
        draft.opportunity["stage"] = draft.rng.choice(("", "Elsewhere", *draft.pipeline.stages))


def without_opportunity(draft: Draft) -> None:
    if draft.rows:
        draft.opportunity, draft.copies = None, []


def from_stage(draft: Draft) -> None:
    if draft.rows:
        names = (*draft.pipeline.stages, draft.rows[0]["stage"])
        draft.rows[0]["from_stage"] = draft.rng.choice(names)


def from_stage_without_created(draft: Draft) -> None:
    from_stage(draft)
    if draft.opportunity is not None:
        draft.opportunity["created_at"] = None


def from_stage_everywhere(draft: Draft) -> None:
    for before, row in zip(draft.rows, draft.rows[1:], strict=False):
        row["from_stage"] = before["stage"]


def starts_in_the_middle(draft: Draft) -> None:
    del draft.rows[: draft.rng.randint(1, 2)]


def moves(draft: Draft) -> None:
    """To another pipeline, and sometimes back."""
    others = [p for p in draft.rules.pipelines if p.name != draft.pipeline.name]
    if not others or draft.opportunity is None:
        return
    draft.open_again()
    other = draft.rng.choice(others)
    draft.row(draft.rng.choice(other.stages), draft.later(draft.last_moment()), other)
    back = draft.rng.random() < 0.3
    end = draft.pipeline if back else other
    stage = draft.rng.choice(end.stages)
    draft.row(stage, draft.later(draft.last_moment()), end)
    if draft.rng.random() < 0.5:
        draft.row(
            draft.rng.choice((end.won[0], end.lost[0])), draft.later(draft.last_moment()), end
        )
    draft.opportunity["pipeline"] = draft.rng.choice((end.name, end.name, ""))


def moves_after_close(draft: Draft) -> None:
    """Closed in one pipeline, and again in the pipe of another."""
    others = [p for p in draft.rules.pipelines if p.name != draft.pipeline.name]
    if not others:
        return
    draft.open_again()
    draft.close("lost", draft.later(draft.last_moment()))
    other = draft.rng.choice(others)
    draft.row(other.stages[0], draft.later(draft.last_moment(), (0, 1, 4)), other)
    draft.say("open", None)
    if draft.opportunity is not None:
        draft.opportunity["pipeline"] = other.name


def stale_pipeline(draft: Draft) -> None:
    """Moved, but the row of `opportunities` still names the old pipeline."""
    old = draft.pipeline.name
    moves(draft)
    if draft.opportunity is not None:
        draft.opportunity["pipeline"] = old


def closes_in_another_pipeline(draft: Draft) -> None:
    others = [p for p in draft.rules.pipelines if p.name != draft.pipeline.name]
    if others:
        draft.open_again()
        other = draft.rng.choice(others)
        draft.row(other.lost[0], draft.later(draft.last_moment()), other)


def pipeline_only_in_opportunities(draft: Draft) -> None:
    for row in draft.rows:
        row["pipeline"] = ""


def pipeline_only_in_history(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["pipeline"] = ""


def no_pipeline_at_all(draft: Draft) -> None:
    pipeline_only_in_opportunities(draft)
    pipeline_only_in_history(draft)


def undeclared_pipeline(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["pipeline"] = UNDECLARED
    for row in draft.rows:
        row["pipeline"] = draft.rng.choice((UNDECLARED, row["pipeline"]))


def undeclared_rows(draft: Draft) -> None:
    for row in draft.rows[-2:]:
        row["pipeline"] = UNDECLARED


def ties_without_seq(draft: Draft) -> None:
    if len(draft.rows) > 1:
        at = draft.rng.randrange(1, len(draft.rows))
        draft.rows[at]["entered_at"] = draft.rows[at - 1]["entered_at"]


def ties_with_seq(draft: Draft) -> None:
    ties_without_seq(draft)
    for number, row in enumerate(draft.rows, start=1):
        row["seq"] = number
    if draft.rng.random() < 0.3 and draft.rows:
        draft.rng.choice(draft.rows)["seq"] = None


def seq_against_the_file(draft: Draft) -> None:
    ties_with_seq(draft)
    draft.rows.reverse()


def unknown_stage(draft: Draft) -> None:
    if draft.rows:
        draft.rng.choice(draft.rows)["stage"] = draft.rng.choice(UNKNOWN_STAGES)


def unknown_after_win(draft: Draft) -> None:
    draft.open_again()
    draft.close("won", draft.later(draft.last_moment()))
    draft.row(draft.rng.choice(UNKNOWN_STAGES), draft.later(draft.last_moment()))


def equal_twice(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.copies.append(dict(draft.opportunity))


def different_twice(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.copies.append(dict(draft.opportunity))
        draft.copies.append({**draft.opportunity, "value": 424_242})


def missing_entry(draft: Draft) -> None:
    if draft.rows:
        draft.rng.choice(draft.rows)["entered_at"] = draft.rng.choice((None, SENTINELS[0]))


def missing_created(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["created_at"] = draft.rng.choice((None, *SENTINELS))


def sentinel_closed(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["closed_at"] = draft.rng.choice(SENTINELS)


def created_after_entry(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["created_at"] = draft.later(draft.last_moment())


def created_after_as_of(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["created_at"] = draft.rules.as_of + 1
        if draft.rng.random() < 0.7:
            draft.rows = []


def created_long_before(draft: Draft) -> None:
    if draft.opportunity is not None and draft.opportunity["created_at"] is not None:
        draft.opportunity["created_at"] -= draft.rng.choice((1, 10, 100)) * SECONDS_PER_DAY


def rows_after_as_of(draft: Draft) -> None:
    moment = draft.rng.choice((draft.rules.as_of, draft.rules.as_of + 1))
    draft.row(draft.rng.choice(draft.pipeline.stages), moment)
    draft.row(draft.pipeline.won[0], draft.later(moment))


def around_the_last_day(draft: Draft) -> None:
    """Rows on the incomplete day and on the last used one."""
    end = (draft.rules.last_day + 1) * SECONDS_PER_DAY - draft.rules.utc_offset_seconds
    draft.open_again()
    draft.row(draft.rng.choice(draft.pipeline.stages), end - draft.rng.choice((1, 0, 60)))
    draft.close(draft.rng.choice(("won", "lost")), end + draft.rng.choice((-1, 0, 60)))


def zero_days(draft: Draft) -> None:
    if draft.rows:
        at = draft.rows[0]["entered_at"] or FIRST_MOMENT
        for number, row in enumerate(draft.rows):
            row["entered_at"] = at + number * 60
        if draft.opportunity is not None and draft.opportunity["closed_at"] is not None:
            draft.opportunity["closed_at"] = draft.last_moment()


def repeated_stage(draft: Draft) -> None:
    if draft.rows:
        at = draft.rng.randrange(len(draft.rows))
        copy = dict(draft.rows[at])
        if copy["entered_at"] is not None:
            copy["entered_at"] += draft.rng.choice((0, HOUR, 2 * SECONDS_PER_DAY))
        draft.rows.insert(at + 1, copy)


def odd_value(draft: Draft) -> None:
    if draft.opportunity is not None:
        draft.opportunity["value"] = draft.rng.choice((None, 0, -500))


def close_before_stage(draft: Draft) -> None:
    first = draft.rows[0]["entered_at"] if draft.rows else None
    if first is not None:
        draft.row(
            draft.rng.choice((draft.pipeline.won[0], draft.pipeline.lost[0])),
            first - draft.rng.choice((0, 1, 2, 9)) * SECONDS_PER_DAY - 60,
        )
        draft.rows.insert(0, draft.rows.pop())


def only_closes(draft: Draft) -> None:
    at = draft.last_moment()
    if draft.opportunity is not None:
        draft.rows = []
    draft.close("lost", at)
    if draft.rng.random() < 0.4:
        draft.close("won", draft.later(at, (0, 5)))


def other_case(draft: Draft) -> None:
    for row in draft.rows:
        row["stage"] = draft.rng.choice((row["stage"].upper(), f" {row['stage']} "))
        row["pipeline"] = draft.rng.choice((row["pipeline"], f" {row['pipeline'].lower()}"))
    if draft.opportunity is not None:
        draft.opportunity["pipeline"] = draft.opportunity["pipeline"].upper()
        draft.opportunity["outcome"] = draft.opportunity["outcome"].lower()


def blank_id(draft: Draft) -> None:
    if draft.rows:
        draft.rows.append({**draft.rng.choice(draft.rows), "opportunity_id": ""})
    if draft.opportunity is not None and draft.rng.random() < 0.3:
        draft.copies.append({**draft.opportunity, "opportunity_id": ""})


Oddity = Callable[[Draft], None]

ODDITIES: dict[str, Oddity] = {
    oddity.__name__: oddity
    for oddity in (
        skips,
        returns,
        reopened_within_a_day,
        reopened_later,
        closes_twice_within_a_day,
        loss_after_win,
        win_after_loss,
        several_closes,
        outcome_only_in_the_column,
        close_without_moment,
        closed_before_entry,
        outcome_disagrees,
        outcome_open_history_closed,
        outcome_empty,
        open_with_closed_at,
        closes_after_as_of,
        without_history,
        without_opportunity,
        from_stage,
        from_stage_without_created,
        from_stage_everywhere,
        starts_in_the_middle,
        moves,
        moves_after_close,
        stale_pipeline,
        closes_in_another_pipeline,
        pipeline_only_in_opportunities,
        pipeline_only_in_history,
        no_pipeline_at_all,
        undeclared_pipeline,
        undeclared_rows,
        ties_without_seq,
        ties_with_seq,
        seq_against_the_file,
        unknown_stage,
        unknown_after_win,
        equal_twice,
        different_twice,
        missing_entry,
        missing_created,
        sentinel_closed,
        created_after_entry,
        created_after_as_of,
        created_long_before,
        rows_after_as_of,
        around_the_last_day,
        zero_days,
        repeated_stage,
        odd_value,
        close_before_stage,
        only_closes,
        other_case,
        blank_id,
    )
}

# Places where the page can be read in two ways (the reading is in the reference's docstrings).
# `raw_source(seed, without=DEBATABLE)` keeps to what is plain.
DEBATABLE = frozenset({"moves_after_close", "stale_pipeline", "closes_in_another_pipeline"})


# ---------------------------------------------------------------------------------------------
# A source
# ---------------------------------------------------------------------------------------------


def raw_source(
    seed: int,
    deals: int = 12,
    file_order: str | None = None,
    without: Collection[str] = (),
) -> Source:
    """A source of some deals, of which most have one to three oddities.

    `file_order` is one of FILE_ORDERS (None: by chance). `without` names oddities to leave out.
    """
    rng = Random(seed)  # noqa: S311 - for odd data, not for secrets
    rules = some_rules(rng)
    oddities = [oddity for name, oddity in ODDITIES.items() if name not in without]
    drafts = []
    for number in range(deals):
        draft = plain_deal(number, rng, rules)
        for oddity in rng.sample(oddities, min(rng.choice((0, 1, 1, 1, 2, 2, 3)), len(oddities))):
            oddity(draft)
        drafts.append(draft)
    opportunities = opportunity_rows(drafts)
    rng.shuffle(opportunities)
    has_opportunities = rng.random() >= 0.06
    by_chance = rng.choice(FILE_ORDERS)
    history = in_file_order(drafts, file_order or by_chance, rng)  # last: it uses the most luck
    return (opportunities if has_opportunities else None), history, rules


def some_rules(rng: Random) -> Rules:
    """One to three pipelines, a zone, an `as_of` by date or by time."""
    pipelines = rng.choice(
        (
            (EQUIPMENT,),
            (EQUIPMENT, SERVICE),
            (EQUIPMENT, SERVICE),
            (EQUIPMENT, SERVICE, SPARE_PARTS),
        )
    )
    rules = Rules(
        pipelines=pipelines,
        as_of=0,
        last_day=0,
        utc_offset_seconds=rng.choice((0, 3, -5)) * HOUR,
        ignore_unknown_stages=rng.random() < 0.4,
        outcome_won=("Won", "Gewonnen"),
        outcome_lost=("Lost", "Verloren"),
        outcome_open=("Open",),
    )
    days = rng.randint(SOURCE_DAYS // 2, SOURCE_DAYS)
    return at_end_of_day(rules, days) if rng.random() < 0.5 else at_midday(rules, days, rng)


def at_end_of_day(rules: Rules, days: int) -> Rules:
    """`as_of` is a date: its last second is used, and it is the last used day."""
    day = FIRST_MOMENT // SECONDS_PER_DAY + days
    end = (day + 1) * SECONDS_PER_DAY - 1 - rules.utc_offset_seconds
    return replace(rules, as_of=end, last_day=day)


def at_midday(rules: Rules, days: int, rng: Random) -> Rules:
    """`as_of` is a time: the last used day is the one before."""
    day = FIRST_MOMENT // SECONDS_PER_DAY + days
    moment = day * SECONDS_PER_DAY + rng.randint(8, 20) * HOUR - rules.utc_offset_seconds
    return replace(rules, as_of=moment, last_day=day - 1)


def opportunity_rows(drafts: list[Draft]) -> RawRows:
    """All rows of `opportunities`."""
    rows = []
    for draft in drafts:
        if draft.opportunity is not None:
            rows += [draft.opportunity, *draft.copies]
    return rows


def in_file_order(drafts: list[Draft], file_order: str, rng: Random) -> RawRows:
    """The history rows in the order of the file; ties keep, or reverse, their true order."""
    rows = [row for draft in drafts for row in draft.rows]
    if file_order == "shuffled":
        rng.shuffle(rows)
    elif file_order == "newest_first":
        rows.reverse()
        rows.sort(key=lambda row: -(row["entered_at"] or 0))
    elif file_order == "by_time":
        rows.sort(key=lambda row: row["entered_at"] or 0)
    elif file_order != "by_deal":
        message = f"file order is one of {', '.join(FILE_ORDERS)}, not {file_order!r}"
        raise ValueError(message)
    return rows


def sources(max_deals: int = 14, without: Collection[str] = ()) -> st.SearchStrategy[Source]:
    """Hypothesis: sources of up to so many deals."""
    return st.builds(
        raw_source,
        seed=st.integers(min_value=0, max_value=2**32 - 1),
        deals=st.integers(min_value=1, max_value=max_deals),
        file_order=st.sampled_from(FILE_ORDERS),
        without=st.just(frozenset(without)),
    )


# ---------------------------------------------------------------------------------------------
# The same source as files
# ---------------------------------------------------------------------------------------------


def write_source(source: Source, folder: Path) -> Path:
    """Write opportunities.csv (if any), stage_history.csv and leakkit.toml; returns the last.

    Moments are ISO local times without offset in the zone of the configuration.
    """
    opportunities, history, rules = source
    folder.mkdir(parents=True, exist_ok=True)
    if opportunities is not None:
        write_csv(folder / "opportunities.csv", OPPORTUNITY_COLUMNS, opportunities, rules)
    write_csv(folder / "stage_history.csv", HISTORY_COLUMNS, history, rules)
    configuration = folder / "leakkit.toml"
    configuration.write_text(toml_text(rules), encoding="utf-8")
    return configuration


def write_csv(path: Path, columns: tuple[str, ...], rows: RawRows, rules: Rules) -> None:
    """One file; the rows stay in their order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell(column, row[column], rules) for column in columns])


def cell(column: str, value: Any, rules: Rules) -> str:  # noqa: ANN401 - a cell is anything
    """A value as the file shows it: money in major units, moments in local time."""
    if value is None:
        return ""
    if column == "value":
        sign, minor = ("-" if value < 0 else ""), abs(value)
        return f"{sign}{minor // 100}.{minor % 100:02d}"
    return local_time(value, rules) if column in MOMENTS else str(value)


def local_time(moment: int, rules: Rules) -> str:
    """ISO, to the second, without an offset."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment + rules.utc_offset_seconds)
    return local.strftime("%Y-%m-%dT%H:%M:%S")


def zone_name(rules: Rules) -> str:
    """The constant zone; the sign of Etc/GMT names is the other way round."""
    hours = rules.utc_offset_seconds // HOUR
    return "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"


def as_of_text(rules: Rules) -> str:
    """A date where `as_of` is the end of the last used day, else a time."""
    if local_day(rules.as_of, rules) == rules.last_day:
        return local_time(rules.as_of, rules)[:10]
    return local_time(rules.as_of, rules)


def toml_text(rules: Rules) -> str:
    """leakkit.toml for these rules."""
    lines = [
        f"as_of = {quote_toml(as_of_text(rules))}",
        f"timezone = {quote_toml(zone_name(rules))}",
        "",
        "[source]",
        f"ignore_unknown_stages = {str(rules.ignore_unknown_stages).lower()}",
        'present_stage = "history"',
        f"accept = {quote_toml(list(CROSS_CHECKS))}",
        "",
        "[source.outcomes]",
        f"won = {quote_toml(list(rules.outcome_won))}",
        f"lost = {quote_toml(list(rules.outcome_lost))}",
        f"open = {quote_toml(list(rules.outcome_open))}",
    ]
    for pipeline in rules.pipelines:
        lines += pipeline_lines(pipeline)
    return "\n".join(lines) + "\n"


def pipeline_lines(pipeline: PipelineRules) -> list[str]:
    """One [[pipelines]] table."""
    stages = ", ".join(f"{{ name = {quote_toml(stage)} }}" for stage in pipeline.stages)
    lines = [
        "",
        "[[pipelines]]",
        f"name = {quote_toml(pipeline.name)}",
        f"won = {quote_toml(list(pipeline.won))}",
        f"lost = {quote_toml(list(pipeline.lost))}",
        f"unit = {quote_toml(pipeline.unit)}",
        f"stages = [{stages}]",
    ]
    if pipeline.expected_days is not None:
        lines.append(f"expected_days = {pipeline.expected_days}")
    return lines


def quote_toml(value: str | list[str]) -> str:
    """A TOML string or list of strings."""
    return json.dumps(value, ensure_ascii=False)
