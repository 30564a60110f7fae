"""From what stands in a plan to a distribution: `build({"beta": {"mean": 0.22, "n": 180}})`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from simengine.assumptions import metalog
from simengine.assumptions.laws import (
    LARGEST_U,
    SMALLEST_U,
    Bernoulli,
    Beta,
    Discrete,
    Distribution,
    Empirical,
    Fixed,
    Gamma,
    Lognormal,
    Metalog,
    Mixture,
    Normal,
    Pert,
    Triangular,
    Truncated,
    Uniform,
    Weibull,
    checked_ppf,
    mass,
    truncate,
)
from simengine.assumptions.spec import (
    ANY,
    INNER_FRACTION,
    POSITIVE,
    PROBABILITY,
    Bounds,
    Key,
    Reader,
    SpecError,
    SpecProblem,
    Wrong,
    nearest,
    quoted,
    share,
    shown,
)

__all__ = [
    "Bernoulli",
    "Beta",
    "Discrete",
    "Distribution",
    "Empirical",
    "Fixed",
    "Gamma",
    "Lognormal",
    "Metalog",
    "Mixture",
    "Normal",
    "Pert",
    "SpecError",
    "SpecProblem",
    "Triangular",
    "Truncated",
    "Uniform",
    "Weibull",
    "build",
    "checked_ppf",
]

SMALLEST_SHAPE, LARGEST_SHAPE = 0.01, 1e7
"""Within these the inverse incomplete beta function is right to nine digits (tests/assumptions)."""

SMALLEST_KEPT = 1e-3
"""A truncation that keeps less says nothing about the part that is kept."""


def build(spec: object) -> Distribution:
    """Turn the specification of a distribution into the distribution.

    Parameters
    ----------
    spec : mapping with one key, the family; its value holds the parameters as plain numbers (22 % is 0.22)

    Raises
    ------
    SpecError
        with every mistake: its place in `spec`, what is wrong, what was expected

    Examples
    --------
    >>> build({"beta": {"mean": 0.22, "n": 180}}).describe()
    'beta, mean 0.22, as if from 180 observations'
    >>> build({"quantiles": {"P10": 5, "P50": 7, "P90": 11}}).ppf([0.1, 0.9]).round(9).tolist()
    [5.0, 11.0]
    >>> build({"normal": {"mean": 6, "sd": 0}})
    Traceback (most recent call last):
    simengine.assumptions.spec.SpecError: normal.sd: 0 is not above 0; expected an sd above 0
    """
    reader = Reader()
    dist = _distribution(reader, (), spec)
    if dist is None or reader.problems:
        raise SpecError(reader.problems)
    return dist


def _distribution(reader: Reader, path: Key, spec: object) -> Distribution | None:
    if not isinstance(spec, Mapping):
        reader.wrong(
            path, f"{quoted(spec)} is not a distribution", "a family with its parameters, like normal: {mean: 6, sd: 1}"
        )
        return None
    if len(spec) != 1:
        given = f"{len(spec)} keys ({', '.join(map(str, spec))})" if spec else "nothing"
        reader.wrong(path, f"{given} where one family belongs", nearest("", _READERS))
        return None
    ((family, value),) = spec.items()
    if family not in _READERS:
        reader.wrong((*path, family), f"unknown family {quoted(family)}", nearest(family, _READERS))
        return None
    before = len(reader.problems)
    dist = _READERS[family](reader, (*path, family), value)
    return dist if len(reader.problems) == before else None


# Families that are a handful of numbers


@dataclass(frozen=True)
class _Family:
    """The parameters of a family, the sets of them that fix a law, and how each set becomes one."""

    words: str
    bounds: Mapping[str, Bounds]
    forms: Mapping[tuple[str, ...], Callable[..., Distribution]]
    optional: tuple[str, ...] = field(default=())
    listed: tuple[str, ...] = field(default=())
    """The parameters that may also be written as a list, in this order."""

    def __call__(self, reader: Reader, path: Key, value: object) -> Distribution | None:
        given = self._given(reader, path, value)
        if given is None:
            return None
        before = len(reader.problems)
        for name, (place, _) in given.items():
            if name not in self.bounds:
                reader.wrong(place, f"unknown parameter {quoted(name)} of {self.words}", nearest(name, self.bounds))
        numbers = {
            name: reader.number(place, raw, self.bounds[name], name)
            for name, (place, raw) in given.items()
            if name in self.bounds
        }
        if len(numbers) < len(given):
            return None
        form = next((f for f in self.forms if set(f) <= set(numbers) <= {*f, *self.optional}), None)
        if form is None:
            listed = " and ".join(numbers) or "nothing"
            verb = "do" if len(numbers) > 1 else "does"
            reader.wrong(
                path, f"{listed} {verb} not fix {self.words}", "; or ".join(" and ".join(f) for f in self.forms)
            )
        if form is None or len(reader.problems) > before:
            return None
        try:
            return self.forms[form](**numbers)
        except Wrong as wrong:
            reader.wrong(given[wrong.parameter][0], wrong.message, wrong.expected)
            return None

    def _given(self, reader: Reader, path: Key, value: object) -> dict[str, tuple[Key, object]] | None:
        """Return each parameter with its place and what was written."""
        if isinstance(value, Mapping):
            return {str(name): ((*path, name), raw) for name, raw in value.items()}
        if (
            self.listed
            and isinstance(value, Sequence)
            and len(value) == len(self.listed)
            and not isinstance(value, str)
        ):
            return {name: ((*path, k), raw) for k, (name, raw) in enumerate(zip(self.listed, value, strict=True))}
        form = ", ".join(next(iter(self.forms)))
        lists = f"[{', '.join(self.listed)}] or " if self.listed else ""
        reader.wrong(path, f"{quoted(value)} does not give {self.words}", f"{lists}{{{form}}}")
        return None


def _uniform(min: float, max: float) -> Distribution:
    _ordered(min, max)
    return Uniform(min, max)


def _triangular(min: float, mode: float, max: float) -> Distribution:
    _ordered(min, max, mode)
    return Triangular(min, mode, max)


def _pert(min: float, mode: float, max: float, **weight: float) -> Distribution:
    _ordered(min, max, mode)
    return Pert(min, mode, max, *weight.values())


def _ordered(lo: float, hi: float, mode: float | None = None) -> None:
    if not lo < hi:
        raise Wrong(
            "max", f"{shown(hi)} is not above the minimum {shown(lo)}", "min below max; for one certain value: fixed"
        )
    if mode is not None and not lo <= mode <= hi:
        raise Wrong(
            "mode", f"{shown(mode)} is not from {shown(lo)} to {shown(hi)}", "a most likely value between min and max"
        )


def _ratio(mean: float, sd: float, low: float, high: float) -> float:
    """Return sd / mean within bounds."""
    if not low <= sd / mean <= high:
        wanted = f"an sd from {shown(low * mean)} to {shown(high * mean)}"
        raise Wrong("sd", f"{shown(sd)} does not go with the mean {shown(mean)}", wanted)
    return sd / mean


def _normal(mean: float, sd: float) -> Distribution:
    return Normal(mean, sd)


def _lognormal(mean: float, cv: float) -> Distribution:
    variance = math.log1p(cv**2)
    return Lognormal(math.log(mean) - variance / 2, math.sqrt(variance))


def _gamma(mean: float, cv: float) -> Distribution:
    return Gamma(cv**-2, mean * cv**2)


def _beta(mean: float, n: float) -> Distribution:
    if n * min(mean, 1 - mean) < SMALLEST_SHAPE:
        wanted = f"an n of at least {shown(SMALLEST_SHAPE / min(mean, 1 - mean))} with this mean"
        raise Wrong("n", f"{shown(n)} puts nearly all probability on 0 and 1", wanted)
    return Beta(mean * n, (1 - mean) * n)


def _beta_from_sd(mean: float, sd: float) -> Distribution:
    n = mean * (1 - mean) / sd / sd - 1
    low, high = SMALLEST_SHAPE / min(mean, 1 - mean), LARGEST_SHAPE
    if not low <= n <= high:
        widest, narrowest = (math.sqrt(mean * (1 - mean) / (n + 1)) for n in (low, high))
        wanted = f"an sd from {narrowest:.3g} to {math.floor(widest * 1e6) / 1e6:g}"
        raise Wrong("sd", f"{shown(sd)} does not go with the mean {shown(mean)} of a fraction", wanted)
    return Beta(mean * n, (1 - mean) * n)


_CV_LOGNORMAL = Bounds.within(1e-6, 1000.0)
# A gamma law of shape up to 40,000: within it the inverse incomplete gamma function is right to nine digits.
_CV_GAMMA = Bounds.within(0.005, 10.0)
_SHAPE = Bounds.within(SMALLEST_SHAPE, LARGEST_SHAPE)
_ENDS = {"min": ANY, "max": ANY}

_NUMERIC = {
    "uniform": _Family("a uniform law", _ENDS, {("min", "max"): _uniform}, listed=("min", "max")),
    "triangular": _Family(
        "a triangular law",
        _ENDS | {"mode": ANY},
        {("min", "mode", "max"): _triangular},
        listed=("min", "mode", "max"),
    ),
    "pert": _Family(
        "a pert law",
        _ENDS | {"mode": ANY, "lambda": Bounds.within(0.1, 1000.0)},
        {("min", "mode", "max"): _pert},
        optional=("lambda",),
        listed=("min", "mode", "max"),
    ),
    "normal": _Family(
        "a normal law",
        {"mean": ANY, "sd": POSITIVE},
        {("mean", "sd"): _normal},
    ),
    "lognormal": _Family(
        "a lognormal law",
        {"mean": POSITIVE, "sd": POSITIVE, "cv": _CV_LOGNORMAL, "median": POSITIVE, "sigma": Bounds.within(1e-6, 10.0)},
        {
            ("mean", "sd"): lambda mean, sd: _lognormal(mean, _ratio(mean, sd, 1e-6, 1000.0)),
            ("mean", "cv"): _lognormal,
            ("median", "sigma"): lambda median, sigma: Lognormal(math.log(median), sigma),
        },
    ),
    "gamma": _Family(
        "a gamma law",
        {
            "mean": POSITIVE,
            "sd": POSITIVE,
            "cv": _CV_GAMMA,
            "shape": Bounds.within(SMALLEST_SHAPE, 40_000.0),
            "scale": POSITIVE,
        },
        {
            ("mean", "sd"): lambda mean, sd: _gamma(mean, _ratio(mean, sd, 0.005, 10.0)),
            ("mean", "cv"): _gamma,
            ("shape", "scale"): Gamma,
        },
    ),
    "weibull": _Family(
        "a weibull law",
        {"shape": Bounds.within(0.1, 1000.0), "scale": POSITIVE},
        {("shape", "scale"): Weibull},
    ),
    "beta": _Family(
        "a beta law",
        {
            "mean": INNER_FRACTION,
            "n": Bounds.within(SMALLEST_SHAPE, LARGEST_SHAPE),
            "sd": POSITIVE,
            "alpha": _SHAPE,
            "beta": _SHAPE,
        },
        {
            ("mean", "n"): _beta,
            ("mean", "sd"): _beta_from_sd,
            ("alpha", "beta"): Beta,
        },
    ),
}


# Quantiles

_LEVEL = re.compile(r"(?:p(?P<p>\d+(?:\.\d+)?)|(?P<percent>\d+(?:\.\d+)?)\s*%|(?P<plain>0?\.\d+))", re.IGNORECASE)


def _level(key: object) -> float | None:
    """Return the probability that a key stands for: 0.1, '10 %' or 'P10'."""
    if isinstance(key, str) and (match := _LEVEL.fullmatch(key.strip())):
        level = float(match["plain"]) if match["plain"] else float(match["p"] or match["percent"]) / 100
    elif isinstance(key, float):
        level = key
    else:
        return None
    return level if 0 < level < 1 else None


def _quantiles(reader: Reader, path: Key, value: object) -> Distribution | None:
    if not isinstance(value, Mapping):
        reader.wrong(path, f"{quoted(value)} does not give quantiles", "{P10: 5, P50: 7, P90: 11}")
        return None
    before = len(reader.problems)
    lo, hi, points = _quantile_points(reader, path, value)
    if len(points) < 3 and len(reader.problems) == before:
        reader.wrong(path, f"{len(points)} quantiles are too few", "at least three, like {P10: 5, P50: 7, P90: 11}")
    levels = sorted(points)
    for a, b in pairwise(levels):
        if not points[a][1] < points[b][1]:
            words = f"{shown(points[b][1])} at {share(b)} is not above {shown(points[a][1])} at {share(a)}"
            reader.wrong(points[b][0], words, "values that grow with the probability")
    if levels and lo >= points[levels[0]][1]:
        lowest = shown(points[levels[0]][1])
        reader.wrong((*path, "min"), f"{shown(lo)} is not below the lowest quantile", f"a min below {lowest}")
    if levels and hi <= points[levels[-1]][1]:
        highest = shown(points[levels[-1]][1])
        reader.wrong((*path, "max"), f"{shown(hi)} is not above the highest quantile", f"a max above {highest}")
    if len(reader.problems) > before:
        return None
    return _metalog(reader, path, np.array(levels), np.array([points[p][1] for p in levels]), lo, hi)


def _quantile_points(
    reader: Reader, path: Key, value: Mapping[Any, object]
) -> tuple[float, float, dict[float, tuple[Key, float]]]:
    """Return both bounds, and each probability with its place and value; what could not be read is left out."""
    lo, hi, points = -math.inf, math.inf, dict[float, tuple[Key, float]]()
    for key, raw in value.items():
        place = (*path, key)
        x = reader.number(place, raw)
        level = _level(key)
        if key == "min":
            lo = x
        elif key == "max":
            hi = x
        elif level is None:
            reader.wrong(
                place, f"{quoted(key)} is not a probability between 0 and 1", "a key like P10, 10 % or 0.1; or min, max"
            )
        elif level in points:
            reader.wrong(place, f"{share(level)} stands here twice", "each probability once")
        elif math.isfinite(x):
            points[level] = (place, x)
    return lo, hi, points


def _metalog(
    reader: Reader, path: Key, levels: metalog.Array, values: metalog.Array, lo: float, hi: float
) -> Distribution | None:
    line = Metalog.to_line(values, lo, hi)
    terms = metalog.fit(levels, line)
    if terms is None:
        reader.wrong(path, "these quantiles are too close together, or too many", "three to six that are well apart")
        return None
    fault = metalog.steepest_fault(terms)
    if fault is not None:
        where = "in a tail" if fault in (0.0, 1.0) else f"at P{100 * fault:.3g}"
        reader.wrong(
            path,
            f"no smooth law of this kind passes through these quantiles (its density would fall below zero {where})",
            _remedy(levels, values, lo, hi),
        )
        return None
    dist = Metalog(tuple(levels.tolist()), tuple(values.tolist()), terms, lo, hi)
    with np.errstate(over="ignore"):
        if not np.isfinite(dist.ppf([SMALLEST_U, LARGEST_U])).all():
            reader.wrong(
                path, "the tail is so long that its end is no number", "a min and a max, or quantiles closer together"
            )
            return None
    return dist


def _remedy(levels: metalog.Array, values: metalog.Array, lo: float, hi: float) -> str:
    """Return what would make an infeasible set of quantiles feasible."""
    line = Metalog.to_line(values, lo, hi)
    if len(levels) == 3:
        low, high = Metalog.from_line(np.array(metalog.middle_range(levels, line)), lo, hi)
        if low < high:
            bounds = "" if math.isfinite(lo) or math.isfinite(hi) else "; or a min or max on the short side"
            return f"P{100 * levels[1]:g} from {_inside(low, high)}{bounds}"
    for k in range(len(levels)):
        rest = np.arange(len(levels)) != k
        if metalog.fits(levels[rest], line[rest]):
            return f"another value at P{100 * levels[k]:g}, or none: the other quantiles fit together"
    return "values that change more evenly from one quantile to the next, or fewer quantiles"


def _inside(lo: float, hi: float) -> str:
    """Return 'lo to hi', rounded inwards so that both ends can be used as they are printed."""
    digits = 3 - math.floor(math.log10(hi - lo))
    factor = 10.0**digits
    ends = math.ceil(lo * factor) / factor, math.floor(hi * factor) / factor
    return " to ".join(f"{round(x, max(digits, 0)):,.15g}" for x in ends)


# Values with probabilities


def _fixed(reader: Reader, path: Key, value: object) -> Distribution | None:
    return Fixed(reader.number(path, value))


def _bernoulli(reader: Reader, path: Key, value: object) -> Distribution | None:
    return Bernoulli(reader.number(path, value, PROBABILITY, "probability"))


def _discrete(reader: Reader, path: Key, value: object) -> Distribution | None:
    before = len(reader.problems)
    pairs = dict[float, float]()
    for place, raw, probability in _discrete_pairs(reader, path, value):
        x = reader.number(place, raw, name="value")
        p = reader.number(
            (*place[:-1], "probability") if place[-1] == "value" else place, probability, PROBABILITY, "probability"
        )
        if x in pairs:
            reader.wrong(place, f"{shown(x)} stands here twice", "each value once")
        pairs[x] = p
    if len(reader.problems) > before:
        return None
    total = math.fsum(pairs.values())
    if abs(total - 1) > 1e-6:
        reader.wrong(path, f"the probabilities add up to {share(total)}", "probabilities that add up to 100 %")
        return None
    possible = sorted(x for x, p in pairs.items() if p > 0)
    return Discrete(tuple(possible), tuple(pairs[x] / total for x in possible))


def _discrete_pairs(reader: Reader, path: Key, value: object) -> list[tuple[Key, object, object]]:
    """Return place, value and probability of each entry of either form."""
    if isinstance(value, Mapping) and value:
        return [((*path, key), _as_number(key), probability) for key, probability in value.items()]
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        reader.wrong(
            path, f"{quoted(value)} does not give values with probabilities", "[{value: 1, probability: 0.4}, ...]"
        )
        return []
    pairs = []
    for k, item in enumerate(value):
        entry = _entry(reader, (*path, k), item, required=("value", "probability"))
        if entry is not None:
            pairs.append(((*path, k, "value"), entry["value"], entry["probability"]))
    return pairs


def _as_number(key: object) -> object:
    """Return a mapping's key as a number where it is one: YAML keys may arrive as text."""
    if not isinstance(key, str):
        return key
    try:
        return float(key)
    except ValueError:
        return key


