"""Examples in docstrings share the sample, which takes seconds to load and to analyse."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.doctest import DoctestItem

import leakkit

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakkit.analysis import Analysis
    from leakkit.store import Store


@cache
def _analysis(analyze: Callable[..., Analysis], store: Store, pipelines: str) -> Analysis:
    """Return the analysis of the sample, or of one pipeline of it, made once."""
    return analyze(store, pipelines or None)


def _load(load: Callable[..., Store], source: Any = "sample", *more: Any, **choices: Any) -> Store:  # noqa: ANN401 - those of load
    """Load a source; the sample as it is comes from the store that all examples share."""
    from tests.running import sample_store  # noqa: PLC0415 - it loads everything

    plain = source == "sample" and not more and not choices
    return sample_store() if plain else load(source, *more, **choices)


def _analyze(
    analyze: Callable[..., Analysis],
    store: Store,
    pipelines: str = "",
    **choices: Any,  # noqa: ANN401 - those of analyze
) -> Analysis:
    """Analyze a store; without further choices once."""
    if choices:
        return analyze(store, pipelines or None, **choices)
    return _analysis(analyze, store, pipelines)


@pytest.fixture(autouse=True)
def _shared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples share what they only read."""
    if isinstance(request.node, DoctestItem):
        load, analyze = leakkit.load, leakkit.analyze
        monkeypatch.setattr(leakkit, "load", partial(_load, load), raising=False)
        monkeypatch.setattr(leakkit, "analyze", partial(_analyze, analyze), raising=False)
