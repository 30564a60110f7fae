"""What every entry of a plan has in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from simengine.plan.known import Known
from simengine.plan.scalars import Fault, wrong


def choice(model: BaseModel, *keys: str) -> Iterator[Fault]:
    """The mistake of an entry in which not exactly one of some keys is given."""
    given = [key for key in keys if getattr(model, key) is not None]
    if not given:
        yield Fault((), f"none of {', '.join(keys)} is given", "expected one of them")
    elif len(given) > 1:
        yield Fault((given[1],), f"{given[0]} is given too", "keep one of them")


class Model(BaseModel):
    """Strict: an unknown key is a mistake, a default is declared here and shown by `check --explain`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, arbitrary_types_allowed=True)

    def faults(self, known: Known) -> Iterator[Fault]:
        """Mistakes that concern several keys of this entry, or what else the plan declares."""
        yield from ()

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        if info.context is not None:
            faults = tuple(self.faults(info.context))
            if faults:
                raise wrong(*faults)
        return self
