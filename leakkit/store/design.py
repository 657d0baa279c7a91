"""The design table: one row per passage of one stage, whole numbers only.

Causes, adjusted effects and the re-weighting of two periods need single passages, not
counts. This is the one place where such rows leave the engine: small integers, with
texts as codes, and at most `CAP` rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leakkit.store.database import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from leakkit.store.database import Store

    Ints = NDArray[np.int64]

CAP = 500_000
"""Rows that a design table has at most."""
SEED = 20_250_101
NO_TEXT = 0
"""The code of a text that is empty or not there."""

SIZE = """
SELECT count(*) AS n
FROM passages p
WHERE p.pipeline = $pipeline AND p.stage = $stage
"""
"""Passages of one stage."""

TEXTS = """
SELECT o.{column} AS said
FROM opportunities o
WHERE o.{column} <> ''
GROUP BY o.{column}
"""
"""The different texts of one column, in no order."""

CHOSEN = """
SELECT c.opportunity, c.step
FROM (SELECT h.opportunity, h.step, row_number() OVER w AS place
      FROM (SELECT p.opportunity, p.step,
                   (CAST(p.opportunity AS BIGINT) * 48271 + $seed) % 2147483647 * 69621
                       % 2147483647 AS draw
            FROM passages p
            WHERE p.pipeline = $pipeline AND p.stage = $stage) h
      WINDOW w AS (ORDER BY h.draw, h.opportunity, h.step)) c
WHERE c.place <= $cap
"""
"""The passages that are looked at: all, or a sample by a seeded hash of the deal."""

SO_FAR = """
SELECT m.opportunity, m.seq,
       sum(CASE WHEN m.stage >= 0 THEN 1 ELSE 0 END) OVER so_far AS passages,
       sum(CASE WHEN m.stage >= 0 AND m.exit = 4 THEN 1 ELSE 0 END) OVER so_far AS returns
FROM moves m
JOIN (SELECT c.opportunity FROM design_chosen c GROUP BY c.opportunity) d
    ON d.opportunity = m.opportunity
