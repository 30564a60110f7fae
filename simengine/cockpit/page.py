"""The cockpit's page: what its elements are, what moving them means, and what an answer looks like in words.

Elements are made once for each client. What changes is sent in one message and set by `page.js`; a slider that is being
dragged is never set back by somebody else's news.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Any

from nicegui import Client, ui
from nicegui.element import Element

from simengine.cockpit.live import PLAN, Answer, Belief, Cockpit, Setting, Slider
from simengine.cockpit.pictures import curve, fan, order, sure, tornado
from simengine.cockpit.session import Session
from simengine.errors import SimengineError
from simengine.plan.edit import inline
from simengine.plan.targets import METRIC_UNITS, Target
from simengine.report.charts import live, portable
from simengine.report.charts.runtime import script_json
from simengine.report.words import between, lever_amount, money, odds, percent, points, what
from simengine.simulation.followed import sells_once
from simengine.units import month_label

SHOWN = 8
"""Assumptions that are shown without being looked for."""
_DRAGS = 0.05
"""Seconds between two looks at where a slider is being dragged."""
_SURE = 2_048
"""Paths from which on the order of bars may change."""
_MEANING = (
    "An assumption's slider moves the middle (the median) of what is believed. The distribution keeps its shape and "
    "moves with it: a share by its odds, an amount by a factor. Fix it, and it has that one value without doubt. What "
    "the operating plan counts on stays as the plan says.",
    "A first answer is a preview: a few paths of the new setting, and what differs there from the same paths of a "
    "setting that is known from many. Its interval says how far that can be trusted. The rest of the paths follow.",
    "A saved scenario is a file that `simengine run` takes; with the same seed and draws it prints the same "
    "probability.",
)


def _tag(tag: str, classes: str = "", text: str = "", **attributes: Any) -> Element:
    """An element; what it says, and its attributes, are text."""
    made = ui.element(tag)
    if classes:
        made.classes(classes)
    for name, value in attributes.items():
        made.props[name.rstrip("_").replace("_", "-")] = value
    if text:
        with made:
            ui.element("span").props["textContent"] = text
    return made


class Page:
    """The page of one client.

    Parameters
    ----------
    cockpit : what all clients share
    client : whose page it is
    """

    def __init__(self, cockpit: Cockpit, client: Client) -> None:
        self.cockpit, self._client = cockpit, client
        self._loop = asyncio.get_running_loop()
        self.session = Session(cockpit, self._answered, self._failed)
        self._sliders: dict[str, tuple[Element, Element, Element, Element]] = {}
        self._dials: dict[str, tuple[Element, Element, Element]] = {}
        self._searched: set[str] = set()
        self._ids: dict[str, str] = {}
        self._order: list[str] = []
        self._sure: set[str] = set()
        self._drawn: tuple[Any, ...] = ()
        self._saved = ""

    # --- The elements ---

    def build(self) -> None:
        """Make the elements."""
        with _tag("div", "ck"):
            self._top()
            self._said("fault", "ck-fault", role="alert", hidden=True)
            self._said("done", "ck-done", role="status", hidden=True)
            with _tag("main", "ck-grid"):
                with _tag("section", "ck-controls", aria_label="What can be moved"):
                    self._levers()
                    self._assumptions()
                    self._saving()
                with _tag("section", "ck-results", aria_label="What comes of it"):
                    self._result()
                    self._charts()

    def _said(self, key: str, classes: str, tag: str = "p", **attributes: Any) -> Element:
        """An element whose text changes."""
        made = _tag(tag, classes, **attributes)
        self._ids[key] = made.html_id
        return made

    def _top(self) -> None:
        plan = self.cockpit.plan
        with _tag("header", "ck-top"):
            _tag("h1", text=plan.title if plan.scenario is None else f"{plan.plan.name}: {plan.title}")
            with _tag("div", "ck-bar", role="group", aria_label="Moves"):
                self._button("undo", "Undo", self.session.undo)
                self._button("redo", "Redo", self.session.redo)
                self._button("reset", "Back to the plan", self.session.reset)
                self._button("hold", "Hold this as A", lambda: self.session.hold(self.session.setting))
                self._button("release", "Plan as A", lambda: self.session.hold(PLAN))

    def _button(self, key: str, text: str, act: Callable[[], None]) -> None:
        made = _tag("button", text=text, type="button", data_act=key)
        self._ids[key] = made.html_id
        made.on("click", lambda: self._do(act), args=[])

    def _levers(self) -> None:
        if not self.cockpit.dials:
            return
        with _tag("div", "ck-section"):
            _tag("h2", text="Levers")
            with _tag("div", "ck-rows"):
                for name, dial in self.cockpit.dials.items():
                    lever = self.cockpit.levers.lever(dial)
                    about = [lever.owner, *([f"from {month_label(dial.month)}"] if dial.month is not None else [])]
                    if dial.decide_by is not None:
                        about.append(f"to be decided by {month_label(dial.decide_by)}")
                    slider, box, row = self._row(name, 0, len(dial.amounts) - 1, dial.neutral, ", ".join(about), "")
                    slider.on("input", lambda e, n=name: self._drag_dial(n, e.args), **_VALUE, throttle=_DRAGS)
                    slider.on(
                        "change",
                        lambda e, n=name: self._do(lambda: self._move_dial(n, int(e.args)), by_slider=True),
                        **_VALUE,
                    )
                    box.on(
                        "change", lambda e, n=name: self._do(lambda: self._type_dial(n, _typed(str(e.args)))), **_VALUE
                    )
                    self._dials[name] = slider, box, row

    def _assumptions(self) -> None:
        sliders = self.cockpit.sliders
        with _tag("div", "ck-section"):
            _tag("h2", text="Assumptions")
            shown = f"The {SHOWN} that matter most to the target, and what you add." if len(sliders) > SHOWN else ""
            _tag("p", "ck-hint", text=f"{shown} A slider moves the middle of what is believed.".strip())
            with _tag("div", "ck-rows"):
                for name, slider in sliders.items():
                    self._assumption(name, slider)
            if len(sliders) > SHOWN:
                self._search(list(sliders))
            with _tag("details"):
                _tag("summary", text="What a slider, a preview and a saved file are")
                for meaning in _MEANING:
                    _tag("p", "ck-hint", text=meaning)

    def _assumption(self, name: str, slider: Slider) -> None:
        unit = _unit(slider.unit, self.cockpit.plan.plan.currency)
        range_, box, row = self._row(name, slider.lowest, slider.highest, 0, slider.owner, unit)
        with row, _tag("label", "ck-fix"):
            fix = _tag("input", type="checkbox", aria_label=f"{name}: fixed at this value")
            ui.element("span").props["textContent"] = "fixed at this value"
        range_.on("input", lambda e: self._drag_belief(name, e.args), **_VALUE, throttle=_DRAGS)
        range_.on("change", lambda e: self._do(lambda: self._move_belief(name, int(e.args)), by_slider=True), **_VALUE)
        box.on("change", lambda e: self._do(lambda: self._type_belief(name, _typed(str(e.args)))), **_VALUE)
        fix.on(
            "change",
            lambda e: self._do(lambda: self._fix(name, bool(e.args))),
            js_handler="(e) => emit(e.target.checked)",
        )
        self._sliders[name] = range_, box, row, fix

    def _row(self, name: str, low: int, high: int, at: int, about: str, unit: str) -> tuple[Element, Element, Element]:
        with _tag("div", "ck-row") as row:
            label = _tag("label", text=name)
            with _tag("div", "ck-value"):
                box = _tag("input", type="text", inputmode="text", autocomplete="off", aria_label=f"{name}: value")
                if unit:
                    _tag("span", "ck-unit", text=unit)
            slider = _tag("input", type="range", min=low, max=high, step=1, data_name=name)
            if high <= low:
                slider.style("display: none")
            label.props["for"] = slider.html_id
            _tag("div", "ck-about", text=about)
        return slider, box, row

    def _search(self, names: list[str]) -> None:
        with _tag("div", "ck-bar") as bar:
            bar.style("margin-top: .75rem")
            options = _tag("datalist")
            with options:
                for name in names:
                    _tag("option", value=name)
            box = _tag(
                "input",
                type="text",
                list=options.html_id,
                placeholder="another assumption",
                aria_label="Find an assumption",
            )
            self._ids["search"] = box.html_id
            box.on("change", lambda e: self._do(lambda: self._find(str(e.args))), **_VALUE)

    def _saving(self) -> None:
        with _tag("div", "ck-section"):
            _tag("h2", text="Save as a scenario")
            with _tag("div", "ck-bar"):
                box = _tag("input", type="text", placeholder="name", aria_label="Name of the scenario", maxlength=80)
                self._ids["name"] = box.html_id
                save = _tag("button", text="Save", type="button", data_act="save")
                script = f"() => emit(document.getElementById('{box.html_id}').value)"
                save.on("click", lambda e: self._do(lambda: self._save(str(e.args))), js_handler=script)

    def _result(self) -> None:
        targets = self.cockpit.plan.targets
        with self._said("answer", "ck-answer ck-preview", "div"):
            with _tag("div", "ck-asked"):
                select = _tag("select", aria_label="Target")
                self._ids["target"] = select.html_id
                with select:
                    for i, target in enumerate(targets):
                        _tag("option", value=str(i)).props["textContent"] = target.name
                select.on("change", lambda e: self._do(lambda: self._look(int(e.args))), **_VALUE)
                self._said("about", "", "span")
                box = _tag("input", "ck-bound", type="text", autocomplete="off", aria_label="What the target asks for")
                self._ids["bound"] = box.html_id
                box.on("change", lambda e: self._do(lambda: self._bound(_typed(str(e.args)))), **_VALUE)
            with _tag("dl", "ck-numbers") as numbers:
                numbers.style("margin: 0")
                for key, classes, name in (("b", "b", "B, as moved"), ("a", "", "A"), ("versus", "", "B less A")):
                    with _tag("div", f"ck-number {classes}"):
                        self._said(f"{key}_name", "", "dt", data_say=f"{key}-name").props["textContent"] = name
                        with _tag("dd"):
                            self._said(f"{key}_value", "", "span", data_say=f"{key}-value")
                            self._said(f"{key}_within", "", "small", data_say=f"{key}-within")
            self._said("status", "ck-status", role="status", data_say="status")
            self._said("moves", "ck-moves", "ul")

    def _charts(self) -> None:
        with _tag("div", "ck-charts"):
            for name, legend in (
                ("fan", "shaded, the middle 50% and 80% of the paths; dashed, the median of A"),
                ("tornado", "mean of the metric where each is in its lowest (orange) or highest (blue) fifth"),
                ("curve", "blue, B; dashed, A"),
            ):
                with _tag("div", "wide" if name == "fan" else ""):
                    _tag("div", id=f"chart-{name}")
                    _tag("p", "ck-legend", text=legend)

    # --- Moves ---

    def _do(self, act: Callable[[], None], *, by_slider: bool = False) -> None:
        """Act on what somebody did; where it is refused, say why, and show everything as it was.

        A slider that was let go may be on its way again: its place is then left to its client.
        """
        fault = ""
        try:
            act()
        except SimengineError as error:
            fault = _without_file(str(error))
        state = self._state()
        _merge(state, self._message(fault, self._saved))
        self._saved = ""
        self._send({**state, "force": bool(fault) or not by_slider})

    def _drag_dial(self, name: str, place: Any) -> None:
        dial = self.cockpit.dials[name]
        self._send(self._of_dial(name, int(place)))
        self._drag("amounts", name, None if int(place) == dial.neutral else int(place))

    def _drag_belief(self, name: str, place: Any) -> None:
        slider = self.cockpit.sliders[name]
        belief = self._at(slider, int(place))
        shown = slider.median if belief is None else belief.value
        _, box, _, _ = self._sliders[name]
        self._send({"values": {box.html_id: _value(shown, slider.unit)}})
        self._drag("beliefs", name, belief)

    def _drag(self, field: str, name: str, value: Any) -> None:
        if self.session.setting.with_(field, name, value) != self.session.setting:
            self.session.drag(field, name, value)

    def _move_dial(self, name: str, place: int) -> None:
        neutral = self.cockpit.dials[name].neutral
        self.session.move("amounts", name, None if place == neutral else place)

    def _type_dial(self, name: str, text: str) -> None:
        self._move_dial(name, self.cockpit.read_amount(name, text))

    def _at(self, slider: Slider, place: int) -> Belief | None:
        is_fixed = dict(self.session.setting.beliefs).get(slider.name, Belief(0.0)).is_fixed
        place = max(slider.lowest, min(slider.highest, place))
        return None if place == 0 and not is_fixed else Belief(slider.at(place), is_fixed)

    def _move_belief(self, name: str, place: int) -> None:
        self.session.move("beliefs", name, self._at(self.cockpit.sliders[name], place))

    def _type_belief(self, name: str, text: str) -> None:
        held = dict(self.session.setting.beliefs).get(name)
        is_fixed = held is not None and held.is_fixed
        belief = self.cockpit.read_belief(self.session.setting, name, text, is_fixed=is_fixed)
        slider = self.cockpit.sliders[name]
        is_plan = not is_fixed and _value(belief.value, slider.unit) == _value(slider.median, slider.unit)
        self.session.move("beliefs", name, None if is_plan else belief)

    def _fix(self, name: str, is_fixed: bool) -> None:
        slider = self.cockpit.sliders[name]
        value = dict(self.session.setting.beliefs).get(name, Belief(slider.median)).value
        self.session.move("beliefs", name, None if not is_fixed and value == slider.median else Belief(value, is_fixed))

    def _look(self, place: int) -> None:
        targets = self.cockpit.plan.targets
        if 0 <= place < len(targets):
            self.session.look_at(targets[place].name)

    def _bound(self, text: str) -> None:
        name = self.session.target
        bound = self.cockpit.read_bound(self.session.setting, name, text)
        declared = _asked(self.cockpit.target(PLAN, name))
        self.session.move("bounds", name, None if bound == declared else bound)

    def _find(self, name: str) -> None:
        if name not in self.cockpit.sliders:
            raise SimengineError(f"no assumption that can be moved is called {name!r}; choose one of the list")
        self._searched.add(name)

    def _save(self, name: str) -> None:
        path = self.cockpit.save(self.session.setting, name)
        self._saved = f"Saved: {path}. Next: simengine run {path}"

    # --- What is shown ---

    def show(self) -> None:
        """Show everything, and answer for the setting as it is."""
        self._drawn = ()
        self._send(self._state())
        self.session.follow()

    def _state(self) -> dict[str, Any]:
        """Everything that hangs on the setting alone."""
        session, cockpit = self.session, self.cockpit
        setting, target = session.setting, cockpit.target(session.setting, session.target)
        state: dict[str, Any] = {
            key: {} for key in ("texts", "values", "said", "classes", "hidden", "disabled", "order", "lists")
        }
        places = dict(setting.amounts)
        for name, dial in cockpit.dials.items():
            _merge(state, self._of_dial(name, places.get(name, dial.neutral)))
            state["classes"][self._dials[name][2].html_id] = {"moved": name in places}
        ranks = {name: i for i, name in enumerate(cockpit.matter(session.target))}
        visible = {*[name for name in ranks if name in cockpit.sliders][:SHOWN], *self._searched}
        beliefs = dict(setting.beliefs)
        for name, slider in cockpit.sliders.items():
            range_, box, row, fix = self._sliders[name]
            belief = beliefs.get(name, Belief(slider.median))
            state["values"] |= {
                range_.html_id: str(slider.place(belief.value)),
                box.html_id: _value(belief.value, slider.unit),
                fix.html_id: belief.is_fixed,
            }
            state["said"][range_.html_id] = (
                f"{_value(belief.value, slider.unit)} {slider.unit.partition(' per ')[2]}".strip()
            )
            state["classes"][row.html_id] = {"moved": name in beliefs}
            state["hidden"][row.html_id] = name not in visible and name not in beliefs
            state["order"][row.html_id] = ranks[name]
        ids = self._ids
        bound = "at least" if target.at_least is not None else "at most"
        state["texts"] |= {
            ids["about"]: f"{what(_facts(target, ''))} {bound}",
            ids["a_name"]: "A, the plan as it stands" if session.held == PLAN else "A, as you held it",
            ids["b_name"]: "B, the plan as it stands" if setting == PLAN else "B, as moved",
        }
        state["values"] |= {
            ids["target"]: str([each.name for each in cockpit.plan.targets].index(target.name)),
            ids["bound"]: _value(_asked(target), _unit_of(target)),
        }
        if "search" in ids:
            state["values"][ids["search"]] = ""
        state["disabled"] |= {
            ids["undo"]: not session.can_undo,
            ids["redo"]: not session.can_redo,
            ids["reset"]: setting == PLAN,
            ids["hold"]: setting == session.held,
            ids["release"]: session.held == PLAN,
        }
        state["lists"][ids["moves"]] = self._moves(setting)
        state["data"] = {ids["answer"]: {"wanted": _key(setting, session.held, target)}}
        return state

    def _of_dial(self, name: str, place: int) -> dict[str, Any]:
        dial = self.cockpit.dials[name]
        slider, box, _ = self._dials[name]
        amount = dial.amounts[max(0, min(len(dial.amounts) - 1, place))]
        said = lever_amount(amount, self.cockpit.levers.lever(dial).kind)
        typed = f"{amount:g}" if self.cockpit.levers.lever(dial).kind == "event" else said
        return {"values": {slider.html_id: str(place), box.html_id: typed}, "said": {slider.html_id: said}}

    def _moves(self, setting: Setting) -> list[str]:
        """What is moved, in words."""
        cockpit, currency = self.cockpit, self.cockpit.plan.plan.currency
        found = []
        for name, place in setting.amounts:
            dial = cockpit.dials[name]
            found.append(f"{name}: {lever_amount(dial.amounts[place], cockpit.levers.lever(dial).kind)}")
        if setting.amounts:
            cost = cockpit.levers.cost(cockpit.mix(setting))
            found[-1] += f" (levers cost {money(cost, currency)} until {month_label(cockpit.levers.until)})"
        for name, belief in setting.beliefs:
            slider = cockpit.sliders[name]
            unit = _unit(slider.unit, currency)
            verb = "fixed at" if belief.is_fixed else "middle"
            was = _value(slider.median, slider.unit)
            now = f"{_value(belief.value, slider.unit)} {unit}".strip()
            found.append(f"{name}: {verb} {now}, the plan's middle is {was}")
        for name, bound in setting.bounds:
            target = cockpit.target(PLAN, name)
            unit = _unit_of(target)
            found.append(f"target {name}: {_value(bound, unit)} in place of {_value(_asked(target), unit)}")
        return found

    def _message(self, fault: str, done: str = "") -> dict[str, Any]:
        both = {"fault": fault, "done": done}
        return {
            "texts": {self._ids[each]: said for each, said in both.items()},
            "hidden": {self._ids[each]: not said for each, said in both.items()},
        }

    def _answered(self, answer: Answer) -> None:
        """Show an answer; called from the session's thread."""
        state = self._told(answer)
        self._later(lambda: self._send(state))

    def _failed(self, words: str) -> None:
        state = self._message(words)
        self._later(lambda: self._send(state))

    def _told(self, answer: Answer) -> dict[str, Any]:
        ids, p, held = self._ids, answer.probability, answer.held
        texts = {
            ids["b_value"]: percent(p.value),
            ids["b_within"]: f"{odds(p.value)}; 95%: {between(p.lower, p.upper, 'fraction')}",
            ids["a_value"]: percent(held.value),
            ids["a_within"]: f"95%: {between(held.lower, held.upper, 'fraction')}",
        }
        if answer.setting == answer.held_setting:
            texts |= {ids["versus_value"]: "0.0", ids["versus_within"]: "points; the same setting"}
        else:
            within = f"{points(answer.versus[1])} to {points(answer.versus[2])}"
            texts |= {
                ids["versus_value"]: points(answer.versus[0]),
                ids["versus_within"]: f"points; 95%: {within}, on {answer.common:,} paths in common",
            }
        texts[ids["status"]] = _status(answer)
        state: dict[str, Any] = {"texts": texts}
        state["classes"] = {ids["answer"]: {"ck-preview": answer.is_preview, "ck-full": not answer.is_preview}}
        seen = {
            "setting": _key(answer.setting, answer.held_setting, answer.target),
            "paths": p.paths,
            "behind": p.behind,
        }
        state["data"] = {ids["answer"]: {**seen, "value": p.value, "lower": p.lower, "upper": p.upper}}
        state["charts"] = self._pictures(answer)
        return state

    def _pictures(self, answer: Answer) -> list[dict[str, Any]]:
        """The charts: whole the first time, and when their form changes; then what is new of them."""
        if not self._order or answer.probability.paths >= _SURE or self._drawn[:1] != (answer.target.name,):
            self._order, self._sure = order(answer), sure(answer)
        currency = self.cockpit.plan.plan.currency
        course = "Bookings since the start" if sells_once(self.cockpit.plan) else "ARR"
        charts = [fan(answer, currency, course), curve(answer, currency), tornado(answer, self._order, self._sure)]
        form = answer.target.name, len(charts[2].spec["datasets"]["tornado"])
        shown = [portable(chart) if form != self._drawn else live(chart) for chart in charts]
        self._drawn = form
        return shown

    def _later(self, act: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    def _send(self, state: dict[str, Any]) -> None:
        if self._client.has_socket_connection:
            self._client.run_javascript(f"cockpit.show({script_json(state)})")


_VALUE: dict[str, Any] = {"js_handler": "(e) => emit(e.target.value)"}


def _status(answer: Answer) -> str:
    p = answer.probability
    if not answer.is_preview:
        return f"{p.paths:,} paths, as a run has them"
    behind = f", steadied by {p.behind:,} of a setting known before" if p.behind else ""
    return f"preview: {p.paths:,} paths{behind}; {answer.draws:,} follow"


def _key(setting: Setting, held: Setting, target: Target) -> str:
    """What tells an answer from those to other questions, for who measures or tests the page."""
    return hashlib.sha256(repr((setting, held, target.name)).encode()).hexdigest()[:16]


def _merge(state: dict[str, Any], more: dict[str, Any]) -> None:
    for key, entries in more.items():
        state[key] |= entries


def _without_file(words: str) -> str:
    """A message without the places of files, which nobody looks at here."""
    return "\n".join(line.partition("  ")[2] or line for line in words.splitlines())


def _asked(target: Target) -> float:
    return float(target.at_least if target.at_least is not None else target.at_most or 0.0)


def _facts(target: Target, unit: str) -> dict[str, Any]:
    where = ", ".join(f"{key}={value}" for key, value in target.where.items())
    return {"metric": target.metric, "period": target.period, "where": where, "unit": unit}


def _unit_of(target: Target) -> str:
    return METRIC_UNITS[target.metric]


def _value(x: float, unit: str) -> str:
    """A value as somebody would type it into the plan.

    >>> _value(0.22, "fraction"), _value(24_000.0, "currency"), _value(2.5, "months")
    ('22 %', '24,000', '2.5')
    """
    if unit.startswith("fraction"):
        return f"{100 * x:.4g} %"
    return inline(float(f"{x:.6g}") if abs(x) >= 1000 else float(f"{x:.4g}")).replace("_", ",")


def _typed(text: str) -> str:
    """What somebody typed, as a plan writes it: thousands may be set apart by commas.

    >>> _typed("4,600,000"), _typed(" 22 %"), _typed("1,5")
    ('4600000', '22 %', '1,5')
    """
    plain = text.strip()
    return plain.replace(",", "") if re.fullmatch(r"[^,]*\d{1,3}(,\d{3})+(?!\d).*", plain) else plain


def _unit(unit: str, currency: str) -> str:
    """What stands behind a value: nothing behind a share, whose sign is there.

    >>> _unit("fraction per year", "USD"), _unit("currency", "USD"), _unit("count per month", "USD")
    ('per year', 'USD', 'per month')
    """
    quantity, _, period = unit.partition(" per ")
    word = {"currency": currency, "months": "months"}.get(quantity, "")
    return " ".join(filter(None, (word, f"per {period}" if period else "")))
