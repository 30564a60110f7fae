"""How the functions of the kernel are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

variate = njit(nogil=True, _nrt=False)
"""A function of numbers."""

step = njit(nogil=True, _nrt=False, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""A function that reads and writes the arrays of a path. Only compiled functions may call it: Python would crash.

Without numba's reference counting: handing a dozen arrays to a small function costs some fifty atomic operations
otherwise, many times the work that it does. Always inlined: a call would push what is known of fifty arrays onto the
stack, some four hundred numbers, and a month has a call for every seat and opportunity; a path takes a third less time.
And without the code that takes four hundred numbers out of Python objects, for which numba would take as long as for
all the rest (all measured; docs/decisions.md).
"""

allocating = njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""A function that makes arrays of its own."""


def integer(value: int) -> Any:
    """A whole number that numba does not take for a literal: it compiles a function anew for each literal given."""
    return np.int64(value)


ZERO = integer(0)
