"""Exports that were changed without changing what they mean, a short run of `make fuzz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import same_meaning

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    f"D{n},{'AB'[n % 2]},{('Won', 'Lost', 'Open')[n % 3]},{n}250,2024-03-{n + 10},2024-04-{n + 10}"
    for n in range(18)
]
EXPORT = "Deal ID,Stage,Status,Value,Created,Closed\n" + "\n".join(ROWS) + "\n"


def test_no_change_is_read_otherwise_in_silence(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(EXPORT, "utf-8")
    (export,) = same_meaning.exports_of(tmp_path)
    said: list[str] = []
    found = same_meaning.Tried()
    for only in ("one workbook", "two parts", "a copy in", "without deals[Status]"):
        found.counts += same_meaning.try_changes(export, said.append, only).counts
    assert found.counts == {"same": 3, "said": 1}, said
    assert "nothing_closes" in said[0]


def test_another_reading_is_seen(tmp_path: Path) -> None:
    """What the changes are held against is not blind."""
    (tmp_path / "deals.csv").write_text(EXPORT, "utf-8")
    base = same_meaning.read(tmp_path / "deals.csv")
    (tmp_path / "deals.csv").write_text(EXPORT.replace("D3,B,Won", "D3,B,Lost"), "utf-8")
    other = same_meaning.read(tmp_path / "deals.csv")
    assert base.ends == [("lost", 6), ("open", 6), ("won", 6)]
    assert not other.like(base, loosely=True)
