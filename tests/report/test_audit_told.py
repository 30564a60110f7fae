"""The audit in words: what is within noise is not told as a number."""

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from simengine.report.audit import audit_facts, audit_table


def made(shares, hits, **attrs):
    """An audit of three assumptions and random variation, all known within 2 points, hits within `hits`."""
    names = ["a", "b", "c"]
    data = {"constant": ("assumption", [False, False, True]), "rank_group": ("assumption", [1, 2, 2])}
    for prefix, noise in (("", 0.02), ("hit_", hits)):
        for bound, off in (("", 0.0), ("_lower", -noise), ("_upper", noise)):
            data[f"{prefix}share{bound}"] = "assumption", np.array(shares[:3]) + off
            data[f"{prefix}random_variation{bound}"] = (), shares[3] + off
    data |= {"runs": 1280, "permutations": 256}
    coords = {
        "assumption": names,
        "owner": ("assumption", ["CFO"] * 3),
        "source_kind": ("assumption", ["judgment"] * 3),
    }
    about = {"target": "board", "metric": "ending_arr", "period": "FY2027", "share_of": "variance of the metric"}
    ends = {"precision": 0.02, "stopped_because": "precise enough"}
    return xr.Dataset(data, coords, about | ends | attrs)


RUN = xr.Dataset(coords={"assumption": ["a", "b", "c"], "event": [], "kind": ("event", [])})


@pytest.fixture(autouse=True)
def _no_events(monkeypatch):
    monkeypatch.setattr("simengine.report.audit.kinds", lambda ds: dict.fromkeys("abc", "assumption"))


def told(audit):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(audit_table(audit_facts(audit, RUN)))
    return " ".join(capture.get().split())


def test_shares_within_noise_are_only_bounded():
    words = told(made([0.6, 0.013, 0.0, 0.387], 0.05))
    assert "60.0%" in words
    assert "below 3.3%" in words
    assert "1.3%" not in words
    assert "58.0–62.0%" in words
    assert "hit or miss" in words


def test_hits_that_are_not_known_are_left_out():
    words = told(made([0.6, 0.01, 0.0, 0.39], 0.3))
    assert "Shares of hit or miss are left out: they are known within 30% either way only." in words
    assert "30.0–90.0%" not in words


def test_it_says_how_and_why_it_stopped():
    assert "1,280 new paths in 256 random orders; every share is known within 2.0%" in told(made([1, 0, 0, 0], 0))
    assert "Never vary, and are left out: 1." in told(made([1, 0, 0, 0], 0))
    short = made([1, 0, 0, 0], 0, stopped_because="no more runs allowed")
    assert "allow more with --budget" in told(short)
    flat = made([np.nan] * 4, 0, stopped_because="the result does not vary")
    words = told(flat)
    assert "the result does not vary." in words
    assert "nan" not in words
