"""The records of a path add up to what its ledgers say, and the recorder changes nothing."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simengine.learn.history import CHURNED, IN_FORCE, LOST, OPEN, REACHED, RENEWED, WON, History
from simengine.plan import Plan, load, loads
from simengine.simulation import simulate
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.learn.made import MONTH_DAYS, Days, history_of, made, sample
from tests.learn.recorded import recorded
from tests.learn.truth import drawn
from tests.reference.ledger import ReferencePath
from tests.reference.path import reference_path

SEED = 11
STEP = 20
"""Every so many generated plans."""


class Sums:
    """Sums of a history's records by month."""

    def __init__(self, plan: Plan, history: History, months: int) -> None:
        self.plan, self.history, self.months = plan, history, months
        self.days = Days(plan.plan.start)
        self.segments = sorted(plan.segments)

    def by(self, frame: pd.DataFrame, day: str, names: list, entity: str, amount: str | None = None) -> np.ndarray:
        """Number or amount of records by month of a day and an entity, (month, entity)."""
        months = frame[day].dt.year * 12 + frame[day].dt.month - 1 - self.plan.plan.start
        within = (months >= 0) & frame[entity].isin(names)
        sums = np.zeros((self.months, len(names)))
        where = months[within].astype(int), frame.loc[within, entity].map(names.index)
        np.add.at(sums, where, 1.0 if amount is None else frame.loc[within, amount])
        return sums

    def of_segment(self, frame: pd.DataFrame, day: str, amount: str | None = None) -> np.ndarray:
        """The same by segment, in the plan's currency."""
        rates = np.array([self.plan.rate_of(s) for s in self.segments])
        return self.by(frame, day, self.segments, "segment", amount) * (1.0 if amount is None else rates)

    def segment(self) -> dict[str, np.ndarray]:
        """Outputs of segments."""
        deals, contracts = (self.history.table(name) for name in ("opportunities", "contracts"))
        worked, stale = deals[deals.started.notna()], deals[deals.started.isna() & (deals.outcome == LOST)]
        moves = dict(list(self.history.table("bookings").groupby("kind")))
        none = self.history.table("bookings").iloc[:0]
        arr = {kind: self.of_segment(moves.get(kind, none), "date", "amount") for kind in KINDS}
        return {
            "opportunities": self.of_segment(deals, "created"),
            "started": self.of_segment(worked, "started"),
            "stale": self.of_segment(stale, "closed"),
            "won": self.of_segment(worked[worked.outcome == WON], "closed"),
            "lost": self.of_segment(worked[worked.outcome == LOST], "closed"),
            "new_arr": arr["new"],
            "one_off_bookings": arr["once"],
            "expansion_arr": arr["expansion"],
            "churned_arr": arr["churn"],
            "price_less_contraction": arr["price"] - arr["contraction"],
            "renewals_due": self.of_segment(contracts, "decided"),
            "renewals": self.of_segment(contracts[contracts.outcome == RENEWED], "decided"),
            "churned_customers": self.of_segment(contracts[contracts.outcome == CHURNED], "decided"),
            "customers": self.in_force(contracts),
            "ending_arr": self.opening() + np.cumsum(sum(SIGNS[kind] * arr[kind] for kind in SIGNS), axis=0),
        }

    def in_force(self, contracts: pd.DataFrame) -> np.ndarray:
        """Customers at the end of each month."""
        counts = []
        for month in range(self.months):
            day = pd.Timestamp(self.days.last(month))
            held = contracts[(contracts.start <= day) & ~(contracts.decided <= day)]
            assert held.customer.is_unique
            counts.append([int((held.segment == s).sum()) for s in self.segments])
        return np.array(counts, float)

    def opening(self) -> np.ndarray:
        """ARR when the plan starts."""
        bases = [self.plan.base.get(s) for s in self.segments]
        return np.array(
            [0.0 if b is None else b.arr * self.plan.rate_of(s) for s, b in zip(self.segments, bases, strict=True)]
        )

    def group(self) -> dict[str, np.ndarray]:
        """Outputs of seat groups."""
        people, names = self.history.table("people"), sorted(group.name for group in self.plan.team.seats)
        at_work = []
        for month in range(self.months):
            day = pd.Timestamp(self.days.last(month))
            held = people[(people.start <= day) & ~(people.end <= day)]
            at_work.append([int((held.seats == name).sum()) for name in names])
        left = {reason: people[people.reason == reason] for reason in ("involuntary", "promoted")}
        return {
            "headcount": np.array(at_work, float).reshape(self.months, len(names)),
            "starts": self.by(people, "start", names, "seats"),
            "leavers": self.by(people, "end", names, "seats"),
            **{reason: self.by(rows, "end", names, "seats") for reason, rows in left.items()},
        }

    def reached(self) -> np.ndarray:
        """Arrivals at each stage, (month, cell, stage)."""
        leads = self.history.table("leads")
        leads = leads.assign(cell=list(zip(leads.channel, leads.segment, strict=True)))
        cells = sorted((name, s) for name, channel in self.plan.funnel.channels.items() for s in channel.segments)
        days = ["created", *(REACHED + stage for stage in self.plan.funnel.stages[1:])]
        return np.stack([self.by(leads, day, cells, "cell", "count") for day in days], axis=-1)


