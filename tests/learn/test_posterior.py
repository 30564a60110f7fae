import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simengine.assumptions.dependence import Dependence, to_normal_scale
from simengine.assumptions.draws import draw
from simengine.learn.evidence import evidence_of
from simengine.learn.history import OPEN, REACHED, History, table
from simengine.learn.posterior import learn
from simengine.plan import loads
from tests.learn.calibration import quick
from tests.learn.company import AS_OF, SOURCE, assumption, plan_of, records

LEVEL = 1e-3
PROBABILITIES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def agrees(values, exact, effective):
    """Whether the shares of draws below exact quantiles are what they should be, at the level for all together."""
    below = (values[:, None] <= exact).mean(axis=0)
    error = np.sqrt(PROBABILITIES * (1 - PROBABILITIES) / min(effective, len(values)))
    return (np.abs(below - PROBABILITIES) < stats.norm.isf(LEVEL / (2 * len(exact))) * error).all()


def plan_with(assumptions, **sections):
    header = {"name": "Small", "currency": "USD", "start": "2027-01", "months": 12}
    return loads(json.dumps({"plan": header, "segments": {"smb": {}}, "assumptions": assumptions, **sections}))


RENEWING = {"renewal": assumption("fraction", {"beta": {"mean": 0.8, "n": 20}}, 0.8)}


def renewing():
    return plan_with(RENEWING, base={"smb": {"customers": 100, "arr": 1e6, "renewal_rate": "renewal"}})


def decided(renewed, lost):
    n = renewed + lost
    return table(
        "contracts",
        customer=range(n),
        segment=["smb"] * n,
        start=["2026-02-01"] * n,
        renews=["2027-02-15"] * n,
        arr=[100.0] * n,
        outcome=["renewed"] * renewed + ["churned"] * lost,
        decided=["2027-02-15"] * n,
        arr_after=[None] * n,
    )


def learned(plan, tables, **arguments):
    return learn(plan, History(AS_OF, tables), laws=plan.widened(policy=False), **arguments)


def test_a_beta_prior_and_binomial_records_give_a_beta_posterior():
    posterior = learned(renewing(), {"contracts": decided(50, 5)})
    values, ess = posterior.column("renewal"), posterior.ess["renewal"]
    assert agrees(values, stats.beta(16 + 50, 4 + 5).ppf(PROBABILITIES), ess)
    assert not agrees(values, stats.beta(16 + 50, 4 + 8).ppf(PROBABILITIES), ess)
    assert posterior.spoken["renewal"] == "50 of 55 due renewed"
    assert posterior.records["renewal"] == 55


def test_a_gamma_prior_and_poisson_records_give_a_gamma_posterior():
    more = {"more": assumption("count per year", {"gamma": {"shape": 4, "scale": 0.1}}, 0.4)}
    expansion = {"opportunities_per_customer": "more", "win_rate": 0.5, "size": 1000}
    base = {"smb": {"customers": 100, "arr": 1e6, "renewal_rate": 0.9, "expansion": expansion}}
    plan = plan_with(more, base=base)
    contracts = decided(120, 0).assign(outcome="in force", decided=pd.NaT)
    bought = 17
    bookings = table(
        "bookings",
        date=["2027-03-01"] * bought,
        segment=["smb"] * bought,
        kind=["expansion"] * bought,
        amount=[1000.0] * bought,
    )
    posterior = learned(plan, {"contracts": contracts, "bookings": bookings})
    exposure = 120 * 6 / 12 * 0.5
    exact = stats.gamma(4 + bought, scale=1 / (10 + exposure)).ppf(PROBABILITIES)
    assert agrees(posterior.column("more"), exact, posterior.ess["more"])
    assert not agrees(posterior.column("more"), 1.1 * exact, posterior.ess["more"])


def won(segment, amounts):
    n = len(amounts)
    return table(
        "opportunities",
        id=[f"{segment}{k}" for k in range(n)],
        segment=[segment] * n,
        channel=["inbound"] * n,
        created=["2027-02-10"] * n,
        outcome=["won"] * n,
        closed=["2027-02-20"] * n,
        amount=amounts,
    )


def selling_in_two(rho):
    sizes = {
        f"size.{name}": assumption("currency", {"lognormal": {"median": 10_000, "sigma": 0.3}}, 10_000) for name in "ab"
    }
    demand = {"volume": 5, "win_rate": 0.2, "cycle": "1 months", "deal_size_spread": 0.5}
    demand["volume"] = "5 per month"
    return plan_with(
        sizes,
        segments={"a": {"sells": "once"}, "b": {"sells": "once"}},
        funnel={
            "channels": {
                "inbound": {
                    "sold_by": "nobody",
                    "segments": {name: {**demand, "deal_size": f"size.{name}"} for name in "ab"},
                }
            }
        },
        dependence={"rank_correlations": [{"between": ["size.a", "size.b"], "rho": rho, "source": SOURCE}]},
    )


