"""leakkit.toml -> Config: read, checked, and frozen."""

from __future__ import annotations

import datetime as dt
import difflib
import tomllib
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from leakkit.errors import Fault, LeakkitError

COLUMNS = (
    "opportunity_id",
    "pipeline",
    "name",
    "created_at",
    "closed_at",
    "outcome",
    "stage",
    "last_stage",
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

FIRST_YEAR, LAST_YEAR = 1970, 2200


class _Part(BaseModel):
    """A table of leakkit.toml: frozen, no key that is not known, and no number without end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Stage(_Part):
    """One stage of a declared pipeline."""

    name: str = Field(min_length=1)
    expected_days: float | None = Field(default=None, ge=0)
    target_lost: float | None = Field(default=None, ge=0, le=1)
    kind: Literal["", "qualify", "offer"] = ""
    aliases: tuple[str, ...] = ()


class Pipeline(_Part):
    """A declared pipeline: its stages in order, and the rows that close it."""

    name: str = Field(min_length=1)
    stages: tuple[Stage, ...]
    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    expected_days: float | None = Field(default=None, ge=0)
    unit: Literal["day", "hour"] = "day"

    @property
    def unit_per_day(self) -> int:
        """Units of stay in a day."""
        return 24 if self.unit == "hour" else 1

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Pipeline:
        """A name may mean one thing only."""
        stages = [name for stage in self.stages for name in (stage.name, *stage.aliases)]
        _refuse_repeats([*stages, *self.won, *self.lost], f"pipeline {self.name!r}")
        return self


class Join(_Part):
    """A further file of the folder whose columns are taken by a key."""

    file: str
    key: str
    take: dict[str, str]
    same: dict[str, str] = Field(default_factory=dict)


class OutcomeWords(_Part):
    """Words of an outcome column."""

    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


class SourceRules(_Part):
    """How to read the files, where the recognised defaults do not fit."""

    format: Literal["auto", "csv", "parquet", "xes", "xlsx", "jsonl"] = "auto"
    encoding: str = "auto"
    sheet: str = ""
    date_order: Literal["auto", "ymd", "dmy", "mdy"] = "auto"
    typed_dates: Literal["auto", "kept", "swapped"] = "auto"
    calendar: Literal["auto", "gregorian", "jalali"] = "auto"
    decimal: Literal["auto", ".", ","] = "auto"
    history_start: dt.date | None = None
    ignore_unknown_stages: bool = False
    outcomes: OutcomeWords = OutcomeWords()
    stage_dates: dict[str, str] = Field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _collect_columns(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """Keys that are canonical names say what a column is called in the file."""
        if not isinstance(given, dict):
            return given
        columns = {key: value for key, value in given.items() if key in COLUMNS}
        rest = {key: value for key, value in given.items() if key not in COLUMNS}
        return {**rest, "columns": {**columns, **rest.get("columns", {})}}

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, given: str) -> str:
        """The name must be one that Python knows."""
        try:
            "".encode("utf-8" if given == "auto" else given)
        except LookupError:
            message = f"{given!r} is no encoding; usual ones are utf-8, windows-1252, windows-1256"
            raise ValueError(message) from None
        return given


class Roles(_Part):
    """Which column plays which part; a signal without its role is NA."""

    segments: tuple[str, ...] | None = None
    product: str = ""
    price: str = ""
    discount: str = ""
    competitor: str = ""
    last_activity: str = ""
    known_at_entry: tuple[str, ...] = ()


class Comparison(_Part):
    """Windows, thresholds and the skip policy."""

    current_days: int = Field(default=90, ge=2)
    baseline_days: int = Field(default=270, ge=1)
    confirm_days: int = Field(default=28, ge=0)
    min_change: float = Field(default=0.03, ge=0, le=1)
    q: float = Field(default=0.03, gt=0, lt=1)
    horizon_days: float = Field(default=0, ge=0)
    skip_policy: Literal["observed", "reached", "strict"] = "observed"


class Reasons(_Part):
    """Where the user's dictionary of lost reasons is."""

    file: str = ""


class Config(_Part):
    r"""The whole of leakkit.toml; see docs/contracts.md for what each key means.

    >>> config = Config.from_text('[[pipelines]]\nname = "A"\nstages = [{ name = "Inquiry" }]')
    >>> config.pipelines[0].stages[0].name, config.comparison.current_days
    ('Inquiry', 90)
    """

    as_of: str = ""
    timezone: str = "UTC"
    language: str = "en"
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    source: SourceRules = SourceRules()
    roles: Roles = Roles()
    comparison: Comparison = Comparison()
    reasons: Reasons = Reasons()
    pipelines: tuple[Pipeline, ...] = ()

    @classmethod
    def from_text(cls, text: str, name: str = "leakkit.toml") -> Config:
        """Read a configuration from its text; raise one LeakkitError with all its faults."""
        try:
            given = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            message = f"{name} is not valid TOML: {error}."
            raise LeakkitError("config_syntax", message) from None
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = tuple(_fault(name, entry) for entry in error.errors())
            message = f"{name} has {len(faults)} fault(s):"
            raise LeakkitError("config_faults", message, faults) from None

    @classmethod
    def read(cls, path: str | Path) -> Config:
        """Read leakkit.toml from `path`."""
        file = Path(path)
        try:
            text = file.read_text("utf-8-sig")
        except OSError as error:
            message = f"Cannot read the configuration {file}: {error.strerror}."
            raise LeakkitError("config_missing", message) from None
        except UnicodeDecodeError:
            message = f"The configuration {file} is not UTF-8 text."
            raise LeakkitError("config_syntax", message) from None
        return cls.from_text(text, file.name)

    @field_validator("as_of", mode="before")
    @classmethod
    def _as_of_is_text(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """TOML has dates of its own: take them as their text."""
        return given.isoformat() if isinstance(given, dt.date) else given

    @field_validator("as_of")
    @classmethod
    def _as_of_is_a_moment(cls, given: str) -> str:
        """A date or a date with a time, ISO 8601."""
        if given and not FIRST_YEAR <= dt.datetime.fromisoformat(given).year <= LAST_YEAR:
            message = f"{given!r} is no day of the years {FIRST_YEAR} to {LAST_YEAR}"
            raise ValueError(message)
        return given

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, given: str) -> str:
        """The zone must be one of the IANA database."""
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError):
            message = f"{given!r} is no time zone; it should look like 'Europe/Berlin' or 'UTC'"
            raise ValueError(message) from None
        return given

    @model_validator(mode="after")
    def _pipelines_are_distinct(self) -> Config:
        """Two pipelines of one name could not be told apart."""
        _refuse_repeats([pipeline.name for pipeline in self.pipelines], "pipelines")
        return self


