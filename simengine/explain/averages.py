"""What averages hide: from the operating plan to the simulated mean, in steps that add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from simengine.baseline import baseline, spreadsheet_values
from simengine.errors import SimengineError
from simengine.explain.additive import Additive, scores_of
from simengine.explain.intervals import Z95, Floats
from simengine.explain.question import Question, question_of
from simengine.plan.schema import Plan
from simengine.results.books import Chart, Ledger
from simengine.results.economics import metric
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import months_from_start

SPREADSHEETS = 64
FEWEST_SPREADSHEETS = 30
PARTS = ("people", "funnel", "base", "money", "events")
"""Parts of the plan on which assumptions act, and events."""
_DEGREE = 2
"""Of the curves that go with a spreadsheet."""
_BY_CLAIM = ("funnel", "base", "people", "money")
"""Whose an assumption is that acts on several."""
FLOWS = {"new_arr": 1, "expansion_arr": 1, "price_arr": 1, "contraction_arr": -1, "churned_arr": -1}
"""Flows of the ARR bridge, and their signs in it."""

Values = Mapping[str, float]


class Estimates(NamedTuple):
    """Steps or levels, (s,) each, and their standard errors."""

    value: Floats
    error: Floats


def averages(
    ds: xr.Dataset,
    plan: Plan,
    metric_or_target: str,
    *,
    period: str | None = None,
    spreadsheets: int = SPREADSHEETS,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Walk from the operating plan to the simulated mean of a metric.

    The operating plan, the medians and the means are each one spreadsheet: the model with expected values, fractional
    people and deals. With b(x) the spreadsheet at values x, the assumptions X and the simulated result Y,

        E[Y] - b(plan) = [b(medians) - b(plan)] + [b(means) - b(medians)] + [E b(X) - b(means)] + [E Y - E b(X)]

    - `plan values`: what is counted on beyond the median;
    - `skew`: means beyond medians;
    - `people`, `funnel`, `base`, `money`, `events`, `together`: the average of many spreadsheets is not the spreadsheet
      of the averages, because results are curved (Jensen). What the assumptions of one part of the plan do alone, the
      others at their means, and what only arises when parts vary together, as when capacity is short where demand is
      high. An assumption that acts on several parts counts for the first of funnel, base, people, money; an event,
      which a spreadsheet has in force for its mean number of months, for `events`;
    - `chance`: what no spreadsheet has: whole people, deals and customers, queues, luck, monthly shocks, freezes.

    `E b(X)` rests on a spreadsheet for each of the first draws of the run. What these draws have more or less of than
    all draws is corrected with an additive curve fitted to all simulated draws (a control variate; Glasserman, *Monte
    Carlo Methods in Financial Engineering*, 2003, section 4.1), so that few draws are enough.

    Parameters
    ----------
    ds : result of a run
    plan : the plan that was run
    metric_or_target, period : as in `explain.rank`; no ratio, for the mean of a ratio says nothing of its parts
    spreadsheets : draws that are worked out as spreadsheets, for each part of the plan that has assumptions and all
    progress : called with (spreadsheets done, spreadsheets in all)

    Returns
    -------
    Dataset
        Along `step` and `flow`, in the metric's unit: `effect` with `_lower` and `_upper`. Along `level` (operating
        plan, medians, means, spreadsheets, simulated) and `flow`: `amount` with bounds. `flow` is `total` and, of the
        company's ARR, the flows of the bridge with their signs. Steps add up to the last level less the first, flows
        to the total (of ending ARR less opening ARR). What is exact has its value for bounds.

    Raises
    ------
    SimengineError
        when the plan is not the one that was run, the metric is a ratio or undefined, or too few draws are there
    """
    if plan.digest_simulated != ds.attrs["digest_simulated"]:
        raise SimengineError("this is not the plan of the run; give the one that is kept in the run's folder")
    question = question_of(ds, metric_or_target, period)
    _check(ds, question, spreadsheets)
    amounts = _Amounts(ds, plan, question)
    means = spreadsheet_values(plan, "means")
    cases = [amounts.of(spreadsheet_values(plan, "operating plan")), amounts.of(spreadsheet_values(plan, "medians"))]
    cases.append(amounts.of(means))
    names = [str(name) for name in ds["assumption"].values]
    parts = _parts(ds, plan, means)
    count = min(spreadsheets, ds.sizes["draw"])
    drawn = ds["assumption_value"].values[:count]
    total = count * (len(parts) + 1)
    worked: list[Floats] = []
    done = 0
    for members in (set(means), *parts.values()):
        rows = []
        for row in drawn:
            own = {name: float(x) for name, x in zip(names, row, strict=True) if name in members}
            rows.append(amounts.of({**means, **own}))
            done += 1
            if progress is not None:
                progress(done, total)
        worked.append(np.array(rows))
    groups = [[i for i, name in enumerate(names) if name in members] for members in (set(means), *parts.values())]
    simulated = list(amounts.simulated())
    # Those of the flows make up that of the total: what is linear in the result then adds up as well.
    followed = np.column_stack(simulated[1:] or simulated)
    curves = _curves(Additive(scores_of(ds["assumption_value"].values), _DEGREE), followed, groups)
    columns = [
        _walk([case[f] for case in cases], [rows[:, f] for rows in worked], result, curves)
        for f, result in enumerate(simulated)
    ]
    return _described(ds, question, amounts.flows, list(parts), columns, count)


