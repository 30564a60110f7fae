"""From one run to the next: bars that add up, and agree with what is known where the model is linear."""

import itertools
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm

from simengine.errors import SimengineError
from simengine.learn.walk import walk
from simengine.plan import loads
from simengine.simulation import simulate
from tests.learn.test_orders import shapley
from tests.simulation.linear import linear_plan

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text()
EDITED = TINY
for was, now in (
    ("{mean: 22 %, n: 180}", "{mean: 19 %, n: 300}"),
    ("mode: 55", "mode: 60"),
    ("{mean: 88 %, n: 250}", "{mean: 88.005 %, n: 250}"),
    ("renewal.smb: 0.4", "renewal.smb: 0.6"),
    ("2027-04: 1", "2027-04: 3"),
    ("customers: 150", "customers: 155"),
):
    assert was in EDITED
    EDITED = EDITED.replace(was, now)


def run(plan, draws=400, seed=7):
    return simulate(plan, draws=draws, twins=0, seed=seed)


@pytest.fixture(scope="module")
def tiny():
    plan = loads(TINY.replace("at_least: 6_000_000", "at_least: 5_000_000"))
    return plan, run(plan)


@pytest.fixture(scope="module")
def edited():
    plan = loads(EDITED.replace("at_least: 6_000_000", "at_least: 5_000_000"))
    return plan, run(plan)


def walked(one, two, **more):
    return walk(one[0], two[0], one[1], two[1], **{"permutations": 200, **more})


@pytest.fixture(scope="module")
def found(tiny, edited):
    return walked(tiny, edited)


def test_who_is_told_of(found):
    assert set(found["player"].values) == {
        "facts",
        "leads.inbound",
        "win_rate.smb",
        "other beliefs",
        "dependence",
        "plan edits",
        "simulation error",
    }
    assert found["player"].values[0] == "facts"
    assert list(found["player"].values[-4:]) == ["other beliefs", "dependence", "plan edits", "simulation error"]
    assert {(str(by), str(key)) for by, key in zip(found["changed_by"].values, found["key"].values, strict=True)} == {
        ("facts", "base.smb.customers"),
        ("plan edits", "team.seats.ae-smb-new.hires.2027-04"),
    }


def test_bars_add_up_to_the_reported_difference(found, tiny, edited):
    values = [ds["target_value"].values[:, 0] for _, ds in (tiny, edited)]
    hit, value = (values[1] >= 5e6).mean() - (values[0] >= 5e6).mean(), values[1].mean() - values[0].mean()
    assert math.fsum(found["probability"].values) == pytest.approx(hit, abs=1e-9)
    assert math.fsum(found["value"].values) == pytest.approx(value, rel=1e-9)
    assert float(found["value_change"]) == pytest.approx(value, rel=1e-12)


def test_between_runs_of_one_seed_there_is_no_simulation_error(found, tiny, edited):
    for told in (found, walked(tiny, edited, permutations=800)):  # fewer draws than the runs have, and as many
        last = told.sel(player="simulation error")
        for name in ("probability", "value"):
            assert last[name] == last[f"{name}_lower"] == last[f"{name}_upper"] == 0


