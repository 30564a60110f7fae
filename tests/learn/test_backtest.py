"""Backtest: what is forecast from earlier days, beside what costs nothing; and whether intervals hold as they say."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from simengine.errors import SimengineError
from simengine.learn.actuals import read
from simengine.learn.backtest import backtest, quarter_ends
from simengine.learn.history import History, table
from simengine.plan import load
from tests.learn.made import sample

HERE = Path(__file__)
LEVEL = 0.001
"""At which a share of intervals that hold is rejected."""
INDEPENDENT = ("opportunities", "won", "churned_customers")
"""Metrics whose luck has next to nothing in common; bookings are that of wins."""


def steady() -> History:
    """Two years and a quarter of deals: 3 won and 3 lost a month, one more of each in every later quarter."""
    rows = []
    for k, month in enumerate(pd.period_range("2024-01", "2026-03", freq="M")):
        for n in range(3 + k // 3):
            day = month.start_time
            rows += [
                (day, "won", day + pd.Timedelta(days=9 + n), 100.0 + 7 * n + k % 3),
                (day, "lost", day + pd.Timedelta(days=12 + n), 0.0),
            ]
    created, outcome, closed, amount = zip(*rows, strict=True)
    size = len(rows)
    deals = table(
        "opportunities",
        id=range(size),
        segment=["smb"] * size,
        channel=["web"] * size,
        created=created,
        outcome=outcome,
        closed=closed,
        amount=amount,
    )
    return History(date(2026, 3, 31), {"opportunities": deals}, since={"opportunities": date(2024, 1, 1)})


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    """Two quarters forecast."""
    return backtest(steady(), [date(2025, 9, 30), date(2025, 12, 31)], draws=100)


class TestQuarters:
    def test_they_end_where_a_whole_one_follows(self) -> None:
        history = History(date(2027, 2, 27), {})
        assert quarter_ends(history, date(2026, 5, 1)) == [date(2026, 6, 30), date(2026, 9, 30)]
        assert quarter_ends(history, date(2026, 5, 1), 2) == [date(2026, 7, 31), date(2026, 10, 31)]
        assert quarter_ends(history, date(2026, 7, 1)) == [date(2026, 9, 30)]
        assert quarter_ends(history, date(2026, 10, 1)) == []


class TestNaiveForecasts:
    def row(self, found: xr.Dataset, metric: str, day: str) -> xr.Dataset:
        (at,) = np.flatnonzero((found["metric"].values == metric) & (found["run"].values == day))
        return found.isel(forecast=at)

    def test_they_are_quarters_before(self, found: xr.Dataset) -> None:
        """Wins by quarter are 9, 12, 15 ... of which all close within the month: 9 + 3 k."""
        row = self.row(found, "won", "2025-12-31")
        assert str(row["period"].item()) == "FY2026-Q1"
        assert (row["actual"], row["last"], row["last_year"]) == (33, 30, 21)
        assert (row["crps_last"], row["crps_last_year"]) == (3, 12)
        # Every change was 3, so the last value with its spread is 33 for sure.
        assert row["crps_spread"] == 0
        row = self.row(found, "won", "2025-09-30")
        assert (row["actual"], row["last"], row["last_year"]) == (30, 27, 18)
        row = self.row(found, "opportunities", "2025-12-31")
        assert (row["actual"], row["last"], row["last_year"]) == (66, 60, 42)
        deals = steady().table("opportunities")
        quarter = deals[(deals["outcome"] == "won") & (deals["closed"] >= "2026-01-01")]
        assert self.row(found, "bookings", "2025-12-31")["actual"] == quarter["amount"].sum()

    def test_one_segment_is_the_company(self, found: xr.Dataset) -> None:
        assert set(found["segment"].values) == {""}
        assert found.sizes["forecast"] == 6

    def test_what_the_records_do_not_reach_is_not_known(self) -> None:
        found = backtest(steady(), [date(2024, 9, 30)], draws=100)
        row = self.row(found, "won", "2024-09-30")
        assert (row["actual"], row["last"]) == (18, 15)
        assert np.isnan(row["last_year"])
        # Two changes are too few for a spread.
        assert np.isnan(row["crps_spread"])

    def test_later_records_change_no_forecast(self, found: xr.Dataset) -> None:
        whole = steady()
        deals = whole.table("opportunities")
        late = deals["created"] >= "2026-01-01"
        twice = pd.concat([deals, deals[late].assign(id=lambda t: t["id"] + "x", amount=1e6)], ignore_index=True)
        again = backtest(
            History(whole.as_of, {"opportunities": twice}, since=whole.since), [date(2025, 12, 31)], draws=100
        )
        for metric in ("won", "bookings"):
            one, other = (self.row(ds, metric, "2025-12-31") for ds in (found, again))
            assert (one["p10"], one["p90"]) == (other["p10"], other["p90"])
            assert other["actual"] > one["actual"]

    def test_what_cannot_be_forecast_is_said(self) -> None:
        history = steady()
        deals = history.table("opportunities")
        nowhere = History(history.as_of, {"opportunities": deals.assign(channel="")}, since=history.since)
        with pytest.raises(SimengineError, match="nothing can be forecast from these days\n2025-12-31: "):
            backtest(nowhere, [date(2025, 12, 31)], draws=50)
        deals.loc[deals.index % 3 == 0, "channel"] = ""
        found = backtest(history, [date(2025, 12, 31)], draws=50)
        assert any("no channel into smb" in words for words in found.attrs["left_out"])
        # Nor is it held against the plan.
        assert self.row(found, "opportunities", "2025-12-31")["actual"] == 44


def engines(start: int, stop: int) -> Iterator[xr.Dataset]:
    """The last quarter of years of the small company, forecast from its first nine months."""
    plan = load(HERE.with_name("small.yaml"))
    for _, history in sample(plan, start, stop, 7):
        yield backtest(history, [date(2027, 9, 30)], draws=300)


def held(found: list[xr.Dataset], times: float = 1.0, metrics: tuple[str, ...] = INDEPENDENT) -> tuple[int, int]:
    """How many 80 % intervals hold what came, were it `times` as much; and of how many."""
    inside = [
        ds["p10"].values[at] <= times * ds["actual"].values[at] <= ds["p90"].values[at]
        for ds in found
        for at in np.flatnonzero(np.isin(ds["metric"].values, metrics))
    ]
    return sum(inside), len(inside)


def rejected(successes: int, trials: int) -> bool:
    """That 80 % hold, or more: forecasts allow for a drift that a made history does not have."""
    return stats.binomtest(successes, trials, 0.8, alternative="less").pvalue < LEVEL


class TestIntervals:
    def test_they_hold_what_comes_of_the_engine(self) -> None:
        found = list(engines(100, 103))
        assert not rejected(*held(found))
        assert rejected(*held(found, times=2.0))

    @pytest.mark.full
    def test_they_hold_as_often_as_they_say(self) -> None:
        found = list(engines(0, 120))
        for metric in (*INDEPENDENT, "bookings", "churned_arr"):
            assert not rejected(*held(found, metrics=(metric,))), (metric, held(found, metrics=(metric,)))
            assert rejected(*held(found, times=3.0, metrics=(metric,))), metric


@pytest.mark.data
class TestThirdPartyData:
    """What docs/learn/backtest.md says, good or bad; few draws, so within their noise."""

    @staticmethod
    def of(name: str, first: date, fiscal_year_start: int = 1, draws: int = 300) -> xr.Dataset:
        history = read(HERE.parent / "mappings" / f"{name}.yaml").history
        days = quarter_ends(history, first, fiscal_year_start)
        return backtest(history, days, fiscal_year_start=fiscal_year_start, draws=draws)

    @staticmethod
    def company(found: xr.Dataset, metric: str) -> xr.Dataset:
        return found.isel(forecast=np.flatnonzero((found["metric"] == metric) & (found["segment"] == "")))

    def test_deals_of_a_crm(self, shared_data: Path) -> None:
        found = self.of("crm_2017q3", date(2017, 3, 31))
        won = self.company(found, "won")
        assert won["actual"].values.tolist() == [1247, 1253]
        # Too many by a quarter and an eighth: cycles are of no law, and no quarter knew of the slow ones.
        assert won["p50"].values == pytest.approx([1_560, 1_415], rel=0.05)
        assert won["crps"].values.mean() < won["plan_error"].values.mean()

    def test_contracts_that_run_until_they_are_ended(self, shared_data: Path) -> None:
        found = self.of("renewals_2005", date(2005, 6, 30), draws=40)
        gone, arr = (self.company(found, metric) for metric in ("churned_customers", "churned_arr"))
        assert gone["actual"].values.tolist() == [266, 253]
        assert gone["p50"].values == pytest.approx([232, 232], rel=0.06)
        assert arr["inside"].sel(level=0.9).values.sum() >= 1

    def test_leads_of_which_only_wins_are_recorded(self, shared_data: Path) -> None:
        found = self.of("funnel_2018q1", date(2018, 1, 31), 2)
        won = self.company(found, "won")
        assert won["actual"].item() == 258
        assert won["p10"].item() < 258 < won["p90"].item()
