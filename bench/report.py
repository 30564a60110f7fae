"""What every measurement says: on which machine, with which versions, when, and in which words."""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from typing import NamedTuple

from bench.inputs import ROOT

PACKAGES = ("simengine", "numpy", "numba", "xarray")
LAUNCH = """
import os, subprocess, sys, time
started = time.perf_counter()
running = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(running.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process that starts another one: the peak memory of a process begins with that of the one that started it."""


def heading(title, command):
    """Title, and what was measured where and when."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{platform.machine()} with {os.cpu_count()} processors, Python {platform.python_version()}"
    return f"# {title}\n\nMeasured with `{command}`: {date.today()}, {machine}, {packages}.\n"


def table(columns, rows):
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def write(name, *parts):
    """Print what was measured and write it to a file of this folder."""
    text = "\n".join(parts)
    print(text)
    (ROOT / "bench" / name).write_text(text, encoding="utf-8")


def spread(values, digits=2):
    """Median and range of repeated measurements."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}", ""
    return f"{statistics.median(values):.{digits}f}", f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def cpu_seconds(function, *arguments):
    """Processor seconds of one call."""
    started = time.process_time()
    function(*arguments)
    return time.process_time() - started


class Measured(NamedTuple):
    """Of a process: wall seconds, peak memory (MB), processor seconds, and what it said on standard error."""

    seconds: float
    memory: float
    processor: float
    said: str


def process(arguments, cache):
    """Wall seconds and peak memory (MB) of one simengine process that keeps its compiled kernel in `cache`."""
    return measured(arguments, cache)[:2]


def measured(arguments, cache):
    """What one simengine process takes that keeps its compiled kernel in `cache`."""
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCH, sys.executable, "-m", "simengine", *arguments],
            cwd=folder,
            env=environment(cache),
            capture_output=True,
            text=True,
            check=False,
        )
    if found.returncode:
        raise SystemExit(f"simengine {' '.join(arguments)} failed: {found.stderr}")
    return Measured(*map(float, found.stdout.split()), found.stderr)


def environment(cache):
    """In which a simengine process keeps its compiled kernel in `cache`, and Python what it compiles, as by default."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}


def figure(name):
    """Where a figure goes."""
    return ROOT / "docs" / "images" / name
