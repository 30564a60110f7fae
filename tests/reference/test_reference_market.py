"""Steps 2 to 4 on plans that can be followed by hand: demand, capacity, owners, closing."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simengine.plan import Plan
from tests.reference.byhand import event, load_the_dice, of_group, of_segment, pipeline, plan_of, play, played, sellers
from tests.reference.deals import Terms
from tests.reference.demand import Cell
from tests.reference.ledger import ReferencePath
from tests.reference.market import least_loaded
from tests.reference.numbers import Numbers

LEADS = {"stage": "lead", "count": 6}
STAGES = ("lead", "mql", "opportunity")


def cell_of(channel: dict[str, Any] | None = None, **demand: Any) -> Cell:
    law = {"win_rate": 1, "cycle": 1, "deal_size": 100, "volume": "6 per month", **demand}
    web = {"sold_by": "nobody", "segments": {"smb": law}, **(channel or {})}
    plan = plan_of(months=24, funnel={"channels": {"web": web}})
    parsed = plan.funnel.channels["web"]
    return Cell("web", "smb", parsed, parsed.segments["smb"], Numbers(plan, {}, None))


# --- demand


def test_demand_grows_and_has_seasons() -> None:
    weights = [1, 2, 3, *[2] * 9]
    cell = cell_of(growth="21 % per year", seasonality={"created": weights})
    assert cell.season(0) == pytest.approx(0.5)
    assert cell.season(6) == pytest.approx(1.1)
    assert cell.season(14) == pytest.approx(1.5 * 1.21 ** (14 / 12))


def test_growth_counts_from_before_the_plan() -> None:
    demand = {"volume": "5 per month", "win_rate": 0, "cycle": 1, "deal_size": 1, "growth": "21 % per year"}
    web = {"sold_by": "nobody", "segments": {"smb": demand}}
    plan = plan_of(months=12, header={"growth_from": "2026-07"}, funnel={"channels": {"web": web}})
    parsed = plan.funnel.channels["web"]
    cell = Cell("web", "smb", parsed, parsed.segments["smb"], Numbers(plan, {}, None))
    assert [cell.season(month) for month in (0, 6)] == pytest.approx([1.1, 1.21])


@pytest.mark.parametrize(("spend", "volume"), [(1_000, 6), (500, 6 * 0.5 * 3 / 2.5), (10**12, 6 * 3)])
def test_volume_responds_to_spend(spend: float, volume: float) -> None:
    response = {"at_spend": "1_000 per month", "half_saturation": "x2"}
    cell = cell_of({"spend": f"{spend} per month", "response": response})
    assert cell.given_volume(0) == pytest.approx(volume)
    changing = {"start": "2_000 per month", "2027-02": "0 per month"}
    cell = cell_of({"spend": changing, "response": response})
    assert [cell.given_volume(month) for month in (0, 1)] == pytest.approx([9, 0])


def mean_of(arrivals: Sequence[float] | np.ndarray, mean: float) -> bool:
    """Whether the total of Poisson numbers is between its quantiles of 1e-6 from either end."""
    low, high = stats.poisson(mean * len(arrivals)).ppf([1e-6, 1 - 1e-6])
    return bool(low <= sum(arrivals) <= high)


HOURS = {"sdr": {"hours": "100 per month"}, "ae": {"capacity": "unlimited"}}
PEOPLE = [
    {"name": "ae", "role": "ae", "segment": "smb", "existing": 3},
    {"name": "sdr", "role": "sdr", "existing": 4},
]


def found_by_hours(**channels: Any) -> ReferencePath:
    """Four SDRs with 100 hours each, for these channels."""
    law = {"rates": [1], "win_rate": 1, "cycle": 1, "deal_size": 100}
    for channel in channels.values():
        channel["segments"] = {"smb": law | channel["segments"]["smb"]}
    funnel = {"stages": ["lead", "opportunity"], "channels": channels}
    return play(plan_of(months=30, team={"roles": HOURS, "seats": PEOPLE}, funnel=funnel))


def test_hours_are_shared_by_weight() -> None:
    path = found_by_hours(
        cold={"segments": {"smb": {"from_hours": {"role": "sdr", "per_hour": 0.05, "weight": "x3"}}}},
        fairs={"segments": {"smb": {"from_hours": {"role": "sdr", "per_hour": 0.5}}}},
    )
    assert mean_of(path.reached[:, 0, 0], 0.05 * 300)
    assert mean_of(path.reached[:, 1, 0], 0.5 * 100)
    assert not mean_of(path.reached[:, 1, 0], 0.5 * 130)


def test_what_raises_its_hand_is_qualified_first() -> None:
    path = found_by_hours(
        cold={"segments": {"smb": {"from_hours": {"role": "sdr", "per_hour": 0.1}}}},
        web={"qualified_by": {"role": "sdr", "hours": 2}, "segments": {"smb": {"volume": "100 per month"}}},
    )
    # 400 hours, about 200 of them for qualification.
    assert not path.cell["dropped"].any()
    assert mean_of(path.reached[:, 0, 0], 0.1 * 200)


def test_what_nobody_can_qualify_is_dropped() -> None:
    path = found_by_hours(
        cold={"segments": {"smb": {"from_hours": {"role": "sdr", "per_hour": 0.1}}}},
        web={"qualified_by": {"role": "sdr", "hours": 8}, "segments": {"smb": {"volume": "100 per month"}}},
    )
    kept, dropped = path.reached[:, 1, 0], path.cell["dropped"][:, 1]
    assert mean_of(kept + dropped, 100)
    # Hours for exactly 50 a month, on average.
    assert abs(kept.mean() - 50) < 5 * math.sqrt(25 / 30)
    assert not path.reached[:, 0].any()


def test_sellers_find_opportunities_of_their_own() -> None:
    law = {"win_rate": 1, "cycle": 1, "deal_size": 100, "from_sellers": "4 per month"}
    funnel = {"channels": {"own": {"segments": {"smb": law}}}}
    role = {"ramp": {"workload": 1, "shape": "linear"}, "capacity": "unlimited"}
    path = play(plan_of(months=30, funnel=funnel, **sellers(existing=3, role=role)))
    # Half ramped in the first month.
    assert mean_of(of_segment(path, "opportunities")[1:], 12)
    assert not mean_of(of_segment(path, "opportunities")[1:], 9)
    nobody = sellers(existing=0, hires={"2027-01": 1}, time_to_fill_delay=40)
    assert sum(of_segment(play(plan_of(months=30, funnel=funnel, **nobody)), "opportunities")) == 0


def test_how_many_are_qualified_has_its_own_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    load_the_dice(monkeypatch, lambda *_: (0.5, 0.5, 0.02, 0.5))
    law = {"volume": "100 per month"}
    path = found_by_hours(web={"qualified_by": {"role": "sdr", "hours": 8}, "segments": {"smb": law}})
    # The median of a Poisson number of mean 100 is 100; of these, half: P(X <= 39) = 0.018, P(X <= 40) = 0.028.
    assert path.reached[:, 0, 0].tolist() == [40] * 30
    assert path.cell["dropped"][:, 0].tolist() == [60] * 30


def test_stages_take_time() -> None:
    law = {"rates": [1, 0.5], "stage_lags": [2, 0], "volume": "50 per month", "win_rate": 1, "cycle": 1}
    funnel = {"stages": list(STAGES), "channels": {"web": {"sold_by": "nobody", "segments": {"smb": law}}}}
    law["deal_size"] = 100
    reached = play(plan_of(months=8, funnel=funnel)).reached[:, 0]
    assert reached[2:, 1].tolist() == reached[:-2, 0].tolist()
    assert reached[:2, 1:].tolist() == [[0, 0], [0, 0]]
    assert 0 < reached[:, 2].sum() < reached[:, 1].sum()
    law["stage_lags"] = [1.25, 0]
    reached = play(plan_of(months=40, funnel=funnel)).reached[:, 0]
    assert reached[0, 1] == 0
    # A quarter of the first 50 or so takes a month longer.
    first, leads = reached[1, 1], reached[0, 0]
    assert stats.binomtest(int(first), int(leads), 0.75).pvalue > 1e-6
    assert stats.binomtest(int(first), int(leads), 0.25).pvalue < 1e-6
    assert reached[:, 1].sum() <= reached[:39, 0].sum()


# --- what a deal is worth


def test_a_share_of_deals_is_larger() -> None:
    terms = Terms(cell_of(deal_size_spread=0.5, outliers={"share": 0.25, "times": 8}), 1.0, 0)
    u = (np.arange(20_000) + 0.5) / 20_000
    sizes = [terms.deal(x) for x in u]
    # The midpoint rule leaves out a sliver of the tail.
    assert np.mean(sizes) == pytest.approx(terms.expected, rel=1e-3)
    assert terms.expected == pytest.approx(100 * (1 + 0.25 * 7))
    assert sizes[14_999] > sizes[0]
    assert terms.deal(0.375) * 8 == pytest.approx(terms.deal(0.875))


def test_the_highest_band_that_is_exceeded_counts() -> None:
    bands = [{"above": 100, "win_rate": "x0.5"}, {"above": 500, "win_rate": "x3", "cycle": "x2"}]
    terms = Terms(cell_of(win_rate=0.6, deal_bands=bands, cycle=3, cycle_lost=2), 1.0, 0)
    assert [terms.win_rate(worth) for worth in (100, 101, 500, 501)] == pytest.approx([0.6, 0.3, 0.3, 1])
    assert [terms.cycle(501, won=won).mean for won in (True, False)] == [6, 4]
    assert terms.cycle(101, won=True).mean == 3
    assert Terms(terms.cell, 10.0, 0).win_rate(1_001) == pytest.approx(0.3)


def test_bands_count_for_what_is_open() -> None:
    rows = [{"stage": "opportunity", "count": 3, "value": value, "age_months": 1} for value in (300, 3_000)]
    plan = plan_of(**pipeline(*rows, cycle=2, deal_bands=[{"above": 500, "cycle": "x1.6"}]), **sellers())
    assert of_segment(play(plan), "won") == [0, 3, 3, 0]


def test_money_is_in_the_currency_of_the_plan() -> None:
    row = {"stage": "opportunity", "count": 2}
    rules = pipeline(row | {"value": 300}, row)
    document = rules | sellers() | {"segments": {"smb": {"currency": "EUR"}}}
    base = {"smb": {"customers": 1, "arr": 50, "renewal_rate": 1}}
    path = play(plan_of(header={"rates": {"EUR": 1.5}}, base=base, **document))
    assert of_segment(path, "new_arr")[0] == pytest.approx(1.5 * (300 + 2 * 100))
    assert of_segment(path, "ending_arr")[0] == pytest.approx(1.5 * (50 + 300 + 2 * 100))


# --- the opening pipeline, capacity and closing


def test_open_opportunities_close_when_what_remains_of_their_cycle_is_over() -> None:
    row = {"stage": "opportunity", "age_months": 1, "count": 10, "value": 1_000}
    path = play(plan_of(**pipeline(row, cycle="3.5 months"), **sellers()))
    assert of_segment(path, "won") == [0, 0, 10, 0]
    assert of_segment(path, "new_arr") == of_segment(path, "new_from_pipeline") == pytest.approx([0, 0, 1_000, 0])
    assert of_segment(path, "new_customers") == [0, 0, 10, 0]
    assert of_segment(path, "open") == [10, 10, 0, 0]
    assert of_segment(path, "pipeline") == pytest.approx([1_000, 1_000, 0, 0])
    assert path.cell["bookings"][:, 0] == pytest.approx([0, 0, 1_000, 0])
    assert path.pool["load"][:, 0].tolist() == [10, 10, 0, 0]


def test_closing_follows_the_clock() -> None:
    # January and February run at half speed, March at double.
    row = {"stage": "opportunity", "count": 10}
    season = {"closed": [0.5, 0.5, 2] * 4}
    for cycle, month in ((0.25, 0), (0.75, 1), (1.25, 2), (2.75, 2), (3.25, 3)):
        path = play(plan_of(**pipeline(row, cycle=cycle, seasonality=season), **sellers()))
        assert np.flatnonzero(of_segment(path, "won")).tolist() == [month]


def test_old_opportunities_are_less_often_won_if_wins_are_quick() -> None:
    # Without spread every win has closed after 2 months, so at age 4 only losses are left, with 2 of their 6 to go.
    row = {"stage": "opportunity", "age_months": 4, "count": 30}
    path = play(plan_of(**pipeline(row, win_rate=0.9, cycle=2, cycle_lost=6), **sellers()))
    assert of_segment(path, "lost") == [0, 0, 30, 0]


def test_a_segment_that_sells_once_books_and_has_no_customers() -> None:
    path = play(plan_of(sells="once", **pipeline({"stage": "opportunity", "count": 3}), **sellers()))
    assert of_segment(path, "one_off_bookings") == of_segment(path, "billings") == [300, 0, 0, 0]
    assert of_group(path, "credited") == [300, 0, 0, 0]
    for name in ("new_arr", "customers", "new_from_pipeline", "went_live"):
        assert not path.segment[name].any()


def test_leads_pass_the_remaining_stages_and_wait_for_a_seller() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=1), **sellers()))
    assert path.reached[:, 0].tolist() == [[0, 6, 6], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert of_segment(path, "opportunities") == [6, 0, 0, 0]
    assert of_segment(path, "started") == [2, 2, 2, 0]
    assert of_segment(path, "won") == [0, 2, 2, 2]
    assert of_segment(path, "waiting") == [4, 2, 0, 0]
    assert of_segment(path, "pipeline") == pytest.approx([600, 400, 200, 0])
    assert path.pool["arrived"][:, 0].tolist() == [6, 0, 0, 0]


def test_who_waits_can_go_stale() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, stale="100 % per month", cycle=1), **sellers()))
    assert of_segment(path, "started") == [2, 0, 0, 0]
    assert of_segment(path, "stale") == [0, 4, 0, 0]


def test_place_patience_and_territory_have_their_own_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    # 1 + floor(ln 0.2 / ln 0.5) = 3 months of patience.
    places = (0.9, 0.1, 0.5, 0.95)
    load_the_dice(monkeypatch, lambda address, *_: (places[address.ordinal], 0.8, 0.2, 0.5))
    rules = pipeline({"stage": "lead", "count": 4}, stages=("lead", "opportunity"), stale="50 % per month", cycle=1)
    course = played(plan_of(months=1, **rules, **sellers()))
    pool = course.market.pools["smb", ""]
    assert [o.address.ordinal for o in pool.open] == [1, 2]
    assert [(o.address.ordinal, o.stale_from) for o in pool.queue] == [(0, 3), (3, 3)]
    # A quarter of the potential is in the east, which comes first.
    rules = territories() | pipeline({"stage": "lead", "count": 4}, stages=("lead", "opportunity"), cycle=1)
    assert play(plan_of(months=1, **rules)).pool["arrived"].tolist() == [[4, 0]]


def test_each_part_of_a_deal_has_its_own_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    load_the_dice(monkeypatch, lambda *_: (0.3, 0.9, 0.5, 0.4))
    row = {"stage": "lead", "count": 1}
    law: dict[str, Any] = {"win_rate": 0.4, "cycle": 1, "cycle_spread": 0.5, "deal_size_spread": 0.8}
    path = play(plan_of(**pipeline(row, stages=("lead", "opportunity"), **law), **sellers()))
    # Its cycle is exp(sqrt(ln 1.25) x 1.2816 - ln 1.25 / 2) = 1.64 months; with 0.4 it closes in month 2.
    # Its size is the median, 1 / sqrt(1.64) of the mean.
    assert of_segment(path, "new_arr") == pytest.approx([0, 0, 100 / math.sqrt(1.64), 0])


def test_without_limit_all_are_taken_up_as_soon_as_somebody_works() -> None:
    staff = sellers(existing=0, hires={"2027-03": 1}, role={"capacity": "unlimited"})
    path = play(plan_of(**pipeline(LEADS, stages=STAGES), **staff))
    assert of_segment(path, "capacity") == [0, 0, math.inf, math.inf]
    assert of_segment(path, "started") == [0, 0, 6, 0]


def test_an_open_opportunity_keeps_its_place_until_it_closes() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=2), **sellers()))
    assert of_segment(path, "started") == [2, 0, 2, 0]
    assert of_segment(path, "open") == [2, 2, 2, 2]


def test_what_starts_and_closes_in_the_same_month_takes_no_place() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=0), **sellers()))
    assert of_segment(path, "started") == of_segment(path, "won") == [6, 0, 0, 0]


def test_room_changes_from_a_month_on() -> None:
    role = {"capacity": {"open_opportunities": {"start": 1, "2027-03": 4}}}
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=30), **sellers(role=role)))
    assert of_segment(path, "started") == [1, 0, 3, 0]


def test_an_event_wins_more() -> None:
    news = {"news": event({"inbound": "x1.3"}, starts="2027-03")}
    law = pipeline(volume="400 per month")
    few = play(plan_of(**law, **sellers()))
    more = play(plan_of(**law, **sellers(), events=news))
    assert of_segment(more, "opportunities")[:2] == of_segment(few, "opportunities")[:2]
    assert np.divide(of_segment(more, "opportunities")[2:], of_segment(few, "opportunities")[2:]) == pytest.approx(
        [1.3, 1.3], rel=0.04
    )


def test_self_service_needs_no_place() -> None:
    rules = pipeline(LEADS, stages=STAGES)
    rules["funnel"]["channels"]["inbound"]["sold_by"] = "nobody"
    path = play(plan_of(**rules, **sellers(existing=0, hires={"2027-04": 1})))
    assert of_segment(path, "started") == [6, 0, 0, 0]
    assert of_segment(path, "capacity") == [0, 0, 0, 2]
    assert not path.pool["arrived"].any()
    assert not path.group["credited"].any()


# --- room in money


def in_money(*values: float, room: float = 1_000, cycle: float = 1) -> ReferencePath:
    rows = [{"stage": "lead", "count": 1, "value": value, "age_months": i} for i, value in enumerate(values)]
    staff = sellers(role={"capacity": {"pipeline": room}})
    return play(plan_of(months=6, **pipeline(*rows, stages=("lead", "opportunity"), cycle=cycle), **staff))


def test_room_can_be_money() -> None:
    path = in_money(600, 600, 600)
    assert of_segment(path, "started")[:3] == [1, 1, 1]
    assert path.pool["load"][:, 0].tolist() == [600, 600, 600, 0, 0, 0]
    assert of_segment(in_money(400, 600), "started")[0] == 2


def test_one_that_is_larger_than_everybody_starts_alone() -> None:
    assert of_segment(in_money(5_000, 5_000), "started")[:2] == [1, 1]
    assert of_segment(in_money(5_000, room=0), "started") == [0] * 6


# --- owners


def owners(row: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Two sellers, a with two places and b with four, and what is open, worked for two months more."""
    roles = {name: {"capacity": {"open_opportunities": places}} for name, places in (("a", 2), ("b", 4))}
    roles["a"] |= keys
    groups = [{"name": name, "role": name, "segment": "smb", "existing": 1} for name in roles]
    rules = pipeline({"stage": "opportunity", "value": 100 * row["count"], **row}, cycle=2)
    return {"team": {"roles": roles, "seats": groups}, **rules}


