"""Who finds the shares of variance: ours beside SALib and OpenTURNS, on one model with known shares."""

import math
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import openturns as ot
from SALib.analyze import delta, rbd_fast, shapley, sobol
from SALib.sample import shapley as shapley_design
from SALib.sample import sobol as sobol_design

from bench.curved import SIZE, curved
from bench.report import heading, table, write
from simengine.explain.attribution import attribute
from simengine.explain.ranks import ranks_of
from simengine.explain.surrogate import Inputs
from simengine.explain.variance import Bins, first_order_shares

DRAWS, TWINS = 10_000, 2_000
REPETITIONS, ROUNDS, RESAMPLES = 10, 5, 100
PROBLEM = {
    "num_vars": SIZE,
    "names": [f"z{i}" for i in range(SIZE)],
    "bounds": [[0.0, 1.0]] * SIZE,
    "dists": ["norm"] * SIZE,
}


class Given(NamedTuple):
    """Draws that were made anyway."""

    z: np.ndarray
    y: np.ndarray
    twin: np.ndarray


class Estimator(NamedTuple):
    """`estimate(given, intervals)` returns shares (k,); `estimates` says of what."""

    name: str
    estimates: str
    estimate: Callable[[Given, bool], np.ndarray]
    intervals: str
    rounds: int = ROUNDS


def drawn(model, rng):
    """Draws of the model with its random variation, and twins."""
    z = rng.normal(size=(DRAWS, SIZE)) @ np.linalg.cholesky(model.R).T
    known, scale = model.known(z), math.sqrt(noise(model))
    twin = np.full(DRAWS, np.nan)
    twin[:TWINS] = known[:TWINS] + scale * rng.normal(size=TWINS)
    return Given(z, known + scale * rng.normal(size=DRAWS), twin)


def noise(model):
    """Variance of random variation."""
    return model.variance - model.effects.sum()


def given_data(R):
    """Estimators of one sample. Ours say shares and intervals in one go."""

    def ours(given, _intervals):
        return attribute(Inputs(given.z, R, given.z), given.y, given.twin).shapley.share.estimate

    def alone(given, _intervals):
        return attribute(Inputs(given.z, R, given.z), given.y, given.twin).alone.share.estimate

    def bins(given, _intervals):
        return first_order_shares([Bins(ranks) for ranks in ranks_of(given.z)], given.y).share.estimate

    def plischke(given, intervals):
        resamples = RESAMPLES if intervals else 2
        return delta.analyze(PROBLEM, given.z, given.y, num_resamples=resamples, method="sobol")["S1"]

    def fourier(given, intervals):
        return np.array(
            rbd_fast.analyze(PROBLEM, given.z, given.y, num_resamples=RESAMPLES if intervals else 2, seed=1)["S1"]
        )

    def rank(given, intervals):
        algorithm = ot.RankSobolSensitivityAlgorithm(ot.Sample(given.z), ot.Sample(given.y[:, None]))
        algorithm.setBootstrapSize(RESAMPLES)
        if intervals:
            algorithm.getFirstOrderIndicesInterval()
        return np.array(algorithm.getFirstOrderIndices())

    return [
        Estimator("simengine: shares that add up", "Shapley", ours, "each share, sum and difference"),
        Estimator("simengine: alone, by the surrogate", "first order", alone, "each share, sum and difference"),
        Estimator("simengine: lines in bins", "first order", bins, "each share, sum and difference"),
        Estimator("SALib delta", "first order", plischke, f"{RESAMPLES} resamples", 1),
        Estimator("SALib rbd_fast", "first order", fourier, f"{RESAMPLES} resamples", 1),
        Estimator("OpenTURNS RankSobol", "first order", rank, f"{RESAMPLES} resamples", 1),
    ]


