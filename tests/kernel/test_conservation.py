"""Nothing appears or vanishes: people, opportunities, customers and money add up on every path and month."""

import numpy as np
import pytest

from simengine.kernel.tables import Cell, Opening, Pool, Row
from simengine.plan import loads
from simengine.simulation.pack import pack
from simengine.timeline import Timeline
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.kernel.support import simulate

PATHS = 20
YEAR = 12
ROUNDING = 1e-9
"""Of what flowed on the path."""


class Run:
    """Paths of a plan; segments, groups, cells and pools are in name order, as in the plan's tables."""

    def __init__(self, plan, values, shocks, paths=PATHS):
        self.plan, self.values = plan, values
        self.paths = simulate(self.plan, paths, values=self.values, shocks=shocks)
        self.tables = pack(self.plan, 7).tables
        self.segments, self.groups = sorted(self.plan.segments), sorted(group.name for group in self.plan.team.seats)
        self.role = {group.name: self.plan.team.roles[group.role] for group in self.plan.team.seats}
        flows = ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "one_off_bookings")
        moved = sum(np.abs(self.paths.segment[name]).sum(axis=(1, 2)) for name in flows)
        self.rounding = ROUNDING * (1.0 + self.opening_arr.sum() + moved)[:, None, None]

    @classmethod
    def of_number(cls, number):
        """Paths of a generated plan."""
        plan = loads(generated_plan(number))
        return cls(plan, generated_values(plan, number), generated_shocks(plan, number))

    @property
    def opening_arr(self):
        return self.to_segments(self.tables.customers[:, Opening.SEGMENT], self.tables.customer_numbers[:, 0])

    def to_segments(self, segments, weights):
        return np.bincount(segments, weights, minlength=len(self.segments)).astype(float)

    def of_cells(self, per_cell, chosen=1.0):
        """Sum what cells have, (path, month, cell), over the cells of each segment."""
        belongs = np.eye(len(self.segments))[self.tables.cells[:, Cell.SEGMENT]]
        return per_cell @ (belongs * np.reshape(chosen, (-1, 1)))

    def of_pools(self, per_pool):
        return per_pool @ np.eye(len(self.segments))[self.tables.pools[:, Pool.SEGMENT]]

    @property
    def sold(self):
        """1 for a cell that sellers work, 0 for self-service."""
        return self.tables.cells[:, Cell.SOLD].astype(float)

    def rows_at(self, *, last):
        """Rows of the opening pipeline at the last stage, or before it."""
        return self.tables.pipeline[(self.tables.pipeline[:, Row.STAGE] == self.tables.rates.shape[1]) == last]

    def same_money(self, one, other):
        assert (np.abs(one - other) <= self.rounding).all()

    def at_most(self, one, other):
        assert (one <= other + self.rounding).all()


@pytest.fixture(scope="module", params=range(0, PLANS, 4))
def run(request):
    return Run.of_number(request.param)


def opened(series, opening):
    """A stock at the beginning of each month, from its closing values and what it opened with."""
    return np.concatenate([np.broadcast_to(opening, series[:, :1].shape), series[:, :-1]], axis=1)


def so_far(series):
    return np.cumsum(series, axis=1)


# --- customers and ARR


def test_the_arr_bridge_closes(run):
    flows = run.paths.segment
    added = flows["new_arr"] + flows["expansion_arr"] + flows["price_arr"]
    lost = flows["contraction_arr"] + flows["churned_arr"]
    run.same_money(opened(flows["ending_arr"], run.opening_arr) + added - lost, flows["ending_arr"])


def test_customers_add_up(run):
    flows = run.paths.segment
    opening = run.to_segments(run.tables.customers[:, Opening.SEGMENT], np.ones(len(run.tables.customers)))
    closing = opened(flows["customers"], opening) + flows["new_customers"] - flows["churned_customers"]
    np.testing.assert_array_equal(closing, flows["customers"])
    np.testing.assert_array_equal(flows["renewals_due"], flows["renewals"] + flows["churned_customers"])
    stated = [run.plan.base[name].customers if name in run.plan.base else 0 for name in run.segments]
    np.testing.assert_array_equal(opening, stated)


