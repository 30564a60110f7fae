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

    What was there is put back where a later one cannot be renamed.

    Parameters
    ----------
    files : where to, and what
    overwrite : whether files that are there are replaced

    Raises
    ------
    SimengineError : a file, or a folder or a device of that name, is there already
    MachineError : the disk is full, the folder may not be written to, or the disk fails
    """
    contents = {path: held.encode() if isinstance(held, str) else held for path, held in files.items()}
    with in_words(f"cannot write {', '.join(map(str, files))}", sum(map(len, contents.values()))):
        _refuse_others(files)
        if not overwrite:
            refuse_existing(files)
        partial = {path: partial_of(path) for path in files}
        before = {path: partial_of(path) for path in files if path.exists()}
        try:
            for path, content in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(partial[path], content)
            for path, kept in before.items():
                os.link(path, kept)
            _rename(partial, before)
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


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _rename(partial: Mapping[Path, Path], before: Mapping[Path, Path]) -> None:
    done: list[Path] = []
    try:
        for path, written in partial.items():
            written.replace(path)
            done.append(path)
    except BaseException:
        for path in done:
            with suppress(OSError):
                if path in before:
                    before[path].replace(path)
                else:
                    path.unlink()
        raise
