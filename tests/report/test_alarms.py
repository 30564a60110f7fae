"""What a terminal says of trigger points, from facts made by hand."""

import io
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from simengine.report.alarms import alarm_tables, alarms

NAN = math.nan
MONTHS = [f"2027-{month:02d}" for month in range(1, 12)]


def bounded(value: float, margin: float = 0.01) -> dict[str, float]:
    return {"value": value, "lower": value - margin, "upper": value + margin}


def month(label: str, trigger: float = 0.16, **other: Any) -> dict[str, Any]:
    return {
        "month": label,
        "trips": "below",
        "trigger": bounded(trigger),
        "share_tripped": bounded(0.11),
        "p_hit_tripped": bounded(0.36),
        "p_hit_otherwise": bounded(0.82),
        "p_hit_as_planned": bounded(0.85),
        "as_planned": 0.2,
        "p10": 0.15,
        "median": 0.19,
        "p90": 0.24,
        "observations": 144.0,
        "observations_needed": 100.0,
        **other,
    }


def row(name: str = "win_rate.smb", **other: Any) -> dict[str, Any]:
    return {
        "name": name,
        "owner": "RevOps",
        "adverse": "low",
        "observed_as": "won / decided",
        "observed_unit": "fraction",
        "counted": "decided deals",
        "tells_from": "2027-05",
        "declared": None,
        "months": [month(label) for label in MONTHS],
        **other,
    }


def facts(*rows: dict[str, Any], p_hit: float = 0.9, confidence: float = 0.8, **other: Any) -> dict[str, Any]:
    return {
        "target": "board ARR",
        "metric": "ending_arr",
        "period": "FY2027",
        "confidence": confidence,
        "confidence_is": "declared",
        "draws": 2000,
        "p_hit": bounded(p_hit),
        "months": MONTHS,
        "shown": ["2027-03", "2027-06", "2027-09"],
        "any": [
            {
                "month": label,
                "share_any_tripped": bounded(0.31),
                "p_hit_any_tripped": bounded(0.47),
                "p_hit_none_tripped": bounded(0.93),
            }
            for label in MONTHS
        ],
        "assumptions": list(rows),
        "unseen": [{"name": "cycle.smb", "reason": "a run keeps no lengths of cycles"}],
        **other,
    }


def printed(told: dict[str, Any], width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(alarm_tables(told))
    return " ".join(out.getvalue().split())


def test_a_row_has_the_trigger_by_quarter_and_what_it_tells() -> None:
    text = printed(facts(row()), width=120)
    assert "What would have to be observed to doubt board ARR?" in text
    assert "its confidence is 80%" in text
    assert text.count("< 16.0%") == 3
    assert text.count("15.0–17.0%") == 3
    for words in ("won / decided (plan 20.0%)", "11%: 36%", "else 82%", "2027-05", "n 144"):
        assert words in text, words
    assert "On 31% of all paths at least one number is beyond its trigger of 2027-09: P(hit) 47%, else 93%." in text
    assert "Of these nothing is observed that speaks of one alone (`--json` says why): cycle.smb." in text


def test_an_end_that_is_not_known_is_left_open_and_a_month_without_a_trigger_empty() -> None:
    months = [month(label, trigger=NAN) for label in MONTHS]
    months[8] = {**month("2027-09"), "trigger": {"value": 0.16, "lower": 0.15, "upper": math.inf}}
    text = printed(facts(row(months=months, tells_from=None)))
    assert "15.0%–…" in text
    assert text.count("< 16.0%") == 1
    assert " noise " in text.replace("Noise", "")


def test_what_it_takes_to_tell_is_said_where_the_year_is_too_short() -> None:
    def told(needed: float) -> str:
        months = [month(label, observations_needed=needed) for label in MONTHS]
        return printed(facts(row(tells_from=None, months=months))).replace("needs", "").replace("Needs", "")

    assert "n 7,800" in told(7789.0)
    assert " noise " in told(math.inf)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("declared", "its confidence is 80%"),
        ("asked for", "the confidence asked for is 80%"),
        ("even odds", "it declares no confidence, so it is held to 80%"),
    ],
)
def test_it_is_said_where_the_confidence_comes_from(source: str, words: str) -> None:
    assert words in printed(facts(row(), confidence_is=source))


