"""Exports of further makers, and lists that people keep: won, lost and open are right at once."""

# ruff: noqa: RUF001 - the letters of languages

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load
from leakkit.sources.propose.trials import all_at_once, propose_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leakkit.store import Store

LISTS = {
    "copper": (
        "Copper ID,Name,Owned By,Pipeline,Stage,Status,Value,Currency,Close Date,Created At",
        "{id},Deal {id},Ann,Sales,{stage},{end},{value},USD,{closed},{created}",
        "Won,Lost,Open",
    ),
    "insightly": (
        "RecordId,CurrentState,PipelineCurrentStage,OpportunityValue,ActualCloseDate,DateCreated",
        "{id},{end},{stage},{value},{closed},{created}",
        "WON,ABANDONED,OPEN",
    ),
    "nutshell": (
        "Number,Description,Status,Stage,Value,Confidence,Created,Closed,Outcome",
        'Lead-{id},Deal {id},{end},{stage},"${value}",20%,{created},{closed},',
        "Won,Lost,Open",
    ),
    "streak": (
        "Name,Stage,Deal Size,Date Created,Date Moved Into Current Stage,Box Key",
        "Deal {id},{stage_or_end},{value},{created},{created},ag{id}",
        "Closed - Won,Closed - Lost,",
    ),
    "keap": (
        "Id,Opportunity Title,Stage,Projected Revenue High,Date Created",
        "{id},Deal {id},{stage_or_end},{value},{created}",
        "Closed Won - Customer,Lost - No budget,",
    ),
    "sap_sales_cloud": (
        "ID,Name,Status,Sales Phase,Reason for Status,Expected Value,Currency,Created On",
        "{id},Deal {id},{end},{stage},,{value},EUR,{created}",
        "Won,Lost,In Process",
    ),
    "netsuite": (
        "Internal ID,Document Number,Date,Name,Entity Status,Projected Total,Date Closed",
        "{id},OPP{id},{created},Customer,{stage_or_end},{value},{closed}",
        "Customer-Closed Won,Prospect-Closed Lost,",
    ),
    "nocrm": (
        "id,title,status,step,amount,created_at,closed_at,estimated_closing_date",
        "{id},Deal {id},{end},{stage},{value},{created},{closed},2027-01-01",
        "won,cancelled,standby",
    ),
    "dynamics365_table": (
        "opportunityid,name,statecode,stepname,estimatedvalue,createdon,actualclosedate",
        "{id},Deal {id},{end},{stage},{value},{created},{closed}",
        "1,2,0",
    ),
    "zendesk_sell": (
        "id,name,stage_name,value,added_at,last_stage_change_at,last_active_stage",
        "{id},Deal {id},{stage_or_end},{value},{created},{created},{stage}",
        "Won,Unqualified,",
    ),
    "agilecrm": (
        "Id,Name,Track,Milestone,Value,Probability,Created Date,Close Date",
        "{id},Deal {id},Default,{stage_or_end},{value},20,{created},2027-01-01",
        "Won,Lost,",
    ),
    "rdstation": (
        "ID,Nome,Etapa,Estado,Motivo de Perda,Funil de vendas,Valor Único,Data de criação",
        "{id},Neg {id},{stage},{end},,Funil,{value},{created}",
        "Vendida,Perdida,Em andamento",
    ),
    "amocrm": (
        "ID,Название сделки,Бюджет,Дата создания,Этап сделки,Воронка",
        "{id},Сделка {id},{value},{created},{stage_or_end},Продажи",
        "Успешно реализовано,Закрыто и не реализовано,",
    ),
    "teamleader": (
        "Nr,Titel,Fase,Bedrag,Aanmaakdatum,Verwachte afsluitdatum,Afsluitdatum",
        "{id},Deal {id},{stage_or_end},{value},{created},2027-01-01,{closed}",
        "Aanvaard,Geweigerd,",
    ),
    "a list in Spanish": (
        "No.,Cliente,Estatus,Etapa,Monto (MXN),Fecha de contacto,Fecha de cierre",
        '{id},Cliente,{end},{stage},"$ {value}",{created},{closed}',
        "Vendido,No vendido,En curso",
    ),
    "a list with a net amount": (
        "Nr,Klient,Etap,Wynik,Wartość netto (PLN),Data zapytania,Data zamknięcia",
        "{id},Firma,{stage},{end},{value},{created},{closed}",
        "wygrana,przegrana,w toku",
    ),
    "a list in Italian": (
        "N.,Fase,Stato,Importo (€),Data creazione,Data chiusura",
        "{id},{stage},{end},{value},{created},{closed}",
        "Vinta,Persa,Aperta",
    ),
    "a list in Portuguese": (
        "Código,Etapa do funil,Status,Valor,Criado em,Fechado em",
        "{id},{stage},{end},R$ {value},{created},{closed}",
        "Ganha,Perdida,Aberta",
    ),
    "a list with reasons behind the outcome": (
        "Tender No,Stage,Status,Price,Date received,Decision date",
        "{id},{stage},{end},{value},{created},{closed}",
        "Won - PO received,Cancelled by customer,Pending",
    ),
    "pipedrive in German": (
        "Deal - ID,Deal - Status,Deal - Phase,Deal - Wert,Deal - Deal erstellt",
        "{id},{end},{stage},{value},{created}",
        "Gewonnen,Verloren,Offen",
    ),
    "pipedrive in French": (
        "Affaire - ID,Affaire - Statut,Affaire - Étape,Affaire - Valeur,Affaire - Affaire créée",
        "{id},{end},{stage},{value},{created}",
        "Gagné,Perdu,Ouvert",
    ),
    "pipedrive in Spanish": (
        "Trato - ID,Trato - Estado,Trato - Etapa,Trato - Valor,Trato - Trato creado",
        "{id},{end},{stage},{value},{created}",
        "Ganado,Perdido,Abierto",
    ),
    "pipedrive in Portuguese": (
        "Negócio - ID,Negócio - Status,Negócio - Etapa,Negócio - Valor,Negócio - Negócio criado",
        "{id},{end},{stage},{value},{created}",
        "Ganho,Perdido,Aberto",
    ),
    "hubspot in French": (
        (
            "ID de fiche d'informations,Nom de la transaction,Phase de la transaction,Montant,"
            "Date de création,Date de fermeture"
        ),
        "{id},Deal,{stage_or_end},{value},{created},{closed}",
        "Fermée - gagnée,Fermée - perdue,",
    ),
    "hubspot in Spanish": (
        "ID de registro,Nombre del negocio,Etapa del negocio,Cantidad,Fecha de creación",
        "{id},Deal,{stage_or_end},{value},{created}",
        "Cierre ganado,Cierre perdido,",
    ),
    "dynamics365 in German": (
        (
            "(Nicht ändern) Verkaufschance,Thema,Vertriebsphase,Status,Statusgrund,Gesch. Umsatz,"
            "Erstellt am,Tatsächl. Abschlussdatum"
        ),
        "5d-{id},Deal {id},{stage},{end},,{value},{created},{closed}",
        "Gewonnen,Verloren,Offen",
    ),
    "dynamics365 in French": (
        (
            "(Ne pas modifier) Opportunité,Sujet,Phase de vente,Statut,Raison du statut,"
            "Revenu estimé,Créé le,Date de conclusion réelle"
        ),
        "5d-{id},Deal {id},{stage},{end},,{value},{created},{closed}",
        "Conclue,Perdue,Ouverte",
    ),
    "bitrix24 in Russian": (
        "ID,Стадия сделки,Название сделки,Сумма,Дата создания",
        "{id},{stage_or_end},Сделка {id},{value},{created}",
        "Сделка успешна,Сделка провалена,",
    ),
    "salesforce in Polish": (
        "Nazwa szansy sprzedaży,Etap,Kwota,Data zamknięcia,Data utworzenia",
        "Deal {id},{stage_or_end},{value},{closed},{created}",
        "Zamknięte - wygrane,Zamknięte - przegrane,",
    ),
    "hubspot in German": (
        "Datensatz-ID,Dealname,Deal-Phase,Pipeline,Betrag,Erstellungsdatum",
        "{id},Deal,{stage_or_end},Sales,{value},{created}",
        "Abgeschlossen & gewonnen (Sales),Abgeschlossen & verloren (Sales),",
    ),
    "a list with a currency in a heading": (
        "OpportunityID,Stage,CurrentState,AmountUSD,CreatedDate,ActualCloseDate",
        "{id},{stage},{end},{value},{created},{closed}",
        "Won,Lost,Open",
    ),
}
"""Export -> its headings, a row, and how it says won, lost and open."""

