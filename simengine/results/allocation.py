"""Sales and marketing spend of a period by channel and segment (docs/model.md, section 3)."""

from __future__ import annotations

import numpy as np

from simengine.plan.schema import Plan
from simengine.results.costs import SALES_AND_MARKETING, Costs, booked_in, groups_of
from simengine.results.paths import Array, Paths, added, cells_of, over_period


def spend_by_cell(plan: Plan, paths: Paths, costs: Costs, first: int, last: int) -> Array:
    """S&M spend of the months `first` to `last`: (channel, segment, draw), with a last row for what has no channel.

    A channel's spend goes by its opportunities of the period; people of a segment's seats by the opportunities of the
    segment that sellers work; everything else by all opportunities that sellers work. Where there are no such
    opportunities, a channel's spend is shared evenly by its segments, and the rest has no channel. Rows and columns
    add up to the company's spend.
    """
    channels, segments = sorted(plan.funnel.channels), sorted(plan.segments)
    shape = paths.reached.shape[:2]
    draws = shape[0]
    arrived = np.zeros((len(channels), len(segments), draws))
    served = np.zeros((len(channels), len(segments)), np.bool_)
    for index, (channel, segment) in enumerate(cells_of(plan)):
        place = channels.index(channel), segments.index(segment)
        arrived[place] = over_period(paths.cell["opportunities"][:, :, index], "flow", first, last)
        served[place] = True
    sold = np.array([plan.funnel.channels[name].sold_by == "sellers" for name in channels], np.bool_)
    worked = np.concatenate((arrived * sold[:, None, None], np.zeros((1, len(segments), draws))))

    def total(monthly: Array) -> Array:
        return over_period(np.broadcast_to(monthly, shape), "flow", first, last)

    out = np.zeros((len(channels) + 1, len(segments), draws))
    for c, name in enumerate(channels):
        out[c] += total(costs.channels[name]) * _shares(arrived[c], served[c])
    nobody = np.zeros(len(channels) + 1, np.bool_)
    nobody[-1] = True
    rest = added((costs.events[e] for e in costs.events if plan.events[e].cost_in == SALES_AND_MARKETING), shape)
    people: dict[str, list[Array]] = {}
    for g, group in enumerate(groups_of(plan)):
        if booked_in(plan, group) != SALES_AND_MARKETING:
            continue
        if group.segment is None:
            rest += costs.seats.total[:, :, g]
        else:
            people.setdefault(group.segment, []).append(costs.seats.total[:, :, g])
    for segment, spent in people.items():
        s = segments.index(segment)
        out[:, s] += total(added(spent, shape)) * _shares(worked[:, s], nobody)
    evenly = np.repeat(nobody, len(segments))
    shares = _shares(worked.reshape(-1, draws), evenly).reshape(worked.shape)
    return out + total(rest) * shares


def _shares(numbers: Array, otherwise: np.ndarray) -> Array:
    """Columns of (n, draw) divided by their sums; evenly over the places in `otherwise` where a sum is zero."""
    sums = added(numbers, numbers.shape[1:])
    even = otherwise / max(1, otherwise.sum())
    return np.where(sums > 0, numbers / np.where(sums > 0, sums, 1.0), even[:, None])
