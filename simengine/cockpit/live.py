"""The cockpit without its page: settings of a plan, their paths, and the sessions of those who look at them.

A setting is what somebody has moved: levers, beliefs, bounds of targets. It is always also the text of a scenario
file, and the plan that is simulated is read from that text, so that what is shown is what a run of the saved file
prints. Paths of a setting are simulated once, whoever asks, and grow from a first answer to the draws of a run.
"""

from __future__ import annotations

import math
import re
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simengine.assumptions.draws import Array
from simengine.assumptions.laws import Distribution, Fixed
from simengine.cockpit.estimates import Bars, Fifths, Probability, alone, estimated, quantiles, reaching
from simengine.cockpit.moved import is_movable, moved
from simengine.decide.levers import Levers
from simengine.decide.paired import difference_of_shares
from simengine.decide.scenario_files import write_scenario
from simengine.errors import SimengineError
from simengine.explain.intervals import Bounded
from simengine.explain.ranks import midranks
from simengine.explain.variance import Bins, first_order_shares
from simengine.plan.beliefs import distribution
from simengine.plan.checks import of_tree
from simengine.plan.edit import written
from simengine.plan.scenario import laid
from simengine.plan.schema import Plan
from simengine.plan.targets import Target, unit_of
from simengine.simulation import processors
from simengine.simulation.followed import Follower, Stopped, sells_once
from simengine.simulation.reached import last_month
from simengine.units import fiscal_period

PREVIEW = 2_048
"""Paths of a first answer, where they are simulated in time."""
FEWEST = 128
IN_TIME = 0.12
"""Seconds that the simulation of a first answer may take, out of the quarter of one that there is."""
STAGES = (512, 2_048, 4_096, 8_192, 16_384)
"""Paths after which an answer is told again."""
_CHUNK = 1_024
_PATIENCE = 0.25
"""Seconds that what is not urgent holds still at a time."""
_CURVE = 60
"""Points of a curve."""
_SETTINGS = 48
"""Settings whose paths are kept."""
_PLANS = 128
"""Choices of levers whose tables are kept."""
_STEPS = 100
"""Steps of a slider from one end to the other, about."""
_ENDS = (0.01, 0.99)
"""Where a slider ends: quantiles of what is believed, as simulated."""
FAN = (0.1, 0.25, 0.5, 0.75, 0.9)


class Belief(NamedTuple):
    """Where an assumption is put: the median of its law, or, fixed, the one value that it has."""

    value: float
    is_fixed: bool = False


class Setting(NamedTuple):
    """What has been moved, by name, sorted; nothing moved is the plan as it stands."""

    amounts: tuple[tuple[str, int], ...] = ()
    """Of dials: the place of the amount."""
    beliefs: tuple[tuple[str, Belief], ...] = ()
    bounds: tuple[tuple[str, float], ...] = ()
    """Of targets: what is asked for."""

    def with_(self, field: str, name: str, value: Any) -> Setting:
        """The setting with one thing moved; None puts it back."""
        held = {**dict(getattr(self, field)), name: value}
        return self._replace(**{field: tuple(sorted((k, v) for k, v in held.items() if v is not None))})


PLAN = Setting()


class Slider(NamedTuple):
    """The places of an assumption's slider: from `lowest` to `highest` steps away from where the plan has it."""

    name: str
    unit: str
    owner: str
    median: float
    step: float
    lowest: int
    highest: int

    def at(self, place: int) -> float:
        """The value of a place, in the assumption's unit: round numbers, but for the plan's own."""
        return self.median if place == 0 else round((round(self.median / self.step) + place) * self.step, 12)

    def place(self, value: float) -> int:
        """The place nearest to a value."""
        near = round(value / self.step) - round(self.median / self.step)
        return max(self.lowest, min(self.highest, near))


class Grown:
    """The paths of a setting so far: arrays with room for all of a run's draws."""

    def __init__(self, draws: int, targets: int, months: int) -> None:
        self._values, self._course = np.empty((draws, targets)), np.empty((draws, months))
        self.lock = threading.Lock()
        self.n = 0

    def add(self, values: Array, course: Array) -> None:
        """Take further paths in; whoever reads meanwhile sees those before."""
        stop = self.n + len(values)
        self._values[self.n : stop], self._course[self.n : stop] = values, course
        self.n = stop

    def seen(self) -> Seen:
        """What there is now."""
        n = self.n
        return Seen(self._values[:n], self._course[:n])


