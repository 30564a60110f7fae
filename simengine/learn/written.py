"""A plan with what has happened since, as files: all of them, or none."""

from __future__ import annotations

import os
from pathlib import Path

from simengine.archive.files import write_files
from simengine.learn.update import Updated, refuse_existing


def write(updated: Updated, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a new plan and what stands beside it, whole or not at all: the plan itself appears last.

    Raises
    ------
    SimengineError
        where a file of one of these names is there already, and is not to be written over
    MachineError
        where the folder cannot be written to; what was there is there as it was
    """
    files = {Path(folder) / name: updated.files[name] for name in reversed(updated.files)}
    if not overwrite:
        refuse_existing(*reversed(files))
    write_files(files, overwrite=overwrite)
