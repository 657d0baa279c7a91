"""How deals of a list ended: by a column of outcomes, by flags, by their stage, by their reason.

In stages such as `Closed`, which hold won and lost deals, each row is the close of its deal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.sources.formats.rows import rewritten
from leakkit.sources.headings.heading_words import declared_names
from leakkit.sources.shapes.end_columns import (
    ending_dates,
    find_ends_by_close,
    find_flags,
    keep_flag_conflicts,
    keep_one_sided_flags,
    outcome_by_dates,
)
from leakkit.store import schema
from leakkit.store.database import literal, literals
from leakkit.store.name_codes import close_of, closes_either_way, outcome_of, outcome_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading, Table
    from leakkit.sources.shapes.end_columns import Flags
    from leakkit.sources.shapes.shaping import Found

KINDS = {schema.WON: "won", schema.LOST: "lost", 0: "open"}
SHOWN_WORDS = 12
FEWEST = 3
"""So many deals with a reason and a close show that a reason means a loss."""
EXCEPTIONS = 0.05
"""A larger share of deals with one of the two and not the other shows that it does not."""


def write_ends(reading: Reading, table: Table) -> Table:
    """Say of the deals of a list how they ended, in which stage, and why those lost were."""
    return reasons_of_losses(reading, _with_last_stage(reading, with_outcome(reading, table)))


def with_outcome(reading: Reading, table: Table) -> Table:
    """Say the outcome of deals that have no column for it, by flags or by a closing stage."""
    flags = find_flags(reading, table)
    ended = f"{_stages_that_end(reading, table)} OR {find_ends_by_close(reading, table, flags)}"
    said = flags.sql(table, table.text("lost_reason"), ended)
    heading = table.heading("outcome")
    if heading:
        table = _in_words(reading, table, heading)
        table = _end_by_flags(reading, table, heading, flags)
        _say_words(reading, table)
        cases = cases_of_outcome(reading, table)
        if "outcome" not in table.renamed:
            # else the configuration says which column counts
            keep_flag_conflicts(reading, table, said, cases)
        if not _is_declared(reading, table):
            return table
        text = table.text("outcome")
        lost = f"{table.text('lost_reason')} <> '' AND {cases} IN ('open', '')"
        return rewritten(
            reading, table, {heading: f"CASE WHEN {lost} THEN 'lost' ELSE {text} END"}, "reasons"
        )
    keep_one_sided_flags(reading, table, flags)
    return _without_column(reading, table, said, list(flags.headings.values()))


def _end_by_flags(reading: Reading, table: Table, heading: str, flags: Flags) -> Table:
    """Let flags say how a deal ended whose outcome says only that it did, such as `Closed`."""
    outcome = table.text("outcome")
    ends = [text for text in _read_texts(reading, table, outcome) if closes_either_way(text)]
    if not ends or not flags.headings.keys() & {"won", "lost"}:
        return table
    ended = f"{outcome} IN ({literals(ends)})"
    how = flags.sql(table, table.text("lost_reason"), ended)
    reading.say(table.file, "outcome", "flags", ", ".join(flags.headings.values()))
    sql = f"CASE WHEN {ended} AND {how} IN ('won', 'lost') THEN {how} ELSE {outcome} END"
    return rewritten(reading, table, {heading: sql}, "ends by flags")


def _read_texts(reading: Reading, table: Table, text: str) -> list[str]:
    """Return the texts of a column, in order."""
    rows = reading.store.rows(f"SELECT DISTINCT {text} FROM {table.relation} ORDER BY 1")  # noqa: S608 - quoted
    return [str(row[0]) for row in rows]


def _stages_that_end(reading: Reading, table: Table) -> str:
    """Return SQL for "this deal stands in a stage that closes either way", such as `Closed`."""
    stage = table.text("stage")
    ends = [literal(said) for said in _read_texts(reading, table, stage) if closes_either_way(said)]
    return f"{stage} IN ({', '.join(ends)})" if ends else "FALSE"


def _in_words(reading: Reading, table: Table, heading: str) -> Table:
    """Write the outcomes of a maker in words, where it counts them: 1 for won, 2 for lost."""
    text = f"lower({table.text('outcome')})"
    cases = _cases_of_maker(table, text)
    if not cases or "outcome" in table.renamed:
        return table
    sql = f"CASE {cases} ELSE {table.text('outcome')} END"
    return rewritten(reading, table, {heading: sql}, "outcomes in words")


def _cases_of_maker(table: Table, text: str) -> str:
    """Return the cases of SQL for what a maker's own words of ends mean; '' without such."""
    own = table.export.outcomes if table.export else None
    kinds = (("won", own.won), ("lost", own.lost), ("open", own.open)) if own else ()
    cases = [
        f"WHEN {text} IN ({', '.join(literal(fold_name(word)) for word in words)}) THEN '{kind}'"
        for kind, words in kinds
        if words
    ]
    return " ".join(cases)


