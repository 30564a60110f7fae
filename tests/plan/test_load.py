"""From a file to a checked plan: what is in it, where each value comes from, what its digests stand for."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from simengine.errors import PlanError
from simengine.plan import Plan, Quantity, load, loads
from simengine.plan.targets import COHORT_METRICS, COMPANY_METRICS, METRIC_UNITS, METRICS
from simengine.plan.values import explain

PLANS = Path(__file__).parents[1] / "plans"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
FULL = (PLANS / "full.yaml").read_text(encoding="utf-8")
FULL_FILES = {f"full/{file.name}": file.read_text(encoding="utf-8-sig") for file in (PLANS / "full").iterdir()}


def schema_keys(model: Any = Plan) -> set[str]:
    """Every key that the schema knows, in whatever section."""
    keys = set()
    for name, info in model.model_fields.items():
        keys.add(info.alias or name)
        for part in (info.annotation, *flat(info.annotation)):
            if isinstance(part, type) and get_origin(part) is None and issubclass(part, BaseModel):
                keys |= schema_keys(part)
    return keys


def flat(annotation: Any) -> Iterator[Any]:
    for part in get_args(annotation):
        yield part
        yield from flat(part)


@pytest.fixture(scope="module")
def tiny() -> Plan:
    return load(PLANS / "tiny.yaml")


@pytest.fixture(scope="module")
def full() -> Plan:
    return load(PLANS / "full.yaml")


class TestValues:
    def test_numbers_are_in_the_unit_of_their_field(self, full: Plan) -> None:
        cell = full.funnel.channels["inbound"].segments["mid-emea"]
        assert cell.volume == Quantity(pytest.approx(1 / 12), "volume.inbound")
        assert cell.growth.number == pytest.approx(-0.05)
        assert full.funnel.channels["inbound"].spend.number == pytest.approx(100_000)
        assert full.assumptions["leaving.ae"].plan == pytest.approx(0.2)
        assert full.assumptions["volume.inbound"].trigger.below == 450
        assert full.team.seats[0].tenure_months == 20
        assert full.targets[1].where == {"geo": "EMEA", "tier": "1"}

    def test_months_count_from_year_zero(self, full: Plan) -> None:
        july = 2026 * 12 + 6
        assert (full.plan.start, full.plan.end) == (july, july + 23)
        assert full.team.seats[1].hires == {july + 2: 2, july + 6: 1}
        assert full.base["Größe L"].atr == {july: 20_000, july + 5: 40_000}

    def test_an_atr_file_adds_up_by_month(self, full: Plan) -> None:
        atr = full.base["mid-emea"].atr
        assert isinstance(atr, dict)
        assert len(atr) == 12
        assert set(atr.values()) == {500_000.0}

    def test_a_pipeline_file_is_read_into_rows(self, full: Plan) -> None:
        rows = full.funnel.opening_pipeline.rows
        assert [(r.segment, r.channel, r.stage, r.age_months, r.count, r.value, r.owner) for r in rows] == [
            ("mid-emea", "inbound", "opportunity", 1.5, 6, 180_000.0, "ae-mid"),
            ("mid-emea", "inbound", "sql", 0.0, 4, None, None),
            ("Größe L", "self-service", "lead", 0.0, 30, None, None),
        ]

    def test_a_history_file_is_read_by_segment(self, full: Plan) -> None:
        history = full.base["mid-emea"].history
        assert [row.month - full.plan.start for row in history] == list(range(-12, 0))
        assert (history[0].arr, history[0].net, history[0].gross) == (4_800_000, 4_656_000, 4_224_000)
        assert [row.arr for row in full.base["Größe L"].history] == [60_000, 55_000]

    def test_observations_come_from_a_column(self, full: Plan) -> None:
        observed = full.assumptions["renewal.observed"].distribution
        assert observed.support() == (0.85, 0.92)
        assert observed.mean() == pytest.approx(np.mean([0.87, 0.91, 0.9, 0.85, 0.92, 0.88]), rel=0.01)

    def test_words_and_mappings_may_share_a_key(self, full: Plan) -> None:
        assert full.team.roles["consultant"].capacity == "unlimited"
        assert full.team.roles["consultant"].sells
        assert not full.team.roles["csm"].sells
        assert full.team.roles["manager"].quota == "team"
        assert full.events["price war"].plan == "never"

    def test_a_number_may_change_from_a_month_on(self, full: Plan) -> None:
        january = 2027 * 12
        win_rate = full.funnel.channels["outbound"].segments["mid-emea"].win_rate
        assert win_rate == Quantity(0.18, None, ((january, Quantity(1.0, "win_rate.mid")),))
        assert [win_rate.at(month) for month in (0, january - 1, january, january + 90)] == [
            *[Quantity(0.18)] * 2,
            *[Quantity(1.0, "win_rate.mid")] * 2,
        ]

    def test_tenure_and_terms_are_keyed_by_months(self, full: Plan) -> None:
        attrition = full.team.roles["sdr"].attrition
        assert attrition is not None
        assert attrition.multiples == {0: Quantity(1.4), 6: Quantity(1.1), 18: Quantity(1.0)}
        assert full.base["mid-emea"].term_shares == {12: 0.7, 24: 0.3}
        assert full.base["mid-emea"].longest_term == 24

    def test_money_of_a_segment_has_a_rate(self, full: Plan) -> None:
        assert [full.rate_of(segment) for segment in ("mid-emea", "Größe L")] == [1.0, 1.05]

    def test_territories_are_those_of_the_seats_of_a_segment(self, full: Plan) -> None:
        names = [territory.name for territory in full.team.territories_of("mid-emea")]
        assert names == ["Berlin", "Bremen", "Hamburg", "Poznań", "Rest 1", "Rest 2", "Rest 3"]
        assert full.team.territories_of("services") == ()

    def test_labels_group_segments(self, full: Plan) -> None:
        assert full.segments["Größe L"].labels == {"geo": "NO", "tier": "2"}
        assert full.segments["services"].sells == "once"

    @pytest.mark.parametrize("key", sorted(schema_keys() - {"scenario", "story", "rows"}))
    def test_every_key_of_the_schema_stands_in_the_full_plan(self, key: str) -> None:
        assert any(re.search(rf"\b{key}\b", text) for text in (FULL, *FULL_FILES.values()))


class TestWidened:
    def test_policy_widens_by_kind_of_source(self, full: Plan) -> None:
        stated, simulated = full.widened(policy=False), full.widened()
        assert list(stated) == list(simulated) == sorted([*full.assumptions, *full.events])
        levels = np.array([0.1, 0.9])
        for name in ("cycle.mid", "deal_size.mid", "win_rate.mid", "salary.ae"):
            assert np.ptp(simulated[name].ppf(levels)) > np.ptp(stated[name].ppf(levels))
            assert simulated[name].median() == pytest.approx(stated[name].median())

    def test_judgment_is_widened_by_the_stated_factor(self, tiny: Plan) -> None:
        levels = np.array([0.1, 0.5, 0.9])
        stated = np.log(tiny.widened(policy=False)["ramp_months.ae"].ppf(levels))
        simulated = np.log(tiny.widened()["ramp_months.ae"].ppf(levels))
        assert np.diff(simulated) == pytest.approx(1.25 * np.diff(stated))

    def test_single_values_are_as_stated(self, full: Plan) -> None:
        assert full.widened()["whales"] == full.widened(policy=False)["whales"]


class TestProvenance:
    def test_every_value_has_a_place(self, full: Plan) -> None:
        rows = explain(full)
        assert {row.where.rpartition("/")[2].partition(":")[0] for row in rows} == {
            "full.yaml",
            "pipeline.csv",
            "renewals.csv",
            "history.csv",
            "facts.csv",
            "learned.csv",
            "default",
        }
        by_key = {row.key: row for row in rows}
        volume = by_key["funnel.channels.inbound.segments.mid-emea.volume"]
        assert (volume.value, volume.unit) == ("volume.inbound x0.0833333", "count per month")
        assert by_key["funnel.opening_pipeline.rows.2.stage"].where.endswith("full/pipeline.csv:3:3")
        assert by_key["base.Größe L.contraction"] == ("base.Größe L.contraction", "0 %", "fraction", "default")
        assert by_key["plan.start"].value == "2026-07"

    def test_the_place_is_that_of_the_value(self, tiny: Plan) -> None:
        lines = TINY.splitlines()
        checked = 0
        for row in explain(tiny):
            file, _, place = row.where.partition(":")
            if file == "default" or row.key.endswith("as simulated"):
                continue
            line, column = map(int, place.split(":"))
            written = lines[line - 1][column - 1 :]
            if row.unit == "" and "distribution" not in row.key:
                assert written.removeprefix('"').startswith(row.value)
                checked += 1
        assert checked > 40

    def test_the_source_policy_is_visible(self, tiny: Plan) -> None:
        rows = {row.key: row.value for row in explain(tiny)}
        assert rows["assumptions.ramp_months.ae as simulated"] == "judgment: widened x1.25"
        assert rows["assumptions.attrition.ae as simulated"] == "benchmark: widened x1.5"
        assert rows["assumptions.win_rate.smb as simulated"] == "historical: drift of 10 % a year added"

    def test_what_changes_is_one_line_a_change(self, full: Plan) -> None:
        rows = {row.key: row for row in explain(full)}
        quota = "team.roles.ae.quota"
        assert quota not in rows
        assert [rows[f"{quota}.{step}"].value for step in ("start", "2027-07")] == ["700,000", "750,000"]
        line = FULL[: FULL.index("quota: {start")].count("\n") + 1
        assert rows[f"{quota}.2027-07"].where.endswith(f"full.yaml:{line}:56")
        assert rows["team.roles.sdr.attrition.by_tenure.6"].value == "x1.1"
        assert rows["team.roles.sdr.attrition.by_tenure.6"].where != "default"

    def test_events_are_read_back_in_words(self, full: Plan) -> None:
        rows = {row.key: (row.value, row.unit) for row in explain(full)}
        assert rows["events.partner launch.starts"] == ("P10 2026-09, P50 2026-11, P90 2027-01", "month")
        assert rows["events.partner launch.effect.leads.partner"] == ("times lift.partner", "factor")
        assert rows["events.partner launch.effect.partner"] == ("plus 0.5", "count per month")
        assert rows["events.price war.effect.win_rate.mid"] == ("plus -3 %", "fraction")
        assert rows["events.price war.effect.deal_size.mid"] == ("x0.85", "factor")
        assert rows["events.price war.plan"] == ("never", "month")
        assert rows["shocks.demand.loadings.partner/mid-emea"] == ("-2 %", "fraction")

    def test_a_long_pipeline_is_one_line(self) -> None:
        rows = "".join(f"smb,inbound,opportunity,{age},2,\n" for age in range(30))
        text = TINY[: TINY.index("    rows:")] + "    file: open.csv\n" + TINY[TINY.index("\nbase:") :]
        plan = loads(text, files={"open.csv": f"segment,channel,stage,age_months,count,value\n{rows}"})
        shown = [row for row in explain(plan) if row.key.startswith("funnel.opening_pipeline")]
        assert [row.value for row in shown] == ["30 rows with 60 opportunities or leads"]


def shuffled(value: Any, order: random.Random) -> Any:
    """The same mappings with their keys in another order."""
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


class TestDigests:
    @pytest.mark.parametrize("seed", range(5))
    def test_the_order_of_keys_changes_nothing_that_is_simulated(self, full: Plan, seed: int) -> None:
        raw = yaml.load(FULL, Loader=yaml.BaseLoader)
        raw["team"]["seats"].reverse()
        quoted = {"tier", "geo"}

        def text(value: Any, key: str = "") -> str:
            if isinstance(value, dict):
                return "{" + ", ".join(f'"{k}": {text(v, k)}' for k, v in value.items()) + "}"
            if isinstance(value, list):
                return "[" + ", ".join(text(item) for item in value) + "]"
            return f'"{value}"' if key in quoted or not value[:1].isalnum() or ":" in value else value

        other = loads(text(shuffled(raw, random.Random(seed))), files=FULL_FILES)
        assert other.digest_simulated == full.digest_simulated
        assert other.digest_document != full.digest_document

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("name: Tiny", "name: Tiny again"),
            ("version: v1", "version: v2"),
            ("at_least: 6_000_000", "at_least: 7_000_000"),
            ("owner: RevOps", "owner: CFO"),
            ('reference: "CRM export, opportunities.csv"', "reference: CRM"),
            ("25 %", "0.25"),
            ("20_000 per month", "240_000 per year"),
            ("# The smallest", "# A smaller"),
        ],
    )
    def test_words_change_the_document_only(self, tiny: Plan, old: str, new: str) -> None:
        assert old in TINY
        other = loads(TINY.replace(old, new), "tiny.yaml")
        assert other.digest_simulated == tiny.digest_simulated
        assert other.digest_document != tiny.digest_document

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("n: 250}}", "n: 251}}"),
            ("existing: 3", "existing: 4"),
            ("name: ae-smb,", "name: ae-smb-1,"),
            ("kind: benchmark", "kind: judgment"),
            ("months: 12", "months: 13"),
            ("volume: leads.inbound", "overdispersion: 2\n          volume: leads.inbound"),
            ("renewal.smb: 0.4", "renewal.smb: 0.5"),
            ("price_increase: 3 %", "price_increase: 3.1 %"),
            ("gross_margin: 78 %", "gross_margin: 77 %"),
            ("smb: {geo: NA", "smb: {geo: EMEA"),
        ],
    )
    def test_values_change_what_is_simulated(self, tiny: Plan, old: str, new: str) -> None:
        assert old in TINY
        other = loads(TINY.replace(old, new), "tiny.yaml")
        assert other.digest_simulated != tiny.digest_simulated

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("    owner: VP Partners\n", "    owner: CRO\n"),
            ("note: the contract is not signed yet", "note: signed"),
            ("    success: EMEA new\n", ""),
            ("kind: risk", "kind: initiative"),
            ("reference: launch plan", "reference: CRO"),
            ("note: comes and goes", "note: stays"),
        ],
    )
    def test_words_about_events_change_the_document_only(self, full: Plan, old: str, new: str) -> None:
        assert old in FULL
        other = loads(FULL.replace(old, new), files=FULL_FILES)
        assert other.digest_simulated == full.digest_simulated
        assert other.digest_document != full.digest_document

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("probability: 70 %", "probability: 71 %"),
            ("{multiply: x0.85}", "{multiply: x0.86}"),
            ("{multiply: x0.85}", "{add: 0.85}"),
            ("plan: 2026-10", "plan: 2026-11"),
            ("cost_in: other", "cost_in: sales and marketing"),
            ("persistence: 0.7", "persistence: 0.6"),
            ("self-service: 6 %", "self-service: 7 %"),
            ("2027-07: 14 % per year", "2027-07: 15 % per year"),
            ("2027-07: 14 % per year", "2027-06: 14 % per year"),
            ("{12: 70 %, 24: 30 %}", "{12: 70 %, 36: 30 %}"),
            ("rates: {CHF: 1.05}", "rates: {CHF: 1.06}"),
        ],
    )
    def test_values_of_the_whole_model_change_what_is_simulated(self, full: Plan, old: str, new: str) -> None:
        assert old in FULL
        assert loads(FULL.replace(old, new), files=FULL_FILES).digest_simulated != full.digest_simulated

    def test_the_order_of_a_groups_territories_is_simulated(self, full: Plan) -> None:
        lines = FULL.splitlines(keepends=True)
        berlin, first = (next(i for i, line in enumerate(lines) if f"name: {n}" in line) for n in ("Berlin", "Rest 1"))
        swapped, moved = lines.copy(), lines.copy()
        swapped[berlin], swapped[berlin + 1] = lines[berlin + 1], lines[berlin]
        moved.insert(berlin, moved.pop(first))
        assert loads("".join(swapped), files=FULL_FILES).digest_simulated != full.digest_simulated
        assert loads("".join(moved), files=FULL_FILES).digest_simulated == full.digest_simulated

    def test_overrides_belong_to_the_document(self, tiny: Plan) -> None:
        other = loads(TINY, "tiny.yaml", overrides=["plan.name=Other"])
        assert other.digest_simulated == tiny.digest_simulated
        assert other.digest_document != tiny.digest_document


class TestFiles:
    def test_texts_are_the_files_as_read(self, full: Plan) -> None:
        assert next(iter(full.texts)) == "full.yaml"
        assert set(full.texts) == {"full.yaml", *FULL_FILES}
        assert full.texts["full.yaml"] == FULL

    def test_a_plan_loads_again_from_its_texts(self, full: Plan) -> None:
        name = next(iter(full.texts))
        again = loads(full.texts[name], name, files=full.texts)
        assert again.digest_document == full.digest_document
        assert again.digest_simulated == full.digest_simulated

    def test_a_file_that_is_not_there_is_a_wrong_plan(self, tmp_path: Path) -> None:
        with pytest.raises(PlanError, match=r"plan\.yaml cannot be read: No such file or directory; check the name"):
            load(tmp_path / "plan.yaml")

    def test_a_folder_is_no_plan(self, tmp_path: Path) -> None:
        with pytest.raises(PlanError, match="cannot be read: Is a directory"):
            load(tmp_path)

    def test_a_file_may_stand_in_a_folder_below(self, tmp_path: Path) -> None:
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / "base.yaml").write_text(FULL.replace("full/", "data/"), encoding="utf-8")
        (tmp_path / "below" / "data").mkdir()
        for name, text in FULL_FILES.items():
            (tmp_path / "below" / "data" / Path(name).name).write_text(text, encoding="utf-8")
        (tmp_path / "worse.yaml").write_text("extends: below/base.yaml\nplan: {name: Worse}\n", encoding="utf-8")
        plan = load(tmp_path / "worse.yaml")
        assert "below/data/pipeline.csv" in plan.texts
        assert plan.plan.name == "Worse"


class TestMetrics:
    def test_each_has_a_unit(self) -> None:
        assert tuple(METRIC_UNITS) == METRICS
        assert set(METRICS) >= COMPANY_METRICS | COHORT_METRICS


def test_models_can_be_built_without_a_file() -> None:
    from simengine.plan.customers import Base
    from simengine.plan.people import SeatGroup

    group = SeatGroup(name="a", role="ae", hires={"2027-02": 2})
    assert group.hires == {2027 * 12 + 1: 2}
    assert Base(renewal_rate=Quantity(0.9)).contraction_depth == Quantity(0.3)
    assert issubclass(Base, BaseModel)


def test_loading_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom simengine.plan import load\n"
        f"load({str(PLANS / 'full.yaml')!r})\n"
        "print(sorted({'scipy', 'numba', 'pandas', 'xarray', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("key", sorted(schema_keys()))
def test_the_reference_explains_every_key(key: str) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| [^|]*`{key}`", reference, re.MULTILINE)


@pytest.mark.parametrize("metric", METRICS)
def test_the_reference_names_every_metric(metric: str) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    assert f"`{metric}`" in reference
