"""How a plan fares when what it should watch turns out badly: each assumption at its adverse tenth, and all at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import Array, latent
from simengine.assumptions.occurrence import Occurrence
from simengine.decide.paired import Hits, difference_of_means, difference_of_shares
from simengine.decide.trials import target_of
from simengine.decide.worth import about
from simengine.errors import SimengineError
from simengine.explain import rank
from simengine.explain.certainty import impact_and_certainty
from simengine.explain.intervals import NOTHING, Bounded, proportion, stacked, with_bounds
from simengine.plan.scalars import nearest
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.simulation import Progress, simulate
from simengine.simulation.points import Points
from simengine.simulation.reached import target_points
from simengine.units import month_label
