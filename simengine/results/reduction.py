"""From whole outputs of consecutive paths to what a run keeps of them: columns by path, and sums for means.

Paths come in spans of fixed draws, each reduced by itself, a few paths at a time as they leave the kernel. So a run has
the same bits however many paths are simulated at once, and by however many workers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.books import Books, Chart, Ledger
from simengine.results.composition import PARTS, composition_of
from simengine.results.economics import metric
from simengine.results.histogram import counted
from simengine.results.observed import observed, statistics_of
from simengine.results.outputs import COUNTED, KERNEL_NAMES, Form, stored
from simengine.results.paths import Array, Outputs, cells_of, pools_of
from simengine.units import fiscal_period

Detail = Literal["headline", "segment", "stream"]
Pass = Literal["draw", "twin", "draw_unwidened", "draw_streamed"]
"""What paths are simulated for; the dimension along which they are laid."""

SPAN = 512
"""Draws that are reduced together, at most. Other spans, other rounding: it is part of what a digest stands for."""
_SPAN_BYTES = 128 * 2**20
"""Whole outputs of the draws of a span, at most: a large plan has spans of fewer draws."""


class Whole(NamedTuple):
    """Whole outputs of n paths over T months; all entities are sorted by name, stages are in funnel order."""

    segment: Outputs
    group: Outputs
    cell: Outputs
    pool: Outputs
    reached: Array
    """(n, T, cells, stages)."""


class Drawn(NamedTuple):
    """What n paths start from.

    `values` and `z` map everything uncertain (assumptions; events, by months in force; shocks, by mean level) to
    values and normal scores, (n,) each. `shocks` maps shocks to levels, (n, T).
    """

    values: Mapping[str, Array]
    z: Mapping[str, Array]
    shocks: Mapping[str, Array]


@dataclass(frozen=True)
class Reduced:
    """What is kept of the draws from `start` on.

    `columns` have a row for each path, `sums` are over the paths, `counts` are the histograms of a streamed run.
    """

    start: int
    paths: int
    columns: dict[str, Array]
    sums: dict[tuple[Form, str], Array]
    counts: dict[str, NDArray[np.int64]]


class Reduction:
    """How the paths of one pass are reduced; it travels to other processes.

    Parameters
    ----------
    plan : the plan that is simulated
    use : "draw" keeps everything, "twin" company outputs and targets, "draw_unwidened" targets alone, "draw_streamed"
        targets and histograms
    detail : "headline" keeps segments as sums over paths, "segment" keeps them by path, and what is observed of
        assumptions
    names : outputs of segments, seat groups, cells and pools, in the order of their axes
    """

    def __init__(self, plan: Plan, use: Pass, detail: Detail, names: Mapping[str, Sequence[str]]) -> None:
        self.plan, self.use, self.detail, self.names = plan, use, detail, dict(names)
        self.chart, self.inputs = Chart(plan), tuple(plan.declared)
        self.statistics = statistics_of(plan) if use == "draw" and detail == "segment" else []
        asked, self.path_bytes = _probed(self)
        self.places = {kind: _runs(map(self.names[kind].index, names)) for kind, names in asked.items()}
        """By kind the places of outputs that the books will ask for, as runs of neighbours."""
        of_outputs, entities = 8 * plan.plan.months, _entities(plan)
        self.whole_bytes = of_outputs * sum(count * len(self.names[kind]) for kind, count in entities.items())
        """Bytes of the outputs of one path."""
        self.kept_bytes = of_outputs * sum(count * sum(map(len, self.places[kind])) for kind, count in entities.items())
        if self.statistics:
            self.kept_bytes += of_outputs * entities["cell"] * len(plan.funnel.stages)
        """Bytes of those that are kept until a span is reduced."""
        self.span = min(SPAN, 2 ** int(math.log2(max(1, _SPAN_BYTES // self.whole_bytes))))
        """Draws of a span: the plan alone decides, for sums in other spans differ in their last bits."""

    def begin(self, start: int, drawn: Drawn, paths: int) -> Span:
        """Begin a span: `paths` paths from draw `start` on, which are then taken in with `Span.take`."""
        return Span(self, start, drawn, paths)

    def columns(self, ledger: Ledger) -> Iterator[tuple[str, Array]]:
        """What is kept by path."""
        if self.use in ("draw", "twin"):
            yield from company_columns(ledger)
        yield "target_value", target_values(ledger)
        if self.use == "draw":
            yield from _yearly(ledger)
            if self.detail == "segment":
                for name in stored("segment"):
                    yield f"{name}_by_segment", ledger.paths.segment[name]
                yield "observed", _beside([value for value, _ in self._observed(ledger)], ledger.shape)

    def counts(self, ledger: Ledger) -> dict[str, NDArray[np.int64]]:
        """Histograms by month."""
        company = ledger.books()
        return {name: counted(company[name]) for name in COUNTED} if self.use == "draw_streamed" else {}

    def sums(self, ledger: Ledger) -> Iterator[tuple[tuple[Form, str], Array]]:
        """Sums over paths of what hangs on more than the kernel's outputs."""
        if self.use != "draw":
            return
        costs, at_start = ledger.costs, [books["opening_pipeline"] for books in _of_segments(ledger)]
        yield ("role", "people_cost"), costs.seats.pay.sum(axis=0)
        yield ("role", "recruiting_cost"), costs.seats.recruiting.sum(axis=0)
        yield ("spend", "programme_spend"), _summed(costs.channels.values(), ledger.shape)
        yield ("event", "event_cost"), _summed(costs.events.values(), ledger.shape)
        yield ("start", "opening_pipeline"), np.array([column.sum() for column in at_start])
        if self.statistics:
            counts = [number.sum(axis=0) for _, number in self._observed(ledger)]
            yield ("watched", "observed_count"), np.stack(counts, axis=1)

    def _observed(self, ledger: Ledger) -> Iterator[tuple[Array, Array]]:
        return (observed(statistic, ledger.paths) for statistic in self.statistics)


