"""The cheapest choice of levers that makes a target as likely as is asked, and the proof on draws of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from simengine.decide.certify import RISK, FreshPaths, certify, next_seed
from simengine.decide.findings import Calibration, Solution
from simengine.decide.levers import Levers, Mix
from simengine.decide.search import EVALUATIONS, Found, Tried, search
from simengine.decide.space import Space
from simengine.decide.trials import Trials
from simengine.errors import SimengineError
from simengine.plan.schema import Plan
from simengine.plan.targets import Target, target_of
from simengine.simulation.reached import last_month

DRAWS = 2_048
VERIFY = 65_536
CANDIDATES = 3
"""Choices that are verified: the cheapest, another way, and a safer one."""
_MARGIN = 1.64
_SAFER = 3.0
"""Standard errors that a choice is to be estimated above the confidence; and the safer one of those verified."""
_LARGER = 16
"""Times the frozen draws, on which the plan as it is shows how lucky they are."""
_WIDER = 60
"""Trials of a search with a limit lifted."""

Progress = Callable[[str, int, int], None]
"""Called with what is done, the paths done, and the paths that it takes at most."""


def bar_of(confidence: float, known: Calibration, paths: int, errors: float = _MARGIN) -> float:
    r"""The share of the frozen draws that a search demands.

    Frozen draws may be luckier or unluckier than most. How much is seen where the plan as it is, whose draws a choice
    shares, is simulated on more of them: a regression estimate from two phases (Cochran, *Sampling Techniques*, 3rd
    ed., 1977, 12.6). With c the confidence, q the share of the plan as it is on N draws, q_n that on the n frozen ones,
    and a choice taken to keep every draw that the plan reaches (or, where q > c, to reach none that the plan misses),

    `β = (1 − c)/(1 − q)`, `ρ² = q (1 − c) / (c (1 − q))` (or `β = c/q`, and 1/ρ²),

    `bar = c + β (q_n − q) + 1.64 √(c (1 − c) ((1 − ρ²)/n + ρ²/N + 1/V))`,

    where V are the fresh draws that must confirm it. This decides where to look, not what is shown.

    Parameters
    ----------
    confidence : c
    known : q_n, q, n, N
    paths : V
    errors : standard errors that are asked for besides

    Raises SimengineError where so few draws can show no such confidence.

    >>> round(bar_of(0.8, Calibration(0.757, 0.770, 2_048, 32_768), 65_536), 4)
    0.7959
    """
    c, q = confidence, known.larger
    if q <= c:
        slope, shared = (1 - c) / (1 - q), q * (1 - c) / (c * (1 - q))
    else:
        slope, shared = c / q, c * (1 - q) / (q * (1 - c))
    variance = c * (1 - c) * ((1 - shared) / known.draws + shared / known.larger_draws + 1 / paths)
    bar = c + slope * (known.frozen - q) + errors * math.sqrt(variance)
    if bar > 1:
        raise SimengineError(f"{known.draws:,} draws cannot show a confidence of {confidence:.1%}; take more (-n)")
    return bar


def target_sought(plan: Plan, name: str | None) -> Target:
    """The target of that name; by default the first that declares a confidence, or else the first.

    Raises SimengineError where the plan has no such target.
    """
    first = next((one.name for one in plan.targets if one.confidence is not None), None)
    return target_of(plan, name or first)


def asked(plan: Plan, name: str | None, at_least: float | None, confidence: float | None) -> tuple[Target, float]:
    """The target of that name, or the first that declares a confidence; and the confidence.

    Raises SimengineError where there is none, or the two do not go together.
    """
    target = target_sought(plan, name)
    if at_least is not None:
        if target.at_most is not None:
            raise SimengineError(
                f"{target.name} is to be {target.at_most:,.15g} at most; --at-least does not go with it"
            )
        if not math.isfinite(at_least):
            raise SimengineError(f"at least {at_least:g} is no amount; give a number")
        target = target.model_copy(update={"at_least": at_least})
    wanted = target.confidence if confidence is None else confidence
    if wanted is None:
        raise SimengineError(f"{target.name} declares no confidence; say how likely it is to be: --confidence 0.8")
    if not 0 < wanted < 1:
        raise SimengineError(f"a confidence of {wanted:g} cannot be reached; choose one between 0 and 1, like 0.8")
    return target, wanted


def levers_of(plan: Plan, target: Target, budget: float | None = None) -> Levers:
    """The levers of a plan, for a target, with another budget where one is given.

    Raises SimengineError where there is nothing to choose.
    """
    if budget is not None:
        if not budget >= 0:
            raise SimengineError(f"a budget of {budget:g} is no amount of money; give a number from 0 on")
        plan = plan.model_copy(update={"limits": plan.limits.model_copy(update={"budget": budget})})
    levers = Levers(plan, last_month(plan, (target,)))
    if not levers.dials and levers.closed:
        raise SimengineError(
            f"it is too late for every lever: {', '.join(levers.closed)}; add one that can start later"
        )
    if not levers.dials:
        raise SimengineError("the plan has no levers: add what could be done under levers: (docs/plan.md, Levers)")
    return levers


def solve(
    plan: Plan,
    *,
    target: str | None = None,
    at_least: float | None = None,
    confidence: float | None = None,
    draws: int = DRAWS,
    verify: int = VERIFY,
    seed: int = 7,
    budget: float | None = None,
    evaluations: int = EVALUATIONS,
    candidates: int = CANDIDATES,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Find the cheapest choice of a plan's levers with P(target) ≥ confidence, and verify it on fresh draws.

    The search sees frozen draws and asks of them a margin (`bar_of`). What it finds, another way to reach the target
    and a safer one are verified on draws of the next seed (`certify`); the cheapest that is shown is chosen. Where no
    choice reaches the margin, the likeliest is verified, and the limits are named that stand in the way.

    Parameters
    ----------
    plan : a checked plan that declares levers
    target : by name; the first that declares a confidence by default
    at_least : an amount in the place of the target's
    confidence : between 0 and 1; by default what the target declares
    draws : frozen draws of the search
    verify : fresh draws of each choice that is verified
    seed : of the search; the next one is that of the verification
    budget : in the place of the plan's
    evaluations : choices that the search tries at most
    candidates : choices that are verified
    executor : runs the paths; by default one thread for each processor
    progress : called with what is being done, the paths done, and the paths that it takes at most

    Raises
    ------
    SimengineError
        where the plan has no such target or no lever, or the question makes no sense
    """
    aim, wanted = asked(plan, target, at_least, confidence)
    if min(draws, verify) < 1:
        raise SimengineError("no draws tell nothing: take 1 or more, of the search (-n) and to verify (--verify)")
    if max(_LARGER * draws, verify) >= 2**32:
        raise SimengineError("there are 2^32 draws of a seed: take fewer to verify (--verify), or of the search (-n)")
    if evaluations < 1 or candidates < 1:
        raise SimengineError("nothing is tried: allow one choice at least (--evaluations, 300 by default)")
    began = time.perf_counter()
    levers = levers_of(plan, aim, budget)
    trials = Trials(levers, aim, draws=draws, seed=seed, executor=executor)
    fresh = FreshPaths(levers, aim, next_seed(seed), executor)
    space = Space(levers)
    known = _calibrated(levers, trials, executor)
    bar = bar_of(wanted, known, verify)
    found = search(space, trials, bar, evaluations=evaluations, progress=_told(progress, "Searching", draws))
    binding, within = ((), None) if found.mix is not None else _binding(levers, trials, bar)
    picked = (
        [found.likeliest]
        if found.mix is None
        else candidates_of(space, trials, found, (bar, bar_of(wanted, known, verify, _SAFER)), candidates)
    )
    searched = time.perf_counter()
    verified = certify(picked, wanted, fresh, paths=verify, progress=_told(progress, "Verifying"))
    base = next((one.hits for one in verified if one.mix == levers.neutral), None)
    if base is None:
        base = fresh(levers.neutral, 0, verify)
    chosen = next((one.mix for one in verified if one.shown), None)
    return Solution(
        levers=levers,
        target=aim,
        confidence=wanted,
        draws=draws,
        known=known,
        bar=bar,
        seed=seed,
        paths=verify,
        fresh_seed=fresh.seed,
        risk=RISK,
        choices=len(space),
        found=found,
        base=base,
        verified=verified,
        chosen=chosen,
        binding=binding,
        within=within,
        simulated=trials.paths + known.larger_draws + fresh.paths,
        seconds=(searched - began, time.perf_counter() - searched),
    )


