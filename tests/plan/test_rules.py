"""Where the rules of a plan end: what is just possible, and the mistake that lies next to it."""

from pathlib import Path

import pytest

from simengine.errors import PlanError
from simengine.plan import Plan, Quantity, loads
from simengine.plan.evidence import Effect

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
AE, CELL, BASE = "team.roles.ae", "funnel.channels.inbound.segments.smb", "base.smb"
ONE_SEAT = ("team.seats.ae-smb.existing=1", "team.seats.ae-smb-new.hires={2027-02: null, 2027-04: null}")
EVENT = "events={launch: {kind: initiative, source: {kind: judgment, reference: CRO}, "
JANUARY = 2027 * 12


def tiny_with(*overrides: str) -> Plan:
    return loads(TINY, "tiny.yaml", overrides=overrides)


def message(*overrides: str) -> str:
    with pytest.raises(PlanError) as caught:
        tiny_with(*overrides)
    return str(caught.value)


def launch(words: str, effect: str = "{inbound: x1.2}") -> str:
    return f"{EVENT}effect: {effect}, {words}}}}}"


def account(arr: int, name: str = "A") -> str:
    return f"{{name: {name}, arr: {arr}, renews: 2027-03, renewal_rate: 90 %}}"


def past(month: str) -> str:
    return f"{{month: {month}, arr: 4_000_000, net: 4_100_000, gross: 3_900_000}}"


