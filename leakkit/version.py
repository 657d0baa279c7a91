"""The version of leakkit."""

__version__ = "0.1.0"
