"""Why a probability changed from one run to the next: facts, beliefs that moved, plan edits, in bars that add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from simengine.assumptions.draws import latent, values_at
from simengine.errors import PlanError, SimengineError
from simengine.explain.intervals import Z95, Floats, Interval, beyond_noise
from simengine.explain.ties import rank_groups
from simengine.learn.bars import Bars, Reported, bars
from simengine.learn.movement import MOVED, Beliefs
from simengine.learn.orders import Ints, States, Walked, joined, walked
from simengine.plan.mixed import mixed
from simengine.plan.scalars import nearest
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.plan.values import Entry, in_words, simulated_entries
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import every_path, wilson
from simengine.simulation.points import Points

PERMUTATIONS = 2_000
MOST_PERMUTATIONS = 100_000
"""Random orders where a precision is asked for."""
FEWEST_PERMUTATIONS = 200
"""With fewer, the mean of what they contribute is not yet normal."""
_AT_ONCE = 4096
"""Paths that are simulated together, about."""
_MOST_GROWTH = 2
FACTS, EDITS, BOTH, DEPENDENCE, OTHERS = "facts", "plan edits", "facts and plan edits", "dependence", "other beliefs"
NOISE = "simulation error"
BELIEF = "belief"
Progress = Callable[[int, int], None]
"""Called with the paths simulated, and the paths that are expected in all."""


class Player(NamedTuple):
    """Who may change a result: `kind` is one of the words above; of beliefs their names."""

    kind: str
    names: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What it is called."""
        return self.names[0] if self.kind == BELIEF else self.kind


