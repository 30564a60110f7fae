"""Every choice of levers as one table: what each costs, and which the limits allow."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simengine.decide.levers import Levers, Mix
from simengine.explain.intervals import Floats

LARGEST = 3_000_000
"""Choices that are held; of more levers fewer places each are looked at first."""

_T = TypeVar("_T", bound=np.generic)
Places = NDArray[np.int16]
Rows = NDArray[np.int64]


class Space:
    """The choices that levers make possible, row by row.

    Parameters
    ----------
    levers : what may be chosen
    largest : rows at most; where there are more choices, every other place of the longest dials is left out

    Attributes
    ----------
    places : (rows, dials) a choice of each row
    cost : (rows,) to the cent
    allowed : (rows,) whether the limits allow it
    is_whole : whether every choice has a row
    """

    def __init__(self, levers: Levers, largest: int = LARGEST) -> None:
        self.levers = levers
        kept = _thinned([range(len(dial.amounts)) for dial in levers.dials], levers.neutral, largest)
        self.is_whole = all(len(one) == len(dial.amounts) for one, dial in zip(kept, levers.dials, strict=True))
        self._shape = tuple(map(len, kept))
        rows = math.prod(self._shape)
        self.places: Places = np.empty((rows, len(kept)), np.int16)
        for column, own in enumerate(kept):
            self.places[:, column] = self._spread(np.array(own, np.int16), [column]).ravel()
        self.cost: Floats = np.round(self._cost(kept), 2).ravel()
        self.allowed = self._allowed(kept).ravel()
        self._left_out: tuple[Mix, ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    def mix(self, row: int) -> Mix:
        """The choice of a row."""
        return tuple(map(int, self.places[row]))

    def allows(self, mix: Mix) -> bool:
        """Whether the limits allow a choice, with a row or without, and it holds nothing that is left out."""
        return self.levers.is_allowed(mix) and not any(
            bool(_holds(np.array([mix], np.int16), other, self.levers.neutral)[0]) for other in self._left_out
        )

    def without(self, mix: Mix) -> Space:
        """The same choices but for this one, and for those that hold all of it and more."""
        other = copy(self)
        other.allowed = self.allowed & ~_holds(self.places, mix, self.levers.neutral)
        other._left_out = (*self._left_out, mix)
        return other

    def _spread(self, values: NDArray[_T], columns: Sequence[int]) -> NDArray[_T]:
        """Values by place of some dials, for every choice."""
        shape = [length if column in columns else 1 for column, length in enumerate(self._shape)]
        return np.broadcast_to(values.reshape(shape), self._shape)

    def _cost(self, kept: Sequence[Sequence[int]]) -> Floats:
        """Costs add up but for dials of one channel's spend: each of them builds on those before."""
        together: dict[object, list[int]] = defaultdict(list)
        for column, dial in enumerate(self.levers.dials):
            lever = self.levers.lever(dial)
            together[column if lever.spend is None or lever.cost is not None else lever.spend].append(column)
        total = np.zeros(self._shape)
        for columns in together.values():
            sizes = [self._shape[column] for column in columns]
            own = np.empty(sizes)
            for at in np.ndindex(*sizes):
                mix = list(self.levers.neutral)
                for column, place in zip(columns, at, strict=True):
                    mix[column] = kept[column][place]
                own[at] = self.levers.cost(tuple(mix))
            total += self._spread(own, columns)
        return total

    def _allowed(self, kept: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """The limits as `Levers.is_allowed` has them."""
        limits = self.levers.plan.limits
        allowed = np.ones(self._shape, bool)
        if limits.budget is not None:
            allowed &= self.cost.reshape(self._shape) <= limits.budget
        if limits.hires_per_month is None:
            return allowed
        before = self.levers.hired(self.levers.neutral)
        months: dict[int, list[int]] = defaultdict(list)
        for column, dial in enumerate(self.levers.dials):
            if self.levers.lever(dial).hires is not None and dial.month is not None:
                months[dial.month].append(column)
        for month, columns in months.items():
            hired: Floats = np.full(self._shape, float(before.get(month, 0)))
            for column in columns:
                amounts = np.array([self.levers.dials[column].amounts[place] for place in kept[column]])
                hired += self._spread(amounts, [column])
            allowed &= hired <= max(limits.hires_per_month, before.get(month, 0))
        return allowed


def _holds(places: Places, mix: Mix, neutral: Mix) -> NDArray[np.bool_]:
    """Which choices move every lever that `mix` moves, as far or farther."""
    ways = np.sign(np.array(mix) - np.array(neutral))
    return np.asarray((places * ways >= np.array(mix) * ways).all(axis=1))


def _thinned(places: Iterable[Sequence[int]], neutral: Mix, largest: int) -> list[list[int]]:
    """Places of each dial, halved where they are most, until there are few enough choices.

    >>> _thinned([range(5), range(3)], (1, 0), 9)
    [[0, 1, 4], [0, 1, 2]]
    """
    kept = [list(one) for one in places]
    while math.prod(map(len, kept)) > largest:
        longest = max(range(len(kept)), key=lambda column: len(kept[column]))
        own = kept[longest]
        fewer = sorted({own[0], own[-1], neutral[longest], *own[:: 2 if len(own) > 4 else len(own)]})
        if len(fewer) == len(own):
            break
        kept[longest] = fewer
    return kept
