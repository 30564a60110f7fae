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
from numba import typeof, types

from simengine.kernel import path, random
from simengine.kernel.cache import folder_of, is_kept, load_or_compile
from simengine.kernel.records import outputs
from simengine.kernel.selftest import digest, published_words, smallest_plan
from simengine.kernel.tables import Calendar, CellOut, GroupOut, PoolOut, Results, SegmentOut, Tables
from simengine.kernel.world import as_attributes, build, rooms_of

STREAM_VERSION = 3
"""Raised whenever the same plan and seed would give other bits on purpose."""

_MOST_ROOM = 2**28
"""Entries of the longest list of a path: tens of gigabytes in all."""
_RECORDS = {"segment": SegmentOut, "group": GroupOut, "cell": CellOut, "pool": PoolOut}

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
    tables, slots, varying = smallest_plan()
    return digest(Simulator(tables, kernel).block(slots, varying, np.arange(len(slots))))


def _signature() -> Any:
    tables, slots, varying = smallest_plan()
    world, results = build(tables, rooms_of(tables)), _as_records(results_of(tables, len(slots)))
    return types.int64(*map(typeof, (world, slots, varying, np.arange(len(slots)), results)))


def results_of(tables: Tables, paths: int) -> Results:
    """Results of so many paths, all zero."""
    months, n_cells = int(tables.calendar[Calendar.MONTHS]), len(tables.cells)
    return Results(
        segment=np.zeros((paths, months, len(tables.segments), len(SegmentOut))),
        group=np.zeros((paths, months, len(tables.groups), len(GroupOut))),
        cell=np.zeros((paths, months, n_cells, len(CellOut))),
        pool=np.zeros((paths, months, len(tables.pools), len(PoolOut))),
        reached=np.zeros((paths, months, n_cells, tables.rates.shape[1] + 1)),
    )


def _as_records(results: Results) -> Results:
    """The same memory, with the outputs of an entity in a month as one record."""
    return results._replace(
        **{name: getattr(results, name).view(outputs(table))[..., 0] for name, table in _RECORDS.items()}
    )


class Simulator:
    """Simulates paths of one plan, in memory of its own: one for each thread."""

    def __init__(self, tables: Tables, kernel: Any = None) -> None:
        self._tables, self._kernel = tables, kernel or ready()
        self._rooms = rooms_of(tables)
        self._world = build(tables, self._rooms)
        self._results = results_of(tables, 0)

    def block(self, slots: Any, varying: Any, draws: Any) -> Results:
        """One path for each row of `slots` (path, slot); row i has the random variation of draw `draws[i]`, (path,).

        `varying` (path, month, n) holds what changes from month to month. What is returned is overwritten by the next
        block. Raises MemoryError where a path needs more room than can be had.
        """
        draws = np.ascontiguousarray(draws, np.int64)
        results, done = self._cleared(len(slots)), 0
        while done < len(slots):
            rest = Results(*(part[done:] for part in results))
            done += self._simulate(slots[done:], varying[done:], draws[done:], rest)
            if done < len(slots):  # the next path needs more room
                self._make_room(draws[done])
                for part in results:
                    part[done] = 0.0
        return results

    def _make_room(self, draw: int) -> None:
        self._rooms = self._rooms.doubled()
        if max(self._rooms) > _MOST_ROOM:
            raise MemoryError(f"draw {draw} needs more room than can be had")
        self._world = build(self._tables, self._rooms)

    def _cleared(self, paths: int) -> Results:
        if len(self._results.reached) < paths:
            self._results = results_of(self._tables, paths)
        results = Results(*(part[:paths] for part in self._results))
        for part in results:
            part.fill(0.0)
        return results

    def _simulate(self, slots: Any, varying: Any, draws: Any, results: Results) -> int:
        world, records = self._world, _as_records(results)
        if numba.config.DISABLE_JIT:
            world, records = as_attributes(world), as_attributes(records)
        return int(self._kernel(world, slots, varying, draws, records))


def run_block(tables: Tables, slots: Any, varying: Any, draws: Any) -> Results:
    """The same for one block only."""
    return Simulator(tables).block(slots, varying, draws)


def in_order(executor: Executor, function: Callable[[_B], _R], blocks: Iterable[_B], ahead: int) -> Iterator[_R]:
    """Apply `function` to blocks in an executor; yields results in order, with at most `ahead` blocks under way."""
    waiting: deque[Future[_R]] = deque()
    for block in blocks:
        waiting.append(executor.submit(function, block))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
