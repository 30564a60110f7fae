"""A plan from several files, and single values laid over it."""

import pytest

from simengine.errors import PlanError
from simengine.plan import Plan, Quantity, loads
from simengine.plan.evidence import Effect
from simengine.plan.values import explain

BASE = """\
plan: {name: Base, currency: USD, start: 2027-01, months: 12}
targets:
  - {name: board, metric: ending_arr, period: FY2027, at_least: 1e6}
segments:
  smb: {geo: NA}
assumptions:
  renewal.smb:
    plan: 90 %
    distribution: {beta: {mean: 88 %, n: 250}}
    unit: fraction
    source: {kind: historical, reference: billing, n: 250}
    risk: {adverse: low}
team:
  roles:
    ae: {capacity: {open_opportunities: 12}, quota: 600_000 per year}
  seats:
    - {name: ae-old, role: ae, segment: smb, existing: 3}
    - {name: ae-new, role: ae, segment: smb, hires: {2027-02: 1, 2027-05: 2}}
base:
  smb: {customers: 10, arr: 100_000, renewal_rate: renewal.smb, contraction: 2 %}
"""


def scenario(changes: str, name: str = "base.yaml", **files: str) -> Plan:
    return loads(f"extends: {name}\n{changes}", "scenario.yaml", files={"base.yaml": BASE, **files})


def message(changes: str, **files: str) -> str:
    with pytest.raises(PlanError) as caught:
        scenario(changes, **files)
    return str(caught.value)


def with_set(*overrides: str) -> Plan:
    return loads(BASE, "base.yaml", overrides=overrides)


def where(plan: Plan) -> dict[str, str]:
    return {row.key: row.where for row in explain(plan)}


def hires(plan: Plan) -> dict[str, dict[int, int]]:
    return {group.name: group.hires for group in plan.team.seats}


JANUARY = 2027 * 12


