r"""Whether a choice that a search found keeps what it promises: on fresh draws, with a bound that holds.

A search takes the best of many, and so takes noise for merit. What it found is simulated anew, on draws of another seed
that had no part in the choice. With k of n fresh draws reaching the target, the one-sided bound of Clopper and Pearson
(Biometrika 26, 1934, 404-413) is the share p with `P(Binomial(n, p) ≥ k) = α`, a quantile of Beta(k, n − k + 1). It is
above the truth with probability α at most. Of m choices each has `α = 5 % / m` (Bonferroni): the chance that any of
them is called shown while it falls short is 5 % at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from simengine.decide.findings import Verified
from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import Hits
from simengine.errors import SimengineError
from simengine.explain.intervals import exact_lower, exact_upper
from simengine.plan.targets import Target
from simengine.simulation.reached import target_values

RISK = 0.05
"""That any choice is called shown while it falls short of the confidence."""
_HOPELESS = 1e-4
"""Of a choice that keeps the confidence, the chance to be given up early; this can make none shown that is not."""
_STEPS = 16
_SMALLEST_STEP = 4_096

Fresh = Callable[[Mix, int, int], Hits]
"""Whether a choice reaches the target, on fresh draws from one number to another."""


def certify(
    mixes: Sequence[Mix],
    confidence: float,
    fresh: Fresh,
    *,
    paths: int,
    risk: float = RISK,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Verified, ...]:
    """Verify choices on fresh draws, in their order.

    One that has hardly a chance left is given up before all paths are simulated. That only makes fewer be shown: the
    level holds.

    Parameters
    ----------
    mixes : the choices, fixed before any of these draws is seen
    confidence : the probability that they are to keep
    fresh : simulates draws that had no part in choosing them
    paths : draws of each
    risk : that any is called shown falsely, split evenly
    progress : called with the paths done, and all
    """
    if paths < 1:
        raise SimengineError(f"{paths} paths verify nothing; take 10,000 or more")
    step = max(_SMALLEST_STEP, -(-paths // _STEPS))
    found = []
    for number, mix in enumerate(mixes):
        parts: list[Hits] = []
        for start in range(0, paths, step):
            parts.append(fresh(mix, start, min(start + step, paths)))
            hits = np.concatenate(parts)
            if progress is not None:
                progress(number * paths + len(hits), len(mixes) * paths)
            if exact_upper(int(hits.sum()), len(hits), _HOPELESS / _STEPS) < confidence:
                break
        bound = exact_lower(int(hits.sum()), len(hits), risk / len(mixes))
        found.append(Verified(mix, hits, bound, len(hits) == paths and bound >= confidence))
    return tuple(found)


def next_seed(seed: int) -> int:
    """The seed of draws that have no part in those of a seed; after the last one comes 0.

    >>> next_seed(7), next_seed(2**64 - 1)
    (8, 0)
    """
    return (seed + 1) % 2**64


class FreshPaths:
    """Fresh draws of the choices of a plan.

    Parameters
    ----------
    levers, target : what was chosen from, and what is to be reached
    seed : not that of the search
    executor : runs the blocks; by default one thread for each processor

    Attributes
    ----------
    paths : simulated so far
    """

    def __init__(self, levers: Levers, target: Target, seed: int, executor: Executor | None = None) -> None:
        self.levers, self.target, self.seed = levers, target, seed
        self.paths = 0
        self._executor = executor

    def __call__(self, mix: Mix, start: int, stop: int) -> Hits:
        """Whether draws reach the target under a choice, (stop − start,)."""
        plan = self.levers.chosen(mix)
        values = target_values(plan, start, stop, seed=self.seed, targets=(self.target,), executor=self._executor)
        self.paths += stop - start
        return self.target.is_reached(values[:, 0])
