"""A disk that fails: the n-th call of a kind below a folder raises what the system would, once or from then on.

The calls are those of `os`, and the raw files below Python's own buffers, so all that Python makes of them (a write
that goes on after it was cut short, a folder that is deleted file by file) happens as on a real disk.
"""

import builtins
import errno
import fcntl
import io
import os
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

CALLS = {
    "fsync": ["fsync"],
    "rename": ["rename", "replace"],
    "open": ["open"],
    "mkdir": ["mkdir"],
    "link": ["link"],
    "unlink": ["unlink", "remove", "rmdir"],
    "list": ["listdir", "scandir"],
    "look": ["stat", "lstat"],
}
"""What fails, and the functions of `os` that do it. Of files there are "write" and "read" too, and "lock"."""
ERRORS = {
    "write": [errno.ENOSPC, errno.EIO],
    "read": [errno.EIO],
    "fsync": [errno.ENOSPC, errno.EIO],
    "rename": [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EINTR],
    "open": [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS],
    "mkdir": [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EINTR],
    "link": [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EINTR],
    "unlink": [errno.EIO, errno.EACCES, errno.EROFS, errno.EINTR],
    "list": [errno.EIO, errno.EACCES],
    "look": [errno.EIO, errno.EACCES],
    "lock": [errno.ENOLCK],
}
"""By kind what may come. Python itself repeats an open, read, write or fsync that a signal interrupts (EINTR)."""
SHORT = "short"
"""In place of an error: half of what is written is taken, and then the disk is full."""
STOP = "stop"
"""In place of an error: Ctrl-C."""
_STOPPED = {"write", "fsync", "rename", "open", "mkdir", "link"}
"""Calls before which Ctrl-C may come. One that comes while all is cleared away leaves the rest of it behind."""


class Fault(NamedTuple):
    """What fails, how, and when."""

    kind: str
    error: int | str
    n: int
    for_ever: bool

    def __str__(self):
        how = errno.errorcode.get(self.error, self.error)
        return f"{how} at {self.kind} {self.n}{' and every one after' if self.for_ever else ''}"


def faults(n, kind):
    """Every fault that begins at call n of a kind."""
    for error in (*ERRORS[kind], *([SHORT] if kind == "write" else [])):
        for for_ever in (False, True):
            yield Fault(kind, error, n, for_ever)
    if kind in _STOPPED:
        yield Fault(kind, STOP, n, False)


class Disk:
    """Counts calls below a folder, and lets one fail. `fired` tells how often."""

    def __init__(self, root, fault=None):
        self.root, self.fault = os.fspath(root), fault
        self.calls, self.fired = Counter(), 0
        self._lock = threading.Lock()

    def strikes(self, kind):
        """Whether this call fails."""
        with self._lock:
            self.calls[kind] += 1
            if self.fault is None or self.fault.kind != kind:
                return False
            now, at = self.calls[kind], self.fault.n
            strikes = now == at or (now > at and self.fault.for_ever)
            self.fired += strikes
            return strikes

    def check(self, kind, path=None):
        """Raise where this call fails."""
        if self.strikes(kind):
            raise self.error(path)

    def error(self, path=None):
        """What a call that fails raises."""
        if self.fault.error == STOP:
            return KeyboardInterrupt()
        return OSError(self.fault.error, os.strerror(self.fault.error), path)

    def holds(self, path, names):
        """Whether a call is ours: by its path, or by a folder that is open, as when a tree is deleted."""
        if isinstance(path, int) or names.get("dir_fd") is not None:
            return True
        try:
            # Path.resolve would ask the disk.
            return os.path.abspath(os.fsdecode(path)).startswith(self.root)  # noqa: PTH100
        except TypeError:
            return False

    @contextmanager
    def installed(self):
        """Calls go through this disk inside."""
        patches = [
            mock.patch.object(os, name, self._wrapped(kind, getattr(os, name)))
            for kind, names in CALLS.items()
            for name in names
        ]
        opened = self._open(io.open)
        patches += [mock.patch.object(module, "open", opened) for module in (io, builtins)]
        patches.append(mock.patch.object(fcntl, "flock", self._flock(fcntl.flock)))
        # What Python does once in a process and never again is no step of what is tried.
        tempfile.gettempdir()
        for patch in patches:
            patch.start()
        try:
            yield self
        finally:
            for patch in reversed(patches):
                patch.stop()

    def _wrapped(self, kind, whole):
        def call(*args, **names):
            if self.holds(args[0] if args else ".", names):
                self.check(kind, args[0] if args else None)
            return whole(*args, **names)

        return call

    def _flock(self, whole):
        def flock(*args):
            self.check("lock")
            return whole(*args)

        return flock

    def _open(self, whole):
        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
            if isinstance(file, int) or not self.holds(file, {}):
                return whole(file, mode, buffering, encoding, errors, newline, closefd, opener)
            if opener is None:
                self.check("open", os.fspath(file))
            raw = _Raw(self, file, mode.replace("b", "").replace("t", ""), closefd, opener)
            if buffering == 0:
                return raw
            held = _buffered(raw)
            if "b" in mode:
                return held
            text = io.TextIOWrapper(held, encoding, errors, newline)
            text.mode = mode
            return text

        return opened


def _buffered(raw):
    if raw.readable() and raw.writable():
        return io.BufferedRandom(raw)
    return io.BufferedWriter(raw) if raw.writable() else io.BufferedReader(raw)


class _Raw(io.FileIO):
    """A file on the disk, without a buffer."""

    def __init__(self, disk, file, mode, closefd, opener):
        super().__init__(file, mode, closefd, opener)
        self._disk, self._full = disk, False

    def write(self, content):
        if self._full:
            self._full = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._disk.strikes("write"):
            if self._disk.fault.error != SHORT:
                raise self._disk.error()
            half = memoryview(content).cast("B")
            if len(half) > 1:
                self._full = True
                return super().write(half[: len(half) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)

    def readinto(self, buffer):
        self._disk.check("read")
        return super().readinto(buffer)

    def readall(self):
        self._disk.check("read")
        return super().readall()
