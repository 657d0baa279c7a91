"""A view: what one question is answered with, as a frozen value that can show itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from markupsafe import Markup

from leakkit.analysis import Analysis, Diagnosis
from leakkit.errors import LeakkitError
from leakkit.frames.questions import BEHIND
from leakkit.guards import require_kind
from leakkit.page.style import FIRST, SECTION, style_element
from leakkit.plain import PlainData
from leakkit.views.html_tables import bdi
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from leakkit.analysis import PipelineNumbers, Selection
    from leakkit.analysis.numbers import StageNumbers


# ---------------- view
# A view: what one question is answered with, as a frozen value that can show itself.

P = ParamSpec("P")
Seen = TypeVar("Seen", bound="View")


@dataclass(frozen=True)
class View(PlainData):
    """The answer to one question: a headline, a figure, a table and a note.

    `selection` says which part of the data it is of, where it is not all.

    `figure`, `table` and `note` are HTML that is safe already, or empty; `title`,
    `headline` and `alt` are plain text and are escaped here, unless they are `Markup`.
    `alt` says in words what the figure shows, for programs that show no figure. The
    view of `kind` "first" opens a page: its title is the page's, its headline is big. One of
    `kind` "repeated" says only what another says, and a page leaves it out.

    >>> view = View("pipe", "Where it leaks", "Proforma loses 37 %.")
    >>> print(view.section())
    <section class="lk" id="pipe" dir="ltr" lang="en">
    <h2>Where it leaks</h2>
    <p class="lk-headline">Proforma loses 37 %.</p>
    </section>
    """

    name: str
    title: str
    headline: str = ""
    figure: str = ""
    table: str = ""
    note: str = ""
    language: str = "en"
    direction: str = "ltr"
    alt: str = ""
    kind: str = SECTION
    selection: str = ""
    behind: Callable[[], pd.DataFrame] | None = field(default=None, compare=False, repr=False)

    def section(self) -> Markup:
        """Return the view as one HTML section, without a stylesheet."""
        first = self.kind == FIRST
        parts = (
            (Markup("<h1>{}</h1>") if first else Markup("<h2>{}</h2>")).format(self.title),
            _wrap_content('<p class="lk-selection">{}</p>', self.selection),
            _wrap_content('<p class="lk-headline">{}</p>', self.headline),
            _wrap_content("<figure>{}</figure>", _safe(self.figure)),
            _safe(self.table),
            _wrap_content('<div class="lk-note">{}</div>', _safe(self.note)),
        )
        return Markup('<section class="lk{}" id="{}" dir="{}" lang="{}">\n{}\n</section>').format(
            " lk-first" if first else "",
            self.name,
            self.direction,
            self.language,
            Markup("\n").join(part for part in parts if part),
        )

    def save(self, path: str | Path) -> Path:
        """Save the view: as a picture (.svg, .png), or its tables (.csv, .xlsx). Return the path.

        A view of one figure saves that figure alone, for slides; any other its sentences,
        pictures and tables as one picture. A view without a table saves its sentences.

        Colours and font are fixed, on white paper; texts stay texts in an SVG. A PNG has
        two dots for a pixel, and a box for a letter that its font, DejaVu Sans, has not
        (it has Latin, Greek, Cyrillic, Arabic and Hebrew). Of a figure in a wide and a
        narrow form the wide one is saved.

        Raises LeakkitError `no_format` for another ending.

        >>> View("a", "A").save("a.pdf")
        Traceback (most recent call last):
        leakkit.errors.LeakkitError: A view is saved as .svg, .png, .csv or .xlsx, not as 'a.pdf'.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            message = f"A view is saved as .svg, .png, .csv or .xlsx, not as {path.name!r}."
            raise LeakkitError("no_format", message)
        path.write_bytes(self.render(path.suffix.lower()))
        return path

    def render(self, ending: str) -> bytes:
        """Return what `save` writes into a file with this ending."""
        return FORMATS[ending](self)

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the view, as a tidy frame (docs/api.md).

        Shares are 0 to 1 beside what they are of, stays are in days, days are dates, money is
        in major units beside its currency. Raises LeakkitError `no_frame` for a view that
        was not made of an analysis or a diagnosis.

        >>> import leakkit
        >>> analysis = leakkit.analyze(leakkit.load("sample"), "Equipment")
        >>> leakkit.views.pipe(analysis).frame()["stage"].tolist()[:2]
        ['Inquiry', 'Requirements']
        """
        if self.behind is None:
            message = f"There is no frame behind the view {self.name!r}: it shows no numbers."
            raise LeakkitError("no_frame", message)
        return self.behind()

    def metadata(self) -> dict[str, str]:
        """Return what the exporter needs to build the page around the view."""
        return {
            "name": self.name,
            "title": _plain(self.title),
            "language": self.language,
            "direction": self.direction,
            "kind": self.kind,
        }

    def __str__(self) -> str:
        """Return the view in words."""
        texts = (_plain(self.title), _plain(self.headline), self.alt)
        return "\n".join(text for text in texts if text)

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002 - IPython's protocol
        exclude: object = None,  # noqa: ARG002 - IPython's protocol
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return what a notebook shows, and what the exporter reads."""
        html = f"{style_element()}{self.section()}"
        return {"text/html": html, "text/plain": str(self)}, {
            "text/html": {"leakkit": self.metadata()}
        }


