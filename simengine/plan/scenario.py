"""A plan from several files: `extends:` lays a scenario over the file that it changes, `--set` a value over both.

Mappings merge key by key; lists of things with a `name` merge by name; `null` removes a key; anything else replaces
what was there. A distribution, or an effect of an event, is replaced as a whole, because half of one belief and half of
another is neither. Months laid over a number say what holds from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simengine.errors import PlanError, Problem
from simengine.limits import EXTENDS, NAME, SETTING
from simengine.plan.edit import written
from simengine.plan.folder import Folder
from simengine.plan.scalars import is_month, nearest
from simengine.plan.source import Key, Mark, Node, Path, Problems, key_of, parse

SET = Mark("--set")
WHOLE = frozenset({"distribution", "before", "starts"})
"""Keys whose value is replaced, never merged."""
TABLES = frozenset({"opening_pipeline", "atr", "history", "facts", "dependence"})
"""Keys of tables, which stand in a file or here: one form replaces the other."""


def read_tree(folder: Folder, name: str) -> Node | None:
    """Return the tree of a plan file, laid over the files that it extends; None where there is no tree."""
    return _tree(folder, name, Mark(folder.shown(name)), ())


def _tree(folder: Folder, name: str, where: Mark, chain: tuple[str, ...]) -> Node | None:
    text = folder.read(name, where, "extends" if chain else "")
    node = None if text is None else parse(text, folder.shown(name), folder.problems)
    if node is None:
        return None
    if not isinstance(node.value, dict):
        folder.problems.add(node.mark, "", "the file holds no keys", "expected a plan: `plan:`, `segments:` and so on")
        return None
    reference = node.value.pop("extends", None)
    if reference is None:
        return node
    base = _extended(folder, reference, (*chain, name))
    return None if base is None else merge(base, node, (), folder.problems)


def _extended(folder: Folder, reference: Node, chain: tuple[str, ...]) -> Node | None:
    """Return the tree of the file that `reference` names, without its own `scenario`."""
    name = folder.beside(reference, ("extends",))
    if name in chain:
        circle = " → ".join([*chain, name])
        folder.problems.add(reference.mark, "extends", f"files extend each other in a circle: {circle}", "end it")
        return None
    if len(chain) >= EXTENDS.most:
        words = f"more than {EXTENDS.most} files extend one another"
        folder.problems.add(reference.mark, "extends", words, "put what some of them say into one")
        return None
    base = None if name is None else _tree(folder, name, reference.mark, chain)
    if base is not None and isinstance(base.value, dict):
        base.value.pop("scenario", None)
    return base


def merge(base: Node, change: Node, path: Path, problems: Problems) -> Node:
    """Lay `change` over `base`, both found at `path`. What the change says keeps the places of the change."""
    if path and (path[-1] in WHOLE or path[-2:-1] == ("effect",)):
        return change
    if path and path[-1] not in TABLES and _holds_later(base, change):
        base = Node({"start": Node(base.value, base.mark, base.key_mark)}, base.mark, base.key_mark)
    if isinstance(base.value, dict) and isinstance(change.value, dict):
        is_other_form = path and path[-1] in TABLES and ("file" in base.value) != ("file" in change.value)
        merged = {} if is_other_form else dict(base.value)
        for key, node in change.value.items():
            here = (*path, key)
            if node.value is None:
                if key not in base.value:
                    problems.add(node.mark, key_of(here), "there is nothing to remove", nearest(key, base.names()))
                merged.pop(key, None)
            else:
                merged[key] = merge(merged[key], node, here, problems) if key in merged else node
        _check_capitals(merged, base.value, path, problems)
        return Node(merged, base.mark, base.key_mark)
    if isinstance(base.value, list) and isinstance(change.value, list) and _all_named([*base.value, *change.value]):
        items = {item.name: item for item in base.value}
        for item in change.value:
            known = items.get(item.name)
            items[item.name] = item if known is None else merge(known, item, (*path, str(item.name)), problems)
        return Node(list(items.values()), base.mark, base.key_mark)
    return change


def laid(tree: Node, changes: Mapping[str, object], where: str) -> Node:
    """The tree of a plan with changes laid over it, as a scenario file would say them.

    Parameters
    ----------
    tree : of a plan
    changes : sections of the plan, as `plan.edit.written` writes them
    where : what messages name in the place of a file

    Raises PlanError with every change that does not fit.
    """
    if not changes:
        return tree
    problems = Problems()
    change = parse(written(changes), where, problems)
    if change is not None and not problems.found:
        tree = merge(tree, change, (), problems)
    if problems.found:
        raise PlanError(problems.found)
    return tree


def _holds_later(base: Node, change: Node) -> bool:
    """Whether a number stands in the base, and the change says what holds from some months on."""
    is_number = not isinstance(base.value, dict | list)
    return is_number and isinstance(change.value, dict) and all(is_month(key) for key in change.value)


def _check_capitals(merged: dict[Key, Node], base: dict[Key, Node], path: Path, problems: Problems) -> None:
    """Refuse a new key that differs only in capitals from one that is there."""
    folded = {str(key).casefold(): key for key in base if key in merged}
    for key in merged.keys() - base.keys():
        twin = folded.get(str(key).casefold())
        mark, first = merged[key].key_mark, None if twin is None else base[twin].key_mark
        if mark is not None and first is not None:
            place = f"{first.file}, line {first.line}, column {first.column}"
            words = f"differs only in capitals from {twin} at {place}"
            problems.add(mark, key_of((*path, key)), words, f"write {twin} to change it, or choose another name")


def _all_named(items: Iterable[Node]) -> bool:
    names = [item.name for item in items]
    return bool(names) and None not in names


def override(tree: Node, assignment: str, sections: Iterable[str], problems: Problems) -> Node:
    """Lay one `NAME=VALUE` over the plan.

    NAME is a path like `base.smb.renewal_rate` or `team.seats.ae-smb.existing`, or the bare name of an assumption,
    which is thereby fixed. VALUE follows the rules of the file; nothing, or null, removes the key.
    """
    name, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals or not name:
        problems.add(SET, assignment, "no value is given", "write NAME=VALUE, like base.smb.renewal_rate=92 %")
        return tree
    value = _value(name, text, problems)
    if value is None:
        return tree
    assumptions = tree.child("assumptions")
    if assumptions is not None and assumptions.child(name) is not None:
        if value.value is None:
            problems.add(SET, name, "nothing is given", "write the value to fix it at")
            return tree
        path: Path | None = ("assumptions", name, "distribution")
        value = value if isinstance(value.value, dict) else Node({"fixed": value}, SET, SET)
    else:
        path = _path_of(tree, name, sections, problems)
    if path is None:
        return tree
    change = _change(path, value, tree)
    if change is None:
        problems.add(SET, name, "this is a group of keys", f"set one of them, like {name}.{_example(tree, path)}")
        return tree
    return merge(tree, change, (), problems)


def _example(tree: Node, path: Path) -> str:
    for step in path:
        tree = tree.child(step) or tree
    return f"{tree.names()[-1]}=…"


def _value(name: str, text: str, problems: Problems) -> Node | None:
    """Return the value that an override writes; None, with problems noted, where it is none."""
    if len(name) + len(text) > SETTING.most:
        remedy = f"{SETTING} are read: write a file that extends the plan"
        problems.add(SET, name[: NAME.most], f"{len(name) + len(text):,} characters", remedy)
        return None
    in_value = Problems()
    value = parse(text, SET.file, in_value) if text else Node(None, SET)
    problems.found += [Problem(SET.file, 0, 0, name, p.message, p.expected) for p in in_value.found]
    if value is None or in_value.found:
        return None
    _place(value)
    return value


def _place(node: Node) -> None:
    """Say of a node and all below that the command line wrote them."""
    node.mark, node.key_mark = SET, SET
    if isinstance(node.value, dict | list):
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            _place(child)


def _path_of(tree: Node, name: str, sections: Iterable[str], problems: Problems) -> Path | None:
    """Return the path that a dotted name means: at each step the longest key that is there; what is left is new."""
    path: list[Key] = []
    node: Node | None = tree
    rest = name
    while rest and node is not None:
        keys: Iterable[Key] = node.value if isinstance(node.value, dict) else node.names()
        fitting = [key for key in keys if f"{rest}.".startswith(f"{key}.")]
        if not fitting:
            break
        path.append(max(fitting, key=lambda key: len(str(key))))
        node, rest = node.child(path[-1]), rest[len(str(path[-1])) + 1 :]
    new = rest.split(".") if rest else []
    if not path and new[0] not in sections:
        assumptions = tree.child("assumptions")
        near = nearest(name, assumptions.names() if assumptions is not None else ())
        remedy = near if near.startswith("did") else nearest(new[0], sections)
        problems.add(SET, name, "neither an assumption nor a key of the plan", remedy)
        return None
    is_step = len(new) == 1 and is_month(new[0]) and node is not None and not isinstance(node.value, list)
    if new and node is not None and not isinstance(node.value, dict) and not is_step:
        problems.add(SET, name, f"there is no {new[0]} in {'.'.join(map(str, path))}", nearest(new[0], node.names()))
        return None
    return (*path, *new)


def _change(path: Path, value: Node, tree: Node | None) -> Node | None:
    """Return a plan that has nothing but `value` at `path`; None where a thing in a list would become a value."""
    if not path:
        return value
    child = None if tree is None else tree.child(path[0])
    inner = _change(path[1:], value, child)
    if inner is None or tree is None or not isinstance(tree.value, list):
        return None if inner is None else Node({path[0]: Node(inner.value, inner.mark, SET)}, SET, SET)
    name = None if child is None else child.child("name")
    if not isinstance(inner.value, dict) or name is None:
        return None
    return Node([Node({"name": name, **inner.value}, SET)], SET, SET)
