"""Ten million paths, streamed: their peak memory; and the same run again, killed halfway, for its digest.

Run with `make bench-memory`; the table is printed and written to bench/memory.md. The plan has one segment that sells
without sellers: it takes minutes.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.report import environment, heading, measured, table, write
from bench.trust.record import Line, record
from simengine.archive import load_run
from simengine.archive.blocks import UNFINISHED

DRAWS = 10_000_000
MOST = 1500
"""MB that they may take."""


def plan():
    """One segment, one channel, two assumptions, a target; JSON is YAML."""
    source = {"kind": "judgment", "reference": "bench"}
    beta = {"unit": "fraction", "source": source, "risk": {"adverse": "low"}}
    return {
        "plan": {"name": "One segment", "currency": "USD", "start": "2027-01", "months": 12},
        "targets": [{"name": "ARR", "metric": "ending_arr", "period": "FY2027", "at_least": 1_100_000}],
        "segments": {"smb": {}},
        "assumptions": {
            "win_rate": {**beta, "plan": 0.2, "distribution": {"beta": {"mean": 0.2, "n": 200}}},
            "renewal": {**beta, "plan": 0.9, "distribution": {"beta": {"mean": 0.9, "n": 200}}},
        },
        "funnel": {
            "stages": ["lead", "opportunity"],
            "channels": {
                "online": {
                    "sold_by": "nobody",
                    "segments": {
                        "smb": {
                            "volume": "5 per month",
                            "rates": ["40 %"],
                            "win_rate": "win_rate",
                            "cycle": "1 month",
                            "deal_size": 10_000,
                        }
                    },
                }
            },
        },
        "base": {"smb": {"customers": 10, "arr": 1_000_000, "renewal_rate": "renewal"}},
    }


class Seen(NamedTuple):
    """A run undisturbed, and one that was killed when it had so many blocks, and run again.

    Attributes
    ----------
    whole, again : `report.Measured`, of the first and of the repetition
    digests : of both
    most : bytes that the blocks of the first took on disk, at most
    blocks, kept : that there were at most; that there were at the kill
    found : paths that the repetition did not simulate again
    """

    whole: object
    again: object
    digests: list[str]
    most: int
    blocks: int
    kept: int
    found: int


def killed_halfway(draws, folder, cache):
    """Run a plan of so many draws through, and once more with a kill when half of its blocks are there."""
    file = folder / "plan.yaml"
    file.write_text(json.dumps(plan(), indent=1), encoding="utf-8")
    measured(["run", str(file), "-n", "2", "-o", str(folder / "compiled")], cache)
    line = ["run", str(file), "-n", str(draws), "--detail", "stream", "--memory", str(MOST / 1000), "-o"]
    outputs = [folder / name / "run" for name in ("whole", "killed")]
    with _watched(outputs[0].parent / UNFINISHED) as blocks:
        whole = measured([*line, str(outputs[0])], cache)
    unfinished = outputs[1].parent / UNFINISHED
    _kill([*line, str(outputs[1])], cache, lambda: len(_files(unfinished)) >= blocks["files"] // 2)
    kept = len(_files(unfinished))
    again = measured([*line, str(outputs[1])], cache)
    digests = [load_run(output).manifest["digest"] for output in outputs]
    found = re.search(r"([\d,]+) paths were there already", again.said)
    taken = int(found[1].replace(",", "")) if found else 0
    return Seen(whole, again, digests, blocks["bytes"], blocks["files"], kept, taken)


def _kill(line, cache, is_time):
    """Start a command and kill it when it is time."""
    command = [sys.executable, "-m", "simengine", *line]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment(cache), stdout=quiet, stderr=quiet)
    while process.poll() is None and not is_time():
        time.sleep(0.005)
    process.kill()
    process.wait()


@contextmanager
def _watched(folder):
    """The most files and bytes that a folder holds at any time, as long as it is watched."""
    most, done = {"files": 0, "bytes": 0}, threading.Event()

    def watch():
        while not done.wait(0.05):
            sizes = _files(folder)
            most["files"], most["bytes"] = max(most["files"], len(sizes)), max(most["bytes"], sum(sizes))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def _files(folder):
    """Sizes of the blocks in a folder that another process works in."""
    try:
        return [path.stat().st_size for path in folder.glob("[!.]*.nc")]
    except FileNotFoundError:
        return []


def main():
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    with tempfile.TemporaryDirectory() as folder:
        seen = killed_halfway(draws, Path(folder), Path(folder) / "cache")
    same = len(set(seen.digests)) == 1
    rows = [
        [name, *(f"{value:,.0f}" for value in (each.seconds, each.processor, each.memory)), f"{MOST:,}", taken]
        for name, each, taken in (
            ("undisturbed", seen.whole, ""),
            ("again, after a kill", seen.again, f"{seen.found:,}"),
        )
    ]
    columns = ["run", "wall, s", "processors, s", "peak memory, MB", "at most, MB", "paths that were there already"]
    blocks = (
        f"Killed with {seen.kept} of {seen.blocks} blocks kept; all of them take {seen.most / 1e6:.0f} MB on disk. "
        f"Digests: {'equal' if same else 'different'}.\n"
    )
    write(
        "memory.md",
        heading(f"{draws:,} paths, streamed, and killed halfway", "make bench-memory"),
        table(columns, rows),
        blocks,
    )
    record("resumed", [_line(draws, seen, same)])
    if max(seen.whole.memory, seen.again.memory) > MOST:
        raise SystemExit("too much memory")
    if not same:
        raise SystemExit("a run that was killed ended with other numbers")


def _line(draws, seen, same):
    return Line(
        f"a run of {draws:,} paths in at most {MOST:,} MB goes on after a kill, to the same bits",
        "killed with SIGKILL when half of its blocks were there, and run again",
        f"{draws:,} paths",
        f"digests {'equal' if same else 'different'}; {seen.found:,} paths were there already; "
        f"undisturbed {_taken(seen.whole)}, again {_taken(seen.again)}; {seen.most / 1e6:.0f} MB of blocks on disk",
    )


def _taken(each):
    return f"{each.seconds:.0f} s ({each.processor:.0f} s of processors) and {each.memory:.0f} MB"


if __name__ == "__main__":
    main()
