"""manifest.json and run.json: what a run was made from, and how long it took."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from leakkit.report.notebook import template_digest
from leakkit.store.schema import SCHEMA_VERSION
from leakkit.version import __version__
from leakkit.views.view import stylesheet

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.report.batch import PageResult

PAGE = "stage_dropoff"
LIBRARIES = (
    "duckdb",
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "matplotlib",
    "Babel",
    "papermill",
    "nbconvert",
)


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions that a page depends on."""
    return {"leakkit": __version__} | {name: metadata.version(name) for name in LIBRARIES}


def manifest(analysis: Analysis, made: tuple[PageResult, ...]) -> str:
    """Return manifest.json: the same bytes for the same inputs, settings and versions."""
    facts = {
        "schema_version": SCHEMA_VERSION,
        "inputs": list(analysis.inputs),
        "ignored_files": list(analysis.ignored_files),
        "fingerprint": analysis.fingerprint,
        "last_day": analysis.last_day,
        "rows": list(analysis.rows),
        "facts": dict(analysis.facts),
        "provisional_order": analysis.provisional_order,
        "parameters": analysis.config.model_dump(mode="json") | {"language": analysis.language},
        "versions": versions(),
        "notebooks": {PAGE: template_digest(PAGE)},
        "stylesheet": digest(stylesheet()),
        "pipelines": [
            _pipeline(analysis, pipeline, page)
            for pipeline, page in zip(analysis.pipelines, made, strict=True)
        ],
    }
    return _text(facts)


def _pipeline(analysis: Analysis, pipeline: PipelineAnalysis, page: PageResult) -> dict[str, Any]:
    """Return what is said of one pipeline."""
    sources = [
        analysis.fingerprint,
        pipeline.name,
        analysis.language,
        versions(),
        template_digest(PAGE),
    ]
    return {
        "name": pipeline.name,
        "slug": page.slug,
        "failed": page.failed,
        "stages": [
            {
                "stage": stage.name,
                "horizon_days": _in_days(stage.horizon.age, pipeline),
                "horizon_from": stage.horizon.origin,
                "expected_days": _in_days(stage.expected.age, pipeline),
                "expected_days_from": stage.expected.origin,
            }
            for stage in pipeline.stages
        ],
        "pages": {
            f"{PAGE}.html": {
                "fingerprint": digest(json.dumps(sources, sort_keys=True)),
                "sha256": page.html,
            },
            "stages.csv": {"sha256": page.csv},
        },
    }


def _in_days(age: float | None, pipeline: PipelineAnalysis) -> float | None:
    """Return an age in days."""
    return None if age is None else age / pipeline.unit_per_day


def timings(made: tuple[PageResult, ...], loaded: float, total: float) -> str:
    """Return run.json: what changes from run to run."""
    pages = {
        page.slug: {"seconds": round(page.seconds, 3), "cpu_seconds": round(page.cpu_seconds, 3)}
        for page in made
    }
    return _text(
        {"load_and_analyze_seconds": round(loaded, 3), "seconds": round(total, 3), "pages": pages}
    )


def earlier_horizons(folder: Path) -> list[list[str | float]]:
    """Return the learnt horizons of the last run into this folder: [pipeline, stage, days]."""
    try:
        last = json.loads((folder / "manifest.json").read_text("utf-8"))
        if last["schema_version"] != SCHEMA_VERSION:
            return []
        return [
            [pipeline["name"], stage["stage"], float(stage["horizon_days"])]
            for pipeline in last["pipelines"]
            for stage in pipeline["stages"]
            if stage["horizon_from"] in {"learnt", "kept"}
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _text(facts: dict[str, Any]) -> str:
    """Return JSON with sorted keys and one line end."""
    return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
