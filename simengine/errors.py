"""What can go wrong, in words that say what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FOREIGN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What data of somebody else raise where they are taken for ours."""


class SimengineError(Exception):
    """Base of every error that simengine raises on purpose. `exit_code` is what the command line returns."""

    exit_code = 2


class MachineError(SimengineError):
    """The machine failed us (disk full, permission denied, a stored file damaged), not the plan."""

    exit_code = 3


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in an input file.

    `line` and `column` count from 1, in a CSV file `column` counts the cells; 0 where the file as a whole is meant.
    `key` is where the mistake stands in the plan ('' outside any key), `expected` what to write or do instead.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    expected: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        words = f"{self.key}: {self.message}" if self.key else self.message
        return f"{place}  {words}" + (f"; {self.expected}" if self.expected else "")


class PlanError(SimengineError):
    """Every mistake found in a plan, at once, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))
