"""How a plan fares when what it should watch turns out badly: each assumption at its adverse tenth, and all at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.assumptions.draws import Array, latent
from simengine.decide.about import about
from simengine.decide.beside import check_beside
from simengine.decide.paired import LEVEL, Hits, difference_of_means, difference_of_shares, mcnemar, ranked
from simengine.errors import SimengineError
from simengine.explain import impact_and_certainty, rank
from simengine.explain.intervals import UNKNOWN, Bounded, beyond_noise, proportion, stacked, with_bounds
from simengine.plan.scalars import nearest
from simengine.plan.schema import Plan
from simengine.plan.targets import Target, target_of
from simengine.simulation import Progress, simulate
from simengine.simulation.points import Points
from simengine.simulation.reached import target_points

DRAWS = 4096
TENTH = 0.1
"""The adverse side of an assumption is beyond this quantile."""
DRIVERS = 5
"""Assumptions that are watched for their share of variance."""
ALL = "all at once"
CHOSEN, BASE = "chosen", "base"
_RANKED_ON = 2048
"""Draws of the ranking."""


class Watched(NamedTuple):
    """What is watched, why, and which side hurts: `low`, `high`, `both`; of an event `happens` or `fails`."""

    name: str
    why: tuple[str, ...]
    side: str


class _Case(NamedTuple):
    """Something that turns out badly, and the draws on which the target is reached all the same, by plan."""

    name: str
    side: str
    hits: dict[str, Hits]


def robust(
    plan: Plan,
    *,
    base: Plan | None = None,
    target: str | None = None,
    watch: Collection[str] = (),
    confidence: float | None = None,
    draws: int = DRAWS,
    seed: int = 7,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Hold a plan against its watch list: how likely its target is when each entry is at its adverse tenth.

    An assumption is held at its 10 % or 90 % quantile, whichever side is adverse (of one that hurts on both sides, the
    side where the target is less likely). What hangs together with it moves along: with normal scores `z ~ N(0, R)` of
    a draw and the score a of assumption i, the others become `z + R_i (a − z_i)`, which have their law given `z_i = a`
    (Matheron's rule: Journel and Huijbregts, Mining Geostatistics, 1978, ch. VII). So every draw keeps its
    luck, and the difference from the plan as it is is paired. A risk happens, an initiative does not: its score is
    drawn where that is so. *All at once* holds all of them, which is far rarer than a tenth.

    Parameters
    ----------
    plan : the plan that was chosen
    base : another plan beside it, under the same draws
    target : by name; by default the first of `plan`
    watch : assumptions and events to watch beside those of the list
    confidence : that the target should have; by default what it declares
    draws, seed : the draws that all cases share
    executor : runs the paths; by default one thread for each processor
    progress : called with paths done, and paths in all

    Returns
    -------
    Dataset
        Along `case`, what is watched, the largest loss first, and last `all at once`; along `plan`, `chosen` and
        `base`. Estimates have `_lower` and `_upper` (95 %): `probability` of each plan as it is (plan), and `given` the
        case (case, plan); `loss`, the second less the first, paired; `loss_beyond_base`, the loss of the chosen plan
        less that of the base (`beyond_base_told`: told from nothing, at 5 % over all
        cases). `verdict` of the chosen plan given the case, and of the plan as it is in the attribute
        `verdict`: `holds`, `fails` (the whole interval lies above, below the confidence), `not told`, or empty where no
        confidence is stated. `distinguishable`: the loss of the chosen plan is told from nothing, at 5 % over all
        cases; `rank_group` from 1, 0 of what is not ranked. Coordinates `side`, `value` (nan of an event), `unit`,
        `why`, `owner`, `activate` (what the plan says to do).

    Raises
    ------
    SimengineError
        where there is no such target, nothing to watch, a name that is not in the plan or never varies, or a base that
        cannot stand beside the plan
    """
    goal = target_of(plan, target)
    if draws < 100:
        raise SimengineError(f"{draws} draws tell too little; take 100 at least, and some thousands for a decision")
    wanted = goal.confidence if confidence is None else confidence
    if confidence is not None and not 0 < confidence < 1:
        raise SimengineError(f"a confidence of {confidence:g} tells nothing; choose one between 0 and 1, like 0.8")
    _check_names(plan, watch)
    if base is not None:
        _check_base(plan, base, goal)
    watched = watch_list(plan, goal, watch, seed=seed, executor=executor)
    if not watched:
        raise SimengineError("there is nothing to watch; name assumptions or events with --watch")
    plans = {CHOSEN: plan} | ({} if base is None else {BASE: base})
    worlds = {key: _World(each, goal, draws, seed, executor) for key, each in plans.items()}
    steps = len(plans) * (2 + sum(2 if each.side == "both" else 1 for each in watched))
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done * draws, max(done, steps) * draws)

    as_it_is = {}
    for key, world in worlds.items():
        as_it_is[key] = world.given({})
        count()
    cases = [_case(each, worlds, count) for each in watched]
    together = {key: world.given({case.name: case.side for case in cases}) for key, world in worlds.items()}
    count()
    ds = _dataset(plan, goal, wanted, as_it_is, cases, _Case(ALL, "", together), watched, draws, seed)
    return ds.assign_attrs({f"name_{key}": each.title for key, each in plans.items()})


