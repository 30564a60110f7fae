"""Trigger points of Northstar against brute force: how often the target is hit where just the trigger is observed.

Run with `make bench-triggers`. The table is printed and written to bench/trigger_points.md.
"""

import numpy as np

from bench.inputs import NORTHSTAR
from bench.report import heading, table, write
from simengine.explain import triggers
from simengine.explain.probit import crossing, fitted
from simengine.explain.ranks import normal_scores
from simengine.plan import load
from simengine.results.targets import hits, wilson
from simengine.simulation import simulate

PATHS = 16_384
SEEDS = 7, 20_281
"""Of the run that gives the triggers, and of the one on which they are tried."""
TARGET = "commit ARR"
NAMES = "win_rate.enterprise-na", "renewal.midmarket-na", "expansion.enterprise"
MONTHS = "2027-03", "2027-06", "2027-09"
CONFIDENCES = 0.5, 0.65, 0.8
WIDTH = 0.1
"""Of the window around a value, in normal scores, on either side."""


def observed(ds, name, month):
    """What is observed of an assumption by the end of a month, path by path."""
    return ds["observed"].sel(month=month).values[:, list(ds["watched"].values).index(name)]


def at_value(x, score):
    """Value at a normal score."""
    return float(np.interp(score, np.sort(normal_scores(x)), np.sort(x)))


def tried(ds, name, month, value):
    """Share of hits where about a value is observed, its interval, and the paths."""
    seen = observed(ds, name, month)
    z = normal_scores(seen)
    near = np.abs(z - np.interp(value, np.sort(seen), np.sort(z))) < WIDTH
    share, low, high = wilson(int(hits(ds).sel(target=TARGET).values[near].sum()), int(near.sum()))
    return f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})", int(near.sum())


def of_the_assumption(ds, name, confidence):
    """The value of the assumption itself at which P(hit) is the confidence."""
    drawn = ds["assumption_value"].sel(assumption=name).values
    found = crossing(fitted(normal_scores(drawn), hits(ds).sel(target=TARGET).values.astype(float)), confidence)
    return at_value(drawn, found.score)


def main():
    plan = load(NORTHSTAR)
    run, again = (simulate(plan, draws=PATHS, seed=seed, twins=0, detail="segment") for seed in SEEDS)
    rows = []
    for confidence in CONFIDENCES:
        found = triggers(run, TARGET, confidence=confidence)
        for name in NAMES:
            other = of_the_assumption(run, name, confidence)
            for month in MONTHS:
                at = found.sel(assumption=name, month=month)
                trigger, low, high = (float(at[f"trigger{end}"]) for end in ("", "_lower", "_upper"))
                share, paths = tried(again, name, month, trigger)
                wrong, _ = tried(again, name, month, other)
                ends = f"{trigger:.3f} ({low:.3f} to {high:.3f})"
                rows.append(
                    [f"{100 * confidence:.0f} %", name, month, ends, share, f"{paths:,}", f"{other:.3f}", wrong]
                )
    columns = ["confidence", "assumption", "observed until", "trigger", "hits there", "paths"]
    write(
        "trigger_points.md",
        heading("Trigger points against brute force", "make bench-triggers"),
        f"Northstar, {TARGET}. Triggers are of {PATHS:,} paths with seed {SEEDS[0]}; hits are of those of {PATHS:,} "
        f"others, seed {SEEDS[1]}, on which about the trigger was observed: within {WIDTH:g} of its normal score. They "
        "should be as many as the confidence says; 1 interval in 20, and some more for the error of the trigger "
        "itself, may miss it. The last two columns condition on the assumption itself, which nobody observes.\n",
        table([*columns, "value of the assumption", "hits where it is observed"], rows),
    )


if __name__ == "__main__":
    main()
