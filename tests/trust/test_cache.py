"""Damaged files of compiled code: `python -m bench.trust.cache` tries hundreds, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = """
import logging, tempfile
from pathlib import Path
from bench.trust import cache

logging.disable()
with tempfile.TemporaryDirectory() as home:
    _, outcomes = cache.tried(Path(home).resolve() / "home", {count})
assert len(outcomes) > {count}
assert all(outcome == (True, False) for outcome in outcomes), outcomes
"""


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_no_damage_ends_a_process_or_changes_an_answer():
    line = [sys.executable, "-c", SMALL.format(count=20)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
