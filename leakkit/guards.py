"""Guards of the public doors: what was given, what is taken, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leakkit.config import fold_name
from leakkit.errors import LeakkitError, shorten_text

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = {
    "Store": "a source that is loaded",
    "Analysis": "an analysis",
    "PipelineNumbers": "one pipeline of an analysis",
    "Diagnosis": "a diagnosis",
    "Filters": "a bar",
}
"""What the classes that a user meets are called."""
CODES = {"Store": "not_loaded"}
CALLS = {
    ("Store", ""): "leakkit.load(...)",
    ("Store", "Analysis"): "analysis.store",
    ("Analysis", ""): "leakkit.analyze(leakkit.load(...))",
    ("Analysis", "Store"): "leakkit.analyze(data)",
    ("Analysis", "PipelineNumbers"): "analysis, name",
    ("Analysis", "Diagnosis"): "diagnosis.analysis",
    ("Diagnosis", ""): "leakkit.diagnose(leakkit.analyze(leakkit.load(...)))",
    ("Diagnosis", "Store"): "leakkit.diagnose(leakkit.analyze(data))",
    ("Diagnosis", "Analysis"): "leakkit.diagnose(analysis)",
    ("Filters", ""): "view, leakkit.filters(leakkit.analyze(leakkit.load(...)))",
    ("Filters", "Store"): "view, leakkit.filters(leakkit.analyze(data))",
    ("Filters", "Analysis"): "view, leakkit.filters(analysis)",
    ("Filters", "Diagnosis"): "view, leakkit.filters(diagnosis)",
}
"""What to write where one kind is taken and another is given."""


def require_kind(door: str, given: object, wanted: type) -> None:
    """Raise where a door is given something else than it takes, with the call to write.

    >>> class Analysis: ...
    >>> require_kind("views.pipe", "sample", Analysis)
    Traceback (most recent call last):
    leakkit.errors.LeakkitError: views.pipe takes an analysis, not 'sample'.
    Write: leakkit.views.pipe(leakkit.analyze(leakkit.load(...)))
    """
    if isinstance(given, wanted):
        return
    kind, needed = type(given).__name__, wanted.__name__
    call = CALLS.get((needed, kind), CALLS[needed, ""])
    message = (
        f"{door} takes {KINDS[needed]}, not {_say_given(given)}. Write: leakkit.{door}({call})"
    )
    raise LeakkitError(CODES.get(needed, f"not_{needed.lower()}"), message)


def _say_given(given: object) -> str:
    """Say what was given: a text as it is, anything else by its kind."""
    if isinstance(given, str):
        return shorten_text(repr(given))
    kind = type(given).__name__
    return "None" if given is None else KINDS.get(kind, f"a value of type {kind}")


def is_left_out(given: object) -> bool:
    """Say whether nothing was chosen; 0 and False are something, and no name.

    >>> is_left_out(""), is_left_out([]), is_left_out(0)
    (True, True, False)
    """
    return given is None or (isinstance(given, (str, list, tuple)) and not given)


def require_text(what: str, given: object) -> None:
    """Raise where one text is meant, and something else is given.

    A number is refused as well: what looks like one, as 007, has lost its zeros by then.

    >>> require_text("pipeline", 2024)
    Traceback (most recent call last):
    leakkit.errors.LeakkitError: pipeline is one text, not 2024. Write for example: pipeline="2024"
    """
    if isinstance(given, str):
        return
    first = given[0] if isinstance(given, (list, tuple)) and given else given
    example = shorten_text(str(first), 40).replace('"', "'")
    message = (
        f"{what} is one text, not {shorten_text(repr(given), 80)}. "
        f'Write for example: {what}="{example}"'
    )
    code = f"one_{what}"
    raise LeakkitError(code, message)


def find_spelling(what: str, given: object, known: Sequence[str]) -> str:
    """Return a name as it is spelt, which may be given in whatever case.

    Raises LeakkitError with all names where there is none.

    >>> find_spelling("stage", "PROFORMA", ["Inquiry", "Proforma"])
    'Proforma'
    >>> find_spelling("stage", "Prforma", ["Inquiry", "Proforma"])
    Traceback (most recent call last):
    leakkit.errors.LeakkitError: There is no stage 'Prforma'. There are: Inquiry, Proforma.
    """
    require_text(what, given)
    name = str(given)
    if name in known:
        return name
    for one in known:
        if fold_name(one) == fold_name(name):
            return one
    message = f"There is no {what} {name!r}. There are: {', '.join(known) or 'none'}."
    code = f"no_{what}"
    raise LeakkitError(code, message)
