"""`ds.sim`: what the command line tells of a run, on the dataset itself.

`simengine.simulate` and `simengine.load_run` register it; nothing else of xarray is touched. It keeps nothing but the
dataset, so a dataset that is pickled or sent to a cluster takes it along.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import xarray as xr

from simengine.errors import SimengineError
from simengine.report.shown import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simengine.report.statistics import Facts

_ROWS = 12
"""Assumptions that have a row."""


@xr.register_dataset_accessor("sim")  # type: ignore[no-untyped-call]
class Sim:
    """What a run tells: methods are named like the commands, and take a target of the plan by name.

    A target that is left out is the first of the plan. What is returned shows itself: a table in a notebook, text in a
    terminal; `facts` has its numbers, `data` its dataset, `figure()` draws it.

    Examples
    --------
    >>> import simengine as se
    >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
    >>> chance = ds.sim.probability("board ARR")
    >>> 0 < chance["lower"] < chance["value"] < chance["upper"] < 1
    True
    """

    def __init__(self, ds: xr.Dataset) -> None:
        if "assumption_value" not in ds.variables or "digest_simulated" not in ds.attrs:
            # Not AttributeError, which xarray would tell as a fault of its own.
            raise SimengineError("this dataset is no run of simengine: .sim is of what simulate or load_run return")
        _check_whole(ds)
        self._ds = ds

    def __repr__(self) -> str:
        return f"<simengine: {self._ds.attrs['plan']}, {self._ds.attrs['draws']:,} draws; summary() tells the story>"

    # ---- how likely, what is safe ----

    def summary(self) -> Shown:
        """The whole story in the order in which a CFO asks, as `simengine run` prints it.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> "How likely is each target?" in str(ds.sim.summary())
        True
        """
        from simengine.explain import rank
        from simengine.report.drivers import drivers
        from simengine.report.facts import facts, headline
        from simengine.report.fan import fan
        from simengine.report.summary import summary

        ds = self._ds
        try:
            ranked: Facts = {"drivers": drivers(rank(ds, headline(ds)), ds), "no_drivers": ""}
        except SimengineError as error:
            ranked = {"drivers": None, "no_drivers": str(error)}
        told = {**facts(ds), **ranked}
        return Shown(summary(told), told, ds, partial(fan, ds))

    def probability(self, target: str | None = None) -> Shown:
        """How likely a target is, with its interval; what is missing on average where it is missed.

        Parameters
        ----------
        target : by name

        Returns
        -------
        Shown
            `facts` are `value`, `lower`, `upper` (95 %, Wilson); `data` has them for all targets; the figure is the
            exceedance curve

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> sorted(ds.sim.probability("NRR").facts)
        ['lower', 'upper', 'value']
        """
        from simengine.report.exceedance import exceedance
        from simengine.report.facts import target_facts
        from simengine.report.summary import chances
        from simengine.results.targets import every_path, hit_probability

        ds, name = self._ds, self._own_target(target)
        told = target_facts(ds, name)
        data = hit_probability(ds, every_path(ds))
        return Shown(chances([told], ds.attrs["draws"]), told["probability"], data, partial(exceedance, ds, name))

    def targets(self) -> Shown:
        """Every target: what is needed, how likely it is, and all of them on the same path.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> [target["name"] for target in ds.sim.targets()["targets"]]
        ['board ARR', 'NRR']
        """
        from simengine.report.facts import facts
        from simengine.report.summary import chances
        from simengine.results.targets import every_path, hit_probability

        ds = self._ds
        told = facts(ds)
        kept = {"targets": told["targets"], "joint": told["joint"]}
        table = chances(told["targets"], ds.attrs["draws"], told["joint"])
        return Shown(table, kept, hit_probability(ds, every_path(ds)))

    def commit(self, target: str | None = None, confidence: float = 0.8) -> Shown:
        """The number that is safe: a target's metric comes out at least there with this confidence.

        Of a target that is `at_most`, it comes out at most there.

        Parameters
        ----------
        target : by name
        confidence : between 0 and 1

        Returns
        -------
        Shown
            `facts` are `confidence`, `value`, `lower`, `upper` (95 %, order statistics) and `p10`, `p50`, `p90`,
            `operating_plan`

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> ds.sim.commit("board ARR", 0.9)["value"] < ds.sim.commit("board ARR", 0.5)["value"]
        True
        """
        from simengine.report.facts import target_facts
        from simengine.report.summary import safe

        if not 0 < confidence < 1:
            raise SimengineError(f"the confidence is {confidence:g}; choose one between 0 and 1, such as 0.8")
        told = target_facts(self._ds, self._own_target(target), confidence)
        levels = {key: told[key] for key in ("p10", "p50", "p90", "operating_plan")}
        return Shown(safe([told]), {**told["commit"], **levels})

    def quarters(self) -> Shown:
        """Net new ARR (or bookings) by fiscal quarter, and the chance of what the operating plan has.

        Also how much pipeline there is against what is needed, lowest cash, and runway.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> [quarter["period"] for quarter in ds.sim.quarters()["quarters"]]
        ['FY2027-Q1', 'FY2027-Q2', 'FY2027-Q3', 'FY2027-Q4']
        """
        from simengine.report.summary import by_quarter
        from simengine.report.year import cash, coverage, quarters, years_told

        ds = self._ds
        told = {**quarters(ds), "coverage": coverage(ds), "cash": cash(ds, years_told(ds))}
        return Shown(by_quarter(told, ds.attrs["currency"]), told)

    def composition(self) -> Shown:
        """What the fiscal year of the first target is made of, the most certain part first.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> ds.sim.composition()["composition"]["parts"][0]["name"]
        'base under contract'
        """
        from simengine.report.facts import year_told
        from simengine.report.parts import parts
        from simengine.report.summary import of_year
        from simengine.report.year import composition, made_of

        ds = self._ds
        year = year_told(ds)
        if year is None:
            raise SimengineError("the plan has no whole fiscal year; give it twelve months of one")
        told = {"composition": composition(ds, year), "made_of": made_of(ds, year)}
        return Shown(of_year(told, ds.attrs["currency"]), told, picture=partial(parts, ds))

    # ---- what it hangs on ----

    def rank(self, target: str | None = None, period: str | None = None) -> Shown:
        """What a target, or a metric, hangs on: shares of its variance that add up to 100 %; the figure is the tornado.

        Parameters
        ----------
        target : a target, or a metric such as `nrr`
        period : of a metric: FY2027, FY2027-Q3 or 2027-03

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> ranked = ds.sim.rank("board ARR")
        >>> list(ranked.data["share"].dims), len(ranked["assumptions"]) == ranked.data.sizes["assumption"]
        (['assumption'], True)
        """
        from simengine.explain import rank
        from simengine.report.show import show

        return show(rank(self._ds, self._target(target), period=period), self._ds)

    def groups(self, target: str | None = None, period: str | None = None) -> Shown:
        """The shares of `rank` by owner, kind of source and part of the plan, and by quarter.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> sorted({group["grouping"] for group in ds.sim.groups("board ARR")["groups"]})
        ['acts_on', 'owner', 'source_kind']
        """
        from simengine.report.ranking import groups

        ranked = self.rank(target, period)
        return Shown(groups(ranked.facts), ranked.facts, ranked.data)

    def tornado(self, target: str | None = None, period: str | None = None) -> Shown:
        """Low and high of each assumption in the forms of spreadsheets, and which of them misleads; drawn by fifths.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> "low_alone" in ds.sim.tornado("board ARR")["assumptions"][0]
        True
        """
        from simengine.report.forms import forms

        ranked = self.rank(target, period)
        return Shown(forms(ranked.facts, _ROWS), ranked.facts, ranked.data, ranked.figure)

    def misses(self, target: str | None = None, period: str | None = None, by: float | None = None) -> Shown:
        """What decides whether a target is reached, and how a typical miss comes about, with dates.

        Parameters
        ----------
        target : by name
        period : of a metric, as in `rank`
        by : size of the miss; by default the mean shortfall

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> ds.sim.misses("NRR")["shortfall"] > 0
        True
        """
        from simengine.explain import misses
        from simengine.report.show import show

        return show(misses(self._ds, self._target(target), period=period, by=by), self._ds)

    def risks(self, target: str | None = None) -> Shown:
        """Directions that surprise, what is of high impact and little known, and what hopeful plan values are worth.

        The figure places impact against certainty.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=500, seed=7)
        >>> ds.sim.risks("board ARR")["target"]
        'board ARR'
        """
        from simengine.explain import direction, impact_and_certainty, rank
        from simengine.report.quadrant import quadrant
        from simengine.report.risks import risk_facts, risks

        ds, name = self._ds, self._target(target)
        found, ranking = direction(ds, name), rank(ds, name)
        placed = impact_and_certainty(ds, *(ranking[f"share{end}"] for end in ("", "_lower", "_upper")))
        told = risk_facts(found, placed, ranking, ds)
        return Shown(risks(told), told, found, partial(quadrant, ds, told))

    def triggers(self, target: str | None = None, confidence: float | None = None) -> Shown:
        """The observed value, by assumption and month, at which P(hit) falls below the confidence.

        The run must have been simulated with `detail="segment"`.

        Parameters
        ----------
        target : by name
        confidence : by default what the target declares, else one half

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=1000, seed=7, detail="segment")
        >>> ds.sim.triggers("board ARR")["target"]
        'board ARR'
        """
        from simengine.explain import triggers
        from simengine.report.show import show

        return show(triggers(self._ds, self._target(target), confidence=confidence), self._ds)

    # ---- beside others ----

    def compare(self, others: Mapping[str, xr.Dataset], target: str | None = None, name: str = "base") -> Shown:
        """Hold runs of other scenarios, with the same seed and draws, against this one.

        Differences are paired, draw by draw, and ranked only where chance cannot explain them.

        Parameters
        ----------
        others : by scenario
        target : the one that comes first, and by which scenarios are ordered; by default the first of the plan
        name : what this run is called

        Examples
        --------
        >>> import simengine as se
        >>> plan = "tests/plans/tiny.yaml"
        >>> base = se.simulate(se.load(plan), draws=400, seed=7)
        >>> more = se.simulate(se.load(plan, ["leads.inbound=80 per month"]), draws=400, seed=7)
        >>> [scenario["name"] for scenario in base.sim.compare({"more leads": more})["scenarios"]]
        ['base', 'more leads']
        """
        from simengine.decide.runs import compare_runs
        from simengine.report.compare import chances, compare_facts, compare_tables

        if name in others:
            raise SimengineError(f"another scenario is called {name!r} too; give this run another name")
        found = compare_runs({name: self._ds, **others})
        told = compare_facts(found, target)
        return Shown(compare_tables(told), told, found, partial(chances, told, found))

    # ---- figures ----

    def fan(self) -> Figure:
        """ARR (or bookings) by month, P10 to P90, against the targets.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> len(ds.sim.fan().axes)
        1
        """
        from simengine.report.fan import fan

        return fan(self._ds)

    def bridge(self, period: str | None = None) -> Figure:
        """From opening to ending ARR of a fiscal year, by what adds and what takes.

        Examples
        --------
        >>> import simengine as se
        >>> ds = se.simulate(se.load("tests/plans/tiny.yaml"), draws=400, seed=7)
        >>> len(ds.sim.bridge("FY2027").axes)
        1
        """
        from simengine.report.bridge import bridge
        from simengine.report.facts import year_told

        chosen = period or year_told(self._ds)
        if chosen is None:
            raise SimengineError("the plan has no whole fiscal year; name a period, such as 2027-Q1")
        return bridge(self._ds, chosen)

    def _target(self, name: str | None) -> str:
        from simengine.report.facts import headline

        return headline(self._ds) if name is None else name

    def _own_target(self, name: str | None) -> str:
        """A target of the plan, where a metric will not do."""
        from simengine.plan.scalars import nearest

        names = [str(known) for known in self._ds["target"].values]
        if not names:
            raise SimengineError("the plan has no target, so nothing is likely or safe; rank() and fan() need none")
        if name is None or name in names:
            return names[0] if name is None else name
        raise SimengineError(f"no target is named {name!r}; {nearest(str(name), names)}")


def _check_whole(ds: xr.Dataset) -> None:
    """Raise SimengineError where a part of a run is gone: what it tells would not be what is said of it."""
    remedy = "take .sim of the whole run, as simulate or load_run return it, and cut what it returns"
    if missing := [name for name in ("event", "success") if name not in ds.variables]:
        raise SimengineError(f"this dataset has no {missing[0]}: read a stored run with simengine.load_run")
    if missing := [dim for dim in ("draw", "month", "assumption", "target") if dim not in ds.dims]:
        raise SimengineError(f"this run has lost its dimension {missing[0]!r}; {remedy}")
    if ds.sizes.get("other", ds.sizes["assumption"]) != ds.sizes["assumption"]:
        raise SimengineError(f"this run has not all of its assumptions; {remedy}")
    paths = ds.sizes.get("draw_streamed", ds.sizes["draw"])
    if paths != ds.attrs["draws"] or ds.sizes.get("twin", 0) > ds.sizes["draw"]:
        raise SimengineError(f"this run has {ds.sizes['draw']:,} of its {ds.attrs['draws']:,} draws; {remedy}")
