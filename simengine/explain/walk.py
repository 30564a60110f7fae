"""Shapley shares by a designed walk: new runs of a model, made for the purpose, that ask nothing of its shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.intervals import Z95, Floats, Interval

Ints = NDArray[np.int64]

FEWEST_PERMUTATIONS = 256
"""With fewer, the mean of what they contribute is not yet normal, and intervals were measured to be too short."""
_AT_ONCE = 4096
"""Runs that a model is asked for together, about."""
_MOST_GROWTH = 2
"""The number of permutations grows at most so many times before precision is looked at again."""
_ROUNDING = 1e-10
"""A pivot below it is zero but for rounding."""

PRECISE, USED_UP, CONSTANT = "precise enough", "no more runs allowed", "the result does not vary"
"""Why a design stops."""


class Model(Protocol):
    """A model whose every input is given: nothing in it is left to chance.

    Parameters
    ----------
    z : (n, k) standard normal scores of the inputs
    addresses : (n, a) of every source of chance, such as random variation, the number of the draw that it shall show:
        with the same number the same, and nothing in common with another source of this number

    Returns
    -------
    (n,) the result, or (n, q) several
    """

    def __call__(self, z: Floats, addresses: Ints) -> Floats:
        """The results."""
        ...


class Surrogate(Protocol):
    """A cheap model whose Shapley effects are known: it takes noise off the walk's estimates."""

    @property
    def effects(self) -> Floats:
        """Its Shapley effects, (d,), of the inputs, then of the sources of chance: parts of its variance, not shares.

        0 where it does not depend on a player at all, as it cannot on random variation.
        """
        ...

    def __call__(self, z: Floats, addresses: Ints) -> Floats:
        """Its result, (n,), where the model has its own."""
        ...


Progress = Callable[[int, int], None]
"""Called with the runs made, and the runs that are expected in all."""


@dataclass(frozen=True)
class Walk:
    """Shapley shares of d players in q results.

    `share` holds arrays (q, d): the k inputs, then the sources of chance; they make up 1, or are nan where a result
    does not vary. `gap` (q, d, d) is the half-width of the 95 % interval of the difference of two shares. `variance` is
    that of each result, (q,).
    """

    share: Interval
    gap: Floats
    variance: Floats
    runs: int
    permutations: int
    stopped_because: str


def walk(
    model: Model,
    correlation: Floats,
    chances: int = 1,
    *,
    chance_last: bool = False,
    seed: int = 7,
    precision: float = 0.02,
    most_runs: int = 1_000_000,
    surrogate: Surrogate | None = None,
    progress: Progress | None = None,
) -> Walk:
    r"""Estimate Shapley effects, `Σ_u |u|! (d − |u| − 1)!/d! · (v(u + i) − v(u))` with `v(u) = Var(E[Y | x_u])`.

    Players are the inputs, whose scores have a joint normal law, and sources of chance, independent of all else. For a
    random order π of the d players, L is the Cholesky factor of the correlation matrix in that order, and w, w' are two
    vectors of independent normal scores. A walk goes from the inputs L w' to the inputs L w, one coordinate of w' at a
    time replaced, in d + 1 runs. After j steps the first j players are those of the end and all others are drawn anew
    given these, so that `Cov(Y_d, Y_j) = v(π_1 … π_j)`, correlated or not, and what the step adds to `v` goes to the
    player who made it:

        φ_π(j) ← (Y_d − (Y_{j−1} + Y_j)/2) (Y_j − Y_{j−1})

    Over a walk these add up to `(Y_d − Y_0)²/2`, whose mean is the variance of Y. A share is the mean of φ over that
    mean. Permutations are independent and alike, so the standard errors of shares follow by the delta method, and
    intervals are normal. Goda, Reliab. Eng. Syst. Saf. 205 (2021) 107257, for independent inputs; the factor in the
    order of the permutation is what makes it right for correlated ones.

    Permutation m is addressed by (seed, m), and chance shows the draws 2 m and 2 m + 1 in it: the result does not
    depend on how many runs are made at once.

    Parameters
    ----------
    model : what is run
    correlation : (k, k) of the scores; it may be singular
    chances : number a of sources of chance; each is a player
    chance_last : whether the first source of chance is the last in every order. Its share is then all that is left when
        everything else is known, `E[Var(Y | x)] / V`, as twin paths have it, and the others share out the variance of
        `E[Y | x]`. Else what it makes together with others is shared out, half of it with one of them
    seed : of the design
    precision : stop when the 95 % interval of every share of the first result is at most `± precision`
    most_runs : stop before there would be more
    surrogate : a control variate. From a player's contributions that part is taken which goes with the surrogate's,
        less its known effect. Of a player on which it does not depend that is the change which the player makes in the
        model, times what the surrogate has still before it: zero in the mean. A poor surrogate does no harm
    progress : called after every batch of runs

    Raises
    ------
    SimengineError
        where `most_runs` is too few for an interval, or the model gives what is not a number
    """
    k = len(correlation)
    d = k + chances
    most = most_runs // (d + 1)
    check_design(d, precision, FEWEST_PERMUTATIONS * (d + 1), most_runs)
    design = _Design(correlation, chances, chance_last, seed)
    effects: list[Floats] = []
    controls: list[Floats] = []
    made, wanted, stopped = 0, min(FEWEST_PERMUTATIONS, most), ""
    while not stopped:
        for first, last in _batches(made, wanted, d + 1):
            effect, control = _contributions(model, surrogate, design, first, last)
            effects.append(effect)
            controls.append(control)
            made = last
            if progress is not None:
                progress(made * (d + 1), wanted * (d + 1))
        share, gap, variance = _shares(np.concatenate(effects), np.concatenate(controls), surrogate)
        widest = float(np.max(share.upper[0] - share.lower[0])) / 2
        if not variance[0] > 0:
            stopped = CONSTANT
        elif widest <= precision:
            stopped = PRECISE
        elif made >= most:
            stopped = USED_UP
        else:
            needed = math.ceil(1.05 * made * (widest / precision) ** 2)
            wanted = min(most, max(made + 1, min(needed, _MOST_GROWTH * made)))
    return Walk(share, gap, variance, made * (d + 1), made, stopped)


