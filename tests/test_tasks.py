"""The fifteen tasks of an analyst: each runs, is short, and is guessed from the README."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import leakkit
from tests.running import SMALL, short_pages

HERE = Path(__file__).parent
BOOK = json.loads((HERE / "fifteen_tasks.ipynb").read_text(encoding="utf-8"))
CELLS = [cell for cell in BOOK["cells"] if cell["cell_type"] == "code"]
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
OF_PANDAS = {"date", "max", "sum", "unique"}
MOST_LINES = 3


def answer(source: str, names: dict[str, Any]) -> object:
    """Run a cell; return the value of its last line, as a notebook shows it."""
    body = ast.parse(source).body
    shown = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)  # noqa: S102 - our own notebook
    if not isinstance(shown, ast.Expr):
        return None
    return eval(compile(ast.Expression(shown.value), "cell", "eval"), names)  # noqa: S307 - as above


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the answers of all cells by their number, and the names that are left."""
    made = leakkit.sample.make(400, seed=5, plan=SMALL)
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch, short_pages():
        patch.chdir(tmp_path_factory.mktemp("tasks"))
        # the small sample in place of the large one, which the word says
        patch.setattr("leakkit.sample.make", lambda: made)
        answers: dict[str, Any] = {}
        for cell in CELLS:
            source = "".join(cell["source"])
            if "raises-exception" in cell["metadata"].get("tags", ()):
                with pytest.raises(leakkit.LeakkitError) as caught:
                    answer(source, names)
                answers[source] = str(caught.value)
            else:
                answers[source] = answer(source, names)
        answers["folder"] = Path.cwd()
    return answers | names


def test_a_task_is_short_and_has_a_sentence() -> None:
    assert len(CELLS) == len([c for c in BOOK["cells"] if c["cell_type"] == "markdown"]) - 1
    for cell in CELLS[2:]:
        assert len("".join(cell["source"]).splitlines()) <= MOST_LINES
    assert not any(cell["outputs"] or cell["execution_count"] for cell in CELLS)


def test_tasks_use_the_names_of_the_readme() -> None:
    source = "\n".join("".join(cell["source"]) for cell in CELLS)
    names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    keywords = set(re.findall(r"(\w+)=", source.replace("==", "")))
    unknown = {
        name for name in (names - OF_PANDAS) | keywords if not re.search(rf"\b{name}\b", README)
    }
    assert not unknown


def test_the_lines_of_the_readme_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made = leakkit.sample.make(400, seed=5, plan=SMALL)
    monkeypatch.setattr("leakkit.sample.make", lambda: made)
    asked: list[tuple[object, ...]] = []
    # a run is made above
    monkeypatch.setattr("leakkit.report.batch.run", lambda *given, **_: asked.append(given))
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block
    names: dict[str, Any] = {}
    answer(block[1], names)
    assert asked == [("sample", "reports")]
    assert len(names["analysis"]) == 1


def find_answer(run: dict[str, Any], part: str) -> Any:  # noqa: ANN401 - whatever a cell shows
    """Return the answer of the only cell in whose code a text stands."""
    (key,) = [key for key in run if part in key and not key.isidentifier()]
    return run[key]


def test_answers_are_right(answers: dict[str, Any]) -> None:
    analysis, stage = answers["analysis"], answers["analysis"]["Equipment"]["Proforma"]
    assert find_answer(answers, "for pipeline")[0] == "Equipment"
    lost = [one.exits.lost for one in analysis["Equipment"]]
    assert find_answer(answers, 'analysis.stages("Equipment")')["lost"].tolist() == lost
    assert find_answer(answers, "len(findings)") == (
        len(analysis.all_findings),
        len(answers["late"]),
    )
    total, currencies = find_answer(answers, '["value"].sum()')
    assert round(100 * total) == sum(one.value_lost for one in analysis["Equipment"])
    assert list(currencies) == ["EUR"]
    assert find_answer(answers, "left_on") == pd.Timestamp(answers["lost"]["left_on"].max()).date()
    assert len(find_answer(answers, '"reason"')) == stage.exits.lost
    owners = find_answer(answers, 'by("owner"')
    assert owners[owners["stage"] == "Proforma"]["entered"].sum() == stage.exits.entered


def test_what_is_made_is_there(answers: dict[str, Any]) -> None:
    folder = answers["folder"]
    assert (folder / find_answer(answers, ".save(")).read_text(encoding="utf-8").startswith("<svg")
    assert [page.pipeline for page in find_answer(answers, "report.run").pages if page.page] == [
        "Equipment"
    ]
    assert (folder / "reports" / "index.html").is_file()


def test_parts_and_other_days_are_what_they_say(answers: dict[str, Any]) -> None:
    whole = answers["analysis"].stages("Equipment")["entered"]
    assert (find_answer(answers, "north.stages")["entered"] < whole).all()
    assert (find_answer(answers, "as_of=")["entered"] <= whole).all()
    assert find_answer(answers, "as_of=")["entered"].sum() < whole.sum()
    assert "There are: Inquiry" in find_answer(answers, "Prforma")
