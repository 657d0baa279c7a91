"""A presentation as bytes: equal decks are equal files, whenever and wherever they are made."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pptx.presentation import Presentation

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
"""Of every deck: the same numbers, the same bytes."""
FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say."""
UNIX = 3


def pack_deck(deck: Presentation, title: str, author: str) -> bytes:
    """Return a deck as a file, without a clock and without a trace of this machine."""
    about = deck.core_properties
    about.title, about.author, about.last_modified_by = title, author, author
    about.created = about.modified = CREATED
    about.revision = 1
    stream = io.BytesIO()
    deck.save(stream)
    return _timeless(stream.getvalue())


def _timeless(content: bytes) -> bytes:
    """Pack a zip again, each entry with the same time and the same attributes."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as given,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made,
    ):
        for name in given.namelist():
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, UNIX
            made.writestr(entry, given.read(name))
    return stream.getvalue()
