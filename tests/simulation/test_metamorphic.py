"""What a change of the plan must not change, or must change in a known way: in bits, in proportion, or in law.

An edit that keeps every name keeps every address of chance, so its paths are compared one by one. An edit that changes
names or months draws other luck, so its paths are compared in law: two-sample Kolmogorov-Smirnov tests of totals by
path, all of a comparison together at LEVEL (Bonferroni), each with an edit that must be rejected.
"""

import copy
import random
import re
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from simengine.plan import loads
from simengine.simulation import simulate as run_plan
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.kernel.support import simulate
from tests.kernel.test_against_reference import AMOUNTS, COUNTS

PATHS = 30
MANY = 4000
LEVEL = 1e-6
NUMBERS = range(0, PLANS, 25)
"""Generated plans that are edited."""
KINDS = ("segment", "group", "cell", "pool")


class Plain(yaml.SafeDumper):
    """Writes every value out where it stands."""

    def ignore_aliases(self, data):
        return True


@cache
def text(number):
    return generated_plan(number)


@cache
def _parsed(number):
    return yaml.load(text(number), Loader=yaml.CSafeLoader)


def document(number):
    """A generated plan as keys and values, to be edited."""
    return copy.deepcopy(_parsed(number))


def chosen(holds, most=12):
    """Numbers of the first generated plans of which something holds."""
    return list(islice((number for number in range(PLANS) if holds(_parsed(number))), most))


def run(edited, values=None, shocks=None, paths=PATHS):
    return simulate(loads(yaml.dump(edited, Dumper=Plain, sort_keys=False)), paths, values=values, shocks=shocks)


def luck(number):
    """Generated values of assumptions and events, and levels of shocks."""
    plan = loads(text(number))
    return generated_values(plan, number), generated_shocks(plan, number)


def run_generated(number, edit=lambda edited: None):
    """Paths of a generated plan after an edit, at its generated values."""
    edited = document(number)
    edit(edited)
    return run(edited, *luck(number))


def assert_same(one, other):
    """The same in every bit."""
    for kind in KINDS:
        for name, array in getattr(one, kind).items():
            np.testing.assert_array_equal(getattr(other, kind)[name], array, err_msg=f"{kind} {name}")
    np.testing.assert_array_equal(other.reached, one.reached)


def differs(one, other):
    return any((one.segment[name] != other.segment[name]).any() for name in one.segment) or (
        one.reached.shape == other.reached.shape and bool((one.reached != other.reached).any())
    )


# --- in bits: what has no meaning changes nothing

LISTS_IN_ANY_ORDER = {"seats", "rows", "named_accounts", "history", "targets", "rank_correlations"}


def shuffled(value, rng, key=None):
    """The same plan with its keys, and its lists without an order of their own, in another order."""
    if isinstance(value, dict):
        items = [(name, shuffled(inner, rng, name)) for name, inner in value.items()]
        return dict(rng.sample(items, len(items)))
    if isinstance(value, list):
        items = [shuffled(inner, rng) for inner in value]
        return rng.sample(items, len(items)) if key in LISTS_IN_ANY_ORDER else items
    return value


@pytest.mark.parametrize("number", NUMBERS)
def test_the_order_of_entities_and_keys_changes_no_bit(number):
    def edit(edited):
        reordered = shuffled(edited, random.Random(number))
        edited.clear()
        edited.update(reordered)

    assert_same(run_generated(number), run_generated(number, edit))


SOURCE = {"kind": "judgment", "reference": "test"}


def add_event(edited, effect, probability=1, starts=None):
    edited.setdefault("events", {})["added"] = {
        "kind": "risk",
        "source": SOURCE,
        "starts": starts or edited["plan"]["start"],
        "plan": "never",
        "probability": probability,
        "effect": effect,
        "phase_in_months": 3,
        "lasts": 5,
    }


def fed(edited):
    """Channels that something arrives in, as given."""
    return [
        name
        for name, channel in edited["funnel"]["channels"].items()
        if all(demand.get("volume", "0 per month") != "0 per month" for demand in channel["segments"].values())
    ]


FED = chosen(fed)


@pytest.mark.parametrize("number", FED)
def test_an_event_that_does_not_happen_changes_no_bit(number):
    values, shocks = luck(number)
    edited = document(number)
    add_event(edited, {fed(edited)[0]: {"multiply": 3}}, probability=0)
    before = run(document(number), values, shocks)
    assert_same(before, run(edited, {**values, "added": 0.0}, shocks))
    assert differs(before, run(edited, {**values, "added": 9.0}, shocks))  # negative control


