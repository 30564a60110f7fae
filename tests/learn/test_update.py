import csv
import json
import os
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from simengine.cli import cli
from simengine.cli.update import KINDS
from simengine.errors import MachineError, SimengineError
from simengine.learn.batches import Batch, digest_of, joined
from simengine.learn.history import History, table
from simengine.learn.standing import ASSUMED
from simengine.learn.update import Updated, _moved, as_written, update
from simengine.learn.written import write
from simengine.plan import load
from simengine.report.update import facts
from simengine.units import month_label
from tests.learn.small import AS_OF, PLAN, tables
from tests.learn.small import write as write_files

APRIL = date(2027, 4, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Updated]:
    place = tmp_path_factory.mktemp("first")
    write_files(place)
    return place, done(place)


@pytest.fixture
def updated(first: tuple[Path, Updated], tmp_path: Path) -> tuple[Path, Updated]:
    """The plan after one update, in a folder of one's own."""
    shutil.copytree(first[0], tmp_path, dirs_exist_ok=True)
    return tmp_path, first[1]


def done(folder: Path, output: str = "small-q1.yaml", **others: Any) -> Updated:
    given: dict[str, Any] = {"as_of": AS_OF, "output": folder / output, "draws": 1000, **others}
    found = update(folder / given.pop("plan", "small.yaml"), folder / given.pop("actuals", "history.yaml"), **given)
    write(found, folder)
    return found


def april() -> dict[str, Any]:
    """What April adds: one deal more, one lost, the owner's cash."""
    now = tables()
    now["opportunities"] = table(
        "opportunities",
        id=["o3", "o6"],
        segment=["smb"] * 2,
        channel=["inbound"] * 2,
        created=["2027-02-20", "2027-04-03"],
        started=["2027-02-28", "2027-04-03"],
        outcome=["won", "open"],
        closed=["2027-04-20", None],
        amount=[33_000.0, None],
        owner=["p5", "p1"],
        account=["Hall", ""],
    )
    now["contracts"] = table(
        "contracts",
        customer=["Hall", "Cone"],
        segment=["smb"] * 2,
        start=["2027-04-20", "2026-05-01"],
        renews=["2028-04-19", "2027-04-30"],
        arr=[33_000.0, 50_000.0],
        outcome=["in force", "churned"],
        decided=[None, "2027-04-30"],
    )
    now["bookings"] = table(
        "bookings",
        date=["2027-04-20", "2027-04-30"],
        segment=["smb"] * 2,
        channel=["inbound", ""],
        kind=["new", "churn"],
        amount=[33_000.0, 50_000.0],
        customer=["Hall", "Cone"],
    )
    now["leads"] = table(
        "leads",
        id=["l4"],
        segment=["smb"],
        channel=["inbound"],
        created=["2027-04-10"],
        count=[9.0],
        **{"reached:opportunity": ["2027-04-20"]},
    )
    now["people"] = table(
        "people", id=["p6"], role=["ae"], seats=["ae-smb-new"], segment=["smb"], start=["2027-04-05"], end=[None]
    )
    now["balances"] = table("balances", date=["2027-04-30"], item=["cash"], amount=[4.4e6])
    return now


def test_the_new_plan_is_checked_and_keeps_words_order_and_comments(updated: tuple[Path, Updated]) -> None:
    folder, found = updated
    new = load(folder / "small-q1.yaml")
    text = (folder / "small-q1.yaml").read_text(encoding="utf-8")
    assert text == found.files["small-q1.yaml"]
    assert all(comment in text for comment in re.findall("# .*", PLAN))
    sections = re.findall(r"^\w+", PLAN, re.MULTILINE)
    assert re.findall(r"^\w+", text, re.MULTILINE) == [*sections, "facts", "learned"]
    assert new.plan.as_of == AS_OF
    assert new.base["smb"].arr == 545_000
    assert new.learned is not None
    assert new.learned.origin.file == "small.yaml"
    assert new.learned.origin.digest == load(folder / "small.yaml").digest_document
    assert [each.file for each in new.learned.evidence] == ["history.yaml"]


def test_beliefs_are_posteriors_with_what_they_were_and_why_they_moved(updated: tuple[Path, Updated]) -> None:
    folder, found = updated
    old, new = load(folder / "small.yaml"), load(folder / "small-q1.yaml")
    leads = new.assumptions["leads"]
    assert leads.before.ppf([0.5]) == pytest.approx(old.assumptions["leads"].distribution.ppf([0.5]))
    # 20 a month were expected, with a CV of 25 % after the source policy; 13 came in three months.
    assert leads.distribution.mean() < 12
    assert leads.source.reference == f"CMO; actuals to {AS_OF}: {found.moved[0].evidence}"
    assert (leads.source.n, leads.source.as_of) == (13, AS_OF)
    assert leads.trigger == old.assumptions["leads"].trigger
    moved = {each.name: each for each in found.moved}
    assert moved["leads"].after[1] == pytest.approx(np.asarray(leads.distribution.ppf([0.5]))[0], rel=0.05)
    assert moved["leads"].before[1] == pytest.approx(np.asarray(old.widened()["leads"].ppf([0.5]))[0])


