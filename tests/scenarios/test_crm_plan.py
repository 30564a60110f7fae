"""The plan from a CRM export: what is dropped, rates from deals that are still open, and the plan that results."""

from __future__ import annotations

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from notebooks.crm_plan import (
    DAYS_PER_MONTH,
    LOST,
    OPEN,
    WON,
    Deal,
    counts,
    outcomes,
    overdispersion,
    read,
    resampled,
    write_plan,
)
from simengine.baseline import baseline, spreadsheet_values
from simengine.plan import load

WIN, LOSE, NEVER = 0.25, 0.65, 0.10
CYCLE_WON, CYCLE_LOST, SPREAD = 80.0, 50.0, 0.4
AGE = 60

# Five statistics are compared with the truth in standard errors. Level 1e-4 in all, by Bonferroni 1e-5 in each tail.
STANDARD_ERRORS = 4.26


def synthetic(n: int, days: int, seed: int) -> list[Deal]:
    """Deals engaged evenly over `days` days up to the as-of date, with known shares and cycles."""
    rng = np.random.default_rng(seed)
    fate = rng.choice([WON, LOST, OPEN], size=n, p=[WIN, LOSE, NEVER])
    s = math.sqrt(math.log1p(SPREAD**2))
    length = np.where(fate == WON, CYCLE_WON, CYCLE_LOST) * np.exp(s * rng.standard_normal(n) - s * s / 2)
    followed = rng.integers(0, days, size=n)
    as_of = date(2020, 12, 31)
    deals = []
    for outcome, closes, age in zip(
        fate.tolist(), np.rint(length).astype(int).tolist(), followed.tolist(), strict=True
    ):
        decided = outcome != OPEN and closes <= age
        engaged = as_of - timedelta(days=age)
        deals.append(Deal("x", "y", "z", outcome if decided else OPEN, engaged, closes if decided else age, 1.0))
    return deals


def survival(x: float, mean: float) -> float:
    s = math.sqrt(math.log1p(SPREAD**2))
    return 0.5 * math.erfc((math.log(x / mean) + s * s / 2) / (s * math.sqrt(2)))


def errors_from_truth(deals: list[Deal]) -> dict[str, float]:
    """Distance of each estimate from the truth, in standard errors."""
    table = counts(deals)
    estimate, scatter = outcomes(table), resampled(table, times=300)
    undecided = WIN * survival(AGE - 0.5, CYCLE_WON) + LOSE * survival(AGE - 0.5, CYCLE_LOST)
    rows = {
        "win rate": (WIN / (WIN + LOSE), estimate.win_rate, scatter.win_rate),
        "decided": (WIN + LOSE, estimate.decided, scatter.decided),
        "cycle of won": (CYCLE_WON, estimate.cycle(WON), scatter.cycle(WON)),
        "cycle of lost": (CYCLE_LOST, estimate.cycle(LOST), scatter.cycle(LOST)),
        "live": (undecided / (undecided + NEVER), estimate.live[AGE], scatter.live[:, AGE]),
    }
    return {
        name: abs(float(found) - truth) / max(float(samples.std()), 1e-9)
        for name, (truth, found, samples) in rows.items()
    }


def test_rates_and_cycles_are_recovered_although_many_deals_are_open() -> None:
    # 270 days: 0.04 % of won deals take longer, which moves no estimate by more than 0.2 of its standard error.
    errors = errors_from_truth(synthetic(20_000, days=270, seed=11))
    assert max(errors.values()) < STANDARD_ERRORS, errors


def test_leaving_out_the_open_deals_is_found_out() -> None:
    closed = [deal for deal in synthetic(20_000, days=270, seed=11) if deal.outcome != OPEN]
    errors = errors_from_truth(closed)
    assert errors["win rate"] > STANDARD_ERRORS
    assert errors["decided"] > STANDARD_ERRORS
    assert errors["cycle of won"] > STANDARD_ERRORS


def test_overdispersion_is_one_for_a_poisson_and_larger_for_months_that_vary_more() -> None:
    rng = np.random.default_rng(5)
    # 400 cells of 7 months have 2,400 degrees of freedom: chi-squared over them has a standard error of
    # sqrt(2/2400) = 0.029; 4 of them are passed with probability 3e-5 on each side.
    poisson = rng.poisson(30, size=(400, 7)).tolist()
    wild = rng.poisson(rng.gamma(15, 2, size=(400, 7))).tolist()  # variance 30 + 30²/15 = 90: three times the mean
    assert overdispersion(poisson) == pytest.approx(1, abs=4 * 0.029)
    assert overdispersion(wild) > 2


