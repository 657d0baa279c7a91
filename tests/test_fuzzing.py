"""Random tables and raw bytes, a short run of `make fuzz`: read, or refused in one sentence."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.fuzzing import Source, judge, raw, tables

SHORT = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@SHORT
@given(source=tables())
def test_a_random_table_is_read_or_refused_and_no_row_is_lost(source: Source) -> None:
    judge(source)


@SHORT
@given(source=raw())
def test_a_damaged_file_is_read_or_refused(source: Source) -> None:
    judge(source)
