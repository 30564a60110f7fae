from datetime import date

import numpy as np
import pandas as pd
import pytest

from simengine.baseline.laws import lag_shares
from simengine.learn import ramp
from simengine.learn.history import History, table
from simengine.plan import loads
from tests.kernel.support import simulate
from tests.learn.repeated import Interval, as_often_as_said, at_least_as_often, at_most_as_often, covered

LENGTH, CYCLE, CYCLE_SPREAD, PLACES, WIN_RATE, SPREAD = 6.0, 3.0, 0.5, 12, 0.3, 0.4
CYCLE_OF = ramp.Cycle(CYCLE, CYCLE_SPREAD)
HORIZON = 36
TIERS = [pytest.param(40, id="40"), pytest.param(1000, marks=pytest.mark.full, id="1000")]


def worked(rng: np.random.Generator, people: int = 40, shape: str = "s-curve") -> pd.DataFrame:
    """Every opportunity of people who fill their places, one by one: who, month and tenure of start and close, won.

    A quarter of the people are there since long before; the others start in the first two and a half years.
    """
    sigma, lag = np.sqrt(np.log1p(SPREAD**2)), np.sqrt(np.log1p(CYCLE_SPREAD**2))
    rows = []
    for person in range(people):
        productivity = np.exp(sigma * rng.standard_normal() - sigma**2 / 2)
        start = -30 if person % 4 == 0 else int(rng.integers(0, HORIZON - 6))
        # Places are whole ones; on average they are what the plan says.
        places = PLACES * productivity * ramp.workload(shape, LENGTH, HORIZON - start) + rng.uniform()
        busy: list[int] = []
        for k, room in enumerate(places):
            busy = [until for until in busy if until > k]
            while len(busy) + 1 <= room:
                cycle = CYCLE * np.exp(lag * rng.standard_normal() - lag**2 / 2)
                until = k + int(np.floor(cycle + rng.uniform()))
                rows.append((person, start, start + k, start + until, rng.uniform() < WIN_RATE))
                if until > k:
                    busy.append(until)
    return pd.DataFrame(rows, columns=["person", "joined", "started", "closed", "won"])


def months(rows: pd.DataFrame, column: str) -> ramp.Months:
    """Person-months within the horizon, with counts of what was started, or of what was won."""
    kept = rows if column == "started" else rows[rows["won"]]
    counts = kept.groupby(["person", column]).size().to_dict()
    cells = [
        (person, month - joined, counts.get((person, month), 0))
        for person, joined in rows.groupby("person")["joined"].first().items()
        for month in range(max(0, joined), HORIZON)
    ]
    person, tenure, count = np.array(cells).T
    return ramp.Months(person, tenure, count.astype(float))


