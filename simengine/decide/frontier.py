r"""What more money buys: the choices of which none is both cheaper and likelier, up to the likeliest.

For every level of a ladder the cheapest choice is sought that reaches it on frozen draws (`search`, without proof). Of
all that were tried, those form the frontier that reach more than everything cheaper. They are simulated anew on fresh
draws, the same for all: their probabilities have lost the luck of being chosen, and their differences are paired.

The *knee* is where a further dollar begins to buy less: of the points between the ends the one that lies farthest above
the straight line from the first to the last, `d_j = P_j − (1 − t_j) P_first − t_j P_last` with t the share of the cost
(the rule of Satopää et al., *Finding a "kneedle" in a haystack*, 2011). On every fresh draw d_j is a number, so its
mean, and the difference of two of them, have normal intervals. There is a knee if d is above zero beyond noise; points
whose d cannot be told from the largest are as good a knee, and are marked with it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from simengine.decide.certify import FreshPaths, next_seed
from simengine.decide.findings import Frontier
from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import LEVEL, Hits, mcnemar
from simengine.decide.search import search
from simengine.decide.solve import DRAWS, Progress, levers_of, target_sought
from simengine.decide.space import Space
from simengine.decide.trials import Trials
from simengine.errors import SimengineError
from simengine.explain.intervals import Bounded
from simengine.plan.schema import Plan

VERIFY = 16_384
POINTS = 8
_LEVELS = 3
"""Of the ladder, for each point that is shown."""
_BY_LEVEL = 12
"""New choices that are tried for each level."""


def frontier(
    plan: Plan,
    *,
    target: str | None = None,
    draws: int = DRAWS,
    verify: int = VERIFY,
    seed: int = 7,
    budget: float | None = None,
    points: int = POINTS,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Frontier:
    """Find the choices of a plan's levers of which none is both cheaper and likelier to reach a target.

    Parameters
    ----------
    plan : a checked plan that declares levers
    target : by name; the first that declares a confidence by default, or the first
    draws : frozen draws of the search
    verify : fresh draws of each point
    seed : of the search; the next one is that of the fresh draws
    budget : in the place of the plan's
    points : of the frontier, at most
    executor : runs the paths; by default one thread for each processor
    progress : called with what is being done, the paths done, and the paths that it takes at most

    Raises
    ------
    SimengineError
        where the plan has no such target or no lever, or fewer than two points or draws are asked for
    """
    if points < 2 or min(draws, verify) < 2:
        raise SimengineError("a frontier has two points and two draws at least; ask for more")
    began = time.perf_counter()
    aim = target_sought(plan, target)
    levers = levers_of(plan, aim, budget)
    trials = Trials(levers, aim, draws=draws, seed=seed, executor=executor)
    tried = _swept(Space(levers), trials, points, progress)
    mixes = spread(efficient(levers, tried), tried, points)
    fresh = FreshPaths(levers, aim, next_seed(seed), executor)
    columns = []
    for number, mix in enumerate(mixes, start=1):
        columns.append(fresh(mix, 0, verify))
        if progress is not None:
            progress("Verifying", number * verify, len(mixes) * verify)
    hits = np.column_stack(columns)
    above, at_knee = knee(hits, np.array([levers.cost(mix) for mix in mixes]))
    return Frontier(
        levers=levers,
        target=aim,
        mixes=tuple(mixes),
        hits=hits,
        told_apart=_told_apart(hits),
        knee=at_knee,
        above=above,
        tried=tried,
        draws=draws,
        seed=seed,
        fresh_seed=fresh.seed,
        simulated=trials.paths + fresh.paths,
        seconds=time.perf_counter() - began,
    )


def _swept(space: Space, trials: Trials, points: int, progress: Progress | None) -> dict[Mix, float]:
    """Choices that are tried on the way from the cheapest to the likeliest, with their shares of the draws."""
    most = _BY_LEVEL * (points + 1) * trials.draws

    def advance(_: int, __: int) -> None:
        if progress is not None:
            progress("Searching", min(trials.paths, most), most)

    # No share is above 1: what is found is the likeliest.
    tried = search(space, trials, 1 + 1 / trials.draws, evaluations=3 * _BY_LEVEL, prove=False, progress=advance).shares
    allowed = {mix: share for mix, share in tried.items() if space.allows(mix)}
    low = min((share for mix, share in allowed.items() if space.levers.cost(mix) <= 0), default=0.0)
    for level in np.linspace(low, max(allowed.values(), default=0.0), _LEVELS * points):
        most_tried = len(tried) + _BY_LEVEL
        found = search(
            space, trials, float(level), evaluations=most_tried, prove=False, known=list(tried), progress=advance
        )
        tried = {**tried, **found.shares}
    return tried


def efficient(levers: Levers, tried: dict[Mix, float]) -> list[Mix]:
    """The allowed choices that reach more than all that cost no more, cheapest first."""
    found: list[Mix] = []
    best = -1.0
    for mix in sorted(tried, key=lambda mix: (round(levers.cost(mix), 2), -tried[mix], mix)):
        if tried[mix] > best and levers.is_allowed(mix):
            found.append(mix)
            best = tried[mix]
    return found


def spread(mixes: Sequence[Mix], shares: dict[Mix, float], most: int) -> list[Mix]:
    """Some of the points: the ends, and those nearest to even steps of probability between them.

    >>> spread([(0,), (1,), (2,), (3,)], {(0,): 0.1, (1,): 0.2, (2,): 0.49, (3,): 0.9}, 3)
    [(0,), (2,), (3,)]
    """
    if len(mixes) <= most:
        return list(mixes)
    levels = np.linspace(shares[mixes[0]], shares[mixes[-1]], most)
    nearest = {min(range(len(mixes)), key=lambda i: abs(shares[mixes[i]] - level)) for level in levels}
    return [mixes[i] for i in sorted(nearest)]


def _told_apart(hits: Hits) -> NDArray[np.bool_]:
    """Which points are likelier than the last one before that is, by McNemar's test, all steps together at 5 %."""
    points = hits.shape[1]
    apart = np.ones(points, bool)
    last = 0
    for place in range(1, points):
        likelier = hits[:, place].sum() > hits[:, last].sum()
        apart[place] = likelier and mcnemar(hits[:, place], hits[:, last]) <= (1 - LEVEL) / (points - 1)
        last = place if apart[place] else last
    return apart


