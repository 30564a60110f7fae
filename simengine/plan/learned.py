"""`learned:` what a plan has been updated with: the plan before, the records, and how beliefs hang together since."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from simengine.assumptions.dependence import Dependence as Copula
from simengine.plan.entry import Model
from simengine.plan.fields import Correlation, Day, Month, Ref, Title, UncertainRef
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, mistake, shown


def _digest(raw: object) -> str:
    if not isinstance(raw, str) or not re.fullmatch("[0-9a-f]{64}", raw):
        raise mistake(f"{shown(raw)} is not a digest", "expected 64 digits and letters from a to f, in quotes")
    return raw


Digest = Annotated[str, BeforeValidator(_digest)]
"""SHA-256 in hexadecimal digits."""


class PlanBefore(Model):
    """The plan before any actuals: its file, and the digest of its document."""

    file: Title
    digest: Digest


class Evidence(Model):
    """Records that were learned from: their mapping file, the day until which they count, and their digest."""

    file: Title
    as_of: Day
    digest: Digest


class LearnedCorrelation(Model):
    """The total Spearman correlation of two assumptions, or events, after all evidence."""

    a: UncertainRef
    b: UncertainRef
    rho: Correlation


class LearnedDependence(Model):
    """How beliefs hang together after all evidence; nothing else that is said of these names is read any more."""

    rows: tuple[LearnedCorrelation, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Of whom it speaks."""
        return frozenset(name for row in self.rows for name in (row.a, row.b))

    def copula(self) -> Copula:
        """What is learned as a Gaussian copula; raises DependenceError where it is impossible."""
        return Copula.build(self.names, {}, [(row.a, row.b, row.rho) for row in self.rows])


class MovedHires(Model):
    """By how many the hires of a month are others than were planned before any actuals, because of who was there.

    Hires who came early are taken out. Seats of leavers and late hires are `expected` by their group.
    """

    seats: Annotated[str, Ref("seat group")]
    month: Month
    number: Annotated[int, Constant("count", -100_000, 100_000, whole=True, example="1")]


class Learned(Model):
    """`learned:` what made this plan of an earlier one; only `dependence` changes what is simulated."""

    origin: Annotated[PlanBefore, Field(alias="from")]
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    dependence: LearnedDependence = LearnedDependence()
    hires: tuple[MovedHires, ...] = ()

    def faults(self, known: Known) -> Iterator[Fault]:
        """The plan knows what its evidence says, and each record once."""
        if known.header is None:
            return
        as_of = known.header.as_of
        seen: set[str] = set()
        for index, evidence in enumerate(self.evidence):
            if as_of is not None and evidence.as_of > as_of:
                message = f"{evidence.as_of} is after plan.as_of, {as_of}"
                yield Fault(("evidence", index, "as_of"), message, "correct one of them")
            if evidence.digest in seen:
                yield Fault(("evidence", index, "digest"), "these records stand here twice", "keep one of them")
            seen.add(evidence.digest)
        if as_of is None:
            yield Fault((), "the plan does not say until when it knows", "add as_of to plan")
