"""Exports as makers and people of twelve languages write them, read without a configuration."""

# ruff: noqa: RUF001 - the letters of languages

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.store import Store

LISTS = {
    "en": ("Deal No;Sales Stage;Result;Quote total;Date created;Decision date", "won;lost;open"),
    "de": (
        "Angebots-Nr.;Vertriebsstufe;Ergebnis;Auftragssumme (€);Angelegt am;Entschieden am",
        "Auftrag erhalten;Absage;laufend",
    ),
    "fr": (
        "N° affaire;Étape de vente;Issue;Montant HT;Date d'ouverture;Date de clôture",
        "signé;abandonnée;en cours",
    ),
    "es": (
        "Nº oferta;Fase de venta;Situación;Importe total;Fecha de alta;Fecha de resolución",
        "aceptada;descartada;en curso",
    ),
    "pt": (
        "Nº proposta;Etapa do funil;Situação;Valor total;Data de cadastro;Data de fechamento",
        "vendida;recusada;em andamento",
    ),
    "it": (
        "N. trattativa;Fase trattativa;Esito;Importo offerta;Data apertura;Data esito",
        "acquisita;rifiutata;in corso",
    ),
    "nl": (
        "Offertenummer;Verkoopfase;Uitkomst;Offertebedrag;Aanmaakdatum;Beslisdatum",
        "akkoord;vervallen;lopend",
    ),
    "pl": (
        "Nr oferty;Etap sprzedaży;Wynik;Kwota;Data zapytania;Data decyzji",
        "sprzedana;utracona;w toku",
    ),
    "tr": (
        "Teklif No;Satış aşaması;Durum;Teklif tutarı;Kayıt tarihi;Sonuç tarihi",
        "satıldı;iptal edildi;devam ediyor",
    ),
    "ru": (
        "№ сделки;Стадия сделки;Итог;Сумма сделки;Дата заявки;Дата решения",
        "продано;отказ;в работе",
    ),
    "ar": (
        "رقم الصفقة;مرحلة البيع;النتيجة;قيمة الصفقة;تاريخ الطلب;تاريخ القرار",
        "تم البيع;مرفوضة;قيد التنفيذ",
    ),
    "fa": (
        "شماره استعلام;مرحله فروش;نتیجه نهایی;مبلغ کل;تاریخ ثبت;تاریخ تصمیم",
        "فروخته شد;لغو شده;در حال مذاکره",
    ),
}
"""Language -> headings of a list of deals, and how it says won, lost and open."""

CHANGES = {
    "salesforce_field_history": (
        "Id,OpportunityId,Field,OldValue,NewValue,CreatedDate",
        ("created", "StageName", "Amount"),
        "1,{id},{field},{old},{new},{at}",
    ),
    "salesforce_field_history_report": (
        "Opportunity ID,Opportunity Name,Field / Event,Old Value,New Value,Edit Date",
        ("Created.", "Stage", "Amount"),
        "{id},Deal,{field},{old},{new},{at}",
    ),
    "salesforce_field_history_report_de": (
        "Opportunity-ID,Opportunity-Name,Feld/Ereignis,Alter Wert,Neuer Wert,Bearbeitungsdatum",
        ("Erstellt.", "Phase", "Betrag"),
        "{id},Deal,{field},{old},{new},{at}",
    ),
    "salesforce_field_history_report_fr": (
        "ID d’opportunité,Champ / Événement,Ancienne valeur,Nouvelle valeur,Date de modification",
        ("Créé.", "Étape", "Montant"),
        "{id},{field},{old},{new},{at}",
    ),
    "salesforce_field_history_report_es": (
        "Id. de oportunidad,Campo / Evento,Valor anterior,Valor nuevo,Fecha de edición",
        ("Creado.", "Etapa", "Importe"),
        "{id},{field},{old},{new},{at}",
    ),
    "pipedrive_changelog": (
        "deal_id,field_key,old_value,new_value,time",
        ("add_time", "stage_id", "value"),
        "{id},{field},{old},{new},{at}",
    ),
}
"""Maker -> headings of a history of fields, its words for created, stage and another, a row."""


