"""Impact against certainty: rules by hand."""

import math

import numpy as np
import pytest
import xarray as xr

from simengine.explain import impact_and_certainty
from simengine.explain.certainty import certainty, high_impact

PLAN = "2026-12-31"


@pytest.mark.parametrize(
    ("kind", "observations", "grade", "as_of", "level"),
    [
        ("historical", 100, "", "2026-10-01", "high"),
        ("historical", 99, "", "2026-10-01", "medium"),
        ("historical", 19, "", "2026-10-01", "low"),
        ("historical", math.nan, "", "2026-10-01", "low"),
        ("historical", 100, "", "", "high"),
        ("historical", 100, "", "2025-07-02", "high"),
        ("historical", 100, "", "2025-06-30", "medium"),
        ("historical", 5000, "", "2023-12-30", "low"),
        ("benchmark", math.nan, "A", "2026-10-01", "medium"),
        ("benchmark", 700, "B", "2024-01-01", "low"),
        ("benchmark", math.nan, "C", "2026-10-01", "low"),
        ("benchmark", math.nan, "", "2026-10-01", "low"),
        ("judgment", math.nan, "", "2026-12-30", "low"),
    ],
)
def test_levels(kind, observations, grade, as_of, level):
    assert certainty(kind, observations, grade, as_of, PLAN).level == level


def test_without_a_date_of_the_plan_nothing_is_old():
    assert certainty("historical", 500, "", "2001-01-01", "").level == "high"


def test_high_impact_makes_up_four_fifths_of_what_can_be_told():
    share = np.array([0.5, 0.2, 0.2, 0.05, 0.9])
    assert high_impact(share, share - [0.1, 0.1, 0.1, 0.01, 1.0]).tolist() == [True, True, True, False, False]
    assert not high_impact(share, share - 1).any()
    assert high_impact(np.array([]), np.array([])).size == 0


def test_the_watch_list_is_high_impact_with_low_certainty():
    names = ["a", "b", "c", "d"]
    sources = {
        "source_kind": ["judgment", "historical", "judgment", "judgment"],
        "observations": [np.nan, 500.0, np.nan, np.nan],
        "grade": ["", "", "", ""],
        "source_as_of": ["2026-10-01"] * 4,
        "owner": ["CRO", "CFO", "CMO", "HR"],
    }
    coords = {"assumption": names, **{name: ("assumption", values) for name, values in sources.items()}}
    ds = xr.Dataset(coords=coords, attrs={"plan": "By hand", "as_of": PLAN})
    share, margin = np.array([0.5, 0.4, 0.08, 0.05]), np.array([0.05, 0.05, 0.07, 0.2])
    along = {"assumption": names}
    columns = [xr.DataArray(values, along, ["assumption"]) for values in (share, share - margin, share + margin)]
    told = impact_and_certainty(ds, *columns)
    assert told["assumption"].values[told["watch"].values].tolist() == ["a"]
    assert told["impact"].values.tolist() == ["high", "high", "low", "not told"]
    assert told["share_watched"] == pytest.approx(0.5 / 0.98)
    assert told["owner"].values.tolist() == ["CRO", "CFO", "CMO", "HR"]
    # In another order of shares, the evidence goes with the name.
    turned = impact_and_certainty(ds, *(column[::-1] for column in columns))
    assert turned["assumption"].values[turned["watch"].values].tolist() == ["a"]
    assert turned["certainty"].values.tolist() == ["low", "low", "high", "low"]


def test_at_the_edge_is_what_could_be_on_the_other_side():
    names = ["high, could be low", "the least that is high", "low, could be high", "not told", "low"]
    sources = {name: ("assumption", [""] * 5) for name in ("source_kind", "grade", "source_as_of")}
    coords = {"assumption": names, **sources, "observations": ("assumption", np.full(5, np.nan))}
    ds = xr.Dataset(coords=coords, attrs={"plan": "By hand", "as_of": PLAN})
    columns = [[0.5, 0.4, 0.06, 0.3, 0.04], [0.35, 0.3, 0.01, -0.1, 0.01], [0.6, 0.5, 0.4, 0.9, 0.39]]
    told = impact_and_certainty(ds, *(xr.DataArray(column, {"assumption": names}) for column in columns))
    assert told["impact"].values.tolist() == ["high", "high", "low", "not told", "low"]
    assert told["at_the_edge"].values.tolist() == [True, False, True, False, False]
