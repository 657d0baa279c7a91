"""What is bounded, and by how much: every bound in one place, and docs/limits.md says why."""

from __future__ import annotations

CONFIG_BYTES = 1_000_000
"""Of a leakkit.toml, or of a dictionary of reasons."""
CONFIG_DOTS = 300
"""Dots in one line of a configuration: the time for a dotted key grows with its square."""
CONFIG_FAULTS = 100
"""Faults of a configuration that are listed."""
NAME_LETTERS = 500
"""Letters of a name in a configuration."""
SELECT_LETTERS = 20_000
"""Letters of a SELECT in a configuration."""
DAYS = 36_500
"""Days of a window, a horizon or an expected stay."""
RATE = 1e12
"""The largest rate of a currency; the smallest is one part of it."""
PIPELINES = 300
"""Pipelines of a configuration, or different names in a column of pipelines."""
STAGES = 150
"""Stages of one pipeline, or different names in a column of stages that nobody declared."""
INTERVENTIONS = 50
"""Interventions of a configuration."""
NOTES = 50
"""Notes of a configuration."""
JOINS = 20
"""Files that a configuration joins."""
UNPACKED_BYTES = 20_000_000_000
"""What a .gz or a .zip may unpack to."""
UNPACKED_RATIO = 200
"""So many times its size may a packed file unpack to, beyond UNPACKED_FREELY."""
UNPACKED_FREELY = 100_000_000
"""Up to here a packed file may unpack to any multiple of its size."""
PACKED_FILES = 1_000
"""Files in a .zip."""
WORKBOOK_BYTES = 1_000_000_000
"""What the parts of a workbook may unpack to."""
WORKBOOK_CELLS = 10_000_000
"""Cells of the sheets of a workbook that are read."""
WORKBOOK_MEMORY = 1_500_000_000
"""Memory of the process that reads a workbook (not on Windows)."""
WORKBOOK_SECONDS = 120
"""Processor time of that process (not on Windows)."""
VALUE = 100_000_000_000_000
"""The largest amount of a deal; a larger one is a fault of its row."""
TOTAL = 10_000_000_000_000_000
"""The largest sum of the amounts of a source."""
LOGO_BYTES = 1_000_000
"""The file of a logo, which every page holds."""
GUESSES = 1_000
"""Different unknown names for which the nearest known one is looked for."""
COLUMNS = 500
"""Columns of a file."""
LINE_BYTES = 50_000_000
"""A line of a text file; rows of a CSV file over 2 MB are faults, each with its number."""
JSON_BYTES = 200_000_000
"""A file that is one JSON array, which is read whole."""
XES_ATTRIBUTES = 500
"""Different attributes of the events of a log."""
XES_DEPTH = 100
"""Elements within each other in a log of events."""
XES_CASE = 100_000_000
"""Letters of the events of one case in a log, each attribute with 50 for itself."""

READ_AGAIN = 64_000_000
"""A source of so many bytes is not read again to learn what else it asks."""

TRAVELLING_ROWS = 3_000_000
"""Rows of the history of odd deals that travel from Spark to this machine."""
