"""Units, months and fiscal periods."""

import math

import pytest

from simengine.units import (
    UNITS,
    Period,
    conversion,
    fiscal_period,
    month_label,
    month_number,
    monthly_hazard,
)


def test_amounts_convert_between_periods() -> None:
    assert conversion("currency per year", "currency per month") == pytest.approx(1 / 12)
    assert conversion("count per quarter", "count per year") == pytest.approx(4)
    assert conversion("count per month", "count per month") == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("fraction per year", "fraction per month"),
        ("currency", "currency per month"),
        ("currency per month", "currency"),
        ("count per month", "currency per month"),
        ("months", "count"),
        ("factor", "fraction"),
    ],
)
def test_other_units_do_not(given: str, wanted: str) -> None:
    assert conversion(given, wanted) is None


def test_converting_there_and_back_changes_nothing() -> None:
    for given in UNITS:
        for wanted in UNITS:
            there, back = conversion(given, wanted), conversion(wanted, given)
            assert (there is None) == (back is None)
            assert there is None or back is None or math.isclose(there * back, 1)


@pytest.mark.parametrize("leaving", [0.0, 0.05, 0.33, 0.9])
def test_a_hazard_survives_a_year_with_the_stated_probability(leaving: float) -> None:
    assert math.exp(-12 * monthly_hazard(leaving)) == pytest.approx(1 - leaving)


def test_months_count_through_the_turn_of_a_year() -> None:
    labels = [month_label(month_number("2026-11") + k) for k in range(4)]
    assert labels == ["2026-11", "2026-12", "2027-01", "2027-02"]


@pytest.mark.parametrize("text", ["2027-13", "2027-00", "2027-1", "27-01", "2027/01", "2027-01-01", "January", ""])
def test_other_texts_are_no_months(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        month_number(text)


def test_a_fiscal_year_is_named_after_the_year_in_which_it_ends() -> None:
    july = fiscal_period("FY2027", 7)
    assert (month_label(july.first), month_label(july.last)) == ("2026-07", "2027-06")
    january = fiscal_period("FY2027", 1)
    assert (month_label(january.first), month_label(january.last)) == ("2027-01", "2027-12")


@pytest.mark.parametrize("start", range(1, 13))
def test_quarters_make_up_the_year(start: int) -> None:
    year = fiscal_period("FY2027", start)
    quarters = [fiscal_period(f"FY2027-Q{q}", start) for q in range(1, 5)]
    months = [month for q in quarters for month in range(q.first, q.last + 1)]
    assert months == list(range(year.first, year.last + 1))
    assert month_label(year.last)[:4] == "2027"


def test_a_month_is_a_period() -> None:
    march = month_number("2027-03")
    assert fiscal_period("2027-03", 7) == Period("2027-03", march, march)


@pytest.mark.parametrize("text", ["FY27", "FY2027-Q5", "2027", "Q1"])
def test_other_texts_are_no_periods(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        fiscal_period(text, 1)
