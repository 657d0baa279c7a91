"""summary.html, .txt and .json: one page to mail, of a pipeline and of a run."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from leakkit import views
from leakkit.analysis.headline import find_headline
from leakkit.findings import to_records
from leakkit.findings.finding import WARNING, leading
from leakkit.findings.worklist import CALL, saved_in_all
from leakkit.frames.units import major
from leakkit.page.inert import POLICY
from leakkit.page.style import stylesheet
from leakkit.report.data_files import in_major_units, iso_day, round_numbers
from leakkit.views.brand import brand_of
from leakkit.views.causes.cause_lines import operation
from leakkit.views.elements import tidy_name
from leakkit.views.grids import grids, html_text, sentences, shorten_name
from leakkit.views.html_tables import (
    HtmlTable,
    ReasonTexts,
    TableColumn,
    bar_cell,
    bdi,
    overdue_cell,
)
from leakkit.views.sentences import say_judged
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.findings import Finding
    from leakkit.findings.worklist import WorkItem
    from leakkit.views.brand import Mark
    from leakkit.words import Words


TEMPLATES = Path(__file__).parent / "template" / "leakkit"
SCHEMA_VERSION = 1
LONGEST_NAME = 48
SHOWN_CALLS, SHOWN_PIPELINES, SHOWN_STAGES = 5, 12, 10
WIDE = 88
"""Letters of a line of the text."""


@dataclass(frozen=True)
class Summary:
    """One page: what is found, in a few lines and a table or two; `facts` are for programs."""

    title: str
    headline: Markup
    lines: tuple[Markup, ...]
    tables: tuple[Markup, ...]
    foot: str
    facts: dict[str, Any]
    brand: Mark

    def files(self, words: Words) -> dict[str, bytes]:
        """Return the page in its three forms: name -> content."""
        return {
            "summary.html": self.html(words).encode(),
            "summary.txt": self.text().encode(),
            "summary.json": summary_json(self.facts).encode(),
        }

    def html(self, words: Words) -> str:
        """Return one A4 page that runs no script and asks no network."""
        return _template().render(
            page=self,
            brand=self.brand,
            title=self.title,
            words=words,
            lang=words.language,
            dir=words.direction,
            policy=POLICY,
            style=Markup(stylesheet()),  # noqa: S704 - our own file
        )

    def text(self) -> str:
        """Return the page as plain text."""
        line = "=" * min(len(self.title), WIDE)
        parts = [f"{self.title}\n{line}", *_wrap_lines([str(self.headline), *self.lines])]
        for table in self.tables:
            for grid in grids(table, LONGEST_NAME):
                rows = [" | ".join(map(str, row)) for row in grid.rows]
                parts.append("\n".join([grid.caption, " | ".join(grid.heads), *rows]))
        whose = [self.brand.client, self.brand.author, self.brand.foot]
        return "\n\n".join([*parts, self.foot, *filter(None, whose)]) + "\n"


def _wrap_lines(lines: Sequence[str]) -> list[str]:
    """Return sentences as lines of text."""
    return [textwrap.fill(html_text(line, LONGEST_NAME), WIDE) for line in lines]


def summary_json(facts: dict[str, Any]) -> str:
    """Return facts as JSON with sorted keys; numbers have at most 10 digits."""
    return json.dumps(round_numbers(facts), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


# A pipeline


def of_pipeline(
    analysis: Analysis, one: PipelineNumbers, items: Sequence[WorkItem]
) -> dict[str, bytes]:
    """Return the summary of one pipeline; `items` are its late deals."""
    words = words_of(analysis)
    view = views.headline(analysis, one.name)
    gravest = _gravest(analysis, one)
    lines = (*_paragraphs(view.note), *_why(gravest, words), *_calling(items, words))
    summary = Summary(
        html_text(view.title, LONGEST_NAME),
        Markup(view.headline),  # noqa: S704 - a sentence of ours, its names escaped
        lines,
        tuple(filter(None, (_stages(one, words), _calls(items, words)))),
        words.say("provenance.fingerprint", fingerprint=analysis.fingerprint),
        _facts(analysis, one, items),
        brand_of(analysis),
    )
    return summary.files(words)


def _paragraphs(html: str) -> list[Markup]:
    """Return the paragraphs of a note, each escaped anew with its names shortened."""
    return [Markup("{}").format(line) for line in sentences(html, LONGEST_NAME)]


def _gravest(analysis: Analysis, one: PipelineNumbers) -> Finding | None:
    """Return the finding that leads the pages of a pipeline."""
    led = leading(f for f in analysis.all_findings if f.pipeline == one.name)
    return led[0][0] if led else None


def _why(finding: Finding | None, words: Words) -> list[Markup]:
    """Say what the losses look like, and what to review; nothing where nothing leads."""
    if finding is None:
        return []
    said = []
    if finding.kind == "lost" and finding.cause is not None:
        family = finding.cause.family or "undetermined"
        said.append(words.html(f"causes.verdict_{family}", stage=bdi(finding.stage)))
    if finding.review:
        what = operation(finding.review, words)
        said.append(words.html("causes.review", what=what))
    return said


def _calling(items: Sequence[WorkItem], words: Words) -> list[Markup]:
    """Say how many late deals can still be saved; nothing where none can."""
    n = sum(item.block == CALL for item in items)
    return [words.html("deck.call", n=n, value=saved_in_all(items))] if n else []


def _stages(one: PipelineNumbers, words: Words) -> Markup:
    """Tabulate what each stage loses; nothing of a list without a history."""
    if one.present is not None:
        return Markup("")
    reasons, largest = ReasonTexts(words), find_headline(one).stage
    most = max([0.02, *(s.lost.high for s in one.stages if s.lost.high is not None)])
    columns: tuple[TableColumn[StageNumbers], ...] = (
        TableColumn("deals_in", lambda s: words.count(s.opportunities)),
        TableColumn("lost", lambda s: bar_cell(words, s.lost, reasons, most), "lk-lost"),
        TableColumn("overdue", lambda s: overdue_cell(words, s, reasons)),
        TableColumn("value_lost", lambda s: words.money(s.value_lost)),
    )
    shown = one.stages[:SHOWN_STAGES]
    rows = [(bdi(shorten_name(stage.name, LONGEST_NAME)), stage) for stage in shown]
    worst = next((at for at, s in enumerate(shown) if largest and s.stage == largest.stage), None)
    return HtmlTable(words.say("table.stages"), columns, rows, worst).html(words) + reasons.html()


def _calls(items: Sequence[WorkItem], words: Words) -> Markup:
    """Tabulate the first late deals to call; nothing where there are none."""
    called = [item for item in items if item.block == CALL]
    if not called:
        return Markup("")
    columns: tuple[TableColumn[WorkItem], ...] = (
        TableColumn("deal_name", lambda i: bdi(shorten_name(i.name, LONGEST_NAME)), "lk-name"),
        TableColumn("owner", lambda i: bdi(shorten_name(i.owner, LONGEST_NAME)), "lk-name"),
        TableColumn("stage", lambda i: bdi(shorten_name(i.stage, LONGEST_NAME)), "lk-name"),
        TableColumn("can_save", lambda i: words.money(i.saved or 0.0)),
    )
    shown = called[:SHOWN_CALLS]
    rows = [(bdi(shorten_name(item.opportunity_id, LONGEST_NAME)), item) for item in shown]
    caption = words.say("deck.of_call", n=len(called), shown=len(shown))
    return HtmlTable(caption, columns, rows, head="deal").html(words)


def _facts(analysis: Analysis, one: PipelineNumbers, items: Sequence[WorkItem]) -> dict[str, Any]:
    """Return what programs read of a pipeline: its sentence, its warnings, its late deals."""
    found = [f for f in analysis.all_findings if f.pipeline == one.name and f.severity in WARNING]
    called = sum(item.block == CALL for item in items)
    return {
        "schema_version": SCHEMA_VERSION,
        "pipeline": one.name,
        "headline": views.headline_sentence(analysis, one.name),
        "deals": one.opportunities,
        "as_of": iso_day(analysis.last_day),
        "fingerprint": analysis.fingerprint,
        "warnings": [in_major_units(record) for record in to_records(found)],
        "late": {"to_call": called, "saved_value": major(saved_in_all(items))},
        "currency": one.currency,
    }


# A run


def of_run(analysis: Analysis) -> dict[str, bytes]:
    """Return the summary of all pipelines that a run was asked for."""
    words = words_of(analysis)
    view = views.overview(analysis)
    shown = analysis.pipelines[:SHOWN_PIPELINES]
    rest = len(analysis.pipelines) - len(shown)
    columns: tuple[TableColumn[PipelineNumbers], ...] = (
        TableColumn("deals", lambda one: words.count(one.opportunities)),
        TableColumn("what_happened", lambda one: _says(analysis, one, words), "lk-name"),
    )
    rows = [(bdi(shorten_name(one.name, LONGEST_NAME)), one) for one in shown]
    caption = words.say("question.overview_pages")
    table = HtmlTable(caption, columns, rows, head="pipeline_name").html(words)
    lines = _paragraphs(view.note)
    if rest > 0:
        lines.append(words.html("overview.left_out", n=rest))
    facts = {
        "schema_version": SCHEMA_VERSION,
        "headline": html_text(view.headline),
        "as_of": iso_day(analysis.last_day),
        "fingerprint": analysis.fingerprint,
        "pipelines": [
            {
                "pipeline": one.name,
                "deals": one.opportunities,
                "headline": views.headline_sentence(analysis, one.name),
                "severity": _severity(analysis, one),
            }
            for one in analysis.pipelines
        ],
    }
    headline = Markup(view.headline)  # noqa: S704 - as above
    foot = words.say("provenance.fingerprint", fingerprint=analysis.fingerprint)
    summary = Summary(
        str(view.title), headline, tuple(lines), (table,), foot, facts, brand_of(analysis)
    )
    return summary.files(words)


def _says(analysis: Analysis, one: PipelineNumbers, words: Words) -> Markup:
    """Return the sentence of a pipeline: what got worse, else what its page begins with."""
    finding = _gravest(analysis, one)
    if finding is not None and not one.notes.coverage and one.present is None:
        return say_judged(one, finding, words)
    return Markup("{}").format(tidy_name(views.headline_sentence(analysis, one.name)))


def _severity(analysis: Analysis, one: PipelineNumbers) -> str:
    """Return the gravest judgement of a pipeline that leads its page; empty where none does."""
    finding = _gravest(analysis, one)
    return finding.severity if finding else ""


@cache
def _template() -> Template:
    """Read the template once."""
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, keep_trailing_newline=True)
    return environment.get_template("summary.html.j2")
