"""The tables of leakkit.toml: pipelines, sources, roles, comparisons, interventions, notes."""

from __future__ import annotations

import codecs
import datetime as dt
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from leakkit import limits
from leakkit.config.fields import (
    COLUMNS,
    FIRST_YEAR,
    LAST_YEAR,
    OUTCOMES,
    Colour,
    Day,
    Days,
    Headings,
    Name,
    Names,
    Number,
    Rate,
    Section,
    Select,
    Share,
    Text,
    Whole,
    collect_lists,
    fold_name,
    is_day,
    merge_own_words,
    refuse_repeats,
)

CROSS_CHECKS = (
    *(
        "most_set_aside",
        "nothing_closes",
        "one_end_missing",
        "stage_past_close",
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
    *("history_older_than_deals", "shortened_ids", "rows_without_id"),
    *("open_without_stage", "none_in_both"),
    "ids_under_several_names",
)
"""What a source is asked before any page, in the order in which it is said."""
FILE = re.compile(r"[.*?]")
"""What makes a key of `[source]` the name of a file, or a pattern of names."""
NO_FILES = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7")
"""Encodings that Python knows and no file of rows is in."""


class Stage(Section):
    """One stage of a declared pipeline."""

    name: Name
    expected_days: Days | None = None
    target_lost: Share | None = None
    kind: Literal["", "qualify", "offer"] = ""
    aliases: tuple[Name, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _is_a_name(cls, given: object) -> object:
        """A stage of which nothing else is said may stand as its name alone."""
        return {"name": given} if isinstance(given, str) else given


class Pipeline(Section):
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
        refuse_repeats([*stages, *self.won, *self.lost], f"pipeline {self.name!r}")
        return self


class Join(Section):
    """A further file of the folder whose columns are taken by a key."""

    file: Name
    key: Name
    take: dict[Text, Name]
    same: dict[Text, Text] = Field(default_factory=dict)


class OutcomeWords(Section):
    """Words of an outcome column."""

    won: tuple[Name, ...] = ()
    lost: tuple[Name, ...] = ()
    open: tuple[Name, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _collect_words(cls, given: object) -> object:
        """A word may have a line of its own, `"Dead" = "lost"`, which goes before the lists."""
        if not isinstance(given, dict):
            return given
        own = {k: v for k, v in given.items() if k not in cls.model_fields and v in OUTCOMES}
        rest = {key: value for key, value in given.items() if key not in own}
        return merge_own_words(rest, own) if own else given


class Changes(Section):
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


class Lookup(Section):
    """A file beside a history that says whose row it is: its signs, its key, what to take.

    `only` says which of its rows are of deals, where it has others: heading -> texts.
    """

    key: tuple[Text, ...]
    signs: tuple[Text, ...]
    take: tuple[Text, ...]
    only: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)


class Export(Section):
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


class FileRules(Section):
    """What the columns of one file are called, and which of its rows count."""

    columns: dict[Literal[COLUMNS], Name] = Field(default_factory=dict)  # type: ignore[valid-type] # as above
    where: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)
    headings: Headings = ()

    @model_validator(mode="before")
    @classmethod
    def _collect(cls, given: object) -> object:
        """Canonical names are columns; one value of `where` may stand without a list."""
        if not isinstance(given, dict):
            return given
        columns = {key: value for key, value in given.items() if key in COLUMNS}
        rest = {key: value for key, value in given.items() if key not in COLUMNS}
        if isinstance(rest.get("where"), dict):
            rest["where"] = collect_lists(rest["where"])
        return {"columns": columns, **rest}


class SourceRules(Section):
    """How to read the files, where the recognised defaults do not fit."""

    format: Literal["auto", "csv", "parquet", "xes", "xlsx", "jsonl"] = "auto"
    encoding: Text = "auto"
    link: Text = ""
    sheet: Names = ()
    spark: Text = ""
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
    def _collect_columns(cls, given: object) -> object:
        """Canonical names say what a column is called; names of files say it for one file."""
        if not isinstance(given, dict):
            return given
        columns = {key: value for key, value in given.items() if key in COLUMNS}
        rest = {key: value for key, value in given.items() if key not in COLUMNS}
        if isinstance(rest.get("leave_out"), dict):
            rest["leave_out"] = collect_lists(rest["leave_out"])
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
    def _history_starts_on_a_day(cls, given: object) -> object:
        """A day as a text or as TOML has it, of years that a date may be of."""
        day = given.isoformat() if isinstance(given, dt.date) else given
        if day is not None and not is_day(day):
            message = (
                f"it is no day of the years {FIRST_YEAR} to {LAST_YEAR}; it should look like "
                "2026-06-30"
            )
            raise ValueError(message)
        return given


class Roles(Section):
    """Which column plays which part; a signal without its role is NA."""

    segments: tuple[Text, ...] | None = None
    product: Text = ""
    price: Text = ""
    discount: Text = ""
    competitor: Text = ""
    last_activity: Text = ""
    known_at_entry: tuple[Text, ...] = ()


class ComparisonRules(Section):
    """Windows, thresholds and the skip policy."""

    current_days: Whole = Field(default=90, ge=2, le=limits.DAYS)
    baseline_days: Whole = Field(default=270, ge=1, le=limits.DAYS)
    confirm_days: Whole = Field(default=28, ge=0, le=limits.DAYS)
    min_change: Share = 0.03
    q: Number = Field(default=0.03, gt=0, lt=1)
    horizon_days: Days = 0
    skip_policy: Literal["observed", "reached", "strict"] = "observed"


class Intervention(Section):
    """What was changed on a day: in which pipelines, stages and deals, and until when."""

    name: Name
    day: Day
    until: Day | None = None
    pipelines: tuple[Name, ...] = ()
    stages: tuple[Name, ...] = ()
    segment: dict[Name, tuple[Text, ...]] = Field(default_factory=dict)

    @field_validator("segment", mode="before")
    @classmethod
    def _collect(cls, given: object) -> object:
        """One value of a column may stand without a list."""
        if not isinstance(given, dict):
            return given
        return collect_lists(given)

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


class Note(Section):
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


class ReasonRules(Section):
    """Where the user's dictionary of lost reasons is."""

    file: Text = ""


class Brand(Section):
    """Whose pages, summaries and decks these are; `logo` is the name of a PNG or JPEG file."""

    client: Text = ""
    author: Text = ""
    logo: Text = ""
    colour: Colour = ""
    accent: Colour = ""
    footer: Text = ""
    confidential: Text = ""


class Anonymise(Section):
    """What `--anonymise` covers beside owners, customers and names of deals."""

    columns: tuple[Text, ...] = ()
    money: Rate = 1.0
