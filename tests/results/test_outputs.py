from pathlib import Path

from simengine.plan.schema import RESERVED_LABELS
from simengine.plan.targets import COMPANY_METRICS, MEASURES, METRIC_UNITS, METRICS
from simengine.results.outputs import FORMS, KERNEL_NAMES, OUTPUTS, page, stored
from tests.results.blocks import CELL_OUTPUTS, GROUP_OUTPUTS, POOL_OUTPUTS, SEGMENT_OUTPUTS

MADE_OF_OTHERS = {
    *("nrr", "grr", "pipeline_coverage", "attainment", "at_quota", "near_quota", "below_half", "cac_new_logo"),
    *("cac_blended", "cac_payback", "ltv_cac", "magic_number", "sm_share", "lowest_cash", "burn_multiple", "runway"),
    "rule_of_40",
}


def test_every_metric_of_a_plan_is_declared_in_its_unit() -> None:
    assert {name: OUTPUTS[name].unit for name in METRICS} == METRIC_UNITS


def test_metrics_are_kept_by_path_or_made_of_what_is() -> None:
    assert set(METRICS) - MADE_OF_OTHERS <= set(stored("company"))
    assert not MADE_OF_OTHERS & set(stored("company"))
    assert {OUTPUTS[name].kind for name in MADE_OF_OTHERS - {"lowest_cash"}} == {"ratio"}


def test_everything_that_the_kernel_tells_is_kept() -> None:
    assert set(stored("segment")) == set(SEGMENT_OUTPUTS)
    assert set(stored("channel")) == set(CELL_OUTPUTS)
    assert set(stored("territory")) == set(POOL_OUTPUTS)
    costs = {"people_cost", "recruiting_cost"}
    assert {KERNEL_NAMES.get(name, name) for name in stored("role")} - costs == set(GROUP_OUTPUTS)
    assert stored("role") == stored("team")


def test_metrics_of_the_company_alone_are_not_kept_by_segment() -> None:
    known_of_groups = {name for name, measure in MEASURES.items() if measure.groups}
    assert not COMPANY_METRICS & known_of_groups
    assert {"cash", "opex", "runway", "rule_of_40"} <= COMPANY_METRICS
    assert not COMPANY_METRICS & set(stored("segment"))
    assert set(stored("of_channel")) <= {name for name, measure in MEASURES.items() if "channel" in measure.groups}


def test_variables_have_names_of_their_own() -> None:
    names = [name for output in OUTPUTS.values() for name, _ in output.variables()]
    assert len(names) == len(set(names)) > 100
    assert set(FORMS) == {*(form for output in OUTPUTS.values() for form in output.kept), "team"}


def test_no_label_may_be_called_like_an_output() -> None:
    assert set(OUTPUTS) <= RESERVED_LABELS


def test_the_documentation_is_up_to_date() -> None:
    written = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m simengine.results.outputs > docs/outputs.md"
