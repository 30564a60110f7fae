"""Metrics of a period, and the ratios among them, path by path (docs/model.md, section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simengine.plan.targets import COHORT_METRICS
from simengine.results.books import Books
from simengine.results.outputs import OUTPUTS
from simengine.results.paths import Array, added, over_period
from simengine.units import MONTHS_PER_YEAR

LONGEST_LIFETIME = 10.0
"""Years. A customer base that hardly churns would otherwise live for centuries."""

LONGEST_RUNWAY = 60.0
"""Months."""

_BURN_MONTHS = 3


def metric(books: Books, name: str, first: int, last: int) -> Array:
    """A metric of a period, (draw,).

    Flows are summed and stocks are of the last month; ratios are of such sums (docs/model.md, section 3). A ratio is
    infinite where its denominator is zero, and NaN where it is zero divided by zero.

    Parameters
    ----------
    books : of the company, or of a group
    name : one of `plan.targets.METRICS`
    first, last : months of the plan, from 0, both included; last ≥ 11 for nrr and grr without history, first ≥ 12 for
        rule_of_40. Months before the plan count down from −1: what they hold is told by facts
    """
    if first < 0:
        return _since_before(books, name, first, last)
    formula = _FORMULAS.get(name)
    if formula is None:
        return books.over(name, first, last)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(formula(books, first, last), dtype=np.float64)


def _since_before(books: Books, name: str, first: int, last: int) -> Array:
    """A metric of a period that begins before the plan: facts, and what is simulated of it."""
    is_over, is_lowest = last < 0, name == "lowest_cash"
    if not (is_over or is_lowest) and (name in COHORT_METRICS or OUTPUTS[name].kind == "stock"):
        return metric(books, name, 0, last)
    known = books.past("cash" if is_lowest else name, first, last)
    if is_lowest:
        return np.asarray(known.min() if is_over else np.minimum(known.min(), metric(books, name, 0, last)))
    if OUTPUTS[name].kind == "stock":
        return np.asarray(known[-1])
    told = math.fsum(known)
    return np.asarray(told if is_over else told + metric(books, name, 0, last))


Formula = Callable[[Books, int, int], Array]


def _over(above: str, below: str) -> Formula:
    """Two sums over the period, divided."""

    def ratio(books: Books, first: int, last: int) -> Array:
        return books.over(above, first, last) / books.over(below, first, last)

    return ratio


def _retained(output: str, past: str) -> Formula:
    def ratio(books: Books, first: int, last: int) -> Array:
        then = last - MONTHS_PER_YEAR + 1
        if then > 0:
            return books[output][..., last] / books.before("ending_arr", then)
        return books[past][..., last] * (books[output][..., last] / books["opening_arr"])

    return ratio


def _cac_blended(books: Books, first: int, last: int) -> Array:
    gained = books.over("new_arr", first, last) + books.over("expansion_arr", first, last)
    return books.over("sm_spend", first, last) / gained


def _cac_payback(books: Books, first: int, last: int) -> Array:
    gross_profit = books.over("new_arr", first, last) * _margin(books, first, last)
    return MONTHS_PER_YEAR * books.over("sm_spend", first, last) / gross_profit


def _ltv_cac(books: Books, first: int, last: int) -> Array:
    spent = books.over("sm_spend", first, last)
    parts = books.parts()
    if not parts:
        return books.over("new_customers", first, last) * lifetime_value(books, first, last) / spent
    values = []
    for of_segment, part in parts:
        gained = part.over("new_customers", first, last)
        values.append(np.where(gained > 0, gained * lifetime_value(of_segment, first, last), 0.0))
    return added(values, spent.shape) / spent


def lifetime_value(books: Books, first: int, last: int) -> Array:
    """What a new customer brings in; every channel asks for it again."""
    return books.once("lifetime_value", first, last, lambda: _lifetime_value(books, first, last))


def _lifetime_value(books: Books, first: int, last: int) -> Array:
    """ARR per customer · gross margin · lifetime in years.

    Lifetime is the years that all customers of the period were there, for each who left.
    """
    years = _customer_years(books, first, last) / books.over("churned_customers", first, last)
    lifetime = np.where(books.over("churned_customers", first, last) > 0, years, LONGEST_LIFETIME)
    arr_per_customer = books.over("ending_arr", first, last) / books.over("customers", first, last)
    return arr_per_customer * _margin(books, first, last) * np.minimum(LONGEST_LIFETIME, lifetime)


def _margin(books: Books, first: int, last: int) -> Array:
    """Gross margin: the mean over the months."""
    return over_period(books["gross_margin"], "flow", first, last) / (last - first + 1)


def _customer_years(books: Books, first: int, last: int) -> Array:
    """Customers, month by month the mean of opening and closing ones, times the years of the period."""
    closing = books["customers"]
    means = [(books.before("customers", t) + closing[..., t]) / 2 for t in range(first, last + 1)]
    return added(means, closing.shape[:-1]) / MONTHS_PER_YEAR


def _pipeline_coverage(books: Books, first: int, last: int) -> Array:
    return books.before("pipeline", first) / books.over("bookings", first, last)


def _lowest_cash(books: Books, first: int, last: int) -> Array:
    return np.asarray(books["cash"][..., first : last + 1].min(axis=-1))


def _burn_multiple(books: Books, first: int, last: int) -> Array:
    """Net burn / net new ARR: where nothing is gained, infinite if money is burnt and zero if not."""
    burnt, gained = books.over("net_burn", first, last), books.over("net_new_arr", first, last)
    return np.where(gained > 0, burnt / gained, np.where(burnt > 0, np.inf, 0.0))


def _runway(books: Books, first: int, last: int) -> Array:
    since = max(first, last - _BURN_MONTHS + 1)
    burn = books.over("net_burn", since, last) / (last - since + 1)
    cash = books["cash"][..., last]
    while_it_lasts = np.where(burn > 0, np.clip(cash / burn, 0.0, LONGEST_RUNWAY), LONGEST_RUNWAY)
    return np.where(cash > 0, while_it_lasts, 0.0)


def _rule_of_40(books: Books, first: int, last: int) -> Array:
    now = books.over("revenue", first, last)
    before = books.over("revenue", first - MONTHS_PER_YEAR, last - MONTHS_PER_YEAR)
    return now / before - 1.0 - books.over("net_burn", first, last) / now


_FORMULAS: dict[str, Formula] = {
    "nrr": _retained("nrr_arr", "net_history"),
    "grr": _retained("grr_arr", "gross_history"),
    "pipeline_coverage": _pipeline_coverage,
    "attainment": _over("credited", "quota"),
    "at_quota": _over("rated_at_quota", "rated"),
    "near_quota": _over("rated_near_quota", "rated"),
    "below_half": _over("rated_below_half", "rated"),
    "cac_new_logo": _over("sm_spend", "new_arr"),
    "cac_blended": _cac_blended,
    "cac_payback": _cac_payback,
    "ltv_cac": _ltv_cac,
    "magic_number": _over("net_new_arr", "sm_spend"),
    "sm_share": _over("sm_spend", "revenue"),
    "lowest_cash": _lowest_cash,
    "burn_multiple": _burn_multiple,
    "runway": _runway,
    "rule_of_40": _rule_of_40,
}
