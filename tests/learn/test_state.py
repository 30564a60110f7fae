import csv
import io
import math
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from simengine.errors import SimengineError
from simengine.learn.history import History
from simengine.learn.state import State, state
from simengine.plan import Plan, loads
from simengine.plan.edit import REMOVE, edited
from simengine.units import month_label
from tests.learn.small import AS_OF, PLAN, history, plan, tables


def stand(known: History | None = None, text: str = PLAN, assume: tuple[str, ...] = ()) -> State:
    return state(known or history(), plan(text), stem="next", assume=assume)


def updated(found: State, text: str = PLAN) -> Plan:
    """The plan with the state put into it, checked."""
    return loads(edited(text, "small.yaml", found.changes), "next.yaml", files=found.files)


def rows(found: State, suffix: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found.files[f"next.{suffix}.csv"])))


def test_customers_are_the_contracts_in_force() -> None:
    found = stand()
    changes = found.changes
    assert changes["base", "smb", "customers"] == 5
    assert changes["base", "smb", "arr"] == 545_000
    assert changes["base", "smb", "size_spread"] == "16.7 %"
    assert changes["base", "emea", "customers"] == 1
    assert changes["base", "emea", "arr"] == 80_000
    assert ("base", "emea", "size_spread") not in changes
    assert [(r["segment"], r["month"], r["arr"]) for r in rows(found, "renewals")] == [
        ("smb", "2027-04", "50000"),
        ("smb", "2027-06", "75000"),
        ("smb", "2027-08", "150000"),
        ("smb", "2028-02", "210000"),
        ("smb", "2028-03", "60000"),
        ("emea", "2027-10", "80000"),
    ]


def test_named_accounts_follow_their_contracts() -> None:
    base = updated(stand()).base["smb"]
    assert [(a.name, a.arr, month_label(a.renews)) for a in base.named_accounts] == [
        ("Acme", 210_000, "2028-02"),
        ("Bolt", 150_000, "2027-08"),
    ]
    gone = tables()["contracts"]
    gone.loc[gone["customer"] == "Bolt", ["outcome", "decided"]] = ["churned", pd.Timestamp("2027-03-02")]
    found = stand(history(contracts=gone))
    assert found.changes["base", "smb", "named_accounts", "Bolt"] is REMOVE
    assert [account.name for account in updated(found).base["smb"].named_accounts] == ["Acme"]
    assert any("Bolt has left" in words for words in found.said)


def test_a_named_account_without_a_contract_is_refused_or_said() -> None:
    other = tables()["contracts"].replace({"customer": {"Bolt": "Bolt Ltd"}, "arr": {150_000.0: 140_000.0}})
    with pytest.raises(SimengineError, match=r"named account Bolt of smb has no contract .* --assume-plan accounts"):
        stand(history(contracts=other))
    assert any("Bolt has no contract" in words for words in stand(history(contracts=other), assume=("accounts",)).said)


def test_a_named_account_is_known_by_its_arr_and_renewal_too() -> None:
    other = tables()["contracts"].replace({"customer": {"Bolt": "C17"}})
    found = stand(history(contracts=other))
    assert any("Bolt is customer C17" in words for words in found.said)
    assert [account.name for account in updated(found).base["smb"].named_accounts] == ["Acme", "Bolt"]


def test_the_past_year_has_what_its_customers_pay_now() -> None:
    past = [(r["month"], r["arr"], r["net"], r["gross"]) for r in rows(stand(), "arr_history") if r["segment"] == "smb"]
    assert past == [
        ("2026-12", "500000", "485000", "460000"),
        ("2027-01", "460000", "485000", "460000"),
        ("2027-02", "470000", "485000", "470000"),
        ("2027-03", "545000", "545000", "545000"),
    ]


def test_older_months_are_the_plans_kept_as_its_customers_were_since() -> None:
    text = PLAN.replace(
        "    size_spread: 50 %\n",
        "    size_spread: 50 %\n    history:\n      - {month: 2026-02, arr: 1, net: 1, gross: 1}\n"
        "      - {month: 2026-06, arr: 400_000, net: 390_000, gross: 380_000}\n",
    )
    found = stand(text=text)
    first = rows(found, "arr_history")[0]
    # 485 and 460 of the 500 thousand that its customers had when the plan began
    assert first["month"] == "2026-06"
    assert float(first["net"]) == pytest.approx(390_000 * 0.97)
    assert float(first["gross"]) == pytest.approx(380_000 * 0.92)
    assert any("months of arr_history that are the plan's: 1" in words for words in found.said)
    updated(found, text)