def _say_words(reading: Reading, table: Table) -> None:
    """Say by word and count what the outcomes of a table are read as, but for plain ones."""
    text, heading = table.text("outcome"), table.heading("outcome") or ""
    rows = reading.store.rows(
        f"SELECT {text} AS said, count(*) FROM {table.relation} GROUP BY said ORDER BY 2 DESC, 1"  # noqa: S608 - quoted
    )
    counts = {str(said): int(n) for said, n in rows if said}
    for code, kind in KINDS.items():
        meant = set(outcomes_that_mean(reading, table, code))
        said = [f"{word} ({n:,})" for word, n in counts.items() if word in meant]
        if any(fold_name(word) != kind for word in meant & counts.keys()):
            shown = [*said[:SHOWN_WORDS], *(["..."] if len(said) > SHOWN_WORDS else [])]
            reading.say(table.file, f"words_{kind}", ", ".join(shown), heading)


def _without_column(reading: Reading, table: Table, said: str, flags: list[str]) -> Table:
    """Say the outcome of deals by flags, which are `said`, by closing stages or by reasons."""
    cases = _closing_cases(reading, table)
    by_stage = f"CASE {' '.join(cases)} ELSE '' END" if cases else "''"
    by_reason = _by_reason(reading, table, by_stage) if said == "''" else "FALSE"
    if by_reason == "FALSE" and _is_declared(reading, table):
        by_reason = f"{table.text('lost_reason')} <> '' AND {by_stage} = ''"
    dates = outcome_by_dates(reading, table)
    if not cases and {said, dates} == {"''"} and by_reason == "FALSE":
        return table
    for found, how, heading in (
        (said != "''", "flags", ", ".join(flags)),
        (cases, "closing_stage", table.heading("stage")),
        (by_reason != "FALSE", "reasons", table.heading("lost_reason")),
        (dates != "''", "dates", ", ".join(ending_dates(reading, table).values())),
    ):
        if found:
            reading.say(table.file, "outcome", how, heading or "")
    keep_flag_conflicts(reading, table, said, by_stage)
    sql = (
        f"CASE WHEN {said} <> '' THEN {said} WHEN {by_reason} THEN 'lost' "
        f"WHEN {by_stage} <> '' THEN {by_stage} ELSE {dates} END"
    )
    return rewritten(reading, table, {}, "outcome", {"outcome": sql})


def _is_declared(reading: Reading, table: Table) -> bool:
    """Say whether the configuration says that a deal with a reason is lost."""
    return reading.config.source.reason_means_loss and table.heading("lost_reason") is not None


def _by_reason(reading: Reading, table: Table, by_stage: str) -> str:
    """Return SQL for "this deal was lost" where reason and close say it together, else FALSE.

    In a list without outcomes, in which no stage is a loss, a deal that has both a reason for
    its loss and a close is lost, if deals that have only one of the two are the exception.
    """
    reason, close = table.text("lost_reason"), table.text("closed_at")
    if table.heading("lost_reason") is None or table.heading("closed_at") is None:
        return "FALSE"
    both, one, none, lost = reading.store.rows(
        f"SELECT count(*) FILTER (r AND c AND e = ''), count(*) FILTER (r <> c AND e = ''), "  # noqa: S608 - quoted
        f"count(*) FILTER (NOT r AND NOT c AND e = ''), count(*) FILTER (e = 'lost') "
        f"FROM (SELECT {reason} <> '' AS r, {close} <> '' AS c, {by_stage} AS e "
        f"FROM {table.relation})"
    )[0]
    if lost or both < FEWEST or not none or one > EXCEPTIONS * (both + one + none):
        return "FALSE"
    return f"{reason} <> '' AND {close} <> '' AND {by_stage} = ''"


