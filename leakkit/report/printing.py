"""`--pdf`: pages laid out on sheets, and printed by a browser that the machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.errors import LeakkitError
from leakkit.report.manifest import digest_text
from leakkit.report.publishing import digest_of
from leakkit.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakkit.report.manifest import Facts
    from leakkit.report.publishing import Draft


# ---------------- paper
# A page on its way to paper: numbered sheets with a running head, and nothing folded away.
#
# A browser prints the page as it stands; what is added is a size, a head and a number on every
# sheet. What readers unfold on a screen is printed as an appendix, and a link that leads to
# another file of the folder becomes plain text: on paper it leads nowhere.

SIZES = {"a4": "A4", "letter": "letter"}
FOLDED = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
LINK = re.compile(r'(<a\b[^>]*?) href="(?!#|https?:)[^"]*"')
END_OF_HEAD, END_OF_PAGE = "</head>", "</main>"
LANGUAGE = re.compile(r'<html lang="([a-z]+)" dir="([a-z]+)">')
SHEETS = """<style>
@media print {{
  .lk-appendix {{ break-before: page; }}
  @page {{
    size: {size};
    margin: 20mm 14mm 17mm;
    font: 7.5pt system-ui, "Segoe UI", Roboto, "Noto Sans", Vazirmatn, Tahoma, sans-serif;
    color: #55656f;
    @{start} {{ content: {head}; vertical-align: bottom; padding-block-end: 4mm; }}
    @{end} {{ content: {day}; vertical-align: bottom; padding-block-end: 4mm; }}
    @bottom-center {{ content: counter(page) " / " counter(pages); }}
  }}
  @page :first {{
    margin-block-start: 14mm;
    @{start} {{ content: none; }}
    @{end} {{ content: none; }}
  }}
}}
</style>
"""


@dataclass(frozen=True)
class Sheets:
    """What every sheet says: whose it is and of which day; `size` is a4 or letter."""

    whose: str
    day: str
    size: str = "a4"

    def lay_out(self, html: str) -> str:
        """Return a page as it is printed."""
        language, direction = found.groups() if (found := LANGUAGE.search(html)) else ("en", "ltr")
        start, end = ("top-left", "top-right")
        if direction == "rtl":
            start, end = end, start
        style = SHEETS.format(
            size=SIZES[self.size], start=start, end=end, head=write_string(self._head(html)),
            day=write_string(self.day),
        )  # fmt: skip
        laid = _unfold(LINK.sub(r"\1", html), Words(language))
        return laid.replace(END_OF_HEAD, style + END_OF_HEAD, 1)

    def _head(self, html: str) -> str:
        """Return the running head: the client, where there is one, and the title of the page."""
        title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
        said = Markup(title[1]).unescape() if title else ""  # noqa: S704 - only to be read
        return " \u00b7 ".join(part for part in (self.whose, said) if part)


def write_string(text: str) -> str:
    r"""Return a text as a string of a stylesheet, whatever it holds.

    >>> print(write_string('5" pipes </style>'))
    "5\000022  pipes \00003c \00002f style\00003e "
    """
    plain = "".join(c if c.isalnum() or c in " .,:-()\u00b7" else f"\\{ord(c):06x} " for c in text)
    return f'"{plain}"'


def _unfold(html: str, words: Words) -> str:
    """Move what is folded to an appendix at the end, and say where it went."""
    folded = FOLDED.findall(html)
    if not folded:
        return html
    pointed = FOLDED.sub(lambda m: _pointer(m[1], words), html)
    parts = "".join(
        f'<div class="lk-appended"><h3>{title}</h3>{body}</div>' for title, body in folded
    )
    title = words.html("paper.appendix")
    appendix = f'<section class="lk lk-appendix"><h2>{title}</h2>{parts}</section>'
    before, end, after = pointed.rpartition(END_OF_PAGE)
    return before + appendix + end + after


def _pointer(title: str, words: Words) -> str:
    """Say that a folded part stands in the appendix; its title is markup already."""
    said = words.html("paper.in_appendix", what=Markup(title))  # noqa: S704 - of our own page
    return f'<p class="lk-note">{said}</p>'


# ---------------- printing
# `--pdf`: pages as PDF files, printed by a browser that the machine has.
#
# The browser runs without a window, in a folder of its own, and reaches no network. Its clock
# is taken out of the file, so that equal pages give equal bytes.

BROWSER_SETTING = "LEAKKIT_BROWSER"
"""The variable that names a browser which stands elsewhere."""
COMMANDS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "microsoft-edge-stable", "msedge",
)  # fmt: skip
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
)
SECONDS = 120
AT_ONCE = 2
PDF, HTML = ".pdf", ".html"
CLOCK = re.compile(rb"/(CreationDate|ModDate) ?\(D:[^)]*\)")
"""When a PDF file was made: the same number of letters in every file."""


@cache
def find_browser() -> str:
    """Return a browser that prints; raise LeakkitError `no_browser` where there is none."""
    asked = os.environ.get(BROWSER_SETTING, "")
    found = [asked] if asked and shutil.which(asked) else []
    if not asked:
        found = [path for name in (*COMMANDS, *PLACES) if (path := shutil.which(name))]
    if found:
        return found[0]
    message = (
        f"{BROWSER_SETTING} names {asked!r}, which cannot be run."
        if asked
        else "A PDF is printed by a Chromium, Chrome or Edge, and none was found (looked for: "
        f"{', '.join(COMMANDS)}). Install one, or set {BROWSER_SETTING} to its path."
    )
    raise LeakkitError("no_browser", message)


def print_page(html: str) -> bytes:
    """Return a page as PDF; raise LeakkitError `not_printed` where the browser fails."""
    with tempfile.TemporaryDirectory(prefix="leakkit-", ignore_cleanup_errors=True) as place:
        page, made = Path(place) / "page.html", Path(place) / "page.pdf"
        page.write_text(html, "utf-8")
        command = [
            find_browser(), "--headless", "--disable-gpu", "--disable-extensions",
            "--disable-background-networking", "--no-first-run", "--no-pdf-header-footer",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={Path(place) / 'profile'}",
            f"--print-to-pdf={made}", *_as_root(), page.as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - a browser found by us, and our own page
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_printed(str(error)) from None
        if done.returncode or not made.is_file():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise _not_printed(said[-1] if said else f"it ended with {done.returncode}")
        return CLOCK.sub(_stop_clock, made.read_bytes())


def _as_root() -> list[str]:
    """Return what a browser asks of the user root, as in a container."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _stop_clock(clock: re.Match[bytes]) -> bytes:
    """Return a moment as long as the one that was found, and always the same."""
    digits = iter(b"20000101000000")
    return bytes(next(digits, ord("0")) if chr(c).isdigit() else c for c in clock[0])


