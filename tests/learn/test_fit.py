"""Fit: every estimate becomes an assumption that a plan takes, with its source, and what it was a quarter ago."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from simengine.errors import SimengineError
from simengine.learn.estimate import Z90, Estimate
from simengine.learn.fit import Fit, assumptions, back_check, cycles_of, fit, told
from simengine.learn.history import History, Origin, table
from simengine.learn.naming import assumption_name
from simengine.plan import Plan, load, loads
from simengine.units import UNITS
from tests.learn.made import made

AS_OF = date(2027, 12, 31)
DAY = date(2026, 3, 31)
LEVEL = 0.001
"""Of each test that may reject by chance."""


@pytest.fixture(scope="module")
def year() -> History:
    """A year of the small company."""
    plan = load(Path(__file__).with_name("small.yaml"))
    whole = made(plan, plan.planned, 0, 7, AS_OF)
    origins = {name: Origin(f"{name}.csv", f"{k:02d}" + 62 * "a", 1) for k, name in enumerate(whole.tables)}
    return History(whole.as_of, whole.tables, origins, whole.since, "USD")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(6)


@pytest.fixture(scope="module")
def found(year: History) -> Fit:
    return fit(year)


def using(names: dict[str, str]) -> str:
    """A plan in which assumptions stand in a list of hires' costs, each as what its unit allows."""
    lines = [
        "extends: assumptions.yaml",
        "plan: {name: All, currency: USD, start: 2028-01, months: 12, as_of: 2027-12-31}",
        "segments: {a: {}}",
        "funnel: {channels: {",
    ]
    keys = {
        "count per month": "volume: {}, win_rate: 10 %, cycle: 2 months, deal_size: 1",
        "fraction": "volume: 1 per month, win_rate: {}, cycle: 2 months, deal_size: 1",
        "months": "volume: 1 per month, win_rate: 10 %, cycle: {}, deal_size: 1",
        "currency": "volume: 1 per month, win_rate: 10 %, cycle: 2 months, deal_size: {}",
        "fraction per year": "volume: 1 per month, growth: {}, win_rate: 10 %, cycle: 2 months, deal_size: 1",
    }
    keys["any size"] = "volume: 1 per month, win_rate: 10 %, cycle: 2 months, cycle_spread: {}, deal_size: 1"
    cells = [
        f"c{k}: {{sold_by: nobody, segments: {{a: {{{keys[unit].format(name)}}}}}}}"
        for k, (name, unit) in enumerate(names.items())
    ]
    lines += [", ".join(cells) + "}}", "base: {a: {renewal_rate: 90 %}}"]
    return "\n".join(lines) + "\n"


def extended(found: Fit, names: dict[str, str]) -> Plan:
    return loads(using(names), "plan.yaml", files={"assumptions.yaml": assumptions(found)})


