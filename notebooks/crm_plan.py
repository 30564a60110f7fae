"""From a CRM export to a plan: `python notebooks/crm_plan.py FOLDER -o PLAN_FOLDER`.

FOLDER holds opportunities.csv, products.csv and sales_teams.csv. The company sells products once, so its metric is
bookings, not ARR. What is dropped or repaired is printed with the reason; what is open becomes the opening pipeline.

The three difficulties of such an export, and what is done about each:

1. *Open deals.* The newest deals have had no time to close, and those that closed are the fast ones. Rates from closed
   deals alone are biased. Here each open deal counts for the days that it has been open (`outcomes`).
2. *Left truncation.* The export holds nothing that closed before its first closing date. Of the deals engaged before,
   only the slow ones are seen, so only deals engaged since are used for rates.
3. *Deals that never close.* No deal has ever closed after 138 days, yet many are older. They are open in name only.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

AS_OF = date(2017, 9, 30)
DAYS_PER_MONTH = 365.25 / 12

REDATED = ("Central", date(2017, 7, 19), date(2017, 7, 31))
"""In these days this office engaged three times as many deals as usual, and of those that it engaged before July one is
open, while a sixth of the other offices' are. Its old open deals were given new dates: their age is not known."""

FEWEST_DEALS = 10
"""A product series that an office sold less often says too little for a rate of its own."""

WON, LOST, OPEN = 0, 1, 2
OUTCOME = {"Won": WON, "Lost": LOST, "Engaging": OPEN}


@dataclass(frozen=True)
class Deal:
    """One opportunity of the export."""

    office: str
    series: str
    rep: str
    outcome: int
    engaged: date
    age: int
    """Days from engagement to the close, or to the as-of date where it is open."""
    value: float

    @property
    def cell(self) -> tuple[str, str]:
        return self.office, self.series

    @property
    def month(self) -> str:
        return f"{self.engaged:%Y-%m}"

    @property
    def redated(self) -> bool:
        office, first, last = REDATED
        return self.outcome == OPEN and self.office == office and first <= self.engaged <= last


# %% Reading


def read(folder: Path, as_of: date, say: Callable[[str], None]) -> tuple[list[Deal], dict[str, str]]:
    """Read the export; say what was repaired, dropped or is odd. Returns the deals, and each rep's office."""
    offices = {row["sales_agent"]: row["regional_office"] for row in _rows(folder / "sales_teams.csv")}
    products = {row["product"]: row["series"] for row in _rows(folder / "products.csv")}
    spellings = {_key(product): product for product in products}
    repaired: Counter[tuple[str, str]] = Counter()
    dropped: Counter[str] = Counter()
    blank = 0
    deals = []
    for row in _rows(folder / "opportunities.csv"):
        product = spellings.get(_key(row["product"]))
        if product is not None and product != row["product"]:
            repaired[row["product"], product] += 1
        engaged, closed, outcome = _day(row["engage_date"]), _day(row["close_date"]), OUTCOME.get(row["deal_stage"])
        reason = _fault(row, product, offices, engaged, closed, outcome, as_of)
        if reason:
            dropped[reason] += 1
            continue
        assert product is not None
        assert engaged is not None
        assert outcome is not None
        blank += not row["account"]
        rep, age = row["sales_agent"], ((closed or as_of) - engaged).days
        deals.append(Deal(offices[rep], products[product], rep, outcome, engaged, age, float(row["close_value"] or 0)))

    say(f"{len(deals) + dropped.total():,} opportunities read, {len(deals):,} used.")
    for (written, product), n in repaired.items():
        say(f"Repaired: {n:,} are of product {written}; the price list calls it {product}.")
    for reason, n in dropped.items():
        say(f"Dropped: {n:,} {reason}.")
    if not dropped:
        say("Dropped: none. Each has a known product and rep, and dates that fit its stage.")
    say(f"{sum(d.outcome == OPEN for d in deals):,} are open, so without a close date: kept, they are the pipeline.")
    say(f"{blank:,} name no account: kept, nothing here is by account.")
    idle = sorted(offices.keys() - {deal.rep for deal in deals})
    if idle:
        say(f"{len(offices)} reps are listed, {len(offices) - len(idle)} have opportunities. None: {', '.join(idle)}.")
    return deals, {rep: office for rep, office in offices.items() if rep not in idle}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _key(product: str) -> str:
    return product.replace(" ", "").casefold()


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _fault(
    row: dict[str, str],
    product: str | None,
    offices: dict[str, str],
    engaged: date | None,
    closed: date | None,
    outcome: int | None,
    as_of: date,
) -> str:
    """Why an opportunity cannot be used; empty if it can."""
    if outcome is None:
        return f"at stage {row['deal_stage']}, not yet engaged"
    if product is None:
        return "of a product that is not in the price list"
    if row["sales_agent"] not in offices:
        return "of a rep who is in no team"
    if engaged is None or engaged > as_of:
        return "without a date of engagement up to the as-of date"
    if outcome == OPEN and closed is not None:
        return "open, with a close date"
    if outcome != OPEN and (closed is None or not engaged <= closed <= as_of):
        return "decided, without a close date between engagement and the as-of date"
    return ""


