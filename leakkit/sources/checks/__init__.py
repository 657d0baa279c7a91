"""What a source says twice is held against itself before any page is made."""

from leakkit.sources.checks.crossing import cross_check

__all__ = ["cross_check"]
