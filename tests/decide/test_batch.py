"""A batch: the same draws for all, kept scenario by scenario, and whole after any kill."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from simengine.archive.columns import read_columns
from simengine.decide.batch import VALUES, batch
from simengine.decide.grid import scenarios
from simengine.errors import SimengineError
from simengine.plan import Plan, load, loads
from simengine.results.dataset import digest
from simengine.simulation import simulate
from simengine.simulation.reached import target_values

ROOT = Path(__file__).parents[2]
TINY_FILE = ROOT / "tests" / "plans" / "tiny.yaml"
TINY = TINY_FILE.read_text(encoding="utf-8")
VARY = ["hires.ae=0,1,2", "spend.inbound=1,1.2"]
DRAWS = 300


@pytest.fixture(scope="module")
def grid() -> Mapping[str, Plan]:
    return scenarios([TINY_FILE], VARY)


@pytest.fixture(scope="module")
def folder(grid: Mapping[str, Plan], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("batch") / "one"
    batch(grid, place, draws=DRAWS)
    return place


@pytest.fixture(scope="module")
def found(grid: Mapping[str, Plan], folder: Path) -> xr.Dataset:
    return batch(grid, folder, draws=DRAWS)


def files(folder: Path) -> list[Path]:
    return sorted((folder / VALUES).iterdir())


class TestValues:
    def test_are_those_of_a_run(self, grid: Mapping[str, Plan], found: xr.Dataset) -> None:
        for name in ("Tiny", "hires.ae +2, spend.inbound x1.2"):
            ds = simulate(grid[name], draws=DRAWS, twins=0)
            one = found.sel(scenario=name)
            for target in ("board ARR", "NRR"):
                values = ds["target_value"].sel(target=target).values
                bound = float(ds["at_least"].sel(target=target))
                assert float(one["p"].sel(target=target)) == np.mean(values >= bound)
            assert float(one["mean"].sel(measure="ending_arr")) == pytest.approx(ds["ending_arr"].values[:, -1].mean())
            spent = ds["sm_spend"].values.sum(axis=1)
            assert float(one["p50"].sel(measure="sm_spend")) == pytest.approx(np.sort(spent)[DRAWS // 2 - 1])

    def test_draws_are_common(self, grid: Mapping[str, Plan], found: xr.Dataset) -> None:
        base, other = (
            target_values(grid[name], 0, DRAWS, targets=grid[name].targets[:1])[:, 0]
            for name in ("Tiny", "hires.ae +1")
        )
        change = found["mean_change"].sel(scenario="hires.ae +1", measure="ending_arr")
        assert float(change) == pytest.approx((other - base).mean())
        width = found["mean_change_upper"] - found["mean_change_lower"]
        apart = found["mean_upper"] - found["mean_lower"]
        assert float(width.sel(scenario="hires.ae +1", measure="ending_arr")) < 0.7 * float(
            apart.sel(scenario="hires.ae +1", measure="ending_arr")
        )

    def test_what_the_plan_cannot_tell_is_left_out(self, found: xr.Dataset) -> None:
        # No opening cash, so no lowest cash.
        assert found["measure"].values.tolist() == [
            "ending_arr",
            "new_arr",
            "net_new_arr",
            "nrr",
            "sm_spend",
            "net_burn",
            "cac_payback",
        ]
        assert set(found["measure_period"].values) == {"FY2027"}

    def test_retention_of_too_early_a_month_is_left_out(self, tmp_path: Path) -> None:
        text = TINY.replace("  - {name: NRR, metric: nrr, period: 2027-12, at_least: 95 %}\n", "")
        short = loads(text.replace("months: 12", "months: 9").replace("FY2027", "2027-09"))
        found = batch({"one": short}, tmp_path / "b", draws=50)
        assert "nrr" not in found["measure"].values
        # The plan does not hold the fiscal year: amounts are of the target's own period.
        assert set(found["measure_period"].values) == {"2027-09"}

    def test_the_base_differs_from_itself_by_nothing(self, found: xr.Dataset) -> None:
        first = found.isel(scenario=0)
        for name in ("p_change", "mean_change"):
            for end in ("", "_lower", "_upper"):
                assert not first[name + end].values.any()
        assert not first["p_told"].values.any()

    @pytest.mark.parametrize("workers", [1, 3])
    def test_threads_change_no_bit(
        self, grid: Mapping[str, Plan], found: xr.Dataset, tmp_path: Path, workers: int
    ) -> None:
        with ThreadPoolExecutor(workers) as pool:
            assert digest(batch(grid, tmp_path / "b", draws=DRAWS, executor=pool)) == digest(found)

    def test_processes_change_no_bit(self, grid: Mapping[str, Plan], found: xr.Dataset, tmp_path: Path) -> None:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            assert digest(batch(grid, tmp_path / "b", draws=DRAWS, executor=pool)) == digest(found)

    def test_other_seeds_are_other_values(self, grid: Mapping[str, Plan], found: xr.Dataset, tmp_path: Path) -> None:
        other = batch(grid, tmp_path / "b", draws=DRAWS, seed=8)
        assert not set(other["digest_values"].values) & set(found["digest_values"].values)


class TestResuming:
    def test_what_is_done_is_kept(self, found: xr.Dataset) -> None:
        assert (found.attrs["simulated"], found.attrs["kept"]) == (0, 6)

    @pytest.mark.parametrize("how", ["torn", "foreign", "gone", "of another scenario"])
    def test_a_bad_file_is_made_anew(self, grid: Mapping[str, Plan], folder: Path, found: xr.Dataset, how: str) -> None:
        path, other = files(folder)[:2]
        content = path.read_bytes()
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes({"torn": content[:-9], "foreign": b"CDF"}.get(how, other.read_bytes()))
        again = batch(grid, folder, draws=DRAWS)
        assert (again.attrs["simulated"], again.attrs["kept"]) == (1, 5)
        assert path.read_bytes() == content
        assert digest(again) == digest(found)

    @pytest.mark.parametrize("more", [{"draws": 200}, {"seed": 8}])
    def test_other_draws_are_simulated(self, grid: Mapping[str, Plan], tmp_path: Path, more: dict[str, int]) -> None:
        asked = {name: grid[name] for name in list(grid)[:2]}
        batch(asked, tmp_path / "b", draws=100)
        assert batch(asked, tmp_path / "b", **{"draws": 100, **more}).attrs["simulated"] == 2

    def test_a_changed_plan_is_simulated(self, tmp_path: Path) -> None:
        batch({"one": loads(TINY), "two": loads(TINY)}, tmp_path / "b", draws=50)
        changed = loads(TINY.replace("spend: 20_000", "spend: 25_000"))
        assert batch({"one": loads(TINY), "two": changed}, tmp_path / "b", draws=50).attrs["simulated"] == 1

    def test_what_other_arithmetic_gave_is_simulated(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = {"one": loads(TINY)}
        batch(asked, tmp_path / "b", draws=50)
        monkeypatch.setattr("simengine.decide.batch.arithmetic", lambda: "of another processor")
        assert batch(asked, tmp_path / "b", draws=50).attrs["simulated"] == 1

    def test_another_bound_needs_no_simulation(self, tmp_path: Path) -> None:
        first = batch({"one": loads(TINY)}, tmp_path / "b", draws=50)
        again = batch({"one": loads(TINY.replace("6_000_000", "5_500_000"))}, tmp_path / "b", draws=50)
        assert again.attrs["simulated"] == 0
        assert again["p"].values[0, 0] > first["p"].values[0, 0]

    def test_more_scenarios_are_added(self, grid: Mapping[str, Plan], tmp_path: Path) -> None:
        names = list(grid)
        batch({name: grid[name] for name in names[:2]}, tmp_path / "b", draws=50)
        assert batch({name: grid[name] for name in names[:3]}, tmp_path / "b", draws=50).attrs["kept"] == 2

    def test_progress_is_told(self, grid: Mapping[str, Plan], tmp_path: Path) -> None:
        seen: list[tuple[float, int]] = []
        two = {name: grid[name] for name in list(grid)[:2]}
        batch(two, tmp_path / "b", draws=50, progress=lambda done, total: seen.append((done, total)))
        assert seen[0] == (0, 2)
        assert seen[-1] == (2, 2)
        assert seen == sorted(seen)
        seen.clear()
        batch(two, tmp_path / "b", draws=50, progress=lambda done, total: seen.append((done, total)))
        assert seen == [(2, 2)]


KILLED = """
import sys
from simengine.decide.batch import batch
from simengine.decide.grid import scenarios
print("ready", flush=True)
batch(scenarios([sys.argv[1]], sys.argv[3:]), sys.argv[2], draws=300)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.full)])
def test_killed_at_random_moments_it_ends_with_the_same_bits(
    grid: Mapping[str, Plan], found: xr.Dataset, tmp_path: Path, kills: int
) -> None:
    rng, place = random.Random(11), tmp_path / "killed"
    line = [sys.executable, "-c", KILLED, str(TINY_FILE), str(place), *VARY]
    cut_short = 0
    for _ in range(kills):
        running = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.8))
        running.send_signal(signal.SIGKILL)
        cut_short += running.wait() == -signal.SIGKILL
        running.stdout.close()
        for path in (place / VALUES).glob("*.nc"):
            assert read_columns(path) is not None
    assert cut_short
    assert digest(batch(grid, place, draws=DRAWS)) == digest(found)