def test_backwards_every_bar_has_the_other_sign(found, tiny, edited):
    back = walked(edited, tiny).sel(player=found["player"])
    np.testing.assert_allclose(back["probability"], -found["probability"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(back["value"], -found["value"], rtol=0, atol=1e-6)


def test_the_same_plan_twice_changes_nothing(tiny):
    same = walked(tiny, tiny)
    assert list(same["player"].values) == ["simulation error"]
    for name in ("probability", "value"):
        assert same[name] == same[f"{name}_lower"] == same[f"{name}_upper"] == 0


def test_another_seed_is_simulation_error_and_nothing_else(tiny):
    other = run(tiny[0], seed=8)
    same = walked(tiny, (tiny[0], other))
    change = other["target_value"].values[:, 0].mean() - tiny[1]["target_value"].values[:, 0].mean()
    assert list(same["player"].values) == ["simulation error"]
    assert float(same["value"][0]) == pytest.approx(change)
    assert same["value_lower"][0] < 0 < same["value_upper"][0]


def test_threads_and_repetition_change_no_bit(found, tiny, edited):
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as pool:
            again = walked(tiny, edited, executor=pool)
        assert again.identical(found)


def test_another_seed_gives_other_bars_that_add_up(found, tiny, edited):
    other = walked((tiny[0], run(tiny[0], seed=3)), (edited[0], run(edited[0], seed=9)))
    assert not np.array_equal(other["value"].values[:-1], found["value"].values[:-1])
    assert math.fsum(other["value"].values) == pytest.approx(float(other["value_change"]), rel=1e-9)


def test_a_precision_is_kept(tiny, edited):
    told = []
    found = walked(tiny, edited, permutations=4000, precision=0.02, progress=lambda *paths: told.append(paths))
    bars = found.isel(player=slice(0, -1))
    assert float((bars["probability_upper"] - bars["probability_lower"]).max()) / 2 <= 0.02
    assert 200 <= found.attrs["permutations"] < 4000
    assert told[-1] == (found.attrs["paths"],) * 2


def test_later_months_are_facts():
    """Three months on: what has passed is no edit, and the walk still adds up."""
    text = TINY.replace("  - {name: NRR, metric: nrr, period: 2027-12, at_least: 95 %}\n", "")
    text = text.replace("period: FY2027, at_least: 6_000_000", "period: 2027-12, at_least: 5_000_000")
    later = text.replace("start: 2027-01, months: 12", "start: 2027-04, months: 9").replace(
        "customers: 150", "customers: 152"
    )
    later = later.replace("hires: {2027-02: 1, 2027-04: 1}", "existing: 1, tenure_months: 2, hires: {2027-04: 1}")
    plans = loads(text), loads(later.replace("{mean: 22 %, n: 180}", "{mean: 20 %, n: 250}"))
    one, two = ((plan, run(plan)) for plan in plans)
    found = walked(one, two)
    assert list(found["kind"].values) == ["facts", "belief", "simulation error"]
    assert math.fsum(found["value"].values) == pytest.approx(float(found["value_change"]), rel=1e-9)


def test_plans_that_do_not_mix_have_one_bar(tiny):
    """The target's period lies before the other plan: facts and edits cannot be told apart."""
    text = TINY.replace("  - {name: NRR, metric: nrr, period: 2027-12, at_least: 95 %}\n", "")
    text = text.replace("period: FY2027", "period: 2027-02")
    later = text.replace("start: 2027-01, months: 12", "start: 2027-06, months: 7").replace("2027-02", "2027-08")
    plans = loads(text), loads(later.replace("hires: {2027-08: 1, 2027-04: 1}", "hires: {2027-08: 1}"))
    one, two = ((plan, run(plan)) for plan in plans)
    found = walked(one, two)
    assert list(found["kind"].values) == ["facts and plan edits", "simulation error"]
    assert math.fsum(found["value"].values) == pytest.approx(float(found["value_change"]), rel=1e-9)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"target": "bord ARR"}, "no plan has the target 'bord ARR'; did you mean board ARR"),
        ({"permutations": 10}, "10 permutations tell too little; allow 200"),
        ({"precision": 0.0}, "choose one above 0"),
    ],
)
def test_a_wrong_question_is_refused(tiny, edited, more, message):
    with pytest.raises(SimengineError, match=message):
        walked(tiny, edited, **more)


def test_runs_that_cannot_be_compared_are_refused(tiny, edited):
    with pytest.raises(SimengineError, match="is not the plan of its run"):
        walk(tiny[0], edited[0], edited[1], edited[1])
    renamed = loads(TINY.replace("name: board ARR", "name: bank ARR").replace("name: NRR", "name: NRR of ours"))
    with pytest.raises(SimengineError, match="share no target"):
        walked(tiny, (renamed, run(renamed)))
    other = loads(TINY.replace("name: board ARR, metric: ending_arr", "name: board ARR, metric: new_arr"))
    with pytest.raises(SimengineError, match="of ending_arr in one plan and of new_arr in the other"):
        walked(tiny, (other, run(other)), target="board ARR")
    euro = loads(TINY.replace("currency: USD", "currency: EUR"))
    with pytest.raises(SimengineError, match="USD and EUR"):
        walked(tiny, (euro, run(euro)))


