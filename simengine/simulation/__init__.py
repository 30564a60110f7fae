"""From a plan to a Dataset: draws the assumptions, runs the kernel in blocks, collects the results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from operator import index
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import Array, draw, latent
from simengine.assumptions.laws import Distribution
from simengine.baseline import CASES, baseline, spreadsheet_values
from simengine.errors import SimengineError
from simengine.kernel.run import STREAM_VERSION, Simulator, folder, in_order, is_compiled, ready
from simengine.kernel.tables import CellOut, GroupOut, PoolOut, Results, SegmentOut
from simengine.limits import DRAWS, MEMORY, SEED
from simengine.plan.schema import Plan
from simengine.plan.values import entries
from simengine.results.dataset import Collector
from simengine.results.paths import Outputs
from simengine.results.reduction import Detail, Drawn, Pass, Reduced, Reduction, Whole
from simengine.simulation.blocks import Block, Keeper, in_turn, ranges
from simengine.simulation.memory import bytes_needed, check_memory
from simengine.simulation.pack import Packed, pack
from simengine.timeline import Timeline, mean_level_sd, shock_columns, shock_levels

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["STREAM_VERSION", "folder", "is_compiled", "ready", "simulate"]

NAMES = {
    kind: tuple(output.name.lower() for output in outputs)
    for kind, outputs in (("segment", SegmentOut), ("group", GroupOut), ("cell", CellOut), ("pool", PoolOut))
}
"""Names of the kernel's outputs, in their order."""

Progress = Callable[[int, int], None]
Job = tuple["Run", int, int]
Luck = NDArray[np.int64]

MOST_TWINS = 2048
MOST_KEPT = 16_384
"""Draws of a streamed run of which more is kept than their targets."""
OTHER_LUCK = 1
"""Stream of the twin paths."""
_CACHE = 2**21
"""Bytes of outputs that a processor's cache holds."""
_AHEAD = 4
"""Blocks under way at once, at least: two for each of two workers, so that none waits for the collector."""


@dataclass(frozen=True)
class Run:
    """What every block of a run needs, and nothing else: it travels to other processes."""

    plan: Plan
    packed: Packed
    beliefs: Mapping[str, Distribution]
    dependence: Dependence
    seed: int
    reduction: Reduction
    block: int

    def reduced(self, start: int, stop: int) -> Reduced:
        """Simulate the draws from `start` to `stop`, and keep what the reduction keeps of them.

        Raises SimengineError where a path needs more memory than can be had.
        """
        draws = draw(self.beliefs, self.dependence, self.seed, start, stop)
        values = {name: draws.values[:, i] for i, name in enumerate(draws.names)}
        z = {name: draws.z[:, i] for i, name in enumerate(draws.names)}
        shocks = {name: self.levels(name, start, stop) for name in self.plan.shocks}
        return self.paths(start, Drawn(values, z, shocks), np.arange(start, stop))

    def paths(
        self,
        start: int,
        drawn: Drawn,
        luck: Luck,
        simulator: Simulator | None = None,
        before_block: Callable[[], None] = lambda: None,
    ) -> Reduced:
        """The paths that start from what is drawn, each with the random variation of draw `luck`, (n,).

        `values` and `z` of shocks are worked out here. Whoever simulates the same tables often keeps a `simulator` of
        them; `before_block` is called before every block, and what it raises ends the work. Raises SimengineError where
        a path needs more memory than can be had.
        """
        values, z, shocks = dict(drawn.values), dict(drawn.z), drawn.shocks
        slots, varying = self.packed.slots.fill(Timeline(self.plan, values, shocks), len(luck))
        for name, levels in shocks.items():
            values[name] = levels.mean(axis=1)
            z[name] = values[name] / mean_level_sd(self.plan.shocks[name].persistence, self.plan.plan.months)
        span = self.reduction.begin(start, Drawn(values, z, shocks), len(luck))
        simulator = simulator or Simulator(self.packed.tables)
        for first in range(0, len(luck), self.block):
            before_block()
            rows = slice(first, first + self.block)
            try:
                span.take(named(simulator.block(slots[rows], varying[rows], luck[rows])))
            except MemoryError as error:
                raise SimengineError(
                    f"a path has more opportunities, customers or expansions than can be simulated ({error}); lower "
                    "the plan's volumes, hours or expansions, or cut their distributions off with truncated"
                ) from error
        return span.finish()

    def levels(self, shock: str, start: int, stop: int) -> Array:
        """Levels of a shock in every month of the draws from `start` to `stop`, (draw, month)."""
        innovations = latent(shock_columns(self.plan, shock), Dependence(), self.seed, start, stop)
        return shock_levels(self.plan.shocks[shock].persistence, innovations)


