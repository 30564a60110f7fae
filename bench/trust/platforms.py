"""The same runs as another machine would make them: are they the same bits, and if not, how far are the numbers apart?

Another machine is had by telling the C library, NumPy, the linear algebra and the compiler that the processor lacks
what it has: each setting is a process of its own. Other Pythons and packages are tried by bench/trust/matrix.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import simengine as se
from bench.inputs import NORTHSTAR, ROOT
from bench.trust.record import Line, record
from simengine.results.agreement import TOLERANCE, Agreement, agreement
from tests.generated import generated_plan

PLANS = ROOT / "tests" / "plans"
SMALL = ROOT / "tests" / "learn" / "small.yaml"

_EXTENSIONS = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
SETTINGS = {
    # Unknown names are passed over: the first ones are those of glibc before 2.33.
    "C library without FMA": {
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable,-FMA4_Usable,-AVX2,-FMA,-FMA4"
    },
    "NumPy without its vector functions": {"NPY_DISABLE_CPU_FEATURES": " ".join(_EXTENSIONS)},
    "linear algebra of an old processor": {"OPENBLAS_CORETYPE": "Prescott"},
    "linear algebra on three threads": {"OPENBLAS_NUM_THREADS": "3"},
    "paths compiled for any processor": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
SETTINGS["all of these"] = {name: value for setting in list(SETTINGS.values()) for name, value in setting.items()}


class Job(NamedTuple):
    """A plan, by its file, and what of it is simulated."""

    plan: str
    draws: int
    seed: int = 7


class Seen(NamedTuple):
    """Runs beside the same runs made elsewhere.

    Attributes
    ----------
    runs, same : how many, and how many with the same digest
    apart : how far they are apart, in all: sums of paths, and the largest differences
    told : whether the fingerprint of the arithmetic is another one
    """

    runs: int
    same: int
    apart: Agreement
    told: bool


def jobs_of(generated, draws, folder):
    """So many generated plans, written to a folder, and those of the repository."""
    jobs = [Job(str(PLANS / "tiny.yaml"), draws), Job(str(PLANS / "full.yaml"), draws), Job(str(SMALL), draws)]
    for number in range(generated):
        file = folder / f"generated-{number}.yaml"
        file.write_text(generated_plan(number), encoding="utf-8")
        jobs.append(Job(str(file), max(draws // 10, 1)))
    return jobs


def make(jobs, folder):
    """Simulate and keep every job in this process."""
    for number, job in enumerate(jobs):
        plan = se.load(job.plan)
        se.save(se.simulate(plan, draws=job.draws, seed=job.seed), plan, folder / str(number))


def make_elsewhere(jobs, folder, setting, python=sys.executable, home=ROOT):
    """The same in a process with other settings, or with the Python of another environment, in `home`."""
    asked = json.dumps({"jobs": jobs, "folder": str(folder)})
    command = [str(python), "-m", "bench.trust.platforms", "--make"]
    subprocess.run(command, input=asked, env=os.environ | setting, cwd=home, text=True, check=True)


def beside(one, other, count):
    """So many runs in a folder beside those of another."""
    kept = [[se.load_run(folder / str(number)) for folder in (one, other)] for number in range(count)]
    found = [agreement(then.dataset, now.dataset) for then, now in kept]
    return Seen(
        runs=count,
        same=sum(then.manifest["digest"] == now.manifest["digest"] for then, now in kept),
        apart=Agreement(
            paths=sum(each.paths for each in found),
            other_numbers=sum(each.other_numbers for each in found),
            other_course=sum(each.other_course for each in found),
            rounding=max(each.rounding for each in found),
            means=max(each.means for each in found),
            unlike=tuple(sorted({name for each in found for name in each.unlike})),
        ),
        told=len({run.manifest["environment"]["arithmetic"] for pair in kept for run in pair}) > 1,
    )


def takes_effect(setting, code="import math; print([math.exp(n / 97) for n in range(4096)])"):
    """Whether what a process prints is another under a setting: a C library may have one exponential for all."""
    printed = {
        subprocess.run([sys.executable, "-c", code], env=os.environ | env, capture_output=True, check=True).stdout
        for env in ({}, setting)
    }
    return len(printed) > 1


def under_settings(jobs, folder, settings):
    """What is seen under each setting, by its name, beside the same jobs without any."""
    usual = folder / "usual"
    make_elsewhere(jobs, usual, {})
    found = {}
    for name in settings:
        place = folder / name.replace(" ", "-")
        make_elsewhere(jobs, place, SETTINGS[name])
        found[name] = beside(usual, place, len(jobs))
        print(name, found[name], flush=True)
    return found


def holds(seen):
    """Whether the promise holds: no path takes another course, and what is not the same bits is told."""
    apart = seen.apart
    alike = not apart.other_course and not apart.unlike and max(apart.rounding, apart.means) < TOLERANCE
    return alike and (seen.told or seen.same == seen.runs)


def lines_of(found):
    """What is on record of the settings."""
    others = [seen for seen in found.values() if seen.same < seen.runs]
    return [
        *(
            Line(
                f"On another platform the same things happen, and numbers are apart by less than {TOLERANCE:.0e}",
                name,
                f"{seen.runs:,} runs, {seen.apart.paths:,} paths",
                result_of(seen),
            )
            for name, seen in found.items()
        ),
        Line(
            "A platform with other last bits is known as such",
            "the fingerprint of its arithmetic, which clusters, batches and `runs reproduce` compare, each setting",
            f"{len(found)} settings, {len(others)} with other bits",
            f"{sum(seen.told for seen in others)} of {len(others)} told",
        ),
    ]


def result_of(seen):
    """What was seen, in words."""
    if seen.same == seen.runs:
        return "every digest the same"
    apart = seen.apart
    far = f"{max(apart.rounding, apart.means):.0e} of the largest value of their kind"
    return (
        f"{seen.same:,} digests the same; {apart.other_numbers:,} paths with other numbers, apart by {far} at most; "
        f"on {apart.other_course:,} something else happened"
    )


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        jobs = [*jobs_of(50, 500, folder), Job(str(NORTHSTAR), 500)]
        record("platforms", lines_of(under_settings(jobs, folder, SETTINGS)))


if __name__ == "__main__":
    if "--make" in sys.argv:
        asked = json.load(sys.stdin)
        make([Job(*job) for job in asked["jobs"]], Path(asked["folder"]))
    else:
        main()
