import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simengine.report.canvas import apart

PLACES = st.lists(st.floats(-5, 15), max_size=8)


@given(PLACES)
def test_labels_are_kept_apart_in_order_and_inside(places):
    gap, low, high = 1.0, 0.0, 10.0
    moved = apart(places, gap, low, high)
    assert all(low - 1e-6 <= place <= high + 1e-6 for place in moved)
    order = sorted(range(len(places)), key=lambda i: places[i])
    assert all(moved[b] - moved[a] >= gap - 1e-6 for a, b in itertools.pairwise(order))


@given(st.lists(st.integers(0, 10), unique=True, max_size=8))
def test_labels_with_room_stay_where_they_are(places):
    assert apart([float(place) for place in places], 1.0, 0.0, 10.0) == pytest.approx(places)
