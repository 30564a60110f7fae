"""simengine's wheel with each Python that it supports, and the oldest and newest packages that it allows.

`make test-matrix` makes an environment for each under build/matrix, runs tests of the default tier there, far from the
sources, and the same plans as here: their numbers must be the same.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

from bench.inputs import ROOT
from bench.trust.platforms import Seen, beside, holds, jobs_of, make_elsewhere, result_of
from bench.trust.record import Line, record

FOLDER = ROOT / "build" / "matrix"
UV = ROOT / "build" / "lock" / "bin" / "uv"
TOOLS = ("pytest>=9", "hypothesis", "mpmath", "scoringrules")
TESTS = (
    "tests/kernel/test_against_reference.py", "tests/kernel/test_run.py", "tests/kernel/test_random.py",
    "tests/assumptions", "tests/simulation/test_invariance.py", "tests/simulation/test_stream.py", "tests/results",
    "tests/test_archive.py", "tests/test_archive_columns.py", "tests/test_archive_files.py",
    "tests/cli/test_commands.py", "tests/cli/test_runs_command.py", "tests/cli/test_report_command.py",
    "tests/cli/test_workbook_commands.py", "tests/cli/test_learn_commands.py", "tests/cli/test_history_command.py",
)  # fmt: skip
"""What leans on other packages most: numbers, storage, tables, pages, workbooks."""
LENIENT = (
    "--continue-on-collection-errors", "-W", "ignore::DeprecationWarning",
    "--deselect", "tests/cli/test_commands.py::test_demo_goes_all_the_way_in_an_empty_folder",
)  # fmt: skip
"""That an old package uses what another's new version will drop one day is not ours to mend; the demo needs a clone."""
TOLD = ("numpy", "scipy", "numba", "xarray")
_HERE = {"PYTHONPATH": "", "OPENBLAS_NUM_THREADS": "1"}
_GENERATED, _DRAWS = 20, 500


class Combination(NamedTuple):
    """A Python, by its minor version, and which packages: the lowest that are allowed, the locked, the newest."""

    python: str
    packages: str

    @property
    def folder(self):
        """Where its environment is."""
        return FOLDER / f"{self.python}-{self.packages}"


class Tried(NamedTuple):
    """What was seen of a combination; `versions` is empty where this machine has no such Python."""

    combination: Combination
    versions: dict[str, str]
    tests: int = 0
    failed: int = 0
    seen: Seen | None = None

    @property
    def good(self):
        """Whether every test passed, and the numbers are those of here."""
        return not self.versions or (not self.failed and self.tests > 0 and holds(self.seen))


COMBINATIONS = (Combination("3.11", "lowest"), Combination("3.12", "locked"), Combination("3.13", "newest"))


def interpreter(minor):
    """A Python of this minor version, on the path or in pyenv's folder; None where there is none."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [sys.executable, shutil.which(f"python{minor}"), *sorted(versions.glob(f"{minor}.*/bin/python"))]
    for python in filter(None, found):
        asked = [python, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == minor:
            return Path(python)
    return None


def tried(combinations=COMBINATIONS):
    """Make, test and compare each; what is here already is made anew."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
        jobs = jobs_of(_GENERATED, _DRAWS, folder)
        make_elsewhere(jobs, folder / "here", {"OPENBLAS_NUM_THREADS": "1"})
        return [_tried(each, next(folder.glob("*.whl")), jobs, folder) for each in combinations]


def _tried(combination, wheel, jobs, folder):
    python = interpreter(combination.python)
    if python is None:
        print(f"No Python {combination.python} is here: it is left out.")
        return Tried(combination, {})
    shutil.rmtree(combination.folder, ignore_errors=True)
    made, tree = _environment(combination, python, wheel), _tree(combination)
    tests, failed = _tested(made, tree, combination.folder / "tests.xml")
    there = folder / combination.folder.name
    make_elsewhere(jobs, there, _HERE, made, tree)
    found = Tried(combination, _versions(made), tests, failed, beside(folder / "here", there, len(jobs)))
    print(found, flush=True)
    return found


def _environment(combination, python, wheel):
    """The Python of a new environment with the packages, the wheel, and what runs tests."""
    folder = combination.folder / "env"
    subprocess.run([UV, "venv", "--quiet", "--python", python, folder], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", folder]
    if combination.packages == "locked":
        subprocess.run([*install, "--require-hashes", "-r", ROOT / "requirements" / "all.lock"], check=True)
        allowed = ROOT / "requirements" / "dev.lock"
    else:
        allowed = combination.folder / "packages.txt"
        resolution = {"lowest": "lowest-direct", "newest": "highest"}[combination.packages]
        chosen = ["--resolution", resolution, "--python", folder, "--extra", "all", "--output-file", allowed]
        subprocess.run([UV, "pip", "compile", "--quiet", *chosen, ROOT / "pyproject.toml"], check=True)
        subprocess.run([*install, "-r", allowed], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    subprocess.run([*install, "--constraints", allowed, *TOOLS], check=True)
    return folder / "bin" / "python"


def _tree(combination):
    """What tests read, without the sources of simengine: what they import is the wheel."""
    tree = combination.folder / "tree"
    for name in ("tests", "bench", "scenarios", "docs", "requirements"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tree)
    return tree


def _tested(python, tree, results):
    """Tests that ran, and how many of them failed."""
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *LENIENT, f"--junit-xml={results}", *TESTS]
    done = subprocess.run(command, cwd=tree, env=os.environ | _HERE, check=False)
    if not results.exists():
        return 0, done.returncode
    suite = ET.parse(results).getroot().find("testsuite")
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    return int(suite.get("tests")) - int(suite.get("skipped")), failed


def _versions(python):
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    told = subprocess.run([python, "-c", code, *TOLD], capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(TOLD, told, strict=True))


def lines_of(found):
    """What is on record of the combinations that this machine could try."""
    return [
        Line(
            "The same with every supported Python and every allowed package",
            f"Python {each.combination.python}, {each.combination.packages} packages: "
            + ", ".join(f"{name} {version}" for name, version in each.versions.items()),
            f"{each.tests:,} tests, {each.seen.runs:,} runs, {each.seen.apart.paths:,} paths",
            f"{each.failed:,} tests failed; {result_of(each.seen)}",
        )
        for each in found
        if each.versions
    ]


if __name__ == "__main__":
    everything = tried()
    record("matrix", lines_of(everything))
    sys.exit(not all(each.good for each in everything))
