"""Outcomes: words that nobody knows, closes that are missing, columns and reasons that disagree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.config import Config, fold_name
from leakkit.errors import Ask
from leakkit.sources.cells.no_data import NOTHING
from leakkit.sources.checks.contradictions import (
    FEWEST,
    Contradiction,
    ids,
    ids_of,
    list_deals,
    list_words,
    words_to_sort,
)
from leakkit.sources.headings.heading_words import nearest
from leakkit.sources.propose.proposal import MAY_BE_LOST
from leakkit.sources.shapes.deal_ends import ENDS
from leakkit.sources.toml import list_texts, quote_toml
from leakkit.store.name_codes import outcome_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leakkit.store.database import Store

UNKNOWN = """
SELECT d.opportunity FROM deals d JOIN opportunities o ON o.opportunity = d.opportunity
WHERE d.outcome <> '' AND d.outcome_code IS NULL AND o.outcome = 'open'
"""
DISAGREES = """
SELECT j.opportunity FROM judged j JOIN opportunities o ON o.opportunity = j.opportunity
WHERE j.end_code < 0 AND j.said <> j.end_code
"""
LAST_STAGES = """
SELECT opportunity, end_code FROM ends UNION ALL SELECT opportunity, end_code FROM straight_deals
"""
LAST = f"""
SELECT said, count(*) AS n FROM (
    SELECT COALESCE(s.name, '') AS said
    FROM opportunities o
    LEFT JOIN ({LAST_STAGES}) e ON e.opportunity = o.opportunity
    LEFT JOIN stages s ON s.pipeline = o.pipeline
        AND s.stage = COALESCE(e.end_code, o.current_stage))
WHERE said <> '' GROUP BY said ORDER BY n DESC, said LIMIT 20
"""  # noqa: S608 - a query of this module

PASSED = """
SELECT DISTINCT stage FROM (
    SELECT stage, lead(stage) OVER (PARTITION BY opportunity_id ORDER BY entered_at, line) AS after
    FROM given_history WHERE stage <> '' AND opportunity_id <> '')
WHERE after <> stage ORDER BY stage
"""
"""The stages that a deal has left for another one."""

CLOSED = f"""
SELECT stage, count(*) AS n FROM {ENDS} WHERE outcome = '' AND NOT closes
GROUP BY stage ORDER BY n DESC, stage
"""  # noqa: S608 - a name of this program
CLOSED_DEALS = f"""
SELECT opportunity_id FROM {ENDS} SEMI JOIN opportunities USING (opportunity_id)
WHERE {ENDS}.outcome = '' AND NOT closes
"""  # noqa: S608 - a name of this program

IN_DOUBT = f"""
SELECT s.name, o.opportunity_id
FROM opportunities o
LEFT JOIN ({LAST_STAGES}) e ON e.opportunity = o.opportunity
JOIN stages s ON s.pipeline = o.pipeline AND s.stage = COALESCE(e.end_code, o.current_stage)
WHERE s.name IN (SELECT stage FROM {MAY_BE_LOST}) AND o.outcome = 'open' ORDER BY 1, 2
"""  # noqa: S608 - a name of this program

HALF_TOLD = """
SELECT DISTINCT h.opportunity_id, h.heading, h.told
FROM half_told h JOIN opportunities o ON o.opportunity_id = h.opportunity_id
WHERE o.outcome = 'open' AND NOT EXISTS (
    SELECT 1 FROM opportunities other
    WHERE other.outcome = CASE h.told WHEN 'won' THEN 'lost' ELSE 'won' END)
ORDER BY 1
"""

STANDING_OPEN = f"""
WITH dated AS (
    SELECT opportunity_id, max(closed_at) AS closed_at FROM given_opportunities GROUP BY ALL),
seen AS (
    SELECT GREATEST((SELECT max(created_at) FROM opportunities),
                    (SELECT max(entered_at) FROM given_history)) AS moment),