def _with_last_stage(reading: Reading, table: Table) -> Table:
    """Let closed deals stand in the stage that a column of its own says they closed in."""
    last = table.heading("last_stage")
    if last is None or table.heading("outcome") is None:
        return table
    outcome = table.text("outcome")
    closed = [*outcomes_that_mean(reading, table, schema.WON)]
    closed += outcomes_that_mean(reading, table, schema.LOST)
    if not closed:
        return table
    reading.say(table.file, "last_stage", "closed", last)
    listed = literals(sorted(closed))
    named = f"{outcome} IN ({listed}) AND {table.text_under(last)} <> ''"
    sql = f"CASE WHEN {named} THEN {table.text_under(last)} ELSE {table.text('stage')} END"
    stage = table.heading("stage")
    columns, more = ({stage: sql}, {}) if stage else ({}, {"stage": sql})
    return rewritten(reading, table, columns, "last stage", more)


def reasons_of_losses(reading: Reading, table: Table) -> Table:
    """Keep reasons on lost deals only, where the column says something of every deal.

    A "Status Reason" says In Progress of an open deal and Won of a won one; only on a lost
    one it is a reason. A maker's column is known to be one; another is, where every deal has
    a text and no lost deal shares its text with one that is open or won.
    """
    reason = table.heading("lost_reason")
    if reason is None or table.heading("outcome") is None:
        return table
    outcome = cases_of_outcome(reading, table)
    known = table.export is not None and table.export.status_reason
    if outcome == "''" or not (known or _is_status(reading, table, outcome)):
        return table
    reading.say(table.file, "reasons", "of_losses", reason)
    sql = f"CASE WHEN {outcome} = 'lost' THEN {table.text_under(reason)} ELSE '' END"
    return rewritten(reading, table, {reason: sql}, "reasons of losses")


def reasons_of_rows(reading: Reading, deals: Table, history: Table) -> Table:
    """Take the reason of a loss from the last row of the history that says one.

    So it is where the deals have no column for it, and the rows of the history do.
    """
    heading = history.heading("lost_reason")
    if heading is None or deals.heading("lost_reason"):
        return deals
    reading.say(deals.file, "row_reasons", "lost_reason", heading)
    reason, key = history.text("lost_reason"), deals.text("opportunity_id")
    last = (
        f"(SELECT {history.text('opportunity_id')} AS id, "  # noqa: S608 - quoted
        f"arg_max({reason}, {history.line}) AS said "
        f"FROM {history.relation} WHERE {reason} <> '' GROUP BY id)"
    )
    sql = f"COALESCE((SELECT r.said FROM {last} r WHERE r.id = {key}), '')"  # noqa: S608 - as above
    return rewritten(reading, deals, {}, "reasons of rows", {"lost_reason": sql})


def _is_status(reading: Reading, table: Table, outcome: str) -> bool:
    """Say whether every deal has a reason, and lost ones have others than all the rest."""
    reason = table.text("lost_reason")
    # one deal without a reason is enough, and most often the first one has none
    if reading.store.rows(f"SELECT 1 FROM {table.relation} WHERE {reason} = '' LIMIT 1"):  # noqa: S608 - quoted
        return False
    reading_of = f"SELECT {outcome} AS o, {reason} AS said FROM {table.relation}"  # noqa: S608 - as above
    won, still_open, lost, shared = reading.store.rows(
        f"""
        WITH each AS ({reading_of})
        SELECT count(*) FILTER (o = 'won'), count(*) FILTER (o = 'open'),
               count(*) FILTER (o = 'lost'),
               (SELECT count(*) FROM (SELECT said FROM each WHERE o = 'lost'
                                      INTERSECT SELECT said FROM each WHERE o <> 'lost'))
        FROM each
        """  # noqa: S608 - as above
    )[0]
    return bool(won and still_open and lost) and not shared


def outcomes_that_mean(reading: Reading, table: Table, code: int) -> list[str]:
    """Return the texts of the column of outcomes that mean WON, LOST or 0 (open), in order."""
    return _outcomes_by_meaning(reading, table).get(code, [])


