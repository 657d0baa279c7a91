"""The one palette, as a drawing and as a stylesheet take it."""

from __future__ import annotations

from markupsafe import Markup

PALETTE = {
    "ink": "#1b2a33",
    "muted": "#55656f",
    "line": "#d3dbe0",
    "paper": "#ffffff",
    "flow": "#cbe1f0",
    "flow-edge": "#256f9f",
    "flow-ink": "#14537c",
    "won": "#2f80b5",
    "advanced": "#7db3d8",
    "lost": "#c6362a",
    "lost-soft": "#e59a90",
    "lost-ink": "#a4281e",
    "overdue": "#e3a32b",
    "overdue-ink": "#7a5200",
    "returned": "#8064ad",
    "returned-ink": "#5f4690",
    "open": "#c5d2da",
    "open-edge": "#7b8e9a",
}
"""What each colour means, and how it looks on white paper."""


def hue(role: str) -> str:
    """Return the colour of a role, as matplotlib takes it.

    >>> hue("lost")
    '#c6362a'
    """
    return PALETTE[role]


def variable(role: str) -> Markup:
    """Return the colour of a role, as a stylesheet takes it.

    >>> print(variable("lost"))
    var(--lk-lost, #c6362a)
    """
    return Markup(f"var(--lk-{role}, {PALETTE[role]})")  # noqa: S704 - two constants
