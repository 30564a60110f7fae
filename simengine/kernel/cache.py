"""Compiled functions, kept from one process to the next, and trusted only after tests.

numba keeps machine code as pickled files and reads them back unchecked: a damaged file ends the process or changes its
numbers, and whoever can write one runs code of theirs. So each function has a folder of its own, which nobody else can
write, named after all that its machine code depends on. numba may read it only where a manifest of digests holds, and
what came from there must give the answer that it gave when it was compiled.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba import config, njit

from simengine.kernel.parts import Whole

if sys.platform != "win32":
    import fcntl

SelfTest = Callable[[Any], str]
"""Calls a compiled function; returns what it answers, and raises RuntimeError where that is known to be wrong."""

_log = logging.getLogger("simengine")

_SETTINGS = (
    "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "DISABLE_INTEL_SVML", "CPU_NAME", "CPU_FEATURES",
    "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "EXTEND_VARIABLE_LIFETIMES", "LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS",
)  # fmt: skip
"""Of numba's settings those that change machine code; its own key has only the processor's."""

_MANIFEST, _LOCK = "manifest.json", "lock"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_PATIENCE_S, _PAUSE_S = 300.0, 0.1


class _NotKeptError(Exception):
    """There is no place that can be trusted with machine code."""


def load_or_compile(function: Callable[..., Any], signature: Any, self_test: SelfTest) -> Any:
    """The function, compiled: from its folder, or now and into it, or for this process only where there is none.

    Parameters
    ----------
    function : plain Python; all that it calls stands in files beside its own
    signature : numba's, the only one that the function will have
    self_test : its answer is kept when the function is compiled, and must come again when it is loaded

    Raises
    ------
    RuntimeError
        by the self-test, if what was compiled gives a wrong answer.
    """
    try:
        place = _private(folder_of(function))
        with _locked(place, shared=True):
            loaded = _load(place, function, signature, self_test)
        if loaded is not None:
            return loaded
        with _locked(place, shared=False):
            # another process may have compiled it while this one waited
            loaded = _load(place, function, signature, self_test)
            return _compile_into(place, function, signature, self_test) if loaded is None else loaded
    except (_NotKeptError, OSError) as error:
        _say_once(_in_words(error))
    with _uncollected():
        compiled = _with_room(njit(signature, nogil=True, pipeline_class=Whole), function)
    self_test(compiled)
    return compiled


def is_kept(function: Callable[..., Any]) -> bool:
    """Whether the function's folder can be trusted and has the function."""
    try:
        place = folder_of(function)
        return _is_private(place.parent) and _is_private(place) and _answer(place) is not None
    except (_NotKeptError, OSError):
        return False


def folder_of(function: Callable[..., Any]) -> Path:
    """Where a compiled function is kept: one folder for each version of sources, libraries and processor."""
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        if not home.is_absolute():
            home = Path.home() / ".cache"
        return home / "simengine" / f"{function.__name__}-{_digest(function)[:16]}"
    except RuntimeError as error:
        raise _NotKeptError("you have no home folder") from error


def _digest(function: Callable[..., Any]) -> str:
    """Digest of all that machine code depends on. numba's own key sees only the file of the function itself."""
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
    processor = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    settings = (f"{name}={getattr(config, name)}" for name in _SETTINGS)
    sources = Path(inspect.getfile(function)).resolve().parent
    # of the same sources in two places numba keeps two files, and to each checkout the other's is a stranger
    known = (*versions, *processor, *settings, function.__qualname__, str(sources))
    found = hashlib.sha256("\n".join(known).encode())
    for source in sorted(sources.glob("*.py")):
        found.update(source.read_bytes())
    return found.hexdigest()


def _private(place: Path) -> Path:
    """The folder, made where it is missing; raises _NotKeptError if it, or the one above, is open to others."""
    for folder in (place.parent, place):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(folder):
            raise _NotKeptError(f"{folder} is not yours, or others can write it")
    return place


def _is_private(folder: Path) -> bool:
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and _is_ours(about) and not about.st_mode & _WRITABLE_BY_OTHERS


def _is_ours(about: os.stat_result) -> bool:
    return sys.platform == "win32" or about.st_uid == os.geteuid()


