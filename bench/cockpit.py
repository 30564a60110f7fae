"""The cockpit in a browser: from letting go of a slider to the new probability on the page.

Run with `python -m bench.cockpit [PLAN ...] [--moves N]`. The table is printed and written to bench/cockpit.md.

Chromium moves sliders with a mouse: half of the moves are dragged, half are one click on the slider's line. The time
runs in the page, from the `change` event (`performance.now`, in the capture phase, before anybody else hears of it) to
the mutation that puts the answer of that setting into the document.
"""

import argparse
import contextlib
import math
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from bench.inputs import NORTHSTAR, ROOT
from bench.report import heading, table, write

SMALL = ROOT / "tests" / "learn" / "small.yaml"
SEED = 8
FRESH = 2_048
PAUSE = 1.5
"""Seconds between two moves: nobody looks at an answer for less."""
CLIENTS = 3

ANSWERED = "([slider, start, count]) => seen.length > count || slider.value === start"
"""Also where the plan's limits refuse a place: the slider goes back to where it was."""
WATCH = """
() => {
  window.seen = [];
  let since = null, wanted = null;
  const place = document.querySelector('.ck-answer');
  document.addEventListener('change', (event) => {
    if (event.target.type === 'range') { since = performance.now(); wanted = place.dataset.wanted; }
  }, true);
  new MutationObserver(() => {
    if (since === null || place.dataset.wanted === wanted || place.dataset.setting !== place.dataset.wanted) return;
    seen.push({ms: performance.now() - since, ...place.dataset,
               text: document.querySelector('[data-say=b-value]').textContent});
    since = null;
  }).observe(place, {attributes: true});
}
"""


@contextlib.contextmanager
def served(plan):
    """The address of a cockpit that runs by itself, and its process."""
    command = [sys.executable, "-m", "simengine", "serve", str(plan), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield re.search(r"http://\S+", running.stdout.readline())[0]
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)


def opened(browser, address):
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    page.wait_for_function("document.querySelector('[data-say=b-value]')?.textContent.includes('%')", timeout=60_000)
    page.wait_for_function("document.querySelector('#chart-tornado svg')", timeout=60_000)
    page.evaluate(WATCH)
    return page


def settled(page, seconds=60):
    """Wait for all paths of the setting as it is."""
    page.wait_for_function("document.querySelector('.ck-full')", timeout=1000 * seconds)


def sliders(page):
    return [one for one in page.locator("input[type=range]").all() if one.is_visible()]


def move(page, slider, share, dragged):
    """Let go of a slider at a share of its length."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    inner = box["width"] - 16
    least, most = float(slider.get_attribute("min")), float(slider.get_attribute("max"))
    now = (float(slider.input_value()) - least) / (most - least)
    y, to = box["y"] + box["height"] / 2, box["x"] + 8 + share * inner
    if dragged:
        start = box["x"] + 8 + now * inner
        page.mouse.move(start, y)
        page.mouse.down()
        for step in range(1, 11):
            page.mouse.move(start + (to - start) * step / 10, y)
            time.sleep(0.03)
        time.sleep(0.1)
    else:
        page.mouse.move(to, y)
        page.mouse.down()
    page.mouse.up()


def moved(page, rng, count):
    """Answers to so many moves of different sliders."""
    found = []
    every = sliders(page)
    rng.shuffle(every)
    for turn in range(count):
        slider, dragged = every[turn % len(every)], turn % 2 == 0
        for _ in range(8):
            before, start = len(page.evaluate("seen")), slider.input_value()
            move(page, slider, rng.random(), dragged)
            page.wait_for_function(ANSWERED, arg=[slider.element_handle(), start, before], timeout=20_000)
            answers = page.evaluate("seen")
            if len(answers) > before:
                found.append({**answers[-1], "dragged": dragged})
                break
        time.sleep(PAUSE)
    return found


def fresh_width(p, n=FRESH):
    """Width of Wilson's interval of n fresh paths."""
    z = 1.959963984540054
    return 2 * z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)


def figures(answers):
    ms = sorted(each["ms"] for each in answers)
    paths = [int(each["paths"]) for each in answers]
    width = [float(each["upper"]) - float(each["lower"]) for each in answers]
    fresh = [fresh_width(float(each["value"])) for each in answers]
    return [
        len(answers),
        f"{statistics.median(ms):.0f} ms",
        f"{ms[math.ceil(0.95 * len(ms)) - 1]:.0f} ms",
        f"{min(paths):,} to {max(paths):,}",
        f"{100 * statistics.median(width):.2f} points",
        f"{100 * statistics.median(fresh):.2f} points",
    ]


def measured(browser, plan, count):
    rng = random.Random(SEED)
    rows = []
    with served(plan) as address:
        page = opened(browser, address)
        settled(page, 120)
        time.sleep(8)  # tables of what may be moved next
        answers = moved(page, rng, count)
        for name, chosen in (
            ("one client", answers),
            ("of these dragged", [each for each in answers if each["dragged"]]),
            ("of these clicked", [each for each in answers if not each["dragged"]]),
        ):
            rows.append([plan.relative_to(ROOT), name, *figures(chosen)])
            print(*rows[-1], sep=" | ", flush=True)
        pages = [page, *(opened(browser, address) for _ in range(CLIENTS - 1))]
        time.sleep(3)
        together = []
        for turn in range(max(1, count // CLIENTS)):
            for one in pages:
                one.evaluate("seen.length = 0")
            waited = []
            for one in pages:
                every = sliders(one)
                slider = every[(turn + pages.index(one)) % len(every)]
                waited.append([slider.element_handle(), slider.input_value(), 0])
                move(one, slider, rng.random(), dragged=False)
            for one, arguments in zip(pages, waited, strict=True):
                one.wait_for_function(ANSWERED, arg=arguments, timeout=20_000)
                together += [{**each, "dragged": False} for each in one.evaluate("seen")]
            time.sleep(PAUSE)
        rows.append([plan.relative_to(ROOT), f"{CLIENTS} clients at once", *figures(together)])
    return rows


def main():
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser()
    parser.add_argument("plans", nargs="*", default=[SMALL, NORTHSTAR])
    parser.add_argument("--moves", type=int, default=50)
    chosen = parser.parse_args()
    rows = []
    load = [f"{one:.1f}" for one in os.getloadavg()]
    with sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for plan in chosen.plans:
            rows += measured(browser, ROOT / plan, chosen.moves)
        version = browser.version
        browser.close()
    columns = ["plan", "", "moves", "median", "95 %", "paths of the first answer", "width", "of 2,048 fresh paths"]
    write(
        "cockpit.md",
        heading("The cockpit, from letting go of a slider to the new probability", "make bench-cockpit"),
        __doc__.split("\n\n", 2)[2],
        f"Chromium {version} on the same processors. Load of the machine before (1, 5, 15 min): {', '.join(load)}.\n",
        table(columns, rows),
    )


if __name__ == "__main__":
    main()