def _not_printed(why: str) -> LeakkitError:
    """Return the error that says what the browser said."""
    return LeakkitError("not_printed", f"{find_browser()} could not print: {why[:300]}")


@dataclass(frozen=True)
class Printing:
    """The pages of a draft as PDF files beside them; `last` are files that stand, by name."""

    draft: Draft
    last: Mapping[str, Facts]

    def print_all(self, pages: Mapping[str, Sheets]) -> tuple[dict[str, Facts], str]:
        """Print pages, each on its sheets; those that stand as they would be made are left.

        Return what the manifest says of each file, and why one could not be printed.
        """
        there = [name for name in sorted(pages) if self.draft.find(name).is_file()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = list(pool.map(lambda name: self._print(name, pages[name]), there))
        named = zip(there, done, strict=True)
        facts = {pdf_of(name): one for name, one in named if isinstance(one, dict)}
        return facts, "; ".join(dict.fromkeys(one for one in done if isinstance(one, str)))

    def _print(self, name: str, sheets: Sheets) -> Facts | str:
        """Print one page; return what the manifest says of it, or why it was not printed."""
        file, html = pdf_of(name), sheets.lay_out(self.draft.find(name).read_text("utf-8"))
        of, last = digest_text(html), self.last.get(file, {})
        if last.get("of") == of and digest_of(self.draft.folder / file) == last["sha256"]:
            return dict(last)
        try:
            content = print_page(html)
        except LeakkitError as error:
            return str(error)
        self.draft.write_bytes(file, content)
        return {"of": of, "sha256": digest_of(self.draft.find(file))}


def pdf_of(name: str) -> str:
    """Return the name of the PDF file of a page.

    >>> pdf_of("equipment-7f2465/stage_dropoff.html")
    'equipment-7f2465/stage_dropoff.pdf'
    """
    return name.removesuffix(HTML) + PDF
