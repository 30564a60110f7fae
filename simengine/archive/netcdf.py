"""A dataset as a netCDF file: the classic format with 64-bit offsets, which every reader of netCDF knows.

One header, and then every array as it is, so that writing takes as long as the disk takes. HDF5, on which netCDF 4
rests, spends a second on three hundred variables, and ends the process when the disk is full.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.limits import VARIABLE_BYTES

_MAGIC = b"CDF\x02"
_NOTHING, _DIMENSIONS, _VARIABLES, _ATTRIBUTES = bytes(8), 10, 11, 12
_CODES = {"i1": 1, "S1": 2, "i4": 4, "f8": 6}
_AT_ONCE = 2**20
"""Numbers turned around at once: they still are in the cache when they are written."""
_INT32 = np.iinfo(np.int32)


class Stored(NamedTuple):
    """An array as it stands in the file: big-endian, texts as rows of characters."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    kind: str
    attrs: Mapping[str, Any]
    values: np.ndarray

    @property
    def size(self) -> int:
        """Bytes, without padding."""
        return int(self.kind[1:]) * math.prod(self.shape)


class Image:
    """A dataset as a file: its size, its pieces one after the other, and what `read` needs to have it back exactly.

    Raises SimengineError where a variable is larger than the format allows.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        stored = [_stored(str(name), variable) for name, variable in ds.variables.items() if variable.size]
        for array in stored:
            if array.size > VARIABLE_BYTES.most:
                raise SimengineError(
                    f"{array.name} has {array.size / 1e9:.1f} GB, and a run is kept with 4 GB a variable at most; "
                    "simulate fewer draws, or with another --detail"
                )
        coordinates = " ".join(str(name) for name in ds.coords if name not in ds.dims and " " not in str(name))
        attrs = {**ds.attrs, "coordinates": coordinates}
        sizes = [array.size + -array.size % 4 for array in stored]
        # Places have the same width whatever they are, so that a header of zeros is as long as the header.
        start = len(_header(stored, attrs, [0] * len(stored)))
        places = list(accumulate(sizes, initial=start))
        self._header, self._arrays = _header(stored, attrs, places[:-1]), stored
        self.size = places[-1]
        place_of = dict(zip((array.name for array in stored), places, strict=False))
        self.arrays = {str(name): _entry(v, place_of.get(str(name), 0)) for name, v in ds.variables.items()}
        """By name what `read` needs: dimensions, shape, type, attributes, and where in the file it begins."""

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The file from its first byte to its last."""
        yield self._header
        for array in self._arrays:
            flat = np.ascontiguousarray(array.values).reshape(-1)
            for first in range(0, len(flat), _AT_ONCE):
                yield flat[first : first + _AT_ONCE].astype(f">{array.kind}").view(np.uint8).data
            yield bytes(-array.size % 4)


class ClaimError(Exception):
    """An array is claimed to be what the file cannot hold."""


def read(content: bytes, arrays: Mapping[str, Mapping[str, Any]]) -> dict[str, xr.Variable]:
    """The variables of a file, from its bytes and `Image.arrays`.

    Raises ClaimError where they are claimed to have more than the file holds: of numbers before any room is taken.
    """
    try:
        for name, entry in arrays.items():
            _check_claim(name, entry, len(content))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise ClaimError("it describes arrays in a way that no run does") from None
    return {name: xr.Variable(entry["dims"], _values(content, entry), entry["attrs"]) for name, entry in arrays.items()}


