"""Whose pages these are: the client, the author, a logo, two colours, a line under all."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakkit.views.drawing.palette import contrast
from leakkit.views.elements import tidy_name

if TYPE_CHECKING:
    from leakkit.analysis import Analysis
    from leakkit.config import Brand
    from leakkit.words import Words

FOR_TEXT, FOR_SHAPES = 4.5, 3.0
"""The contrast on white paper that texts and shapes need, by WCAG 2."""


@dataclass(frozen=True)
class Mark:
    """A brand as pages and decks show it; colours that are too pale are left out.

    `logo` is its content in base 64, `kind` png or jpeg.
    """

    client: str = ""
    author: str = ""
    foot: str = ""
    colour: str = ""
    accent: str = ""
    logo: str = ""
    kind: str = ""
    sha256: str = ""

    def __bool__(self) -> bool:
        """Say whether there is anything to show."""
        return any(vars(self).values())

    @property
    def address(self) -> str:
        """The logo as an address that holds its content; empty without one."""
        return f"data:image/{self.kind};base64,{self.logo}" if self.logo else ""

    @property
    def picture(self) -> bytes:
        """The content of the logo."""
        return base64.b64decode(self.logo)


def brand_of(analysis: Analysis) -> Mark:
    """Return the brand of an analysis."""
    brand, logo = analysis.config.brand, analysis.logo
    lines = [tidy_name(brand.footer), tidy_name(brand.confidential)]
    return Mark(
        tidy_name(brand.client),
        tidy_name(brand.author),
        " \u00b7 ".join(line for line in lines if line),
        _strong(brand.colour, FOR_TEXT),
        _strong(brand.accent, FOR_SHAPES),
        logo.get("content", ""),
        logo.get("kind", ""),
        logo.get("sha256", ""),
    )


def _strong(colour: str, least: float) -> str:
    """Return a colour that can be told from white paper; else nothing."""
    return colour if colour and contrast(colour) >= least else ""


def pale(brand: Brand, words: Words) -> list[str]:
    """Say which colours of a brand are too pale to be used."""
    asked = {"colour": (brand.colour, FOR_TEXT), "accent": (brand.accent, FOR_SHAPES)}
    return [
        words.say("brand.pale", which=key, colour=colour, found=contrast(colour), least=least)
        for key, (colour, least) in asked.items()
        if colour and contrast(colour) < least
    ]