# %% Rates from deals of which some are still open


class Outcomes(NamedTuple):
    """What becomes of engaged deals. Leading dimensions are those of the counts; times are in days."""

    ends: Array
    """(…, 2, days) share that is won, and lost, on each day of age. The rest is never closed."""
    surviving: Array
    """(…, days) share that is open at the start of each day of age."""

    def share(self, outcome: int) -> Array:
        """Share of engaged deals that is won, or lost, in the end."""
        return np.asarray(self.ends[..., outcome, :].sum(axis=-1))

    def cycle(self, outcome: int) -> Array:
        """Mean days to it."""
        return np.asarray(
            (self.ends[..., outcome, :] * np.arange(self.ends.shape[-1])).sum(axis=-1) / self.share(outcome)
        )

    def spread(self, outcome: int) -> Array:
        """Coefficient of variation of the days to it."""
        squares = (self.ends[..., outcome, :] * np.arange(self.ends.shape[-1]) ** 2).sum(axis=-1) / self.share(outcome)
        return np.asarray(np.sqrt(squares / self.cycle(outcome) ** 2 - 1))

    @property
    def decided(self) -> Array:
        """Share that is won or lost in the end."""
        return self.share(WON) + self.share(LOST)

    @property
    def win_rate(self) -> Array:
        """Share won of those decided."""
        return np.asarray(self.share(WON) / self.decided)

    @property
    def live(self) -> Array:
        """(…, days) share of the deals open at each age that will be decided."""
        never = 1 - self.decided[..., None]
        return np.asarray(np.clip(1 - never / np.maximum(self.surviving, 1e-12), 0, 1))


def counts(deals: Sequence[Deal]) -> Array:
    """Number of deals by outcome (won, lost, open) and age in days: (3, days)."""
    table = np.zeros((3, max(deal.age for deal in deals) + 1))
    np.add.at(table, ([deal.outcome for deal in deals], [deal.age for deal in deals]), 1)
    return table


def outcomes(table: Array) -> Outcomes:
    """Estimate what becomes of engaged deals from `counts`, with leading dimensions for resamples.

    A won deal contributes its density `w f(t)`, a lost one `l g(t)`, an open one the share that is open at its age,
    `1 − w F(a) − l G(a)`. No shape is assumed for F and G: the maximum of this likelihood is the estimator of Aalen and
    Johansen (Scandinavian Journal of Statistics 5, 1978), daily hazards times the share still open. What stays open for
    ever is `1 − w − l`; that is only known where deals have been followed for longer than the longest cycle.
    """
    at_risk = np.maximum(table.sum(axis=-2)[..., ::-1].cumsum(axis=-1)[..., ::-1], 1)
    hazard = table[..., :OPEN, :] / at_risk[..., None, :]
    surviving = np.cumprod(1 - hazard.sum(axis=-2), axis=-1)
    surviving = np.concatenate([np.ones_like(surviving[..., :1]), surviving[..., :-1]], axis=-1)
    return Outcomes(hazard * surviving[..., None, :], surviving)