def test_seats_are_who_is_there_and_who_is_expected() -> None:
    found = stand()
    seats = {group.name: group for group in updated(found).team.seats}
    assert list(seats["ae-smb"].tenures) == [21, 15]
    # who left in February is followed two months after March begins
    assert {month_label(month): n for month, n in seats["ae-smb"].expected.items()} == {"2027-05": 1}
    assert seats["ae-smb"].hires == {}
    assert list(seats["ae-smb-new"].tenures) == [1]
    assert {month_label(month): n for month, n in seats["ae-smb-new"].hires.items()} == {"2027-06": 1}
    # who was planned for earlier comes next month, or when the delay that the plan counts on is over
    assert {month_label(month): n for month, n in seats["ae-smb-new"].expected.items()} == {"2027-04": 1}
    assert list(seats["ae-emea"].tenures) == [8]
    # a CSM is not followed
    assert list(seats["csm"].tenures) == [39]
    assert seats["csm"].seats == 1
    assert any("nobody is to follow" in words for words in found.said)


@pytest.mark.parametrize(("delay", "expected"), [("0.5 months", "2027-04"), ("3 months", "2027-05"), ("99", "2027-12")])
def test_who_is_late_is_expected_when_the_delay_is_over_and_put_off_no_more(delay: str, expected: str) -> None:
    text = PLAN.replace(
        "hires: {2027-02: 2, 2027-06: 1}", f"hires: {{2027-02: 2, 2027-06: 1}}, time_to_fill_delay: {delay}"
    )
    after = updated(stand(text=text), text)
    group = next(group for group in after.team.seats if group.name == "ae-smb-new")
    assert {month_label(month): heads for month, heads in group.expected.items()} == {expected: 1}
    again = {month_label(month) for month in group.hires}
    assert again == {"2027-06"}


def test_more_people_than_planned_came_early_or_are_more() -> None:
    people = tables()["people"]
    extra = pd.concat([people.iloc[[4]].assign(id=f"x{n}") for n in range(3)])
    found = stand(history(people=pd.concat([people, extra], ignore_index=True)))
    group = next(g for g in updated(found).team.seats if g.name == "ae-smb-new")
    assert (group.existing, group.hires) == (4, {})
    assert "ae-smb-new: started before their planned month: 1" in found.said
    assert "ae-smb-new: more than the plan has seats for: 1" in found.said


def test_territories_go_with_seats_that_nobody_fills() -> None:
    text = PLAN.replace("attrition: {voluntary: 10 % per year}", "attrition: {voluntary: 10 % per year}", 1)
    text = text.replace("policy: always, lag: 2 months", "policy: never").replace(
        "\nfunnel:\n",
        "  territories:\n"
        + "".join(f"    - {{name: T{n}, seats: ae-smb}}\n" for n in range(3))
        + "".join(f"    - {{name: N{n}, seats: ae-smb-new}}\n" for n in range(3))
        + "  routing: {smb: territories}\n\nfunnel:\n",
    )
    found = stand(text=text)
    after = updated(found, text)
    assert [t.name for t in after.team.territories] == ["T0", "T1", "N0", "N1", "N2"]
    assert any("territory T2 goes" in words for words in found.said)


def test_open_opportunities_have_their_age_owner_and_value_and_late_leads_are_on_the_way() -> None:
    assert [tuple(r.values()) for r in rows(stand(), "pipeline")] == [
        ("emea", "inbound", "opportunity", "1.02", "ae-emea", "1", "50000", ""),
        ("smb", "inbound", "opportunity", "1.05", "ae-smb-new", "1", "30000", ""),
        ("smb", "inbound", "opportunity", "0.39", "", "1", "", "true"),
        ("smb", "inbound", "lead", "0.6", "", "7", "", ""),
    ]


def test_of_leads_within_a_fraction_of_a_lag_only_those_still_to_pass_are_counted() -> None:
    text = PLAN.replace("stage_lags: [1 month]", "stage_lags: [0.5 months]").replace(
        "rates: [30 %]", "rates: [50 %]", 1
    )
    # Half pass, a quarter this month and a quarter the next: of the 7 who have not passed, 7 · 0.25/0.75 will.
    # The plan lets a half pass, so its row has twice as many: 4.67.
    assert rows(stand(text=text), "pipeline")[-1]["count"] == "5"


