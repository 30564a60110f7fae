"""What a notebook shows: tables with every name as text, figures, and nothing that start-up pays for."""

import pickle
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Group
from rich.text import Text

import simengine as se
from simengine.learn.update import Moved, Updated
from simengine.report import jupyter
from simengine.report.hypertext import page
from simengine.report.tables import heading, note, table, under

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"
HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "\"quotes' & [bold]brackets[/bold] :smile:",
    "$x^2$ \\(y\\) =cmd +1 -1 @x",
    "\u202eright to left\u202c",
    "w" * 200,
]


class Reader(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.classes = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.classes.append(dict(attrs).get("class") or "")

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def plan():
    return se.load(TINY)


@pytest.fixture(scope="module")
def ds(plan):
    return se.simulate(plan, draws=500, seed=7)


def hostile(name):
    quoted = name.replace("'", "''")
    text = (
        TINY.read_text(encoding="utf-8")
        .replace("name: board ARR", f"name: '{quoted}'")
        .replace("owner: RevOps", f"owner: '{quoted}'")
    )
    return text


# ---- tables ----


def test_a_table_of_the_terminal_is_a_table_of_the_page():
    rows = table("name", "share", "", texts=1)
    rows.add_row(under("a", "owner"), "1%", "")
    rows.add_section()
    rows.add_row("b", Text("2%", "bold"), Text("bad", "red"))
    html = page(Group(heading("Title"), rows, note("A note\nof two lines.")))
    read = Reader(html)
    assert read.tags.count("tr") == 3
    assert '<p class="head" role="heading" aria-level="4">Title</p>' in html
    assert '<th scope="row" class="words">a<br><span class="dim">owner</span></th>' in html
    assert '<tr class="after">' in html
    assert "<td><strong>2%</strong></td>" in html
    assert '<td><span style="color:#D1495B">bad</span></td>' in html
    assert '<p><span class="dim">A note of two lines.</span></p>' in html
    # Two dollar signs are money: MathJax leaves such a page alone.
    assert read.classes[0].split() == ["simengine", "tex2jax_ignore", "mathjax_ignore"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_text(name):
    rows = table(name, "b")
    rows.add_row(name, under(name, name))
    read = Reader(page(name, heading(name), rows, note(name)))
    assert set(read.tags) == {"div", "style", "p", "table", "thead", "tbody", "tr", "th", "td", "br", "span"}
    assert read.texts.count(name) == 7


@pytest.mark.parametrize("name", HOSTILE[:2], ids=["script", "cell"])
def test_a_plan_with_hostile_names_shows_them_as_text(name, tmp_path):
    (tmp_path / "plan.yaml").write_text(hostile(name), encoding="utf-8")
    read = Reader(se.show(se.load(tmp_path / "plan.yaml"))._repr_html_())
    assert not {"script", "img"} & set(read.tags)
    assert name in read.texts


# ---- results ----


def test_a_plan_is_shown_with_its_targets_sources_and_owners(plan):
    shown = se.show(plan)
    read = Reader(shown._repr_html_())
    assert {"Tiny", "board ARR", "at least $6M", "leads.inbound", "historical", "Marketing", "60 per month"} <= set(
        read.texts
    )
    first = shown["assumptions"][0]
    assert first["p10"] < first["p50"] < first["p90"]
    assert "What is assumed?" in repr(shown)


def test_what_is_told_of_a_run_is_what_its_datasets_hold(ds):
    hit = float((ds["target_value"].sel(target="NRR") >= 0.95).mean())
    assert ds.sim.probability("NRR")["value"] == pytest.approx(hit)
    ending = ds["ending_arr"].sel(month="2027-12")
    assert ds.sim.commit("board ARR", 0.9)["value"] == float(np.quantile(ending, 1 - 0.9, method="inverted_cdf"))
    assert ds.sim.rank("board ARR").data.identical(se.rank(ds, "board ARR"))
    with pytest.raises(se.SimengineError, match="between 0 and 1"):
        ds.sim.commit("board ARR", 80)


def test_runs_are_compared_as_a_batch_compares_their_plans(plan, ds, tmp_path):
    other = se.load(TINY, ["leads.inbound=80 per month"])
    run = se.simulate(other, draws=500, seed=7)
    batch = se.batch({"base": plan, "more": other}, tmp_path / "batch", draws=500, seed=7)
    compared = ds.sim.compare({"more": run}).data
    for name in ("p", "p_change", "p_change_lower", "mean", "mean_change_upper", "p90"):
        np.testing.assert_allclose(compared[name], batch[name])
    with pytest.raises(se.SimengineError, match="more: draws is 400, in base it is 500"):
        ds.sim.compare({"more": se.simulate(other, draws=400, seed=7)})
    with pytest.raises(se.SimengineError, match="another scenario is called"):
        ds.sim.compare({"base": run})


def test_an_update_tells_what_moved_most_and_counts_the_rest(plan):
    moved = tuple(
        Moved(f"belief {i}", "fraction", (0.1, 0.2, 0.3), (0.1, 0.25, 0.3), "records", True, False) for i in range(15)
    )
    names = frozenset(each.name for each in moved)
    updated = Updated(plan, {"plan.yaml": ""}, date(2027, 3, 31), moved, names, {}, (), (), ())
    read = Reader(se.show(updated)._repr_html_())
    assert "belief 11" in read.texts
    assert "belief 12" not in read.texts
    assert "Median, and below it P10 to P90. 3 more moved less." in read.texts


def test_a_figure_shows_itself_and_says_what_it_says(ds):
    png, about = ds.sim.rank("board ARR").figure()._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert "moves ending ARR FY2027 most" in about["alt"]
    with pytest.raises(se.SimengineError, match="there is no figure of this"):
        ds.sim.quarters().figure()


def test_what_cannot_be_shown_is_told_in_words(ds):
    with pytest.raises(se.SimengineError, match="nothing is known of how to show int"):
        se.show(3)
    with pytest.raises(se.SimengineError, match="none of simengine's"):
        se.show(xr.Dataset({"x": 1}))
    with pytest.raises(se.SimengineError, match="show\\(ranking, run\\)"):
        se.show(se.rank(ds, "board ARR"))


# ---- the dataset stays one of xarray ----


def test_a_run_that_was_looked_at_travels(ds):
    assert ds.sim.probability("NRR")["value"] > 0
    again = pickle.loads(pickle.dumps(ds))
    assert again.identical(ds)
    assert again.sim.probability("NRR").facts == ds.sim.probability("NRR").facts
    assert type(ds) is xr.Dataset


def test_another_dataset_is_told_that_it_is_no_run():
    with pytest.raises(se.SimengineError, match="no run of simengine"):
        xr.Dataset({"x": ("draw", [1.0])}).sim  # noqa: B018


# ---- Jupyter ----


class Formatter(dict):
    def for_type_by_name(self, module, name, function):
        self[module, name] = function


def test_plans_and_results_show_themselves_in_jupyter(plan):
    formatters = {"text/html": Formatter(), "text/plain": Formatter()}
    jupyter.register(formatters)
    place = type(plan).__module__, type(plan).__name__
    assert formatters["text/html"][place](plan) == se.show(plan)._repr_html_()
    for module, name in formatters["text/html"]:
        assert hasattr(__import__(module, fromlist=[name]), name)


def test_a_kernel_registers_and_nobody_else_pays():
    code = "import sys; import simengine; print('xarray' in sys.modules, 'simengine.report' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as Shell; shell = Shell.instance()\n"
        "import sys; import simengine as se\n"
        f"plan = se.load({str(TINY)!r})\n"
        "data, _ = shell.display_formatter.format(plan)\n"
        "print(sorted(data), 'matplotlib' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['text/html', 'text/plain'] False\n"


# ---- a run that is none, or a part of one ----


def test_a_part_of_a_run_is_told_in_words(tmp_path):
    ds = se.simulate(se.load(TINY), draws=60, seed=7)
    for part, said in (
        (ds.isel(draw=slice(0, 50)), "has 50 of its 60 draws; take .sim of the whole run"),
        (ds.isel(draw=0), "has lost its dimension 'draw'"),
        (ds.isel(assumption=slice(0, 2)), "has not all of its assumptions"),
        (ds.mean("month"), "has lost its dimension 'month'"),
        (ds.drop_vars("event"), "read a stored run with simengine.load_run"),
        (xr.Dataset(), "no run of simengine"),
    ):
        with pytest.raises(se.SimengineError, match=said):
            part.sim.summary()
    assert ds.isel(target=[1]).sim.probability().facts == ds.sim.probability("NRR").facts


def test_a_target_that_is_none_is_answered_with_the_one_that_is_meant():
    ds = se.simulate(se.load(TINY), draws=60, seed=7)
    for ask in (ds.sim.probability, ds.sim.commit):
        with pytest.raises(se.SimengineError, match="no target is named 'bord ARR'; did you mean board ARR"):
            ask("bord ARR")
    with pytest.raises(se.SimengineError, match="the plan has no target"):
        ds.isel(target=[]).sim.probability()