def credited(path: ReferencePath) -> list[list[float]]:
    return [list(column) for column in path.group["credited"].T]


def test_opportunities_go_to_who_has_most_room_left() -> None:
    assert credited(play(plan_of(**owners({"count": 6})))) == [[0, 0, 200, 0], [0, 0, 400, 0]]
    assert credited(play(plan_of(**owners({"count": 1})))) == [[0, 0, 0, 0], [0, 0, 100, 0]]


def test_ties_between_owners_are_exact() -> None:
    first, second = played(plan_of(months=1, **owners({"count": 1}))).staff.seats
    first.owned, second.owned = 0.0, 1.0
    assert least_loaded(1.0, [(first, 2.0), (second, 4.0)]) is first
    assert least_loaded(1.0, [(second, 4.0), (first, 2.0)]) is second
    # 49 times 1/49 is less than one by a last digit.
    first.owned, second.owned = 0.0, 48.0
    assert least_loaded(1.0, [(first, 1.0), (second, 49.0)]) is second
    assert least_loaded(1.0, [(first, 0.0), (second, 0.0)]) is None


def test_a_row_can_name_its_owner() -> None:
    assert credited(play(plan_of(**owners({"count": 6, "owner": "a"})))) == [[0, 0, 600, 0], [0, 0, 0, 0]]


