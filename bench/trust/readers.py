"""Coverage-guided fuzzing of every reader, with atheris; what is worth keeping stays in tests/fuzz/corpus.

`python -m bench.trust.readers` fuzzes each reader for a minute and records how many inputs were tried. Only an error
that simengine raises on purpose may leave a reader, within seconds and without a warning. Whatever else was found is
written to build/trust/readers/found, to be fixed and kept in the corpus under a name that says what it is.
"""

import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
WORK = ROOT / "build" / "trust" / "readers"

COMPILED = [f"simengine.kernel.{file.stem}" for file in (ROOT / "simengine" / "kernel").glob("*.py")]
"""What numba compiles, which holds no code that counts its steps; no reader reads in it."""
SECONDS = 25
LONGEST = 5.0
"""Seconds that a reader may take for one input."""
MOST_MEMORY = 3000
"""Megabytes that a reader may need, all of the process included."""
LARGEST = 8_000
"""Bytes of an input."""
LARGEST_KEPT = 3_000
LOOKED_AT = 120
"""Inputs of each reader that may be kept, by chance."""
KEPT = 16
"""Inputs kept of each reader, those that reach what no smaller one does."""

HOW_TO_GET_IT = (
    "fuzzing needs atheris, which is not installed: pip install 'simengine[fuzz]' (Linux); "
    "without it, pytest tests/trust replays what it has found"
)

