"""Kinds of views, which a view says and a page reads."""

SECTION, FIRST = "section", "first"
"""A section of the page, or its beginning."""
REPEATED = "repeated"
"""A view that says only what another says: a notebook shows it, a page leaves it out."""
