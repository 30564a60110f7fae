"""What is usual elsewhere: survey figures that a plan is held against, each with its source and grade.

Grades: A is the survey's owner or a primary source, B a named secondary source, C an unverified one.
"""

from __future__ import annotations

from typing import NamedTuple


class Benchmark(NamedTuple):
    """What is usual: from `low` to `high`, and who says so."""

    low: float
    high: float
    source: str


ATTAINMENT = Benchmark(
    0.4, 0.8, "average attainment 43%, RepVue, grade C; 80% is quite an achievement, Kellblog, grade B"
)
"""Bookings of a ramped seller in a year over the annual quota."""

OVER_ASSIGNMENT = Benchmark(0.0, 0.5, "typically 10-20%, range 0-50%, TigerEye, grade B")
"""Street quota over what the plan needs, less one."""

COVERAGE = Benchmark(3.0, 4.0, "3-4x, Gartner by way of growthgear, grade C")
"""Open pipeline at the start of a quarter over the quarter's bookings."""

ARR_PER_CSM = Benchmark(1e6, 8e6, "about $2M, from below $1M to $8M, Gainsight, grade A")
"""ARR that a customer success manager looks after, US dollars."""
