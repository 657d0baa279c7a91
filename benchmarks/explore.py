"""How long does an answer take in the kernel? In the browser: `benchmarks.browser`.

    python -m benchmarks.explore             # measure, and print
    python -m benchmarks.explore --write     # and write its section of docs/benchmarks.md

From the change of a control of the bar to the new picture, on the sample and on a larger source,
every change several times with nothing kept from before.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import leakkit
from benchmarks import document
from leakkit.views.bar_widgets import OWN, BarWidgets
from leakkit.views.exploring import BY_STAGE, FOLLOWING, OF_ALL, Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from leakkit.views.bar import Filters

MOST_OPTIONS = 4
SMALL = 12_000
"""Opportunities of the built-in sample."""
MOST_SECONDS = {SMALL: 0.3, 100_000: 1.0}
"""What an answer may take, by opportunities."""


@dataclass(frozen=True)
class Answers:
    """What each change of a view took, several times: (control, value) -> seconds.

    `seconds` are of the clock, `cpu` of the processor.
    """

    opportunities: int
    view: str
    seconds: Mapping[tuple[str, str], list[float]]
    cpu: Mapping[tuple[str, str], list[float]]

    @property
    def medians(self) -> list[float]:
        """The median of each change, in rising order."""
        return sorted(statistics.median(times) for times in self.seconds.values())

    @property
    def most_cpu(self) -> float:
        """The processor seconds of the change that took most, at the median."""
        return max(statistics.median(times) for times in self.cpu.values())

    @property
    def in_time(self) -> bool:
        """Say whether the slowest change was fast enough."""
        return self.medians[-1] <= MOST_SECONDS.get(self.opportunities, 1.0)


def changes(bar: Filters) -> Iterator[tuple[tuple[str, str], Callable[[], None]]]:
    """Yield what can be changed in a bar, each as a name and as how a person changes it."""
    widgets = bar.widgets = BarWidgets(bar)
    columns = [] if bar.diagnosis else [value for _, value in widgets.add.options][1:MOST_OPTIONS]
    for column in columns:
        panel = widgets.open(column)
        for at, (_, value) in enumerate(panel.list.options[: MOST_OPTIONS - 1]):
            yield (column, f"{at}"), partial(setattr, panel.list, "value", (value,))
        widgets.close(panel)
    for name, control in widgets.choices.items():
        for label, value in list(control.options)[1:MOST_OPTIONS]:
            if not control.disabled and value != OWN:
                yield (name, label), partial(setattr, control, "value", value)
        control.value = control.options[0][1]


def answers(
    opportunities: int, made: Callable[[], Filters], views: Iterable[str], rounds: int
) -> Iterator[Answers]:
    """Measure every view under a bar; a new bar has counted nothing yet."""
    for view in sorted(views):
        seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        cpu: dict[tuple[str, str], list[float]] = defaultdict(list)
        for _ in range(rounds):
            bar = made()
            shown = Follower(getattr(leakkit.views, view), bar)
            for change, move in changes(bar):
                start, worked = time.perf_counter(), time.process_time()
                move()
                shown.bundle()
                seconds[change].append(time.perf_counter() - start)
                cpu[change].append(time.process_time() - worked)
        if seconds:
            yield Answers(opportunities, view, dict(seconds), dict(cpu))


def measure(opportunities: int, rounds: int) -> list[Answers]:
    """Simulate a source, and measure every view of its first pipeline, and of all."""
    made = leakkit.sample.make(opportunities)
    frames = {"opportunities": made.opportunities, "stage_history": made.stage_history}
    with leakkit.load(frames, leakkit.Config.from_text(made.config)) as data:
        name = data.rows("SELECT name FROM pipelines ORDER BY pipeline LIMIT 1")[0][0]
        one, every = leakkit.analyze(data, name), leakkit.analyze(data)
        causes = leakkit.diagnose(one)
        return [
            *answers(opportunities, lambda: leakkit.filters(one), FOLLOWING, rounds),
            *answers(opportunities, lambda: leakkit.filters(every, every=True), OF_ALL, rounds),
            *answers(opportunities, lambda: leakkit.filters(causes), BY_STAGE, rounds),
        ]


def section(found: list[Answers]) -> str:
    """Return the section of docs/benchmarks.md."""
    rows = [
        [
            one.view,
            f"{one.opportunities:,}",
            f"{len(one.seconds)}",
            f"{statistics.median(one.medians):.3f}",
            f"{one.medians[-1]:.3f}",
            f"{max(map(max, one.seconds.values())):.3f}",
            f"{one.most_cpu:.3f}",
            "yes" if one.in_time else "no",
        ]
        for one in found
    ]
    heading = ["view", "opportunities", "changes", "median", "slowest", "slowest once"]
    heading += ["slowest by processor", "in time"]
    limits = ", ".join(f"{most:g} s at {n:,} opportunities" for n, most in MOST_SECONDS.items())
    return f"""## Exploring

Seconds from the change of a control of the bar to the new picture, in the kernel; every change is
made several times in a new bar that has counted nothing yet, and the median of its times counts.
Wanted of the slowest: {limits}. "Slowest once" is the longest single
answer.

{document.table(heading, rows)}
"""


def main() -> int:
    """Measure, and print; 1 where an answer takes too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explore", description=__doc__)
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--rounds", type=int, default=3, help="of every change")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    found = [one for size in given.sizes or MOST_SECONDS for one in measure(size, given.rounds)]
    text = section(found)
    print(text)
    if given.write:
        document.put(text)
    return int(not all(one.in_time for one in found))


if __name__ == "__main__":
    sys.exit(main())
