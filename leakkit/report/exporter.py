"""The exporter: a notebook that has run becomes one offline HTML page.

`jupyter nbconvert --to leakkit out.ipynb` uses it too. What the page shows are the
views that cells returned; the code, and whatever else was printed, is folded away.
Nothing on the page can run or call outside, and equal notebooks give equal bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from nbconvert.exporters.html import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.utils.exceptions import ConversionException
from traitlets import default

from leakkit.page.inert import POLICY, inert
from leakkit.page.style import FIRST, REPEATED, style_element, stylesheet
from leakkit.parameters import read_assigned, with_values
from leakkit.words import LANGUAGES, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nbformat import NotebookNode

TEMPLATES = Path(__file__).parent / "template"
PARAMETERS, INJECTED = "parameters", "injected-parameters"
IMPORTED = "import leakkit"
RESULTS = """made = leakkit.report.run(
    source, "reports", config or None, pipelines=pipelines, as_of=as_of, language=language
)
results = [page.facts() for page in made.pages]"""
"""What a batch puts into the overview is long; this is the call that makes it."""
HIDDEN_TAGS = frozenset((INJECTED, "explore", "remove-cell"))
PATHS = ("source", "config")
"""Parameters that are paths: a page says their names, and no places."""
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
NAME = re.compile(r"[A-Za-z][\w.-]*")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")


@dataclass(frozen=True)
class Entry:
    """One line of the contents."""

    name: str
    title: str


@dataclass
class Page:
    """All that a page is made of, in the order of the notebook's cells."""

    language: str = ""
    direction: str = "ltr"
    title: str = ""
    parts: list[Markup] = field(default_factory=list)
    contents: list[Entry] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    @property
    def words(self) -> Words:
        """The words of the page's own few texts."""
        return Words(self.language if self.language in LANGUAGES else "en")


def read_page(notebook: NotebookNode, shown: Mapping[str, Any] | None = None) -> Page:
    """Sort what the cells of a notebook returned into the parts of a page.

    Its code has the parameters that were used: those that were put in, or what `shown` says
    of them. Raises nbconvert's ConversionException for a notebook that failed.
    """
    page, used = Page(), {**_read_injected(notebook), **(shown or {})}
    made = bool(used.pop("results", ()))
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", ())
        if cell.cell_type != "code" or HIDDEN_TAGS.intersection(tags):
            continue
        if cell.source.strip():
            code = with_values(cell.source, used) if PARAMETERS in tags else cell.source
            page.code.append(code.rstrip())
            if made and IMPORTED in cell.source:
                page.code.append(RESULTS)
        for output in cell.get("outputs", ()):
            _read_output(page, output)
    page.language = page.language or "en"
    page.title = page.title or str(notebook.metadata.get("title", "leakkit"))
    return page


def _read_injected(notebook: NotebookNode) -> dict[str, Any]:
    """Return the parameters that were put into a notebook, paths by their last part."""
    cells = (c.source for c in notebook.cells if INJECTED in c.metadata.get("tags", ()))
    values = {name: value for cell in cells for name, value in read_assigned(cell).items()}
    names = {name: PurePath(str(values[name])).name for name in PATHS if name in values}
    return values | names


def _read_output(page: Page, output: NotebookNode) -> None:
    """Put one output where it belongs."""
    if output.output_type == "stream":
        page.printed.append(_text(output.text))
    elif output.output_type == "error":
        message = f"The notebook failed, so there is no page: {output.ename}: {output.evalue}"
        raise ConversionException(_text(message))
    elif output.output_type in {"display_data", "execute_result"}:
        _read_data(page, output.data, output.get("metadata", {}))


