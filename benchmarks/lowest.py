"""Do the lowest versions that pyproject.toml allows make the same pages as the pinned ones?

    python -m benchmarks.lowest

Installs leakkit with the lower bound of each package that it asks for into an environment of
its own, all others as pinned, and lets both environments report one pipeline of the sample.
Pages, tables and findings must be equal, byte for byte; only what states versions may differ.
Exits with 1 where one differs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PIPELINE = "Equipment"
STATES_VERSIONS = {"manifest.json", "run.json"}
COMPANIONS = {"pydantic-core"}
"""Packages of which another asks for one version exactly."""


def find_lowest() -> dict[str, str]:
    """Return the lowest version of every package that leakkit asks for, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = map(Requirement, project["dependencies"])
    return {
        canonicalize_name(one.name): bound.version
        for one in asked
        for bound in one.specifier
        if bound.operator == ">="
    }


def write_constraints(file: Path, lowest: dict[str, str]) -> None:
    """Write the pins of all other packages, and the lower bounds."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    kept = [
        line
        for line in lines
        if line
        and not line.startswith("#")
        and canonicalize_name(Requirement(line).name) not in {*lowest, *COMPANIONS}
    ]
    bounds = [f"{name}=={version}" for name, version in lowest.items()]
    file.write_text("\n".join([*kept, *bounds]) + "\n", "utf-8")


def run(python: Path, *arguments: str) -> None:
    """Run a module of an environment; what it says is shown where it fails."""
    told = subprocess.run(
        [python, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if told.returncode not in {0, 3}:
        print(told.stdout, told.stderr, sep="\n", file=sys.stderr)
        raise SystemExit(1)


def list_differences(one: Path, other: Path) -> list[str]:
    """Return the files that are not the same in both folders."""
    names = {
        path.relative_to(folder)
        for folder in (one, other)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in STATES_VERSIONS
    }
    return sorted(str(name) for name in names if _read(one / name) != _read(other / name))


def _read(file: Path) -> bytes | None:
    """Return what a file holds; None where there is none."""
    return file.read_bytes() if file.exists() else None


def main() -> None:
    """Make both reports, and say what differs."""
    lowest = find_lowest()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "lowest", with_pip=True)
        python = folder / "lowest" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        write_constraints(folder / "constraints.txt", lowest)
        print(f"Installing the lowest versions of {len(lowest)} packages.", flush=True)
        pins = ("-c", str(folder / "constraints.txt"))
        quiet = ("--quiet", "--disable-pip-version-check")
        run(python, "pip", "install", *quiet, *pins, "-e", str(ROOT))
        run(Path(sys.executable), "leakkit", "sample", str(folder / "sample"))
        for environment, out in ((python, "lowest"), (Path(sys.executable), "pinned")):
            report = ("report", str(folder / "sample"), "--pipeline", PIPELINE, "--quiet")
            run(environment, "leakkit", *report, "--out", str(folder / f"{out} pages"))
        differ = list_differences(folder / "lowest pages", folder / "pinned pages")
    print(f"Differ: {', '.join(differ)}" if differ else "All pages and files are the same.")
    raise SystemExit(bool(differ))


if __name__ == "__main__":
    main()
