"""What the actuals alone say of each assumption: the value under which they are most likely, and its interval.

Nothing that was believed before goes into it; so it can be held against the plan, against a threshold, and against the
belief itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.learn.estimate import Z90
from simengine.learn.evidence import Evidence, evidence_of
from simengine.learn.history import History
from simengine.learn.piece import Piece, Point
from simengine.plan.schema import Plan

Array = NDArray[np.float64]

Range = tuple[float, float, float]
"""The lower end, the middle and the upper end of what is believed."""

GRID, NUISANCE = 81, 15
"""Values of the assumption that is read, and of each other that is fitted beside it."""
_PASSES = 2
_ROUNDS = 4
_ODDS, _TIMES = 7.0, 3.0
"""How far from the plan value the first grid reaches: in log odds, and in the logarithm of anything else."""


class Reading(NamedTuple):
    """What records show of an assumption, in its unit: most likely value, 90 % interval, records, and what they are."""

    value: float
    lower: float
    upper: float
    n: int
    what: str

    @property
    def error(self) -> float:
        """Standard error, from the width of the interval."""
        return (self.upper - self.lower) / (2 * Z90)


def readings(
    plan: Plan,
    history: History,
    *,
    at: Mapping[str, Range] | None = None,
    names: Iterable[str] | None = None,
) -> dict[str, Reading]:
    """The reading of every assumption that records speak of.

    The likelihood of what was observed, as a function of this one assumption; the others stand, within what is believed
    of them, where they make it largest (profile likelihood). Its maximum is the value; the interval is where it has
    fallen by less than half the 90 % point of chi-square with one degree of freedom (S. S. Wilks, Annals of
    Mathematical Statistics 9, 1938, 60-62). Where it does not fall to both sides, as that of a growth rate in one
    quarter, there is no reading.

    Parameters
    ----------
    plan : the plan that the actuals are of
    history : the actuals
    at : of every assumption and event the range in which it may be while another is read, like P5, P50 and P95 of what
        is believed; held at plan values where it is missing
    names : those that are read; by default all
    """
    evidence = evidence_of(plan, history)
    held = {**{name: (value, value, value) for name, value in plan.planned.items()}, **(at or {})}
    wanted = evidence.spoken.keys() & set(evidence.spoken if names is None else names)
    found = {name: _reading(evidence, name, held) for name in sorted(wanted)}
    return {name: reading for name, reading in found.items() if reading is not None}


def _reading(evidence: Evidence, name: str, held: Mapping[str, Range]) -> Reading | None:
    """None where the likelihood does not fall on both sides: the actuals alone do not say how large it is."""
    scale = _Scale.of(evidence.plan.assumptions[name].unit, held[name][1])
    low, high = scale.span
    drop = _drop()
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, GRID)
        fall = _log_likelihood(evidence, name, scale.value(grid), held)
        fall = fall - np.nanmax(fall)
        inside = np.flatnonzero(fall >= -4 * drop)
        if fall[[0, -1]].max() >= -drop:
            return None
        low, high = grid[max(0, inside[0] - 1)], grid[min(GRID - 1, inside[-1] + 1)]
    ends = _crossings(grid, fall, -drop)
    value, lower, upper = scale.value(np.array([_peak(grid, fall), *ends])).tolist()
    return Reading(value, lower, upper, evidence.records[name], evidence.spoken[name])


def _peak(grid: Array, fall: Array) -> float:
    """Where a curve is highest: the vertex of the parabola through its highest point and the two beside it."""
    k = int(np.clip(fall.argmax(), 1, len(grid) - 2))
    below, top, above = fall[k - 1 : k + 2]
    bend = below - 2 * top + above
    shift = 0.5 * (below - above) / bend if np.isfinite(bend) and bend < 0 else 0.0
    return float(grid[k] + shift * (grid[1] - grid[0]))


def _crossings(grid: Array, fall: Array, level: float) -> tuple[float, float]:
    """Where a curve falls to a level, on both sides of its peak."""
    kept = np.flatnonzero(fall >= level)
    found = []
    for inside, outside in ((kept[0], kept[0] - 1), (kept[-1], kept[-1] + 1)):
        span = fall[inside] - fall[outside]
        part = (fall[inside] - level) / span if np.isfinite(span) else 0.0
        found.append(float(grid[inside] + part * (grid[outside] - grid[inside])))
    return found[0], found[1]


def _drop() -> float:
    """By how much a log-likelihood falls to the ends of the interval."""
    return Z90**2 / 2


class _Scale(NamedTuple):
    """Where a grid of an assumption lies: on log odds, a logarithm, or as it is."""

    kind: str
    centre: float
    width: float

    @classmethod
    def of(cls, unit: str, held: float) -> _Scale:
        if unit.startswith("fraction") and 0 < held < 1:
            return cls("odds", math.log(held / (1 - held)), _ODDS)
        return cls("log", math.log(held), _TIMES) if held > 0 else cls("linear", held, 1.0)

    @property
    def span(self) -> tuple[float, float]:
        return self.centre - self.width, self.centre + self.width

    def value(self, x: Array) -> Array:
        if self.kind == "odds":
            return np.asarray(1.0 / (1.0 + np.exp(-x)))
        return np.asarray(np.exp(x)) if self.kind == "log" else x


def _log_likelihood(evidence: Evidence, name: str, values: Array, held: Mapping[str, Range]) -> Array:
    """Profile log-likelihood at values of an assumption: the others, one after the other, where they fit best."""
    pieces = [piece for piece in evidence.pieces if name in piece.says]
    beside = sorted({other for piece in pieces for other in piece.says if held[other][0] < held[other][2]} - {name})
    at = {other: np.full(len(values), middle) for other, (_, middle, _) in held.items()} | {name: values}
    for other in beside * (_PASSES if len(beside) > 1 else 1):
        at[other] = _best(evidence.plan, pieces, at, other, np.linspace(held[other][0], held[other][2], NUISANCE))
    return _at(evidence.plan, pieces, at)


def _best(plan: Plan, pieces: Sequence[Piece], at: Mapping[str, Array], other: str, tried: Array) -> Array:
    """At each point the value of `other`, of those tried, that makes what was observed most likely."""
    n = len(at[other])
    spread = {name: np.repeat(column, len(tried)) for name, column in at.items()} | {other: np.tile(tried, n)}
    return np.asarray(tried[_at(plan, pieces, spread).reshape(n, -1).argmax(axis=1)])


def _at(plan: Plan, pieces: Sequence[Piece], at: Mapping[str, Array]) -> Array:
    n = len(next(iter(at.values())))
    shocks = {shock: np.zeros((n, plan.plan.months)) for piece in pieces for shock in piece.shocks}
    own = {each: np.zeros(n) for piece in pieces for each in piece.own}
    point, total = Point(plan, dict(at), shocks, own), np.zeros(n)
    with np.errstate(all="ignore"):  # far from the truth a likelihood may be zero
        for piece in pieces:
            total += np.broadcast_to(piece.log_likelihood(point), n)
    return np.where(np.isnan(total), -math.inf, total)
