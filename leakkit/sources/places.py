"""Where the files may be that a configuration names: who wrote it may not be who runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakkit.errors import LeakkitError
from leakkit.sources.databases.addresses import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakkit.config import Config


def named_file(name: str, folders: Sequence[Path], allowed: Sequence[Path], key: str) -> Path:
    """Return the file that a configuration names under `key`, sought in `folders`.

    It must be in one of these or of those that are `allowed`, links followed; raises
    LeakkitError where it is elsewhere or nowhere.
    """
    found = [file for folder in folders if (file := folder / name).is_file()]
    if not found:
        where = " or ".join(str(folder) for folder in folders)
        message = f"There is no file {name!r}, which {key} names, in {where}."
        raise LeakkitError("no_file", message)
    within = [folder.resolve() for folder in (*folders, *allowed)]
    for file in found:
        if any(file.resolve().is_relative_to(folder) for folder in within):
            return file
    message = (
        f"{key} names {name!r}, which is outside of the folder of the source and of the "
        "configuration. Move the file there, or let its folder be read: --allow FOLDER."
    )
    raise LeakkitError("file_outside", message)


def folders_of(source: Any, config: Config | str | Path | None) -> tuple[Path, ...]:  # noqa: ANN401 - a path, or frames
    """Return the folder of the configuration, then that of the source; the present one for frames.

    A configuration that is no file has none.
    """
    near = [Path(one) for one in (config, source) if isinstance(one, str | Path)]
    folders = [one if one.is_dir() else one.parent for one in near]
    folders += [source.folder] if isinstance(source, Address) else []
    return tuple(dict.fromkeys(folders)) or (Path(),)
