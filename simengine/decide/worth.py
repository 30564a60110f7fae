"""What every lever of a plan is worth: by step, by money, by week of delay; and what it does beside the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.decide.about import about
from simengine.decide.levers import Dial, Levers, Mix
from simengine.decide.paired import LEVEL, Hits, difference_of_means, difference_of_shares, mcnemar, ranked
from simengine.errors import SimengineError
from simengine.explain.intervals import UNKNOWN, Bounded, Floats, median, proportion, stacked, with_bounds
from simengine.explain.ties import rank_groups
from simengine.plan.schema import Plan
from simengine.plan.targets import Target, target_of, whole_year
from simengine.results.outputs import OUTPUTS
from simengine.simulation import Progress
from simengine.simulation.reached import last_month, target_values
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_label

DRAWS = 4096
ALL = "all together"
WEEKS_PER_MONTH = 365.25 / 7 / MONTHS_PER_YEAR
BESIDE = ("ending_arr", "sm_spend", "cac_payback", "net_burn", "lowest_cash")
"""Metrics of the target's fiscal year that a lever moves beside the target."""
Places = NDArray[np.int64]


class _Choice(NamedTuple):
    """What is tried of a dial: the end of its range, one step, and the end of its range a month later (or None)."""

    dial: Dial
    place: int
    cost: float
    full: Plan
    first: Plan
    later: Plan | None
    later_cost: float


class _Everything(NamedTuple):
    """All levers at the end of their ranges, whatever the limits say."""

    plan: Plan
    cost: float
    within_limits: bool