def walk(
    old: Plan,
    new: Plan,
    old_run: xr.Dataset,
    new_run: xr.Dataset,
    *,
    target: str | None = None,
    permutations: int | None = None,
    precision: float | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> xr.Dataset:
    r"""Explain the change of P(hit), and of the expected value of the target's metric, from one run to the next.

    Players are the facts (where the company stands: `plan.mixed`), each belief that moved (the law of an assumption or
    event as simulated), the dependence of beliefs, and the plan edits: all else. Each draw of the runs is simulated
    anew, with the same random variation and the same scores, while the players go from old to new in a random order and
    in its reverse (`orders.walked`). A bar is the mean of what a player changes, improved by what the runs report on
    all their draws (`bars.bars`), with its normal interval. The last bar is what the runs report beyond the others:
    simulation error, which is nothing where both runs have one seed. All bars add up to what the runs report.

    Parameters
    ----------
    old, new : plans of the two runs
    old_run, new_run : what they simulated
    target : of both plans, by name; by default the first that both have
    permutations : random orders, two a draw; 2,000 by default, with `precision` at most 100,000
    precision : stop when every bar of the probability is known within so much either way
    progress : called after every batch
    executor : runs the paths; by default one thread for each processor

    Returns
    -------
    Dataset
        Along `player`, in the order of telling (facts, beliefs by size, the smaller ones together, dependence, edits,
        simulation error): `kind`, `probability` and `value` with `_lower` and `_upper` (95 %), `distinguishable` and
        `value_distinguishable` (from zero, all bars together), `rank_group` (beliefs; 0 of what is not ranked),
        `median_old`, `median_new`, `unit` of beliefs; `probability_covariance` and `value_covariance` along (`player`,
        `other`). Along `change`, what differs in facts and edits: `section`, `key`, `was`, `now`, `changed_by`. Scalars
        `probability_old`, `probability_new` and `probability_change` with bounds, the same of `value`. `value` is nan
        where it is infinite or undefined on some path. Attributes say what was asked.

    Raises
    ------
    SimengineError
        where a run is not of its plan, the plans share no target or differ in its metric, or too few permutations are
        allowed
    """
    most = permutations or (PERMUTATIONS if precision is None else MOST_PERMUTATIONS)
    _check(old, new, old_run, new_run, most, precision)
    asked = _target(old, new, target)
    seed = min(int(old_run.attrs["seed"]), int(new_run.attrs["seed"]))
    pair = _Pair.of(old, new, asked, seed, executor)
    runs = _reported(old_run, asked), _reported(new_run, asked)
    found, told = _walked(pair, runs, -(-most // 2), precision, progress)
    return _dataset(pair, len(found.new), told, *runs)


def _check(old: Plan, new: Plan, old_run: xr.Dataset, new_run: xr.Dataset, most: int, precision: float | None) -> None:
    for plan, run in ((old, old_run), (new, new_run)):
        if plan.digest_simulated != run.attrs["digest_simulated"]:
            raise SimengineError(f"{plan.plan.name} is not the plan of its run; give the plan that the run keeps")
    if old.plan.currency != new.plan.currency:
        raise SimengineError(
            f"the runs are in {old.plan.currency} and {new.plan.currency}; a walk needs one currency: run one of the "
            "plans in that of the other"
        )
    if most < FEWEST_PERMUTATIONS:
        raise SimengineError(f"{most} permutations tell too little; allow {FEWEST_PERMUTATIONS} at least")
    if precision is not None and not precision > 0:
        raise SimengineError(f"the precision is {precision:g}; choose one above 0, such as 0.01 for one point")


def _target(old: Plan, new: Plan, name: str | None) -> str:
    known = {one.name: one for one in old.targets}
    common = [one.name for one in new.targets if one.name in known]
    criteria = {event.success for event in new.events.values()}
    common.sort(key=criteria.__contains__)  # one that only tells whether an event was a success comes last
    if name is None and not common:
        raise SimengineError(
            "the two plans share no target; give one of them a target of the same name as in the other"
        )
    asked = common[0] if name is None else name
    if asked not in common:
        where = "only one of the plans" if any(one.name == asked for one in (*old.targets, *new.targets)) else "no plan"
        raise SimengineError(f"{where} has the target {asked!r}; {nearest(asked, common)}")
    metrics = [_named(plan, asked).metric for plan in (old, new)]
    if metrics[0] != metrics[1]:
        raise SimengineError(f"{asked} is of {metrics[0]} in one plan and of {metrics[1]} in the other; choose another")
    return asked


def _named(plan: Plan, target: str) -> Target:
    return next(one for one in plan.targets if one.name == target)


# ---- what there is between two plans ----


class Change(NamedTuple):
    """A value that differs: who changed it, where it stands, what it was and is now (empty where it is not there)."""

    changed_by: str
    section: str
    key: str
    was: str
    now: str


@dataclass(frozen=True)
class _Pair:
    """Two plans and all between them: a model of paths whose players are old or new.

    `plans` are by (facts, edits), 0 the old one and 1 the new; of a pair without both players only the two ends.
    """

    beliefs: Beliefs
    players: tuple[Player, ...]
    changes: tuple[Change, ...]
    target: str
    points: dict[tuple[int, int], Points]
    bounds: tuple[Target, Target]
    seed: int
    executor: Executor | None

    @classmethod
    def of(cls, old: Plan, new: Plan, target: str, seed: int, executor: Executor | None) -> _Pair:
        beliefs = Beliefs.of(old, new)
        plans, sides, changes = _sides(old, new, target, beliefs)
        players = [Player(side) for side in sides if side != EDITS]
        players += [Player(BELIEF, (name,)) for name in beliefs.moved]
        players += [Player(OTHERS, beliefs.pooled)] if beliefs.pooled else []
        players += [Player(DEPENDENCE)] if _is_joined_otherwise(old, new, beliefs.names) else []
        players += [Player(side) for side in sides if side == EDITS]
        bounds = _named(old, target), _named(new, target)
        points = {key: Points(plan, targets=(bounds[key[1]],), seed=seed) for key, plan in plans.items()}
        return cls(beliefs, tuple(players), tuple(changes), target, points, bounds, seed, executor)

    def __call__(self, state: States, draw: Ints) -> Floats:
        """Whether the target is hit, and the value of its metric, (r, 2)."""
        facts, edits = self._side(state, FACTS), self._side(state, EDITS)
        if FACTS not in self._kinds:
            facts = edits
        if EDITS not in self._kinds:
            edits = facts
        joined_as = self._side(state, DEPENDENCE) if DEPENDENCE in self._kinds else edits
        told = np.empty((len(draw), 2))
        numbers, at = np.unique(draw, return_inverse=True)
        table = _Table(self.beliefs, self.seed, numbers)
        belief = self._belief(state)
        for key, points in self.points.items():
            rows = np.flatnonzero((facts == key[0]) & (edits == key[1]))
            if len(rows):
                values = table.values(points.names, key, joined_as[rows], belief[rows], at[rows])
                value = points.of(values, draw[rows], executor=self.executor)[:, 0]
                told[rows, 0] = _hit(value, self.bounds[key[1]])
                told[rows, 1] = np.where(np.isfinite(value), value, math.nan)
        return told

    @property
    def _kinds(self) -> list[str]:
        return [player.kind for player in self.players]

    def _side(self, state: States, kind: str) -> Ints:
        """0 or 1 of each row: whether this player is new."""
        for place, player in enumerate(self.players):
            if player.kind == kind or (player.kind == BOTH and kind in (FACTS, EDITS)):
                return state[:, place].astype(np.int64)
        return np.zeros(len(state), np.int64)

    def _belief(self, state: States) -> Ints:
        """0 or 1 of each row and each of the beliefs that the plans share."""
        belief = np.zeros((len(state), len(self.beliefs.names)), np.int64)
        for place, player in enumerate(self.players):
            for name in player.names:
                belief[:, self.beliefs.names.index(name)] = state[:, place]
        return belief


def _hit(value: Floats, target: Target) -> Floats:
    reached = np.zeros(len(value), bool)
    if target.at_least is not None:
        reached |= value >= target.at_least
    if target.at_most is not None:
        reached |= value <= target.at_most
    return reached.astype(np.float64)


class _Table:
    """Values of everything uncertain on some draws, under the laws and the dependence of either plan.

    All scores of a draw are made of the same independent ones, addressed by name as in a run.
    """

    def __init__(self, beliefs: Beliefs, seed: int, draws: Ints) -> None:
        self._beliefs, self._seed, self._draws = beliefs, seed, draws
        self._held: dict[int, Floats] = {}

    def values(
        self, names: Sequence[str], key: tuple[int, int], joined_as: Ints, belief: Ints, at: Ints
    ) -> dict[str, Floats]:
        """Of each name its values, (r,), in plan (facts, edits).

        Parameters
        ----------
        names : of the plan
        key : 0 or 1, whose facts and whose edits
        joined_as : (r,) whose dependence
        belief : (r, k) whose law of each of the beliefs that the plans share
        at : (r,) places among the draws
        """
        facts, edits = key
        shared = self._beliefs.names
        found = {}
        if shared:
            both = self._both(facts)
            found = {name: both[joined_as, belief[:, i], at, i] for i, name in enumerate(shared)}
        own = tuple(name for name in names if name not in found)
        if own:
            held = self._at(own, edits, edits, facts)
            found |= {name: held[at, i] for i, name in enumerate(own)}
        return found

    def _both(self, facts: int) -> Floats:
        """(dependence, law, draw, name) of the shared beliefs."""
        if facts not in self._held:
            parts = [[self._at(self._beliefs.names, law, joint, facts) for law in (0, 1)] for joint in (0, 1)]
            self._held[facts] = np.array(parts)
        return self._held[facts]

    def _at(self, names: tuple[str, ...], law: int, joint: int, facts: int) -> Floats:
        copula = self._beliefs.plans[joint].copula()
        first, last = int(self._draws[0]), int(self._draws[-1]) + 1
        z = latent(names, copula, self._seed, first, last)[self._draws - first]
        return values_at({name: self._beliefs.law(name, law, facts) for name in names}, z)


def _is_joined_otherwise(old: Plan, new: Plan, names: Sequence[str]) -> bool:
    a, b = old.copula(), new.copula()
    return any(a.loadings.get(n) != b.loadings.get(n) or a.residual.get(n) != b.residual.get(n) for n in names)


def _sides(
    old: Plan, new: Plan, target: str, beliefs: Beliefs
) -> tuple[dict[tuple[int, int], Plan], list[str], list[Change]]:
    """The plans by (facts, edits), which of both are players, and what differs."""
    ends = {(0, 0): old, (1, 1): new}
    try:
        plans = {**ends, (1, 0): mixed(new, old, target), (0, 1): mixed(old, new, target)}
        # Of both plans in the same form: a number that changes from a month on may be written in several.
        here, there = mixed(old, old, target), mixed(new, new, target)
    except PlanError:
        changes = _changes(BOTH, old, new, target, beliefs)
        return ends, [BOTH] if changes else [], changes
    by_facts = _changes(FACTS, here, plans[1, 0], target, beliefs)
    by_edits = _changes(EDITS, here, plans[0, 1], target, beliefs)
    # What only shows together with the other is of edits.
    late = _changes(EDITS, plans[1, 0], there, target, beliefs)
    known = {change.key for change in by_edits}
    by_edits += [change for change in late if change.key not in known]
    sides = [side for side, found in ((FACTS, by_facts), (EDITS, by_edits)) if found]
    return (plans if len(sides) == 2 else ends), sides, by_facts + by_edits


def _changes(changed_by: str, old: Plan, new: Plan, target: str, beliefs: Beliefs) -> list[Change]:
    was, now = (_told(plan, target, beliefs) for plan in (old, new))
    keys = [*was, *(key for key in now if key not in was)]
    return [
        Change(changed_by, key.split(".", 1)[0], key, _words(was.get(key)), _words(now.get(key)))
        for key in keys
        if _exact(was.get(key)) != _exact(now.get(key))
    ]


_OF_BELIEFS = ("dependence", "source_policy", "learned")
_LAWS = {"assumptions": ("distribution", "source", "before"), "events": ("starts", "probability")}
"""Sections and keys that act through the laws of beliefs and how they hang together."""


def _told(plan: Plan, target: str, beliefs: Beliefs) -> dict[str, Entry]:
    """What is simulated of a plan and is no belief, and the target; by key."""
    shared = set(beliefs.names)
    found = {}
    for entry in simulated_entries(plan):
        path = [str(step) for step in entry.path]
        section, name, key = (*path, "", "")[:3]
        if section in _OF_BELIEFS or (name in shared and key in _LAWS.get(section, ())):
            continue
        found[".".join(path)] = entry
    asked = _named(plan, target)
    unit = OUTPUTS[asked.metric].attributes(plan.plan.currency)["units"]
    for key in ("period", "where", "at_least", "at_most"):
        found[f"targets.{target}.{key}"] = Entry(("targets", target, key), getattr(asked, key), unit)
    return found


def _exact(entry: Entry | None) -> str:
    return "" if entry is None or entry.value in (None, "", {}, ()) else repr(entry.value)


def _words(entry: Entry | None) -> str:
    return "" if entry is None else in_words(entry.value, entry.unit)


# ---- the walk ----


def _walked(
    pair: _Pair, runs: tuple[Reported, Reported], most: int, precision: float | None, progress: Progress | None
) -> tuple[Walked, Bars]:
    """Walk on `most` draws, or until every bar of the probability is known within `precision`."""
    players, seed = len(pair.players), pair.seed
    paths = max(1, 2 * players)
    size = max(1, _AT_ONCE // paths)
    parts: list[Walked] = []
    made, wanted = 0, most if precision is None else min(most, FEWEST_PERMUTATIONS // 2)
    while True:
        for first in range(made, wanted, size):
            last = min(first + size, wanted)
            parts.append(walked(pair, players, seed, first, last))
            if progress is not None:
                progress(last * paths, wanted * paths)
        made, found = wanted, joined(parts)
        told = bars(found, *runs, seed)
        widest = Z95 * float(told.error[0].max(initial=0.0))
        if precision is None or widest <= precision or made >= most:
            return found, told
        needed = math.ceil(1.05 * made * (widest / precision) ** 2)
        wanted = min(most, max(made + 1, min(needed, _MOST_GROWTH * made)))


def _reported(ds: xr.Dataset, target: str) -> Reported:
    """Hits and values of a run, (n, 2); a value that is infinite or undefined is nan."""
    place = [str(name) for name in ds["target"].values].index(target)
    value = ds["target_value" + every_path(ds)].values[:, place]
    at_least, at_most = (float(ds[bound].values[place]) for bound in ("at_least", "at_most"))
    hit = ((value >= at_least) | (value <= at_most)).astype(np.float64)
    return Reported(np.stack([hit, np.where(np.isfinite(value), value, math.nan)], axis=1), int(ds.attrs["seed"]))


# ---- the dataset ----

_BOUNDS = {"": "", "_lower": "Lower bound: ", "_upper": "Upper bound: "}
_RESULTS = ("probability", "value")


def _dataset(pair: _Pair, draws: int, bars_: Bars, old: Reported, new: Reported) -> xr.Dataset:
    order, groups, clear = _order(pair.players, bars_)
    players = [*(pair.players[i] for i in order), Player(NOISE)]
    told = xr.Dataset(coords={"player": [player.label for player in players]})
    told["kind"] = "player", [player.kind for player in players], {"long_name": "What changed"}
    units = {"probability": "fraction", "value": _units(pair)}
    for q, name in enumerate(_RESULTS):
        bar = np.append(bars_.bar[q, order], bars_.beyond[q])
        error = np.append(bars_.error[q, order], bars_.beyond_error[q])
        attrs = {"long_name": f"Change of the {_LONG[name]}", "units": units[name]}
        for bound, side in zip(_BOUNDS, (0.0, -Z95, Z95), strict=True):
            told[name + bound] = (
                "player",
                bar + side * error,
                {**attrs, "long_name": _BOUNDS[bound] + attrs["long_name"]},
            )
        own = np.zeros((len(players), len(players)))
        own[:-1, :-1] = bars_.covariance[q][np.ix_(order, order)]
        own[-1, -1] = bars_.beyond_error[q] ** 2
        told[f"{name}_covariance"] = ("player", "other"), own, {"long_name": f"Covariance of {name}"}
        surely = np.append(clear[q][order], abs(bars_.beyond[q]) > Z95 * bars_.beyond_error[q])
        said = "distinguishable" if name == "probability" else "value_distinguishable"
        told[said] = "player", surely, {"long_name": f"Whether the {name} differs from zero, all bars together"}
        ends = {"old": _mean(old.told[:, q], name), "new": _mean(new.told[:, q], name)}
        change, margin = bars_.change[q], Z95 * bars_.change_error[q]
        ends["change"] = (change, change - margin, change + margin)
        for end, bounded in ends.items():
            for bound, number in zip(_BOUNDS, bounded, strict=True):
                told[f"{name}_{end}{bound}"] = (), number, {"units": units[name]}
    told["rank_group"] = "player", np.append(groups, 0), {"long_name": "Rank of a belief up to noise; 0: not ranked"}
    return _with_changes(_with_beliefs(told, pair, players), pair).assign_attrs(_attributes(pair, draws, old, new))


_LONG = {"probability": "probability of the target", "value": "expected value of its metric"}


def _mean(column: Floats, name: str) -> tuple[float, float, float]:
    if name == "probability":
        p, lower, upper = map(float, wilson(int(column.sum()), len(column)))
        return p, lower, upper
    mean, margin = float(column.mean()), Z95 * float(column.std(ddof=1)) / math.sqrt(len(column))
    return mean, mean - margin, mean + margin


def _order(players: Sequence[Player], bars_: Bars) -> tuple[list[int], Ints, list[Any]]:
    """Places of the players in the order of telling; their rank groups in it; which differ from zero, (q, m)."""
    clear = [
        beyond_noise(Interval(bar, bar - Z95 * error, bar + Z95 * error))
        for bar, error in zip(bars_.bar, bars_.error, strict=True)
    ]
    size = np.abs(bars_.bar)
    first = [i for i, player in enumerate(players) if player.kind in (FACTS, BOTH)]
    ranked = [i for i, player in enumerate(players) if player.kind == BELIEF and clear[0][i]]
    ranked.sort(key=lambda i: (-size[0, i], players[i].label))
    noise = [i for i, player in enumerate(players) if player.kind == BELIEF and not clear[0][i]]
    noise.sort(key=lambda i: (-size[1, i] if clear[1][i] else 0.0, players[i].label))
    last = [i for i, player in enumerate(players) if player.kind in (OTHERS, DEPENDENCE, EDITS)]

    def less(head: int, here: int) -> bool:
        a, b = ranked[head], ranked[here]
        sign, covariance = np.sign(bars_.bar[0, [a, b]]), bars_.covariance[0]
        variance = covariance[a, a] + covariance[b, b] - 2 * sign[0] * sign[1] * covariance[a, b]
        return bool(size[0, a] - size[0, b] > Z95 * math.sqrt(max(0.0, variance)))

    order = [*first, *ranked, *noise, *last]
    groups = np.zeros(len(order), np.int64)
    groups[len(first) : len(first) + len(ranked)] = rank_groups(len(ranked), less)[: len(ranked)]
    return order, groups, clear


def _units(pair: _Pair) -> str:
    plan = pair.beliefs.plans[1]
    return str(OUTPUTS[pair.bounds[1].metric].attributes(plan.plan.currency)["units"])


def _with_beliefs(told: xr.Dataset, pair: _Pair, players: Sequence[Player]) -> xr.Dataset:
    """Medians of the beliefs, old and new, over the months of the new plan."""
    of_belief = [player.names[0] if player.kind == BELIEF else None for player in players]
    new = pair.beliefs.plans[1]
    for belief, end in enumerate(("old", "new")):
        medians = [math.nan if n is None else pair.beliefs.law(n, belief, 1).median() for n in of_belief]
        told[f"median_{end}"] = "player", medians, {"long_name": f"Median of the {end} belief"}
    units = ["" if name is None else new.declared[name].unit for name in of_belief]
    told["unit"] = "player", units, {"long_name": "Unit of the belief"}
    told["beliefs"] = "player", [len(player.names) for player in players], {"long_name": "Number of beliefs"}
    return told


def _with_changes(told: xr.Dataset, pair: _Pair) -> xr.Dataset:
    for field in Change._fields:
        told[field] = "change", np.array([getattr(one, field) for one in pair.changes], dtype=object)
    return told


def _attributes(pair: _Pair, draws: int, old: Reported, new: Reported) -> dict[str, Any]:
    before, now = pair.beliefs.plans
    target = pair.bounds[1]
    return {
        "plan_old": before.plan.name,
        "plan_new": now.plan.name,
        "version_old": before.plan.version,
        "version_new": now.plan.version,
        "currency": now.plan.currency,
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "units": _units(pair),
        "better": "low" if target.at_least is None else "high",
        "level": 0.95,
        "moved": MOVED,
        "seed": str(pair.seed),
        "draws": draws,
        "permutations": 2 * draws,
        "paths": max(1, 2 * len(pair.players)) * draws,
        "draws_old": len(old.told),
        "draws_new": len(new.told),
    }
