"""What names of stages and outcomes mean: which of them close a deal, and the number of each.

A closing word may stand alone, behind a number, or inside a longer name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from leakkit import vocabulary
from leakkit.config import Config, Pipeline, fold_name
from leakkit.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leakkit.store.database import Store

WON_WORDS, LOST_WORDS = (vocabulary.words("closes", kind) for kind in ("won", "lost"))
ENDED_WORDS, BESIDE = (vocabulary.words("closes", kind) for kind in ("ended", "beside"))
"""Names that close a deal without saying how, and what may stand beside two closes."""
OUTCOME_LOST = vocabulary.words("outcomes", "lost")
"""Words that mean a loss in a column of outcomes; a stage of that name most likely does."""
WON_INSIDE, LOST_INSIDE = (vocabulary.words("inside", kind) for kind in ("won", "lost"))
"""Words that close a deal also inside a longer name; others, such as "success", do not."""
UNDONE = frozenset({"not", "no", "nicht", "kein", "non", "pas", "nie", "не", "almost", "nearly"})
UNDONE |= {"fast", "noch", "nog", "niet", "presque", "casi", "quase", "neredeyse"}
"""Before one of these words a closing word says something else, or its opposite."""
UNDONE_AFTER = frozenset({"yet", "back", "değil", "نشد", "نشده", "نیست"})
"""As above, where they stand behind it."""

NUMBERED = re.compile(r"^[\W_]*(?:\d+[a-z]?|[a-z]\d*(?=\s*[.):_\-\u2013]))?[\W_]+|^\d+(?=[^\W\d])")
"""Signs and numbers before a name, such as `7 - `, `C6:` or `G. `."""
BETWEEN = re.compile(r"[\W_]+")


def bare(name: str) -> str:
    """Return a name in the form in which names are compared, without its number.

    >>> bare("7 - Closed Lost"), bare("C6:LOSE"), bare("G. Project Won"), bare("Won")
    ('closed lost', 'lose', 'project won', 'won')
    """
    form = fold_name(name)
    return NUMBERED.sub("", form, count=1) or form


def close_of(name: str) -> int | None:
    """Return WON or LOST where a name says so, else None.

    A name that says both, or that a close is not there, says nothing.

    >>> close_of("7 - Closed Lost"), close_of("Project Won"), close_of("Not won yet")
    (-2, -1, None)
    """
    form = bare(name)
    for code, words in ((schema.WON, WON_WORDS), (schema.LOST, LOST_WORDS)):
        if form in _forms(words):
            return code
    found = {
        code
        for code, words in ((schema.WON, WON_INSIDE), (schema.LOST, LOST_INSIDE))
        if _says(form, words)
    }
    return found.pop() if len(found) == 1 else None


def _says(form: str, words: Iterable[str]) -> bool:
    """Say whether a name says one of the words, and nothing beside it that undoes it.

    What stands behind the word is a reason: "Lost - no budget" is a loss.

    >>> [_says(name, ["lost"]) for name in ("lost - no budget", "not lost", "lost and back")]
    [True, False, False]
    """
    said = " ".join(part for part in BETWEEN.split(form) if part)
    return any(_says_plainly(said, word) for word in _forms(tuple(words)))


def _says_plainly(said: str, word: str) -> bool:
    """Say whether a word stands in a name, and nothing before or after it undoes it."""
    before, found, after = f" {said} ".partition(f" {word} ")
    undone = UNDONE.intersection(before.split()) or UNDONE_AFTER.intersection(after.split())
    return bool(found) and not undone


def closes_either_way(name: str) -> bool:
    """Say whether a name is that of an end that may be a win or a loss.

    A word for the deal itself beside one that ends it changes nothing.

    >>> [closes_either_way(name) for name in ("6 - Closed", "Won/Lost", "Closed Won", "Offer")]
    [True, True, False, False]
    >>> closes_either_way("Negócio fechado"), closes_either_way("Deal")
    (True, False)
    """
    form = bare(name)
    parts = {part for part in BETWEEN.split(form) if part}
    won, lost, ended = _forms(WON_WORDS), _forms(LOST_WORDS), _forms(ENDED_WORDS)
    beside = _forms(BESIDE) | ended
    both = bool(parts & won and parts & lost) and parts <= won | lost | beside
    return form in ended or both or bool(parts & ended and parts <= beside)


def may_be_lost(name: str) -> bool:
    """Say whether a stage is called by a word that means a loss where it stands for an outcome.

    So is one that begins with such a word, or says a closing word that another one undoes.

    >>> [may_be_lost(name) for name in ("Descartada", "9 - Dead", "Offer", "Lost")]
    [True, True, False, False]
    >>> [may_be_lost(name) for name in ("Cancelled by customer", "Not won", "Dead: no answer")]
    [True, True, True]
    """
    if close_of(name) is not None:
        return False
    form = bare(name)
    said = f"{' '.join(part for part in BETWEEN.split(form) if part)} "
    begins = any(said.startswith(f"{word} ") for word in _forms((*LOST_WORDS, *OUTCOME_LOST)))
    inside = any(f" {word} " in f" {said}" for word in _forms((*WON_INSIDE, *LOST_INSIDE)))
    return form in _forms(OUTCOME_LOST) or begins or inside


def closing(names: Iterable[str]) -> dict[str, int]:
    """Return the names that close a deal -> WON or LOST."""
    return {name: code for name in names if (code := close_of(name)) is not None}


@cache
def _forms(words: tuple[str, ...]) -> frozenset[str]:
    """Return words in the form in which they are compared, made once: names may be many."""
    return frozenset(map(fold_name, words))


# ---------------- the numbers of names

CLOSED = {"(won)": schema.WON, "(lost)": schema.LOST}
"""What a row of a history that is made here says where a deal closes; every pipeline knows it."""


@dataclass(frozen=True)
class HistoryFacts:
    """What the history says at all: rows may name no pipeline, or whence a deal came."""

    unnamed_pipeline: bool
    from_stage: bool


BEHIND = re.compile(
    r"\s*[-:(,;/\u2013\u2014]\s*|\s+(?:by|from|due|because|as|since|von|vom|durch|wegen|par|pour"
    r"|por|da|dal|per|door|przez|od|из-за|по|توسط|بدلیل|به دلیل|بسبب|من)\s+"
)
"""What parts a word for a loss from who caused it, or why."""


def outcome_words(config: Config) -> dict[str, int]:
    """Return the words of an outcome column -> 0 open, WON or LOST.

    What closes a row of the history closes a deal as well; the words for the column go first.
    """
    own = config.source.outcomes
    rows = {
        schema.WON: [word for pipeline in config.pipelines for word in pipeline.won],
        schema.LOST: [word for pipeline in config.pipelines for word in pipeline.lost],
    }
    column = {0: own.open, schema.WON: own.won, schema.LOST: own.lost}
    return _usual_outcomes() | {
        fold_name(word): code
        for words in (rows, column)
        for code, said in words.items()
        for word in said
    }


@cache
def _usual_outcomes() -> dict[str, int]:
    """Return the words of all languages for an outcome."""
    kinds = {0: "open", schema.WON: "won", schema.LOST: "lost"}
    return {
        fold_name(word): code
        for code, kind in kinds.items()
        for word in (*vocabulary.words("closes", kind), *vocabulary.words("outcomes", kind))
    }


def outcome_of(said: str, words: Mapping[str, int]) -> int | None:
    """Return what an outcome says, 0 open, WON or LOST; None where its words are not known."""
    code = words.get(fold_name(said))
    if code is None:
        code = close_of(said)
    return _lost_by(said, words) if code is None else code


def _lost_by(said: str, words: Mapping[str, int]) -> int | None:
    """Return LOST where an outcome is a word for a loss and says behind it by whom, or why.

    >>> words = {"cancelled": schema.LOST, "sold": schema.WON}
    >>> [_lost_by(said, words) for said in ("Cancelled by us", "Cancelled: price", "Sold out")]
    [-2, -2, None]
    """
    parts = BEHIND.split(fold_name(said), maxsplit=1)
    known = len(parts) > 1 and words.get(parts[0].strip()) == schema.LOST
    return schema.LOST if known else None


def closed_outcomes(store: Store, config: Config) -> list[str]:
    """Return the texts of the outcome column that say that a deal is won or lost."""
    words = outcome_words(config)
    said = texts(store, "outcome", "given_opportunities")
    return [text for text in said if (outcome_of(text, words) or 0) < 0]


def stage_names(pipeline: Pipeline) -> dict[str, int]:
    """Return what a history row of this pipeline may say -> position, WON or LOST."""
    built_in = (
        (schema.WON, () if pipeline.won else WON_WORDS),
        (schema.LOST, () if pipeline.lost else LOST_WORDS),
    )
    own = ((schema.WON, pipeline.won), (schema.LOST, pipeline.lost))
    closes = {fold_name(word): code for code, words in (*built_in, *own) for word in words}
    stages = {
        fold_name(name): position
        for position, stage in enumerate(pipeline.stages)
        for name in (stage.name, *stage.aliases)
    }
    return CLOSED | closes | stages


def texts(store: Store, column: str, *tables: str) -> list[str]:
    """Return the different texts of a column of one table or more, in code-point order."""
    each = " UNION ".join(f"SELECT {column} AS said FROM {table}" for table in tables)  # noqa: S608 - names of this program
    rows = store.rows(f"SELECT said FROM ({each}) WHERE said <> '' GROUP BY said ORDER BY said")  # noqa: S608 - as above
    return [str(row[0]) for row in rows]


def number_names(store: Store, config: Config) -> HistoryFacts:
    """Map the texts of pipelines, stages and outcomes that occur to their numbers."""
    store.run(
        """
        CREATE TEMP TABLE history_names AS
        SELECT pipeline, stage, from_stage FROM given_history GROUP BY ALL
        """
    )
    said = _read_texts(store)
    for table, (columns, found) in name_codes(config, said).items():
        kinds = {name: "VARCHAR" if name == "said" else "SMALLINT" for name in columns}
        sql, facts = write_rows(kinds, found)
        store.run(f"CREATE TEMP TABLE {table} AS {sql}", facts)
    unnamed = store.value("SELECT count(*) FROM history_names WHERE pipeline = ''")
    return HistoryFacts(unnamed > 0, bool(said["from_stage"]))


def name_codes(
    config: Config, said: Mapping[str, Sequence[str]]
) -> dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
    """Return the numbers of texts of pipelines, stages and outcomes: columns and rows by table.

    `said` are the texts that occur, by `pipeline`, `stage`, `from_stage` and `outcome`.
    """
    numbers = {fold_name(pipeline.name): i for i, pipeline in enumerate(config.pipelines)}
    pipelines = [(text, numbers.get(fold_name(text), -1)) for text in said["pipeline"]]
    words = outcome_words(config)
    known = [(s, code) for s in said["outcome"] if (code := outcome_of(s, words)) is not None]
    stages = sorted({*said["stage"], *said["from_stage"]})
    return {
        "pipeline_names": (("said", "pipeline"), [*pipelines]),
        "outcome_names": (("said", "code"), [*known]),
        "stage_names": (("said", "pipeline", "code"), [*_stage_codes(config, stages)]),
    }


def _read_texts(store: Store) -> dict[str, list[str]]:
    """Return the different texts of pipelines, stages and outcomes, in code-point order."""
    found: dict[str, list[str]] = {"pipeline": [], "stage": [], "from_stage": [], "outcome": []}
    rows = store.rows(
        """
        SELECT kind, said FROM (
            SELECT unnest(['pipeline', 'stage', 'outcome']) AS kind,
                   unnest([pipeline, stage, outcome]) AS said
            FROM (SELECT pipeline, stage, outcome FROM given_opportunities GROUP BY ALL)
            UNION
            SELECT unnest(['pipeline', 'stage', 'from_stage']),
                   unnest([pipeline, stage, from_stage])
            FROM history_names)
        WHERE said <> '' ORDER BY kind, said
        """
    )
    for kind, text in rows:
        found[str(kind)].append(str(text))
    return found


def write_rows(kinds: dict[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, dict[str, Any]]:
    """Return SQL and its facts for a few rows; `kinds` are the types by column.

    >>> write_rows({"n": "SMALLINT"}, [(1,), (2,)])
    ('SELECT unnest(CAST($n AS SMALLINT[])) AS n', {'n': [1, 2]})
    """
    columns = [f"unnest(CAST(${name} AS {kind}[])) AS {name}" for name, kind in kinds.items()]
    values = {name: [row[i] for row in rows] for i, name in enumerate(kinds)}
    return f"SELECT {', '.join(columns)}", values


def _stage_codes(config: Config, said: list[str]) -> list[tuple[str, int, int]]:
    """Return (text, pipeline, position or close) for every text that a pipeline knows."""
    by_form: dict[str, list[str]] = {}
    for text in said:
        by_form.setdefault(fold_name(text), []).append(text)
    closing = {text: code for text in said if (code := close_of(text)) is not None}
    found = []
    for number, pipeline in enumerate(config.pipelines):
        own = {schema.WON: pipeline.won, schema.LOST: pipeline.lost}
        # a close that a text names counts where the pipeline has no words of its own for it
        codes = {text: code for text, code in closing.items() if not own[code]}
        names = stage_names(pipeline).items()
        codes |= {text: code for form, code in names for text in by_form.get(form, ())}
        found += [(text, number, code) for text, code in sorted(codes.items())]
    return found
