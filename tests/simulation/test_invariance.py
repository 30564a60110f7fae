"""A run is a function of plan, seed and draws; an edit changes what it causes and nothing else."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from simengine.baseline import CASES, baseline
from simengine.errors import SimengineError
from simengine.kernel import seats
from simengine.kernel.jit import outermost
from simengine.kernel.records import SEAT, outputs
from simengine.kernel.tables import GroupOut, SegmentOut
from simengine.kernel.world import build, rooms_of
from simengine.plan import load, loads
from simengine.results.dataset import digest
from simengine.simulation import simulate
from simengine.simulation.pack import pack
from simengine.timeline import Timeline
from tests.kernel.support import at_plan
from tests.kernel.support import simulate as run_paths

PLANS = Path(__file__).parents[1] / "plans"
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tiny():
    return loads(TINY)


@pytest.fixture(scope="module")
def run(tiny):
    return simulate(tiny, draws=2000, seed=5)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("block", [7, 1000, 2000])
def test_threads_and_blocks_change_no_bit(tiny, run, threads, block):
    with ThreadPoolExecutor(threads) as executor:
        other = simulate(tiny, draws=2000, seed=5, executor=executor, block=block)
    assert digest(other) == digest(run)


def test_blocks_of_a_single_path_change_no_bit(tiny):
    assert digest(simulate(tiny, draws=60, block=1)) == digest(simulate(tiny, draws=60))


def test_processes_change_no_bit(tiny):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        other = simulate(tiny, draws=100, executor=executor, block=64)
    assert digest(other) == digest(simulate(tiny, draws=100))


def test_seed_and_plan_do_change_them(tiny, run):
    assert digest(simulate(tiny, draws=2000, seed=6)) != digest(run)
    assert digest(simulate(loads(TINY.replace("cycle: 2 months", "cycle: 2.1 months")), draws=2000, seed=5)) != digest(
        run
    )


def test_the_first_draws_of_a_longer_run_are_the_shorter_run(tiny):
    longer, shorter = simulate(tiny, draws=16_384), simulate(tiny, draws=4096)
    by_path = [name for name in shorter if "draw" in shorter[name].dims]
    assert len(by_path) > 20
    for name in by_path:
        np.testing.assert_array_equal(longer[name].isel(draw=slice(4096)), shorter[name], err_msg=name)


def test_order_of_keys_in_the_file_changes_nothing(tiny, run):
    head, tail = TINY.split("\nteam:\n")
    team, funnel = tail.split("\nfunnel:\n")
    funnel, base = funnel.split("\nbase:\n")
    reordered = f"base:\n{base}\nfunnel:\n{funnel}\n{head}\nteam:\n{team}"
    assert reordered != TINY
    assert digest(simulate(loads(reordered), draws=2000, seed=5)) == digest(run)


def test_a_new_assumption_moves_no_other_column(run):
    text = TINY.replace("size: 8_000}", "size: upsell.smb}").replace(
        "  renewal.smb:\n",
        "  upsell.smb: {plan: 8_000, distribution: {fixed: 8_000}, unit: currency, risk: {adverse: low},\n"
        "               source: {kind: judgment, reference: CS}}\n  renewal.smb:\n",
    )
    other = simulate(loads(text), draws=2000, seed=5)
    assert set(other.assumption.values) - set(run.assumption.values) == {"upsell.smb"}
    for name in run.assumption.values:
        np.testing.assert_array_equal(
            other.assumption_value.sel(assumption=name), run.assumption_value.sel(assumption=name)
        )
    np.testing.assert_array_equal(other.ending_arr, run.ending_arr)


@outermost
def work_seats(world, values, draw, history, out_group, out_segment):
    """Only the seats of one path: their records in every month, (month, seat)."""
    for k in range(world.wiring.shape[0]):
        world.numbers[world.wiring[k, 0]] = values[world.wiring[k, 1]]
    firm, groups, records = world.firm[0], world.groups, world.seats
    for i in range(records.shape[0]):
        seats.fill_first(records[i], groups[records[i].group], firm, draw)
    for t in range(history.shape[0]):
        leavers = seats.begin_month(
            t, firm, groups, records, world.bands, world.pools, world.owners, world.segments, world.hours, world.teams,
            world.planned, draw, out_group[t], out_segment,
        )  # fmt: skip
        for i in range(records.shape[0]):
            history[t, i] = records[i]
        seats.end_month(t, leavers, firm, groups, records, world.teams, draw, out_group[t])


def timelines(plan, draw, seed=7):
    """Everything known of every seat in every month, by (group, planned month, ordinal)."""
    packed = pack(plan, seed)
    tables, months = packed.tables, plan.plan.months
    slots, _ = packed.slots.fill(Timeline(plan, {name: np.array([v]) for name, v in at_plan(plan).items()}), 1)
    world = build(tables, rooms_of(tables))
    history = np.zeros((months, len(tables.seats)), SEAT)
    out_group = np.zeros((months, len(packed.groups)), outputs(GroupOut))
    out_segment = np.zeros((months, len(packed.segments)), outputs(SegmentOut))
    work_seats(world, slots[0], draw, history, out_group, out_segment)
    known = history[[name for name in SEAT.names if name not in ("group", "pool")]]
    return {
        (packed.groups[group], planned, ordinal): known[:, i]
        for i, (group, ordinal, planned, *_) in enumerate(tables.seats)
    }


def test_other_luck_changes_the_keys_and_nothing_else():
    plan = load(NORTHSTAR)
    packed, other = pack(plan, 7), pack(plan, 7, 1)
    again = packed.with_luck(7, 1)
    for name in again.tables._fields:
        np.testing.assert_array_equal(getattr(again.tables, name), getattr(other.tables, name), err_msg=name)
    assert (again.tables.keys != packed.tables.keys).any()


FIVE_MORE = {
    "in a month with hires": ("hires: {2027-02: 1, 2027-04: 1}", "hires: {2027-02: 6, 2027-04: 1}"),
    "in a month without": ("hires: {2027-02: 1, 2027-04: 1}", "hires: {2027-02: 1, 2027-03: 5, 2027-04: 1}"),
    "beside those that are there": ("existing: 3", "existing: 8"),
}


@pytest.mark.parametrize("edit", FIVE_MORE.values(), ids=FIVE_MORE)
def test_five_more_sellers_leave_every_other_seat_as_it_was(tiny, edit):
    more = loads(TINY.replace(*edit))
    for draw in range(20):
        before, after = timelines(tiny, draw), timelines(more, draw)
        assert len(after) == len(before) + 5
        for seat, history in before.items():
            np.testing.assert_array_equal(after[seat], history, err_msg=str(seat))


@pytest.mark.parametrize("edit", FIVE_MORE.values(), ids=FIVE_MORE)
def test_five_more_sellers_leave_leads_and_renewals_of_the_opening_base_as_they_were(tiny, edit):
    before, after = run_paths(tiny, 200), run_paths(loads(TINY.replace(*edit)), 200)
    np.testing.assert_array_equal(after.reached, before.reached)
    # within the first twelve months only customers of the opening base come up for renewal
    for output in (
        "atr",
        "renewals_due",
        "renewals",
        "churned_arr",
        "churned_customers",
        "contraction_arr",
        "price_arr",
    ):
        np.testing.assert_array_equal(after.segment[output], before.segment[output], err_msg=output)
    assert (after.segment["won"] != before.segment["won"]).any()


def test_northstar_with_five_more_sellers_keeps_its_leads_and_the_renewals_of_its_first_year():
    # a renewal hangs on the load of customer success, which new customers add to, and no hire is frozen
    alone = [f"base.{name}.load_elasticity=0" for name in load(NORTHSTAR).base] + ["team.hiring_freeze="]
    plan = load(NORTHSTAR, alone)
    group = next(g for g in plan.team.seats if g.name == "ae-enterprise-na-new")  # where capacity binds
    month, count = next(iter(sorted(group.hires.items())))
    more = load(
        NORTHSTAR, [*alone, f"team.seats.{group.name}.hires.{month // 12:04d}-{month % 12 + 1:02d}={count + 5}"]
    )
    before, after = run_paths(plan, 20), run_paths(more, 20)
    cells = sorted((name, segment) for name, channel in plan.funnel.channels.items() for segment in channel.segments)
    leads = [name != "self-sourced" for name, _ in cells]
    np.testing.assert_array_equal(after.reached[:, :, leads], before.reached[:, :, leads])
    for output in ("renewals", "churned_arr", "contraction_arr"):
        np.testing.assert_array_equal(after.segment[output][:, :10], before.segment[output][:, :10], err_msg=output)
    assert (after.segment["won"] != before.segment["won"]).any()


@pytest.mark.parametrize(
    "wrong", [{"draws": 0}, {"seed": -1}, {"seed": 2**64}, {"block": 0}, {"twins": 11, "draws": 10}], ids=str
)
def test_what_cannot_be_run_is_refused_with_words(tiny, wrong):
    with pytest.raises(SimengineError, match="choose"):
        simulate(tiny, **wrong)


def test_each_case_of_the_baseline_is_worked_out_once_a_run(monkeypatch):
    plan = load(NORTHSTAR)
    assert plan.team.hiring_freeze is not None  # which looks at the operating plan
    asked = []

    def counted(plan, values):
        asked.append(tuple(values.values()))
        return baseline(plan, values)

    for module in ("simengine.simulation", "simengine.simulation.pack"):
        monkeypatch.setattr(import_module(module), "baseline", counted)
    simulate(plan, draws=1)
    assert len(asked) == len(set(asked)) == len(CASES)
