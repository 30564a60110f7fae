import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import simengine as se

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"


def test_every_public_name_is_that_of_its_room():
    for name in se.__all__:
        assert getattr(se, name) is getattr(importlib.import_module(getattr(se, name).__module__), name)
        assert name in dir(se)


def test_the_version_is_that_of_the_distribution():
    done = subprocess.run([sys.executable, "-m", "simengine", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"simengine {se.__version__}\n"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        se.simulat  # noqa: B018


def test_the_four_lines_of_the_readme(tmp_path):
    plan = se.load(TINY)
    ds = se.simulate(plan, draws=128, seed=7)
    ranking = se.rank(ds, "ending_arr")
    assert ranking.sizes["assumption"] == 5
    folder = se.save(ds, plan, tmp_path / "run")
    assert se.load_run(folder).dataset.identical(ds)
