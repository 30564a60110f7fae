"""No label of a segment takes a word of the results."""

from pathlib import Path

import pytest

from simengine.errors import PlanError
from simengine.plan import loads
from simengine.results.outputs import OUTPUTS
from simengine.simulation import simulate

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
OWN_LABELS = {"geo", "product", "customer_type"}


def with_label(label: str) -> str:
    return TINY.replace("{geo: NA, ", f'{{geo: NA, "{label}": x, ')


def is_refused(label: str) -> bool:
    try:
        loads(with_label(label))
    except PlanError as error:
        return f"segments.smb.{label}: this word has a meaning of its own in results" in str(error)
    return False


@pytest.fixture(scope="module", params=["headline", "segment"])
def words(request: pytest.FixtureRequest) -> set[str]:
    ds = simulate(loads(TINY), draws=10, twins=2, detail=request.param)
    return {*map(str, ds.variables), *map(str, ds.dims)} - OWN_LABELS


def test_every_name_of_a_dataset_is_refused(words: set[str]) -> None:
    assert len(words) > 60
    assert [word for word in sorted(words) if not is_refused(word)] == []


def test_every_output_is_refused_in_every_form() -> None:
    names = [variable for output in OUTPUTS.values() for variable, _ in output.variables()]
    assert [name for name in (*OUTPUTS, *names) if not is_refused(name)] == []


@pytest.mark.parametrize("label", ["", "geo/region", " geo", "g" * 101])
def test_a_label_is_a_name(label: str) -> None:
    with pytest.raises(PlanError, match="cannot be a name"):
        loads(with_label(label))


@pytest.mark.parametrize(
    "label", ["segment_owner", "region", "tier", "sold_by", "customers_group", "baseline", "Owner"]
)
def test_other_words_are_free(label: str) -> None:
    assert not is_refused(label)
    ds = simulate(loads(with_label(label)), draws=3, twins=0)
    assert ds[label].dims == ("segment",)
