"""`economics:` what turns ARR, bookings and people into revenue, cost and cash."""

from typing import Annotated, Literal

from simengine.plan.entry import Model
from simengine.plan.fields import ZERO, Factor, Fraction, MoneyPerYear
from simengine.plan.scalars import Constant, Q, Quantity

Billing = Literal["annual upfront", "semiannual upfront", "quarterly upfront", "monthly"]

MONTHS_BILLED: dict[Billing, int] = {
    "annual upfront": 12,
    "semiannual upfront": 6,
    "quarterly upfront": 3,
    "monthly": 1,
}
"""Months from one bill to the next."""


class Accelerator(Model):
    """Commission above a share of quota is paid at a multiple of the rate."""

    above: Annotated[Quantity, Q("fraction", 0, 10, example="100 %")]
    rate: Factor


class Commission(Model):
    """How commission grows above quota, and over how long it is written off where it is capitalised."""

    accelerator: Accelerator | None = None
    amortised_over: Annotated[int, Constant("months", 1, 120, whole=True, example="36 months")] = 36


class Opex(Model):
    """Given lines of the plan."""

    rnd: MoneyPerYear = ZERO
    ga: MoneyPerYear = ZERO


class Economics(Model):
    """`economics:` margins, given costs, billing and cash."""

    gross_margin: Fraction = Quantity(0.75)
    csm_in: Literal["cogs", "sales and marketing"] = "cogs"
    opex: Opex = Opex()
    commission: Commission = Commission()
    billing: Billing = "annual upfront"
    dso_days: Annotated[Quantity, Q("count", 0, 365, example="45")] = Quantity(45.0)
    opening_cash: Annotated[float, Constant("currency", -1e13, 1e13)] = 0.0
