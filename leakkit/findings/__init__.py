"""From estimates to facts worth saying: warnings, what leaks cost, whom to call first.

Knows no SQL, no screen, and no sentence.
"""

from leakkit.findings.finding import (
    Finding,
    Split,
    Value,
    cards,
    count_tests,
    from_records,
    improvements,
    reaches_severity,
    to_records,
)

__all__ = [
    "Finding",
    "Split",
    "Value",
    "cards",
    "count_tests",
    "from_records",
    "improvements",
    "reaches_severity",
    "to_records",
]
