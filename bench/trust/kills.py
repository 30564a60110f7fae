"""Two hundred kills of `run`, `batch` and `update`: what was there is there, and the same command brings the same bits.

Run with `python -m bench.trust.kills [SHARE]`, a share of the kills; all of them take about half an hour. Every try
begins in a folder of its own, where a finished run is. The command is killed at a random moment of its life, or before,
or soon after, a random one of the things that it does to files; in one of four tries the repetition is killed too. Then
all that was whole has to be whole, what the command replaces has to be the old or the new, and the command, run again,
has to end well, with the digest of a run that nobody killed, and to leave nothing that `runs prune` does not sweep.
Most processes are forks of one that has all in memory; others start from scratch.
"""

import hashlib
import json
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.inputs import ROOT
from bench.trust.killing import Moment, forked, fresh
from bench.trust.record import Line, record
from simengine.archive import REPLACED, load_run
from simengine.archive.columns import read_columns
from simengine.archive.shelf import abandoned, stored, swept
from simengine.errors import SimengineError
from simengine.plan import load
from tests.learn.small import write as write_records

TINY = ROOT / "tests" / "plans" / "tiny.yaml"
SEED = 9
AGAIN = 0.25
"""Of tries in which the repetition is killed too."""
LATER = -10.0
"""Seconds: with it all that a killed process left is old."""


class TornError(Exception):
    """Something is there and is not whole."""


class Run:
    """`simengine run`, to a folder that is not there, or over another run."""

    name, signs = "run", (".unfinished", "out")

    def __init__(self, draws, over, *options):
        self.draws, self.over, self.options = draws, over, options

    def lay(self, place, command):
        """Put there what is there before: a run beside, and one in the way."""
        well(command(["run", TINY, "-n", 300, "--seed", 8, "-o", place / "beside"]))
        if self.over:
            shutil.copytree(place / "beside", place / "out")

    def words(self, place):
        return ["run", TINY, "-n", self.draws, "-o", place / "out", *self.options, *["--overwrite"] * self.over]

    def made(self, place):
        """Digest of what the command makes; None where there is none."""
        return runs(place).get("out")

    def others(self, place):
        """By name the digest of what was whole and has to stay."""
        return {name: digest for name, digest in runs(place).items() if name != "out"}

    def given_back(self, place):
        """Digest of the run that comes back when what was left behind is swept; None where none does.

        Nothing is changed.
        """
        for path in sorted(place.glob(f"{REPLACED}*.out")):
            back = swept(path)
            if back is not None:
                digest = self.made(place)
                back.rename(path)
                return digest
        return None

    def saved(self, ended):
        """Paths that were not simulated again."""
        found = re.search(r"([\d,]+) paths were there already", ended.err)
        return int(found[1].replace(",", "")) if found else 0


class Batch:
    """`simengine batch` of six scenarios, in a new folder, or in that of a batch of three of them."""

    name, signs = "batch", ("out",)

    def __init__(self, draws, over):
        self.draws, self.over = draws, over

    def lay(self, place, command):
        """Put there what is there before: a run beside, and a smaller batch."""
        well(command(["run", TINY, "-n", 300, "-o", place / "beside"]))
        if self.over:
            well(command(self._line(place, "hires.ae=0,1,2")))

    def words(self, place):
        return self._line(place, "hires.ae=0,1,2", "spend.inbound=1,1.2")

    def _line(self, place, *vary):
        varied = [word for one in vary for word in ("--vary", one)]
        return ["batch", TINY, *varied, "-n", self.draws, "--no-figures", "--json", "-o", place / "out"]

    def made(self, place):
        """Digest of the tables of the comparison; None where they are not both there."""
        return _digest(*(place / "out" / f"comparison.{kind}" for kind in ("json", "csv")))

    def others(self, place):
        """By name the digest of what was whole and has to stay: runs, and scenarios that are done."""
        found = runs(place)
        for path in (place / "out" / "values").glob("[!.]*.nc"):
            columns = read_columns(path)
            if columns is None:
                raise TornError(path)
            found[path.name] = columns.digest
        return found

    def given_back(self, _):
        return None

    def saved(self, ended):
        """Paths of scenarios that were not simulated again."""
        return self.draws * json.loads(ended.out)["kept"]


