"""What is said of levers, of adverse tenths and of a hand-over: sentences, tables, figures."""

import io

import pytest
from rich.console import Console

from simengine.decide.handover import handover
from simengine.decide.robust import robust
from simengine.decide.worth import worth
from simengine.report.canvas import title
from simengine.report.handover import handover_facts, handover_table
from simengine.report.levers import lever_bars, lever_facts, lever_tables
from simengine.report.levers import sentence as levers_sentence
from simengine.report.robust import robust_dots, robust_facts, robust_table
from simengine.report.robust import sentence as robust_sentence
from tests.decide.counted import LEVERS, counted


def printed(renderable) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(renderable)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def levers():
    found = worth(counted(LEVERS + "limits: {budget: 130_000}\n"), draws=600)
    return found, lever_facts(found)


@pytest.fixture(scope="module")
def fares():
    found = robust(counted(""), base=counted(""), draws=600)
    return found, robust_facts(found)


class TestLevers:
    def test_the_sentence_names_the_best(self, levers) -> None:
        said = levers_sentence(levers[1])
        assert "Most does push: +" in said
        assert "By money most does push" in said

    def test_where_nothing_is_told_it_says_so(self) -> None:
        told = lever_facts(worth(counted(LEVERS, at_least=2_000), draws=200))
        assert levers_sentence(told).endswith("No lever changes it by more than noise.")
        assert "whatever the limits say" not in printed(lever_tables(told))

    def test_the_tables_say_what_limits_leave(self, levers) -> None:
        text = printed(lever_tables(levers[1]))
        assert "All together cost $185k; the limits of the plan allow $130k" in text
        assert "x1.15 from 2027-07" in text
        assert max(map(len, text.splitlines())) <= 80

    def test_the_figure_says_the_finding(self, levers) -> None:
        found, told = levers
        assert title(lever_bars(told, found)).startswith("push raises P(demand) most: +")


class TestRobust:
    def test_the_sentence_names_what_sinks_it(self, fares) -> None:
        said = robust_sentence(fares[1])
        assert "above the 15% that is wanted. Each of these alone sinks it: volume" in said

    @pytest.mark.parametrize(
        ("verdict", "confidence", "words"),
        [
            ("fails", 0.9, "less than the 90% that is wanted even as it is. Most would be lost with volume"),
            ("not told", 0.25, "cannot be told. Most would be lost with volume"),
            ("", float("nan"), ". Most would be lost with volume"),
        ],
    )
    def test_it_depends_on_what_is_wanted(self, fares, verdict: str, confidence: float, words: str) -> None:
        assert words in robust_sentence({**fares[1], "verdict": verdict, "confidence": confidence})

    def test_where_nothing_sinks_it(self, fares) -> None:
        cases = [{**case, "verdict": "holds"} for case in fares[1]["cases"]]
        assert robust_sentence({**fares[1], "cases": cases}).endswith("Nothing on the watch list alone sinks it.")

    def test_the_table_says_what_to_do(self, fares) -> None:
        text = printed(robust_table(fares[1]))
        assert "If volume turns out badly, the plan says: spend more" in text
        assert "it happens" in text
        assert max(map(len, text.splitlines())) <= 80

    def test_the_figure_says_the_finding(self, fares) -> None:
        found, told = fares
        assert title(robust_dots(told, found)).startswith("volume at its adverse tenth would sink demand")


def test_a_hand_over_without_hires() -> None:
    plan = counted("")
    text = printed(handover_table(handover_facts(handover(plan), "Counted", "USD", {"FY2027": ["2027-01"]})))
    assert "no hires" in text
    assert "FY2027 $10.0k" in text
