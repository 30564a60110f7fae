"""Numbers as plans write them."""

import math

import pytest
from pydantic_core import PydanticCustomError

from simengine.plan.scalars import Quantity, expectation, faults_of, is_number, nearest, number, percent_hint, shown


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        ("22 %", "fraction", 0.22),
        ("22%", "fraction", 0.22),
        (0.22, "fraction", 0.22),
        ("-5 % per year", "fraction per year", -0.05),
        ("3 % of ATR", "fraction", 0.03),
        ("250_000 per month", "currency per month", 250_000),
        ("1_200_000 per year", "currency per month", 100_000),
        ("900_000 per fiscal year", "currency per year", 900_000),
        ("30 per quarter", "count per month", 10),
        ("x1.4", "factor", 1.4),
        ("x 1.4", "factor", 1.4),
        (1.4, "factor", 1.4),
        ("6 months", "months", 6),
        ("1 month", "months", 1),
        (6, "months", 6),
        ("1e6", "currency", 1e6),
        ("1_000.5", "currency", 1000.5),
    ],
)
def test_numbers_are_read_in_their_unit(written: object, unit: str, value: float) -> None:
    assert math.isclose(number(written, unit), value, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("written", "unit", "message"),
    [
        ("22 %", "currency", "is in fraction"),
        ("x1.4", "fraction", "is in factor"),
        ("6 months", "count", "is in months"),
        (13, "count per month", "has no period"),
        ("12", "count per month", "has no period"),
        ("12 per month", "count", "is per month"),
        ("2 % per month", "fraction per year", "is per month"),
        ("100,000", "currency", "is not a number"),
        ("$100k", "currency", "is not a number"),
        ("1.2M", "currency", "is not a number"),
        ("012", "count", "is not a number"),
        ("1e999", "currency", "is too large"),
        ("5 % months", "months", "is not a number"),
        ("x6 months", "months", "is not a number"),
        ("x5 %", "fraction", "is not a number"),
        ("x3 of ATR", "fraction", "is not a number"),
        (True, "count", "is not a number"),
        (None, "count", "is not a number"),
        ([1], "count", "is not a number"),
    ],
)
def test_other_units_are_refused(written: object, unit: str, message: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        number(written, unit)
    (fault,) = faults_of(caught.value)
    assert fault.message == f"{shown(written)} {message}"
    assert fault.expected


def test_a_period_may_be_left_out_where_the_unit_is_already_said() -> None:
    assert number(60, "count per month", bare=True) == 60
    assert number("60", "count per month", bare=True) == 60
    assert number("720 per year", "count per month", bare=True) == pytest.approx(60)


@pytest.mark.parametrize("text", ["win_rate.smb", "x", "-", "12 apples", "1 2", "", "١٢"])
def test_names_are_no_numbers(text: str) -> None:
    assert not is_number(text)


def test_a_quantity_is_a_number_or_scales_an_assumption() -> None:
    assert Quantity(3.0).of({}) == 3.0
    assert Quantity(1 / 12, "a").of({"a": 24.0}) == 2.0


@pytest.mark.parametrize(
    ("value", "unit", "high", "hint"),
    [
        (30, "fraction per year", 10, "write 30 % per year if you mean 0.3"),
        (3, "fraction", 1, "write 3 % if you mean 0.03"),
        (100, "fraction", 1, "write 100 % if you mean 1"),
        (101, "fraction", 1, ""),
        (1, "fraction", 0.999, ""),
        (30, "months", 1, ""),
    ],
)
def test_a_forgotten_percent_sign_is_suggested(value: float, unit: str, high: float, hint: str) -> None:
    assert percent_hint(value, unit, high) == hint


def test_words_of_messages() -> None:
    assert expectation("fraction", 0, 1) == "fraction from 0 to 1, like 22 %"
    assert expectation("count", 0, 100_000) == "count from 0 to 100,000, like 40"
    assert nearest("x", []) == "none is declared"
    assert nearest("zzz", [f"n{i:02d}" for i in range(20)]).endswith("n11, …")
    assert shown("a" * 100) == "'" + "a" * 57 + "…'"
