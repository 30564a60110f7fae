"""A long run that is killed halfway goes on to the same bits."""

import pytest

from bench.trust.resumed import MOST, killed_halfway


@pytest.mark.full
def test_a_run_killed_halfway_goes_on(tmp_path):
    seen = killed_halfway(500_000, tmp_path, tmp_path / "cache")
    assert len(set(seen.digests)) == 1
    assert seen.found > 0
    assert max(seen.whole.memory, seen.again.memory) < MOST
