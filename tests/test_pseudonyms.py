"""Pages that travel: owners and names of deals as pseudonyms."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import leakkit
from benchmarks import pages
from leakkit import report, sample
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.report.batch import FINDINGS
from leakkit.report.data_files import findings_json
from leakkit.report.exporter import export_page
from leakkit.report.manifest import Facts, Last
from leakkit.report.writing import files_of, files_of_run
from leakkit.sources import load
from leakkit.store import Store
from leakkit.store.database import quote
from leakkit.store.pseudonyms import anonymise, copy_without_traces, pseudonym, read_key
from leakkit.store.settled_deals import LoadOptions

KEY = b"a key that nobody knows"
PLAN = sample.Plan(sample.default_plan().pipelines[:1])


def people(store: Store) -> pd.DataFrame:
    return store.frame("SELECT opportunity_id, name, owner FROM opportunities ORDER BY opportunity")


def make_sample() -> Store:
    plan = sample.make(200)
    frames = {"opportunities": plan.opportunities, "stage_history": plan.stage_history}
    return load(frames, Config.from_text(plan.config))


def test_names_become_pseudonyms_and_nothing_else_changes() -> None:
    plain, hidden = make_sample(), make_sample()
    anonymise(hidden, KEY)
    before, after = people(plain), people(hidden)
    assert (before["opportunity_id"] == after["opportunity_id"]).all()
    assert list(after["owner"]) == [pseudonym("owner", name, KEY) for name in before["owner"]]
    assert list(after["name"]) == [pseudonym("deal", name, KEY) for name in before["name"]]
    assert before["owner"].nunique() == after["owner"].nunique() > 1
    shown, known = leakkit.analyze(hidden), leakkit.analyze(plain)
    assert shown.fingerprint != known.fingerprint
    assert [p.balance for p in shown.pipelines] == [p.balance for p in known.pipelines]


def load_talkative(more: str = "") -> Store:
    """Load deals with customers, a competitor and reasons in which names stand."""
    plan = sample.make(200, plan=PLAN)
    deals, history = plan.opportunities.copy(), plan.stage_history
    deals["Account Name"] = [f"Acme {n % 7} GmbH" for n in range(len(deals))]
    deals["Contact"] = "Sarafina"
    deals["Expected revenue (EUR)"] = [f"{n % 9},500" for n in range(len(deals))]
    deals.loc[deals["outcome"] == "Lost", "lost_reason"] = (
        "Sarafina of ACME 3 GMBH told " + deals["owner"] + " that a rival is cheaper"
    )
    frames = {"opportunities": deals, "stage_history": history}
    config = plan.config.replace("segments = [", 'segments = ["Expected revenue (EUR)", ') + more
    return load(frames, Config.from_text(config), options=LoadOptions(people=True))


def test_names_in_sentences_are_found_and_the_rest_of_the_sentence_stays() -> None:
    plain, hidden = load_talkative(), load_talkative()
    anonymise(hidden, KEY)
    before = plain.frame("SELECT owner, lost_reason FROM opportunities WHERE lost_reason <> ''")
    said = hidden.frame("SELECT lost_reason FROM opportunities WHERE lost_reason <> ''")
    assert len(before) == len(said) > 20
    one, other = pseudonym("customer", "Sarafina", KEY), pseudonym("customer", "Acme 3 GmbH", KEY)
    expected = {
        f"{one} of {other} told {pseudonym('owner', owner, KEY)} that a rival is cheaper"
        for owner in before["owner"]
    }
    assert set(said["lost_reason"]) == expected
    held = "".join(hidden.frame(f"FROM {t}").to_csv() for (t,) in hidden.rows("SHOW TABLES"))
    assert not re.search("acme|sarafina", held, re.IGNORECASE)
    assert re.search("competitor", hidden.frame("FROM opportunities").to_csv())


def test_columns_that_are_named_are_hidden_and_an_unknown_one_is_refused() -> None:
    store = load_talkative('\n[anonymise]\ncolumns = ["region", "opportunity_id"]\n')
    ids = people(store)["opportunity_id"]
    anonymise(store, KEY)
    assert list(people(store)["opportunity_id"]) == [pseudonym("deal", one, KEY) for one in ids]
    regions = {region for (region,) in store.rows("SELECT DISTINCT region FROM opportunities")}
    assert all(re.fullmatch("region [0-9a-f]{8}", region) for region in regions)
    assert store.config.anonymise == Config().anonymise
    with pytest.raises(LeakkitError, match="what every page is made of: stage, value"):
        anonymise(load_talkative('\n[anonymise]\ncolumns = ["value", "Stage"]\n'), KEY)
    with pytest.raises(LeakkitError, match=r"do not have: reigon\. They have: opportunity_id, "):
        anonymise(load_talkative('\n[anonymise]\ncolumns = ["Reigon"]\n'), KEY)


def test_ids_that_are_names_of_deals_are_hidden_as_the_names_are() -> None:
    plan = sample.make(200, plan=PLAN)
    deals = plan.opportunities.assign(opportunity_id=plan.opportunities["name"])
    ids = dict(zip(plan.opportunities["opportunity_id"], deals["name"], strict=True))
    moves = plan.stage_history.assign(opportunity_id=plan.stage_history["opportunity_id"].map(ids))
    store = load({"opportunities": deals, "stage_history": moves}, Config.from_text(plan.config))
    anonymise(store, KEY)
    found = people(store)
    assert found["name"].str.fullmatch("deal [0-9a-f]{8}").all()
    assert (found["name"] == found["opportunity_id"]).all()


def test_money_is_scaled_in_every_table_and_nothing_else_moves() -> None:
    plain, hidden = load_talkative(), load_talkative("\n[anonymise]\nmoney = 0.25\n")
    anonymise(plain, KEY)
    anonymise(hidden, KEY)
    for table in ("opportunities", "passages", "wide"):
        (before,), (after,) = (
            one.rows(f"SELECT sum(value) FROM {table}")[0] for one in (plain, hidden)
        )
        assert after == pytest.approx(before / 4, rel=1e-6)
        assert before > 0
    for one, cells in ((plain, 9), (hidden, 1)):
        (n,) = one.rows('SELECT count(DISTINCT "Expected revenue (EUR)") FROM opportunities')[0]
        assert n == cells
    (deals,) = hidden.rows("SELECT count(value) FROM opportunities")[0]
    assert hidden.meta("facts")["amounts_scaled"] == deals
    shown, known = leakkit.analyze(hidden), leakkit.analyze(plain)
    assert [p.balance for p in shown.pipelines] == [p.balance for p in known.pipelines]


def test_an_intervention_follows_its_people_behind_their_pseudonyms() -> None:
    rule = """
