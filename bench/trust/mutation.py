"""Small mistakes that a source can have: where they can stand, and the tree with one of them in it.

A site is one node of the syntax tree: a comparison, an operation, a number, a condition, a statement. What computes
nothing is left alone: docstrings, annotations, decorators, imports, assertions (and `strict=` of zip, which is one),
and all that is said in an error or put into words.
"""

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import NamedTuple

Change = Callable[[ast.AST], ast.AST]
"""The changed node, from a copy of the node."""

_COMPARED: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""The limit shifted, and the other way round."""

_OPERATED: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}

_PAIRS = (
    *(("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("fmin", "fmax"), ("nanmin", "nanmax")),
    *(("any", "all"), ("floor", "ceil")),
)
_OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}

_SILENT = (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Global, ast.Nonlocal)


class Site(NamedTuple):
    """A node that can be changed, and what each change is called."""

    number: int
    kind: str
    line: int
    column: int
    before: str
    changes: tuple[str, ...]


def sites(source: str) -> list[Site]:
    """Every site of a source, in the order of the tree."""
    return [
        Site(number, kind, node.lineno, node.col_offset, _said(node), tuple(changes))
        for number, (kind, changes, node, _) in enumerate(_below(ast.parse(source)))
    ]


def mutated(source: str, number: int, change: str | None) -> tuple[ast.Module, str]:
    """The tree with one change at one site, lines where they were, and the changed node in words.

    Without a change, as it is. Raises ValueError where there is no such site.
    """
    tree = ast.parse(source)
    if change is None:
        return tree, "unchanged"
    for found, (_, changes, node, put) in enumerate(_below(tree)):
        if found == number:
            new = changes[change](deepcopy(node))
            put(ast.fix_missing_locations(ast.copy_location(new, node)))
            return tree, _said(new)
    raise ValueError(f"no site {number}")


def _said(node: ast.AST) -> str:
    if isinstance(node, (ast.If, ast.While)):
        return f"{'if' if isinstance(node, ast.If) else 'while'} {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


Found = tuple[str, dict[str, Change], ast.AST, Callable[[ast.AST], None]]


def _below(node: ast.AST, runs: bool = False) -> Iterator[Found]:
    """Kind, changes, node and how to put another in its place, of every site below; `runs`: inside a function."""
    for field, child, put in _children(node):
        if _is_left_alone(node, field, child, runs):
            continue
        for kind, changes in _changes(child, node):
            yield kind, changes, child, put
        yield from _below(child, runs or (isinstance(node, (ast.FunctionDef, ast.Lambda)) and field == "body"))


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST, Callable[[ast.AST], None]]]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield field, value, lambda new, field=field: setattr(node, field, new)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield field, item, lambda new, value=value, i=i: value.__setitem__(i, new)


def _is_left_alone(parent: ast.AST, field: str, node: ast.AST, runs: bool) -> bool:
    if isinstance(node, _SILENT) or field in {"annotation", "returns", "decorator_list", "bases", "type_params"}:
        return True
    if isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return True
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and not runs:
        return True  # two types
    called = parent.func if isinstance(parent, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in {"cast", "TypeVar"} and parent.args[:1] == [node]


def _changes(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, dict[str, Change]]]:
    """Kinds of mistake that the node can have, and for each the changes by name."""
    for kind, changes in (
        ("comparison", _of_comparison(node)),
        ("operator", _of_operation(node)),
        ("number", _of_constant(node, parent)),
        ("condition", _of_condition(node)),
        ("extreme", _of_call(node)),
        ("range", _of_range(node)),
        ("statement", _of_statement(node)),
        ("return", _of_return(node)),
    ):
        if changes:
            yield kind, changes


def _set(**fields: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        for name, value in fields.items():
            setattr(node, name, value)
        return node

    return change


def _of_comparison(node: ast.AST) -> dict[str, Change]:
    if not isinstance(node, ast.Compare):
        return {}
    return {
        f"{i}: {new.__name__}": _set(ops=[*node.ops[:i], new(), *node.ops[i + 1 :]])
        for i, op in enumerate(node.ops)
        for new in _COMPARED[type(op)]
    }


def _of_operation(node: ast.AST) -> dict[str, Change]:
    if isinstance(node, ast.BoolOp):
        new = ast.Or if isinstance(node.op, ast.And) else ast.And
        return {new.__name__: _set(op=new())}
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.UAdd):
        return {"dropped": lambda copy: copy.operand}
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _OPERATED:
        left = getattr(node, "left", None)
        if isinstance(left, ast.JoinedStr) or (isinstance(left, ast.Constant) and isinstance(left.value, str)):
            return {}
        new = _OPERATED[type(node.op)]
        return {new.__name__: _set(op=new())}
    return {}


def _of_constant(node: ast.AST, parent: ast.AST) -> dict[str, Change]:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, (bool, int, float)):
        return {}
    if isinstance(node.value, bool):
        return {"flipped": _set(value=not node.value)}
    changes = {"+ 1": _set(value=node.value + 1), "- 1": _set(value=node.value - 1)}
    if node.value and not isinstance(parent, ast.UnaryOp):
        changes["negated"] = lambda copy: ast.UnaryOp(ast.USub(), copy)
    return changes


def _of_condition(node: ast.AST) -> dict[str, Change]:
    """A whole condition turned round, where no other change does the same."""

    def turned(test: ast.expr) -> ast.expr | None:
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and len(_COMPARED[type(test.ops[0])]) == 1:
            return None
        already = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        return None if already else ast.UnaryOp(ast.Not(), test)

    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        test = turned(node.test)
        return {"turned": _set(test=test)} if test else {}
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return {f"{i}: without if": _without_if(i) for i, part in enumerate(node.generators) if part.ifs}
    return {}


def _without_if(number: int) -> Change:
    def change(node: ast.AST) -> ast.AST:
        node.generators[number].ifs = []
        return node

    return change


def _of_call(node: ast.AST) -> dict[str, Change]:
    if not isinstance(node, ast.Call):
        return {}
    function = node.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)
    if name not in _OPPOSITE:
        return {}
    new = deepcopy(function)
    setattr(new, "id" if isinstance(function, ast.Name) else "attr", _OPPOSITE[name])
    return {_OPPOSITE[name]: _set(func=new)}


def _of_range(node: ast.AST) -> dict[str, Change]:
    """Bounds of a slice or a range one off, where they are no numbers: those are changed as numbers."""
    if isinstance(node, ast.Slice):
        bounds = {name: getattr(node, name) for name in ("lower", "upper")}
        return {
            f"{name} {sign}": _set(**{name: ast.BinOp(bound, op(), ast.Constant(1))})
            for name, bound in bounds.items()
            if bound is not None and not _is_number(bound)
            for sign, op in (("+ 1", ast.Add), ("- 1", ast.Sub))
        }
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return {
            f"argument {i} {sign}": _set(
                args=[*node.args[:i], ast.BinOp(bound, op(), ast.Constant(1)), *node.args[i + 1 :]]
            )
            for i, bound in enumerate(node.args[:2])
            if not _is_number(bound)
            for sign, op in (("+ 1", ast.Add), ("- 1", ast.Sub))
        }
    return {}


def _is_number(node: ast.expr) -> bool:
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _of_statement(node: ast.AST) -> dict[str, Change]:
    """A statement left out: a call, a sum carried on, a value stored; a loop left and gone on with."""
    if isinstance(node, ast.Break):
        return {"continue": lambda _: ast.Continue()}
    if isinstance(node, ast.Continue):
        return {"break": lambda _: ast.Break(), "left out": lambda _: ast.Pass()}
    stores = isinstance(node, ast.Assign) and all(isinstance(t, (ast.Subscript, ast.Attribute)) for t in node.targets)
    calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return {"left out": lambda _: ast.Pass()} if stores or calls or isinstance(node, ast.AugAssign) else {}


def _of_return(node: ast.AST) -> dict[str, Change]:
    if not isinstance(node, ast.Return) or node.value is None:
        return {}
    nothing = isinstance(node.value, ast.Constant) and node.value.value is None
    return {} if nothing else {"None": _set(value=ast.Constant(None))}
