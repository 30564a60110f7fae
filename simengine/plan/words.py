"""What the schema library says, in the words of a plan."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from simengine.plan.scalars import nearest, shown
from simengine.plan.source import Path

IN_KEY = "[key]"
"""What pydantic puts behind the path to a key when it means the key, not its value."""


class Mistake(NamedTuple):
    """Where, below what was validated, something is wrong, and what; `at_key` where the key is to blame."""

    path: Path
    message: str
    expected: str
    at_key: bool = False


def mistakes(error: ValidationError, annotation: Any) -> Iterator[Mistake]:
    """Every mistake that a failed validation of `annotation` found."""
    errors = error.errors(include_url=False)
    unknown = [e["loc"] for e in errors if e["type"] == "extra_forbidden"]
    for e in errors:
        loc, kind, context = e["loc"], e["type"], e.get("ctx", {})
        at_key = bool(loc) and loc[-1] == IN_KEY
        path: Path = loc[:-1] if at_key else loc
        if kind == "plan":
            for fault in context["faults"]:
                yield Mistake((*path, *fault.at), fault.message, fault.expected, at_key)
        elif kind == "extra_forbidden":
            yield Mistake(path, "unknown key", nearest(path[-1], _keys(_model_at(annotation, loc[:-1]))), at_key=True)
        elif kind == "missing":
            if not any(u[:-1] == loc[:-1] and _is_misspelt(u[-1], loc[-1]) for u in unknown):
                yield Mistake(path, "is missing", _wanted(_model_at(annotation, loc[:-1]), loc[-1]))
        else:
            yield Mistake(path, *_plain(kind, e["input"], context), at_key)


def _plain(kind: str, value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "literal_error":
        choices = re.findall("'([^']*)'", context["expected"])
        return f"{shown(value)} is not possible here", nearest(value, choices)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{shown(value)} is not a mapping", "expected key: value"
    if kind in ("tuple_type", "list_type"):
        return f"{shown(value)} is not a list", "expected a list like [a, b]"
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        bound = context["min_length" if few else "max_length"]
        return f"{context['actual_length']} given", f"expected {bound}"
    assert kind == "invalid_key", kind
    return f"{shown(value)} cannot be a key here", f'put it in quotes: "{shown(value)}"'


def _is_misspelt(written: object, meant: object) -> bool:
    return bool(difflib.get_close_matches(str(written), [str(meant)], n=1))


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else [info.alias or name for name, info in model.model_fields.items()]


def _field(model: type[BaseModel] | None, key: object) -> FieldInfo | None:
    """The field of a key."""
    fields = {} if model is None else model.model_fields
    return next((info for name, info in fields.items() if (info.alias or name) == key), None)


def _wanted(model: type[BaseModel] | None, field: object) -> str:
    """What to write for a missing key."""
    info = _field(model, field)
    wanted = next((m.expected for m in (info.metadata if info else ()) if hasattr(m, "expected")), "")
    return str(wanted) or "add it: it has no default"


def _model_at(annotation: Any, loc: Iterable[int | str]) -> type[BaseModel] | None:
    """The model of the entry at `loc` in a value of type `annotation`."""
    for step in loc:
        model = _model_in(annotation)
        if model is not None:
            info = _field(model, step)
            annotation = None if info is None else info.annotation
        else:
            annotation = next((arg for arg in reversed(get_args(annotation)) if arg is not Ellipsis), None)
    return _model_in(annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, or may be (`Ramp | None`)."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return next(filter(None, map(_model_in, get_args(annotation))), None)
    return None