class TestAsAPlanTakesIt:
    def test_the_file_is_extended_by_a_plan(self, found: Fit) -> None:
        known = {e.name: e.unit for e in found.estimates if e.unit not in ("count per year",)}
        any_size = ("cycle_spread", "price_increase")
        known = {name: "any size" if name.startswith(any_size) else unit for name, unit in known.items()}
        plan = extended(found, known)
        by_name = {e.name: e for e in found.estimates}
        assert set(plan.assumptions) == set(by_name)
        for name, entry in plan.assumptions.items():
            assert entry.plan == pytest.approx(by_name[name].value, rel=1e-3)
            assert entry.source.kind == "historical"
            assert (entry.source.as_of, entry.source.n) == (AS_OF, max(1, by_name[name].n))
            # The distribution is the interval, but for rounding and families that are near.
            low, high = entry.distribution.ppf([0.05, 0.95])
            assert low == pytest.approx(by_name[name].lower, rel=0.12, abs=0.02 * abs(entry.plan))
            assert high == pytest.approx(by_name[name].upper, rel=0.12)

    @pytest.mark.parametrize(
        ("unit", "value", "law"),
        [
            ("fraction", 0.24134, {"beta": {"mean": 0.2413, "n": 180}}),
            ("fraction", 0.24134, {"beta": {"mean": 0.2413, "sd": 0.03}}),
            ("fraction", 0.24134, {"beta": {"alpha": 24.5, "beta": 76.5}}),
            ("any size", 0.03, {"lognormal": {"median": 0.03, "sigma": 0.1}}),
            ("fraction per year", 0.1, {"quantiles": {"P5": -0.2, "P50": 0.1, "P95": 0.5, "min": -0.8}}),
            ("months", 2.5, {"lognormal": {"median": 2.5, "sigma": 0.2}}),
            ("months", 4.0, {"quantiles": {"P5": 3.0, "P50": 4.0, "P95": 6.0, "min": 0}}),
            ("currency", 41_234.6, {"lognormal": {"median": 41_230.0, "sigma": 0.1}}),
            ("currency", 5_000.0, {"fixed": 5_000.0}),
            ("count per month", 55.0, {"gamma": {"mean": 55.0, "cv": 0.05}}),
        ],
    )
    def test_every_form_of_a_distribution_is_taken(self, unit: str, value: float, law: dict[str, object]) -> None:
        own = "fraction" if unit == "any size" else unit
        assert own in UNITS
        one = Estimate("x.a", own, value, value / 1.1, value * 1.1, law, 3, "made up", drift=0.07)
        plan = extended(Fit(AS_OF, (one,), (), {}, {"x.a": 'a.csv: #1, "quoted"'}), {"x.a": unit})
        assert plan.assumptions["x.a"].plan == pytest.approx(value, rel=1e-3)
        assert plan.assumptions["x.a"].source.drift == 0.07
        assert plan.assumptions["x.a"].source.reference == 'a.csv: #1, "quoted"'

    def test_all_forms_that_estimators_make_are_among_them(self, found: Fit) -> None:
        forms = {(form, *sorted(law)) for e in found.estimates for form, law in e.distribution.items()}
        known = {("beta", "alpha", "beta"), ("beta", "mean", "n"), ("beta", "mean", "sd"), ("gamma", "cv", "mean")}
        assert forms <= known | {("lognormal", "median", "sigma"), ("quantiles", "P5", "P50", "P95", "min")}

    def test_what_else_the_records_say_is_noted(self, found: Fit) -> None:
        text = assumptions(found)
        assert "Beside it: overdispersion: x" in text
        assert "Beside it: contraction_depth: 0." in text

    def test_the_source_is_the_file_with_its_digest(self, found: Fit, year: History) -> None:
        for name, kind in (
            ("win_rate.smb", "opportunities"),
            ("volume.inbound.smb", "leads"),
            ("renewal.smb", "contracts"),
        ):
            assert found.sources[name] == f"{kind}.csv (sha256 {year.origins[kind].digest[:12]})"
        assert "contracts.csv" in found.sources["expansion.smb"]
        assert "bookings.csv" in found.sources["expansion.smb"]

    def test_numbers_are_written_to_four_digits(self) -> None:
        assert [told(0.0001234567, "fraction"), told(-0.05, "fraction per year")] == ["0.01235 %", "-5 % per year"]


class TestNames:
    @pytest.mark.parametrize(("segment", "channel"), [("SMB NA", "google.com"), ("50+", "père & fils"), ("1", "a-b_c")])
    def test_odd_names_become_names_of_assumptions(self, year: History, segment: str, channel: str) -> None:
        tables = {
            name: frame.replace({"segment": {"smb": segment}, "channel": {"inbound": channel}})
            for name, frame in year.tables.items()
            if name in ("opportunities", "leads", "contracts")
        }
        made_of = fit(History(AS_OF, tables), months_back=0)
        names = {e.name for e in made_of.estimates}
        assert {assumption_name("win_rate", segment), assumption_name("volume", channel, segment)} <= names
        kept = {n: e.unit for e in made_of.estimates if (n := e.name).startswith(("win_rate", "volume", "renewal"))}
        assert set(extended(made_of, kept).assumptions) == names

    def test_two_that_would_be_one_are_refused(self, year: History) -> None:
        contracts = year.table("contracts")
        half = np.arange(len(contracts)) % 2 == 0
        tables = {"contracts": contracts.assign(segment=np.where(half, "SMB NA", "SMB/NA"))}
        with pytest.raises(SimengineError, match=r"renewal\.SMB-NA.* share the name of an assumption; rename one"):
            fit(History(AS_OF, tables))


