"""What came out of a run: one dataset, its economics, and how it compares with the targets."""
