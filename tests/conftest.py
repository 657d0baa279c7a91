"""What tests share: the real data and the browser that some of them need, and no chance."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# The same examples at every run, and no limit of time: machines of others are slow.
settings.register_profile("leakkit", derandomize=True, deadline=None)
settings.load_profile("leakkit")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _without(need: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where LEAKKIT_REQUIRE names what it needs."""
    if need in os.environ.get("LEAKKIT_REQUIRE", "").split(","):
        pytest.fail(f"LEAKKIT_REQUIRE asks for {need}, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data that LEAKKIT_DATA names; it is no part of the project."""
    if not (folder := os.environ.get("LEAKKIT_DATA", "")):
        _without("data", "LEAKKIT_DATA names no folder of real data")
    if not Path(folder).is_dir():
        pytest.fail(f"LEAKKIT_DATA names {folder!r}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Return the path of a Chromium that is installed."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    _without("browser", f"none of these is installed: {', '.join(BROWSERS)}")
