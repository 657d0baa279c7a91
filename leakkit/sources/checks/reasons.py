"""Deals that are open and have a reason for their loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.cells.no_data import NOTHING
from leakkit.sources.checks.doubt import Doubt, deals, ids_of, words, words_to_sort
from leakkit.sources.toml import list_texts

if TYPE_CHECKING:
    from leakkit.store.database import Store

OPEN = f"""
SELECT opportunity FROM opportunities
WHERE outcome = 'open' AND lost_reason <> '' AND lower(lost_reason) NOT IN {NOTHING}
"""  # noqa: S608 - words of the house


def open_with_reason(store: Store) -> Doubt:
    """Ask which open deals have a reason for a loss, and what else is said of them."""
    found = ids_of(store, OPEN)
    outcome, stage = words(store, "outcome", OPEN), words(store, "stage", OPEN)
    lines = [
        f"lost = {list_texts(said)}   # in [source.outcomes]: "
        f"{what} of these deals, if it is a loss"
        for what, said in (("outcomes", outcome), ("stages", stage))
        if said
    ]
    if not store.value("SELECT count(*) FROM opportunities WHERE outcome = 'lost'"):
        lines.append("reason_means_loss = true   # in [source]: every deal with a reason is lost")
    says = "are open and have a reason for their loss"
    asks = words_to_sort(
        [(text, f"{n:,} of these deals") for text, n in (*outcome, *stage)], needed=False
    )
    return Doubt("open_with_reason", says, found, deals(store, found), tuple(lines), asks=asks)