@pytest.mark.parametrize("number", FED)
def test_a_shock_without_loading_changes_no_bit(number):
    values, shocks = luck(number)
    levels = {**shocks, "weather": [(-1.0) ** t for t in range(document(number)["plan"]["months"])]}

    def shocked(loading):
        edited = document(number)
        loadings = {fed(edited)[0]: loading}
        weather = {"source": SOURCE, "persistence": 0.5, "loadings": loadings}
        edited.setdefault("shocks", {})["weather"] = weather
        return run(edited, values, levels)

    before = run(document(number), values, shocks)
    assert_same(before, shocked(0))
    assert differs(before, shocked("90 %"))  # negative control


def demands(edited):
    return [demand for channel in edited["funnel"]["channels"].values() for demand in channel["segments"].values()]


@pytest.mark.parametrize("number", NUMBERS)
def test_seasons_of_equal_weight_are_no_seasons(number):
    def weights(created, closed):
        def edit(edited):
            for demand in demands(edited):
                demand["seasonality"] = {"created": created, "closed": closed}

        return edit

    def none(edited):
        for demand in demands(edited):
            demand.pop("seasonality", None)

    before = run_generated(number, none)
    assert_same(before, run_generated(number, weights([1.2] * 12, [3] * 12)))


def without_assumptions(edited):
    """Nothing is left unused when a part of such a plan is removed."""
    return not edited["assumptions"]


@pytest.mark.parametrize("number", chosen(lambda e: "territories" in e["team"] and without_assumptions(e)))
def test_territories_that_are_pooled_are_none(number):
    def pooled(edited):
        edited["team"]["routing"] = dict.fromkeys(edited["segments"], "pooled")

    def none(edited):
        edited["team"].pop("territories")
        edited["team"].pop("routing", None)

    assert_same(run_generated(number, pooled), run_generated(number, none))


def qualified(edited):
    channels = edited["funnel"]["channels"].values()
    given = any("volume" in demand for c in channels if "qualified_by" in c for demand in c["segments"].values())
    return given and without_assumptions(edited)


@pytest.mark.parametrize("number", chosen(qualified))
def test_leads_are_qualified_or_dropped(number):
    def all_the_hours(edited):
        edited["team"]["roles"]["sdr"]["hours"] = "20_000 per month"
        edited["team"]["roles"]["sdr"].pop("ramp", None)
        edited["team"]["roles"]["sdr"].pop("attrition", None)
        edited["team"]["roles"]["sdr"].pop("promotion", None)
        edited["team"]["seats"] = [
            {**group, "existing": 1, "tenure_months": 12} if group["name"] == "sdr" else group
            for group in edited["team"]["seats"]
        ]

    edited = document(number)
    cells = sorted((c, s) for c, channel in edited["funnel"]["channels"].items() for s in channel["segments"])
    given = ["volume" in edited["funnel"]["channels"][c]["segments"][s] for c, s in cells]
    some, all_of_them = run_generated(number), run_generated(number, all_the_hours)
    came = (some.reached[..., 0] + some.cell["dropped"])[..., given]
    np.testing.assert_array_equal(came, all_of_them.reached[..., 0][..., given])
    assert not all_of_them.cell["dropped"].any()


ALONE = """
plan: {name: Alone, currency: USD, start: 2027-03, months: 24}
segments: {smb: {sells: once}}
team:
  roles:
    ae: {capacity: {open_opportunities: 2.5}, quota: 900_000 per year, ramp: {workload: 6}, productivity_spread: 40 %,
         attrition: {voluntary: 60 % per year}, backfill: {policy: always, lag: 2}, leaver_pipeline: {win_rate: x0.7},
         cost: {variable: 100_000 per year}}
  seats: [{name: ae, role: ae, segment: smb, existing: 1}]
  TERRITORIES
funnel:
  stale: 20 % per month
  channels:
    inbound:
      segments:
        smb: {volume: 3 per month, win_rate: 30 %, cycle: 3, cycle_spread: 60 %, deal_size: 40_000}
"""


def test_one_territory_is_the_whole_segment():
    territory = "territories: [{name: all of it, seats: ae, potential: 3}]"
    pooled, alone = (simulate(ALONE.replace("TERRITORIES", held), PATHS) for held in ("", territory))
    assert pooled.segment["waiting"].any()
    assert_same(pooled, alone)


# --- in bits: an event that is sure is an edit of the plan


