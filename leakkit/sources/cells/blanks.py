"""Cells in which people write that nothing stands there."""

NOTHING = ("-", "--", "none", "n/a", "na", "#n/a", "null", "nan", "no", "false", "0", ".")
"""In small letters."""

__all__ = ["NOTHING"]
