"""What nobody needs yet is not imported, and so costs no time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"
NORTHSTAR = ROOT / "scenarios" / "northstar" / "base.yaml"
HEAVY = {"numba", "llvmlite", "scipy.stats", "pandas", "xarray", "matplotlib", "h5netcdf"}


def modules_after(*arguments):
    """Modules that a command has imported by its end, and its exit code."""
    code = (
        "import sys\n"
        "from simengine.cli import main\n"
        f"sys.argv = ['simengine', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit as end: print('CODE', end.code or 0)\n"
        "print('MODULES', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, code_line, modules = done.stdout.strip().splitlines()
    return set(modules.split()[1:]), int(code_line.split()[1])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("run", "--help"),
        ("history", "--help"),
        ("export", "--help"),
        ("import", "--help"),
        ("check", str(TINY)),
        ("check", str(NORTHSTAR), "--explain"),
    ],
    ids=lambda arguments: " ".join(Path(word).name for word in arguments),
)
def test_light_commands_import_nothing_heavy(arguments):
    modules, code = modules_after(*arguments)
    assert code == 0
    assert not modules & HEAVY


def test_help_imports_no_library_but_click():
    assert not modules_after("--help")[0] & {"numpy", "scipy", "pydantic", "yaml", "rich"}


def test_the_check_above_sees_what_is_imported():
    modules, code = modules_after("rank", "no-such-run")
    assert code == 2
    assert "xarray" in modules


def test_importing_the_package_imports_nothing_else():
    code = "import sys; import simengine; print(*(m for m in sys.modules if m.startswith('simengine')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["simengine"]


def threads_after_check(**environment):
    """Threads of a process in which `check` has imported NumPy and SciPy."""
    code = (
        "import os, sys\n"
        "from simengine.cli import main\n"
        f"sys.argv = ['simengine', 'check', {str(NORTHSTAR)!r}]\n"
        "try: main()\n"
        "except SystemExit: print('THREADS', len(os.listdir('/proc/self/task')))\n"
    )
    inherited = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=inherited | environment
    )
    return int(done.stdout.split()[-1])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
def test_no_threads_are_started_that_nobody_uses():
    assert threads_after_check() == 1
    if os.cpu_count() > 1:
        assert threads_after_check(OPENBLAS_NUM_THREADS="2") > 1  # and whoever asks for them has them
