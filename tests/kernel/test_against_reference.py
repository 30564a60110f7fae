"""The kernel and its plain-Python twin on generated plans: the same counts, and money to 1e-9 of what flowed."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
import yaml

from simengine.kernel.random import WIDTH
from simengine.kernel.tables import CellOut, GroupOut, PoolOut, SegmentOut
from simengine.plan import loads
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.kernel.support import simulate
from tests.reference.path import reference_path

OUTPUTS = {"segment": SegmentOut, "group": GroupOut, "cell": CellOut, "pool": PoolOut}
COUNTS = {
    *("customers", "new_customers", "churned_customers", "renewals_due", "renewals", "expansions"),
    *("expansions_met", "expansions_worked", "opportunities", "started", "stale", "won", "lost", "open", "waiting"),
    *("headcount", "starts", "leavers", "working", "recruited", "involuntary", "promoted", "frozen"),
    *("rated", "at_quota", "near_quota", "below_half", "dropped", "arrived", "reached"),
}
"""Whole numbers: they must be equal."""
AMOUNTS = {"ramped", "capacity", "load", "renewal_coverage", "expansion_coverage"}
"""Neither whole numbers nor money. All else is money."""
FLOWS = ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "one_off_bookings", "atr")

PRECISION = 1e-9
SEED = 11
OCCURS = 5
"""Of every third plan, those in which an output must be other than zero for the comparison to mean something."""


def differences(plan, paths, reference):
    """In words, every output that differs, with its first month and entity."""
    flow = 1.0 + sum(np.abs(reference.segment[name]).sum() for name in FLOWS)
    names = entities(plan)
    found = []
    for kind in OUTPUTS:
        ours, theirs = getattr(paths, kind), getattr(reference, kind)
        assert set(ours) == set(theirs)
        for name in sorted(ours):
            found += difference(f"{kind} {name}", names[kind], ours[name][0], theirs[name], flow)
    for number, stage in enumerate(plan.funnel.stages):
        ours, theirs = paths.reached[0][..., number], reference.reached[..., number]
        found += difference(f"{stage} reached", names["cell"], ours, theirs, flow)
    return found


def difference(name, entities, ours, theirs, flow):
    if ours.shape != theirs.shape:
        return [f"{name}: shape {ours.shape} and {theirs.shape}"]
    known = np.isfinite(ours) & np.isfinite(theirs)  # an unlimited capacity is infinite
    gap = np.abs(np.where(known, ours, 0.0) - np.where(known, theirs, 0.0))
    wrong = np.where(known, gap > tolerance(name.split()[1], theirs[np.isfinite(theirs)], flow), ours != theirs)
    if not wrong.any():
        return []
    month, entity = np.argwhere(wrong)[0]
    values = f"kernel {ours[month, entity]:.15g}, reference {theirs[month, entity]:.15g}"
    return [f"{name}: month {month}, {entities[entity]}: {values} ({wrong.sum()} differences)"]


def tolerance(name, theirs, flow):
    if name in COUNTS:
        return 0.0
    return PRECISION * (1.0 + np.abs(theirs).max(initial=0.0) if name in AMOUNTS else flow)


def entities(plan):
    """Names of what each kind of output is laid along."""
    segments = sorted(plan.segments)
    pools = [
        (segment, part) for segment in segments for part in [t.name for t in plan.team.territories_of(segment)] or [""]
    ]
    cells = sorted((name, segment) for name, channel in plan.funnel.channels.items() for segment in channel.segments)
    return {
        "segment": segments,
        "group": sorted(group.name for group in plan.team.seats),
        "cell": cells,
        "pool": pools,
    }


def both(number, draw=0, stream=0):
    return compared(loads(generated_plan(number)), draw, stream)


def compared(plan, draw, stream):
    values, shocks = generated_values(plan, draw), generated_shocks(plan, draw)
    paths = simulate(plan, 1, values=values, shocks=shocks, seed=SEED, stream=stream, first=draw)
    return plan, paths, reference_path(plan, values, draw, SEED, stream, shocks)


@cache
def first_draw(number):
    return both(number)


@pytest.mark.parametrize("number", range(PLANS))
def test_kernel_and_reference_agree(number):
    assert not differences(*first_draw(number)), f"plan {number}, draw 0"
    if number % 3 == 0:
        assert not differences(*both(number, draw=1)), f"plan {number}, draw 1"


@pytest.mark.jit_off
@pytest.mark.parametrize("number", range(0, PLANS, 50))
def test_they_agree_on_other_luck(number):
    assert not differences(*both(number, draw=2**31, stream=1)), f"plan {number}, other luck"


def grown(number, people, leads):
    """A generated plan with so many times the people and the leads."""
    document = yaml.safe_load(generated_plan(number))
    for group in document["team"]["seats"]:
        group["existing"] = people * group.get("existing", 0)
        if isinstance(group.get("tenure_months"), list):
            group["tenure_months"] *= people
    for channel in document["funnel"]["channels"].values():
        for segment in channel["segments"].values():
            if isinstance(segment.get("volume"), str):
                amount, per = segment["volume"].split(" ", 1)
                segment["volume"] = f"{leads * float(amount)} {per}"
    return loads(yaml.dump(document))


@pytest.mark.jit_off
@pytest.mark.parametrize(("number", "side_by_side"), [(51, 32), (57, WIDTH)], ids=["seats", "opportunities"])
def test_they_agree_where_more_stands_side_by_side_than_is_worked_on_at_once(number, side_by_side):
    plan, paths, reference = compared(grown(number, people=40, leads=12), 0, 0)
    assert max(paths.cell["opportunities"].max(), paths.group["headcount"].max()) > side_by_side
    assert not differences(plan, paths, reference)


@pytest.mark.jit_off
@pytest.mark.parametrize("number", [1, 18])
def test_they_agree_where_deals_take_years(number):
    document = yaml.safe_load(generated_plan(number))
    document["plan"]["months"] = 60
    seasons = 0
    for channel in document["funnel"]["channels"].values():
        for segment in channel["segments"].values():
            segment["cycle"] = "30 months"
            seasons += "closed" in segment.get("seasonality", {})
    plan, paths, reference = compared(loads(yaml.dump(document)), 0, 0)
    assert seasons > 0
    assert paths.segment["won"][0, 30:].sum() > 50
    assert not differences(plan, paths, reference)


@pytest.mark.jit_off
def test_they_agree_where_a_ramp_ends_in_the_middle_of_a_month():
    document = yaml.safe_load(generated_plan(2))
    for role in document["team"]["roles"].values():
        role["ramp"] = {"workload": "2.5 months", "shape": "step"}
    assert not differences(*compared(loads(yaml.dump(document)), 0, 0))


@pytest.mark.jit_off
def test_they_agree_on_opening_pipeline_worth_next_to_nothing():
    """As in a plan that counts in millions: any amount that is stated is taken, however small."""
    document = yaml.safe_load(generated_plan(3))
    rows = [row for row in document["funnel"]["opening_pipeline"]["rows"] if "value" in row]
    for row in rows:
        row.update(count=20, value=5)  # of all twenty
    assert len(rows) >= 3
    assert not differences(*compared(loads(yaml.dump(document)), 0, 0))


def test_every_output_is_at_work_in_many_plans():
    happens = Counter(
        (kind, name)
        for number in range(0, PLANS, 3)
        for kind in OUTPUTS
        for name, output in getattr(first_draw(number)[2], kind).items()
        if output.any()
    )
    assert not [out for kind in OUTPUTS for out in OUTPUTS[kind] if happens[kind, out.name.lower()] < OCCURS]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_comparison_sees_a_single_deal_too_many(number):
    plan, paths, reference = both(number)
    paths.segment["won"][0, 3, 0] += 1
    paths.group["commission"][0, 4, 0] += 1.0
    found = differences(plan, paths, reference)
    assert [text.partition(":")[0] for text in found] == ["segment won", "group commission"]
    assert "month 3" in found[0]
