"""The leakkit.toml with which the two tables are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leakkit.sample.plan import Leak, Plan, StagePlan


def compose_config(plan: Plan) -> str:
    """Write what a user would: roles, stages, closes, and what people did on which day."""
    head = {"as_of": plan.as_of, "timezone": plan.timezone, "currency": plan.currency}
    roles = {
        "segments": ["owner", "source", "region", "product"],
        "product": "product",
        "competitor": "competitor",
        "known_at_entry": ["source", "region", "product"],
    }
    lines = [*_pairs(head), "", "[roles]", *_pairs(roles)]
    for pipeline in plan.pipelines:
        closes = {"name": pipeline.name, "won": ["Won"], "lost": ["Lost"]}
        lines += ["", "[[pipelines]]", *_pairs(closes), "stages = ["]
        lines += [f"  {_stage_line(stage)}," for stage in pipeline.stages]
        lines += ["]"]
    for leak in plan.leaks:
        lines += _intervention(leak) if leak.action and leak.from_date else []
    return "\n".join(lines) + "\n"


def _pairs(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {_quoted(value)}" for key, value in values.items()]


def _intervention(leak: Leak) -> list[str]:
    where = {"pipelines": [leak.pipeline], "stages": [leak.stage]}
    facts = {"name": leak.action, "day": str(leak.from_date), **where}
    return ["", "[[interventions]]", *_pairs(facts)]


def _stage_line(stage: StagePlan) -> str:
    kind = f", kind = {_quoted(stage.kind)}" if stage.kind else ""
    return f"{{ name = {_quoted(stage.name)}{kind} }}"


def _quoted(value: str | list[str]) -> str:
    # A JSON text, or a list of them, is one in TOML as well.
    return json.dumps(value, ensure_ascii=False)