def of_analysis(view: Callable[P, Seen]) -> Callable[P, Seen]:
    """Return a view that refuses what is no analysis, and says what to call instead."""
    of_all = "pages" in inspect.signature(view).parameters

    @wraps(view)
    def guarded(*given: P.args, **choices: P.kwargs) -> Seen:
        _require_first(view.__name__, given, choices.get("analysis"), Analysis)
        if of_all and isinstance(named := (*given[1:], choices.get("pages"))[0], str):
            _refuse_name(view.__name__, named)
        return _with_frame(view(*given, **choices), view.__name__, given, choices)

    return guarded


def of_diagnosis(view: Callable[P, Seen]) -> Callable[P, Seen]:
    """Return a view that refuses what is no diagnosis, and says what to call instead."""

    @wraps(view)
    def guarded(*given: P.args, **choices: P.kwargs) -> Seen:
        _require_first(view.__name__, given, choices.get("diagnosis"), Diagnosis)
        return _with_frame(view(*given, **choices), view.__name__, given, choices)

    return guarded


def _refuse_name(view: str, named: str) -> None:
    """Raise where one pipeline is named to a view of all of them."""
    message = (
        f"views.{view} is of all pipelines of an analysis, not of {named!r}. "
        f"Write: leakkit.views.{view}(leakkit.analyze(data, {named!r}))"
    )
    raise LeakkitError("of_all_pipelines", message)


def _with_frame(
    view: Seen, name: str, given: tuple[object, ...], choices: Mapping[str, object]
) -> Seen:
    """Return a view that knows how the numbers behind it are made."""
    return (
        replace(view, behind=partial(BEHIND[name], *given, **choices)) if name in BEHIND else view
    )


def _require_first(name: str, given: tuple[object, ...], named: object, wanted: type) -> None:
    """Raise where what a view is of, given in its place or by its name, is something else."""
    if given or named is not None:
        require_kind(f"views.{name}", given[0] if given else named, wanted)


def _figure(view: View) -> str:
    """Return the one figure of a view; of any other view, all of it as a figure."""
    from leakkit.views.drawing import picture_files

    return view.figure if picture_files.is_one(view.figure) else picture_files.poster(view)


def _svg(view: View) -> bytes:
    """Return a view as an SVG file."""
    from leakkit.views.drawing import picture_files

    return picture_files.svg(_figure(view)).encode()


def _png(view: View) -> bytes:
    """Return a view as a PNG file."""
    from leakkit.views.drawing import picture_files

    return picture_files.png(_figure(view))


def _csv(view: View) -> bytes:
    """Return the tables of a view as a CSV file that Excel reads as UTF-8."""
    from leakkit.views import grids

    return grids.csv_of(view).encode("utf-8-sig")


def _xlsx(view: View) -> bytes:
    """Return the tables of a view as an Excel file."""
    from leakkit.views import grids

    return grids.xlsx_of(view)


FORMATS = {".svg": _svg, ".png": _png, ".csv": _csv, ".xlsx": _xlsx}
"""How a view becomes a file, by its ending."""


