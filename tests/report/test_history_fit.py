from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from simengine.learn import leaving, ramp, sizes, volumes
from simengine.learn.history import History, table
from simengine.report.canvas import save, title
from simengine.report.history_fit import ramp_fit, size_fit, survival_fit, volume_fit
from tests.learn.test_leaving import history as people_history
from tests.learn.test_leaving import staff
from tests.learn.test_ramp import CYCLE, CYCLE_SPREAD, worked
from tests.learn.test_ramp import history as sellers
from tests.learn.test_sizes import history as won
from tests.learn.test_sizes import lognormal
from tests.learn.test_volumes import SEASON, counts

SOURCE = "leads.csv  ·  as of 2026-12-31"


def leads(numbers: np.ndarray) -> History:
    months = pd.period_range(end="2026-12", periods=len(numbers), freq="M").to_timestamp()
    return History(
        date(2026, 12, 31),
        {
            "leads": table(
                "leads",
                id=range(len(numbers)),
                channel=["inbound"] * len(numbers),
                segment=["smb"] * len(numbers),
                created=months,
                count=numbers,
            )
        },
    )


def volume(season: object = SEASON, months: int = 36) -> Figure:
    numbers = counts(np.random.default_rng(0), season=season, months=months)
    return volume_fit(volumes.pictures(leads(numbers))["inbound.smb"], SOURCE)


def size() -> Figure:
    return size_fit(sizes.pictures(won(lognormal(np.random.default_rng(1), 400)))["smb"], SOURCE, "USD")


def survival() -> Figure:
    people, _ = staff(np.random.default_rng(2), n=800, early=2.5)
    return survival_fit(leaving.pictures(people_history(people))["attrition.ae"], SOURCE)


def workload() -> Figure:
    known = sellers(worked(np.random.default_rng(3), people=60), started=False)
    return ramp_fit(ramp.pictures(known, {"ae": ramp.Cycle(CYCLE, CYCLE_SPREAD)})["ae"], SOURCE)


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (volume, "inbound.smb: 6"),
        (lambda: volume(None, 9), "inbound.smb: "),
        (size, "smb: a lognormal law of mean $"),
        (survival, "attrition.ae: 61% are still there"),
        (workload, "ae: a full workload after "),
    ],
    ids=["volume", "short volume", "size", "survival", "ramp"],
)
def test_a_figure_says_what_was_found_and_is_the_same_file_again(make, finding, tmp_path) -> None:
    figure = make()
    assert title(figure).startswith(finding), title(figure)
    first = [path.read_bytes() for path in save(figure, tmp_path / "a", "figure")]
    assert first == [path.read_bytes() for path in save(make(), tmp_path / "b", "figure")]


def test_a_law_that_does_not_fit_is_said_to_not_fit() -> None:
    amounts = np.random.default_rng(4).normal(1, 0.05, 400) * np.repeat([100.0, 9000.0], 200)
    assert title(size_fit(sizes.pictures(won(amounts))["smb"], SOURCE, "USD")).endswith("does not fit")
