"""Reading numbers that a person wrote: every mistake is collected, with its place and what was expected."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from simengine.errors import SimengineError

Key = tuple[str | int, ...]
"""Where something stands: the keys and list positions that lead to it."""


def shown(x: float) -> str:
    """Return a number as a reader would write it.

    >>> shown(0.22), shown(1250000.0), shown(7.0)
    ('0.22', '1,250,000', '7')
    """
    return f"{x:,.0f}" if 1e5 <= abs(x) <= LARGEST else f"{x:.6g}"


def share(p: float) -> str:
    """Return a probability as a percentage.

    >>> share(0.075)
    '7.5 %'
    """
    return f"{100 * p:.4g} %"


def quoted(raw: object) -> str:
    """Return what was written, shortened, so that it can stand in a message."""
    if raw is None:
        return "nothing"
    words = str(raw).lower() if isinstance(raw, bool) else repr(raw)
    return words if len(words) <= 40 else f"{words[:37]}..."


def nearest(name: object, valid: Iterable[str]) -> str:
    """Return the valid name that is most like `name`, or all of them.

    >>> nearest("tringular", ["normal", "triangular"])
    'triangular, the nearest name'
    """
    names = sorted(valid)
    close = difflib.get_close_matches(str(name), names, n=1)
    if close:
        return f"{close[0]}, the nearest name"
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"one of {listed}" if names else "no name at all: none is declared"


class SpecProblem(NamedTuple):
    """One mistake: where it stands relative to what was read, what is wrong, what was expected."""

    path: Key
    message: str
    expected: str = ""

    def __str__(self) -> str:
        place = ".".join(map(str, self.path))
        words = f"{place}: {self.message}" if place else self.message
        return f"{words}; expected {self.expected}" if self.expected else words


class SpecError(SimengineError):
    """Every mistake found in one reading, at once."""

    def __init__(self, problems: Sequence[SpecProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Wrong(Exception):  # noqa: N818  not an error for a user: the reader turns it into a SpecProblem
    """Numbers that are fine one by one do not fit together; `parameter` is the one to blame."""

    def __init__(self, parameter: str, message: str, expected: str) -> None:
        self.parameter, self.message, self.expected = parameter, message, expected
        super().__init__(message)


class Bounds(NamedTuple):
    """What a number must satisfy, and the words for it."""

    holds: Callable[[float], bool]
    words: str
    exact_words: str

    @staticmethod
    def within(low: float, high: float) -> Bounds:
        """Both ends included."""
        words = f"from {shown(low)} to {shown(high)}"
        return Bounds(lambda x: low <= x <= high, words, words)


ANY = Bounds(lambda x: True, "a number", "")
POSITIVE = Bounds(lambda x: x > 0, "above 0", "above 0")
INNER_FRACTION = Bounds(lambda x: 0 < x < 1, "between 0 and 1", "strictly between 0 and 1")
PROBABILITY = Bounds.within(0, 1)

LARGEST, SMALLEST = 1e15, 1e-15
"""Beyond the one, cents are no longer told apart; what is nearer to 0 than the other is a slip of the pen."""


class Reader:
    """Collects the problems of one reading."""

    def __init__(self) -> None:
        self.problems: list[SpecProblem] = []

    def wrong(self, path: Key, message: str, expected: str = "") -> None:
        """Note one problem."""
        self.problems.append(SpecProblem(path, message, expected))

    def number(self, path: Key, raw: object, bounds: Bounds = ANY, name: str = "number") -> float:
        """Return `raw` as a float within `bounds`; note a problem and return NaN if it is not."""
        wanted = f"{'an' if name in ('alpha', 'n', 'sd') else 'a'} {name} {bounds.exact_words}".rstrip()
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            self.wrong(path, f"{quoted(raw)} is not a number", wanted)
        elif abs(raw) > LARGEST:
            self.wrong(path, f"{quoted(raw)} is too large", f"{wanted}, at most 1e15 in size")
        elif 0 < abs(raw) < SMALLEST:
            self.wrong(path, f"{quoted(raw)} is too small", f"{wanted}, 0 or at least 1e-15 in size")
        elif math.isnan(raw):
            self.wrong(path, "nan is not a number", wanted)
        elif not bounds.holds(raw):
            self.wrong(path, f"{shown(raw)} is not {bounds.words}", wanted)
        else:
            return float(raw)
        return math.nan
