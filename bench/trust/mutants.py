"""Mistakes put into the kernel and the estimators, one at a time: how many does some test see?

A sample of sites is drawn (bench.trust.mutation), each gets one change, and the tests that import the changed module
run, those nearest to it first. A mutant is killed by a test that fails, by a crash, or by a test that does not end; it
has survived when all tests pass that begin within its time. Kernel mutants run without numba, as plain Python.
Estimators are plain Python anyway: they run beside the compiled kernel, which is not theirs.

This process imports what is slow to import, but none of the modules that are changed, and forks a child for each
mutant, which has its module from memory: files stay as they are, and tests that start a process of their own see no
mutant. Verdicts are kept in build/mutants/verdicts.jsonl, so that a campaign that was stopped goes on.
"""

import argparse
import ast
import contextlib
import gc
import hashlib
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import NamedTuple

from bench.trust.mutation import Site, mutated, sites

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WORK = ROOT / "build" / "mutants"

SEED, COUNT = 9, 150
"""Of each stratum so many are drawn."""
FRESH, CONTROLS = 30, 10
"""And so many with the next seed, when tests have been written for the first; modules left as they are."""
PATIENCE_S = 15.0
"""For all tests of one mutant; no further test is begun later. All times are of the processor, which may be shared."""
LONGEST_S = 1200.0
MEMORY = 8 * 2**30

KERNEL = (
    *("bands", "base", "deals", "demand", "market", "path", "queue", "quotas", "random", "records", "routing", "run"),
    *("seats", "tables", "world"),
)
"""Not cache, jit and selftest: they keep and check machine code, and compute nothing of a path."""
KERNEL_TESTS = tuple(f"tests/kernel/test_{name}.py" for name in ("random", "records", "run", "against_reference"))
"""Those whose tests are quick enough without numba."""
EXPLAIN = (
    *("additive", "attribution", "audit", "averages", "certainty", "choice", "coalitions", "dates", "direction"),
    *("evppi", "forms", "information", "intervals", "miss", "narrowing", "patterns", "payoff", "probit", "ranking"),
    *("ranks", "shape", "shapley", "sobol", "stress", "surrogate", "target", "ties", "timing", "tornado"),
    *("trigger_points", "variance", "variation", "walk"),
)
RESULTS = (
    *("allocation", "books", "budget", "cash", "composition", "costs", "economics", "efficiency", "histogram"),
    *("observed", "past", "paths", "pipeline", "reduction", "targets"),
)
LEARN = (
    *("conversion", "incidence", "lags", "leaving", "likelihood", "maximum", "piece", "posterior", "ramp", "sizes"),
    *("slice", "together", "update", "volumes"),
)
DECIDE = ("bridge", "capacity", "certify", "paired", "patchwork", "worth")


PREFACE = """\
A mutant survives where no test tells the change. Some changes cannot be told: they are listed with the reason, and
count as survivors all the same. The others are what the tests do not see, or not within a mutant's time.
"""


class Stratum(NamedTuple):
    """Modules that are changed, and the folders whose tests may see it."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    compiled: bool
    limit_s: float
    """A test that takes longer hangs."""


STRATA = {
    "kernel": Stratum(
        tuple(f"simengine/kernel/{name}.py" for name in KERNEL), KERNEL_TESTS, compiled=False, limit_s=60.0
    ),
    "estimators": Stratum(
        tuple(
            f"simengine/{room}/{name}.py"
            for room, names in (("explain", EXPLAIN), ("results", RESULTS), ("learn", LEARN), ("decide", DECIDE))
            for name in names
        ),
        ("tests/explain", "tests/results", "tests/learn", "tests/decide", "tests/report"),
        compiled=True,
        limit_s=40.0,
    ),
}


class Mutant(NamedTuple):
    """One site of one file, with one change; no change at all for a control."""

    file: str
    site: Site
    change: str | None

    @property
    def name(self):
        return f"{self.file}:{self.site.line}:{self.site.column} {self.site.kind} {self.change or 'unchanged'}"


# ── which mutants ────────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(stratum, count, seed):
    """So many mutants of a stratum, each of another site, all sites equally likely."""
    found = [(file, site) for file in STRATA[stratum].modules for site in sites((ROOT / file).read_text("utf-8"))]
    chance = random.Random(f"{stratum} {seed}")
    return [Mutant(file, site, chance.choice(site.changes)) for file, site in chance.sample(found, count)]


# ── one process for each mutant ──────────────────────────────────────────────────────────────────────────────────────


def warm_up():
    """Import what tests need and no mutant changes."""
    for name in (
        *("numpy", "numba", "scipy.stats", "scipy.optimize", "scipy.special", "scipy.linalg", "xarray", "pydantic"),
        *("yaml", "rich.console", "hypothesis", "hypothesis.extra.numpy", "mpmath", "pandas", "h5netcdf", "click"),
        *("pytest", "_pytest.doctest", "matplotlib.figure", "lifelines", "statsmodels.api", "scoringrules"),
        *("simengine.plan", "simengine.timeline"),
    ):
        importlib.import_module(name)
    changed = {_module(file) for stratum in STRATA.values() for file in stratum.modules}
    assert changed.isdisjoint(sys.modules)
    sys.dont_write_bytecode = False
    gc.collect()
    gc.freeze()


def in_child(compiled, work):
    """What `work()` answers in a process of its own; {"signal": number} if it was ended by one."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _alone(compiled)
        answer = json.dumps(work())
        with os.fdopen(writer, "w") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    _end_group(child)
    return json.loads(answer) if answer else {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}


