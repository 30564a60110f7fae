"""From blocks of simulated paths to one dataset, and the digest that names its bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.plan.evidence import SourcePolicy
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.books import Books, Ledger, Where, opening
from simengine.results.composition import PARTS, composition_of
from simengine.results.costs import groups_of
from simengine.results.economics import metric
from simengine.results.outputs import FORMS, KERNEL_NAMES, OUTPUTS, PATH_DIMS, Form, PathSuffix, stored
from simengine.results.paths import Array, Paths, cells_of, pools_of
from simengine.units import MONTHS_PER_YEAR, Period, fiscal_period, month_label

Detail = Literal["headline", "segment"]


@dataclass(frozen=True)
class Block:
    """Consecutive simulated paths: n draws, T months. All entities are sorted by name, stages are in funnel order.

    `segment`, `group`, `cell` and `pool` map outputs to (n, T, segments), (n, T, seat groups), (n, T, cells) and
    (n, T, pools); a cell is a (channel, segment), a pool a segment or a territory of it. `reached` is
    (n, T, cells, stages). `values` and `z` map everything uncertain (assumptions; events, by months in force; shocks,
    by mean level) to values and normal scores, (n,) each. `shocks` maps shocks to levels, (n, T).
    """

    start: int
    segment: dict[str, Array]
    group: dict[str, Array]
    cell: dict[str, Array]
    pool: dict[str, Array]
    reached: Array
    values: dict[str, Array]
    z: dict[str, Array]
    shocks: dict[str, Array] | None = None


class Collector:
    """Takes in blocks of paths in order and makes the dataset of the run.

    Whatever the size of the blocks, the dataset has the same bits: what is kept by path is computed path by path, and
    means are added up draw by draw.

    Parameters
    ----------
    plan : the plan that is simulated
    draws, twins : how many paths, and how many twin paths, will be added
    detail : "headline" keeps segments as means over draws, "segment" keeps them by path
    """

    def __init__(self, plan: Plan, draws: int, twins: int = 0, detail: Detail = "headline") -> None:
        self._plan, self._draws, self._twins, self._detail = plan, draws, twins, detail
        self._names = _Names.of(plan)
        self._series = {dim: _Series(plan, suffix) for suffix, dim in PATH_DIMS.items()}
        self._cases: list[str] = []
        self._sums: dict[tuple[Form, str], Array] = {}
        self._segments = _Columns()
        self._inputs = _Columns()
        self._yearly = _Columns()

    def add(self, block: Block) -> None:
        """Take in the next paths."""
        ledger = self._take("draw", block)
        costs, of_group = ledger.costs, dict(block.group)
        of_group |= {"people_cost": costs.seats.pay, "recruiting_cost": costs.seats.recruiting}
        self._add_up("role", {name: of_group[KERNEL_NAMES.get(name, name)] for name in stored("role")})
        self._add_up("channel", {name: block.cell[name] for name in stored("channel")})
        self._add_up("territory", {name: block.pool[name] for name in stored("territory")})
        self._add_up("stage", {"reached": block.reached})
        self._add_up("spend", {"programme_spend": _stacked(costs.channels.values(), ledger.shape)})
        self._add_up("event", {"event_cost": _stacked(costs.events.values(), ledger.shape)})
        at_start = [ledger.books({"segment": name})["opening_pipeline"] for name in self._names.segments]
        self._add_up("start", {"opening_pipeline": np.stack(at_start, axis=1)})
        self._yearly.add(_yearly(ledger, self._names))
        by_segment = {name: block.segment[name] for name in stored("segment")}
        if self._detail == "segment":
            self._segments.add(by_segment)
        else:
            self._add_up("segment", by_segment)
        for name, columns in (("assumption_value", block.values), ("assumption_z", block.z)):
            self._inputs.add({name: _side_by_side(columns, self._names.assumptions, len(block.reached))})

    def add_twin(self, block: Block) -> None:
        """Take in the next twin paths: the values of the first draws again, with other random variation."""
        self._take("twin", block)

    def add_unwidened(self, block: Block) -> None:
        """Take in the next paths without the source policy; only their targets are kept."""
        self._take("draw_unwidened", block)

    def add_baseline(self, case: str, paths: Paths) -> None:
        """Take in the spreadsheet's answer at one set of values, in the shape of one path."""
        self._cases.append(case)
        self._series["case"].add(paths)

    def finish(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """Make the dataset; `attrs` are its attributes beside those of the plan: seed, digests, versions."""
        assert self._series["draw"].length == self._draws, "every path was added"
        assert self._series["twin"].length == self._twins, "every twin was added"
        plan, names = self._plan, self._names
        variables: dict[str, xr.Variable] = {}
        for series in self._series.values():
            variables |= series.variables()
        variables |= self._mean_variables()
        suffix, dims = FORMS["segment"]
        for name, values in self._segments.joined():
            variables[name + suffix] = _variable(plan, name, ("draw", *dims), values)
        for name, values in self._yearly.joined():
            dims = ("draw", "year", name.rsplit("_", 1)[1])
            variables[name] = _variable(plan, name.rsplit("_of_", 1)[0], dims, values)
        for name, values in self._inputs.joined():
            variables[name] = xr.Variable(("draw", "assumption"), values, {"long_name": _INPUT_TEXTS[name]})
        for name in stored("history"):
            variables[name] = _variable(plan, name, FORMS["history"][1], self._series["draw"].history[name])
        for name in stored("opening"):
            values = np.array([opening(plan, segment)[name] for segment in names.segments])
            variables[name] = _variable(plan, name, FORMS["opening"][1], values)
        lengths = {dim: series.length for dim, series in self._series.items()}
        return xr.Dataset(variables, _coordinates(plan, names, self._cases, lengths), {**self._attributes(), **attrs})

    def _take(self, dim: str, block: Block) -> Ledger:
        assert block.start == self._series[dim].length, "blocks come in order"
        return self._series[dim].add(block)

    def _add_up(self, form: Form, outputs: Mapping[str, Array]) -> None:
        for name, values in outputs.items():
            total = self._sums.get((form, name), np.zeros(values.shape[1:]))
            self._sums[form, name] = add_in_order(total, values)

    def _mean_variables(self) -> dict[str, xr.Variable]:
        plan, names = self._plan, self._names
        variables = {}
        for (form, name), total in self._sums.items():
            for shown, mean in _laid_out(form, total / self._draws, names):
                suffix, dims = FORMS[shown]
                variables[name + suffix] = _variable(plan, name, dims, mean, cell_methods="draw: mean")
        return variables

    def _attributes(self) -> dict[str, Any]:
        header = self._plan.plan
        return {
            "plan": header.name,
            "plan_version": header.version,
            "as_of": header.as_of.isoformat() if header.as_of else "",
            "currency": header.currency,
            "start": month_label(header.start),
            "fiscal_year_start": header.fiscal_year_start,
            "draws": self._draws,
            "twins": self._twins,
            "detail": self._detail,
            "source_policy": policy_text(self._plan.source_policy),
        }


def digest(ds: xr.Dataset) -> str:
    """SHA-256 of the dataset's arrays and coordinates by name; attributes and the form of storage do not count.

    Targets stand in the order of the plan file; here they are taken by name, so that their order changes nothing.
    """
    if "target" in ds.coords:
        ds = ds.isel(target=np.argsort(ds["target"].values.astype(str), kind="stable"))
    total = hashlib.sha256()
    for name in sorted(map(str, ds.variables)):
        variable = ds.variables[name]
        values = np.asarray(variable.values)
        if values.dtype.kind in "OUT":
            kind, content = "text", json.dumps([str(v) for v in values.ravel()]).encode()
        else:
            values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
            kind, content = values.dtype.str, values.tobytes()
        total.update(json.dumps([name, list(map(str, variable.dims)), kind, list(variable.shape)]).encode())
        total.update(content)
    return total.hexdigest()


def policy_text(policy: SourcePolicy) -> str:
    """The source policy in words.

    >>> policy_text(SourcePolicy())
    'historical: drift 10 % a year; benchmark: x1.5 as wide; judgment: x1.25 as wide'
    """
    return (
        f"historical: drift {100 * policy.historical.drift:g} % a year; "
        f"benchmark: x{policy.benchmark.widen:g} as wide; judgment: x{policy.judgment.widen:g} as wide"
    )


def add_in_order(total: Array, values: Array) -> Array:
    """Add the rows of `values` to `total`, one after the other: the same bits however rows are cut into blocks."""
    out = total.copy()
    for row in values:
        out += row
    return out


_INPUT_TEXTS = {"assumption_value": "Value of the assumption", "assumption_z": "Normal score of the assumption"}


class _Names(NamedTuple):
    """Entities of a plan in the order of a block's axes; `group_roles` has the role of each seat group."""

    segments: tuple[str, ...]
    channels: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]
    pools: tuple[tuple[str, str], ...]
    stages: tuple[str, ...]
    roles: tuple[str, ...]
    group_roles: tuple[str, ...]
    teams: tuple[str, ...]
    group_teams: tuple[str, ...]
    events: tuple[str, ...]
    assumptions: tuple[str, ...]
    years: tuple[Period, ...]

    @staticmethod
    def of(plan: Plan) -> _Names:
        groups = groups_of(plan)
        return _Names(
            segments=tuple(sorted(plan.segments)),
            channels=tuple(sorted(plan.funnel.channels)),
            cells=tuple(cells_of(plan)),
            pools=tuple(pools_of(plan)),
            stages=plan.funnel.stages,
            roles=tuple(sorted({group.role for group in groups})),
            group_roles=tuple(group.role for group in groups),
            teams=tuple(sorted({group.team for group in groups})),
            group_teams=tuple(group.team for group in groups),
            events=tuple(sorted(plan.events)),
            assumptions=tuple(plan.declared),
            years=tuple(whole_years(plan)),
        )


