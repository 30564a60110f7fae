"""Where the time of the kernel goes: samples of a processor by function of simengine/kernel, on the example.

Run with `make bench-profile`; the table is printed and written to bench/profile.md. It needs Linux and its tool perf
(Debian: apt-get install linux-perf).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from pathlib import Path

from bench.apart import apart
from bench.inputs import by_blocks, example
from bench.report import heading, table, write
from simengine.kernel.run import ready

PATHS, ROUNDS = 512, 6
SHOWN = 30
LIBRARY = "mathematics library, Python, system"


def functions(kernel):
    """(address, name) of every function in the machine code of the kernel, in order of address."""
    library = kernel.overloads[kernel.signatures[0]].library
    engine = library._codegen._engine
    found = ((engine.get_function_address(f.name), f.name) for f in library._final_module.functions)
    return sorted((address, readable(name)) for address, name in found if address)


def readable(mangled):
    """module.function of a name in which each part stands behind its length."""
    parts, rest = [], mangled.removeprefix("_ZN")
    while (length := re.match(r"\d+", rest)) is not None:
        rest = rest[length.end() :]
        parts.append(rest[: int(length[0])])
        rest = rest[int(length[0]) :]
    return ".".join(parts[2:]) if parts[:2] == ["simengine", "kernel"] else LIBRARY


def samples(work, folder):
    """Addresses at which the processor was found while `work` was done."""
    record = Path(folder) / "perf.data"
    perf = subprocess.Popen(["perf", "record", "-q", "-F", "4000", "-o", record, "-p", str(os.getpid())])
    time.sleep(1)
    work()
    perf.terminate()
    perf.wait()
    script = subprocess.run(["perf", "script", "-i", record, "-F", "ip"], capture_output=True, text=True, check=True)
    return [int(address, 16) for address in script.stdout.split()]


def main():
    if shutil.which("perf") is None:
        sys.exit("perf is not there; on Debian: sudo apt-get install linux-perf")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # only what is compiled in this process knows its functions
        with apart(named=True):
            kernel = ready()
        given = example(PATHS)

        def work():
            for _ in range(ROUNDS):
                by_blocks(*given)

        work()
        found = samples(work, folder)
    known = functions(kernel)
    starts, end = [address for address, _ in known], known[-1][0] + 2**16
    counts = Counter(known[bisect_right(starts, ip) - 1][1] if starts[0] <= ip < end else LIBRARY for ip in found)
    rows = [[name, f"{100 * count / len(found):.1f}"] for name, count in counts.most_common(SHOWN)]
    write(
        "profile.md",
        heading("Where the time of the kernel goes", "make bench-profile"),
        f"{len(found):,} samples of a kernel whose functions are kept apart where they are not small; otherwise most "
        "stand in the outermost one. What is inlined counts for the function in which it stands.\n",
        table(["function of simengine/kernel", "share, %"], rows),
    )


if __name__ == "__main__":
    main()
