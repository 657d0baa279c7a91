"""Tables: HTML from what was measured. Names are user text: escaped, in their own direction.

A table is a list of columns over rows; a column knows its heading and how a row
fills it. A number that could not be estimated is a dash with a letter, and the
letter is explained under the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from markupsafe import Markup

from leakkit.measures.survival import longest_followed, share_at
from leakkit.views.drawing.palette import variable
from leakkit.views.elements import add_range, fold_content, name_stay, reason_text, tidy_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leakkit.analysis import PipelineNumbers
    from leakkit.analysis.numbers import StageNumbers
    from leakkit.measures.balance import PipelineBalance, StageBalance
    from leakkit.measures.horizons import Horizon
    from leakkit.measures.survival import Share
    from leakkit.words import Words


DASH = "\u2013"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Row = TypeVar("Row")


@dataclass
class ReasonTexts:
    """The reasons for missing numbers of one table, lettered as they come up."""

    words: Words
    found: list[str] = field(default_factory=list)

    def dash(self, reason: str) -> Markup:
        """Return a dash that points to its reason."""
        text = reason_text(self.words, reason)
        if text not in self.found:
            self.found.append(text)
        letter = LETTERS[self.found.index(text) % len(LETTERS)]
        return Markup('<span class="lk-none">{}<sup>{}</sup></span>').format(DASH, letter)

    def html(self) -> Markup:
        """Return the list that explains the letters."""
        items = Markup("").join(
            Markup("<li>{}<sup>{}</sup> {}</li>").format(DASH, LETTERS[at % len(LETTERS)], text)
            for at, text in enumerate(self.found)
        )
        return Markup('<ol class="lk-reasons">{}</ol>').format(items) if items else Markup("")


@dataclass(frozen=True)
class TableColumn(Generic[Row]):
    """One column: the key of its heading, how a row fills it, and its class, if any.

    `named` is a heading of its own, such as a value that a user named, instead of the key.
    """

    key: str
    cell: Callable[[Row], str]
    kind: str = ""
    named: str = ""


def bdi(name: str) -> Markup:
    """Return a user's name as HTML that keeps its own direction."""
    return Markup("<bdi>{}</bdi>").format(tidy_name(name))


@dataclass(frozen=True)
class HtmlTable(Generic[Row]):
    """A table before it is HTML: rows are (heading, row).

    `worst` is the row to emphasise; `foot` is a last row, as (heading, cells); `head` is
    the key of the first heading; a `dense` one is set smaller, for many columns.
    """

    caption: str
    columns: Sequence[TableColumn[Row]]
    rows: Sequence[tuple[str, Row]]
    worst: int | None = None
    foot: tuple[str, Sequence[str]] | None = None
    head: str = "stage"
    dense: bool = False

    def html(self, words: Words) -> Markup:
        """Return the table in a box of its own, which scrolls and is reached by keyboard."""
        heads = Markup("").join(
            Markup('<th scope="col"{}>{}</th>').format(
                Markup(' class="lk-name"') if kind == "lk-name" else "",
                named or words.say(f"table.{key}"),
            )
            for key, kind, named in (
                (self.head, "", ""),
                *((c.key, c.kind, c.named) for c in self.columns),
            )
        )
        body = Markup("\n").join(
            _row(name, [(c.kind, c.cell(row)) for c in self.columns], worst=at == self.worst)
            for at, (name, row) in enumerate(self.rows)
        )
        end = Markup("")
        if self.foot:
            last = _row(self.foot[0], [("", cell) for cell in self.foot[1]])
            end = Markup("<tfoot>{}</tfoot>").format(last)
        return Markup(
            '<div class="lk-scroll{}" tabindex="0" role="group" aria-label="{}">'
            '<table class="lk-table"><caption><span>{}</span></caption>'
            "<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody>{}</table></div>"
        ).format(" lk-dense" if self.dense else "", self.caption, self.caption, heads, body, end)


def _row(head: str, cells: Sequence[tuple[str, str]], *, worst: bool = False) -> Markup:
    """Return one row with its heading; cells are (class, content)."""
    filled = Markup("").join(
        (
            Markup('<td class="{}">{}</td>').format(kind, content)
            if kind
            else Markup("<td>{}</td>").format(content)
        )
        for kind, content in cells
    )
    start = Markup('<tr class="lk-worst">') if worst else Markup("<tr>")
    return start + Markup('<th scope="row">{}</th>{}</tr>').format(head, filled)


# Cells