def fitted(rows: pd.DataFrame, how: str) -> ramp.Fit:
    data = months(rows, "started" if how == "direct" else "closed")
    count = int(data.tenure.max()) + 1
    curve = {
        "direct": ramp.started_curve(CYCLE_OF, count),
        "bookings": ramp.booked_curve(CYCLE_OF, count),
        "naive": ramp.naive_curve(count),
    }[how]
    return ramp.fit(data, curve)


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_from_bookings_contain_the_ramp_at_least_as_often_as_they_say(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        found = fitted(worked(rng), "bookings")
        return Interval(found.lower, found.upper)

    # Wins follow what is taken up, which varies less than Poisson counts: a little too often, no more than that.
    hits = covered(make, LENGTH, repetitions)
    assert at_least_as_often(hits, repetitions)
    assert at_most_as_often(hits, repetitions, 0.95)


@pytest.mark.parametrize("repetitions", [pytest.param(10, id="10"), pytest.param(300, marks=pytest.mark.full)])
def test_intervals_from_work_taken_up_contain_the_ramp_at_least_as_often(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        found = fitted(worked(rng), "direct")
        return Interval(found.lower, found.upper)

    # What is taken up replaces what closes: it varies less than Poisson counts.
    assert at_least_as_often(covered(make, LENGTH, repetitions), repetitions)


def test_bookings_taken_for_workload_overstate_the_ramp_by_about_the_cycle() -> None:
    def make(rng: np.random.Generator) -> Interval:
        found = fitted(worked(rng), "naive")
        assert found.months > LENGTH + CYCLE / 2
        return Interval(found.lower, found.upper)

    assert not as_often_as_said(covered(make, LENGTH, 10), 10)


def test_productivity_between_people_is_found() -> None:
    rows = worked(np.random.default_rng(1), people=300)
    assert fitted(rows, "bookings").spread == pytest.approx(SPREAD, abs=0.08)


@pytest.mark.parametrize("shape", ramp.SHAPES)
def test_the_shape_is_found_with_many_people(shape: str) -> None:
    data = months(worked(np.random.default_rng(2), people=200, shape=shape), "started")
    curve = ramp.started_curve(CYCLE_OF, int(data.tenure.max()) + 1)
    fits = [ramp.fit(data, curve, each) for each in ramp.SHAPES]
    assert max(fits, key=lambda each: each.log_likelihood).shape == shape


@pytest.mark.parametrize("cycle_spread", [0.0, 0.5, 1.0])
def test_what_is_carried_is_the_workload_and_a_full_one_closes_all_it_starts(cycle_spread: float) -> None:
    carried = ramp.workload("s-curve", 7.0, 120)
    started, booked = ramp.flow(carried, ramp.Cycle(4.0, cycle_spread))
    still_open = np.cumsum(started - booked) / 4.0
    assert still_open == pytest.approx(carried, abs=1e-9)
    # Little's law: a full workload starts, and closes, itself by its cycle a month.
    assert np.mean(started[-40:]) == pytest.approx(1.0, abs=0.03)
    assert np.mean(booked[-40:]) == pytest.approx(1.0, abs=0.03)


def test_without_a_cycle_bookings_are_workload() -> None:
    carried = ramp.workload("linear", 5.0, 12)
    started, booked = ramp.flow(carried, ramp.Cycle(0.0, 0.0))
    assert started == pytest.approx(carried)
    assert booked == pytest.approx(carried)


def test_the_likelihood_is_that_of_counts_mixed_over_productivity() -> None:
    data = ramp.Months(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1.0, 3.0, 2.0]))
    share, rate, spread = np.array([0.5, 1.0]), 2.0, 0.6
    rng = np.random.default_rng(3)
    p = rng.gamma(spread**-2, spread**2, 10**6)

    def poisson(k: float, mean: np.ndarray) -> np.ndarray:
        return np.exp(-mean) * mean**k / np.prod(np.arange(1, k + 1))

    first = (poisson(1, p * 1.0) * poisson(3, p * 2.0)).mean()
    second = poisson(2, p * 2.0).mean()
    ours = ramp.log_likelihood(ramp.sums(data, share), rate, spread)
    assert ours == pytest.approx(np.log(first * second), abs=0.01)
    almost_none = ramp.log_likelihood(ramp.sums(data, share), rate, 0.01)
    assert almost_none == pytest.approx(ramp.log_likelihood(ramp.sums(data, share), rate, 0.0), abs=0.01)


BEGIN = pd.Period("2024-01", "M")


def day(month: int, at: int = 15) -> pd.Timestamp:
    return (BEGIN + month).to_timestamp() + pd.Timedelta(days=at - 1)


def history(rows: pd.DataFrame, *, started: bool) -> History:
    """The same as records of a company know it."""
    seen = rows[rows["closed"] >= 0]
    over = seen["closed"] < HORIZON
    opportunities = table(
        "opportunities",
        id=seen.index,
        segment=["smb"] * len(seen),
        created=[day(month) for month in seen["started"]],
        started=[day(month) if started else None for month in seen["started"]],
        outcome=np.where(over, np.where(seen["won"], "won", "lost"), "open"),
        closed=[day(month, 28) if known else None for month, known in zip(seen["closed"], over, strict=True)],
        owner=[f"p{person}" for person in seen["person"]],
    )
    people = rows.groupby("person")["joined"].first()
    staff = table(
        "people", id=[f"p{p}" for p in people.index], role=["ae"] * len(people), start=[day(m, 1) for m in people]
    )
    as_of = day(HORIZON - 1).to_period("M").to_timestamp("M").date()
    since = {"opportunities": day(0, 1).date()}
    return History(as_of, {"opportunities": opportunities, "people": staff}, since=since)


