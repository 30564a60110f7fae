"""Numbers and names as a board reads them: $108.3M, 24.3%, about 1 in 4, CAC payback."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

MISSING = "n/a"

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_FORMS = (
    (9.995e9, 1e9, "B", 1),
    (0.9995e9, 1e9, "B", 2),
    (9.995e6, 1e6, "M", 1),
    (0.9995e6, 1e6, "M", 2),
    (99.95e3, 1e3, "k", 0),
    (999.5, 1e3, "k", 1),
    (0.0, 1.0, "", 0),
)
"""From which amount on: the scale, its letter, and the digits behind the point."""
_ODDS = sorted(
    {Fraction(a, b) for b in (2, 3, 4, 5) for a in range(1, b)}
    | {odds for b in (6, 8, 10, 15, 20, 30, 50, 100) for odds in (Fraction(1, b), Fraction(b - 1, b))}
)
_METRICS = {
    "opening_arr": "opening ARR",
    "new_arr": "new ARR",
    "expansion_arr": "expansion",
    "price_arr": "price increases",
    "contraction_arr": "contraction",
    "churned_arr": "churn",
    "net_new_arr": "net new ARR",
    "ending_arr": "ending ARR",
    "live_arr": "live ARR",
    "one_off_bookings": "one-off bookings",
    "bookings": "bookings",
    "new_from_pipeline": "new ARR from the opening pipeline",
    "new_from_existing": "new ARR of existing people",
    "new_from_hires": "new ARR of hires to come",
    "new_without_seller": "new ARR without a seller",
    "customers": "customers",
    "new_customers": "new customers",
    "churned_customers": "customers lost",
    "nrr": "NRR",
    "grr": "GRR",
    "won": "won deals",
    "opportunities": "opportunities",
    "pipeline_coverage": "pipeline coverage",
    "headcount": "headcount",
    "ramped": "ramped equivalents",
    "quota": "quotas",
    "credited": "bookings credited to sellers",
    "attainment": "quota attainment",
    "at_quota": "share of seats at or above quota",
    "near_quota": "share of seats at 70 to 80% of quota",
    "below_half": "share of seats below half of quota",
    "commission": "commission",
    "sm_spend": "S&M spend",
    "cac_new_logo": "new-logo CAC ratio",
    "cac_blended": "blended CAC ratio",
    "cac_payback": "CAC payback",
    "ltv_cac": "LTV:CAC",
    "magic_number": "magic number",
    "sm_share": "S&M share of revenue",
    "revenue": "revenue",
    "gross_profit": "gross profit",
    "billings": "billings",
    "opex": "operating expenses",
    "cash": "cash",
    "lowest_cash": "lowest cash",
    "net_burn": "net burn",
    "burn_multiple": "burn multiple",
    "runway": "runway",
    "rule_of_40": "rule of 40",
}
_PARTS = {
    "base under contract": "base under contract",
    "base after renewal": "base after renewal",
    "opening pipeline": "opening pipeline",
    "existing people": "new pipeline, existing people",
    "hires": "new pipeline, hires to come",
    "without a seller": "new pipeline, no seller",
    "expansion": "expansion",
}


def money(amount: float, currency: str, *, trim: bool = False) -> str:
    """Write an amount in short form; `trim` drops zeros behind the point, for round numbers such as targets.

    >>> money(108_312_400, "USD"), money(-4_250_000, "EUR"), money(22_000, "CHF"), money(999_960, "USD")
    ('$108.3M', '−€4.25M', 'CHF 22.0k', '$1.00M')
    >>> money(120e6, "USD", trim=True)
    '$120M'
    """
    if not math.isfinite(amount):
        return MISSING
    size = abs(amount)
    _, scale, letter, places = next(form for form in _FORMS if size >= form[0])
    digits = f"{size / scale:,.{places}f}"
    if trim and "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{'−' if amount < 0 else ''}{sign}{digits}{letter}"


def percent(share: float, places: int = 1) -> str:
    """Write a fraction as a percentage.

    >>> percent(0.2434), percent(-0.004, 0), percent(float("nan"))
    ('24.3%', '0%', 'n/a')
    """
    if not math.isfinite(share):
        return MISSING
    rounded = round(100 * share, places) or 0.0
    return f"{rounded:.{places}f}%".replace("-", "−")


def confidence(share: float) -> str:
    """Write a confidence that somebody asked for, with all its digits.

    >>> confidence(0.8), confidence(0.57), confidence(0.999)
    ('80%', '57%', '99.9%')
    """
    return f"{100 * share:.10g}%"


def number(value: float, unit: str, *, trim: bool = False) -> str:
    """Write a value in its unit: a currency code, `fraction`, `months`, `factor` or `count`.

    >>> (
    ...     number(1.0432, "fraction"),
    ...     number(85e6, "USD"),
    ...     number(16.42, "months"),
    ...     number(1.318, "factor"),
    ...     number(412.4, "count"),
    ... )
    ('104.3%', '$85.0M', '16.4 months', '1.32', '412')
    """
    if not math.isfinite(value):
        return MISSING
    if unit == "fraction":
        text = percent(value)
        return text.replace(".0%", "%") if trim else text
    if unit.isupper():
        return money(value, unit, trim=trim)
    places = {"months": 1, "factor": 2}.get(unit, 0 if abs(value) >= 99.5 else 1)
    digits = f"{value:,.{places}f}".replace("-", "−")
    if trim and "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits} months" if unit == "months" else digits


def between(low: float, high: float, unit: str) -> str:
    """Write an interval; sign and unit stand once where both ends have the same.

    >>> (
    ...     between(0.236, 0.25, "fraction"),
    ...     between(101.02e6, 101.46e6, "USD"),
    ...     between(0.9e6, 1.2e6, "USD"),
    ...     between(9e3, 1.2e6, "USD"),
    ...     between(-0.2, 0.1, "fraction"),
    ... )
    ('23.6–25.0%', '$101.0–101.5M', '$0.90–1.20M', '$9.0k to $1.20M', '−20.0 to 10.0%')
    """
    first, last = number(low, unit), number(high, unit)
    if unit not in ("fraction", "months", "factor", "count") and high > low >= high / 20:
        first = _like(low, high, unit)
    if first == last:
        return first
    (head, tail), ends = _affixes(first), _affixes(last)
    if (head, tail) == ends:
        return f"{first.removesuffix(tail)}–{last.removeprefix(head)}"
    return f"{first.removesuffix('%') if unit == 'fraction' else first} to {last}"


def without_sign(written: str, currency: str) -> str:
    """An amount or an interval of one, without the sign of its currency: it stands beside.

    >>> without_sign("CHF 0.44–2.08M", "CHF"), without_sign("$9.0k to $1.20M", "USD")
    ('0.44–2.08M', '9.0k to 1.20M')
    """
    return written.replace(_SIGNS.get(currency, f"{currency} "), "")


def _like(amount: float, other: float, currency: str) -> str:
    """An amount in the scale of a larger one."""
    _, scale, _, places = next(form for form in _FORMS if other >= form[0])
    head, tail = _affixes(money(other, currency))
    return f"{head}{amount / scale:,.{places}f}{tail}"


def _affixes(written: str) -> tuple[str, str]:
    """What stands before and after the digits."""
    digits = re.search(r"\d(?:.*\d)?", written)
    return (written[: digits.start()], written[digits.end() :]) if digits and "−" not in written else (written, "")


def distance(amount: float, unit: str) -> str:
    """Write the difference of two values; of two percentages it is in points.

    >>> distance(0.035, "fraction"), distance(15.1e6, "USD")
    ('3.5 pts', '$15.1M')
    """
    return number(amount, unit) if unit != "fraction" or not math.isfinite(amount) else f"{100 * amount:.1f} pts"


def change(amount: float, unit: str) -> str:
    """Write a difference with its sign.

    >>> change(-2.17e6, "USD"), change(0.021, "fraction"), change(0.0, "USD")
    ('−$2.17M', '+2.1 pts', '$0')
    """
    return f"{'+' if amount > 0 else ''}{distance(amount, unit)}".replace("-", "−")


def points(share: float) -> str:
    """Write a difference of probabilities in points, with its sign; empty where there is none.

    >>> points(0.0213), points(-0.0001), points(math.nan)
    ('+2.1', '0.0', '')
    """
    if not math.isfinite(share):
        return ""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def points_between(found: Mapping[str, float]) -> str:
    """Write the interval of a difference of probabilities, in points.

    >>> points_between({"lower": -0.012, "upper": 0.0304})
    '−1.2 to +3.0'
    """
    return f"{points(found['lower'])} to {points(found['upper'])}"


def interval_of(found: Mapping[str, float], unit: str) -> str:
    """Write the interval of a difference that stands behind it; of two percentages it is in points.

    >>> (
    ...     interval_of({"lower": -0.0001, "upper": 0.0304}, "fraction"),
    ...     interval_of({"lower": 0.9e6, "upper": 1.2e6}, "USD"),
    ... )
    ('0.0 to 3.0', '$0.90–1.20M')
    """
    if unit == "fraction":
        return f"{points(found['lower'])} to {points(found['upper'])}".replace("+", "")
    return between(found["lower"], found["upper"], unit)


def lever_amount(amount: float, kind: str) -> str:
    """Write how far a lever is moved.

    >>> lever_amount(5.0, "hires"), lever_amount(1.5, "spend"), lever_amount(-2.0, "event")
    ('+5', 'x1.5', '2 months later')
    """
    if kind == "event":
        return f"{abs(amount):g} month{'' if abs(amount) == 1 else 's'} {'earlier' if amount > 0 else 'later'}"
    return f"{amount:+g}".replace("-", "−") if kind == "hires" else f"x{amount:g}"


def at_most(share: Mapping[str, float]) -> str:
    """A share that cannot be told from zero: what it is less than.

    >>> at_most({"value": 0.001, "lower": -0.002, "upper": 0.0041}), at_most({"value": 0.0, "lower": 0.0, "upper": 0.0})
    ('< 0.4%', '< 0.1%')
    """
    return f"< {percent(max(share['upper'], 0.0006))}"


def odds(probability: float) -> str:
    """Say a probability in words.

    >>> odds(0.243), odds(0.81), odds(0.003), odds(0.9999)
    ('about 1 in 4', 'about 4 in 5', 'less than 1 in 100', 'more than 99 in 100')
    """
    if probability < 0.01:
        return "less than 1 in 100"
    if probability > 0.99:
        return "more than 99 in 100"

    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    near = min(_ODDS, key=lambda fraction: abs(logit(float(fraction)) - logit(probability)))
    return f"about {near.numerator} in {near.denominator}"


def shortened(name: str, width: int) -> str:
    """Cut a name to `width` signs.

    >>> shortened("volume.inbound", 9), shortened("nrr", 9)
    ('volume.i…', 'nrr')
    """
    return name if len(name) <= width else f"{name[: width - 1]}…"


def shortened_amid(name: str, width: int) -> str:
    """Cut a name to `width` signs, and keep its end: that is where names of a kind differ.

    >>> shortened_amid("sellers of the region 2027-02", 19), shortened_amid("nrr", 9)
    ('sellers o…n 2027-02', 'nrr')
    """
    kept = width // 2
    return name if len(name) <= width else f"{name[: width - kept - 1]}…{name[len(name) - kept :]}"


def metric_name(metric: str) -> str:
    """Name a metric, or opening ARR, as it is spoken.

    >>> metric_name("ending_arr"), metric_name("nrr"), metric_name("cac_payback"), metric_name("new_customers")
    ('ending ARR', 'NRR', 'CAC payback', 'new customers')
    """
    return _METRICS[metric]


def part_name(part: str) -> str:
    """Name a part of what a year is made of as it is spoken.

    >>> part_name("hires")
    'new pipeline, hires to come'
    """
    return _PARTS[part]


def goal(target: Mapping[str, Any]) -> str:
    """What a target asks for.

    >>> goal({"at_least": 120e6, "at_most": float("nan"), "unit": "USD"})
    'at least $120M'
    >>> goal({"at_least": None, "at_most": 0.05, "unit": "fraction"})
    'at most 5%'
    """
    side = "at_most" if target["at_least"] is None or math.isnan(target["at_least"]) else "at_least"
    return f"{side.replace('_', ' ')} {number(target[side], target['unit'], trim=True)}"


def what(target: Mapping[str, Any]) -> str:
    """What a target is about.

    >>> what({"metric": "new_arr", "period": "FY2027-Q4", "where": "geo=EMEA"})
    'new ARR FY2027-Q4, geo=EMEA'
    """
    where = f", {target['where']}" if target["where"] else ""
    return f"{metric_name(target['metric'])} {target['period']}{where}"


def finding(target: Mapping[str, Any]) -> str:
    """Say how likely a target is: the title of a figure.

    >>> finding(
    ...     {
    ...         "probability": {"value": 0.243},
    ...         "at_least": 120e6,
    ...         "at_most": float("nan"),
    ...         "unit": "USD",
    ...         "metric": "ending_arr",
    ...         "period": "FY2027",
    ...         "where": "",
    ...     }
    ... )
    'About 1 in 4 chance of at least $120M ending ARR in FY2027'
    """
    where = f" ({target['where']})" if target["where"] else ""
    chance = odds(target["probability"]["value"])
    about = f"{goal(target)} {metric_name(target['metric'])} in {target['period']}{where}"
    return f"{chance[0].upper()}{chance[1:]} chance of {about}"
