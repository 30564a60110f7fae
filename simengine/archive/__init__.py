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
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial as given
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr

from simengine.archive.netcdf import ClaimError, Image, plain, read
from simengine.errors import FOREIGN, MachineError, SimengineError
from simengine.limits import JSON_BYTES, read_within
from simengine.plan import loads
from simengine.plan.scalars import likely_file
from simengine.plan.schema import Plan
from simengine.results.arithmetic import arithmetic
from simengine.results.dataset import digest

FORMAT = "simengine run"
FORMAT_VERSION = 2
MANIFEST, RESULT, PLAN = "manifest.json", "result.nc", "plan"
PARTIAL, REPLACED = ".partial-", ".replaced-"
"""How the folder of a run is called while it is written, and while it makes room; then its own name follows."""
_PATIENCE, _PAUSE_S = 100, 0.01
"""Times that a run is put aside for a newer one, or read again: other processes may be replacing it all the while."""

_T = TypeVar("_T")


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
        _settled(place, given(_check_free, overwrite=overwrite))
        with tempfile.TemporaryFile(dir=next(path for path in (*place.parents, place) if path.exists())):
            pass


def is_run(folder: str | os.PathLike[str]) -> bool:
    """Whether `folder` was written by `save`; it may be damaged."""
    place = Path(folder) / MANIFEST
    try:
        # A pipe of this name would be waited for.
        return place.is_file() and f'"format": "{FORMAT}"'.encode() in read_within(place, JSON_BYTES)
    except SimengineError:
        return False
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read a run, after checking every file and every array against the manifest.

    Where another process replaces the run meanwhile, it is the one before or the one after, whole.

    Raises
    ------
    SimengineError : if `folder` is not a run, or one of a newer simengine
    MachineError : if a file is missing, damaged or cannot be read
    """
    place = Path(folder)
    with in_words(f"cannot read the run {place}"):
        manifest, contents = _settled(place, _read_files)
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
        return _settled(place, _read_manifest)


def load_plan(folder: str | os.PathLike[str]) -> Plan:
    """The plan of a run, from the files that are kept with it and the values that were set beside them.

    Raises
    ------
    SimengineError : if `folder` is not a run, or its plan is not one of this simengine
    MachineError : if a file is missing, damaged or cannot be read
    """
    place = Path(folder)
    with in_words(f"cannot read the run {place}"):
        manifest, contents = _settled(place, given(_read_files, but=RESULT))
    with _as_written(place):
        texts = {name.removeprefix(f"{PLAN}/"): content.decode() for name, content in contents.items()}
        name, overrides = manifest["plan"]["file"], manifest["plan"]["overrides"]
        return loads(texts[name], name, files=texts, overrides=overrides)


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
    """Versions and platform that a result may depend on, and the fingerprint of the arithmetic that they give."""
    from llvmlite.binding import get_host_cpu_name

    return {
        **{name: version(name) for name in ("simengine", "numpy", "numba", "scipy", "xarray")},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": get_host_cpu_name(),
        "arithmetic": arithmetic(),
    }


def _rendered(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as text, sealed with its own digest as the last entry."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps({**manifest, "sha256": seal}, indent=1, ensure_ascii=False) + "\n").encode()


def _read_manifest(place: Path) -> dict[str, Any]:
    try:
        content = read_within(place / MANIFEST, JSON_BYTES)
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


def _read_files(place: Path, but: str = "") -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest, and the files that it vouches for, by name; without one of them."""
    manifest = _read_manifest(place)
    with _as_written(place):
        files = manifest["files"].items()
        return manifest, {name: _checked(place, name, entry) for name, entry in files if name != but}


@contextmanager
def _as_written(place: Path) -> Iterator[None]:
    """Say that a manifest is damaged which carries a right seal, and is no manifest of ours all the same."""
    try:
        yield
    except ClaimError as error:
        raise _damaged(place, MANIFEST, str(error)) from None
    except FOREIGN as error:
        raise _damaged(place, MANIFEST, "it is not as simengine wrote it") from error


