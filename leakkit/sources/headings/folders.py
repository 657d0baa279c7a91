"""What a folder holds: files with tables in them; a database is one whose files are tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from leakkit.errors import Ask
from leakkit.sources.formats.files import form_of_name, read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from leakkit.sources.headings.columns import Table
    from leakkit.sources.headings.recognised import Reading

CONFIG_FILE = "leakkit.toml"


@dataclass(frozen=True)
class Member:
    """A file of a folder, or a table of a database.

    `stem` is its name without what is no name: the part it plays, where it is one of ours.
    `named` says whether that counts, `data` whether it may be looked into for one. `read`
    returns its tables under a name that keeps them apart, `stated` what is kept of it.
    Where one cannot be read, others may be read without it, unless it is `needed`.
    """

    name: str
    stem: str
    named: bool
    data: bool
    read: Callable[[Reading, str], list[Table]]
    stated: Callable[[], dict[str, str]]
    needed: bool = False


@dataclass(frozen=True)
class Folder:
    """A source of several tables: what it and they are called, and what it holds."""

    label: str
    members: tuple[Member, ...]
    kind: str = "folder"
    noun: str = "file"

    def asked_for(self, reading: Reading) -> list[Member]:
        """Return what is to be read: all is, unless `read` names some, or patterns of names."""
        asked = reading.config.source.read
        return [
            one
            for one in self.members
            if not asked or any(fnmatchcase(one.name, name) for name in asked)
        ]


def folder_of(path: Path) -> Folder:
    """Return a folder of files."""
    files = sorted(one for one in path.iterdir() if one.is_file())
    return Folder(path.resolve().name, tuple(map(member_of, files)))


def member_of(file: Path) -> Member:
    """Return a file as a member of its folder."""
    return Member(
        file.name,
        stem_of(file),
        named=form_of_name(file) != "",
        data=may_be_data(file),
        read=lambda reading, name: read_file(reading, file, name),
        stated=lambda: input_of(file),
    )


def which_member(found: Sequence[Member], every: Sequence[Member]) -> tuple[Ask, ...]:
    """Ask which of several is read, beside those that play another part."""
    names = tuple(one.name for one in found)
    others = tuple(one.name for one in every if one.name not in {*names, CONFIG_FILE} and one.data)
    return (
        Ask("source", "read", names, "which file is read; others are left aside", beside=others),
    )


def may_be_data(file: Path) -> bool:
    """Say whether a file may be one of the source: notes in .txt are not."""
    return form_of_name(file) != "" and file.suffix.lower() != ".txt"


def stem_of(path: Path) -> str:
    """Return a file's name without its endings."""
    return path.name.partition(".")[0] or path.name


def input_of(path: Path) -> dict[str, str]:
    """Return name, format and SHA-256 of an input file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    form = form_of_name(path) or path.suffix.lower().lstrip(".")
    return {"name": path.name, "format": form, "sha256": digest}
