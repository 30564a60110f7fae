"""Arithmetic on results: totals over segments, sales and marketing spend, revenue, and the ratios made of them.

Everything is computed path by path: arrays are (draw, month), and a metric of a period is (draw,). Sums run in a fixed
order, so that a path has the same bits in whatever block it was simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simengine.plan.schema import Plan, Quantity, Role
from simengine.results.outputs import OUTPUTS, Kind
from simengine.units import MONTHS_PER_YEAR

Array = NDArray[np.float64]

LONGEST_LIFETIME = 10.0
"""Years. A customer base that hardly churns would otherwise live for centuries."""


class Paths(Protocol):
    """What simulated blocks and the baseline have in common: n draws, T months, all entities sorted by name."""

    @property
    def segment(self) -> Mapping[str, Array]:
        """By output: (n, T, segments)."""

    @property
    def group(self) -> Mapping[str, Array]:
        """By output: (n, T, seat groups)."""

    @property
    def cell(self) -> Mapping[str, Array]:
        """By output: (n, T, cells)."""

    @property
    def reached(self) -> Array:
        """(n, T, cells, stages)."""

    @property
    def values(self) -> Mapping[str, Array]:
        """By assumption: (n,)."""


class Books:
    """Outputs of the company, or of some of its segments, by path.

    Parameters
    ----------
    load : gives an output by name when it is first asked for, (draw, month); "gross_margin" is (draw,), and
        "opening_arr" and "opening_customers", there when the plan started, are one number each
    """

    def __init__(self, load: Callable[[str], Array]) -> None:
        self._load = load
        self._loaded: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def before(self, name: str, month: int) -> Array:
        """A stock ("ending_arr" or "customers") when `month` begins."""
        return self[name][..., month - 1] if month > 0 else self[_OPENING[name]]

    def over(self, name: str, first: int, last: int) -> Array:
        """A flow or stock over the months `first` to `last`."""
        return over_period(self[name], OUTPUTS[name].kind, first, last)


_OPENING = {"ending_arr": "opening_arr", "customers": "opening_customers"}


def books_of(plan: Plan, paths: Paths, segments: Collection[str]) -> Books:
    """Books of some segments of simulated paths, or of the baseline. People and costs are the whole company's."""
    members = [s for s, name in enumerate(sorted(plan.segments)) if name in segments]

    def load(name: str) -> Array:
        if name in _DERIVED:
            return _DERIVED[name](plan, paths, books)
        if name in _OPENING.values():
            return np.array(math.fsum(opening(plan, segment)[name] for segment in segments))
        outputs = paths.segment[name]
        return added([outputs[:, :, s] for s in members], outputs.shape[:2])

    books = Books(load)
    return books


def opening(plan: Plan, segment: str) -> dict[str, float]:
    """What a segment has when the plan starts: "opening_arr" and "opening_customers"."""
    base = plan.base.get(segment)
    if base is None:
        return {"opening_arr": 0.0, "opening_customers": 0.0}
    return {"opening_arr": base.arr, "opening_customers": float(base.customers)}


def net_new_arr(books: Books) -> Array:
    """Change of ARR by month: what was won, sold more and raised in price, less what was contracted and lost."""
    gained = books["new_arr"] + books["expansion_arr"] + books["price_arr"]
    return gained - books["contraction_arr"] - books["churned_arr"]


def headcount(paths: Paths) -> Array:
    """People of the company at the end of the month."""
    heads = paths.group["headcount"]
    return added([heads[:, :, g] for g in range(heads.shape[2])], heads.shape[:2])


