"""The floor: the variates that the paths of a plan take, from the kernel's generator, with nothing else done.

`variates` counts them from the outputs of paths, one rule a line, by the address table of docs/model.md, section 1.
`replay` draws as many of each kind, with the parameters that the discrete laws have on these paths.
"""

from typing import NamedTuple

import numpy as np

from bench.apart import apart
from simengine.kernel.jit import ZERO, outermost, variate
from simengine.kernel.random import (
    DEAL,
    WIDTH,
    binomial,
    exponential,
    lognormal_factor,
    lognormal_factors,
    negative_binomial,
    neighbours,
    poisson,
    uniforms,
)
from simengine.kernel.tables import BandKind, Calendar, Cell, Group, Pool, Row, Seat, Segment

POISSON, NEGATIVE_BINOMIAL, BINOMIAL = 0, 1, 2
CONTINUOUS = ("block", "lognormal", "exponential")
SIGMA = 0.5
"""Of a lognormal factor; any takes as long."""


class Variates(NamedTuple):
    """Variates of all paths together; `counts` by what they are for and kind: `block`, `lognormal` or `exponential`."""

    counts: dict[tuple[str, str], float]
    kinds: np.ndarray
    """Of each discrete variate."""
    first: np.ndarray
    """Its mean, or how many are tried."""
    second: np.ndarray
    """Its overdispersion, or the chance of each."""
    paths: int

    def total(self, kind):
        return sum(count for (_, counted), count in self.counts.items() if counted == kind)

    def table(self):
        """Rows (purpose, kind, number a path)."""
        names = {POISSON: "Poisson", NEGATIVE_BINOMIAL: "negative binomial", BINOMIAL: "binomial"}
        rows = [(purpose, kind, count / self.paths) for (purpose, kind), count in self.counts.items()]
        return rows + [("", name, np.sum(self.kinds == kind) / self.paths) for kind, name in names.items()]


def variates(tables, slots, varying, outputs):
    """Count the variates of paths: `slots` and `varying` are their numbers, `outputs` those of `named`."""
    value = numbers_by_month(tables, slots, varying)
    discrete = [*arrivals(tables, value, outputs), *early_rows(tables, value), *unsold(tables, value, outputs)]
    counts = {("ARRIVALS, OPEN, UNSOLD", "block"): sum(blocks for blocks, *_ in discrete)}
    counts |= people(tables, value, outputs) | opportunities(tables, outputs) | customers(tables, outputs)
    found = [(kind, *np.broadcast_arrays(a, b)) for _, kind, a, b in discrete]
    return Variates(
        {name: float(count) for name, count in counts.items() if count},
        np.concatenate([np.full(a.size, kind) for kind, a, _ in found]),
        np.concatenate([a.ravel() for _, a, _ in found]).astype(np.float64),
        np.concatenate([b.ravel() for _, _, b in found]).astype(np.float64),
        len(slots),
    )


def numbers_by_month(tables, slots, varying):
    """Numbers (path, month, slot)."""
    value = np.repeat(slots[:, None, :], varying.shape[1], axis=1)
    value[:, :, tables.varying[:, 0]] = varying
    return value


def people(tables, value, outputs):
    """START, PERSON, CAREER: who starts or follows."""
    groups, start = tables.groups, tables.calendar[Calendar.START]
    kinds = [(purpose, kind) for purpose in ("START", "PERSON", "CAREER") for kind in CONTINUOUS]
    counts, paths = dict.fromkeys(kinds, 0), len(value)
    for g, row in enumerate(groups):
        planned = tables.seats[tables.seats[:, Seat.GROUP] == g, Seat.PLANNED]
        hires = paths * np.sum(planned > start) * bool(value[:, 0, row[Group.DELAY]].any())
        left = outputs["group"]["leavers"][..., g].sum() * row[Group.BACKFILL]
        seated = paths * len(planned) + left
        spreads = [value[:, 0, row[column]].any() for column in (Group.PRODUCTIVITY_SIGMA, Group.RAMP_SIGMA)]
        never, promoted = value[:, 0, row[Group.NEVER_SHARE]].any(), row[Group.PROMOTED_INTO] != -1
        counts["START", "block"] += hires + left  # the delay of a hire; the lag of who follows
        counts["START", "lognormal"] += hires * bool(value[:, 0, row[Group.DELAY_SIGMA]].any())
        counts["PERSON", "block"] += seated  # one for everybody who is ever seated
        counts["PERSON", "lognormal"] += seated * sum(map(bool, spreads))  # productivity, length of ramp
        counts["PERSON", "exponential"] += seated  # lifetime
        counts["CAREER", "block"] += seated * (promoted or bool(never))
        counts["CAREER", "exponential"] += seated * promoted  # months until ready for promotion
    return counts


