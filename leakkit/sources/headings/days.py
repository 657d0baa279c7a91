"""The days that names of files hold."""

from __future__ import annotations

import datetime as dt
import re

DATED = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
"""The day of a snapshot in the name of its file."""


def day_of_name(file: str) -> str:
    """Return the day that a file's name holds, as YYYY-MM-DD; '' where it holds none.

    >>> day_of_name("deals-20240630.csv"), day_of_name("deals-1234567-89.csv")
    ('2024-06-30', '')
    """
    found = DATED.search(file)
    try:
        return dt.date(*map(int, found.groups())).isoformat() if found else ""
    except ValueError:
        return ""
