"""The files of a plan that was updated, on disk."""

from __future__ import annotations

import os
from pathlib import Path

from simengine.archive.files import write_files
from simengine.learn.update import Updated


def write(updated: Updated, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a new plan and what stands beside it, whole or not at all, as `write_files` does: the plan appears last.

    Raises
    ------
    SimengineError
        where the plan, or another file of one of these names, is there already, and is not to be written over
    MachineError
        where the folder cannot be written to; what was there is still there
    """
    write_files({Path(folder) / name: text for name, text in updated.files.items()}, overwrite=overwrite)
