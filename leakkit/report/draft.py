"""The files of a run: drafted in a folder of their own, then published together.

While a run works, the folder that readers see stays as it was. What the run writes goes
into `.draft`. When it is whole, `.draft` becomes `.ready` in one step, and from there

1. every page that will be replaced or removed says on top that this is going on;
2. the new manifest takes its place;
3. so do the other files for programs;
4. so do the pages, the index last;
5. what the last manifest names and the new one does not is removed.

Each step is a rename, so it needs no space. A process that is killed in between leaves
`.ready`, and the next run does the rest. Until then every file is of the run that
manifest.json names, or the pages beside it are marked.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.report.folder import PARTIAL, SLUG, digest_of, write_bytes, write_text
from leakkit.report.stale import digest_of_unmarked, mark_stale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
