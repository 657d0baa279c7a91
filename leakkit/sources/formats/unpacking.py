"""Packed files unpacked within bounds (docs/limits.md), and text files brought into UTF-8."""

from __future__ import annotations

import codecs
import errno
import gzip
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, NoReturn

from leakkit import limits
from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.likeness import ENCODINGS, LOOKS_RIGHT
from leakkit.store.engines import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


# ---------------- texts

SHOWN_FAULTS = 100
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
RUNS = re.compile(rb"[\x80-\xff]+")
ONLY_1256 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""Bytes that are letters in windows-1256 and nothing in windows-1252."""
STRAY = re.compile(rb'(?<=[",;\t|>])\0(?=[^\0])')
"""One NUL where a cell or a mark of rich text begins."""
WORDS = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
CELLS = re.compile(rb"[^,;\t\r\n\"]*[\x80-\xff][^,;\t\r\n\"]*")
OF_TWO_BYTES = ("cp932", "gb18030", "big5", "cp949")
MOST_WORDS, WORDS_FIT = 2_000, 0.95
LONE, TOGETHER = 1.3, 2.0
"""Mean length of runs of letters beyond ASCII: in Western words they stand alone, Arabic
and Persian words are made of them. What lies between is not decided."""


@dataclass(frozen=True)
class TextSurvey:
    """What one pass over a text file has found: its encoding, and how many lines it has.

    `ends` counts the ends of lines; None where they were not counted.
    """

    encoding: str
    ends: int | None = None


def refuse_long_lines(path: Path, name: str) -> None:
    """Raise where a line is longer than can be held in memory; in any encoding."""
    pending = row = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            ends = [at for sign in (b"\n", b"\r") if (at := chunk.find(sign)) >= 0]
            if pending + min(ends, default=len(chunk)) > limits.LINE_BYTES:
                message = (
                    f"{name} has a line of more than {limits.LINE_BYTES:,} bytes, line {row + 1}: "
                    "it is no table, or the ends of its lines are missing."
                )
                raise LeakkitError("too_large", message)
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
            pending = len(chunk) - last if ends else pending + len(chunk)
            row += chunk.count(b"\n")


def as_utf8(reading: Reading, path: Path, name: str) -> tuple[Path, TextSurvey]:
    """Return a text file in UTF-8, re-encoded where it is not, and what was seen on the way.

    Raises LeakkitError for NUL bytes, mixed encodings, and what no encoding explains.
    """
    declared = reading.config.source.encoding
    path = _without_nuls(reading, path)
    text = survey(path, name, declared)
    if text.encoding in {"utf-8", "utf-8-sig"}:
        if text.encoding == "utf-8-sig" or declared != "auto":
            reading.say(name, "encoding", text.encoding)
        return path, text
    again = reading.scratch / f"utf8-{path.name}"
    try:
        with path.open("rb") as stream, again.open("wb") as out:
            for part in _decode_stream(stream, text.encoding):
                out.write(part.encode("utf-8"))
    except UnicodeError as error:
        message = f"{name} is not {text.encoding} throughout: {_reason(error)}. " + _SAY_ENCODING
        raise LeakkitError("encoding", message, asks=_ENCODING_ASK) from None
    reading.say(name, "encoding", text.encoding, "declared" if declared != "auto" else "letters")
    return again, text


def _without_nuls(reading: Reading, path: Path) -> Path:
    """Return a text file without the single NULs that some exports write before rich text.

    Any other NUL stays, and is refused: there a file is damaged.
    """
    with path.open("rb") as stream:
        start = stream.read(4096)
        wide = _read_mark(start).startswith("utf-16") or reading.config.source.encoding != "auto"
        stream.seek(0)
        if wide or not any(b"\0" in chunk for chunk in iter(lambda: stream.read(CHUNK), b"")):
            return path
    again = reading.scratch / f"text-{path.name}"
    dropped = 0
    with path.open("rb") as stream, again.open("wb") as out:
        for line in stream:
            plain, n = STRAY.subn(b"", line) if b"\0" in line else (line, 0)
            out.write(plain)
            dropped += n
    reading.count("nul_bytes_dropped", dropped)
    return again


_ENCODING_ASK = (
    Ask("source", "encoding", ("windows-1252", "windows-1256"), "how its letters are kept"),
)
WESTERN = "windows-1252"


def _say_encoding(likely: str) -> str:
    """Say what to do about a text in an encoding that nobody knows, which is likely this one."""
    return f"Save it as 'CSV UTF-8', or name its encoding: [source] encoding = {likely!r}."


_SAY_ENCODING = _say_encoding(WESTERN)


def _reason(error: UnicodeError) -> str:
    """Return why a text could not be decoded."""
    return str(getattr(error, "reason", error))


def _decode_stream(stream: IO[bytes], encoding: str) -> Iterator[str]:
    """Decode a stream, chunk by chunk."""
    decoder = codecs.getincrementaldecoder(encoding)()
    while chunk := stream.read(CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def survey(path: Path, name: str, declared: str = "auto") -> TextSurvey:
    """Read a text file once: which encoding has it, are there NUL bytes, how many lines?"""
    with path.open("rb") as stream:
        start = stream.read(4096)
    encoding = declared if declared != "auto" else _read_mark(start)
    if encoding not in {"", "utf-8", "utf-8-sig"}:
        return TextSurvey(encoding)
    decoder = codecs.getincrementaldecoder("utf-8")()
    new_lines, returns = 0, 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                if b"\0" in chunk:
                    _refuse_nul(path, name)
                new_lines += chunk.count(b"\n")
                returns += 0 if new_lines else chunk.count(b"\r")
                if decoder.getstate()[0] or not chunk.isascii():
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if encoding:
            message = f"{name} is not UTF-8 text. " + _SAY_ENCODING
            raise LeakkitError("encoding", message, asks=_ENCODING_ASK) from None
        return TextSurvey(_single_byte(path, name))
    return TextSurvey(encoding or "utf-8", new_lines or returns)


def _read_mark(start: bytes) -> str:
    """Return the encoding that a mark at the start names, or UTF-16 that has none; '' else."""
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    half = max(len(start) // 2, 1)
    if start[1::2].count(0) > 0.4 * half:
        return "utf-16-le"
    return "utf-16-be" if start[0::2].count(0) > 0.4 * half else ""


def _refuse_nul(path: Path, name: str) -> None:
    """Raise the error of a text file with NUL bytes, with the first rows that have them."""
    with path.open("rb") as stream:
        rows = [row for row, line in enumerate(stream) if b"\0" in line]
    faults = tuple(
        Fault(name, row or None, "", "", "the row holds NUL bytes") for row in rows[:SHOWN_FAULTS]
    )
    message = (
        f"{name} holds NUL bytes in {len(rows)} row(s): it is damaged, or no text. Export it again."
    )
    raise LeakkitError("nul_bytes", message, faults)


def _single_byte(path: Path, name: str) -> str:
    """Tell windows-1252 from windows-1256 by how the letters beyond ASCII stand together.

    A file with rows in UTF-8 and rows that are not is refused: no one encoding reads it.
    """
    runs, letters, arabic, good, bad = 0, 0, False, 0, []
    with path.open("rb") as stream:
        for row, line in enumerate(stream):
            if line.isascii():
                continue
            found = RUNS.findall(line)
            runs, letters = runs + len(found), letters + sum(map(len, found))
            arabic = arabic or ONLY_1256.search(line) is not None
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad.append(row)
    if good:
        faults = tuple(
            Fault(name, row or None, "", "", "the text is not UTF-8") for row in bad[:SHOWN_FAULTS]
        )
        message = (
            f"{name} mixes encodings: {good} row(s) are UTF-8, {len(bad)} are not. Export it again."
        )
        raise LeakkitError("mixed_encodings", message, faults)
    mean = letters / max(runs, 1)
    words = _words_beyond_ascii(path)
    if mean >= TOGETHER and _read_alike(words, "windows-1256"):
        return "windows-1256"
    if mean <= LONE and not arabic and _read_alike(words, "windows-1252"):
        return "windows-1252"
    cells = _words_beyond_ascii(path, CELLS)
    likely = {
        encoding: said
        for encoding in ENCODINGS
        if (said := _read_alike(cells if encoding in OF_TWO_BYTES else words, encoding))
    }
    shown = ", ".join(f"{said} in {encoding}" for encoding, said in likely.items())
    message = (
        f"{name} is not UTF-8, and its encoding cannot be told for sure"
        f"{f' (it has {shown})' if shown else ''}. " + _say_encoding(next(iter(likely), WESTERN))
    )
    ask = replace(_ENCODING_ASK[0], options=tuple(likely) or _ENCODING_ASK[0].options)
    raise LeakkitError("encoding", message, asks=(ask,))


def _words_beyond_ascii(path: Path, words: re.Pattern[bytes] = WORDS) -> list[bytes]:
    """Return the first different words, or cells, of a file that have letters beyond ASCII."""
    found: dict[bytes, None] = {}
    with path.open("rb") as stream:
        for line in stream:
            if not line.isascii():
                found |= dict.fromkeys(words.findall(line))
            if len(found) >= MOST_WORDS:
                break
    return list(found)


def _read_alike(words: Sequence[bytes], encoding: str) -> str:
    """Return the first word as an encoding reads it, if nearly all look like words; '' else."""
    read = []
    for word in words:
        try:
            read.append(word.decode(encoding))
        except UnicodeDecodeError:
            read.append("?")
    fit = sum(map(LOOKS_RIGHT[encoding], read))
    return read[0] if fit >= WORDS_FIT * len(read) else ""
