"""Expected customers: they renew, contract, pay more, expand, and are billed."""

import json
import math

import numpy as np
import pytest

from simengine.baseline import baseline, opening_cohorts
from simengine.plan import loads
from simengine.units import month_number
from tests.baseline.support import CENT, by_month, plan_of

TERMS = {
    "customers": 10,
    "arr": 1_200_000,
    "atr": {"2027-01": 800_000, "2027-03": 400_000},
    "renewal_rate": "90 %",
    "contraction": "3 % of ATR",
    "contraction_depth": "30 %",
    "price_increase": "5 %",
    "expansion": {"opportunities_per_customer": "1.2 per year", "win_rate": "50 %", "size": 10_000},
}


def test_two_cohorts_renew_contract_pay_more_and_expand() -> None:
    found = baseline(plan_of(13, base={"smb": TERMS}), {})
    # One customer each and 8 · 2/3 = 5.33, 8/3 = 2.67 of the others: 6 and 4. Each wins 0.1 · 50 % = 0.05 expansions a
    # month: 500 of ARR.
    # January: 800,000 renew: −80,000 churn, −24,000 contraction, 696,000 kept, +34,800 price; 5.4 + 4 customers expand.
    # March: 400,000 + 2 · 4 · 500 = 404,000 renew: −40,400, −12,120, 351,480 kept, +17,574; 5.4 + 3.6 customers expand.
    assert by_month(found, "atr")[:4] == pytest.approx([800_000, 0, 404_000, 0], abs=CENT)
    assert by_month(found, "churned_arr")[:4] == pytest.approx([80_000, 0, 40_400, 0], abs=CENT)
    assert by_month(found, "contraction_arr")[:4] == pytest.approx([24_000, 0, 12_120, 0], abs=CENT)
    assert by_month(found, "price_arr")[:4] == pytest.approx([34_800, 0, 17_574, 0], abs=CENT)
    assert by_month(found, "expansion_arr")[:4] == pytest.approx([4_700, 4_700, 4_500, 4_500], abs=CENT)
    assert by_month(found, "ending_arr")[:3] == pytest.approx([1_135_500, 1_140_200, 1_109_754], abs=CENT)
    assert by_month(found, "customers")[:3] == pytest.approx([9.4, 9.4, 9.0])
    assert by_month(found, "renewals_due")[:3] == pytest.approx([6, 0, 4])
    assert by_month(found, "renewals")[:3] == pytest.approx([5.4, 0, 3.6])
    assert by_month(found, "churned_customers")[:3] == pytest.approx([0.6, 0, 0.4])
    assert by_month(found, "expansions")[:3] == pytest.approx([0.47, 0.47, 0.45])
    # Nobody is new, so the cohort of twelve months ago is the base: 1,109,754 + 9 · 4,500 at the end of month 11.
    # In the first year it is the base as it opens.
    assert by_month(found, "nrr_arr")[10:12] == pytest.approx([1_145_754, 1_150_254], abs=CENT)
    assert by_month(found, "nrr_arr")[:2] == pytest.approx([1_135_500, 1_140_200], abs=CENT)
    assert by_month(found, "nrr_arr")[12] == pytest.approx(by_month(found, "ending_arr")[12])
    # One renewal each in twelve months: 80 % in full, capped at 1; 10 % at 0.7 · 1.05: 0.8735 of the ARR of then.
    assert by_month(found, "grr_arr")[:2] == pytest.approx([400_000 + 0.8735 * 800_000] * 2, abs=CENT)
    assert by_month(found, "grr_arr")[11:] == pytest.approx([0.8735 * 1_200_000, 0.8735 * 1_135_500], abs=CENT)


