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


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as #1b2a33, by WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str = "#ffffff") -> float:
    """Return the contrast of two colours, by WCAG 2: 1 for none, 21 for black on white.

    >>> round(contrast("#000000"), 1), round(contrast("#ffff00"), 1)
    (21.0, 1.1)
    """
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
