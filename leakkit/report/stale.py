"""An old page says so itself: whoever has its address never sees the index."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from markupsafe import escape

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "<!-- leakkit: as of -->"
"""Stands in every page where the mark goes."""
MARK = re.compile(re.escape(PLACE) + r'(<p class="lk-trouble">.*?</p>)?', re.DOTALL)


def mark_stale(page: str, text: str) -> str:
    """Return the page with a notice on top, in place of an earlier one.

    >>> mark_stale(f"<main>{PLACE}</main>", "From <June>.")
    '<main><!-- leakkit: as of --><p class="lk-trouble">From &lt;June&gt;.</p></main>'
    """
    notice = f'{PLACE}<p class="lk-trouble">{escape(text)}</p>'
    return MARK.sub(lambda _: notice, page, count=1)


def digest_of_unmarked(file: Path) -> str:
    """Return the SHA-256 of a page as it was before it was marked; empty where there is none."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return hashlib.sha256(MARK.sub(PLACE, text, count=1).encode()).hexdigest()
