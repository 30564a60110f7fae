"""On simulated paths nothing is lost between a booking, a bill and the bank (docs/model.md, section 3)."""

from __future__ import annotations

import numpy as np
import pytest

from simengine.plan import loads
from simengine.results.books import Ledger
from simengine.results.composition import composition_of
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.kernel.support import simulate
from tests.results.blocks import Block

PATHS = 10
ROUNDING = 1e-9
"""Of the largest amount that moved."""


@pytest.fixture(scope="module", params=range(2, PLANS, 10))
def ledger(request) -> Ledger:
    plan = loads(generated_plan(request.param))
    values, shocks = generated_values(plan, request.param), generated_shocks(plan, request.param)
    paths = simulate(plan, PATHS, values=values, shocks=shocks)
    columns = {name: np.full(PATHS, value) for name, value in values.items()}
    levels = {name: np.tile(level, (PATHS, 1)) for name, level in shocks.items()}
    return Ledger(
        plan, Block(0, paths.segment, paths.group, paths.cell, paths.pool, paths.reached, columns, columns, levels)
    )


def scale(ledger: Ledger) -> float:
    books = ledger.books()
    flows = ("billings", "revenue", "opex", "cost_of_revenue", "new_arr", "ending_arr", "collections")
    return ROUNDING * (1.0 + max(float(np.abs(books[name]).max(initial=0.0)) for name in flows))


def test_cash_receivables_and_deferred_revenue_close(ledger: Ledger) -> None:
    books, rounding = ledger.books(), scale(ledger)
    for stock, gained, lost in (
        ("cash", "collections", ("cost_of_revenue", "opex")),
        ("receivables", "billings", ("collections",)),
        ("deferred_revenue", "billings", ("revenue",)),
    ):
        change = books[gained] - sum(books[name] for name in lost)
        np.testing.assert_allclose(np.diff(books[stock], axis=1), change[:, 1:], rtol=0, atol=rounding, err_msg=stock)
    opening = ledger.plan.economics.opening_cash
    np.testing.assert_allclose(books["cash"] + np.cumsum(books["net_burn"], axis=1), opening, rtol=0, atol=rounding)
    assert (books["receivables"] >= -rounding).all()


def test_teams_and_the_house_add_up_to_what_is_booked(ledger: Ledger) -> None:
    """A deal is credited once: to a seat, and so to its team, or to the house."""
    books, plan = ledger.books(), ledger.plan
    credited = ledger.paths.group["credited"]
    groups = sorted(plan.team.seats, key=lambda group: group.name)
    teams = {group.team for group in groups}
    by_team = sum(credited[:, :, [i for i, g in enumerate(groups) if g.team == team]].sum(axis=2) for team in teams)
    house = books["bookings"] - credited.sum(axis=2)
    np.testing.assert_allclose(by_team, credited.sum(axis=2), rtol=1e-12)
    assert (house >= -scale(ledger)).all()


def test_the_parts_of_the_first_year_are_its_ending_arr(ledger: Ledger) -> None:
    last = min(12, ledger.plan.plan.months) - 1
    parts = composition_of(ledger, 0, last)
    np.testing.assert_allclose(
        parts.sum(axis=1), ledger.books().over("ending_arr", 0, last), rtol=0, atol=scale(ledger)
    )


def test_a_dollar_that_vanishes_is_noticed(ledger: Ledger) -> None:
    """Negative control: what the first test compares differs once a bill is a dollar short."""
    books = ledger.books()
    change = books["billings"] - books["collections"]
    change[:, -1] -= 1.0
    assert (np.abs(np.diff(books["receivables"], axis=1) - change[:, 1:])[:, -1] > 0.5).all()
