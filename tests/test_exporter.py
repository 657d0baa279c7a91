"""The exporter and the index: offline, inert, equal run for run, in the view's language."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from inspect import signature
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
import pytest
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert.utils.exceptions import ConversionException

from leakkit.page.inert import inert
from leakkit.page.style import stylesheet
from leakkit.report import run
from leakkit.report.exporter import LeakkitExporter, export_page
from leakkit.report.overview import IndexRow, index_page
from leakkit.views import html_tables
from leakkit.views.drawing import figures
from leakkit.views.view import View
from leakkit.words import Words
from tests import fakes
from tests.fakes import V4

WORDS = Words("en", currency="EUR")
ROOT = Path(__file__).parent.parent
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNg"
    "YGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
)
NEW_EXPORTER: Any = LeakkitExporter
NBFORMAT: Any = nbformat
ATTACKS = (
    "<script>alert(1)</script>",
    "<SCRIPT SRC='//evil.example/x.js'></SCRIPT >",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.example/beacon.png' alt=''>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    '<svg><use href="data:image/svg+xml;base64,AAAA#x"></use></svg>',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)">',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='http://evil.example'></object><embed src='//evil.example'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java&#115;cript:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='//evil.example/'>x</a>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv='refresh' content='0;url=https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css';</style>",
    '<p style="background: url(https://evil.example/x.png)">x</p>',
    '<p style="background: u\\72l(https://evil.example/x.png)">x</p>',
    '<p style="background: url&#40;https://evil.example/x.png&#41;">x</p>',
    "<form action='https://evil.example'><input name=a><button formaction=//b>x</button></form>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "</section></main></body><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<template><script>alert(1)</script></template>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<p title='a\" onmouseover=\"alert(1)'>x</p>",
    "<x-y onclick=alert(1)>x</x-y>",
    '<p ONCLICK="alert(1)">x</p>',
    "<scr<script>ipt>alert(1)</script>",
    "<img src=x onerror=alert(1)//",
    "<",
)
ALLOWED_URLS = re.compile(r"http://www\.w3\.org/(2000/svg|1999/xlink)")


def views() -> tuple[View, ...]:
    """Return a page's views, with stages of hostile names."""
    pipeline = fakes.analysis(fakes.pipe(names=fakes.HOSTILE), name="<b>Equipment</b>")
    first = View(
        "pipe",
        "<b>Equipment</b>",
        "Proforma loses 37%",
        figures.pipe_figure(pipeline, WORDS),
        note="<p>note</p>",
        kind="first",
    )
    stages = View("stages", "Stages & more", table=html_tables.stage_table(pipeline, WORDS))
    days = View("days", "Days", "", figures.days_figure(pipeline, WORDS))
    return first, stages, days


def export(*outputs: nbformat.NotebookNode, **cell: object) -> str:
    """Return the page of a notebook with one cell that returned `outputs`."""
    notebook = fakes.notebook(*views())
    notebook.cells.append(V4.new_code_cell("shown()", outputs=list(outputs), **cell))
    return export_page(notebook)


def html_output(html: str, **metadata: object) -> Any:  # noqa: ANN401 - as nbformat has it
    return V4.new_output("display_data", data={"text/html": html}, metadata=metadata)


def assert_inert(html: str) -> None:
    """Fail if anything on the parsed page could run or call outside."""
    page = BeautifulSoup(html, "html.parser")
    bad = "script iframe object embed link base form input button template noscript math video"
    assert not page.find_all(bad.split())
    for element in page.select("*"):
        for name, value in element.attrs.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            assert not name.lower().startswith("on"), element
            assert name.lower() not in {"srcdoc", "action", "formaction", "srcset", "background"}
            if name == "href":
                assert re.fullmatch(r"#[\w.-]*|(?!//)[\w./-]*", text), element
            if name == "src":
                assert text.startswith("data:image/"), element
            if name == "style":
                assert not re.search(r"url\((?!#)", text), element
    assert not re.search(r"https?:", ALLOWED_URLS.sub("", page.decode_contents()))


def test_the_page_is_offline_and_inert() -> None:
    html = export()
    assert_inert(html)
    policy = (
        "default-src &#39;none&#39;; img-src data:; style-src &#39;unsafe-inline&#39;; "
        "font-src data:"
    )
    assert html.count("http-equiv") == 1
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert html.index("Content-Security-Policy") < html.index("<style>")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_inert(attack: str) -> None:
    metadata = {"text/html": {"leakkit": {"name": attack, "title": attack, "language": attack}}}
    html = export(html_output(attack, **metadata))
    assert_inert(html)
    assert html.count("<main>") == html.count("</main>") == 1
    assert html.rstrip().endswith("</html>")
    assert_inert(str(inert(attack)))
    assert inert(str(inert(attack))) == inert(attack)


def test_the_first_view_names_the_page() -> None:
    view = View("pipe", "فروش", language="fa", direction="rtl", kind="first")
    html = export_page(fakes.notebook(view))
    assert '<html lang="fa" dir="rtl">' in html
    assert "<title>فروش</title>" in html


