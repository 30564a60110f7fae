"""Arrays in one small file: a netCDF file with a seal behind it, whole or not at all.

Every reader of netCDF opens it. Behind the last array stand, as JSON, where each array begins, and the digest of all
that comes before; so a file that was cut off, or that something else wrote, is told from one that is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from simengine.archive import in_words
from simengine.archive.files import partial_of
from simengine.archive.netcdf import ClaimError, Image, read
from simengine.errors import FOREIGN

_END = b"simengine columns 1\n"
_LENGTH, _SEAL = 8, 32
"""Bytes that hold the length of what stands behind the arrays, and the digest of all before."""


class Sealed(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    about : what the arrays are of: texts, numbers, and lists and mappings of them
    arrays : the arrays by name
    """

    about: dict[str, Any]
    arrays: dict[str, np.ndarray]


def write_sealed(
    path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], *, lasting: bool = True
) -> int:
    """Write arrays under another name beside `path`, and rename; the bytes of the file.

    What is at `path` is replaced. A kill at any moment leaves what was there before, or the whole new file.

    Parameters
    ----------
    path : where to; folders above it are made
    arrays : by names that netCDF allows
    about : what they are of
    lasting : whether to wait until the file is on disk; without it a power cut may leave a file that is not whole

    Raises
    ------
    MachineError : the disk is full, the folder may not be written to, or the disk fails
    """
    told = json.dumps(about, ensure_ascii=False)
    image = Image(xr.Dataset({name: (_dims(array), array) for name, array in arrays.items()}, attrs={"about": told}))
    partial = partial_of(path)
    with in_words(f"cannot write {path}", image.size):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("xb") as file:
                seal = hashlib.sha256()
                for piece in (*image.pieces(), *_behind(told, image)):
                    file.write(piece)
                    seal.update(piece)
                file.write(seal.digest() + _END)
                if lasting:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    return image.size


def read_sealed(path: Path) -> Sealed | None:
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
        about, found = json.loads(entries["about"]), read(sealed[:start], entries["arrays"])
    except (ClaimError, *FOREIGN):
        return None  # a right seal around something else
    if not isinstance(about, dict):
        return None
    return Sealed(about, {name: variable.values for name, variable in found.items()})


def _dims(array: np.ndarray) -> tuple[str, ...]:
    """Names of dimensions, by their place and length: arrays of one file share those of the same length."""
    return tuple(f"axis{place}_{length}" for place, length in enumerate(array.shape))


def _behind(told: str, image: Image) -> tuple[bytes, bytes]:
    """What stands behind the arrays: what `read` needs to have them back, and how long that is."""
    entries = json.dumps({"about": told, "arrays": image.arrays}, ensure_ascii=False).encode()
    return entries, len(entries).to_bytes(_LENGTH, "big")
