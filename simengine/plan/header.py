"""`plan:` what a plan is called, in which currency, from when to when."""

from collections.abc import Iterator
from typing import Annotated

from simengine.plan.entry import Model
from simengine.plan.fields import Currency, Day, Month, Text, Title
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault
from simengine.units import month_label, month_number


class Header(Model):
    """`plan:` what this plan is, in which currency, from when to when. Months count from year 0."""

    name: Title
    currency: Currency
    start: Month
    months: Annotated[int, Constant("months", 1, 120, whole=True, example="24")]
    fiscal_year_start: Annotated[int, Constant("", 1, 12, whole=True, example="1 for January")] = 1
    rates: dict[Currency, Annotated[float, Constant("", 1e-9, 1e9, example="1.08")]] = {}
    version: Text = ""
    as_of: Day | None = None
    growth_from: Month | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """One unit of the plan's currency is one; growth has begun when the plan starts."""
        if self.currency in self.rates:
            yield Fault(("rates", self.currency), "is the plan's own currency", "remove it: its rate is 1")
        if self.growth_from is not None and self.growth_from > self.start:
            message = f"{month_label(self.growth_from)} is after the start, {month_label(self.start)}"
            yield Fault(("growth_from",), message, "choose the start or a month before it, or remove it")

    @property
    def end(self) -> int:
        """The last month of the plan, counted from year 0."""
        return self.start + self.months - 1

    @property
    def now(self) -> int:
        """The month in which one decides: that of `as_of`, or the first of the plan."""
        return self.start if self.as_of is None else month_number(f"{self.as_of:%Y-%m}")

    @property
    def grown(self) -> int:
        """Months of growth when the plan starts."""
        return 0 if self.growth_from is None else self.start - self.growth_from
