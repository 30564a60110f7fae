"""What a command looks like: its width, its colours, what it leaves out when told to, and what it says to a typo."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from simengine.cli import _COMMANDS, cli
from simengine.report.cells import Bar, Folded, Roomy, Sparkline, sparks
from simengine.report.tables import table, under

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"
LONG = "a name of two hundred signs " * 6 + "and one word like " + "x" * 14
HOSTILE = {"board ARR": LONG, "win_rate.smb": "win_rate." + "a-long_name." * 6 + "end", "Tiny": "<script>[red]" + LONG}
ESCAPE = "\x1b["


def call(*arguments, **variables):
    return CliRunner(env=variables).invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of a plan whose names are as long as names may be."""
    folder = tmp_path_factory.mktemp("terminal")
    text = TINY.read_text()
    for name, other in HOSTILE.items():
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", f'"{other}"' if name != "win_rate.smb" else other, text)
    (folder / "plan.yaml").write_text(text)
    done = call("run", folder / "plan.yaml", "-n", 1000, "-o", folder / "run", "--detail", "segment")
    assert done.exit_code == 0, done.stderr
    return folder


def widest(text):
    return max(map(len, text.splitlines()))


@pytest.mark.parametrize("columns", [80, 110])
@pytest.mark.parametrize(
    "arguments",
    [
        ("describe", "plan.yaml"),
        ("rank", "run", "--groups", "--tornado"),
        ("rank", "run", "--target", "NRR", "--misses"),
        ("risks", "run"),
        ("averages", "run", "--spreadsheets", "30"),
        ("triggers", "run", "--target", "NRR"),
    ],
    ids=" ".join,
)
def test_nothing_is_wider_than_the_terminal(folder, arguments, columns):
    places = [folder / word if word in {"run", "plan.yaml"} else word for word in arguments]
    done = call(*places, COLUMNS=str(columns))
    assert done.exit_code == 0, done.stderr
    assert widest(done.stdout) <= columns
    assert ESCAPE not in done.stdout


def test_the_summary_and_the_gap_fit(folder):
    done = call("-q", "run", folder / "plan.yaml", "-n", 256, "-o", folder / "again", COLUMNS="80")
    assert widest(done.stdout) <= 80
    done = call("-q", "gap", folder / "plan.yaml", "-n", 256, "--no-levers", COLUMNS="80")
    assert done.exit_code == 0, done.stderr
    assert widest(done.stdout) <= 80


# ---- cells ----


def lines(renderable, width, encoding="utf-8"):
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding=encoding, errors="strict")
    Console(file=file, width=width).print(renderable)
    file.flush()
    return buffer.getvalue().decode(encoding).splitlines()


@given(
    st.text(st.sampled_from("ab.-_/ ·"), max_size=60).map(str.strip),
    st.integers(4, 40),
)
@settings(max_examples=200)
def test_folding_loses_no_sign_and_keeps_the_width(name, width):
    made = lines(Folded(Text(f"  {name}")), width)
    assert all(len(line) <= width for line in made)
    assert "".join("".join(made).split()) == "".join(name.split())


def test_names_fold_at_their_joints_and_under_themselves():
    made = table("", "amount")
    made.add_row(under("enterprise-emea", "  historical · RevOps · worse than plan"), "$18.0M")
    assert [line.rstrip() for line in lines(made, 24)[2:]] == [
        "enterprise-emea   $18.0M",
        "  historical ·",
        "  RevOps · worse",
        "  than plan",
    ]
    assert [line.strip() for line in lines(Folded(Text("enterprise-emea")), 12)] == ["enterprise-", "emea"]


def test_bars_and_sparklines_stay_out_of_an_encoding_without_blocks():
    shown = [Bar(0.5, 4), Sparkline([("P50", sparks([1, 2]), "to $2")]), Roomy(Text("wide ██"), Text("narrow"))]
    assert [lines(one, 100)[0].rstrip() for one in shown] == ["██", "P50  ▁█  to $2", "wide ██"]
    assert [lines(one, 100, "ascii") for one in shown] == [[""], ["P50  to $2"], ["narrow"]]
    assert lines(shown[2], 80) == ["narrow"]


# ---- colour and quiet, as processes ----


def started(*arguments, **variables):
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "TERM"}}
    command = [sys.executable, "-m", "simengine", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=kept | variables)