def test_new_customers_renew_after_their_term_and_count_in_nrr_a_year_later() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    plan = plan_of(
        14,
        base={"smb": {"renewal_rate": "50 %", "term_months": 6}},
        funnel={"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}},
    )
    found = baseline(plan, {})
    # 20,000 a month; half of each month's renews six months later, and again half of those six months after that.
    ending = [20_000 * (t + 1) for t in range(6)] + [120_000 + 10_000 * (t + 1) for t in range(6)]
    assert by_month(found, "ending_arr")[:12] == pytest.approx(ending, abs=CENT)
    assert by_month(found, "atr") == pytest.approx([0] * 6 + [20_000] * 6 + [10_000 + 20_000] * 2, abs=CENT)
    assert by_month(found, "customers")[11] == pytest.approx(18)
    # Nobody was there at the start. Those of month 0 have renewed twice by month 12, those of 0 and 1 by month 13.
    assert by_month(found, "nrr_arr")[11:] == pytest.approx([0, 5_000, 10_000], abs=CENT)
    assert by_month(found, "grr_arr")[11:] == pytest.approx([0, 5_000, 10_000], abs=CENT)


def test_if_more_contract_than_renew_all_who_renew_contract() -> None:
    terms = {
        "customers": 12,
        "arr": 1_200_000,
        "renewal_rate": "8 %",
        "contraction": "30 %",
        "contraction_depth": "50 %",
    }
    found = baseline(plan_of(1, base={"smb": terms}), {})
    # ATR of a month: 100,000. 92 % churn; the other 8 % lose half.
    assert by_month(found, "churned_arr") == pytest.approx([92_000], abs=CENT)
    assert by_month(found, "contraction_arr") == pytest.approx([4_000], abs=CENT)
    assert by_month(found, "ending_arr") == pytest.approx([1_200_000 - 96_000], abs=CENT)


def test_what_sells_once_is_booked_and_is_no_customer() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    funnel = {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}}
    found = baseline(plan_of(2, segments={"smb": {"sells": "once"}}, base={}, funnel=funnel), {})
    assert by_month(found, "one_off_bookings") == pytest.approx([20_000, 20_000], abs=CENT)
    assert by_month(found, "won") == pytest.approx([2, 2])
    for name in ("new_arr", "ending_arr", "customers", "new_customers"):
        assert by_month(found, name) == [0, 0]


def test_customers_are_apportioned_to_the_atr() -> None:
    atr = {"2027-05": 200, "2027-02": 500, "2027-01": 499, "2027-03": 1}
    plan = plan_of(1, base={"smb": {**TERMS, "atr": atr, "arr": 1_206}})
    # One of 10 customers each; of the other 6: 2.495, 2.5, 0.005, 1. Five are whole, the last goes to February.
    # The ATR is scaled from 1,200 to 1,206.
    assert opening_cohorts(plan.base["smb"], month_number("2027-01")) == [
        (0, pytest.approx(501.495), 3),
        (1, pytest.approx(502.5), 4),
        (2, pytest.approx(1.005), 1),
        (4, pytest.approx(201), 2),
    ]


def test_customers_are_spread_evenly_over_the_term() -> None:
    terms = {"renewal_rate": "90 %", "arr": 1_000, "term_months": 6}
    plan = plan_of(1, base={"smb": {**terms, "customers": 4}})
    # Customer i of 4 renews in month floor(6 i / 4).
    assert opening_cohorts(plan.base["smb"], 0) == [(0, 250, 1), (1, 250, 1), (3, 250, 1), (4, 250, 1)]
    plan = plan_of(1, base={"smb": {**terms, "customers": 8}})
    assert [n for _, _, n in opening_cohorts(plan.base["smb"], 0)] == [2, 1, 1, 2, 1, 1]
    plan = plan_of(1, base={"smb": {"renewal_rate": "90 %"}})
    assert opening_cohorts(plan.base["smb"], 0) == []


def test_customers_of_several_terms_and_named_accounts() -> None:
    accounts = [{"name": "Acme", "arr": 100, "renews": "2027-02", "renewal_rate": "50 %"}]
    terms = {"renewal_rate": "90 %", "customers": 8, "arr": 800, "terms": {"12": "50 %", "6": "50 %"}}
    plan = plan_of(1, base={"smb": {**terms, "named_accounts": accounts}})
    # Seven are not named, 700 of ARR: 4 of six months (the tie goes to the shorter), in months 0, 1, 3, 4 (floor of
    # 6 i/4); 3 of twelve, in months 0, 4, 8.
    found = opening_cohorts(plan.base["smb"], month_number("2027-01"))
    assert found == [(0, 200, 2), (1, 100, 1), (3, 100, 1), (4, 200, 2), (8, 100, 1)]
    assert opening_cohorts(plan.base["smb"], month_number("2027-01"), 1.25)[1] == (1, 125, 1)

    stated = {"2027-01": 500, "2027-02": 300}
    plan = plan_of(1, base={"smb": {**terms, "named_accounts": accounts, "atr": stated}})
    # Of February 200 are left; 1 customer each, and 5 others by 5 : 2 are 3.57 and 1.43.
    assert opening_cohorts(plan.base["smb"], month_number("2027-01")) == [(0, 500, 5), (1, 200, 2)]