SIGNS = {"new": 1, "expansion": 1, "price": 1, "contraction": -1, "churn": -1}
KINDS = (*SIGNS, "once")


def check(plan: Plan, history: History, path: ReferencePath, months: int) -> None:
    sums = Sums(plan, history, months)
    flow = 1.0 + sum(np.abs(path.segment[n]).sum() for n in ("new_arr", "churned_arr", "ending_arr"))
    ledger = path.segment | {"price_less_contraction": path.segment["price_arr"] - path.segment["contraction_arr"]}
    for name, ours in sums.segment().items():
        exact = "arr" not in name and name not in ("price_less_contraction", "one_off_bookings")
        np.testing.assert_allclose(ours, ledger[name][:months], rtol=0, atol=0 if exact else 1e-9 * flow, err_msg=name)
    for name, ours in sums.group().items():
        np.testing.assert_array_equal(ours, path.group[name][:months], name)
    np.testing.assert_array_equal(sums.reached(), path.reached[:months])


def check_open(plan: Plan, history: History, path: ReferencePath, last: int) -> None:
    """What is open, waits and is in force on the last day."""
    deals, contracts = history.table("opportunities"), history.table("contracts")
    still = deals[deals.outcome == OPEN]
    for column, segment in enumerate(sorted(plan.segments)):
        mine = still[still.segment == segment]
        assert mine.started.notna().sum() == path.segment["open"][last, column]
        assert mine.started.isna().sum() == path.segment["waiting"][last, column]
        arr = contracts.loc[(contracts.segment == segment) & (contracts.outcome == IN_FORCE), "arr"].sum()
        assert arr * plan.rate_of(segment) == pytest.approx(path.segment["ending_arr"][last, column], rel=1e-9)


