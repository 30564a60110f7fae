"""A choice between scenarios: what each brings on the same path, and what is unknown when one must choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.explain.intervals import Floats
from simengine.explain.payoff import Payoff
from simengine.plan.scalars import nearest

_SAME = {
    "plan": "plan",
    "currency": "currency",
    "start": "start",
    "seed": "seed",
    "stream_version": "stream version",
}
"""Attributes that runs must share, and how they are called."""


@dataclass(frozen=True)
class Choice:
    """A choice between scenarios of one plan.

    `net_benefit` (n, options) is money by path, paired; `twin` (m, options) that of the same assumptions with other
    random variation, for the first m paths. `inputs` (n, k) are the assumptions that vary, by `names`. What some
    scenario fixes and another leaves open is in `fixed`.
    """

    options: tuple[str, ...]
    net_benefit: Floats
    twin: Floats
    names: tuple[str, ...]
    inputs: Floats
    fixed: tuple[str, ...]


def choice_between(runs: Mapping[str, xr.Dataset], payoff: Payoff, costs: Mapping[str, float]) -> Choice:
    """What each scenario brings on every path.

    Parameters
    ----------
    runs : results by name of the scenario, with the same seed and draws
    payoff : what is counted
    costs : by name of a scenario, money that it takes and that its plan does not hold

    Raises
    ------
    SimengineError
        when these runs cannot be compared path by path, or never differ
    """
    _comparable(runs)
    for name in costs:
        if name not in runs:
            raise SimengineError(f"no scenario is named {name!r}; {nearest(name, runs)}")
    names, inputs, fixed = _unknown(runs)
    paid = np.array([costs.get(name, 0.0) for name in runs])
    net_benefit = np.column_stack([payoff.of(ds) for ds in runs.values()]) - paid
    if not np.ptp(net_benefit, axis=1).any():
        raise SimengineError(
            f"the scenarios bring the same {payoff.text} on every path, so there is nothing to choose; "
            f"choose another payoff, or runs of scenarios that differ"
        )
    twins = min(ds.sizes.get("twin", 0) for ds in runs.values())
    twin = np.empty((0, len(runs)))
    if twins:
        twin = np.column_stack([payoff.of(ds, "_twin")[:twins] for ds in runs.values()]) - paid
    return Choice(tuple(runs), net_benefit, twin, names, inputs, fixed)


def _comparable(runs: Mapping[str, xr.Dataset]) -> None:
    if len(runs) < 2:
        raise SimengineError("a choice needs two scenarios or more; name another run")
    (first, one), *others = runs.items()
    for name, ds in others:
        told = {text: (one.attrs.get(key), ds.attrs.get(key)) for key, text in _SAME.items()}
        told |= {"number of draws": (one.sizes["draw"], ds.sizes["draw"])}
        told |= {"number of months": (one.sizes["month"], ds.sizes["month"])}
        for what, (here, there) in told.items():
            if here != there:
                raise SimengineError(
                    f"{first} and {name} differ in their {what} ({here}, {there}), so their paths are no pairs; "
                    "run scenarios of one plan with the same seed and draws"
                )


def _unknown(runs: Mapping[str, xr.Dataset]) -> tuple[tuple[str, ...], Floats, tuple[str, ...]]:
    """Names and values of the assumptions that vary, and names of those that vary in some of the scenarios only."""
    drawn: dict[str, tuple[str, Floats]] = {}
    constant: set[str] = set()
    for scenario, ds in runs.items():
        for name, values in zip(ds["assumption"].values.tolist(), ds["assumption_value"].values.T, strict=True):
            if not np.ptp(values):
                constant.add(name)
                continue
            first, known = drawn.setdefault(name, (scenario, values))
            if not np.array_equal(known, values):
                raise SimengineError(
                    f"{name} is drawn from another distribution in {scenario} than in {first}: they differ in what is "
                    "believed, not only in what is done; compare scenarios that state the same distributions"
                )
    n = next(iter(runs.values())).sizes["draw"]
    inputs = np.column_stack([values for _, values in drawn.values()]) if drawn else np.empty((n, 0))
    return tuple(drawn), inputs, tuple(name for name in drawn if name in constant)
