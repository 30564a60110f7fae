"""How wrong shares are, and how often their intervals hold the truth: the figures of docs/methods.md."""

import sys

import numpy as np

from bench.report import heading, table, write
from tests.explain.repetitions import OTHERS, SIX, repeated

REPETITIONS, SEED = 1000, 2027
CLEAR = 5.0
"""Standard errors from which a share is clearly above noise."""


def row(case, repetitions):
    """One line of the table."""
    found = repeated(case, repetitions, SEED)
    shares = found["shapley"]
    clear = shares.truth > CLEAR * shares.estimate.std(axis=0)
    line = [case.name, f"{case.draws:,}", f"{np.sqrt(np.mean(shares.rmse**2)):.4f}"]
    for kind in (clear, ~clear):
        covered = shares.among(kind).covered / repetitions
        line += [str(kind.sum()), f"{covered.mean():.1%}", f"{covered.min():.1%}"] if kind.any() else ["0", "", ""]
    return [*line, *(f"{found[name].covered.mean() / repetitions:.1%}" for name in ("alone", *REST))]


REST = ("random_variation", "unattributed", "quality")


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS
    write(
        "coverage.md",
        heading("Coverage of the intervals of shares", "make bench-coverage"),
        f"{repetitions:,} repetitions of each model, 45 % random variation, twins of a fifth of the draws "
        "(`tests/explain/repetitions.py`). Error: root mean square of Shapley shares, over inputs. Coverage of 95 % "
        f"intervals: shares of more than {CLEAR:g} standard errors, and smaller ones, whose intervals are too wide on "
        "purpose; then means of the others.\n",
        table(
            ["inputs", "draws", "error", "clear shares", "mean", "least", "others", "mean", "least", "alone"]
            + [name.replace("_", " ") for name in REST],
            [row(case, repetitions) for case in (*SIX, *OTHERS)],
        ),
    )


if __name__ == "__main__":
    main()