def test_a_named_account_renews_at_its_own_rate_and_a_mix_of_terms_follows() -> None:
    accounts = [{"name": "Acme", "arr": 400_000, "renews": "2027-02", "renewal_rate": "50 %"}]
    terms = {"renewal_rate": "80 %", "customers": 2, "arr": 1_000_000, "atr": {"2027-01": 600_000, "2027-02": 400_000}}
    found = baseline(
        plan_of(6, base={"smb": {**terms, "named_accounts": accounts, "terms": {"2": "25 %", "3": "75 %"}}}), {}
    )
    # January: 600,000 at 80 %. February: Acme at 50 %. Of January's 480,000 a quarter comes up in March, the rest in
    # April; of Acme's 200,000 a quarter in April and the rest in May, and so on.
    churned = [
        120_000,
        200_000,
        0.2 * 120_000,
        0.2 * 360_000 + 0.5 * 50_000,
        0.2 * 0.25 * 96_000 + 0.5 * 150_000,
    ]
    assert by_month(found, "churned_arr")[:5] == pytest.approx(churned, abs=CENT)
    assert by_month(found, "churned_customers")[:3] == pytest.approx([0.2, 0.5, 0.2 * 0.8 * 0.25])


def test_renewals_are_decided_early_or_late() -> None:
    timing = {"early": {"share": "20 %", "months": 2}, "late": {"share": "30 %", "months": 1}}
    terms = {"renewal_rate": "90 %", "customers": 10, "arr": 1_000, "term_months": 6, "atr": {"2027-04": 1_000}}
    found = baseline(plan_of(12, base={"smb": {**terms, **timing}}), {})
    # The term ends in month 3: 20 % decide in month 1, half in 3, 30 % in 4; the next term ends in month 9, whenever.
    assert by_month(found, "churned_arr")[:6] == pytest.approx([0, 20, 0, 50, 30, 0])
    assert by_month(found, "atr") == pytest.approx([0] * 3 + [1_000] + [0] * 5 + [900, 0, 0])
    assert by_month(found, "renewals_due")[:6] == pytest.approx([0, 2, 0, 5, 3, 0])
    assert by_month(found, "churned_arr")[6:] == pytest.approx([0, 18, 0, 45, 27, 0])

    # Two months before the first month lies before the plan: it is decided in the first month.
    found = baseline(plan_of(2, base={"smb": {**terms, **timing, "atr": {"2027-02": 1_000}}}), {})
    assert by_month(found, "churned_arr") == pytest.approx([20, 50])
    # What is decided after the plan is no ATR of it.
    assert by_month(found, "atr") == pytest.approx([0, 700])


def test_larger_customers_renew_more_often_so_that_both_rates_hold() -> None:
    terms = {"customers": 2_000, "arr": 1_000_000, "size_spread": "120 %", "atr": {"2027-01": 1_000_000}}
    rates = {"renewal_rate": "80 %", "dollar_renewal_rate": "88 %", "contraction": 0}
    found = baseline(plan_of(1, base={"smb": {**terms, **rates}}), {})
    assert by_month(found, "renewals") == pytest.approx([1_600])
    # The rank of the largest of 2,000 is not that of the largest of infinitely many: exact to 0.1 % of the ARR.
    assert by_month(found, "churned_arr") == pytest.approx([120_000], abs=1_000)
    # One tilt for one customer: in the middle.
    alone = baseline(plan_of(1, base={"smb": {**terms, **rates, "customers": 1}}), {})
    assert by_month(alone, "churned_arr") == pytest.approx([200_000], abs=CENT)


def test_new_customers_lie_on_the_same_ladder_of_sizes() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    sold |= {"deal_size_spread": "120 %"}
    base = {"renewal_rate": "80 %", "dollar_renewal_rate": "88 %", "size_spread": "120 %", "term_months": 1}
    funnel = {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}}
    found = baseline(plan_of(2, base={"smb": base}, funnel=funnel), {})
    # Two of month 0 come up in month 1.
    assert by_month(found, "churned_customers") == pytest.approx([0, 0.4])
    assert by_month(found, "churned_arr") == pytest.approx([0, 0.12 * 20_000], rel=2e-3)


CSM = {
    "roles": {"csm": {"carries": {"customers": 20}}, "am": {"carries": {"arr": 300_000, "duty": ["expansion"]}}},
    "seats": [
        {"name": "csm", "role": "csm", "segment": "smb", "existing": 4},
        {"name": "am", "role": "am", "existing": 1},
    ],
}


