"""manifest.json and run.json: what a run was made from, and how long it took."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from leakkit.analysis import Seen
from leakkit.config import fold_name
from leakkit.errors import LeakkitError
from leakkit.page.style import stylesheet
from leakkit.report import notebooks
from leakkit.report.publishing import INDEX, MANIFEST, digest_of, is_believable
from leakkit.report.writing import broken_name
from leakkit.store.schema import SCHEMA_VERSION
from leakkit.version import __version__, code_digest
from leakkit.views.brand import brand_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.report.planning import PagePlan, PagePlanner
    from leakkit.report.publishing import Draft
    from leakkit.report.run_results import PageResult
    from leakkit.report.writing import Files


# ---------------- manifest
# manifest.json and run.json: what a run was made from, and how long it took.

NOTEBOOKS = (notebooks.DROPOFF, notebooks.CAUSES, notebooks.OVERVIEW)
LIBRARIES = (
    "duckdb",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "Babel",
    "papermill",
    "nbconvert",
    "xlsxwriter",
)
Facts = dict[str, Any]


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions that a page depends on."""
    return {"leakkit": __version__} | {name: metadata.version(name) for name in LIBRARIES}


def fingerprint_page(analysis: Analysis, book: str, about: object) -> str:
    """Return a digest of all that a page depends on; equal ones mean equal pages.

    `about` is what the page shows beside the data of its source, as JSON values. The name
    of the source is no part of it: the same data in another folder are the same data.
    """
    rows = [{key: n for key, n in row.items() if key != "file"} for row in analysis.rows]
    sources = [
        analysis.fingerprint,
        analysis.shape,
        analysis.provisional_order,
        rows,
        dict(analysis.facts),
        [dict(one) for one in analysis.recognised],
        [asdict(fault) for fault in analysis.faults],
        [asdict(doubt) for doubt in analysis.doubtful or ()],
        analysis.config.model_dump(mode="json"),
        {name: seen.facts() for name, seen in analysis.last_run.items()},
        logo_digest(analysis),
        analysis.language,
        code_digest(),
        versions(),
        notebooks.notebook_digest(book),
        about,
    ]
    return digest_text(json.dumps(sources, sort_keys=True))


def logo_digest(analysis: Analysis) -> str:
    """Return the digest of the logo that every page holds; empty without one."""
    return brand_of(analysis).sha256