[[interventions]]
name = "{owner} trained"
day = {day}
segment = {{ owner = "{owner}" }}
[[notes]]
text = "Ask {owner} why"
"""
    owner = people(make_sample())["owner"][0]
    store = load_talkative(rule.format(owner=owner, day=PLAN.as_of))
    anonymise(store, KEY)
    (one,) = store.config.interventions
    hidden = pseudonym("owner", owner, KEY)
    assert (one.name, one.segment) == (f"{hidden} trained", {"owner": (hidden,)})
    assert [note.text for note in store.config.notes] == [f"Ask {hidden} why"]


def test_another_key_gives_other_pseudonyms() -> None:
    assert pseudonym("owner", "Ada", KEY) == pseudonym("owner", "Ada", KEY)
    assert pseudonym("owner", "Ada", KEY) != pseudonym("owner", "Ada", KEY + b"!")


def test_what_has_no_name_stays_empty() -> None:
    store = make_sample()
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


HEADINGS = ("owner", "Deal owner", "Salesperson", "Account Manager", "کارشناس فروش")


def export(heading: str, deals: int) -> tuple[dict[str, pd.DataFrame], Config, list[str]]:
    """Return an export with owners under a heading and in a further column, and all its names."""
    plan = sample.make(deals, plan=PLAN)
    table = plan.opportunities.copy()
    table["owner"] = "Zarathustra " + table["owner"]
    table["changed by"] = table["owner"]
    table["name"] = "Secret " + table["opportunity_id"].astype(str)
    names = sorted({*table["owner"], *table["name"]})
    frames = {
        "opportunities": table.rename(columns={"owner": heading}),
        "stage_history": plan.stage_history.drop(columns="owner"),
    }
    return frames, Config.from_text(plan.config), names


@pytest.mark.parametrize("heading", HEADINGS)
def test_owners_are_hidden_whatever_their_heading(heading: str, tmp_path: Path) -> None:
    """No table of the store has a name, nor has its file, where what was there may lie on."""
    frames, rules, names = export(heading, 100)
    plain, hidden = tmp_path / "plain.duckdb", tmp_path / "hidden.duckdb"
    with load(frames, rules, store=str(plain)) as store:
        assert store.owner == heading
        anonymise(store, KEY)
        owners = store.rows(f"SELECT DISTINCT {quote(heading)} FROM opportunities")
        assert all(re.fullmatch("owner [0-9a-f]{8}", said) for (said,) in owners)
    copy_without_traces(plain, hidden)
    with Store.open(hidden) as store:
        held = [store.frame(f"FROM {t}").to_csv() for (t,) in store.rows("SHOW TABLES")]
    held.append(hidden.read_bytes().decode("latin-1"))
    assert any("owner " in text for text in held)
    assert not [name for name in names if any(name in text for text in held)]


def test_names_stand_in_what_is_written_where_nobody_hides_them() -> None:
    frames, rules, _ = export("Deal owner", 400)
    written = "".join(outputs(load(frames, rules)).values())
    assert "Zarathustra" in written
    assert "Secret" in written


@pytest.mark.parametrize("heading", HEADINGS)
def test_no_file_no_page_and_no_notebook_has_a_name(heading: str) -> None:
    frames, rules, names = export(heading, 400)
    store = load(frames, rules)
    anonymise(store, KEY)
    after = outputs(store)
    assert {"worklist.csv", "worklist.xlsx", "findings.json", "root_causes.ipynb"} < after.keys()
    text = "".join(after.values())
    assert not [name for name in names if name in text]
    owners = pd.read_csv(io.StringIO(after["worklist.csv"]))["owner"]
    assert len(owners)
    assert owners.str.fullmatch("owner [0-9a-f]{8}").all()


@pytest.mark.usefixtures("shared_workers", "_short_pages")
def test_no_file_of_a_run_and_no_table_of_its_store_has_a_name(tmp_path: Path) -> None:
    frames, rules, names = export(HEADINGS[-1], 400)
    out, kept = tmp_path / "out", tmp_path / "kept.duckdb"
    run = report.run(frames, out, rules, anonymise=tmp_path / "key", store=kept)
    assert not run.failed
    files = [file for file in out.rglob("*") if file.is_file()]
    held = {file.name: file.read_bytes() for file in (*files, kept)}
    with zipfile.ZipFile(next(out.glob("*/worklist.xlsx"))) as book:
        held["parts"] = b"".join(map(book.read, book.namelist()))
    with Store.open(kept) as store:
        for (table,) in store.rows("SHOW TABLES"):
            held[table] = store.frame(f"FROM {table}").to_csv().encode()
    assert {"index.html", "findings.json", "worklist.csv", "opportunities"} < held.keys()
    assert b"owner " in held["worklist.csv"]
    assert not [(name, at) for at, text in held.items() for name in names if name.encode() in text]


def outputs(store: Store) -> dict[str, str]:
    """Return the files of a run, unpacked, its pages, and the notebooks that they are made of."""
    analysis = leakkit.analyze(store)
    (only,) = analysis.pipelines
    diagnosis = leakkit.diagnose(analysis)
    found = {FINDINGS: findings_json(analysis), "index.html": pages.overview(analysis)}
    for name, content in {**files_of(store, analysis, only), **files_of_run(analysis)}.items():
        plain = content
        if name.endswith("xlsx"):
            with zipfile.ZipFile(io.BytesIO(content)) as book:
                plain = b"".join(map(book.read, book.namelist()))
        found[name] = plain.decode()
    books: dict[str, dict[str, Any]] = {
        "stage_dropoff": {"analysis": analysis},
        "root_causes": {"diagnosis": diagnosis},
    }
    for name, known in books.items():
        notebook = pages.run_notebook(name, known)
        found[f"{name}.ipynb"] = json.dumps(notebook, ensure_ascii=False)
        found[f"{name}.html"] = export_page(notebook)
    return found


def test_a_folder_shows_names_in_one_way() -> None:
    """Pages of some pipelines in plain beside others in pseudonyms would give them away."""
    both: list[Facts] = [
        {"name": name, "slug": "a", "pages": {}, "stages": []} for name in ("A", "B")
    ]
    last = Last({"pipelines": both})
    assert last.alike(("A",), anonymised=False) is last
    assert last.alike(("a", "B"), anonymised=True).facts == {}
    assert last.alike((), anonymised=True).facts == {}
    with pytest.raises(LeakkitError, match="The other pages of this folder show names as they are"):
        last.alike(("A",), anonymised=True)
    hidden = Last({"pipelines": both, "anonymised": True})
    assert hidden.alike(("A",), anonymised=True) is hidden
    with pytest.raises(LeakkitError, match="show pseudonyms"):
        hidden.alike(("A",), anonymised=False)
