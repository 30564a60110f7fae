"""Every call to the disk fails, one after the other, once and for ever: what is stored stays whole, or is not there.

Each operation is run with its n-th write, read, fsync, rename, open, mkdir, link, deletion, listing or lock failing,
for n = 1, 2, … as many as it makes. After each: only an error that says what to do came
out; what was there is as it was, or the new is whole; nothing half-written has a name; and the same operation again,
on a disk that works, gives the same as if nothing had been.
"""

import logging
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import xarray as xr
from click.testing import CliRunner

from bench.inputs import ROOT
from bench.trust import cache, shared
from bench.trust.disk import ERRORS, SHORT, STOP, Disk, faults
from bench.trust.record import Line, record
from simengine.archive import load_plan, load_run, save
from simengine.archive.blocks import UNFINISHED, Blocks
from simengine.archive.columns import read_columns, write_columns
from simengine.archive.files import write_files
from simengine.archive.shelf import abandoned, remove, stored, swept
from simengine.cli import cli
from simengine.decide.batch import batch
from simengine.decide.grid import scenarios
from simengine.errors import MachineError, SimengineError
from simengine.learn.update import Updated
from simengine.learn.written import write
from simengine.plan import load
from simengine.results.dataset import digest
from simengine.results.reduction import Reduced
from simengine.simulation.blocks import Block, in_turn

TINY = ROOT / "tests" / "plans" / "tiny.yaml"
_SAYS_WHAT_TO_DO = re.compile(
    r"; (free some|choose |check the disk|restore the folder|name a folder|upgrade |run the |.* or delete it)"
)


class Found(NamedTuple):
    """What an operation finds on a disk that works, before and after; what it returns; and its calls by kind."""

    before: Any
    after: Any
    answer: Any
    calls: Counter


class Operation(NamedTuple):
    """Something that is done to a disk.

    Attributes
    ----------
    name : as the page calls it
    prepare : makes what is there before, in an empty folder
    act : does it, and returns what it found, if that is to be compared
    seen : what a reader finds in the folder; raises where that is damaged
    between : whether what is found in a folder after a fault may be neither what was there before nor all of the new,
        where the disk fails for ever or not
    tolerant : no fault may end it
    """

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path], Any]
    seen: Callable[[Path], Any]
    between: Callable[[Path, Any, Found, bool], bool] = lambda at, found, whole, for_ever: False
    tolerant: bool = False


def small(p=0.25):
    """A small result, quick to write."""
    return xr.Dataset(
        {"p": ((), p), "arr": (("draw", "month"), np.arange(24.0).reshape(8, 3))},
        {"draw": np.arange(8), "month": ["2027-01", "2027-02", "2027-03"]},
        {"plan": "Tiny", "seed": 7, "draws": 8},
    )


def nothing(_):
    """Prepare nothing, see nothing."""


def runs(folder):
    """Digests of the runs below a folder; raises where something has a run's name and is none that can be trusted."""
    return {str(run.path.relative_to(folder)): digest(load_run(run.path).dataset) for run in stored(folder)}


def operations():
    """All that is tried."""
    plan = load(TINY)
    yield from _of_runs(plan)
    yield from _of_files()
    yield _of_blocks()
    yield _of_a_batch()
    yield from _of_the_cache()


def _of_runs(plan):
    def stored_run(folder):
        save(small(), plan, folder / "run")

    def a_killed_replacement(folder):
        stored_run(folder)
        (folder / "run").rename(folder / ".replaced-01234567.run")

    def a_torn_run(folder):
        stored_run(folder)
        (folder / "run").rename(folder / ".partial-0123")

    def new(folder):
        save(small(0.5), plan, folder / "deep" / "down" / "run", overwrite=True)

    def over(folder):
        save(small(0.5), plan, folder / "run", overwrite=True)

    def read(folder):
        return digest(load_run(folder / "run").dataset), load_plan(folder / "run").digest_simulated

    def sweep(folder):
        for path in abandoned(folder, older_than=-10):
            swept(path)

    def deleted(folder):
        for run in stored(folder):
            if run.problem:  # what cannot be read is named, and stays
                raise MachineError(run.problem)
            remove(run.path)

    def pruned(folder):
        result = CliRunner().invoke(cli, ["runs", "prune", str(folder), "--keep", "0", "--yes"])
        if result.exit_code == 3:
            raise MachineError(result.stderr)
        if result.exit_code == 130:
            raise KeyboardInterrupt
        assert result.exit_code == 0, result

    def put_aside(at, found, whole, for_ever):
        """On a disk that never renames again the run stays aside, until `runs prune` gives it its name back."""
        sweep(at)
        return for_ever and not found and runs(at) == whole.before

    def careful(_, found, whole, for_ever):
        """A run that cannot be read may be worth mending: it stays."""
        return found == whole.before

    yield Operation("save", nothing, new, runs)
    yield Operation("save over a run", stored_run, over, runs, put_aside)
    yield Operation("load", stored_run, read, runs)
    yield Operation("remove", stored_run, deleted, runs)

    yield Operation("runs prune", stored_run, pruned, runs, careful)
    yield Operation("sweep what was replaced", a_killed_replacement, sweep, runs, careful)
    yield Operation("sweep what was torn", a_torn_run, sweep, runs)


