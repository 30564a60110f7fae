"""A small plan and made-up blocks of paths for it: numbers without a model, so that only the arithmetic is tested."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from simengine.kernel.tables import CellOut, GroupOut, PoolOut, SegmentOut
from simengine.plan import Plan, loads
from simengine.results.dataset import Collector
from simengine.results.paths import Outputs, pools_of
from simengine.results.reduction import SPAN, Detail, Drawn, Pass, Reduced, Reduction, Whole

SEGMENT_OUTPUTS = tuple(output.name.lower() for output in SegmentOut)
GROUP_OUTPUTS = tuple(output.name.lower() for output in GroupOut)
CELL_OUTPUTS = tuple(output.name.lower() for output in CellOut)
POOL_OUTPUTS = tuple(output.name.lower() for output in PoolOut)
DEMAND = {"volume": "10 per month", "rates": ["50 %"], "win_rate": "20 %", "cycle": "2 months", "deal_size": 10_000}
MARGIN = {
    "unit": "fraction",
    "plan": "80 %",
    "distribution": {"uniform": {"min": "70 %", "max": "90 %"}},
    "source": {"kind": "judgment", "reference": "CFO"},
    "risk": {"adverse": "low"},
    "owner": "Finance",
}

TEAM: dict[str, Any] = {
    "roles": {
        "ae": {
            "capacity": {"open_opportunities": 10},
            "quota": "600_000 per year",
            "cost": {"salary": "120_000 per year", "variable": "60_000 per year", "recruiting": 10_000},
        },
        "csm": {"cost": {"salary": "60_000 per year"}, "books_in": "customer success"},
        "sdr": {"cost": {"salary": "48_000 per year", "variable": "12_000 per year"}},
    },
    "seats": [
        {"name": "ae-smb", "role": "ae", "segment": "smb-na", "team": "west", "existing": 3},
        {"name": "ae-ent", "role": "ae", "segment": "ent-emea", "team": "east", "existing": 2},
        {"name": "csm", "role": "csm", "team": "west", "existing": 2},
        {"name": "sdr", "role": "sdr", "existing": 2},
    ],
}

JUDGMENT = {"kind": "judgment", "reference": "CFO"}
EVENTS = {
    "launch": {
        "kind": "initiative",
        "owner": "CMO",
        "source": JUDGMENT,
        "starts": "2027-03",
        "plan": "2027-03",
        "lasts": "4 months",
        "effect": {"inbound": "x1.5"},
        "cost": "2_000 per month",
        "upfront": 30_000,
        "success": "EMEA new",
    },
    "outage": {
        "kind": "risk",
        "source": JUDGMENT,
        "starts": "2027-02",
        "plan": "never",
        "effect": {"margin": "x0.5"},
        "cost": "700 per month",
        "cost_in": "other",
    },
}
SHOCKS = {"market": {"source": JUDGMENT, "persistence": 0.8, "loadings": {"inbound": "20 %"}}}

TARGETS = [
    {"name": "ARR", "metric": "ending_arr", "period": "2027-03", "at_least": 2_000_000, "confidence": "80 %"},
    {"name": "EMEA new", "metric": "new_arr", "period": "FY2027-Q1", "at_least": 1, "where": {"geo": "EMEA"}},
    {"name": "CAC", "metric": "cac_new_logo", "period": "FY2027-Q1", "at_most": 1.5},
    {
        "name": "NA core",
        "metric": "bookings",
        "period": "2027-02",
        "at_least": 0,
        "where": {"geo": "NA", "product": "core"},
    },
]


def small_plan(months: int = 15, **sections: Any) -> Plan:
    """Two subscription segments and one that sells once, two channels and stages, three roles; targets if they fit."""
    base = {"renewal_rate": "90 %", "customers": 10, "arr": 1_000_000}
    return loads(
        json.dumps(
            {
                "plan": {"name": "Small", "currency": "EUR", "start": "2027-01", "months": months},
                "segments": {
                    "smb-na": {"geo": "NA", "product": "core"},
                    "ent-emea": {"geo": "EMEA", "product": "core"},
                    "services": {"sells": "once", "geo": "NA"},
                },
                "targets": TARGETS if months > 3 else [],
                "assumptions": {"margin": MARGIN},
                "team": TEAM,
                "funnel": {
                    "stages": ["lead", "opportunity"],
                    "channels": {
                        "inbound": {"spend": "5_000 per month", "segments": {"smb-na": DEMAND, "ent-emea": DEMAND}},
                        "partner": {"sold_by": "nobody", "segments": {"services": DEMAND}},
                    },
                },
                "base": {"smb-na": base, "ent-emea": {**base, "atr": {"2027-01": 600_000, "2027-05": 400_000}}},
                "economics": {"gross_margin": "margin"},
                **sections,
            }
        )
    )


@dataclass(frozen=True)
class Block:
    """Whole paths, as a `Ledger` reads them: n draws, T months."""

    start: int
    segment: Outputs
    group: Outputs
    cell: Outputs
    pool: Outputs
    reached: np.ndarray
    values: dict[str, np.ndarray]
    z: dict[str, np.ndarray]
    shocks: dict[str, np.ndarray]


def reduced(
    plan: Plan, block: Block, use: Pass = "draw", cuts: Iterable[int] = (), detail: Detail = "headline"
) -> Iterator[Reduced]:
    """A block as a run reduces it, span by span; its paths are taken in pieces that end at `cuts`."""
    names = {kind: tuple(getattr(block, kind)) for kind in ("segment", "group", "cell", "pool")}
    reduction = Reduction(plan, use, detail, names)
    for start in range(0, len(block.reached), SPAN):
        part = piece(block, start, min(start + SPAN, len(block.reached)))
        paths = len(part.reached)
        span = reduction.begin(part.start, Drawn(part.values, part.z, part.shocks), paths)
        ends = sorted({*(cut - start for cut in cuts if 0 < cut - start < paths), paths})
        for first, last in zip([0, *ends], ends, strict=False):
            whole = piece(part, first, last)
            copies = {kind: Outputs(getattr(whole, kind).array.copy(), names[kind]) for kind in names}
            span.take(Whole(**copies, reached=whole.reached.copy()))
        yield span.finish()


def collected(
    plan: Plan,
    block: Block,
    *,
    twins: Block | None = None,
    unwidened: Block | None = None,
    cases: Mapping[str, Block] | None = None,
    cuts: Iterable[int] = (),
    detail: Detail = "headline",
    **attrs: str,
) -> xr.Dataset:
    """The dataset of a run of these paths, which come in pieces that end at `cuts`."""
    passes: dict[Pass, Block | None] = {"draw": block, "twin": twins, "draw_unwidened": unwidened}
    counts = {use: 0 if paths is None else len(paths.reached) for use, paths in passes.items()}
    collector = Collector(plan, counts, detail)
    for use, paths in passes.items():
        for part in () if paths is None else reduced(plan, paths, use, tuple(cuts), detail):
            collector.add(use, part)
    for case, paths in (cases or {}).items():
        collector.add_baseline(case, paths)
    return collector.finish(attrs)


def random_block(plan: Plan, draws: int, seed: int, start: int = 0) -> Block:
    """Positive numbers of very different size, whose sums depend on the order in which they are added."""
    rng = np.random.default_rng(seed)
    months = plan.plan.months
    cells = sum(len(channel.segments) for channel in plan.funnel.channels.values())

    def numbers(*entities: int) -> np.ndarray:
        return rng.lognormal(8.0, 3.0, (draws, months, *entities))

    def outputs(entities: int, names: tuple[str, ...]) -> Outputs:
        return Outputs(np.stack([numbers(entities) for _ in names], axis=-1), names)

    return Block(
        start=start,
        segment=outputs(len(plan.segments), SEGMENT_OUTPUTS),
        group=outputs(len(plan.team.seats), GROUP_OUTPUTS),
        cell=outputs(cells, CELL_OUTPUTS),
        pool=outputs(len(pools_of(plan)), POOL_OUTPUTS),
        reached=numbers(cells, len(plan.funnel.stages)),
        values={name: _values(plan, name, rng, draws) for name in plan.declared},
        z={name: rng.standard_normal(draws) for name in plan.declared},
        shocks={name: rng.standard_normal((draws, months)) for name in plan.shocks},
    )


def _values(plan: Plan, name: str, rng: np.random.Generator, draws: int) -> np.ndarray:
    if name in plan.events:
        return rng.integers(0, plan.plan.months + 1, draws).astype(float)
    return rng.uniform(0.7, 0.9, draws)


def flat_block(plan: Plan, draws: int = 1, **outputs: Any) -> Block:
    """Zeros, but for some outputs: `output=value` broadcast over (draw, month, entity).

    Outputs of cells and pools are called `cell_…` and `pool_…`. Assumptions, events and shocks are called by their
    names, with _ in place of a dot.
    """
    block = random_block(plan, draws, seed=0)
    arrays = {**block.segment, **block.group}
    arrays |= {f"cell_{name}": array for name, array in block.cell.items()}
    arrays |= {f"pool_{name}": array for name, array in block.pool.items()}
    for array in [*arrays.values(), block.reached, *block.shocks.values()]:
        array[...] = 0.0
    block.values.get("margin", np.empty(0))[...] = 0.8
    arrays |= {name.replace(".", "_"): values for name, values in block.values.items()}
    for name, value in outputs.items():
        arrays[name][...] = value
    return block


def piece(block: Block, start: int, stop: int) -> Block:
    """Some consecutive paths of a block."""

    def cut(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: array[start:stop] for name, array in arrays.items()}

    return Block(
        start=block.start + start,
        **{
            kind: Outputs(getattr(block, kind).array[start:stop], tuple(getattr(block, kind)))
            for kind in ("segment", "group", "cell", "pool")
        },
        reached=block.reached[start:stop],
        values=cut(block.values),
        z=cut(block.z),
        shocks=cut(block.shocks),
    )
