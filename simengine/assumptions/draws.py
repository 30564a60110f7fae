"""Draws of assumptions, addressed by name: (seed, name, draw) gives the same uniform whatever else the plan holds.

Philox4x64-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11) is used as a function: the
key is the 128-bit BLAKE2b digest of the text `"{seed}/{name}"` with the person tag `simengine draws`, and
draw d is word `d mod 4` of the block of counter `d // 4 + 1`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.laws import LARGEST_U, SMALLEST_U, Distribution, checked_ppf

Array = NDArray[np.float64]

_WORDS = 4
"""64-bit words in a block of Philox4x64."""


@dataclass(frozen=True)
class Draws:
    """Values of assumptions, one row a draw.

    Attributes
    ----------
    names : (k,) sorted
    z : (n, k) standard normal scores, joined by the copula
    values : (n, k) the values, in the units of the assumptions
    """

    names: tuple[str, ...]
    z: Array
    values: Array


def raw_words(seed: int, name: str, start: int, stop: int) -> NDArray[np.uint64]:
    """Return the random 64-bit words of draws `start` to `stop` (not included) for a name.

    Parameters
    ----------
    seed : 0 <= seed < 2**64
    name : of an assumption, or `factor:NAME`
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16, person=b"simengine draws").digest()
    # NumPy counts up before it makes a block: the first one has counter + 1.
    block, offset = divmod(start, _WORDS)
    stream = Philox(key=np.frombuffer(digest, dtype="<u8").astype(np.uint64), counter=block)
    words: NDArray[np.uint64] = stream.random_raw(offset + stop - start)[offset:]
    return words


def uniforms(seed: int, name: str, start: int, stop: int) -> Array:
    """Return the uniforms of draws `start` to `stop` (not included) for a name, within (0, 1).

    Any range is the slice of a longer one, bit for bit.

    Examples
    --------
    >>> bool((uniforms(7, "win_rate", 3, 6) == uniforms(7, "win_rate", 0, 100)[3:6]).all())
    True
    """
    # 52 bits: with 53, the largest k + 0.5 is no float, rounds up, and u would be 1.
    k = raw_words(seed, name, start, stop) >> np.uint64(12)
    return (k.astype(np.float64) + 0.5) * 2.0**-52


def latent(names: Sequence[str], dependence: Dependence, seed: int, start: int, stop: int) -> Array:
    """Return the standard normal scores, (stop - start, len(names)), joined by the copula.

    Plain sums in the order of factor names, then of assumption names: no bit depends on the size of a block.
    """
    from scipy.special import ndtri

    known: dict[str, Array] = {}

    def score(column: str) -> Array:
        if column not in known:
            known[column] = ndtri(uniforms(seed, column, start, stop))
        return known[column]

    z = np.empty((stop - start, len(names)))
    for k, name in enumerate(names):
        if name not in dependence.residual:
            z[:, k] = score(name)
            continue
        total = np.zeros(stop - start)
        for factor, loading in dependence.loadings.get(name, ()):
            total += loading * score(f"factor:{factor}")
        for other, weight in dependence.residual[name]:
            total += weight * score(other)
        z[:, k] = total
    return z


def draw(assumptions: Mapping[str, Distribution], dependence: Dependence, seed: int, start: int, stop: int) -> Draws:
    """Draw all assumptions.

    Parameters
    ----------
    assumptions : name to law
    dependence : from `Dependence.build`; `Dependence()` for none
    seed : 0 <= seed < 2**64
    start, stop : first draw, and the one after the last

    Raises
    ------
    SimengineError
        when a law is too wide for its values to be finite numbers
    """
    from scipy.special import ndtr

    names = tuple(sorted(assumptions))
    z = latent(names, dependence, seed, start, stop)
    values = np.empty_like(z)
    for k, name in enumerate(names):
        if name in dependence.residual:
            u = np.clip(ndtr(np.ascontiguousarray(z[:, k])), SMALLEST_U, LARGEST_U)
        else:
            u = uniforms(seed, name, start, stop)
        values[:, k] = checked_ppf(assumptions[name], u, name)
    return Draws(names, z, values)