def test_the_base_opens_with_the_stated_arr(run):
    stated = [run.plan.base[name].arr * run.plan.rate_of(name) if name in run.plan.base else 0 for name in run.segments]
    np.testing.assert_allclose(run.opening_arr, stated, rtol=1e-12)


def test_cohorts_are_at_most_what_they_were(run):
    flows = run.paths.segment
    ending = flows["ending_arr"]
    then = np.concatenate([np.broadcast_to(run.opening_arr, ending[:, :YEAR].shape), ending[:, :-YEAR]], axis=1)
    run.at_most(flows["grr_arr"], then)
    run.at_most(flows["grr_arr"], flows["nrr_arr"])
    run.at_most(flows["nrr_arr"], ending)


def test_what_is_won_goes_live_when_it_should(run):
    signed, live = so_far(run.paths.segment["new_arr"]), so_far(run.paths.segment["went_live"])
    run.at_most(live, signed)
    for column, name in enumerate(run.segments):
        lag = run.plan.base[name].go_live if name in run.plan.base else None
        if lag is None or Timeline(run.plan, {}).changes(lag):
            continue
        months = int(lag.of(run.values))
        before = np.pad(signed[..., [column]], ((0, 0), (months + 1, 0), (0, 0)))[:, : signed.shape[1] + 1]
        run.at_most(live[..., [column]], before[:, 1:])
        run.at_most(before[:, :-1], live[..., [column]])


def test_monthly_bills_are_a_twelfth_of_arr(run):
    flows = run.paths.segment
    assert (flows["billings"] >= 0).all()
    if run.plan.economics.billing == "monthly":
        run.same_money(flows["billings"], flows["ending_arr"] / 12 + flows["one_off_bookings"])


def test_expansion_is_met_then_worked_then_won(run):
    flows = run.paths.segment
    assert (flows["expansions"] <= flows["expansions_worked"]).all()
    assert (flows["expansions_worked"] <= flows["expansions_met"]).all()
    assert (flows["expansion_arr"][flows["expansions"] == 0] == 0).all()
    for name in ("renewal_coverage", "expansion_coverage"):
        assert ((flows[name] >= 0) & (flows[name] <= 1)).all()


# --- opportunities


def test_opportunities_add_up(run):
    flows, rows = run.paths.segment, run.rows_at(last=True)
    segments, waited = run.tables.cells[rows[:, Row.CELL], Cell.SEGMENT], rows[:, Row.WAITING]
    resumed, waiting = (run.to_segments(segments, rows[:, Row.COUNT] * these) for these in (1 - waited, waited))
    gone = so_far(flows["stale"] + flows["won"] + flows["lost"])
    came = so_far(flows["opportunities"]) + resumed + waiting
    np.testing.assert_array_equal(came, flows["open"] + flows["waiting"] + gone)
    in_line = opened(flows["waiting"], waiting) + flows["opportunities"] - flows["started"] - flows["stale"]
    np.testing.assert_array_equal(flows["waiting"], in_line)
    closed = flows["won"] + flows["lost"]
    np.testing.assert_array_equal(flows["open"], opened(flows["open"], resumed) + flows["started"] - closed)
    is_there = flows["open"] + flows["waiting"] > 0
    assert (flows["pipeline"][is_there] > 0).all()
    run.at_most(np.where(is_there, 0.0, flows["pipeline"]), 0.0)


