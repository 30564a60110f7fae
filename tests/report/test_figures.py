import itertools
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from simengine.cli.steps import by_certainty, ranked
from simengine.errors import SimengineError
from simengine.explain import misses, rank
from simengine.report.canvas import BLUE, GREY, INK, SOFT, VERMILION, end_of, save, title
from simengine.report.facts import headline, target_facts
from simengine.report.figures import board, bridge, cash, exceedance, fan, left_out, parts, tornado
from simengine.report.gauges import gauges, no_gauges
from simengine.report.misses import miss_facts
from simengine.report.parts import COLORS
from simengine.report.shortfall import no_shortfall, shortfall
from simengine.results.composition import PARTS
from simengine.units import month_label, month_number
from tests.report.synthetic import ASSUMPTIONS, BOARD, NRR, Goal, dataset
from tests.report.test_alarms import MONTHS, month, row
from tests.report.test_alarms import facts as watched

LONG = [month(month_label(month_number("2027-01") + t)) for t in range(23)]
OPEN = {"value": 0.16, "lower": -np.inf, "upper": np.inf}


def several(value):
    return [month(label, value, p10=80e3, p90=120e3, as_planned=110e3) for label in MONTHS]


CASES = {
    "usual": dataset(BOARD, NRR),
    "crowded": dataset(
        BOARD,
        Goal("commit ARR", at_least=107e6),
        Goal("street", at_least=106.5e6),
        Goal("next year", period="FY2028", at_least=140e6),
        currency="CHF",
    ),
    "far off": dataset(Goal("dream", at_least=200e6)),
    "ratio, at most": dataset(Goal("payback", "cac_payback", at_most=17.0)),
    "happenings": dataset(
        BOARD,
        Goal("covenant", "lowest_cash", at_least=30e6),
        Goal("alliance wins", "new_arr", at_least=26e6, criterion=True),
        happenings=True,
    ),
    "short of cash": dataset(
        Goal("covenant", "lowest_cash", at_least=38e6),
        Goal("next year", "lowest_cash", "FY2028", at_least=-10e6),
        Goal("at the end", "cash", "FY2028", at_least=5e6),
        burn=2e6,
        currency="CHF",
    ),
    "once": dataset(Goal("quota", "bookings", at_least=26e6), months=12, sells_once=True),
    "shrinking": dataset(Goal("floor", at_least=70e6), new=0.2e6, loss=2.5, months=12),
    "no target, five years": dataset(months=60),
    "less than a quarter": dataset(Goal("March", "net_new_arr", "2027-03", at_least=1e6), months=5, start="2027-02"),
    "long names": dataset(Goal("the number that " * 4, at_least=104e6), currency="CHF").assign_coords(
        assumption=[f"{name}-{'x' * 40}" for name in ASSUMPTIONS]
    ),
}


def with_values(goal, values, twins):
    ds = dataset(goal)
    for suffix, column in (("", values), ("_twin", twins)):
        dims, like = ds["target_value" + suffix].dims, ds["target_value" + suffix].values
        ds["target_value" + suffix] = dims, np.broadcast_to(column, like.shape).copy()
    return ds


def sometimes_infinite(values):
    """Payback that rises with the value, and is infinite where it is 0.9 and more."""
    return np.where(values < 0.9, 10 + values, np.inf)[:, None]


STILL = {
    "never varies": with_values(Goal("heads", "headcount", at_least=4), 3.0, 3.0),
    "undefined": with_values(NRR, np.nan, np.nan),
    "infinite": with_values(Goal("payback", "cac_payback", at_most=18), np.inf, np.inf),
}
CASES |= STILL
CASES["infinite on some paths"] = with_values(
    Goal("payback", "cac_payback", at_most=10.5),
    sometimes_infinite(np.linspace(0, 1, 800)),
    sometimes_infinite(np.linspace(0, 0.2, 200)),
)
CASES["nothing"] = dataset(new=0.0, sells_once=True)
CASES["long names"].attrs["plan"] = "A plan with a name that goes on for a very long time " * 3


def board_of(ds, ranking):
    return board(ds, ranking, None if ranking is None else by_certainty(ds, ranking))