def knee(hits: Hits, cost: NDArray[np.float64]) -> tuple[tuple[Bounded, ...], tuple[int, ...]]:
    """How far each point lies above the line between the ends, with its interval; and the places of the knee.

    Parameters
    ----------
    hits : whether each draw reaches the target at each point, (draws, points)
    cost : of the points, rising, (points,)
    """
    from scipy.special import ndtri

    n, points = hits.shape
    flat: tuple[Bounded, ...] = ((0.0, 0.0, 0.0),) * points
    if points < 3 or cost[-1] <= cost[0]:
        return flat, ()
    t = (cost - cost[0]) / (cost[-1] - cost[0])
    reached = hits.astype(np.float64)
    distance = reached - (1 - t) * reached[:, :1] - t * reached[:, -1:]
    mean, error = distance.mean(axis=0), distance.std(axis=0, ddof=1) / math.sqrt(n)
    z, together = ndtri(0.5 + LEVEL / 2), ndtri(1 - (1 - LEVEL) / 2 / max(1, points - 2))
    above = tuple((float(m), float(m - z * e), float(m + z * e)) for m, e in zip(mean, error, strict=True))
    top = int(np.argmax(mean[1:-1])) + 1
    if mean[top] - together * error[top] <= 0:
        return above, ()
    behind = distance[:, [top]] - distance
    margin = together * behind.std(axis=0, ddof=1) / math.sqrt(n)
    alike = [place for place in range(1, points - 1) if behind[:, place].mean() <= margin[place]]
    return above, tuple(alike)
