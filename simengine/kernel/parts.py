"""How the kernel is compiled: 150 functions into one, of which Python calls the outermost alone.

numba makes machine code of every function, and then once more, with all that it calls, of every function that calls it;
and it keeps each as others may have to call it. Here a step is a *part*: it stays in LLVM's language until the *whole*
takes it in, where nobody else can call it, and is then optimised with all the others (docs/decisions.md). numba's pages
on customising its compiler say what a pass is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite.binding import Linkage
from numba import _dynfunc
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering
from numba.np import arrayobj

_NEEDLESS = frozenset((
    "with_lifting", "inline_closure_likes", "make_function_op_code_to_jit_function", "inline_inlinables",
    "inline_overloads", "rewrite_semantic_constants", "dead_branch_prune", "literal_unroll", "LiteralPropagation",
    "Rewrite dynamic raises", "nopython_rewrites", "nopython_supported_feature_validation", "dump_parfor_diagnostics",
))  # fmt: skip
"""Passes for what no step has: closures, whole-array arithmetic, loops over mixed tuples, branches on None, raises."""


class _PartLibrary(JITCodeLibrary):
    """What a step was compiled to, and what it calls."""

    function: str
    """Its name in LLVM's language."""

    def finalize(self) -> None:
        """Leave it as it is."""
        self._finalized = True


class WholeLibrary(JITCodeLibrary):
    """What the outermost function was compiled to, with all its parts."""

    names = Linkage.private
    """How its parts are known: by no name. What has one is found by all that is compiled later and has the same."""

    def finalize(self) -> None:
        """Take in all parts, those of parts too, and make machine code of them."""
        taken_in = self._linking_libraries
        self._called = [each.function for each in taken_in if isinstance(each, _PartLibrary)]
        for library in taken_in:  # grows as we go
            if isinstance(library, _PartLibrary):
                taken_in += [each for each in dict.fromkeys(library._linking_libraries) if each not in taken_in]
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Optimise what cannot be called from elsewhere: it needs neither all its arguments nor a place of its own.

        In one go. numba has a first one, to bring counts of references together; there are none. What the outermost
        function calls stays a function: these are the steps of a month, to which a call is nothing, and LLVM takes
        longer for one large function than for several.
        """
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = self.names
            if function.name in self._called and may_be_called(function):
                function.add_function_attribute("noinline")
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


def may_be_called(function: Any) -> bool:
    """Whether a function may be called: some are written to be part of who calls them."""
    return b"alwaysinline" not in b" ".join(function.attributes)


@contextmanager
def _counted_from_the_start() -> Iterator[None]:
    """Take indexes as they are. numba asks of every one whether it is negative, and then counts it from the end.

    Whoever compiles holds numba's lock. That no index is negative is tested (tests/kernel/test_bounds.py).
    """
    before = arrayobj.fix_integer_index
    arrayobj.fix_integer_index = _as_it_is
    try:
        yield
    finally:
        arrayobj.fix_integer_index = before


def _as_it_is(context: Any, builder: Any, kind: Any, index: Any, _size: Any) -> Any:
    return context.cast(builder, index, kind, types.intp)


def _library(of: type[JITCodeLibrary], state: Any) -> JITCodeLibrary:
    library = of(state.targetctx.codegen(), state.func_id.func_qualname)
    library.enable_object_caching()
    return library


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """numba's last pass, with nothing made that Python could call."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Bring a step to LLVM's language and make it known to others."""
        state.library = _library(_PartLibrary, state)
        state.flags.no_compile = True
        with _counted_from_the_start():
            super().run_pass(state)
        lowered = state["cr"]
        state.library.function = lowered.fndesc.llvm_func_name
        name, of = lowered.fndesc.qualname.rpartition(".")[2], lowered.fndesc.lookup_module()
        # other functions know this one by an object that Python could call; its address is none
        known_as = _dynfunc.make_function(of, name, "a step of the kernel", 0, lowered.env, (state.library,))
        state.targetctx.insert_user_function(known_as, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=known_as)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _WholeLowering(NativeLowering):
    """numba's last pass, with all parts taken in."""

    _name = "whole_lowering"

    def run_pass(self, state: Any) -> bool:
        """Make machine code."""
        state.library = _library(WholeLibrary, state)
        with _counted_from_the_start():
            return bool(super().run_pass(state))


def _passes(state: Any, lowering: type[NativeLowering]) -> list[Any]:
    """numba's passes, less those that find nothing to do, with a last one of our own."""
    passes = DefaultPassBuilder.define_nopython_pipeline(state)
    passes.passes = [
        (lowering if each is NativeLowering else each, what)
        for each, what in passes.passes
        if each.name() not in _NEEDLESS
    ]
    passes.finalize()
    return [passes]


class Part(CompilerBase):
    """Compiles a step that only compiled functions call."""

    def define_pipelines(self) -> list[Any]:
        """The passes, in order."""
        return _passes(self.state, _PartLowering)


class Whole(CompilerBase):
    """Compiles a function that Python calls, and that calls steps."""

    def define_pipelines(self) -> list[Any]:
        """The passes, in order."""
        return _passes(self.state, _WholeLowering)
