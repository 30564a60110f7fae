"""What README tells people to type works, and what it points to is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import started

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder beside which README's relative paths exist."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    return folder


def quicker(line):
    """The same command on fewer paths: what is shown here is that it works, not what it finds."""
    most = {"-n": 500, "--verify": 1024, "--orders": 200, "--permutations": 200}
    options = "|".join(most)
    return re.sub(rf"({options}) (\d+)", lambda found: f"{found[1]} {min(int(found[2]), most[found[1]])}", line)


def test_the_commands_run_in_the_order_given(folder):
    for line in block("sh").splitlines():
        started(quicker(line), folder)


def test_the_python_example_runs(folder):
    done = subprocess.run(
        [sys.executable, "-c", block("python")], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link
