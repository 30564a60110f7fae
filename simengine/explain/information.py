"""What it would be worth to know more before choosing a scenario, in money: EVPI and EVPPI."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.choice import Choice, choice_between
from simengine.explain.evppi import Known, evpi, known, least_gain
from simengine.explain.intervals import Z95, Bounded, Floats, Interval, mean, stacked, with_bounds
from simengine.explain.payoff import DEFAULT, payoff_of
from simengine.explain.ties import rank_groups
from simengine.results.targets import wilson

FEWEST_DRAWS = 500
"""With fewer, intervals were measured to be too short."""
_END = 0.025
"""Share of the draws at either end of an assumption that nothing is told of where to switch."""
_KEPT = ("unit", "owner", "source_kind")


def information(
    runs: Mapping[str, xr.Dataset],
    payoff: str = DEFAULT,
    *,
    period: str | None = None,
    worth: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
) -> xr.Dataset:
    """Tell which scenario is best, and what it would be worth to know each assumption before choosing.

    Parameters
    ----------
    runs : results by name of the scenario: of one plan, with the same seed and draws, so that a path of one is the same
        path of the other
    payoff : what is counted, in money: `cash`, `gross_profit - opex`, `cash + 2 ending_arr`
    period : FY2027, FY2027-Q3 or 2027-03. Left out, flows are summed over the whole plan and stocks are those of its
        last month
    worth : by name of a target, the money that reaching it is worth besides
    costs : by name of a scenario, money that it takes besides

    Returns
    -------
    Dataset
        Every estimate has `_lower` and `_upper`: its 95 % interval. Money is in the currency of the plan.

        Along `option`, as given: `net_benefit`, its mean; `behind`, by how much the best scenario is ahead on average,
        paired path by path; `p_best`, how often it is the best (a tie counts half).

        Scalars: `evpi`, the value of knowing everything, random variation included: nobody can buy that. `evppi_all`,
        the value of knowing all assumptions: the most that can be learnt. Its upper end comes from twin paths, and
        holds whatever the fit misses; without twins it is that of `evpi`.

        Along `assumption`, those that vary, largest first: `evppi`, the value of knowing it exactly; `distinguishable`,
        the interval excludes zero; `rank_group`, from 1: within a group the order means nothing. `best_low` and
        `best_high`, the scenario to choose where the assumption is low (at its 2.5th percentile) and where it is high
        (97.5th), and `switch_at`, the value between at which the choice changes; nan if there is none, or several.

    Raises
    ------
    SimengineError
        when the runs are no choice that can be compared path by path, the payoff cannot be read, or there are fewer
        than 500 draws

    Notes
    -----
    `explain.evppi` has the estimators.
    """
    counted = payoff_of(payoff, period, worth)
    choice = choice_between(runs, counted, costs or {})
    draws = len(choice.net_benefit)
    if draws < FEWEST_DRAWS:
        raise SimengineError(
            f"the value of information needs {FEWEST_DRAWS} draws, and these runs have {draws}; run them with more"
        )
    everything = evpi(choice.net_benefit)
    single = [known(choice.net_benefit, column) for column in choice.inputs.T]
    order = np.argsort([-one.value[0] for one in single], kind="stable")
    single = [single[place] for place in order]
    switches = [_switch(one, column) for one, column in zip(single, choice.inputs.T[order], strict=True)]
    worths = stacked(one.value for one in single)
    options = np.array(choice.options)
    found = xr.Dataset(
        {name: ("option", column) for name, column in with_bounds(_of_options(choice.net_benefit))}
        | {name: ((), end) for name, end in with_bounds({"evpi": everything, "evppi_all": _of_all(choice, everything)})}
        | {name: ("assumption", column) for name, column in with_bounds({"evppi": worths})}
        | {
            "distinguishable": ("assumption", worths.lower > 0),
            "rank_group": ("assumption", _groups(choice.net_benefit, single)),
            "best_low": ("assumption", options[[switch.low for switch in switches]]),
            "best_high": ("assumption", options[[switch.high for switch in switches]]),
            "switch_at": ("assumption", np.array([switch.at for switch in switches], dtype=np.float64)),
        },
        {"option": options, "assumption": np.array(choice.names, dtype=np.str_)[order]},
    )
    found = found.assign_coords(_known_of(runs, found["assumption"].values.tolist()))
    best = options[choice.net_benefit.mean(axis=0).argmax()]
    first = next(iter(runs.values()))
    attrs: dict[str, Any] = {name: first.attrs[name] for name in ("plan", "currency")}
    attrs |= {"payoff": counted.text, "period": counted.over(first), "best": str(best), "fixed": list(choice.fixed)}
    attrs |= {"worth": dict(worth or {}), "costs": dict(costs or {})}
    attrs |= {"draws": draws, "twins": len(choice.twin), "level": 0.95}
    return _described(found.assign_attrs(attrs))


def _of_options(net_benefit: Floats) -> dict[str, Interval]:
    """Mean net benefit, how far behind the best, and how often the best, of each option."""
    n, options = net_benefit.shape
    best = net_benefit[:, net_benefit.mean(axis=0).argmax()]
    is_best = net_benefit == net_benefit.max(axis=1)[:, None]
    often = (is_best / is_best.sum(axis=1)[:, None]).sum(axis=0)
    means = [mean(net_benefit[:, d]) for d in range(options)]
    gaps = [mean(best - net_benefit[:, d]) for d in range(options)]
    return {
        "net_benefit": Interval(*np.array(means).T),
        "behind": Interval(*np.array(gaps).T),
        "p_best": Interval(*wilson(often, n)),
    }


def _of_all(choice: Choice, everything: Bounded) -> Bounded:
    """EVPPI of all assumptions together.

    The mean of a path and its twin knows the assumptions and half of the random variation: choosing by it gains at
    least as much as choosing by the assumptions alone.
    """
    if not choice.names:
        return 0.0, 0.0, 0.0
    estimate, lower, _ = known(choice.net_benefit, choice.inputs).value
    upper = everything[2]
    if len(choice.twin) >= FEWEST_DRAWS:
        pairs = (choice.net_benefit[: len(choice.twin)] + choice.twin) / 2
        upper = min(upper, least_gain(pairs, pairs.max(axis=1))[2])
    return min(max(estimate, lower), upper), min(lower, upper), upper


class _Switch(NamedTuple):
    """The option to choose where an input is low and where it is high, and where between them the choice changes."""

    low: int
    high: int
    at: float


def _switch(one: Known, x: Floats) -> _Switch:
    # A curve knows least at its ends.
    ends = round(_END * len(x))
    order = np.argsort(x, kind="stable")[ends : len(x) - ends]
    options = one.fitted[order].argmax(axis=1)
    changes = np.flatnonzero(np.diff(options))
    at = math.nan
    if len(changes) == 1:
        at = float(x[order][changes[0] : changes[0] + 2].mean())
    return _Switch(int(options[0]), int(options[-1]), at)


def _groups(net_benefit: Floats, single: list[Known]) -> NDArray[np.int64]:
    """Number the groups of assumptions, best first: a new one opens where less is gained than by the group's first.

    Less by more than noise, paired draw by draw at 95 %, as in a ranking of shares.
    """
    rows = np.arange(len(net_benefit))

    def less(first: int, here: int) -> bool:
        gap = net_benefit[rows, single[first].chosen] - net_benefit[rows, single[here].chosen]
        return bool(gap.mean() > Z95 * gap.std(ddof=1) / math.sqrt(len(gap)))

    return rank_groups(len(single), less)


def _known_of(runs: Mapping[str, xr.Dataset], names: list[str]) -> dict[str, tuple[str, NDArray[np.str_]]]:
    """Unit, owner and source of the assumptions, from the first run that has them."""
    told: dict[str, tuple[str, ...]] = {}
    for ds in reversed(list(runs.values())):
        columns = [ds[key].values.tolist() for key in ("assumption", *_KEPT)]
        told |= {name: rest for name, *rest in zip(*columns, strict=True)}
    return {
        key: ("assumption", np.array([told[name][place] for name in names], dtype=np.str_))
        for place, key in enumerate(_KEPT)
    }


_MONEY = {
    "net_benefit": "Mean of what the scenario brings",
    "behind": "Mean by which the best scenario is ahead",
    "evpi": "Value of knowing everything, random variation included",
    "evppi_all": "Value of knowing all assumptions",
    "evppi": "Value of knowing the assumption",
}
_OTHERS = {
    "p_best": "Probability that the scenario is the best",
    "distinguishable": "Whether the interval of the value excludes zero",
    "rank_group": "Rank up to noise",
    "best_low": "Scenario to choose where the assumption is lowest",
    "best_high": "Scenario to choose where the assumption is highest",
    "switch_at": "Value of the assumption at which the choice changes",
}


def _described(found: xr.Dataset) -> xr.Dataset:
    units = {**dict.fromkeys(_MONEY, found.attrs["currency"]), "p_best": "fraction"}
    for stem, text in (_MONEY | _OTHERS).items():
        for suffix, side in (("", ""), ("_lower", "Lower bound: "), ("_upper", "Upper bound: ")):
            if stem + suffix in found:
                attrs = {"long_name": side + text} | ({"units": units[stem]} if stem in units else {})
                found[stem + suffix].attrs = attrs
    return found
