"""The plan: from a file that a CFO can read to checked objects, or to every mistake in it at once."""

from simengine.plan.checks import load, loads
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan

__all__ = ["Plan", "Quantity", "load", "loads"]
