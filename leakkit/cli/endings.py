"""How a command ends: its codes, a refusal in plain words, a file, a request to end."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from leakkit.errors import HALF_EXPORT, LeakkitError, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


# ---------------- endings
# How a command ends: its codes, a refusal in plain words, and a request to end.

FAILED_PAGES, BAD_INPUT, FOUND, OWN_FAULT, INTERRUPTED = 1, 2, 3, 4, 130
SET_ASIDE = TO_FILL = 1


def refuse(error: LeakkitError) -> NoReturn:
    """Say what is wrong, and end with the code for it."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(visible(f"leakkit: {error}"))
    sys.exit(FAILED_PAGES if error.code == HALF_EXPORT else BAD_INPUT)


@contextmanager
def ask_at_once(source: str, config: str, allow: Sequence[Path]) -> Iterator[None]:
    """Let an error about a source name all lines that are missing, and not the first kind only."""
    try:
        yield
    except LeakkitError as error:
        if not error.asks or not Path(source).exists():
            raise
        from leakkit.config import Config
        from leakkit.sources.configuration import find_configuration
        from leakkit.sources.propose.trials import all_at_once

        known = config or find_configuration(Path(source))
        rules = known if isinstance(known, Config) else Config.read(known) if known else Config()
        raise all_at_once(error, Path(source), rules, allow) from None


@contextmanager
def stop_like_ctrl_c() -> Iterator[None]:
    """Let a request to end, as a service manager makes it, stop the command as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# ---------------- files
# Files that a command was asked for.


def save(path: Path, text: str) -> None:
    """Write a file that a command was asked for."""
    from leakkit.report.publishing import write_text

    try:
        write_text(path, text)
    except OSError as error:
        message = f"Cannot write {path}: {error.strerror or error}."
        raise LeakkitError("file_not_writable", message) from None
