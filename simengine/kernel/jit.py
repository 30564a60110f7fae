"""How the functions of the kernel are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from simengine.kernel.parts import Part, Whole

_HOW = {"nogil": True, "_nrt": False, "error_model": "numpy"}
variate = njit(**_HOW)
"""A function of numbers."""

spread = njit(**_HOW, forceinline=True)
"""The same where it stands in a loop over neighbours: the processor works on several at once only without a call."""

_AS_PART = {**_HOW, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": Part}
step = njit(**_AS_PART)
"""A function that reads and writes the records of a path. Only compiled functions may call it: Python would crash.

Without numba's reference counting: handing a dozen arrays to a small function costs some fifty atomic operations
otherwise, many times the work that it does. Without the code that takes arrays out of Python objects, for which numba
would take as long as for all the rest. And as a part of whoever calls it (all measured; docs/decisions.md).
"""

inlined = njit(**_AS_PART, forceinline=True)
"""A step of an inner loop: a call would hand over more than the step does."""


outermost = njit(nogil=True, pipeline_class=Whole)
"""A function that Python calls and that calls steps: it holds all of them (simengine/kernel/parts.py)."""


def integer(value: int) -> Any:
    """A whole number that numba does not take for a literal: it compiles a function anew for each literal given."""
    return np.int64(value)


ZERO, ONE = integer(0), integer(1)
NONE = integer(-1)
"""No entity."""
