"""What it is worth to know more before choosing a scenario: plain numbers, and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

import xarray as xr
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.plan.targets import METRICS
from simengine.report.events import kinds
from simengine.report.statistics import Facts, bounded, estimate
from simengine.report.tables import chance, heading, note, table, under
from simengine.report.words import between, metric_name, money, number, percent

_LITTLE = 0.01
"""Of the value of knowing everything: less than that is not told apart from nothing."""
_ABOUT = ("payoff", "period", "best", "worth", "costs", "fixed", "draws", "twins")
_OF_OPTION = ("net_benefit", "behind", "p_best")
_LABELS = ("unit", "owner", "source_kind", "distinguishable", "rank_group", "best_low", "best_high", "switch_at")


def facts(found: xr.Dataset, ds: xr.Dataset) -> Facts:
    """The value of information as plain numbers.

    Parameters
    ----------
    found : from `explain.information`
    ds : the result of one of the scenarios
    """
    kind = kinds(ds)
    scenarios = []
    for name in found["option"].values.tolist():
        one = found.sel(option=name)
        scenarios.append({"name": name, **{key: estimate(one, key) for key in _OF_OPTION}})
    columns = ("assumption", "evppi", "evppi_lower", "evppi_upper", *_LABELS)
    rows = [
        {
            "name": name,
            "kind": kind.get(name, "assumption"),
            "evppi": bounded((value, lower, upper)),
            **dict(zip(_LABELS, rest, strict=True)),
        }
        for name, value, lower, upper, *rest in zip(*(found[key].values.tolist() for key in columns), strict=True)
    ]
    return {
        **{key: found.attrs[key] for key in _ABOUT},
        "unit": found.attrs["currency"],
        "scenarios": scenarios,
        "evpi": estimate(found, "evpi"),
        "evppi_all": estimate(found, "evppi_all"),
        "assumptions": rows,
    }


def information(told: Facts) -> RenderableType:
    """Which scenario is best, and what it would be worth to know more first."""
    unit = told["unit"]
    rows = [row for row in told["assumptions"] if row["distinguishable"]]
    worth = table("to know first", "is worth", texts=1)
    worth.add_row("everything", _worth(told["evpi"], unit))
    worth.add_row("all assumptions", _worth(told["evppi_all"], unit))
    parts: list[RenderableType] = [
        heading(f"Which scenario, by {counted(told)}?"),
        *map(note, _besides(told)),
        _scenarios(told),
        Text(_finding(told)),
        heading("What would it be worth to know more before choosing?"),
        worth,
        *map(note, _of_everything(told)),
    ]
    if rows:
        parts += [heading("What would each assumption be worth?"), _assumptions(rows, unit)]
    else:
        parts.append(Text(""))
    return Group(*parts, *map(note, _notes(told, rows)))


def counted(told: Facts) -> str:
    """What is counted, as it is spoken: metrics by name, and the period."""
    words = [metric_name(word) if word in METRICS else word for word in told["payoff"].split()]
    return f"{' '.join(words)}, {told['period']}"


def _besides(told: Facts) -> Iterator[str]:
    """What is counted beside the payoff."""
    for target, amount in told["worth"].items():
        yield f"{money(amount, told['unit'], trim=True)} more where {target} is reached."
    for scenario, amount in told["costs"].items():
        yield f"{money(amount, told['unit'], trim=True)} less for {scenario}."


def _scenarios(told: Facts) -> Table:
    made = table("scenario", "mean", "behind\nthe best", "best on\nof paths")
    for row in sorted(told["scenarios"], key=lambda row: row["behind"]["value"]):
        is_best = row["name"] == told["best"]
        made.add_row(
            Text(row["name"], "bold" if is_best else ""),
            money(row["net_benefit"]["value"], told["unit"]),
            "" if is_best else _amount(row["behind"], told["unit"]),
            under(percent(row["p_best"]["value"]), between(row["p_best"]["lower"], row["p_best"]["upper"], "fraction")),
        )
    return made


def _finding(told: Facts) -> str:
    best = next(row for row in told["scenarios"] if row["name"] == told["best"])
    second = min((row for row in told["scenarios"] if row is not best), key=lambda row: row["behind"]["value"])
    gap = second["behind"]
    if gap["lower"] <= 0:
        return f"{best['name']} and {second['name']} cannot be told apart on average: more draws (run -n) would tell."
    amount = f"{money(gap['value'], told['unit'])} ({between(gap['lower'], gap['upper'], told['unit'])})"
    often = f"the best on {chance(best['p_best'])} of the paths"
    return f"{best['name']} is better than {second['name']} by {amount} on average, and {often}."


def _of_everything(told: Facts) -> Iterator[str]:
    yield (
        "Everything: random variation too, such as which deals close. Nobody can know that before choosing. All "
        "assumptions: the most that can be learnt."
    )
    if told["evpi"]["value"] == 0:
        yield f"On none of {told['draws']:,} paths is another scenario better than {told['best']}."


def _assumptions(rows: list[Facts], unit: str) -> Table:
    made = table("assumption", "knowing it\nis worth", "and then choose", texts=1)
    made.columns[-1].justify, made.columns[-1].no_wrap = "left", False
    for place, row in enumerate(rows):
        if place and row["rank_group"] != rows[place - 1]["rank_group"]:
            made.add_section()
        made.add_row(
            under(row["name"], f"  {' · '.join(filter(None, (row['source_kind'], row['owner'])))}"),
            _amount(row["evppi"], unit),
            rule(row, unit),
        )
    return made


def rule(row: Facts, unit: str) -> str:
    """When to choose which scenario, in words; empty where there is no single value at which the choice changes."""
    if not math.isfinite(row["switch_at"]):
        return ""
    return f"{row['best_high']} above {in_unit(row['switch_at'], row['unit'], unit)}, else {row['best_low']}"


def in_unit(value: float, unit: str, currency: str) -> str:
    """A value of an assumption in its unit.

    >>> in_unit(0.155, "fraction", "USD"), in_unit(159.6, "count per month", "USD"), in_unit(32e3, "currency", "EUR")
    ('15.5%', '160 per month', '€32.0k')
    """
    quantity, _, period = unit.partition(" per ")
    every = f" per {period}" if period else ""
    if quantity in ("fraction", "currency", "months"):
        return number(value, currency if quantity == "currency" else quantity) + every
    return f"{value:,.3g}{every}" if abs(value) < 1000 else f"{value:,.0f}{every}"


def in_words(worth: Facts, unit: str) -> str:
    """What knowledge is worth; of what cannot be told from nothing only a bound.

    >>> in_words({"value": 7.2e5, "lower": 6.5e5, "upper": 1.2e6}, "USD")
    '$720k'
    >>> in_words({"value": 4e3, "lower": 0.0, "upper": 12e3}, "USD")
    'less than $12.0k'
    """
    if worth["lower"] <= 0 < worth["upper"]:
        return f"less than {money(worth['upper'], unit)}"
    return money(worth["value"], unit)


def _worth(worth: Facts, unit: str) -> Text | str:
    return _amount(worth, unit) if worth["lower"] > 0 else in_words(worth, unit)


def _amount(amount: Facts, unit: str) -> Text:
    return under(money(amount["value"], unit), between(amount["lower"], amount["upper"], unit))


def _notes(told: Facts, rows: list[Facts]) -> Iterator[str]:
    rest = [row["evppi"]["upper"] for row in told["assumptions"] if not row["distinguishable"]]
    # An upper end near zero rests on the ends of a curve, and means no more than that.
    little = _LITTLE * told["evpi"]["value"]
    if rest and not rows and max(rest) <= little:
        yield "No single assumption would change the choice: knowing one alone is worth next to nothing."
    elif rest:
        bound = money(max(little, *rest), told["unit"])
        who = f"{len(rest)} {'more ' if rows else ''}assumption{'s' if len(rest) > 1 else ''}"
        yield f"{who} within noise: {'each' if len(rest) > 1 else 'it'} is worth less than {bound}."
    if rows:
        yield (
            "To know it exactly, for this choice alone; a pilot or a survey tells less and is worth less. Values do "
            "not add up. Within a block the order is within noise."
        )
    if any(row["kind"] in ("initiative", "risk") for row in rows):
        yield "An event counts the months that it is in force."
    if told["fixed"]:
        yield f"Fixed in some of the scenarios: {', '.join(told['fixed'])}."
    if told["payoff"] == "cash":
        yield (
            "Cash counts nothing that is earned after the plan. To value the ARR that is there by then: --payoff "
            '"cash + 2 ending_arr".'
        )
    yield f"{told['draws']:,} paths, the same chance in every scenario. Intervals are 95%."