@pytest.mark.parametrize(("started", "what"), [(True, "taken up"), (False, "deals won")])
def test_the_ramp_of_a_role_from_records(started: bool, what: str) -> None:
    known = history(worked(np.random.default_rng(4), people=60), started=started)
    (found,) = ramp.estimates(known, {"ae": CYCLE_OF})
    assert found.name == "ramp_months.ae"
    assert what in found.method
    assert found.lower < LENGTH < found.upper
    assert found.notes == ()
    assert found.distribution["quantiles"]["P5"] < found.distribution["quantiles"]["P95"]
    assert found.also["ramp.shape"] == "s-curve"
    drawn = ramp.pictures(known, {"ae": CYCLE_OF})["ae"]
    assert np.mean((drawn.lower <= drawn.fitted) & (drawn.fitted <= drawn.upper)) > 0.6
    if not started:
        assert found.naive is not None
        assert found.naive > found.upper


def test_without_a_cycle_given_that_of_closed_deals_is_taken_and_said() -> None:
    known = history(worked(np.random.default_rng(5)), started=False)
    (found,) = ramp.estimates(known)
    assert any("The cycle is that of closed deals" in note for note in found.notes)


def test_too_few_hires_tell_no_ramp() -> None:
    assert ramp.estimates(history(worked(np.random.default_rng(6), people=5), started=True)) == []
    assert ramp.estimates(History(date(2026, 12, 31), {})) == []


def test_of_leavers_only_whole_months_count() -> None:
    people = table("people", id=["a"], role=["ae"], start=["2026-01-01"], end=["2026-03-10"])
    deals = table(
        "opportunities",
        id=["x"],
        segment=["smb"],
        created=["2026-01-02"],
        outcome=["won"],
        closed=["2026-02-03"],
        owner=["a"],
    )
    known = History(date(2026, 6, 30), {"people": people, "opportunities": deals})
    found = ramp.person_months(people, deals, "closed", known, pd.Timestamp("2026-01-01"))
    assert found.tenure.tolist() == [0, 1]
    assert found.counts.tolist() == [0.0, 1.0]


ENGINE = """
plan: {name: Ramp, currency: USD, start: 2027-01, months: 18}
segments: {smb: {sells: once}}
team:
  roles: {rep: {ramp: {workload: 6 months, shape: s-curve}, capacity: {open_opportunities: 400}}}
  seats: [{name: reps, role: rep, segment: smb, hires: {2027-01: 1}}]
funnel:
  stale: 100 % per month
  channels:
    inbound:
      segments:
        smb: {volume: 3000 per month, win_rate: 100 %, cycle: 3 months, cycle_spread: 50 %, deal_size: 1}
"""


def test_what_a_hire_of_the_engine_wins_by_month_of_tenure_is_the_curve() -> None:
    run = simulate(loads(ENGINE), 40)
    won = run.segment["one_off_bookings"][:, :, 0]
    carried = ramp.workload("s-curve", LENGTH, 18)
    expected = 400 / CYCLE * ramp.flow(carried, CYCLE_OF)[1]
    error = won.std(axis=0, ddof=1) / np.sqrt(len(won))
    # Whole opportunities: less than one place is unused.
    assert np.all(np.abs(won.mean(axis=0) - expected) < 1 + 4 * error)
    # Not as if work were started, and not held open, in proportion to the workload: that is half a cycle later.
    late = 400 / CYCLE * np.convolve(carried, lag_shares(CYCLE, CYCLE_SPREAD, 18))[:18]
    assert not np.all(np.abs(won.mean(axis=0) - late) < 1 + 4 * error)


