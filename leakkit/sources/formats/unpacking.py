"""Packed files, unpacked into the scratch folder within bounds (docs/limits.md)."""

from __future__ import annotations

import errno
import gzip
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, NoReturn

from leakkit import limits
from leakkit.errors import LeakkitError
from leakkit.store.troubles import FULL

if TYPE_CHECKING:
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading

CHUNK = 1 << 20
DAMAGED = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
END = struct.Struct("<4s4H2LH")
"""The record at the end of a .zip; its sixth part is the size of the list of files."""
Packed = IO[bytes] | gzip.GzipFile
LIST_BYTES = 500
"""So much of that list may one file take."""


def unpack_gzip(reading: Reading, path: Path) -> Path:
    """Return the file itself, or what a .gz holds, unpacked into the scratch folder."""
    with path.open("rb") as stream:
        start = stream.read(2)
    if start != b"\x1f\x8b":
        return path
    inside = reading.scratch / (path.name.removesuffix(".gz").removesuffix(".GZ") or "unpacked")
    try:
        bound = Bound(path)
        with path.open("rb") as raw, gzip.open(raw, "rb") as packed, inside.open("wb") as out:
            while chunk := bound.read(packed):
                bound.hold_density(raw.tell())
                out.write(chunk)
    except DAMAGED as error:
        refuse_full(error)
        message = f"{path.name} is a broken .gz file: it ends too early, or its bytes are damaged."
        raise LeakkitError("unreadable_file", message) from None
    reading.say(path.name, "packed", "gz")
    return inside


def unpack_zip(reading: Reading, path: Path) -> list[Path]:
    """Return the files that a .zip holds, unpacked into the scratch folder."""
    folder = reading.scratch / "zip"
    folder.mkdir()
    try:
        with open_zip(path, path.name) as packed:
            found = _take_out(packed, path, folder)
    except DAMAGED as error:
        refuse_full(error)
        message = f"{path.name} is a broken .zip file, or one with a password. Unpack it first."
        raise LeakkitError("unreadable_file", message) from None
    reading.say(path.name, "packed", "zip", ", ".join(file.name for file in found))
    return found


def _take_out(packed: zipfile.ZipFile, path: Path, folder: Path) -> list[Path]:
    """Write each file of a .zip into a folder, under its name alone."""
    found, bound = [], Bound(path)
    bound.hold(sum(entry.file_size for entry in packed.infolist() if plain_name(entry)))
    for entry in packed.infolist():
        name = plain_name(entry)
        if not name:
            continue
        file = folder / name
        if file.exists():
            message = f"{path.name} holds two files of the name {name}. Keep one of them."
            raise LeakkitError("two_files", message)
        with packed.open(entry) as stream, file.open("wb") as out:
            bound.copy(stream, out)
        found.append(file)
    return found


def plain_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of a file in a .zip without folders; '' for what is none of the user's.

    Raises for what Python unpacks with memory that the file itself asks for.
    """
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise NotImplementedError
    name = entry.filename.replace("\\", "/").rpartition("/")[2]
    return "" if name.startswith(".") or "__MACOSX" in entry.filename else name


def text_inside(path: Path, name: str) -> str | None:
    """Return the text of a small file of this name in a .zip; None where there is none."""
    try:
        with open_zip(path, path.name) as packed:
            named = [entry for entry in packed.infolist() if plain_name(entry) == name]
            if not named:
                return None
            if len(named) > 1:
                message = f"{path.name} holds more than one {name}. Unpack it first."
                raise LeakkitError("config_syntax", message)
            with packed.open(named[0]) as stream:
                return stream.read(limits.CONFIG_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"{name} in {path.name} is not UTF-8 text."
        raise LeakkitError("config_syntax", message) from None
    except DAMAGED:
        return None  # whoever reads the tables says what is wrong


def open_zip(path: Path, name: str) -> zipfile.ZipFile:
    """Open a .zip whose list of files is not too long to be read."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - (1 << 16) - END.size))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at >= 0 and len(tail) >= at + END.size:
        size = END.unpack_from(tail, at)[5]
        if size > limits.PACKED_FILES * LIST_BYTES:
            message = f"{name} holds more files than {limits.PACKED_FILES:,}. Unpack it first."
            raise LeakkitError("too_large", message)
    try:
        return zipfile.ZipFile(path)
    except (ValueError, NotImplementedError, struct.error) as error:
        # a name that is no text, or a number that is out of range
        message = f"{name}: its list of files is damaged."
        raise zipfile.BadZipFile(message) from error


class Bound:
    """How much a packed file may unpack to, counted while it is unpacked."""

    def __init__(self, path: Path) -> None:
        """Take the bound from the size of the packed file."""
        self.name = path.name
        ratio = path.stat().st_size * limits.UNPACKED_RATIO
        self.most = min(limits.UNPACKED_BYTES, max(limits.UNPACKED_FREELY, ratio))
        self.done = 0

    def copy(self, packed: Packed, out: IO[bytes]) -> None:
        """Unpack a stream into another, chunk by chunk; raise beyond the bound."""
        while chunk := self.read(packed):
            out.write(chunk)

    def read(self, packed: Packed) -> bytes:
        """Return the next chunk of a stream; raise beyond the bound."""
        chunk = packed.read(CHUNK)
        self.done += len(chunk)
        self.hold(self.done)
        return chunk

    def hold_density(self, taken: int) -> None:
        """Raise where what was taken of a file so far is packed more densely than any table."""
        if self.done > max(limits.UNPACKED_FREELY, limits.UNPACKED_RATIO * taken):
            self._refuse()

    def hold(self, size: int) -> None:
        """Raise where a size is beyond the bound: one that was counted, or one that is declared."""
        if size > self.most:
            self._refuse()

    def _refuse(self) -> NoReturn:
        """Raise the error of a file that unpacks to too much."""
        message = (
            f"{self.name} unpacks to more than {limits.UNPACKED_RATIO} times its size, or to more "
            f"than {limits.UNPACKED_BYTES:,} bytes: it may be made to fill a disk. If it is not, "
            "unpack it first."
        )
        raise LeakkitError("too_large", message)


def lack_of_room(error: BaseException) -> LeakkitError | None:
    """Return the error that says that a disk or the memory is full, where that is what happened."""
    text = str(error)
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    if full or "No space left" in text or "usable temporary directory" in text:
        message = (
            "There is no room left for temporary files, or for the store. Free some, or name "
            "another folder for temporary files by the environment: TMPDIR=/folder."
        )
        return LeakkitError("no_room", message)
    if isinstance(error, MemoryError | FULL):
        message = (
            "The source takes more memory than there is. Leave out columns that say nothing of a "
            "deal, its stages or its dates, or give the history as a file of its own."
        )
        return LeakkitError("no_memory", message)
    return None


def refuse_full(error: BaseException) -> None:
    """Raise an error again that says that a disk is full: no file is broken by that."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        raise error
