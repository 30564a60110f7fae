"""Payoffs in words, and what they come to on a path."""

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.explain.payoff import payoff_of


@pytest.fixture(scope="module")
def run(make_run):
    """New ARR of every month, and ARR that grows by a twelfth of y in each of 24 months."""
    y = np.array([100.0, 130.0, 90.0])
    return make_run(np.zeros((3, 1)), y, y[:2] + 1, at_least=100.0)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("cash", {"cash": 1}),
        ("gross_profit - opex", {"gross_profit": 1, "opex": -1}),
        ("-opex+1.5*ending_arr", {"opex": -1, "ending_arr": 1.5}),
        ("cash + .5 cash", {"cash": 1.5}),
    ],
)
def test_sums_are_read(text, weights):
    assert payoff_of(text).weights == weights


@pytest.mark.parametrize("text", ["", "cash opex", "cash +", "2", "cash / 2", "1e3 cash", "cash + + opex"])
def test_what_is_no_sum_says_what_is(text):
    with pytest.raises(SimengineError, match="is not a payoff like cash, gross_profit - opex"):
        payoff_of(text)


def test_what_is_no_money_is_refused():
    with pytest.raises(SimengineError, match="nrr is not money, and a payoff is; choose from new_arr"):
        payoff_of("cash + nrr")
    with pytest.raises(SimengineError, match=r"'gros_profit' is not a metric; did you mean gross_profit\?"):
        payoff_of("gros_profit")


def test_over_the_whole_plan_flows_are_summed_and_stocks_are_those_of_its_end(run):
    y = run["target_value"].sel(target="board ARR").values
    np.testing.assert_allclose(payoff_of("new_arr").of(run), 24 * y)
    np.testing.assert_allclose(payoff_of("new_arr", "FY2027").of(run), 12 * y)
    np.testing.assert_allclose(payoff_of("2 ending_arr - new_arr").of(run), 4 * y - 24 * y)
    np.testing.assert_allclose(payoff_of("ending_arr").of(run, "_twin"), 2 * (y[:2] + 1))
    assert payoff_of("cash").over(run) == "2027-01 to 2028-12"
    assert payoff_of("cash", "FY2027").over(run) == "FY2027"


def test_a_target_is_worth_money_where_it_is_reached(run):
    with_worth = payoff_of("ending_arr", worth={"board ARR": 1000.0})
    np.testing.assert_allclose(with_worth.of(run) - payoff_of("ending_arr").of(run), [1000, 1000, 0])
    with pytest.raises(SimengineError, match=r"no target is named 'board'; did you mean board ARR\?"):
        payoff_of("ending_arr", worth={"board": 1.0}).of(run)


def test_a_payoff_that_is_undefined_is_refused(run):
    broken = run.assign(ending_arr=run["ending_arr"] * np.nan)
    with pytest.raises(SimengineError, match="ending_arr is undefined or infinite on some paths"):
        payoff_of("ending_arr").of(broken)