def missed(ds):
    """The figure of a miss of each target that has one."""
    for name in map(str, ds["target"].values):
        try:
            told = miss_facts(misses(ds, name), ds)
        except SimengineError:  # nearly always reached, or nearly never
            continue
        if not no_shortfall(told):
            yield f"miss of {name}", shortfall(ds, told)


@pytest.fixture(params=CASES)
def figures(request):
    ds = CASES[request.param]
    return board_of(ds, ranked(ds)[0]) | dict(missed(ds))


def texts(figure):
    """What can be read on a figure. An axis also makes ticks beyond its ends, and does not draw them."""
    undrawn = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high or not axes.axison]
            undrawn |= {label for tick in beyond for label in (tick.label1, tick.label2)}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if text not in undrawn]


def test_no_text_is_cut_off_or_covers_another(figures):
    for name, figure in figures.items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        page = figure.bbox
        boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts(figure)]
        for text, box in boxes:
            assert page.x0 <= box.x0 < box.x1 <= page.x1, (name, text)
            assert page.y0 <= box.y0 < box.y1 <= page.y1, (name, text)
        for (a, one), (b, other) in itertools.combinations(boxes, 2):
            x = min(one.x1, other.x1) - max(one.x0, other.x0)
            y = min(one.y1, other.y1) - max(one.y0, other.y0)
            # Boxes include the space of letters that reach up or down: two points of it may be shared.
            assert x <= 1 or y <= 2 * figure.dpi / 72, (name, a, b)


def test_the_check_above_sees_an_overlap_and_a_cut():
    figure = fan(CASES["usual"])
    figure.text(0.03, 0.96, "on top of the title", va="top")
    with pytest.raises(AssertionError, match="on top"):
        test_no_text_is_cut_off_or_covers_another({"fan": figure})
    figure = fan(CASES["usual"])
    figure.text(0.97, 0.5, "over the edge")
    with pytest.raises(AssertionError, match="over the edge"):
        test_no_text_is_cut_off_or_covers_another({"fan": figure})


def test_the_source_stands_on_every_figure(figures):
    for figure in figures.values():
        assert any(", v3, as of 2026-12-31" in text.get_text() for text in texts(figure))
        assert any("draws, seed 7" in text.get_text() and "cdcdcdcd" in text.get_text() for text in texts(figure))


def test_the_board_gets_what_the_run_allows():
    everything = ["fan", "exceedance", "composition", "tornado", "certainty", "bridge", "cash"]
    assert list(board_of(CASES["usual"], rank(CASES["usual"], "NRR"))) == everything
    assert list(board(CASES["usual"], None, None)) == ["fan", "exceedance", "composition", "bridge", "cash"]
    assert list(board(CASES["once"], None, None)) == ["fan", "exceedance", "cash"]
    assert list(board(CASES["no target, five years"], None, None)) == ["fan", "composition", "bridge", "cash"]
    assert list(board(CASES["less than a quarter"], None, None)) == ["fan", "exceedance", "cash"]
    assert list(board(dataset(cash=0.0), None, None)) == ["fan", "composition", "bridge"]
    assert left_out(dataset(cash=0.0), None)["cash"] == "the plan states no opening cash"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("never varies", "headcount FY2027 is the same on every path"),
        ("undefined", "NRR FY2027 is undefined on every path"),
        ("infinite", "CAC payback FY2027 is infinite on every path"),
    ],
)
def test_a_result_that_never_varies_has_no_curve_and_no_tornado(case, words):
    ranking, _ = ranked(CASES[case])
    assert list(board_of(CASES[case], ranking)) == ["fan", "composition", "bridge", "cash"]
    reasons = left_out(CASES[case], ranking)
    assert reasons["exceedance"] == words
    assert (
        reasons["tornado"]
        == reasons["certainty"]
        == (words if ranking else "there is no ranking; simengine rank says why")
    )


def test_a_tornado_has_no_infinite_bars():
    # Three paths of ten are infinite: more than half of those where the strongest driver is lowest.
    ds = CASES["ratio, at most"].copy()
    values = ds["target_value"].values
    ds["target_value"] = ds["target_value"].dims, np.where(values > np.quantile(values, 0.7), np.inf, values)
    ranking = rank(ds, headline(ds))
    assert list(board_of(ds, ranking)) == ["fan", "exceedance", "composition", "certainty", "bridge", "cash"]
    assert left_out(ds, ranking) == {
        "tornado": "CAC payback FY2027 is infinite where win_rate.enterprise-na turns out lowest"
    }


