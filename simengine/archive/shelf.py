"""The runs below a folder: which there are, which of them are damaged, and what a killed run left behind."""

from __future__ import annotations

import math
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simengine.archive import MANIFEST, PARTIAL, REPLACED, files, in_words, is_run, manifest_of
from simengine.archive.blocks import UNFINISHED
from simengine.errors import MachineError, SimengineError

ABANDONED_AFTER = 24 * 3600.0
"""Seconds: what was being written may still be, unless it is older than this."""
_DEEPEST = 6
"""Folders below the one that is searched."""


@dataclass(frozen=True)
class Stored:
    """A run on disk, by its manifest alone: `problem` says why there is none that can be trusted."""

    path: Path
    manifest: dict[str, Any] | None
    problem: str = ""


def stored(folder: str | os.PathLike[str]) -> list[Stored]:
    """Every run in `folder`, or below it, by path; a folder that is a run itself is the only one.

    A folder below that cannot be read is listed with its problem, and hides no other. The manifests are checked, not
    the arrays: `verify` reads everything.

    Raises
    ------
    SimengineError : if there is no such folder
    MachineError : if it cannot be read
    """
    place = Path(folder)
    with in_words(f"cannot read {place}"):
        if not place.is_dir():
            raise SimengineError(f"{place} is not there; name a folder that holds runs")
        _folders(place)
    found = _stored_below(place, _DEEPEST)
    return [run for run in found if run.manifest is not None or not _is_gone(run.path)]


def abandoned(folder: str | os.PathLike[str], older_than: float = ABANDONED_AFTER) -> list[Path]:
    """What was being written, or put aside, when its process was killed, by path: runs, their blocks, and files.

    Parameters
    ----------
    folder : searched as in `stored`
    older_than : seconds; a younger one may still be written to
    """
    place, last = Path(folder), time.time() - older_than
    with in_words(f"cannot read {place}"):
        _folders(place)
        return [path for path in _left_behind(place, _DEEPEST) if _touched(path) < last]


def swept(path: Path) -> Path | None:
    """Clear away what a killed process left behind.

    A run that was only making room for a newer one gets its name back, and is returned. Raises MachineError where that
    may not be done.
    """
    with in_words(f"cannot clear {path} away"):
        before = path.with_name(path.name.removeprefix(REPLACED).partition(".")[2] or path.name)
        if path.name.startswith(REPLACED) and is_run(path) and not before.exists():
            path.rename(before)
            return before
        if path.is_dir():
            _delete(path)
        else:
            path.unlink(missing_ok=True)
    return None


def has_others(path: Path) -> bool:
    """Whether another run is somewhere in the folder of a run: it would go with it."""

    def unless_gone(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # which another process has deleted meanwhile
            raise error

    with in_words(f"cannot read {path}"):
        below = (Path(place) for place, _, names in os.walk(path, onerror=unless_gone) if MANIFEST in names)
        return any(is_run(place) for place in below if place != path)


def remove(path: Path) -> None:
    """Delete a run; one that is gone already, as when two processes delete, is no error.

    Raises
    ------
    SimengineError : if `path` is not a run, or holds another one
    MachineError : if it may not be deleted
    """
    with in_words(f"cannot delete {path}"):
        if not is_run(path) or path.is_symlink():
            if not path.exists():  # asked last: another process may delete it at any moment
                return
            raise SimengineError(f"{path} is not a run, so it stays as it is")
        if has_others(path):
            raise SimengineError(f"{path} holds another run, so it stays as it is; move that run elsewhere")
        _delete(path)


def _delete(path: Path) -> None:
    """Delete a folder; it has another name before anything in it goes, and what another process deletes is gone."""
    doomed = path.with_name(f"{PARTIAL}{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        path.rename(doomed)
        shutil.rmtree(doomed)


def _is_gone(path: Path) -> bool:
    """Whether another process has deleted it meanwhile; where that cannot be told, it has not."""
    try:
        return not path.exists()
    except OSError:
        return False


def _stored(path: Path) -> Stored:
    try:
        return Stored(path, manifest_of(path))
    except SimengineError as error:
        return Stored(path, None, str(error))


def _stored_below(place: Path, deepest: int) -> Iterator[Stored]:
    try:
        with in_words(f"cannot read {place}"):
            below = None if is_run(place) else _folders(place) if deepest else []
    except MachineError as error:
        yield Stored(place, None, str(error))
        return
    if below is None:
        yield _stored(place)
        return
    for path in below:
        if not _is_left_behind(path):
            yield from _stored_below(path, deepest - 1)


def _left_behind(place: Path, deepest: int) -> Iterator[Path]:
    try:
        torn = sorted(path for path in place.glob(f".*{files.PARTIAL}") if path.is_file())
        below = _folders(place) if deepest and not is_run(place) else []
    except (PermissionError, FileNotFoundError):
        return  # `stored` tells of what may not be read; what is gone leaves nothing behind
    yield from torn
    for path in below:
        if _is_left_behind(path):
            yield path
        else:
            yield from _left_behind(path, deepest - 1)


def _folders(place: Path) -> list[Path]:
    """Its folders by name, but no links, which could lead anywhere; no folder where it is itself gone meanwhile."""
    try:
        return sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_left_behind(path: Path) -> bool:
    return path.name.startswith((PARTIAL, REPLACED)) or path.name == UNFINISHED


def _touched(path: Path) -> float:
    """When a file, or anything in a folder, was last written; never where that cannot be told, or it goes meanwhile."""
    try:
        return max(found.stat().st_mtime for found in (path, *path.rglob("*")))
    except (FileNotFoundError, PermissionError):
        return math.inf
