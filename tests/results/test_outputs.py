from pathlib import Path

from simengine.plan.schema import COMPANY_METRICS, METRIC_UNITS, METRICS
from simengine.results.outputs import FORMS, OUTPUTS, page, stored
from tests.results.blocks import SEGMENT_OUTPUTS

RATIOS = {"nrr", "grr", "cac_new_logo", "cac_blended", "cac_payback", "ltv_cac", "magic_number", "sm_share"}


def test_every_metric_of_a_plan_is_declared_in_its_unit() -> None:
    assert {name: OUTPUTS[name].unit for name in METRICS} == METRIC_UNITS


def test_metrics_are_kept_by_path_and_ratios_are_not() -> None:
    assert set(METRICS) == RATIOS | (set(stored("company")) - {"revenue", "nrr_arr", "grr_arr"})
    assert {name for name, output in OUTPUTS.items() if not output.kept} == RATIOS
    assert {OUTPUTS[name].kind for name in RATIOS} == {"ratio"}


def test_metrics_of_the_company_alone_are_not_kept_by_segment() -> None:
    assert not COMPANY_METRICS & set(stored("segment"))


def test_segments_keep_all_that_the_kernel_tells_of_them() -> None:
    assert set(stored("segment")) == set(SEGMENT_OUTPUTS)


def test_variables_have_names_of_their_own() -> None:
    names = [name for output in OUTPUTS.values() for name, _ in output.variables()]
    assert len(names) == len(set(names)) > 50
    assert set(FORMS) == {form for output in OUTPUTS.values() for form in output.kept}


def test_the_documentation_is_up_to_date() -> None:
    written = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m simengine.results.outputs > docs/outputs.md"
