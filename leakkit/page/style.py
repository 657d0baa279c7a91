"""The style of every page, and of views in a notebook."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def stylesheet() -> str:
    """Return the one stylesheet, as text."""
    return resources.files("leakkit.page").joinpath("style.css").read_text("utf-8")


def style_element() -> str:
    """Return what stands before a view in a notebook, and once in the head of a page."""
    return f"<style>\n{stylesheet()}</style>\n"
