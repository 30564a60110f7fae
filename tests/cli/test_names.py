"""No name is a path: whatever a plan calls itself and what is in it, files are made in the output folder alone."""

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli
from simengine.cockpit.live import _stem
from simengine.decide.batch import _file_name

ROOT = Path(__file__).parents[2]
TINY = (ROOT / "tests" / "plans" / "tiny.yaml").read_text(encoding="utf-8")
HOSTILE = {
    "dots": "..",
    "up": "../../outside",
    "absolute": "/tmp/outside-simengine",
    "backslash": "..\\..\\outside",
    "option": "-rf",
    "device": "CON",
    "home": "~/outside",
    "shell": "$(touch outside);`touch outside`|&",
    "long": "é" * 98,
    "arabic": "خطة العمل",
    "emoji": "🚀" * 40,
}
"""Names that a plan may have; whether one may have them is not what is tested."""
NO_NAMES = {
    "a zero byte": "a\\0b",
    "a line end": "a\\nb",
    "a mark that turns text round": "a\\u202eb",
    "escape": "a\\e[2J",
}


def call(*arguments):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def plan_called(folder, names):
    """A plan and a scenario, in which everything that has a name has a hostile one."""
    plan, target, segment, channel, scenario = (json.dumps(name, ensure_ascii=False) for name in names)
    text = TINY.replace("name: Tiny", f"name: {plan}").replace("name: board ARR", f"name: {target}")
    # What a kernel addresses has no slash in its name.
    segment, channel = segment.replace("/", "\\\\"), channel.replace("/", "\\\\")
    text = re.sub(r"(?<![\w.-])smb(?![\w.-])", lambda _: segment, text)
    text = re.sub(r"(?<![\w.-])inbound(?![\w.-])", lambda _: channel, text)
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    changes = f"scenario: {{name: {scenario}, story: {scenario}}}\nbase: {{{segment}: {{customers: 101}}}}\n"
    (folder / "scenario.yaml").write_text(f"extends: plan.yaml\n{changes}", encoding="utf-8")
    return folder / "plan.yaml"


def everything(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.parametrize("first", [0, *(pytest.param(i, marks=pytest.mark.full) for i in range(1, len(HOSTILE)))])
def test_files_are_made_in_the_output_folder_alone(first, tmp_path, monkeypatch):
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(tmp_path / "a"))
    names = [*HOSTILE.values()] * 2
    plan = plan_called(home, names[first : first + 5])
    made = call("run", plan, "-n", 64)
    assert made.exit_code == 0, made.output
    (run,) = (home / "runs").iterdir()
    assert re.fullmatch(r"[a-z0-9-]+", run.name)
    outside = everything(tmp_path) - {path.relative_to(tmp_path) for path in run.rglob("*")}
    commands = {
        "batch": (plan, home / "scenario.yaml", "-n", 64, "--no-figures", "-o", home / "out"),
        "export": (run, "-o", home / "out" / "run.xlsx"),
    }
    if first:  # which takes seconds
        commands["figures"] = (run, "-o", home / "out" / "figures")
        commands["report"] = (run, "-o", home / "out" / "board.html")
    for command, arguments in commands.items():
        result = call(command, *arguments)
        assert result.exit_code == 0, f"{command}: {result.output}"
    left = everything(tmp_path) - {
        path.relative_to(tmp_path) for part in (run, home / "out") for path in part.rglob("*")
    }
    assert left - {Path("a/b/out")} == outside
    assert all(re.fullmatch(r"[\w.-]+", path.name, re.ASCII) for path in (home / "out").rglob("*"))
    assert not Path("/tmp/outside-simengine").exists()


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES)
def test_no_name_holds_what_nobody_sees(name, tmp_path):
    text = re.sub("name: board ARR", lambda _: f'name: "{name}"', TINY)
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    result = call("check", tmp_path / "plan.yaml")
    assert result.exit_code == 2
    assert "plan.yaml:" in result.stderr
    assert result.stderr.isprintable() or set(result.stderr) & set("\0\x1b\u202e") == set()


@pytest.mark.parametrize("name", [*HOSTILE.values(), "nul", "com1", ".", "x" * 300, "\0", "\n"], ids=ascii)
def test_every_stem_is_of_letters_and_digits(name):
    assert re.fullmatch(r"[a-z0-9-]{0,60}-?[0-9a-f]{8}\.nc", _file_name(name))
    assert re.fullmatch(r"[a-z0-9-]{0,60}", _stem(name))
    assert len(os.fsencode(_file_name(name))) <= 100
