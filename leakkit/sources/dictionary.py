"""The user's dictionary of reasons: where it is, and its text."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.errors import LeakkitError
from leakkit.sources.places import named_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leakkit.config import Config
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store


def find_dictionary(rules: Config, folders: Sequence[Path], allowed: Sequence[Path]) -> Path | None:
    """Return the user's dictionary of reasons: beside leakkit.toml, else beside the source."""
    name = rules.reasons.file
    try:
        return named_file(name, folders, allowed, "[reasons] file") if name else None
    except LeakkitError as error:
        raise LeakkitError("no_reasons", str(error)) from None


def keep_dictionary(store: Store, found: Found, file: Path) -> Found:
    """Keep the text of the user's dictionary in the store, and count it as an input."""
    with file.open("rb") as stream:
        content = stream.read(limits.CONFIG_BYTES + 1)
    try:
        store.set_meta("reasons", content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        message = f"The dictionary of reasons {file.name} is not UTF-8 text."
        raise LeakkitError("reasons_syntax", message) from None
    digest = hashlib.sha256(content).hexdigest()
    one = {"name": file.name, "format": "toml", "sha256": digest}
    ignored = tuple(name for name in found.ignored if name != file.name)
    return replace(found, inputs=(*found.inputs, one), ignored=ignored)