# ---- a linear plan: bookings are N s summed over segments, nearly normal, and every bar is known ----

VOLUME, MEAN, SD = {"a": 150.0, "b": 150.0, "c": 150.0}, 1000.0, 100.0
SHIFT = {"a": -60.0, "b": -60.0, "c": 40.0}
RHO = 0.5
AT_LEAST = 445_000
JOINED = (
    "dependence: {rank_correlations: [{between: [size.a, size.b], rho: 0.5, "
    "source: {kind: judgment, reference: test}}]}\n"
)


def the_plan(means, joined=False, volume=VOLUME):
    plan = linear_plan(
        volume, MEAN, dict.fromkeys(volume, SD), at_least=AT_LEAST, correlations=JOINED if joined else ""
    )
    text = plan.texts["plan.yaml"]
    for name, mean in means.items():
        old = re.search(rf"size\.{name}: .*?normal: {{mean: ", text).group()
        assert f"{old}{MEAN}" in text
        text = text.replace(f"{old}{MEAN}", f"{old}{mean}")
    return loads(text)


def chance(new):
    """P(bookings ≥ target) where these players are new: the variance of N s is v (m² + sd²) + v² sd²."""
    mean = {name: MEAN + SHIFT[name] * (name in new) for name in VOLUME}
    variance = sum(VOLUME[n] * (mean[n] ** 2 + SD**2) + VOLUME[n] ** 2 * SD**2 for n in VOLUME)
    if "dependence" in new:
        variance += 2 * 2 * math.sin(math.pi * RHO / 6) * VOLUME["a"] * VOLUME["b"] * SD**2
    return norm.sf((AT_LEAST - sum(VOLUME[n] * mean[n] for n in VOLUME)) / math.sqrt(variance))


PLAYERS = [*VOLUME, "dependence"]
TRUTH = shapley(lambda u: chance({PLAYERS[i] for i in u}), len(PLAYERS))
LABELS = [*(f"size.{name}" for name in VOLUME), "dependence"]


def error(found, name="probability"):
    return ((found[f"{name}_upper"] - found[f"{name}_lower"]) / 2 / 1.959963984540054).values


@pytest.fixture(scope="module")
def linear():
    plans = the_plan({}), the_plan({name: MEAN + by for name, by in SHIFT.items()}, joined=True)
    one, two = ((plan, run(plan, draws=2000)) for plan in plans)
    return walked(one, two, permutations=4000)


# Four standard errors, four bars: level 3e-4. The law of bookings is skewed by less than 1e-3 of a probability.


def test_bars_of_the_probability_are_those_of_the_closed_form(linear):
    bars = linear.sel(player=LABELS)
    assert (np.abs(bars["probability"] - TRUTH) < 4 * error(bars) + 1e-3).all()
    assert np.abs(bars["probability"] - np.roll(TRUTH, 1)).max() > 8 * error(bars).max()  # negative control


def test_bars_of_the_expected_value_are_those_of_the_closed_form(linear):
    bars = linear.sel(player=LABELS)
    true = np.array([*(VOLUME[name] * SHIFT[name] for name in VOLUME), 0.0])
    assert (np.abs(bars["value"] - true) < 4 * error(bars, "value") + 1e-6).all()
    assert np.abs(bars["value"] - np.roll(true, 2)).max() > 8 * error(bars, "value").max()


def test_symmetric_players_have_equal_bars(linear):
    """a and b are alike: the difference is within four standard errors, and in one group of ranks."""
    places = [LABELS.index("size.a"), LABELS.index("size.b")]
    bars = linear.sel(player=LABELS)
    assert bars["rank_group"].values[places[0]] == bars["rank_group"].values[places[1]] == 1
    order = list(linear["player"].values)
    i, j = order.index("size.a"), order.index("size.b")
    cov = linear["probability_covariance"].values
    apart = float(linear["probability"][i] - linear["probability"][j])
    assert abs(apart) < 4 * math.sqrt(cov[i, i] + cov[j, j] - 2 * cov[i, j])