WHERE m.pipeline = $pipeline
WINDOW so_far AS (PARTITION BY m.opportunity ORDER BY m.seq NULLS FIRST
                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""
"""Passages and returns of a deal in the pipeline, up to and with each row of its history."""

DESIGN = """
SELECT p.opportunity, p.step, p.visit, p.entry, p.exit, p.entered_day, p.entered_tick,
       p.left_day, p.left_tick, CAST(f.passages - 1 AS BIGINT) AS passages_before,
       CAST(f.returns - CASE WHEN p.exit = 4 THEN 1 ELSE 0 END AS BIGINT) AS returns,
       o.value, CASE WHEN o.outcome = 'won' THEN 1 WHEN o.outcome = 'lost' THEN 2 ELSE 0 END
           AS outcome
FROM design_chosen c
JOIN passages p ON p.opportunity = c.opportunity AND p.step = c.step
JOIN design_so_far f ON f.opportunity = p.opportunity AND f.seq = p.step
JOIN opportunities o ON o.opportunity = p.opportunity
ORDER BY p.opportunity, p.step
"""
"""The rows but for their texts."""

CODED = """
SELECT c.opportunity, c.step, {codes}
FROM design_chosen c
JOIN opportunities o ON o.opportunity = c.opportunity
{texts}
ORDER BY c.opportunity, c.step
"""
"""The codes of the text columns; NULL where there is no text."""

GAPS = """
WITH acts AS (
    SELECT c.opportunity, c.step, p.entered_at, p.left_at, a.at,
           lag(a.at) OVER w AS before_at, lead(a.at) OVER w AS after_at
    FROM design_chosen c
    JOIN passages p ON p.opportunity = c.opportunity AND p.step = c.step
    JOIN activities a ON a.opportunity = c.opportunity
    WHERE a.at >= p.entered_at AND a.at <= p.left_at
    WINDOW w AS (PARTITION BY c.opportunity, c.step ORDER BY a.at NULLS FIRST)
),
gaps AS (
    SELECT g.opportunity, g.step, g.at - COALESCE(g.before_at, g.entered_at) AS since,
           g.left_at - g.at AS until,
           CASE WHEN g.after_at IS NULL THEN g.left_at - g.at ELSE 0 END AS rest
    FROM acts g
)
SELECT c.opportunity, c.step,
       CASE WHEN min(g.until) IS NULL THEN p.left_at - p.entered_at ELSE min(g.until) END
           // 86400 AS silent_days,
       CASE WHEN min(g.until) IS NULL THEN p.left_at - p.entered_at
            WHEN max(g.since) > max(g.rest) THEN max(g.since) ELSE max(g.rest) END
           // 86400 AS longest_gap_days
FROM design_chosen c
JOIN passages p ON p.opportunity = c.opportunity AND p.step = c.step
LEFT JOIN gaps g ON g.opportunity = c.opportunity AND g.step = c.step
WHERE p.left_at IS NOT NULL
GROUP BY c.opportunity, c.step, p.entered_at, p.left_at
ORDER BY c.opportunity, c.step
"""
"""Days without any activity before each exit, and the longest such time within the passage."""


@dataclass(frozen=True)
class DesignRows:
    """The passages of one stage as a frame of whole numbers, in the order of the deals.

    Beside the columns of `DESIGN` the frame has `reason`, `segment_0`, `segment_1`, ...
    and, where the store has activities, `silent_days` and `longest_gap_days`; an unknown
    number is NA. `labels` are the texts by code, code 0 being the missing one.
    `passages` counts all of the stage: more than rows where they are a sample.
    """

    frame: pd.DataFrame
    labels: Mapping[str, tuple[str, ...]]
    reasons: tuple[str, ...]
    passages: int


def design_rows(
    store: Store, pipeline: int, stage: int, segments: Sequence[str], cap: int = CAP
) -> DesignRows:
    """Read the design table of one stage; texts become codes in code-point order.

    A stage with more than `cap` passages is sampled by a seeded hash of the opportunity:
    the same rows at every run.
    """
    where = {"pipeline": pipeline, "stage": stage}
    chosen = f"CREATE OR REPLACE TEMP TABLE design_chosen AS {CHOSEN}"
    store.run(chosen, {**where, "cap": cap, "seed": SEED})
    store.run(
        f"CREATE OR REPLACE TEMP TABLE design_so_far AS {SO_FAR}",
        {"pipeline": pipeline},
    )
    frame = store.frame(DESIGN)
    coded = _read_codes(store, ("lost_reason", *segments))
    frame["reason"], reasons = _compact(*coded[0])
    labels = {}
    for number, (name, codes) in enumerate(zip(segments, coded[1:], strict=True)):
        frame[f"segment_{number}"], labels[name] = _compact(*codes)
    if _has_activities(store):
        frame = frame.merge(store.frame(GAPS), on=["opportunity", "step"], how="left")
    return DesignRows(frame, labels, reasons, int(store.value(SIZE, where)))


def _read_codes(store: Store, columns: Sequence[str]) -> list[tuple[Ints, tuple[str, ...]]]:
    """Return the codes of text columns by passage, each with the texts of the whole source.

    The texts of a column are looked up once for an open store, and stand there as a table.
    """
    said = [_texts(store, column) for column in columns]
    tables = [f"design_texts_{list(store.texts).index(column)}" for column in columns]
    codes = ", ".join(f"{table}.code AS code_{i}" for i, table in enumerate(tables))
    joins = "\n".join(
        f"LEFT JOIN {table} ON {table}.said = o.{quote(column)}"
        for table, column in zip(tables, columns, strict=True)
    )
    frame = store.frame(CODED.format(codes=codes, texts=joins))
    each = (frame[f"code_{i}"].fillna(NO_TEXT).to_numpy(np.int64) for i in range(len(columns)))
    return list(zip(each, said, strict=True))


def _texts(store: Store, column: str) -> tuple[str, ...]:
    """Return the different texts of a column in code-point order, and keep them as a table."""
    if column not in store.texts:
        rows = store.rows(TEXTS.format(column=quote(column)))
        said = sorted(str(row[0]) for row in rows)
        texts = pd.DataFrame({"said": pd.array(said, dtype="str"), "code": range(1, len(said) + 1)})
        store.put(f"design_texts_{len(store.texts)}", texts)
        store.texts[column] = tuple(said)
    return store.texts[column]


def _compact(codes: Ints, texts: tuple[str, ...]) -> tuple[Ints, tuple[str, ...]]:
    """Return the codes without those that do not occur, and the texts by code."""
    used = np.unique(codes[codes != NO_TEXT])
    compact = np.where(codes == NO_TEXT, NO_TEXT, np.searchsorted(used, codes) + 1)
    return compact, ("", *(texts[code - 1] for code in used))


def _has_activities(store: Store) -> bool:
    """Say whether the source had activities."""
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'activities'"
    return bool(store.value(tables))
