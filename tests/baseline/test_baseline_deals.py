"""Expected deals: who waits, what closes when, who owns it and what it is worth."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simengine.baseline import baseline
from simengine.baseline.deals import Owner, Pool, Pools, Resumed, Stream
from simengine.baseline.laws import closing_shares
from simengine.plan import Plan
from tests.baseline.support import CENT, SOLD, by_month, plan_of, selling


def test_deals_close_after_the_cycle_and_some_are_whales() -> None:
    sold = {**SOLD, "outliers": {"share": "10 %", "times": "x3"}}
    funnel = {"channels": {"outbound": {"segments": {"smb": sold}}}}
    found = baseline(plan_of(4, funnel=funnel, team=selling([{"existing": 1}])), {})
    # Of 10 a month 2 are won, 3/4 of them a month later, 1/4 two months later; a deal is worth 10,000 · (1 + 0.1 · 2).
    assert by_month(found, "won") == pytest.approx([0, 1.5, 2, 2])
    assert by_month(found, "lost") == pytest.approx([0, 6, 8, 8])
    assert by_month(found, "new_arr") == pytest.approx([0, 18_000, 24_000, 24_000], abs=CENT)
    assert by_month(found, "ending_arr") == pytest.approx([0, 18_000, 42_000, 66_000], abs=CENT)
    assert by_month(found, "customers") == pytest.approx([0, 1.5, 3.5, 5.5])
    assert by_month(found, "open") == pytest.approx([10, 12.5, 12.5, 12.5])
    assert all(math.isinf(c) for c in by_month(found, "capacity"))


def test_next_to_nothing_is_begun_without_a_warning() -> None:
    """Of less than the smallest normal number what is free has no share that can be told: all of it begins."""
    sold = {**SOLD, "volume": "1e-310 per month"}
    funnel = {"channels": {"outbound": {"segments": {"smb": sold}}}}
    people = selling([{"existing": 1}], capacity={"open_opportunities": 1.2})
    found = baseline(plan_of(4, funnel=funnel, team=people), {})
    assert by_month(found, "won") == pytest.approx([0, 0, 0, 0])
    assert by_month(found, "waiting") == pytest.approx([0, 0, 0, 0])


def test_a_queue_is_first_come_first_served_and_goes_stale() -> None:
    sold = {"win_rate": "25 %", "cycle": "2 months"}
    funnel = {
        "stale": "50 % per month",
        "channels": {
            "inbound": {"segments": {"smb": {**sold, "volume": "6 per month", "deal_size": 10_000}}},
            "outbound": {"segments": {"smb": {**sold, "volume": "2 per month", "deal_size": 40_000}}},
            "web": {"sold_by": "nobody", "segments": {"smb": {**sold, "volume": "4 per month", "deal_size": 1_000}}},
        },
    }
    team = selling([{"existing": 1}], capacity={"open_opportunities": 10})
    found = baseline(plan_of(5, funnel=funnel, team=team), {})
    # Places: 10. What starts in month t holds one in t and t + 1, and closes in t + 2. `web` needs none: 4 a month.
    # 0: 8 arrive and start. Waiting 0.
    # 1: 8 arrive, 2 start. Waiting 6.
    # 2: 3 go stale; the 8 of month 0 close, 2 of them won; 8 arrive, 8 places: 3 + 5. Waiting 3.
    # 3: 1.5 go stale; the 2 of month 1 close; 8 arrive, 2 places: 1.5 + 0.5. Waiting 7.5.
    # 4: 3.75 go stale; the 8 of month 2 close; 8 arrive, 8 places: 3.75 + 4.25. Waiting 3.75.
    assert by_month(found, "started") == pytest.approx([8 + 4, 2 + 4, 8 + 4, 2 + 4, 8 + 4])
    assert by_month(found, "stale") == pytest.approx([0, 0, 3, 1.5, 3.75])
    assert by_month(found, "waiting") == pytest.approx([0, 6, 3, 7.5, 3.75])
    assert by_month(found, "open") == pytest.approx([8 + 4, 10 + 8, 10 + 8, 10 + 8, 10 + 8])
    assert by_month(found, "capacity") == pytest.approx([10] * 5)
    # Won from month 2 on: a quarter of what started two months before; inbound and outbound share places 3 : 1.
    won = found.cell["won"][0]
    assert won[:, 0] == pytest.approx([0, 0, 1.5, 0.375, 1.5])
    assert won[:, 1] == pytest.approx([0, 0, 0.5, 0.125, 0.5])
    assert won[:, 2] == pytest.approx([0, 0, 1, 1, 1])
    bookings = [0, 0, 15_000 + 20_000 + 1_000, 3_750 + 5_000 + 1_000, 15_000 + 20_000 + 1_000]
    assert by_month(found, "new_arr") == pytest.approx(bookings, abs=CENT)
    assert found.cell["bookings"][0].sum(axis=1) == pytest.approx(bookings, abs=CENT)


def test_sellers_at_full_load_start_capacity_over_cycle_a_month() -> None:
    # Little's law: 10 places and a cycle of 2.5 months on average, whatever its spread, make 4 starts a month.
    for spread in ("0 %", "80 %"):
        demand = {
            "volume": "50 per month",
            "win_rate": "25 %",
            "cycle": "2.5 months",
            "cycle_spread": spread,
            "deal_size": 1,
        }
        funnel = {"stale": "90 % per month", "channels": {"inbound": {"segments": {"smb": demand}}}}
        team = selling([{"existing": 1}], capacity={"open_opportunities": 10})
        started = by_month(baseline(plan_of(100, funnel=funnel, team=team), {}), "started")
        assert np.mean(started[50:]) == pytest.approx(4, rel=1e-3)


def pipeline_plan(rows: list[dict[str, Any]], months: int = 6, stale: float = 0.0, **sold: Any) -> Plan:
    demand = {"volume": "0 per month", "rates": ["50 %"], "win_rate": "25 %", "deal_size": 24_000, **sold}
    funnel = {
        "stages": ["lead", "opportunity"],
        "stale": f"{100 * stale:g} % per month",
        "channels": {"inbound": {"segments": {"smb": demand}}},
        "opening_pipeline": {"rows": [{"segment": "smb", "channel": "inbound", **row} for row in rows]},
    }
    return plan_of(months, funnel=funnel, team=selling([{"existing": 1}], capacity={"open_opportunities": 9}))


def test_opening_pipeline_closes_by_its_age() -> None:
    rows = [
        {"stage": "opportunity", "age_months": 1, "count": 8, "value": 800_000},
        {"stage": "opportunity", "age_months": 5, "count": 4},
        {"stage": "lead", "age_months": 0, "count": 20},
        {"stage": "lead", "age_months": 3, "count": 4, "value": 60_000},
    ]
    found = baseline(pipeline_plan(rows, cycle="3 months"), {})
    # The 8 close in month 2 (2 won at 100,000); the overdue 4 at once (1 won at 24,000), and make room: the 8 hold 8 of
    # 9 places. 10 and 2 leads become opportunities in month 0: 1 starts at once, 8 in month 2, when the 8 close, 1 in
    # month 3, when the first has closed, and the last 2 in month 5. Each closes three months later, a quarter won:
    # 10/12 of them at 24,000 and 2/12 at 15,000.
    assert by_month(found, "opportunities") == pytest.approx([12, 0, 0, 0, 0, 0])
    assert by_month(found, "started") == pytest.approx([1, 0, 8, 1, 0, 2])
    assert by_month(found, "won") == pytest.approx([1, 0, 2, 0.25, 0, 2])
    assert by_month(found, "lost") == pytest.approx([3, 0, 6, 0.75, 0, 6])
    assert by_month(found, "open") == pytest.approx([9, 9, 9, 9, 9, 3])
    deal = 0.25 * (10 * 24_000 + 2 * 15_000) / 12
    assert by_month(found, "new_arr") == pytest.approx([24_000, 0, 200_000, deal, 0, 8 * deal], abs=CENT)
    assert found.reached[0, 0, 0].tolist() == [0, 12]


@pytest.mark.parametrize("stale", [0.0, 0.2])
def test_what_waits_at_the_start_comes_first_and_goes_stale(stale: float) -> None:
    rows = [
        {"stage": "opportunity", "age_months": 1, "count": 8, "value": 800_000},
        {"stage": "opportunity", "age_months": 2, "count": 3, "waiting": True},
        {"stage": "opportunity", "age_months": 4, "count": 2, "waiting": True, "value": 60_000},
        {"stage": "lead", "age_months": 0, "count": 4, "value": 40_000},
    ]
    found = baseline(pipeline_plan(rows, stale=stale, cycle="3 months"), {})
    # Of the 5 a share goes stale at once and 1 starts; 2 leads become opportunities. In month 2 the 8 close, and what
    # is left of both starts.
    kept = 5 * (1 - stale)
    old, young = (kept - 1) * (1 - stale) ** 2, 2 * (1 - stale) ** 2
    assert by_month(found, "opportunities") == pytest.approx([2, 0, 0, 0, 0, 0])
    assert by_month(found, "stale")[0] == pytest.approx(5 * stale)
    assert by_month(found, "waiting")[0] == pytest.approx(kept - 1 + 2)
    assert by_month(found, "started") == pytest.approx([1, 0, old + young, 0, 0, 0])
    assert by_month(found, "open") == pytest.approx([9, 9, 1 + old + young, old + young, old + young, 0])
    size = (3 * 24_000 + 2 * 30_000) / 5
    last = old * size + young * 10_000
    assert by_month(found, "pipeline")[4:] == pytest.approx([last, 0])
    assert by_month(found, "new_arr") == pytest.approx([0, 0, 200_000, size / 4, 0, last / 4], abs=CENT)
    assert found.segment["new_arr"].tobytes() == found.segment["new_from_pipeline"].tobytes()


def test_opening_pipeline_that_is_old_is_likely_lost() -> None:
    rows = [{"stage": "opportunity", "age_months": 4, "count": 9}]
    fixed = baseline(pipeline_plan(rows, cycle="3 months", cycle_lost="6 months"), {})
    # A won deal would have closed at three months; the lost ones close two months from now.
    assert by_month(fixed, "won") == pytest.approx([0] * 6)
    assert by_month(fixed, "lost") == pytest.approx([0, 0, 9, 0, 0, 0])

    sold = {"cycle": "3 months", "cycle_lost": "6 months", "cycle_spread": "50 %"}
    found = baseline(pipeline_plan(rows, **sold), {})
    sigma = math.sqrt(math.log(1.25))
    survival = {m: stats.lognorm(sigma, scale=m * math.exp(-(sigma**2) / 2)).sf(4 + np.arange(7.0)) for m in (3, 6)}
    winning, losing = 0.25 * survival[3][0], 0.75 * survival[6][0]
    for name, share, curve in (("won", winning, survival[3]), ("lost", losing, survival[6])):
        assert by_month(found, name) == pytest.approx(-9 * share / (winning + losing) * np.diff(curve) / curve[0])
    assert sum(by_month(found, "won")) < 0.25 * 9 / 2


def test_a_cycle_of_no_time_is_as_likely_won_as_any_other() -> None:
    # On the day on which it starts nothing has closed yet.
    rows = [{"stage": "opportunity", "age_months": 0, "count": 8}]
    found = baseline(pipeline_plan(rows, cycle="0 months", cycle_lost="2 months"), {})
    assert by_month(found, "won") == pytest.approx([2, 0, 0, 0, 0, 0])
    assert by_month(found, "lost") == pytest.approx([0, 0, 6, 0, 0, 0])


def self_service(**sold: Any) -> dict[str, Any]:
    return {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": {**SOLD, **sold}}}}}


def test_bands_of_deals_are_won_at_their_own_rate_after_their_own_cycle() -> None:
    sold = {
        "volume": "100 per month",
        "win_rate": "40 %",
        "cycle": "1 month",
        "deal_size": 20_000,
        "outliers": {"share": "25 %", "times": "x4"},
        "deal_bands": [
            {"above": 15_000},
            {"above": 50_000, "win_rate": "x0.5", "cycle": "x2"},
            {"above": 90_000, "win_rate": "x0"},
        ],
    }
    found = baseline(plan_of(4, funnel=self_service(**sold)), {})
    # 75 of 20,000: 30 won a month later. 25 of 80,000: 5 won, 20 lost, two months later.
    assert by_month(found, "won") == pytest.approx([0, 30, 35, 35])
    assert by_month(found, "lost") == pytest.approx([0, 45, 65, 65])
    assert by_month(found, "new_arr") == pytest.approx([0, 600_000, 1_000_000, 1_000_000], abs=CENT)
    # Nobody knows the size before: open are 100 and 25 at 20,000 · (1 + 0.25 · 3), with none of them closed yet.
    assert by_month(found, "pipeline")[:2] == pytest.approx([3_500_000, 125 * 35_000])


def test_shares_and_sizes_in_bands_of_a_lognormal() -> None:
    law = stats.lognorm(math.sqrt(math.log(1.64)), scale=20_000 / math.sqrt(1.64))
    sold = {"cycle": "0 months", "deal_size": 20_000, "deal_size_spread": "80 %"}
    bands = {"deal_bands": [{"above": 20_000, "win_rate": "x6"}, {"above": 40_000, "win_rate": "x0.5"}]}
    found = baseline(plan_of(1, funnel=self_service(**sold, **bands)), {})
    # 20 % at the bottom, six times as much is certain, and 10 % at the top.
    edges, chances = [0, 20_000, 40_000, math.inf], [0.2, 1.0, 0.1]
    won = [10 * p * (law.cdf(b) - law.cdf(a)) for p, a, b in zip(chances, edges[:-1], edges[1:], strict=True)]
    arr = [10 * p * law.expect(lambda x: x, lb=a, ub=b) for p, a, b in zip(chances, edges[:-1], edges[1:], strict=True)]
    assert by_month(found, "won") == pytest.approx([sum(won)])
    assert by_month(found, "new_arr") == pytest.approx([sum(arr)])


def test_deals_close_on_a_clock_with_seasons() -> None:
    closed = [1, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    sold = {"win_rate": "100 %", "cycle": "1 month", "seasonality": {"closed": closed}}
    found = baseline(plan_of(5, funnel=self_service(**sold)), {})
    # The clock shows 0, 1, 1, 3, 4, 5. January's ten close at 1 … 2: in March, and so do February's, at 2. March's
    # close at 2 … 4: half in March, half in April. April's close in May.
    assert by_month(found, "won") == pytest.approx([0, 0, 25, 5, 10])


def test_the_opening_pipeline_closes_on_the_clock_and_in_its_band() -> None:
    rows = [{"stage": "opportunity", "age_months": 1, "count": 8, "value": 800_000}]
    bands = [{"above": 90_000, "win_rate": "x2", "cycle": "x1.5"}]
    seasons = {"closed": [0.5, 0.5, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]}
    plan = pipeline_plan(rows, cycle="2 months", deal_bands=bands, seasonality=seasons)
    found = baseline(plan, {})
    # 100,000 each: half are won, and they have 3 − 1 months to go on a clock that shows 0, 0.5, 1, 3: in March.
    assert by_month(found, "won") == pytest.approx([0, 0, 4, 0, 0, 0])
    assert by_month(found, "new_from_pipeline") == pytest.approx([0, 0, 400_000, 0, 0, 0], abs=CENT)
    assert found.segment["new_arr"].tobytes() == found.segment["new_from_pipeline"].tobytes()


def test_opportunities_of_leavers_close_later_and_less_often() -> None:
    team = selling(
        [{"existing": 10}],
        attrition={"voluntary": f"{1 - 0.9**12} per year"},
        leaver_pipeline={"reassigned_after": "1 month", "win_rate": "x0.5"},
    )
    demand = {**SOLD, "volume": "0 per month", "win_rate": "100 %", "cycle": "2 months"}
    rows = [{"segment": "smb", "channel": "web", "stage": "opportunity", "age_months": 0, "count": 100}]
    funnel = {"channels": {"web": {"segments": {"smb": demand}}}, "opening_pipeline": {"rows": rows}}
    found = baseline(plan_of(5, team=team, funnel=funnel), {})
    # A tenth at the end of month 0: 90 close in month 2, 5 are won and 5 lost in month 3. Of each a tenth at the end of
    # month 1: 81 close in month 2; in month 3 4.5 + 4.5 are won and 4.5 + 5 lost (those lost once stay so, and a tenth
    # of month 3's are put off to month 4, half of them won). A last tenth of month 3's at the end of month 2.
    assert by_month(found, "won")[:4] == pytest.approx([0, 0, 81, 0.9 * 9])
    assert by_month(found, "lost")[:4] == pytest.approx([0, 0, 0, 0.9 * (0.9 * 5 + 4.5)])
    assert by_month(found, "open")[:4] == pytest.approx([100, 100, 19, 19 - 0.9 * 18])


def test_each_territory_has_its_own_seller() -> None:
    team = selling([{"existing": 1, "hires": {"2027-02": 1}}], capacity={"open_opportunities": 5})
    team["territories"] = [
        {"name": "west", "seats": "ae-0", "potential": "x3"},
        {"name": "east", "seats": "ae-0", "potential": {"start": "x1", "2027-03": "x3"}},
    ]
    sold = {"volume": "8 per month", "win_rate": "25 %", "cycle": "1 month", "deal_size": 1_000}
    found = baseline(plan_of(3, team=team, funnel={"channels": {"web": {"segments": {"smb": sold}}}}), {})
    # Pools: east (the second seat, hired in February), west (the first).
    assert found.pool["arrived"][0].ravel() == pytest.approx([2, 6, 2, 6, 4, 4])
    assert found.pool["capacity"][0].ravel() == pytest.approx([0, 5, 5, 5, 5, 5])
    assert found.pool["started"][0].ravel() == pytest.approx([0, 5, 4, 5, 4, 5])
    assert found.pool["waiting"][0].ravel() == pytest.approx([2, 1, 0, 2, 0, 1])
    assert found.pool["credited"][0].ravel() == pytest.approx([0, 0, 0, 1_250, 1_000, 1_250])
    assert by_month(found, "capacity") == pytest.approx([5, 10, 10])


def test_room_in_money_is_taken_by_expected_value() -> None:
    team = selling([{"existing": 2}], capacity={"pipeline": 100_000})
    sold = {"volume": "8 per month", "win_rate": "25 %", "cycle": "2 months", "deal_size": 40_000}
    found = baseline(plan_of(3, team=team, funnel={"channels": {"web": {"segments": {"smb": sold}}}}), {})
    assert by_month(found, "started") == pytest.approx([5, 0, 5])
    assert found.pool["load"][0, :, 0] == pytest.approx([200_000] * 3)
    assert by_month(found, "pipeline") == pytest.approx([8 * 40_000, 16 * 40_000, 19 * 40_000])


def test_new_arr_by_who_wins_it() -> None:
    team = selling(
        [{"existing": 1, "hires": {"2027-02": 1}}, {"existing": 1}],
        capacity={"open_opportunities": 100},
    )
    demand = {**SOLD, "cycle": "0 months"}
    opening = {"segment": "smb", "channel": "out", "stage": "opportunity", "age_months": 0, "count": 10}
    funnel = {
        "channels": {
            "out": {"segments": {"smb": demand}},
            "web": {"sold_by": "nobody", "segments": {"smb": {**demand, "volume": "5 per month"}}},
        },
        "opening_pipeline": {"rows": [{**opening, "owner": "ae-1"}]},
    }
    found = baseline(plan_of(2, team=team, funnel=funnel), {})
    # Two deals a month of 10,000: two sellers who exist, then a third who is new. One deal a month without a seller.
    assert by_month(found, "new_from_pipeline") == pytest.approx([20_000, 0], abs=CENT)
    assert by_month(found, "new_from_existing") == pytest.approx([20_000, 40_000 / 3], abs=CENT)
    assert by_month(found, "new_from_hires") == pytest.approx([0, 20_000 / 3], abs=CENT)
    assert by_month(found, "new_without_seller") == pytest.approx([10_000, 10_000], abs=CENT)
    # ae-1 owns the opening pipeline, so that all that starts in the first month is ae-0's.
    assert found.group["credited"][0].ravel() == pytest.approx([20_000, 20_000, 40_000 / 3, 20_000 / 3], abs=CENT)


def test_who_is_new_catches_up() -> None:
    team = selling([{"existing": 1, "hires": {"2027-03": 1}}], capacity={"open_opportunities": 100})
    sold = {**SOLD, "win_rate": "100 %", "cycle": "3 months", "deal_size": 1_000}
    found = baseline(plan_of(8, team=team, funnel={"channels": {"out": {"segments": {"smb": sold}}}}), {})
    # In March the one who was there has 20 open: all ten are the new one's. In April they have 20 (ten of which close)
    # and 10: the same. In May they have 10 and 20: all ten are theirs again.
    assert by_month(found, "new_from_existing") == pytest.approx([0, 0, 0, 10_000, 10_000, 0, 0, 10_000], abs=CENT)
    assert by_month(found, "new_from_hires") == pytest.approx([0, 0, 0, 0, 0, 10_000, 10_000, 0], abs=CENT)


MONTHS = 8


def worker(rng: np.random.Generator, group: str, existing: bool, delay: int) -> Owner:
    room = rng.uniform(1.0, 5.0, MONTHS)
    leaving = room * rng.uniform(0.0, 0.3, MONTHS)
    return Owner(group, existing, room, leaving, room - leaving, delay, rng.uniform(0.5, 1.0, MONTHS), refilled=True)


def pool_of(rng: np.random.Generator, groups: int, *, delay: int = 1, one_seat: bool = False) -> Pool:
    owners = [worker(rng, f"g{i}", existing, delay) for i in range(groups) for existing in (True, False)]
    capacity = np.sum([owner.room for owner in owners], axis=0) if owners else np.zeros(MONTHS)
    return Pool(owners, np.asarray(capacity), one_seat)


@pytest.mark.parametrize("in_money", [False, True])
def test_pools_worked_at_once_are_pools_worked_alone(in_money: bool) -> None:
    rng = np.random.default_rng(11)
    one = np.ones(1)
    streams = []
    for cell in range(3):
        closing = closing_shares(rng.uniform(1.0, 3.0, MONTHS), np.full(MONTHS, 0.5), rng.uniform(0.5, 1.5, MONTHS))
        arrivals, expected = rng.uniform(0.0, 9.0, MONTHS), rng.uniform(0.5, 2.0, MONTHS)
        streams.append(Stream(cell, False, arrivals, expected, expected, 0.3 * closing, 0.7 * closing, one, one))
    ends = np.full(MONTHS + 1, 0.5 / (MONTHS + 1))
    resumed = [Resumed(1, owner, 4.0, 1.5, 1.2, ends, ends) for owner in (None, "g1")]
    pools = [
        pool_of(rng, 1, one_seat=True),
        pool_of(rng, 3, delay=0),
        pool_of(rng, 0),  # nobody
        pool_of(rng, 2, delay=MONTHS + 3),
        pool_of(rng, 2)._replace(capacity=np.full(MONTHS, np.inf)),
    ]
    shares, stale = rng.uniform(0.1, 1.0, (len(pools), MONTHS)), np.full(MONTHS, 0.1)
    together = Pools(pools, in_money)
    together.run(streams, resumed, shares, stale)
    for p, pool in enumerate(pools):
        alone, owners = Pools([pool], in_money), len(pool.owners)
        alone.run(streams, resumed, shares[p : p + 1], stale)
        for name in ("started", "stale", "waiting", "taken", "value", "lost"):
            assert getattr(together, name)[p] == pytest.approx(getattr(alone, name)[0], rel=1e-12, abs=1e-12), name
        assert together.closed[:, p, :owners] == pytest.approx(alone.closed[:, 0, :owners], rel=1e-12, abs=1e-12)
        assert together.closed[:, p, -1] == pytest.approx(alone.closed[:, 0, -1], rel=1e-12, abs=1e-12)
        assert not together.closed[:, p, owners:-1].any()
    assert together.started[0] != pytest.approx(together.started[1])  # the pools differ


def test_a_load_that_is_nothing_beside_what_there_is_still_has_an_owner() -> None:
    pools = Pools([pool_of(np.random.default_rng(1), 1)], in_money=False)
    owned = pools._owned(np.array([[5.0, 7.0, 0.0]]), np.array([[1e3, 1.4e3, 0.0]]), np.array([1e-18]))
    assert owned.sum() == pytest.approx(1.0)
    assert owned.min() >= 0
    assert owned[0, -1] == 0
