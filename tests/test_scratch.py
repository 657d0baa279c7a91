"""Temporary folders: they go with their process, or with the next one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from leakkit.scratch import scratch, sweep

HOLD = """
import os, sys
from leakkit.scratch import scratch
with scratch() as folder:
    (folder / "store.duckdb").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_goes_at_the_end(temporary: Path) -> None:
    with scratch() as folder:
        assert folder.parent == temporary
        assert os.name == "nt" or folder.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(temporary: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdin
    assert process.stdout
    folder = Path(process.stdout.readline().strip())
    sweep()
    assert (folder / "store.duckdb").exists()
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    (temporary / "leakkit-of-somebody").mkdir()
    with scratch():
        assert not folder.exists()
    assert [path.name for path in temporary.iterdir()] == ["leakkit-of-somebody"]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_is_not_followed(temporary: Path) -> None:
    mine = temporary / "mine.txt"
    mine.write_text("mine")
    (temporary / "leakkit-x.lock").symlink_to(mine)
    sweep()
    assert mine.read_text() == "mine"


SPILL = """
import sys
from pathlib import Path
from leakkit.store import Store
store = Store.new()
folder = Path(store.value("SELECT current_setting('temp_directory')"))
folder.mkdir(exist_ok=True)
(folder / "duckdb_temp_storage-0.tmp").write_text("spilt")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_what_a_store_in_memory_spilt_goes_with_its_process_or_the_next(
    temporary: Path, *, killed: bool
) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-c", SPILL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        sweep()
        assert list(folder.iterdir())
        if killed:
            process.kill()
    if killed:
        sweep()
    assert list(temporary.iterdir()) == []
