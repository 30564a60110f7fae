"""What a plan may state at most, as the reference says; and what cannot be defined at all."""

import re
from pathlib import Path

import pytest

from simengine.errors import PlanError
from simengine.plan import Plan, loads

ROOT = Path(__file__).parents[2]
TINY = (ROOT / "tests" / "plans" / "tiny.yaml").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
TABLE = REFERENCE[REFERENCE.index("\n## Limits") :].partition("\n## ")[2].partition("\n## ")[0]

CELL = "funnel.channels.inbound.segments.smb"
ROW = "funnel.opening_pipeline={rows: [{segment: smb, channel: inbound, stage: lead, age_months: "
AE = "team.roles.ae"
SDR = ("team.roles.sdr={hours: 10 per month}", "team.seats=[{name: sdrs, role: sdr, existing: 1}]")
HOURS = (CELL + ".volume=null", *SDR)
EVENT = "events={launch: {kind: risk, source: {kind: judgment, reference: x}, starts: 2027-03, plan: never, "
POOLED = "team.routing={smb: pooled}"
RESPONSE = "funnel.channels.inbound.response="
CSM = ("team.roles.csm={carries: {customers: 50}}", "team.seats=[{name: csms, role: csm, existing: 1}]")
TERRITORIES = "{name: B, seats: ae-smb}, {name: C, seats: ae-smb}]"
LIMITS = [
    # key in the table, greatest value in its words, one that is too large, what is set to it (@), and what it needs
    ("volume", "1_000_000 per month", "12_000_100 per year", CELL + ".volume=@"),
    ("growth", "1000 % per year", "1001 % per year", CELL + ".growth=@"),
    ("overdispersion", "x1_000_000", "x1_000_001", CELL + ".overdispersion=@"),
    ("opportunities_per_customer", "100 per year", "101 per year", "base.smb.expansion.opportunities_per_customer=@"),
    ("price_increase", "100 %", "101 %", "base.smb.price_increase=@"),
    ("customers", "1_000_000", "1_000_001", "base.smb.customers=@"),
    ("open_opportunities", "1_000_000", "1_000_001", "team.roles.ae.capacity.open_opportunities=@"),
    ("existing", "100_000", "100_001", "team.seats.ae-smb.existing=@"),
    ("hires", "100_000", "100_001", "team.seats.ae-smb-new.hires.2027-02=@"),
    ("expected", "100_000", "100_001", "team.seats.ae-smb-new.expected.2027-02=@"),
    ("tenure_months", "600 months", "601 months", "team.seats.ae-smb.tenure_months=@"),
    ("age_months", "240 months", "241 months", ROW + "@, count: 1}]}"),
    ("count", "1_000_000", "1_000_001", ROW + "1, count: @}]}"),
    ("value", "1e13", "1.1e13", ROW + "1, count: 1, value: @}]}"),
    ("arr", "1e13", "1.1e13", "base.smb.arr=@"),
    ("deal_size", "1e13", "1.1e13", CELL + ".deal_size=@"),
    ("size", "1e13", "1.1e13", "base.smb.expansion.size=@"),
    ("recruiting", "1e13", "1.1e13", "team.roles.ae.cost.recruiting=@"),
    ("spend", "1e13 per month", "1.1e13 per month", "funnel.channels.inbound.spend=@"),
    ("quota", "1e13 per year", "1.1e13 per year", "team.roles.ae.quota=@"),
    ("salary", "1e13 per year", "1.1e13 per year", "team.roles.ae.cost.salary=@"),
    ("variable", "1e13 per year", "1.1e13 per year", "team.roles.ae.cost.variable=@"),
    ("first_six_months", "x1000", "x1001", "team.roles.ae.attrition.first_six_months=@"),
    ("times", "x1000", "x1001", CELL + ".outliers={share: 1 %, times: @}"),
    ("cycle", "600 months", "601 months", CELL + ".cycle=@"),
    ("cycle_lost", "600 months", "601 months", CELL + ".cycle_lost=@"),
    ("workload", "600 months", "601 months", "team.roles.ae.ramp.workload=@"),
    ("lag", "600 months", "601 months", "team.roles.ae.backfill.lag=@"),
    ("time_to_fill_delay", "600 months", "601 months", "team.seats.ae-smb-new.time_to_fill_delay=@"),
    ("cycle_spread", "1000 %", "1001 %", CELL + ".cycle_spread=@"),
    ("deal_size_spread", "1000 %", "1001 %", CELL + ".deal_size_spread=@"),
    ("size_spread", "1000 %", "1001 %", "base.smb.size_spread=@"),
    ("delay_spread", "1000 %", "1001 %", "team.seats.ae-smb-new.delay_spread=@"),
    ("productivity_spread", "1000 %", "1001 %", "team.roles.ae.productivity_spread=@"),
    ("spread", "1000 %", "1001 %", "team.roles.ae.ramp.spread=@"),
    ("voluntary", "99.9 % per year", "99.91 % per year", "team.roles.ae.attrition.voluntary=@"),
    ("involuntary", "99.9 % per year", "99.91 % per year", "team.roles.ae.attrition.involuntary=@"),
    ("from_sellers", "1_000_000 per month", "1_000_001 per month", CELL + ".from_sellers=@", CELL + ".volume=null"),
    ("per_hour", "1_000_000", "1_000_001", CELL + ".from_hours={role: sdr, per_hour: @}", *HOURS),
    ("weight", "x1000", "x1001", CELL + ".from_hours={role: sdr, per_hour: 1, weight: @}", *HOURS),
    ("hours", "1_000_000 per month", "1_000_001 per month", "team.roles.sdr.hours=@", *SDR),
    ("promotion.rate", "99.9 % per year", "99.91 % per year", AE + ".promotion={rate: @}"),
    ("after", "600 months", "601 months", AE + ".promotion={rate: 10 % per year, after: @}"),
    ("by_tenure", "x1000", "x1001", AE + ".attrition.by_tenure={0: @}", AE + ".attrition.first_six_months=null"),
    ("quota_by_tenure", "x1000", "x1001", AE + ".quota_by_tenure={0: @}"),
    ("severance", "1e13", "1.1e13", AE + ".cost.severance=@"),
    ("pipeline", "1e13", "1.1e13", AE + ".capacity.pipeline=@", AE + ".capacity.open_opportunities=null"),
    ("recruiting_climate", "x1000", "x1001", "team.recruiting_climate=@"),
    (
        "accounts",
        "1_000_000",
        "1_000_001",
        "team.territories=[{name: A, seats: ae-smb, accounts: @}, " + TERRITORIES,
        POOLED,
    ),
    (
        "potential",
        "x1_000_000",
        "x1_000_001",
        "team.territories=[{name: A, seats: ae-smb, potential: @}, " + TERRITORIES,
        POOLED,
    ),
    ("above", "1e13", "1.1e13", CELL + ".deal_bands=[{above: @}]"),
    ("stage_lags", "600 months", "601 months", CELL + ".stage_lags=[@]"),
    ("at_spend", "1e13 per month", "1.1e13 per month", RESPONSE + "{at_spend: @, half_saturation: 1}"),
    ("half_saturation", "x1000", "x1001", RESPONSE + "{at_spend: 1 per month, half_saturation: @}"),
    ("load_elasticity", "x10", "x10.1", "base.smb.load_elasticity=@", *CSM),
    ("term_months", "120 months", "121 months", "base.smb.term_months=@"),
    ("go_live", "600 months", "601 months", "base.smb.go_live=@"),
    ("rnd", "1e13 per year", "1.1e13 per year", "economics.opex.rnd=@"),
    ("ga", "1e13 per year", "1.1e13 per year", "economics.opex.ga=@"),
    ("opening_cash", "1e13", "1.1e13", "economics.opening_cash=@"),
    ("dso_days", "365", "366", "economics.dso_days=@"),
    ("amortised_over", "120 months", "121 months", "economics.commission.amortised_over=@"),
    ("accelerator.above", "1000 %", "1001 %", "economics.commission.accelerator={above: @, rate: 1}"),
    ("accelerator.rate", "x1000", "x1001", "economics.commission.accelerator={above: 1, rate: @}"),
    ("lasts", "600 months", "601 months", EVENT + "effect: {inbound: 1.1}, lasts: @}}"),
    ("phase_in_months", "600 months", "601 months", EVENT + "effect: {inbound: 1.1}, phase_in_months: @}}"),
    ("upfront", "1e13", "1.1e13", EVENT + "effect: {inbound: 1.1}, upfront: @}}"),
    ("cost", "1e13 per month", "1.1e13 per month", EVENT + "effect: {inbound: 1.1}, cost: @}}"),
]


