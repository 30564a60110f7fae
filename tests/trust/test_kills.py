"""Kills at random moments do no harm, and the campaign of them sees the harm that it looks for."""

import itertools
import shutil
import signal
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.trust.killing import PRELOADED, Ended, Moment, forked, killed_at
from bench.trust.kills import CASES, Run, Tally, TornError, killed, run_again, tried, undisturbed
from simengine.archive.files import write_files
from simengine.archive.shelf import abandoned, swept
from simengine.cli import cli

NAMES = ("plan.yaml", "a.csv", "deep/b.csv")


def test_a_killed_run_over_another_one(tmp_path: Path) -> None:
    found = tried(Run(600, True), 2, tmp_path / "all")
    assert found.faults == []
    assert found.kills.total() >= 2


@pytest.mark.full
@pytest.mark.parametrize("place", range(len(CASES)))
def test_killed_commands(place: int, tmp_path: Path) -> None:
    _, from_scratch, case = CASES[place]
    assert tried(case, 3, tmp_path / "all", seed=100 + place, from_scratch=from_scratch).faults == []


@pytest.mark.full
@pytest.mark.parametrize("over", [True, False])
def test_a_run_that_is_killed_before_each_thing_that_it_does_to_files(over: bool, tmp_path: Path) -> None:
    case, tally, told = Run(600, over), Tally(), tmp_path / "told"
    told.mkdir()
    command = partial(forked, told=told)
    whole = undisturbed(case, tmp_path / "all", command)
    for operation in range(whole.operations):
        place = tmp_path / str(operation)
        shutil.copytree(whole.start, place)
        killed(case, whole, place, command, Moment(0.0, operation), tally)
        run_again(case, whole, place, command, tally)
        shutil.rmtree(place)
    assert tally.faults == []
    assert tally.kills.total() == whole.operations
    assert set(tally.after) == ({"old", "put aside", "new"} if over else {"old", "new"})


def written(place: Path, operation: int, overwrite: bool) -> None:
    killed_at(Moment(0.0, operation))
    write_files({place / name: f"new {name}" for name in NAMES}, overwrite=overwrite)


@pytest.mark.parametrize("over", [True, False])
def test_files_that_hang_together_are_never_old_and_new_whenever_the_kill_comes(over: bool, tmp_path: Path) -> None:
    context, seen = get_context("forkserver"), set()
    context.set_forkserver_preload(PRELOADED)
    for operation in itertools.count():
        place = tmp_path / str(operation)
        for name in NAMES if over else ():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(f"old {name}")
        process = context.Process(target=written, args=(place, operation, over))
        process.start()
        process.join()
        texts = {name: (place / name).read_text() for name in NAMES if (place / name).exists()}
        plan = texts.get(NAMES[0], "").partition(" ")[0]
        seen.add(plan)
        assert not plan or texts == {name: f"{plan} {name}" for name in NAMES}
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        if plan != "new":
            write_files({place / name: f"new {name}" for name in NAMES}, overwrite=over)
        for path in abandoned(place, older_than=-10):
            swept(path)
        left = {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}
        assert left == {name: f"new {name}" for name in NAMES}
    assert seen == ({"old", "", "new"} if over else {"", "new"})


# ---- the campaign sees harm ----


def called(words, moment=None):
    result = CliRunner().invoke(cli, [*map(str, words)])
    return Ended(result.exit_code, 0.0, result.stdout, result.stderr)


CASE = Run(600, True)
OTHER = Run(500, True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return undisturbed(CASE, tmp_path_factory.mktemp("laid") / "all", called)


def after(harm, whole, place):
    """What is said of a command that did harm before it was killed."""
    shutil.copytree(whole.start, place)

    def harmful(words, moment=None):
        harm(place)
        return Ended(-signal.SIGKILL, 0.0, "", "")

    killed(CASE, whole, place, harmful, Moment(0.0), tally := Tally())
    return tally


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_run_that_is_gone_is_seen(whole, tmp_path):
    assert after(lambda place: shutil.rmtree(place / "beside"), whole, tmp_path / "a").lost
    assert after(lambda place: shutil.rmtree(place / "out"), whole, tmp_path / "b").lost


def test_a_run_that_is_torn_is_seen(whole, tmp_path):
    with pytest.raises(TornError):
        after(lambda place: flip(place / "beside" / "result.nc"), whole, tmp_path / "a")


def test_a_run_that_is_neither_old_nor_new_is_seen(whole, tmp_path):
    assert after(lambda place: called(OTHER.words(place)), whole, tmp_path / "a").different


def test_what_a_repetition_does_wrong_is_seen(whole, tmp_path):
    def other(words):
        return called(OTHER.words(tmp_path / "a"))

    def stray(words):
        (tmp_path / "b" / "stray").write_text("")
        return called(words)

    def fails(words):
        return Ended(1, 0.0, "", "")

    for name, command in (("a", other), ("b", stray), ("c", fails), ("d", called)):
        shutil.copytree(whole.start, tmp_path / name)
        run_again(CASE, whole, tmp_path / name, command, tally := Tally())
        assert bool(tally.different) == (name != "d")
