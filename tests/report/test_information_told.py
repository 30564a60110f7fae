"""What the terminal says of the value of information."""

import io
import math

import pytest
import xarray as xr
from rich.console import Console

from simengine.report.canvas import title
from simengine.report.information import information
from simengine.report.worth import MOST_BARS, worth
from tests.report import test_figures

NEXT_TO_NOTHING = "No single assumption would change the choice"


def bounded(value, margin):
    return {"value": value, "lower": max(0.0, value - margin), "upper": value + margin}


def assumption(name, value, margin, group=1, **more):
    told = {"name": name, "kind": "assumption", "unit": "fraction", "owner": "CRO", "source_kind": "judgment"}
    told |= {"evppi": bounded(value, margin), "distinguishable": value > margin, "rank_group": group}
    return told | {"best_low": "base", "best_high": "bold", "switch_at": 0.24} | more


@pytest.fixture
def told():
    behind = {"value": 2e5, "lower": 1e5, "upper": 3e5}
    chance = {"value": 0.6, "lower": 0.58, "upper": 0.62}
    none = {"value": 0.0, "lower": 0.0, "upper": 0.0}
    return {
        "payoff": "cash + 2 ending_arr",
        "period": "2027-01 to 2028-12",
        "best": "bold",
        "worth": {"board ARR": 2e6},
        "costs": {"bold": 250_000.0},
        "fixed": [],
        "draws": 4000,
        "twins": 1000,
        "unit": "USD",
        "scenarios": [
            {"name": "base", "net_benefit": bounded(50e6, 1e6), "behind": behind, "p_best": chance},
            {"name": "bold", "net_benefit": bounded(50.2e6, 1e6), "behind": none, "p_best": chance},
        ],
        "evpi": bounded(1.2e6, 1e5),
        "evppi_all": bounded(7e5, 1e5),
        "assumptions": [
            assumption("win rate", 4e5, 5e4),
            assumption("deal size", 2e5, 5e4, 2, switch_at=math.nan),
            assumption("ramp", 1e4, 3e4, 2),
            assumption("slip", 0.0, 2e4, 2),
        ],
    }


def text(told, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(information(told))
    return console.file.getvalue()


def test_it_says_what_to_choose_and_what_knowledge_is_worth(told):
    said = " ".join(text(told).split())
    assert "Which scenario, by cash + 2 ending ARR, 2027-01 to 2028-12?" in said
    assert "$2M more where board ARR is reached. $250k less for bold." in said
    assert "bold is better than base by $200k ($100–300k) on average" in said
    assert "bold above 24.0%, else base" in said
    assert "2 more assumptions within noise: each is worth less than $40.0k." in said
    assert "slip" not in said
    assert "Cash counts nothing" not in said


def test_what_cannot_be_told_apart_is_not_ranked(told):
    told["scenarios"][0]["behind"] = {"value": 1e5, "lower": -1e5, "upper": 3e5}
    assert "bold and base cannot be told apart on average" in " ".join(text(told).split())


def test_next_to_nothing_is_said_without_a_number(told):
    told["assumptions"] = [assumption("slip", 0.0, 3.0)]
    assert NEXT_TO_NOTHING in text(told)
    told["assumptions"] = [assumption("slip", 0.0, 50_000.0)]
    said = text(told)
    assert NEXT_TO_NOTHING not in said
    assert "1 assumption within noise: it is worth less than $50.0k." in said


def test_an_event_and_what_is_fixed_are_explained(told):
    told["assumptions"][0]["kind"] = "risk"
    told["fixed"] = ["price_increase"]
    said = text(told)
    assert "An event counts the months that it is in force." in said
    assert "Fixed in some of the scenarios: price_increase." in said


def test_nothing_is_cut_at_80_columns(told):
    told["assumptions"][0]["name"] = "meetings_per_hour.enterprise-emea"
    said = text(told)
    assert "…" not in said
    assert "meetings_per_hour.enterprise-emea" in said
    assert max(map(len, said.splitlines())) <= 80


def test_what_is_within_noise_is_a_bound(told):
    told["evppi_all"] = {"value": 100.0, "lower": 0.0, "upper": 12_000.0}
    told["evpi"] = {"value": 0.0, "lower": 0.0, "upper": 0.0}
    said = text(told)
    assert "less than $12.0k" in said
    assert "On none of 4,000 paths is another scenario better than bold." in said


SOURCE = {"plan": "A plan", "plan_version": "v1", "as_of": "2026-12-31", "draws": 4000, "seed": "7"}
SOURCE |= {"digest_document": "cd" * 32, "engine_version": "0.1.0"}


@pytest.mark.parametrize("rows", [0, 1, 4, 14])
def test_no_text_of_the_figure_is_cut_off_or_covers_another(told, rows):
    told["assumptions"] = [
        assumption(f"a_rather_long_name.of_something_{i}", 1.1e6 / (1 + i / 9), 2e4, best_low="a scenario with a name")
        for i in range(rows)
    ]
    figure = worth(told, xr.Dataset(attrs=SOURCE))
    test_figures.test_no_text_is_cut_off_or_covers_another({"worth": figure})
    assert ("no single assumption" in title(figure)) == (rows == 0)
    assert ("as much as any other" in title(figure)) == (rows > 1)
    assert len(figure.axes[0].patches) == 2 + min(rows, MOST_BARS)
