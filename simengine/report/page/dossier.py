"""What the page is made from: a run, its plan, and whatever has been found about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import xarray as xr

from simengine.plan.schema import Plan
from simengine.report.facts import headline
from simengine.report.statistics import Facts

if TYPE_CHECKING:
    from simengine.decide.findings import Gap


class Beside(NamedTuple):
    """A scenario beside the plan: its name, its story, and the first month in which spend or people differ, or ""."""

    name: str
    story: str
    differs_from: str


@dataclass(frozen=True)
class Dossier:
    """What is known. A part that is None is not there, and `missing` says why, in words that end without a full stop.

    Attributes
    ----------
    plan, run : the plan, and its simulation
    rankings : by target, from `explain.rank`, one for each quantity; the first is what the run is about
    placed : shares of the first ranking, from `explain.impact_and_certainty`
    missed : from `explain.misses`
    triggers : from `explain.triggers`
    scenarios : the other runs, in the order of `compared`, without the plan itself
    compared : from `decide.compare.compare`, the plan first
    walked : from `learn.walk`, from last quarter's run to this one
    gap : from `decide.gap`
    solved : from `report.solve.solve_facts`, as `simengine solve -o` keeps them
    scores : how past forecasts did, in sentences, from `report.score.coverage_told`
    missing : why a part is not there, by its name above
    """

    plan: Plan
    run: xr.Dataset
    rankings: Mapping[str, xr.Dataset] = field(default_factory=dict)
    placed: xr.Dataset | None = None
    missed: xr.Dataset | None = None
    triggers: xr.Dataset | None = None
    scenarios: tuple[Beside, ...] = ()
    compared: xr.Dataset | None = None
    walked: xr.Dataset | None = None
    gap: Gap | None = None
    solved: Facts | None = None
    scores: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """What the run is about: a target, or a metric where the plan has none."""
        return headline(self.run)

    @property
    def ranking(self) -> xr.Dataset | None:
        """Of what the run is about."""
        return self.rankings.get(self.about)
