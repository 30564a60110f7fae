"""A small company whose records are drawn from the laws of docs/model.md in a few lines each, without the kernel."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd

from simengine.learn.history import CHURNED, LOST, OPEN, REACHED, RENEWED, WON, History, table
from simengine.plan import loads

MONTHS = 6
AS_OF = date(2027, 6, 30)
SEASON = [1.0, 1.0, 1.3, 0.8, 1.0, 1.2, 0.9, 0.8, 1.0, 1.0, 1.0, 1.0]
CLOSED = [0.6, 0.8, 1.6, 0.6, 0.8, 1.6, 0.6, 0.8, 1.6, 0.6, 0.8, 1.6]
SOURCE = {"kind": "judgment", "reference": "a test"}


def assumption(unit, distribution, plan):
    return {"unit": unit, "plan": plan, "distribution": distribution, "source": SOURCE, "risk": {"adverse": "low"}}


FUNNEL = {
    "assumptions": {
        "volume": assumption("count per month", {"lognormal": {"mean": 40, "cv": 0.3}}, 40),
        "to_opportunity": assumption("fraction", {"beta": {"mean": 0.4, "n": 20}}, 0.4),
        "win_rate": assumption("fraction", {"beta": {"mean": 0.3, "n": 15}}, 0.3),
        "cycle": assumption("months", {"lognormal": {"median": 3.0, "sigma": 0.3}}, 3),
        "size": assumption("currency", {"lognormal": {"mean": 20_000, "cv": 0.4}}, 20_000),
        "stale": assumption("fraction per month", {"uniform": [0.05, 0.4]}, 0.2),
        "partner": assumption("count per month", {"gamma": {"mean": 6, "cv": 0.5}}, 6),
    },
    "funnel": {
        "stages": ["lead", "opportunity"],
        "stale": "stale",
        "channels": {
            "inbound": {
                "segments": {
                    "smb": {
                        "volume": "volume",
                        "growth": "20 % per year",
                        "overdispersion": "x1.5",
                        "seasonality": {"created": SEASON, "closed": CLOSED},
                        "rates": ["to_opportunity"],
                        "win_rate": "win_rate",
                        "cycle": "cycle",
                        "cycle_lost": "2 months",
                        "cycle_spread": 0.5,
                        "deal_size": "size",
                        "deal_size_spread": 0.7,
                        "deal_bands": [{"above": 30_000, "win_rate": "x0.6", "cycle": "x1.5"}],
                    }
                }
            },
            "partner": {
                "segments": {
                    "smb": {
                        "volume": "partner",
                        "rates": [0.5],
                        "win_rate": 0.2,
                        "cycle": "1 months",
                        "deal_size": 10_000,
                    }
                }
            },
        },
    },
    "team": {
        "roles": {"ae": {"capacity": "unlimited"}},
        "seats": [{"name": "ae", "role": "ae", "segment": "smb", "existing": 2}],
    },
    "base": {"smb": {"renewal_rate": 0.9}},
    "shocks": {"wind": {"persistence": 0.7, "loadings": {"volume": 0.15}, "source": SOURCE}},
    "dependence": {
        "rank_correlations": [
            {"between": ["volume", "win_rate"], "rho": 0.6, "source": SOURCE},
            {"between": ["win_rate", "cycle"], "rho": -0.5, "source": SOURCE},
        ]
    },
}
PEOPLE = {
    "assumptions": {
        "attrition": assumption("fraction per year", {"beta": {"mean": 0.3, "n": 12}}, 0.3),
        "slip": assumption("months", {"gamma": {"mean": 1.5, "cv": 0.6}}, 1.5),
        "promotion": assumption("fraction per year", {"beta": {"mean": 0.3, "n": 12}}, 0.3),
        "found": assumption("count per month", {"lognormal": {"mean": 1.0, "cv": 0.4}}, 1),
    },
    "team": {
        "roles": {
            "ae": {
                "capacity": "unlimited",
                "ramp": {"workload": "4 months", "shape": "linear"},
                "productivity_spread": 0.4,
                "attrition": {"voluntary": "attrition", "involuntary": "10 % per year", "first_six_months": "x1.4"},
            },
            "sdr": {"promotion": {"rate": "promotion", "after": "6 months"}},
        },
        "seats": [
            {"name": "ae", "role": "ae", "segment": "smb", "existing": 20, "tenure_months": 14},
            {
                "name": "ae-new",
                "role": "ae",
                "segment": "smb",
                "hires": {"2027-01": 6, "2027-03": 6},
                "time_to_fill_delay": "slip",
                "delay_spread": 0.5,
            },
            {"name": "sdr", "role": "sdr", "existing": 15, "tenure_months": 4},
        ],
    },
    "funnel": {
        "channels": {
            "own": {
                "segments": {"smb": {"from_sellers": "found", "win_rate": 0.2, "cycle": "1 months", "deal_size": 1000}}
            }
        }
    },
    "base": {"smb": {"renewal_rate": 0.9}},
    "dependence": {"rank_correlations": [{"between": ["attrition", "slip"], "rho": 0.6, "source": SOURCE}]},
}
CUSTOMERS = {
    "assumptions": {
        "renewal": assumption("fraction", {"beta": {"mean": 0.85, "n": 20}}, 0.85),
        "contraction": assumption("fraction", {"beta": {"mean": 0.03, "n": 100}}, 0.03),
        "price": assumption("fraction", {"pert": [0.0, 0.03, 0.07]}, 0.03),
        "more": assumption("count per year", {"gamma": {"mean": 0.5, "cv": 0.5}}, 0.5),
        "more_size": assumption("currency", {"lognormal": {"mean": 8_000, "cv": 0.4}}, 8_000),
        "dollar": assumption("fraction", {"beta": {"mean": 0.85, "n": 40}}, 0.85),
        "live": assumption("months", {"lognormal": {"median": 2, "sigma": 0.4}}, 2),  # no record speaks of it
    },
    "base": {
        "smb": {
            "customers": 150,
            "arr": 3_000_000,
            "size_spread": 0.8,
            "renewal_rate": "renewal",
            "dollar_renewal_rate": "dollar",
            "contraction": "contraction",
            "price_increase": "price",
            "go_live": "live",
            "expansion": {
                "opportunities_per_customer": "more",
                "win_rate": 0.5,
                "size": "more_size",
                "size_spread": 0.6,
            },
        }
    },
    "dependence": {
        "rank_correlations": [
            {"between": ["renewal", "more"], "rho": 0.3, "source": SOURCE},
            {"between": ["renewal", "dollar"], "rho": 0.4, "source": SOURCE},
            {"between": ["renewal", "live"], "rho": 0.8, "source": SOURCE},
        ]
    },
}
KINDS = {"funnel": FUNNEL, "people": PEOPLE, "customers": CUSTOMERS}


def plan_of(kind, **sections):
    header = {"name": "Small", "currency": "USD", "start": "2027-01", "months": 12}
    return loads(json.dumps({"plan": header, "segments": {"smb": {}}, **KINDS[kind], **sections}))


def day(month, into=0.5):
    """A day of a month of the plan; what is before it is so many mean months before."""
    if month < 0:
        return pd.Timestamp(2027, 1, 1) - timedelta(days=float(-month * 365.25 / 12))
    first = pd.Timestamp(2027 + month // 12, month % 12 + 1, 1)
    return first + timedelta(days=int(into * 27))


def factor(rng, spread, size=None):
    s = np.sqrt(np.log1p(spread**2))
    return np.exp(s * rng.standard_normal(size) - s * s / 2)


def records(kind, truth, rng):
    """What the company knows after six months, in which these values were true."""
    tables = {"funnel": funnel, "people": people, "customers": customers}[kind](truth, rng)
    return History(AS_OF, tables)


def funnel(truth, rng):
    clock = np.array(CLOSED[:MONTHS]) / np.mean(CLOSED)
    until = np.concatenate(([0.0], np.cumsum(clock)))
    wind = rng.standard_normal()
    leads, deals = [], []
    for t in range(MONTHS):
        if t:
            wind = 0.7 * wind + np.sqrt(1 - 0.7**2) * rng.standard_normal()
        mean = truth["volume"] * 1.2 ** (t / 12) * SEASON[t] / np.mean(SEASON) * np.exp(0.15 * wind - 0.15**2 / 2)
        arrived = rng.negative_binomial(mean / 0.5, 1 / 1.5)
        passed = rng.binomial(arrived, truth["to_opportunity"])
        leads.append((t, passed, t))
        leads.append((t, arrived - passed, None))
        for _ in range(passed):
            waits = int(rng.choice([0, 0, 0, 1, 2]))
            stale_in = rng.geometric(truth["stale"])
            deals.append(_deal(truth, rng, t, waits, stale_in, until, clock))
    for _ in range(40):
        old = _old_deal(truth, rng, until)
        if old is not None:
            deals.append(old)
    for t in range(MONTHS):  # a channel whose leads nobody counts
        for _ in range(rng.poisson(truth["partner"] * 0.5)):
            deals.append((t, t, OPEN, None, np.nan, "partner"))
    created, started, outcome, closed, amount, channel = (list(column) for column in zip(*deals, strict=True))
    arrived_in, count, reached = (list(column) for column in zip(*leads, strict=True))
    return {
        "leads": table(
            "leads",
            id=range(len(leads)),
            channel=["inbound"] * len(leads),
            segment=["smb"] * len(leads),
            created=[day(t) for t in arrived_in],
            count=count,
            **{REACHED + "opportunity": [None if t is None else day(t) for t in reached]},
        ),
        "opportunities": table(
            "opportunities",
            id=range(len(deals)),
            segment=["smb"] * len(deals),
            channel=channel,
            created=[day(t) for t in created],
            started=[None if t is None else day(t) for t in started],
            outcome=outcome,
            closed=[None if t is None else day(t) for t in closed],
            amount=amount,
        ),
    }


def _deal(truth, rng, arrived, waits, stale_in, until, clock):
    start = arrived + waits
    if stale_in <= waits:
        gone = arrived + stale_in
        return (arrived, None, LOST, gone, np.nan, "inbound") if gone < MONTHS else _open(arrived, None)
    if start >= MONTHS:
        return _open(arrived, None)
    size = truth["size"] * factor(rng, 0.7)
    win, slow = (0.6, 1.5) if size > 30_000 else (1.0, 1.0)
    won = rng.random() < truth["win_rate"] * win
    cycle = slow * (truth["cycle"] if won else 2.0) * factor(rng, 0.5)
    ends = until[start] + rng.random() * clock[start] + cycle
    closes = int(np.searchsorted(until[1:], ends, side="right"))
    if closes >= MONTHS:
        return _open(arrived, start)
    return arrived, start, WON if won else LOST, closes, size if won else np.nan, "inbound"


def _open(arrived, start):
    return arrived, start, OPEN, None, np.nan, "inbound"


def _old_deal(truth, rng, until):
    """One that began up to eight months before the plan, if it was still open when the plan began."""
    age = round(rng.uniform(0.5, 8), 1)
    large = truth["size"] * factor(rng, 0.7) > 30_000
    win, slow = (0.6, 1.5) if large else (1.0, 1.0)
    won = rng.random() < truth["win_rate"] * win
    left = slow * (truth["cycle"] if won else 2.0) * factor(rng, 0.5) - age
    if left < 0:
        return None
    closes = int(np.searchsorted(until[1:], left, side="right"))
    if closes >= MONTHS:
        return -age, -age, OPEN, None, np.nan, "inbound"
    return -age, -age, WON if won else LOST, closes, np.nan, "inbound"


def people(truth, rng):
    voluntary, involuntary = (-np.log1p(-p) / 12 for p in (truth["attrition"], 0.1))
    promoted = -np.log1p(-truth["promotion"]) / 12
    rows, ramped = [], np.zeros(MONTHS)

    def work(role, seats, start, tenure):
        end, reason, productive = None, "", factor(rng, 0.4)
        for t in range(max(0, start), MONTHS):
            age = tenure + t - max(0, start)
            if role == "ae":
                ramped[t] += productive * min(1.0, (age + 0.5) / 4)
                multiple = 1.4 if age < 6 else 1.0
                if rng.random() < -np.expm1(-(voluntary + involuntary) * multiple):
                    chance = voluntary / (voluntary + involuntary)
                    end, reason = t, "voluntary" if rng.random() < chance else "involuntary"
            elif age >= 6 and rng.random() < -np.expm1(-promoted):
                end, reason = t, "promoted"
            if end is not None:
                break
        first = day(-float(tenure)) if start < 0 else day(start, 0.0)
        rows.append((role, seats, first, None if end is None else day(end, 1.0), reason))

    for _ in range(20):
        work("ae", "ae", -1, 14)
    for planned in [0] * 6 + [2] * 6:
        start = planned + int(truth["slip"] * factor(rng, 0.5) + rng.random())
        if start < MONTHS:
            work("ae", "ae-new", start, 0)
    for _ in range(15):
        work("sdr", "sdr", -1, 4)
    role, seats, start, end, reason = (list(column) for column in zip(*rows, strict=True))
    created = [t for t in range(MONTHS) for _ in range(rng.poisson(truth["found"] * ramped[t]))]
    segment = ["smb" if each == "ae" else "" for each in role]
    found = len(created)
    return {
        "people": table(
            "people", id=range(len(rows)), role=role, seats=seats, segment=segment, start=start, end=end, reason=reason
        ),
        "opportunities": table(
            "opportunities",
            id=range(found),
            segment=["smb"] * found,
            channel=["own"] * found,
            created=[day(t) for t in created],
            started=[day(t) for t in created],
            outcome=[OPEN] * found,
        ),
    }


def customers(truth, rng):
    n = 150
    rank = (rng.permutation(n) + 0.5) / n
    from statistics import NormalDist

    s = np.sqrt(np.log1p(0.8**2))
    arr = np.exp(s * np.array([NormalDist().inv_cdf(u) for u in rank]))
    arr *= 3_000_000 / arr.sum()
    gini = 2 * NormalDist().cdf(s / np.sqrt(2)) - 1
    depth, p = 0.3, truth["contraction"] / 0.3
    rows, bought = [], []
    for k in range(n):
        due = int(rng.integers(0, 12))
        tilt = (2 * rank[k] - 1) / gini
        rate = np.clip(truth["renewal"] + (truth["dollar"] - truth["renewal"]) * tilt, 0, 1)
        u = rng.random()
        kept = u < rate
        after = arr[k] * (1 - depth * (u >= rate - p)) * (1 + truth["price"] + 0.01 * rng.standard_normal())
        decided = due < MONTHS
        outcome = "in force" if not decided else RENEWED if kept else CHURNED
        rows.append(
            (k, arr[k], day(due), outcome, day(due) if decided else None, after if decided and kept else np.nan)
        )
        until = due if decided and not kept else MONTHS
        for t in range(until):
            for _ in range(rng.poisson(truth["more"] / 12 * 0.5)):
                bought.append((day(t), truth["more_size"] * factor(rng, 0.6), k))
    who, value, renews, outcome, decided, after = (list(column) for column in zip(*rows, strict=True))
    bought = bought or [(day(0), 0.0, 0)]
    dates, amount, buyer = (list(column) for column in zip(*bought, strict=True))
    return {
        "contracts": table(
            "contracts",
            customer=who,
            segment=["smb"] * n,
            start=["2026-06-01"] * n,
            renews=renews,
            arr=value,
            outcome=outcome,
            decided=decided,
            arr_after=after,
        ),
        "bookings": table(
            "bookings",
            date=dates,
            segment=["smb"] * len(dates),
            kind=["expansion"] * len(dates),
            amount=amount,
            customer=buyer,
        ),
    }
