"""The logo that a configuration names: read from allowed places, kept in the store."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import LeakkitError
from leakkit.sources.places import named_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leakkit.store.database import Store

SIGNS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
"""How the files begin that pages and decks can show; an SVG could run something."""
Logo = dict[str, str]


def read_logo(name: str, folders: Sequence[Path], allowed: Sequence[Path]) -> Logo | None:
    """Read the logo that a configuration names; None where it names none.

    Raises LeakkitError for a file that is elsewhere, too large, or neither PNG nor JPEG.
    """
    if not name:
        return None
    file = named_file(name, folders, allowed, "[brand] logo")
    with file.open("rb") as stream:
        content = stream.read(limits.LOGO_BYTES + 1)
    if len(content) > limits.LOGO_BYTES:
        message = (
            f"The logo {file.name} is larger than {limits.LOGO_BYTES:,} bytes, and every page "
            "holds it. Save it smaller."
        )
        raise LeakkitError("bad_logo", message)
    kinds = [kind for sign, kind in SIGNS.items() if content.startswith(sign)]
    if not kinds:
        message = f"The logo {file.name} is neither a PNG nor a JPEG file. Save it as one of them."
        raise LeakkitError("bad_logo", message)
    return {
        "kind": kinds[0],
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode("ascii"),
    }


def keep_logo(store: Store, logo: Logo | None) -> None:
    """Keep a logo in the store, where pages and decks find it."""
    store.set_meta("logo", logo or {})
