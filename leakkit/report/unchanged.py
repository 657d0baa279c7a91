"""A night on which nothing changed: known by hashes, before a source is read.

A run leaves a note in its run.json: what it was asked for, the hash of every file that it may
have read, of leakkit's own code and of the libraries, and what it has to say where nothing
changed. The next run that is asked for the same, finds the same files and the same pages,
says that and ends. Whatever cannot be known by a hash (a database, frames) is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit.report import notebooks
from leakkit.report.publishing import DRAFT, INDEX, MANIFEST, READY, TIMES, digest_of, write_text
from leakkit.version import code_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


NOTE = "unchanged"
CONFIG_FILE = "leakkit.toml"
MOST_FILES = 1_000
"""A folder with more files than this is no export that is read every night."""


@dataclass(frozen=True)
class Request:
    """What a run was asked for: its source and files, and `choices`, all else as texts."""

    source: str
    out: str
    config: str
    store: str
    key: str
    allow: tuple[str, ...]
    choices: tuple[str, ...]

    def digest(self) -> str:
        """Return the SHA-256 of what the run depends on; '' where that is not known by files."""
        try:
            files = self._files()
        except (OSError, RecursionError):
            # whoever reads the source or the configuration says what is wrong with it
            return ""
        if files is None:
            return ""
        settings = {name: text for name, text in os.environ.items() if name.startswith("LEAKKIT_")}
        places = map(Path, sys.path)
        libraries = sorted(one.name for place in places for one in place.glob("*.dist-info"))
        pages = [digest_of(book) for book in sorted(notebooks.notebook_folder().glob("*.ipynb"))]
        known = [asdict(self), settings, code_digest(), pages, libraries]
        whole = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
        for file in files:
            whole.update(f"\0{file}\0{digest_of(file)}".encode())
        return whole.hexdigest()

    def _files(self) -> list[Path] | None:
        """Return every file that the run may read, or None where that cannot be said."""
        source = Path(self.source)
        if not source.exists() or (self.key and not Path(self.key).is_file()):
            return None
        folder_of_source = source if source.is_dir() else source.parent
        config = Path(self.config) if self.config else folder_of_source / CONFIG_FILE
        found = {*_list_contents(source), config, *([Path(self.key)] if self.key else ())}
        for folder in (folder_of_source, config.parent, *map(Path, self.allow)):
            found |= {folder / name for name in _named_files(config)}
        files = sorted(file for file in found if os.path.isfile(file))  # noqa: PTH113 - it takes any text
        return files if len(files) <= MOST_FILES else None

    def note(self, said: Mapping[str, object], digest: str) -> None:
        """Leave a note in run.json; `said` is what a run that changes nothing has to say.

        Where it cannot be written, the next run is a whole one.
        """
        folder = Path(self.out)
        made = {"manifest": digest_of(folder / MANIFEST), "store": self._store()}
        with suppress(OSError, ValueError):
            times = json.loads((folder / TIMES).read_text("utf-8"))
            times[NOTE] = {"asked": digest, **made, "said": said}
            write_text(folder / TIMES, json.dumps(times, ensure_ascii=False, indent=2) + "\n")

    def find_unchanged(self, digest: str) -> dict[str, Any] | None:
        """Return what there is to say where the folder holds what this run would make."""
        folder = Path(self.out)
        try:
            note = json.loads((folder / TIMES).read_text("utf-8"))[NOTE]
            stands = note["asked"] == digest != "" and note["store"] == self._store()
            stands = stands and note["manifest"] == digest_of(folder / MANIFEST)
            stands = stands and not any((folder / name).exists() for name in (DRAFT, READY))
            made = json.loads((folder / MANIFEST).read_text("utf-8"))
            if stands and all(digest_of(folder / name) == sha for name, sha in _made_files(made)):
                return dict(note["said"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    def _store(self) -> str:
        """Return the SHA-256 of the store that is kept; '' where none is."""
        return digest_of(Path(self.store)) if self.store else ""


def _list_contents(source: Path) -> list[Path]:
    """Return the files of a source; a database of one file may have others that begin like it."""
    if source.is_dir():
        return list(source.iterdir())
    return [file for file in source.parent.iterdir() if file.name.startswith(source.name)]


def _named_files(config: Path) -> set[str]:
    """Return all texts of a configuration: any of them may name a file."""
    try:
        return set(_texts(tomllib.loads(config.read_text("utf-8"))))
    except (OSError, ValueError):
        return set()


def _texts(given: object) -> Iterator[str]:
    """Yield the texts in tables and lists, however deep; none that no file is called."""
    if isinstance(given, str) and given and "\0" not in given:
        yield given
    elif isinstance(given, dict | list):
        for one in given.values() if isinstance(given, dict) else given:
            yield from _texts(one)


def _made_files(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the files that a manifest names, each with its SHA-256."""
    yield INDEX, facts["overview"]["sha256"]
    for name, one in facts["files"].items():
        yield name, one["sha256"]
    for entry in facts["pipelines"]:
        for name, page in entry["pages"].items():
            yield f"{entry['slug']}/{name}", page["sha256"]
