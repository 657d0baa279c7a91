"""The command: its words, its exit codes, and its help."""

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from leakkit import cli, sample, views
from leakkit.report import notebooks
from leakkit.version import __version__
from tests.running import here, write_small

BAD_INPUT = 2


def leakkit(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "leakkit.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_version() -> None:
    assert leakkit("--version").stdout == f"leakkit {__version__}\n"


@pytest.mark.parametrize("command", ["report", "check", "init", "explain", "lab", "app", "sample"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = here(command, "--help")
    assert done.returncode == 0
    assert f"Example: leakkit {command}" in done.stdout


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from leakkit import cli; "
        "print([m for m in ('pandas', 'duckdb', 'matplotlib', 'papermill') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


DRAWING = ("matplotlib", "seaborn", "scipy.stats", "statsmodels", "papermill", "nbconvert")


@pytest.mark.parametrize(
    ("rows", "absent"),
    [
        ("opportunity_id,stage,entered_at\nd1,A,2024-01-01\n", DRAWING),
        ("a,b\n", ("pandas", "numpy")),
    ],
    ids=["of a good source", "of a refused one"],
)
def test_a_check_loads_only_what_it_needs(
    tmp_path: Path, rows: str, absent: tuple[str, ...]
) -> None:
    (tmp_path / "a.csv").write_text(rows, "utf-8")
    code = (
        f"import atexit, sys; sys.argv = ['leakkit', 'check', {str(tmp_path / 'a.csv')!r}]\n"
        f"atexit.register(lambda: print([m for m in {absent!r} if m in sys.modules]))\n"
        "from leakkit import cli\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == (2 if "pandas" in absent else 0)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_view_is_there_whatever_was_imported_before() -> None:
    for module in pkgutil.walk_packages(views.__path__, "leakkit.views."):
        importlib.import_module(module.name)
    assert {name for name in views.__all__ if not callable(getattr(views, name))} == set()
    assert set(dir(views)) == set(views.__all__)


@pytest.mark.usefixtures("shared_workers", "_short_pages")
def test_the_sample_and_its_report(tmp_path: Path) -> None:
    """A report by a process of its own: test_quiet_is_quiet_also_where_nobody_has_a_home."""
    done = here("sample", str(tmp_path / "s"), "--opportunities", "300")
    assert done.returncode == 0
    assert done.stdout.startswith("300 opportunities and ")
    out = tmp_path / "out"
    done = here("report", str(tmp_path / "s"), "--out", str(out), "--pipeline", "Spare parts")
    assert done.returncode == 0, done.stderr
    assert "opportunities.csv: 300 rows read = 300 used + 0 merged" in done.stdout
    assert (
        f"1 pipeline: 1 made, 0 unchanged, 0 failed, 0 alarm, 0 watch: {out / 'index.html'}"
        in done.stdout
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("report", "nowhere"), "There is no file or folder nowhere."),
        (("report", ".", "--config", "none.toml"), "Cannot read the configuration none.toml"),
        (("report", "sample", "--pipeline", "X"), "There is no pipeline 'X'. There are: Equip"),
        (("report", "sample", "--as-of", "30.06.2026"), "as_of"),
        (("report",), "Give either a SOURCE or --sample"),
        (("report", "x", "--sample"), "Give either a SOURCE or --sample"),
        (("repot",), "No such command"),
    ],
)
def test_bad_input_is_one_clear_message_and_code_2(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "out")) if words[0] == "report" else ()
    done = here(*words, *out)
    assert done.returncode == BAD_INPUT
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_input_ends_the_process_with_code_2(tmp_path: Path) -> None:
    done = leakkit("report", "nowhere", "--out", str(tmp_path / "out"))
    assert done.returncode == BAD_INPUT
    assert done.stderr == "leakkit: There is no file or folder nowhere.\n"


def test_all_faults_of_a_configuration_are_listed(tmp_path: Path) -> None:
    sample.write(tmp_path, 20)
    (tmp_path / "leakkit.toml").write_text('timezon = "UTC"\n[comparison]\nq = 7\n', "utf-8")
    done = here("report", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.returncode == BAD_INPUT
    assert "2 fault(s)" in done.stderr
    assert "did you mean 'timezone'?" in done.stderr


@pytest.mark.usefixtures("shared_workers", "_short_pages")
def test_a_log_for_programs(tmp_path: Path) -> None:
    write_small(tmp_path / "s", 200)
    words = ("report", str(tmp_path / "s"), "--pipeline", "Spare parts", "--log", "json")
    done = here(*words, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events] == [
        *("reading", "analysing", "page", "overview", "done", "result")
    ]
    assert (events[2]["pipeline"], events[2]["state"]) == ("Spare parts", "made")
    assert (events[-1]["made"], events[-1]["failed"]) == (1, 0)
    assert events[-1]["rows"][0]["read"] == 200
    # a second run, and nothing but its result
    quiet = here(*words, "--out", str(tmp_path / "out"), "--quiet")
    assert [json.loads(line)["unchanged"] for line in quiet.stdout.splitlines()] == [1]


def test_your_own_copies_of_the_notebooks(tmp_path: Path) -> None:
    words = ("lab", "--folder", str(tmp_path / "lab"), "--copy-only")
    first = here(*words)
    assert first.returncode == 0
    names = sorted(path.name for path in (tmp_path / "lab").iterdir())
    assert {"overview.ipynb", "stage_dropoff.ipynb"} <= set(names)
    (tmp_path / "lab/overview.ipynb").write_text("mine")
    second = here(*words)
    assert second.stdout == ""
    assert (tmp_path / "lab/overview.ipynb").read_text() == "mine"


def test_the_source_is_filled_into_your_own_copies(tmp_path: Path) -> None:
    source, config = tmp_path / 'it\'s "mine"', tmp_path / "own # rules.toml"
    source.mkdir()
    config.write_text("")
    words = ("lab", "--folder", str(tmp_path / "lab"), "--copy-only")
    here(*words)
    book = tmp_path / "lab/stage_dropoff.ipynb"
    before = json.loads(book.read_text("utf-8"))
    (tmp_path / "lab/overview.ipynb").write_text("mine")
    done = here("lab", str(source), "--config", str(config), *words[1:])
    assert done.returncode == 0, done.stderr
    assert f"Of {source}: {book}" in done.stdout
    assert f"Not changed, it has no lines source and config: {book.parent}/overview" in done.stderr
    after = json.loads(book.read_text("utf-8"))
    cells = [c for c in after["cells"] if "parameters" in c["metadata"].get("tags", ())]
    known: dict[str, object] = {}
    exec("".join(cells[0]["source"]), known)  # noqa: S102 - the cell that a notebook begins with
    assert (known["source"], known["config"]) == (str(source), str(config))
    assert known["language"] == "en"
    others = [c for c in after["cells"] if c not in cells]
    assert others == [c for c in before["cells"] if c["id"] != cells[0]["id"]]
    # again the same: nothing changes; and a further source is another one
    assert here("lab", str(source), "--config", str(config), *words[1:]).stdout == ""
    assert here("lab", "sample", *words[1:]).returncode == 0
    assert 'source = \\"sample\\"  # ' in book.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "There is no file or folder nowhere."),
        (("postgresql://ann:secret-1@db.example/crm",), "no password may stand in it"),
        (("--config", "x.toml"), "A configuration is of a source"),
    ],
)
def test_a_source_that_cannot_be_filled_in(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = here("lab", *words, "--folder", str(tmp_path / "lab"), "--copy-only")
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("\u2502", " ").split())
    assert "secret-1" not in done.stderr
    assert not (tmp_path / "lab").exists()