def check_design(players: int, precision: float, fewest_runs: int, most_runs: int) -> None:
    """Raise SimengineError where a design has nothing to share out, or too few runs to say how well."""
    if players == 0:
        raise SimengineError("nothing in this plan is uncertain, so there is nothing to share out")
    if not precision > 0:
        raise SimengineError(f"the precision is {precision:g}; choose one above 0, such as 0.02")
    if most_runs < fewest_runs:
        raise SimengineError(
            f"{players} assumptions and sources of chance need at least {fewest_runs:,} runs, and {most_runs:,} are "
            "allowed; allow more"
        )


def finite(y: Floats) -> Floats:
    """The results of a model; raises SimengineError where one is no number."""
    y = np.asarray(y, np.float64)
    if not np.isfinite(y).all():
        raise SimengineError(
            "the result is infinite or undefined on some paths, so that it has no variance to share out; choose "
            "another metric or period"
        )
    return y


def semidefinite_factor(matrices: Floats) -> Floats:
    """Lower triangular L with L L' = S, for every S of `matrices`, (n, k, k), also where S is singular.

    Where a pivot is zero the input is a sum of those before it, and its column is zero.

    >>> semidefinite_factor(np.ones((1, 2, 2))).tolist()
    [[[1.0, 0.0], [1.0, 0.0]]]
    """
    factors = np.zeros_like(matrices)
    for j in range(matrices.shape[1]):
        rest = matrices[:, j:, j] - np.einsum("nij,nj->ni", factors[:, j:, :j], factors[:, j, :j])
        pivot = rest[:, :1]
        factors[:, j:, j] = np.where(pivot > _ROUNDING, rest / np.sqrt(np.maximum(pivot, _ROUNDING)), 0.0)
    return factors


class _Design(NamedTuple):
    """As the arguments of `walk`."""

    correlation: Floats
    chances: int
    chance_last: bool
    seed: int

    @property
    def works_backwards(self) -> bool:
        """Whether a walk is also one in the opposite order: all are independent, and any order is as likely."""
        return not self.chance_last and np.array_equal(self.correlation, np.eye(len(self.correlation)))


class _Steps(NamedTuple):
    """The runs of some permutations: P of them, d players, d + 1 runs each."""

    order: Ints
    """(P, d) the player who moves at each step."""
    z: Floats
    """(P, d + 1, k)"""
    addresses: Ints
    """(P, d + 1, a)"""


