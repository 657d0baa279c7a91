"""Text files as UTF-8: unpacked, told apart, and re-encoded as a stream."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from leakkit import limits
from leakkit.errors import Ask, Fault, LeakkitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from leakkit.sources.headings.reading import Reading

CHUNK = 1 << 20
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
LONE, TOGETHER = 1.3, 2.0
"""Mean length of runs of letters beyond ASCII: in Western words they stand alone, Arabic
and Persian words are made of them. What lies between is not decided."""


@dataclass(frozen=True)
class Text:
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


def as_utf8(reading: Reading, path: Path, name: str) -> tuple[Path, Text]:
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
        raise LeakkitError("encoding", message, asks=_ASKED) from None
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


_ASKED = (Ask("source", "encoding", ("windows-1252", "windows-1256"), "how its letters are kept"),)
_SAY_ENCODING = "Save it as 'CSV UTF-8', or name its encoding: [source] encoding = 'windows-1252'."


def _reason(error: UnicodeError) -> str:
    """Return why a text could not be decoded."""
    return str(getattr(error, "reason", error))


def _decode_stream(stream: IO[bytes], encoding: str) -> Iterator[str]:
    """Decode a stream, chunk by chunk."""
    decoder = codecs.getincrementaldecoder(encoding)()
    while chunk := stream.read(CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def survey(path: Path, name: str, declared: str = "auto") -> Text:
    """Read a text file once: which encoding has it, are there NUL bytes, how many lines?"""
    with path.open("rb") as stream:
        start = stream.read(4096)
    encoding = declared if declared != "auto" else _read_mark(start)
    if encoding not in {"", "utf-8", "utf-8-sig"}:
        return Text(encoding)
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
            raise LeakkitError("encoding", message, asks=_ASKED) from None
        return Text(_single_byte(path, name))
    return Text(encoding or "utf-8", new_lines or returns)


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
    if mean >= TOGETHER:
        return "windows-1256"
    if mean <= LONE and not arabic:
        return "windows-1252"
    message = f"{name} is not UTF-8, and its encoding cannot be told for sure. " + _SAY_ENCODING
    raise LeakkitError("encoding", message, asks=_ASKED)
