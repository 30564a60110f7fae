"""`simengine batch` from outside."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"
GRID = ("--vary", "hires.ae=0,2", "--vary", "spend.inbound=1,1.2")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The tiny plan, and a scenario that tells a story."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "tiny.yaml").write_text(TINY.read_text())
    scenario = {"extends": "tiny.yaml", "scenario": {"name": "Push", "story": "More leads. They cost more."}}
    (folder / "push.yaml").write_text(
        json.dumps({**scenario, "funnel": {"channels": {"inbound": {"spend": "30_000 per month"}}}})
    )
    return folder / "tiny.yaml", folder / "push.yaml"


@pytest.fixture(scope="module")
def done(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch") / "out"
    result = call("batch", *files, *GRID, "-n", "200", "-o", folder, "--json")
    assert result.exit_code == 0, result.stderr
    return folder, json.loads(result.stdout)


def test_it_compares_and_keeps(done):
    folder, told = done
    assert [one["name"] for one in told["scenarios"]] == [
        "Tiny",
        "Tiny: spend.inbound x1.2",
        "Tiny: hires.ae +2",
        "Tiny: hires.ae +2, spend.inbound x1.2",
        "Push",
        "Push: spend.inbound x1.2",
        "Push: hires.ae +2",
        "Push: hires.ae +2, spend.inbound x1.2",
    ]
    assert (told["simulated"], told["kept"]) == (8, 0)
    kept = json.loads((folder / "comparison.json").read_text())
    assert kept["scenarios"] == told["scenarios"]
    with (folder / "comparison.csv").open(newline="") as file:
        assert {row["scenario"] for row in csv.DictReader(file)} == {one["name"] for one in told["scenarios"]}
    for figure in told["figures"]:
        assert Path(figure["png"]).read_bytes()[:4] == b"\x89PNG"
        assert Path(figure["svg"]).parent == folder / "figures"


def test_again_nothing_is_simulated_and_nothing_changes(files, done):
    folder, _ = done
    before = {path: path.read_bytes() for path in folder.rglob("*.nc")}
    document = (folder / "comparison.json").read_bytes()
    result = call("batch", *files, *GRID, "-n", "200", "-o", folder, "--no-figures")
    assert result.exit_code == 0, result.stderr
    assert "0 simulated, 8 kept from before" in result.stdout
    assert "Push: More leads." in result.stdout
    assert max(map(len, result.stdout[: result.stdout.index(str(folder))].splitlines())) <= 80
    assert {path: path.read_bytes() for path in folder.rglob("*.nc")} == before
    assert (folder / "comparison.json").read_bytes() == document


def test_every_bad_name_is_told_at_once(files, tmp_path):
    result = call("batch", files[0], "--vary", "hires.nobody=1", "--vary", "spend.outbound=2", "-o", tmp_path / "b")
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 2
    assert not (tmp_path / "b").exists()


def test_another_target_comes_first(files, done, tmp_path):
    copy = shutil.copytree(done[0], tmp_path / "copy")
    result = call("batch", *files, *GRID, "-n", "200", "-o", copy, "--no-figures", "--json", "--target", "NRR")
    told = json.loads(result.stdout)
    assert [one["target"] for one in told["targets"]] == ["NRR", "board ARR"]
    assert [one["target"] for one in told["scenarios"][3]["targets"]] == ["NRR", "board ARR"]
    result = call("batch", *files, "-o", tmp_path / "b", "--target", "nobody")
    assert result.exit_code == 2
    assert "no target is named 'nobody'" in result.stderr
    assert not (tmp_path / "b").exists()


def test_a_folder_that_is_something_else_is_2(files, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = call("batch", files[0], "-n", "50", "-o", tmp_path)
    assert result.exit_code == 2
    assert "holds something else than a batch" in result.stderr


def test_interrupted_it_says_how_to_go_on(files, tmp_path, monkeypatch):
    def stopped(*_, progress, **__):
        progress(3.4, 10)
        raise KeyboardInterrupt

    monkeypatch.setattr("simengine.decide.batch.batch", stopped)
    result = call("batch", files[0], "-o", tmp_path / "b")
    assert result.exit_code == 130
    assert "Stopped after 3 of 10 scenarios, which are kept: the same command goes on from there." in result.stderr


def test_every_key_is_documented(done):
    page = (ROOT / "docs" / "cli.md").read_text()

    def keys(value):
        if isinstance(value, dict):
            for key, item in value.items():
                yield key
                yield from keys(item)
        elif isinstance(value, list):
            for item in value:
                yield from keys(item)

    assert not {key for key in keys(done[1]) if f"`{key}`" not in page}
