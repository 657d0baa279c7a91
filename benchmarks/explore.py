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
from benchmarks.document import Target
from leakkit.views.bar_widgets import OWN, BarWidgets
from leakkit.views.exploring import BY_STAGE, FOLLOWING, OF_ALL, Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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


SAID = """Seconds from the change of a control of the bar to the new picture, in the kernel. Every
change is made several times in a new bar that has counted nothing yet, and the median of its times
counts. Of each view: the change in the middle, the slowest one, and the most processor time that a
change took."""


def find_targets(found: Sequence[Answers]) -> list[Target]:
    """Hold the slowest change of each source against what is wanted."""
    targets = []
    for size in dict.fromkeys(one.opportunities for one in found):
        views = [one for one in found if one.opportunities == size]
        last = max(views, key=lambda one: one.medians[-1])
        wanted = f"at most {MOST_SECONDS.get(size, 1.0):g}"
        slow = sum(not one.in_time for one in views)
        measured = f"{last.medians[-1]:.2f} ({last.view}; {slow} of {len(views)} views are slower)"
        targets.append(Target(f"{size:,}: the slowest answer, s", wanted, measured, not slow))
    return targets


def section(found: Sequence[Answers]) -> str:
    """Return the section of docs/benchmarks.md."""
    sizes = list(dict.fromkeys(one.opportunities for one in found))
    heading, rows = ["view"], defaultdict[str, list[str]](list)
    for size in sizes:
        heading += [f"{size:,}: middle", "slowest", "by processor"]
    for one in found:
        numbers = (statistics.median(one.medians), one.medians[-1], one.most_cpu)
        rows[one.view] += [f"{number:.2f}" for number in numbers]
    table = document.table(heading, [[view, *cells] for view, cells in rows.items()])
    command = "python -m benchmarks.explore --write"
    return document.compose("Exploring", command, SAID, find_targets(found), table)


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
