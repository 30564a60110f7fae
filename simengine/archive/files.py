"""Files that are written together: all of them, or none."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from simengine.archive import in_words
from simengine.errors import SimengineError

PARTIAL = ".partial"
"""How the name of a file ends while it is written; a dot stands before it."""


def partial_of(path: Path) -> Path:
    """Under what name a file is written: nobody else's, for another process may be writing the same file."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{PARTIAL}")


def refuse_existing(files: Iterable[Path], instead: str = "choose another name") -> None:
    """Raise SimengineError, with their names, where some of these files are there."""
    there = [str(path) for path in files if path.exists()]
    if there:
        verb = "is" if len(there) == 1 else "are"
        raise SimengineError(f"{', '.join(there)} {verb} there already; {instead}, or add --overwrite")


def check_folder(folder: Path) -> None:
    """Raise MachineError now where `folder` could not be written to later: to be asked before long work."""
    place = folder.resolve()
    with (
        in_words(f"cannot write to {folder}"),
        tempfile.TemporaryFile(dir=next(there for there in (place, *place.parents) if there.exists())),
    ):
        pass


def write_files(files: Mapping[Path, str | bytes], *, overwrite: bool = False) -> None:
    """Write texts (as UTF-8) or bytes beside where they go, and rename them when the last one is on disk.

    The first file is taken to be the one that names the others: it appears last, and is away while several of them
    change. So a kill leaves what was there, or all that is new, or no first file, but never an old one beside others
    that are new. What was there is put back where one cannot be renamed.

    Parameters
    ----------
    files : where to, and what
    overwrite : whether files that are there are replaced; others than the first that are there just so are in nobody's
        way

    Raises
    ------
    SimengineError : a file, or a folder or a device of that name, is there already
    MachineError : the disk is full, the folder may not be written to, or the disk fails
    """
    contents = {path: held.encode() if isinstance(held, str) else held for path, held in files.items()}
    first, names = next(iter(files)), ", ".join(map(str, files))
    with in_words(f"cannot write {names}", sum(map(len, contents.values()))):
        _refuse_others(files)
        changed = [path for path, content in contents.items() if not _holds(path, content)]
        if not overwrite:
            refuse_existing(path for path in files if path == first or path in changed)
        others = [path for path in changed if path != first]
        away = len(changed) > 1 and any(path.exists() for path in others)
        order = [*others, first] if away or first in changed else others
        partial = {path: partial_of(path) for path in order}
        before = {path: partial_of(path) for path in order if path.exists()}
        try:
            for path, written in partial.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(written, contents[path])
            for path, kept in before.items():
                os.link(path, kept)
            _rename(partial, before, first if away else None)
        finally:
            for path in (*partial.values(), *before.values()):
                with suppress(OSError):
                    path.unlink()


def _refuse_others(files: Iterable[Path]) -> None:
    """Raise SimengineError, with their names, where something is there that is no file."""
    folders = [str(path) for path in files if path.is_dir()]
    if folders:
        raise SimengineError(f"{', '.join(folders)}: a folder is there; choose another name")
    devices = [str(path) for path in files if path.exists() and not (path.is_dir() or path.is_file())]
    if devices:
        raise SimengineError(f"{', '.join(devices)}: a device or a pipe, which is not replaced; choose another name")


def _holds(path: Path, content: bytes) -> bool:
    return path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _rename(partial: Mapping[Path, Path], before: Mapping[Path, Path], away: Path | None) -> None:
    """Give every file its name, in order; `away` has none until its turn comes."""
    try:
        if away is not None:
            away.unlink(missing_ok=True)
        for path, written in partial.items():
            written.replace(path)
    except BaseException:
        for path, written in partial.items():
            with suppress(OSError):
                if path in before:
                    before[path].replace(path)
                elif not written.exists():
                    path.unlink()
        raise