def test_below_the_confidence_a_trigger_is_what_it_takes() -> None:
    text = printed(facts(row(), p_hit=0.7))
    assert "That is below 80% already. A trigger is here what must be observed for P(hit) to reach it." in text
    assert text.count("≥ 16.0%") == 3
    assert "Trips: paths short of" in text
    assert "at least one number" not in text
    above = row(adverse="high", months=[month(label, trips="above") for label in MONTHS])
    assert printed(facts(above, p_hit=0.7)).count("≤ 16.0%") == 3
    assert printed(facts(above)).count("> 16.0%") == 3


@pytest.mark.parametrize(("p_hit", "verdict"), [(0.9, "early"), (0.7, "late"), (0.805, "right"), (NAN, "rare")])
def test_a_declared_trigger_is_judged(p_hit: float, verdict: str) -> None:
    at = {"p_hit_at_declared": bounded(p_hit), "share_beyond_declared": bounded(0.24)}
    declared = row(declared=0.18, months=[month(label, **at) for label in MONTHS])
    text = printed(facts(declared))
    assert f"24% {verdict}" in text
    assert "< 18.0%" in text
    assert "it is" not in printed(facts(declared, p_hit=0.7)), "below the confidence already, every trigger is late"


def test_numbers_without_a_trigger_are_counted() -> None:
    silent = [row(f"x.{i}", months=[month(label, trigger=NAN) for label in MONTHS]) for i in range(3)]
    assert "3 other numbers that are observed have none" in printed(facts(row(), *silent))
    text = printed(facts(*silent))
    assert "3 numbers that are observed have none: no value that 1 in 100 paths show brings P(hit) to 80%." in text
    assert "Trips" not in text


def test_only_the_most_telling_are_shown() -> None:
    text = printed(facts(*(row(f"x.{i}") for i in range(13))))
    assert "x.9 " in text
    assert "x.10 " not in text
    assert "3 more have a trigger that tells less; `--json` has them all" in text


@pytest.mark.parametrize("width", [80, 120])
def test_lines_are_as_wide_as_the_terminal(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(alarm_tables(facts(row("dollar_renewal.enterprise-na"), row())))
    assert max(map(len, out.getvalue().splitlines())) <= width


@pytest.mark.parametrize(
    ("months", "fiscal_year_start", "shown"),
    [
        (MONTHS, 1, ["2027-03", "2027-06", "2027-09"]),
        (MONTHS, 2, ["2027-01", "2027-04", "2027-07"]),
        (MONTHS, 12, ["2027-02", "2027-05", "2027-08"]),
        (MONTHS[:2], 1, ["2027-01", "2027-02"]),
    ],
)
def test_the_ends_of_fiscal_quarters_are_shown(months: list[str], fiscal_year_start: int, shown: list[str]) -> None:
    estimates = ("trigger", "share_tripped", "p_hit_tripped", "p_hit_otherwise", "p_hit_as_planned",
                 "p_hit_at_declared", "share_beyond_declared")  # fmt: skip
    shape = (1, len(months))
    numbers = [f"{name}{end}" for name in estimates for end in ("", "_lower", "_upper")]
    numbers += ["as_planned", "p10", "median", "p90", "observations", "observations_needed"]
    found = xr.Dataset(
        {name: (("assumption", "month"), np.full(shape, 0.5)) for name in numbers}
        | {f"p_hit{end}": ((), 0.8) for end in ("", "_lower", "_upper")}
        | {
            f"{name}{end}": ("month", np.full(len(months), 0.5))
            for name in ("share_any_tripped", "p_hit_any_tripped", "p_hit_none_tripped")
            for end in ("", "_lower", "_upper")
        }
        | {
            "trips_below": (("assumption", "month"), np.full(shape, False)),
            "declared": ("assumption", [0.4]),
            "tells_from": ("assumption", [""]),
        },
        {"assumption": ["a"], "month": months, "unseen": ["b"], "reason": ("unseen", ["why"])}
        | {name: ("assumption", ["x"]) for name in ("owner", "adverse", "observed_as", "observed_unit", "counted")},
        {
            **{"target": "t", "metric": "nrr", "period": "FY2027", "confidence": 0.8, "confidence_is": "declared"},
            **{"draws": 2000, "fiscal_year_start": fiscal_year_start},
        },
    )
    told = alarms(found)
    assert told["shown"] == shown
    assert told["months"] == months
    one = told["assumptions"][0]
    assert one["tells_from"] is None
    assert one["months"][0]["trips"] == "above"
    assert one["months"][0]["p_hit_at_declared"]["value"] == 0.5
    assert told["unseen"] == [{"name": "b", "reason": "why"}]
