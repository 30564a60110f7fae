"""Step 5 on plans that can be followed by hand: renewals, coverage, expansion, bills, cohorts."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.reference.byhand import customers, load_the_dice, of_segment, pipeline, plan_of, play, played, sellers
from tests.reference.chance import Address, Purpose, Uniforms
from tests.reference.ledger import ReferencePath
from tests.reference.opening import apportioned, opening_customers

MONTHLY = {"economics": {"billing": "monthly"}}


def test_customers_who_all_renew_pay_the_price_increase() -> None:
    path = play(plan_of(**customers(renewal_rate=1, price_increase="10 %")))
    assert of_segment(path, "ending_arr") == pytest.approx([440, 484, 532.4, 585.64])
    assert of_segment(path, "price_arr") == pytest.approx([40, 44, 48.4, 53.24])
    assert of_segment(path, "renewals") == [4, 4, 4, 4]


def test_customers_who_all_leave() -> None:
    path = play(plan_of(**customers(renewal_rate=0, term_months=2, atr={"2027-02": 400})))
    assert of_segment(path, "churned_arr") == [0, 400, 0, 0]
    assert of_segment(path, "churned_customers") == [0, 4, 0, 0]
    assert of_segment(path, "atr") == [0, 400, 0, 0]
    assert of_segment(path, "ending_arr") == [400, 0, 0, 0]


def test_customers_who_all_contract() -> None:
    path = play(plan_of(**customers(renewal_rate="90 %", contraction="50 %", contraction_depth="50 %")))
    kept = np.array(of_segment(path, "renewals"))
    assert 0 < kept.sum() < 16
    assert of_segment(path, "ending_arr") == pytest.approx(list(kept * 100 * 0.5 ** np.arange(1, 5)))


def test_the_price_increase_is_on_what_is_kept() -> None:
    path = play(plan_of(**customers(renewal_rate=1, contraction=0.5, contraction_depth=0.5, price_increase="10 %")))
    assert of_segment(path, "contraction_arr")[:2] == pytest.approx([200, 110])
    assert of_segment(path, "price_arr")[:2] == pytest.approx([20, 11])


# --- the opening base


def test_opening_customers_are_spread_over_the_term() -> None:
    terms = {"customers": 7, "arr": 700, "size_spread": 0.8, "term_months": 3, "renewal_rate": 0}
    path = play(plan_of(base={"smb": terms}))
    assert of_segment(path, "churned_customers") == [3, 2, 2, 0]
    assert of_segment(path, "churned_arr") == pytest.approx([300, 200, 200, 0])


def test_opening_customers_are_spread_over_several_terms() -> None:
    # 7 x 60 % is 4.2, 7 x 40 % is 2.8: 4 with one month, 3 with two.
    terms = {"customers": 7, "arr": 700, "terms": {1: "60 %", 2: "40 %"}, "renewal_rate": 0}
    path = play(plan_of(base={"smb": terms}))
    assert of_segment(path, "churned_customers") == [4 + 2, 1, 0, 0]
    assert of_segment(path, "churned_arr") == pytest.approx([600, 100, 0, 0])
    assert apportioned(3, {1: 0.5, 2: 0.5}) == {1: 2, 2: 1}


def test_opening_customers_follow_the_stated_atr() -> None:
    atr = {"2027-01": 100, "2027-02": 500, "2027-04": 600}
    terms = {"customers": 7, "arr": 1_206, "atr": atr, "term_months": 4, "renewal_rate": 0}
    path = play(plan_of(base={"smb": terms}))
    # One each; the other four are 0.33, 1.67 and 2 of the ATR.
    assert of_segment(path, "churned_customers") == [1, 3, 0, 3]
    assert of_segment(path, "churned_arr") == pytest.approx([100.5, 502.5, 0, 603])


def test_named_accounts_are_part_of_the_base() -> None:
    named = [{"name": "acme", "arr": 250, "renews": "2027-02", "renewal_rate": 1}]
    atr = {"2027-01": 100, "2027-02": 500}
    terms = {"customers": 4, "arr": 600, "atr": atr, "term_months": 4, "renewal_rate": 0, "named_accounts": named}
    path = play(plan_of(base={"smb": terms}))
    assert of_segment(path, "churned_arr") == pytest.approx([100, 250, 0, 0])
    assert of_segment(path, "churned_customers") == [1, 2, 0, 0]
    assert of_segment(path, "atr") == pytest.approx([100, 500, 0, 0])
    assert of_segment(path, "ending_arr") == pytest.approx([500, 250, 250, 250])
    even = terms | {"atr": "even", "customers": 3, "arr": 650, "term_months": 2}
    path = play(plan_of(base={"smb": even}))
    assert of_segment(path, "churned_arr") == pytest.approx([200, 200, 0, 0])
    assert of_segment(path, "renewals") == [0, 1, 0, 1]


def test_customers_have_the_sizes_of_a_lognormal_law() -> None:
    terms = {"customers": 3, "arr": 300, "size_spread": 1.2, "term_months": 1, "renewal_rate": 1}
    small, middle, large = opening_customers("smb", plan_of(base={"smb": terms}).base["smb"], start=0)
    sigma = math.sqrt(math.log(1 + 1.2**2))
    assert small.arr + middle.arr + large.arr == pytest.approx(300)
    assert math.log(large.arr / middle.arr) == pytest.approx(sigma * stats.norm.ppf(5 / 6))
    assert math.log(small.arr / middle.arr) == pytest.approx(sigma * stats.norm.ppf(1 / 6))
    assert [c.rank for c in (small, middle, large)] == pytest.approx([1 / 6, 1 / 2, 5 / 6])


def test_large_customers_renew_as_the_dollar_rate_says() -> None:
    terms = {"customers": 1_000, "arr": 1_000, "size_spread": 1, "term_months": 1}
    rates = {"renewal_rate": "75 %", "dollar_renewal_rate": "85 %"}
    path = play(plan_of(months=1, base={"smb": terms | rates}))
    # Logos: standard deviation 14 of 1,000. Dollars: that of one customer is about 0.36 x 1.41 on a mean of 1.
    assert abs(of_segment(path, "renewals")[0] - 750) < 5 * 14
    kept = of_segment(path, "ending_arr")[0]
    assert abs(kept - 850) < 5 * 0.36 * 1.41 * math.sqrt(1_000)
    assert abs(kept - 750) > 5 * 0.36 * 1.41 * math.sqrt(1_000)


# --- terms and timing


def test_a_new_customer_renews_one_term_after_closing() -> None:
    base = {"smb": {"renewal_rate": 0, "term_months": 2}}
    path = play(plan_of(base=base, **pipeline({"stage": "opportunity", "count": 3}), **sellers()))
    assert of_segment(path, "new_arr") == of_segment(path, "went_live") == [300, 0, 0, 0]
    assert of_segment(path, "churned_arr") == [0, 0, 300, 0]


def test_the_term_begins_when_the_customer_goes_live() -> None:
    base = {"smb": {"renewal_rate": 0, "term_months": 1, "go_live": 2}}
    path = play(plan_of(months=6, base=base, **pipeline({"stage": "opportunity", "count": 3}), **sellers()))
    assert of_segment(path, "went_live") == [0, 0, 300, 0, 0, 0]
    assert of_segment(path, "churned_arr") == [0, 0, 0, 300, 0, 0]


def test_terms_differ() -> None:
    terms = {"customers": 400, "arr": 400, "atr": {"2027-01": 400}, "terms": {1: "30 %", 3: "70 %"}, "renewal_rate": 1}
    due = of_segment(play(plan_of(base={"smb": terms})), "renewals_due")
    # 400, each with a term of one month with 30 %: a two-sided binomial test at level 1e-6, which 50 % must fail.
    assert due[0] == 400
    assert stats.binomtest(int(due[1]), 400, 0.3).pvalue > 1e-6
    assert stats.binomtest(int(due[1]), 400, 0.5).pvalue < 1e-6
    # Of those due in month 1 about 30 % come again in month 2; the first 70 % in month 3, with some of the others.
    assert stats.binomtest(int(due[2]), int(due[1]), 0.3).pvalue > 1e-6
    assert due[3] >= 400 - due[1]


def timed(months: int = 6, **timing: Any) -> ReferencePath:
    return play(plan_of(months=months, **customers(renewal_rate=1, term_months=3, price_increase="10 %", **timing)))


def test_renewals_are_decided_early_or_late() -> None:
    # Due in months 0 and 3.
    assert of_segment(timed(), "renewals") == [4, 0, 0, 4, 0, 0]
    early = timed(early={"share": 1, "months": 2})
    assert of_segment(early, "renewals") == [4, 4, 0, 0, 4, 0]
    assert of_segment(early, "atr") == pytest.approx([400, 0, 0, 440, 0, 0])
    assert of_segment(early, "ending_arr") == pytest.approx([440, 484, 484, 484, 532.4, 532.4])
    late = timed(late={"share": 1, "months": 1})
    assert of_segment(late, "renewals") == [0, 4, 0, 0, 4, 0]
    assert of_segment(late, "atr") == pytest.approx([400, 0, 0, 440, 0, 0])


def test_what_is_decided_after_the_plan_is_no_atr() -> None:
    late = timed(months=4, late={"share": 1, "months": 2})
    assert of_segment(late, "renewals") == [0, 0, 4, 0]
    assert of_segment(late, "atr") == pytest.approx([400, 0, 0, 0])


def test_no_decision_falls_before_the_last_one() -> None:
    terms = {"customers": 400, "arr": 400, "atr": {"2027-01": 400}, "term_months": 3, "renewal_rate": 1}
    timing = {"early": {"share": "50 %", "months": 2}, "late": {"share": "50 %", "months": 2}}
    due = [int(n) for n in of_segment(play(plan_of(months=6, base={"smb": terms | timing})), "renewals")]
    # Due in months 0 and 3. Early for the second time is month 1, but month 3 for who was late for the first time.
    assert due[0] + due[2] == due[1] + due[3] + due[5] == 400
    # Half of each: two-sided binomial tests at level 1e-6, which 80 % must fail.
    for number, of in ((due[0], 400), (due[1], due[0]), (due[3], due[2])):
        assert stats.binomtest(number, of, 0.5).pvalue > 1e-6
        assert stats.binomtest(number, of, 0.8).pvalue < 1e-6


def test_shares_of_renewals_are_early_and_late() -> None:
    terms = {"customers": 1_000, "arr": 1_000, "atr": {"2027-03": 1_000}, "term_months": 12, "renewal_rate": 1}
    timing = {"early": {"share": "20 %", "months": 1}, "late": {"share": "50 %", "months": 1}}
    due = [int(n) for n in of_segment(play(plan_of(months=5, base={"smb": terms | timing})), "renewals")]
    assert due[0] == due[4] == 0
    # Two-sided binomial tests at level 1e-6; shares exchanged must fail.
    for number, share in zip(due[1:4], (0.2, 0.3, 0.5), strict=True):
        assert stats.binomtest(number, 1_000, share).pvalue > 1e-6
    assert stats.binomtest(due[1], 1_000, 0.5).pvalue < 1e-6


# --- coverage


def served(elasticity: float = 0, carries: dict[str, Any] | None = None, **terms: Any) -> dict[str, Any]:
    """100 customers of 1 each who are up for renewal, and one CSM for 40 of them."""
    base = {"customers": 100, "arr": 100, "atr": {"2027-01": 100}, "term_months": 12, "renewal_rate": 1}
    role = {"carries": carries or {"customers": 40}, "books_in": "customer success"}
    team = {"roles": {"csm": role}, "seats": [{"name": "csm", "role": "csm", "existing": 1}]}
    return {"base": {"smb": base | {"load_elasticity": elasticity} | terms}, "team": team}


def test_coverage_is_capacity_over_load() -> None:
    path = play(plan_of(**served(renewal_rate=0, term_months=12)))
    assert of_segment(path, "renewal_coverage") == pytest.approx([0.4, 1, 1, 1])
    by_arr = play(plan_of(**served(carries={"arr": 25, "duty": ["expansion"]})))
    assert of_segment(by_arr, "renewal_coverage") == [1, 1, 1, 1]
    assert of_segment(by_arr, "expansion_coverage") == pytest.approx([0.25] * 4)
    assert of_segment(play(plan_of(**customers(renewal_rate=1))), "renewal_coverage") == [1, 1, 1, 1]


@pytest.mark.parametrize(("elasticity", "rate"), [(0, 1), (0.5, math.sqrt(0.4)), (1, 0.4)])
def test_renewal_falls_with_coverage(elasticity: float, rate: float) -> None:
    number = int(of_segment(play(plan_of(**served(elasticity))), "renewals")[0])
    # Of 100: a two-sided binomial test at level 1e-6.
    assert stats.binomtest(number, 100, rate).pvalue > 1e-6
    assert rate == 1 or stats.binomtest(number, 100, 0.9).pvalue < 1e-6


def test_expansion_is_thinned_by_coverage() -> None:
    expansion = {"opportunities_per_customer": "24 per year", "win_rate": 0.5, "size": 1}
    path = play(plan_of(months=6, **served(term_months=120, renewal_rate=1, expansion=expansion)))
    met, worked, won = (sum(of_segment(path, f"expansions{name}")) for name in ("_met", "_worked", ""))
    # 100 customers at two a month for six months; of these 40 %; of these half. Level 1e-6; half must fail for 40 %.
    low, high = stats.poisson(1_200).ppf([1e-6, 1 - 1e-6])
    assert low <= met <= high
    assert stats.binomtest(int(worked), int(met), 0.4).pvalue > 1e-6
    assert stats.binomtest(int(worked), int(met), 0.5).pvalue < 1e-6
    assert stats.binomtest(int(won), int(worked), 0.5).pvalue > 1e-6


# --- expansion


def test_expansion_adds_its_size_every_time_it_is_won() -> None:
    expansion = {"opportunities_per_customer": "24 per year", "win_rate": 1, "size": 10}
    path = play(plan_of(months=12, **customers(renewal_rate=1, expansion=expansion)))
    number = np.array(of_segment(path, "expansions"))
    # 4 customers at 2 a month: 96 expected. Between the Poisson quantiles of 1e-6 from either end.
    assert stats.poisson(96).ppf(1e-6) <= number.sum() <= stats.poisson(96).ppf(1 - 1e-6)
    assert of_segment(path, "expansion_arr") == pytest.approx(list(10 * number))
    assert path.segment["ending_arr"][-1, 0] == pytest.approx(400 + 10 * number.sum())


def test_expansion_of_a_new_customer_begins_after_the_closing_month() -> None:
    expansion = {"opportunities_per_customer": "96 per year", "win_rate": 1, "size": 10}
    base = {"smb": {"renewal_rate": 1, "term_months": 120, "expansion": expansion}}
    path = play(plan_of(base=base, **pipeline({"stage": "opportunity", "count": 40}, cycle=1), **sellers()))
    number = of_segment(path, "expansions")
    # 40 customers, 320 a month from month 2 on: Poisson quantiles of 1e-6 from either end.
    low, high = stats.poisson(320).ppf([1e-6, 1 - 1e-6])
    assert number[:2] == [0, 0]
    assert all(low <= n <= high for n in number[2:])


def test_what_is_met_changes_with_the_month() -> None:
    rate = {"start": "0 per year", "2027-03": "96 per year", "2027-04": "0 per year"}
    expansion = {"opportunities_per_customer": rate, "win_rate": 1, "size": 10}
    path = play(plan_of(months=4, **customers(renewal_rate=1, expansion=expansion)))
    # 4 customers at 8 a month: Poisson quantiles of 1e-6 from either end.
    low, high = stats.poisson(32).ppf([1e-6, 1 - 1e-6])
    met = of_segment(path, "expansions_met")
    assert low <= met[2] <= high
    assert met[:2] + met[3:] == [0, 0, 0]


def uses_up(*hazards: float) -> Callable[[Address, Purpose, int], Uniforms]:
    """Chance by which so much hazard is used up until each expansion in turn, and no more follow."""
    gaps = [1 - math.exp(-hazard) for hazard in hazards]

    def luck(address: Address, purpose: Purpose, number: int) -> Uniforms:
        if purpose == Purpose.EXPANSION:
            return (gaps[number] if number < len(gaps) else 0.9999, 0.5, 0.5, 0.5)
        return (0.75, 0.5, 0.5, 0.5)

    return luck


def test_expansions_are_won_as_hazard_is_used_up_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four customers, one opportunity a month each, time for two of the four, half of what is worked is won: a hazard of
    # 0.25 a month, and Poisson numbers of mean 1 and 2, whose P(X <= k) are 0.37, 0.74, 0.92 and 0.14, 0.41, 0.68.
    load_the_dice(monkeypatch, uses_up(0.1, 0.2))
    expansion = {"opportunities_per_customer": "12 per year", "win_rate": 0.5, "size": 10}
    path = play(plan_of(months=3, **served(carries={"customers": 2}, customers=4, expansion=expansion)))
    assert of_segment(path, "expansions") == [4, 4, 0]
    assert of_segment(path, "expansions_worked") == [4 + 2, 4 + 2, 2]
    assert of_segment(path, "expansions_met") == [4 + 2 + 2, 4 + 2 + 2, 2 + 2]
    assert of_segment(path, "expansion_arr") == [40, 40, 0]


def four_accounts(**terms: Any) -> dict[str, Any]:
    """Accounts a, b, c and d of 10 to 40; b leaves in the first month."""
    sizes = {"d": 40, "b": 20, "a": 10, "c": 30}
    named = [
        {"name": name, "arr": arr, "renews": "2027-01" if name == "b" else "2027-12", "renewal_rate": int(name != "b")}
        for name, arr in sizes.items()
    ]
    base = {"customers": 4, "arr": 100, "named_accounts": named, "renewal_rate": 1, "term_months": 12, **terms}
    return {"base": {"smb": base}}


def test_who_leaves_does_not_expand_in_that_month(monkeypatch: pytest.MonkeyPatch) -> None:
    load_the_dice(monkeypatch, uses_up(0.6))
    expansion = {"opportunities_per_customer": "12 per year", "win_rate": 1, "size": 7}
    found = played(plan_of(months=1, **four_accounts(expansion=expansion))).books["smb"].customers
    assert [(c.address.name, c.arr) for c in found] == [("account/a", 17), ("account/c", 37), ("account/d", 47)]


def test_new_customers_expand_from_the_month_after_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    load_the_dice(monkeypatch, uses_up(0.6, 0.6, 0.6))
    expansion = {"opportunities_per_customer": "12 per year", "win_rate": 1, "size": 1}
    rules = four_accounts(expansion=expansion) | pipeline({"stage": "opportunity", "count": 1}) | sellers()
    found = played(plan_of(months=2, **rules)).books["smb"].customers
    # The hazard stands at 1 after the first month and at 2 after the second: old ones expand at 0.6, 1.2 and 1.8, the
    # new one at 1.6.
    names = ["account/a", "account/c", "account/d", "pipeline/inbound/smb"]
    assert [(c.address.name, c.arr) for c in found] == list(zip(names, [13, 33, 43, 101], strict=True))


def test_new_customers_renew_before_those_who_renewed_in_the_month_that_they_came() -> None:
    rules = customers(renewal_rate=1) | pipeline({"stage": "opportunity", "count": 2}) | sellers()
    book = played(plan_of(months=1, **rules)).books["smb"]
    new, old = [("pipeline/inbound/smb", i) for i in range(2)], [("base/smb", i) for i in range(4)]
    assert [(c.address.name, c.address.ordinal) for c in book.decisions[1]] == new + old


def test_each_term_has_its_own_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    def luck(address: Address, purpose: Purpose, number: int) -> Uniforms:
        # The customer renews on time at the end of term 0, late at that of term 1, and not at that of term 2.
        chances = {0: (0.5, 0.5, 0.9, 0.5), 1: (0.5, 0.9, 0.5, 0.5), 2: (0.95, 0.5, 0.1, 0.5)}
        return chances[number] if purpose == Purpose.TERM and number in chances else (0.5, 0.5, 0.5, 0.5)

    load_the_dice(monkeypatch, luck)
    terms = {"customers": 1, "arr": 100, "atr": {"2027-01": 100}, "terms": {2: "30 %", 3: "70 %"}}
    rules = {"renewal_rate": 0.9, "late": {"share": "20 %", "months": 1}}
    path = play(plan_of(months=6, base={"smb": terms | rules}))
    # Term 1 takes three months and its end is decided a month late; term 2 takes two.
    assert of_segment(path, "renewals") == [1, 0, 0, 0, 1, 0]
    assert of_segment(path, "churned_customers") == [0, 0, 0, 0, 0, 1]


# --- bills


def test_customers_are_billed_ahead() -> None:
    terms = {"renewal_rate": 1, "term_months": 12, "atr": {"2027-02": 400}}
    for billing, bills in (
        ("annual upfront", {1: 400}),
        ("semiannual upfront", {1: 200, 7: 200}),
        ("quarterly upfront", dict.fromkeys((1, 4, 7, 10), 100)),
        ("monthly", dict.fromkeys(range(12), 400 / 12)),
    ):
        path = play(plan_of(months=12, **customers(**terms), economics={"billing": billing}))
        assert of_segment(path, "billings") == pytest.approx([bills.get(month, 0) for month in range(12)])


def test_new_customers_and_expansions_are_billed_from_their_day() -> None:
    base = {"smb": {"renewal_rate": 1, "term_months": 120}}
    path = play(plan_of(base=base, **pipeline({"stage": "opportunity", "count": 3}, cycle=2), **sellers()))
    assert of_segment(path, "billings") == [0, 0, 300, 0]
    expansion = {"opportunities_per_customer": "24 per year", "win_rate": 1, "size": 12}
    terms = {"renewal_rate": 1, "term_months": 12, "atr": {"2027-04": 400}, "expansion": expansion}
    path = play(plan_of(months=4, **customers(**terms)))
    added = of_segment(path, "expansion_arr")
    assert of_segment(path, "billings")[:3] == pytest.approx([added[0] * 3 / 12, added[1] * 2 / 12, added[2] * 1 / 12])
    assert of_segment(path, "billings")[3] == pytest.approx(400 + sum(added))


# --- cohorts


def test_nrr_and_grr_follow_the_customers_of_a_year_ago() -> None:
    path = play(plan_of(months=13, **customers(renewal_rate=1, price_increase="1 %")))
    now = [400 * 1.01 ** (month + 1) for month in range(13)]
    assert of_segment(path, "nrr_arr") == pytest.approx(now)
    assert of_segment(path, "grr_arr") == pytest.approx([400] * 12 + [404])


def test_new_customers_are_in_no_cohort_of_the_opening_base() -> None:
    base = {"smb": {"customers": 1, "arr": 100, "renewal_rate": 1, "atr": {"2027-01": 100}}}
    plan = plan_of(months=14, base=base, **pipeline({"stage": "opportunity", "count": 3}, cycle=1), **sellers())
    path = play(plan)
    assert of_segment(path, "nrr_arr") == pytest.approx([100] * 13 + [400])
    assert of_segment(path, "grr_arr") == pytest.approx([100] * 13 + [400])
