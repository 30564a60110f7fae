"""Plans drawn by hypothesis: `Draft` with another chance, and what a draft leaves out.

Beyond what a draft has: every kind of distribution, numbers at the ends of what a plan may say, any length, start and
fiscal year, names in any script, targets of every metric, levers, correlations that may be impossible together, and a
scenario that extends the plan. Nearly all load; the few that do not are mistakes that a plan can have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

from simengine.plan.targets import COHORT_METRICS, COMPANY_METRICS, GROWTH_METRICS, MEASURES, RATED_METRICS
from simengine.units import fiscal_quarter, month_label
from tests.generated.document import document
from tests.generated.draft import CHANNELS, KINDS, SEGMENTS, STAGES, Draft, Kind

Tree = Any
"""What a YAML file holds."""


class Written(NamedTuple):
    """A plan as its files say it: the one to load, and those that it names."""

    text: str
    files: dict[str, str]


class Choices:
    """What a draft asks of `random.Random`, drawn; it shrinks to few mechanisms and to the first of each choice."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def random(self) -> float:
        """From 0 to 1; the simplest is 1, which no probability is above."""
        return 1.0 - self._draw(st.integers(0, 999)) / 1000

    def uniform(self, a: float, b: float) -> float:
        """Between two numbers, often one of them."""
        return self._draw(st.floats(a, b))

    def randint(self, a: int, b: int) -> int:
        """A whole number, both ends included."""
        return self._draw(st.integers(a, b))

    def randrange(self, start: int, stop: int | None = None) -> int:
        """A whole number before `stop`."""
        return self.randint(0, start - 1) if stop is None else self.randint(start, stop - 1)

    def choice(self, seq: Sequence[Any], /) -> Any:
        """One of them."""
        return seq[self.randint(0, len(seq) - 1)]

    def sample(self, population: Sequence[Any], k: int) -> list[Any]:
        """`k` of them."""
        left = list(population)
        return [left.pop(self.randint(0, len(left) - 1)) for _ in range(k)]


EXTREMES: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(("rate", "win rate", "share", "stale", "price", "contraction"), (0, 1)),
    **dict.fromkeys(("leaving", "promotion"), (0, 0.999)),
    **dict.fromkeys(("cycle", "lag", "ramp"), (0, 600)),
    **dict.fromkeys(("pay", "spend", "room", "money each"), (0, 1e13)),
    "money": (1, 1e13),
    **dict.fromkeys(("places", "customers each"), (0, 1e6)),
    **dict.fromkeys(("leads", "self-sourced", "hours", "hours each", "per hour"), (0,)),
    "spread": (0, 10),
    "renewal": (0, 1),
    "depth": (1,),
    "growth": (0, 10),
    "upsells": (0, 100),
    "quota": (1, 1e13),
    "overdispersion": (1, 1e6),
    "multiple": (0, 10),
    "less": (0, 1),
    "times": (1, 1000),
}
"""The ends of what a plan may say of a kind of number, where they do not mean millions of opportunities."""


class Drawn(Draft):
    """A draft of any length and start, whose numbers may be extreme and whose laws are of every kind."""

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(0, lambda _: Choices(draw))
        if self.sometimes(0.3):
            self.months = self.rng.randint(1, 36)
            self.start = 12 * self.rng.choice((2027, 1, 1999, 9990)) + self.rng.randrange(12)

    def number(self, name: str) -> object:
        """A number of a kind, which changes only where there is a second month."""
        return super().number(name) if self.months > 1 else self.held(name)

    def held(self, name: str) -> object:
        """A number of a kind, now and then as small or large as a plan may say."""
        if name in EXTREMES and self.sometimes(0.03):
            unit = KINDS[name].unit
            return self.written(self.rng.choice(EXTREMES[name]), unit, unit)
        return super().held(name)

    def law(self, value: float, kind: Kind) -> dict[str, Any]:
        """A distribution around `value`; of a fraction within 80 to 105 % of it."""
        other = UNBOUNDED
        if kind.unit.startswith("fraction"):
            other = OF_FRACTIONS if value < 1 else ()
        return self.rng.choice((*BOUNDED, *other))(value, self.rng)


