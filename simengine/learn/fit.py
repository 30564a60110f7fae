"""From history to assumptions: every estimate with its source, and how it would have done a quarter ago."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import pandas as pd

from simengine.errors import SimengineError
from simengine.learn import conversion, deals, leaving, ramp, sizes, together, volumes
from simengine.learn.estimate import Z90, Estimate
from simengine.learn.history import WON, History
from simengine.learn.naming import Say, assumption_name, silent
from simengine.plan.edit import written

TABLE_OF = {
    **dict.fromkeys(("win_rate", "cycle", "cycle_lost", "cycle_spread", "decided", "deal_size"), ("opportunities",)),
    **dict.fromkeys(("attrition", "promotion"), ("people",)),
    **dict.fromkeys(("renewal", "dollar_renewal", "contraction"), ("contracts",)),
    "ramp_months": ("people", "opportunities"),
    "price_increase": ("bookings", "contracts"),
    "expansion": ("bookings", "contracts"),
}
"""Where the records of an assumption are, by the first part of its name; of any other, the leads, if there are any."""
HURTS = {
    **dict.fromkeys(("cycle", "cycle_lost", "attrition", "promotion", "contraction", "ramp_months"), "high"),
    "cycle_spread": "both",
}
"""Which side of an assumption hurts, by the first part of its name; of all others it is the low one."""
NO_KEY = ("renewal_by_tenure",)
"""What records tell and no key of a plan can hold."""
MONTHS_BACK = 3
MOST_APART = 100.0
"""Ends of an interval that are further apart, as a ratio, tell nothing that a plan could use."""


class BackCheck(NamedTuple):
    """What would have been estimated on an earlier day, and how far today's value lies from it.

    `z` is the change over its standard error, on the scale on which the interval is symmetric: of an estimate and one
    from a part of its records `√(e₁² − e²)`, e₁ that of the part (J. A. Hausman, Econometrica 46, 1978, 1251-1271); of
    two from windows of W months that are s apart, of which a share s/W is not common, `√((e₁² + e²) s/W)`. Beyond 1.64
    the number has moved more than sampling explains: it drifts. NaN where it is meant to move, as a volume that grows.
    """

    as_of: date
    value: float
    lower: float
    upper: float
    z: float


@dataclass(frozen=True)
class Fit:
    """Assumptions from a history, names sorted; what is known of some from before, and where their records are."""

    as_of: date
    estimates: tuple[Estimate, ...]
    correlations: tuple[together.Correlation, ...]
    checks: Mapping[str, BackCheck]
    sources: Mapping[str, str]


def fit(history: History, *, months_back: int = MONTHS_BACK, say: Say = silent) -> Fit:
    """Every assumption that a history speaks to.

    Parameters
    ----------
    history : as of the day on which the plan is made
    months_back : how far before it the back-check stands; 0 for none
    say : told what is left out, and why

    Raises
    ------
    SimengineError
        when the history speaks to nothing, or two things would have one name
    """
    found = _estimates(history, say)
    if not found:
        needs = "opportunities, leads, contracts or people"
        raise SimengineError(f"nothing can be estimated: the history holds no table of {needs} with enough records")
    earlier = pd.Timestamp(history.as_of) - pd.DateOffset(months=months_back)
    before = _estimates(_known(history, earlier.date()), silent) if months_back else {}
    checks = {name: back_check(found, before[name], earlier.date(), months_back) for name in found if name in before}
    sources = {name: _source(history, name) for name in found}
    by_quarter = {assumption_name(name): values for name, values in together.quarterly_rates(history).items()}
    rates = {name: values for name, values in by_quarter.items() if name in found}
    return Fit(history.as_of, tuple(found.values()), tuple(together.correlations(rates)), checks, sources)


def _known(history: History, day: date) -> History:
    """What was known on an earlier day, of the tables that had begun by then."""
    then = history.cut(day)
    return replace(then, tables={name: each for name, each in then.tables.items() if then.since.get(name, day) <= day})


def _estimates(history: History, say: Say) -> dict[str, Estimate]:
    closing = deals.estimates(history, say=say)
    found = [
        *volumes.estimates(history, say=say),
        *conversion.conversion_estimates(history, say=say),
        *closing,
        *sizes.estimates(history, say=say),
        *leaving.estimates(history, say=say),
        *ramp.estimates(history, cycles_of(history, closing), say=say),
    ]
    found = [replace(estimate, name=assumption_name(estimate.name)) for estimate in found if _is_told(estimate, say)]
    twice = [name for name, count in Counter(estimate.name for estimate in found).items() if count > 1]
    if twice:
        words = "two segments, channels or roles would share the name of an assumption; rename one in the mapping file"
        raise SimengineError(f"{', '.join(twice)}: {words}")
    return {estimate.name: estimate for estimate in sorted(found, key=lambda estimate: estimate.name)}


def _is_told(estimate: Estimate, say: Say) -> bool:
    """Whether the records tell how large it is: the ends of its interval are not a hundredfold apart.

    What arrived in two months is kept, however wide: to leave it out would be to forecast that nothing arrives.
    """
    bounded = estimate.unit.startswith(("fraction", "count"))
    if bounded or estimate.upper <= MOST_APART * estimate.lower:
        return True
    ends = " to ".join(str(told(end, estimate.unit)) for end in (estimate.lower, estimate.upper))
    say(f"{estimate.name}: anything from {ends} {estimate.unit}, which the records do not tell; left out.")
    return False


def cycles_of(history: History, closing: Collection[Estimate]) -> dict[str, ramp.Cycle]:
    """How long deals take, by role: the mean over the segments in which its people won, by wins.

    Parameters
    ----------
    closing : estimates of `deals`: win rates, and cycles with the open deals
    """
    known = {estimate.name: estimate.value for estimate in closing}
    people, opportunities = history.table("people"), history.table("opportunities")
    won = opportunities[opportunities["outcome"] == WON]
    found = {}
    for role, rows in people.groupby("role"):
        own = won.loc[won["owner"].isin(rows["id"]), "segment"].value_counts()
        cycles = {name: _cycle(str(name), known) for name in own.index}
        told = [(cycle, int(own[name])) for name, cycle in cycles.items() if cycle is not None]
        if told:
            wins = sum(count for _, count in told)
            found[str(role)] = ramp.Cycle(*(sum(c[i] * n for c, n in told) / wins for i in range(4)))
    return found


def _cycle(segment: str, known: Mapping[str, float]) -> tuple[float, float, float, float] | None:
    """Of one segment; the lost take as long as the won where no more is known."""
    mean, spread = (known.get(f"{kind}.{segment}") for kind in ("cycle", "cycle_spread"))
    if mean is None or spread is None:
        return None
    return mean, spread, known.get(f"cycle_lost.{segment}", mean), known.get(f"win_rate.{segment}", 1.0)


def back_check(found: Mapping[str, Estimate], then: Estimate, as_of: date, months: int) -> BackCheck:
    """How far an estimate has moved since an earlier day.

    Parameters
    ----------
    found : all estimates of today
    then : that of the earlier day, which is `months` before
    """
    now = found[then.name]
    scale = _scale(now.unit)
    errors = [(scale(each.upper) - scale(each.lower)) / (2 * Z90) for each in (then, now)]
    new = math.nan if now.window is None else min(1.0, months / now.window)
    nested = errors[0] ** 2 - errors[1] ** 2
    variance = nested if now.window is None else new * (errors[0] ** 2 + errors[1] ** 2)
    moved = scale(now.value) - scale(then.value)
    grows = f"growth.{now.name.partition('.')[2]}" in found and now.name.startswith("volume.")
    told = 0 < variance < math.inf and math.isfinite(moved) and not grows
    return BackCheck(as_of, then.value, then.lower, then.upper, moved / math.sqrt(variance) if told else math.nan)


def _scale(unit: str) -> Callable[[float], float]:
    """On which intervals are about symmetric: the log odds of a fraction, the log of anything else."""

    def log_odds(p: float) -> float:
        return math.log(p / (1 - p)) if 0 < p < 1 else math.copysign(math.inf, p - 0.5)

    def log(x: float) -> float:
        return math.log(x) if x > 0 else -math.inf

    return log_odds if unit.startswith("fraction") else log


def _source(history: History, name: str) -> str:
    """Which file the records came from, its digest, and since when."""
    kinds = TABLE_OF.get(name.split(".", maxsplit=1)[0])
    known = [kind for kind in kinds or ("leads", "opportunities") if len(history.table(kind))]
    words = []
    for kind in known if kinds else known[:1]:
        origin = history.origins.get(kind)
        words.append(f"{origin.reference} (sha256 {origin.digest[:12]})" if origin else kind)
    return ", ".join(words) or "history"


def assumptions(found: Fit) -> str:
    """The text of assumptions.yaml: what a plan can take over (`extends: assumptions.yaml`), each with its source."""
    head = (
        f"# Assumptions from history as of {found.as_of}, made by `simengine fit`.\n"
        "# `plan` is the estimate: write there what the operating plan counts on.\n\n"
    )
    return f"{head}{written(entries_of(found))}\n"


def entries_of(found: Fit, used: Collection[str] | None = None) -> dict[str, Any]:
    """The sections `assumptions` and `dependence` of a plan, of all assumptions or of those that are used."""
    kept = [estimate for estimate in found.estimates if used is None or estimate.name in used]
    names = {estimate.name for estimate in kept}
    pairs = [_pair(pair, found) for pair in found.correlations if names.issuperset(pair.between)]
    entries = {"assumptions": {estimate.name: _entry(estimate, found) for estimate in kept}}
    return {**entries, "dependence": {"rank_correlations": pairs}} if pairs else entries


def _entry(estimate: Estimate, found: Fit) -> dict[str, Any]:
    kind = estimate.name.split(".", maxsplit=1)[0]
    adverse = "high" if kind.endswith("_months") else HURTS.get(kind, "low")
    source = {"kind": "historical", "reference": found.sources[estimate.name], "n": max(1, estimate.n)}
    drift = {} if estimate.drift is None else {"drift": told(estimate.drift, "fraction")}
    return {
        "plan": told(estimate.value, estimate.unit),
        "distribution": dict(estimate.distribution),
        "unit": estimate.unit,
        "source": {**source, "as_of": str(found.as_of), **drift},
        "risk": {"adverse": adverse},
        "note": _note(estimate),
    }


def _note(estimate: Estimate) -> str:
    low, high = told(estimate.lower, estimate.unit), told(estimate.upper, estimate.unit)
    words = [f"90 % interval {low} to {high}.", _sentence(estimate.method)]
    if estimate.naive is not None and math.isfinite(estimate.naive):
        words.append(f"The usual shortcut says {told(estimate.naive, estimate.unit)}.")
    return " ".join([*words, *map(_sentence, estimate.notes), *also_in_words(estimate)])


def also_in_words(estimate: Estimate) -> Iterator[str]:
    """What else the same records say: keys of a plan to write beside it, and what no key can hold.

    >>> volume = Estimate("volume.web", "count", 9, 8, 10, {}, 9, "", also={"overdispersion": "x1.5"})
    >>> list(also_in_words(volume))
    ['Beside it: overdispersion: x1.5.']
    """
    keys = {key: value for key, value in estimate.also.items() if key not in NO_KEY}
    if keys:
        yield f"Beside it: {'; '.join(f'{key}: {_flat(value)}' for key, value in keys.items())}."
    for key in estimate.also.keys() - keys.keys():
        yield f"{key.replace('_', ' ').capitalize()} (months): {_flat(estimate.also[key])}."


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flat(each)}" for key, each in value.items()) + "}"
    return f"[{', '.join(map(_flat, value))}]" if isinstance(value, list | tuple) else str(value)


def _sentence(words: str) -> str:
    """With a capital, and a full stop.

    >>> _sentence("mean of won deals")
    'Mean of won deals.'
    """
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _pair(pair: together.Correlation, found: Fit) -> dict[str, Any]:
    reference = f"rates of {pair.quarters} quarters to {found.as_of}"
    source = {"kind": "historical", "reference": reference, "n": pair.quarters, "as_of": str(found.as_of)}
    return {"between": list(pair.between), "rho": round(pair.rho, 3), "source": source}


def told(value: float, unit: str) -> str | float | int:
    """A number as a plan writes it: 24.1 %, 41_200, 5.25; to four digits.

    >>> told(0.24134, "fraction"), told(41234.6, "currency"), told(0.081, "fraction per year"), told(5.25, "months")
    ('24.13 %', 41230, '8.1 % per year', 5.25)
    """
    rounded = float(f"{value:.4g}")
    if unit.startswith("fraction"):
        return f"{float(f'{100 * value:.4g}'):g} %{unit.removeprefix('fraction')}"
    return int(rounded) if rounded.is_integer() else rounded
