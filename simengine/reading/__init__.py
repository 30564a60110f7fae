"""Reading a plan back before any simulation: what it says, and where its numbers do not go together."""