# --- laws -------------------------------------------------------------------------------------------------------------

Law = Callable[[float, Choices], dict[str, Any]]


def _uniform(value: float, rng: Choices) -> dict[str, Any]:
    return {"uniform": [0.8 * value, 1.05 * value]}


def _triangular(value: float, rng: Choices) -> dict[str, Any]:
    return {"triangular": {"min": 0.8 * value, "mode": rng.choice((1, 0.8, 1.05)) * value, "max": 1.05 * value}}


def _pert(value: float, rng: Choices) -> dict[str, Any]:
    weight = {"lambda": rng.choice((0.1, 7, 1000))} if rng.random() < 0.3 else {}
    return {"pert": {"min": 0.8 * value, "mode": value, "max": 1.05 * value, **weight}}


def _quantiles(value: float, rng: Choices) -> dict[str, Any]:
    points = {"P10": 0.9 * value, "P50": 0.97 * value, "P90": 1.02 * value}
    return {"quantiles": {**points, "min": 0.8 * value, "max": 1.05 * value}}


def _discrete(value: float, rng: Choices) -> dict[str, Any]:
    return {"discrete": [{"value": 0.8 * value, "probability": 0.25}, {"value": 1.02 * value, "probability": 0.75}]}


def _empirical(value: float, rng: Choices) -> dict[str, Any]:
    values = [0.8 * value, 0.9 * value, value, 1.05 * value]
    return {"empirical": rng.choice((values, {"values": values, "weights": [1, 2, 3, 0.5]}))}


def _mixture(value: float, rng: Choices) -> dict[str, Any]:
    parts = [_within(value, rng), _within(value, rng)]
    return {"mixture": [{"weight": w, "distribution": part} for w, part in zip((0.3, 0.7), parts, strict=True)]}


def _pooled(value: float, rng: Choices) -> dict[str, Any]:
    return {"pooled": [{"who": who, "distribution": _within(value, rng)} for who in ("CRO", "CFO", "a manager")]}


def _truncated(value: float, rng: Choices) -> dict[str, Any]:
    free = rng.choice(({"normal": {"mean": value, "sd": 0.3 * value}}, *(law(value, rng) for law in UNBOUNDED)))
    return {"truncated": {"min": 0.8 * value, "max": 1.05 * value, "distribution": free}}


def _within(value: float, rng: Choices) -> dict[str, Any]:
    return rng.choice((_uniform, _triangular, _pert, _quantiles, _truncated))(value, rng)


def _lognormal(value: float, rng: Choices) -> dict[str, Any]:
    forms = ({"mean": value, "cv": 0.3}, {"mean": value, "sd": 0.5 * value}, {"median": value, "sigma": 0.4})
    return {"lognormal": rng.choice(forms)}


def _gamma(value: float, rng: Choices) -> dict[str, Any]:
    forms = ({"mean": value, "cv": 0.3}, {"mean": value, "sd": 0.5 * value}, {"shape": 4, "scale": value / 4})
    return {"gamma": rng.choice(forms)}


def _weibull(value: float, rng: Choices) -> dict[str, Any]:
    return {"weibull": {"shape": rng.choice((2, 0.9, 5)), "scale": value}}


def _metalog(value: float, rng: Choices) -> dict[str, Any]:
    return {"quantiles": {0.1: 0.7 * value, 0.5: value, 0.9: 1.5 * value, "min": 0}}


def _from_zero(value: float, rng: Choices) -> dict[str, Any]:
    return {"truncated": {"min": 0, "distribution": {"normal": {"mean": value, "sd": 0.5 * value}}}}


def _beta(value: float, rng: Choices) -> dict[str, Any]:
    forms = ({"mean": value, "n": 400}, {"mean": value, "sd": 0.1 * value * (1 - value)})
    return {"beta": rng.choice((*forms, {"alpha": 400 * value, "beta": 400 * (1 - value)}))}


