"""Which order means something: what cannot be told apart shares a rank."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def rank_groups(places: int, less: Callable[[int, int], bool]) -> NDArray[np.int64]:
    """Number groups from 1, from the first place of an order down.

    A new one opens where a place is less than the *first of the group* by more than noise. Not less than its neighbour:
    a chain of small steps would make one group of all.

    Parameters
    ----------
    places : of the order
    less : of the first place of a group and a later one, whether the later is less by more than noise

    >>> value = [9.0, 8.5, 8.0, 4.0]
    >>> rank_groups(4, lambda first, here: value[first] - value[here] > 0.75).tolist()
    [1, 1, 2, 3]
    """
    groups = np.ones(places, dtype=np.int64)
    head = 0
    for place in range(1, places):
        new = less(head, place)
        head = place if new else head
        groups[place] = groups[place - 1] + new
    return groups
