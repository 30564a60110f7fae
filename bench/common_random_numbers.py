"""What common random numbers are worth: the variance of a difference between two scenarios, with them and without.

Run with `make bench-pairs`. The table is printed and written to bench/common_random_numbers.md.
"""

import numpy as np

from bench.inputs import NORTHSTAR, drawn
from bench.outputs import simulated
from bench.report import heading, table, write
from simengine.plan import load
from simengine.simulation.pack import pack

PATHS = 4096
SEEDS = 7, 8
LAST = 11
"""Month in which FY2027 ends."""
GROUP = "team.seats.ae-enterprise-na-new.hires"
LATER = [f"{GROUP}.{change}" for change in ("2027-01=0", "2027-03=0", "2027-04=2", "2027-06=3")]
"""Five hires one quarter later."""
COMMIT = 101_000_000
"""ARR of the target of that name, which lenders are told."""
RESAMPLES = 2000


def ending_arr(plan, paths, seed, win_rate=1.0):
    """ARR at the end of FY2027 on every path; every win rate times `win_rate`."""
    packed = pack(plan, seed)
    slots, varying = drawn(plan, packed, paths, seed, win_rate=win_rate)
    return simulated(packed.tables, slots, varying)["segment"]["ending_arr"][:, LAST].sum(axis=1)


def scenarios():
    """By name, a function of paths and seed that gives ending ARR."""
    base, later = load(NORTHSTAR), load(NORTHSTAR, LATER)
    return {
        "base": lambda paths, seed: ending_arr(base, paths, seed),
        "win rates 2 % higher": lambda paths, seed: ending_arr(base, paths, seed, win_rate=1.02),
        "five hires one quarter later": lambda paths, seed: ending_arr(later, paths, seed),
    }


def ratio(paired, independent, rng):
    """Variance without over variance with, and an interval of 95 % (bootstrap over paths)."""

    def resampled(x):
        return x[rng.integers(len(x), size=len(x))].var()

    ratios = [resampled(independent) / resampled(paired) for _ in range(RESAMPLES)]
    return independent.var() / paired.var(), *np.quantile(ratios, [0.025, 0.975])


def measures(arr):
    """What is compared, by name."""
    return {"ending ARR": arr, "P(hit) of commit ARR": (arr >= COMMIT) * 1.0}


def most_of_shares(p, d):
    """The largest ratio for shares p and p ± d: 2 p(1 − p)/(d(1 − d)) nearly, the difference being 0 or ±1."""
    return 2 * p * (1 - p) / (d * (1 - d))


def main():
    rng = np.random.default_rng(1)
    run = scenarios()
    base = measures(run.pop("base")(PATHS, SEEDS[0]))
    rows = []
    for name, scenario in run.items():
        same, other = (measures(scenario(PATHS, seed)) for seed in SEEDS)
        for measure, before in base.items():
            value, low, high = ratio(same[measure] - before, other[measure] - before, rng)
            change = np.mean(same[measure] - before)
            most = "" if measure == "ending ARR" else f"{most_of_shares(before.mean(), abs(change)):,.0f}"
            rows.append([name, measure, f"{change:,.4g}", f"{value:,.0f}", f"{low:,.0f} to {high:,.0f}", most])
    write(
        "common_random_numbers.md",
        heading("What common random numbers are worth", "make bench-pairs"),
        f"Northstar, end of FY2027, {PATHS:,} paths. How many times the variance of the difference of two scenarios is "
        "larger with seeds of their own: so many times more paths would tell the difference as well.\n\n"
        "That of P(hit) cannot be as large: a path counts only where the difference takes it across the target, and "
        "then it counts in full. Where none is taken across the other way, there is no larger ratio.\n",
        table(["scenario", "of", "change", "times the variance", "95 % interval", "at most"], rows),
    )


if __name__ == "__main__":
    main()
