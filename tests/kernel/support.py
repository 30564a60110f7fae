"""Run the kernel on a plan at fixed values of its assumptions, and name what comes back."""

from dataclasses import dataclass

import numpy as np

from simengine.kernel.run import run_block
from simengine.plan import loads
from simengine.simulation import named
from simengine.simulation.pack import pack
from simengine.timeline import Timeline


@dataclass(frozen=True)
class Paths:
    """Outputs by name: (path, month, entity)."""

    segment: dict[str, np.ndarray]
    group: dict[str, np.ndarray]
    cell: dict[str, np.ndarray]
    pool: dict[str, np.ndarray]
    reached: np.ndarray


def at_plan(plan):
    return plan.planned


def simulate(plan, paths, *, values=None, shocks=None, seed=7, stream=0, first=0):
    """`paths` paths of a plan at one value for each assumption and event (what it plans by default)."""
    plan = loads(plan) if isinstance(plan, str) else plan
    packed = pack(plan, seed, stream)
    columns = {name: np.full(paths, value) for name, value in (values or at_plan(plan)).items()}
    levels = {name: np.tile(level, (paths, 1)) for name, level in (shocks or {}).items()} or None
    slots, varying = packed.slots.fill(Timeline(plan, columns, levels), paths)
    return Paths(**named(run_block(packed.tables, slots, varying, first + np.arange(paths)))._asdict())


HEADER = "plan: {{name: Law, currency: USD, start: 2027-01, months: {months}}}\n"

FUNNEL = """
segments: {{once: {{sells: once}}}}
funnel:
  stages: [lead, opportunity]
  channels:
    inbound:
      sold_by: nobody
      segments:
        once: {{volume: {volume} per month, rates: [{rate}], win_rate: {win_rate},
                cycle: {cycle} months, cycle_spread: {spread},
                deal_size: {size}, deal_size_spread: {size_spread}, overdispersion: x{overdispersion}}}
"""

BASE = """
segments: {{smb: {{geo: NA}}}}
base:
  smb: {{customers: {customers}, arr: {arr}, renewal_rate: {renewal}, contraction: {contraction}, term_months: {term},
         expansion: {{opportunities_per_customer: {meetings} per year, win_rate: {win_rate}, size: 1000}}}}
"""

SEATS = """
segments: {{smb: {{sells: once}}}}
team:
  roles:
    rep: {{attrition: {{voluntary: {leaving} per year, first_six_months: x{early}}}}}
  seats:
    - {{name: reps, role: rep, existing: 1, tenure_months: {tenure}}}
"""


def funnel(months=1, **numbers):
    defaults = {
        "volume": 3,
        "rate": 0.5,
        "win_rate": 0.4,
        "cycle": 0,
        "spread": 0,
        "size": 1000,
        "size_spread": 0,
        "overdispersion": 1,
    }
    return HEADER.format(months=months) + FUNNEL.format(**{**defaults, **numbers})


def base(months=1, **numbers):
    defaults = {
        "customers": 30,
        "arr": 30_000,
        "renewal": 0.9,
        "contraction": 0,
        "term": 1,
        "meetings": 0,
        "win_rate": 0.5,
    }
    return HEADER.format(months=months) + BASE.format(**{**defaults, **numbers})


def seats(months=12, **numbers):
    defaults = {"leaving": 0.3, "early": 1, "tenure": 60}
    return HEADER.format(months=months) + SEATS.format(**{**defaults, **numbers})
