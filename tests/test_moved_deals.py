"""Deals that were moved between pipelines, in a history that names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import Config
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = """
[[pipelines]]
name = "Sales"
stages = [{ name = "Demo" }, { name = "Offer" }]
[[pipelines]]
name = "Renewals"
stages = [{ name = "Inquiry" }, { name = "Offer" }]
"""
DEALS = "opportunity_id,pipeline,created_at\na,Sales,2024-01-01\nb,Renewals,2024-01-01\n"
DEALS += "c,Renewals,2024-01-01\n"
MOVES = """opportunity_id,stage,entered_at
a,Demo,2024-01-01
a,Offer,2024-01-05
a,Lost,2024-01-20
b,Demo,2024-01-01
b,Inquiry,2024-01-06
b,Offer,2024-01-08
b,Won,2024-01-21
c,Inquiry,2024-01-02
c,Elsewhere,2024-01-03
"""
PASSED = """
SELECT q.name, s.name, p.exit, count(*) FROM passages p
JOIN pipelines q USING (pipeline) JOIN stages s USING (pipeline, stage)
GROUP BY ALL ORDER BY ALL
"""
NEXT, WON, LOST, MOVED = 1, 3, 5, 6


def test_a_row_is_in_the_only_declared_pipeline_that_has_its_stage(tmp_path: Path) -> None:
    (tmp_path / "opportunities.csv").write_text(DEALS, "utf-8")
    (tmp_path / "stage_history.csv").write_text(MOVES, "utf-8")
    with load(tmp_path, Config.from_text(DECLARED)) as store:
        assert store.rows(PASSED) == [
            ("Renewals", "Inquiry", NEXT, 1),
            ("Renewals", "Offer", WON, 1),
            ("Sales", "Demo", NEXT, 1),
            ("Sales", "Demo", MOVED, 1),
            ("Sales", "Offer", LOST, 1),
        ]
        # a stage that no pipeline has is still a fault
        assert store.rows("SELECT opportunity_id FROM opportunities ORDER BY 1") == [("a",), ("b",)]