def words_of(analysis: Analysis) -> Words:
    """Return the words of an analysis' language and currency."""
    return Words(analysis.language, analysis.config.currency)


def answer(words: Words, name: str, *, title: str = "", **parts: Any) -> View:  # noqa: ANN401 - texts
    """Return the view that answers a question, under the question as its title."""
    title = title or words.say(f"question.{name}")
    return View(name, title, language=words.language, direction=words.direction, **parts)


def _plain(text: str) -> str:
    """Return a text without its markup, if it has any."""
    return text.striptags() if isinstance(text, Markup) else text


def _safe(html: str) -> Markup:
    """Take HTML made by leakkit's figures and tables as it is."""
    return Markup(html)  # noqa: S704 - figures and tables escape every text themselves


def _wrap_content(pattern: str, content: str) -> Markup:
    """Put `content` into an element; nothing where there is none."""
    return Markup(pattern).format(content) if content else Markup("")  # noqa: S704 - a constant


# ---------------- choices
# What a view is asked for: a pipeline, a stage, a part of the data, deals or money.

BY = ("count", "value")
CURVES = ("visits", "policy")
"""The choices that change what is read off curves, and nothing that is counted."""
NAMED = 5
"""So many values of a column are named; of more it is said how many."""


def pipeline_of(analysis: Analysis, pipeline: str) -> PipelineNumbers:
    """Return the pipeline that is asked for; the first where none is."""
    return analysis.chosen(pipeline)[0]


def stages_of(chosen: PipelineNumbers, stage: str) -> tuple[StageNumbers, ...]:
    """Return the stage that is asked for; all where none is."""
    return (chosen[stage],) if stage else chosen.stages


def amount_of(by: str) -> str:
    """Return by what a view counts: count or value."""
    if by not in BY:
        message = f"A view counts by {' or by '.join(BY)}, not by {by!r}."
        raise LeakkitError("no_amount", message)
    return by


def part_line(
    analysis: Analysis,
    chosen: PipelineNumbers,
    words: Words,
    *curves: str,
    days: str = "days",
) -> Markup:
    """Say in one line which part of the data a view is of; empty where it is all.

    `curves` are the choices beside deals and days that this view depends on, `days` is the
    key of how it depends on days.
    """
    part = analysis.selection
    said = [*deals_lines(part, words), *_days_line(analysis, chosen, words, days)]
    if "visits" in curves and part.visits == "all":
        said.append(words.html("selection.visits"))
    if "policy" in curves and part.policy:
        said.append(words.html(f"selection.{part.policy}"))
    return Markup(" ").join(said)


def deals_lines(part: Selection, words: Words) -> list[Markup]:
    """Say which deals are chosen, a sentence for each column and one for the value."""
    said = [_column_line(name, values, words) for name, values in part.columns]
    least, below = (None if limit is None else limit * 100 for limit in part.worth)
    facts = {"least": least, "below": below}
    if least is not None and below is not None:
        said.append(words.html("selection.worth_between", **facts))
    elif least is not None or below is not None:
        key = "selection.worth_below" if least is None else "selection.worth_from"
        said.append(words.html(key, **facts))
    return said


def _column_line(name: str, values: tuple[str, ...], words: Words) -> Markup:
    """Say which values of a column are chosen; of many, the first ones."""
    if values == ("",):
        return words.html("selection.deals_without", segment=name)
    none = Markup("{}").format(words.say("bar.none"))
    named = [bdi(value) if value else none for value in values]
    if (more := len(named) - NAMED) > 1:
        first = Markup(", ").join(named[:NAMED])
        return words.html("selection.deals_more", segment=name, value=first, more=more)
    return words.html("selection.deals", segment=name, value=words.list_values(named))


def _days_line(analysis: Analysis, chosen: PipelineNumbers, words: Words, key: str) -> list[Markup]:
    """Say of which days a view is; nothing of the whole history."""
    if chosen.days is None:
        return []
    window = analysis.selection.window
    name = words.html(f"selection.{window}") if window != "all" else Markup("")
    facts = {"first": chosen.days[0], "last": chosen.days[1] - 1, "as_of": analysis.last_day}
    return [words.html(f"selection.{key}", window=name, **facts)]