def _outcomes_by_meaning(reading: Reading, table: Table) -> dict[int, list[str]]:
    """Return the texts of the column of outcomes that are known, by what they mean, in order."""
    words, text = outcome_words(reading.config), table.text("outcome")
    rows = reading.store.rows(f"SELECT DISTINCT {text} FROM {table.relation} ORDER BY 1")  # noqa: S608 - quoted
    found: dict[int, list[str]] = {}
    for (said,) in rows:
        code = outcome_of(str(said), words)
        if code is not None:
            found.setdefault(code, []).append(str(said))
    return found


def cases_of_outcome(reading: Reading, table: Table) -> str:
    """Return SQL for what the outcomes of a table mean: won, lost, open, or ''."""
    text = table.text("outcome")
    of_maker = _cases_of_maker(table, f"lower({text})")
    cases = [of_maker] if of_maker else []
    found = _outcomes_by_meaning(reading, table)
    cases += [
        f"WHEN {text} IN ({literals(found[code])}) THEN '{kind}'"
        for code, kind in KINDS.items()
        if code in found
    ]
    return f"CASE {' '.join(cases)} ELSE '' END" if cases else "''"


def _closing_cases(reading: Reading, table: Table) -> list[str]:
    """Return the cases of SQL that say which stages of a table are closes."""
    stage = table.text("stage")
    rows = reading.store.rows(f"SELECT DISTINCT {stage} FROM {table.relation} ORDER BY 1")  # noqa: S608 - quoted
    said = {str(row[0]): closes_as(reading, str(row[0])) for row in rows}
    own = table.export.outcomes if table.export else None
    for code, words in ((schema.WON, own.won), (schema.LOST, own.lost)) if own else ():
        said |= {s: code for s in said if fold_name(s) in map(fold_name, words) and said[s] is None}
    kinds = {"won": schema.WON, "lost": schema.LOST}
    closes = {kind: [s for s, code in said.items() if code == kinds[kind]] for kind in kinds}
    return [
        f"WHEN {stage} IN ({literals(names)}) THEN '{kind}'"
        for kind, names in closes.items()
        if names
    ]


def closes_as(reading: Reading, stage: str) -> int | None:
    """Return WON or LOST where a stage is a close, declared or by its name."""
    outcomes, pipelines = reading.config.source.outcomes, reading.config.pipelines
    won = [*outcomes.won, *(word for pipeline in pipelines for word in pipeline.won)]
    lost = [*outcomes.lost, *(word for pipeline in pipelines for word in pipeline.lost)]
    for code, words in ((schema.WON, won), (schema.LOST, lost), (None, outcomes.open)):
        if fold_name(stage) in map(fold_name, words):
            return code
    declared = map(fold_name, declared_names(reading.config.pipelines))
    return None if fold_name(stage) in declared else close_of(stage)


# ---------------- stages that hold won and lost deals

ENDS = "ends_either_way"
"""The deals that end in such a stage: their outcome, and whether the stage is read as a close."""
EMPTY = f"""
CREATE OR REPLACE TEMP TABLE {ENDS}
(opportunity_id VARCHAR, stage VARCHAR, outcome VARCHAR, closes BOOLEAN)
"""
SURE = 0.9
"""In a close so many of the deals that end in it are won or lost, and none is said to be open."""
PASSED = 0.5
"""A stage that more than this share of its visits leave for another one is passed through."""


def closes_of_deals(reading: Reading, found: Found) -> Found:
    """Let the rows of a stage that closes either way say won or lost, as their deal does.

    Such a stage would count every win and every loss as its own, and none in the stage
    before. It is a close where nearly all deals that end in it are closed by their outcome.
    """
    names = _names(reading, found)
    _keep_ends(reading, found, names)
    rows = reading.store.rows(
        f"SELECT stage FROM {ENDS} GROUP BY stage "  # noqa: S608 - a name of this module
        f"HAVING count(*) FILTER (outcome IN ('won', 'lost')) >= {SURE} * count(*) "
        "AND count(*) FILTER (outcome = 'open') = 0 ORDER BY stage"
    )
    closes = [str(row[0]) for row in rows]
    if not closes:
        return found
    listed = literals(closes)
    reading.store.run(f"UPDATE {ENDS} SET closes = TRUE WHERE stage IN ({listed})")  # noqa: S608 - quoted
    deals = found.opportunities
    for name in closes:
        reading.say((deals or found.history).file, "either_way", name)
    if deals is not None:
        outcome = cases_of_outcome(reading, deals)
        deals = _write_closes(reading, deals, listed, outcome)
    outcome = (
        f"COALESCE((SELECT max(outcome) FROM {ENDS} e "  # noqa: S608 - a name of this module
        f"WHERE e.opportunity_id = {found.history.text('opportunity_id')}), '')"
    )
    history = _write_closes(reading, found.history, listed, outcome)
    return replace(found, history=history, opportunities=deals)


