"""The fingerprint of arithmetic: the same in every process of a machine, another where functions round otherwise."""

import math
import os
import subprocess
import sys
from functools import reduce
from operator import add

import pytest

from bench.trust.platforms import SETTINGS, takes_effect
from simengine.results import arithmetic


def fingerprint(**environment):
    code = "from simengine.results.arithmetic import arithmetic; print(arithmetic())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_it_is_the_same_in_every_process_and_with_any_number_of_threads():
    assert fingerprint(OPENBLAS_NUM_THREADS="2") == arithmetic.arithmetic()


def test_one_last_bit_of_one_function_changes_it(monkeypatch):
    monkeypatch.setattr(math, "exp", lambda x, exp=math.exp: math.nextafter(exp(x), math.inf) if x > 19.99 else exp(x))
    assert arithmetic.arithmetic.__wrapped__() != arithmetic.arithmetic()


def test_it_sees_a_c_library_without_fused_multiply_add():
    setting = SETTINGS["C library without FMA"]
    if not takes_effect(setting):
        pytest.skip("this C library has one exponential for all processors")
    assert fingerprint(**setting) != arithmetic.arithmetic()


def test_it_tells_a_sum_that_carries_what_it_loses_from_one_that_does_not(monkeypatch):
    seen = set()
    for total in (math.fsum, lambda numbers: reduce(add, numbers)):
        monkeypatch.setattr(arithmetic, "sum", total, raising=False)
        seen.add(arithmetic.arithmetic.__wrapped__())
    assert len(seen) == 2
