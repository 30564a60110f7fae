"""Fuzzing of whole plans: valid ones simulate and hold every conservation law, broken ones are refused in words.

`python -m bench.trust.plans` tries some twenty thousand plans, which takes a quarter of an hour of one processor, and
records what was seen. Batches that are done are kept in `build/trust/plans`: after an interruption it goes on from
there. Remove that folder to try all of them anew.
"""

import inspect
import json
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

import simengine as se
from bench.inputs import ROOT
from bench.trust.record import Line, record
from simengine.assumptions.draws import draw
from simengine.baseline import baseline
from simengine.errors import PlanError, SimengineError
from simengine.plan import loads
from simengine.results.outputs import stored
from tests.generated import generated_shocks
from tests.generated.broken import broken
from tests.generated.strategies import plans
from tests.kernel import test_conservation as conservation

PATHS, DRAWS = 6, 4
BATCH = {"valid": 50, "broken": 250}
"""Plans."""
BATCHES = {"valid": 30, "broken": 77}
BOOKS_EVERY = 4
"""Plans to one whose books are looked at as well: a dataset takes ten times as long as the paths."""
PROCESSES = 2
KEPT = ROOT / "build" / "trust" / "plans"

MOST = 20_000
"""Opportunities, customers and seats of a broken plan that loads all the same; a larger one is not simulated."""
CENT = 0.01
ROUNDING = 1e-9
"""Of the amounts that are added up, where a cent is less than the last digit of what a plan may say (1e13)."""

LAWS = [
    law
    for name, law in vars(conservation).items()
    if name.startswith("test_") and list(inspect.signature(law).parameters) == ["run"]
]
STOCKS = ("customers", "ending_arr", "headcount", "pipeline", "receivables", "deferred_revenue", "live_arr")
ENDLESS = ("capacity",)
"""What is infinite where sellers take on whatever comes."""


class Found(Exception):  # noqa: N818  what is looked for
    """Something that no plan may do."""


# --- what is asked of a plan ------------------------------------------------------------------------------------------


def read(written):
    """The plan, or None where it is refused in a way that helps its author."""
    texts = {"plan.yaml": written.text, **written.files}
    try:
        return loads(written.text, "plan.yaml", files=written.files)
    except PlanError as error:
        if not error.problems:
            raise Found("refused without a reason") from error
        for problem in error.problems:
            check_problem(problem, texts)
        return None


def check_problem(problem, texts):
    """A problem names a file of the plan, a place in it, what is wrong, and what to write instead."""
    if problem.file not in texts:
        raise Found(f"no such file: {problem!r}")
    if not problem.message or not problem.expected:
        raise Found(f"no words, or no remedy: {problem!r}")
    lines = texts[problem.file].count("\n") + texts[problem.file].count("\r") + 2
    if problem.line and not (problem.line <= lines and problem.column >= 1):
        raise Found(f"beyond the text of {lines} lines: {problem!r}")
    if not problem.line and problem.column:
        raise Found(f"a column without a line: {problem!r}")


def obey_conservation(plan):
    """The kernel's paths hold every law of tests/kernel/test_conservation.py, from drawn values of the assumptions."""
    drawn = draw(plan.widened(), plan.copula(), 7, 0, 1)
    values = dict(zip(drawn.names, drawn.values[0], strict=True))
    run = conservation.Run(plan, values, generated_shocks(plan, 7), PATHS)
    for law in LAWS:
        try:
            law(run)
        except AssertionError as error:
            raise Found(law.__name__) from error


def obey_books(plan):
    """A run's numbers are finite, its stocks not negative, its segments and roles add up, its ARR bridge closes."""
    ds = se.simulate(plan, draws=DRAWS, twins=2, detail="segment")
    # What a team sells counts for its sellers, and for its manager again.
    counts_twice = any(role.quota == "team" for role in plan.team.roles.values())
    company = {name: ds[name].values for name in stored("company") if name in ds and "month" in ds[name].dims}
    scale = CENT + ROUNDING * max(np.abs(values).max(initial=0.0) for values in company.values())
    for name, values in company.items():
        if name not in ENDLESS and not np.isfinite(values).all():
            raise Found(f"{name} is not finite")
        if name in STOCKS and values.min(initial=0.0) < -scale:
            raise Found(f"{name} is negative: {values.min()}")
        by_segment = f"{name}_by_segment"
        if by_segment in ds and not np.abs(ds[by_segment].values.sum(axis=-1) - values).max() <= scale:
            raise Found(f"segments of {name} do not add up")
        by_role = f"{name}_by_role"
        if (
            by_role in ds
            and not counts_twice
            and not np.abs(ds[by_role].sum("role") - values.mean(axis=0)).max() <= scale
        ):
            raise Found(f"roles of {name} do not add up")
    opening = np.broadcast_to(float(ds["opening_arr"].sum()), (DRAWS, 1))
    change = np.diff(company["ending_arr"], axis=1, prepend=opening)
    if not np.abs(change - company["net_new_arr"]).max() <= scale:
        raise Found("the ARR bridge does not close")


