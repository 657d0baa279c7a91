"""What a person may want to say of a source that can be read: rates, and stages that may close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.sources.toml import key, value
from leakkit.store import schema

if TYPE_CHECKING:
    from leakkit.store.database import Store

FEWEST = 3
"""Fewer deals in a stage show nothing."""

CURRENCIES = """
SELECT currency, count(*) AS n FROM opportunities
WHERE currency <> '' AND value IS NULL GROUP BY currency ORDER BY n DESC, currency LIMIT 20
"""
ENDS = f"""
SELECT s.name, count(DISTINCT p.opportunity) AS deals
FROM passages p JOIN stages s USING (pipeline, stage)
GROUP BY s.name
HAVING bool_and(p.exit = {schema.OPEN}) AND count(DISTINCT p.opportunity) >= {FEWEST}
ORDER BY deals DESC, s.name LIMIT 10
"""  # noqa: S608 - numbers
"""The stages that no deal has ever left."""


def without_rate(store: Store) -> list[str]:
    """Return a line to fill in with the rates of the currencies that have none."""
    config = store.config
    rows = store.rows(CURRENCIES)
    open_ones = {
        str(code): int(n)
        for code, n in rows
        if code != config.currency and code not in config.rates
    }
    if not open_ones:
        return []
    said = [f"{key(code)} = {value(rate)}" for code, rate in config.rates.items()]
    rates = ", ".join([*said, *(f"{code} = ..." for code in open_ones)])
    counted = ", ".join(f"{n:,} in {code}" for code, n in open_ones.items())
    line = (
        f"# rates = {{ {rates} }}   # into {config.currency}; without them values are missing: "
        f"{counted}"
    )
    return [line]


def ends_of(store: Store) -> list[tuple[str, str]]:
    """Return the stages of a history that no deal has left, and why they may close one.

    Of a list of deals every stage is like that, so nothing is said of it.
    """
    if store.meta("shape") == "snapshot":
        return []
    names = store.rows(ENDS)
    return [
        (str(name), f"{int(n):,} deals came, and none has left. If so, take it out of the stages")
        for name, n in names
    ]
