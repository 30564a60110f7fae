"""The commands from outside, as a user or a program calls them."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.table import Table

import simengine.plan
from simengine.cli import cli
from simengine.cli.output import print_rich
from simengine.cli.steps import DRAWS, SEED

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests" / "plans" / "tiny.yaml")
FEW = ("-n", "128")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def document(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A stored run of the tiny plan, and what `run --json` said of it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return folder, document(call("run", TINY, *FEW, "-o", folder, "--json"))


@pytest.fixture
def broken(tmp_path):
    text = Path(TINY).read_text().replace("currency: USD", "currency: USD, colour: red").replace("25 %", "25")
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    return path


# ---- check ----


def test_check_says_what_is_in_a_plan():
    result = call("check", TINY)
    assert result.exit_code == 0
    assert result.stdout == f"{TINY} is right: Tiny, 12 months, 1 segment, 1 channel, 5 assumptions, 2 targets.\n"


def test_check_reports_every_mistake_with_its_place(broken):
    result = call("check", broken)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 2
    for line in result.stderr.splitlines():
        assert re.match(rf"{re.escape(str(broken))}:\d+:\d+  \S", line)


def test_check_json_carries_the_mistakes(broken):
    result = call("check", broken, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert [set(problem) for problem in told["problems"]] == [
        {"file", "line", "column", "key", "message", "expected"}
    ] * 2
    assert "colour" in told["problems"][0]["key"]


def test_check_explain_shows_values_and_where_they_come_from():
    lines = call("check", TINY, "--explain").stdout.splitlines()
    assert any(re.match(r"base\.smb\.customers = 150 .*← .*tiny\.yaml:\d+:\d+$", line) for line in lines)
    assert any(line.endswith("← default") for line in lines)
    values = document(call("check", TINY, "--explain", "--json"))["values"]
    assert {"key", "value", "unit", "where"} == set(values[0])
    assert len(values) == len(lines) - 1


# ---- run ----


def test_run_json_tells_the_story(run):
    folder, told = run
    assert told["folder"] == str(folder)
    assert [target["name"] for target in told["targets"]] == ["board ARR", "NRR"]
    assert told["run"]["draws"] == 128
    assert told["run"]["seed"] == str(SEED)
    assert told["drivers"]["target"] == "board ARR"
    assert told["required"] == []
    # What is not a number is null.
    assert told["targets"][0]["at_most"] is None


def test_the_story_is_the_same_from_python(run):
    import simengine as se

    ds = se.simulate(se.load(TINY), draws=128, seed=SEED)
    assert run[1]["targets"][0]["p50"] in ds["target_value"].sel(target="board ARR").values


def test_run_prints_the_summary(tmp_path):
    result = call("run", TINY, *FEW, "-o", tmp_path / "run")
    assert result.exit_code == 0
    assert "How likely is each target?" in result.stdout
    assert f"The run is in {tmp_path / 'run'}." in result.stdout
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80


def test_by_default_the_same_run_has_the_same_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = document(call("run", TINY, "-n", 8, "--seed", 3, "--json"))
    assert re.fullmatch(r"runs/tiny-[0-9a-f]{8}-s3-n8", first["folder"])
    assert document(call("run", TINY, "-n", 8, "--seed", 3, "--json")) == first
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [Path(first["folder"]).name]
    changed = document(call("run", TINY, "-n", 8, "--seed", 3, "--set", "base.smb.customers=151", "--json"))
    assert changed["folder"] != first["folder"]


def test_a_folder_that_is_not_a_run_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text("keep")
    monkeypatch.setattr("simengine.simulation.simulate", None)  # it is refused before anything is simulated
    for more in ((), ("--overwrite",)):
        result = call("run", TINY, "-n", 8, "-o", tmp_path, *more)
        assert result.exit_code == 2
        assert "is not a run" in result.stderr or "no run" in result.stderr
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_run_is_replaced_on_request_only(tmp_path):
    assert call("run", TINY, "-n", 8, "-o", tmp_path / "run").exit_code == 0
    assert call("run", TINY, "-n", 9, "-o", tmp_path / "run").exit_code == 2
    assert call("run", TINY, "-n", 9, "-o", tmp_path / "run", "--overwrite").exit_code == 0
    assert document(call("run", TINY, "-n", 9, "-o", tmp_path / "run", "--overwrite", "--json"))["run"]["draws"] == 9


def test_set_changes_the_plan(tmp_path):
    told = document(
        call("run", TINY, "-n", 8, "-o", tmp_path / "run", "--set", "targets.board ARR.at_least=1", "--json")
    )
    assert told["targets"][0]["at_least"] == 1
    assert told["targets"][0]["probability"]["value"] == 1


def test_a_run_too_small_to_rank_says_so(tmp_path):
    told = document(call("run", TINY, "-n", 8, "-o", tmp_path / "run", "--json"))
    assert told["drivers"] is None
    assert re.match(r"a ranking of this plan needs \d+ draws, and this run has 8; ", told["no_drivers"])


@pytest.mark.parametrize(
    ("required", "code"),
    [
        (["board ARR=0.99"], 4),
        (["NRR=0.0001"], 0),
        (["NRR=1%", "board ARR=99%"], 4),
        (["board ARR"], 4),
        (["all"], 4),
    ],
)
def test_a_required_confidence_decides_the_exit_code(tmp_path, required, code):
    options = [word for text in required for word in ("--require", text)]
    result = call("run", TINY, "-n", 64, "-o", tmp_path / "run", *options, "--json")
    assert result.exit_code == code
    told = json.loads(result.stdout)["required"]
    assert [row["reached"] for row in told] == [row["probability"] >= row["confidence"] for row in told]
    assert all(row["reached"] for row in told) == (code == 0)
    assert ("is required" in result.stderr) == (code == 4)
    assert (tmp_path / "run" / "manifest.json").exists()


def test_a_declared_confidence_is_what_is_required(tmp_path):
    result = call("run", TINY, "-n", 64, "-o", tmp_path / "run", "--require", "board ARR", "--json")
    assert json.loads(result.stdout)["required"][0]["confidence"] == 0.5


@pytest.mark.parametrize(
    ("required", "words"),
    [
        ("NRR", "the plan declares no confidence"),
        ("ARR=0.5", "no target is named 'ARR'"),
        ("ARR", "no target is named 'ARR'"),
        ("board ARR=2", "'2' is not a probability like 0.5 or 50%"),
        ("board ARR=much", "'much' is not a probability like 0.5 or 50%"),
        ("board ARR=nan", "'nan' is not a probability"),
    ],
)
def test_what_cannot_be_required_is_refused_before_the_run(tmp_path, required, words):
    result = call("run", TINY, *FEW, "-o", tmp_path / "run", "--require", required)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrong", [("-n", "0"), ("-n", "many"), ("--seed", "-1"), ("--detail", "all"), ("--nope",)])
def test_wrong_usage_is_2(tmp_path, wrong):
    result = call("run", TINY, "-o", tmp_path / "run", *wrong)
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_that_needs_too_much_memory_is_refused_before_it_begins(tmp_path):
    result = call("run", TINY, "-n", "3000000", "-o", tmp_path / "run")
    assert result.exit_code == 2
    assert "4.0 GB are allowed; simulate fewer draws, keep less of each with --detail stream" in result.stderr
    assert call("run", TINY, *FEW, "-o", tmp_path / "run", "--memory", "0.2").exit_code == 2
    assert not (tmp_path / "run").exists()


def test_a_streamed_run_is_kept_and_told_like_any_other(run, tmp_path):
    streamed = document(call("run", TINY, *FEW, "-o", tmp_path / "run", "--detail", "stream", "--json"))
    assert streamed["run"].pop("detail") == "stream"
    expected = {**run[1], "folder": str(tmp_path / "run"), "run": {**run[1]["run"]}}
    assert expected["run"].pop("detail") == "headline"
    assert streamed == expected
    assert document(call("rank", tmp_path / "run", "--json")) == document(call("rank", run[0], "--json"))


def test_names_are_text_and_no_markup(capsys):
    table = Table("target")
    table.add_row("[EMEA] :smile: [/]")
    print_rich(table)
    assert "[EMEA] :smile: [/]" in capsys.readouterr().out


# ---- risks and averages ----


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """A run of the tiny plan with a value set, large enough for directions."""
    folder = tmp_path_factory.mktemp("runs") / "larger"
    document(call("run", TINY, "-n", "600", "--set", "economics.gross_margin=70 %", "-o", folder, "--json"))
    return folder


def test_risks_are_told_and_drawn(larger, tmp_path):
    result = call("risks", larger, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert "Direction of risk: board ARR" in result.stdout
    assert (tmp_path / "out" / "certainty.svg").exists()
    told = document(call("risks", larger, "--target", "NRR", "--json"))
    assert told["target"] == "NRR"
    assert told["figures"] == []
    assert [row["kind"] for row in told["assumptions"]] == ["assumption"] * 5
    assert {"assumptions", "thresholds", "pairs", "watch", "share_watched", "certainty", "optimism"} <= told.keys()


def test_risks_need_a_target_and_enough_draws(larger, run):
    result = call("risks", larger, "--target", "ending_arr")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is no target of this plan" in result.stderr
    result = call("risks", run[0])
    assert result.exit_code == 2
    assert "run the plan with more draws" in result.stderr


def test_averages_are_walked_from_the_plan_that_the_run_keeps(larger, tmp_path):
    told = document(call("averages", larger, "--spreadsheets", "30", "-o", tmp_path / "out", "--json"))
    first, last = told["levels"][0]["value"], told["levels"][-1]["value"]
    assert first + sum(step["value"] for step in told["steps"]) == pytest.approx(last)
    assert told["spreadsheets"] == 30
    assert Path(told["figures"][0]["png"]).exists()
    printed = call("averages", larger, "--spreadsheets", "30", "--target", "won", "--period", "FY2027")
    assert "From the operating plan to what is likely: won deals FY2027" in printed.stdout
    assert call("averages", larger, "--target", "NRR").exit_code == 2


def test_a_damaged_plan_of_a_run_is_told(larger, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(larger, folder)
    (folder / "plan" / "tiny.yaml").write_text("plan: {}")
    result = call("averages", folder)
    assert result.exit_code == 3
    assert "is damaged" in result.stderr


# ---- audit ----


def test_an_audit_tells_shares_that_make_up_everything(run):
    told = document(call("rank", run[0], "--audit", "--precision", "0.2", "--json"))
    assert told["target"] == "board ARR"
    shares = [told["random_variation"], *told["assumptions"]]
    assert sum(row["share"]["value"] for row in shares) == pytest.approx(1)
    assert told["runs"] == 7 * told["permutations"]
    words = call("rank", run[0], "--audit", "--precision", "0.2").stdout
    assert "Audit: what does board ARR hang on?" in words
    assert "known within 20.0% either way" in " ".join(words.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sobol"], "correlated, such as leads.inbound and renewal.smb"),
        (["--precision", "0.1"], "add --audit"),
        (["--audit", "--misses"], "ask one"),
        (["--misses", "--groups"], "ask one"),
        (["--audit", "--precision", "nan"], "choose one above 0"),
        (["--audit", "--budget", "100"], "allow more"),
        (["--audit", "--target", "broad"], "neither a metric nor a target"),
    ],
)
def test_an_audit_that_cannot_be_is_2(run, options, words):
    result = call("rank", run[0], *options)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


# ---- rank and figures ----


def test_rank_names_the_target_or_the_metric(run):
    folder, _ = run
    assert "What does NRR hang on?" in call("rank", folder, "--target", "NRR").stdout
    told = document(call("rank", folder, "--target", "new_arr", "--period", "FY2027-Q2", "--json"))
    assert (told["metric"], told["period"], told["target"]) == ("new_arr", "FY2027-Q2", "")
    assert len(told["assumptions"]) == 5
    assert document(call("rank", folder, "--json"))["target"] == "board ARR"


def test_rank_tells_of_misses(run, tmp_path):
    folder, _ = run
    text = call("rank", folder, "--target", "NRR", "--misses").stdout
    assert "What decides whether NRR is reached?" in text
    assert "When does it show?" in text
    told = document(call("rank", folder, "--target", "NRR", "--misses", "--by", 0.05, "--json"))
    assert told["shortfall"] == 0.05
    assert {row["kind"] for row in told["assumptions"]} == {"assumption"}
    assert told["figures"] == []
    assert call("rank", folder, "--by", 0.05).exit_code == 2
    assert call("rank", folder, "-o", tmp_path).exit_code == 2
    single = call("rank", folder, "--target", "NRR", "--misses", "-o", tmp_path)
    assert single.exit_code == 0
    assert single.stderr.strip() == "No figure: NRR is known in a single month."
    few = call("rank", folder, "--misses")
    assert few.exit_code == 2
    assert "run the plan with more draws" in few.stderr


def test_a_miss_is_drawn(tmp_path):
    plan, folder = tmp_path / "plan.yaml", tmp_path / "run"
    plan.write_text(Path(TINY).read_text().replace("at_least: 6_000_000", "at_least: 4_900_000"))
    assert call("run", plan, "-n", 512, "-o", folder).exit_code == 0
    printed = call("rank", folder, "--misses", "-o", tmp_path).stdout
    assert f"{tmp_path / 'miss.png'}  A miss of board ARR by " in printed
    assert (tmp_path / "miss.svg").exists()


@pytest.mark.parametrize("wrong", [("--target", "nope"), ("--target", "new_arr", "--period", "FY2031")])
def test_rank_of_what_is_not_there_is_2(run, wrong):
    result = call("rank", run[0], *wrong)
    assert result.exit_code == 2
    assert result.stderr.strip()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A stored run that keeps what is observed of its assumptions."""
    folder = tmp_path_factory.mktemp("runs") / "watched"
    assert call("run", TINY, "-n", 1024, "-o", folder, "--detail", "segment").exit_code == 0
    return folder


