"""What a plan says of itself: every number of it is worked out by hand here."""

import pytest

from simengine.plan import loads
from simengine.reading.operating import OperatingPlan, spans
from simengine.reading.overview import describe
from simengine.reading.parts import Figure, Table
from simengine.reading.reconcile import reconcile
from simengine.reading.uncertain import uses, worse
from simengine.report.describe import WIDTH, cell, document, markdown, text
from tests.generated import generated_plan
from tests.reading.example import TEXT, plan


def tables(plan):
    """Every table of a description by its caption."""
    return {part.caption: part for section in describe(plan) for part in section.content if isinstance(part, Table)}


def row(table, *names):
    """The numbers of the row that begins with some names."""
    found = next(row for row in (*table.rows, table.total) if tuple(row[: len(names)]) == names)
    return dict(zip(table.columns, found, strict=True))


@pytest.fixture(scope="module")
def balanced():
    return plan()


@pytest.fixture(scope="module")
def shown(balanced):
    return tables(balanced)


def test_chapters_come_in_the_order_of_a_check(balanced):
    titles = [section.title for section in describe(balanced)]
    assert titles == [
        *("Balanced", "Targets", "Segments", "People", "Capacity", "Demand", "Opening pipeline", "Customers"),
        *("Quota roll-up", "Events and shocks", "Assumptions", "Metrics"),
    ]


def test_quarters_are_fiscal():
    header = plan("plan.fiscal_year_start=3", "targets=null").plan
    assert [(span.label, span.months) for span in spans(header, 3)] == [
        *(("FY2027-Q4", 2), ("FY2028-Q1", 3), ("FY2028-Q2", 3), ("FY2028-Q3", 3), ("FY2028-Q4", 1)),
    ]


def test_people_are_counted_by_role_and_quarter(shown):
    heads = row(shown["Headcount at the end of the quarter"], "ae")
    assert heads["at start"].value == 4
    assert heads["FY2027-Q4"].value == pytest.approx(4)
    everybody = row(shown["Headcount at the end of the quarter"], "all")
    assert everybody["FY2027-Q1"].value == pytest.approx(8)


def test_hires_of_one_month_are_planned_in_that_month():
    def planned(hires):
        head = "plan: {name: Hires, currency: USD, start: 2027-01, months: 12}\nsegments: {smb: {}}\n"
        team = f"team: {{roles: {{ops: {{}}}}, seats: [{{name: ops, role: ops, existing: 1, hires: {hires}}}]}}\n"
        return cell(row(tables(loads(head + team))["Seats"], "ops")["hires are\nplanned in"], "USD")

    assert planned("{2027-12: 5}") == "2027-12"
    assert planned("{2027-02: 1, 2027-12: 5}") == "2027-02 to 2027-12"
    assert planned("{}") == "–"


def test_load_is_room_needed_over_room_there(balanced):
    op = OperatingPlan(balanced)
    # Leads: 75 inbound; SDRs have 200 hours, 150 for these, and 50 · 0.02 = 1 outbound. 30 % of 76 for 3 months each.
    assert op.needed("smb").mean() == pytest.approx(76 * 0.3 * 3)
    assert op.load("smb", op.year) == pytest.approx(76 * 0.3 * 3 / (4 * 18))


def test_sellers_without_a_limit_have_no_load_and_no_verdict():
    unlimited = plan("team.roles.ae.capacity=unlimited", "team.territories=[]")
    shown = tables(unlimited)["Capacity against opportunities"]
    by_measure = {line[1]: line for line in shown.rows}
    assert "over or under" not in by_measure
    assert cell(by_measure["room there"][2], "USD") == "no limit"
    assert cell(by_measure["load"][2], "USD") == "–"


def test_room_in_money_is_compared_with_what_opportunities_are_worth():
    op = OperatingPlan(plan("team.roles.ae.capacity={open_opportunities: null, pipeline: 400_000}"))
    assert op.load("smb", op.year) == pytest.approx(76 * 0.3 * 3 * 24_000 / (4 * 400_000))


