r"""The cheapest choice that reaches a confidence, on frozen draws: exact where more never hurts.

Every choice has a row in a table (`Space`). A choice that misses the bar rules out all that have no more of anything
that helps: on the same draws they miss as well, if more never hurts. So few are simulated:

1. the plan as it is, and each lever alone at its ends. They tell which way it helps, and how far;
2. the cheapest choice that is expected to reach the bar. What is expected adds up on the scale of `Φ⁻¹(P)`, and each
   choice tried teaches it how far effects fall short of that;
3. when none that is cheaper is expected to reach it, the likeliest of them is *lifted*: more of the levers that hardly
   help, as long as it is expected to miss. If it misses, a whole block is ruled out;
4. when all that is cheaper is ruled out, the choice is the cheapest, if more never hurts. While few are left that were
   ruled out and not tried, they are tried: then it is the cheapest whether or not more ever hurts.

Where the trials end before that, the choice is improved step by step (`drop`, `swap`) with those that were kept back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import Hits
from simengine.decide.space import Places, Rows, Space
from simengine.explain.intervals import Floats

EVALUATIONS = 300
"""Choices that are tried at most."""
_KEPT_BACK = 0.2
"""Of the trials, for the search step by step, should the others end too soon."""
_PATIENCE = 8
"""Trials without one that is likelier, after which the likeliest is thought to be found."""
_WIDEST = 0.3
"""How far effects of levers are believed to be off from adding up (a standard deviation, as a part of each)."""
_NOISE = 0.03
"""Error of what is expected on the scale of Φ⁻¹(P)."""

Proof = Literal["tried", "monotone", "none"]
"""Every cheaper choice was tried; or was ruled out if more never hurts; or neither."""
Progress = Callable[[int, int], None]


class Tried(Protocol):
    """Choices on frozen draws, as `Trials` has them."""

    @property
    def draws(self) -> int:
        """How many."""

    def hits(self, mix: Mix) -> Hits:
        """Whether each draw reaches the target under a choice, (draws,)."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    mix : the cheapest choice whose share of draws reaches the bar; None where none was found
    likeliest : of the choices that were tried and are allowed
    shares : of every choice that was tried, the share of draws on which it reaches the target
    proof : why none is cheaper, or why none reaches the bar
    pairs, against : pairs of tried choices of which one has more of all that helps, and those where it reaches less
    """

    mix: Mix | None
    likeliest: Mix
    shares: dict[Mix, float]
    proof: Proof
    pairs: int
    against: int


def search(
    space: Space,
    trials: Tried,
    bar: float,
    *,
    evaluations: int = EVALUATIONS,
    prove: bool = True,
    known: Iterable[Mix] = (),
    progress: Progress | None = None,
) -> Found:
    """The cheapest choice whose share of the frozen draws is at least `bar`.

    Of choices that cost the same the likelier one, and of those the one with fewer steps. Where none reaches the bar,
    the likeliest.

    Parameters
    ----------
    space : the choices
    trials : simulates them, on draws that stay the same
    bar : share of the draws
    evaluations : choices that are tried at most
    prove : whether to go on until nothing cheaper is left; without, the choice is good, not proven
    known : choices that were tried on these draws before; they count
    progress : called with the choices tried, and how many are tried at most
    """
    return _Search(space, trials, bar, evaluations, progress).run(prove, known)


class _Search:
    def __init__(self, space: Space, trials: Tried, bar: float, evaluations: int, progress: Progress | None) -> None:
        self.space, self.levers, self.trials, self.progress = space, space.levers, trials, progress
        self.need = math.ceil(bar * trials.draws - 1e-9)
        self.bar = _score(self.need, trials.draws)
        self.most = evaluations
        self.counts: dict[Mix, int] = {}
        self.best: Mix | None = None
        self.open: Rows = np.flatnonzero(space.allowed)
        self.expected = _Expected(self.levers)

    # --- Trying ---

    def reaches(self, mix: Mix) -> bool:
        """Try a choice; take it where it is the best so far, rule out what cannot be better where it misses."""
        if mix not in self.counts:
            self.counts[mix] = int(self.trials.hits(mix).sum())
            self.expected.learn(mix, _score(self.counts[mix], self.trials.draws))
            if self.progress is not None:
                self.progress(min(len(self.counts), self.most), self.most)
        if self.counts[mix] < self.need:
            self._rule_out(mix)
            return False
        if self.space.allows(mix) and (self.best is None or self._key(mix) < self._key(self.best)):
            self.best = mix
            self.open = self.open[self.space.cost[self.open] < self._cost(mix)]
        return True

    def _rule_out(self, mix: Mix) -> None:
        if not self.expected.is_turned:
            return
        self.open = self.open[~self.expected.no_better(self.space.places[self.open], mix)]

    def _key(self, mix: Mix) -> tuple[float, int, int, Mix]:
        steps = sum(abs(i - j) for i, j in zip(mix, self.levers.neutral, strict=True))
        return self._cost(mix), -self.counts[mix], steps, mix

    def _cost(self, mix: Mix) -> float:
        return round(self.levers.cost(mix), 2)

    def _left(self) -> int:
        return self.most - len(self.counts)

    # --- The search ---

    def run(self, prove: bool, known: Iterable[Mix]) -> Found:
        for mix in _alone(self.levers):
            self.reaches(mix)
        for mix in known:
            self.reaches(mix)
        self.expected.turn(self.counts)
        for mix, count in self.counts.items():
            if count < self.need:
                self._rule_out(mix)  # only now is it known which way each lever helps
        kept_back = round(_KEPT_BACK * self.most)
        while len(self.open) and self._left() > kept_back and self._try_next(prove):
            pass
        proof: Proof = "none" if len(self.open) or not self.space.is_whole else "monotone"
        if proof == "monotone" and prove and self._try_those_ruled_out():
            proof = "tried"
        elif proof == "none" and prove and self.best is not None:
            self._step_by_step()
        if self.best is None:
            self._likeliest()
        return self._found(proof)

    def _try_next(self, prove: bool) -> bool:
        """Try one choice of those that are open; False when there is no point in going on."""
        score = self.expected.scores(self.space.places[self.open])
        promising = np.flatnonzero(score >= self.bar)
        if len(promising):
            cost = self.space.cost[self.open[promising]]
            place = promising[np.lexsort((-score[promising], cost))[0]]
            row = int(self.open[place])
            self.reaches(self.space.mix(row))
            self.open = self.open[self.open != row]
            return True
        if not prove:
            return False
        row = int(self.open[int(np.argmax(score))])
        mix = self.space.mix(row)
        if self.reaches(self.expected.lifted(mix, self.bar)):
            self.reaches(mix)
        self.open = self.open[self.open != row]
        return True

    def _try_those_ruled_out(self) -> bool:
        """Try all that is cheaper, or costs the same, and was not tried; False where that is too much."""
        while True:
            inside = self.space.allowed.copy()
            if self.best is not None:
                inside &= self.space.cost <= self._cost(self.best)
            rows = np.flatnonzero(inside)
            if len(rows) > self.most:
                return False
            rows = rows[np.argsort(self.space.cost[rows], kind="stable")]
            untried = [mix for mix in map(self.space.mix, rows.tolist()) if mix not in self.counts]
            if not untried:
                return True
            if len(untried) > self._left():
                return False
            for mix in untried:
                if self.best is None or self._cost(mix) <= self._cost(self.best):
                    self.reaches(mix)

    def _step_by_step(self) -> None:
        """Less of one thing, or less of one and more of another, while that is cheaper and reaches the bar."""
        while self._left() > 0:
            assert self.best is not None
            cost = self._cost(self.best)
            near = [mix for mix in _neighbours(self.levers, self.best) if mix not in self.counts]
            near = [mix for mix in near if self._cost(mix) < cost and self.space.allows(mix)]
            if not near:
                return
            score = self.expected.scores(np.array(near, np.int16))
            if not any(self.reaches(near[i]) for i in np.argsort(-score, kind="stable")[: self._left()]):
                return

    def _likeliest(self) -> None:
        """Find the likeliest choice that is allowed, where none reaches the bar."""
        rows, without = np.flatnonzero(self.space.allowed), 0
        top = max((n for mix, n in self.counts.items() if self.space.allows(mix)), default=-1)
        while self._left() > 0 and without < _PATIENCE:
            score = self.expected.scores(self.space.places[rows])
            rows = rows[np.argsort(-score, kind="stable")[: self.most + 1]]
            mix = next((mix for mix in map(self.space.mix, rows.tolist()) if mix not in self.counts), None)
            if mix is None or self.reaches(mix):
                return
            without = 0 if self.counts[mix] > top else without + 1
            top = max(top, self.counts[mix])

    def _found(self, proof: Proof) -> Found:
        allowed = [mix for mix in self.counts if self.space.allows(mix)] or [self.levers.neutral]
        likeliest = max(allowed, key=lambda mix: (self.counts[mix], -self._cost(mix)))
        pairs, against = self.expected.contradicted(self.counts)
        shares = {mix: count / self.trials.draws for mix, count in self.counts.items()}
        return Found(self.best, likeliest, shares, proof, pairs, against)


class _Expected:
    """How likely a choice is expected to be, from those that were tried, and which way each lever helps.

    On the scale z = Φ⁻¹(P) effects add up, about: `z = z₀ + Σ w_d g_d(place)`. g is what a dial does alone, straight
    from its neutral place to the ends that were tried; the weights w are 1 until choices of several levers teach better
    (least squares, drawn to 1).
    """

    def __init__(self, levers: Levers) -> None:
        self._levers = levers
        self._known: dict[Mix, float] = {}
        self._gains = [np.zeros(len(dial.amounts)) for dial in levers.dials]
        self._weights: Floats = np.ones(len(levers.dials))
        self.ways = np.ones(len(levers.dials), np.int16)
        self.is_turned = False

    def learn(self, mix: Mix, score: float) -> None:
        """Take note of a choice that was tried."""
        self._known[mix] = score
        if self.is_turned:
            self._fit()

    def turn(self, counts: dict[Mix, int]) -> None:
        """See what each dial does alone, and which way it helps."""
        neutral = self._levers.neutral
        start = self._known[neutral]
        for column, dial in enumerate(self._levers.dials):
            ends = sorted({0, dial.neutral, len(dial.amounts) - 1})
            alone = [_with(neutral, column, place) for place in ends]
            known = [self._known[mix] - start for mix in alone]
            self._gains[column] = np.interp(np.arange(len(dial.amounts)), ends, known)
            if counts[alone[-1]] < counts[alone[0]]:
                self.ways[column] = -1
        self.is_turned = True
        self._fit()

    def _effects(self, places: Places) -> Floats:
        return np.column_stack([gain[places[:, column]] for column, gain in enumerate(self._gains)])

    def scores(self, places: Places) -> Floats:
        """What is expected of choices, (rows,), on the scale of Φ⁻¹(P)."""
        score: Floats = np.full(len(places), self._known[self._levers.neutral])
        for column, gain in enumerate(self._gains):
            score += self._weights[column] * gain[places[:, column]]
        return score

    def _fit(self) -> None:
        mixes = np.array(list(self._known), np.int16)
        effects = self._effects(mixes)
        beyond = np.array(list(self._known.values())) - self._known[self._levers.neutral] - effects.sum(axis=1)
        precision = effects.T @ effects / _NOISE**2 + np.eye(len(self._gains)) / _WIDEST**2
        self._weights = np.maximum(0.0, 1.0 + np.linalg.solve(precision, effects.T @ beyond / _NOISE**2))

    def no_better(self, places: Places, mix: Mix) -> NDArray[np.bool_]:
        """Which choices have no more than `mix` of anything that helps, (rows,)."""
        return np.asarray((places * self.ways <= np.array(mix) * self.ways).all(axis=1))

    def lifted(self, mix: Mix, bar: float) -> Mix:
        """More of what hardly helps, as long as the choice is expected to miss the bar by more than noise."""
        score = float(self.scores(np.array([mix], np.int16))[0])
        lifted = list(mix)
        last = [len(gain) - 1 if way > 0 else 0 for gain, way in zip(self._gains, self.ways, strict=True)]
        gains = [self._weights[i] * self._gains[i] for i in range(len(mix))]
        for column in sorted(range(len(mix)), key=lambda i: gains[i][last[i]] - gains[i][mix[i]]):
            way = int(self.ways[column])
            for place in range(last[column], mix[column], -way):
                raised = score + float(gains[column][place] - gains[column][mix[column]])
                if raised < bar - _NOISE:
                    lifted[column], score = place, raised
                    break
        return tuple(lifted)

    def contradicted(self, counts: dict[Mix, int]) -> tuple[int, int]:
        """Pairs of tried choices of which one has more of all that helps; and those where it reaches less."""
        places = np.array(list(counts), np.int64) * self.ways
        found = np.array(list(counts.values()))
        pairs = against = 0
        for own, count in zip(places, found, strict=True):
            above = (places >= own).all(axis=1) & (places != own).any(axis=1)
            pairs += int(above.sum())
            against += int((found[above] < count).sum())
        return pairs, against


def _score(count: int, draws: int) -> float:
    """Φ⁻¹ of a share, finite at 0 and 1; infinite beyond."""
    from scipy.special import ndtri

    return float(ndtri(min(1.0, (count + 0.5) / (draws + 1))))


def _with(mix: Mix, column: int, place: int) -> Mix:
    return (*mix[:column], place, *mix[column + 1 :])


def _alone(levers: Levers) -> Iterator[Mix]:
    """The plan as it is, and every dial alone at its ends."""
    yield levers.neutral
    for column, dial in enumerate(levers.dials):
        for place in sorted({0, len(dial.amounts) - 1} - {dial.neutral}):
            yield _with(levers.neutral, column, place)


def _neighbours(levers: Levers, mix: Mix) -> Iterator[Mix]:
    """A step less of one dial; and with it a step more of another."""
    lengths = [len(dial.amounts) for dial in levers.dials]
    for column in range(len(mix)):
        for way in (-1, 1):
            if not 0 <= mix[column] + way < lengths[column]:
                continue
            moved = _with(mix, column, mix[column] + way)
            yield moved
            for other in range(len(mix)):
                if other != column and mix[other] + 1 < lengths[other]:
                    yield _with(moved, other, mix[other] + 1)
