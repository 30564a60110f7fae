"""No index leaves its array: numba asks of none whether it is negative or too large (simengine/kernel/parts.py)."""

import os
import subprocess
import sys

import numpy as np
import pytest

from simengine.kernel.jit import outermost, step
from simengine.plan import load, loads
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.kernel.support import simulate

EVERY, PATHS = 3, 2
FILES = ("scenarios/northstar/base.yaml", "tests/plans/full.yaml", "tests/learn/small.yaml")


@step
def entry(numbers, i):
    return numbers[i]


def through_a_step(numbers, i):
    return entry(numbers, i)


def asked(code):
    """What a process says in which numba asks of every index whether it lies in its array."""
    told = subprocess.run(
        [sys.executable, "-c", f"from tests.kernel import test_bounds\n{code}"],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout + told.stderr


def simulate_many():
    """Paths of many plans; numba raises IndexError."""
    for file in FILES:
        simulate(load(file), PATHS)
    for number in range(0, PLANS, EVERY):
        plan = loads(generated_plan(number))
        simulate(plan, PATHS, values=generated_values(plan, number), shocks=generated_shocks(plan, number))
    print("all inside")


def read(i):
    """An entry of five numbers that lie in the middle of ten."""
    print(outermost(through_a_step)(np.arange(10.0)[3:8], i))


def test_no_index_leaves_its_array():
    assert asked("test_bounds.simulate_many()") == "all inside\n"


@pytest.mark.parametrize("i", [-1, 5])
def test_an_index_that_does_is_seen(i):
    assert "IndexError: index is out of bounds" in asked(f"test_bounds.read({i})")
    assert asked("test_bounds.read(4)") == "7.0\n"
