"""Small plans with levers, and choices whose probability is known, for tests of what searches them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import Hits
from simengine.plan import loads
from simengine.plan.schema import Plan

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")


def plan_with(levers: str, **changes: str) -> Plan:
    """The tiny plan with levers, and some of its texts replaced."""
    text = TINY
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return loads(text + levers)


def three(coaching: int, desk: int, seller: str = "2027-02", limits: str = "") -> str:
    """Three levers of six values."""
    return f"""
levers:
  sellers: {{hires: ae-smb-new, starts: [{seller}], range: [0, 5], owner: CRO}}
  coaching:
    improves: [win_rate.smb]
    starts: [2027-02]
    range: [x1.0, x1.25]
    step: x0.05
    cost: {{upfront: {coaching}}}
    owner: CRO
  desk:
    improves: [renewal.smb]
    starts: [2027-01]
    range: [x1.0, x1.05]
    step: x0.01
    cost: {{upfront: {desk}}}
    owner: CCO
{limits}"""


def everything(levers: Levers) -> list[Mix]:
    return list(itertools.product(*(range(len(dial.amounts)) for dial in levers.dials)))


def brute(levers: Levers, hits: Callable[[Mix], Hits], bar: float) -> Mix | None:
    """The cheapest choice, the likelier, the one with fewer steps: by trying all."""

    def key(mix: Mix) -> tuple[float, int, int, Mix]:
        steps = sum(abs(i - j) for i, j in zip(mix, levers.neutral, strict=True))
        return round(levers.cost(mix), 2), -int(hits(mix).sum()), steps, mix

    reaching = [mix for mix in everything(levers) if levers.is_allowed(mix) and hits(mix).mean() >= bar - 1e-12]
    return min(reaching, key=key, default=None)


class Known:
    """Choices with a probability that is known, on frozen uniforms: a half in common, a half of their own."""

    def __init__(self, probability: Callable[[Mix], float], draws: int, seed: int, common: bool = True) -> None:
        self.probability, self.draws, self.seed, self.common = probability, draws, seed, common
        self.tried: set[Mix] = set()

    def hits(self, mix: Mix) -> Hits:
        self.tried.add(mix)
        return self.fresh(mix, 0, self.draws)

    def fresh(self, mix: Mix, start: int, stop: int) -> Hits:
        own = () if self.common else mix
        u = np.random.default_rng((self.seed, *own)).random(stop)[start:]
        return u < self.probability(mix)
