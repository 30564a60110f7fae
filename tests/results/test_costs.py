"""Costs by hand, and spend by channel and segment. Seat groups are ae-ent, ae-smb, csm, sdr (see blocks.py)."""

import numpy as np
import pytest

from simengine.results.books import Ledger
from simengine.results.costs import amortised
from tests.results.blocks import DEMAND, EVENTS, TEAM, flat_block, random_block, small_plan

COSTLY = {
    "opex": {"rnd": "1_200_000 per year", "ga": "600_000 per year"},
    "gross_margin": "margin",
    "commission": {"amortised_over": "3 months"},
}


def test_spend_of_a_month() -> None:
    plan = small_plan(1)
    block = flat_block(plan, working=[2, 3, 2, 2], recruited=[0, 1, 4, 0], commission=[7_000, 3_000, 500, 0])
    # 5 AEs at 10,000 + 2 SDRs at (48,000 + 12,000)/12 + 1 AE recruited + 5,000 for inbound + commission.
    # CSMs are a cost of sales, and so is what they earn.
    spend = 50_000 + 10_000 + 10_000 + 5_000 + 10_000
    assert Ledger(plan, block).books()["sm_spend"].tolist() == [[spend]]
    # Two CSMs at 5,000 and their commission count where the plan says so; those recruited cost nothing.
    with_csm = small_plan(1, economics={"gross_margin": "margin", "csm_in": "sales and marketing"})
    assert Ledger(with_csm, block).books()["sm_spend"].tolist() == [[spend + 10_500]]


def test_operating_expenses_hold_every_role_once() -> None:
    roles = {
        **TEAM["roles"],
        "engineer": {"cost": {"salary": "120_000 per year"}, "books_in": "research and development"},
    }
    seats = [*TEAM["seats"], {"name": "eng", "role": "engineer", "existing": 4}]
    plan = small_plan(1, team={"roles": roles, "seats": seats}, economics=COSTLY)
    # Groups are ae-ent, ae-smb, csm, eng, sdr.
    books = Ledger(plan, flat_block(plan, working=[1, 0, 1, 4, 0])).books()
    assert books["sm_spend"].tolist() == [[10_000 + 5_000]]
    assert books["opex"].tolist() == [[15_000 + 100_000 + 50_000 + 40_000]]


def test_those_let_go_are_paid_off_and_a_manager_is_paid_in_full() -> None:
    cost = {"salary": "120_000 per year", "variable": "60_000 per year", "severance": 20_000}
    roles = {
        "ae": {"capacity": "unlimited", "quota": "600_000 per year", "cost": cost},
        "manager": {"quota": "team", "cost": cost},
    }
    seats = [
        {"name": name, "role": role, "team": "t", "segment": segment}
        for name, role, segment in (("a", "ae", "ent-emea"), ("b", "ae", "smb-na"), ("m", "manager", "smb-na"))
    ]
    plan = small_plan(1, team={"roles": roles, "seats": seats})
    block = flat_block(plan, working=[1, 0, 1], involuntary=[2, 0, 0])
    # 10,000 for the AE, whose variable pay is commission; 15,000 for the manager; 2 · 20,000; 5,000 for inbound.
    assert Ledger(plan, block).books()["sm_spend"].tolist() == [[10_000 + 15_000 + 40_000 + 5_000]]


def test_costs_follow_the_assumptions_of_each_path_and_the_months() -> None:
    pay = {
        "unit": "currency per year",
        "plan": 120_000,
        "distribution": {"uniform": {"min": 100_000, "max": 140_000}},
        "source": {"kind": "judgment", "reference": "HR"},
        "risk": {"adverse": "high"},
    }
    seats = [{"name": "a", "role": "ae", "segment": "smb-na"}, {"name": "b", "role": "ae", "segment": "ent-emea"}]
    salary = {"start": "pay", "2027-02": "60_000 per year"}
    plan = small_plan(
        2,
        team={"roles": {"ae": {"capacity": "unlimited", "cost": {"salary": salary}}}, "seats": seats},
        assumptions={"pay": pay},
        economics={"gross_margin": "80 %"},
    )
    block = flat_block(plan, 2, working=[0, 3], pay=[120_000, 240_000])
    assert Ledger(plan, block).books()["sm_spend"].tolist() == [[35_000, 20_000], [65_000, 20_000]]


