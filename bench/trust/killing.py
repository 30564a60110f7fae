"""Commands that are killed with SIGKILL: in a process that begins with all in memory, or in one from scratch.

Most of the life of a short command is imports. A fork of a process that has done them begins where it gets interesting,
and so can be killed often.
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing import get_context
from typing import NamedTuple

from bench.inputs import ROOT
from simengine.archive import PARTIAL

PRELOADED = ["__main__", "bench.trust.loaded"]
_CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.truncate"})
_WRITES = os.O_WRONLY | os.O_RDWR
SMALL_BLOCKS, SMALL_HEAD = 2**16, 1024
"""Bytes of a block, and draws of a stream of which more is kept, in forked processes: a small run has many blocks."""


class Moment(NamedTuple):
    """When a process is killed.

    Attributes
    ----------
    seconds : after it began, or after `operation`
    operation : before the one of this number that it does to files (opening one to write, renaming, deleting, making a
        folder); None where only the clock counts
    """

    seconds: float
    operation: int | None = None


class Ended(NamedTuple):
    """How a process ended.

    Attributes
    ----------
    code : its exit code; negative: the signal
    seconds : how long it took
    out, err : what it printed
    operations : how much it did to files
    writing : of these the first that touched a run that was being written
    """

    code: int
    seconds: float
    out: str
    err: str
    operations: int = 0
    writing: int = 0

    @property
    def was_killed(self):
        return self.code == -signal.SIGKILL


def forked(words, told, moment=None):
    """Run a command in a fork of a process that has all in memory; what it prints goes to files in `told`.

    Blocks are smaller there than they are for users.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receiver, sender = context.Pipe(duplex=False)
    operation = moment and moment.operation
    at = None if operation is None else moment
    process = context.Process(target=_command, args=([*map(str, words)], told, at, sender))
    process.start()
    sender.close()
    began = time.perf_counter()
    if moment is not None and operation is None:
        process.join(moment.seconds)
        process.kill()
    process.join()
    seconds = time.perf_counter() - began
    counted = receiver.recv() if process.exitcode != -signal.SIGKILL else ()
    return Ended(process.exitcode, seconds, *_printed(told), *counted)


def fresh(words, told, moment=None, signs=()):
    """Run a command in a process from scratch, a group of its own; `seconds` count from the first of `signs` on.

    `signs` are files or folders; without any they count from the start.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with (told / "out").open("wb") as out, (told / "err").open("wb") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "simengine", *map(str, words)],
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        if moment is not None:
            while signs and process.poll() is None and not any(map(os.path.lexists, signs)):
                time.sleep(0.001)
            _kill_after(process, moment.seconds)
        process.wait()
    return Ended(process.returncode, time.perf_counter() - began, *_printed(told))


def _kill_after(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _printed(told):
    return tuple((told / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err"))


def _command(words, told, moment, sender):
    """In the forked process: the command, as its entry point has it."""
    from simengine import simulation
    from simengine.cli import main
    from simengine.simulation import blocks

    blocks._BYTES, simulation.MOST_KEPT = SMALL_BLOCKS, SMALL_HEAD
    sys.dont_write_bytecode = True
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(told / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["simengine", *words]
    counted = killed_at(moment)
    try:
        main()
    finally:
        sys.stdout.flush()
        sender.send((counted.operations, counted.writing))


@dataclass
class Counted:
    """What a process has done to files, and the first of it that touched a run that was being written."""

    operations: int = 0
    writing: int = 0


def killed_at(moment):
    """From now on count what this process does to files, and let it be killed at its moment; the counts."""
    counted, number = Counted(), itertools.count()

    def hook(event, arguments):
        if event not in _CHANGES and not (event == "open" and arguments[2] & _WRITES):
            return
        now = next(number)
        counted.operations = now + 1
        if not counted.writing and PARTIAL in str(arguments[0]):
            counted.writing = now
        if now == (moment and moment.operation):
            if not moment.seconds:
                _die()
            timer = threading.Timer(moment.seconds, _die)
            timer.daemon = True  # a process that ends before was not killed
            timer.start()

    sys.addaudithook(hook)
    return counted


def _die():
    os.kill(os.getpid(), signal.SIGKILL)
