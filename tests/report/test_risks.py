"""What is told of risks and of averages, in words and figures."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text
from rich.console import Console

from simengine.explain import direction, impact_and_certainty, rank
from simengine.report.averages import average_facts, averages, waterfall
from simengine.report.canvas import title
from simengine.report.quadrant import quadrant
from simengine.report.risks import risk_facts, risks
from tests.report.synthetic import ASSUMPTIONS, BOARD, EVENTS, NRR, SHOCKS, Goal, dataset

STEPS = ["plan values", "skew", "people", "funnel", "base", "together", "chance"]
LEVELS = ["operating plan", "medians", "means", "spreadsheets", "simulated"]


def declaring(ds, adverse):
    """The run of a plan that declares these sides, and else both."""
    sides = [adverse.get(str(name), "both") for name in ds["assumption"].values]
    return ds.assign_coords(adverse=("assumption", sides))


def told_of(ds, name="board ARR"):
    ranking = rank(ds, name)
    placed = impact_and_certainty(ds, *(ranking[f"share{suffix}"] for suffix in ("", "_lower", "_upper")))
    return risk_facts(direction(ds, name), placed, ranking, ds)


def printed(renderable, width=80):
    console = Console(width=width, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


DS = dataset(BOARD, NRR)


@pytest.fixture(scope="module")
def told():
    return told_of(DS)


def test_facts_carry_what_was_found(told):
    names = {row["name"]: row for row in told["assumptions"]}
    assert set(names) == set(ASSUMPTIONS)
    assert names["win_rate.enterprise-na"]["verdict"] == "as declared"
    assert names["win_rate.enterprise-na"]["owner"] == "RevOps"
    assert names["open_opportunities.ae-enterprise"]["verdict"] == "both sides declared"
    assert [row["name"] for row in told["watch"]] == ["open_opportunities.ae-enterprise"]
    assert told["optimism"]["simulated"]["lower"] < told["optimism"]["simulated"]["value"]


def test_the_terminal_says_it_in_eighty_columns(told):
    text = printed(risks(told))
    assert "Direction of risk: board ARR (ending ARR FY2027)" in text
    assert "hurt on the declared side" in text
    assert "open_opportunities.ae-enterprise" in text.split("Watch list")[1]
    assert "against its declared side" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "nan" not in text


def test_a_wrong_side_is_told_with_its_effect():
    wrong = declaring(dataset(BOARD), {"win_rate.enterprise-na": "high", "attrition.ae": "high"})
    text = printed(risks(told_of(wrong)))
    row = text.split("against its declared side")[1].splitlines()
    at = next(i for i, line in enumerate(row) if "win_rate.enterprise-na" in line)
    assert "+$" in row[at]
    assert "high hurts" in row[at + 1]


def test_events_and_ratios_are_told():
    happening = dataset(NRR, BOARD, Goal("alliance wins", "new_arr", at_least=26e6), happenings=True)
    told = told_of(happening, "alliance wins")
    kinds = {row["name"]: row["kind"] for row in told["assumptions"]}
    assert {name: kinds[name] for name in EVENTS} == {name: kind for name, (kind, _) in EVENTS.items()}
    assert all(kinds[name] == "shock" for name in SHOCKS)
    ratio = told_of(happening, "NRR")
    assert np.isnan(ratio["optimism"]["simulated"]["value"])
    assert "simulated mean" not in printed(risks(ratio))


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_the_quadrant_names_what_is_high_and_says_what_to_watch(told):
    figure = quadrant(DS, told)
    assert title(figure) == "open_opportunities.ae-enterprise moves ending ARR FY2027, and rests on little"
    assert "win_rate.enterprise-na" in texts(figure)
    assert "little certainty" in texts(figure)
    calm = {**told, "watch": [], "certainty": [{**row, "watch": False} for row in told["certainty"]]}
    assert title(quadrant(DS, calm)) == "Nothing that moves ending ARR FY2027 much rests on little"
    nothing = {**calm, "certainty": []}
    assert quadrant(DS, nothing).axes


def walked(flows=("total", "new_arr", "churned_arr"), target="board ARR"):
    effect = np.array([-1.4e6, -0.4e6, -0.2e6, -0.3e6, 0.02e6, 0.05e6, -0.6e6])
    margin = np.array([0.0, 0.0, 0.1e6, 0.1e6, 0.1e6, 0.1e6, 0.1e6])
    amount = np.array([108e6, 106.6e6, 106.2e6, 105.77e6, 105.17e6])
    of_levels = np.array([0.0, 0.0, 0.0, 0.2e6, 0.1e6])
    ones = np.ones(len(flows)) / np.array([1, *[2] * (len(flows) - 1)])
    variables = {}
    for name, dim, values, span in (("effect", "step", effect, margin), ("amount", "level", amount, of_levels)):
        for suffix, bound in (("", values), ("_lower", values - span), ("_upper", values + span)):
            variables[name + suffix] = ((dim, "flow"), np.outer(bound, ones))
    attrs = {"target": target, "metric": "ending_arr", "period": "FY2027", "draws": 800, "spreadsheets": 64}
    return xr.Dataset(
        variables, {"step": STEPS, "level": LEVELS, "flow": list(flows)}, {**attrs, "level": 0.95, "units": "USD"}
    )


def test_the_walk_is_told_level_by_level():
    text = printed(averages(average_facts(walked())))
    places = [text.index(words) for words in ("operating plan", "plan values", "at medians", "skew", "at means")]
    assert places == sorted(places)
    assert "−$1.40M" in text
    assert "$105.0–105.3M" in text or "$105.1–105.3M" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "total" not in printed(averages(average_facts(walked(("total",)))))


def test_the_waterfall_says_how_far_the_plan_is_off():
    figure = waterfall(DS, average_facts(walked()))
    assert title(figure) == "On average, ending ARR FY2027 comes out $2.83M below the operating plan"
    assert "operating" in texts(figure)
    assert "−$1.40M" in texts(figure)
