"""Which stages of a source close a deal: by their names, and by the deals that stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.store import schema
from leakkit.store.closes import LOST_WORDS, WON_WORDS, bare, closing, may_be_lost
from leakkit.store.resolve import CLOSED, outcome_of, outcome_words, texts, write_rows

if TYPE_CHECKING:
    from leakkit.config import Config
    from leakkit.store.database import Store

FEWEST = 3
"""Fewer deals in a stage show nothing."""
PASSED = 0.5
"""A stage that more than this share of its visits leave for another one is passed through."""

MAY_BE_LOST = "stages_that_may_be_lost"
"""The stages whose name most likely means a loss, and of which nothing else says so."""

STAND = """
SELECT stage, count(*) AS deals,
       count(*) FILTER (outcome IN (SELECT unnest($won))) AS won,
       count(*) FILTER (outcome IN (SELECT unnest($lost))) AS lost
FROM given_opportunities WHERE stage <> '' AND opportunity_id <> ''
GROUP BY stage ORDER BY stage
"""

FOLLOWED = """
CREATE OR REPLACE TEMP TABLE followed AS
SELECT h.stage, lead(h.stage) OVER w AS next_stage,
       COALESCE(bool_or(c.code = -1) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                FALSE) AS after_win,
       COALESCE(bool_or(c.code = -2) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                FALSE) AS after_loss
FROM given_history h LEFT JOIN ({closes}) c ON c.said = h.stage
WHERE h.stage <> '' AND h.opportunity_id <> '' AND h.entered_at IS NOT NULL
WINDOW w AS (PARTITION BY h.opportunity_id ORDER BY h.entered_at, h.part, h.line)
"""


def closing_stages(store: Store, config: Config) -> dict[str, int]:
    """Return the names of stages that close a deal -> WON or LOST, of a source as it was given.

    A name says so by a closing word, which counts inside a longer name only where deals do
    not pass through. Where all closed deals stand in stages of their own end, those stages
    are closes whatever they are called: what flags and outcomes say goes before a name.
    Stages that follow nothing but a win (or a loss), and lead nowhere, are of its kind.
    """
    said = texts(store, "stage", "given_history", "given_opportunities")
    named = closing(said)
    _follow(store, named)
    passed = _find_passed_through(store)
    exact = {fold_name(word) for word in (*WON_WORDS, *LOST_WORDS, *CLOSED)}
    sure = {n: code for n, code in named.items() if bare(n) in exact or n not in passed}
    stood = _by_deals(store, config)
    listed_ends, listed_open = _read_listed(store, said)
    own = {**listed_ends, **_read_declared(config, said)}
    sure |= dict.fromkeys(_find_surely_lost(store, config, said), schema.LOST)
    found = {**sure, **stood, **_after_closes(store, {*sure, *stood, *own}), **own}
    _keep_asked(store, [n for n in said if may_be_lost(n) and n not in {*found, *passed}])
    still_open = {*map(fold_name, config.source.outcomes.open), *listed_open} - set(
        map(fold_name, own)
    )
    return {name: code for name, code in found.items() if fold_name(name) not in still_open}


def _read_declared(config: Config, said: list[str]) -> dict[str, int]:
    """Return the names that [source.outcomes] calls won or lost."""
    own = config.source.outcomes
    words = {fold_name(w): schema.WON for w in own.won} | {
        fold_name(w): schema.LOST for w in own.lost
    }
    return {name: words[fold_name(name)] for name in said if fold_name(name) in words}


def _read_listed(store: Store, said: list[str]) -> tuple[dict[str, int], set[str]]:
    """Return the stages that a list of stages calls closes, and those that it calls open."""
    rows = store.rows(f"SELECT name, ends FROM {schema.LISTED_STAGES}")  # noqa: S608 - a name of this program
    codes = {"won": schema.WON, "lost": schema.LOST}
    ends = {fold_name(str(name)): codes[str(end)] for name, end in rows if end in codes}
    still_open = {fold_name(str(name)) for name, end in rows if end == "open"}
    return {name: ends[fold_name(name)] for name in said if fold_name(name) in ends}, still_open


def _follow(store: Store, closes: dict[str, int]) -> None:
    """Make the table of which stage follows which, and whether a close came before."""
    sql, facts = write_rows({"said": "VARCHAR", "code": "SMALLINT"}, list(closes.items()))
    store.run(FOLLOWED.format(closes=sql), facts)


def _find_passed_through(store: Store) -> set[str]:
    """Return the stages that most visits leave for another stage."""
    rows = store.rows(
        "SELECT stage FROM followed GROUP BY stage "
        "HAVING count(*) FILTER (next_stage <> stage) > $passed * count(*) ORDER BY stage",
        {"passed": PASSED},
    )
    return {str(row[0]) for row in rows}


def _after_closes(store: Store, closes: set[str]) -> dict[str, int]:
    """Return the stages that are entered after a close only, and that nothing follows."""
    rows = store.rows(
        """
        SELECT stage, bool_and(after_win), bool_and(after_loss AND NOT after_win)
        FROM followed GROUP BY stage
        HAVING bool_and(next_stage IS NULL OR next_stage = stage) ORDER BY stage
        """
    )
    found = {str(s): schema.WON if won else schema.LOST for s, won, lost in rows if won or lost}
    return {stage: code for stage, code in found.items() if stage not in closes}


def _find_surely_lost(store: Store, config: Config, said: list[str]) -> list[str]:
    """Return the stages called by a word for a loss that only lost deals stand in, or never leave.

    What the outcomes say goes before what the history shows.
    """
    words = outcome_words(config)
    codes = {s: outcome_of(s, words) for s in texts(store, "outcome", "given_opportunities")}
    lost = [text for text, code in codes.items() if code == schema.LOST]
    stand = {
        str(stage): (int(deals), int(found))
        for stage, deals, _, found in store.rows(STAND, {"won": [], "lost": lost})
    }
    left = store.rows(
        "SELECT stage, count(*), count(*) FILTER (next_stage <> stage) FROM followed "
        "GROUP BY stage ORDER BY stage"
    )
    never_left = {str(stage) for stage, visits, gone in left if visits >= FEWEST and not gone}
    each = {name: stand.get(name, (0, 0)) for name in said if may_be_lost(name)}
    return [
        name
        for name, (deals, found) in each.items()
        if (deals and deals == found) or (not lost and name in never_left)
    ]


def _keep_asked(store: Store, names: list[str]) -> None:
    """Keep the stages that are to be asked for."""
    sql, facts = write_rows({"stage": "VARCHAR"}, [(name,) for name in names])
    store.run(f"CREATE OR REPLACE TEMP TABLE {MAY_BE_LOST} AS {sql}", facts)


def _by_deals(store: Store, config: Config) -> dict[str, int]:
    """Return the stages where won deals stand only, or lost ones only, if all closed ones do.

    Where a deal that is lost keeps the stage in which it was lost, closed and open deals
    stand together, and nothing is said here.
    """
    words = outcome_words(config)
    codes = {s: outcome_of(s, words) for s in texts(store, "outcome", "given_opportunities")}
    given = {
        kind: [said for said, code in codes.items() if code == wanted]
        for kind, wanted in (("won", schema.WON), ("lost", schema.LOST))
    }
    rows = store.rows(STAND, given)
    still_open = sum(deals - won - lost for _, deals, won, lost in rows)
    pure = {s: schema.WON if w else schema.LOST for s, n, w, lost in rows if n in (w, lost)}
    closed = [(s, n) for s, n, won, lost in rows if won or lost]
    if not still_open or any(s not in pure or n < FEWEST for s, n in closed):
        return {}
    return pure