# ---- what is watched ----


def watch_list(
    plan: Plan, goal: Target, also: Collection[str] = (), *, seed: int = 7, executor: Executor | None = None
) -> tuple[Watched, ...]:
    """What a plan should watch for a target, names sorted.

    Assumptions with a trigger; the largest drivers, and those of high impact that rest on little (`simengine risks`);
    risks that may happen; and what is asked for.
    """
    why: dict[str, list[str]] = {}
    for name, assumption in plan.assumptions.items():
        if assumption.trigger is not None:
            why.setdefault(name, []).append("trigger")
    for name, event in plan.events.items():
        if event.kind == "risk":
            why.setdefault(name, []).append("risk")
    for name, reason in _drivers(plan, goal, seed, executor):
        why.setdefault(name, []).append(reason)
    for name in also:
        why.setdefault(name, []).append("asked for")
    sides = {name: _side(plan, name) for name in why}
    return tuple(Watched(name, tuple(why[name]), side) for name, side in sorted(sides.items()) if side)


def _drivers(plan: Plan, goal: Target, seed: int, executor: Executor | None) -> Iterator[tuple[str, str]]:
    ds = simulate(plan, draws=max(_RANKED_ON, 8 * len(plan.widened())), seed=seed, executor=executor)
    try:
        ranking = rank(ds, goal.name)
    except SimengineError:
        return  # a metric that nobody can rank has no drivers
    told = ranking["distinguishable"].values
    names = [str(name) for name in ranking["assumption"].values]
    for name in [name for name, is_told in zip(names, told, strict=True) if is_told][:DRIVERS]:
        yield name, "driver"
    placed = impact_and_certainty(ds, *(ranking[f"share{end}"] for end in ("", "_lower", "_upper")))
    for name in placed["assumption"].values[placed["watch"].values]:
        yield str(name), "little known"


def _side(plan: Plan, name: str) -> str:
    """Which side of it is bad; empty of what never varies, and of a shock, which has no single value."""
    law = plan.widened().get(name)
    if law is None:
        return ""
    low, high = law.support()
    if low == high:
        return ""
    if name in plan.assumptions:
        return plan.assumptions[name].risk.adverse
    event = plan.events[name]
    if event.probability < 1:
        return "happens" if event.kind == "risk" else "fails"
    return "high" if event.kind == "risk" else "low"


def _check_base(plan: Plan, base: Plan, goal: Target) -> None:
    check_beside(plan, base)
    # The amount may differ: that of the plan is asked of both.
    asked = goal.metric, goal.period, goal.where
    if asked not in [(target.metric, target.period, target.where) for target in base.targets]:
        said = f"the base plan has no target like {goal.name}, of {goal.metric} {goal.period}"
        raise SimengineError(f"{said}; add it there, or name another with --reach")


def _check_names(plan: Plan, names: Collection[str]) -> None:
    laws = plan.widened()
    wrong = [
        f"{name}: the plan has no such assumption or event; {nearest(name, laws)}" for name in names if name not in laws
    ]
    wrong += [f"{name} never varies; watch another" for name in names if name in laws and not _side(plan, name)]
    if wrong:
        raise SimengineError("\n".join(wrong))