def test_a_board_that_is_complete_leaves_nothing_out():
    assert left_out(CASES["usual"], rank(CASES["usual"], "NRR")) == {}


def test_no_amount_is_safe_where_it_is_infinite_too_often():
    ds = CASES["infinite on some paths"].copy()
    ds["target_value"] = ds["target_value"].dims, np.where(ds["target_value"] > 10.5, np.inf, ds["target_value"])
    found = "No amount is 80% safe; the chance of 10.5 months is about 1 in 2"
    assert title(exceedance(ds, "payback")) == found


def test_a_sign_that_the_font_lacks_is_a_box_and_no_warning(tmp_path):
    save(fan(dataset(Goal("日本", at_least=108e6))), tmp_path, "fan")
    assert (tmp_path / "fan.png").exists()


def test_titles_state_the_finding():
    ds = CASES["usual"]
    p = target_facts(ds, "board ARR")["probability"]["value"]
    assert 0.36 < p < 0.45
    assert title(fan(ds)) == "About 2 in 5 chance of at least $108M ending ARR in FY2027"
    assert title(exceedance(ds, "board ARR")).endswith("the chance of $108M is about 2 in 5")
    assert title(tornado(ds, rank(ds, "ending_arr"))).startswith(
        "win_rate.enterprise-na moves ending ARR FY2027 most, by $"
    )
    assert title(bridge(ds, "FY2027")).startswith("ARR from $85.0M to $107")
    assert re.fullmatch(r"\$16\.\dM of FY2027's \$107\.\dM ARR has no pipeline yet", title(parts(ds)))
    assert title(cash(ds)).startswith("In 9 of 10 cases cash does not fall below $31")
    covenant = title(cash(CASES["happenings"]))
    assert covenant == "More than 99 in 100 chance that cash stays at $30M or more in FY2027"


def test_a_dollar_sign_starts_no_formula():
    for text in texts(bridge(CASES["usual"], "FY2027")):
        assert not text.get_parse_math()


def lines_of(axes, color):
    return [line.get_xydata() for line in axes.lines if to_hex(line.get_color()) == to_hex(color)]


def test_fan_shows_the_quantiles_of_the_paths():
    ds = CASES["usual"]
    (median, *_) = lines_of(fan(ds).axes[0], BLUE)
    assert median[0].tolist() == [0, 85e6]
    expected = np.quantile(ds["ending_arr"].values, 0.5, axis=0, method="inverted_cdf")
    assert median[1:, 1] == pytest.approx(expected)


def test_cash_begins_at_the_opening_and_shows_what_it_shall_not_fall_below():
    ds = CASES["short of cash"]
    axes = cash(ds).axes[0]
    (median, *_) = lines_of(axes, BLUE)
    assert median[0].tolist() == [0, 42e6]
    expected = np.quantile(ds["cash"].values, 0.5, axis=0, method="inverted_cdf")
    assert median[1:, 1] == pytest.approx(expected)
    lines = [line.tolist() for line in lines_of(axes, VERMILION)]
    assert [[0, 38e6], [12, 38e6]] in lines
    assert [[12, -10e6], [24, -10e6]] in lines


def test_a_year_of_nothing_has_no_composition():
    ds = CASES["usual"].copy(deep=True)
    ds["composition"][:] = 0.0
    assert left_out(ds, None)["composition"] == "there is no ARR left to show"
    assert "composition" not in left_out(CASES["usual"], None)


def test_parts_of_each_year_stand_side_by_side_in_the_order_of_certainty():
    ds = CASES["usual"]
    bars = parts(ds).axes[0].patches
    assert len(bars) == 2 * len(PARTS)
    first = bars[: len(PARTS)]
    medians = np.quantile(ds["composition"].sel(year="FY2027").values, 0.5, axis=0, method="inverted_cdf")
    assert [bar.get_width() for bar in first] == pytest.approx(medians)
    assert [bar.get_x() for bar in first] == pytest.approx([0, *np.cumsum(medians)[:-1]])
    assert [to_hex(bar.get_facecolor()) for bar in first] == [color.lower() for color in COLORS.values()]
    assert list(COLORS) == list(PARTS)