class TestRefusals:
    @pytest.mark.parametrize("what", ["a file", "other things", "a foreign manifest", "a newer batch"])
    def test_a_folder_that_is_something_else(self, grid: Mapping[str, Plan], tmp_path: Path, what: str) -> None:
        place = tmp_path / "place"
        if what == "a file":
            place.write_text("mine")
        else:
            place.mkdir()
            name = "mine.txt" if what == "other things" else "batch.json"
            newer = json.dumps({"format": "simengine batch", "format_version": 99})
            (place / name).write_text(newer if what == "a newer batch" else "{}")
        with pytest.raises(SimengineError, match="choose a"):
            batch(grid, place, draws=50)
        assert not (place / VALUES).exists()

    def test_plans_that_cannot_stand_beside_each_other_are_told_at_once(self, tmp_path: Path) -> None:
        plans = {
            "base": loads(TINY),
            "euros": loads(TINY.replace("currency: USD", "currency: EUR")),
            "later": loads(TINY.replace("start: 2027-01, months: 12", "start: 2026-12, months: 13")),
            "aimless": loads(TINY[: TINY.index("targets:")] + TINY[TINY.index("segments:") :]),
        }
        with pytest.raises(SimengineError) as caught:
            batch(plans, tmp_path / "b", draws=50)
        lines = str(caught.value).splitlines()
        assert [line.partition(":")[0] for line in lines] == ["euros", "later", "aimless"]
        assert "the currency is EUR, and that of base is USD; give both the same" in lines[0]

    def test_only_targets_that_all_have_are_compared(self, tmp_path: Path) -> None:
        other = loads(TINY.replace("at_least: 95 %", "at_least: 96 %").replace("confidence: 50 %", "confidence: 60 %"))
        found = batch({"base": loads(TINY), "other": other}, tmp_path / "b", draws=50)
        assert found["target"].values.tolist() == ["board ARR"]
        assert found.attrs["left_out"] == "NRR is not in all scenarios, or not the same"

    def test_without_any_in_common_there_is_nothing_to_compare(self, tmp_path: Path) -> None:
        other = loads(TINY.replace("at_least: 95 %", "at_least: 96 %").replace("6_000_000", "7_000_000"))
        with pytest.raises(SimengineError, match="no target in common"):
            batch({"base": loads(TINY), "other": other}, tmp_path / "b", draws=50)

    @pytest.mark.parametrize("more", [{"draws": 0}, {"seed": -1}])
    def test_what_is_out_of_range(self, tmp_path: Path, more: dict[str, int]) -> None:
        with pytest.raises(SimengineError, match="choose 1 to"):
            batch({"base": loads(TINY)}, tmp_path / "b", **more)
        with pytest.raises(SimengineError, match="no scenario"):
            batch({}, tmp_path / "b")


def test_twenty_identical_scenarios_are_never_ranked(tmp_path: Path) -> None:
    plan = load(TINY_FILE)
    found = batch({f"scenario {i}": plan for i in range(20)}, tmp_path / "b", draws=200)
    assert (found["rank"].values == 1).all()
    assert not found["p_told"].values.any()
    assert not found["mean_told"].values.any()
    assert len(set(found["digest_values"].values)) == 1
