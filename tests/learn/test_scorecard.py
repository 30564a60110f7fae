"""The scorecard by hand: effects are the spreadsheet's, alarms ring when they should, scenarios are paired."""

from datetime import date

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from simengine.baseline import baseline
from simengine.cli import cli
from simengine.learn.history import History, table
from simengine.learn.posterior import Posterior, learn
from simengine.learn.scorecard import alarms, beside, is_beyond, scorecard
from simengine.plan import Plan, loads
from simengine.plan.evidence import Trigger
from simengine.simulation import simulate

PLAN = """
plan: {name: Small, currency: USD, start: 2027-01, months: 12}
segments: {smb: {geo: NA}}
targets:
  - {name: year, metric: ending_arr, period: FY2027, at_least: 850_000}
assumptions:
  renewal:
    plan: 90 %
    distribution: {beta: {mean: 88 %, n: 60}}
    unit: fraction
    source: {kind: historical, reference: CRM, n: 60}
    owner: CS
    risk: {adverse: low}
    trigger: {below: 85 %, activate: rescue.yaml}
  price:
    plan: 2 %
    distribution: {uniform: [0 %, 4 %]}
    unit: fraction
    source: {kind: judgment, reference: CFO}
    risk: {adverse: low}
    trigger: {below: 1 %, activate: talk to the CFO}
base: {smb: {customers: 120, arr: 1_200_000, renewal_rate: renewal, price_increase: price}}
"""
RESCUE = "extends: plan.yaml\nscenario: {name: Rescue}\nbase: {smb: {price_increase: 0 %}}\n"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return loads(PLAN)


def contracts(*months: tuple[int, int]) -> dict[str, list[object]]:
    """Of each month of 2027 from January on so many contracts due, and so many of them renewed."""
    rows: dict[str, list[object]] = {
        name: [] for name in ("customer", "segment", "start", "renews", "arr", "outcome", "decided", "arr_after")
    }
    for month, (due, renewed) in enumerate(months, start=1):
        for k in range(due):
            stays = k < renewed
            row = (f"c{month}-{k}", "smb", f"2026-{month:02d}-28", f"2027-{month:02d}-28", 10_000.0)
            ended = ("renewed" if stays else "churned", f"2027-{month:02d}-28", 10_200.0 if stays else float("nan"))
            for name, value in zip(rows, (*row, *ended), strict=True):
                rows[name].append(value)
    return rows


def history(as_of: date, *months: tuple[int, int]) -> History:
    return History(as_of, {"contracts": table("contracts", **contracts(*months))})


HISTORY = history(date(2027, 3, 31), (10, 10), (40, 30), (40, 30))


@pytest.fixture(scope="module")
def posterior(plan: Plan) -> Posterior:
    return learn(plan, HISTORY, draws=256)


@pytest.fixture(scope="module")
def run(plan: Plan) -> xr.Dataset:
    return simulate(plan, draws=300)


@pytest.fixture(scope="module")
def card(plan: Plan, run: xr.Dataset, posterior: Posterior) -> xr.Dataset:
    return scorecard(plan, HISTORY, run, posterior, plan.targets[0])


def year_end(plan: Plan, **values: float) -> float:
    return float(baseline(plan, {**plan.planned, **values}).segment["ending_arr"][0, -1].sum())


def test_the_effect_is_what_the_spreadsheet_loses(plan: Plan, card: xr.Dataset) -> None:
    read = card.sel(assumption="renewal")
    assert float(read["actual"]) == pytest.approx(70 / 90, abs=1e-3)
    expected = year_end(plan, renewal=float(read["actual"])) - year_end(plan)
    assert float(read["effect"]) == pytest.approx(expected, rel=1e-9)
    assert float(read["effect_lower"]) < float(read["effect"]) < float(read["effect_upper"]) < 0


def test_belief_lies_between_what_was_believed_and_what_was_seen(card: xr.Dataset) -> None:
    read = card.sel(assumption="renewal")
    assert float(read["actual"]) < float(read["learned"]) < float(read["p50"])


