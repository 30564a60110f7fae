"""A belief moved: the same law with its median elsewhere, as a scenario file writes it.

The law keeps its shape on the scale on which the source policy widens it: a fraction within 0 and 1 moves by its odds,
a number that cannot be negative by a factor, all else by a sum. A beta law keeps the number of observations that it
stands for. Every number of the law moves so; a standard deviation grows or shrinks as much as the scale does there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simengine.assumptions.distributions import build
from simengine.assumptions.elicitation import Scale, choose_scale
from simengine.assumptions.laws import Beta, Distribution, Fixed
from simengine.assumptions.spec import SpecError
from simengine.errors import SimengineError
from simengine.plan.beliefs import in_numbers

_POINTS = frozenset({"uniform", "triangular", "pert", "quantiles", "empirical"})
_PLAIN = frozenset({"lambda", "weights", "weight", "who", "cv", "sigma", "shape"})
"""Parameters that say nothing of where a law is."""
_DIGITS = 7
_NOWHERE = "no law of this shape has its middle there; fix it at this value instead"


class _Shift(NamedTuple):
    """A move by so much on a scale."""

    scale: Scale
    by: float

    def of(self, x: float) -> float:
        """Where a number goes; the ends of the scale stay."""
        if self.scale == "linear":
            return x + self.by
        if self.scale == "log":
            return x * math.exp(self.by)
        return x if x <= 0 or x >= 1 else _logistic(math.log(x / (1 - x)) + self.by)

    def stretch(self, x: float) -> float:
        """By how much a small difference near `x` grows."""
        if self.scale == "linear":
            return 1.0
        to = self.of(x)
        return math.exp(self.by) if self.scale == "log" else to * (1 - to) / (x * (1 - x))


def is_movable(law: Distribution) -> bool:
    """Whether a law has a place that can be moved: a few values with probabilities have none."""
    return isinstance(law, Fixed) or not (law.is_discrete or not math.isfinite(law.median()))


def moved(raw: Mapping[Any, Any], unit: str, median: float) -> dict[str, Any]:
    """A distribution with its median moved.

    Parameters
    ----------
    raw : the distribution as the plan writes it, without a mistake
    unit : of its assumption
    median : where to, in that unit

    Raises
    ------
    SimengineError
        where no such law has that median, like a share above 1

    >>> moved({"lognormal": {"mean": 100, "cv": "12 %"}}, "count", 2 * 100 / math.sqrt(1 + 0.12**2))
    {'lognormal': {'mean': 200.0, 'cv': 0.12}}
    >>> moved({"uniform": ["25 %", "75 %"]}, "fraction", 0.75)
    {'uniform': ['57.56939 %', '92.43061 %']}
    """
    spec = in_numbers(raw, unit)
    law = build(spec)
    if isinstance(law, Fixed):
        return {"fixed": _written(median, unit)}
    if not is_movable(law):
        raise SimengineError("a few values with probabilities cannot be moved; fix it at a value instead")
    scale, now = choose_scale(unit, law), law.median()
    inside = {"logit": 0 < median < 1 and 0 < now < 1, "log": median > 0 and now > 0, "linear": True}[scale]
    if not inside or not math.isfinite(median):
        raise SimengineError(_NOWHERE)
    guess = _on(scale, median) - _on(scale, now)

    def at(by: float) -> dict[str, Any]:
        found: dict[str, Any] = _law(spec, _Shift(scale, by))
        return found

    def median_at(by: float) -> float:
        try:
            return build(at(by)).median()
        except SpecError:
            raise SimengineError(_NOWHERE) from None

    found: dict[str, Any] = _in_text(at(_solved(median_at, median, guess)), unit)
    return found


def _solved(median_at: Callable[[float], float], wanted: float, guess: float) -> float:
    """The move that brings the median to `wanted`; the guess is right for laws that move as a whole."""
    tolerance = 1e-6 * max(abs(wanted), 1e-12)
    here = median_at(guess) - wanted
    if abs(here) <= tolerance:
        return guess
    from scipy.optimize import brentq

    width = max(0.05, abs(guess) * 0.2)
    for _ in range(40):
        low, high = guess - width, guess + width
        if (median_at(low) - wanted) * (median_at(high) - wanted) <= 0:
            return float(brentq(lambda by: median_at(by) - wanted, low, high, xtol=1e-6))
        width *= 1.6
    raise SimengineError(_NOWHERE)


def _law(spec: Mapping[str, Any], shift: _Shift) -> Any:
    """A law with every number moved."""
    ((family, value),) = spec.items()
    if family in ("mixture", "pooled"):
        return {family: [{**item, "distribution": _law(item["distribution"], shift)} for item in value]}
    if family == "truncated":
        ends = {key: shift.of(value[key]) for key in ("min", "max") if key in value}
        return {family: {"distribution": _law(value["distribution"], shift), **ends}}
    if family == "beta":
        return {family: _beta(value, shift)}
    if family in _POINTS:
        return {family: _points(value, shift)}
    if family == "fixed":
        return {family: shift.of(value)}
    return {family: _located(value, shift)}


def _beta(value: Mapping[str, Any], shift: _Shift) -> dict[str, float]:
    law = build({"beta": value})
    assert isinstance(law, Beta)
    n = law.alpha + law.beta
    return {"mean": shift.of(law.alpha / n), "n": n}


def _points(value: Any, shift: _Shift) -> Any:
    if isinstance(value, int | float):
        return shift.of(value)
    if isinstance(value, list):
        return [shift.of(x) for x in value]
    return {key: x if key in _PLAIN else _points(x, shift) for key, x in value.items()}


def _located(value: Mapping[str, Any], shift: _Shift) -> dict[str, Any]:
    """A law with a mean, a median or a scale, and perhaps a standard deviation."""
    place = next(key for key in ("mean", "median", "scale") if key in value)
    found = {**value, place: shift.of(value[place])}
    if "sd" in value:
        found["sd"] = value["sd"] * shift.stretch(value[place])
    return found


def _in_text(spec: Any, unit: str, key: Any = "") -> Any:
    """A law as a plan writes it: shares as percentages, numbers with as many digits as matter."""
    if isinstance(spec, Mapping):
        return {name: _in_text(value, unit, name) for name, value in spec.items()}
    if isinstance(spec, list):
        return [_in_text(value, unit, key) for value in spec]
    if isinstance(spec, bool) or not isinstance(spec, int | float):
        return spec
    return _rounded(float(spec)) if key in _PLAIN or key == "n" else _written(float(spec), unit)


def _written(x: float, unit: str) -> Any:
    return f"{100 * x:.{_DIGITS}g} %" if unit.startswith("fraction") else _rounded(x)


def _rounded(x: float) -> float:
    return float(f"{x:.{_DIGITS}g}")


def _on(scale: Scale, x: float) -> float:
    return {"linear": lambda: x, "log": lambda: math.log(x), "logit": lambda: math.log(x / (1 - x))}[scale]()


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
