"""How the kernel's cost grows with paths, months, seats, segments and threads; nothing should be worse than linear.

Run with `make bench-scaling`. The table is written to bench/scaling.md and the figure to docs/images/scaling.png.
"""

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np

from bench.five_years import CSMS, SDRS, plan
from bench.inputs import drawn
from bench.report import cpu_seconds, figure, heading, table, write
from simengine.kernel.run import run_block
from simengine.plan import loads
from simengine.simulation.pack import pack

SEGMENTS, MONTHS, SELLERS, PATHS = 4, 24, 16, 32
"""Of the plan from which one thing at a time grows."""
REPEATS = 3
GROWS = {
    "paths": (16, 32, 64, 128, 256),
    "months": (12, 24, 48, 96),
    "seats": (16, 64, 256, 1024),
    "segments": (2, 4, 8, 16, 32),
}
ENOUGH = 3
"""The slope is that of the last so many points: below them, what does not grow weighs most."""


@cache
def inputs(segments, months, sellers, paths):
    """Tables and numbers of a plan, to run again and again."""
    found = loads(plan(segments, months, sellers))
    packed = pack(found, 7)
    return packed.tables, *drawn(found, packed, paths)


def run(tables, slots, varying):
    return run_block(tables, slots, varying, np.arange(len(slots)))


def seconds(segments=SEGMENTS, months=MONTHS, sellers=SELLERS, paths=PATHS):
    """Processor seconds of all paths: the least of a few, for what disturbs only adds."""
    given = inputs(segments, months, sellers, paths)
    run(*given)
    return min(cpu_seconds(run, *given) for _ in range(REPEATS))


def measured():
    """Sizes and seconds by what grows."""
    for name, sizes in GROWS.items():
        argument = "sellers" if name == "seats" else name
        times = [seconds(**{argument: size}) for size in sizes]
        yield name, [seats_of(size) for size in sizes] if name == "seats" else sizes, times


def seats_of(sellers):
    """Seats of the plan with so many sellers in each segment."""
    return SEGMENTS * (sellers + SDRS + CSMS)


def slope(sizes, times):
    """Of the line through the largest sizes, on logarithmic axes."""
    return float(np.polyfit(np.log(sizes[-ENOUGH:]), np.log(times[-ENOUGH:]), 1)[0])


def threads():
    """Threads, and by how much they are faster than one: medians of wall time."""
    given = inputs(SEGMENTS, MONTHS, SELLERS, PATHS)
    blocks = 4 * (os.cpu_count() or 1)
    walls = {}
    for count in range(1, (os.cpu_count() or 1) + 1):
        taken = []
        for _ in range(REPEATS):
            with ThreadPoolExecutor(count) as executor:
                started = time.perf_counter()
                list(executor.map(lambda work: work(), [partial(run, *given)] * blocks))
                taken.append(time.perf_counter() - started)
        walls[count] = statistics.median(taken)
    return [(count, walls[1] / wall) for count, wall in walls.items()]


def draw(found, faster):
    """One panel for each thing that grows, with the slope, and one for threads."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(12, 2.8), layout="constrained")
    panels = canvas.subplots(1, len(found) + 1)
    for axes, (name, sizes, times) in zip(panels, found, strict=False):
        axes.loglog(sizes, times, "o-", color="#1f4e79")
        linear = times[-1] * np.array(sizes) / sizes[-1]
        axes.loglog(sizes, linear, "--", color="#999999", linewidth=1)
        axes.set(title=f"slope {slope(sizes, times):.2f}", xlabel=name)
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_yticks([times[0], times[-1]], [f"{times[0]:.2f}", f"{times[-1]:.2f}"])
        axes.set_yticks([], minor=True)
    panels[0].set_ylabel("seconds of one processor\n(dashed: in proportion)")
    counts, speed = zip(*faster, strict=True)
    panels[-1].plot(counts, speed, "o-", color="#1f4e79")
    panels[-1].plot(counts, counts, "--", color="#999999", linewidth=1)
    panels[-1].set(title="times as fast as one", xlabel="threads", xticks=counts)
    canvas.savefig(figure("scaling.png"), dpi=110)


def main():
    found, faster = list(measured()), threads()
    rows = [
        [name, ", ".join(map(str, sizes)), ", ".join(f"{time:.3f}" for time in times), f"{slope(sizes, times):.2f}"]
        for name, sizes, times in found
    ]
    draw(found, faster)
    write(
        "scaling.md",
        heading("How cost grows", "make bench-scaling"),
        f"From {SEGMENTS} segments, {MONTHS} months, {seats_of(SELLERS)} seats and {PATHS} paths, one "
        "thing grows at a time. More seats come without more demand. The slope is that of a line through the largest "
        f"{ENOUGH} sizes on logarithmic axes: 1 is in proportion.\n",
        table(["what grows", "sizes", "seconds of one processor", "slope"], rows),
        table(["threads", "times as fast as one"], [[count, f"{times:.2f}"] for count, times in faster]),
    )


if __name__ == "__main__":
    main()
