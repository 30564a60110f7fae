"""A fingerprint of this machine's arithmetic: two machines that differ in it give other last bits.

Sums and products of two numbers are the same everywhere. The functions of the C library, of NumPy and of SciPy are not:
they are made for each kind of processor, and round here and there to the neighbour of what another kind gives. Python's
own sum of many numbers carries what it loses from 3.12 on, and did not before.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POINTS = 4096
"""A function without fused multiply-add rounds differently at one point in hundreds."""
_DIGITS = 16

Floats = NDArray[Any]


@cache
def arithmetic() -> str:
    """Digest of what the functions behind a result answer here, at thousands of points: 16 hexadecimal digits."""
    total = hashlib.sha256()
    for answers in _answers():
        total.update(np.ascontiguousarray(answers, "<f8").tobytes())
    return total.hexdigest()[:_DIGITS]


def _answers() -> Iterator[Floats]:
    """Answers of the C library, which is what compiled paths call, then of NumPy, SciPy and the linear algebra."""
    from scipy import special

    # Multiples of an irrational number: spread evenly, and the same bits on every machine.
    unit = (np.arange(1, _POINTS + 1) * ((math.sqrt(5.0) - 1.0) / 2.0)) % 1.0
    wide, large = 40.0 * unit - 20.0, 30.0 * unit + 0.1
    for anywhere in (math.exp, math.expm1, math.sin, math.cos, math.erf, math.erfc):
        yield np.fromiter(map(anywhere, wide.tolist()), float)
    for above_zero in (math.log, math.log1p, math.log2, math.log10, math.gamma, math.lgamma):
        yield np.fromiter(map(above_zero, large.tolist()), float)
    yield np.fromiter(map(math.asin, unit.tolist()), float)
    yield np.fromiter(map(math.pow, large.tolist(), wide.tolist()), float)
    yield np.array([sum(each.tolist()) for each in (unit, wide, large)])
    for both in (np.exp, np.expm1, np.sin, np.cos, np.tanh):
        yield both(wide)
    for positive in (np.log, np.log1p):
        yield positive(large)
    yield large**wide
    for law in (special.ndtri, special.ndtr):
        yield law(unit)
    for inverse, given in ((special.betaincinv, (2.5, 7.0)), (special.gammaincinv, (3.5,))):
        yield inverse(*given, unit)
    # Too small to be shared among threads, whose number is no part of a machine's arithmetic.
    square = unit[:64].reshape(8, 8)
    yield np.linalg.solve(square + 8.0 * np.eye(8), unit[:8])
    yield np.linalg.eigvalsh(square + square.T)
