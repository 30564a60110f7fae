"""Who changed a result: Shapley values of a change, from walks in random orders, path by path."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Floats

Ints = NDArray[np.int64]
States = NDArray[np.bool_]


class Model(Protocol):
    """A model of paths between an old and a new world.

    Parameters
    ----------
    state : (r, m) whether each of m players is as in the new world
    draw : (r,) numbers of draws; with the same number all chance is the same

    Returns
    -------
    (r, q) results
    """

    def __call__(self, state: States, draw: Ints) -> Floats:
        """The results."""
        ...


class Walked(NamedTuple):
    """What n draws tell: `effects` (n, q, m) of the players, `old` and `new` (n, q) the results at both ends."""

    effects: Floats
    old: Floats
    new: Floats


def walked(model: Model, players: int, seed: int, first: int, last: int) -> Walked:
    r"""What each player changes on draws `first` to `last`, not included.

    On each draw all players go from old to new one by one, in a random order π, and then in its reverse; a player's
    effect is the mean of the two changes that it makes. Over all orders that is the Shapley value

        φ_i = Σ_u |u|! (m − |u| − 1)!/m! · (y(u + i) − y(u))

    of the path, u being the players that are new before i (Castro, Gomez and Tejada, Comput. Oper. Res. 36, 2009,
    1726-1730); the reversed order is the antithetic one of Mitchell, Cooper, Frank and Holmes (J. Mach. Learn. Res. 23,
    2022, 43). On each draw the effects add up to what the path changes. Both orders share their ends: 2 m paths a draw.
    From new to old the same seed takes the same paths, so that all effects have the other sign.

    Parameters
    ----------
    model : gives q results of a path
    players : number m
    seed : of the orders; the one of a draw is addressed by (seed, draw)
    """
    draws = np.arange(first, last)
    if players == 0:
        ends = model(np.zeros((len(draws), 0), bool), draws)
        return Walked(np.zeros((*ends.shape, 0)), ends, ends)
    order = np.stack([_order(players, seed, int(draw)) for draw in draws])
    place = np.argsort(order, axis=1)[:, None, :]
    there = place < np.arange(players + 1)[:, None]  # (n, step, player)
    back = place >= np.arange(players - 1, 0, -1)[:, None]
    states = np.concatenate([there, back], axis=1)
    rows = states.shape[1]
    y = model(states.reshape(-1, players), np.repeat(draws, rows)).reshape(len(draws), rows, -1)
    old, new = y[:, 0], y[:, players]
    forth = np.diff(y[:, : players + 1], axis=1)
    reverse = np.diff(np.concatenate([old[:, None], y[:, players + 1 :], new[:, None]], axis=1), axis=1)
    by_step = (forth + reverse[:, ::-1]) / 2
    effects = np.empty_like(by_step)
    np.put_along_axis(effects, order[:, :, None], by_step, axis=1)
    return Walked(effects.transpose(0, 2, 1), old, new)


def _order(players: int, seed: int, draw: int) -> Ints:
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, draw], np.uint64)))
    return rng.permutation(players)


def joined(parts: list[Walked]) -> Walked:
    """What several ranges of draws tell, one after the other."""
    return Walked(*(np.concatenate(column) for column in zip(*parts, strict=True)))
