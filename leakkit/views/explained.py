"""One deal on a page: its rows as given, what became of each, where each visit was counted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit import explaining
from leakkit.frames.units import frame_of
from leakkit.views.elements import heading, paragraphs
from leakkit.views.view import answer
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from leakkit.explaining import Explanation, Row
    from leakkit.views.view import View


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
