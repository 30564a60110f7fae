"""The board's page: every part or its reason, numbers as in the facts, names as text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Group
from rich.text import Text as Line

from simengine.cli.gathered import dossier, past_scores
from simengine.errors import SimengineError
from simengine.report.drivers import drivers
from simengine.report.facts import facts
from simengine.report.page import Dossier, html
from simengine.report.page.board import board, drivers_table
from simengine.report.page.chapters import chapters
from simengine.report.page.functions import of_assumptions
from simengine.report.page.lines import files, of_assumption, of_target
from simengine.report.page.pictures import Pictures
from simengine.report.page.terminal import told
from simengine.report.score import coverage_told
from simengine.report.tables import heading, note, under
from simengine.report.tables import table as made_table
from simengine.report.words import between, percent
from tests.report.pages import ATTRIBUTE, BRACES, HEBREW, LONG, SCRIPT, TINY, hostile, stored


class Text(HTMLParser):
    """What a reader sees of a page, its elements, and its ids and links."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags, self.ids, self.links, self.levels = [], [], [], [], []
        self._hidden = 0
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.tags.append((tag, told))
        self._hidden += tag in ("script", "style")
        self.ids += [told["id"]] if "id" in told else []
        self.links += [told["href"]] if tag == "a" else []
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)


def gathered(*runs, **more):
    asked = {"target": None, "since": None, "solved": None, "with_gap": False, **more}
    return dossier([str(run) for run in runs], **asked)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return stored(TINY.read_text().replace("6_000_000", "5_300_000"), tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def found(run):
    return gathered(run)


@pytest.fixture(scope="module")
def page(found):
    return html(found)


@pytest.fixture
def plain(monkeypatch):
    """Pages without pictures, which take most of the time; tests/system draws them of plans with such names."""
    monkeypatch.setattr("simengine.report.page.render.pictures", lambda _: Pictures({}, "", ""))


def test_the_page_is_one_file_that_asks_for_nothing(page):
    read = Text(page)
    assert len(page.encode()) < 4_000_000
    assert "default-src 'none'" in page
    assert not [told for _, told in read.tags if "src" in told]
    assert all(link.startswith("#") for link in read.links)
    assert not [tag for tag, _ in read.tags if tag in ("link", "iframe", "object")]


def test_it_has_an_order_that_is_heard(page):
    read = Text(page)
    assert read.levels[0] == 1
    assert read.levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(read.levels, read.levels[1:], strict=False))
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links} <= set(read.ids)
    tables = sum(tag == "table" for tag, _ in read.tags)
    assert tables > 10
    assert sum(tag == "caption" for tag, _ in read.tags) == tables
    assert all("scope" in told for tag, told in read.tags if tag == "th")
    assert "object at 0x" not in read.text


def test_every_part_is_there_or_says_why_not(found, page):
    story, read = facts(found.run), Text(page)
    for chapter in chapters(found, story):
        assert chapter.key in read.ids
        assert bool(chapter.reason) or bool(chapter.blocks) or chapter.key == "method"
        if chapter.reason:
            assert f"Not on this page: {chapter.reason}" in read.text
    for part, reason in found.missing.items():
        assert reason, part


def test_numbers_are_those_of_the_facts(found, page):
    story, read = facts(found.run), Text(page)
    first = board(found, story).headlines[0]
    target = story["targets"][0]
    assert first.chance == percent(target["probability"]["value"])
    for said in (first.chance, first.odds, first.safe, first.missed):
        assert said in read.text
    assert target["shortfall"]["misses"] > 0


def test_no_probability_on_page_one_without_its_interval(found):
    made = board(found, facts(found.run))
    for one in made.headlines:
        assert re.search(r"\d", one.between)
        assert re.search(r"\d", one.safe_between)
    for row in made.quarters.rows:
        assert row[-1].under
    for _, table in made.drivers:
        assert all(cell.under or cell.text.startswith("<") or not cell.text for row in table.rows for cell in row[1:])
    assert not made.joint or "–" in made.joint


