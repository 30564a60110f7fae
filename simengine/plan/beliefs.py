"""The distribution of an assumption: as it stands in the plan, as an object, and widened by the source policy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from simengine.assumptions.distributions import build
from simengine.assumptions.elicitation import choose_scale, drift_factor, widen
from simengine.assumptions.laws import Distribution
from simengine.assumptions.spec import SpecError, SpecProblem
from simengine.plan.scalars import Fault, faults_of, is_number, mistake, number, shown, wrong
from simengine.units import month_number

if TYPE_CHECKING:
    from simengine.plan.evidence import SourcePolicy

Path = tuple[str | int, ...]

WITHOUT_UNIT = frozenset(
    {"alpha", "bernoulli", "beta", "cv", "lambda", "n", "probability", "shape", "sigma", "weight", "weights"}
)
"""Parameters of distributions that are plain numbers or shares, whatever the assumption's unit."""

_RANGES = {"logit": (0.0, 1.0), "log": (0.0, math.inf), "linear": (-math.inf, math.inf)}
"""What widening on a scale can never leave."""


def distribution(raw: object, unit: str | None) -> Distribution | None:
    """Return the distribution that `raw` describes, in `unit`; None where the unit is wrong: no number has meaning."""
    if not isinstance(raw, Mapping):
        remedy = "expected one like {beta: {mean: 22 %, n: 180}}, or {fixed: 22 %}"
        raise mistake(f"{shown(raw)} is not a distribution", remedy)
    return None if unit is None else _built(raw, raw, unit)


def _built(raw: Mapping[Any, object], prepared: object, unit: str) -> Distribution:
    faults: list[Fault] = []
    numbers = _numbers(prepared, unit, (), faults)
    try:
        dist = build(numbers)
    except SpecError as error:
        told = {fault.at for fault in faults}
        faults += [_with_percent(fault_of(p), raw, unit) for p in error.problems if p.path not in told]
    if faults:
        raise wrong(*faults)
    return dist


def in_numbers(raw: Mapping[Any, object], unit: str) -> Any:
    """A distribution as a plan writes it, without a mistake, with every number as a number in `unit`.

    >>> in_numbers({"beta": {"mean": "22 %", "n": 180}}, "fraction")
    {'beta': {'mean': 0.22, 'n': 180}}
    """
    return _numbers(raw, unit, (), [])


def start_months(raw: Mapping[Any, object]) -> Distribution:
    """Return the law of a start that `raw` describes, its numbers written as months, in months since year 0."""
    return _built(raw, _months(raw), "months")


def _months(raw: object) -> object:
    """`raw` with every month like 2027-03 replaced by its number."""
    if isinstance(raw, Mapping):
        return {_month(key): _months(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_months(item) for item in raw]
    return _month(raw)


def _month(raw: object) -> Any:
    try:
        return month_number(raw) if isinstance(raw, str) else raw
    except ValueError:
        return raw


def fault_of(problem: SpecProblem) -> Fault:
    """Return a problem of `simengine.assumptions` as a fault of the plan."""
    expected = problem.expected
    if expected.endswith(", the nearest name"):
        expected = f"did you mean {expected.removesuffix(', the nearest name')}?"
    elif expected:
        expected = f"expected {expected}"
    return Fault(problem.path, problem.message, expected)


def _with_percent(fault: Fault, raw: object, unit: str) -> Fault:
    """Add what to write where a percentage was written without its sign."""
    value = raw
    for step in fault.at:
        entries = dict(enumerate(value)) if isinstance(value, list) else value
        value = entries.get(step) if isinstance(entries, dict) else None
    is_share = unit.startswith("fraction") and _unit_at(fault.at, unit, value) == unit
    if not is_share or isinstance(value, bool) or not isinstance(value, int | float) or not 1 < value <= 100:
        return fault
    return fault._replace(expected=f"{fault.expected}; write {value:g} % if you mean {value / 100:g}")


def _numbers(raw: object, unit: str, path: Path, faults: list[Fault]) -> object:
    """`raw` with every text that is written like a number replaced by the number."""
    if isinstance(raw, Mapping):
        if path and path[-1] == "discrete":
            return _chances(raw, unit, path, faults)
        return {key: _numbers(value, unit, (*path, key), faults) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_numbers(item, unit, (*path, index), faults) for index, item in enumerate(raw)]
    return _number(raw, _unit_at(path, unit, raw), path, faults)


def _chances(raw: Mapping[Any, object], unit: str, path: Path, faults: list[Fault]) -> dict[object, object]:
    """The probabilities of a discrete distribution by value, each value there once in whatever way it is written."""
    chances: dict[object, object] = {}
    for written, chance in raw.items():
        value = _number(written, unit, (*path, written), faults)
        if value in chances:
            faults.append(Fault((*path, written), f"the value {shown(value)} stands here twice", "keep one of them"))
            value = written
        chances[value] = _number(chance, "fraction", (*path, written), faults)
    return chances


def _unit_at(path: Path, unit: str, raw: object) -> str:
    parameter = next((key for key in reversed(path) if isinstance(key, str)), "")
    if parameter not in WITHOUT_UNIT:
        return unit
    return "fraction" if isinstance(raw, str) and raw.endswith("%") else "count"


def _number(raw: object, unit: str, path: Path, faults: list[Fault]) -> object:
    if not isinstance(raw, str) or not is_number(raw):
        return raw
    try:
        return number(raw, unit, bare=True)
    except PydanticCustomError as error:
        faults += [Fault(path, fault.message, fault.expected) for fault in faults_of(error)]
        return raw


def widening(dist: Distribution, unit: str, kind: str, policy: SourcePolicy) -> float:
    """By how much the source policy multiplies deviations from the median, for a source of this kind."""
    if dist.is_discrete:
        return 1.0
    if kind == "historical":
        return drift_factor(dist, policy.historical.drift, choose_scale(unit, dist))
    return policy.benchmark.widen if kind == "benchmark" else policy.judgment.widen


def widened(dist: Distribution, unit: str, kind: str, policy: SourcePolicy) -> Distribution:
    """The distribution as it is simulated: wider than stated, as the source policy says."""
    return widen(dist, widening(dist, unit, kind, policy), choose_scale(unit, dist))


def surely_stays_within(
    dist: Distribution, unit: str, kind: str, policy: SourcePolicy, low: float, high: float
) -> bool:
    """Whether the widened distribution stays within `low` to `high`; False where only its quantiles could tell."""
    scale = choose_scale(unit, dist)
    least, most = _RANGES[scale]
    if dist.is_discrete or (low <= least and most <= high):
        return True
    if scale != "linear" or kind == "historical":
        return False
    # An end moves away from the median, wherever that is, by at most this.
    least, most = dist.support()
    move = (widening(dist, unit, kind, policy) - 1) * (most - least)
    return low <= least - move and most + move <= high