def _bernoulli(value: float, rng: Choices) -> dict[str, Any]:
    return {"bernoulli": rng.choice((value, 0, 1))}


def _fixed(value: float, rng: Choices) -> dict[str, Any]:
    return {"fixed": 0.95 * value}


BOUNDED: tuple[Law, ...] = (
    *(_uniform, _triangular, _pert, _quantiles, _discrete, _empirical, _mixture, _pooled, _truncated, _fixed),
)
OF_FRACTIONS: tuple[Law, ...] = (_beta, _beta, _bernoulli)
UNBOUNDED: tuple[Law, ...] = (_lognormal, _gamma, _weibull, _metalog, _from_zero)


# --- what a draft leaves out ------------------------------------------------------------------------------------------


def targets(draft: Drawn, tree: Tree) -> list[dict[str, Any]]:
    """Of a few metrics, each in a period and of a group in which it is known."""
    found = [{"name": "ARR", "metric": "ending_arr", "period": _last(draft), "at_least": 500_000}]
    for number in range(draft.rng.randint(0, 5)):
        metric = draft.rng.choice(sorted(MEASURES))
        if draft.months <= 12 and metric in COHORT_METRICS | GROWTH_METRICS:
            continue
        late = metric in COHORT_METRICS | GROWTH_METRICS | RATED_METRICS
        period = _last(draft) if late else _period(draft, tree)
        target: dict[str, Any] = {"name": f"target {number}", "metric": metric, "period": period, "where": {}}
        if metric not in COMPANY_METRICS and draft.sometimes():
            name, labels = draft.rng.choice(list(tree["segments"].items()))
            target["where"] = draft.rng.choice(({"segment": name}, {"geo": labels["geo"]}))
        bound = draft.rng.choice((0, 0.5, 9.5) if MEASURES[metric].unit == "fraction" else (0, 1e5, -1e9, 1e300))
        target[draft.rng.choice(("at_least", "at_most"))] = bound
        found.append({key: value for key, value in target.items() if value != {}})
    return found


def _last(draft: Drawn) -> str:
    return month_label(draft.start + draft.months - 1)


def _period(draft: Drawn, tree: Tree) -> str:
    """A month, or a fiscal year or quarter that ends inside the plan."""
    first = tree["plan"]["fiscal_year_start"]
    named = [_last(draft), draft.month()]
    for month in range(draft.start + 11, draft.start + draft.months):
        if (month + 1) % 12 == (first - 1) % 12:
            year = fiscal_quarter(month, first).partition("-")[0]
            named += [year, f"{year}-Q{draft.rng.randint(1, 4)}"]
    return draft.rng.choice(named)


def levers(draft: Drawn, tree: Tree) -> dict[str, Any]:
    """One of each kind, where there is something for it to move."""
    month = draft.month()
    group, channel = draft.rng.choice(tree["team"]["seats"])["name"], draft.rng.choice(list(tree["funnel"]["channels"]))
    found = {
        "hire": {"hires": group, "starts": [month], "range": [0, 3], "owner": "CRO"},
        "spend": {"spend": channel, "starts": [month], "range": ["x0.9", "x1.3"], "step": "x0.1", "owner": "CMO"},
    }
    if tree["assumptions"]:
        name = draft.rng.choice(list(tree["assumptions"]))
        body = {"improves": [name], "starts": [month], "range": ["x1", "x1.1"], "step": "x0.05", "owner": "CFO"}
        found["improve"] = body | {"cost": {"upfront": draft.rng.choice((0, 1e13)), "monthly": "100 per month"}}
    if tree["events"]:
        found["sooner"] = {"event": draft.rng.choice(list(tree["events"])), "range": [0, 2], "owner": "CEO"}
    return {name: found[name] for name in sorted(found) if draft.sometimes()}