def _check(ds: xr.Dataset, question: Question, spreadsheets: int) -> None:
    if OUTPUTS[question.metric].kind == "ratio":
        raise SimengineError(
            f"{question.metric} is a ratio, and the mean of a ratio cannot be split; choose an amount, such as "
            "ending_arr or new_arr"
        )
    if min(spreadsheets, ds.sizes["draw"]) < FEWEST_SPREADSHEETS:
        raise SimengineError(f"at least {FEWEST_SPREADSHEETS} spreadsheets and as many draws are needed")
    if not np.isfinite(question.value).all():
        raise SimengineError(f"{question.metric} is not a finite number on every path; choose another metric")


class _Amounts:
    """The metric asked for, and of the company's ARR the flows it is made of, at any values of the assumptions."""

    def __init__(self, ds: xr.Dataset, plan: Plan, question: Question) -> None:
        self._ds, self._plan, self._question, self._chart = ds, plan, question, Chart(plan)
        self._where = {target.name: target.where for target in plan.targets}.get(question.target, {})
        self._first, self._last = months_from_start(ds, question.period)
        arr = question.metric in ("ending_arr", "net_new_arr") and not self._where
        self.flows = ("total", *FLOWS) if arr else ("total",)
        self._since = 0 if question.metric == "ending_arr" else max(self._first, 0)

    def of(self, values: Values) -> Floats:
        """Total and signed flows of one spreadsheet, (flow,)."""
        books = Ledger(self._plan, baseline(self._plan, values), self._chart).books(self._where)
        total = metric(books, self._question.metric, self._first, self._last)
        flows = [FLOWS[name] * books.over(name, self._since, self._last) for name in self.flows[1:]]
        return np.array([float(np.broadcast_to(amount, 1)[0]) for amount in (total, *flows)])

    def simulated(self) -> Iterator[Floats]:
        """Total and signed flows of every path, (draw,) each."""
        yield self._question.value
        for name in self.flows[1:]:
            yield FLOWS[name] * self._ds[name].values[:, self._since : self._last + 1].sum(axis=1)


def _parts(ds: xr.Dataset, plan: Plan, means: Values) -> dict[str, set[str]]:
    """The uncertain assumptions that act on each part of the plan, and the events."""
    found: dict[str, set[str]] = {part: set() for part in PARTS}
    values = ds["assumption_value"].values
    for i, (name, acts_on) in enumerate(zip(ds["assumption"].values, ds["acts_on"].values, strict=True)):
        acting = ["events"] if name in plan.events else str(acts_on).split(", ")
        claimed = next((part for part in ("events", *_BY_CLAIM) if part in acting), None)
        if claimed and str(name) in means and np.ptp(values[:, i]) > 0:
            found[claimed].add(str(name))
    return {part: members for part, members in found.items() if members}


def _curves(model: Additive, simulated: Floats, groups: Sequence[Sequence[int]]) -> list[Floats]:
    """What each group of inputs explains of simulated results, (draw, c): the sums of its additive curves, alike."""
    coefficients = model.coefficients(simulated)
    mine = [np.isin(model.owner, list(members)) for members in groups]
    return [model.columns[:, columns] @ coefficients[columns] for columns in mine]