def _alone(compiled):
    """A group of its own, little memory, no say on the screen; numba off if the kernel is to be plain Python."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    log = os.open(_log(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if not compiled:
        import numba

        os.environ["NUMBA_DISABLE_JIT"] = "1"
        numba.config.reload_config()


def _log():
    """Of the child that this process is."""
    return WORK / f"child-of-{os.getppid()}.log"


def tidy():
    """Remove what children of this process have left."""
    for left in WORK.glob(f"*-{os.getpid()}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _end_group(leader):
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it left nobody behind
        os.killpg(leader, signal.SIGKILL)


def run_tests(files, *plugins):
    import pytest

    options = (
        "-q",
        "-x",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:unraisableexception",
        "--disable-plugin-autoload",
        "--import-mode=importlib",
        "-o",
        "addopts=",
    )
    tier = ("-m", "not full and not system", f"--basetemp={WORK / f'tmp-{os.getppid()}'}")
    return int(pytest.main([*options, *tier, *files], plugins=list(plugins)))


class _FromMemory(SourceFileLoader):
    """A module whose code was changed after it was read."""

    code = None

    def get_code(self, fullname):
        return self.code


def _module(file):
    return file.removesuffix(".py").replace("/", ".")


class _Finder:
    def __init__(self, file, tree):
        self.path = str(ROOT / file)
        self.name = _module(file)
        self.code = compile(tree, self.path, "exec", dont_inherit=True)

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        loader = _FromMemory(fullname, self.path)
        loader.code = self.code
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


# ── which tests ──────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _imports(file):
    """Files of the repository that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    places = (name.replace(".", "/") for name in found)
    return [place for name in places for place in (f"{name}.py", f"{name}/__init__.py") if (ROOT / place).exists()]


@cache
def _steps(test):
    """How many imports lie between a test file and each file that it may run."""
    steps, edge = {test: 0}, [test]
    while edge:
        edge = [
            file
            for known in edge
            for file in _imports(known)
            if steps.setdefault(file, steps[known] + 1) > steps[known]
        ]
    return steps


def tests_of(file, places):
    """Test files that can run a module: the one of its name first, then by the imports between, then quick ones.

    Where places are files themselves, in their order.
    """
    tests = [str(test.relative_to(ROOT)) for place in places for test in _tests(ROOT / place)]
    stem, room = Path(file).stem, Path(file).parent.name
    took = Counter()
    for test, seconds in _usual().items():
        took[test.partition("::")[0]] += seconds

    def rank(test):
        near = _steps(test)[file], stem not in test, room not in test, took[test], (ROOT / test).stat().st_size
        return Path(test).stem != f"test_{stem}", near if test not in places else ()

    return sorted((test for test in tests if file in _steps(test)), key=rank)


def _tests(place):
    return sorted(place.glob("test_*.py")) if place.is_dir() else [place]


