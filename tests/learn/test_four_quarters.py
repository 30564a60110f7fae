"""A made year of northstar with a planted fault, told quarter by quarter; see `four_quarters`."""

from pathlib import Path

import pytest

from tests.learn.four_quarters import Quarter, quarters
from tests.learn.northstar_year import FAULT, SHARE

APART = 3.3
"""Standard deviations: further off is P(hit) once in a thousand."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Quarter]:
    folder: Path = tmp_path_factory.mktemp("year")
    return {each.name: each for each in quarters(folder, ["2027-Q1", "2027-Q2"])}


@pytest.mark.full
def test_the_update_finds_the_fault(told: dict[str, Quarter]) -> None:
    for quarter in told.values():
        before = quarter.plan.assumptions[FAULT].before
        assert quarter.belief[2] < before.ppf(0.1)
        assert quarter.belief[1] > SHARE * quarter.plan.planned[FAULT]  # which was thought impossible


@pytest.mark.full
def test_the_walk_names_it_first(told: dict[str, Quarter]) -> None:
    assert FAULT in told["2027-Q1"].first
    assert told["2027-Q2"].first == [FAULT]


@pytest.mark.full
def test_the_trigger_fires(told: dict[str, Quarter]) -> None:
    for quarter in told.values():
        assert quarter.alarm.tripped
        assert quarter.alarm.surely
        assert quarter.alarm.since == "2027-01"


@pytest.mark.full
def test_the_probability_is_within_noise_of_the_truth(told: dict[str, Quarter]) -> None:
    for quarter in told.values():
        assert abs(quarter.off) < APART