def arrivals(tables, value, outputs):
    """ARRIVALS: (blocks, kind, parameters) of each cell and stage; what arrived stands for its mean."""
    reached = outputs["reached"]
    for c, cell in enumerate(tables.cells):
        arrived = reached[:, :, c, 0] + outputs["cell"]["dropped"][..., c]
        some = arrived > 0
        over = value[:, :, cell[Cell.OVERDISPERSION]]
        kind = NEGATIVE_BINOMIAL if (over > 1.0).any() else POISSON
        yield some.sum(), kind, arrived[some], over[some]
        short = outputs["cell"]["dropped"][..., c] > 0
        yield 0, BINOMIAL, arrived[short], (reached[:, :, c, 0] / np.maximum(1.0, arrived))[short]
        for stage in range(tables.rates.shape[1]):
            count, rate = reached[:, :, c, stage], value[:, :, tables.rates[c, stage]]
            lag = value[:, :, tables.stage_lags[c, stage]] % 1.0
            passing = (count > 0) & ((rate < 1.0) | (lag > 0.0))
            yield passing.sum(), BINOMIAL, count[passing], rate[passing]
            late = passing & (lag > 0.0)
            yield 0, BINOMIAL, np.round(count * rate)[late], lag[late]


def early_rows(tables, value):
    """OPEN: each early row of the opening pipeline, at every stage that is left."""
    for row in tables.pipeline:
        count = np.full(len(value), float(row[Row.COUNT]))
        for stage in range(row[Row.STAGE], tables.rates.shape[1]):
            rate = value[:, 0, tables.rates[row[Row.CELL], stage]]
            yield len(value), BINOMIAL, np.round(count), rate
            count = count * rate


def unsold(tables, value, outputs):
    """UNSOLD: expansions not won, and those nobody has time for, of each segment and month."""
    out = outputs["segment"]
    for s, segment in enumerate(tables.segments):
        mean = out["customers"][..., s] * value[:, :, segment[Segment.EXPANSION_RATE]]
        covered, win_rate = out["expansion_coverage"][..., s], value[:, :, segment[Segment.EXPANSION_WIN_RATE]]
        some = mean > 0.0
        idle = some & (covered < 1.0)
        yield some.sum(), POISSON, (mean * covered * (1.0 - win_rate))[some], 1.0
        yield 0, POISSON, (mean * (1.0 - covered))[idle], 1.0


def opportunities(tables, outputs):
    """DEAL, QUEUE: every opportunity that starts or goes on; who has a territory or finds no room at once."""
    segment, pool, cells = outputs["segment"], outputs["pool"], tables.cells
    paths = len(outputs["reached"])
    last = tables.pipeline[tables.pipeline[:, Row.STAGE] == tables.rates.shape[1]]
    started = segment["started"].sum() + paths * last[:, Row.COUNT].sum()
    banded = {owner for owner, kind, *_ in tables.bands.tolist() if kind == BandKind.DEAL}
    sized = np.isin(np.arange(len(cells)), list(banded))
    created = outputs["cell"]["opportunities"].sum(axis=(0, 1))
    begun = segment["started"].sum(axis=(0, 1)) / np.maximum(1.0, segment["opportunities"].sum(axis=(0, 1)))
    sizes = (created * begun[cells[:, Cell.SEGMENT]])[sized].sum() + outputs["cell"]["won"].sum(axis=(0, 1))[
        ~sized
    ].sum()
    territories = tables.pools[:, Pool.TERRITORY] == 1
    full = pool["waiting"] > 0
    arrived = pool["arrived"]
    territory = arrived[..., territories].sum() + paths * _in_territories(tables, last)
    put_off = np.maximum(0.0, np.diff(pool["waiting"], axis=1, prepend=0.0) + pool["stale"]).sum()
    return {
        ("DEAL", "block"): started,
        ("DEAL", "lognormal"): started + sizes,  # the cycle; the size where there are bands, or if won
        ("QUEUE", "block"): territory + arrived[..., ~territories][full[..., ~territories]].sum(),
        ("QUEUE", "exponential"): put_off,  # patience of who finds no room
    }