class Span:
    """Consecutive draws while they are taken in: running sums, and the outputs that their books will ask for."""

    def __init__(self, reduction: Reduction, start: int, drawn: Drawn, paths: int) -> None:
        self._reduction, self._start, self._drawn, self._paths = reduction, start, drawn, paths
        self._sums: dict[str, Array] = {}
        self._kept: dict[str, Outputs] = {}
        self._reached = _stages(reduction, paths)
        self._taken = 0

    def take(self, whole: Whole) -> None:
        """Take in the next paths, and overwrite their arrays."""
        first, self._taken = self._taken, self._taken + len(whole.reached)
        for kind, places in self._reduction.places.items():
            array = getattr(whole, kind).array
            if kind not in self._kept:
                names = [self._reduction.names[kind][place] for place in chain(*places)]
                self._kept[kind] = _room(self._paths, array.shape[1], array.shape[2], names)
            kept, done = self._kept[kind].array[first : self._taken], 0
            for run in places:
                kept[..., done : done + len(run)] = array[..., run.start : run.stop]
                done += len(run)
        if self._reduction.statistics:
            self._reached[first : self._taken] = whole.reached
        if self._reduction.use == "draw":
            for kind in self._reduction.names:
                self._add_up(kind, getattr(whole, kind).array)
            self._add_up("reached", whole.reached)

    def finish(self) -> Reduced:
        """Work out what is kept of the span, when all its paths are in."""
        assert self._taken == self._paths, "every path of the span was taken in"
        reduction, drawn = self._reduction, self._drawn
        kept = _Kept(**self._kept, reached=self._reached, values=drawn.values, shocks=drawn.shocks)
        ledger = Ledger(reduction.plan, kept, reduction.chart)
        columns = {name: np.array(column, order="C") for name, column in reduction.columns(ledger)}
        if reduction.use == "draw":
            for name, inputs in (("assumption_value", drawn.values), ("assumption_z", drawn.z)):
                columns[name] = _side_by_side(inputs, reduction.inputs, self._paths)
        sums = {**dict(self._summed_outputs()), **dict(reduction.sums(ledger))}
        return Reduced(self._start, self._paths, columns, sums, reduction.counts(ledger))

    def _add_up(self, kind: str, values: Array) -> None:
        """Go on with a sum over paths, one path after the other: the same bits wherever the span is cut."""
        if kind in self._sums:
            values[0] += self._sums[kind]
        self._sums[kind] = np.add.reduce(values, axis=0)

    def _summed_outputs(self) -> Iterator[tuple[tuple[Form, str], Array]]:
        if self._reduction.use != "draw":
            return
        for form, kind in _KIND_OF.items():
            outputs = Outputs(self._sums[kind], self._reduction.names[kind])
            for name in stored(form):
                source = KERNEL_NAMES.get(name, name)
                if source in outputs and not (form == "segment" and self._reduction.detail == "segment"):
                    yield (form, name), outputs[source]
        yield ("stage", "reached"), self._sums["reached"]


class _Kept(NamedTuple):
    """Some outputs of paths, as `paths.Paths`."""

    segment: Mapping[str, Array]
    group: Mapping[str, Array]
    cell: Mapping[str, Array]
    pool: Mapping[str, Array]
    reached: Array
    """Without stages where nothing asks for them: it then tells the number of paths and months."""
    values: Mapping[str, Array]
    shocks: Mapping[str, Array] | None


class _Noted(Mapping[str, Array]):
    """Zeros for every output, that remember which were asked for."""

    def __init__(self, names: Sequence[str], months: int, entities: int) -> None:
        self._names, self._zeros = names, np.zeros((1, months, entities))
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> Array:
        self.asked[name] = None
        return self._zeros

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _entities(plan: Plan) -> dict[str, int]:
    return {
        "segment": len(plan.segments),
        "group": len(plan.team.seats),
        "cell": len(cells_of(plan)),
        "pool": len(pools_of(plan)),
    }


