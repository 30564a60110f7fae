"""Draws of assumptions, addressed by name: (seed, name, draw) gives the same uniform whatever else the plan holds.

Philox4x64-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11) is used as a function: the
key is the 128-bit BLAKE2b digest of the text `"{seed}/{name}"` with the person tag `simengine draws`, and
draw d is word `d mod 4` of the block of counter `d // 4 + 1`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.laws import LARGEST_U, SMALLEST_U, Distribution, checked_ppf
from simengine.assumptions.tabulation import look_up

Array = NDArray[np.float64]

_WORDS = 4
"""64-bit words in a block of Philox4x64."""


@dataclass(frozen=True)
class Draws:
    """Values of assumptions, one row a draw; columns are contiguous.

    Attributes
    ----------
    names : (k,) sorted
    z : (n, k) standard normal scores, joined by the copula
    values : (n, k) the values, in the units of the assumptions
    """

    names: tuple[str, ...]
    z: Array
    values: Array


@lru_cache(maxsize=4096)
def _key(seed: int, name: str) -> NDArray[np.uint64]:
    """The two words of a name's Philox key."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16, person=b"simengine draws").digest()
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)


def raw_words(seed: int, names: Sequence[str], start: int, stop: int) -> NDArray[np.uint64]:
    """Return the random 64-bit words of draws `start` to `stop` (not included), one name a row.

    Parameters
    ----------
    seed : 0 <= seed < 2**64
    names : of assumptions, or `factor:NAME`
    """
    # NumPy counts up before it makes a block: the first one has counter + 1.
    block, offset = divmod(start, _WORDS)
    counter, used_up = np.array([block, 0, 0, 0], np.uint64), np.zeros(_WORDS, np.uint64)
    words = np.empty((len(names), stop - start), np.uint64)
    stream = Philox(key=0)
    for row, name in enumerate(names):
        # One generator moved about: eight times faster than one for each name.
        stream.state = {
            "bit_generator": "Philox",
            "state": {"counter": counter, "key": _key(seed, name)},
            "buffer": used_up,
            "buffer_pos": _WORDS,
            "has_uint32": 0,
            "uinteger": 0,
        }
        words[row] = stream.random_raw(offset + stop - start)[offset:]
    return words


def uniforms(seed: int, names: Sequence[str], start: int, stop: int) -> Array:
    """Return the uniforms of draws `start` to `stop` (not included), one name a row, within (0, 1).

    Any range is the slice of a longer one, bit for bit.

    Examples
    --------
    >>> bool((uniforms(7, ["win_rate"], 3, 6) == uniforms(7, ["win_rate"], 0, 100)[:, 3:6]).all())
    True
    """
    # 52 bits: with 53, the largest k + 0.5 is no float, rounds up, and u would be 1.
    words = raw_words(seed, names, start, stop)
    words >>= np.uint64(12)
    u = words.astype(np.float64)
    u += 0.5
    u *= 2.0**-52
    return u


def latent(names: Sequence[str], dependence: Dependence, seed: int, start: int, stop: int) -> Array:
    """Return the standard normal scores, (stop - start, len(names)), joined by the copula."""
    from scipy.special import ndtri

    streams = _streams(names, dependence)
    return _joined(names, dependence, streams, ndtri(uniforms(seed, streams, start, stop))).T


def _streams(names: Iterable[str], dependence: Dependence) -> tuple[str, ...]:
    """What the scores of these names are made of: assumptions' own scores, and factors as `factor:NAME`."""
    found: dict[str, None] = {}
    for name in names:
        for factor, _ in dependence.loadings.get(name, ()):
            found[_factor(factor)] = None
        for other, _ in dependence.residual.get(name, ((name, 1.0),)):
            found[other] = None
    return tuple(found)


def _factor(name: str) -> str:
    return f"factor:{name}"


def _joined(names: Sequence[str], dependence: Dependence, streams: Sequence[str], scores: Array) -> Array:
    """Return the scores joined by the copula, one name a row, of independent ones, one stream a row.

    Plain sums in the order of factor names, then of assumption names: no bit depends on the size of a block.
    """
    own = dict(zip(streams, scores, strict=True))
    z = np.empty((len(names), scores.shape[1]))
    for row, name in enumerate(names):
        if name not in dependence.residual:
            z[row] = own[name]
            continue
        factors = [(_factor(factor), loading) for factor, loading in dependence.loadings.get(name, ())]
        z[row] = sum(weight * own[stream] for stream, weight in (*factors, *dependence.residual[name]))
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
    from scipy.special import ndtri

    names = tuple(sorted(assumptions))
    streams = _streams(names, dependence)
    u = uniforms(seed, streams, start, stop)
    z = _joined(names, dependence, streams, ndtri(u))
    own = {name: row for name, row in zip(streams, u, strict=True) if name not in dependence.residual}
    return Draws(names, z.T, _quantiles(assumptions, names, z, own).T)


def values_at(assumptions: Mapping[str, Distribution], z: Array) -> Array:
    """Return the values of assumptions at given normal scores, (n, k), one column a name, names sorted.

    They are those of `draw` at the scores that it gives; but where a score was made of one uniform and the law's table
    does not know it, only to the last digits, for a score does not hold all that its uniform does.

    Parameters
    ----------
    assumptions : name to law
    z : (n, k) finite

    Raises
    ------
    SimengineError
        when a law is too wide for its values to be finite numbers

    Examples
    --------
    >>> from simengine.assumptions.laws import Normal
    >>> values_at({"margin": Normal(10.0, 2.0)}, np.array([[0.0], [1.0]])).round(9).tolist()
    [[10.0], [12.0]]
    """
    return _quantiles(assumptions, tuple(sorted(assumptions)), np.ascontiguousarray(z.T), {}).T


def _quantiles(
    assumptions: Mapping[str, Distribution], names: Sequence[str], z: Array, uniforms_of: Mapping[str, Array]
) -> Array:
    """Return the quantiles at normal scores, one name a row; `uniforms_of` holds scores made of one uniform."""
    from scipy.special import ndtr

    values = look_up([assumptions[name].table for name in names], z)
    unknown = np.isnan(values)
    for k in np.flatnonzero(unknown.any(axis=1)):
        name, left = names[int(k)], unknown[k]
        known = uniforms_of.get(name)
        p = np.clip(ndtr(z[k, left]), SMALLEST_U, LARGEST_U) if known is None else known[left]
        values[k, left] = checked_ppf(assumptions[name], p, name)
    return values
