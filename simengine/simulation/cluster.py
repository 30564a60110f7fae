"""The blocks of a run on other processes and machines: a scheduler and workers of dask.distributed.

Workers are tried before any work is sent: they must have the versions that we have, and give our numbers.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from simengine.errors import MachineError, SimengineError
from simengine.kernel.run import STREAM_VERSION, Simulator
from simengine.kernel.selftest import digest, smallest_plan
from simengine.results.arithmetic import arithmetic

if TYPE_CHECKING:
    from distributed import Client

_R = TypeVar("_R")

DEFAULT_PORT = 8786
_PACKAGES = ("simengine", "numpy", "numba", "scipy")
"""What the bits of a path may depend on."""
_NUMBERS = ("answer", "arithmetic")
"""What a processor gives."""
_LOST = 3
"""Workers that may die with a block before the run gives up: then it is the block that kills them."""


class Cluster(Executor):
    """An executor whose blocks run on the workers of a cluster that passed the checks; others get none.

    A block whose worker dies is run again elsewhere. It has the same bits there: chance is addressed, not consumed.

    Attributes
    ----------
    threads : how many blocks run at once
    """

    def __init__(self, client: Client, workers: Mapping[str, int]) -> None:
        self._client, self._workers = client, list(workers)
        self._inner = client.get_executor(workers=self._workers, allow_other_workers=False, pure=False, retries=_LOST)
        self.threads = sum(workers.values())

    def submit(self, fn: Callable[..., _R], /, *args: Any, **kwargs: Any) -> Future[_R]:
        """As `concurrent.futures.Executor.submit`."""
        future: Future[_R] = self._inner.submit(fn, *args, **kwargs)
        return future


@contextmanager
def cluster(address: str, *, timeout: float = 10.0) -> Iterator[Cluster]:
    """Connect to a scheduler, try its workers, and give an executor of those that are as we are.

    Parameters
    ----------
    address : of the scheduler, `host:port` or `tcp://host:port`; `dask scheduler` prints it
    timeout : seconds in which the scheduler must answer

    Raises
    ------
    SimengineError
        where the extra `cluster` is not installed, or a worker has other versions or gives other numbers
    MachineError
        where nobody answers, or the scheduler has no worker
    """
    client = _connected(address, timeout)
    try:
        threads = client.nthreads()
        if not threads:
            raise MachineError(f"the scheduler at {address} has no worker; start one there: dask worker {address}")
        _refuse_others(client.run(credentials, on_error="return"), _credentials_here())
        yield Cluster(client, threads)
    finally:
        client.close()


def credentials() -> dict[str, str]:
    """What a worker must have in common with us: versions, the digest of a small plan's paths, and that of arithmetic.

    Sixteen paths are too few to meet the one point in hundreds at which another processor rounds differently.
    """
    tables, slots, varying = smallest_plan()
    answer = digest(Simulator(tables).block(slots, varying, np.arange(len(slots))))
    return {
        **{name: version(name) for name in _PACKAGES},
        "python": ".".join(platform.python_version_tuple()[:2]),
        "stream": str(STREAM_VERSION),
        "answer": answer,
        "arithmetic": arithmetic(),
    }


def _credentials_here() -> dict[str, str]:
    return credentials()


def _refuse_others(found: Mapping[str, object], ours: Mapping[str, str]) -> None:
    """Raise SimengineError that names every worker which is not as we are, and how."""
    faults = [f"{worker}: {fault}" for worker, told in found.items() if (fault := _fault(told, ours))]
    if faults:
        raise SimengineError(
            "\n".join([*faults, "give every worker the environment of this machine, or stop those that are named"])
        )


def _fault(told: object, ours: Mapping[str, str]) -> str:
    """How a worker is not as we are; empty if it is."""
    if not isinstance(told, dict):
        return f"it cannot be asked what it is ({told})"
    other = [name for name in ours if told.get(name) != ours[name]]
    versions = [f"{name} {told.get(name)} in place of {ours[name]}" for name in other if name not in _NUMBERS]
    if other and not versions:
        return "it has our versions, but its processor or its C library gives other numbers"
    return ", ".join(versions)


def _connected(address: str, timeout: float) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise SimengineError("a cluster needs dask: pip install 'simengine[cluster]'") from None
    place = address if "://" in address else f"tcp://{address}"
    if ":" not in place.rpartition("/")[2]:
        place = f"{place}:{DEFAULT_PORT}"
    try:
        return Client(place, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise MachineError(
            f"no scheduler answers at {address} ({error}); start one with `dask scheduler`, and name the address of it"
        ) from None
