"""A plan with one thing changed."""

from pathlib import Path

import numpy as np
import pytest

from simengine.baseline import baseline
from simengine.decide.variants import (
    CYCLE,
    KINDS,
    RAMP,
    RENEWAL,
    SPEND,
    WIN_RATE,
    lead_time,
    numbers,
    put_off,
    scaled,
    staffed,
)
from simengine.plan import load
from simengine.plan.scalars import Quantity
from simengine.simulation.reached import target_values
from simengine.units import month_number

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"


@pytest.fixture(scope="module")
def tiny():
    return load(str(TINY))


@pytest.fixture(scope="module")
def northstar():
    return load(str(NORTHSTAR))


def test_a_factor_is_what_another_value_of_the_assumption_is(tiny):
    """Win rates times 1.2 are the plan whose win rate is assumed 1.2 times as high."""
    values = tiny.planned
    there = baseline(tiny, {**values, "win_rate.smb": 1.2 * values["win_rate.smb"]})
    here = baseline(scaled(tiny, WIN_RATE, 1.2), values)
    np.testing.assert_allclose(here.segment["ending_arr"], there.segment["ending_arr"], rtol=1e-12)


def test_one_is_the_plan_itself_and_every_kind_is_there(tiny):
    assert scaled(tiny, WIN_RATE, 1.0) is tiny
    found = {kind.name: [number.quantity.assumption for number in numbers(tiny, kind)] for kind in KINDS}
    assert found == {
        "win rate": ["win_rate.smb"],
        "deal size": [None],
        "sales cycle": [None],
        "demand": ["leads.inbound"],
        "renewal rate": ["renewal.smb"],
        "expansion": [None],
        "ramp": ["ramp_months.ae"],
    }


def test_an_assumption_is_left_alone_where_it_is_of_another_kind(northstar):
    """The cycle that a ramp of bookings contains is no sales cycle, though one assumption supplies both."""
    changed = scaled(northstar, CYCLE, 0.5)
    assert changed.team is northstar.team
    assert changed.funnel.channels["inbound"].segments["enterprise-na"].cycle == Quantity(0.5, "cycle.enterprise")
    assert changed.funnel.channels["inbound"].segments["enterprise-na"].cycle_lost == Quantity(2.0)


def test_probabilities_end_at_one(tiny):
    """Renewal rates beyond 100 % are 100 %: in the spreadsheet and on every path."""
    most, beyond = scaled(tiny, RENEWAL, 1.0 / 0.9), scaled(tiny, RENEWAL, 3.0)
    values = [baseline(plan, tiny.planned).segment["ending_arr"] for plan in (most, beyond)]
    np.testing.assert_allclose(*values, rtol=1e-12)
    surely = tiny.model_copy(
        update={"base": {"smb": tiny.base["smb"].model_copy(update={"renewal_rate": Quantity(1.0)})}}
    )
    here, there = (target_values(plan, 0, 64, seed=7) for plan in (beyond, surely))
    np.testing.assert_array_equal(here, there)
    assert (target_values(tiny, 0, 64, seed=7) != there).any()


def test_half_a_ramp_of_bookings_has_twice_the_shares(northstar):
    ramp = scaled(northstar, RAMP, 0.5).team.roles["ae-enterprise"].ramp
    assert [share.number for share in ramp.bookings] == [0.0, 0.5, 2.0, 2.0]  # what is above 100 % counts as that
    assert scaled(northstar, RAMP, 0.5).team.roles["ae-smb"].ramp.workload == Quantity(0.5, "ramp_months.ae-commercial")
    values = northstar.planned
    slow, fast = (baseline(plan, values).group["ramped"].sum() for plan in (northstar, scaled(northstar, RAMP, 0.5)))
    assert fast > slow


def test_spend_is_of_a_channel_or_of_all(northstar):
    one, every = (scaled(northstar, SPEND, 2.0, channel).funnel.channels for channel in ("partner", None))
    assert [one[name].spend.number for name in ("partner", "outbound")] == [400_000, 160_000]
    assert [every[name].spend.number for name in ("partner", "outbound")] == [400_000, 320_000]


def test_people_join_with_a_territory_where_seats_have_one(northstar):
    month = month_number("2027-04")
    changed = staffed(northstar, "ae-enterprise-emea-new", month, 3)
    (group,) = (entry for entry in changed.team.seats if entry.name == "ae-enterprise-emea-new")
    assert group.hires[month] == 5
    assert len(changed.team.territories) == len(northstar.team.territories) + 3
    assert np.isfinite(target_values(changed, 0, 8, seed=7)).any()
    assert lead_time(northstar, "ae-enterprise-emea-new") == 2
    assert lead_time(northstar, "sdr-new") is None


def test_hires_that_are_put_off_end_with_the_plan(tiny):
    def hires(months, until="2027-12"):
        plan = put_off(tiny, "ae-smb-new", months, month_number(until))
        return next(group.hires for group in plan.team.seats if group.name == "ae-smb-new")

    february, april, december = map(month_number, ("2027-02", "2027-04", "2027-12"))
    assert hires(0) == {february: 1, april: 1}
    assert hires(2) == {april: 1, april + 2: 1}
    assert hires(30) == {december: 2}
    assert hires(2, until="2027-03") == {april: 2}
