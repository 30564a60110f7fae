"""Cash: conservation on random paths, and a company in a steady state."""

from typing import Any

import numpy as np
import pytest

from simengine.results.books import Ledger
from simengine.results.cash import collected, opening_billings, opening_bills, opening_deferred_revenue
from tests.results.blocks import EVENTS, flat_block, random_block, small_plan

BASE = {"renewal_rate": "90 %", "customers": 12, "arr": 1_200_000}
NOBODY_YET = {"renewal_rate": "90 %"}


def economics(billing: str, dso: Any = 45) -> dict[str, Any]:
    return {"gross_margin": "margin", "billing": billing, "dso_days": dso, "opening_cash": 5_000_000}


@pytest.mark.parametrize("billing", ["annual upfront", "quarterly upfront", "monthly"])
def test_nothing_is_lost_between_bill_and_bank(billing: str) -> None:
    dso = {"start": 45, "2027-04": 100, "2027-09": 0}
    plan = small_plan(15, events=EVENTS, economics=economics(billing, dso))
    books = Ledger(plan, random_block(plan, 6, seed=2)).books()

    scale = 1e-9 * max(np.abs(books[name]).max() for name in ("billings", "revenue", "opex"))

    def is_kept(stock: str, gained: str, *lost: str) -> None:
        change = books[gained] - sum(books[name] for name in lost)
        np.testing.assert_allclose(np.diff(books[stock], axis=1), change[:, 1:], atol=scale, err_msg=stock)

    is_kept("cash", "collections", "cost_of_revenue", "opex")
    is_kept("receivables", "billings", "collections")
    is_kept("deferred_revenue", "billings", "revenue")
    np.testing.assert_allclose(books["cash"] + np.cumsum(books["net_burn"], axis=1), 5e6, atol=scale)
    # What is owed is what was billed and not paid, never less than nothing.
    assert (books["receivables"] >= -scale).all()


@pytest.mark.parametrize("lag", [0.0, 0.4, 1.0, 2.75])
def test_every_bill_is_paid_once(lag: float) -> None:
    rng = np.random.default_rng(5)
    billings = np.pad(rng.lognormal(size=(3, 10)), ((0, 0), (0, 5)))
    before = rng.lognormal(size=5)
    collections, owed = collected(billings, np.full(billings.shape, lag), before)
    np.testing.assert_allclose(collections.sum(axis=1), billings.sum(axis=1) + owed, rtol=1e-12)
    # A steady company is owed lag months of bills.
    steady, owed = collected(np.ones((1, 8)), np.full((1, 8), lag), np.ones(5))
    np.testing.assert_allclose(steady, 1.0, rtol=1e-12)
    np.testing.assert_allclose(owed, lag, rtol=1e-12)


def test_a_slower_payer_never_brings_cash_forward() -> None:
    billings = np.random.default_rng(6).lognormal(size=(4, 12))
    faster, slower = (collected(billings, np.full((4, 12), lag), np.zeros(4))[0] for lag in (1.3, 1.7))
    assert (np.cumsum(slower, axis=1) <= np.cumsum(faster, axis=1) + 1e-12).all()


def test_an_opening_base_billed_once_a_year() -> None:
    # Twelve customers of 100,000, one renewing in each of twelve months: every month one is billed.
    plan = small_plan(3, base={"smb-na": BASE, "ent-emea": NOBODY_YET}, economics=economics("annual upfront"))
    assert sorted(month for month, _ in opening_bills(plan)) == list(range(12))
    assert opening_billings(plan, opening_bills(plan), 14).tolist() == [100_000] * 14
    # Who is billed at the end of month b has b + 1 months to go: (1 + 2 + … + 12)/12 of 100,000.
    assert opening_deferred_revenue(plan, opening_bills(plan)) == pytest.approx(100_000 * 78 / 12)
    quarterly = small_plan(3, base={"smb-na": BASE, "ent-emea": NOBODY_YET}, economics=economics("quarterly upfront"))
    assert opening_billings(quarterly, opening_bills(quarterly), 6).tolist() == [100_000] * 6
    assert opening_deferred_revenue(quarterly, opening_bills(quarterly)) == pytest.approx(
        4 * 100_000 * (1 + 2 + 3) / 12
    )


def test_a_steady_company_keeps_its_balances() -> None:
    plan = small_plan(6, base={"smb-na": BASE, "ent-emea": NOBODY_YET}, economics=economics("annual upfront", 365 / 8))
    books = Ledger(plan, flat_block(plan, ending_arr=[0, 0, 1_200_000], billings=[0, 0, 100_000])).books()
    np.testing.assert_allclose(books["revenue"], 100_000)
    np.testing.assert_allclose(books["deferred_revenue"], 100_000 * 78 / 12)
    np.testing.assert_allclose(books["receivables"], 150_000)
    np.testing.assert_allclose(books["collections"], 100_000)
    # 20,000 is the cost of revenue, 5,000 the spend for inbound.
    np.testing.assert_allclose(books["net_burn"], 25_000 - 100_000)
    np.testing.assert_allclose(books["cash"][0], 5_000_000 + 75_000 * np.arange(1, 7))


def test_named_accounts_are_billed_like_the_rest() -> None:
    account = {"name": "Acme", "arr": 300_000, "renews": "2027-05", "renewal_rate": "95 %"}
    base = {"smb-na": {**BASE, "named_accounts": [account]}, "ent-emea": NOBODY_YET}
    plan = small_plan(3, base=base, economics=economics("annual upfront"))
    assert (4, 300_000) in opening_bills(plan)
    assert sum(arr for _, arr in opening_bills(plan)) == pytest.approx(1_200_000)


def test_money_of_a_segment_is_at_its_budget_rate() -> None:
    header = {"name": "Small", "currency": "EUR", "start": "2027-01", "months": 3, "rates": {"USD": 0.5}}
    segments = {"smb-na": {"currency": "USD", "geo": "NA"}, "ent-emea": {"geo": "EMEA"}, "services": {"sells": "once"}}
    base = {"smb-na": BASE, "ent-emea": BASE}
    plan = small_plan(3, plan=header, segments=segments, base=base, economics=economics("monthly"), targets=[])
    books = Ledger(plan, flat_block(plan)).books()
    assert float(books["opening_arr"]) == 600_000 + 1_200_000
    assert opening_billings(plan, opening_bills(plan), 1).tolist() == pytest.approx([150_000])
