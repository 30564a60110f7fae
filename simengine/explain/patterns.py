"""What a smooth curve for each input cannot tell: thresholds, and pairs of inputs that act together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from simengine.explain.additive import Additive, two_sided
from simengine.explain.intervals import Z95, Bounded, Floats

LEVEL = 0.05
LEAST_DEGREE = 3
"""Of the smooth curves that a threshold must beat."""
GRID = np.arange(1, 20) / 20
FINE = np.arange(5, 96) / 100
FEWEST_LEVELS = 8
MOST_TIED = 0.25
LEAST_SHARE = 0.001
"""Of the variance: with many draws a curve that is merely steep would be called a threshold for less."""
HANSEN = 7.35
"""95 % point of the likelihood ratio of a threshold's place (Hansen, Econometrica 68, 2000, table I)."""
_PROMISING, _WORTH_A_LOOK = 3.0, 1.5
"""Bounds of |t|: what is kept, and what is worked out at all. Nothing between them and 4 can be a finding."""
_MOST_PAIRS = 256

Kind = Literal["jump", "bend"]


class Threshold(NamedTuple):
    """Where a result jumps or bends along input `i`.

    `place` is a rank from 0 to 1 with its interval. `size` is how far the result jumps, or how much higher it is in the
    top fifth than if the slope below the bend went on. `share` is the part of the variance that no smooth curve tells.
    """

    i: int
    kind: Kind
    place: Bounded
    size: Bounded
    share: float
    p: float


class Pair(NamedTuple):
    """Two inputs that act together.

    `effect` is how much more the first does from its bottom to its top fifth where the second is in its top fifth than
    where that is in its bottom fifth; `share` the part of the variance.
    """

    i: int
    j: int
    effect: Bounded
    share: Bounded
    p: float


class Patterns(NamedTuple):
    """Clearest first."""

    thresholds: list[Threshold]
    pairs: list[Pair]


class _Candidate(NamedTuple):
    kind: Kind | Literal["pair"]
    i: int
    j: int
    at: float


@dataclass
class _Pool:
    """Candidates that look promising, and what of each the model does not tell, (n, m)."""

    candidates: list[_Candidate] = field(default_factory=list)
    columns: list[Floats] = field(default_factory=list)

    def add(self, candidates: Sequence[_Candidate], columns: Floats, t: Floats) -> None:
        for index in np.flatnonzero(np.abs(t) > _PROMISING):
            self.candidates.append(candidates[int(index)])
            self.columns.append(columns[:, index])


def patterns(model: Additive, ranks: Sequence[Floats], y: Floats, reach: Floats) -> Patterns:
    """Find thresholds, and pairs that act together, in what smooth curves leave of y.

    Each candidate c is tested by its score: with c' and e what the curves leave of c and of y,
    `t = Σ c' e / √(Σ c'² e²)`. Candidates are a jump and a bend at every twentieth of each input with at least eight
    levels (against polynomials of up to degree 5 in the input itself, so that a smooth curve is no threshold), and the
    product of every two scores. The clearest is taken into the model and the rest tested anew, so that nothing is named
    for what its companion does, until none is left with |t| beyond the bound of Bonferroni over all candidates of its
    family, at 5 % for thresholds and 5 % for pairs. An input has one threshold at most, which tells 0.1 % of the
    variance at least.

    The place of a threshold is taken to the hundredth; its interval holds the places whose t² is within 7.35 of the
    best (Hansen, Econometrica 68, 2000, 575-603).

    Parameters
    ----------
    model : of the k inputs
    ranks : of each input, (n,)
    y : the result, (n,)
    reach : distance from the mean of the bottom to that of the top fifth on the scale of each score, (k,)
    """
    rest = model.residuals(y)
    freedom = math.sqrt(len(y) / max(1, len(y) - model.columns.shape[1]))
    if rest.std() <= 1e-9 * max(float(y.std()), 1e-300):
        return Patterns([], [])
    pool = _Pool()
    tested = {"threshold": 0, "pair": 0}
    for candidates, columns in _thresholds(model, ranks):
        tested["threshold"] += len(candidates)
        near = np.flatnonzero(_rough_t(model, columns, rest) > _WORTH_A_LOOK)
        if len(near):
            left = model.residuals(columns[:, near])
            pool.add([candidates[index] for index in near], left, _t(left, rest) / freedom)
    candidates, columns, tested["pair"] = _promising_pairs(model.scores, rest)
    if candidates:
        left = model.residuals(columns)
        pool.add(candidates, left, _t(left, rest) / freedom)
    return _selected(model, ranks, y, reach, pool, tested, rest, freedom)