def test_a_metric_and_an_assumption_lead_to_their_line(found):
    plan = found.plan
    (file,) = files(plan)
    for place, word in (
        (of_assumption(plan, "win_rate.smb"), "win_rate.smb"),
        (of_target(plan, "NRR"), "NRR"),
    ):
        line = int(place.link.rpartition("-")[2])
        assert word in file.lines[line - 1]
        assert place.said == f"plan.yaml:{line}"


def test_an_assumption_belongs_where_the_plan_uses_it(found):
    assert of_assumptions(found.plan) == {
        "attrition.ae": ("sales",),
        "leads.inbound": ("marketing",),
        "ramp_months.ae": ("sales",),
        "renewal.smb": ("success",),
        "win_rate.smb": ("sales",),
    }


def test_names_stay_text(plain, tmp_path):
    page = html(gathered(stored(hostile(TINY.read_text()), tmp_path)))
    read = Text(page)
    for name in (SCRIPT, ATTRIBUTE, BRACES, HEBREW, LONG):
        assert name in read.text
    assert not [tag for tag, _ in read.tags if tag == "img"]
    assert not [told for _, told in read.tags if any(key.startswith("on") for key in told)]
    # The page's own.
    assert sum(tag == "script" for tag, _ in read.tags) == 1


def without_targets(text):
    return re.sub(r"targets:.*?\n\n", "", text, flags=re.DOTALL)


def sells_once(text):
    text = text.replace("customer_type: smb}", "customer_type: smb, sells: once}")
    text = re.sub(r"\nbase:.*?\n\n", "\n", text, flags=re.DOTALL)
    text = re.sub(
        r"targets:.*?\n\n",
        "targets: [{name: sales, metric: bookings, period: FY2027, at_least: 1_000_000}]\n\n",
        text,
        flags=re.DOTALL,
    )
    text = re.sub(r"  renewal\.smb:.*?owner: CS\n", "", text, flags=re.DOTALL)
    return text.replace(", renewal.smb: 0.4", ", win_rate.smb: 0.4")


@pytest.mark.parametrize("change", [without_targets, sells_once])
def test_a_plan_that_lacks_something_has_a_page(change, plain, tmp_path):
    found = gathered(stored(change(TINY.read_text()), tmp_path))
    read = Text(html(found))
    assert "Why believe it?" in read.text
    if change is without_targets:
        assert "The plan has no target" in read.text
    else:
        assert "there is no ARR to take apart" in read.text
    assert "object at 0x" not in read.text


def test_bars_are_as_long_as_shares_also_that_of_chance(found):
    """Random variation may explain more than any assumption."""
    told = drivers(next(iter(found.rankings.values())), found.run)
    told["random_variation"] |= {"value": 0.9}
    rows = drivers_table(told, len(told["assumptions"])).rows
    shares = [max(0.0, row["share"]["value"]) for row in told["assumptions"]]
    assert [row[1].bar for row in rows] == pytest.approx([value / 0.9 for value in (*shares, 0.9)])


def test_without_any_finding_every_chapter_still_has_a_reason(found):
    bare = Dossier(found.plan, found.run)
    story = facts(found.run)
    assert not board(bare, story).drivers
    empty = [one for one in chapters(bare, story) if one.key in ("variance", "misses", "scenarios", "gap", "since")]
    assert all(one.reason and not one.blocks for one in empty)


def test_scenarios_are_compared_and_the_best_is_put_forward(run, tmp_path):
    more = TINY.read_text().replace("6_000_000", "5_300_000").replace("mean: 88 %", "mean: 96 %")
    found = gathered(run, stored(more, tmp_path))
    decision = board(found, facts(found.run)).decision
    row = decision.steps.rows[0]
    assert row[1].under
    assert row[2].under
    one = found.compared.isel(scenario=1, target=0)
    assert row[1].text == percent(float(one["p"]))
    assert row[1].under == between(float(one["p_lower"]), float(one["p_upper"]), "fraction")
    assert decision.said.startswith("Tiny (2)")


def test_runs_of_other_draws_do_not_stand_side_by_side(run, tmp_path):
    with pytest.raises(SimengineError, match="draw by draw"):
        gathered(run, stored(TINY.read_text(), tmp_path, draws=64))