def test_facts_are_the_months_since_the_first_plan_in_the_money_of_the_segment(updated: tuple[Path, Updated]) -> None:
    folder, _ = updated
    with (folder / "small-q1.facts.csv").open(encoding="utf-8") as file:
        rows = {(r["month"], r["output"], r["segment"]): float(r["value"]) for r in csv.DictReader(file)}
    assert rows["2027-03", "ending_arr", "emea"] == 80_000
    assert rows["2027-02", "ending_arr", "smb"] == 470_000
    assert rows["2027-01", "churned_arr", "smb"] == 40_000
    assert {month for month, _, _ in rows} == {"2027-01", "2027-02", "2027-03"}
    # February's balance is missing, so nothing is told of cash.
    assert not [key for key in rows if key[1] == "cash"]


def test_two_batches_are_one(updated: tuple[Path, Updated]) -> None:
    folder, _ = updated
    write_files(folder, known=april(), name="april")
    done(folder, "small-q2.yaml", plan="small-q1.yaml", actuals="april.yaml", as_of=APRIL)
    once = folder / "once"
    once.mkdir()
    write_files(once)
    first = Batch("", History(AS_OF, tables()), "")
    second = Batch("", History(APRIL, april()), "")
    write_files(once, known=dict(joined([first, second]).tables))
    done(once, "small-q2.yaml", as_of=APRIL)
    twice, one = load(folder / "small-q2.yaml"), load(once / "small-q2.yaml")
    assert twice.digest_simulated == one.digest_simulated
    assert twice.facts == one.facts
    for name, assumption in one.assumptions.items():
        assert twice.assumptions[name].source == assumption.source
    assert twice.learned is not None
    assert one.learned is not None
    assert twice.learned.origin == one.learned.origin
    assert len(twice.learned.evidence) == 2
    assert month_label(twice.plan.start) == "2027-05"
    assert twice.base["smb"].arr == 545_000 + 33_000 - 50_000


def test_records_that_changed_or_are_gone_are_refused_with_what_to_do(updated: tuple[Path, Updated]) -> None:
    folder, _ = updated
    write_files(folder, known=april(), name="april")
    second = {"plan": "small-q1.yaml", "actuals": "april.yaml", "as_of": APRIL}
    file = folder / "history-opportunities.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("60000", "61000"), encoding="utf-8")
    with pytest.raises(SimengineError, match=r"has changed since(.|\n)*update small.yaml with them"):
        done(folder, "small-q2.yaml", **second)
    file.write_text(text, encoding="utf-8")
    (folder / "history.yaml").rename(folder / "other.yaml")
    with pytest.raises(SimengineError, match=r"history\.yaml is not there"):
        done(folder, "small-q2.yaml", **second)
    (folder / "other.yaml").rename(folder / "history.yaml")
    plan = (folder / "small.yaml").read_text(encoding="utf-8")
    (folder / "small.yaml").write_text(plan.replace("25 %", "26 %"), encoding="utf-8")
    with pytest.raises(SimengineError, match=r"is not the plan that small-q1\.yaml was made of"):
        done(folder, "small-q2.yaml", **second)
    (folder / "small.yaml").unlink()
    with pytest.raises(SimengineError, match=r"is not there: small-q1\.yaml was made of it"):
        done(folder, "small-q2.yaml", **second)
    assert not (folder / "small-q2.yaml").exists()


def test_a_day_that_is_known_already_is_refused(updated: tuple[Path, Updated]) -> None:
    folder, _ = updated
    with pytest.raises(SimengineError, match="knows what happened up to 2027-03-31: choose a later day"):
        done(folder, "small-q2.yaml", plan="small-q1.yaml")


def test_of_two_records_the_later_one_counts_and_what_has_no_mark_is_replaced_from_its_first_day() -> None:
    first, second = History(AS_OF, tables()), History(APRIL, april())
    whole = joined([Batch("b", second, ""), Batch("a", first, "")])
    deals = whole.table("opportunities").set_index("id")
    assert sorted(deals.index) == ["o1", "o2", "o3", "o4", "o5", "o6"]
    assert deals.loc["o3", "outcome"] == "won"
    contracts = whole.table("contracts")
    assert len(contracts) == len(tables()["contracts"]) + 1
    assert contracts[contracts["customer"] == "Cone"]["outcome"].tolist() == ["churned"]
    assert whole.table("bookings")["amount"].tolist() == [40_000, 10_000, 15_000, 60_000, 33_000, 50_000]
    whole_year = History(APRIL, {"bookings": pd.concat([tables()["bookings"], april()["bookings"]])})
    assert len(joined([Batch("a", first, ""), Batch("b", whole_year, "")]).table("bookings")) == 6
    assert whole.as_of == APRIL


