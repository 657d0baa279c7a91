"""The page of causes: every code has a text, every name stays a name, numbers are the analysis'."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import json
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from markupsafe import Markup

import leakkit
from leakkit import views
from leakkit.analysis import root_causes as rooms
from leakkit.config import Config, Note
from leakkit.errors import LeakkitError
from leakkit.findings import behaviour, columns, drivers, mix, stated_reasons, verdicts
from leakkit.findings.behaviour import SIGNS, SignCount
from leakkit.findings.change_drivers import ChangeDriver, ChangeScreen
from leakkit.findings.columns import SetAside
from leakkit.findings.comparison import Excess
from leakkit.findings.drivers import Screen
from leakkit.findings.finding import KINDS, SEVERITIES, Past, Split
from leakkit.findings.mix import MixShift, RateAndMix
from leakkit.findings.reason_dictionary import FAMILIES, built_in
from leakkit.findings.verdicts import Verdict, verdict
from leakkit.findings.worklist import BLOCKS
from leakkit.views import html_tables
from leakkit.views.bar_widgets import BarWidgets
from leakkit.views.causes.cause_lines import review
from leakkit.views.causes.loss_evidence import ROWS
from leakkit.views.causes.remedies import SHOWN_DEALS
from leakkit.views.elements import tidy_name
from leakkit.views.exploring import BY_STAGE, OF_DIAGNOSIS, Follower
from leakkit.words import Words
from tests.running import sample_analysis

if TYPE_CHECKING:
    from types import ModuleType

    from leakkit.analysis import Diagnosis
    from leakkit.analysis.diagnosis import StageDiagnosis
    from leakkit.findings import Finding

WORDS = Words("en", currency="EUR")
PER_STAGE = ("cause_and_effect", "evidence", "when_lost", "drivers", "deals_to_read")
VIEWS = (
    *PER_STAGE,
    "causes_headline",
    "warnings",
    "rate_and_mix",
    "repairs",
    "worklist",
    "causes_terms",
)
REFERENCES = ("baseline", "target")
"""What a finding may be compared with (docs/contracts.md)."""
LONG = "long " * 80
HOSTILE = '<b onclick="x()">&amp;\'\u202eevil {x} '


@cache
def diagnosis() -> Diagnosis:
    return leakkit.diagnose(sample_analysis(), "Equipment")


def first() -> StageDiagnosis:
    return diagnosis().stages[0]


def of(**parts: Any) -> Diagnosis:  # noqa: ANN401 - any part of a stage's diagnosis
    """Return the diagnosis with one stage, some of it changed."""
    return replace(diagnosis(), stages=(replace(first(), **parts),))


def with_cause(**parts: Any) -> Diagnosis:  # noqa: ANN401 - any part of a cause
    return of(cause=replace(first().cause, **parts))


def finding(**parts: Any) -> Finding:  # noqa: ANN401 - any part of a finding
    return replace(diagnosis().warnings[0][0], **parts)


def with_card(*card: Finding) -> Diagnosis:
    return replace(diagnosis(), cards=(card,))


def text(view: str, of: Diagnosis, **choice: str) -> str:
    """Return what a reader of a view reads."""
    html = getattr(views, view)(of, **choice).section()
    return BeautifulSoup(html, "html.parser").get_text(" ", strip=True)


# ---------------------------------------------------------------- codes, read off the source


def tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def texts(node: ast.AST) -> set[str]:
    """Return the constant texts in a piece of source; of a choice, those of its ends."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) | texts(node.orelse)
    found = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return {value for value in found if isinstance(value, str) and value}