def test_another_target_comes_first_when_asked(run):
    found = gathered(run, target="NRR")
    assert board(found, facts(found.run)).headlines[0].name == "NRR"
    with pytest.raises(SimengineError, match="no target of the plan; it has board ARR, NRR"):
        gathered(run, target="growth")


def test_what_was_solved_for_is_what_is_asked(found):
    solved = {
        "target": "board ARR",
        "currency": "USD",
        "confidence": 0.8,
        "before": {"value": 0.4, "lower": 0.39, "upper": 0.41},
        "binding": [],
        "chosen": {
            "cost": 120_000.0,
            "probability": {"value": 0.81, "lower": 0.8, "upper": 0.82},
            "gain": {"value": 0.41, "lower": 0.4, "upper": 0.42},
            "levers": [
                {
                    "name": "sellers",
                    "kind": "hires",
                    "amount": 2.0,
                    "from": "2027-02",
                    "owner": "CRO",
                    "decide_by": "2027-01",
                    "cost": 120_000.0,
                }
            ],
        },
    }
    decision = board(replace(found, solved=solved), facts(found.run)).decision
    assert "sellers +2, for $120k" in decision.said
    assert "40.0% (39.0–41.0%) to 81.0% (80.0–82.0%)" in decision.said
    assert [cell.text for cell in decision.steps.rows[0]] == ["sellers", "+2", "2027-01", "$120k"]


def test_the_words_of_a_terminal_become_tables_and_paragraphs():
    made = made_table("name", "share")
    made.add_row("rate", under("12%", "10–14%"))
    made.add_row("cost", under("1%", "", "dim"))
    shown = Group(heading("What it hangs on"), Line("A sentence."), made, note("A note."))
    title, words, rows, last = told(shown, "unused")
    assert (title.text, title.kind) == ("What it hangs on", "heading")
    assert (words.kind, last.kind) == ("plain", "note")
    assert (rows.caption, rows.titled, rows.columns, rows.texts) == ("What it hangs on", True, ("Name", "Share"), 1)
    assert [cell.text for cell in rows.rows[0]] == ["rate", "12%"]
    assert [cell.under for cell in rows.rows[0]] == ["", "10–14%"]
    assert [row[1].faint for row in rows.rows] == [False, True]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("3 more tell less; `--json` has them all, by month.", "3 more tell less."),
        (
            "Of these nothing is observed (`--json` says why): win_rate.smb.",
            "Of these nothing is observed: win_rate.smb.",
        ),
        ("`--confidence` with a lower number tells more.", None),
        ("A plan named `x`; all of it.", "A plan named `x`; all of it."),
    ],
)
def test_a_page_is_not_told_of_commands(said, shown):
    assert [words.text for words in told(Line(said), "")] == ([] if shown is None else [shown])


def test_past_forecasts_are_told_with_interval_and_number(found):
    row = {"group": "", "n": 40, "coverage": {"0.5": [0.5, 0.3, 0.7], "0.8": [0.825, 0.68, 0.913]}, "skill": 0.2}
    scored = {"until": "2027-03", "calibration": {"segment": [row], "metric": [row | {"group": "new_arr"}]}}
    covered = {"forecasts": [], "coverage": [row | {"group": "new_arr"}, row | {"group": "bookings", "n": 8}]}
    (past,), (back,) = coverage_told(scored), coverage_told(covered)
    assert "until 2027-03" in past
    assert "80% interval in 82.5% (68.0–91.3%) of 40 forecasts of the company." in past
    assert "of 40 forecasts of new ARR, in 82.5% (68.0–91.3%) of 8 forecasts of bookings." in back
    assert past in board(replace(found, scores=(past,)), facts(found.run)).belief
    assert "no quarter" in coverage_told({"until": "2027-03", "calibration": {}})[0]


def test_without_past_forecasts_the_page_says_how_to_get_them(found):
    (line,) = [line for line in board(found, facts(found.run)).belief if line.startswith("Past forecasts")]
    assert "simengine score RUN... --json" in line


def test_what_no_score_has_written_is_refused(tmp_path):
    file = tmp_path / "scores.json"
    file.write_text("[]")
    with pytest.raises(SimengineError, match="write it again"):
        past_scores(file)
    with pytest.raises(SimengineError, match="cannot read"):
        past_scores(tmp_path / "none.json")
