"""Running one notebook with papermill, in this process, and turning it into a page."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from leakkit.errors import LeakkitError
from leakkit.parameters import read_assigned
from leakkit.report.exporter import export_page
from leakkit.report.kernel import manager
from leakkit.report.worker import START_SECONDS, Rendered, Task
from leakkit.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbformat import NotebookNode

KERNEL = "python3"
LAST_VIEW = "provenance"
"""The view that ends every page; a notebook without it stopped before its end."""
NOTEBOOK_FORMAT = 4


def render(task: Task) -> Rendered:
    """Run a notebook with its parameters, in a kernel of its own, and return its page."""
    _check_kernel()
    book = nbformat.reads(task.book, as_version=NOTEBOOK_FORMAT)  # type: ignore[no-untyped-call] # nbformat ships no types
    unknown = _unknown(book, task.parameters)
    if unknown:
        return Rendered(failed=f"the notebook has no parameter {', '.join(unknown)}")
    book.cells = [cell for cell in book.cells if "explore" not in cell.metadata.get("tags", ())]
    with scratch() as temporary:
        return _execute(book, task, temporary)


def _execute(book: NotebookNode, task: Task, folder: Path) -> Rendered:
    """Execute a notebook in a folder of its own."""
    output = folder / "out.ipynb"
    try:
        done: NotebookNode = papermill.execute_notebook(
            book,
            str(output),
            parameters=dict(task.parameters),
            kernel_name=KERNEL,
            progress_bar=False,
            request_save_on_cell_execute=False,
            execution_timeout=task.timeout_seconds,
            start_timeout=START_SECONDS,
            kernel_manager_class=manager(task.engine),
            cwd=str(folder),
        )
    except PapermillExecutionError as error:
        failed = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
        return Rendered(failed=failed, broken=output.read_text("utf-8"))
    except CellTimeoutError as error:
        return Rendered(failed=_first_line(error))
    except (DeadKernelError, RuntimeError) as error:
        return Rendered(failed=_first_line(error), passing=True)
    if not _is_whole(done):
        return Rendered(failed="the notebook ended before its last view")
    return Rendered(html=export_page(done, task.links, task.shown, task.brand))


def _first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _is_whole(book: NotebookNode) -> bool:
    """Say whether the last view of the page is there."""
    outputs = book.cells[-1].get("outputs", ())
    views = [o.get("metadata", {}).get("text/html", {}).get("leakkit", {}) for o in outputs]
    return any(view.get("name") == LAST_VIEW for view in views)


def _unknown(book: NotebookNode, parameters: Mapping[str, object]) -> list[str]:
    """Return the parameters that the notebook does not know: papermill would only warn."""
    cells = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", ())]
    known = {name for cell in cells for name in read_assigned(cell.source)}
    return sorted(set(parameters) - known)


@cache
def _check_kernel() -> None:
    """Raise where the kernel would run another Python than this one."""
    try:
        command = KernelSpecManager().get_kernel_spec(KERNEL).argv[0]
    except NoSuchKernel:
        message = f"There is no Jupyter kernel {KERNEL!r}. Install ipykernel beside leakkit."
        raise LeakkitError("no_kernel", message) from None
    plain = Path(command).name.startswith("python") and not Path(command).is_absolute()
    if not plain and Path(command).resolve() != Path(sys.executable).resolve():
        message = (
            f"The Jupyter kernel {KERNEL!r} belongs to another Python. Run "
            "'python -m ipykernel install --sys-prefix' in leakkit's environment."
        )
        raise LeakkitError("foreign_kernel", message)