def _check_claim(name: str, entry: Mapping[str, Any], size: int) -> None:
    dtype, shape, begin = _type(entry["dtype"]), entry["shape"], entry.get("begin", 0)
    if dtype.kind not in "biufU" or any(length < 0 for length in shape) or begin < 0:
        raise ClaimError(f"it claims that {name} is what no run holds")
    texts = dtype.kind == "U"
    width = int(entry["bytes"]) if texts else _type(entry["stored"]).itemsize
    # A character has one byte at least, and takes four in memory; what is empty still has its other lengths.
    needed = max(width * math.prod(shape), dtype.itemsize // 4 if texts else 0)
    if (0 not in shape and begin + needed > size) or max(shape, default=0) > max(size, _INT32.max):
        raise ClaimError(f"it claims {math.prod(shape):,} numbers of {name}, which the file has no room for")


def _values(content: bytes, entry: Mapping[str, Any]) -> np.ndarray:
    dtype, shape = _type(entry["dtype"]), entry["shape"]
    if 0 in shape:
        return np.empty(shape, dtype)
    form = f"S{entry['bytes']}" if dtype.kind == "U" else f">{entry['stored']}"
    found = np.frombuffer(content, _type(form), math.prod(shape), entry["begin"]).reshape(shape)
    if dtype.kind != "U":
        return found.astype(dtype)
    try:
        return np.char.decode(found, "utf-8").astype(dtype)
    except MemoryError:  # names are short: no run needs the room
        raise ClaimError(f"it claims texts of {dtype.itemsize // 4:,} characters, which no run holds") from None


def _type(name: str) -> np.dtype[Any]:
    """The type of that name; NumPy would read a whole record, or a program, where we write one letter."""
    if not re.fullmatch(r"[<>|]?[a-zA-Z][0-9]{0,9}", name):
        raise ValueError(f"{name!r} is not the type of an array of ours")
    return np.dtype(name)


def _entry(variable: xr.Variable, begin: int) -> dict[str, Any]:
    texts = variable.dtype.kind in "OU"
    values = variable.values.astype(np.str_) if texts else variable.values
    entry = {
        "dims": list(map(str, variable.dims)),
        "shape": list(values.shape),
        "dtype": values.dtype.str,
        "begin": begin,
        "attrs": {name: plain(value) for name, value in variable.attrs.items()},
    }
    return entry | ({"bytes": _characters(values).dtype.itemsize} if texts else {"stored": _kind(values)})


def _stored(name: str, variable: xr.Variable) -> Stored:
    values, attrs = np.asarray(variable.values), {key: plain(value) for key, value in variable.attrs.items()}
    dims = tuple(map(str, variable.dims))
    if values.dtype.kind in "OU":
        texts = _characters(values.astype(np.str_))
        length = texts.dtype.itemsize
        rows = texts.view("S1").reshape(*values.shape, length)
        return Stored(name, (*dims, f"string{length}"), rows.shape, "S1", attrs | {"_Encoding": "utf-8"}, rows)
    if values.dtype.kind == "b":
        attrs = attrs | {"dtype": "bool"}  # how xarray writes it
    return Stored(name, dims, values.shape, _kind(values), attrs, values)


def _kind(values: np.ndarray) -> str:
    """How numbers are stored: whole ones that need more than 32 bits as floating point."""
    if values.dtype.kind == "b":
        return "i1"
    small = values.dtype.kind in "iu" and (not values.size or _INT32.min <= values.min() <= values.max() <= _INT32.max)
    return "i4" if small else "f8"


def _characters(texts: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.char.encode(texts, "utf-8")) if texts.size else np.empty(texts.shape, "S1")


def _header(stored: Sequence[Stored], attrs: Mapping[str, Any], places: Sequence[int]) -> bytes:
    lengths = {dim: length for array in stored for dim, length in zip(array.dims, array.shape, strict=True)}
    ids = {dim: place for place, dim in enumerate(lengths)}
    dimensions = [_text(dim) + struct.pack(">i", length) for dim, length in lengths.items()]
    variables = [
        _text(array.name)
        + struct.pack(f">{1 + len(array.dims)}i", len(array.dims), *(ids[dim] for dim in array.dims))
        + _attributes(array.attrs)
        + struct.pack(">iIq", _CODES[array.kind], array.size + -array.size % 4, place)
        for array, place in zip(stored, places, strict=True)
    ]
    return b"".join(
        (_MAGIC, bytes(4), _list(_DIMENSIONS, dimensions), _attributes(attrs), _list(_VARIABLES, variables))
    )


def _list(tag: int, entries: Sequence[bytes]) -> bytes:
    return struct.pack(">ii", tag, len(entries)) + b"".join(entries) if entries else _NOTHING


def _attributes(attrs: Mapping[str, Any]) -> bytes:
    return _list(_ATTRIBUTES, [_text(name) + _attribute(plain(value)) for name, value in attrs.items()])


def _attribute(value: Any) -> bytes:
    if isinstance(value, float):
        return struct.pack(">iid", _CODES["f8"], 1, value)
    if isinstance(value, int) and _INT32.min <= value <= _INT32.max:
        return struct.pack(">iii", _CODES["i4"], 1, value)
    return struct.pack(">i", _CODES["S1"]) + _text(str(value))


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack(">i", len(content)) + content + bytes(-len(content) % 4)


def plain(value: Any) -> Any:
    """A number or an array of NumPy as one of Python."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