def test_the_command_offers_what_can_be_taken_from_the_plan() -> None:
    assert KINDS == ASSUMED


def test_a_digest_is_of_every_record_and_of_nothing_else() -> None:
    one = digest_of(History(AS_OF, tables()))
    assert one == digest_of(History(APRIL, dict(reversed(tables().items()))))
    other = tables()
    other["people"].loc[0, "region"] = "north"
    assert digest_of(History(AS_OF, other)) != one


def test_a_target_that_nobody_can_tell_of_any_more_is_left_out_and_said(folder: Path) -> None:
    target = (
        "\n  - {name: payback, metric: cac_payback, period: FY2027, at_most: 30 months}   # of the board\n\nsegments:"
    )
    write_files(folder, PLAN.replace("\n\nsegments:", target))
    found = done(folder)
    assert [each.name for each in found.plan.targets] == ["board ARR"]
    assert any(words.startswith("target payback is left out") for words in found.said)
    assert "# of the board" in found.files["small-q1.yaml"]


LEVERS = """
levers:                                             # what could be done
  early sellers: {hires: ae-smb-new, starts: [2027-03], range: [0, 2], owner: CRO}
  sellers:                                          # as agreed
    hires: ae-smb-new
    starts: [2027-02, 2027-06]
    range: [-1, 2]
    owner: CRO
  louder: {spend: inbound, starts: [2027-04], range: [x1.0, x1.5], step: x0.1, owner: CMO}
limits: {budget: 500_000}
"""


def test_levers_keep_the_starts_that_are_left_and_it_is_said(folder: Path) -> None:
    write_files(folder, PLAN + LEVERS)
    found = done(folder)
    assert list(found.plan.levers) == ["sellers", "louder"]
    assert [month_label(month) for month in found.plan.levers["sellers"].starts] == ["2027-06"]
    assert found.plan.limits.budget == 500_000
    assert [words for words in found.said if words.startswith("lever")] == [
        "lever early sellers is left out: it could start in 2027-03, which is past",
        "lever sellers cannot start in 2027-02 any more, which is past",
    ]
    assert "# as agreed" in found.files["small-q1.yaml"]


def test_where_no_lever_is_left_the_section_goes(folder: Path) -> None:
    lever = "\nlevers:\n  sellers: {hires: ae-smb-new, starts: [2027-03], range: [0, 2], owner: CRO}\n"
    write_files(folder, PLAN + lever)
    found = done(folder)
    assert found.plan.levers == {}
    assert "levers:" not in found.files["small-q1.yaml"]


def test_a_lever_that_what_happened_makes_impossible_is_left_out_and_said(folder: Path) -> None:
    # Three have come in place of two: June's hire is one of them, and cannot be taken away any more.
    known = tables()
    more = {"role": "ae", "seats": "ae-smb-new", "segment": "smb", "start": "2027-03-08", "end": None, "reason": ""}
    known["people"] = pd.concat(
        [known["people"], table("people", **{k: [v] * 2 for k, v in more.items()}, id=["n1", "n2"])]
    )
    write_files(folder, PLAN + LEVERS, known)
    found = done(folder)
    assert list(found.plan.levers) == ["louder"]
    (words,) = [words for words in found.said if words.startswith("lever sellers is left out")]
    assert "the plan hires 0 for ae-smb-new in 2027-06" in words


def test_nothing_is_written_over_unless_asked_for_and_never_the_plan_itself(updated: tuple[Path, Updated]) -> None:
    folder, found = updated
    with pytest.raises(SimengineError, match=r"small-q1\.yaml is there already"):
        write(found, folder)
    write(found, folder, overwrite=True)
    with pytest.raises(SimengineError, match="is the plan itself"):
        done(folder, "small.yaml")
    origin = (folder / "small.yaml").read_text(encoding="utf-8")
    with pytest.raises(SimengineError, match=r"small\.yaml is the plan that small-q1\.yaml was made of"):
        done(folder, "small.yaml", plan="small-q1.yaml", as_of=APRIL)
    assert (folder / "small.yaml").read_text(encoding="utf-8") == origin


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(updated: tuple[Path, Updated]) -> None:
    folder, found = updated
    closed = folder / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(MachineError, match="cannot write"):
        write(found, closed)