@dataclass(frozen=True)
class Last:
    """What the last run into a folder left, as its manifest says; nothing where it says nothing."""

    facts: Facts = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Last:
        """Read the manifest of the last run."""
        try:
            facts = json.loads((folder / MANIFEST).read_text("utf-8"))
            good = facts["schema_version"] == SCHEMA_VERSION
            # a manifest of another make is as good as none
            _ = [
                (p["name"], p["slug"], p["pages"].items(), p["stages"]) for p in facts["pipelines"]
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()
        return cls(facts if good else {})

    @property
    def pipelines(self) -> dict[str, Facts]:
        """What it says of each pipeline, by name."""
        return {str(entry["name"]): entry for entry in self.facts.get("pipelines", ())}

    @property
    def overview(self) -> Facts:
        """What it says of the overview."""
        return dict(self.facts.get("overview") or {})

    def alike(self, asked: Sequence[str], *, anonymised: bool) -> Last:
        """Return this for a run that shows names as the last one did; else nothing.

        Then nothing of the last run stays. Raises LeakkitError where pages of it would, as
        they are not asked for.
        """
        if not self.facts or bool(self.facts.get("anonymised")) == anonymised:
            return self
        others = set(map(fold_name, self.pipelines)) - set(map(fold_name, asked))
        if asked and others:
            shown = "names as they are" if anonymised else "pseudonyms"
            message = (
                f"The other pages of this folder show {shown}. Make all of them (leave out "
                "--pipeline), or choose another --out."
            )
            raise LeakkitError("names_shown", message)
        return Last()

    def before(self, fingerprint: str) -> dict[str, Facts]:
        """Return what the last run on other data than these saw, by pipeline.

        The same data twice are no news: then it is what that run was compared with.
        """
        found = {}
        for name, entry in self.pipelines.items():
            seen = Seen.read(entry.get("seen"))
            if seen is not None and seen.fingerprint == fingerprint:
                seen = Seen.read(entry.get("before"))
            if seen is not None:
                found[name] = seen.facts()
        return found

    def horizons(self) -> list[list[str | float]]:
        """Return the learnt horizons: [pipeline, stage, days]."""
        try:
            return [
                [name, stage["stage"], float(stage["horizon_days"])]
                for name, entry in self.pipelines.items()
                for stage in entry["stages"]
                if stage["horizon_from"] in {"learnt", "kept"}
            ]
        except (KeyError, TypeError, ValueError):
            return []


def learnt_facts(pipeline: PipelineNumbers) -> list[Facts]:
    """Return horizon and expected days of every stage, which the next run starts from."""
    return [
        {
            "stage": stage.name,
            "horizon_days": _in_days(stage.horizon.age, pipeline),
            "horizon_from": stage.horizon.origin,
            "expected_days": _in_days(stage.expected.age, pipeline),
            "expected_days_from": stage.expected.origin,
        }
        for stage in pipeline.stages
    ]


def _in_days(age: float | None, pipeline: PipelineNumbers) -> float | None:
    """Return an age in days."""
    return None if age is None else age / pipeline.unit_per_day


def page_entry(
    page: PageResult,
    stages: Sequence[Facts],
    pages: Mapping[str, Facts],
    seen: Facts | None,
    before: Facts | None,
) -> Facts:
    """Return what the manifest says of one pipeline.

    `seen` is what this run saw of it, `before` what the last run on other data did.
    """
    return {
        "seen": seen,
        "before": before,
        "name": page.pipeline,
        "slug": page.slug,
        "failed": page.failed,
        "stale": page.stale,
        "headline": page.headline,
        "last_day": page.last_day,
        "stages": list(stages),
        "pages": dict(pages),
    }


def files_in(facts: Facts) -> dict[str, Facts]:
    """Return the files that a manifest names, each with what it says of it.

    A manifest may have been changed: of its names only those are returned that a run gives.
    """
    found = {INDEX: facts.get("overview") or {}, **(facts.get("files") or {})}
    for entry in facts.get("pipelines", ()):
        found |= {f"{entry['slug']}/{name}": page for name, page in entry["pages"].items()}
    return {name: dict(one) for name, one in found.items() if is_believable(name)}


def named_files(facts: Facts) -> dict[str, str]:
    """Return the files that a manifest names, each with its SHA-256."""
    return {name: str(one.get("sha256", "")) for name, one in files_in(facts).items()}


def manifest(
    analysis: Analysis,
    pipelines: Sequence[Facts],
    overview: Facts,
    files: Mapping[str, Facts],
    *,
    anonymised: bool,
) -> Facts:
    """Return what manifest.json says: the same for the same inputs, settings and versions.

    `files` are those in the run's folder itself, beside the index.
    """
    return {
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
        "code": code_digest(),
        "notebooks": {name: notebooks.notebook_digest(name) for name in NOTEBOOKS},
        "stylesheet": digest_text(stylesheet()),
        "anonymised": anonymised,
        "overview": overview,
        "files": dict(files),
        "pipelines": list(pipelines),
    }


def timings(made: Sequence[PageResult], loaded: float, total: float) -> str:
    """Return run.json: what changes from run to run."""
    pages = {
        page.slug: {"seconds": round(page.seconds, 3), "cpu_seconds": round(page.cpu_seconds, 3)}
        for page in made
    }
    return format_json(
        {"load_and_analyze_seconds": round(loaded, 3), "seconds": round(total, 3), "pages": pages}
    )


def format_json(facts: Facts) -> str:
    """Return JSON with sorted keys and one line end."""
    return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


# ---------------- entries
# What the manifest says of each pipeline: its pages as they stand, and what the run saw of it.


def entry_of(
    page: PageResult, planning: PagePlanner, draft: Draft, files: Mapping[str, Files]
) -> Facts:
    """Return what the manifest says of one pipeline; of one not asked for, what it said before."""
    plan = planning.plans.get(page.pipeline)
    if plan is None:
        last = planning.last.pipelines.get(page.pipeline, {})
        kept = last.get("seen"), last.get("before")
        return page_entry(page, last.get("stages", []), last.get("pages", {}), *kept)
    pages = _pages(page, plan, draft, files[page.pipeline])
    seen = Seen.of(planning.analysis, plan.pipeline).facts()
    then = planning.analysis.last_run.get(page.pipeline)
    before = then.facts() if then else None
    return page_entry(page, learnt_facts(plan.pipeline), pages, seen, before)


def _pages(page: PageResult, plan: PagePlan, draft: Draft, files: Files) -> dict[str, Facts]:
    """Return fingerprints and hashes of all that stands in the folder of a pipeline.

    Of a page that is old, what the run that made it said.
    """
    made = {f"{b}.html": b for b in notebooks.PER_PIPELINE if b not in page.failed_books}
    old = [f"{book}.html" for book in page.failed_books]
    before = plan.last.get("pages", {})
    pages = {name: before[name] for name in old if name in before}
    for name in (*made, *files, *map(broken_name, page.failed_books)):
        if found := digest_of(draft.find(f"{page.slug}/{name}")):
            pages[name] = {"sha256": found}
    for name, book in made.items():
        pages[name]["fingerprint"] = plan.fingerprints[book]
    return pages
