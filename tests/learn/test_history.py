from datetime import date

import pandas as pd
import pytest

from simengine.learn.history import IN_FORCE, OPEN, REACHED, TABLES, History, empty, table

HISTORY = History(
    date(2027, 3, 31),
    {
        "opportunities": table(
            "opportunities",
            id=["early", "late", "new"],
            segment=["smb"] * 3,
            created=["2026-11-03", "2026-12-01", "2027-02-01"],
            outcome=["won", "lost", "open"],
            closed=["2026-12-15", "2027-01-20", None],
            amount=[100.0, 200.0, 300.0],
        ),
        "leads": table(
            "leads", id=["a"], channel=["inbound"], created=["2026-12-01"], **{REACHED + "sql": ["2027-01-05"]}
        ),
        "contracts": table(
            "contracts",
            customer=["x"],
            segment=["smb"],
            start=["2026-01-15"],
            renews=["2027-01-14"],
            arr=[50.0],
            outcome=["renewed"],
            decided=["2027-01-10"],
            arr_after=[55.0],
        ),
    },
)


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_has_every_column(name: str) -> None:
    assert list(empty(name)) == [column.name for column in TABLES[name]]
    assert not len(empty(name))


def test_an_earlier_day_knows_nothing_of_what_came_later() -> None:
    before = HISTORY.cut(date(2026, 12, 31))
    deals = before.table("opportunities").set_index("id")
    assert list(deals.index) == ["early", "late"]
    assert deals.loc["early", "amount"] == 100.0
    assert deals.loc["late", "outcome"] == OPEN
    assert pd.isna(deals.loc["late", "closed"])
    assert pd.isna(deals.loc["late", "amount"])
    assert before.table("leads")[REACHED + "sql"].isna().all()
    assert before.table("contracts")["outcome"].tolist() == [IN_FORCE]
    assert before.table("contracts")["arr_after"].isna().all()


def test_cutting_twice_is_cutting_once_at_the_earlier_day() -> None:
    twice = HISTORY.cut(date(2027, 1, 31)).cut(date(2026, 12, 31))
    once = HISTORY.cut(date(2026, 12, 31))
    assert all(twice.table(name).equals(once.table(name)) for name in HISTORY.tables)


def test_the_history_itself_stays_as_it_is() -> None:
    HISTORY.cut(date(2026, 12, 31))
    assert HISTORY.table("opportunities")["outcome"].tolist() == ["won", "lost", "open"]


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(KeyError, match="spend has no column colour"):
        table("spend", colour=["red"])
