"""What a rival of the kernel fills, and by which names."""

from typing import Any, NamedTuple

import numpy as np

from simengine import simulation
from simengine.kernel.run import run_block
from simengine.kernel.tables import Calendar, CellOut, GroupOut, PoolOut, SegmentOut


class Outputs(NamedTuple):
    """Arrays (path, output, month, entity), and (path, month, cell, stage)."""

    segment: Any
    group: Any
    cell: Any
    pool: Any
    reached: Any


def empty(tables, paths):
    """Zeros."""
    months = int(tables.calendar[Calendar.MONTHS])
    return Outputs(
        segment=np.zeros((paths, len(SegmentOut), months, len(tables.segments))),
        group=np.zeros((paths, len(GroupOut), months, len(tables.groups))),
        cell=np.zeros((paths, len(CellOut), months, len(tables.cells))),
        pool=np.zeros((paths, len(PoolOut), months, len(tables.pools))),
        reached=np.zeros((paths, months, len(tables.cells), tables.rates.shape[1] + 1)),
    )


def simulated(tables, slots, varying):
    """The kernel's own, by name."""
    return simulation.named(run_block(tables, slots, varying, np.arange(len(slots))))._asdict()


def named(outputs):
    """Outputs (path, month, entity) by name, as `simengine.simulation.named` gives those of the kernel."""
    kinds = {"segment": SegmentOut, "group": GroupOut, "cell": CellOut, "pool": PoolOut}
    return {
        kind: {output.name.lower(): getattr(outputs, kind)[:, output] for output in names}
        for kind, names in kinds.items()
    } | {"reached": outputs.reached}
