"""Random valid plans, as YAML text: every mechanism of a plan switched on in many of them and off in many others.

`generated_plan(i)` is a pure function of i. Amounts are small on purpose, so that one path takes the reference kernel
milliseconds. Numbers have enough digits that no sum of capacities comes within rounding of a whole number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import yaml

from simengine.plan.schema import Plan
from simengine.units import conversion, month_label

PLANS = 120

SEGMENTS = {
    "smb": {"geo": "NA", "customer_type": "small"},
    "enterprise": {"geo": "EMEA", "customer_type": "large"},
    "mid market": {"geo": "NA", "customer_type": "large"},
}
CHANNELS = ("inbound", "outbound", "self-service")
STAGES = (("opportunity",), ("lead", "opportunity"), ("lead", "mql", "opportunity"))


@dataclass(frozen=True)
class Kind:
    """A kind of number: the unit of its field, the range it is drawn from, units that convert to the field's."""

    unit: str
    low: float
    high: float
    other_units: tuple[str, ...] = ()


PER_PERIOD = ("count per month", "count per quarter", "count per year")

KINDS = {
    "rate": Kind("fraction", 0.3, 0.9),
    "win rate": Kind("fraction", 0.1, 0.6),
    "spread": Kind("fraction", 0.2, 1.2),
    "renewal": Kind("fraction", 0.5, 0.95),
    "contraction": Kind("fraction", 0.01, 0.15),
    "depth": Kind("fraction", 0.25, 0.9),
    "price": Kind("fraction", 0.01, 0.1),
    "share": Kind("fraction", 0.02, 0.3),
    "leaving": Kind("fraction per year", 0.05, 0.7),
    "growth": Kind("fraction per year", 0.1, 0.8),
    "stale": Kind("fraction per month", 0.05, 0.6),
    "leads": Kind("count per month", 0.5, 6, PER_PERIOD),
    "upsells": Kind("count per year", 0.3, 5, PER_PERIOD),
    "places": Kind("count", 1.2, 8),
    "cycle": Kind("months", 0.4, 7),
    "ramp": Kind("months", 1, 9),
    "lag": Kind("months", 0.2, 4),
    "money": Kind("currency", 2_000, 60_000),
    "pay": Kind("currency per year", 40_000, 160_000, ("currency per quarter", "currency per month")),
    "spend": Kind("currency per month", 1_000, 30_000, ("currency per year",)),
    "overdispersion": Kind("factor", 1.4, 4),
    "early leaving": Kind("factor", 0.4, 2.5),
    "times": Kind("factor", 3, 12),
}


def generated_plan(i: int) -> str:
    """The text of random plan number i."""
    document = _Writer(random.Random(f"plan {i}"), i).document()
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False)


def generated_values(plan: Plan, draw: int) -> dict[str, float]:
    """One possible value for every assumption of a generated plan: 80 to 100 % of its plan value."""
    rng = random.Random(f"values {draw}")
    return {name: plan.assumptions[name].plan * rng.uniform(0.8, 1) for name in sorted(plan.assumptions)}


