"""A plan whose bookings are Σ N_i s_i: N Poisson, everything won at once, s normal and never below zero."""

from collections.abc import Mapping

from simengine.plan import loads
from simengine.plan.schema import Plan


def linear_plan(
    volume: Mapping[str, float], mean: float, sd: Mapping[str, float], *, at_least: int, correlations: str = ""
) -> Plan:
    """One segment for each name in `volume`, its deal size an assumption; a size with sd 0 is fixed."""
    segments = "".join(f"  {name}: {{sells: once}}\n" for name in volume)
    sizes = "".join(
        f"  size.{name}: {{plan: {mean}, unit: currency, distribution: {_law(mean, sd[name])},\n"
        f"    source: {{kind: judgment, reference: test}}, risk: {{adverse: low}}}}\n"
        for name in volume
    )
    demand = "".join(
        f"        {name}: {{volume: {number} per month, win_rate: 100 %, cycle: 0 months, deal_size: size.{name}}}\n"
        for name, number in volume.items()
    )
    return loads(
        "plan: {name: Linear, currency: USD, start: 2027-01, months: 1}\n"
        f"targets: [{{name: board, metric: bookings, period: 2027-01, at_least: {at_least}}}]\n"
        "source_policy: {historical: {drift: 0 %}, benchmark: {widen: x1}, judgment: {widen: x1}}\n"
        f"segments:\n{segments}assumptions:\n{sizes}{correlations}"
        f"funnel:\n  channels:\n    direct:\n      sold_by: nobody\n      segments:\n{demand}"
    )


def _law(mean: float, sd: float) -> str:
    if sd == 0:
        return f"{{fixed: {mean}}}"
    return f"{{truncated: {{min: 0, distribution: {{normal: {{mean: {mean}, sd: {sd}}}}}}}}}"