def _thresholds(model: Additive, ranks: Sequence[Floats]) -> Iterator[tuple[list[_Candidate], Floats]]:
    if model.degree < LEAST_DEGREE:
        return
    for i, column in enumerate(ranks):
        counts = np.unique(column, return_counts=True)[1]
        if len(counts) < FEWEST_LEVELS or counts.max() > MOST_TIED * len(column):
            continue
        steps = _distinct_steps(column, GRID)
        candidates = [_Candidate(kind, i, i, at) for kind in ("jump", "bend") for at in steps]
        yield candidates, np.column_stack([_column(candidate, model, ranks) for candidate in candidates])


def _distinct_steps(ranks: Floats, grid: Floats) -> list[float]:
    below = np.searchsorted(np.sort(ranks), grid)
    first = np.unique(below, return_index=True)[1]
    return [float(grid[index]) for index in first if 0 < below[index] < len(ranks)]


def _column(candidate: _Candidate, model: Additive, ranks: Sequence[Floats]) -> Floats:
    i, j = candidate.i, candidate.j
    if candidate.kind == "pair":
        return np.asarray(model.scores[:, i] * model.scores[:, j])
    above = ranks[i] >= candidate.at
    if candidate.kind == "jump":
        return above.astype(float)
    return np.where(above, model.scores[:, i] - model.scores[above, i].min(), 0.0)


def _promising_pairs(scores: Floats, rest: Floats) -> tuple[list[_Candidate], Floats, int]:
    """The pairs whose products go best with what is left: one product of matrices tells it of all."""
    varies = np.flatnonzero(scores.any(axis=0))
    z = scores[:, varies]
    first, second = np.triu_indices(len(varies), 1)
    if not len(first):
        return [], np.empty((len(rest), 0)), 0
    squared = z**2
    sums, spread = z.T @ (z * rest[:, None]), squared.T @ (squared * rest[:, None] ** 2)
    t = np.abs(sums[first, second]) / np.sqrt(spread[first, second])
    best = np.argsort(-t, kind="stable")[:_MOST_PAIRS]
    candidates = [_Candidate("pair", int(varies[first[b]]), int(varies[second[b]]), math.nan) for b in best]
    return candidates, z[:, first[best]] * z[:, second[best]], len(first)


def _rough_t(model: Additive, columns: Floats, rest: Floats) -> Floats:
    """Size of t if the noise were the same everywhere."""
    squares = model.squares_left(columns) * float((rest**2).mean())
    told = squares > 1e-10 * float((rest**2).sum())
    return np.abs(np.divide(columns.T @ rest, np.sqrt(np.abs(squares)), out=np.zeros(len(squares)), where=told))


def _t(columns: Floats, rest: Floats) -> Floats:
    error = np.sqrt((columns**2 * rest[:, None] ** 2).sum(axis=0))
    # What the model tells of a candidate leaves rounding.
    told = error > 1e-6 * rest.std() * math.sqrt(len(rest))
    return np.asarray(np.divide(columns.T @ rest, error, out=np.zeros(columns.shape[1]), where=told))


def _selected(
    model: Additive,
    ranks: Sequence[Floats],
    y: Floats,
    reach: Floats,
    pool: _Pool,
    tested: dict[str, int],
    rest: Floats,
    freedom: float,
) -> Patterns:
    found: list[tuple[_Candidate, Bounded, float]] = []
    basis: list[Floats] = []
    left = np.column_stack(pool.columns) if pool.columns else np.empty((len(y), 0))
    open_ = np.ones(len(pool.candidates), dtype=bool)
    together = np.array([candidate.kind == "pair" for candidate in pool.candidates], dtype=bool)
    factors = np.where(together, tested["pair"], tested["threshold"])
    total = float(((y - y.mean()) ** 2).sum())
    while open_.any():
        t = _t(left, rest) / freedom
        slight = ~together & ((left.T @ rest) ** 2 < LEAST_SHARE * total * (left**2).sum(axis=0))
        p = np.where(open_ & ~slight, np.minimum(1.0, factors * two_sided(t)), 1.0)
        best = min(np.flatnonzero(open_), key=lambda index: (p[index], -abs(t[index])))
        if p[best] >= LEVEL:
            break
        candidate, column, place = _placed(pool.candidates[best], left[:, best], model, ranks, basis, rest)
        found.append((candidate, place, float(p[best])))
        direction = column / np.linalg.norm(column)
        basis.append(direction)
        left = left - np.outer(direction, direction @ left)
        rest = rest - direction * float(direction @ rest)
        if candidate.kind != "pair":
            open_ &= together | np.array([other.i != candidate.i for other in pool.candidates])
        open_[best] = False
    return _sized(found, model, ranks, y, reach)


