"""The batch: one notebook run and one page per pipeline, and what ties them together."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.analysis import analyze
from leakkit.errors import LeakkitError
from leakkit.loading import load
from leakkit.report import manifest, notebook
from leakkit.report.folder import slug, write_text
from leakkit.report.index import IndexRow, index_page
from leakkit.report.stages_csv import stages_csv
from leakkit.sources.load import STORE_SUFFIX
from leakkit.store import Store
from leakkit.views import headline_sentence
from leakkit.words import LANGUAGES, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from leakkit.analysis import Analysis, PipelineAnalysis
    from leakkit.config import Config

PAGE = "stage_dropoff"


@dataclass(frozen=True)
class PageResult:
    """What became of one pipeline: its page, or the reason why there is none."""

    pipeline: str
    slug: str
    failed: str = ""
    html: str = ""
    csv: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class RunResult:
    """What a run made. `rows` counts what became of the rows of each file, `facts` what was odd."""

    index: Path
    pages: tuple[PageResult, ...]
    rows: tuple[Mapping[str, int | str], ...]
    facts: Mapping[str, int]
    ignored_files: tuple[str, ...]

    @property
    def failed(self) -> tuple[PageResult, ...]:
        """The pipelines without a page."""
        return tuple(page for page in self.pages if page.failed)


def run(  # noqa: PLR0913 - every choice of a run has a name
    source: str | Path | Mapping[str, pd.DataFrame],
    out: str | Path,
    config: Config | str | Path | None = None,
    *,
    pipelines: Sequence[str] = (),
    as_of: str = "",
    language: str = "",
    store: str | Path = "",
    timeout_seconds: int = 600,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> RunResult:
    """Make one offline page per pipeline of a source, and an index of them.

    `source`, `config` and `as_of` are those of `leakkit.load`. `pipelines` chooses what
    is rendered; `store` names a file to keep the tables in. A cell that takes longer than
    `timeout_seconds` fails its page. `progress` is called with what is being done, how
    many pages are done, and how many there are. A page that fails never stops the others.

    Raises LeakkitError where the source or the configuration cannot be read.
    """
    folder = Path(out)
    started = time.perf_counter()
    progress("reading the source", 0, 0)
    with _stored(source, config, as_of, store) as kept:
        earlier = manifest.earlier_horizons(folder)
        analysis = _analyze(kept, tuple(pipelines), language, earlier)
        loaded = time.perf_counter() - started
        made = _pages(kept, analysis, folder, timeout_seconds, progress)
    _write_index(folder, analysis, made)
    write_text(folder / "manifest.json", manifest.manifest(analysis, made))
    write_text(folder / "run.json", manifest.timings(made, loaded, time.perf_counter() - started))
    return RunResult(
        folder / "index.html", made, analysis.rows, analysis.facts, analysis.ignored_files
    )


@contextmanager
def _stored(
    source: str | Path | Mapping[str, pd.DataFrame],
    config: Config | str | Path | None,
    as_of: str,
    store: str | Path,
) -> Iterator[Path]:
    """Load the source into a file that notebooks can open; it goes when the run ends."""
    with tempfile.TemporaryDirectory(prefix="leakkit-") as temporary:
        path = Path(temporary) / f"store{STORE_SUFFIX}"
        if isinstance(source, str | Path) and Path(source).suffix == STORE_SUFFIX:
            load(source).close()
            shutil.copyfile(source, path)
        else:
            load(source, config, as_of=as_of, store=str(path)).close()
        if store:
            Path(store).parent.mkdir(parents=True, exist_ok=True)
            partial = Path(f"{store}.partial")
            shutil.copyfile(path, partial)
            partial.replace(store)
        yield path


def _analyze(
    path: Path, pipelines: tuple[str, ...], language: str, earlier: list[list[str | float]]
) -> Analysis:
    """Analyse the pipelines, with the horizons of the last run; notebooks will find them too."""
    with Store.change(path) as store:
        store.set_meta("earlier_horizons", earlier)
        analysis = analyze(store, list(pipelines) or None, language=language)
    if analysis.language not in LANGUAGES:
        message = f"There are no texts in {analysis.language!r}. There are: {', '.join(LANGUAGES)}."
        raise LeakkitError("no_language", message)
    return analysis


def _pages(
    store: Path,
    analysis: Analysis,
    folder: Path,
    timeout_seconds: int,
    progress: Callable[[str, int, int], None],
) -> tuple[PageResult, ...]:
    """Make the page of every pipeline, one after the other."""
    made: list[PageResult] = []
    total = len(analysis.pipelines)
    for pipeline in analysis.pipelines:
        progress(pipeline.name, len(made), total)
        made.append(_page(store, analysis, pipeline, folder, timeout_seconds))
    progress("", total, total)
    return tuple(made)


def _page(
    store: Path, analysis: Analysis, pipeline: PipelineAnalysis, folder: Path, timeout_seconds: int
) -> PageResult:
    """Run the notebook of one pipeline and write its page and its stages.csv."""
    name = slug(pipeline.name)
    started, cpu = time.perf_counter(), time.process_time()
    parameters = {"source": str(store), "pipeline": pipeline.name, "language": analysis.language}
    try:
        html = notebook.page(PAGE, parameters, timeout_seconds, folder / name)
        table = stages_csv(pipeline)
        write_text(folder / name / f"{PAGE}.html", html)
        write_text(folder / name / "stages.csv", table)
    except (notebook.PageError, OSError) as error:
        return PageResult(pipeline.name, name, failed=str(error))
    return PageResult(
        pipeline.name,
        name,
        html=manifest.digest(html),
        csv=manifest.digest(table),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
    )


def _write_index(folder: Path, analysis: Analysis, made: tuple[PageResult, ...]) -> None:
    """Write the index: a line per pipeline, with its headline or the reason of its failure."""
    rows = [
        IndexRow(page.pipeline, failed=page.failed)
        if page.failed
        else IndexRow(
            page.pipeline,
            page=f"{page.slug}/{PAGE}.html",
            headline=headline_sentence(analysis, page.pipeline),
            links=(("stages.csv", f"{page.slug}/stages.csv"),),
        )
        for page in made
    ]
    write_text(
        folder / "index.html", index_page(rows, Words(analysis.language, analysis.config.currency))
    )
