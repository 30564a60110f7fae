"""`base:` the customers when the plan starts, and the terms on which they and new ones renew and expand."""

import fractions
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from simengine.plan.entry import Model
from simengine.plan.fields import ZERO, Amount, Fraction, Money, Month, Months, Name, OrWord, Spread
from simengine.plan.header import Header
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, Key, Q, Quantity
from simengine.units import MONTHS_PER_YEAR, month_label

Term = Annotated[int, Constant("months", 1, 120, whole=True, example="12 months")]
_ROUNDING, RECONCILED = 1e-9, 0.005
"""How far sums may be off, relative: of shares, and of money from two reports."""
TermLength = Annotated[int, Key("months", 1, 120, whole=True)]


class Expansion(Model):
    """Upsell and cross-sell to customers."""

    opportunities_per_customer: Annotated[Quantity, Q("count per year", 0, 100, reach=math.inf)]
    win_rate: Fraction
    size: Money
    size_spread: Spread = ZERO


class Timing(Model):
    """A share of renewals that is decided so many months before, or after, the term ends."""

    share: Fraction
    months: Annotated[int, Constant("months", 1, 24, whole=True, example="2 months")]


class NamedAccount(Model):
    """A customer who is looked at alone; part of the segment's customers, ARR and ATR."""

    name: Name
    arr: Amount
    renews: Month
    renewal_rate: Fraction


class HistoryRow(Model):
    """ARR at the end of a month before the plan, and what its customers have when the plan starts.

    `gross` is the same as `net` with each customer capped at the ARR of then.
    """

    month: Month
    arr: Amount
    net: Amount
    gross: Amount


