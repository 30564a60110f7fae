"""A large plan: five years, 20 segments, 8 channels in each of them, 1,000 seats. Time and memory of `simengine run`.

Run with `make bench-large`. The table is printed and written to bench/five_years.md.
"""

import json
import os
import platform
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from northstar import ROOT, measure

SEGMENTS = [f"segment-{i:02d}" for i in range(20)]
CHANNELS = [f"channel-{i}" for i in range(8)]
SELLERS, SDRS, CSMS = 40, 6, 4
"""Seats for each segment: fifty, a thousand in all."""
MONTHS = 60
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


def plan():
    """The plan; JSON is YAML."""
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
    for segment in SEGMENTS:
        hires = {f"{2027 + k // 4}-{1 + 3 * (k % 4):02d}": 1 for k in range(SELLERS // 4)}
        seats += [
            {"name": f"ae-{segment}", "role": "ae", "segment": segment, "existing": SELLERS - len(hires)},
            {"name": f"ae-{segment}-new", "role": "ae", "segment": segment, "hires": hires},
            {"name": f"sdr-{segment}", "role": "sdr", "segment": segment, "existing": SDRS},
            {"name": f"csm-{segment}", "role": "csm", "segment": segment, "existing": CSMS},
        ]
    return {
        "plan": {"name": "Five years", "currency": "USD", "start": "2027-01", "months": MONTHS},
        "targets": [{"name": "ARR", "metric": "ending_arr", "period": "FY2031", "at_least": 900_000_000}],
        "segments": {name: {"geo": f"geo-{i % 4}"} for i, name in enumerate(SEGMENTS)},
        "assumptions": {
            "volume": fixed(40, "count per month"),
            **{f"win_rate.{name}": fixed(0.2, "fraction") for name in SEGMENTS},
        },
        "team": {"roles": roles, "seats": seats},
        "funnel": {
            "stages": ["lead", "sql", "opportunity"],
            "stale": "10 % per month",
            "channels": {name: {"segments": {s: demand(s) for s in SEGMENTS}} for name in CHANNELS},
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
            for name in SEGMENTS
        },
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "five-years.yaml"
        file.write_text(json.dumps(plan(), indent=1), encoding="utf-8")
        measure(["run", str(file), "-n", "2", "-o", "out"], folder)  # compiles
        seconds, memory = measure(["run", str(file), "-n", str(DRAWS), "-o", "out"], folder)
    table = (
        "| process | wall, s | a path of one processor, ms | peak memory, MB |\n|---|---|---|---|\n"
        f"| run, {DRAWS:,} draws and as many twins | {seconds:.1f} | "
        f"{1e3 * seconds * (os.cpu_count() or 1) / (2.25 * DRAWS):.0f} | {memory:.0f} |"
    )
    heading = (
        f"# A five-year plan with {len(SEGMENTS)} segments, {len(CHANNELS)} channels and "
        f"{len(SEGMENTS) * (SELLERS + SDRS + CSMS):,} seats\n\nMeasured with `make bench-large`: {date.today()}, "
        f"{platform.machine()} with {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"numba {version('numba')}.\n"
    )
    print(table)
    (ROOT / "bench" / "five_years.md").write_text(f"{heading}\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