class _Writer:
    """Makes one plan. `sometimes` decides which mechanisms it has."""

    def __init__(self, rng: random.Random, i: int) -> None:
        self.rng, self.i = rng, i
        self.assumptions: dict[str, dict[str, Any]] = {}
        self.kind_of: dict[str, Kind] = {}
        self.months = rng.choice((6, 9, 12, 13, 18, 24, 30))
        self.start = 12 * 2027 + rng.randrange(12)
        self.stages = rng.choice(STAGES)
        self.segments = dict(rng.sample(sorted(SEGMENTS.items()), rng.randint(1, 3)))
        self.once = {name for name in self.segments if self.sometimes(0.2)}

    def sometimes(self, probability: float = 0.5) -> bool:
        return self.rng.random() < probability

    def document(self) -> dict[str, Any]:
        body = {
            "team": self.team(),
            "funnel": self.funnel(),
            "base": {name: self.base() for name in self.segments if name not in self.once},
            "economics": {"gross_margin": "78 %", "csm_in": self.rng.choice(("cogs", "sales and marketing"))},
        }
        return {
            "plan": {
                "name": f"Generated {self.i}",
                "currency": "EUR",
                "start": month_label(self.start),
                "months": self.months,
                "fiscal_year_start": self.rng.choice((1, 1, 2, 7, 10)),
            },
            "targets": self.targets(body["base"]),
            "segments": {
                name: {**labels, "sells": "once" if name in self.once else "subscription"}
                for name, labels in self.segments.items()
            },
            "assumptions": self.assumptions,
            **self.dependence(),
            **body,
        }

    # --- numbers

    def number(self, name: str, low: float | None = None, high: float | None = None) -> object:
        """A number of a kind, plain or in words; or the name of an assumption, often one that stands elsewhere too."""
        kind = KINDS[name]
        low, high = kind.low if low is None else low, kind.high if high is None else high
        if self.sometimes(0.7):
            return self.written(self.amount(low, high), kind.unit, self.rng.choice((kind.unit, *kind.other_units)))
        fitting = [
            assumption
            for assumption, of in self.kind_of.items()
            if (scale := conversion(of.unit, kind.unit)) is not None
            and low <= 0.8 * scale * of.low
            and scale * of.high <= high
        ]
        if fitting and self.sometimes(0.6):
            return self.rng.choice(fitting)
        return self.assumption(name.replace(" ", "_"), kind, low, high)

    def amount(self, low: float, high: float) -> float:
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

    def assumption(self, stem: str, kind: Kind, low: float, high: float) -> str:
        """Declare an assumption whose distribution stays within 80 to 105 % of its plan value."""
        unit = self.rng.choice((kind.unit, *kind.other_units))
        scale = conversion(kind.unit, unit)
        assert scale is not None
        value = float(f"{scale * self.rng.uniform(low / 0.8, high / 1.05):.4g}")
        ends = {"min": 0.8 * value, "max": 1.05 * value}
        peaked = {**ends, "mode": value}
        law = self.rng.choice(({"uniform": ends}, {"pert": peaked}, {"triangular": peaked}))
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

    def source(self) -> dict[str, Any]:
        kind = self.rng.choice(("historical", "benchmark", "judgment"))
        observations = {"n": self.rng.randint(20, 500)} if kind == "historical" else {}
        return {"kind": kind, "reference": "a generator of plans", **observations}

    # --- sections

    def targets(self, base: dict[str, Any]) -> list[dict[str, Any]]:
        month = month_label(self.start + self.rng.randrange(self.months))
        last = month_label(self.start + self.months - 1)
        targets: list[dict[str, Any]] = [{"name": "ARR", "metric": "ending_arr", "period": last, "at_least": 500_000}]
        if self.sometimes():
            where = {"geo": self.rng.choice([labels["geo"] for labels in self.segments.values()])}
            bound = {"at_most": 90_000, "confidence": "80 %"}
            targets.append({"name": "geo", "metric": "new_arr", "period": month, "where": where, **bound})
        if self.sometimes():
            metric, most = self.rng.choice((("headcount", 9), ("sm_spend", 100_000), ("bookings", 50_000)))
            targets.append({"name": "company", "metric": metric, "period": month, "at_most": most})
        if self.months >= 12 and self.sometimes() and any("customers" in terms for terms in base.values()):
            targets.append({"name": "NRR", "metric": "nrr", "period": month_label(self.start + 11), "at_least": "95 %"})
        return targets

    def dependence(self) -> dict[str, Any]:
        names = self.rng.sample(sorted(self.assumptions), len(self.assumptions))
        if len(names) < 4 or self.sometimes(0.6):
            return {}
        loadings = {name: self.rng.choice((-0.5, 0.3, 0.6)) for name in names[:2]}
        market = {"loadings": loadings, "source": self.source()}
        pair = {"between": names[2:4], "rho": 0.25, "source": self.source()}
        return {"dependence": {"factors": {"market": market}, "rank_correlations": [pair]}}

    def team(self) -> dict[str, Any]:
        roles: dict[str, Any] = {"ae": self.role(self.capacity())}
        seats = [self.seats(f"ae {segment}", "ae", segment) for segment in self.segments]
        if self.sometimes(0.4):
            roles["overlay"] = self.role(self.capacity())
            seats.append(self.seats("overlay", "overlay", self.rng.choice(list(self.segments))))
        if self.sometimes(0.4):
            roles["csm"] = self.role(None) | {"books_in": self.rng.choice(("customer success", "other"))}
            seats.append(self.seats("csm", "csm", None))
        self.rng.shuffle(seats)
        return {"roles": roles, "seats": seats}

    def capacity(self) -> object:
        if self.sometimes(0.15):
            return "unlimited"
        if self.sometimes(0.3):
            return {"open_opportunities": self.rng.choice((0.75, 2, 40, 200))}
        return {"open_opportunities": self.number("places")}

    def role(self, capacity: object) -> dict[str, Any]:
        role: dict[str, Any] = {} if capacity is None else {"capacity": capacity}
        if self.sometimes(0.7):
            role["ramp"] = {"workload": self.number("ramp"), "shape": self.rng.choice(("linear", "s-curve", "step"))}
            if self.sometimes(0.4):
                role["ramp"]["spread"] = self.number("spread")
        if self.sometimes(0.7):
            role["attrition"] = {"voluntary": self.number("leaving")}
            if self.sometimes():
                role["attrition"]["involuntary"] = self.number("leaving")
            if self.sometimes():
                role["attrition"]["first_six_months"] = self.number("early leaving")
        if self.sometimes(0.7):
            role["backfill"] = {"policy": self.rng.choice(("always", "always", "never"))}
            if self.sometimes(0.7):
                role["backfill"]["lag"] = self.number("lag")
        if self.sometimes():
            role["productivity_spread"] = self.number("spread")
        if self.sometimes():
            role["quota"] = self.written(600_000, "currency per year", "currency per quarter")
        if self.sometimes():
            role["cost"] = {"salary": self.number("pay"), "variable": self.number("pay")}
            if self.sometimes():
                role["cost"]["recruiting"] = self.number("money")
        return role

    def seats(self, name: str, role: str, segment: str | None) -> dict[str, Any]:
        group: dict[str, Any] = {"name": name, "role": role}
        if segment is not None:
            group["segment"] = segment
        if self.sometimes(0.7):
            group["existing"] = self.rng.randint(1, 5)
            if self.sometimes(0.7):
                group["tenure_months"] = self.amount(0, 20)
        if self.sometimes(0.4) or "existing" not in group:
            months = self.rng.sample(range(self.months), self.rng.randint(1, 3))
            group["hires"] = {month_label(self.start + month): self.rng.randint(1, 3) for month in months}
            if self.sometimes():
                group["time_to_fill_delay"] = self.number("lag")
                if self.sometimes():
                    group["delay_spread"] = self.number("spread")
        return group

    def funnel(self) -> dict[str, Any]:
        names = self.rng.sample(CHANNELS, self.rng.randint(1, 3))
        channels: dict[str, Any] = {}
        for position, name in enumerate(names):
            reached = [segment for segment in self.segments if position == 0 or self.sometimes(0.6)]
            if not reached:
                continue
            channel: dict[str, Any] = {"segments": {segment: self.demand() for segment in reached}}
            if name == "self-service":
                channel["sold_by"] = "nobody"
            if self.sometimes():
                channel["spend"] = self.number("spend")
            channels[name] = channel
        funnel: dict[str, Any] = {"stages": list(self.stages), "channels": channels}
        if self.sometimes(0.7):
            sudden = self.rng.choice(("0 % per month", "100 % per month"))
            funnel["stale"] = self.number("stale") if self.sometimes() else sudden
        if self.sometimes(0.7):
            funnel["opening_pipeline"] = {"rows": self.rows(channels)}
        return funnel

    def demand(self) -> dict[str, Any]:
        demand: dict[str, Any] = {
            **self.volume_and_rates(len(self.stages) - 1),
            "win_rate": self.number("win rate"),
            "cycle": self.number("cycle"),
            "deal_size": self.number("money"),
        }
        if self.sometimes(0.4):
            demand["growth"] = self.number("growth") if self.sometimes(0.7) else "-25 % per year"
        if self.sometimes(0.4):
            demand["seasonality"] = {"created": [self.rng.choice((0, 0.5, 0.8, 1, 1.3, 2)) for _ in range(11)] + [1.1]}
        if self.sometimes(0.4):
            demand["overdispersion"] = self.number("overdispersion")
        if self.sometimes(0.4):
            demand["cycle_lost"] = self.number("cycle")
        if self.sometimes(0.6):
            demand["cycle_spread"] = self.number("spread")
        if self.sometimes(0.6):
            demand["deal_size_spread"] = self.number("spread")
        if self.sometimes(0.3):
            demand["outliers"] = {"share": self.number("share"), "times": self.number("times")}
        return demand

    def volume_and_rates(self, steps: int) -> dict[str, Any]:
        """A handful of opportunities a month: out of as many leads, or out of hundreds."""
        if self.sometimes(0.1):
            return {"volume": "0 per month", "rates": [self.number("rate") for _ in range(steps)]}
        if steps and self.sometimes(0.2):
            volume = self.written(self.amount(60, 400), "count per month", "count per quarter")
            few = self.written(self.amount(0.005, 0.03), "fraction", "fraction")
            return {"volume": volume, "rates": [few, *(self.number("rate") for _ in range(steps - 1))]}
        return {"volume": self.number("leads"), "rates": [self.number("rate") for _ in range(steps)]}

    def rows(self, channels: dict[str, Any]) -> list[dict[str, Any]]:
        cells = [(channel, segment) for channel, body in channels.items() for segment in body["segments"]]
        rows = []
        for _ in range(self.rng.randint(1, 7)):
            channel, segment = self.rng.choice(cells)
            row: dict[str, Any] = {
                "segment": segment,
                "channel": channel,
                "stage": self.rng.choice(self.stages),
                "age_months": self.rng.choice((0, 1, 1.5, self.amount(0, 3), self.amount(0, 12))),
                "count": self.rng.randint(0, 6),
            }
            if row["count"] and self.sometimes():
                row["value"] = self.rng.randint(5, 90) * 1_000
            rows.append(row)
        return rows

    def base(self) -> dict[str, Any]:
        term = self.rng.choice((1, 3, 6, 12, 12, 12, 18, 24))
        base: dict[str, Any] = {"term_months": term}
        if self.sometimes(0.9):
            base |= self.opening_customers(term)
        if self.sometimes(0.2):
            # More contraction than there are renewals to contract: all that renew contract.
            base |= {"renewal_rate": "80 %", "contraction": "19 %", "contraction_depth": "20 %"}
        else:
            base["renewal_rate"] = self.number("renewal")
            if self.sometimes(0.6):
                base["contraction"] = self.number("contraction")
                if self.sometimes():
                    base["contraction_depth"] = self.number("depth")
        if self.sometimes(0.6):
            base["price_increase"] = self.number("price") if self.sometimes(0.8) else "-2 %"
        if self.sometimes(0.6):
            base["expansion"] = {
                "opportunities_per_customer": self.number("upsells"),
                "win_rate": self.number("win rate"),
                "size": self.number("money"),
            }
            if self.sometimes():
                base["expansion"]["size_spread"] = self.number("spread")
        return base

    def opening_customers(self, term: int) -> dict[str, Any]:
        customers = self.rng.randint(1, 60)
        opening: dict[str, Any] = {"customers": customers}
        if self.sometimes(0.6):
            opening["size_spread"] = self.amount(0.2, 1.5)
        if self.sometimes(0.6):
            opening["arr"] = self.rng.randint(10, 2_000) * 1_000
            if self.sometimes():
                opening["atr"] = "even"
            return opening
        months = sorted(self.rng.sample(range(term), self.rng.randint(1, min(term, customers, 8))))
        amounts = {month_label(self.start + month): self.rng.randint(1_000, 300_000) for month in months}
        # The stated total may be a little off: the months are scaled to it.
        return opening | {"arr": round(sum(amounts.values()) * self.rng.choice((1, 1.003))), "atr": amounts}