def _share_cell(words: Words, share: Share, reasons: ReasonTexts) -> Markup:
    """Return a share with its interval in words."""
    if share.share is None or share.low is None or share.high is None:
        return reasons.dash(share.reason)
    return add_range(words.share(share.share), _range(words, share.low, share.high))


def _chance_cell(words: Words, stage: StageNumbers, reasons: ReasonTexts, unit: int) -> Markup:
    """Return the chance to win in the end, with its interval and the days it is read at."""
    share, age = stage.won_from_here, stage.won_horizon.age
    if share.share is None or share.low is None or share.high is None or age is None:
        return reasons.dash(share.reason)
    within = words.say("table.within", days=name_stay(words, age, unit))
    return add_range(_share_cell(words, share, reasons), within)


def _range(words: Words, low: float, high: float) -> str:
    """Say an interval."""
    return words.say("table.range", low=low, high=high)


def bar_cell(words: Words, share: Share, reasons: ReasonTexts, most: float) -> Markup:
    """Return a share with its interval in words, and both drawn to the scale of the column."""
    cell = _share_cell(words, share, reasons)
    if share.share is None or share.low is None or share.high is None:
        return cell
    low, at, high = (100 * value / most for value in (share.low, share.share, share.high))
    bar = Markup(
        '<svg class="lk-bar" viewBox="0 0 104 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect x="0" y="3" width="{:.1f}" height="6" style="fill: {}"/>'
        '<path d="M {:.1f} 6 H {:.1f} M {:.1f} 2.5 V 9.5 M {:.1f} 2.5 V 9.5" '
        'style="stroke: {}; stroke-width: 1.3; fill: none"/></svg>'
    ).format(at, variable("lost-soft"), low, high, low, high, variable("ink"))
    return Markup('<span class="lk-pair">{}<span>{}</span></span>').format(bar, cell)


def _age_cell(words: Words, age: Horizon, reasons: ReasonTexts, unit_per_day: int) -> Markup:
    """Return an age in days or hours."""
    if age.age is None:
        return reasons.dash(age.reason)
    return Markup("{}").format(name_stay(words, age.age, unit_per_day))


def _ratio_cell(words: Words, ratio: float | None, reasons: ReasonTexts) -> Markup:
    """Return a plain ratio."""
    if ratio is None:
        return reasons.dash("no_deals")
    return Markup("{}").format(words.share(ratio))


# The stages


def stage_table(
    pipeline: PipelineNumbers, words: Words, *, worst: int | None = None, by: str = "count"
) -> Markup:
    """What becomes of the deals that enter each stage? First visits, read at the horizon.

    The columns a manager reads stand first; the rest is folded under them, with the
    ratios that a CRM shows beside leakkit's shares.
    """
    rows = [(bdi(stage.name), stage) for stage in pipeline.stages]
    reasons, more = ReasonTexts(words), ReasonTexts(words)
    columns = _value_columns if by == "value" else _main_columns
    main = HtmlTable(words.say("table.stages"), columns(pipeline, words, reasons), rows, worst)
    rest = HtmlTable(
        words.say("table.stages_more"), _more_columns(words, more, pipeline.unit_per_day), rows
    )
    ages = HtmlTable(words.say("table.ages"), _age_columns(pipeline, words, more), rows)
    main_html = main.html(words) + reasons.html()
    folded = rest.html(words) + ages.html(words) + more.html()
    return main_html + fold_content(words.say("table.more"), folded)


def of_days(pipeline: PipelineNumbers) -> str:
    """Return the end of the keys of what is said otherwise of some days."""
    return "_days" if pipeline.days else ""


def span(pipeline: PipelineNumbers) -> dict[str, int]:
    """Return the first and the last of the chosen days, where there are any."""
    if pipeline.days is None:
        return {}
    return {"first": pipeline.days[0], "last": pipeline.days[1] - 1}


def _main_columns(
    pipeline: PipelineNumbers, words: Words, reasons: ReasonTexts
) -> tuple[TableColumn[StageNumbers], ...]:
    """Return the columns that a manager reads."""
    unit = pipeline.unit_per_day
    most = max([0.02, *(s.lost.high for s in pipeline.stages if s.lost.high is not None)])
    end = of_days(pipeline)
    return (
        TableColumn("deals_in", lambda s: words.count(s.opportunities)),
        TableColumn("lost", lambda s: bar_cell(words, s.lost, reasons, most), "lk-lost"),
        TableColumn("crm_loss", lambda s: _ratio_cell(words, s.crm_loss_ratio, reasons)),
        TableColumn("advanced", lambda s: _share_cell(words, s.advance, reasons)),
        TableColumn(f"overdue{end}", lambda s: overdue_cell(words, s, reasons)),
        TableColumn("median", lambda s: _age_cell(words, s.median, reasons, unit)),
        TableColumn(f"won_from_here{end}", lambda s: _chance_cell(words, s, reasons, unit)),
        TableColumn("value_lost", lambda s: words.money(s.value_lost)),
    )


