"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import json
import re
import shutil
import string
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from babel import Locale
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted((ROOT / "leakkit").rglob("*.py"))
LANGUAGES = sorted((ROOT / "leakkit" / "words").glob("*.toml"))


def name_of(path: Path) -> str:
    """Name a parametrised test after its file."""
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- dependencies


@cache
def project() -> dict[str, Any]:
    """Read the table [project] of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def pins() -> dict[str, str]:
    """Read constraints.txt: name -> version, markers left out."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(one.specifier).startswith("==") for one in wanted), "a pin is not exact"
    assert all(one.url is None for one in wanted), "a pin has an address"
    found = {str(canonicalize_name(one.name)): str(one.specifier)[2:] for one in wanted}
    assert len(found) == len(wanted), "a package is pinned twice"
    return found


def requirements_of(requirements: list[str]) -> set[str]:
    """Follow the requirements through what is installed here."""
    found: set[str] = set()
    todo = [Requirement(one) for one in requirements]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        extras = {"", *one.extras}
        if name in found and not one.extras:
            continue
        found.add(name)
        todo += [
            further
            for text in importlib.metadata.requires(one.name) or []
            if (further := Requirement(text)).marker is None
            or any(further.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return found


def test_environment_yml_lists_the_runtime_dependencies() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert environment["channels"] == ["conda-forge"]
    (with_pip,) = (part for part in environment["dependencies"] if isinstance(part, dict))
    assert with_pip["pip"] == ["-c constraints.txt", "-e .", *project()["dependencies"]]
    (python,) = (
        Requirement(part.replace("=", "==", 1))
        for part in environment["dependencies"]
        if isinstance(part, str) and part.startswith("python=")
    )
    version = str(python.specifier).removeprefix("==")
    assert Requirement(f"python{project()['requires-python']}").specifier.contains(version)


def test_core_is_a_part_of_the_dependencies_and_stands_in_core_txt() -> None:
    lines = (ROOT / "core.txt").read_text("utf-8").splitlines()
    core = project()["optional-dependencies"]["core"]
    assert [line for line in lines if not line.startswith("#")] == core
    assert set(core) <= set(project()["dependencies"])


CORE_ALONE = """
import sys
from importlib import metadata
core = set(sys.argv[1].split(","))
top = metadata.packages_distributions()
owned = {name: {one.lower().replace("_", "-") for one in owners} for name, owners in top.items()}
gone = {name for name, owners in owned.items() if core.isdisjoint(owners)}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in gone - {"leakkit"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import leakkit
analysis = leakkit.analyze(leakkit.load("sample"))
assert analysis["Equipment"]["Proforma"].exits.entered > 0
assert len(analysis.stages()) and len(analysis.findings()) and len(analysis.worklist())
assert len(analysis.drivers()) and len(analysis.months()) and analysis.by("owner") is not None
leakkit.diagnose(analysis, "Equipment")
for room, name in ((leakkit.report, "run"), (leakkit.views, "pipe")):
    try:
        getattr(room, name)
    except leakkit.LeakkitError as error:
        print(error)
"""


def test_load_and_analyze_need_the_core_alone() -> None:
    core = requirements_of(project()["optional-dependencies"]["core"])
    command = [sys.executable, "-c", CORE_ALONE, ",".join(sorted(core))]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    report, view = told.stdout.splitlines()
    assert re.match(r"leakkit\.report\.run needs \w+, which a core install leaves out\.", report)
    assert view.startswith("leakkit.views.pipe needs ")


def test_constraints_pin_all_that_is_needed_and_nothing_else() -> None:
    requirements = project()["dependencies"] + project()["optional-dependencies"]["dev"]
    here = requirements_of(requirements)
    assert here <= pins().keys(), f"not pinned: {sorted(here - pins().keys())}"
    # packages of another Python or system have a marker, and cannot be followed here
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    elsewhere = {canonicalize_name(Requirement(line).name) for line in lines if " ; " in line}
    stray = pins().keys() - here - elsewhere
    assert not stray, f"pinned, and needed by nothing: {sorted(stray)}"


def test_pins_fit_the_bounds() -> None:
    requirements = project()["dependencies"] + project()["optional-dependencies"]["dev"]
    for one in map(Requirement, requirements):
        assert one.specifier.contains(pins()[canonicalize_name(one.name)]), one


def test_every_import_of_leakkit_is_a_dependency() -> None:
    """A package that comes along with another one goes along with it, too.

    What the extra `spark` brings is imported in the rooms of that name, and nowhere else.
    """
    declared = {canonicalize_name(Requirement(one).name) for one in project()["dependencies"]}
    extra = {
        canonicalize_name(Requirement(one).name)
        for one in project()["optional-dependencies"]["spark"]
    }
    packages = importlib.metadata.packages_distributions()
    undeclared = {
        f"{name_of(path)}: {top}"
        for path in MODULES
        for top in imports_of(path)
        if top != "leakkit"
        and top not in sys.stdlib_module_names
        and (declared | (extra if "spark" in name_of(path) else set())).isdisjoint(
            map(canonicalize_name, packages.get(top, []))
        )
    }
    assert not undeclared


def imports_of(path: Path) -> set[str]:
    """Name the packages that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


# ---------------------------------------------------------------- files

INDEX = re.compile(
    r"(pypi|pythonhosted|anaconda|npmjs)\.(org|com)|--(index-url|extra-index-url|find-links)"
)
MACHINE = re.compile(r"(?<![\w.$}~-])/(root|home|Users)/\w")


def tracked_files() -> list[Path]:
    """List the files that git keeps, or would keep."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in out.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """Read a text file; a binary one, and a temporary one that is gone by now, has no text."""
    try:
        with path.open("rb") as file:
            start = file.read(8192)
            return "" if b"\0" in start else (start + file.read()).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("pattern", [INDEX, MACHINE], ids=["package index", "machine's path"])
def test_no_file_names_a_package_index_or_a_path_of_a_machine(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name_of(path)}:{number}: {match.group()}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if (match := pattern.search(line))
    ]
    assert not found


# ---------------------------------------------------------------- notebooks


def cells(path: Path) -> list[dict[str, Any]]:
    """Read the cells of a notebook."""
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return found


def is_parameters(cell: dict[str, Any]) -> bool:
    """Say whether papermill takes this cell for the parameters."""
    return "parameters" in cell["metadata"].get("tags", [])


def source(cell: dict[str, Any]) -> str:
    """Return the text of a cell, which the format keeps as one text or as lines."""
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_has_one_parameters_cell(path: Path) -> None:
    (parameters,) = (cell for cell in cells(path) if is_parameters(cell))
    assert parameters["cell_type"] == "code"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    ran = [
        source(cell)
        for cell in cells(path)
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None)
    ]
    assert not ran


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_holds_no_logic(path: Path) -> None:
    long = [
        source(cell)
        for cell in cells(path)
        if cell["cell_type"] == "code" and not is_parameters(cell)
        if len([line for line in source(cell).splitlines() if line.strip()]) > 3
    ]
    assert not long, "code cells of more than 3 lines"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_says_a_sentence_before_each_code_cell(path: Path) -> None:
    all_cells = cells(path)
    silent = [
        source(cell)
        for before, cell in zip([None, *all_cells], all_cells, strict=False)
        if cell["cell_type"] == "code"
        and (before is None or before["cell_type"] != "markdown" or not source(before).strip())
    ]
    assert not silent


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.stem == "__init__" or not path.stem.startswith("_")],
    ids=name_of,
)
def test_public_module_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_public_names_are_few_and_have_an_example() -> None:
    leakkit = pytest.importorskip("leakkit")
    names = getattr(leakkit, "__all__", [])
    assert len(names) <= 18
    things = {name: getattr(leakkit, name) for name in names if name != "__version__"}
    modules = {name for name, thing in things.items() if inspect.ismodule(thing)}
    assert all(things[name].__doc__ for name in modules)
    without = {
        name for name in things.keys() - modules if ">>>" not in (things[name].__doc__ or "")
    }
    assert not without, "that the examples run is checked by --doctest-modules"


# ---------------------------------------------------------------- words

PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})  # of CLDR


def messages(table: dict[str, Any], prefix: str = "") -> dict[str, dict[str, str]]:
    """Flatten a catalogue: key -> its forms by plural category ("other" where there is one)."""
    found: dict[str, dict[str, str]] = {}
    for key, value in table.items():
        if isinstance(value, str):
            found[prefix + key] = {"other": value}
        elif "other" in value and value.keys() <= PLURALS:
            found[prefix + key] = value
        else:
            found |= messages(value, f"{prefix}{key}.")
    return found


def placeholders(message: str) -> set[str]:
    """Return what stands in braces, with its format: {lost:count} -> lost:count."""
    parts = string.Formatter().parse(message)
    return {f"{name}:{spec}" for _, name, spec, _ in parts if name is not None}


def catalogue(path: Path) -> dict[str, dict[str, str]]:
    """Read the messages of one language."""
    return messages(tomllib.loads(path.read_text("utf-8")))


@pytest.fixture(scope="module")
def english() -> dict[str, dict[str, str]]:
    """Return the catalogue that the others are compared with."""
    path = ROOT / "leakkit" / "words" / "en.toml"
    if not path.exists():
        pytest.skip("there are no words yet")
    return catalogue(path)


@pytest.mark.parametrize("path", LANGUAGES, ids=name_of)
def test_every_language_has_every_message(path: Path, english: dict[str, dict[str, str]]) -> None:
    assert catalogue(path).keys() ^ english.keys() == set()


@pytest.mark.parametrize("path", LANGUAGES, ids=name_of)
def test_messages_have_the_same_placeholders(
    path: Path, english: dict[str, dict[str, str]]
) -> None:
    wrong = {
        key: forms
        for key, forms in catalogue(path).items()
        if key in english and placeholders(forms["other"]) != placeholders(english[key]["other"])
    }
    assert not wrong


@pytest.mark.parametrize("path", LANGUAGES, ids=name_of)
def test_plural_forms_are_those_of_the_language(path: Path) -> None:
    """A form may leave the number out ("one deal"), but may not ask for another fact."""
    categories = {*Locale.parse(path.stem).plural_form.tags, "other"}
    wrong = {
        key: forms
        for key, forms in catalogue(path).items()
        if len(forms) > 1
        and (
            forms.keys() != categories
            or any(placeholders(form) - placeholders(forms["other"]) for form in forms.values())
        )
    }
    assert not wrong


def test_the_check_of_words_sees_what_is_wrong() -> None:
    table = {"deals": {"one": "{n:count} deal", "other": "{n:count} deals"}, "a": {"b": "{x}"}}
    assert messages(table) == {
        "deals": {"one": "{n:count} deal", "other": "{n:count} deals"},
        "a.b": {"other": "{x}"},
    }
    assert placeholders("{lost:count} of {n:count}, {{not this}}") == {"lost:count", "n:count"}


# ---------------------------------------------------------------- what is loaded


# ---------------- rooms

MOST_LINES, MOST_MODULES = 500, 239
LONG: set[str] = set()
"""Modules that are still longer. This list, and the two numbers, may only fall."""
TWICE: set[str] = set()
"""Names of modules and classes that may stand in two rooms; this list may only fall, too."""


def names_of_rooms() -> list[str]:
    """Name every module and package, and every class that a module holds."""
    names = []
    for path in MODULES:
        if path.stem != "__main__":
            names.append(path.parent.name if path.stem == "__init__" else path.stem)
        tree = ast.parse(path.read_text("utf-8"))
        names += [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return names


def test_no_module_is_long_and_modules_do_not_become_more() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}
    long = [path.relative_to(ROOT / "leakkit") for path, n in lengths.items() if n > MOST_LINES]
    assert {path.as_posix() for path in long} <= LONG
    assert len(MODULES) <= MOST_MODULES


def test_modules_and_classes_have_one_name_each() -> None:
    twice = {name for name, n in Counter(names_of_rooms()).items() if n > 1}
    assert twice <= TWICE


NAMED_FILE = re.compile(
    r"`(?:leakkit/)?((?:analysis|cli|config|deck|findings|frames|measures|page|report|sample"
    r"|sources|store|views|words)/[\w/]+\.(?:py|toml))`"
)


def test_every_file_that_a_page_names_is_there() -> None:
    """A page that sends its reader to a module sends nobody to one that has moved."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    gone = {
        f"{name_of(page)}: {name}"
        for page in pages
        for name in NAMED_FILE.findall(page.read_text("utf-8"))
        if not re.search(r"\b[A-Z]+\b", name) and not (ROOT / "leakkit" / name).exists()
    }
    assert not gone


def rooms_on_the_way() -> list[tuple[str, str]]:
    """Return the rooms that docs/how-a-number-is-made.md names on the way of a deal."""
    page = (ROOT / "docs" / "how-a-number-is-made.md").read_text("utf-8")
    return re.findall(r"^\| `([\w/]+\.py)` \| `(\w+)` \|", page, re.MULTILINE)


def test_the_way_of_a_deal_has_at_most_20_rooms_and_never_goes_back() -> None:
    rooms = rooms_on_the_way()
    packages = [room.split("/")[0] for room, _ in rooms]
    assert 0 < len(rooms) <= 20
    assert len(set(rooms)) == len(rooms)
    assert len(list(groupby(packages))) == len(set(packages)), "it comes back into a room"
    for room, name in rooms:
        tree = ast.parse((ROOT / "leakkit" / room).read_text("utf-8"))
        made = {getattr(node, "name", "") for node in tree.body}
        made |= {
            one.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for one in node.targets
            if isinstance(one, ast.Name)
        }
        assert name in made, f"{room} has no {name}"


def test_a_worker_loads_nothing_that_views_are_drawn_with() -> None:
    """Workers run notebooks in other processes: what those need would be loaded for nothing."""
    heavy = {"duckdb", "matplotlib", "pandas", "seaborn", "statsmodels", "leakkit.views"}
    code = f"import sys, leakkit.report.notebook; print(*({heavy!r} & sys.modules.keys()))"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.split() == []


def dead_names() -> set[str]:
    """Return functions and constants of modules that no other line of leakkit names."""
    made: set[str] = set()
    used: set[str] = set()
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                made.add(node.name)
            if isinstance(node, ast.Assign):
                names = [name for target in node.targets for name in ast.walk(target)]
                made |= {name.id for name in names if isinstance(name, ast.Name)}
        for part in ast.walk(tree):
            match part:
                case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                    used.add(name)
                case ast.Constant(value=str(text)):
                    used |= set(re.findall(r"\w+", text))
                case _:
                    pass
    return {name for name in made - used if not name.startswith("__")}


def test_no_name_is_dead() -> None:
    # kept alive so that kernels that are copied have it loaded
    assert dead_names() == {"LOADED"}


def test_every_decision_has_a_number_and_stands_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    rows = [
        f"| [{file.name[:4]}]({file.name}) | {heading.removeprefix(f'# {file.name[:4]} ')} |"
        for file in sorted(folder.glob("0*.md"))
        for heading in file.read_text("utf-8").splitlines()[:1]
    ]
    listed = (folder / "README.md").read_text("utf-8").splitlines()
    assert [line for line in listed if line.startswith("| [")] == rows
    assert len({row[:8] for row in rows}) == len(rows)
