"""The kinds of sections that a page is made of."""

from __future__ import annotations

SECTION, FIRST, REPEATED = "section", "first", "repeated"
"""A section, the page's first, or one that says only what another says: a notebook shows it, a
page leaves it out."""
