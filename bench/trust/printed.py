"""Every interval that simengine prints or writes: where, what makes it, and what repeats it against a known truth.

The table is complete in two ways that `tests/trust/test_intervals.py` checks by reading the source: every module that
writes an interval (`writers`) stands in it, and every function that makes one out of a law, a standard error or
another interval (`makers`). New code that does either fails the test until its interval has a case here.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench.inputs import ROOT

SOURCE = ROOT / "simengine"
_ROOMS_THAT_PRINT = ("report", "workbook", "cockpit", "cli", "archive", "reading")
_ROOMS_THAT_ESTIMATE = ("results", "explain", "decide", "learn", "cockpit", "report", "workbook")
_WRITING = {"between", "interval_of", "points_between", "at_most", "chance_under", "bounded", "estimate", "proportion"}
_MAKING = {
    *("Z95", "_Z95", "Z90", "LEVEL", "CHI_SQUARED_90", "TAILS"),
    *("ndtri", "stdtrit", "chdtri", "bdtri", "betaincinv", "gammaincinv"),
    *("wilson", "quantile_interval", "quantile_intervals", "exact_lower", "exact_upper", "exact_share"),
    *("mean", "median", "proportion", "difference", "share_interval", "difference_of_shares", "difference_of_means"),
    *("beta_interval", "gamma_interval", "rate_interval", "wider_by_t", "profile_interval", "profile"),
}
"""What an interval is made of, by the name under which a function uses it."""


class Printed(NamedTuple):
    """One kind of interval.

    Attributes
    ----------
    what : is told
    where : the modules of simengine that print or write it
    made_by : by module, the functions that make it
    repeated_by : names of cases, or tests of the full tier by file and function
    """

    what: str
    where: str
    made_by: dict[str, str]
    repeated_by: tuple[str, ...]


_LEARN = "tests/learn/"
PRINTED = (
    Printed(
        "P(target), joint, of events and of shares of paths",
        "report.summary report.facts report.statistics report.page.board report.page.chapters report.tables "
        "report.events report.year report.gauges report.charts.exceedance report.charts.fan report.charts.scenarios "
        "report.shortfall report.robust report.alarms report.compare report.solve report.gap report.levers "
        "report.backward report.frontier report.accessor workbook.tables cli.require cockpit.page",
        {
            "results.targets": "hit_probability",
            "explain.intervals": "proportion",
            "report.statistics": "proportion",
            "report.events": "events",
            "report.year": "quarters",
            "decide.compare": "compare",
            "decide.closing": "Closing.chance",
            "decide.findings": "Solution.before Solution.after Frontier.probability",
            "decide.gap": "_aside _retention",
            "decide.robust": "_share",
            "decide.diff": "_share",
            "decide.quotas": "over_assignments",
            "decide.worth": "_dataset",
            "decide.backward": "backward _Moved._delay",
            "learn.scorecard": "beside",
            "learn.walk": "_mean",
            "explain.miss": "misses _of_assumptions _Movement.to",
            "explain.dates": "_told of_events",
            "explain.ranking": "rank _worse_than_plan",
            "explain.trigger_points": "triggers _cell _among _of_any",
            "explain.information": "_of_options",
        },
        ("Wilson", "of two targets", "tiny plan", "misses", "rank", "triggers", "events in misses"),
    ),
    Printed(
        "quantiles, the commit number, medians",
        "report.summary report.facts report.page.board report.compare report.gap report.fan report.accessor "
        "report.charts.capacity workbook.tables cockpit.page",
        {
            "results.targets": "_quantiles quantile_interval quantile_intervals",
            "results.composition": "composition",
            "results.efficiency": "_intervals efficiency",
            "results.pipeline": "pipeline_coverage",
            "explain.intervals": "median",
            "report.facts": "_target",
            "decide.compare": "_amounts",
            "decide.gap": "gap",
            "decide.quotas": "over_assignments",
        },
        ("order statistics", "tiny plan"),
    ),
    Printed(
        "means, and the shortfall of a miss",
        "report.summary report.facts report.page.board report.compare report.gap report.diff report.walk "
        "report.accessor workbook.results workbook.tables",
        {
            "explain.intervals": "mean",
            "report.page.board": "_missed",
            "report.facts": "_target",
            "report.risks": "_optimism",
            "decide.compare": "_amounts",
            "decide.gap": "gap",
            "decide.bridge": "_row",
            "decide.diff": "_bounded",
            "learn.walk": "_mean",
            "learn.scorecard": "beside",
            "workbook.results": "_basis",
        },
        ("mean", "shortfall of a miss", "tiny plan"),
    ),
    Printed(
        "paired differences: scenarios, levers, choices, delays, losses",
        "report.compare report.levers report.solve report.frontier report.robust report.backward report.scorecard "
        "report.page.board report.page.chapters report.charts.scenarios report.words workbook.tables cockpit.page",
        {
            "decide.paired": "difference_of_shares difference_of_means",
            "decide.compare": "_share_change _mean_change",
            "decide.findings": "Solution.gain Solution.more_than_chosen Frontier.more_than_last",
            "decide.worth": "_Trials.gain _Trials.changes change_of",
            "decide.robust": "_beyond _dataset",
            "decide.backward": "_Moved._delay",
            "cockpit.live": "Cockpit.answer",
            "learn.scorecard": "beside",
        },
        ("Bonett and Price", "Student", "losses beyond the base", "tiny plan"),
    ),
    Printed(
        "certificates: what a choice keeps at least",
        "report.solve report.frontier",
        {"explain.intervals": "exact_lower exact_upper", "decide.certify": "certify"},
        (
            "certificates",
            "tests/decide/test_certify.py::test_certified_choices_keep_what_is_said_over_a_thousand_repetitions",
            "tests/decide/test_certify.py::test_certified_choices_of_a_plan_keep_what_is_said",
        ),
    ),
    Printed("the knee of a frontier", "report.frontier", {"decide.frontier": "knee"}, ("frontier",)),
    Printed(
        "what a lever would have to be alone",
        "report.gap",
        {"decide.closing": "Closing._bounded"},
        ("needed amount",),
    ),
    Printed(
        "the cockpit's first answers",
        "cockpit.page cockpit.estimates cockpit.pictures",
        {"cockpit.estimates": "alone with_known", "cockpit.pictures": "order sure"},
        ("first answers", "outer fifths"),
    ),
    Printed(
        "shares of variance: of assumptions, groups, all below a place; random variation, unattributed, quality",
        "report.ranking report.drivers report.page.board report.page.chapters report.quadrant report.forms "
        "report.charts.tornado report.accessor workbook.tables",
        {
            "explain.intervals": "share_interval",
            "explain.attribution": "attribute _shares Shares.total",
            "explain.variance": "_share",
            "explain.variation": "random_variation",
            "explain.ranking": "rank",
        },
        (
            *("attribution, linear", "attribution, quadratic", "attribution, variation depends on an input"),
            *("attribution, few draws", "without a model", "rank"),
            "tests/explain/test_coverage.py::test_intervals_of_closed_forms",
            "tests/explain/test_coverage.py::test_intervals_where_something_is_unusual",
        ),
    ),
    Printed(
        "narrowing of P10 to P90",
        "report.ranking report.drivers report.page.chapters",
        {"explain.narrowing": "narrowing"},
        ("rank",),
    ),
    Printed("shares by quarter", "report.ranking report.drivers", {"explain.timing": "by_quarter"}, ("by quarter",)),
    Printed(
        "the tornado: fifths and swing, rank correlation, one at a time",
        "report.tornado report.ranking report.forms report.charts.tornado report.page.board report.page.chapters "
        "workbook.tables",
        {
            "explain.tornado": "tornado _told",
            "explain.forms": "_rank_correlation _alone",
            "explain.ranking": "rank",
        },
        ("fifths", "Zou and Donner", "rank"),
    ),
    Printed(
        "shares of hit or miss",
        "report.misses report.page.chapters",
        {"explain.target": "hit_shares _Game._stated"},
        (
            "hit or miss, correlated",
            "misses",
            "tests/explain/test_target.py::test_intervals_hold_the_truth_a_thousand_times",
        ),
    ),
    Printed(
        "a typical miss: shift, medians, the most plausible point, paths beside it, month by month, events",
        "report.misses report.page.chapters",
        {
            "explain.miss": "_of_assumptions _Movement.to _Movement._missing_at _values_between _around",
            "explain.dates": "by_month _spread _told of_events",
        },
        ("misses", "events in misses"),
    ),
    Printed(
        "directions, what plan values are worth, thresholds, pairs",
        "report.risks report.page.board",
        {
            "explain.additive": "Slopes.over",
            "explain.direction": "_planned",
            "explain.patterns": "_sized",
        },
        ("direction", "patterns"),
    ),
    Printed(
        "trigger points, and P(hit) given what is observed",
        "report.alarms report.page.chapters",
        {"explain.probit": "crossing", "explain.trigger_points": "_cell _read _among _of_any"},
        ("triggers",),
    ),
    Printed(
        "what averages hide: steps and levels",
        "report.averages report.charts.steps cli.steps report.page.board",
        {"explain.averages": "_error _described"},
        ("averages",),
    ),
    Printed(
        "value of information, who is best and by how much",
        "report.information report.worth report.page.chapters",
        {
            "explain.evppi": "least_gain _upper",
            "explain.information": "_of_options",
        },
        (
            "information",
            "EVPI and EVPPI",
            "tests/explain/test_evppi.py::test_coverage_over_a_thousand_repetitions",
        ),
    ),
    Printed(
        "audit by walks and scrambled points",
        "report.audit",
        {"explain.walk": "_shares", "explain.sobol": "sobol"},
        (
            "walk",
            "Sobol",
            "tests/explain/test_walk.py::test_intervals_cover_as_often_as_they_say",
            "tests/explain/test_sobol.py::test_intervals_cover_as_often_as_they_say",
        ),
    ),
    Printed(
        "bars from one plan, or version, to the next",
        "report.walk report.diff report.page.board",
        {
            "learn.walk": "_walked _dataset",
            "decide.diff": "_bounded _bars",
            "report.walk": "_pooled",
        },
        (
            "bars, one seed",
            "bars, two seeds",
            "tests/learn/test_bars.py::test_intervals_hold_the_truth_in_a_thousand_repetitions",
            "tests/learn/test_walk.py::test_intervals_hold_the_truth",
        ),
    ),
    Printed(
        "what came inside the intervals of forecasts",
        "report.score report.backtest report.page.board",
        {"learn.score": "exact_share calibration"},
        ("Clopper and Pearson", "tests/learn/test_backtest.py::test_they_hold_as_often_as_they_say"),
    ),
    Printed(
        "a look back at records",
        "report.lookback",
        {"learn.lookback": "ratio _at_quota _won_share _median_days"},
        ("look back", "median of records", "Clopper and Pearson, 90 %"),
    ),
    Printed(
        "estimates of `fit`, pairs of rates, and pictures of history",
        "report.fit report.history_fit report.deals_fit report.scorecard",
        {
            "learn.estimate": "wider_by_t gamma_interval beta_interval",
            "learn.conversion": "Rate.interval matured",
            "learn.incidence": "Incidence.curves",
            "learn.leaving": "rate_interval garwood kaplan_meier lapse _attrition _as_beta _dollars_lapsed _expansion",
            "learn.maximum": "profile",
            "learn.naming": "share positive",
            "learn.outcomes": "Fit.interval profile_interval",
            "learn.ramp": "picture",
            "learn.readings": "_drop Reading.error",
            "learn.sizes": "_told",
            "learn.together": "spearman correlations drift",
            "learn.volumes": "_dispersion_interval _told _growth",
        },
        (
            "fit",
            "hazards",
            "rates of quarters",
            f"{_LEARN}test_recovery.py::test_a_thousand_histories_hold_the_truth",
            f"{_LEARN}test_conversion.py::test_rate_and_time_are_recovered_in_a_thousand_histories",
            f"{_LEARN}test_incidence.py::test_estimates_without_a_law_hold_the_truth_in_a_thousand_histories",
            f"{_LEARN}test_outcomes.py::test_intervals_hold_the_truth_in_a_thousand_histories",
            f"{_LEARN}test_deals.py::test_intervals_of_the_chosen_law_hold_the_truth_in_a_thousand_histories",
            f"{_LEARN}test_ramp.py::test_intervals_from_bookings_contain_the_ramp_at_least_as_often_as_they_say",
            f"{_LEARN}test_sizes.py::test_intervals_of_the_mean_contain_it_as_often_as_they_say",
            f"{_LEARN}test_volumes.py::test_intervals_of_the_level_contain_it_as_often_as_they_say",
            f"{_LEARN}test_volumes.py::test_intervals_of_growth_contain_it_as_often_as_they_say",
            f"{_LEARN}test_leaving.py::test_intervals_of_attrition_contain_it_as_often_as_they_say",
            f"{_LEARN}test_leaving.py::test_intervals_of_renewal_contain_it_as_often_as_they_say",
            f"{_LEARN}test_together.py::test_intervals_of_drift_contain_it_as_often_as_they_say",
        ),
    ),
    Printed(
        "readings of actuals, and beliefs after an update",
        "report.scorecard",
        {"learn.readings": "_drop Reading.error", "learn.scorecard": "scorecard"},
        (
            f"{_LEARN}test_readings.py::test_intervals_hold_the_truth_in_a_thousand_histories",
            f"{_LEARN}test_calibration.py::*",
        ),
    ),
)

NO_ESTIMATE = {
    "report.bridge": "P10 to P90 of paths",
    "report.parts": "P10 to P90 of paths",
    "report.words": "writes what it is given",
}
"""Modules that write something else in the same words."""

NO_INTERVAL = {
    # Tests and ranks: who is told apart.
    "decide.frontier": "_told_apart",
    "decide.paired": "ranked",
    "decide.robust": "_ranks adverse_scores",
    "decide.worth": "_is_told _ranked_means",
    "explain.direction": "_attributes _companions _put_turns _sign",
    "explain.information": "_groups",
    "explain.intervals": "beyond_noise",
    "explain.patterns": "_selected",
    "explain.ranking": "_groups",
    "explain.trigger_points": "_needed",
    "learn.fit": "back_check",
    "learn.walk": "_order",
    "report.fit": "_back _pairs fit_facts fit_tables",
    # Normal scores and quantiles of laws.
    "decide.ready": "Hires.__init__",
    "decide.search": "_score",
    "explain.probit": "fitted",
    "explain.ranks": "normal_scores normal_scores_among",
    "explain.surrogate": "Inputs._thresholds",
    "explain.target": "_slopes explained_of_hit",
    "explain.variance": "Bins.__init__",
    "learn.lags": "quantile",
    "learn.posterior": "_fill",
    # Estimates alone, maxima, and labels.
    "report.exceedance": "_chance",
    "report.fan": "_found cash",
    "report.lookback": "_table lookback_facts lookback_tables",
    "report.score": "coverage_told",
    "report.statistics": "amount",
    "report.year": "composition made_of",
    "results.targets": "_bound",
}
"""Functions that use what intervals are made of for something else."""


def writers() -> set[str]:
    """The modules that write an interval: call what writes one, or name its bounds."""
    return {name for name, tree in _modules(_ROOMS_THAT_PRINT) if _writes(tree)}


def _writes(tree: ast.AST) -> bool:
    nodes = list(ast.walk(tree))
    called = {id(node.func): node.func for node in nodes if isinstance(node, ast.Call)}
    bounds = (node for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("lower", "upper"))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return (
        any(id(node) not in called for node in bounds)
        or any(text in ("lower", "upper") or text.endswith(("_lower", "_upper")) for text in texts)
        or any(isinstance(func, ast.Name) and func.id in _WRITING for func in called.values())
    )


def makers() -> set[str]:
    """The functions, as `room.module:function`, that use what intervals are made of."""
    return {f"{name}:{function}" for name, tree in _modules(_ROOMS_THAT_ESTIMATE) for function in _making(tree)}


def _making(tree: ast.Module) -> Iterator[str]:
    known = _MAKING & set(_defined(tree))
    for path, function in _functions(tree, ()):
        for node in ast.walk(function):
            is_known = isinstance(node, ast.Name) and node.id in known
            if is_known or (isinstance(node, ast.Attribute) and node.attr in _MAKING and _is_intervals(node.value)):
                yield ".".join(path)
                break


def _defined(tree: ast.Module) -> Iterator[str]:
    """The names that a module imports, also inside functions, and those that it makes itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        if isinstance(node, ast.Assign):
            yield from (name.id for name in node.targets if isinstance(name, ast.Name))


def _is_intervals(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "intervals"


def _functions(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield (*path, child.name), child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, (*path, child.name))


def _modules(rooms: tuple[str, ...]) -> list[tuple[str, ast.Module]]:
    return [(_name(path), _tree(path)) for room in rooms for path in sorted((SOURCE / room).rglob("*.py"))]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def listed_writers() -> set[str]:
    """The modules of the table."""
    return {name for one in PRINTED for name in one.where.split()} | set(NO_ESTIMATE)


def listed_makers() -> set[str]:
    """The functions of the table."""
    told = {f"{module}:{name}" for one in PRINTED for module, names in one.made_by.items() for name in names.split()}
    return told | {f"{module}:{name}" for module, names in NO_INTERVAL.items() for name in names.split()}
