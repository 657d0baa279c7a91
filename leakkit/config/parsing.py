"""leakkit.toml -> Config: read, checked, and frozen."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from leakkit import limits
from leakkit.config.fields import (
    COLUMNS,
    FIRST_YEAR,
    LAST_YEAR,
    Name,
    Rate,
    Section,
    Text,
    fold_name,
    is_moment,
    refuse_repeats,
)
from leakkit.config.settings import (
    Anonymise,
    Brand,
    ComparisonRules,
    Export,
    Intervention,
    Join,
    Note,
    OutcomeWords,
    Pipeline,
    ReasonRules,
    Roles,
    SourceRules,
    Stage,
)
from leakkit.errors import Fault, LeakkitError, shorten_text, show

if TYPE_CHECKING:
    from collections.abc import Mapping


LANGUAGES = ("en",)
"""The languages that there are texts in."""

FILL_IN = "FILL IN"
"""What a proposed configuration says where only a person can know."""
IN_A_LINE = re.compile(r"""(?P<text>"(?:[^"\\]|\\.)*"|'[^']*')|(?P<comment>#.*)""")
"""The texts of a line of TOML, and the comment behind them."""


class Config(Section):
    r"""The whole of leakkit.toml; see docs/contracts.md for what each key means.

    >>> config = Config.from_text('[[pipelines]]\nname = "A"\nstages = [{ name = "Inquiry" }]')
    >>> config.pipelines[0].stages[0].name, config.comparison.current_days
    ('Inquiry', 90)
    """

    as_of: Text = ""
    timezone: Text = "UTC"
    language: Text = "en"
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    rates: dict[Annotated[str, Field(pattern="^[A-Z]{3}$")], Rate] = Field(default_factory=dict)
    source: SourceRules = SourceRules()
    roles: Roles = Roles()
    comparison: ComparisonRules = ComparisonRules()
    reasons: ReasonRules = ReasonRules()
    brand: Brand = Brand()
    anonymise: Anonymise = Anonymise()
    interventions: tuple[Intervention, ...] = Field(default=(), max_length=limits.INTERVENTIONS)
    notes: tuple[Note, ...] = Field(default=(), max_length=limits.NOTES)
    makers: dict[Name, tuple[Export, ...]] = Field(default_factory=dict)
    pipelines: tuple[Pipeline, ...] = Field(default=(), max_length=limits.PIPELINES)

    def __dir__(self) -> list[str]:
        """Return the keys of leakkit.toml, and how one is read."""
        return [*type(self).model_fields, "from_tables", "from_text", "read"]

    @classmethod
    def from_text(cls, text: str, name: str = "leakkit.toml") -> Config:
        """Read a configuration from its text; raise one LeakkitError with all its faults."""
        given = parse_toml(text, name)
        _refuse_unfilled(text, name)
        return cls.from_tables(given, name)

    @classmethod
    def from_tables(cls, given: Mapping[str, object], name: str = "leakkit.toml") -> Config:
        """Check what a configuration says, once it is parsed.

        >>> Config.from_tables({"currency": "EUR"}).currency
        'EUR'
        """
        try:
            config = cls.model_validate(dict(given))
        except ValidationError as error:
            raise _refusal(name, _faults(name, error)) from None
        refuse_unknown_notes(config, name)
        return config

    @classmethod
    def read(cls, path: str | Path) -> Config:
        """Read leakkit.toml from `path`."""
        return cls.from_text(text_of(path), Path(path).name)

    @field_validator("as_of", mode="before")
    @classmethod
    def _as_of_is_text(cls, given: object) -> object:
        """TOML has dates of its own: take them as their text."""
        return given.isoformat() if isinstance(given, dt.date) else given

    @field_validator("as_of")
    @classmethod
    def _as_of_is_a_moment(cls, given: str) -> str:
        """A date or a date with a time, ISO 8601."""
        if given and not is_moment(given):
            message = (
                f"it is no day of the years {FIRST_YEAR} to {LAST_YEAR}; it should look like "
                "2026-06-30 or 2026-06-30T14:05"
            )
            raise ValueError(message)
        return given

    @field_validator("language")
    @classmethod
    def _language_is_spoken(cls, given: str) -> str:
        """There must be texts in it."""
        if given not in LANGUAGES:
            message = f"there are no texts in it; there are: {', '.join(LANGUAGES)}"
            raise ValueError(message)
        return given

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, given: str) -> str:
        """The zone must be one of the IANA database."""
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"{given!r} is no time zone; it should look like 'Europe/Berlin' or 'UTC'"
            raise ValueError(message) from None
        return given

    @model_validator(mode="after")
    def _pipelines_are_distinct(self) -> Config:
        """Two pipelines of one name could not be told apart."""
        refuse_repeats([pipeline.name for pipeline in self.pipelines], "pipelines")
        return self