def designed(model, rng, fresh):
    """Shares by designs of 10,000 runs of the model with independent inputs; seconds of the analysis alone.

    Random variation: new for every run, or held within what a design compares (a row of Saltelli's matrices, a walk).
    """
    seed, scale = int(rng.integers(2**31)), math.sqrt(noise(model))
    found = {}

    def run(z, together):
        groups = len(z) if fresh else -(-len(z) // together)
        return model.known(z) + scale * np.repeat(rng.normal(size=groups), 1 if fresh else together)[: len(z)]

    z = sobol_design.sample(PROBLEM, 256, calc_second_order=False, seed=seed)
    y = run(z, SIZE + 2)
    started = time.perf_counter()
    indices = sobol.analyze(PROBLEM, y, calc_second_order=False, seed=seed)
    seconds = time.perf_counter() - started
    found["SALib Sobol, S1"] = np.array(indices["S1"]), seconds, len(z)
    found["SALib Sobol, ST"] = np.array(indices["ST"]), seconds, len(z)
    z = shapley_design.sample(PROBLEM, DRAWS // (SIZE + 1), seed=seed)
    y = run(z, SIZE + 1)
    started = time.perf_counter()
    shares = shapley.analyze(PROBLEM, z, y)["shapley"] / model.variance
    found["SALib Shapley"] = np.array(shares), time.perf_counter() - started, len(z)
    return found


def rmse(estimates, truth):
    """Over repetitions and inputs."""
    return math.sqrt(np.mean((np.array(estimates) - truth) ** 2))


def seconds(estimator, given, intervals):
    """Wall seconds of one call."""
    started = time.perf_counter()
    estimator.estimate(given, intervals)
    return time.perf_counter() - started


def timed(estimators, given):
    """Seconds, all in turn: lists without and with intervals, by name."""
    for estimator in estimators:
        estimator.estimate(given, False)  # what is loaded or compiled on the first call
    rounds = range(ROUNDS)
    plain = {one.name: [] for one in estimators}
    both = {one.name: [] for one in estimators}
    for turn in rounds:
        for one in estimators:
            plain[one.name].append(seconds(one, given, False))
            if turn < one.rounds:
                both[one.name].append(seconds(one, given, True))
    return plain, both


def ratios(plain, first):
    """Median over rounds of the time beside that of `first` in the same round."""
    return {
        name: statistics.median(mine / its for mine, its in zip(times, plain[first], strict=True))
        for name, times in plain.items()
    }


def of_given_data(model):
    """The table of what uses the draws of an ordinary run."""
    rng = np.random.default_rng(1)
    samples = [drawn(model, rng) for _ in range(REPETITIONS)]
    estimators = given_data(model.R)
    shapley_shares = model.effects / model.variance
    truth = {"Shapley": shapley_shares, "first order": model.first_order(model.variance)}
    plain, both = timed(estimators, samples[0])
    ratio = ratios(plain, estimators[0].name)
    rows = []
    for one in estimators:
        found = [one.estimate(given, False) for given in samples]
        rows.append(
            [
                one.name,
                one.estimates,
                f"{rmse(found, truth[one.estimates]):.4f}",
                f"{rmse(found, shapley_shares):.4f}",
                f"{statistics.median(plain[one.name]):.2f}",
                f"{ratio[one.name]:.1f}",
                f"{statistics.median(both[one.name]):.2f}",
                one.intervals,
            ]
        )
    columns = ["estimator", "of", "error against its truth", "against Shapley's", "seconds", "times ours"]
    return table([*columns, "with intervals, s", "intervals by"], rows)


def of_designs(model):
    """The table of what needs runs of its own."""
    apart = model.independent()
    apart.__dict__["variance"] = apart.effects.sum() + noise(model)
    rng = np.random.default_rng(2)
    own = {
        "SALib Sobol, S1": apart.first_order(apart.variance),
        "SALib Sobol, ST": apart.total_order(apart.variance),
        "SALib Shapley": apart.effects / apart.variance,
    }
    shares = model.effects / model.variance
    idle = shares == 0
    rows = []
    for held in (True, False):
        repetitions = [designed(apart, rng, fresh=not held) for _ in range(REPETITIONS)]
        for name, truth in own.items():
            found = [one[name][0] for one in repetitions]
            rows.append(
                [
                    name,
                    "held" if held else "new for each run",
                    f"{repetitions[0][name][2]:,}",
                    f"{rmse(found, truth):.4f}",
                    f"{rmse(found, shares):.4f}",
                    f"{np.mean(np.array(found)[:, idle]):.3f}",
                    f"{statistics.median(one[name][1] for one in repetitions):.2f}",
                ]
            )
    columns = ["estimator", "random variation", "runs", "error against its truth", "against Shapley's"]
    return table([*columns, "mean share of inputs without effect", "analysis, s"], rows)


def main():
    model = curved()
    curvature = 1 - polynomial(model)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("SALib", "openturns", "scipy"))
    write(
        "attribution.md",
        heading("Shares of variance beside SALib and OpenTURNS", "make bench-attribution"),
        f"{libraries}. {SIZE} inputs, two correlated blocks, products as exponentials of sums, three interactions, "
        f"45 % random variation (`bench/curved.py`): of what assumptions explain, {curvature:.1%} is beyond the "
        "surrogate's reach. The true shares are exact, by the definition over all coalitions. Error: root mean square "
        f"over inputs and {REPETITIONS} repetitions. One thread each.\n",
        f"**From the draws of an ordinary run**, {DRAWS:,} of them, the same for all; ours also uses {TWINS:,} twins. "
        f"Seconds: medians of {ROUNDS} rounds in turn; intervals by resampling are measured once. SALib's delta itself "
        "is no share of variance: shown is the first-order share that it computes along with it.\n",
        of_given_data(model),
        "**From runs of their own**, as many. These designs assume independent inputs and are given independent ones: "
        "their own truth is that of another model, which has no correlation. Random variation is held within what a "
        "design compares (a simulator must offer that), or new for each run.\n",
        of_designs(model),
    )


def polynomial(model):
    """Share of what assumptions explain that the best surrogate finds, from a sample without random variation."""
    z = np.random.default_rng(3).normal(size=(4 * DRAWS, SIZE)) @ np.linalg.cholesky(model.R).T
    y = model.known(z)
    return attribute(Inputs(z, model.R, z), y, y.copy()).quality[0]


if __name__ == "__main__":
    main()