usual AS (
    SELECT quantile_disc(closed_at, 0.75) AS moment FROM opportunities WHERE outcome <> 'open')
SELECT COALESCE(s.name, '') AS said,
       list(o.opportunity_id ORDER BY o.opportunity_id) FILTER (o.outcome = 'open') AS open_ones,
       count(*) FILTER (o.outcome <> 'open') AS ended,
       count(*) FILTER (o.outcome = 'open' AND d.closed_at <= seen.moment) AS past,
       count(*) FILTER (o.outcome = 'open' AND d.closed_at <= usual.moment) AS early
FROM opportunities o
LEFT JOIN ({LAST_STAGES}) e ON e.opportunity = o.opportunity
LEFT JOIN stages s ON s.pipeline = o.pipeline AND s.stage = COALESCE(e.end_code, o.current_stage)
LEFT JOIN dated d ON d.opportunity_id = o.opportunity_id
CROSS JOIN seen CROSS JOIN usual
GROUP BY said HAVING count(*) FILTER (o.outcome = 'open') > 0 ORDER BY said
"""  # noqa: S608 - a query of this module
"""The stages where open deals stand, and how many of these have a close that is past.

`early` are those that are no later than three quarters of the closes of deals that ended.
"""

KINDS_OF_ENDS = 2
MOSTLY = 0.9
FEWEST_OTHERS = 10
"""So many open deals elsewhere show that an open deal's close is not past as a rule."""
FEWEST_OPEN = 20
"""Fewer deals may well all be open; that none is closed is then said, and no question."""


def outcome_words_unknown(store: Store) -> Contradiction:
    """Ask which deals have an outcome in words that nobody knows, and are open by nothing else."""
    found = ids_of(store, UNKNOWN)
    said = list_words(store, "outcome", UNKNOWN) if found else []
    lines = tuple(
        f"won, lost or open = [{quote_toml(text)}]   # in [source.outcomes]: "
        f"{n:,} deals{_guess(text)}"
        for text, n in said
    )
    says = "have an outcome in words that are not known"
    asks = words_to_sort([(text, f"{n:,} deals{_guess(text)}") for text, n in said])
    return Contradiction(
        "outcome_words_unknown", says, found, list_deals(store, found), lines, asks=asks
    )


def _guess(word: str) -> str:
    """Ask for the known word that is nearest, where one is near."""
    near = nearest(word, outcome_words(Config()))
    return f", is it {near!r}?" if near else ""


def nothing_closes(store: Store, config: Config) -> Contradiction:
    """Ask whether no deal at all is won or lost; the words for it may not be known."""
    open_only = store.value("SELECT count(*) FROM opportunities WHERE outcome <> 'open'") == 0
    own = config.source.outcomes
    stated = bool(own.won or own.lost) or any(p.won or p.lost for p in config.pipelines)
    asked = open_only and not stated and not store.value("SELECT count(*) FROM unchanged")
    last = [(str(said), int(n)) for said, n in store.rows(LAST)] if asked else []
    sorted_out = set(map(fold_name, own.open))
    asked = asked and not (last and all(fold_name(said) in sorted_out for said, _ in last))
    found = ids(store, "SELECT opportunity_id FROM opportunities") if asked else ()
    shown = ", ".join(f"{said} ({n:,})" for said, n in last)
    lines = (
        f"the last stages are {shown}",
        "won = [...]   # in [source.outcomes]: those of them in which a deal is won",
        "lost = [...]   # in [source.outcomes]: those in which it is lost",
    )
    says = "are neither won nor lost, as all are"
    asks = _ends(store, last) if asked else ()
    return Contradiction(
        "nothing_closes",
        says,
        found,
        list_deals(store, found),
        lines,
        fewest=FEWEST_OPEN,
        asks=asks,
    )


