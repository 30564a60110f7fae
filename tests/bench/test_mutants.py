"""Mutants are valid, each is another one, and the campaign tells a killed one from a module that was left as it is."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.trust.mutation import mutated, sites

ROOT = Path(__file__).parents[2]
KINDS = {"comparison", "operator", "number", "condition", "extreme", "range", "statement", "return"}

NOTHING_TO_COMPUTE = '''
"""A docstring 1."""
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
Number = int | float
@decorated(1)
def f(x: int | None) -> tuple[int, int]:
    """A docstring 2."""
    if x == "":
        raise ValueError(f"{x - 1} is not {1 + 1}")
    assert x > 2
    zip(x, x, strict=True)
    return
'''

JUDGED = """
import json, sys
from bench.trust import mutants
mutants.WORK.mkdir(parents=True, exist_ok=True)
file, tests, number, change = sys.argv[1:]
stratum = mutants.Stratum((file,), (tests,), compiled=True, limit_s=60.0)
site = mutants.sites((mutants.ROOT / file).read_text("utf-8"))[int(number)]
tried = [mutants.judged(mutants.Mutant(file, site, each), stratum) for each in (change, None)]
mutants.tidy()
print(json.dumps(tried))
"""


@pytest.mark.parametrize("file", ["kernel/queue.py", "explain/intervals.py"])
def test_every_mutant_compiles_and_is_another_one(file):
    source = (ROOT / "simengine" / file).read_text("utf-8")
    seen = {ast.dump(ast.parse(source))}
    for site in sites(source)[::6]:
        for change in site.changes:
            tree, _ = mutated(source, site.number, change)
            compile(tree, file, "exec")
            seen.add(ast.dump(tree))
    assert len(seen) == 1 + sum(len(site.changes) for site in sites(source)[::6])


def test_every_kind_of_mistake_is_made_in_the_kernel():
    found = {
        site.kind for file in (ROOT / "simengine" / "kernel").glob("*.py") for site in sites(file.read_text("utf-8"))
    }
    assert found == KINDS


def test_what_computes_nothing_is_left_alone():
    assert [site.before for site in sites(NOTHING_TO_COMPUTE)] == ["x == ''", "zip(x, x, strict=True)"]


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("a < b", "comparison", {"a <= b", "a > b"}),
        ("a != b", "comparison", {"a == b"}),
        ("a % b", "operator", {"a // b"}),
        ("a and b", "operator", {"a or b"}),
        ("-a", "operator", {"a"}),
        ("2", "number", {"3", "1", "-2"}),
        ("True", "number", {"False"}),
        ("a if b else c", "condition", {"a if not b else c"}),
        ("[a for a in b if a]", "condition", {"[a for a in b]"}),
        ("np.minimum(a, b)", "extreme", {"np.maximum(a, b)"}),
        ("range(a, b)", "range", {"range(a + 1, b)", "range(a - 1, b)", "range(a, b + 1)", "range(a, b - 1)"}),
        ("a[b:]", "range", {"b + 1:", "b - 1:"}),
        ("a.append(b)", "statement", {"pass"}),
        ("a += b", "statement", {"pass"}),
    ],
)
def test_a_mistake_of_each_kind(before, kind, after):
    found = {mutated(before, s.number, change)[1] for s in sites(before) if s.kind == kind for change in s.changes}
    assert found == after


def test_the_campaign_tells_a_mistake_from_none():
    file = "simengine/learn/maximum.py"
    site = next(site for site in sites((ROOT / file).read_text("utf-8")) if site.kind == "condition")
    told = subprocess.run(
        [sys.executable, "-c", JUDGED, file, "tests/learn/test_maximum.py", str(site.number), "turned"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    mistake, none = json.loads(told.stdout)
    assert mistake["verdict"] == "killed", mistake
    assert mistake["by"].startswith("tests/learn/test_maximum.py")
    assert none["verdict"] == "survived", none
    assert none["ran"] > 1
