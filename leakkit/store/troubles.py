"""The errors of the engine, by what they mean; no other room needs to know which engine it is."""

from __future__ import annotations

import duckdb

ENGINE = duckdb.Error
"""Any error of the engine."""
FULL = duckdb.OutOfMemoryException
"""There is no room, in memory or on a disk."""
DAMAGED = (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException)
"""What the engine raises, and none of its own kinds of errors, for damaged pages of a file."""
