"""Every mistake that a plan can hold, one file each, with the exact words that its author reads."""

from pathlib import Path

import pytest

from simengine.errors import PlanError
from simengine.plan import load

BROKEN = Path(__file__).parents[1] / "plans" / "broken"
PLANS = sorted(BROKEN.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _beside_the_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_says_exactly_what_is_wrong(plan: Path) -> None:
    with pytest.raises(PlanError) as caught:
        load(plan.name)
    assert str(caught.value) + "\n" == plan.with_suffix(".txt").read_text(encoding="utf-8")


def test_there_are_many_and_each_has_its_message() -> None:
    assert len(PLANS) >= 55
    assert {plan.stem for plan in PLANS} == {words.stem for words in BROKEN.glob("*.txt")}


def test_one_mistake_is_one_message() -> None:
    many = {"ten-mistakes", "yaml-alias"}  # an alias and its anchor are two places
    lines = {plan.stem: len(plan.with_suffix(".txt").read_text(encoding="utf-8").splitlines()) for plan in PLANS}
    assert {name for name, count in lines.items() if count != 1} == many


def test_ten_mistakes_are_ten_messages() -> None:
    with pytest.raises(PlanError) as caught:
        load("ten-mistakes.yaml")
    assert len(caught.value.problems) == 10
    assert len({problem.line for problem in caught.value.problems}) == 10


def test_every_message_names_a_place_and_a_remedy() -> None:
    for plan in PLANS:
        with pytest.raises(PlanError) as caught:
            load(plan.name)
        for problem in caught.value.problems:
            is_whole_file = plan.stem in ("yaml-empty", "yaml-comment-only", "csv-empty")
            assert (problem.line >= 1 and problem.column >= 1) != is_whole_file, problem
            assert problem.message, problem
            assert problem.expected, problem
            assert "pydantic" not in str(problem), problem


def test_messages_come_in_the_order_of_the_file() -> None:
    with pytest.raises(PlanError) as caught:
        load("ten-mistakes.yaml")
    places = [(problem.line, problem.column) for problem in caught.value.problems]
    assert places == sorted(places)
