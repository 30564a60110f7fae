"""Blocks of paths: compiled once, kept in a private cache, run in any executor, handed back in order."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import numba
import numpy as np
from numba import njit, types

from simengine.kernel import path
from simengine.kernel.tables import Calendar, CellOut, GroupOut, PoolOut, Results, SegmentOut, Tables

STREAM_VERSION = 2
"""Raised whenever the same plan and seed would give other bits on purpose."""

_COLUMNS = {
    "calendar": types.int64[::1],
    "keys": types.uint64[:, ::1],
    "season": types.float64[:, ::1],
    "planned": types.float64[::1],
    "term_shares": types.float64[::1],
    "pipeline_numbers": types.float64[:, ::1],
    "customer_numbers": types.float64[:, ::1],
}
"""What a table holds where it is not (entity, column) in whole numbers."""

_B = TypeVar("_B")
_R = TypeVar("_R")


def cache_folder() -> Path:
    """Where compiled kernels are kept: one folder for each version of the kernel's sources, numba and Python.

    numba itself notices only changes of the file that it compiles, not of those which that file calls. Raises
    RuntimeError where the user has no home.
    """
    digest = hashlib.sha256(f"{sys.version} {numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "simengine" / f"kernel-{digest.hexdigest()[:16]}"


def is_compiled() -> bool:
    """Whether a run can start at once, without compiling first."""
    try:
        return bool(numba.config.DISABLE_JIT) or any(cache_folder().glob("**/*.nbi"))
    except (OSError, RuntimeError):
        return False


@cache
def _compiled() -> Any:
    """The kernel with its one signature: from the cache, into the cache, or without one where there can be none."""
    ints, floats = types.int64, types.float64
    tables = types.NamedTuple([_COLUMNS.get(name, ints[:, ::1]) for name in Tables._fields], Tables)
    results = types.NamedUniTuple(types.Array(floats, 4, "C"), len(Results._fields), Results)
    signature = types.void(tables, floats[:, ::1], floats[:, :, ::1], ints, results)
    before = numba.config.CACHE_DIR
    try:
        folder = cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)
        return njit(signature, nogil=True, cache=True)(path.simulate_paths.py_func)
    except (OSError, RuntimeError):
        return njit(signature, nogil=True)(path.simulate_paths.py_func)
    finally:
        numba.config.CACHE_DIR = before


def run_block(tables: Tables, slots: Any, varying: Any, first_draw: int) -> Results:
    """Simulate one path for each row of `slots` (path, slot); row i is draw `first_draw + i`.

    `varying` (path, month, n) holds what changes from month to month; the slots it stands for, `tables.varying`, are
    overwritten. Returns arrays (path, month, entity, output) and, for `reached`, (path, month, cell, stage).
    """
    paths, months = slots.shape[0], int(tables.calendar[Calendar.MONTHS])
    n_segments, n_groups, n_cells = tables.segments.shape[0], tables.groups.shape[0], tables.cells.shape[0]
    results = Results(
        segment=np.zeros((paths, len(SegmentOut), months, n_segments)),
        group=np.zeros((paths, len(GroupOut), months, n_groups)),
        cell=np.zeros((paths, len(CellOut), months, n_cells)),
        pool=np.zeros((paths, len(PoolOut), months, tables.pools.shape[0])),
        reached=np.zeros((paths, months, n_cells, tables.rates.shape[1] + 1)),
    )
    kernel = path.simulate_paths if numba.config.DISABLE_JIT else _compiled()
    kernel(tables, slots, varying, first_draw, results)
    # Until the kernel itself lays outputs last.
    outputs_last = (np.ascontiguousarray(np.moveaxis(array, 1, 3)) for array in results[:-1])
    return results._replace(**dict(zip(Results._fields[:-1], outputs_last, strict=True)))


def in_order(executor: Executor, function: Callable[[_B], _R], blocks: Iterable[_B], ahead: int) -> Iterator[_R]:
    """Apply `function` to blocks in an executor; yields results in order, with at most `ahead` blocks under way."""
    waiting: deque[Future[_R]] = deque()
    for block in blocks:
        waiting.append(executor.submit(function, block))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
