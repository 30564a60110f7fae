"""`--require`: which targets must be reached how surely, and whether they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simengine.errors import SimengineError

if TYPE_CHECKING:
    from simengine.plan import Plan


class NotReachedError(SimengineError):
    """A required confidence was not reached."""

    exit_code = 4


def requirements(plan: Plan, given: Sequence[str]) -> dict[str, float]:
    """The probability that each target must have.

    Parameters
    ----------
    plan : its targets may declare a confidence
    given : each `TARGET=P` with P like 0.5 or 50%, `TARGET` with the declared confidence, or `all` that declare one

    Raises
    ------
    SimengineError
        for what cannot be required of this plan
    """
    declared = {target.name: target.confidence for target in plan.targets}
    found: dict[str, float] = {}
    for text in given:
        if text in declared:
            found[text] = _declared(text, declared[text])
        elif text == "all":
            found |= _all(declared)
        else:
            name, confidence = _written(text, declared)
            found[name] = confidence
    return found


def _declared(name: str, confidence: float | None) -> float:
    if confidence is None:
        raise SimengineError(f'--require {name}: the plan declares no confidence; write it, like "{name}=0.5"')
    return confidence


def _all(declared: Mapping[str, float | None]) -> dict[str, float]:
    found = {name: confidence for name, confidence in declared.items() if confidence is not None}
    if not found:
        raise SimengineError("--require all: no target of the plan declares a confidence; write TARGET=P")
    return found


def _written(text: str, declared: Mapping[str, float | None]) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    name = name.strip() if equals else text
    if name not in declared:
        from simengine.plan.scalars import nearest

        raise SimengineError(f"--require {text}: no target is named {name!r}; {nearest(name, declared)}")
    return name, probability(number, f"--require {text}")


def probability(text: str, option: str) -> float:
    """A probability between 0 and 1 as it is written for an option, like 0.5 or 50%."""
    digits = text.strip()
    try:
        found = float(digits.removesuffix("%")) / (100 if digits.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 < found < 1:
        raise SimengineError(f"{option}: {digits!r} is not a probability like 0.5 or 50%")
    return found


def compared(targets: Sequence[Mapping[str, Any]], required: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each requirement beside what was reached; the estimate counts, not an end of its interval."""
    reached = {target["name"]: target["probability"] for target in targets}
    return [
        {
            "target": name,
            "confidence": confidence,
            "probability": reached[name]["value"],
            "lower": reached[name]["lower"],
            "upper": reached[name]["upper"],
            "reached": reached[name]["value"] >= confidence,
        }
        for name, confidence in required.items()
    ]


def insist(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise NotReachedError with a line for each requirement that was not reached."""
    missed = list(_missed(rows))
    if missed:
        raise NotReachedError("\n".join(missed))


def _missed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    from simengine.report.words import between, percent

    for row in rows:
        if not row["reached"]:
            chance = f"{percent(row['probability'])} ({between(row['lower'], row['upper'], 'fraction')})"
            yield f"{row['target']} is reached with probability {chance}; {percent(row['confidence'])} is required"