LOST_SOONER = """win_rate: 40 %, cycle: 5 months, cycle_lost: 2 months"""


def test_lost_deals_make_room_for_others_when_they_are_lost() -> None:
    run = simulate(loads(ENGINE.replace("win_rate: 100 %, cycle: 3 months", LOST_SOONER)), 40)
    won = run.segment["one_off_bookings"][:, :, 0]
    carried, error = ramp.workload("s-curve", LENGTH, 18), won.std(axis=0, ddof=1) / np.sqrt(len(won))
    cycle = ramp.Cycle(5.0, CYCLE_SPREAD, 2.0, 0.4)
    expected = 400 / cycle.held * 0.4 * ramp.flow(carried, cycle)[1]
    assert np.all(np.abs(won.mean(axis=0) - expected) < 1 + 4 * error)
    # Not as if every deal took as long as a won one.
    alike = ramp.flow(carried, ramp.Cycle(5.0, CYCLE_SPREAD))[1]
    assert not np.all(np.abs(won.mean(axis=0) - 400 / cycle.held * 0.4 * alike) < 1 + 4 * error)


def test_the_top_of_a_profile_lies_between_its_points_but_for_the_first_and_the_last() -> None:
    x = np.arange(4.0)
    assert ramp._vertex(x, 5 - (x - 1.25) ** 2, 1) == pytest.approx(1.25)
    assert ramp._vertex(x, -x, 0) == 0.0
    assert ramp._vertex(x, x, 3) == 3.0


def test_the_ends_of_an_interval_are_as_likely_as_is_said() -> None:
    data = months(worked(np.random.default_rng(5), people=40), "started")
    curve = ramp.started_curve(CYCLE_OF, int(data.tenure.max()) + 1)
    found = ramp.fit(data, curve, "linear")
    for length in (found.lower, found.upper):
        height = ramp.best_rate(ramp.sums(data, curve("linear", length)))[2]
        assert height == pytest.approx(found.log_likelihood - ramp.PROFILE, abs=0.15)
    assert found.months % 0.125 > 1e-6  # the top of the parabola, not a point of the grid


def test_the_best_rate_and_spread_are_more_likely_than_those_beside_them() -> None:
    rng = np.random.default_rng(6)
    person = np.repeat(np.arange(60), 24)
    tenure, rates = np.tile(np.arange(24), 60), rng.gamma(4.0, 0.25, 60)
    share = np.minimum(1.0, np.arange(1, 25) / 6)
    given = ramp.sums(ramp.Months(person, tenure, rng.poisson(2.5 * rates[person] * share[tenure])), share)
    rate, spread, highest = ramp.best_rate(given)
    assert rate == pytest.approx(2.5, rel=0.3)
    assert spread == pytest.approx(0.5, rel=0.3)
    assert highest == ramp.log_likelihood(given, rate, spread)
    for other in ((rate * 1.01, spread), (rate / 1.01, spread), (rate, spread * 1.02), (rate, spread / 1.02)):
        assert ramp.log_likelihood(given, *other) < highest


def test_a_profile_that_does_not_fall_before_its_first_point_ends_there() -> None:
    x, y = np.arange(3.0), np.array([5.0, 4.0, 0.0])
    assert ramp._crossing(x, y, 0, -1, 4.5) == 0.0
    assert ramp._crossing(x, y, 0, 1, 4.5) == pytest.approx(0.5)
    assert ramp._crossing(x, y[::-1], 2, 1, 4.5) == 2.0


def test_beyond_the_curve_a_share_is_that_of_its_end() -> None:
    person, counts = np.zeros(2, np.int64), np.array([1.0, 2.0])
    one, other = (
        ramp.sums(ramp.Months(person, np.array([1, tenure]), counts), np.array([0.2, 0.5, 0.8])) for tenure in (2, 7)
    )
    assert one.alone == other.alone
