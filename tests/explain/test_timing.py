"""When a result is decided: covariances with its quarters, worked out once more."""

from pathlib import Path

import numpy as np
import pytest

from simengine.explain.question import question_of
from simengine.explain.timing import by_quarter
from simengine.plan import load
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
QUARTERS = ["FY2027-Q1", "FY2027-Q2", "FY2027-Q3", "FY2027-Q4"]


@pytest.fixture(scope="module")
def run():
    return simulate(load(TINY), draws=300, seed=3)


@pytest.mark.parametrize(
    ("metric", "period", "flow", "sign", "quarters"),
    [
        ("ending_arr", "2027-12", "net_new_arr", 1, QUARTERS),
        ("ending_arr", "2027-06", "net_new_arr", 1, QUARTERS[:2]),
        ("cash", "2027-12", "net_burn", -1, QUARTERS),
        ("new_arr", "FY2027", "new_arr", 1, QUARTERS),
        ("new_arr", "FY2027-Q3", "new_arr", 1, QUARTERS[2:3]),
    ],
)
def test_a_quarter_has_the_share_of_its_covariance_with_the_result(run, metric, period, flow, sign, quarters):
    question = question_of(run, metric, period)
    labels, share = by_quarter(run, question)
    assert labels == quarters
    y = question.value
    months = sign * run[flow].values
    parts = {quarter: months[:, 3 * place : 3 * place + 3].sum(axis=1) for place, quarter in enumerate(QUARTERS)}
    expected = [np.cov(y, parts[quarter])[0, 1] / np.var(y, ddof=1) for quarter in quarters]
    assert share.estimate == pytest.approx(expected)
    assert share.estimate.sum() == pytest.approx(1.0)
    # What is wholly decided in one quarter is known without error.
    assert ((share.upper - share.lower > 1e-6) == (len(quarters) > 1)).all()
    assert share.lower + share.upper == pytest.approx(2 * share.estimate)


def test_what_is_no_sum_of_months_has_no_quarters(run):
    for metric in ("customers", "nrr", "cac_new_logo"):
        assert by_quarter(run, question_of(run, metric, "FY2027"))[0] == []