def test_triggers_tell_what_would_have_to_be_observed(watched):
    told = document(call("triggers", watched, "--confidence", "20%", "--json"))
    assert (told["target"], told["confidence"], told["confidence_is"]) == ("board ARR", 0.2, "asked for")
    names = {row["name"] for row in told["assumptions"]}
    assert names == {"leads.inbound", "win_rate.smb", "attrition.ae", "renewal.smb"}
    assert [row["name"] for row in told["unseen"]] == ["ramp_months.ae"]
    assert len(told["assumptions"][0]["months"]) == 11
    assert document(call("triggers", watched, "--target", "NRR", "--json"))["confidence"] == 0.5
    assert told["figures"] == []
    assert "What would have to be observed to doubt NRR?" in call("triggers", watched, "--target", "NRR").stdout


def test_triggers_are_drawn_where_there_are_any(watched, tmp_path):
    (figure,) = document(call("triggers", watched, "--target", "NRR", "-o", tmp_path, "--json"))["figures"]
    assert figure["name"] == "triggers"
    assert Path(figure["png"]).stat().st_size > 10_000
    none = call("triggers", watched, "--confidence", "0.999", "-o", tmp_path / "none")
    assert none.exit_code == 0
    words = "No figure: no value that 1 in 100 paths show brings P(hit) of board ARR to 100%."
    assert none.stderr.strip() == words
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--target", "nope"), "'nope' is neither a metric nor a target"),
        (("--target", "new_arr"), "new_arr is no target, and a trigger needs one; the plan's targets: board ARR, NRR"),
        (("--confidence", "often"), "--confidence: 'often' is not a probability like 0.5 or 50%"),
    ],
)
def test_triggers_of_what_is_not_there_are_2(watched, wrong, words):
    result = call("triggers", watched, *wrong)
    assert result.exit_code == 2
    assert words in result.stderr