class TestExtends:
    def test_mappings_merge_key_by_key(self) -> None:
        plan = scenario("base: {smb: {contraction: 5 %}}")
        assert plan.base["smb"].contraction.number == 0.05
        assert plan.base["smb"].customers == 10
        assert plan.base["smb"].renewal_rate.assumption == "renewal.smb"

    def test_lists_of_named_things_merge_by_name(self) -> None:
        extra = "{name: ae-extra, role: ae, segment: smb, existing: 1}"
        plan = scenario(f"team: {{seats: [{{name: ae-new, hires: {{2027-05: 4}}}}, {extra}]}}")
        assert hires(plan) == {"ae-old": {}, "ae-new": {JANUARY + 1: 1, JANUARY + 4: 4}, "ae-extra": {}}
        assert [group.existing for group in plan.team.seats] == [3, 0, 1]

    def test_null_removes_a_key(self) -> None:
        plan = scenario("base: {smb: {contraction: null}}\nteam: {seats: [{name: ae-new, hires: {2027-05: null}}]}")
        assert plan.base["smb"].contraction.number == 0
        assert hires(plan)["ae-new"] == {JANUARY + 1: 1}

    def test_a_distribution_is_replaced_as_a_whole(self) -> None:
        plan = scenario("assumptions: {renewal.smb: {distribution: {uniform: [80 %, 92 %]}}}")
        assert plan.assumptions["renewal.smb"].distribution.support() == (0.8, 0.92)

    def test_files_extend_each_other_in_a_chain(self) -> None:
        middle = "extends: base.yaml\nscenario: {name: middle}\nbase: {smb: {contraction: 5 %, customers: 20}}\n"
        plan = scenario("base: {smb: {customers: 30}}", name="middle.yaml", **{"middle.yaml": middle})
        assert (plan.base["smb"].customers, plan.base["smb"].contraction.number) == (30, 0.05)
        assert list(plan.texts) == ["scenario.yaml", "middle.yaml", "base.yaml"]
        assert plan.scenario is None

    def test_a_scenario_has_a_name_and_a_story(self) -> None:
        plan = scenario("scenario: {name: worse, story: renewals fall}")
        assert plan.scenario is not None
        assert (plan.scenario.name, plan.scenario.story) == ("worse", "renewals fall")

    def test_mistakes_and_values_point_into_the_file_that_made_them(self) -> None:
        assert message("base:\n  smb: {contraction: 50 %}").startswith("scenario.yaml:3:22  base.smb.contraction: ")
        places = where(scenario("base:\n  smb: {contraction: 5 %}"))
        assert places["base.smb.contraction"] == "scenario.yaml:3:22"
        assert places["base.smb.customers"] == "base.yaml:20:20"
        assert places["base.smb.price_increase"] == "default"

    def test_mistakes_of_both_files_are_reported_together(self) -> None:
        files = {"base.yaml": BASE.replace("currency: USD", "currency: dollars")}
        lines = message("base: {smb: {contraction: 500}}", **files).splitlines()
        assert [line.partition(":")[0] for line in lines] == ["base.yaml", "scenario.yaml"]

    def test_an_assumption_may_become_unused(self) -> None:
        plan = scenario("base: {smb: {renewal_rate: 92 %}}")
        assert list(plan.assumptions) == ["renewal.smb"]

    def test_an_assumption_of_the_scenario_itself_is_used(self) -> None:
        names = "assumptions: {renewal.smbb: {plan: 80 %, unit: fraction, distribution: {fixed: 80 %}, "
        rest = "source: {kind: judgment, reference: x}, risk: {adverse: low}}}\n"
        words = "scenario.yaml:2:15  assumptions.renewal.smbb: no value of the plan uses this assumption; did you mean"
        assert message(names + rest) == f"{words} renewal.smb?"
        assert list(scenario(f"{names}{rest}base: {{smb: {{renewal_rate: renewal.smbb}}}}").assumptions) == [
            "renewal.smb",
            "renewal.smbb",
        ]

    def test_names_of_both_files_differ_in_more_than_capitals(self) -> None:
        words = "differs only in capitals from smb at base.yaml, line 5, column 3; write smb to change it"
        assert f"scenario.yaml:2:12  segments.SMB: {words}" in message("segments: {SMB: {geo: EU}}")
        assert "the name is taken at base.yaml, line " in message("team: {seats: [{name: AE-NEW, role: ae}]}")

    def test_a_table_may_move_into_a_file_and_out_of_it(self) -> None:
        funnel = (
            "funnel: {channels: {web: {sold_by: nobody, segments: {smb: {volume: 1 per month, win_rate: 1, cycle: 1, "
            "deal_size: 1}}}}, opening_pipeline: "
        )
        row = "{rows: [{segment: smb, channel: web, stage: opportunity, age_months: 0, count: 1}]}}\n"
        tables = {
            "open.csv": "segment,channel,stage,age_months,count\nsmb,web,opportunity,0,7\n",
            "due.csv": "segment,month,arr\nsmb,2027-03,100000\n",
        }
        to_file = f"{BASE}{funnel}{row}".replace("contraction: 2 %", "atr: {2027-01: 60_000, 2027-02: 40_000}")
        assert "atr" in to_file
        moved = "funnel: {opening_pipeline: {file: open.csv}}\nbase: {smb: {atr: {file: due.csv}}}"
        plan = scenario(moved, **{"base.yaml": to_file, **tables})
        assert [row.count for row in plan.funnel.opening_pipeline.rows] == [7]
        assert plan.base["smb"].atr == {JANUARY + 2: 100_000}
        from_file = f"{BASE}{funnel}{{file: open.csv}}}}\n".replace("contraction: 2 %", "atr: {file: due.csv}")
        back = f"funnel: {{opening_pipeline: {row}base: {{smb: {{atr: {{2027-05: 100_000}}}}}}"
        plan = scenario(back, **{"base.yaml": from_file, **tables})
        assert [row.count for row in plan.funnel.opening_pipeline.rows] == [1]
        assert plan.base["smb"].atr == {JANUARY + 4: 100_000}

    def test_a_history_is_replaced_in_either_form(self) -> None:
        listed = BASE.replace("contraction: 2 %", "history: [{month: 2026-06, arr: 9e4, net: 8e4, gross: 8e4}]")
        table = {"past.csv": "segment,month,arr,net,gross\nsmb,2026-11,95000,94000,93000\n"}
        to_file = scenario("base: {smb: {history: {file: past.csv}}}", **{"base.yaml": listed, **table})
        assert [(row.month, row.arr) for row in to_file.base["smb"].history] == [(JANUARY - 2, 95_000)]
        in_file = BASE.replace("contraction: 2 %", "history: {file: past.csv}")
        back = "base: {smb: {history: [{month: 2026-10, arr: 9e4, net: 8e4, gross: 8e4}]}}"
        to_list = scenario(back, **{"base.yaml": in_file, **table})
        assert [row.month for row in to_list.base["smb"].history] == [JANUARY - 3]

    def test_months_laid_over_a_number_hold_from_then_on(self) -> None:
        plan = scenario("base: {smb: {renewal_rate: {2027-07: 88 %}}}")
        assert plan.base["smb"].renewal_rate == Quantity(1.0, "renewal.smb", ((JANUARY + 6, Quantity(0.88)),))
        places = where(plan)
        assert places["base.smb.renewal_rate.start"].startswith("base.yaml:")
        assert places["base.smb.renewal_rate.2027-07"].startswith("scenario.yaml:")

    def test_steps_merge_month_by_month_and_a_number_replaces_them(self) -> None:
        files = {"base.yaml": BASE.replace("contraction: 2 %", "contraction: {start: 2 %, 2027-04: 3 %, 2027-08: 4 %}")}
        plan = scenario("base: {smb: {contraction: {2027-04: null, 2027-08: 5 %}}}", **files)
        assert plan.base["smb"].contraction == Quantity(0.02, None, ((JANUARY + 7, Quantity(0.05)),))
        assert scenario("base: {smb: {contraction: 1 %}}", **files).base["smb"].contraction == Quantity(0.01)

    def test_a_step_that_is_not_there_cannot_be_removed(self) -> None:
        assert "there is nothing to remove" in message("base: {smb: {contraction: {2027-04: null}}}")

    def test_months_replace_the_word_of_a_table(self) -> None:
        files = {"base.yaml": BASE.replace("contraction: 2 %", "atr: even")}
        assert scenario("base: {smb: {atr: {2027-03: 100_000}}}", **files).base["smb"].atr == {JANUARY + 2: 100_000}

    def test_starts_and_effects_of_an_event_are_replaced_as_a_whole(self) -> None:
        event = (
            "events: {outage: {kind: risk, source: {kind: judgment, reference: CTO}, plan: never, "
            "starts: {uniform: [2027-02, 2027-06]}, effect: {renewal.smb: {add: -5 %}}, cost: 1_000 per month}}\n"
        )
        changed = "events: {outage: {starts: {fixed: 2027-08}, effect: {renewal.smb: {multiply: x0.9}}}}"
        outage = scenario(changed, **{"base.yaml": BASE + event}).events["outage"]
        assert outage.starts.support() == (JANUARY + 7, JANUARY + 7)
        assert outage.effect == {"renewal.smb": Effect("multiply", Quantity(0.9))}
        assert outage.cost == Quantity(1000.0)

    def test_an_event_may_act_on_what_a_scenario_no_longer_uses(self) -> None:
        event = (
            "events: {outage: {kind: risk, source: {kind: judgment, reference: CTO}, plan: never, starts: 2027-02, "
            "effect: {renewal.smb: x0.9}}}\n"
        )
        plan = scenario("base: {smb: {renewal_rate: 92 %}}", **{"base.yaml": BASE + event})
        assert list(plan.events) == ["outage"]
        words = "events.outage.effect.renewal.smb: no number of the plan uses this assumption"
        assert words in message(f"base: {{smb: {{renewal_rate: 92 %}}}}\n{event}")

    def test_a_blank_is_no_removal_in_a_file_that_extends_nothing(self) -> None:
        with pytest.raises(PlanError, match="nothing stands here"):
            loads(BASE.replace("contraction: 2 %", "contraction: null"))