def dependence(draft: Drawn, tree: Tree) -> dict[str, Any]:
    """Two common causes and a few correlations; now and then some that cannot be had together."""
    names = [*tree["assumptions"], *tree["events"]]
    levels = (0, 0.7, 0.95, -1) if draft.sometimes(0.1) else (0, 0.2, -0.2)
    factors = {
        factor: {"loadings": {name: draft.rng.choice(levels) for name in names[:6]}, "source": draft.source()}
        for factor in ("market", "talent")[: draft.rng.randint(0, 2)]
    }
    pairs = [(a, b) for i, a in enumerate(tree["assumptions"]) for b in list(tree["assumptions"])[:i]]
    chosen = draft.rng.sample(pairs, draft.rng.randint(0, min(3, len(pairs))))
    stated = [{"between": list(pair), "rho": draft.rng.choice(levels), "source": draft.source()} for pair in chosen]
    return {"factors": factors, "rank_correlations": stated}


NAMES = ("Größe L", "中小企业", "שוק", "Ürün – 2", "a.b", "x y", "№ 7", "Ελλάδα", "null", "12", "é", "#1: {a}", "🦔")
"""Names that a plan may use; some need quotes in YAML, some are not as NFC has them."""


def renamed(draft: Drawn, tree: Tree) -> Tree:
    """The plan with other names for some of its segments, channels, stages and teams."""
    old = [*SEGMENTS, *CHANNELS, *STAGES[-1][:-1], "east", "west", "csm"]
    chosen = draft.rng.sample(old, draft.rng.randint(0, 4))
    new = draft.rng.sample(NAMES, len(chosen))
    return _replaced(tree, dict(zip(chosen, new, strict=True)))


def _replaced(tree: Tree, names: dict[str, str]) -> Tree:
    if isinstance(tree, dict):
        return {_replaced(key, names): _replaced(value, names) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_replaced(value, names) for value in tree]
    # `channel/segment` is the one place where two names stand in one text.
    return "/".join(names.get(part, part) for part in tree.split("/")) if isinstance(tree, str) else tree


def leaves(tree: Tree, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every path of a tree with what stands there, mappings and lists too."""
    if path:
        yield path, tree
    if isinstance(tree, dict | list):
        for step, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, (*path, step))


def scenario(draft: Drawn, tree: Tree) -> dict[str, Any]:
    """A file that extends the plan and changes some plain numbers of its base and economics."""
    changes: dict[str, Any] = {"extends": "base.yaml", "scenario": {"name": "Drawn", "story": "What if?"}}
    plain = [
        (path, value)
        for section in ("base", "economics")
        for path, value in leaves(tree[section], (section,))
        if isinstance(value, float) and all(isinstance(step, str) for step in path)
    ]
    for path, value in draft.rng.sample(plain, draft.rng.randint(0, min(3, len(plain)))):
        body = changes
        for step in path[:-1]:
            body = body.setdefault(step, {})
        body[path[-1]] = value * 0.95
    return changes


def written(tree: Tree, *, ascii_only: bool = False) -> str:
    """A tree as YAML text."""
    return yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=not ascii_only)


@st.composite
def plans(draw: st.DrawFn) -> Written:
    """Whole plans, nearly all of them valid."""
    draft = Drawn(draw)
    tree = document(draft)
    tree["plan"]["fiscal_year_start"] = draft.rng.randint(1, 12)
    tree["targets"] = targets(draft, tree)
    if draft.sometimes():
        tree["levers"] = levers(draft, tree)
        tree["limits"] = {"budget": draft.rng.choice((0, 1e13)), "hires_per_month": draft.rng.choice((0, 100_000))}
    if draft.sometimes():
        tree["dependence"] = dependence(draft, tree)
    if draft.sometimes(0.3):
        tree["source_policy"] = {"historical": {"drift": draft.rng.choice((0, 2))}, "judgment": {"widen": 1}}
    tree = renamed(draft, tree)
    ascii_only = draft.sometimes(0.3)
    if draft.sometimes(0.2):
        return Written(written(scenario(draft, tree)), {"base.yaml": written(tree, ascii_only=ascii_only)})
    return Written(written(tree, ascii_only=ascii_only), {})
