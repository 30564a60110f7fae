"""The generator's words without end, in the orders in which the kernel meets them.

A battery of tests sees one sequence, and misuse of counters shows across addresses: neighbouring paths, entities and
purposes. By hand: python -m tests.kernel.interleaved purpose 7 | dieharder -g 200 -a
"""

import sys
from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray

from simengine.kernel import random
from tests.reference.chance import Purpose

BLOCK = 2**16
"""Philox blocks, of four words each, made at a time."""

DRAWS, ENTITIES, ORDINALS, PERIODS, NUMBERS = 2**14, 64, 32, 24, 4
FIRST_MONTH = 2027 * 12
PURPOSES = np.array(Purpose, np.uint64)

# Which part of an address changes with each block, which one after that, and so on; paths go on for ever.
SIZES = {
    "draw": DRAWS,
    "entity": ENTITIES,
    "ordinal": ORDINALS,
    "period": PERIODS,
    "purpose": len(PURPOSES),
    "number": NUMBERS,
}
ORDERS = {
    "path": ("draw", "entity", "ordinal", "purpose", "number", "period"),
    "entity": ("entity", "ordinal", "purpose", "number", "period", "draw"),
    "purpose": ("purpose", "number", "period", "ordinal", "entity", "draw"),
}


def words(order: str, seed: int) -> Iterator[NDArray[np.uint32]]:
    """The words of one order, BLOCK times four at a time."""
    sizes = np.array([SIZES[part] for part in ORDERS[order]])
    place = np.array([ORDERS[order].index(part) for part in SIZES])
    keys = np.random.default_rng(seed).integers(2**32, size=(ENTITIES, 2), dtype=np.uint64)
    first = 0
    while True:
        yield _block(first, sizes, place, keys, PURPOSES)
        first += BLOCK


@numba.njit  # type: ignore[untyped-decorator]
def _block(first, sizes, place, keys, purposes):  # type: ignore[no-untyped-def]
    out = np.empty((BLOCK, 4), np.uint32)
    digits = np.empty(len(sizes), np.int64)
    for i in range(BLOCK):
        rest = first + i
        for j in range(len(sizes)):
            digits[j] = rest % sizes[j]
            rest //= sizes[j]
        draw, entity, ordinal, period, purpose, number = (
            digits[place[0]],
            digits[place[1]],
            digits[place[2]],
            digits[place[3]],
            digits[place[4]],
            digits[place[5]],
        )
        block = random.philox(
            keys[entity, 0],
            keys[entity, 1],
            np.uint64(draw + DRAWS * rest),
            np.uint64(ordinal),
            np.uint64(FIRST_MONTH + period),
            purposes[purpose] + np.uint64(256 * number),
        )
        for j in range(4):
            out[i, j] = block[j]
    return out


if __name__ == "__main__":
    for block in words(sys.argv[1], int(sys.argv[2])):
        sys.stdout.buffer.write(block.tobytes())
