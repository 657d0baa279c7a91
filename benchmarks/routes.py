"""From files to counts by four routes, each taken in a process of its own.

What the processes of `benchmarks.river` and `benchmarks.loading` do: the routes read the same
Parquet files, and keep their counts beside them.
"""

from __future__ import annotations

import importlib
import json
import resource
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from leakkit.analysis import Analysis

COUNTING = ("pandas", "polars")
"""The routes that count a second time, each in a module `NAME_route`."""
ROUTES = ("floor", "leakkit", *COUNTING)
STEPS = ("load", "count", "estimate")
FILES = {"history": "stage_history", "opportunities": "opportunities"}

FLOOR = """
SELECT h.pipeline, h.stage, o.outcome,
       date_diff('day', h.entered_at, h.left_at) AS stay,
       count(*) AS n, sum(CAST(o.value AS DECIMAL(18, 2))) AS total
FROM (SELECT opportunity_id, pipeline, stage, entered_at,
             lead(entered_at) OVER (PARTITION BY opportunity_id ORDER BY entered_at, seq) AS left_at
      FROM read_parquet($history)) h
JOIN read_parquet($opportunities) o ON o.opportunity_id = h.opportunity_id
GROUP BY h.pipeline, h.stage, o.outcome, date_diff('day', h.entered_at, h.left_at)
ORDER BY h.pipeline, h.stage, o.outcome, stay
"""
"""The least that any answer needs: read, sort by deal and moment, one lead, one join, one count."""


@dataclass(frozen=True)
class Measured:
    """What one process took: seconds by step, by the clock and of the processor; its memory.

    Imports are in no step.
    """

    clock: Mapping[str, float]
    cpu: Mapping[str, float]
    peak_kb: int

    def took(self, part: str, step: str = "") -> float:
        """Return the seconds of a step, or of all together; `part` is "clock" or "cpu"."""
        spent: Mapping[str, float] = getattr(self, part)
        return spent[step] if step else sum(spent.values())


class Clock:
    """Adds up what steps take, by the clock and of the processor."""

    def __init__(self) -> None:
        """Start with nothing spent."""
        self.clock: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)

    @contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """Put what happens meanwhile down to `step`."""
        started, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.clock[step] += time.perf_counter() - started
            self.cpu[step] += time.process_time() - cpu

    def watch(self, owner: object, name: str, step: str) -> None:
        """Put every call of `owner.name` down to `step`."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - of any function
            with self.timing(step):
                return function(*given, **named)

        mock.patch.object(owner, name, timed).start()

    def take_out(self, part: str, whole: str) -> None:
        """Leave in `whole` what is not in its `part`."""
        self.clock[whole] -= self.clock[part]
        self.cpu[whole] -= self.cpu[part]

    def read(self) -> Measured:
        """Return what was spent until now."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return Measured(dict(self.clock), dict(self.cpu), peak)


def make(folder: Path, opportunities: int) -> None:
    """Write a simulated export as Parquet, with the configuration beside it."""
    from leakkit import sample  # noqa: PLC0415 - the parent must stay small

    made = sample.make(opportunities)
    folder.mkdir(parents=True)
    made.opportunities.to_parquet(folder / "opportunities.parquet", index=False)
    made.stage_history.to_parquet(folder / "stage_history.parquet", index=False)
    (folder / "leakkit.toml").write_text(made.config, encoding="utf-8")


def take(route: str, folder: Path) -> Measured:
    """Take one route in this process."""
    import pandas as pd  # noqa: F401, PLC0415 - all routes need it; counted in none

    if route in COUNTING:
        return count_again(route, folder)
    return {"floor": take_floor, "leakkit": take_leakkit}[route](folder)


def take_floor(folder: Path) -> Measured:
    """Ask FLOOR with the settings that leakkit has."""
    from leakkit.store import Store  # noqa: PLC0415 - counted in no step

    clock = Clock()
    files = {name: str(folder / f"{file}.parquet") for name, file in FILES.items()}
    with clock.timing("count"), Store.new() as store:
        store.frame(FLOOR, files)
    return clock.read()


def take_leakkit(folder: Path) -> Measured:
    """Load and analyse, step by step; keeps its counts in the folder."""
    from leakkit.analysis import analyze  # noqa: PLC0415 - counted in no step
    from leakkit.sources import load  # noqa: PLC0415 - as above

    clock, frames = Clock(), dict[str, Any]()
    with clock.timing("load"):
        store = load(folder)
    with store:
        _watch_queries(clock, frames)
        # counts and estimates, as the notebooks of a batch make them: findings are there already
        store.set_meta("findings", [])
        with clock.timing("estimate"):
            analysis = analyze(store)
    clock.take_out("count", "estimate")
    measured = clock.read()
    mock.patch.stopall()
    _keep_counts(folder / "leakkit", _counts_of(analysis, frames))
    (folder / "horizons.json").write_text(json.dumps(_horizons(analysis)), encoding="utf-8")
    return measured