def test_tornado_says_what_the_ends_of_an_event_are():
    ds = CASES["happenings"]
    labels = [text.get_text() for text in tornado(ds, rank(ds, "board ARR")).axes[0].get_yticklabels()]
    assert "second alliance (never/early)" in labels
    assert "onboarding programme" in labels
    assert "demand climate" in labels


def test_a_miss_is_drawn_beside_hits_and_the_plan():
    ds = CASES["usual"]
    told = miss_facts(misses(ds, "board ARR"), ds)
    figure = shortfall(ds, told)
    axes = figure.axes[0]
    (typical, *_), (hits, *_) = (lines_of(axes, color) for color in (VERMILION, BLUE))
    assert typical[:, 1] == pytest.approx([row["typical"]["value"] for row in told["months"]])
    assert hits[:, 1] == pytest.approx([row["hits"]["value"] for row in told["months"]])
    shown = told["visible_from"]
    assert title(figure).startswith("A miss of board ARR by $")
    assert shown is not None
    assert title(figure).endswith(f"stands out from {end_of(month_number(shown), between=' ')} on")
    never = shortfall(ds, dict(told, visible_from=None))
    assert title(never).endswith("cannot be told from a hit before FY2027 ends")
    assert "stands out" not in [text.get_text() for text in texts(never)]


def test_a_miss_needs_months():
    ds = CASES["usual"]
    told = miss_facts(misses(ds, "board ARR"), ds)
    group = "board ARR is of a group, and what a group does is not kept by month"
    assert no_shortfall(dict(told, months=[])) == group
    assert no_shortfall(dict(told, months=told["months"][:1])) == "board ARR is known in a single month"
    endless = dict(told["months"][-1], hits={"value": np.inf})
    assert no_shortfall(dict(told, months=[*told["months"][:-1], endless])).endswith("is not finite")
    assert no_shortfall(told) == ""


NAN = float("nan")
GAUGES = {
    "six": watched(*(row(f"win_rate.{i}", declared=0.18 if i % 2 else None) for i in range(8))),
    "two, of money": watched(*(row(observed_unit="currency", months=several(98_000.0)) for _ in range(2))),
    "long names": watched(*(row("x" * 60, observed_as="what is seen " * 4) for _ in range(4)), target="z" * 60),
    "a target that is not likely": watched(row(months=[month(label, trips="above") for label in MONTHS]), p_hit=0.3),
    "a trigger in the last month": watched(
        row(months=[month(label, NAN if label < MONTHS[-1] else 0.16) for label in MONTHS], tells_from=MONTHS[-1])
    ),
    "open ends": watched(row(months=[{**month(label), "trigger": OPEN} for label in MONTHS])),
    "two years": watched(*(row(months=LONG, tells_from="2028-05") for _ in range(3))),
    "two months": watched(*(row(months=LONG[:2], tells_from=None) for _ in range(3))),
}


@pytest.mark.parametrize("told", GAUGES.values(), ids=GAUGES)
def test_no_text_of_triggers_is_cut_off_or_covers_another(told):
    assert no_gauges(told) == ""
    test_no_text_is_cut_off_or_covers_another({"triggers": gauges(CASES["usual"], told)})


def test_triggers_are_drawn_by_month():
    figure = gauges(CASES["usual"], GAUGES["six"])
    assert len(figure.axes) == 6
    trigger, *_, mark = lines_of(figure.axes[1], VERMILION)
    assert trigger[:, 1].tolist() == [0.16] * 11
    assert mark.tolist() == [[MONTHS.index("2027-05"), 0.16]]
    planned, *_ = lines_of(figure.axes[1], INK)
    assert planned[:, 1].tolist() == [0.2] * 11
    declared = [line for line in figure.axes[1].lines if to_hex(line.get_color()) == SOFT]
    assert [line.get_ydata()[0] for line in declared] == [0.18]
    assert not [line for line in figure.axes[0].lines if to_hex(line.get_color()) == SOFT]


