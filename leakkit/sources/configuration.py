"""Which configuration counts, and the files that it names: a dictionary of reasons, a logo.

Who wrote a configuration may not be who runs it: the files are in places that are allowed.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from leakkit import limits
from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.databases.addresses import Address
from leakkit.sources.formats.files import form_of_content
from leakkit.sources.formats.unpacking import text_inside
from leakkit.sources.headings.folders import CONFIG_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.sources.headings.reading import Reading
    from leakkit.sources.shapes.shaping import Found
    from leakkit.store.database import Store

Given = Config | str | Path | None
"""A configuration, the name of a file that holds one, or none."""


def choose_configuration(source: object, given: Given) -> Given:
    """Return the configuration that was given, else the one beside the source, if any.

    Raises where there is no such source.
    """
    if isinstance(source, Address):
        return given or find_configuration(source.folder)
    if not isinstance(source, str | Path):
        return given
    if not Path(source).exists():
        message = f"There is no file or folder {source}."
        raise LeakkitError("no_source", message)
    return given or find_configuration(Path(source))


def read_rules(config: Given, as_of: str) -> Config:
    """Return the configuration as it counts: what was given, or is read, with its last day."""
    rules = config if isinstance(config, Config) else Config.read(config) if config else Config()
    return with_as_of(rules, as_of) if as_of else rules


def with_as_of(config: Config, as_of: str) -> Config:
    """Return the configuration with another `as_of`."""
    try:
        return Config.model_validate({**config.model_dump(), "as_of": as_of})
    except ValidationError:
        message = (
            f"{as_of!r} is no date or time: as_of should look like 2026-06-30 or 2026-06-30T14:05."
        )
        raise LeakkitError("as_of", message) from None


def find_configuration(path: Path) -> Config | Path | None:
    """Return the leakkit.toml in the folder, beside the file or inside a .zip, if there is one."""
    file = (path if path.is_dir() else path.parent) / CONFIG_FILE
    packed = path.is_file() and form_of_content(path) == "zip"
    text = text_inside(path, CONFIG_FILE) if packed else None
    if text is None:
        return file if file.is_file() else None
    if file.is_file():
        message = (
            f"There is a {CONFIG_FILE} inside {path.name} and one beside it. Say which to use: "
            "--config FILE."
        )
        raise LeakkitError("two_files", message)
    return Config.from_text(text, f"{CONFIG_FILE} in {path.name}")


def within_days(reading: Reading, first: str, last: str) -> Reading:
    """Let the history begin with the first snapshot and end with the last, unless declared."""
    if not first:
        return reading
    config, rules = reading.config, reading.config.source
    started = rules.history_start or dt.date.fromisoformat(first)
    source = rules.model_copy(update={"history_start": started})
    config = config.model_copy(update={"source": source, "as_of": config.as_of or last})
    return replace(reading, config=config)


# ---------------- files that it names


def named_file(name: str, folders: Sequence[Path], allowed: Sequence[Path], key: str) -> Path:
    """Return the file that a configuration names under `key`, sought in `folders`.

    It must be in one of these or of those that are `allowed`, links followed; raises
    LeakkitError where it is elsewhere or nowhere.
    """
    found = [file for folder in folders if (file := folder / name).is_file()]
    if not found:
        where = " or ".join(str(folder) for folder in folders)
        message = f"There is no file {name!r}, which {key} names, in {where}."
        raise LeakkitError("no_file", message)
    within = [folder.resolve() for folder in (*folders, *allowed)]
    for file in found:
        if any(file.resolve().is_relative_to(folder) for folder in within):
            return file
    message = (
        f"{key} names {name!r}, which is outside of the folder of the source and of the "
        "configuration. Move the file there, or let its folder be read: --allow FOLDER."
    )
    raise LeakkitError("file_outside", message)


def folders_of(source: object, config: Config | str | Path | None) -> tuple[Path, ...]:
    """Return the folder of the configuration, then that of the source; the present one for frames.

    A configuration that is no file has none.
    """
    near = [Path(one) for one in (config, source) if isinstance(one, str | Path)]
    folders = [one if one.is_dir() else one.parent for one in near]
    folders += [source.folder] if isinstance(source, Address) else []
    return tuple(dict.fromkeys(folders)) or (Path(),)


# ---------------- the dictionary of reasons


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


# ---------------- the logo

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
