"""What a store says of itself once its deals are resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakkit.sources.people import find_owner, note_people
from leakkit.store import schema
from leakkit.store.resolve import CLOSED

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading
    from leakkit.sources.rules import Given
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store


def place_faults(store: Store, found: Found) -> None:
    """Say of each fault what its row is in the file that the user has."""
    for file, row, rule in found.asides:
        store.run(
            "UPDATE faults SET rule = $rule WHERE file = $file AND line = $row "
            "AND rule = 'missing_id'",
            {"rule": rule, "file": file, "row": row},
        )


def write_notes(reading: Reading, found: Found, given: Given) -> dict[str, Any]:
    """Return the facts about the store that are known once the deals are resolved."""
    return {
        "schema_version": schema.SCHEMA_VERSION,
        "config": given.config.model_dump(mode="json"),
        "provisional_order": given.provisional,
        "label": found.label,
        "inputs": list(found.inputs),
        "ignored_files": list(found.ignored),
        "shape": found.shape,
        "recognised": reading.told.speak(),
        "outcome_words": _words_found(reading.store, "outcome_names"),
        "closing_rows": _words_found(reading.store, "stage_names"),
        "cut": given.rules.cut,
        "last_day": given.last_day,
        "segments": list(given.rules.segments),
        "owner": find_owner(found, given.rules.segments),
        **note_people(found, given),
    }


def _words_found(store: Store, table: str) -> dict[str, list[str]]:
    """Return the texts that were understood as outcomes or as closing rows, by what they mean.

    `table` is one of those that resolving makes: `outcome_names` or `stage_names`.
    """
    kinds = {"won": schema.WON, "lost": schema.LOST, "open": 0}
    rows = store.rows(f"SELECT DISTINCT said, code FROM {table} ORDER BY said")  # noqa: S608 - names of this program
    closing = table == "stage_names"
    return {
        kind: [str(said) for said, found in rows if found == code and said not in CLOSED]
        for kind, code in kinds.items()
        if code or not closing
    }
