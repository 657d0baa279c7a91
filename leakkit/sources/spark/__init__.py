"""Spark as a source: plain deals are counted where they lie, and only the odd ones travel."""
