"""What compiling the kernel takes, and a path of what was compiled, as it is and with one thing otherwise.

Run with `make bench-compiling`; the table is printed and written to bench/compiling.md.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

from numba.core.compiler import Compiler

from bench.apart import apart
from bench.inputs import ROOT, by_blocks, example
from bench.report import cpu_seconds, environment, heading, spread, table, write
from simengine.kernel import cache, parts
from simengine.kernel.run import ready

ROUNDS = 5
PATHS, REPEATS = 512, 5
WHOLE = "as it is"


@contextmanager
def by_itself():
    """No parts and no whole: a function is compiled with all that it calls, which is compiled by itself before."""
    pipelines = Compiler.define_pipelines
    with (
        patch.object(parts.Part, "define_pipelines", pipelines),
        patch.object(parts.Whole, "define_pipelines", pipelines),
    ):
        yield


KERNELS = {
    WHOLE: nullcontext,
    "no room for calls": lambda: patch.object(cache, "_with_room", lambda act, *arguments: act(*arguments)),
    "garbage searched for": lambda: patch.object(cache, "_uncollected", nullcontext),
    "all of numba's passes": lambda: patch.object(parts, "_NEEDLESS", frozenset()),
    "indexes asked whether they are negative": lambda: patch.object(parts, "_counted_from_the_start", nullcontext),
    "steps of a month not apart": lambda: patch.object(parts, "may_be_called", lambda function: False),
    "every larger function apart": apart,
    "each function by itself, as numba does": by_itself,
}
"""How a kernel is compiled, by name: as it is, and with one thing otherwise."""


def measured(name):
    """Processor seconds of compiling a kernel, and milliseconds of a path afterwards, the least."""
    with KERNELS[name]():
        compiling = cpu_seconds(ready)
    given = example(PATHS)
    paths = [cpu_seconds(by_blocks, *given) for _ in range(REPEATS)]
    return compiling, 1e3 * min(paths) / PATHS


def of_a_process(name):
    """The same in a process of its own, which finds nothing compiled."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.compiling", name]
        done = subprocess.run(command, cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def row(name, found):
    """What one kernel takes, and how many times what the kernel as it is takes in the same turn."""
    columns = [name]
    kinds = zip(*found[name], strict=True), zip(*found[WHOLE], strict=True)
    for digits, values, whole in zip((1, 3), *kinds, strict=True):
        ratios = [value / of for value, of in zip(values, whole, strict=True)]
        columns += [*spread(values, digits), spread(ratios)[0] if name != WHOLE else ""]
    return columns


def main():
    found = {name: [] for name in KERNELS}
    for _ in range(ROUNDS):
        for name, measurements in found.items():
            measurements.append(of_a_process(name))
    write(
        "compiling.md",
        heading("What compiling the kernel takes", "make bench-compiling"),
        "Processor seconds until the kernel is ready in a process that finds nothing compiled, and milliseconds of a "
        f"path of the example company with what was compiled; medians of {ROUNDS} processes each, in turn, and ratios "
        "to those of the same turn.\n",
        table(
            ["", "compiling, s", "range", "ratio", "a path, ms", "range", "ratio"], [row(name, found) for name in found]
        ),
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measured(sys.argv[1])))
    else:
        main()
