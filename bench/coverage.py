"""How wrong shares are, and how often their intervals hold the truth: the figures of docs/methods.md."""

import math

import numpy as np
from scipy.special import ndtri

from bench.report import heading, table, write
from simengine.explain.attribution import attribute
from simengine.explain.shapley import Effects
from simengine.explain.surrogate import Inputs, Terms
from tests.explain.repetitions import OTHERS, SIX, equicorrelated, repeated

SEED = 2027
REST = ("random_variation", "unattributed", "quality")


def row(case):
    """One line of the table."""
    found, repetitions = repeated(case, SEED), case.repetitions
    shares = found["shapley"]
    clear = shares.clear
    line = [case.name, f"{case.draws:,}", f"{repetitions:,}", f"{np.sqrt(np.mean(shares.rmse**2)):.4f}"]
    for kind in (clear, ~clear):
        covered = shares.among(kind).covered / repetitions
        line += [str(kind.sum()), f"{covered.mean():.1%}", f"{covered.min():.1%}"] if kind.any() else ["0", "", ""]
    return [*line, *(f"{found[name].covered.mean() / repetitions:.1%}" for name in ("alone", *REST))]


def held(bounds, truth):
    """Share of intervals that hold the truth, (repetition, 3) in."""
    bounds = np.array(bounds)
    return f"{np.mean((bounds[:, 1] <= truth) & (truth <= bounds[:, 2])):.1%}"


def few_twins(twins, draws=2000, repetitions=500):
    """Coverage of what rests on twins, and mean quality."""
    b, rng, found = np.array([1.0, 0.7, 0.4, 0.2, 0.0]), np.random.default_rng(SEED), []
    scale = math.sqrt(b @ b * 0.45 / 0.55)
    for _ in range(repetitions):
        z = rng.normal(size=(draws, len(b)))
        y, other = (z @ b + scale * rng.normal(size=draws) for _ in range(2))
        twin = np.where(np.arange(draws) < twins, other, np.nan)
        found.append(attribute(Inputs(z, np.eye(len(b)), z), y, twin))
    of = {name: [getattr(one, name) for one in found] for name in REST}
    quality = np.mean([bounds[0] for bounds in of["quality"]])
    truths = {"random_variation": 0.45, "unattributed": 0.0, "quality": 1.0}
    return [twins, *(held(of[name], truth) for name, truth in truths.items()), f"{quality:.3f}"]


def rare_event(chance, draws=2000, share=0.1, repetitions=500):
    """Coverage of the share of an event that happens in few draws."""
    rng, bounds = np.random.default_rng(SEED), []
    effect = math.sqrt(share / (1 - share) * 2 / (chance * (1 - chance)))
    for _ in range(repetitions):
        z = rng.normal(size=(draws, 2))
        values = np.stack([z[:, 0] > ndtri(1 - chance), z[:, 1]], axis=1)
        known = effect * values[:, 0] + z[:, 1]
        y, twin = (known + rng.normal(size=draws) for _ in range(2))
        of = attribute(Inputs(z, np.eye(2), values), y, twin).shapley.share
        bounds.append([of.estimate[0], of.lower[0], of.upper[0]])
    return [f"{chance * draws:g}", held(bounds, share)]


def steep(slope, draws=1000, size=20, repetitions=200):
    """Mean share of an assumption with which random variation grows, truth 0.326."""
    b, rng = np.zeros(size), np.random.default_rng(SEED)
    b[:4] = 1.0, 0.7, 0.4, 0.2
    scale, found = math.sqrt(b @ b * 0.45 / 0.55), []
    for _ in range(repetitions):
        z = rng.normal(size=(draws, size))
        spread = scale * np.exp(slope * z[:, 0] - slope**2)
        y, twin = (z @ b + spread * rng.normal(size=draws) for _ in range(2))
        found.append(attribute(Inputs(z, np.eye(size), z), y, twin).shapley.share.estimate[0])
    return [slope, f"{0.55 * b[0] ** 2 / (b @ b):.4f}", f"{np.mean(found):.4f}", f"{np.std(found):.4f}"]


def orders(size):
    """Largest error of a share that a sample of orders puts in, over correlations and signs."""
    rng, errors = np.random.default_rng(SEED), []
    for rho in (0.2, 0.5, 0.8):
        R = np.full((size, size), rho) + (1 - rho) * np.eye(size)
        inputs = Inputs(np.zeros((2, size)), R, np.array([[0.0], [1.0]]) * np.arange(1, size + 1))
        forms = Effects(inputs, Terms(tuple((i, 1) for i in range(size)), ())).shapley
        for signs in (np.ones(size), rng.choice([-1.0, 1.0], size)):
            b = rng.exponential(size=size) * signs
            errors.append(np.einsum("iab,a,b->i", forms, b, b) - equicorrelated(b, rho))
            errors[-1] *= 0.55 / (b @ R @ b)
    return [size, f"{np.abs(errors).max():.5f}"]


def main():
    write(
        "coverage.md",
        heading("Coverage of the intervals of shares", "make bench-coverage"),
        "45 % random variation, twins of a fifth of the draws, of 200 at least (`tests/explain/repetitions.py`). "
        "Error: root mean square of the shares that add up, over inputs. Coverage of 95 % intervals: of shares of more "
        "than five standard errors; of smaller ones, whose intervals are too wide on purpose; of the rest, in the "
        "mean.\n",
        table(
            [
                "inputs",
                "draws",
                "repetitions",
                "error",
                "clear shares",
                "mean",
                "least",
                "others",
                "mean",
                "least",
                "alone",
            ]
            + [name.replace("_", " ") for name in REST],
            [row(case) for case in (*SIX, *OTHERS)],
        ),
        "Where intervals fall short. **Few twins** (2,000 draws of 5 inputs):\n",
        table(
            ["twins", "random variation", "unattributed", "quality", "mean quality"],
            [few_twins(twins) for twins in (50, 100, 200, 400)],
        ),
        "**An event in few of 2,000 draws**, with a share of 0.1:\n",
        table(["draws", "coverage"], [rare_event(chance) for chance in (0.002, 0.005, 0.01, 0.02)]),
        "**Random variation that grows as exp(slope z)** with an assumption, 1,000 draws of 20: its share:\n",
        table(["slope", "truth", "mean", "standard deviation"], [steep(slope) for slope in (0.0, 0.4, 0.8)]),
        "**A sample of orders**, where more than twelve scores hang together: largest error of any share:\n",
        table(["scores", "error"], [orders(size) for size in (13, 20, 40)]),
    )


if __name__ == "__main__":
    main()