class Seen(NamedTuple):
    """Paths of a setting: metric of every target, (n, targets), and the course by month, (n, months)."""

    values: Array
    course: Array


class Answer(NamedTuple):
    """What a setting says of a target.

    Attributes
    ----------
    setting, target : that it is about, the target with its bound as it was edited
    probability : with its interval
    unit, goal_month : of its metric, and the place of the month in which the course is to reach it, if it is to
    draws : of a run, when all are in
    held_setting, held, versus : what it is held against, the probability of that, and how much likelier this is, on
        common draws
    common : number of these draws
    months, fan : ARR (where nothing is a subscription, bookings so far) by month, (levels of FAN, months)
    at, curve : values of the metric, and the probability of reaching them
    names, bars, mean : what the metric is in the outer fifths of everything uncertain, and on average
    cost : of the levers that are moved, until the fiscal year of the last target ends
    seconds : from the move on
    """

    setting: Setting
    target: Target
    unit: str
    goal_month: int | None
    probability: Probability
    draws: int
    held_setting: Setting
    held: Probability
    versus: Bounded
    common: int
    months: tuple[str, ...]
    fan: Array
    held_fan: Array
    at: Array
    curve: Array
    held_curve: Array
    names: tuple[str, ...]
    bars: Bars
    mean: float
    cost: float
    seconds: float

    @property
    def is_preview(self) -> bool:
        """Whether more paths are to come."""
        return self.probability.paths < self.draws