def _write_closes(reading: Reading, table: Table, listed: str, outcome: str) -> Table:
    """Write the closes into the stages of a table, where the deal says which it is."""
    heading = table.heading("stage")
    if heading is None:
        return table
    text = table.text_under(heading)
    closed = f"{text} IN ({listed}) AND {outcome} IN ('won', 'lost')"
    return rewritten(
        reading,
        table,
        {heading: f"CASE WHEN {closed} THEN '(' || {outcome} || ')' ELSE {text} END"},
        "closes",
    )


def _names(reading: Reading, found: Found) -> list[str]:
    """Return the stages that close either way by their name, unless somebody says what they are."""
    config, store = reading.config, reading.store
    own = config.source.outcomes
    said = [*own.won, *own.lost, *own.open, *declared_names(config.pipelines)]
    said += [word for pipeline in config.pipelines for word in (*pipeline.won, *pipeline.lost)]
    listed = store.rows(f"SELECT name FROM {schema.LISTED_STAGES} WHERE ends <> ''")  # noqa: S608 - a name of this program
    known = {*map(fold_name, said), *(fold_name(str(row[0])) for row in listed)}
    said_here = set[str]()
    for table in (found.history, found.opportunities):
        if table is not None and table.heading("stage"):
            rows = store.rows(f"SELECT DISTINCT {table.text('stage')} FROM {table.relation}")  # noqa: S608 - quoted
            said_here |= {str(row[0]) for row in rows}
    return sorted(
        name for name in said_here if closes_either_way(name) and fold_name(name) not in known
    )


def _keep_ends(reading: Reading, found: Found, names: Sequence[str]) -> None:
    """Keep the deals that end in one of the stages, but for stages that are passed through."""
    history, deals = found.history, found.opportunities
    if not names:
        reading.store.run(EMPTY)
        return
    listed = literals(names)
    present = "SELECT '' AS opportunity_id, '' AS stage LIMIT 0"
    if deals is not None:
        present = (
            f"SELECT {deals.text('opportunity_id')} AS opportunity_id, "  # noqa: S608 - quoted
            f"{deals.text('stage')} AS stage FROM {deals.relation}"
        )
    reading.store.run(
        f"""
        CREATE OR REPLACE TEMP TABLE {ENDS} AS
        WITH visits AS (
            SELECT {history.text("opportunity_id")} AS opportunity_id,
                   {history.text("stage")} AS stage,
                   {history.text("entered_at")} AS moment, {history.line} AS line
            FROM {history.relation}
        ), followed AS (
            SELECT opportunity_id, stage,
                   lead(stage) OVER (PARTITION BY opportunity_id ORDER BY moment, line) AS after
            FROM visits WHERE opportunity_id <> '' AND stage <> '' AND moment <> ''
        ), passed AS (
            SELECT stage FROM followed GROUP BY stage
            HAVING count(*) FILTER (after <> stage) > {PASSED} * count(*)
        ), ends AS (
            SELECT opportunity_id, stage FROM followed WHERE after IS NULL
            UNION ({present})
        ), said AS ({_outcomes(reading, found)})
        SELECT e.opportunity_id, e.stage, COALESCE(s.outcome, '') AS outcome, FALSE AS closes
        FROM ends e LEFT JOIN said s USING (opportunity_id)
        WHERE e.stage IN ({listed}) AND e.stage NOT IN (SELECT stage FROM passed)
          AND e.opportunity_id <> ''
        """  # noqa: S608 - as above
    )


def _outcomes(reading: Reading, found: Found) -> str:
    """Return SQL for the outcome of every deal: in an event file its last entry counts."""
    table = found.opportunities or found.history
    return (
        f"SELECT opportunity_id, arg_max(said, line) AS outcome "  # noqa: S608 - quoted
        f"FROM (SELECT {table.text('opportunity_id')} AS opportunity_id, "
        f"{cases_of_outcome(reading, table)} AS said, {table.line} AS line FROM {table.relation}) "
        "WHERE said <> '' GROUP BY opportunity_id"
    )