class Base(Model):
    """The customers of a segment when the plan starts, and the terms on which they and new ones renew.

    `atr` gives the ARR available to renew for the first time by month; `even` spreads ARR over the terms.
    """

    customers: Annotated[int, Constant("count", 0, 1_000_000, whole=True)] = 0
    arr: Amount = 0.0
    size_spread: Annotated[float, Constant("fraction", 0, 10, example="80 %")] = 0.0
    atr: Annotated[dict[Month, Amount] | Literal["even"], OrWord(dict[Month, Amount], "even")] = "even"
    named_accounts: tuple[NamedAccount, ...] = ()
    history: tuple[HistoryRow, ...] = ()
    renewal_rate: Fraction
    dollar_renewal_rate: Fraction | None = None
    load_elasticity: Annotated[Quantity, Q("factor", 0, 10)] = ZERO
    early: Timing | None = None
    late: Timing | None = None
    contraction: Annotated[Quantity, Q("fraction", 0, 1, of_atr=True)] = ZERO
    contraction_depth: Fraction = Quantity(0.3)
    price_increase: Annotated[Quantity, Q("fraction", -0.9, 1, reach=math.inf)] = ZERO
    expansion: Expansion | None = None
    term_months: Term | None = None
    terms: dict[TermLength, Annotated[float, Constant("fraction", 0, 1, example="70 %")]] = {}
    go_live: Months = ZERO

    @property
    def term_shares(self) -> dict[int, float]:
        """Share of contracts by length in months, shorter ones first."""
        return dict(sorted(self.terms.items())) if self.terms else {self.term_months or 12: 1.0}

    @property
    def longest_term(self) -> int:
        """Months within which every customer's term ends once."""
        return max(self.term_shares)

    def faults(self, known: Known) -> Iterator[Fault]:
        """Customers have ARR, all of it comes up for renewal within the first term, and contraction is possible."""
        if (self.customers > 0) != (self.arr > 0):
            yield Fault(
                (), f"{self.customers} customers with an ARR of {self.arr:g}", "expected both above zero, or both zero"
            )
        yield from self._contraction_faults(known)
        yield from self._term_faults()
        if self.dollar_renewal_rate is not None and self.size_spread == 0:
            yield Fault(
                ("dollar_renewal_rate",),
                "customers are all of one size, so both rates are the same",
                "add size_spread, or remove it",
            )
        if isinstance(self.atr, dict):
            yield from self._atr_faults(self.atr, known.header)
        if self.named_accounts:
            yield from self._account_faults(known.header)
        yield from self._history_faults(known.header)

    def _contraction_faults(self, known: Known) -> Iterator[Fault]:
        """What contracts gives something up, and not more than it has."""
        (least_loss, most_loss), most = known.bounds(self.contraction), known.bounds(self.contraction_depth)[1]
        if most_loss > 0 and known.can_be_zero(self.contraction_depth):
            yield Fault(
                ("contraction_depth",),
                "can be 0, and then no customer who contracts gives anything up",
                "make it more than 0 %, or remove contraction",
            )
        elif least_loss > most:
            yield Fault(
                ("contraction",),
                f"{least_loss:.4g} of ATR cannot be lost when a contraction takes {most:.4g} of a customer's ARR",
                "raise contraction_depth, or lower contraction",
            )

    def _term_faults(self) -> Iterator[Fault]:
        """Contracts have lengths that are all of them, and renewals are decided in the term that they end or follow."""
        if self.terms and self.term_months is not None:
            yield Fault(("term_months",), "terms is given too", "keep one of them")
        total = math.fsum(self.terms.values())
        if self.terms and abs(total - 1) > _ROUNDING:
            yield Fault(("terms",), f"the shares add up to {100 * total:.6g} %", "expected 100 %")
        shortest = min(self.term_shares)
        for key, timing in (("early", self.early), ("late", self.late)):
            if timing is not None and timing.months >= shortest:
                yield Fault(
                    (key, "months"),
                    f"{timing.months} months, and the shortest term has {shortest}",
                    "expected fewer months than the shortest term",
                )
        shares = () if self.early is None or self.late is None else self.early.share.beside(self.late.share)
        if any(early + late > 1 + _ROUNDING for early, late in shares):
            yield Fault(("late", "share"), "early and late renewals are more than all", "expected 100 % at most")

    def _atr_faults(self, atr: Mapping[int, float], header: Header | None) -> Iterator[Fault]:
        for month in atr:
            yield from self._outside_first_term(month, ("atr", month_label(month)), header)
        months = sum(amount > 0 for amount in atr.values())
        if months > self.customers:
            words = f"falls into {months} months, more than there are customers ({self.customers})"
            yield Fault(("atr",), words, "each month needs a customer who renews in it")
        total = sum(atr.values())
        if abs(total - self.arr) > RECONCILED * self.arr:
            yield Fault(
                ("atr",),
                f"adds up to {total:,.0f}, and arr is {self.arr:,.0f}",
                "every customer's ARR must come up once",
            )

    def _outside_first_term(self, month: int, at: tuple[str | int, ...], header: Header | None) -> Iterator[Fault]:
        if header is None:
            return
        first, last = header.start, header.start + self.longest_term - 1
        if not first <= month <= last:
            yield Fault(
                at,
                f"this month is outside the first term, {month_label(first)} to {month_label(last)}",
                "every customer renews within it: change the month, or term_months",
            )

    def _account_faults(self, header: Header | None) -> Iterator[Fault]:
        """Named accounts are a part of the segment: of its customers, its ARR, and its ATR month by month."""
        for index, account in enumerate(self.named_accounts):
            yield from self._outside_first_term(account.renews, ("named_accounts", index, "renews"), header)
            if account.arr == 0:
                yield Fault(("named_accounts", index, "arr"), "must be above zero", "remove the account if it has left")
        number, arr = len(self.named_accounts), math.fsum(account.arr for account in self.named_accounts)
        others, rest = self.customers - number, self.arr - arr
        is_all = rest <= _ROUNDING * self.arr
        if others < 0 or rest < -_ROUNDING * self.arr:
            yield Fault(
                ("named_accounts",),
                f"{number} account{'' if number == 1 else 's'} with an ARR of {arr:,.0f}, and the segment has "
                f"{self.customers} customers with {self.arr:,.0f}",
                "named accounts are part of customers and arr: raise these, or correct the accounts",
            )
        elif (others == 0) != is_all:
            yield Fault(
                ("named_accounts",),
                f"leaves {others} customers with an ARR of {max(0.0, rest):,.0f}",
                "expected both above zero, or both zero",
            )
        elif isinstance(self.atr, dict):
            yield from self._account_atr_faults(self.atr, others)

    def _account_atr_faults(self, atr: Mapping[int, float], others: int) -> Iterator[Fault]:
        left = {month: fractions.Fraction(amount) for month, amount in atr.items()}
        for index, account in enumerate(self.named_accounts):
            stated = atr.get(account.renews, 0.0)
            left[account.renews] = left.get(account.renews, 0) - fractions.Fraction(account.arr)
            if left[account.renews] < -_ROUNDING * stated:
                yield Fault(
                    ("named_accounts", index, "renews"),
                    f"the named accounts of {month_label(account.renews)} have more ARR than its atr, {stated:,.0f}",
                    "their ARR is part of atr: raise it, or change the month",
                )
                return
        months = sum(amount > 0 for amount in left.values())
        if others and not 1 <= months <= others:
            words = f"leaves {months} months to the {others} customers who are not named"
            yield Fault(("atr",), words, "each month needs a customer who renews in it, and each customer a month")

    def _history_faults(self, header: Header | None) -> Iterator[Fault]:
        """Each of the twelve months before the plan at most once, with numbers that can be true of one base."""
        seen: set[int] = set()
        most = self.arr * (1 + RECONCILED)
        for index, row in enumerate(self.history):
            at = ("history", index)
            if row.month in seen:
                yield Fault((*at, "month"), f"{month_label(row.month)} stands here twice", "keep one of them")
            seen.add(row.month)
            if row.gross > row.arr:
                yield Fault((*at, "gross"), "is more than arr", "each customer counts at most with the ARR of then")
            elif row.gross > row.net:
                yield Fault((*at, "gross"), "is more than net", "each customer counts at most with the ARR of now")
            elif row.net > most:
                yield Fault(
                    (*at, "net"),
                    f"is more than arr at the start, {self.arr:,.0f}",
                    "its customers are in the base",
                )
            if header is not None:
                yield from self._history_month_faults(row, at, header)

    def _history_month_faults(self, row: HistoryRow, at: tuple[str | int, ...], header: Header) -> Iterator[Fault]:
        first, last = header.start - MONTHS_PER_YEAR, header.start - 1
        if not first <= row.month <= last:
            yield Fault(
                (*at, "month"),
                f"this month is not one of the twelve before the plan, {month_label(first)} to {month_label(last)}",
                "choose a month inside them, or remove the row",
            )
        elif row.month == last:
            for key in ("arr", "net", "gross"):
                if abs(getattr(row, key) - self.arr) > RECONCILED * self.arr:
                    words = f"is not the segment's arr at the start, {self.arr:,.0f}"
                    yield Fault((*at, key), words, "the plan starts with the customers of the end of this month")
                    return