def test_triggers_ask_for_a_run_that_keeps_what_is_observed(run):
    result = call("triggers", run[0])
    assert result.exit_code == 2
    assert result.stderr.strip().endswith("run the plan again with --detail segment")


def test_a_run_that_is_not_there_is_2(tmp_path):
    for command in ("rank", "triggers", "figures"):
        assert call(command, tmp_path / "none").exit_code == 2


def test_a_damaged_run_is_3(run, tmp_path):
    folder = tmp_path / "copy"
    assert call("run", TINY, "-n", 8, "-o", folder).exit_code == 0
    (folder / "result.nc").write_bytes(b"nothing")
    result = call("rank", folder)
    assert result.exit_code == 3
    assert "damaged" in result.stderr


def test_figures_are_files(run, tmp_path):
    told = document(call("figures", run[0], "-o", tmp_path / "out", "--json"))["figures"]
    assert [figure["name"] for figure in told] == ["fan", "exceedance", "composition", "tornado", "certainty", "bridge"]
    assert all(Path(figure[kind]).stat().st_size > 10_000 for figure in told for kind in ("png", "svg"))
    printed = call("figures", run[0], "-o", tmp_path / "out").stdout.splitlines()
    assert [line.split("  ")[0] for line in printed] == [figure["png"] for figure in told]


