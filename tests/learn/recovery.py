"""Recovery: whether what the engine was told comes back from the records that it makes.

`python -m tests.learn.recovery -n 1000` prints how often the 90 % intervals of `fit` hold the truth, and how often
intervals as wide around the usual shortcuts do.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, NamedTuple

from scipy import stats

from simengine.learn.estimate import LEVEL as SAID
from simengine.learn.fit import fit
from simengine.plan import Plan, load
from tests.learn.made import made

PLAN = Path(__file__).with_name("recovery.yaml")
AS_OF = date(2028, 12, 31)
SEED = 17
LEVEL = 0.001
"""Of all tests of a table together."""


class Known(NamedTuple):
    """What is true of a number; whether its interval may hold it too often; how much its shortcut is biased here."""

    truth: float
    cautious: bool = False
    biased: Literal["", "somewhat", "plainly"] = ""
    short: bool = False  # of its promise: known, and said in docs/learn/recovery.md


KNOWN: dict[str, Known] = {
    "volume.inbound.smb": Known(55 * 1.25**2, biased="plainly"),
    "growth.inbound.smb": Known(0.25),
    "lead_to_opportunity.inbound": Known(0.6, biased="plainly"),
    "lead_to_opportunity_months.inbound": Known(1.6, short=True),
    "win_rate.smb": Known(0.25, biased="somewhat"),
    "cycle.smb": Known(5.0, biased="plainly"),
    "cycle_lost.smb": Known(2.5, biased="plainly"),
    "cycle_spread.smb": Known(0.5),
    "deal_size.smb": Known(24_000.0),
    "attrition.ae": Known(0.18, biased="somewhat"),
    "attrition.csm": Known(0.25, biased="somewhat"),
    "attrition.csm.involuntary": Known(0.06, biased="somewhat"),
    "renewal.smb": Known(0.86, biased="plainly"),
    "dollar_renewal.smb": Known(0.86),
    "contraction.smb": Known(0.03, cautious=True),
    "price_increase.smb": Known(0.03, cautious=True),
    "expansion.smb": Known(0.25),
    "ramp_months.ae": Known(6.0, cautious=True, biased="plainly"),
}
"""Every number that the plan states and its records tell."""


class Found(NamedTuple):
    """An estimate with its interval, and the shortcut; NaN where there is none."""

    value: float
    lower: float
    upper: float
    naive: float

    def holds(self, truth: float) -> bool:
        return self.lower <= truth <= self.upper

    def naive_holds(self, truth: float) -> bool:
        """Whether an interval as wide around the shortcut does."""
        return self.lower <= truth + self.value - self.naive <= self.upper


class Tally(NamedTuple):
    """Of one number: histories that tell it, how often both intervals hold the truth, and the means of what is said."""

    histories: int
    held: int
    naive_told: int
    naive_held: int
    value: float
    naive: float
    width: float


@cache
def plan() -> Plan:
    """The plan whose numbers are the truth."""
    return load(str(PLAN))


def found(number: int) -> dict[str, Found]:
    """What `fit` says of one history, of the numbers that are known."""
    history = made(plan(), plan().planned, number, SEED, AS_OF)
    estimates = [each for each in fit(history, months_back=0).estimates if each.name in KNOWN]
    return {e.name: Found(e.value, e.lower, e.upper, math.nan if e.naive is None else e.naive) for e in estimates}


def many(count: int, workers: int = 1, start: int = 0) -> list[dict[str, Found]]:
    """The same of many histories, in their order."""
    numbers = range(start, start + count)
    if workers == 1:
        return [found(number) for number in numbers]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(found, numbers, chunksize=5))


def tally(name: str, histories: Iterable[Mapping[str, Found]]) -> Tally:
    """Count one number over histories."""
    truth = KNOWN[name].truth
    told = [each[name] for each in histories if name in each]
    naive = [each for each in told if math.isfinite(each.naive)]
    return Tally(
        len(told),
        sum(each.holds(truth) for each in told),
        len(naive),
        sum(each.naive_holds(truth) for each in naive),
        _mean(each.value for each in told),
        _mean(each.naive for each in naive),
        _mean(each.upper - each.lower for each in told),
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else math.nan


def p_value(held: int, histories: int, *, cautious: bool = False) -> float:
    """Exact binomial test that intervals hold the truth as often as they say; at least as often, of cautious ones."""
    side = "less" if cautious else "two-sided"
    return float(stats.binomtest(held, histories, SAID, alternative=side).pvalue) if histories else math.nan


def report(histories: list[dict[str, Found]]) -> str:
    """A table for reading (Markdown)."""
    lines = [
        "| number | truth | mean estimate | mean width | holds the truth | p | shortcut | holds the truth | p |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, known in KNOWN.items():
        of = tally(name, histories)
        p = p_value(of.held, of.histories, cautious=known.cautious)
        naive = ["–"] * 3
        if of.naive_told:
            p_naive = p_value(of.naive_held, of.naive_told, cautious=known.cautious)
            naive = [f"{of.naive:.4g}", _share(of.naive_held, of.naive_told), _p(p_naive)]
        cells = [f"`{name}`", f"{known.truth:.4g}", f"{of.value:.4g}", f"{of.width:.3g}"]
        lines.append(f"| {' | '.join([*cells, _share(of.held, of.histories), _p(p), *naive])} |")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _p(p: float) -> str:
    return f"**{p:.1g}**" if p < LEVEL / len(KNOWN) else f"{p:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1000, help="histories")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--start", type=int, default=0, help="number of the first history")
    given = parser.parse_args()
    print(report(many(given.n, given.workers, given.start)))


if __name__ == "__main__":
    main()