def _read_data(page: Page, data: dict[str, str], metadata: dict[str, Any]) -> None:
    """Take the richest form of an output that can be shown without running anything."""
    if "text/html" in data and "application/vnd.jupyter.widget-view+json" not in data:
        about = metadata.get("text/html", {}).get("leakkit") or {}
        if about.get("kind") == REPEATED:
            return
        html = inert(_join_lines(data["text/html"]).removeprefix(style_element()))
        _read_view(page, about)
        page.parts.append(html)
    elif "image/svg+xml" in data:
        page.parts.append(Markup("<figure>{}</figure>").format(inert(data["image/svg+xml"])))
    elif "image/png" in data:
        page.parts.append(
            _image(page, _join_lines(data["image/png"]), metadata.get("image/png", {}))
        )
    elif "text/plain" in data:
        page.printed.append(_text(data["text/plain"]))


def _read_view(page: Page, view: dict[str, str] | None) -> None:
    """Take from a view's metadata what the page needs: contents, language, direction, title."""
    if not view:
        return
    name, title = str(view.get("name", "")), str(view.get("title", ""))
    if not page.language:
        page.language = str(view.get("language", "en"))
        page.direction = "rtl" if view.get("direction") == "rtl" else "ltr"
        page.title = title
    known = {entry.name for entry in page.contents}
    if NAME.fullmatch(name) and name not in known and view.get("kind") != FIRST:
        page.contents.append(Entry(name, title))


def _image(page: Page, base64: str, metadata: dict[str, Any]) -> Markup:
    """Return a picture with its text for those who do not see it."""
    if not BASE64.fullmatch(base64):
        return Markup("")
    alt = str(metadata.get("alt") or page.words.say("page.no_alt"))
    return Markup('<figure><img alt="{}" src="data:image/png;base64,{}"></figure>').format(
        alt, "".join(base64.split())
    )


def _join_lines(text: str | list[str]) -> str:
    """Return text that a notebook file may hold as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def _text(text: str | list[str]) -> str:
    """Return plain text without the colours of a terminal."""
    return UNSEEN.sub("", ANSI.sub("", _join_lines(text))).rstrip()


class LeakkitExporter(HTMLExporter):
    """Turn a notebook into a page that is offline, inert and equal run for run."""

    export_from_notebook = "leakkit report"

    @default("template_name")
    def _own_template(self) -> str:
        """Name the template beside this file."""
        return "leakkit"

    @default("extra_template_basedirs")
    def _own_folder(self) -> list[str]:
        """Say where it is."""
        return [str(TEMPLATES)]

    def from_notebook_node(  # type: ignore[override]
        self,
        nb: NotebookNode,
        resources: dict[str, Any] | None = None,
        **kw: object,
    ) -> tuple[str, dict[str, Any]]:
        """Return the page and nbconvert's resources.

        The pass through BeautifulSoup that `HTMLExporter` ends with is left out: it
        costs most of the time, and the page has its alt texts already.
        """
        html, resources = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
        resources.pop("leakkit", None)
        return html, resources

    def _preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Read the page from the notebook as nbconvert's preprocessors leave it."""
        notebook, resources = super()._preprocess(nb, resources)  # type: ignore[no-untyped-call]
        page = read_page(notebook, resources.get("leakkit_shown"))
        resources["leakkit"] = {
            "page": page,
            "words": page.words,
            "policy": POLICY,
            "links": resources.get("leakkit_links", ()),
            "brand": resources.get("leakkit_brand"),
            "style": Markup(stylesheet()),  # noqa: S704 - our own file
        }
        return notebook, resources


@cache
def _exporter() -> LeakkitExporter:
    """Build the exporter once: its templates are read when it is first used."""
    return LeakkitExporter()  # type: ignore[no-untyped-call]


def export_page(
    notebook: NotebookNode,
    links: Iterable[Sequence[str]] = (),
    shown: Mapping[str, Any] | None = None,
    brand: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a notebook that has run; `links` are (label, path) of other pages.

    `brand` says whose page it is (client, author, foot, colour, accent, address).
    `shown` are parameters that its code says in place of those that were put in. One
    exporter serves all pages of a process: building one costs more than a page.
    """
    resources = {
        "leakkit_links": [tuple(link) for link in links],
        "leakkit_shown": dict(shown or {}),
        "leakkit_brand": dict(brand or {}),
    }
    html, _ = _exporter().from_notebook_node(notebook, resources)
    return html
