"""The canonical tables in a database, and the counting."""

from leakkit.store.database import Store

__all__ = ["Store"]