def texts_given(module: ModuleType, call: str, place: int) -> set[str]:
    """Return the texts that calls such as `Screen.missing(...)` are given at a place."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {call, f"cls.{call}"}:
            found |= texts(node.args[place]) if len(node.args) > place else set()
    return found


def texts_returned(function: object, place: int) -> set[str]:
    """Return the texts that a function returns at a place of its tuple."""
    assert callable(function)
    source = ast.parse(inspect.getsource(function))
    returns = [node.value for node in ast.walk(source) if isinstance(node, ast.Return)]
    return set().union(*(texts(r.elts[place]) for r in returns if isinstance(r, ast.Tuple)))


def whys() -> set[str]:
    return texts_given(verdicts, "Verdict", 2)


CODES = {
    "causes.severity_": {severity.replace(" ", "_") for severity in SEVERITIES},
    "causes.kind_": set(KINDS),
    "causes.what_": {f"{kind}_{against}" for kind in KINDS for against in REFERENCES},
    "causes.family_": set(FAMILIES),
    "causes.verdict_": {*FAMILIES, "undetermined"} - {"gave_up"},
    "causes.short_": {*FAMILIES, "undetermined"} - {"gave_up"},
    "causes.strength_": {"strong", "moderate", "weak"},
    "causes.why_": whys(),
    "causes.stated_": set(FAMILIES),
    "causes.stated_none_": texts_returned(stated_reasons._judge_stated, 1)
    | {"no_usual", "usual_before", "usual_elsewhere"},
    "causes.behaves_": {*SIGNS, "mixed"},
    "causes.behaves_none_": texts_returned(behaviour._judge_family, 1)
    | texts_given(behaviour, "_nothing", 0),
    "causes.sign_": set(SIGNS),
    "causes.excess_": {
        f"{beyond}{family}"
        for beyond in ("", "none_", "fewer_")
        for family in ("complexity", "unconvincing")
    },
    "causes.read_": texts_returned(verdicts._read, 0),
    "causes.door_": set(ROWS),
    "causes.mix_": texts_given(mix, "RateAndMix.missing", 2)
    | texts_given(rooms, "RateAndMix.missing", 2),
    "causes.screen_": texts_given(rooms, "Screen.missing", 2)
    | texts_given(drivers, "Screen.missing", 2),
    "causes.set_aside_": texts_given(columns, "SetAside", 1),
    "causes.reviews.": {
        *built_in().reviews.values(),
        *verdicts.SIGN_REVIEWS.values(),
        *verdicts.WHY_REVIEWS.values(),
        *texts(ast.parse(inspect.getsource(review))) & set(verdicts.SIGN_REVIEWS.values()),
        "reading_deals",
    },
    "causes.reason.": {
        *built_in().reviews,
        *(code for code, _ in built_in().words.values()),
        *built_in().texts.values(),
    },
    "causes.": {*BLOCKS, *(f"{block}_table" for block in BLOCKS)},
}


def test_the_codes_are_found_in_the_source() -> None:
    assert whys() == {
        "bulk", "slow", "conflict", "against_other", "gave_up", "mixed", "one_source",
        "no_evidence",
    }  # fmt: skip
    assert {"few_reasons", "small_lead"} <= CODES["causes.stated_none_"]
    assert {"few_losses", "few_advanced", "no_excess"} <= CODES["causes.behaves_none_"]
    assert {"no_baseline", "no_expected_days", "not_comparable"} <= CODES["causes.mix_"]
    assert CODES["causes.screen_"] == {"no_horizon"}
    assert {"tells_outcome", "one_value"} <= CODES["causes.set_aside_"]
    assert CODES["causes.read_"] == {"current", "both"}


@pytest.mark.parametrize("prefix", CODES)
def test_every_code_has_a_text(prefix: str) -> None:
    assert CODES[prefix]
    assert not {code for code in CODES[prefix] if not WORDS.knows(f"{prefix}{code}")}


# ---------------------------------------------------------------- every text comes out

SOURCES = ("", *FAMILIES)
VERDICTS = {
    verdict(said, looks, length_only=length, missing_share=missing)
    for said, looks, length, missing in product(
        SOURCES, ("", "complexity", "unconvincing", "mixed"), (True, False), (0.0, 0.4, 0.9)
    )
} | {Verdict("", "", "bulk"), Verdict("", "", "one_source")}


def test_every_why_and_strength_is_among_the_verdicts() -> None:
    assert {one.why for one in VERDICTS} - {""} == whys()
    assert {one.strength for one in VERDICTS} - {""} == {"strong", "moderate", "weak"}


@pytest.mark.parametrize("found", sorted(VERDICTS, key=repr), ids=repr)
def test_every_verdict_is_said(found: Verdict) -> None:
    sub = "unconvincing.price" if found.family == "unconvincing" else ""
    shown = with_cause(verdict=found, sub_reason=sub)
    strength = f"strength_{found.strength}" if found.family else f"why_{found.why}"
    for name in ("causes_headline", "cause_and_effect"):
        said = text(name, shown)
        assert WORDS.say(f"causes.{strength}") in said
        assert ("Above all: the price." in said) == bool(sub)
        assert ("closed late, so" in said) == found.lost_long_after
    assert WORDS.say(f"causes.short_{found.family or 'undetermined'}") in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("against", REFERENCES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_finding_is_said(kind: str, against: str, severity: str) -> None:
    shown = with_card(finding(kind=kind, reference_kind=against, severity=severity))
    said = text("warnings", shown)
    assert WORDS.say(f"causes.kind_{kind}") in said
    assert WORDS.say(f"causes.severity_{severity.replace(' ', '_')}") in said
    warns = severity in {"alarm", "watch"}
    told = warns or severity in {"better", "perhaps better"}
    assert (shown.warnings != ()) == warns
    assert ("There is nothing to warn of." in said) != warns
    words = {"baseline": "before it was", "target": "the target is"}
    assert (words[against] in text("causes_headline", shown)) == told


def test_a_sure_change_under_an_order_that_nobody_declared_says_why_it_is_no_alarm() -> None:
    held = with_card(finding(severity="watch"))
    undeclared = replace(held, analysis=replace(held.analysis, provisional_order=True))
    said = "It is no alarm only because the order of the stages is not declared"
    assert said in text("warnings", undeclared)
    assert said not in text("warnings", held)


def test_a_stage_that_is_slow_is_not_asked_why_it_loses() -> None:
    said = text("causes_headline", with_card(finding(kind="overdue")))
    assert f"Review: {WORDS.say('causes.reviews.time_to_answer')}" in said
    assert "the losses look" not in said


@pytest.mark.parametrize("reason", sorted(CODES["causes.stated_none_"]))
def test_every_reason_of_silent_reasons_is_said(reason: str) -> None:
    shown = with_cause(stated=replace(first().cause.stated, family="", reason=reason))
    known = first().cause.stated.known
    assert WORDS.say(f"causes.stated_none_{reason}", n=known) in text("cause_and_effect", shown)


@pytest.mark.parametrize("reason", sorted(CODES["causes.behaves_none_"]))
def test_every_reason_of_silent_behaviour_is_said(reason: str) -> None:
    found = replace(
        first().cause.behaviour, family="", reason=reason, complexity=None, unconvincing=None
    )
    shown = with_cause(behaviour=found)
    for name in ("cause_and_effect", "evidence"):
        assert WORDS.say(f"causes.behaves_none_{reason}") in text(name, shown)


@pytest.mark.parametrize("code", SIGNS)
@pytest.mark.parametrize("limit", [0.0, 1.0, 2.5])
def test_every_sign_is_said_in_the_unit_of_the_pipeline(code: str, limit: float) -> None:
    sign = SignCount(code, SIGNS[code], limit, 3, 4)
    found = replace(first().cause.behaviour, signs=(sign,))
    days = text("evidence", with_cause(behaviour=found))
    hourly = diagnosis().pipeline.replace(unit_per_day=24)
    hours = text("evidence", replace(with_cause(behaviour=found), pipeline=hourly))
    assert ("hour" in hours) == (code in {"long", "early"} and limit > 0)
    assert "hour" not in days


@pytest.mark.parametrize("reason", sorted(CODES["causes.mix_"]))
def test_every_reason_for_no_split_is_said(reason: str) -> None:
    shown = of(mixes={"lost": RateAndMix.missing("lost", 0.0, reason)})
    assert WORDS.say(f"causes.mix_{reason}") in text("rate_and_mix", shown)
    assert WORDS.say(f"causes.mix_{reason}") in text("warnings", shown)


@pytest.mark.parametrize("reason", sorted(CODES["causes.set_aside_"]))
def test_every_column_that_is_set_aside_is_named_with_its_reason(reason: str) -> None:
    aside = SetAside(HOSTILE, reason, 0.5)
    html = views.drivers(of(screen=replace(first().screen, set_aside=(aside,)))).section()
    assert f"<bdi>{plain_html(HOSTILE)}</bdi>" in html


def test_a_stage_without_a_horizon_has_no_screen() -> None:
    shown = of(screen=Screen.missing("lost", (0, 1), "no_horizon"))
    assert WORDS.say("causes.screen_no_horizon") in text("drivers", shown)


def test_where_nothing_is_known_there_is_a_dash_and_no_zero() -> None:
    families = tuple(
        replace(one, n=0, share=None, low=None, high=None) for one in first().cause.stated.families
    )
    shown = with_cause(stated=replace(first().cause.stated, known=0, families=families))
    row = BeautifulSoup(views.evidence(shown).table, "html.parser").find("tbody").find("tr")  # type: ignore[union-attr] # there is a table
    assert [cell.get_text() for cell in row.find_all("td")][:2] == ["0", html_tables.DASH]  # type: ignore[union-attr] # as above


def test_a_small_shift_is_not_worth_a_sentence() -> None:
    found = replace(first().mixes["lost"], shift=MixShift("region", "", 0.2, 0.4))
    small, large = (of(mixes={"lost": replace(found, mix=by)}) for by in (0.009, -0.011))
    assert "What shifted most" not in text("rate_and_mix", small)
    assert "region : (empty), from 20% to 40%" in text("rate_and_mix", large)


# ---------------------------------------------------------------- what users make up


@pytest.mark.parametrize("code", ["unconvincing.mine", "unconvincing.a.b", f"unconvincing.{LONG}"])
@pytest.mark.parametrize("review", [HOSTILE, "pricing.more", "reviews", LONG, "ask Jana"])
def test_own_sub_reasons_and_reviews_are_shown_as_written(code: str, review: str) -> None:
    found = Verdict("unconvincing", "strong")
    shown = with_cause(verdict=found, sub_reason=code, review=review)
    own = tidy_name(code.partition(".")[2])
    for name in ("causes_headline", "cause_and_effect", "warnings"):
        html = getattr(views, name)(shown).section()
        if name != "warnings":
            assert f"Above all: <bdi>{own}</bdi>." in html
        if name != "causes_headline":
            assert f"<bdi>{plain_html(review)}</bdi>" in html


def plain_html(name: str) -> str:
    """Return how a name stands in a page."""
    escaped = tidy_name(name)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;")):
        escaped = escaped.replace(char, entity)
    return escaped.replace("'", "&#39;")


def hostile_source() -> Diagnosis:
    """Losses come with one value of a column, and after a while; everything has an evil name."""
    stage, later, column = f"{HOSTILE}stage", f"{HOSTILE}later {LONG}", f"{HOSTILE}column"
    rows, deals = [], []
    start = pd.Timestamp("2025-01-01")
    for at in range(600):
        deal, day = f"{HOSTILE}{at}", start + pd.Timedelta(days=at)
        bad = at % 3 == 0
        value = f"{HOSTILE}value" if bad else f"{LONG}value"
        name, owner, why = f"{HOSTILE}name {LONG}", f"{HOSTILE}owner{at % 2}", f"{HOSTILE}{at % 9}"
        deals.append((deal, name, owner, 100 + at, value, why))
        rows.append((deal, stage, day))
        lost = bad or (at > 500 and at % 2)
        if at < 590:
            rows.append((deal, "Lost" if lost else later, day + pd.Timedelta(days=2 + at % 5)))
        if not lost and at < 560:
            rows.append((deal, "Won", day + pd.Timedelta(days=12)))
    history = pd.DataFrame(rows, columns=["opportunity_id", "stage", "entered_at"])
    heads = ["opportunity_id", "name", "owner", "value", column, "lost_reason"]
    frames = {"stage_history": history, "opportunities": pd.DataFrame(deals, columns=heads)}
    config = f"""
    [roles]
    segments = ["owner", {json.dumps(column)}]
    [[pipelines]]
    name = {json.dumps(f"{HOSTILE}pipeline")}
    stages = [{{ name = {json.dumps(stage)} }},
              {{ name = {json.dumps(later)}, expected_days = 3 }}]
    """
    store = leakkit.load(frames, Config.from_text(config))
    return leakkit.diagnose(leakkit.analyze(store))


@cache
def hostile() -> Diagnosis:
    return hostile_source()


def test_the_hostile_source_fills_every_view() -> None:
    found = hostile()
    assert found.warnings
    assert found.stages[0].screen.drivers
    assert found.stages[0].cause.deals
    assert found.stages[0].cause.stated.unmatched_reasons
    assert found.worklist


@pytest.mark.parametrize("name", VIEWS)
def test_hostile_names_stay_names(name: str) -> None:
    html = str(getattr(views, name)(hostile()).section())
    assert "<b " not in html
    assert "\u202e" not in html
    assert "&amp;amp;amp;" not in html, "escaped once"
    assert "{x}" in html or name == "causes_terms"
    for tag in BeautifulSoup(html, "html.parser").find_all():
        assert not [key for key in tag.attrs if key.startswith("on")]


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("name", VIEWS)
def test_no_view_shows_a_code_or_a_hole(name: str) -> None:
    said = text(name, diagnosis())
    codes = set().union(*CODES.values())
    assert not {code for code in codes if "_" in code and code in said}
    assert "None" not in said
    assert "nan" not in said.split()
    assert "{" not in said


def test_the_headline_has_the_numbers_of_the_gravest_finding() -> None:
    gravest = diagnosis().warnings[0][0]
    assert gravest.share is not None
    assert gravest.reference is not None
    said = text("causes_headline", diagnosis())
    assert f"{gravest.stage} now loses {WORDS.share(gravest.share)}" in said
    assert f"before it was {WORDS.share(gravest.reference)}" in said
    joint = next(one for one in diagnosis().repairs if one.points is None).result.new_deals
    assert f"about {WORDS.count(joint.value)} more of the deals that come in" in said
    tests = sum(f.p_value is not None for f in diagnosis().analysis.all_findings)
    assert f"{tests} comparisons were made" in said


def test_the_comparisons_are_all_findings_of_the_pipeline() -> None:
    table = BeautifulSoup(views.warnings(diagnosis()).table, "html.parser").find("table")
    assert table is not None
    rows = [[cell.get_text(" ") for cell in row.find_all(["th", "td"])] for row in
            table.select("tbody tr")]  # fmt: skip
    found = {
        (f.stage, WORDS.say(f"causes.kind_{f.kind}")): f
        for f in diagnosis().analysis.all_findings
        if f.pipeline == "Equipment"
    }
    assert {(row[0], row[1]) for row in rows} == found.keys()
    for row in rows:
        one = found[row[0], row[1]]
        assert row[3] == (html_tables.DASH if one.share is None else WORDS.share(one.share))
        assert row[4] == (html_tables.DASH if one.reference is None else WORDS.share(one.reference))
        if one.change is not None:
            assert row[5].startswith(WORDS.points(one.change))


def test_the_evidence_has_the_counts_of_the_cause() -> None:
    cause = first().cause
    boxes = BeautifulSoup(views.evidence(diagnosis()).table, "html.parser").find_all("table")
    said = [cell.get_text() for cell in boxes[0].select("tbody td:nth-of-type(1)")]
    assert said == [WORDS.count(family.n) for family in cause.stated.families]
    lost = [cell.get_text() for cell in boxes[1].select("tbody td:nth-of-type(2)")]
    of_all = cause.behaviour.lost.n
    assert lost == [WORDS.share(sign.lost / of_all) for sign in cause.behaviour.signs]
    note = text("evidence", diagnosis())
    assert f"{cause.losses} losses" in note
    assert f"{WORDS.share(cause.stated.missing / cause.stated.losses)} of the losses" in note


def test_the_repairs_are_those_of_the_diagnosis() -> None:
    rows = BeautifulSoup(views.repairs(diagnosis()).table, "html.parser").select("tbody tr")
    assert len(rows) == len(diagnosis().repairs)
    for row, repair in zip(rows, diagnosis().repairs, strict=True):
        cells = [cell.get_text(" ") for cell in row.find_all("td")]
        won = repair.result.new_deals
        assert cells[0].startswith(WORDS.number(won.value))
        assert cells[1] == WORDS.number(won.value / 2)
        assert cells[3] == (
            f"{WORDS.share(repair.result.chance)} → {WORDS.share(repair.result.chance_then)}"
        )


def test_the_worklist_counts_all_and_shows_the_first() -> None:
    items = diagnosis().worklist
    found = BeautifulSoup(views.worklist(diagnosis()).table, "html.parser").find_all("table")
    blocks = [block for block in BLOCKS if any(i.block == block for i in items)]
    assert len(found) == len(blocks)
    for table, block in zip(found, blocks, strict=True):
        own = [item for item in items if item.block == block]
        ids = [head.get_text() for head in table.select("tbody th")]
        assert ids == [item.opportunity_id for item in own[:SHOWN_DEALS]]
        assert table.caption is not None
        assert table.caption.get_text().startswith(f"{len(own)} ")


def test_the_picture_says_its_medians() -> None:
    html = views.when_lost(diagnosis()).section()
    for days in first().cause.days:
        if days.n and days.median is not None:
            assert f"{WORDS.say(f'causes.door_{days.kind}')} {WORDS.days(days.median)}" in html
            assert WORDS.count(days.n) in html


# ---------------------------------------------------------------- one stage


@pytest.mark.parametrize("name", PER_STAGE)
def test_one_stage_is_part_of_all(name: str) -> None:
    other = replace(first(), stage=first().stage.replace(name="Second thoughts"))
    both = replace(diagnosis(), stages=(first(), other))
    assert text(name, both, stage="PROFORMA") == text(name, of())
    alone = text(name, both, stage="second thoughts")
    assert "Second thoughts" in alone
    assert first().stage.name not in alone or name == "cause_and_effect", "of the finding"
    assert len(alone) < len(text(name, both))


@pytest.mark.parametrize("name", PER_STAGE)
def test_a_stage_that_was_not_looked_into_is_refused(name: str) -> None:
    with pytest.raises(LeakkitError) as caught:
        getattr(views, name)(diagnosis(), stage="Nowhere")
    assert caught.value.code == "no_stage"


@pytest.mark.parametrize("name", PER_STAGE)
def test_a_stage_can_be_chosen_and_the_call_says_the_same(name: str) -> None:
    other = replace(first(), stage=first().stage.replace(name=HOSTILE))
    both = replace(diagnosis(), stages=(first(), other))
    view, bar = getattr(views, name), leakkit.filters(both)
    bar.widgets = widgets = BarWidgets(bar)
    found = leakkit.explore(view, bar)
    assert isinstance(found, Follower)
    assert found.view.section() == view(both).section()
    assert found.code == (
        f"leakkit.views.{name}(leakkit.diagnose(leakkit.analyze(data, 'Equipment')))"
    )
    widgets.choices["stage"].value = HOSTILE
    assert found.view.section() == view(both, stage=HOSTILE).section()
    assert "<b " not in bar.bundle()["text/html"]
    widgets.choices["stage"].value = "Proforma"
    same = eval(found.code, {"leakkit": leakkit, "data": diagnosis().analysis.store})  # noqa: S307 - the call on the screen must run
    assert found.view.section() == same.section()
    with pytest.raises(LeakkitError) as caught:
        bar.set(stage="Nowhere")
    assert caught.value.code == "no_stage"
    assert bar.stage == "Proforma", "what is refused changes nothing"


def test_a_note_stands_on_the_card_of_its_stage() -> None:
    lost = diagnosis().warnings[0][0]
    day = dt.date(1970, 1, 1) + dt.timedelta(days=lost.windows["current"][0])
    notes = (
        Note(text=HOSTILE, day=day, stage="proforma"),
        Note(text="Elsewhere", stage="Inquiry"),
        Note(text="Of all"),
    )
    config = diagnosis().analysis.config.model_copy(update={"notes": notes})
    noted = replace(diagnosis(), analysis=replace(diagnosis().analysis, config=config))
    card = BeautifulSoup(views.warnings(noted).section(), "html.parser").select(".lk-card")[0]
    said = card.get_text()
    assert f"Note 1, {WORDS.date(lost.windows['current'][0])}: {tidy_name(HOSTILE)}".strip() in said
    assert "Note: Of all" in said
    assert "Elsewhere" not in said
    assert card.select("b[onclick]") == []
    marks = [text.get_text() for text in card.select("svg text")]
    assert "1" in marks


@pytest.mark.parametrize("name", sorted(OF_DIAGNOSIS))
def test_every_view_of_causes_follows_the_bar(name: str) -> None:
    view, bar = getattr(views, name), leakkit.filters(of())
    found = leakkit.explore(view, bar)
    assert isinstance(found, Follower)
    assert found.view.section() == view(of()).section()
    drawn = {"stage": "Proforma"} if name in PER_STAGE else {}
    bar.set(stage="proforma")
    assert found.view.section() == view(of(), **drawn).section()
    assert found.code.endswith(", stage='Proforma')") == bool(drawn)


def test_of_one_stage_there_is_nothing_to_choose() -> None:
    bar = leakkit.filters(of())
    assert BarWidgets(bar).choices == {}
    with pytest.raises(LeakkitError) as caught:
        leakkit.explore(views.pipe, bar)
    assert caught.value.code == "no_choices"
    assert "evidence" in str(caught.value)


def test_the_views_that_can_be_of_one_stage_are_those_that_take_it() -> None:
    takes = {
        name for name in VIEWS if "stage" in inspect.signature(getattr(views, name)).parameters
    }
    assert takes == set(PER_STAGE) == set(BY_STAGE)


DOUBTED: dict[str, dict[str, Any]] = {
    "cannot be told apart": {"split": Split(None, None, reason="not_comparable")},
    "is that other kinds of deals came in": {"split": Split(0.01, 0.15, "owner=X", -0.03, 0.05)},
    "so this may be the season": {"last_year": Past(0.3, 0.05, -0.05, 0.15)},
    "Perhaps worse than before": {"q_value": 0.1},
}


@pytest.mark.parametrize("said", DOUBTED)
def test_pages_agree_in_what_they_claim(said: str) -> None:
    """One sentence on both pages of a pipeline and in the overview; and nobody says more."""
    doubted = finding(severity="watch", **DOUBTED[said])
    old, calm = diagnosis(), {"alarm": "ok", "watch": "ok"}
    findings = tuple(
        doubted if one.key == doubted.key
        else replace(one, severity=calm.get(one.severity, one.severity))
        for one in old.analysis.all_findings
    )  # fmt: skip
    analysis = replace(old.analysis, all_findings=findings)
    own = [f for f in findings if f.pipeline == "Equipment"]
    cards = tuple(tuple(f for f in own if f.stage == card[0].stage) for card in old.cards)
    shown = replace(old, analysis=analysis, cards=cards)
    of_page, of_causes = views.headline(analysis, "Equipment"), views.causes_headline(shown)
    for view in (of_causes, of_page, views.overview(analysis)):
        html = Markup(view.headline).striptags()  # noqa: S704 - our own page
        assert said in html
        assert "it got worse" not in Markup(view.note).striptags()  # noqa: S704 - our own page


def test_a_watch_that_is_likely_chance_is_no_headline() -> None:
    shown = with_card(finding(severity="watch", q_value=0.5))
    said = text("causes_headline", shown)
    assert "No stage surely got worse. Proforma may have" in said
    assert "before it was" not in said


def test_segments_that_drove_a_change_stand_first() -> None:
    gap = Excess(0.29, 0.15, 0.43)
    driver = ChangeDriver(
        "region", HOSTILE, 61, 0.2, 0.5, 0.2, 0.21, gap, 1e-5, 1e-3, as_of_today=True
    )
    found = ChangeScreen("lost", 30.0, 17, (driver,))
    html = BeautifulSoup(str(views.drivers(of(changes=found)).table), "html.parser")
    assert not html.find_all("b")
    said = text("drivers", of(changes=found))
    assert "Segments whose lost share changed more than that of the rest, of 17 compared" in said
    assert said.index("20%") < said.index("50%") < said.index("21%")
    assert "it may have been another" in said
