"""The audit of a ranking: the plan is simulated anew, by a design that asks nothing of the shape of a result.

Everything else here reads a run that was made anyway. What it finds rests on a fitted form, or counts an assumption
alone; the audit does neither, and costs a run of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.intervals import Floats, Interval, beyond_noise
from simengine.explain.question import Question, question_of
from simengine.explain.ranks import normal_scores, normal_scores_among
from simengine.explain.shapley import Effects
from simengine.explain.sobol import sobol
from simengine.explain.surrogate import Inputs, Surrogate, fit
from simengine.explain.ties import rank_groups
from simengine.explain.walk import Ints, Progress, walk
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.outputs import OUTPUTS
from simengine.simulation.points import Points

MOST_RUNS = 500_000
PRECISION = 0.02
_APART = 2
"""Stream of the audit's random variation: that of neither draws nor twins."""
_COURSES = 2**32
"""Courses of shocks in an audit are those of draws from here on, which no run reaches."""


class Fit(Protocol):
    """A fitted model of the result whose Shapley effects are known, by names of assumptions, events and shocks.

    What it does not name it does not depend on.
    """

    @property
    def names(self) -> Sequence[str]:
        """What it depends on, (k,)."""
        ...

    @property
    def effects(self) -> Floats:
        """Shapley effects, (k,): parts of its variance. The result of a ratio is its normal score."""
        ...

    def __call__(self, z: Floats) -> Floats:
        """Its result, (n,), at the scores of `names`, (n, k): those in `assumption_z` of a run."""
        ...


