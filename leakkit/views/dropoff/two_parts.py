"""Two parts side by side, or every value of a column: what each loses, and is it chance?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.analysis.gaps import compare_parts, compare_values
from leakkit.findings.part_comparison import CHANCE, FEW, FEWER, MORE
from leakkit.frames.stage_frames import sides_frame
from leakkit.views.causes import cause_lines
from leakkit.views.drawing import small_pictures
from leakkit.views.elements import (
    add_range,
    fold_content,
    name_stay,
    panels,
    paragraphs,
    reason_text,
)
from leakkit.views.html_tables import DASH, HtmlTable, TableColumn, bdi
from leakkit.views.sentences import what_to_export
from leakkit.views.view import answer, of_analysis, part_line, pipeline_of, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.analysis.gaps import ChosenPart, Compared, Given
    from leakkit.findings.part_comparison import Gap, Side
    from leakkit.views.view import View
    from leakkit.words import Words


@of_analysis
def compare(  # noqa: PLR0913 - a comparison is asked for by as many things
    analysis: Analysis,
    one: Given | None = None,
    other: Given | None = None,
    pipeline: str = "",
    *,
    day: object = "",
    column: str = "",
) -> View:
    """How do two parts of a pipeline differ, stage by stage, and is that more than chance?

    A part is columns with values (`{"owner": "A"}`), two days, a window (current, baseline)
    or an analysis of a part. Without `other`, it is the rest of the deals; with a `day`, what
    was since is compared with what was before, of `one` or of all; with a `column`, each
    of its values with the rest. Without anything, now with before. Raises LeakkitError
    `shared_deals` for parts that have the same deals on the same days.

    >>> import leakkit
    >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
    >>> found = leakkit.compare(analysis, day="2026-04-01")
    >>> print(found.headline.striptags()[:36])
    Proforma loses a larger share: 31% (
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    said = part_line(analysis, chosen, words)
    if stopped := _say_why_not(chosen, words, days=bool(day), alone=one is None and not column):
        return answer(words, "compare", headline=stopped, selection=said)
    if column:
        return _values(compare_values(analysis, column, chosen.name), words, said)
    found = compare_parts(analysis, one, other, chosen.name, day=day)
    if chosen.notes.coverage and found.one.days != found.other.days:
        return answer(words, "compare", headline=what_to_export(chosen, words), selection=said)
    names = labels(found, words)
    return answer(
        words,
        "compare",
        headline=_headline([(found, names)], words)
        or words.html(f"compare.{_none(found.gaps)}", one=names[0], other=names[1]),
        figure=small_pictures.sides_figure(found, names, words),
        table=_table(found, names, words),
        note=paragraphs(_notes([found], words)),
        selection=said,
        behind=partial(sides_frame, [found]),
    )


def _say_why_not(chosen: PipelineNumbers, words: Words, *, days: bool, alone: bool) -> Markup:
    """Say why nothing can be compared; nothing where something can."""
    if chosen.present is not None:
        return words.html("compare.no_history")
    if chosen.notes.coverage and (days or alone):
        return what_to_export(chosen, words)
    if alone and not days and chosen.windows.baseline is None:
        return words.html("compare.no_baseline")
    return Markup("")


def _values(found: Sequence[Compared], words: Words, said: Markup) -> View:
    """Return the view of every value of a column."""
    column = found[0].one.selection.columns[0][0]
    named = [(one, labels(one, words)) for one in found]
    most = small_pictures.most_in_sides([gap for one in found for gap in one.gaps])
    pictures = [
        (
            words.html("compare.panel", value=names[0]),
            small_pictures.sides_panel(one, names, words, most),
        )
        for one, names in named
    ]
    every = [
        (names[0] + Markup(" \u00b7 ") + bdi(one.pipeline.stages[gap.stage].name), gap)
        for one, names in named
        for gap in one.gaps
    ]
    unit = found[0].pipeline.unit_per_day
    own = (words.say("table.side_value"), words.say("table.side_rest"))
    table = HtmlTable(words.say("compare.every"), _columns(words, own, unit), every,
                  head="value_and_stage")  # fmt: skip
    gaps = [gap for one in found for gap in one.gaps]
    none = words.html(f"compare.value_{_none(gaps)}", column=column)
    return answer(
        words,
        "compare",
        title=words.say("question.compare_values", column=column),
        headline=_headline(named, words) or none,
        figure=panels(pictures),
        table=fold_content(words.say("compare.unfold"), table.html(words)),
        note=paragraphs(_notes(found, words)),
        selection=said,
        behind=partial(sides_frame, found),
    )


def labels(found: Compared, words: Words) -> tuple[Markup, Markup]:
    """Return what both parts are called: by their values, and by their days where these differ."""
    one, other = found.one, found.other
    if _at_a_day(found):
        day = one.days[0]
        return words.html("compare.since", day=day), words.html("compare.before", day=day)
    by_days = one.days != other.days
    return _label(one, words, by_days=by_days), _label(other, words, by_days=by_days)


def _at_a_day(found: Compared) -> bool:
    """Say whether the parts are the same deals, since a day and before it."""
    one, other = found.one, found.other
    return one.selection == other.selection and one.days[0] == other.days[1]


def _label(part: ChosenPart, words: Words, *, by_days: bool) -> Markup:
    """Return what one part is called."""
    if part.rest:
        return words.html("compare.rest")
    least, below = (None if limit is None else limit * 100 for limit in part.selection.worth)
    said = [_values_of(name, values, words) for name, values in part.selection.columns]
    if least is not None:
        said.append(words.html("bar.band_from", least=Markup(words.money(least))))  # noqa: S704 - a number
    if below is not None:
        said.append(words.html("bar.band_below", below=Markup(words.money(below))))  # noqa: S704 - a number
    window = part.selection.window
    if by_days and window != "all":
        said.append(words.html(f"bar.window_{window}"))
    elif by_days:
        first, end = part.days
        said.append(words.html("compare.days", first=first, last=end - 1))
    return Markup(", ").join(said) if said else words.html("compare.all")


def _values_of(column: str, values: tuple[str, ...], words: Words) -> Markup:
    """Name the values of a column."""
    none = words.html("compare.without", column=column)
    return words.list_values([bdi(value) if value else none for value in values])


def _headline(found: Sequence[tuple[Compared, tuple[Markup, Markup]]], words: Words) -> Markup:
    """Say the surest difference; nothing where none is more than chance, even perhaps."""
    known = [
        (gap.q_value, gap.comparison.p_value, at, gap.stage, gap)
        for at, (one, _) in enumerate(found)
        for gap in one.gaps
        if gap.comparison is not None and gap.verdict != CHANCE
    ]
    if not known:
        return Markup("")
    *_, at, _, gap = min(known, key=lambda each: (each[4].verdict not in {MORE, FEWER}, *each[:4]))
    compared, names = found[at]
    assert gap.comparison is not None  # noqa: S101 - chosen above
    key = gap.verdict if gap.verdict in {MORE, FEWER} else "perhaps"
    return words.html(
        f"compare.{key}",
        stage=compared.pipeline.stages[gap.stage].name,
        one=names[0],
        other=names[1],
        a=gap.one.share.share,
        b=gap.other.share.share,
        change=gap.comparison.change,
        low=gap.comparison.low,
        high=gap.comparison.high,
    )


def _none(gaps: Sequence[Gap]) -> str:
    """Say why there is no difference to name: chance, or few where nothing was compared."""
    return CHANCE if any(gap.comparison is not None for gap in gaps) else FEW


def _table(found: Compared, names: tuple[Markup, Markup], words: Words) -> Markup:
    """Tabulate both parts at every stage."""
    rows = [(bdi(found.pipeline.stages[gap.stage].name), gap) for gap in found.gaps]
    columns = _columns(words, names, found.pipeline.unit_per_day)
    return HtmlTable(words.say("compare.table"), columns, rows).html(words)


def _columns(words: Words, names: tuple[str, str], unit: int) -> tuple[TableColumn[Gap], ...]:
    """Return the columns: both parts, the difference, and whether it may be chance."""
    return (
        TableColumn("side", lambda gap: _share(gap.one, words), named=names[0]),
        TableColumn("side_visits", lambda gap: words.count(gap.one.visits)),
        TableColumn("side", lambda gap: _share(gap.other, words), named=names[1]),
        TableColumn("side_visits", lambda gap: words.count(gap.other.visits)),
        TableColumn("lost_within", lambda gap: _within(gap, words, unit)),
        TableColumn("side_difference", lambda gap: _difference(gap, words)),
        TableColumn("side_verdict", lambda gap: _verdict(gap, words), "lk-name"),
    )


def _share(side: Side, words: Words) -> Markup | str:
    """Say the share lost of one part, or why it is not known."""
    share = side.share
    if share.share is None:
        return add_range(DASH, reason_text(words, share.reason))
    return cause_lines.share_between(words, share.share, share.low, share.high)


def _within(gap: Gap, words: Words, unit: int) -> str:
    """Say the days that the shares are read at."""
    return DASH if gap.horizon is None else name_stay(words, gap.horizon, unit)


def _difference(gap: Gap, words: Words) -> Markup | str:
    """Say the difference with its range."""
    found = gap.comparison
    return (
        DASH
        if found is None
        else cause_lines.points_between(words, found.change, found.low, found.high)
    )


def _verdict(gap: Gap, words: Words) -> str:
    """Say whether a difference may be chance."""
    return words.say(f"compare.verdict_{gap.verdict}")


def _notes(found: Sequence[Compared], words: Words) -> list[Markup]:
    """Say how the differences were judged, and what they do not say."""
    gaps = [gap for one in found for gap in one.gaps if gap.comparison is not None]
    if not gaps:
        return []
    said = [words.html("compare.note", n=len(gaps), q=found[0].q)]
    if found[0].one.days != found[0].other.days:
        known = all(gap.months_known for gap in gaps)
        said.append(words.html("compare.months" if known else "compare.months_unknown"))
    if found[0].owner:
        owners = any(gap.owners for gap in gaps)
        said.append(words.html("compare.owners" if owners else "compare.few_owners"))
    said.append(words.html("compare.differ"))
    if found[0].left_out:
        said.append(words.html("compare.cut", n=found[0].left_out))
    return [Markup(" ").join(said)]