def _value_columns(
    pipeline: PipelineNumbers, words: Words, reasons: ReasonTexts
) -> tuple[TableColumn[StageNumbers], ...]:
    """Return the columns of a manager who asks for money."""
    unit = pipeline.unit_per_day
    lost = [s.lost_by_value.high for s in pipeline.stages]
    most = max([0.02, *(high for high in lost if high is not None)])
    return (
        TableColumn("value_entered", lambda s: words.money(s.value_entered)),
        TableColumn(
            "lost_by_value", lambda s: bar_cell(words, s.lost_by_value, reasons, most), "lk-lost"
        ),
        TableColumn("value_lost", lambda s: words.money(s.value_lost)),
        TableColumn("value_overdue", lambda s: words.money(s.value_overdue)),
        TableColumn("deals_in", lambda s: words.count(s.opportunities)),
        TableColumn("lost", lambda s: _share_cell(words, s.lost, reasons)),
        TableColumn(
            f"won_from_here{of_days(pipeline)}", lambda s: _chance_cell(words, s, reasons, unit)
        ),
    )


def _lost_so_far(words: Words, stage: StageNumbers, reasons: ReasonTexts, unit: int) -> Markup:
    """Return the share lost by the last age that is followed, with that age."""
    limit = min(longest_followed(stage.curve), float(stage.curve.ages[-1]))
    if limit < 0:
        return reasons.dash("few_followed")
    share = share_at(stage.curve, ("lost",), limit).share
    if share is None:
        return reasons.dash("few_followed")
    return add_range(
        words.share(share), words.say("table.within", days=name_stay(words, limit, unit))
    )


def _more_columns(
    words: Words, reasons: ReasonTexts, unit: int
) -> tuple[TableColumn[StageNumbers], ...]:
    """Return the further shares, and the ratios of a CRM."""
    return (
        TableColumn("lost_so_far", lambda s: _lost_so_far(words, s, reasons, unit)),
        TableColumn("returned", lambda s: _share_cell(words, s.returned, reasons)),
        TableColumn("stalled", lambda s: _share_cell(words, s.stalled, reasons)),
        TableColumn("went_overdue", lambda s: _share_cell(words, s.went_overdue, reasons)),
        TableColumn("lost_any_visit", lambda s: _share_cell(words, s.lost_any_visit, reasons)),
        TableColumn("lost_by_value", lambda s: _share_cell(words, s.lost_by_value, reasons)),
        TableColumn("crm_advance", lambda s: _ratio_cell(words, s.crm_advance_ratio, reasons)),
    )


def _age_columns(
    pipeline: PipelineNumbers, words: Words, reasons: ReasonTexts
) -> tuple[TableColumn[StageNumbers], ...]:
    """Return the days, and how many deals were followed; rare counts only where there are any."""
    unit = pipeline.unit_per_day
    columns: tuple[TableColumn[StageNumbers], ...] = (
        TableColumn("p90", lambda s: _age_cell(words, s.p90, reasons, unit)),
        TableColumn("mean", lambda s: _mean_cell(words, s, reasons, unit)),
        TableColumn("expected", lambda s: _age_cell(words, s.expected, reasons, unit)),
        TableColumn("horizon", lambda s: _age_cell(words, s.horizon, reasons, unit)),
        TableColumn("followed", lambda s: _followed_cell(words, s, reasons)),
        TableColumn("value_entered", lambda s: words.money(s.value_entered)),
        TableColumn("value_overdue", lambda s: words.money(s.value_overdue)),
    )
    rare = ("jumped_over", "reopened_in", "wins_after_loss", "left_after_curves")
    found = [key for key in rare if any(getattr(stage, key) for stage in pipeline.stages)]
    return (*columns, *(TableColumn(key, _fill_count(words, key)) for key in found))


def _fill_count(words: Words, key: str) -> Callable[[StageNumbers], str]:
    """Return how a stage fills the column of one of its counts."""
    return lambda stage: words.count(getattr(stage, key))


def overdue_cell(words: Words, stage: StageNumbers, reasons: ReasonTexts) -> Markup:
    """Return how many deals are overdue, where it is known after how many days they are."""
    if stage.overdue is None:
        return reasons.dash(stage.expected.reason)
    return Markup("{}").format(words.count(stage.overdue))


