"""The model of docs/model.md vectorised over paths with NumPy: loops over months, cells, groups and pools only.

A rival to measure the kernel against, with NumPy's own random numbers: the same law and other luck. `simulate_paths`
takes what the kernel takes and gives what it gives.
"""

import numpy as np

from bench.outputs import empty, named
from bench.vectorised.arrays import Numbers
from bench.vectorised.customers import Customers
from bench.vectorised.demand import Demand
from bench.vectorised.market import Market
from bench.vectorised.people import People
from simengine.kernel.tables import Cell, CellOut, Group, Segment, SegmentOut

RENEWAL, EXPANSION, BY_ARR = 1, 2, 4
ALL_SEGMENTS = -1


def simulate_paths(tables, slots, varying, rng):
    """One path for each row of `slots` (path, slot), as the kernel's `run_block`, with chance from `rng`.

    `varying` (path, month, n) holds what changes from month to month. Returns outputs by name.
    """
    numbers, out = Numbers(tables, slots, varying), empty(tables, len(slots))
    value = numbers.of_month(0)
    people = People(tables, numbers, rng, out)
    market, demand = Market(tables, people, value, rng, out), Demand(tables, rng, out)
    subscriptions = np.flatnonzero(tables.segments[:, Segment.SUBSCRIPTION] == 1)
    books = {int(s): Customers(s, tables, value, rng, out) for s in subscriptions}
    for t in range(out.reached.shape[1]):
        value = numbers.of_month(t)
        people.begin_month(t, value)
        cover(t, people.service, books, tables, out.segment)
        market.load_numbers(value)
        created, passing = demand.create(t, people, value), demand.passing(value) if t == 0 else None
        if t == 0:
            market.resume(value)
        market.take_up(t, created, passing, value)
        before = {s: book.n for s, book in books.items()}
        admit(t, market.close(t, value), books, tables, value)
        people.promote(t, value)
        market.hand_over(t, value)
        for s, book in books.items():
            book.renew(t, out.segment[:, SegmentOut.RENEWAL_COVERAGE, t, s], value)
            book.expand(t, before[s], out.segment[:, SegmentOut.EXPANSION_COVERAGE, t, s], value)
            book.close_books(t)
        market.count(t)
        people.end_month(t, value)
    out.cell[:, CellOut.OPPORTUNITIES] = out.reached[..., -1]
    return named(out)


def admit(t, won, books, tables, value):
    """Deals won in month t become customers."""
    from scipy.special import ndtr

    share, path = value[tables.cells[won["cell"], Cell.OUTLIER_SHARE], won["path"]], won["path"]
    outlier = won["u_outlier"] < share
    rank = np.where(outlier, 1.0 - share + share * ndtr(won["z_size"]), (1.0 - share) * ndtr(won["z_size"]))
    rank[won["stated"] >= 0.0] = 0.5
    segment = tables.cells[won["cell"], Cell.SEGMENT]
    for s, book in books.items():
        index = np.flatnonzero(segment == s)
        index = index[np.argsort(path[index], kind="stable")]
        book.admit(t, path[index], won["amount"][index], rank[index], value)


def cover(t, service, books, tables, out):
    """Coverage of each segment in month t: Σ capacity/load over the groups that serve it, at most 1."""
    for output, duty in ((SegmentOut.RENEWAL_COVERAGE, RENEWAL), (SegmentOut.EXPANSION_COVERAGE, EXPANSION)):
        share = np.zeros((len(out), len(tables.segments)))
        served = np.zeros(len(tables.segments), np.bool_)
        for g in np.flatnonzero(tables.groups[:, Group.SERVES] & duty):
            own = tables.groups[g, Group.SEGMENT]
            segments = [own] if own != ALL_SEGMENTS else list(books)
            by_arr = tables.groups[g, Group.SERVES] & BY_ARR
            load = sum(books[s].total if by_arr else books[s].count for s in segments)
            share[:, segments] += np.divide(service[:, g], load, out=np.ones(len(out)), where=load > 0.0)[:, None]
            served[segments] = True
        out[:, output, t] = np.where(served, np.minimum(1.0, share), 1.0)