def _steps(design: _Design, first: int, last: int) -> _Steps:
    """The walks of permutations `first` to `last`, not included."""
    correlation, k = design.correlation, len(design.correlation)
    d, count = k + design.chances, last - first
    order = np.empty((count, d), np.int64)
    scores = np.empty((count, 2, k))
    for row, number in enumerate(range(first, last)):
        rng = np.random.Generator(np.random.Philox(key=np.array([design.seed, number], np.uint64)))
        order[row] = rng.permutation(d)
        scores[row] = rng.standard_normal((2, k))
    if design.chance_last:
        order = np.concatenate([order[order != k].reshape(count, d - 1), np.full((count, 1), k)], axis=1)
    moves_at = np.argsort(order, axis=1)
    moved = moves_at[:, None, :] < np.arange(d + 1)[:, None]  # (P, d + 1, player)
    sequence = np.argsort(moves_at[:, :k], axis=1)  # the inputs in the order in which they move
    factors = semidefinite_factor(correlation[sequence[:, :, None], sequence[:, None, :]])
    has_moved = np.take_along_axis(moved[:, :, :k], sequence[:, None, :], axis=2)
    own = np.where(has_moved, scores[:, :1], scores[:, 1:])
    z = np.empty((count, d + 1, k))
    np.put_along_axis(z, sequence[:, None, :], np.einsum("pij,psj->psi", factors, own), axis=2)
    addresses = 2 * np.arange(first, last)[:, None, None] + moved[:, :, k:]
    return _Steps(order, z, addresses)


def _contributions(
    model: Model, surrogate: Surrogate | None, design: _Design, first: int, last: int
) -> tuple[Floats, Floats]:
    """What permutations `first` to `last` contribute, and what they would by the surrogate, (P, q, d) each."""
    steps = _steps(design, first, last)
    count, runs, k = steps.z.shape
    z = steps.z.reshape(count * runs, k)
    addresses = steps.addresses.reshape(count * runs, design.chances)
    y = finite(model(z, addresses)).reshape(count, runs, -1)
    change = np.diff(y, axis=1)
    effect = _by_player(_lever(y, design.works_backwards) * change, steps.order)
    if surrogate is None:
        return effect, np.zeros_like(effect)
    g = np.asarray(surrogate(z, addresses), np.float64).reshape(count, runs, 1)
    depends = surrogate.effects[steps.order][:, :, None] != 0
    control = _lever(g, design.works_backwards) * np.where(depends, np.diff(g, axis=1), change)
    return effect, _by_player(control, steps.order)


def _lever(y: Floats, backwards: bool) -> Floats:
    """What a step's change is multiplied by, (P, d, q), of results (P, d + 1, q) along walks.

    Walked backwards the same runs are a walk in which the last players are those of the beginning. Where that counts as
    well, the mean of there and back has half the variance.
    """
    if backwards:
        return np.broadcast_to((y[:, -1:] - y[:, :1]) / 2, y[:, 1:].shape)
    return y[:, -1:] - (y[:, :-1] + y[:, 1:]) / 2


def _by_player(by_step: Floats, order: Ints) -> Floats:
    """Contributions (P, q, d), of contributions (P, d, q) by step."""
    found = np.empty_like(by_step)
    np.put_along_axis(found, order[:, :, None], by_step, axis=1)
    return found.transpose(0, 2, 1)


def _shares(effects: Floats, controls: Floats, surrogate: Surrogate | None) -> tuple[Interval, Floats, Floats]:
    """Shares (q, d), gaps (q, d, d) and variances (q,), of contributions and controls (P, q, d)."""
    if surrogate is not None:
        effects = effects - _slopes(effects, controls) * (controls - surrogate.effects)
    count, mean = len(effects), effects.mean(axis=0)
    variance = mean.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = mean / variance[:, None]
        influence = (effects - share * effects.sum(axis=2, keepdims=True)) / variance[:, None]
    margin = Z95 * influence.std(axis=0, ddof=1) / math.sqrt(count)
    return Interval(share, share - margin, share + margin), gaps(influence, Z95), variance


def gaps(influence: Floats, times: float) -> Floats:
    """Half-widths (q, d, d) of the intervals of differences: `times` their standard errors.

    Parameters
    ----------
    influence : (n, q, d) what each of n independent repetitions contributes to d estimates of q results
    times : quantile of the normal or Student's law
    """
    apart = influence - influence.mean(axis=0)
    covariance = np.einsum("nqi,nqj->qij", apart, apart) / (len(apart) * (len(apart) - 1))
    own = np.einsum("qii->qi", covariance)
    of_difference = own[:, :, None] + own[:, None, :] - 2 * covariance
    return np.asarray(times * np.sqrt(np.maximum(of_difference, 0.0)))


def _slopes(effects: Floats, controls: Floats) -> Floats:
    """Slopes (q, d) of contributions on controls, player by player."""
    apart = controls - controls.mean(axis=0)
    spread = (apart**2).mean(axis=0)
    together = (apart * effects).mean(axis=0)
    slopes: Floats = np.divide(together, spread, out=np.zeros_like(together), where=spread > 0)
    return slopes


def _batches(first: int, last: int, runs: int) -> Iterator[tuple[int, int]]:
    """Permutations `first` to `last` in batches of about `_AT_ONCE` runs, where each takes `runs`."""
    size = max(1, _AT_ONCE // runs)
    for start in range(first, last, size):
        yield start, min(start + size, last)
