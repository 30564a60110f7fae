"""Economics by hand. Segments are ent-emea, services, smb-na; seat groups ae-ent, ae-smb, csm, sdr (see blocks.py)."""

import numpy as np
import pytest

from simengine.results.books import Books, Ledger, revenue
from simengine.results.economics import metric
from simengine.results.paths import added, over_period, summed
from tests.results.blocks import flat_block, random_block, small_plan


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


def test_revenue_is_a_twelfth_of_mean_live_arr_and_what_was_sold_once() -> None:
    # (600 + 720)/2/12 = 55, (720 + 480)/2/12 = 50 and 7 one-off.
    assert revenue(np.array([[720.0, 480.0]]), 600.0, np.array([[0.0, 7.0]])).tolist() == [[55, 57]]


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
        gross_margin=[[0.75] * 3],
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
        "gross_margin": [[0.5]],
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
        gross_margin=[[0.5] * 3],
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
        net_history=[0.9] * 11 + [1, 1],
        gross_history=[0.8] * 11 + [1, 1],
    )
    assert metric(year, "nrr", 0, 11).tolist() == [1.1]
    assert metric(year, "grr", 9, 11).tolist() == [0.9]
    # Before, what has become of the customers of then until the plan starts comes on top.
    year["nrr_arr"][0, 5] = 105
    year["grr_arr"][0, 5] = 95
    assert metric(year, "nrr", 3, 5).tolist() == pytest.approx([0.9 * 1.05])
    assert metric(year, "grr", 3, 5).tolist() == pytest.approx([0.8 * 0.95])
    # Month 12 compares with the end of month 0.
    assert metric(year, "nrr", 12, 12).tolist() == pytest.approx([130 / 120])


def test_cash_metrics_by_hand() -> None:
    year = books(
        cash=[[90, 70, 40, 50, 20]],
        net_burn=[[10, 20, 30, -10, 30]],
        net_new_arr=[[5, 5, 10, 0, -1]],
        revenue=[[10, 10, 10, 10, 10]],
    )
    expected = {
        ("lowest_cash", 0, 3): 40,
        ("lowest_cash", 1, 1): 70,
        ("net_burn", 0, 4): 80,
        ("burn_multiple", 0, 2): 60 / 20,
        # Nothing gained: money burnt for nothing, or nothing lost.
        ("burn_multiple", 4, 4): np.inf,
        ("burn_multiple", 3, 3): 0,
        # 20 in the bank, and (30 − 10 + 30)/3 burnt a month.
        ("runway", 0, 4): 20 / (50 / 3),
        ("runway", 4, 4): 20 / 30,
        # Nothing burnt.
        ("runway", 3, 3): 60,
    }
    for (name, first, last), value in expected.items():
        assert metric(year, name, first, last).tolist() == pytest.approx([value]), (name, first, last)


def test_runway_ends_at_zero_and_at_sixty_months() -> None:
    assert metric(books(cash=[[-5.0]], net_burn=[[1.0]]), "runway", 0, 0).tolist() == [0]
    assert metric(books(cash=[[500.0]], net_burn=[[1.0]]), "runway", 0, 0).tolist() == [60]
    assert metric(books(cash=[[500.0]], net_burn=[[-1.0]]), "runway", 0, 0).tolist() == [60]
    assert metric(books(cash=[[-5.0]], net_burn=[[-1.0]]), "runway", 0, 0).tolist() == [0]  # nothing left to burn


def test_rule_of_40_compares_with_the_same_months_a_year_before() -> None:
    two = books(revenue=[[10.0] * 12 + [13.0] * 12], net_burn=[[0.0] * 12 + [1.3] * 12])
    assert metric(two, "rule_of_40", 12, 23).tolist() == pytest.approx([0.3 - 0.1])
    assert metric(two, "rule_of_40", 12, 14).tolist() == pytest.approx([0.3 - 0.1])


