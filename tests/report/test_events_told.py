import numpy as np
import pytest

from simengine.report.events import ends, events, kinds, shocks
from simengine.results.targets import wilson
from tests.report.synthetic import ASSUMPTIONS, BOARD, EVENTS, SHOCKS, Goal, dataset

DS = dataset(BOARD, Goal("alliance wins", "new_arr", at_least=26e6, criterion=True), happenings=True)
TOLD = {event["name"]: event for event in events(DS, "FY2027")}


def in_force(name):
    return DS["assumption_value"].sel(assumption=name).values


def with_months(months):
    values = DS["assumption_value"].values.copy()
    values[:, list(DS["assumption"].values).index("second alliance")] = months
    return DS.assign(assumption_value=(("draw", "assumption"), values))


def interval(successes, trials):
    return dict(zip(("value", "lower", "upper"), map(float, wilson(int(successes), trials)), strict=True))


def test_an_event_says_how_often_it_happens_and_from_when_on():
    months = in_force("second alliance")
    alliance = TOLD["second alliance"]
    assert alliance["happens"] == interval((months > 0).sum(), 800)
    first = np.quantile(24 - months[months > 0], 0.1, method="inverted_cdf")
    assert alliance["starts"]["p10"] == f"2027-{1 + round(first):02d}"
    assert (alliance["kind"], alliance["owner"], alliance["plan"]) == ("initiative", "VP Partners", "never")


def test_a_certain_event_starts_when_it_was_planned():
    assert TOLD["onboarding programme"]["starts"] == dict.fromkeys(("p10", "p50", "p90"), "2027-07")
    assert TOLD["onboarding programme"]["plan"] == "2027-07"
    assert TOLD["onboarding programme"]["happens"]["value"] == 1


def test_success_is_that_of_all_paths_and_of_those_on_which_it_happens():
    hit = DS["target_value"].sel(target="alliance wins").values >= 26e6
    happens = in_force("second alliance") > 0
    alliance = TOLD["second alliance"]
    assert alliance["succeeds"] == interval(hit.sum(), 800)
    assert alliance["succeeds_if_it_happens"] == interval((hit & happens).sum(), happens.sum())
    assert alliance["succeeds_if_it_happens"]["lower"] > alliance["succeeds"]["upper"]
    assert TOLD["rival cuts prices"]["success"] is TOLD["rival cuts prices"]["succeeds"] is None


def test_an_event_costs_what_it_costs_in_the_year():
    assert {name: event["cost"] for name, event in TOLD.items()} == {
        "onboarding programme": pytest.approx(240e3),
        "rival cuts prices": 0,
        "second alliance": pytest.approx(180e3),
    }
    assert all(event["cost"] is None for event in events(DS, None))


def test_an_event_that_never_happens_has_no_start_and_no_success_of_its_own():
    (alliance,) = [event for event in events(with_months(0.0), "FY2027") if event["name"] == "second alliance"]
    assert alliance["happens"]["value"] == 0
    assert alliance["starts"] is alliance["succeeds_if_it_happens"] is None


@pytest.mark.parametrize(
    ("months", "words"),
    [
        (np.where(np.arange(800) < 400, 0, np.arange(800) % 7 + 10), ("never", "early")),
        (np.where(np.arange(800) < 400, 0, 12), ("never", "happens")),
        (np.where(np.arange(800) < 40, 0, np.arange(800) % 23 + 1), ("never, late", "early")),
        (np.arange(800) % 7 + 10, ("late", "early")),
    ],
)
def test_fifths_of_an_event_have_words(months, words):
    assert ends(with_months(months.astype(float)), "second alliance") == words


def test_a_shock_is_its_mean_level():
    (shock,) = shocks(DS)
    levels = in_force("demand climate")
    assert shock["name"] == "demand climate"
    assert shock["p90"] == np.quantile(levels, 0.9, method="inverted_cdf")
    assert shocks(dataset(BOARD)) == events(dataset(BOARD), "FY2027") == []


def test_everything_uncertain_has_a_kind():
    found = kinds(DS)
    assert list(found) == [*ASSUMPTIONS, *EVENTS, *SHOCKS]
    assert {found[name] for name in ASSUMPTIONS} == {"assumption"}
