"""A plan with a closed form: opportunities of a year, Poisson given their volume, that nobody needs to work."""

import numpy as np
from scipy import stats

from simengine.plan import loads
from simengine.plan.schema import Plan

AT_LEAST = 640
_TEXT = """
plan: {name: Counted, currency: USD, start: 2027-01, months: 12, version: v1, as_of: 2026-12-31}
targets:
  - {name: demand, metric: opportunities, period: FY2027, where: {segment: smb}, at_least: AT_LEAST, confidence: 15 %}
segments: {smb: {}, beside: {sells: once}, elsewhere: {sells: once}}
assumptions:
  volume:
    plan: 50 per month
    distribution: {gamma: {mean: 50, cv: 10 %}}
    unit: count per month
    risk: {adverse: low}
    source: {kind: historical, reference: web, n: 33}
    owner: CMO
    trigger: {below: 40, activate: spend more}
  twin:                                             # moves with the volume, and acts elsewhere
    plan: 50 per month
    distribution: {gamma: {mean: 50, cv: 10 %}}
    unit: count per month
    risk: {adverse: both}
    source: {kind: historical, reference: web, n: 33}
    owner: CMO
  idle:                                             # acts elsewhere
    plan: 50 per month
    distribution: {gamma: {mean: 50, cv: 10 %}}
    unit: count per month
    risk: {adverse: low}
    source: {kind: historical, reference: web, n: 33}
    owner: COO
    trigger: {below: 40, activate: wait}
dependence:
  rank_correlations:
    - {between: [twin, volume], rho: 0.6, source: {kind: judgment, reference: CMO}}
events:
  slump:
    kind: risk
    starts: 2027-01
    probability: 30 %
    plan: never
    effect: {volume: x0.9}
    source: {kind: judgment, reference: CMO}
    owner: CMO
funnel:
  stages: [opportunity]
  channels:
    web:
      sold_by: nobody
      spend: 10_000 per month
      segments:
        smb: {volume: volume, rates: [], win_rate: 20 %, cycle: 1 month, deal_size: 10_000}
        beside: {volume: twin, rates: [], win_rate: 20 %, cycle: 1 month, deal_size: 10_000}
        elsewhere: {volume: idle, rates: [], win_rate: 20 %, cycle: 1 month, deal_size: 10_000}
base: {smb: {customers: 10, arr: 100_000, renewal_rate: 90 %}}
economics: {gross_margin: 80 %}
"""
LEVERS = """
levers:
  push:
    improves: [volume]
    starts: [2027-07]
    range: [x1.0, x1.2]
    step: x0.05
    cost: {upfront: 10_000, monthly: 5_000 per month}
    owner: CMO
  waiting: {improves: [idle], starts: [2027-03], range: [x1.0, x1.5], step: x0.1, cost: {upfront: 5_000}, owner: COO}
  harm: {improves: [volume], starts: [2027-01], range: [x0.9, x1.0], step: x0.1, cost: {upfront: 5_000}, owner: COO}
"""


def counted(levers: str = LEVERS, at_least: int = AT_LEAST) -> Plan:
    """The plan, with levers."""
    return loads(_TEXT.replace("AT_LEAST", str(at_least)) + levers)


def reached(weight: float, *, volume: float | None = None, slump: float = 0.3) -> float:
    """P(hit) where the months count `weight` together: the mean of Poisson tails over the volume's law, and the slump.

    Parameters
    ----------
    volume : what the volume is, if that is known
    slump : probability of the slump
    """
    u = (np.arange(20_000) + 0.5) / 20_000
    volumes = _LAW.ppf(u) if volume is None else np.array([volume])
    without, with_it = (float(stats.poisson.sf(AT_LEAST - 1, volumes * weight * f).mean()) for f in (1.0, 0.9))
    return (1 - slump) * without + slump * with_it


_LAW = counted("").widened()["volume"]