def test_what_cannot_be_used_is_dropped_and_said(tmp_path: Path) -> None:
    write(tmp_path / "products.csv", "product,series,sales_price", "Big Box,Box,10")
    write(tmp_path / "sales_teams.csv", "sales_agent,manager,regional_office", "Ann,M,North", "Bob,M,North")
    write(
        tmp_path / "opportunities.csv",
        "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value",
        "1,Ann,Big Box,A,Won,2017-03-01,2017-04-01,10",
        "2,Ann,BigBox,,Engaging,2017-03-01,,",
        "3,Ann,Small Box,A,Won,2017-03-01,2017-04-01,10",
        "4,Cid,Big Box,A,Lost,2017-03-01,2017-04-01,0",
        "5,Ann,Big Box,A,Prospecting,,,",
        "6,Ann,Big Box,A,Lost,2017-03-01,,0",
        "7,Ann,Big Box,A,Won,2017-03-01,2017-02-01,10",
        "8,Ann,Big Box,A,Engaging,2017-03-01,2017-04-01,",
        "9,Ann,Big Box,A,Engaging,2017-12-01,,",
    )
    said: list[str] = []
    deals, reps = read(tmp_path, date(2017, 9, 30), said.append)
    assert [(deal.outcome, deal.age) for deal in deals] == [(WON, 31), (OPEN, 213)]
    assert reps == {"Ann": "North"}
    assert said == [
        "9 opportunities read, 2 used.",
        "Repaired: 1 are of product BigBox; the price list calls it Big Box.",
        "Dropped: 1 of a product that is not in the price list.",
        "Dropped: 1 of a rep who is in no team.",
        "Dropped: 1 at stage Prospecting, not yet engaged.",
        "Dropped: 2 decided, without a close date between engagement and the as-of date.",
        "Dropped: 1 open, with a close date.",
        "Dropped: 1 without a date of engagement up to the as-of date.",
        "1 are open, so without a close date: kept, they are the pipeline.",
        "1 name no account: kept, nothing here is by account.",
        "2 reps are listed, 1 have opportunities. None: Bob.",
    ]


def write(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.data
def test_the_export_becomes_a_plan(shared_data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    plan = load(write_plan(shared_data / "crm_2017q3", tmp_path, say=said.append))
    values = {name: assumption.plan for name, assumption in plan.assumptions.items()}

    report = "\n".join(said)
    for words in (
        "1,205 are of product GTXPro",
        "2,409 are open",
        "1,008 name no account",
        "35 reps are listed, 30 have",
    ):
        assert words in report

    assert {segment.sells for segment in plan.segments.values()} == {"once"}
    assert sum(group.existing for group in plan.team.seats) == 30
    # Bookings of April to September: 721,932 + 1,025,713 + 1,338,466 + 696,932 + 1,050,059 + 1,235,264.
    assert plan.targets[0].at_least == 2 * 6_068_366
    # 5,950 engagements in seven months are 850 a month; Central's July has 300 too many, its months before too few.
    volume = sum(value for name, value in values.items() if name.startswith("volume."))
    assert 800 < volume < 900
    assert 0.74 < values["decided.west"] < values["decided.east"] < 0.84
    assert 45 < values["cycle_won"] * DAYS_PER_MONTH < 56
    assert values["cycle_lost"] < values["cycle_won"]
    # 2,409 are open; 530 are older than any that closed, 308 have new dates: of the rest some will never be decided.
    live = sum(row.count for row in plan.funnel.opening_pipeline.rows)
    assert 800 < live < 2 / 3 * (2_409 - 530 - 308)

    booked = baseline(plan, spreadsheet_values(plan, "operating plan")).segment["one_off_bookings"]
    assert float(booked.sum()) == pytest.approx(2 * 6_068_366, rel=0.1)


@pytest.mark.data
def test_the_win_rate_agrees_with_cohorts_that_are_complete(shared_data: Path, tmp_path: Path) -> None:
    """All that was engaged by 15 May 2017 is 138 days old: what will be decided of it is decided."""
    plan = load(write_plan(shared_data / "crm_2017q3", tmp_path, say=lambda _: None))
    with (shared_data / "crm_2017q3" / "opportunities.csv").open(encoding="utf-8") as file:
        complete = [row for row in csv.DictReader(file) if "2017-03-01" <= row["engage_date"] <= "2017-05-15"]
    won, lost = (sum(row["deal_stage"] == stage for row in complete) for stage in ("Won", "Lost"))
    share = won / (won + lost)
    # They share deals, so they differ by less than the count varies; 4 of its standard errors are passed at 6e-5.
    error = math.sqrt(share * (1 - share) / (won + lost))
    assert plan.assumptions["win_rate"].plan == pytest.approx(share, abs=4 * error)
    assert (
        abs(won / len(complete) - plan.assumptions["win_rate"].plan) > 4 * error
    )  # of all engaged it is another number