def test_jupyterlab_is_opened_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str]) -> int:
        asked.append(command)
        return 0

    monkeypatch.setattr(notebooks, "run_in_place", run)
    folder = str(tmp_path / "lab")
    words = ("--folder", folder, "--port", "9000", "--no-browser", "--", "--allow-root", "--debug")
    for source in ((), ("sample",)):
        assert here("lab", *source, *words).returncode == 0
        assert asked.pop()[1:] == [
            *("-m", "jupyterlab", folder, "--ServerApp.port=9000", "--no-browser"),
            *("--allow-root", "--debug"),
        ]


def test_an_app_needs_voila_and_hears_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str]) -> int:
        asked.append(command)
        return 0

    monkeypatch.setattr(notebooks, "run_in_place", run)
    words = ("app", "sample", "--folder", str(tmp_path / "app"), "--port", "9001", "--no-browser")
    monkeypatch.setattr(notebooks, "find_spec", lambda _: None)
    refused = here(*words)
    assert refused.returncode == 2
    assert "pip install 'leakkit[app]'" in refused.stderr
    assert not (tmp_path / "app").exists()
    monkeypatch.setattr(notebooks, "find_spec", lambda _: "there")
    assert here(*words).returncode == 0
    (command,) = asked
    assert command[1:4] == ["-m", "voila", str(tmp_path / "app")]
    assert {"--strip_sources=True", "--Voila.ip=127.0.0.1", "--port=9001"} <= set(command)
    assert (tmp_path / "app/stage_dropoff.ipynb").exists()


