"""A block of paths: each row has the random variation of the draw that it names."""

import numpy as np
import pytest

from simengine.kernel import run
from simengine.kernel.run import run_block
from simengine.kernel.selftest import digest, smallest_plan
from simengine.kernel.world import Rooms, build

pytestmark = pytest.mark.jit_off


def test_a_path_has_the_chance_of_the_draw_that_its_row_names():
    tables, slots, varying = smallest_plan()
    draws = np.arange(len(slots))
    in_order = run_block(tables, slots, varying, draws)
    shuffled = np.random.default_rng(1).permutation(draws)
    for one, other in zip(in_order, run_block(tables, slots, varying, shuffled), strict=True):
        np.testing.assert_array_equal(one[shuffled], other)


def test_rows_that_name_the_same_draw_are_the_same_path():
    tables, slots, varying = smallest_plan()
    paths = run_block(tables, slots, varying, np.full(len(slots), 2**32 - 1))
    assert all((part == part[:1]).all() for part in paths)
    assert paths.segment.any()


def test_the_kind_of_integer_does_not_matter():
    tables, slots, varying = smallest_plan()
    draws = np.arange(len(slots))[::-1]
    for one, other in zip(
        run_block(tables, slots, varying, draws),
        run_block(tables, slots, varying, draws.astype(np.uint32)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


PLENTY = 4096


@pytest.mark.parametrize("rooms", [Rooms(1, PLENTY, PLENTY), Rooms(PLENTY, 1, PLENTY), Rooms(PLENTY, 128, 1)])
def test_a_path_that_needs_more_room_gets_it_and_stays_the_same(rooms, monkeypatch):
    tables, slots, varying = smallest_plan()
    few = slots[:3], varying[:3], np.arange(3)
    roomy = run_block(tables, *few)
    with_room = []
    monkeypatch.setattr(run, "rooms_of", lambda _: rooms)
    monkeypatch.setattr(run, "build", lambda *given: with_room.append(given[1]) or build(*given))
    for one, other in zip(roomy, run_block(tables, *few), strict=True):
        np.testing.assert_array_equal(one, other)
    assert with_room[:2] == [rooms, rooms.doubled()]


def test_another_law_gives_the_smallest_plan_another_answer():
    """What is asked of machine code that was kept before it is trusted."""
    tables, slots, varying = smallest_plan()
    kernel = run.ready()

    def wrong(world, slots, varying, draws, results):
        return kernel(world, slots + 1e-9, varying, draws, results)

    assert run._answer(kernel) == digest(run_block(tables, slots, varying, np.arange(len(slots))))
    assert run._answer(wrong) != run._answer(kernel)
