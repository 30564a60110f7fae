"""What must balance on any plan, in the paths of the reference kernel."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from simengine.plan import Plan, loads
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.reference.byhand import SEED
from tests.reference.ledger import CELL_OUTPUTS, GROUP_OUTPUTS, POOL_OUTPUTS, SEGMENT_OUTPUTS, ReferencePath
from tests.reference.opening import opening_customers
from tests.reference.path import reference_path

SOME = range(0, PLANS, 4)
AT_LEAST = 2
"""Plans in which each thing must happen, for these tests to say anything about it."""


@cache
def generated_path(i: int) -> tuple[Plan, ReferencePath]:
    plan = loads(generated_plan(i))
    values, shocks = generated_values(plan, i), generated_shocks(plan, i)
    return plan, reference_path(plan, values, draw=i, seed=SEED, shocks=shocks)


def opening_arr(plan: Plan) -> list[float]:
    return [plan.base[name].arr * plan.rate_of(name) if name in plan.base else 0.0 for name in sorted(plan.segments)]


def with_opening(ending: np.ndarray, opening: Sequence[float]) -> np.ndarray:
    """What there was at the beginning of each month."""
    return np.vstack([opening, ending[:-1]])


@pytest.mark.parametrize("kind", ["segment", "group", "cell", "pool"])
def test_generated_plans_make_everything_happen(kind: str) -> None:
    outputs = {"segment": SEGMENT_OUTPUTS, "group": GROUP_OUTPUTS, "cell": CELL_OUTPUTS, "pool": POOL_OUTPUTS}[kind]
    for name in outputs:
        happens = sum(bool(getattr(path, kind)[name].any()) for _, path in map(generated_path, SOME))
        assert happens >= AT_LEAST, name
        if name in ("one_off_bookings", "stale", "expansions", "contraction_arr", "dropped", "promoted", "frozen"):
            assert happens <= len(SOME) - AT_LEAST, name


@pytest.mark.parametrize("i", SOME)
def test_arr_and_customers_balance(i: int) -> None:
    plan, path = generated_path(i)
    s = path.segment
    opening = with_opening(s["ending_arr"], opening_arr(plan))
    change = s["new_arr"] + s["expansion_arr"] + s["price_arr"] - s["contraction_arr"] - s["churned_arr"]
    np.testing.assert_allclose(opening + change, s["ending_arr"], rtol=1e-12, atol=1e-6)

    np.testing.assert_array_equal(s["renewals_due"], s["renewals"] + s["churned_customers"])
    there = {name: len(opening_customers(name, base, plan.plan.start)) for name, base in plan.base.items()}
    assert all(there[name] == base.customers for name, base in plan.base.items())
    before = with_opening(s["customers"], [there.get(name, 0) for name in sorted(plan.segments)])
    np.testing.assert_array_equal(before + s["new_customers"] - s["churned_customers"], s["customers"])

    assert (s["went_live"].cumsum(axis=0) <= s["new_arr"].cumsum(axis=0) * (1 + 1e-12)).all()
    origins = ("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller")
    np.testing.assert_allclose(sum(s[name] for name in origins), s["new_arr"], rtol=1e-12)
    assert (s["expansions"] <= s["expansions_worked"]).all()
    assert (s["expansions_worked"] <= s["expansions_met"]).all()
    for duty in ("renewal", "expansion"):
        assert ((s[f"{duty}_coverage"] >= 0) & (s[f"{duty}_coverage"] <= 1)).all()


@pytest.mark.parametrize("i", SOME)
def test_people_balance(i: int) -> None:
    plan, path = generated_path(i)
    g = path.group
    existing = [group.existing for group in sorted(plan.team.seats, key=lambda group: group.name)]
    before = with_opening(g["headcount"], existing)
    np.testing.assert_array_equal(before + g["starts"] - g["leavers"], g["headcount"])
    np.testing.assert_array_equal(g["headcount"] + g["leavers"], g["working"])
    assert (g["ramped"] <= g["working"] + 1e-12).all()
    assert (g["involuntary"] + g["promoted"] <= g["leavers"]).all()
    # Who is promoted inside the plan starts a month later, and nobody recruits them.
    internal = (g["starts"] - g["recruited"]).sum(axis=1)
    assert (internal[1:] <= g["promoted"].sum(axis=1)[:-1]).all()
    assert (g["rated"] >= g["at_quota"] + g["near_quota"] + g["below_half"]).all()
    assert (g["rated"] <= g["headcount"]).all()


@pytest.mark.parametrize("i", SOME)
def test_every_opportunity_is_somewhere(i: int) -> None:
    plan, path = generated_path(i)
    s, p = path.segment, path.pool
    rows = [row for row in plan.funnel.opening_pipeline.rows if row.stage == plan.funnel.stages[-1]]
    opening = [sum(row.count for row in rows if row.segment == segment) for segment in sorted(plan.segments)]
    came = opening + s["opportunities"].cumsum(axis=0)
    gone = (s["stale"] + s["won"] + s["lost"]).cumsum(axis=0)
    np.testing.assert_array_equal(came, s["open"] + s["waiting"] + gone)
    taken_up = (p["started"] + p["stale"]).cumsum(axis=0) + p["waiting"]
    waited = (taken_up - p["arrived"].cumsum(axis=0)).astype(int)
    assert (waited == waited[0]).all()
    assert waited[0].sum() == sum(row.count for row in rows if row.waiting)

    cells = sorted((name, segment) for name, channel in plan.funnel.channels.items() for segment in channel.segments)
    for column, segment in enumerate(sorted(plan.segments)):
        mine = [cell[1] == segment for cell in cells]
        np.testing.assert_array_equal(path.reached[:, mine, -1].sum(axis=1), s["opportunities"][:, column])
        np.testing.assert_array_equal(path.cell["won"][:, mine].sum(axis=1), s["won"][:, column])
        bookings = (s["new_arr"] + s["one_off_bookings"])[:, column]
        np.testing.assert_allclose(path.cell["bookings"][:, mine].sum(axis=1), bookings, rtol=1e-12)
        np.testing.assert_allclose(path.cell["new_arr"][:, mine].sum(axis=1), s["new_arr"][:, column], rtol=1e-12)
    np.testing.assert_array_equal(path.cell["opportunities"], path.reached[:, :, -1])
    # Nobody passes a stage before arriving at it; the first month has the opening pipeline too.
    assert (np.diff(path.reached[1:].cumsum(axis=0), axis=-1) <= path.reached[0].sum(axis=-1)[:, None]).all()


@pytest.mark.parametrize("i", SOME)
def test_credits_add_up(i: int) -> None:
    plan, path = generated_path(i)
    bookings = path.cell["bookings"].sum(axis=1)
    by_sellers = path.pool["credited"].sum(axis=1)
    by_seats = path.group["credited"].sum(axis=1)
    assert (by_seats <= by_sellers * (1 + 1e-12)).all()
    assert (by_sellers <= bookings * (1 + 1e-12)).all()
    names = sorted(group.name for group in plan.team.seats)
    roles = {group.name: plan.team.roles[group.role] for group in plan.team.seats}
    for column, name in enumerate(names):
        if not roles[name].sells:
            assert not path.group["credited"][:, column].any()
        if not roles[name].on_commission:
            assert not path.group["commission"][:, column].any()


@pytest.mark.parametrize("i", SOME)
def test_retained_arr_is_bounded_by_the_arr_of_a_year_ago(i: int) -> None:
    plan, path = generated_path(i)
    s = path.segment
    assert (s["grr_arr"] <= s["nrr_arr"] + 1e-9).all()
    then = np.vstack([[opening_arr(plan)] * 12, s["ending_arr"]])[: plan.plan.months]
    assert (s["grr_arr"] <= then * (1 + 1e-12) + 1e-6).all()