class Update:
    """`simengine update` with the records of a quarter, to a new file, or over the plan of a month before."""

    name, signs = "update", ("out.pipeline.csv", "out.yaml")

    def __init__(self, draws, over):
        self.draws, self.over = draws, over

    def lay(self, place, command):
        """Put there what is there before: the plan, its records, and an older result."""
        write_records(place)
        if self.over:
            well(command([*self._line(place, "2027-02-28"), "--assume-plan", "cash"]))

    def words(self, place):
        return [*self._line(place, "2027-03-31"), *["--overwrite"] * self.over]

    def _line(self, place, day):
        plan, records, output = (place / name for name in ("small.yaml", "history.yaml", "out.yaml"))
        return ["update", plan, "--actuals", records, "--as-of", day, "-n", self.draws, "-o", output]

    def made(self, place):
        """Digest of the new plan and all files that it names; None where it is not there."""
        plan = place / "out.yaml"
        if not plan.exists():
            return None
        try:
            return _digest(*(place / name for name in load(plan).texts))
        except SimengineError as error:
            raise TornError(error) from None

    def others(self, place):
        """By name the digest of what was whole and has to stay: all that is read."""
        return {path.name: _digest(path) for path in place.glob("[!.]*") if not path.name.startswith("out.")}

    def given_back(self, _):
        return None

    def saved(self, _):
        return 0


def runs(place):
    """By name the digest of every run below a folder, after reading all of it."""
    try:
        return {str(run.path.relative_to(place)): load_run(run.path).manifest["digest"] for run in stored(place)}
    except SimengineError as error:
        raise TornError(error) from None


def _digest(*files):
    if not all(file.exists() for file in files):
        return None
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


def names(place):
    """Of every file and folder below a folder."""
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


def well(ended):
    """Insist that a command that nobody killed ended well."""
    if ended.code:
        raise SystemExit(f"a command that nobody killed ended with {ended.code}:\n{ended.err}")
    return ended


class Whole(NamedTuple):
    """What a command does when nobody kills it.

    Attributes
    ----------
    start : folder with what is there before
    old, new : digest of what it makes, before and after; None where there is nothing before
    names : of all that is there after
    seconds, operations, writing : how long it took, and what it did to files, as in `killing.Ended`; 0 from scratch
    """

    start: Path
    old: str | None
    new: str
    names: list[str]
    seconds: float
    operations: int
    writing: int


def undisturbed(case, folder, command):
    """Run a case through, from a folder that stays as it was."""
    start, place = folder / "start", folder / "whole"
    start.mkdir(parents=True)
    case.lay(start, command)
    shutil.copytree(start, place)
    old = case.made(start)
    done = well(command(case.words(place)))
    return Whole(start, old, case.made(place), names(place), done.seconds, done.operations, done.writing)


@dataclass
class Tally:
    """What was seen.

    Attributes
    ----------
    kills : of processes that were at work, by command
    repeated : how many of them when the command was repeated, mostly to go on after a kill
    after : of them by what was there right after (`SEEN`)
    lost, torn, different : what must never be, in words
    saved, again : paths that were not simulated again, and how often a command was run again
    """

    kills: Counter = field(default_factory=Counter)
    repeated: int = 0
    after: Counter = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    saved: int = 0
    again: int = 0

    @property
    def faults(self):
        return [*self.lost, *self.torn, *self.different]

    def add(self, other):
        """Take in what was seen elsewhere."""
        for mine, others in ((self.kills, other.kills), (self.after, other.after)):
            mine.update(others)
        for name in ("lost", "torn", "different"):
            getattr(self, name).extend(getattr(other, name))
        self.repeated += other.repeated
        self.saved += other.saved
        self.again += other.again


def tried(case, kills, folder, *, seed=SEED, from_scratch=False):
    """Kill a command so many times, and look each time at what is there; the tally."""
    (told := folder / "told").mkdir(parents=True)
    tally, rng = Tally(), random.Random(f"{seed} {case.name} {case.over} {from_scratch}")
    command = partial(fresh if from_scratch else forked, told=told)
    whole = undisturbed(case, folder, command)
    while tally.kills.total() < kills:
        place = folder / "place"
        shutil.copytree(whole.start, place)
        try:
            for attempt in range(1 + (rng.random() < AGAIN)):
                before = tally.kills.total()
                killed(case, whole, place, _signed(case, place, command, rng, from_scratch), moment(rng, whole), tally)
                tally.repeated += attempt * (tally.kills.total() - before)
            run_again(case, whole, place, command, tally)
        except TornError as error:
            tally.torn.append(f"{case.name}: {error}")
        shutil.rmtree(place)
    return tally


def _signed(case, place, command, rng, from_scratch):
    """The command; from scratch, half of the times its moment counts from its first sign on disk."""
    if not from_scratch or rng.random() < 0.5:
        return command
    return partial(command, signs=[place / sign for sign in case.signs])


def moment(rng, whole):
    """A random moment of a command's life: by the clock, or beside something that it does to files.

    Half of the latter are after it began to write its result, which takes the least time and matters most.
    """
    if not whole.operations or rng.random() < 0.5:
        return Moment(rng.uniform(0.0, whole.seconds))
    delay = rng.uniform(0.0, 2 * whole.seconds / whole.operations) if rng.random() < 0.5 else 0.0
    return Moment(delay, rng.randrange(rng.choice((0, whole.writing)), whole.operations))


