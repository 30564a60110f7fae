"""Plans between two plans: some parts from one of them, the rest from the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from simengine.errors import PlanError
from simengine.plan.checks import of_tree
from simengine.plan.schema import Plan
from simengine.plan.source import Key, Node, Path

Content = dict[Key, Node]
_BOTH: tuple[Path, ...] = (("assumptions",), ("team", "roles"), ("segments",), ("plan", "rates"))
"""What one plan alone declares, the plans between them declare too: something may refer to it."""
_APART = ("scenario", "levers", "limits")
"""Sections that say nothing of what is simulated."""
_TERRITORIES = ("team", "territories")


class Patchwork:
    """Two plans as trees, of which parts can be put together.

    Parameters
    ----------
    old, new : checked plans
    target : the one that is kept; others are left out
    """

    def __init__(self, old: Plan, new: Plan, target: str) -> None:
        self._new = _bare(new.origin.tree, target)
        ground = _bare(old.origin.tree, target)
        for path in _BOTH:
            names = _names(self._new, path)
            for name in [name for name in names if name not in _names(ground, path)]:
                ground = _taken(ground, self._new, (*path, name))
        as_of = self._new.child("plan")
        if as_of is not None and as_of.child("as_of") is not None:
            ground = _taken(ground, self._new, ("plan", "as_of"))
        self._ground = ground

    def plan(self, places: Iterable[Path]) -> Plan:
        """The old plan with what stands at some places in the new one; raise PlanError where that is no right plan."""
        tree = self._ground
        for place in places:
            is_of_group = place[:2] == _TERRITORIES
            tree = _territories(tree, self._new, str(place[2])) if is_of_group else _taken(tree, self._new, place)
        return of_tree(tree)

    def is_right(self, places: Iterable[Path]) -> bool:
        """Whether that is a right plan."""
        try:
            self.plan(places)
        except PlanError:
            return False
        return True

    def fitting(self, parts: Mapping[str, tuple[Path, ...]]) -> list[tuple[str, ...]]:
        """Parts joined so far that each group can be laid over the old plan alone, and be left out of the new one.

        One that refers to another which is new as well cannot; where no single other one helps, all such are one group.
        """
        groups: list[tuple[str, ...]] = [(name,) for name in parts]

        def alone(group: Collection[str]) -> bool:
            inside = [place for name in group for place in parts[name]]
            outside = [place for name, places in parts.items() if name not in group for place in places]
            return self.is_right(inside) and self.is_right(outside)

        while len(groups) > 1:
            unfit = [group for group in groups if not alone(group)]
            if not unfit:
                break
            first, others = unfit[0], [group for group in groups if group != unfit[0]]
            helper = next((group for group in others if alone((*first, *group))), None)
            joined = unfit if helper is None and len(unfit) > 1 else [first, helper or others[0]]
            groups = [group for group in groups if group not in joined] + [sum(joined, ())]
        return groups


def _bare(tree: Node, target: str) -> Node:
    """A tree without what is not simulated, and with one target."""
    content = {key: node for key, node in _content(tree).items() if key not in _APART}
    targets, events = content.get("targets"), content.get("events")
    if targets is not None and isinstance(targets.value, list):
        content["targets"] = Node([one for one in targets.value if one.name == target], targets.mark, targets.key_mark)
    if events is not None:
        bare = {
            name: Node({key: value for key, value in _content(event).items() if key != "success"}, event.mark)
            for name, event in _content(events).items()
        }
        content["events"] = Node(dict(bare), events.mark, events.key_mark)
    return Node(content, tree.mark, tree.key_mark)


def _content(node: Node | None) -> Content:
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {}


def _names(tree: Node, path: Path) -> list[str]:
    node: Node | None = tree
    for step in path:
        node = None if node is None else node.child(step)
    return [] if node is None else node.names()


def _taken(here: Node, there: Node | None, path: Path) -> Node:
    """A tree with what another one has at a path; without it where the other has nothing there."""
    step, rest = path[0], path[1:]
    known, other = here.child(step), None if there is None else there.child(step)
    if not rest:
        return _with(here, step, other)
    if known is None:
        if other is None:
            return here
        known = Node([] if isinstance(other.value, list) else {}, other.mark, other.key_mark)
    inner = _taken(known, other, rest)
    return _with(here, step, inner if inner.value not in ([], {}) else None)


def _with(here: Node, step: Key, node: Node | None) -> Node:
    if isinstance(here.value, list):
        kept: Sequence[Node] = here.value
        names = [item.name for item in kept]
        if node is None:
            items = [item for item in kept if item.name != step]
        elif step in names:
            items = [node if item.name == step else item for item in kept]
        else:
            items = [*kept, node]
        return Node(items, here.mark, here.key_mark)
    content = _content(here)
    place = next((key for key in content if str(key) == str(step)), step)
    if node is None:
        content.pop(place, None)
    else:
        content[place] = node
    return Node(content, here.mark, here.key_mark)


def _territories(here: Node, there: Node, group: str) -> Node:
    """A tree with the territories that another one has of a seat group, in their order."""

    def of(tree: Node) -> tuple[list[Node], list[Node]]:
        team = tree.child("team")
        node = None if team is None else team.child("territories")
        items = node.value if node is not None and isinstance(node.value, list) else []
        own = [item for item in items if (seats := item.child("seats")) is not None and str(seats.value) == group]
        return own, [item for item in items if item not in own]

    team = here.child("team")
    if team is None:
        return here
    items = [*of(here)[1], *of(there)[0]]
    return _with(here, "team", _with(team, "territories", Node(list(items), team.mark) if items else None))
