"""leakkit.toml -> Config: read, checked, and frozen."""

from __future__ import annotations

import codecs
import datetime as dt
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from leakkit import limits
from leakkit.errors import Fault, LeakkitError, shorten_text, show

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en",)
"""The languages that there are texts in."""

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

CROSS_CHECKS = (
    *(
        "most_set_aside",
        "nothing_closes",
        "outcome_words_unknown",
        "open_with_reason",
        "outcome_against_history",
    ),
    *("closed_without_outcome", "stage_may_be_lost"),
    *(
        "flags_against_outcome",
        "ends_half_told",
        "present_stage_ahead",
        "lost_elsewhere",
        "breaks_in_history",
    ),
    *("stage_of_another_pipeline", "closed_without_start", "several_beginnings"),
    *("history_older_than_deals", "shortened_ids", "none_in_both"),
    "ids_under_several_names",
)
"""What a source is asked before any page, in the order in which it is said."""

FILL_IN = "FILL IN"
"""What a proposed configuration says where only a person can know."""
IN_A_LINE = re.compile(r"""(?P<text>"(?:[^"\\]|\\.)*"|'[^']*')|(?P<comment>#.*)""")
"""The texts of a line of TOML, and the comment behind them."""

OUTCOMES = ("won", "lost", "open")
FIRST_YEAR, LAST_YEAR = 1970, 2200
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
"""A date, or a date with a time: what `as_of` may be."""
FILE = re.compile(r"[.*?]")
"""What makes a key of `[source]` the name of a file, or a pattern of names."""
NO_FILES = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7")
"""Encodings that Python knows and no file of rows is in."""