FIELDS = {
    "win_rate": ("fraction", demands),
    "cycle": ("months", demands),
    "deal_size": ("currency", demands),
    "cycle_spread": ("fraction", demands),
    "recruiting_climate": ("factor", lambda edited: [edited["team"]]),
    "renewal_rate": ("fraction", lambda edited: edited["base"].values()),
}
"""Unit of a field, and the entries of a plan that hold it."""
VALUES = {
    "win_rate": 0.375,
    "cycle": 2.5,
    "deal_size": 30_000.0,
    "cycle_spread": 0.5,
    "recruiting_climate": 1.0,
    "renewal_rate": 0.5,
}


NOT_FELT = {*(("recruiting_climate", number) for number in range(PLANS)), ("cycle_spread", 3)}
"""Where a step changes nothing: everybody is there before it, and what arrives after it is never started."""


def can_be_edited(edited):
    return edited["base"] and edited["plan"]["months"] > 18 and without_assumptions(edited)


@pytest.mark.parametrize("field", VALUES)
@pytest.mark.parametrize("number", chosen(can_be_edited, most=4))
def test_a_sure_event_is_a_step_in_the_plan(number, field):
    values, shocks = luck(number)
    header, value = document(number)["plan"], VALUES[field]
    start, in_force = header["start"], float(header["months"] - 12)
    month = a_year_later(start)

    def edit(held):
        edited = document(number)
        unit, entries = FIELDS[field]
        for entry in entries(edited):
            entry[field] = held
        if held == "sure":
            edited.setdefault("assumptions", {})["sure"] = {
                "plan": value,
                "distribution": {"fixed": value},
                "unit": unit,
                "source": SOURCE,
                "risk": {"adverse": "low"},
            }
            event = {"kind": "risk", "source": SOURCE, "starts": month, "plan": month, "effect": {"sure": 1.5}}
            edited.setdefault("events", {})["sure change"] = event
        return edited

    steps = run(edit({"start": value, month: 1.5 * value}), values, shocks)
    event = run(edit("sure"), {**values, "sure": value, "sure change": in_force}, shocks)
    assert_same(steps, event)
    if (field, number) not in NOT_FELT:
        assert differs(steps, run(edit({"start": value}), values, shocks))  # negative control


TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
HAPPENS = """
events:
  change: {{kind: risk, source: {{kind: judgment, reference: test}}, starts: 2027-05, plan: {plan},
           probability: {probability}, effect: {{win_rate.smb: x0.5}}}}
"""


def by_path(ds):
    """Everything that a run keeps of each path, but for the assumptions and events that caused it."""
    return {name: ds[name] for name in ds if "draw" in ds[name].dims and "assumption" not in ds[name].dims}


def test_an_event_of_probability_zero_changes_no_bit_of_a_run():
    before = by_path(run_plan(loads(TINY), draws=200))
    never, always = (
        by_path(run_plan(loads(TINY + HAPPENS.format(plan="never", probability=p)), draws=200)) for p in (0, 1)
    )
    assert len(before) > 20
    for name in before:
        np.testing.assert_array_equal(never[name], before[name], err_msg=name)
    assert (always["new_arr"] != before["new_arr"]).any()  # negative control


# --- in proportion: money has no scale of its own

MONEY_KEYS = {
    *("deal_size", "above", "value", "arr", "net", "gross", "size", "pipeline", "quota", "salary", "variable"),
    *("recruiting", "severance", "spend", "at_spend", "rnd", "ga", "opening_cash", "upfront", "cost", "atr"),
}
NOT_MONEY = {"accelerator"}
"""Where `above` is a share of quota."""
_AMOUNT = re.compile(r"([-\d.e+]+)( per \w+)")


def scaled(value, k, key=None):
    """The plan with all its money multiplied by k; what stands below `key` is money where k applies to all of it."""
    if isinstance(value, dict):
        if value.get("unit", "").startswith("currency"):
            return {
                name: times(inner, k) if name in ("plan", "distribution") else inner for name, inner in value.items()
            }
        return {
            name: times(inner, k) if name in MONEY_KEYS and not holds_keys(inner) else scaled(inner, k, name)
            for name, inner in value.items()
            if name not in NOT_MONEY
        } | {name: inner for name, inner in value.items() if name in NOT_MONEY}
    return [scaled(inner, k) for inner in value] if isinstance(value, list) else value


def holds_keys(value):
    """Whether a mapping has keys of the plan, and not months."""
    return isinstance(value, dict) and not all(name == "start" or name[:2] == "20" for name in value)


