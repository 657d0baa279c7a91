"""What a run says while it works: to people at a terminal, or to programs that read a log."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from leakkit.errors import shorten_text, visible
from leakkit.findings import reaches_severity
from leakkit.report.news import News, news_json
from leakkit.report.run_results import NOT_ASKED, UNCHANGED, log_line, new_run
from leakkit.views.brand import pale
from leakkit.views.dropoff import data_quality
from leakkit.views.dropoff.data_quality import data_lines
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup
    from rich.progress import TaskID

    from leakkit.analysis import Analysis
    from leakkit.errors import Fault
    from leakkit.report import Event, PageResult, RunResult
    from leakkit.sources.check import Check
    from leakkit.sources.headings.column_guesses import Unused


DOING = {
    "reading": "reading the source",
    "analysing": "analysing",
    "overview": "making the overview",
    "printing": "printing to PDF",
}
SHOWN_FAULTS = 20
IGNORED = 50
"""So many files or tables are named that are not read."""
UNUSED_FILES, UNUSED_COLUMNS, UNUSED_LETTERS = 5, 10, 40
"""How much is said of columns that nothing uses."""
STATES = ("made", "unchanged", "failed")
SEVERITIES = ("alarm", "watch")


class Voice(Protocol):
    """Says what happens, and at the end what came of it."""

    def event(self, event: Event) -> None:
        """Say one step."""

    def result(self, result: RunResult) -> None:
        """Say what a run made."""


@contextmanager
def voice(form: str, *, quiet: bool) -> Iterator[Voice]:
    """Return the voice of a run: `form` is text or json."""
    if form == "json":
        yield Log(quiet, new_run())
        return
    console = Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
        MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
    ) as bar:  # fmt: skip
        yield ProgressVoice(console, bar, bar.add_task("starting", total=None))


def summary(result: RunResult) -> str:
    """Return a run in one line.

    A page that is older than the run because nobody asked for it is not counted.
    """
    counts = [f"{result.count(state)} {state}" for state in STATES]
    grave = [f"{severities(result)[name]} {name}" for name in SEVERITIES]
    many = f"{len(result.pages)} pipeline{'' if len(result.pages) == 1 else 's'}"
    return f"{many}: {', '.join([*counts, *grave])}: {result.index}"


def severities(result: RunResult) -> dict[str, int]:
    """Count the findings that somebody should look at."""
    return {name: sum(f.severity == name for f in result.findings) for name in SEVERITIES}


def describe_unchanged(result: RunResult) -> dict[str, Any]:
    """Return what the next run has to say if nothing changes: as lines, and for programs."""
    pages = tuple(
        page if page.state == NOT_ASKED else replace(page, state=UNCHANGED) for page in result.pages
    )
    news = tuple(News(n.pipeline, deals=n.deals, deals_before=n.deals) for n in result.news)
    same = replace(result, pages=pages, news=news, removed=())
    lines = [visible(line) for line in (*account(same), *same.said, summary(same))]
    as_json = news_json(same.analysis, news, ()) if same.analysis else ""
    grave = {name: reaches_severity(result.findings, name) for name in SEVERITIES}
    return {"lines": lines, "log": describe_run(same), "summary": as_json, "reached": grave}


@dataclass(frozen=True)
class ProgressVoice:
    """To people: a bar where there is a terminal, else a line per step."""

    console: Console
    bar: Progress
    task: TaskID

    def event(self, event: Event) -> None:
        """Say one step."""
        said = DOING.get(event.doing, "")
        if event.page:
            said = f"{event.done} of {event.total}: {_page(event.page)}"
        self.bar.update(
            self.task, description=visible(said), completed=event.done, total=event.total or None
        )
        if said and not self.console.is_terminal:
            self.console.print(visible(said))

    def result(self, result: RunResult) -> None:
        """Print what became of the rows, what was odd, what failed, and where the pages are."""
        for line in account(result):
            self.console.print(visible(line))
        for line in result.said:
            self.console.print(visible(line))
        for page in result.failed:
            # also where nothing else is said
            typer.echo(visible(f"FAILED {page.pipeline}: {page.failed}"), err=True)
        if result.trouble:
            typer.echo(visible(f"FAILED overview: {result.trouble}"), err=True)
        if result.not_printed:
            typer.echo(visible(f"FAILED PDF: {result.not_printed}"), err=True)
        self.console.print(summary(result))


def _page(page: PageResult) -> str:
    """Say what became of one page."""
    return page.pipeline if page.state == "made" else f"{page.pipeline} ({page.state})"


def say_check(facts: Check, analysis: Analysis) -> list[str]:
    """Return the lines that say what was found in a source, and what its pipelines are."""
    words = Words(analysis.language, analysis.config.currency)
    lines = [f"  {_plain(line)}" for line in data_quality.left_open_lines(facts.facts, words)]
    lines += [f"Shape: {facts.shape}", f"as_of: {facts.as_of}"]
    lines += [f"  {_plain(line)}" for line in data_quality.recognised_lines(analysis, words)]
    if facts.provisional_order:
        lines.append("Provisional order of stages: write a configuration with leakkit init.")
    lines += _rows(facts.rows)
    lines += _odd(facts.facts, words)
    if facts.ignored_files:
        lines.append(_name_ignored(facts.ignored_files))
    lines += unused_lines(facts.unused)
    lines += [f"  {fault}" for fault in _hint_once(facts.faults[:SHOWN_FAULTS])]
    if len(facts.faults) > SHOWN_FAULTS:
        lines.append(f"  and {len(facts.faults) - SHOWN_FAULTS:,} more: --csv writes them all")
    lines += pale(analysis.config.brand, words)
    for pipeline in analysis.pipelines:
        lines.append(f"{pipeline.name}:")
        lines += [f"  {_plain(line)}" for line in data_lines(analysis, pipeline, words)]
    return lines


def unused_lines(files: Sequence[Unused]) -> list[str]:
    """Name the columns that nothing uses, with what each could be: a short block."""
    lines = []
    for one in files[:UNUSED_FILES]:
        columns = [
            f"    {shorten_text(c.heading, UNUSED_LETTERS)}: {c.could_be}"
            for c in one.columns[:UNUSED_COLUMNS]
        ]
        more = len(one.columns) - UNUSED_COLUMNS
        columns += [f"    and {more:,} more"] if more > 0 else []
        silent = [shorten_text(heading, UNUSED_LETTERS) for heading in one.silent[:UNUSED_COLUMNS]]
        rest = len(one.silent) - UNUSED_COLUMNS
        said = ", ".join([*silent, *([f"{rest:,} more"] if rest > 0 else [])])
        columns += [f"    empty, or the same in every row: {said}"] if said else []
        lines += [f"  {one.file}:", *columns]
    more = len(files) - UNUSED_FILES
    lines += [f"  and columns of {more:,} more files"] if more > 0 else []
    return ["Columns that nothing uses, and what they could be:", *lines] if lines else []


def _hint_once(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults, each hint at the first fault that has it."""
    first = {fault.hint: at for at, fault in reversed(list(enumerate(faults)))}
    return [
        fault if first[fault.hint] == at else replace(fault, hint="")
        for at, fault in enumerate(faults)
    ]


