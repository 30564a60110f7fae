"""What the vectorised model is made of: numbers by (slot, path), and ragged lists as flat arrays sorted by path."""

import numpy as np

NEVER = np.int64(2**40)
"""More months than any plan has."""
YEAR = 12


class Numbers:
    """The numbers of a plan as `Slots.fill` gives them, turned to (slot, path)."""

    def __init__(self, tables, slots, varying):
        self._first = np.ascontiguousarray(slots.T)
        self._varying = np.ascontiguousarray(np.moveaxis(varying, 0, 2))
        self._rows = tables.varying[:, 0]

    def of_month(self, t):
        now = self._first.copy()
        now[self._rows] = self._varying[t]
        return now


class Frame(dict):
    """Columns of equal length by name."""

    def plus(self, **columns):
        return Frame({**self, **columns})

    def pick(self, which, names=None):
        return Frame((name, self[name][which]) for name in (self if names is None else names))

    @classmethod
    def join(cls, frames):
        frames = list(frames)
        return cls((name, np.concatenate([frame[name] for frame in frames])) for name in frames[0])

    @property
    def rows(self):
        return len(next(iter(self.values())))


def factor(sigma, z):
    """Lognormal factor of mean one."""
    return np.exp(sigma * z - 0.5 * sigma * sigma)


def ranks(groups):
    """Position of each entry within its group, for sorted groups."""
    first = np.ones(len(groups), np.bool_)
    first[1:] = groups[1:] != groups[:-1]
    starts = np.flatnonzero(first)
    return np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))


def running(x, groups):
    """Sum of the entries before each one within its group, for sorted groups."""
    before = np.cumsum(x) - x
    return before - before[np.arange(len(groups)) - ranks(groups)]


def tally(shape, rows, columns, weights=None):
    """Sums of weights (or counts) by row and column, as an array of the given shape."""
    return np.bincount(rows * shape[1] + columns, weights, shape[0] * shape[1]).reshape(shape)