DEALS = (
    ("A", "won", "2026-02-10"),
    ("B", "won", "2026-02-12"),
    ("A", "lost", "2026-02-11"),
    ("A", "lost", "2026-02-13"),
    ("B", "lost", "2026-02-14"),
    ("A", "open", ""),
    ("B", "open", ""),
)
"""The stage, the end and the close of each deal."""


def write_export(
    folder: Path,
    headings: str,
    row: str,
    said: str,
    deals: Sequence[tuple[str, str, str]] = DEALS,
) -> Path:
    """Write the deals as an export says them."""
    ends = dict(zip(("won", "lost", "open"), said.split(","), strict=True))
    rows = [
        row.format(
            id=100 + i,
            stage=stage,
            end=ends[end],
            stage_or_end=stage if end == "open" else ends[end],
            value=f"{1000 * i + 250}.50",
            created=f"2026-01-{1 + (i - 1) % 28:02}",
            closed=closed,
        )
        for i, (stage, end, closed) in enumerate(deals, start=1)
    ]
    file = folder / "export.csv"
    file.write_text("\n".join([headings, *rows]) + "\n", encoding="utf-8")
    return file


def outcomes(store: Store) -> dict[str, int]:
    """Count the deals by how they ended."""
    return dict(store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1"))


@pytest.mark.parametrize("export", LISTS)
def test_an_export_is_right_without_a_configuration(export: str, tmp_path: Path) -> None:
    with load(write_export(tmp_path, *LISTS[export])) as store:
        assert outcomes(store) == {"lost": 3, "open": 2, "won": 2}
        total = sum(100 * (1000 * i + 250) + 50 for i in range(1, 8))
        assert store.value("SELECT sum(value) FROM opportunities") == total
        standing = store.rows(
            "SELECT s.name FROM passages p JOIN stages s USING (pipeline, stage) "
            "WHERE p.exit = 0 ORDER BY 1"
        )
        assert standing == [("A",), ("B",)]


def test_a_dollar_is_that_of_the_heading(tmp_path: Path) -> None:
    with load(write_export(tmp_path, *LISTS["a list in Spanish"])) as store:
        assert store.rows("SELECT DISTINCT currency FROM opportunities") == [("MXN",)]


def test_a_reason_behind_a_close_undoes_nothing(tmp_path: Path) -> None:
    headings, row, _ = LISTS["keap"]
    with load(write_export(tmp_path, headings, row, "Won,Lost - no decision,")) as store:
        assert outcomes(store)["lost"] == 3


def test_a_pipeline_behind_the_names_of_stages_is_no_part_of_them(tmp_path: Path) -> None:
    head = "ID do registro,Nome do negócio,Etapa do negócio,Pipeline,Valor,Data de criação\n"
    rows = [
        f"{n},N{n},{stage} (Vendas),Vendas,10,2026-01-0{n}\n"
        for n, stage in enumerate(("Reunião", "Contrato", "Negócio perdido", "Ganho"), start=1)
    ]
    (tmp_path / "deals.csv").write_text(head + "".join(rows), "utf-8")
    with load(tmp_path / "deals.csv") as store:
        assert outcomes(store) == {"won": 1, "lost": 1, "open": 2}
        names = {name for (name,) in store.rows("SELECT name FROM stages")}
        assert names == {"Reunião", "Contrato"}
    more = "".join(f"1{n},M{n},Negócio fechado (Vendas),Vendas,10,2026-02-01\n" for n in range(4))
    (tmp_path / "deals.csv").write_text(head + "".join(rows) + more, "utf-8")
    with pytest.raises(LeakkitError, match="closed_without_outcome"):
        load(tmp_path / "deals.csv")


def test_the_name_of_a_currency_is_known_in_letters_of_another_script(tmp_path: Path) -> None:
    text = (
        "رقم الفرصة,المرحلة,الحالة,القيمة,العملة,تاريخ الإنشاء\n"
        "1,عرض,تم الفوز,10,ريال سعودي,2026-01-01\n2,عرض,مفتوحة,20,ريال سعودي,2026-01-02\n"
    )
    (tmp_path / "deals.csv").write_text(text, "utf-8")
    with load(tmp_path / "deals.csv") as store:
        assert store.rows("SELECT DISTINCT currency FROM opportunities") == [("SAR",)]


def test_a_stage_that_may_be_a_loss_is_asked_for(tmp_path: Path) -> None:
    headings, row, _ = LISTS["keap"]
    with pytest.raises(LeakkitError, match="Cancelled by customer") as raised:
        load(write_export(tmp_path, headings, row, "Won,Cancelled by customer,"))
    assert "stage_may_be_lost" in str(raised.value)


AMOUNTS = {
    "k€": ("2,5 k€", 250_000, "EUR"),
    "Mio. €": ("1,2 Mio. €", 120_000_000, "EUR"),
    "M$": ("$2.5M", 250_000_000, "USD"),
    "k": ("3k", 300_000, ""),
    "Persian": ("۲ میلیون تومان", 200_000_000, "IRT"),
}
"""How a cell counts in thousands or millions: the text, its minor units and its currency."""


@pytest.mark.parametrize("case", AMOUNTS)
def test_a_cell_says_what_it_counts_in(case: str, tmp_path: Path) -> None:
    text, minor, currency = AMOUNTS[case]
    file = tmp_path / "deals.csv"
    rows = [f'{i};A;open;"{text}";2026-01-0{i}' for i in range(1, 4)]
    file.write_text("\n".join(["Deal ID;Stage;Status;Amount;Created", *rows]) + "\n", "utf-8")
    with load(file) as store:
        read = store.rows("SELECT DISTINCT value, currency FROM opportunities")
        assert read == [(minor, currency)]
        assert any(one["what"] == "factor" for one in store.meta("recognised"))


def test_an_error_names_all_lines_at_once(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    rows = [f"{i};A;{end};1.234;0{i}/02/2026" for i, end in enumerate(("won", "ended so"), start=1)]
    file.write_text("\n".join(["Deal ID;Stage;Status;Amount;Created", *rows]) + "\n", "utf-8")
    with pytest.raises(LeakkitError) as raised:
        load(file)
    assert {ask.key for ask in raised.value.asks} == {"date_order"}
    error = all_at_once(raised.value, file, Config())
    assert error.code == raised.value.code
    assert {"date_order", "decimal"} <= {ask.key for ask in error.asks}
    assert "decimal" in str(error)


def test_years_of_two_digits_with_one_reading_are_read(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    dates = ("02/23/26", "02/24/26", "02/25/26")
    rows = [f"{i};A;open;{day}" for i, day in enumerate(dates, start=1)]
    file.write_text("\n".join(["Deal ID;Stage;Status;Created", *rows]) + "\n", "utf-8")
    with load(file) as store:
        assert store.meta("as_of_row") == "deals.csv row 3 [Created]"


def test_a_first_stage_begins_so_many_days_before_its_move(tmp_path: Path) -> None:
    file = tmp_path / "moves.csv"
    file.write_text(
        "deal_id,from_stage,to_stage,changed_at,days_in_from_stage\n"
        "1,A,B,2026-01-11 09:00:00,10\n1,B,Closed Won,2026-01-20 09:00:00,9\n"
        "2,A,Closed Lost,2026-01-15 09:00:00,9\n3,A,Closed Lost,2026-01-16 09:00:00,8\n"
    )
    with load(file) as store:
        entered = store.rows(
            "SELECT s.name, count(*), min(p.left_day - p.entered_day) FROM passages p "
            "JOIN stages s USING (pipeline, stage) GROUP BY 1 ORDER BY 1"
        )
        assert entered == [("A", 3, 8), ("B", 1, 9)]


def test_a_reason_of_the_history_is_that_of_its_deal(tmp_path: Path) -> None:
    (tmp_path / "applications.csv").write_text(
        "application_id,application_date,current_status\n1,2026-01-01,Hired\n2,2026-01-02,Rejected\n"
    )
    (tmp_path / "events.csv").write_text(
        "application_id,stage_name,stage_date,stage_status,drop_reason\n"
        "1,Screening,2026-01-03,Selected,\n1,Offer,2026-01-09,Accepted,\n"
        "2,Screening,2026-01-04,Selected,\n2,Interview,2026-01-08,Rejected,Salary\n"
    )
    with load(tmp_path) as store:
        assert outcomes(store) == {"lost": 1, "won": 1}
        lost = "SELECT lost_reason FROM opportunities WHERE outcome = 'lost'"
        assert store.rows(lost) == [("Salary",)]


def test_a_stage_that_only_another_pipeline_has_is_asked_for(tmp_path: Path) -> None:
    deals, moves = ["opportunity_id,pipeline"], ["opportunity_id,stage,entered_at"]
    for i in range(1, 31):
        moved = i <= 4
        deals.append(f"{i},{'Renewals' if i <= 10 else 'Sales'}")
        if moved or i > 10:
            moves.append(f"{i},Demo,2026-01-01 09:00:00")
        moves.append(f"{i},Offer,2026-01-05 09:00:00")
        moves.append(f"{i},{'Won' if i % 2 else 'Lost'},2026-01-09 09:00:00")
    (tmp_path / "opportunities.csv").write_text("\n".join(deals) + "\n")
    (tmp_path / "stage_history.csv").write_text("\n".join(moves) + "\n")
    with pytest.raises(LeakkitError, match="stage_of_another_pipeline") as raised:
        load(tmp_path)
    assert "4 of 30 deals" in str(raised.value)
    accept = Config.from_text('[source]\naccept = ["stage_of_another_pipeline"]')
    with load(tmp_path, accept) as store:
        assert store.meta("facts")["stage_of_another_pipeline"] == 4


def test_the_activity_log_of_a_board_is_a_history(tmp_path: Path) -> None:
    moves = (
        ("1", "", "Lead", 1), ("1", "Lead", "Offer", 5), ("1", "Offer", "Won", 9),
        ("2", "", "Lead", 2), ("2", "Lead", "Lost", 6), ("3", "", "Lead", 3),
    )  # fmt: skip
    logs = []
    for deal, old, new, day in moves:
        data = {
            "pulse_id": deal,
            "pulse_name": f"Deal {deal}",
            "column_title": "Stage",
            "previous_value": {"label": {"text": old}} if old else None,
            "value": {"label": {"text": new}},
        }
        at = 17_672_256_000_000_000 + day * 864_000_000_000
        log = {"id": f"l{at}", "event": "update_column_value", "data": json.dumps(data)}
        logs.append({**log, "created_at": str(at)})
    note = {"pulse_id": "1", "column_title": "Notes", "value": {"value": "called"}}
    logs.append({**logs[0], "id": "n", "data": json.dumps(note)})
    page = {"data": {"boards": [{"activity_logs": logs}]}, "account_id": 1}
    file = tmp_path / "log.json"
    file.write_text(json.dumps(page, indent=1))
    with load(file) as store:
        assert outcomes(store) == {"lost": 1, "open": 1, "won": 1}
        stages = store.rows(
            "SELECT s.name, count(*) FROM passages p JOIN stages s USING (pipeline, stage) "
            "GROUP BY s.name, s.stage ORDER BY s.stage"
        )
        assert stages == [("Lead", 3), ("Offer", 1)]
        assert store.meta("facts")["changes_of_other_fields"] == 1


LISTED = {
    "freshsales": (
        "id,name,amount,deal_stage_id,deal_pipeline_id,expected_close,created_at",
        "{id},Deal {id},{value},{stage_or_end},7,2027-01-01,{created}",
        """id,name,position,forecast_type
1,B,2,Open\n2,A,1,Open\n3,Done,3,Closed Won\n4,Gone,4,Closed Lost
""",
    ),
    "bitrix24": (
        "ID,TITLE,STAGE_ID,CATEGORY_ID,OPPORTUNITY,CURRENCY_ID,DATE_CREATE,CLOSED",
        "{id},Deal {id},{stage_or_end},0,{value},EUR,{created},",
        """ID,ENTITY_ID,STATUS_ID,NAME,SORT,SEMANTICS
5,D,1,B,20,\n6,D,2,A,10,\n7,D,3,Done,30,S\n8,D,4,Gone,40,F
""",
    ),
}
"""Maker -> headings and a row of the deals, and its list of stages: names, order and closes."""


@pytest.mark.parametrize("some", [2, 9])
@pytest.mark.parametrize("maker", LISTED)
def test_a_list_of_stages_says_their_names_order_and_closes(
    maker: str, some: int, tmp_path: Path
) -> None:
    """`some` of its rows stand in a first file, the others in a second one."""
    headings, row, stages = LISTED[maker]
    deals = write_export(
        tmp_path, headings, row.replace("{stage_or_end}", "#{stage_or_end}#"), "3,4,"
    )
    text = deals.read_text()
    for name, number in (("A", "2"), ("B", "1"), ("3", "3"), ("4", "4")):
        text = text.replace(f"#{name}#", number)
    deals.write_text(text)
    heading, *rows = stages.strip().splitlines()
    for name, part in (("stages.csv", rows[:some]), ("stages (1).csv", rows[some:])):
        if part:
            (tmp_path / name).write_text("\n".join([heading, *part]))
    with load(tmp_path) as store:
        assert outcomes(store) == {"lost": 3, "open": 2, "won": 2}
        named = store.rows("SELECT name FROM stages WHERE stage >= 0 ORDER BY stage")
        assert named == [("A",), ("B",)]


MOVES = {
    "Spanish": "ID oportunidad;Etapa anterior;Etapa nueva;Fecha del cambio;Ganada;Perdida",
    "Arabic": "رقم الصفقة;من مرحلة;إلى مرحلة;تاريخ التغيير;فوز;خسارة",
    "Persian": "کد معامله;از مرحله;به مرحله;تاریخ تغییر;موفق;ناموفق",
    "Turkish": "Fırsat No;Eski aşama;Yeni aşama;Değişiklik tarihi;Kazanıldı;Kaybedildi",
}
"""Language -> the headings of a history of moves, and its words for won and lost."""


@pytest.mark.parametrize("language", MOVES)
def test_a_history_of_moves_in_the_words_of_a_language(language: str, tmp_path: Path) -> None:
    *headings, won, lost = MOVES[language].split(";")
    rows = [f"1;;A;2026-01-02\n1;A;B;2026-01-05\n1;B;{won};2026-01-09"]
    rows += [f"2;;A;2026-01-03\n2;A;{lost};2026-01-06\n3;;A;2026-01-04"]
    file = tmp_path / "moves.csv"
    file.write_text("\n".join([";".join(headings), *rows]) + "\n", "utf-8")
    with load(file) as store:
        assert outcomes(store) == {"lost": 1, "open": 1, "won": 1}
        assert store.rows("SELECT name FROM stages WHERE stage >= 0 ORDER BY stage") == [
            ("A",),
            ("B",),
        ]


def test_a_flag_that_is_empty_while_a_deal_is_open(tmp_path: Path) -> None:
    row = "{id},{stage_or_end},{flag},{value},{created}"
    file = write_export(tmp_path, "Project No,Phase,Won?,Value (EUR),Created on", row.replace(
        "{flag}", "#{end}#"
    ), "yes,no,")  # fmt: skip
    text = file.read_text()
    for said in ("yes", "no"):
        text = text.replace(f",{said},#{said}#", f",Closed,{said}")
    file.write_text(text.replace("##", ""))
    with load(file) as store:
        assert outcomes(store) == {"lost": 3, "open": 2, "won": 2}


def test_the_closing_dates_of_hubspot_are_read_beside_its_flags(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(
        "hs_object_id,dealname,dealstage,pipeline,amount,createdate,closedate,"
        "hs_is_closed_won,hs_is_closed\n"
        "1,A,offer,default,100,2026-01-01,2026-02-03,true,true\n"
        "2,B,offer,default,100,2026-01-02,2026-02-09,false,true\n"
        "3,C,offer,default,100,2026-01-03,2026-12-31,false,false\n"
    )
    with load(file) as store:
        assert "closed_without_moment" not in store.meta("facts")
        assert store.value("SELECT count(closed_at) FROM opportunities") == 2
        assert store.meta("last_day") < 20_500, "the date of an open deal is a plan"


def test_two_dates_of_steps_are_named_with_the_lines_that_say_so(tmp_path: Path) -> None:
    """Two dates may be anything; three are steps without a question."""
    rows = [f"D{n},2026-01-{n + 10},2026-02-{n + 10},Won" for n in range(9)]
    file = tmp_path / "list.csv"
    file.write_text("\n".join(["Deal No,Enquiry date,Offer date,Result", *rows]), "utf-8")
    lines = 'Enquiry = "Enquiry date", Offer = "Offer date"'
    with pytest.raises(LeakkitError, match=lines):
        load(file)
    said = f"[source.stage_dates]\n{lines.replace(', ', chr(10))}\n"
    assert '# [source.stage_dates]\n# Enquiry = "Enquiry date"\n' in propose_config(file, {}).text
    with load(file, Config.from_text(said)) as store:
        assert store.value("SELECT count(*) FROM stage_history") >= 18


@pytest.mark.parametrize(("cell", "known"), [("1{n}.02.2026", "Abschluss"), ("ja", "")])
def test_a_close_without_the_word_date_is_one_where_its_cells_are(
    cell: str, known: str, tmp_path: Path
) -> None:
    ends = ("gewonnen", "verloren", "offen")
    rows = [f"D{n};AB;{ends[n % 3]};1{n}.01.2026;{cell.format(n=n)}" for n in range(9)]
    file = tmp_path / "liste.csv"
    file.write_text("\n".join(["Deal Nr;Phase;Status;Erstellt am;Abschluss", *rows]), "utf-8")
    with load(file) as store:
        columns = {
            one["as_what"]: one["why"]
            for one in store.meta("recognised")
            if one["what"] == "column"
        }
        assert columns.get("closed_at", "") == known


@pytest.mark.parametrize(
    ("values", "shown", "total"),
    [
        ((100050, 50000), ("$1,000.50", "$500"), 150_050),
        (("1000.50", "500"), ("$1,000.50", "$500"), 150_050),
    ],
)
def test_amounts_in_cents_are_told_by_the_column_that_shows_them(
    tmp_path: Path, values: Sequence[object], shown: Sequence[str], total: int
) -> None:
    deals = [
        {
            "id": f"oppo_{n}",
            "status_label": "Offer",
            "status_type": end,
            "date_created": f"2026-01-0{n}",
            "value": value,
            "value_formatted": text,
        }
        for n, (end, value, text) in enumerate(
            zip(("won", "active"), values, shown, strict=True), start=1
        )
    ]
    (tmp_path / "deals.json").write_text(json.dumps({"data": deals}), "utf-8")
    with load(tmp_path / "deals.json") as store:
        assert store.value("SELECT sum(value) FROM opportunities") == total
