import math
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from simengine.learn.happened import OUTPUTS, actual_value, arr_by_customer, happened, in_force, last_month, seat_groups
from simengine.learn.history import table
from simengine.units import month_label, month_number
from tests.learn.small import history, plan, tables

JANUARY = month_number("2027-01")


def told(output: str, segment: str = "smb", **others: object) -> list[float]:
    frame = happened(history(**others), plan())
    rows = frame[(frame["output"] == output) & (frame["segment"] == segment)]
    return [float(value) for value in rows.groupby("month")["value"].sum(min_count=1)]


@pytest.mark.parametrize(
    ("output", "segment", "months"),
    [
        ("new_arr", "smb", [0, 0, 60_000]),
        ("new_arr", "emea", [0, 0, 0]),
        ("bookings", "smb", [0, 0, 60_000]),
        ("expansion_arr", "smb", [0, 0, 15_000]),
        ("price_arr", "smb", [0, 10_000, 0]),
        ("contraction_arr", "smb", [0, 0, 0]),
        ("churned_arr", "smb", [40_000, 0, 0]),
        ("net_new_arr", "smb", [-40_000, 10_000, 75_000]),
        # 545,000 today: Acme 210, Bolt 150, Cone 50, Eddy 75, Fir 60; less what was booked since
        ("ending_arr", "smb", [460_000, 470_000, 545_000]),
        ("ending_arr", "emea", [100_000, 100_000, 100_000]),
        ("customers", "smb", [4, 4, 5]),
        ("won", "smb", [0, 0, 1]),
        ("opportunities", "smb", [1, 1, 1]),
        ("opportunities", "emea", [0, 1, 0]),
        ("new_customers", "smb", [0, 0, 1]),
        ("churned_customers", "smb", [1, 0, 0]),
    ],
)
def test_outputs_by_month_worked_out_by_hand(output: str, segment: str, months: list[float]) -> None:
    assert told(output, segment) == months


def test_headcount_of_each_seat_group_and_cash_at_the_end_of_a_month() -> None:
    frame = happened(history(), plan())
    heads = frame[frame["output"] == "headcount"].pivot_table(index="month", columns="seats", values="value")
    assert heads.to_dict("list") == {
        "ae-smb": [3, 2, 2],
        "ae-smb-new": [0, 0, 1],
        "ae-emea": [1, 1, 1],
        "csm": [1, 1, 1],
    }
    cash = frame[frame["output"] == "cash"]["value"].tolist()
    assert cash[0] == 4.8e6
    assert math.isnan(cash[1])
    assert cash[2] == 4.5e6


def test_what_the_tables_cannot_tell_is_not_a_number() -> None:
    assert all(math.isnan(value) for value in told("expansion_arr", bookings=None))
    assert all(math.isnan(value) for value in told("ending_arr", contracts=None))
    assert all(math.isnan(value) for value in told("won", opportunities=None))
    assert told("new_arr", bookings=None) == [0, 0, 60_000]
    assert told("churned_arr", bookings=None) == [40_000, 0, 0]
    # Some expansion is booked, but no churn: the table is no ledger, and says nothing of prices.
    some = table("bookings", date=["2027-01-05"], segment=["smb"], kind=["expansion"], amount=[5.0])
    assert told("expansion_arr", bookings=some) == [5, 0, 0]
    assert all(math.isnan(value) for value in told("price_arr", bookings=some))


def test_without_bookings_arr_is_that_of_the_contracts_of_the_day() -> None:
    assert told("ending_arr", bookings=None) == [475_000, 485_000, 545_000]


def test_months_before_a_table_is_complete_are_not_known() -> None:
    late = replace(history(), since={"opportunities": date(2027, 2, 1)})
    frame = happened(late, plan())
    won = frame[(frame["output"] == "won") & (frame["segment"] == "smb")]["value"].tolist()
    assert math.isnan(won[0])
    assert won[1:] == [0, 1]
    assert math.isnan(actual_value(history(), plan(), "opportunities", "2026-11"))


def test_a_contract_renewed_before_its_next_term_begins_is_in_force_with_that_term() -> None:
    early = tables()["contracts"]
    early = early[~((early["customer"] == "Acme") & (early["outcome"] == "in force"))]
    row = in_force(history(contracts=early)).set_index("customer").loc["Acme"]
    assert row["arr"] == 210_000
    assert str(row["renews"].date()) == "2028-02-28"


def test_arr_of_a_customer_is_worked_back_from_today() -> None:
    then = arr_by_customer(history(), month_number("2027-02"))
    assert then["smb", "Eddy"] == 60_000
    assert ("smb", "Fir") not in then.index
    assert arr_by_customer(history(), month_number("2026-12"))["smb", "Dune"] == 40_000


@pytest.mark.parametrize(
    ("metric", "period", "where", "value"),
    [
        ("new_arr", "FY2027-Q1", {}, 60_000),
        ("ending_arr", "FY2027-Q1", {}, 645_000),
        ("ending_arr", "FY2027-Q1", {"geo": "EMEA"}, 100_000),
        ("ending_arr", "2027-02", {"segment": "smb"}, 470_000),
        ("won", "FY2027-Q1", {"channel": "inbound"}, 1),
        ("headcount", "2027-03", {}, 5),
        ("headcount", "2027-03", {"role": "ae", "segment": "smb"}, 3),
        ("cash", "FY2027-Q1", {}, 4.5e6),
        ("net_new_arr", "FY2027-Q1", {}, 45_000),
    ],
)
def test_a_metric_in_a_period_that_has_ended(metric: str, period: str, where: dict[str, str], value: float) -> None:
    assert actual_value(history(), plan(), metric, period, where) == value


@pytest.mark.parametrize(
    ("metric", "period"),
    [("new_arr", "FY2027"), ("new_arr", "2027-04"), ("cac_payback", "FY2027-Q1"), ("lowest_cash", "FY2027-Q1")],
)
def test_a_metric_that_is_not_known_is_not_a_number(metric: str, period: str) -> None:
    assert math.isnan(actual_value(history(), plan(), metric, period))


def test_retention_follows_the_customers_of_twelve_months_before() -> None:
    long = tables()
    extra = table(
        "bookings",
        date=["2026-01-05"],
        segment=["smb"],
        channel=["inbound"],
        kind=["new"],
        amount=[1.0],
        customer=["Old"],
    )
    bookings = pd.concat([extra, long["bookings"]], ignore_index=True)
    contracts = long["contracts"].assign(start=long["contracts"]["start"] - pd.DateOffset(years=1))
    known = history(bookings=bookings, contracts=contracts)
    # Of the customers of March 2026, in dollars: 200 + 150 + 50 + 40 + 60 and 100; now 210 + 150 + 50 + 0 + 75 and 100.
    assert actual_value(known, plan(), "nrr", "2027-03") == pytest.approx(585 / 600)
    assert actual_value(known, plan(), "grr", "2027-03") == pytest.approx((200 + 150 + 50 + 60 + 100) / 600)


def test_people_without_seats_go_to_the_group_of_their_role_and_segment() -> None:
    people = tables()["people"].assign(seats="")
    assert seat_groups(people, plan()).tolist() == [*["ae-smb"] * 3, "ae-emea", "ae-smb-new", "csm", "csm"]


def test_a_month_has_ended_on_its_last_day() -> None:
    assert month_label(last_month(date(2028, 2, 29))) == "2028-02"
    assert month_label(last_month(date(2027, 1, 30))) == "2026-12"
    assert {*happened(history(), plan())["output"], "one_off_bookings"} == set(OUTPUTS)
    assert happened(history(), plan())["month"].min() == JANUARY
