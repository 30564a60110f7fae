"""Plans that cannot stand beside each other are refused in words."""

import pytest

from simengine.decide.grid import scenarios
from simengine.decide.handover import handover
from simengine.decide.robust import robust
from simengine.errors import SimengineError
from simengine.plan import loads
from tests.decide.levered import TINY

OTHER = TINY.replace("currency: USD, start: 2027-01, months: 12", "currency: EUR, start: 2026-12, months: 13")
TOLD = """\
the currency of the plan is USD, that of its base EUR; give both the same
the start of the plan is 2027-01, that of its base 2026-12; give both the same"""


@pytest.mark.parametrize("told", [robust, handover])
def test_a_base_has_the_currency_and_the_months_of_the_plan(told) -> None:
    with pytest.raises(SimengineError) as refused:
        told(loads(TINY), base=loads(OTHER))
    assert str(refused.value) == TOLD


def test_what_is_asked_of_a_plan_can_be_asked_of_its_base() -> None:
    """A target of the second year, of a plan whose base has one year."""
    longer = TINY.replace("months: 12", "months: 24").replace("FY2027", "FY2028")
    with pytest.raises(SimengineError, match="the base plan has no target like board ARR, of ending_arr FY2028"):
        robust(loads(longer), base=loads(TINY), draws=100)


@pytest.mark.parametrize("confidence", [0, 1, 80, float("nan")])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(SimengineError, match="choose one between 0 and 1"):
        robust(loads(TINY), draws=100, confidence=confidence)


@pytest.mark.parametrize("files", ["plan.yaml", []])
def test_plan_files_come_in_a_list(files) -> None:
    with pytest.raises(SimengineError, match="name one or more plan files, in a list"):
        scenarios(files)
