"""Drawn plans simulate and hold every conservation law; broken ones are refused with a place and a remedy."""

import pytest

from bench.trust import plans
from bench.trust.plans import Found, check_problem, fuzz
from simengine.assumptions.distributions import _READERS as FAMILIES
from simengine.errors import PlanError, Problem
from tests.generated import generated_plan
from tests.generated.strategies import BOUNDED, OF_FRACTIONS, UNBOUNDED, Choices, Written

TEXTS = {"plan.yaml": "plan: 1\n"}


def test_drawn_plans_simulate_and_conserve():
    seen = fuzz("valid", 12)
    assert seen["plans"] == seen["simulated"] + seen["refused"]
    assert seen["simulated"] > seen["refused"]


def test_broken_plans_are_refused_in_words():
    seen = fuzz("broken", 60)
    assert seen["refused"] > 0.5 * seen["plans"]


@pytest.mark.full
@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["valid", "broken"])
def test_two_thousand_plans(kind, number):
    seen = fuzz(kind, 125, number)
    assert seen["plans"] == 125


def test_every_family_is_drawn():
    laws = {str(law(0.5, First())) for law in (*BOUNDED, *UNBOUNDED, *OF_FRACTIONS)}
    assert [family for family in FAMILIES if not any(f"'{family}':" in law for law in laws)] == []


class First(Choices):
    """Always the first choice."""

    def __init__(self):
        super().__init__(lambda strategy: 0)


# --- what these tests rest on


@pytest.mark.parametrize(
    "problem",
    [
        Problem("other.yaml", 1, 1, "", "wrong", "write it right"),
        Problem("plan.yaml", 9, 1, "", "wrong", "write it right"),
        Problem("plan.yaml", 1, 0, "", "wrong", "write it right"),
        Problem("plan.yaml", 0, 5, "", "wrong", "write it right"),
        Problem("plan.yaml", 1, 1, "", "", "write it right"),
        Problem("plan.yaml", 1, 1, "", "wrong", ""),
    ],
)
def test_a_problem_without_place_words_or_remedy_is_found(problem):
    check_problem(Problem("plan.yaml", 1, 1, "", "wrong", "write it right"), TEXTS)
    with pytest.raises(Found):
        check_problem(problem, TEXTS)


def test_a_traceback_or_a_warning_is_found(monkeypatch):
    def fail(*_, **__):
        raise RecursionError

    monkeypatch.setattr(plans, "loads", fail)
    with pytest.raises(RecursionError):
        fuzz("broken", 1)


def test_a_refusal_without_a_reason_is_found(monkeypatch):
    def fail(*_, **__):
        raise PlanError([])

    monkeypatch.setattr(plans, "loads", fail)
    with pytest.raises(Found, match="without a reason"):
        plans.read(Written("", {}))


def test_books_that_do_not_close_are_found(monkeypatch):
    simulate = plans.se.simulate

    def lossy(plan, **options):
        ds = simulate(plan, **options)
        ds["ending_arr"][0, 3] += 1
        return ds

    monkeypatch.setattr(plans.se, "simulate", lossy)
    with pytest.raises(Found, match="ending_arr do not add up"):
        plans.obey_books(plans.loads(generated_plan(0)))
