"""The command `sample`: the built-in sample as files."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the types of options
from typing import Annotated

import typer


def sample(
    folder: Annotated[Path, typer.Argument(help="The folder to write the files into.")],
    opportunities: Annotated[int, typer.Option(help="How many opportunities.", min=1)] = 12_000,
    seed: Annotated[int, typer.Option(help="The seed of the simulation.")] = 20_260_630,
) -> None:
    """Write the built-in sample: an industrial seller with four pipelines and known leaks.

    It writes opportunities.csv, stage_history.csv, leakkit.toml and truth.json.
    """
    from leakkit.sample import write

    made = write(folder, opportunities, seed=seed)
    rows = f"{len(made.opportunities):,} opportunities and {len(made.stage_history):,} history rows"
    typer.echo(f"{rows} in {folder}")