WORKLOAD_GONE = (f"{AE}.ramp.workload=null", f"{AE}.ramp.shape=null")
DEPTH = (f"{BASE}.contraction_depth=30 %",)
ROW = "funnel.opening_pipeline.rows=[{segment: smb, channel: inbound, stage: lead, age_months: 0, count: 1, owner: @}]"
WAITS = ROW.replace("stage: lead", "stage: opportunity").replace("owner: @", "waiting: true")
RULES = [
    # what must be there, what is just possible, what is not, and a word of the message
    ((), "team.seats.ae-smb.expected.2027-12=2", "team.seats.ae-smb.expected.2028-01=2", "outside the plan"),
    ((), WAITS, WAITS.replace("opportunity", "lead"), "only what stands at stage opportunity waits"),
    ((), WAITS, WAITS.replace("}]", ", owner: ae-smb}]"), "has no owner yet"),
    (("funnel.channels.inbound.sold_by=nobody",), WAITS.replace("true", "false"), WAITS, "sold by nobody"),
    ((), WAITS, WAITS.replace("true", "perhaps"), "neither true nor false"),
    ((), f"{BASE}.go_live={{start: 1, 2027-02: 2}}", f"{BASE}.go_live={{2027-02: 2}}", "add start"),
    ((), f"{BASE}.renewal_rate.2027-12=89 %", f"{BASE}.renewal_rate.2028-01=89 %", "is outside the plan"),
    ((), f"{BASE}.renewal_rate.2027-02=89 %", f"{BASE}.renewal_rate.2027-01=89 %", "the plan starts in this month"),
    ((), f"{BASE}.price_increase.2027-12=3 %", f"{BASE}.price_increase.2027-12=103 %", "out of range"),
    (DEPTH, f"{BASE}.contraction_depth.2027-07=10 %", f"{BASE}.contraction_depth.2027-07=0", "can be 0"),
    ((), f"{BASE}.contraction.2027-07=30 %", f"{BASE}.contraction={{start: 31 %, 2027-07: 31 %}}", "cannot be lost"),
    ((), f"{AE}.quota.2027-07=700_000 per year", f"{AE}.quota.2027-07=0 per year", "must be above zero"),
    (
        WORKLOAD_GONE,
        f"{AE}.ramp={{bookings: [0, 50 %, 50 %], cycle: 3}}",
        f"{AE}.ramp={{bookings: [1 %, 0], cycle: 3}}",
        "less than the quarter before",
    ),
    (
        WORKLOAD_GONE,
        f"{AE}.ramp={{bookings: [{{start: 10 %, 2027-07: 20 %}}, 20 %], cycle: 3}}",
        f"{AE}.ramp={{bookings: [{{start: 10 %, 2027-07: 21 %}}, 20 %], cycle: 3}}",
        "less than the quarter before",
    ),
    ((f"{AE}.quota_relief=ramp",), f"{AE}.quota=1 per year", f"{AE}.quota=null", "has no quota of its own"),
    ((), f"{AE}.commission_draw={{months: 60}}", f"{AE}.commission_draw={{months: 61}}", "out of range"),
    (
        (f"{AE}.commission_draw={{months: 6}}",),
        f"{AE}.cost.variable=1 per year",
        f"{AE}.cost.variable=0 per year",
        "earns no commission",
    ),
    (
        ("team.roles.am={capacity: unlimited}", "team.seats=[{name: am, role: am, segment: smb, existing: 1}]"),
        "team.roles.am.backfill={policy: always}",
        "team.roles.am.capacity={pipeline: 1e6}",
        "room for pipeline",
    ),
    (
        ONE_SEAT,
        "team.territories=[{name: A, seats: ae-smb}]",
        "team.territories=[{name: A, seats: ae-smb}, {name: B, seats: ae-smb}]",
        "1 seats, filled and planned, and 2 territories",
    ),
    (
        ("team.territories=[{name: A, seats: ae-smb-new}, {name: B, seats: ae-smb-new}]",),
        "team.routing={smb: pooled}",
        "team.routing={smb: territories}",
        "segment smb is worked by territory, and these seats have none",
    ),
    (
        ("team.routing={smb: pooled}",),
        "team.territories=[{name: A, seats: ae-smb-new, potential: 0}, {name: B, seats: ae-smb-new}]",
        "team.territories=[{name: A, seats: ae-smb-new, potential: {start: 1, 2027-05: 0}}, "
        "{name: B, seats: ae-smb-new, potential: 0}]",
        "can have a potential of 0",
    ),
    ((), f"{CELL}.stage_lags=[1]", f"{CELL}.stage_lags=[1, 1]", "expected 1"),
    (
        (),
        f"{CELL}.deal_bands=[{{above: 9_000, cycle: x2}}, {{above: 9_001}}]",
        f"{CELL}.deal_bands=[{{above: 9_000, cycle: x2}}, {{above: 9_000}}]",
        "is not above the band before",
    ),
    ((), f"{CELL}.cycle_lost={{start: 3, 2027-06: 2}}", f"{CELL}.cycle_lost={{start: 3, June: 2}}", "is not a month"),
    (
        ("funnel.channels.inbound.response={at_spend: 1 per month, half_saturation: 1}",),
        "funnel.channels.inbound.spend={start: 0 per month, 2027-03: 1 per month}",
        "funnel.channels.inbound.spend=0 per month",
        "no spend to respond to",
    ),
    (
        ("team.seats=[{name: later, role: ae, segment: smb, hires: {2027-02: 1}}]",),
        ROW.replace("@", "ae-smb"),
        ROW.replace("@", "later"),
        "nobody works in later when the plan starts",
    ),
    ((), f"{BASE}.terms={{12: 70 %, 36: 30 %}}", f"{BASE}.terms={{12: 70 %, 36: 30.1 %}}", "add up to 100.1 %"),
    ((), f"{BASE}.terms={{1: 1}}", f"{BASE}.terms={{0: 1}}", "out of range"),
    ((), f"{BASE}.late={{share: 1, months: 11}}", f"{BASE}.late={{share: 1, months: 12}}", "the shortest term has 12"),
    (
        (f"{BASE}.early={{share: 40 %, months: 1}}",),
        f"{BASE}.late={{share: 60 %, months: 1}}",
        f"{BASE}.late={{share: {{start: 60 %, 2027-07: 61 %}}, months: 1}}",
        "more than all",
    ),
    (
        (f"{BASE}.customers=2",),
        f"{BASE}.named_accounts=[{account(2_000_000)}, {account(2_500_000, 'B')}]",
        f"{BASE}.named_accounts=[{account(2_000_000)}, {account(2_499_000, 'B')}]",
        "leaves 0 customers with an ARR of 1,000",
    ),
    (
        (f"{BASE}.atr={{2027-03: 500_000, 2027-04: 4_000_000}}",),
        f"{BASE}.named_accounts=[{account(500_000)}]",
        f"{BASE}.named_accounts=[{account(300_000)}, {account(200_001, 'B')}]",
        "have more ARR than its atr, 500,000",
    ),
    (
        (f"{BASE}.atr={{2027-03: 500_000, 2027-04: 4_000_000}}", f"{BASE}.customers=3"),
        f"{BASE}.named_accounts=[{account(500_000)}]",
        f"{BASE}.named_accounts=[{account(300_000)}, {account(100_000, 'B')}]",
        "atr: leaves 2 months to the 1 customers who are not named",
    ),
    (
        (f"{BASE}.customers=2",),
        f"{BASE}.named_accounts=[{account(4_490_000)}]",
        f"{BASE}.atr={{2027-03: 4_490_000}} ; {BASE}.named_accounts=[{account(4_490_000)}]",
        "atr: leaves 0 months to the 1 customers who are not named",
    ),
    ((), f"{BASE}.named_accounts=[{account(1)}]", f"{BASE}.named_accounts=[{account(0)}]", "must be above zero"),
    (
        (),
        f"{BASE}.history=[{past('2026-01')}, {past('2026-11')}]",
        f"{BASE}.history=[{past('2025-12')}]",
        "not one of the twelve before the plan",
    ),
    (
        (),
        f"{BASE}.history=[{{month: 2026-12, arr: 4_500_000, net: 4_500_000, gross: 4_500_000}}]",
        f"{BASE}.history=[{{month: 2026-12, arr: 4_500_000, net: 4_500_000, gross: 4_400_000}}]",
        "gross: is not the segment's arr at the start",
    ),
    ((), launch("starts: 2027-03, plan: 2027-12"), launch("starts: 2027-03, plan: 2028-01"), "outside the plan"),
    ((), launch("starts: 2037-12, plan: never"), launch("starts: 2038-01, plan: never"), "more than ten years"),
    (
        (),
        launch("starts: {normal: {mean: 2027-05, sd: 2}}, plan: never"),
        launch("starts: {normal: {mean: 5, sd: 2}}, plan: never"),
        "more than ten years",
    ),
    (
        (),
        launch("starts: 2027-03, plan: never, probability: 0"),
        launch("starts: 2027-03, plan: never, probability: -1"),
        "out of",
    ),
    (
        (),
        launch("starts: 2027-03, plan: never", "{inbound/smb: {add: 1 per month}}"),
        launch("starts: 2027-03, plan: never", "{inbound/smb: {add: 1}}"),
        "has no period",
    ),
    ((), "segments.smb={geo: NA, currency: USD}", "segments.smb={geo: NA, currency: EUR}", "has no rate"),
    ((), "plan.rates={EUR: 1.1}", "plan.rates={USD: 1}", "is the plan's own currency"),
]


