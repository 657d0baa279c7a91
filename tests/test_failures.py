"""What a batch does when something breaks: old pages survive, the index tells, nothing stays."""

import errno
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from benchmarks.killing import find_mixed
from leakkit import report
from leakkit.errors import LeakkitError
from leakkit.report import notebooks
from leakkit.report.manifest import NOTEBOOKS
from leakkit.report.pool import LOST
from leakkit.report.publishing import claim_folder
from tests.running import here, short_pages, write_small

TWO = ("Equipment", "Spare parts")
PAGE = "equipment-7f2465/stage_dropoff.html"
OTHER = "spare-parts-177b75/stage_dropoff.html"
EARLIER = "2026-05-31"
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
SECONDS_TO_GO = 30
pytestmark = pytest.mark.usefixtures("shared_workers")
KILL_WORKER = (
    "import psutil, time; "
    "[p.kill() for p in psutil.Process().parents() if 'leakkit.report.worker' in p.cmdline()]; "
    "time.sleep(60)"
)


@pytest.fixture(scope="module", autouse=True)
def _one_view() -> Iterator[None]:
    """Make pages of one view: what breaks does so in the same way with more."""
    with short_pages():
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def good(
    tmp_path_factory: pytest.TempPathFactory,
    source: Path,
    shared_workers: None,  # noqa: ARG001 - asked for before the run
) -> Path:
    """Make the pages of a good run, once."""
    folder = tmp_path_factory.mktemp("good")
    result = report.run(source, folder, pipelines=TWO)
    assert not result.failed
    assert not result.trouble
    return folder


@pytest.fixture
def out(tmp_path: Path, good: Path) -> Path:
    """Return a folder of its own with the pages of a good run."""
    shutil.copytree(good, tmp_path / "out")
    return tmp_path / "out"


def with_cell(source: str, name: str = "stage_dropoff") -> str:
    """Return a notebook with one more code cell, after its parameters."""
    book = json.loads(notebooks.read_notebook(name))
    cell = {"cell_type": "code", "id": "more", "metadata": {}, "source": source}
    book["cells"].insert(1, {**cell, "execution_count": None, "outputs": []})
    return json.dumps(book)


def break_notebook(monkeypatch: pytest.MonkeyPatch, cell: str, name: str = "stage_dropoff") -> None:
    """Put a cell into one notebook of every run of this test."""
    whole = {known: notebooks.read_notebook(known) for known in NOTEBOOKS}
    monkeypatch.setattr(
        notebooks, "read_notebook", {**whole, name: with_cell(cell, name)}.__getitem__
    )


def only_once(tmp_path: Path, harm: str) -> str:
    """Return a cell that does harm in the first run of the first pipeline only."""
    return (
        f"import os, pathlib, signal\nmark = pathlib.Path({str(tmp_path / 'mark')!r})\n"
        f"if pipeline == 'Equipment' and not mark.exists():\n"
        f"    mark.write_text(str(os.getpid()))\n    {harm}"
    )


def contents(folder: Path) -> dict[str, bytes]:
    names = (PAGE, OTHER, "index.html", "manifest.json")
    return {name: (folder / name).read_bytes() for name in names}


def index(folder: Path) -> str:
    return (folder / "index.html").read_text("utf-8")