def test_triggers_say_what_to_watch():
    def found(*rows, **other):
        return title(gauges(CASES["usual"], watched(*rows, **other)))

    assert found(row()) == "win_rate.smb below 16.0% by Nov 2027 (plan 20.0%) puts board ARR in doubt"
    likely = found(row(), p_hit=0.3)
    assert likely == "win_rate.smb of at least 16.0% by Nov 2027 (plan 20.0%) makes board ARR 80% likely"
    noise = row(months=[month(label, observations_needed=np.inf) for label in MONTHS], tells_from=None)
    assert found(noise) == "Nothing that is observed tells by itself whether board ARR is 80% likely"
    assert found(noise, row("renewal.smb")).startswith("renewal.smb below")
    silent = watched(row(months=[month(label, NAN) for label in MONTHS], tells_from=None))
    assert no_gauges(silent) == "no value that 1 in 100 paths show brings P(hit) of board ARR to 80%"


def test_fan_of_one_off_sales_adds_bookings_up():
    ds = CASES["once"]
    (median, *_) = lines_of(fan(ds).axes[0], BLUE)
    expected = np.quantile(ds["bookings"].values.sum(axis=1), 0.5, method="inverted_cdf")
    assert median[-1, 1] == pytest.approx(expected)
    assert median[0, 1] == 0


@pytest.mark.parametrize("case", ["usual", "ratio, at most"])
def test_exceedance_passes_through_the_target_at_its_probability(case):
    ds = CASES[case]
    told = target_facts(ds, headline(ds))
    (curve, *_) = lines_of(exceedance(ds, headline(ds)).axes[0], BLUE)
    x = told["at_least"] if case == "usual" else told["at_most"]
    order = np.argsort(curve[:, 0])
    # The curve is drawn through 199 quantiles of 800 draws: it is a step of 1/200, and one draw, off at most.
    assert np.interp(x, curve[order, 0], curve[order, 1]) == pytest.approx(told["probability"]["value"], abs=0.008)


def test_tornado_is_grey_where_the_share_is_indistinct_from_zero():
    ds = CASES["usual"]
    ranking = rank(ds, "ending_arr")
    bars = tornado(ds, ranking).axes[0].patches
    names = [str(name) for name in ranking["assumption"].values]
    assert len(bars) == 2 * len(ASSUMPTIONS)
    for series in (bars[: len(names)], bars[len(names) :]):
        grey = [to_hex(bar.get_facecolor()) == GREY for bar in series]
        assert grey == (~ranking["distinguishable"].values).tolist()
    assert "slip_months.ae" in np.array(names)[~ranking["distinguishable"].values]


def test_tornado_without_any_effect_says_so():
    ds = CASES["usual"].copy()
    ds["ending_arr"] = ds["ending_arr"].copy(data=np.random.default_rng(3).normal(100e6, 1e6, ds["ending_arr"].shape))
    ds["target_value"] = ds["target_value"].copy(
        data=np.random.default_rng(3).normal(100e6, 1e6, ds["target_value"].shape)
    )
    ranking = rank(ds, "board ARR")
    assert not ranking["distinguishable"].values[0]
    assert title(tornado(ds, ranking)) == "No single assumption moves ending ARR FY2027 by more than chance"


def test_bridge_closes():
    ds = CASES["usual"]
    axes = bridge(ds, "FY2028").axes[0]
    bars = sorted(axes.patches, key=lambda bar: bar.get_x())
    opening, *flows, closing = bars
    top = opening.get_y() + opening.get_height() + sum(bar.get_height() for bar in flows)
    assert top == pytest.approx(closing.get_y() + closing.get_height())
    assert top == pytest.approx(float(ds["ending_arr"].isel(month=23).mean()))


def test_saved_files_are_the_same_each_time(tmp_path):
    ds = CASES["usual"]
    first, second = (save(fan(ds), tmp_path / name, "fan") for name in "ab")
    assert [path.name for path in first] == ["fan.png", "fan.svg"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_the_users_style_is_neither_used_nor_changed():
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "text.parse_math": True}):
        before = dict(matplotlib.rcParams)
        figure = fan(CASES["usual"])
        assert dict(matplotlib.rcParams) == before
    assert to_hex(figure.axes[0].get_facecolor()) == "#ffffff"


def test_no_global_figures():
    code = "import simengine.report.figures, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