def worth(
    plan: Plan,
    *,
    target: str | None = None,
    draws: int = DRAWS,
    seed: int = 7,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Work out what every lever of a plan is worth, moved alone and from the plan as it is.

    Each is moved by one step, by its whole range (as far as the limits let it alone), and by its whole range a month
    later; all on the same draws, so that a difference is paired and its interval narrow. By step and by money it is the
    gain of the whole range over the steps and over the cost: of one person alone chance leaves little to see. By week
    it is what a month of delay loses, over the weeks of a month.

    Parameters
    ----------
    plan : a checked plan that declares levers
    target : by name; by default the first of the plan
    draws, seed : the draws that all choices share
    executor : runs the paths; by default one thread for each processor
    progress : called with paths done, and paths in all

    Returns
    -------
    Dataset
        Along `choice`, the dials, largest gain first, and last `all together`; every estimate has `_lower` and `_upper`
        (95 %).

        - `gain` of P(hit) by the whole range (`amount`, `steps`, `cost`), `first_step` by one step (`step_amount`);
          Bonett and Price's paired interval. `distinguishable`: McNemar's test tells it from nothing, at 5 % over all
          dials together. `rank_group`, from 1, of those: within a group the order means nothing; 0 of what is not
          ranked.
        - `per_step`, `per_money` (by the attribute `money`; nan of what costs nothing), `per_week` of delay, which
          saves `saved_per_week`. `money_rank_group`: as `rank_group`, by what a step of money buys.
        - `ending_arr_change` and so on, of the metrics in `BESIDE` in the target's fiscal year: change of the mean, or
          of a ratio (CAC payback) the median of the change on a path, for means of ratios need not exist.
        - coordinates `lever`, `kind`, `owner`, `start`, `decide_by`, `within_limits`

        Along `target` (those of the plan whose period ends by then), and `choice`: `target_change` of P(hit);
        `target_probability` of the plan as it is. Scalars: `probability` and the metrics of the plan as it is.
        Attributes: what was asked, `money`, and what is not moved: `too_late`, `beyond_limits`.

    Raises
    ------
    SimengineError
        where the plan has no such target, or no lever that can be moved
    """
    goal = target_of(plan, target)
    levers = Levers(plan, last_month(plan, (goal,)))
    if draws < 100:
        raise SimengineError(f"{draws} draws tell too little; take 100 at least, and some thousands for a decision")
    choices = [choice for dial in levers.dials if (choice := _choice(levers, dial)) is not None]
    if not choices:
        raise SimengineError(_no_levers(levers))
    mix = tuple(_ways(dial)[-1] for dial in levers.dials)
    everything = _Everything(levers.chosen(mix), levers.cost(mix), levers.is_allowed(mix))
    trials = _Trials(levers, goal, draws, seed, executor, progress)
    tried = (plan for choice in choices for plan in (choice.full, choice.first, choice.later) if plan is not None)
    trials.run([plan, everything.plan, *tried])
    return _dataset(levers, trials, choices, everything)


def _ways(dial: Dial) -> range:
    """Places from the plan's to the end of the range: up, or down where there is no up."""
    up = range(dial.neutral + 1, len(dial.amounts))
    return up or range(dial.neutral - 1, -1, -1)


def _no_levers(levers: Levers) -> str:
    if not levers.plan.levers:
        return "the plan declares no levers; add a section `levers:` (see docs/plan.md) that says what could be done"
    late = f"; it is too late for {', '.join(levers.closed)}" if levers.closed else ""
    beyond = "; the limits leave none of them a step" if levers.dials else ""
    return f"no lever of the plan can be moved{late}{beyond}"


def _choice(levers: Levers, dial: Dial) -> _Choice | None:
    """A dial as far from the plan as the limits allow it alone; None where they allow no step."""
    places = [place for place in _ways(dial) if levers.is_allowed(_alone(levers, dial, place))]
    if not places:
        return None
    full, first = (_alone(levers, dial, place) for place in (places[-1], places[0]))
    plans = levers.chosen(full), levers.chosen(first)
    return _Choice(dial, places[-1], levers.cost(full), *plans, *later(levers, dial, places[-1]))


def _alone(levers: Levers, dial: Dial, place: int) -> Mix:
    """The choice that moves one dial."""
    return tuple(place if each is dial else neutral for each, neutral in zip(levers.dials, levers.neutral, strict=True))


def later(levers: Levers, dial: Dial, place: int, months: int = 1) -> tuple[Plan | None, float]:
    """The plan with a dial moved as far, but so many months later, and its cost; None where that is after the plan.

    An event that is brought forward is brought forward by so many months less.
    """
    amount = dial.amounts[place]
    if dial.month is None:
        if amount - months not in dial.amounts:
            return None, math.nan
        mix = _alone(levers, dial, dial.amounts.index(amount - months))
        return levers.chosen(mix), levers.cost(mix)
    if dial.month + months > levers.plan.plan.end:
        return None, math.nan
    moved = levers.lever(dial).model_copy(update={"starts": (dial.month + months,)})
    alone = Levers(levers.plan.model_copy(update={"levers": {dial.lever: moved}}), levers.until)
    mix = (alone.dials[0].amounts.index(amount),)
    return alone.chosen(mix), alone.cost(mix)


# ---- what is simulated ----


class _Trials:
    """Choices tried on frozen draws, each once: values of the target, of what moves beside it, of other targets."""

    def __init__(
        self,
        levers: Levers,
        goal: Target,
        draws: int,
        seed: int,
        executor: Executor | None,
        progress: Progress | None,
    ) -> None:
        plan = levers.plan
        self._plan, self.goal, self.draws, self.seed = plan, goal, draws, seed
        self.year = whole_year(plan, goal) or goal.period
        start = plan.plan.fiscal_year_start
        known = [each for each in plan.targets if fiscal_period(each.period, start).last <= levers.until]
        self.targets = (goal, *(each for each in known if each.name != goal.name))
        self._beside = tuple(Target(name=name, metric=name, period=self.year, at_least=0.0) for name in BESIDE)
        self._executor, self._progress = executor, progress
        self._found: dict[str, Floats] = {}

    def run(self, plans: Sequence[Plan]) -> None:
        """Simulate plans, each once."""
        waiting = {plan.digest_simulated: plan for plan in plans}
        for number, (digest, plan) in enumerate(waiting.items()):

            def advance(done: int, _: int, before: int = number) -> None:
                if self._progress is not None:
                    self._progress(before * self.draws + done, len(waiting) * self.draws)

            asked = (*self.targets, *self._beside)
            self._found[digest] = target_values(
                plan, 0, self.draws, seed=self.seed, targets=asked, executor=self._executor, progress=advance
            )

    @property
    def paths(self) -> int:
        """Simulated in all."""
        return len(self._found) * self.draws

    def hits(self, plan: Plan) -> Hits:
        """Whether each draw reaches each of `targets` under a plan, (draws, targets)."""
        values = self._found[plan.digest_simulated]
        return np.stack([target.is_reached(values[:, i]) for i, target in enumerate(self.targets)], axis=1)

    def metrics(self, plan: Plan) -> dict[str, Floats]:
        """Values of each of `BESIDE` under a plan."""
        return dict(zip(BESIDE, self._found[plan.digest_simulated][:, len(self.targets) :].T, strict=True))

    def gain(self, here: Plan, there: Plan | None = None) -> Bounded:
        """How much likelier the target is here than there, or than in the plan as it is."""
        before = self.hits(self._plan if there is None else there)
        return difference_of_shares(self.hits(here)[:, 0], before[:, 0])

    def changes(self, plan: Plan) -> dict[str, Any]:
        """What a plan changes of each of `BESIDE`, and of P(hit) of each of `targets`."""
        before = self.metrics(self._plan)
        found = {f"{name}_change": change_of(name, v, before[name]) for name, v in self.metrics(plan).items()}
        pairs = zip(self.hits(plan).T, self.hits(self._plan).T, strict=True)
        return {**found, "target_change": [difference_of_shares(here, there) for here, there in pairs]}


# ---- what is told of it ----


def change_of(metric: str, here: Floats, there: Floats) -> Bounded:
    """How much larger a metric is here than there, on the same draws, with its interval.

    Change of the mean; of a ratio the median of the change on a path, between two order statistics. NaN where a value
    is infinite or undefined on some path.
    """
    if not is_ratio(metric):
        return difference_of_means(here, there)
    with np.errstate(invalid="ignore"):
        d = here - there
    return UNKNOWN if np.isnan(d).any() else median(d)


def over(found: Bounded, by: float) -> Bounded:
    """An estimate and its bounds over a known number; NaN where that is zero.

    >>> over((0.1, 0.05, 0.2), -2.0), over((0.1, 0.05, 0.2), 0.0)
    ((-0.05, -0.1, -0.025), (nan, nan, nan))
    """
    if not by:
        return UNKNOWN
    value, *ends = (each / by for each in found)
    return value, min(ends), max(ends)


def _dataset(levers: Levers, trials: _Trials, choices: Sequence[_Choice], everything: _Everything) -> xr.Dataset:
    hits = np.stack([trials.hits(choice.full)[:, 0] for choice in choices], axis=1)
    costs = np.array([choice.cost for choice in choices])
    ranks = _ranks(hits, trials.hits(levers.plan)[:, 0], costs)
    money = _step_of_money(costs)
    rows = [
        _of_dial(levers, trials, choices[i], money) | {name: rank[i] for name, rank in ranks.columns.items()}
        for i in ranks.order
    ]
    rows.append(_of_all(levers, trials, everything, money))
    changes = stacked(change for row in rows for change in row.pop("target_change"))
    shape = len(rows), len(trials.targets)
    shares = stacked(proportion(hit.astype(float)) for hit in trials.hits(levers.plan).T)
    beside = {name: np.median(v) if is_ratio(name) else v.mean() for name, v in trials.metrics(levers.plan).items()}
    left = [dial.name for dial in levers.dials if dial.name not in {choice.dial.name for choice in choices}]
    return xr.Dataset(
        {
            **_columns(rows),
            **{name: (("choice", "target"), v.reshape(shape)) for name, v in with_bounds({"target_change": changes})},
            **{name: ("target", v) for name, v in with_bounds({"target_probability": shares})},
            **{name: ((), v[0]) for name, v in with_bounds({"probability": shares})},
            **{name: ((), float(value)) for name, value in beside.items()},
        },
        {
            "choice": [row["name"] for row in rows],
            "target": [target.name for target in trials.targets],
            **{name: ("choice", [row[name] for row in rows]) for name in _LABELS},
        },
        {
            **about(levers.plan, trials.goal, trials.draws, trials.seed),
            "year": trials.year,
            "until": month_label(levers.until),
            "money": money,
            "budget": math.nan if levers.plan.limits.budget is None else levers.plan.limits.budget,
            "too_late": list(levers.closed),
            "beyond_limits": left,
            "paths": trials.paths,
        },
    )


def is_ratio(metric: str) -> bool:
    """Whether a metric is a ratio, whose mean need not exist."""
    return OUTPUTS[metric].kind == "ratio"


def _step_of_money(costs: Floats) -> float:
    """A round amount that the dearest lever costs at least."""
    dearest = float(np.abs(costs).max())
    return 10.0 ** math.floor(math.log10(dearest)) if dearest > 0 else 1.0


_LABELS = ("lever", "kind", "owner", "start", "decide_by", "within_limits")
_NUMBERS = (
    *("amount", "step_amount", "steps", "cost", "saved_per_week"),
    *("distinguishable", "rank_group", "money_rank_group"),
)
_ESTIMATES = ("gain", "first_step", "per_step", "per_money", "per_week", *(f"{name}_change" for name in BESIDE))
Row = dict[str, Any]


def _columns(rows: Sequence[Row]) -> dict[str, tuple[str, Any]]:
    estimates = {name: stacked(row[name] for row in rows) for name in _ESTIMATES}
    numbers = {name: np.array([row[name] for row in rows]) for name in _NUMBERS}
    return {name: ("choice", values) for name, values in (*with_bounds(estimates), *numbers.items())}


def _of_dial(levers: Levers, trials: _Trials, choice: _Choice, money: float) -> Row:
    """What is told of a dial at the end of its range."""
    dial, lever, full, cost = choice.dial, levers.lever(choice.dial), choice.full, choice.cost
    steps, gain = abs(levers.steps(dial, choice.place)), trials.gain(full)
    delay = UNKNOWN if choice.later is None else trials.gain(full, choice.later)
    return {
        "name": dial.name,
        "lever": dial.lever,
        "kind": lever.kind,
        "owner": lever.owner,
        "start": "" if dial.month is None else month_label(dial.month),
        "decide_by": "" if dial.decide_by is None else month_label(dial.decide_by),
        "within_limits": True,
        "amount": dial.amounts[choice.place],
        "step_amount": lever.step or 1.0,
        "steps": float(steps),
        "cost": cost,
        "saved_per_week": (cost - choice.later_cost) / WEEKS_PER_MONTH,
        "gain": gain,
        "first_step": trials.gain(choice.first),
        "per_step": over(gain, steps),
        "per_money": over(gain, cost / money),
        "per_week": over(delay, WEEKS_PER_MONTH),
        **trials.changes(full),
    }


def _of_all(levers: Levers, trials: _Trials, everything: _Everything, money: float) -> Row:
    """What is told of all levers together."""
    plan, gain = everything.plan, trials.gain(everything.plan)
    told = _is_told(trials.hits(plan)[:, 0], trials.hits(levers.plan)[:, 0])
    return {
        **dict.fromkeys(_LABELS, ""),
        **dict.fromkeys(_NUMBERS, math.nan),
        **dict.fromkeys(_ESTIMATES, UNKNOWN),
        "name": ALL,
        "within_limits": everything.within_limits,
        "cost": everything.cost,
        "distinguishable": told,
        "rank_group": 0,
        "money_rank_group": 0,
        "gain": gain,
        "per_money": over(gain, everything.cost / money),
        **trials.changes(plan),
    }


def _is_told(here: Hits, there: Hits, among: int = 1) -> bool:
    return mcnemar(here, there) <= (1 - LEVEL) / among


class _Ranks(NamedTuple):
    """Order of the dials, those first that can be told from nothing; of each whether it can, and its ranks."""

    order: Places
    columns: dict[str, NDArray[Any]]


def _ranks(hits: Hits, before: Hits, costs: Floats) -> _Ranks:
    """Rank dials by gain, and by what a step of money buys; 0 of what is not ranked."""
    count = hits.shape[1]
    told = np.array([_is_told(hits[:, i], before, count) for i in range(count)])
    group, by_money = np.zeros(count, np.int64), np.zeros(count, np.int64)
    ours, paid = np.flatnonzero(told), np.flatnonzero(told & (costs > 0))
    places, ranks = ranked(hits[:, ours])
    first = ours[places]
    group[first] = ranks
    bought = (hits[:, paid].astype(float) - before[:, None]) / costs[paid]
    places, ranks = _ranked_means(bought)
    by_money[paid[places]] = ranks
    rest = np.argsort(-hits.sum(axis=0), kind="stable")
    order = np.concatenate([first, rest[~told[rest]]])
    return _Ranks(order, {"distinguishable": told, "rank_group": group, "money_rank_group": by_money})


def _ranked_means(bought: Floats) -> tuple[Places, Places]:
    """Columns by their means, largest first, and their ranks: as `paired.ranked`, told apart by a paired interval."""
    count = bought.shape[1]
    order = np.argsort(-bought.mean(axis=0), kind="stable")
    level = 1 - (1 - LEVEL) / max(1, count * (count - 1) // 2)

    def less(first: int, later: int) -> bool:
        return difference_of_means(bought[:, order[first]], bought[:, order[later]], level)[1] > 0

    return np.asarray(order, np.int64), rank_groups(count, less)