def _checked(place: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    path = _inside(place, name)
    try:
        size = path.stat().st_size
        # Before it is read: another file than the one that was written may be of any size.
        content = path.read_bytes() if path.is_file() and size == entry["size"] else b""
    except (FileNotFoundError, NotADirectoryError):
        raise _damaged(place, name, "it is missing") from None
    if size != entry["size"]:
        raise _damaged(place, name, f"it has {size:,} bytes in place of {entry['size']:,}")
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise _damaged(place, name, "its digest is not the one in the manifest")
    return content


def _inside(place: Path, name: str) -> Path:
    """The place of a file of a run, which is in the run's folder, whatever the manifest calls it."""
    path = place / name
    try:
        is_inside = path.resolve().is_relative_to(place.resolve())
    except (OSError, ValueError, RuntimeError):
        is_inside = False
    if not is_inside:
        raise _damaged(place, MANIFEST, f"it names {name!r}, which is not in the folder")
    return path


def _damaged(place: Path, name: str, how: str) -> MachineError:
    return MachineError(
        f"{place / name} is damaged: {how}; restore the folder from a backup, or delete it and run the plan again"
    )


# ---- other processes ----


def _settled(place: Path, ask: Callable[[Path], _T]) -> _T:
    """What `ask` finds at a place; it asks again where another process was putting a newer run there meanwhile."""
    for _ in range(_PATIENCE):
        before = _stamp(place)
        try:
            return ask(place)
        except (OSError, SimengineError):
            if not _has_changed(place, before):
                raise
            time.sleep(_PAUSE_S)
    return ask(place)


def _stamp(place: Path) -> tuple[int, int] | None:
    """What tells the folder at a place from another one of the same name; None where there is none."""
    try:
        about = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return about.st_ino, about.st_ctime_ns


def _has_changed(place: Path, before: tuple[int, int] | None) -> bool:
    """Whether a place holds another folder than before, or is about to, for the one that was there was put aside."""
    if before is not None or _stamp(place) is not None:
        return _stamp(place) != before
    place = place.resolve()
    try:
        beside = [path.name for path in place.parent.iterdir()]
    except OSError:
        return False  # what is there cannot be told, and so there is nothing to wait for
    return any(name.startswith(REPLACED) and name.endswith(f".{place.name}") for name in beside)


def _check_free(place: Path, *, overwrite: bool) -> None:
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not is_run(place):
        raise SimengineError(
            f"{place} is there and is not a run, so it stays as it is; choose another folder, or delete it"
        )
    if not overwrite:
        raise SimengineError(f"{place} holds a run already; choose another folder, or allow to overwrite it")


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
    aside: list[Path] = []
    try:
        while not _renamed(partial, place, again=overwrite and len(aside) < _PATIENCE):
            # Noted before it is there: an interrupt in between would leave the run without its name.
            aside.append(place.with_name(f"{REPLACED}{uuid.uuid4().hex[:8]}.{place.name}"))
            # Another process that replaces the run may have put it aside.
            with suppress(FileNotFoundError):
                place.rename(aside[-1])
        _sync_folder(place.parent)
    except BaseException:
        if not partial.exists() and place.exists():
            place.rename(partial)
        _put_back(aside, place)
        raise
    for old in aside:
        shutil.rmtree(old, ignore_errors=True)


def _put_back(aside: Iterable[Path], place: Path) -> None:
    """Give the last run that was put aside its name again, unless another process has put a newer one there."""
    held = [old for old in aside if old.exists()]
    if held and not is_run(place):
        held.pop().rename(place)
    for old in held:
        shutil.rmtree(old, ignore_errors=True)


def _renamed(partial: Path, place: Path, *, again: bool) -> bool:
    """Whether the folder has its name; False where a run stands there, and `again` says that it may be put aside."""
    try:
        partial.rename(place)
    except OSError as error:
        if again and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


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
    errno.ENOTEMPTY: "choose another folder",
    errno.ENOTDIR: "choose another folder",
    errno.EROFS: "choose a folder on a disk that can be written to",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or choose another folder",
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
