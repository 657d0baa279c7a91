"""Spark as the engine of the deals: statements in its dialect, sessions, and what stays here."""
