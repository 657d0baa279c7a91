"""`leakkit deck`: from a source to a deck in one file, beside no pages."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.analysis import analyze
from leakkit.errors import LeakkitError
from leakkit.report.preparation import RunSource, require_language, store_source
from leakkit.report.publishing import write_bytes
from leakkit.store import Store
from leakkit.views.brand import pale
from leakkit.views.view import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from leakkit.config import Config

SUFFIX = ".pptx"


@dataclass(frozen=True)
class Presented:
    """A deck that was written, and what in its brand could not be used."""

    file: Path
    said: tuple[str, ...]


def present(  # noqa: PLR0913 - every choice has a name
    source: str | Path | Mapping[str, pd.DataFrame],
    out: str | Path,
    config: Config | str | Path | None = None,
    *,
    pipelines: Sequence[str] = (),
    as_of: str = "",
    language: str = "",
    template: str | Path = "",
    anonymise: str | Path = "",
    allow: Sequence[str | Path] = (),
) -> Presented:
    """Write a PowerPoint deck of a source; return its path, and what is to be said of its brand.

    The choices are those of `run`; `template` is a .pptx whose master is filled. Equal
    sources give equal bytes. Raises LeakkitError where the source, the template or the
    place of the deck cannot be used.
    """
    file = Path(out)
    if file.suffix.lower() != SUFFIX:
        message = f"A deck is written as {SUFFIX}, not as {file.name!r}."
        raise LeakkitError("no_format", message)
    require_pptx()
    if language:
        require_language(language)
    from leakkit.deck import Look, deck  # noqa: PLC0415 - python-pptx is needed here only

    look = Look(Path(template) if template else None)
    with (
        store_source(RunSource(source, config, as_of, "", anonymise, allow)) as kept,
        Store.open(kept) as store,
    ):
        analysis = analyze(store, list(pipelines) or None, language=language)
        require_language(analysis.language)
        content = deck(analysis, look)
        said = tuple(pale(analysis.config.brand, words_of(analysis)))
    try:
        write_bytes(file, content)
    except OSError as error:
        message = f"Cannot write {file}: {error.strerror or error}."
        raise LeakkitError("folder_not_writable", message) from None
    return Presented(file, said)


def require_pptx() -> None:
    """Raise where the library for PowerPoint files is missing."""
    if find_spec("pptx") is None:
        message = (
            "A deck needs the library python-pptx, which is missing. Run: pip install python-pptx"
        )
        raise LeakkitError("no_pptx", message)