def _in_territories(tables, rows):
    """Opportunities of rows of the opening pipeline whose segments have territories."""
    divided = np.unique(tables.pools[tables.pools[:, Pool.TERRITORY] == 1, Pool.SEGMENT])
    return rows[np.isin(tables.cells[rows[:, Row.CELL], Cell.SEGMENT], divided), Row.COUNT].sum()


def customers(tables, outputs):
    """TERM, EXPANSION: a block for every term that may be decided in the plan, and for every wait for an expansion."""
    out, paths = outputs["segment"], len(outputs["reached"])
    ever, won = paths * len(tables.customers) + out["new_customers"].sum(), out["expansions"].sum()
    renewals = out["renewals"].sum(axis=0)  # by month and segment
    again = sum(renewals[: _come_up_again_before(tables, s, len(renewals)), s].sum() for s in range(renewals.shape[1]))
    return {
        ("TERM", "block"): ever + again,
        ("EXPANSION", "block"): (ever + won) if won else 0,
        ("EXPANSION", "lognormal"): won,  # size
        ("EXPANSION", "exponential"): won,  # what lies beyond the plan needs no logarithm
    }


def _come_up_again_before(tables, s, months):
    """The month before which who renews in segment s may decide once more within the plan."""
    row = tables.segments[s]
    if row[Segment.TERMS] == 0:
        return 0
    shortest = tables.terms[row[Segment.FIRST_TERM], 0]
    return max(0, months - shortest + row[Segment.EARLY_MONTHS] + row[Segment.LATE_MONTHS])


def replay(found, draw=0, together=True):
    """Draw all these variates anew; returns their sum, so that none can be left out.

    Neighbours together, so that the processor works on several at once, as the kernel does where it can; or one by one,
    by a call for each.
    """
    counts = (int(found.total(kind)) for kind in CONTINUOUS)
    arguments = (together, *counts, found.kinds, found.first, found.second, draw)
    if together:
        return _together(*arguments)
    with apart():
        return _one_by_one(*arguments)


def _replay(together, blocks, lognormals, exponentials, kinds, first, second, draw):
    luck, key, total = np.empty((8, WIDTH)), np.uint64(1), 0.0
    done = factors = waits = discrete = 0
    while done < blocks:
        n = min(WIDTH, blocks - done)
        if together:
            neighbours(key, key, draw, done, n, ZERO, DEAL, luck)
        else:
            for i in range(n):
                luck[0, i], luck[1, i], luck[2, i], luck[3, i] = uniforms(key, key, draw, done + i, ZERO, DEAL, ZERO)
        done += n
        # every kind in proportion to the blocks that are done, from the uniforms at hand
        until = exponentials * done // blocks
        for i in range(until - waits):
            total += exponential(luck[3, i % n])
        waits, until = until, kinds.size * done // blocks
        for i in range(discrete, until):
            total += _quantile(kinds[i], first[i], second[i], luck[2, i % n])
        discrete, until = until, lognormals * done // blocks
        for row in range(4):
            some = min(n, until - factors)
            factors += some
            if together:
                lognormal_factors(SIGMA, some, luck[row], luck[4:])
            else:
                for i in range(some):
                    luck[row, i] = lognormal_factor(SIGMA, luck[row, i])
        for row in range(4):
            for i in range(n):
                total += luck[row, i]
    return total


_together, _one_by_one = outermost(_replay), outermost(_replay)


@variate
def _quantile(kind, a, b, u):
    if kind == POISSON:
        return poisson(a, u)
    if kind == NEGATIVE_BINOMIAL:
        return negative_binomial(a, b, u)
    return binomial(int(a), b, u)
