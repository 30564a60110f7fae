"""What is handed over: quotas and budget that are those of the operating plan, hires one by one, safe files."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from simengine.decide.handover import COLUMNS, Table, handover
from simengine.plan import load, loads
from simengine.plan.fields import ZERO
from simengine.reading.operating import OperatingPlan
from simengine.units import month_label

ROOT = Path(__file__).parents[2]
TINY = (ROOT / "tests" / "plans" / "tiny.yaml").read_text(encoding="utf-8")
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def base():
    return load(ROOT / "scenarios" / "northstar" / "base.yaml")


@pytest.fixture(scope="module")
def tables(base):
    return handover(base)


def rows(table: Table) -> list[dict]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def staying(plan):
    """The plan where nobody leaves or moves up, and everybody starts as planned."""
    roles = {n: r.model_copy(update={"attrition": None, "promotion": None}) for n, r in plan.team.roles.items()}
    seats = tuple(group.model_copy(update={"time_to_fill_delay": ZERO}) for group in plan.team.seats)
    return plan.model_copy(update={"team": plan.team.model_copy(update={"roles": roles, "seats": seats})})


class TestBudget:
    @pytest.mark.parametrize("text", [None, TINY])
    def test_adds_up_to_the_operating_plan_to_the_cent(self, base, text) -> None:
        plan = base if text is None else loads(text)
        operating = OperatingPlan(plan)
        found = [row for row in rows(handover(plan)["budget.csv"]) if row["booked_in"] != "cogs"]
        so_far = Decimal(0)
        for t in range(plan.plan.months):
            so_far += sum(row["amount"] for row in found if row["month"] == month_label(plan.plan.start + t))
            span = operating.years[0]._replace(last=t)
            # Half a cent, and what floating point leaves of sums in another order.
            assert abs(float(so_far) - operating.metric("opex", span)) <= 0.005 + 1e-6

    def test_lines_are_those_of_the_plan(self, base, tables) -> None:
        found = rows(tables["budget.csv"])
        january = {(r["line"], r["team"], r["item"]): r["amount"] for r in found if r["month"] == "2027-01"}
        assert january["programme spend", "", "inbound"] == Decimal("800000.00")
        assert january["other operating expenses", "", "general and administration"] == Decimal("1041666.67")
        assert january["salary", "Sales support", ""] == 18 * 165_000 / Decimal(12)
        begun = sum(r["amount"] for r in found if r["item"] == "onboarding programme")
        assert begun == 18 * 20_000


class TestQuotas:
    def test_are_those_of_the_baseline_where_everybody_stays(self, base) -> None:
        plan = staying(base)
        found = rows(handover(plan)["quotas.csv"])
        expected = OperatingPlan(plan).group("quota")
        for group in plan.team.seats:
            sums = [
                float(sum(r["quota"] for r in found if r["group"] == group.name and r["month"] == month_label(m)))
                for m in range(plan.plan.start, plan.plan.start + plan.plan.months, 5)
            ]
            np.testing.assert_allclose(sums, expected[group.name][::5], atol=0.01 * max(1, group.seats))

    def test_are_more_than_what_those_who_leave_would_carry(self, base, tables) -> None:
        found = rows(tables["quotas.csv"])
        last = [r for r in found if r["month"] == "2028-12" and r["group"] == "ae-enterprise-na"]
        assert float(sum(r["quota"] for r in last)) > 1.01 * OperatingPlan(base).group("quota")["ae-enterprise-na"][-1]

    def test_by_hand(self, tables) -> None:
        """An enterprise seller of January 2027: nothing for a quarter, a quarter and a half of it, then all."""
        quota = {
            r["month"]: r["quota"]
            for r in rows(tables["quotas.csv"])
            if r["group"] == "ae-enterprise-na-new" and r["seat"] == 1
        }
        assert quota["2027-01"] == 0
        assert quota["2027-05"] == Decimal("12916.67")  # 620,000 / 12 / 4
        assert quota["2027-10"] == Decimal("51666.67")
        assert quota["2028-01"] == Decimal("54166.67")  # 650,000 from then on

    def test_over_assignment_is_taken_off(self, tables) -> None:
        for row in rows(tables["quotas.csv"])[::50]:
            assert abs(row["quota"] - row["quota_less_over_assignment"] * Decimal("1.2")) <= CENT


class TestTerritories:
    def test_make_up_their_segment(self, tables) -> None:
        found = rows(tables["territories.csv"])
        for month in ("2027-01", "2027-07", "2028-12"):
            assert sum(r["share_of_segment"] for r in found if r["month"] == month) == pytest.approx(1.0, abs=1e-4)

    def test_belong_to_seats_in_order(self, tables) -> None:
        seats = {r["territory"]: (r["group"], r["seat"], r["start"]) for r in rows(tables["territories.csv"])}
        assert seats["UK-1"] == ("ae-enterprise-emea", 1, "")
        assert seats["Benelux-1"] == ("ae-enterprise-emea-new", 3, "2027-04")


class TestRequisitions:
    def test_are_the_hires_of_the_plan_one_by_one(self, base, tables) -> None:
        found = rows(tables["requisitions.csv"])
        assert len(found) == sum(sum(group.hires.values()) for group in base.team.seats)
        assert {row["headcount"] for row in found} == {1}

    def test_are_opened_before_by_as_long_as_it_takes(self) -> None:
        first, second = rows(handover(loads(TINY))["requisitions.csv"])
        assert (first["start"], first["open_by"], first["overdue"]) == ("2027-02", "2027-01", "no")
        assert first["cost_in_plan"] == 15_000 + 11 * 15_000
        assert (second["start"], second["open_by"], second["cost_in_plan"]) == (
            "2027-04",
            "2027-03",
            15_000 + 9 * 15_000,
        )

    def test_say_what_is_added_and_what_is_cancelled(self) -> None:
        lever = "levers: {more: {hires: ae-smb-new, starts: [2027-03], range: [0, 2], lead_time: 2 months, owner: CRO}}"
        base = loads(f"{TINY}\n{lever}")
        plan = loads(TINY.replace("{2027-02: 1, 2027-04: 1}", "{2027-02: 3}"))
        found = [
            (r["status"], r["headcount"], r["start"], r["open_by"], r["overdue"], r["owner"])
            for r in rows(handover(plan, base=base)["requisitions.csv"])
        ]
        assert found == [
            ("planned", 1, "2027-02", "2027-01", "no", "CRO"),
            # A month to fill it, and two from the decision on.
            ("added", 1, "2027-02", "2026-11", "yes", "CRO"),
            ("added", 1, "2027-02", "2026-11", "yes", "CRO"),
            ("cancelled", 0, "2027-04", "", "", "CRO"),
        ]

    def test_a_plan_against_itself_adds_nothing(self, base) -> None:
        assert set(handover(base, base=base)["requisitions.csv"].column("status")) == {"planned"}

    def test_who_is_on_the_way_needs_none(self) -> None:
        plan = loads(TINY.replace("hires: {2027-02: 1, 2027-04: 1}", "hires: {2027-04: 1}, expected: {2027-02: 1}"))
        first = rows(handover(plan)["requisitions.csv"])[0]
        assert (first["status"], first["open_by"], first["overdue"], first["recruiting"]) == ("on the way", "", "", 0)


class TestFiles:
    def test_have_their_header_and_read_back(self, tables) -> None:
        for name, columns in COLUMNS.items():
            read = list(csv.reader(io.StringIO(tables[name].csv())))
            assert tuple(read[0]) == columns
            assert len(read) == 1 + len(tables[name].rows)

    @pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "=HYPERLINK(1)"])
    def test_no_text_is_a_formula(self, name: str) -> None:
        plan = loads(TINY.replace("segment: smb, existing", f'team: "{name}", segment: smb, existing'))
        text = handover(plan)["quotas.csv"].csv()
        team = {row["team"] for row in csv.DictReader(io.StringIO(text)) if row["group"] == "ae-smb"}
        assert team == {f"'{name}"}

    def test_are_documented(self) -> None:
        page = (ROOT / "docs" / "decide" / "handover.md").read_text(encoding="utf-8")
        for name, columns in COLUMNS.items():
            section = page.split(f"## `{name}`")[1].split("\n## ")[0]
            assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == list(columns)
