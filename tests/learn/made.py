"""Records of one path of a plan, as a company's systems would have kept them: a history whose truth is known.

Months are exactly the engine's. The day of what the engine knows to the moment (a deal is taken up, and closes a cycle
later) is that moment's; the day of all else is drawn from its own name, so nothing depends on an order. Money is in the
segment's currency.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import pandas as pd

from simengine.learn.history import CHURNED, IN_FORCE, LOST, OPEN, REACHED, RENEWED, TABLES, WON, History, table
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from tests.learn.recorded import Deal, Lead, RecordedCourse, Stint, Term, recorded
from tests.learn.truth import Truth, all_drawn, cash
from tests.reference.chance import Address, Purpose
from tests.reference.customers import Customer

MONTH_DAYS = 365.25 / 12
Row = dict[str, Any]


def made(
    plan: Plan,
    values: Mapping[str, float],
    draw: int,
    seed: int,
    as_of: date | None = None,
    shocks: Mapping[str, Sequence[float]] | None = None,
    *,
    counted: bool = False,
) -> History:
    """What is known at the end of a month of what happened on one path of a plan.

    Parameters
    ----------
    plan, values, draw, seed, shocks : as `tests.reference.path.reference_path` has them
    as_of : last day of a month of the plan; without it, the plan's last day
    counted : one record for all leads of a channel, segment and month with the same fate, instead of one for each lead
    """
    played = plan.plan.months if as_of is None else months_played(plan, as_of)
    course = recorded(plan, values, draw, seed, played, shocks)
    return history_of(course, played, counted=counted)


def sample(
    plan: Plan, start: int, stop: int, seed: int, as_of: date | None = None, *, counted: bool = False
) -> Iterator[tuple[Truth, History]]:
    """Truths drawn from a plan's beliefs, each with the history of a path on which it holds."""
    for number, true in enumerate(all_drawn(plan, start, stop, seed), start):
        yield true, made(plan, true.values, number, seed, as_of, true.shocks, counted=counted)


def months_played(plan: Plan, as_of: date) -> int:
    """Months of a plan that are over on the last day of one of them."""
    following = as_of + timedelta(days=1)
    played = following.year * 12 + following.month - 1 - plan.plan.start
    if following.day != 1 or not 0 < played <= plan.plan.months:
        raise ValueError(f"{as_of} is not the last day of a month of the plan")
    return played


def history_of(course: RecordedCourse, played: int, *, counted: bool = False) -> History:
    """The records of a path of which so many months are played."""
    days = Days(course.plan.plan.start)
    writer = Writer(course, played, days)
    tables = {
        "opportunities": writer.opportunities(),
        "leads": writer.counted_leads() if counted else writer.leads(),
        "contracts": writer.contracts(),
        "bookings": writer.bookings(),
        "people": writer.people(),
        "spend": writer.spend(),
        "balances": writer.balances(),
    }
    started = days.of(0)
    since = dict.fromkeys(("opportunities", "leads", "contracts", "people"), started)
    return History(days.last(played - 1), tables, since=since)


class Days:
    """The calendar of a path whose first month is `start` (months since year 0)."""

    def __init__(self, start: int) -> None:
        self.start = start

    def of(self, month: int, into: float = 0.0) -> date:
        """The day that is so far into a month of the path."""
        first, length = _month(self.start + month)
        return first + timedelta(days=min(length - 1, int(into * length)))

    def at(self, moment: float) -> date:
        """The day of a moment; what was before the plan was that many mean months before."""
        if moment <= 0:
            return self.of(0) - timedelta(days=max(1, round(-moment * MONTH_DAYS)))
        return self.of(int(moment), moment % 1)

    def last(self, month: int) -> date:
        """The last day of a month of the path."""
        return self.of(month, 1.0)


