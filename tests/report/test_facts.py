import json
import math

import numpy as np
import pytest

from simengine.explain import rank
from simengine.report.drivers import drivers
from simengine.report.facts import bound, facts, headline, target_facts
from simengine.results.targets import commit, hit_probability, quantiles, shortfall
from tests.report.synthetic import BOARD, NRR, Goal, dataset

DS = dataset(BOARD, NRR)
PAYBACK = dataset(Goal("payback", "cac_payback", at_most=17.0))
ONCE = dataset(Goal("quota", "bookings", at_least=26e6), months=12, sells_once=True)
HAPPENING = dataset(BOARD, Goal("alliance wins", "new_arr", at_least=26e6, criterion=True), happenings=True)


def test_a_target_is_told_as_results_say_it():
    told, hit = target_facts(DS, "board ARR"), hit_probability(DS).sel(target="board ARR")
    assert told["probability"] == {"value": float(hit["p"]), "lower": float(hit["lower"]), "upper": float(hit["upper"])}
    safe = commit(DS, "ending_arr", "FY2027")
    assert told["commit"] == {"confidence": 0.8, **{name: float(safe[name]) for name in ("value", "lower", "upper")}}
    p10, p50, p90 = quantiles(DS, "ending_arr", "FY2027")["value"].values
    assert (told["p10"], told["p50"], told["p90"]) == (p10, p50, p90)
    assert told["mean"] == pytest.approx(float(DS["ending_arr"].sel(month="2027-12").mean()))
    assert told["operating_plan"] == float(DS["ending_arr_baseline"].sel(case="operating plan", month="2027-12"))
    assert told["shortfall"]["mean"] == float(shortfall(DS, "board ARR")["mean"])


def test_without_source_policy_is_its_own_probability():
    told, unwidened = target_facts(DS, "board ARR"), hit_probability(DS, "_unwidened")
    assert told["probability_without_source_policy"]["value"] == float(unwidened["p"].sel(target="board ARR"))
    assert told["probability_without_source_policy"] != told["probability"]


def test_the_commit_number_of_an_upper_bound_is_on_its_other_side():
    told = target_facts(PAYBACK, "payback")
    kept = (PAYBACK["target_value"].values <= told["commit"]["value"]).mean()
    assert kept == pytest.approx(0.8, abs=1 / 800)
    assert bound(told) == 17.0


def test_ratios_have_no_mean():
    assert target_facts(DS, "NRR")["mean"] is None
    assert target_facts(DS, "NRR")["unit"] == "fraction"


def test_the_joint_chance_needs_two_targets():
    assert facts(DS)["joint"]["value"] == float(hit_probability(DS)["joint"])
    assert facts(PAYBACK)["joint"] is None


def test_what_only_tells_of_success_is_no_target_of_the_company():
    told = facts(HAPPENING)
    assert [target["criterion"] for target in told["targets"]] == [False, True]
    assert told["joint"] is None
    assert headline(HAPPENING) == "board ARR"
    assert headline(HAPPENING.isel(target=[1, 0])) == "board ARR"
    assert headline(HAPPENING.isel(target=[1])) == "alliance wins"


def test_headline():
    assert headline(DS) == "board ARR"
    assert headline(dataset()) == "ending_arr"
    assert headline(dataset(sells_once=True)) == "bookings"


def leaves(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@pytest.mark.parametrize("ds", [DS, PAYBACK, ONCE, HAPPENING], ids=["usual", "at most", "once", "happening"])
def test_facts_are_plain(ds):
    told = facts(ds) | drivers(rank(ds, headline(ds)), ds)
    assert {type(leaf) for leaf in leaves(told)} <= {str, int, float, bool, type(None)}
    assert not any(isinstance(leaf, np.generic) for leaf in leaves(told))
    assert json.loads(json.dumps(told))["plan"] == told["plan"]


def test_an_undefined_value_is_counted_and_is_a_miss_everywhere():
    ds = dataset(Goal("NRR", "nrr", at_least=0.0))
    values = ds["target_value"].values.copy()
    values[:200] = math.nan
    ds["target_value"] = ds["target_value"].dims, values
    told = target_facts(ds, "NRR")
    assert told["undefined"] == told["shortfall"]["misses"] == 200
    assert told["probability"]["value"] == 0.75
    # A quarter of the paths reach nothing: the number that is 80 % safe is none.
    assert told["commit"]["value"] == told["p10"] == -math.inf
    assert math.isfinite(told["p50"])


def test_a_target_never_missed_has_no_shortfall():
    told = target_facts(dataset(Goal("sure", at_least=1.0)), "sure")
    assert told["shortfall"]["misses"] == 0
    assert math.isnan(told["shortfall"]["mean"])
