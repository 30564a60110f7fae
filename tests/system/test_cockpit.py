"""The cockpit in a browser: what a slider does, what is refused, and who is kept out."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from simengine.cockpit.live import PLAN, Belief
from simengine.plan import load
from simengine.results.targets import hit_probability
from simengine.simulation import simulate

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
DRAWS = 2_048
HOSTILE = "<script>window.hacked=1</script> \"'`$\\{} \u05d0\u05d1 =1+1 " + "x" * 150
LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-02], range: [0, 3], owner: CRO}
  spend: {spend: inbound, starts: [2027-02], range: [x1.0, x1.5], step: x0.25, owner: CMO}
limits: {hires_per_month: 3}
"""


def started(*arguments):
    command = [sys.executable, "-m", "simengine", "serve", *map(str, arguments), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    said = running.stdout.readline()
    found = re.search(r"http://\S+", said)
    if found is None:
        running.kill()
        pytest.fail(said + running.stderr.read())
    return running, found[0]


def stopped(running):
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    return running.returncode, errors


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    file = tmp_path_factory.mktemp("cockpit") / "plan.yaml"
    text = (ROOT / "tests" / "plans" / "tiny.yaml").read_text(encoding="utf-8").replace("6_000_000", "4_800_000")
    title = json.dumps(HOSTILE, ensure_ascii=False)
    file.write_text(text.replace("owner: RevOps", f"owner: {title}") + LEVERS, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def address(plan):
    running, found = started(plan, "-n", DRAWS)
    yield found
    stopped(running)


class Opened:
    """A page with what it asked for and complained of."""

    def __init__(self, browser, address, **options):
        self.address, self.asked, self.said = address, [], []
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("console", lambda line: self.said.append(line.text) if line.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address)
        self.refined()

    def refined(self):
        """Wait until all paths of the setting as it is are in."""
        self.page.wait_for_function(
            "(() => { const a = document.querySelector('.ck-full');"
            " return a && a.dataset.setting && a.dataset.setting === a.dataset.wanted; })()",
            timeout=60_000,
        )

    @contextmanager
    def another_question(self):
        """Wait until what is done in it is asked: only then can an answer be told from that to the question before."""
        before = self.wanted
        yield
        self.page.wait_for_function(f"document.querySelector('.ck-answer').dataset.wanted !== '{before}'")

    def set(self, name, place):
        """Let go of a slider at a place, as a mouse would."""
        with self.another_question():
            self.slider(name).evaluate(
                "(e, place) => { e.value = place; e.dispatchEvent(new Event('input', {bubbles: true}));"
                " e.dispatchEvent(new Event('change', {bubbles: true})); }",
                str(place),
            )
        self.refined()

    def slider(self, name):
        return self.page.locator(f"input[type=range][data-name='{name}']")

    def box(self, name):
        return self.page.get_by_label(f"{name}: value", exact=True)

    def type(self, name, text):
        self.box(name).fill(text)
        self.box(name).press("Enter")

    def act(self, name):
        with self.another_question():
            self.page.locator(f"[data-act={name}]").click()

    def text(self, name):
        return self.page.locator(f"[data-say={name}]").inner_text()

    @property
    def wanted(self):
        return self.page.locator(".ck-answer").get_attribute("data-wanted")

    @property
    def value(self):
        return float(self.page.locator(".ck-answer").get_attribute("data-value"))


@pytest.fixture
def opened(browser, address):
    made = Opened(browser, address)
    yield made
    made.context.close()


def probability(plan):
    return float(hit_probability(simulate(plan, draws=DRAWS, seed=7, twins=0))["p"][0])


def test_a_slider_moves_the_probability_to_the_right_number_and_undo_back(opened, plan):
    before = opened.value
    assert before == probability(load(plan))
    opened.set("win_rate.smb", 20)
    from simengine.cockpit.live import Cockpit

    cockpit = Cockpit(load(plan), plan, draws=DRAWS)
    belief = Belief(cockpit.sliders["win_rate.smb"].at(20))
    assert opened.value == probability(cockpit.plan_of(PLAN.with_("beliefs", "win_rate.smb", belief)))
    assert opened.value > before
    assert opened.text("b-name") == "B, as moved"
    assert opened.text("versus-value") == f"+{100 * (opened.value - before):.1f}"
    opened.act("undo")
    opened.refined()
    assert opened.value == before
    assert opened.slider("win_rate.smb").input_value() == "0"
    opened.act("redo")
    opened.refined()
    assert opened.slider("win_rate.smb").input_value() == "20"
    cockpit.close()


def test_b_against_a_that_was_held(opened):
    opened.set("sellers", 2)
    held = opened.value
    opened.act("hold")
    opened.page.wait_for_function("document.querySelector('[data-say=a-name]').textContent.includes('held')")
    opened.refined()  # what is held is part of the question that the answer is to
    assert opened.text("versus-value") == "0.0"
    opened.set("renewal.smb", -20)
    assert opened.text("a-value") == f"{100 * held:.1f}%"
    assert opened.text("versus-value") == f"−{100 * (held - opened.value):.1f}"
    assert re.search(r"95%: .* to .*, on 2,048 paths in common", opened.text("versus-within"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("win_rate.smb", "900 %", "win_rate"),
        ("win_rate.smb", "a lot", "a lot"),
        ("sellers", "9", "is not offered"),
        ("sellers", "3", "hires_per_month"),
    ],
)
def test_a_bad_value_is_said_and_nothing_is_lost(opened, name, text, said):
    opened.set("renewal.smb", 5)
    before, box = opened.value, opened.box(name).input_value()
    opened.type(name, text)
    fault = opened.page.locator(".ck-fault")
    fault.wait_for(state="visible")
    assert said in fault.inner_text()
    assert (opened.value, opened.box(name).input_value()) == (before, box)
    assert opened.slider("renewal.smb").input_value() == "5"
    opened.type("win_rate.smb", "24 %")
    fault.wait_for(state="hidden")


def test_a_target_is_chosen_and_its_value_edited(opened):
    with opened.another_question():
        opened.page.get_by_label("Target", exact=True).select_option(label="NRR")
    opened.refined()
    assert "NRR 2027-12" in opened.page.locator(".ck-answer").inner_text()
    bound = opened.page.get_by_label("What the target asks for")
    before = opened.value
    with opened.another_question():
        bound.fill("90 %")
        bound.press("Enter")
    opened.refined()
    assert opened.value > before
    bound.fill("20 months")
    bound.press("Enter")
    opened.page.locator(".ck-fault").wait_for(state="visible")
    assert bound.input_value() == "90 %"


def test_what_is_saved_runs_and_says_the_same(opened, plan):
    opened.set("sellers", 1)
    opened.type("win_rate.smb", "27 %")
    opened.page.get_by_label("win_rate.smb: fixed at this value").check()
    opened.page.wait_for_function("document.querySelector('.ck-moves').innerText.includes('fixed at 27 %')")
    opened.refined()
    opened.page.get_by_label("Name of the scenario").fill("Sellers & win rate")
    opened.page.locator("[data-act=save]").click()
    opened.page.locator(".ck-done").wait_for(state="visible")
    file = plan.parent / "sellers-win-rate.yaml"
    assert str(file) in opened.page.locator(".ck-done").inner_text()
    command = [sys.executable, "-m", "simengine", "run", str(file), "-n", str(DRAWS), "-o", str(plan.parent / "run")]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["targets"][0]["probability"]["value"] == opened.value


def test_three_at_once_each_see_their_own(browser, address):
    clients = [Opened(browser, address) for _ in range(3)]
    places = (-15, 3, 17)
    for one, place in zip(clients, places, strict=True):
        one.slider("win_rate.smb").evaluate(
            "(e, place) => { e.value = place; e.dispatchEvent(new Event('change', {bubbles: true})); }", str(place)
        )
    for one in clients:
        one.page.wait_for_function("document.querySelector('[data-say=b-name]').textContent === 'B, as moved'")
        one.refined()
    told = [one.value for one in clients]
    assert told == sorted(told)
    assert len(set(told)) == 3
    for one, place in zip(clients, places, strict=True):
        alone = Opened(browser, address)
        alone.set("win_rate.smb", place)
        assert alone.value == one.value
        assert one.slider("win_rate.smb").input_value() == str(place)
        alone.context.close()
        one.context.close()


def test_it_asks_for_nothing_but_itself_complains_of_nothing_and_shows_names_as_text(opened):
    opened.set("win_rate.smb", 10)
    opened.page.wait_for_selector("#chart-tornado svg")
    host = opened.address.removeprefix("http://")
    own = (opened.address, f"ws://{host}", "data:", "blob:")
    assert [url for url in opened.asked if not url.startswith(own)] == []
    assert opened.said == []
    assert opened.page.evaluate("window.hacked") is None
    assert HOSTILE in opened.page.locator(".ck-about", has_text="hacked").first.evaluate("e => e.textContent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_accessibility(browser, address, axe, scheme):
    opened = Opened(browser, address, color_scheme=scheme)
    opened.type("win_rate.smb", "a lot")
    opened.page.wait_for_selector("#chart-tornado svg")
    opened.page.evaluate(axe)
    found = opened.page.evaluate("axe.run().then((r) => r.violations)")
    assert [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ] == []
    opened.context.close()


def fetched(address, **headers):
    request = urllib.request.Request(address, headers={key.replace("_", "-"): value for key, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_page_of_another_site_cannot_drive_it(browser, address, tmp_path):
    poll = f"{address}_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert fetched(address) == 200
    assert fetched(address, Host="evil.example") == 403
    assert fetched(poll, Origin="http://evil.example") == 403
    evil = tmp_path / "evil.html"
    evil.write_text("<p>evil</p>", encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(evil.as_uri())
    opened = page.evaluate(
        """(url) => new Promise((done) => {
          const socket = new WebSocket(url);
          socket.onopen = () => done('open');
          socket.onerror = () => done('refused');
        })""",
        f"{address.replace('http', 'ws')}_nicegui_ws/socket.io/?EIO=4&transport=websocket",
    )
    assert opened == "refused"
    context.close()


def test_ctrl_c_ends_it_in_words(plan, browser):
    running, address = started(plan, "-n", "256")
    context = browser.new_context()
    context.new_page().goto(address)
    code, errors = stopped(running)
    context.close()
    assert code == 130
    assert "Traceback" not in errors
    assert "Stopped" in errors


def test_others_are_warned_of_and_a_port_that_is_taken_is_said(plan):
    running, address = started(plan, "-n", "256", "--host", "0.0.0.0")
    port = address.rsplit(":", 1)[1].strip("/")
    again = subprocess.run(
        [sys.executable, "-m", "simengine", "serve", str(plan), "--host", "0.0.0.0", "--port", port],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    code, errors = stopped(running)
    assert (code, again.returncode) == (130, 3)
    assert "can be reached from other machines" in errors
    assert f"port {port}" in again.stderr
    assert "Traceback" not in again.stderr
