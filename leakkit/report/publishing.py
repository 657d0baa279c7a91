"""The run's folder: drafted aside, then published by renames, one run at a time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import unicodedata
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from markupsafe import escape

from leakkit.errors import LeakkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# ---------------- folder
# The run's folder: names that any file system takes, whole files, and one run at a time.

LONGEST = 48
LOCK = ".lock"
PARTIAL = ".partial"
"""Behind the name of a file while it is written."""
SLUG = re.compile(r"[a-z0-9-]{1,55}")


def slug(name: str) -> str:
    """Return a folder name for a pipeline: its readable part and 6 digits of its SHA-256.

    >>> slug("Spare parts")
    'spare-parts-177b75'
    >>> slug("../../etc/passwd").count("/")
    0
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].strip("-") or "pipeline"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def write_text(path: Path, text: str) -> None:
    r"""Write a text in one step, as UTF-8 with `\n` line ends on every system."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never a part.

    Raises OSError where it cannot be written, and leaves the old file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; an empty text where there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def claim_folder(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two runs never write into it at once.

    The system lets go of it when this process ends, however it ends. Raises LeakkitError
    where another run holds it, or where nothing can be written.
    """
    from leakkit.scratch import hold_lock  # noqa: PLC0415 - a quick end holds nothing

    said = f"Another run is writing into {folder}. Wait for it, or choose another --out."
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold_lock(folder / LOCK, LeakkitError("folder_in_use", said)))
        except OSError as error:
            message = f"Cannot write into {folder}: {error.strerror or error}."
            raise LeakkitError("folder_not_writable", message) from None
        yield


# ---------------- stale
# An old page says so itself: whoever has its address never sees the index.

PLACE = "<!-- leakkit: as of -->"
"""Stands in every page where the mark goes."""
MARK = re.compile(re.escape(PLACE) + r'(<p class="lk-trouble">.*?</p>)?', re.DOTALL)


def mark_stale(page: str, text: str) -> str:
    """Return the page with a notice on top, in place of an earlier one.

    >>> mark_stale(f"<main>{PLACE}</main>", "From <June>.")
    '<main><!-- leakkit: as of --><p class="lk-trouble">From &lt;June&gt;.</p></main>'
    """
    notice = f'{PLACE}<p class="lk-trouble">{escape(text)}</p>'
    return MARK.sub(lambda _: notice, page, count=1)