def test_territories_show_who_is_over_and_who_is_under(shown):
    caption = "Territories, FY2027"
    assert row(shown[caption], "smb", "East")["share of\nsegment"].value == 0.25
    uneven = tables(plan("team.territories.East.potential=x3"))[caption]
    east, west = row(uneven, "smb", "East"), row(uneven, "smb", "West")
    assert (east[""], west[""]) == ("over", "under")
    assert east["worked by"] == "ae-smb no. 1"
    assert east["load"].value == pytest.approx(3 * west["load"].value)
    assert east["accounts"].value == 210


def test_demand_says_in_which_way_leads_come(shown):
    channels = shown["Channels, before growth and season"]
    assert row(channels, "inbound", "smb")["comes from"] == "marketing spend"
    assert row(channels, "outbound", "smb")["comes from"] == "hours of sdr"
    assert row(channels, "inbound", "smb")["qualified\nby"] == "sdr"
    sellers = tables(
        plan(
            "funnel.channels.outbound.segments.smb.from_hours=null",
            "funnel.channels.outbound.segments.smb.from_sellers=0.8 per month",
        )
    )
    own = row(sellers["Channels, before growth and season"], "outbound", "smb")
    assert own["comes from"] == "sellers themselves"
    # Four ramped sellers, three months.
    assert row(sellers["lead: arrivals"], "outbound", "smb")["FY2027-Q1"].value == pytest.approx(0.8 * 4 * 3)


def test_more_spend_buys_what_the_curve_says(shown):
    bought = shown["What more marketing spend buys in FY2027, by the response curve"]
    planned, fifth, million = bought.rows
    assert planned[2:4] == (Figure(240_000.0, "currency"), Figure(pytest.approx(900.0), "count"))
    # x(1 + κ)/(x + κ) with κ = 1 at x = 1.2 is 2.4/2.2.
    assert fifth[3].value == pytest.approx(900 * (2.4 / 2.2 - 1))
    assert fifth[5].value == pytest.approx(900 * (2.4 / 2.2 - 1) * 0.3 * 0.25 * 24_000)
    x = 1 + 1_000_000 / 240_000
    assert million[2].value == pytest.approx(1_000_000)
    assert million[3].value == pytest.approx(900 * (2 * x / (x + 1) - 1))


def test_hours_are_shown_against_what_qualifying_needs(shown):
    there, needed = shown["Hours a month; what qualifying leaves goes into outreach"].rows
    assert there[2].value == pytest.approx(200)
    assert needed[2].value == pytest.approx(150)


def test_coverage_of_customers_is_capacity_over_load():
    short = tables(plan("team.roles.csm.carries.customers=60"))
    caption = "Share of customers' load that somebody has the capacity to carry"
    # Of 150 customers at the start; hardly anybody comes or goes in the first quarter.
    assert row(short[caption], "smb", "renewal")["FY2027-Q1"].value == pytest.approx(120 / 150, rel=0.02)
    assert row(tables(plan())[caption], "smb", "renewal")["FY2027-Q4"].value == 1.0


def test_opening_pipeline_is_valued_at_the_rates_that_remain(shown):
    open_now = row(shown["What is open when the plan starts"], "opportunity", "inbound", "smb")
    assert open_now["value at\nlast stage"].value == pytest.approx(1_600_000)
    assert open_now["at the\nwin rate"].value == pytest.approx(400_000)


def test_atr_adds_up_to_opening_arr(shown):
    atr = shown["ARR that comes up for renewal (ATR), new and renewed customers included"]
    assert len(atr.columns) == 13
    # One-year terms: everybody of the opening base renews once in the year. Expansion in the year renews with it.
    assert sum(figure.value for figure in atr.total[1:]) == pytest.approx(4_500_000, rel=0.03)
    assert sum(figure.value for figure in atr.total[1:]) >= 4_500_000
    accounts = shown["Named accounts"]
    assert row(accounts, "Acme")["share of\nsegment"].value == pytest.approx(240 / 4500)
    assert cell(row(accounts, "Acme")["renews"], "USD") == "2027-03"


def test_quotas_add_up(shown, balanced):
    all_sellers = row(shown["FY2027"], "all", "")
    assert all_sellers["street\nquota"].value == pytest.approx(4 * 600_000)
    assert all_sellers["attain-\nment"].value == pytest.approx(all_sellers["booked"].value / 2_400_000)
    op = OperatingPlan(balanced)
    # Nobody else sells: what the target needs of sellers is the target.
    assert op.needs(op.year)["board"] == pytest.approx(1_750_000)


