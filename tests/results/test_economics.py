"""Economics by hand. Segments are ent-emea, services, smb-na; seat groups ae-ent, ae-smb, csm, sdr (see blocks.py)."""

import numpy as np
import pytest

from simengine.results.economics import Books, added, books_of, metric, over_period, revenue, sm_spend
from tests.results.blocks import DEMAND, flat_block, random_block, small_plan


def books(**monthly: object) -> Books:
    """Books of one path that hold only what a test needs."""
    return Books(lambda name: np.array(monthly[name], dtype=float))


def test_flows_add_up_and_stocks_are_the_last() -> None:
    monthly = np.array([[1.0, 2, 4, 8], [16, 32, 64, 128]])
    assert over_period(monthly, "flow", 1, 2).tolist() == [6, 96]
    assert over_period(monthly, "stock", 1, 2).tolist() == [4, 64]
    assert over_period(monthly, "flow", 3, 3).tolist() == [8, 128]


def test_a_sum_of_one_is_no_view() -> None:
    one = np.ones(3)
    total = added([one], (3,))
    total += 1
    assert one.tolist() == [1, 1, 1]
    assert added([], (2,)).tolist() == [0, 0]


def test_revenue_is_a_twelfth_of_mean_arr_and_what_was_sold_once() -> None:
    # (600 + 720)/2/12 = 55, (720 + 480)/2/12 = 50 and 7 one-off.
    assert revenue(np.array([[720.0, 480.0]]), 600.0, np.array([[0.0, 7.0]])).tolist() == [[55, 57]]


def test_spend_of_a_month() -> None:
    block = flat_block(
        small_plan(1),
        working=[2, 3, 2, 2],
        starts=[0, 1, 4, 0],
        booked=[100_000, 0, 50_000],  # of inbound's ent-emea and smb-na, and the partners' services
    )
    # 5 AEs at 10,000 + 2 SDRs at (48,000 + 12,000)/12 + 1 AE recruited + 5,000 for inbound + 10 % of the bookings.
    # Nobody is paid for services, and CSMs are a cost of sales.
    assert sm_spend(small_plan(1), block).tolist() == [[50_000 + 10_000 + 10_000 + 5_000 + 10_000]]
    # Two CSMs at 5,000 count where the plan says so; those who start cost nothing.
    with_csm = small_plan(1, economics={"gross_margin": "margin", "csm_in": "sales and marketing"})
    assert sm_spend(with_csm, block).tolist() == [[95_000]]


def test_commission_of_two_selling_roles_is_that_of_their_seats() -> None:
    ae = {"capacity": "unlimited", "quota": "600_000 per year", "cost": {"variable": "60_000 per year"}}
    senior = {"capacity": "unlimited", "quota": "1_000_000 per year", "cost": {"variable": "200_000 per year"}}
    seats = [
        {"name": "a", "role": "ae", "segment": "ent-emea", "existing": 2, "hires": {"2027-01": 1}},
        {"name": "b", "role": "senior", "segment": "ent-emea", "existing": 1},
        {"name": "c", "role": "ae", "segment": "smb-na", "existing": 1},
    ]
    plan = small_plan(1, team={"roles": {"ae": ae, "senior": senior}, "seats": seats})
    block = flat_block(plan, booked=[280_000, 50_000, 0])
    # (3 · 60,000 + 200,000)/(3 · 600,000 + 1,000,000) = 380/2,800 of 280,000; 10 % of 50,000; and 5,000 for inbound.
    assert sm_spend(plan, block)[0, 0] == pytest.approx(38_000 + 5_000 + 5_000)


def test_what_nobody_sold_earns_no_commission() -> None:
    channels = {
        "direct": {"segments": {"smb-na": DEMAND}},
        "online": {"sold_by": "nobody", "segments": {"ent-emea": DEMAND, "smb-na": DEMAND}},
    }
    plan = small_plan(1, funnel={"stages": ["lead", "opportunity"], "channels": channels})
    # 10 % of what is sold directly; the sellers of both segments had no hand in the rest.
    assert sm_spend(plan, flat_block(plan, booked=[30_000, 100_000, 200_000])).tolist() == [[3_000]]


def test_costs_follow_the_assumptions_of_each_path() -> None:
    pay = {
        "unit": "currency per year",
        "plan": 120_000,
        "distribution": {"uniform": {"min": 100_000, "max": 140_000}},
        "source": {"kind": "judgment", "reference": "HR"},
        "risk": {"adverse": "high"},
    }
    seats = [{"name": "a", "role": "ae", "segment": "smb-na"}, {"name": "b", "role": "ae", "segment": "ent-emea"}]
    plan = small_plan(
        1,
        team={"roles": {"ae": {"capacity": "unlimited", "cost": {"salary": "pay"}}}, "seats": seats},
        assumptions={"pay": pay},
        economics={"gross_margin": "80 %"},
    )
    block = random_block(plan, 2, seed=1)
    for arrays in (block.segment, block.group, block.cell):
        for array in arrays.values():
            array[...] = 0
    block.group["working"][:, 0, 1] = 3
    block.values["pay"][...] = [120_000, 240_000]
    assert sm_spend(plan, block).tolist() == [[35_000], [65_000]]


