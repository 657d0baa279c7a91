"""What tests share: the data, the browser and the server that some need, and no chance."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import settings

from leakkit.report import pool
from leakkit.report.worker import _leave_out_grammar
from tests.servers import programs, start_server, start_spark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

# Before numpy is loaded. The tests use all processors already, and threads that wait for one
# another take a processor's time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# It takes each process of the tests more than a second to build, and no test reads addresses.
_leave_out_grammar()

# The same examples at every run, and no limit of time: machines of others are slow.
settings.register_profile("leakkit", derandomize=True, deadline=None)
settings.load_profile("leakkit")

FIRST = (
    *("test_spark", "test_batch", "test_failures", "test_cli", "test_real_data"),
    *("test_second_measures", "test_lab_browser", "test_wheel", "test_explaining"),
    *("test_exploring", "test_selection", "test_findings", "test_accessibility"),
    *("test_notebook", "test_truth"),
)
"""The files that take longest, in their order: one that came last would be waited for alone."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest before the others."""
    places = {name: at for at, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(FIRST)))


def _without(need: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where LEAKKIT_REQUIRE names what it needs."""
    if need in os.environ.get("LEAKKIT_REQUIRE", "").split(","):
        pytest.fail(f"LEAKKIT_REQUIRE asks for {need}, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def voila() -> None:
    """Need Voila, which the extra `app` installs."""
    if find_spec("voila") is None:
        _without("app", "Voila is not installed: pip install 'leakkit[app]'.")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data that LEAKKIT_DATA names; it is no part of the project."""
    if not (folder := os.environ.get("LEAKKIT_DATA", "")):
        _without("data", "LEAKKIT_DATA names no folder of real data")
    if not Path(folder).is_dir():
        pytest.fail(f"LEAKKIT_DATA names {folder!r}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Return the path of a Chromium that is installed."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    _without("browser", f"none of these is installed: {', '.join(BROWSERS)}")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a PostgreSQL that is started for the tests, and ended after them."""
    if (folder := programs()) is None:
        _without("server", "no PostgreSQL is installed (Debian's package is called postgresql)")
    with start_server(folder) as found:
        yield found


@pytest.fixture(scope="session")
def java() -> None:
    """Need pyspark, and a Java that it runs in."""
    if find_spec("pyspark") is None:
        _without("spark", "pyspark is not installed: pip install 'leakkit[spark]'.")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        _without("spark", "no Java is installed (Debian's package: default-jre-headless)")


@pytest.fixture(scope="session")
def java_of_spark(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:  # noqa: ARG001 - it is asked for, and gives nothing
    """Return a session of Spark and the address of its server, which end with the tests."""
    with start_spark(tmp_path_factory.mktemp("spark")) as both:
        yield both


@pytest.fixture(scope="session")
def spark(java_of_spark: tuple[Any, str]) -> Any:  # noqa: ANN401 - its types would load it
    """Return a session of Spark in this process's own Java."""
    return java_of_spark[0]


@pytest.fixture(scope="session")
def connect(java_of_spark: tuple[Any, str]) -> str:
    """Return the address of a server of Spark Connect."""
    return java_of_spark[1]


class KeptPool(pool.Pool):
    """A pool whose workers serve the next run, too: to start one takes longer than its pages."""

    kept: tuple[pool.Worker, ...] = ()

    def __init__(self, jobs: int) -> None:
        """Begin with the workers of the run before, as far as they live."""
        super().__init__(jobs)
        for worker in self.kept:
            self.all.append(worker)
            self.idle.put(worker)

    def __exit__(self, *_: object) -> None:
        """Stop what is not begun, and keep the workers."""
        self.closed.set()
        self.threads.shutdown(cancel_futures=True)
        for worker in self.all:
            if not worker.alive:
                worker.close()
        type(self).kept = tuple(worker for worker in self.all if worker.alive)


@pytest.fixture(scope="session")
def _workers() -> Iterator[None]:
    """Stop the workers that were kept."""
    yield
    for worker in KeptPool.kept:
        worker.end()
        worker.close()


@pytest.fixture(scope="module")
def shared_workers(_workers: None) -> Iterator[None]:
    """Let the runs of a module share workers; how they start and end is tested by commands."""
    from leakkit.report import batch  # noqa: PLC0415 - it loads everything

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "Pool", KeptPool)
        patch.setattr(batch, "MOST_JOBS", 1)
        yield


@pytest.fixture
def _short_pages() -> Iterator[None]:
    """Make one page of one view per pipeline, where what pages say is not the point."""
    from tests.running import short_pages  # noqa: PLC0415 - it loads everything

    with short_pages():
        yield