def test_the_contents_come_from_the_views() -> None:
    page = BeautifulSoup(export(), "html.parser")
    assert page.nav is not None
    links = [(link["href"], link.get_text()) for link in page.nav.find_all("a")]
    assert links == [("#stages", "Stages & more"), ("#days", "Days")]
    for href, _ in links:
        assert len(page.find_all(id=str(href)[1:])) == 1
    assert len(page.find_all("h1")) == 1
    assert page.title is not None
    assert page.title.get_text() == "<b>Equipment</b>"


def test_the_stylesheet_stands_once() -> None:
    html = export()
    assert html.count("<style>") == 1
    assert html.count(stylesheet()) == 1


def test_views_pass_untouched() -> None:
    for view in views():
        assert view.section() in export()


def test_code_is_folded_and_escaped() -> None:
    page = BeautifulSoup(export(id="abcdef123456"), "html.parser")
    code = [block.get_text() for block in page.select("details code")]
    assert code == [
        "views.pipe(analysis)",
        "views.stages(analysis)",
        "views.days(analysis)",
        "shown()",
    ]
    assert "abcdef123456" not in str(page)


@pytest.mark.parametrize("tag", ["injected-parameters", "explore"])
def test_cells_that_are_not_for_the_reader_stay_out(tag: str) -> None:
    html = export(html_output("<p>secret</p>"), metadata={"tags": [tag]})
    assert "secret" not in html
    assert "shown()" not in html


def test_markdown_stays_in_the_notebook() -> None:
    notebook = fakes.notebook(*views())
    notebook.cells.insert(0, V4.new_markdown_cell("# For the person at the notebook"))
    assert "person at the notebook" not in export_page(notebook)


def test_what_was_printed_is_folded() -> None:
    html = export(
        V4.new_output("stream", name="stdout", text="<b>printed</b>\x00"),
        V4.new_output("stream", name="stderr", text="warned"),
        V4.new_output(
            "execute_result", data={"text/plain": "<Figure size 1x1>"}, execution_count=1
        ),
    )
    page = BeautifulSoup(html, "html.parser")
    texts = [block.get_text() for block in page.select("details pre") if not block.code]
    assert texts == ["<b>printed</b>", "warned", "<Figure size 1x1>"]


def test_a_notebook_that_failed_makes_no_page() -> None:
    trace = ["\x1b[0;31mValueError\x1b[0m: <script>"]
    failed = V4.new_output("error", ename="ValueError", evalue="\x1b[31mno", traceback=trace)
    with pytest.raises(ConversionException, match="no page: ValueError: no"):
        export(failed)


def test_the_code_of_a_page_has_the_parameters_that_were_used() -> None:
    """What was put in by hand, paths by their names; else what a batch says of them."""
    notebook = fakes.notebook(*views())
    known = 'source = "sample"  # a folder\npipeline = ""\nresults = []'
    given = '# Parameters\nsource = "/data/crm"\npipeline = "Ersatzteile \u00fc"\n'
    notebook.cells[:0] = [
        V4.new_code_cell(known, metadata={"tags": ["parameters"]}),
        V4.new_code_cell(given, metadata={"tags": ["injected-parameters"]}),
    ]
    code = BeautifulSoup(export_page(notebook), "html.parser").select("details pre code")
    expected = 'source = "crm"  # a folder\npipeline = "Ersatzteile \u00fc"\nresults = []'
    assert code[0].get_text() == expected
    page = export_page(notebook, (), {"source": "label"})
    code = BeautifulSoup(page, "html.parser").select("details pre code")
    assert code[0].get_text() == expected.replace("crm", "label")


def test_the_code_of_an_overview_has_the_call_that_made_its_results() -> None:
    notebook = fakes.notebook(*views())
    given = 'source = "/data/crm"\nresults = [{"pipeline": "A", "page": "a/x.html"}]\n'
    notebook.cells[:0] = [
        V4.new_code_cell('source = "sample"\nresults = []', metadata={"tags": ["parameters"]}),
        V4.new_code_cell(given, metadata={"tags": ["injected-parameters"]}),
        V4.new_code_cell("import leakkit"),
    ]
    code = BeautifulSoup(export_page(notebook), "html.parser").select("details pre code")
    said = [one.get_text() for one in code]
    assert "a/x.html" not in str(code)
    assert said[:2] == ['source = "crm"\nresults = []', "import leakkit"]
    made, page = mock.Mock(), mock.Mock()
    page.facts.return_value = {"pipeline": "A"}
    made.report.run.return_value.pages = [page]
    names = dict.fromkeys(("source", "config", "pipelines", "as_of", "language"), "x")
    found: dict[str, Any] = {**names, "leakkit": made}
    exec(said[2], found)  # noqa: S102 - our own code
    assert found["results"] == [{"pipeline": "A"}]
    assert set(made.report.run.call_args.kwargs) < set(signature(run).parameters)