def text_of(path: str | Path) -> str:
    """Return the text of a leakkit.toml."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(limits.CONFIG_BYTES + 1)
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            message = f"The configuration {file} is not UTF-8 text."
            raise LeakkitError("config_syntax", message) from None
        message = f"Cannot read the configuration {file}: {_reason(error)}."
        raise LeakkitError("config_missing", message) from None


def parse_toml(text: str, name: str, code: str = "config_syntax") -> dict[str, Any]:
    """Return what a text in TOML says; raise an error of this code where it is none."""
    if len(text) > limits.CONFIG_BYTES:
        message = f"{name} is longer than {limits.CONFIG_BYTES:,} letters: it is no configuration."
        raise LeakkitError(code, message)
    if max((line.count(".") for line in text.splitlines()), default=0) > limits.CONFIG_DOTS:
        message = f"{name} has a line with more than {limits.CONFIG_DOTS} dots. Break the line."
        raise LeakkitError(code, message)
    try:
        return tomllib.loads(text)
    except RecursionError:
        message = f"{name} is not valid TOML: its lists or tables are nested too deep."
    except ValueError as error:
        message = f"{name} is not valid TOML: {shorten_text(str(error))}."
    raise LeakkitError(code, message)


def find_unfilled(text: str) -> list[tuple[int, str, str]]:
    r"""Return the lines that a person is still to fill in: number, what stands there, and why.

    >>> find_unfilled('[source]\nstage = "FILL IN"   # which column?')
    [(2, 'stage', 'which column?')]
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts = list(IN_A_LINE.finditer(line))
        texts = [one for one in parts if one["text"] and one["text"][1:-1] == FILL_IN]
        if texts:
            comment = next((one["comment"] for one in parts if one["comment"]), "")
            key = line[: texts[0].start()].strip(" \t=[{,") or "here"
            found.append((number, key, comment.lstrip("# ")))
    return found


def _refuse_unfilled(text: str, name: str) -> None:
    """Raise one error with all the lines that are to be filled in."""
    faults = [
        Fault(f"{name} line {number}", None, key, "", "fill this in", shorten_text(why))
        for number, key, why in find_unfilled(text)
    ]
    if faults:
        message = f"{name} has {len(faults)} line(s) that say {FILL_IN!r}, and wait for you:"
        raise LeakkitError("config_to_fill", message, tuple(faults[: limits.CONFIG_FAULTS]))


def _reason(error: Exception) -> str:
    """Return why a file cannot be read."""
    return getattr(error, "strerror", "") or str(error)


def refuse_unknown_notes(config: Config, name: str = "leakkit.toml") -> None:
    """Raise where a note names a pipeline or a stage that there is not, once these are known."""
    pipelines = config.pipelines
    faults = []
    for at, note in enumerate(config.notes if pipelines else ()):
        own = [one for one in pipelines if fold_name(one.name) == fold_name(note.pipeline)]
        if note.pipeline and not own:
            names = [one.name for one in pipelines]
            faults.append(_no_such(name, f"notes.{at}.pipeline", note.pipeline, names))
        elif all(note.stage_of(one) is None for one in own or pipelines):
            names = [stage.name for one in own or pipelines for stage in one.stages]
            faults.append(_no_such(name, f"notes.{at}.stage", note.stage, names))
    if faults:
        raise _refusal(name, faults)


def _no_such(name: str, key: str, given: str, known: list[str]) -> Fault:
    """Return the fault of a name that there is not, with the nearest that there is."""
    from leakkit.likeness import find_nearest  # noqa: PLC0415 - only a fault needs it

    near = find_nearest(given, known)
    there = ", ".join(dict.fromkeys(known))
    hint = f"did you mean {near!r}?" if near else f"there are: {shorten_text(there)}"
    kind = key.rpartition(".")[2]
    return Fault(name, None, key, show(given), f"there is no such {kind}", hint)


def _refusal(name: str, faults: list[Fault]) -> LeakkitError:
    """Return the one error of a configuration with faults."""
    message = f"{name} has {len(faults)} fault(s):"
    return LeakkitError("config_faults", message, tuple(faults[: limits.CONFIG_FAULTS]))


SAYS = {
    "tuple_type": "it should be a list",
    "dict_type": "it should be a table",
    "model_type": "it should be a table",
    "string_type": "it should be a text in quotes",
    "missing": "this key is missing",
}
"""How some of pydantic's complaints are said to somebody who writes TOML."""


def _faults(name: str, error: ValidationError) -> list[Fault]:
    """Turn pydantic's complaints into faults; a list with faulty entries is not also too short."""
    found = error.errors(include_url=False)
    inside = {entry["loc"][:depth] for entry in found for depth in range(len(entry["loc"]))}
    return [
        _fault(name, entry)
        for entry in found
        if entry["type"] != "too_short" or entry["loc"] not in inside
    ]


def _fault(name: str, entry: Any) -> Fault:  # noqa: ANN401 - pydantic's ErrorDetails
    """Turn one of pydantic's complaints into a fault with the nearest known key as a hint."""
    path = [shorten_text(str(part)) for part in entry["loc"] if part != "[key]"]
    if path[:2] == ["source", "columns"] and len(path) > 2:  # noqa: PLR2004 - a key behind the two
        del path[1]
    value = "" if isinstance(entry["input"], dict | list | tuple) else show(entry["input"])
    if entry["type"] == "extra_forbidden":
        from leakkit.likeness import find_nearest  # noqa: PLC0415 - only a fault needs it

        near = find_nearest(path[-1], _known_keys(path[:-1]))
        hint = f"did you mean {near!r}?" if near else "see docs/contracts.md for the known keys"
        return Fault(name, None, ".".join(path), value, "unknown key", hint)
    rule = SAYS.get(entry["type"], str(entry["msg"]).removeprefix("Value error, "))
    return Fault(name, None, ".".join(path), value, rule)


def _known_keys(path: list[str]) -> list[str]:
    """Return the keys that the table at `path` may have."""
    tables: dict[str, type[Section]] = {
        "source": SourceRules,
        "outcomes": OutcomeWords,
        "joins": Join,
        "roles": Roles,
        "comparison": ComparisonRules,
        "reasons": ReasonRules,
        "brand": Brand,
        "anonymise": Anonymise,
        "interventions": Intervention,
        "notes": Note,
        "pipelines": Pipeline,
        "stages": Stage,
    }
    names = [part for part in path if part in tables]
    model = tables[names[-1]] if names else Config
    known = [key for key in model.model_fields if key != "columns"]
    return known + (list(COLUMNS) if model is SourceRules else [])
