"""leakkit.toml: what it may say, and what is said of its faults."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakkit import sample
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.store.moments import parse_as_of

WHOLE = """
as_of = "2026-06-30"
timezone = "Europe/Berlin"
language = "en"
currency = "USD"
rates = { EUR = 1.08 }

[source]
format = "auto"
date_order = "auto"
calendar = "auto"
history_start = "2024-01-01"
opportunity_id = "Deal No"
value = "AMOUNT_REQ"
ignore_unknown_stages = true

[source.outcomes]
won = ["Won", "موفق"]
lost = ["Lost", "Cancelled", "ناموفق"]
open = ["Open", "جاری"]

[[source.joins]]
file = "products.csv"
key = "product"
take = { list_price = "sales_price" }
same = { "GTXPro" = "GTX Pro" }

[roles]
segments = ["owner", "source", "region", "product"]
product = "product"
price = "unit_price"
discount = "discount"
competitor = "competitor"
last_activity = "last_activity_at"
known_at_entry = ["source", "region"]

[comparison]
current_days = 90
baseline_days = 270
confirm_days = 28
min_change = 0.03
q = 0.05
horizon_days = 0
skip_policy = "observed"

[reasons]
file = "reasons.toml"

[[pipelines]]
name = "Equipment"
won = ["Won"]
lost = ["Lost", "Cancelled"]
expected_days = 90
unit = "day"
stages = [
  { name = "Inquiry", expected_days = 7, target_lost = 0.10, kind = "qualify" },
  { name = "Proforma", kind = "offer", expected_days = 14, aliases = ["Quotation"] },
]
"""

TWICE = """
[[pipelines]]
name = "A"
stages = [{ name = "x" }]

[[pipelines]]
name = "a"
stages = [{ name = "x" }]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(LeakkitError) as caught:
        Config.from_text(text)
    return str(caught.value).splitlines()


def test_the_whole_of_the_contract_is_read() -> None:
    config = Config.from_text(WHOLE)
    assert config.source.columns == {"opportunity_id": "Deal No", "value": "AMOUNT_REQ"}
    assert config.source.history_start == dt.date(2024, 1, 1)
    assert config.source.joins[0].same == {"GTXPro": "GTX Pro"}
    assert config.pipelines[0].stages[1].aliases == ("Quotation",)
    assert config.pipelines[0].stages[0].target_lost == 0.10


def test_defaults_are_those_of_the_contract() -> None:
    config = Config()
    assert (config.timezone, config.language, config.currency) == ("UTC", "en", "USD")
    comparison = config.comparison
    assert (comparison.current_days, comparison.baseline_days) == (90, 270)
    assert (comparison.confirm_days, comparison.min_change, comparison.q) == (28, 0.03, 0.03)
    assert (comparison.horizon_days, comparison.skip_policy) == (0, "observed")


def test_all_faults_come_at_once_with_the_nearest_key() -> None:
    assert faults('as_off = "x"\n[comparison]\ncurent_days = 3\nq = 2\n[source]\nvalu = "x"') == [
        "leakkit.toml has 4 fault(s):",
        "  leakkit.toml [source.valu] 'x': unknown key. Hint: did you mean 'value'?",
        "  leakkit.toml [comparison.q] '2': Input should be less than 1.",
        "  leakkit.toml [comparison.curent_days] '3': unknown key. Hint: did you mean 'current_days'?",  # noqa: E501 - one line of the message
        "  leakkit.toml [as_off] 'x': unknown key. Hint: did you mean 'as_of'?",
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('timezone = "Berlin"', "'Berlin' is no time zone"),
        ('as_of = "30.06.2026"', "as_of"),
        ("= 3", "is not valid TOML"),
        (
            '[[pipelines]]\nname = "A"\nstages = [{ name = "x" }, { name = "X " }]',
            "the name 'x' stands twice",
        ),
        (
            '[[pipelines]]\nname = "A"\nwon = ["x"]\nstages = [{ name = "x" }]',
            "the name 'x' stands twice",
        ),
        (
            TWICE,
            "pipelines: the name 'a' stands twice",
        ),
    ],
)
def test_a_fault_is_named(text: str, part: str) -> None:
    assert part in "\n".join(faults(text))


def test_a_toml_date_is_taken_as_its_text() -> None:
    assert Config.from_text("as_of = 2026-06-30").as_of == "2026-06-30"


def test_the_sample_declares_what_it_should() -> None:
    config = Config.from_text(sample.make(50).config)
    assert [pipeline.name for pipeline in config.pipelines] == [
        "Equipment",
        "Spare parts",
        "Service contracts",
        "Projects",
    ]