# ── a verdict ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Judge:
    """Ends a run at the first failure, and when patience does; a test that hangs ends the process."""

    def __init__(self, patience, limit, usual):
        self.until, self.limit, self.usual = time.process_time() + patience, limit, usual
        self.by, self.says, self.ran, self.stopped = None, "", 0, False
        self.took = Counter()

    def pytest_collection_modifyitems(self, items):
        """Of each file the quickest first; what is not known yet is."""
        files = {item.path: None for item in items}
        order = {path: number for number, path in enumerate(files)}
        items.sort(key=lambda item: (order[item.path], self.usual.get(item.nodeid, 0.0)))

    def pytest_runtest_protocol(self, item):
        if time.process_time() > self.until:
            self.stopped = True
            item.session.shouldstop = "patience"
        else:
            self.began = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, self.limit)
            _log().with_suffix(".now").write_text(item.nodeid)

    def pytest_runtest_logreport(self, report):
        self.ran += report.when == "call"
        self.took[report.nodeid] = round(time.process_time() - self.began, 2)
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report):
        if report.failed and self.by is None:
            self.by, self.says = report.nodeid, str(report.longrepr).strip().splitlines()[-1][:200]


@cache
def _usual():
    """The longest that each test has taken so far; what a test shares with others is counted where it came first."""
    keep = WORK / "times.jsonl"
    times = Counter()
    for line in keep.read_text("utf-8").splitlines() if keep.exists() else ():
        times |= Counter(json.loads(line))
    return times


def _learn(took):
    times = _usual()
    if news := {test: seconds for test, seconds in took.items() if seconds > 1.5 * times[test] + 0.1}:
        times.update({test: seconds - times[test] for test, seconds in news.items()})
        with (WORK / "times.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(news) + "\n")


def judged(mutant, stratum, patience=PATIENCE_S):
    """Try a mutant: its verdict (killed, timeout or survived), by which test, and how long it took."""
    tree, after = mutated((ROOT / mutant.file).read_text("utf-8"), mutant.site.number, mutant.change)
    files = tests_of(mutant.file, stratum.tests)
    began = time.monotonic()

    def work():
        signal.setitimer(signal.ITIMER_PROF, stratum.limit_s)  # a module that never ends its import
        signal.setitimer(signal.ITIMER_REAL, LONGEST_S)  # a test that waits for ever
        sys.meta_path.insert(0, _Finder(mutant.file, tree))
        judge = _Judge(patience, stratum.limit_s, _usual())
        code = run_tests(files, judge)
        if code and judge.by is None and not judge.stopped:
            judge.by, judge.says = "pytest", f"ended with {code}"
        return {"by": judge.by, "says": judge.says, "ran": judge.ran, "stopped": judge.stopped, "took": judge.took}

    found = in_child(stratum.compiled, work)
    _learn(found.pop("took", {}))
    if "signal" in found:
        verdict = "timeout" if found["signal"] in {signal.SIGPROF, signal.SIGALRM} else "killed"
        found["by"] = (WORK / f"child-of-{os.getpid()}.now").read_text()
    else:
        verdict = "killed" if found["by"] else "survived"
    about = {"name": mutant.name, "before": mutant.site.before, "after": after, "verdict": verdict}
    return {**about, **found, "seconds": round(time.monotonic() - began, 1)}


def campaign(stratum, mutants, patience=PATIENCE_S, *, again=False, passed=(), tests=()):
    """Every verdict on each mutant of a stratum, in order; those on record are not tried.

    `again`: survivors of less patience are, except those that are known to change nothing (`passed`); with `tests`
    all other survivors too, on these files only.
    """
    keep = WORK / "verdicts.jsonl"
    kept = {}
    for line in keep.read_text("utf-8").splitlines() if keep.exists() else ():
        verdict = json.loads(line)
        kept.setdefault(verdict["key"], []).append(verdict)
    where, waited = STRATA[stratum], patience
    if tests:
        where, waited = where._replace(tests=tuple(tests)), 0.0
    found = []
    for number, mutant in enumerate(mutants):
        key = f"{mutant.name} {mutant.site.before} {_digest(mutant.file)}"
        verdicts = kept.setdefault(key, [])
        survived = again and verdicts and verdicts[-1]["verdict"] == "survived" and mutant.name not in passed
        if tests:
            try_it = survived and tests_of(mutant.file, where.tests)
        else:
            try_it = not verdicts or (survived and max(each.get("patience", 0.0) for each in verdicts) < patience)
        if try_it:
            verdicts.append({"key": key, "patience": waited, **judged(mutant, where, patience)})
            with keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(verdicts[-1], ensure_ascii=False) + "\n")
            print(number + 1, *(verdicts[-1][name] for name in ("verdict", "seconds", "name", "after")), sep=" | ")
        found.append(verdicts)
    return found


