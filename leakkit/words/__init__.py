"""The only room that knows a human language: texts, numbers, dates, money, direction."""

from leakkit.config import LANGUAGES
from leakkit.words.catalogue import Words

__all__ = ["LANGUAGES", "Words"]