def test_the_calendar_moves_on() -> None:
    after = updated(stand())
    assert month_label(after.plan.start) == "2027-04"
    assert after.plan.months == 9
    assert after.plan.as_of == AS_OF
    spend = after.funnel.channels["inbound"].spend
    assert [step.number for step in spend.steps] == [25_000, 30_000]
    assert after.economics.opening_cash == 4.5e6


def test_a_number_that_has_taken_all_its_steps_is_plain() -> None:
    text = PLAN.replace(", 2027-09: 30_000 per month}", "}")
    changes = stand(text=text).changes
    assert changes["funnel", "channels", "inbound", "spend"] == "25_000 per month"


def test_growth_counts_from_where_it_did() -> None:
    text = PLAN.replace("          volume: leads\n", "          volume: leads\n          growth: 10 % per year\n")
    after = updated(stand(text=text), text)
    assert after.plan.growth_from is not None
    assert month_label(after.plan.growth_from) == "2027-01"
    assert ("plan", "growth_from") not in stand().changes


def test_what_the_plan_counted_on_stands_beside_what_is() -> None:
    shifts = {shift.name: shift for shift in stand().shifts}
    assert shifts["ARR smb"].actual == 545_000
    assert shifts["ARR emea"].actual == 100_000
    assert shifts["customers smb"].actual == 5
    assert shifts["people ae-smb"].actual == 2
    assert shifts["open opportunities"].actual == 3
    assert shifts["cash"].actual == 4.5e6
    assert all(math.isfinite(shift.planned) for shift in shifts.values())


@pytest.mark.parametrize(
    ("table", "kind", "words"),
    [
        ("contracts", "customers", "no contracts"),
        ("people", "people", "no people"),
        ("opportunities", "pipeline", "no opportunities"),
        ("leads", "leads", "no leads|leads do not say"),
        ("balances", "cash", "no balance"),
    ],
)
def test_what_is_not_told_is_refused_or_taken_from_the_plan_and_said(table: str, kind: str, words: str) -> None:
    known = history(**{table: None})
    with pytest.raises(SimengineError, match=f"({words}).*--assume-plan {kind}"):
        stand(known)
    found = stand(known, assume=(kind,))
    assert any(f"--assume-plan {kind}" in said for said in found.said)
    updated(found)


def test_everything_that_is_not_told_is_said_at_once() -> None:
    with pytest.raises(SimengineError) as refusal:
        stand(History(AS_OF, {}))
    assert re.findall("--assume-plan ([a-z]+)", str(refusal.value)) == [
        *("customers", "people", "pipeline", "leads", "cash"),
    ]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2027, 3, 30), "inside a month.*choose 2027-02-28 or 2027-03-31"),
        (date(2026, 12, 31), "leaves no plan to update"),
        (date(2027, 12, 31), "from 2027-01-31 to 2027-11-30"),
    ],
)
def test_the_day_is_the_end_of_a_month_of_the_plan(day: date, words: str) -> None:
    with pytest.raises(SimengineError, match=words):
        stand(History(day, tables()))


def test_records_that_the_plan_has_no_place_for_are_refused() -> None:
    deals = tables()["opportunities"]
    deals.loc[4, "channel"] = "fax"
    contracts = tables()["contracts"]
    contracts.loc[7, "segment"] = "apac"
    people = tables()["people"].assign(seats="", segment="")
    with pytest.raises(SimengineError) as refusal:
        stand(history(opportunities=deals, contracts=contracts, people=people))
    assert "contracts of segment apac, which has no entry in base: 1" in str(refusal.value)
    assert "1 open opportunities are of channel fax in segment smb" in str(refusal.value)
    assert "people of role ae who fit to no seat group, or to several: 4 (p1, p2, p4)" in str(refusal.value)


def test_the_plan_keeps_its_comments(tmp_path: Path) -> None:
    now = edited(PLAN, "small.yaml", stand().changes)
    assert all(comment in now for comment in re.findall("# .*", PLAN))
    (tmp_path / "small.yaml").write_text(now, encoding="utf-8")
