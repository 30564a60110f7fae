"""A plan in the making: which mechanisms it has, and its numbers, each plain, in steps, or an assumption."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from simengine.units import conversion, month_label

SEGMENTS = {
    "smb": {"geo": "NA", "customer_type": "small"},
    "enterprise": {"geo": "EMEA", "customer_type": "large"},
    "mid market": {"geo": "NA", "customer_type": "large"},
}
CHANNELS = ("inbound", "outbound", "partner", "self-service")
STAGES = (("opportunity",), ("lead", "opportunity"), ("lead", "mql", "opportunity"))

SWITCHES = (
    # people
    *("ramps", "bookings ramps", "never ramps", "leaving", "leaving by tenure", "missed quota", "promotion"),
    *("promotion into sellers", "backfills", "leaver pipeline", "productivity", "climate", "freeze", "overlay"),
    *("money rooms", "unlimited", "quotas", "quota by tenure", "quota relief", "commission", "draws", "costs"),
    *("managers", "success team", "sdr", "hires", "territories", "pooled all the same", "over-assignment"),
    # demand
    *("qualification", "hours", "self-sourced", "response", "growth", "seasons", "closing seasons", "overdispersion"),
    *("stage lags", "cycle spread", "size spread", "deal bands", "outliers", "stale", "opening pipeline", "owned rows"),
    # base
    *("terms", "early", "late", "dollar rate", "named accounts", "history", "elasticity", "contraction", "prices"),
    *("expansion", "go live"),
    # everywhere
    *("assumptions", "steps", "events", "shocks", "currencies", "opex"),
)
"""Mechanisms that a plan has or has not; where it has one, most of its entities that can do use it."""

OFTEN = {
    "success team",
    "elasticity",
    "opening pipeline",
    "owned rows",
    "leaving",
    "promotion",
    "quotas",
    "sdr",
    "qualification",
    "hours",
    "commission",
}
"""Mechanisms that others need: two plans out of three have them, of the rest every second one."""


@dataclass(frozen=True)
class Kind:
    """A kind of number: the unit of its field, the range it is drawn from, units that convert to the field's."""

    unit: str
    low: float
    high: float
    other_units: tuple[str, ...] = ()


PER_PERIOD = ("count per month", "count per quarter", "count per year")
PAY = ("currency per quarter", "currency per month")

KINDS = {
    "rate": Kind("fraction", 0.3, 0.9),
    "booked": Kind("fraction", 0.61, 0.95),
    "win rate": Kind("fraction", 0.1, 0.6),
    "spread": Kind("fraction", 0.2, 1.2),
    "renewal": Kind("fraction", 0.5, 0.95),
    "contraction": Kind("fraction", 0.01, 0.15),
    "depth": Kind("fraction", 0.25, 0.9),
    "price": Kind("fraction", 0.01, 0.1),
    "share": Kind("fraction", 0.02, 0.4),
    "leaving": Kind("fraction per year", 0.05, 0.7),
    "promotion": Kind("fraction per year", 0.3, 0.95),
    "growth": Kind("fraction per year", 0.1, 0.8),
    "stale": Kind("fraction per month", 0.05, 0.6),
    "leads": Kind("count per month", 0.5, 6, PER_PERIOD),
    "self-sourced": Kind("count per month", 0.1, 1.2, PER_PERIOD),
    "upsells": Kind("count per year", 0.3, 5, PER_PERIOD),
    "hours": Kind("count per month", 20, 160, PER_PERIOD),
    "hours each": Kind("count", 2, 25),
    "per hour": Kind("count", 0.005, 0.04),
    "places": Kind("count", 1.2, 8),
    "customers each": Kind("count", 3, 30),
    "money each": Kind("currency", 20_000, 900_000),
    "room": Kind("currency", 15_000, 250_000),
    "cycle": Kind("months", 0.4, 7),
    "ramp": Kind("months", 1, 9),
    "lag": Kind("months", 0.2, 4),
    "money": Kind("currency", 2_000, 60_000),
    "pay": Kind("currency per year", 40_000, 160_000, PAY),
    "quota": Kind("currency per year", 30_000, 500_000, PAY),
    "spend": Kind("currency per month", 1_000, 30_000, ("currency per year",)),
    "overdispersion": Kind("factor", 1.4, 4),
    "multiple": Kind("factor", 0.4, 2.5),
    "less": Kind("factor", 0.2, 0.9),
    "times": Kind("factor", 3, 12),
}


class Chance(Protocol):
    """What a draft asks of `random.Random`."""

    def random(self) -> float: ...
    def uniform(self, a: float, b: float) -> float: ...
    def randint(self, a: int, b: int) -> int: ...
    def randrange(self, start: int, stop: int | None = None) -> int: ...
    def choice(self, seq: Sequence[Any], /) -> Any: ...
    def sample(self, population: Sequence[Any], k: int) -> list[Any]: ...


