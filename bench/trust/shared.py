"""Several processes at one place: runs that replace each other while they are read, and blocks, batches and `prune`."""

import logging
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from bench.inputs import ROOT
from bench.trust.record import Line
from simengine.archive import load_plan, load_run, save
from simengine.archive.blocks import Blocks
from simengine.archive.shelf import abandoned, remove, stored, swept
from simengine.decide.batch import batch
from simengine.decide.grid import scenarios
from simengine.errors import MachineError
from simengine.plan import load
from simengine.results.dataset import digest
from simengine.results.reduction import Reduced
from simengine.simulation.blocks import Block, in_turn

TINY = ROOT / "tests" / "plans" / "tiny.yaml"
RATES = "91 %", "92 %"


_WELL = "0 processes with an error or another answer, 0 files left behind"


class Seen(NamedTuple):
    """What came of processes at one place.

    Attributes
    ----------
    counts : what each process did
    failures : tracebacks of those that failed
    left : what was left behind
    """

    counts: list[int]
    failures: list[str]
    left: list[str]


def at_once(*works):
    """Do these in a process each, all beginning together; what each returned (a number), and tracebacks."""
    start_read, start_write = os.pipe()
    pipes, children = [], []
    for work in works:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(start_write)
            os.read(start_read, 1)
            try:
                told = str(work())
            except BaseException:
                told = traceback.format_exc()
            os.write(write, told.encode()[:60_000])
            os._exit(0)
        os.close(write)
        pipes.append(read)
        children.append(child)
    os.close(start_read)
    os.close(start_write)
    told = []
    for read, child in zip(pipes, children, strict=True):
        with os.fdopen(read) as pipe:
            told.append(pipe.read())
        os.waitpid(child, 0)
    return [int(text) for text in told if text.isdigit()], [text for text in told if not text.isdigit()]


def _result(which):
    """The result that belongs to one of the two plans, large enough that writing it takes a while."""
    values = np.random.default_rng(which).normal(size=(512, 36))
    return xr.Dataset({"arr": (("draw", "month"), values)}, {"draw": np.arange(512)}, {"plan": "Tiny", "seed": which})


def saves_and_reads(folder, saves):
    """Two processes that save over each other at one place, one that reads it, and one that prunes around it."""
    plans = [load(TINY, [f"base.smb.renewal_rate={rate}"]) for rate in RATES]
    results = [_result(which) for which in range(2)]
    whole = {digest(ds) for ds in results}
    meant = {plan.digest_simulated for plan in plans}
    place = folder / "run"
    save(results[0], plans[0], place)

    def saving(which):
        for _ in range(saves):
            save(results[which], plans[which], place, overwrite=True)
        (folder / f"done{which}").touch()
        return saves

    def until_saved(act):
        count = 0
        while not all((folder / f"done{which}").exists() for which in range(2)):
            act()
            count += 1
        return count

    def read():
        assert digest(load_run(place).dataset) in whole
        assert load_plan(place).digest_simulated in meant

    def prune():
        stored(folder)
        for path in abandoned(folder):
            swept(path)

    counts, failures = at_once(
        lambda: saving(0), lambda: saving(1), lambda: until_saved(read), lambda: until_saved(prune)
    )
    read()
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    return Seen(counts, failures, left)


def runs_come_and_go(folder, saves):
    """A process that writes runs of many names, and two that delete every run that they find, as `prune` does."""
    plan, ds, done = load(TINY), _result(0), folder / "done"

    def writing():
        for i in range(saves):
            save(ds, plan, folder / f"run{i}")
        done.touch()
        return saves

    def pruning():
        count = 0
        while not done.exists() or stored(folder):
            for path in abandoned(folder):
                swept(path)
            for run in stored(folder):
                remove(run.path)
                count += 1
        return count

    counts, failures = at_once(writing, pruning, pruning)
    left = [path.name for path in folder.iterdir() if path != done]
    return Seen(counts, failures, left)


