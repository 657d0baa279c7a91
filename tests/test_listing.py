"""The rows behind a number, where pipelines spell a stage of one name each in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import leakkit
from leakkit import cli
from leakkit.config import Config

if TYPE_CHECKING:
    from leakkit.store import Store

CONFIG = """
[[pipelines]]
name = "A"
won = ["Won"]
lost = ["Lost"]
stages = [{ name = "Proposal" }]
[[pipelines]]
name = "B"
won = ["Won"]
lost = ["Lost"]
stages = [{ name = "proposal" }, { name = "Contract" }]
"""
HISTORY = [
    ("1", "A", "Proposal", "2025-01-01"),
    ("1", "A", "Lost", "2025-01-05"),
    ("2", "B", "proposal", "2025-01-01"),
    ("2", "B", "Lost", "2025-01-09"),
]
COLUMNS = ["opportunity_id", "pipeline", "stage", "entered_at"]


def load_listed(config: str = CONFIG) -> Store:
    history = pd.DataFrame(HISTORY, columns=COLUMNS)
    deals = pd.DataFrame([("1", "A"), ("2", "B")], columns=COLUMNS[:2])
    frames = {"opportunities": deals, "stage_history": history}
    return leakkit.load(frames, Config.from_text(config))


@pytest.mark.parametrize(
    ("pipeline", "stage", "deals"),
    [
        ("A", "Proposal", ["1"]),
        ("B", "proposal", ["2"]),
        ("A", " PROPOSAL ", ["1"]),
        ("", "Proposal", ["1", "2"]),
    ],
)
def test_a_stage_is_that_of_its_pipeline(pipeline: str, stage: str, deals: list[str]) -> None:
    with load_listed() as store:
        found = leakkit.passages(store, pipeline=pipeline, stage=stage)
    assert found["opportunity_id"].tolist() == deals


def test_a_stage_of_another_pipeline_is_named_as_missing() -> None:
    with load_listed() as store, pytest.raises(leakkit.LeakkitError) as raised:
        leakkit.passages(store, pipeline="A", stage="Contract")
    assert str(raised.value) == "There is no stage 'Contract'. There are: Proposal."


def test_a_history_that_begins_after_the_data_end_is_refused() -> None:
    config = '[source]\nhistory_start = "2035-01-01"\n' + CONFIG
    with load_listed(config) as store, pytest.raises(leakkit.LeakkitError) as raised:
        leakkit.analyze(store)
    assert raised.value.code == "history_start_after_end"
    assert "2025-01-09" in str(raised.value)


def test_a_name_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "app", lambda: _refuse("P\x1b[31mX"))
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == "leakkit: There is no P [31mX.\n"


def _refuse(name: str) -> None:
    message = f"There is no {name}."
    raise leakkit.LeakkitError("no_pipeline", message)
