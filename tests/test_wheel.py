"""The wheel, in an environment with nothing else of this project."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.running import write_small

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with what is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (made,) = folder.glob("leakkit-*.whl")
    return made


def test_the_wheel_has_all_that_a_page_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    for needed in (
        *("leakkit/notebooks/stage_dropoff.ipynb", "leakkit/notebooks/overview.ipynb"),
        *("leakkit/words/en.toml", "leakkit/page/style.css"),
        *("leakkit/report/template/leakkit/index.html.j2", "leakkit/py.typed"),
        *("leakkit/vocabulary/fa.toml", "leakkit/sources/headings/makers/odoo.toml"),
        "leakkit/findings/terms/fa.toml",
    ):
        assert needed in names
    modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "leakkit").rglob("*.py")}
    assert modules <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "reports/"))]


def test_installed_from_the_wheel_it_makes_a_report(wheel: Path, tmp_path: Path) -> None:
    """The environment is new; the libraries are those of this one, leakkit is the wheel's."""
    venv.create(tmp_path / "new", with_pip=False, symlinks=os.name != "nt")
    scripts = tmp_path / "new" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    run = [str(python), "-c", code]
    site = Path(subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip())
    target = ["--no-deps", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    install = [sys.executable, "-m", "pip", "install", *target, str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    libraries = next(Path(p) for p in sys.path if (Path(p) / "duckdb").is_dir())
    # the libraries one by one: a folder as a whole would bring the editable leakkit too
    for library in libraries.iterdir():
        if "leakkit" not in library.name and not (site / library.name).exists():
            (site / library.name).symlink_to(library)
    templates = tmp_path / "new/share/jupyter/nbconvert"
    templates.parent.mkdir(parents=True)
    templates.symlink_to(Path(sys.prefix) / "share/jupyter/nbconvert")
    kernel = [str(python), "-m", "ipykernel", "install", "--sys-prefix"]
    subprocess.run(kernel, check=True, capture_output=True)
    out = tmp_path / "out"
    source = write_small(tmp_path / "source")
    command = [str(python), "-m", "leakkit.cli", "report", str(source), "--out", str(out)]
    command += ["--pipeline", "Equipment"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LEAKKIT"))}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=clean
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(out.glob("*/stage_dropoff.html"))) == 1
    where = [str(python), "-c", "import leakkit; print(leakkit.__file__)"]
    found = subprocess.run(
        where, check=True, capture_output=True, text=True, cwd=tmp_path, env=clean
    )
    assert str(site) in found.stdout
