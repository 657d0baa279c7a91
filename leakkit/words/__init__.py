"""The only room that knows a human language: texts, numbers, dates, money, direction."""

from leakkit.words.catalogue import LANGUAGES, Words

__all__ = ["LANGUAGES", "Words"]
