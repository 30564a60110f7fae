"""A plan and its results as a workbook, and the plan read back from it."""
