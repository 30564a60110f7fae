"""How the functions of the kernel are compiled."""

from __future__ import annotations

from numba import njit

step = njit(nogil=True, _nrt=False)
"""A function that only reads and writes arrays it is given.

Without numba's reference counting: handing a dozen arrays to a small function costs some fifty atomic operations
otherwise, many times the work that it does (measured; docs/decisions.md).
"""

allocating = njit(nogil=True)
"""A function that makes arrays of its own."""
