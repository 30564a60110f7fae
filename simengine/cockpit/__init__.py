"""A page on this machine that follows its sliders: what the plan's levers and assumptions do to its probability."""
