"""Which configuration counts: the one given, or the one beside the files."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from leakkit.config import Config
from leakkit.errors import LeakkitError
from leakkit.sources.databases.addresses import Address
from leakkit.sources.formats.files import form_of_content
from leakkit.sources.formats.unpacking import text_inside
from leakkit.sources.headings.folders import CONFIG_FILE

if TYPE_CHECKING:
    from leakkit.sources.headings.reading import Reading

Given = Config | str | Path | None
"""A configuration, the name of a file that holds one, or none."""


def choose_configuration(source: Any, given: Given) -> Given:  # noqa: ANN401 - whatever a user gives
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