def tiny_with(*overrides: str) -> Plan:
    return loads(TINY, "tiny.yaml", overrides=overrides)


def message(*overrides: str) -> str:
    with pytest.raises(PlanError) as caught:
        tiny_with(*overrides)
    return str(caught.value)


@pytest.mark.parametrize("limit", LIMITS, ids=[limit[0] for limit in LIMITS])
def test_the_greatest_value_is_possible_and_a_greater_is_not(limit: tuple[str, ...]) -> None:
    _, most, too_much, setting, *needed = limit
    tiny_with(*needed, setting.replace("@", most))
    text = message(*needed, setting.replace("@", too_much))
    assert "is out of range" in text
    assert len(text.splitlines()) == 1


def test_the_reference_lists_every_limit() -> None:
    listed = {
        key: most
        for keys, most in re.findall(r"^\| (`.*) \| `(.*)` \|$", TABLE, re.MULTILINE)
        for key in re.findall("`([a-z_.]+)`", keys)
    }
    assert listed == {key: most for key, most, *_ in LIMITS}


class TestAssumptions:
    WIDE = "leads.inbound={lognormal: {median: 60, sigma: 3}}"

    def test_a_distribution_may_reach_beyond_a_limit(self) -> None:
        assert tiny_with(self.WIDE).assumptions["leads.inbound"].distribution.support()[1] == float("inf")

    def test_its_plan_value_may_not(self) -> None:
        text = message(self.WIDE, "assumptions.leads.inbound.plan=2_000_000 per month")
        assert "volume: assumption leads.inbound is planned at 2,000,000, and here it must be from 0 to" in text

    def test_nor_a_value_that_is_fixed(self) -> None:
        text = message("leads.inbound=2_000_000 per month")
        assert "volume: assumption leads.inbound is fixed at 2,000,000, and here it must be from 0 to" in text

    @pytest.mark.parametrize(
        ("name", "plan", "words"),
        [
            ("win_rate.smb", "5", "win_rate: assumption win_rate.smb is planned at 5, and here it must be from 0 to 1"),
            ("renewal.smb", "-5", "renewal_rate: assumption renewal.smb is planned at -5, and here it must be"),
            ("attrition.ae", "100 % per year", "attrition.ae is planned at 1, and here it must be from 0 to 0.999"),
        ],
    )
    def test_the_plan_value_is_possible_even_where_the_assumption_is_fixed(
        self, name: str, plan: str, words: str
    ) -> None:
        text = message(f"assumptions.{name}.distribution={{fixed: 0.2}}", f"assumptions.{name}.plan={plan}")
        assert words in text
        assert len(text.splitlines()) == 1

    def test_every_field_that_uses_it_is_asked(self) -> None:
        text = message("win_rate.smb=0.5", "base.smb.renewal_rate=win_rate.smb", "assumptions.win_rate.smb.plan=2")
        assert [line.count("is planned at 2") for line in text.splitlines()] == [1, 1]


