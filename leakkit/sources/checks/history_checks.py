"""Histories that break off, begin again, end elsewhere than the deals stand, or have other ids."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import Ask
from leakkit.sources.checks.contradictions import Contradiction, ids, ids_of, list_deals
from leakkit.sources.toml import list_texts
from leakkit.store.account import NONE_IN_BOTH
from leakkit.store.database import quote
from leakkit.store.moments import DAY

if TYPE_CHECKING:
    from leakkit.config import Config
    from leakkit.sources.headings.reading import Table
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store

BREAKS = """
SELECT opportunity FROM ordered
WHERE before_code >= 0 AND from_code IS NOT NULL AND from_code <> before_code
"""
AGAIN = """
SELECT opportunity_id FROM given_history
WHERE opportunity_id <> '' AND stage NOT IN ('', '(won)', '(lost)')
  AND (SELECT count(*) FROM given_history WHERE from_stage <> '') > 0
GROUP BY opportunity_id HAVING count(*) FILTER (from_stage = '') > 1
"""
AHEAD = "SELECT opportunity FROM new_closes WHERE code >= 0"
ELSEWHERE = """
SELECT o.opportunity
FROM opportunities o
JOIN deals d ON d.opportunity = o.opportunity
JOIN stage_names s ON s.pipeline = o.pipeline AND s.said = d.stage
JOIN (SELECT opportunity, arg_max(code, place) AS code FROM told
      WHERE code >= 0 AND fate IN ('kept', 'implied') GROUP BY opportunity) t
    ON t.opportunity = o.opportunity
WHERE o.outcome = 'lost' AND s.code >= 0 AND s.code <> t.code
"""
NO_START = """
SELECT opportunity FROM told
WHERE fate = 'close_without_stage' AND opportunity IN (
    SELECT i.opportunity FROM ids i
    SEMI JOIN (SELECT opportunity_id FROM given_history WHERE from_stage <> '') h
        ON h.opportunity_id = i.opportunity_id)
"""
OLDER = f"""
SELECT o.opportunity_id
FROM opportunities o
WHERE o.given AND NOT o.has_history
  AND GREATEST(o.created_at, COALESCE(o.closed_at, o.created_at))
      > (SELECT max(entered_at) + {DAY} FROM given_history)
"""  # noqa: S608 - numbers

PARTLY, NEARLY_ALL = 0.6, 0.9
ELSEWHERE_FIRST = f"""
WITH visits AS (
    SELECT o.pipeline, h.opportunity_id, h.stage,
           row_number() OVER w AS place, lead(h.stage) OVER w AS after
    FROM given_history h JOIN opportunities o USING (opportunity_id)
    WHERE h.stage <> '' AND h.entered_at IS NOT NULL
    WINDOW w AS (PARTITION BY h.opportunity_id ORDER BY h.entered_at, h.part, h.line)),
sizes AS (SELECT pipeline, count(DISTINCT opportunity_id) AS n FROM visits GROUP BY pipeline),
shares AS (
    SELECT v.pipeline, v.stage, count(DISTINCT v.opportunity_id) / any_value(s.n) AS share,
           bool_and(v.place = 1 AND v.after <> '' AND v.after NOT IN ('(won)', '(lost)')) AS leads
    FROM visits v JOIN sizes s USING (pipeline) GROUP BY v.pipeline, v.stage),
foreign_stages AS (
    SELECT p.pipeline, p.stage FROM shares p
    WHERE p.share < {PARTLY} AND COALESCE(p.leads, FALSE) AND EXISTS (
        SELECT 1 FROM shares q WHERE q.stage = p.stage AND q.pipeline <> p.pipeline
        AND q.share >= {NEARLY_ALL}))
SELECT v.opportunity_id, v.stage FROM visits v SEMI JOIN foreign_stages f
    ON f.pipeline = v.pipeline AND f.stage = v.stage