def _digest(file):
    return hashlib.sha256((ROOT / file).read_bytes()).hexdigest()[:16]


# ── what is said of it ───────────────────────────────────────────────────────────────────────────────────────────────


def rate(found, known):
    """Killed of all in words, with Wilson's interval, and what should be known of that figure."""
    from scipy.stats import binomtest

    last = [verdicts[-1] for verdicts in found]
    killed = [verdict for verdict in last if verdict["verdict"] != "survived"]
    low, high = binomtest(len(killed), len(last)).proportion_ci(method="wilson")
    said = [f"{len(killed)} killed: {len(killed) / len(last):.0%}, 95 % interval {low:.0%} to {high:.0%}"]
    if written := sum(str(verdict["by"]).partition("[")[0] in known["written"] for verdict in killed):
        said.append(f"{written} of them by tests that were written for survivors")
    if slow := sum(verdict["verdict"] == "timeout" for verdict in killed):
        said.append(f"{slow} by a test that did not end")
    if same := sum(verdict["name"] in known["equivalent"] for verdict in last if verdict not in killed):
        said.append(f"{same} survivors change nothing that can be seen: {len(killed) / (len(last) - same):.0%} without")
    return "; ".join(said)


def survivors(found, known):
    """A table of them: what was changed, and why no test can see it or that none does."""
    from bench.report import table

    rows = [
        (
            f"`{last['name']}`",
            f"`{last['before']}`",
            f"`{last['after']}`",
            known["equivalent"].get(last["name"], "no test sees it"),
        )
        for *_, last in found
        if last["verdict"] == "survived"
    ]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return table(["where", "before", "after", "why it survives"], escaped)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", nargs="*", choices=STRATA, default=list(STRATA), help="all go on record together")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--fresh", type=int, default=FRESH)
    parser.add_argument("--patience", type=float, default=PATIENCE_S)
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("I", "N"), help="every Nth from the Ith on"
    )
    parser.add_argument("--again", action="store_true", help="try survivors of less patience anew")
    parser.add_argument("--tests", nargs="*", default=(), metavar="FILE", help="only on these files")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    warm_up()
    first, step = options.part
    known = json.loads((HERE / "survivors.json").read_text("utf-8"))
    sample, fresh, controls = {}, {}, {}
    for stratum in options.strata:
        how = {
            "patience": options.patience,
            "again": options.again,
            "passed": known["equivalent"],
            "tests": options.tests,
        }
        sample[stratum] = campaign(stratum, drawn(stratum, options.count, SEED)[first::step], **how)
        fresh[stratum] = campaign(stratum, drawn(stratum, options.fresh, SEED + 1)[first::step], **how)
        unchanged = [mutant._replace(change=None) for mutant in drawn(stratum, CONTROLS, SEED + 2)]
        controls[stratum] = [] if options.tests else campaign(stratum, unchanged[first::step], options.patience)
    tidy()
    if set(options.strata) == set(STRATA) and step == 1:
        keep(sample, fresh, controls, known)


def keep(sample, fresh, controls, known):
    """The lines for the record, and the page of survivors."""
    from bench.report import heading, write
    from bench.trust.record import Line, record

    lines = []
    for name, found in (*sample.items(), ("kernel and estimators", both(sample))):
        test = f"one change at a random place of the {name}, seed {SEED}"
        lines.append(Line("a small mistake makes a test fail", test, f"{len(found)} mutants", rate(found, known)))
    test = f"the same on places that no test was written for, seed {SEED + 1}"
    if both(fresh):
        lines.append(Line("and so does the next one", test, f"{len(both(fresh))} mutants", rate(both(fresh), known)))
    passed = sum(last["verdict"] == "survived" for *_, last in both(controls))
    test = "the same tests on unchanged modules, put in place in the same way"
    lines.append(Line("only a mistake does", test, f"{len(both(controls))} modules", f"{passed} pass"))
    record("mutants", lines)
    listed = survivors([*both(sample), *both(fresh)], known)
    write("mutants.md", heading("Mutants that survive", "python -m bench.trust.mutants"), PREFACE, listed)


def both(strata):
    """Verdicts of all strata."""
    return [verdicts for found in strata.values() for verdicts in found]


if __name__ == "__main__":
    main()
