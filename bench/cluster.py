"""A million streamed paths on two threads of this machine, and on two workers of a cluster on it.

Run with `make bench-cluster`; the table is printed and written to bench/cluster.md. Scheduler and workers stand on
loopback, so what the cluster takes longer is what it costs to send, to schedule and to put together: no machine is
added.
"""

import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import simengine as se
from bench.inputs import ROOT
from bench.report import heading, table, write
from simengine.results.dataset import digest
from simengine.simulation.cluster import cluster

PLAN = ROOT / "tests" / "learn" / "small.yaml"
PATHS = 1_000_000
WORKERS = 2
ROUNDS = 2


def started(program, *arguments):
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def scheduler():
    """The address of a scheduler on this machine, with workers of one thread each."""
    from distributed import Client

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = address.split(":")
    processes = [started("dask_scheduler", "--host", host, "--port", port)]
    processes += [started("dask_worker", f"tcp://{address}", "--nthreads", "1", "--no-nanny") for _ in range(WORKERS)]
    try:
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(WORKERS, timeout=60)
        yield address
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)


def timed(plan, paths, executor=None):
    begun = time.perf_counter()
    ds = se.simulate(plan, draws=paths, detail="stream", executor=executor)
    return time.perf_counter() - begun, digest(ds)


def main():
    paths = int(sys.argv[1]) if len(sys.argv) > 1 else PATHS
    plan = se.load(PLAN)
    rows, digests = [], set()
    with scheduler() as address, cluster(address) as executor:
        for place in (None, executor):  # compiles, and fills caches
            timed(plan, 2_000, place)
        for turn in range(ROUNDS):
            (here, one), (there, other) = timed(plan, paths), timed(plan, paths, executor)
            digests |= {one, other}
            rows.append([turn + 1, f"{paths:,}", f"{here:.1f}", f"{there:.1f}", f"{there / here:.2f}"])
            print(*rows[-1], sep=" | ", flush=True)
    write(
        "cluster.md",
        heading("A cluster on one machine, beside its threads", "make bench-cluster"),
        f"{PLAN.relative_to(ROOT)}, detail `stream`; two threads, and {WORKERS} workers of one thread each.\n",
        table(["round", "paths", "threads, s", "cluster, s", "ratio"], rows),
        f"The digests of all results are {'the same' if len(digests) == 1 else 'NOT the same'}.\n",
    )


if __name__ == "__main__":
    main()
