"""Scenarios beside the first of them: how likely each target is, what money does, what differs, and what is ranked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.decide.paired import LEVEL, Hits, difference_of_means, difference_of_shares, mcnemar, ranked
from simengine.errors import SimengineError
from simengine.explain.intervals import UNKNOWN, Bounded, Floats, mean, proportion
from simengine.plan.targets import Target, unit_of
from simengine.results.targets import quantile_intervals

MEASURES = ("ending_arr", "new_arr", "net_new_arr", "nrr", "sm_spend", "net_burn", "lowest_cash", "cac_payback")
"""What is told in amounts, where the plan can tell it."""
QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
Bits = NDArray[np.uint8]
_ENDS = ("", "_lower", "_upper")
_NOTHING: Bounded = (0.0, 0.0, 0.0)


def compare(
    columns: Mapping[str, Mapping[str, Floats]],
    targets: Sequence[Target],
    measures: Sequence[Target] = (),
    *,
    currency: str = "USD",
    level: float = LEVEL,
) -> xr.Dataset:
    """Compare scenarios on the same draws with the first of them.

    One scenario after the other is looked at, beside the first; of the others no more than a bit for each draw and
    target is kept.

    Parameters
    ----------
    columns : by scenario, and then by name of the target or measure, its value on every draw, (n,)
    targets : how often each is reached
    measures : what is told in amounts, as targets whose bounds do not count
    currency : of money
    level : coverage of differences. What is told apart is wrong anywhere with at most the rest of it: over all
        scenarios for differences to the first (`told`), over all pairs for ranks

    Returns
    -------
    Dataset
        along `scenario` and `target`: `p`, `p_change`, each with `_lower` and `_upper`, `p_told`, `rank`;
        along `scenario` and `measure`: `mean`, `p10`, `p50`, `p90`, `mean_change`, each with `_lower` and `_upper`, and
        `mean_told`. What has no amount on some draw has no mean.

    Raises
    ------
    SimengineError
        where there is nothing to compare, or draws differ in number
    """
    names = list(columns)
    if not names or not targets:
        raise SimengineError("there is nothing to compare; give one scenario and one target at least")
    of_targets, of_measures, bits = _Table(len(names), len(targets)), _Table(len(names), len(measures)), list[Bits]()
    others = max(1, len(names) - 1)
    base = columns[names[0]]
    draws = len(base[targets[0].name])
    for row, name in enumerate(names):
        here = base if row == 0 else columns[name]
        if any(len(here[one.name]) != draws for one in (*targets, *measures)):
            raise SimengineError(f"{name!r} has not the draws of {names[0]!r}; simulate both with the same number")
        hits = [target.is_reached(here[target.name]) for target in targets]
        bits.append(np.packbits(hits, axis=1))
        for place, target in enumerate(targets):
            there = target.is_reached(base[target.name])
            of_targets.put(row, place, "p", proportion(hits[place].astype(float)))
            of_targets.put(row, place, "p_change", _share_change(hits[place], there, level, is_base=row == 0))
            of_targets.told[row, place] = mcnemar(hits[place], there) <= (1 - level) / others
        for place, measure in enumerate(measures):
            for key, bounded in _amounts(here[measure.name]):
                of_measures.put(row, place, key, bounded)
            pair = here[measure.name], base[measure.name]
            of_measures.put(row, place, "mean_change", _NOTHING if row == 0 else _mean_change(*pair, level))
            _, low, high = _mean_change(*pair, 1 - (1 - level) / others)
            of_measures.told[row, place] = low > 0 or high < 0
    found = xr.Dataset(
        {
            **of_targets.variables("target", "p_told"),
            "rank": (("scenario", "target"), _ranks(bits, len(targets), draws, level)),
            **of_measures.variables("measure", "mean_told"),
        },
        {"scenario": np.array(names, object), **_targets(targets, currency), **_measures(measures, currency)},
    )
    return found.assign_attrs(draws=draws, level=level, base=names[0], currency=currency)


class _Table:
    """Estimates with their bounds by scenario and target or measure, and whether each differs from the first."""

    def __init__(self, rows: int, places: int) -> None:
        self._values: dict[str, Floats] = {}
        self.told = np.zeros((rows, places), bool)

    def put(self, row: int, place: int, key: str, bounded: Bounded) -> None:
        """Enter one estimate."""
        for end, value in zip(_ENDS, bounded, strict=True):
            self._values.setdefault(key + end, np.full(self.told.shape, np.nan))[row, place] = value

    def variables(self, dim: str, told: str) -> dict[str, tuple[tuple[str, str], NDArray[np.generic]]]:
        """Them as variables of a dataset."""
        return {key: (("scenario", dim), array) for key, array in (*self._values.items(), (told, self.told))}


def _share_change(here: Hits, there: Hits, level: float, *, is_base: bool) -> Bounded:
    return _NOTHING if is_base else difference_of_shares(here, there, level)


def _mean_change(here: Floats, there: Floats, level: float) -> Bounded:
    # Two infinite amounts have no difference.
    with np.errstate(invalid="ignore"):
        return difference_of_means(here, there, level)


def _amounts(values: Floats) -> Iterator[tuple[str, Bounded]]:
    yield "mean", mean(values) if np.isfinite(values).all() else UNKNOWN
    yield from zip(QUANTILES, quantile_intervals(values, list(QUANTILES.values())), strict=True)


def _ranks(bits: Sequence[Bits], targets: int, draws: int, level: float) -> NDArray[np.int64]:
    """Ranks of the scenarios by each target, (scenario, target)."""
    ranks = np.ones((len(bits), targets), np.int64)
    for place in range(targets):
        hits = np.column_stack([np.unpackbits(one[place], count=draws) for one in bits]).astype(bool)
        order, groups = ranked(hits, level)
        ranks[order, place] = groups
    return ranks


def _targets(targets: Sequence[Target], currency: str) -> dict[str, object]:
    return {
        "target": np.array([one.name for one in targets], object),
        "metric": ("target", [one.metric for one in targets]),
        "period": ("target", [one.period for one in targets]),
        "where": ("target", [", ".join(f"{key}={value}" for key, value in one.where.items()) for one in targets]),
        "at_least": ("target", [math.nan if one.at_least is None else one.at_least for one in targets]),
        "at_most": ("target", [math.nan if one.at_most is None else one.at_most for one in targets]),
        "target_unit": ("target", [unit_of(one.metric, currency) for one in targets]),
    }


def _measures(measures: Sequence[Target], currency: str) -> dict[str, object]:
    return {
        "measure": np.array([one.metric for one in measures], object),
        "measure_period": ("measure", np.array([one.period for one in measures], object)),
        "measure_unit": ("measure", np.array([unit_of(one.metric, currency) for one in measures], object)),
    }
