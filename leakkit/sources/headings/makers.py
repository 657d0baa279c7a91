"""Headings of the exports of common makers of CRMs, and which column they are.

A table of names and nothing more: an export of a new maker is a new entry. Headings are
compared without case, spaces and signs that nobody sees (`columns.simplified`). Sources:
the makers' own pages, public connectors and exports; what no maker's page shows is left
out. Where a maker's heading means something else than it says, there is no entry:
HubSpot's "Close Date" of an open deal is the end of a month.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Maker:
    """One export of a maker: `table` is the part it plays, `columns` canonical -> headings.

    It is recognised when all of `signs` are among the headings, in any of their spellings.
    """

    name: str
    table: str
    signs: tuple[str, ...]
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)


HISTORY, DEALS, REFUSED = "stage_history", "opportunities", "refused"

MAKERS = (
    Maker(
        "salesforce_sync_history",
        REFUSED,
        ("_fivetran_start", "_fivetran_end", "stage_name", "close_date"),
    ),
    Maker(
        "salesforce_history",
        HISTORY,
        ("opportunityid", "stagename", "createddate"),
        {
            "opportunity_id": ("opportunityid",),
            "stage": ("stagename",),
            "entered_at": ("createddate",),
            "value": ("amount",),
            "currency": ("currencyisocode",),
        },
    ),
    Maker(
        "salesforce_history_report",
        HISTORY,
        ("opportunity name", "from stage", "to stage", "last modified"),
        {
            "opportunity_id": ("opportunity id", "opportunity name"),
            "stage": ("to stage",),
            "from_stage": ("from stage",),
            "entered_at": ("last modified",),
            "value": ("amount",),
        },
    ),
    Maker(
        "salesforce_connector",
        DEALS,
        ("id", "stage_name", "is_closed", "is_won"),
        {
            "opportunity_id": ("id",),
            "stage": ("stage_name",),
            "name": ("name",),
            "created_at": ("created_date",),
            "closed_at": ("close_date",),
            "value": ("amount",),
            "owner": ("owner_id",),
        },
    ),
    Maker(
        "salesforce",
        DEALS,
        ("id", "stagename", "closedate"),
        {
            "opportunity_id": ("id",),
            "stage": ("stagename",),
            "name": ("name",),
            "created_at": ("createddate",),
            "closed_at": ("closedate",),
            "value": ("amount",),
            "currency": ("currencyisocode",),
            "lost_reason": ("loss_reason__c", "lost_reason__c"),
            "owner": ("ownerid",),
        },
    ),
    Maker(
        "hubspot_stage_history",
        HISTORY,
        ("deal_id", "date_entered", "value"),
        {
            "opportunity_id": ("deal_id",),
            "stage": ("value",),
            "entered_at": ("date_entered",),
            "value": (),
        },
    ),
    Maker(
        "hubspot_stages",
        HISTORY,
        ("deal_id", "date_stage_entered", "pipeline_stage_label"),
        {
            "opportunity_id": ("deal_id",),
            "name": ("deal_name",),
            "stage": ("pipeline_stage_label",),
            "pipeline": ("pipeline_label",),
            "entered_at": ("date_stage_entered",),
        },
    ),
    Maker(
        "hubspot_connector",
        DEALS,
        ("deal_id", "deal_pipeline_stage_id"),
        {
            "opportunity_id": ("deal_id",),
            "stage": ("deal_pipeline_stage_id",),
            "pipeline": ("deal_pipeline_id",),
            "name": ("property_dealname",),
            "created_at": ("property_createdate",),
            "value": ("property_amount",),
            "owner": ("owner_id",),
        },
    ),
    Maker(
        "hubspot",
        DEALS,
        ("record id", "deal stage"),
        {
            "opportunity_id": ("record id",),
            "stage": ("deal stage",),
            "pipeline": ("pipeline",),
            "name": ("deal name",),
            "created_at": ("create date",),
            "value": ("amount",),
            "currency": ("currency",),
            "lost_reason": ("closed lost reason",),
            "owner": ("deal owner",),
        },
    ),
    Maker(
        "hubspot_api",
        DEALS,
        ("hs_object_id", "dealstage"),
        {
            "opportunity_id": ("hs_object_id",),
            "stage": ("dealstage",),
            "pipeline": ("pipeline",),
            "name": ("dealname",),
            "created_at": ("createdate",),
            "value": ("amount",),
            "currency": ("deal_currency_code",),
            "lost_reason": ("closed_lost_reason",),
            "owner": ("hubspot_owner_id",),
        },
    ),
    Maker(
        "pipedrive",
        DEALS,
        ("deal - id", "deal - stage"),
        {
            "opportunity_id": ("deal - id",),
            "stage": ("deal - stage",),
            "pipeline": ("deal - pipeline",),
            "name": ("deal - title",),
            "outcome": ("deal - status",),
            "created_at": ("deal - deal created", "deal - creation date"),
            "closed_at": ("deal - deal closed on", "deal - closed on"),
            "value": ("deal - value",),
            "currency": ("deal - currency of value",),
            "lost_reason": ("deal - lost reason",),
            "owner": ("deal - owner",),
        },
    ),
    Maker(
        "business_central",
        HISTORY,
        ("opportunity no.", "sales cycle stage", "date of change"),
        {
            "opportunity_id": ("opportunity no.",),
            "stage": ("sales cycle stage",),
            "from_stage": ("previous sales cycle stage",),
            "pipeline": ("sales cycle code",),
            "entered_at": ("date of change",),
            "value": ("estimated value (lcy)",),
            "lost_reason": ("close opportunity code",),
            "owner": ("salesperson code",),
        },
    ),
    Maker(
        "zoho_history",
        HISTORY,
        ("potential_name", "stage", "modified_time"),
        {
            "opportunity_id": ("potential_name",),
            "stage": ("stage",),
            "entered_at": ("modified_time",),
            "value": ("amount",),
        },
    ),
    Maker(
        "zoho",
        DEALS,
        ("deal_name", "stage", "closing_date"),
        {
            "opportunity_id": ("id", "record_id", "record id"),
            "stage": ("stage",),
            "pipeline": ("pipeline",),
            "name": ("deal_name",),
            "created_at": ("created_time",),
            "value": ("amount",),
            "lost_reason": ("reason_for_loss__s",),
            "owner": ("owner",),
        },
    ),
    Maker(
        "odoo",
        DEALS,
        ("opportunity", "stage", "expected revenue"),
        {
            "opportunity_id": ("id", "external id", "opportunity"),
            "stage": ("stage",),
            "pipeline": ("sales team",),
            "name": ("opportunity",),
            "created_at": ("created on",),
            "closed_at": ("closed date",),
            "value": ("expected revenue",),
            "lost_reason": ("lost reason",),
            "owner": ("salesperson",),
        },
    ),
    Maker(
        "freshsales",
        DEALS,
        ("deal_stage_id", "expected_close"),
        {
            "opportunity_id": ("id",),
            "stage": ("deal_stage_id",),
            "pipeline": ("deal_pipeline_id",),
            "name": ("name",),
            "created_at": ("created_at",),
            "value": ("amount",),
            "owner": ("owner_id",),
        },
    ),
    Maker(
        "didar",
        DEALS,
        ("عنوان معامله", "مرحله کاریز معامله"),
        {
            "opportunity_id": ("کد معامله", "شناسه معامله", "عنوان معامله"),
            "stage": ("مرحله کاریز معامله",),
            "pipeline": ("کاریز معامله",),
            "name": ("عنوان معامله",),
            "outcome": ("وضعیت معامله",),
            "created_at": ("تاریخ ایجاد",),
            "closed_at": ("تاریخ انجام",),
            "value": ("مبلغ معامله", "مبلغ"),
            "lost_reason": ("علت شکست", "دلیل از دست رفتن"),
            "owner": ("مسئول معامله",),
        },
    ),
)
"""The more special stand before the more general."""

USUAL = {
    "opportunity_id": (
        *("opportunity id", "deal id", "opportunity no", "deal no", "opportunity", "deal"),
        *("opportunity number", "deal number", "verkaufschance", "vorgangsnummer"),
        *("شناسه فرصت", "شناسه معامله", "کد فرصت", "کد معامله", "شماره فرصت", "شماره معامله"),
    ),
    "stage": (
        *("stage name", "deal stage", "sales stage", "current stage", "new stage"),
        *("phase", "sales phase", "pipeline phase", "verkaufsphase", "vertriebsphase"),
        *("مرحله", "مرحله فروش", "نام مرحله"),
    ),
    "entered_at": (
        *("entered", "entered on", "date entered", "stage entered at", "entered stage at"),
        *("changed on", "changed at", "change date", "date changed", "stage date", "moved on"),
        *("event date", "event time", "geändert am", "änderungsdatum"),
        *("تاریخ ورود", "تاریخ تغییر", "تاریخ ورود به مرحله"),
    ),
    "pipeline": ("sales pipeline", "deal pipeline", "لاین فروش", "لاین", "کاریز", "پایپ لاین"),
    "name": ("opportunity name", "deal name", "نام فرصت", "عنوان فرصت", "عنوان معامله"),
    "created_at": (
        "created",
        "created on",
        "create date",
        "date created",
        "created date",
        "creation date",
        "engage date",
        "erstellt am",
        "angelegt am",
        "تاریخ ایجاد",
    ),
    "closed_at": (
        *("closed", "closed on", "date closed", "close date", "closed date"),
        *("abgeschlossen am", "abschlussdatum", "تاریخ بسته شدن"),
    ),
    "outcome": ("status", "deal status", "ergebnis", "وضعیت", "نتیجه"),
    "value": (
        *("amount", "deal value", "deal amount", "close value", "betrag", "auftragswert"),
        *("angebotswert", "مبلغ", "ارزش"),
    ),
    "currency": ("currency code", "währung", "واحد پول", "ارز"),
    "lost_reason": (
        *("lost reason", "loss reason", "closed lost reason", "reason lost", "reason for loss"),
        *("verlustgrund", "علت شکست", "دلیل از دست رفتن"),
    ),
    "last_stage": (
        *("lost at stage", "lost in stage", "lost stage", "stage lost", "stage when lost"),
        *("closed at stage", "stage before close", "stage at close", "laststage", "final stage"),
    ),
    "owner": (
        *("deal owner", "opportunity owner", "record owner", "sales agent", "salesperson"),
        *("sales person", "sales rep", "sales representative", "account manager"),
        *("account executive", "assigned to", "responsible", "responsible person"),
        *("bearbeiter", "verantwortlich", "verkäufer", "vertriebsmitarbeiter", "kundenbetreuer"),
        *("vendeur", "responsable", "vendedor", "propietario", "proprietario"),
        *("کارشناس فروش", "مسئول", "مسئول فروش", "مسئول معامله", "فروشنده", "کارشناس"),
    ),
}
"""Headings of no maker in particular."""

VAGUE_MOMENT = ("date", "timestamp", "datum", "تاریخ")
"""The moment of a history, where its file has no other date and no outcome."""

CLEAR = ("lost_reason", "last_stage")
"""What the usual headings name in a maker's export as well, where they can mean nothing else."""

DATED_STAGE = (
    re.compile(r'^date entered "(?P<stage>.+) \((?P<pipeline>[^()]+)\)"$', re.IGNORECASE),
    re.compile(r'^date entered "(?P<stage>.+)"$', re.IGNORECASE),
    re.compile(r"^date entered (?!current stage$)(?P<stage>[^\"]+)$", re.IGNORECASE),
    re.compile(r"^hs_(v2_)?date_entered_(?!current_stage$)(?P<stage>.+)$", re.IGNORECASE),
)
"""Headings that hold the date of one stage: HubSpot's, and the same typed by hand."""

TIME_IN_STAGE = (
    (
        re.compile(r'^cumulative time in "(.+)"$', re.IGNORECASE),
        re.compile(r'^latest time in "(.+)"$', re.IGNORECASE),
        re.compile(r'^date entered "(.+)"$', re.IGNORECASE),
    ),
    (
        re.compile(r"^hs_v2_cumulative_time_in_(.+)$", re.IGNORECASE),
        re.compile(r"^hs_v2_latest_time_in_(.+)$", re.IGNORECASE),
        re.compile(r"^hs_v2_date_entered_(.+)$", re.IGNORECASE),
    ),
)
"""The two times that betray a second visit: all visits together, and the latest one."""
