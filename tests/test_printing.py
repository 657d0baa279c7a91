"""Paper: every page as numbered sheets, nothing folded away, equal pages equal bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from leakkit.errors import LeakkitError
from leakkit.report import printing
from leakkit.report.printing import Printing, Sheets, find_browser, print_page, write_string
from leakkit.report.publishing import begin_draft

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<title>Spare &lt;b&gt; &amp; &quot;parts&quot; }</title>
</head>
<body><main>
<p>First <a href="../index.html">up</a> <a href="#b">down</a> <a href="https://x.example/d">out</a></p>
<details><summary>More numbers</summary><table><tr><td>4,800</td></tr></table></details>
<p id="b">Last</p>
</main>
</body>
</html>
"""
SHEETS = Sheets("Acme", "As of Jun 30, 2026")


def test_what_is_folded_on_a_screen_stands_in_the_appendix() -> None:
    laid = SHEETS.lay_out(PAGE)
    assert "<details" not in laid
    assert "More numbers: see the appendix." in laid
    assert laid.index("Last") < laid.index("Appendix") < laid.index("4,800") < laid.index("</main>")


def test_links_into_the_folder_lead_nowhere_on_paper_and_others_stay() -> None:
    assert re.findall(r'href="([^"]*)"', SHEETS.lay_out(PAGE)) == ["#b", "https://x.example/d"]


def test_the_running_head_holds_names_that_would_break_a_stylesheet() -> None:
    style = re.search(r"<style>.*?</style>", SHEETS.lay_out(PAGE), re.DOTALL)
    assert style is not None
    assert "Acme \u00b7 Spare " in style[0]
    assert style[0].count("<") == 2
    assert style[0].count("}") == style[0].count("{")


@pytest.mark.parametrize("text", ['"', "\\", "\n", "</style>", "a'b", "\u202e", "{}"])
def test_no_text_ends_the_string_it_stands_in(text: str) -> None:
    inside = write_string(text)[1:-1]
    assert not set(inside.replace("\\", "")) & set("\"\n<>'{}\u202e")
    read = re.sub(r"\\([0-9a-f]{6}) ", lambda m: chr(int(m[1], 16)), inside)
    assert read == text


def test_a_page_from_right_to_left_has_its_head_on_the_right() -> None:
    turned = SHEETS.lay_out(PAGE.replace('dir="ltr"', 'dir="rtl"'))
    assert re.search(r'@top-right { content: "Acme', turned)


def test_letter_paper() -> None:
    assert "size: letter" in Sheets("", "", "letter").lay_out(PAGE)


@pytest.fixture
def no_cache() -> None:
    find_browser.cache_clear()


@pytest.mark.usefixtures("no_cache")
def test_without_a_browser_the_error_names_what_was_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(printing, "PLACES", ())
    with pytest.raises(LeakkitError, match=r"microsoft-edge.*LEAKKIT_BROWSER") as caught:
        find_browser()
    assert caught.value.code == "no_browser"
    monkeypatch.setenv("LEAKKIT_BROWSER", "/no/such/browser")
    with pytest.raises(LeakkitError, match="/no/such/browser"):
        find_browser()


@pytest.fixture
def printer(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A printer that only keeps what it was given."""
    given: list[str] = []

    def keep(html: str) -> bytes:
        if "jam" in html:
            raise LeakkitError("not_printed", "The paper is jammed.")
        given.append(html)
        return html.encode()

    monkeypatch.setattr(printing, "print_page", keep)
    return given


def test_a_page_that_did_not_change_is_not_printed_again(
    tmp_path: Path, printer: list[str]
) -> None:
    with begin_draft(tmp_path) as draft:
        draft.write_text("index.html", PAGE)
        facts, trouble = Printing(draft, {}).print_all({"index.html": SHEETS})
        assert (list(facts), trouble, len(printer)) == (["index.pdf"], "", 1)
        draft.publish({}, "")
    with begin_draft(tmp_path) as draft:
        again, _ = Printing(draft, facts).print_all({"index.html": SHEETS})
        assert (again, len(printer)) == (facts, 1)
        other = Sheets("Acme", "As of Jul 31, 2026")
        Printing(draft, facts).print_all({"index.html": other})
        assert len(printer) == 2
        (tmp_path / "index.pdf").write_bytes(b"torn")
        Printing(draft, facts).print_all({"index.html": SHEETS})
        assert len(printer) == 3


@pytest.mark.usefixtures("printer")
def test_a_page_that_cannot_be_printed_stops_no_other(tmp_path: Path) -> None:
    with begin_draft(tmp_path) as draft:
        draft.write_text("a/summary.html", PAGE)
        draft.write_text("b/summary.html", PAGE.replace("Last", "jam"))
        pages = dict.fromkeys(("a/summary.html", "b/summary.html", "c/summary.html"), SHEETS)
        facts, trouble = Printing(draft, {}).print_all(pages)
    assert list(facts) == ["a/summary.pdf"]
    assert trouble == "The paper is jammed."


@pytest.mark.usefixtures("browser_path")
def test_a_browser_prints_numbered_sheets_of_the_same_bytes() -> None:
    laid = SHEETS.lay_out(PAGE)
    first, second = print_page(laid), print_page(laid)
    assert first == second
    assert first.startswith(b"%PDF-")
    assert first.count(b"/Type /Page\n") == 2
    assert b"/home" not in first
    assert b"file:" not in first


def test_what_a_broken_browser_said_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(printing, "find_browser", lambda: str(broken))
    with pytest.raises(LeakkitError, match="could not print: no display"):
        print_page(PAGE)
