"""The options of the commands, each declared once: what it is for, and what it may be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class KernelEngine(StrEnum):
    """How the kernel of a notebook starts."""

    FORK = "fork"
    STOCK = "stock"


class FailOn(StrEnum):
    """The severity of a finding that ends a run with code 3."""

    ALARM = "alarm"
    WATCH = "watch"
    NEW_ALARM = "new-alarm"
    NEW_WATCH = "new-watch"


class Paper(StrEnum):
    """The paper that pages are printed on."""

    A4 = "a4"
    LETTER = "letter"


class LogForm(StrEnum):
    """How a run tells what it does."""

    TEXT = "text"
    JSON = "json"


ConfigFile = Annotated[
    str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
]
LastDay = Annotated[str, typer.Option(help="The last day to use, such as 2026-06-30.")]
Folders = Annotated[
    list[Path] | None,
    typer.Option(help="A further folder of files that the configuration names; repeatable."),
]

# ---------------------------------------------------------------- of report alone

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A folder with opportunities and stage_history, an event file, a database "
        "(postgresql://user@host/name), a store, or the word 'sample'.",
    ),
]
Sample = Annotated[
    bool, typer.Option("--sample", help="Report on the built-in sample; needs no source.")
]
PagesFolder = Annotated[Path, typer.Option(help="The folder of the pages.")]
Pages = Annotated[
    list[str] | None, typer.Option(help="Make the page of this pipeline only; may be repeated.")
]
Language = Annotated[str, typer.Option(help="The language of the pages.")]
StoreFile = Annotated[str, typer.Option(help="Keep the tables in this file, to start from later.")]
Jobs = Annotated[
    int,
    typer.Option(
        min=0, help="Notebooks that run at once; 0: one per processor and pipeline, up to 4."
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Make every page again, also those that did not change.")
]
CellSeconds = Annotated[
    int, typer.Option(min=1, help="Seconds that one cell of a notebook may take.")
]
KeyFile = Annotated[
    str,
    typer.Option(
        metavar="KEYFILE",
        help="Replace owners, customers and names of deals by pseudonyms; this file is their "
        "key, made where there is none.",
    ),
]
Engine = Annotated[
    KernelEngine,
    typer.Option(help="How notebooks start: from a warm process (Linux), or anew."),
]
WithDeck = Annotated[
    bool, typer.Option("--deck", help="Also write PowerPoint decks, as the command deck does.")
]
WithPdf = Annotated[
    bool,
    typer.Option("--pdf", help="Also print every page to PDF, by a Chromium, Chrome or Edge."),
]
PaperSize = Annotated[Paper, typer.Option(help="The paper of --pdf.")]
FailingSeverity = Annotated[
    FailOn | None,
    typer.Option(
        help="End with code 3 where all is good but a finding is as grave as this; new- asks "
        "only for what the last run into the folder did not warn of."
    ),
]
SummaryFile = Annotated[
    str,
    typer.Option(
        metavar="FILE", help="Write what is new since the last run to this file, as JSON."
    ),
]
MostDropped = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Keep the old pages, with code 1, where a pipeline lost more than this part of "
        "its deals since the last run, such as 0.3.",
    ),
]
FewestRows = Annotated[
    int,
    typer.Option(
        min=0, help="Keep the old pages, with code 1, where fewer rows than this are used."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but faults.")]
Log = Annotated[
    LogForm, typer.Option(help="Text for people, or one JSON object per line for programs.")
]