def test_coverage_and_attainment() -> None:
    year = books(
        pipeline=[[300, 200, 100]],
        opening_pipeline=[400],
        bookings=[[50, 50, 100]],
        credited=[[45, 45, 90]],
        quota=[[60, 60, 60]],
        rated=[[0, 0, 20]],
        rated_at_quota=[[0, 0, 7]],
        rated_near_quota=[[0, 0, 3]],
        rated_below_half=[[0, 0, 5]],
    )
    assert metric(year, "pipeline_coverage", 0, 2).tolist() == [2]
    assert metric(year, "pipeline_coverage", 1, 2).tolist() == [2]
    assert metric(year, "attainment", 0, 2).tolist() == [1]
    shares = [float(metric(year, name, 0, 2)[0]) for name in ("at_quota", "near_quota", "below_half")]
    assert shares == [0.35, 0.15, 0.25]
    assert np.isnan(metric(year, "at_quota", 0, 1)).all()


# ---- groups ----


def test_books_of_a_group_hold_its_segments_only() -> None:
    plan = small_plan(2)
    block = flat_block(
        plan, new_arr=[1, 2, 4], one_off_bookings=[0, 8, 0], ending_arr=[16, 32, 64], headcount=[1, 2, 3, 4]
    )
    ledger = Ledger(plan, block)
    emea = ledger.books({"geo": "EMEA"})
    assert emea["new_arr"].tolist() == [[1, 1]]
    assert float(emea["opening_arr"]) == 1_000_000
    # Of the seat groups only ae-ent works in EMEA.
    assert emea["headcount"].tolist() == [[1, 1]]
    assert ledger.books({"segment": "smb-na"})["new_arr"].tolist() == [[4, 4]]
    na = ledger.books({"geo": "NA"})
    assert na["bookings"].tolist() == [[14, 14]]
    assert na["ending_arr"].tolist() == [[96, 96]]
    company = ledger.books()
    assert company["headcount"].tolist() == [[10, 10]]
    assert ledger.books({"role": "ae"})["headcount"].tolist() == [[3, 3]]
    assert ledger.books({"team": "west"})["headcount"].tolist() == [[5, 5]]
    assert ledger.books({"team": "west", "role": "ae"})["headcount"].tolist() == [[2, 2]]
    assert float(company["opening_customers"]) == 20


def test_books_of_a_channel_hold_its_cells_only() -> None:
    # Cells are inbound/ent-emea, inbound/smb-na, partner/services.
    plan = small_plan(1)
    block = flat_block(plan, cell_new_arr=[1, 2, 0], cell_bookings=[1, 2, 4], cell_won=[8, 16, 32], new_arr=99, won=99)
    ledger = Ledger(plan, block)
    inbound, partner = ledger.books({"channel": "inbound"}), ledger.books({"channel": "partner"})
    assert [float(inbound[name][0, 0]) for name in ("new_arr", "bookings", "won", "new_customers")] == [3, 3, 24, 24]
    # What is sold once makes no customer.
    assert [float(partner[name][0, 0]) for name in ("new_arr", "bookings", "won", "new_customers")] == [0, 4, 32, 0]
    assert float(ledger.books({"channel": "inbound", "geo": "EMEA"})["won"][0, 0]) == 8


def test_quotas_are_those_of_people_who_sell() -> None:
    plan = small_plan(1)
    block = flat_block(plan, quota=[100, 60, 40, 0], credited=[50, 90, 0, 0], commission=[5, 6, 7, 8])
    ledger = Ledger(plan, block)
    assert float(metric(ledger.books(), "attainment", 0, 0)[0]) == 140 / 160
    assert float(metric(ledger.books({"team": "east"}), "attainment", 0, 0)[0]) == 0.5
    assert float(metric(ledger.books({"geo": "NA"}), "attainment", 0, 0)[0]) == 1.5
    # Seats' and the house's bookings are all there are; teams add up to the company.
    by_team = [float(ledger.books({"team": team})["credited"][0, 0]) for team in ("east", "west", "")]
    assert sum(by_team) == float(ledger.books()["credited"][0, 0])
    assert float(ledger.books({"role": "sdr"})["commission"][0, 0]) == 8


