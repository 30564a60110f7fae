"""Steps 5 and 6 in expected values: customers renew, contract, pay more, expand and are billed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from simengine.baseline.laws import log_sigma, normal_scores
from simengine.baseline.numbers import LEAST_PRICE_INCREASE, Array, Numbers
from simengine.baseline.people import Seats, total
from simengine.baseline.ranks import gini, nodes, spread_over
from simengine.plan.customers import Base
from simengine.plan.money import MONTHS_BILLED
from simengine.units import MONTHS_PER_YEAR

OUTPUTS = (
    *("expansion_arr", "price_arr", "contraction_arr", "churned_arr", "ending_arr", "atr", "nrr_arr", "grr_arr"),
    *("customers", "churned_customers", "renewals_due", "renewals", "expansions", "went_live", "billings"),
    *("expansions_met", "expansions_worked"),
)


def opening_cohorts(base: Base, start: int, rate: float = 1.0) -> list[tuple[int, float, int]]:
    """The customers there at the start but for named accounts, by month of first renewal: (month, ARR, customers).

    Parameters
    ----------
    base : the segment's
    start : the first month of the plan, from which months count
    rate : how much a unit of the segment's money is in the plan's currency

    Months are in order, each once. `even` apportions customers to the terms by largest remainders (ties to the
    shorter), and spreads those with one term over it. Stated ATR, without the named accounts' part of it, is scaled to
    the segment's ARR; each month with ATR has one customer, and the others are apportioned in proportion to it (ties to
    the earlier month).
    """
    accounts = base.named_accounts
    arr = Fraction(base.arr) - sum(Fraction(account.arr) for account in accounts)
    customers = base.customers - len(accounts)
    if customers <= 0 or arr <= 0:
        return []
    if base.atr == "even":
        shares = base.term_shares
        of_term = _apportioned(customers, {term: Fraction(share) for term, share in shares.items()})
        numbers = Counter(i * term // count for term, count in of_term.items() for i in range(count))
        return [(month, rate * float(arr) * number / customers, number) for month, number in sorted(numbers.items())]
    atr = {month - start: Fraction(amount) for month, amount in sorted(base.atr.items())}
    for account in accounts:
        month = account.renews - start
        atr[month] = atr.get(month, Fraction(0)) - Fraction(account.arr)
    atr = {month: amount for month, amount in sorted(atr.items()) if amount > 0}
    total = sum(atr.values())
    others = _apportioned(customers - len(atr), atr)
    return [(month, rate * float(arr * amount / total), 1 + others[month]) for month, amount in atr.items()]


def _apportioned(seats: int, weights: Mapping[int, Fraction]) -> dict[int, int]:
    """Whole parts in proportion to weights by largest remainders, ties to the earlier key."""
    total = sum(weights.values())
    quotas = {key: seats * weight / total for key, weight in weights.items()}
    counts = {key: math.floor(quota) for key, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda key: (counts[key] - quotas[key], key))
    for key in by_remainder[: seats - sum(counts.values())]:
        counts[key] += 1
    return counts


class Book:
    """Customers of a segment and their ARR, (row, month in which the renewal is decided, months to the end, kind).

    The first rows hold the customers by the month of the billing rhythm in which they are billed; those after them what
    is left of the customers at the end of each of the last twelve months, and of the opening base. A kind is a rank by
    size, or a named account. Whoever is decided after the plan stands in the last month. `capped` is ARR without
    expansion that never exceeds what it was when the cohort was counted: its renewals, contraction and price are capped
    one by one, which is exact where a customer renews once in twelve months.
    """

    def __init__(self, numbers: Numbers, name: str) -> None:
        plan, of, fraction = numbers.plan, numbers.of, numbers.fraction
        base, self.rate = plan.base[name], plan.rate_of(name)
        self.base, self.numbers, self.months = base, numbers, numbers.months
        self.billing = MONTHS_BILLED[plan.economics.billing]
        self.grid, accounts = nodes(base), base.named_accounts
        self.renewal_rates = self._renewal_rates()
        self.elasticity, self.depth = of(base.load_elasticity), fraction(base.contraction_depth)
        contraction = fraction(base.contraction)
        self.contracting = np.divide(
            contraction, self.depth, out=np.zeros(self.months), where=(contraction > 0) & (self.depth > 0)
        )
        self.price = of(base.price_increase, low=LEAST_PRICE_INCREASE)
        expansion = base.expansion
        self.meeting = of(expansion.opportunities_per_customer if expansion else None) / MONTHS_PER_YEAR
        self.win_rate = fraction(expansion.win_rate if expansion else None)
        self.size = self.rate * of(expansion.size if expansion else None)
        self.go_live = of(base.go_live)
        self.early_months = base.early.months if base.early else 0
        self.late_months = base.late.months if base.late else 0
        self.early = fraction(base.early.share if base.early else None)
        self.late = np.minimum(1 - self.early, fraction(base.late.share if base.late else None))
        rows, kinds = self.billing + MONTHS_PER_YEAR + 1, len(self.grid) + len(accounts)
        shape = rows, self.months + 1, self.early_months + self.late_months + 1, kinds
        self.books = np.zeros((3, *shape))
        self.customers, self.arr, self.capped = self.books
        self.out = {output: np.zeros(self.months) for output in OUTPUTS}
        self._open()

    def _renewal_rates(self) -> Array:
        """Rate of every kind by month, (month, kind): tilted where larger customers renew unlike smaller ones."""
        base, fraction = self.base, self.numbers.fraction
        logos = fraction(base.renewal_rate)[:, None]
        tilt = np.zeros_like(logos)
        if len(self.grid) > 1:
            tilt = (fraction(base.dollar_renewal_rate)[:, None] - logos) / gini(base)
        ranked = np.clip(logos + tilt * (2 * self.grid - 1), 0.0, 1.0)
        return np.column_stack([ranked, *(fraction(account.renewal_rate) for account in base.named_accounts)])

    def _open(self) -> None:
        """The customers when the plan starts."""
        start, kinds = self.numbers.start, self.customers.shape[-1]
        s = float(log_sigma(self.base.size_spread))
        cohorts = []
        for month, arr, count in opening_cohorts(self.base, start, self.rate):
            customers, sizes = np.zeros(kinds), np.zeros(kinds)
            n = len(self.grid)
            if n == 1:
                customers[0], sizes[0] = count, arr
            else:
                weights = np.exp(s * normal_scores(count))
                ranks = (np.arange(count) + 0.5) / count
                customers[:n] = spread_over(self.grid, ranks, np.ones(count))
                sizes[:n] = spread_over(self.grid, ranks, weights * (arr / weights.sum()))
            cohorts.append((month, customers, sizes))
        for i, account in enumerate(self.base.named_accounts):
            one = np.arange(kinds) == len(self.grid) + i
            cohorts.append((account.renews - start, 1.0 * one, account.arr * self.rate * one))
        for month, customers, sizes in cohorts:
            self._add(0, month, 0, month % self.billing, np.stack([customers, sizes, sizes]))
        self._remember(-1)

    def _add(self, t: int, ends: int, earliest: int, row: int | slice, amounts: Array) -> None:
        """Let a term end in month `ends`: renewal is decided then, early or late, by the habits of month t.

        `amounts` are the customers, their ARR and the capped one, by row if there are several, and by kind.
        """
        early, late = float(self.early[t]), float(self.late[t])
        for shift, share in ((-self.early_months, early), (0, 1 - early - late), (self.late_months, late)):
            if share > 0:
                decided = max(ends + shift, earliest)
                # after the plan nobody asks how long a term had to run
                at, left = (self.months, 0) if decided >= self.months else (decided, ends - decided)
                self.books[:, row, at, left + self.late_months] += share * amounts

    def _remember(self, t: int) -> None:
        """Keep the customers at the end of month t as a cohort, and how many they are as next month's load."""
        row = self.billing + (t + 1) % (MONTHS_PER_YEAR + 1)
        for book in (self.customers, self.arr):
            book[row] = book[: self.billing].sum(axis=0)
        self.capped[row] = self.arr[row]
        self.loads = {"customers": float(self.customers[row].sum()), "arr": float(self.arr[row].sum())}

    def month(self, t: int, renewal: float, expansion: float, customers: Array, arr: Array) -> None:
        """Month t at these coverages, with new customers and their ARR by rank of size."""
        self._renew(t, renewal)
        self._expand(t, expansion)
        self._join(t, customers, arr)
        out = self.out
        out["billings"][t] += self.arr[t % self.billing].sum() * self.billing / MONTHS_PER_YEAR
        cohort = self.billing + max(0, t + 1 - MONTHS_PER_YEAR) % (MONTHS_PER_YEAR + 1)
        out["nrr_arr"][t], out["grr_arr"][t] = self.arr[cohort].sum(), self.capped[cohort].sum()
        self._remember(t)
        out["ending_arr"][t], out["customers"][t] = self.loads["arr"], self.loads["customers"]

    def _renew(self, t: int, coverage: float) -> None:
        """What is decided in month t."""
        out, live = self.out, slice(self.billing)
        decided = self.books[:, :, t].copy()
        self.books[:, :, t] = 0.0
        rates = np.clip(self.renewal_rates[t] * coverage ** self.elasticity[t], 0.0, 1.0)
        contracted, depth, price = np.minimum(self.contracting[t], rates), self.depth[t], 1 + self.price[t]
        kept = rates - contracted * depth
        capped = (rates - contracted) * min(1.0, price) + contracted * min(1.0, (1 - depth) * price)
        due, atr = decided[0][live].sum(axis=0), decided[1][live].sum(axis=0)
        out["renewals_due"][t], out["renewals"][t] = due.sum(), (due * rates).sum()
        out["churned_customers"][t] = (due * (1 - rates)).sum()
        out["churned_arr"][t], out["contraction_arr"][t] = (atr * (1 - rates)).sum(), (atr * contracted * depth).sum()
        out["price_arr"][t] = (atr * kept).sum() * self.price[t]
        factors = np.stack([rates, kept * price, capped])[:, None]
        for left in range(decided.shape[2]):
            if not decided[0, :, left].any():
                continue
            ends = t + left - self.late_months
            if ends < self.months:
                out["atr"][ends] += atr[left].sum()
            renewed = decided[:, :, left] * factors
            for term, share in self.base.term_shares.items():
                self._add(t, ends + term, t + 1, slice(None), share * renewed)

    def _expand(self, t: int, coverage: float) -> None:
        """Expansion opportunities of month t: every customer who stays meets them at the same rate."""
        worked = self.meeting[t] * coverage
        won, size = worked * self.win_rate[t], self.size[t]
        self.arr += self.customers * (won * size)
        out, live = self.out, self.customers[: self.billing].sum(axis=(1, 2, 3))
        there = live.sum()
        out["expansions_met"][t], out["expansions_worked"][t] = there * self.meeting[t], there * worked
        out["expansions"][t], out["expansion_arr"][t] = there * won, there * won * size
        until_bill = (np.arange(self.billing) - t) % self.billing
        out["billings"][t] += (live * until_bill).sum() * won * size / MONTHS_PER_YEAR

    def _join(self, t: int, customers: Array, arr: Array) -> None:
        """New customers go live, and their first term begins, after a lag that is rounded by chance."""
        whole, row = math.floor(self.go_live[t]), t % self.billing
        ranked = np.zeros((3, self.customers.shape[-1]))
        ranked[:, : len(self.grid)] = customers, arr, arr
        for live, share in ((t + whole, whole + 1 - self.go_live[t]), (t + whole + 1, self.go_live[t] - whole)):
            if share > 0:
                if live < self.months:
                    self.out["went_live"][live] += share * arr.sum()
                for term, part in self.base.term_shares.items():
                    self._add(t, live + term, t + 1, row, share * part * ranked)


def coverages(
    t: int, duty: str, books: Mapping[str, Book], numbers: Numbers, people: Mapping[str, list[Seats]]
) -> dict[str, float]:
    """Coverage of each segment in month t: Σ capacity/load over the groups that serve it in a duty, at most 1."""
    team, found = numbers.plan.team, dict[str, float]()
    for group in sorted(team.seats, key=lambda entry: entry.name):
        carries = team.roles[group.role].carries
        if carries is None or duty not in carries.duty:
            continue
        served = [name for name in books if group.segment in (None, name)]
        measure = "arr" if carries.arr is not None else "customers"
        load = sum(books[name].loads[measure] for name in served)
        each = carries.customers or carries.arr
        capacity = numbers.of(each)[t] * total(people[group.name], "ramped")[t]
        for name in served:
            found[name] = found.get(name, 0.0) + (capacity / load if load > 0 else 1.0)
    return {name: min(1.0, found.get(name, 1.0)) for name in books}
