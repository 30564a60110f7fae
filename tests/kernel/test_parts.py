"""A whole keeps its parts to itself (simengine/kernel/parts.py)."""

import math
import subprocess
import sys

import pytest

AFTER_A_WHOLE = """
from bench.apart import apart
from simengine.kernel import random
from simengine.kernel.jit import outermost

def twice(u):
    return random.lognormal_factor(0.5, u) + random.lognormal_factor(0.7, u)

with apart():
    print(outermost(twice)(0.5))
print(random.whole_months(3.0, 0.5, 0.5, 0.5))
"""


def test_what_is_compiled_later_does_not_find_the_parts_of_a_whole():
    # They are called in a way of their own there. By their names they would be found, and called as everybody's are.
    done = subprocess.run([sys.executable, "-c", AFTER_A_WHOLE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    of_the_whole, after = map(float, done.stdout.split())
    assert of_the_whole == pytest.approx(math.exp(-0.125) + math.exp(-0.245), rel=1e-15)
    assert after == 3
