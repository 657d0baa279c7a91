"""findings.json: what was found, for programs. Its fields are a contract."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from leakkit.findings import count_tests, to_records
from leakkit.frames.cells import major

if TYPE_CHECKING:
    from leakkit.analysis import Analysis

SCHEMA_VERSION = 1
DIGITS = 10


def findings_json(analysis: Analysis, pipeline: str = "") -> str:
    r"""Return the findings as JSON text: of one pipeline, or of all where none is named.

    `tests` counts the tests of the whole run, over which the false discovery rate is.
    Numbers have at most 10 digits, money is in major units; NA is null.

    >>> import leakkit
    >>> text = findings_json(leakkit.analyze(leakkit.load("sample"), "Equipment"), "Equipment")
    >>> json.loads(text)["findings"][0]["stage"]
    'Proforma'
    """
    chosen = [f for f in analysis.all_findings if not pipeline or f.pipeline == pipeline]
    content = {
        "schema_version": SCHEMA_VERSION,
        "as_of": day_of(analysis.last_day),
        "tests": count_tests(analysis.all_findings),
        "findings": [round_numbers(in_major_units(record)) for record in to_records(chosen)],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def in_major_units(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its money in major units."""
    value, recoverable = record["value_at_stake"], record["recoverable"]
    return record | {
        "value_at_stake": major(value),
        "recoverable": recoverable and {k: major(v) for k, v in recoverable.items()},
    }


def round_numbers(content: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Round every number: the last digits of a sum differ between machines."""
    if isinstance(content, float):
        return float(f"{content:.{DIGITS}g}")
    if isinstance(content, dict):
        return {key: round_numbers(value) for key, value in content.items()}
    if isinstance(content, list):
        return [round_numbers(value) for value in content]
    return content


def day_of(day: int) -> str:
    """Return a local day number as a date.

    >>> day_of(20634)
    '2026-06-30'
    """
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