def _placed(
    candidate: _Candidate, column: Floats, model: Additive, ranks: Sequence[Floats], basis: list[Floats], rest: Floats
) -> tuple[_Candidate, Floats, Bounded]:
    """A threshold to the hundredth, what is left of its column, and the interval of its place; a pair as it is."""
    if candidate.kind == "pair":
        return candidate, column, (math.nan, math.nan, math.nan)
    places = _distinct_steps(ranks[candidate.i], FINE)
    finer = [candidate._replace(at=at) for at in places]
    columns = model.residuals(np.column_stack([_column(one, model, ranks) for one in finer]))
    for direction in basis:
        columns = columns - np.outer(direction, direction @ columns)
    ratio = _t(columns, rest) ** 2
    best = int(ratio.argmax())
    near = np.flatnonzero(ratio >= ratio[best] - HANSEN)
    edges = [FINE[0], *places, FINE[-1]]
    return finer[best], columns[:, best], (places[best], edges[near[0]], edges[near[-1] + 2])


def _sized(
    found: list[tuple[_Candidate, Bounded, float]],
    model: Additive,
    ranks: Sequence[Floats],
    y: Floats,
    reach: Floats,
) -> Patterns:
    """Sizes of all that was found, in one regression beside the smooth curves."""
    made = Patterns([], [])
    if not found:
        return made
    columns = np.column_stack([_column(candidate, model, ranks) for candidate, _, _ in found])
    left, rest = model.residuals(columns), model.residuals(y)
    inverse = np.linalg.inv(left.T @ left)
    coefficients = inverse @ (left.T @ rest)
    residuals = rest - left @ coefficients
    weights = (left @ inverse) * residuals[:, None]
    freedom = math.sqrt(len(y) / max(1, len(y) - model.columns.shape[1] - len(found)))
    margins = Z95 * freedom * np.sqrt((weights**2).sum(axis=0))
    of_variance = Z95 * float(((y - y.mean()) ** 2).std()) / float(y.var()) / math.sqrt(len(y))
    for number, (candidate, place, p) in enumerate(found):
        size, margin = float(coefficients[number]), float(margins[number])
        share = float((left[:, number] ** 2).mean() / y.var())
        if candidate.kind == "pair":
            scale = float(reach[candidate.i] * reach[candidate.j])
            # Ranks know the standard deviation of either input to 1 / √(2 n) of itself.
            margin = math.hypot(margin, Z95 * size / math.sqrt(len(y)))
            shares = _share(share, abs(size), margin, of_variance)
            made.pairs.append(Pair(candidate.i, candidate.j, _around(size, margin, scale), shares, p))
        else:
            top = ranks[candidate.i] >= 0.8
            scale = 1.0
            if candidate.kind == "bend":
                scale = float(columns[top, number].mean())
                margin = math.hypot(margin, Z95 * size / math.sqrt(2 * len(y)))
            threshold = candidate.i, candidate.kind, place, _around(size, margin, scale), share * size**2, p
            made.thresholds.append(Threshold(*threshold))
    return made


def _share(of_one: float, size: float, margin: float, of_variance: float) -> Bounded:
    """Share of variance of an effect, `of_one · size²`: its size is uncertain, and by a factor the variance."""
    share, nearest = of_one * size**2, max(0.0, size - margin)
    below = math.hypot(share - of_one * nearest**2, of_variance * share)
    above = math.hypot(of_one * (size + margin) ** 2 - share, of_variance * share)
    return share, max(0.0, share - below), share + above


def _around(size: float, margin: float, scale: float) -> Bounded:
    ends = sorted(((size - margin) * scale, (size + margin) * scale))
    return size * scale, ends[0], ends[1]