def times(value, k):
    if isinstance(value, dict):
        return {name: times(inner, k) for name, inner in value.items()}
    if isinstance(value, list):
        return [times(inner, k) for inner in value]
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value)
        return f"{k * float(match[1])!r}{match[2]}" if match else value
    return k * value


def rescaled(edited, k):
    """The plan in a currency of which k are worth one of its own."""
    changed = scaled(copy.deepcopy(edited), k)
    units = {name: entry["unit"] for name, entry in edited["assumptions"].items()}
    for event in changed["events"].values():
        for name, effect in event["effect"].items():
            if isinstance(effect, dict) and "add" in effect and units.get(name, "").startswith("currency"):
                effect["add"] = times(effect["add"], k)
    return changed


@pytest.mark.parametrize("number", NUMBERS)
def test_all_money_times_four_is_four_times_the_money_and_the_same_counts(number):
    edited, (values, shocks) = document(number), luck(number)
    in_money = {name for name, entry in edited["assumptions"].items() if entry["unit"].startswith("currency")}
    k = 4.0  # a power of two: not even the rounding changes
    before = run(edited, values, shocks)
    after = run(rescaled(edited, k), {name: v * (k if name in in_money else 1) for name, v in values.items()}, shocks)
    for kind in KINDS:
        for name, array in getattr(before, kind).items():
            counted = name in COUNTS or name in AMOUNTS - {"capacity", "load"}
            got = getattr(after, kind)[name]
            if name in ("capacity", "load"):
                assert ((got == array) | (got == k * array)).all()
            else:
                np.testing.assert_array_equal(got, array if counted else k * array, err_msg=f"{kind} {name}")


ABROAD = """
plan: {{name: Abroad, currency: EUR, start: 2027-03, months: 18{rates}}}
segments: {{home: {{geo: EMEA}}, away: {{geo: NA{currency}}}}}
team:
  roles: {{ae: {{capacity: {{pipeline: 400_000}}, quota: 500_000 per year, cost: {{variable: 90_000 per year}}}}}}
  seats: [{{name: ae, role: ae, segment: away, existing: 3}}, {{name: ae home, role: ae, segment: home, existing: 1}}]
funnel:
  channels:
    inbound:
      segments:
        home: {{volume: 2 per month, win_rate: 30 %, cycle: 2, deal_size: 20_000}}
        away: {{volume: 4 per month, win_rate: 30 %, cycle: 3, deal_size: {size}, deal_size_spread: 90 %,
               outliers: {{share: 5 %, times: x4}}, deal_bands: [{{above: {above}, win_rate: x0.7, cycle: x1.4}}]}}
  opening_pipeline: {{rows: [{{segment: away, channel: inbound, stage: opportunity, age_months: 1, count: 3,
                             value: {value}}}]}}
base:
  home: {{renewal_rate: 90 %}}
  away: {{customers: 9, arr: {arr}, atr: {{2027-05: {first}, 2027-09: {second}}}, size_spread: 60 %, renewal_rate: 85 %,
         named_accounts: [{{name: big, arr: {big}, renews: 2027-05, renewal_rate: 95 %}}],
         expansion: {{opportunities_per_customer: 1 per year, win_rate: 50 %, size: {expansion}}}}}
"""
AMOUNTS_ABROAD = {
    "size": 30_000,
    "above": 60_000,
    "value": 90_000,
    "arr": 400_000,
    "first": 300_000,
    "second": 100_000,
    "big": 120_000,
    "expansion": 9_000,
}


def test_money_of_another_currency_is_money_at_its_rate():
    rate = 4.0
    there = ABROAD.format(rates=f", rates: {{USD: {rate}}}", currency=", currency: USD", **AMOUNTS_ABROAD)
    here = ABROAD.format(rates="", currency="", **{name: rate * x for name, x in AMOUNTS_ABROAD.items()})
    unrated = ABROAD.format(rates="", currency="", **AMOUNTS_ABROAD)
    assert_same(simulate(here, PATHS), simulate(there, PATHS))
    assert differs(simulate(unrated, PATHS), simulate(there, PATHS))  # negative control


# --- in law: what changes names, months or the number of entities

TOTALS = ("new_arr", "one_off_bookings", "expansion_arr", "churned_arr", "won", "stale", "renewals", "billings")
STOCKS = ("ending_arr", "customers", "open", "waiting")
OF_PEOPLE = ("leavers", "starts", "credited", "commission", "rated")


