import io
import math
import re

import pytest
from rich.console import Console

from simengine.cli.output import print_rich
from simengine.explain import rank
from simengine.report.drivers import drivers
from simengine.report.facts import facts, headline
from simengine.report.ranking import groups, ranking
from simengine.report.summary import summary
from simengine.report.tables import written
from simengine.report.words import between, number
from tests.report.synthetic import ASSUMPTIONS, BOARD, EVENTS, NRR, SHOCKS, Goal, dataset

CASES = {
    "usual": dataset(BOARD, Goal("commit ARR", at_least=100e6, confidence=0.8), NRR),
    "wide numbers": dataset(BOARD, NRR, Goal("payback", "cac_payback", at_most=17.0), currency="CHF"),
    "once": dataset(Goal("quota", "bookings", at_least=26e6), months=12, sells_once=True),
    "no target": dataset(),
    "happenings": dataset(
        BOARD,
        Goal("covenant", "lowest_cash", at_least=30e6),
        Goal("alliance wins", "new_arr", at_least=26e6, criterion=True),
        happenings=True,
    ),
}
LEVELS = ("p10", "p50", "p90", "operating_plan")
HEADINGS = [
    "How likely is each target?",
    "What is safe, and what was planned?",
    "What is FY2027 made of?",
    "What does board ARR hang on?",
    "What may happen?",
    "Net new ARR by quarter",
    "Is there enough cash?",
    "Do sellers reach their quotas of FY2027?",
    "Ratios of FY2027",
    "Why believe it?",
]


def told(ds):
    return facts(ds) | {"drivers": drivers(rank(ds, headline(ds)), ds), "no_drivers": ""}


def lines(renderable, width):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(renderable)
    return console.file.getvalue().splitlines()


def numbers(facts_):
    """Every number of the tables as it is written."""
    currency = facts_["plan"]["currency"]
    for target in facts_["targets"]:
        if target["criterion"]:
            continue
        for key in LEVELS:
            yield number(target[key], target["unit"])
        yield number(target["commit"]["value"], target["unit"])
        yield between(target["commit"]["lower"], target["commit"]["upper"], target["unit"])
    made = facts_["composition"]
    for amount in (*made["parts"], made["total"]) if made else facts_["made_of"]["flows"]:
        yield from (number(amount[key], currency) for key in LEVELS)
    for row in facts_["drivers"]["assumptions"]:
        if row["distinguishable"]:
            yield from (
                number(row[f"metric_{end}_fifth"]["value"], facts_["drivers"]["unit"]) for end in ("bottom", "top")
            )
            yield between(row["share"]["lower"], row["share"]["upper"], "fraction")
    for quarter in facts_["quarters"]["quarters"][:4]:
        yield from (number(quarter[key], currency) for key in LEVELS)
    for event in facts_["events"]:
        yield between(event["happens"]["lower"], event["happens"]["upper"], "fraction")
        yield number(event["cost"], currency) if event["cost"] else event["starts"]["p10"]
    for row in (*facts_["cash"][:3], *facts_["quotas"], *facts_["ratios"]):
        yield from (written(row[key], row["metric"], row["unit"]) for key in LEVELS if not math.isnan(row[key]))


@pytest.mark.parametrize("width", [80, 120])
def test_the_order_is_that_of_a_cfos_questions(width):
    found = [line for line in lines(summary(told(CASES["happenings"])), width) if line in HEADINGS]
    assert found == HEADINGS


def test_what_the_plan_does_not_have_is_left_out():
    poor = dataset(BOARD, cash=0.0)
    poor = poor.assign(quota=0 * poor["quota"], opening_pipeline=0 * poor["opening_pipeline"])
    text = "\n".join(lines(summary(told(poor)), 80))
    for words in ("What may happen?", "enough cash", "reach their quotas", "Opening pipeline:"):
        assert words not in text
    assert "runway" not in text


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
    drivers_ = drivers(rank(CASES["usual"], "board ARR"), CASES["usual"])
    everything = "\n".join(lines(ranking(drivers_), 80))
    largest = "\n".join(lines(ranking(drivers_, 2), 80))
    assert all(name in everything for name in ASSUMPTIONS)
    assert "< 0." in everything
    assert sum(name in largest for name in ASSUMPTIONS) == 2
    assert "4 others together" in largest
    assert "random variation" in largest


def test_a_ranking_that_must_not_be_trusted_says_so():
    drivers_ = drivers(rank(CASES["usual"], "board ARR"), CASES["usual"])
    assert "Careful" not in "\n".join(lines(ranking(drivers_), 80))
    drivers_ |= {"trusted": False, "quality": {"value": 0.8, "lower": 0.77, "upper": 0.83}}
    drivers_["assumptions"][0]["disagrees"] = True
    written_ = " ".join(lines(ranking(drivers_), 120))
    assert (
        "Careful: these shares hold 80% (77.0–83.0%) of what assumptions explain; `simengine rank --audit`" in written_
    )
    assert f"the shares of {drivers_['assumptions'][0]['name']} are others" in written_


