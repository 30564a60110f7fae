"""A run made by hand, for every test of this room."""

from collections.abc import Callable

import pytest
import xarray as xr

from tests.explain.by_hand import made


@pytest.fixture(scope="session")
def make_run() -> Callable[..., xr.Dataset]:
    """`make_run(x, y, twin)`: a run whose ARR at the end of 2027 is y, (n,), where assumptions are x, (n, k)."""
    return made