def try_valid(seen, written):
    """Count a drawn plan as refused, or as simulated and conserved."""
    plan = read(written)
    if plan is None:
        seen["refused"] += 1
        return
    obey_conservation(plan)
    if seen["simulated"] % BOOKS_EVERY == 0:
        obey_books(plan)
        seen["books"] += 1
    seen["simulated"] += 1


def try_broken(seen, written):
    """Count a broken plan as refused; one that loads all the same is simulated, or refused then."""
    plan = read(written)
    if plan is None:
        seen["refused"] += 1
        return
    try:
        if is_small(plan):
            se.simulate(plan, draws=2, twins=0)
        seen["simulated"] += 1
    except SimengineError as error:
        if not str(error):
            raise Found("refused without a reason") from error
        seen["refused in the run"] += 1


def is_small(plan):
    """Whether the plan means few enough opportunities and customers to simulate in passing."""
    expected = baseline(plan, plan.planned).segment
    met = ("opportunities", "expansions_met", "customers")
    return max(expected[name].sum() for name in met) <= MOST and sum(group.seats for group in plan.team.seats) <= MOST


# --- batches ----------------------------------------------------------------------------------------------------------

KINDS = {"valid": (plans(), try_valid), "broken": (broken(), try_broken)}


def fuzz(kind, count, number=0):
    """Try `count` plans of a kind; return how many ended how. Raises what no plan may raise, with the smallest such.

    The same kind, count and number try the same plans.
    """
    strategy, attempt = KINDS[kind]
    seen = Counter()

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(written):
        seen["plans"] += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                attempt(seen, written)
        except Exception as error:
            error.add_note(
                "\n".join(f"--- {name}\n{text}" for name, text in [("plan", written.text), *written.files.items()])
            )
            raise

    each()
    return seen


def batch(kind, number):
    """Fuzz one batch, or read what it saw before; what it found is told as text."""
    file = KEPT / f"{kind}-{number}.json"
    if not file.exists():
        try:
            found = {"seen": fuzz(kind, BATCH[kind], number), "crash": None}
        except Exception as error:
            found = {"seen": {}, "crash": "".join(traceback.format_exception(error))}
        KEPT.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def main():
    """Fuzz, and record what was seen."""
    lines = []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for kind, batches in BATCHES.items():
            results = list(pool.map(partial(batch, kind), range(batches)))
            seen = sum((Counter(result["seen"]) for result in results), Counter())
            crashes = [result["crash"] for result in results if result["crash"]]
            print(*crashes, sep="\n\n")
            lines.append(PROMISES[kind](seen, len(crashes)))
    record("plans", lines)


def of_valid(seen, crashes):
    """The line of plans drawn to be valid."""
    return Line(
        "a valid plan simulates, and nothing appears or vanishes on any path and month",
        f"whole plans drawn by hypothesis, {len(LAWS)} conservation laws on each, the books of every fourth",
        f"{seen['plans']:,} plans, {seen['simulated']:,} simulated, {seen['refused']:,} refused in words",
        f"{crashes} laws broken or tracebacks",
    )


def of_broken(seen, crashes):
    """The line of plans with mistakes."""
    refused, late, simulated = seen["refused"], seen["refused in the run"], seen["simulated"]
    return Line(
        "a mistake in a plan is told with file, line, column and what was expected; nothing else is ever raised",
        "valid plans changed in their tree or text",
        f"{seen['plans']:,} plans, {refused:,} refused, {simulated:,} read (small ones simulated), {late} refused late",
        f"{crashes} tracebacks, warnings or problems without a place or remedy",
    )


PROMISES = {"valid": of_valid, "broken": of_broken}

if __name__ == "__main__":
    main()
