"""Faults of the disk, of which `python -m bench.trust.faults` tries every one; here a part of them, and its loop."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.trust.disk import Disk, Fault
from bench.trust.faults import Operation, nothing, operations, tried

ROOT = Path(__file__).parents[2]
NAMES = [operation.name for operation in operations()]


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level("ERROR")


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_what_is_stored_stays_whole_or_is_not_there(tmp_path, place):
    assert sum(tried(list(operations())[place], tmp_path / "disk", every=37).values())


@pytest.mark.full
@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_whatever_fails(tmp_path, place):
    tried(list(operations())[place], tmp_path / "disk")


def test_the_loop_finds_a_file_that_is_written_in_place(tmp_path):
    def write(folder):
        (folder / "a.txt").write_text("new" * 1000)

    def seen(folder):
        return (folder / "a.txt").read_text()

    with pytest.raises(AssertionError, match="OSError"):
        tried(Operation("in place", lambda at: (at / "a.txt").write_text("old"), write, seen), tmp_path / "disk")


def test_the_loop_finds_what_is_left_behind(tmp_path):
    def write(folder):
        try:
            (folder / ".mine").write_text("x")
            (folder / ".mine").rename(folder / "a.txt")
        except OSError:
            pass

    with pytest.raises(AssertionError, match=r"leaves .*\.mine"):
        tried(Operation("with remains", nothing, write, nothing), tmp_path / "disk")


def test_a_disk_fails_once_or_for_ever_and_only_below_its_folder(tmp_path):
    (tmp_path / "disk").mkdir()
    for for_ever, fails in ((False, [0, 1, 0]), (True, [0, 1, 1])):
        seen = []
        with Disk(tmp_path / "disk", Fault("mkdir", 28, 2, for_ever)).installed():
            for i in range(3):
                (tmp_path / f"beside{i}{for_ever}").mkdir()
                try:
                    (tmp_path / "disk" / f"{i}{for_ever}").mkdir()
                    seen.append(0)
                except OSError:
                    seen.append(1)
        assert seen == fails


def test_a_short_write_is_a_full_disk(tmp_path):
    with Disk(tmp_path, Fault("write", "short", 1, False)).installed(), pytest.raises(OSError, match="No space"):
        (tmp_path / "a").write_bytes(b"x" * 100_000)
    assert 0 < (tmp_path / "a").stat().st_size < 100_000


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("size", [3, pytest.param(50, marks=pytest.mark.full)])
def test_processes_share_a_place(size):
    line = [sys.executable, "-m", "bench.trust.shared", str(size)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
