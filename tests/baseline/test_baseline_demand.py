"""Expected demand: four ways in which it arrives, hours that qualify it, lags between stages."""

import pytest

from simengine.baseline import baseline
from tests.baseline.support import SOLD, by_month, plan_of, selling


def test_demand_grows_has_seasons_and_passes_stages() -> None:
    seasons = [2, *[1] * 10, 0]
    funnel = {
        "stages": ["lead", "mql", "opportunity"],
        "channels": {
            "web": {
                "sold_by": "nobody",
                "segments": {
                    "smb": {
                        **SOLD,
                        "growth": "100 % per year",
                        "seasonality": {"created": seasons},
                        "rates": ["50 %", "40 %"],
                    }
                },
            }
        },
    }
    reached = baseline(plan_of(13, funnel=funnel), {}).reached[0, :, 0]
    # The mean weight is 1. January doubles, December has none, and twelve months later there is twice as much.
    assert reached[0].tolist() == pytest.approx([20, 10, 4])
    assert reached[6].tolist() == pytest.approx([10 * 2**0.5, 5 * 2**0.5, 2 * 2**0.5])
    assert reached[11].tolist() == [0, 0, 0]
    assert reached[12].tolist() == pytest.approx([40, 20, 8])


def test_growth_counts_from_where_it_began() -> None:
    def reached(start: str, months: int, **header: str) -> list[float]:
        plan = {"name": "Small", "currency": "USD", "start": start, "months": months, **header}
        demand = {**SOLD, "growth": "40 % per year", "seasonality": {"created": [2, *[1] * 11]}}
        return baseline(plan_of(months, plan=plan, funnel=web(demand)), {}).reached[0, :, 0, 0].tolist()

    whole = reached("2027-01", 24)
    assert reached("2027-04", 21, growth_from="2027-01") == pytest.approx(whole[3:], rel=1e-13)
    assert reached("2027-04", 21) != pytest.approx(whole[3:], rel=0.05)


def web(demand: dict[str, object], stages: list[str] | None = None, **channel: object) -> dict[str, object]:
    found: dict[str, object] = {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": demand}, **channel}}}
    return {**found, "stages": stages} if stages else found


def test_stages_are_reached_after_their_lags() -> None:
    lagging = {**SOLD, "rates": ["50 %", "40 %"], "stage_lags": ["1.25 months", {"start": 0, "2027-04": "1 month"}]}
    reached = baseline(plan_of(5, funnel=web(lagging, ["lead", "mql", "opportunity"])), {}).reached[0, :, 0]
    # 5 of 10 pass: 3.75 a month later, 1.25 two months later. From month 3 on the next step takes a month too.
    assert reached[:, 1] == pytest.approx([0, 3.75, 5, 5, 5])
    assert reached[:, 2] == pytest.approx([0, 1.5, 2, 0, 2])


def test_demand_follows_spend() -> None:
    spend = {"start": "5_000 per month", "2027-02": "30_000 per month", "2027-03": "0 per month"}
    response = {"at_spend": "10_000 per month", "half_saturation": "x1"}
    plan = plan_of(3, funnel=web({**SOLD, "volume": "90 per month"}, spend=spend, response=response))
    # x (1 + 1)/(x + 1) at half of the spend: 2/3; at three times the spend: 3/2.
    assert by_month(baseline(plan, {}), "opportunities") == pytest.approx([60, 135, 0])


def test_hours_qualify_first_and_what_is_left_makes_demand() -> None:
    outbound = {key: SOLD[key] for key in ("win_rate", "cycle", "deal_size")}
    funnel = {
        "channels": {
            "inbound": {
                "sold_by": "nobody",
                "qualified_by": {"role": "sdr", "hours": {"start": 0.5, "2027-02": 4}},
                "segments": {"smb": {**SOLD, "volume": "100 per month"}},
            },
            "outbound": {
                "sold_by": "nobody",
                "segments": {
                    "mid": {**outbound, "from_hours": {"role": "sdr", "per_hour": 0.1, "weight": "x3"}},
                    "smb": {**outbound, "from_hours": {"role": "sdr", "per_hour": 0.1}},
                },
            },
        }
    }
    team = {
        "roles": {"sdr": {"hours": "100 per month"}},
        "seats": [{"name": "sdr", "role": "sdr", "existing": 2}],
    }
    base = {"smb": {"renewal_rate": 1}, "mid": {"renewal_rate": 1}}
    found = baseline(plan_of(2, segments={"smb": {}, "mid": {}}, base=base, team=team, funnel=funnel), {})
    # 200 hours. Month 0: 50 qualify all, 150 make 15, one to three. Month 1: 400 are needed, so half is dropped.
    # Cells: inbound/smb, outbound/mid, outbound/smb.
    assert found.reached[0, :, :, 0].ravel() == pytest.approx([100, 11.25, 3.75, 50, 0, 0])
    assert found.cell["dropped"][0].ravel() == pytest.approx([0, 0, 0, 50, 0, 0])


def test_sellers_bring_demand_of_their_own() -> None:
    own = {key: SOLD[key] for key in ("win_rate", "cycle", "deal_size")}
    funnel = {"channels": {"self": {"segments": {"smb": {**own, "from_sellers": "0.8 per month"}}}}}
    team = selling([{"existing": 2, "hires": {"2027-02": 1}}], ramp={"workload": "1 month", "shape": "linear"})
    found = baseline(plan_of(3, team=team, funnel=funnel), {})
    # In the first month of two people, and of the third, half.
    assert by_month(found, "opportunities") == pytest.approx([0.8, 0.8 * 2.5, 0.8 * 3])


def test_an_event_acts_on_demand_while_it_lasts() -> None:
    event = {
        "kind": "initiative",
        "source": {"kind": "judgment", "reference": "sales"},
        "starts": "2027-02",
        "plan": "2027-02",
        "lasts": 3,
        "phase_in_months": "2 months",
        "effect": {"web": "x1.5"},
    }
    plan = plan_of(6, funnel=web(SOLD), events={"push": event})
    assert by_month(baseline(plan, {"push": 5.0}), "opportunities") == pytest.approx([10, 12.5, 15, 15, 10, 10])
    assert by_month(baseline(plan, {"push": 0.0}), "opportunities") == pytest.approx([10] * 6)