def totals(paths):
    """What a path adds up to, by name."""
    return {
        **{name: paths.segment[name].sum(axis=(1, 2)) for name in TOTALS},
        **{name: paths.segment[name][:, -1].sum(axis=1) for name in STOCKS},
        **{name: paths.group[name].sum(axis=(1, 2)) for name in OF_PEOPLE},
    }


def same_law(one, other):
    """Whether no total is told apart; both from paths with luck of their own."""
    pairs = [(totals(one)[name], totals(other)[name]) for name in totals(one)]
    varying = [(a, b) for a, b in pairs if a.std() > 0 or b.std() > 0]
    worst = min(stats.ks_2samp(a, b, method="asymp").pvalue for a, b in varying)
    return worst * len(varying) > LEVEL


def a_year_later(written, months=12):
    """A plan's text with every month moved."""

    def later(match):
        number = int(match[1]) * 12 + int(match[2]) - 1 + months
        return f"{number // 12:04d}-{number % 12 + 1:02d}"

    return re.sub(r"\b(20\d\d)-(\d\d)\b", later, written)


LAW = """
plan: {{name: Law, currency: USD, start: 2027-03, months: 18}}
segments:
{segments}
team:
  roles:
    ae: {{capacity: {{open_opportunities: 30}}, attrition: {{voluntary: 40 % per year}}, ramp: {{workload: 4}},
         backfill: {{policy: always, lag: 1.5}}, quota: 400_000 per year, cost: {{variable: 80_000 per year}}}}
  seats:
{seats}
funnel:
  stages: [lead, opportunity]
  channels:
    inbound:
      segments:
{demands}
base:
{bases}
"""
SEGMENT = "  {name}: {{geo: NA}}\n"
SEATS = """    - {{name: ae {name}, role: ae, segment: {name}, existing: {seats}, tenure_months: 9,
       hires: {{2027-06: {hires}}}}}
"""
DEMAND = """        {name}: {{volume: {volume} per month, rates: [40 %], stage_lags: [0.7], win_rate: 25 %, cycle: 3,
          cycle_spread: 50 %, deal_size: 20_000, deal_size_spread: 70 %,
          seasonality: {{created: [1, 1, 1, 1, 1, 1, 0.2, 0.2, 1, 1, 3, 3],
                        closed: [1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2]}}}}
"""
BASE = """  {name}: {{customers: {customers}, arr: {arr}, renewal_rate: 85 %, price_increase: 3 %, contraction: 2 %,
      expansion: {{opportunities_per_customer: 1 per year, win_rate: 40 %, size: 5_000}}}}
"""
WHOLE = {"volume": 40.0, "seats": 8, "hires": 4, "customers": 48, "arr": 960_000.0}


def law_plan(parts):
    """A plan with a segment for each part, by name: which share of the whole it is."""
    numbers = [
        {"name": name, **{key: type(value)(value * share) for key, value in WHOLE.items()}}
        for name, share in parts.items()
    ]
    sections = {"segments": SEGMENT, "seats": SEATS, "demands": DEMAND, "bases": BASE}
    return LAW.format(**{key: "".join(section.format(**part) for part in numbers) for key, section in sections.items()})


@pytest.fixture(scope="module")
def whole():
    paths = simulate(law_plan({"smb": 1.0}), MANY)
    assert not paths.segment["waiting"].any()
    return paths


def test_a_segment_in_two_halves_is_the_whole_in_law(whole):
    assert same_law(whole, simulate(law_plan({"left": 0.5, "right": 0.5}), MANY))
    assert not same_law(whole, simulate(law_plan({"left": 0.5, "right": 0.625}), MANY))  # negative control


def test_another_name_is_other_luck_of_the_same_law(whole):
    renamed = simulate(law_plan({"small companies": 1.0}), MANY)
    assert differs(whole, renamed)
    assert same_law(whole, renamed)


def test_a_year_later_is_the_same_in_law(whole):
    plan = law_plan({"smb": 1.0})
    assert same_law(whole, simulate(a_year_later(plan), MANY))
    assert not same_law(whole, simulate(a_year_later(plan, months=5), MANY))  # negative control: other seasons


@pytest.mark.parametrize("number", [10, 110, 210])
def test_a_generated_plan_a_year_later_is_the_same_in_law(number):
    values, shocks = luck(number)
    plans = text(number), a_year_later(text(number))
    now, later = (simulate(plan, MANY // 2, values=values, shocks=shocks) for plan in plans)
    assert same_law(now, later)