def test_key_figures_are_of_the_months_past(plan: Plan, card: xr.Dataset) -> None:
    planned = baseline(plan, plan.planned).segment["churned_arr"][0, :3].sum()
    churn = card.sel(figure="churned_arr")
    assert float(churn["figure_actual"]) == 200_000.0
    assert float(churn["figure_plan"]) == pytest.approx(float(planned))
    assert float(churn["figure_p10"]) < float(churn["figure_p90"])


def test_an_alarm_rings_since_the_first_month_of_its_last_spell(plan: Plan, posterior: Posterior) -> None:
    rung = {each.assumption: each for each in alarms(plan, HISTORY, posterior)}
    assert rung["renewal"].tripped
    assert rung["renewal"].since == "2027-02"
    assert not rung["price"].tripped
    good = history(date(2027, 3, 31), (10, 2), (40, 38), (40, 38))
    assert not {each.assumption: each for each in alarms(plan, good, posterior)}["renewal"].tripped


def test_an_alarm_is_sure_where_the_whole_interval_is_beyond(plan: Plan, posterior: Posterior) -> None:
    few = history(date(2027, 1, 31), (10, 8))
    many = history(date(2027, 1, 31), (100, 60))
    assert [(each.tripped, each.surely) for each in alarms(plan, few, posterior)][1] == (True, False)
    assert [(each.tripped, each.surely) for each in alarms(plan, many, posterior)][1] == (True, True)


@pytest.mark.parametrize(
    ("value", "trigger", "beyond"),
    [
        (0.2, Trigger(below=0.2, activate="x"), False),
        (0.3, Trigger(above=0.2, activate="x"), True),
        (0.1, Trigger(below=0.2, above=0.5, activate="x"), True),
        (0.3, Trigger(below=0.2, above=0.5, activate="x"), False),
    ],
)
def test_a_line_is_not_beyond_itself(value: float, trigger: Trigger, beyond: bool) -> None:
    assert is_beyond(value, trigger) == beyond


def test_a_scenario_is_held_against_the_base_path_by_path(plan: Plan, run: xr.Dataset) -> None:
    other = simulate(loads(PLAN, overrides=["price=0 %"]), draws=300)
    base, scenario, difference = beside(run, other, "year")
    assert difference[0] == pytest.approx(scenario[0] - base[0])
    apart = np.sqrt(sum(p * (1 - p) / 300 for p, _, _ in (base, scenario)))
    assert (difference[2] - difference[1]) / 2 / 1.96 < apart


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "rescue.yaml").write_text(RESCUE)
    frame = table("contracts", **contracts((10, 10), (40, 30), (40, 30)))
    frame.to_csv(tmp_path / "contracts.csv", index=False)
    columns = ", ".join(f"{name}: {name}" for name in frame)
    source = f"contracts:\n  source: contracts.csv\n  complete: true\n  columns: {{{columns}}}\n"
    (tmp_path / "history.yaml").write_text(f"history: {{as_of: 2027-03-31, currency: USD}}\n{source}")
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


def test_the_command_runs_the_scenario_that_the_plan_named(files) -> None:
    done = call("scorecard", "plan.yaml", "--actuals", "history.yaml", "-n", 200)
    assert done.exit_code == 0, done.output
    for words in ("Key figures", "renewal", "since 2027-02", "then: rescue.yaml", "probability of year"):
        assert words in done.output


def test_without_targets_there_is_no_effect_to_tell(files) -> None:
    text = PLAN.replace(PLAN[PLAN.index("targets:") : PLAN.index("assumptions:")], "")
    (files / "plan.yaml").write_text(text)
    done = call("scorecard", "plan.yaml", "--actuals", "history.yaml")
    assert done.exit_code == 2
    assert "the plan has no targets" in done.output


def test_past_runs_are_scored(files) -> None:
    made = call("run", "plan.yaml", "-n", 200, "-o", "runs/one")
    assert made.exit_code == 0, made.output
    done = call("score", "runs", "--actuals", "history.yaml")
    assert done.exit_code == 0, done.output
    for words in ("Forecasts and what came", "By metric", "FY2027-Q1", "By owner of the assumption".lower()):
        assert words in done.output or words in done.output.lower()
    empty = call("score", ".", "--actuals", "history.yaml")
    assert empty.exit_code == 2
    assert "holds no run" in empty.output
