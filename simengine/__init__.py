"""Monte Carlo scenario engine for annual revenue plans.

    import simengine as se

    plan = se.load("plan.yaml")
    ds = se.simulate(plan, draws=16384, seed=7)
    se.rank(ds, "ending_arr")

Nothing is imported before it is used: `import simengine` is cheap. A run is an xarray.Dataset; `ds.sim` tells what the
command line tells of it.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simengine.archive import load_run, save
    from simengine.decide.backward import backward
    from simengine.decide.batch import batch
    from simengine.decide.diff import diff
    from simengine.decide.frontier import frontier
    from simengine.decide.gap import gap
    from simengine.decide.grid import scenarios
    from simengine.decide.handover import handover
    from simengine.decide.robust import robust
    from simengine.decide.solve import solve
    from simengine.decide.worth import worth
    from simengine.errors import MachineError, PlanError, Problem, SimengineError
    from simengine.explain import averages, direction, impact_and_certainty, information, misses, rank, triggers
    from simengine.explain.audit import audit
    from simengine.learn.fit import fit
    from simengine.learn.update import update
    from simengine.learn.walk import walk
    from simengine.plan import load
    from simengine.report.show import show
    from simengine.simulation import simulate
    from simengine.simulation.reached import chances

    __version__: str

_HOME = {
    "MachineError": "simengine.errors",
    "PlanError": "simengine.errors",
    "Problem": "simengine.errors",
    "SimengineError": "simengine.errors",
    "audit": "simengine.explain.audit",
    "averages": "simengine.explain",
    "backward": "simengine.decide.backward",
    "batch": "simengine.decide.batch",
    "chances": "simengine.simulation.reached",
    "diff": "simengine.decide.diff",
    "direction": "simengine.explain",
    "fit": "simengine.learn.fit",
    "frontier": "simengine.decide.frontier",
    "gap": "simengine.decide.gap",
    "handover": "simengine.decide.handover",
    "impact_and_certainty": "simengine.explain",
    "information": "simengine.explain",
    "load": "simengine.plan",
    "load_run": "simengine.archive",
    "misses": "simengine.explain",
    "rank": "simengine.explain",
    "robust": "simengine.decide.robust",
    "save": "simengine.archive",
    "scenarios": "simengine.decide.grid",
    "show": "simengine.report.show",
    "simulate": "simengine.simulation",
    "solve": "simengine.decide.solve",
    "triggers": "simengine.explain",
    "update": "simengine.learn.update",
    "walk": "simengine.learn.walk",
    "worth": "simengine.decide.worth",
}

__all__ = [  # noqa: RUF022 - the order in which they are used
    "load",
    "simulate",
    "chances",
    "rank",
    "audit",
    "misses",
    "direction",
    "impact_and_certainty",
    "averages",
    "triggers",
    "information",
    "worth",
    "gap",
    "backward",
    "scenarios",
    "batch",
    "solve",
    "frontier",
    "robust",
    "handover",
    "diff",
    "fit",
    "update",
    "walk",
    "show",
    "save",
    "load_run",
    "SimengineError",
    "PlanError",
    "Problem",
    "MachineError",
]


_RUNS = ("simulate", "load_run")
"""What hands out a run: who asks for it finds `.sim` on the dataset."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("simengine")
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        if name in _RUNS:
            import_module("simengine.report.accessor")
    else:
        raise AttributeError(f"module 'simengine' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _show_in_jupyter() -> None:
    """Have plans and results shown as tables, if this is a notebook or IPython."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        import_module("simengine.report.jupyter").register(shell.display_formatter.formatters)


_show_in_jupyter()
