"""Charts in a real browser, under a policy that allows no request and no evaluation."""

import pytest

from simengine.report.charts import Chart, Switch, live, portable
from simengine.report.charts.board import board_charts
from simengine.report.charts.runtime import CSS, bundle, script_json
from simengine.report.charts.scenarios import scenarios_chart
from simengine.report.palette import DARK, LIGHT, css

pytestmark = pytest.mark.system
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def charts() -> dict[str, Chart | Switch]:
    from simengine.cli.steps import ranked
    from tests.report.synthetic import BOARD, Goal, dataset
    from tests.report.test_charts import with_segments
    from tests.report.test_compare_told import told_of

    ds = with_segments(dataset(BOARD, Goal(HOSTILE, at_least=107e6)))
    for name in ("headcount", "ramped"):
        for suffix in ("", "_baseline"):
            ds[name + suffix] = ds[f"won{suffix}"]
    charts = board_charts(ds, ranked(ds)[0])
    charts["scenarios"] = scenarios_chart(told_of({"base": 99, HOSTILE: 101, "less": 97})[0])
    return charts


@pytest.fixture(scope="module")
def document(charts) -> str:
    places = "".join(f'<section id="{name}"></section>' for name in charts)
    shown = script_json({name: portable(one) for name, one in charts.items()})
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Charts</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<style>{css()}{CSS} body {{ background: var(--paper) }}</style></head><body><main>{places}</main>"
        f"<script>{bundle()}</script><script>window.charts = {shown}; window.ready = (async () => {{"
        f"for (const [name, chart] of Object.entries(charts)) await simengine.mount(name, chart); }})();"
        f"</script></body></html>"
    )


@pytest.fixture
def page(browser, document, tmp_path):
    """A page with every chart; what it asks for and complains of is kept, and fails the test."""
    file = tmp_path / "charts.html"
    file.write_text(document)
    opened, wrong = browser.new_page(viewport={"width": 1000, "height": 800}), []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.on("request", lambda request: wrong.append(request.url) if request.url != file.as_uri() else None)
    opened.goto(file.as_uri())
    opened.evaluate("ready")
    yield opened
    opened.close()
    assert wrong == []


def tip_over(page, place, x, y):
    """Text of the tooltip when the pointer is at a share of the width and height of a chart."""
    page.locator(f"#{place}").scroll_into_view_if_needed()
    box = page.locator(f"#{place} svg").bounding_box()
    page.mouse.move(box["x"] + x * box["width"] - 3, box["y"] + y * box["height"])
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_selector(".sim-tip:not([hidden])", timeout=5000)
    return page.locator(".sim-tip").inner_text()


def test_the_bundle_is_small_and_ends_no_script():
    script = bundle()
    assert len(script.encode()) < 1.1e6
    assert "</script" not in script.lower()


def test_every_chart_is_shown_with_its_title(page, charts):
    for name, shown in charts.items():
        first = shown.charts[0][1] if isinstance(shown, Switch) else shown
        assert page.locator(f"#{name} .sim-title").inner_text() == " ".join(first.title.split())
        assert page.locator(f"#{name} svg").get_attribute("aria-label") == first.alt
        assert page.locator(f"#{name} svg path").count() > 0


def test_a_pointer_is_told_month_and_values(page, charts):
    rows = charts["fan"].charts[0][1].spec["datasets"]["fan"]
    told = tip_over(page, "fan", 0.5, 0.3)
    row = next(row for row in rows if row["month"] in told)
    for key in ("middle_text", "half_text", "most_text", "plan_text"):
        assert row[key] in told
    page.locator("#scenarios svg .mark-symbol path").first.hover()
    assert HOSTILE in page.locator(".sim-tip").inner_text()


def test_a_switch_is_reached_by_keyboard(page, charts):
    page.locator("#exceedance select").focus()
    page.keyboard.press("ArrowDown")
    second = charts["exceedance"].charts[1][1]
    first = script_json(charts["exceedance"].charts[0][1].alt)
    changed = f"document.querySelector('#exceedance svg').getAttribute('aria-label') !== {first}"
    page.wait_for_function(changed)
    assert page.locator("#exceedance svg").get_attribute("aria-label") == second.alt
    assert page.locator("#exceedance .sim-title").inner_text() == " ".join(second.title.split())


def test_rows_and_the_title_are_replaced(page, charts):
    from simengine.report.charts.fan import fan_chart
    from simengine.report.fan import fan_facts
    from tests.report.synthetic import BOARD, dataset

    told = live(fan_chart(fan_facts(dataset(BOARD, new=3e6))))
    assert page.locator("#fan .sim-title").inner_text() != told["title"]
    page.evaluate("told => simengine.update('fan', told)", told)
    assert told["data"]["fan-ends"][0]["text"] in page.locator("#fan svg").inner_html()
    assert page.locator("#fan .sim-title").inner_text() == told["title"]


def test_colours_follow_the_theme_without_drawing_anew(page):
    def line():
        script = "getComputedStyle(document.querySelector('#fan svg .mark-line path')).stroke"
        red, green, blue = (
            int(part) for part in page.evaluate(script).removeprefix("rgb(").removesuffix(")").split(",")
        )
        return f"#{red:02x}{green:02x}{blue:02x}"

    assert line() == LIGHT["blue"]
    page.emulate_media(color_scheme="dark")
    assert line() == DARK["blue"]
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert line() == LIGHT["blue"]


def test_a_phone_scrolls_in_one_direction(page, charts):
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.querySelector('#fan svg').getBoundingClientRect().width < 390")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in charts:
        box = page.locator(f"#{name} svg").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_charts_are_accessible(page, axe):
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in serious] == []
