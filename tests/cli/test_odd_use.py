"""What nobody means to do, and somebody does: each is answered in words, and keeps nobody waiting."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli
from simengine.cli.completers import targets

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_last_quarters_run_is_of_the_same_plan(tmp_path):
    (tmp_path / "other.yaml").write_text(TINY.read_text().replace("name: Tiny", "name: Northstar"))
    for plan, place in ((TINY, "run"), (tmp_path / "other.yaml", "other")):
        assert call("run", plan, "-n", 16, "-o", tmp_path / place).exit_code == 0
    done = call("report", tmp_path / "run", "--since", tmp_path / "other", "-o", tmp_path / "board.html")
    assert done.exit_code == 2
    assert "other is a run of Northstar, and not of Tiny; name an earlier run of this plan" in done.stderr
    assert not (tmp_path / "board.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="closes a file as shells do")
@pytest.mark.parametrize("arguments", ["runs list .", "--help"])
def test_no_output_at_all_is_no_crash(arguments):
    command = f'"{sys.executable}" -m simengine {arguments} >&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a disk that is full")
def test_help_on_a_full_disk_is_told():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "simengine", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (3, "No space left on device\n")


def test_completion_waits_for_nothing_and_breaks_no_line(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "on.yaml").write_text("extends: pipe.yaml\ntargets: [{name: NRR}]\n")
    (tmp_path / "odd.yaml").write_text(
        r'targets: [{name: "a\nb"}, {name: "\e[31m"}, {name: {a: 1}}, {name: null}, {name: é}]'
    )
    found = {name: list(targets(tmp_path / f"{name}.yaml")) for name in ("pipe", "on", "odd")}
    assert found == {"pipe": [], "on": ["NRR"], "odd": ["é"]}
    assert list(targets(Path("/dev/zero"))) == []
    (tmp_path / "deep.yaml").write_text("[" * 50_000)
    assert list(targets(tmp_path / "deep.yaml")) == []


@pytest.mark.parametrize("host", ["", "ä" * 100, ".."])
def test_a_host_that_is_none_is_told(host):
    pytest.importorskip("nicegui")
    done = call("serve", TINY, "--host", host)
    assert done.exit_code == 3
    assert f"cannot listen on {host}, port 8321: " in done.stderr


def test_a_group_without_a_command_shows_its_help_and_no_error():
    done = call("runs")
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage:")
    assert "Error" not in done.stderr
