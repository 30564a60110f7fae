"""What the machine may do to a command: real disks that are full, read-only or somebody else's, and what is said of it.

Every line of the table in docs/cli.md, "Exit codes", has a test here.
"""

import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.trust.faults import small
from simengine.archive import files, save
from simengine.cli import cli
from simengine.kernel import cache
from simengine.plan import load

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests" / "plans" / "tiny.yaml")
COMMAND = [sys.executable, "-m", "simengine"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
OWN_DISKS = ["unshare", "-rm", "sh", "-c"]
"""A shell that may mount disks which nobody else sees."""


def can_mount():
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*OWN_DISKS, "mount -t tmpfs none /mnt"], stderr=-1, check=False)
    return tried.returncode == 0


on_own_disk = pytest.mark.skipif(not can_mount(), reason="needs a Linux on which a user may mount a disk of memory")


def on_disk(options, folder, *arguments):
    """Run a command in a folder that is a small disk of memory of its own, with a file; lists what is there then."""
    folder.mkdir()
    script = (
        'mount -t tmpfs -o "$0" none "$1" && cd "$1" && shift || exit; '
        f'cp {shlex.quote(TINY)} before.yaml; "$@"; code=$?; ls -A; cmp {shlex.quote(TINY)} before.yaml; exit $code'
    )
    line = [*OWN_DISKS, script, options, str(folder), *COMMAND, *map(str, arguments)]
    return subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def in_process(*arguments):
    return CliRunner().invoke(cli, list(map(str, arguments)))


def assert_told(stderr, words):
    """What is said is one line, and what the page says of it."""
    assert "Traceback" not in stderr
    assert re.search(words, stderr), stderr
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    rest = re.sub(r"^.*?(: | is )", "", words.replace("\\", ""), count=1).replace(".*", "…")
    for piece in re.split(r"\s*…\s*|\(\[", rest):
        assert piece.strip() in page, piece


FULL = r"cannot write .*: no space left on device .*; free some space there, or choose another folder"


@on_own_disk
def test_a_full_disk(tmp_path):
    done = on_disk("size=4k", tmp_path / "disk", "new", "plan.yaml")
    assert_told(done.stderr, FULL)
    assert (done.returncode, done.stdout) == (3, "before.yaml\n")


@on_own_disk
@pytest.mark.full
@pytest.mark.parametrize("size", [64, 256, 1024])
def test_a_full_disk_under_a_run_and_its_blocks(tmp_path, size):
    done = on_disk(f"size={size}k", tmp_path / "disk", "run", TINY, "-n", 20_000, "-o", "run")
    assert_told(done.stderr, FULL)
    # The blocks may stay, for they are not in the way: a run that was not written goes on from them.
    assert done.returncode == 3
    assert set(done.stdout.split()) <= {"before.yaml", ".unfinished"}


@on_own_disk
def test_a_disk_that_is_read_only(tmp_path):
    done = on_disk("ro", tmp_path / "disk", "run", TINY, "-o", "run")
    assert_told(
        done.stderr, r"cannot write .*: read-only file system; choose a folder on a disk that can be written to"
    )
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_of_somebody_else(tmp_path):
    in_process("run", TINY, "-o", TINY)  # what it imports may be read by its owner alone
    user = os.geteuid()
    tmp_path.chmod(0o500)
    if user == 0:  # who may write everywhere
        os.seteuid(65_534)
    try:
        done = in_process("run", TINY, "-o", tmp_path / "run")
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)
    words = r"cannot write .*: permission denied; choose a folder that you may write to, or ask for the permission"
    assert_told(done.stderr, words)
    assert (done.exit_code, list(tmp_path.iterdir())) == (3, [])


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_limit_on_the_size_of_files(tmp_path):
    line = ["sh", "-c", 'ulimit -f 1 && exec "$@"', "sh", *COMMAND, "new", "plan.yaml"]
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, cwd=tmp_path, check=False)
    remedy = r"raise the limit on the size of a file \(ulimit -f\), or choose another folder"
    assert_told(done.stderr, rf"cannot write .*: file too large; {remedy}")
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (3, "", [])


def test_a_disk_that_fails(tmp_path, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.os, "fsync", broken)
    done = in_process("new", tmp_path / "plan.yaml")
    assert_told(done.stderr, r"cannot write .*: input/output error; check the disk, or choose another folder")
    assert (done.exit_code, list(tmp_path.iterdir())) == (3, [])


def test_a_damaged_run(tmp_path):
    save(small(), load(TINY), tmp_path / "run")
    result = tmp_path / "run" / "result.nc"
    result.write_bytes(result.read_bytes()[:-1])
    done = in_process("rank", tmp_path / "run")
    assert_told(
        done.stderr, r".* is damaged: .*; restore the folder from a backup, or delete it and run the plan again"
    )
    assert done.exit_code == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_on_a_full_disk():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "new", "--help"], env=ENVIRONMENT, stdout=full, stderr=-1, text=True, check=False
        )
    assert_told(done.stderr, "No space left on device")
    assert done.returncode == 3


@pytest.fixture
def heeded():
    """Processes that a test starts heed Ctrl-C, also where the shell has put all of it into the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.full
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.usefixtures("heeded")
def test_ctrl_c(tmp_path):
    line = [*COMMAND, "run", TINY, "-n", "2000000", "--detail", "stream", "-o", "run"]
    running = subprocess.Popen(line, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".unfinished/*.nc")):
        assert running.poll() is None
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate()
    words = r"Stopped after .* paths, of which .* are kept: the same command goes on from there. Folders are written"
    assert_told(stderr, words)
    assert running.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished"]


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch, caplog):
    """The command goes on: that a kernel compiled for one process is right is tested in tests/kernel/test_cache.py."""
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    cache._say_once.cache_clear()
    with pytest.raises(RuntimeError, match="compiled anew"):
        cache.load_or_compile(_nothing, (), _stopped)
    words = r"The compiled simulation is not kept, so every run compiles anew: .*Set XDG_CACHE_HOME to a folder of your"
    assert_told(caplog.text, words)


def _nothing():
    """Stands in for the kernel, which takes half a minute."""


def _stopped(_):
    raise RuntimeError("compiled anew")
