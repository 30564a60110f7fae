"""What may be true of a plan, and the money of a path of which everything is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import draw, latent
from simengine.plan import Plan
from simengine.results.books import Ledger
from simengine.timeline import shock_columns, shock_levels
from tests.reference.ledger import ReferencePath


class Truth(NamedTuple):
    """What a path is played at."""

    values: dict[str, float]  # of each assumption, and of each event its months in force
    shocks: dict[str, list[float]]  # levels by month
    z: dict[str, float]  # normal scores of the values


def drawn(plan: Plan, number: int, seed: int) -> Truth:
    """What a draw of a run has: `made` at it, with the same number and seed, records that draw's path."""
    return all_drawn(plan, number, number + 1, seed)[0]


def all_drawn(plan: Plan, start: int, stop: int, seed: int) -> list[Truth]:
    """What the draws from `start` to `stop` of a run have."""
    draws = draw(plan.widened(), plan.dependence.copula(), seed, start, stop)
    levels = {name: _levels(plan, name, start, stop, seed) for name in plan.shocks}
    return [
        Truth(
            values=dict(zip(draws.names, values.tolist(), strict=True)),
            shocks={name: courses[i].tolist() for name, courses in levels.items()},
            z=dict(zip(draws.names, z.tolist(), strict=True)),
        )
        for i, (values, z) in enumerate(zip(draws.values, draws.z, strict=True))
    ]


def _levels(plan: Plan, shock: str, start: int, stop: int, seed: int) -> np.ndarray:
    innovations = latent(shock_columns(plan, shock), Dependence(), seed, start, stop)
    return shock_levels(plan.shocks[shock].persistence, innovations)


@dataclass(frozen=True)
class _OnePath:
    """A reference path as `results` reads paths."""

    segment: Mapping[str, np.ndarray]
    group: Mapping[str, np.ndarray]
    cell: Mapping[str, np.ndarray]
    pool: Mapping[str, np.ndarray]
    reached: np.ndarray
    values: Mapping[str, np.ndarray]
    z: Mapping[str, np.ndarray]
    shocks: Mapping[str, np.ndarray] | None


def cash(
    plan: Plan, path: ReferencePath, values: Mapping[str, float], shocks: Mapping[str, Sequence[float]] | None = None
) -> np.ndarray:
    """Cash at the end of each month of a path, (month,)."""
    parts = {
        kind: {name: array[None] for name, array in getattr(path, kind).items()}
        for kind in ("segment", "group", "cell", "pool")
    }
    levels = {name: np.array([course]) for name, course in (shocks or {}).items()}
    one = _OnePath(
        **parts,
        reached=path.reached[None],
        values={name: np.array([value]) for name, value in values.items()},
        z={},
        shocks=levels or None,
    )
    return Ledger(plan, one).books()["cash"][0]