def test_a_file_that_is_missing_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(LeakkitError, match="Cannot read the configuration"):
        Config.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LeakkitError, match="is not UTF-8 text"):
        Config.read(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("rates = { EUR = nan }", "rates.EUR"),
        ("rates = { EUR = 0 }", "rates.EUR"),
        ("rates = { EUR = -1.08 }", "rates.EUR"),
        ("[comparison]\nhorizon_days = inf", "comparison.horizon_days"),
    ],
)
def test_a_number_without_end_or_a_rate_that_is_none_is_a_fault(text: str, where: str) -> None:
    with pytest.raises(LeakkitError) as raised:
        Config.from_text(text)
    assert [fault.column for fault in raised.value.faults] == [where]


DEEP = "a = " + "[" * 5_000
HUGE = "[comparison]\ncurrent_days = 0x" + "F" * 5_000


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('timezone = "Europe"', "[timezone] 'Europe'"),
        ("[comparison]\nhorizon_days = 1e300", "[comparison.horizon_days] '1e+300'"),
        ("[comparison]\ncurrent_days = true", "it should be a number"),
        (HUGE, "a number of very many digits"),
        ('[source]\ncolumns = "x"', "[source.columns] 'x': it should be a table"),
        ("[source]\nstage = 5", "[source.stage] '5': it should be a text"),
        ("[source]\nhistory_start = 5", "no day of the years"),
        ("[source]\nhistory_start = 0001-01-01", "no day of the years"),
        ('[source]\nencoding = "punycode"', "is no encoding"),
        ('[source]\nencoding = "a\\u0000b"', "is no encoding"),
        ('language = "xx"', "there are no texts in it; there are: en"),
        (DEEP, "nested too deep"),
        ("a" + ".a" * 20_000 + " = 1", "dots"),
        ("a = " + "9" * 5_000, "is not valid TOML"),
        ("#" + "x" * 1_000_001, "is no configuration"),
        ('as_of = "2024-06-30T24:00"', "[as_of]"),
        ('as_of = "2024-W05"', "[as_of]"),
        ("as_of = 12:00:00", "[as_of]"),
        ('[[pipelines]]\nname = " "\nstages = [{ name = "a" }]', "a name needs a letter"),
        ('[roles]\nsegments = "x"', "it should be a list"),
        ("rates = { eur = 1 }", "rates.eur"),
    ],
)
def test_what_no_configuration_may_say_is_a_fault_and_no_traceback(text: str, part: str) -> None:
    assert part in "\n".join(faults(text))


def test_of_very_many_faults_the_first_are_listed() -> None:
    lines = faults("\n".join(f"x{i} = 1" for i in range(5_000)))
    assert lines[0] == "leakkit.toml has 5000 fault(s):"
    assert len(lines) == 101


def odd_configuration(draw: st.DrawFn) -> str:
    """Return the whole configuration as TOML, with some values replaced by odd ones."""
    lines = WHOLE.splitlines()
    settings = [at for at, line in enumerate(lines) if " = " in line]
    for at in draw(st.lists(st.sampled_from(settings), min_size=1, max_size=3)):
        key = lines[at].partition(" = ")[0]
        lines[at] = f"{key} = {draw(st.sampled_from(ODD) | st.text().map(json.dumps))}"
    return "\n".join(lines)


ODD = (
    *("true", "0", "-1", "1e300", "nan", "-inf", "9" * 400, "0x" + "F" * 4_000, '""', '" "', "[]"),
    *("{}", "[[[[1]]]]", "{ a = { b = 1 } }", "12:00:00", "2024-02-29", "1979-05-27T07:32:00Z"),
    *('"../../etc/passwd"', '"\\u0000"', '"\\u200b"', '"\'; DROP TABLE x; --"', '["a", "A"]'),
    *('[""]', '"Europe"', '"utf-7"', '"0001-01-01"', '"9999-12-31T23:59:59+14:00"', "[1, true]"),
)


@settings(max_examples=300)
@given(st.composite(odd_configuration)())
def test_a_mutated_configuration_is_read_or_has_faults(text: str) -> None:
    try:
        config = Config.from_text(text)
    except LeakkitError as error:
        found = error
    else:
        assert Config.model_validate(config.model_dump(mode="json")) == config
        parse_as_of(config.as_of or "2024-06-30", config.timezone)
        return
    assert found.code in {"config_syntax", "config_faults"}
    assert all(fault.rule for fault in found.faults)


def test_a_stage_may_stand_as_its_name_alone() -> None:
    text = '[[pipelines]]\nname = "P"\nstages = ["Lead", { name = "Offer", kind = "offer" }]'
    stages = Config.from_text(text).pipelines[0].stages
    assert [(stage.name, stage.kind) for stage in stages] == [("Lead", ""), ("Offer", "offer")]
