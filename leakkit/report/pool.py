"""The workers of a run: processes, so that nothing one notebook does can harm another."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped] # ships no types

from leakkit.report.worker import START_SECONDS, Rendered, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CELLS = 3
"""A worker that has not answered after so many times the time limit of a cell hangs."""
SECONDS_TO_GO = 10
WAKE_SECONDS = 1
"""How long Ctrl-C may wait: a signal that another thread gets does not end the wait of this one."""
TRIES = 2
LOST = "the process that ran the notebook ended"


class Worker:
    """One process that runs notebooks."""

    def __init__(self) -> None:
        """Start it, apart from the terminal: Ctrl-C is for the run, which stops its workers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "leakkit.report.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            start_new_session=True,
        )

    def ask(self, task: Task) -> Rendered:
        """Return what becomes of a notebook; the process is stopped where it hangs."""
        limit = START_SECONDS + CELLS * task.timeout_seconds
        hangs = threading.Timer(limit, self.kill)
        hangs.start()
        try:
            line = self._answer(json.dumps(asdict(task)))
        finally:
            timed_out = hangs.finished.is_set()
            hangs.cancel()
        if line:
            return Rendered(**json.loads(line))
        self.kill()
        if timed_out:
            return Rendered(failed=f"no answer within {limit} seconds")
        return Rendered(failed=LOST, passing=True)

    def _answer(self, line: str) -> str:
        """Write a line and read one; an empty one says that the process is gone."""
        given, answers = self.process.stdin, self.process.stdout
        if given is None or answers is None:
            return ""
        try:
            given.write(f"{line}\n")
            given.flush()
            return answers.readline()
        except (OSError, ValueError):  # the pipe broke, or was closed by `kill`
            return ""

    @property
    def alive(self) -> bool:
        """Say whether it can still be asked."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Stop the process and its kernels, and wait until they are gone."""
        try:
            all_of_it = psutil.Process(self.process.pid)
            family = [*all_of_it.children(recursive=True), all_of_it]
        except psutil.NoSuchProcess:
            family = []
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def end(self) -> None:
        """Let the process go, with all that it started; stop it where it does not."""
        with suppress(OSError):
            if self.process.stdin:
                self.process.stdin.close()
        try:
            self.process.wait(SECONDS_TO_GO)
        except subprocess.TimeoutExpired:
            self.kill()

    def close(self) -> None:
        """Close what is left of a process that is gone and that nobody asks any more."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(OSError):  # what was never read cannot be written
                    pipe.close()


class Pool:
    """Some workers, started when they are first needed."""

    def __init__(self, jobs: int) -> None:
        """Allow so many at once."""
        self.threads = ThreadPoolExecutor(jobs)
        self.idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self.all: list[Worker] = []
        self.closed = threading.Event()

    def __enter__(self) -> Self:
        """Return the pool itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything, also what is being done."""
        self.closed.set()
        for worker in list(self.all):
            worker.end()
        self.threads.shutdown(cancel_futures=True)
        for worker in self.all:
            worker.close()

    def render(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Rendered]]:
        """Yield (place of the task, what became of it), as they are done."""
        places = {self.threads.submit(self._render, task): at for at, task in enumerate(tasks)}
        left = set(places)
        while left:
            done, left = wait(left, timeout=WAKE_SECONDS, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=places.__getitem__):
                yield places[future], future.result()

    def _render(self, task: Task) -> Rendered:
        """Run one notebook; once more where not the notebook failed."""
        done = Rendered(failed=LOST)
        for _ in range(TRIES):
            if self.closed.is_set():
                break
            worker = self._worker()
            done = worker.ask(task)
            if worker.alive:
                self.idle.put(worker)
            if not done.passing:
                break
        return done

    def _worker(self) -> Worker:
        """Return a worker that has nothing to do, or a new one."""
        try:
            return self.idle.get_nowait()
        except queue.Empty:
            worker = Worker()
            self.all.append(worker)
            return worker