def test_an_edit_and_a_belief_share_what_they_make_together():
    """Volume from v to w, size from m to l: the size makes (l − m)(v + w)/2, the edit (w − v)(l + m)/2."""
    plans = the_plan({}), the_plan({"a": 900.0}, volume={**VOLUME, "a": 180.0})
    one, two = ((plan, run(plan, draws=1000)) for plan in plans)
    found = walked(one, two, permutations=2000)
    assert list(found["kind"].values) == ["belief", "plan edits", "simulation error"]
    true = np.array([-100.0 * 165, 30.0 * 950])
    bars = found.isel(player=slice(0, 2))
    assert (np.abs(bars["value"] - true) < 4 * error(bars, "value")).all()
    alone = np.array([-100.0 * 150, 30.0 * 1000])  # negative control: one at a time
    assert (np.abs(bars["value"] - alone) > 8 * error(bars, "value")).any()


@pytest.mark.full
def test_intervals_hold_the_truth():
    """Bars and simulation error by another walk each, 300 of them, by an exact binomial test at 1e-4."""
    plans = the_plan({}), the_plan({name: MEAN + by for name, by in SHIFT.items()}, joined=True)
    exact = chance(set(PLAYERS)) - chance(set())
    held, repetitions = np.zeros(5, int), 300
    for seed in range(repetitions):
        one, two = (
            (plan, run(plan, draws=250, seed=seed + shift)) for plan, shift in zip(plans, (0, 1000), strict=True)
        )
        found = walked(one, two, permutations=300)
        bars = found.sel(player=LABELS)
        held[:4] += ((bars["probability_lower"] <= TRUTH + 1e-3) & (bars["probability_upper"] >= TRUTH - 1e-3)).values
        held[4] += bool(found["probability_change_lower"] <= exact <= found["probability_change_upper"])
    assert (held >= binom.ppf(1e-4, repetitions, 0.95)).all()


def test_pairs_of_bars_and_their_covariance(found):
    """The covariance of bars gives the error of their sum: that of the walk's own total."""
    cov = found["value_covariance"].values[:-1, :-1]
    assert np.all(np.linalg.eigvalsh(cov) > -1e-6 * np.trace(cov))
    for i, j in itertools.combinations(range(len(cov)), 2):
        assert cov[i, j] == pytest.approx(cov[j, i])


def test_a_value_that_is_infinite_on_some_paths_is_left_out():
    """A runway without an end: the chance is told, the mean is not."""
    text = TINY.replace(
        "  - {name: NRR, metric: nrr, period: 2027-12, at_least: 95 %}\n",
        "  - {name: burn, metric: burn_multiple, period: FY2027, at_most: 1.5}\n",
    )
    text = text.replace("economics: {", "economics: {opening_cash: 3_000_000, opex: {rnd: 4_000_000 per year}, ")
    plans = loads(text), loads(text.replace("{mean: 22 %, n: 180}", "{mean: 6 %, n: 200}"))
    one, two = ((plan, run(plan)) for plan in plans)
    assert np.isinf(two[1]["target_value"].values[:, 1]).any()
    found = walked(one, two, target="burn")
    assert math.fsum(found["probability"].values) == pytest.approx(float(found["probability_change"]), abs=1e-9)
    assert np.isnan(found["value"].values).all()
    assert np.isnan(found["value_change"])
    assert not found["value_distinguishable"].any()


def test_levers_are_no_edit(tiny):
    lever = "\nlevers:\n  sellers: {hires: ae-smb-new, starts: [2027-03], range: [0, 2], owner: CRO}\n"
    text = TINY.replace("at_least: 6_000_000", "at_least: 5_000_000") + lever
    found = walked(tiny, (loads(text), tiny[1]))
    assert list(found["player"].values) == ["simulation error"]
    assert found.sizes["change"] == 0
