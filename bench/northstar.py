"""What the example company costs: the kernel against its rivals, whole processes, and a process that runs already.

Run with `make bench`. The tables are printed and written to bench/results.md.
"""

import compileall
import tempfile
import time

import numpy as np

from bench import floor, numpy_model, python_model
from bench.inputs import NORTHSTAR, ROOT, by_blocks, drawn
from bench.outputs import simulated
from bench.report import cpu_seconds, heading, process, spread, table, write
from simengine.kernel.run import Simulator
from simengine.plan import load
from simengine.simulation.pack import pack
from simengine.simulation.reached import chances, operating_plan, until_targets

DRAWS = 16_384
PAIRS = 7
"""Every rival is measured so often, in turn with the others."""
PATHS, FEW = 512, 16
"""Paths of the compiled and vectorised ones, and of plain Python."""
RUNS, COLD = 5, 3
LIVE = (10_000, 2_048)
"""Draws of a question to a running process."""


def given(plan, whole=None):
    """Tables and numbers of paths, and the variates that they draw; a plan that is cut off needs the whole one's."""
    packed = pack(plan, 7, operating_plan=whole)
    slots, varying = drawn(plan, packed, PATHS)
    outputs = simulated(packed.tables, slots, varying)
    return packed.tables, slots, varying, floor.variates(packed.tables, slots, varying, outputs)


def rivals(tables, slots, varying, variates):
    """Milliseconds of one processor for a path, by name: a list of `PAIRS` measurements."""
    chance, simulator = np.random.default_rng(1), Simulator(tables)
    runs = {
        "kernel": (PATHS, lambda: by_blocks(simulator, slots, varying)),
        "floor": (PATHS, lambda: floor.replay(variates)),
        "floor, one by one": (PATHS, lambda: floor.replay(variates, together=False)),
        "NumPy": (PATHS, lambda: numpy_model.simulate_paths(tables, slots, varying, chance)),
        "Python, path by path": (
            FEW,
            lambda: python_model.simulate_paths(tables, slots[:FEW].copy(), varying[:FEW], chance),
        ),
    }
    found = {name: [] for name in runs}
    for together in (True, False):
        floor.replay(variates, together=together)  # compiles
    for _ in range(PAIRS):
        for name, (paths, run) in runs.items():
            found[name].append(1e3 * cpu_seconds(run) / paths)
    return found


def rival_table(found):
    rows = [["kernel", *spread(found["kernel"], 3), "", "", ""]]
    for name, more, less in (
        ("floor", "kernel", "floor"),
        ("floor, one by one", "kernel", "floor, one by one"),
        ("NumPy", "NumPy", "kernel"),
        ("Python, path by path", "Python, path by path", "kernel"),
    ):
        ratios = [long / short for long, short in zip(found[more], found[less], strict=True)]
        rows.append([name, *spread(found[name], 3), f"{more} / {less}", *spread(ratios)])
    return table(["", "a path, ms of one processor", "range", "ratio", "median of pairs", "range"], rows)


def variate_table(variates):
    rows = [[purpose, kind, f"{count:,.0f}"] for purpose, kind, count in variates.table()]
    return table(["drawn for", "kind", "a path"], rows)


def processes():
    """Rows of whole processes: wall seconds and memory."""
    run = ["run", str(NORTHSTAR), "-n", str(DRAWS), "-o", "out"]
    compileall.compile_dir(ROOT / "simengine", quiet=1)  # as whoever installs it does
    cold = []
    for _ in range(COLD):
        with tempfile.TemporaryDirectory() as empty:
            cold.append(process(run, empty))
    with tempfile.TemporaryDirectory() as cache:
        process(["warmup"], cache)
        found = {f"run northstar, {DRAWS:,} draws, compiling first": cold}
        for name, arguments in (
            (f"run northstar, {DRAWS:,} draws", run),
            ("check northstar", ["check", str(NORTHSTAR)]),
            ("--help", ["--help"]),
        ):
            found[name] = [process(arguments, cache) for _ in range(RUNS)]
    for name, runs in found.items():
        seconds, memory = zip(*runs, strict=True)
        yield [name, len(runs), *spread(seconds), f"{max(memory):.0f}"]


def live(plan):
    """Rows of questions to a process that runs: draws and the probability of every target."""
    for draws in LIVE:
        seconds = []
        for _ in range(RUNS):
            started = time.perf_counter()
            chances(plan, draws=draws)
            seconds.append(time.perf_counter() - started)
        yield [f"{draws:,} draws and P(hit) in a running process", RUNS, *spread(seconds), ""]


def question(plan):
    """What the variates alone take of a question to a running process."""
    asked = until_targets(plan, plan.targets)
    *_, variates = given(asked, operating_plan(plan))
    took, _ = spread([1e3 * cpu_seconds(floor.replay, variates) / PATHS for _ in range(PAIRS)], 3)
    return (
        f"A question needs {asked.plan.months} months; its variates alone, neighbours together, take {took} ms a path "
        "of one processor.\n"
    )


def compiling(rows):
    """What of the first run is compiling."""
    cold, warm = (float(row[2]) for row in rows[:2])
    return f"Compiling takes {cold - warm:.1f} s of the first run.\n"


def main():
    plan = load(NORTHSTAR)
    *paths, variates = given(plan)
    found = rivals(*paths, variates)
    rows = [*processes(), *live(plan)]
    blocks = variates.total("block") / variates.paths
    write(
        "results.md",
        heading("Northstar: 24 months, measured", "make bench"),
        rival_table(found),
        f"All in turn, {PAIRS} times; medians. The floor draws what the kernel draws and does nothing else: "
        f"{blocks:,.0f} blocks of four uniforms a path, neighbours together, so that the processor works on several at "
        "once; or one by one, each where it is asked for.\n",
        variate_table(variates),
        table(["process", "runs", "median, s", "range, s", "peak memory, MB"], rows),
        compiling(rows),
        question(plan),
    )


if __name__ == "__main__":
    main()
