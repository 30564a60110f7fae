"""What a company's state is put together from: the edits of its plan, the files beside it, and what must be said."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, get_args

from simengine.learn.happened import last_month
from simengine.learn.history import History
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.plan.source import Path
from simengine.reading.operating import OperatingPlan, Span

Assumed = Literal["customers", "accounts", "pipeline", "leads", "people", "cash"]
ASSUMED: tuple[Assumed, ...] = get_args(Assumed)
"""What may be taken from the plan where the tables do not tell it."""


class Shift(NamedTuple):
    """A part of the state: what the plan counted on for this day (NaN: it does not say), and what it is."""

    name: str
    unit: str
    planned: float
    actual: float


class Untold(NamedTuple):
    """What the tables do not tell, and what to do; `kind` is what `--assume-plan` calls it ("": it cannot be taken)."""

    kind: Assumed | Literal[""]
    words: str


@dataclass
class Standing:
    """Where a company stands, as it is being worked out.

    Attributes
    ----------
    history, plan : what is known, and the plan that it is laid over
    assume : what to take from the plan where the tables do not tell it
    stem : how files beside the new plan begin
    before : the plan before any actuals, from whose start on the records tell
    changes : edits of the plan's text
    files : files beside the plan, by name
    said : what was assumed, moved or left out, in words
    untold : what is missing
    moved : of a seat group, by how many the hires of a month to come are others than were planned before any actuals
    shifts : what the plan counted on, beside what is
    """

    history: History
    plan: Plan
    assume: frozenset[str]
    stem: str
    before: Plan
    changes: dict[Path, object] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    untold: list[Untold] = field(default_factory=list)
    moved: dict[str, dict[str, int]] = field(default_factory=dict)
    shifts: list[Shift] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The last month that has ended (since year 0)."""
        return last_month(self.history.as_of)

    @property
    def start(self) -> int:
        """The first month of the new plan (since year 0)."""
        return self.last + 1

    @property
    def elapsed(self) -> int:
        """Months of the plan that have passed."""
        return self.start - self.plan.plan.start

    @cached_property
    def operating(self) -> OperatingPlan:
        """The plan with expected values, at the values that it counts on."""
        return OperatingPlan(self.plan)

    @property
    def now(self) -> Span:
        """The month that has ended last, as months of the plan count."""
        return Span("", self.elapsed - 1, self.elapsed - 1, False)

    @cached_property
    def planned(self) -> dict[str, float]:
        """The values that the plan counts on."""
        return self.plan.planned

    def value(self, quantity: Quantity) -> float:
        """A number of the plan when the new plan starts, at the values that it counts on."""
        return float(quantity.at(self.start).of(self.planned))

    def miss(self, words: str) -> None:
        """Note what is missing or wrong, and cannot be taken from the plan."""
        self.untold.append(Untold("", words))

    def is_taken(self, kind: Assumed, words: str) -> bool:
        """Whether what is not told is to be taken from the plan; otherwise it is noted as missing."""
        if kind in self.assume:
            return True
        self.untold.append(Untold(kind, words))
        return False

    def beside(self, suffix: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> dict[str, str]:
        """Put a CSV file beside the plan, and say how the plan names it."""
        self.files[name := f"{self.stem}.{suffix}.csv"] = as_csv(columns, rows)
        return {"file": name}


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    r"""Rows as the text of a CSV file; numbers with the fewest digits that are enough for a cent.

    >>> as_csv(["a", "b"], [{"a": 2.0, "b": 1 / 3}, {"a": "x"}])
    'a,b\n2,0.33\nx,\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column, "")) for column in columns] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    return cents(value) if isinstance(value, float) else value


def cents(value: float) -> float | int:
    """A number to the cent; whole where it is.

    >>> cents(3.0), cents(2.005001)
    (3, 2.01)
    """
    rounded = round(float(value), 2)
    return int(rounded) if rounded == int(rounded) else rounded