def resampled(table: Array, times: int = 400, seed: int = 1) -> Outcomes:
    """Outcomes of `times` samples drawn with replacement from the deals: their scatter is the standard error."""
    n = int(table.sum())
    drawn = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=times)
    return outcomes(drawn.reshape(times, *table.shape).astype(float))


class Estimate(NamedTuple):
    """A number from data: its value, standard error, and the observations behind it."""

    value: float
    error: float
    n: int


class Rates(NamedTuple):
    """What the plan needs to know of deals in general."""

    decided: dict[str, Estimate]
    win_rate: Estimate
    cycle_won: Estimate
    cycle_lost: Estimate
    cycle_spread: float
    live: dict[str, Array]
    """For each office, by age in days: share of open deals that will be decided."""
    longest: int
    """Days after which no deal has ever closed."""
    since: date


def rates(deals: Sequence[Deal], say: Callable[[str], None]) -> Rates:
    """Estimate win rate, share decided and cycle; say how, and what simpler sums would give."""
    first = min(deal.engaged.toordinal() + deal.age for deal in deals if deal.outcome != OPEN)
    since = date.fromordinal(first).replace(day=1)
    cohort = [deal for deal in deals if deal.engaged >= since]
    say(f"Nothing closed before {date.fromordinal(first)}. Rates are from opportunities engaged from {since} on.")
    longest = max(deal.age for deal in deals if deal.outcome != OPEN)
    dead = sum(deal.age > longest for deal in deals)
    say(f"Nothing has closed after more than {longest} days; {dead:,} open ones are older: dead, not in the pipeline.")
    moved = any(deal.redated for deal in deals)
    if moved:
        say_moved(deals, say)

    trusted = [deal for deal in cohort if not moved or deal.office != REDATED[0]]
    whole, samples = outcomes(counts(trusted)), resampled(counts(trusted))
    decided, live = {}, {}
    for office in sorted({deal.office for deal in deals}):
        own = [deal for deal in trusted if deal.office == office] or trusted
        decided[office] = estimated(outcomes(counts(own)).decided, resampled(counts(own)).decided, len(own))
        live[office] = outcomes(counts(own)).live
    n = [sum(deal.outcome == outcome for deal in trusted) for outcome in (WON, LOST)]
    win_rate = estimated(whole.win_rate, samples.win_rate, sum(n))
    spread = float(win_rate.value * whole.spread(WON) + (1 - win_rate.value) * whole.spread(LOST))
    cycle_won, cycle_lost = (
        estimated(whole.cycle(outcome) / DAYS_PER_MONTH, samples.cycle(outcome) / DAYS_PER_MONTH, n[outcome])
        for outcome in (WON, LOST)
    )
    won = [deal.age for deal in cohort if deal.outcome == WON]
    say(
        f"Of engaged opportunities {float(whole.decided):.1%} are decided and {float(whole.share(WON)):.1%} won; "
        f"of those decided {win_rate.value:.1%} ± {win_rate.error:.1%} are won. "
        f"(Won by now of all engaged: {len(won) / len(cohort):.1%}.)"
    )
    say(
        f"A won deal takes {float(whole.cycle(WON)):.0f} days (closed deals alone: {np.mean(won):.0f}), "
        f"a lost one {float(whole.cycle(LOST)):.0f}."
    )
    seen = (whole.ends[WON].cumsum() / whole.share(WON))[[30, 60, 90]]
    law = [lognormal_cdf(days, float(whole.cycle(WON)), spread) for days in (30, 60, 90)]
    say(
        f"Won within 30, 60, 90 days: {', '.join(f'{x:.0%}' for x in seen)}; in the plan, which knows no shape but the "
        f"lognormal, {', '.join(f'{x:.0%}' for x in law)}: trust its quarters more than its months."
    )
    return Rates(decided, win_rate, cycle_won, cycle_lost, spread, live, longest, since)


def lognormal_cdf(x: float, mean: float, spread: float) -> float:
    """P(X ≤ x) of a lognormal X with this mean and coefficient of variation."""
    s = math.sqrt(math.log1p(spread**2))
    return 0.5 * math.erfc(-(math.log(x / mean) + s * s / 2) / (s * math.sqrt(2)))


def estimated(value: Array, samples: Array, n: int) -> Estimate:
    """An estimate with the scatter of its resamples."""
    return Estimate(float(value), float(samples.std()), n)


