"""Columns of numbers in one small file, which are told from each other by a digest of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.archive.sealed import read_sealed, write_sealed
from simengine.errors import FOREIGN

Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    about : what the columns are of: texts and numbers
    values : the columns by name, each (n,)
    digest : SHA-256 of the columns, names and values
    """

    about: dict[str, Any]
    values: dict[str, Floats]
    digest: str


def write_columns(path: Path, values: Mapping[str, Floats], about: Mapping[str, Any]) -> str:
    """Write columns, as `sealed.write_sealed` writes arrays; their digest.

    Parameters
    ----------
    path : where to
    values : the columns by name, (n,) each
    about : what they are of: texts and numbers

    Raises
    ------
    MachineError : the disk is full, the folder may not be written to, or the disk fails
    """
    digest = _digest(values)
    # The names may hold any sign, which those of netCDF may not.
    arrays = {f"column_{place}": np.ascontiguousarray(values[name]) for place, name in enumerate(values)}
    write_sealed(path, arrays, {**about, "columns": list(values), "digest": digest})
    return digest


def read_columns(path: Path) -> Columns | None:
    """What a file holds; None where it is not there, not whole, or no such file.

    Raises MachineError where it cannot be read.
    """
    found = read_sealed(path)
    if found is None or not {"columns", "digest"} <= found.about.keys():
        return None
    try:
        about = dict(found.about)
        digest = about.pop("digest")
        values = {name: found.arrays[f"column_{place}"] for place, name in enumerate(about.pop("columns"))}
    except FOREIGN:
        return None  # a right seal around something else
    return Columns(about, values, digest)


def _digest(values: Mapping[str, Floats]) -> str:
    total = hashlib.sha256()
    for name in sorted(values):
        column = np.ascontiguousarray(values[name], "<f8")
        total.update(json.dumps([name, len(column)]).encode())
        total.update(column.view(np.uint8).data)
    return total.hexdigest()