@pytest.mark.parametrize(("needed", "possible", "impossible", "words"), RULES, ids=[rule[2] for rule in RULES])
def test_a_rule_has_two_sides(needed: tuple[str, ...], possible: str, impossible: str, words: str) -> None:
    tiny_with(*needed, possible)
    text = message(*needed, *impossible.split(" ; "))
    assert words in text
    assert len(text.splitlines()) == 1


class TestEvents:
    def test_months_in_force_are_counted_to_the_end_of_the_plan(self) -> None:
        plan = tiny_with(launch("starts: {uniform: [2027-03, 2027-06]}, plan: 2027-04, probability: 40 %"))
        assert plan.planned["launch"] == 9
        law = plan.widened()["launch"]
        assert law.support() == (0, 10)
        assert law.mean() == pytest.approx(0.4 * (10 + 9 + 8) / 3)
        assert plan.widened(policy=False)["launch"] == law

    def test_never_is_no_month_in_force(self) -> None:
        assert tiny_with(launch("starts: 2027-03, plan: never")).planned["launch"] == 0

    @pytest.mark.parametrize(("kind", "adverse"), [("initiative", "low"), ("risk", "high")])
    def test_the_register_says_which_side_hurts(self, kind: str, adverse: str) -> None:
        plan = tiny_with(launch("starts: 2027-03, plan: 2027-03").replace("initiative", kind))
        assert (plan.declared["launch"].adverse, plan.declared["launch"].unit) == (adverse, "months")

    @pytest.mark.parametrize(
        ("effect", "meant"),
        [
            ("{win_rate.smb: x1.1}", Effect("multiply", Quantity(1.1))),
            ("{win_rate.smb: {multiply: 110 %}}", None),
            ("{win_rate.smb: {add: 2 %}}", Effect("add", Quantity(0.02), "fraction")),
            ("{win_rate.smb: {add: -2 %}}", Effect("add", Quantity(-0.02), "fraction")),
            ("{leads.inbound: {add: 120 per year}}", Effect("add", Quantity(10.0), "count per month")),
            ("{win_rate.smb: {add: renewal.smb}}", Effect("add", Quantity(1.0, "renewal.smb"), "fraction")),
            ("{win_rate.smb: {add: ramp_months.ae}}", None),
            ("{win_rate.smb: x-1}", None),
            ("{win_rate.smb: {}}", None),
            ("{win_rate.smb: {add: 1 %, multiply: x2}}", None),
            ("[win_rate.smb]", None),
        ],
    )
    def test_an_effect_multiplies_or_adds_in_the_unit_of_what_it_changes(
        self, effect: str, meant: Effect | None
    ) -> None:
        event = launch("starts: 2027-03, plan: never", effect)
        if meant is None:
            assert "events.launch.effect" in message(event)
        else:
            assert list(tiny_with(event).events["launch"].effect.values()) == [meant]

    def test_it_may_share_a_cause_with_assumptions(self) -> None:
        event = launch("starts: 2027-03, plan: never, probability: 50 %")
        plan = tiny_with(event, "dependence.factors.market.loadings.launch=0.5")
        assert plan.dependence.factors["market"].loadings["launch"] == 0.5

    def test_a_shock_is_declared_beside_it(self) -> None:
        shock = (
            "shocks={market: {source: {kind: judgment, reference: CRO}, persistence: 0.5, loadings: {inbound: 5 %}}}"
        )
        declared = tiny_with(shock).declared["market"]
        assert (declared.unit, declared.plan, declared.adverse) == ("standard deviations", 0.0, "both")
        assert "assumption 'market' is not declared" in message(shock, "dependence.factors.market.loadings.market=0.5")