ORDER BY v.stage, v.opportunity_id
"""  # noqa: S608 - numbers
"""The deals that begin in a stage that part of their pipeline has, and all of another one."""


def stage_of_another_pipeline(store: Store, history: Table, *, declared: bool) -> Contradiction:
    """Ask which deals began in a stage that belongs to another pipeline, where rows name none.

    Such a deal was moved, and its first stage would be given to where it went. Where the
    stages of pipelines are `declared`, they say it.
    """
    silent = history.heading("pipeline") is None and not declared
    # of one pipeline there is no other, and the question takes a tenth of the load
    asked = silent and store.value("SELECT count(*) FROM pipelines") > 1
    rows = store.rows(ELSEWHERE_FIRST) if asked else []
    found = tuple(str(deal) for deal, _ in rows)
    stages = list_texts(Counter(str(stage) for _, stage in rows).most_common())
    line = f"[[pipelines]]   # the stages of each: {stages} in the one whose deals moved from there"
    says = f"begin in a stage that few deals of their pipeline have, and all of another: {stages}"
    return Contradiction(
        "stage_of_another_pipeline",
        says,
        found,
        list_deals(store, found),
        (line,),
    )


def breaks_in_history(store: Store) -> Contradiction:
    """Ask of which deals a row came from another stage than that of the row before."""
    found = ids_of(store, BREAKS)
    lines = (
        "aliases = [...]   # of a stage: the name that it had before",
        "seq = '...'   # in [source]",
    )
    says = "have a move from another stage than the one of the row before"
    return Contradiction("breaks_in_history", says, found, list_deals(store, found), lines)


def several_beginnings(store: Store, history: Table) -> Contradiction:
    """Ask which ids begin more than once: several deals of one name are no deal."""
    by_name = "name" in fold_name(history.heading("opportunity_id") or "")
    found = ids(store, AGAIN)
    lines = (
        "opportunity_id = '...'   # in [source]: the column with a key; export it with the rows",
    )
    says = "begin more than once, so their ids may be names"
    return Contradiction(
        "several_beginnings", says, found, list_deals(store, found), lines, grave=by_name
    )


def history_older_than_deals(store: Store) -> Contradiction:
    """Ask which deals are from after the last row of the history, and are not in it."""
    found = ids(store, OLDER)
    lines = ("export both files on the same day",)
    says = "were created or closed after the last row of the history and are not in it"
    return Contradiction("history_older_than_deals", says, found, list_deals(store, found), lines)


def present_stage_ahead(store: Store) -> Contradiction:
    """Ask which open deals stand in another stage than the last of their history."""
    lines = ("present_stage = 'history'   # in [source]: deals stand where their history ends",)
    says = "stand in another stage than the last of their history"
    found = ids_of(store, AHEAD)
    return Contradiction("present_stage_ahead", says, found, list_deals(store, found), lines)


def lost_elsewhere(store: Store, config: Config) -> Contradiction:
    """Ask which lost deals stand in another stage than the last of their history."""
    asked = config.source.present_stage == "counts"
    found = ids_of(store, ELSEWHERE) if asked else ()
    lines = (
        "present_stage = 'history'   # in [source]: they were lost where their history ends",
        "export both files on the same day",
    )
    says = "were lost in another stage than the last of their history"
    return Contradiction("lost_elsewhere", says, found, list_deals(store, found), lines)


def closed_without_start(store: Store) -> Contradiction:
    """Ask which deals were closed from a stage that they entered nobody knows when.

    Their stage is left out, so no loss counts there.
    """
    lines = (
        "created_at = '...'   # in [source]: when a deal was created; or a list of deals beside it",
    )
    says = "were closed from a first stage of which no start is known, so it is left out"
    found = ids_of(store, NO_START)
    return Contradiction("closed_without_start", says, found, list_deals(store, found), lines)


UNREAD = """
SELECT opportunity_id FROM given_opportunities
WHERE opportunity_id <> '' AND (created_unread <> '' OR closed_unread <> '')
"""
MANY_UNREAD = 0.25


def dates_unreadable(store: Store) -> Contradiction:
    """Ask for dates in another form, where a part of the deals has some that nobody can read."""
    apart = ids(store, UNREAD)
    every = list_deals(store, apart)
    said = store.rows(
        "SELECT min(t) FROM (SELECT created_unread AS t FROM given_opportunities UNION ALL "
        "SELECT closed_unread FROM given_opportunities) WHERE t <> ''"
    )
    shown = str(said[0][0]) if apart else ""
    says = f"have dates that cannot be read, such as {shown!r}"
    lines = ("export these dates as 2026-03-31, or 2026-03-31 14:05",)
    found = apart if len(apart) > MANY_UNREAD * every else ()
    return Contradiction("dates_unreadable", says, found, every, lines)


# ---------------- ids

SET_ASIDE = """
SELECT i.opportunity_id FROM aside a JOIN ids i ON i.opportunity = a.opportunity
"""
SHORT = r"regexp_full_match(opportunity_id, '\d([.,]\d+)?[eE]\+\d+')"


def shortened_ids(store: Store) -> Contradiction:
    """Ask which ids are numbers in short form: several deals share one then."""
    lines = ("export them again, that column as text: several deals may share one of these",)
    says = "have an id in short form, such as 4.12340E+11"
    found = ids(store, f"SELECT opportunity_id FROM ids WHERE {SHORT}")  # noqa: S608 - of this module
    return Contradiction("shortened_ids", says, found, list_deals(store, found), lines, grave=True)


def most_set_aside(store: Store) -> Contradiction:
    """Ask which deals could not be read without guessing, where they are more than the others."""
    apart = ids(store, SET_ASIDE)
    read = list_deals(store, apart)
    reasons = store.rows("SELECT reason, count(*) AS n FROM aside GROUP BY ALL ORDER BY n DESC, 1")
    why = ", ".join(f"{reason} {n:,}" for reason, n in reasons)
    says = f"cannot be read without guessing ({why})"
    line = (
        "[[pipelines]] with the other names of stages as aliases, or [source] with what no row "
        "says (unnamed_stage, entered_at, pipeline); leakkit check lists the rows"
    )
    more = apart if len(apart) > read else ()
    return Contradiction("most_set_aside", says, more, read + len(apart), (line,))


def rows_without_id(store: Store, found: Found) -> Contradiction:
    """Ask which rows of a list have no id: they may go on with the deal above, or be deals."""
    rows = store.rows("SELECT line FROM given_opportunities WHERE opportunity_id = '' ORDER BY 1")
    file = found.opportunities.file if found.opportunities else ""
    apart = {row for aside, row, _ in found.stray_rows if aside == file}
    bare = tuple(f"row {line}" for (line,) in rows if line not in apart) if file else ()
    lines = ("fill the id of every row in the file, with one row for each deal",)
    says = "have no id: their rows may go on with the deal above"
    every = list_deals(store, bare) + len(bare)
    return Contradiction("rows_without_id", says, bare, every, lines)


def open_without_stage(store: Store, found: Found) -> Contradiction:
    """Ask which deals are open because no cell says anything of them, by stages that tell ends."""
    table = found.opportunities
    asked = table is not None and table.heading("stage") and found.shape == "snapshot"
    sql = """
        SELECT o.opportunity_id FROM opportunities o
        JOIN (SELECT opportunity_id FROM given_opportunities
              GROUP BY ALL HAVING max(stage) = '' AND max(outcome) = '') g USING (opportunity_id)
        WHERE o.outcome = 'open'
        """
    apart = ids(store, sql) if asked else ()
    lines = (
        "fill the stage of every row in the file",
        "outcome = '...'   # in [source]: the column that says how deals ended",
    )
    ask = Ask("source", "outcome", (), "the column that says how deals ended", needed=False)
    says = "have no stage and no outcome, and would count as open"
    return Contradiction(
        "open_without_stage", says, apart, list_deals(store, apart), lines, asks=(ask,)
    )


def none_in_both(store: Store, found: Found) -> Contradiction:
    """Ask which histories have no deal in the other file, where not a single one has."""
    says = "have a history, and not one of them is in the file of the opportunities"
    apart, files = ids(store, NONE_IN_BOTH), (found.history, found.opportunities)
    lines = tuple(
        f"[source.{quote(table.file)}] opportunity_id = '...'   # the key that both files have"
        for table in files
        if table is not None
    )
    return Contradiction("none_in_both", says, apart, list_deals(store, apart), lines)


def ids_under_several_names(store: Store, history: Table) -> Contradiction:
    """Ask which ids stand in an event file under more than one name."""
    found: tuple[str, ...] = ()
    key, name = history.heading("opportunity_id"), history.heading("name")
    if key and name and key != name and key in history.types and name in history.types:
        text, said = history.text_under(key), history.text_under(name)
        found = ids(
            store,
            f"SELECT {text} FROM {history.relation} WHERE {quote(key)} IS NOT NULL "  # noqa: S608 - quoted
            f"AND {text} <> '' GROUP BY {text} "
            f"HAVING count(DISTINCT lower({said})) FILTER ({said} <> '') > 1",
        )
    lines = ("opportunity_id = '...'   # in [source]: the column with a key of its own per deal",)
    return Contradiction(
        "ids_under_several_names",
        "stand under several names",
        found,
        list_deals(store, found),
        lines,
    )
