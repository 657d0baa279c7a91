"""The colours of the house as PowerPoint takes them: those of the theme, tinted and shaded.

What is text, line or flow takes the theme's own colours, so a client's master stays one.
What warns is red, amber or purple in every theme: a leak in a client's green is no leak.
"""

from __future__ import annotations

from dataclasses import dataclass

from leakkit.views.palette import PALETTE

TEXT, PAPER = "tx1", "bg1"
MAIN = "main"
"""Stands for the accent of the theme that the pipe takes."""
THEMED = {
    "ink": (TEXT, 0, 0),
    "muted": (TEXT, 65, 35),
    "line": (TEXT, 18, 82),
    "wash": (TEXT, 5, 95),
    "paper": (PAPER, 0, 0),
    "flow": (MAIN, 25, 75),
    "flow-edge": (MAIN, 0, 0),
    "flow-ink": (MAIN, 75, 0),
    "won": (MAIN, 0, 0),
    "advanced": (MAIN, 60, 40),
    "open": (TEXT, 25, 75),
    "open-edge": (TEXT, 50, 50),
}
"""A role as a colour of the theme, with its modulation and offset of luminance in per cent."""
HOUSE = {
    **THEMED,
    "muted": ("tx2", 0, 0),
    "line": ("bg2", 88, 0),
    "open": ("bg2", 80, 0),
    "open-edge": ("accent5", 0, 0),
}
"""The same under the theme of the house, which has greys of its own."""


@dataclass(frozen=True)
class Colours:
    """How roles become colours of a deck; `main` is the accent that the pipe takes."""

    main: str = "accent1"
    own: bool = True

    def xml(self, role: str, alpha: float = 1.0) -> str:
        """Return the colour of a role in DrawingML, without a namespace of its own.

        >>> Colours().xml("lost")
        '<a:srgbClr val="C6362A"/>'
        """
        seen = "" if alpha >= 1.0 else f'<a:alpha val="{round(100_000 * alpha)}"/>'
        themed = HOUSE if self.own else THEMED
        if role not in themed:
            inside = f">{seen}</a:srgbClr>" if seen else "/>"
            return f'<a:srgbClr val="{PALETTE[role][1:].upper()}"{inside}'
        name, kept, lighter = themed[role]
        scheme = self.main if name == MAIN else name
        tint = f'<a:lumMod val="{kept}000"/>' if kept else ""
        tint += f'<a:lumOff val="{lighter}000"/>' if lighter else ""
        inside = f">{tint}{seen}</a:schemeClr>" if tint or seen else "/>"
        return f'<a:schemeClr val="{scheme}"{inside}'

    def fill(self, role: str, alpha: float = 1.0) -> str:
        """Return a fill in the colour of a role; none where there is no role."""
        if not role or role == "none":
            return "<a:noFill/>"
        return f"<a:solidFill>{self.xml(role, alpha)}</a:solidFill>"

    def stripes(self, role: str) -> str:
        """Return a striped fill."""
        inside = f"<a:fgClr>{self.xml(role)}</a:fgClr><a:bgClr>{self.xml('paper')}</a:bgClr>"
        return f'<a:pattFill prst="wdUpDiag">{inside}</a:pattFill>'
