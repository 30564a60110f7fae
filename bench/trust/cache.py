"""Compiled code that was damaged, exchanged or given away: it is never run, and the answer is right all the same.

A function that compiles in a blink goes through the machinery of the kernel, each time in a process of its own, for bad
machine code would end it. Of the kernel's own files it is asked whether numba would be let near them.
"""

import importlib.util
import logging
import os
import shutil
import sys
import tempfile
from collections import Counter
from functools import cache as once
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import types

from bench.trust.record import Line, record
from simengine.kernel import cache, random, run

SOURCE = """
def double(x):
    return 2.0 * x


def triple(x):
    return 3.0 * x
"""
_SEED = 20_261_129


class Outcome(NamedTuple):
    """How a process ended that was to load or compile a function."""

    right: bool
    crashed: bool


@once
def functions():
    """A module of two functions, in a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "tiny.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("tiny", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny"] = module
    spec.loader.exec_module(module)
    return module


def loaded(function):
    """The function, from its folder or compiled."""
    return cache.load_or_compile(function, (types.float64,), lambda compiled: str(compiled(1.25)))


def in_a_child(function, right):
    """Load or compile in a process of its own, and hold its answer for 21 against the right one."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if loaded(function)(21.0) == right else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return Outcome(os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status) not in (0, 2))


def _held(place):
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def flips(contents, count, rng):
    """Files with one bit flipped: `count` places, spread over the files by turns."""
    files = sorted(contents)
    for i in range(count):
        content = bytearray(contents[file := files[i % len(files)]])
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        yield "flipped", file, bytes(content)


def cuts(contents, count, rng):
    """Files that were cut off, some to nothing, or that grew."""
    files = sorted(contents)
    for i in range(count):
        content = contents[file := files[i % len(files)]]
        length = int(rng.integers(len(content))) if i >= len(files) else 0
        yield "cut", file, content[:length]
        if i % 4 == 0:
            yield "grown", file, content + rng.bytes(1 + length)


def garbage(contents, count, rng):
    """Files of something else."""
    files = sorted(contents)
    for i in range(count):
        file = files[i % len(files)]
        yield "garbage", file, rng.bytes(len(contents[file]))
        yield "garbage", file, b"[" * 100_000


def exchanges(contents, others):
    """Files of another function under the names of ours, alone and all together."""
    for file, other in zip(sorted(contents), sorted(others), strict=True):
        yield "exchanged", file, others[other]


def _a_folder(file):
    file.unlink()
    file.mkdir()


def _a_link(file):
    away = file.parent.parent / "away"
    shutil.move(file, away)
    file.symlink_to(away)


def _a_link_to_nothing(file):
    file.unlink()
    file.symlink_to("nowhere")


def _a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def _gone(file):
    file.unlink()


def _given_away(file):
    if os.geteuid() == 0:
        os.chown(file, 65_534, -1)


def _open_to_all(file):
    file.parent.chmod(0o777)
    file.chmod(0o666)


OTHERS = (_a_folder, _a_link, _a_link_to_nothing, _a_pipe, _gone, _given_away, _open_to_all)
"""What may be in place of a file."""


class Cache:
    """The kept files of `double` in a home of their own, which can be put back after each damage."""

    def __init__(self, home):
        os.environ["XDG_CACHE_HOME"] = str(home)
        cache._say_once.cache_clear()
        module = functions()
        self.function, other = module.double, module.triple
        assert loaded(self.function)(21.0) == 42.0
        assert loaded(other)(21.0) == 63.0
        self.place = cache.folder_of(self.function)
        self.contents = _of_files(self.place)
        self.others = _of_files(cache.folder_of(other))

    def restore(self):
        """Put everything back as it was when it was compiled."""
        shutil.rmtree(self.place)
        self.place.mkdir(mode=0o700)
        for file, content in self.contents.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def damaged(self, file, content):
        """How a process fares with one file replaced."""
        self.restore()
        file.write_bytes(content)
        return in_a_child(self.function, 42.0)

    def spoiled(self, file, spoil):
        """How a process fares with something else in place of a file."""
        self.restore()
        spoil(file)
        return in_a_child(self.function, 42.0)


def _of_files(place):
    return {path: content for path, content in _held(place).items() if content}


def tried(home, count):
    """Damage the kept files of a small function in about 3 x `count` ways; how many of each, and outcomes."""
    rng, kept, counts, outcomes = np.random.default_rng(_SEED), Cache(home), Counter(), []
    ways = [*flips(kept.contents, 2 * count, rng), *cuts(kept.contents, count, rng)]
    ways += [*garbage(kept.contents, max(3, count // 20), rng), *exchanges(kept.contents, kept.others)]
    for what, file, content in ways:
        outcomes.append(kept.damaged(file, content))
        counts[what] += 1
    for spoil in OTHERS:
        for file in sorted(kept.contents):
            outcomes.append(kept.spoiled(file, spoil))
            counts["something else"] += 1
    return counts, outcomes


def of_the_kernel(count):
    """Flips and cuts of the files of each compiled function of the engine: how many were tried, and let through.

    A manifest whose answer was changed lets numba read what is whole, and then the self-test does not take it. So what
    counts as let through is a file of numba's that is damaged, with the answer that was written. The functions are
    compiled first; their files are as they were afterwards.
    """
    run.ready()
    rng, done, let = np.random.default_rng(_SEED), 0, 0
    for function in (run.path.simulate_paths.py_func, random.philox.py_func):
        contents = _of_files(cache.folder_of(function))
        if not contents:
            continue
        place = cache.folder_of(function)
        right = cache._answer(place)
        assert right is not None
        for _, file, content in (*flips(contents, count, rng), *cuts(contents, count // 4, rng)):
            try:
                file.write_bytes(content)
                let += file.suffix in (".nbi", ".nbc") and cache._answer(place) == right
            finally:
                file.write_bytes(contents[file])
            done += 1
        assert cache._answer(place) == right
    return done, let


def main():
    """Hundreds of damages of a small function, and the kernel's own files; keeps the figures."""
    logging.disable()
    with tempfile.TemporaryDirectory() as home:
        before = os.environ.get("XDG_CACHE_HOME")
        counts, outcomes = tried(Path(home).resolve() / "home", 120)
        os.environ.pop("XDG_CACHE_HOME")
        if before:
            os.environ["XDG_CACHE_HOME"] = before
    crashed, wrong = sum(o.crashed for o in outcomes), sum(not o.right and not o.crashed for o in outcomes)
    told = ", ".join(f"{what} {count:,}" for what, count in counts.items())
    done, let = of_the_kernel(400)
    record(
        "cache",
        [
            Line(
                "a damaged, foreign or exchanged file of compiled code never ends a run, nor changes a number",
                "a small function through the kernel's own machinery, each damage in a process of its own",
                f"{len(outcomes):,} files ({told})",
                f"{crashed} crashes, {wrong} wrong answers",
            ),
            Line(
                "numba reads no file of the kernel that is not as it was written",
                "the kernel's own files with a bit flipped, or cut",
                f"{done:,} files",
                f"{let} let through",
            ),
        ],
    )
    return crashed + wrong + let


if __name__ == "__main__":
    sys.exit(main() != 0)
