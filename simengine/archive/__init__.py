"""Runs on disk: one folder a run, committed by a rename, every file and every array checked on reading.

In the folder are `plan/`, the plan's files as they were read; `result.nc`, the dataset as netCDF; and `manifest.json`,
which says what made them and holds their digests.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xarray as xr

from simengine.archive.netcdf import Image, plain, read
from simengine.errors import MachineError, SimengineError
from simengine.plan import load
from simengine.plan.scalars import likely_file
from simengine.plan.schema import Plan
from simengine.results.dataset import digest

FORMAT = "simengine run"
FORMAT_VERSION = 2
MANIFEST, RESULT, PLAN = "manifest.json", "result.nc", "plan"
PARTIAL, REPLACED = ".partial-", ".replaced-"
"""How the folder of a run is called while it is written, and while it makes room; then its own name follows."""


@dataclass(frozen=True)
class Run:
    """A run read from disk: its dataset, and its manifest as a mapping."""

    dataset: xr.Dataset
    manifest: dict[str, Any]


def save(
    ds: xr.Dataset,
    plan: Plan,
    folder: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run to `folder`, whole or not at all.

    Everything is written and flushed to disk under another name beside it; the rename to `folder` makes it a run.

    Parameters
    ----------
    ds : the result of `simulate`
    plan : the plan that was simulated; its files are kept as they were read
    folder : where to; made, with the folders above it, if it is not there
    overwrite : whether a run at this place is replaced, with whatever else is in its folder; what is no run never is
    extra : more entries for the manifest, such as wall_seconds; text, numbers, and lists and mappings of them

    Raises
    ------
    SimengineError : if `folder` holds something that is in the way
    MachineError : if the disk is full, the folder may not be written to, or the disk fails
    """
    place = Path(folder).resolve()
    check_place(place, overwrite=overwrite)
    image = Image(ds)
    texts = {f"{PLAN}/{name}": text.encode() for name, text in plan.texts.items()}
    size = image.size + sum(map(len, texts.values()))
    with in_words(f"cannot write the run to {place}", size), _parents(place), ThreadPoolExecutor(1) as beside:
        partial = place.with_name(f"{PARTIAL}{uuid.uuid4().hex}")
        try:
            of_arrays = beside.submit(digest, ds)
            files = {name: _write(partial / name, (text,)) for name, text in texts.items()}
            files[RESULT] = _write(partial / RESULT, image.pieces())
            manifest = {**_manifest(ds, plan, extra or {}), "digest": of_arrays.result()}
            _write(partial / MANIFEST, (_rendered({**manifest, "files": files, "arrays": image.arrays}),))
            for path in (partial, *partial.rglob("*")):
                _sync_folder(path)
            _commit(partial, place, overwrite=overwrite)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return place


