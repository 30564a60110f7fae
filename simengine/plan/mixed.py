"""Where the company stands from one plan, what it means to do from another: for telling apart what the two change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from simengine.plan.checks import of_tree
from simengine.plan.scalars import is_month
from simengine.plan.schema import Plan
from simengine.plan.source import Key, Node
from simengine.units import month_label

FACTS = ("facts", "learned")
"""Sections that hold what happened and was learnt of it."""
CHOICES = ("levers", "limits")
"""Sections of what could be done: nothing of it is simulated, and its months may lie outside."""
OF_HEADER = ("start", "months", "as_of", "version", "growth_from")
OF_BASE = ("customers", "arr", "size_spread", "atr", "named_accounts", "history")
OF_SEATS = ("existing", "tenure_months", "expected")
_START = "start"


def mixed(facts: Plan, edits: Plan, target: str) -> Plan:
    """Return a plan that stands where `facts` does and otherwise says what `edits` does.

    Facts are the months of the plan and what is known of those past; of the base its customers, ARR, sizes, renewals by
    month, named accounts and history; the opening pipeline and cash; of each seat group who is there, with tenure, and
    the hires of months before the later of the two starts. Of numbers that change from a month on, months before that
    start are facts too. All else, and everything that only `edits` has, is of `edits`; levers are left out.

    Parameters
    ----------
    facts, edits : as they were loaded
    target : the target that is kept, as in `edits`; others are left out, for their periods may lie outside

    Raises
    ------
    PlanError
        where the two do not fit together
    """
    later = max(facts.plan.start, edits.plan.start)
    clock = _Clock(month_label(later), month_label(facts.plan.start), month_label(facts.plan.end))
    tree = _laid(facts.origin.tree, edits.origin.tree, clock)
    of_facts, content = _content(facts.origin.tree), _content(tree)
    for section in FACTS:
        content = _with(content, section, of_facts.get(section))
    content = _below(content, of_facts, "plan", lambda here, there: _taken(here, there, OF_HEADER))
    content = _below(content, of_facts, "economics", lambda here, there: _taken(here, there, ("opening_cash",)))
    content = _below(content, of_facts, "funnel", lambda here, there: _taken(here, there, ("opening_pipeline",)))
    content = _below(content, of_facts, "base", lambda here, there: _each(here, there, _base))
    moved = _Moved(facts, edits)
    content = _below(content, of_facts, "team", lambda here, there: _team(here, there, clock, moved))
    if "learned" not in of_facts:  # then nothing has been believed before
        content = _below(content, {}, "assumptions", _without_before)
    events = {name: _event(node, clock) for name, node in _content(content.get("events")).items()}
    content = _with(content, "events", Node(dict(events), tree.mark, tree.key_mark) if events else None)
    for section in CHOICES:
        content.pop(section, None)
    asked = content.get("targets")
    if asked is not None and isinstance(asked.value, list):
        content["targets"] = Node([one for one in asked.value if one.name == target], asked.mark, asked.key_mark)
    return of_tree(Node(content, tree.mark, tree.key_mark))


class _Clock:
    """The later start of two plans, and the first and last month of the mixed one, as texts like 2027-03."""

    def __init__(self, later: str, first: str, last: str) -> None:
        self.later, self.first, self.last = later, first, last


Content = dict[Key, Node]


def _content(node: Node | None) -> Content:
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {}


def _with(content: Content, key: Key, node: Node | None) -> Content:
    """A mapping with another value at `key`, or without it."""
    rest = {other: value for other, value in content.items() if other != key}
    return rest if node is None else {**rest, key: node}


def _below(content: Content, of_facts: Content, key: Key, change: Callable[[Content, Content], Content]) -> Content:
    here, there = content.get(key), of_facts.get(key)
    if here is None and there is None:
        return content
    place = here or there
    assert place is not None
    changed = change(_content(here), _content(there))
    return _with(content, key, Node(changed, place.mark, place.key_mark) if changed else None)


def _taken(here: Content, there: Content, keys: Iterable[str]) -> Content:
    for key in keys:
        here = _with(here, key, there.get(key))
    return here


def _each(here: Content, there: Content, change: Callable[[Content, Content], Content]) -> Content:
    """Change every entry that both have."""
    return {
        name: Node(change(_content(node), _content(there[name])), node.mark, node.key_mark) if name in there else node
        for name, node in here.items()
    }


def _without_before(here: Content, _: Content) -> Content:
    return _each(here, here, lambda one, _: _with(one, "before", None))


def _base(here: Content, there: Content) -> Content:
    return _taken(here, there, OF_BASE)


class _Moved:
    """By how many hires are others than was planned, because of who is there: in the facts, less those in the edits."""

    def __init__(self, facts: Plan, edits: Plan) -> None:
        self._more = Counter[tuple[str | None, str]]()
        for plan, sign in ((facts, 1), (edits, -1)):
            for each in plan.learned.hires if plan.learned is not None else ():
                self._more[each.seats, month_label(each.month)] += sign * each.number

    def of(self, group: str | None, month: str) -> int:
        """In one month of a seat group."""
        return self._more[group, month]

    def months(self, group: str | None) -> set[str]:
        """Months in which there is a difference."""
        return {month for seats, month in self._more if seats == group}


def _team(here: Content, there: Content, clock: _Clock, moved: _Moved) -> Content:
    known = _by_name(there.get("seats"))
    seats = here.get("seats")
    if seats is None or not isinstance(seats.value, list):
        return here
    changed = [_seats(node, known.get(node.name), clock, moved) for node in seats.value]
    return {**here, "seats": Node(list(changed), seats.mark, seats.key_mark)}


def _by_name(node: Node | None) -> dict[str | None, Node]:
    return {item.name: item for item in node.value} if node is not None and isinstance(node.value, list) else {}


def _seats(node: Node, known: Node | None, clock: _Clock, moved: _Moved) -> Node:
    """A seat group: who is there, who was hired before the later start, and whose seat is empty, as in the facts."""
    here = _content(node)
    there = here if known is None else _content(known)
    past, to_come = _content(there.get("hires")), _content(here.get("hires"))
    hires = {month: heads for month, heads in past.items() if clock.first <= str(month) < clock.later}
    hires |= _to_come(to_come, node, clock, moved)
    changed = _with(_taken(here, there, OF_SEATS), "hires", Node(hires, node.mark, node.mark) if hires else None)
    return Node(changed, node.mark, node.key_mark)


def _to_come(hires: Content, node: Node, clock: _Clock, moved: _Moved) -> Content:
    """Hires from the later start on, as planned, and as who is there has moved them."""
    months = sorted({*map(str, hires), *moved.months(node.name)})
    kept: Content = {}
    for month in months:
        planned = hires.get(month)
        more = moved.of(node.name, month)
        heads = (int(str(planned.value)) if planned is not None else 0) + more
        if clock.later <= month <= clock.last and (heads or not more):
            mark = (planned or node).mark
            kept[month] = Node(max(0, heads), mark, mark)
    return kept


def _event(node: Node, clock: _Clock) -> Node:
    """An event: the month that the operating plan counts on within the plan, and no target as its success.

    It is in force for as many months if that month is before the plan as if it is the first.
    """
    content = _with(_content(node), "success", None)
    counted = content.get("plan")
    if counted is not None and is_month(counted.value):
        month = str(counted.value)
        word = "never" if month > clock.last else max(month, clock.first)
        content["plan"] = Node(word, counted.mark, counted.key_mark)
    return Node(content, node.mark, node.key_mark)


def _laid(facts: Node, edits: Node, clock: _Clock) -> Node:
    """The tree of `edits`, with what numbers that change from a month on were before the later start."""
    was, now = _steps(facts), _steps(edits)
    if (
        was is not None
        and now is not None
        and (len(was) > 1 or len(now) > 1 or _is_stepped(facts) != _is_stepped(edits))
    ):
        return _joined(was, now, edits, clock)
    if now is not None and _is_stepped(edits):
        return _joined(now, now, edits, clock)
    if isinstance(edits.value, dict):
        there = _content(facts)
        laid = {key: _laid(there.get(key, node), node, clock) for key, node in edits.value.items()}
        return Node(dict(laid), edits.mark, edits.key_mark)
    if isinstance(edits.value, list):
        known = _by_name(facts)
        items = [node if node.name is None else _laid(known.get(node.name, node), node, clock) for node in edits.value]
        return Node(list(items), edits.mark, edits.key_mark)
    return edits


def _is_stepped(node: Node) -> bool:
    keys = node.value.keys() if isinstance(node.value, dict) else ()
    return _START in keys and all(key == _START or is_month(key) for key in keys)


def _steps(node: Node) -> dict[str, Node] | None:
    """What a number is from each month on, "" being the start; None where there is no number."""
    if _is_stepped(node):
        return {"" if key == _START else str(key): value for key, value in _content(node).items()}
    return None if isinstance(node.value, dict | list) else {"": node}


def _joined(was: Mapping[str, Node], now: Mapping[str, Node], place: Node, clock: _Clock) -> Node:
    """Steps of `was` before the later start, of `now` from then on; what holds in the first month is the start."""
    steps = {month: node for month, node in was.items() if month < clock.later} if clock.first < clock.later else {}
    steps = {**steps, clock.later: now[_in_force(now, clock.later)]}
    steps |= {month: node for month, node in now.items() if clock.later < month <= clock.last}
    start = steps[_in_force(steps, clock.first)]
    found: Content = {_START: start}
    before = start.plain()
    for month in sorted(month for month in steps if month > clock.first):
        if steps[month].plain() != before:
            found[month] = steps[month]
            before = steps[month].plain()
    if len(found) == 1:
        return Node(start.value, place.mark, place.key_mark)
    return Node(found, place.mark, place.key_mark)


def _in_force(steps: Mapping[str, Node], month: str) -> str:
    return max(begin for begin in steps if begin <= month)
