"""A plan and its results as a workbook, and the plan read back from it."""

from simengine.workbook.exported import write
from simengine.workbook.imported import Change, Imported, read
from simengine.workbook.template import template

__all__ = ["Change", "Imported", "read", "template", "write"]