def test_a_figure_that_says_nothing_is_left_out_with_a_word(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(Path(TINY).read_text().replace("metric: ending_arr", "metric: one_off_bookings"))
    result = call("run", plan, *FEW, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    told = document(call("figures", tmp_path / "run", "--json"))
    assert [figure["name"] for figure in told["figures"]] == ["fan", "composition", "bridge"]
    same = "one-off bookings FY2027 is the same on every path"
    assert {row["name"]: row["reason"] for row in told["left_out"]} == {
        "exceedance": same,
        "tornado": same,
        "certainty": same,
        "cash": "the plan states no opening cash",
    }
    assert "No tornado: one-off bookings FY2027 is the same on every path." in call("figures", tmp_path / "run").stderr


def test_figures_go_into_a_folder(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    result = call("figures", run[0], "-o", tmp_path / "file")
    assert result.exit_code == 3
    assert re.fullmatch(r"cannot write the figures to .*file: file exists; choose another folder\n", result.stderr)


# ---- demo ----


def test_demo_goes_all_the_way_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("demo", "-n", "320")
    assert result.exit_code == 0, result.stderr
    for words in (
        "How likely",
        "80% safe",
        "random variation",
        "Figures:",
        "demo/figures/fan.png",
        "The run is in demo.",
    ):
        assert words in result.stdout
    assert (tmp_path / "demo" / "manifest.json").exists()
    assert (tmp_path / "demo" / "figures" / "tornado.svg").exists()


def test_demo_json(tmp_path):
    told = document(call("demo", "-n", "320", "-o", tmp_path / "demo", "--json"))
    assert len(told["figures"]) == 7
    assert told["plan"]["name"] == "Northstar FY2027"


def test_demo_without_its_plan_says_where_to_go(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("simengine.cli.demo.__file__", str(tmp_path / "a" / "b" / "demo.py"))
    result = call("demo")
    assert result.exit_code == 2
    assert "clone of the repository" in result.stderr


# ---- how a command ends ----


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 3, "runs/x: No space left on device\n"),
        (PermissionError(errno.EACCES, "Permission denied", "plan.yaml"), 3, "plan.yaml: Permission denied\n"),
        (
            MemoryError(),
            3,
            "Not enough memory. Take fewer draws (-n); where 100 are too many, the plan has more customers or "
            "opportunities than this machine can hold.\n",
        ),
        (
            KeyboardInterrupt(),
            130,
            "\nStopped. Folders are written whole or not at all: any that is there is complete.\n",
        ),
    ],
)
def test_every_end_has_its_code_and_its_words(monkeypatch, error, code, words):
    def load(*_):
        raise error

    monkeypatch.setattr(simengine.plan, "load", load)
    result = call("check", TINY)
    assert result.exit_code == code
    assert result.stderr == words


def test_a_crash_is_1_and_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(simengine.plan, "load", lambda *_: 1 / 0)
    result = call("check", TINY)
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


def test_an_interrupted_simulation_says_how_far_it_came(monkeypatch, tmp_path):
    def simulate(*_, progress, **__):
        progress(64, 128)
        raise KeyboardInterrupt

    monkeypatch.setattr("simengine.simulation.simulate", simulate)
    result = call("run", TINY, *FEW, "-o", tmp_path / "run")
    assert result.exit_code == 130
    assert "Stopped after 64 paths." in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_first_compilation_is_announced(monkeypatch, tmp_path):
    monkeypatch.setattr("simengine.simulation.is_compiled", lambda: False)
    assert "Compiling" in call("run", TINY, "-n", 8, "-o", tmp_path / "run").stderr
    monkeypatch.setattr("simengine.simulation.is_compiled", lambda: True)
    assert call("run", TINY, "-n", 8, "-o", tmp_path / "run2").stderr == ""


def test_warmup_says_what_was_done_and_where_it_is(monkeypatch, tmp_path):
    ready = []
    monkeypatch.setattr("simengine.simulation.is_compiled", lambda: bool(ready))
    monkeypatch.setattr("simengine.simulation.ready", lambda: ready.append(1))
    monkeypatch.setattr("simengine.simulation.folder", lambda: tmp_path)
    first = call("warmup")
    assert "Compiling" in first.stderr
    assert re.fullmatch(rf"Compiled in \d+ s\. It is kept in {tmp_path}\.\n", first.stdout)
    again = call("warmup")
    assert again.stderr == ""
    assert again.stdout == f"The simulation was compiled before, and is right. It is kept in {tmp_path}.\n"
    told = document(call("warmup", "--json"))
    assert (told["already"], told["folder"]) == (True, str(tmp_path))


def test_warmup_that_cannot_keep_what_it_compiled_is_3(monkeypatch):
    monkeypatch.setattr("simengine.simulation.is_compiled", lambda: False)
    monkeypatch.setattr("simengine.simulation.ready", lambda: None)
    result = call("warmup")
    assert result.exit_code == 3
    assert "not kept" in result.stderr


def piped(command, reader):
    """Exit code and standard error of a command whose output another one reads."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    line = f"{sys.executable} -m simengine {command} 2>err | {reader}; echo ${{PIPESTATUS[0]}} >code"
    return ["bash", "-c", line], environment


@pytest.mark.skipif(os.name != "posix", reason="pipes of a POSIX shell")
def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path):
    line, environment = piped(f"check {TINY} --explain", "true")
    subprocess.run(line, cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "err").read_text() == ""
    assert (tmp_path / "code").read_text().strip() == "141"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_the_output_is_3(unbuffered):
    command, environment = (
        [sys.executable, "-m", "simengine", "check", TINY],
        os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=-1, check=False, env=environment)
    assert done.returncode == 3
    assert done.stderr == b"No space left on device\n"


def test_an_output_that_cannot_show_a_sign_is_no_crash():
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    line = [sys.executable, "-m", "simengine", "check", TINY, "--explain"]
    done = subprocess.run(line, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"?" in done.stdout


# ---- documentation ----


def keys_of(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys_of(item)


def test_every_key_is_documented(run, larger, tmp_path):
    folder, told = run
    page = (ROOT / "docs" / "cli.md").read_text()
    told = {
        **told,
        "required": [dict.fromkeys(("target", "confidence", "probability", "lower", "upper", "reached"), 0)],
    }
    documents = [
        told,
        document(call("rank", folder, "--json")),
        document(call("figures", folder, "-o", tmp_path / "out", "--json")),
        document(call("check", TINY, "--explain", "--json")),
        document(call("warmup", "--json")),
        document(call("rank", larger, "--misses", "--target", "NRR", "--json")),
        document(call("rank", larger, "--audit", "--precision", "0.2", "--json")),
        document(call("risks", larger, "--json")),
        document(call("averages", larger, "--spreadsheets", "30", "--json")),
    ]
    sources = {"historical", "benchmark", "judgment"}
    missing = {key for key in keys_of(documents) if f"`{key}`" not in page} - sources
    assert not missing


def test_every_option_is_documented():
    page = (ROOT / "docs" / "cli.md").read_text()
    context = cli.make_context("simengine", ["--help"], resilient_parsing=True)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert f"## `simengine {name}" in page
        inner = getattr(command, "commands", {})
        for one in inner:
            assert f"`simengine {name} {one}" in page, (name, one)
        for parameter in (parameter for each in (command, *inner.values()) for parameter in each.params):
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert option in page, (name, option)
    assert f"{DRAWS:,}" in page


# ---- describe ----


def test_describe_says_what_a_plan_contains():
    result = call("describe", TINY)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Tiny"
    chapters = ("Targets", "People", "Capacity", "Demand", "Customers", "Quota roll-up", "Assumptions", "Metrics")
    assert [line for line in lines if line in chapters] == list(chapters)
    assert max(map(len, lines)) <= 120


def test_describe_takes_values_and_formats():
    result = call("describe", TINY, "--set", "base.smb.customers=77", "--format", "md")
    assert result.exit_code == 0
    assert result.stdout.startswith("# Tiny\n")
    assert re.search(r"^\| smb \| 77 \|", result.stdout, re.MULTILINE)
    assert not re.search(r"^\| smb \| 77 \|", call("describe", TINY, "--format", "md").stdout, re.MULTILINE)


def test_describe_json_has_plain_numbers():
    told = document(call("describe", TINY, "--json"))
    assert (told["plan"], told["currency"]) == ("Tiny", "USD")
    targets = next(section for section in told["sections"] if section["title"] == "Targets")
    assert targets["tables"][0]["rows"][0][5] == {"value": 6_000_000, "unit": "USD"}


def test_describe_reports_mistakes_like_check(broken):
    result = call("describe", broken)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "unknown key" in result.stderr


# ---- check: what does not go together ----

LARGE_QUOTA = "quota: 6_000_000 per year"


@pytest.fixture
def unusual(tmp_path):
    text = Path(TINY).read_text()
    assert "quota: 600_000 per year" in text
    path = tmp_path / "unusual.yaml"
    path.write_text(text.replace("quota: 600_000 per year", LARGE_QUOTA))
    return path


def test_check_warns_of_what_does_not_go_together(unusual):
    result = call("check", unusual)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("bookings per seller: "))
    assert "look at team.roles.ae.quota" in line
    assert "bookings per seller: " not in call("check", TINY).stderr


def test_check_strict_turns_warnings_into_a_failure(unusual):
    assert call("check", unusual, "--strict").exit_code == 2
    findings = document(call("check", unusual, "--json"))["findings"]
    assert {"subject", "found", "look_at"} == set(findings[0])
    strict = call("check", unusual, "--strict", "--json")
    assert strict.exit_code == 2
    assert json.loads(strict.stdout)["ok"] is True
