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

from simengine.plan.schema import Plan, SourcePolicy, Target
from simengine.results.economics import Array, Books, Paths, books_of, metric, opening
from simengine.results.outputs import FORMS, OUTPUTS, PATH_DIMS, Form, PathSuffix, stored
from simengine.units import fiscal_period, month_label

Detail = Literal["headline", "segment"]


@dataclass(frozen=True)
class Block:
    """Consecutive simulated paths: n draws, T months. All entities are sorted by name, stages are in funnel order.

    `segment`, `group` and `cell` map outputs to (n, T, segments), (n, T, seat groups) and (n, T, cells); a cell is a
    (channel, segment). `reached` is (n, T, cells, stages). `values` and `z` map assumptions to their values and normal
    scores, (n,) each.
    """

    start: int
    segment: dict[str, Array]
    group: dict[str, Array]
    reached: Array
    cell: dict[str, Array]
    values: dict[str, Array]
    z: dict[str, Array]


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

    def add(self, block: Block) -> None:
        """Take in the next paths."""
        self._take("draw", block)
        self._add_up("role", {name: block.group[name] for name in stored("role")})
        self._add_up("channel", block.cell)
        self._add_up("stage", {"reached": block.reached})
        if self._detail == "segment":
            self._segments.add(block.segment)
        else:
            self._add_up("segment", block.segment)
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
        for name, values in self._inputs.joined():
            variables[name] = xr.Variable(("draw", "assumption"), values, {"long_name": _INPUT_TEXTS[name]})
        for name in stored("opening"):
            values = np.array([opening(plan, segment)[name] for segment in names.segments])
            variables[name] = _variable(plan, name, FORMS["opening"][1], values)
        lengths = {dim: series.length for dim, series in self._series.items()}
        return xr.Dataset(variables, _coordinates(plan, names, self._cases, lengths), {**self._attributes(), **attrs})

    def _take(self, dim: str, block: Block) -> None:
        assert block.start == self._series[dim].length, "blocks come in order"
        self._series[dim].add(block)

    def _add_up(self, form: Form, outputs: Mapping[str, Array]) -> None:
        for name, values in outputs.items():
            total = self._sums.get((form, name), np.zeros(values.shape[1:]))
            self._sums[form, name] = add_in_order(total, values)

    def _mean_variables(self) -> dict[str, xr.Variable]:
        plan, names = self._plan, self._names
        variables = {}
        for (form, name), total in self._sums.items():
            suffix, dims = FORMS[form]
            mean = total / self._draws
            if form == "role":
                mean = _by_role(mean, names)
            elif form in ("channel", "stage"):
                mean = _by_channel(mean, names)
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
    rows = np.concatenate((total[None], values))
    if rows[0].size > 1:
        # Along the first axis of several columns numpy adds row by row ...
        return np.asarray(np.add.reduce(rows, axis=0))
    # ... but a single column it would add in pairs.
    return np.asarray(np.add.accumulate(rows, axis=0)[-1])


_INPUT_TEXTS = {"assumption_value": "Value of the assumption", "assumption_z": "Normal score of the assumption"}


class _Names(NamedTuple):
    """Entities of a plan in the order of a block's axes; `group_roles` has the role of each seat group."""

    segments: tuple[str, ...]
    channels: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]
    stages: tuple[str, ...]
    roles: tuple[str, ...]
    group_roles: tuple[str, ...]
    assumptions: tuple[str, ...]

    @staticmethod
    def of(plan: Plan) -> _Names:
        channels = plan.funnel.channels
        return _Names(
            segments=tuple(sorted(plan.segments)),
            channels=tuple(sorted(channels)),
            cells=tuple(sorted((channel, segment) for channel in channels for segment in channels[channel].segments)),
            stages=plan.funnel.stages,
            roles=tuple(sorted({group.role for group in plan.team.seats})),
            group_roles=tuple(group.role for group in sorted(plan.team.seats, key=lambda g: g.name)),
            assumptions=tuple(sorted(plan.assumptions)),
        )


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
        self.length = 0

    def add(self, paths: Paths) -> None:
        company = books_of(self._plan, paths, self._plan.segments)
        if self._suffix != "_unwidened":
            self._columns.add({name: company[name] for name in (*stored("company"), *stored("path"))})
        values = [window.value(self._plan, paths, company) for window in self._windows]
        n = len(paths.reached)
        self._columns.add({"target_value": np.stack(values, axis=1) if values else np.zeros((n, 0))})
        self.length += n

    def variables(self) -> dict[str, xr.Variable]:
        dim = PATH_DIMS[self._suffix]
        variables = {}
        for name, values in self._columns.joined():
            if name == "target_value":
                variable = xr.Variable((dim, "target"), values, {"long_name": "Value of the target's metric"})
            else:
                variable = _variable(self._plan, name, (dim, "month")[: values.ndim], values)
            variables[name + self._suffix] = variable
        return variables