PIECES = (
    *(b"{", b"}", b"[", b"]", b": ", b"- ", b"&a ", b"*a", b"!!str ", b"<<: ", b"? ", b"|", b"---\n", b"\n", b"\t"),
    *(b"'", b'"', b"null", b"true", b"-1", b"0", b"1e999", b"1e300", b".nan", b"NaN", b"9" * 50, b"12:30", b"2027-13"),
    *(b"2027-01-32", b"0000-00", b"\0", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\\ud800", b"[" * 60, b"{a: " * 60),
    *(
        b"5 %",
        b"x1.2",
        b"3 months",
        b"start: ",
        b"extends: plan.yaml",
        b"file: x.csv",
        b"distribution: ",
        b"{fixed: 0}",
    ),
    *(b"{uniform: [0, 1]}",),
)
_TOKENS = re.compile(rb"\s+|[\w.%-]+|.", re.DOTALL)


# --- one reader, in a process of its own ------------------------------------------------------------------------------


def mutated(data, most, number):
    """Tokens cut out, doubled, moved, or replaced by a piece: YAML, CSV, XML and JSON stay nearly what they were."""
    rng = random.Random(number)
    tokens = _TOKENS.findall(data)
    for _ in range(rng.randint(1, 4)):
        at, to = rng.randint(0, len(tokens)), rng.randint(0, len(tokens))
        few = tokens[at : at + rng.randint(1, 6)]
        match rng.randrange(5):
            case 0:
                del tokens[at : at + len(few)]
            case 1:
                tokens[to:to] = few
            case 2:
                tokens[at : at + len(few)] = [rng.choice(PIECES)]
            case 3:
                tokens[at:at] = [rng.choice(PIECES)]
            case _:
                tokens[to : to + 1] = few
    return b"".join(tokens)[:most]


def fuzz_each(seconds):
    """Fuzz every reader for some seconds, each in a fork of this process, which imports them once."""
    import atheris

    with atheris.instrument_imports(include=["simengine"], exclude=COMPILED, enable_loader_override=False):
        from bench.trust import targets

    for name, target in targets.TARGETS.items():
        inputs = WORK / name
        for folder in (inputs, WORK / "found" / name):
            folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(target.seeds()):
            (inputs / f"seed-{number}").write_bytes(data)
    for name, target in targets.TARGETS.items():
        if not (child := os.fork()):
            with (WORK / f"{name}.log").open("wb") as log:
                os.dup2(log.fileno(), sys.stderr.fileno())
            fuzz(atheris, name, partial(targets.outcome, target), seconds)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with (WORK / f"{name}.log").open("a", encoding="utf-8") as log:
            log.write(f"exit: {status}\n")


def fuzz(atheris, name, outcome, seconds):
    """Fuzz one reader; this process ends with it."""
    seen = set()

    def keep(kind, place, data, words):
        if (kind, place) not in seen:
            seen.add((kind, place))
            file = WORK / "found" / name / f"{len(seen)}-{kind}"
            file.write_bytes(data)
            file.with_suffix(".txt").write_text(words, encoding="utf-8", errors="backslashreplace")

    def try_one(data):
        started = time.process_time()
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            try:
                outcome(data, Path(folder))
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                keep(type(error).__name__, (last.filename, last.lineno), data, traceback.format_exc())
        if (taken := time.process_time() - started) > LONGEST:
            keep("slow", "", data, f"{taken:.1f} s")

    def mutate(data, most, number):
        return mutated(data, most, number) if number % 2 else atheris.Mutate(data, most)

    limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={MOST_MEMORY}", f"-max_len={LARGEST}", "-timeout=100"]
    told = ["-print_final_stats=1", f"-artifact_prefix={WORK}/found/{name}-", "-seed=9"]
    with tempfile.TemporaryDirectory() as scratch:
        warnings.simplefilter("error")
        atheris.Setup([sys.argv[0], *limits, *told, str(WORK / name)], try_one, custom_mutator=mutate)
        atheris.Fuzz()


# --- all of them ------------------------------------------------------------------------------------------------------


def campaign(seconds):
    """Fuzz every reader; return, of each, inputs tried, edges reached, and faults found."""
    # A process of its own: there simengine is imported as atheris wants it.
    subprocess.run([sys.executable, "-m", "bench.trust.readers", str(seconds)], check=True)
    logs = {log.stem: log.read_text(encoding="utf-8", errors="replace") for log in sorted(WORK.glob("*.log"))}
    return {name: summary(log) | {"faults": faults(name)} for name, log in logs.items()}


def summary(log):
    """What libFuzzer says of its work: inputs tried, edges of our code reached, and whether it came to its end."""
    tried = re.findall(r"stat::number_of_executed_units:\s*(\d+)", log)
    edges = re.findall(r"cov: (\d+)", log)
    is_whole = log.rstrip().endswith("exit: 0")
    return {"tried": int(tried[-1]) if tried else 0, "edges": int(edges[-1]) if edges else 0, "is_whole": is_whole}


def faults(name):
    """Files that hold what was found of a reader."""
    places = [*(WORK / "found").glob(f"{name}/*"), *(WORK / "found").glob(f"{name}-*")]
    return sorted(place.name for place in places if place.is_file() and place.suffix != ".txt")


def kept(name):
    """The inputs of a reader that the corpus holds."""
    return sorted(file for file in (CORPUS / name).glob("*") if file.is_file())


def minimise(name):
    """Keep, of what was tried, small inputs that together reach each line of the readers that any of them reaches."""
    from bench.trust.targets import TARGETS, outcome

    reached = {}
    small = sorted(file for file in (WORK / name).iterdir() if file.stat().st_size <= LARGEST_KEPT)
    for file in random.Random(name).sample(small, min(len(small), LOOKED_AT)):
        lines = set()
        with tempfile.TemporaryDirectory() as folder, _traced(lines):
            try:
                outcome(TARGETS[name], file.read_bytes(), Path(folder))
            except Exception:
                continue
        reached[file] = lines
    # An input is worth the lines that few inputs reach.
    common = Counter(line for lines in reached.values() for line in lines)
    worth = {file: sum(1 / common[line] for line in lines) for file, lines in reached.items()}
    place, covered, count = CORPUS / name, set(), 0
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("kept-*"):
        old.unlink()
    for file in sorted(reached, key=lambda file: -worth[file]):
        if not reached[file] <= covered and count < KEPT:
            covered |= reached[file]
            (place / f"kept-{count:02d}").write_bytes(file.read_bytes())
            count += 1


class _traced:  # noqa: N801  used like a function
    """Collects the lines of simengine that run inside the block."""

    def __init__(self, lines):
        self.lines = lines

    def __enter__(self):
        sys.settrace(self._call)

    def __exit__(self, *error):
        sys.settrace(None)

    def _call(self, frame, event, argument):
        return self._line if "/simengine/" in frame.f_code.co_filename else None

    def _line(self, frame, event, argument):
        self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def main():
    """Fuzz every reader, renew the corpus, and record what was seen."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit(HOW_TO_GET_IT)
    from bench.trust.record import Line, record

    told = campaign(SECONDS)
    for name in told:
        minimise(name)
    tried = sum(one["tried"] for one in told.values())
    found = sum(len(one["faults"]) + (not one["is_whole"]) for one in told.values())
    corpus = sum(len(kept(name)) for name in told)
    fewest, most = (by(one["tried"] for one in told.values()) for by in (min, max))
    limits = f"{SECONDS} s each, at most {MOST_MEMORY / 1000:g} GB and {LONGEST:g} s an input"
    record(
        "readers",
        [
            Line(
                "whatever bytes a file holds, a reader returns what stands there or says what is wrong",
                f"{len(told)} readers fuzzed by coverage, {limits}",
                f"{tried:,} inputs, {fewest:,} to {most:,} for each reader; {corpus} kept",
                f"{found} tracebacks, warnings, or inputs beyond the limits",
            )
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        fuzz_each(int(sys.argv[1]))
    else:
        main()
