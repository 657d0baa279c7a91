"""What was recognised in a source, and by what: the answer to "why did it read it so?"."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leakkit.config import Config
    from leakkit.store.database import Store


@dataclass(frozen=True)
class Recognised:
    """One thing that was recognised: `what` of `where` was taken `as_what`, because of `why`.

    All but the evidence are codes: `Recognised("deals.csv", "encoding", "windows-1256",
    "letters")`. The evidence is a text of the file, a number of rows, or a code.
    """

    where: str
    what: str
    as_what: str
    why: str = ""


@dataclass
class Told:
    """What the steps of one reading say, count and set aside: the only thing of it that grows.

    `said` is what was recognised, `counted` the facts that the reading itself finds,
    `asides` the (file, row, rule) of rows that are no rows of the data, `left` how many rows
    of a (table, file) nobody asks for, which were left out before all else, and `copied` how
    many rows of copies of a file were merged with its own.
    """

    said: list[Recognised] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    asides: list[tuple[str, int, str]] = field(default_factory=list)
    left: dict[tuple[str, str], int] = field(default_factory=dict)
    copied: dict[str, int] = field(default_factory=dict)

    def speak(self) -> list[dict[str, str]]:
        """Return what was recognised, in the form in which the store keeps it."""
        return [asdict(one) for one in self.said]


@dataclass(frozen=True)
class Reading:
    """One reading of a source: into which store, by which rules, with room for scratch files.

    `told` is what its steps said, which they hand over by `say`, `count`, `put_aside` and
    `leave_out`. `places` are the folders in which files that the configuration names are
    sought, and others they may be in.
    """

    store: Store
    config: Config
    scratch: Path
    told: Told = field(default_factory=Told)
    places: tuple[Sequence[Path], Sequence[Path]] = ((), ())

    def say(self, where: str, what: str, as_what: str, why: str = "") -> None:
        """Keep what was recognised; once, however often it is said."""
        found = Recognised(where, what, as_what, why)
        if found not in self.told.said:
            self.told.said.append(found)

    def count(self, code: str, n: int) -> None:
        """Count a fact of the reading."""
        if n:
            self.told.counted[code] = self.told.counted.get(code, 0) + n

    def put_aside(self, file: str, row: int, rule: str) -> None:
        """Keep the place of a row that is no row of the data."""
        self.told.asides.append((file, row, rule))

    def leave_out(self, table: str, file: str, n: int) -> None:
        """Count rows of a file that nobody asks for."""
        self.told.left[table, file] = self.told.left.get((table, file), 0) + n

    def merge_copies(self, file: str, n: int) -> None:
        """Count rows of copies of a file, which are its own rows once more."""
        if n:
            self.told.copied[file] = self.told.copied.get(file, 0) + n