class TestSet:
    @pytest.mark.parametrize(
        ("assignment", "read", "expected"),
        [
            ("base.smb.contraction=5 %", lambda p: p.base["smb"].contraction.number, 0.05),
            ("base.smb.contraction = 5 %", lambda p: p.base["smb"].contraction.number, 0.05),
            ("base.smb.contraction=", lambda p: p.base["smb"].contraction.number, 0.0),
            ("base.smb.contraction=null", lambda p: p.base["smb"].contraction.number, 0.0),
            ("base.smb.price_increase=3 %", lambda p: p.base["smb"].price_increase.number, 0.03),
            ("economics.gross_margin=0.8", lambda p: p.economics.gross_margin.number, 0.8),
            ("base.smb.contraction.2027-07=5 %", lambda p: p.base["smb"].contraction.at(JANUARY + 6).number, 0.05),
            ("base.smb.contraction.2027-07=5 %", lambda p: p.base["smb"].contraction.at(JANUARY + 5).number, 0.02),
            ("base.smb.terms={12: 1}", lambda p: p.base["smb"].term_shares, {12: 1.0}),
            ("plan.months=24", lambda p: p.plan.months, 24),
            ("plan.name='NO'", lambda p: p.plan.name, "NO"),
            ("targets.board.at_least=2_000_000", lambda p: p.targets[0].at_least, 2e6),
            ("team.seats.ae-new.hires.2027-05=7", lambda p: hires(p)["ae-new"][JANUARY + 4], 7),
            ("team.seats.ae-new.hires={2027-03: 1}", lambda p: hires(p)["ae-new"][JANUARY + 2], 1),
            ("assumptions.renewal.smb.plan=91 %", lambda p: p.assumptions["renewal.smb"].plan, 0.91),
            ("renewal.smb=85 %", lambda p: p.assumptions["renewal.smb"].distribution.support(), (0.85, 0.85)),
            (
                "renewal.smb={uniform: [0.7, 0.95]}",
                lambda p: p.assumptions["renewal.smb"].distribution.support(),
                (0.7, 0.95),
            ),
        ],
    )
    def test_a_value_is_laid_over_the_plan(self, assignment: str, read: object, expected: object) -> None:
        assert read(with_set(assignment)) == expected

    def test_the_last_of_two_wins(self) -> None:
        plan = with_set("base.smb.contraction=5 %", "base.smb.contraction=6 %")
        assert plan.base["smb"].contraction.number == 0.06

    def test_only_what_was_set_comes_from_the_command_line(self) -> None:
        changed = where(with_set("team.seats.ae-new.hires.2027-05=7", "renewal.smb=85 %"))
        assert {key for key, place in changed.items() if place == "--set"} == {
            "team.seats.ae-new.hires.2027-05",
            "assumptions.renewal.smb.distribution",
        }

    @pytest.mark.parametrize(
        ("assignment", "words"),
        [
            ("base.smb.contraction", "no value is given"),
            ("=3", "no value is given"),
            ("renewal.smbb=3", "neither an assumption nor a key of the plan; did you mean renewal.smb?"),
            ("basse.smb.arr=3", "neither an assumption nor a key of the plan; did you mean base?"),
            ("base.smbb.arr=3", "base.smbb: segment 'smbb' is not declared; did you mean smb?"),
            ("base.smb.contractio=3 %", "base.smb.contractio: unknown key; did you mean contraction?"),
            ("base.smb.arr.x=3", "there is no x in base.smb.arr"),
            ("base.smb.arr.2027-07=3", "base.smb.arr: this number cannot change from a month on"),
            ("base.smb.contraction.2028-07=3 %", "this month is outside the plan, 2027-01 to 2027-12"),
            ("targets.2027-07=3", "there is no 2027-07 in targets"),
            ("team.seats.ae-nw.existing=3", "there is no ae-nw in team.seats; did you mean ae-new?"),
            ("team.seats.ae-new=3", "team.seats.ae-new: this is a group of keys; set one of them, like"),
            ("base.smb=3", "base.smb: 3 is not a mapping"),
            ("renewal.smb=", "renewal.smb: nothing is given; write the value to fix it at"),
            ("base.smb.price_increase=null", "there is nothing to remove"),
            ("base.smb.contraction=NO", "NO is read as false"),
            ("base.smb.contraction=[1", "a comma or a closing bracket is missing"),
            ("base.smb.contraction=high", "'high' is neither a number nor the name of an assumption"),
        ],
    )
    def test_a_wrong_one_says_so(self, assignment: str, words: str) -> None:
        with pytest.raises(PlanError) as caught:
            with_set(assignment)
        assert words in str(caught.value)
        assert all((p.file, p.line) == (f"--set {assignment}", 0) for p in caught.value.problems)

    @pytest.mark.parametrize(
        ("assignment", "words"),
        [
            ("renewal.smb=300 %", "base.smb.renewal_rate: assumption renewal.smb is fixed at 3, and here it must be"),
            ("renewal.smb=-3", "base.smb.renewal_rate: assumption renewal.smb is fixed at -3, and here it must be"),
            ("renewal.smb={uniform: [1, 3]}", "assumptions.renewal.smb.plan: 0.9 is outside the distribution"),
            ("base.smb.customers=", "base.smb: 0 customers with an ARR of 100000"),
            ("plan.months=3", "targets.board.period: FY2027 runs from 2027-01 to 2027-12, the plan from 2027-01"),
            ("segments.SMB.geo=NA", "segments.SMB: differs only in capitals from smb at base.yaml, line 5, column 3"),
        ],
    )
    def test_what_it_makes_wrong_elsewhere_is_its_mistake(self, assignment: str, words: str) -> None:
        with pytest.raises(PlanError) as caught:
            with_set("plan.name=Other", assignment)
        first, *rest = str(caught.value).splitlines()
        assert first.startswith(f"--set {assignment}  {words}")
        assert all(line.startswith(f"--set {assignment}  ") for line in rest)

    def test_the_last_that_brings_a_mistake_is_to_blame(self) -> None:
        with pytest.raises(PlanError) as caught:
            with_set("base.smb.customers=0", "base.smb.customers=5", "base.smb.customers=0 ")
        assert [problem.file for problem in caught.value.problems] == ["--set base.smb.customers=0 "]

    def test_a_mistake_of_the_file_keeps_its_place(self) -> None:
        with pytest.raises(PlanError) as caught:
            loads(BASE.replace("USD", "dollars"), "base.yaml", overrides=["base.smb.contraction=500"])
        assert [problem.file for problem in caught.value.problems] == ["--set base.smb.contraction=500", "base.yaml"]

    def test_a_key_that_is_a_number_is_found(self) -> None:
        tenure = BASE.replace(
            "capacity: {open", "attrition: {voluntary: 10 % per year, by_tenure: {0: x2, 6: x1}}, capacity: {open"
        )
        plan = loads(tenure, "base.yaml", overrides=["team.roles.ae.attrition.by_tenure.6=x1.5"])
        attrition = plan.team.roles["ae"].attrition
        assert attrition is not None
        assert attrition.by_tenure == {0: Quantity(2.0), 6: Quantity(1.5)}
        assert where(plan)["team.roles.ae.attrition.by_tenure.6"] == "--set"

    def test_an_assumption_may_become_unused(self) -> None:
        assert list(with_set("base.smb.renewal_rate=92 %").assumptions) == ["renewal.smb"]

    def test_a_new_assumption_is_used(self) -> None:
        source = "source: {kind: judgment, reference: x}, risk: {adverse: low}"
        new = f"assumptions.fresh={{plan: 1 %, unit: fraction, distribution: {{fixed: 1 %}}, {source}}}"
        with pytest.raises(PlanError, match=r"assumptions\.fresh: no value of the plan uses this assumption"):
            with_set(new)
        assert with_set(new, "base.smb.contraction=fresh").base["smb"].contraction.assumption == "fresh"
