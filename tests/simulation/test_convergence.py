"""The mean of many paths at fixed assumptions against the expected-value recursion, where no capacity binds."""

import numpy as np
from scipy import stats

from simengine.baseline import baseline
from simengine.plan import loads
from tests.generated import PLANS, generated_plan, generated_values
from tests.kernel.support import simulate as run_paths

PATHS = 4000
ENOUGH = 200
LEVEL = 1e-6
"""Chance of one false alarm in a whole plan (Bonferroni over all its outputs, months and entities)."""

NOT_EXACT = {
    "grr_arr",  # the spreadsheet caps a cohort, the paths cap each customer (docs/model.md, section 4)
    "capacity",
}


def worst(paths, expected):
    """Largest |z| of the means of all outputs, and how many there are.

    Where fewer than ENOUGH paths differ from the commonest course, the mean is not yet normal: left out.
    """
    scores = []
    for kind in ("segment", "group", "cell"):
        for name, values in getattr(paths, kind).items():
            if name in NOT_EXACT:
                continue
            gap = np.abs(values.mean(axis=0) - getattr(expected, kind)[name][0])
            rounding = 1e-10 * (1.0 + np.abs(values).max())
            error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            varies = (values != np.median(values, axis=0)).sum(axis=0) >= ENOUGH
            scores.append(np.maximum(0.0, gap - rounding)[varies] / (error + rounding)[varies])
    scores = np.concatenate(scores)
    return scores.max(), scores.size


def limit(count):
    """Critical value of the largest of `count` normal scores at LEVEL (Bonferroni)."""
    return stats.norm.isf(LEVEL / 2 / count)


TEXT = """
plan: {{name: Free, currency: USD, start: 2027-03, months: 18}}
segments: {{smb: {{geo: NA}}, once: {{sells: once}}}}
team:
  roles:
    ae: {{attrition: {{voluntary: 30 % per year, involuntary: 9 % per year, first_six_months: x1.5}},
          backfill: {{policy: always, lag: 1.6 months}}, ramp: {{workload: 5 months, spread: 40 %}},
          capacity: unlimited}}
    csm: {{ramp: {{workload: 3.5 months, shape: linear}}, attrition: {{voluntary: 20 % per year}}}}
  seats:
    - {{name: ae, role: ae, segment: smb, existing: 400, tenure_months: 3, hires: {{2027-05: 2}},
       time_to_fill_delay: 2.3 months, delay_spread: 60 %}}
    - {{name: ae-once, role: ae, segment: once, existing: 400}}
    - {{name: csm, role: csm, existing: 4, tenure_months: 1.5}}
funnel:
  stages: [lead, mql, opportunity]
  stale: 10 % per month
  channels:
    inbound:
      segments:
        smb: {{volume: 40 per month, growth: 20 % per year, overdispersion: x2.5, rates: [40 %, 50 %],
              win_rate: {win_rate}, cycle: 3.4 months, cycle_lost: 2 months, cycle_spread: 70 %,
              deal_size: 20_000, deal_size_spread: 80 %, outliers: {{share: 5 %, times: x4}},
              seasonality: {{created: [1, 2, 3, 1, 1, 1, 2, 1, 0.5, 1, 1, 1]}}}}
        once: {{volume: 9 per month, rates: [60 %, 70 %], win_rate: 40 %, cycle: 1.5 months, deal_size: 5_000}}
  opening_pipeline:
    rows:
      - {{segment: smb, channel: inbound, stage: opportunity, age_months: 2.5, count: 30, value: 700_000}}
      - {{segment: smb, channel: inbound, stage: opportunity, age_months: 0.5, count: 12}}
      - {{segment: smb, channel: inbound, stage: lead, age_months: 0, count: 50}}
base:
  smb: {{customers: 90, arr: 2_000_000, size_spread: 90 %, renewal_rate: 86 %, contraction: 3 %,
        price_increase: 4 %, term_months: 7,
        expansion: {{opportunities_per_customer: 1.2 per year, win_rate: 45 %, size: 6_000, size_spread: 50 %}}}}
"""


def test_every_mechanism_converges_to_its_expectation():
    plan = loads(TEXT.format(win_rate="24 %"))
    paths = run_paths(plan, PATHS)
    z, count = worst(paths, baseline(plan, {}))
    assert z < limit(count)
    assert worst(paths, baseline(loads(TEXT.format(win_rate="25 %")), {}))[0] > limit(count)  # negative control


def test_generated_plans_converge_to_their_expectation_where_nobody_waits():
    converged = 0
    for number in range(PLANS):
        plan = loads(generated_plan(number))
        values = generated_values(plan, 0)
        if run_paths(plan, 200, values=values).segment["waiting"].any():
            continue
        paths = run_paths(plan, PATHS, values=values)
        if paths.segment["waiting"].any():
            continue
        z, count = worst(paths, baseline(plan, values))
        assert z < limit(count), number
        converged += 1
        if converged == 12:
            break
    assert converged >= 8
