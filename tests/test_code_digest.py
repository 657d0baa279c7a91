"""Caches know the code: a page and a kept store are of the code that made them."""

import shutil
from pathlib import Path

import pytest

from leakkit import version


def test_every_file_of_the_package_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "leakkit"
    shutil.copytree(Path(version.__file__).parent, package)
    monkeypatch.setattr(version, "__file__", str(package / "version.py"))

    def digest() -> str:
        version.code_digest.cache_clear()
        return version.code_digest()

    try:
        first = digest()
        (package / "views" / "__pycache__").mkdir(exist_ok=True)
        (package / "views" / "__pycache__" / "x.pyc").write_bytes(b"1")
        assert digest() == first
        seen = {first}
        for name in ("views/tables.py", "words/en.toml", "findings/reasons.toml"):
            with (package / name).open("a", encoding="utf-8") as stream:
                stream.write("\n")
            seen.add(digest())
        (package / "views" / "table.py").write_text("")
        seen.add(digest())
        assert len(seen) == 5
    finally:
        version.code_digest.cache_clear()
