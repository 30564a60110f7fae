"""What the example company costs: `simengine run` as a whole process, compiling and not, with its memory.

Run with `make bench`. Each row is a process of its own; the table is printed and written to bench/results.md.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLAN = ROOT / "scenarios" / "northstar" / "base.yaml"
DRAWS = 16_384
WARM_RUNS = 5


def measure(arguments, cache):
    """Wall seconds and peak memory (MB) of one simengine process that keeps its compiled kernel in `cache`."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "simengine", *arguments],
            cwd=folder,
            env=os.environ | {"XDG_CACHE_HOME": cache},
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"simengine {' '.join(arguments)} failed")
    return seconds, usage.ru_maxrss / 1024


def row(name, runs):
    seconds, memory = zip(*runs, strict=True)
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}" if len(runs) > 1 else ""
    return f"| {name} | {len(runs)} | {statistics.median(seconds):.2f} | {spread} | {max(memory):.0f} |"


def main():
    run = ["run", str(PLAN), "-n", str(DRAWS), "-o", "out"]
    with tempfile.TemporaryDirectory() as cache:
        cold = [measure(run, cache)]
        warm = [measure(run, cache) for _ in range(WARM_RUNS)]
        check = [measure(["check", str(PLAN)], cache) for _ in range(WARM_RUNS)]
        words = [measure(["--help"], cache) for _ in range(WARM_RUNS)]
    table = "\n".join(
        [
            "| process | runs | median, s | range, s | peak memory, MB |",
            "|---|---|---|---|---|",
            row(f"run northstar, {DRAWS:,} draws, compiling first", cold),
            row(f"run northstar, {DRAWS:,} draws", warm),
            row("check northstar", check),
            row("--help", words),
        ]
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("simengine", "numpy", "numba", "xarray"))
    heading = (
        f"# Measured with `make bench`\n\n{date.today()}, {platform.machine()} with {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, {packages}.\n"
    )
    print(table)
    (ROOT / "bench" / "results.md").write_text(f"{heading}\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
