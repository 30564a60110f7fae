"""Blocks of paths: compiled once, kept in a private cache, run in any executor, handed back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types

from simengine.kernel import path, random
from simengine.kernel.cache import folder_of, is_kept, load_or_compile
from simengine.kernel.selftest import digest, published_words, smallest_plan
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


_ONE_AT_A_TIME = Lock()


def is_compiled() -> bool:
    """Whether a run can start at once, without compiling first."""
    if numba.config.DISABLE_JIT:
        return True
    return is_kept(random.philox.py_func) and is_kept(path.simulate_paths.py_func)


def folder() -> Path:
    """Where the compiled kernel is kept."""
    return folder_of(getattr(path.simulate_paths, "py_func", path.simulate_paths))


def ready() -> Any:
    """The kernel, loaded or compiled once a process: a run's threads all ask for it at the same time."""
    with _ONE_AT_A_TIME:
        return path.simulate_paths if numba.config.DISABLE_JIT else _compiled()


@cache
def _compiled() -> Any:
    load_or_compile(random.philox.py_func, (types.uint64,) * 6, published_words)
    return load_or_compile(path.simulate_paths.py_func, _signature(), _answer)


def _answer(kernel: Any) -> str:
    return digest(_run(kernel, *smallest_plan(), 0))


def _signature() -> Any:
    ints, floats = types.int64, types.float64
    tables = types.NamedTuple([_COLUMNS.get(name, ints[:, ::1]) for name in Tables._fields], Tables)
    results = types.NamedUniTuple(types.Array(floats, 4, "C"), len(Results._fields), Results)
    return types.void(tables, floats[:, ::1], floats[:, :, ::1], ints, results)


def run_block(tables: Tables, slots: Any, varying: Any, first_draw: int) -> Results:
    """Simulate one path for each row of `slots` (path, slot); row i is draw `first_draw + i`.

    `varying` (path, month, n) holds what changes from month to month; the slots it stands for, `tables.varying`, are
    overwritten. Returns arrays (path, month, entity, output) and, for `reached`, (path, month, cell, stage).
    """
    return _run(ready(), tables, slots, varying, first_draw)


def _run(kernel: Any, tables: Tables, slots: Any, varying: Any, first_draw: int) -> Results:
    paths, months = slots.shape[0], int(tables.calendar[Calendar.MONTHS])
    n_segments, n_groups, n_cells = tables.segments.shape[0], tables.groups.shape[0], tables.cells.shape[0]
    results = Results(
        segment=np.zeros((paths, len(SegmentOut), months, n_segments)),
        group=np.zeros((paths, len(GroupOut), months, n_groups)),
        cell=np.zeros((paths, len(CellOut), months, n_cells)),
        pool=np.zeros((paths, len(PoolOut), months, tables.pools.shape[0])),
        reached=np.zeros((paths, months, n_cells, tables.rates.shape[1] + 1)),
    )
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