GONE = {"voluntary": "99.9 % per year", "by_tenure": {0: "x0", 1: "x1000", 2: "x0"}}


def test_a_leavers_opportunities_go_to_a_colleague() -> None:
    path = play(plan_of(months=6, **owners({"count": 6, "owner": "a"}, attrition=GONE)))
    assert credited(path) == [[0] * 6, [0, 0, 600, 0, 0, 0]]
    assert path.pool["load"][:, 0].tolist() == [6, 6, 0, 0, 0, 0]


def test_a_leavers_opportunities_close_later_and_are_won_less_often() -> None:
    rule = {"reassigned_after": 2, "win_rate": "x0.7"}
    path = play(plan_of(months=6, **owners({"count": 500, "owner": "a"}, attrition=GONE, leaver_pipeline=rule)))
    won = of_segment(path, "won")
    assert [month for month in range(6) if won[month]] == [4]
    # 500, each won with 70 %: a two-sided binomial test at level 1e-6, which 90 % must fail.
    assert stats.binomtest(int(won[4]), 500, 0.7).pvalue > 1e-6
    assert stats.binomtest(int(won[4]), 500, 0.9).pvalue < 1e-6
    assert of_segment(path, "lost")[4] == 500 - won[4]


def order_of_closing(plan: Plan) -> list[tuple[str, int, int]]:
    """Channel, ordinal and age in whole months of who became a customer, in order."""
    start = plan.plan.start
    won = [customer.address for customer in played(plan).books["smb"].customers]
    return [(address.name.split("/")[1], address.ordinal, start - address.period) for address in won]