def _plain(line: Markup) -> str:
    """Return a sentence of a page as plain text."""
    return line.striptags()


def account(result: RunResult) -> list[str]:
    """Return the lines that say what became of the rows, and what was odd."""
    lines = _rows(result.rows)
    lines += _odd(result.facts, Words())
    if result.ignored_files:
        lines.append(_name_ignored(result.ignored_files))
    lines += [f"Removed, no longer in the source: {name}" for name in result.removed]
    return lines


def _name_ignored(names: Sequence[str]) -> str:
    """Name the files of a folder, or the tables of a database, that are not read."""
    more = [f"and {len(names) - IGNORED:,} more"] if len(names) > IGNORED else []
    return f"Not read: {', '.join([*names[:IGNORED], *more])}"


def _odd(facts: Mapping[str, int], words: Words) -> list[str]:
    """Say what was found odd, and how often."""
    return [f"  {words.say(f'facts.{code}', n=n)}" for code, n in facts.items()]


def _rows(rows: Sequence[Mapping[str, int | str]]) -> list[str]:
    """Say what became of the rows of every file."""
    lines, seen = [], set[str]()
    for counted in rows:
        file = str(counted["file"])
        read = f"{file}: {counted['read']:,} rows read"
        if file in seen:
            read = f"  a stage history made of them: {counted['read']:,} rows"
        seen.add(file)
        parts = " + ".join(
            f"{counted[k]:,} {k.replace('_', ' ')}"
            for k in ("used", "merged", "not_asked", "set_aside")
        )
        lines.append(f"{read} = {parts}")
    return lines


def describe_run(result: RunResult) -> dict[str, Any]:
    """Return what a run made, for programs."""
    return {
        "event": "result",
        **{state: result.count(state) for state in STATES},
        **severities(result),
        "index": str(result.index),
        "overview_failed": result.trouble,
        "pdf_failed": result.not_printed,
        "removed": list(result.removed),
        "rows": [dict(row) for row in result.rows],
        "facts": dict(result.facts),
    }


@dataclass(frozen=True)
class Log:
    """To programs: one JSON object per line; `quiet` leaves failures and the last line.

    Every line bears the moment and `run`, an id that no other run has.
    """

    quiet: bool
    run: str

    def event(self, event: Event) -> None:
        """Write one step."""
        page = event.page
        if self.quiet and not (page and page.failed):
            return
        facts: dict[str, Any] = {"event": event.doing}
        if page:
            facts |= {
                "pipeline": page.pipeline,
                "state": page.state,
                "failed": page.failed,
                "seconds": round(page.seconds, 3),
                "done": event.done,
                "total": event.total,
            }
        self._write(facts)

    def result(self, result: RunResult) -> None:
        """Write what a run made."""
        for one in () if self.quiet else result.news:
            for warned in one.appeared:
                self._write({"event": "appeared", "pipeline": one.pipeline, **asdict(warned)})
        self._write(describe_run(result))

    def _write(self, facts: dict[str, Any]) -> None:
        """Write one line."""
        typer.echo(log_line(facts, self.run))