def law_of_depth(law: str, plan: str = "20 %") -> tuple[str, ...]:
    """Overrides that make contraction_depth an assumption."""
    source = "source: {kind: judgment, reference: x}, risk: {adverse: high}"
    return (
        f"assumptions.depth={{plan: {plan}, unit: fraction, distribution: {law}, {source}}}",
        "base.smb.contraction_depth=depth",
    )


BETA = "{beta: {mean: 20 %, n: 10}}"


class TestContraction:
    ZERO = "base.smb.contraction_depth: can be 0, and then no customer who contracts gives anything up"

    @pytest.mark.parametrize(
        ("law", "plan"),
        [
            ("{bernoulli: 0.5}", "1"),
            ("{discrete: {0: 50 %, 0.3: 50 %}}", "30 %"),
            (
                f"{{mixture: [{{weight: 0.2, distribution: {{fixed: 0}}}}, {{weight: 0.8, distribution: {BETA}}}]}}",
                "30 %",
            ),
            ("{fixed: 20 %}", "0 %"),
            ("{uniform: [0, 0.4]}", "0 %"),
        ],
    )
    def test_depth_may_not_be_zero_by_chance_or_plan(self, law: str, plan: str) -> None:
        assert self.ZERO in message(*law_of_depth(law, plan))

    @pytest.mark.parametrize("law", ["{uniform: [0, 0.4]}", BETA, "{discrete: {0.1: 1}}"])
    def test_depth_above_zero_on_every_path_is_possible(self, law: str) -> None:
        plan = "10 %" if "discrete" in law else "20 %"
        assert tiny_with(*law_of_depth(law, plan)).base["smb"].contraction_depth.assumption == "depth"

    def test_depth_is_free_where_nobody_contracts(self) -> None:
        tiny_with("base.smb.contraction=0", "base.smb.contraction_depth=0")
        assert self.ZERO in message("base.smb.contraction_depth=0")


