"""The mean of many paths at fixed assumptions against the expected-value recursion, where no capacity binds."""

from pathlib import Path

import numpy as np
from scipy import stats

from simengine.baseline import baseline
from simengine.plan import load, loads
from tests.generated import PLANS, generated_plan, generated_values
from tests.kernel.support import simulate as run_paths

PATHS = 4000
ENOUGH = 200
LEVEL = 1e-6
"""Chance of one false alarm in a whole plan (Bonferroni over all its outputs, months and entities)."""

NOT_EXACT = {
    "grr_arr",  # the spreadsheet caps a cohort, the paths cap each customer (docs/model.md, section 4)
    "capacity",
    # who owns what, and what a group of people attains (simengine.baseline.baseline)
    *("new_from_existing", "new_from_hires", "credited", "commission", "at_quota", "near_quota", "below_half"),
}


def worst(paths, expected):
    """Largest |z| of the means of all outputs, and how many there are.

    Where fewer than ENOUGH paths differ from the commonest course, the mean is not yet normal: left out.
    """
    scores = []
    for kind in ("segment", "group", "cell", "pool"):
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


FREE = Path(__file__).parent / "free.yaml"


def test_every_mechanism_converges_to_its_expectation():
    plan = load(FREE)
    paths = run_paths(plan, PATHS)
    z, count = worst(paths, baseline(plan, plan.planned))
    assert z < limit(count)
    better = load(FREE, ["funnel.channels.inbound.segments.smb.win_rate=26 %"])
    assert worst(paths, baseline(better, better.planned))[0] > limit(count)  # negative control


def _is_free(plan):
    """Whether nobody leaves for a missed quota, or is promoted into a seat that must stand open."""
    roles = plan.team.roles.values()
    missed = any(role.attrition and role.attrition.missed_quota for role in roles)
    return not missed and not any(role.promotion and role.promotion.into for role in roles)


def _binds(paths):
    """Whether on some path room, hours or coverage do not suffice, or hiring is frozen."""
    waits, drops = paths.segment["waiting"].any(), paths.cell["dropped"].any()
    covered = all((paths.segment[duty] == 1).all() for duty in ("renewal_coverage", "expansion_coverage"))
    return waits or drops or not covered or paths.group["frozen"].any()


def test_generated_plans_converge_to_their_expectation_where_nobody_waits():
    converged = 0
    for number in range(PLANS):
        plan = loads(generated_plan(number))
        values = generated_values(plan, 0)
        if not _is_free(plan) or _binds(run_paths(plan, 200, values=values)):
            continue
        paths = run_paths(plan, PATHS, values=values)
        if _binds(paths):
            continue
        z, count = worst(paths, baseline(plan, values))
        assert z < limit(count), number
        converged += 1
    assert converged >= 6
