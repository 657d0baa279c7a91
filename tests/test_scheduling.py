"""The examples of docs/scheduling.md, held against checkers of their own."""

import json
import os
import re
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from leakkit.cli import app

EXAMPLES = Path("docs/examples")
LINES = {
    "leakkit.cron": r"^0 3 \* \* \* leakkit ([^;]+);",
    "leakkit.service": r"^ExecStart=/opt/leakkit/bin/leakkit ((?:.+\\\n)*.+)$",
    "leakkit_airflow.py": r'"leakkit ((?:.+"\n\s+")*.+)"',
    "leakkit_prefect.py": r'"leakkit ((?:.+"\n\s+")*.+)"',
    "leakkit-github-actions.yml": r"- run: leakkit (.+)$",
    "leakkit-task.xml": r"<Arguments>(.+)</Arguments>",
}


@pytest.mark.parametrize("name", LINES)
def test_every_example_uses_options_that_there_are(name: str) -> None:
    """The command is understood: what is missing is the source, and that is code 2."""
    found = re.search(LINES[name], (EXAMPLES / name).read_text("utf-8"), re.MULTILINE)
    assert found is not None
    command = re.sub(r'"\n\s+"|\\\n', "", found.group(1))
    words = shlex.split(command.replace("\\", "/"))
    help_text = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200"}).output
    options = [word for word in words if word.startswith("--")]
    assert options
    assert all(option in help_text for option in options)


def test_every_example_is_in_the_page_and_is_tested() -> None:
    page = Path("docs/scheduling.md").read_text("utf-8")
    names = {path.name for path in EXAMPLES.iterdir()}
    assert names == {*LINES, "leakkit.timer", "leakkit-tell.service", "leakkit-tell.sh"}
    assert all(f"(examples/{name})" in page for name in names)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = ("leakkit.service", "leakkit.timer", "leakkit-tell.service")
    for name in units:
        text = (EXAMPLES / name).read_text("utf-8")
        # the program is not installed there on this machine
        (tmp_path / name).write_text(text.replace("/opt/leakkit/bin/leakkit", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[str(tmp_path / name) for name in units]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "leakkit" not in done.stderr
    moments = ["systemd-analyze", "calendar", "*-*-* 03:00:00"]
    assert subprocess.run(moments, capture_output=True, check=False).returncode == 0


def test_the_workflow_is_one() -> None:
    flow = yaml.safe_load((EXAMPLES / "leakkit-github-actions.yml").read_text("utf-8"))
    # YAML 1.1 reads the key `on` as true
    assert flow[True]["schedule"] == [{"cron": "0 3 * * *"}]
    steps = flow["jobs"]["report"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)


def test_the_crontab_is_five_fields_and_a_command() -> None:
    lines = (EXAMPLES / "leakkit.cron").read_text("utf-8").splitlines()
    jobs = [line for line in lines if line and not line.startswith("#") and "=" not in line]
    assert len(jobs) == 1
    assert re.fullmatch(r"\d+ \d+ \* \* \* .+", jobs[0])
    if shutil.which("crontab"):
        command = ["crontab", "-T", str(EXAMPLES / "leakkit.cron")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "invalid option" in done.stderr


def test_the_task_of_windows_is_well_formed() -> None:
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    task = ET.parse(EXAMPLES / "leakkit-task.xml").getroot()  # noqa: S314 - our own file
    assert task.tag == f"{space}Task"
    parts = [child.tag.removeprefix(space) for child in task]
    assert parts == ["RegistrationInfo", "Triggers", "Settings", "Actions"]
    assert (task.find(f".//{space}Command").text or "").endswith("leakkit.exe")  # type: ignore[union-attr]


TOLD = """{"news": true, "failed": "", "pipelines": [
 {"pipeline": "Pumps", "failed": "", "appeared": [{"sentence": "Offer now \\"loses\\" 31%."}]},
 {"pipeline": "Spare parts", "failed": "a cell took too long", "appeared": []}]}"""


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")
@pytest.mark.parametrize(
    ("news", "posted"),
    [
        (TOLD, 'Pumps: Offer now "loses" 31%.\nSpare parts failed: a cell took too long'),
        ('{"news": true, "failed": "The export is half.", "pipelines": []}', "The export is half."),
        ('{"news": false, "failed": "", "pipelines": []}', None),
    ],
)
def test_the_script_posts_what_is_new_and_nothing_else(
    tmp_path: Path, news: str, posted: str | None
) -> None:
    """A curl that keeps what it is given stands in for the chat."""
    kept = tmp_path / "posted.json"
    curl = tmp_path / "curl"
    curl.write_text(f"#!/bin/sh\ncat > {kept}\n")
    curl.chmod(0o755)
    (tmp_path / "news.json").write_text(news)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(
        ["/bin/sh", str(EXAMPLES / "leakkit-tell.sh"), str(tmp_path / "news.json")],
        check=True,
        env={"PATH": path, "WEBHOOK": "https://chat.example/hook"},
    )
    found = json.loads(kept.read_text())["text"] if kept.exists() else None
    assert found == posted


@pytest.mark.parametrize("name", ["leakkit_airflow.py", "leakkit_prefect.py"])
def test_the_examples_in_python_compile(name: str) -> None:
    compile((EXAMPLES / name).read_text("utf-8"), name, "exec")
