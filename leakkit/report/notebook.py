"""Running one notebook with papermill, in this process, and turning it into a page."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from leakkit.errors import LeakkitError
from leakkit.report.exporter import export_page
from leakkit.report.folder import write_text
from leakkit.report.kernel import QuietKernelManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbformat import NotebookNode

KERNEL = "python3"
START_SECONDS = 120
LAST_VIEW = "provenance"
"""The view that ends every page; a notebook without it stopped before its end."""
NOTEBOOK_FORMAT = 4


class PageError(Exception):
    """A page could not be made; the message says why, in one line."""


def notebook_folder() -> Path:
    """Return where the notebooks are: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "notebooks"
    return checkout if checkout.is_dir() else package / "notebooks"


@cache
def template(name: str) -> str:
    """Return the text of a notebook."""
    return (notebook_folder() / f"{name}.ipynb").read_text("utf-8")


def template_digest(name: str) -> str:
    """Return the SHA-256 of a notebook's text."""
    return hashlib.sha256(template(name).encode()).hexdigest()


def page(name: str, parameters: Mapping[str, str], timeout_seconds: int, folder: Path) -> str:
    """Run the notebook `name` with its parameters and return its page.

    A notebook that fails is kept in `folder` for inspection, and PageError says why.
    """
    _check_kernel()
    book = nbformat.reads(template(name), as_version=NOTEBOOK_FORMAT)  # type: ignore[no-untyped-call] # nbformat ships no types
    _check_parameters(book, parameters)
    book.cells = [cell for cell in book.cells if "explore" not in cell.metadata.get("tags", ())]
    done = _execute(book, parameters, timeout_seconds, folder / f"{name}.failed.ipynb")
    if not _is_whole(done):
        message = "the notebook ended before its last view"
        raise PageError(message)
    (folder / f"{name}.failed.ipynb").unlink(missing_ok=True)
    return export_page(done)


def _execute(
    book: NotebookNode, parameters: Mapping[str, str], timeout_seconds: int, broken: Path
) -> NotebookNode:
    """Execute a notebook; keep it at `broken` where a cell fails."""
    with tempfile.TemporaryDirectory(prefix="leakkit-") as temporary:
        output = Path(temporary) / "out.ipynb"
        try:
            done: NotebookNode = papermill.execute_notebook(
                book,
                str(output),
                parameters=dict(parameters),
                kernel_name=KERNEL,
                progress_bar=False,
                request_save_on_cell_execute=False,
                execution_timeout=timeout_seconds,
                start_timeout=START_SECONDS,
                kernel_manager_class=QuietKernelManager,
                cwd=temporary,
            )
        except PapermillExecutionError as error:
            write_text(broken, output.read_text("utf-8"))
            message = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
            raise PageError(message) from None
        except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
            message = str(error).strip().splitlines()[0]
            raise PageError(message) from None
    return done


def _is_whole(book: NotebookNode) -> bool:
    """Say whether the last view of the page is there."""
    outputs = book.cells[-1].get("outputs", ())
    views = [o.get("metadata", {}).get("text/html", {}).get("leakkit", {}) for o in outputs]
    return any(view.get("name") == LAST_VIEW for view in views)


def _check_parameters(book: NotebookNode, parameters: Mapping[str, str]) -> None:
    """Raise where the notebook does not know a parameter: papermill would only warn."""
    cells = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", ())]
    known = {line.partition("=")[0].strip() for cell in cells for line in cell.source.splitlines()}
    unknown = sorted(set(parameters) - known)
    if unknown:
        message = f"the notebook has no parameter {', '.join(unknown)}"
        raise PageError(message)


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
