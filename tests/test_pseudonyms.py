"""Pages that travel: owners and names of deals as pseudonyms."""

from pathlib import Path

import pandas as pd
import pytest

import leakkit
from leakkit import sample
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.store import Store
from leakkit.store.pseudonyms import anonymise, pseudonym, read_key

KEY = b"a key that nobody knows"


def people(store: Store) -> pd.DataFrame:
    return store.frame("SELECT opportunity_id, name, owner FROM opportunities ORDER BY opportunity")


def made() -> Store:
    plan = sample.make(200)
    frames = {"opportunities": plan.opportunities, "stage_history": plan.stage_history}
    return load(frames, Config.from_text(plan.config))


def test_names_become_pseudonyms_and_nothing_else_changes() -> None:
    plain, hidden = made(), made()
    anonymise(hidden, KEY)
    before, after = people(plain), people(hidden)
    assert (before["opportunity_id"] == after["opportunity_id"]).all()
    assert list(after["owner"]) == [pseudonym("owner", name, KEY) for name in before["owner"]]
    assert list(after["name"]) == [pseudonym("deal", name, KEY) for name in before["name"]]
    assert before["owner"].nunique() == after["owner"].nunique() > 1
    shown, known = leakkit.analyze(hidden), leakkit.analyze(plain)
    assert shown.fingerprint != known.fingerprint
    assert [p.balance for p in shown.pipelines] == [p.balance for p in known.pipelines]


def test_another_key_gives_other_pseudonyms() -> None:
    assert pseudonym("owner", "Ada", KEY) == pseudonym("owner", "Ada", KEY)
    assert pseudonym("owner", "Ada", KEY) != pseudonym("owner", "Ada", KEY + b"!")


def test_what_has_no_name_stays_empty() -> None:
    store = made()
    store.run("UPDATE opportunities SET owner = '', name = ''")
    anonymise(store, KEY)
    assert set(people(store)["owner"]) == {""}


def test_a_key_is_made_once(tmp_path: Path) -> None:
    first = read_key(tmp_path / "keys" / "team.key")
    assert read_key(tmp_path / "keys" / "team.key") == first
    assert len(first) == 64
    (tmp_path / "short").write_text("1234")
    with pytest.raises(LeakkitError, match="fewer than 16"):
        read_key(tmp_path / "short")