class Cockpit:
    """A plan with all that its sessions share.

    Parameters
    ----------
    plan : a checked plan with at least one target
    file : of the plan
    draws, seed : of a run
    folder : where scenarios are saved; by default beside the plan

    Raises
    ------
    SimengineError
        where the plan has no target
    """

    def __init__(
        self, plan: Plan, file: Path, *, draws: int = 16_384, seed: int = 7, folder: Path | None = None
    ) -> None:
        if not plan.targets:
            raise SimengineError("the plan has no targets; add one, like {name: board ARR, metric: ending_arr, …}")
        self.plan, self.file, self.draws, self.seed = plan, file, draws, seed
        self.folder = file.parent if folder is None else folder
        self.levers = Levers(plan, last_month(plan, plan.targets))
        self.dials = {dial.name: dial for dial in self.levers.dials}
        self.raw: dict[str, Any] = {
            name: plan.origin.tree.child("assumptions").child(name).child("distribution").plain()  # type: ignore[union-attr]
            for name in plan.assumptions
        }
        self.preview = PREVIEW
        self._fixed, self._each = 0.0, IN_TIME / PREVIEW
        self.scores: Array = np.empty((0, 0))
        self.fifths = Fifths(self.scores)
        self._tree = plan.origin.tree
        self._read: OrderedDict[Setting, Plan] = OrderedDict()
        self._plans: OrderedDict[tuple[Any, ...], Follower] = OrderedDict()
        self._paths: OrderedDict[tuple[Any, ...], Grown] = OrderedDict()
        self._lock = threading.Lock()
        self._urgent, self._calm = 0, threading.Condition()
        self._first, self._later = ThreadPoolExecutor(processors()), ThreadPoolExecutor(processors())
        self._closed = threading.Event()

    # --- What can be moved ---

    @cached_property
    def sliders(self) -> dict[str, Slider]:
        """Of every assumption whose law has a place that can be moved."""
        found = {}
        for name, assumption in self.plan.assumptions.items():
            if is_movable(assumption.distribution):
                law = assumption.widened(self.plan.source_policy)
                slider = _slider(name, assumption.unit, assumption.owner, law)
                found[name] = self._possible(slider, assumption.plan)
        return found

    def _possible(self, slider: Slider, planned: float) -> Slider:
        """The slider as far as the value that the plan counts on stays possible."""

        def is_possible(place: int) -> bool:
            if place == 0:
                return True
            with suppress(SimengineError):
                law = distribution(moved(self.raw[slider.name], slider.unit, slider.at(place)), slider.unit)
                low, high = (-math.inf, math.inf) if law is None or isinstance(law, Fixed) else law.support()
                return low <= planned <= high
            return False

        return slider._replace(
            lowest=-_furthest(-slider.lowest, lambda steps: is_possible(-steps)),
            highest=_furthest(slider.highest, is_possible),
        )

    def target(self, setting: Setting, name: str) -> Target:
        """A target, with its bound as the setting has it."""
        target = next(each for each in self.plan.targets if each.name == name)
        bound = dict(setting.bounds).get(name)
        return target if bound is None else target.model_copy(update={_side(target): bound})

    # --- Settings as texts, and as plans ---

    def mix(self, setting: Setting) -> tuple[int, ...]:
        """The choice of levers of a setting."""
        places = dict(setting.amounts)
        return tuple(places.get(dial.name, dial.neutral) for dial in self.levers.dials)

    def changes(self, setting: Setting, texts: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a setting changes in the plan, as a scenario file says it.

        `texts` are laws of assumptions as somebody wrote them, in the place of what the setting says.
        """
        mix = self.mix(setting)
        found = self.levers.changes(mix) if mix != self.levers.neutral else {}
        laws = {name: self._law(name, belief) for name, belief in setting.beliefs} | dict(texts or {})
        if laws:
            found["assumptions"] = {name: {"distribution": law} for name, law in laws.items()}
        if setting.bounds:
            found["targets"] = [{"name": name, _side(self.target(PLAN, name)): bound} for name, bound in setting.bounds]
        return found

    def _law(self, name: str, belief: Belief) -> dict[str, Any]:
        unit = self.plan.assumptions[name].unit
        if belief.is_fixed:
            return moved({"fixed": 1.0}, unit, belief.value)
        return moved(self.raw[name], unit, belief.value)

    def plan_of(self, setting: Setting, texts: Mapping[str, Any] | None = None) -> Plan:
        """The plan of a setting, checked as any plan is; raises PlanError with what its checks refuse."""
        if texts is not None:
            return self._checked(self.changes(setting, texts))
        with self._lock:
            found = self._read.get(setting)
        if found is None:
            found = self._checked(self.changes(setting))
            with self._lock:
                self._read[setting] = found
                _forget(self._read, _SETTINGS, PLAN)
        return found

    def _checked(self, changes: Mapping[str, Any]) -> Plan:
        return of_tree(laid(self._tree, changes, "cockpit")) if changes else self.plan

    def read_belief(self, setting: Setting, name: str, text: str, *, is_fixed: bool) -> Belief:
        """What somebody typed, read by the plan's own rules; raises PlanError where they refuse it."""
        plan = self.plan_of(setting.with_("beliefs", name, None), {name: {"fixed": text}})
        return Belief(float(plan.assumptions[name].distribution.value), is_fixed)

    def read_bound(self, setting: Setting, name: str, text: str) -> float:
        """The bound of a target that somebody typed, read by the plan's own rules."""
        side = _side(self.target(PLAN, name))
        plan = self._checked({"targets": [{"name": name, side: text}]})
        return float(getattr(next(each for each in plan.targets if each.name == name), side))

    def read_amount(self, name: str, text: str) -> int:
        """The place of a lever's amount that somebody typed; raises SimengineError where the plan does not offer it."""
        dial = self.dials[name]
        lever = self.levers.lever(dial)
        try:
            wanted = float(text.strip().removeprefix("x").replace("_", "").replace("+", "").replace("−", "-"))
        except ValueError:
            wanted = float("nan")
        place = next((i for i, amount in enumerate(dial.amounts) if abs(amount - wanted) < 1e-9), None)
        if place is None:
            form = "{:+g}" if lever.kind == "hires" else "x{:g}" if lever.kind in ("spend", "improves") else "{:g}"
            offered = ", ".join(form.format(amount) for amount in dial.amounts)
            raise SimengineError(f"{name}: {text!r} is not offered by the plan's levers; choose one of {offered}")
        return place

    def check(self, setting: Setting) -> Plan:
        """The plan of a setting; raises SimengineError where its checks, or its limits, refuse it."""
        plan = self.plan_of(setting)
        mix = self.mix(setting)
        if not self.levers.is_allowed(mix):
            raise SimengineError(self._over_limits(mix))
        return plan

    def _over_limits(self, mix: tuple[int, ...]) -> str:
        limits = self.plan.limits
        cost = self.levers.cost(mix)
        if limits.budget is not None and cost > limits.budget:
            return (
                f"limits.budget: these levers cost {cost:,.0f} {self.plan.plan.currency}, and the plan allows "
                f"{limits.budget:,.0f}; take less of one, or raise the limit in the plan"
            )
        return (
            f"limits.hires_per_month: more than {limits.hires_per_month} people would be hired in a month; take fewer, "
            "or raise the limit in the plan"
        )

    def text(self, setting: Setting, name: str, extends: str) -> str:
        """A setting as a scenario file that extends the plan file `extends`."""
        head = {"extends": extends, "scenario": {"name": name}}
        return written({**head, **self.changes(setting)}) + "\n"

    def save(self, setting: Setting, name: str, *, overwrite: bool = False) -> Path:
        """Write a setting as a scenario file; return its path.

        Raises
        ------
        SimengineError
            where the name holds no letter, the file is there already, or nothing is moved
        """
        stem = _stem(name)
        if not stem:
            raise SimengineError("a scenario needs a name with a letter or a digit in it")
        if setting == PLAN:
            raise SimengineError("nothing is moved: this is the plan as it stands")
        file = self.folder / f"{stem}.yaml"
        write_scenario(
            self.plan, self.file, file, lambda extends: self.text(setting, name, extends), overwrite=overwrite
        )
        return file

    # --- Paths ---

    def start(self) -> None:
        """Measure how many paths a first answer can have, and simulate so many of the plan; the rest may come later.

        Raises SimengineError where more is drawn than can be simulated.
        """
        follower, laws = self.tables(PLAN), self.plan.widened()
        follower.of(laws, 0, 16, executor=self._first)  # memory of the threads
        took = []
        for n in (64, 192):
            begin = time.perf_counter()
            follower.of(laws, 0, n, executor=self._first)
            took.append(time.perf_counter() - begin)
        self._each = max(1e-9, (took[1] - took[0]) / (192 - 64))
        self._fixed = max(0.0, took[0] - 64 * self._each)
        self.preview = min(self.draws, paths_in_time(self._fixed, self._each))
        self.scores = follower.scores(0, self.draws)
        self.fifths = Fifths(self.scores)
        self.grow(PLAN, max(self.preview, PREVIEW))

    def matter(self, target: str) -> list[str]:
        """Everything uncertain, by its share of the variance of a target's metric: what matters most comes first.

        Each input alone, from the paths of the plan that there are (`explain.variance.first_order_shares`).
        """
        column = [each.name for each in self.plan.targets].index(target)
        values = self.paths(PLAN).seen().values[:PREVIEW, column]
        is_defined = np.isfinite(values)
        names, z = self.tables(PLAN).names, self.scores[: len(values)][is_defined]
        if is_defined.sum() < FEWEST or np.ptp(values[is_defined]) == 0:
            return list(names)
        shares = first_order_shares([Bins(midranks(score)) for score in z.T], values[is_defined]).share.estimate
        return [names[i] for i in np.argsort(-shares, kind="stable")]

    def tables(self, setting: Setting) -> Follower:
        """The tables of a setting's levers, made once; laws and bounds change none of them."""
        key = setting.amounts
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key]
        found = Follower(self.plan_of(Setting(amounts=key)), seed=self.seed)
        with self._lock:
            self._plans[key] = found
            _forget(self._plans, _PLANS, ())
        return found

    def paths(self, setting: Setting) -> Grown:
        """What is simulated of a setting; its bounds change no path."""
        key = setting[:2]
        with self._lock:
            if key not in self._paths:
                months = last_month(self.plan, self.plan.targets) - self.plan.plan.start + 1
                self._paths[key] = Grown(self.draws, len(self.plan.targets), max(1, months))
                _forget(self._paths, _SETTINGS, PLAN[:2])
            self._paths.move_to_end(key)
            return self._paths[key]

    def grow(
        self,
        setting: Setting,
        n: int,
        *,
        stopped: Callable[[], bool] = lambda: False,
        is_urgent: bool = True,
    ) -> Seen:
        """Simulate a setting until it has n paths.

        Parameters
        ----------
        stopped : asked before every block of paths; where it says so, Stopped is raised
        is_urgent : a first answer, for which all that is not waits
        """
        n = min(n, self.draws)
        grown = self.paths(setting)
        if grown.n >= n:
            return grown.seen()

        def before_block() -> None:
            if not is_urgent:
                self._let_pass()
            if self._closed.is_set() or stopped():
                raise Stopped

        with self._hurried(is_urgent):
            follower, laws = self.tables(setting), self.plan_of(setting).widened()
            executor = self._first if is_urgent else self._later
            while grown.n < n:
                before_block()
                with grown.lock:
                    if grown.n < n:
                        stop = n if is_urgent else min(n, grown.n + _CHUNK)
                        begin, first = time.perf_counter(), grown.n
                        kept = follower.of(laws, first, stop, executor=executor, before_block=before_block)
                        grown.add(kept.values, kept.course)
                        if is_urgent and first == 0:
                            self._learn(time.perf_counter() - begin, stop)
        return grown.seen()

    def _learn(self, seconds: float, paths: int) -> None:
        """Fit the number of paths of a first answer to how busy the machine is."""
        self._each = 0.7 * self._each + 0.3 * max(1e-9, (seconds - self._fixed) / paths)
        self.preview = min(self.draws, paths_in_time(self._fixed, self._each))

    @contextmanager
    def _hurried(self, is_urgent: bool) -> Iterator[None]:
        """While somebody waits for a first answer, all else holds still."""
        with self._calm:
            self._urgent += is_urgent
        try:
            yield
        finally:
            with self._calm:
                self._urgent -= is_urgent
                self._calm.notify_all()

    def _let_pass(self) -> None:
        with self._calm:
            self._calm.wait_for(lambda: self._urgent == 0, timeout=_PATIENCE)

    def foresee(self, setting: Setting, stopped: Callable[[], bool]) -> None:
        """Make the tables of every step that one lever could take from here, so that it is answered in time."""
        for dial in self.levers.dials:
            for place in range(len(dial.amounts)):
                self._let_pass()
                if self._closed.is_set() or stopped():
                    return
                moved_ = setting.with_("amounts", dial.name, None if place == dial.neutral else place)
                with suppress(SimengineError):
                    self.tables(moved_)

    @property
    def is_closed(self) -> bool:
        """Whether no more is simulated."""
        return self._closed.is_set()

    def close(self) -> None:
        """End all work that is under way, at the next block."""
        self._closed.set()
        for executor in (self._first, self._later):
            executor.shutdown(wait=False, cancel_futures=True)

    # --- Answers ---

    def answer(
        self, setting: Setting, target: str, held: Setting, recent: Sequence[Setting] = (), since: float | None = None
    ) -> Answer:
        """What the paths that there are say of a target.

        Parameters
        ----------
        setting : of which some paths are simulated
        target : its name
        held : what it is held against, with some paths too
        recent : further settings that may stand behind the answer
        since : when somebody moved something, by `time.perf_counter`
        """
        column = [each.name for each in self.plan.targets].index(target)
        asked = self.target(setting, target)
        seen, of_held = self.grow(setting, FEWEST), self.grow(held, FEWEST)
        known = [each for each in dict.fromkeys((PLAN, *recent)) if each != held and self._is_known(each)]
        others = [of_held, *(self.paths(each).seen() for each in known)]
        hits = asked.is_reached(seen.values[:, column])
        probability, place = estimated(hits, [asked.is_reached(other.values[:, column]) for other in others])
        behind = None if place is None else others[place]
        there = self.target(held, target).is_reached(of_held.values[:, column])
        common = min(len(hits), len(there))
        values = seen.values[:, column]
        many, course = (None, None) if behind is None else (behind.values[:, column], behind.course)
        at_least = asked.at_least is not None
        levels = np.array(FAN)
        at = _grid(of_held.values[:, column], values, _asked(asked))
        defined = values[np.isfinite(values)]
        return Answer(
            setting,
            asked,
            unit_of(asked.metric, self.plan.plan.currency),
            self._goal_month(asked),
            probability,
            self.draws,
            held,
            alone(there),
            difference_of_shares(hits[:common], there[:common]),
            common,
            self.tables(PLAN).months,
            quantiles(seen.course, levels, course),
            quantiles(of_held.course, levels),
            at,
            reaching(values, at, many, at_least=at_least),
            reaching(of_held.values[:, column], at, at_least=at_least),
            self.tables(PLAN).names,
            self.fifths.bars(values, many),
            float(defined.mean()) if len(defined) else math.nan,
            self.levers.cost(self.mix(setting)),
            0.0 if since is None else time.perf_counter() - since,
        )

    def _goal_month(self, target: Target) -> int | None:
        """The month, from 0, in which the course that is followed is to reach a target; None where it is of another."""
        if target.metric != "ending_arr" or target.where or sells_once(self.plan):
            return None
        header = self.plan.plan
        month = fiscal_period(target.period, header.fiscal_year_start).last - header.start
        return month if 0 <= month < len(self.tables(PLAN).months) else None

    def _is_known(self, setting: Setting) -> bool:
        with self._lock:
            return setting[:2] in self._paths and self._paths[setting[:2]].n > 0


