"""What changes with tenure: steps of a number, and their integrals."""

from __future__ import annotations

from simengine.kernel.jit import step


@step
def level(first, last, before, tenure, bands):
    """What `bands[first:last]` say at a tenure in months; `before` the first of them."""
    found = before
    for b in range(first, last):
        if bands[b].since > tenure:
            break
        found = bands[b].times
    return found


@step
def integral(first, last, before, low, high, bands):
    """∫ of `level` over tenures from `low` to `high`."""
    if first < last and bands[last - 1].since <= low:
        return bands[last - 1].times * (high - low)
    total, found, reached = 0.0, before, low
    for b in range(first, last):
        band = bands[b]
        start = min(max(band.since, low), high)
        total += found * (start - reached)
        found, reached = band.times, start
    return total + found * (high - reached)
