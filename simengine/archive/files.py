"""Text files that are written together: all of them, or none."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from simengine.archive import in_words
from simengine.errors import SimengineError


def write_files(files: Mapping[Path, str], *, overwrite: bool = False) -> None:
    """Write texts beside where they go, and rename them when the last one is on disk.

    Parameters
    ----------
    files : where to, and what
    overwrite : whether files that are there are replaced

    Raises
    ------
    SimengineError : a file is there already
    MachineError : the disk is full, the folder may not be written to, or the disk fails
    """
    there = [str(path) for path in files if path.exists()]
    if there and not overwrite:
        verb = "is" if len(there) == 1 else "are"
        raise SimengineError(f"{', '.join(there)} {verb} there already; choose another name, or add --overwrite")
    partial = {path: path.with_name(f".{path.name}.{uuid.uuid4().hex}") for path in files}
    size = sum(len(text.encode()) for text in files.values())
    try:
        with in_words(f"cannot write {', '.join(str(path) for path in files)}", size):
            for path, text in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                partial[path].write_text(text, encoding="utf-8")
            for path in files:
                partial[path].replace(path)
    finally:
        for path in partial.values():
            with suppress(OSError):
                path.unlink()