def _of_files():
    old, values = {"a": np.zeros(3)}, {"a": np.arange(3.0), "b": np.ones(3)}

    def columns(folder):
        found = read_columns(folder / "c.nc")
        return None if found is None else (found.digest, found.about)

    def one_file(folder):
        write_columns(folder / "c.nc", old, {"of": "old"})

    def texts(folder):
        return {path.name: path.read_text() for path in sorted(folder.glob("[!.]*"))}

    def two_files(folder):
        (folder / "a.txt").write_text("old a")
        (folder / "b.txt").write_text("old b")

    def each_whole(_, found, whole, for_ever):
        """On a disk that never renames again nothing can be put back: each file is whole, but some are newer."""
        return for_ever and all(text in (whole.before.get(name), whole.after[name]) for name, text in found.items())

    new = {"a.txt": "a" * 5000, "b.txt": "b", "c.csv": "c"}
    empty: Any = ()
    made = Updated(load(TINY), new, None, empty, frozenset(), {}, empty, empty, empty)
    yield Operation("write columns", nothing, lambda at: write_columns(at / "c.nc", values, {"of": "new"}), columns)
    yield Operation("write columns over others", one_file, lambda at: write_columns(at / "c.nc", values, {}), columns)
    yield Operation("read columns", one_file, columns, columns)
    yield Operation(
        "write files",
        two_files,
        lambda at: write_files({at / name: text for name, text in new.items()}, overwrite=True),
        texts,
        each_whole,
    )
    yield Operation("write an update", two_files, lambda at: write(made, at, overwrite=True), texts, each_whole)


def _of_blocks():
    def work(jobs):
        for job in jobs:
            sums = {("mean", "arr"): np.full(3, job + 0.1)}
            yield Reduced(job * 4, 4, {"arr": np.arange(4.0) + job}, sums, {"n": np.array([job])})

    def blocks():
        return (Block("draw", {"block": i}, range(3 * i, 3 * i + 3)) for i in range(4))

    def worked(keeper):
        return repr([(use, span.start, span.columns, span.sums) for use, span in in_turn(blocks(), work, keeper)])

    def half(folder):
        keeper = Blocks(folder / UNFINISHED)
        for block in list(blocks())[:2]:
            keeper.put(block.key, list(work(block.jobs)))

    def resume(folder):
        first = Blocks(folder / UNFINISHED)
        found = worked(first), worked(Blocks(folder / UNFINISHED))
        first.clear()
        return found

    return Operation("resume from blocks", half, resume, nothing, tolerant=True)


def _of_a_batch():
    plans = scenarios([TINY], ["hires.ae=0,1"])

    def half(folder):
        with cheap():
            batch({name: plans[name] for name in list(plans)[:1]}, folder / "b", draws=8)

    def whole(folder):
        with cheap():
            return list(batch(plans, folder / "b", draws=8)["digest_values"].values)

    def kept(folder):
        found = {path.name: read_columns(path) for path in sorted((folder / "b" / "values").glob("[!.]*"))}
        assert None not in found.values()
        return {name: columns.digest for name, columns in found.items()}

    return Operation("batch", half, whole, kept)


def _of_the_cache():
    def home(folder):
        return mock.patch.dict("os.environ", XDG_CACHE_HOME=str(folder))

    def loaded(folder):
        with home(folder):
            return cache.loaded(double)(21.0)

    double = cache.functions().double
    yield Operation("compile and keep the kernel", nothing, loaded, nothing, tolerant=True)
    yield Operation("load the kernel", loaded, loaded, nothing, tolerant=True)


@contextmanager
def cheap():
    """What a scenario reaches is made up, for what is tried is the disk."""

    def values(plan, start, draws, *, seed, targets, **_):
        rng = np.random.default_rng([start, seed, int(plan.digest_simulated[:8], 16)])
        return rng.normal(5e6, 1e6, (draws, len(targets)))

    with mock.patch("simengine.decide.batch.target_values", values):
        yield