def _mean_cell(
    words: Words, stage: StageNumbers, reasons: ReasonTexts, unit_per_day: int
) -> Markup:
    """Return the mean stay up to the horizon."""
    if stage.mean is None:
        return reasons.dash(stage.horizon.reason or "few_followed")
    return Markup("{}").format(name_stay(words, stage.mean[0], unit_per_day))


def _followed_cell(words: Words, stage: StageNumbers, reasons: ReasonTexts) -> Markup:
    """Return how many deals were followed to the horizon."""
    if stage.followed is None:
        return reasons.dash(stage.horizon.reason or "few_followed")
    return Markup("{}").format(words.count(stage.followed))


def in_the_end_table(pipeline: PipelineNumbers, words: Words) -> Markup:
    """What became in the end of all deals that were ever in a stage? Whole numbers."""
    columns: tuple[TableColumn[StageNumbers], ...] = (
        TableColumn("deals_in", lambda s: words.count(s.opportunities)),
        TableColumn("won", lambda s: words.count(s.in_the_end.won)),
        TableColumn("lost_here", lambda s: words.count(s.in_the_end.lost_here), "lk-lost"),
        TableColumn("lost_elsewhere", lambda s: words.count(s.in_the_end.lost_elsewhere)),
        TableColumn("open", lambda s: words.count(s.in_the_end.open)),
    )
    if any(stage.in_the_end.moved for stage in pipeline.stages):
        columns += (TableColumn("moved", lambda s: words.count(s.in_the_end.moved)),)
    rows = [(bdi(stage.name), stage) for stage in pipeline.stages]
    caption = words.say(f"table.in_the_end{of_days(pipeline)}", **span(pipeline))
    return HtmlTable(caption, columns, rows).html(words)


# Balances

CAME = ("opening", "new", "from_previous", "jumped_in", "returned_in", "reopened")
WENT = ("next", "jumped", "won_here", "returned", "lost", "moved", "closing")
PLAIN = {"opening", "new", "from_previous", "next", "won_here", "lost", "closing"}
"""Terms that are shown even where they are 0 at every stage."""


def balance_table(pipeline: PipelineNumbers, words: Words, *, by: str = "count") -> Markup:
    """What came into each stage and what became of it? Every row closes; the last is the pipe."""
    money = by == "value"
    balances = pipeline.balances_value if money else pipeline.balances
    whole, say = (pipeline.balance_value, words.money) if money else (pipeline.balance, words.count)
    shown = [
        key for key in CAME + WENT if key in PLAIN or any(getattr(row, key) for row in balances)
    ]
    columns = tuple(TableColumn(f"balance_{key}", _term(say, key)) for key in shown)
    names = {stage.stage: stage.name for stage in pipeline.stages}
    rows = [(bdi(names[row.stage]), row) for row in balances]
    foot = words.say("table.pipeline"), [_total(whole, key, say) for key in shown]
    key = f"{'balance_value' if money else 'balance'}{of_days(pipeline)}"
    caption = words.say(f"table.{key}", **span(pipeline))
    return HtmlTable(caption, columns, rows, foot=foot).html(words)


def _term(say: Callable[[float], str], key: str) -> Callable[[StageBalance], str]:
    """Return how a row fills the column of one term."""
    return lambda row: say(getattr(row, key))


def _total(balance: PipelineBalance, key: str, say: Callable[[float], str]) -> str:
    """Return a term of the whole pipeline; empty where it only moves deals within it."""
    name = "won" if key == "won_here" else key
    inside = {"from_previous", "jumped_in", "returned_in", "next", "jumped", "returned"}
    return "" if key in inside else say(getattr(balance, name))


def where_lost_table(pipeline: PipelineNumbers, words: Words) -> Markup:
    """From which stage are deals lost in the end, and where do they spend their days?"""
    route, unit = pipeline.route, pipeline.unit_per_day
    columns: tuple[TableColumn[StageNumbers], ...] = (
        TableColumn("lost_from", lambda s: words.share(float(route.lost_from[s.stage])), "lk-lost"),
        TableColumn("days_in", lambda s: name_stay(words, float(route.days_in[s.stage]), unit)),
    )
    rows = [(bdi(stage.name), stage) for stage in pipeline.stages]
    facts = {"n": route.entrants, "limit": name_stay(words, route.limit, unit)}
    caption = words.say(f"table.where_lost{of_days(pipeline)}", **facts)
    return HtmlTable(caption, columns, rows).html(words)