def estimate(value: float, error: float, window: float | None = None, name: str = "cycle.smb") -> Estimate:
    """One whose logarithm has a standard error."""
    low, high = value * np.exp(-Z90 * error), value * np.exp(Z90 * error)
    return Estimate(name, "months", value, low, high, {}, 9, "", window=window)


class TestBackCheck:
    @staticmethod
    def zs(rng: np.random.Generator, moved: float = 0.0) -> Iterator[float]:
        """Means of 400 logarithms, against those of the first 300."""
        for logs in rng.normal(0.5, 0.4, (2_000, 400)):
            logs[300:] += moved
            now, then = (estimate(float(np.exp(x.mean())), 0.4 / np.sqrt(len(x))) for x in (logs, logs[:300]))
            yield back_check({now.name: now}, then, DAY, 3).z

    def test_it_is_standard_normal_where_nothing_moves(self, rng: np.random.Generator) -> None:
        assert stats.kstest(list(self.zs(rng)), "norm").pvalue > LEVEL

    def test_it_is_not_where_the_last_quarter_differs(self, rng: np.random.Generator) -> None:
        assert stats.kstest(list(self.zs(rng, 0.05)), "norm").pvalue < LEVEL

    def test_windows_that_slide_share_all_but_the_ends(self, rng: np.random.Generator) -> None:
        months = rng.normal(0.5, 0.4, (2_000, 39))
        zs, naive = [], []
        for logs in months:
            now, then = (estimate(float(np.exp(x.mean())), 0.4 / 6, window=36.0) for x in (logs[3:], logs[:36]))
            zs.append(back_check({now.name: now}, then, DAY, 3).z)
            naive.append(np.log(now.value / then.value) / (0.4 / 6 * np.sqrt(2)))
        assert stats.kstest(zs, "norm").pvalue > LEVEL
        assert stats.kstest(naive, "norm").pvalue < LEVEL

    def test_a_volume_that_grows_is_meant_to_move(self) -> None:
        now, then = estimate(9.0, 0.1, name="volume.a"), estimate(5.0, 0.2, name="volume.a")
        assert np.isfinite(back_check({"volume.a": now}, then, DAY, 3).z)
        assert np.isnan(back_check({"volume.a": now, "growth.a": now}, then, DAY, 3).z)

    def test_what_is_known_better_before_has_no_z(self) -> None:
        assert np.isnan(back_check({"cycle.smb": estimate(2.0, 0.2)}, estimate(2.0, 0.1), DAY, 3).z)

    def test_it_stands_at_the_earlier_day(self, year: History, found: Fit) -> None:
        assert {check.as_of for check in found.checks.values()} == {date(2027, 9, 30)}
        before = fit(year.cut(date(2027, 9, 30)), months_back=0)
        assert found.checks["win_rate.smb"].value == {e.name: e.value for e in before.estimates}["win_rate.smb"]
        assert not before.checks


class TestWhatIsUsed:
    def test_the_ramp_takes_the_cycle_with_the_open_deals(self, year: History, found: Fit) -> None:
        by_name = {e.name: e for e in found.estimates}
        ((role, cycle),) = cycles_of(year, found.estimates).items()
        assert role == "ae"
        known = [by_name[f"{kind}.smb"].value for kind in ("cycle", "cycle_spread", "cycle_lost", "win_rate")]
        assert [*cycle] == known
        assert cycles_of(year, []) == {}

    def test_what_is_left_out_is_said(self, year: History) -> None:
        said: list[str] = []
        deals = year.table("opportunities").copy()
        deals.loc[:2, "channel"] = ""
        deals.loc[3:9, "segment"] = "new"
        fit(History(AS_OF, {"opportunities": deals, "people": year.table("people")}), say=said.append)
        text = "\n".join(said)
        assert "volume: 3 of " in text
        assert "new: " in text
        assert "deal_size.new: " in text
        assert "ramp_months.ae: fewer than 5 were hired" in text
        # Said once: not again of the records of a quarter ago.
        assert len(said) == len(set(said))

    def test_a_history_that_speaks_to_nothing_is_refused(self) -> None:
        bare = table("spend", date=["2027-01-31"], channel=["inbound"], amount=[1.0])
        with pytest.raises(SimengineError, match="nothing can be estimated"):
            fit(History(AS_OF, {"spend": bare}))