class Draft:
    """The numbers of one plan. `has` decides where a mechanism is used, `sometimes` about details."""

    def __init__(self, i: int, chance: Callable[[str], Chance] = random.Random) -> None:
        self.i, self.rng, self.later = i, chance(f"plan {i}"), chance(f"plan {i}, after an update")
        self.expecting = chance(f"plan {i}, who is expected")
        self.lining_up = chance(f"plan {i}, who waits")
        self.on = {name for name in SWITCHES if self.sometimes(0.67 if name in OFTEN else 0.5)}
        self.assumptions: dict[str, dict[str, Any]] = {}
        self.kind_of: dict[str, Kind] = {}
        self.months = self.rng.choice((12, 12, 13, 18, 24, 30))
        self.start = 12 * 2027 + self.rng.randrange(12)
        self.stages = self.rng.choice(STAGES)
        self.segments = self.rng.sample(sorted(SEGMENTS), self.rng.randint(1, 3))
        self.once = {name for name in self.segments if self.sometimes(0.2)}

    def sometimes(self, probability: float = 0.5) -> bool:
        """True with a probability."""
        return self.rng.random() < probability

    def has(self, switch: str, probability: float = 0.75) -> bool:
        """Whether an entity uses a mechanism of the plan."""
        assert switch in SWITCHES, switch
        return switch in self.on and self.sometimes(probability)

    def month(self, low: int = 0, high: int | None = None) -> str:
        """A month of the plan, from `low` to before `high`."""
        return month_label(self.start + self.rng.randrange(low, self.months if high is None else high))

    def number(self, name: str) -> object:
        """A number of a kind: plain or in words, changing from some month on, or the name of an assumption."""
        if not self.has("steps", 0.15):
            return self.held(name)
        later = {self.month(1): self.held(name) for _ in range(self.rng.randint(1, 2))}
        return {"start": self.held(name), **later}

    def held(self, name: str) -> object:
        """A number of a kind that never changes."""
        kind = KINDS[name]
        if not self.has("assumptions", 0.35):
            return self.written(
                self.amount(kind.low, kind.high), kind.unit, self.rng.choice((kind.unit, *kind.other_units))
            )
        fitting = [
            assumption
            for assumption, of in self.kind_of.items()
            if (scale := conversion(of.unit, kind.unit)) is not None
            and kind.low <= 0.8 * scale * of.low
            and scale * of.high <= kind.high
        ]
        if fitting and self.sometimes(0.6):
            return self.rng.choice(fitting)
        return self._assumption(name.replace(" ", "_"), kind)

    def amount(self, low: float, high: float) -> float:
        """A number between two others, of four digits."""
        return float(f"{self.rng.uniform(low, high):.4g}")

    def written(self, value: float, unit: str, in_unit: str) -> object:
        """`value` in `unit`, as a plan may write it in `in_unit`."""
        quantity, _, period = in_unit.partition(" per ")
        scale = conversion(unit, in_unit)
        assert scale is not None
        value = float(f"{value * scale:.6g}")
        if period:
            return f"{100 * value:.6g} % per {period}" if quantity == "fraction" else f"{value:.10g} per {period}"
        if quantity == "fraction" and self.sometimes():
            return f"{100 * value:.6g} %"
        if quantity == "factor" and self.sometimes():
            return f"x{value:g}"
        if quantity == "months" and self.sometimes():
            return f"{value:g} months"
        return value

    def _assumption(self, stem: str, kind: Kind) -> str:
        """Declare an assumption of a kind."""
        unit = self.rng.choice((kind.unit, *kind.other_units))
        scale = conversion(kind.unit, unit)
        assert scale is not None
        value = float(f"{scale * self.rng.uniform(kind.low / 0.8, kind.high / 1.05):.4g}")
        law = self.law(value, kind)
        name = f"{stem}.{len(self.assumptions) + 1}"
        self.assumptions[name] = {
            "plan": value,
            "distribution": law,
            "unit": unit,
            "source": self.source(),
            "risk": {"adverse": self.rng.choice(("low", "high", "both"))},
        }
        self.kind_of[name] = Kind(unit, value, 1.05 * value)
        return name

    def law(self, value: float, kind: Kind) -> dict[str, Any]:
        """A distribution within 80 to 105 % of `value`, of an assumption of a kind."""
        ends = {"min": 0.8 * value, "max": 1.05 * value}
        peaked = {**ends, "mode": value}
        return self.rng.choice(({"uniform": ends}, {"pert": peaked}, {"triangular": peaked}))

    def forget_unused(self, document: object) -> None:
        """Drop assumptions that did not find their way into the plan."""
        used = set(_texts(document))
        for name in self.assumptions.keys() - used:
            del self.assumptions[name], self.kind_of[name]

    def source(self) -> dict[str, Any]:
        """Where a number is said to come from."""
        kind = self.rng.choice(("historical", "benchmark", "judgment"))
        observations = {"n": self.rng.randint(20, 500)} if kind == "historical" else {}
        return {"kind": kind, "reference": "a generator of plans", **observations}


def _texts(thing: object) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict | list):
        for value in thing.values() if isinstance(thing, dict) else thing:
            yield from _texts(value)
