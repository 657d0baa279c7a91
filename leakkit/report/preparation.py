"""Before any page is made: the source in a store that notebooks can open, analysed once."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leakkit import sources
from leakkit.analysis import analyze
from leakkit.errors import LeakkitError
from leakkit.findings import to_records
from leakkit.loading import SAMPLE, find_source, load
from leakkit.report.writing import RUN, files_of, files_of_run, with_decks
from leakkit.scratch import scratch
from leakkit.sources.databases.addresses import address_of
from leakkit.sources.formats.unpacking import lack_of_room
from leakkit.sources.spark.tables import is_server
from leakkit.sources.stores import STORE_SUFFIX, replace_store
from leakkit.store import Store, pseudonyms
from leakkit.store.database import IN_SPARK, MEMORY
from leakkit.store.moments import as_of_text
from leakkit.store.settled_deals import LoadOptions
from leakkit.store.spark_sessions import SERVER, find_server
from leakkit.views.brand import brand_of
from leakkit.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from leakkit.analysis import Analysis
    from leakkit.config import Config
    from leakkit.report.manifest import Last
    from leakkit.report.writing import Files


@dataclass(frozen=True)
class RunSource:
    """What a run is made from, and how it is read: the choices of `run` of these names."""

    source: str | Path | Mapping[str, pd.DataFrame]
    config: Config | str | Path | None = None
    as_of: str = ""
    store: str | Path = ""
    anonymise: str | Path = ""
    allow: Sequence[str | Path] = ()

    def load(self, store: str | Path = MEMORY) -> Store:
        """Load it into a store."""
        return load(self.source, self.config, as_of=self.as_of, store=store, allow=self.allow)


@contextmanager
def store_source(run: RunSource) -> Iterator[Path]:
    """Load the source into a file that notebooks can open; it goes when the run ends.

    A store that is kept is of the same deals; with a key to `anonymise`, both have pseudonyms
    in place of names. Deals in Spark stay there; the file says where they are, and their
    session is open until the run ends.
    """
    with scratch() as temporary, ExitStack() as stack:
        path = temporary / f"store{STORE_SUFFIX}"
        with _room():
            named = not (run.store or run.anonymise)
            if named and is_server(*find_source(run.source, run.config)):
                stack.enter_context(run.load()).hand_over(path)
            else:
                _store_into(path, run)
        yield path


@contextmanager
def _room() -> Iterator[None]:
    """Say where a disk is full that no page is written on."""
    try:
        yield
    except Exception as error:
        if full := lack_of_room(error):
            raise full from None
        raise


def _store_into(path: Path, run: RunSource) -> None:
    """Load the source into a file, and keep a copy of it where that is asked for."""
    source = address_of(run.source)
    given = Path(source) if isinstance(source, str | Path) else Path()
    if given.suffix == STORE_SUFFIX:
        load(given).close()
        shutil.copyfile(given, path)
    elif run.store and not run.anonymise:
        run.load(str(run.store)).close()
        shutil.copyfile(run.store, path)
    else:
        sources.load(
            *find_source(source, run.config),
            as_of=run.as_of,
            store=str(path),
            options=LoadOptions(people=bool(run.anonymise)),
            allow=run.allow,
        ).close()
    if run.anonymise:
        _pseudonymise(path, Path(run.anonymise))
        if run.store and given.suffix != STORE_SUFFIX:
            _keep(path, Path(run.store))


def kernel_settings(path: Path) -> dict[str, str]:
    """Return what a kernel has to be told, beside its parameters, to open a store that was made.

    How a server is reached may be a secret: it stands in no notebook and no file.
    """
    with Store.open(path) as store:
        known = store.meta_or(IN_SPARK, None)
    return {SERVER: json.dumps(find_server(known["session"]))} if known else {}


def shown_parameters(
    path: Path, source: object, config: Config | str | Path | None, analysis: Analysis
) -> dict[str, str]:
    """Return what a page says it was made from, in the words of its notebook.

    The source is called by its label and a configuration by its name: a page names no places.
    """
    with Store.open(path) as store:
        zone = store.config.timezone
        as_of = as_of_text(store.meta("cut"), store.meta("last_day"), zone)
    return {
        "source": SAMPLE if isinstance(source, str) and source == SAMPLE else analysis.label,
        "config": Path(config).name if isinstance(config, str | Path) else "",
        "as_of": as_of,
    }


def shown_brand(analysis: Analysis) -> dict[str, str]:
    """Return whose pages these are, as a page shows it; nothing where nobody says it."""
    mark = brand_of(analysis)
    names = ("client", "author", "foot", "colour", "accent", "address")
    return {name: getattr(mark, name) for name in names} if mark else {}


def require_language(language: str) -> None:
    """Raise where there are no texts in a language."""
    if language not in LANGUAGES:
        message = f"There are no texts in {language!r}. There are: {', '.join(LANGUAGES)}."
        raise LeakkitError("no_language", message)


def _pseudonymise(path: Path, key: Path) -> None:
    """Make pseudonyms of the owners and the names of deals in a store, and leave no trace."""
    plain = path.with_name(f"plain{STORE_SUFFIX}")
    path.replace(plain)
    with Store.change(plain) as store:
        pseudonyms.anonymise(store, pseudonyms.read_key(key))
    pseudonyms.copy_without_traces(plain, path)
    plain.unlink()


def _keep(path: Path, file: Path) -> None:
    """Keep a copy of a store; one that is there is replaced, and what is no store stays."""
    with replace_store(file) as (kept, partial):
        if kept.exists():
            Store.open(kept).close()
        shutil.copyfile(path, partial)


def analyse_pipelines(
    path: Path, pipelines: tuple[str, ...], language: str, last: Last, *, deck: bool = False
) -> tuple[Analysis, dict[str, Files]]:
    """Analyse the pipelines, with the horizons of the last run; also the files beside each page.

    Those of the run itself stand under `RUN`. With `deck` there are decks among them.

    Horizons, findings and what the last run saw are kept in the store, where notebooks
    find them.
    """
    with Store.change(path) as store:
        store.set_meta("earlier_horizons", last.horizons())
        store.set_meta("last_run", last.before(store.meta("fingerprint")))
        analysis = analyze(store, list(pipelines) or None, language=language)
        store.set_meta("findings", to_records(analysis.all_findings))
        require_language(analysis.language)
        files = {one.name: files_of(store, analysis, one) for one in analysis.pipelines}
        files[RUN] = files_of_run(analysis)
        if deck:
            files = with_decks(analysis, files)
    return analysis, files
