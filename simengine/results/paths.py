"""What simulated paths and the baseline have in common, and sums that have the same bits in every block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simengine.plan.schema import Plan

Array = NDArray[np.float64]
Kind = Literal["flow", "stock", "ratio"]


class Outputs(Mapping[str, Array]):
    """Outputs of paths by name, (n, T, entities) each: views of one array (n, T, entities, outputs)."""

    def __init__(self, array: Array, names: Sequence[str]) -> None:
        self.array, self._places = array, {name: place for place, name in enumerate(names)}

    def __getitem__(self, name: str) -> Array:
        return self.array[..., self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Paths(Protocol):
    """Simulated blocks, or the baseline: n draws, T months, all entities sorted by name."""

    @property
    def segment(self) -> Mapping[str, Array]:
        """By output: (n, T, segments)."""

    @property
    def group(self) -> Mapping[str, Array]:
        """By output: (n, T, seat groups)."""

    @property
    def cell(self) -> Mapping[str, Array]:
        """By output: (n, T, cells); a cell is a (channel, segment)."""

    @property
    def pool(self) -> Mapping[str, Array]:
        """By output: (n, T, pools); a pool is a segment, or a territory of it."""

    @property
    def reached(self) -> Array:
        """(n, T, cells, stages)."""

    @property
    def values(self) -> Mapping[str, Array]:
        """By assumption its value, by event its months in force, by shock its mean level: (n,) each."""

    @property
    def shocks(self) -> Mapping[str, Array] | None:
        """By shock its level: (n, T) each; None where all are at their means."""


def cells_of(plan: Plan) -> list[tuple[str, str]]:
    """(channel, segment) of every cell, in the order of their axis."""
    channels = plan.funnel.channels
    return sorted((channel, segment) for channel in channels for segment in channels[channel].segments)


def pools_of(plan: Plan) -> list[tuple[str, str]]:
    """(segment, territory) of every pool, in the order of their axis; the territory is empty where there is none."""
    return [
        (segment, territory)
        for segment in sorted(plan.segments)
        for territory in [t.name for t in plan.team.territories_of(segment)] or [""]
    ]


def added(terms: Iterable[Array], shape: tuple[int, ...]) -> Array:
    """Sum of arrays that broadcast to a shape, in order; a new array also of one term, or none.

    Term by term, for NumPy adds up rows of a single path in another order than rows of many.
    """
    total = np.zeros(shape, order="F")  # the paths of a month lie side by side
    for term in terms:
        total += term
    return total


def summed(values: Array) -> Array:
    """Sum over the last axis, term by term from the first: the same bits for one path and for many."""
    if values.shape[0] > 1 and values.strides[-1] > values.strides[0]:
        return np.asarray(np.add.reduce(values, axis=-1))  # which then runs along the paths
    return added((values[..., i] for i in range(values.shape[-1])), values.shape[:-1])


def over_period(monthly: Array, kind: Kind, first: int, last: int) -> Array:
    """A flow or stock over months: the sum, or the last.

    Parameters
    ----------
    monthly : months are the last axis
    first, last : months of the plan, from 0, both included

    >>> over_period(np.array([1.0, 2.0, 4.0]), "flow", 1, 2), over_period(np.array([1.0, 2.0, 4.0]), "stock", 1, 2)
    (array(6.), array(4.))
    """
    if kind == "stock":
        return monthly[..., last]
    return summed(monthly[..., first : last + 1])
