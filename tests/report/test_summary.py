import io
import re

import pytest
from rich.console import Console

from simengine.explain import rank
from simengine.report.facts import drivers, facts, headline
from simengine.report.summary import ranking, summary
from simengine.report.words import between, number
from tests.report.synthetic import ASSUMPTIONS, BOARD, NRR, Goal, dataset

CASES = {
    "usual": dataset(BOARD, Goal("commit ARR", at_least=100e6, confidence=0.8), NRR),
    "wide numbers": dataset(BOARD, NRR, Goal("payback", "cac_payback", at_most=17.0), currency="CHF"),
    "once": dataset(Goal("quota", "bookings", at_least=26e6), months=12, sells_once=True),
    "no target": dataset(),
}
HEADINGS = [
    "How likely is each target?",
    "What is safe?",
    "What was planned, and what is expected?",
    "What is FY2027 made of?",
    "What does board ARR hang on?",
    "Net new ARR by quarter",
    "Ratios of FY2027",
    "Why believe it?",
]


def told(ds):
    return facts(ds) | {"drivers": drivers(rank(ds, headline(ds))), "no_drivers": ""}


def lines(renderable, width):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(renderable)
    return console.file.getvalue().splitlines()


def numbers(facts_):
    """Every number of the tables as it is written."""
    currency = facts_["plan"]["currency"]
    for target in facts_["targets"]:
        for key in ("p10", "p50", "p90", "operating_plan", "central_case"):
            yield number(target[key], target["unit"])
        yield number(target["commit"]["value"], target["unit"])
        yield between(target["commit"]["lower"], target["commit"]["upper"], target["unit"])
    bridge = facts_["made_of"]
    for amount in (*bridge["flows"], *(bridge[end] for end in ("opening", "closing") if end in bridge)):
        yield from (number(amount[key], currency) for key in ("p10", "mean", "p90"))
    for row in facts_["drivers"]["assumptions"]:
        if row["distinguishable"]:
            yield from (
                number(row[f"metric_{end}_fifth"]["value"], facts_["drivers"]["unit"]) for end in ("bottom", "top")
            )
            yield between(row["share"]["lower"], row["share"]["upper"], "fraction")
    for quarter in facts_["quarters"]["quarters"]:
        yield from (number(quarter[key], currency) for key in ("p10", "p50", "p90", "operating_plan"))
    for ratio in facts_["ratios"]:
        yield from (number(ratio[key], ratio["unit"]) for key in ("p10", "p50", "p90", "operating_plan"))


@pytest.mark.parametrize("width", [80, 120])
def test_the_order_is_that_of_a_cfos_questions(width):
    found = [line for line in lines(summary(told(CASES["usual"])), width) if line in HEADINGS]
    assert found == HEADINGS


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [80, 120])
def test_every_table_fits_and_no_name_or_number_is_broken(case, width):
    facts_ = told(CASES[case])
    written = lines(summary(facts_), width)
    assert max(map(len, written)) <= width
    text = "\n".join(written)
    for name in [row["name"] for row in facts_["drivers"]["assumptions"] if row["distinguishable"]]:
        assert name in text
    for expected in numbers(facts_):
        assert re.search(rf"(^| ){re.escape(expected)}($| )", text, re.MULTILINE), expected


def test_the_check_above_sees_a_terminal_that_is_too_narrow():
    with pytest.raises(AssertionError):
        test_every_table_fits_and_no_name_or_number_is_broken("usual", 50)


def test_targets_say_chance_interval_words_and_shortfall():
    facts_ = told(CASES["usual"])
    facts_["targets"][0] |= {
        "probability": {"value": 0.243, "lower": 0.236, "upper": 0.25},
        "probability_without_source_policy": {"value": 0.209, "lower": 0.2, "upper": 0.22},
        "shortfall": {"mean": 11.24e6, "standard_error": 1e5, "misses": 600},
    }
    text = "\n".join(lines(summary(facts_), 80))
    for part in ("at least $108M", "24.3% (23.6–25.0%)", "about 1 in 4", "20.9%", "$11.2M"):
        assert part in text


def test_targets_on_one_quantity_share_a_row_of_levels():
    written = lines(summary(told(CASES["usual"])), 120)
    start, end = (written.index(heading) for heading in HEADINGS[1:3])
    rows = [line.split("  ")[0].strip() for line in written[start:end]]
    assert rows.count("ending ARR") == 1
    assert rows.count("NRR") == 1


def test_a_target_never_missed_says_so():
    assert any("never" in line for line in lines(summary(told(dataset(Goal("sure", at_least=1.0)))), 80))


def test_paths_on_which_a_target_is_undefined_are_told():
    facts_ = told(CASES["usual"])
    assert not any("undefined" in line for line in lines(summary(facts_), 80))
    facts_["targets"][2]["undefined"] = 1234
    words = "NRR is undefined on 1,234 of 800 paths; they count as missed."
    assert words in lines(summary(facts_), 80)


def test_a_run_too_small_to_rank_says_why():
    facts_ = facts(CASES["usual"]) | {"drivers": None, "no_drivers": "a ranking needs 100 draws"}
    assert "No ranking: a ranking needs 100 draws." in lines(summary(facts_), 80)


def test_the_ranking_shows_all_and_the_summary_the_largest():
    drivers_ = drivers(rank(CASES["usual"], "board ARR"))
    everything = "\n".join(lines(ranking(drivers_), 80))
    largest = "\n".join(lines(ranking(drivers_, 2), 80))
    assert all(name in everything for name in ASSUMPTIONS)
    assert "indistinct" in everything
    assert sum(name in largest for name in ASSUMPTIONS) == 2
    assert "4 more assumptions" in largest
    assert "random variation" in largest


def test_shares_above_100_percent_are_explained():
    drivers_ = drivers(rank(CASES["usual"], "board ARR"))
    words = "Assumptions that move together"
    assert words not in "\n".join(lines(ranking(drivers_), 80))
    drivers_["remainder"] = {"value": -0.3, "lower": -0.4, "upper": -0.2}
    assert words in "\n".join(lines(ranking(drivers_), 80))
