from pathlib import Path

import pytest

from simengine.plan import load
from simengine.simulation import simulate
from simengine.workbook import template, write

PLANS = Path(__file__).parents[1] / "plans"


@pytest.fixture(scope="session")
def tiny():
    """The tiny plan and a run of it."""
    plan = load(PLANS / "tiny.yaml")
    return simulate(plan, draws=200, seed=7), plan


@pytest.fixture(scope="session")
def exported(tiny, tmp_path_factory):
    """The workbook of that run."""
    path = tmp_path_factory.mktemp("workbook") / "plan.xlsx"
    write({"tiny": tiny}, path)
    return path


@pytest.fixture(scope="session")
def blank(tmp_path_factory):
    """A template as it is written."""
    path = tmp_path_factory.mktemp("template") / "template.xlsx"
    template(path)
    return path
