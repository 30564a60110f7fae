"""A run on a cluster is the run on this machine, bit for bit, whatever happens to its workers."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import simengine as se
from simengine.cli import cli
from simengine.errors import MachineError, SimengineError
from simengine.results.dataset import digest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests" / "learn" / "small.yaml"
DRAWS = 12_000


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a scheduler on this machine."""
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    process = _started("dask_scheduler", *place)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


@pytest.fixture
def workers(scheduler: str) -> Iterator[Callable[[int], list[subprocess.Popen]]]:
    """A function that starts so many workers, and waits until the scheduler knows them."""
    started: list[subprocess.Popen] = []

    def start(count: int) -> list[subprocess.Popen]:
        from distributed import Client

        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        started.extend(_started("dask_worker", f"tcp://{scheduler}", *options) for _ in range(count))
        with Client(scheduler, set_as_default=False) as client:
            client.wait_for_workers(len(started), timeout=60)
        return started

    yield start
    for process in started:
        process.kill()
        process.wait(30)
    _until_empty(scheduler)


def _started(program: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)


def _until_empty(scheduler: str) -> None:
    import time

    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        while client.nthreads():
            time.sleep(0.1)


@pytest.fixture(scope="module")
def local() -> str:
    return digest(se.simulate(se.load(SMALL), draws=DRAWS))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_workers_gives_the_same_bits(scheduler, workers, local, count):
    from simengine.simulation.cluster import cluster

    workers(count)
    with cluster(scheduler) as executor:
        assert executor.threads == count
        assert digest(se.simulate(se.load(SMALL), draws=DRAWS, executor=executor)) == local


def test_a_worker_that_is_killed_changes_no_bit(scheduler, workers, local):
    from simengine.simulation.cluster import cluster

    doomed, _ = workers(2)

    def kill(done: int, total: int) -> None:
        if done > total / 4 and doomed.poll() is None:
            doomed.kill()

    with cluster(scheduler) as executor:
        found = se.simulate(se.load(SMALL), draws=DRAWS, executor=executor, progress=kill)
    assert doomed.wait(30) == -signal.SIGKILL
    assert digest(found) == local


def test_the_commands_run_on_it(scheduler, workers, tmp_path):
    workers(2)
    runner, few = CliRunner(), ("-n", "600", "--json")
    for place, more in (("here", ()), ("there", ("--cluster", scheduler))):
        done = runner.invoke(cli, ["run", str(SMALL), *few, "-o", str(tmp_path / place), *more])
        assert done.exit_code == 0, done.stderr
        done = runner.invoke(
            cli, ["batch", str(SMALL), *few, "--no-figures", "-o", str(tmp_path / f"{place}-batch"), *more]
        )
        assert done.exit_code == 0, done.stderr
    here, there = (json.loads((tmp_path / place / "manifest.json").read_text()) for place in ("here", "there"))
    assert here["digest"] == there["digest"]
    compared = [(tmp_path / f"{place}-batch" / "comparison.json").read_bytes() for place in ("here", "there")]
    assert compared[0] == compared[1]


def test_a_worker_with_other_versions_or_numbers_gets_no_work(scheduler, workers, monkeypatch):
    from simengine.simulation import cluster

    workers(1)
    ours = cluster.credentials()
    for other, words in (({"numba": "0.1"}, "numba"), ({"arithmetic": "0"}, "gives other numbers")):
        monkeypatch.setattr(cluster, "_credentials_here", lambda other=other: {**ours, **other})
        with pytest.raises(SimengineError, match=words), cluster.cluster(scheduler):
            pass


def test_nobody_there_and_no_worker_are_told(scheduler):
    from simengine.simulation.cluster import cluster

    with pytest.raises(MachineError, match="has no worker"), cluster(scheduler):
        pass
    with pytest.raises(MachineError, match="no scheduler answers"), cluster("127.0.0.1:9", timeout=2):
        pass
