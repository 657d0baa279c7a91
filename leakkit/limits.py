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
DAYS = 36_500
"""Days of a window, a horizon or an expected stay."""
RATE = 1e12
"""The largest rate of a currency; the smallest is one part of it."""
PIPELINES = 300
"""Pipelines of a configuration, or different names in a column of pipelines."""
STAGES = 150
"""Stages of one pipeline, or different names in a column of stages that nobody declared."""
JOINS = 20
"""Files that a configuration joins."""
