"""Exports of makers of CRMs, recognised by their headings: data files, one per maker.

An export of a new maker is a new entry in `makers/*.toml`, in `[makers]` of leakkit.toml,
or in a package that offers a table of the same form as an entry point `leakkit.makers`.
Sources: the makers' own pages, public connectors and exports; what no maker's page shows
is left out. Where a maker's heading means something else than it says, its entry is
empty: the expected close date of SugarCRM is a plan.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from leakkit import vocabulary
from leakkit.config import COLUMNS, Export

if TYPE_CHECKING:
    from leakkit.config import Config

HISTORY, DEALS, REFUSED, STAGES, MERGED, STANDING, OTHER = (
    *("stage_history", "opportunities", "refused", "stages", "merged", "standing", "other"),
)
VERSIONS = "versions"
"""A table with several rows of a deal, one after another; its cells tell it, and no export."""
GROUP = "leakkit.makers"
"""The entry points of other packages that know makers."""


def exports_of(config: Config) -> tuple[Export, ...]:
    """Return the exports that are known: those of leakkit.toml, of packages, and our own."""
    own = tuple(export for exports in config.makers.values() for export in exports)
    return (*own, *known_exports())


@cache
def known_exports() -> tuple[Export, ...]:
    """Return the exports that are known without a configuration.

    >>> {"salesforce", "odoo"} <= {export.name for export in known_exports()}
    True
    """
    given: list[dict[str, Any]] = []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        given += point.load()["exports"]
    folder = resources.files("leakkit.sources.headings").joinpath("makers")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            given += tomllib.loads(file.read_text("utf-8"))["exports"]
    return tuple(Export.model_validate(one) for one in given)


USUAL = {name: vocabulary.words("headings", name) for name in COLUMNS}
"""Headings of no maker in particular, in every language that there are words of."""

VAGUE_MOMENT = vocabulary.words("moments", "any")
"""The moment of a history, where its file has no other date and no outcome."""

PLAIN_IDS = vocabulary.words("ids", "any")
"""The key of a list of deals, where no heading says more and every row has another one."""

CLEAR = ("lost_reason", "last_stage", "stage_since", "owner", "currency")
"""What the usual headings name in a maker's export as well, where they can mean nothing else."""

DATED_STAGE = (
    re.compile(r'^date entered "(?P<stage>.+) \((?P<pipeline>[^()]+)\)"$', re.IGNORECASE),
    re.compile(r'^date entered "(?P<stage>.+)"$', re.IGNORECASE),
    re.compile(r"^date[ _]entered[ _](?!current[ _]stage$)(?P<stage>[^\"]+)$", re.IGNORECASE),
    re.compile(
        r"^hs[_ ](v2[_ ])?date[_ ]entered[_ ](?!current[_ ]stage$)(?P<stage>.+)$", re.IGNORECASE
    ),
)
"""Headings that hold the date of one stage: HubSpot's, and the same typed by hand."""

DATE_WORDS = "|".join(
    map(re.escape, ("date of", "date du", "date de", "fecha de", "data de", *VAGUE_MOMENT))
)
NO_STEP = re.compile(
    r"expected|planned|due|last|next|modif|updat|change|birth|follow|reminder|"
    r"erwartet|geplant|geburt|letzt|nächst|änderung|prévu|dernièr|naissance|relance|"
    r"prevista|última|nacimiento|ultim|nascita|verwacht|laatst|geboorte|"
    r"تولد|پیگیری بعدی|آخرین|بعدی|سررسید|تحویل",
    re.IGNORECASE,
)
"""Dates that are no step of a sale: plans, last changes, birthdays."""
DATED_STEP = (
    re.compile(rf"^(?:{DATE_WORDS})[ _:]+(?P<stage>.+)$", re.IGNORECASE),
    re.compile(r"^(?P<stage>.+)[ _](?:date|datum|tarihi)$", re.IGNORECASE),
    re.compile(r"^(?P<stage>\w{3,}?)(?:(?<=[tg])s)?datum$", re.IGNORECASE),
)
"""Headings of a date for each step, as people write them: `Date of offer`, `Angebotsdatum`."""
ENTERED_STEP = (
    re.compile(r"^entered[ _](?:in[ _]|into[ _])?(?P<stage>.+?)(?:[ _](?:on|at))?$", re.IGNORECASE),
    re.compile(r"^(?P<stage>.+)[ _]entered(?:[ _](?:on|at))?$", re.IGNORECASE),
    re.compile(r"^eintritt[ _](?:in[ _])?(?P<stage>.+)$", re.IGNORECASE),
    re.compile(r"^(?P<stage>.+)[ _]am$", re.IGNORECASE),
)
"""Headings that say when a step began: `Entered Lead`, `Lead entered on`, `Anfrage am`."""
NO_ENTRY = re.compile(
    r"^entered[ _](?:on|at|by)$|\bby\b|current|\bstage$|\bdate$|system|geändert|bearbeitet|fällig|"
    r"gelöscht|importiert|exportiert|zugewiesen|wiedervorlage|angelegt|erfasst|erstellt",
    re.IGNORECASE,
)
"""Such headings that say when anything else was done."""
FIRST_STEPS = vocabulary.words("steps", "first")
"""Steps with which a sale begins: a heading of their date is that of the creation as well."""

TIME_IN_STAGE = (
    (
        re.compile(r'^cumulative time in "(.+)"$', re.IGNORECASE),
        re.compile(r'^latest time in "(.+)"$', re.IGNORECASE),
        re.compile(r'^date entered "(.+)"$', re.IGNORECASE),
    ),
    (
        re.compile(r"^hs_v2_cumulative_time_in_(.+)$", re.IGNORECASE),
        re.compile(r"^hs_v2_latest_time_in_(.+)$", re.IGNORECASE),
        re.compile(r"^hs_v2_date_entered_(.+)$", re.IGNORECASE),
    ),
)
"""The two times that betray a second visit: all visits together, and the latest one."""