class _Window(NamedTuple):
    """Which metric of which segments over which months a target is about."""

    metric: str
    segments: frozenset[str] | None
    first: int
    last: int

    @staticmethod
    def of(plan: Plan, target: Target) -> _Window:
        period = fiscal_period(target.period, plan.plan.fiscal_year_start)
        members = frozenset(
            name for name, segment in plan.segments.items() if target.where.items() <= segment.labels.items()
        )
        return _Window(
            target.metric,
            members if target.where else None,
            period.first - plan.plan.start,
            period.last - plan.plan.start,
        )

    def value(self, plan: Plan, paths: Paths, company: Books) -> Array:
        """The metric of each path."""
        books = company if self.segments is None else books_of(plan, paths, self.segments)
        return metric(books, self.metric, self.first, self.last)


def _variable(plan: Plan, name: str, dims: tuple[str, ...], values: Array, **attrs: str) -> xr.Variable:
    return xr.Variable(dims, values, {**OUTPUTS[name].attributes(plan.plan.currency), **attrs})


def _side_by_side(columns: Mapping[str, Array], names: Sequence[str], rows: int) -> Array:
    """Columns as (row, column)."""
    return np.stack([columns[name] for name in names], axis=1) if names else np.zeros((rows, 0))


def _by_role(by_group: Array, names: _Names) -> Array:
    """(month, group) to (month, role)."""
    out = np.zeros((len(by_group), len(names.roles)))
    for index, role in enumerate(names.group_roles):
        out[:, names.roles.index(role)] += by_group[:, index]
    return out


def _by_channel(by_cell: Array, names: _Names) -> Array:
    """(month, cell, ...) to (month, channel, segment, ...); zero where a channel does not serve a segment."""
    out = np.zeros((len(by_cell), len(names.channels), len(names.segments), *by_cell.shape[2:]))
    for index, (channel, segment) in enumerate(names.cells):
        out[:, names.channels.index(channel), names.segments.index(segment)] = by_cell[:, index]
    return out


def _coordinates(plan: Plan, names: _Names, cases: Sequence[str], lengths: Mapping[str, int]) -> dict[str, Any]:
    """Names along every dimension, with labels of segments, sources of assumptions and bounds of targets."""
    coords: dict[str, Any] = {dim: np.arange(length) for dim, length in lengths.items() if length}
    if cases:
        coords["case"] = list(cases)
    coords["month"] = [month_label(plan.plan.start + t) for t in range(plan.plan.months)]
    coords |= {"segment": _texts(names.segments), "channel": _texts(names.channels), "stage": _texts(names.stages)}
    coords |= {"role": _texts(names.roles), "assumption": _texts(names.assumptions)}
    for label in sorted({label for segment in plan.segments.values() for label in segment.labels}):
        coords[label] = "segment", _texts(plan.segments[name].labels.get(label, "") for name in names.segments)
    assumptions = [plan.assumptions[name] for name in names.assumptions]
    coords["plan_value"] = "assumption", np.array([a.plan for a in assumptions], dtype=np.float64)
    coords["unit"] = "assumption", _texts(a.unit for a in assumptions)
    coords["source_kind"] = "assumption", _texts(a.source.kind for a in assumptions)
    coords["owner"] = "assumption", _texts(a.owner for a in assumptions)
    coords["adverse"] = "assumption", _texts(a.risk.adverse for a in assumptions)
    coords["target"] = _texts(target.name for target in plan.targets)
    coords["metric"] = "target", _texts(target.metric for target in plan.targets)
    coords["period"] = "target", _texts(target.period for target in plan.targets)
    coords["where"] = "target", _texts(", ".join(f"{k}={v}" for k, v in sorted(t.where.items())) for t in plan.targets)
    for bound in ("at_least", "at_most", "confidence"):
        numbers = [getattr(target, bound) for target in plan.targets]
        coords[bound] = "target", np.array([np.nan if x is None else x for x in numbers], dtype=np.float64)
    return coords


def _texts(texts: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(texts), dtype=np.str_)
