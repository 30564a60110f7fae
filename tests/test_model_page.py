"""The table of mechanisms in docs/model.md is complete: its keys, outputs and tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from simengine.results.outputs import OUTPUTS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
KEYS = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
TABLE = PAGE.split("## 5. Every mechanism")[1].split("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ") and not line.startswith(("| mechanism", "|---"))
]


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_the_table_has_the_mechanisms_of_the_page() -> None:
    assert len(ROWS) >= 40
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_mechanism_names_keys_outputs_and_tests_that_exist(row: list[str]) -> None:
    _, equation, keys, outputs, laws, edits = row
    assert equation
    named = re.findall("`([^`]+)`", keys)
    assert named
    for key in named:
        assert re.search(rf"`{re.escape(key.split('.')[-1])}`", KEYS), key
    outs = re.findall("`([^`]+)`", outputs)
    assert outs
    for output in outs:
        assert output in OUTPUTS, output
    for tests in (laws, edits):
        proofs = re.findall("`([^`]+)`", tests)
        assert proofs
        for proof in proofs:
            file, _, name = proof.partition("::")
            assert name in functions(file), proof
