"""A worker: a process that runs notebooks, one line of JSON in, one line out.

    python -m leakkit.report.worker

It lives as long as its standard input: when the run that started it is gone, it stops
its kernel and goes too.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped] # ships no types

from leakkit.scratch import remove, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TextIO


# ---------------- rendering
# What goes to a worker and what comes back: one notebook run.


@dataclass(frozen=True)
class Task:
    """One notebook to run: its text, its parameters, and the seconds that a cell may take.

    `shown` are the parameters that the page says it was made with, where they are not
    those that the notebook is given. `links` are those to other pages, as (label, path).
    `engine` says how its kernel starts: fork (where that is possible) or stock. `brand` says
    whose page it is. `settings` are of the environment of its kernel, and may be secret.
    """

    book: str
    parameters: Mapping[str, Any]
    timeout_seconds: int
    shown: Mapping[str, Any]
    links: tuple[tuple[str, str], ...] = ()
    engine: str = "fork"
    brand: Mapping[str, str] | None = None
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Rendered:
    """A page, or the reason why there is none.

    `broken` is the text of the notebook as it stood when a cell failed. `passing` says
    that not the notebook but what runs it failed (a dead kernel or worker), so that one
    more try may help.
    """

    html: str = ""
    failed: str = ""
    broken: str = ""
    passing: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0


# ---------------- worker
# A worker: a process that runs notebooks, one line of JSON in, one line out.
#
#     python -m leakkit.report.worker
#
# It lives as long as its standard input: when the run that started it is gone, it stops
# its kernel and goes too.

START_SECONDS = 120
"""What a kernel may take to start."""
SECONDS_TO_GO = 5


def main() -> None:
    """Run what is asked for until the standard input ends."""
    # what notebooks and libraries print must not get between the answers
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    with scratch() as folder:
        _live_in(folder)
        listening = (sys.stdin, asked, folder)
        threading.Thread(target=_listen, args=listening, daemon=True).start()
        while True:
            print(json.dumps(asdict(_answer(asked.get()))), file=answers, flush=True)


def _live_in(folder: Path) -> None:
    """Have kernels and libraries leave all that they write in one folder."""
    names = {"TMPDIR": "tmp", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
    for variable, name in names.items():
        (folder / name).mkdir()
        os.environ[variable] = str(folder / name)
    tempfile.tempdir = os.environ["TMPDIR"]


def _listen(lines: TextIO, asked: queue.SimpleQueue[str], folder: Path) -> None:
    """Hand over what is asked; at its end leave, and leave nothing behind."""
    for line in lines:
        asked.put(line)
    family = psutil.Process().children(recursive=True)
    for process in family:
        _kill(process)
    psutil.wait_procs(family, timeout=SECONDS_TO_GO)
    remove(folder)
    os._exit(0)


def _kill(process: psutil.Process) -> None:
    """Stop a process that may be gone already."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _answer(line: str) -> Rendered:
    """Run one notebook."""
    # loads papermill and nbconvert, which takes longer than to start listening
    _leave_out_grammar()
    from leakkit.report.kernel import warm_up  # noqa: PLC0415 - as said
    from leakkit.report.notebook import render  # noqa: PLC0415 - as said

    warm_up()

    started, cpu = time.perf_counter(), cpu_seconds()
    try:
        task = Task(**json.loads(line))
        with _environment(task.settings):
            done = render(task)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run must hear of it
        done = Rendered(failed=f"{type(error).__name__}: {error}")
    took = {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - cpu}
    return Rendered(**{**asdict(done), **took})


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Have settings in the environment while a kernel is started and runs."""
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            os.environ.pop(name, None)


def _leave_out_grammar() -> None:
    """Keep jsonschema from building a grammar of addresses, which takes longer than a page.

    It does so wherever the package is there, and goes without where it is not; no notebook has
    a field that is held against that grammar.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type] # "there is no such module"


def cpu_seconds() -> float:
    """Return the processor seconds of this process, and of all that it started."""
    started = psutil.Process().children()
    spent = [sum(os.times()[:4])]
    for process in started:
        with suppress(psutil.NoSuchProcess):
            spent.append(sum(process.cpu_times()[:4]))
    return sum(spent)


if __name__ == "__main__":
    main()
