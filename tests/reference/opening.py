"""The customers of a segment when the plan starts (docs/model.md, step 5)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from simengine.plan.customers import Base
from simengine.plan.scalars import Quantity
from tests.reference.chance import Address, inverse_normal, lognormal_sigma


class OpeningCustomer(NamedTuple):
    """A customer, addressed by the month of first renewal; its rank by size; its own renewal rate, if it has one."""

    address: Address
    arr: float
    rank: float
    renewal_rate: Quantity | None = None


def opening_customers(segment: str, base: Base, start: int, currency_rate: float = 1.0) -> list[OpeningCustomer]:
    """Named accounts by name, and the others by month of first renewal; `start` is the plan's first month, absolute."""
    customers = [
        OpeningCustomer(Address(f"account/{a.name}", 0, a.renews), a.arr * currency_rate, 0.5, a.renewal_rate)
        for a in sorted(base.named_accounts, key=lambda account: account.name)
    ]
    sigma = lognormal_sigma(base.size_spread)
    for month, (number, atr) in sorted(_first_renewals(base, start).items()):
        ranks = [(j + 0.5) / number for j in range(number)]
        sizes = [math.exp(sigma * inverse_normal(rank)) for rank in ranks]
        for j, size in enumerate(sizes):
            arr = atr * currency_rate * size / math.fsum(sizes)
            customers.append(OpeningCustomer(Address(f"base/{segment}", j, month), arr, ranks[j]))
    return customers


def _first_renewals(base: Base, start: int) -> dict[int, tuple[int, float]]:
    """How many unnamed customers renew first in each month (absolute), and with how much ARR."""
    number = base.customers - len(base.named_accounts)
    total = Fraction(base.arr) - sum(Fraction(account.arr) for account in base.named_accounts)
    if number == 0:
        return {}
    if base.atr == "even":
        months = Counter[int]()
        for term, customers in apportioned(number, dict(base.term_shares)).items():
            months.update(start + i * term // customers for i in range(customers))
        return {month: (n, float(total * n / number)) for month, n in months.items()}
    due = {month: Fraction(arr) for month, arr in sorted(base.atr.items())}
    for account in base.named_accounts:
        due[account.renews] = due.get(account.renews, Fraction()) - Fraction(account.arr)
    due = {month: arr for month, arr in due.items() if arr > 0}
    others = apportioned(number - len(due), due)
    return {month: (1 + others[month], float(total * arr / sum(due.values()))) for month, arr in due.items()}


def apportioned(number: int, shares: Mapping[int, Fraction | float]) -> dict[int, int]:
    """Whole numbers in proportion to shares by largest remainder, ties to the earlier."""
    exact = {key: Fraction(share) for key, share in sorted(shares.items())}
    quota = {key: number * share / sum(exact.values()) for key, share in exact.items()}
    whole = {key: math.floor(q) for key, q in quota.items()}
    by_remainder = sorted(quota, key=lambda key: (whole[key] - quota[key], key))
    for key in by_remainder[: number - sum(whole.values())]:
        whole[key] += 1
    return whole