def test_a_manager_has_the_quota_of_the_team_and_counts_once():
    managed = tables(
        plan(
            "team.roles.manager={quota: team}",
            "team.seats=[{name: ae-smb, role: ae, segment: smb, team: North, existing: 4},"
            " {name: boss, role: manager, team: North, existing: 1}, {name: sdr, role: sdr, existing: 2},"
            " {name: csm, role: csm, existing: 2}]",
        )
    )
    assert row(managed["FY2027"], "all", "")["street\nquota"].value == pytest.approx(2_400_000)
    boss = row(managed["FY2027: managers, whose quota is their team's"], "North", "manager")
    assert boss["street\nquota"].value == pytest.approx(2_400_000)
    assert boss["booked"].value == pytest.approx(row(managed["FY2027"], "North", "ae")["booked"].value)


def test_events_say_what_they_change_and_cost(shown):
    event = row(shown["Events"], "new site")
    assert event["chance"].value == 0.7
    assert cell(event["starts"], "USD") == "2027-07"
    assert cell(event["the plan\ncounts on"], "USD") == "never"
    cost = row(shown["What events change and cost"], "new site")
    assert cell(cost["what it changes"], "USD") == "leads.inbound x1.20"
    assert cost["cost as\nplanned"].value == 0
    planned = tables(plan("events.new site.plan=2027-07"))
    assert row(planned["What events change and cost"], "new site")["cost as\nplanned"].value == 30_000 + 6 * 10_000
    assert cell(row(shown["Shocks"], "demand")["standard deviation of a month"], "USD") == "leads.inbound 5.0%"


def test_the_register_shows_the_law_and_what_is_worse(shown, balanced):
    numbers = row(shown["As planned, and as simulated after the source policy"], "win_rate.smb")
    assert [numbers[name].value for name in ("P10", "P50", "P90")] == pytest.approx([0.21, 0.25, 0.29])
    assert numbers["worse than\nplan"].value == pytest.approx(0.5)
    source = row(shown["Where they come from, and where they are used"], "leads.inbound")
    assert cell(source["source"], "USD") == "historical, n = 33"
    assert (source["grade"], source["as of"], source["owner"]) == ("A", "2026-10-01", "Marketing")


def test_the_plan_value_itself_is_not_worse(balanced):
    law, declared = balanced.widened()["leaving.csm"], balanced.declared["leaving.csm"]
    assert worse(law, declared) == pytest.approx(0.4)
    assert worse(law, declared._replace(adverse="low")) == pytest.approx(0.0)
    assert worse(law, declared._replace(adverse="both")) != worse(law, declared._replace(adverse="both"))


def test_uses_are_named_once_for_each_key(balanced):
    assert uses(balanced)["win_rate.smb"] == ["win_rate of inbound/smb, outbound/smb"]
    assert uses(balanced)["leaving.csm"] == ["attrition.voluntary of csm"]


def test_a_number_that_changes_shows_both_ends():
    stepped = tables(plan("team.roles.ae.quota={start: 600_000 per year, 2027-07: 660_000 per year}"))
    quota = row(stepped["Roles; leavers, quota and pay are per year"], "ae")["quota"]
    assert cell(quota, "USD") == "$600k → $660k"


@pytest.mark.parametrize("unit", ["count per month", "number", "rate", "precise", "factor", "months", "currency"])
def test_what_is_below_zero_has_a_true_minus_sign(unit):
    assert "−" in cell(Figure(-19.4, unit), "USD")
    assert "-" not in cell(Figure(-19.4, unit), "USD")


def test_targets_stand_beside_what_the_plan_comes_to(shown, balanced):
    target = row(shown["What is asked for, and what the operating plan comes to"], "board")
    op = OperatingPlan(balanced)
    assert target["operating\nplan"].value == pytest.approx(op.metric("new_arr", op.year))
    assert target["needed"].value == 1_750_000


@pytest.mark.parametrize("months", [12, 60])
def test_no_line_of_text_is_too_long(months):
    written = text(describe(plan(f"plan.months={months}")), "USD")
    assert max(map(len, written.splitlines())) <= WIDTH
    assert "nan" not in written
    assert "inf" not in written.replace("infinite", "")