def _number(given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
    """Refuse yes and no, which would count as 1 and 0."""
    if isinstance(given, bool):
        message = "it should be a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns it into a fault
    return given


def _is_moment(given: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether this is a date or a date with a time, of the years that there may be."""
    if not isinstance(given, str) or not MOMENT.fullmatch(given):
        return False
    try:
        return FIRST_YEAR <= dt.datetime.fromisoformat(given).year <= LAST_YEAR
    except ValueError:
        return False


def _is_day(given: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether this is a date without a time."""
    return _is_moment(given) and len(given) == len("2026-06-30")


def _as_date(given: Any) -> Any:  # noqa: ANN401 - as above
    """Take a day as its date, whether it is written as text or as a date of TOML."""
    if isinstance(given, dt.date) and not isinstance(given, dt.datetime):
        given = given.isoformat()
    if not _is_day(given):
        message = "it should be a day, such as 2026-06-30"
        raise ValueError(message)
    return dt.date.fromisoformat(given)


def _lists(given: dict[Any, Any]) -> dict[Any, Any]:
    """Let one text stand for a list of one."""
    return {key: (v,) if isinstance(v, str) else v for key, v in given.items()}


def _split_commas(given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
    """Let one text with commas stand for a list of texts."""
    return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given


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
Headings = Annotated[tuple[Name, ...], BeforeValidator(_split_commas)]


class _Part(BaseModel):
    """A table of leakkit.toml: frozen, no key that is not known, and no number without end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Stage(_Part):
    """One stage of a declared pipeline."""

    name: Name
    expected_days: Days | None = None
    target_lost: Share | None = None
    kind: Literal["", "qualify", "offer"] = ""
    aliases: tuple[Name, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _is_a_name(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """A stage of which nothing else is said may stand as its name alone."""
        return {"name": given} if isinstance(given, str) else given


class Pipeline(_Part):
    """A declared pipeline: its stages in order, and the rows that close it."""

    name: Name
    stages: tuple[Stage, ...] = Field(max_length=limits.STAGES)
    won: tuple[Name, ...] = ()
    lost: tuple[Name, ...] = ()
    expected_days: Days | None = None
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

    file: Name
    key: Name
    take: dict[Text, Name]
    same: dict[Text, Text] = Field(default_factory=dict)


class OutcomeWords(_Part):
    """Words of an outcome column."""

    won: tuple[Name, ...] = ()
    lost: tuple[Name, ...] = ()
    open: tuple[Name, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _collect_words(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """A word may have a line of its own, `"Dead" = "lost"`, which goes before the lists."""
        if not isinstance(given, dict):
            return given
        own = {k: v for k, v in given.items() if k not in cls.model_fields and v in OUTCOMES}
        rest = {key: value for key, value in given.items() if key not in own}
        return _with_own_words(rest, own) if own else given


class Changes(_Part):
    """What the rows of a history of changes say, where they say more than moves.

    `field` names the column that says what changed, `stage`, `status` and `created` its
    words for a move, for an outcome, and for the creation. `closing` names a column that
    says won or lost on the row that closes. `switch` names a column of new yes and no (1
    and 0) on rows without texts, of which one field says whether a deal is kept, and
    `switch_field` the column that says which field it is. `names` are the columns that name
    the new and the old value, where the columns of the stage hold numbers.
    """

    field: tuple[Text, ...] = ()
    switch: tuple[Text, ...] = ()
    switch_field: tuple[Text, ...] = ()
    names: dict[Literal["stage", "from_stage"], tuple[Text, ...]] = Field(default_factory=dict)
    stage: tuple[Text, ...] = ()
    status: tuple[Text, ...] = ()
    created: tuple[Text, ...] = ()
    closing: tuple[Text, ...] = ()


class Lookup(_Part):
    """A file beside a history that says whose row it is: its signs, its key, what to take.

    `only` says which of its rows are of deals, where it has others: heading -> texts.
    """

    key: tuple[Text, ...]
    signs: tuple[Text, ...]
    take: tuple[Text, ...]
    only: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)


class Export(_Part):
    """One export of a maker: the part that it plays, and what its columns are called.

    It is recognised when all of `signs` are among the headings. `columns` is canonical ->
    headings, the first that is there; empty where none of the file's is meant. `fill` names
    columns whose cells stand on the first row of a deal only. `pattern` takes stage and
    pipeline from one text, where there is no column for the pipeline. `status_reason`: its
    column of reasons says something of every deal, and is a reason on lost ones only. `deleted`
    names columns that say that a row is gone. `outcomes` are what the maker means by words of
    its own, in the column of outcomes or of stages.
    """

    name: Name
    table: Literal[
        "stage_history", "opportunities", "refused", "stages", "merged", "standing", "other"
    ]
    signs: tuple[Name, ...] = Field(min_length=1)
    columns: dict[Literal[(*COLUMNS, "id", "label", "order")], tuple[Text, ...]] = Field(  # type: ignore[valid-type] # the names in COLUMNS
        default_factory=dict
    )
    fill: tuple[Text, ...] = ()
    pattern: Text = ""
    deleted: tuple[Text, ...] = ()
    status_reason: bool = False
    outcomes: OutcomeWords = OutcomeWords()
    changes: Changes | None = None
    lookup: Lookup | None = None


class FileRules(_Part):
    """What the columns of one file are called, and which of its rows count."""

    columns: dict[Literal[COLUMNS], Name] = Field(default_factory=dict)  # type: ignore[valid-type] # as above
    where: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)
    headings: Headings = ()

    @model_validator(mode="before")
    @classmethod
    def _collect(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """Canonical names are columns; one value of `where` may stand without a list."""
        if not isinstance(given, dict):
            return given
        columns = {key: value for key, value in given.items() if key in COLUMNS}
        rest = {key: value for key, value in given.items() if key not in COLUMNS}
        if isinstance(rest.get("where"), dict):
            rest["where"] = _lists(rest["where"])
        return {"columns": columns, **rest}


class SourceRules(_Part):
    """How to read the files, where the recognised defaults do not fit."""

    format: Literal["auto", "csv", "parquet", "xes", "xlsx", "jsonl"] = "auto"
    encoding: Text = "auto"
    link: Text = ""
    sheet: Text = ""
    read: tuple[Name, ...] = ()
    tables: dict[Literal["opportunities", "stage_history", "activities"], Select] = Field(
        default_factory=dict
    )
    date_order: Literal["auto", "ymd", "dmy", "mdy"] = "auto"
    typed_dates: Literal["auto", "kept", "swapped"] = "auto"
    calendar: Literal["auto", "gregorian", "jalali"] = "auto"
    decimal: Literal["auto", ".", ","] = "auto"
    value_times: Whole | None = Field(default=None, ge=1, le=1_000_000_000)
    history_start: dt.date | None = None
    ignore_unknown_stages: bool = False
    present_stage: Literal["counts", "history"] = "counts"
    deleted: Literal["left_out", "kept"] = "left_out"
    leave_out: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)
    headings: Headings = ()
    each_row_is_a_deal: bool = False
    unnamed_stage: Text = ""
    reason_means_loss: bool = False
    accept: tuple[str, ...] = ()
    outcomes: OutcomeWords = OutcomeWords()
    stage_dates: dict[Text, Name] = Field(default_factory=dict)
    joins: tuple[Join, ...] = Field(default=(), max_length=limits.JOINS)
    columns: dict[Literal[COLUMNS], Name] = Field(default_factory=dict)  # type: ignore[valid-type] # the names in COLUMNS
    files: dict[Name, FileRules] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _collect_columns(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """Canonical names say what a column is called; names of files say it for one file."""
        if not isinstance(given, dict):
            return given
        columns = {key: value for key, value in given.items() if key in COLUMNS}
        rest = {key: value for key, value in given.items() if key not in COLUMNS}
        if isinstance(rest.get("leave_out"), dict):
            rest["leave_out"] = _lists(rest["leave_out"])
        named = [k for k, v in rest.items() if isinstance(v, dict) and k not in cls.model_fields]
        files = {key: rest.pop(key) for key in named if FILE.search(key)}
        if files and isinstance(rest.get("files", {}), dict):
            rest["files"] = {**rest.get("files", {}), **files}
        more = rest.get("columns", {})
        return {**rest, "columns": {**columns, **more} if isinstance(more, dict) else more}

    @field_validator("link")
    @classmethod
    def _link_is_an_address(cls, given: str) -> str:
        """An address of the web in which the id of a deal has its place, and nothing else has."""
        rest = given.replace("{opportunity_id}", "", 1)
        web = re.fullmatch(r"https?://[^\s{}]+", rest)
        if given and (rest == given or not web):
            message = "it should look like https://crm.example/deals/{opportunity_id}"
            raise ValueError(message)
        return given

    @field_validator("accept")
    @classmethod
    def _checks_exist(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Only a doubt that is asked can be accepted."""
        for code in given:
            if code not in CROSS_CHECKS:
                message = f"{code!r} is no check; there are {', '.join(CROSS_CHECKS)}"
                raise ValueError(message)
        return given

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, given: str) -> str:
        """The name must be one that Python knows."""
        try:
            "".encode("utf-8" if given == "auto" else given)
            known = given == "auto" or codecs.lookup(given).name not in NO_FILES
        except (LookupError, ValueError):
            known = False
        if not known:
            message = f"{given!r} is no encoding; usual ones are utf-8, windows-1252, windows-1256"
            raise ValueError(message)
        return given

    @field_validator("history_start", mode="before")
    @classmethod
    def _history_starts_on_a_day(cls, given: Any) -> Any:  # noqa: ANN401 - as above
        """A day as a text or as TOML has it, of years that a date may be of."""
        day = given.isoformat() if isinstance(given, dt.date) else given
        if day is not None and not _is_day(day):
            message = (
                f"it is no day of the years {FIRST_YEAR} to {LAST_YEAR}; it should look like "
                "2026-06-30"
            )
            raise ValueError(message)
        return given


class Roles(_Part):
    """Which column plays which part; a signal without its role is NA."""

    segments: tuple[Text, ...] | None = None
    product: Text = ""
    price: Text = ""
    discount: Text = ""
    competitor: Text = ""
    last_activity: Text = ""
    known_at_entry: tuple[Text, ...] = ()


class Comparison(_Part):
    """Windows, thresholds and the skip policy."""

    current_days: Whole = Field(default=90, ge=2, le=limits.DAYS)
    baseline_days: Whole = Field(default=270, ge=1, le=limits.DAYS)
    confirm_days: Whole = Field(default=28, ge=0, le=limits.DAYS)
    min_change: Share = 0.03
    q: Number = Field(default=0.03, gt=0, lt=1)
    horizon_days: Days = 0
    skip_policy: Literal["observed", "reached", "strict"] = "observed"


class Intervention(_Part):
    """What was changed on a day: in which pipelines, stages and deals, and until when."""

    name: Name
    day: Day
    until: Day | None = None
    pipelines: tuple[Name, ...] = ()
    stages: tuple[Name, ...] = ()
    segment: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)

    @field_validator("segment", mode="before")
    @classmethod
    def _collect(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """One value of a column may stand without a list."""
        if not isinstance(given, dict):
            return given
        return _lists(given)

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Intervention:
        """An intervention lasts a day or longer."""
        if self.until is not None and self.until < self.day:
            message = f"until {self.until} is before its day, {self.day}"
            raise ValueError(message)
        return self

    def meets(self, pipeline: str) -> bool:
        """Say whether it was made in a pipeline."""
        return not self.pipelines or fold_name(pipeline) in map(fold_name, self.pipelines)


class Note(_Part):
    """What an analyst wrote down, of a day, of a stage, of both, or of a whole pipeline."""

    text: Name
    day: Day | None = None
    stage: Text = ""
    pipeline: Text = ""

    def stage_of(self, pipeline: Pipeline) -> str | None:
        """Return which stage of a pipeline it is of, empty for all; None where it is of another."""
        if self.pipeline and fold_name(self.pipeline) != fold_name(pipeline.name):
            return None
        if not self.stage:
            return ""
        wanted = fold_name(self.stage)
        for stage in pipeline.stages:
            if wanted in map(fold_name, (stage.name, *stage.aliases)):
                return stage.name
        return None


class Reasons(_Part):
    """Where the user's dictionary of lost reasons is."""

    file: Text = ""


class Brand(_Part):
    """Whose pages, summaries and decks these are; `logo` is the name of a PNG or JPEG file."""

    client: Text = ""
    author: Text = ""
    logo: Text = ""
    colour: Colour = ""
    accent: Colour = ""
    footer: Text = ""
    confidential: Text = ""


class Anonymise(_Part):
    """What `--anonymise` covers beside owners, customers and names of deals."""

    columns: tuple[Text, ...] = ()
    money: Rate = 1.0


class Config(_Part):
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
    comparison: Comparison = Comparison()
    reasons: Reasons = Reasons()
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
    def from_tables(cls, given: Mapping[str, Any], name: str = "leakkit.toml") -> Config:
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
    def _as_of_is_text(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it read
        """TOML has dates of its own: take them as their text."""
        return given.isoformat() if isinstance(given, dt.date) else given

    @field_validator("as_of")
    @classmethod
    def _as_of_is_a_moment(cls, given: str) -> str:
        """A date or a date with a time, ISO 8601."""
        if given and not _is_moment(given):
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
        _refuse_repeats([pipeline.name for pipeline in self.pipelines], "pipelines")
        return self


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


def _with_own_words(lists: dict[str, Any], own: dict[str, str]) -> dict[str, Any]:
    """Return the lists of words, with those that have a line of their own where it says."""
    forms = set(map(fold_name, own))
    for kind in OUTCOMES:
        said = lists.get(kind, ())
        if isinstance(said, list | tuple) and all(isinstance(word, str) for word in said):
            kept = [word for word in said if fold_name(word) not in forms]
            lists[kind] = (*kept, *(word for word, meant in own.items() if meant == kind))
    return lists


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


def _refuse_repeats(names: list[str], where: str) -> None:
    """Raise where two names are the same once case and outer space are left out."""
    seen: set[str] = set()
    for name in map(fold_name, names):
        if name in seen:
            message = f"{where}: the name {name!r} stands twice"
            raise ValueError(message)
        seen.add(name)


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
    tables: dict[str, type[_Part]] = {
        "source": SourceRules,
        "outcomes": OutcomeWords,
        "joins": Join,
        "roles": Roles,
        "comparison": Comparison,
        "reasons": Reasons,
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