@pytest.mark.parametrize("i", range(0, PLANS, STEP))
def test_the_records_of_a_generated_plan_add_up_to_its_ledgers(i: int) -> None:
    plan = loads(generated_plan(i))
    values, shocks = generated_values(plan, i), generated_shocks(plan, i)
    path = reference_path(plan, values, i, SEED, shocks=shocks)
    course = recorded(plan, values, i, SEED, shocks=shocks)
    for name in ("segment", "group", "cell", "pool"):
        for output, theirs in getattr(course.ledgers.path(), name).items():
            np.testing.assert_array_equal(theirs, getattr(path, name)[output], output)
    whole = history_of(course, plan.plan.months)
    check(plan, whole, path, plan.plan.months)
    check_open(plan, whole, path, plan.plan.months - 1)
    half = max(1, plan.plan.months // 2)
    as_of = Days(plan.plan.start).last(half - 1)
    early = made(plan, values, i, SEED, as_of, shocks, counted=True)
    check(plan, early, path, half)
    check_open(plan, early, path, half - 1)
    check(plan, whole.cut(as_of), path, half)
    assert early.table("balances").equals(whole.cut(as_of).table("balances"))


@pytest.fixture(scope="module")
def northstar() -> Plan:
    return load("scenarios/northstar/base.yaml")


def test_a_draw_of_northstar_adds_up_to_what_the_kernel_has_for_it(northstar: Plan) -> None:
    run = simulate(northstar, draws=4, seed=SEED).sel(draw=2)
    truth = drawn(northstar, 2, SEED)
    for name in northstar.assumptions:
        assert run["assumption_value"].sel(assumption=name) == truth.values[name]
        assert run["assumption_z"].sel(assumption=name) == truth.z[name]
    course = recorded(northstar, truth.values, 2, SEED, shocks=truth.shocks)
    history = history_of(course, northstar.plan.months, counted=True)
    check(northstar, history, course.ledgers.path(), northstar.plan.months)
    check_open(northstar, history, course.ledgers.path(), northstar.plan.months - 1)
    np.testing.assert_allclose(history.table("balances").amount, run["cash"], rtol=1e-9)


LONG = """
plan: {name: Long, currency: USD, start: 2027-01, months: 40}
segments: {smb: {sells: once}}
funnel:
  stages: [lead, opportunity]
  channels:
    inbound:
      sold_by: nobody
      segments:
        smb: {volume: {start: 200 per month, 2027-07: 0 per month}, rates: [70 %], win_rate: 50 %, cycle: 3 months,
              cycle_lost: 2 months, cycle_spread: 60 %, deal_size: 1_000}
"""


def test_days_keep_the_law_of_the_cycle() -> None:
    """And a law that is a little shorter, or months without days, are told apart from it."""
    plan = loads(LONG)
    deals = made(plan, {}, 5, SEED).table("opportunities")
    assert (deals.outcome != OPEN).all()
    months = (deals.closed - deals.started).dt.days / MONTH_DAYS

    def p_value(outcome: str, mean: float) -> float:
        sigma = np.sqrt(np.log1p(0.6**2))
        law = stats.lognorm(s=sigma, scale=mean * np.exp(-(sigma**2) / 2))
        return float(stats.kstest(months[deals.outcome == outcome], law.cdf).pvalue)

    assert p_value(WON, 3) > 0.01
    assert p_value(LOST, 2) > 0.01
    assert p_value(WON, 2.6) < 0.001
    assert p_value(LOST, 2.3) < 0.001


def test_who_waits_is_created_before_being_taken_up_and_stages_follow_each_other(northstar: Plan) -> None:
    history = made(northstar, northstar.planned, 1, SEED, date(2027, 6, 30))
    deals, leads = history.table("opportunities"), history.table("leads").set_index("id")
    assert not (deals.started < deals.created).any()
    assert not (deals.closed < deals.started).any()
    stages = leads[["created", *(REACHED + stage for stage in northstar.funnel.stages[1:])]]
    assert not (stages.diff(axis=1).iloc[:, 1:] < pd.Timedelta(0)).any(axis=None)
    arrived = deals[deals.created >= pd.Timestamp(2027, 1, 1)].set_index("id")
    assert arrived.created.equals(leads.loc[arrived.index, REACHED + "opportunity"].rename("created"))
    assert history.last >= max(deals.closed.max(), deals.created.max(), leads.created.max())
    assert all(history.table(name)[key].is_unique for name, key in (("opportunities", "id"), ("leads", "id")))


def test_only_the_last_day_of_a_month_of_the_plan_has_a_history(northstar: Plan) -> None:
    for day in (date(2027, 3, 30), date(2026, 12, 31), date(2029, 1, 31)):
        with pytest.raises(ValueError, match="not the last day"):
            made(northstar, northstar.planned, 1, SEED, day)


def test_a_sample_has_a_truth_and_a_history_for_each_number() -> None:
    small = load("tests/learn/small.yaml")
    (first, _), (second, history) = sample(small, 3, 5, SEED, date(2027, 2, 28))
    assert first.values != second.values
    assert second == drawn(small, 4, SEED)
    assert history.table("bookings").equals(made(small, second.values, 4, SEED, date(2027, 2, 28)).table("bookings"))


HISTORIES = 60


def uniformity(counts: list[tuple[int, int]], rates: np.ndarray) -> float:
    """How likely so many successes are, if these were their rates: p-value of their randomised places."""
    n, k = np.array(counts).T
    places = stats.binom.cdf(k - 1, n, rates) + np.random.default_rng(1).random(len(k)) * stats.binom.pmf(k, n, rates)
    return float(stats.kstest(places, "uniform").pvalue)


def test_records_come_from_the_truth_that_is_told() -> None:
    """Renewals that were due, and leads of months that are decided; rates that are a little off are told apart."""
    small = load("tests/learn/small.yaml")
    due, ripe, truths = [], [], []
    for truth, history in sample(small, 0, HISTORIES, SEED, date(2027, 6, 30)):
        outcomes = history.table("contracts").outcome.tolist()
        due.append((outcomes.count(RENEWED) + outcomes.count(CHURNED), outcomes.count(RENEWED)))
        leads = history.table("leads")
        decided = leads[(leads.created >= pd.Timestamp(2027, 1, 1)) & (leads.created < pd.Timestamp(2027, 6, 1))]
        ripe.append((len(decided), decided[REACHED + "opportunity"].notna().sum()))
        truths.append((truth.values["renewal.smb"], truth.values["lead_to_opportunity"]))
    renewal, passing = np.array(truths).T
    assert uniformity(due, renewal) > 0.01
    assert uniformity(ripe, passing) > 0.01
    assert uniformity(due, renewal - 0.04) < 0.001
    assert uniformity(ripe, passing + 0.03) < 0.001