def _probed(reduction: Reduction) -> tuple[dict[str, tuple[str, ...]], int]:
    """By kind the outputs that a reduction works with, and the bytes it keeps of a path: it is let work once to see."""
    plan, months = reduction.plan, reduction.plan.plan.months
    noted = {kind: _Noted(reduction.names[kind], months, count) for kind, count in _entities(plan).items()}
    values = {name: np.array([value]) for name, value in plan.planned.items()}
    ledger = Ledger(plan, _Kept(**noted, reached=_stages(reduction, 1), values=values, shocks=None), reduction.chart)
    kept = sum(column.nbytes for _, column in reduction.columns(ledger))
    if reduction.use == "draw":
        kept += 2 * 8 * len(reduction.inputs)
    for _ in (*reduction.sums(ledger), *reduction.counts(ledger)):
        pass
    return {kind: tuple(outputs.asked) for kind, outputs in noted.items()}, kept


def _stages(reduction: Reduction, paths: int) -> Array:
    """Room for arrivals at the stages of the funnel, (n, T, cells, stages); of no cell where nothing asks for them."""
    plan = reduction.plan
    cells = len(cells_of(plan)) if reduction.statistics else 0
    return np.zeros((paths, plan.plan.months, cells, len(plan.funnel.stages)))


def _beside(arrays: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Arrays of a shape, side by side along a last axis."""
    return np.stack(arrays, axis=-1) if arrays else np.zeros((*shape, 0))


def _runs(places: Iterable[int]) -> list[range]:
    """Places as runs of neighbours.

    >>> _runs([4, 1, 0, 5])
    [range(0, 2), range(4, 6)]
    """
    found: list[range] = []
    for place in sorted(places):
        if found and found[-1].stop == place:
            found[-1] = range(found[-1].start, place + 1)
        else:
            found.append(range(place, place + 1))
    return found


def _room(paths: int, months: int, entities: int, names: Sequence[str]) -> Outputs:
    """Room for outputs, in which the paths of a month, an entity and an output lie side by side."""
    return Outputs(np.empty((months, entities, len(names), paths)).transpose(3, 0, 1, 2), names)


_KIND_OF: dict[Form, str] = {"segment": "segment", "role": "group", "channel": "cell", "territory": "pool"}
"""Whose outputs are shown in a form."""


def company_columns(ledger: Ledger) -> Iterator[tuple[str, Array]]:
    """Outputs of the company by path, and what each whole year is made of."""
    company, paths = ledger.books(), ledger.shape[0]
    for name in stored("company"):
        yield name, company[name]
    for name in stored("path"):
        yield name, np.broadcast_to(company[name], paths)
    parts = [composition_of(ledger, year.first, year.last) for year in ledger.chart.years]
    yield "composition", np.stack(parts, axis=1) if parts else np.zeros((paths, 0, len(PARTS)))


def target_values(ledger: Ledger) -> Array:
    """The metric of each target, (path, target)."""
    values = [_target_value(ledger, target) for target in ledger.plan.targets]
    return np.stack(values, axis=1) if values else np.zeros((ledger.shape[0], 0))


def _target_value(ledger: Ledger, target: Target) -> Array:
    header = ledger.plan.plan
    period = fiscal_period(target.period, header.fiscal_year_start)
    first, last = period.first - header.start, period.last - header.start
    return np.broadcast_to(metric(ledger.books(target.where), target.metric, first, last), ledger.shape[:1])


def _yearly(ledger: Ledger) -> Iterator[tuple[str, Array]]:
    """Ratios by fiscal year and channel or segment, path by path."""
    years, paths = ledger.chart.years, ledger.shape[0]
    channels = [ledger.books({"channel": name}) for name in ledger.chart.channels]
    for form, along in ((_OF_CHANNEL, channels), (_OF_SEGMENT, _of_segments(ledger))):
        for name in stored(form):
            out = np.empty((paths, len(years), len(along)))
            for y, year in enumerate(years):
                for e, books in enumerate(along):
                    out[:, y, e] = metric(books, name, year.first, year.last)
            yield f"{name}_{form}", out


_OF_CHANNEL: Form = "of_channel"
_OF_SEGMENT: Form = "of_segment"


def _of_segments(ledger: Ledger) -> list[Books]:
    return [ledger.books({"segment": name}) for name in ledger.chart.segments]


def _side_by_side(columns: Mapping[str, Array], names: Sequence[str], rows: int) -> Array:
    """Columns as (row, column)."""
    return np.stack([columns[name] for name in names], axis=1) if names else np.zeros((rows, 0))


def _summed(parts: Iterable[Array], shape: tuple[int, ...]) -> Array:
    """Sums over paths of what broadcasts to (path, month), as (month, entity)."""
    sums = [np.broadcast_to(part, shape).sum(axis=0) for part in parts]
    return np.stack(sums, axis=1) if sums else np.zeros((shape[1], 0))