def _walk(
    cases: Sequence[float], worked: Sequence[Floats], simulated: Floats, curves: Sequence[Floats]
) -> tuple[Estimates, Estimates]:
    """Steps and levels of one amount.

    Parameters
    ----------
    cases : at plan values, medians and means
    worked : spreadsheets of the first m draws, (m,) each: all assumptions as drawn, then those of each part alone
    simulated : the result, (n,)
    curves : of each of `worked` c curves of its inputs that go with it, (n, c)
    """
    n, m = len(simulated), len(worked[0])
    levels, leftover, spread = [], [], []
    for rows, curve in zip(worked, curves, strict=True):
        centred = curve[:m] - curve[:m].mean(axis=0)
        slopes = np.linalg.lstsq(centred, rows - rows.mean(), rcond=1e-9)[0]
        levels.append(float(rows.mean() - slopes @ (curve[:m].mean(axis=0) - curve.mean(axis=0))))
        leftover.append(rows - rows.mean() - centred @ slopes)
        spread.append((curve - curve.mean(axis=0)) @ slopes)
    everything, alone = levels[0], levels[1:]
    plan, medians, means = cases
    mean = float(simulated.mean())
    curvature = [level - means for level in alone]
    steps = [medians - plan, means - medians, *curvature, everything - means - sum(curvature), mean - everything]
    together = leftover[0] - sum(leftover[1:], np.zeros(m)), spread[0] - sum(spread[1:], np.zeros(n))
    chance = leftover[0], simulated - simulated.mean() - spread[0]
    free = m - 1 - curves[0].shape[1]
    uncertain = (*zip(leftover[1:], spread[1:], strict=True), together, chance)
    errors = [0.0, 0.0, *(_error(of_sheets, of_draws, free) for of_sheets, of_draws in uncertain)]
    amounts = [plan, medians, means, everything, mean]
    of_levels = [0.0, 0.0, 0.0, _error(leftover[0], spread[0], free), float(simulated.std(ddof=1)) / math.sqrt(n)]
    # What only rounding tells from nothing is nothing.
    dust = 1e-9 * max(abs(amount) for amount in amounts)
    kept = np.array([steps, errors]) * (np.abs([steps, errors]) > dust)
    return Estimates(*kept), Estimates(np.array(amounts), np.array(of_levels))


def _error(of_sheets: Floats, of_draws: Floats, free: int) -> float:
    """Error of a mean over n draws known through m of them: of what the curves do not tell, and of what they do."""
    from scipy.special import stdtrit

    m = len(of_sheets)
    # Few spreadsheets: as much wider as Student's law is than the normal.
    wider = float(stdtrit(free, 0.975)) / Z95
    return math.sqrt(wider**2 * float((of_sheets**2).sum()) / free / m + float(of_draws.var()) / len(of_draws))


def _described(
    ds: xr.Dataset,
    question: Question,
    flows: Sequence[str],
    parts: Sequence[str],
    columns: Sequence[tuple[Estimates, Estimates]],
    count: int,
) -> xr.Dataset:
    steps = ["plan values", "skew", *parts, "together", "chance"]
    levels = ["operating plan", "medians", "means", "spreadsheets", "simulated"]
    variables = {}
    for which, name, dim in ((0, "effect", "step"), (1, "amount", "level")):
        value, error = (np.array([column[which][row] for column in columns]).T for row in (0, 1))
        for suffix, bound in (("", value), ("_lower", value - Z95 * error), ("_upper", value + Z95 * error)):
            variables[name + suffix] = ((dim, "flow"), bound)
    attrs = {
        "plan": ds.attrs["plan"],
        "currency": ds.attrs["currency"],
        "metric": question.metric,
        "period": question.period,
        "target": question.target,
        "units": OUTPUTS[question.metric].attributes(ds.attrs["currency"])["units"],
        "draws": ds.sizes["draw"],
        "spreadsheets": count,
        "level": 0.95,
    }
    return xr.Dataset(variables, {"step": steps, "level": levels, "flow": list(flows)}, attrs)
