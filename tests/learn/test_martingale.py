"""The law of total expectation: what is expected of a year is what is expected of it, on average, from its middle.

Years are made at known values of a plan, with luck of their own. From the state in which each is in its middle the plan
goes on, at the same values, with much other luck. What has been plus what is expected then is, averaged over the years,
what the plan expected of the whole year at its start; a state that forgets or doubles something breaks it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simengine.learn.history import OPEN, History
from simengine.learn.state import State, state
from simengine.plan import Plan, loads
from simengine.plan.edit import edited
from tests.kernel.support import simulate
from tests.learn.made import history_of
from tests.learn.recorded import recorded
from tests.reference.ledger import ReferencePath

WITHOUT_TARGETS = re.compile(r"^targets:\n(  .*\n)+", re.MULTILINE)
SMALL = WITHOUT_TARGETS.sub("", Path("tests/learn/small.yaml").read_text(encoding="utf-8"))
SUMS = ("new_arr", "churned_arr", "expansion_arr", "won", "opportunities")
LEVELS = ("ending_arr", "customers")
OUTPUTS = (*SUMS, *LEVELS, "headcount", "seat_months")
LEVEL = 0.001
"""Of each test of all outputs together (Bonferroni)."""
SEED = 11


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def outcomes(segment: Mapping[str, np.ndarray], group: Mapping[str, np.ndarray]) -> np.ndarray:
    """OUTPUTS of paths from arrays (path, month, entity): (path, output)."""
    heads = group["headcount"].sum(axis=2)
    sums = [segment[name].sum(axis=(1, 2)) for name in SUMS]
    return np.stack(
        [*sums, *(segment[name][:, -1].sum(axis=1) for name in LEVELS), heads[:, -1], heads.sum(axis=1)], axis=1
    )


def so_far(path: ReferencePath, months: int) -> np.ndarray:
    """What of each output is over: nothing of a level."""
    part = outcomes(*({k: v[None, :months] for k, v in each.items()} for each in (path.segment, path.group)))[0]
    is_level = np.isin(OUTPUTS, [*LEVELS, "headcount"])
    return np.where(is_level, 0.0, part)


def expected_from_the_middle(
    text: str, years: int, months: int, luck: int, told: Callable[[History], History] = lambda history: history
) -> np.ndarray:
    """What is expected of each of some made years after so many months, by the state they are in then: (year, output).

    `told` may falsify the records.
    """
    plan = loads(text, "small.yaml")
    found = []
    for year in range(years):
        course = recorded(plan, plan.planned, year, SEED, months)
        stand = state(told(history_of(course, months)), plan, stem="next")
        paths = simulate(after(plan, text, stand), luck, values=plan.planned, seed=1000 + year)
        found.append(so_far(course.ledgers.path(), months) + outcomes(paths.segment, paths.group).mean(axis=0))
    return np.array(found)


def after(plan: Plan, text: str, stand: State) -> Plan:
    return loads(edited(text, "small.yaml", stand.changes), "next.yaml", files=stand.files)


def expected_at_the_start(text: str, luck: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each output over a plan's year, and the error of it."""
    plan = loads(text, "small.yaml")
    paths = simulate(plan, luck, values=plan.planned, seed=3)
    found = outcomes(paths.segment, paths.group)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(luck)


def chances(text: str, years: np.ndarray, luck: int = 20_000) -> dict[str, float]:
    """Of each output, how probable a difference as large is where the expectations are the same."""
    start, error = expected_at_the_start(text, luck)
    errors = np.hypot(years.std(axis=0, ddof=1) / np.sqrt(len(years)), error)
    z = (years.mean(axis=0) - start) / errors
    return dict(zip(OUTPUTS, 2 * stats.t.sf(np.abs(z), len(years) - 1), strict=True))


def without_ages(history: History) -> History:
    """Open opportunities as if all had begun on the as-of date."""
    deals = history.table("opportunities").copy()
    deals.loc[deals["outcome"] == OPEN, ["created", "started"]] = history.last
    return replace(history, tables={**history.tables, "opportunities": deals})


def without_open(history: History) -> History:
    """Only opportunities that are decided."""
    deals = history.table("opportunities")
    return replace(history, tables={**history.tables, "opportunities": deals[deals["outcome"] != OPEN]})


def with_all_in_force(history: History) -> History:
    """Renewed terms are counted too: their customers stand there twice."""
    contracts = history.table("contracts")
    old = contracts[contracts["decided"].notna()].assign(
        customer=lambda t: t["customer"] + "-old",
        outcome="in force",
        decided=pd.NaT,
        renews=lambda t: t["renews"] + pd.DateOffset(months=12),
    )
    return replace(history, tables={**history.tables, "contracts": pd.concat([contracts, old], ignore_index=True)})


def test_the_middle_expects_what_the_start_did() -> None:
    years = expected_from_the_middle(SMALL, 12, 3, 30)
    assert min(chances(SMALL, years).values()) > LEVEL / len(OUTPUTS)


@pytest.mark.parametrize(
    ("told", "output"),
    [(without_open, "new_arr"), (with_all_in_force, "ending_arr")],
)
def test_a_state_that_forgets_or_doubles_is_found(told: Callable[[History], History], output: str) -> None:
    years = expected_from_the_middle(SMALL, 12, 3, 10, told)
    assert chances(SMALL, years)[output] < LEVEL / len(OUTPUTS)


@pytest.mark.full
@pytest.mark.parametrize("months", [3, 6])
def test_the_middle_expects_what_the_start_did_over_many_years(months: int) -> None:
    years = expected_from_the_middle(SMALL, 400, months, 50)
    assert min(chances(SMALL, years, 100_000).values()) > LEVEL / len(OUTPUTS)


@pytest.mark.full
def test_late_renewals_are_decided_once() -> None:
    text = changed(SMALL, ("late: {share: 10 %, months: 1}", "late: {share: 40 %, months: 3}"))
    years = expected_from_the_middle(text, 200, 6, 50)
    assert min(chances(text, years, 100_000).values()) > LEVEL / len(OUTPUTS)


@pytest.mark.full
def test_ages_matter() -> None:
    years = expected_from_the_middle(SMALL, 200, 6, 50, without_ages)
    assert min(chances(SMALL, years, 100_000).values()) < LEVEL / len(OUTPUTS)


@pytest.mark.full
def test_who_waits_goes_on_waiting() -> None:
    text = changed(SMALL, ("capacity: {open_opportunities: 11}", "capacity: {open_opportunities: 6}"))
    years = expected_from_the_middle(text, 100, 6, 50)
    assert min(chances(text, years, 100_000).values()) > LEVEL / len(OUTPUTS)


@pytest.mark.full
def test_seats_of_leavers_are_filled_when_they_would_have_been() -> None:
    text = changed(
        SMALL, ("plan: 20 % per year", "plan: 60 % per year"), ("time_to_fill_delay: 0.6", "time_to_fill_delay: 3")
    )
    years = expected_from_the_middle(text, 150, 6, 40)
    assert min(chances(text, years, 100_000).values()) > LEVEL / len(OUTPUTS)
