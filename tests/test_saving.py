"""Pictures under a bar as files, and on the clipboard."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

import leakkit
from leakkit import views
from leakkit.views import picture_widgets
from leakkit.views.bar_widgets import BarWidgets
from tests.running import load_made

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.analysis import Analysis
    from leakkit.views.bar import Filters


@cache
def analysis() -> Analysis:
    made = leakkit.sample.make(600)
    owners = made.opportunities["owner"]
    made.opportunities["owner"] = owners.replace(owners.iloc[0], "=1+1\tAnn\nLee")
    return leakkit.analyze(load_made(made), "Equipment")


@pytest.fixture
def bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filters:
    """A bar with its widgets and two pictures, in a notebook of an empty folder."""
    monkeypatch.chdir(tmp_path)
    made = leakkit.filters(analysis())
    made.widgets = BarWidgets(made)
    for view in (views.pipe, views.deals):
        leakkit.explore(view, made)
    return made


def offered_files(bar: Filters) -> picture_widgets.SaveWidgets:
    assert bar.widgets is not None
    return bar.widgets.saving


def choose(bar: Filters, title: str, form: str) -> picture_widgets.SaveWidgets:
    widgets = offered_files(bar)
    widgets.picture.value = dict(widgets.picture.options)[title]
    widgets.form.value = form
    widgets.save()
    return widgets


def copied_text(widgets: picture_widgets.SaveWidgets) -> bytes:
    """Return what the script would put onto the clipboard."""
    (output,) = widgets.script.outputs
    script = output["data"]["application/javascript"]
    found = re.search(r"atob\((\".*?\")\)", script)
    assert found is not None
    return base64.b64decode(json.loads(found[1]))


def test_only_what_follows_the_bar_is_offered() -> None:
    bar = leakkit.filters(analysis())
    bar.widgets = BarWidgets(bar)
    assert offered_files(bar).box.layout.display == "none"
    leakkit.explore(views.pipe, bar)
    assert offered_files(bar).box.layout.display == ""
    leakkit.explore(views.days, bar)
    titles = [title for title, _ in offered_files(bar).picture.options]
    assert titles == ["The pipe", "Days in the stage, and how deals left it"]
    assert offered_files(bar).picture.value == dict(offered_files(bar).picture.options)["The pipe"]


@pytest.mark.parametrize("form", picture_widgets.FORMS)
def test_each_form_is_a_file_of_what_is_chosen(bar: Filters, tmp_path: Path, form: str) -> None:
    bar.set(segment="region", value="North")
    widgets = choose(bar, "The pipe", form)
    assert widgets.said.value == f"<span>Saved beside the notebook: pipe.{form}</span>"
    part = leakkit.analyze(analysis().opened(), "Equipment", segment="region", value="North")
    assert (tmp_path / f"pipe.{form}").read_bytes() == views.pipe(part).render(f".{form}")


def test_no_file_is_written_over(bar: Filters, tmp_path: Path) -> None:
    (tmp_path / "pipe.csv").write_text("one's own", "utf-8")
    for name in ("pipe_2.csv", "pipe_3.csv"):
        assert name in choose(bar, "The pipe", "csv").said.value
    assert (tmp_path / "pipe.csv").read_text("utf-8") == "one's own"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pipe.csv",
        "pipe_2.csv",
        "pipe_3.csv",
    ]


def test_a_file_that_cannot_be_written_is_said(
    bar: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_widgets, "MOST_FILES", 3)
    for _ in range(2):
        assert "Saved" in choose(bar, "The pipe", "svg").said.value
    assert "Not saved: There are pipe.svg and 1 more" in choose(bar, "The pipe", "svg").said.value


def test_the_clipboard_has_every_deal_and_no_formula(bar: Filters) -> None:
    text = copied_text(choose(bar, "The deals behind it", "copied_tables")).decode()
    rows = [line.split("\t") for line in text.splitlines()]
    every = views.deals(analysis()).rows
    assert (len(rows), {len(row) for row in rows}) == (len(every) + 1, {len(every.columns)})
    owners = {row[rows[0].index("Owner")] for row in rows[1:]}
    assert "'=1+1 Ann Lee" in owners
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    saved = views.deals(analysis()).render(".csv").decode("utf-8-sig")
    plain = [[" ".join(cell.split()) for cell in row] for row in csv.reader(io.StringIO(saved))]
    assert rows == plain


def test_a_picture_is_copied_as_it_is_saved(bar: Filters) -> None:
    widgets = choose(bar, "The pipe", "copied_picture")
    assert copied_text(widgets) == views.pipe(analysis()).render(".png")
    bar.set(segment="region", value="North")
    assert widgets.script.outputs == (), "what was copied before is in no notebook"


def test_no_text_of_a_user_is_run_by_the_script(bar: Filters) -> None:
    hostile = 'a"; alert(1); //'
    widgets = offered_files(bar)
    widgets.copy(views.View("pipe", hostile), "copied_tables")
    (output,) = widgets.script.outputs
    assert json.dumps(f"On the clipboard: {hostile}") in output["data"]["application/javascript"]
