"""`simengine scorecard`: how the year goes, plan against actual, and which alarm rings."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.records import as_of_option, records
from simengine.cli.steps import seed_option
from simengine.errors import SimengineError

if TYPE_CHECKING:
    from pathlib import Path

    from simengine.plan import Plan
    from simengine.plan.targets import Target


@click.command("scorecard", short_help="Plan against actual, what it is worth, which alarm rings.")
@click.argument("plan")
@click.option("--actuals", required=True, metavar="HISTORY", help="Mapping file of the records of the plan's months.")
@as_of_option
@click.option("--target", metavar="NAME", help="Whose metric effects are of.  [default: the first target]")
@click.option("-n", "--draws", type=int, default=2_000, show_default=True, metavar="N", help="Paths to simulate.")
@seed_option
@json_option
def command(
    plan: str, actuals: str, as_of: date | None, target: str | None, draws: int, seed: int, as_json: bool
) -> None:
    """Hold the actuals against the file PLAN: key figures, every assumption, and the thresholds that it declares.

    Where a threshold is tripped and the plan names a scenario for it, that is run beside the plan, on the same draws.
    PLAN is the plan as it was approved, before any update.
    """
    from simengine.cli.steps import counting, simulated
    from simengine.learn.posterior import learn
    from simengine.learn.scorecard import alarms, scorecard
    from simengine.plan import load
    from simengine.report.scorecard import scorecard_facts, scorecard_tables

    checked = load(plan)
    aim = _aim(checked, target)
    done = records(actuals, as_of, checked).history
    ds = simulated(checked, draws, seed)
    posterior = learn(checked, done, draws=1_024, seed=seed)
    with counting("Reading the actuals") as progress:
        card = scorecard(checked, done, ds, posterior, aim, progress=progress)
    rung = alarms(checked, done, posterior)
    activated = {}
    for scenario in _scenarios(plan, rung):
        from simengine.learn.scorecard import beside

        other = load(str(scenario))
        if aim.name in {each.name for each in other.targets}:
            activated[scenario.name] = beside(ds, simulated(other, draws, seed), aim.name)
    if as_json:
        print_json(scorecard_facts(card, rung, activated))
    else:
        print_rich(scorecard_tables(card, rung, activated))


def _aim(plan: Plan, name: str | None) -> Target:
    from simengine.plan.targets import target_of

    if not plan.targets:
        raise SimengineError("the plan has no targets, and effects are of a target's metric; add one under targets:")
    return target_of(plan, name)


def _scenarios(plan: str, rung: list[Any]) -> list[Path]:
    """Files beside the plan that a tripped threshold names."""
    from pathlib import Path

    named = dict.fromkeys(alarm.trigger.activate for alarm in rung if alarm.tripped)
    beside_it = (Path(plan).parent / name for name in named if name.endswith((".yaml", ".yml")))
    return [path for path in beside_it if path.is_file()]
