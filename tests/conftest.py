"""What every test shares."""

import os

# Before anything imports matplotlib, in worker processes and in the commands that tests start as well.
os.environ["MPLBACKEND"] = "Agg"

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run; no deadline, because the first call of a kernel compiles it.
settings.register_profile("simengine", derandomize=True, deadline=None)
settings.load_profile("simengine")

LONGEST = ("tests/test_readme.py", "tests/notebooks/")
"""Tests that take minutes: begun last, one of two workers would wait for them."""
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, all others in their order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of third-party data beside the repository; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("third-party data not found in ../shared/data")
    return SHARED_DATA
