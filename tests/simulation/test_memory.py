"""The memory of a run is known before it begins."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from simengine.errors import SimengineError
from simengine.plan import load
from simengine.results.reduction import SPAN, Reduction
from simengine.simulation import NAMES, simulate
from simengine.simulation.memory import bytes_needed

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"
TOLERANCE = 0.25
"""Of the memory predicted, how much more or less a process may take."""

PROGRAM = """
import re, sys
from pathlib import Path
from simengine.archive import save
from simengine.cli.steps import ranked
from simengine.plan import load
from simengine.simulation import simulate

plan = load(sys.argv[1])
ds = simulate(plan, draws=int(sys.argv[2]), twins=0, detail="segment")
ranked(ds)
save(ds, plan, sys.argv[3])
# not ru_maxrss: a child is born with the peak of the process that started it
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""


def predicted(draws: int) -> float:
    plan = load(TINY)
    draw, unwidened = (Reduction(plan, use, "segment", NAMES) for use in ("draw", "draw_unwidened"))
    return bytes_needed(((draw, draws), (unwidened, draws // 4)), workers=2)


def measured(draws: int, folder: Path) -> float:
    command = [sys.executable, "-c", PROGRAM, str(TINY), str(draws), str(folder)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_process_takes_what_was_predicted(tmp_path):
    measured(2, tmp_path / "compiled")
    draws = 30_000
    found = measured(draws, tmp_path / "run")
    assert abs(found / predicted(draws) - 1) <= TOLERANCE
    # Without what is kept by path it would be far off.
    assert abs(found / predicted(2) - 1) > TOLERANCE


@pytest.mark.parametrize(
    ("detail", "remedy"),
    [
        ("segment", "simulate fewer draws, keep less of each with --detail headline, or allow more with --memory"),
        ("headline", "simulate fewer draws, keep less of each with --detail stream, or allow more with --memory"),
        ("stream", "simulate fewer draws, or allow more with --memory"),
    ],
)
def test_a_run_that_needs_too_much_is_refused_before_anything_is_allocated(detail, remedy):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        SimengineError, match=rf"this run needs about .* GB of memory, and 4\.0 GB are allowed; {remedy}"
    ):
        simulate(load(TINY), draws=2**32 - 1, detail=detail)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000


def test_a_run_may_be_allowed_more_or_less():
    with pytest.raises(SimengineError, match="simulate fewer draws"):
        simulate(load(TINY), draws=100, memory=1e6)
    assert simulate(load(TINY), draws=100, memory=1e9).sizes["draw"] == 100


def test_a_large_plan_is_reduced_in_shorter_spans():
    plan = load(NORTHSTAR)
    northstar = Reduction(plan, "draw", "headline", NAMES)
    longer = load(NORTHSTAR, ["plan.months=120"])
    large = Reduction(longer, "draw", "headline", NAMES)
    assert northstar.span == SPAN
    assert large.span * large.whole_bytes <= SPAN * northstar.whole_bytes * 2
    assert large.span < SPAN
    # two draws need no more than a process and what two draws need
    assert bytes_needed([(large, 2)], workers=2) < bytes_needed([(large, SPAN)], workers=2) - 1e8


def test_ten_million_streamed_paths_fit_where_ten_million_whole_ones_do_not():
    plan = load(TINY)
    streamed = Reduction(plan, "draw_streamed", "stream", NAMES)
    whole = Reduction(plan, "draw", "headline", NAMES)
    kept = [(whole, 16_384), (Reduction(plan, "draw_unwidened", "stream", NAMES), 4096)]
    assert bytes_needed([*kept, (streamed, 10_000_000)], workers=2) < 1.5e9
    assert bytes_needed([(whole, 10_000_000)], workers=2) > 40e9
