"""Whether every interval that simengine prints holds the truth as often as it says: by repetition.

Which interval is printed where, which function makes it, and what repeats it, is in `bench/trust/printed.py`; the cases
are in `intervals_of_draws.py`, `intervals_of_runs.py` and `intervals_of_records.py`, the criterion is in
`repetition.py`: an exact binomial test of each quantity at a millionth, downwards for all, and upwards (missing the
truth less than half as often as said) for those that are not known to be wide. Intervals half as wide, a quarter of
those known to be wide, must be rejected by the same test.

The criterion was set before any result was seen. What a first look at a few hundred repetitions led to:

- mended: the outer fifths of a tornado, effects of `direction` and what a plan value is worth, effects of pairs and
  bends, value and distance of the most plausible miss, medians of `lookback` (95 % for 90 %);
- said to be short, in docs/methods.md: P20 and P80 of typical misses, sizes of jumps;
- said to be wide, with the reason beside the case: EVPPI, places of thresholds, shares that are zero, exact intervals;
- left out after the campaign: `fit`'s price increase, which these records tell exactly, so that a quarter of its
  interval, too, held the truth every time (`tests/learn/recovery.py` counts it);
- changed in the cases: a bend so strong that it is always found, no median of counts (ties hold too much for any
  negative control), of the cockpit's bars one that is zero (no interval of them is printed, only whether it is sure).

`python -m bench.trust.intervals [FILE]` runs all; FILE keeps what is done, so that a campaign can be taken up again.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.trust import intervals_of_draws, intervals_of_records, intervals_of_runs
from bench.trust.record import Line, record
from bench.trust.repetition import Case, Held, covered, faults

CASES = [*intervals_of_draws.CASES, *intervals_of_runs.CASES, *intervals_of_records.CASES]

Found = Mapping[str, Mapping[str, Held]]
"""By case and quantity."""


def repeated(cases: Sequence[Case], kept: Path | None) -> Found:
    """Repeat cases; those that are in a file are read from it, and those that are done are added."""
    found = {} if kept is None or not kept.exists() else _read(kept)
    for case in cases:
        if case.name in found:
            continue
        found[case.name] = covered(case)
        print(f"{case.name}: {'; '.join(faults(case, found[case.name])) or 'as said'}", flush=True)
        if kept is not None:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([case.name, found[case.name]]) + "\n")
    return {case.name: found[case.name] for case in cases}


def _read(kept: Path) -> dict[str, dict[str, Held]]:
    rows = map(json.loads, kept.read_text(encoding="utf-8").splitlines())
    return {name: {quantity: Held(*counts) for quantity, counts in held.items()} for name, held in rows}


def lines(cases: Sequence[Case], found: Found) -> Iterator[Line]:
    """One line for each family of intervals, and one of what is not kept."""
    for family in dict.fromkeys(case.family for case in cases):
        here = [case for case in cases if case.family == family]
        yield _line(family, here, found)
    wrong = [fault for case in cases for fault in faults(case, found[case.name])]
    quantities = sum(len(found[case.name]) for case in cases)
    yield Line(
        "no interval is too short without being said to be, and none is too long",
        "exact binomial test of each quantity at 1e-6, and its negative control: an interval half or a quarter as wide",
        f"{quantities} quantities, {sum(held.told for each in found.values() for held in each.values()):,} intervals",
        "; ".join(wrong) or "all pass, all negative controls are rejected",
    )


def _line(family: str, cases: Sequence[Case], found: Found) -> Line:
    level = cases[0].level if len({case.level for case in cases}) == 1 else None
    rows = [(case, name, held) for case in cases for name, held in found[case.name].items()]
    honest = [row for row in rows if not row[0].is_wide(row[1]) and row[0].promised(row[1]) == row[0].level]
    said = [_least("", honest)] if honest else []
    said += [_least("wide on purpose: ", wide)] if (wide := [row for row in rows if row[0].is_wide(row[1])]) else []
    short = [row for row in rows if row[0].promised(row[1]) != row[0].level]
    said += [_least("known to be short: ", short)] if short else []
    count = f"{len(rows)} quantities, {_between([held.told for _, _, held in rows])} repetitions each"
    stated = "90 and 95 %" if level is None else f"{level:.0%}"
    return Line(f"{family}: intervals hold {stated}", ", ".join(case.name for case in cases), count, "; ".join(said))


def _least(what: str, rows: Sequence[tuple[Case, str, Held]]) -> str:
    """The quantity that is furthest below what is said of it, and the mean."""
    case, name, held = min(rows, key=lambda row: row[2].coverage - row[0].level)
    low, high = held.interval
    mean = sum(one.coverage for _, _, one in rows) / len(rows)
    return (
        f"{what}{mean:.1%} on average, least {held.coverage:.1%} ({low:.1%} to {high:.1%}), {case.name}: "
        f"{name or case.name}"
    )


def _between(counts: Sequence[int]) -> str:
    return f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"


def main() -> None:
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    record("intervals", list(lines(CASES, repeated(CASES, kept))))


if __name__ == "__main__":
    main()