def test_a_correlated_assumption_moves_as_the_normal_law_says():
    rho, n = 0.7, 12
    amounts = np.exp(np.log(14_000) + 0.4 * np.linspace(-1, 1, n))
    posterior = learned(selling_in_two(rho), {"opportunities": won("a", amounts)})
    s = np.sqrt(np.log1p(0.5**2))
    observed, r = np.log(amounts).mean() + s * s / 2, float(to_normal_scale(rho))
    # In scores: prior variance 1, the mean of n logarithms has variance s²/(n 0.3²).
    noise = s * s / (n * 0.3**2)
    mean, variance = (observed - np.log(10_000)) / 0.3 / (1 + noise), noise / (1 + noise)
    own = stats.norm(mean, np.sqrt(variance))
    other = stats.norm(r * mean, np.sqrt(1 - r * r + r * r * variance))
    for name, law in (("size.a", own), ("size.b", other)):
        z = posterior.z[:, posterior.names.index(name)]
        assert agrees(z, law.ppf(PROBABILITIES), posterior.ess[name])
    b = posterior.z[:, posterior.names.index("size.b")]
    assert not agrees(b, stats.norm.ppf(PROBABILITIES), posterior.ess["size.b"])
    assert posterior.spoken["size.b"] == "moves with size.a"
    correlation = r * np.sqrt(variance) / other.std()
    assert np.corrcoef(posterior.z.T)[0, 1] == pytest.approx(correlation, abs=4 / np.sqrt(len(b)))


def test_without_dependence_it_stays_where_it_was():
    posterior = learned(
        selling_in_two(0.7), {"opportunities": won("a", np.full(12, 20_000.0))}, dependence=Dependence()
    )
    assert "size.b" in posterior.kept
    assert agrees(posterior.z[:, posterior.names.index("size.b")], stats.norm.ppf(PROBABILITIES), np.inf)


@pytest.mark.parametrize("as_of", [date(2026, 12, 31), AS_OF])
def test_without_records_the_posterior_is_the_prior(as_of):
    plan = plan_of("funnel")
    posterior = learn(plan, History(as_of, {}), draws=1000, seed=3)
    prior = draw(plan.widened(), plan.dependence.copula(), 3, 0, 1000)
    assert (posterior.z == prior.z).all()
    assert not posterior.spoken
    assert posterior.kept.keys() == {*plan.assumptions, "wind"}
    assert all(stats.kstest(z, "norm").pvalue > LEVEL / z.size for z in posterior.z.T)


def test_records_from_before_the_plan_are_no_evidence():
    old = decided(50, 5).assign(decided=pd.Timestamp("2026-12-15"))
    assert not learned(renewing(), {"contracts": old}).spoken


def test_what_came_after_the_last_whole_month_is_left_out():
    plan = renewing()
    history = History(date(2027, 2, 20), {"contracts": decided(50, 5)})
    assert evidence_of(plan, history).months == 1
    assert not evidence_of(plan, history).spoken


def funnel_history(seed=2):
    truth = {
        **{"volume": 40.0, "to_opportunity": 0.4, "win_rate": 0.3, "cycle": 3.0},
        **{"size": 20_000.0, "stale": 0.2, "partner": 6.0},
    }
    return records("funnel", truth, np.random.default_rng(seed))


def test_two_batches_are_one(monkeypatch):
    quick(monkeypatch)
    plan, history = plan_of("funnel"), funnel_history()
    rng = np.random.default_rng(1)

    def in_two(frame):
        chosen = rng.random(len(frame)) < 0.5
        return pd.concat([frame[chosen], frame[~chosen]], ignore_index=True)

    batches = replace(history, tables={name: in_two(frame) for name, frame in history.tables.items()})
    once, twice = (learn(plan, each, draws=99) for each in (history, batches))
    assert (once.z == twice.z).all()


def test_the_same_seed_gives_the_same_draws_and_another_others():
    plan, history = renewing(), History(AS_OF, {"contracts": decided(50, 5)})
    first, second, other = (learn(plan, history, draws=300, seed=seed) for seed in (1, 1, 2))
    assert (first.z == second.z).all()
    assert not (first.z == other.z).any()


def test_evidence_of_one_part_moves_no_draw_of_another():
    plan = selling_in_two(0.0)
    both = pd.concat([won("a", [9_000.0]), won("b", [30_000.0])], ignore_index=True)
    with_it, without = (learned(plan, {"opportunities": deals}) for deals in (both, won("a", [9_000.0])))
    assert (with_it.column("size.a") == without.column("size.a")).all()
    assert "size.b" in with_it.spoken
    assert "size.b" in without.kept


