"""The parameters of a notebook: unknown ones and those of another kind are refused."""

import pytest

from leakkit.errors import LeakkitError
from leakkit.parameters import check_parameters, read_assigned, with_values
from leakkit.report import notebooks
from leakkit.report.manifest import NOTEBOOKS

CELL = 'source = "sample"  # a folder\npipeline = ""  # empty: the first\npipelines = []'


def check(*cells: str) -> None:
    check_parameters({"In": ["", *cells]})


def test_what_the_notebook_knows_is_taken() -> None:
    check(CELL)
    check(CELL, '# Parameters\npipeline = "Spare parts"\npipelines = ["A"]\n')
    check_parameters({})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('pipline = "Spare parts"', r"no parameter pipline\. Did you mean pipeline\?"),
        ('zone = "UTC"', r"no parameter zone\. It has: source, pipeline, pipelines\."),
        ("pipeline = 2024", r"pipeline is 2024, which is no text\..*papermill -r pipeline TEXT"),
        ("pipeline = 0", r"pipeline is 0, which is no text"),
        ("pipeline = True", r"pipeline is True, which is no text"),
        ("source = None", r"source is None, which is no text"),
        ('pipelines = "A"', r"pipelines is 'A', which is no list\..*papermill -y \"pipelines:"),
    ],
)
def test_what_it_does_not_know_is_refused(given: str, said: str) -> None:
    with pytest.raises(LeakkitError, match=said):
        check(CELL, f"# Parameters\n{given}\n")


def test_the_last_cell_that_was_put_in_counts() -> None:
    """Somebody opens the notebook that failed, and mends the cell."""
    check(CELL, "# Parameters\npipline = 1", "x = 1", '# Parameters\npipeline = "A"')


def test_a_notebook_without_its_parameters_takes_none() -> None:
    with pytest.raises(LeakkitError, match="It has: none"):
        check('# Parameters\npipeline = "A"', CELL)


def test_values_take_the_place_of_the_defaults() -> None:
    text = 'name = "é"  # é\nmany = [\n    1,\n]\nother = 1'
    values = {"name": 'a "b" \n', "other": ["x"], "many": [2]}
    # a value of several lines stays as it is written
    assert with_values(text, values) == (
        'name = "a \\"b\\" \\n"  # é\nmany = [\n    1,\n]\nother = [\'x\']'
    )
    assert read_assigned(text) == {"name": "é", "many": [1], "other": 1}
    assert with_values("no python (", values) == "no python ("


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_checks_before_it_reads(name: str) -> None:
    text = notebooks.read_notebook(name)
    assert text.index("check_parameters(globals())") < text.index("leakkit.load(")