def named(results: Results) -> Whole:
    """The kernel's results by the names of their outputs."""
    outputs = {kind: Outputs(getattr(results, kind), names) for kind, names in NAMES.items()}
    return Whole(**outputs, reached=results.reached)


def simulate(
    plan: Plan,
    *,
    draws: int = 16_384,
    seed: int = 7,
    twins: int | None = None,
    detail: Detail = "headline",
    executor: Executor | None = None,
    block: int | None = None,
    memory: float = MEMORY.most,
    progress: Progress | None = None,
    keeper: Keeper | None = None,
) -> xr.Dataset:
    """Simulate a plan.

    Parameters
    ----------
    plan : a checked plan
    draws : number of paths
    seed : of all chance; the same plan, seed and draws give the same bits on one platform
    twins : paths run again with other random variation, to tell it from the assumptions; at most 2,048 by default
    detail : "segment" keeps every output by path and segment, "headline" keeps totals by path and means by segment,
        "stream" keeps the targets on every path, histograms by month, and all the rest on the first 16,384 draws
    executor : runs the blocks; by default one thread for each processor, for the kernel holds no lock
    block : paths simulated at once; by default as many as the processor's cache holds; changes no bit of the result
    memory : bytes that the run may need; what would need more is refused before anything is allocated
    progress : called with (paths done, paths in all)
    keeper : where blocks of paths are kept while the run is not done, and taken from where they are there already;
        `archive.blocks.Blocks` keeps them in a folder. It changes no bit of the result

    Returns
    -------
    A Dataset as described in docs/outputs.md.

    Raises
    ------
    SimengineError
        if `draws`, `twins`, `block` or `seed` is out of range, the run would need more than `memory`, or more is drawn
        than can be simulated.
    """
    draws = whole_number("draws", draws, 1, DRAWS.most)
    seed = whole_number("seed", seed, 0, SEED.most)
    block = None if block is None else whole_number("block", block, 1, 2**32 - 1)
    if detail not in get_args(Detail):
        raise SimengineError(f"detail is {detail!r}; choose {', '.join(map(repr, get_args(Detail)))}")
    whole = min(draws, MOST_KEPT) if detail == "stream" else draws
    twins = min(whole, MOST_TWINS) if twins is None else whole_number("twins", twins, 0, whole)
    counts: dict[Pass, int] = {"draw": whole, "twin": twins, "draw_unwidened": _unwidened(whole)}
    if detail == "stream":
        counts["draw_streamed"] = draws
    cases = {case: baseline(plan, spreadsheet_values(plan, case)) for case in CASES}
    passes = _passes(plan, pack(plan, seed, operating_plan=cases["operating plan"]), seed, counts, detail, block)
    needed = bytes_needed(((run.reduction, count) for run, count in passes), processors())
    check_memory(needed, memory, detail)
    made_of = {
        "seed": str(seed),
        "stream_version": STREAM_VERSION,
        "engine_version": version("simengine"),
        "digest_simulated": plan.digest_simulated,
        "digest_document": plan.digest_document,
    }
    collector = Collector(plan, {run.reduction.use: count for run, count in passes}, detail)
    done, total = 0, sum(count for _, count in passes)
    with workers(executor) as pool:
        for use, reduced in _spans(_blocks(plan, passes, {**made_of, "detail": detail}), pool, keeper):
            collector.add(use, reduced)
            done += reduced.paths
            if progress is not None:
                progress(done, total)
    for case, worked_out in cases.items():
        collector.add_baseline(case, worked_out)
    return collector.finish(made_of)


