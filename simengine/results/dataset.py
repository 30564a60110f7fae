"""From blocks of simulated paths to one dataset, and the digest that names its bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.plan.evidence import SourcePolicy
from simengine.plan.schema import Plan
from simengine.plan.values import sections
from simengine.results.books import EVERYTHING, Ledger, history, opening, whole_years
from simengine.results.composition import PARTS
from simengine.results.costs import groups_of
from simengine.results.histogram import middles
from simengine.results.observed import Statistic, observed, statistics_of, unseen
from simengine.results.outputs import FORMS, OUTPUTS, PATH_DIMS, Form, stored
from simengine.results.past import Past
from simengine.results.paths import Array, Paths, cells_of, pools_of
from simengine.results.reduction import Detail, Pass, Reduced, company_columns, target_values
from simengine.units import Period, month_label


class Collector:
    """Takes in reduced spans of paths in order and makes the dataset of the run.

    Parameters
    ----------
    plan : the plan that is simulated
    draws : how many paths of each pass will be added
    detail : "headline" keeps segments as means over draws, "segment" keeps them by path
    """

    def __init__(self, plan: Plan, draws: Mapping[Pass, int], detail: Detail = "headline") -> None:
        self._plan, self._draws, self._detail = plan, draws, detail
        self._statistics = statistics_of(plan) if detail == "segment" else []
        self._columns = {use: _Columns(count) for use, count in draws.items()}
        self._sums: dict[tuple[Form, str], Array] = {}
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._cases: dict[str, dict[str, Array]] = {}

    def add(self, use: Pass, reduced: Reduced) -> None:
        """Take in the next span of a pass."""
        self._columns[use].add(reduced)
        for key, values in reduced.sums.items():
            self._sums[key] = self._sums[key] + values if key in self._sums else values
        for name, counts in reduced.counts.items():
            self._counts[name] = self._counts[name] + counts if name in self._counts else counts

    def add_baseline(self, case: str, paths: Paths) -> None:
        """Take in the spreadsheet's answer at one set of values, in the shape of one path."""
        ledger = Ledger(self._plan, paths)
        self._cases[case] = {**dict(company_columns(ledger)), "target_value": target_values(ledger)}
        if self._statistics:
            self._cases[case]["observed"] = np.stack([observed(one, paths)[0] for one in self._statistics], axis=-1)

    def finish(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """Make the dataset; `attrs` are its attributes beside those of the plan: seed, digests, versions."""
        plan, names = self._plan, _Names.of(self._plan)
        variables: dict[str, xr.Variable] = {}
        for use, columns in self._columns.items():
            variables |= _path_variables(plan, use, columns.finished())
        if self._cases:
            variables |= _path_variables(plan, "case", _stacked(self._cases.values()))
        variables |= self._mean_variables(names)
        for name, counts in self._counts.items():
            variables[f"{name}_histogram"] = _variable(plan, name, ("month", "bin"), counts)
        for name in stored("history"):
            values = history(plan, names.segments, capped=name == "gross_history")
            variables[name] = _variable(plan, name, FORMS["history"][1], values)
        for name in stored("opening"):
            values = np.array([opening(plan, segment)[name] for segment in names.segments])
            variables[name] = _variable(plan, name, FORMS["opening"][1], values)
        past = Past(plan)
        for form in _OF_THE_PAST:
            suffix, dims = FORMS[form]
            for name in set(stored(form)) & set(past.outputs):
                values = past.by_segment(name) if form == "past" else past.of(name, EVERYTHING)
                variables[name + suffix] = _variable(plan, name, dims, values)
        correlation = plan.copula().correlation_matrix(names.assumptions)
        text = "Correlation of the normal scores of two assumptions"
        variables["score_correlation"] = xr.Variable(("assumption", "other"), correlation, {"long_name": text})
        coords = _coordinates(plan, names, list(self._cases), self._draws)
        if self._detail == "segment":
            coords |= _known_of_statistics(plan, self._statistics, names.assumptions)
        if self._counts:
            coords["bin"] = middles()
        if past.months:
            coords["past_month"] = [month_label(plan.plan.start - back) for back in range(past.months, 0, -1)]
        return xr.Dataset(variables, coords, {**self._attributes(), **attrs})

    def _mean_variables(self, names: _Names) -> dict[str, xr.Variable]:
        plan, variables = self._plan, {}
        for (form, name), total in self._sums.items():
            if form == "watched":
                attrs = {"long_name": _COUNT, "units": "count", "cell_methods": "draw: mean"}
                variables[name] = xr.Variable(("month", "watched"), total / self._draws["draw"], attrs)
                continue
            for shown, mean in _laid_out(form, total / self._draws["draw"], names):
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
            "draws": max(self._draws["draw"], self._draws.get("draw_streamed", 0)),
            "twins": self._draws["twin"],
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
    content: bytes | memoryview
    for name in sorted(map(str, ds.variables)):
        variable = ds.variables[name]
        values = np.asarray(variable.values)
        if values.dtype.kind in "OUT":
            kind, content = "text", json.dumps([str(v) for v in values.ravel()]).encode()
        else:
            values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
            kind, content = values.dtype.str, values.reshape(-1).view(np.uint8).data
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


_BESIDE = {
    "target_value": (("target",), "Value of the target's metric"),
    "assumption_value": (("assumption",), "Value of the assumption"),
    "assumption_z": (("assumption",), "Normal score of the assumption"),
    "observed": (("month", "watched"), "What is observed of the assumption from the plan's start to the month's end"),
}
_COUNT = "Observations from the plan's start to the month's end"
"""Columns by path that hold no output: what they are laid along, and what they are."""


_OF_THE_PAST: tuple[Form, ...] = ("past", "past of the company")


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


class _Columns:
    """Arrays by name with a row for each path, filled from the first row on."""

    def __init__(self, rows: int) -> None:
        self._rows, self._filled = rows, 0
        self._arrays: dict[str, Array] = {}

    def add(self, reduced: Reduced) -> None:
        assert reduced.start == self._filled, "spans come in order"
        self._filled += reduced.paths
        for name, part in reduced.columns.items():
            if name not in self._arrays:
                self._arrays[name] = np.empty((self._rows, *part.shape[1:]))
            self._arrays[name][reduced.start : self._filled] = part

    def finished(self) -> dict[str, Array]:
        assert self._filled == self._rows, "every path was added"
        return self._arrays


def _path_variables(plan: Plan, dim: Pass | Literal["case"], columns: Mapping[str, Array]) -> dict[str, xr.Variable]:
    """Columns with a row for each path, or each case of the baseline, as variables."""
    suffix = next(suffix for suffix, known in PATH_DIMS.items() if known == dim)
    variables = {}
    for name, values in columns.items():
        if name in _BESIDE:
            along, text = _BESIDE[name]
            variables[name + suffix] = xr.Variable((dim, *along), values, {"long_name": text})
            continue
        output, rest = _described(name)
        variables[name + suffix] = _variable(plan, output, (dim, *rest)[: values.ndim], values)
    return variables


def _described(name: str) -> tuple[str, tuple[str, ...]]:
    """The output that a column by path holds, and what it is laid along."""
    if name == "composition":
        return name, ("year", "part")
    for form in ("of_channel", "of_segment"):
        if name.endswith(f"_{form}"):
            return name.removesuffix(f"_{form}"), FORMS[form][1][1:]
    suffix, dims = FORMS["segment"]
    return (name.removesuffix(suffix), dims) if name.endswith(suffix) else (name, ("month",))


def _variable(
    plan: Plan, name: str, dims: tuple[str, ...], values: Array | NDArray[np.int64], **attrs: str
) -> xr.Variable:
    return xr.Variable(dims, values, {**OUTPUTS[name].attributes(plan.plan.currency), **attrs})


def _stacked(cases: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """Columns of one row each, one below the other."""
    rows = list(cases)
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


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


def _coordinates(plan: Plan, names: _Names, cases: Sequence[str], lengths: Mapping[Pass, int]) -> dict[str, Any]:
    """Names along every dimension, with labels of segments, sources of assumptions and bounds of targets."""
    coords: dict[str, Any] = {
        # Streamed draws are too many to be numbered one by one.
        dim: np.arange(length)
        for dim, length in lengths.items()
        if length and dim != "draw_streamed"
    }
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
    coords |= _known_of_assumptions(plan, names.assumptions)
    coords |= known_of_targets(plan)
    return coords


def known_of_targets(plan: Plan) -> dict[str, Any]:
    """Coordinates along `target`: what the plan says of its targets.

    A target is only a `criterion` where an event names it as its success and nobody has committed to it.
    """
    coords: dict[str, Any] = {"target": _texts(target.name for target in plan.targets)}
    coords["metric"] = "target", _texts(target.metric for target in plan.targets)
    coords["period"] = "target", _texts(target.period for target in plan.targets)
    coords["where"] = "target", _texts(", ".join(f"{k}={v}" for k, v in sorted(t.where.items())) for t in plan.targets)
    criteria = {event.success for event in plan.events.values()}
    coords["criterion"] = "target", np.array([t.name in criteria and t.confidence is None for t in plan.targets], bool)
    for bound in ("at_least", "at_most", "confidence"):
        numbers = [getattr(target, bound) for target in plan.targets]
        coords[bound] = "target", np.array([np.nan if x is None else x for x in numbers], dtype=np.float64)
    return coords


def _known_of_assumptions(plan: Plan, names: Sequence[str]) -> dict[str, Any]:
    """What the plan says of its assumptions, events and shocks: who, where from, what it counts on, where it acts."""
    declared, used = plan.declared.values(), sections(plan)
    sources = [entry.source for entry in declared]
    triggers = [plan.assumptions[name].trigger if name in plan.assumptions else None for name in names]
    along: dict[str, NDArray[Any]] = {
        "plan_value": _numbers(entry.plan for entry in declared),
        "unit": _texts(entry.unit for entry in declared),
        "source_kind": _texts(source.kind for source in sources),
        "grade": _texts(source.grade or "" for source in sources),
        "observations": _numbers(source.n for source in sources),
        "source_as_of": _texts(source.as_of.isoformat() if source.as_of else "" for source in sources),
        "owner": _texts(entry.owner for entry in declared),
        "adverse": _texts(entry.adverse for entry in declared),
        "acts_on": _texts(", ".join(used.get(name, ())) for name in names),
        "trigger_below": _numbers(trigger.below if trigger else None for trigger in triggers),
        "trigger_above": _numbers(trigger.above if trigger else None for trigger in triggers),
    }
    return {"other": _texts(names), **{name: ("assumption", values) for name, values in along.items()}}


def _known_of_statistics(plan: Plan, statistics: Sequence[Statistic], names: Sequence[str]) -> dict[str, Any]:
    """What is observed of which assumption, in which unit, what counts as an observation; and why of others nothing."""
    watched = [one.assumption for one in statistics]
    reasons = unseen(plan, watched)
    return {
        "watched": _texts(watched),
        "watched_as": ("watched", _texts(one.recipe.sign for one in statistics)),
        "watched_unit": ("watched", _texts(one.recipe.unit for one in statistics)),
        "watched_counts": ("watched", _texts(one.recipe.counted for one in statistics)),
        "unseen": ("assumption", _texts(reasons.get(name, "") for name in names)),
    }


def _numbers(numbers: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if x is None else x for x in numbers], dtype=np.float64)


def _texts(texts: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(texts), dtype=np.str_)