def test_pools_add_up_to_their_segment(run):
    flows, pools = run.paths.segment, run.paths.pool
    rows = run.rows_at(last=True)
    waited = run.to_segments(
        run.tables.cells[rows[:, Row.CELL], Cell.SEGMENT], rows[:, Row.COUNT] * rows[:, Row.WAITING]
    )
    in_line = so_far(pools["started"] + pools["stale"] - pools["arrived"]) + pools["waiting"]
    assert (in_line == in_line[:, :1]).all()
    np.testing.assert_array_equal(run.of_pools(in_line), np.broadcast_to(waited, flows["waiting"].shape))
    for name in ("stale", "waiting"):
        np.testing.assert_array_equal(run.of_pools(pools[name]), flows[name])
    unlimited = np.isinf(pools["capacity"])
    np.testing.assert_array_equal(run.of_pools(unlimited) > 0, np.isinf(flows["capacity"]))
    limited = np.isfinite(flows["capacity"])
    rooms = run.of_pools(np.where(unlimited, 0.0, pools["capacity"]))
    np.testing.assert_allclose(rooms[limited], flows["capacity"][limited], rtol=1e-12)
    unsold = run.of_cells(run.paths.cell["opportunities"], 1 - run.sold)
    np.testing.assert_array_equal(run.of_pools(pools["arrived"]), flows["opportunities"] - unsold)
    np.testing.assert_array_equal(run.of_pools(pools["started"]), flows["started"] - unsold)


def test_rooms_hold_what_is_open(run):
    flows, load = run.paths.segment, run.of_pools(run.paths.pool["load"])
    assert (load >= -run.rounding).all()
    in_money = run.to_segments(run.tables.pools[:, Pool.SEGMENT], run.tables.pools[:, Pool.IN_MONEY]) > 0
    alone = run.to_segments(run.tables.cells[:, Cell.SEGMENT], 1 - run.sold) == 0
    np.testing.assert_array_equal(load[..., alone & ~in_money], flows["open"][..., alone & ~in_money])
    assert (((load > 0) == (flows["open"] > 0)) | ~alone).all()


def test_cells_add_up_to_their_segment(run):
    flows, cells = run.paths.segment, run.paths.cell
    for name in ("won", "opportunities"):
        np.testing.assert_array_equal(run.of_cells(cells[name]), flows[name])
    run.same_money(run.of_cells(cells["new_arr"]), flows["new_arr"])
    run.same_money(run.of_cells(cells["bookings"]), flows["new_arr"] + flows["one_off_bookings"])
    np.testing.assert_array_equal(run.paths.reached[..., -1], cells["opportunities"])


def test_who_passes_a_stage_was_at_the_one_before(run):
    reached, rows = so_far(run.paths.reached), run.rows_at(last=False)
    early = np.bincount(rows[:, Row.CELL], rows[:, Row.COUNT], minlength=len(run.tables.cells))
    passed = reached[..., 1:]
    assert (passed <= reached[..., :-1] + early[:, None]).all()
    lags = [demand.stage_lags for _, demand in sorted_demands(run.plan)]
    for column in (column for column, lag in enumerate(lags) if not lag):
        # without lags nobody is under way from one month to the next
        assert (np.diff(run.paths.reached[:, 1:, column], axis=-1) <= 0).all()


def sorted_demands(plan):
    channels = plan.funnel.channels.items()
    return sorted((((c, s), demand) for c, channel in channels for s, demand in channel.segments.items()), key=first)


def first(pair):
    return pair[0]


# --- people


def test_people_add_up(run):
    flows = run.paths.group
    opening = np.array([group.existing for group in sorted(run.plan.team.seats, key=lambda group: group.name)], float)
    closing = opened(flows["headcount"], opening) + flows["starts"] - flows["leavers"]
    np.testing.assert_array_equal(closing, flows["headcount"])
    np.testing.assert_array_equal(flows["working"], flows["headcount"] + flows["leavers"])
    assert (flows["involuntary"] + flows["promoted"] <= flows["leavers"]).all()
    assert (flows["ramped"] <= flows["working"] + ROUNDING).all()
    assert (flows["ramped"] >= 0).all()