class TestSteps:
    def test_any_of_its_values_may_be_an_assumption(self) -> None:
        plan = tiny_with(f"{BASE}.renewal_rate={{start: 91 %, 2027-07: renewal.smb, 2027-03: 90 %}}")
        rate = plan.base["smb"].renewal_rate
        assert rate.later == ((JANUARY + 2, Quantity(0.9)), (JANUARY + 6, Quantity(1.0, "renewal.smb")))
        assert [step.number for step in rate.steps] == [0.91, 0.9, 1.0]
        assert rate.at(JANUARY + 5) == Quantity(0.9)

    def test_an_assumption_in_a_later_step_must_fit_too(self) -> None:
        assert "assumption leads.inbound is in count per month" in message(f"{BASE}.renewal_rate.2027-07=leads.inbound")

    def test_numbers_are_compared_at_the_same_time(self) -> None:
        first = Quantity(1.0, None, ((5, Quantity(3.0)), (9, Quantity(1.0, "x"))))
        second = Quantity(2.0, None, ((7, Quantity(4.0)),))
        assert list(first.beside(second)) == [(1.0, 2.0), (3.0, 2.0), (3.0, 4.0)]
        assert list(second.beside(Quantity(5.0))) == [(2.0, 5.0), (4.0, 5.0)]

    @pytest.mark.parametrize(
        "constant",
        ["base.smb.arr", "base.smb.size_spread", "plan.months", "team.seats.ae-smb.existing", "economics.opening_cash"],
    )
    def test_a_constant_never_changes(self, constant: str) -> None:
        assert "this number cannot change from a month on" in message(f"{constant}={{start: 1, 2027-07: 2}}")