def _blocks(plan: Plan, passes: Iterable[tuple[Run, int]], made_of: Mapping[str, Any]) -> list[Block[Job]]:
    """Every pass of a run in blocks."""
    # Facts and targets are in no digest of a plan that was made in memory.
    values = "\n".join(f"{entry.path} {entry.value!r}" for entry in entries(plan))
    all_alike = {**made_of, "values": hashlib.sha256(values.encode()).hexdigest(), "kernel": folder().name}
    return [
        Block(
            run.reduction.use,
            {**all_alike, "pass": run.reduction.use, "start": paths.start, "stop": paths.stop},
            [(run, start, min(start + run.reduction.span, paths.stop)) for start in paths[:: run.reduction.span]],
        )
        for run, count in passes
        for paths in ranges(run.reduction, count)
    ]


def _spans(blocks: Iterable[Block[Job]], pool: Executor, keeper: Keeper | None) -> Iterator[tuple[Pass, Reduced]]:
    """Every span of a run, in order."""

    def work(jobs: Iterable[Job]) -> Iterator[Reduced]:
        return in_order(pool, _simulated, jobs, ahead(pool))

    if keeper is not None:
        return in_turn(blocks, work, keeper)
    uses = (block.use for block in blocks for _ in block.jobs)
    return zip(uses, work(job for block in blocks for job in block.jobs), strict=True)


def _passes(
    plan: Plan, packed: Packed, seed: int, counts: Mapping[Pass, int], detail: Detail, block: int | None
) -> list[tuple[Run, int]]:
    """The passes of a run and their numbers of paths: the draws, their twins, and draws without the source policy."""
    reduction = Reduction(plan, "draw", detail, NAMES)
    draws = Run(plan, packed, plan.widened(), plan.copula(), seed, reduction, block or paths_at_once(reduction))
    twins = replace(draws, packed=packed.with_luck(seed, OTHER_LUCK), reduction=Reduction(plan, "twin", detail, NAMES))
    unwidened = replace(
        draws, beliefs=plan.widened(policy=False), reduction=Reduction(plan, "draw_unwidened", detail, NAMES)
    )
    streamed = replace(draws, reduction=Reduction(plan, "draw_streamed", detail, NAMES))
    return [
        (run, counts[run.reduction.use]) for run in (draws, twins, unwidened, streamed) if run.reduction.use in counts
    ]


def paths_at_once(reduction: Reduction) -> int:
    """Paths whose outputs a processor's cache holds."""
    most: int = min(reduction.span, _CACHE // reduction.whole_bytes)
    return max(1, most)


def _simulated(job: Job) -> Reduced:
    run, start, stop = job
    return run.reduced(start, stop)


def whole_number(name: str, value: int, low: int, high: int) -> int:
    """The value as a whole number; raises SimengineError if it is none from `low` to `high`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not low <= value <= high:
        raise SimengineError(f"{name} is {value!r}; choose a whole number from {low} to {high}")
    return index(value)


def _unwidened(draws: int) -> int:
    """Paths spent on P(hit) without the source policy: a quarter of the run, for it is shown beside and not ranked."""
    return max(1, draws // 4)


def processors() -> int:
    """How many processors we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(executor: Executor) -> int:
    """Blocks that an executor has under way at once: two for each of its `threads`, where it says how many it has."""
    return max(_AHEAD, 2 * int(getattr(executor, "threads", 0)))


@contextmanager
def workers(executor: Executor | None) -> Iterator[Executor]:
    """The caller's executor, or threads for the time of one run, one for each processor that we may use."""
    if executor is not None:
        yield executor
        return
    threads = ThreadPoolExecutor(processors())
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)  # after Ctrl-C only the blocks under way are waited for