def added(terms: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Sum of arrays of a shape, in order; a new array also of one term, or none."""
    total = terms[0].copy() if terms else np.zeros(shape)
    for term in terms[1:]:
        total += term
    return total


def over_period(monthly: Array, kind: Kind, first: int, last: int) -> Array:
    """A flow or stock over months: the sum, or the last.

    Parameters
    ----------
    monthly : months are the last axis
    first, last : months of the plan, from 0, both included

    >>> over_period(np.array([1.0, 2.0, 4.0]), "flow", 1, 2), over_period(np.array([1.0, 2.0, 4.0]), "stock", 1, 2)
    (array(6.), array(4.))
    """
    if kind == "stock":
        return monthly[..., last]
    return added([monthly[..., t] for t in range(first, last + 1)], monthly.shape[:-1])


def metric(books: Books, name: str, first: int, last: int) -> Array:
    """A metric of a period, (draw,).

    Flows are summed and stocks are of the last month; ratios are of such sums (docs/model.md, section 3). A ratio is
    infinite where its denominator is zero, and NaN where it is zero divided by zero.

    Parameters
    ----------
    books : of the company, or of some of its segments
    name : one of `outputs.METRICS`
    first, last : months of the plan, from 0, both included; last ≥ 11 for nrr and grr
    """
    ratio = _RATIOS.get(name)
    if ratio is None:
        return books.over(name, first, last)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ratio(books, first, last), dtype=np.float64)


def _retained(output: str) -> Callable[[Books, int, int], Array]:
    def ratio(books: Books, first: int, last: int) -> Array:
        return books[output][..., last] / books.before("ending_arr", last - MONTHS_PER_YEAR + 1)

    return ratio


def _cac_new_logo(books: Books, first: int, last: int) -> Array:
    return books.over("sm_spend", first, last) / books.over("new_arr", first, last)


def _cac_blended(books: Books, first: int, last: int) -> Array:
    gained = books.over("new_arr", first, last) + books.over("expansion_arr", first, last)
    return books.over("sm_spend", first, last) / gained


def _cac_payback(books: Books, first: int, last: int) -> Array:
    gross_profit = books.over("new_arr", first, last) * books["gross_margin"]
    return MONTHS_PER_YEAR * books.over("sm_spend", first, last) / gross_profit


def _ltv_cac(books: Books, first: int, last: int) -> Array:
    """ARR per customer · gross margin · lifetime in years, over S&M spend per new customer.

    Lifetime is the years that all customers of the period were there, for each who left.
    """
    lifetime = np.minimum(
        LONGEST_LIFETIME, _customer_years(books, first, last) / books.over("churned_customers", first, last)
    )
    arr_per_customer = books.over("ending_arr", first, last) / books.over("customers", first, last)
    cost_per_customer = books.over("sm_spend", first, last) / books.over("new_customers", first, last)
    return arr_per_customer * books["gross_margin"] * lifetime / cost_per_customer


def _customer_years(books: Books, first: int, last: int) -> Array:
    """Customers, month by month the mean of opening and closing ones, times the years of the period."""
    closing = books["customers"]
    means = [(books.before("customers", t) + closing[..., t]) / 2 for t in range(first, last + 1)]
    return added(means, closing.shape[:-1]) / MONTHS_PER_YEAR


def _magic_number(books: Books, first: int, last: int) -> Array:
    return books.over("net_new_arr", first, last) / books.over("sm_spend", first, last)


def _sm_share(books: Books, first: int, last: int) -> Array:
    return books.over("sm_spend", first, last) / books.over("revenue", first, last)


_RATIOS: dict[str, Callable[[Books, int, int], Array]] = {
    "nrr": _retained("nrr_arr"),
    "grr": _retained("grr_arr"),
    "cac_new_logo": _cac_new_logo,
    "cac_blended": _cac_blended,
    "cac_payback": _cac_payback,
    "ltv_cac": _ltv_cac,
    "magic_number": _magic_number,
    "sm_share": _sm_share,
}


def revenue(ending_arr: Array, opening_arr: float, one_off_bookings: Array) -> Array:
    """Revenue by month: a twelfth of the mean of opening and closing ARR, and one-off bookings.

    >>> revenue(np.array([[120.0, 360.0]]), 0.0, np.array([[0.0, 1.0]])).tolist()
    [[5.0, 21.0]]
    """
    opening = np.concatenate((np.full_like(ending_arr[..., :1], opening_arr), ending_arr[..., :-1]), axis=-1)
    return (opening + ending_arr) / 2 / MONTHS_PER_YEAR + one_off_bookings


def sm_spend(plan: Plan, paths: Paths) -> Array:
    """Sales and marketing spend by month, (draw, month).

    Salaries of the people working in sales and marketing roles, recruiting of those who start, commission on what
    sellers sold, and the channels' spend. Variable pay is commission where a selling role has a quota, else salary.
    CSMs count if the plan says so.
    """
    spend = np.zeros(paths.reached.shape[:2])
    for _, channel in sorted(plan.funnel.channels.items()):
        spend += _column(channel.spend, paths)
    for index, group in enumerate(sorted(plan.team.seats, key=lambda g: g.name)):
        role = plan.team.roles[group.role]
        if in_sales_and_marketing(plan, role):
            pay = _column(role.cost.salary, paths)
            if not _on_commission(role):
                pay = pay + _column(role.cost.variable, paths)
            spend += paths.group["working"][:, :, index] * (pay / MONTHS_PER_YEAR)
            spend += paths.group["starts"][:, :, index] * _column(role.cost.recruiting, paths)
    channels = plan.funnel.channels
    cells = sorted((name, segment) for name in channels for segment in channels[name].segments)
    for index, (name, segment) in enumerate(cells):
        if channels[name].sold_by == "sellers":
            spend += paths.cell["bookings"][:, :, index] * _commission_rate(plan, segment, paths)
    return spend


def in_sales_and_marketing(plan: Plan, role: Role) -> bool:
    """Whether a role's cost is sales and marketing spend."""
    return role.books_in == "sales and marketing" or (
        role.books_in == "customer success" and plan.economics.csm_in == "sales and marketing"
    )


def _on_commission(role: Role) -> bool:
    return role.sells and role.quota is not None


def _commission_rate(plan: Plan, segment: str, paths: Paths) -> Array:
    """Commission as a share of what is sold to a segment: variable pay / quota of its seats, planned ones too."""
    variable = quota = np.zeros((1, 1))
    for group in sorted(plan.team.seats, key=lambda g: g.name):
        role = plan.team.roles[group.role]
        if group.segment == segment and role.sells and role.quota is not None and in_sales_and_marketing(plan, role):
            seats = group.existing + sum(group.hires.values())
            variable = variable + seats * _column(role.cost.variable, paths)
            quota = quota + seats * _column(role.quota, paths)
    return np.divide(variable, quota, out=np.zeros(np.broadcast_shapes(variable.shape, quota.shape)), where=quota > 0)


def _column(quantity: Quantity, paths: Paths) -> Array:
    """A quantity of the plan for each draw, to be multiplied with (draw, month)."""
    return np.reshape(np.asarray(quantity.of(paths.values), dtype=np.float64), (-1, 1))


_DERIVED: dict[str, Callable[[Plan, Paths, Books], Array]] = {
    "net_new_arr": lambda plan, paths, books: net_new_arr(books),
    "bookings": lambda plan, paths, books: books["new_arr"] + books["one_off_bookings"],
    "revenue": lambda plan, paths, books: revenue(
        books["ending_arr"], float(books["opening_arr"]), books["one_off_bookings"]
    ),
    "headcount": lambda plan, paths, books: headcount(paths),
    "sm_spend": lambda plan, paths, books: sm_spend(plan, paths),
    "gross_margin": lambda plan, paths, books: np.broadcast_to(
        _column(plan.economics.gross_margin, paths)[:, 0], len(paths.reached)
    ),
}
"""What is no sum over segments."""
