"""How likely a target is under each choice of levers, on draws that are the same for all of them."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import Hits
from simengine.plan.targets import Target
from simengine.simulation.reached import target_values


class Trials:
    """Choices tried on frozen draws, each once.

    Parameters
    ----------
    levers : what may be chosen
    target : what is to be reached
    draws, seed : the draws, from the first one on
    executor : runs the blocks; by default one thread for each processor

    Attributes
    ----------
    paths : simulated so far
    """

    def __init__(
        self, levers: Levers, target: Target, *, draws: int, seed: int = 7, executor: Executor | None = None
    ) -> None:
        self.levers, self.target, self.draws, self.seed = levers, target, draws, seed
        self.paths = 0
        self._executor = executor
        self._hits: dict[Mix, Hits] = {}

    def __len__(self) -> int:
        return len(self._hits)

    def __contains__(self, mix: Mix) -> bool:
        return mix in self._hits

    def hits(self, mix: Mix) -> Hits:
        """Whether each draw reaches the target under a choice, (draws,)."""
        if mix not in self._hits:
            plan = self.levers.chosen(mix)
            values = target_values(plan, 0, self.draws, seed=self.seed, targets=(self.target,), executor=self._executor)
            self._hits[mix] = self.target.is_reached(values[:, 0])
            self.paths += self.draws
        return self._hits[mix]

    def probability(self, mix: Mix) -> float:
        """Share of the draws that reach the target under a choice."""
        return float(np.mean(self.hits(mix)))