def test_colour_is_for_terminals_unless_it_is_forced(folder):
    asked = ("rank", folder / "run")
    assert ESCAPE not in started(*asked, TERM="xterm-256color").stdout
    forced = started(*asked, TERM="xterm-256color", FORCE_COLOR="1")
    assert f"{ESCAPE}1;36m" in forced.stdout
    assert forced.stderr == ""  # a forced colour makes no terminal of a pipe: no progress bar
    without = started(*asked, TERM="xterm-256color", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert not re.search(r"\x1b\[[\d;]*3\dm", without)
    assert ESCAPE not in started(*asked, TERM="dumb", FORCE_COLOR="1").stdout


@pytest.mark.parametrize("place", ["before", "behind"])
def test_quiet_leaves_what_was_asked_for(tmp_path, place):
    asked = ["run", TINY, "-n", 16, "-o", tmp_path / "run", "--overwrite"]
    loud = call(*asked)
    assert "Next: simengine" in loud.stdout
    quiet = call("--quiet", *asked) if place == "before" else call(*asked, "-q")
    assert quiet.exit_code == 0
    assert loud.stdout.startswith(quiet.stdout)
    assert "How likely is each target?" in quiet.stdout
    assert "Next:" not in quiet.stdout


# ---- typos ----


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("rnu", TINY), "did you mean run?"),
        (("run", TINY, "--draw", 8), "Did you mean '--draws'?"),
        (("run", TINY, "--set", "win_rate.smbb=0.2"), "did you mean win_rate.smb?"),
        (("run", TINY, "--require", "bord ARR=0.5"), "did you mean board ARR?"),
        (("run", TINY.with_name("tinny.yaml")), "did you mean tiny.yaml?"),
        (("gap", TINY, "--reach", "boardARR"), "did you mean board ARR?"),
        (("rank", "RUN", "--target", "bord ARR"), "is neither a metric nor a target of this plan"),
        (("rank", "RUN", "--target", "nr"), "did you mean nrr?"),
        (("rank", "RUN", "--target", "nrr", "--period", "FY27"), "is not a period like FY2027, FY2027-Q3 or 2027-03"),
        (("rank", "RUNN"), "did you mean run?"),
        (("figures", "RUNN"), "did you mean run?"),
    ],
)
def test_a_typo_is_answered_with_what_is_meant(folder, arguments, meant):
    places = {"RUN": folder / "run", "RUNN": folder / "runn"}
    done = call(*(places.get(word, word) for word in arguments))
    assert done.exit_code == 2
    assert meant in done.stderr


# ---- help and completion ----


def test_help_has_every_command_under_what_it_is_for():
    done = call("--help", COLUMNS="200")
    assert widest(done.stdout) <= 100
    sections = re.findall(r"^(\w[\w ]*):$", done.stdout, flags=re.MULTILINE)
    assert sections == ["Options", "Declare", "Simulate", "Explain", "Decide", "Learn", "Show", "Set up"]
    assert re.findall(r"^  (\w+)  ", done.stdout.split("Declare:")[1], flags=re.MULTILINE) == list(_COMMANDS)


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], ["run", "runs"]),
        (["rank", "RUN", "--target", "N"], ["NRR"]),
        (["run", str(TINY), "--require", "bo"], [r"board\ ARR"]),
        (["run", "--overw"], ["--overwrite"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_bash_completes(folder, tmp_path, words, expected):
    program = tmp_path / "simengine"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m simengine "$@"\n')
    program.chmod(0o755)
    words = ["simengine", *(str(folder / "run") if word == "RUN" else word for word in words)]
    script = (
        f"{call('completion', 'bash').stdout}\n"
        f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}\n"
        '_simengine_completion simengine\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    # Sourced by a shell that knows `complete`, with the program on its way.
    done = subprocess.run(
        [BASH, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell):
    assert "_SIMENGINE_COMPLETE" in call("completion", shell).stdout


# ---- a first plan ----


def test_the_first_plan_is_right_as_it_stands(tmp_path):
    file = tmp_path / "my plan.yaml"
    assert f"simengine run '{file}'" in call("new", file).stdout
    done = call("check", file, "--strict")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    before = file.read_text()
    file.write_text(before + "# mine\n")
    assert "is there already" in call("new", file).stderr
    assert file.read_text() == before + "# mine\n"
    assert call("new", file, "--overwrite", "-q").stdout == ""
    assert file.read_text() == before