@contextmanager
def _locked(place: Path, *, shared: bool) -> Iterator[None]:
    """Hold the folder's lock: many may read at once, one alone may write. The system frees it when a process ends."""
    if sys.platform == "win32":
        yield
        return
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with (place / _LOCK).open("a") as file:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _NotKeptError(f"another process has held {file.name} for too long") from None
                time.sleep(_PAUSE_S)
        yield


def _load(place: Path, function: Callable[..., Any], signature: Any, self_test: SelfTest) -> Any:
    """The function from its folder; None where it is missing, damaged, or gives another answer than it gave once."""
    answer = _answer(place)
    if answer is None:
        return None
    try:
        loaded = _dispatcher(place, function)
        loaded.compile(signature)
        loaded.disable_compile()
        return loaded if self_test(loaded) == answer else None
    except (_NotKeptError, OSError):
        raise
    except Exception:  # whatever a file brings about that is not what it should be; compiling again says what is wrong
        return None


def _compile_into(place: Path, function: Callable[..., Any], signature: Any, self_test: SelfTest) -> Any:
    """Compile the function and keep it, in place of what is there. Where keeping fails, it is compiled all the same."""
    _clear(place)
    compiled = _dispatcher(place, function)
    try:
        with _uncollected():
            _with_room(compiled.compile, signature)
        _write_manifest(place, self_test(compiled))
    except OSError as error:
        # numba writes when it has compiled
        if not compiled.signatures:
            raise
        _say_once(_in_words(error))
        self_test(compiled)
    compiled.disable_compile()
    return compiled


def _with_room(act: Callable[..., Any], *arguments: Any) -> Any:
    """Act where Python's stack of calls has room for all that numba calls.

    The stack is made of pieces of 16 KiB, each had from the system when a call does not fit and given back when that
    call returns: a loop at such an edge does so at every turn (github.com/python/cpython/issues/142183). This call asks
    for a megabyte, and the piece that it gets has as much left for those that follow.
    """
    return act(*arguments)


# In pointers: what Python sets aside for the values that a function is at work on.
_with_room.__code__ = _with_room.__code__.replace(co_stacksize=1 << 17)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without searches for garbage: numba makes millions of objects, and Python looks through them again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _dispatcher(place: Path, function: Callable[..., Any]) -> Any:
    """The function for numba to load from the folder or to compile into it; numba notes the folder at once."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(place)
    try:
        dispatcher = njit(nogil=True, cache=True, pipeline_class=Whole)(function)
    except RuntimeError as error:
        raise _NotKeptError(f"numba cannot write {place}") from error
    finally:
        config.CACHE_DIR = before
    # numba goes elsewhere where it cannot write, or is told to; what it finds there nobody has checked
    if place not in Path(dispatcher.stats.cache_path).parents:
        raise _NotKeptError(f"numba cannot write {place}")
    return dispatcher


def _answer(place: Path) -> str | None:
    """The answer of the self-test, by a manifest that holds for every file that numba would read; None without."""
    try:
        manifest = json.loads(_content(place / _MANIFEST))
        files = _digests(place)
        return str(manifest["answer"]) if files and files == manifest["files"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write_manifest(place: Path, answer: str) -> None:
    new = place / f"{_MANIFEST}.new"
    new.write_text(json.dumps({"answer": answer, "files": _digests(place)}))
    new.replace(place / _MANIFEST)


def _digests(place: Path) -> dict[str, str]:
    """sha256 of each of numba's files by its path; raises OSError for what is no file of ours."""
    return {
        file.relative_to(place).as_posix(): hashlib.sha256(_content(file)).hexdigest()
        for file in sorted(place.rglob("*.nb[ic]"))
    }


def _content(file: Path) -> bytes:
    """What a file holds; raises OSError for what is no file of ours."""
    about = file.lstat()
    if not stat.S_ISREG(about.st_mode) or not _is_ours(about):
        raise PermissionError(f"{file} is not a file of yours")
    return file.read_bytes()


def _clear(place: Path) -> None:
    """Delete the manifest, then numba's files, also those of a process that ended while it wrote."""
    for file in (place / _MANIFEST, *place.rglob("*.nb[ic]*")):
        file.unlink(missing_ok=True)


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@cache
def _say_once(reason: str) -> None:
    _log.warning(
        "The compiled simulation is not kept, so every run compiles anew: %s. "
        "Set XDG_CACHE_HOME to a folder of your own.",
        reason,
    )