def whole_years(plan: Plan) -> list[Period]:
    """The fiscal years that lie wholly inside a plan, as months from its start."""
    header, found = plan.plan, []
    for year in range(header.start // MONTHS_PER_YEAR, header.end // MONTHS_PER_YEAR + 2):
        window = fiscal_period(f"FY{year:04d}", header.fiscal_year_start)
        if header.start <= window.first and window.last <= header.end:
            found.append(Period(window.label, window.first - header.start, window.last - header.start))
    return found


class _Columns:
    """Arrays by name that grow along their first axis."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}

    def add(self, parts: Mapping[str, Array]) -> None:
        for name, part in parts.items():
            self._parts.setdefault(name, []).append(part)

    def joined(self) -> Iterator[tuple[str, Array]]:
        """Each array in one piece; its pieces are let go, so that no more than one array is held twice."""
        for name in list(self._parts):
            yield name, np.concatenate(self._parts.pop(name))


class _Series:
    """Company outputs and target values of the paths along one dimension; without the source policy, targets alone."""

    def __init__(self, plan: Plan, suffix: PathSuffix) -> None:
        self._plan, self._suffix = plan, suffix
        self._columns = _Columns()
        self._windows = [_Window.of(plan, target) for target in plan.targets]
        self._years = whole_years(plan)
        self.history: dict[str, Array] = {}
        self.length = 0

    def add(self, paths: Paths) -> Ledger:
        """Take in the next paths; what they cost and bring in is worked out once."""
        ledger = Ledger(self._plan, paths)
        company, n = ledger.books(), len(paths.reached)
        if self._suffix != "_unwidened":
            self._columns.add({name: company[name] for name in stored("company")})
            self._columns.add({name: np.broadcast_to(company[name], n).copy() for name in stored("path")})
            parts = [composition_of(ledger, year.first, year.last) for year in self._years]
            self._columns.add({"composition": np.stack(parts, axis=1) if parts else np.zeros((n, 0, len(PARTS)))})
            self.history = {name: company[name] for name in stored("history")}
        values = [window.value(ledger) for window in self._windows]
        self._columns.add({"target_value": np.stack(values, axis=1) if values else np.zeros((n, 0))})
        self.length += n
        return ledger

    def variables(self) -> dict[str, xr.Variable]:
        dim = PATH_DIMS[self._suffix]
        variables = {}
        for name, values in self._columns.joined():
            if name == "target_value":
                variable = xr.Variable((dim, "target"), values, {"long_name": "Value of the target's metric"})
            else:
                rest = ("year", "part") if name == "composition" else ("month",)
                variable = _variable(self._plan, name, (dim, *rest)[: values.ndim], values)
            variables[name + self._suffix] = variable
        return variables


class _Window(NamedTuple):
    """Which metric of which group over which months a target is about."""

    metric: str
    where: Where
    first: int
    last: int

    @staticmethod
    def of(plan: Plan, target: Target) -> _Window:
        period = fiscal_period(target.period, plan.plan.fiscal_year_start)
        return _Window(target.metric, target.where, period.first - plan.plan.start, period.last - plan.plan.start)

    def value(self, ledger: Ledger) -> Array:
        """The metric of each path."""
        value = metric(ledger.books(self.where), self.metric, self.first, self.last)
        return np.broadcast_to(value, ledger.shape[:1])


def _yearly(ledger: Ledger, names: _Names) -> dict[str, Array]:
    """Ratios by fiscal year and channel or segment, path by path."""

    def along(entities: Sequence[Books], name: str) -> Array:
        rows = [[metric(books, name, year.first, year.last) for books in entities] for year in names.years]
        return np.array(rows).reshape(len(names.years), len(entities), ledger.shape[0]).transpose(2, 0, 1)

    channels = [ledger.books({"channel": name}) for name in names.channels]
    segments = [ledger.books({"segment": name}) for name in names.segments]
    found = {f"{name}_of_channel": along(channels, name) for name in stored("of_channel")}
    return found | {f"{name}_of_segment": along(segments, name) for name in stored("of_segment")}


def _variable(plan: Plan, name: str, dims: tuple[str, ...], values: Array, **attrs: str) -> xr.Variable:
    return xr.Variable(dims, values, {**OUTPUTS[name].attributes(plan.plan.currency), **attrs})


def _side_by_side(columns: Mapping[str, Array], names: Sequence[str], rows: int) -> Array:
    """Columns as (row, column)."""
    return np.stack([columns[name] for name in names], axis=1) if names else np.zeros((rows, 0))


def _stacked(parts: Iterable[Array], shape: tuple[int, int]) -> Array:
    """(draw, month) arrays, or what broadcasts to them, as (draw, month, entity)."""
    whole = [np.broadcast_to(part, shape) for part in parts]
    return np.stack(whole, axis=2) if whole else np.zeros((*shape, 0))


def _laid_out(form: Form, mean: Array, names: _Names) -> Iterator[tuple[Form, Array]]:
    """The forms in which a mean over a block's axes is shown."""
    if form == "role":
        yield "role", _grouped(mean, names.group_roles, names.roles)
        yield "team", _grouped(mean, names.group_teams, names.teams)
    elif form in ("channel", "stage"):
        yield form, _by_channel(mean, names)
    else:
        yield form, mean


def _grouped(by_group: Array, labels: Sequence[str], names: Sequence[str]) -> Array:
    """(month, seat group) to (month, role or team)."""
    out = np.zeros((len(by_group), len(names)))
    for index, label in enumerate(labels):
        out[:, names.index(label)] += by_group[:, index]
    return out


def _by_channel(by_cell: Array, names: _Names) -> Array:
    """(month, cell, ...) to (month, channel, segment, ...); zero where a channel does not serve a segment."""
    out = np.zeros((len(by_cell), len(names.channels), len(names.segments), *by_cell.shape[2:]))
    for index, (channel, segment) in enumerate(names.cells):
        out[:, names.channels.index(channel), names.segments.index(segment)] = by_cell[:, index]
    return out


def _coordinates(plan: Plan, names: _Names, cases: Sequence[str], lengths: Mapping[str, int]) -> dict[str, Any]:
    """Names along every dimension, with labels of segments, sources of assumptions and bounds of targets.

    A target is only a `criterion` where an event names it as its success and nobody has committed to it.
    """
    coords: dict[str, Any] = {dim: np.arange(length) for dim, length in lengths.items() if length}
    if cases:
        coords["case"] = list(cases)
    coords["month"] = [month_label(plan.plan.start + t) for t in range(plan.plan.months)]
    coords |= {"segment": _texts(names.segments), "channel": _texts(names.channels), "stage": _texts(names.stages)}
    coords |= {"role": _texts(names.roles), "team": _texts(names.teams), "assumption": _texts(names.assumptions)}
    coords |= {"year": _texts(year.label for year in names.years), "part": _texts(PARTS)}
    coords["territory"] = _texts(territory or segment for segment, territory in names.pools)
    coords["territory_segment"] = "territory", _texts(segment for segment, _ in names.pools)
    events = [plan.events[name] for name in names.events]
    coords["event"] = _texts(names.events)
    coords["kind"] = "event", _texts(event.kind for event in events)
    coords["event_owner"] = "event", _texts(event.owner for event in events)
    coords["success"] = "event", _texts(event.success or "" for event in events)
    for label in sorted({label for segment in plan.segments.values() for label in segment.labels}):
        coords[label] = "segment", _texts(plan.segments[name].labels.get(label, "") for name in names.segments)
    declared = plan.declared.values()
    coords["plan_value"] = "assumption", np.array([entry.plan for entry in declared], dtype=np.float64)
    coords["unit"] = "assumption", _texts(entry.unit for entry in declared)
    coords["source_kind"] = "assumption", _texts(entry.source.kind for entry in declared)
    coords["owner"] = "assumption", _texts(entry.owner for entry in declared)
    coords["adverse"] = "assumption", _texts(entry.adverse for entry in declared)
    coords["target"] = _texts(target.name for target in plan.targets)
    coords["metric"] = "target", _texts(target.metric for target in plan.targets)
    coords["period"] = "target", _texts(target.period for target in plan.targets)
    coords["where"] = "target", _texts(", ".join(f"{k}={v}" for k, v in sorted(t.where.items())) for t in plan.targets)
    criteria = {event.success for event in plan.events.values()}
    coords["criterion"] = "target", np.array([t.name in criteria and t.confidence is None for t in plan.targets], bool)
    for bound in ("at_least", "at_most", "confidence"):
        numbers = [getattr(target, bound) for target in plan.targets]
        coords[bound] = "target", np.array([np.nan if x is None else x for x in numbers], dtype=np.float64)
    return coords


def _texts(texts: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(texts), dtype=np.str_)
