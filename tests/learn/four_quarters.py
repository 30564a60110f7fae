"""A made year of northstar, learned from quarter by quarter: `python -m tests.learn.four_quarters -o FOLDER`.

Inbound leads are qualified 30 % less often than planned from the first month on; all else is as the medians of what was
believed. After each quarter the plan is updated, simulated again, and the change of P(commit ARR) explained. What is
told is held against the truth: the same company at the same day, with every assumption at its true value.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from simengine.learn.actuals import read
from simengine.learn.posterior import learn
from simengine.learn.scorecard import Alarm, alarms
from simengine.learn.update import update
from simengine.learn.walk import walk
from simengine.learn.written import write
from simengine.plan import Plan, load
from simengine.results.targets import hit_probability
from simengine.simulation import simulate
from simengine.simulation.points import Points
from tests.learn import northstar_year
from tests.learn.exported import write as export
from tests.learn.northstar_year import CALLED, FAULT, PLAN, QUARTERS, SEED

TARGET = "commit ARR"
DRAWS, ORDERS = 2_000, 500
TRUTHS, LUCK = 64, 64
"""Points of the posterior, and paths at each, from which the spread of P(hit) over what is still not known is told."""


class Quarter(NamedTuple):
    """What was told after a quarter.

    `belief` has P5, P50 and P95 of the fault; `probability` of the target with its 95 % interval, `truth` the same at
    the true values, `spread` the standard deviation of the target's probability over what is believed now.
    """

    name: str
    plan: Plan
    run: xr.Dataset
    belief: tuple[float, float, float]
    bars: xr.Dataset
    alarm: Alarm
    probability: tuple[float, float, float]
    truth: tuple[float, float, float]
    spread: float

    @property
    def first(self) -> list[str]:
        """The beliefs that the walk from the plan as approved names first: those of the first rank that lowered P."""
        lowered = self.bars.isel(player=np.flatnonzero(self.bars["probability"].values < 0))
        ranks = lowered["rank_group"].values
        ranked = ranks[ranks > 0]
        return [] if not ranked.size else lowered["player"].values[ranks == ranked.min()].astype(str).tolist()

    @property
    def off(self) -> float:
        """How far P(hit) is from the truth, in standard deviations of what is not known and of the simulation."""
        errors = [(high - low) / (2 * 1.96) for _, low, high in (self.probability, self.truth)]
        return (self.probability[0] - self.truth[0]) / math.hypot(self.spread, *errors)


def quarters(folder: Path, names: list[str], *, draws: int = DRAWS, orders: int = ORDERS) -> list[Quarter]:
    """Live through some quarters."""
    before = load(PLAN)
    base = simulate(before, draws=draws, seed=SEED)
    true = northstar_year.truth(before, fault=True)
    told, file = [], Path(PLAN)
    for name in names:
        history = northstar_year.quarter(before, QUARTERS[name], fault=True)
        actuals = export(history, folder / name, before, f"Made records to {QUARTERS[name]}", CALLED)
        updated = update(file, actuals, as_of=QUARTERS[name], output=folder / f"{name}.yaml", seed=SEED)
        write(updated, folder, overwrite=True)
        file = folder / f"{name}.yaml"
        plan = load(file)
        run = simulate(plan, draws=draws, seed=SEED)
        bars = walk(before, plan, base, run, target=TARGET, permutations=orders)
        known = read(actuals, as_of=QUARTERS[name], plan=before).history
        rung = {each.assumption: each for each in alarms(before, known, learn(before, known, draws=512, seed=SEED))}
        told.append(_told(name, plan, run, bars, rung[FAULT], true.values, draws))
    return told


def _told(
    name: str, plan: Plan, run: xr.Dataset, bars: xr.Dataset, alarm: Alarm, true: dict[str, float], draws: int
) -> Quarter:
    law = plan.widened()[FAULT]
    found = hit_probability(run).sel(target=TARGET)
    probability = tuple(float(found[key]) for key in ("p", "lower", "upper"))
    points = Points(plan, targets=[each for each in plan.targets if each.name == TARGET], seed=SEED)
    bound = next(each.at_least for each in plan.targets if each.name == TARGET)
    events = dict.fromkeys(plan.events, 0.0)
    fixed = {each: plan.planned[each] for each in plan.events if plan.events[each].plan != "never"}
    values = {each: np.full(draws, {**true, **events, **fixed}[each]) for each in points.names}
    at_truth = _share(points.of(values, np.arange(draws))[:, 0] >= bound)
    return Quarter(
        name,
        plan,
        run,
        tuple(float(x) for x in law.ppf([0.05, 0.5, 0.95])),
        bars,
        alarm,
        probability,
        at_truth,
        _spread(points, run, float(bound)),
    )


def _share(hit: np.ndarray) -> tuple[float, float, float]:
    from simengine.results.targets import wilson

    return tuple(float(x) for x in wilson(int(hit.sum()), len(hit)))


def _spread(points: Points, run: xr.Dataset, bound: float) -> float:
    """Standard deviation of P(hit) over the posterior: that of means of luck, less what luck leaves in them."""
    drawn = run["assumption_value"].sel(assumption=list(points.names)).values[:TRUTHS]
    values = dict(zip(points.names, np.repeat(drawn, LUCK, axis=0).T, strict=True))
    luck = np.tile(np.arange(LUCK), TRUTHS)
    hit = (points.of(values, luck)[:, 0] >= bound).reshape(TRUTHS, LUCK).astype(float)
    p = hit.mean(axis=1)
    noise = float((p * (1 - p) / (LUCK - 1)).mean())
    return math.sqrt(max(0.0, float(p.var(ddof=1)) - noise))


def main() -> None:
    """Tell the year."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--quarters", nargs="+", choices=QUARTERS, default=list(QUARTERS)[:3])
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for each in quarters(given.output, given.quarters):
        low, middle, high = (f"{100 * x:.1f} %" for x in each.belief)
        print(f"{each.name}: {FAULT} {middle} ({low} to {high}); alarm {each.alarm.since or 'silent'}", end="")
        print(f"{', surely' if each.alarm.surely else ''}; first named: {', '.join(each.first) or 'nothing'}")
        p, truth = each.probability, each.truth
        print(f"  P({TARGET}) {100 * p[0]:.1f} % ({100 * p[1]:.1f} to {100 * p[2]:.1f});", end=" ")
        print(f"at the truth {100 * truth[0]:.1f} % ({100 * truth[1]:.1f} to {100 * truth[2]:.1f});", end=" ")
        print(f"spread {100 * each.spread:.1f} points, {each.off:+.1f} standard deviations off")


if __name__ == "__main__":
    main()
