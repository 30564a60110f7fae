"""Columns of numbers in one small file: a netCDF file with a seal behind it, whole or not at all.

Every reader of netCDF opens it. Behind the last array stand, as JSON, where each array begins, and the digest of all
that comes before; so a file that was cut off, or that something else wrote, is told from one that is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.archive import in_words
from simengine.archive.netcdf import Image, read

_END = b"simengine columns 1\n"
_LENGTH, _SEAL = 8, 32
"""Bytes that hold the length of what stands behind the arrays, and the digest of all before."""

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
    """Write columns under another name beside `path`, flush them to disk, and rename; their digest.

    What is at `path` is replaced. A kill at any moment leaves what was there before, or the whole new file.

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
    places = {f"column_{place}": ("draw", np.ascontiguousarray(values[name])) for place, name in enumerate(values)}
    told = json.dumps({**about, "columns": list(values), "digest": digest}, ensure_ascii=False)
    image = Image(xr.Dataset(places, attrs={"about": told}))
    # One name, not a new one each time: what a kill leaves is overwritten.
    partial = path.with_name(f".{path.name}.partial")
    with in_words(f"cannot write {path}", image.size):
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            seal = hashlib.sha256()
            for piece in (*image.pieces(), *_behind(told, image)):
                file.write(piece)
                seal.update(piece)
            file.write(seal.digest() + _END)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    return digest


def read_columns(path: Path) -> Columns | None:
    """What a file holds; None where it is not there, not whole, or no such file.

    Raises MachineError where it cannot be read.
    """
    with in_words(f"cannot read {path}"):
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
    sealed, seal = content[: -_SEAL - len(_END)], content[-_SEAL - len(_END) : -len(_END)]
    if not content.endswith(_END) or hashlib.sha256(sealed).digest() != seal:
        return None
    end = len(sealed) - _LENGTH
    start = end - int.from_bytes(sealed[end:], "big")
    try:
        entries = json.loads(sealed[start:end])
        about = json.loads(entries["about"])
        found, digest = read(sealed[:start], entries["arrays"]), about.pop("digest")
        values = {name: found[f"column_{place}"].values for place, name in enumerate(about.pop("columns"))}
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError):
        return None  # a right seal around something else
    return Columns(about, values, digest)


def _behind(told: str, image: Image) -> tuple[bytes, bytes]:
    """What stands behind the arrays: what `read` needs to have them back, and how long that is."""
    entries = json.dumps({"about": told, "arrays": image.arrays}, ensure_ascii=False).encode()
    return entries, len(entries).to_bytes(_LENGTH, "big")


def _digest(values: Mapping[str, Floats]) -> str:
    total = hashlib.sha256()
    for name in sorted(values):
        column = np.ascontiguousarray(values[name], "<f8")
        total.update(json.dumps([name, len(column)]).encode())
        total.update(column.view(np.uint8).data)
    return total.hexdigest()