class TestQuota:
    def test_it_is_above_zero(self) -> None:
        assert "quota: must be above zero; leave it out if the role has none" in message(
            "team.roles.ae.quota=0 per year"
        )
        assert tiny_with("team.roles.ae.quota=").team.roles["ae"].quota is None
        tiny_with("team.roles.ae.quota=1 per year")


class TestRetention:
    ONCE = ("segments.eu={geo: EU, sells: once}", "segments.later={geo: LATER}", "base.later={renewal_rate: 90 %}")

    @pytest.mark.parametrize("metric", ["nrr", "grr"])
    def test_it_is_about_subscriptions(self, metric: str) -> None:
        text = message(*self.ONCE, f"targets.NRR.metric={metric}", "targets.NRR.where={geo: EU}")
        words = f"targets.NRR.metric: {metric} is about subscription customers, and nobody sells subscriptions here"
        assert words in text

    def test_it_is_about_customers_of_twelve_months_before(self) -> None:
        words = "targets.NRR.metric: nrr is about the customers of twelve months before, and there are none"
        assert words in message(*self.ONCE, "targets.NRR.where={geo: LATER}")
        assert words in message("base.smb.customers=0", "base.smb.arr=0")

    def test_customers_may_come_in_the_first_year(self) -> None:
        empty = ("base.smb.customers=0", "base.smb.arr=0", "plan.months=24")
        assert tiny_with(*empty, "targets.NRR.period=2028-01").targets[1].metric == "nrr"
        assert "there are none" in message(*empty)
        never = (*self.ONCE, "targets.NRR.where={geo: LATER}", "plan.months=24", "targets.NRR.period=2028-01")
        assert "there are none" in message(*never)

    def test_a_group_with_customers_is_possible(self) -> None:
        assert tiny_with(*self.ONCE, "targets.NRR.where={geo: NA}").targets[1].where == {"geo": "NA"}
