"""Databases as sources: addresses, connections that only read, tables as if they were files."""