def test_what_is_won_is_live_when_it_goes_live() -> None:
    plan = small_plan(3)
    block = flat_block(
        plan,
        new_arr=[[[12.0, 0, 0], [24, 0, 0], [0, 0, 0]]],
        went_live=[[[0.0, 0, 0], [12, 0, 0], [24, 0, 0]]],
        ending_arr=[[[1_000_012.0, 0, 1e6], [1_000_036, 0, 1e6], [1_000_036, 0, 1e6]]],
    )
    company = Ledger(plan, block).books()
    assert company["live_arr"].tolist() == [[2_000_000, 2_000_012, 2_000_036]]
    assert company["revenue"][0].tolist() == pytest.approx([2e6 / 12, (2e6 + 6) / 12, (2e6 + 24) / 12])
    assert company["gross_profit"][0, 2] == pytest.approx(0.8 * (2e6 + 24) / 12)


def test_lifetime_value_of_a_channel_is_that_of_the_customers_that_it_brought() -> None:
    plan = small_plan(1)
    block = flat_block(
        plan,
        ending_arr=[1_000, 0, 6_000],
        customers=[10, 0, 20],
        churned_customers=[1, 0, 0],
        cell_won=[2, 4, 0],
        cell_opportunities=[1, 3, 0],
        new_arr=[50, 0, 70],
        cell_new_arr=[50, 70, 0],
    )
    ledger = Ledger(plan, block)
    # ent-emea: 100 · 0.8 · 1.25·(10 + 10)/2/12 years at 10 opening customers; smb-na: 300 · 0.8 · ten years.
    enterprise, smb = 100 * 0.8 * 10 / 12, 300 * 0.8 * 10
    found = metric(ledger.books({"channel": "inbound"}), "ltv_cac", 0, 0)[0]
    # Spend is 5,000 for inbound; nobody works.
    assert found == pytest.approx((2 * enterprise + 4 * smb) / 5_000)
    one = ledger.books({"channel": "inbound", "segment": "ent-emea"})
    assert metric(one, "ltv_cac", 0, 0)[0] == pytest.approx(2 * enterprise / 1_250)
    assert metric(ledger.books({"channel": "inbound"}), "cac_new_logo", 0, 0)[0] == 5_000 / 120


def test_history_is_of_all_segments_with_customers() -> None:
    rows = [{"month": "2026-03", "arr": 800_000, "net": 900_000, "gross": 700_000}]
    base = {"renewal_rate": "90 %", "customers": 10, "arr": 1_000_000}
    once = small_plan(6, base={"smb-na": {**base, "history": rows}, "ent-emea": base})
    assert np.isnan(Ledger(once, flat_block(once)).books()["net_history"]).all()
    north = Ledger(once, flat_block(once)).books({"geo": "NA"})
    np.testing.assert_array_equal(north["net_history"], [np.nan, np.nan, 900 / 800, *[np.nan] * 3])
    both = small_plan(
        6,
        base={
            "smb-na": {**base, "history": rows},
            "ent-emea": {**base, "history": [{"month": "2026-03", "arr": 200_000, "net": 300_000, "gross": 100_000}]},
        },
    )
    company = Ledger(both, flat_block(both)).books()
    assert company["net_history"][2] == 1_200 / 1_000
    assert company["gross_history"][2] == 800 / 1_000


def test_groups_add_up_to_the_company() -> None:
    plan = small_plan(3)
    ledger = Ledger(plan, random_block(plan, 5, seed=9))
    names = [{"segment": name} for name in plan.segments]
    for output in ("new_arr", "live_arr", "billings", "pipeline", "revenue", "bookings"):
        parts = sum(ledger.books(where)[output] for where in names)
        np.testing.assert_allclose(parts, ledger.books()[output], rtol=1e-9, err_msg=output)


def test_sums_have_the_same_bits_for_one_path_and_for_many() -> None:
    rows = np.random.default_rng(6).lognormal(8, 3, (300, 17))
    expected = np.zeros(300)
    for column in rows.T:
        expected = expected + column
    for layout in (rows, np.asfortranarray(rows)):
        assert summed(layout).tobytes() == expected.tobytes()
        assert np.concatenate([summed(layout[i : i + 1]) for i in range(300)]).tobytes() == expected.tobytes()
    # NumPy by itself adds up a row that lies side by side in another order.
    assert rows.sum(axis=-1).tobytes() != expected.tobytes()
