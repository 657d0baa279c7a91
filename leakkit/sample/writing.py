"""A sample as four files in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit.errors import LeakkitError
from leakkit.sample.making import make

if TYPE_CHECKING:
    import pandas as pd

    from leakkit.sample.making import Sample
    from leakkit.sample.plan import Plan


def write(
    directory: str | Path,
    opportunities: int = 12_000,
    *,
    seed: int = 20260630,
    plan: Plan | None = None,
) -> Sample:
    """Write opportunities.csv, stage_history.csv, leakkit.toml and truth.json.

    Makes the directory if need be and overwrites the four files. UTF-8, lines end
    with a line feed; the same arguments give the same bytes. Raises LeakkitError where
    `directory` is a file.
    """
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file; the sample needs a folder to write its four files into."
        raise LeakkitError("no_folder", message)
    sample = make(opportunities, seed=seed, plan=plan)
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "opportunities.csv", sample.opportunities)
    _write_csv(folder / "stage_history.csv", sample.stage_history)
    _write_text(folder / "leakkit.toml", sample.config)
    truth = json.dumps(sample.truth, ensure_ascii=False, indent=2)
    _write_text(folder / "truth.json", truth + "\n")
    return sample


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(
        path,
        index=False,
        encoding="utf-8",
        lineterminator="\n",
        float_format="%.2f",
        date_format="%Y-%m-%d %H:%M:%S",
    )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