def paths_in_time(fixed: float, each: float) -> int:
    """Paths of a first answer, from the seconds that none and each of them takes: a multiple of 64.

    >>> paths_in_time(0.01, 0.0005), paths_in_time(0.001, 0.00003), paths_in_time(0.0, 0.01)
    (192, 2048, 128)
    """
    return max(FEWEST, min(PREVIEW, int((IN_TIME - fixed) / each) // 64 * 64))


def _forget(held: OrderedDict[Any, Any], most: int, kept: Any) -> None:
    """Let go of what was not used for longest, but not of what is kept for good."""
    while len(held) > most:
        oldest = next(key for key in held if key != kept)
        del held[oldest]


def _slider(name: str, unit: str, owner: str, law: Distribution) -> Slider:
    """A slider of round steps, over what is believed."""
    median = law.median()
    low, high = (float(x) for x in law.ppf(list(_ENDS)))
    if not low < high:
        reach = 0.5 * abs(median) or 1.0
        low, high = median - reach, median + reach
    if unit.startswith("fraction") and law.support()[0] >= 0:
        low, high = max(low, 0.0), min(high, 1.0)
    step = _round_step((high - low) / _STEPS)
    at = round(median / step)
    return Slider(
        name, unit, owner, median, step, min(0, math.ceil(low / step) - at), max(0, math.floor(high / step) - at)
    )


def _furthest(most: int, is_possible: Callable[[int], bool]) -> int:
    """The largest number of steps up to `most` that is possible, where all fewer are."""
    if is_possible(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_possible(middle) else (low, middle)
    return low


def _round_step(step: float) -> float:
    """The nearest of 1, 2 and 5, and their multiples by ten.

    >>> _round_step(0.0034), _round_step(18.0)
    (0.005, 20.0)
    """
    power = 10.0 ** math.floor(math.log10(step))
    nearest = min((1.0, 2.0, 5.0, 10.0), key=lambda times: abs(math.log(times * power / step)))
    return float(f"{nearest * power:.12g}")


def _side(target: Target) -> str:
    return "at_most" if target.at_least is None else "at_least"


def _asked(target: Target) -> float:
    return float(getattr(target, _side(target)))


def _grid(held: Array, values: Array, asked: float) -> Array:
    """Values of a metric at which its curve is drawn: over all that is likely, and what is asked for."""
    ends = [
        np.quantile(defined, (0.002, 0.998), method="inverted_cdf")
        for each in (held, values)
        if len(defined := each[np.isfinite(each)])
    ]
    if not ends:
        return np.array([asked])
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    return np.unique(np.append(np.linspace(low, high, _CURVE), asked))


def _stem(name: str) -> str:
    """The name of a file, of a name that somebody gave.

    >>> _stem("More sellers / Q2!"), _stem("../..")
    ('more-sellers-q2', '')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:60].strip("-")