def blocks_of_one_plan(folder, rounds):
    """Two processes that work out the same blocks in one folder, and clear them away when they are done."""

    def work(jobs):
        for job in jobs:
            yield Reduced(job * 4, 4, {"arr": np.arange(4.0) + job}, {}, {"n": np.array([job])})

    def blocks():
        return (Block("draw", {"block": i}, range(3 * i, 3 * i + 3)) for i in range(6))

    def worked(keeper):
        return repr([(use, span.start, span.columns) for use, span in in_turn(blocks(), work, keeper)])

    whole = worked(Blocks(folder / "alone"))

    def running():
        for _ in range(rounds):
            keeper = Blocks(folder / ".unfinished")
            assert worked(keeper) == whole
            keeper.clear()
        return rounds

    counts, failures = at_once(running, running)
    left = [path.name for path in folder.iterdir() if path.name != "alone"]
    return Seen(counts, failures, left)


def batches_of_one_plan(folder, rounds, cheap):
    """Two processes with the same batch in one folder, begun anew each round; `cheap` makes scenarios cost nothing."""
    plans = scenarios([TINY], ["hires.ae=0,1"])
    with cheap():
        whole = list(batch(plans, folder / "alone", draws=8)["digest_values"].values)

    def running():
        for i in range(rounds):
            with cheap():
                assert list(batch(plans, folder / f"b{i}", draws=8)["digest_values"].values) == whole
        return rounds

    counts, failures = at_once(running, running)
    left = [str(path.relative_to(folder)) for path in folder.rglob(".*")]
    return Seen(counts, failures, left)


def batches_that_differ(folder, rounds, cheap):
    """Two processes with batches of other seeds in one folder: each has its own values, or is told to run again."""
    plans = scenarios([TINY], ["hires.ae=0,1"])

    def values(place, seed):
        with cheap():
            return list(batch(plans, place, draws=8, seed=seed)["digest_values"].values)

    whole = [values(folder / f"alone{seed}", seed) for seed in range(2)]

    def running(seed):
        done = 0
        for i in range(rounds):
            try:
                assert values(folder / f"b{i}", seed) == whole[seed]
                done += 1
            except MachineError as error:
                if "run the batch again" not in str(error):
                    raise
        return done

    counts, failures = at_once(lambda: running(0), lambda: running(1))
    left = [str(path.relative_to(folder)) for path in folder.rglob(".*")]
    return Seen(counts, failures, left)


def lines(folder, size=50):
    """What came of `size` rounds of each, as lines of the table."""
    from bench.trust.faults import cheap

    logging.disable()

    def place(name):
        (folder / name).mkdir(parents=True)
        return folder / name

    def result(seen):
        for failure in seen.failures:
            print(failure)
        return f"{len(seen.failures)} processes with an error or another answer, {len(seen.left)} files left behind"

    seen = saves_and_reads(place("saves"), size)
    yield Line(
        "a run that is replaced while it is read is the one before or the one after, whole",
        "two processes save over each other at one place, a third reads the run and its plan, a fourth prunes",
        "{:,} + {:,} saves, {:,} reads, {:,} prunes".format(*seen.counts, *[0] * (4 - len(seen.counts))),
        result(seen),
    )
    seen = runs_come_and_go(place("prunes"), size)
    yield Line(
        "pruning while runs are written loses none that is not named, and fails at none that is gone",
        "one process writes runs, two delete whatever run they find",
        f"{size:,} runs",
        result(seen),
    )
    seen = blocks_of_one_plan(place("blocks"), size)
    yield Line("two runs of one plan may share a folder of blocks", "two processes", f"2 x {size:,} runs", result(seen))
    seen = batches_of_one_plan(place("batches"), max(1, size // 5), cheap)
    yield Line(
        "two batches of the same scenarios may work in one folder",
        "two processes begin the same batch at the same moment",
        f"2 x {max(1, size // 5):,} batches",
        result(seen),
    )
    seen = batches_that_differ(place("others"), max(1, size // 5), cheap)
    yield Line(
        "of two batches that differ in seed, in one folder, each has its own values or is told to run again",
        "two processes begin them at the same moment",
        f"2 x {max(1, size // 5):,} batches, {sum(seen.counts):,} done at the first try",
        result(seen),
    )


def main(size):
    """Print what came of `size` rounds of each; whether all went well."""
    with tempfile.TemporaryDirectory() as folder:
        told = list(lines(Path(folder).resolve(), size))
    for line in told:
        print(*line, sep=" | ")
    return all(line.result == _WELL for line in told)


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1])))
