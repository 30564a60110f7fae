"""From what stands in a plan to a law: every form is read, every mistake is reported with its place."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simengine.assumptions.distributions import Beta, Discrete, Distribution, Lognormal, Pert, SpecError, build


def problems(spec):
    with pytest.raises(SpecError) as caught:
        build(spec)
    return [tuple(p) for p in caught.value.problems]


WRONG = [
    ("beta", (), "'beta' is not a distribution", "a family with its parameters, like normal: {mean: 6, sd: 1}"),
    ({"betta": 1}, ("betta",), "unknown family 'betta'", "beta, the nearest name"),
    (
        {"beta": {"mean": 1.3, "n": 180}},
        ("beta", "mean"),
        "1.3 is not between 0 and 1",
        "a mean strictly between 0 and 1",
    ),
    ({"beta": {"mean": 1, "n": 180}}, ("beta", "mean"), "1 is not between 0 and 1", "a mean strictly between 0 and 1"),
    (
        {"beta": {"meen": 0.2, "n": 180}},
        ("beta", "meen"),
        "unknown parameter 'meen' of a beta law",
        "mean, the nearest name",
    ),
    (
        {"beta": {"mean": 0.2}},
        ("beta",),
        "mean does not fix a beta law",
        "mean and n; or mean and sd; or alpha and beta",
    ),
    (
        {"beta": {"mean": 0.2, "n": 9, "sd": 0.1}},
        ("beta",),
        "mean and n and sd do not fix a beta law",
        "mean and n; or mean and sd; or alpha and beta",
    ),
    (
        {"beta": {"mean": 0.2, "n": 0}},
        ("beta", "n"),
        "0 is not from 0.01 to 10,000,000",
        "an n from 0.01 to 10,000,000",
    ),
    (
        {"beta": {"mean": 0.001, "n": 2}},
        ("beta", "n"),
        "2 puts nearly all probability on 0 and 1",
        "an n of at least 10 with this mean",
    ),
    (
        {"beta": {"mean": 0.2, "sd": 0.5}},
        ("beta", "sd"),
        "0.5 does not go with the mean 0.2 of a fraction",
        "an sd from 0.000126 to 0.39036",
    ),
    ({"normal": {"mean": 6, "sd": 0}}, ("normal", "sd"), "0 is not above 0", "an sd above 0"),
    ({"normal": {"mean": "six", "sd": 1}}, ("normal", "mean"), "'six' is not a number", "a mean"),
    ({"normal": {"mean": True, "sd": 1}}, ("normal", "mean"), "true is not a number", "a mean"),
    ({"normal": {"mean": float("nan"), "sd": 1}}, ("normal", "mean"), "nan is not a number", "a mean"),
    ({"normal": {"mean": 1e16, "sd": 1}}, ("normal", "mean"), "1e+16 is too large", "a mean, at most 1e15 in size"),
    ({"fixed": -1e-16}, ("fixed",), "-1e-16 is too small", "a number, 0 or at least 1e-15 in size"),
    ({"fixed": -(10**400)}, ("fixed",), f"-1{'0' * 35}... is too large", "a number, at most 1e15 in size"),
    ({"normal": 3}, ("normal",), "3 does not give a normal law", "{mean, sd}"),
    ({"lognormal": {"mean": -1, "cv": 1}}, ("lognormal", "mean"), "-1 is not above 0", "a mean above 0"),
    (
        {"gamma": {"mean": 1, "sd": 50}},
        ("gamma", "sd"),
        "50 does not go with the mean 1",
        "an sd from 0.005 to 10",
    ),
    (
        {"weibull": {"shape": 0, "scale": 2}},
        ("weibull", "shape"),
        "0 is not from 0.1 to 1000",
        "a shape from 0.1 to 1000",
    ),
    (
        {"uniform": [2, 2]},
        ("uniform", 1),
        "2 is not above the minimum 2",
        "min below max; for one certain value: fixed",
    ),
    ({"uniform": [2]}, ("uniform",), "[2] does not give a uniform law", "[min, max] or {min, max}"),
    (
        {"triangular": {"min": 1, "mode": 9, "max": 5}},
        ("triangular", "mode"),
        "9 is not from 1 to 5",
        "a most likely value between min and max",
    ),
    ({"pert": [3, 1, 5]}, ("pert", 1), "1 is not from 3 to 5", "a most likely value between min and max"),
    ({"pert": {"min": 3, "max": 5}}, ("pert",), "min and max do not fix a pert law", "min and mode and max"),
    ({"fixed": None}, ("fixed",), "nothing is not a number", "a number"),
    ({"bernoulli": 1.2}, ("bernoulli",), "1.2 is not from 0 to 1", "a probability from 0 to 1"),
    (
        {"discrete": {1: 0.5, 2: 0.4}},
        ("discrete",),
        "the probabilities add up to 90 %",
        "probabilities that add up to 100 %",
    ),
    ({"discrete": {"one": 1}}, ("discrete", "one"), "'one' is not a number", "a value"),
    (
        {"discrete": [{"value": 1, "probability": 2}, {"value": 3, "probability": 0}]},
        ("discrete", 0, "probability"),
        "2 is not from 0 to 1",
        "a probability from 0 to 1",
    ),
    (
        {"discrete": [{"value": 1, "probability": 0.5}, {"value": 1, "probability": 0.5}]},
        ("discrete", 1, "value"),
        "1 stands here twice",
        "each value once",
    ),
    (
        {"discrete": [{"value": 1}]},
        ("discrete", 0),
        "probability missing",
        "{value: ..., probability: ...}",
    ),
    ({"empirical": []}, ("empirical",), "[] is not a list of numbers", "a list like [5, 7, 7.5, 11]"),
    ({"empirical": [1, "x"]}, ("empirical", 1), "'x' is not a number", "a value"),
    (
        {"empirical": [4, 4]},
        ("empirical",),
        "there is only one value",
        "at least two different values; for one certain value: fixed",
    ),
    (
        {"empirical": {"values": [1, 2], "weights": [1]}},
        ("empirical", "weights"),
        "1 weights for 2 values",
        "one weight for each value",
    ),
    (
        {"empirical": {"values": [1, 2], "wieghts": [1, 1]}},
        ("empirical", "wieghts"),
        "unknown key 'wieghts'",
        "weights, the nearest name",
    ),
    (
        {"mixture": [{"weight": 0.5, "distribution": {"fixed": 1}}, {"weight": 0.4, "distribution": {"fixed": 2}}]},
        ("mixture",),
        "the weights add up to 90 %",
        "weights that add up to 100 %",
    ),
    (
        {"mixture": [{"weight": 0.5, "distribution": {"fixed": 1}}, {"weight": 0.5, "distribution": {"normal": [1]}}]},
        ("mixture", 1, "distribution", "normal"),
        "[1] does not give a normal law",
        "{mean, sd}",
    ),
    (
        {"pooled": [{"who": "CRO", "distribution": {"fixed": 1}}]},
        ("pooled",),
        "[{'who': 'CRO', 'distribution': {'fix... is not a list of distributions",
        "two or more of {who: ..., distribution: ...}",
    ),
    (
        {"pooled": [{"who": "CRO", "distribution": {"fixed": 1}}, {"who": "CRO", "distribution": {"fixed": 2}}]},
        ("pooled", 1, "who"),
        "CRO stands here twice",
        "one judgment from each",
    ),
    (
        {
            "pooled": [
                {"who": "CRO", "weight": 1, "distribution": {"fixed": 1}},
                {"who": "CFO", "distribution": {"fixed": 2}},
            ]
        },
        ("pooled",),
        "some judgments have a weight and some have none",
        "a weight for all, or none for equal weights",
    ),
    ({"truncated": {"distribution": {"fixed": 1}}}, ("truncated",), "nothing is cut off", "a min, a max or both"),
    ({"truncated": {"min": 1}}, ("truncated",), "distribution missing", "{distribution: ...}"),
    (
        {"truncated": {"distribution": {"normal": {"mean": 0, "sd": 1}}, "min": 5}},
        ("truncated",),
        "the bounds keep only 2.867e-05 % of normal, mean 0, sd 1",
        "bounds that keep at least 0.1 %, or a law for the part that you mean",
    ),
    (
        {"truncated": {"distribution": {"uniform": [0, 1]}, "min": 3, "max": 2}},
        ("truncated", "max"),
        "2 is not above the minimum 3",
        "min below max",
    ),
    ({"quantiles": [1, 2]}, ("quantiles",), "[1, 2] does not give quantiles", "{P10: 5, P50: 7, P90: 11}"),
    (
        {"quantiles": {0.1: 5, 0.9: 9}},
        ("quantiles",),
        "2 quantiles are too few",
        "at least three, like {P10: 5, P50: 7, P90: 11}",
    ),
    (
        {"quantiles": {10: 5, 0.5: 7, 0.7: 8, 0.9: 9}},
        ("quantiles", 10),
        "10 is not a probability between 0 and 1",
        "a key like P10, 10 % or 0.1; or min, max",
    ),
    (
        {"quantiles": {"P10": 5, 0.1: 6, "P50": 7, "P90": 9}},
        ("quantiles", 0.1),
        "10 % stands here twice",
        "each probability once",
    ),
    (
        {"quantiles": {"P10": 5, "P50": 5, "P90": 9}},
        ("quantiles", "P50"),
        "5 at 50 % is not above 5 at 10 %",
        "values that grow with the probability",
    ),
    (
        {"quantiles": {"P10": 5, "P50": 7, "P90": 9, "min": 5}},
        ("quantiles", "min"),
        "5 is not below the lowest quantile",
        "a min below 5",
    ),
    (
        {"quantiles": {"P10": 5, "P50": 7, "P90": 9, "max": 8}},
        ("quantiles", "max"),
        "8 is not above the highest quantile",
        "a max above 9",
    ),
    (
        {"quantiles": {"P49": 1e-15, "P50": 1, "P51": 1e15, "min": 0}},
        ("quantiles",),
        "the tail is so long that its end is no number",
        "a min and a max, or quantiles closer together",
    ),
]


@pytest.mark.parametrize(("spec", "path", "message", "expected"), WRONG, ids=lambda x: str(x)[:40])
def test_a_mistake_is_reported_with_its_place(spec, path, message, expected):
    assert problems(spec) == [(path, message, expected)]


@pytest.mark.parametrize("spec", [{}, {"beta": {"mean": 0.2, "n": 9}, "fixed": 1}])
def test_exactly_one_family(spec):
    ((path, message, expected),) = problems(spec)
    assert path == ()
    assert "where one family belongs" in message
    assert expected.startswith("one of bernoulli, beta, discrete")


def test_all_mistakes_are_reported_at_once():
    spec = {
        "pooled": [
            {"who": "CRO", "distribution": {"beta": {"mean": 1.3, "n": -1}}},
            {"who": "", "distribution": {"pert": [1, "x", None]}},
            {"distribution": {"fixed": 1}},
            {"who": "CFO", "weight": 0, "distribution": {"truncated": {"distribution": {"nomral": {}}, "min": "a"}}},
        ]
    }
    assert [path for path, _, _ in problems(spec)] == [
        ("pooled", 2),
        ("pooled", 1, "who"),
        ("pooled",),
        ("pooled", 3, "weight"),
        ("pooled", 0, "distribution", "beta", "mean"),
        ("pooled", 0, "distribution", "beta", "n"),
        ("pooled", 1, "distribution", "pert", 1),
        ("pooled", 1, "distribution", "pert", 2),
        ("pooled", 3, "distribution", "truncated", "min"),
        ("pooled", 3, "distribution", "truncated", "distribution", "nomral"),
    ]


def test_equivalent_forms_give_the_same_law():
    n = 0.2 * 0.8 / 0.05 / 0.05 - 1
    assert build({"beta": {"mean": 0.2, "sd": 0.05}}) == build({"beta": {"mean": 0.2, "n": n}})
    assert build({"beta": {"alpha": 2, "beta": 5}}) == Beta(2, 5)
    assert build({"pert": {"min": 3, "max": 10, "mode": 5}}) == build({"pert": [3, 5, 10]}) == Pert(3, 5, 10)
    assert build({"lognormal": {"mean": 8, "sd": 2}}) == build({"lognormal": {"mean": 8, "cv": 0.25}})
    assert build({"lognormal": {"median": 8, "sigma": 0.5}}) == Lognormal(np.log(8), 0.5)
    pairs = [{"value": 3, "probability": 0.75}, {"value": 1, "probability": 0.25}, {"value": 9, "probability": 0}]
    assert build({"discrete": pairs}) == build({"discrete": {"1": 0.25, 3.0: 0.75}}) == Discrete((1, 3), (0.25, 0.75))
    keys = [
        {0.1: 5, 0.5: 7, 0.9: 11},
        {"10 %": 5, "50%": 7, "90 %": 11},
        {"P90": 11, "p50": 7, "P10": 5},
        {"0.1": 5, ".5": 7, "0.9": 11},
    ]
    assert len({build({"quantiles": k}) for k in keys}) == 1


def test_weights_of_judgments_are_relative_and_equal_by_default():
    def pooled(*weights):
        judgments = [({"weight": w} if w else {}) for w in weights]
        for k, judgment in enumerate(judgments):
            judgment |= {"who": f"person {k}", "distribution": {"fixed": k}}
        return build({"pooled": judgments})

    assert pooled(None, None).mean() == 0.5
    assert pooled(1, 3).mean() == 0.75
    assert pooled(1, 3).names == ("person 0", "person 1")


def test_thirds_add_up():
    assert build({"discrete": {0: 0.3333333, 1: 0.3333333, 2: 0.3333334}}).mean() == pytest.approx(1)


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0, 1),
    st.integers(-10, 10**20),
    st.sampled_from([0, 0.1, 0.5, 0.9, 1, 1e-300, 1e15, "x", None, True]),
)
PARAMETERS = (
    "mean sd cv n alpha beta min mode max lambda median sigma shape scale P10 P50 P90 "
    "value probability values weights who weight distribution"
)
FAMILIES = (
    "fixed uniform triangular pert normal lognormal gamma weibull beta "
    "quantiles discrete bernoulli empirical mixture truncated pooled"
)
keys = st.sampled_from([*PARAMETERS.split(), 0.1, 0.5, 0.9, 1, None])
families = st.sampled_from(FAMILIES.split())


def contents(inner):
    return st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(families, inner, min_size=1, max_size=1),
    )


@settings(max_examples=400)
@given(st.dictionaries(families, st.recursive(numbers, contents, max_leaves=8), min_size=1, max_size=1))
def test_whatever_is_written_gives_a_law_or_words(spec):
    try:
        dist = build(spec)
    except SpecError as error:
        dist, messages = None, [message for _, message, _ in error.problems]
    if dist is None:
        assert messages
        assert all(messages)
        return
    assert isinstance(dist, Distribution)
    assert dist.describe()
    lo, hi = dist.support()
    assert lo <= hi
    x = dist.ppf([2**-53, 0.5, 1 - 2**-53])
    assert np.isfinite(x).all()
    assert (np.diff(x) >= 0).all()


def test_a_check_needs_no_scipy():
    code = """
import sys
from simengine.assumptions import dependence, draws, elicitation
from simengine.assumptions.distributions import build
for spec in (
    {"beta": {"mean": .2, "n": 9}}, {"pert": [1, 2, 3]}, {"gamma": {"mean": 1, "cv": 1}},
    {"normal": {"mean": 1, "sd": 1}}, {"lognormal": {"mean": 1, "cv": 1}}, {"weibull": {"shape": 1, "scale": 1}},
    {"quantiles": {.1: 5, .5: 7, .9: 11, "min": 0}}, {"empirical": [1, 2, 4]}, {"discrete": {1: .5, 2: .5}},
    {"truncated": {"distribution": {"normal": {"mean": 1, "sd": 1}}, "min": 0}},
    {"pooled": [{"who": who, "distribution": {"pert": [1, 2, 3]}} for who in "ab"]},
):
    build(spec).describe()
dependence.Dependence.build(["a", "b"], {"f": {"a": .5}}, [("a", "b", .3)])
assert not any(name.split(".")[0] == "scipy" for name in sys.modules), "scipy"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