def test_deals_close_in_the_order_in_which_they_were_set_to() -> None:
    rows = [{"stage": "lead", "count": 2}, {"stage": "opportunity", "count": 1}, {"stage": "lead", "count": 1}]
    rules = pipeline(*rows, stages=("lead", "opportunity"), cycle=1)
    rules["funnel"]["opening_pipeline"]["rows"][2]["channel"] = "web"
    channels = rules["funnel"]["channels"]
    channels["web"] = {"sold_by": "nobody", **channels["inbound"]}
    # All in month 1. What is open already, then self-service, then what sellers start.
    plan = plan_of(**rules, **sellers())
    assert order_of_closing(plan) == [("inbound", 2, 0), ("web", 0, 0), ("inbound", 0, 0), ("inbound", 1, 0)]


def handed_over(later: int, age: int) -> Plan:
    """Two deals with a cycle of three months; the one of that age belongs to a, who leaves after month 1."""
    rule = {"reassigned_after": later, "win_rate": "x1"}
    rules = owners({"count": 1, "owner": "a", "age_months": age}, attrition=GONE, leaver_pipeline=rule)
    rules["funnel"]["channels"]["inbound"]["segments"]["smb"]["cycle"] = 3
    rows = rules["funnel"]["opening_pipeline"]["rows"]
    rows.append(rows[0] | {"owner": "b", "age_months": 0})
    return plan_of(months=6, **rules)


