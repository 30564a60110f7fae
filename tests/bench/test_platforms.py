"""What another processor, C library or compiler changes of a run: last bits, and nothing that happens on a path."""

import pytest

from bench.trust.platforms import (
    PLANS,
    SETTINGS,
    SMALL,
    Job,
    beside,
    holds,
    jobs_of,
    make,
    make_elsewhere,
    takes_effect,
)

FMA = "C library without FMA"
JOBS = [Job(str(PLANS / "tiny.yaml"), 400), Job(str(SMALL), 100)]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The runs as this machine makes them."""
    folder = tmp_path_factory.mktemp("usual")
    make(JOBS, folder)
    return folder


def test_a_c_library_without_fma_changes_last_bits_only(usual, tmp_path):
    if not takes_effect(SETTINGS[FMA]):
        pytest.skip("this C library has one exponential for all processors")
    make_elsewhere(JOBS, tmp_path, SETTINGS[FMA])
    seen = beside(usual, tmp_path, len(JOBS))
    assert seen.told
    assert 0 < seen.apart.other_numbers < seen.apart.paths
    assert holds(seen)


def test_another_seed_would_be_noticed(usual, tmp_path):
    make([job._replace(seed=8) for job in JOBS], tmp_path)
    assert not holds(beside(usual, tmp_path, len(JOBS)))


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != FMA])
def test_no_setting_changes_more_than_last_bits(name, tmp_path):
    jobs = jobs_of(30, 500, tmp_path)
    make(jobs, tmp_path / "usual")
    make_elsewhere(jobs, tmp_path / "other", SETTINGS[name])
    assert holds(beside(tmp_path / "usual", tmp_path / "other", len(jobs)))
