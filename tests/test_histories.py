"""Histories of makers: losses in switches, stages by numbers, reasons that are a status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

EXITS = ("open", "next", "jumped", "won", "returned", "lost", "moved")


def write(folder: Path, name: str, heading: str, rows: list[str]) -> Path:
    """Write one file of a source."""
    (folder / name).write_text("\n".join([heading, *rows]) + "\n", "utf-8")
    return folder


def exits(store: Store, stage: str) -> dict[str, int]:
    """Count the passages of a stage by how they ended."""
    rows = store.rows(
        "SELECT p.exit, count(*) FROM passages p JOIN stages s USING (pipeline, stage) "
        "WHERE s.name = $stage GROUP BY 1 ORDER BY 1",
        {"stage": stage},
    )
    return {EXITS[code]: n for code, n in rows}


def facts(store: Store) -> dict[str, int]:
    """Return the facts of a store."""
    found: dict[str, int] = store.meta("facts")
    return found


LEAD = "id,name,active,stage_id,team_id,expected_revenue,create_date,date_closed,lost_reason_id"
TRACKED = (
    "id,mail_message_id,field_id,old_value_integer,new_value_integer,"
    "old_value_char,new_value_char,create_date"
)


def odoo(folder: Path, flags: str = "ttft", more: str = "") -> Path:
    """Write the tables of four deals: one lost and taken out again, won, lost, open."""
    reasons = ["", "", "3", ""]
    closes = ["", "2024-02-09 09:00:00", "2024-02-05 09:00:00", ""]
    stages = [2, 3, 2, 1]
    write(
        folder,
        "crm_lead.csv",
        LEAD,
        [
            f"{i},Deal {i},{flags[i - 1]},{stages[i - 1]},1,100,2024-01-0{i} 09:00:00,"
            f"{closes[i - 1]},{reasons[i - 1]}"
            for i in range(1, 5)
        ],
    )
    write(
        folder,
        "crm_stage.csv",
        "id,name,sequence,is_won",
        ["1,New,0,f", "2,Talks,1,f", "3,Won,2,t"],
    )
    moves = [
        (1, 501, "1,2,New,Talks", "2024-01-10"),
        (1, 77, "1,0,,", "2024-01-15"),
        (1, 77, "0,1,,", "2024-02-01"),
        (2, 501, "1,2,New,Talks", "2024-01-12"),
        (2, 501, "2,3,Talks,Won", "2024-02-09"),
        (2, 90, "0,1,,", "2024-01-20"),
        (3, 501, "1,2,New,Talks", "2024-01-14"),
        (3, 77, "1,0,,", "2024-02-05"),
        (3, 90, "1,0,,", "2024-01-21"),
    ]
    write(
        folder,
        "mail_message.csv",
        "id,model,res_id,date",
        [f"{i},crm.lead,{deal},{day}" for i, (deal, _, _, day) in enumerate(moves, 1)]
        + ["50,res.partner,1,2024-01-02"],
    )
    rows = [
        f"{i},{i},{field},{values},{day} 09:00:00"
        for i, (_, field, values, day) in enumerate(moves, 1)
    ]
    return write(
        folder,
        "mail_tracking_value.csv",
        TRACKED,
        [*rows, "50,50,501,1,2,New,Talks,2024-01-02 09:00:00", *([more] if more else [])],
    )


def test_a_loss_that_only_a_switch_tells_is_a_loss(tmp_path: Path) -> None:
    with load(odoo(tmp_path)) as store:
        assert exits(store, "Talks") == {"open": 1, "won": 1, "lost": 2}
        assert exits(store, "New") == {"open": 1, "next": 3}
        assert store.value("SELECT count(*) FROM passages WHERE entry = 4") == 1
        # the rows of another switch, and of another kind of record
        assert facts(store)["changes_of_other_fields"] == 3


def test_a_deal_that_is_archived_without_a_reason_is_not_lost(tmp_path: Path) -> None:
    more = "10,10,77,1,0,,,2024-02-08 09:00:00"
    odoo(tmp_path, "ttff", more)
    with (tmp_path / "mail_message.csv").open("a", encoding="utf-8") as file:
        file.write("10,crm.lead,4,2024-02-08\n")
    with load(tmp_path) as store:
        assert exits(store, "New") == {"open": 1, "next": 3}


PHASES = (
    "(Do Not Modify) Opportunity,Topic,Status,Status Reason,Pipeline Phase,Created On,"
    "Actual Close Date"
)


def test_a_status_reason_is_a_reason_on_lost_deals_only(tmp_path: Path) -> None:
    rows = [
        f"{kind}{i},Deal,{status},{reason},1-Qualify,2024-01-0{i},{close}"
        for i in range(1, 6)
        for kind, status, reason, close in (
            ("o", "Open", "In Progress", ""),
            ("w", "Won", "Won", f"2024-02-0{i}"),
            ("l", "Lost", "Out-Sold", f"2024-02-0{i}"),
        )
    ]
    write(tmp_path, "view.csv", PHASES, rows)
    found = "SELECT outcome, lost_reason, count(*) FROM opportunities GROUP BY ALL ORDER BY 1"
    with load(tmp_path) as store:
        assert store.rows(found) == [("lost", "Out-Sold", 5), ("open", "", 5), ("won", "", 5)]
        assert store.meta("cross_checks") == []


def test_a_column_that_says_something_of_every_deal_is_a_status(tmp_path: Path) -> None:
    rows = [
        f"{kind}{i},Offer,2024-01-0{i},{status},{reason}"
        for i in range(1, 6)
        for kind, status, reason in (
            ("o", "Open", "Ongoing"),
            ("w", "Won", "Ordered"),
            ("l", "Lost", "Price"),
        )
    ]
    write(tmp_path, "deals.csv", "deal_id,stage,created_at,status,lost_reason", rows)
    with load(tmp_path) as store:
        assert store.value("SELECT count(*) FROM opportunities WHERE lost_reason <> ''") == 5


def test_a_reason_and_a_close_together_are_a_loss(tmp_path: Path) -> None:
    heading = "External ID,Opportunity,Stage,Expected Revenue,Lost Reason,Created on,Closed Date"
    rows = [f"o{i},Deal,Talks,100,,2024-01-0{i}," for i in range(1, 6)]
    rows += [f"l{i},Deal,Talks,100,Price,2024-01-0{i},2024-02-0{i}" for i in range(1, 6)]
    rows += [f"w{i},Deal,Won,100,,2024-01-0{i},2024-02-0{i}" for i in range(1, 6)]
    write(tmp_path, "leads.csv", heading, rows)
    ended = "SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1"
    with load(tmp_path) as store:
        assert store.rows(ended) == [("lost", 5), ("open", 5), ("won", 5)]
    # a plan stands on open deals as well: then nothing is taken for a loss
    write(
        tmp_path,
        "leads.csv",
        heading,
        [row + "2024-03-01" if row[-1] == "," else row for row in rows],
    )
    with pytest.raises(LeakkitError, match="reason_means_loss = true"):
        load(tmp_path)
    with load(tmp_path, Config.from_text("[source]\nreason_means_loss = true")) as store:
        assert store.rows(ended) == [("lost", 5), ("open", 5), ("won", 5)]


PIPEDRIVE = "Deal - ID,Deal - Stage,Deal - Status,Deal - Deal created,Deal - Lost reason"


def pipedrive(folder: Path, named: int) -> Path:
    """Write deals with names of stages and a log with numbers, and `named` deals in each stage."""
    stages = ("Lead", "Demo", "Offer")
    deals = [
        f"{10 * s + i},{stage},open,2024-01-0{i},"
        for s, stage in enumerate(stages)
        for i in range(1, named + 1)
    ]
    write(
        folder,
        "deals.csv",
        "Deal - ID,Deal - Stage,Deal - Status,Deal - Deal created,Deal - Lost reason",
        deals,
    )
    log = [
        f"{10 * s + i},stage_id,{at + 4},{at + 5},2024-02-0{at + 1} 09:00:00"
        for s in range(3)
        for i in range(1, named + 1)
        for at in range(s)
    ]
    log += [f"{i},stage_id,5,4,2024-02-01 09:00:00" for i in range(1, named + 1)]
    return write(folder, "log.csv", "deal_id,field_key,old_value,new_value,time", log)


def test_numbers_of_stages_are_told_by_the_deals_that_stand_there(tmp_path: Path) -> None:
    with load(pipedrive(tmp_path, 4)) as store:
        assert store.rows("SELECT name FROM stages ORDER BY name") == [
            ("Demo",),
            ("Lead",),
            ("Offer",),
        ]
        assert exits(store, "Offer") == {"open": 4}
        assert exits(store, "Demo") == {"open": 4, "next": 4, "returned": 4}


def test_numbers_that_few_deals_tell_are_refused_with_the_lines_to_write(tmp_path: Path) -> None:
    pipedrive(tmp_path, 2)
    with pytest.raises(LeakkitError, match="aliases") as caught:
        load(tmp_path)
    assert '{ name = "...", aliases = ["4"] }' in str(caught.value)
    own = """
    [[pipelines]]
    name = "Sales"
    stages = [{ name = "Lead", aliases = ["4"] }, { name = "Demo", aliases = ["5"] },
              { name = "Offer", aliases = ["6"] }]
    """
    with load(tmp_path, Config.from_text(own)) as store:
        assert exits(store, "Demo") == {"open": 2, "next": 2, "returned": 2}


def test_a_flow_that_names_its_stages_is_read_by_names(tmp_path: Path) -> None:
    flow = [
        {
            "timestamp": f"2024-02-0{i} 09:00:00",
            "data": {
                "item_id": i,
                "field_key": "stage_id",
                "old_value": "4",
                "new_value": "5",
                "log_time": f"2024-02-0{i} 09:00:00",
                "additional_data": {"old_value_formatted": "Lead", "new_value_formatted": "Demo"},
            },
        }
        for i in range(1, 4)
    ]
    (tmp_path / "flow.json").write_text(json.dumps({"data": flow}), "utf-8")
    deals = [f"{i},{'Demo' if i < 4 else 'Lead'},open,2024-01-0{i}," for i in range(1, 6)]
    with load(write(tmp_path, "deals.csv", PIPEDRIVE, deals)) as store:
        assert exits(store, "Lead") == {"open": 2, "next": 3}
        assert exits(store, "Demo") == {"open": 3}


def log(folder: Path, events: list[tuple[str, str, str, str]]) -> Path:
    """Write an event log; each event is (case, name, transition, time)."""
    cases: dict[str, list[str]] = {}
    for case, name, way, at in events:
        parts = [f'<string key="concept:name" value="{name}"/>']
        parts += [f'<string key="lifecycle:transition" value="{way}"/>'] if way else []
        parts += [f'<date key="time:timestamp" value="{at}"/>']
        cases.setdefault(case, []).append(f"<event>{''.join(parts)}</event>")
    traces = "".join(
        f'<trace><string key="concept:name" value="{case}"/>{"".join(rows)}</trace>'
        for case, rows in cases.items()
    )
    (folder / "log.xes").write_text(f'<?xml version="1.0"?><log>{traces}</log>', "utf-8")
    return folder / "log.xes"


def twice_told() -> list[tuple[str, str, str, str]]:
    """Return three cases in which every stage is completed after the next one has started."""
    return [
        (case, name, way, f"2024-01-{day:02}T{hour}:00:00Z")
        for case, end in (("1", "Won"), ("2", "Lost"), ("3", "Lost"))
        for name, way, day, hour in (
            ("Offer", "start", 2, "08"),
            (end, "start", 9, "08"),
            (end, "complete", 9, "09"),
            ("Offer", "complete", 9, "10"),
        )
    ]


def test_an_event_log_is_read_by_one_transition(tmp_path: Path) -> None:
    with load(log(tmp_path, twice_told())) as store:
        assert exits(store, "Offer") == {"won": 1, "lost": 2}
        assert facts(store)["other_transitions"] == 6
        rows = {one["table"]: one for one in store.meta("rows")}["history"]
        assert (rows["read"], rows["used"], rows["not_asked"]) == (12, 6, 6)
        said = [one for one in store.meta("recognised") if one["what"] == "transition"]
        assert [(one["as_what"], one["why"]) for one in said] == [("start", "Lost, Offer, Won")]


def test_a_stage_that_is_only_completed_is_read_by_that(tmp_path: Path) -> None:
    events = [one for one in twice_told() if one[1:3] != ("Offer", "start") or one[0] == "1"]
    events = [(c, n, w, at.replace("-09T10", "-02T10")) for c, n, w, at in events]
    with load(log(tmp_path, sorted(events, key=lambda one: one[3]))) as store:
        assert exits(store, "Offer") == {"won": 1, "lost": 2}
        said = [one for one in store.meta("recognised") if one["what"] == "transition"]
        assert [(one["as_what"], one["why"]) for one in said] == [
            ("complete", "Offer"),
            ("start", "Lost, Won"),
        ]


def test_an_event_log_in_a_table_has_the_names_of_xes(tmp_path: Path) -> None:
    rows = [f"{at},{name},{case},{way}" for case, name, way, at in twice_told()]
    heading = "time:timestamp,concept:name,case:concept:name,lifecycle:transition"
    with load(write(tmp_path, "log.csv", heading, rows)) as store:
        assert exits(store, "Offer") == {"won": 1, "lost": 2}


@pytest.mark.parametrize("form", ["2024-01-05 09:00:00.{:03}", "1704445200{:03}"])
def test_moves_of_one_second_stand_in_the_order_of_their_parts(form: str, tmp_path: Path) -> None:
    rows = [
        f"{i},{stage},{form.format(part)}"
        for i in range(1, 5)
        for stage, part in (("Won", 700), ("A", 100), ("C", 300), ("B", 200))
    ]
    write(tmp_path, "stage_history.csv", "opportunity_id,stage,entered_at", rows)
    with load(tmp_path) as store:
        path = "SELECT s.name FROM passages p JOIN stages s USING (pipeline, stage) "
        assert store.rows(path + "WHERE opportunity = 2 ORDER BY step") == [("A",), ("B",), ("C",)]
        assert "ties" not in facts(store)


STEPS = ((2, "Review"), (3, "Quote"), (4, "Won"))


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_an_hour_that_comes_twice(zone: str, turn: int, tmp_path: Path) -> None:
    rows = [f"{i},Offer,2024-01-0{i} 09:00:00" for i in range(1, 8)]
    rows += [f"{i},{name},2024-0{m}-0{i} 09:00:00" for m, name in STEPS for i in range(1, 7)]
    rows += [
        "7,Talks,2024-10-27 02:50:00",
        "7,Lost,2024-10-27 02:10:00",
        "8,Offer,2024-10-27 02:05:00",
    ]
    rows = rows[::turn]
    write(tmp_path, "stage_history.csv", "opportunity_id,stage,entered_at", rows)
    with load(tmp_path, Config.from_text(f'timezone = "{zone}"')) as store:
        assert facts(store)["second_hours"] == 1
        assert exits(store, "Talks") == {"lost": 1}
        stay = "SELECT left_at - entered_at FROM passages WHERE exit = 5"
        assert store.value(stay) == 20 * 60


def test_a_step_back_on_another_day_is_no_second_hour(tmp_path: Path) -> None:
    rows = [f"{i},Offer,2024-01-0{i} 09:00:00" for i in range(1, 8)]
    rows += [f"{i},{name},2024-0{m}-0{i} 09:00:00" for m, name in STEPS for i in range(1, 7)]
    rows += ["7,Talks,2024-10-28 02:50:00", "7,Quote,2024-10-28 02:10:00"]
    write(tmp_path, "stage_history.csv", "opportunity_id,stage,entered_at", rows)
    with load(tmp_path) as store:
        assert "second_hours" not in facts(store)
        assert exits(store, "Talks") == {"open": 1}


def test_a_history_under_ids_of_stages(tmp_path: Path) -> None:
    rows = ["1,D1,,NEW,2024-06-01T09:00:00+05:00", "2,D1,NEW,WON,2024-06-05T09:00:00+05:00"]
    heading = "event_id,deal_id,old_stage_id,new_stage_id,changed_at"
    with load(write(tmp_path, "stage_history.csv", heading, rows)) as store:
        assert exits(store, "NEW") == {"won": 1}


DAILY = "opportunity_day_id,opportunity_id,date_day,stage_name,amount"
VERSIONS = (
    "id,stage_name,amount,created_date,close_date,is_closed,is_won,"
    "_fivetran_start,_fivetran_end,_fivetran_active"
)


def daily(stages: list[str], first: int = 1) -> list[tuple[int, str]]:
    """Return a day and a stage for each day in turn."""
    return [(first + at, stage) for at, stage in enumerate(stages)]


def test_a_table_with_a_row_per_day_is_a_history(tmp_path: Path) -> None:
    told = {
        "D1": daily(["A", "A", "B", "Closed Won", "Closed Won"]),
        "D2": daily(["A", "A", "A", "Closed Lost"], 2),
        "D3": daily(["A", "B", "A"], 3),
    }
    rows = [
        f"{deal}-{day},{deal},2024-01-0{day},{stage},100"
        for deal, days in told.items()
        for day, stage in days
    ]
    with load(write(tmp_path, "daily.csv", DAILY, rows[::-1])) as store:
        assert exits(store, "A") == {"open": 1, "next": 2, "lost": 1}
        assert exits(store, "B") == {"won": 1, "returned": 1}
        stays = "SELECT left_day - entered_day FROM passages WHERE exit IN (3, 5) ORDER BY 1"
        assert store.rows(stays) == [(1,), (3,)]
        counted = {one["table"]: one for one in store.meta("rows")}
        assert (counted["history"]["read"], counted["history"]["used"]) == (12, 8)
        assert store.value("SELECT count(*) FROM opportunities WHERE value = 10000") == 3


def version(deal: int, stage: str, ends: str, since: str, until: str = "") -> str:
    """Return a row of a table in history mode."""
    active = "false" if until else "true"
    return f"{deal},{stage},{ends},{since} 08:00:00,{until or '9999-12-31'} 08:00:00,{active}"


def test_versions_of_deals_are_a_history(tmp_path: Path) -> None:
    still, won, lost = (
        f"{amount},2024-01-01 07:00:00,{close},{flags}"
        for amount, close, flags in (
            (100, "2024-06-30", "false,false"),
            (150, "2024-02-05", "true,true"),
            (100, "2024-02-06", "true,false"),
        )
    )
    rows = [
        version(1, "Work", won, "2024-02-05"),
        version(1, "Offer", still, "2024-01-02", "2024-01-20"),
        version(1, "Work", still, "2024-01-20", "2024-02-05"),
        version(2, "Offer", still, "2024-01-03", "2024-02-06"),
        version(2, "Offer", lost, "2024-02-06"),
        version(3, "Offer", still, "2024-01-04"),
    ]
    with load(write(tmp_path, "opportunity.csv", VERSIONS, rows)) as store:
        assert exits(store, "Offer") == {"open": 1, "next": 1, "lost": 1}
        assert exits(store, "Work") == {"won": 1}
        # the last version says what a deal is worth
        assert store.value("SELECT value FROM opportunities WHERE opportunity_id = '1'") == 15000


@pytest.mark.parametrize(
    ("since", "copied"),
    [
        ("_dlt_valid_from", "_dlt_load_id"),
        ("dbt_valid_from", "dbt_scd_id"),
        ("_airbyte_start_at", "_airbyte_unique_key"),
        ("last_modified_date", "_sdc_batched_at"),
    ],
)
def test_versions_by_other_connectors(since: str, copied: str, tmp_path: Path) -> None:
    rows = [
        f"{i},{stage},{at},{copy}"
        for i in range(1, 4)
        for stage, at, copy in (
            ("Offer", f"2024-01-0{i} 08:00:00", "2024-05-01 08:00:00"),
            ("Closed Won", f"2024-02-0{i} 08:00:00", "2024-05-02 08:00:00"),
        )
    ]
    heading = f"deal_id,deal_stage,{since},{copied}"
    with load(write(tmp_path, "deals.csv", heading, rows)) as store:
        assert exits(store, "Offer") == {"won": 3}
        assert store.value("SELECT min(left_day - entered_day) FROM passages") == 31


def test_one_version_per_deal_is_a_present_state(tmp_path: Path) -> None:
    rows = [f"{i},Offer,2024-01-0{i},2024-05-01 08:00:00" for i in range(1, 5)]
    write(tmp_path, "deals.csv", "deal_id,deal_stage,created_at,_dlt_valid_from", rows)
    with load(tmp_path) as store:
        assert store.meta("shape") == "snapshot"


def names(store: Store) -> list[str]:
    """Return the stages in order."""
    return [str(name) for (name,) in store.rows("SELECT name FROM stages ORDER BY stage")]


def test_a_list_of_stages_says_their_order_and_their_ends(tmp_path: Path) -> None:
    listed = [
        "Zeal,Zeal,1,false,false",
        "Alpha,Alpha,2,false,false",
        "Gone,Gone,3,true,false",
        "Signed,Signed,4,true,true",
    ]
    heading = "ApiName,MasterLabel,SortOrder,IsClosed,IsWon"
    write(tmp_path, "OpportunityStage.csv", heading, listed)
    rows = [
        f"{i},{stage},2024-0{month}-0{i} 08:00:00"
        for i in range(1, 5)
        for stage, month in (("Alpha", 1), ("Zeal", 2), ("Signed" if i < 3 else "Gone", 3))
    ]
    write(tmp_path, "OpportunityHistory.csv", "OpportunityId,StageName,CreatedDate", rows)
    with load(tmp_path) as store:
        assert names(store) == ["Zeal", "Alpha"]
        assert exits(store, "Zeal") == {"won": 2, "lost": 2}
        assert exits(store, "Alpha") == {"returned": 4}


@pytest.mark.parametrize(
    ("column", "places"),
    [("Probability (%)", (60, 20, 40)), ("Stage Order", (3, 1, 2)), ("Probability", (50, 50, 50))],
)
def test_a_column_of_the_deals_says_the_order(
    column: str, places: tuple[int, ...], tmp_path: Path
) -> None:
    stages = dict(zip(("Ask", "Zoom", "Meet"), places, strict=True))
    rows = [
        f"{stage}{i},{stage},2024-0{month}-0{i},Open,{place}"
        for month, (stage, place) in enumerate(stages.items(), 1)
        for i in range(1, 4)
    ]
    rows += ["w,Ask,2024-01-09,Won,100", "l,Zoom,2024-01-09,Lost,0"]
    write(tmp_path, "deals.csv", f"deal_id,deal_stage,created_at,status,{column}", rows)
    with load(tmp_path) as store:
        by_age = ["Meet", "Zoom", "Ask"]
        assert names(store) == (by_age if len(set(places)) == 1 else ["Zoom", "Meet", "Ask"])


def test_a_file_that_begins_with_the_newest_tells_the_order_of_stages_so(tmp_path: Path) -> None:
    rows = [
        f"{deal},{stage},2026-0{month}-0{deal}"
        for deal in (1, 2, 3)
        for stage, month in (("Lead", 1), ("Demo", 1), ("Offer", 1), ("Won", 2))
    ]
    text = "\n".join(["deal_id,stage,changed_on", *reversed(rows)])
    (tmp_path / "moves.csv").write_text(text, "utf-8")
    with load(tmp_path / "moves.csv") as store:
        stages = store.rows("SELECT name FROM stages ORDER BY stage")
        assert stages == [("Lead",), ("Demo",), ("Offer",)]
