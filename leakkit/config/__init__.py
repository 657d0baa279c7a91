"""leakkit.toml: its values, its tables, and how it is read, checked and frozen."""

from leakkit.config.fields import COLUMNS, DIGITS, OUTCOMES, fold_name
from leakkit.config.parsing import (
    FILL_IN,
    LANGUAGES,
    Config,
    find_unfilled,
    parse_toml,
    refuse_unknown_notes,
    text_of,
)
from leakkit.config.settings import (
    CROSS_CHECKS,
    Anonymise,
    Brand,
    Changes,
    Export,
    Intervention,
    Join,
    Note,
    Pipeline,
    Stage,
)

__all__ = [
    "COLUMNS", "CROSS_CHECKS", "DIGITS", "FILL_IN", "LANGUAGES", "OUTCOMES",
    "Anonymise", "Brand", "Changes", "Config", "Export", "Intervention", "Join", "Note",
    "Pipeline", "Stage", "find_unfilled", "fold_name", "parse_toml", "refuse_unknown_notes",
    "text_of",
]  # fmt: skip