def test_a_source_is_checked(tmp_path: Path) -> None:
    write_small(tmp_path, 50)
    good = here("check", str(tmp_path))
    assert good.returncode == 0, good.stderr
    assert "opportunities.csv: 50 rows read = 50 used" in good.stdout
    history = tmp_path / "stage_history.csv"
    first, *rest = history.read_text("utf-8").splitlines()
    history.write_text("\n".join([first, rest[0].replace("Inquiry", "=HYPERLINK()"), *rest[1:]]))
    faults = tmp_path / "faults.csv"
    bad = here("check", str(tmp_path), "--csv", str(faults))
    assert bad.returncode == 1
    assert "unknown" in bad.stdout
    assert not any(line.split(",")[3].startswith("=") for line in faults.read_text().splitlines())


def test_a_configuration_is_proposed_and_works(tmp_path: Path) -> None:
    write_small(tmp_path, 200)
    (tmp_path / "leakkit.toml").unlink()
    done = here("init", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "[[pipelines]]" in (tmp_path / "leakkit.toml").read_text("utf-8")
    assert here("check", str(tmp_path)).returncode == 0
    again = here("init", str(tmp_path))
    assert again.returncode == BAD_INPUT
    assert "already" in again.stderr


def test_a_deal_is_explained() -> None:
    done = here("explain", "EQ-000041")
    assert done.returncode == 0, done.stderr
    assert "Requirements, visit 1" in done.stdout
    unknown = here("explain", "nobody")
    assert unknown.returncode == BAD_INPUT
    assert "look like: 'EQ-000001'" in unknown.stderr


def test_quiet_is_quiet_also_where_nobody_has_a_home(tmp_path: Path) -> None:
    """As a table of timed jobs starts it: no environment, and no folder to keep caches in."""
    rows = "opportunity_id,stage,entered_at\nd1,A,2024-01-01\nd1,B,2024-01-05\n"
    (tmp_path / "a.csv").write_text(rows, "utf-8")
    command = [sys.executable, "-m", "leakkit.cli", "report", str(tmp_path / "a.csv")]
    command += ["--out", str(tmp_path / "out"), "--jobs", "1"]
    alone = {"HOME": "/proc/nobody", "PYTHONPATH": str(Path(cli.__file__).parents[2])}

    def said(*more: str) -> tuple[str, str]:
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, env=alone, check=True
        )
        return done.stdout, done.stderr

    assert said("--quiet") == ("", "")
    assert (tmp_path / "out/index.html").exists()
    out, err = said("--log", "json")
    assert err == ""
    assert [json.loads(line)["event"] for line in out.splitlines()][-1] == "result"
