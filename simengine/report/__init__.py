"""A dataset in, something to read out: figures, and a summary for the terminal."""
