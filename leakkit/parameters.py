"""The parameters of a notebook: what it knows, what was put in, and what was used."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError
from leakkit.likeness import find_nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INJECTED = "# Parameters"
"""The first line of the cell that papermill puts in."""
Values = dict[str, Any]


def check_parameters(names: Mapping[str, Any]) -> None:
    r"""Does this notebook know what was put into it?

    `names` is `globals()` of a notebook. papermill puts in a cell of assignments without
    looking at their names and kinds; this raises LeakkitError for a name that the cell
    before it does not have (`unknown_parameter`), and for a value of another kind than
    that of the default (`parameter_kind`). Where nothing was put in, nothing is said.

    >>> check_parameters({"In": ["", 'pipeline = ""', '# Parameters\npipline = "Projects"']})
    Traceback (most recent call last):
    leakkit.errors.LeakkitError: This notebook has no parameter pipline. Did you mean pipeline?
    """
    cells = [str(cell) for cell in names.get("In", ())]
    places = [at for at, cell in enumerate(cells) if cell.lstrip().startswith(INJECTED)]
    if not places:
        return
    known: Values = {}
    for cell in cells[: places[0]]:
        known |= read_assigned(cell)
    given = read_assigned(cells[places[-1]])
    _refuse_unknown(given, known)
    _refuse_kinds(given, known)


def _refuse_unknown(given: Values, known: Values) -> None:
    """Raise for the first name that the notebook does not have."""
    for name in given:
        if name in known:
            continue
        near = find_nearest(name, known)
        hint = f"Did you mean {near}?" if near else f"It has: {', '.join(known) or 'none'}."
        message = f"This notebook has no parameter {name}. {hint}"
        raise LeakkitError("unknown_parameter", message)


def _refuse_kinds(given: Values, known: Values) -> None:
    """Raise for the first value that is of another kind than the default."""
    for name, value in given.items():
        if isinstance(value, type(known[name])):
            continue
        hint = f'Put in a list: papermill -y "{name}: [...]".'
        if isinstance(known[name], str):
            hint = f"papermill makes numbers of texts that look so. Write: papermill -r {name} TEXT"
        message = f"The parameter {name} is {value!r}, which is no {_kind(known[name])}. {hint}"
        raise LeakkitError("parameter_kind", message)


def _kind(value: object) -> str:
    """Say of what kind a value is."""
    names = {"str": "text"}
    return names.get(type(value).__name__, type(value).__name__)


def read_assigned(cell: str) -> Values:
    """Return the plain values that a cell gives to names.

    >>> read_assigned('pipeline = ""  # empty: the first')
    {'pipeline': ''}
    """
    found = {}
    for name, value in _assignments(cell):
        try:
            found[name] = ast.literal_eval(value)
        except ValueError:
            continue
    return found


def with_values(cell: str, values: Mapping[str, object]) -> str:
    """Return a cell of parameters with other values; its comments stay.

    >>> with_values('pipeline = ""  # empty: the first', {"pipeline": "Spare parts"})
    'pipeline = "Spare parts"  # empty: the first'
    """
    lines = cell.splitlines()
    for name, value in _assignments(cell):
        if name in values and value.lineno == value.end_lineno:
            # the places that ast gives count bytes
            line = lines[value.lineno - 1].encode()
            said = _literal(values[name]).encode()
            lines[value.lineno - 1] = (
                line[: value.col_offset] + said + line[value.end_col_offset :]
            ).decode()
    return "\n".join(lines)


def _assignments(cell: str) -> Sequence[tuple[str, ast.expr]]:
    """Return the names that a cell gives values to, with these; none of what is no Python."""
    try:
        body = ast.parse(cell).body
    except (SyntaxError, ValueError):
        return []
    plain = [s for s in body if isinstance(s, ast.Assign) and len(s.targets) == 1]
    return [(s.targets[0].id, s.value) for s in plain if isinstance(s.targets[0], ast.Name)]


def _literal(value: object) -> str:
    """Return a value as Python writes it, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