def folded(name: str) -> str:
    r"""Return the form in which names are compared.

    Without case and outer space, letters with their accents as one sign, without signs that
    nobody sees (such as ZWNJ), in the Persian forms of letters, with Latin digits.

    >>> folded(" Won "), folded("\u0643\u0627\u0631 \u06f1") == folded("\u06a9\u0627\u0631 1")
    ('won', True)
    """
    if name.isascii():
        return name.strip().casefold()
    whole = unicodedata.normalize("NFC", name)
    return whole.translate(_LETTERS).translate(_SILENT).strip().casefold()


def _refuse_repeats(names: list[str], where: str) -> None:
    """Raise where two names are the same once case and outer space are left out."""
    seen: set[str] = set()
    for name in map(folded, names):
        if name in seen:
            message = f"{where}: the name {name!r} stands twice"
            raise ValueError(message)
        seen.add(name)


def _fault(name: str, entry: Any) -> Fault:  # noqa: ANN401 - pydantic's ErrorDetails
    """Turn one of pydantic's complaints into a fault with the nearest known key as a hint."""
    path = [str(part) for part in entry["loc"]]
    value = "" if isinstance(entry["input"], dict | list) else str(entry["input"])
    if entry["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _known_keys(path[:-1]), 1, 0.4)
        hint = f"did you mean {near[0]!r}?" if near else "see docs/contracts.md for the known keys"
        return Fault(name, None, ".".join(path), value, "unknown key", hint)
    return Fault(name, None, ".".join(path), value, str(entry["msg"]).removeprefix("Value error, "))


def _known_keys(path: list[str]) -> list[str]:
    """Return the keys that the table at `path` may have."""
    tables: dict[str, type[_Part]] = {
        "source": SourceRules,
        "outcomes": OutcomeWords,
        "joins": Join,
        "roles": Roles,
        "comparison": Comparison,
        "reasons": Reasons,
        "pipelines": Pipeline,
        "stages": Stage,
    }
    names = [part for part in path if part in tables]
    model = tables[names[-1]] if names else Config
    known = [key for key in model.model_fields if key != "columns"]
    return known + (list(COLUMNS) if model is SourceRules else [])
