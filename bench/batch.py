"""Two hundred scenarios of a plan: how long they take, and whether a batch that is killed ends with the same bits.

Run with `python -m bench.batch [PLAN] [--scenarios N] [--draws N] [--kills N]`. The table is printed and written to
bench/batch.md.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.inputs import NORTHSTAR, ROOT
from bench.report import LAUNCH, heading, table, write
from simengine.decide.grid import scenarios
from simengine.plan import load
from simengine.simulation import ready

SEED = 20
"""Of the moments of the kills."""


def grid(plan, count):
    """Values of `--vary` that make about so many scenarios: people of the first role that sells, spend of a channel."""
    checked = load(plan)
    channel = next(name for name, one in checked.funnel.channels.items() if one.spend.number)
    owners = {one.seats for one in checked.team.territories}
    group = next(
        one.name for one in checked.team.seats if checked.team.roles[one.role].sells and one.name not in owners
    )
    factors = 10 if count >= 10 else 1
    people = ",".join(map(str, range(-(-count // factors))))
    spend = ",".join(f"{1 + 0.05 * i:g}" for i in range(factors))
    return [f"hires.{group}={people}", f"spend.{channel}={spend}"]


def line(plan, vary, folder, draws):
    """The command, without figures: what is measured is the simulation."""
    values = [word for one in vary for word in ("--vary", one)]
    return ["batch", str(plan), *values, "-o", str(folder), "-n", str(draws), "--no-figures", "--json"]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


def through(command):
    """Wall seconds, peak memory (MB) and the document of a command that runs through."""
    with tempfile.TemporaryFile("w+") as out:
        launch = [sys.executable, "-S", "-c", LAUNCH.replace("subprocess.DEVNULL", "sys.stderr")]
        done = subprocess.run(
            [*launch, sys.executable, "-m", "simengine", *command],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
            check=True,
        )
        out.seek(0)
        text = out.read()
    seconds, megabytes, _ = map(float, done.stdout.split())
    return seconds, megabytes, json.loads(text[text.index("{") :])


def killed(command, place, kept, after):
    """Start a command, and kill it so many seconds after so many scenarios are kept; whether it was still running."""
    running = subprocess.Popen(
        [sys.executable, "-m", "simengine", *command],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while running.poll() is None and count_of(place) < kept:
        time.sleep(0.002)
    try:
        running.wait(after)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.wait()
        return True
    return False


def count_of(place):
    """Scenarios that are kept."""
    return len(list((place / "values").glob("*.nc")))


def digests(document):
    """By scenario the digest of its values."""
    return {one["name"]: one["digest_values"] for one in document["scenarios"]}


def measure(plan, count, draws, kills):
    ready()
    vary = grid(plan, count)
    names = len(scenarios([plan], vary))
    rng, rows = random.Random(SEED), []
    with tempfile.TemporaryDirectory() as folder:
        seconds, peak, whole = through(line(plan, vary, Path(folder) / "whole", draws))
        one, _, _ = through(line(plan, vary, Path(folder) / "whole", draws))
        place = Path(folder) / ("killed" if kills else "whole")
        command = line(plan, vary, place, draws)
        for kill, kept in enumerate(sorted(rng.choices(range(max(1, names - 2)), k=kills)), start=1):
            after = rng.uniform(0.0, 1.5 * seconds / names)
            was_running = killed(command, place, kept, after)
            rows.append((kill, kept, f"{after:.2f}", "yes" if was_running else "no", count_of(place)))
        started = time.perf_counter()
        _, _, resumed = through(command)
        rest = time.perf_counter() - started
        size = sum(path.stat().st_size for path in place.rglob("*.nc")) / 1e6
    equal = sum(digests(whole)[name] == digest for name, digest in digests(resumed).items())
    summary = [
        ("scenarios, draws of each", f"{names}, {draws:,}"),
        ("wall seconds in one go", f"{seconds:.1f}"),
        ("a scenario", f"{seconds / names:.2f} s"),
        ("peak memory", f"{peak:.0f} MB"),
        ("kept on disk", f"{size:.0f} MB"),
        (f"the rest after {kills} kills", f"{rest:.1f} s, {resumed['kept']} kept, {resumed['simulated']} simulated"),
        ("run again when all is there", f"{one:.1f} s"),
        ("digests equal to those in one go", f"{equal} of {names}"),
        ("comparison the same", "yes" if whole["scenarios"] == resumed["scenarios"] else "no"),
    ]
    return summary, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, default=NORTHSTAR)
    parser.add_argument("--scenarios", type=int, default=200)
    parser.add_argument("--draws", type=int, default=16_384)
    parser.add_argument("--kills", type=int, default=10)
    given = parser.parse_args()
    summary, rows = measure(given.plan, given.scenarios, given.draws, given.kills)
    name = given.plan.resolve().relative_to(ROOT) if given.plan.resolve().is_relative_to(ROOT) else given.plan.name
    write(
        "batch.md",
        heading("A batch in one go, and killed", f"python -m bench.batch {name}"),
        table(("", str(name)), summary),
        "Killed with SIGKILL at random moments; each run goes on where the one before was.\n",
        table(("kill", "scenarios kept, and then", "seconds", "was running", "kept in the end"), rows),
    )
    if dict(summary)["comparison the same"] == "no":
        raise SystemExit("a batch that was killed ended with other numbers")


if __name__ == "__main__":
    main()