def test_who_is_promoted_into_a_seat_starts_there(run):
    flows = run.paths.group
    internal = (flows["starts"] - flows["recruited"])[:, 1:]
    assert (flows["recruited"][:, 0] == flows["starts"][:, 0]).all()
    for column, name in enumerate(run.groups):
        sources = [
            other
            for other, source in enumerate(run.groups)
            if (promotion := run.role[source].promotion) is not None and promotion.into == name
        ]
        np.testing.assert_array_equal(internal[..., column], flows["promoted"][:, :-1, sources].sum(axis=-1))


def test_nobody_is_frozen_without_a_freeze(run):
    frozen = run.paths.group["frozen"]
    freeze = run.plan.team.hiring_freeze
    assert freeze is not None or not frozen.any()
    assert not frozen[:, 0].any()


# --- bookings, quotas, and what the year is made of


def test_bookings_are_credited_once(run):
    flows, cells = run.paths.segment, run.paths.cell
    bookings = flows["new_arr"] + flows["one_off_bookings"]
    by_sellers = run.of_pools(run.paths.pool["credited"])
    run.same_money(by_sellers + run.of_cells(cells["bookings"], 1 - run.sold), bookings)
    for column, segment in enumerate(run.segments):
        groups = [g for g, name in enumerate(run.groups) if segment_of(run.plan, name) == segment]
        credited = run.paths.group["credited"][..., groups].sum(axis=-1)[..., None]
        run.at_most(credited, by_sellers[..., [column]])
        known = (flows["new_from_existing"] + flows["new_from_hires"])[..., [column]]
        opening = (flows["new_from_pipeline"] + flows["one_off_bookings"])[..., [column]]
        run.at_most(known, credited)
        run.at_most(credited, known + opening)


def segment_of(plan, group):
    return next(entry.segment for entry in plan.team.seats if entry.name == group)


def test_new_arr_is_split_by_certainty(run):
    flows = run.paths.segment
    parts = ("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller")
    run.same_money(sum(flows[name] for name in parts), flows["new_arr"])
    assert all((flows[name] >= 0).all() for name in parts)


def test_the_quota_of_a_team_is_that_of_its_sellers(run):
    flows = run.paths.group
    for column, name in enumerate(run.groups):
        if run.role[name].quota != "team":
            continue
        team = next(group.team for group in run.plan.team.seats if group.name == name)
        sellers = [
            g.name for g in run.plan.team.seats if g.team == team and run.role[g.name].quota not in (None, "team")
        ]
        of_team = flows["quota"][..., [run.groups.index(seller) for seller in sellers]].sum(axis=-1)
        expected = np.where(flows["working"][..., column] > 0, of_team, 0.0)
        np.testing.assert_allclose(flows["quota"][..., column], expected, rtol=1e-9, atol=1e-9)


def test_who_is_rated_is_in_one_band_at_most(run):
    flows, start = run.paths.group, run.plan.plan.start
    assert (flows["at_quota"] + flows["near_quota"] + flows["below_half"] <= flows["rated"]).all()
    assert (flows["rated"] <= flows["headcount"]).all()
    months = np.arange(run.plan.plan.months)
    ends = ((start + months + 1) % YEAR == (run.plan.plan.fiscal_year_start - 1) % YEAR) | (months == months[-1])
    assert not flows["rated"][:, ~ends].any()


# --- what these tests rest on


def test_a_lost_deal_does_not_go_unnoticed():
    run = Run.of_number(0)
    run.paths.segment["lost"][0, 5, 0] += 1
    with pytest.raises(AssertionError):
        test_opportunities_add_up(run)


def test_a_dollar_does_not_go_unnoticed():
    run = Run.of_number(0)
    run.paths.segment["new_arr"][0, 5, 0] += 1.0
    with pytest.raises(AssertionError):
        test_new_arr_is_split_by_certainty(run)
