"""What to do about a plan: scenarios side by side, the gap, what its levers are worth, the cheapest way across."""