def say_moved(deals: Sequence[Deal], say: Callable[[str], None]) -> None:
    """Say what is odd about the office that gave its old open deals new dates, and what is done about it."""
    office, first, last = REDATED
    before = [deal for deal in deals if deal.office == office and deal.engaged < first.replace(day=1)]
    open_now = sum(deal.outcome == OPEN for deal in before)
    say(
        f"{office} engaged {len(before):,} before {first:%B}, and {open_now} of them is open; elsewhere a sixth are. "
        f"From {first} to {last} it engaged three times as many as usual, {sum(deal.redated for deal in deals)} "
        f"of them open: old ones with new dates, it seems. Dropped from the pipeline, and {first:%B} from its volume; "
        f"its earlier months lack them and are raised; its outcomes are taken to be like those of the other offices."
    )


# %% Volumes, deal sizes, pipeline


def monthly(deals: Sequence[Deal], known: Rates, as_of: date) -> dict[tuple[str, str], list[float]]:
    """Engagements by office and series in each complete month.

    Of an office that gave its old open deals new dates, that month is left out. In the months before, only those
    decided are left: they are divided by the share that is decided.
    """
    moved = any(deal.redated for deal in deals)
    engaged = Counter((deal.cell, deal.month) for deal in deals)
    first, last = known.since.year * 12 + known.since.month - 1, as_of.year * 12 + as_of.month - 1
    months = [f"{number // 12}-{number % 12 + 1:02d}" for number in range(first, last + 1)]
    volumes: dict[tuple[str, str], list[float]] = {}
    for cell in sorted({deal.cell for deal in deals}):
        month_moved = f"{REDATED[1]:%Y-%m}" if moved and cell[0] == REDATED[0] else ""
        share = known.decided[cell[0]].value
        volumes[cell] = [
            engaged[cell, month] / (share if month < month_moved else 1.0) for month in months if month != month_moved
        ]
    return volumes


def overdispersion(volumes: Iterable[Sequence[float]]) -> float:
    """Variance of monthly numbers over their mean, pooled: Pearson's chi-squared by degrees of freedom."""
    chi, freedom = 0.0, 0
    for months in volumes:
        mean = np.mean(months)
        chi += float(((np.array(months) - mean) ** 2 / mean).sum())
        freedom += len(months) - 1
    return max(1.0, chi / freedom)


def mean_of(values: Sequence[float], least_variance: float = 0.0) -> Estimate:
    """Mean with its standard error; the variance is taken to be at least `least_variance`."""
    variance = max(float(np.var(values, ddof=1)), least_variance)
    return Estimate(float(np.mean(values)), math.sqrt(variance / len(values)), len(values))


def pipeline_of(deals: Sequence[Deal], known: Rates) -> list[Deal]:
    """The open deals that may still be decided."""
    return [deal for deal in deals if deal.outcome == OPEN and deal.age <= known.longest and not deal.redated]


def pipeline_rows(deals: Sequence[Deal], known: Rates) -> list[tuple[str, str, float, int]]:
    """Opening pipeline by office, series and month of age: (office, series, mean age in months, live opportunities).

    The export does not say which open deals will be decided, only how many. Counts are rounded so that the total of
    each office and series is right to one.
    """
    bins: dict[tuple[str, str, int], list[Deal]] = defaultdict(list)
    for deal in pipeline_of(deals, known):
        bins[deal.office, deal.series, int(deal.age / DAYS_PER_MONTH)].append(deal)
    rows = []
    carried: dict[tuple[str, str], float] = defaultdict(float)
    for (office, series, _), inside in sorted(bins.items()):
        expected = carried[office, series] + sum(float(known.live[office][deal.age]) for deal in inside)
        count = round(expected)
        carried[office, series] = expected - count
        if count:
            age = float(np.mean([deal.age for deal in inside])) / DAYS_PER_MONTH
            rows.append((office, series, round(age, 2), count))
    return rows


# %% Writing


