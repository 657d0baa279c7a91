"""The pages of a report, made from the notebooks without a kernel: for tests and pictures.

A page holds what the cells of its notebook return, so it is that of a report byte for
byte, but for the cell that papermill injects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import v4

import leakkit
from leakkit.report import notebooks
from leakkit.report.exporter import export_page
from leakkit.views.dropoff.leak_headline import headline_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

    from leakkit.analysis import Analysis, Diagnosis

V4: Any = v4
"""nbformat ships no types for its functions."""
BAR, SHOWN = "bar = ", ("leakkit.views", "leakkit.explore")
"""How the cells begin that make the bar of a notebook, and that show a view."""
ALL = ("All pipelines", "index.html")
DROPOFF = [ALL, ("Why, and what to do", "root_causes.html")]
CAUSES = [ALL, ("Where deals are lost", "stage_dropoff.html")]


def facts(analysis: Analysis) -> list[dict[str, Any]]:
    """Return what a run tells the overview when every page could be made."""
    return [
        {
            "pipeline": one.name,
            "state": "good",
            "page": f"p{at}/stage_dropoff.html",
            "causes": f"p{at}/root_causes.html",
            "folder": f"p{at}",
            "headline": headline_sentence(analysis, one.name),
            "last_day": analysis.last_day,
            "failed": "",
            "stale": False,
        }
        for at, one in enumerate(analysis.pipelines)
    ]


def overview(analysis: Analysis) -> str:
    """Return the page of all pipelines."""
    names = {"analysis": analysis, "results": facts(analysis)}
    return _page("overview", names, ())


def stage_dropoff(analysis: Analysis) -> str:
    """Return the page of where the first pipeline loses its deals."""
    return _page("stage_dropoff", {"analysis": analysis}, DROPOFF)


def root_causes(diagnosis: Diagnosis) -> str:
    """Return the page of why a pipeline loses its deals."""
    return _page("root_causes", {"diagnosis": diagnosis}, CAUSES)


def _page(book: str, names: dict[str, Any], links: Sequence[tuple[str, str]]) -> str:
    """Return the page of a notebook whose views find `names`."""
    return export_page(run_notebook(book, names), links)


def run_notebook(book: str, known: dict[str, Any]) -> NotebookNode:
    """Return a notebook with what its cells return that show a view."""
    names = {"leakkit": leakkit, "pipeline": "", **known}
    notebook: NotebookNode = nbformat.reads(notebooks.read_notebook(book), as_version=4)  # type: ignore[no-untyped-call] # no types
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.metadata.get("tags", ()):
            continue
        if cell.source.startswith(BAR):
            exec(cell.source, names)  # noqa: S102 - a cell of our own notebooks
        elif cell.source.startswith(SHOWN):
            shown = eval(cell.source, names)  # noqa: S307 - as above
            data, metadata = getattr(shown, "view", shown)._repr_mimebundle_()
            cell.outputs = [V4.new_output("display_data", data=data, metadata=metadata)]
    return notebook
