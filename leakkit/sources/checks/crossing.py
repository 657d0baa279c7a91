"""All cross-checks of a source, and what follows from them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.sources.checks import end_checks, history_checks
from leakkit.sources.checks.contradictions import unlike
from leakkit.store.name_codes import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.config import Config
    from leakkit.sources.checks.contradictions import Contradiction
    from leakkit.sources.headings.reading import Reading
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store

NO_STOP = ("present_stage_ahead",)
"""Put right by what the deal itself says."""
IN_DOUBT = ("outcome_words_unknown", "outcome_against_history")
NAMES = "closing_stage"
"""What the outcome is recognised by where only the names of stages say it."""
ENDS_ASKED = "nothing_closes"
"""After this question those follow that are asked where the outcomes were made."""
COUNTED = (*IN_DOUBT, *NO_STOP, "none_in_both")
"""The account of the rows counts these itself, and puts the first two in doubt."""


def cross_check(
    reading: Reading, found: Found, config: Config, *, listed_after: bool, resolved: bool = True
) -> None:
    """Hold what a source says twice against itself; call once the deals are resolved.

    `listed_after`: all faults are listed after it, so that those set aside stop nothing.
    `resolved`: there are deals that did not go the straight way.

    Every disagreement is counted, kept with examples, and puts its deals in doubt. Raises
    LeakkitError where one touches so many deals that no page could be right, with the
    lines that decide, unless `accept` names it.
    """
    store = reading.store
    made = any(one.what == "outcome" for one in reading.log.said)
    outcome = "" if made or not found.opportunities else found.opportunities.heading("outcome")
    declared = bool(reading.config.pipelines)
    asked = _ask_questions(
        store, found, config, outcome or "", declared=declared, resolved=resolved
    )
    if not outcome:
        by_names = {one.as_what for one in reading.log.said if one.what == "outcome"} <= {NAMES}
        after = 1 + next(i for i, one in enumerate(asked) if one.code == ENDS_ASKED)
        asked[after:after] = [
            end_checks.one_end_missing(store, reading.config),
            end_checks.stage_past_close(store, reading.config, by_names=by_names),
        ]
    conflicts = [conflict for conflict in asked if conflict.n]
    said = {*NO_STOP, *config.source.accept, *(("most_set_aside",) if listed_after else ())}
    stopping = [conflict for conflict in conflicts if conflict.stops and conflict.code not in said]
    if stopping:
        raise _build_error(found, config, stopping)
    for conflict in conflicts:
        reading.count(conflict.code, 0 if conflict.code in COUNTED else conflict.n)
    _put_in_doubt(store, [conflict for conflict in conflicts if conflict.code not in IN_DOUBT])
    store.set_meta(
        "cross_checks",
        [{**asdict(d), "deals": d.n, "examples": d.examples} for d in conflicts],
    )


def _ask_questions(  # noqa: PLR0913 - what the questions are about
    store: Store, found: Found, config: Config, outcome: str, *, declared: bool, resolved: bool
) -> list[Contradiction]:
    """Ask every question; `outcome` is the heading of the outcomes, '' where they were made.

    `declared`: the configuration says which stages each pipeline has. Of deals that went the
    straight way half of the questions need not be asked, where no other was `resolved`.
    """

    def of_resolved(ask: Callable[..., Contradiction], *given: object) -> list[Contradiction]:
        return [ask(store, *given)] if resolved else []

    all_open = end_checks.nothing_closes(store, config)
    return [
        *of_resolved(history_checks.most_set_aside),
        all_open,
        *of_resolved(end_checks.outcome_words_unknown),
        end_checks.open_with_reason(store),
        *of_resolved(end_checks.outcome_against_history),
        end_checks.closed_without_outcome(store, asked=all_open.stops),
        end_checks.stage_may_be_lost(store, config, asked=all_open.stops),
        end_checks.flags_against_outcome(store, outcome),
        end_checks.ends_half_told(store),
        *of_resolved(history_checks.present_stage_ahead),
        *of_resolved(history_checks.lost_elsewhere, config),
        *of_resolved(history_checks.breaks_in_history),
        history_checks.stage_of_another_pipeline(store, found.history, declared=declared),
        *of_resolved(history_checks.closed_without_start),
        history_checks.several_beginnings(store, found.history),
        *of_resolved(history_checks.history_older_than_deals),
        history_checks.shortened_ids(store),
        *of_resolved(history_checks.dates_unreadable),
        history_checks.rows_without_id(store, found),
        history_checks.open_without_stage(store, found),
        *of_resolved(history_checks.none_in_both, found),
        history_checks.ids_under_several_names(store, found.history),
    ]


def _build_error(found: Found, config: Config, conflicts: list[Contradiction]) -> LeakkitError:
    """Return the error that asks what is right."""
    file = (found.opportunities or found.history).file
    faults = tuple(
        Fault(
            file,
            None,
            "",
            conflict.examples,
            f"{conflict.n:,} of {conflict.of:,} deals {conflict.says} ({conflict.code})",
            "; or ".join([*conflict.lines, unlike(config, conflict.code)]),
        )
        for conflict in conflicts
    )
    message = (
        "The source disagrees with itself, and a page made of it would be wrong. "
        "Say in leakkit.toml what is right (leakkit init writes one):"
    )
    return LeakkitError("cross_checks", message, faults, _asks(config, conflicts))


def _asks(config: Config, conflicts: list[Contradiction]) -> tuple[Ask, ...]:
    """Return the lines that settle the conflicts: accepting one is needed where no other is."""
    kept = config.source.accept
    accepting = tuple(
        Ask(
            "source",
            "accept",
            (conflict.code,),
            f"if it is right that {conflict.n:,} of {conflict.of:,} deals {conflict.says}",
            needed=not any(ask.needed for ask in conflict.asks),
            others=kept,
        )
        for conflict in conflicts
    )
    return (*(ask for doubt in conflicts for ask in doubt.asks), *accepting)


def _put_in_doubt(store: Store, conflicts: list[Contradiction]) -> None:
    """Let the last visits of these deals count as in doubt."""
    rows = [(deal, doubt.code) for doubt in conflicts for deal in doubt.deals]
    if not rows:
        return
    sql, facts = write_rows({"said": "VARCHAR", "reason": "VARCHAR"}, rows)
    store.run(
        f"INSERT INTO doubted SELECT i.opportunity, r.reason FROM ({sql}) r "  # noqa: S608 - of this room
        "JOIN ids i ON i.opportunity_id = r.said",
        facts,
    )
