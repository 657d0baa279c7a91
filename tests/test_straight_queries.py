"""The straight way in SQL takes what the one in arrays takes, and makes the same rows of it."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from leakkit.sources import load
from leakkit.store import straight, straight_queries
from tests.generated import raw_source, write_source
from tests.thoroughness import seeds

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store
    from leakkit.store.resolve import Rules

TOLD = """
CREATE OR REPLACE TEMP TABLE told_deals AS
SELECT opportunity_id, pipeline, stage, outcome, created_at, {created} AS created_day, closed_at,
       {closed} AS closed_day, {closed_hour} AS closed_hour, {value} AS value,
       ('0x' || sha256(opportunity_id)[:8])::UBIGINT % 200 AS bucket, currency,
       COALESCE(lost_reason, '') AS lost_reason, COALESCE(name, '') AS name, 0 AS reasoned,
       CASE WHEN value < 0 OR (value IS NULL AND value_text <> '') OR created_unread <> ''
                 OR closed_unread <> '' OR (value >= 0 AND {value} IS NULL)
            THEN 1 ELSE 0 END AS unsure
FROM given_opportunities;
CREATE OR REPLACE TEMP TABLE told_moves AS
SELECT opportunity_id, pipeline, stage, from_stage, entered_at, {entered} AS entered_day,
       {entered_hour} AS entered_hour, part, seq, 0 AS unsure, 0 AS timed
FROM given_history;
CREATE OR REPLACE TEMP VIEW numbers AS SELECT opportunity_id, opportunity FROM ids
"""
STEPS = ("KNOWN_DEALS", "STEPS", "FLAGGED", "STRAIGHT")
Rows = list[tuple[Any, ...]]


def answer(store: Store, rules: Rules) -> dict[str, Rows]:
    """Take the straight way in SQL, by the rows of a load that is under way."""
    day, hour = rules.zone.day_sql, rules.zone.hour_sql
    told = TOLD.format(
        created=day("created_at"), closed=day("closed_at"), closed_hour=hour("closed_at"),
        entered=day("entered_at"), entered_hour=hour("entered_at"),
        value=rules.value_sql("given_opportunities"),
    )  # fmt: skip
    store.run(told)
    default = -1 if rules.default_pipeline is None else rules.default_pipeline
    facts = {
        "cut": rules.cut,
        "default": default,
        "present": int(rules.config.source.present_stage == "counts"),
        "whence": 0,
    }
    for name in STEPS:
        sql = getattr(straight_queries, name)
        given = {key: facts[key] for key in set(re.findall(r"\$(\w+)", sql))}
        store.run(f"CREATE OR REPLACE TEMP TABLE {name.lower()} AS {sql}", given)
    history = store.rows(f"SELECT * FROM ({straight_queries.HISTORY}) ORDER BY ALL")
    deals = store.rows(
        f"SELECT * FROM ({straight_queries.OPPORTUNITIES.format(segments='')}) ORDER BY opportunity"
    )
    facts_of = store.rows(straight_queries.FACTS)
    odd = store.rows(straight_queries.ODD)
    assert all(code in straight_queries.REASONS for code, _ in odd)
    return {"history": history, "opportunities": deals, "facts": facts_of, "odd": odd}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the straight way however few deals can go it."""
    monkeypatch.setattr(straight, "MOST_ODD", 1.0)


@pytest.mark.usefixtures("always")
def test_both_straight_ways_take_the_same_deals_and_make_the_same_rows(tmp_path: Path) -> None:
    taken = 0
    for seed in seeds(12, 3000):
        rng = Random(seed)  # noqa: S311 - for odd data, not for secrets
        folder = tmp_path / str(seed)
        config = write_source(raw_source(seed, deals=60), folder)
        text = config.read_text("utf-8")
        if rng.random() < 0.5:
            config.write_text(text.replace('present_stage = "history"', ""), "utf-8")
        found: dict[str, Rows] = {}
        straight_ones: list[int] = []

        def watch(store: Store, _: object, rules: Rules) -> None:
            if rules.one_file:
                return
            found.update(answer(store, rules))  # noqa: B023 - called within its turn
            rows = store.rows("SELECT opportunity FROM straight_deals")
            straight_ones.extend(row[0] for row in rows)  # noqa: B023 - as above

        with load(folder, watch=watch) as store:
            if not found:
                continue
            some = f"WHERE opportunity IN ({', '.join(map(str, straight_ones)) or 'NULL'})"
            history = store.rows(
                f"SELECT opportunity, pipeline, stage, entered_at, entered_day, entered_hour, seq, "
                f"last_touch FROM stage_history {some} ORDER BY ALL"
            )
            deals = store.rows(
                "SELECT opportunity, opportunity_id, pipeline, bucket, created_at, created_day, "
                "closed_at, closed_day, outcome, value, currency, lost_reason, name, "
                f"current_stage, has_history, given FROM opportunities {some} ORDER BY opportunity"
            )
        assert found["history"] == history, seed
        assert found["opportunities"] == deals, seed
        assert found["facts"][0][0] == len(straight_ones)
        taken += len(straight_ones)
    assert taken > 100
