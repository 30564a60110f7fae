"""What a scenario brings on a path, in money: a sum of metrics, less what it costs, plus what targets are worth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.explain.intervals import Floats
from simengine.plan.scalars import nearest
from simengine.plan.targets import METRIC_UNITS
from simengine.results.outputs import PathSuffix
from simengine.results.targets import hits, period_values, whole_plan

DEFAULT = "cash"
"""Everything earned and spent over the whole plan ends in it."""

_SUM = re.compile(r"\s*(?P<sign>[+-]?)\s*(?:(?P<weight>\d+(?:\.\d*)?|\.\d+)(?:\s+|\s*\*\s*))?(?P<name>[a-z]\w*)\s*")


@dataclass(frozen=True)
class Payoff:
    """What is counted on a path: `weights` of money metrics over `period`, and the `worth` of each target that is hit.

    `period` None is the whole plan: flows are summed over all its months, stocks are those of the last.
    """

    text: str
    weights: Mapping[str, float]
    period: str | None = None
    worth: Mapping[str, float] = field(default_factory=dict)

    def of(self, ds: xr.Dataset, suffix: PathSuffix = "") -> Floats:
        """Money of each path, (n,); `suffix` "_twin" gives that of the twins.

        Raises
        ------
        SimengineError
            when the run lacks the period or a target, or a metric is undefined on a path
        """
        total = sum(self._terms(ds, suffix), np.zeros(ds.sizes["twin" if suffix else "draw"]))
        if not np.isfinite(total).all():
            raise SimengineError(f"{self.text} is undefined or infinite on some paths; choose another payoff")
        return total

    def over(self, ds: xr.Dataset) -> str:
        """The period in words."""
        return self.period or whole_plan(ds)

    def _terms(self, ds: xr.Dataset, suffix: PathSuffix) -> Iterator[Floats]:
        for name, weight in self.weights.items():
            yield weight * period_values(ds, name, self.period, suffix).values
        for target, amount in self.worth.items():
            if target not in ds["target"].values:
                known = nearest(target, [str(name) for name in ds["target"].values])
                raise SimengineError(f"no target is named {target!r}; {known}")
            yield amount * hits(ds, suffix).sel(target=target).values.astype(np.float64)


def payoff_of(text: str, period: str | None = None, worth: Mapping[str, float] | None = None) -> Payoff:
    """Read a payoff such as `cash`, `gross_profit - opex` or `cash + 2 ending_arr`.

    Parameters
    ----------
    text : metrics in money, with signs and weights
    period : FY2027, FY2027-Q3 or 2027-03; None is the whole plan
    worth : by name of a target, the money that reaching it is worth

    Raises
    ------
    SimengineError
        when it cannot be read, or names what is not a metric in money

    >>> dict(payoff_of("cash + 2 ending_arr - 0.5 opex").weights)
    {'cash': 1.0, 'ending_arr': 2.0, 'opex': -0.5}
    """
    weights: dict[str, float] = {}
    place = 0
    while place < len(text) or not weights:
        term = _SUM.match(text, place)
        if term is None or (weights and not term["sign"]):
            raise SimengineError(f"{text!r} is not a payoff like cash, gross_profit - opex or cash + 2 ending_arr")
        name, size = _money(term["name"]), float(term["weight"] or 1)
        weights[name] = weights.get(name, 0.0) + (-size if term["sign"] == "-" else size)
        place = term.end()
    return Payoff(text.strip(), weights, period, dict(worth or {}))


def _money(name: str) -> str:
    money = [metric for metric, unit in METRIC_UNITS.items() if unit == "currency"]
    if name in METRIC_UNITS and name not in money:
        raise SimengineError(f"{name} is not money, and a payoff is; choose from {', '.join(money)}")
    if name not in money:
        raise SimengineError(f"{name!r} is not a metric; {nearest(name, money)}")
    return name
