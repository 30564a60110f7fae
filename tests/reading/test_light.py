"""Reading a plan costs nobody a compiler, a table library or a figure."""

import subprocess
import sys
from pathlib import Path

PLAN = Path(__file__).parents[1] / "plans" / "tiny.yaml"
HEAVY = {"numba", "llvmlite", "pandas", "xarray", "matplotlib", "h5netcdf", "scipy.stats"}


def test_describe_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from simengine.cli import main\n"
        f"sys.argv = ['simengine', 'describe', {str(PLAN)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('MODULES', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert "simengine.reading.overview" in modules
    assert not modules & HEAVY
