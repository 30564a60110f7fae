"""The spreadsheet's answer as a whole."""

from pathlib import Path

import numpy as np
import pytest

from simengine.baseline import Baseline, baseline, spreadsheet_values
from simengine.plan import Plan, load
from tests.baseline.support import CENT, SOLD, plan_of, selling


@pytest.fixture(scope="module")
def tiny() -> Plan:
    return load(Path(__file__).parents[1] / "plans" / "tiny.yaml")


def test_the_bridge_closes(tiny: Plan) -> None:
    s = {
        name: array[0, :, 0]
        for name, array in baseline(tiny, spreadsheet_values(tiny, "operating plan")).segment.items()
    }
    before = np.concatenate(([4_500_000], s["ending_arr"][:-1]))
    flows = s["new_arr"] + s["expansion_arr"] + s["price_arr"] - s["contraction_arr"] - s["churned_arr"]
    assert s["ending_arr"] == pytest.approx(before + flows, abs=CENT)
    assert s["new_arr"].min() > 0
    waiting = np.cumsum(s["opportunities"] - s["started"] - s["stale"])
    assert s["waiting"] == pytest.approx(waiting, abs=1e-9)


def test_values_of_a_spreadsheet(tiny: Plan) -> None:
    assert spreadsheet_values(tiny, "operating plan")["leads.inbound"] == 60
    drawn = tiny.widened()
    medians, means = spreadsheet_values(tiny, "medians"), spreadsheet_values(tiny, "means")
    assert medians.keys() == means.keys() == tiny.assumptions.keys()
    for name, law in drawn.items():
        # The mean over a fine grid of quantiles: within 0.1 %.
        quantiles = law.ppf((np.arange(200_000) + 0.5) / 200_000)
        assert means[name] == pytest.approx(quantiles.mean(), rel=1e-3)
        assert medians[name] == pytest.approx(float(law.ppf(np.array([0.5]))[0]))
    # The policy widens a skewed law: its mean moves.
    assert means["ramp_months.ae"] != pytest.approx(tiny.assumptions["ramp_months.ae"].distribution.mean(), rel=1e-3)


def test_order_in_the_file_changes_no_bit() -> None:
    seats = [{"existing": n, "hires": {"2027-02": 1}, "time_to_fill_delay": f"0.{n} months"} for n in (1, 3, 7)]
    ages = [{"stage": "opportunity", "age_months": age, "count": 7, "value": 1_000 * age} for age in (0.1, 0.7, 1.3)]
    rows = [{"segment": "smb", "channel": "web", **row} for row in ages]
    team = selling(seats, capacity={"open_opportunities": 0.7}, ramp={"workload": "7 months"})
    web = {"segments": {"smb": {**SOLD, "cycle_spread": "60 %"}}}

    def found(turn: int) -> Baseline:
        funnel = {"channels": {"web": web}, "opening_pipeline": {"rows": rows[::turn]}}
        return baseline(plan_of(9, team={**team, "seats": team["seats"][::turn]}, funnel=funnel), {})

    one, other = found(1), found(-1)
    for name, array in {**one.segment, **one.group}.items():
        assert array.tobytes() == {**other.segment, **other.group}[name].tobytes(), name
    assert one.segment["new_arr"].max() > 0
