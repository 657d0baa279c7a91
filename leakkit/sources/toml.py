"""Texts and lists as TOML, for lines that a person is to copy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def quoted(text: str) -> str:
    r"""Return a text as TOML.

    >>> quoted('32"')
    '"32\\""'
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def listed(counted: Sequence[tuple[str, int]], most: int = 10) -> str:
    """Return the most frequent texts as a list of TOML.

    >>> listed([("Dead", 2), ("On hold", 1)])
    '["Dead", "On hold"]'
    """
    return f"[{', '.join(quoted(text) for text, _ in counted[:most])}]"