def test_what_spoke_is_said(monkeypatch):
    quick(monkeypatch)
    posterior = learn(plan_of("funnel"), funnel_history(), draws=99)
    said = posterior.spoken
    assert said["volume"].endswith("arrivals in 6 months")
    assert "opportunities, " in said["win_rate"]
    assert said["win_rate"].endswith("open at the plan's start")
    assert said["stale"].endswith("months of waiting")
    assert posterior.kept == {"wind": "its months to come are not known yet"}
    assert posterior.shocks["wind"].shape == (99, 6)


def test_unmatured_cohorts_say_nothing_of_a_rate():
    """A lag of months between stages: of the last cohorts nobody has passed yet, and that is no news."""
    rate = {"rate": assumption("fraction", {"beta": {"mean": 0.5, "n": 4}}, 0.5)}
    demand = {"volume": "100 per month", "rates": ["rate"], "stage_lags": ["2 months"]}
    demand |= {"win_rate": 0.2, "cycle": "1 months", "deal_size": 10}
    plan = plan_with(
        rate,
        segments={"smb": {"sells": "once"}},
        funnel={
            "stages": ["lead", "opportunity"],
            "channels": {"inbound": {"sold_by": "nobody", "segments": {"smb": demand}}},
        },
    )
    rows = [(t, passes) for t in range(6) for passes in [True] * 30 + [False] * 70]
    reached = [pd.Timestamp(2027, t + 3, 5) if passes and t + 2 < 6 else None for t, passes in rows]
    leads = table(
        "leads",
        id=range(len(rows)),
        channel=["inbound"] * len(rows),
        created=[pd.Timestamp(2027, t + 1, 5) for t, _ in rows],
        **{REACHED + "opportunity": reached},
    )
    posterior = learned(plan, {"leads": leads})
    exact = stats.beta(2 + 90, 2 + 210).ppf(PROBABILITIES)
    assert agrees(posterior.column("rate"), exact, posterior.ess["rate"])
    assert posterior.spoken["rate"] == "90 of 300 lead passed, in cohorts of 3 months or older"


def test_open_deals_counted_as_lost_would_mislead():
    """Negative control of censoring: records of closed deals only, and the truth is outside a 99.9 % interval."""
    plan, history = plan_of("funnel"), funnel_history()
    plenty = [funnel_history(seed) for seed in range(4)]
    deals = pd.concat([each.table("opportunities") for each in plenty], ignore_index=True)
    history = replace(history, tables={"opportunities": deals})
    closed_only = replace(history, tables={"opportunities": deals[deals["outcome"] != OPEN]})
    whole, part = (learn(plan, each, draws=1000).column("cycle") for each in (history, closed_only))
    assert np.quantile(whole, 0.0005) < 3.0 < np.quantile(whole, 0.9995)
    assert np.quantile(part, 0.9995) < 3.0


def two_channels():
    volumes = {f"volume.{name}": assumption("count per month", {"gamma": {"shape": 4, "scale": 2}}, 8) for name in "ab"}
    demand = {"win_rate": 0.2, "cycle": "1 months", "deal_size": 10}
    channels = {
        name: {"sold_by": "nobody", "segments": {s: {**demand, "volume": f"volume.{name}"} for s in ("x", "y")}}
        for name in "ab"
    }
    return plan_with(volumes, segments={s: {"sells": "once"} for s in "xy"}, funnel={"channels": channels})


def created(rows):
    return table(
        "opportunities",
        id=range(len(rows)),
        segment=[segment for segment, _ in rows],
        channel=[channel for _, channel in rows],
        created=["2027-03-10"] * len(rows),
        outcome=[OPEN] * len(rows),
    )


def test_a_cell_of_a_recorded_channel_without_records_had_none():
    posterior = learned(two_channels(), {"opportunities": created([("x", "a")] * 30 + [("y", "b")] * 2)})
    exact = stats.gamma(4 + 30, scale=1 / (0.5 + 2 * 6)).ppf(PROBABILITIES)
    assert agrees(posterior.column("volume.a"), exact, posterior.ess["volume.a"])


def test_records_that_do_not_say_their_channel_say_nothing_of_its_volume():
    rows = [("x", "a")] * 30 + [("x", "")] * 10 + [("y", "b")] * 2
    posterior = learned(two_channels(), {"opportunities": created(rows)})
    exact = stats.gamma(4 + 0, scale=1 / (0.5 + 6)).ppf(PROBABILITIES)  # of the other segment, where there were none
    assert agrees(posterior.column("volume.a"), exact, posterior.ess["volume.a"])