def test_coverage_costs_renewals_and_expansion() -> None:
    team = {**CSM, "roles": {**CSM["roles"], "csm": {"carries": {"customers": 20, "duty": ["renewal"]}}}}
    expansion = {"opportunities_per_customer": "1.2 per year", "win_rate": "50 %", "size": 1_000}
    terms = {"customers": 100, "arr": 1_200_000, "renewal_rate": "90 %", "expansion": expansion}
    found = baseline(plan_of(2, team=team, base={"smb": {**terms, "load_elasticity": "x0.5"}}), {})
    # 80 of 100 customers, and 300,000 of 1,200,000, are looked after. A twelfth comes up: 100,000, at 90 % · √0.8.
    renewed = 0.9 * math.sqrt(0.8)
    assert by_month(found, "renewal_coverage")[0] == pytest.approx(0.8)
    assert by_month(found, "expansion_coverage")[0] == pytest.approx(0.25)
    due = by_month(found, "renewals_due")[0]
    assert by_month(found, "churned_customers")[0] == pytest.approx(due * (1 - renewed))
    # Of those who stay 10 % have an opportunity, a quarter of which is worked, and half of these won.
    met = 0.1 * (100 - due * (1 - renewed))
    assert by_month(found, "expansions_met")[0] == pytest.approx(met)
    assert by_month(found, "expansions_worked")[0] == pytest.approx(met / 4)
    assert by_month(found, "expansion_arr")[0] == pytest.approx(met / 8 * 1_000)
    # In the second month the load is that of its beginning.
    assert by_month(found, "renewal_coverage")[1] == pytest.approx(80 / by_month(found, "customers")[0])


def test_customers_expand_at_the_rate_of_the_month() -> None:
    rate = {"start": "1.2 per year", "2027-02": "2.4 per year"}
    expansion = {"opportunities_per_customer": rate, "win_rate": "100 %", "size": 1}
    terms = {"customers": 100, "arr": 1_000, "renewal_rate": "100 %", "expansion": expansion}
    found = baseline(plan_of(3, base={"smb": terms}), {})
    assert by_month(found, "expansions_met") == pytest.approx([10, 20, 20])


def test_what_is_won_goes_live_later_and_renews_a_term_after_that() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    sold["volume"] = {"start": "10 per month", "2027-02": "0 per month"}
    funnel = {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}}
    base = {"renewal_rate": "50 %", "term_months": 3, "go_live": "1.25 months"}
    found = baseline(plan_of(6, base={"smb": base}, funnel=funnel), {})
    assert by_month(found, "new_arr") == pytest.approx([20_000, 0, 0, 0, 0, 0], abs=CENT)
    assert by_month(found, "went_live") == pytest.approx([0, 15_000, 5_000, 0, 0, 0], abs=CENT)
    assert by_month(found, "churned_arr") == pytest.approx([0, 0, 0, 0, 7_500, 2_500], abs=CENT)


def test_bills_fall_due_by_the_month_of_renewal_or_closing() -> None:
    expansion = {"opportunities_per_customer": "12 per year", "win_rate": "100 %", "size": 120}
    terms = {"customers": 1, "arr": 12_000, "renewal_rate": "100 %", "atr": {"2027-02": 12_000}, "expansion": expansion}
    sold = {"win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    sold["volume"] = {"start": "10 per month", "2027-02": "0 per month"}
    segments = {"smb": {}, "web": {}, "once": {"sells": "once"}}
    channels = {"web": {"sold_by": "nobody", "segments": {"web": sold, "once": sold}}}
    plan = plan_of(
        4,
        segments=segments,
        base={"smb": terms, "web": {"renewal_rate": "100 %"}},
        funnel={"channels": channels},
        economics={"billing": "quarterly upfront"},
    )
    found = baseline(plan, {})
    # Entities: once, smb, web. smb is billed in months 1, 4, …: in month 1 a quarter of 12,240. Its 120 of expansion in
    # month 0 are billed for one month at once, those of month 2 for two, those of month 3 for one.
    assert by_month(found, "billings", 1) == pytest.approx([10, 3_060, 20, 10], abs=CENT)
    assert by_month(found, "billings", 2) == pytest.approx([5_000, 0, 0, 5_000], abs=CENT)
    assert by_month(found, "billings", 0) == pytest.approx([20_000, 0, 0, 0], abs=CENT)


def test_money_of_a_segment_is_changed_at_its_budget_rate() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    expansion = {"opportunities_per_customer": "12 per year", "win_rate": "100 %", "size": 120}
    accounts = [{"name": "Acme", "arr": 2_000, "renews": "2027-02", "renewal_rate": "50 %"}]
    terms = {"customers": 2, "arr": 12_000, "renewal_rate": "100 %", "named_accounts": accounts, "expansion": expansion}

    def found(rate: float) -> np.ndarray:
        document = {
            "plan": {"name": "P", "currency": "USD", "start": "2027-01", "months": 2, "rates": {"EUR": rate}},
            "segments": {"smb": {"currency": "EUR"}},
            "base": {"smb": terms},
            "funnel": {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}},
        }
        return baseline(loads(json.dumps(document)), {}).segment["ending_arr"][0, :, 0]

    assert found(1.5) == pytest.approx(1.5 * found(1.0), abs=CENT)
    assert found(1.0)[0] == pytest.approx(12_000 + 2 * 120 + 20_000, abs=CENT)
