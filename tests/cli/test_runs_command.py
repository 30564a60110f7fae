"""Stored runs are listed, verified, reproduced and pruned; nothing else is ever touched."""

import errno
import json
import os
import shutil
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.archive import files
from simengine.archive import shelf as shelf_
from simengine.cli import cli
from simengine.errors import MachineError

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests" / "plans" / "tiny.yaml")
DAY = 24 * 3600


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def told(*arguments, code=0):
    result = call(*arguments, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def shelf(tmp_path):
    """Two runs of one plan, the second below a folder, and something that is no run."""
    for seed, place in ((1, "one"), (2, "more/two")):
        assert call("run", TINY, "-n", 16, "--seed", seed, "-o", tmp_path / place).exit_code == 0
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    return tmp_path


def age(path, seconds):
    then = time.time() - seconds
    for found in (*path.rglob("*"), path):
        os.utime(found, (then, then))


def test_list_and_show_tell_what_made_a_run(shelf):
    runs = told("runs", "list", shelf)["runs"]
    assert [run["folder"] for run in runs] == [str(shelf / "more" / "two"), str(shelf / "one")]
    assert [run["seed"] for run in runs] == ["2", "1"]
    assert runs[0]["digest"] != runs[1]["digest"]
    assert told("runs", "show", shelf / "one") == runs[1]
    assert runs[1]["digest"] in call("runs", "show", shelf / "one").stdout.replace("\n", "").replace(" ", "")
    assert "Tiny" in call("runs", "list", shelf).stdout


def test_a_folder_without_runs_and_one_that_is_not_there(tmp_path):
    assert call("runs", "list", tmp_path).stdout == f"No run is below {tmp_path}.\n"
    assert call("runs", "list", tmp_path / "no").exit_code == 2
    assert "name a folder that simengine run -o has written" in call("runs", "show", tmp_path).stderr


def test_runs_that_cannot_be_looked_at_are_listed_with_their_problem(shelf, monkeypatch):
    def broken(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    def unread(path):
        with files.in_words(f"cannot read the run {path}"):
            broken(path)

    monkeypatch.setattr(shelf_, "manifest_of", unread)
    monkeypatch.setattr(Path, "exists", broken)
    found = shelf_.stored(shelf)
    assert [run.path for run in found] == [shelf / "more" / "two", shelf / "one"]
    assert all("input/output error" in run.problem.lower() for run in found)


@pytest.fixture
def goes(monkeypatch):
    """`goes(name)`: another process deletes a folder of this name at the moment in which it is to be listed."""
    scandir = os.scandir

    def late(name, path):
        if str(path).endswith(name):
            shutil.rmtree(path)
        return scandir(path)

    return lambda name: monkeypatch.setattr(os, "scandir", partial(late, name))


def test_what_goes_while_it_is_looked_at_is_gone(shelf, goes):
    goes("plan")
    assert not shelf_.has_others(shelf / "one")
    assert shelf_.has_others(shelf)
    goes("more")
    assert shelf_.abandoned(shelf, older_than=0) == []
    assert not (shelf / "more").exists()


def test_what_cannot_be_listed_may_hold_a_run(shelf, monkeypatch):
    def refuse(path):
        raise OSError(errno.EIO, "Input/output error", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(MachineError, match="cannot read"):
        shelf_.has_others(shelf)


def test_verify_finds_the_one_bit_that_is_wrong(shelf):
    assert call("runs", "verify", shelf).stdout == "2 of 2 runs are as written.\n"
    result = shelf / "one" / "result.nc"
    content = bytearray(result.read_bytes())
    content[len(content) // 2] ^= 1
    result.write_bytes(content)
    damaged = call("runs", "verify", shelf)
    assert damaged.exit_code == 3
    assert damaged.stdout == "1 of 2 runs are as written.\n"
    assert str(result) in damaged.stderr
    assert [run["intact"] for run in told("runs", "verify", shelf, code=3)["runs"]] == [True, False]


def test_a_run_comes_out_again(shelf):
    facts = told("runs", "reproduce", shelf / "one")
    assert facts["same"]
    assert facts["then"] == facts["now"]
    assert "bit for bit" in call("runs", "reproduce", shelf / "one").stdout


def test_a_run_that_does_not_come_out_again_is_told(tmp_path):
    import simengine as se

    plan = se.load(TINY)
    ds = se.simulate(plan, draws=16, seed=2)
    ds.attrs["seed"] = "1"
    se.save(ds, plan, tmp_path / "run")
    result = call("runs", "reproduce", tmp_path / "run")
    assert result.exit_code == 3
    assert "Versions and platform are the same" in result.stdout
    assert "did not come out again" in result.stderr
    assert "something else happened" in " ".join(result.stdout.split())


def test_a_run_of_another_platform_is_rounding_away(shelf, monkeypatch):
    import numpy as np

    from simengine import archive
    from simengine.cli import steps

    def elsewhere(*arguments, **options):
        ds = here(*arguments, **options)
        return ds.assign(cash=(ds["cash"].dims, np.nextafter(ds["cash"].values, np.inf), ds["cash"].attrs))

    here, ours = steps.simulated, archive.environment()
    monkeypatch.setattr(steps, "simulated", elsewhere)
    monkeypatch.setattr(archive, "environment", lambda: {**ours, "arithmetic": "other"})
    result = call("runs", "reproduce", shelf / "one")
    words = " ".join(result.stdout.split())
    assert result.exit_code == 3
    assert "on another platform" in words
    assert "arithmetic" in words
    assert "the numbers are apart by rounding" in words
    facts = told("runs", "reproduce", shelf / "one", code=3)
    assert facts["differs"]["arithmetic"] == {"then": ours["arithmetic"], "now": "other"}
    assert facts["apart"]["other_course"] == 0
    assert 0 < facts["apart"]["rounding"] < facts["apart"]["tolerance"]


def test_prune_says_what_would_go_and_then_deletes_just_that(shelf):
    before = told("runs", "prune", shelf, "--keep", 1)
    assert not before["deleted"]
    assert len(before["runs"]) == 1
    assert len(told("runs", "list", shelf)["runs"]) == 2
    assert told("runs", "prune", shelf, "--keep", 1, "--yes")["runs"] == before["runs"]
    assert len(told("runs", "list", shelf)["runs"]) == 1
    assert told("runs", "prune", shelf, "--older-than", 1, "--yes")["runs"] == []
    assert (shelf / "notes" / "mine.txt").read_text() == "keep"


def test_prune_keeps_a_damaged_run(shelf):
    (shelf / "one" / "manifest.json").write_text('{"format": "simengine run"}')
    assert told("runs", "prune", shelf, "--keep", 0, "--yes")["runs"] == [str(shelf / "more" / "two")]
    assert (shelf / "one" / "result.nc").exists()


def test_what_a_killed_process_left_behind_is_cleared_away_when_it_is_old(shelf):
    half = shelf / f".partial-{'0' * 32}"
    half.mkdir()
    (half / "result.nc").write_bytes(b"half")
    assert told("runs", "list", shelf)["abandoned"] == []
    age(half, 2 * DAY)
    assert told("runs", "list", shelf)["abandoned"] == [str(half)]
    assert "prune" in call("runs", "list", shelf).stdout
    assert told("runs", "prune", shelf, "--yes")["abandoned"] == [str(half)]
    assert not half.exists()
    assert len(told("runs", "list", shelf)["runs"]) == 2


def test_a_run_that_was_being_replaced_gets_its_name_back(shelf):
    one = shelf / "one"
    aside = shelf / ".replaced-01234567.one"
    one.rename(aside)
    age(aside, 2 * DAY)
    assert told("runs", "prune", shelf, "--yes")["restored"] == [str(one)]
    assert call("runs", "verify", one).exit_code == 0


def test_what_goes_while_it_is_looked_at_is_somebody_elses(tmp_path, monkeypatch):
    """Another process finishes its run, or prunes, between the listing of a folder and the look at what it lists."""
    torn = tmp_path / ".partial-0123"
    torn.mkdir()
    (torn / "result.nc").write_text("")
    old = time.time() - 3 * 24 * 3600
    os.utime(torn / "result.nc", (old, old))
    os.utime(torn, (old, old))
    assert shelf_.abandoned(tmp_path) == [torn]
    monkeypatch.setattr(Path, "rglob", lambda path, _: iter([path / "gone"]))
    assert shelf_.abandoned(tmp_path) == []
    monkeypatch.undo()
    shelf_.swept(torn)
    shelf_.swept(torn)
    shelf_.remove(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_holds_another_one_stays(shelf):
    (shelf / "more" / "two").rename(shelf / "one" / "two")
    done = call("runs", "prune", shelf, "--keep", 0, "--yes")
    assert done.exit_code == 0
    assert "one holds another run, so it stays; move that run elsewhere." in done.stderr
    assert (shelf / "one" / "two" / "result.nc").is_file()
    assert (shelf / "one" / "result.nc").is_file()


@pytest.mark.parametrize("days", ["nan", "inf", "1e30"])
def test_days_that_are_none_are_told(tmp_path, days):
    done = call("runs", "prune", tmp_path, "--older-than", days)
    assert done.exit_code == 2
    assert "no number of days" in done.stderr


def test_a_pipe_called_like_a_manifest_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.json").symlink_to("manifest.json")
    assert told("runs", "list", tmp_path) == {"runs": [], "abandoned": []}


def test_quiet_may_stand_behind(tmp_path):
    for words in (["-q", "runs", "list"], ["runs", "-q", "list"], ["runs", "list", "-q"]):
        assert call(*words, tmp_path).exit_code == 0


def test_a_folder_that_cannot_be_read_hides_no_run(shelf, monkeypatch):
    locked, listed = shelf / "locked", Path.iterdir
    locked.mkdir()

    def iterdir(path):
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found = {run["folder"]: run["problem"] for run in told("runs", "list", shelf)["runs"]}
    assert [bool(found[str(shelf / name)]) for name in ("locked", "more/two", "one")] == [True, False, False]
    assert "permission denied; choose a folder" in found[str(locked)]
    assert len(told("runs", "prune", shelf, "--keep", 1)["runs"]) == 1
    assert [run["intact"] for run in told("runs", "verify", shelf, code=3)["runs"]] == [False, True, True]


CONTROLS = "\x1b]0;owned\x07\x1b[2J\r\x9b\u202e"


def test_what_a_folder_or_a_manifest_is_called_is_shown_and_not_obeyed(shelf):
    from simengine.archive import _rendered

    hostile = (shelf / "one").rename(shelf / f"one{CONTROLS}")
    manifest = json.loads((hostile / "manifest.json").read_text())
    del manifest["sha256"]
    manifest["run"]["plan"] = f"plan{CONTROLS}"
    (hostile / "manifest.json").write_bytes(_rendered(manifest))
    half = shelf / f".partial-{CONTROLS}"
    half.mkdir()
    (shelf / f"broken{CONTROLS}").mkdir()
    (shelf / f"broken{CONTROLS}" / "manifest.json").write_text('{"format": "simengine run"}')
    age(half, 2 * DAY)
    for asked in (
        *(("list",), ("verify",), ("prune", "--keep", 1), ("prune", "--older-than", 0, "--keep", 0)),
        *(("list", "--json"), ("verify", "--json"), ("prune", "--json")),
    ):
        result = call("runs", asked[0], shelf, *asked[1:])
        assert not set(result.stdout + result.stderr) & set(CONTROLS) - set("owned]0;2J["), asked
    for arguments in (("runs", "show", hostile), ("figures", hostile), ("run", shelf / f"no{CONTROLS}.yaml")):
        result = call(*arguments)
        assert not set(result.stdout + result.stderr) & set(CONTROLS) - set("owned]0;2J["), arguments
    assert "\\x1b]0;owned" in call("runs", "prune", shelf, "--keep", 0).stdout
    assert told("runs", "list", shelf)["runs"][-1]["folder"] == str(hostile)