def test_what_is_handed_over_closes_after_what_was_set_before() -> None:
    # Put off from month 2 to month 3, behind what closes then already.
    assert order_of_closing(handed_over(later=1, age=1)) == [("inbound", 0, 0), ("inbound", 0, 1)]
    # Also where it is not put off: a's was the first of the two.
    assert order_of_closing(handed_over(later=0, age=0)) == [("inbound", 1, 0), ("inbound", 0, 0)]


def test_without_colleagues_the_successor_inherits() -> None:
    role = {"attrition": GONE, "backfill": {"policy": "always", "lag": 1}}
    for cycle, earner in ((2, 0), (4, 1)):
        rules = pipeline({"stage": "opportunity", "count": 1, "value": 1_000}, cycle=cycle)
        paid = role | {"quota": "12_000 per year", "cost": {"variable": "1_200 per year"}}
        path = play(plan_of(months=6, **rules, **sellers(role=paid)))
        # Gone after month 1, followed in month 3.
        assert of_group(path, "working") == [1, 1, 0, 1, 1, 0]
        assert of_group(path, "credited")[cycle] == 1_000
        assert of_group(path, "commission")[cycle] == pytest.approx(100 * earner)


def test_who_wins_what() -> None:
    law = {"win_rate": 1, "cycle": 0, "deal_size": 100, "volume": "30 per month"}
    funnel = {
        "channels": {"inbound": {"segments": {"smb": law}}, "web": {"sold_by": "nobody", "segments": {"smb": law}}}
    }
    role = {"capacity": {"open_opportunities": 1_000}, "attrition": GONE, "backfill": {"policy": "always", "lag": 0}}
    path = play(plan_of(months=4, funnel=funnel, **sellers(role=role)))
    by_sellers, alone = path.cell["new_arr"].T.tolist()
    assert of_segment(path, "new_from_existing") == pytest.approx([*by_sellers[:2], 0, 0])
    assert of_segment(path, "new_from_hires") == pytest.approx([0, 0, *by_sellers[2:]])
    assert of_segment(path, "new_without_seller") == pytest.approx(alone)
    assert not any(of_segment(path, "new_from_pipeline"))