# ---- what is simulated ----


class _World:
    """A plan on frozen draws, as it is or given that something has turned out badly."""

    def __init__(self, plan: Plan, goal: Target, draws: int, seed: int, executor: Executor | None) -> None:
        self.plan, self._goal, self._executor = plan, goal, executor
        self._points: Points = target_points(plan, (goal,), seed=seed)
        self._names = self._points.names
        copula = plan.copula()
        self._z = latent(self._names, copula, seed, 0, draws)
        self._correlation = copula.correlation_matrix(self._names)

    def given(self, sides: Mapping[str, str]) -> Hits:
        """Whether each draw reaches the target given what has turned out badly on which side, (draws,)."""
        held = {name: side for name, side in sides.items() if name in self._names}
        places = [self._names.index(name) for name in held]
        scores = [
            adverse_scores(self.plan, name, side, self._z[:, i])
            for (name, side), i in zip(held.items(), places, strict=True)
        ]
        z = conditioned(self._z, self._correlation, places, np.stack(scores, axis=1)) if places else self._z
        values = self._points.at(z, np.arange(len(z)), executor=self._executor)
        return self._goal.is_reached(values[:, 0])


def adverse_scores(plan: Plan, name: str, side: str, z: Array) -> Array:
    """Normal scores of an assumption or event that has turned out badly.

    Parameters
    ----------
    side : `low` or `high`: at its 10 % or 90 % quantile; `happens` or `fails`: an event where it does, or does not
    z : (n,) the scores of its draws

    Returns
    -------
    (n,) One score for all draws; of an event each draw's score moved to where it happens, or does not: with
    `u = Φ(z)` and probability p, `Φ⁻¹(1 − p + p u)` or `Φ⁻¹((1 − p) u)`
    """
    from scipy.special import ndtr, ndtri

    if side in ("low", "high"):
        return np.full(len(z), float(ndtri(TENTH if side == "low" else 1 - TENTH)))
    p, u = plan.events[name].probability, ndtr(z)
    return np.asarray(ndtri(1 - p + p * u if side == "happens" else (1 - p) * u))


def conditioned(z: Array, correlation: Array, places: Sequence[int], scores: Array) -> Array:
    """Normal scores given some of them: each draw moved by as much as the given ones tell of it.

    `z + (a − z_S) R_SS⁻¹ R_S`, which has the law of z given `z_S = a` (Matheron's rule).

    Parameters
    ----------
    z : (n, k) draws of N(0, R)
    correlation : (k, k) R
    places : of the s given ones among the k
    scores : (n, s) what they are

    >>> z = np.array([[0.0, 0.0], [1.0, 0.5]])
    >>> conditioned(z, np.array([[1.0, 0.5], [0.5, 1.0]]), [0], np.array([[-1.0], [-1.0]])).tolist()
    [[-1.0, -0.5], [-1.0, -0.5]]
    """
    given = correlation[np.ix_(places, places)]
    moved = z + (scores - z[:, places]) @ np.linalg.pinv(given, hermitian=True) @ correlation[places]
    moved[:, places] = scores
    return moved


def _case(watched: Watched, worlds: Mapping[str, _World], count: Any) -> _Case:
    """One that is watched, on its adverse side; of two such sides the one where the chosen plan is less likely."""
    sides = ("low", "high") if watched.side == "both" else (watched.side,)
    tried = []
    for side in sides:
        hits = {}
        for key, world in worlds.items():
            hits[key] = world.given({watched.name: side})
            count()
        tried.append(_Case(watched.name, side, hits))
    return min(tried, key=lambda case: case.hits[CHOSEN].mean())


# ---- what is told of it ----


def verdict(found: Bounded, confidence: float | None) -> str:
    """Whether a probability is enough: `holds`, `fails`, or `not told` where its interval holds the confidence.

    >>> verdict((0.7, 0.68, 0.72), 0.75), verdict((0.7, 0.68, 0.72), 0.71), verdict((0.7, 0.68, 0.72), None)
    ('fails', 'not told', '')
    """
    if confidence is None:
        return ""
    _, low, high = found
    return "holds" if low >= confidence else "fails" if high < confidence else "not told"