def test_what_fails_half_way_leaves_nothing(updated: tuple[Path, Updated], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, found = updated
    (folder / "small-q1.yaml").write_text("plan: {}\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MachineError, match="no space left"):
        write(found, folder, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_files_of_a_kill_before_the_plan_appeared_are_in_nobodys_way(updated: tuple[Path, Updated]) -> None:
    folder, found = updated
    plan = folder / "small-q1.yaml"
    plan.unlink()
    write(found, folder)
    assert plan.read_text(encoding="utf-8") == found.files[plan.name]
    plan.unlink()
    (folder / "small-q1.facts.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(SimengineError, match=r"small-q1\.facts\.csv is there already"):
        write(found, folder)


def test_where_the_last_file_fails_the_others_are_as_they_were(
    updated: tuple[Path, Updated], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = updated
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    newer = replace(found, files={name: text + "\n" for name, text in found.files.items()})
    whole, calls = os.replace, []

    def fails_at_the_last(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == len(found.files):
            raise OSError(28, "No space left on device")
        whole(source, target)

    monkeypatch.setattr("os.replace", fails_at_the_last)
    assert len(found.files) > 1
    with pytest.raises(MachineError, match="no space left"):
        write(newer, folder, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_plan_that_extends_another_is_refused_with_what_to_do(folder: Path) -> None:
    (folder / "bold.yaml").write_text("extends: small.yaml\nbase: {smb: {renewal_rate: 90 %}}\n", encoding="utf-8")
    with pytest.raises(SimengineError, match=r"extends small.yaml: update small.yaml, and let a copy of bold.yaml"):
        done(folder, plan="bold.yaml")


def test_another_folder_gets_what_the_plan_needs(folder: Path) -> None:
    text = PLAN.replace(
        "    distribution: {gamma: {mean: 20, cv: 20 %}}\n",
        "    distribution: {empirical: {file: observed.csv, column: leads}}\n",
    )
    write_files(folder, text)
    (folder / "observed.csv").write_text("leads\n" + "\n".join(map(str, range(5, 30))) + "\n", encoding="utf-8")
    found = update(
        folder / "small.yaml", folder / "history.yaml", as_of=AS_OF, output=folder / "next/plan.yaml", draws=1000
    )
    write(found, folder / "next")
    new = load(folder / "next/plan.yaml")
    assert new.learned is not None
    assert new.learned.origin.file == "../small.yaml"
    assert new.learned.evidence[0].file == "../history.yaml"
    assert (folder / "next/observed.csv").exists()


@pytest.mark.parametrize(
    ("spec", "unit", "written"),
    [
        (
            {"quantiles": {"P10": 0.1, "P50": 0.2, "max": 1.0}},
            "fraction",
            {"P10": "10 %", "P50": "20 %", "max": "100 %"},
        ),
        ({"empirical": {"values": [0.1, 0.125]}}, "fraction", {"values": ["10 %", "12.5 %"]}),
        ({"fixed": 0.5}, "fraction", "50 %"),
        ({"gamma": {"mean": 0.2, "cv": 0.3}}, "fraction per year", {"mean": "20 %", "cv": 0.3}),
        ({"gamma": {"mean": 2.0, "cv": 0.3}}, "months", {"mean": 2.0, "cv": 0.3}),
    ],
)
def test_fractions_are_written_in_per_cent(spec: dict[str, Any], unit: str, written: object) -> None:
    assert next(iter(as_written(spec, unit).values())) == written


def test_what_moved_most_in_widths_of_its_own_belief_is_told_first() -> None:
    laws = {"even": stats.norm(), "skewed": stats.lognorm(1.5)}
    plan = SimpleNamespace(
        widened=lambda: laws, assumptions={name: SimpleNamespace(unit="") for name in (*laws, "of a model")}
    )
    # By their medians, the skewed one has moved by more, and by less of what lies between its tenths.
    at = {"even": 0.5, "skewed": 2.0}
    posterior = SimpleNamespace(
        names=list(at), values=np.tile(list(at.values()), (5, 1)), direct={"even"},
        spoken={"of a model": "no column", "skewed": "one", "even": "other"},
    )  # fmt: skip
    found = list(_moved(plan, posterior))  # type: ignore[arg-type]
    assert [(one.name, one.direct) for one in found] == [("even", True), ("skewed", False)]


def test_the_command_says_where_the_company_stands_what_moved_and_what_is_next(
    folder: Path, first: tuple[Path, Updated]
) -> None:
    asked = ["update", str(folder / "small.yaml"), "--actuals", str(folder / "history.yaml"), "--as-of", "2027-03-31"]
    asked += ["-o", str(folder / "small-q1.yaml"), "-n", "1000"]
    result = CliRunner().invoke(cli, asked)
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert "Where the company stands on 2027-03-31" in words
    assert "13 arrivals in 3 months" in words
    assert "Next: simengine check" in words
    assert facts(first[1])["as_of"] == "2027-03-31"
    json.dumps(facts(first[1]), allow_nan=False)
    again = CliRunner().invoke(cli, asked)
    assert again.exit_code == 2
    assert "is there already" in again.output
