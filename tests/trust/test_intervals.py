"""Every printed interval holds the truth as often as it says; none is printed that nothing repeats."""

import ast
from dataclasses import replace

import numpy as np
import pytest

from bench.inputs import ROOT
from bench.trust import printed
from bench.trust.intervals import CASES, Found, lines
from bench.trust.repetition import RISK, Case, Held, covered, faults, is_control_rejected, is_too_long, is_too_short
from simengine.explain.intervals import mean, proportion

NAMES = {case.name for case in CASES}
CHEAP = ("Wilson", "Bonett and Price", "fifths")


def test_every_module_that_writes_an_interval_is_in_the_table() -> None:
    assert printed.writers() == printed.listed_writers()


def test_every_function_that_makes_an_interval_is_in_the_table() -> None:
    assert printed.makers() == printed.listed_makers()


def test_every_printed_interval_is_repeated() -> None:
    for one in printed.PRINTED:
        assert one.repeated_by, one.what
        assert {name for name in one.repeated_by if "::" not in name} <= NAMES, one.what
        for test in (name for name in one.repeated_by if "::" in name):
            file, function = test.split("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            known = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert function == "*" or function in known, test
    assert {name for one in printed.PRINTED for name in one.repeated_by if "::" not in name} == NAMES


def test_the_level_is_that_of_all_quantities_together() -> None:
    """A millionth each makes a thousandth in all for a thousand of them: there are fewer."""
    assert len(NAMES) == len(CASES) < 100
    assert RISK * 1000 == 1e-3


@pytest.mark.parametrize("name", CHEAP)
def test_a_few_repetitions(name: str) -> None:
    (case,) = (one for one in CASES if one.name == name)
    assert not faults(case, covered(case, 200))


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_intervals_hold_the_truth_as_often_as_they_say(case: Case) -> None:
    assert not faults(case, covered(case))


def wrong_law(rng: np.random.Generator):
    """Hits that come in tens: as if they were independent, an interval is too short."""
    yield "share", 0.3, proportion(np.repeat(rng.random(100) < 0.3, 10).astype(float))


def far_too_wide(rng: np.random.Generator):
    y = rng.normal(size=50)
    value, lower, upper = mean(y)
    yield "mean", 0.0, (value, 2 * lower - value, 2 * upper - value)


def test_the_wrong_law_and_what_is_too_wide_are_rejected() -> None:
    (short,) = faults(Case("x", "", wrong_law), covered(Case("x", "", wrong_law), 200))
    assert "too short" in short
    case = Case("x", "", far_too_wide)
    assert faults(case, covered(case, 1000))[0].endswith("too long, and not said to be")
    said = replace(case, wide={"mean": "twice as long"})
    assert not faults(said, covered(said, 1000))


def test_the_criterion_is_the_exact_binomial_test() -> None:
    assert is_too_short(Held(1000, 910, 0), 0.95)
    assert not is_too_short(Held(1000, 920, 0), 0.95)
    assert is_too_long(Held(1000, 998, 0), 0.95)
    assert not is_too_long(Held(1000, 985, 0), 0.95)
    assert is_control_rejected(Held(200, 190, 134), 0.95)
    assert not is_control_rejected(Held(200, 190, 185), 0.95)
    low, high = Held(1000, 950, 0).interval
    assert (round(low, 4), round(high, 4)) == (0.9346, 0.9627)


def test_what_is_not_told_does_not_count_and_the_table_says_what_failed() -> None:
    case = Case("half", "of it", lambda rng: [("x", 0.0, (0.0, -1.0, 1.0) if rng.random() < 0.5 else (np.nan,) * 3)])
    found: Found = {"half": covered(case, 100)}
    (held,) = found["half"].values()
    assert held.told == held.covered < 70
    of_family, of_all = lines([case], found)
    assert of_family.promise == "of it: intervals hold 95%"
    assert "100.0%" in of_family.result
    assert "a narrow interval passes too" in of_all.result