def test_pictures_keep_their_alt() -> None:
    alt = {"image/png": {"alt": 'a "b" <c>'}}
    with_alt = V4.new_output("display_data", data={"image/png": PIXEL + "\n"}, metadata=alt)
    without = V4.new_output("display_data", data={"image/png": PIXEL})
    broken = V4.new_output("display_data", data={"image/png": '"><script>'})
    html = export(with_alt, without, broken)
    images = BeautifulSoup(html, "html.parser").find_all("img")
    assert [image["alt"] for image in images] == ['a "b" <c>', "A picture without a description."]
    assert {image["src"] for image in images} == {f"data:image/png;base64,{PIXEL}"}
    assert_inert(html)


def test_a_widget_leaves_nothing_behind() -> None:
    widget = "application/vnd.jupyter.widget-view+json"
    data = {widget: {"model_id": "f00d"}, "text/html": "<p>widget</p>", "text/plain": "Image()"}
    html = export(V4.new_output("display_data", data=data))
    assert "f00d" not in html
    assert "<p>widget" not in html


def test_svg_outputs_are_shown_inert() -> None:
    svg = '<svg onload="x()" viewBox="0 0 1 1"><path d="M 0 0"/></svg>'
    html = export(V4.new_output("display_data", data={"image/svg+xml": svg}))
    assert '<svg viewBox="0 0 1 1"><path d="M 0 0"></path></svg>' in html


def test_a_notebook_without_views_is_a_page_too() -> None:
    html = export_page(V4.new_notebook())
    assert '<html lang="en" dir="ltr">' in html
    assert "<nav" not in html


def test_equal_bytes_run_for_run() -> None:
    pages = {export_page(fakes.notebook(*views())) for _ in range(3)}
    pages.add(NEW_EXPORTER().from_notebook_node(fakes.notebook(*views()))[0])
    assert len(pages) == 1


def test_a_page_is_fast() -> None:
    notebook = fakes.notebook(*views())
    export_page(notebook)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        export_page(notebook)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05  # about 0.01; the limit leaves room for slow machines


def test_nbconvert_finds_it(tmp_path: Path) -> None:
    NBFORMAT.write(fakes.notebook(*views()), tmp_path / "out.ipynb")
    name = "leakkit.report.exporter.LeakkitExporter"
    command = [sys.executable, "-m", "nbconvert", "--to", name, str(tmp_path / "out.ipynb")]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    again = NBFORMAT.read(tmp_path / "out.ipynb", as_version=4)
    expected = export_page(again)
    assert (tmp_path / "out.html").read_text("utf-8").rstrip() == expected.rstrip()


def test_a_view_is_a_value_that_shows_itself() -> None:
    view = views()[1]
    data, metadata = view._repr_mimebundle_()
    assert data["text/html"].startswith("<style>\n/* leakkit")
    assert data["text/html"].endswith(str(view.section()))
    assert data["text/plain"] == "Stages & more"
    assert metadata == {
        "text/html": {
            "leakkit": {
                "name": "stages",
                "title": "Stages & more",
                "language": "en",
                "direction": "ltr",
                "kind": "section",
            }
        }
    }
    marked = View("a", Markup("<em>A</em>"), "<b>", alt="said")
    assert "<h2><em>A</em></h2>" in marked.section()
    assert '<p class="lk-headline">&lt;b&gt;</p>' in marked.section()
    assert str(marked) == "A\n<b>\nsaid"
    with pytest.raises(AttributeError):
        marked.name = "b"  # type: ignore[misc]


def test_the_index_lists_pages_and_failures() -> None:
    rows = (
        IndexRow(
            "<b>A</b>", "a-1/stage_dropoff.html", "A leaks", links=(("Causes", "a-1/c.html"),)
        ),
        IndexRow("B", failed='no stage "<i>"'),
    )
    html = index_page(rows, WORDS)
    assert_inert(html)
    page = BeautifulSoup(html, "html.parser")
    assert [item.h2.get_text() for item in page.select("li") if item.h2] == ["<b>A</b>", "B"]
    assert [link["href"] for link in page.find_all("a")] == ["a-1/stage_dropoff.html", "a-1/c.html"]
    assert page.select_one("li .lk-failed bdi").get_text() == 'no stage "<i>"'  # type: ignore[union-attr]
    assert "2 pipelines. 1 of them failed." in page.get_text()
    assert html == index_page(rows, WORDS)


def test_the_index_names_no_other_place() -> None:
    for path in ("javascript:alert(1)", "//evil.example/", "https://evil.example/", 'a"b c.html'):
        html = index_page((IndexRow("A", path),), WORDS, trouble="The overview <failed>.")
        link = BeautifulSoup(html, "html.parser").find("a")
        assert link is not None
        assert not re.match(r"[a-z]+:|//", str(link["href"]))
        assert "The overview &lt;failed&gt;." in html