class Study(NamedTuple):
    """All that the plan is written from."""

    deals: list[Deal]
    reps: dict[str, str]
    rates: Rates
    volumes: dict[tuple[str, str], list[float]]
    as_of: date

    @property
    def offices(self) -> list[str]:
        return sorted({office for office, _ in self.volumes})

    def won(self, cell: tuple[str, str]) -> list[float]:
        """Values of the won deals of an office and series."""
        return [deal.value for deal in self.deals if deal.cell == cell and deal.outcome == WON]

    @property
    def moved(self) -> bool:
        """Whether an office gave its old open deals new dates."""
        return any(deal.redated for deal in self.deals)


class Load(NamedTuple):
    """Live opportunities that a rep works on in a month: open when it starts, or engaged in it."""

    busiest_office: float
    """Average of its reps, in its fullest month."""
    busy_rep: float
    """One rep in ten has more in a month."""
    busiest_rep: float
    spread: float
    """Coefficient of variation between the reps of an office, without chance."""


def load(study: Study) -> Load:
    """Live opportunities of each rep at the end of each of the last three months; an open one counts for its chance."""
    known = study.rates
    loads = []
    for back in range(3):
        last = _months_before(study.as_of, back)
        by_rep = dict.fromkeys(study.reps, 0.0)
        for deal in study.deals:
            closed = deal.outcome != OPEN and deal.engaged.toordinal() + deal.age <= last.toordinal()
            if deal.redated or deal.engaged > last or closed:
                continue
            if deal.outcome != OPEN:
                by_rep[deal.rep] += 1.0
            elif deal.age <= known.longest:
                by_rep[deal.rep] += known.live[deal.office][(last - deal.engaged).days]
        loads.append(by_rep)
    one_by_one = np.array([list(by_rep.values()) for by_rep in loads])
    office_of = np.array(list(study.reps.values()))
    offices = [one_by_one[:, office_of == office] for office in study.offices]
    within = np.mean([np.var(one.mean(axis=0)) / one.mean() ** 2 - 1 / (3 * one.mean()) for one in offices])
    return Load(
        max(float(one.mean(axis=1).max()) for one in offices),
        float(np.quantile(one_by_one, 0.9)),
        float(one_by_one.max()),
        math.sqrt(max(0.0, float(within))),
    )


