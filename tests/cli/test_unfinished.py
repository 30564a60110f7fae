"""A run that is interrupted says what it kept, and the same command goes on from there."""

import json
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine import simulation
from simengine.cli import cli
from simengine.simulation import blocks

TINY = str(Path(__file__).parents[1] / "plans" / "tiny.yaml")


def run(folder, *options):
    return CliRunner().invoke(cli, ["run", TINY, "-n", "2100", "-o", str(folder), *options])


def digest(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["digest"]


@pytest.fixture
def stops_after_three(monkeypatch):
    """Ctrl-C while the fourth span is awaited; blocks are single spans."""
    monkeypatch.setattr(blocks, "_BYTES", 1)
    in_order = simulation.in_order

    def interrupted(*arguments):
        yield from islice(in_order(*arguments), 3)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(simulation, "in_order", interrupted)
        yield patched


def test_an_interrupted_run_goes_on(stops_after_three, tmp_path):
    stopped = run(tmp_path / "run")
    assert stopped.exit_code == 130
    words = "Stopped after 1,536 paths, of which 1,536 are kept: the same command goes on from there."
    assert words in stopped.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished"]

    stops_after_three.undo()
    done = run(tmp_path / "run")
    assert done.exit_code == 0, done.stderr
    assert "1,536 paths were there already, of a run that was stopped." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["run"]

    whole = run(tmp_path / "whole")
    assert "there already" not in whole.stderr
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


def test_a_run_that_cannot_be_written_keeps_its_blocks(monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("simengine.archive._commit", full)
        failed = run(tmp_path / "run")
    assert failed.exit_code == 3
    assert "free some space there, or choose another folder" in failed.stderr
    done = run(tmp_path / "run", "--quiet")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