def _empirical(reader: Reader, path: Key, value: object) -> Distribution | None:
    before = len(reader.problems)
    values_path, weights_path, raw_weights = path, path, None
    if isinstance(value, Mapping):
        entry = _entry(reader, path, value, required=("values",), optional=("weights",))
        if entry is None:
            return None
        values_path, weights_path = (*path, "values"), (*path, "weights")
        value, raw_weights = entry["values"], entry.get("weights")
    values = _numbers(reader, values_path, value, ANY, "value")
    weights = (
        [1.0] * len(values) if raw_weights is None else _numbers(reader, weights_path, raw_weights, POSITIVE, "weight")
    )
    if len(reader.problems) > before:
        return None
    if len(weights) != len(values):
        reader.wrong(weights_path, f"{len(weights)} weights for {len(values)} values", "one weight for each value")
        return None
    if min(values) == max(values):
        reader.wrong(
            values_path, "there is only one value", "at least two different values; for one certain value: fixed"
        )
        return None
    pairs = sorted(zip(values, weights, strict=True))
    return Empirical(tuple(x for x, _ in pairs), tuple(w for _, w in pairs))


def _numbers(reader: Reader, path: Key, value: object, bounds: Bounds, name: str) -> list[float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        reader.wrong(path, f"{quoted(value)} is not a list of numbers", "a list like [5, 7, 7.5, 11]")
        return []
    return [reader.number((*path, k), raw, bounds, name) for k, raw in enumerate(value)]


# Laws made of laws


def _mixture(reader: Reader, path: Key, value: object) -> Distribution | None:
    before = len(reader.problems)
    entries = _entries(reader, path, value, required=("weight", "distribution"))
    weights = [reader.number((*place, "weight"), entry["weight"], PROBABILITY, "weight") for place, entry in entries]
    total = math.fsum(weights)
    if len(reader.problems) == before and abs(total - 1) > 1e-6:
        reader.wrong(path, f"the weights add up to {share(total)}", "weights that add up to 100 %")
    components = [_distribution(reader, (*place, "distribution"), entry["distribution"]) for place, entry in entries]
    if len(reader.problems) > before:
        return None
    parts = [(c, w / total) for c, w in zip(components, weights, strict=True) if c is not None and w > 0]
    return Mixture(tuple(c for c, _ in parts), tuple(w for _, w in parts))


def _pooled(reader: Reader, path: Key, value: object) -> Distribution | None:
    before = len(reader.problems)
    entries = _entries(reader, path, value, required=("who", "distribution"), optional=("weight",))
    who = [entry["who"] for _, entry in entries]
    for k, ((place, _), name) in enumerate(zip(entries, who, strict=True)):
        if not isinstance(name, str) or not name.strip():
            reader.wrong((*place, "who"), f"{quoted(name)} is not a name", "whose judgment this is")
        elif name in who[:k]:
            reader.wrong((*place, "who"), f"{name} stands here twice", "one judgment from each")
    weighted = [place for place, entry in entries if "weight" in entry]
    if weighted and len(weighted) < len(entries):
        reader.wrong(
            path, "some judgments have a weight and some have none", "a weight for all, or none for equal weights"
        )
    weights = [
        reader.number((*place, "weight"), entry.get("weight", 1), POSITIVE, "weight") for place, entry in entries
    ]
    judgments = [_distribution(reader, (*place, "distribution"), entry["distribution"]) for place, entry in entries]
    if len(reader.problems) > before:
        return None
    total = math.fsum(weights)
    return Mixture(
        tuple(judgment for judgment in judgments if judgment is not None),
        tuple(w / total for w in weights),
        tuple(map(str, who)),
    )


def _truncated(reader: Reader, path: Key, value: object) -> Distribution | None:
    before = len(reader.problems)
    entry = _entry(reader, path, value, required=("distribution",), optional=("min", "max"))
    if entry is None:
        return None
    lo = reader.number((*path, "min"), entry["min"]) if "min" in entry else -math.inf
    hi = reader.number((*path, "max"), entry["max"]) if "max" in entry else math.inf
    dist = _distribution(reader, (*path, "distribution"), entry["distribution"])
    if math.isinf(lo) and math.isinf(hi):
        reader.wrong(path, "nothing is cut off", "a min, a max or both")
    elif lo >= hi:
        reader.wrong((*path, "max"), f"{shown(hi)} is not above the minimum {shown(lo)}", "min below max")
    if dist is None or len(reader.problems) > before:
        return None
    kept = mass(dist, lo, hi)
    if not kept >= SMALLEST_KEPT:
        words = f"the bounds keep only {share(kept)} of {dist.describe()}"
        reader.wrong(
            path, words, f"bounds that keep at least {share(SMALLEST_KEPT)}, or a law for the part that you mean"
        )
        return None
    return truncate(dist, lo, hi)


def _entries(
    reader: Reader, path: Key, value: object, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> list[tuple[Key, Mapping[str, Any]]]:
    """Return place and content of each mapping in a list of two or more."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 2:
        form = ", ".join(f"{name}: ..." for name in required)
        reader.wrong(path, f"{quoted(value)} is not a list of distributions", f"two or more of {{{form}}}")
        return []
    found = []
    for k, item in enumerate(value):
        entry = _entry(reader, (*path, k), item, required, optional)
        if entry is not None:
            found.append(((*path, k), entry))
    return found


def _entry(
    reader: Reader, path: Key, value: object, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, Any] | None:
    """Return a mapping that has all required keys; unknown and missing ones are noted."""
    form = f"{{{', '.join(f'{name}: ...' for name in required)}}}"
    if not isinstance(value, Mapping):
        reader.wrong(path, f"{quoted(value)} is not of the form {form}", form)
        return None
    for name in value:
        if name not in required + optional:
            reader.wrong((*path, name), f"unknown key {quoted(name)}", nearest(name, required + optional))
    missing = [name for name in required if name not in value]
    if missing:
        reader.wrong(path, f"{' and '.join(missing)} missing", form)
        return None
    return value


_READERS: Mapping[str, Callable[[Reader, Key, object], Distribution | None]] = {
    **_NUMERIC,
    "fixed": _fixed,
    "quantiles": _quantiles,
    "discrete": _discrete,
    "bernoulli": _bernoulli,
    "empirical": _empirical,
    "mixture": _mixture,
    "truncated": _truncated,
    "pooled": _pooled,
}