@cache
def _month(number: int) -> tuple[date, int]:
    """First day and length of a month (months since year 0)."""
    first, following = (date(m // 12, m % 12 + 1, 1) for m in (number, number + 1))
    return first, (following - first).days


def digest(text: str) -> bytes:
    """Bytes that stand for a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def short_id(letter: str, name: str) -> str:
    """An id that says nothing, from a name."""
    return letter + digest(name).hex()[:10]


def named(letter: str, address: Address) -> str:
    """The id of what has an address."""
    return short_id(letter, f"{address.name}/{address.ordinal}/{address.period}")


def into_month(text: str) -> float:
    """How far into its month something happens."""
    return int.from_bytes(digest(text)[:4], "big") / 2**32


class Writer:
    """Writes the tables of a path."""

    def __init__(self, course: RecordedCourse, played: int, days: Days) -> None:
        self.course, self.plan, self.played, self.days = course, course.plan, played, days
        self.stages = self.plan.funnel.stages
        self.deals = {opportunity.address: deal for opportunity, deal in course.market.deals.items()}
        self.won = {a: deal for a, deal in self.deals.items() if deal.closed is not None and deal.opportunity.won}

    def opportunities(self) -> pd.DataFrame:
        """Every opportunity that was open when the plan began, or arrived since."""
        return _frame("opportunities", (self._opportunity(deal) for deal in self.deals.values()))

    def _opportunity(self, deal: Deal) -> Row:
        o = deal.opportunity
        won = deal.closed is not None and o.won
        outcome = OPEN if deal.closed is None and deal.stale is None else WON if won else LOST
        amount = o.worth if deal.started is not None else o.stated
        owner = deal.owner if deal.closed is not None else self.course.market.who(o)
        return {
            "id": named("O", o.address),
            "segment": o.cell.segment,
            "channel": o.cell.name,
            "created": self._created(deal),
            "started": None if deal.started is None else self.days.at(deal.started),
            "outcome": outcome,
            "closed": self._closed(deal),
            "amount": None if amount is None else amount / o.rate,
            "owner": self._id(owner),
            "account": named("C", o.address) if won else "",
        }

    def _created(self, deal: Deal) -> date:
        if deal.age is not None:
            return self.days.at(-deal.age)
        return self._arrived(deal.opportunity.address, deal.opportunity.arrived)

    def _arrived(self, address: Address, month: int) -> date:
        """Day on which something becomes an opportunity: that on which it is taken up, if it is in the same month."""
        deal = self.deals[address]
        if deal.started is not None and int(deal.started) == month:
            return self.days.at(deal.started)
        return self.days.of(month, self.course.chance.uniforms(address, Purpose.DEAL)[3])

    def _closed(self, deal: Deal) -> date | None:
        if deal.stale is not None:
            return self.days.of(deal.stale, into_month(f"stale/{deal.opportunity.address}"))
        return None if deal.closed is None else self.days.of(deal.closed, deal.into)

    def _id(self, stint: Stint | None) -> str:
        if stint is None:
            return ""
        name, ordinal, period = stint.seat.address
        return short_id("E", f"{name}/{ordinal}/{period}/{stint.number}")

    def leads(self) -> pd.DataFrame:
        """Every lead, with the days on which it reached each stage."""
        return _frame("leads", (self._lead(lead) for lead in self.course.funnel.leads), *self._reached())

    def _reached(self) -> list[str]:
        return [REACHED + stage for stage in self.stages[1:]]

    def _lead(self, lead: Lead) -> Row:
        steps = {stage: month for stage, month in lead.reached.items() if month < self.played}
        days = {0: self.days.at(lead.created)}
        for stage, month in steps.items():
            days[stage] = days[0] if month < 0 else self.days.of(month, lead.created % 1)
        if lead.opportunity is not None and steps.get(last := len(self.stages) - 1, -1) >= 0:
            days[last] = self._arrived(lead.opportunity, steps[last])
        for stage in sorted(days, reverse=True)[1:]:
            days[stage] = min(days[stage], days[stage + 1])  # nothing arrives before it left
        return {
            "id": named("L", lead.address) if lead.opportunity is None else named("O", lead.opportunity),
            "segment": lead.cell.segment,
            "channel": lead.cell.name,
            "created": days[0],
            **{REACHED + self.stages[stage]: day for stage, day in days.items() if stage > 0},
        }

    def counted_leads(self) -> pd.DataFrame:
        """How many leads of a channel, segment and month reached which stages in which months; days are mid-month."""
        fates = Counter(self._fate(lead) for lead in self.course.funnel.leads)
        return _frame(
            "leads", (self._fate_row(*fate, count) for fate, count in sorted(fates.items())), *self._reached()
        )

    def _fate(self, lead: Lead) -> tuple[str, str, float, tuple[tuple[int, int], ...]]:
        created = lead.created if lead.created <= 0 else int(lead.created) + 0.5
        steps = tuple(sorted((stage, month) for stage, month in lead.reached.items() if month < self.played))
        return lead.cell.name, lead.cell.segment, created, steps

    def _fate_row(
        self, channel: str, segment: str, created: float, steps: tuple[tuple[int, int], ...], count: int
    ) -> Row:
        first = self.days.at(created)
        days = {stage: first if month < 0 else self.days.of(month, 0.5) for stage, month in steps}
        return {
            "id": short_id("L", f"{channel}/{segment}/{created}/{steps}"),
            "segment": segment,
            "channel": channel,
            "created": first,
            "count": count,
            **{REACHED + self.stages[stage]: day for stage, day in days.items()},
        }

    def contracts(self) -> pd.DataFrame:
        """Every term of every customer; a term begins on the day on which the one before was renewed."""
        return _frame("contracts", (row for s in self.course.books for row in self._contracts(s)))

    def _contracts(self, segment: str) -> Iterator[Row]:
        rate = self.plan.rate_of(segment)
        for terms in self.course.books[segment].written():
            customer, start = terms[0].customer, self._first_day(segment, terms[0])
            for term in terms:
                outcome = IN_FORCE if term.decided is None else CHURNED if term.arr_after is None else RENEWED
                decided = None if term.decided is None else self._decided(customer, term.ends, term.decided)
                yield {
                    "customer": named("C", customer.address),
                    "segment": segment,
                    "start": start,
                    "renews": self._decided(customer, term.ends, term.ends),
                    "arr": term.arr / rate,
                    "outcome": outcome,
                    "decided": decided,
                    "arr_after": None if term.arr_after is None else term.arr_after / rate,
                }
                start = decided or start

    def _decided(self, customer: Customer, ends: int, month: int) -> date:
        """Day on which a renewal is decided: that on which the term ends, if it is in the same month."""
        name = named("C", customer.address)
        return self.days.of(month, into_month(name if month == ends else f"{name}/{ends}"))

    def _first_day(self, segment: str, term: Term) -> date:
        """Day on which a first term begins: its deal was won then; or a contract's length before it ends."""
        deal = self.won.get(term.customer.address)
        if deal is not None:
            return self._closed(deal)
        lengths = self.plan.base[segment].term_shares
        length = next((months for months in lengths if months > term.ends), max(lengths))
        return self._decided(term.customer, term.ends - length, term.ends - length)

    def bookings(self) -> pd.DataFrame:
        """Every movement of ARR, and every sale."""
        return _frame("bookings", (*self._sales(), *self._movements()))

    def _sales(self) -> Iterator[Row]:
        for address, deal in self.won.items():
            o = deal.opportunity
            if o.worth == 0:
                continue
            yield {
                "date": self._closed(deal),
                "segment": o.cell.segment,
                "channel": o.cell.name,
                "kind": "once" if self.plan.segments[o.cell.segment].sells == "once" else "new",
                "amount": o.worth / o.rate,
                "customer": named("C", address),
                "owner": self._id(deal.owner),
            }

    def _movements(self) -> Iterator[Row]:
        for segment, book in self.course.books.items():
            decided = {(t.customer, t.decided): t.ends for terms in book.written() for t in terms}
            for move in book.movements:
                name = named("C", move.customer.address)
                if move.kind == "expansion":
                    day = self.days.of(move.month, into_month(f"{name}/expansion/{move.number}"))
                else:
                    day = self._decided(move.customer, decided[move.customer, move.month], move.month)
                yield {
                    "date": day,
                    "segment": segment,
                    "kind": "contraction" if move.amount < 0 else move.kind,  # a price that falls
                    "amount": abs(move.amount) / self.plan.rate_of(segment),
                    "customer": name,
                }

    def people(self) -> pd.DataFrame:
        """Everybody on a seat; who was there before the plan started as long before as their group says."""
        return _frame("people", (self._person(stint) for stint in self.course.staff.stints.values()))

    def _person(self, stint: Stint) -> Row:
        person, group, role = stint.person, stint.seat.group, stint.seat.role
        last = self.played - 1 if stint.end is None else stint.end
        rate = 1.0 if group.segment is None else self.plan.rate_of(group.segment)
        quota = self.course.staff.numbers.at(role.quota, last) / rate if isinstance(role.quota, Quantity) else None
        return {
            "id": self._id(stint),
            "role": group.role,
            "seats": group.name,
            "segment": group.segment or "",
            "start": self.days.at(-person.tenure_at_start) if person.existing else self.days.of(person.start),
            "end": None if stint.end is None else self.days.last(stint.end),
            "reason": person.leaving if stint.end is not None else "",
            "quota": quota,
        }

    def spend(self) -> pd.DataFrame:
        """What was spent on each channel in each month, booked on its last day."""
        at = self.course.staff.numbers.at
        spent = (
            (month, name, at(channel.spend, month))
            for month in range(self.played)
            for name, channel in sorted(self.plan.funnel.channels.items())
        )
        return _frame(
            "spend",
            ({"date": self.days.last(m), "channel": name, "amount": amount} for m, name, amount in spent if amount),
        )

    def balances(self) -> pd.DataFrame:
        """Cash at the end of each month."""
        numbers = self.course.staff.numbers
        months = cash(self.plan, self.course.ledgers.path(), numbers.values, numbers.shocks)[: self.played]
        rows = enumerate(map(float, months))
        return _frame("balances", ({"date": self.days.last(m), "item": "cash", "amount": c} for m, c in rows))


def _frame(name: str, rows: Iterable[Row], *more: str) -> pd.DataFrame:
    """A table of rows that leave out what they do not know, in the order of their first day and text."""
    columns: dict[str, list[Any]] = {}
    listed = list(rows)
    for column in dict.fromkeys((*more, *(key for row in listed for key in row))):
        columns[column] = [row.get(column) for row in listed]
    blank = {c.name for c in TABLES[name] if c.kind in ("text", "word")}
    for column in blank & columns.keys():
        columns[column] = [value or "" for value in columns[column]]
    return table(name, **columns)