# ---- the loop ----


def tried(operation, folder, every=1):
    """Run an operation with every fault that it can meet; how many there were, by what failed and how.

    Up to the first fault the calls are those of a disk that works, so those are counted first. `every`: of the faults
    only one in so many. Raises AssertionError, with the fault, where a promise is broken.
    """
    whole, counts = _whole(operation, _empty(folder)), Counter()
    met = [fault for kind in ERRORS for n in range(1, 1 + whole.calls[kind]) for fault in faults(n, kind)]
    for fault in met[::every]:
        _one(operation, _empty(folder), fault, whole)
        counts[fault.kind, fault.error if fault.error in (SHORT, STOP) else "error"] += 1
    return counts


def _whole(operation, at):
    operation.prepare(at)
    before = operation.seen(at)
    answer = operation.act(at)
    after = operation.seen(at)
    # Once more, for what a process does only once is done now.
    operation.prepare(_empty(at))
    with Disk(at).installed() as disk:
        operation.act(at)
    return Found(before, after, answer, disk.calls)


def _one(operation, at, fault, whole):
    """Do an operation with a fault, and again without; AssertionError where a promise is broken."""
    operation.prepare(at)
    disk, error, answer = Disk(at, fault), None, None
    with disk.installed():
        try:
            answer = operation.act(at)
        except SimengineError as raised:
            error = raised
        except KeyboardInterrupt as raised:
            assert fault.error == STOP, _broken(operation, fault, "stopped by itself")
            error = raised
        except BaseException as raised:
            raise AssertionError(_broken(operation, fault, f"let {raised!r} out")) from raised
    assert disk.fired, _broken(operation, fault, "never met it")
    if isinstance(error, SimengineError):
        assert not operation.tolerant, _broken(operation, fault, f"was ended: {error}")
        assert isinstance(error, MachineError), _broken(operation, fault, f"blames the user: {error}")
        assert _SAYS_WHAT_TO_DO.search(str(error)), _broken(operation, fault, f"does not say what to do: {error}")
    found = operation.seen(at)
    done = (whole.after,) if error is None else (whole.before, whole.after)
    fine = found in done or operation.between(at, found, whole, fault.for_ever)
    assert fine, _broken(operation, fault, f"left {found}")
    assert error is not None or answer == whole.answer, _broken(operation, fault, f"answers {answer}")
    _hidden_is_known(operation, at, fault)
    answer = operation.act(at)
    assert operation.seen(at) == whole.after, _broken(operation, fault, "cannot be done again")
    assert answer == whole.answer or found == whole.after, _broken(operation, fault, f"then answers {answer}")


def _hidden_is_known(operation, at, fault):
    """What is left behind is what `runs prune` clears away."""
    known = abandoned(at, older_than=-10)
    for path in at.rglob(".*"):
        assert any(one in (path, *path.parents) for one in known), _broken(operation, fault, f"leaves {path}")


def _broken(operation, fault, what):
    return f"{operation.name}, {fault}: {what}"


def _empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def main():
    """Every fault of every operation, and what processes do to each other; keeps the figures."""
    logging.disable()
    total, names, broken = Counter(), [], []
    with tempfile.TemporaryDirectory() as folder:
        for operation in operations():
            try:
                counts = tried(operation, Path(folder).resolve() / "disk")
            except AssertionError as error:
                broken.append(error)
                print(error, flush=True)
                continue
            print(f"{operation.name}: {sum(counts.values()):,}", flush=True)
            total += counts
            names.append(operation.name)
        together = tuple(shared.lines(Path(folder).resolve() / "shared"))
    by_kind = Counter()
    for (kind, how), count in total.items():
        by_kind[kind if how == "error" else {"short": "short write", "stop": "Ctrl-C"}[how]] += count
    told = ", ".join(f"{kind} {count:,}" for kind, count in by_kind.most_common())
    record(
        "faults",
        [
            Line(
                "what is stored is whole or not there, whatever the disk refuses; an error says what to do, and the "
                "same again gives the same",
                f"every call to the disk fails, once and for ever, in: {', '.join(names)}",
                f"{sum(total.values()):,} faults ({told})",
                f"{len(broken)} operations with a traceback, a loss, or half of anything",
            ),
            *together,
        ],
    )
    return len(broken)


if __name__ == "__main__":
    sys.exit(main() != 0)
