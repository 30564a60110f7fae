"""What is said of levers, of adverse tenths and of a hand-over: sentences, tables, figures."""

import copy
import io

import pytest
from rich.console import Console

from simengine.decide.handover import handover
from simengine.decide.robust import robust
from simengine.decide.worth import worth
from simengine.report.canvas import title
from simengine.report.frontier import finding
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

    def test_levers_that_only_hurt_do_not_do_most(self, levers) -> None:
        """The least harmful is the first of the ranks."""
        told = copy.deepcopy(levers[1])
        for row in told["levers"]:
            row["gain"]["value"] *= -1
            row["per_money"]["value"] *= -1
        said = levers_sentence(told)
        ranked = sum(row["rank_group"] > 0 for row in told["levers"])
        assert said.endswith(f"No lever raises it at its whole range; {ranked} of {len(told['levers']) - 1} lower it.")
        assert "Most does" not in said

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


def test_names_of_files_are_whole_beside_many_years() -> None:
    years = {f"FY{year}": ["2027-01"] for year in range(2027, 2032)}
    text = printed(handover_table(handover_facts(handover(counted("")), "Counted", "USD", years)))
    assert "territories.csv" in text
    assert "requisitions.csv" in text


def frontier_of(*points: tuple[float, bool]) -> dict:
    rows = [
        {"cost": 1e5 * number, "probability": {"value": value}, "told_apart": apart}
        for number, (value, apart) in enumerate(points)
    ]
    return {"target": "demand", "currency": "USD", "points": rows, "knee": []}


def test_a_frontier_that_is_noise_buys_nothing() -> None:
    noise = finding(frontier_of((0.703, True), (0.688, False), (0.693, False)))
    assert noise == "No choice is shown to make demand likelier than the cheapest point, 70.3%"
    assert finding(frontier_of((0.4, True), (0.6, True))).startswith("$100k buy P(demand) from 40.0% to 60.0%")


def test_a_hand_over_without_hires() -> None:
    plan = counted("")
    text = printed(handover_table(handover_facts(handover(plan), "Counted", "USD", {"FY2027": ["2027-01"]})))
    assert "no hires" in text
    assert "FY2027 $10.0k" in text