def check_place(folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise now what `save` to `folder` would raise later: to be asked before a long simulation.

    Parameters and errors are those of `save`; a disk that is full shows only when it is written to.
    """
    place = Path(folder).resolve()
    with in_words(f"cannot write the run to {place}"):
        if place.exists() and not (place.is_dir() and not any(place.iterdir())):
            if not is_run(place):
                raise SimengineError(
                    f"{place} is there and is not a run, so it stays as it is; choose another folder, or delete it"
                )
            if not overwrite:
                raise SimengineError(f"{place} holds a run already; choose another folder, or allow to overwrite it")
        with tempfile.TemporaryFile(dir=next(path for path in (*place.parents, place) if path.exists())):
            pass


def is_run(folder: str | os.PathLike[str]) -> bool:
    """Whether `folder` was written by `save`; it may be damaged."""
    place = Path(folder) / MANIFEST
    try:
        # A pipe of this name would be waited for.
        return place.is_file() and f'"format": "{FORMAT}"'.encode() in place.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read a run, after checking every file and every array against the manifest.

    Raises
    ------
    SimengineError : if `folder` is not a run, or one of a newer simengine
    MachineError : if a file is missing, damaged or cannot be read
    """
    place = Path(folder)
    with in_words(f"cannot read the run {place}"):
        manifest = _read_manifest(place)
        with _as_written(place):
            contents = {name: _checked(place, name, entry) for name, entry in manifest["files"].items()}
    with _as_written(place):
        ds = xr.Dataset(read(contents[RESULT], manifest["arrays"]), attrs=manifest["run"])
        ds = ds.set_coords(manifest["coordinates"])
        is_same = digest(ds) == manifest["digest"]
    if not is_same:
        raise _damaged(place, RESULT, "its arrays are not those that were stored")
    return Run(ds, manifest)


def manifest_of(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a run, which vouches for itself; nothing else is read.

    Raises SimengineError and MachineError as `load_run` does.
    """
    place = Path(folder)
    with in_words(f"cannot read the run {place}"):
        return _read_manifest(place)


def load_plan(folder: str | os.PathLike[str]) -> Plan:
    """The plan of a run, from the files that are kept with it and the values that were set beside them.

    Raises
    ------
    SimengineError : if `folder` is not a run, or its plan is not one of this simengine
    MachineError : if a file is missing, damaged or cannot be read
    """
    place = Path(folder)
    with in_words(f"cannot read the run {place}"):
        manifest = _read_manifest(place)
        with _as_written(place):
            for name, entry in manifest["files"].items():
                if name != RESULT:
                    _checked(place, name, entry)
    with _as_written(place):
        name, overrides = manifest["plan"]["file"], manifest["plan"]["overrides"]
        manifest["files"][f"{PLAN}/{name}"]  # what was not checked is not read
        return load(place / PLAN / name, overrides)


# ---- manifest ----


def _manifest(ds: xr.Dataset, plan: Plan, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": {"file": next(iter(plan.texts)), "overrides": list(plan.origin.overrides)},
        "run": {str(name): plain(value) for name, value in ds.attrs.items()},
        "environment": environment(),
        **extra,
        "coordinates": sorted(str(name) for name in ds.coords if name not in ds.dims),
    }


def environment() -> dict[str, str]:
    """Versions and platform that a result may depend on."""
    return {
        **{name: version(name) for name in ("simengine", "numpy", "numba", "scipy", "xarray")},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _rendered(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as text, sealed with its own digest as the last entry."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps({**manifest, "sha256": seal}, indent=1, ensure_ascii=False) + "\n").encode()


def _read_manifest(place: Path) -> dict[str, Any]:
    try:
        content = (place / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if (place / RESULT).exists():
            raise _damaged(place, MANIFEST, "it is missing") from None
        what = "is not a run: it has no manifest.json" if place.exists() else "is not there"
        close = "" if place.exists() else likely_file(place)
        raise SimengineError(f"{place} {what}; {close or 'name a folder that simengine run -o has written'}") from None
    try:
        manifest = json.loads(content)
        unsealed = {name: value for name, value in manifest.items() if name != "sha256"}
        intact = content == _rendered(unsealed) and manifest["format"] == FORMAT
    except (ValueError, AttributeError, KeyError, RecursionError):
        intact = False
    if not intact:
        raise _damaged(place, MANIFEST, "it is not as simengine wrote it")
    with _as_written(place):
        if manifest["format_version"] > FORMAT_VERSION:
            writer = manifest["environment"]["simengine"]
            raise SimengineError(f"{place} was written by a newer simengine, {writer}; upgrade simengine to read it")
        if manifest["format_version"] < FORMAT_VERSION:
            raise SimengineError(f"{place} was written by an older simengine, in another format; run its plan again")
    return unsealed


@contextmanager
def _as_written(place: Path) -> Iterator[None]:
    """Say that a manifest is damaged which carries a right seal, and is no manifest of ours all the same."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise _damaged(place, MANIFEST, "it is not as simengine wrote it") from error


def _checked(place: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    if not (place / name).resolve().is_relative_to(place.resolve()):
        raise _damaged(place, MANIFEST, f"it names {name}, which is not in the folder")
    try:
        content = (place / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _damaged(place, name, "it is missing") from None
    if len(content) != entry["size"]:
        raise _damaged(place, name, f"it has {len(content):,} bytes in place of {entry['size']:,}")
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise _damaged(place, name, "its digest is not the one in the manifest")
    return content


def _damaged(place: Path, name: str, how: str) -> MachineError:
    return MachineError(
        f"{place / name} is damaged: {how}; restore the folder from a backup, or delete it and run the plan again"
    )


# ---- disk ----


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """Write a file to disk; its digest and size, as the manifest has them."""
    seal, size = hashlib.sha256(), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            seal.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return {"sha256": seal.hexdigest(), "size": size}


def _sync_folder(path: Path) -> None:
    if path.is_dir() and os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _commit(partial: Path, place: Path, *, overwrite: bool) -> None:
    """Give the finished folder its name; what was there before is back if anything fails."""
    old = place.with_name(f"{REPLACED}{uuid.uuid4().hex[:8]}.{place.name}")
    try:
        if overwrite and place.exists():
            place.rename(old)
        partial.rename(place)
        _sync_folder(place.parent)
    except BaseException:
        if not partial.exists() and place.exists():
            place.rename(partial)
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _parents(place: Path) -> Iterator[None]:
    """Make the folders above `place`; take those away again if what follows fails."""
    missing = [path for path in place.parents if not path.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


_REMEDIES = {
    errno.ENOSPC: "free some space there, or choose another folder",
    errno.EDQUOT: "free some of your space there, or choose another folder",
    errno.EACCES: "choose a folder that you may write to, or ask for the permission",
    errno.EPERM: "choose a folder that you may write to, or ask for the permission",
    errno.EEXIST: "choose another folder",
    errno.ENOTDIR: "choose another folder",
    errno.EROFS: "choose a folder on a disk that can be written to",
}


@contextmanager
def in_words(what: str, size: int = 0) -> Iterator[None]:
    """Turn what the system reports into a MachineError that says what to do; `size` bytes are to be written."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        needed = f" ({size / 1e6:,.1f} MB are needed)" if full and size else ""
        remedy = _REMEDIES.get(error.errno or 0, "check the disk, or choose another folder")
        raise MachineError(f"{what}: {reason}{needed}; {remedy}") from error