def _watch_queries(clock: Clock, frames: dict[str, Any]) -> None:
    """Watch the counting of `analyze`, and keep the answers by their query."""
    from leakkit.analysis import learning  # noqa: PLC0415 - as above
    from leakkit.store import queries  # noqa: PLC0415 - as above
    from leakkit.store.relations import Relations, SmallTable  # noqa: PLC0415 - as above

    ask = Relations.count

    def kept(relations: Relations, query: str, tables: Mapping[str, SmallTable]) -> pd.DataFrame:
        frame = ask(relations, query, tables)
        # findings ask for further windows by the same query: those of the curves are wanted
        if query != queries.STAYS or frame["part"].max() <= learning.ENTERED:
            frames[query] = frame
        return frame

    mock.patch.object(Relations, "count", kept).start()
    clock.watch(Relations, "count", "count")


def _horizons(analysis: Analysis) -> list[tuple[int, int, float]]:
    """Return (pipeline, stage, age) of every horizon."""
    return [
        (number, stage.stage, stage.horizon.age)
        for number, pipeline in enumerate(analysis.pipelines)
        for stage in pipeline.stages
        if stage.horizon.age is not None
    ]


def _counts_of(analysis: Analysis, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the counts that the other routes make as well, in their columns."""
    import pandas as pd  # noqa: PLC0415 - as above

    from leakkit.analysis import learning  # noqa: PLC0415
    from leakkit.store import queries  # noqa: PLC0415

    stays = frames[queries.STAYS]
    wanted = (stays["part"] == learning.ALL) & (stays["visits"] == learning.FIRST)
    stays = stays[wanted & (stays["arrives"] == 0)]
    flows = frames[queries.FLOWS]
    first = int(frames[queries.EXTENT]["first_day"].min())
    month = int(pd.Timestamp(first, unit="D").to_period("M").ordinal)
    flows = flows[flows["period"] >= 0].assign(month=flows["period"] + month)
    shares = [
        (number, one.stage, one.advance.share, one.returned.share, one.lost.share)
        for number, pipeline in enumerate(analysis.pipelines)
        for one in pipeline.stages
        if one.advance.share is not None
    ]
    columns = ["pipeline", "stage", "advance", "returned", "lost"]
    return {
        "totals": frames[queries.TOTALS],
        "stays": stays,
        "flows": flows,
        "shares": pd.DataFrame(shares, columns=columns),
    }


def count_again(route: str, folder: Path) -> Measured:
    """Take the route of another library; keeps its counts in the folder."""
    from leakkit.config import Config  # noqa: PLC0415 - as above
    from leakkit.store.moments import parse_as_of  # noqa: PLC0415 - as above

    count = importlib.import_module(f"benchmarks.{route}_route").count
    config = Config.read(folder / "leakkit.toml")
    horizons = {
        (pipeline, stage): age
        for pipeline, stage, age in json.loads((folder / "horizons.json").read_text("utf-8"))
    }
    last_day = parse_as_of(config.as_of or "", config.timezone)[1]
    clock = Clock()
    with clock.timing("count"):
        counts = count(folder, config, last_day, horizons)
    measured = clock.read()
    _keep_counts(folder / route, counts)
    return measured


KEYS = {
    "totals": ("pipeline", "stage", "exit"),
    "stays": ("pipeline", "stage", "age", "exit"),
    "flows": ("pipeline", "stage", "comes", "door", "month"),
    "shares": ("pipeline", "stage"),
}
COUNTED = {
    "totals": ("n", "total", "first_visits"),
    "stays": ("n",),
    "flows": ("n", "total"),
    "shares": ("advance", "returned", "lost"),
}


def _keep_counts(folder: Path, counts: Mapping[str, pd.DataFrame]) -> None:
    """Write counts down in one order."""
    folder.mkdir(exist_ok=True)
    for name, frame in counts.items():
        kept = frame[[*KEYS[name], *COUNTED[name]]].astype("float64")
        kept = kept.sort_values(list(KEYS[name]), ignore_index=True)
        kept.to_parquet(folder / f"{name}.parquet")


def unequal(folder: Path) -> list[str]:
    """Name the counts in which a route differs from leakkit; shares may by their last digits."""
    return [fault for route in COUNTING for fault in _differences(folder, route)]


def _differences(folder: Path, route: str) -> Iterator[str]:
    """Name the counts in which one route differs from leakkit."""
    import pandas as pd  # noqa: PLC0415 - as above

    for name in KEYS:
        files = (folder / each / f"{name}.parquet" for each in ("leakkit", route))
        one, other = map(pd.read_parquet, files)
        exact = name != "shares"
        try:
            pd.testing.assert_frame_equal(one, other, check_exact=exact, rtol=0, atol=1e-9)
        except AssertionError as error:
            yield f"{route}, {name}: {str(error).splitlines()[0]}"
        if one.empty:
            yield f"{route}, {name}: nothing was counted"