def audit(
    plan: Plan,
    ds: xr.Dataset,
    metric_or_target: str,
    *,
    period: str | None = None,
    chance_last: bool = False,
    precision: float = PRECISION,
    most_runs: int = MOST_RUNS,
    surrogate: Fit | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> xr.Dataset:
    """Shapley shares of variance by new runs of the plan: `walk.walk` has the design.

    Every assumption and event is a player, every shock is one with its whole course, and so is random variation. What
    never varies is none, and has the share 0. What moves together shares what it explains together, so that all
    shares make up 1.

    Parameters
    ----------
    plan : the plan of the run
    ds : result of the run: it tells what is asked, and of a ratio the law by which it is ranked
    metric_or_target, period : as in `explain.rank`
    chance_last : whether random variation has all that is left when everything else is known, as it has by twin paths,
        so that shares are comparable with a ranking's; else it shares like any other player what it makes with others
    precision : stop when every 95 % interval is at most `± precision`
    most_runs : stop before there would be more
    surrogate : takes noise off the estimates, such as `polynomial`; see `walk.walk`
    progress : called with runs made and runs expected
    executor : runs the blocks; by default one thread for each processor

    Returns
    -------
    Dataset
        Along `assumption`, largest share first: `share` with `share_lower` and `share_upper`, of a ratio of the
        variance of its normal score; `constant`; `rank_group`, within which the order means nothing. With a target also
        `hit_share`, of the variance of hit or miss: from the same runs, and maybe less precise. Scalars
        `random_variation`, with a target `hit_random_variation`, `runs` and `permutations`. Attribute
        `stopped_because` says why it stopped.

    Raises
    ------
    SimengineError
        when there is no such metric, target or period, the plan is not that of the run, too few runs are allowed, or
        the result is not defined on every path
    """
    asked = _Asked(plan, ds, metric_or_target, period, executor)
    found = walk(
        asked.model,
        asked.correlation,
        asked.chances,
        chance_last=chance_last,
        seed=asked.seed,
        precision=precision,
        most_runs=most_runs,
        surrogate=None if surrogate is None else asked.over_players(surrogate),
        progress=progress,
    )
    told = asked.dataset({"share": found.share}, found.gap[0], precision, found.runs, found.stopped_because)
    told["permutations"] = (), found.permutations, {"long_name": "Random orders of the assumptions"}
    return told


def beside(audit: xr.Dataset, ranking: xr.Dataset) -> xr.Dataset:
    """An audit with the shares of a ranking beside its own: `ranked_share` and its bounds, and `agrees`.

    A share does not agree if it differs by more than the two intervals together allow at 5 % for all assumptions and
    random variation, by Bonferroni. The audit's shares must have been found with `chance_last`.
    """
    here = ranking.sel(assumption=audit["assumption"].values)
    told = audit.copy()
    for bound in _BOUNDS:
        told["ranked_share" + bound] = here["share" + bound]
        told["ranked_random_variation" + bound] = here["random_variation" + bound]

    def both(ds: xr.Dataset, bound: str = "") -> Floats:
        return np.append(ds["share" + bound].values, ds["random_variation" + bound].values)

    apart = both(audit) - both(here)
    margin = np.hypot(*((both(ds, "_upper") - both(ds, "_lower")) / 2 for ds in (audit, here)))
    agrees = ~beyond_noise(Interval(apart, apart - margin, apart + margin))
    attrs = {"long_name": "Whether both agree"}
    told["agrees"], told["random_variation_agrees"] = ("assumption", agrees[:-1], attrs), ((), agrees[-1], attrs)
    return told


def polynomial(ds: xr.Dataset, metric_or_target: str, period: str | None = None) -> Fit:
    """The surrogate on which the ranking of a run rests, without shocks: their scores are not normal."""
    question = question_of(ds, metric_or_target, period)
    ratio = OUTPUTS[question.metric].kind == "ratio"
    inputs = Inputs.of(ds)
    found = fit(inputs, normal_scores(question.value) if ratio else question.value)
    shocks = ds["unit"].values == "standard deviations"
    return _Polynomial(found, [str(name) for name in ds["assumption"].values], ~shocks & inputs.varies)


class _Polynomial:
    """A surrogate as a function of its own, with the effects that it has exactly, whatever it was fitted to."""

    def __init__(self, surrogate: Surrogate, names: Sequence[str], members: NDArray[np.bool_]) -> None:
        self._inputs, self._members = surrogate.inputs, members
        self._terms = surrogate.terms.within(members)
        kept = [surrogate.terms.labels(surrogate.inputs).index(label) for label in self._terms.labels(self._inputs)]
        self._coefficients = surrogate.coefficients[kept]
        self.names = [name for name, member in zip(names, members, strict=True) if member]
        self.effects = Effects(self._inputs, self._terms).of(self._coefficients)[members]

    def __call__(self, z: Floats) -> Floats:
        scores = np.zeros((len(z), len(self._members)))
        scores[:, self._members] = z
        return self._terms.at(scores, self._inputs) @ self._coefficients


def audit_independent(
    plan: Plan,
    ds: xr.Dataset,
    metric_or_target: str,
    *,
    period: str | None = None,
    precision: float = PRECISION,
    most_runs: int = MOST_RUNS,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> xr.Dataset:
    """First-order and total shares of variance (Sobol indices) by new runs of a plan without correlation.

    `sobol.sobol` has the design. A share that grows from first order to total is due to interactions.

    Parameters
    ----------
    plan, ds, metric_or_target, period, precision, most_runs, progress, executor : as in `audit`

    Returns
    -------
    Dataset
        As of `audit`, with `first_order` and `total` in place of `share`; `points` in place of `permutations`.

    Raises
    ------
    SimengineError
        as `audit`, and when assumptions of the plan are correlated
    """
    asked = _Asked(plan, ds, metric_or_target, period, executor)
    joined = np.argwhere(np.triu(asked.correlation, 1) != 0)
    if len(joined):
        a, b = (asked.inputs[i] for i in joined[0])
        raise SimengineError(
            f"assumptions of this plan are correlated, such as {a} and {b}. First-order and total shares then count "
            "the same variance twice or not at all; Shapley shares share it out: rank --audit without --sobol"
        )
    found = sobol(
        asked.model,
        len(asked.inputs),
        asked.chances,
        seed=asked.seed,
        precision=precision,
        most_runs=most_runs,
        progress=progress,
    )
    shares = {"first_order": found.first_order, "total": found.total}
    told = asked.dataset(shares, found.gap[0], precision, found.runs, found.stopped_because)
    told["points"] = (), found.points, {"long_name": "Points of each of the replicates"}
    return told


class _Asked:
    """What is asked of a plan, as a model of players: inputs that vary, random variation, then shocks."""

    def __init__(
        self, plan: Plan, ds: xr.Dataset, metric_or_target: str, period: str | None, executor: Executor | None
    ) -> None:
        if plan.digest_simulated != ds.attrs["digest_simulated"]:
            raise SimengineError("this is not the plan of the run; give the plan that the run keeps, or run this one")
        question = question_of(ds, metric_or_target, period)
        undefined = int(np.isnan(question.value).sum())
        if undefined:
            raise SimengineError(
                f"{question.metric} is undefined on {undefined:,} of {len(question.value):,} paths of the run, so that "
                "its variance cannot be shared out; choose another metric or period"
            )
        self.question, self.ds, self.seed = question, ds, int(ds.attrs["seed"])
        self._target = _target(plan, question)
        self._ratio = OUTPUTS[question.metric].kind == "ratio"
        self._points = Points(plan, targets=(self._target,), seed=self.seed, stream=_APART)
        self._executor = executor
        laws = plan.widened()
        self.varies = np.array([laws[name].support()[0] < laws[name].support()[1] for name in self._points.names], bool)
        self.inputs = [name for name, varies in zip(self._points.names, self.varies, strict=True) if varies]
        self.correlation = plan.copula().correlation_matrix(self.inputs)
        self.shocks = self._points.shocks
        self.chances = 1 + len(self.shocks)

    def model(self, z: Floats, addresses: Ints) -> Floats:
        """The metric (of a ratio: its normal score), and where there is a target whether it is hit."""
        scores = np.zeros((len(z), len(self.varies)))
        scores[:, self.varies] = z
        value = self._points.at(scores, addresses[:, 0], _COURSES + addresses[:, 1:], self._executor)[:, 0]
        told = normal_scores_among(value, self.question.value) if self._ratio else value
        return np.stack([told, self._hit(value)], axis=1) if self.question.target else told[:, None]

    def _hit(self, value: Floats) -> Floats:
        low, high = self._target.at_least, self._target.at_most
        reached = (value >= low) if low is not None else np.full(len(value), False)
        return np.asarray(reached if high is None else reached | (value <= high), np.float64)

    def over_players(self, fit: Fit) -> _OverPlayers:
        """A fit by names as a surrogate of the model."""
        players = {name: place for place, name in enumerate([*self.inputs, "", *self.shocks])}
        effects = np.zeros(len(players))
        for name, effect in zip(fit.names, fit.effects, strict=True):
            if name in players:
                effects[players[name]] = effect
            elif effect != 0:
                raise SimengineError(
                    f"the surrogate gives {name} an effect, and it never varies; fit it without {name}"
                )
        # The score of what never varies is that of random variation here: 0, on which nothing depends.
        columns = [players.get(name, players[""]) for name in fit.names]
        return _OverPlayers(fit, columns, effects, self._points)

    def dataset(
        self, shares: Mapping[str, Interval], gap: Floats, precision: float, runs: int, stopped: str
    ) -> xr.Dataset:
        """Shares (result, player) along `assumption`, with those of random variation as scalars.

        They are in the order of the last ones, for the first result, of which `gap` has the noise of differences.
        """
        place = {name: i for i, name in enumerate([*self.inputs, "", *self.shocks])}
        names = [str(name) for name in self.ds["assumption"].values]
        players = np.array([place.get(name, len(place)) for name in names], np.int64)  # one more, which is always 0
        told = xr.Dataset(
            {"constant": ("assumption", players == len(place), {"long_name": "Whether the assumption never varies"})},
            {name: coord for name, coord in self.ds.coords.items() if coord.dims == ("assumption",)},
        )
        for kind, interval in shares.items():
            of_chance = "random_variation" if kind == "share" else f"random_variation_{kind}"
            for result, prefix in enumerate(("", "hit_") if self.question.target else ("",)):
                for bounds, bound in zip(interval, _BOUNDS, strict=True):
                    shared = np.append(bounds[result], 0.0)
                    attrs = {"long_name": _BOUNDS[bound] + _MEANING[kind] + _OF[prefix], "units": "fraction"}
                    told[prefix + kind + bound] = "assumption", shared[players], attrs
                    told[prefix + of_chance + bound] = (), shared[place[""]], attrs
        order = np.argsort(-told[kind].values, kind="stable")
        told = told.isel(assumption=order)
        noise = np.pad(gap, (0, 1))
        noise[-1, :-1] = noise[:-1, -1] = (interval.upper[0] - interval.lower[0]) / 2
        groups = _groups(told[kind].values, noise[np.ix_(players[order], players[order])])
        told["rank_group"] = "assumption", groups, {"long_name": "Rank up to noise"}
        told["runs"] = (), runs, {"long_name": "Paths simulated", "units": "count"}
        return told.assign_attrs(self._attributes(precision, stopped))

    def _attributes(self, precision: float, stopped: str) -> dict[str, str | float]:
        return {
            **{name: self.ds.attrs[name] for name in ("plan", "currency")},
            "metric": self.question.metric,
            "period": self.question.period,
            "target": self.question.target,
            "level": 0.95,
            "precision": precision,
            "stopped_because": stopped,
            "share_of": "variance of the normal score of the metric" if self._ratio else "variance of the metric",
        }


@dataclass(frozen=True)
class _OverPlayers:
    fit: Fit
    columns: list[int]
    effects: Floats
    points: Points

    def __call__(self, z: Floats, addresses: Ints) -> Floats:
        levels = self.points.mean_levels(_COURSES + addresses[:, 1:])
        scores = np.concatenate([z, np.zeros((len(z), 1)), levels], axis=1)
        return self.fit(scores[:, self.columns])


def _groups(share: Floats, gap: Floats) -> Ints:
    """Numbers of groups, of shares in descending order and the half-widths of their differences.

    A new one opens where a share is below that of the group's first by more than noise, as in `ranking`.
    """
    return rank_groups(len(share), lambda first, here: bool(share[first] - share[here] > gap[first, here]))


def _target(plan: Plan, question: Question) -> Target:
    """What is asked as a target of the plan; a metric that has none gets one that says nothing."""
    for target in plan.targets:
        if target.name == question.target:
            return target
    return Target.model_construct(name=question.metric, metric=question.metric, period=question.period)


_BOUNDS = {"": "", "_lower": "Lower bound: ", "_upper": "Upper bound: "}
_MEANING = {
    "share": "Shapley share of the variance of the result",
    "first_order": "Share of variance that the assumption explains alone",
    "total": "Share of variance that is left when all else is known",
}
_OF = {"": "", "hit_": ", hit or miss"}