def are_gone(pids: list[int]) -> bool:
    """Say whether processes end by themselves within some seconds."""
    there = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(there, SECONDS_TO_GO)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_an_old_page_survives_a_failure_and_says_that_it_is_old(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(out)
    with monkeypatch.context() as patch:
        stop = 'if pipeline == "Equipment":\n    raise ValueError("<b>no</b>")'
        break_notebook(patch, stop)
        result = report.run(source, out, pipelines=TWO, force=True)
    assert [(p.pipeline, p.stale) for p in result.failed] == [("Equipment", True)]
    assert result.failed[0].failed.endswith("ValueError: <b>no</b>")
    old = (out / PAGE).read_text("utf-8")
    assert "This page is old: it shows the data up to Jun 30, 2026." in old
    assert old.replace(old[old.index('<p class="lk-trouble">') : old.index("</p>") + 4], "", 1) == (
        before[PAGE].decode()
    )
    assert "This page is old" not in (out / OTHER).read_text("utf-8")
    assert "&lt;b&gt;no&lt;/b&gt;" in index(out)
    assert "The page is old: it shows the data up to Jun 30, 2026." in index(out)
    notebook = out / "equipment-7f2465/stage_dropoff.failed.ipynb"
    assert "ValueError" in notebook.read_text("utf-8")
    # and the next good run heals it
    result = report.run(source, out, pipelines=TWO)
    assert not result.failed
    assert contents(out) == before
    assert not notebook.exists()


def test_a_failing_pipeline_without_an_old_page(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_notebook(monkeypatch, 'if pipeline == "Equipment":\n    1 / 0')
    result = report.run(source, tmp_path / "out", pipelines=TWO)
    assert [(p.pipeline, p.page) for p in result.failed] == [("Equipment", "")]
    assert not (tmp_path / "out" / PAGE).exists()
    assert (tmp_path / "out" / OTHER).exists()
    assert "ZeroDivisionError" in index(tmp_path / "out")
    assert f'href="{PAGE}"' not in index(tmp_path / "out")


def test_a_cell_that_never_ends_fails_its_page_only(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    write = f"import os, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))"
    loop = f"if pipeline == 'Equipment':\n    {write.replace(chr(10), chr(10) + '    ')}\n"
    break_notebook(monkeypatch, loop + "    while True:\n        pass")
    result = report.run(source, tmp_path / "out", pipelines=TWO, timeout_seconds=4)
    assert [page.pipeline for page in result.failed] == ["Equipment"]
    assert "timed out" in result.failed[0].failed
    assert are_gone([int(mark.read_text())])


@pytest.mark.parametrize(
    "harm",
    [
        "os.kill(os.getpid(), signal.SIGKILL)  # the kernel",
        KILL_WORKER,
    ],
)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_dead_kernel_or_worker_gets_one_more_try(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    break_notebook(monkeypatch, only_once(tmp_path, harm))
    result = report.run(source, tmp_path / "out", pipelines=TWO, jobs=1)
    assert not result.failed
    assert (tmp_path / "mark").exists()
    assert are_gone([int((tmp_path / "mark").read_text())])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_worker_that_dies_again_fails_its_page_only(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_notebook(monkeypatch, f"if pipeline == 'Equipment':\n    {KILL_WORKER}")
    result = report.run(source, tmp_path / "out", pipelines=TWO, jobs=1, engine="stock")
    assert [(p.pipeline, p.failed) for p in result.failed] == [("Equipment", LOST)]
    assert (tmp_path / "out" / OTHER).exists()


def test_a_broken_overview_leaves_a_plain_list(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_notebook(monkeypatch, "raise RuntimeError('no overview today')", "overview")
    result = report.run(source, out, pipelines=TWO, force=True)
    assert not result.failed
    assert "no overview today" in result.trouble
    assert "no overview today" in index(out)
    assert f'href="{PAGE}"' in index(out)
    assert (out / "overview.failed.ipynb").exists()


def start_report(source: Path, out: Path, cell: str, *more: str) -> subprocess.Popen[str]:
    """Start `leakkit report` with one more cell in its notebook."""
    code = (
        "import signal, sys; from leakkit import cli; from leakkit.report import notebooks; "
        # who starts the tests in the background lets them ignore Ctrl-C
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        # Ctrl-C comes to another thread than the one that waits for the pages
        "import threading, time; "
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start(); "
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); "
        "book = sys.argv.pop(1); notebooks.read_notebook = lambda _: book; cli.main()"
    )
    words = ["report", str(source), "--out", str(out), "--pipeline", TWO[0], *more]
    command = [sys.executable, "-c", code, with_cell(cell), *words]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def read_pids(fifo: Path, process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that a cell names; a run that ends before fails the test."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(reader, encoding="utf-8") as stream:
        while not select.select([stream], [], [], 1)[0]:
            assert process.poll() is None, process.communicate()[1]
        os.set_blocking(reader, True)
        return [int(word) for word in stream.read().split()]


@pytest.mark.parametrize(("sign", "engine"), [("SIGINT", "fork"), ("SIGTERM", "stock")])
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_ctrl_c_keeps_old_pages_and_leaves_no_process(
    out: Path, source: Path, tmp_path: Path, sign: str, engine: str
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cell = (
        f"import os, pathlib, time\nwith open({str(fifo)!r}, 'w') as f:\n"
        "    f.write(f'{os.getpid()} {os.getppid()}')\ntime.sleep(600)"
    )
    before = contents(out)
    process = start_report(source, out, cell, "--force", "--engine", engine)
    pids = read_pids(fifo, process)
    process.send_signal(getattr(signal, sign))
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in said
    assert are_gone(pids)
    assert (out / OTHER).read_bytes() == before[OTHER]
    assert "This page is old" in (out / PAGE).read_text("utf-8")
    assert "interrupted before its turn" in index(out)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_run_that_is_killed_leaves_no_process_and_no_lock(
    out: Path, source: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cell = (
        f"import os, time\nwith open({str(fifo)!r}, 'w') as f:\n"
        "    f.write(f'{os.getpid()} {os.getppid()}')\ntime.sleep(600)"
    )
    before = contents(out)
    process = start_report(source, out, cell, "--force")
    pids = read_pids(fifo, process)
    process.kill()
    process.communicate(timeout=60)
    assert are_gone(pids)
    assert contents(out) == before
    result = report.run(source, out, pipelines=TWO)
    assert result.count("unchanged") == len(TWO)


def test_two_runs_at_once(tmp_path: Path, source: Path) -> None:
    with (
        claim_folder(tmp_path / "out"),
        pytest.raises(LeakkitError, match="Another run is writing"),
    ):
        report.run(source, tmp_path / "out")


@pytest.mark.skipif(os.name == "nt", reason="a folder of Linux that takes no files")
def test_a_folder_that_takes_nothing(source: Path) -> None:
    done = here("report", str(source), "--out", "/proc/leakkit")
    assert done.returncode == BAD_INPUT
    assert "Cannot write into /proc/leakkit" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "leakkit", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a small disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(path: Path) -> None:
    """Write until there is no space left."""
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while stream.write(b"x" * 4096):
            pass


def test_a_full_disk_keeps_old_pages(source: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    assert not report.run(source, out, pipelines=TWO).failed
    before = contents(out)
    fill(small_disk / "filler")
    with pytest.raises(LeakkitError, match="No space left on device"):
        report.run(source, out, pipelines=TWO, force=True)
    assert {name: (out / name).read_bytes() for name in (PAGE, OTHER)} == {
        name: before[name] for name in (PAGE, OTHER)
    }
    assert not list(out.rglob("*.partial"))
    (small_disk / "filler").unlink()
    assert not report.run(source, out, pipelines=TWO).failed
    assert contents(out) == before


@pytest.mark.parametrize("written", [0, 1, 4])
def test_a_disk_that_gets_full_while_pages_are_written(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    before, left = contents(out), [written]

    def full(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(LeakkitError, match=r"No space left on device\. Nothing was changed"):
            report.run(source, out, pipelines=TWO, as_of=EARLIER)
    assert contents(out) == before
    assert find_mixed(out) == []


def test_a_full_disk_for_a_store_or_a_list_of_faults_is_said_as_such(
    tmp_path: Path, small_disk: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("opportunity_id,stage,entered_at\nd1,A,2024-01-01\n", "utf-8")
    fill(small_disk / "filler")
    out = ("--out", str(tmp_path / "out"))
    done = here("report", str(file), *out, "--store", str(small_disk / "s.duckdb"))
    assert (done.returncode, "There is no room left" in done.stderr) == (BAD_INPUT, True)
    done = here("check", str(file), "--csv", str(small_disk / "faults.csv"))
    assert done.returncode == BAD_INPUT
    assert (
        done.stderr
        == f"leakkit: Cannot write {small_disk / 'faults.csv'}: No space left on device.\n"
    )
    assert {path.name for path in small_disk.iterdir()} == {"filler", "s.duckdb.lock"}


QUERY = """
from leakkit import cli
from leakkit.store import Store

def count_for_ever():
    print("counting", flush=True)
    Store.new().value("SELECT count(*) FROM range(10_000_000_000) a, range(10_000_000_000) b")

cli.app = count_for_ever
cli.main()
"""


def test_a_request_to_end_stops_a_query() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", QUERY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "counting\n"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (INTERRUPTED, "")