# --- territories


def territories(routing: str = "territories", potential: tuple[float, float] = (3, 1)) -> dict[str, Any]:
    """Two sellers with ten places each; the first has the west, with three quarters of the potential."""
    role = {"capacity": {"open_opportunities": 10}, "quota": "120_000 per year"}
    groups = [{"name": "ae", "role": "ae", "segment": "smb", "existing": 2}]
    areas = [{"name": name, "seats": "ae", "potential": x} for name, x in zip(("west", "east"), potential, strict=True)]
    team = {"roles": {"ae": role}, "seats": groups, "territories": areas, "routing": {"smb": routing}}
    return {"team": team, **pipeline(volume="40 per month", cycle=1)}


def test_each_seat_works_its_territory() -> None:
    path = play(plan_of(months=24, **territories()))
    # Pools in name order: east, west.
    east, west = path.pool["arrived"].sum(axis=0)
    assert stats.binomtest(int(west), int(west + east), 0.75).pvalue > 1e-6
    assert stats.binomtest(int(west), int(west + east), 0.25).pvalue < 1e-6
    assert path.pool["capacity"][0].tolist() == [10, 10]
    assert path.pool["started"][:, 1].tolist() == [10] * 24
    # The west is too much for one, the east about right: 30 and 10 a month for ten places.
    assert path.pool["waiting"][-1, 1] > 300
    assert of_group(path, "quota")[0] == pytest.approx(20_000)


def test_pooled_sellers_help_each_other() -> None:
    path = play(plan_of(months=24, **territories("pooled")))
    assert path.pool["capacity"].tolist() == [[20.0]] * 24
    apart = play(plan_of(months=24, **territories()))
    assert sum(of_segment(path, "started")) > sum(of_segment(apart, "started"))


def test_quotas_follow_the_potential() -> None:
    plan = plan_of(months=2, **territories())
    team = plan.team
    path = play(plan)
    assert [t.name for t in team.territories_of("smb")] == ["east", "west"]
    assert of_group(path, "quota") == pytest.approx([20_000, 20_000])
    only = territories()
    only["team"]["seats"] = [{"name": name, "role": "ae", "segment": "smb", "existing": 1} for name in ("east", "west")]
    only["team"]["territories"] = [
        {"name": name, "seats": name, "potential": x} for name, x in (("west", 3), ("east", 1))
    ]
    path = play(plan_of(months=2, **only))
    assert path.group["quota"][0] == pytest.approx([5_000, 15_000])
