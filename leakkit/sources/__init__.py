"""Exports -> store: how each format is recognised, and how its columns map."""

from leakkit.sources.load import load

__all__ = ["load"]