def test_money_in_another_currency_fits_too():
    written = text(describe(plan("plan.currency=CHF", "plan.months=36")), "CHF")
    assert max(map(len, written.splitlines())) <= WIDTH
    assert "CHF 4.50M" in written


def test_columns_of_numbers_are_aligned(balanced):
    lines = text(describe(balanced), "USD").splitlines()
    start = lines.index("Headcount at the end of the quarter")
    block = lines[start + 2 : start + 9]
    assert len({len(line) for line in block}) == 1


def test_markdown_has_a_table_for_each_table(balanced):
    written = markdown(describe(balanced), "USD")
    assert written.startswith("# Balanced\n")
    ruled = [line for line in written.splitlines() if set(line) <= set("| -:") and "---" in line]
    assert len(ruled) == len([part for s in describe(balanced) for part in s.content if isinstance(part, Table)])


def test_a_pipe_in_a_name_does_not_break_a_markdown_table():
    written = markdown(describe(plan('segments.smb.geo="N|A"')), "USD")
    assert "N\\|A" in written


def test_data_is_plain(balanced):
    sections = document(describe(balanced), "USD")
    arr = sections[7]["tables"][0]["rows"][0][2]
    assert arr == {"value": 4_500_000.0, "unit": "USD"}


def test_a_plan_with_almost_nothing_in_it_can_be_read():
    bare = loads("plan: {name: Bare, currency: USD, start: 2027-01, months: 5}\nsegments: {all: {}}\n")
    assert "Bare" in text(describe(bare), "USD")


@pytest.mark.parametrize("i", range(0, 300, 50))
def test_any_plan_can_be_read(i):
    any_plan = loads(generated_plan(i))
    sections = describe(any_plan)
    written = text(sections, any_plan.plan.currency)
    assert max(map(len, written.splitlines())) <= WIDTH
    assert markdown(sections, "USD").count("\n## ") == len(sections) - 1
    assert all(cell(finding.found, "USD") for finding in reconcile(any_plan))


LEVERS = """
levers:
  sellers:
    hires: ae-smb
    starts: [2027-03, 2027-05]
    range: [0, 4]
    step: 2
    lead_time: 1 month
    owner: CRO
    territories: {potential: x1}
  louder: {spend: inbound, starts: [2027-02], range: [x0.9, x1.3], step: x0.1, owner: CMO}
  coaching:
    improves: [win_rate.smb]
    starts: [2027-04]
    range: [x1.0, x1.2]
    step: x0.05
    cost: {upfront: 5_000, monthly: 1_000 per month}
    owner: RevOps
  site sooner: {event: new site, range: [0, 2], lead_time: 2 months, owner: CMO}
limits: {budget: 500_000, hires_per_month: 3}
"""


def test_levers_are_told_with_what_a_step_costs():
    section = next(section for section in describe(loads(TEXT + LEVERS)) if section.title == "Levers")
    made, *limits = section.content
    told = {cell(row[0], "USD"): [cell(part, "USD") for part in row[1:]] for row in made.rows}
    # Two sellers at 180,000 a year each; a tenth of 20,000; an event of 70 % that costs 10,000 a month.
    assert told == {
        "sellers": [
            *("hires of ae-smb", "CRO", "2027-03, 2027-05", "2027-02, 2027-04", "0", "4", "2", "$0", "$30.0k"),
        ],
        "louder": ["spend of inbound", "CMO", "2027-02", "2027-02", "x0.90", "x1.30", "0.1", "$0", "$2.0k"],
        "coaching": ["win_rate.smb", "RevOps", "2027-04", "2027-04", "x1.00", "x1.20", "0.05", "$5.0k", "$1.0k"],
        "site sooner": [
            *("start of new site", "CMO", "before 2027-07", "2027-04", "0", "2", "1", "$7.0k", "$0"),
        ],
    }
    assert [cell(part, "USD") for part in limits] == [
        "Together they may cost $500k until a target is decided.",
        "At most 3 people may be hired in a month, those of the plan included.",
    ]
    assert "Levers" not in {section.title for section in describe(plan())}
