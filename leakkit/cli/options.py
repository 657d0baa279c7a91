"""The options that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    str, typer.Option(help="A leakkit.toml; by default the one beside the files.")
]
LastDay = Annotated[str, typer.Option(help="The last day to use, such as 2026-06-30.")]
Folders = Annotated[
    list[Path] | None,
    typer.Option(help="A further folder of files that the configuration names; repeatable."),
]