def _months_before(day: date, months: int) -> date:
    """The last day of the month `months` before that of `day`."""
    count = day.year * 12 + day.month - months
    return date.fromordinal(date(count // 12, count % 12 + 1, 1).toordinal() - 1)


def plan_text(study: Study) -> str:
    """The plan file."""
    start_year, start_month = study.as_of.year + study.as_of.month // 12, study.as_of.month % 12 + 1
    year = f"FY{start_year + (start_month > 1)}"
    before, last = booked_by_quarter(study.deals, study.as_of)
    market = "\n".join(f"        {volume_name(cell)}: 0.5" for cell in sorted(study.volumes))
    segments = "\n".join(f"  {slug(office)}: {{office: {office}, sells: once}}" for office in study.offices)
    return f"""\
# Written by notebooks/crm_plan.py from a CRM export as of {study.as_of}.
# The company sells products once: bookings, not ARR. The export names no lead source: channels are product series.
# Rates are from opportunities engaged from {study.rates.since} on; open ones count for the time they have been open.

plan:
  name: CRM plan {year}
  currency: USD
  start: {start_year}-{start_month:02d}
  months: 12
  fiscal_year_start: {start_month}
  as_of: {study.as_of}

targets:
  # The last two quarters, {before:,.0f} and {last:,.0f}, for a whole year.
  - {{name: last half annualised, metric: bookings, period: {year}, at_least: {2 * (before + last):.0f}}}
  - {{name: as good as last quarter, metric: bookings, period: {year}-Q1, at_least: {last:.0f}}}

segments:
{segments}

assumptions:
{"".join(assumptions(study))}
# History covers seven months of one year: what it says may drift by a tenth.
source_policy: {{historical: {{drift: 10 %}}, benchmark: {{widen: 1.5}}, judgment: {{widen: 1.25}}}}

dependence:
  factors:
    market:
      loadings:
{market}
        win_rate: 0.4
      source: {{kind: judgment, reference: "seven months are too few to measure how offices move together"}}

{team_text(study)}
{funnel_text(study)}"""


def assumptions(study: Study) -> Iterator[str]:
    """Each assumption as it stands in the plan. The plan value is the estimate itself: this plan is no negotiation."""
    known = study.rates

    def stated(name: str, plan: str, distribution: str, unit: str, source: str, adverse: str) -> str:
        return (
            f"  {name}:\n    plan: {plan}\n    distribution: {{{distribution}}}\n    unit: {unit}\n"
            f"    source: {{{source}}}\n    risk: {{adverse: {adverse}}}\n"
        )

    def historical(what: str, n: int) -> str:
        return f'kind: historical, reference: "CRM export, {what}", n: {n}, as_of: {study.as_of}'

    def lognormal(name: str, estimate: Estimate, digits: int, unit: str, what: str, adverse: str = "low") -> str:
        mean, cv = f"{estimate.value:.{digits}f}", 100 * estimate.error / estimate.value
        written = f"{mean} per month" if "per month" in unit else mean
        law = f"lognormal: {{mean: {mean}, cv: {cv:.1f} %}}"
        return stated(name, written, law, unit, historical(what, estimate.n), adverse)

    def share(name: str, estimate: Estimate, what: str) -> str:
        mean, sd = f"{100 * estimate.value:.1f} %", f"{100 * estimate.error:.2f} %"
        return stated(name, mean, f"beta: {{mean: {mean}, sd: {sd}}}", "fraction", historical(what, estimate.n), "low")

    dispersion = overdispersion(study.volumes.values())
    for cell, numbers in sorted(study.volumes.items()):
        volume = mean_of(numbers, least_variance=dispersion * float(np.mean(numbers)))
        yield lognormal(volume_name(cell), volume, 1, "count per month", "engagements by month")
    for office in study.offices:
        whose = "the other offices" if study.moved and office == REDATED[0] else office
        yield share(f"decided.{slug(office)}", known.decided[office], f"share of engagements ever decided, {whose}")
    yield share("win_rate", known.win_rate, "won of those decided, open ones counted")
    yield lognormal("cycle_won", known.cycle_won, 2, "months", "time to a win, open ones counted", "high")
    yield lognormal("cycle_lost", known.cycle_lost, 2, "months", "time to a loss, open ones counted", "high")
    for cell in sorted(study.volumes):
        yield lognormal(size_name(cell), mean_of(study.won(cell)), 0, "currency", "value of won deals")
    # Nobody was seen to turn an opportunity away, so the fullest month is the least that can be carried.
    carried = load(study)
    yield stated(
        "open_opportunities.rep",
        f"{carried.busy_rep:.0f}",
        f"pert: [{carried.busiest_office:.0f}, {carried.busy_rep:.0f}, {carried.busiest_rep:.0f}]",
        "count",
        historical("live opportunities at a month's end: busiest office, busy tenth, busiest rep", len(study.reps)),
        "low",
    )
    yield stated(
        "attrition.rep",
        "25.8 % per year",
        "beta: {mean: 25.8 %, n: 80}",
        "fraction per year",
        'kind: benchmark, reference: "CSO Insights, 4,000 CSOs, by way of techcxo", grade: B',
        "high",
    )
    yield stated(
        "ramp_months.rep",
        "5",
        "pert: [2, 5, 12]",
        "months",
        'kind: benchmark, reference: "Bridge Group 2024 by way of pulserevops", grade: C',
        "high",
    )
    yield stated(
        "backfill_months.rep",
        "2",
        "pert: [1.3, 2, 3]",
        "months",
        'kind: benchmark, reference: "41 to 90 days (Sales Benchmark Index, launchsource, harperhewes)", grade: B',
        "high",
    )


def team_text(study: Study) -> str:
    """The reps, by office. The export does not say since when they are there."""
    seats = "\n".join(
        f"    - {{name: reps-{slug(office)}, role: rep, segment: {slug(office)}, team: {office}, "
        f"existing: {sum(of == office for of in study.reps.values())}, tenure_months: 24}}"
        for office in study.offices
    )
    return f"""\
team:
  roles:
    rep:
      ramp: {{workload: ramp_months.rep, shape: s-curve}}
      attrition: {{voluntary: attrition.rep}}
      backfill: {{policy: always, lag: backfill_months.rep}}
      capacity: {{open_opportunities: open_opportunities.rep}}
      productivity_spread: {100 * load(study).spread:.0f} %
  seats:
{seats}
"""


def funnel_text(study: Study) -> str:
    """Volumes, rates and deals by series and office."""
    dispersion = overdispersion(study.volumes.values())
    text = """\
funnel:
  # engaged: a rep opened it; live: it will be decided, won or lost. The rest stays on the list and takes no time.
  stages: [engaged, live]
  stale: 20 % per month
  channels:
"""
    for series in sorted({series for _, series in study.volumes}):
        text += f"    {slug(series)}:\n      segments:\n"
        for cell in sorted(cell for cell in study.volumes if cell[1] == series):
            sizes = study.won(cell)
            text += f"""\
        {slug(cell[0])}:
          volume: {volume_name(cell)}
          overdispersion: x{dispersion:.2f}
          rates: [decided.{slug(cell[0])}]
          win_rate: win_rate
          cycle: cycle_won
          cycle_lost: cycle_lost
          cycle_spread: {100 * study.rates.cycle_spread:.0f} %
          deal_size: {size_name(cell)}
          deal_size_spread: {100 * float(np.std(sizes) / np.mean(sizes)):.0f} %
"""
    return text + "  opening_pipeline: {file: pipeline.csv}\n"


def volume_name(cell: tuple[str, str]) -> str:
    return f"volume.{slug(cell[0])}.{slug(cell[1])}"


def size_name(cell: tuple[str, str]) -> str:
    return f"deal_size.{slug(cell[0])}.{slug(cell[1])}"


def slug(name: str) -> str:
    """A name as it stands in keys of the plan."""
    return name.lower().replace(" ", "-")


def booked_by_quarter(deals: Sequence[Deal], as_of: date) -> tuple[float, float]:
    """Bookings of the last but one quarter and of the last, which ends on the as-of date."""
    booked = defaultdict[int, float](float)
    for deal in deals:
        if deal.outcome == WON:
            closed = date.fromordinal(deal.engaged.toordinal() + deal.age)
            months_ago = (as_of.year - closed.year) * 12 + as_of.month - closed.month
            booked[months_ago // 3] += deal.value
    return booked[1], booked[0]


def write_plan(folder: Path, out: Path, as_of: date = AS_OF, say: Callable[[str], None] = print) -> Path:
    """Read the export in `folder` and write plan.yaml and pipeline.csv into `out`. Returns the path of the plan."""
    deals, reps = read(folder, as_of, say)
    known = rates(deals, say)
    volumes = monthly(deals, known, as_of)
    for cell in [cell for cell, numbers in volumes.items() if sum(numbers) < FEWEST_DEALS]:
        say(f"Dropped: {sum(deal.cell == cell for deal in deals)} of {cell[1]} in {cell[0]}, too few for rates.")
        del volumes[cell]
    study = Study([deal for deal in deals if deal.cell in volumes], reps, known, volumes, as_of)
    rows = pipeline_rows(study.deals, known)
    still = sum(deal.outcome == OPEN for deal in study.deals)
    say(
        f"Of {still:,} open opportunities about {sum(row[-1] for row in rows):,} will be decided: the opening pipeline."
    )

    out.mkdir(parents=True, exist_ok=True)
    with (out / "pipeline.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["segment", "channel", "stage", "age_months", "count"])
        writer.writerows((slug(office), slug(series), "live", age, count) for office, series, age, count in rows)
    path = out / "plan.yaml"
    path.write_text(plan_text(study), encoding="utf-8")
    return path


def main() -> None:
    """Read the arguments and write the plan."""
    parser = argparse.ArgumentParser(description="Write a plan from a CRM export.")
    parser.add_argument("folder", type=Path, help="folder with opportunities.csv, products.csv and sales_teams.csv")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for plan.yaml and pipeline.csv")
    parser.add_argument("--as-of", type=date.fromisoformat, default=AS_OF, help="day of the export, like 2017-09-30")
    arguments = parser.parse_args()
    print(f"Plan written: {write_plan(arguments.folder, arguments.out, arguments.as_of)}")


if __name__ == "__main__":
    main()
