"""What it costs a run that nobody kills to keep its blocks: the same run with and without, in turn.

Run with `make bench-blocks`; the table is printed and written to bench/blocks.md. Times are of processors, not of a
clock: whoever else is at work then changes them less.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from bench.inputs import NORTHSTAR, ROOT
from bench.report import cpu_seconds, heading, spread, table, write
from simengine.archive.blocks import UNFINISHED, Blocks
from simengine.plan import load
from simengine.simulation import ready, simulate

PAIRS = 8
RUNS = (
    ("tiny", ROOT / "tests" / "plans" / "tiny.yaml", 50_000, "headline"),
    ("tiny", ROOT / "tests" / "plans" / "tiny.yaml", 200_000, "stream"),
    ("northstar", NORTHSTAR, 2048, "headline"),
)


def kept(plan, draws, detail, folder):
    """Simulate as `simengine run` does; the most bytes that the blocks take."""
    blocks = Blocks(folder / UNFINISHED)
    simulate(plan, draws=draws, detail=detail, keeper=blocks)
    size = sum(path.stat().st_size for path in (folder / UNFINISHED).iterdir())
    blocks.clear()
    return size


def paired(plan, draws, detail, pairs, folder):
    """Seconds of processors without and with blocks, pair by pair, each first in every other pair; and their bytes."""
    found = []
    ways = {
        "without": lambda: simulate(plan, draws=draws, detail=detail),
        "with": lambda: kept(plan, draws, detail, folder),
    }
    for pair in range(pairs):
        order = list(ways) if pair % 2 else list(ways)[::-1]
        seconds = {way: cpu_seconds(ways[way]) for way in order}
        found.append((seconds["without"], seconds["with"]))
    return found, kept(plan, draws, detail, folder)


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    ready()
    rows = []
    for name, file, draws, detail in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            plan = load(file)
            simulate(plan, draws=512, detail=detail)
            found, size = paired(plan, draws, detail, pairs, Path(folder))
        medians = [f"{statistics.median(each):.2f}" for each in zip(*found, strict=True)]
        rows.append([name, f"{draws:,}", detail, *medians, *spread([b / a for a, b in found], 3), f"{size / 1e6:.0f}"])
    columns = ["plan", "draws", "detail", "without, s", "with, s", "with / without", "of the pairs", "blocks, MB"]
    write(
        "blocks.md",
        heading("What keeping blocks costs a run", "make bench-blocks"),
        f"{pairs} pairs of runs in turn; seconds of processors, medians; the ratio is of each pair, its median and "
        "range.\n",
        table(columns, rows),
    )


if __name__ == "__main__":
    main()