def test_groups_and_quarters_are_told():
    drivers_ = drivers(rank(CASES["happenings"], "board ARR"), CASES["happenings"])
    text = "\n".join(lines(groups(drivers_), 80))
    for part in (
        "By owner",
        "RevOps",
        "By kind of source",
        "judgment",
        "By the quarter in which it arises",
        "FY2027-Q1",
    ):
        assert part in text


def test_events_and_shocks_stand_in_every_ranking():
    ds = CASES["happenings"]
    drivers_ = drivers(rank(ds, "board ARR"), ds)
    written_ = lines(ranking(drivers_, 1), 120)
    text = "\n".join(written_)
    assert "initiative · VP Partners · never/early" in text
    assert "risk · CRO · never/early" in text
    assert "shock · CMO · mean level" in text
    assert "An event is lowest where it never happens or starts late." in written_
    # What never varies moves nothing; the complete ranking shows it all the same.
    assert "onboarding programme" not in text
    everything = "\n".join(lines(ranking(drivers_), 80))
    assert all(name in everything for name in (*EVENTS, *SHOCKS))
    onboarding = everything.splitlines()
    place = next(i for i, line in enumerate(onboarding) if line.startswith("onboarding programme"))
    assert onboarding[place].split()[2] == "never"
    assert "varies" in onboarding[place + 1]


def test_what_tells_of_success_stands_with_its_event_alone():
    written_ = lines(summary(told(CASES["happenings"])), 120)
    assert not any(line.startswith("alliance wins") for line in written_)
    assert any(
        line.startswith("second alliance succeeds with at least $26M new ARR FY2027; where") for line in written_
    )
    assert "Both on the same path" in "\n".join(written_)


def test_a_shock_is_told_in_standard_deviations():
    shock = next(line for line in lines(summary(told(CASES["happenings"])), 120) if line.startswith("demand climate,"))
    assert re.fullmatch(r"demand climate, a shock: mean level −0\.\d to 0\.\d standard deviations \(P10–P90\)\.", shock)


def test_coverage_is_told_against_what_is_needed():
    facts_ = told(CASES["usual"])
    assert sum(line.startswith("Opening pipeline: ") for line in lines(summary(facts_), 80)) == 1
    facts_["coverage"] |= {"p10": 2.01, "p50": 2.44, "p90": 3.0, "needed": 4.06}
    facts_["coverage"]["segments"] = [
        {"name": "emea", "coverage": 1.5, "needed": 5.0},
        {"name": "na", "coverage": 6.0, "needed": 4.0},
        {"name": "new", "coverage": math.nan, "needed": math.inf},
    ]
    text = " ".join(lines(summary(facts_), 120))
    assert "Opening pipeline: 2.4 times 3 months' bookings (P10–P90 2.0–3.0); needed: 4.1." in text
    assert "Below what is needed: emea (1.5 of 5.0)." in text


def test_coverage_of_nothing_won_is_infinite():
    facts_ = told(CASES["usual"])
    facts_["coverage"] |= {"p10": 2.0, "p50": math.inf, "p90": math.inf, "needed": math.inf, "segments": []}
    text = " ".join(lines(summary(facts_), 120))
    assert "Opening pipeline: infinite times 3 months' bookings (P10–P90 2.0–infinite); needed: infinite." in text


def test_long_plans_are_told_in_short():
    ds = dataset(months=60)
    written_ = lines(summary(told(ds)), 80)
    assert sum(line.startswith("FY20") for line in written_) == 4
    assert "16 more quarters: `--json` has them all." in written_
    assert [line[:20].strip() for line in written_ if line.startswith(("lowest cash", "rule of 40"))] == [
        "lowest cash FY2027",
        "rule of 40 FY2028",
    ]
    assert len(facts(ds)["cash"]) == 19


def test_a_runway_at_its_longest_is_that_or_more():
    ds = dataset(BOARD, burn=-1e6)
    row = next(line for line in lines(summary(told(ds)), 80) if line.startswith("runway FY2027"))
    assert row.split("  ")[-1].strip() == "60+ months"
    assert "60+ months" not in "\n".join(lines(summary(told(dataset(BOARD, burn=2e6))), 80))


def test_no_line_is_longer_than_120_signs_however_wide_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    print_rich(summary(told(CASES["happenings"])))
    longest = max(map(len, capsys.readouterr().out.splitlines()))
    assert 80 < longest <= 120
