"""Compiled functions kept apart: each that is not small stays one that is called, where numba's whole would hold it."""

from contextlib import contextmanager

from simengine.kernel import parts

SMALL = 60
"""Instructions of LLVM: what is smaller is part of whoever calls it."""


class _Apart(parts.WholeLibrary):
    def _optimize_final_module(self):
        for function in self._final_module.functions:
            size = sum(1 for block in function.blocks for _ in block.instructions)
            if size > SMALL and b"alwaysinline" not in b" ".join(function.attributes):
                function.add_function_attribute("noinline")
        super()._optimize_final_module()


@contextmanager
def apart():
    """What is compiled in here keeps its functions apart."""
    before = parts.WholeLibrary
    parts.WholeLibrary = _Apart
    try:
        yield
    finally:
        parts.WholeLibrary = before
