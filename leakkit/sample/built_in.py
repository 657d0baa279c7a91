"""The built-in plan: an industrial seller with four pipelines and three leaks."""

from __future__ import annotations

from leakkit.sample.plan import Leak, PipelinePlan, Plan, StagePlan


def default_plan() -> Plan:
    """Which leaks are in the built-in sample?

    Equipment loses 12 points more of its proformas since its prices were raised, and Spare
    parts takes twice as long to confirm an order (both since 2026-03-23). Projects has always
    been tangled in its technical approval. In Service contracts nothing happens.

    >>> [leak.pipeline for leak in default_plan().leaks]
    ['Equipment', 'Spare parts', 'Projects']
    """
    return Plan(
        pipelines=(_equipment(), _spare_parts(), _service_contracts(), _projects()),
        leaks=(
            Leak("Equipment", "Proforma", "lost", size=0.12, from_date="2026-03-23",
                 cause="unconvincing", action="New price list"),
            Leak("Spare parts", "Order confirmation", "overdue", size=2.0, from_date="2026-03-23"),
            Leak("Projects", "Technical approval", "returned", size=0.12, cause="complexity"),
        ),
    )  # fmt: skip


def _equipment() -> PipelinePlan:
    return PipelinePlan(
        "Equipment",
        prefix="EQ",
        weight=0.40,
        median_value=48_000,
        stuck_share=0.012,
        products=("Filter unit", "Air dryer", "Pump skid", "Compressor station"),
        owners=("Jonas Feld", "Miriam Kühn", "Petra Sölden", "Tom Arden", "Ivo Lindqvist"),
        stages=(
            StagePlan("Inquiry", kind="qualify", lost_share=0.22, dwell_days=4, dwell_shape=1.2),
            StagePlan("Requirements", lost_share=0.14, dwell_days=8),
            StagePlan("Proforma", kind="offer", lost_share=0.17, returned_share=0.03,
                      dwell_days=13, lost_dwell_ratio=1.2),
            StagePlan("Negotiation", lost_share=0.25, returned_share=0.03, dwell_days=16),
            StagePlan("Contract", lost_share=0.09, dwell_days=9),
            StagePlan("Prepayment", lost_share=0.05, dwell_days=6),
        ),
    )  # fmt: skip


def _spare_parts() -> PipelinePlan:
    return PipelinePlan(
        "Spare parts",
        prefix="SP",
        weight=0.33,
        median_value=1_900,
        skip_share=0.04,
        products=("Seal kit", "Bearing set", "Valve block", "Rotor"),
        sources=("Website", "Phone", "Service visit", "Referral"),
        owners=("Lena Örtel", "Kai Benthin", "Rosa Vidal", "Sven Aldag"),
        stages=(
            StagePlan("Request", lost_share=0.20, dwell_days=0.9, dwell_shape=1.2),
            StagePlan("Availability check", lost_share=0.12, dwell_days=3),
            StagePlan("Proforma", kind="offer", lost_share=0.32, dwell_days=6),
            StagePlan("Order confirmation", lost_share=0.08, dwell_days=4, dwell_shape=2),
            StagePlan("Payment", lost_share=0.08, dwell_days=8),
            StagePlan("Release", lost_share=0.02, dwell_days=1.2, dwell_shape=1.2),
        ),
    )


def _service_contracts() -> PipelinePlan:
    return PipelinePlan(
        "Service contracts",
        prefix="SC",
        weight=0.15,
        median_value=14_500,
        products=("Inspection contract", "Maintenance contract", "Full service contract"),
        sources=("Service visit", "Referral", "Website", "Trade fair"),
        owners=("Anke Brömse", "Dario Melk", "Ulla Tharau"),
        stages=(
            StagePlan("Lead", kind="qualify", lost_share=0.26, dwell_days=6, dwell_shape=1.2),
            StagePlan("Needs analysis", lost_share=0.15, dwell_days=9),
            StagePlan("Proforma", kind="offer", lost_share=0.20, dwell_days=12),
            StagePlan("Negotiation", lost_share=0.20, returned_share=0.03, dwell_days=14),
            StagePlan("Legal review", lost_share=0.08, dwell_days=10, dwell_shape=2),
            StagePlan("Signature", lost_share=0.05, dwell_days=4),
        ),
    )


def _projects() -> PipelinePlan:
    return PipelinePlan(
        "Projects",
        prefix="PR",
        weight=0.12,
        median_value=320_000,
        value_log_sd=0.7,
        skip_share=0.015,
        stuck_share=0.015,
        reopen_share=0.06,
        reopen_wait_days=30,
        products=("Compressed air plant", "Cooling plant", "Nitrogen plant"),
        sources=("Tender", "Referral", "Trade fair", "Engineering office"),
        owners=("Greta Wöhler", "Henrik Paasche", "Nadia Corvin"),
        stages=(
            StagePlan("Lead", kind="qualify", lost_share=0.28, dwell_days=14, dwell_shape=1.2),
            StagePlan("Feasibility", lost_share=0.16, dwell_days=18),
            StagePlan("Technical approval", lost_share=0.08, lost_per_return_share=0.35,
                      dwell_days=22, lost_dwell_ratio=1.5),
            StagePlan("Proforma", kind="offer", lost_share=0.20, dwell_days=20),
            StagePlan("Negotiation", lost_share=0.20, returned_share=0.02, dwell_days=26),
            StagePlan("Contract", lost_share=0.09, dwell_days=16),
        ),
    )  # fmt: skip
