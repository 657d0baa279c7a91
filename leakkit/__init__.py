"""Find where a sales pipeline leaks, why, and what it costs."""

__version__ = "0.1.0"