def one_end_missing(store: Store, own: Config) -> Contradiction:
    """Ask whether a stage closes deals where all that end are lost, or all are won.

    Only where the names of stages alone say how deals end: then the other end may have a name
    that nobody knows. Such a stage is one in which every deal has a close that is past, and in
    others nearly none; or one that no deal has ever left. `own` is what the user configured.
    """
    counted = dict(store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1"))
    won, lost = int(counted.get("won", 0)), int(counted.get("lost", 0))
    known = own.source.outcomes
    there, other = ("lost", "won") if lost else ("won", "lost")
    one_sided = (won == 0) != (lost == 0) and max(won, lost) >= FEWEST
    settled = bool(own.pipelines or known.won or known.lost)
    asked = one_sided and not settled and not store.value("SELECT count(*) FROM unchanged")
    standing = _standing(store, set(map(fold_name, known.open))) if asked else {}
    found = tuple(sorted(one for ones in standing.values() for one in ones))
    means, lines = _ask_of_stages(standing)
    says = f"end in a stage that may close them: deals are {there} here, and none is {other}"
    return Contradiction(
        "one_end_missing", says, found, list_deals(store, found), lines, asks=words_to_sort(means)
    )


def stage_past_close(store: Store, own: Config, *, by_names: bool) -> Contradiction:
    """Ask whether a stage is an end of the seller's own, where others are known as won and lost.

    Such a stage is one that no deal has left, in which every deal has a close that is past, and
    in others nearly none; and these closes are as old as those of deals that ended, and no plans
    that were missed of late. `by_names`: the names of stages alone say how deals end.
    """
    known = own.source.outcomes
    both = store.value("SELECT count(DISTINCT outcome) FROM opportunities WHERE outcome <> 'open'")
    settled = bool(own.pipelines or known.won or known.lost)
    asked = by_names and both == KINDS_OF_ENDS and not settled
    asked = asked and not store.value("SELECT count(*) FROM unchanged")
    proposed = store.rows(f"SELECT stage FROM {MAY_BE_LOST}") if has_proposed_stages(store) else []  # noqa: S608 - a name of this program
    elsewhere = {fold_name(said) for said in (*known.open, *(str(row[0]) for row in proposed))}
    standing = _past_stages(store, elsewhere) if asked else {}
    found = tuple(sorted(one for ones in standing.values() for one in ones))
    means, lines = _ask_of_stages(standing)
    says = "are open in a stage in which all deals have a close that is past, and in others few"
    return Contradiction(
        "stage_past_close", says, found, list_deals(store, found), lines, asks=words_to_sort(means)
    )


def _ask_of_stages(
    standing: Mapping[str, Sequence[str]],
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return what each stage could mean, with why it is asked, and the lines that say it."""
    means = [(said, f"{len(ones):,} deals end there") for said, ones in standing.items()]
    lines = tuple(
        f"{quote_toml(said)} = 'won', 'lost' or 'open'   # in [source.outcomes]: "
        f"{why}; open: a stage"
        for said, why in means
    )
    return means, lines


@dataclass(frozen=True)
class OpenStage:
    """The open deals that stand in a stage.

    `ended` deals ended there; `past` have a close that is past, `early` one of long ago.
    """

    stage: str
    deals: tuple[str, ...]
    ended: int
    past: int
    early: int

    def may_be_end(self, sorted_out: set[str]) -> bool:
        """Say whether the stage may be an end that nobody has named yet."""
        many = len(self.deals) >= FEWEST and not self.ended
        return bool(self.stage) and many and fold_name(self.stage) not in sorted_out


def _past_stages(store: Store, sorted_out: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the stages whose deals all have a close that is long past -> these deals."""
    rows, passed = _list_standing(store)
    past, others = _by_past_closes(rows)
    if sum(len(one.deals) for one in others) < FEWEST_OTHERS:
        return {}
    return {
        one.stage: one.deals
        for one in past
        if one.may_be_end(sorted_out)
        and one.stage not in passed
        and 2 * one.early >= len(one.deals)
    }


def _standing(store: Store, sorted_out: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the stages that may be ends -> the open deals that stand there."""
    rows, passed = _list_standing(store)
    never_left = [one for one in rows if passed and one.stage not in passed]
    found = [*_by_past_closes(rows)[0], *never_left]
    return {one.stage: one.deals for one in found if one.may_be_end(sorted_out)}


def _list_standing(store: Store) -> tuple[list[OpenStage], set[str]]:
    """Return the stages where open deals stand, and those that a deal has left."""
    rows = [
        OpenStage(str(said), tuple(map(str, ones)), *map(int, counts))
        for said, ones, *counts in store.rows(STANDING_OPEN)
    ]
    return rows, {str(row[0]) for row in store.rows(PASSED)}


def _by_past_closes(rows: Sequence[OpenStage]) -> tuple[list[OpenStage], list[OpenStage]]:
    """Return the stages in which closes are past as a rule, where in the others nearly none is."""
    past = [one for one in rows if one.past > MOSTLY * len(one.deals)]
    others = [one for one in rows if one not in past]
    late, open_ones = sum(one.past for one in others), sum(len(one.deals) for one in others)
    return (past if late <= (1 - MOSTLY) * open_ones else []), others


def _ends(store: Store, last: Sequence[tuple[str, int]]) -> tuple[Ask, ...]:
    """Ask of each last stage what it means; of those that deals leave again only beside."""
    passed = {str(row[0]) for row in store.rows(PASSED)}
    ends = [said for said, _ in last if said not in passed] or [said for said, _ in last]
    said = [(stage, f"deals whose last stage it is: {n:,}") for stage, n in last]
    return (
        *words_to_sort([one for one in said if one[0] in ends]),
        *words_to_sort([one for one in said if one[0] not in ends], needed=False),
    )


def closed_without_outcome(store: Store, *, asked: bool) -> Contradiction:
    """Ask what a stage such as `Closed` means, whose deals have no outcome.

    `asked`: it is asked already, of every last stage.
    """
    rows = store.rows(CLOSED) if not asked else []
    found = ids(store, CLOSED_DEALS) if not asked else ()
    means = [(str(stage), f"{n:,} deals end there, and nothing says how") for stage, n in rows]
    lines = tuple(
        f"{quote_toml(stage)} = 'won', 'lost' or 'open'   # in [source.outcomes]: "
        f"{why}; open: a stage"
        for stage, why in means
    )
    says = "end in a stage that closes a deal, and no outcome says how"
    return Contradiction(
        "closed_without_outcome",
        says,
        found,
        list_deals(store, found),
        lines,
        asks=words_to_sort(means),
    )


def stage_may_be_lost(store: Store, config: Config, *, asked: bool) -> Contradiction:
    """Ask what a stage means whose name is a word for a loss, where no deal there says so.

    `asked`: it is asked already, of every last stage. One such deal is enough to ask.
    """
    own = config.source.outcomes
    sorted_out = list(map(fold_name, (*own.won, *own.lost, *own.open)))
    rows = store.rows(IN_DOUBT) if has_proposed_stages(store) and not asked else []
    found = [
        (str(said), str(deal)) for said, deal in rows if fold_name(str(said)) not in sorted_out
    ]
    counted = Counter(said for said, _ in found)
    means = [(said, f"{n:,} deals end there") for said, n in sorted(counted.items())]
    lines = tuple(
        f"{quote_toml(said)} = 'lost' or 'open'   # in [source.outcomes]: {why}; open: a stage"
        for said, why in means
    )
    says = (
        "end in a stage whose name is a word for a loss, and nothing else says that they are lost"
    )
    ends = tuple(sorted({deal for _, deal in found}))
    asks = words_to_sort(means)
    return Contradiction(
        "stage_may_be_lost", says, ends, list_deals(store, ends), lines, fewest=1, asks=asks
    )


def has_proposed_stages(store: Store) -> bool:
    """Say whether the stages were proposed, and so looked at for closes."""
    sql = "SELECT count(*) FROM duckdb_tables() WHERE table_name = $name"
    return bool(store.value(sql, {"name": MAY_BE_LOST}))


def outcome_against_history(store: Store) -> Contradiction:
    """Ask which deals end otherwise in their history than their outcome says."""
    found = ids_of(store, DISAGREES)
    said = list_words(store, "outcome", DISAGREES) if found else []
    lines = (f"the outcomes say {list_texts(said)}: what they mean is said in [source.outcomes]",)
    says = "end otherwise in their history than their outcome says"
    means = [(text, f"{n:,} of these deals") for text, n in said]
    asks = words_to_sort(means, needed=False)
    return Contradiction(
        "outcome_against_history", says, found, list_deals(store, found), lines, asks=asks
    )


def ends_half_told(store: Store) -> Contradiction:
    """Ask what deals are that a flag calls not won (or not lost), where nothing else says it."""
    there = store.value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half_told'")
    rows = store.rows(HALF_TOLD) if there else []
    found = tuple(str(row[0]) for row in rows)
    heading, stated = (str(rows[0][1]), str(rows[0][2])) if rows else ("", "won")
    other = "lost" if stated == "won" else "won"
    lines = (
        f"closed_at = '...'   # in [source]: empty for open deals; others not {stated} are {other}",
        f"outcome = {quote_toml(heading)}   # in [source]; what its no means: [source.outcomes]",
    )
    says = f"are not {stated} by {heading!r}, and nothing says whether they are {other} or open"
    ask = Ask(
        "source", "closed_at", (), f"empty for deals that are open, not {stated}", needed=False
    )
    return Contradiction(
        "ends_half_told",
        says,
        found,
        list_deals(store, found),
        lines,
        fewest=FEWEST_OPEN,
        asks=(ask,),
    )


def flags_against_outcome(store: Store, outcome: str) -> Contradiction:
    """Ask which deals are won or lost by their flags and something else by outcome or stage."""
    there = store.value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'flag_doubts'")
    sql = "SELECT opportunity_id FROM flag_doubts SEMI JOIN opportunities USING (opportunity_id)"
    found = ids(store, sql) if there else ()
    lines = ("outcome = '...'   # in [source]: the column that counts",)
    ask = Ask("source", "outcome", (outcome,), "it counts, and not the flags", needed=False)
    says = "are won, lost or open by their flags, and something else by their outcome or stage"
    return Contradiction(
        "flags_against_outcome",
        says,
        found,
        list_deals(store, found),
        lines,
        asks=(ask,) if outcome else (),
    )


# ---------------- reasons

OPEN = f"""
SELECT opportunity FROM opportunities
WHERE outcome = 'open' AND lost_reason <> '' AND lower(lost_reason) NOT IN {NOTHING}
"""  # noqa: S608 - words of the house


def open_with_reason(store: Store) -> Contradiction:
    """Ask which open deals have a reason for a loss, and what else is said of them."""
    found = ids_of(store, OPEN)
    outcome = list_words(store, "outcome", OPEN) if found else []
    stage = list_words(store, "stage", OPEN) if found else []
    lines = [
        f"lost = {list_texts(said)}   # in [source.outcomes]: "
        f"{what} of these deals, if it is a loss"
        for what, said in (("outcomes", outcome), ("stages", stage))
        if said
    ]
    lost = "SELECT count(*) FROM opportunities WHERE outcome = 'lost'"
    if found and not store.value(lost):
        lines.append("reason_means_loss = true   # in [source]: every deal with a reason is lost")
    says = "are open and have a reason for their loss"
    asks = words_to_sort(
        [(text, f"{n:,} of these deals") for text, n in (*outcome, *stage)], needed=False
    )
    return Contradiction(
        "open_with_reason", says, found, list_deals(store, found), tuple(lines), asks=asks
    )
