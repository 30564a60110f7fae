"""How wrong shares are, and how often their intervals hold the truth: the figures of docs/methods.md."""

import numpy as np

from bench.report import heading, table, write
from tests.explain.repetitions import OTHERS, SIX, repeated

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


def main():
    write(
        "coverage.md",
        heading("Coverage of the intervals of shares", "make bench-coverage"),
        "45 % random variation, twins of a fifth of the draws (`tests/explain/repetitions.py`). Error: root mean "
        "square of the shares that add up, over inputs. Coverage of 95 % intervals: of shares of more than five "
        "standard errors; of smaller ones, whose intervals are too wide on purpose; of the rest, in the mean.\n",
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
    )


if __name__ == "__main__":
    main()
