"""A large plan: five years, 20 segments, 8 channels in each of them, 1,000 seats. Time and memory of `simengine run`.

Run with `make bench-large`. The table is printed and written to bench/five_years.md.
"""

import json
import os
import tempfile
from collections import Counter
from pathlib import Path

from bench.report import heading, process, table, write

SEGMENTS, CHANNELS, MONTHS = 20, 8, 60
SELLERS, SDRS, CSMS = 40, 6, 4
"""Seats for each segment: fifty, a thousand in all."""
DRAWS = 1024


def fixed(value, unit):
    source = {"kind": "judgment", "reference": "bench"}
    law = {"lognormal": {"mean": value, "cv": "15 %"}} if unit != "fraction" else {"beta": {"mean": value, "n": 200}}
    return {"plan": value, "unit": unit, "distribution": law, "source": source, "risk": {"adverse": "both"}}


def demand(segment):
    return {
        "volume": "volume",
        "growth": "5 % per year",
        "overdispersion": "x1.3",
        "seasonality": {"closed": [0.8, 0.9, 1.3] * 4},
        "rates": ["40 %", "50 %"],
        "stage_lags": ["0.3 months", "0.5 months"],
        "win_rate": f"win_rate.{segment}",
        "cycle": "4 months",
        "cycle_spread": "50 %",
        "deal_size": 40_000,
        "deal_size_spread": "70 %",
    }


def plan(segments=SEGMENTS, months=MONTHS, sellers=SELLERS):
    """The text of the plan; JSON is YAML. `sellers` of each segment, a quarter of them hired."""
    names = [f"segment-{i:02d}" for i in range(segments)]
    roles = {
        "ae": {
            "ramp": {"workload": "5 months", "spread": "30 %"},
            "attrition": {"voluntary": "15 % per year", "involuntary": "8 % per year"},
            "backfill": {"policy": "always", "lag": "2 months"},
            "leaver_pipeline": {"reassigned_after": 1, "win_rate": "x0.7"},
            "capacity": {"open_opportunities": 10},
            "productivity_spread": "40 %",
            "quota": "500_000 per year",
            "cost": {"salary": "110_000 per year", "variable": "100_000 per year"},
        },
        "sdr": {"attrition": {"voluntary": "30 % per year"}, "backfill": {"policy": "always", "lag": "1 month"}},
        "csm": {"carries": {"customers": 60}, "backfill": {"policy": "always", "lag": "2 months"}},
    }
    seats = []
    for segment in names:
        quarters = Counter(3 * k % months for k in range(sellers // 4))
        hires = {f"{2027 + month // 12}-{1 + month % 12:02d}": count for month, count in quarters.items()}
        seats += [
            {"name": f"ae-{segment}", "role": "ae", "segment": segment, "existing": sellers - sellers // 4},
            {"name": f"ae-{segment}-new", "role": "ae", "segment": segment, "hires": hires},
            {"name": f"sdr-{segment}", "role": "sdr", "segment": segment, "existing": SDRS},
            {"name": f"csm-{segment}", "role": "csm", "segment": segment, "existing": CSMS},
        ]
    document = {
        "plan": {"name": "Five years", "currency": "USD", "start": "2027-01", "months": months},
        "targets": [
            {"name": "ARR", "metric": "ending_arr", "period": f"FY{2026 + months // 12}", "at_least": 900_000_000}
        ],
        "segments": {name: {"geo": f"geo-{i % 4}"} for i, name in enumerate(names)},
        "assumptions": {
            "volume": fixed(40, "count per month"),
            **{f"win_rate.{name}": fixed(0.2, "fraction") for name in names},
        },
        "team": {"roles": roles, "seats": seats},
        "funnel": {
            "stages": ["lead", "sql", "opportunity"],
            "stale": "10 % per month",
            "channels": {
                name: {"segments": {s: demand(s) for s in names}} for name in (f"channel-{i}" for i in range(CHANNELS))
            },
        },
        "base": {
            name: {
                "customers": 220,
                "arr": 10_000_000,
                "size_spread": "100 %",
                "renewal_rate": "90 %",
                "load_elasticity": "x0.2",
                "expansion": {"opportunities_per_customer": "0.5 per year", "win_rate": "40 %", "size": 15_000},
            }
            for name in names
        },
    }
    return json.dumps(document, indent=1)


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "five-years.yaml"
        file.write_text(plan(), encoding="utf-8")
        process(["run", str(file), "-n", "2", "-o", "out"], folder)  # compiles
        seconds, memory = process(["run", str(file), "-n", str(DRAWS), "-o", "out"], folder)
    seats = SEGMENTS * (SELLERS + SDRS + CSMS)
    each = 1e3 * seconds * (os.cpu_count() or 1) / (2.25 * DRAWS)  # a quarter runs without the source policy
    row = [f"run, {DRAWS:,} draws and as many twins", f"{seconds:.1f}", f"{each:.0f}", f"{memory:.0f}"]
    write(
        "five_years.md",
        heading(
            f"A five-year plan with {SEGMENTS} segments, {CHANNELS} channels and {seats:,} seats", "make bench-large"
        ),
        table(["process", "wall, s", "a path of one processor, ms", "peak memory, MB"], [row]),
    )


if __name__ == "__main__":
    main()