def digest_of_unmarked(file: Path) -> str:
    """Return the SHA-256 of a page as it was before it was marked; empty where there is none."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return hashlib.sha256(MARK.sub(PLACE, text, count=1).encode()).hexdigest()


# ---------------- draft
# The files of a run: drafted in a folder of their own, then published together.
#
# While a run works, the folder that readers see stays as it was. What the run writes goes
# into `.draft`. When it is whole, `.draft` becomes `.ready` in one step, and from there
#
# 1. every page that will be replaced or removed says on top that this is going on;
# 2. the new manifest takes its place;
# 3. so do the other files for programs;
# 4. so do the pages, the index last;
# 5. what the last manifest names and the new one does not is removed.
#
# Each step is a rename, so it needs no space. A process that is killed in between leaves
# `.ready`, and the next run does the rest. Until then every file is of the run that
# manifest.json names, or the pages beside it are marked.

DRAFT, READY = ".draft", ".ready"
MARKED, NEW, GONE = "marked", "new", "gone.json"
MANIFEST, TIMES, INDEX = "manifest.json", "run.json", "index.html"
PAGE = ".html"
FILE = re.compile(r"[a-z_]+(\.failed)?\.(html|csv|json|xlsx|ipynb|pptx|txt|pdf)")
"""Names of files that leakkit writes."""


@contextmanager
def begin_draft(folder: Path) -> Iterator[Draft]:
    """Begin a draft, once what a killed run left is put right; end with nothing left of it."""
    finish(folder)
    try:
        yield Draft(folder)
    finally:
        shutil.rmtree(folder / DRAFT, ignore_errors=True)


@dataclass(frozen=True)
class Draft:
    """What a run writes, before anybody sees it; names are paths in the run's folder."""

    folder: Path

    def write_text(self, name: str, text: str) -> None:
        """Write a text, as UTF-8."""
        write_text(self.folder / DRAFT / NEW / name, text)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file."""
        write_bytes(self.folder / DRAFT / NEW / name, content)

    def find(self, name: str) -> Path:
        """Return where a file is: in the draft, else where it stands."""
        new = self.folder / DRAFT / NEW / name
        return new if new.is_file() else self.folder / name

    def publish(self, gone: Mapping[str, str], notice: str) -> None:
        """Put the draft in place of what stands there.

        `gone` are files to remove, each with its SHA-256: one that was changed since is
        somebody's own, and stays. `notice` is what pages say until they are replaced.
        Raises OSError while nothing is changed yet, and LeakkitError from then on.
        """
        self._mark(gone, notice)
        self._leave_out_what_stands()
        write_text(self.folder / DRAFT / GONE, json.dumps(dict(gone), sort_keys=True))
        (self.folder / DRAFT).replace(self.folder / READY)
        try:
            finish(self.folder)
        except KeyboardInterrupt:
            finish(self.folder)
            raise

    def _mark(self, gone: Mapping[str, str], notice: str) -> None:
        """Draft the notice for all pages beside what changes, and the pages to follow it."""
        changed = {PurePosixPath(n).parent for n in self._names() if self._differs(n)}
        pages = {
            page.relative_to(self.folder).as_posix()
            for place in changed
            for page in (self.folder / place).glob(f"*{PAGE}")
            if FILE.fullmatch(page.name)
        }
        for name in sorted(pages | {name for name in gone if name.endswith(PAGE)}):
            standing = self.folder / name
            if not standing.is_file():
                continue
            text = standing.read_text("utf-8", errors="replace")
            write_text(self.folder / DRAFT / MARKED / name, mark_stale(text, notice))
            if name not in gone and self.find(name) == standing:
                self.write_bytes(name, standing.read_bytes())

    def _leave_out_what_stands(self) -> None:
        """Drop the files that would not change, but for pages that are marked first."""
        for name in self._names():
            first = self.folder / DRAFT / MARKED / name
            if not first.is_file() and self._same(name):
                (self.folder / DRAFT / NEW / name).unlink()

    def _names(self) -> list[str]:
        """Return the names of what is drafted."""
        return _files_of(self.folder / DRAFT / NEW)

    def _differs(self, name: str) -> bool:
        """Say whether a drafted file says something new; the times of a run do not."""
        return name != TIMES and not self._same(name)

    def _same(self, name: str) -> bool:
        """Say whether a drafted file stands there already."""
        return digest_of(self.folder / DRAFT / NEW / name) == digest_of(self.folder / name)


def finish(folder: Path) -> None:
    """Publish what is ready, and remove what is not: also what a killed run has left."""
    ready = folder / READY
    if ready.is_dir():
        try:
            _move(ready / MARKED, folder)
            _move(ready / NEW, folder)
            _remove(folder, ready / GONE)
        except OSError as error:
            message = (
                f"Cannot replace {error.filename2 or error.filename}: {error.strerror or error}. "
                "Pages that were to be replaced say so; the next run into this folder goes on."
            )
            raise LeakkitError("half_published", message) from None
        shutil.rmtree(ready)
    shutil.rmtree(folder / DRAFT, ignore_errors=True)
    # the note for an unchanged night is written after all else, in its place
    (folder / f"{TIMES}{PARTIAL}").unlink(missing_ok=True)


def _move(source: Path, folder: Path) -> None:
    """Move all files into the run's folder, in an order that a reader can trust."""
    for name in sorted(_files_of(source), key=_turn):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(folder / name)


def _turn(name: str) -> tuple[int, str]:
    """Return when a file has its turn: the manifest, what programs read, pages, the index."""
    if name == MANIFEST:
        return 0, name
    if name == INDEX:
        return 3, name
    return 2 if name.endswith(PAGE) else 1, name


def _remove(folder: Path, listed: Path) -> None:
    """Remove the files that are gone, as far as they are as leakkit left them."""
    try:
        gone = json.loads(listed.read_text("utf-8"))
    except FileNotFoundError:  # this was the last step, and it was done
        return
    for name in sorted(gone, key=_turn):
        file, place = folder / name, (folder / name).parent
        if not is_believable(name) or place.is_symlink():
            continue
        if gone[name] in {digest_of(file), digest_of_unmarked(file)}:
            file.unlink()
        if place != folder and place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def is_believable(name: str) -> bool:
    """Say whether a name from a manifest, which may have been changed, is one that a run gives.

    >>> is_believable("spare-parts-177b75/stages.csv"), is_believable("../stages.csv")
    (True, False)
    """
    place, _, file = name.rpartition("/")
    return bool(FILE.fullmatch(file)) and (not place or bool(SLUG.fullmatch(place)))


def _files_of(place: Path) -> list[str]:
    """Return the names of all files under a folder, sorted."""
    with suppress(FileNotFoundError):
        return sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
    return []
