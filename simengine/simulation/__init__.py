"""From a plan to a Dataset: draws the assumptions, runs the kernel in blocks, collects the results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from operator import index
from typing import TYPE_CHECKING, Any, Literal

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import Array, draw, latent
from simengine.assumptions.laws import Distribution
from simengine.baseline import CASES, baseline, spreadsheet_values
from simengine.errors import SimengineError
from simengine.kernel.run import STREAM_VERSION, folder, in_order, is_compiled, ready, run_block
from simengine.kernel.tables import CellOut, GroupOut, PoolOut, Results, SegmentOut
from simengine.plan.schema import Plan
from simengine.results.dataset import Block, Collector
from simengine.simulation.pack import Packed, pack
from simengine.timeline import Timeline, mean_level_sd, shock_columns, shock_levels

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["folder", "is_compiled", "ready", "simulate"]

Progress = Callable[[int, int], None]
Span = tuple[int, int]

MOST_TWINS = 2048
OTHER_LUCK = 1
"""Stream of the twin paths."""
_AHEAD = 4
"""Blocks under way at once: two for each of two workers, so that none waits for the collector."""


@dataclass(frozen=True)
class Run:
    """What every block of a run needs, and nothing else: it travels to other processes."""

    plan: Plan
    packed: Packed
    beliefs: Mapping[str, Distribution]
    dependence: Dependence
    seed: int

    def block(self, span: Span) -> Block:
        """Simulate the draws from `start` to `stop`."""
        start, stop = span
        draws = draw(self.beliefs, self.dependence, self.seed, start, stop)
        values = {name: draws.values[:, i] for i, name in enumerate(draws.names)}
        z = {name: draws.z[:, i] for i, name in enumerate(draws.names)}
        shocks = {name: self._levels(name, start, stop) for name in self.plan.shocks}
        slots, varying = self.packed.slots.fill(Timeline(self.plan, values, shocks), stop - start)
        results = run_block(self.packed.tables, slots, varying, start)
        for name, levels in shocks.items():
            values[name] = levels.mean(axis=1)
            z[name] = values[name] / mean_level_sd(self.plan.shocks[name].persistence, self.plan.plan.months)
        return Block(start=start, **named(results), values=values, z=z, shocks=shocks)

    def _levels(self, shock: str, start: int, stop: int) -> Array:
        """Levels of a shock in every month, (draw, month)."""
        innovations = latent(shock_columns(self.plan, shock), Dependence(), self.seed, start, stop)
        return shock_levels(self.plan.shocks[shock].persistence, innovations)


def named(results: Results) -> dict[str, Any]:
    """The kernel's results by the names of their outputs: `segment`, `group`, `cell`, `pool`, `reached` of a Block."""
    return {
        "segment": {output.name.lower(): results.segment[:, output] for output in SegmentOut},
        "group": {output.name.lower(): results.group[:, output] for output in GroupOut},
        "cell": {output.name.lower(): results.cell[:, output] for output in CellOut},
        "pool": {output.name.lower(): results.pool[:, output] for output in PoolOut},
        "reached": results.reached,
    }


def simulate(
    plan: Plan,
    *,
    draws: int = 16_384,
    seed: int = 7,
    twins: int | None = None,
    detail: Literal["headline", "segment"] = "headline",
    executor: Executor | None = None,
    block: int = 256,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate a plan.

    Parameters
    ----------
    plan : a checked plan
    draws : number of paths
    seed : of all chance; the same plan, seed and draws give the same bits on one platform
    twins : paths run again with other random variation, to tell it from the assumptions; at most 2,048 by default
    detail : "segment" keeps every output by path and segment, "headline" keeps totals by path and means by segment
    executor : runs the blocks; by default one thread for each processor, for the kernel holds no lock
    block : paths in a block; changes no bit of the result
    progress : called with (paths done, paths in all)

    Returns
    -------
    A Dataset as described in docs/outputs.md.

    Raises
    ------
    SimengineError
        if `draws`, `twins`, `block` or `seed` is out of range, or more is drawn than can be simulated.
    """
    draws = _whole("draws", draws, 1, 2**32 - 1)
    seed = _whole("seed", seed, 0, 2**64 - 1)
    block = _whole("block", block, 1, 2**32 - 1)
    twins = min(draws, MOST_TWINS) if twins is None else _whole("twins", twins, 0, draws)
    if detail not in ("headline", "segment"):
        raise SimengineError(f"detail is {detail!r}; choose 'headline' or 'segment'")
    cases = {case: baseline(plan, spreadsheet_values(plan, case)) for case in CASES}
    packed, twin = (pack(plan, seed, stream, cases["operating plan"]) for stream in (0, OTHER_LUCK))
    dependence, beliefs = plan.dependence.copula(), plan.widened()
    collector = Collector(plan, draws, twins, detail)
    passes = (
        (Run(plan, packed, beliefs, dependence, seed), draws, collector.add),
        (Run(plan, twin, beliefs, dependence, seed), twins, collector.add_twin),
        (Run(plan, packed, plan.widened(policy=False), dependence, seed), _unwidened(draws), collector.add_unwidened),
    )
    done, total = 0, sum(count for _, count, _ in passes)
    with _workers(executor) as workers:
        for run, count, collect in passes:
            for result in in_order(workers, run.block, _spans(count, block), _AHEAD):
                collect(result)
                done += len(result.reached)
                if progress is not None:
                    progress(done, total)
    for case, worked_out in cases.items():
        collector.add_baseline(case, worked_out)
    return collector.finish(
        {
            "seed": str(seed),
            "stream_version": STREAM_VERSION,
            "engine_version": version("simengine"),
            "digest_simulated": plan.digest_simulated,
            "digest_document": plan.digest_document,
        }
    )


def _whole(name: str, value: int, low: int, high: int) -> int:
    """The value as a whole number, if it is one from `low` to `high`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not low <= value <= high:
        raise SimengineError(f"{name} is {value!r}; choose a whole number from {low} to {high}")
    return index(value)


def _unwidened(draws: int) -> int:
    """Paths spent on P(hit) without the source policy: a quarter of the run, for it is shown beside and not ranked."""
    return max(1, draws // 4)


def _spans(draws: int, block: int) -> Iterator[Span]:
    return ((start, min(start + block, draws)) for start in range(0, draws, block))


@contextmanager
def _workers(executor: Executor | None) -> Iterator[Executor]:
    """The caller's executor, or threads for the time of one run, one for each processor that we may use."""
    if executor is not None:
        yield executor
        return
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = ThreadPoolExecutor(processors)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)  # after Ctrl-C only the blocks under way are waited for
