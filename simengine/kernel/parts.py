"""How a function is compiled that no Python calls: only as far as whoever calls it needs it.

numba makes machine code of every function, and then once more, with all that it calls, of every function that calls it;
of a kernel of 150 functions only the outermost is ever called from Python. A part stays in LLVM's language, and becomes
machine code once, inside of that one (docs/decisions.md; numba's pages on customising its compiler say what a pass is).
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _Part(JITCodeLibrary):
    """What a function was compiled to, for other functions to take in."""

    def finalize(self) -> None:
        """Take in what the function calls, without machine code of it."""
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """numba's last pass, with nothing made that Python could call."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Bring a function to LLVM's language and make it known to others."""
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        name, of = lowered.fndesc.qualname.rpartition(".")[2], lowered.fndesc.lookup_module()
        # the kernel's other functions know this one by an object that Python could call; its address is none
        known_as = _dynfunc.make_function(of, name, "a part of the kernel", 0, lowered.env, (state.library,))
        state.targetctx.insert_user_function(known_as, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=known_as)
        return True


class Part(CompilerBase):
    """numba's way to compile a function, with a last pass of our own."""

    def define_pipelines(self) -> list[Any]:
        """The passes, in order."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(_PartLowering if each is NativeLowering else each, what) for each, what in passes.passes]
        passes.finalize()
        return [passes]
