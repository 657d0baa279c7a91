"""The values of leakkit.toml: numbers, days, names, and how names are folded."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import Annotated, Any, TypeGuard

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from leakkit import limits

COLUMNS = (
    "opportunity_id",
    "pipeline",
    "name",
    "created_at",
    "closed_at",
    "outcome",
    "stage",
    "last_stage",
    "stage_since",
    "value",
    "currency",
    "lost_reason",
    "entered_at",
    "from_stage",
    "seq",
    "owner",
)
"""Canonical names of columns; `[source]` may say what they are called in the files."""

DIGITS = "".join(map(chr, [*range(0x06F0, 0x06FA), *range(0x0660, 0x066A)]))
"""The Persian digits, then the Arabic ones."""
_LETTERS = str.maketrans(
    DIGITS + "\u064a\u0649\u0643\u0629\u06c0\u0623\u0625\u0671\u00a0\u202f",
    "01234567890123456789\u06cc\u06cc\u06a9\u0647\u0647\u0627\u0627\u0627  ",
)
"""Arabic forms of letters that Persian writes otherwise, and two kinds of space."""
_SILENT = dict.fromkeys(
    [0x0640, *range(0x064B, 0x0653), *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0xFEFF]
)
"""Signs that change no letter: tatweel, vowels, joiners (ZWNJ), marks of direction, BOM."""

OUTCOMES = ("won", "lost", "open")
FIRST_YEAR, LAST_YEAR = 1970, 2200
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
"""A date, or a date with a time: what `as_of` may be."""


def _number(given: object) -> object:
    """Refuse yes and no, which would count as 1 and 0."""
    if isinstance(given, bool):
        message = "it should be a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns it into a fault
    return given


def is_moment(given: object) -> TypeGuard[str]:
    """Say whether this is a date or a date with a time, of the years that there may be."""
    if not isinstance(given, str) or not MOMENT.fullmatch(given):
        return False
    try:
        return FIRST_YEAR <= dt.datetime.fromisoformat(given).year <= LAST_YEAR
    except ValueError:
        return False


def is_day(given: object) -> TypeGuard[str]:
    """Say whether this is a date without a time."""
    return is_moment(given) and len(given) == len("2026-06-30")


def _as_date(given: object) -> object:
    """Take a day as its date, whether it is written as text or as a date of TOML."""
    if isinstance(given, dt.date) and not isinstance(given, dt.datetime):
        given = given.isoformat()
    if not is_day(given):
        message = "it should be a day, such as 2026-06-30"
        raise ValueError(message)
    return dt.date.fromisoformat(given)


def collect_lists(given: dict[Any, Any]) -> dict[Any, Any]:
    """Let one text stand for a list of one."""
    return {key: (v,) if isinstance(v, str) else v for key, v in given.items()}


def _split_commas(given: object) -> object:
    """Let one text with commas stand for a list of texts."""
    return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given


def _as_list(given: Any) -> Any:  # noqa: ANN401 - as above
    """Let one text stand for a list of one, and an empty one for none."""
    return ((given,) if given else ()) if isinstance(given, str) else given


def _refuse_blank(given: str) -> str:
    """Refuse a name of nothing but space."""
    if not given.strip(" \t\r\n"):
        message = "a name needs a letter"
        raise ValueError(message)
    return given


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Days = Annotated[Number, Field(ge=0, le=limits.DAYS)]
Rate = Annotated[Number, Field(ge=1 / limits.RATE, le=limits.RATE)]
Share = Annotated[Number, Field(ge=0, le=1)]
Day = Annotated[dt.date, BeforeValidator(_as_date)]
Text = Annotated[str, Field(max_length=limits.NAME_LETTERS)]
Colour = Annotated[str, Field(pattern="^(#[0-9a-fA-F]{6})?$")]
Name = Annotated[Text, Field(min_length=1), AfterValidator(_refuse_blank)]
Select = Annotated[str, Field(max_length=limits.SELECT_LETTERS), AfterValidator(_refuse_blank)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_list)]
Headings = Annotated[tuple[Name, ...], BeforeValidator(_split_commas)]


class Section(BaseModel):
    """A table of leakkit.toml: frozen, no key that is not known, and no number without end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def fold_name(name: str) -> str:
    r"""Return the form in which names are compared.

    Without case and outer space, letters with their accents as one sign, without signs that
    nobody sees (such as ZWNJ), in the Persian forms of letters, with Latin digits.

    >>> fold_name(" Won ")
    'won'
    >>> fold_name("\u0643\u0627\u0631 \u06f1") == fold_name("\u06a9\u0627\u0631 1")
    True
    """
    if name.isascii():
        return name.strip().casefold()
    whole = unicodedata.normalize("NFC", name)
    return whole.translate(_LETTERS).translate(_SILENT).strip().casefold()


def merge_own_words(lists: dict[str, Any], own: dict[str, str]) -> dict[str, Any]:
    """Return the lists of words, with those that have a line of their own where it says."""
    forms = set(map(fold_name, own))
    for kind in OUTCOMES:
        said = lists.get(kind, ())
        if isinstance(said, list | tuple) and all(isinstance(word, str) for word in said):
            kept = [word for word in said if fold_name(word) not in forms]
            lists[kind] = (*kept, *(word for word, meant in own.items() if meant == kind))
    return lists


def refuse_repeats(names: list[str], where: str) -> None:
    """Raise where two names are the same once case and outer space are left out."""
    seen: set[str] = set()
    for name in map(fold_name, names):
        if name in seen:
            message = f"{where}: the name {name!r} stands twice"
            raise ValueError(message)
        seen.add(name)
