"""Blocks of a run that is not done yet, each in a file named by all that it hangs on: a killed run goes on from them.

A file is taken only where it is whole and is of exactly what is asked for; so nothing has to be cleared away before
another plan, seed or machine uses the same folder, and two processes may work in it at the same time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np

from simengine.archive import environment
from simengine.archive.sealed import read_sealed, write_sealed
from simengine.errors import FOREIGN, MachineError
from simengine.results.outputs import Form
from simengine.results.reduction import Reduced

UNFINISHED = ".unfinished"
"""Name of the folder of blocks, beside the run that they will be."""
_ROOM = 2
"""A block is kept while the disk has this many times the room of all of them: the run itself is still to be written."""


class Blocks:
    """Blocks in a folder, as `simulation.blocks.Keeper`.

    A disk that is full, or fails, never ends the run: then nothing is kept any more, and what was is given up, for the
    run needs the room.

    Attributes
    ----------
    found : paths that were taken from the folder
    kept : paths that are in the folder now
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._environment = folder, environment()
        self._files: list[Path] = []
        self._bytes, self._gave_up = 0, False
        self.found = self.kept = 0

    def get(self, key: Mapping[str, Any]) -> list[Reduced] | None:
        """The spans of a block; None where there is no whole one."""
        about = self._about(key)
        file = self._file(about)
        try:
            held = read_sealed(file)
        except MachineError:
            return None
        if held is None or held.about.get("of") != about:
            return None
        try:
            spans = _taken_apart(held.about, held.arrays)
        except FOREIGN:
            return None  # a right seal around something else
        self._files.append(file)
        self._bytes += sum(array.nbytes for array in held.arrays.values())
        paths = sum(span.paths for span in spans)
        self.found += paths
        self.kept += paths
        return spans

    def put(self, key: Mapping[str, Any], spans: Sequence[Reduced]) -> None:
        """Keep a block, where there is room."""
        if self._gave_up:
            return
        about = self._about(key)
        told, arrays = _together(spans)
        size = sum(array.nbytes for array in arrays.values())
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._folder).free < _ROOM * (self._bytes + size):
                raise MachineError("no room")
            file = self._file(about)
            # Nobody waits for the disk: a file that a power cut leaves torn is told from a whole one.
            self._bytes += write_sealed(file, arrays, {"of": about, **told}, lasting=False)
        except (MachineError, OSError):
            self._gave_up = True
            self.clear()
            return
        self._files.append(file)
        self.kept += sum(span.paths for span in spans)

    def clear(self) -> None:
        """Delete the blocks that were taken or kept, and the folder if it is then empty."""
        for file in self._files:
            with suppress(OSError):
                file.unlink()
        self._files.clear()
        self.kept = 0
        with suppress(OSError):
            self._folder.rmdir()

    def _about(self, key: Mapping[str, Any]) -> dict[str, Any]:
        return {**key, "environment": self._environment}

    def _file(self, about: Mapping[str, Any]) -> Path:
        text = json.dumps(about, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:40]}.nc"


def _together(spans: Sequence[Reduced]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Spans as arrays with plain names, and what they were called.

    Columns follow each other. Sums stay apart: added up in another order they would differ in their last bits. Counts
    stand with the first.
    """
    columns, sums, counts = list(spans[0].columns), list(spans[0].sums), list(spans[0].counts)
    arrays = {f"column_{i}": np.concatenate([span.columns[name] for span in spans]) for i, name in enumerate(columns)}
    arrays |= {f"sums_{i}": np.stack([span.sums[key] for span in spans]) for i, key in enumerate(sums)}
    arrays |= {f"counts_{i}": spans[0].counts[name] for i, name in enumerate(counts)}
    told = {
        "starts": [span.start for span in spans],
        "paths": [span.paths for span in spans],
        "columns": columns,
        "sums": [list(key) for key in sums],
        "counts": counts,
    }
    return told, arrays


def _taken_apart(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Reduced]:
    """The spans that `_together` put together; all counts stand with the first."""
    spans, done = list[Reduced](), 0
    for place, (start, paths) in enumerate(zip(told["starts"], told["paths"], strict=True)):
        rows = slice(done, done := done + paths)
        columns = {name: arrays[f"column_{i}"][rows] for i, name in enumerate(told["columns"])}
        sums = {(cast(Form, form), name): arrays[f"sums_{i}"][place] for i, (form, name) in enumerate(told["sums"])}
        spans.append(Reduced(start, paths, columns, sums, {}))
    spans[0].counts.update({name: arrays[f"counts_{i}"] for i, name in enumerate(told["counts"])})
    return spans