def test_events_cost_once_and_every_month_that_they_last() -> None:
    plan = small_plan(
        6, events=EVENTS, targets=[{"name": "EMEA new", "metric": "new_arr", "period": "2027-01", "at_least": 1}]
    )
    # Launched in the third of six months for four months, or not at all; the outage lasts from the fifth month on.
    ledger = Ledger(plan, flat_block(plan, 2, launch=[4, 0], outage=[0, 2]))
    assert ledger.costs.events["launch"].tolist() == [[0, 0, 32_000, 2_000, 2_000, 2_000], [0] * 6]
    assert ledger.costs.events["outage"].tolist() == [[0] * 6, [0] * 4 + [700] * 2]
    books = ledger.books()
    assert (books["sm_spend"] - 5_000).tolist() == ledger.costs.events["launch"].tolist()
    assert (books["opex"] - books["sm_spend"]).tolist() == ledger.costs.events["outage"].tolist()


def test_capitalised_commission_is_written_off_in_equal_parts() -> None:
    plan = small_plan(4, economics=COSTLY)
    block = flat_block(plan, commission=[[[3.0, 0, 0, 0], [0, 6, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]])
    books = Ledger(plan, block).books()
    assert books["commission"].tolist() == [[3, 6, 0, 0]]
    assert books["commission_amortised"].tolist() == [[1, 3, 3, 2]]
    paid = np.random.default_rng(3).lognormal(size=(4, 20))
    assert amortised(np.pad(paid, ((0, 0), (0, 7))), 8).sum() == pytest.approx(paid.sum())


# ---- by channel and segment ----


def test_spend_by_channel_and_segment_by_hand() -> None:
    channels = {
        "inbound": {"spend": "6_000 per month", "segments": {"smb-na": DEMAND, "ent-emea": DEMAND}},
        "outbound": {"segments": {"smb-na": DEMAND, "ent-emea": DEMAND}},
        "online": {"sold_by": "nobody", "spend": "900 per month", "segments": {"smb-na": DEMAND}},
    }
    plan = small_plan(1, funnel={"stages": ["lead", "opportunity"], "channels": channels})
    # Cells are inbound/ent, inbound/smb, online/smb, outbound/ent, outbound/smb.
    block = flat_block(plan, cell_opportunities=[10, 20, 99, 30, 40], working=[1, 2, 0, 1])
    ledger = Ledger(plan, block)
    found = ledger.spend(0, 0)[..., 0]
    # Rows inbound, online, outbound, nobody; columns ent-emea, services, smb-na. Enterprise sellers cost 10,000,
    # those of small companies 20,000, and an SDR for everybody 5,000.
    expected = np.zeros((4, 3))
    expected[0] = [2_000 + 10_000 / 4 + 500, 0, 4_000 + 20_000 / 3 + 1_000]
    expected[1] = [0, 0, 900]
    expected[2] = [10_000 * 3 / 4 + 1_500, 0, 20_000 * 2 / 3 + 2_000]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for where, value in (
        ({"channel": "outbound"}, expected[2].sum()),
        ({"geo": "EMEA"}, expected[:, 0].sum()),
        ({"channel": "inbound", "segment": "smb-na"}, expected[0, 2]),
    ):
        assert ledger.books(where).over("sm_spend", 0, 0)[0] == pytest.approx(value)


def test_spend_without_opportunities_stays_where_it_is() -> None:
    plan = small_plan(1)
    found = Ledger(plan, flat_block(plan, working=[1, 0, 0, 1])).spend(0, 0)[..., 0]
    # 5,000 for inbound evenly; a seller of ent-emea, in no channel; an SDR, in no channel and evenly.
    third = 5_000 / 3
    np.testing.assert_allclose(found, [[2_500, 0, 2_500], [0, 0, 0], [10_000 + third, third, third]], rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_channels_and_segments_add_up_to_the_spend_of_the_period(seed: int) -> None:
    plan = small_plan(6, events={"outage": EVENTS["outage"] | {"cost_in": "sales and marketing"}}, targets=[])
    block = random_block(plan, 7, seed)
    block.cell["opportunities"][:3] = 0.0
    block.cell["opportunities"][5, :, 0] = 0.0
    ledger = Ledger(plan, block)
    total = ledger.books().over("sm_spend", 1, 4)
    np.testing.assert_allclose(ledger.spend(1, 4).sum(axis=(0, 1)), total, rtol=1e-12)
    parts = sum(ledger.books({"segment": name}).over("sm_spend", 1, 4) for name in plan.segments)
    np.testing.assert_allclose(parts, total, rtol=1e-12)
    assert (ledger.spend(1, 4) >= 0).all()
