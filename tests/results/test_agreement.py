"""How far two datasets are apart: rounding is told from another course, and nothing that differs is passed over."""

from pathlib import Path

import numpy as np
import pytest

from simengine.plan import load
from simengine.results.agreement import TOLERANCE, Agreement, agreement
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"


@pytest.fixture(scope="module")
def run():
    return simulate(load(TINY), draws=40, seed=3)


def changed(run, name, edit):
    """The run with one variable edited."""
    values = run[name].values.copy()
    edit(values)
    return run.assign({name: (run[name].dims, values, run[name].attrs)})


def test_a_run_agrees_with_itself(run):
    paths = sum(run.sizes[use] for use in ("draw", "twin", "draw_unwidened"))
    assert agreement(run, run.copy(deep=True)) == Agreement(paths, 0, 0, 0.0, 0.0, ())


def test_a_last_bit_is_rounding(run):
    def last_bit(values):
        values[4] = np.nextafter(values[4], np.inf)

    found = agreement(run, changed(run, "ending_arr", last_bit))
    assert (found.other_numbers, found.other_course) == (1, 0)
    assert 0.0 < found.rounding < 1e-15
    assert found.means < 1e-15


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_both_sides_of_the_tolerance(run, factor):
    largest = np.abs(run["ending_arr"].values).max()

    def moved(values):
        values[4] += factor * TOLERANCE * largest

    assert agreement(run, changed(run, "ending_arr", moved)).other_course == (factor > 1.0)


def test_what_a_sum_leaves_in_a_month_of_nothing_is_rounding(run):
    def dust(size):
        def edit(values):
            values[:, 2] = size * np.arange(len(values))

        return edit

    found = agreement(changed(run, "ending_arr", dust(1e-11)), changed(run, "ending_arr", dust(2e-11)))
    assert (found.other_numbers, found.other_course) == (len(run["draw"]) - 1, 0)
    assert 0.0 < found.means < TOLERANCE


def test_each_target_and_assumption_is_measured_in_its_own_unit(run):
    def moved(values):
        values[3] *= 1 + 10 * TOLERANCE

    rates = run["assumption_value"].sel(assumption="win_rate.smb").values
    ramps = run["assumption_value"].sel(assumption="ramp_months.ae").values
    assert rates.max() < 0.1 * ramps.max()
    column = run["assumption"].values.tolist().index("win_rate.smb")
    found = agreement(run, changed(run, "assumption_value", lambda values: moved(values[:, column])))
    assert found.other_course == 1


def test_one_customer_more_is_another_course(run):
    def one_more(values):
        values[2, -1] += 1.0

    found = agreement(run, changed(run, "customers_twin", one_more))
    assert (found.other_numbers, found.other_course, found.rounding) == (1, 1, 0.0)


def test_no_number_in_place_of_one_is_another_course(run):
    def none(values):
        values[2] = np.nan

    found = agreement(run, changed(run, "cash", none))
    assert found.other_course == 1
    assert found.means == np.inf


def test_what_is_kept_as_a_mean_counts(run):
    def tenth(values):
        values *= 1.1

    found = agreement(run, changed(run, "ending_arr_by_segment", tenth))
    assert found.other_numbers == 0
    assert found.means == pytest.approx(0.1)


def test_what_is_missing_or_called_otherwise_is_named(run):
    other = run.drop_vars("won").assign_coords(segment=["elsewhere"] * run.sizes["segment"])
    assert agreement(run, other).unlike == ("segment", "won")
    assert agreement(other, run).unlike == ("segment", "won")
