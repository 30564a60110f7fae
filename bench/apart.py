"""Compiled functions kept apart: each that is not small stays one that is called, where the whole would hold it."""

from contextlib import contextmanager

from llvmlite.binding import Linkage

from simengine.kernel import parts

SMALL = 60
"""Instructions of LLVM: what is smaller is part of whoever calls it."""


class _Apart(parts.WholeLibrary):
    def _optimize_final_module(self):
        for function in self._final_module.functions:
            size = sum(1 for block in function.blocks for _ in block.instructions)
            if size > SMALL and parts.may_be_called(function):
                function.add_function_attribute("noinline")
        super()._optimize_final_module()


class _Named(_Apart):
    names = Linkage.internal


@contextmanager
def apart(*, named=False):
    """What is compiled in here keeps its functions apart; `named`, they can be found by their names.

    Then nothing else may be compiled in the process that calls functions of these names.
    """
    before = parts.WholeLibrary
    parts.WholeLibrary = _Named if named else _Apart
    try:
        yield
    finally:
        parts.WholeLibrary = before
