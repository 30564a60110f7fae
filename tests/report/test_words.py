import math

import pytest

from simengine.plan.targets import METRICS
from simengine.report.words import (
    MISSING,
    between,
    distance,
    goal,
    metric_name,
    money,
    number,
    odds,
    part_name,
    percent,
    what,
)
from simengine.results.composition import PARTS


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0, "$0"),
        (999.4, "$999"),
        (999.5, "$1.0k"),
        (22_000, "$22.0k"),
        (850_400, "$850k"),
        (999_499, "$999k"),
        (999_500, "$1.00M"),
        (4_250_000, "$4.25M"),
        (9_994_000, "$9.99M"),
        (9_996_000, "$10.0M"),
        (108_312_400, "$108.3M"),
        (1.2e9, "$1.20B"),
        (-3_000, "−$3.0k"),
        (math.nan, MISSING),
        (math.inf, MISSING),
    ],
)
def test_money_keeps_three_digits(amount, written):
    assert money(amount, "USD") == written


def test_currency_without_a_sign_is_its_code():
    assert money(1e6, "SEK") == "SEK 1.00M"


def test_targets_lose_zeros_behind_the_point_only():
    assert [money(x, "EUR", trim=True) for x in (120e6, 106.5e6, 20_000, 100e6)] == [
        "€120M",
        "€106.5M",
        "€20k",
        "€100M",
    ]
    assert number(1.05, "fraction", trim=True) == "105%"
    assert number(18.0, "months", trim=True) == "18 months"
    assert number(20.0, "count", trim=True) == "20"


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.5, "fraction", "50.0%"),
        (1.318, "factor", "1.32"),
        (-0.67, "factor", "−0.67"),
        (12.0, "count", "12.0"),
        (1234.4, "count", "1,234"),
        (math.nan, "months", MISSING),
    ],
)
def test_number_in_its_unit(value, unit, written):
    assert number(value, unit) == written


def test_percent_has_no_negative_zero():
    assert percent(-0.0001) == "0.0%"
    assert percent(-0.0132) == "−1.3%"


@pytest.mark.parametrize(
    ("low", "high", "unit", "written"),
    [
        (0.2, 0.3, "fraction", "20.0–30.0%"),
        (1e6, 2e6, "USD", "$1.00–2.00M"),
        (0.5e6, 2e6, "USD", "$0.50–2.00M"),
        (-1e6, 2e6, "USD", "−$1.00M to $2.00M"),
        (-2e6, -1e6, "USD", "−$2.00M to −$1.00M"),
        (10, 12, "months", "10.0–12.0 months"),
        (math.nan, 1.0, "fraction", "n/a to 100.0%"),
        (math.nan, math.inf, "months", "n/a"),
        (0.0, 0.0, "USD", "$0"),
    ],
)
def test_intervals_say_sign_and_unit_once_where_they_are_the_same(low, high, unit, written):
    assert between(low, high, unit) == written


def test_a_difference_of_percentages_is_in_points():
    assert distance(0.035, "fraction") == "3.5 pts"
    assert distance(2e6, "USD") == "$2.00M"


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "less than 1 in 100"),
        (0.01, "about 1 in 100"),
        (0.02, "about 1 in 50"),
        (0.033, "about 1 in 30"),
        (0.065, "about 1 in 15"),
        (0.25, "about 1 in 4"),
        (0.34, "about 1 in 3"),
        (0.5, "about 1 in 2"),
        (0.66, "about 2 in 3"),
        (0.8, "about 4 in 5"),
        (0.9, "about 9 in 10"),
        (0.966, "about 29 in 30"),
        (1.0, "more than 99 in 100"),
    ],
)
def test_odds(probability, words):
    assert odds(probability) == words


def test_odds_are_never_far_from_the_probability():
    for step in range(10, 991):
        probability = step / 1000
        words = odds(probability).split()
        said = int(words[1]) / int(words[3])
        assert abs(said - probability) < 0.06
        # Neighbours in the list are 1 in 100 and 1 in 50: odds are off by √2 at most.
        assert 0.7 < said / probability < 1.42
        assert 0.7 < (1 - said) / (1 - probability) < 1.42


def test_what_a_target_is_about():
    target = {"metric": "new_arr", "period": "FY2027-Q4", "where": "geo=EMEA", "unit": "USD", "at_least": math.nan}
    assert what(target) == "new ARR FY2027-Q4, geo=EMEA"
    assert goal({**target, "at_most": 4e6}) == "at most $4M"
    assert metric_name("sm_share") == "S&M share of revenue"


def test_every_metric_has_a_spoken_name():
    names = [metric_name(metric) for metric in METRICS]
    assert len(set(names)) == len(METRICS)
    assert not [name for name in names if "_" in name or "arr" in name.split()]
    with pytest.raises(KeyError):
        metric_name("a_metric_of_tomorrow")


def test_every_part_of_a_year_has_a_spoken_name():
    assert len({part_name(part) for part in PARTS}) == len(PARTS)
