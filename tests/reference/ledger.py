"""What a path counts and adds up, by name, month and entity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEGMENT_OUTPUTS = (
    *("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "ending_arr", "atr"),
    *("nrr_arr", "grr_arr", "one_off_bookings", "customers", "new_customers", "churned_customers"),
    *("renewals_due", "renewals", "expansions", "opportunities", "started", "stale", "won", "lost"),
    *("open", "waiting", "capacity"),
    *("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller"),
    *("went_live", "billings", "pipeline", "expansions_met", "expansions_worked"),
    *("renewal_coverage", "expansion_coverage"),
)
GROUP_OUTPUTS = (
    *("headcount", "starts", "leavers", "working", "ramped", "recruited", "involuntary", "promoted"),
    *("credited", "quota", "commission", "rated", "at_quota", "near_quota", "below_half", "frozen"),
)
CELL_OUTPUTS = ("bookings", "won", "new_arr", "opportunities", "dropped")
POOL_OUTPUTS = ("arrived", "started", "stale", "waiting", "load", "capacity", "credited")

CellKey = tuple[str, str]
"""Channel, segment."""
PoolKey = tuple[str, str]
"""Segment, territory; the territory of a pooled segment is empty."""


@dataclass(frozen=True)
class ReferencePath:
    """Outputs of one path by name. Segments, groups, cells (channel, segment) and pools are sorted by name."""

    segment: dict[str, Array]  # (month, segment)
    group: dict[str, Array]  # (month, group)
    reached: Array  # (month, cell, stage)
    cell: dict[str, Array]  # (month, cell)
    pool: dict[str, Array]  # (month, pool)


class Ledger:
    """Numbers by name and month, for each of some entities."""

    def __init__(self, names: Iterable[str], entities: Iterable[object], months: int) -> None:
        self.entities = list(entities)
        self.columns = {name: {entity: [0.0] * months for entity in self.entities} for name in names}
        self.months = months

    def add(self, name: str, entity: object, month: int, amount: float = 1) -> None:
        """Count or add up something that happens in a month."""
        self.columns[name][entity][month] += amount

    def total(self, name: str, month: int) -> float:
        """Sum over the entities in a month."""
        return sum(column[month] for column in self.columns[name].values())

    def arrays(self) -> dict[str, Array]:
        """Each name as (month, entity)."""
        shape = (self.months, len(self.entities))
        return {
            name: np.array([column[entity] for entity in self.entities], float).reshape(shape[::-1]).T
            for name, column in self.columns.items()
        }


class Ledgers:
    """Everything that is recorded of one path."""

    def __init__(
        self,
        segments: Iterable[str],
        groups: Iterable[str],
        cells: Iterable[CellKey],
        pools: Iterable[PoolKey],
        stages: tuple[str, ...],
        months: int,
    ) -> None:
        keys = list(cells)
        self.stages = stages
        self.segment = Ledger(SEGMENT_OUTPUTS, segments, months)
        self.group = Ledger(GROUP_OUTPUTS, groups, months)
        self.cell = Ledger(CELL_OUTPUTS, keys, months)
        self.pool = Ledger(POOL_OUTPUTS, pools, months)
        self.reached = Ledger(stages, keys, months)

    def path(self) -> ReferencePath:
        """All of it as arrays."""
        reached = self.reached.arrays()
        return ReferencePath(
            segment=self.segment.arrays(),
            group=self.group.arrays(),
            reached=np.stack([reached[stage] for stage in self.stages], axis=-1),
            cell=self.cell.arrays(),
            pool=self.pool.arrays(),
        )