def _share(hits: Hits) -> Bounded:
    return proportion(hits.astype(np.float64))


def _beyond(case: _Case, as_it_is: Mapping[str, Hits]) -> Bounded:
    """How much more of its probability the chosen plan loses than the base does."""
    if BASE not in as_it_is:
        return UNKNOWN
    chosen, base = (case.hits[key].astype(float) - as_it_is[key] for key in (CHOSEN, BASE))
    return difference_of_means(chosen, base)


def _dataset(
    plan: Plan,
    goal: Target,
    confidence: float | None,
    as_it_is: Mapping[str, Hits],
    found: Sequence[_Case],
    together: _Case,
    watched: Sequence[Watched],
    draws: int,
    seed: int,
) -> xr.Dataset:
    order, told, group = _ranks(found, as_it_is[CHOSEN])
    cases = [*(found[i] for i in order), together]
    plans = tuple(as_it_is)
    shape = len(cases), len(plans)
    given = stacked(_share(case.hits[key]) for case in cases for key in plans)
    loss = stacked(difference_of_shares(case.hits[key], as_it_is[key]) for case in cases for key in plans)
    beyond = stacked(_beyond(case, as_it_is) for case in cases)
    probability = stacked(_share(as_it_is[key]) for key in plans)
    verdicts = [verdict(_share(case.hits[CHOSEN]), confidence) for case in cases]
    by_name = {each.name: each for each in watched}
    return xr.Dataset(
        {
            **{name: ("plan", v) for name, v in with_bounds({"probability": probability})},
            **{name: (("case", "plan"), v.reshape(shape)) for name, v in with_bounds({"given": given, "loss": loss})},
            **{name: ("case", v) for name, v in with_bounds({"loss_beyond_base": beyond})},
            # One test a case: at 95 % each, one of a dozen would be told by chance every other time.
            "beyond_base_told": ("case", beyond_noise(beyond)),
            "verdict": ("case", np.array(verdicts, dtype=str)),
            "distinguishable": ("case", [*told[order], mcnemar(together.hits[CHOSEN], as_it_is[CHOSEN]) <= 1 - LEVEL]),
            "rank_group": ("case", [*group[order], 0]),
        },
        {"case": [case.name for case in cases], "plan": list(plans), **_said(plan, cases, by_name)},
        {
            **about(plan, goal, draws, seed),
            "confidence": math.nan if confidence is None else confidence,
            "verdict": verdict(_share(as_it_is[CHOSEN]), confidence),
        },
    )


def _said(plan: Plan, cases: Sequence[_Case], watched: Mapping[str, Watched]) -> dict[str, tuple[str, list[Any]]]:
    """What the plan says of each case."""
    laws = plan.widened()
    rows = []
    for case in cases:
        entry = plan.assumptions.get(case.name)
        event = plan.events.get(case.name)
        value = math.nan
        if entry is not None:
            value = float(laws[case.name].ppf([TENTH if case.side == "low" else 1 - TENTH])[0])
        trigger = None if entry is None else entry.trigger
        rows.append(
            {
                "side": case.side,
                "value": value,
                "planned": math.nan if entry is None else entry.plan,
                "unit": "" if entry is None else entry.unit,
                "why": ", ".join(watched[case.name].why) if case.name in watched else "",
                "owner": next((each.owner for each in (entry, event) if each is not None), ""),
                "activate": "" if trigger is None else trigger.activate,
            }
        )
    return {key: ("case", [row[key] for row in rows]) for key in rows[0]}


def _ranks(found: Sequence[_Case], before: Hits) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Order of the cases, the largest loss first; which losses are told from nothing, and their ranks."""
    misses = np.stack([~case.hits[CHOSEN] for case in found], axis=1)
    told = np.array([mcnemar(missed, ~before) <= (1 - LEVEL) / len(found) for missed in misses.T])
    ours, group = np.flatnonzero(told), np.zeros(len(found), np.int64)
    places, ranks = ranked(misses[:, ours])
    first = ours[places]
    group[first] = ranks
    rest = np.argsort(-misses.sum(axis=0), kind="stable")
    return np.concatenate([first, rest[~told[rest]]]), told, group
