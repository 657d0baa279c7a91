"""JSON as interfaces give it: pages of results, nested objects, histories within rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.check import check
from leakkit.sources.formats.files import read_file
from leakkit.sources.formats.json_files import flatten, rows_of_page
from leakkit.sources.headings.reading import Reading
from leakkit.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEAL = {
    "id": "7",
    "properties": {"dealstage": "won", "owner": {"name": "Ada"}},
    "propertiesWithHistory": {
        "dealstage": [
            {"value": "won", "timestamp": "2024-02-01"},
            {"value": "offer", "timestamp": "2024-01-01"},
        ]
    },
}


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    with Store.new(":memory:") as store:
        yield Reading(store, Config(), tmp_path)


def read(reading: Reading, text: str) -> dict[str, list[tuple[str, ...]]]:
    """Write a file, read it, and return the rows of its tables with their headings first."""
    file = reading.scratch / "deals.json"
    file.write_text(text, "utf-8")
    tables = read_file(reading, file, "deals")
    return {
        table.file: [
            tuple(table.types),
            *reading.store.rows(f"SELECT * EXCLUDE ({table.line}) FROM {table.relation}"),
        ]
        for table in tables
    }


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"results": [DEAL]}),
        json.dumps({"results": [DEAL]}, indent=2),
        json.dumps([{"success": True, "data": [DEAL]}]),
        json.dumps([DEAL]),
        json.dumps(DEAL),
        json.dumps(DEAL, indent=1),
    ],
)
def test_the_same_deal_in_any_envelope(reading: Reading, text: str) -> None:
    assert read(reading, text) == {
        "deals.json": [("id", "dealstage", "owner.name"), ("7", "won", "Ada")],
        "deals.json, history": [
            ("dealId", "property", "value", "timestamp"),
            ("7", "dealstage", "won", "2024-02-01"),
            ("7", "dealstage", "offer", "2024-01-01"),
        ],
    }


def test_pages_line_by_line_keep_every_row_apart(reading: Reading) -> None:
    pages = [{"results": [{"id": "1"}, {"id": "2"}]}, {"results": [{"id": "3"}]}]
    found = read(reading, "\n".join(map(json.dumps, pages)))
    assert found["deals.json"] == [("id",), ("1",), ("2",), ("3",)]


def test_what_a_row_holds_is_no_page() -> None:
    """A deal with items is a deal, and not a page of items."""
    deals = [{"id": "1", "items": [{"sku": "a"}, {"sku": "b"}]}]
    assert rows_of_page(deals) == deals
    assert flatten(deals[0])[0] == deals[0]


def test_a_page_without_results_has_no_rows() -> None:
    assert rows_of_page({"success": True, "data": None}) == []
    assert rows_of_page({"name": "settings"}) is None


def test_values_with_their_versions_are_a_history() -> None:
    stage = {"value": "won", "versions": [{"value": "offer", "timestamp": "2024-01-01"}]}
    columns, history = flatten({"dealId": "7", "properties": {"dealstage": stage}})
    assert columns == {"dealId": "7", "dealstage": "won"}
    assert history == {
        "history": [
            {"dealId": "7", "property": "dealstage", "value": "offer", "timestamp": "2024-01-01"}
        ]
    }


LONG = r'[{"id": 1, "won": true, "lost": false, "x": null, "s": "a\u00e4\n", "v": -12.5e+7}]'


def test_a_file_that_is_cut_off_says_so_and_where(reading: Reading) -> None:
    for end in range(1, len(LONG)):
        with pytest.raises(LeakkitError, match="no JSON array") as caught:
            read(reading, LONG[:end])
        said = f"cut off after line 1, character {len(LONG[:end].rstrip())}, and its end is missing"
        assert said in str(caught.value), LONG[:end]
        assert "download it again" in str(caught.value)


def test_a_line_that_is_cut_off_says_so(reading: Reading) -> None:
    with pytest.raises(LeakkitError) as caught:
        read(reading, '{"id": 1}\n{"id": 2, "stage": "Of')
    assert [(fault.row, "cut off after" in fault.hint) for fault in caught.value.faults] == [
        (2, True)
    ]


@pytest.mark.parametrize(("text", "place"), [('[\n{"id" 1}]', (2, 7)), ("[{'a':1}]", (1, 3))])
def test_a_file_that_is_broken_elsewhere_says_where(
    reading: Reading, text: str, place: tuple[int, int]
) -> None:
    where = "breaks at line {}, character {}".format(*place)
    with pytest.raises(LeakkitError, match=where):
        read(reading, text)


SALESFORCE = {
    "attributes": {"type": "Opportunity"},
    "Id": "7",
    "StageName": "Closed Won",
    "CloseDate": "2024-02-01",
    "CreatedDate": "2024-01-01T08:00:00.000+0000",
    "IsClosed": True,
    "IsWon": True,
    "OpportunityHistories": {
        "totalSize": 2,
        "done": True,
        "records": [
            {"Id": "h1", "StageName": "Offer", "CreatedDate": "2024-01-01T08:00:00.000+0000"},
            {"Id": "h2", "StageName": "Closed Won", "CreatedDate": "2024-02-01T08:00:00.000+0000"},
        ],
    },
    "OpportunityLineItems": {"records": [{"Product": "Pump"}, {"Product": "Valve"}]},
}


def test_a_list_of_moves_within_a_deal_is_its_history_and_other_lists_are_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "deals.json"
    file.write_text(json.dumps({"totalSize": 1, "done": True, "records": [SALESFORCE]}), "utf-8")
    with load(file) as store:
        assert store.meta("shape") == "events"
        assert store.rows("SELECT opportunity_id, outcome FROM opportunities") == [("7", "won")]
        assert store.value("SELECT count(*) FROM passages") == 1
    named = [one for one in check(tmp_path).recognised if one.what == "nested_list"]
    assert [(one.why, one.as_what) for one in named] == [("OpportunityLineItems.records", "2")]


def test_a_plain_list_of_moves_is_a_history_too_and_one_of_other_things_stays_a_text() -> None:
    moves = [{"id": 1, "stage": "Offer", "changed_at": "2024-01-01"}]
    tasks = [{"status": "done", "due_date": "2024-01-01"}]
    columns, found = flatten({"moves": moves, "id": "7", "tasks": tasks})
    assert columns == {"id": "7", "tasks": tasks}
    assert found == {
        "moves": [{"opportunity_id": "7", "stage": "Offer", "changed_at": "2024-01-01"}]
    }
    assert flatten({"moves": moves}) == ({"moves": moves}, {})


def test_too_many_different_histories_are_refused(reading: Reading) -> None:
    move = {"stage": "Offer", "entered_at": "2024-01-01"}
    rows = [{"id": str(n), f"moves {n}": [move]} for n in range(9)]
    with pytest.raises(LeakkitError, match="more than 8 different histories"):
        read(reading, json.dumps(rows))


@pytest.mark.parametrize("name", ["opps.json", ""])
def test_of_two_histories_within_the_deals_none_is_taken_in_silence(
    tmp_path: Path, name: str
) -> None:
    deals = [
        {
            "Id": f"D{number}",
            "StageName": "Offer",
            "OpportunityHistories": {
                "records": [{"StageName": "Lead", "CreatedDate": "2026-01-01T00:00:00Z"}]
            },
            "ApprovalHistories": {
                "records": [{"StageName": "Draft", "CreatedDate": "2026-01-05T00:00:00Z"}]
            },
        }
        for number in range(30)
    ]
    (tmp_path / "opps.json").write_text(json.dumps(deals), "utf-8")
    with pytest.raises(LeakkitError, match="OpportunityHistories and") as caught:
        load(tmp_path / name)
    assert caught.value.code == "two_tables"