def outcomes(store: Store) -> dict[str, int]:
    """Count the deals by how they ended."""
    return dict(store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1 ORDER BY 1"))


@pytest.mark.parametrize("language", LISTS)
def test_a_list_in_the_words_of_a_language(language: str, tmp_path: Path) -> None:
    headings, said = LISTS[language]
    won, lost, still = said.split(";")
    rows = [
        f"{i};{stage};{outcome};{i}250,5;2026-01-{i:02};{closed}"
        for i, (stage, outcome, closed) in enumerate(
            [("A", won, "2026-02-10"), ("A", lost, "2026-02-11"), ("B", lost, "2026-02-12")]
            + [("B", still, "")] * 4,
            start=1,
        )
    ]
    file = tmp_path / "list.csv"
    file.write_text("\n".join([headings, *rows]) + "\n", encoding="utf-8")
    with load(file) as store:
        assert outcomes(store) == {"lost": 2, "open": 4, "won": 1}
        assert store.value("SELECT sum(value) FROM opportunities") == sum(
            100 * (1000 * i + 250) + 50 for i in range(1, 8)
        )
        assert store.rows("SELECT DISTINCT name FROM stages ORDER BY 1") == [("A",), ("B",)]


@pytest.mark.parametrize("maker", CHANGES)
def test_a_history_of_fields_is_read_by_its_rows_of_stages(maker: str, tmp_path: Path) -> None:
    headings, (created, stage, other), row = CHANGES[maker]
    told = [
        (1, created, "", "", "2026-01-01 08:00:00"),
        (1, stage, "New", "Offer", "2026-01-05 08:00:00"),
        (1, other, "5", "7", "2026-01-06 08:00:00"),
        (1, stage, "Offer", "Closed Won", "2026-01-09 08:00:00"),
        (2, created, "", "", "2026-01-02 08:00:00"),
        (2, stage, "New", "Closed Lost", "2026-01-04 08:00:00"),
    ]
    rows = [row.format(id=i, field=f, old=o, new=n, at=at) for i, f, o, n, at in told]
    file = tmp_path / "history.csv"
    file.write_text("\n".join([headings, *rows]) + "\n", encoding="utf-8")
    with load(file) as store:
        assert outcomes(store) == {"lost": 1, "won": 1}
        assert store.meta("facts")["changes_of_other_fields"] == 1
        first = store.rows("SELECT name FROM stages ORDER BY stage")
        assert first == [("New",), ("Offer",)]


def test_an_amount_is_no_id_and_a_flag_no_date(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(
        "Deal,Opportunity,Phase,Status,Closed,Created on\n"
        "D1,1000.50,A,won,Y,2026-01-01\nD2,1000.50,A,lost,Y,2026-01-02\n"
        "D3,2000.00,B,open,N,2026-01-03\nD4,2000.00,B,open,N,2026-01-04\n"
    )
    with load(file) as store:
        ids = [row[0] for row in store.rows("SELECT opportunity_id FROM opportunities ORDER BY 1")]
        assert ids == ["D1", "D2", "D3", "D4"]
        assert store.meta("facts").get("closed_unreadable", 0) == 0


def test_of_two_reasons_the_filled_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(
        "Deal ID,Phase,Status,Created on,Lost reason,Loss reason\n"
        "1,A,lost,2026-01-01,,Price\n2,A,lost,2026-01-02,,Time\n3,B,open,2026-01-03,,\n"
    )
    with load(file) as store:
        reasons = store.rows("SELECT lost_reason FROM opportunities ORDER BY opportunity_id")
        assert reasons == [("Price",), ("Time",), ("",)]


def test_a_maker_of_ones_own_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "moves.csv").write_text(
        "vorgang_x,schritt,wann\n1,Start,2026-01-01\n1,Ende,2026-01-05\n2,Start,2026-01-02\n"
    )
    with pytest.raises(LeakkitError):
        load(tmp_path)
    (tmp_path / "leakkit.toml").write_text(
        '[[makers.own]]\nname = "own_moves"\ntable = "stage_history"\n'
        'signs = ["vorgang_x", "schritt"]\n'
        'columns = { opportunity_id = ["vorgang_x"], stage = ["schritt"], entered_at = ["wann"] }\n'
    )
    with load(tmp_path) as store:
        assert store.value("SELECT count(*) FROM opportunities") == 2
        makers = [one["as_what"] for one in store.meta("recognised") if one["what"] == "maker"]
        assert makers == ["own_moves"]


def test_columns_and_rows_of_one_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "log_2026.csv").write_text(
        "nr,what,to,at\n1,stage,A,2026-01-01\n1,price,9,2026-01-02\n1,stage,B,2026-01-03\n"
    )
    (tmp_path / "leakkit.toml").write_text(
        '[source."log_*.csv"]\nopportunity_id = "nr"\nstage = "to"\nentered_at = "at"\n'
        'where = { what = "stage" }\n'
    )
    with load(tmp_path) as store:
        assert store.rows("SELECT name FROM stages ORDER BY stage") == [("A",), ("B",)]


def test_where_names_a_column_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("opportunity_id,stage,entered_at\n1,A,2026-01-01\n")
    config = Config.from_text('[source."log.csv"]\nwhere = { Field = ["StageName"] }\n')
    with pytest.raises(LeakkitError, match="lacks a column that `where` names"):
        load(tmp_path / "log.csv", config)


def test_a_date_for_each_step_is_a_history(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(
        "Deal No,Date of inquiry,Date of offer,Date of contract,Last modified date,Result\n"
        "1,2026-01-01,2026-01-05,2026-01-20,2026-03-01,won\n"
        "2,2026-01-02,2026-01-06,,2026-03-01,lost\n"
    )
    with load(file) as store:
        names = store.rows("SELECT name FROM stages ORDER BY stage")
        assert names == [("inquiry",), ("offer",), ("contract",)]


@pytest.mark.parametrize(
    "headings",
    [
        "Entered Lead,Entered Offer,Entered Contract",
        "Lead entered on,Offer entered on,Contract entered on",
        "Lead am,Offer am,Contract am",
        "Eintritt Lead,Eintritt in Offer,Eintritt in Contract",
    ],
)
def test_a_heading_that_says_when_a_step_began_is_its_date(headings: str, tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    rows = "1,2026-01-01,2026-01-05,2026-01-20,won\n2,2026-01-02,2026-01-06,,lost\n"
    file.write_text(f"Deal No,{headings},Result\n{rows}", "utf-8")
    with load(file) as store:
        names = store.rows("SELECT name FROM stages ORDER BY stage")
        assert names == [("Lead",), ("Offer",), ("Contract",)]


def test_entries_of_what_may_be_anything_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    rows = "1,2026-01-01,2026-01-05,2026-01-20,won\n2,2026-01-02,2026-01-06,,lost\n"
    file.write_text(f"Deal No,Besuch am,Anruf am,Versand am,Result\n{rows}", "utf-8")
    with pytest.raises(LeakkitError, match=r'in \[source\.stage_dates\]: Besuch = "Besuch am"'):
        load(file)