def killed(case, whole, place, command, when, tally):
    """Let a command be killed, and hold what is there against what was there, and against what is to be."""
    others = case.others(place)
    if case.made(place) == whole.new and not case.over:
        return
    ended = command(case.words(place), moment=when)
    if not ended.was_killed:
        if ended.code:
            tally.different.append(f"{case.name} ended with {ended.code} at {when}: {ended.err}")
        return
    tally.kills[case.name] += 1
    made, now = case.made(place), case.others(place)
    tally.lost += [f"{case.name} {when}: {name}" for name, digest in others.items() if now.get(name) != digest]
    back = case.given_back(place)
    if made is None and whole.old is not None:
        seen = "put aside" if back == whole.old else "away"
    else:
        seen = {whole.old: "old", whole.new: "new"}.get(made, "other")
    tally.after[seen] += 1
    if seen == "other":
        tally.different.append(f"{case.name} {when}: neither the old nor the new")
    if seen == "away" and case.name == "run":
        tally.lost.append(f"{case.name} {when}: the run that was to be replaced")


def run_again(case, whole, place, command, tally):
    """Run the same command through, and compare all that is there."""
    if case.made(place) != whole.new or case.over:
        ended = command(case.words(place))
        tally.again += 1
        if ended.code:
            tally.different.append(f"{case.name} run again ended with {ended.code}: {ended.err}")
            return
        tally.saved += case.saved(ended)
    if case.made(place) != whole.new:
        tally.different.append(f"{case.name} run again has another digest")
    for path in abandoned(place, older_than=LATER):
        swept(path)
    if names(place) != whole.names:
        apart = sorted(set(names(place)) ^ set(whole.names))
        tally.different.append(f"{case.name} run again, and swept: {', '.join(apart)}")


CASES = (
    (22, False, Run(1000, False)),
    (22, False, Run(1000, True)),
    (22, False, Run(6000, False, "--detail", "stream")),
    (22, False, Run(6000, True, "--detail", "stream")),
    (6, True, Run(8192, False)),
    (6, True, Run(8192, True)),
    (27, False, Batch(500, False)),
    (27, False, Batch(500, True)),
    (6, True, Batch(1000, False)),
    (18, False, Update(1000, False)),
    (18, False, Update(1000, True)),
    (4, True, Update(1000, True)),
)
"""How many kills of what, and whether its processes start from scratch."""
DONE = ROOT / "build" / "trust" / "kills"
"""Tallies of cases that are done, until all are: a campaign that was stopped goes on."""


def main():
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    total, scratch = Tally(), 0
    for number, (kills, from_scratch, _) in enumerate(CASES):
        found = _done(number, max(1, round(share * kills)))
        print(number, dict(found.after), *found.faults, sep="\n  ", flush=True)
        scratch += from_scratch * found.kills.total()
        total.add(found)
    if share == 1.0:
        record("kills", _lines(total, scratch))
    shutil.rmtree(DONE)
    if total.faults:
        raise SystemExit("a kill did harm")


def _done(number, kills):
    """The tally of a case; of one that was done before, as it was kept."""
    kept = DONE / f"{number}-{kills}.json"
    if kept.exists():
        told = json.loads(kept.read_text(encoding="utf-8"))
        return Tally(**{**told, "kills": Counter(told["kills"]), "after": Counter(told["after"])})
    _, from_scratch, case = CASES[number]
    with tempfile.TemporaryDirectory() as folder:
        found = tried(case, kills, Path(folder) / "all", seed=SEED + number, from_scratch=from_scratch)
    DONE.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(vars(found)), encoding="utf-8")
    return found


def _lines(total, scratch):
    """What is on record."""
    kills = ", ".join(f"{count} of {name}" for name, count in total.kills.items())
    return [
        Line(
            "a kill loses nothing that was whole",
            "`run`, `batch` and `update` killed with SIGKILL at random moments, and at or soon after random things "
            f"that they do to files; {total.repeated} when it was repeated, {scratch} in processes from scratch",
            f"{total.kills.total()} kills ({kills})",
            f"{len(total.lost)} lost, {len(total.torn)} torn; right after a kill "
            + ", ".join(f"{SEEN[what]} {count} times" for what, count in sorted(total.after.items())),
        ),
        Line(
            "the same command brings the bits of a run that nobody killed, and leaves nothing that `runs prune` does "
            "not sweep",
            "it is run again after every kill that it had not outrun",
            f"{total.again} times",
            f"{len(total.different)} differences; {total.saved:,} paths were there already",
        ),
    ]


SEEN = {
    "old": "what was there before was there",
    "new": "the new was there",
    "put aside": "the old run stood under another name, which `runs prune` gives back,",
    "away": "a plan or table was away until the command was run again",
    "other": "something else was there",
}


if __name__ == "__main__":
    main()
