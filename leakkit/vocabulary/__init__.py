"""The words that people use for columns, outcomes and currencies: a file per language."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "ru", "ar", "fa")
"""The languages that there are words of; of words that two share the earlier one's counts."""


@cache
def _tables() -> tuple[dict[str, dict[str, list[str]]], ...]:
    """Return the words of every language."""
    files = resources.files("leakkit.vocabulary")
    return tuple(
        tomllib.loads(files.joinpath(f"{language}.toml").read_text("utf-8"))
        for language in LANGUAGES
    )


def words(table: str, key: str) -> tuple[str, ...]:
    """Return the words of all languages under a key of a table, each once.

    >>> words("inside", "lost")[:2], "verloren" in words("inside", "lost")
    (('lost', 'lose'), True)
    """
    said = [word for one in _tables() for word in one.get(table, {}).get(key, ())]
    return tuple(dict.fromkeys(said))


def keys(table: str) -> tuple[str, ...]:
    """Return the keys of a table in all languages.

    >>> "EUR" in keys("currencies")
    True
    """
    return tuple(dict.fromkeys(key for one in _tables() for key in one.get(table, {})))


__all__ = ["LANGUAGES", "keys", "words"]
