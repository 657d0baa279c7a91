"""Random tables and raw bytes, a short run of `make fuzz`: read, or refused in one sentence."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from benchmarks import mutations
from tests.fuzzing import Source, judge, raw, tables

SHORT = settings(max_examples=15, suppress_health_check=list(HealthCheck))


@SHORT
@given(source=tables())
def test_a_random_table_is_read_or_refused_and_no_row_is_lost(source: Source) -> None:
    judge(source)


@SHORT
@given(source=raw())
def test_a_damaged_file_is_read_or_refused(source: Source) -> None:
    judge(source)


def test_a_few_mutated_files_are_read_or_refused() -> None:
    """`make fuzz` tries 20,000, each in a process with limits."""
    files = mutations.seeds()
    given = [mutations.source(number, files) for number in range(24)]
    assert given[0] == mutations.source(0, files)
    assert sum(one.content not in {content for _, content in files} for one in given) > 20
    outcomes = {judge(one) for one in given}
    assert "read" in outcomes
    assert len(outcomes) > 5
