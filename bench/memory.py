"""Ten million paths, streamed: the peak memory of `simengine run --detail stream`, beside what was predicted.

Run with `make bench-memory`; the table is printed and written to bench/memory.md. The plan has one segment that sells
without sellers: it takes minutes.
"""

import json
import sys
import tempfile
from pathlib import Path

from bench.report import heading, process, table, write

DRAWS = 10_000_000
MOST = 1500
"""MB that they may take."""


def plan():
    """One segment, one channel, two assumptions, a target; JSON is YAML."""
    source = {"kind": "judgment", "reference": "bench"}
    beta = {"unit": "fraction", "source": source, "risk": {"adverse": "low"}}
    return {
        "plan": {"name": "One segment", "currency": "USD", "start": "2027-01", "months": 12},
        "targets": [{"name": "ARR", "metric": "ending_arr", "period": "FY2027", "at_least": 1_100_000}],
        "segments": {"smb": {}},
        "assumptions": {
            "win_rate": {**beta, "plan": 0.2, "distribution": {"beta": {"mean": 0.2, "n": 200}}},
            "renewal": {**beta, "plan": 0.9, "distribution": {"beta": {"mean": 0.9, "n": 200}}},
        },
        "funnel": {
            "stages": ["lead", "opportunity"],
            "channels": {
                "online": {
                    "sold_by": "nobody",
                    "segments": {
                        "smb": {
                            "volume": "5 per month",
                            "rates": ["40 %"],
                            "win_rate": "win_rate",
                            "cycle": "1 month",
                            "deal_size": 10_000,
                        }
                    },
                }
            },
        },
        "base": {"smb": {"customers": 10, "arr": 1_000_000, "renewal_rate": "renewal"}},
    }


def main():
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.yaml"
        file.write_text(json.dumps(plan(), indent=1), encoding="utf-8")
        process(["run", str(file), "-n", "2", "-o", "out"], folder)  # compiles
        options = ["--detail", "stream", "--memory", str(MOST / 1000)]
        seconds, memory = process(["run", str(file), "-n", str(draws), *options, "-o", "out"], folder)
    rows = [[f"{draws:,}", f"{seconds:.0f}", f"{memory:.0f}", f"{MOST:,}"]]
    write(
        "memory.md",
        heading("Ten million paths, streamed", "make bench-memory"),
        table(["paths", "wall, s", "peak memory, MB", "at most, MB"], rows),
    )
    if memory > MOST:
        raise SystemExit("too much memory")


if __name__ == "__main__":
    main()