def test_ratios_of_a_quarter() -> None:
    quarter = books(
        sm_spend=[[100, 200, 300]],
        new_arr=[[200, 100, 100]],
        expansion_arr=[[0, 50, 50]],
        net_new_arr=[[150, 100, 50]],
        revenue=[[1_000, 1_000, 1_000]],
        ending_arr=[[5_000, 5_500, 6_000]],
        customers=[[48, 49, 50]],
        new_customers=[[4, 5, 6]],
        churned_customers=[[1, 0, 1]],
        opening_customers=40,
        gross_margin=[0.75],
    )
    expected = {
        "cac_new_logo": 600 / 400,
        "cac_blended": 600 / 500,
        "cac_payback": 12 * 600 / (400 * 0.75),
        # 40, 48, 49 and 50 customers at the ends of months were there for 44 + 48.5 + 49.5 months, 71/6 years in
        # all, and 2 of them left: one in 71/12 years; 6,000/50 · 0.75 · 71/12 over 600/15.
        "ltv_cac": 120 * 0.75 * 71 / 12 / 40,
        "magic_number": 300 / 600,
        "sm_share": 600 / 3_000,
    }
    for name, value in expected.items():
        assert metric(quarter, name, 0, 2).tolist() == pytest.approx([value]), name
    # February and March: 1 left in 48.5 + 49.5 months of customers.
    assert metric(quarter, "ltv_cac", 1, 2)[0] == pytest.approx(120 * 0.75 * 98 / 12 / (500 / 11))


def test_a_lifetime_is_ten_years_at_most() -> None:
    one = {
        "ending_arr": [[1_000]],
        "customers": [[100]],
        "new_customers": [[10]],
        "sm_spend": [[100]],
        "gross_margin": [0.5],
    }
    for churned in (0, 0.5):  # of 100 in a month: never, and 16.7 years
        found = metric(books(**one, churned_customers=[[churned]], opening_customers=100), "ltv_cac", 0, 0)
        assert found.tolist() == pytest.approx([10 * 0.5 * 10 / 10])


def test_a_company_that_starts_with_nobody_has_a_lifetime() -> None:
    start = books(
        ending_arr=[[0, 600, 1_200]],
        customers=[[0, 6, 12]],
        new_customers=[[0, 6, 7]],
        churned_customers=[[0, 0, 1]],
        opening_customers=0,
        sm_spend=[[100, 100, 125]],
        gross_margin=[0.5],
    )
    # Customers were there for 0 + 3 + 9 months, and one left: a year. 100 · 0.5 · 1 over 325/13.
    assert metric(start, "ltv_cac", 0, 2).tolist() == pytest.approx([2])
    # Nobody left before: ten years, 100 · 0.5 · 10 over 200/6.
    assert metric(start, "ltv_cac", 0, 1).tolist() == pytest.approx([15])
    # Without any customer there is no ARR of one.
    assert np.isnan(metric(start, "ltv_cac", 0, 0)).all()


def test_a_ratio_without_a_denominator_is_infinite_and_nothing_over_nothing_is_undefined() -> None:
    nothing = books(sm_spend=[[5.0, 0.0]], new_arr=[[0.0, 0.0]])
    assert metric(nothing, "cac_new_logo", 0, 0).tolist() == [np.inf]
    assert np.isnan(metric(nothing, "cac_new_logo", 1, 1)).all()


def test_retention_looks_back_twelve_months() -> None:
    year = books(
        nrr_arr=[[0.0] * 11 + [110, 130]],
        grr_arr=[[0.0] * 11 + [90, 96]],
        ending_arr=[[120.0, 121, *[0.0] * 11]],
        opening_arr=100,
    )
    assert metric(year, "nrr", 0, 11).tolist() == [1.1]
    assert metric(year, "grr", 9, 11).tolist() == [0.9]
    # Month 12 compares with the end of month 0.
    assert metric(year, "nrr", 12, 12).tolist() == pytest.approx([130 / 120])


def test_books_of_a_group_hold_its_segments_only() -> None:
    plan = small_plan(2)
    block = flat_block(
        plan, new_arr=[1, 2, 4], one_off_bookings=[0, 8, 0], ending_arr=[16, 32, 64], headcount=[1, 2, 3, 4]
    )
    emea = books_of(plan, block, {"ent-emea"})
    assert emea["new_arr"].tolist() == [[1, 1]]
    assert float(emea["opening_arr"]) == 1_000_000
    both = books_of(plan, block, {"services", "smb-na"})
    assert both["bookings"].tolist() == [[14, 14]]
    assert both["ending_arr"].tolist() == [[96, 96]]
    company = books_of(plan, block, plan.segments)
    assert company["headcount"].tolist() == [[10, 10]]
    assert float(company["opening_customers"]) == 20
    assert company["revenue"][0, 0] == pytest.approx((2_000_000 + 112) / 24 + 8)