def _calibrated(levers: Levers, trials: Trials, executor: Executor | None) -> Calibration:
    """How lucky the frozen draws are: the first ones of many of their seed."""
    larger = FreshPaths(levers, trials.target, trials.seed, executor)
    hits = larger(levers.neutral, 0, _LARGER * trials.draws)
    return Calibration(trials.probability(levers.neutral), float(hits.mean()), trials.draws, len(hits))


def _told(progress: Progress | None, what: str, each: int = 1) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(what, done * each, total * each)


def candidates_of(space: Space, trials: Tried, found: Found, bars: tuple[float, float], most: int) -> list[Mix]:
    """The cheapest choice, the cheapest that does not hold it, and one that reaches a higher bar; by cost.

    All are fixed before any fresh draw is seen.
    """
    assert found.mix is not None
    picked = dict.fromkeys([found.mix])
    for mix in _others(space, trials, found, *bars):
        if len(picked) < most and mix is not None:
            picked.setdefault(mix)
    return sorted(picked, key=space.levers.cost)


def _others(space: Space, trials: Tried, found: Found, bar: float, safer: float) -> Iterator[Mix | None]:
    assert found.mix is not None
    if found.mix != space.levers.neutral:
        yield search(space.without(found.mix), trials, bar, evaluations=_WIDER, prove=False).mix
    yield search(space, trials, safer, evaluations=_WIDER, prove=False).mix
    yield from sorted(
        (mix for mix, share in found.shares.items() if share >= bar and space.allows(mix)), key=space.levers.cost
    )


def _binding(levers: Levers, trials: Trials, bar: float) -> tuple[tuple[str, ...], float | None]:
    """The limits in the way: one without which a choice reaches the bar, or all; and what that choice would cost."""
    limits = levers.plan.limits
    there = tuple(name for name in ("budget", "hires_per_month") if getattr(limits, name) is not None)
    together = _without_limits(levers, trials, bar, there) if there else None
    if together is None:
        return ("range",), None
    for name in there if len(there) > 1 else ():
        alone = _without_limits(levers, trials, bar, (name,))
        if alone is not None:
            return (name,), alone
    return there, together


def _without_limits(levers: Levers, trials: Trials, bar: float, names: tuple[str, ...]) -> float | None:
    """What the cheapest choice costs that is found with some limits lifted; None where none reaches the bar."""
    lifted = levers.plan.limits.model_copy(update=dict.fromkeys(names))
    freer = Levers(levers.plan.model_copy(update={"limits": lifted}), levers.until)
    mix = search(Space(freer), trials, bar, evaluations=_WIDER, prove=False).mix
    return None if mix is None else freer.cost(mix)
