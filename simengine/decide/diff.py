"""What differs between two plans, and what each difference does to the probability of a target."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from simengine.decide.changes import Part, by_part, differences
from simengine.decide.findings import NOISE, Bar, Diff, Effect
from simengine.decide.patchwork import Patchwork
from simengine.errors import PlanError, SimengineError
from simengine.explain.intervals import Z95, Bounded, Floats, Interval, beyond_noise
from simengine.explain.ties import rank_groups
from simengine.learn.bars import Bars, Reported, bars
from simengine.learn.orders import Ints, States, walked
from simengine.plan.scalars import nearest
from simengine.plan.schema import Plan
from simengine.plan.source import Path
from simengine.plan.targets import Target
from simengine.results.targets import wilson
from simengine.simulation.reached import chosen_values, target_values
from simengine.units import month_label

DRAWS = 4096
ORDERS = 2000
"""Random orders in which the changes are made, two a draw."""
FEWEST_ORDERS = 200
MOST_BARS = 8
"""Bars of changes: every subset of them is a plan of its own."""
SCREENED = 256
"""Draws on which changes are compared where there are too many."""
Progress = Callable[[int, int], None]


def diff(
    old: Plan,
    new: Plan,
    *,
    target: str | None = None,
    simulate: bool = True,
    draws: int = DRAWS,
    orders: int = ORDERS,
    seed: int = 7,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Diff:
    r"""Tell everything that differs between two plans, and what each part of it does to P(hit).

    Parts are what a reader thinks of: an assumption, a seat group, a channel's spend, a segment's base, an event. Plans
    between the two have some parts of the new one and the rest of the old one. On each draw the parts go from old to
    new one by one, in a random order and in its reverse (`learn.orders`), on the same chance: what a part changes, on
    average over all orders, is its Shapley value

        φ_i = Σ_u |u|! (m − |u| − 1)!/m! · (y(u + i) − y(u))

    so that all bars add up to the change of P(hit). Both ends are known on more draws, which is taken into account by
    regression (`learn.bars`). Of more than eight parts those that do least, by themselves and as the last one, are one
    bar; parts that make no right plan without each other are one too.

    Parameters
    ----------
    old, new : checked plans
    target : one of both, by name; by default the first that both have
    simulate : without, only what differs is told
    draws : of both plans
    orders : random orders, two a draw
    seed : of all chance
    progress : called with paths done and in all, about
    executor : runs the paths; by default one thread for each processor

    Raises
    ------
    SimengineError
        where the plans share no target, or differ in currency or start; where draws or orders are too few
    """
    if not simulate or not (old.targets or new.targets):
        return Diff(old, new, tuple(one.change for one in differences(old, new)))
    _check(old, new, draws, orders)
    was, now = _targets(old, new, target)
    found_ = differences(old, new, now.name)
    effect = (
        None if not found_ else _effect(old, new, was, now, by_part(found_), draws, orders, seed, progress, executor)
    )
    return Diff(old, new, tuple(one.change for one in found_), effect)


def _check(old: Plan, new: Plan, draws: int, orders: int) -> None:
    instead = "add --no-simulate to see only what differs"
    if old.plan.currency != new.plan.currency:
        raise SimengineError(
            f"the plans are in {old.plan.currency} and {new.plan.currency}, and P needs one currency: {instead}"
        )
    if old.plan.start != new.plan.start:
        raise SimengineError(
            f"the plans start in {month_label(old.plan.start)} and {month_label(new.plan.start)}, and what happened "
            f"between is no change of a plan: {instead}, or run both and compare the runs with simengine walk"
        )
    if orders < FEWEST_ORDERS:
        raise SimengineError(f"{orders} orders tell too little; allow {FEWEST_ORDERS} at least")
    if draws < orders // 2:
        raise SimengineError(f"{draws} draws are too few; choose {-(-orders // 2)} at least, or fewer orders")


def _targets(old: Plan, new: Plan, name: str | None) -> tuple[Target, Target]:
    known, here = ({one.name: one for one in plan.targets} for plan in (old, new))
    common = [each for each in here if each in known]
    criteria = {event.success for event in new.events.values()}
    common.sort(key=criteria.__contains__)  # one that only tells whether an event was a success comes last
    if name is None and not common:
        raise SimengineError(
            "the plans share no target; name one as in the other plan, or add --no-simulate to see only what differs"
        )
    asked = common[0] if name is None else name
    if asked not in common:
        where = "only one of the plans" if asked in known or asked in here else "no plan"
        raise SimengineError(f"{where} has the target {asked!r}; {nearest(asked, common)}")
    return known[asked], here[asked]


# ---- plans between the two ----


@dataclass
class _Between:
    """A model of paths whose players are groups of parts, old or new."""

    ends: tuple[Plan, Plan]
    targets: tuple[Target, Target]
    patchwork: Patchwork
    groups: Sequence[tuple[Path, ...]]
    is_one_metric: bool
    seed: int
    executor: Executor | None
    advance: Callable[[int], None]

    def __call__(self, state: States, draw: Ints) -> Floats:
        """Whether the target is hit, and the value of its metric, (r, 2)."""
        told = np.empty((len(draw), 2))
        worlds, at = np.unique(state, axis=0, return_inverse=True)
        for world, is_new in enumerate(worlds):
            rows = np.flatnonzero(at.reshape(-1) == world)
            told[rows] = self.told(np.flatnonzero(is_new).tolist(), draw[rows])
            self.advance(len(rows))
        return told

    def told(self, groups: Sequence[int], draws: Ints) -> Floats:
        """The same where some groups are new, on some draws, (n, 2)."""
        if len(groups) in (0, len(self.groups)):
            end = int(len(groups) > 0)
            plan, target = self.ends[end], self.targets[end]
        else:
            plan = self.patchwork.plan(place for group in groups for place in self.groups[group])
            target = plan.targets[0]
        values = chosen_values(plan, draws, seed=self.seed, targets=(target,), executor=self.executor)
        return self.of(target, values)

    def of(self, target: Target, values: Floats) -> Floats:
        """Values of a target, (n, 1), as results."""
        value = values[:, 0]
        known = np.where(np.isfinite(value), value, math.nan) if self.is_one_metric else np.full(len(value), math.nan)
        return np.stack([target.is_reached(value).astype(np.float64), known], axis=1)


def _effect(
    old: Plan,
    new: Plan,
    was: Target,
    now: Target,
    parts: Mapping[Part, tuple[Path, ...]],
    draws: int,
    orders: int,
    seed: int,
    progress: Progress | None,
    executor: Executor | None,
) -> Effect:
    patchwork = Patchwork(old, new, now.name)
    places = {part.label: where for part, where in sorted(parts.items())}
    fitting = sorted(patchwork.fitting(places))
    walks = -(-orders // 2)
    screening = 2 * SCREENED * len(fitting) if len(fitting) > MOST_BARS else 0
    expected = 2 * draws + screening + max(2, 2 * min(len(fitting), MOST_BARS)) * walks
    done = 0

    def advance(paths: int) -> None:
        nonlocal done
        done += paths
        if progress is not None:
            progress(done, expected)

    is_one_metric = (was.metric, was.period, was.where) == (now.metric, now.period, now.where)
    groups = [_places(group, places) for group in fitting]
    between = _Between((old, new), (was, now), patchwork, groups, is_one_metric, seed, executor, advance)
    runs = []
    for plan, target in ((old, was), (new, now)):
        values = target_values(plan, 0, draws, seed=seed, targets=(target,), executor=executor)
        runs.append(Reported(between.of(target, values), seed))
        advance(draws)
    try:
        if screening:
            fitting = _largest(fitting, between)
            between.groups = [_places(group, places) for group in fitting]
        found = walked(between, len(fitting), seed, 0, walks)
    except PlanError:
        # Each fits alone, and some of them do not together: no plan stands between the two.
        fitting = [sum(fitting, ())]
        between.groups = [_places(fitting[0], places)]
        found = walked(between, 1, seed, 0, walks)
    told = bars(found, runs[0], runs[1], seed)
    return Effect(
        target=now,
        was=was,
        probability_old=_share(runs[0].told[:, 0]),
        probability_new=_share(runs[1].told[:, 0]),
        probability_change=_bounded(told.change[0], told.change_error[0]),
        value_old=_mean(runs[0].told[:, 1]),
        value_new=_mean(runs[1].told[:, 1]),
        value_change=_bounded(told.change[1], told.change_error[1]),
        bars=tuple(_bars(fitting, told)),
        draws=draws,
        orders=2 * walks,
        paths=done,
        seed=seed,
    )


def _places(group: Sequence[str], places: Mapping[str, tuple[Path, ...]]) -> tuple[Path, ...]:
    return tuple(place for name in group for place in places[name])


def _largest(groups: list[tuple[str, ...]], between: _Between) -> list[tuple[str, ...]]:
    """Those that do most, by themselves and as the last one, and the others joined."""
    draws, everything = np.arange(SCREENED), range(len(groups))
    ends = [between.told(list(states), draws) for states in ((), everything)]
    scale = [1.0, max(float(np.nanstd(ends[0][:, 1])), 1e-300) if np.isfinite(ends[0][:, 1]).any() else math.inf]
    size = []
    for i in everything:
        alone = between.told([i], draws) - ends[0]
        last = ends[1] - between.told([j for j in everything if j != i], draws)
        between.advance(2 * SCREENED)
        apart = [0.0 if np.isnan(one).all() else float(np.nanmean(one)) for one in (*alone.T, *last.T)]
        size.append(sum(abs(one) / scale[k % 2] for k, one in enumerate(apart)))
    # A target that is another one is told of by itself: what it asks for is no deed.
    first = sorted(everything, key=lambda i: (not any(_is_target(name) for name in groups[i]), -size[i]))
    kept = sorted(first[: MOST_BARS - 1])
    rest = [groups[i] for i in everything if i not in kept]
    return [*(groups[i] for i in kept), sum(rest, ())]


def _is_target(label: str) -> bool:
    return label.startswith("target ")


# ---- bars ----


def _bounded(value: float, error: float) -> Bounded:
    return float(value), float(value - Z95 * error), float(value + Z95 * error)


def _share(hits: Floats) -> Bounded:
    p, lower, upper = map(float, wilson(int(hits.sum()), len(hits)))
    return p, lower, upper


def _mean(values: Floats) -> Bounded:
    return _bounded(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)))


def _bars(groups: Sequence[tuple[str, ...]], told: Bars) -> list[Bar]:
    error = told.error
    clear = [
        beyond_noise(Interval(bar, bar - Z95 * off, bar + Z95 * off)) for bar, off in zip(told.bar, error, strict=True)
    ]
    size = np.abs(told.bar)
    ranked = sorted((i for i in range(len(groups)) if clear[0][i]), key=lambda i: (-size[0, i], groups[i]))
    noise = [i for i in range(len(groups)) if not clear[0][i]]
    noise.sort(key=lambda i: (-size[1, i] if clear[1][i] else 0.0, groups[i]))

    def less(head: int, here: int) -> bool:
        a, b = ranked[head], ranked[here]
        sign, covariance = np.sign(told.bar[0, [a, b]]), told.covariance[0]
        variance = covariance[a, a] + covariance[b, b] - 2 * sign[0] * sign[1] * covariance[a, b]
        return bool(size[0, a] - size[0, b] > Z95 * math.sqrt(max(0.0, variance)))

    ranks = [*rank_groups(len(ranked), less).tolist()[: len(ranked)], *[0] * len(noise)]
    made = [
        Bar(
            groups[i][0] if len(groups[i]) == 1 else f"{len(groups[i])} changes together",
            groups[i],
            probability=_bounded(told.bar[0, i], error[0, i]),
            value=_bounded(told.bar[1, i], error[1, i]),
            distinguishable=bool(clear[0][i]),
            value_distinguishable=bool(clear[1][i]),
            rank=rank,
        )
        for i, rank in zip([*ranked, *noise], ranks, strict=True)
    ]
    beyond = [_bounded(told.beyond[q], told.beyond_error[q]) for q in (0, 1)]
    if any(one[0] != 0 and not math.isnan(one[0]) for one in beyond):
        made.append(Bar(NOISE, (), beyond[0], beyond[1], False, False, 0))
    return made
