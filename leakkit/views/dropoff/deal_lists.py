"""Which deals stand behind a number, and what became of one of them?"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from leakkit import explaining
from leakkit.frames import spreadsheets
from leakkit.frames.data_frames import DEAL_COLUMNS, ORDER, find_texts, sort_deals
from leakkit.frames.units import frame_of
from leakkit.views.elements import heading, name_stay, paragraphs, tidy_name
from leakkit.views.html_tables import DASH, HtmlTable, TableColumn, bdi
from leakkit.views.view import View, answer, of_analysis, part_line, pipeline_of, words_of
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from leakkit.analysis import Analysis, PipelineNumbers
    from leakkit.explaining import Explanation, Row


# ---------------- deals
# Which deals stand behind a number? The same visits that the pictures count.

if TYPE_CHECKING:
    DealRow = Mapping[Any, Any]


SHOWN_ROWS = 200
"""So many rows are shown; a file has all."""


@dataclass(frozen=True)
class DealList(View):
    """Deals behind a number; saved as .csv or .xlsx it has every row, with plain numbers."""

    make_rows: Callable[[], pd.DataFrame] = field(
        default=pd.DataFrame, compare=False, repr=False, kw_only=True
    )

    @property
    def rows(self) -> pd.DataFrame:
        """Every row, under the words of the field."""
        return self.make_rows()

    def render(self, ending: str) -> bytes:
        """Return the list as a picture (.svg, .png), or all its rows (.csv, .xlsx)."""
        make = {".csv": spreadsheets.frame_csv, ".xlsx": spreadsheets.frame_xlsx}.get(ending)
        return make(self.rows) if make else super().render(ending)


@of_analysis
def deals(  # noqa: PLR0913 - a list is asked for by as many things
    analysis: Analysis,
    pipeline: str = "",
    *,
    stage: str = "",
    left: str = "",
    search: str = "",
    sort: str = "",
    once: bool = False,
) -> DealList:
    """Which deals stand behind the numbers? By stage, and by how they left.

    `left` is lost, overdue, returned, advanced, moved or open; with `once` each deal of the
    picture of the pipe is there once, where it stands, and may be won. `search` keeps those
    of which id, name, owner or reason has a text. They stand stage by stage, lost ones first,
    dear ones first; or by one column, `sort="-value"` (falling) or `sort="owner"`.
    """
    words, chosen = words_of(analysis), pipeline_of(analysis, pipeline)
    state = chosen.present is not None  # then each deal is there once
    every = analysis.deals(chosen.name, stage=stage, left=left, once=once)
    rows = sort_deals(find_texts(every, search), sort)
    shown = answer(
        words,
        "deals",
        headline=_headline(rows, words, once=once or state),
        table=_count_left(rows, chosen, words, whole=not (left or search))
        + _first(rows, chosen, words),
        note=paragraphs([words.html(_note(once=once, state=state))]),
        selection=part_line(analysis, chosen, words, days="created" if once else "days"),
    )
    known = {one.name: getattr(shown, one.name) for one in fields(View)}
    return DealList(**known, make_rows=partial(_translate_headings, rows, words, present=state))


def _note(*, once: bool, state: bool) -> str:
    """Return the key of the sentence that says which rows there are."""
    if state:
        return "deals.note_present"
    return "deals.note_once" if once else "deals.note"


def _headline(rows: pd.DataFrame, words: Words, *, once: bool) -> Markup:
    """Say how many there are, and what they are worth."""
    each = rows.drop_duplicates("opportunity_id")
    facts = {"n": len(rows), "deals": len(each), "value": 100 * float(each["value"].sum())}
    return words.html("deals.headline_once" if once else "deals.headline", **facts)


def _count_left(
    rows: pd.DataFrame, chosen: PipelineNumbers, words: Words, *, whole: bool
) -> Markup:
    """Count the rows by stage, and by how they left; nothing where one way was asked for."""
    ways = [way for way in ORDER if (rows["left"] == way).any()]
    if not whole or not ways:
        return Markup("")
    counts = rows.groupby(["stage", "left"]).size().to_dict()
    names = [stage.name for stage in chosen.stages if (rows["stage"] == stage.name).any()]
    if (rows["stage"] == "").any():
        names.append("")
    present = chosen.present is not None
    columns = tuple(_way(way, counts, words, present=present) for way in ways)
    caption = words.say("table.deals_present" if present else "table.deals_counted")
    return HtmlTable(caption, columns, [(bdi(name or DASH), name) for name in names]).html(words)


def _way(way: str, counts: Mapping[Any, int], words: Words, *, present: bool) -> TableColumn[str]:
    """Return the column that counts one way to leave, by stage."""
    key = _left(way, present=present)
    return TableColumn(key, lambda name: words.count(counts.get((name, way), 0)))


def _left(way: str, *, present: bool) -> str:
    """Return the key of a way to leave: of a present state nobody knows what is late."""
    return "left_still" if present and way == "open" else f"left_{way}"


def _first(rows: pd.DataFrame, chosen: PipelineNumbers, words: Words) -> Markup:
    """Show the first rows."""
    first: list[dict[Any, Any]] = rows.head(SHOWN_ROWS).to_dict("records")
    if not first:
        return Markup("")
    key = "table.deals_all" if len(first) == len(rows) else "table.deals_first"
    caption = words.say(key, n=len(rows), shown=len(first))
    named = [(link_deal(row), row) for row in first]
    columns = _columns(words, chosen)
    return HtmlTable(caption, columns, named, head="deal", dense=True).html(words)


def link_deal(row: DealRow) -> Markup:
    """Return the id of a deal, with its address where there is one."""
    said = bdi(str(row["opportunity_id"]))
    if not row["link"]:
        return said
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(
        row["link"], said
    )


def _columns(words: Words, chosen: PipelineNumbers) -> tuple[TableColumn[Any], ...]:
    """Return the columns: whose deal it is, how it left, when, and why."""
    unit, present = chosen.unit_per_day, chosen.present is not None
    return (
        TableColumn("deal_name", lambda r: bdi(r["name"] or DASH), "lk-name"),
        TableColumn("owner", lambda r: bdi(r["owner"] or DASH), "lk-name"),
        TableColumn("stage", lambda r: bdi(r["stage"] or DASH), "lk-name"),
        TableColumn("how_left", lambda r: _say_left(r["left"], words, present=present), "lk-name"),
        TableColumn("value", lambda r: _say_known(r["value"], lambda v: words.money(v * 100))),
        TableColumn(
            "in_stage",
            lambda r: _say_known(r["days"], lambda days: name_stay(words, days * unit, unit)),
        ),
        TableColumn(
            "entered_on", lambda r: _say_known(r["entered"], lambda day: _date(day, words))
        ),
        TableColumn("left_on", lambda r: _say_known(r["left_on"], lambda day: _date(day, words))),
        TableColumn("reason", lambda r: bdi(r["reason"] or DASH), "lk-name"),
    )


def _say_left(way: str, words: Words, *, present: bool) -> str:
    """Say how a deal left."""
    return words.say(f"table.{_left(way, present=present)}")


def _say_known(value: Any, say: Any) -> str:  # noqa: ANN401 - a cell of any kind, and how it is said
    """Say a value that may be missing."""
    return DASH if pd.isna(value) else str(say(value))


def _date(day: pd.Timestamp, words: Words) -> str:
    """Say a date."""
    return words.date((day - pd.Timestamp(0)).days)


def _translate_headings(rows: pd.DataFrame, words: Words, *, present: bool) -> pd.DataFrame:
    """Return the rows under the words of the field, for a file."""
    left = rows["left"].map({way: _say_left(way, words, present=present) for way in ORDER})
    named = rows.assign(left=left.astype("str"), name=rows["name"].map(tidy_name))
    kept = [name for name in DEAL_COLUMNS if name != "link" or rows["link"].any()]
    return named[kept].rename(columns={name: words.say(f"deals.{name}") for name in kept})


# ---------------- explained
# One deal on a page: its rows as given, what became of each, where each visit was counted.

FATE = {"line": "int64", "what": "str", "step": "int64", "reason": "str"}


def explain(explanation: Explanation) -> View:
    """What became of this deal, row by row, and where was it counted?"""
    words = Words(explanation.language)
    parts = [_rows(explanation.rows, words)]
    if explanation.implied:
        parts.append(_list_implied(explanation, words))
    if explanation.visits:
        parts.append(_visits(explanation, words))
    first, *rest = explaining.outcome_lines(explanation, words)
    return answer(
        words,
        "explain",
        title=words.html("explain.title", id=explanation.opportunity_id),
        headline=first,
        table=Markup("\n").join(parts),
        note=paragraphs(rest),
        behind=partial(_frame, explanation),
    )


def _frame(explanation: Explanation) -> pd.DataFrame:
    """Return what became of each row of the deal."""
    rows = [
        {"file": row.file, **{name: getattr(row.fate, name) for name in FATE}}
        for row in explanation.rows
    ]
    return frame_of(rows, {"file": "str", **FATE})


def _grid(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table; its first column heads the rows."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(each) for each in heads)
    body = Markup("\n").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            first, Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
        )
        for first, *cells in rows
    )
    return Markup(
        '<div class="lk-scroll" tabindex="0" role="group" aria-label="{}">'
        '<table class="lk-table"><caption><span>{}</span></caption>'
        "<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>"
    ).format(caption, caption, head, body)


def _rows(rows: Sequence[Row], words: Words) -> Markup:
    """Return the rows as given with their fates."""
    heads = [
        words.say(f"explain.{key}") for key in ("file", "line", "fate", "step", "reason", "texts")
    ]
    cells = []
    for row in rows:
        facts = explaining.fate_facts(row, words)
        texts = Markup("; ").join(
            Markup("{} = <bdi>{}</bdi>").format(heading, text)
            for heading, text in row.texts
            if text
        )
        cells.append(
            [row.file, words.count(row.fate.line), str(facts["fate"]), str(facts["step"]),
             str(facts["reason"]), texts]
        )  # fmt: skip
    return _grid(words.say("explain.rows"), heads, cells)


def _list_implied(explanation: Explanation, words: Words) -> Markup:
    """Return the rows that stand in no file."""
    heads = [words.say(f"explain.{key}") for key in ("stage", "moment", "step", "reason")]
    cells = [
        [
            Markup("<bdi>{}</bdi>").format(explaining.stage_words(name, row, words)),
            words.date(row.day),
            words.count(row.step),
            words.say(f"explain.reasons.{row.reason}"),
        ]
        for name, row in explanation.implied
    ]
    return _grid(words.say("explain.implied"), heads, cells)


def _visits(explanation: Explanation, words: Words) -> Markup:
    """Return the visits, and where each was counted."""
    items = Markup("\n").join(
        Markup("<li>{}<ul>{}</ul></li>").format(
            explaining.visit_line(visit, words),
            Markup("").join(
                Markup("<li>{}</li>").format(explaining.counted_line(visit, counted, words))
                for counted in visit.counted
            ),
        )
        for visit in explanation.visits
    )
    return heading(words.say("explain.passages")) + Markup("<ul>{}</ul>").format(items)
